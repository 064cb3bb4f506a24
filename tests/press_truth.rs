//! Press captures of worlds whose laws differ from the estimator's: errors, coverage of value +- 2u, faults.

mod press_world;

use rig::measure::{Outcome, Press, press};

/// Errors in mm and over u, of one measurand.
#[derive(Default)]
struct Errors {
    mm: Vec<f64>,
    over_u: Vec<f64>,
}

impl Errors {
    fn add(&mut self, error: f64, u: f64) {
        self.mm.push(error.abs());
        self.over_u.push(error / u);
    }

    fn percentile(&self, p: f64) -> f64 {
        let mut sorted = self.mm.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[((p * sorted.len() as f64).ceil() as usize).saturating_sub(1)]
    }

    fn inside(&self) -> f64 {
        self.over_u.iter().filter(|e| e.abs() <= 2.0).count() as f64 / self.over_u.len() as f64
    }

    #[allow(dead_code)]
    fn summary(&self, name: &str) -> String {
        let rms = (self.over_u.iter().map(|e| e * e).sum::<f64>() / self.over_u.len() as f64).sqrt();
        let bias = 1e3 * self.mm.iter().zip(&self.over_u).map(|(e, z)| e * z.signum()).sum::<f64>() / self.mm.len() as f64;
        format!(
            "{name}: n {}, median {:.2}, 95 % {:.2}, max {:.2}, bias {bias:.2} um; inside 2u {:.3}, rms error/u {rms:.2}",
            self.mm.len(),
            1e3 * self.percentile(0.5),
            1e3 * self.percentile(0.95),
            1e3 * self.percentile(1.0),
            self.inside()
        )
    }
}

fn measured(header: &rig::capture::Header, recording: &rig::capture::memory::Recording) -> Result<Press, String> {
    match press::measure(header, recording).outcome {
        Ok(Outcome::Press(press)) => Ok(press),
        Ok(other) => Err(format!("{other:?}")),
        Err(refusal) => Err(format!("{}: {}", refusal.code, refusal.message)),
    }
}

#[test]
fn errors_and_coverage_over_many_worlds() {
    let worlds: u64 = std::env::var("PRESS_WORLDS").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let first: u64 = std::env::var("PRESS_FIRST").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let (mut face, mut few, mut many, mut penetration) =
        (Errors::default(), Errors::default(), Errors::default(), Errors::default());
    let (mut refused, mut wrong) = (Vec::new(), Vec::new());
    for seed in first..first + worlds {
        let (header, recording, truth) = press_world::draw(seed);
        match measured(&header, &recording) {
            Err(reason) => refused.push((seed, reason)),
            Ok(press) => {
                let error = press.protrusion_mm.value - truth.protrusion_mm;
                face.add(press.face_mm.value - truth.face_mm, press.face_mm.u());
                let of = if truth.needles >= 9 { &mut many } else { &mut few };
                of.add(error, press.protrusion_mm.u());
                if press.punctured != truth.entered {
                    wrong.push(seed);
                }
                if truth.entered {
                    penetration.add(press.penetration_mm.value - truth.penetration_mm, press.penetration_mm.u());
                }
                let pen = if truth.entered { press.penetration_mm.value - truth.penetration_mm } else { 0.0 };
                if error.abs() > 3.0 * press.protrusion_mm.u() || error.abs() > 0.008 || pen.abs() > 3.0 * press.penetration_mm.u() {
                    let u = 1e3 * press.protrusion_mm.u();
                    let (pen, pen_u) = (1e3 * pen, 1e3 * press.penetration_mm.u());
                    println!("{seed}: {truth:?} protrusion {:.2} u {u:.2} penetration {pen:.2} u {pen_u:.2} um", 1e3 * error);
                }
            }
        }
    }
    for (name, errors) in
        [("face", &face), ("protrusion < 9", &few), ("protrusion >= 9", &many), ("penetration", &penetration)]
    {
        println!("{}", errors.summary(name));
    }
    println!("refused {refused:?}; entry judged wrongly {wrong:?}");
}
