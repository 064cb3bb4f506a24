//! Straight line where both coordinates have error: Deming's regression with jackknife uncertainties.
//!
//! Deliberately absent: weights (errors that grow with the value).

use super::distribution::{Distribution, StudentT};
use super::{StatsError, describe, positive, regression, share};

/// A straight line fitted by Deming's method.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deming {
    /// Number of points.
    pub n: usize,
    /// Slope.
    pub slope: f64,
    /// Value at x = 0.
    pub intercept: f64,
    /// Standard uncertainty of the slope, by jackknife.
    pub u_slope: f64,
    /// Standard uncertainty of the intercept, by jackknife.
    pub u_intercept: f64,
}

/// Fits `y = intercept + slope x` with errors in both, `ratio = var(error of y) / var(error of x)`:
/// `b = [Syy - r Sxx + sqrt((Syy - r Sxx)^2 + 4 r Sxy^2)] / (2 Sxy)`; uncertainties by the jackknife (K. Linnet,
/// Statistics in Medicine 9 (1990) 1463). Some packages take the ratio the other way round.
///
/// # Errors
///
/// Fewer than 4 points, all x or y equal, a ratio that is not positive, no correlation of x and y (with or without any
/// one point), unpaired or not finite values.
pub fn deming(x: &[f64], y: &[f64], ratio: f64) -> Result<Deming, StatsError> {
    const WHAT: &str = "a Deming line";
    regression::points(WHAT, 4, x, y)?;
    describe::scattered(WHAT, 4, y)?;
    positive("the ratio of variances", ratio)?;
    let (slope, intercept) = fit(x, y, ratio)?;
    let n = x.len();
    let (mut slopes, mut intercepts) = (Vec::with_capacity(n), Vec::with_capacity(n));
    let (mut rest_x, mut rest_y) = (x[1..].to_vec(), y[1..].to_vec());
    for left_out in 0..n {
        if left_out > 0 {
            (rest_x[left_out - 1], rest_y[left_out - 1]) = (x[left_out - 1], y[left_out - 1]);
        }
        let (b, a) = fit(&rest_x, &rest_y, ratio)?;
        slopes.push(b);
        intercepts.push(a);
    }
    // Pseudo-values n theta - (n - 1) theta_i: their standard error is that of the theta_i times (n - 1).
    let u = |estimates: &[f64]| -> Result<f64, StatsError> {
        Ok((n as f64 - 1.0) * (describe::Moments::of(estimates)?.variance() / n as f64).sqrt())
    };
    Ok(Deming { n, slope, intercept, u_slope: u(&slopes)?, u_intercept: u(&intercepts)? })
}

/// Slope and intercept.
fn fit(x: &[f64], y: &[f64], ratio: f64) -> Result<(f64, f64), StatsError> {
    let (mx, my) = (describe::Moments::of(x)?, describe::Moments::of(y)?);
    let sxy = describe::sum(x.iter().zip(y).map(|(x, y)| mx.deviation(*x) * my.deviation(*y)));
    if sxy == 0.0 {
        let allowed = "anything but 0; check that the two columns belong together";
        return Err(StatsError::OutOfRange { what: "the covariance of x and y", given: 0.0, allowed });
    }
    let excess = my.squares - ratio * mx.squares;
    let root = excess.hypot(2.0 * ratio.sqrt() * sxy);
    // Of the two equal forms, the one whose sum does not cancel.
    let slope = if excess > 0.0 { (excess + root) / (2.0 * sxy) } else { 2.0 * ratio * sxy / (root - excess) };
    Ok((slope, (my.mean - slope * mx.mean) + (my.mean_residue - slope * mx.mean_residue)))
}

impl Deming {
    /// Confidence intervals of slope and intercept, t with `n - 2` degrees of freedom.
    ///
    /// # Errors
    ///
    /// `confidence` outside (0, 1).
    pub fn intervals(&self, confidence: f64) -> Result<[(f64, f64); 2], StatsError> {
        let t = StudentT::new(self.n as f64 - 2.0)?.upper_quantile(0.5 * (1.0 - share("confidence", confidence)?))?;
        let about = |estimate: f64, u: f64| (estimate - t * u, estimate + t * u);
        Ok([about(self.slope, self.u_slope), about(self.intercept, self.u_intercept)])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{StatsError, deming};

    #[test]
    fn refuses_what_it_cannot_answer() {
        let x = [1.0, 2.0, 3.0, 4.0];
        assert!(matches!(deming(&x[..3], &x[..3], 1.0), Err(StatsError::TooFew { .. })));
        assert!(matches!(deming(&x, &x, 0.0), Err(StatsError::OutOfRange { .. })));
        assert!(matches!(deming(&x, &[1.0; 4], 1.0), Err(StatsError::NoVariance { .. })));
        assert!(matches!(
            deming(&[-1.0, 1.0, -1.0, 1.0], &[-1.0, -1.0, 1.0, 1.0], 1.0),
            Err(StatsError::OutOfRange { .. })
        ));
    }

    proptest! {
        #[test]
        fn swapping_the_axes_inverts_the_slope(
            noise in prop::collection::vec((-0.1..0.1_f64, -0.1..0.1_f64), 6..30), ratio in 0.2..5.0_f64,
        ) {
            let x: Vec<f64> = noise.iter().zip(0..).map(|((e, _), i)| f64::from(i) + e).collect();
            let y: Vec<f64> = noise.iter().zip(0..).map(|((_, e), i)| 2.0 * f64::from(i) + e).collect();
            let (a, b) = (deming(&x, &y, ratio).unwrap(), deming(&y, &x, 1.0 / ratio).unwrap());
            prop_assert!((a.slope * b.slope - 1.0).abs() < 1e-10);
        }
    }
}
