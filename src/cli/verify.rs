//! `rig verify`: prove an archive whole and unaltered, and derive it again.

use super::{
    archive::Format,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{
    record::{
        RecordError, archive, journal, manifest,
        model::Signatures,
        signature::{self, Signed},
    },
    run::{conclude, job::Job},
};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Prove an archive whole and unaltered
///
/// Compares every file with the manifest, walks the chain of the journal, and checks the signatures. Exit code 5 where
/// anything was changed, removed, added or moved.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rig verify reports/20260101T000000Z-1.5mm-abc123 --recompute\n  \
    rig verify reports/20260101T000000Z-1.5mm-abc123 --key keys/anna.pub")]
pub struct Verify {
    /// The run directory
    run: PathBuf,
    /// Public keys that are known, one of which must have signed; may be given several times
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Derive every figure and the verdict again from the raw captures
    #[arg(long)]
    recompute: bool,
}

/// What is not as it was written: files, journal and signatures, each finding in one line.
///
/// # Errors
///
/// [`Failure`] with exit code 5 where that cannot even be told.
pub fn findings(run: &Path) -> Result<Vec<String>, Failure> {
    let mut findings = manifest::differences(run).map_err(integrity)?;
    findings.extend(journal::read(run).map_err(integrity)?.findings());
    findings.extend(signature::verify(run, &[]).map_err(integrity)?.1);
    Ok(findings)
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
    let findings = findings(run)?;
    if findings.is_empty() {
        return Ok(());
    }
    let message = format!("{} is not what it claims: {}", run.display(), findings.join("; "));
    Err(Failure { exit: Exit::Integrity, message })
}

/// A signature in words.
pub fn told(signed: &Signed) -> String {
    let Signed { statement, key, known } = signed;
    let known = if *known { "known key" } else { "UNKNOWN key" };
    let signature::Statement { name, role, at, reason, .. } = statement;
    format!("signed by {name} as {role} on {at}: {reason} ({known} {key})")
}

fn integrity(error: RecordError) -> Failure {
    Failure { exit: Exit::Integrity, message: error.to_string() }
}

impl Verify {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with exit code 5 where the archive is not what it claims.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        if !self.run.is_dir() {
            return Err(Failure::usage(format!("{} is no run directory", self.run.display())));
        }
        let keys: Vec<_> = self.key.iter().map(|path| signature::public_keys(path)).collect::<Result<_, _>>()?;
        let known = keys.concat();
        let mut findings = findings(&self.run)?;
        let events = journal::read(&self.run).map_err(integrity)?.events.len();
        let (signed, _) = signature::verify(&self.run, &known).map_err(integrity)?;
        findings.extend(self.unsigned(&signed, !known.is_empty()));
        let mut differences = Vec::new();
        let mut recomputed = 0;
        let mut made_by = String::new();
        if self.recompute && findings.is_empty() {
            let again = Again::of(&self.run)?;
            (recomputed, made_by) = (again.captures, again.made_by);
            // Of the same version the same figures are due; another may measure better, and says so.
            if made_by == VERSION {
                findings.extend(again.differences);
            } else {
                differences = again.differences;
            }
        }
        let whole = findings.is_empty();
        if terminal.json {
            let document = json!({"schema": "verification/1", "whole": whole, "findings": findings, "events": events,
                                  "signatures": signed, "recomputed": recomputed, "differences": differences,
                                  "made_by": made_by, "verified_by": VERSION});
            terminal.answer(&format!("{document:#}\n"));
        } else {
            signed.iter().for_each(|signed| terminal.answer(&format!("{}\n", told(signed))));
            terminal.answer(&self.answer(&findings, &differences, events, recomputed, &made_by));
        }
        Ok(if whole { Exit::Done } else { Exit::Integrity })
    }

    fn unsigned(&self, signed: &[Signed], wanted: bool) -> Vec<String> {
        let name = manifest::SIGNATURES;
        let mut findings = Vec::new();
        if wanted && !signed.iter().any(|signed| signed.known) {
            findings.push(format!("{name}: no signature by a known key ({} by others)", signed.len()));
        }
        let signer = Job::of_run(&self.run).ok().and_then(|job| job.signer);
        if let Some(signer) = signer.filter(|signer| signed.iter().all(|signed| signed.key != *signer)) {
            findings.push(format!("{name}: the run was begun to be signed with {signer}, and is not"));
        }
        findings
    }

    fn answer(
        &self,
        findings: &[String],
        differences: &[String],
        events: usize,
        again: usize,
        made_by: &str,
    ) -> String {
        if !findings.is_empty() {
            return findings.join("\n") + "\n";
        }
        let mut text = format!("whole and unaltered: {events} journal events");
        if self.recompute && differences.is_empty() {
            text += &format!(", {again} captures measured again: every figure and the verdict alike");
        }
        text.push('\n');
        if !differences.is_empty() {
            text += &format!("made by rig {made_by}, derived again by rig {VERSION}; this version differs in:\n");
            text += &(differences.join("\n") + "\n");
        }
        text
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A run derived again.
struct Again {
    captures: usize,
    made_by: String,
    differences: Vec<String>,
}

impl Again {
    fn of(run: &Path) -> Result<Self, Failure> {
        let recorded = archive::verdict(run).map_err(integrity)?;
        let made_by = recorded.versions.get("rig").cloned().unwrap_or_default();
        let job = Job::of_run(run).map_err(integrity)?;
        let derived = conclude::derive(&job, run).map_err(integrity)?;
        let captures = derived.measurements.len();
        let mut differences = Vec::new();
        let compared = derived.each_file(&made_by, |name, text| {
            let path = run.join(name);
            let before = std::fs::read_to_string(&path).map_err(|error| RecordError::at(&path, error))?;
            differences.extend(difference(name, &before, text));
            Ok(())
        });
        compared.map_err(integrity)?;
        let mut record = archive::load(run).map_err(integrity)?;
        // The reports of a run were made before anybody could sign it.
        record.signatures = Signatures::default();
        for format in Format::IN_ARCHIVE {
            let Some((name, bytes)) = format.rendered(&record)? else { continue };
            let path = run.join(name);
            let before = std::fs::read(&path).map_err(|error| integrity(RecordError::at(&path, error)))?;
            if before != bytes {
                differences.push(format!("{name}: not what the figures of this archive give"));
            }
        }
        Ok(Self { captures, made_by, differences })
    }
}

/// Where two texts part, by line, with the first line of either.
fn difference(name: &str, before: &str, after: &str) -> Option<String> {
    if before == after {
        return None;
    }
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let unlike = |&number: &usize| before.get(number) != after.get(number);
    let lines = (0..before.len().max(after.len())).filter(unlike);
    let (first, count) = (lines.clone().next().unwrap_or_default(), lines.count());
    let short = |lines: &[&str]| -> String {
        lines.get(first).map_or("nothing".to_owned(), |line| line.trim().chars().take(120).collect())
    };
    let (was, is) = (short(&before), short(&after));
    Some(format!("{name}:{}: {was:?}, derived again {is:?} ({count} lines differ)", first + 1))
}
