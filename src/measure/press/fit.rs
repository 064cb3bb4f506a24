//! Non-linear least squares with prior knowledge: Levenberg-Marquardt on weighted residuals.
//!
//! Every parameter has a normal prior (a wide one where nothing is known), so the normal matrix is positive definite
//! and the inverse at the minimum is the covariance of the posterior (Laplace's approximation; Gelman et al., Bayesian
//! Data Analysis, 3rd ed., 4.1).
//!
//! Deliberately absent: numerical derivatives, and randomness.

/// What is fitted: weighted residuals and their derivatives.
pub trait Model {
    /// Calls `row` once a datum with the residual and its gradient, both over the datum's standard deviation.
    fn rows(&self, theta: &[f64], row: &mut dyn FnMut(f64, &[f64]));
}

/// A normal prior of one parameter.
#[derive(Clone, Copy, Debug)]
pub struct Prior {
    /// Where the search starts, and the centre.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Largest step of one iteration.
    pub step_max: f64,
}

/// The minimum.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// Parameters.
    pub theta: Vec<f64>,
    /// Their covariance, row-major.
    pub covariance: Vec<f64>,
    /// Weighted sum of squares of data and priors.
    pub cost: f64,
    /// Logarithm of the evidence of the model by Laplace's approximation, but for a constant of the data.
    pub evidence: f64,
    /// Weighted sum of squares of the data alone, and how many there are.
    pub chi2: (f64, usize),
}

const ITERATIONS_MAX: usize = 40;

/// Fits from `start`; `None` where the normal matrix is not finite.
pub fn fit(model: &dyn Model, priors: &[Prior], start: &[f64]) -> Option<Fitted> {
    let mut theta = start.to_vec();
    let mut system = Normal::at(model, priors, &theta);
    let mut damping = 1e-2;
    for _ in 0..ITERATIONS_MAX {
        let step = system.step(damping)?;
        let scale = step.iter().zip(priors).map(|(s, p)| p.step_max / s.abs().max(1e-300)).fold(1.0, f64::min);
        let trial: Vec<f64> = theta.iter().zip(&step).map(|(t, s)| t + scale * s).collect();
        let next = Normal::at(model, priors, &trial);
        if next.cost <= system.cost {
            let gain = system.cost - next.cost;
            theta = trial;
            system = next;
            damping = (damping * 0.2_f64).max(1e-9);
            if scale >= 1.0 && gain < 1e-5 * (1.0 + system.cost) && gain < 1e-3 {
                break;
            }
        } else {
            damping = (damping * 8.0).max(1e-6);
            if damping > 1e8 {
                break;
            }
        }
    }
    let (covariance, ln_det) = system.inverse()?;
    let evidence = -0.5 * (system.cost + ln_det) - priors.iter().map(|prior| prior.sd.ln()).sum::<f64>();
    Some(Fitted { theta, covariance, cost: system.cost, evidence, chi2: system.chi2 })
}

/// Normal equations at one point.
struct Normal {
    matrix: Vec<f64>,
    gradient: Vec<f64>,
    cost: f64,
    chi2: (f64, usize),
}

impl Normal {
    fn at(model: &dyn Model, priors: &[Prior], theta: &[f64]) -> Self {
        let n = priors.len();
        let mut matrix = vec![0.0; n * n];
        let mut gradient = vec![0.0; n];
        let (mut sum, mut count) = (0.0, 0_usize);
        model.rows(theta, &mut |residual, slope| {
            sum += residual * residual;
            count += 1;
            for (i, (by, sum)) in slope.iter().zip(&mut gradient).enumerate() {
                if *by == 0.0 {
                    continue;
                }
                *sum += by * residual;
                // As slices, the row is summed without a check of every index.
                matrix[i * n..=i * n + i].iter_mut().zip(slope).for_each(|(sum, other)| *sum += by * other);
            }
        });
        let mut cost = sum;
        for (i, prior) in priors.iter().enumerate() {
            let away = (theta[i] - prior.mean) / prior.sd;
            cost += away * away;
            gradient[i] += away / prior.sd;
            matrix[i * n + i] += 1.0 / (prior.sd * prior.sd);
        }
        for i in 0..n {
            for j in 0..i {
                matrix[j * n + i] = matrix[i * n + j];
            }
        }
        if !cost.is_finite() {
            cost = f64::INFINITY;
        }
        Self { matrix, gradient, cost, chi2: (sum, count) }
    }

    fn step(&self, damping: f64) -> Option<Vec<f64>> {
        let n = self.gradient.len();
        let mut factor = self.matrix.clone();
        for i in 0..n {
            factor[i * n + i] *= 1.0 + damping;
        }
        cholesky(&mut factor, n).then(|| {
            let mut step: Vec<f64> = self.gradient.iter().map(|g| -g).collect();
            solve(&factor, n, &mut step);
            step
        })
    }

    /// The inverse of the normal matrix, and the logarithm of the determinant of the matrix.
    fn inverse(&self) -> Option<(Vec<f64>, f64)> {
        let n = self.gradient.len();
        let mut factor = self.matrix.clone();
        if !cholesky(&mut factor, n) {
            return None;
        }
        let mut inverse = vec![0.0; n * n];
        let mut column = vec![0.0; n];
        for j in 0..n {
            column.fill(0.0);
            column[j] = 1.0;
            solve(&factor, n, &mut column);
            for i in 0..n {
                inverse[i * n + j] = column[i];
            }
        }
        let ln_det = (0..n).map(|i| 2.0 * factor[i * n + i].ln()).sum();
        Some((inverse, ln_det))
    }
}

/// Replaces a symmetric matrix (row-major, n by n) by its lower Cholesky factor; false where it is not positive
/// definite.
pub fn cholesky(a: &mut [f64], n: usize) -> bool {
    for i in 0..n {
        for j in 0..=i {
            let sum = a[i * n + j] - (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum::<f64>();
            if i > j {
                a[i * n + j] = sum / a[j * n + j];
            } else if sum > 1e-13 * a[i * n + i].abs() && sum.is_finite() {
                a[i * n + i] = sum.sqrt();
            } else {
                return false;
            }
        }
    }
    true
}

/// Solves the system of a factor by [`cholesky`] in place.
pub fn solve(factor: &[f64], n: usize, x: &mut [f64]) {
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| factor[i * n + k] * x[k]).sum();
        x[i] = (x[i] - sum) / factor[i * n + i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| factor[k * n + i] * x[k]).sum();
        x[i] = (x[i] - sum) / factor[i * n + i];
    }
}

#[cfg(test)]
mod tests {
    use super::{Model, Prior, fit};

    /// y = exp(-a x) b, without noise.
    struct Decay;

    impl Model for Decay {
        fn rows(&self, theta: &[f64], row: &mut dyn FnMut(f64, &[f64])) {
            for k in 0..20 {
                let x = f64::from(k) * 0.1;
                let y = 3.0 * (-1.5 * x).exp();
                let e = (-theta[0] * x).exp();
                row((theta[1] * e - y) / 0.01, &[-theta[1] * x * e / 0.01, e / 0.01]);
            }
        }
    }

    #[test]
    fn decay_is_found_from_afar() {
        let wide = Prior { mean: 0.0, sd: 1e3, step_max: 1.0 };
        let fitted = fit(&Decay, &[wide, wide], &[0.2, 1.0]).expect("positive definite");
        assert!((fitted.theta[0] - 1.5).abs() < 1e-5 && (fitted.theta[1] - 3.0).abs() < 1e-5, "{:?}", fitted.theta);
    }
}
