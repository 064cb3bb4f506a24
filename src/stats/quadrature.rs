//! Gauss-Legendre quadrature over panels.
//!
//! Invariant: nodes and weights are found once, to the last bits, by Newton's method on the Legendre recurrence
//! (Abramowitz and Stegun 22.7.10, 25.4.29).
//! Deliberately absent: error estimates; callers place panels where their integrand bends, and tests measure them.

use std::f64::consts::PI;

/// A rule: nodes on (-1, 1) with their weights.
#[derive(Debug)]
pub struct Rule {
    points: Vec<(f64, f64)>,
}

impl Rule {
    /// The rule with `n` nodes, exact for polynomials up to degree `2 n - 1`.
    pub fn gauss_legendre(n: u32) -> Self {
        Self { points: (1..=n).map(|index| node(n, index)).collect() }
    }

    /// Nodes and weights of the rule moved to every panel between consecutive `edges`, which must ascend.
    pub fn over<'a>(&'a self, edges: &'a [f64]) -> impl Iterator<Item = (f64, f64)> + 'a {
        edges.windows(2).flat_map(move |edge| {
            let (middle, half) = (0.5 * (edge[0] + edge[1]), 0.5 * (edge[1] - edge[0]));
            self.points.iter().map(move |(x, w)| (middle + half * x, half * w))
        })
    }
}

/// Node `index` (from 1) of the rule with `n` nodes, and its weight.
fn node(n: u32, index: u32) -> (f64, f64) {
    let mut x = (PI * (f64::from(index) - 0.25) / (f64::from(n) + 0.5)).cos();
    let mut slope = 1.0;
    // Newton's method converges quadratically from this start; the cap is far above what it needs.
    for _ in 0..20 {
        let (value, derivative) = legendre(n, x);
        slope = derivative;
        let step = value / derivative;
        x -= step;
        if step.abs() < f64::EPSILON {
            break;
        }
    }
    (x, 2.0 / ((1.0 - x * x) * slope * slope))
}

/// The Legendre polynomial of degree `n` and its derivative at `x`.
fn legendre(n: u32, x: f64) -> (f64, f64) {
    let (mut previous, mut current) = (1.0, x);
    for degree in 2..=n {
        let k = f64::from(degree);
        (previous, current) = (current, ((2.0 * k - 1.0) * x * current - (k - 1.0) * previous) / k);
    }
    (current, f64::from(n) * (x * current - previous) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn exact_for_polynomials_up_to_its_degree() {
        let rule = Rule::gauss_legendre(40);
        for degree in [0, 1, 2, 17, 38, 79] {
            let sum: f64 = rule.over(&[0.0, 1.0]).map(|(x, w)| w * x.powi(degree)).sum();
            assert!((sum * f64::from(degree + 1) - 1.0).abs() < 1e-14, "degree {degree}: {sum}");
        }
    }
}
