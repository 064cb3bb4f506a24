//! Truth bench of the running pen: worlds that differ from the estimator in law, kinematics and cell, measured and compared
//! with what only the world knows.
//!
//! `cargo bench --bench strokes -- --worlds 200 --seed 5000`

mod console;
#[path = "../truth/tally.rs"]
#[expect(dead_code, reason = "the survey of our own simulator looks at the bound as well")]
mod tally;
#[path = "../dynamic_truth/world.rs"]
#[expect(dead_code, reason = "the tests draw worlds from the edges as well")]
mod world;

use console::{number, out};
use rig::measure::{Dynamic, Outcome, dynamic::measure};
use std::time::Instant;
use tally::Tally;
use world::{Truth, World};

/// Worlds where nobody says how many, and strokes in each.
const WORLDS: u64 = 60;
const STROKES: usize = 250;
const MICRO: f64 = 1e3;

#[derive(Default)]
struct Survey {
    face: Tally,
    mean: Tally,
    sd: Tally,
    penetration: Tally,
    rate: Tally,
    /// Strokes called missed that were not, and the other way round.
    missed: Tally,
}

impl Survey {
    fn tallies(&mut self) -> [&mut Tally; 6] {
        [&mut self.face, &mut self.mean, &mut self.sd, &mut self.penetration, &mut self.rate, &mut self.missed]
    }

    fn add(&mut self, found: &Dynamic, truth: &Truth) {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let protrusion_mm = mean(&truth.protrusion_mm);
        let squares = truth.protrusion_mm.iter().map(|value| (value - protrusion_mm).powi(2)).sum::<f64>();
        let sd_mm = (squares / (truth.protrusion_mm.len() - 1) as f64).sqrt();
        let of = |measured: &rig::uncertainty::Measured, truth: f64| (measured.value - truth, Some(measured.u()));
        let (error, u) = of(&found.face_mm, truth.face_mm);
        self.face.add(error, u);
        let (error, u) = of(&found.protrusion_mm, protrusion_mm);
        self.mean.add(error, u);
        let (error, u) = of(&found.penetration_mm, mean(&truth.penetration_mm));
        self.penetration.add(error, u);
        self.sd.add(found.protrusion_sd_mm / sd_mm - 1.0, Some(found.protrusion_sd_u_mm / sd_mm));
        let rate = &found.stroke_rate_hz;
        self.rate.add(rate.value / truth.stroke_rate_hz - 1.0, Some(rate.u() / truth.stroke_rate_hz));
        let called: Vec<u64> =
            found.strokes.iter().filter(|stroke| stroke.missed).map(|stroke| stroke.stroke).collect();
        let wrong = called.iter().filter(|stroke| !truth.missed.contains(stroke)).count()
            + truth.missed.iter().filter(|stroke| !called.contains(stroke)).count();
        self.missed.add(wrong as f64, None);
    }
}

fn main() {
    let (worlds, seed) = (number("--worlds").unwrap_or(WORLDS), number("--seed").unwrap_or(1));
    let began = Instant::now();
    let mut survey = Survey::default();
    for seed in seed..seed + worlds {
        let (header, recording, truth) = World { strokes: STROKES, ..World::draw(seed) }.record();
        match measure(&header, &mut recording.source()).map(|measurement| measurement.outcome) {
            Ok(Ok(Outcome::Dynamic(found))) => survey.add(&found, &truth),
            _ => survey.tallies().into_iter().for_each(|tally| tally.refused += 1),
        }
    }
    out(&Tally::head());
    out(&survey.face.row("run: face, µm", MICRO, "95 %: 1"));
    out(&survey.mean.row("run: mean protrusion, µm", MICRO, "90 %: 15"));
    out(&survey.sd.row("run: SD of protrusion, %", 100.0, "15"));
    out(&survey.penetration.row("run: mean penetration, µm", MICRO, "none"));
    out(&survey.rate.row("run: stroke rate, ppm", 1e6, "50"));
    out(&survey.missed.row("run: missed strokes, wrong", 1.0, "0"));
    out(&format!("{worlds} worlds from seed {seed} in {:.1} s", began.elapsed().as_secs_f64()));
}
