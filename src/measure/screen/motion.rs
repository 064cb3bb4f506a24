//! The stage: does every phase move as it should, and is the position unbroken?
//!
//! A count that the encoder lost, or a position that froze and then caught up, would move a length without a trace in
//! the force: such captures are refused. A single wrong reading is left out.
//!
//! Deliberately absent: constancy of speed. A stage may slow down; position is what counts.

use crate::{
    capture::{Header, Phase},
    measure::{
        Anomaly, Refusal,
        screen::{Screened, anomaly, median, refusal},
    },
};

/// Least travel of touch, press and withdrawal, mm.
const TRAVEL_MIN_MM: f64 = 0.05;
/// Most travel of a pen's bench, mm; beyond it the unit is not mm.
const TRAVEL_MAX_MM: f64 = 50.0;
/// Largest jump of the position that may go unseen, mm.
const JUMP_MM: f64 = 0.004;
/// Rows without motion inside a motion that are refused.
const FROZEN_S: f64 = 0.03;

/// Screens the stage positions.
///
/// # Errors
///
/// [`Refusal`] where a phase moves wrongly or the position is broken.
pub fn screen(header: &Header, screened: &mut Screened, anomalies: &mut Vec<Anomaly>) -> Result<(), Refusal> {
    let resolution_mm = header.stage.as_ref().map_or(0.0, |stage| stage.resolution_mm);
    wrong_readings(screened, resolution_mm, anomalies);
    directions(screened)?;
    unbroken(screened, resolution_mm)?;
    not_frozen(screened)
}

/// Leaves out readings that stand off both neighbours, which agree with each other.
fn wrong_readings(screened: &mut Screened, resolution_mm: f64, anomalies: &mut Vec<Anomaly>) {
    let z = &screened.recording.stage_mm;
    let mut out = vec![false; z.len()];
    for i in 0..z.len() {
        for width in 1..=3 {
            if i == 0 || i + width >= z.len() || out[i] {
                continue;
            }
            let (before, after) = (z[i - 1], z[i + width]);
            let limit = JUMP_MM + 2.0 * resolution_mm + 3.0 * (after - before).abs();
            if (i..i + width).all(|k| (z[k] - before).abs() > limit && (z[k] - after).abs() > limit) {
                out[i..i + width].fill(true);
            }
        }
    }
    let count = out.iter().filter(|out| **out).count();
    if let Some(row) = out.iter().position(|out| *out) {
        let message = format!("{count} stage positions stand off their neighbours, the first is row {row}; left out");
        anomalies.push(anomaly("stage-spike", count as u64, message));
        screened.leave_out(&out);
    }
}

fn directions(screened: &Screened) -> Result<(), Refusal> {
    let expected =
        [(Phase::Touch, 1.0), (Phase::Retract, -1.0), (Phase::Press, 1.0), (Phase::Hold, 0.0), (Phase::Withdraw, -1.0)];
    let mut inverted = 0;
    for (phase, sign) in expected {
        let Some(rows) = screened.recording.rows(phase) else { continue };
        let z = &screened.recording.stage_mm[rows];
        let (Some(first), Some(last)) = (z.first(), z.last()) else { continue };
        let travel = last - first;
        let name = phase.name();
        if travel.abs() > TRAVEL_MAX_MM {
            let message = format!("the stage travels {travel:.0} mm in `{name}`, more than {TRAVEL_MAX_MM} mm");
            return Err(refusal("implausible-stage", format!("{message}; are the positions in mm?")));
        }
        let moved = if sign == 0.0 { travel.abs() < TRAVEL_MIN_MM } else { travel.abs() >= TRAVEL_MIN_MM };
        if !moved {
            let message = format!("the stage travels {travel:.4} mm in `{name}`, the limit is {TRAVEL_MIN_MM} mm");
            return Err(refusal("stuck-stage", format!("{message}; check stage, encoder and the phase column")));
        }
        if sign != 0.0 && travel * sign < 0.0 {
            inverted += 1;
        }
    }
    match inverted {
        0 => Ok(()),
        3.. => {
            let message = "the stage moves against every phase; positions must grow towards the pen";
            Err(refusal("inverted-stage", format!("{message}: check the sign of the stage channel")))
        }
        _ => {
            let message = "the stage moves against some phases, so they are not what they are called";
            Err(refusal("phase-motion", format!("{message}; check who writes the phase column")))
        }
    }
}

/// Refuses jumps that no speed of the capture explains.
fn unbroken(screened: &Screened, resolution_mm: f64) -> Result<(), Refusal> {
    let recording = &screened.recording;
    let mut speeds = Vec::new();
    for (_, rows) in &recording.phases {
        let mut steps: Vec<f64> = rows
            .clone()
            .skip(1)
            .map(|i| {
                (recording.stage_mm[i] - recording.stage_mm[i - 1]).abs() / (recording.t_s[i] - recording.t_s[i - 1])
            })
            .filter(|speed| *speed > 0.0)
            .collect();
        let typical = median(&mut steps).unwrap_or(0.0);
        // Steps of a coarse encoder are quantised: the mean over the phase is the better scale where it is larger.
        speeds.push(typical.min(100.0));
    }
    for (k, (phase, rows)) in recording.phases.iter().enumerate() {
        let speed = if k == 0 { speeds[k] } else { speeds[k].max(speeds[k - 1]) };
        for i in rows.start.max(1)..rows.end {
            let limit_speed = if i < rows.start + 3 { speed } else { speeds[k] };
            let step = recording.stage_mm[i] - recording.stage_mm[i - 1];
            let dt = recording.t_s[i] - recording.t_s[i - 1];
            let limit = JUMP_MM + 3.0 * resolution_mm + 2.0 * limit_speed * dt;
            if step.abs() > limit {
                let message = format!(
                    "the stage position jumps by {step:.4} mm at row {} (`{}`), the limit is {limit:.4} mm",
                    screened.rows[i],
                    phase.name()
                );
                return Err(refusal("stage-slip", format!("{message}; home the stage, check the encoder, press anew")));
            }
        }
    }
    Ok(())
}

/// Refuses a position that stands still in the middle of a motion.
fn not_frozen(screened: &Screened) -> Result<(), Refusal> {
    let recording = &screened.recording;
    let needed = (FROZEN_S * screened.rate_hz).max(20.0) as usize;
    for phase in [Phase::Touch, Phase::Press, Phase::Withdraw] {
        let Some(rows) = recording.rows(phase) else { continue };
        let z = &recording.stage_mm[rows.clone()];
        let (first, last) = (z[0], z[z.len() - 1]);
        let inside = |z: f64| (z - first).abs() > 0.02 && (z - last).abs() > 0.02;
        let mut run = 0;
        for i in 1..z.len() {
            run = if z[i] == z[i - 1] && inside(z[i]) { run + 1 } else { 0 };
            if run >= needed {
                let row = screened.rows[rows.start + i - run];
                let message =
                    format!("the stage position is frozen for {needed} rows from row {row} (`{}`)", phase.name());
                return Err(refusal("stuck-stage", format!("{message}; check the encoder and press anew")));
            }
        }
    }
    Ok(())
}
