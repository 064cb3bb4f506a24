//! Press captures of worlds whose laws differ from the estimator's: errors, coverage of value +- 2u, faults.

mod press_world;

use rig::{
    capture::{Header, header, memory::Recording},
    measure::{Outcome, Press, press},
    uncertainty::Measured,
};

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

    fn summary(&self, name: &str) -> String {
        let rms = (self.over_u.iter().map(|e| e * e).sum::<f64>() / self.over_u.len() as f64).sqrt();
        let bias =
            1e3 * self.mm.iter().zip(&self.over_u).map(|(e, z)| e * z.signum()).sum::<f64>() / self.mm.len() as f64;
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

fn measured(header: &Header, recording: &Recording) -> Result<Press, String> {
    match press::measure(header, recording).outcome {
        Ok(Outcome::Press(press)) => Ok(press),
        Ok(other) => Err(format!("{other:?}")),
        Err(refusal) => Err(format!("{}: {}", refusal.code, refusal.message)),
    }
}

/// Errors of all worlds, by what the goals distinguish (metrology: how good it should be).
#[derive(Default)]
struct Bench {
    face: Errors,
    few: Errors,
    many: Errors,
    penetration: Errors,
    refused: Vec<String>,
    judged_wrongly: Vec<u64>,
}

impl Bench {
    fn of(worlds: std::ops::Range<u64>) -> Self {
        let mut bench = Self::default();
        for seed in worlds {
            let (header, recording, truth) = press_world::draw(seed);
            match measured(&header, &recording) {
                Ok(press) => bench.add(seed, &press, &truth),
                Err(reason) => bench.refused.push(format!("{seed}: {reason}")),
            }
        }
        bench
    }

    fn add(&mut self, seed: u64, press: &Press, truth: &press_world::Truth) {
        self.face.add(press.face_mm.value - truth.face_mm, press.face_mm.u());
        let protrusion = if truth.needles >= 9 { &mut self.many } else { &mut self.few };
        protrusion.add(press.protrusion_mm.value - truth.protrusion_mm, press.protrusion_mm.u());
        if truth.entered {
            self.penetration.add(press.penetration_mm.value - truth.penetration_mm, press.penetration_mm.u());
        }
        if press.punctured != truth.entered {
            self.judged_wrongly.push(seed);
        }
    }

    /// Every measurand with its name and the limit of its 95th percentile, mm.
    fn measurands(&self) -> [(&'static str, &Errors, f64); 4] {
        [
            ("face", &self.face, 0.0013),
            // One in three of these worlds has a single needle in up to 3 mN of noise: harder than the goal's.
            ("protrusion, fewer than 9 needles", &self.few, 0.014),
            ("protrusion, 9 needles or more", &self.many, 0.010),
            ("penetration", &self.penetration, 0.012),
        ]
    }
}

/// The variable `PRESS_WORLDS` raises the number of worlds; `-- --nocapture` shows the figures.
#[test]
fn errors_and_coverage_over_many_worlds() {
    let worlds = std::env::var("PRESS_WORLDS").ok().and_then(|n| n.parse().ok());
    let bench = Bench::of(0..worlds.unwrap_or(120));
    for (name, errors, limit_mm) in bench.measurands() {
        let summary = errors.summary(name);
        println!("{summary}");
        assert!(errors.percentile(0.95) <= limit_mm, "{summary}");
        // 93 to 98 % is the goal; the margin is two standard deviations of a share of sixty worlds.
        assert!((0.88..=1.0).contains(&errors.inside()), "{summary}");
        assert!(errors.over_u.iter().all(|e| e.abs() < 5.0), "{summary}");
    }
    assert!(bench.refused.is_empty(), "{:?}", bench.refused);
    assert!(bench.judged_wrongly.is_empty(), "{:?}", bench.judged_wrongly);
}

/// Captures of a world that is not ours, with their truth.
#[test]
fn captures_with_known_truth() {
    for name in ["press-00", "press-03", "press-07", "press-11"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
        let (header, mut source) = header::open(&folder.join(format!("{name}.json"))).expect("fixture");
        let recording = Recording::read(source.as_mut(), 100_000).expect("fixture");
        let truth = std::fs::read_to_string(folder.join(format!("{name}.truth.json"))).expect("fixture");
        let truth: serde_json::Value = serde_json::from_str(&truth).expect("fixture");
        let press = measured(&header, &recording).expect(name);
        let close = |value: &Measured, key: &str, limit_mm: f64| {
            let error = value.value - truth[key].as_f64().expect("number");
            assert!(error.abs() < limit_mm && error.abs() < 3.0 * value.u(), "{name} {key}: {error} u {}", value.u());
        };
        close(&press.face_mm, "face_mm", 0.0015);
        close(&press.protrusion_mm, "protrusion_mm", 0.010);
        let entered = truth["punctured_needles"].as_u64().expect("number") > 0;
        assert_eq!(press.punctured, entered, "{name}");
        if entered {
            close(&press.penetration_mm, "penetration_mm", 0.012);
        }
    }
}
