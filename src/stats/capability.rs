//! Capability indices of independent normal values, for reports; never the ground of a verdict.
//!
//! An estimated Ppk at the required value accepts a process that is not capable more than half of the time (measured:
//! 51 to 100 %), so each index comes with a bound. For strokes within cartridges use the nested interval instead.
//!
//! Deliberately absent: within-subgroup indices (Cp, Cpk), non-normal indices.

use super::distribution::{ChiSquared, Distribution, Normal};
use super::noncentral_t::NoncentralT;
use super::{StatsError, describe, root, share};

/// Capability of a sample against a lower and an upper limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capability {
    /// Number of values.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Confidence of the bounds.
    pub confidence: f64,
    /// Width of the limits over six standard deviations.
    pub pp: f64,
    /// Distance from the mean to the lower limit over three standard deviations.
    pub ppl: f64,
    /// Distance from the mean to the upper limit over three standard deviations.
    pub ppu: f64,
    /// The smaller of `ppl` and `ppu`.
    pub ppk: f64,
    /// Lower bound of Pp.
    pub pp_lower: f64,
    /// Exact lower bound of Ppl.
    pub ppl_lower: f64,
    /// Exact lower bound of Ppu.
    pub ppu_lower: f64,
    /// Lower bound of Ppk: the smaller of the two exact bounds, valid by intersection-union.
    pub ppk_lower: f64,
}

/// Capability of `values` against `lower` and `upper`, bounds of confidence `confidence`.
///
/// Ppu has the exact bound C with `F(3 sqrt(n) Ppu; n - 1, 3 sqrt(n) C) = confidence`, F the noncentral t distribution
/// (Kotz & Johnson, *Process Capability Indices*, 1993); Pp by chi-squared.
///
/// # Errors
///
/// Fewer than 2 values, no variance, limits in the wrong order, `confidence` outside (0, 1).
pub fn capability(values: &[f64], lower: f64, upper: f64, confidence: f64) -> Result<Capability, StatsError> {
    let moments = describe::scattered("capability", 2, values)?;
    share("confidence", confidence)?;
    if !(lower < upper && lower.is_finite() && upper.is_finite()) {
        return Err(StatsError::OutOfRange {
            what: "the lower limit",
            given: lower,
            allowed: "a finite number below the upper limit",
        });
    }
    let (n, sd) = (moments.n, moments.sd());
    let df = n as f64 - 1.0;
    let pp = (upper - lower) / (6.0 * sd);
    let (ppl, ppu) = (-moments.deviation(lower) / (3.0 * sd), moments.deviation(upper) / (3.0 * sd));
    let pp_lower = pp * (ChiSquared::new(df)?.quantile(1.0 - confidence)? / df).sqrt();
    let (ppl_lower, ppu_lower) = (one_sided_bound(n, ppl, confidence)?, one_sided_bound(n, ppu, confidence)?);
    Ok(Capability {
        n,
        mean: moments.mean,
        sd,
        confidence,
        pp,
        ppl,
        ppu,
        ppk: ppl.min(ppu),
        pp_lower,
        ppl_lower,
        ppu_lower,
        ppk_lower: ppl_lower.min(ppu_lower),
    })
}

/// Exact lower confidence bound of a one-sided index estimated as `index` from `n` values.
fn one_sided_bound(n: usize, index: f64, confidence: f64) -> Result<f64, StatsError> {
    let (df, scale) = (n as f64 - 1.0, 3.0 * (n as f64).sqrt());
    let t = scale * index;
    // Both rise with the noncentrality; the smaller tail keeps its digits.
    let excess = |noncentrality: f64| match NoncentralT::new(df, noncentrality).map(|law| law.tails(t)) {
        Ok(tails) if confidence > 0.5 => tails.upper - (1.0 - confidence),
        Ok(tails) => confidence - tails.lower,
        Err(_) => f64::NAN,
    };
    // Large-sample guess (Bissell, JRSS C 39 (1990) 331), in units of the noncentrality.
    let spread = (1.0 + 0.5 * t * t / df).sqrt();
    let start = t - Normal.quantile(confidence)? * spread;
    let range = (-1e6 - 10.0 * t.abs(), 1e6 + 10.0 * t.abs());
    Ok(root::find("the bound of a capability index", start, 0.1 * spread, range, excess)? / scale)
}

impl Capability {
    /// Two-sided interval of Pp.
    ///
    /// # Errors
    ///
    /// None that construction has not ruled out.
    pub fn pp_interval(&self) -> Result<(f64, f64), StatsError> {
        let df = self.n as f64 - 1.0;
        let (tail, chi2) = (0.5 * (1.0 - self.confidence), ChiSquared::new(df)?);
        let at = |chi2: f64| self.pp * (chi2 / df).sqrt();
        Ok((at(chi2.quantile(tail)?), at(chi2.upper_quantile(tail)?)))
    }

    /// Two-sided interval of Ppk by Bissell's normal approximation (JRSS C 39 (1990) 331), as common packages print it;
    /// [`Capability::ppk_lower`] is the one with a guarantee.
    ///
    /// # Errors
    ///
    /// None that construction has not ruled out.
    pub fn ppk_interval_bissell(&self) -> Result<(f64, f64), StatsError> {
        let n = self.n as f64;
        let sd = (1.0 / (9.0 * n) + self.ppk * self.ppk / (2.0 * (n - 1.0))).sqrt();
        let reach = Normal.upper_quantile(0.5 * (1.0 - self.confidence))? * sd;
        Ok((self.ppk - reach, self.ppk + reach))
    }

    /// Shares expected below the lower and above the upper limit, for normal values with this mean and deviation.
    pub fn expected_outside(&self) -> (f64, f64) {
        (Normal.sf(3.0 * self.ppl), Normal.sf(3.0 * self.ppu))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{StatsError, capability};

    #[test]
    fn refuses_what_it_cannot_answer() {
        let values = [1.0, 1.1, 0.9];
        assert!(matches!(capability(&values, 2.0, 1.0, 0.95), Err(StatsError::OutOfRange { .. })));
        assert!(matches!(capability(&values, 0.0, 2.0, 1.0), Err(StatsError::OutOfRange { .. })));
        assert!(matches!(capability(&[1.0; 5], 0.0, 2.0, 0.95), Err(StatsError::NoVariance { .. })));
        assert!(matches!(capability(&[1.0], 0.0, 2.0, 0.95), Err(StatsError::TooFew { .. })));
    }

    proptest! {
        #[test]
        fn bounds_are_mirrored_with_the_data(
            values in prop::collection::vec(-1.0..1.0_f64, 4..40), upper in 1.5..4.0_f64,
        ) {
            prop_assume!(values.iter().any(|value| *value != values[0]));
            let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
            let a = capability(&values, -1.2, upper, 0.9).unwrap();
            let b = capability(&mirrored, -upper, 1.2, 0.9).unwrap();
            prop_assert!((a.ppu_lower - b.ppl_lower).abs() < 1e-9 * a.ppu_lower.abs().max(1.0));
            prop_assert!(a.ppk_lower < a.ppk && a.ppk <= a.pp + 1e-12);
        }
    }
}
