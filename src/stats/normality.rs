//! Tests of normality: Anderson-Darling and Shapiro-Wilk, both with mean and variance estimated.
//!
//! Diagnostics with a consequence declared before the data, never a way to choose a method afterwards: at thousands of
//! values they measure the resolution of the display (statistics.md 6: p = 1e-22 for normal readings rounded to a
//! third of their standard deviation).
//!
//! Deliberately absent: a verdict.

use super::distribution::{Distribution, Normal};
use super::{StatsError, describe};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Fewest values for which the approximation of the Anderson-Darling p holds.
pub const ANDERSON_DARLING_MIN: usize = 8;
/// Fewest values of a Shapiro-Wilk test.
pub const SHAPIRO_WILK_MIN: usize = 3;
/// Most values for which Royston fitted his coefficients.
pub const SHAPIRO_WILK_MAX: usize = 5000;

/// Result of the Anderson-Darling test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AndersonDarling {
    /// The statistic, without correction for n.
    pub a2: f64,
    /// Probability of a larger one from normal values.
    pub p: f64,
}

/// Result of the Shapiro-Wilk test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShapiroWilk {
    /// The statistic, in (0, 1]; 1 is perfectly normal.
    pub w: f64,
    /// Probability of a smaller one from normal values.
    pub p: f64,
}

/// Anderson-Darling test, mean and variance unknown (case 3), n from 8.
///
/// `A2 = -n - (1/n) sum (2i - 1) [ln Phi(z_i) + ln(1 - Phi(z_(n+1-i)))]`, p from D'Agostino & Stephens,
/// *Goodness-of-Fit Techniques*, 1986, table 4.9; above a corrected statistic of 10, p is given as 3.7e-24, the edge
/// of that fit.
///
/// # Errors
///
/// Fewer than 8 values, no variance, a value that is not finite.
pub fn anderson_darling(values: &[f64]) -> Result<AndersonDarling, StatsError> {
    let moments = describe::scattered("an Anderson-Darling test", ANDERSON_DARLING_MIN, values)?;
    let ordered = describe::sorted(values)?;
    let sd = moments.sd();
    let z: Vec<f64> = ordered.iter().map(|value| moments.deviation(*value) / sd).collect();
    let n = z.len() as f64;
    let terms = z.iter().zip(z.iter().rev()).enumerate();
    let weighted = describe::sum(terms.map(|(i, (low, high))| (2 * i + 1) as f64 * (ln_phi(*low) + ln_phi(-high))));
    let a2 = -n - weighted / n;
    Ok(AndersonDarling { a2, p: anderson_darling_p(a2 * (1.0 + 0.75 / n + 2.25 / (n * n))) })
}

/// p of the statistic corrected for n.
fn anderson_darling_p(a: f64) -> f64 {
    if a > 10.0 {
        3.7e-24
    } else if a >= 0.6 {
        (1.2937 - 5.709 * a + 0.0186 * a * a).exp()
    } else if a > 0.34 {
        (0.9177 - 4.279 * a - 1.38 * a * a).exp()
    } else if a > 0.2 {
        -(-8.318 + 42.796 * a - 59.938 * a * a).exp_m1()
    } else {
        -(-13.436 + 101.14 * a - 223.73 * a * a).exp_m1()
    }
}

/// Logarithm of the standard normal distribution function, also where that underflows.
fn ln_phi(z: f64) -> f64 {
    if z > 0.0 {
        return (-0.5 * libm::erfc(z * FRAC_1_SQRT_2)).ln_1p();
    }
    if z > -30.0 {
        return (0.5 * libm::erfc(-z * FRAC_1_SQRT_2)).ln();
    }
    // Abramowitz & Stegun 26.2.12; the first term left out is below 1e-11 of the correction here.
    let s = 1.0 / (z * z);
    -0.5 * z * z - (-z).ln() - 0.5 * (2.0 * PI).ln()
        + (-s * (1.0 - 3.0 * s * (1.0 - 5.0 * s * (1.0 - 7.0 * s)))).ln_1p()
}

/// Shapiro-Wilk test for n from 3 to 5000 (P. Royston, Statistics and Computing 2 (1992) 117 and algorithm AS R94,
/// Applied Statistics 44 (1995) 547).
///
/// # Errors
///
/// Fewer than 3 or more than 5000 values, no variance, a value that is not finite.
pub fn shapiro_wilk(values: &[f64]) -> Result<ShapiroWilk, StatsError> {
    let moments = describe::scattered("a Shapiro-Wilk test", SHAPIRO_WILK_MIN, values)?;
    if values.len() > SHAPIRO_WILK_MAX {
        let given = values.len() as f64;
        let allowed = "3 to 5000; beyond, take the Anderson-Darling test";
        return Err(StatsError::OutOfRange { what: "the number of values of a Shapiro-Wilk test", given, allowed });
    }
    let ordered = describe::sorted(values)?;
    let weights = shapiro_weights(values.len())?;
    let slope = describe::sum(ordered.iter().zip(&weights).map(|(value, a)| a * moments.deviation(*value)));
    let length = moments.squares.sqrt();
    // 1 - W as the product of its factors, so that a W near 1 keeps the digits that its p depends on.
    let lack = ((length - slope) * (length + slope) / moments.squares).max(0.0);
    Ok(ShapiroWilk { w: 1.0 - lack, p: shapiro_p(lack, values.len()) })
}

/// Royston's approximation of the best linear weights, ascending, of length 1.
fn shapiro_weights(n: usize) -> Result<Vec<f64>, StatsError> {
    if n == 3 {
        return Ok(vec![-FRAC_1_SQRT_2, 0.0, FRAC_1_SQRT_2]);
    }
    let scores: Result<Vec<f64>, StatsError> =
        (1..=n).map(|rank| Normal.quantile((rank as f64 - 0.375) / (n as f64 + 0.25))).collect();
    let scores = scores?;
    let squares = describe::sum(scores.iter().map(|m| m * m));
    let u = 1.0 / (n as f64).sqrt();
    let last = scores[n - 1] / squares.sqrt()
        + u * (0.221157 + u * (-0.147981 + u * (-2.071190 + u * (4.434685 - u * 2.706056))));
    let before_last = scores[n - 2] / squares.sqrt()
        + u * (0.042981 + u * (-0.293762 + u * (-1.752461 + u * (5.682633 - u * 3.582633))));
    // The outermost one (n <= 5) or two weights at each end come from the polynomials, the others fill up to length 1.
    let outer: &[f64] = if n > 5 { &[last, before_last] } else { &[last] };
    let taken: f64 = scores.iter().rev().zip(outer).map(|(m, _)| 2.0 * m * m).sum();
    let given: f64 = outer.iter().map(|a| 2.0 * a * a).sum();
    let scale = ((squares - taken) / (1.0 - given)).sqrt();
    let mut weights: Vec<f64> = scores.iter().map(|m| m / scale).collect();
    for (rank, a) in outer.iter().enumerate() {
        weights[rank] = -a;
        weights[n - 1 - rank] = *a;
    }
    Ok(weights)
}

/// p of `lack = 1 - W`.
fn shapiro_p(lack: f64, n: usize) -> f64 {
    let size = n as f64;
    if n == 3 {
        // Exact: 6/pi (asin sqrt W - asin sqrt 3/4), written with acos to keep W near 1.
        return (1.0 - 6.0 / PI * lack.sqrt().asin()).clamp(0.0, 1.0);
    }
    let (score, mean, sd) = if n <= 11 {
        let gamma = 0.459 * size - 2.273;
        let inner = gamma - lack.ln();
        if inner <= 0.0 {
            return 0.0;
        }
        let mean = 0.5440 + size * (-0.39978 + size * (0.025054 - size * 0.0006714));
        let ln_sd = 1.3822 + size * (-0.77857 + size * (0.062767 - size * 0.0020322));
        (-inner.ln(), mean, ln_sd.exp())
    } else {
        let x = size.ln();
        let mean = -1.5861 + x * (-0.31082 + x * (-0.083751 + x * 0.0038915));
        let ln_sd = -0.4803 + x * (-0.082676 + x * 0.0030302);
        (lack.ln(), mean, ln_sd.exp())
    };
    Normal.sf((score - mean) / sd)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{StatsError, anderson_darling, ln_phi, shapiro_wilk};

    #[test]
    fn logarithm_of_the_tail_is_smooth_where_the_formula_changes() {
        // Mills ratio: the slope of ln Phi is close to -z, so the step over 2e-9 must be 6e-8.
        let step = ln_phi(-30.0 + 1e-9) - ln_phi(-30.0 - 1e-9);
        assert!((step / 2e-9 - 30.033).abs() < 0.01, "{step}");
        // Arb: ln Phi(-40) = -804.6084420137538.
        assert!((ln_phi(-40.0) / -804.608_442_013_753_8 - 1.0).abs() < 1e-14);
    }

    #[test]
    fn a_gross_outlier_gives_a_number() {
        let mut values: Vec<f64> = (0..2000).map(|i| f64::from(i % 17)).collect();
        values.push(1e6);
        let result = anderson_darling(&values).unwrap();
        assert!(result.a2.is_finite() && result.p == 3.7e-24);
        assert!(shapiro_wilk(&values).unwrap().p < 1e-20);
    }

    #[test]
    fn three_values_have_an_exact_probability() {
        let result = shapiro_wilk(&[0.0, 1.0, 2.0]).unwrap();
        assert!((result.w - 1.0).abs() < 1e-15 && (result.p - 1.0).abs() < 1e-6, "{result:?}");
    }

    #[test]
    fn refuses_outside_its_domain() {
        assert!(matches!(anderson_darling(&[1.0; 7]), Err(StatsError::TooFew { needed: 8, .. })));
        assert!(matches!(anderson_darling(&[1.0; 8]), Err(StatsError::NoVariance { .. })));
        assert!(matches!(shapiro_wilk(&[1.0, 2.0]), Err(StatsError::TooFew { .. })));
        let long: Vec<f64> = (0..5001).map(f64::from).collect();
        assert!(matches!(shapiro_wilk(&long), Err(StatsError::OutOfRange { .. })));
    }

    proptest! {
        #[test]
        fn neither_test_sees_shift_scale_or_sign(
            values in prop::collection::vec(-1.0..1.0_f64, 8..60), shift in -5.0..5.0_f64, scale in 0.1..10.0_f64,
        ) {
            let moved: Vec<f64> = values.iter().map(|value| shift - scale * value).collect();
            let (a, b) = (anderson_darling(&values).unwrap(), anderson_darling(&moved).unwrap());
            prop_assert!((a.a2 - b.a2).abs() < 1e-9 * a.a2.max(1.0));
            let (a, b) = (shapiro_wilk(&values).unwrap(), shapiro_wilk(&moved).unwrap());
            prop_assert!((a.w - b.w).abs() < 1e-11 && (a.p - b.p).abs() < 1e-7);
            prop_assert!(0.0 < a.w && a.w <= 1.0 && (0.0..=1.0).contains(&a.p));
        }
    }
}
