//! `rig calibrate`: what a bench is found to be, into a new calibration record.

pub mod repeatability;

use super::{
    exit::{Exit, Failure},
    terminal::Terminal,
};
use clap::{Args, Subcommand};

/// Calibrate a bench and write a new calibration record
#[derive(Debug, Args)]
#[command(after_help = "Example: rig calibrate repeatability reports/RUN-1 reports/RUN-2 --rig bench.toml")]
pub struct Calibrate {
    #[command(subcommand)]
    what: Method,
}

#[derive(Debug, Subcommand)]
enum Method {
    Repeatability(repeatability::Repeatability),
}

impl Calibrate {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the exit code of the contract.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        match &self.what {
            Method::Repeatability(repeatability) => repeatability.run(terminal),
        }
    }
}
