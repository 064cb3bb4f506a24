//! A run directory while the run goes on.

use super::{RecordError, journal::Journal, model::VerdictDocument};
use crate::{measure::Measurement, time::RunTime};
use serde_json::Value;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// The directory of one run, open for writing.
pub struct RunDir {
    path: PathBuf,
    journal: Journal,
}

impl RunDir {
    /// Makes `OUT/RUN-ID` with its folders and an empty journal.
    ///
    /// # Errors
    ///
    /// [`RecordError`] where the folder cannot be written, or is already there.
    pub fn create(out: &Path, run: &str) -> Result<Self, RecordError> {
        let path = out.join(run);
        let failed = |path: &Path, error: std::io::Error| {
            let message = format!("{error}; choose a folder that you can write to with --out");
            RecordError::at(path, message)
        };
        fs::create_dir_all(out).map_err(|error| failed(out, error))?;
        fs::create_dir(&path).map_err(|error| failed(&path, error))?;
        for folder in ["captures", "measurements", "settings"] {
            let folder = path.join(folder);
            fs::create_dir(&folder).map_err(|error| failed(&folder, error))?;
        }
        let journal = Journal::begin(&path)?;
        Ok(Self { path, journal })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the raw captures.
    pub fn captures(&self) -> PathBuf {
        self.path.join("captures")
    }

    /// Appends an event to the journal.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn event(&mut self, at: RunTime, event: &str, text: &str, data: Value) -> Result<(), RecordError> {
        self.journal.event(at, event, text, data)
    }

    /// Keeps a settings file as used.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn setting(&self, name: &str, text: &str) -> Result<(), RecordError> {
        self.put(&format!("settings/{name}"), text)
    }

    /// Keeps what was measured from a capture.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn measurement(&self, capture: &str, measurement: &Measurement) -> Result<(), RecordError> {
        let path = format!("measurements/{capture}.json");
        let text = serde_json::to_string(measurement).map_err(|error| RecordError::at(Path::new(&path), error))?;
        self.put(&path, &(text + "\n"))
    }

    /// Writes `verdict.json`.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn verdict(&self, verdict: &VerdictDocument) -> Result<(), RecordError> {
        let text =
            serde_json::to_string_pretty(verdict).map_err(|error| RecordError::at(Path::new("verdict.json"), error))?;
        self.put("verdict.json", &(text + "\n"))
    }

    /// Writes a file of the run and syncs it to disk.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn put(&self, name: &str, text: &str) -> Result<(), RecordError> {
        put(&self.path, name, text.as_bytes())
    }
}

/// Writes a file of a run directory under a temporary name, syncs it, and gives it its name: it is whole or not there.
///
/// # Errors
///
/// [`RecordError`].
pub fn put(run: &Path, name: &str, bytes: &[u8]) -> Result<(), RecordError> {
    let path = run.join(name);
    let partial = run.join(format!("{name}.partial"));
    let failed = |error: std::io::Error| RecordError::at(&path, error);
    fs::write(&partial, bytes).map_err(failed)?;
    File::open(&partial).and_then(|file| file.sync_data()).map_err(failed)?;
    fs::rename(&partial, &path).map_err(failed)
}
