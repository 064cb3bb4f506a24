//! What a calibration does on the bench: force at rest under a weight, pushes against a hard stop, taps.
//!
//! Sequences only; what the readings mean is `measure::calibration`'s.

use super::press;
use crate::{
    bench::{Bench, Reading, fault::Fault},
    config::rig::Axis,
};
use std::time::Duration;

/// Rest after a weight was put on, before it is read.
const SETTLE: Duration = Duration::from_millis(1500);
/// Over which a weight is read.
const READ: Duration = Duration::from_millis(1000);
/// Speed of the search for the stop, mm/s: on a hard stop every micrometre of overrun counts.
const SEARCH_SPEED_MM_S: f64 = 0.25;
/// Rise of force that tells the stop, N.
const SEARCH_FORCE_N: f64 = 0.1;
/// Speed of a push, mm/s: newtons a second for load paths of some micrometres a newton.
const PUSH_SPEED_MM_S: f64 = 0.01;
/// How far a push goes back before the next, mm.
const BACK_MM: f64 = 0.03;
/// Furthest advance of a push beyond the contact, mm: a path that gives way by more is no load path.
const PUSH_MAX_MM: f64 = 0.5;
/// Rest after a tap.
const AFTER_TAP: Duration = Duration::from_millis(600);

/// Mean force at rest, N, against the channel's own zero.
///
/// # Errors
///
/// [`Fault`].
pub fn at_rest_n(bench: &mut Bench) -> Result<f64, Fault> {
    bench.observe(SETTLE, |_| {})?;
    mean_n(bench)
}

/// Change of the force over `span`, N, under a weight that stands.
///
/// # Errors
///
/// [`Fault`].
pub fn creep_n(bench: &mut Bench, span: Duration) -> Result<f64, Fault> {
    let before_n = mean_n(bench)?;
    bench.observe(span, |_| {})?;
    Ok(mean_n(bench)? - before_n)
}

fn mean_n(bench: &mut Bench) -> Result<f64, Fault> {
    bench.mean(READ, |reading| reading.force_n)
}

/// Readings of one push: on the way up, and on the way back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Push {
    /// While the stage rose.
    pub rising: Vec<Reading>,
    /// While it went back.
    pub falling: Vec<Reading>,
}

/// Homes, seeks the stop and pushes against it `pushes` times up to `force_n`. The needles must be retracted.
///
/// # Errors
///
/// [`Fault`]; [`Fault::Procedure`] where no stop is met, or one that gives way too far.
pub fn push_stop(bench: &mut Bench, pushes: u32, force_n: f64) -> Result<Vec<Push>, Fault> {
    bench.home()?;
    bench.take_zero(READ)?;
    let travel_max_mm = bench.rig().limits.travel_max_mm;
    let speed_mm_s = SEARCH_SPEED_MM_S.min(bench.rig().limits.approach_speed_max_mm_s);
    let stop_mm = press::touch(bench, travel_max_mm - PUSH_MAX_MM, speed_mm_s, SEARCH_FORCE_N)?;
    let mut done = Vec::new();
    for _ in 0..pushes {
        bench.move_to(Axis::Z, stop_mm - BACK_MM, PUSH_SPEED_MM_S)?;
        let mut push = Push::default();
        let hit = bench.move_until(Axis::Z, stop_mm + PUSH_MAX_MM, PUSH_SPEED_MM_S, |reading| {
            push.rising.push(*reading);
            reading.force_n >= force_n
        })?;
        if !hit {
            return Err(Fault::Procedure(format!(
                "{PUSH_MAX_MM} mm beyond the contact the force is still below {force_n} N: no hard stop is in place"
            )));
        }
        bench.move_until(Axis::Z, stop_mm - BACK_MM, PUSH_SPEED_MM_S, |reading| {
            push.falling.push(*reading);
            false
        })?;
        done.push(push);
    }
    Ok(done)
}

/// Force, N, over `span`, while somebody taps or nobody does.
///
/// # Errors
///
/// [`Fault`].
pub fn listen(bench: &mut Bench, span: Duration, forces_n: &mut Vec<f64>) -> Result<(), Fault> {
    bench.observe(span, |reading| forces_n.push(reading.force_n))
}

/// Force, N, over one tap that the world behind the bench gives, and the rest after it.
///
/// # Errors
///
/// [`Fault`].
pub fn after_tap(bench: &mut Bench, forces_n: &mut Vec<f64>) -> Result<(), Fault> {
    listen(bench, AFTER_TAP, forces_n)
}
