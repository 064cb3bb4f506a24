//! Root of an increasing function: bracket by doubling, then Brent's method, with caps instead of hangs.
//!
//! Deliberately absent: minimisation, complex roots, functions that are not monotone.

use super::StatsError;

/// Cap on the steps of a search.
pub const ITERATIONS_MAX: u32 = 200;

/// Root of `f`, which must not decrease, searched from `start` in first steps of `step` and within `range`.
///
/// # Errors
///
/// [`StatsError::NoSolution`] where `f` has one sign on the whole of `range`, or is NaN.
pub fn find(
    what: &'static str,
    start: f64,
    step: f64,
    range: (f64, f64),
    f: impl Fn(f64) -> f64,
) -> Result<f64, StatsError> {
    let none = StatsError::NoSolution { what, iterations: ITERATIONS_MAX };
    let mut near = (start, f(start));
    let direction = if near.1 < 0.0 { 1.0 } else { -1.0 };
    let end = if near.1 < 0.0 { range.1 } else { range.0 };
    let mut reach = step;
    for _ in 0..ITERATIONS_MAX {
        if near.1 == 0.0 {
            return Ok(near.0);
        }
        if near.1.is_nan() || near.0 == end {
            return Err(none);
        }
        let x = (near.0 + direction * reach).clamp(range.0, range.1);
        let far = (x, f(x));
        if far.1.is_nan() {
            return Err(none);
        }
        if (far.1 < 0.0) != (near.1 < 0.0) {
            return brent(near, far, f).ok_or(none);
        }
        near = far;
        reach *= 2.0;
    }
    Err(none)
}

/// Brent's method (R. P. Brent, *Algorithms for Minimization without Derivatives*, 1973, ch. 4) between two points
/// of opposite sign, to the last bits of the argument; `None` after too many steps or for NaN.
fn brent(first: (f64, f64), second: (f64, f64), f: impl Fn(f64) -> f64) -> Option<f64> {
    let (mut a, mut b) = (first, second);
    let mut c = a;
    let mut last = b.0 - a.0;
    let mut before = last;
    for _ in 0..ITERATIONS_MAX {
        if c.1.abs() < b.1.abs() {
            (a, b, c) = (b, c, b);
        }
        let tolerance = 2.0 * f64::EPSILON * b.0.abs() + f64::MIN_POSITIVE;
        let half = 0.5 * (c.0 - b.0);
        if half.abs() <= tolerance || b.1 == 0.0 {
            return Some(b.0);
        }
        let bisect = before.abs() < tolerance || a.1.abs() <= b.1.abs();
        let step = if bisect { half } else { interpolate(a, b, c, half) };
        if bisect || 2.0 * step.abs() >= (3.0 * half.abs() - tolerance).min(before.abs()) || step * half < 0.0 {
            before = half;
            last = half;
        } else {
            before = last;
            last = step;
        }
        a = b;
        let x = b.0 + if last.abs() > tolerance { last } else { tolerance.copysign(half) };
        b = (x, f(x));
        if b.1.is_nan() {
            return None;
        }
        if (b.1 > 0.0) == (c.1 > 0.0) {
            c = a;
            last = b.0 - a.0;
            before = last;
        }
    }
    None
}

/// Secant step with two points, inverse quadratic with three.
fn interpolate(a: (f64, f64), b: (f64, f64), c: (f64, f64), half: f64) -> f64 {
    let s = b.1 / a.1;
    let (p, q) = if a.0 == c.0 {
        (2.0 * half * s, 1.0 - s)
    } else {
        let (q, r) = (a.1 / c.1, b.1 / c.1);
        (s * (2.0 * half * q * (q - r) - (b.0 - a.0) * (r - 1.0)), (q - 1.0) * (r - 1.0) * (s - 1.0))
    };
    if p > 0.0 { p / -q } else { -p / q }
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn finds_roots_on_either_side_to_the_last_bits() {
        for root in [-1e6, -3.25, 1e-9, 2.0, 4e8] {
            let found = find("test", 0.5, 1.0, (-1e12, 1e12), |x| (x - root).powi(3) + (x - root)).unwrap();
            assert!((found - root).abs() <= 4.0 * f64::EPSILON * root.abs(), "{found} for {root}");
        }
    }

    #[test]
    fn refuses_instead_of_hanging() {
        assert!(find("test", 0.0, 1.0, (-10.0, 10.0), |_| 1.0).is_err());
        assert!(find("test", 0.0, 1.0, (-10.0, 10.0), |_| f64::NAN).is_err());
        assert!(find("test", 0.0, 1.0, (-10.0, 10.0), |x| if x > 0.5 { f64::NAN } else { -1.0 }).is_err());
    }
}
