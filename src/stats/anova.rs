//! One-way analysis of variance.
//!
//! Invariant: a constant is taken off all values first, so that sums of squares keep their digits far from zero (NIST
//! StRD SmLs04 to SmLs09).
//! Deliberately absent: variance components and intervals (see `nested`), two factors (see `grr`).

use super::distribution::{Distribution, FisherF};
use super::{StatsError, all_finite, describe};

/// Table of a one-way analysis of variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneWay {
    /// Groups less one.
    pub df_between: usize,
    /// Values less groups.
    pub df_within: usize,
    /// Sum of squares of the group means about the grand mean, weighted by size.
    pub ss_between: f64,
    /// Sum of squares of the values about their group means.
    pub ss_within: f64,
    /// Mean square between over mean square within.
    pub f: f64,
    /// Probability of a larger `f` where all groups have one mean.
    pub p: f64,
}

/// One-way analysis of variance of groups of any sizes (R. A. Fisher, 1925).
///
/// # Errors
///
/// Fewer than 2 groups, an empty group, no group with 2 values, a value that is not finite, or no variance within
/// groups.
pub fn one_way<G: AsRef<[f64]>>(groups: &[G]) -> Result<OneWay, StatsError> {
    const WHAT: &str = "an analysis of variance";
    if groups.len() < 2 {
        let (given, remedy) = (groups.len(), "check the group column, or measure more groups");
        return Err(StatsError::TooFew { what: "an analysis of variance between groups", given, needed: 2, remedy });
    }
    let all: Vec<f64> = groups.iter().flat_map(|group| group.as_ref().iter().copied()).collect();
    all_finite(&all)?;
    if groups.iter().any(|group| group.as_ref().is_empty()) {
        return Err(StatsError::TooFew { what: WHAT, given: 0, needed: 1, remedy: "leave empty groups out" });
    }
    let (n, count) = (all.len(), groups.len());
    if n == count {
        let (needed, remedy) = (count + 1, "measure at least one group twice");
        return Err(StatsError::TooFew { what: "scatter within groups", given: n, needed, remedy });
    }
    let origin = all[0];
    let grand = describe::sum(all.iter().map(|value| value - origin)) / n as f64;
    let mut within = Vec::with_capacity(count);
    let mut between = Vec::with_capacity(count);
    for group in groups {
        let shifted: Vec<f64> = group.as_ref().iter().map(|value| value - origin).collect();
        let moments = describe::Moments::of(&shifted)?;
        within.push(moments.squares);
        between.push(moments.n as f64 * moments.deviation(grand).powi(2));
    }
    let (ss_between, ss_within) = (describe::sum(between), describe::sum(within));
    if ss_within == 0.0 {
        return Err(StatsError::NoVariance { what: "F of deviations from the group means", n, value: 0.0 });
    }
    let (df_between, df_within) = (count - 1, n - count);
    let f = (ss_between / df_between as f64) / (ss_within / df_within as f64);
    let p = FisherF::new(df_between as f64, df_within as f64)?.sf(f);
    Ok(OneWay { df_between, df_within, ss_between, ss_within, f, p })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{StatsError, one_way};

    #[test]
    fn refuses_what_it_cannot_answer() {
        assert!(matches!(one_way(&[vec![1.0, 2.0]]), Err(StatsError::TooFew { .. })));
        assert!(matches!(one_way(&[vec![1.0], vec![2.0]]), Err(StatsError::TooFew { .. })));
        assert!(matches!(one_way(&[vec![1.0, 1.0], vec![2.0, 2.0]]), Err(StatsError::NoVariance { .. })));
        assert!(matches!(one_way(&[vec![1.0, 2.0], vec![]]), Err(StatsError::TooFew { .. })));
    }

    proptest! {
        #[test]
        fn squares_add_up(groups in prop::collection::vec(prop::collection::vec(-1.0..1.0_f64, 2..12), 2..6)) {
            let table = one_way(&groups).unwrap();
            let all = groups.concat();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let total: f64 = all.iter().map(|value| (value - mean).powi(2)).sum();
            prop_assert!((table.ss_between + table.ss_within - total).abs() < 1e-12 * total.max(1.0));
        }

        #[test]
        fn two_groups_are_a_t_test_squared(
            a in prop::collection::vec(-1.0..1.0_f64, 3..12), b in prop::collection::vec(-1.0..1.0_f64, 3..12),
        ) {
            let moments = |x: &[f64]| crate::stats::describe::Moments::of(x).unwrap();
            let (x, y) = (moments(&a), moments(&b));
            let df = (x.n + y.n - 2) as f64;
            let pooled = (x.squares + y.squares) / df * (1.0 / x.n as f64 + 1.0 / y.n as f64);
            let t = (x.mean - y.mean) / pooled.sqrt();
            let table = one_way(&[a, b]).unwrap();
            prop_assert!((table.f - t * t).abs() < 1e-9 * (1.0 + t * t));
        }
    }
}
