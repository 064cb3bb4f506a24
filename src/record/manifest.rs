//! The manifest: path, size and digest of every file of a run.

use super::{RecordError, archive::refuse_other_format};
use crate::checksum::{Digest, sha256_hex};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::Path,
};

/// Name of the file.
pub const FILE: &str = "manifest.json";
const SCHEMA: &str = "manifest/1";

/// The signatures over it, which stand outside it.
pub const SIGNATURES: &str = "manifest.sig";

/// Folders of every run, which an aborted one may leave without files.
const KEPT_EMPTY: [&str; 3] = ["", "captures", "measurements"];

/// One file of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Bytes.
    pub size: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

impl Entry {
    /// Size and digest of a file as it is on disk, read piece by piece.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut digest = Digest::default();
        let size = io::copy(&mut File::open(path)?, &mut digest)?;
        Ok(Self { size, sha256: digest.hex() })
    }
}

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `manifest/1`.
    pub schema: String,
    /// By path from the run directory, with `/`.
    pub files: BTreeMap<String, Entry>,
}

/// What stands in a run directory and has no place there: links, and folders without files.
type Strays = Vec<String>;

fn files(root: &Path, below: &str, found: &mut BTreeMap<String, Entry>) -> Result<Strays, RecordError> {
    let folder = root.join(below);
    let failed = |error| RecordError::at(&folder, error);
    let mut strays = Vec::new();
    let mut empty = !KEPT_EMPTY.contains(&below);
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let kind = entry.file_type().map_err(failed)?;
        empty = false;
        if kind.is_symlink() {
            strays.push(format!("{path}: added (a link, not a file)"));
        } else if kind.is_dir() {
            strays.extend(files(root, &path, found)?);
        } else if path != FILE && path != SIGNATURES {
            let on_disk = entry.path();
            found.insert(path, Entry::of(&on_disk).map_err(|error| RecordError::at(&on_disk, error))?);
        }
    }
    if empty {
        strays.push(format!("{below}: added (an empty folder)"));
    }
    Ok(strays)
}

fn text(manifest: &Manifest, path: &Path) -> Result<String, RecordError> {
    let text = serde_json::to_string_pretty(manifest).map_err(|error| RecordError::at(path, error))?;
    Ok(text + "\n")
}

/// The manifest of everything in a run directory, as its file.
///
/// # Errors
///
/// [`RecordError`]; also where something in the directory is no file of a run.
pub fn of(root: &Path) -> Result<String, RecordError> {
    let mut found = BTreeMap::new();
    let strays = files(root, "", &mut found)?;
    match strays.first() {
        None => text(&Manifest { schema: SCHEMA.to_owned(), files: found }, &root.join(FILE)),
        Some(stray) => Err(RecordError::at(root, format!("{stray}; a run has files only, move it elsewhere"))),
    }
}

/// Reports, which can be derived from the rest of a run and name its digest.
const REPORTS: [&str; 4] = ["report.html", "report.pdf", "report.md", "junit.xml"];

/// The digest that a record is known by, on paper and elsewhere: SHA-256 over the lines `SHA-256  path` of every file
/// but reports, manifest and signatures, in the order of their paths (`sha256sum` of that list).
///
/// # Errors
///
/// [`RecordError`] where a file cannot be read.
pub fn record_digest(root: &Path) -> Result<String, RecordError> {
    let mut found = BTreeMap::new();
    files(root, "", &mut found)?;
    let evidence = found.iter().filter(|(path, _)| !REPORTS.contains(&path.as_str()));
    let lines: String = evidence.map(|(path, entry)| format!("{}  {path}\n", entry.sha256)).collect();
    Ok(sha256_hex(lines.as_bytes()))
}

/// What differs between the manifest and the files: one line for each file that was changed, removed or added.
///
/// # Errors
///
/// [`RecordError`] where there is no readable manifest.
pub fn differences(root: &Path) -> Result<Vec<String>, RecordError> {
    let path = root.join(FILE);
    let bytes = fs::read(&path).map_err(|error| {
        let message = format!("{error}; a run without it was interrupted (`rig resume` goes on), or it was removed");
        RecordError::at(&path, message)
    })?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| RecordError::at(&path, error))?;
    refuse_other_format(&path, &value, SCHEMA)?;
    let manifest: Manifest = serde_json::from_value(value).map_err(|error| RecordError::at(&path, error))?;
    let mut found = BTreeMap::new();
    let mut lines = Vec::new();
    // The same entries in other bytes are not what was written, and not what was signed.
    if text(&manifest, &path)?.as_bytes() != bytes {
        lines.push(format!("{FILE}: changed (not as rig writes it)"));
    }
    let strays = files(root, "", &mut found)?;
    for (path, entry) in &manifest.files {
        match found.get(path) {
            None => lines.push(format!("{path}: removed")),
            Some(now) if now != entry => {
                lines.push(format!("{path}: changed ({} bytes, was {})", now.size, entry.size));
            }
            Some(_) => {}
        }
    }
    lines.extend(found.keys().filter(|path| !manifest.files.contains_key(*path)).map(|path| format!("{path}: added")));
    lines.extend(strays);
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::{FILE, differences, of};
    use std::fs;

    #[test]
    fn change_removal_and_addition_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("captures")).unwrap();
        for name in ["a.csv", "b.csv", "captures/c.rigc"] {
            fs::write(root.join(name), name).unwrap();
        }
        let manifest = of(root).unwrap();
        fs::write(root.join(FILE), &manifest).unwrap();
        assert_eq!(differences(root).unwrap(), Vec::<String>::new());
        fs::write(root.join("captures/c.rigc"), "captures/d.rigc").unwrap();
        fs::remove_file(root.join("b.csv")).unwrap();
        fs::write(root.join("new"), "").unwrap();
        fs::create_dir(root.join("stray")).unwrap();
        fs::write(root.join(FILE), manifest.replace(": \"", ":  \"")).unwrap();
        let lines = differences(root).unwrap().join("; ");
        assert_eq!(
            lines,
            "manifest.json: changed (not as rig writes it); b.csv: removed; captures/c.rigc: changed (15 bytes, was \
             15); new: added; stray: added (an empty folder)"
        );
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), r#"{"schema": "manifest/2", "volumes": []}"#).unwrap();
        let message = differences(folder.path()).unwrap_err().to_string();
        assert!(message.contains("manifest/2") && message.contains("newer release"), "{message}");
    }
}
