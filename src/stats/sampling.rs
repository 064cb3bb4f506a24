//! Acceptance sampling before the test: plans with two stated risks, and operating characteristics.
//!
//! A plan meets two points of its operating characteristic: a lot with a share `p1` nonconforming is accepted with at
//! least `1 - alpha` (producer), one with `p2` with at most `beta` (consumer). Units are independent: cartridges, not
//! strokes.
//!
//! Deliberately absent: the tables of ISO 2859-1 and ISO 3951 with their switching rules, which are indexed by quality
//! level and code letter.

use super::distribution::{Beta, ChiSquared, Distribution, Normal, binomial_tails, normal_density};
use super::noncentral_t::NoncentralT;
use super::quadrature::Rule;
use super::tolerance::{Claim, Sides, factor};
use super::{StatsError, positive, share};

/// Largest sample of a plan by variables.
const VARIABLES_MAX: f64 = 1e6;
/// Largest acceptance number of a plan by attributes.
const ACCEPTANCE_NUMBER_MAX: u64 = 5000;

/// Two points of an operating characteristic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Risks {
    p1: f64,
    alpha: f64,
    p2: f64,
    beta: f64,
}

impl Risks {
    /// Producer's point (`p1`, `alpha`) and consumer's point (`p2`, `beta`).
    ///
    /// # Errors
    ///
    /// A share outside (0, 1), `p1` not below `p2`, or `alpha + beta` not below 1.
    pub fn new(p1: f64, alpha: f64, p2: f64, beta: f64) -> Result<Self, StatsError> {
        for (what, given) in [("p1", p1), ("alpha", alpha), ("p2", p2), ("beta", beta)] {
            share(what, given)?;
        }
        if p1 >= p2 {
            return Err(StatsError::OutOfRange { what: "p1", given: p1, allowed: "less than p2" });
        }
        if alpha + beta >= 1.0 {
            return Err(StatsError::OutOfRange { what: "alpha", given: alpha, allowed: "less than 1 - beta" });
        }
        Ok(Self { p1, alpha, p2, beta })
    }
}

/// Plan by variables: accept where `(U - mean) / s >= k`, or with the known standard deviation for `s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VariablesPlan {
    /// Sample size.
    pub n: u64,
    /// Smallest k that keeps the consumer's risk; there it is exactly `beta`.
    pub k_min: f64,
    /// Largest k that keeps the producer's risk; there it is exactly `alpha`.
    pub k_max: f64,
}

impl VariablesPlan {
    /// The k in the middle of what both risks allow, so that neither is missed by rounding.
    pub fn k(&self) -> f64 {
        0.5 * (self.k_min + self.k_max)
    }
}

/// Smallest plan by variables, standard deviation unknown (s-method, form of ISO 3951-1): the smallest n for which
/// `k_min <= k_max`, both from [`accept_by_variables`].
///
/// # Errors
///
/// Points so close together that more than a million values would be needed.
pub fn variables_plan(risks: &Risks) -> Result<VariablesPlan, StatsError> {
    // P(accept) = 1 - F_nct(k sqrt n; n - 1, sqrt n z), which is the equation of the one-sided tolerance factor.
    let k_at = |n: u64, p: f64, confidence: f64| -> Result<f64, StatsError> {
        factor(n as f64, n as f64 - 1.0, Claim::new(1.0 - p, confidence)?, Sides::One)
    };
    let feasible = |n: u64| -> Result<bool, StatsError> {
        let k_min = k_at(n, risks.p2, 1.0 - risks.beta)?;
        Ok(accept_by_variables(n, k_min, risks.p1)? >= 1.0 - risks.alpha)
    };
    // The unknown deviation costs a factor of about 1 + k^2/2 over the known one.
    let known = variables_plan_known_sd(risks)?;
    let guess = known.n as f64 * (1.0 + 0.5 * known.k().powi(2));
    if guess > VARIABLES_MAX {
        let allowed = "farther from p1; the plan would need over a million values";
        return Err(StatsError::OutOfRange { what: "p2", given: risks.p2, allowed });
    }
    let (mut low, mut high) = (1, (guess as u64).max(2));
    while !feasible(high)? {
        low = high;
        high += high / 8 + 1;
    }
    while high - low > 1 {
        // Near the guess first: halving from 1 would waste steps.
        let middle = (low + (high - low) / 2).max(high - high / 8).min(high - 1);
        if feasible(middle)? { high = middle } else { low = middle }
    }
    let (k_min, k_max) = (k_at(high, risks.p2, 1.0 - risks.beta)?, k_at(high, risks.p1, risks.alpha)?);
    Ok(VariablesPlan { n: high, k_min, k_max })
}

/// Smallest plan by variables with a known standard deviation (sigma-method).
///
/// # Errors
///
/// None that the construction of `risks` has not ruled out.
pub fn variables_plan_known_sd(risks: &Risks) -> Result<VariablesPlan, StatsError> {
    let (near, far) = (Normal.upper_quantile(risks.p1)?, Normal.upper_quantile(risks.p2)?);
    let (producer, consumer) = (Normal.upper_quantile(risks.alpha)?, Normal.upper_quantile(risks.beta)?);
    let n = ((producer + consumer) / (near - far)).powi(2).ceil().max(1.0);
    Ok(VariablesPlan { n: n as u64, k_min: far + consumer / n.sqrt(), k_max: near - producer / n.sqrt() })
}

/// Plan by attributes: accept where at most `c` of `n` are nonconforming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributesPlan {
    /// Sample size.
    pub n: u64,
    /// Acceptance number.
    pub c: u64,
}

/// Plan by attributes with the smallest c, then the smallest n, for a large lot (type B operating characteristic).
///
/// # Errors
///
/// Points so close together that c would exceed 5000.
pub fn attributes_plan(risks: &Risks) -> Result<AttributesPlan, StatsError> {
    let mut low = 0;
    for c in 0..=ACCEPTANCE_NUMBER_MAX {
        // The consumer's risk falls with n: the smallest n that keeps it is the best for the producer.
        let safe = |n: u64| -> Result<bool, StatsError> { Ok(accept_by_attributes(n, c, risks.p2)? <= risks.beta) };
        let mut n = (low + 1).max(c + 1);
        while !safe(n)? {
            low = n;
            n *= 2;
        }
        while n - low > 1 {
            let middle = low + (n - low) / 2;
            if safe(middle)? { n = middle } else { low = middle }
        }
        if accept_by_attributes(n, c, risks.p1)? >= 1.0 - risks.alpha {
            return Ok(AttributesPlan { n, c });
        }
        // One more nonconforming allowed needs a larger sample, so the next search starts here.
        low = n;
    }
    Err(StatsError::OutOfRange {
        what: "p2",
        given: risks.p2,
        allowed: "farther from p1; the plan would allow over 5000 nonconforming",
    })
}

/// Probability that a plan (`n`, `k`) by variables accepts a lot with a share `p` beyond its one limit, standard
/// deviation unknown: `1 - F_nct(k sqrt n; n - 1, sqrt n z_(1-p))`.
///
/// # Errors
///
/// Fewer than 2 values, `p` outside (0, 1), `k` not finite.
pub fn accept_by_variables(n: u64, k: f64, p: f64) -> Result<f64, StatsError> {
    let size = size_of_plan(n, k, 2)?;
    let noncentrality = size.sqrt() * Normal.upper_quantile(share("p", p)?)?;
    Ok(NoncentralT::new(size - 1.0, noncentrality)?.tails(k * size.sqrt()).upper)
}

/// The same with a known standard deviation: `Phi(sqrt n (z_(1-p) - k))`.
///
/// # Errors
///
/// No value, `p` outside (0, 1), `k` not finite.
pub fn accept_by_variables_known_sd(n: u64, k: f64, p: f64) -> Result<f64, StatsError> {
    let size = size_of_plan(n, k, 1)?;
    Ok(Normal.cdf(size.sqrt() * (Normal.upper_quantile(share("p", p)?)? - k)))
}

/// Probability that a plan (`n`, `c`) by attributes accepts a large lot with a share `p` nonconforming.
///
/// # Errors
///
/// `p` outside (0, 1), `c` above `n`.
pub fn accept_by_attributes(n: u64, c: u64, p: f64) -> Result<f64, StatsError> {
    Ok(binomial_tails(c, n, p)?.lower)
}

fn size_of_plan(n: u64, k: f64, needed: usize) -> Result<f64, StatsError> {
    if n < needed as u64 {
        let remedy = "plan a larger sample";
        return Err(StatsError::TooFew { what: "a plan by variables", given: n as usize, needed, remedy });
    }
    if !k.is_finite() {
        return Err(StatsError::OutOfRange { what: "k", given: k, allowed: "a finite number" });
    }
    Ok(n as f64)
}

/// Normal process and the two limits it is judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Process {
    /// Mean.
    pub mean: f64,
    /// Standard deviation, positive.
    pub sd: f64,
    /// Lower limit.
    pub lower: f64,
    /// Upper limit, above `lower`.
    pub upper: f64,
}

/// Probability that `mean ± k s` of `n` independent values lies within both limits, to about 1e-10: over the sample
/// mean, the probability that s is small enough, `chi2_(n-1) <= (n-1) (room / (k sd))^2`.
///
/// # Errors
///
/// Fewer than 2 values; `k` or the standard deviation not positive; limits in the wrong order.
pub fn accept_by_interval(n: u64, k: f64, process: &Process) -> Result<f64, StatsError> {
    let Process { mean, sd, lower, upper } = *process;
    let size = size_of_plan(n, positive("k", k)?, 2)?;
    positive("the standard deviation", sd)?;
    if lower.partial_cmp(&upper) != Some(std::cmp::Ordering::Less) {
        return Err(StatsError::OutOfRange { what: "the lower limit", given: lower, allowed: "below the upper limit" });
    }
    let df = size - 1.0;
    let chi2 = ChiSquared::new(df)?;
    let to_z = size.sqrt() / sd;
    let (low, high) = ((lower - mean) * to_z, (upper - mean) * to_z);
    // Half-width k s, in units of the standard error of the mean, at which s is m of its deviations from typical.
    let reach = |m: f64| k * size.sqrt() * (1.0 + m / (2.0 * df).sqrt());
    let mut edges = vec![low.max(-12.0), high.min(12.0), 0.5 * (low + high)];
    for m in [-8.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0] {
        edges.extend([low + reach(m), high - reach(m), m]);
    }
    let (first, last) = (low.max(-12.0), high.min(12.0));
    if first >= last {
        return Ok(0.0);
    }
    edges.retain(|edge| (first..=last).contains(edge));
    edges.sort_by(f64::total_cmp);
    let terms = |(z, weight): (f64, f64)| {
        let room = (z - low).min(high - z) / (k * size.sqrt());
        weight * normal_density(z) * chi2.cdf(df * room * room)
    };
    Ok(Rule::gauss_legendre(32).over(&edges).map(terms).sum::<f64>().clamp(0.0, 1.0))
}

/// Minimum variance unbiased estimate of the share beyond a limit that is `q` sample standard deviations from the mean
/// of `n` values: `I_x(n/2 - 1, n/2 - 1)`, `x = max(0, 1/2 - q sqrt(n) / (2 (n - 1)))` (Lieberman & Resnikoff, JASA 50
/// (1955) 457).
///
/// # Errors
///
/// Fewer than 3 values, `q` not finite.
pub fn estimated_share_beyond(n: u64, q: f64) -> Result<f64, StatsError> {
    let size = size_of_plan(n, q, 3)?;
    let shape = 0.5 * size - 1.0;
    let x = (0.5 - 0.5 * q * size.sqrt() / (size - 1.0)).clamp(0.0, 1.0);
    Ok(Beta::new(shape, shape)?.cdf(x))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Process, Risks, accept_by_attributes, accept_by_interval, accept_by_variables, attributes_plan, variables_plan,
    };

    #[test]
    fn refuses_contradictory_risks() {
        assert!(Risks::new(0.05, 0.05, 0.02, 0.1).is_err());
        assert!(Risks::new(0.01, 0.5, 0.05, 0.5).is_err());
        assert!(Risks::new(0.0, 0.05, 0.05, 0.1).is_err());
        assert!(accept_by_variables(1, 1.0, 0.1).is_err());
        let backwards = Process { mean: 0.0, sd: 1.0, lower: 1.0, upper: -1.0 };
        assert!(accept_by_interval(10, 2.0, &backwards).is_err());
    }

    #[test]
    fn wide_limits_accept_and_a_process_outside_is_refused() {
        let process = Process { mean: 0.0, sd: 1.0, lower: -50.0, upper: 50.0 };
        assert!((accept_by_interval(20, 2.5, &process).unwrap() - 1.0).abs() < 1e-10);
        assert!(accept_by_interval(20, 2.5, &Process { mean: 60.0, ..process }).unwrap() < 1e-10);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn plans_keep_both_risks_and_no_smaller_one_does(
            p1 in 0.002..0.05_f64, ratio in 3.0..10.0_f64, alpha in 0.02..0.2_f64, beta in 0.02..0.2_f64,
        ) {
            let p2 = p1 * ratio;
            let risks = Risks::new(p1, alpha, p2, beta).unwrap();
            let plan = variables_plan(&risks).unwrap();
            prop_assert!(accept_by_variables(plan.n, plan.k(), p1).unwrap() >= 1.0 - alpha - 1e-9);
            prop_assert!(accept_by_variables(plan.n, plan.k(), p2).unwrap() <= beta + 1e-9);
            let plan = attributes_plan(&risks).unwrap();
            prop_assert!(accept_by_attributes(plan.n, plan.c, p1).unwrap() >= 1.0 - alpha);
            prop_assert!(accept_by_attributes(plan.n, plan.c, p2).unwrap() <= beta);
            prop_assert!(accept_by_attributes(plan.n - 1, plan.c, p2).unwrap() > beta);
        }
    }
}
