//! Elastic force of many needles against how far the foremost tip is below the undeformed surface.
//!
//! `F = A sum_i c_i f((u - s o_i) / 0.1 mm)`, `o_i` the normal order statistics of the heights (Blom 1958), `s` their
//! SD, `c_i` shares that add to one, and `f` of one of two families, each with one parameter: a power `v^n` (Hertz's
//! contacts) or an exponential `(exp(v / q) - 1) / (exp(1 / q) - 1)` (skin, Fung 1967). Sums over needles at every sample
//! would cost most of a measurement, so the curve and its derivatives are tabulated once for each set of parameters.
//!
//! Deliberately absent: time, carriage, compliance.

use crate::measure::press::heights::Heights;

/// Interference at which `A` is the force, mm: scales the law so that its parameters are nearly uncorrelated.
pub const SCALE_MM: f64 = 0.1;
/// Step of the table, mm.
const STEP_MM: f64 = 0.001;

/// Family of one needle's force law.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Family {
    /// `v^n`, shaped by `n`.
    #[default]
    Power,
    /// `(exp(v / q) - 1) / (exp(1 / q) - 1)`, shaped by `ln q`.
    Exponential,
}

impl Family {
    /// Prior of the shape. Hertz's cone is 2, sphere 1.5, flat punch 1; soft phantoms 1.1 to 2. Skin and foams stiffen
    /// e-fold within 0.06 to 0.2 mm.
    pub fn prior(self) -> (f64, f64) {
        match self {
            Self::Power => (1.5, 0.25),
            Self::Exponential => (0.1, 0.4),
        }
    }

    /// Shapes that are possible at all.
    pub fn range(self) -> (f64, f64) {
        match self {
            Self::Power => (0.8, 2.6),
            Self::Exponential => (-1.4, 2.0),
        }
    }

    /// Force at `v` (in units of [`SCALE_MM`]), its slope, and its derivative by the shape, for `A` = 1.
    fn at(self, v: f64, shape: f64) -> (f64, f64, f64) {
        match self {
            Self::Power => {
                let ln_v = v.ln();
                let force = (shape * ln_v).exp();
                (force, force * shape / v, force * ln_v)
            }
            Self::Exponential => {
                let k = (-shape).exp();
                let (whole, scale) = ((k * v).exp(), k.exp_m1());
                let force = (k * v).exp_m1() / scale;
                // By k, and k falls with its logarithm's negative, the shape.
                let by_k = (v * whole - force * k.exp()) / scale;
                (force, k * whole / scale, -k * by_k)
            }
        }
    }
}

/// Heights below the foremost tip in units of the SD, with the share of needles at each.
pub fn needle_groups(needles: u32) -> Vec<(f64, f64)> {
    let heights = Heights::of(needles);
    let foremost = heights.single.first().copied().unwrap_or(0.0);
    let single = heights.single.iter().map(|height| (foremost - height, heights.share));
    single.chain(heights.groups.iter().map(|(height, share)| (foremost - height, *share))).collect()
}

/// Force and its derivatives at one interference.
#[derive(Clone, Copy, Debug, Default)]
pub struct Point {
    /// Force, N.
    pub force_n: f64,
    /// Its growth with the interference, N/mm.
    pub slope_n_per_mm: f64,
    /// Its derivative by the shape, N.
    pub by_shape: f64,
    /// Its derivative by the SD of the heights, N/mm.
    pub by_spread: f64,
}

impl Point {
    fn between(&self, other: &Self, share: f64) -> Self {
        let mix = |a: f64, b: f64| a + share * (b - a);
        Self {
            force_n: mix(self.force_n, other.force_n),
            slope_n_per_mm: mix(self.slope_n_per_mm, other.slope_n_per_mm),
            by_shape: mix(self.by_shape, other.by_shape),
            by_spread: mix(self.by_spread, other.by_spread),
        }
    }
}

/// The law for one set of parameters, as a table.
#[derive(Clone, Debug)]
pub struct Curve(Vec<Point>);

impl Curve {
    /// The law up to `deepest_mm`; `law` holds the logarithm of the force at [`SCALE_MM`] in N, the shape and the SD of
    /// the heights in mm.
    pub fn new(family: Family, groups: &[(f64, f64)], law: [f64; 3], deepest_mm: f64) -> Self {
        let [ln_a, shape, spread_mm] = law;
        let steps = (deepest_mm / STEP_MM).ceil().clamp(1.0, 4000.0) as usize + 1;
        let a = ln_a.exp();
        let at = |u: f64| {
            let mut point = Point::default();
            for (offset, share) in groups {
                let v = (u - spread_mm * offset) / SCALE_MM;
                if v > 0.0 {
                    let (force, slope, by_shape) = family.at(v, shape);
                    point.force_n += share * a * force;
                    point.slope_n_per_mm += share * a * slope / SCALE_MM;
                    point.by_shape += share * a * by_shape;
                    point.by_spread -= share * a * slope / SCALE_MM * offset;
                }
            }
            point
        };
        Self((0..=steps).map(|k| at(k as f64 * STEP_MM)).collect())
    }

    /// The law at an interference; beyond the table it goes on as at its end.
    pub fn at(&self, interference_mm: f64) -> Point {
        if interference_mm.is_nan() || interference_mm <= 0.0 {
            return Point::default();
        }
        let place = interference_mm / STEP_MM;
        let last = self.0.len() - 2;
        let k = (place as usize).min(last);
        let mut point = self.0[k].between(&self.0[k + 1], (place - k as f64).min(1.0));
        if place > (last + 1) as f64 {
            point.force_n += point.slope_n_per_mm * (interference_mm - (last + 1) as f64 * STEP_MM);
        }
        point
    }
}

#[cfg(test)]
mod tests {
    use super::{Curve, Family, needle_groups};

    #[test]
    fn the_table_is_the_law_and_its_derivatives() {
        let groups = needle_groups(12);
        let (ln_a, s, h) = (-1.0_f64, 0.02, 1e-6);
        for (family, shape) in [(Family::Power, 1.6), (Family::Exponential, -0.1)] {
            let one = |v: f64, shape: f64| match family {
                Family::Power => v.powf(shape),
                Family::Exponential => (v / shape.exp()).exp_m1() / (1.0 / shape.exp()).exp_m1(),
            };
            let exact = |shape: f64, s: f64, u: f64| -> f64 {
                let each = |(o, share): &(f64, f64)| share * one(((u - s * o) / 0.1).max(0.0), shape);
                ln_a.exp() * groups.iter().map(each).sum::<f64>()
            };
            let curve = Curve::new(family, &groups, [ln_a, shape, s], 0.3);
            for u in [0.0205, 0.1, 0.2503] {
                let point = curve.at(u);
                let force = exact(shape, s, u);
                let by_shape = (exact(shape + h, s, u) - exact(shape - h, s, u)) / (2.0 * h);
                let by_s = (exact(shape, s + h, u) - exact(shape, s - h, u)) / (2.0 * h);
                let slope = (exact(shape, s, u + h) - exact(shape, s, u - h)) / (2.0 * h);
                assert!((point.force_n - force).abs() < 2e-3 * force, "{family:?} {u}");
                assert!((point.by_shape - by_shape).abs() < 5e-3 * by_shape.abs().max(force), "{family:?} {u}");
                assert!((point.by_spread - by_s).abs() < 2e-2 * by_s.abs(), "{family:?} {u}");
                assert!((point.slope_n_per_mm - slope).abs() < 2e-2 * slope, "{family:?} {u}");
            }
            assert_eq!(curve.at(-0.1).force_n, 0.0);
            assert!(curve.at(0.5).force_n > curve.at(0.3).force_n);
        }
    }
}
