//! Strokes in a force signal: onsets of contact, and the number of each in the run.
//!
//! An onset is an upward crossing of a level, counted once in a stroke: after one, the search rests for most of a
//! period. Periods then number the onsets by phase tracking, so that a stroke that did not touch leaves a hole in the
//! numbers and no stroke is invented.
//!
//! Deliberately absent: what a stroke measures.

use crate::measure::screen::median;

/// Share of a period after an onset in which no other can be: contact lasts about that long, and period jitter is a
/// few per cent.
const REST_PERIODS: f64 = 0.8;

/// Share of the last strokes' peaks below which nothing is taken for a contact.
const PEAK_SHARE: f64 = 0.05;

/// Samples scanned at once for any crossing.
const LANE: usize = 32;

/// Search for upward crossings of a level in a signal that arrives in pieces.
///
/// The level follows the strokes: what rings when a needle leaves is a share of how it was pushed, and one crossing at
/// that time would make the search rest through the next stroke's contact, and the one after.
#[derive(Clone, Debug)]
pub struct OnsetSearch {
    least: f64,
    level: f64,
    /// Largest value since the last onset, and of the stroke before.
    peaks: [f64; 2],
    rest_samples: usize,
    /// Next sample (of the whole signal) that may be examined.
    next: usize,
    /// Last sample of the piece before; above the level at first, so that a recording that begins in contact does
    /// not begin with an onset.
    last: f64,
}

impl OnsetSearch {
    /// A search for crossings of `level`, or of a twentieth of the last two strokes where that is higher, in strokes of
    /// about `period_samples`.
    pub fn new(level: f64, period_samples: f64) -> Self {
        let rest_samples = (REST_PERIODS * period_samples).max(1.0) as usize;
        Self { least: level, level, peaks: [0.0; 2], rest_samples, next: 0, last: f64::INFINITY }
    }

    /// Appends to `onsets` the sample before each crossing. `signal` continues the piece before; `first` is the index
    /// of its first sample in the whole signal. NaN is never a crossing.
    pub fn find(&mut self, first: usize, signal: &[f64], onsets: &mut Vec<usize>) {
        let mut k = self.next.saturating_sub(first).min(signal.len());
        self.rest(&signal[..k], first + k == self.next);
        let mut before = if k == 0 { self.last } else { signal[k - 1] };
        while k < signal.len() {
            let rest = &signal[k..];
            // A lane without a value above the level holds no crossing: the maximum is found without a branch.
            if let Some(lane) = rest.first_chunk::<LANE>()
                && !lane.iter().fold(before > self.level, |any, value| any | (*value > self.level))
            {
                before = lane[LANE - 1];
                k += LANE;
                continue;
            }
            let value = signal[k];
            if value > self.level && before <= self.level {
                onsets.push((first + k).saturating_sub(1));
                self.peaks = [0.0, self.peaks[0]];
                let end = k + self.rest_samples;
                self.rest(&signal[k..end.min(signal.len())], end <= signal.len());
                k = end;
                before = signal.get(k - 1).copied().unwrap_or(f64::INFINITY);
                continue;
            }
            before = value;
            k += 1;
        }
        self.next = self.next.max(first + k);
        if let Some(value) = signal.last() {
            self.last = *value;
        }
    }

    /// Looks at samples of a stroke while the search rests; at the end of its rest the level is set anew.
    fn rest(&mut self, signal: &[f64], ends: bool) {
        self.peaks[0] = signal.iter().fold(self.peaks[0], |a, b| a.max(*b));
        if ends {
            self.level = self.least.max(PEAK_SHARE * self.peaks[0].min(self.peaks[1]));
        }
    }
}

/// Onsets of all strokes in `signal`: samples before each upward crossing of `level`.
pub fn onsets(signal: &[f64], level: f64, period_samples: f64) -> Vec<usize> {
    let mut found = Vec::new();
    OnsetSearch::new(level, period_samples).find(0, signal, &mut found);
    found
}

/// Median of the distances between neighbours; `None` for fewer than two onsets.
pub fn median_period(onset_samples: &[f64]) -> Option<f64> {
    let mut periods: Vec<f64> = onset_samples.windows(2).map(|pair| pair[1] - pair[0]).collect();
    median(&mut periods)
}

/// Number of each onset, the first 0. A distance is divided by the local period (mean of the last eight single
/// ones), so that a rate that wanders does not shift the count across a hole.
pub fn number(onset_samples: &[f64], period_samples: f64) -> Vec<u64> {
    let mut numbers = Vec::with_capacity(onset_samples.len());
    let mut local = period_samples;
    let mut current = 0;
    for (k, onset) in onset_samples.iter().enumerate() {
        if k > 0 {
            let distance = onset - onset_samples[k - 1];
            let strokes = (distance / local).round().max(1.0);
            current += strokes as u64;
            if strokes == 1.0 {
                local += (distance - local) / 8.0;
            }
        }
        numbers.push(current);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::{OnsetSearch, median_period, number, onsets};

    fn pulses(period: usize, strokes: usize, missed: &[usize]) -> Vec<f64> {
        (0..period * strokes)
            .map(|k| f64::from(k % period > period / 3 && k % period < period / 2 && !missed.contains(&(k / period))))
            .collect()
    }

    #[test]
    fn every_stroke_is_found_once_however_the_signal_is_cut() {
        let signal = pulses(54, 200, &[17, 18, 90]);
        let whole = onsets(&signal, 0.5, 54.0);
        assert_eq!(whole.len(), 197);
        for piece in [1, 7, 33, 1000] {
            let mut search = OnsetSearch::new(0.5, 54.0);
            let mut found = Vec::new();
            for (k, part) in signal.chunks(piece).enumerate() {
                search.find(k * piece, part, &mut found);
            }
            assert_eq!(found, whole, "pieces of {piece}");
        }
    }

    #[test]
    fn holes_keep_their_numbers_while_the_rate_wanders() {
        let mut onset = 0.0;
        let mut kept = Vec::new();
        for stroke in 0..500_u64 {
            if ![3, 4, 250, 400].contains(&stroke) {
                kept.push((stroke, onset));
            }
            onset += 60.0 * (1.0 + 0.03 * (stroke as f64 / 40.0).sin());
        }
        let times: Vec<f64> = kept.iter().map(|(_, onset)| *onset).collect();
        let period = median_period(&times).expect("many");
        assert_eq!(number(&times, period), kept.iter().map(|(stroke, _)| *stroke).collect::<Vec<_>>());
    }

    #[test]
    fn a_recording_that_begins_in_contact_and_nan_make_no_onset() {
        assert!(onsets(&[1.0, 1.0, f64::NAN, 1.0, 1.0], 0.5, 2.0).is_empty());
    }

    /// A needle that leaves rings with a fiftieth of its stroke. The signal begins after a contact, so the first crossing
    /// is there: with a fixed level it would hide the next contact, and every one after it.
    #[test]
    fn the_search_does_not_lock_to_what_rings_when_a_needle_leaves() {
        let period = 60;
        let signal: Vec<f64> = (0..period * 40)
            .map(|k| match k % period {
                0..20 => 1.0,
                45..48 => 0.02,
                _ => 0.0,
            })
            .collect();
        let onsets = onsets(&signal[30..], 0.01, period as f64);
        let at_contact = onsets.iter().filter(|onset| (**onset + 30) % period > period - 3).count();
        assert!(at_contact == 37, "{onsets:?}");
    }
}
