//! Normal, Student's t, chi-squared, Fisher's F, beta and binomial: tail areas and quantiles.
//!
//! Both tails are always computed, never one as the complement of the other, so that a small tail keeps its digits.
//! Tail areas come from the incomplete gamma and beta ratios of `cdflib` (Didonato and Morris, ACM TOMS 708 and 654)
//! and `libm::erfc`; the normal quantile from `statrs`, the others by inversion of the smaller tail in its logarithm. Measured against 220-bit
//! arithmetic in the reference files: 1e-12 relative or better.
//!
//! Invariant: parameters are checked once, at construction; tail areas are then defined for every real argument.
//! Deliberately absent: densities that no caller needs, moments, random numbers (see `crate::prng`).

use super::{StatsError, positive, root, share};
use statrs::distribution::ContinuousCDF as _;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Probabilities below and above a point; they add to 1 but for rounding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tails {
    /// Probability of a value at or below the point.
    pub lower: f64,
    /// Probability of a value above the point.
    pub upper: f64,
}

impl Tails {
    fn swapped(self) -> Self {
        Self { lower: self.upper, upper: self.lower }
    }
}

/// A tail area to invert, kept as the one that the caller knows exactly.
#[derive(Clone, Copy, Debug)]
enum Area {
    Lower(f64),
    Upper(f64),
}

impl Area {
    /// The smaller tail, and whether it is the upper one.
    fn smaller(self) -> (f64, bool) {
        match self {
            Self::Lower(p) if p <= 0.5 => (p, false),
            Self::Lower(p) => (1.0 - p, true),
            Self::Upper(q) if q <= 0.5 => (q, true),
            Self::Upper(q) => (1.0 - q, false),
        }
    }
}

/// A continuous distribution with both tails and their inverses.
pub trait Distribution {
    /// Both tail areas at `x`; NaN for NaN.
    fn tails(&self, x: f64) -> Tails;

    /// The point whose smaller tail, upper or lower, has this area (0 < area <= 1/2).
    ///
    /// # Errors
    ///
    /// [`StatsError::NoSolution`] where the point is beyond what `f64` holds.
    fn invert(&self, area: f64, upper: bool) -> Result<f64, StatsError>;

    /// Probability of a value at or below `x`.
    fn cdf(&self, x: f64) -> f64 {
        self.tails(x).lower
    }

    /// Probability of a value above `x`.
    fn sf(&self, x: f64) -> f64 {
        self.tails(x).upper
    }

    /// The point below which a share `p` lies, 0 < p < 1.
    ///
    /// # Errors
    ///
    /// [`StatsError::OutOfRange`] for another `p`, [`StatsError::NoSolution`] beyond what `f64` holds.
    fn quantile(&self, p: f64) -> Result<f64, StatsError> {
        let (area, upper) = Area::Lower(share("probability", p)?).smaller();
        self.invert(area, upper)
    }

    /// The point above which a share `q` lies, 0 < q < 1; keeps the digits of a tiny `q`.
    ///
    /// # Errors
    ///
    /// As [`Distribution::quantile`].
    fn upper_quantile(&self, q: f64) -> Result<f64, StatsError> {
        let (area, upper) = Area::Upper(share("probability", q)?).smaller();
        self.invert(area, upper)
    }
}

/// Density of the standard normal distribution.
pub fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// Standard normal distribution.
#[derive(Clone, Copy, Debug)]
pub struct Normal;

impl Distribution for Normal {
    fn tails(&self, z: f64) -> Tails {
        let scaled = z * FRAC_1_SQRT_2;
        Tails { lower: 0.5 * libm::erfc(-scaled), upper: 0.5 * libm::erfc(scaled) }
    }

    /// By `statrs`, whose normal quantile was measured to 3e-14 relative from 1e-300 to a half; its other quantiles are
    /// not as good (head of [`crate::stats`]).
    fn invert(&self, area: f64, upper: bool) -> Result<f64, StatsError> {
        let z = statrs::distribution::Normal::standard().inverse_cdf(area);
        Ok(if upper { -z } else { z })
    }
}

/// Student's t distribution.
#[derive(Clone, Copy, Debug)]
pub struct StudentT {
    df: f64,
}

impl StudentT {
    /// With `df` > 0 degrees of freedom, not necessarily whole.
    ///
    /// # Errors
    ///
    /// [`StatsError::OutOfRange`] for any other `df`.
    pub fn new(df: f64) -> Result<Self, StatsError> {
        Ok(Self { df: positive("degrees of freedom", df)? })
    }
}

impl Distribution for StudentT {
    /// `I_x(df/2, 1/2) / 2` at `x = df / (df + t^2)`.
    fn tails(&self, t: f64) -> Tails {
        let root = self.df.sqrt();
        let length = root.hypot(t);
        let beyond = 0.5 * beta_ratio(0.5 * self.df, 0.5, (root / length).powi(2), (t / length).powi(2)).lower;
        let right = Tails { lower: 1.0 - beyond, upper: beyond };
        if t < 0.0 { right.swapped() } else { right }
    }

    fn invert(&self, area: f64, upper: bool) -> Result<f64, StatsError> {
        if area == 0.5 {
            return Ok(0.0);
        }
        let t = invert_positive("quantile of t", area, 0.0, |t| self.tails(t).upper, true)?;
        Ok(if upper { t } else { -t })
    }
}

/// Chi-squared distribution.
#[derive(Clone, Copy, Debug)]
pub struct ChiSquared {
    df: f64,
}

impl ChiSquared {
    /// With `df` > 0 degrees of freedom, not necessarily whole.
    ///
    /// # Errors
    ///
    /// [`StatsError::OutOfRange`] for any other `df`.
    pub fn new(df: f64) -> Result<Self, StatsError> {
        Ok(Self { df: positive("degrees of freedom", df)? })
    }

    /// Density at `x` > 0; NaN where `cdflib` refuses the degrees of freedom.
    pub fn density(&self, x: f64) -> f64 {
        cdflib::ChiSquared::try_new(self.df).map_or(f64::NAN, |chi2| cdflib::Continuous::pdf(&chi2, x))
    }
}

impl Distribution for ChiSquared {
    fn tails(&self, x: f64) -> Tails {
        gamma_ratio(0.5 * self.df, 0.5 * x)
    }

    fn invert(&self, area: f64, upper: bool) -> Result<f64, StatsError> {
        let tail = |x| if upper { self.tails(x).upper } else { self.tails(x).lower };
        invert_positive("quantile of chi-squared", area, self.df.ln(), tail, upper)
    }
}

/// Fisher's F distribution.
#[derive(Clone, Copy, Debug)]
pub struct FisherF {
    numerator: f64,
    denominator: f64,
}

impl FisherF {
    /// With positive degrees of freedom of the numerator and of the denominator.
    ///
    /// # Errors
    ///
    /// [`StatsError::OutOfRange`] otherwise.
    pub fn new(numerator: f64, denominator: f64) -> Result<Self, StatsError> {
        Ok(Self {
            numerator: positive("degrees of freedom of the numerator", numerator)?,
            denominator: positive("degrees of freedom of the denominator", denominator)?,
        })
    }
}

impl Distribution for FisherF {
    fn tails(&self, f: f64) -> Tails {
        if f <= 0.0 {
            return Tails { lower: 0.0, upper: 1.0 };
        }
        let ratio = self.numerator * f / self.denominator;
        let (x, y) = if ratio.is_infinite() { (1.0, 0.0) } else { (ratio / (1.0 + ratio), 1.0 / (1.0 + ratio)) };
        beta_ratio(0.5 * self.numerator, 0.5 * self.denominator, x, y)
    }

    fn invert(&self, area: f64, upper: bool) -> Result<f64, StatsError> {
        let tail = |x| if upper { self.tails(x).upper } else { self.tails(x).lower };
        invert_positive("quantile of F", area, 0.0, tail, upper)
    }
}

/// Beta distribution.
#[derive(Clone, Copy, Debug)]
pub struct Beta {
    a: f64,
    b: f64,
}

impl Beta {
    /// With positive shapes `a` and `b`.
    ///
    /// # Errors
    ///
    /// [`StatsError::OutOfRange`] otherwise.
    pub fn new(a: f64, b: f64) -> Result<Self, StatsError> {
        Ok(Self { a: positive("first shape of a beta distribution", a)?, b: positive("second shape", b)? })
    }
}

impl Distribution for Beta {
    fn tails(&self, x: f64) -> Tails {
        if x <= 0.0 {
            return Tails { lower: 0.0, upper: 1.0 };
        }
        if x >= 1.0 {
            return Tails { lower: 1.0, upper: 0.0 };
        }
        beta_ratio(self.a, self.b, x, 1.0 - x)
    }

    /// The upper tail is inverted in `ln(1 - x)`, so that a point near 1 keeps its distance from 1.
    fn invert(&self, area: f64, upper: bool) -> Result<f64, StatsError> {
        let (a, b) = if upper { (self.b, self.a) } else { (self.a, self.b) };
        let objective = |u: f64| ln_excess(beta_ratio(a, b, u.exp(), -u.exp_m1()).lower, area);
        let start = (a / (a + b)).ln();
        let u = root::find("quantile of beta", start, 0.5, (LN_SMALLEST, 0.0), objective)?;
        Ok(if upper { -u.exp_m1() } else { u.exp() })
    }
}

/// Both tails of a binomial count: at most `k`, and more than `k`, successes in `n` trials of probability `p`.
///
/// # Errors
///
/// [`StatsError::OutOfRange`] where `p` is not in (0, 1) or `k` exceeds `n`.
pub fn binomial_tails(k: u64, n: u64, p: f64) -> Result<Tails, StatsError> {
    share("probability of one trial", p)?;
    if k > n {
        return Err(StatsError::OutOfRange {
            what: "number of successes",
            given: k as f64,
            allowed: "0 to the trials",
        });
    }
    if k == n {
        return Ok(Tails { lower: 1.0, upper: 0.0 });
    }
    // P(X > k) = I_p(k + 1, n - k).
    Ok(beta_ratio(k as f64 + 1.0, (n - k) as f64, p, 1.0 - p).swapped())
}

/// Logarithm of the smallest positive argument that inversion looks at.
const LN_SMALLEST: f64 = -740.0;

/// Solves `tail(x) = area` for x > 0 in the logarithms of both.
fn invert_positive(
    what: &'static str,
    area: f64,
    ln_start: f64,
    tail: impl Fn(f64) -> f64,
    falling: bool,
) -> Result<f64, StatsError> {
    let sign = if falling { -1.0 } else { 1.0 };
    let u = root::find(what, ln_start, 0.5, (LN_SMALLEST, 709.0), |u| sign * ln_excess(tail(u.exp()), area))?;
    let x = u.exp();
    // A tail that underflows on its way through the area has a sign change but no root.
    if ln_excess(tail(x), area).abs() < 1e-6 {
        Ok(x)
    } else {
        Err(StatsError::NoSolution { what, iterations: root::ITERATIONS_MAX })
    }
}

/// `ln(tail / area)`, finite where the tail underflows to zero.
fn ln_excess(tail: f64, area: f64) -> f64 {
    let ratio = tail / area;
    // Near the root the difference keeps digits that the logarithm of a ratio near 1 would lose.
    if (0.5..2.0).contains(&ratio) { ((tail - area) / area).ln_1p() } else { ratio.max(f64::MIN_POSITIVE).ln() }
}

/// Regularised incomplete gamma functions P(a, x) and Q(a, x); `a` > 0.
fn gamma_ratio(a: f64, x: f64) -> Tails {
    if x.is_nan() {
        return Tails { lower: f64::NAN, upper: f64::NAN };
    }
    let (lower, upper) = if x <= 0.0 {
        (0.0, 1.0)
    } else if x.is_infinite() {
        (1.0, 0.0)
    } else {
        cdflib::special::try_gamma_inc(a, x).unwrap_or((f64::NAN, f64::NAN))
    };
    Tails { lower, upper }
}

/// Regularised incomplete beta functions I_x(a, b) and I_y(b, a), with x + y = 1; `a`, `b` > 0.
fn beta_ratio(a: f64, b: f64, x: f64, y: f64) -> Tails {
    if x.is_nan() || y.is_nan() {
        return Tails { lower: f64::NAN, upper: f64::NAN };
    }
    let (lower, upper) = cdflib::special::try_beta_inc(a, b, x, y).unwrap_or((f64::NAN, f64::NAN));
    Tails { lower, upper }
}

#[cfg(test)]
mod tests {
    use super::{Beta, ChiSquared, Distribution, FisherF, Normal, StudentT, binomial_tails};
    use proptest::prelude::{ProptestConfig, prop_assert, proptest};

    /// Points computed with mpmath at 50 digits from the exact doubles in each row.
    #[test]
    fn quantiles_agree_with_the_reference() {
        let mut reader = csv::Reader::from_reader(include_str!("../../fixtures/stats/quantiles.csv").as_bytes());
        let mut checked = 0;
        for row in reader.deserialize() {
            let (kind, a, b, tail, area, point): (String, f64, f64, String, f64, f64) = row.unwrap();
            let upper = tail == "upper";
            let found = match kind.as_str() {
                "normal" => Normal.invert(area, upper),
                "t" => StudentT::new(a).unwrap().invert(area, upper),
                "chi2" => ChiSquared::new(a).unwrap().invert(area, upper),
                "f" => FisherF::new(a, b).unwrap().invert(area, upper),
                "beta" => Beta::new(a, b).unwrap().invert(area, upper),
                _ => continue,
            };
            let error = (found.unwrap() / point - 1.0).abs();
            assert!(error < 1e-12, "{kind}({a}, {b}) {tail} {area}: off by {error:e}");
            checked += 1;
        }
        assert!(checked > 100, "only {checked} rows");
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        assert!(StudentT::new(0.0).is_err() && StudentT::new(f64::NAN).is_err() && ChiSquared::new(-1.0).is_err());
        assert!(Normal.quantile(0.0).is_err() && Normal.quantile(1.0).is_err() && Normal.quantile(f64::NAN).is_err());
        assert!(StudentT::new(1.0).unwrap().upper_quantile(1e-320).is_err(), "beyond what f64 holds");
        assert!(binomial_tails(3, 2, 0.5).is_err());
        assert!(Normal.tails(f64::NAN).lower.is_nan() && FisherF::new(2.0, 3.0).unwrap().cdf(f64::NAN).is_nan());
    }

    /// A distribution of ours, and the same tail area by somebody else.
    type Pair<'a> = (&'a dyn Distribution, Box<dyn Fn(f64) -> f64>);

    /// Another author's code: a slip in a parameter or a tail cannot be shared with it.
    #[test]
    fn statrs_is_of_the_same_opinion() {
        use statrs::distribution::{self as other, ContinuousCDF};
        for df in [1.0, 2.0, 4.5, 30.0, 400.0] {
            for second in [1.0, 3.0, 25.0, 300.0] {
                let pairs: [Pair<'_>; 5] = [
                    (&Normal, Box::new(|x| other::Normal::standard().cdf(x))),
                    (&StudentT::new(df).unwrap(), {
                        let t = other::StudentsT::new(0.0, 1.0, df).unwrap();
                        Box::new(move |x| t.cdf(x))
                    }),
                    (&ChiSquared::new(df).unwrap(), {
                        let chi2 = other::ChiSquared::new(df).unwrap();
                        Box::new(move |x| chi2.cdf(x))
                    }),
                    (&FisherF::new(df, second).unwrap(), {
                        let f = other::FisherSnedecor::new(df, second).unwrap();
                        Box::new(move |x| f.cdf(x))
                    }),
                    (&Beta::new(df, second).unwrap(), {
                        let beta = other::Beta::new(df, second).unwrap();
                        Box::new(move |x| beta.cdf(x))
                    }),
                ];
                for (index, (ours, theirs)) in pairs.iter().enumerate() {
                    for p in [0.001, 0.05, 0.3, 0.5, 0.8, 0.99] {
                        let x = ours.quantile(p).unwrap();
                        assert!((theirs(x) / p - 1.0).abs() < 1e-8, "{index}: {df}, {second}, {p}: {}", theirs(x));
                    }
                }
            }
        }
    }

    #[test]
    fn normal_quantiles_keep_their_digits_near_the_middle() {
        // By the first term of the series, sqrt(2 pi) (p - 1/2), the next being 1e-22 of it.
        let p = 0.5 - 1e-11;
        let want = (2.0 * std::f64::consts::PI).sqrt() * (p - 0.5);
        assert!((Normal.quantile(p).unwrap() / want - 1.0).abs() < 1e-12);
    }

    /// 1 - 0.95^59 = 0.9515, the textbook number behind "59 for 95/95".
    #[test]
    fn binomial_tail_of_the_textbook() {
        let tails = binomial_tails(0, 59, 0.05).unwrap();
        assert!((tails.upper - (1.0 - 0.95_f64.powi(59))).abs() < 1e-14);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn tails_add_to_one_and_quantiles_invert_them(df in 0.5_f64..1e6, other in 0.5_f64..1e4, p in 1e-9_f64..0.999_999) {
            let distributions: [&dyn Distribution; 5] = [
                &Normal,
                &StudentT::new(df).unwrap(),
                &ChiSquared::new(df).unwrap(),
                &FisherF::new(other, df).unwrap(),
                &Beta::new(other, df).unwrap(),
            ];
            for (index, distribution) in distributions.into_iter().enumerate() {
                let x = distribution.quantile(p).unwrap();
                let tails = distribution.tails(x);
                prop_assert!((tails.lower + tails.upper - 1.0).abs() < 1e-12, "{index}");
                // A point is only as good as its last bit, which large degrees of freedom amplify.
                let slack = 1e-8 * p.min(1.0 - p);
                prop_assert!((tails.lower - p).abs() < slack + 1e-13, "{index}: {} for {p}", tails.lower);
            }
        }
    }
}
