//! The journal: every event of a run, one line each, chained by digests, on disk before the next motion.
//!
//! A line is a JSON object `{"n", "t_s", "event", "text", "data", "prev", "digest"}`; `digest` is the SHA-256 of the
//! line's own text up to (not including) the key `digest`, so a line that was changed, removed, added or moved breaks
//! the chain at its place.

use super::RecordError;
use crate::{checksum::sha256_hex, time::RunTime};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Name of the file.
pub const FILE: &str = "journal.jsonl";

/// Writes the journal.
pub struct Journal {
    path: PathBuf,
    file: File,
    next: u64,
    digest: String,
}

/// `prev` of the first line.
const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl Journal {
    /// Begins a journal in a run directory that has none.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn begin(folder: &Path) -> Result<Self, RecordError> {
        let path = folder.join(FILE);
        let file = File::create_new(&path).map_err(|error| RecordError::at(&path, error))?;
        Ok(Self { path, file, next: 0, digest: FIRST.to_owned() })
    }

    /// Appends an event and syncs it to disk.
    ///
    /// # Errors
    ///
    /// [`RecordError`]; the run must end, since its record is incomplete.
    pub fn event(&mut self, at: RunTime, event: &str, text: &str, data: Value) -> Result<(), RecordError> {
        let (line, digest) = chained(self.next, at.as_secs_f64(), event, text, &data, &self.digest);
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(|error| RecordError::at(&self.path, error))?;
        self.next += 1;
        self.digest = digest;
        Ok(())
    }
}

fn chained(n: u64, t_s: f64, event: &str, text: &str, data: &Value, prev: &str) -> (String, String) {
    let body = json!({"n": n, "t_s": t_s, "event": event, "text": text, "data": data, "prev": prev}).to_string();
    let open = body.trim_end_matches('}').len().max(body.len() - 1);
    let head = &body[..open];
    let digest = sha256_hex(head.as_bytes());
    (format!("{head},\"digest\":\"{digest}\"}}\n"), digest)
}

/// A line of a journal as read.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Seconds of run time.
    pub t_s: f64,
    /// Kind of event.
    pub event: String,
    /// One sentence.
    pub text: String,
    /// What else belongs to it.
    pub data: Value,
}

/// Reads a journal and checks its chain. Returns the events and the first break, in words.
///
/// # Errors
///
/// [`RecordError`] where the file cannot be read at all.
pub fn read(folder: &Path) -> Result<(Vec<Event>, Option<String>), RecordError> {
    let path = folder.join(FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| RecordError::at(&path, error))?;
    let mut events = Vec::new();
    let mut prev = FIRST.to_owned();
    for (number, line) in text.lines().enumerate() {
        let broken = |why: &str| Some(format!("{FILE}:{}: {why}", number + 1));
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            return Ok((events, broken("not a whole line of JSON; the journal was cut off or changed here")));
        };
        let Some((head, _)) = line.rsplit_once(",\"digest\":") else {
            return Ok((events, broken("the line has no digest")));
        };
        let digest = sha256_hex(head.as_bytes());
        if value["digest"] != digest.as_str() {
            return Ok((events, broken("the digest does not fit the line; the line was changed")));
        }
        if value["prev"] != prev.as_str() || value["n"] != number as u64 {
            return Ok((events, broken("the line does not follow the one before; a line was removed, added or moved")));
        }
        prev = digest;
        events.push(Event {
            t_s: value["t_s"].as_f64().unwrap_or_default(),
            event: value["event"].as_str().unwrap_or_default().to_owned(),
            text: value["text"].as_str().unwrap_or_default().to_owned(),
            data: value["data"].clone(),
        });
    }
    Ok((events, None))
}

#[cfg(test)]
mod tests {
    use super::{FILE, Journal, read};
    use crate::time::RunTime;
    use serde_json::json;

    fn written(folder: &std::path::Path) -> String {
        let mut journal = Journal::begin(folder).unwrap();
        for (n, text) in ["first", "second }}", "third"].iter().enumerate() {
            journal.event(RunTime::from_nanos(n as u64), "test", text, json!({"n": n})).unwrap();
        }
        std::fs::read_to_string(folder.join(FILE)).unwrap()
    }

    #[test]
    fn a_whole_chain_holds() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path());
        let (events, broken) = read(folder.path()).unwrap();
        assert_eq!((events.len(), broken), (3, None));
        assert_eq!(events[1].text, "second }}");
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
            (text[..text.len() - 5].to_owned(), ":3:"),
        ];
        for (changed, place) in cases {
            std::fs::write(folder.path().join(FILE), &changed).unwrap();
            let broken = read(folder.path()).unwrap().1.unwrap_or_default();
            assert!(broken.contains(place), "{broken} for {changed}");
        }
    }
}
