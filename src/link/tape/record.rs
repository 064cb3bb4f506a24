//! Writing a tape beside a link that works.

use super::{BLOCK_BYTES, Header, MAGIC, Record, VERSION};
use crate::{
    link::{Hand, Link, LinkError, Role, Wake, interrupt::InterruptFlag},
    time::RunTime,
};
use std::{cell::RefCell, io, io::Write, rc::Rc, time::Duration};

/// Oldest record that is still in memory only: what a killed process loses.
const UNWRITTEN_MAX: Duration = Duration::from_secs(1);

/// The tape of a run; several benches one after the other record on it.
pub struct Writer {
    out: Box<dyn Write>,
    block: Vec<u8>,
    written_at: RunTime,
    /// The first failure; nothing is written after it, and the run goes on.
    failed: Option<String>,
}

impl Writer {
    /// Begins a tape.
    pub fn new(out: Box<dyn Write>, header: &Header) -> Rc<RefCell<Self>> {
        let mut writer = Self { out, block: Vec::new(), written_at: RunTime::ZERO, failed: None };
        let text = serde_json::to_vec(header).unwrap_or_default();
        let head = [&MAGIC[..], &VERSION.to_le_bytes(), &(text.len() as u32).to_le_bytes(), &text].concat();
        writer.put(&head);
        Rc::new(RefCell::new(writer))
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.out.write_all(bytes).err().map(|error| error.to_string());
        }
    }

    fn record(&mut self, now: RunTime, record: &Record) {
        record.encode(&mut self.block);
        if self.block.len() >= BLOCK_BYTES || now.since(self.written_at) >= UNWRITTEN_MAX {
            self.written_at = now;
            self.write_block();
        }
    }

    fn write_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        if block.is_empty() {
            return;
        }
        match zstd::bulk::compress(&block, 0) {
            Ok(packed) => {
                self.put(&(packed.len() as u32).to_le_bytes());
                self.put(&packed);
            }
            Err(error) => self.failed = self.failed.take().or(Some(error.to_string())),
        }
    }

    /// Ends the tape.
    ///
    /// # Errors
    ///
    /// Why it is not whole: the first failure to write.
    pub fn end(&mut self) -> Result<(), String> {
        self.write_block();
        self.put(&0_u32.to_le_bytes());
        let flushed = self.out.flush().map_err(|error: io::Error| error.to_string());
        self.failed.take().map_or(flushed, Err)
    }
}

/// A link beside which a tape runs.
///
/// Signals reach the bench at the end of a wait alone, so that a replay can bring them at the same place.
pub struct RecordingLink {
    inner: Box<dyn Link>,
    tape: Rc<RefCell<Writer>>,
    /// The signals of the process, and those that the bench is told.
    outer: InterruptFlag,
    told: InterruptFlag,
    now: RunTime,
}

impl RecordingLink {
    /// Records what passes through `inner`. The bench must look at `told` in place of `outer`.
    pub fn new(inner: Box<dyn Link>, tape: Rc<RefCell<Writer>>, outer: InterruptFlag, told: InterruptFlag) -> Self {
        let link = Self { inner, tape, outer, told, now: RunTime::ZERO };
        link.tape.borrow_mut().written_at = RunTime::ZERO;
        link.record(&Record::Opened);
        link
    }

    fn record(&self, record: &Record) {
        self.tape.borrow_mut().record(self.now, record);
    }
}

impl Link for RecordingLink {
    fn by_hand(&mut self, hand: Hand) -> bool {
        self.inner.by_hand(hand)
    }

    fn now(&mut self) -> RunTime {
        self.now = self.inner.now();
        self.record(&Record::Now(self.now.as_nanos()));
        self.now
    }

    fn send(&mut self, role: Role, bytes: &[u8], urgent: bool) -> Result<(), LinkError> {
        let sent = self.inner.send(role, bytes, urgent);
        let bytes = bytes.to_vec();
        self.record(&match &sent {
            Ok(()) => Record::Sent { role, urgent, bytes },
            Err(error) => Record::NotSent { role, urgent, bytes, message: error.message.clone() },
        });
        sent
    }

    fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake {
        let wake = self.inner.wait(deadline, bytes);
        self.record(&match &wake {
            Wake::Bytes(role) => Record::Bytes(*role, bytes.clone()),
            Wake::Lost(role, message) => Record::Lost(*role, message.clone()),
            Wake::Deadline => Record::Deadline,
        });
        if let (Some(interrupt), None) = (self.outer.get(), self.told.get()) {
            self.told.raise(interrupt);
            self.record(&Record::Signal(interrupt));
        }
        wake
    }
}
