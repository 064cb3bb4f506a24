//! A tape in place of a bench.

use super::{BLOCK_BYTES_MAX, Header, MAGIC, Record, VERSION, take};
use crate::{
    link::{Link, LinkError, Role, Wake, interrupt::InterruptFlag},
    time::RunTime,
};
use std::{cell::RefCell, collections::VecDeque, rc::Rc};

/// Bytes of each side that a deviation shows.
const SHOWN_BYTES: usize = 32;

/// A tape, as far as it is read.
#[derive(Debug)]
pub struct Reader {
    header: Header,
    records: VecDeque<Record>,
    whole: bool,
    deviation: Option<String>,
}

impl Reader {
    /// Reads a tape. One that was cut off is good up to its last whole block.
    ///
    /// # Errors
    ///
    /// What is wrong, for bytes that are no tape, or one of another version.
    pub fn new(mut bytes: &[u8]) -> Result<Self, String> {
        let input = &mut bytes;
        let no_tape = || "this is no tape: its first bytes are others; tapes are made with `rig validate --tape FILE`";
        if take(input, MAGIC.len()) != Some(&MAGIC) {
            return Err(no_tape().to_owned());
        }
        let version = take(input, 2).map(|version| u16::from(version[0]) | u16::from(version[1]) << 8);
        if version != Some(VERSION) {
            return Err(format!("tape version {version:?} is not known to this build, which reads {VERSION}"));
        }
        let header = block(input).ok_or_else(|| no_tape().to_owned())?;
        let header = serde_json::from_slice(header).map_err(|error| format!("the tape's header: {error}"))?;
        let (mut records, mut whole) = (VecDeque::new(), false);
        while let Some(packed) = block(input) {
            if packed.is_empty() {
                whole = true;
                break;
            }
            let unpacked = zstd::bulk::decompress(packed, BLOCK_BYTES_MAX)
                .map_err(|error| format!("a block after {} records cannot be read: {error}", records.len()))?;
            let mut rest = &unpacked[..];
            while !rest.is_empty() {
                let record = Record::decode(&mut rest);
                records.push_back(record.ok_or_else(|| format!("record {} cannot be read", records.len()))?);
            }
        }
        Ok(Self { header, records, whole, deviation: None })
    }

    /// What the tape begins with.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the recording was ended, and not cut off.
    pub fn whole(&self) -> bool {
        self.whole
    }

    /// Where the replay left the tape, if it did.
    pub fn deviation(&self) -> Option<&str> {
        self.deviation.as_deref()
    }
}

fn block<'i>(input: &mut &'i [u8]) -> Option<&'i [u8]> {
    let length = u32::from_le_bytes(take(input, 4)?.try_into().ok()?);
    let length = usize::try_from(length).ok().filter(|&length| length <= BLOCK_BYTES_MAX)?;
    take(input, length)
}

/// A link that answers as the tape says, and asks to be asked the same.
pub struct TapeLink {
    tape: Rc<RefCell<Reader>>,
    /// The signals that the bench is told.
    told: InterruptFlag,
    now: RunTime,
}

impl TapeLink {
    /// The next bench on the tape.
    pub fn new(tape: Rc<RefCell<Reader>>, told: InterruptFlag) -> Self {
        let mut link = Self { tape, told, now: RunTime::ZERO };
        if link.next() != Some(Record::Opened) {
            link.deviate("the bench is opened", "something else happened then");
        }
        link
    }

    fn next(&mut self) -> Option<Record> {
        let mut tape = self.tape.borrow_mut();
        if tape.deviation.is_some() { None } else { tape.records.pop_front() }
    }

    /// Leaves the tape; the first time counts.
    fn deviate(&mut self, now: &str, then: &str) -> String {
        let mut tape = self.tape.borrow_mut();
        let text = if tape.records.is_empty() && then.is_empty() {
            let end = if tape.whole { "ends" } else { "was cut off and ends" };
            format!("the replay deviates: the tape {end} at {}, and now {now}", self.now)
        } else {
            format!(
                "the replay deviates from the tape at {}: then {then}, now {now}; the program or the settings are not \
                 those of the recording",
                self.now
            )
        };
        tape.deviation.get_or_insert(text).clone()
    }
}

/// What happened, in words.
fn words(record: Option<&Record>) -> String {
    let of = |what: &str, role: Role, bytes: &[u8]| {
        let shown: Vec<String> = bytes.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect();
        format!("{what} {} {} ({} bytes)", role.name(), shown.join(" "), bytes.len())
    };
    match record {
        None => String::new(),
        Some(Record::Opened) => "the bench was opened".to_owned(),
        Some(Record::Now(_)) => "the time was asked".to_owned(),
        Some(Record::Sent { role, bytes, .. } | Record::NotSent { role, bytes, .. }) => of("to the", *role, bytes),
        Some(Record::Bytes(role, bytes)) => of("a wait brought from the", *role, bytes),
        Some(Record::Lost(role, _)) => format!("a wait brought the loss of the {}", role.name()),
        Some(Record::Deadline) => "a wait ended at its deadline".to_owned(),
        Some(Record::Signal(_)) => "a signal came".to_owned(),
    }
}

impl Link for TapeLink {
    fn now(&mut self) -> RunTime {
        match self.next() {
            Some(Record::Now(nanos)) => self.now = RunTime::from_nanos(nanos).max(self.now),
            other => {
                self.deviate("the time is asked", &words(other.as_ref()));
            }
        }
        self.now
    }

    fn send(&mut self, role: Role, bytes: &[u8], urgent: bool) -> Result<(), LinkError> {
        let now = Record::Sent { role, urgent, bytes: bytes.to_vec() };
        match self.next() {
            Some(then) if then == now => Ok(()),
            Some(Record::NotSent { role: to, urgent: so, bytes: same, message })
                if (to, so, &same[..]) == (role, urgent, bytes) =>
            {
                Err(LinkError { role, message })
            }
            other => {
                let message = self.deviate(&words(Some(&now)), &words(other.as_ref()));
                Err(LinkError { role, message })
            }
        }
    }

    fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake {
        bytes.clear();
        let wake = match self.next() {
            Some(Record::Bytes(role, chunk)) => {
                *bytes = chunk;
                Wake::Bytes(role)
            }
            Some(Record::Lost(role, message)) => Wake::Lost(role, message),
            Some(Record::Deadline) => Wake::Deadline,
            other => {
                let message = self.deviate("a wait begins", &words(other.as_ref()));
                let first = self.now < deadline;
                // Time goes on, so that whoever waits for the end of something comes to an end.
                self.now = self.now.max(deadline);
                return if first { Wake::Lost(Role::Pen, message) } else { Wake::Deadline };
            }
        };
        let signal = match self.tape.borrow().records.front() {
            Some(Record::Signal(interrupt)) => Some(*interrupt),
            _ => None,
        };
        if let Some(interrupt) = signal {
            self.next();
            self.told.raise(interrupt);
        }
        wake
    }
}
