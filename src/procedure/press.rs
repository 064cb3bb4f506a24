//! The press: touch, retract, press, hold, withdraw, at one fresh site (metrology: quasi-static).

use crate::{
    bench::{Bench, Reading, Recorder, fault::Fault},
    capture::Phase,
    config::rig::Axis,
    procedure::pace::Pace,
};

/// Below the face at which the touch begins, mm.
const TOUCH_FROM_MM: f64 = 0.6;
/// Rise of force over the baseline that ends a touch, N.
const TOUCH_FORCE_N: f64 = 0.30;
/// Rise of force that counts as contact in the first search, N.
const SEARCH_FORCE_N: f64 = 0.15;
/// Free way below the tips at which a press begins, mm.
const FREE_WAY_MM: f64 = 0.45;
/// Sample rate of presses, Hz, where the force device can do it: slow motion needs no more.
pub const SAMPLE_RATE_HZ: f64 = 2000.0;
/// Mean of consecutive readings against a baseline: contact needs this many samples in a row.
struct Contact {
    baseline: Option<f64>,
    sum: f64,
    count: u32,
    over: u32,
    rise_n: f64,
    pace: Pace,
}

impl Contact {
    fn new(rise_n: f64, pace: Pace) -> Self {
        Self { baseline: None, sum: 0.0, count: 0, over: 0, rise_n, pace }
    }

    fn seen(&mut self, reading: &Reading) -> bool {
        let Some(baseline) = self.baseline else {
            self.sum += reading.force_n;
            self.count += 1;
            if self.count == self.pace.baseline {
                self.baseline = Some(self.sum / f64::from(self.count));
            }
            return false;
        };
        self.over = if reading.force_n - baseline > self.rise_n { self.over + 1 } else { 0 };
        self.over >= self.pace.over
    }
}

/// Seeks the face from afar with retracted needles; returns the stage position of contact, mm.
///
/// # Errors
///
/// [`Fault`]; where nothing is met up to the travel limit, a fault that says so.
pub fn seek_face(bench: &mut Bench) -> Result<f64, Fault> {
    let travel_max_mm = bench.rig().limits.travel_max_mm;
    let speed_mm_s = Pace::of(bench.rig()).search_mm_s;
    let contact_mm = touch(bench, travel_max_mm - 0.5, speed_mm_s, SEARCH_FORCE_N)?;
    let withdraw_mm_s = bench.rig().stage.withdraw_speed_mm_s;
    bench.move_to(Axis::Z, (contact_mm - 3.0 * TOUCH_FROM_MM).max(0.0), withdraw_mm_s)?;
    Ok(contact_mm)
}

/// Rises until the force has risen by `rise_n` over its level at the start; returns the stage position there, mm.
///
/// # Errors
///
/// [`Fault`]; where nothing is met up to `target_mm`, one that says so.
pub fn touch(bench: &mut Bench, target_mm: f64, speed_mm_s: f64, rise_n: f64) -> Result<f64, Fault> {
    let mut contact = Contact::new(rise_n, Pace::of(bench.rig()));
    let mut contact_mm = 0.0;
    let hit = bench.move_until(Axis::Z, target_mm, speed_mm_s, |reading| {
        contact_mm = reading.stage_mm;
        contact.seen(reading)
    })?;
    if !hit {
        let message = format!("the stage reached {target_mm:.3} mm and nothing touched; is the phantom in place?");
        return Err(Fault::Procedure(message));
    }
    Ok(contact_mm)
}

/// Approaches to where a touch begins, below the expected face and out of the tips' reach.
///
/// # Errors
///
/// [`Fault`].
pub fn approach(bench: &mut Bench, below_face_mm: f64, face_mm: f64) -> Result<(), Fault> {
    let speed_mm_s = bench.rig().limits.approach_speed_max_mm_s;
    bench.move_to(Axis::Z, (face_mm - below_face_mm).max(0.0), speed_mm_s)
}

/// Touches with retracted needles while recording, at the bench's own speed for it or at that of the press (mm/s);
/// returns the stage position of the stop, mm.
///
/// # Errors
///
/// [`Fault`].
pub fn touch_face(bench: &mut Bench, face_mm: f64, press_mm_s: f64) -> Result<f64, Fault> {
    let speed_mm_s = Pace::of(bench.rig()).touch_mm_s.unwrap_or(press_mm_s);
    touch(bench, face_mm + 1.0, speed_mm_s, TOUCH_FORCE_N)
}

/// Where the undeformed surface would lie in the plane of the face: the stop of the touch less what the touch itself
/// pressed in, as far as it is known before the measurement.
pub fn flush_mm(bench: &Bench, stop_mm: f64) -> f64 {
    let overrun_mm = TOUCH_FORCE_N * bench.calibration().compliance.mm_per_n + TOUCH_FORCE_N / FACE_STIFFNESS_N_PER_MM;
    stop_mm - overrun_mm
}

/// Typical stiffness of a face on a phantom, N/mm; only used to choose where the press ends, never in a measurement.
const FACE_STIFFNESS_N_PER_MM: f64 = 4.0;

/// One press at the present site. The pen must be armed. Returns where the face touched, for the next approach.
///
/// # Errors
///
/// [`Fault`].
pub fn press(
    bench: &mut Bench,
    set_depth_mm: f64,
    speed_mm_s: f64,
    face_mm: f64,
    recorder: Box<dyn Recorder>,
) -> Result<f64, Fault> {
    let withdraw_mm_s = bench.rig().stage.withdraw_speed_mm_s;
    approach(bench, set_depth_mm + TOUCH_FROM_MM, face_mm)?;
    bench.record(Phase::Touch, recorder);
    let stop_mm = touch_face(bench, face_mm, speed_mm_s)?;
    let flush_mm = flush_mm(bench, stop_mm);
    bench.phase(Phase::Retract);
    let start_mm = (flush_mm - set_depth_mm - FREE_WAY_MM).max(0.0);
    bench.move_to(Axis::Z, start_mm, withdraw_mm_s)?;
    bench.hold_pen(true)?;
    bench.phase(Phase::Press);
    bench.move_to(Axis::Z, flush_mm, speed_mm_s)?;
    bench.phase(Phase::Hold);
    bench.observe(Pace::of(bench.rig()).hold, |_| {})?;
    bench.phase(Phase::Withdraw);
    bench.move_to(Axis::Z, start_mm, speed_mm_s)?;
    bench.end_record()?;
    bench.hold_pen(false)?;
    Ok(flush_mm)
}
