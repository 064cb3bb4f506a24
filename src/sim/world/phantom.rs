//! The phantom under the cartridge: all needles in tissue, the face on the surface, holes that stay behind.
//!
//! A contact lasts from the first touch until needles and face are clear again. Where it began decides the site; a
//! site remembers how far the foremost needle has been, from which every needle's hole follows.
//! Relaxation is remembered within one contact: tissue that was left counts as recovered.
//! Deliberately absent: lateral forces of a stage that moves in x, y while needles are inside.

use crate::{
    config::world,
    prng::Stream,
    sim::world::{
        CartridgeTruth,
        relaxation::Relaxation,
        tissue::{Needle, StepForce, Tissue},
    },
    time::RunTime,
};
use std::collections::BTreeMap;

/// Where cartridge and phantom stand to each other.
#[derive(Clone, Copy, Debug)]
pub struct Approach {
    /// Site in x and y, mm.
    pub site_mm: [f64; 2],
    /// How far the surface stands off the face; negative where the face presses in, mm.
    pub gap_mm: f64,
    /// How far the foremost tip stands out of the face; negative where it is retracted, mm.
    pub tip_mm: f64,
}

/// Forces on the phantom over one step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// On the load cell.
    pub total: StepForce,
    /// At the end of the step on the needles alone, N: what the pen feels.
    pub needles_n: f64,
}

/// What a site remembers.
#[derive(Clone, Copy, Debug)]
struct Hole {
    deepest_mm: f64,
    left_at: RunTime,
}

/// The phantom and the cartridge's needles in it.
#[derive(Debug)]
pub struct Phantom {
    tissue: Tissue,
    needles: Vec<Needle>,
    /// Of the tissue under the face; every needle has its own.
    relaxation: Relaxation,
    face_stiffness_n_per_mm: f64,
    site_width_mm: f64,
    healing_s: f64,
    holes: BTreeMap<[i64; 2], Hole>,
    contact: Option<Contact>,
    /// Advance of the foremost tip at the last step out of contact, mm.
    clear_mm: f64,
    face_before_n: f64,
}

/// A contact under way.
#[derive(Clone, Copy, Debug)]
struct Contact {
    cell: [i64; 2],
    deepest_mm: f64,
}

impl Phantom {
    /// A fresh phantom, and a cartridge whose needles differ in height and puncture force.
    pub fn new(params: &world::Phantom, cartridge: &CartridgeTruth, seed: u64) -> Self {
        let mut stream = Stream::named(seed, "world.needles");
        let tissue = Tissue::new(params);
        let count = cartridge.needles.max(1);
        let heights: Vec<f64> = (0..count).map(|_| cartridge.height_sd_mm * stream.normal()).collect();
        let foremost = heights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut needles: Vec<Needle> = heights
            .iter()
            .map(|height| {
                let factor = (1.0 + params.puncture_cv * stream.normal()).max(0.2);
                // Below the resistance to cutting no needle would enter on its own.
                let force_n = (params.puncture_force_n * factor).max(1.05 * params.cutting_force_n);
                Needle::new(foremost - height, tissue.puncture_dimple_mm(force_n), Relaxation::new(&params.relaxation))
            })
            .collect();
        needles.sort_by(|a, b| a.behind_mm.total_cmp(&b.behind_mm));
        Self {
            tissue,
            needles,
            relaxation: Relaxation::new(&params.relaxation),
            face_stiffness_n_per_mm: params.face_stiffness_n_per_mm,
            site_width_mm: params.site_width_mm.unwrap_or(cartridge.needle_diameter_mm),
            healing_s: params.healing_s.unwrap_or(f64::INFINITY),
            holes: BTreeMap::new(),
            contact: None,
            clear_mm: 0.0,
            face_before_n: 0.0,
        }
    }

    /// Moves cartridge and phantom against each other and gives the forces over the step that ends at `now`.
    #[inline]
    pub fn step(&mut self, now: RunTime, step_s: f64, approach: Approach) -> Load {
        let advance_mm = approach.tip_mm - approach.gap_mm.max(0.0);
        if advance_mm <= 0.0 && approach.gap_mm >= 0.0 {
            if let Some(contact) = self.contact.take() {
                self.leave(now, contact);
            }
            self.clear_mm = advance_mm.min(0.0);
            return Load::default();
        }
        let cell = match self.contact {
            Some(contact) => contact.cell,
            None => self.arrive(now, approach.site_mm),
        };
        let deepest_mm = self.contact.map_or(0.0, |contact| contact.deepest_mm).max(advance_mm);
        self.contact = Some(Contact { cell, deepest_mm });
        self.forces(step_s, advance_mm, approach.gap_mm)
    }

    fn forces(&mut self, step_s: f64, advance_mm: f64, gap_mm: f64) -> Load {
        let mut needles = StepForce::default();
        for needle in &mut self.needles {
            let force = needle.step(&self.tissue, step_s, advance_mm - needle.behind_mm);
            needles.mean_n += force.mean_n;
            needles.end_n += force.end_n;
        }
        let face_n = self.face_stiffness_n_per_mm * (-gap_mm).max(0.0);
        let face_mean_n = 0.5 * (self.face_before_n + face_n);
        self.face_before_n = face_n;
        let relaxed_n = self.relaxation.step(step_s, face_mean_n);
        let relaxed = |force_n: f64| (force_n - relaxed_n).max(0.0);
        Load {
            total: StepForce { mean_n: needles.mean_n + relaxed(face_mean_n), end_n: needles.end_n + relaxed(face_n) },
            needles_n: needles.end_n,
        }
    }

    /// Penetration of the foremost needle, mm.
    pub fn penetration_mm(&self) -> f64 {
        self.needles.first().map_or(0.0, |needle| needle.penetration_mm)
    }

    /// Mean penetration over all needles, mm.
    pub fn penetration_mean_mm(&self) -> f64 {
        self.needles.iter().map(|needle| needle.penetration_mm).sum::<f64>() / self.needles.len() as f64
    }

    /// Needles that are inside.
    pub fn punctured(&self) -> usize {
        self.needles.iter().filter(|needle| needle.penetration_mm > 0.0).count()
    }

    /// How far each tip stands behind the foremost, mm, ascending.
    pub fn behind_mm(&self) -> Vec<f64> {
        self.needles.iter().map(|needle| needle.behind_mm).collect()
    }

    /// Whether every needle has entered at this site in this contact or before.
    pub fn all_punctured(&self) -> bool {
        self.contact.is_some() && self.needles.iter().all(|needle| needle.punctured)
    }

    /// Whether anything touches.
    pub fn touches(&self) -> bool {
        self.contact.is_some()
    }

    fn arrive(&mut self, now: RunTime, site_mm: [f64; 2]) -> [i64; 2] {
        let cell = site_mm.map(|along_mm| (along_mm / self.site_width_mm).floor() as i64);
        let open = self.holes.get(&cell).filter(|hole| now.since(hole.left_at).as_secs_f64() < self.healing_s);
        let deepest_mm = open.map_or(0.0, |hole| hole.deepest_mm);
        for needle in &mut self.needles {
            let behind_mm = needle.behind_mm;
            needle.arrive(&self.tissue, self.clear_mm - behind_mm, deepest_mm - behind_mm);
        }
        self.relaxation.rest();
        self.face_before_n = 0.0;
        cell
    }

    fn leave(&mut self, now: RunTime, contact: Contact) {
        if !self.needles.iter().any(|needle| needle.punctured) {
            return;
        }
        let earlier_mm = self.holes.get(&contact.cell).map_or(0.0, |hole| {
            let open = now.since(hole.left_at).as_secs_f64() < self.healing_s;
            if open { hole.deepest_mm } else { 0.0 }
        });
        let deepest_mm = contact.deepest_mm.max(earlier_mm);
        self.holes.insert(contact.cell, Hole { deepest_mm, left_at: now });
        self.needles.iter_mut().for_each(|needle| needle.penetration_mm = 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::{Approach, Phantom};
    use crate::{config::world, sim::world::CartridgeTruth, time::RunTime};

    const CARTRIDGE: CartridgeTruth = CartridgeTruth { needles: 12, needle_diameter_mm: 0.23, height_sd_mm: 0.006 };

    /// Largest force of one slow way in to `tip_mm` and out again, at a gap of zero.
    fn press(phantom: &mut Phantom, start_s: f64, site_mm: [f64; 2], tip_mm: f64) -> f64 {
        let mut largest_n = f64::MIN;
        for index in 0..=20_000 {
            let share = 1.0 - (f64::from(index) / 10_000.0 - 1.0).abs();
            let approach = Approach { site_mm, gap_mm: 0.0, tip_mm: share * (tip_mm + 0.1) - 0.1 };
            let now = RunTime::from_nanos(((start_s + f64::from(index) * 1e-4) * 1e9) as u64);
            largest_n = phantom.step(now, 1e-4, approach).total.end_n.max(largest_n);
        }
        assert!(!phantom.touches());
        largest_n
    }

    #[test]
    fn a_site_is_punctured_once_and_the_next_is_fresh() {
        let mut phantom = Phantom::new(&world::Phantom::default(), &CARTRIDGE, 1);
        let first_n = press(&mut phantom, 0.0, [0.05, 0.05], 1.0);
        let again_n = press(&mut phantom, 3.0, [0.06, 0.05], 0.9);
        let fresh_n = press(&mut phantom, 6.0, [1.0, 0.05], 1.0);
        assert!(first_n > 0.6 && first_n < 0.9, "{first_n}");
        assert!(again_n < 0.6 * first_n, "{again_n} against {first_n}");
        assert!((fresh_n - first_n).abs() < 1e-3, "{fresh_n}");
    }

    #[test]
    fn a_healing_phantom_is_punctured_again() {
        let healing = world::Phantom { healing_s: Some(0.5), ..world::Phantom::default() };
        let mut phantom = Phantom::new(&healing, &CARTRIDGE, 1);
        let first_n = press(&mut phantom, 0.0, [0.0, 0.0], 1.0);
        assert_eq!(press(&mut phantom, 3.0, [0.0, 0.0], 1.0), first_n);
    }

    #[test]
    fn the_face_is_stiffer_and_shields_the_needles() {
        let mut phantom = Phantom::new(&world::Phantom::default(), &CARTRIDGE, 1);
        let mut force_n = |gap_mm: f64| {
            phantom.step(RunTime::ZERO, 1e-6, Approach { site_mm: [0.0; 2], gap_mm, tip_mm: -1.0 }).total.end_n
        };
        assert_eq!(force_n(0.001), 0.0);
        assert!((force_n(-0.05) - 0.4).abs() < 1e-4);
        assert_eq!(force_n(0.0), 0.0);
    }

    #[test]
    fn the_foremost_needle_leads() {
        let phantom = Phantom::new(&world::Phantom::default(), &CARTRIDGE, 1);
        let behind = phantom.behind_mm();
        assert_eq!((behind.len(), behind[0]), (12, 0.0));
        assert!(behind.windows(2).all(|pair| pair[0] <= pair[1]) && behind[11] > 0.005);
    }
}
