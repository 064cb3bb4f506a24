//! `rig calibrate`: what a bench is found to be, into a new calibration record.

mod bench;
mod record;
pub mod repeatability;

use super::{
    exit::{Exit, Failure},
    terminal::Terminal,
};
use clap::{Args, Subcommand};

/// Calibrate a bench and write a new calibration record
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rig calibrate force --masses 20,50,100,200 --operator \"A. Smith\" --reference \"F1 set, cert. 4711\" --rig bench.toml\n  \
    rig calibrate compliance --force 4 --operator \"A. Smith\" --reference \"steel block\" --rig bench.toml\n  \
    rig calibrate response --operator \"A. Smith\" --reference \"taps with a 5 mm steel ball\" --rig bench.toml\n  \
    rig calibrate repeatability reports/RUN-1 reports/RUN-2 --rig bench.toml")]
pub struct Calibrate {
    #[command(subcommand)]
    what: Method,
}

#[derive(Debug, Subcommand)]
enum Method {
    Force(bench::Force),
    Compliance(bench::Compliance),
    Response(bench::Response),
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
            Method::Force(force) => force.run(terminal),
            Method::Compliance(compliance) => compliance.run(terminal),
            Method::Response(response) => response.run(terminal),
            Method::Repeatability(repeatability) => repeatability.run(terminal),
        }
    }
}
