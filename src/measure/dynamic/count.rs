//! Strokes of a run, numbered: which touched, which were missed, how fast they followed one another.
//!
//! Invariant: every number from 0 to the total is either a stroke that touched, or a hole; a hole is missed only where
//! the recording there is whole.
//! Deliberately absent: forces and lengths.

use crate::{
    measure::{Refusal, dynamic::segment},
    uncertainty::{Budget, Measured},
};

/// Strokes that must have touched.
pub const STROKES_MIN: usize = 20;
/// Share of a period by which the run must outlast the place of a stroke for it to be called missed.
const MISSED_MARGIN: f64 = 0.08;
/// Part of a period that a stroke takes which the beginning or the end of the run cut, at least.
const BEGUN_PERIODS: f64 = 0.5;
/// Longest pause of the strokes, s.
const PAUSE_S_MAX: f64 = 0.5;
/// Strokes at either end of the run that are compared, and how far one may be off, in medians of all.
const NEIGHBOURS: usize = 9;
const OFF_MAX: f64 = 5.0;
/// Relative standard uncertainty of the sample clock where nothing is known of it: a cheap crystal (unconfirmed).
const CLOCK_RELATIVE: f64 = 5e-6;

/// A run as it was seen. Times in samples from its start.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Onset of each stroke that touched.
    pub onset_samples: &'a [f64],
    /// Length of the run.
    pub samples: usize,
    /// True where it begins within a stroke, which then is neither measured nor missed.
    pub begins_in_contact: bool,
    /// True where it ends within a stroke, which may be too short to be seen and is not missed.
    pub ends_in_contact: bool,
    /// Stretches of damaged samples, first and last.
    pub damage: &'a [(f64, f64)],
    /// Measured sample rate, Hz.
    pub rate_hz: f64,
}

/// Numbers of the strokes.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    /// Median period, samples.
    pub period_samples: f64,
    /// Number of each stroke that touched.
    pub numbers: Vec<u64>,
    /// Strokes in the run.
    pub total: u64,
    /// Holes: number, expected onset in samples, and whether it was missed (else the recording is damaged there).
    pub holes: Vec<(u64, f64, bool)>,
}

impl Count {
    /// Numbers the strokes.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where fewer than [`STROKES_MIN`] touched, or the strokes paused.
    pub fn of(seen: &Seen<'_>) -> Result<Self, Refusal> {
        let onsets = seen.onset_samples;
        let (Some(period), true) = (segment::median_period(onsets), onsets.len() >= STROKES_MIN) else {
            let message = format!(
                "{} strokes touched in the run, at least {STROKES_MIN} are needed: run longer, and check that the pen \
                 runs and the phantom is in reach",
                onsets.len()
            );
            return Err(Refusal { code: "too-few-strokes".to_owned(), message });
        };
        let (first, last) = (onsets[0], onsets[onsets.len() - 1]);
        let cut = |in_contact: bool| if in_contact { BEGUN_PERIODS * period } else { 0.0 };
        let room = |samples: f64| (samples / period - MISSED_MARGIN).floor().max(0.0) as u64;
        let head = room(first - cut(seen.begins_in_contact));
        let numbers: Vec<u64> = segment::number(onsets, period).into_iter().map(|number| number + head).collect();
        let total = numbers[numbers.len() - 1] + 1 + room(seen.samples as f64 - last - cut(seen.ends_in_contact));
        let mut count = Self { period_samples: period, numbers, total, holes: Vec::new() };
        count.find_holes(seen)?;
        Ok(count)
    }

    fn find_holes(&mut self, seen: &Seen<'_>) -> Result<(), Refusal> {
        let period = self.period_samples;
        let onsets = seen.onset_samples;
        let mut add = |from: u64, until: u64, before: f64, step: f64| -> Result<(), Refusal> {
            let onset = |k: u64| before + (k - from + 1) as f64 * step;
            let whole = |at: f64| seen.damage.iter().all(|(a, b)| *b < at - 0.3 * period || *a > at + period);
            let missed = (from..until).filter(|k| whole(onset(*k))).count();
            if missed as f64 * period > PAUSE_S_MAX * seen.rate_hz {
                let message = format!(
                    "no stroke touched from {:.3} s to {:.3} s after the start of the run; pauses up to \
                     {PAUSE_S_MAX} s are counted as missed strokes: check that the pen did not stall and run again",
                    before.max(0.0) / seen.rate_hz,
                    onset(until) / seen.rate_hz
                );
                return Err(Refusal { code: "pen-stalled".to_owned(), message });
            }
            self.holes.extend((from..until).map(|k| (k, onset(k), whole(onset(k)))));
            Ok(())
        };
        let first = self.numbers[0];
        add(0, first, onsets[0] - (first + 1) as f64 * period, period)?;
        for k in 1..onsets.len() {
            let strokes = (self.numbers[k] - self.numbers[k - 1]) as f64;
            add(self.numbers[k - 1] + 1, self.numbers[k], onsets[k - 1], (onsets[k] - onsets[k - 1]) / strokes)?;
        }
        add(self.numbers[onsets.len() - 1] + 1, self.total, onsets[onsets.len() - 1], period)
    }

    /// Strokes that were missed.
    pub fn missed(&self) -> u64 {
        self.holes.iter().filter(|(_, _, missed)| *missed).count() as u64
    }

    /// Periods between neighbours that both touched, s.
    pub fn periods_s(&self, seen: &Seen<'_>) -> Vec<f64> {
        (1..self.numbers.len())
            .filter(|k| self.numbers[*k] == self.numbers[k - 1] + 1)
            .map(|k| (seen.onset_samples[k] - seen.onset_samples[k - 1]) / seen.rate_hz)
            .collect()
    }

    /// The first of `strokes` whose onset is where its neighbours say: one that was timed by something else would put
    /// its error into the rate.
    fn sound(&self, seen: &Seen<'_>, strokes: impl Iterator<Item = usize> + Clone) -> usize {
        let near: Vec<usize> = strokes.clone().take(NEIGHBOURS).collect();
        let apart = |k: usize, of: usize| {
            let periods = self.numbers[k] as f64 - self.numbers[of] as f64;
            seen.onset_samples[k] - seen.onset_samples[of] - periods * self.period_samples
        };
        let off = |k: usize| {
            let mut all: Vec<f64> = near.iter().filter(|of| **of != k).map(|of| apart(k, *of)).collect();
            all.sort_unstable_by(f64::total_cmp);
            all.get(all.len() / 2).map_or(0.0, |middle| middle.abs())
        };
        let usual = {
            let mut all: Vec<f64> = near.iter().map(|k| off(*k)).collect();
            all.sort_unstable_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(0.0)
        };
        let sound = near.iter().copied().find(|k| off(*k) <= OFF_MAX * usual);
        sound.or_else(|| near.first().copied()).unwrap_or(0)
    }

    /// Strokes per second between the first and the last onset; `jitter_s` is the SD of a period.
    pub fn rate(&self, seen: &Seen<'_>, jitter_s: f64) -> Measured {
        let last = self.numbers.len() - 1;
        let (first, last) = (self.sound(seen, 0..=last), self.sound(seen, (0..=last).rev()));
        let strokes = (self.numbers[last] - self.numbers[first]) as f64;
        let seconds = (seen.onset_samples[last] - seen.onset_samples[first]) / seen.rate_hz;
        let rate = strokes / seconds;
        let mut budget = Budget::default();
        // Two onsets, and the part of a stroke that lies before the one and after the other.
        budget.random("first and last stroke", rate * 2.0 * jitter_s / seconds, Some(strokes));
        budget.common("sample clock", rate * CLOCK_RELATIVE, None);
        Measured::new(rate, budget)
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, Seen};

    fn seen<'a>(
        onset_samples: &'a [f64],
        samples: usize,
        (begins_in_contact, ends_in_contact): (bool, bool),
        damage: &'a [(f64, f64)],
    ) -> Seen<'a> {
        Seen { onset_samples, samples, begins_in_contact, ends_in_contact, damage, rate_hz: 6000.0 }
    }

    #[test]
    fn a_stroke_that_the_end_of_the_run_cuts_is_not_missed() {
        let onsets: Vec<f64> = (0..50).map(|k| 12.0 + 60.0 * f64::from(k)).collect();
        let last = 12 + 60 * 49;
        let total = |samples: usize, ends_in_contact: bool| {
            let count = Count::of(&seen(&onsets, samples, (false, ends_in_contact), &[])).expect("counted");
            (count.total, count.missed())
        };
        // A stroke is due 60 samples after the last, and needs a few more to be seen.
        assert_eq!(total(last + 66, false), (51, 1));
        assert_eq!(total(last + 66, true), (50, 0));
        assert_eq!(total(last + 20, true), (50, 0));
        assert_eq!(total(last + 126, true), (51, 1));
    }

    fn count(missing: &[u64], samples: usize, damage: &[(f64, f64)]) -> Result<Count, String> {
        let onsets: Vec<f64> = (0..100).filter(|k| !missing.contains(k)).map(|k| 12.0 + 60.0 * k as f64).collect();
        let contact = (false, false);
        let seen = seen(&onsets, samples, contact, damage);
        Count::of(&seen).map_err(|refusal| refusal.code)
    }

    #[test]
    fn missed_strokes_are_named_at_the_ends_too() {
        for missing in [vec![], vec![0], vec![99], vec![0, 1, 50, 98, 99], vec![7, 8, 9]] {
            let count = count(&missing, 6000, &[]).expect("counted");
            assert_eq!(count.holes.iter().map(|hole| hole.0).collect::<Vec<_>>(), missing);
            assert_eq!((count.missed(), count.total), (missing.len() as u64, 100));
        }
    }

    #[test]
    fn a_stroke_where_samples_were_lost_is_not_missed() {
        let count = count(&[20, 40], 6000, &[(1210.0, 1230.0)]).expect("counted");
        assert_eq!(count.holes.iter().map(|hole| hole.2).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_pen_that_stops_is_refused() {
        assert_eq!(count(&(30..95).collect::<Vec<_>>(), 6000, &[]), Err("pen-stalled".to_owned()));
        assert_eq!(count(&(10..100).collect::<Vec<_>>(), 600, &[]), Err("too-few-strokes".to_owned()));
    }
}
