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

/// Largest share of rows that may be lost.
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
    let [repeated, back] = order_time(t, &mut keep);
    for (code, what, late) in [("duplicate", "repeat a time", repeated), ("time-backwards", "run back in time", back)] {
        if late.count > 0 {
            let message = format!("{} rows {what}, the first is row {}; they were left out", late.count, late.first);
            anomalies.push(anomaly(code, late.count, message));
        }
    }
    // A row that was written twice is there once.
    let lost = nan + back.count as usize;
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

/// Rows that are out of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Late {
    first: usize,
    count: u64,
}

/// Clears `keep` where time repeats (first) or runs back (second).
fn order_time(t: &[f64], keep: &mut [bool]) -> [Late; 2] {
    let mut late = [Late::default(); 2];
    let mut last = f64::NEG_INFINITY;
    for i in 0..t.len() {
        if !keep[i] {
            continue;
        }
        // A single time far ahead must not make all rows after it seem late.
        let ahead = (i + 1..t.len().min(i + 4)).filter(|j| keep[*j] && t[*j] < t[i] && t[*j] > last).count();
        let repeats = t[i] == last;
        if !repeats && t[i] > last && ahead < 2 {
            last = t[i];
            continue;
        }
        keep[i] = false;
        let late = &mut late[usize::from(!repeats)];
        if late.count == 0 {
            late.first = i;
        }
        late.count += 1;
    }
    late
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

#[cfg(test)]
mod tests {
    use super::{Late, order_time};

    #[test]
    fn repeated_backward_and_far_times_are_told_apart() {
        let cases: [(&[f64], &[bool], [Late; 2]); 3] = [
            (&[0.0, 1.0, 1.0, 2.0], &[true, true, false, true], [Late { first: 2, count: 1 }, Late::default()]),
            (
                &[0.0, 1.0, 2.0, 1.5, 3.0],
                &[true, true, true, false, true],
                [Late::default(), Late { first: 3, count: 1 }],
            ),
            (
                &[0.0, 1.0, 99.0, 2.0, 3.0],
                &[true, true, false, true, true],
                [Late::default(), Late { first: 2, count: 1 }],
            ),
        ];
        for (times, expected, late) in cases {
            let mut keep = vec![true; times.len()];
            assert_eq!(order_time(times, &mut keep), late, "{times:?}");
            assert_eq!(keep, expected, "{times:?}");
        }
    }
}
