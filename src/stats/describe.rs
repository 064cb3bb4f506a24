//! Mean, standard deviation and order statistics of one sample, to the last digits that its values carry.
//!
//! Invariant: a constant added to all values changes no deviation by more than the rounding of the values themselves;
//! sums are compensated and squares are taken about the mean, never as a difference of large sums.
//!
//! Deliberately absent: weights, trimming, anything that drops a value.

use super::{StatsError, all_finite};

/// Largest magnitude of a value: variances are squared once more in intervals of variances.
const MAGNITUDE_MAX: f64 = 1e70;
/// Smallest standard deviation whose fourth power `f64` still holds.
const SD_MIN: f64 = 1e-70;

/// Sum with the rounding errors carried along (A. Neumaier, ZAMM 54 (1974) 39; each error by D. E. Knuth's two-sum, which
/// needs no branch); relative error about 1e-16 whatever the number of terms, unless they cancel by more than sixteen
/// digits.
pub fn sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for term in terms {
        let next = total + term;
        let taken = next - total;
        lost += (total - (next - taken)) + (term - taken);
        total = next;
    }
    total + lost
}

/// Centre and scatter of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Number of values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// What rounding took from `mean`: the true mean is `mean + mean_residue`.
    pub mean_residue: f64,
    /// Sum of squared deviations from the mean.
    pub squares: f64,
}

impl Moments {
    /// Moments of `values`, in two compensated passes; NIST StRD is met to 1e-12 (see `tests/stats_reference.rs`).
    ///
    /// # Errors
    ///
    /// No value, a value that is not finite, or one beyond ±1e70.
    pub fn of(values: &[f64]) -> Result<Self, StatsError> {
        all_finite(values)?;
        let n = values.len();
        if n == 0 {
            let remedy = "give it data";
            return Err(StatsError::TooFew { what: "a mean", given: 0, needed: 1, remedy });
        }
        if let Some(&given) = values.iter().find(|value| value.abs() > MAGNITUDE_MAX) {
            return Err(StatsError::OutOfRange { what: "a value", given, allowed: "-1e70 to 1e70" });
        }
        let count = n as f64;
        let first = sum(values.iter().copied()) / count;
        let correction = sum(values.iter().map(|value| value - first)) / count;
        let mean = first + correction;
        let mean_residue = (first - mean) + correction;
        let squares = sum(values.iter().map(|value| ((value - mean) - mean_residue).powi(2)));
        Ok(Self { n, mean, mean_residue, squares })
    }

    /// `value` minus the mean.
    pub fn deviation(&self, value: f64) -> f64 {
        (value - self.mean) - self.mean_residue
    }

    /// Sample variance, divisor `n - 1`; NaN for one value.
    pub fn variance(&self) -> f64 {
        self.squares / (self.n as f64 - 1.0)
    }

    /// Sample standard deviation, divisor `n - 1`; NaN for one value.
    pub fn sd(&self) -> f64 {
        self.variance().sqrt()
    }
}

/// Moments of a sample that scatters: at least `needed` values (and never fewer than 2), not all equal.
///
/// # Errors
///
/// As [`Moments::of`], and where `what` (the method, for the message) has too few values, no variance, or a standard
/// deviation below 1e-70.
pub fn scattered(what: &'static str, needed: usize, values: &[f64]) -> Result<Moments, StatsError> {
    let needed = needed.max(2);
    all_finite(values)?;
    if values.len() < needed {
        let remedy = "measure more";
        return Err(StatsError::TooFew { what, given: values.len(), needed, remedy });
    }
    // Asked of the values, not of the squares: the mean of equal values can be off by a rounding.
    if values.iter().all(|value| *value == values[0]) {
        return Err(StatsError::NoVariance { what, n: values.len(), value: values[0] });
    }
    let moments = Moments::of(values)?;
    if moments.sd() < SD_MIN {
        let allowed = "above 1e-70; give the values in a smaller unit";
        return Err(StatsError::OutOfRange { what: "the standard deviation", given: moments.sd(), allowed });
    }
    Ok(moments)
}

/// The values in ascending order.
///
/// # Errors
///
/// A value that is not finite.
pub fn sorted(values: &[f64]) -> Result<Vec<f64>, StatsError> {
    all_finite(values)?;
    let mut ordered = values.to_vec();
    ordered.sort_by(f64::total_cmp);
    Ok(ordered)
}

/// Median: the middle value, or the mean of the two middle ones. Reorders `values`.
///
/// # Errors
///
/// No value, or one that is not finite.
pub fn median(values: &mut [f64]) -> Result<f64, StatsError> {
    all_finite(values)?;
    let n = values.len();
    if n == 0 {
        return Err(StatsError::TooFew { what: "a median", given: 0, needed: 1, remedy: "give it data" });
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return Ok(upper);
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Ok(lower + 0.5 * (upper - lower))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Moments, StatsError, median, scattered, sum};

    #[test]
    fn compensation_keeps_what_plain_summation_loses() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100]), 2.0);
    }

    #[test]
    fn medians() {
        for (values, expected) in [(vec![3.0], 3.0), (vec![4.0, 1.0], 2.5), (vec![9.0, 1.0, 5.0], 5.0)] {
            assert_eq!(median(&mut values.clone()), Ok(expected));
        }
    }

    #[test]
    fn refuses_what_has_no_answer() {
        assert!(matches!(Moments::of(&[]), Err(StatsError::TooFew { .. })));
        assert!(matches!(Moments::of(&[1.0, f64::NAN]), Err(StatsError::NotFinite { index: 1, .. })));
        assert!(matches!(scattered("x", 2, &[1e-90, 2e-90]), Err(StatsError::OutOfRange { .. })));
        assert!(matches!(Moments::of(&[1e200]), Err(StatsError::OutOfRange { .. })));
        assert!(matches!(scattered("x", 2, &[0.1, 0.1, 0.1]), Err(StatsError::NoVariance { n: 3, .. })));
        assert!(matches!(scattered("x", 4, &[0.1, 0.2, 0.1]), Err(StatsError::TooFew { needed: 4, .. })));
        assert!(median(&mut []).is_err());
    }

    proptest! {
        #[test]
        fn sd_ignores_shift_and_follows_scale(
            values in prop::collection::vec(-1.0..1.0_f64, 3..200), shift in -1e3..1e3_f64, scale in 0.01..100.0_f64,
        ) {
            let plain = Moments::of(&values).unwrap();
            let moved: Vec<f64> = values.iter().map(|value| value * scale + shift).collect();
            let moved = Moments::of(&moved).unwrap();
            prop_assert!((moved.sd() - scale * plain.sd()).abs() < 1e-11 * scale.max(1.0) + 1e-12 * shift.abs());
            prop_assert!((moved.mean - (scale * plain.mean + shift)).abs() < 1e-11 * (1.0 + shift.abs()));
        }
    }
}
