//! Trend of values in the order of measurement: Mann-Kendall test, Theil-Sen slope.
//!
//! All assume independent values. Strokes in a row are not: average them in blocks first, or drift and memory cannot be
//! told apart (statistics.md 4.2).
//!
//! Invariant: time is the index, 0 to n - 1; a slope is per value.
//! Deliberately absent: seasonal terms, models of the noise, steps (see `change_point`).

use super::distribution::{Distribution, Normal};
use super::{StatsError, describe, share};

/// Most values of a Theil-Sen slope: 12.5 million pairs, 100 MB.
pub const THEIL_SEN_MAX: usize = 5000;

/// Result of the Mann-Kendall test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannKendall {
    /// Pairs that rise minus pairs that fall.
    pub s: i64,
    /// Variance of `s` without trend, ties allowed for.
    pub variance: f64,
    /// `s` made standard normal, with a continuity correction.
    pub z: f64,
    /// Two-sided probability of a larger `|z|` without trend.
    pub p: f64,
    /// Kendall's tau-b, -1 to 1.
    pub tau: f64,
}

/// Mann-Kendall test for a monotone trend (H. B. Mann, Econometrica 13 (1945) 245; M. G. Kendall, *Rank Correlation
/// Methods*), normal approximation with ties; good from about 10 values. Takes n log n steps.
///
/// # Errors
///
/// Fewer than 3 values, all equal, or a value that is not finite.
pub fn mann_kendall(values: &[f64]) -> Result<MannKendall, StatsError> {
    describe::scattered("a trend test", 3, values)?;
    let n = values.len() as i64;
    let pairs = n * (n - 1) / 2;
    let mut ordered = values.to_vec();
    let falling = count_falling(&mut ordered, &mut Vec::with_capacity(values.len()));
    let ties: Vec<i64> = ordered.chunk_by(|a, b| a == b).map(|run| run.len() as i64).collect();
    let tied: i64 = ties.iter().map(|t| t * (t - 1) / 2).sum();
    let s = pairs - tied - 2 * falling;
    let spread = |t: i64| t as f64 * (t - 1) as f64 * (2 * t + 5) as f64;
    let variance = (spread(n) - ties.iter().map(|t| spread(*t)).sum::<f64>()) / 18.0;
    let z = (s - s.signum()) as f64 / variance.sqrt();
    let tau = s as f64 / (pairs as f64 * (pairs - tied) as f64).sqrt();
    Ok(MannKendall { s, variance, z, p: (2.0 * Normal.sf(z.abs())).min(1.0), tau })
}

/// Sorts `values`, counting pairs in which the later is smaller (merge sort).
fn count_falling(values: &mut [f64], merged: &mut Vec<f64>) -> i64 {
    if values.len() < 2 {
        return 0;
    }
    let (left, right) = values.split_at_mut(values.len() / 2);
    let mut falling = count_falling(left, merged) + count_falling(right, merged);
    merged.clear();
    let mut taken = 0;
    for value in left.iter() {
        while taken < right.len() && right[taken] < *value {
            merged.push(right[taken]);
            taken += 1;
        }
        falling += taken as i64;
        merged.push(*value);
    }
    merged.extend_from_slice(&right[taken..]);
    values.copy_from_slice(merged);
    falling
}

/// Theil-Sen line with the confidence interval of its slope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TheilSen {
    /// Median of the slopes of all pairs, per value.
    pub slope: f64,
    /// Median of the values less `slope` times the median index.
    pub intercept: f64,
    /// Lower confidence limit of the slope.
    pub lower: f64,
    /// Upper confidence limit of the slope.
    pub upper: f64,
}

/// Theil-Sen slope (P. K. Sen, JASA 63 (1968) 1379) with Sen's interval of confidence `confidence` from the variance
/// of Kendall's S, ranks rounded outward as Sen does; for 3 to 5000 values.
///
/// # Errors
///
/// As [`mann_kendall`]; more than 5000 values; `confidence` outside (0, 1).
pub fn theil_sen(values: &[f64], confidence: f64) -> Result<TheilSen, StatsError> {
    let kendall = mann_kendall(values)?;
    share("confidence", confidence)?;
    let n = values.len();
    if n > THEIL_SEN_MAX {
        let allowed = "3 to 5000; average neighbouring values in blocks first, as autocorrelated values need anyway";
        return Err(StatsError::OutOfRange {
            what: "the number of values of a Theil-Sen slope",
            given: n as f64,
            allowed,
        });
    }
    let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
    for (i, first) in values.iter().enumerate() {
        slopes.extend(values[i + 1..].iter().zip(1_u32..).map(|(later, step)| (later - first) / f64::from(step)));
    }
    let slope = describe::median(&mut slopes)?;
    let reach = Normal.upper_quantile(0.5 * (1.0 - confidence))? * kendall.variance.sqrt();
    let pairs = slopes.len() as f64;
    let last = slopes.len() - 1;
    // Ranks beyond the ends mean that the interval is not bounded by the data; the outermost slope is then the best
    // that they can give.
    let low = ((0.5 * (pairs - reach)).round_ties_even() - 1.0).max(0.0) as usize;
    let high = ((0.5 * (pairs + reach)).round_ties_even() as usize).min(last);
    // The median has split the slopes in halves; each limit lies in its own.
    let (below, above) = slopes.split_at_mut(last.div_ceil(2));
    let lower = *below.select_nth_unstable_by(low.min(below.len() - 1), f64::total_cmp).1;
    let upper = *above.select_nth_unstable_by(high.saturating_sub(below.len()), f64::total_cmp).1;
    let middle = describe::median(&mut values.to_vec())?;
    let intercept = middle - slope * 0.5 * (n as f64 - 1.0);
    Ok(TheilSen { slope, intercept, lower, upper })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{StatsError, THEIL_SEN_MAX, mann_kendall, theil_sen};

    #[test]
    fn a_straight_line_is_all_trend() {
        let line: Vec<f64> = (0..20).map(|i| 3.0 - 0.5 * f64::from(i)).collect();
        let result = mann_kendall(&line).unwrap();
        assert_eq!((result.s, result.tau), (-190, -1.0));
        let fit = theil_sen(&line, 0.95).unwrap();
        assert_eq!((fit.slope, fit.intercept, fit.lower, fit.upper), (-0.5, 3.0, -0.5, -0.5));
    }

    #[test]
    fn refuses_what_it_cannot_answer() {
        assert!(matches!(mann_kendall(&[1.0, 2.0]), Err(StatsError::TooFew { .. })));
        assert!(matches!(mann_kendall(&[1.0; 5]), Err(StatsError::NoVariance { .. })));
        let long: Vec<f64> = (0..=THEIL_SEN_MAX).map(|i| i as f64).collect();
        assert!(matches!(theil_sen(&long, 0.95), Err(StatsError::OutOfRange { .. })));
    }

    proptest! {
        #[test]
        fn kendall_counts_every_pair(values in prop::collection::vec(0..9_i32, 3..40)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            prop_assume!(values.iter().any(|value| *value != values[0]));
            let mut s = 0;
            for (i, a) in values.iter().enumerate() {
                for b in &values[i + 1..] {
                    s += i64::from(b > a) - i64::from(b < a);
                }
            }
            prop_assert_eq!(mann_kendall(&values).unwrap().s, s);
        }

        #[test]
        fn adding_a_slope_adds_it(values in prop::collection::vec(-1.0..1.0_f64, 5..40), added in -2.0..2.0_f64) {
            let tilted: Vec<f64> = values.iter().enumerate().map(|(i, value)| value + added * i as f64).collect();
            let (a, b) = (theil_sen(&values, 0.9).unwrap(), theil_sen(&tilted, 0.9).unwrap());
            prop_assert!((b.slope - a.slope - added).abs() < 1e-9);
            prop_assert!(a.lower <= a.slope && a.slope <= a.upper);
        }
    }
}
