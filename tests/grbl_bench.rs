//! A whole bench on a GRBL stage, in virtual time: what happens to it in mid-run, and whether it still ends safe.

#![expect(clippy::unwrap_used, reason = "what cannot be set up is a failed test")]

use rig::{
    bench::{Bench, Devices, fault::Fault},
    config::{
        library::{self, Library},
        rig::Axis,
    },
    device::DeviceFault,
    link::{Link, LinkError, Role, Wake, interrupt::InterruptFlag},
    sim::link::SimLink,
    time::RunTime,
};
use std::{cell::Cell, path::Path, rc::Rc, time::Duration};

/// What goes wrong on the stage's line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    None,
    /// Somebody resets the controller while it moves.
    Reset,
    /// Somebody else holds it.
    Hold,
    /// A line is lost on its way, and with it its answer.
    LostLine,
    /// Nothing comes back any more.
    Silent,
    /// The jog cancel is lost, so that the ladder must be climbed.
    LostCancel,
}

struct TroubledLink {
    inner: SimLink,
    trouble: Rc<Cell<Trouble>>,
}

impl Link for TroubledLink {
    fn now(&mut self) -> RunTime {
        self.inner.now()
    }

    fn send(&mut self, role: Role, bytes: &[u8], urgent: bool) -> Result<(), LinkError> {
        if role == Role::Stage {
            match self.trouble.get() {
                Trouble::LostLine if bytes.starts_with(b"$J") => {
                    self.trouble.set(Trouble::None);
                    return Ok(());
                }
                Trouble::LostCancel if bytes == [0x85] => return Ok(()),
                _ => {}
            }
        }
        self.inner.send(role, bytes, urgent)
    }

    fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake {
        match self.trouble.get() {
            Trouble::Reset => self.inner.send(Role::Stage, &[0x18], true).unwrap(),
            Trouble::Hold => self.inner.send(Role::Stage, b"G4P0\n!", true).unwrap(),
            _ => {}
        }
        if matches!(self.trouble.get(), Trouble::Reset | Trouble::Hold) {
            self.trouble.set(Trouble::None);
        }
        loop {
            match self.inner.wait(deadline, bytes) {
                Wake::Bytes(Role::Stage) if self.trouble.get() == Trouble::Silent => {}
                wake => return wake,
            }
        }
    }
}

/// A homed bench whose stage is on its way, far from contact.
fn in_motion() -> (Bench, Rc<Cell<Trouble>>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rigs/sim-grbl.toml");
    let rig = library::rig(Some(&path)).unwrap().value;
    let library = Library::default();
    let calibration = library.calibration("simulated", None).unwrap().value;
    let cartridge = library.cartridge("1.5mm").unwrap().value;
    let trouble = Rc::new(Cell::new(Trouble::None));
    let inner = SimLink::new(&rig, rig.sim.as_ref().unwrap(), &cartridge, 1);
    let link = TroubledLink { inner, trouble: Rc::clone(&trouble) };
    let devices = Devices::of(&rig, None);
    let mut bench = Bench::new(Box::new(link), devices, rig, calibration, InterruptFlag::default());
    bench.identify().unwrap();
    bench.stream(10_000.0).unwrap();
    bench.take_zero(Duration::from_millis(200)).unwrap();
    bench.home().unwrap();
    bench.begin_move(Axis::Z, 12.0, 2.0).unwrap();
    bench.observe(Duration::from_secs(2), |_| {}).unwrap();
    (bench, trouble)
}

#[test]
fn the_encoder_counts_from_where_the_stage_does() {
    let (mut bench, _) = in_motion();
    bench.wait("the move", Duration::from_secs(20), |bench| !bench.moving()).unwrap();
    let mut stage_mm = f64::NAN;
    bench.observe(Duration::from_millis(50), |reading| stage_mm = reading.stage_mm).unwrap();
    // Play of the screw and its cyclic error are a few micrometres; the home switch is a millimetre away.
    assert!((stage_mm - bench.position_mm(Axis::Z)).abs() < 0.02, "{stage_mm}");
    assert!((bench.position_mm(Axis::Z) - 12.0).abs() < 0.001);
}

#[test]
fn every_trouble_has_its_name_and_an_honest_safe_state() {
    type Named = fn(&Fault) -> bool;
    let failed: Named = |fault| matches!(fault, Fault::Device(DeviceFault::Failed { role: Role::Stage, .. }));
    let silent: Named = |fault| matches!(fault, Fault::Device(DeviceFault::Silent { role: Role::Stage, .. }));
    for (trouble, named, confirmed) in
        [(Trouble::Reset, failed, true), (Trouble::LostLine, silent, true), (Trouble::Silent, silent, false)]
    {
        let (mut bench, on_the_line) = in_motion();
        on_the_line.set(trouble);
        let fault = bench.begin_move(Axis::X, 3.0, 2.0).and_then(|_| bench.observe(Duration::from_secs(20), |_| {}));
        let fault = fault.expect_err("trouble without a fault");
        assert!(named(&fault), "{trouble:?}: {fault}");
        let safe = bench.make_safe();
        assert_eq!((safe.stage.is_none(), safe.pen.is_none()), (confirmed, true), "{trouble:?}: {}", safe.text());
    }
}

#[test]
fn a_move_that_was_cancelled_from_outside_is_no_arrival() {
    let (mut bench, on_the_line) = in_motion();
    on_the_line.set(Trouble::Hold);
    let fault = bench.wait("rest", Duration::from_secs(5), |_| false).expect_err("it never arrives");
    assert!(fault.to_string().contains("cancelled from outside"), "{fault}");
    assert!(bench.make_safe().confirmed());
}

#[test]
fn where_the_cancel_is_lost_the_ladder_brings_the_stage_to_rest() {
    let (mut bench, on_the_line) = in_motion();
    on_the_line.set(Trouble::LostCancel);
    let safe = bench.make_safe();
    assert!(safe.confirmed(), "{}", safe.text());
    assert!(bench.position_mm(Axis::Z).abs() < 0.2);
}
