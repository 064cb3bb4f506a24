//! A force trace made ready for detection: which rows count, what was not read, spikes, clock.
//!
//! Only rows in which the needle advances count: where the stage was recorded, a trace ends at its furthest position,
//! so that relaxation or a withdrawal under the wrong name is never taken for a puncture. Readings that are missing are bridged for
//! detection alone, and spikes (up to three samples far from four neighbours that agree) likewise; both are counted.
//!
//! Deliberately absent: smoothing, and any change to the recording.

use crate::{
    capture::{Header, memory::Recording},
    measure::{Anomaly, Refusal},
};
use std::ops::Range;

/// Fewest rows that can hold a rise, a peak and a drop.
const ROWS_MIN: usize = 16;
/// Largest share of readings that may be missing.
const MISSING_MAX: f64 = 0.2;
/// Larger values (N, mm, s) come from no bench, and would overflow in sums of squares.
const PLAUSIBLE_MAX: f64 = 1e9;
/// A spike stands out by so many times the scatter of its neighbourhood.
const SPIKE_RATIO: f64 = 8.0;
/// Most samples in a row that are called a spike.
const SPIKE_WIDTH_MAX: usize = 3;
/// Samples of a trace for each of them.
const ROWS_A_SPIKE_SAMPLE: usize = 80;
/// A longer step, in median steps, is a gap. A clock written in whole milliseconds may jitter by half a step.
const GAP: f64 = 1.75;
/// Deviation of the measured from the declared sample rate that is worth a word.
const RATE_TOLERANCE: f64 = 0.01;

/// The rows of a press, ready for detection.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Row of the capture of the first sample.
    pub first_row: usize,
    /// Time, s; strictly growing.
    pub t_s: Vec<f64>,
    /// Force, N; finite; without spikes after [`bridge_spikes`].
    pub force_n: Vec<f64>,
    /// Samples that were not read, in order.
    pub missing: Vec<usize>,
    /// Stage position less what the load path gives under the force, mm; NaN where not recorded.
    pub stage_mm: Vec<f64>,
    /// Measured sample rate, Hz.
    pub rate_hz: f64,
    /// Smallest step between readings, N.
    pub quantum_n: f64,
}

impl Trace {
    /// Whether the stage was recorded and went one way throughout.
    pub fn is_advancing(&self) -> bool {
        /// Share of the rows in which a stage may stand, by its encoder's steps or a slow start.
        const STANDING_MAX: f64 = 0.1;
        /// Rows over which it must have gone on.
        const ROWS: usize = 4;
        let (Some(first), Some(last)) = (self.stage_mm.first(), self.stage_mm.last()) else { return false };
        let way_mm = last - first;
        let rows_apart = ROWS.max(longest_stand(&self.stage_mm) + 1);
        let rows = self.stage_mm.iter().zip(self.stage_mm.iter().skip(rows_apart));
        let going = rows.filter(|(from, to)| (*to - *from) * way_mm.signum() > 0.0).count();
        let pairs = self.stage_mm.len().saturating_sub(rows_apart) as f64;
        way_mm.is_finite() && way_mm != 0.0 && going as f64 >= (1.0 - STANDING_MAX) * pairs
    }
}

/// The trace in `rows` of a recording. Faults that were survived are added to `anomalies`.
///
/// # Errors
///
/// [`Refusal`] where there are too few rows, too few readings, or no clock.
pub fn condition(
    header: &Header,
    recording: &Recording,
    rows: Range<usize>,
    anomalies: &mut Vec<Anomaly>,
) -> Result<Trace, Refusal> {
    let end = end_of_advance(&recording.stage_mm[rows.clone()]);
    if end < rows.len() {
        let message = format!(
            "rows from {} on, in which the stage stands or goes back though the phase is press; left out",
            rows.start + end
        );
        anomalies.push(anomaly("not-advancing", rows.len() - end, message));
    }
    let rows = rows.start..rows.start + end;
    if rows.len() < ROWS_MIN {
        let message = format!("phase press has {} rows; {ROWS_MIN} are the fewest: record it whole", rows.len());
        return Err(Refusal { code: "too-short".to_owned(), message });
    }
    refuse_implausible(recording, rows.clone())?;
    let mut force_n = recording.force_n[rows.clone()].to_vec();
    let missing = find_missing(&force_n, rows.start, anomalies)?;
    bridge(&mut force_n, &missing);
    let quantum_n = quantum(header, &force_n);
    let (t_s, rate_hz) = clock(header, &recording.t_s[rows.clone()], rows.start, anomalies)?;
    // Where the needle is, not where the stage is: the load path gives under the force.
    let give = header.compliance_mm_per_n;
    let stage_mm = recording.stage_mm[rows.clone()].iter().zip(&force_n).map(|(z, f)| z - give * f).collect();
    Ok(Trace { first_row: rows.start, t_s, force_n, missing, stage_mm, rate_hz, quantum_n })
}

fn refuse_implausible(recording: &Recording, rows: Range<usize>) -> Result<(), Refusal> {
    for (what, column) in [("t_s", &recording.t_s), ("force_n", &recording.force_n), ("stage_mm", &recording.stage_mm)]
    {
        if let Some(row) = rows.clone().find(|row| column[*row].abs() > PLAUSIBLE_MAX) {
            let value = column[row];
            let message =
                format!("{what} is {value:e} in row {row}, more than {PLAUSIBLE_MAX:e}; check scale and cable");
            return Err(Refusal { code: "implausible".to_owned(), message });
        }
    }
    Ok(())
}

/// An anomaly of this code.
pub fn anomaly(code: &str, count: usize, message: String) -> Anomaly {
    Anomaly { code: code.to_owned(), count: count as u64, message }
}

/// Number of rows until the stage is at its furthest position; all rows where it was not recorded or stood still.
fn end_of_advance(stage_mm: &[f64]) -> usize {
    /// Share of the travel by which a stage may creep into its final position.
    const CREEP: f64 = 0.005;
    let Some(start_mm) = stage_mm.iter().copied().find(|z| z.is_finite()) else {
        return stage_mm.len();
    };
    // The least of three rows, so that one wrong position is not taken for travel.
    let travel = |rows: &[f64]| rows.iter().map(|z| (z - start_mm).abs()).fold(f64::INFINITY, f64::min);
    let furthest = stage_mm.windows(3).map(travel).filter(|far| far.is_finite()).fold(0.0, f64::max);
    let there = stage_mm.windows(3).position(|rows| travel(rows) >= (1.0 - CREEP) * furthest);
    // The last step of a stage that went on to the end is no rest.
    let end = there.map_or(stage_mm.len(), |row| row + 3);
    let rest = ((CREEP * stage_mm.len() as f64).ceil() as usize).max(longest_stand(&stage_mm[..end]));
    if furthest > 0.0 && end + rest < stage_mm.len() { end } else { stage_mm.len() }
}

/// Most rows in a row at one position, by the steps in which it was written; not those before the stage set off.
fn longest_stand(stage_mm: &[f64]) -> usize {
    let stands = stage_mm.chunk_by(|a, b| a == b).map(<[f64]>::len);
    let inner = stands.clone().count().saturating_sub(2);
    stands.skip(1).take(inner).max().unwrap_or(1)
}

fn find_missing(force_n: &[f64], first_row: usize, anomalies: &mut Vec<Anomaly>) -> Result<Vec<usize>, Refusal> {
    let missing: Vec<usize> = (0..force_n.len()).filter(|row| !force_n[*row].is_finite()).collect();
    let Some(first) = missing.first() else {
        return Ok(missing);
    };
    let place = first_row + first;
    if missing.len() as f64 > MISSING_MAX * force_n.len() as f64 {
        let message = format!(
            "{} of {} force readings are missing, the first in row {place}; at most {:.0} % may be: check the cell",
            missing.len(),
            force_n.len(),
            100.0 * MISSING_MAX
        );
        return Err(Refusal { code: "nan".to_owned(), message });
    }
    let message = format!("force readings that are missing, the first in row {place}; bridged for detection");
    anomalies.push(anomaly("nan", missing.len(), message));
    Ok(missing)
}

/// Straight lines over the `missing` samples (in order), level at the ends.
pub fn bridge(force_n: &mut [f64], missing: &[usize]) {
    for run in missing.chunk_by(|a, b| a + 1 == *b) {
        let (Some(&first), Some(&last)) = (run.first(), run.last()) else {
            continue;
        };
        let before = first.checked_sub(1).map(|row| force_n[row]);
        let after = force_n.get(last + 1).copied();
        let (before, after) = match (before, after) {
            (Some(before), Some(after)) => (before, after),
            (Some(level), None) | (None, Some(level)) => (level, level),
            (None, None) => (0.0, 0.0),
        };
        let steps = (last + 2 - first) as f64;
        for (step, force) in (1..).zip(&mut force_n[first..=last]) {
            *force = before + (after - before) * f64::from(step) / steps;
        }
    }
}

/// The step between readings: as declared, or that of the grid on which all readings lie where it is coarser (a program
/// that rounds what the gauge resolved); without either the smallest step that was seen.
fn quantum(header: &Header, force_n: &[f64]) -> f64 {
    /// Deviation from a whole number of steps that is no grid.
    const OFF_GRID: f64 = 0.05;
    let largest = force_n.iter().fold(0.0_f64, |far, f| far.max(f.abs()));
    let steps = || force_n.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    // Decimal text makes differences of equal steps differ in their last bits.
    let seen = steps().filter(|step| *step > 1e-9 * largest).fold(f64::INFINITY, f64::min);
    let declared = header.force.as_ref().map_or(0.0, |force| force.resolution_n);
    if !seen.is_finite() {
        return declared;
    }
    let on_grid = steps().all(|step| (step / seen - (step / seen).round()).abs() < OFF_GRID);
    if declared <= 0.0 || (on_grid && seen > declared) { seen } else { declared }
}

/// Bridges spikes in `clean_n` (the force without hum, sample by sample that of `trace`), and in the trace with it.
/// `noise_n` is the standard deviation of a reading. The samples are added to `bridged`.
pub fn bridge_spikes(trace: &mut Trace, clean_n: &mut [f64], noise_n: f64, bridged: &mut Vec<usize>) {
    // A short trace may hold a peak of a few samples.
    for width in 1..=(clean_n.len() / ROWS_A_SPIKE_SAMPLE).clamp(1, SPIKE_WIDTH_MAX) {
        for row in spikes(clean_n, width, noise_n) {
            let (before, after) = (clean_n[row - 1], clean_n[row + width]);
            let spike = clean_n[row..row + width].iter_mut().zip(&mut trace.force_n[row..row + width]);
            for (step, (clean, force)) in (1..).zip(spike) {
                let level_n = before + (after - before) * f64::from(step) / (width + 1) as f64;
                *force += level_n - *clean;
                *clean = level_n;
            }
            bridged.extend(row..row + width);
        }
    }
}

/// First samples of spikes `width` samples long: all of them far outside what the two samples on either side cover.
fn spikes(clean_n: &[f64], width: usize, noise_n: f64) -> Vec<usize> {
    let is_spike = |row: &usize| {
        let around = [clean_n[row - 2], clean_n[row - 1], clean_n[row + width], clean_n[row + width + 1]];
        let low = around.iter().copied().fold(f64::INFINITY, f64::min);
        let high = around.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let far = SPIKE_RATIO * (high - low).max(noise_n);
        let inside = &clean_n[*row..row + width];
        inside.iter().all(|force| force - high > far) || inside.iter().all(|force| low - force > far)
    };
    (2..clean_n.len().saturating_sub(width + 1)).filter(is_spike).collect()
}

/// Rows spread evenly over the time that they took, where many times repeat: written in steps longer than a sample.
fn coarse_clock(declared_hz: f64, t_s: &[f64], faults: &mut Vec<Anomaly>) -> Option<(Vec<f64>, f64)> {
    /// Share of repeated times that is no accident of single rows.
    const REPEATED_MIN: f64 = 0.25;
    let (first, last) = (*t_s.first()?, *t_s.last()?);
    let rate_hz = (t_s.len() - 1) as f64 / (last - first);
    let repeated = t_s.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let often = repeated as f64 >= REPEATED_MIN * t_s.len() as f64;
    let runs = t_s.is_sorted() && rate_hz > 0.0 && rate_hz.is_finite();
    if !(often && runs) {
        return None;
    }
    // First and last time are each known to a step only; a declared rate that agrees within it is better.
    let step_s = t_s.windows(2).map(|pair| pair[1] - pair[0]).filter(|step| *step > 0.0).fold(f64::INFINITY, f64::min);
    let declared_s = (t_s.len() - 1) as f64 / declared_hz;
    let rate_hz = if (declared_s - (last - first)).abs() <= step_s { declared_hz } else { rate_hz };
    let message = format!("samples whose time repeats, written in steps of several; spread evenly at {rate_hz:.2} Hz");
    faults.push(anomaly("duplicate", repeated, message));
    Some(((0..t_s.len()).map(|row| first + row as f64 / rate_hz).collect(), rate_hz))
}

/// A strictly growing time axis and the measured rate.
fn clock(
    header: &Header,
    t_s: &[f64],
    first_row: usize,
    faults: &mut Vec<Anomaly>,
) -> Result<(Vec<f64>, f64), Refusal> {
    let mut steps: Vec<f64> = t_s.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let middle = steps.len() / 2;
    let (_, median, _) = steps.select_nth_unstable_by(middle, f64::total_cmp);
    let step_s = *median;
    if let Some(coarse) = coarse_clock(header.sample_rate_hz, t_s, faults) {
        return Ok(coarse);
    }
    if !(step_s > 0.0 && step_s.is_finite()) {
        let message =
            format!("the median time step from row {first_row} on is {step_s} s; record with a running clock");
        return Err(Refusal { code: "no-clock".to_owned(), message });
    }
    let count = |code: &str, what: &str, bad: &dyn Fn(f64) -> bool, faults: &mut Vec<Anomaly>| {
        let rows: Vec<usize> = (1..t_s.len()).filter(|row| bad(t_s[*row] - t_s[row - 1])).collect();
        if let Some(first) = rows.first() {
            faults.push(anomaly(code, rows.len(), format!("{what}, the first in row {}", first_row + first)));
        }
        !rows.is_empty()
    };
    count("gap", "steps in time of more than one sample", &|step| step > GAP * step_s, faults);
    let repeated = count("duplicate", "samples whose time repeats", &|step| step == 0.0, faults);
    let backward = count("backward-time", "samples whose time goes back", &|step| step < 0.0, faults);
    let regular = || t_s.windows(2).map(|pair| pair[1] - pair[0]).filter(|step| *step > 0.0 && *step <= GAP * step_s);
    let rate_hz = regular().count() as f64 / regular().sum::<f64>();
    if (rate_hz / header.sample_rate_hz - 1.0).abs() > RATE_TOLERANCE {
        let message =
            format!("measured {rate_hz:.2} Hz, declared {} Hz; the measured rate counts", header.sample_rate_hz);
        faults.push(anomaly("sample-rate", 1, message));
    }
    let t_s = if repeated || backward {
        (0..t_s.len()).map(|row| t_s[0] + row as f64 / rate_hz).collect()
    } else {
        t_s.to_vec()
    };
    Ok((t_s, rate_hz))
}
