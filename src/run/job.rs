//! What a run is asked to do.

use crate::config::{calibration::Calibration, cartridge::Cartridge, library::Loaded, pen::Pen, plan::Plan, rig::Rig};
use std::path::PathBuf;

/// A validation, checked as a whole before anything moves.
pub struct Job {
    /// The bench.
    pub rig: Loaded<Rig>,
    /// Its calibration.
    pub calibration: Loaded<Calibration>,
    /// The cartridge.
    pub cartridge: Loaded<Cartridge>,
    /// The pen.
    pub pen: Loaded<Pen>,
    /// The plan.
    pub plan: Loaded<Plan>,
    /// Set depths to measure, mm, ascending.
    pub set_depths_mm: Vec<f64>,
    /// Number of cartridges.
    pub cartridges: u32,
    /// Seed of the simulated world; also part of the run id.
    pub seed: u64,
    /// Where run directories go.
    pub out: PathBuf,
    /// Start of the run, RFC 3339, UTC, whole seconds.
    pub started: String,
}

impl Job {
    /// Run id: `YYYYMMDDTHHMMSSZ-CARTRIDGE-xxxxxx`, the last part a digest of everything that was asked.
    pub fn run_id(&self) -> String {
        let stamp: String = self.started.chars().filter(|character| !matches!(character, '-' | ':')).collect();
        let asked = format!(
            "{}|{}|{}|{}|{}|{}|{:?}|{}|{}",
            self.started,
            self.seed,
            self.rig.text,
            self.cartridge.text,
            self.pen.text,
            self.plan.text,
            self.set_depths_mm,
            self.cartridges,
            self.calibration.text,
        );
        let digest = crate::checksum::sha256_hex(asked.as_bytes());
        format!("{stamp}-{}-{}", self.cartridge.value.name, &digest[..6])
    }

    /// Seed of the world that holds this cartridge: the seed itself for the first.
    pub fn seed_of(&self, cartridge: u32) -> u64 {
        match cartridge {
            0 => self.seed,
            more => crate::prng::Stream::named(self.seed, &format!("cartridge {more}")).next_u64(),
        }
    }

    /// The settings as files of the archive.
    pub fn settings(&self) -> [(&'static str, &str); 5] {
        [
            ("rig.toml", &self.rig.text),
            ("calibration.toml", &self.calibration.text),
            ("cartridge.toml", &self.cartridge.text),
            ("pen.toml", &self.pen.text),
            ("plan.toml", &self.plan.text),
        ]
    }
}
