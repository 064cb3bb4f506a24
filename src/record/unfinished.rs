//! What a run that stopped left unfinished, set aside by name before the run goes on.
//!
//! Invariants: nothing that was measured is removed or written over; each step can be cut off itself and is taken up by
//! the next attempt.

use super::{
    RecordError,
    disk::{self, Disk, PARTIAL},
    journal::Log,
    manifest,
};
use crate::capture::Header;
use std::{fs, io, path::Path};

/// Files of a finished run that a resumed one makes anew.
const SUMMARIES: [&str; 5] = ["verdict.json", "criteria.csv", "gauge.csv", manifest::FILE, manifest::SIGNATURES];

fn failed(path: &Path) -> impl Fn(io::Error) -> RecordError {
    let path = path.to_path_buf();
    move |error| RecordError::at(&path, error)
}

/// Removes files whose writing was cut off before they got their names; they hold nothing that was measured.
///
/// # Errors
///
/// [`RecordError`].
pub fn remove_partial(run: &Path, disk: &dyn Disk) -> Result<Vec<String>, RecordError> {
    let mut removed = Vec::new();
    for below in ["", "captures", "measurements", "settings"] {
        let folder = run.join(below);
        for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
            let path = entry.map_err(failed(&folder))?.path();
            if path.to_string_lossy().ends_with(PARTIAL) {
                disk.remove(&path).map_err(failed(&path))?;
                removed.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
            }
        }
    }
    removed.sort();
    Ok(removed)
}

/// Keeps the torn end of a journal in a file of its own, before the journal goes on in its place.
///
/// # Errors
///
/// [`RecordError`].
pub fn set_aside_tail(run: &Path, log: &Log, disk: &dyn Disk) -> Result<Option<String>, RecordError> {
    if log.torn.is_empty() {
        return Ok(None);
    }
    let name = free(|number| format!("journal.torn-{number}"), |name| run.join(name).exists());
    disk::put(disk, run, &name, &|out| out.write_all(&log.torn))?;
    Ok(Some(name))
}

/// Moves what summed the run up before out of the way; the name of the folder that keeps it.
///
/// # Errors
///
/// [`RecordError`].
pub fn supersede(run: &Path, disk: &dyn Disk) -> Result<Option<String>, RecordError> {
    let present: Vec<&str> = SUMMARIES.into_iter().filter(|name| run.join(name).exists()).collect();
    if present.is_empty() {
        return Ok(None);
    }
    let parent = run.join("superseded");
    if !parent.exists() {
        disk.create_folder(&parent).map_err(failed(&parent))?;
    }
    let number = free(|number| number.to_string(), |name| parent.join(name).exists());
    let folder = parent.join(&number);
    disk.create_folder(&folder).map_err(failed(&folder))?;
    for name in present {
        disk.rename(&run.join(name), &folder.join(name)).map_err(failed(&folder))?;
    }
    for folder in [&folder, &parent, &run.to_path_buf()] {
        disk.sync_folder(folder).map_err(failed(folder))?;
    }
    Ok(Some(format!("superseded/{number}")))
}

/// The name under which a capture that was cut off is to be kept; `None` where it has no data.
pub fn attempt(captures: &Path, name: &str) -> Option<String> {
    let exists = |name: &str, ending: &str| captures.join(format!("{name}.{ending}")).exists();
    let numbered = |number: u32| format!("{name}.attempt-{number}");
    if exists(name, "rigc") {
        return Some(free(numbered, |kept| exists(kept, "rigc") || exists(kept, "json")));
    }
    // Without data of its own, its header belongs to the last attempt: keeping that one was cut off.
    (1..).map(numbered).take_while(|kept| exists(kept, "rigc")).last().filter(|_| exists(name, "json"))
}

/// Gives the files of a capture the name of an attempt.
///
/// # Errors
///
/// [`RecordError`].
pub fn set_aside(captures: &Path, name: &str, kept: &str, disk: &dyn Disk) -> Result<(), RecordError> {
    let header = captures.join(format!("{name}.json"));
    let data = captures.join(format!("{name}.rigc"));
    if data.exists() {
        disk.rename(&data, &captures.join(format!("{kept}.rigc"))).map_err(failed(&data))?;
    }
    if header.exists() {
        // The header names its data, so it is written anew under the attempt's name.
        let text = fs::read_to_string(&header).map_err(failed(&header))?;
        let read: Result<Header, _> = serde_json::from_str(&text);
        let mut read = read.map_err(|error| RecordError::at(&header, error))?;
        read.data = format!("{kept}.rigc");
        let text = serde_json::to_string_pretty(&read).map_err(|error| RecordError::at(&header, error))?;
        disk::put(disk, captures, &format!("{kept}.json"), &|out| writeln!(out, "{text}"))?;
        disk.remove(&header).map_err(failed(&header))?;
    }
    disk.sync_folder(captures).map_err(failed(captures))
}

/// The first name, by number from 1, that is not taken.
fn free(name: impl Fn(u32) -> String, taken: impl Fn(&str) -> bool) -> String {
    (1..).map(name).find(|name| !taken(name)).unwrap_or_default()
}
