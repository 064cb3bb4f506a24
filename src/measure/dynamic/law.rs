//! Elastic force of many needles against how far the foremost tip is below the undeformed surface.
//!
//! `F = A sum_i c_i f((u - o_i) / 0.1 mm)`, `o_i` how far a needle stands behind the foremost, `c_i` shares that add to
//! one, and `f` of one of two families, each with one parameter: a power `v^n` (Hertz's contacts) or an exponential
//! `(exp(v / q) - 1) / (exp(1 / q) - 1)` (skin, Fung 1967). Heights scatter normally with SD `s`: the spacings between
//! the foremost, which meet the phantom first, are free, each with its own prior; the others stand where the order
//! statistics of a normal sample are expected (Blom 1958). Sums over needles at every sample would cost most of a
//! measurement, so the curve and its derivatives are tabulated once for each set of parameters.
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

/// How many of the foremost spacings of heights are free.
pub const FREE: usize = 4;
/// Prior of the logarithm of a spacing over the one expected: the foremost spacings of a normal sample are nearly
/// exponential (Weissman 1978), which has its median at ln 0.69, and a logarithm that scatters by about one.
pub const SPACING: (f64, f64) = (-0.37, 1.0);

/// Needles of one cartridge by how far they stand behind the foremost.
#[derive(Clone, Debug)]
pub struct Needles {
    /// Expected distance of each of the foremost to the next, in SDs of the heights.
    spacings: Vec<f64>,
    /// The others: expected distance to the last of these in SDs, and share of all needles.
    rest: Vec<(f64, f64)>,
    /// Share of all needles that one needle has.
    share: f64,
}

/// A needle, or a group of them.
struct Placed {
    /// How far it stands behind the foremost, mm.
    behind_mm: f64,
    /// Its share of all needles.
    share: f64,
    /// Derivative of its place by the SD of the heights.
    by_spread: f64,
    /// On how many of the free spacings its place depends.
    depends: usize,
}

impl Needles {
    /// Of a cartridge with so many.
    pub fn of(needles: u32) -> Self {
        let Heights { single, groups, share, .. } = Heights::of(needles);
        let Some(last) = single.get(FREE.min(single.len().saturating_sub(1))).copied() else {
            return Self { spacings: Vec::new(), rest: Vec::new(), share };
        };
        let spacings = single.windows(2).take(FREE).map(|pair| pair[0] - pair[1]).collect();
        let others = single.iter().skip(FREE + 1).map(|height| (last - height, share));
        Self {
            spacings,
            rest: others.chain(groups.iter().map(|(height, share)| (last - height, *share))).collect(),
            share,
        }
    }

    /// How far the needles stand behind the foremost in the mean, mm.
    pub fn behind_mm(&self, spread_mm: f64, lead: &[f64; FREE]) -> f64 {
        self.placed(spread_mm, lead).0.iter().map(|needle| needle.behind_mm * needle.share).sum()
    }

    /// Every needle, or group, and the free spacings, mm.
    fn placed(&self, spread_mm: f64, lead: &[f64; FREE]) -> (Vec<Placed>, [f64; FREE]) {
        let place = |behind: f64, share: f64, depends: usize| Placed {
            behind_mm: spread_mm * behind,
            share,
            by_spread: behind,
            depends,
        };
        let mut spacings_mm = [0.0; FREE];
        let mut behind = 0.0;
        let mut placed = vec![place(0.0, self.share, 0)];
        for (k, expected) in self.spacings.iter().enumerate() {
            behind += expected * lead[k].exp();
            spacings_mm[k] = spread_mm * expected * lead[k].exp();
            placed.push(place(behind, self.share, k + 1));
        }
        let count = self.spacings.len();
        placed.extend(self.rest.iter().map(|(more, share)| place(behind + more, *share, count)));
        (placed, spacings_mm)
    }
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
    /// Its derivatives by the logarithms of the free spacings, N.
    pub by_lead: [f64; FREE],
}

impl Point {
    fn between(&self, other: &Self, share: f64) -> Self {
        let mix = |a: f64, b: f64| a + share * (b - a);
        Self {
            force_n: mix(self.force_n, other.force_n),
            slope_n_per_mm: mix(self.slope_n_per_mm, other.slope_n_per_mm),
            by_shape: mix(self.by_shape, other.by_shape),
            by_spread: mix(self.by_spread, other.by_spread),
            by_lead: std::array::from_fn(|k| mix(self.by_lead[k], other.by_lead[k])),
        }
    }
}

/// The law for one set of parameters, as a table.
#[derive(Clone, Debug)]
pub struct Curve(Vec<Point>);

impl Curve {
    /// The law up to `deepest_mm`; `law` holds the logarithm of the force at [`SCALE_MM`] in N, the shape and the SD of
    /// the heights in mm, `lead` the logarithms of the free spacings over those expected.
    pub fn new(family: Family, needles: &Needles, law: [f64; 3], lead: &[f64; FREE], deepest_mm: f64) -> Self {
        let [ln_a, shape, spread_mm] = law;
        let steps = (deepest_mm / STEP_MM).ceil().clamp(1.0, 4000.0) as usize + 1;
        let a = ln_a.exp();
        let (placed, spacings_mm) = needles.placed(spread_mm, lead);
        let at = |u: f64| {
            let mut point = Point::default();
            for Placed { behind_mm, share, by_spread, depends } in &placed {
                let v = (u - behind_mm) / SCALE_MM;
                if v > 0.0 {
                    let (force, slope, by_shape) = family.at(v, shape);
                    let slope = share * a * slope / SCALE_MM;
                    point.force_n += share * a * force;
                    point.slope_n_per_mm += slope;
                    point.by_shape += share * a * by_shape;
                    point.by_spread -= slope * by_spread;
                    (0..*depends).for_each(|k| point.by_lead[k] -= slope * spacings_mm[k]);
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
    use super::{Curve, FREE, Family, Needles, Placed};

    /// Twelve heights: the foremost is expected 1.629 SD above the mean (Harter 1961).
    #[test]
    fn needles_stand_where_a_normal_sample_is_expected() {
        let (placed, _) = Needles::of(12).placed(1.0, &[0.0; FREE]);
        let share: f64 = placed.iter().map(|needle| needle.share).sum();
        let behind: f64 = placed.iter().map(|needle| needle.behind_mm * needle.share).sum();
        assert!((share - 1.0).abs() < 1e-12 && (behind - 1.629).abs() < 0.02, "{behind}");
        assert_eq!(Needles::of(1).placed(1.0, &[0.0; FREE]).0.len(), 1);
    }

    #[test]
    fn the_table_is_the_law_and_its_derivatives() {
        let needles = Needles::of(12);
        let lead = [-0.3, 0.4, 0.0, 0.2];
        let (ln_a, s, h) = (-1.0_f64, 0.02, 1e-6);
        for (family, shape) in [(Family::Power, 1.6), (Family::Exponential, -0.1)] {
            let one = |v: f64, shape: f64| match family {
                Family::Power => v.powf(shape),
                Family::Exponential => (v / shape.exp()).exp_m1() / (1.0 / shape.exp()).exp_m1(),
            };
            let exact = |shape: f64, s: f64, lead: &[f64; FREE], u: f64| -> f64 {
                let each = |needle: &Placed| needle.share * one(((u - needle.behind_mm) / 0.1).max(0.0), shape);
                ln_a.exp() * needles.placed(s, lead).0.iter().map(each).sum::<f64>()
            };
            let curve = Curve::new(family, &needles, [ln_a, shape, s], &lead, 0.3);
            for u in [0.0205, 0.1, 0.2503] {
                let point = curve.at(u);
                let force = exact(shape, s, &lead, u);
                let by_shape = (exact(shape + h, s, &lead, u) - exact(shape - h, s, &lead, u)) / (2.0 * h);
                let by_s = (exact(shape, s + h, &lead, u) - exact(shape, s - h, &lead, u)) / (2.0 * h);
                let slope = (exact(shape, s, &lead, u + h) - exact(shape, s, &lead, u - h)) / (2.0 * h);
                assert!((point.force_n - force).abs() < 2e-3 * force, "{family:?} {u}");
                assert!((point.by_shape - by_shape).abs() < 5e-3 * by_shape.abs().max(force), "{family:?} {u}");
                assert!((point.by_spread - by_s).abs() < 2e-2 * by_s.abs(), "{family:?} {u}");
                assert!((point.slope_n_per_mm - slope).abs() < 2e-2 * slope, "{family:?} {u}");
                for k in 0..FREE {
                    let (mut more, mut less) = (lead, lead);
                    (more[k], less[k]) = (lead[k] + h, lead[k] - h);
                    let by_lead = (exact(shape, s, &more, u) - exact(shape, s, &less, u)) / (2.0 * h);
                    assert!(
                        (point.by_lead[k] - by_lead).abs() < 2e-2 * by_lead.abs() + 1e-3 * force,
                        "{family:?} {u} {k}"
                    );
                }
            }
            assert_eq!(curve.at(-0.1).force_n, 0.0);
            assert!(curve.at(0.5).force_n > curve.at(0.3).force_n);
        }
    }
}
