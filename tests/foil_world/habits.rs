//! What testers and the programs behind them do to a recording before anybody sees it.

use super::Truth;
use rig::{
    capture::{Phase, memory::Recording},
    prng::Stream,
};

/// How a recording was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Habit {
    /// Every reading as it was.
    Faithful,
    /// Only readings above a threshold, as if they had followed one another.
    Spliced,
    /// Only readings above a threshold, with the times they had.
    Gapped,
    /// Steps of a twentieth to a sixth of the peak.
    Coarse,
    /// Every few readings only: 10 to 80 a second.
    Slow,
    /// The gauge reads less often than the program writes: readings repeat.
    Repeated,
    /// Triggered by way: uneven steps in time.
    Uneven,
    /// Times in whole hundredths of a second.
    CoarseTime,
    /// Positions in steps of a twentieth of the way.
    CoarseStage,
    /// The tare was forgotten: half a newton.
    Untared,
    /// Begun within the rise, and ended two to six readings after the peak.
    Brief,
    /// Spikes of one to three readings.
    Spiky,
    /// A bump while the needle approaches.
    Bumped,
    /// Positions reckoned from time and speed, whatever the stage did.
    Reckoned,
}

impl Habit {
    /// Every habit.
    pub const ALL: [Self; 14] = [
        Self::Faithful,
        Self::Spliced,
        Self::Gapped,
        Self::Coarse,
        Self::Slow,
        Self::Repeated,
        Self::Uneven,
        Self::CoarseTime,
        Self::CoarseStage,
        Self::Untared,
        Self::Brief,
        Self::Spiky,
        Self::Bumped,
        Self::Reckoned,
    ];

    /// The recording as it is handed on, and its truth.
    pub fn write(self, read: &Recording, truth: &Truth, random: &mut Stream) -> (Recording, Truth) {
        let lowest_n = truth.true_n.iter().copied().fold(f64::INFINITY, f64::min);
        let highest_n = truth.true_n.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let height_n = highest_n - lowest_n;
        let mut page = Page::of(read);
        let mut step = 1;
        match self {
            Self::Faithful => {}
            Self::Spliced | Self::Gapped => {
                let threshold_n = lowest_n + height_n * random.between(0.1, 0.45);
                page.tare(truth);
                page.keep(|row| read.force_n[row] - truth.offset_n > threshold_n);
                if self == Self::Spliced {
                    page.renumber(read);
                }
            }
            Self::Coarse => page.round_force(height_n * random.between(0.05, 0.17)),
            Self::Slow => {
                let rows = read.len() / (40 + (random.uniform() * 80.0) as usize);
                step = rows.max(2);
                page.keep(|row| row % step == 0);
            }
            Self::Repeated => {
                step = 2 + (random.uniform() * 5.0) as usize;
                (0..read.len()).for_each(|row| page.force_n[row] = read.force_n[row - row % step]);
            }
            Self::Uneven => {
                let gone: Vec<bool> = (0..read.len()).map(|_| random.chance(0.4)).collect();
                page.keep(|row| !gone[row]);
            }
            Self::CoarseTime => page.t_s.iter_mut().for_each(|t_s| *t_s = (*t_s * 100.0).floor() / 100.0),
            Self::CoarseStage => {
                let way_mm = read.stage_mm[read.len() - 1] - read.stage_mm[0];
                page.stage_mm.iter_mut().for_each(|z| *z = (*z * 20.0 / way_mm).round() * way_mm / 20.0);
            }
            // A tester that waits for a force has been tared.
            Self::Untared if truth.triggered => {}
            Self::Untared => page.force_n.iter_mut().for_each(|force| *force += 0.5),
            Self::Brief => {
                let touched = truth.true_n.iter().position(|force| *force > lowest_n + 0.02 * height_n).unwrap_or(0);
                let pierced = truth.pierced.max(touched + 20);
                let first = touched + (random.between(0.0, 0.5) * (pierced - touched) as f64) as usize;
                let last = pierced + 2 + (random.uniform() * 5.0) as usize;
                page.tare(truth);
                page.keep(|row| (first..=last).contains(&row));
            }
            Self::Spiky => {
                let clean_n = page.force_n.clone();
                page.spikes(truth, height_n, random);
                let (written, _) = page.hand_on(self, truth, step);
                page.force_n = clean_n;
                return (written, page.hand_on(self, truth, step).1);
            }
            Self::Bumped => {
                let touched = truth.true_n.iter().position(|force| *force > lowest_n + 0.02 * height_n).unwrap_or(0);
                let (length, bump_n) =
                    (random.between(0.2, 0.7) * touched as f64, height_n * random.between(0.05, 0.35));
                let bump = |row: usize| bump_n * (std::f64::consts::PI * row as f64 / length.max(1.0)).sin();
                (0..length as usize).for_each(|row| page.force_n[row] += bump(row));
            }
            Self::Reckoned => {
                let speed = random.between(0.5, 3.0);
                (0..read.len()).for_each(|row| page.stage_mm[row] = speed * read.t_s[row]);
            }
        }
        page.hand_on(self, truth, step)
    }
}

/// Columns that are being written, and the rows they come from.
struct Page {
    rows: Vec<usize>,
    t_s: Vec<f64>,
    force_n: Vec<f64>,
    stage_mm: Vec<f64>,
}

impl Page {
    fn of(read: &Recording) -> Self {
        let (t_s, force_n, stage_mm) = (read.t_s.clone(), read.force_n.clone(), read.stage_mm.clone());
        Self { rows: (0..read.len()).collect(), t_s, force_n, stage_mm }
    }

    fn keep(&mut self, kept: impl Fn(usize) -> bool) {
        let choose = |column: &mut Vec<f64>, rows: &[usize]| {
            let mut rows = rows.iter();
            column.retain(|_| rows.next().is_some_and(|row| kept(*row)));
        };
        choose(&mut self.t_s, &self.rows);
        choose(&mut self.force_n, &self.rows);
        choose(&mut self.stage_mm, &self.rows);
        self.rows.retain(|row| kept(*row));
    }

    /// Times and places of as many rows from the beginning.
    fn renumber(&mut self, read: &Recording) {
        self.t_s = read.t_s[..self.rows.len()].to_vec();
        self.stage_mm = read.stage_mm[..self.rows.len()].to_vec();
    }

    /// Sets the zero right: without a baseline nobody could do it afterwards.
    fn tare(&mut self, truth: &Truth) {
        self.force_n.iter_mut().for_each(|force| *force -= truth.offset_n);
    }

    fn round_force(&mut self, quantum_n: f64) {
        self.force_n.iter_mut().for_each(|force| *force = (*force / quantum_n).round() * quantum_n);
    }

    fn spikes(&mut self, truth: &Truth, height_n: f64, random: &mut Stream) {
        for _ in 0..if self.rows.len() > 40 { 1 + (random.uniform() * 2.0) as usize } else { 0 } {
            let wide = 1 + (random.uniform() * 3.0) as usize;
            let at = 4 + (random.uniform() * (self.rows.len() - 12) as f64) as usize;
            let high_n = height_n * random.between(0.8, 5.0) * if random.chance(0.5) { 1.0 } else { -1.0 };
            if at.abs_diff(truth.pierced) > 8 {
                (at..at + wide).for_each(|row| self.force_n[row] += high_n * random.between(0.7, 1.0));
            }
        }
    }

    fn hand_on(&self, habit: Habit, truth: &Truth, step: usize) -> (Recording, Truth) {
        let mut written = Recording::default();
        for ((t_s, force_n), stage_mm) in self.t_s.iter().zip(&self.force_n).zip(&self.stage_mm) {
            written.push(Phase::Press, *t_s, *force_n, *stage_mm);
        }
        let mut truth = truth.clone();
        if truth.peak.is_some() {
            let places = || (0..self.rows.len()).filter(|at| truth.candidates.contains(&self.rows[*at]));
            let peak = places().reduce(|a, b| if self.force_n[b] > self.force_n[a] { b } else { a });
            let peak = peak.map(|at| (at, truth.true_n[self.rows[at]]));
            // What ends before the force has fallen by half tells nobody that it fell.
            let highest_n = truth.true_n.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let fallen = |row: &usize| *row > truth.pierced && truth.true_n[*row] < 0.5 * highest_n;
            // A threshold within the hum leaves crests that no peak stands out from.
            let buried = matches!(habit, Habit::Spliced | Habit::Gapped) && truth.hum_n > 0.2 * highest_n;
            truth.undecided = buried || peak.is_none() || (habit != Habit::Faithful && !self.rows.iter().any(fallen));
            truth.peak = peak;
        }
        truth.hum_rows /= if habit == Habit::Repeated { 1.0 } else { step as f64 };
        truth.drop_rows =
            truth.drop_rows / step as f64 + if habit == Habit::Repeated { 2.0 * step as f64 } else { 0.0 };
        truth.tip_mm = truth.tip_mm.filter(|_| !matches!(habit, Habit::Spliced | Habit::Reckoned));
        (written, truth)
    }
}
