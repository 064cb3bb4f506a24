//! One needle in tissue: dimple, puncture, cutting, friction, relaxation.
//!
//! The needle's advance beyond the undeformed surface splits into a dimple, which carries the elastic force, and a
//! penetration, which moves only where that force overcomes the tissue's resistance: a play element. So puncture, the
//! drop, sticking, slipping back and re-entering a hole follow from three resistances:
//!
//! - fresh tissue: the needle's own puncture force;
//! - cutting on: tearing, spreading, and friction in proportion to the length inside (Barnett 2015 splits an
//!   insertion into 61 % tearing, 18 % spreading, 21 % friction);
//! - in a hole: spreading and friction; on the way out friction alone.
//!
//! Two elasticities. A tip that dimples the surface meets more of it the farther it goes, so its force bends (see
//! `law`). A needle that is inside is held along its shaft, on the same area whether pushed or pulled, so small
//! dimples are linear, through zero and beyond.
//!
//! Tissue relaxes before friction limits the force, not after: what slides, slides at its full resistance, and the
//! dimple that is needed for it grows instead.
//!
//! Lengths in mm, forces in N, positive in compression. Deliberately absent: interaction between neighbouring
//! needles, and any influence of speed (silicone is insensitive below 40 /s: Shergold 2006).

use crate::{
    config::world::Phantom,
    sim::world::{
        law::elastic_force_n,
        relaxation::Relaxation,
        table::{Integral, Table},
    },
};

/// Advance that the tables cover; beyond it they go on as straight lines, mm.
const ADVANCE_MAX_MM: f64 = 4.0;
const CELLS: usize = 4096;
/// Steps of advance longer than this take the exact work along the path as their mean force, mm.
const PATH_STEP_MM: f64 = 1e-3;

/// Share of the resistance at the tip that spreads the tissue; the rest tears it (Barnett 2015: 18 % to 61 %).
const SPREADING: f64 = 0.18 / (0.18 + 0.61);

/// The laws of one phantom.
#[derive(Clone, Debug)]
pub struct Tissue {
    elastic: Table,
    work: Integral,
    held_n_per_mm: f64,
    cutting_n: f64,
    spreading_n: f64,
    friction_n_per_mm: f64,
}

impl Tissue {
    /// Tabulates the law of the dimple.
    pub fn new(phantom: &Phantom) -> Self {
        let elastic = Table::new(ADVANCE_MAX_MM, CELLS, |dimple| elastic_force_n(phantom, dimple));
        Self {
            work: elastic.integral(),
            elastic,
            held_n_per_mm: phantom.held_stiffness_n_per_mm,
            cutting_n: phantom.cutting_force_n,
            spreading_n: SPREADING * phantom.cutting_force_n,
            friction_n_per_mm: phantom.friction_n_per_mm,
        }
    }

    /// Dimple at which a needle with this puncture force enters; infinite where it never does.
    pub fn puncture_dimple_mm(&self, puncture_force_n: f64) -> f64 {
        self.elastic.inverse(puncture_force_n)
    }

    /// Penetration of a needle that has cut as far as `advance_mm` takes it, relaxation left out.
    pub fn cut_mm(&self, advance_mm: f64) -> f64 {
        self.inward_mm(advance_mm, self.cutting_n, 0.0)
    }

    /// Penetration at which the elastic force is what a tip with `tip_n` and its friction resist.
    fn inward_mm(&self, advance_mm: f64, tip_n: f64, relaxed_n: f64) -> f64 {
        let (held, friction) = (self.held_n_per_mm, self.friction_n_per_mm);
        ((held * advance_mm - relaxed_n - tip_n) / (held + friction)).clamp(0.0, advance_mm.max(0.0))
    }

    /// Penetration at which the pull of the tissue is friction.
    fn outward_mm(&self, advance_mm: f64, relaxed_n: f64) -> f64 {
        let (held, friction) = (self.held_n_per_mm, self.friction_n_per_mm);
        ((held * advance_mm - relaxed_n) / (held - friction)).max(0.0)
    }
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
    relaxation: Relaxation,
    relaxed_n: f64,
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
    pub fn new(behind_mm: f64, puncture_dimple_mm: f64, relaxation: Relaxation) -> Self {
        Self {
            behind_mm,
            puncture_dimple_mm,
            penetration_mm: 0.0,
            punctured: false,
            hole_mm: 0.0,
            advance_mm: 0.0,
            force_n: 0.0,
            relaxation,
            relaxed_n: 0.0,
        }
    }

    /// Puts the needle at `advance_mm` (0 or less) before a site where it has been as far as `deepest_mm` (0: fresh).
    pub fn arrive(&mut self, tissue: &Tissue, advance_mm: f64, deepest_mm: f64) {
        self.punctured = deepest_mm > self.puncture_dimple_mm;
        self.hole_mm = if self.punctured { tissue.cut_mm(deepest_mm) } else { 0.0 };
        self.advance_mm = advance_mm;
        (self.penetration_mm, self.force_n, self.relaxed_n) = (0.0, 0.0, 0.0);
        self.relaxation.rest();
    }

    /// Moves the tip within `step_s` to `advance_mm` beyond the undeformed surface (negative: before it).
    #[inline]
    pub fn step(&mut self, tissue: &Tissue, step_s: f64, advance_mm: f64) -> StepForce {
        let (from_mm, before_n) = (self.advance_mm, self.force_n);
        self.advance_mm = advance_mm;
        let travel_mm = advance_mm - from_mm;
        let far = travel_mm.abs() > PATH_STEP_MM;
        let work = |advance_mm: f64| tissue.work.at(&tissue.elastic, advance_mm);
        if !self.punctured && advance_mm <= self.puncture_dimple_mm {
            let elastic_n = tissue.elastic.at(advance_mm);
            self.relaxed_n = self.relaxation.step(step_s, elastic_n);
            self.force_n = (elastic_n - self.relaxed_n).max(0.0);
            let trapeze_n = 0.5 * (before_n + self.force_n);
            let path_n = || ((work(advance_mm) - work(from_mm)) / travel_mm - self.relaxed_n).max(0.0);
            return StepForce { mean_n: if far { path_n() } else { trapeze_n }, end_n: self.force_n };
        }
        let entered_n = if self.punctured { before_n } else { self.force_after_entry(tissue) };
        let before_entry_mm = if self.punctured { 0.0 } else { self.puncture_dimple_mm - from_mm };
        let before_entry = if self.punctured || !far { 0.0 } else { work(self.puncture_dimple_mm) - work(from_mm) };
        self.punctured = true;
        self.slide(tissue, step_s);
        let after_n = 0.5 * (entered_n + self.force_n);
        let mean_n = if far { (before_entry + after_n * (travel_mm - before_entry_mm)) / travel_mm } else { after_n };
        StepForce { mean_n, end_n: self.force_n }
    }

    /// Force just after the drop at puncture.
    fn force_after_entry(&self, tissue: &Tissue) -> f64 {
        let dimple_mm = self.puncture_dimple_mm;
        let inside_mm = tissue.inward_mm(dimple_mm, tissue.cutting_n, self.relaxed_n);
        tissue.held_n_per_mm * (dimple_mm - inside_mm) - self.relaxed_n
    }

    /// Lets the penetration follow the advance where the force overcomes the resistance, and the force follow both.
    #[inline]
    fn slide(&mut self, tissue: &Tissue, step_s: f64) {
        if self.advance_mm <= 0.0 && self.penetration_mm == 0.0 {
            self.relaxed_n = self.relaxation.step(step_s, 0.0);
            self.force_n = 0.0;
            return;
        }
        let held_n = |inside_mm: f64| tissue.held_n_per_mm * (self.advance_mm - inside_mm);
        let friction_n = tissue.friction_n_per_mm * self.penetration_mm;
        let force_n = held_n(self.penetration_mm) - self.relaxed_n;
        let in_hole = self.penetration_mm < self.hole_mm;
        let tip_n = if in_hole { tissue.spreading_n } else { tissue.cutting_n };
        let mut inside_mm = self.penetration_mm;
        if force_n > tip_n + friction_n {
            let slid_mm = tissue.inward_mm(self.advance_mm, tissue.spreading_n, self.relaxed_n).min(self.hole_mm);
            let cut_mm = if in_hole && slid_mm < self.hole_mm {
                0.0
            } else {
                tissue.inward_mm(self.advance_mm, tissue.cutting_n, self.relaxed_n)
            };
            inside_mm = inside_mm.max(slid_mm).max(cut_mm);
        } else if force_n < -friction_n {
            inside_mm = inside_mm.min(tissue.outward_mm(self.advance_mm, self.relaxed_n));
        }
        let elastic_n = held_n(inside_mm);
        self.penetration_mm = inside_mm;
        self.hole_mm = self.hole_mm.max(inside_mm);
        self.force_n =
            if inside_mm == 0.0 { (elastic_n - self.relaxed_n).max(0.0) } else { elastic_n - self.relaxed_n };
        self.relaxed_n = self.relaxation.step(step_s, elastic_n);
    }
}

#[cfg(test)]
mod tests {
    use super::{Needle, Tissue};
    use crate::{
        config::world::{Law, Phantom, Prony},
        sim::world::relaxation::Relaxation,
    };

    fn path(needle: &mut Needle, tissue: &Tissue, from_mm: f64, to_mm: f64, steps: u32) -> (f64, f64, f64) {
        let (mut work, mut max_n, mut min_n) = (0.0, f64::MIN, f64::MAX);
        let step_mm = (to_mm - from_mm) / f64::from(steps);
        for index in 1..=steps {
            let force = needle.step(tissue, 0.0, from_mm + step_mm * f64::from(index));
            work += force.mean_n * step_mm;
            max_n = force.end_n.max(max_n);
            min_n = force.end_n.min(min_n);
        }
        (work, max_n, min_n)
    }

    fn needle_in(phantom: &Phantom) -> (Needle, Tissue) {
        let tissue = Tissue::new(phantom);
        let needle = Needle::new(0.0, tissue.puncture_dimple_mm(phantom.puncture_force_n), Relaxation::new(&[]));
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
            assert!((needle.step(&tissue, 0.0, 1.0).end_n - resistance_n).abs() < 1e-5, "{law:?}");
            let inside_mm = needle.penetration_mm;
            let (_, _, drag_n) = path(&mut needle, &tissue, 1.0, -0.1, 10_000);
            assert!((drag_n + 0.03 * inside_mm).abs() < 0.002, "{law:?}: {drag_n}");
            assert_eq!(needle.penetration_mm, 0.0);
            let (_, again_n, _) = path(&mut needle, &tissue, 0.0, 0.9, 10_000);
            assert!(again_n < 0.03 * 0.9 + 0.01, "{law:?}: {again_n}");
        }
    }

    /// What relaxes is the elasticity: a needle slides at its full resistance, whatever the tissue has forgotten, and
    /// one that is held loses force at a dimple that stands.
    #[test]
    fn friction_does_not_relax_but_held_tissue_does() {
        let phantom = Phantom::default();
        let tissue = Tissue::new(&phantom);
        let relaxation = Relaxation::new(&[Prony { share: 0.3, tau_s: 0.2 }]);
        let mut needle = Needle::new(0.0, tissue.puncture_dimple_mm(phantom.puncture_force_n), relaxation);
        (0..=4000).for_each(|index| _ = needle.step(&tissue, 1e-3, f64::from(index) * 2.5e-4));
        let inside_mm = needle.penetration_mm;
        let resistance_n = phantom.cutting_force_n + phantom.friction_n_per_mm * inside_mm;
        assert!((needle.step(&tissue, 1e-3, 1.0).end_n / resistance_n - 1.0).abs() < 0.01);
        let dimple_n = phantom.held_stiffness_n_per_mm * (1.0 - inside_mm);
        assert!(dimple_n > 1.3 * resistance_n, "the dimple grows by what relaxes: {dimple_n} for {resistance_n}");
        let held_n = (0..2000).map(|_| needle.step(&tissue, 1e-3, 1.0).end_n).last().expect("steps");
        assert!((held_n / (0.7 * dimple_n) - 1.0).abs() < 0.01, "{held_n}");
        assert_eq!(needle.penetration_mm, inside_mm);
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
