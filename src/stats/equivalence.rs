//! Equivalence by two one-sided t tests.
//!
//! Two runs (firmware A and B, pen A and B) are equivalent where the mean difference is shown to lie within a margin
//! declared beforehand. The values are cartridge means: strokes of one cartridge are not independent.
//!
//! Invariant: the interval has confidence `1 - 2 alpha`, and `equivalent` says that it lies inside the margins, which
//! is the same as `p < alpha` (D. J. Schuirmann, J. Pharmacokin. Biopharm. 15 (1987) 657).
//! Deliberately absent: tests of no difference; a large p there shows nothing.

use super::distribution::{Distribution, StudentT};
use super::{StatsError, all_finite, describe, positive, share};

/// Result of two one-sided t tests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Equivalence {
    /// Estimated difference.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Degrees of freedom, not rounded.
    pub df: f64,
    /// Lower end of the interval of confidence `1 - 2 alpha`.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// The larger of the two one-sided probabilities.
    pub p: f64,
    /// Whether `p < alpha`.
    pub equivalent: bool,
}

/// Is the mean of `values` within ±`margin` of zero? (A bias: pass differences from the reference.)
///
/// # Errors
///
/// Fewer than 2 values, no variance, a margin that is not positive, `alpha` outside (0, 1/2).
pub fn one_sample(values: &[f64], margin: f64, alpha: f64) -> Result<Equivalence, StatsError> {
    let moments = describe::scattered("an equivalence test", 2, values)?;
    let n = moments.n as f64;
    judge(moments.mean, (moments.variance() / n).sqrt(), n - 1.0, margin, alpha)
}

/// Is the mean of `a` within ±`margin` of the mean of `b`? Variances need not be equal (B. L. Welch, Biometrika 34
/// (1947) 28).
///
/// # Errors
///
/// Fewer than 2 values on a side, no variance on either, a margin that is not positive, `alpha` outside (0, 1/2).
pub fn welch(a: &[f64], b: &[f64], margin: f64, alpha: f64) -> Result<Equivalence, StatsError> {
    const WHAT: &str = "an equivalence test";
    for values in [a, b] {
        all_finite(values)?;
        if values.len() < 2 {
            let remedy = "measure at least two cartridges on each side";
            return Err(StatsError::TooFew {
                what: "each side of an equivalence test",
                given: values.len(),
                needed: 2,
                remedy,
            });
        }
    }
    let (x, y) = (describe::Moments::of(a)?, describe::Moments::of(b)?);
    let constant = |values: &[f64]| values.iter().all(|value| *value == values[0]);
    if constant(a) && constant(b) {
        return Err(StatsError::NoVariance { what: WHAT, n: a.len(), value: a[0] });
    }
    let share_of = |side: &describe::Moments| side.variance() / side.n as f64;
    let (va, vb) = (share_of(&x), share_of(&y));
    // Scaled before squaring, so that tiny variances do not underflow.
    let (ra, rb) = (va / (va + vb), vb / (va + vb));
    let df = 1.0 / (ra * ra / (x.n as f64 - 1.0) + rb * rb / (y.n as f64 - 1.0));
    let difference = (x.mean - y.mean) + (x.mean_residue - y.mean_residue);
    judge(difference, (va + vb).sqrt(), df, margin, alpha)
}

/// Both tests of a difference that follows t.
fn judge(difference: f64, standard_error: f64, df: f64, margin: f64, alpha: f64) -> Result<Equivalence, StatsError> {
    positive("the margin", margin)?;
    if share("alpha", alpha)? >= 0.5 {
        return Err(StatsError::OutOfRange { what: "alpha", given: alpha, allowed: "more than 0 and less than 0.5" });
    }
    let t = StudentT::new(df)?;
    let p_below = t.sf((difference + margin) / standard_error);
    let p_above = t.cdf((difference - margin) / standard_error);
    let p = p_below.max(p_above);
    let reach = t.upper_quantile(alpha)? * standard_error;
    let (lower, upper) = (difference - reach, difference + reach);
    Ok(Equivalence { difference, standard_error, df, lower, upper, p, equivalent: p < alpha })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{StatsError, one_sample, welch};

    #[test]
    fn refuses_what_it_cannot_answer() {
        assert!(matches!(welch(&[1.0], &[1.0, 2.0], 0.1, 0.05), Err(StatsError::TooFew { .. })));
        assert!(matches!(welch(&[1.0, 1.0], &[2.0, 2.0], 0.1, 0.05), Err(StatsError::NoVariance { .. })));
        assert!(matches!(welch(&[1.0, 2.0], &[1.0, 2.0], 0.0, 0.05), Err(StatsError::OutOfRange { .. })));
        assert!(matches!(welch(&[1.0, 2.0], &[1.0, 2.0], 0.1, 0.5), Err(StatsError::OutOfRange { .. })));
        assert!(matches!(one_sample(&[1.0, f64::NAN], 0.1, 0.05), Err(StatsError::NotFinite { .. })));
    }

    proptest! {
        #[test]
        fn verdict_is_the_interval_inside_the_margins(
            a in prop::collection::vec(-1.0..1.0_f64, 3..20), b in prop::collection::vec(-1.0..1.0_f64, 3..20),
            margin in 0.05..1.5_f64,
        ) {
            let result = welch(&a, &b, margin, 0.05).unwrap();
            prop_assert_eq!(result.equivalent, -margin < result.lower && result.upper < margin);
            let mirrored = welch(&b, &a, margin, 0.05).unwrap();
            prop_assert!((result.p - mirrored.p).abs() < 1e-12 && (result.lower + mirrored.upper).abs() < 1e-12);
            let smaller = (a.len().min(b.len()) - 1) as f64;
            prop_assert!(smaller - 1e-9 <= result.df && result.df <= (a.len() + b.len() - 2) as f64 + 1e-9);
        }
    }
}
