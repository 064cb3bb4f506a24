//! Several tests at once: what each p becomes so that the set as a whole keeps its risk.
//!
//! A verdict "all set depths conform" needs none of this: it is an intersection-union test, each at the full level
//! (R. L. Berger, Technometrics 24 (1982) 295). Adjust where *some* set depths may be released on their own.
//!
//! Invariant: an adjusted p is never below its p, never above 1, and keeps the order of the p values.
//! Deliberately absent: procedures that need a model of the dependence.

use super::StatsError;

/// What is kept below alpha when every hypothesis with an adjusted p below alpha is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// The probability of any false rejection, in one step: `m p`.
    Bonferroni,
    /// The same, stepwise and never weaker (S. Holm, Scand. J. Statist. 6 (1979) 65).
    Holm,
    /// The expected share of false rejections among the rejections, tests independent or positively dependent
    /// (Benjamini & Hochberg, JRSS B 57 (1995) 289).
    BenjaminiHochberg,
}

/// Adjusts `p_values`, in their order.
///
/// # Errors
///
/// A p outside 0 to 1.
pub fn adjusted(p_values: &[f64], adjustment: Adjustment) -> Result<Vec<f64>, StatsError> {
    if let Some(given) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(StatsError::OutOfRange { what: "a p value", given: *given, allowed: "0 to 1" });
    }
    let m = p_values.len();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut result = vec![0.0; m];
    match adjustment {
        Adjustment::Bonferroni => {
            for (place, p) in p_values.iter().enumerate() {
                result[place] = (m as f64 * p).min(1.0);
            }
        }
        Adjustment::Holm => {
            let mut largest = 0.0_f64;
            for (rank, place) in order.into_iter().enumerate() {
                largest = largest.max((m - rank) as f64 * p_values[place]).min(1.0);
                result[place] = largest;
            }
        }
        Adjustment::BenjaminiHochberg => {
            let mut smallest = 1.0_f64;
            for (rank, place) in order.into_iter().enumerate().rev() {
                smallest = smallest.min(p_values[place] * (m as f64 / (rank + 1) as f64));
                result[place] = smallest;
            }
        }
    }
    Ok(result)
}

/// Confidence for each of `m` settings, so that with probability `confidence` no nonconforming one is released where
/// some may be released without the others: `1 - (1 - confidence)/m`.
///
/// # Errors
///
/// `confidence` outside (0, 1), no setting.
pub fn confidence_for_each(confidence: f64, m: usize) -> Result<f64, StatsError> {
    super::share("confidence", confidence)?;
    if m == 0 {
        return Err(StatsError::TooFew { what: "an adjustment", given: 0, needed: 1, remedy: "name the settings" });
    }
    Ok(1.0 - (1.0 - confidence) / m as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Adjustment, adjusted, confidence_for_each};

    #[test]
    fn refuses_what_is_no_probability() {
        assert!(adjusted(&[0.1, f64::NAN], Adjustment::Holm).is_err());
        assert!(confidence_for_each(0.95, 0).is_err());
        assert!((confidence_for_each(0.95, 5).unwrap() - 0.99).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn order_is_kept_and_holm_beats_bonferroni(p in prop::collection::vec(0.0..=1.0_f64, 0..12)) {
            let bonferroni = adjusted(&p, Adjustment::Bonferroni).unwrap();
            for adjustment in [Adjustment::Bonferroni, Adjustment::Holm, Adjustment::BenjaminiHochberg] {
                let result = adjusted(&p, adjustment).unwrap();
                for i in 0..p.len() {
                    // m p / m may differ from p in the last place.
                    prop_assert!(p[i] * (1.0 - 1e-15) <= result[i] && result[i] * (1.0 - 1e-15) <= bonferroni[i]);
                    for j in 0..p.len() {
                        prop_assert!(p[i] >= p[j] || result[i] <= result[j]);
                    }
                }
            }
        }
    }
}
