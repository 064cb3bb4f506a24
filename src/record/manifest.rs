//! The manifest: path, size and digest of every file of a run.

use super::RecordError;
use crate::checksum::sha256_hex;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path};

/// Name of the file.
pub const FILE: &str = "manifest.json";
const SCHEMA: &str = "manifest/1";

/// One file of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Bytes.
    pub size: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always `manifest/1`.
    pub schema: String,
    /// By path from the run directory, with `/`.
    pub files: BTreeMap<String, Entry>,
}

fn files(root: &Path, below: &str, found: &mut BTreeMap<String, Entry>) -> Result<(), RecordError> {
    let folder = root.join(below);
    for entry in fs::read_dir(&folder).map_err(|error| RecordError::at(&folder, error))? {
        let entry = entry.map_err(|error| RecordError::at(&folder, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let on_disk = entry.path();
        if on_disk.is_dir() {
            files(root, &path, found)?;
        } else if path != FILE && path != "manifest.sig" {
            let bytes = fs::read(&on_disk).map_err(|error| RecordError::at(&on_disk, error))?;
            found.insert(path, Entry { size: bytes.len() as u64, sha256: sha256_hex(&bytes) });
        }
    }
    Ok(())
}

/// Writes the manifest of everything in a run directory.
///
/// # Errors
///
/// [`RecordError`].
pub fn write(root: &Path) -> Result<(), RecordError> {
    let mut found = BTreeMap::new();
    files(root, "", &mut found)?;
    let path = root.join(FILE);
    let manifest = Manifest { schema: SCHEMA.to_owned(), files: found };
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| RecordError::at(&path, error))?;
    fs::write(&path, text + "\n").map_err(|error| RecordError::at(&path, error))
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
    let text = fs::read_to_string(&path).map_err(|error| RecordError::at(&path, error))?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| RecordError::at(&path, error))?;
    if manifest.schema != SCHEMA {
        let message = format!("format {:?} is not known to this build, which reads {SCHEMA:?}", manifest.schema);
        return Err(RecordError::at(&path, message));
    }
    let mut found = BTreeMap::new();
    files(root, "", &mut found)?;
    let mut lines = Vec::new();
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
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::{differences, write};
    use std::fs;

    #[test]
    fn change_removal_and_addition_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("captures")).unwrap();
        for name in ["a.csv", "b.csv", "captures/c.rigc"] {
            fs::write(root.join(name), name).unwrap();
        }
        write(root).unwrap();
        assert_eq!(differences(root).unwrap(), Vec::<String>::new());
        fs::write(root.join("captures/c.rigc"), "captures/d.rigc").unwrap();
        fs::remove_file(root.join("b.csv")).unwrap();
        fs::write(root.join("new"), "").unwrap();
        let lines = differences(root).unwrap().join("; ");
        assert_eq!(lines, "b.csv: removed; captures/c.rigc: changed (15 bytes, was 15); new: added");
    }
}
