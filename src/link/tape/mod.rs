//! A recording of everything that a bench asked of its link and was answered, and the link that answers so again.
//!
//! [`record::RecordingLink`] writes while another link works; [`replay::TapeLink`] takes its place later: drivers,
//! procedures and limits then meet the same bytes at the same times, so that a problem from the field can be looked at
//! where there is no bench. The format, `tape/1`, is described in `fixtures/formats/tape.md`.
//!
//! Invariant: a replay that deviates from its tape by one byte or one call says so and goes no further.
//! Deliberately absent: files (the command line opens them), and any notion of what the bytes mean.

pub mod record;
pub mod replay;

use super::{Role, interrupt::Interrupt};
use record::Writer;
use replay::Reader;
use std::{cell::RefCell, rc::Rc};

const MAGIC: [u8; 8] = *b"RIGT\r\n\x1a\n";
const VERSION: u16 = 1;
/// Records of one block, before compression.
const BLOCK_BYTES: usize = 64 * 1024;
/// Longest block that a reader takes, before and after decompression: a record is at most a chunk of bytes.
const BLOCK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What the tape of a run does.
#[derive(Clone, Default)]
pub enum Tape {
    /// There is none.
    #[default]
    Off,
    /// It records.
    Record(Rc<RefCell<Writer>>),
    /// It takes the place of the bench.
    Replay(Rc<RefCell<Reader>>),
}

/// What a tape begins with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Header {
    /// Always `tape/1`.
    pub schema: String,
    /// Version of the program that recorded.
    pub program: String,
    /// Start of the recorded run, RFC 3339.
    pub started: String,
}

impl Header {
    /// The header of a recording that begins now.
    pub fn new(started: &str) -> Self {
        Self { schema: "tape/1".to_owned(), program: crate::version::BUILD.to_owned(), started: started.to_owned() }
    }
}

/// One call to a link, with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Record {
    /// The bench was opened; its time begins at zero.
    Opened,
    /// The time was asked, ns.
    Now(u64),
    /// Bytes were sent; urgent ones out of turn.
    Sent { role: Role, urgent: bool, bytes: Vec<u8> },
    /// Bytes could not be sent; the message.
    NotSent { role: Role, urgent: bool, bytes: Vec<u8>, message: String },
    /// A wait brought bytes.
    Bytes(Role, Vec<u8>),
    /// A wait brought the loss of a port; the message.
    Lost(Role, String),
    /// A wait ended at its deadline.
    Deadline,
    /// A signal came during the wait before.
    Signal(Interrupt),
}

impl Record {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut put = |tag: u8, role: u8, bytes: &[u8]| {
            out.extend([tag, role]);
            out.extend((bytes.len() as u32).to_le_bytes());
            out.extend_from_slice(bytes);
        };
        match self {
            Self::Opened => out.push(0),
            Self::Now(nanos) => {
                out.push(1);
                out.extend(nanos.to_le_bytes());
            }
            Self::Sent { role, urgent, bytes } => put(if *urgent { 3 } else { 2 }, *role as u8, bytes),
            Self::NotSent { role, urgent, bytes, message } => {
                put(if *urgent { 5 } else { 4 }, *role as u8, bytes);
                out.extend((message.len() as u32).to_le_bytes());
                out.extend_from_slice(message.as_bytes());
            }
            Self::Bytes(role, bytes) => put(6, *role as u8, bytes),
            Self::Lost(role, message) => put(7, *role as u8, message.as_bytes()),
            Self::Deadline => out.push(8),
            Self::Signal(Interrupt::Int) => out.push(9),
            Self::Signal(Interrupt::Term) => out.push(10),
        }
    }

    /// The record at the front of `input`; `None` where there is no whole one.
    fn decode(input: &mut &[u8]) -> Option<Self> {
        let tag = take(input, 1)?[0];
        Some(match tag {
            0 => Self::Opened,
            1 => Self::Now(u64::from_le_bytes(take(input, 8)?.try_into().ok()?)),
            2 | 3 => Self::Sent { role: role(input)?, urgent: tag == 3, bytes: chunk(input)?.to_vec() },
            4 | 5 => {
                let (role, bytes) = (role(input)?, chunk(input)?.to_vec());
                Self::NotSent { role, urgent: tag == 5, bytes, message: text(input)? }
            }
            6 => Self::Bytes(role(input)?, chunk(input)?.to_vec()),
            7 => Self::Lost(role(input)?, text(input)?),
            8 => Self::Deadline,
            9 => Self::Signal(Interrupt::Int),
            10 => Self::Signal(Interrupt::Term),
            _ => return None,
        })
    }
}

fn take<'i>(input: &mut &'i [u8], count: usize) -> Option<&'i [u8]> {
    let (taken, rest) = input.split_at_checked(count)?;
    *input = rest;
    Some(taken)
}

fn role(input: &mut &[u8]) -> Option<Role> {
    let number = take(input, 1)?[0];
    Role::ALL.into_iter().find(|role| *role as u8 == number)
}

fn chunk<'i>(input: &mut &'i [u8]) -> Option<&'i [u8]> {
    let length = u32::from_le_bytes(take(input, 4)?.try_into().ok()?);
    take(input, usize::try_from(length).ok()?)
}

fn text(input: &mut &[u8]) -> Option<String> {
    Some(String::from_utf8_lossy(chunk(input)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{
        Header, Record, Tape,
        record::{RecordingLink, Writer},
        replay::{Reader, TapeLink},
    };
    use crate::{
        link::{
            Link, LinkError, Role, Wake,
            interrupt::{Interrupt, InterruptFlag},
        },
        time::RunTime,
    };
    use proptest::prelude::*;
    use std::{cell::RefCell, io, rc::Rc, time::Duration};

    /// A device that says back what it is told, a millisecond later; it is lost after `lost_after` waits.
    #[derive(Default)]
    struct Parrot {
        now: RunTime,
        said: Vec<u8>,
        waits: u32,
        lost_after: u32,
        signal_at: Option<(u32, InterruptFlag)>,
    }

    impl Link for Parrot {
        fn now(&mut self) -> RunTime {
            self.now = self.now + Duration::from_nanos(1);
            self.now
        }

        fn send(&mut self, role: Role, bytes: &[u8], _urgent: bool) -> Result<(), LinkError> {
            if bytes.is_empty() {
                return Err(LinkError { role, message: "nothing to send".to_owned() });
            }
            self.said.extend_from_slice(bytes);
            Ok(())
        }

        fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake {
            self.waits += 1;
            if let Some((at, flag)) = &self.signal_at
                && *at == self.waits
            {
                flag.raise(Interrupt::Term);
            }
            bytes.clear();
            if self.waits == self.lost_after {
                return Wake::Lost(Role::Stage, "unplugged".to_owned());
            }
            if self.said.is_empty() {
                self.now = deadline;
                return Wake::Deadline;
            }
            self.now = self.now + Duration::from_millis(1);
            bytes.append(&mut self.said);
            Wake::Bytes(Role::Pen)
        }
    }

    /// A file in memory, kept by the test.
    #[derive(Clone, Default)]
    struct Shared(Rc<RefCell<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Some traffic: what a bench saw of it.
    fn traffic(link: &mut dyn Link, words: &[Vec<u8>], flag: &InterruptFlag) -> Vec<String> {
        let mut seen = Vec::new();
        let mut bytes = Vec::new();
        for word in words {
            seen.push(format!("{:?}", link.send(Role::Pen, word, word.len() > 3)));
            let deadline = link.now() + Duration::from_millis(5);
            seen.push(format!("{:?} {bytes:?}", link.wait(deadline, &mut bytes)));
            seen.push(format!("{:?} {:?}", link.now(), flag.get()));
        }
        seen
    }

    fn recorded(words: &[Vec<u8>], parrot: Parrot, outer: &InterruptFlag) -> (Vec<u8>, Vec<String>) {
        let file = Shared::default();
        let writer = Writer::new(Box::new(file.clone()), &Header::new("2026-01-01T00:00:00Z"));
        let inner = InterruptFlag::default();
        let mut link = RecordingLink::new(Box::new(parrot), Rc::clone(&writer), outer.clone(), inner.clone());
        let seen = traffic(&mut link, words, &inner);
        drop(link);
        writer.borrow_mut().end().expect("memory takes it");
        let bytes = file.0.borrow().clone();
        (bytes, seen)
    }

    fn replayed(tape: &[u8], words: &[Vec<u8>]) -> (Vec<String>, Option<String>) {
        let reader = Rc::new(RefCell::new(Reader::new(tape).expect("a tape")));
        let flag = InterruptFlag::default();
        let mut link = TapeLink::new(Rc::clone(&reader), flag.clone());
        let seen = traffic(&mut link, words, &flag);
        let deviation = reader.borrow().deviation().map(str::to_owned);
        (seen, deviation)
    }

    proptest! {
        #[test]
        fn a_replay_is_what_was_recorded(
            words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..40),
            lost_after in 0_u32..60,
            signal_at in 0_u32..60,
        ) {
            let outer = InterruptFlag::default();
            let parrot = Parrot { lost_after, signal_at: Some((signal_at, outer.clone())), ..Parrot::default() };
            let (tape, seen) = recorded(&words, parrot, &outer);
            prop_assert_eq!(replayed(&tape, &words), (seen, None));
        }

        #[test]
        fn any_bytes_are_a_tape_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..400) {
            prop_assert!(Reader::new(&bytes).is_err());
            let (tape, _) = recorded(&[vec![1, 2], vec![3]], Parrot::default(), &InterruptFlag::default());
            // A tape that was cut off is good up to there.
            let _ = Reader::new(&tape[..cut.min(tape.len())]);
        }

        #[test]
        fn records_come_back(bytes in prop::collection::vec(any::<u8>(), 0..50), nanos: u64) {
            let message = "why".to_owned();
            let records = [
                Record::Opened,
                Record::Now(nanos),
                Record::Sent { role: Role::Force, urgent: true, bytes: bytes.clone() },
                Record::NotSent { role: Role::Pen, urgent: false, bytes: bytes.clone(), message: message.clone() },
                Record::Bytes(Role::Stage, bytes),
                Record::Lost(Role::Pen, message),
                Record::Deadline,
                Record::Signal(Interrupt::Int),
            ];
            let mut wire = Vec::new();
            records.iter().for_each(|record| record.encode(&mut wire));
            let mut input = &wire[..];
            for record in records {
                prop_assert_eq!(Record::decode(&mut input), Some(record));
            }
            prop_assert_eq!(Record::decode(&mut input), None);
        }
    }

    #[test]
    fn another_byte_is_named_with_time_device_and_both_bytes() {
        let words = [vec![1, 2], vec![3, 4]];
        let (tape, _) = recorded(&words, Parrot::default(), &InterruptFlag::default());
        let (seen, deviation) = replayed(&tape, &[vec![1, 2], vec![3, 5]]);
        let deviation = deviation.expect("another byte");
        for part in ["0.001", "pen", "03 04", "03 05"] {
            assert!(deviation.contains(part), "{deviation}");
        }
        assert!(seen[3].contains("deviates"), "{}", seen[3]);
    }

    #[test]
    fn a_tape_that_ends_early_says_so() {
        let (tape, _) = recorded(&[vec![1]], Parrot::default(), &InterruptFlag::default());
        let (_, deviation) = replayed(&tape, &[vec![1], vec![2]]);
        assert!(deviation.expect("no more").contains("ends"), "the tape");
        assert!(matches!(Tape::default(), Tape::Off));
    }
}
