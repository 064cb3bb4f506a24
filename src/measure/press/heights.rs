//! Heights of the needles of one cartridge: order statistics of a normal sample.
//!
//! The tips of a cartridge do not stand in one plane. What is wanted is the foremost tip, what friction shows is the
//! mean tip; between the two stands the largest of a sample, whose mean and covariance are known up to the scale
//! (David and Johnson 1954, first order; means by Blom 1958). The foremost needles are kept one by one, the
//! others in groups that stand where the sample is expected.
//!
//! Deliberately absent: forces.

use crate::{
    measure::press::fit::cholesky,
    stats::distribution::{Distribution, Normal, normal_density},
};

/// Most needles that are kept one by one.
const SINGLE_MAX: usize = 9;
/// Most groups of the others.
const GROUPS_MAX: usize = 15;

/// Standardised heights above the mean (largest first) of the needles of one cartridge.
#[derive(Clone, Debug)]
pub struct Heights {
    /// Expected height of each single needle, in standard deviations.
    pub single: Vec<f64>,
    /// Lower triangle (row-major) of the Cholesky factor of their covariance.
    pub factor: Vec<f64>,
    /// Groups of the others: expected height in standard deviations and share of all needles.
    pub groups: Vec<(f64, f64)>,
    /// Share of all needles that one needle has.
    pub share: f64,
}

impl Heights {
    /// Of a cartridge with so many needles (at least one).
    pub fn of(needles: u32) -> Self {
        let count = needles.max(1) as usize;
        let n = count as f64;
        if count == 1 {
            return Self { single: Vec::new(), factor: Vec::new(), groups: vec![(0.0, 1.0)], share: 1.0 };
        }
        let expected = |rank: usize| Normal.quantile((n - rank as f64 - 0.375) / (n + 0.25)).unwrap_or(0.0);
        let kept = count.min(SINGLE_MAX);
        let single: Vec<f64> = (0..kept).map(expected).collect();
        let mut factor = vec![0.0; kept * kept];
        for i in 0..kept {
            for j in 0..kept {
                let (high, low) = (i.min(j), i.max(j));
                let p = |rank: usize| (n - rank as f64) / (n + 1.0);
                let density = |rank: usize| normal_density(Normal.quantile(p(rank)).unwrap_or(0.0));
                factor[i * kept + j] = p(low) * (1.0 - p(high)) / ((n + 2.0) * density(low) * density(high));
            }
        }
        // A covariance of order statistics is positive definite; a failure leaves the expected heights.
        if !cholesky(&mut factor, kept) {
            factor.fill(0.0);
        }
        let rest: Vec<f64> = (kept..count).map(expected).collect();
        let size = rest.len().div_ceil(GROUPS_MAX).max(1);
        let groups = rest
            .chunks(size)
            .map(|group| (group.iter().sum::<f64>() / group.len() as f64, group.len() as f64 / n))
            .collect();
        Self { single, factor, groups, share: 1.0 / n }
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

    #[test]
    fn scatter_of_the_maximum_agrees_with_draws() {
        let mut stream = Stream::named(1, "heights");
        let maxima: Vec<f64> = (0..4000).map(|_| (0..16).map(|_| stream.normal()).fold(f64::MIN, f64::max)).collect();
        let mean = maxima.iter().sum::<f64>() / 4000.0;
        let sd = (maxima.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 3999.0).sqrt();
        let heights = Heights::of(16);
        assert!((heights.factor[0] / sd - 1.0).abs() < 0.15, "{} {sd}", heights.factor[0]);
        assert!((heights.single[0] - mean).abs() < 0.03);
    }
}
