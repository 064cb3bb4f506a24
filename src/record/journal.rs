//! The journal: every event of a run, one line each, chained by digests, on disk before the next motion.
//!
//! A line is a JSON object `{"data", "event", "n", "prev", "t_s", "text", "wall", "digest"}`; `digest` is the SHA-256 of
//! the line's own text up to (not including) the key `digest`, so a line that was changed, removed, added or moved
//! breaks the chain at its place. The first line names the format (`journal/1`).
//!
//! A line is an event from its line end on: what stands behind the last line end was cut off while it was written
//! ([`Log::torn`]), and [`Journal::reopen`] goes on behind the last whole line.

use super::{
    RecordError,
    disk::{Disk, DiskFile},
};
use crate::{checksum::sha256_hex, time::RunTime};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Name of the file.
pub const FILE: &str = "journal.jsonl";

/// The format, as the first line names it.
pub const SCHEMA: &str = "journal/1";

/// What is wrong with a line that is no [`Event`].
pub const INCOMPLETE: &str = "the line lacks one of the keys t_s, wall, event, text";

/// Event of the first line.
const OPENED: &str = "journal";

/// `prev` of the first line.
const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Writes the journal.
pub struct Journal {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// Bytes of whole lines.
    len: u64,
    next: u64,
    digest: String,
    /// A line is torn and could not be taken back: whatever followed it would be no line.
    stuck: bool,
}

impl Journal {
    /// Begins a journal in a run directory that has none.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn begin(disk: &dyn Disk, folder: &Path, wall: &str) -> Result<Self, RecordError> {
        let path = folder.join(FILE);
        let file = disk.create(&path).map_err(|error| RecordError::at(&path, error))?;
        let mut journal = Self { path, file, len: 0, next: 0, digest: FIRST.to_owned(), stuck: false };
        let text = format!("rig {} begins the record", crate::version::BUILD);
        let data = json!({"schema": SCHEMA, "program": crate::version::BUILD});
        journal.event(RunTime::ZERO, wall, OPENED, &text, data)?;
        Ok(journal)
    }

    /// Goes on with the journal that `log` was read from, behind its last whole line.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn reopen(disk: &dyn Disk, folder: &Path, log: &Log) -> Result<Self, RecordError> {
        let path = folder.join(FILE);
        let failed = |error| RecordError::at(&path, error);
        let mut file = disk.extend(&path).map_err(failed)?;
        if !log.torn.is_empty() {
            file.cut(log.len).map_err(failed)?;
        }
        let next = log.events.len() as u64;
        Ok(Self { path, file, len: log.len, next, digest: log.digest.clone(), stuck: false })
    }

    /// Appends an event and syncs it to disk.
    ///
    /// # Errors
    ///
    /// [`RecordError`]; the run must end, since its record is incomplete. What was written of the line is taken back,
    /// so that the journal is whole up to the event before.
    pub fn event(&mut self, at: RunTime, wall: &str, event: &str, text: &str, data: Value) -> Result<(), RecordError> {
        if self.stuck {
            let message = "a line before is torn, so nothing can follow it; see the first error";
            return Err(RecordError::at(&self.path, message));
        }
        let body = json!({"n": self.next, "t_s": at.as_secs_f64(), "wall": wall, "event": event, "text": text,
                          "data": data, "prev": self.digest});
        let (line, digest) = sealed(&body);
        if let Err(error) = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync()) {
            self.stuck = self.file.cut(self.len).is_err();
            return Err(RecordError::at(&self.path, error));
        }
        self.len += line.len() as u64;
        self.next += 1;
        self.digest = digest;
        Ok(())
    }
}

/// A line with its digest, and the digest.
fn sealed(body: &Value) -> (String, String) {
    let text = body.to_string();
    let head = text.strip_suffix('}').unwrap_or(&text);
    let digest = sha256_hex(head.as_bytes());
    (format!("{head}{}\n", tail(&digest)), digest)
}

/// What stands behind the part of a line that its digest covers.
fn tail(digest: &str) -> String {
    format!(",\"digest\":\"{digest}\"}}")
}

/// A line of a journal as read.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Seconds of run time.
    pub t_s: f64,
    /// Wall clock, RFC 3339, UTC.
    pub wall: String,
    /// Kind of event.
    pub event: String,
    /// One sentence.
    pub text: String,
    /// What else belongs to it.
    pub data: Value,
}

impl Event {
    /// The event of a line that was parsed, whatever its digest is; `None` where a key is missing ([`INCOMPLETE`]).
    pub fn of(value: &Value) -> Option<Self> {
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        Some(Self {
            t_s: value["t_s"].as_f64()?,
            wall: text("wall")?,
            event: text("event")?,
            text: text("text")?,
            data: value["data"].clone(),
        })
    }
}

/// A journal as read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// The events of an unbroken chain from the first line on.
    pub events: Vec<Event>,
    /// Where and why the chain breaks, if it does.
    pub broken: Option<String>,
    /// Bytes behind the last line end: the beginning of a line whose writing was cut off.
    pub torn: Vec<u8>,
    /// Bytes before that.
    pub len: u64,
    /// Digest of the last line.
    pub digest: String,
}

impl Log {
    /// What is wrong with the journal, in words: the broken chain, the torn line.
    pub fn findings(&self) -> Vec<String> {
        let line = self.events.len() + 1;
        let torn = || format!("{FILE}:{line}: the last line is torn; `rig resume` sets it aside and goes on");
        self.broken.clone().into_iter().chain((!self.torn.is_empty()).then(torn)).collect()
    }

    /// The last event of a kind.
    pub fn last(&self, kind: &str) -> Option<&Event> {
        self.events.iter().rev().find(|event| event.event == kind)
    }
}

/// Reads a journal and checks its chain.
///
/// # Errors
///
/// [`RecordError`] where the file cannot be read at all, or is of another format.
pub fn read(folder: &Path) -> Result<Log, RecordError> {
    let path = folder.join(FILE);
    let bytes = fs::read(&path).map_err(|error| RecordError::at(&path, error))?;
    let len = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let (whole, torn) = bytes.split_at(len);
    let mut log = Log { torn: torn.to_vec(), len: len as u64, digest: FIRST.to_owned(), ..Log::default() };
    for (number, line) in whole.split_inclusive(|&byte| byte == b'\n').enumerate() {
        match follows(line.strip_suffix(b"\n").unwrap_or(line), number as u64, &log.digest) {
            Ok((event, digest)) => {
                log.digest = digest;
                log.events.push(event);
            }
            Err(why) => {
                log.broken = Some(format!("{FILE}:{}: {why}", number + 1));
                break;
            }
        }
    }
    if let Some(first) = log.events.first().filter(|first| first.data["schema"] != SCHEMA) {
        let found = first.data["schema"].as_str().unwrap_or("without a name");
        let message = format!("the format is {found}, this build reads {SCHEMA}; use the release of rig that wrote it");
        return Err(RecordError::at(&path, message));
    }
    Ok(log)
}

/// The event of a line and its digest, if it is the line of this number behind the digest `prev`.
fn follows(line: &[u8], number: u64, prev: &str) -> Result<(Event, String), &'static str> {
    let line = str::from_utf8(line).map_err(|_| "the line is no text; it was changed")?;
    let value: Value =
        serde_json::from_str(line).map_err(|_| "not a whole line of JSON; the journal was changed here")?;
    let (head, rest) = line.rfind(",\"digest\":").map(|at| line.split_at(at)).ok_or("the line has no digest")?;
    let digest = sha256_hex(head.as_bytes());
    if rest != tail(&digest) {
        return Err("the digest does not fit the line; the line was changed");
    }
    if value["prev"] != prev || value["n"] != number {
        return Err("the line does not follow the one before; a line was removed, added or moved");
    }
    Ok((Event::of(&value).ok_or(INCOMPLETE)?, digest))
}

#[cfg(test)]
mod tests {
    use super::{FILE, Journal, read};
    use crate::{record::disk::FileSystem, time::RunTime};
    use serde_json::json;
    use std::{fs, path::Path};

    fn written(folder: &Path) -> String {
        let mut journal = Journal::begin(&FileSystem, folder, "2026-01-01T00:00:00.000Z").unwrap();
        for (n, text) in ["second }}", "third"].iter().enumerate() {
            let at = RunTime::from_nanos(n as u64);
            journal.event(at, "2026-01-01T00:00:00.000Z", "test", text, json!({"n": n})).unwrap();
        }
        fs::read_to_string(folder.join(FILE)).unwrap()
    }

    #[test]
    fn a_whole_chain_holds() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path());
        let log = read(folder.path()).unwrap();
        assert_eq!((log.events.len(), log.findings()), (3, Vec::new()));
        assert_eq!(log.events[1].text, "second }}");
    }

    #[test]
    fn every_change_breaks_it_at_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let text = written(folder.path());
        let lines: Vec<&str> = text.lines().collect();
        let cases = [
            (text.replace("second", "sceond"), ":2:"),
            (format!("{}\n{}\n", lines[0], lines[2]), ":2:"),
            (format!("{}\n{}\n{}\n", lines[1], lines[0], lines[2]), ":1:"),
            (format!("{}\n{}\n{}\n", lines[0], lines[0], lines[1]), ":2:"),
            (format!("{} \n{}\n{}\n", lines[0], lines[1], lines[2]), ":1:"),
            (format!("{}\r\n{}\n{}\n", lines[0], lines[1], lines[2]), ":1:"),
            (text[..text.len() - 1].to_owned(), ":3:"),
            (text[..text.len() - 5].to_owned(), ":3:"),
            (text.replace('\n', "\n\n"), ":2:"),
        ];
        for (changed, place) in cases {
            fs::write(folder.path().join(FILE), &changed).unwrap();
            let broken = read(folder.path()).unwrap().findings().join("; ");
            assert!(broken.contains(place), "{broken} for {changed}");
        }
    }

    #[test]
    fn a_torn_journal_goes_on_behind_its_last_whole_line_wherever_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let text = written(folder.path());
        let second = text.match_indices('\n').nth(1).unwrap().0 + 1;
        for cut in second..text.len() {
            fs::write(folder.path().join(FILE), &text[..cut]).unwrap();
            let log = read(folder.path()).unwrap();
            assert_eq!((log.events.len(), log.torn.as_slice()), (2, &text.as_bytes()[second..cut]));
            let mut journal = Journal::reopen(&FileSystem, folder.path(), &log).unwrap();
            journal.event(RunTime::ZERO, "2026-01-01T00:00:00.000Z", "resumed", "", json!(null)).unwrap();
            let again = read(folder.path()).unwrap();
            assert_eq!((again.events.len(), again.findings()), (3, Vec::new()), "cut at {cut}");
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let text = written(folder.path()).replacen("journal/1", "journal/2", 1);
        let (first, _) = text.split_once('\n').unwrap();
        let head = &first[..first.rfind(",\"digest\":").unwrap()];
        let line = format!("{head}{}\n", super::tail(&crate::checksum::sha256_hex(head.as_bytes())));
        fs::write(folder.path().join(FILE), line).unwrap();
        let message = read(folder.path()).unwrap_err().to_string();
        assert!(message.contains("journal/2") && message.contains("journal/1"), "{message}");
    }
}
