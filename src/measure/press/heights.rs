//! Heights of the needles of one cartridge: order statistics of a normal sample.
//!
//! The tips of a cartridge do not stand in one plane. What is wanted is the foremost tip, what friction shows is the
//! mean tip; between the two stands the largest of a sample, whose distribution is known up to the scale: each height is
//! the largest of those that are left below the one before it, `Phi(h_k) = Phi(h_(k-1)) U_k^(1 / (n - k))` with `U_k`
//! uniform (Rosenblatt 1952; David and Nagaraja, Order Statistics, 3rd ed., 2.5). The foremost needles are kept one by
//! one, the others in groups that stand where the sample is expected (means by Blom 1958).
//!
//! Deliberately absent: forces.

use crate::stats::distribution::{Distribution, Normal, normal_density};

/// Most needles that are kept one by one.
const SINGLE_MAX: usize = 9;
/// Most groups of the others.
const GROUPS_MAX: usize = 15;

/// Standardised heights above the mean (largest first) of the needles of one cartridge.
#[derive(Clone, Debug)]
pub struct Heights {
    /// Expected height of each single needle, in standard deviations.
    pub single: Vec<f64>,
    /// Groups of the others: expected height in standard deviations and share of all needles.
    pub groups: Vec<(f64, f64)>,
    /// Share of all needles that one needle has.
    pub share: f64,
}

/// Heights of the single needles at some deviates, largest first, and what they change by.
#[derive(Clone, Debug, Default)]
pub struct Singles {
    /// Height of each, in standard deviations above the mean.
    pub heights: Vec<f64>,
    by_deviate: Vec<f64>,
    by_share: Vec<f64>,
}

impl Singles {
    /// Derivative of a needle's height by a deviate: that of each needle before it, and of its own.
    pub fn derivative(&self, needle: usize, deviate: usize) -> f64 {
        if deviate <= needle { self.by_deviate[deviate] * self.by_share[needle] } else { 0.0 }
    }
}

impl Heights {
    /// Of a cartridge with so many needles (at least one).
    pub fn of(needles: u32) -> Self {
        let count = needles.max(1) as usize;
        let n = count as f64;
        if count == 1 {
            return Self { single: Vec::new(), groups: vec![(0.0, 1.0)], share: 1.0 };
        }
        let expected = |rank: usize| Normal.quantile((n - rank as f64 - 0.375) / (n + 0.25)).unwrap_or(0.0);
        let kept = count.min(SINGLE_MAX);
        let single: Vec<f64> = (0..kept).map(expected).collect();
        let rest: Vec<f64> = (kept..count).map(expected).collect();
        let size = rest.len().div_ceil(GROUPS_MAX).max(1);
        let groups = rest
            .chunks(size)
            .map(|group| (group.iter().sum::<f64>() / group.len() as f64, group.len() as f64 / n))
            .collect();
        Self { single, groups, share: 1.0 / n }
    }

    /// The single needles at one standard normal deviate each, all independent; at zero each is the median of what the
    /// one before it leaves.
    pub fn singles(&self, deviates: &[f64]) -> Singles {
        let mut at = Singles::default();
        // Logarithm of the share of needles that stand below.
        let mut ln_below = 0.0;
        for (k, &deviate) in deviates.iter().take(self.single.len()).enumerate() {
            let left = 1.0 / self.share - k as f64;
            let tails = Normal.tails(deviate);
            // Of two small numbers the one that keeps its digits.
            ln_below += if deviate > 0.0 { (-tails.upper).ln_1p() } else { tails.lower.ln() } / left;
            let height = Normal.upper_quantile(-ln_below.exp_m1()).unwrap_or(self.single[k]);
            at.by_deviate.push(normal_density(deviate) / tails.lower / left);
            at.by_share.push(ln_below.exp() / normal_density(height));
            at.heights.push(height);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::Heights;
    use crate::prng::Stream;

    /// Expected maximum of 12 normals 1.629 (Harter 1961, table 1); the shares add up to one.
    #[test]
    fn expected_maximum_and_shares() {
        let heights = Heights::of(12);
        assert!((heights.single[0] - 1.629).abs() < 0.02, "{}", heights.single[0]);
        let share: f64 = heights.groups.iter().map(|(_, share)| share).sum::<f64>() + 9.0 * heights.share;
        assert!((share - 1.0).abs() < 1e-12);
        assert_eq!(Heights::of(1).single.len(), 0);
    }

    /// Through the deviates of a draw come order statistics of a normal sample: mean, scatter and skewness of the largest
    /// and the third of 16 as 4000 samples have them.
    #[test]
    fn singles_are_drawn_as_samples_are() {
        let mut stream = Stream::named(1, "heights");
        let heights = Heights::of(16);
        let mut moments = |draw: &mut dyn FnMut(&mut Stream) -> f64| {
            let values: Vec<f64> = (0..4000).map(|_| draw(&mut stream)).collect();
            let mean = values.iter().sum::<f64>() / 4000.0;
            let moment = |k: i32| values.iter().map(|v| (v - mean).powi(k)).sum::<f64>() / 4000.0;
            [mean, moment(2).sqrt(), moment(3).cbrt()]
        };
        for rank in [0, 2] {
            let sampled = moments(&mut |stream| {
                let mut sample: Vec<f64> = (0..16).map(|_| stream.normal()).collect();
                sample.sort_by(|a, b| b.total_cmp(a));
                sample[rank]
            });
            let ours = moments(&mut |stream| {
                let deviates: Vec<f64> = (0..9).map(|_| stream.normal()).collect();
                heights.singles(&deviates).heights[rank]
            });
            let close = sampled.iter().zip(ours).all(|(a, b)| (a - b).abs() < 0.08);
            assert!(close, "{rank}: {sampled:?} {ours:?}");
        }
    }

    #[test]
    fn derivatives_are_those_of_the_heights() {
        let heights = Heights::of(12);
        let deviates = [0.3, -1.2, 2.5, 0.0, 4.0, -3.0, 0.7, -0.1, 1.0];
        let at = heights.singles(&deviates);
        for j in 0..9 {
            let mut moved = deviates;
            moved[j] += 1e-6;
            let then = heights.singles(&moved);
            for k in 0..9 {
                let numeric = (then.heights[k] - at.heights[k]) / 1e-6;
                let error = (at.derivative(k, j) - numeric).abs();
                assert!(error < 1e-4 * (1.0 + numeric.abs()), "{k} by {j}: {} {numeric}", at.derivative(k, j));
            }
        }
    }
}
