//! Box-Cox transformation to normality: `(x^lambda - 1)/lambda`, the logarithm at lambda 0.
//!
//! Lambda is declared from earlier data, and limits are transformed with the values: a lambda estimated from the data
//! it is then used on has no stated risk.
//!
//! Invariant: the transform increases with x for every lambda, so limits keep their sides.
//! Deliberately absent: shifts of values that are not positive.

use super::{StatsError, describe};

/// Range in which lambda is looked for.
const LAMBDA_MAX: f64 = 5.0;

/// Transforms one positive value (or limit).
///
/// # Errors
///
/// A value that is not positive and finite.
pub fn transform(x: f64, lambda: f64) -> Result<f64, StatsError> {
    let x = super::positive("a value under a Box-Cox transformation", x)?;
    Ok(power(x.ln(), lambda))
}

/// The value whose transform is `y`.
///
/// # Errors
///
/// A `y` that no positive value has.
pub fn inverse(y: f64, lambda: f64) -> Result<f64, StatsError> {
    if lambda == 0.0 {
        return Ok(y.exp());
    }
    let argument = lambda * y;
    if argument > -1.0 {
        return Ok((argument.ln_1p() / lambda).exp());
    }
    let allowed = "one that some positive value has (1 + lambda y above 0)";
    Err(StatsError::OutOfRange { what: "a Box-Cox transform to undo", given: y, allowed })
}

/// `(x^lambda - 1)/lambda` from `ln x`, without cancellation near lambda 0.
fn power(ln_x: f64, lambda: f64) -> f64 {
    if lambda == 0.0 { ln_x } else { (lambda * ln_x).exp_m1() / lambda }
}

/// Lambda of largest profile likelihood in [-5, 5], to about 1e-7 (Box & Cox, JRSS B 26 (1964) 211).
///
/// # Errors
///
/// Fewer than 3 values, no variance, a value that is not positive, or a likelihood that still rises at ±5.
pub fn estimate_lambda(values: &[f64]) -> Result<f64, StatsError> {
    describe::scattered("a Box-Cox transformation", 3, values)?;
    let mut logs = Vec::with_capacity(values.len());
    for value in values {
        logs.push(super::positive("a value under a Box-Cox transformation", *value)?.ln());
    }
    let n = logs.len() as f64;
    let mean_log = describe::sum(logs.iter().copied()) / n;
    let minus_log_likelihood = |lambda: f64| {
        // About the geometric mean, so that x^lambda neither over- nor underflows.
        let scaled: Vec<f64> = logs.iter().map(|log| power(log - mean_log, lambda)).collect();
        describe::Moments::of(&scaled).map_or(f64::INFINITY, |moments| 0.5 * n * (moments.squares / n).ln())
    };
    let lambda = smallest_in((-LAMBDA_MAX, LAMBDA_MAX), minus_log_likelihood);
    if LAMBDA_MAX - lambda.abs() < 1e-6 {
        return Err(StatsError::OutOfRange {
            what: "the estimated lambda",
            given: lambda,
            allowed: "between -5 and 5",
        });
    }
    Ok(lambda)
}

/// Place of the minimum of a function with one valley, by golden section to the root of rounding.
fn smallest_in((mut a, mut b): (f64, f64), f: impl Fn(f64) -> f64) -> f64 {
    let ratio = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut left, mut right) = (b - ratio * (b - a), a + ratio * (b - a));
    let (mut f_left, mut f_right) = (f(left), f(right));
    while b - a > 1e-8 {
        if f_left < f_right {
            (b, right, f_right) = (right, left, f_left);
            left = b - ratio * (b - a);
            f_left = f(left);
        } else {
            (a, left, f_left) = (left, right, f_right);
            right = a + ratio * (b - a);
            f_right = f(right);
        }
    }
    0.5 * (a + b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{estimate_lambda, inverse, transform};
    use crate::prng::Stream;

    #[test]
    fn lognormal_values_ask_for_the_logarithm() {
        let mut stream = Stream::named(5, "lognormal");
        let values: Vec<f64> = (0..4000).map(|_| (0.4 * stream.normal() - 0.2).exp()).collect();
        let lambda = estimate_lambda(&values).unwrap();
        assert!(lambda.abs() < 0.12, "{lambda}");
    }

    #[test]
    fn refuses_what_is_not_positive() {
        assert!(transform(0.0, 0.5).is_err());
        assert!(inverse(-3.0, 0.5).is_err());
        assert!(estimate_lambda(&[1.0, -1.0, 2.0]).is_err());
    }

    proptest! {
        #[test]
        fn inverse_undoes_transform(x in 0.01..100.0_f64, lambda in -2.0..2.0_f64) {
            let back = inverse(transform(x, lambda).unwrap(), lambda).unwrap();
            prop_assert!((back / x - 1.0).abs() < 1e-9);
        }

        #[test]
        fn lambda_ignores_the_unit(values in prop::collection::vec(0.5..2.0_f64, 30..60), scale in 0.001..1000.0_f64) {
            let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
            if let (Ok(a), Ok(b)) = (estimate_lambda(&values), estimate_lambda(&scaled)) {
                prop_assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }
}
