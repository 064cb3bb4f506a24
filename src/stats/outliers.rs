//! Outliers: flagged by the generalised ESD and Grubbs' tests, never removed.
//!
//! A verdict stands on all data. What these tests point at asks for a look at the bench, and an exclusion for an
//! assignable cause (statistics.md 4.1).
//!
//! Invariant: indices are places in the data as given.
//! Deliberately absent: any function that returns data without its outliers.

use super::distribution::{Distribution, StudentT};
use super::{StatsError, describe, share};

/// One candidate of the generalised ESD test, in the order of removal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Place in the data, from 0.
    pub index: usize,
    /// Its value.
    pub value: f64,
    /// Largest deviation over the standard deviation among the values still there.
    pub r: f64,
    /// Critical value of `r`.
    pub lambda: f64,
}

/// Result of the generalised ESD test.
#[derive(Clone, Debug, PartialEq)]
pub struct Gesd {
    /// Number of outliers: the largest i with `r_i > lambda_i`.
    pub count: usize,
    /// Every candidate that was looked at; the first `count` are the outliers.
    pub candidates: Vec<Candidate>,
}

/// Generalised extreme studentised deviate test for up to `count_max` outliers at level `alpha` (B. Rosner,
/// Technometrics 25 (1983) 165): `lambda_i = (n-i) t / sqrt((n-i-1+t^2)(n-i+1))`, `t` the `1 - alpha/(2(n-i+1))`
/// quantile with `n-i-1` degrees of freedom. Rosner found the level kept from 25 values on, and roughly from 15.
///
/// # Errors
///
/// Fewer than 3 values, no variance, `alpha` outside (0, 1), `count_max` outside 1 to n - 2.
pub fn gesd(values: &[f64], count_max: usize, alpha: f64) -> Result<Gesd, StatsError> {
    describe::scattered("an outlier test", 3, values)?;
    share("alpha", alpha)?;
    if count_max == 0 || count_max > values.len() - 2 {
        return Err(StatsError::OutOfRange {
            what: "the largest number of outliers",
            given: count_max as f64,
            allowed: "1 to two less than the number of values",
        });
    }
    let mut left: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
    let mut candidates = Vec::with_capacity(count_max);
    for _ in 0..count_max {
        let remaining: Vec<f64> = left.iter().map(|(_, value)| *value).collect();
        let (place, r) = farthest(&remaining)?;
        let lambda = critical(left.len(), alpha / (2.0 * left.len() as f64))?;
        let (index, value) = left.remove(place);
        candidates.push(Candidate { index, value, r, lambda });
    }
    let count = candidates.iter().rposition(|candidate| candidate.r > candidate.lambda).map_or(0, |last| last + 1);
    Ok(Gesd { count, candidates })
}

/// Place of the value farthest from the mean (the first of equals) and its distance in standard deviations; 0 where
/// the values no longer differ.
fn farthest(values: &[f64]) -> Result<(usize, f64), StatsError> {
    let moments = describe::Moments::of(values)?;
    let (mut place, mut distance) = (0, -1.0);
    for (index, value) in values.iter().enumerate() {
        let deviation = moments.deviation(*value).abs();
        if deviation > distance {
            (place, distance) = (index, deviation);
        }
    }
    let equal = values.iter().all(|value| *value == values[0]);
    Ok((place, if equal { 0.0 } else { distance / moments.sd() }))
}

/// Critical largest deviation among `n` values, `tail` being the share of t beyond it on one side.
fn critical(n: usize, tail: f64) -> Result<f64, StatsError> {
    let n = n as f64;
    let t = StudentT::new(n - 2.0)?.upper_quantile(tail)?;
    // For t^2 beyond what f64 holds the ratio tends to (n - 1)/sqrt n.
    let ratio = if t > 1e150 { 1.0 } else { t / (n - 2.0 + t * t).sqrt() };
    Ok((n - 1.0) * ratio / n.sqrt())
}

/// Result of Grubbs' test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grubbs {
    /// Place of the suspect, from 0.
    pub index: usize,
    /// Its deviation over the standard deviation.
    pub g: f64,
    /// Critical value of `g`, two-sided.
    pub critical: f64,
    /// Bonferroni bound of its probability, at most 1.
    pub p: f64,
}

/// Grubbs' two-sided test for one outlier at level `alpha` (F. E. Grubbs, Technometrics 11 (1969) 1).
///
/// # Errors
///
/// Fewer than 3 values, no variance, `alpha` outside (0, 1).
pub fn grubbs(values: &[f64], alpha: f64) -> Result<Grubbs, StatsError> {
    describe::scattered("an outlier test", 3, values)?;
    share("alpha", alpha)?;
    let (index, g) = farthest(values)?;
    let n = values.len() as f64;
    let critical = critical(values.len(), alpha / (2.0 * n))?;
    // g reaches at most (n - 1)/sqrt n, where t is infinite.
    let rest = ((n - 1.0).powi(2) - n * g * g).max(0.0);
    let t = (n * (n - 2.0) * g * g / rest).sqrt();
    let p = if t.is_finite() { (2.0 * n * StudentT::new(n - 2.0)?.sf(t)).min(1.0) } else { 0.0 };
    Ok(Grubbs { index, g, critical, p })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{StatsError, gesd, grubbs};

    #[test]
    fn masked_outliers_are_found_together() {
        // Two equal outliers hide each other from Grubbs but not from the generalised test.
        let mut values: Vec<f64> = (0..28).map(|i| f64::from(i % 7) * 0.1).collect();
        values.extend([5.0, 5.0]);
        let result = gesd(&values, 4, 0.05).unwrap();
        assert_eq!(result.count, 2);
        let mut found: Vec<usize> = result.candidates[..2].iter().map(|candidate| candidate.index).collect();
        found.sort_unstable();
        assert_eq!(found, [28, 29]);
    }

    #[test]
    fn values_that_become_equal_stop_the_search() {
        let result = gesd(&[1.0, 1.0, 1.0, 1.0, 1.0, 9.0], 3, 0.05).unwrap();
        assert_eq!((result.count, result.candidates[0].index, result.candidates[1].r), (1, 5, 0.0));
    }

    #[test]
    fn refuses_what_it_cannot_answer() {
        assert!(matches!(gesd(&[1.0, 2.0], 1, 0.05), Err(StatsError::TooFew { .. })));
        assert!(matches!(gesd(&[1.0, 2.0, 3.0], 2, 0.05), Err(StatsError::OutOfRange { .. })));
        assert!(matches!(gesd(&[1.0, 2.0, 3.0], 1, 0.0), Err(StatsError::OutOfRange { .. })));
        assert!(matches!(grubbs(&[1.0; 4], 0.05), Err(StatsError::NoVariance { .. })));
    }

    proptest! {
        #[test]
        fn flags_follow_the_values_not_their_unit(
            values in prop::collection::vec(-1.0..1.0_f64, 10..60), shift in -3.0..3.0_f64, scale in 0.1..10.0_f64,
        ) {
            let moved: Vec<f64> = values.iter().map(|value| shift + scale * value).collect();
            let (a, b) = (gesd(&values, 3, 0.05).unwrap(), gesd(&moved, 3, 0.05).unwrap());
            prop_assert_eq!(a.count, b.count);
            for (a, b) in a.candidates.iter().zip(&b.candidates) {
                prop_assert!((a.r - b.r).abs() < 1e-9 && a.lambda == b.lambda);
            }
        }

        #[test]
        fn grubbs_is_the_first_step(values in prop::collection::vec(-1.0..1.0_f64, 5..60)) {
            let (first, single) = (gesd(&values, 1, 0.05).unwrap(), grubbs(&values, 0.05).unwrap());
            prop_assert_eq!(first.count == 1, single.p < 0.05);
            prop_assert!((first.candidates[0].lambda - single.critical).abs() < 1e-12);
        }
    }
}
