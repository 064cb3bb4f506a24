//! What the journal says of the files beside it. The manifest can be written anew by whoever changes a file; the journal
//! holds its own digests of settings and captures, the build that wrote, and the verdict, in lines that are chained.
//!
//! Deliberately absent: proof against somebody who writes journal and manifest anew. That is what signatures are for.

use super::{RecordError, archive, journal::Log, manifest};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

/// Files of a run that are not what its journal says, each in one line.
///
/// # Errors
///
/// [`RecordError`] where a file that the journal names cannot be read.
pub fn differences(run: &Path, log: &Log) -> Result<Vec<String>, RecordError> {
    let mut findings = Vec::new();
    let mut check = |name: &str, digest: &str| -> Result<(), RecordError> {
        let path = run.join(name);
        let entry = manifest::Entry::of(&path).map_err(|error| RecordError::at(&path, error))?;
        if entry.sha256 != digest {
            findings.push(format!("{name} is not what the journal recorded; restore it"));
        }
        Ok(())
    };
    if let Some(begun) = log.last("settings") {
        for (name, digest) in begun.data["files"].as_object().into_iter().flatten() {
            check(&format!("settings/{name}"), digest.as_str().unwrap_or_default())?;
        }
    }
    for (capture, digest) in captured(log) {
        check(&format!("captures/{capture}.rigc"), digest)?;
    }
    if let Some(said) = log.last("verdict").filter(|_| run.join("verdict.json").is_file()) {
        let document = archive::verdict(run)?;
        let program = program(log);
        let by = document.versions.get("rig").map(String::as_str);
        if Some(said.data.clone()) != serde_json::to_value(document.verdict).ok() {
            findings.push(format!("verdict.json says {:?}, the journal {}", document.verdict, said.data));
        }
        if by != program {
            let [by, program] = [by, program].map(|version| version.unwrap_or("nothing"));
            findings.push(format!("verdict.json names rig {by}, the journal rig {program}"));
        }
    }
    Ok(findings)
}

/// Digests of the captures that are whole, by name; of one that was done again the later.
fn captured(log: &Log) -> BTreeMap<&str, &str> {
    let done = log.events.iter().filter(|event| event.event == "captured");
    done.filter_map(|event| Some((event.data["capture"].as_str()?, event.data["sha256"].as_str()?))).collect()
}

/// The build that wrote last: the one that began, or that took the run up.
fn program(log: &Log) -> Option<&str> {
    let sessions = log.events.iter().filter(|event| matches!(event.event.as_str(), "journal" | "resumed"));
    sessions.filter_map(|event| event.data.get("program").and_then(Value::as_str)).next_back()
}
