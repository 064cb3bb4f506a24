//! Relaxation of the phantom: the force of the past through low-passes, which the surface still stands back by.
//!
//! A linear viscoelastic phantom that is pressed by `F(t)` is dimpled as an elastic one is by `F + sum r_k G_k`, with
//! `G_k` the force so far through a low-pass of retardation time `l_k` and `r_k` what is recovered that late over what
//! is recovered at once (Ferry, Viscoelastic Properties of Polymers, 3rd ed., 1.B and 3.B). So relaxation is a sum of
//! known curves, whatever the law of the contact.
//!
//! Deliberately absent: finding the shares (see `unloading` and `onset`).

use crate::measure::press::{
    contact::{Bins, Curve},
    fit::cholesky,
};
use std::{array, ops::Range};

/// Number of retardation times.
pub const TIMES: usize = 6;
/// Retardation times, s: between a row and a press.
const RETARDATION_S: [f64; TIMES] = [0.12, 0.25, 0.5, 1.0, 2.5, 8.0];
/// Standard uncertainty that is left where the withdrawal shows the shares exactly: of each by itself, and over its size,
/// for tissue that is dimpled and tissue that is held relax not quite alike.
const SHARE_U: f64 = 0.01;
const SHARE_RELATIVE_U: f64 = 0.4;

/// The force through a low-pass of each retardation time.
pub struct Memory {
    slow: [f64; TIMES],
    approach: [f64; TIMES],
    step_s: f64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { slow: Default::default(), approach: Default::default(), step_s: f64::NAN }
    }
}

impl Memory {
    /// After a further `step_s` under a mean force.
    pub fn step(&mut self, step_s: f64, mean: f64) -> &[f64; TIMES] {
        // Rows come at one interval but for gaps.
        if self.step_s.is_nan() || (step_s - self.step_s).abs() > 1e-9 {
            self.step_s = step_s;
            self.approach = RETARDATION_S.map(|time_s| -(-step_s / time_s).exp_m1());
        }
        self.slow.iter_mut().zip(&self.approach).for_each(|(slow, share)| *slow += (mean - *slow) * share);
        &self.slow
    }
}

/// Late recovery over the instantaneous one, for each of the retardation times.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Retarded {
    /// Estimate of each share.
    pub shares: [f64; TIMES],
    /// Their covariance.
    pub covariance: [[f64; TIMES]; TIMES],
}

impl Retarded {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.shares.iter().sum()
    }
}

/// What relaxation does to the curves of a press, for each retardation time by a share of one.
#[derive(Clone, Debug)]
pub struct Late {
    /// Estimate of each share before the curves are looked at.
    pub shares: [f64; TIMES],
    /// Lower triangle (row-major) of the Cholesky factor of their covariance.
    pub factor: Vec<f64>,
    /// Mean force that has relaxed in each bin of the rise, N.
    pub rise_n: Vec<[f64; TIMES]>,
    /// Distance that the surface still stands back by in each bin of the slide, mm.
    pub slide_mm: Vec<[f64; TIMES]>,
}

impl Late {
    /// From what the withdrawal showed: `bins` puts the rows of rise and slide into bins, `rows` are those from the first
    /// contact on. `None` where the covariance is none.
    pub fn of(
        retarded: &Retarded,
        stiffness_n_per_mm: f64,
        (t_s, curve): (&[f64], &Curve<'_>),
        rows: Range<usize>,
        bins: &dyn Fn(&Curve<'_>) -> [Bins; 2],
    ) -> Option<Self> {
        let mut factor: Vec<f64> = retarded.covariance.iter().flatten().copied().collect();
        for (variance, share) in factor.iter_mut().step_by(TIMES + 1).zip(retarded.shares) {
            *variance += SHARE_U.hypot(SHARE_RELATIVE_U * share).powi(2);
        }
        if !cholesky(&mut factor, TIMES) {
            return None;
        }
        let memories = memories(t_s, curve.force_n, rows);
        let binned: [[Bins; 2]; TIMES] =
            array::from_fn(|k| bins(&Curve { force_n: &memories[k], surface_mm: curve.surface_mm }));
        let each = |phase: usize, scale: f64| {
            (0..binned[0][phase].rows.len())
                .map(|bin| array::from_fn(|k| binned[k][phase].force_n[bin] * scale))
                .collect()
        };
        Some(Self {
            shares: retarded.shares,
            factor,
            rise_n: each(0, 1.0),
            slide_mm: each(1, 1.0 / stiffness_n_per_mm),
        })
    }

    /// The shares at independent standard normal `deviates`.
    pub fn shares_at(&self, deviates: &[f64]) -> [f64; TIMES] {
        array::from_fn(|k| {
            let row = &self.factor[k * TIMES..k * TIMES + k + 1];
            self.shares[k] + row.iter().zip(deviates).map(|(l, w)| l * w).sum::<f64>()
        })
    }

    /// Derivatives by the deviates of what the shares `by_share` make.
    pub fn by_deviates(&self, by_share: &[f64; TIMES]) -> [f64; TIMES] {
        array::from_fn(|j| (j..TIMES).map(|k| self.factor[k * TIMES + j] * by_share[k]).sum())
    }
}

/// The force through each low-pass at every row; zero outside `rows`.
fn memories(t_s: &[f64], force_n: &[f64], rows: Range<usize>) -> [Vec<f64>; TIMES] {
    let mut memory = Memory::default();
    let mut all: [Vec<f64>; TIMES] = array::from_fn(|_| vec![0.0; force_n.len()]);
    for i in rows.skip(1) {
        let slow = memory.step(t_s[i] - t_s[i - 1], 0.5 * (force_n[i] + force_n[i - 1]));
        all.iter_mut().zip(slow).for_each(|(all, slow)| all[i] = *slow);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{Late, Memory, Retarded};
    use crate::{
        measure::press::{
            contact::{Bins, Curve},
            heights::Heights,
            onset::{Curves, NEEDLES, Onset, locate},
        },
        prng::Stream,
    };

    /// A tip at 1 mm in a phantom of the power 1.5 that gives by as much again with 0.5 s: the onset is found where the
    /// unloading tells that share well, and so is the power, which the force alone gets wrong.
    #[test]
    fn a_rise_that_relaxes_shows_its_onset() {
        let mut stream = Stream::named(6, "relaxation");
        let mut memory = Memory::default();
        let (mut force_n, mut last_n) = (Vec::new(), 0.0);
        let t_s: Vec<f64> = (0..4000).map(|i| f64::from(i) * 1e-3).collect();
        let surface_mm: Vec<f64> = t_s.iter().map(|t| 0.8 + 0.1 * t).collect();
        for z in &surface_mm {
            let late_n = memory.step(1e-3, last_n)[2];
            last_n = (1.5 * (z - 1.0).max(0.0).powf(1.5) - late_n).max(0.0);
            force_n.push(last_n + 2e-4 * stream.normal());
        }
        let curve = Curve { force_n: &force_n, surface_mm: &surface_mm };
        let bins = |curve: &Curve<'_>| [Bins::of(curve, 0..4000, 0.75..2.0, 1.01), Bins::default()];
        let mut retarded = Retarded::default();
        (retarded.shares[2], retarded.covariance[2][2]) = (0.9, 0.01);
        let late = Late::of(&retarded, 1.0, (&t_s, &curve), 1900..4000, &bins).expect("a covariance");
        let heights = Heights::of(1);
        let onset = |late: Option<&Late>| {
            let curves = Curves {
                rise: &bins(&curve)[0],
                slide: None,
                late,
                heights: &heights,
                noise_n: 2e-4,
                zero_u_n: 2e-3,
                length_mm: 0.19,
                force_n: force_n[3999],
                rough_share: 0.05,
                shape: NEEDLES[0],
            };
            locate(&curves, 1.01).expect("an onset")
        };
        let (with, without) = (onset(Some(&late)), onset(None));
        assert!((with.tip_mm - 1.0).abs() < (2.0 * with.u_mm).min(0.002), "{with:?}");
        let off = |onset: &Onset| (onset.law[1] - 1.5).abs();
        assert!(off(&with) < 0.05 && off(&without) > 0.05, "{without:?}");
    }

    #[test]
    fn derivatives_by_deviates_are_those_of_the_shares() {
        let mut retarded = Retarded::default();
        (0..6).for_each(|k| retarded.covariance[k][k] = 0.04);
        (retarded.covariance[0][3], retarded.covariance[3][0]) = (-0.03, -0.03);
        let curve = Curve { force_n: &[], surface_mm: &[] };
        let late = Late::of(&retarded, 1.0, (&[], &curve), 0..0, &|_| [Bins::default(), Bins::default()]);
        let late = late.expect("a covariance");
        let by_share = [0.3, -0.2, 0.5, 1.0, 0.0, 0.1];
        let sum = |w: &[f64; 6]| late.shares_at(w).iter().zip(by_share).map(|(share, by)| share * by).sum::<f64>();
        let by = late.by_deviates(&by_share);
        for (j, by) in by.iter().enumerate() {
            let mut w = [0.0; 6];
            w[j] = 1.0;
            assert!((sum(&w) - sum(&[0.0; 6]) - by).abs() < 1e-12, "{j}");
        }
    }
}
