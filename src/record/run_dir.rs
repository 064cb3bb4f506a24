//! A run directory while the run goes on.

use super::{
    RecordError,
    calendar::{self, Calendar},
    disk::{self, Contents, Disk, FileSystem},
    journal::{Journal, Log},
    model::VerdictDocument,
};
use crate::{measure::Measurement, time::RunTime};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    rc::Rc,
};

/// The directory of one run, open for writing.
pub struct RunDir {
    path: PathBuf,
    journal: Journal,
    calendar: Box<dyn Calendar>,
    disk: Rc<dyn Disk>,
}

impl RunDir {
    /// Makes `OUT/RUN-ID` with its folders and an empty journal.
    ///
    /// # Errors
    ///
    /// [`RecordError`] where the folder cannot be written, or is already there.
    pub fn create(out: &Path, run: &str, calendar: Box<dyn Calendar>, disk: Rc<dyn Disk>) -> Result<Self, RecordError> {
        let path = out.join(run);
        let failed = |path: &Path, error: io::Error| {
            let message = format!("{error}; choose a folder that you can write to with --out");
            RecordError::at(path, message)
        };
        fs::create_dir_all(out).map_err(|error| failed(out, error))?;
        disk.create_folder(&path).map_err(|error| failed(&path, error))?;
        for folder in ["captures", "measurements", "settings"] {
            let folder = path.join(folder);
            disk.create_folder(&folder).map_err(|error| failed(&folder, error))?;
        }
        let wall = calendar::text(calendar.at(RunTime::ZERO));
        let journal = Journal::begin(&*disk, &path, &wall)?;
        disk.sync_folder(&path).and_then(|()| disk.sync_folder(out)).map_err(|error| failed(&path, error))?;
        Ok(Self { path, journal, calendar, disk })
    }

    /// Goes on with a run directory behind the last whole line of its journal.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn reopen(run: &Path, log: &Log, calendar: Box<dyn Calendar>, disk: Rc<dyn Disk>) -> Result<Self, RecordError> {
        let journal = Journal::reopen(&*disk, run, log)?;
        Ok(Self { path: run.to_path_buf(), journal, calendar, disk })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The disk that everything of this run is written to.
    pub fn disk(&self) -> &Rc<dyn Disk> {
        &self.disk
    }

    /// The folder of the raw captures.
    pub fn captures(&self) -> PathBuf {
        self.path.join("captures")
    }

    /// The wall clock at a run time.
    pub fn wall(&self, at: RunTime) -> Timestamp {
        self.calendar.at(at)
    }

    /// Appends an event to the journal.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn event(&mut self, at: RunTime, event: &str, text: &str, data: Value) -> Result<(), RecordError> {
        let wall = calendar::text(self.wall(at));
        self.journal.event(at, &wall, event, text, data)
    }

    /// Writes a file of the run and syncs it to disk.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn put(&self, name: &str, text: &str) -> Result<(), RecordError> {
        self.write(name, &|out| out.write_all(text.as_bytes()))
    }

    /// The same with contents that are written piece by piece.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn write(&self, name: &str, contents: Contents<'_>) -> Result<(), RecordError> {
        disk::put(&*self.disk, &self.path, name, contents)
    }
}

/// Writes a file of a finished run, or of its reports; whole or not at all.
///
/// # Errors
///
/// [`RecordError`].
pub fn put(run: &Path, name: &str, bytes: &[u8]) -> Result<(), RecordError> {
    disk::put(&FileSystem, run, name, &|out| out.write_all(bytes))
}

/// The format of the files of `measurements/`.
pub const MEASUREMENT: &str = "measurement/1";

/// Writes the text of a file of `measurements/`.
///
/// # Errors
///
/// Those of `out`.
pub fn measurement(out: &mut dyn Write, measurement: &Measurement) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'m> {
        schema: &'static str,
        #[serde(flatten)]
        measurement: &'m Measurement,
    }
    serde_json::to_writer(&mut *out, &Document { schema: MEASUREMENT, measurement })?;
    writeln!(out)
}

/// Writes the text of `verdict.json`.
///
/// # Errors
///
/// Those of `out`.
pub fn verdict(out: &mut dyn Write, verdict: &VerdictDocument) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, verdict)?;
    writeln!(out)
}
