//! A run as it goes on, read from its directory by another process: new events, new samples, finished captures.
//!
//! Only reads, and only what was appended since the last look, so that following a run neither slows nor endangers it.
//! Deliberately absent: the chain of the journal (`verify` walks it) and the looks (`report::live`).

use super::{
    RecordError,
    journal::{self, Event, INCOMPLETE},
};
use crate::capture::{Block, ReadError, compact::tail::Tail};
use serde_json::Value;
use std::{
    fs::File,
    io::{ErrorKind, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// Follows one run.
pub struct Follower {
    run: PathBuf,
    journal_at: u64,
    /// The start of a line that is not whole yet.
    torn: Vec<u8>,
    capture: Option<(String, Option<Tail>)>,
}

impl Follower {
    /// Begins at the start of a run's journal.
    pub fn new(run: &Path) -> Self {
        Self { run: run.to_owned(), journal_at: 0, torn: Vec::new(), capture: None }
    }

    /// The events since the last look.
    ///
    /// # Errors
    ///
    /// [`RecordError`] where there is no journal, or a whole line of it is no event.
    pub fn events(&mut self) -> Result<Vec<Event>, RecordError> {
        let path = self.run.join(journal::FILE);
        let failed = |error: &dyn std::fmt::Display| RecordError::at(&path, error);
        let mut file = File::open(&path).map_err(|error| failed(&error))?;
        file.seek(SeekFrom::Start(self.journal_at)).map_err(|error| failed(&error))?;
        let count = file.read_to_end(&mut self.torn).map_err(|error| failed(&error))?;
        self.journal_at += count as u64;
        let mut news = Vec::new();
        while let Some(end) = self.torn.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.torn.drain(..=end).collect();
            let value: Value = serde_json::from_slice(&line).map_err(|error| failed(&error))?;
            news.push(Event::of(&value).ok_or_else(|| failed(&INCOMPLETE))?);
        }
        Ok(news)
    }

    /// Follows the samples of another capture from here on.
    pub fn turn_to(&mut self, capture: &str) {
        self.capture = Some((capture.to_owned(), None));
    }

    /// Hands the samples of the capture under way that came since the last look to `take`. A file that is not there yet
    /// has none.
    ///
    /// # Errors
    ///
    /// [`RecordError`] where it cannot be read, or is damaged.
    pub fn samples(&mut self, take: impl FnMut(&Block)) -> Result<(), RecordError> {
        let failed = |error: ReadError| RecordError { path: error.file.clone(), message: error.to_string() };
        let Some((name, tail)) = &mut self.capture else { return Ok(()) };
        let path = self.run.join("captures").join(format!("{name}.rigc"));
        if tail.is_none() {
            match std::fs::metadata(&path) {
                Ok(_) => *tail = Some(Tail::open(&path).map_err(failed)?),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(RecordError::at(&path, error)),
            }
        }
        match tail {
            Some(tail) => tail.look(take).map_err(failed),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Follower;
    use std::io::Write as _;

    #[test]
    fn a_line_counts_once_it_is_whole_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut follower = Follower::new(folder.path());
        assert!(follower.events().is_err(), "no journal");
        let mut file = std::fs::File::create(folder.path().join("journal.jsonl")).unwrap();
        let mut texts = Vec::new();
        let line = |text: &str| format!("{{\"t_s\":1.5,\"wall\":\"w\",\"event\":\"a\",\"text\":\"{text}\"}}\n");
        let lines: String = ["one", "two", "three"].map(line).concat();
        let (first, rest) = lines.split_at(line("one").len() - 7);
        let (second, third) = rest.split_at(rest.len() - 12);
        for chunk in [first, second, third] {
            file.write_all(chunk.as_bytes()).unwrap();
            texts.extend(follower.events().unwrap().into_iter().map(|news| news.text));
        }
        assert_eq!(texts, ["one", "two", "three"]);
        assert!(follower.events().unwrap().is_empty());
        file.write_all(b"no event\n").unwrap();
        assert!(follower.events().is_err());
    }

    #[test]
    fn a_capture_that_is_not_there_yet_has_no_samples() {
        let folder = tempfile::tempdir().unwrap();
        let mut follower = Follower::new(folder.path());
        follower.samples(|_| panic!("there is none")).unwrap();
        follower.turn_to("press-00");
        follower.samples(|_| panic!("there is none")).unwrap();
    }
}
