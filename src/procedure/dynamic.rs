//! Stand-off scan and run of a stroking pen (metrology: running pen).

use super::press;
use crate::{
    bench::{Bench, Recorder, fault::Fault},
    capture::Phase,
    config::rig::Axis,
    time::RunTime,
};
use std::time::Duration;

/// Speed of the stand-off scan, mm/s: at 110 Hz a stroke every 2 µm of gap.
const SCAN_SPEED_MM_S: f64 = 0.25;
/// The scan begins where the gap exceeds the set depth by this, mm.
const SCAN_FROM_MM: f64 = 0.35;
/// For the pen to reach its rate before the scan begins.
const SPIN_UP: Duration = Duration::from_millis(400);
/// Strokes beyond the number wanted, so that the ends can be cut off.
const STROKES_EXTRA: u32 = 4;
/// Length, row distance (mm) and speed (mm/s) of the glide, and time for a turn (s).
const GLIDE_LENGTH_MM: f64 = 8.0;
const GLIDE_ROW_MM: f64 = 0.3;
/// Rows before the glide begins anew at the first.
const GLIDE_ROWS: u32 = 10;
const GLIDE_SPEED_MM_S: f64 = 2.0;
const GLIDE_TURN_S: f64 = 0.2;
/// Between looks at the glide.
const TICK: Duration = Duration::from_millis(50);
/// How near to the end of the scan counts as there, mm.
const ARRIVED_WITHIN_MM: f64 = 0.002;
/// A lead screw and its play end a move this far from where the encoder should see it, mm; the scan is over all the same
/// when the stage stands there.
const SHORT_MAX_MM: f64 = 0.02;
const STANDS: Duration = Duration::from_millis(100);

/// What a run is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Set depth, mm.
    pub set_depth_mm: f64,
    /// Stroke rate, Hz.
    pub stroke_rate_hz: f64,
    /// Strokes of the run.
    pub strokes: u32,
}

/// Brings fresh tissue under the pen: to and fro in x, one step in y at each turn.
struct Glide {
    home_mm: [f64; 2],
    leg: u32,
    due: RunTime,
}

impl Glide {
    fn new(bench: &mut Bench) -> Self {
        Self { home_mm: [Axis::X, Axis::Y].map(|axis| bench.position_mm(axis)), leg: 0, due: bench.now() }
    }

    /// Begins the next leg where it is due.
    fn go_on(&mut self, bench: &mut Bench) -> Result<(), Fault> {
        if !bench.has_site_axes() || bench.now() < self.due {
            return Ok(());
        }
        let [x_mm, y_mm] = self.home_mm;
        let across = self.leg.is_multiple_of(2);
        let there = self.leg % 4 < 2;
        let row = f64::from(self.leg.div_ceil(2) % GLIDE_ROWS);
        let (axis, target_mm, length_mm) = if across {
            (Axis::X, if there { x_mm + GLIDE_LENGTH_MM } else { x_mm }, GLIDE_LENGTH_MM)
        } else {
            (Axis::Y, y_mm + row * GLIDE_ROW_MM, GLIDE_ROW_MM)
        };
        bench.begin_move(axis, target_mm, GLIDE_SPEED_MM_S)?;
        self.leg += 1;
        self.due = bench.now() + Duration::from_secs_f64(length_mm / GLIDE_SPEED_MM_S + GLIDE_TURN_S);
        Ok(())
    }
}

/// One touch, scan and run at the present site. The pen must be armed and at rest. Returns where the face touched.
///
/// # Errors
///
/// [`Fault`].
pub fn scan_and_run(
    bench: &mut Bench,
    settings: Settings,
    face_mm: f64,
    recorder: Box<dyn Recorder>,
) -> Result<f64, Fault> {
    let Settings { set_depth_mm, stroke_rate_hz, strokes } = settings;
    let withdraw_mm_s = bench.rig().stage.withdraw_speed_mm_s;
    press::approach(bench, set_depth_mm + 0.6, face_mm)?;
    bench.record(Phase::Touch, recorder);
    let stop_mm = press::touch_face(bench, face_mm, SCAN_SPEED_MM_S)?;
    let flush_mm = press::flush_mm(bench, stop_mm);
    let out_of_reach_mm = (flush_mm - set_depth_mm - SCAN_FROM_MM).max(0.0);
    bench.phase(Phase::Retract);
    bench.move_to(Axis::Z, out_of_reach_mm, withdraw_mm_s)?;
    bench.run_pen()?;
    bench.observe(SPIN_UP, |_| {})?;
    bench.phase(Phase::Standoff);
    let mut glide = Glide::new(bench);
    scan(bench, flush_mm, &mut glide)?;
    bench.phase(Phase::Run);
    let end = bench.now() + Duration::from_secs_f64(f64::from(strokes + STROKES_EXTRA) / stroke_rate_hz);
    while bench.now() < end {
        glide.go_on(bench)?;
        let left = end.since(bench.now());
        bench.observe(left.min(TICK), |_| {})?;
    }
    bench.end_record()?;
    bench.stop_pen()?;
    bench.wait("the end of the glide", Duration::from_secs(10), |bench| !bench.moving())?;
    bench.move_to(Axis::Z, out_of_reach_mm, withdraw_mm_s)?;
    Ok(flush_mm)
}

/// Brings the phantom slowly up to the face while the pen strokes. A stage whose axes move one after the other stays at
/// its site meanwhile, as one without x and y does.
fn scan(bench: &mut Bench, flush_mm: f64, glide: &mut Glide) -> Result<(), Fault> {
    let allowed = bench.begin_move(Axis::Z, flush_mm, SCAN_SPEED_MM_S)?;
    let deadline = bench.now() + allowed;
    let mut stage_mm = f64::NEG_INFINITY;
    let mut went_on = (stage_mm, bench.now());
    while stage_mm < flush_mm - ARRIVED_WITHIN_MM {
        let now = bench.now();
        if stage_mm > went_on.0 + ARRIVED_WITHIN_MM {
            went_on = (stage_mm, now);
        }
        if stage_mm > flush_mm - SHORT_MAX_MM && now.since(went_on.1) >= STANDS {
            break;
        }
        if bench.now() >= deadline {
            return Err(Fault::Deadline { what: "the stand-off scan".to_owned(), allowed });
        }
        if bench.axes_are_independent() {
            glide.go_on(bench)?;
        }
        bench.observe(TICK, |reading| stage_mm = reading.stage_mm)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ARRIVED_WITHIN_MM, Settings, scan_and_run};
    use crate::{
        bench::{Bench, Recorder, Sample, opening::Scene},
        capture::Phase,
        config::{
            library::{self, Library},
            rig::Axis,
        },
        link::interrupt::InterruptFlag,
        procedure::press,
    };
    use std::{cell::RefCell, rc::Rc, time::Duration};

    /// The phases that were recorded, and the encoder's last count in each.
    struct Phases(Rc<RefCell<Vec<(Phase, i32)>>>);

    impl Recorder for Phases {
        fn record(&mut self, phase: Phase, sample: &Sample) -> Result<(), String> {
            let mut phases = self.0.borrow_mut();
            match phases.last_mut() {
                Some((last, z_counts)) if *last == phase => *z_counts = sample.z_counts,
                _ => phases.push((phase, sample.z_counts)),
            }
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<(), String> {
            Ok(())
        }
    }

    /// Homing comes from above and the scan from below: the play of the screw lies between, and the encoder shows it.
    #[test]
    fn a_scan_ends_where_the_stage_stands_though_the_encoder_stands_short() {
        let mut rig = library::rig(None).expect("the built-in bench").value;
        let world = rig.sim.as_mut().expect("simulated");
        world.phantom.face_mm = 3.0;
        (world.stage.backlash_mm, world.stage.ripple_mm, world.stage.encoder_scale_error) = (0.003, 0.0, 0.0);
        let library = Library::default();
        let calibration = library.calibration("simulated", None).expect("built in").value;
        let cartridge = library.cartridge("1.5mm").expect("built in").value;
        let mut bench = Bench::open(rig, calibration, None, Scene::new(&cartridge, 1), InterruptFlag::default())
            .expect("a simulated bench opens");
        let sound = "a sound bench";
        bench.identify().expect(sound);
        bench.stream(10_000.0).expect(sound);
        bench.take_zero(Duration::from_millis(100)).expect(sound);
        bench.home().expect(sound);
        bench.move_to(Axis::Z, 1.0, 1.0).expect(sound);
        bench.home().expect(sound);
        bench.arm_pen(110.0, 0.5).expect(sound);
        bench.hold_pen(false).expect(sound);
        let face_mm = press::seek_face(&mut bench).expect(sound);
        let phases = Rc::default();
        let settings = Settings { set_depth_mm: 0.5, stroke_rate_hz: 110.0, strokes: 20 };
        let recorder = Box::new(Phases(Rc::clone(&phases)));
        let flush_mm = scan_and_run(&mut bench, settings, face_mm, recorder).expect("the scan ends");
        let (zero_counts, mm_per_count) = (bench.z_zero_counts(), bench.calibration().encoder.mm_per_count);
        let ends: Vec<_> = phases.borrow().iter().skip(2).copied().collect();
        let [(Phase::Standoff, _), (Phase::Run, z_counts)] = ends[..] else { panic!("{ends:?}") };
        let short_mm = flush_mm - (f64::from(z_counts) - zero_counts) * mm_per_count;
        assert!(
            (ARRIVED_WITHIN_MM..0.005).contains(&short_mm),
            "{short_mm} mm short: the bench of this test has no play"
        );
    }
}
