//! `rig report` and `rig verify`: what can be done with an archive alone.

use super::{
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{
    capture::{csv_writer, header},
    measure::{Measurement, Outcome},
    record::{
        RecordError, archive, journal, manifest,
        model::{RunRecord, StrokeRow},
        run_dir::put,
        tables,
    },
    report,
};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::{
    fs::File,
    io::{BufReader, BufWriter},
    path::{Path, PathBuf},
};

/// A form of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One self-contained page
    Html,
    /// The same for paper and for keeping, PDF/A-2b
    Pdf,
    /// JUnit XML for CI
    Junit,
    /// Markdown summary for CI pages
    Md,
    /// Raw captures as plain CSV, beside the compact ones
    Csv,
    /// The verdict document, on standard output
    Json,
}

/// Rebuild reports from the archive alone
#[derive(Debug, Args)]
#[command(after_help = "Example: rig report reports/20260101T000000Z-1.5mm-abc123 --format html --format csv")]
pub struct Report {
    /// The run directory
    run: PathBuf,
    /// Which reports; html without it
    #[arg(long, value_enum, default_value = "html")]
    format: Vec<Format>,
    /// Folder for the reports; beside the run, in RUN-rebuilt, without it
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prove an archive whole and unaltered
#[derive(Debug, Args)]
#[command(after_help = "Example: rig verify reports/20260101T000000Z-1.5mm-abc123 --recompute")]
pub struct Verify {
    /// The run directory
    run: PathBuf,
    /// Derive every measurement again from the raw captures
    #[arg(long)]
    recompute: bool,
}

/// Writes reports of a run into a folder.
///
/// # Errors
///
/// [`Failure`] where a file cannot be written.
pub fn write_reports(out: &Path, record: &RunRecord, formats: &[Format]) -> Result<(), Failure> {
    for format in formats {
        match format {
            Format::Html => put(out, "report.html", report::html::run(record).as_bytes())?,
            Format::Pdf => put(out, "report.pdf", &report::pdf::run(record).map_err(Failure::usage)?)?,
            Format::Junit => put(out, "junit.xml", report::junit::xml(record).as_bytes())?,
            Format::Md => put(out, "report.md", report::markdown::summary(record).as_bytes())?,
            Format::Csv | Format::Json => {}
        }
    }
    Ok(())
}

/// Refuses a run directory whose files are not those of its manifest.
///
/// # Errors
///
/// [`Failure`] with exit code 5 where a file was altered.
pub fn refuse_altered(run: &Path) -> Result<(), Failure> {
    if !run.is_dir() {
        return Err(Failure::usage(format!("{} is no run directory", run.display())));
    }
    let findings = manifest::differences(run)?;
    if findings.is_empty() {
        return Ok(());
    }
    let message = format!("{} is not what it claims: {}", run.display(), findings.join("; "));
    Err(Failure { exit: Exit::Integrity, message })
}

fn write_csv(run: &Path, out: &Path, record: &RunRecord) -> Result<(), Failure> {
    for capture in &record.captures {
        let path = out.join(format!("{}.csv", capture.name));
        let (_, mut source) =
            header::open(&run.join("captures").join(format!("{}.json", capture.name))).map_err(Failure::usage)?;
        let failed = |error: std::io::Error| Failure::usage(RecordError::at(&path, error));
        let file = BufWriter::new(File::create(&path).map_err(failed)?);
        csv_writer::copy(&mut *source, file).map_err(failed)?;
    }
    Ok(())
}

impl Report {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the archive cannot be read or the reports cannot be written.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let record = archive::load(&self.run)?;
        let name = self.run.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let out = self.out.clone().unwrap_or_else(|| self.run.with_file_name(format!("{name}-rebuilt")));
        if self.format.iter().any(|format| *format != Format::Json) {
            std::fs::create_dir_all(&out).map_err(|error| Failure::usage(RecordError::at(&out, error)))?;
            write_reports(&out, &record, &self.format)?;
            terminal.note(&format!("reports in {}", out.display()));
        }
        if self.format.contains(&Format::Csv) {
            write_csv(&self.run, &out, &record)?;
        }
        if terminal.json || self.format.contains(&Format::Json) {
            let text = serde_json::to_string_pretty(&record.verdict).map_err(Failure::usage)?;
            terminal.answer(&(text + "\n"));
        }
        Ok(Exit::Done)
    }
}

impl Verify {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with exit code 5 where the archive is not what it claims.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let integrity = |error: RecordError| Failure { exit: Exit::Integrity, message: error.to_string() };
        if !self.run.is_dir() {
            return Err(Failure::usage(format!("{} is no run directory", self.run.display())));
        }
        let mut findings = manifest::differences(&self.run).map_err(integrity)?;
        let (events, broken) = journal::read(&self.run).map_err(integrity)?;
        findings.extend(broken);
        let mut recomputed = 0;
        if self.recompute && findings.is_empty() {
            for name in archive::capture_names(&self.run).map_err(integrity)? {
                findings.extend(self.recompute_one(&name)?);
                recomputed += 1;
            }
        }
        let whole = findings.is_empty();
        if terminal.json {
            let document = json!({"schema": "verification/1", "whole": whole, "findings": findings,
                                  "events": events.len(), "recomputed": recomputed});
            terminal.answer(&format!("{document:#}\n"));
        } else if whole {
            let again =
                if self.recompute { format!(", {recomputed} captures measured again alike") } else { String::new() };
            terminal.answer(&format!("whole and unaltered: {} journal events{again}\n", events.len()));
        } else {
            terminal.answer(&(findings.join("\n") + "\n"));
        }
        Ok(if whole { Exit::Done } else { Exit::Integrity })
    }

    /// Whether `strokes.csv` holds the strokes that are measured now.
    fn strokes_alike(&self, name: &str, measurement: &Measurement) -> Result<bool, RecordError> {
        let Ok(Outcome::Dynamic(dynamic)) = &measurement.outcome else { return Ok(true) };
        let rows = tables::read_strokes(&self.run)?;
        let recorded = rows.iter().filter(|row| row.capture.as_ref() == name).map(StrokeRow::stroke);
        Ok(recorded.eq(dynamic.strokes.iter().cloned()))
    }

    fn recompute_one(&self, name: &str) -> Result<Option<String>, Failure> {
        let path = self.run.join("measurements").join(format!("{name}.json"));
        let failed = |error: &dyn std::fmt::Display| Failure {
            exit: Exit::Integrity,
            message: format!("{}: {error}", path.display()),
        };
        let file = File::open(&path).map_err(|error| failed(&error))?;
        let recorded: serde_json::Value = serde_json::from_reader(BufReader::new(file)).map_err(|e| failed(&e))?;
        let (_, measurement) = archive::recompute(&self.run, name).map_err(|error| failed(&error))?;
        let again = serde_json::to_value(&measurement).map_err(|error| failed(&error))?;
        let alike = again == recorded && self.strokes_alike(name, &measurement).map_err(|error| failed(&error))?;
        let version = env!("CARGO_PKG_VERSION");
        Ok((!alike).then(|| format!("{name}: this build (rig {version}) measures it differently")))
    }
}
