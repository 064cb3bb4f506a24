//! Screening of a recording before it is measured: which rows can be believed, and whether the whole can.
//!
//! Rows that cannot be believed (NaN, repeated time, spikes, rail, a stuck channel) are left out and counted, never
//! repaired. What would move a length without being seen (a lost encoder count, inverted signs, phases that do not
//! move as they should, wrong units) is refused.
//!
//! Deliberately absent: estimates. Noise, hum and drift are taken out where contact is known (see `press`).

pub mod force;
pub mod motion;
pub mod rows;

use crate::{
    capture::{Header, Phase, memory::Recording},
    measure::{Anomaly, Refusal},
};

/// Rows that can be believed.
#[derive(Clone, Debug)]
pub struct Screened {
    /// The rows that are left.
    pub recording: Recording,
    /// Their row in the capture, from 0.
    pub rows: Vec<usize>,
    /// Measured rate, Hz: one over the median interval.
    pub rate_hz: f64,
    /// Force at which the channel is clipped, N, where rows were lost to it.
    pub rail_n: Option<f64>,
}

/// Screens a press. Anomalies are added also where the capture is refused.
///
/// # Errors
///
/// [`Refusal`] where phases are missing, motion or force cannot be, or too little is left.
pub fn press(header: &Header, recording: &Recording, anomalies: &mut Vec<Anomaly>) -> Result<Screened, Refusal> {
    const ORDER: [Phase; 5] = [Phase::Touch, Phase::Retract, Phase::Press, Phase::Hold, Phase::Withdraw];
    if recording.is_empty() {
        return Err(refusal("empty", "the capture has no rows; check that the recorder ran".to_owned()));
    }
    phases(recording, &ORDER, anomalies)?;
    let (keep, rate_hz) = rows::believable(header, recording, anomalies)?;
    let mut screened = Screened { recording: Recording::default(), rows: Vec::new(), rate_hz, rail_n: None };
    screened.retain(recording, &keep);
    motion::screen(header, &mut screened, anomalies)?;
    force::screen(header, &mut screened, anomalies)?;
    Ok(screened)
}

impl Screened {
    /// Takes the rows of `from` that are to be kept, in place of those that stand.
    fn retain(&mut self, from: &Recording, keep: &[bool]) {
        let before = std::mem::take(&mut self.rows);
        let mut kept = Recording::default();
        for (phase, rows) in &from.phases {
            for i in rows.clone() {
                if keep[i] {
                    kept.push(*phase, from.t_s[i], from.force_n[i], from.stage_mm[i]);
                    self.rows.push(before.get(i).copied().unwrap_or(i));
                }
            }
        }
        self.recording = kept;
    }

    /// Leaves out the rows marked.
    pub fn leave_out(&mut self, out: &[bool]) {
        let keep: Vec<bool> = out.iter().map(|out| !out).collect();
        let from = std::mem::take(&mut self.recording);
        self.retain(&from, &keep);
    }
}

/// Phases must be there and in order; only `retract` may be missing.
fn phases(recording: &Recording, order: &[Phase], anomalies: &mut Vec<Anomaly>) -> Result<(), Refusal> {
    for phase in order {
        if recording.rows(*phase).is_none() {
            let message = format!("phase `{}` is not in the capture", phase.name());
            if *phase != Phase::Retract {
                let remedy = "record the whole procedure again; check that the recorder was not stopped";
                return Err(refusal("missing-phase", format!("{message}; {remedy}")));
            }
            anomalies.push(anomaly("missing-phase", 1, message));
        }
    }
    let seen: Vec<Phase> = recording.phases.iter().map(|(phase, _)| *phase).collect();
    let expected: Vec<Phase> = order.iter().copied().filter(|phase| seen.contains(phase)).collect();
    if seen != expected {
        let names: Vec<&str> = seen.iter().map(|phase| phase.name()).collect();
        let message =
            format!("phases come as {}; they must be touch, retract, press, hold, withdraw", names.join(", "));
        return Err(refusal("phase-order", format!("{message}; check who writes the phase column")));
    }
    Ok(())
}

/// A fault survived.
pub fn anomaly(code: &str, count: u64, message: String) -> Anomaly {
    Anomaly { code: code.to_owned(), count, message }
}

/// A fault not survived.
pub fn refusal(code: &str, message: String) -> Refusal {
    Refusal { code: code.to_owned(), message }
}

/// Median of finite values; `None` without any. Reorders them.
pub fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}
