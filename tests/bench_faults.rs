//! Faults of single devices, in virtual time, at the boundary where bytes enter: what the bench must call them, and
//! whether it may still claim the safe state.

#![expect(clippy::unwrap_used, reason = "what cannot be set up is a failed test")]

use rig::{
    bench::{Bench, Devices, fault::Fault, guard::Trip},
    config::{
        calibration::Calibration,
        cartridge::Cartridge,
        library::{self, Library},
        rig::{Axis, Rig},
        world::WorldParams,
    },
    device::DeviceFault,
    link::{
        Link, LinkError, Role, Wake,
        interrupt::{Interrupt, InterruptFlag},
    },
    prng::Stream,
    sim::{
        firmware::{Firmware as _, endpoint::DeviceIdentity, pen::PenFirmware},
        link::SimLink,
        world::{CartridgeTruth, World},
    },
    time::RunTime,
    wire::bench_link::{
        Frame, FrameDecoder,
        code::{Kind, Op},
        command::TelemetryConfig,
        encode_request,
    },
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

/// What goes wrong on the lines.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    None,
    /// Nothing passes, either way.
    Silent(Role),
    /// What the device says arrives as noise.
    Garbage(Role),
    /// The cables of two devices are in each other's ports.
    Swapped(Role, Role),
    /// The pen answers as one that has just booted.
    PenReboots,
    /// The stage restarts and no longer knows where it is.
    StageRestarts,
    /// The force device ends its stream.
    StreamEnds,
    /// The port is gone.
    Unplugged(Role),
}

type Sent = Rc<RefCell<Vec<(Role, Vec<u8>)>>>;

/// The simulated bench with trouble on its lines from the moment that a test says so.
struct TroubledLink {
    inner: SimLink,
    trouble: Rc<Cell<Trouble>>,
    begun: Trouble,
    /// What reached a device.
    sent: Sent,
    noise: Stream,
    fresh_pen: PenFirmware,
    fresh_world: World,
    lost: bool,
}

impl TroubledLink {
    /// Does once what a trouble begins with.
    fn begin(&mut self) {
        let trouble = self.trouble.get();
        if std::mem::replace(&mut self.begun, trouble) == trouble {
            return;
        }
        match trouble {
            Trouble::StageRestarts => self.inner.send(Role::Stage, b"/1 0 system reset\n", false).unwrap(),
            Trouble::StreamEnds => {
                let mut bytes = Vec::new();
                encode_request(60_000, &TelemetryConfig { mask: 0, period_us: 0 }, &mut bytes);
                self.inner.send(Role::Force, &bytes, false).unwrap();
            }
            _ => {}
        }
    }

    fn behind(&self, role: Role) -> Role {
        match self.trouble.get() {
            Trouble::Swapped(a, b) if role == a => b,
            Trouble::Swapped(a, b) if role == b => a,
            _ => role,
        }
    }
}

impl Link for TroubledLink {
    fn now(&mut self) -> RunTime {
        self.inner.now()
    }

    fn send(&mut self, role: Role, bytes: &[u8], urgent: bool) -> Result<(), LinkError> {
        self.begin();
        match self.trouble.get() {
            Trouble::Silent(silent) if silent == role => return Ok(()),
            Trouble::Unplugged(gone) if gone == role => {
                return Err(LinkError { role, message: "the device does not take bytes".to_owned() });
            }
            Trouble::PenReboots if role == Role::Pen => {
                let now = self.inner.now();
                self.fresh_world.advance(now);
                self.fresh_pen.receive(now, bytes, &mut self.fresh_world);
                return Ok(());
            }
            _ => {}
        }
        let device = self.behind(role);
        self.sent.borrow_mut().push((device, bytes.to_vec()));
        self.inner.send(device, bytes, urgent)
    }

    fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake {
        self.begin();
        loop {
            if let Trouble::Unplugged(role) = self.trouble.get()
                && !std::mem::replace(&mut self.lost, true)
            {
                bytes.clear();
                return Wake::Lost(role, "the port was lost".to_owned());
            }
            if self.trouble.get() == Trouble::PenReboots {
                bytes.clear();
                self.fresh_pen.transmit(bytes);
                if !bytes.is_empty() {
                    // A reply takes its time on the wire; what another device says in it is lost.
                    let arrived = self.inner.now() + Duration::from_millis(1);
                    self.inner.wait(arrived, &mut Vec::new());
                    return Wake::Bytes(Role::Pen);
                }
            }
            let Wake::Bytes(device) = self.inner.wait(deadline, bytes) else { return Wake::Deadline };
            match self.trouble.get() {
                Trouble::Silent(silent) | Trouble::Unplugged(silent) if silent == device => {}
                Trouble::PenReboots if device == Role::Pen => {}
                Trouble::Garbage(role) if role == device => {
                    bytes.iter_mut().for_each(|byte| *byte = self.noise.next_u64() as u8);
                    return Wake::Bytes(role);
                }
                _ => return Wake::Bytes(self.behind(device)),
            }
        }
    }
}

/// A bench under test, and the strings by which a test pulls at it.
struct Scene {
    bench: Bench,
    trouble: Rc<Cell<Trouble>>,
    sent: Sent,
    interrupt: InterruptFlag,
}

impl Scene {
    fn new(trouble: Trouble) -> Self {
        Self::with(trouble, |_| {})
    }

    fn with(trouble: Trouble, change: impl FnOnce(&mut Rig)) -> Self {
        let mut rig: Rig = library::rig(None).unwrap().value;
        change(&mut rig);
        let library = Library::default();
        let calibration: Calibration = library.calibration("simulated", None).unwrap().value;
        let cartridge: Cartridge = library.cartridge("1.5mm").unwrap().value;
        let truth = CartridgeTruth { needles: 12, needle_diameter_mm: 0.25, height_sd_mm: 0.0 };
        let identity = DeviceIdentity { device_uid: *b"SIM-PEN-0001", firmware: [1, 0, 0], boot_id: 77 };
        let (shared, sent) = (Rc::new(Cell::new(trouble)), Sent::default());
        let link = TroubledLink {
            inner: SimLink::new(&rig, rig.sim.as_ref().unwrap(), &cartridge, 1),
            trouble: Rc::clone(&shared),
            begun: Trouble::None,
            sent: Rc::clone(&sent),
            noise: Stream::named(1, "garbage"),
            fresh_pen: PenFirmware::new(identity),
            fresh_world: World::new(&WorldParams::default(), &truth, 1),
            lost: false,
        };
        let interrupt = InterruptFlag::default();
        let devices = Devices::of(&rig, None);
        let bench = Bench::new(Box::new(link), devices, rig, calibration, interrupt.clone());
        Self { bench, trouble: shared, sent, interrupt }
    }

    /// Homed, the pen stroking, the stage on its way towards it; far from contact.
    fn in_motion(mut self) -> Self {
        let bench = &mut self.bench;
        bench.identify().unwrap();
        bench.stream(10_000.0).unwrap();
        bench.take_zero(Duration::from_millis(200)).unwrap();
        bench.home().unwrap();
        bench.arm_pen(110.0, 1.5).unwrap();
        bench.run_pen().unwrap();
        bench.begin_move(Axis::Z, 12.0, 2.0).unwrap();
        bench.observe(Duration::from_secs(2), |_| {}).unwrap();
        self
    }

    /// The fault that ends ten seconds more.
    fn fault(&mut self) -> Fault {
        self.bench.observe(Duration::from_secs(10), |_| {}).expect_err("trouble without a fault")
    }

    /// Whether anything that can move something reached a device.
    fn told_to_move(&self) -> bool {
        self.sent.borrow().iter().any(|(_, bytes)| {
            let text = String::from_utf8_lossy(bytes);
            let words = [" home", " move"].iter().any(|word| text.contains(word));
            words || frames(bytes).iter().any(|op| matches!(op, Op::Arm | Op::Run | Op::Hold))
        })
    }
}

fn frames(mut bytes: &[u8]) -> Vec<Op> {
    let (mut decoder, mut ops) = (FrameDecoder::default(), Vec::new());
    // The zero that a session begins with stands in front of its first frame.
    while let Some(Frame { kind, op, .. }) = decoder.next_frame(&mut bytes) {
        ops.extend(Op::try_from(op).ok().filter(|_| kind == Kind::Request));
    }
    ops
}

/// What is confirmed at the end: pen, stage.
type Confirmed = (bool, bool);

#[test]
fn every_trouble_in_motion_has_its_name_and_an_honest_safe_state() {
    use Role::{Force, Pen, Stage};
    use Trouble::{Garbage, PenReboots, Silent, StageRestarts, StreamEnds, Unplugged};
    type Named = fn(&Fault) -> bool;
    let lapsed: Named = |fault| matches!(fault, Fault::Trip(Trip::Lease { .. }));
    let silent_stage: Named = |fault| matches!(fault, Fault::Device(DeviceFault::Silent { role: Stage, .. }));
    let failed_pen: Named = |fault| matches!(fault, Fault::Device(DeviceFault::Failed { role: Pen, .. }));
    let failed_stage: Named = |fault| matches!(fault, Fault::Device(DeviceFault::Failed { role: Stage, .. }));
    let stale: Named = |fault| matches!(fault, Fault::Stale { .. });
    let lost: Named = |fault| matches!(fault, Fault::Lost { .. } | Fault::Link(_));
    let cases: [(Trouble, Named, Confirmed); 12] = [
        (Silent(Pen), lapsed, (false, true)),
        (Silent(Stage), silent_stage, (true, false)),
        (Silent(Force), stale, (true, true)),
        (Garbage(Pen), lapsed, (false, true)),
        (Garbage(Stage), silent_stage, (true, false)),
        (Garbage(Force), stale, (true, true)),
        (PenReboots, failed_pen, (true, true)),
        (StageRestarts, failed_stage, (true, true)),
        (StreamEnds, stale, (true, true)),
        (Unplugged(Pen), lost, (false, true)),
        (Unplugged(Stage), lost, (true, false)),
        (Unplugged(Force), lost, (true, true)),
    ];
    for (trouble, named, (pen, stage)) in cases {
        let mut scene = Scene::new(Trouble::None).in_motion();
        scene.trouble.set(trouble);
        let fault = scene.fault();
        assert!(named(&fault), "{trouble:?}: {fault}");
        let safe = scene.bench.make_safe();
        assert_eq!((safe.pen.is_none(), safe.stage.is_none()), (pen, stage), "{trouble:?}: {}", safe.text());
        assert_eq!(safe.confirmed(), pen && stage, "{trouble:?}");
        if let Garbage(_) = trouble {
            assert!(!scene.bench.damage().is_empty(), "{trouble:?}: nothing dropped is unseen");
        }
    }
}

#[test]
fn a_device_that_does_not_identify_itself_ends_the_run_before_anything_moves() {
    use Role::{Force, Pen, Stage};
    use Trouble::{Garbage, Silent, Swapped};
    let troubles = [
        (Silent(Pen), Pen),
        (Silent(Stage), Stage),
        (Silent(Force), Force),
        (Garbage(Pen), Pen),
        (Garbage(Stage), Stage),
        (Garbage(Force), Force),
        (Swapped(Pen, Force), Pen),
        (Swapped(Pen, Stage), Pen),
        (Swapped(Stage, Force), Stage),
    ];
    for (trouble, first) in troubles {
        let mut scene = Scene::new(trouble);
        let fault = scene.bench.identify().expect_err("refused");
        match &fault {
            Fault::Device(DeviceFault::Silent { role, .. } | DeviceFault::WrongDevice { role, .. }) => {
                assert_eq!(*role, first, "{trouble:?}: {fault}");
            }
            _ => panic!("{trouble:?}: {fault}"),
        }
        assert!(scene.bench.make_safe().confirmed(), "{trouble:?}: nothing moved, so nothing is to be withdrawn");
        assert!(!scene.bench.moved() && !scene.told_to_move(), "{trouble:?}");
    }
    assert!(Scene::new(Trouble::None).in_motion().told_to_move(), "the check itself sees motion");
}

#[test]
fn a_pen_that_boots_between_two_identifications_is_found_out() {
    let mut scene = Scene::new(Trouble::None);
    scene.bench.identify().unwrap();
    scene.trouble.set(Trouble::PenReboots);
    let fault = scene.bench.identify().expect_err("another boot");
    assert!(fault.to_string().contains("rebooted"), "{fault}");
}

/// Nothing else goes on that would wake the bench.
#[test]
fn a_force_stream_that_ends_is_noticed_in_its_time_while_all_is_at_rest() {
    let mut scene = Scene::new(Trouble::None);
    scene.bench.identify().unwrap();
    scene.bench.stream(10_000.0).unwrap();
    scene.trouble.set(Trouble::Silent(Role::Force));
    let began = scene.bench.now();
    let fault = scene.fault();
    assert!(matches!(fault, Fault::Stale { .. }), "{fault}");
    let took = scene.bench.now().since(began);
    assert!(took <= Duration::from_millis(300), "{took:?}");
}

#[test]
fn a_phantom_that_stands_too_high_trips_on_force() {
    let mut scene = Scene::with(Trouble::None, |rig| {
        rig.limits.force_max_n = 3.0;
        rig.sim.as_mut().unwrap().phantom.face_mm = 8.0;
    })
    .in_motion();
    let fault = scene.fault();
    let Fault::Trip(Trip::Force { force_n, limit_n }) = fault else { panic!("{fault}") };
    assert!(force_n > limit_n && force_n < 1.3 * limit_n, "{force_n} N when it tripped");
    let safe = scene.bench.make_safe();
    assert!(safe.confirmed(), "{}", safe.text());
}

/// What a procedure tares is its own affair: the limit is that of the zero at the start of the run.
#[test]
fn taring_under_load_does_not_move_the_force_limit() {
    let mut scene = Scene::with(Trouble::None, |rig| {
        rig.limits.force_max_n = 3.0;
        rig.sim.as_mut().unwrap().phantom.face_mm = 8.0;
    });
    let bench = &mut scene.bench;
    bench.identify().unwrap();
    bench.stream(10_000.0).unwrap();
    bench.take_zero(Duration::from_millis(200)).unwrap();
    bench.home().unwrap();
    assert!(bench.move_until(Axis::Z, 12.0, 2.0, |reading| reading.force_n > 1.5).unwrap());
    bench.take_zero(Duration::from_millis(50)).unwrap();
    let mut tared_n = 0.0;
    bench.observe(Duration::from_millis(10), |reading| tared_n = reading.force_n).unwrap();
    assert!(f64::abs(tared_n) < 0.2, "{tared_n} N: tared");
    let fault = bench.move_to(Axis::Z, 12.0, 2.0).expect_err("the limit");
    let Fault::Trip(Trip::Force { force_n, .. }) = fault else { panic!("{fault}") };
    assert!(force_n > 3.0 && force_n < 3.9, "{force_n} N against the first zero");
}

#[test]
fn the_pen_is_stopped_first_and_a_lost_pen_keeps_no_stop_from_the_stage() {
    for trouble in [Trouble::None, Trouble::Unplugged(Role::Pen)] {
        let mut scene = Scene::new(Trouble::None).in_motion();
        scene.trouble.set(trouble);
        scene.sent.borrow_mut().clear();
        scene.bench.make_safe();
        let sent = scene.sent.borrow();
        let stops = sent
            .iter()
            .filter(|(_, bytes)| frames(bytes).contains(&Op::Stop) || String::from_utf8_lossy(bytes).contains(" stop"));
        let first: Vec<Role> = stops.map(|(role, _)| *role).take(2).collect();
        match trouble {
            Trouble::None => assert_eq!(first, [Role::Pen, Role::Stage]),
            _ => assert_eq!(first.first(), Some(&Role::Stage)),
        }
        assert!(sent.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(" move abs 0")), "withdrawn");
    }
}

#[test]
fn no_procedure_moves_anything_that_nothing_watches() {
    let mut scene = Scene::new(Trouble::None);
    let bench = &mut scene.bench;
    bench.identify().unwrap();
    for (what, done) in [
        ("home", bench.home()),
        ("arm", bench.arm_pen(110.0, 1.5)),
        ("hold", bench.hold_pen(true)),
        ("run", bench.run_pen()),
    ] {
        assert!(done.expect_err(what).to_string().contains("without a force stream"), "{what}");
    }
    bench.stream(10_000.0).unwrap();
    let unreferenced = bench.begin_move(Axis::Z, 5.0, 1.0).expect_err("not homed");
    assert!(unreferenced.to_string().contains("home it first"), "{unreferenced}");
    for (target_mm, speed_mm_s) in [(5.0, f64::NAN), (5.0, 0.0), (5.0, -1.0)] {
        bench.begin_move(Axis::X, target_mm, speed_mm_s).expect_err("no speed");
    }
    assert!(!scene.told_to_move() && !scene.bench.moved());

    let mut scene = Scene::new(Trouble::None).in_motion();
    let blind = scene.bench.end_stream().expect_err("in motion");
    assert!(blind.to_string().contains("may not end"), "{blind}");
}

#[test]
fn a_signal_ends_the_run_in_the_safe_state_in_every_phase() {
    let in_homing = || {
        let mut scene = Scene::new(Trouble::None);
        scene.bench.identify().unwrap();
        scene.bench.stream(10_000.0).unwrap();
        scene
    };
    for (phase, mut scene) in [("motion", Scene::new(Trouble::None).in_motion()), ("homing", in_homing())] {
        scene.interrupt.raise(Interrupt::Term);
        scene.interrupt.raise(Interrupt::Int);
        let fault = if phase == "homing" { scene.bench.home().expect_err("interrupted") } else { scene.fault() };
        assert_eq!(fault, Fault::Interrupted(Interrupt::Term), "the first signal counts");
        let safe = scene.bench.make_safe();
        assert!(safe.confirmed(), "{phase}: {}", safe.text());
    }
}

#[test]
fn a_move_beyond_a_limit_is_refused_before_it_is_sent() {
    let mut scene = Scene::new(Trouble::None);
    scene.bench.identify().unwrap();
    let cases = [
        (Axis::Z, 5.0, 1.0, "without a force stream"),
        (Axis::Z, 25.1, 1.0, "beyond the limit"),
        (Axis::Z, f64::NAN, 1.0, "beyond the limit"),
    ];
    for (axis, target_mm, speed_mm_s, said) in cases {
        let fault = scene.bench.begin_move(axis, target_mm, speed_mm_s).expect_err(said);
        assert!(fault.to_string().contains(said), "{fault}");
    }
    assert!(!scene.bench.moved() && !scene.told_to_move());
    let mut scene = scene.in_motion();
    scene.sent.borrow_mut().clear();
    let fault = scene.bench.begin_move(Axis::Z, 15.0, 2.1).expect_err("too fast");
    assert!(fault.to_string().contains("above the limit"), "{fault}");
    assert!(!scene.told_to_move());
}

/// Away from the pen any speed is allowed, but where a stage stands that was not homed nobody knows.
#[test]
fn a_stage_without_reference_is_called_so_at_any_speed() {
    let mut scene = Scene::new(Trouble::None);
    scene.bench.identify().unwrap();
    scene.bench.stream(10_000.0).unwrap();
    for speed_mm_s in [1.0, 10.0] {
        let fault = scene.bench.begin_move(Axis::Z, 1.0, speed_mm_s).expect_err("not homed").to_string();
        assert!(fault.contains("no reference position") && fault.contains("home it first"), "{speed_mm_s}: {fault}");
    }
    assert!(!scene.bench.moved() && !scene.told_to_move());
}
