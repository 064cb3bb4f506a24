//! Rows of a capture put on an even grid of samples, with every fault counted and marked.
//!
//! The inverse filter and the phase tracking need even sampling. A reading that is no number keeps its place and
//! holds the value before it; a hole in time is filled with held values; a repeated row is dropped. Every such
//! sample is marked, and a stroke that contains one is not measured. Nothing is repaired silently: see [`Faults`].
//!
//! Deliberately absent: any decision what a fault does to the result.

use crate::measure::{Anomaly, Refusal};

/// Longest hole that is bridged, s; longer ones end the measurement.
pub const HOLE_S_MAX: f64 = 0.25;

/// What was found, counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Readings (force or stage) that are not finite, with the first row.
    pub not_finite: (u64, u64),
    /// Holes in time, samples lost in them, and the row after the first.
    pub holes: (u64, u64, u64),
    /// Rows whose time does not grow, with the first.
    pub repeated: (u64, u64),
    /// Single readings far from both neighbours, with the first row.
    pub spikes: (u64, u64),
    /// Rows in stretches of equal readings longer than any noise leaves, with the first.
    pub stuck: (u64, u64),
    /// Rows that repeat the largest or smallest reading of the capture, with the first.
    pub saturated: (u64, u64),
    /// A hole that is too long to bridge: its row and its length, s.
    pub broken: Option<(u64, f64)>,
}

impl Faults {
    /// The faults as anomalies of a measurement.
    pub fn anomalies(&self) -> Vec<Anomaly> {
        let mut list = Vec::new();
        let mut add = |code: &str, count: u64, message: String| {
            if count > 0 {
                list.push(Anomaly { code: code.to_owned(), count, message });
            }
        };
        let left_out = "the strokes that contain them are not measured";
        let (count, row) = self.not_finite;
        add("nan", count, format!("{count} readings are not numbers, the first in row {row}; {left_out}"));
        let (count, lost, row) = self.holes;
        add("gap", count, format!("{count} gaps in time, {lost} samples lost, the first before row {row}; {left_out}"));
        let (count, row) = self.repeated;
        add("duplicate", count, format!("{count} rows repeat a time or go back, the first is row {row}; dropped"));
        let (count, row) = self.spikes;
        add("spike", count, format!("{count} single readings stand out, the first in row {row}; {left_out}"));
        let (count, row) = self.stuck;
        add("stuck-force", count, format!("{count} rows repeat one force reading, the first is row {row}; {left_out}"));
        let (count, row) = self.saturated;
        add(
            "saturated",
            count,
            format!("{count} rows stand at the end of the force channel's range, the first is row {row}"),
        );
        list
    }

    /// A fault that no stroke's measurement survives.
    pub fn refusal(&self) -> Option<Refusal> {
        if let Some((row, seconds)) = self.broken {
            let message = format!(
                "row {row} comes {seconds:.3} s after the row before it; gaps up to {HOLE_S_MAX} s are bridged: record \
                 again"
            );
            return Some(Refusal { code: "gap".to_owned(), message });
        }
        let (count, row) = self.saturated;
        (count >= SATURATED_MAX).then(|| Refusal {
            code: "saturated".to_owned(),
            message: format!(
                "{count} rows stand at the end of the force channel's range, the first is row {row}; the peaks of \
                 strokes are cut off: use a cell of larger range or a softer phantom"
            ),
        })
    }
}

/// Readings on an even grid.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// Force as read, N; finite.
    pub force_n: Vec<f64>,
    /// Stage position, mm; finite.
    pub stage_mm: Vec<f64>,
    /// True where the sample is held, filled or an outlier.
    pub bad: Vec<bool>,
}

impl Track {
    /// Removes the readings and keeps the memory.
    pub fn clear(&mut self) {
        self.force_n.clear();
        self.stage_mm.clear();
        self.bad.clear();
    }
}

/// Puts rows on the grid as they arrive.
#[derive(Debug)]
pub struct Gridder {
    rate_hz: f64,
    /// Limit of the distance of a reading from the mean of its neighbours, N.
    pub spike_limit_n: f64,
    last: Option<(f64, f64, f64)>,
    equal: u64,
    /// Lowest and highest reading so far.
    rails: [Rail; 2],
    /// Counted so far.
    pub faults: Faults,
}

impl Gridder {
    /// For a capture of this rate; spikes are not looked for until a limit is set.
    pub fn new(rate_hz: f64) -> Self {
        Self {
            rate_hz,
            spike_limit_n: f64::INFINITY,
            last: None,
            equal: 0,
            rails: [Rail::default(); 2],
            faults: Faults::default(),
        }
    }

    /// The next row begins anew: what lies between is not looked at.
    pub fn begin(&mut self) {
        self.last = None;
    }

    /// Appends one row to `track`.
    pub fn push(&mut self, row: u64, t_s: f64, force_n: f64, stage_mm: f64, track: &mut Track) {
        let Some((last_t, last_force, last_stage)) = self.last else {
            if t_s.is_finite() && force_n.is_finite() && stage_mm.is_finite() {
                self.append(t_s, force_n, stage_mm, false, track);
            } else {
                count(&mut self.faults.not_finite, row);
            }
            return;
        };
        let step = (t_s - last_t) * self.rate_hz;
        if step.is_nan() || step <= 0.2 {
            count(&mut self.faults.repeated, row);
            return;
        }
        if step > 1.6 {
            let lost = step.round() - 1.0;
            if lost > HOLE_S_MAX * self.rate_hz {
                self.faults.broken.get_or_insert((row, t_s - last_t));
                self.last = Some((t_s, last_force, last_stage));
                return;
            }
            let first = if self.faults.holes.0 == 0 { row } else { self.faults.holes.2 };
            self.faults.holes = (self.faults.holes.0 + 1, self.faults.holes.1 + lost as u64, first);
            for _ in 0..lost as u64 {
                self.append(t_s, last_force, last_stage, true, track);
            }
        }
        let finite = force_n.is_finite() && stage_mm.is_finite();
        if !finite {
            count(&mut self.faults.not_finite, row);
        }
        let force = if force_n.is_finite() { force_n } else { last_force };
        let stage = if stage_mm.is_finite() { stage_mm } else { last_stage };
        self.equal = if force == last_force && finite { self.equal + 1 } else { 0 };
        self.rail(force, row);
        let stuck = self.equal >= EQUAL_MAX;
        if stuck {
            count(&mut self.faults.stuck, row);
        }
        self.append(t_s, force, stage, !finite || stuck, track);
        self.mark_spike(row, track);
    }

    fn append(&mut self, t_s: f64, force_n: f64, stage_mm: f64, bad: bool, track: &mut Track) {
        track.force_n.push(force_n);
        track.stage_mm.push(stage_mm);
        track.bad.push(bad);
        self.last = Some((t_s, force_n, stage_mm));
    }

    /// Counts readings that repeat the extreme of the capture; a new extreme starts the count anew.
    fn rail(&mut self, force_n: f64, row: u64) {
        let equal = self.equal;
        for (rail, outward) in self.rails.iter_mut().zip([-1.0, 1.0]) {
            let beyond = outward * (force_n - rail.extreme_n);
            if beyond > 0.0 {
                *rail = Rail { extreme_n: force_n, rows: (0, 0) };
            } else if beyond == 0.0 && equal >= RAIL_EQUAL {
                count(&mut rail.rows, row);
            }
        }
        // An extreme near zero is a channel that stands still at rest, not one that is cut off.
        let widest = self.rails.iter().fold(0.0_f64, |widest, rail| widest.max(rail.extreme_n.abs()));
        let cut = |rail: &&Rail| rail.extreme_n.abs() > 0.1 * widest && rail.rows.0 > 0;
        self.faults.saturated = self.rails.iter().filter(cut).map(|rail| rail.rows).max().unwrap_or_default();
    }

    /// Takes the limit for spikes from readings of the same channel: five times the distance from the mean of the
    /// neighbours that one reading in two hundred exceeds.
    pub fn watch_for_spikes(&mut self, readings_n: impl Iterator<Item = f64>) {
        let readings: Vec<f64> = readings_n.filter(|f| f.is_finite()).collect();
        let mut apart: Vec<f64> = readings.windows(3).map(|w| (w[1] - 0.5 * (w[0] + w[2])).abs()).collect();
        apart.sort_unstable_by(f64::total_cmp);
        if let Some(usual) = apart.get(apart.len().saturating_sub(1 + apart.len() / 200)) {
            self.spike_limit_n = 5.0 * usual;
        }
    }

    /// Judges the reading before the last one by its neighbours.
    fn mark_spike(&mut self, row: u64, track: &mut Track) {
        let n = track.force_n.len();
        if n < 3 {
            return;
        }
        let [before, middle, after] = [track.force_n[n - 3], track.force_n[n - 2], track.force_n[n - 1]];
        let apart = middle - 0.5 * (before + after);
        if apart.abs() > self.spike_limit_n && apart.abs() > 2.0 * (after - before).abs() {
            count(&mut self.faults.spikes, row.saturating_sub(1));
            track.force_n[n - 2] = 0.5 * (before + after);
            track.bad[n - 2] = true;
        }
    }
}

/// An extreme of the readings, and the rows that stand at it.
#[derive(Clone, Copy, Debug, Default)]
struct Rail {
    extreme_n: f64,
    rows: (u64, u64),
}

/// Equal readings in a row that noise does not leave even where a step of the converter is as large as the noise.
const EQUAL_MAX: u64 = 60;
/// Equal readings in a row at an extreme that are taken for the end of the range.
const RAIL_EQUAL: u64 = 3;
/// Rows at the end of the range from which strokes are taken to be cut off.
const SATURATED_MAX: u64 = 20;

fn count(fault: &mut (u64, u64), row: u64) {
    if fault.0 == 0 {
        fault.1 = row;
    }
    fault.0 += 1;
}

#[cfg(test)]
mod tests {
    use super::{Gridder, Track};

    #[test]
    fn faults_are_counted_and_the_grid_stays_even() {
        let mut gridder = Gridder::new(1000.0);
        gridder.spike_limit_n = 1.0;
        let mut track = Track::default();
        let force = [0.0, 0.1, f64::NAN, 0.1, 5.0, 0.1, 0.2, 0.1];
        let time = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 9.0];
        for (row, (f, t)) in force.iter().zip(time).enumerate() {
            gridder.push(row as u64, t * 1e-3, *f, 1.0, &mut track);
        }
        assert_eq!(track.force_n.len(), 10);
        let codes: Vec<(String, u64)> =
            gridder.faults.anomalies().into_iter().map(|anomaly| (anomaly.code, anomaly.count)).collect();
        let expected = [("nan", 1), ("gap", 1), ("duplicate", 1), ("spike", 1)];
        assert_eq!(codes, expected.map(|(code, count)| (code.to_owned(), count)));
        assert_eq!(track.bad.iter().filter(|bad| **bad).count(), 5);
    }
}
