//! `rig report`: reports from an archive alone.

use super::{
    exit::{Exit, Failure},
    terminal::Terminal,
    verify,
};
use crate::{
    capture::{Source, csv_writer, header, parquet_writer},
    record::{RecordError, archive, manifest, model::RunRecord, run_dir::put},
    report,
};
use clap::{Args, ValueEnum};
use std::{
    fs::File,
    io::{self, BufWriter},
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
    /// Raw captures as plain CSV
    Csv,
    /// Raw captures as Parquet, for programs that analyse tables
    Parquet,
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

impl Format {
    /// What every archive holds.
    pub const IN_ARCHIVE: [Self; 4] = [Self::Html, Self::Pdf, Self::Junit, Self::Md];

    /// Name and bytes of the report in this form; `None` where it is no file of a record.
    ///
    /// # Errors
    ///
    /// [`Failure`] where it cannot be made.
    pub fn rendered(self, record: &RunRecord) -> Result<Option<(&'static str, Vec<u8>)>, Failure> {
        Ok(match self {
            Self::Html => Some(("report.html", report::html::run(record).into_bytes())),
            Self::Pdf => Some(("report.pdf", report::pdf::run(record).map_err(Failure::usage)?)),
            Self::Junit => Some(("junit.xml", report::junit::xml(record).into_bytes())),
            Self::Md => Some(("report.md", report::markdown::summary(record).into_bytes())),
            Self::Csv | Self::Parquet | Self::Json => None,
        })
    }
}

/// Writes reports of a run into a folder.
///
/// # Errors
///
/// [`Failure`] where a file cannot be written.
pub fn write_reports(out: &Path, record: &RunRecord, formats: &[Format]) -> Result<(), Failure> {
    for format in formats {
        if let Some((name, bytes)) = format.rendered(record)? {
            put(out, name, &bytes)?;
        }
    }
    Ok(())
}

impl Report {
    /// Writes the raw captures of the run into a folder, each as `NAME.ending`: of one that was cut off what is there.
    fn write_captures(
        &self,
        terminal: &Terminal,
        out: &Path,
        record: &RunRecord,
        ending: &str,
        copy: impl Fn(&mut dyn Source, File) -> io::Result<()>,
    ) -> Result<(), Failure> {
        for name in archive::captures(&self.run)? {
            let path = out.join(format!("{name}.{ending}"));
            let written = header::open(&self.run.join("captures").join(format!("{name}.json")))
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
                .and_then(|(_, mut source)| copy(&mut *source, File::create(&path)?));
            match written {
                Ok(()) => {}
                Err(error)
                    if error.kind() == io::ErrorKind::InvalidData
                        && record.captures.iter().all(|measured| measured.name != name) =>
                {
                    terminal.note(&format!("{}: {error}", path.display()));
                }
                Err(error) => return Err(Failure::usage(RecordError::at(&path, error))),
            }
        }
        Ok(())
    }
}

impl Report {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the archive cannot be read or the reports cannot be written.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        if self.run.join(manifest::FILE).is_file() {
            verify::refuse_altered(&self.run)?;
        } else {
            terminal.note(
                "this archive has no manifest, so nothing proves it whole; `rig resume` closes a run that stopped",
            );
        }
        let record = archive::load(&self.run)?;
        let name = self.run.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let out = self.out.clone().unwrap_or_else(|| self.run.with_file_name(format!("{name}-rebuilt")));
        if self.format.iter().any(|format| *format != Format::Json) {
            std::fs::create_dir_all(&out).map_err(|error| Failure::usage(RecordError::at(&out, error)))?;
            write_reports(&out, &record, &self.format)?;
            terminal.note(&format!("reports in {}", out.display()));
        }
        if self.format.contains(&Format::Csv) {
            self.write_captures(terminal, &out, &record, "csv", |source, file| {
                csv_writer::copy(source, BufWriter::new(file)).map(drop)
            })?;
        }
        if self.format.contains(&Format::Parquet) {
            self.write_captures(terminal, &out, &record, "parquet", |source, file| parquet_writer::copy(source, file))?;
        }
        if terminal.json || self.format.contains(&Format::Json) {
            let text = serde_json::to_string_pretty(&record.verdict).map_err(Failure::usage)?;
            terminal.answer(&(text + "\n"));
        }
        Ok(Exit::Done)
    }
}
