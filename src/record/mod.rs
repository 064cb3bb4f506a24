//! The run directory: what a run leaves behind, written as it happens and read back for every report.
//!
//! Invariant: what was measured is on disk before the next motion; nothing that was written is written again, but for
//! the files that sum up a finished run.
//! Deliberately absent: what a report looks like.

pub mod archive;
pub mod attempts;
pub mod calendar;
pub mod captures;
pub mod disk;
pub mod follow;
pub mod journal;
pub mod manifest;
pub mod measured;
pub mod model;
pub mod run_dir;
pub mod signature;
pub mod tables;
pub mod unfinished;
pub mod witness;

/// The record could not be written or read. The message names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub struct RecordError {
    /// The file or folder.
    pub path: String,
    /// What happened and what to do.
    pub message: String,
}

impl RecordError {
    /// An error at a path.
    pub fn at(path: &std::path::Path, message: impl ToString) -> Self {
        Self { path: path.display().to_string(), message: message.to_string() }
    }
}
