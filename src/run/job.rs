//! What a run is asked to do.

use crate::{
    checksum::sha256_hex,
    config::{
        calibration::Calibration,
        cartridge::Cartridge,
        faults::Faults,
        library::{self, Loaded},
        pen::Pen,
        plan::Plan,
        rig::Rig,
    },
    link::tape::Tape,
    prng::{Seeds, Stream},
    record::{RecordError, archive, model::Check},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Name of the file, among the settings, that holds what no other settings file does.
const FILE: &str = "job.json";
const SCHEMA: &str = "job/1";

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
    /// Where the bench's lock and quarantine stand: the rig file as it was named; `None` for the built-in bench.
    pub rig_file: Option<PathBuf>,
    /// Fingerprint of the key that the finished run is to be signed with.
    pub signer: Option<String>,
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
        let digest = sha256_hex(asked.as_bytes());
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
    /// the same. A run that was resumed has the same world in another session.
    pub fn seeds_of(&self, setup: u32, resumed: u32) -> Seeds {
        let drawn = |what: &str| match setup {
            0 => self.seed,
            more => Stream::named(self.seed, &format!("{what} {more}")).next_u64(),
        };
        let seeds = match self.operator(setup) {
            Some(_) => Seeds { lasting: self.seed, session: drawn("session") },
            None => Seeds::from(drawn("cartridge")),
        };
        match resumed {
            0 => seeds,
            more => Seeds { session: Stream::named(seeds.session, &format!("resumed {more}")).next_u64(), ..seeds },
        }
    }

    /// Whether what was done on this bench repeats from the seed.
    pub fn seeded(&self) -> bool {
        self.rig.value.in_process()
    }

    /// The settings as files of the archive.
    ///
    /// # Errors
    ///
    /// [`RecordError`] where they cannot be put in words.
    pub fn settings(&self) -> Result<Vec<(&'static str, String)>, RecordError> {
        let asked = Asked {
            schema: SCHEMA.to_owned(),
            run: self.run_id(),
            started: self.started.clone(),
            seed: self.seed,
            set_depths_mm: self.set_depths_mm.clone(),
            cartridges: self.cartridges,
            rig_file: self.rig_file.clone(),
            signer: self.signer.clone(),
        };
        let text = serde_json::to_string_pretty(&asked).map_err(|error| RecordError::at(Path::new(FILE), error))?;
        let mut settings = vec![
            ("rig.toml", self.rig.text.clone()),
            ("calibration.toml", self.calibration.text.clone()),
            ("cartridge.toml", self.cartridge.text.clone()),
            ("pen.toml", self.pen.text.clone()),
            ("plan.toml", self.plan.text.clone()),
            (FILE, text + "\n"),
        ];
        settings.extend(self.faults.iter().map(|faults| ("faults.toml", faults.text.clone())));
        Ok(settings)
    }

    /// The job of a run directory, from its settings alone.
    ///
    /// # Errors
    ///
    /// [`RecordError`] naming the file that is missing, of another format, or not what the run was begun with.
    pub fn of_run(run: &Path) -> Result<Self, RecordError> {
        let folder = run.join("settings");
        let asked: Asked = archive::document(&folder.join(FILE), SCHEMA)?;
        let job = Self {
            rig: setting(&folder, "rig")?,
            calibration: setting(&folder, "calibration")?,
            cartridge: setting(&folder, "cartridge")?,
            pen: setting(&folder, "pen")?,
            plan: setting(&folder, "plan")?,
            faults: folder.join("faults.toml").is_file().then(|| setting(&folder, "faults")).transpose()?,
            tape: Tape::Off,
            set_depths_mm: asked.set_depths_mm,
            cartridges: asked.cartridges,
            seed: asked.seed,
            rig_file: asked.rig_file,
            signer: asked.signer,
            started: asked.started,
            notes: Vec::new(),
        };
        if job.run_id() == asked.run {
            return Ok(job);
        }
        let message = format!("the settings are not those that run {} was begun with; restore them", asked.run);
        Err(RecordError::at(&folder, message))
    }
}

/// What was asked besides the files that people write (`settings/job.json`).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    schema: String,
    run: String,
    started: String,
    seed: u64,
    set_depths_mm: Vec<f64>,
    cartridges: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rig_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
}

fn setting<T: crate::config::Document>(folder: &Path, kind: &'static str) -> Result<Loaded<T>, RecordError> {
    library::read(kind, &folder.join(format!("{kind}.toml"))).map_err(|error| RecordError::at(folder, error))
}
