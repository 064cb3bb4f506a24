//! Requests over BENCH-LINK: sequence numbers, deadlines, repetition, one request at a time.
//!
//! A repeated request carries the same sequence number, and the device then repeats its reply without acting twice
//! (protocol page), so every request may be repeated.

use super::DeviceFault;
use crate::{
    link::Role,
    time::RunTime,
    wire::bench_link::{
        Frame, FrameDecoder, VERSION,
        code::{Kind, Op},
        command::{Command, ErrorReply, Payload},
        encode_request,
    },
};
use std::{collections::VecDeque, time::Duration};

/// Time allowed for one reply; covers a 16 ms USB latency timer many times.
pub const REPLY_WAIT: Duration = Duration::from_millis(150);
/// Attempts before a device counts as silent.
pub const ATTEMPTS_MAX: u32 = 3;

struct Request {
    op: Op,
    sequence: u16,
    bytes: Vec<u8>,
    urgent: bool,
}

struct Pending {
    request: Request,
    /// When it was first sent.
    asked: RunTime,
    deadline: RunTime,
    attempts: u32,
}

/// The request side of a session.
pub struct Requester {
    role: Role,
    sequence: u16,
    queue: VecDeque<Request>,
    pending: Option<Pending>,
    outbox: VecDeque<(Vec<u8>, bool)>,
    /// Replies that answered nothing that was pending, and events that came twice.
    pub strays: u64,
    /// Packets dropped before the device said who it is: a boot banner is no damage.
    pub dropped_before: u64,
    bytes_received: u64,
}

impl Requester {
    /// A requester that has sent nothing; its first bytes are a lone zero, which ends whatever the device had begun.
    pub fn new(role: Role) -> Self {
        let outbox = VecDeque::from([(vec![0], false)]);
        Self {
            role,
            sequence: 0,
            queue: VecDeque::new(),
            pending: None,
            outbox,
            strays: 0,
            dropped_before: 0,
            bytes_received: 0,
        }
    }

    /// Queues a request. An urgent one drops what waits, and what is pending.
    pub fn request<C: Command>(&mut self, now: RunTime, command: &C, urgent: bool) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        encode_request(self.sequence, command, &mut bytes);
        if urgent {
            self.queue.clear();
            self.pending = None;
            self.outbox.clear();
        }
        self.queue.push_back(Request { op: C::OP, sequence: self.sequence, bytes, urgent });
        self.send_next(now);
    }

    fn send_next(&mut self, now: RunTime) {
        if self.pending.is_some() {
            return;
        }
        if let Some(request) = self.queue.pop_front() {
            self.outbox.push_back((request.bytes.clone(), request.urgent));
            self.pending = Some(Pending { request, asked: now, deadline: now + REPLY_WAIT, attempts: 1 });
        }
    }

    /// Counts received bytes, for the message about a silent device.
    pub fn count(&mut self, bytes: usize) {
        self.bytes_received += bytes as u64;
    }

    /// Matches a reply to the pending request: its operation and when it was first sent, or the device's reason where it
    /// refused.
    pub fn answered(&mut self, now: RunTime, frame: &Frame<'_>) -> Option<Result<(Op, RunTime), DeviceFault>> {
        let matches =
            |pending: &Pending| pending.request.sequence == frame.sequence && pending.request.op as u8 == frame.op;
        if frame.version != VERSION || !self.pending.as_ref().is_some_and(matches) {
            self.strays += 1;
            return None;
        }
        let pending = self.pending.take()?;
        self.send_next(now);
        if frame.kind != Kind::Error {
            return Some(Ok((pending.request.op, pending.asked)));
        }
        let reason = match ErrorReply::from_bytes(frame.payload) {
            Ok(error) => format!("{} (detail {})", error.code, error.detail),
            Err(error) => error.to_string(),
        };
        Some(Err(DeviceFault::Refused { role: self.role, command: pending.request.op.to_string(), reason }))
    }

    /// Repeats or gives up what is overdue.
    pub fn tick(&mut self, now: RunTime) -> Option<DeviceFault> {
        let pending = self.pending.as_mut().filter(|pending| pending.deadline <= now)?;
        if pending.attempts < ATTEMPTS_MAX {
            pending.attempts += 1;
            pending.deadline = now + REPLY_WAIT;
            self.outbox.push_back((pending.request.bytes.clone(), pending.request.urgent));
            return None;
        }
        let command = pending.request.op.to_string();
        self.pending = None;
        self.queue.clear();
        let (waited, attempts, bytes) = (REPLY_WAIT, ATTEMPTS_MAX, self.bytes_received);
        Some(DeviceFault::Silent { role: self.role, command, waited, attempts, bytes })
    }

    /// When the pending request is overdue.
    pub fn next_tick(&self) -> Option<RunTime> {
        self.pending.as_ref().map(|pending| pending.deadline)
    }

    /// Whether anything is pending or waits.
    pub fn busy(&self) -> bool {
        self.pending.is_some()
    }

    /// The next bytes to send.
    pub fn transmit(&mut self) -> Option<(Vec<u8>, bool)> {
        self.outbox.pop_front()
    }
}

/// What was thrown away on the way in, in words; empty where nothing was.
pub fn damage(decoder: &FrameDecoder, requester: &Requester) -> String {
    match (decoder.dropped().packets() - requester.dropped_before, requester.strays) {
        (0, 0) => String::new(),
        (packets, strays) => {
            format!("{packets} damaged packets dropped, {strays} replies answered nothing pending or came twice")
        }
    }
}
