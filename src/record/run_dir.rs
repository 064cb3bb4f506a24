//! A run directory while the run goes on.

use super::{
    RecordError,
    calendar::{self, Calendar},
    disk::{self, Disk, FileSystem},
    journal::{Journal, Log},
    model::VerdictDocument,
};
use crate::{measure::Measurement, time::RunTime};
use jiff::Timestamp;
use serde_json::Value;
use std::{
    fs,
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
        let failed = |path: &Path, error: std::io::Error| {
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
        disk::put(&*self.disk, &self.path, name, text.as_bytes())
    }
}

/// Writes a file of a finished run, or of its reports; whole or not at all.
///
/// # Errors
///
/// [`RecordError`].
pub fn put(run: &Path, name: &str, bytes: &[u8]) -> Result<(), RecordError> {
    disk::put(&FileSystem, run, name, bytes)
}

/// Text of a file of `measurements/`.
///
/// # Errors
///
/// [`RecordError`] where it cannot be put in words.
pub fn measurement(measurement: &Measurement) -> Result<String, RecordError> {
    let text = serde_json::to_string(measurement);
    Ok(text.map_err(|error| RecordError::at(Path::new("measurements"), error))? + "\n")
}

/// Text of `verdict.json`.
///
/// # Errors
///
/// As for [`measurement`].
pub fn verdict(verdict: &VerdictDocument) -> Result<String, RecordError> {
    let text = serde_json::to_string_pretty(verdict);
    Ok(text.map_err(|error| RecordError::at(Path::new("verdict.json"), error))? + "\n")
}
