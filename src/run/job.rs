//! What a run is asked to do.

use crate::{
    config::{
        calibration::Calibration, cartridge::Cartridge, faults::Faults, library::Loaded, pen::Pen, plan::Plan, rig::Rig,
    },
    link::tape::Tape,
    prng::{Seeds, Stream},
    record::model::Check,
};
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
    /// What goes wrong on the lines of a simulated bench, where that is wanted.
    pub faults: Option<Loaded<Faults>>,
    /// The tape that runs beside the bench, or in its place.
    pub tape: Tape,
    /// Set depths to measure, mm, ascending.
    pub set_depths_mm: Vec<f64>,
    /// Number of cartridges; 1 for a gauge study.
    pub cartridges: u32,
    /// Seed of the simulated world; also part of the run id.
    pub seed: u64,
    /// Where run directories go.
    pub out: PathBuf,
    /// Start of the run, RFC 3339, UTC, whole seconds.
    pub started: String,
    /// What was found and decided before the run, for the record.
    pub notes: Vec<Check>,
}

impl Job {
    /// Why the replay of a tape left it, if it did.
    pub fn deviation(&self) -> Option<String> {
        match &self.tape {
            Tape::Replay(tape) => tape.borrow().deviation().map(str::to_owned),
            Tape::Off | Tape::Record(_) => None,
        }
    }

    /// Run id: `YYYYMMDDTHHMMSSZ-CARTRIDGE-xxxxxx`, the last part a digest of everything that was asked.
    pub fn run_id(&self) -> String {
        let stamp: String = self.started.chars().filter(|character| !matches!(character, '-' | ':')).collect();
        let asked = format!(
            "{}|{}|{}|{}|{}|{}|{:?}|{}|{}{}",
            self.started,
            self.seed,
            self.rig.text,
            self.cartridge.text,
            self.pen.text,
            self.plan.text,
            self.set_depths_mm,
            self.cartridges,
            self.calibration.text,
            self.faults.as_ref().map_or("", |faults| &faults.text),
        );
        // What is derived from a tape is another run than the one on it.
        let asked = if matches!(self.tape, Tape::Replay(_)) { asked + "|replay" } else { asked };
        let digest = crate::checksum::sha256_hex(asked.as_bytes());
        format!("{stamp}-{}-{}", self.cartridge.value.name, &digest[..6])
    }

    /// How often somebody sets the bench up: once a cartridge, or once an operator of a gauge study.
    pub fn setups(&self) -> u32 {
        match &self.plan.value.msa {
            Some(msa) => msa.operators.len() as u32,
            None => self.cartridges,
        }
    }

    /// Operator of a setup of a gauge study.
    pub fn operator(&self, setup: u32) -> Option<&str> {
        self.plan.value.msa.as_ref()?.operators.get(setup as usize).map(String::as_str)
    }

    /// Number of the cartridge in a setup, from 0: the operators of a gauge study share one.
    pub fn cartridge_of(&self, setup: u32) -> u32 {
        if self.plan.value.msa.is_some() { 0 } else { setup }
    }

    /// Presses on the phantom before a setup, whose sites are no longer fresh.
    pub fn sites_before(&self, setup: u32) -> u32 {
        self.plan.value.msa.as_ref().map_or(0, |msa| setup * msa.sites * msa.repeats)
    }

    /// Seeds of the world of a setup: the seed itself for the first; then another cartridge, or another session with
    /// the same.
    pub fn seeds_of(&self, setup: u32) -> Seeds {
        let drawn = |what: &str| match setup {
            0 => self.seed,
            more => Stream::named(self.seed, &format!("{what} {more}")).next_u64(),
        };
        match self.operator(setup) {
            Some(_) => Seeds { lasting: self.seed, session: drawn("session") },
            None => Seeds::from(drawn("cartridge")),
        }
    }

    /// The settings as files of the archive.
    pub fn settings(&self) -> Vec<(&'static str, &str)> {
        let mut settings = vec![
            ("rig.toml", self.rig.text.as_str()),
            ("calibration.toml", &self.calibration.text),
            ("cartridge.toml", &self.cartridge.text),
            ("pen.toml", &self.pen.text),
            ("plan.toml", &self.plan.text),
        ];
        settings.extend(self.faults.iter().map(|faults| ("faults.toml", faults.text.as_str())));
        settings
    }
}
