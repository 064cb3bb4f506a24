//! What became of many tests of one course.

use super::{Course, draw, habits::Habit};
use rig::measure::{Outcome, Puncture, puncture::measure};
use std::{collections::BTreeMap, ops::Range};

/// Counts, and errors of those punctures that were found where they are.
#[derive(Clone, Debug, Default)]
pub struct Score {
    pub tests: usize,
    pub refused: usize,
    /// Tests whose recording does not tell whether a foil was pierced.
    pub undecided: usize,
    /// Tests in which a foil was pierced, and of these: found where it was, at the very sample, not found at all.
    pub pierced: usize,
    pub there: usize,
    pub exact: usize,
    pub lost: usize,
    /// Punctures of foils that were not pierced.
    pub invented: usize,
    /// Tests in which every layer was found.
    pub layers: usize,
    /// Relative errors of the force, in order, and how many lie within 2 u.
    pub force_off: Vec<f64>,
    pub inside: usize,
    /// Errors of the tip, mm, in order, and how many lie within 2 u.
    pub tip_off_mm: Vec<f64>,
    pub tip_inside: usize,
    /// How often each reason of refusal was given.
    pub reasons: BTreeMap<String, usize>,
    /// Seeds of what went wrong.
    pub wrong: Vec<u64>,
}

impl Score {
    /// Measures the tests of these seeds, written down in this way.
    pub fn of(course: Course, habit: Habit, seeds: Range<u64>) -> Self {
        let mut score = Self::default();
        for seed in seeds {
            let good = score.add(course, habit, seed);
            if !good {
                score.wrong.push(seed);
            }
        }
        score.force_off.sort_by(f64::total_cmp);
        score.tip_off_mm.sort_by(f64::total_cmp);
        score
    }

    /// Whether the test was measured rightly, or refused.
    fn add(&mut self, course: Course, habit: Habit, seed: u64) -> bool {
        let (header, recording, truth) = draw(course, habit, seed);
        self.tests += 1;
        if truth.undecided {
            self.undecided += 1;
            return true;
        }
        self.pierced += usize::from(truth.peak.is_some());
        let found: Puncture = match measure(&header, &recording).outcome {
            Ok(Outcome::Puncture(found)) => found,
            refused => {
                self.refused += 1;
                let code = refused.err().map_or_else(String::new, |refusal| refusal.code);
                *self.reasons.entry(code).or_default() += 1;
                return true;
            }
        };
        if let Some((tip, true_mm)) = found.tip_mm.as_ref().zip(truth.tip_mm) {
            self.tip_off_mm.push((tip.value - true_mm).abs());
            self.tip_inside += usize::from((tip.value - true_mm).abs() <= 2.0 * tip.u());
        }
        let (Some((row, force_n)), Some(index), Some(force)) =
            (truth.peak, found.puncture_index, &found.puncture_force_n)
        else {
            self.lost += usize::from(truth.peak.is_some());
            self.invented += usize::from(found.punctured && truth.peak.is_none());
            return truth.peak.is_some() == found.punctured;
        };
        let off = index.abs_diff(row as u64);
        self.exact += usize::from(off == 0);
        self.layers += usize::from(found.layers.len() >= truth.layers);
        // A gradual fall has no sharp beginning, and hum has a crest each period.
        let there = off as f64 <= 3.0 + 0.5 * truth.drop_rows + 1.3 * truth.hum_rows;
        if there {
            self.there += 1;
            self.force_off.push((force.value / force_n - 1.0).abs());
            self.inside += usize::from((force.value - force_n).abs() <= 2.0 * force.u());
        }
        there && found.layers.len() >= truth.layers
    }
}
