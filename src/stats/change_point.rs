//! One change of level in values in the order of measurement: by ranks (Pettitt) and by means (largest F).
//!
//! Both assume independent values before and after; neighbouring strokes are averaged in blocks first.
//!
//! Deliberately absent: several changes, trends (see `trend`).

use super::{StatsError, describe};

/// A step between two levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePoint {
    /// Last index before the change.
    pub last_before: usize,
    /// The statistic: Pettitt's K, or the largest F of a step.
    pub statistic: f64,
    /// Its approximate probability without a change; `None` where there is no simple one.
    pub p: Option<f64>,
}

/// Pettitt's rank test for one change of level (Applied Statistics 28 (1979) 126);
/// `p = 2 exp(-6 K^2 / (n^3 + n^2))`, good below about 0.5.
///
/// # Errors
///
/// Fewer than 3 values, all equal, or a value that is not finite.
pub fn pettitt(values: &[f64]) -> Result<ChangePoint, StatsError> {
    describe::scattered("a change-point test", 3, values)?;
    let ordered = describe::sorted(values)?;
    let n = values.len() as f64;
    let (mut sum, mut largest, mut last_before) = (0.0_f64, -1.0, 0);
    for (index, value) in values.iter().enumerate().take(values.len() - 1) {
        let below = ordered.partition_point(|other| other < value) as f64;
        let up_to = ordered.partition_point(|other| other <= value) as f64;
        // U_t grows by the number of values above less the number below.
        sum += (n - up_to) - below;
        if sum.abs() > largest {
            (largest, last_before) = (sum.abs(), index);
        }
    }
    let p = (2.0 * (-6.0 * largest * largest / (n * n * n + n * n)).exp()).min(1.0);
    Ok(ChangePoint { last_before, statistic: largest, p: Some(p) })
}

/// The single step that explains most: the split with the largest F of a difference of means (D. M. Hawkins, JASA 72
/// (1977) 180). Its largest value does not follow F, hence no p;
/// infinite for two perfectly constant levels.
///
/// # Errors
///
/// Fewer than 3 values, all equal, or a value that is not finite.
pub fn mean_shift(values: &[f64]) -> Result<ChangePoint, StatsError> {
    let moments = describe::scattered("a change-point search", 3, values)?;
    let n = values.len() as f64;
    let (mut sum, mut largest, mut last_before) = (0.0, -1.0, 0);
    for (index, value) in values.iter().enumerate().take(values.len() - 1) {
        sum += moments.deviation(*value);
        let before = index as f64 + 1.0;
        let explained = sum * sum * n / (before * (n - before));
        if explained > largest {
            (largest, last_before) = (explained, index);
        }
    }
    let (before, after) = values.split_at(last_before + 1);
    let unexplained = describe::Moments::of(before)?.squares + describe::Moments::of(after)?.squares;
    let statistic = (moments.squares - unexplained) / (unexplained / (n - 2.0));
    Ok(ChangePoint { last_before, statistic, p: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{StatsError, mean_shift, pettitt};

    #[test]
    fn a_step_is_found_where_it_is() {
        let step: Vec<f64> = (0..30).map(|i| f64::from(i % 3) + if i < 12 { 0.0 } else { 9.0 }).collect();
        assert_eq!(pettitt(&step).unwrap().last_before, 11);
        assert_eq!(mean_shift(&step).unwrap().last_before, 11);
    }

    #[test]
    fn refuses_what_has_no_level() {
        assert!(matches!(pettitt(&[1.0, 2.0]), Err(StatsError::TooFew { .. })));
        assert!(matches!(mean_shift(&[1.0; 6]), Err(StatsError::NoVariance { .. })));
    }

    proptest! {
        #[test]
        fn no_other_split_explains_more(values in prop::collection::vec(-1.0..1.0_f64, 4..30)) {
            let found = mean_shift(&values).unwrap();
            let squares = |part: &[f64]| {
                let mean = part.iter().sum::<f64>() / part.len() as f64;
                part.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
            };
            let left_over = |split: usize| squares(&values[..split]) + squares(&values[split..]);
            for split in 1..values.len() {
                prop_assert!(left_over(found.last_before + 1) <= left_over(split) + 1e-12);
            }
        }
    }
}
