//! How fast a bench may go with the force device that it has, and what it cannot do at all.
//!
//! A device that latches the stage's encoder at kilohertz sets no limit. A gauge that answers 10 or 100 times a second
//! does: the stage must not go farther between two readings than an onset can be placed by, nor press too hard before
//! the second reading above a limit is in. What does not fit is refused before anything moves.

use crate::config::{plan::Plan, rig::Rig};
use std::time::Duration;

/// Largest way of the stage between two readings of a press, mm: a bin of the onset's fit (`measure::press::contact`) is
/// 1.5 µm at the onset, and a reading beside it must fall into the next.
pub const STEP_MAX_MM: f64 = 0.002;
/// Force that a search for the face may overrun by, as way into the phantom, mm.
const SEARCH_OVERRUN_MM: f64 = 0.1;
/// Readings above a limit that stop the stage.
const READINGS_TO_STOP: f64 = 2.0;
/// From the second reading to the stage at rest, s: a poll of the stage under way, the command, the brake.
const STOP_S: f64 = 0.05;
/// Stiffest contact of a face and a phantom, N/mm: flat punch `E·2a/(1-ν²)` of a = 4 mm on Sylgard 184 with E = 1.6 MPa.
const STIFFNESS_N_PER_MM: f64 = 17.0;
/// Readings of the pen's strokes need, Hz, with the encoder latched (metrology: peak sampling error).
const DYNAMIC_RATE_HZ: f64 = 5000.0;

/// Speeds and counts of a press.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Stage speed while the face is sought for the first time, mm/s.
    pub search_mm_s: f64,
    /// Stage speed while the face touches, mm/s; `None` where it is that of the press.
    pub touch_mm_s: Option<f64>,
    /// Readings that make the baseline of a contact.
    pub baseline: u32,
    /// Consecutive readings above the rise that make a contact: a spike is none.
    pub over: u32,
    /// Time at the hold.
    pub hold: Duration,
}

impl Pace {
    /// Of a bench.
    pub fn of(rig: &Rig) -> Self {
        let rate_hz = rig.force.sample_rate_hz;
        let approach_mm_s = rig.limits.approach_speed_max_mm_s;
        if rig.force.gauge.is_none() {
            let hold = Duration::from_millis(300);
            let (search_mm_s, touch_mm_s) = (approach_mm_s.min(2.0), Some(approach_mm_s.min(1.0)));
            return Self { search_mm_s, touch_mm_s, baseline: 64, over: 4, hold };
        }
        Self {
            search_mm_s: approach_mm_s.min(2.0).min(SEARCH_OVERRUN_MM / reaction_s(rig)),
            // At one speed, a delay of the force moves touch and press alike, and not the protrusion.
            touch_mm_s: None,
            baseline: (0.3 * rate_hz).clamp(4.0, 64.0) as u32,
            over: READINGS_TO_STOP as u32,
            hold: Duration::from_secs_f64((60.0 / rate_hz).max(0.3)),
        }
    }
}

/// From a force above a limit to the stage at rest, s.
fn reaction_s(rig: &Rig) -> f64 {
    let delay_s = rig.force.gauge.as_ref().map_or(0.0, |gauge| gauge.delay_ms * 1e-3);
    READINGS_TO_STOP / rig.force.sample_rate_hz + delay_s + STOP_S
}

/// Refuses what this bench cannot do of a plan.
///
/// # Errors
///
/// Why, with the value, the limit and what to do.
pub fn refuse(rig: &Rig, plan: &Plan) -> Result<(), String> {
    if rig.force.gauge.is_none() {
        return Ok(());
    }
    let rate_hz = rig.force.sample_rate_hz;
    if plan.dynamic.is_some() {
        return Err(format!(
            "plan {} has [dynamic], and a force device of {rate_hz} Hz that does not latch the stage's encoder cannot \
             follow strokes ({DYNAMIC_RATE_HZ} Hz and a latched encoder are needed); use `--plan press`, or a plan with \
             [press] alone",
            plan.name
        ));
    }
    if let Some(press) = plan.press.as_ref().filter(|press| press.speed_mm_s > STEP_MAX_MM * rate_hz) {
        let (step_um, max_mm_s) = (1e3 * press.speed_mm_s / rate_hz, STEP_MAX_MM * rate_hz);
        return Err(format!(
            "press.speed_mm_s is {} in plan {}: at {rate_hz} Hz that is a reading every {step_um:.1} µm, and the onset of \
             force needs one every {:.0} µm; press at {max_mm_s} mm/s or slower",
            press.speed_mm_s,
            plan.name,
            1e3 * STEP_MAX_MM
        ));
    }
    let (reaction_s, limits) = (reaction_s(rig), &rig.limits);
    let force_n = limits.approach_speed_max_mm_s * reaction_s * STIFFNESS_N_PER_MM;
    if force_n >= limits.force_max_n {
        return Err(format!(
            "limits.approach_speed_max_mm_s is {}: two readings at {rate_hz} Hz, the device's delay and the stop take \
             {:.0} ms, in which the stage presses {force_n:.1} N into a phantom of {STIFFNESS_N_PER_MM} N/mm, and \
             limits.force_max_n is {}; set the speed to {:.2} or less",
            limits.approach_speed_max_mm_s,
            1e3 * reaction_s,
            limits.force_max_n,
            0.95 * limits.force_max_n / (reaction_s * STIFFNESS_N_PER_MM)
        ));
    }
    Ok(())
}
