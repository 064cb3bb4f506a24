//! Straight line by ordinary least squares, with lack of fit and the joint test of the identity.
//!
//! The reference (set depth) is taken as exact; where it has error of its own, see `deming`. Pure error must stand for
//! the whole process: fit cartridge means, not strokes (statistics.md 3.10).
//!
//! Deliberately absent: polynomials, weights, prediction bands.

use super::distribution::{Distribution, FisherF, StudentT};
use super::{StatsError, all_finite, describe, share};

/// A straight line fitted by ordinary least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Number of points.
    pub n: usize,
    /// Slope.
    pub slope: f64,
    /// Value at x = 0.
    pub intercept: f64,
    /// Standard uncertainty of the slope.
    pub u_slope: f64,
    /// Standard uncertainty of the intercept.
    pub u_intercept: f64,
    /// Covariance of intercept and slope.
    pub covariance: f64,
    /// Standard deviation of the residuals, `n - 2` degrees of freedom.
    pub residual_sd: f64,
    /// Share of the sum of squares that the line explains.
    pub r2: f64,
    mean_x: f64,
    mean_square_x: f64,
}

/// An F test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FTest {
    /// The statistic.
    pub f: f64,
    /// Degrees of freedom of the numerator.
    pub df1: usize,
    /// Degrees of freedom of the denominator.
    pub df2: usize,
    /// Probability of a larger `f`.
    pub p: f64,
}

/// Refuses points without partner, too few of them, or without spread in x.
pub(super) fn points(what: &'static str, needed: usize, x: &[f64], y: &[f64]) -> Result<(), StatsError> {
    if x.len() != y.len() {
        return Err(StatsError::Unpaired { what: "y", given: y.len(), needed: x.len() });
    }
    all_finite(y)?;
    describe::scattered(what, needed, x).map(|_| ())
}

/// Fits `y = intercept + slope x`.
///
/// # Errors
///
/// Fewer than 3 points, all x or all y equal, unpaired or not finite values.
pub fn line(x: &[f64], y: &[f64]) -> Result<Line, StatsError> {
    const WHAT: &str = "a straight line";
    points(WHAT, 3, x, y)?;
    let (mx, my) = (describe::Moments::of(x)?, describe::scattered(WHAT, 3, y)?);
    let sxy = describe::sum(x.iter().zip(y).map(|(x, y)| mx.deviation(*x) * my.deviation(*y)));
    let slope = sxy / mx.squares;
    let intercept = (my.mean - slope * mx.mean) + (my.mean_residue - slope * mx.mean_residue);
    let residual = |(x, y): (&f64, &f64)| my.deviation(*y) - slope * mx.deviation(*x);
    let unexplained = describe::sum(x.iter().zip(y).map(|point| residual(point).powi(2)));
    let n = mx.n as f64;
    let variance = unexplained / (n - 2.0);
    let u_slope = (variance / mx.squares).sqrt();
    let mean_square_x = mx.mean * mx.mean + mx.squares / n;
    Ok(Line {
        n: mx.n,
        slope,
        intercept,
        u_slope,
        u_intercept: u_slope * mean_square_x.sqrt(),
        covariance: -mx.mean * u_slope * u_slope,
        residual_sd: variance.sqrt(),
        r2: 1.0 - unexplained / my.squares,
        mean_x: mx.mean,
        mean_square_x,
    })
}

impl Line {
    /// Degrees of freedom of the residuals.
    pub fn df(&self) -> usize {
        self.n - 2
    }

    /// Confidence interval of the slope.
    ///
    /// # Errors
    ///
    /// `confidence` outside (0, 1).
    pub fn slope_interval(&self, confidence: f64) -> Result<(f64, f64), StatsError> {
        self.interval(self.slope, self.u_slope, confidence)
    }

    /// Confidence interval of the intercept.
    ///
    /// # Errors
    ///
    /// `confidence` outside (0, 1).
    pub fn intercept_interval(&self, confidence: f64) -> Result<(f64, f64), StatsError> {
        self.interval(self.intercept, self.u_intercept, confidence)
    }

    fn interval(&self, estimate: f64, u: f64, confidence: f64) -> Result<(f64, f64), StatsError> {
        let tail = 0.5 * (1.0 - share("confidence", confidence)?);
        let reach = StudentT::new(self.df() as f64)?.upper_quantile(tail)? * u;
        Ok((estimate - reach, estimate + reach))
    }

    /// Joint test that the intercept is 0 and the slope 1, that is: y is x (Draper & Smith, *Applied Regression
    /// Analysis*, 3rd ed., 5.4).
    ///
    /// # Errors
    ///
    /// Points that lie exactly on the line, which leave no scatter to judge by.
    pub fn identity_test(&self) -> Result<FTest, StatsError> {
        if self.residual_sd == 0.0 {
            return Err(StatsError::NoVariance { what: "F of deviations from the line", n: self.n, value: 0.0 });
        }
        let (a, b) = (self.intercept, self.slope - 1.0);
        let quadratic = a * a + 2.0 * a * b * self.mean_x + b * b * self.mean_square_x;
        let f = self.n as f64 * quadratic / (2.0 * self.residual_sd.powi(2));
        f_test(f, 2, self.df())
    }
}

/// Test of the straight line against free means at each x: scatter of the means about the line over scatter of the
/// replicates about their means.
///
/// # Errors
///
/// As [`line()`]; no replicates, replicates without scatter, or fewer than 3 different x.
pub fn lack_of_fit(x: &[f64], y: &[f64]) -> Result<FTest, StatsError> {
    let fit = line(x, y)?;
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|a, b| x[*a].total_cmp(&x[*b]));
    let mut levels = 0;
    let mut pure = Vec::new();
    for level in order.chunk_by(|a, b| x[*a] == x[*b]) {
        let replicates: Vec<f64> = level.iter().map(|place| y[*place]).collect();
        pure.push(describe::Moments::of(&replicates)?.squares);
        levels += 1;
    }
    if levels < 3 {
        let (given, remedy) = (levels, "measure at three or more different x");
        return Err(StatsError::TooFew { what: "a lack-of-fit test from different x", given, needed: 3, remedy });
    }
    if levels == x.len() {
        let (given, remedy) = (x.len(), "repeat the measurement at some x");
        return Err(StatsError::TooFew {
            what: "a lack-of-fit test from replicates",
            given,
            needed: levels + 1,
            remedy,
        });
    }
    let (df1, df2) = (levels - 2, x.len() - levels);
    let pure = describe::sum(pure);
    if pure == 0.0 {
        return Err(StatsError::NoVariance {
            what: "F of deviations from the means at each x",
            n: x.len(),
            value: 0.0,
        });
    }
    let residual = fit.residual_sd.powi(2) * fit.df() as f64;
    let f = ((residual - pure).max(0.0) / df1 as f64) / (pure / df2 as f64);
    f_test(f, df1, df2)
}

fn f_test(f: f64, df1: usize, df2: usize) -> Result<FTest, StatsError> {
    Ok(FTest { f, df1, df2, p: FisherF::new(df1 as f64, df2 as f64)?.sf(f) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{StatsError, lack_of_fit, line};

    #[test]
    fn a_curve_lacks_fit() {
        let x: Vec<f64> = (0..40).map(|i| f64::from(i / 4)).collect();
        let y: Vec<f64> = x.iter().zip(0..).map(|(x, i)| x * x + f64::from(i % 4) * 0.1).collect();
        assert!(lack_of_fit(&x, &y).unwrap().p < 1e-20);
    }

    #[test]
    fn refuses_what_it_cannot_answer() {
        assert!(matches!(line(&[1.0, 2.0], &[1.0, 2.0]), Err(StatsError::TooFew { .. })));
        assert!(matches!(line(&[1.0; 4], &[1.0, 2.0, 3.0, 4.0]), Err(StatsError::NoVariance { .. })));
        assert!(matches!(line(&[1.0, 2.0, 3.0], &[1.0, 2.0]), Err(StatsError::Unpaired { .. })));
        assert!(matches!(lack_of_fit(&[1.0, 2.0, 3.0], &[1.0, 2.0, 4.0]), Err(StatsError::TooFew { .. })));
        let exact = line(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]).unwrap();
        assert!(matches!(exact.identity_test(), Err(StatsError::NoVariance { .. })));
    }

    proptest! {
        #[test]
        fn residuals_are_orthogonal(points in prop::collection::vec((-1.0..1.0_f64, -1.0..1.0_f64), 4..40)) {
            let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
            let fit = line(&x, &y).unwrap();
            let residuals: Vec<f64> = x.iter().zip(&y).map(|(x, y)| y - fit.intercept - fit.slope * x).collect();
            prop_assert!(residuals.iter().sum::<f64>().abs() < 1e-9 * (1.0 + fit.slope.abs()));
            let moment: f64 = residuals.iter().zip(&x).map(|(e, x)| e * x).sum();
            prop_assert!(moment.abs() < 1e-9 * (1.0 + fit.slope.abs()));
            prop_assert!((-1e-12..=1.0).contains(&fit.r2));
        }
    }
}
