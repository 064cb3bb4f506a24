//! Guard bands: decisions near a limit under measurement uncertainty (JCGM 106:2012).
//!
//! Only uncertainty that all values share (calibration, alignment, temperature) is guarded; what scatters from value to
//! value is already in the observed spread and would be counted twice.
//!
//! Deliberately absent: the choice of the risk; plans declare it.

use super::distribution::{Distribution, Normal, normal_density};
use super::quadrature::Rule;
use super::{StatsError, positive, share};

/// Guard band for a risk of at most `1 - confidence` that a true value beyond a limit is accepted: `z u`, `u` the
/// standard uncertainty; 1.645 u at 0.95 (JCGM 106, 8.3.2; ISO 14253-1:2017 form).
///
/// # Errors
///
/// `confidence` outside (0, 1) or below 0.5; `u` negative or not finite.
pub fn guard_band(u: f64, confidence: f64) -> Result<f64, StatsError> {
    if share("confidence", confidence)? < 0.5 {
        return Err(StatsError::OutOfRange { what: "confidence", given: confidence, allowed: "0.5 to below 1" });
    }
    if !(u >= 0.0 && u.is_finite()) {
        return Err(StatsError::OutOfRange { what: "the uncertainty", given: u, allowed: "a finite number from 0 on" });
    }
    Ok(Normal.quantile(confidence)? * u)
}

/// A two-sided tolerance; either end may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Lower limit.
    pub lower: f64,
    /// Upper limit, above `lower`.
    pub upper: f64,
}

impl Limits {
    fn ordered(self) -> Result<Self, StatsError> {
        if self.lower < self.upper {
            return Ok(self);
        }
        Err(StatsError::OutOfRange { what: "the lower limit", given: self.lower, allowed: "below the upper limit" })
    }

    /// Probability of a normal value with this mean and standard deviation between the limits, from the smaller tails.
    fn probability(self, mean: f64, sd: f64) -> f64 {
        let (low, high) = ((self.lower - mean) / sd, (self.upper - mean) / sd);
        if low > 0.0 { Normal.sf(low) - Normal.sf(high) } else { Normal.cdf(high) - Normal.cdf(low) }
    }
}

/// Probability that a quantity measured as `y` with standard uncertainty `u` conforms (JCGM 106, 7.2 and 7.4).
///
/// # Errors
///
/// `u` not positive, limits in the wrong order, `y` not finite.
pub fn conformance_probability(y: f64, u: f64, limits: Limits) -> Result<f64, StatsError> {
    super::all_finite(&[y])?;
    Ok(limits.ordered()?.probability(y, positive("the uncertainty", u)?))
}

/// Risks of a decision over a whole production.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GlobalRisk {
    /// Probability that an item is accepted and does not conform.
    pub consumer: f64,
    /// Probability that an item is rejected and conforms.
    pub producer: f64,
}

/// Normal production and the uncertainty with which each item is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Production {
    /// Mean of the true values.
    pub mean: f64,
    /// Standard deviation of the true values, positive.
    pub sd: f64,
    /// Standard uncertainty of a measurement, positive.
    pub u: f64,
}

/// Global risks where an item is accepted if measured at least `guard` inside the limits (JCGM 106, 9.5), to about
/// 1e-12.
///
/// # Errors
///
/// A standard deviation or uncertainty that is not positive, limits not finite or in the wrong order, a guard that
/// leaves nothing between them.
pub fn global_risk(production: &Production, limits: Limits, guard: f64) -> Result<GlobalRisk, StatsError> {
    let Production { mean, sd, u } = *production;
    positive("the standard deviation", sd)?;
    positive("the uncertainty", u)?;
    super::all_finite(&[mean, limits.lower, limits.upper, guard])?;
    limits.ordered()?;
    let acceptance = Limits { lower: limits.lower + guard, upper: limits.upper - guard };
    if acceptance.lower >= acceptance.upper {
        return Err(StatsError::OutOfRange {
            what: "the guard band",
            given: guard,
            allowed: "less than half the tolerance",
        });
    }
    let (first, last) = (mean - 40.0 * sd, mean + 40.0 * sd);
    let mut edges = vec![first, last, limits.lower, limits.upper];
    for m in [-12.0, -8.0, -5.0, -3.0, -1.5, 0.0, 1.5, 3.0, 5.0, 8.0, 12.0] {
        edges.extend([mean + m * sd, acceptance.lower + m * u, acceptance.upper + m * u]);
    }
    edges.retain(|edge| (first..=last).contains(edge));
    edges.sort_by(f64::total_cmp);
    let (mut consumer, mut producer) = (0.0, 0.0);
    for (value, weight) in Rule::gauss_legendre(32).over(&edges) {
        let density = weight * normal_density((value - mean) / sd) / sd;
        let accepted = acceptance.probability(value, u);
        if limits.lower <= value && value <= limits.upper {
            producer += density * (1.0 - accepted);
        } else {
            consumer += density * accepted;
        }
    }
    Ok(GlobalRisk { consumer, producer })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Limits, Production, conformance_probability, global_risk, guard_band};

    #[test]
    fn refuses_what_it_cannot_answer() {
        let limits = Limits { lower: 0.9, upper: 1.1 };
        assert!(guard_band(-0.1, 0.95).is_err() && guard_band(0.1, 0.4).is_err());
        assert!(conformance_probability(1.0, 0.0, limits).is_err());
        assert!(conformance_probability(1.0, 0.1, Limits { lower: 1.1, upper: 0.9 }).is_err());
        assert!(global_risk(&Production { mean: 1.0, sd: 0.1, u: 0.01 }, limits, 0.1).is_err());
    }

    proptest! {
        #[test]
        fn a_value_a_guard_band_inside_conforms_with_the_stated_confidence(
            u in 0.001..0.01_f64, confidence in 0.6..0.999_f64,
        ) {
            let limits = Limits { lower: 0.0, upper: 1.0 };
            let y = 1.0 - guard_band(u, confidence).unwrap();
            prop_assert!((conformance_probability(y, u, limits).unwrap() - confidence).abs() < 1e-12);
        }

        #[test]
        fn a_guard_moves_risk_from_consumer_to_producer(u in 0.005..0.02_f64, guard in 0.001..0.03_f64) {
            let (production, limits) = (Production { mean: 1.0, sd: 0.05, u }, Limits { lower: 0.9, upper: 1.1 });
            let bare = global_risk(&production, limits, 0.0).unwrap();
            let guarded = global_risk(&production, limits, guard).unwrap();
            prop_assert!(guarded.consumer < bare.consumer && guarded.producer > bare.producer);
        }
    }
}
