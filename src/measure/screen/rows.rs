//! Rows as such: not-a-number, and the time axis.
//!
//! Deliberately absent: the meaning of force and stage.

use crate::{
    capture::{Header, memory::Recording},
    measure::{
        Anomaly, Refusal,
        screen::{anomaly, median, refusal},
    },
};

/// Largest share of rows that may be left out.
const LOST_MAX: f64 = 0.05;
/// Relative difference of measured and declared rate that is named.
const RATE_TOLERANCE: f64 = 0.005;

/// Which rows can be believed, and the measured rate, Hz.
///
/// # Errors
///
/// [`Refusal`] where too many rows are lost or time does not run.
pub fn believable(
    header: &Header,
    recording: &Recording,
    anomalies: &mut Vec<Anomaly>,
) -> Result<(Vec<bool>, f64), Refusal> {
    let t = &recording.t_s;
    let total = t.len();
    let mut keep: Vec<bool> = (0..total)
        .map(|i| t[i].is_finite() && recording.force_n[i].is_finite() && recording.stage_mm[i].is_finite())
        .collect();
    let nan = keep.iter().filter(|keep| !**keep).count();
    if let Some(row) = keep.iter().position(|keep| !keep) {
        let message = format!("{nan} rows hold NaN or infinity, the first is row {row}; they were left out");
        anomalies.push(anomaly("nan", nan as u64, message));
    }
    let (repeated, back) = order_time(t, &mut keep);
    if let Some(row) = repeated {
        let message = format!("{} rows repeat a time, the first is row {}; they were left out", row.1, row.0);
        anomalies.push(anomaly("duplicate", row.1, message));
    }
    if let Some(row) = back {
        let message = format!("time runs backwards in {} rows, the first is row {}; they were left out", row.1, row.0);
        anomalies.push(anomaly("time-backwards", row.1, message));
    }
    let lost = keep.iter().filter(|keep| !**keep).count();
    if lost as f64 > LOST_MAX * total as f64 {
        let percent = 100.0 * lost as f64 / total as f64;
        let message = format!("{lost} of {total} rows ({percent:.1} %) are NaN or out of time; the limit is 5 %");
        return Err(refusal("rows-lost", format!("{message}; record again and check the link to the force channel")));
    }
    let times: Vec<f64> = t.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(t, _)| *t).collect();
    let mut intervals: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let Some(interval) = median(&mut intervals).filter(|interval| *interval > 0.0) else {
        return Err(refusal("time-axis", "time does not advance; check the time column".to_owned()));
    };
    gaps(&times, interval, nan, anomalies);
    let rate_hz = 1.0 / interval;
    if (rate_hz / header.sample_rate_hz - 1.0).abs() > RATE_TOLERANCE {
        let declared = header.sample_rate_hz;
        let message = format!("sampled at {rate_hz:.2} Hz, declared {declared} Hz; the measured rate was used");
        anomalies.push(anomaly("sample-rate", 1, message));
    }
    Ok((keep, rate_hz))
}

/// Clears `keep` where time repeats or runs back: (first row, count) of each.
fn order_time(t: &[f64], keep: &mut [bool]) -> (Option<(usize, u64)>, Option<(usize, u64)>) {
    let (mut repeated, mut back): (Option<(usize, u64)>, Option<(usize, u64)>) = (None, None);
    let mut last = f64::NEG_INFINITY;
    for i in 0..t.len() {
        if !keep[i] {
            continue;
        }
        // A single time far ahead must not make all rows after it seem late.
        let ahead = (i + 1..t.len().min(i + 4)).filter(|j| keep[*j] && t[*j] < t[i] && t[*j] > last).count();
        let slot = if t[i] == last {
            &mut repeated
        } else if t[i] < last || ahead >= 2 {
            &mut back
        } else {
            last = t[i];
            continue;
        };
        keep[i] = false;
        slot.get_or_insert((i, 0)).1 += 1;
    }
    (repeated, back)
}

fn gaps(times: &[f64], interval: f64, nan: usize, anomalies: &mut Vec<Anomaly>) {
    let wide = |pair: &&[f64]| pair[1] - pair[0] > 1.7 * interval;
    let count = times.windows(2).filter(wide).count();
    let lost: f64 = times.windows(2).filter(wide).map(|pair| ((pair[1] - pair[0]) / interval).round() - 1.0).sum();
    // Rows left out as NaN leave holes that are named already.
    if count > 0 && lost > nan as f64 {
        let first = times.windows(2).find(wide).map_or(0.0, |pair| pair[0]);
        let message = format!("{count} gaps, about {lost:.0} samples lost, the first after {first:.4} s");
        anomalies.push(anomaly("gap", count as u64, message));
    }
}
