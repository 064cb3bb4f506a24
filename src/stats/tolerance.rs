//! Statistical tolerance intervals: limits that cover a stated share of a population with a stated confidence.
//!
//! Normal factors are exact (ISO 16269-6 in form; Odeh and Owen 1980; Krishnamoorthy and Mathew, *Statistical
//! Tolerance Regions*, 2009, ch. 2): no Howe approximation, which is up to 1 % too small at n = 10. The sample size
//! for the mean and the degrees of freedom of the variance are separate arguments, so that pooled and
//! autocorrelated data can use them.
//!
//! Invariant: the values, or units, behind `n` are independent. Strokes of one cartridge are not: see
//! [`super::nested`].

use super::distribution::{ChiSquared, Distribution, Normal, binomial_tails, normal_density};
use super::noncentral_t::NoncentralT;
use super::quadrature::Rule;
use super::{StatsError, all_finite, describe, positive, root, share};
use std::sync::LazyLock;

/// What a tolerance interval promises: it covers at least `coverage` of the population, and does so in a share
/// `confidence` of all samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    coverage: f64,
    confidence: f64,
}

impl Claim {
    /// Both strictly between 0 and 1.
    ///
    /// # Errors
    ///
    /// [`StatsError::OutOfRange`] otherwise.
    pub fn new(coverage: f64, confidence: f64) -> Result<Self, StatsError> {
        Ok(Self { coverage: share("coverage", coverage)?, confidence: share("confidence", confidence)? })
    }

    /// Share of the population that the interval covers.
    pub fn coverage(self) -> f64 {
        self.coverage
    }

    /// Probability that an interval from a random sample covers that share.
    pub fn confidence(self) -> f64 {
        self.confidence
    }

    /// Standard normal quantile of the coverage: of `coverage` for one side, of `(1 + coverage) / 2` for two.
    pub fn normal_quantile(self, sides: Sides) -> Result<f64, StatsError> {
        let outside = 1.0 - self.coverage;
        Normal.upper_quantile(if sides == Sides::Two { 0.5 * outside } else { outside })
    }
}

/// Whether a limit stands alone or both ends are claimed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// Each end is a limit of its own: the share `coverage` lies above the lower one, or below the upper one.
    One,
    /// The share `coverage` lies between the ends.
    Two,
}

/// Exact factor k: `mean ± k sd` for a normal population.
///
/// `n` is the number of independent values behind the mean (`Var(mean) = variance / n`, not necessarily whole), `df`
/// the degrees of freedom of the variance; `n - 1` for a plain sample. Relative error below 1e-12 against 220-bit
/// arithmetic for n to 100 000.
///
/// # Errors
///
/// [`StatsError::OutOfRange`] where `n` or `df` is not positive; [`StatsError::NoSolution`] for extremes.
pub fn factor(n: f64, df: f64, claim: Claim, sides: Sides) -> Result<f64, StatsError> {
    positive("sample size", n)?;
    positive("degrees of freedom", df)?;
    match sides {
        Sides::One => one_sided_factor(n, df, claim),
        Sides::Two => two_sided_factor(n, df, claim),
    }
}

/// Solves `F(k sqrt n; df, sqrt n z_P) = confidence`, F the noncentral t (Krishnamoorthy and Mathew, eq. 2.2), on
/// the smaller tail.
fn one_sided_factor(n: f64, df: f64, claim: Claim) -> Result<f64, StatsError> {
    let z = claim.normal_quantile(Sides::One)?;
    let distribution = NoncentralT::new(df, n.sqrt() * z)?;
    let confidence = claim.confidence;
    let start = z * (df / ChiSquared::new(df)?.upper_quantile(confidence)?).sqrt();
    root::find("one-sided tolerance factor", start, 0.1 * start.abs().max(0.1), (-1e9, 1e9), |k| {
        let tails = distribution.tails(k * n.sqrt());
        if confidence < 0.5 {
            (tails.lower / confidence).max(f64::MIN_POSITIVE).ln()
        } else {
            -(tails.upper / (1.0 - confidence)).max(f64::MIN_POSITIVE).ln()
        }
    })
}

static MEAN_RULE: LazyLock<Rule> = LazyLock::new(|| Rule::gauss_legendre(40));
const MEAN_EDGES: [f64; 5] = [0.0, 2.75, 5.5, 8.25, 11.0];

/// Solves `2 Int phi(z) Pr{chi2_df >= df r(z)^2 / k^2} dz = confidence` over z > 0, where
/// `Phi(z / sqrt n + r) - Phi(z / sqrt n - r) = coverage` (Odeh and Owen 1980), by Newton's method in the logarithms
/// of k and of the smaller of confidence and its complement.
fn two_sided_factor(n: f64, df: f64, claim: Claim) -> Result<f64, StatsError> {
    const ITERATIONS_MAX: u32 = 100;
    let chi2 = ChiSquared::new(df)?;
    let halves = half_widths(n, claim)?;
    let upper = claim.confidence < 0.5;
    let target = if upper { claim.confidence } else { 1.0 - claim.confidence };
    let howe =
        claim.normal_quantile(Sides::Two)? * (df * (1.0 + 1.0 / n) / chi2.upper_quantile(claim.confidence)?).sqrt();
    let mut ln_k = howe.ln();
    for _ in 0..ITERATIONS_MAX {
        let scale = df * (-2.0 * ln_k).exp();
        let (mut area, mut slope) = (0.0, 0.0);
        for (weight, half_width) in &halves {
            let x = scale * half_width * half_width;
            let tails = chi2.tails(x);
            area += weight * if upper { tails.upper } else { tails.lower };
            slope += weight * 2.0 * x * chi2.density(x);
        }
        let step = (area / target).ln() * area / slope;
        let step = if upper { -step } else { step }.clamp(-1.0, 1.0);
        ln_k += step;
        if step.abs() < 1e-13 {
            return Ok(ln_k.exp());
        }
        if step.is_nan() {
            break;
        }
    }
    Err(StatsError::NoSolution { what: "two-sided tolerance factor", iterations: ITERATIONS_MAX })
}

/// At each node of the mean's distribution: its weight, and the half-width (in population SDs) about that mean which
/// covers exactly `coverage`.
fn half_widths(n: f64, claim: Claim) -> Result<Vec<(f64, f64)>, StatsError> {
    let outside = 1.0 - claim.coverage;
    let mut half_width = claim.normal_quantile(Sides::Two)?;
    let mut halves: Vec<(f64, f64)> = MEAN_RULE.over(&MEAN_EDGES).collect();
    halves.sort_by(|a, b| a.0.total_cmp(&b.0));
    for node in &mut halves {
        let (z, weight) = *node;
        half_width = half_width_about(z / n.sqrt(), outside, half_width)?;
        *node = (2.0 * weight * normal_density(z), half_width);
    }
    Ok(halves)
}

/// Solves `Q(r + x) + Q(r - x) = outside` for r by Newton's method on the logarithm, which is concave in r.
fn half_width_about(x: f64, outside: f64, start: f64) -> Result<f64, StatsError> {
    const ITERATIONS_MAX: u32 = 100;
    let mut r = start;
    for _ in 0..ITERATIONS_MAX {
        let area = Normal.sf(r + x) + Normal.sf(r - x);
        let slope = normal_density(r + x) + normal_density(r - x);
        let step = (area / outside).ln() * area / slope;
        r = (r + step).max(0.5 * r);
        if step.abs() <= 4.0 * f64::EPSILON * r {
            return Ok(r);
        }
        if step.is_nan() {
            break;
        }
    }
    Err(StatsError::NoSolution { what: "half-width of a tolerance interval", iterations: ITERATIONS_MAX })
}

/// Normal tolerance limits of independent values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalLimits {
    /// Mean of the values.
    pub mean: f64,
    /// Their SD (divisor n - 1).
    pub sd: f64,
    /// The exact factor.
    pub k: f64,
    /// `mean - k sd`.
    pub lower: f64,
    /// `mean + k sd`.
    pub upper: f64,
}

/// Normal tolerance limits of at least two independent values.
///
/// # Errors
///
/// [`StatsError::TooFew`], [`StatsError::NotFinite`], [`StatsError::NoVariance`], and those of [`factor`].
pub fn normal_limits(values: &[f64], claim: Claim, sides: Sides) -> Result<NormalLimits, StatsError> {
    let moments = describe::scattered("a normal tolerance interval", 2, values)?;
    let n = values.len() as f64;
    let (mean, sd) = (moments.mean, moments.sd());
    let k = factor(n, n - 1.0, claim, sides)?;
    Ok(NormalLimits { mean, sd, k, lower: mean - k * sd, upper: mean + k * sd })
}

/// Distribution-free tolerance limits: two order statistics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderLimits {
    /// Rank of the lower limit, from 1.
    pub rank_lower: usize,
    /// Rank of the upper limit, from 1.
    pub rank_upper: usize,
    /// The value of that rank.
    pub lower: f64,
    /// The value of that rank.
    pub upper: f64,
    /// Confidence actually achieved, at least that of the claim.
    pub confidence: f64,
}

/// Distribution-free limits of independent values: the narrowest interval `(X_(r), X_(n+1-s))`, r and s as equal as
/// can be, whose confidence `Pr{Bin(n, 1 - coverage) >= r + s}` reaches the claim (Wilks 1941; ISO 16269-6, annex on
/// distribution-free intervals). With one side, `lower` and `upper` are limits each on its own.
///
/// # Errors
///
/// [`StatsError::TooFew`] with the number that would be enough; [`StatsError::NotFinite`].
pub fn order_limits(values: &[f64], claim: Claim, sides: Sides) -> Result<OrderLimits, StatsError> {
    all_finite(values)?;
    let n = values.len();
    let least = if sides == Sides::Two { 2 } else { 1 };
    let removed = removable(n as u64, claim)?;
    if removed < least {
        let needed = usize::try_from(order_sample_size(claim, sides)?).unwrap_or(usize::MAX);
        let remedy = "measure that many independent units, or claim less";
        return Err(StatsError::TooFew { what: "a distribution-free tolerance interval", given: n, needed, remedy });
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let removed_count = usize::try_from(removed).unwrap_or(usize::MAX);
    let (from_below, from_above) = match sides {
        Sides::Two => (removed_count / 2, removed_count - removed_count / 2),
        Sides::One => (removed_count, removed_count),
    };
    Ok(OrderLimits {
        rank_lower: from_below,
        rank_upper: n + 1 - from_above,
        lower: sorted[from_below - 1],
        upper: sorted[n - from_above],
        confidence: order_confidence(n as u64, removed, claim)?,
    })
}

/// Smallest number of independent values for which extreme order statistics are tolerance limits: 59 (one side) and
/// 93 (two) at 95 % coverage and confidence.
///
/// # Errors
///
/// [`StatsError::OutOfRange`] where more than 2^52 would be needed.
pub fn order_sample_size(claim: Claim, sides: Sides) -> Result<u64, StatsError> {
    let removed = if sides == Sides::Two { 2 } else { 1 };
    let enough = |n: u64| -> Result<bool, StatsError> {
        // The slack of a few units in the last place admits claims that are met with equality.
        Ok(n >= removed && order_confidence(n, removed, claim)? >= claim.confidence * (1.0 - 1e-15))
    };
    let mut high = 1_u64;
    while !enough(high)? {
        if high >= 1 << 52 {
            return Err(StatsError::OutOfRange {
                what: "coverage",
                given: claim.coverage,
                allowed: "at most 1 - 1e-15",
            });
        }
        high *= 2;
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle)? { high = middle } else { low = middle }
    }
    Ok(high)
}

/// Largest number of extreme values that may be cut off both ends together while the claim holds.
fn removable(n: u64, claim: Claim) -> Result<u64, StatsError> {
    let (mut low, mut high) = (0, n + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if order_confidence(n, middle, claim)? >= claim.confidence * (1.0 - 1e-15) {
            low = middle
        } else {
            high = middle
        }
    }
    Ok(low)
}

/// `Pr{Bin(n, 1 - coverage) >= removed}`, `removed` from 1 to n.
fn order_confidence(n: u64, removed: u64, claim: Claim) -> Result<f64, StatsError> {
    Ok(binomial_tails(removed - 1, n, 1.0 - claim.coverage)?.upper)
}

#[cfg(test)]
mod tests {
    use super::{Claim, Sides, factor, order_limits, order_sample_size};

    #[derive(serde::Deserialize)]
    struct Entry {
        n: f64,
        df: f64,
        coverage: f64,
        confidence: f64,
        k1: f64,
        k2: f64,
        howe_k2: f64,
    }

    #[derive(serde::Deserialize)]
    struct Table {
        entries: Vec<Entry>,
    }

    fn reference(text: &str) -> Vec<Entry> {
        serde_json::from_str::<Table>(text).unwrap().entries
    }

    /// Factors from 220-bit arithmetic; see the `source` in the fixtures.
    #[test]
    fn factors_agree_with_the_reference() {
        let mut entries = reference(include_str!("../../fixtures/stats/tolerance_factors.json"));
        entries.extend(reference(include_str!("../../fixtures/stats/tolerance_factors_df.json")));
        assert!(entries.len() > 300);
        let (mut worst_one, mut worst_two, mut howe) = (0.0_f64, 0.0_f64, 0.0_f64);
        for Entry { n, df, coverage, confidence, k1, k2, howe_k2 } in entries {
            let claim = Claim::new(coverage, confidence).unwrap();
            worst_one = worst_one.max((factor(n, df, claim, Sides::One).unwrap() / k1 - 1.0).abs());
            worst_two = worst_two.max((factor(n, df, claim, Sides::Two).unwrap() / k2 - 1.0).abs());
            howe = howe.max((howe_k2 / k2 - 1.0).abs());
        }
        assert!(worst_one < 1e-12 && worst_two < 1e-12, "one-sided {worst_one:e}, two-sided {worst_two:e}");
        assert!(howe > 0.03, "the reference would not tell Howe's approximation from the exact factor");
    }

    /// Sample sizes of ISO 16269-6's distribution-free intervals, exact rationals.
    #[test]
    fn order_statistics_need_the_known_numbers() {
        for (coverage, confidence, one, two) in [
            (0.95, 0.95, 59, 93),
            (0.9, 0.9, 22, 38),
            (0.9, 0.95, 29, 46),
            (0.99, 0.95, 299, 473),
            (0.99, 0.9, 230, 388),
            (0.95, 0.99, 90, 130),
            (0.999, 0.95, 2995, 4742),
            (0.5, 0.75, 2, 5),
        ] {
            let claim = Claim::new(coverage, confidence).unwrap();
            assert_eq!(order_sample_size(claim, Sides::One).unwrap(), one);
            assert_eq!(order_sample_size(claim, Sides::Two).unwrap(), two);
        }
    }

    #[test]
    fn order_limits_cut_as_many_as_the_claim_allows() {
        let values: Vec<f64> = (1..=93).map(f64::from).collect();
        let claim = Claim::new(0.95, 0.95).unwrap();
        let limits = order_limits(&values, claim, Sides::Two).unwrap();
        assert_eq!((limits.rank_lower, limits.rank_upper), (1, 93));
        assert!(limits.confidence >= 0.95);
        let error = order_limits(&values[1..], claim, Sides::Two).unwrap_err();
        assert!(error.to_string().contains("93"), "{error}");
        assert!(order_limits(&values[..59], claim, Sides::One).is_ok());
        assert!(order_limits(&values[..58], claim, Sides::One).is_err());
    }
}
