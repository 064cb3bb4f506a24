//! One needle in tissue: dimple, puncture, cutting, friction.
//!
//! The needle's advance beyond the undeformed surface splits into a dimple, which carries the elastic force, and a
//! penetration, which moves only where that force overcomes the tissue's resistance: a play element with loci that
//! depend on the advance alone. So puncture, the drop, sticking, slipping back and re-entering a hole follow from
//! three resistances:
//!
//! - fresh tissue: the needle's own puncture force;
//! - cutting on: tearing, spreading, and friction in proportion to the length inside (Barnett 2015 splits an
//!   insertion into 61 % tearing, 18 % spreading, 21 % friction);
//! - in a hole: spreading and friction; on the way out friction alone.
//!
//! Lengths in mm, forces in N, positive in compression. Deliberately absent: interaction between neighbouring
//! needles, and any influence of speed (silicone is insensitive below 40 /s: Shergold 2006).

use crate::{
    config::world::Phantom,
    sim::world::{
        law::elastic_force_n,
        table::{Integral, Table},
    },
};

/// Advance that the tables cover; beyond it they go on as straight lines, mm.
const ADVANCE_MAX_MM: f64 = 4.0;
const CELLS: usize = 4096;
/// Halvings of the advance by which a locus is found: to a nanometre.
const BISECTIONS: u32 = 32;
/// Steps of advance longer than this take the exact work along the path as their mean force, mm.
const PATH_STEP_MM: f64 = 1e-3;

/// Share of the resistance at the tip that spreads the tissue; the rest tears it (Barnett 2015: 18 % to 61 %).
const SPREADING: f64 = 0.18 / (0.18 + 0.61);

/// The laws of one phantom, tabulated.
#[derive(Clone, Debug)]
pub struct Tissue {
    elastic: Table,
    work: Integral,
    cutting_n: f64,
    spreading_n: f64,
    friction_n_per_mm: f64,
    /// Penetration of a needle that cuts on, over advance.
    cutting: Table,
    /// Penetration of a needle that slides down a hole, over advance.
    sliding: Table,
    /// Penetration of a needle that slides out, over advance.
    leaving: Table,
}

impl Tissue {
    /// Tabulates the laws.
    pub fn new(phantom: &Phantom) -> Self {
        let elastic = Table::new(ADVANCE_MAX_MM, CELLS, |dimple| elastic_force_n(phantom, dimple));
        let friction_n_per_mm = phantom.friction_n_per_mm;
        let inward = |fixed_n: f64| {
            Table::new(ADVANCE_MAX_MM, CELLS, |advance| {
                let overcome =
                    |penetration: f64| elastic.at(advance - penetration) >= fixed_n + friction_n_per_mm * penetration;
                last_true(0.0, advance, overcome)
            })
        };
        let (cutting_n, spreading_n) = (phantom.cutting_force_n, SPREADING * phantom.cutting_force_n);
        let (cutting, sliding) = (inward(cutting_n), inward(spreading_n));
        let leaving = Table::new(ADVANCE_MAX_MM, CELLS, |advance| {
            let holds = |penetration: f64| elastic.at(penetration - advance) <= friction_n_per_mm * penetration;
            last_true(advance, advance + ADVANCE_MAX_MM, holds)
        });
        let work = elastic.integral();
        Self { elastic, work, cutting_n, spreading_n, friction_n_per_mm, cutting, sliding, leaving }
    }

    /// Dimple at which a needle with this puncture force enters; infinite where it never does.
    pub fn puncture_dimple_mm(&self, puncture_force_n: f64) -> f64 {
        self.elastic.inverse(puncture_force_n)
    }

    /// Penetration of a needle that has cut as far as `advance_mm` takes it.
    pub fn cut_mm(&self, advance_mm: f64) -> f64 {
        self.cutting.at(advance_mm)
    }
}

/// Largest `x` in `from..=to` for which `holds`, where it holds up to some point; `from` where it never does.
fn last_true(from: f64, to: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (from, to);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// State of one needle in contact.
#[derive(Clone, Debug)]
pub struct Needle {
    /// How far its tip stands behind the foremost, mm.
    pub behind_mm: f64,
    /// Dimple at which it enters, mm; infinite where it never does.
    pub puncture_dimple_mm: f64,
    /// Length inside the phantom, below the dimpled surface, mm.
    pub penetration_mm: f64,
    /// Whether it has entered at this site.
    pub punctured: bool,
    hole_mm: f64,
    advance_mm: f64,
    force_n: f64,
}

/// Force of a needle over one step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepForce {
    /// Mean over the step, N.
    pub mean_n: f64,
    /// At its end, N.
    pub end_n: f64,
}

impl Needle {
    /// A needle out of contact.
    pub fn new(behind_mm: f64, puncture_dimple_mm: f64) -> Self {
        Self {
            behind_mm,
            puncture_dimple_mm,
            penetration_mm: 0.0,
            punctured: false,
            hole_mm: 0.0,
            advance_mm: 0.0,
            force_n: 0.0,
        }
    }

    /// Puts the needle at `advance_mm` (0 or less) before a site where it has been as far as `deepest_mm` (0: fresh).
    pub fn arrive(&mut self, tissue: &Tissue, advance_mm: f64, deepest_mm: f64) {
        let punctured = deepest_mm > self.puncture_dimple_mm;
        let hole_mm = if punctured { tissue.cut_mm(deepest_mm) } else { 0.0 };
        *self = Self { punctured, hole_mm, advance_mm, ..Self::new(self.behind_mm, self.puncture_dimple_mm) };
    }

    /// Moves the tip to `advance_mm` beyond the undeformed surface (negative: before it).
    #[inline]
    pub fn step(&mut self, tissue: &Tissue, advance_mm: f64) -> StepForce {
        let (from_mm, before_n) = (self.advance_mm, self.force_n);
        self.advance_mm = advance_mm;
        let travel_mm = advance_mm - from_mm;
        let far = travel_mm.abs() > PATH_STEP_MM;
        if self.punctured {
            self.force_n = self.slide(tissue);
            return StepForce { mean_n: 0.5 * (before_n + self.force_n), end_n: self.force_n };
        }
        let work = |advance_mm: f64| tissue.work.at(&tissue.elastic, advance_mm);
        if advance_mm <= self.puncture_dimple_mm {
            self.force_n = tissue.elastic.at(advance_mm);
            let mean_n =
                if far { (work(advance_mm) - work(from_mm)) / travel_mm } else { 0.5 * (before_n + self.force_n) };
            return StepForce { mean_n, end_n: self.force_n };
        }
        self.punctured = true;
        let entered_n = self.force_after_entry(tissue);
        self.force_n = self.slide(tissue);
        let after_n = 0.5 * (entered_n + self.force_n);
        let mean_n = if far {
            let before_entry = work(self.puncture_dimple_mm) - work(from_mm);
            (before_entry + after_n * (advance_mm - self.puncture_dimple_mm)) / travel_mm
        } else {
            after_n
        };
        StepForce { mean_n, end_n: self.force_n }
    }

    /// Force just after the drop at puncture.
    fn force_after_entry(&self, tissue: &Tissue) -> f64 {
        let dimple_mm = self.puncture_dimple_mm;
        tissue.elastic.at(dimple_mm - tissue.cutting.at(dimple_mm))
    }

    /// Lets the penetration follow the advance where the force overcomes the resistance; the force that remains.
    #[inline]
    fn slide(&mut self, tissue: &Tissue) -> f64 {
        if self.advance_mm <= 0.0 {
            self.penetration_mm = 0.0;
            return 0.0;
        }
        let dimple_mm = self.advance_mm - self.penetration_mm;
        let friction_n = tissue.friction_n_per_mm * self.penetration_mm;
        if dimple_mm < 0.0 {
            let pull_n = tissue.elastic.at(-dimple_mm);
            if pull_n <= friction_n {
                return -pull_n;
            }
            self.penetration_mm = self.penetration_mm.min(tissue.leaving.at(self.advance_mm));
            return -tissue.elastic.at(self.penetration_mm - self.advance_mm);
        }
        let push_n = tissue.elastic.at(dimple_mm);
        let in_hole = self.penetration_mm < self.hole_mm;
        let tip_n = if in_hole { tissue.spreading_n } else { tissue.cutting_n };
        if push_n <= tip_n + friction_n {
            return push_n;
        }
        let slid_mm = if in_hole { tissue.sliding.at(self.advance_mm).min(self.hole_mm) } else { 0.0 };
        let cut_mm = if slid_mm < self.hole_mm && in_hole { 0.0 } else { tissue.cutting.at(self.advance_mm) };
        self.penetration_mm = self.penetration_mm.max(slid_mm).max(cut_mm);
        self.hole_mm = self.hole_mm.max(self.penetration_mm);
        tissue.elastic.at(self.advance_mm - self.penetration_mm)
    }
}

#[cfg(test)]
mod tests {
    use super::{Needle, Tissue};
    use crate::config::world::{Law, Phantom};

    fn path(needle: &mut Needle, tissue: &Tissue, from_mm: f64, to_mm: f64, steps: u32) -> (f64, f64, f64) {
        let (mut work, mut max_n, mut min_n) = (0.0, f64::MIN, f64::MAX);
        let step_mm = (to_mm - from_mm) / f64::from(steps);
        for index in 1..=steps {
            let force = needle.step(tissue, from_mm + step_mm * f64::from(index));
            work += force.mean_n * step_mm;
            max_n = force.end_n.max(max_n);
            min_n = force.end_n.min(min_n);
        }
        (work, max_n, min_n)
    }

    fn needle_in(phantom: &Phantom) -> (Needle, Tissue) {
        let tissue = Tissue::new(phantom);
        let needle = Needle::new(0.0, tissue.puncture_dimple_mm(phantom.puncture_force_n));
        (needle, tissue)
    }

    #[test]
    fn punctures_once_then_drops_and_drags_on_the_way_out() {
        for law in [Law::Power, Law::Exponential, Law::Hertz] {
            let phantom = Phantom { law, ..Phantom::default() };
            let (mut needle, tissue) = needle_in(&phantom);
            let (_, first_n, _) = path(&mut needle, &tissue, 0.0, 1.0, 10_000);
            assert!((first_n - phantom.puncture_force_n).abs() < 0.001, "{law:?}: {first_n}");
            assert!(needle.penetration_mm > 0.8 && needle.penetration_mm < 1.0);
            let resistance_n = 0.03 + 0.03 * needle.penetration_mm;
            assert!((needle.step(&tissue, 1.0).end_n - resistance_n).abs() < 1e-5, "{law:?}");
            let inside_mm = needle.penetration_mm;
            let (_, _, drag_n) = path(&mut needle, &tissue, 1.0, -0.1, 10_000);
            assert!((drag_n + 0.03 * inside_mm).abs() < 0.002, "{law:?}: {drag_n}");
            assert_eq!(needle.penetration_mm, 0.0);
            let (_, again_n, _) = path(&mut needle, &tissue, 0.0, 0.9, 10_000);
            assert!(again_n < 0.03 * 0.9 + 0.01, "{law:?}: {again_n}");
        }
    }

    #[test]
    fn the_way_in_and_out_never_yields_work() {
        let (mut needle, tissue) = needle_in(&Phantom::default());
        for deepest_mm in [0.05, 0.1, 0.3, 0.2, 1.0, 1.0, 0.5] {
            let (into, _, _) = path(&mut needle, &tissue, 0.0, deepest_mm, 3000);
            let (out, _, _) = path(&mut needle, &tissue, deepest_mm, 0.0, 3000);
            assert!(into + out > -1e-9, "{deepest_mm} mm yields {}", into + out);
            if deepest_mm <= 0.1 {
                assert!((into + out).abs() < 1e-9, "elastic before puncture");
            }
        }
    }

    #[test]
    fn work_of_a_coarse_path_is_that_of_a_fine_one() {
        let (needle, tissue) = needle_in(&Phantom::default());
        let (mut coarse, mut fine) = (needle.clone(), needle);
        let (coarse_work, _, _) = path(&mut coarse, &tissue, -0.01, 0.5, 11);
        let (fine_work, _, _) = path(&mut fine, &tissue, -0.01, 0.5, 100_000);
        assert!((coarse_work / fine_work - 1.0).abs() < 0.01, "{coarse_work} {fine_work}");
    }

    #[test]
    fn a_blunt_needle_dimples_and_never_enters() {
        let phantom = Phantom { puncture_force_n: 50.0, ..Phantom::default() };
        let (mut needle, tissue) = needle_in(&phantom);
        let (into, _, _) = path(&mut needle, &tissue, 0.0, 1.0, 700);
        let (out, _, _) = path(&mut needle, &tissue, 1.0, 0.0, 700);
        assert!(!needle.punctured && into > 0.1 && (into + out).abs() < 1e-9);
    }

    #[test]
    fn a_hole_of_an_earlier_visit_is_known() {
        let (mut needle, tissue) = needle_in(&Phantom::default());
        needle.arrive(&tissue, 0.0, 0.8);
        assert!(needle.punctured);
        let (_, most_n, _) = path(&mut needle, &tissue, 0.0, 0.7, 1000);
        assert!(most_n < 0.01 + 0.03 * 0.7);
        let (_, most_n, _) = path(&mut needle, &tissue, 0.7, 1.2, 1000);
        assert!(most_n > 0.03 + 0.03 * 0.9, "cuts on beyond the old hole");
    }
}
