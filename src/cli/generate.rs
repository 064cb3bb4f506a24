//! `rig schema`, `rig completions`, `rig man`: what is generated from the program's own types.

use super::{
    Cli,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{
    capture::Header,
    config::{
        calibration::Calibration, cartridge::Cartridge, faults::Faults, pen::Pen, plan::Plan, rig::Rig, steps::Steps,
    },
    record::model::{ComparisonDocument, VerdictDocument},
};
use clap::{Args, CommandFactory as _, ValueEnum};
use schemars::schema_for;
use std::path::PathBuf;

/// A kind of file.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// Rig file
    Rig,
    /// Plan file
    Plan,
    /// Cartridge file
    Cartridge,
    /// Pen file
    Pen,
    /// Calibration record
    Calibration,
    /// Script of operator steps
    Steps,
    /// Fault file
    Faults,
    /// Capture header
    Capture,
    /// Verdict document
    Verdict,
    /// What `rig compare --json` answers
    Comparison,
}

/// Print the JSON Schema of a kind of file
#[derive(Debug, Args)]
#[command(after_help = "Example: rig schema rig > rig.schema.json")]
pub struct Schema {
    /// Which kind
    kind: Kind,
}

/// Print shell completions
#[derive(Debug, Args)]
#[command(after_help = "Example: rig completions bash > /etc/bash_completion.d/rig")]
pub struct Completions {
    /// Which shell
    shell: clap_complete::Shell,
}

/// Write man pages into a folder
#[derive(Debug, Args)]
#[command(after_help = "Example: rig man man1")]
pub struct Man {
    /// The folder; it is made where it is missing
    dir: PathBuf,
}

impl Schema {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// None that a user can cause.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let schema = match self.kind {
            Kind::Rig => schema_for!(Rig),
            Kind::Plan => schema_for!(Plan),
            Kind::Cartridge => schema_for!(Cartridge),
            Kind::Pen => schema_for!(Pen),
            Kind::Calibration => schema_for!(Calibration),
            Kind::Steps => schema_for!(Steps),
            Kind::Faults => schema_for!(Faults),
            Kind::Capture => schema_for!(Header),
            Kind::Verdict => schema_for!(VerdictDocument),
            Kind::Comparison => schema_for!(ComparisonDocument),
        };
        let text = serde_json::to_string_pretty(&schema).map_err(Failure::usage)?;
        terminal.answer(&(text + "\n"));
        Ok(Exit::Done)
    }
}

impl Completions {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// None that a user can cause.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let mut bytes = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "rig", &mut bytes);
        terminal.answer(&String::from_utf8_lossy(&bytes));
        Ok(Exit::Done)
    }
}

impl Man {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the folder cannot be written.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let failed = |error: std::io::Error| Failure::usage(format!("{}: {error}", self.dir.display()));
        std::fs::create_dir_all(&self.dir).map_err(failed)?;
        clap_mangen::generate_to(Cli::command(), &self.dir).map_err(failed)?;
        terminal.note(&format!("man pages in {}", self.dir.display()));
        Ok(Exit::Done)
    }
}
