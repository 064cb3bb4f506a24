//! `rig compare`: whether two runs are equivalent within a margin.

use super::{
    exit::{Exit, Failure},
    terminal::Terminal,
    verify,
};
use crate::{
    acceptance::comparison::{Question, compare},
    config::plan::Quantity,
    record::{
        RecordError, manifest,
        measured::{self, Measured},
        model::{ComparedRun, ComparisonDocument},
        run_dir::put,
    },
    report,
};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// A length that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Length {
    /// How far the foremost tip stands out of the face
    Protrusion,
    /// Length of the foremost needle inside the phantom
    Penetration,
}

/// Show that two runs (firmware A and B, pen A and B) are equivalent
#[derive(Debug, Args)]
#[command(after_help = "Example: rig compare reports/RUN-A reports/RUN-B --margin 0.05\n\n\
    Exit codes: 0 equivalent, 1 not shown equivalent although the data could have, 4 too few cartridges, 5 an archive \
    is altered")]
pub struct Compare {
    /// The first run directory
    a: PathBuf,
    /// The second run directory
    b: PathBuf,
    /// Difference of means that still counts as none, mm
    #[arg(long, value_name = "MM", allow_negative_numbers = true)]
    margin: f64,
    /// Risk of calling equivalent what is not
    #[arg(long, value_name = "A", default_value_t = 0.05, allow_negative_numbers = true)]
    alpha: f64,
    /// What is compared
    #[arg(long, value_enum, default_value = "protrusion")]
    quantity: Length,
    /// Folder for the report (HTML and PDF)
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
}

impl Compare {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] where an archive cannot be read or is altered, or the report cannot be written.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let (a, b) = (whole(&self.a)?, whole(&self.b)?);
        let quantity = match self.quantity {
            Length::Protrusion => Quantity::Protrusion,
            Length::Penetration => Quantity::Penetration,
        };
        let same_calibration = a.calibration == b.calibration;
        let question = Question { quantity, margin_mm: self.margin, alpha: self.alpha, same_calibration };
        let comparison = compare(&question, &a.values, &b.values).map_err(Failure::usage)?;
        let document = ComparisonDocument {
            schema: "comparison/1".to_owned(),
            simulated: a.verdict.simulated || b.verdict.simulated,
            runs: [ComparedRun::from(&a.verdict), ComparedRun::from(&b.verdict)],
            started: a.verdict.started.max(b.verdict.started),
            a: a.verdict.run,
            b: b.verdict.run,
            a_digest: manifest::record_digest(&self.a)?,
            b_digest: manifest::record_digest(&self.b)?,
            quantity: quantity.name().to_owned(),
            margin_mm: self.margin,
            alpha: self.alpha,
            same_calibration,
            comparison,
            version: crate::version::BUILD.to_owned(),
        };
        std::fs::create_dir_all(&self.out).map_err(|error| Failure::usage(RecordError::at(&self.out, error)))?;
        let name = format!("compare-{}-{}", document.a, document.b);
        put(&self.out, &format!("{name}.html"), report::comparison::page(&document).as_bytes())?;
        put(&self.out, &format!("{name}.pdf"), &report::comparison::paper(&document).map_err(Failure::usage)?)?;
        if terminal.json {
            let text = serde_json::to_string_pretty(&document).map_err(Failure::usage)?;
            terminal.answer(&(text + "\n"));
        } else {
            terminal.answer(&report::comparison::summary(&document));
        }
        terminal.note(&format!("report {}.html and .pdf", self.out.join(name).display()));
        Ok(Exit::from(document.comparison.verdict))
    }
}

/// Reads a run whose archive is what it claims.
fn whole(run: &Path) -> Result<Measured, Failure> {
    verify::refuse_altered(run)?;
    Ok(measured::read(run)?)
}
