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
        witness,
    },
    run::{conclude, job::Job},
    version::BUILD,
};
use clap::Args;
use serde_json::json;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

/// Prove an archive whole and unaltered
///
/// Compares every file with the manifest and with what the journal says of it, walks the chain of the journal, and checks
/// the signatures. Exit code 5 where anything was changed, removed, added or moved.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rig verify reports/20260101T000000Z-1.5mm-abc123 --recompute\n  \
    rig verify reports/20260101T000000Z-1.5mm-abc123 --key keys/anna.pub")]
pub struct Verify {
    /// The run directory
    run: PathBuf,
    /// Public keys that are known, one of which must have signed; may be given several times
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Role in which somebody must have signed (with --key: with a known key); may be given several times
    #[arg(long, value_name = "ROLE")]
    signed_as: Vec<String>,
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
    let log = journal::read(run).map_err(integrity)?;
    findings.extend(log.findings());
    if findings.is_empty() {
        // Of an archive that is whole by its own account, what the journal says of it.
        findings.extend(witness::differences(run, &log).map_err(integrity)?);
    }
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
            findings.extend(again.verdict);
            // Of the same build the same figures are due; another may measure better, and says so.
            if made_by == BUILD {
                findings.extend(again.differences);
            } else {
                differences = again.differences;
            }
        }
        let whole = findings.is_empty();
        if terminal.json {
            let document = json!({"schema": "verification/1", "whole": whole, "findings": findings, "events": events,
                                  "signatures": signed, "recomputed": recomputed, "differences": differences,
                                  "made_by": made_by, "verified_by": BUILD});
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
        for role in &self.signed_as {
            let by = |signed: &&Signed| signed.statement.role == *role && (signed.known || !wanted);
            if signed.iter().find(by).is_none() {
                findings
                    .push(format!("{name}: nobody signed as {role}{}", if wanted { " with a known key" } else { "" }));
            }
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
            text += &format!("made by rig {made_by}, derived again by rig {BUILD}; this version differs in:\n");
            text += &(differences.join("\n") + "\n");
        }
        text
    }
}

/// A run derived again.
struct Again {
    captures: usize,
    made_by: String,
    differences: Vec<String>,
    /// The verdict, where it is another one: whatever build gave it, somebody has to look.
    verdict: Option<String>,
}

impl Again {
    fn of(run: &Path) -> Result<Self, Failure> {
        let recorded = archive::verdict(run).map_err(integrity)?;
        let made_by = recorded.versions.get("rig").cloned().unwrap_or_default();
        let job = Job::of_run(run).map_err(integrity)?;
        let derived = conclude::derive(&job, run).map_err(integrity)?;
        let captures = derived.captures.len();
        let (was, is) = (recorded.verdict, derived.verdict.verdict);
        let verdict =
            (was != is).then(|| format!("verdict.json: {was:?} by rig {made_by}, derived again {is:?} by rig {BUILD}"));
        let mut differences = Vec::new();
        let compared = derived.each_file(&made_by, |name, contents| {
            let path = run.join(name);
            let compared = Compared::with(&path).and_then(|mut compared| {
                contents(&mut compared)?;
                compared.difference(name)
            });
            differences.extend(compared.map_err(|error| RecordError::at(&path, error))?);
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
        Ok(Self { captures, made_by, differences, verdict })
    }
}

/// A recorded file beside its contents derived again, which are written to it and compared line by line.
struct Compared {
    recorded: BufReader<File>,
    /// The line being written.
    again: Vec<u8>,
    /// Lines written.
    lines: usize,
    /// The first line that differs: its number, and either text.
    first: Option<(usize, [String; 2])>,
    /// Lines that differ.
    count: usize,
}

impl Compared {
    fn with(path: &Path) -> io::Result<Self> {
        let recorded = BufReader::new(File::open(path)?);
        Ok(Self { recorded, again: Vec::new(), lines: 0, first: None, count: 0 })
    }

    /// Compares a line of each; false where neither has any more.
    fn line(&mut self) -> io::Result<bool> {
        let again = std::mem::take(&mut self.again);
        let mut recorded = Vec::new();
        self.recorded.read_until(b'\n', &mut recorded)?;
        self.lines += 1;
        if recorded != again {
            self.count += 1;
            self.first.get_or_insert_with(|| (self.lines, [short(&recorded), short(&again)]));
        }
        Ok(!recorded.is_empty() || !again.is_empty())
    }

    /// What differs, in words.
    fn difference(mut self, name: &str) -> io::Result<Option<String>> {
        while self.line()? {}
        let count = self.count;
        Ok(self
            .first
            .map(|(line, [was, is])| format!("{name}:{line}: {was}, derived again {is} ({count} lines differ)")))
    }
}

impl Write for Compared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.again.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.line()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line of a file as a message shows it.
fn short(line: &[u8]) -> String {
    match line {
        [] => "nothing".to_owned(),
        line => format!("{:?}", String::from_utf8_lossy(line).trim().chars().take(120).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::Compared;
    use std::{fs, io::Write};

    /// What is found where `again` comes in pieces of any length.
    fn found(recorded: &str, again: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        fs::write(&path, recorded).unwrap();
        let answers = [1, 3, 64].map(|length| {
            let mut compared = Compared::with(&path).unwrap();
            again.as_bytes().chunks(length).for_each(|piece| compared.write_all(piece).unwrap());
            compared.difference("t.csv").unwrap()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        answers[0].clone()
    }

    #[test]
    fn the_first_line_that_differs_is_shown_and_the_others_are_counted() {
        let recorded = "a\nb\nc\n";
        for (again, wanted) in [
            ("a\nb\nc\n", None),
            ("a\nx\ny\n", Some(r#"t.csv:2: "b", derived again "x" (2 lines differ)"#)),
            ("a\nb\n", Some(r#"t.csv:3: "c", derived again nothing (1 lines differ)"#)),
            ("a\nb\nc\nd\ne", Some(r#"t.csv:4: nothing, derived again "d" (2 lines differ)"#)),
            ("a\nb\nc", Some(r#"t.csv:3: "c", derived again "c" (1 lines differ)"#)),
            ("", Some(r#"t.csv:1: "a", derived again nothing (3 lines differ)"#)),
        ] {
            assert_eq!(found(recorded, again).as_deref(), wanted, "{again:?}");
        }
    }
}
