//! The device's end of BENCH-LINK v1: what pen and DAQ firmware share.
//!
//! Invariants: every request with a right CRC is answered; a repeated request that must not act twice is answered with
//! the reply that was kept; frames that are no requests (an echo of our own, say) are ignored and counted.

use crate::{
    time::RunTime,
    wire::bench_link::{
        BODY_BYTES_MAX, Frame, FrameDecoder, VERSION,
        code::{Capabilities, ErrorCode, Kind, Op},
        command::{ErrorReply, Identity, Payload, SCHEMA_HASH},
        encode, encode_error, encode_event,
    },
};

/// Who a simulated BENCH-LINK device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceIdentity {
    /// Unique id, for life.
    pub device_uid: [u8; 12],
    /// Firmware version: major, minor, patch.
    pub firmware: [u8; 3],
    /// Random number of this boot.
    pub boot_id: u32,
}

impl DeviceIdentity {
    /// Another number for another boot.
    pub(crate) fn boot_again(&mut self) {
        // Any odd step goes through all numbers before one comes again.
        self.boot_id = self.boot_id.wrapping_add(0x9E37_79B9);
    }

    /// The reply to HELLO.
    pub(crate) fn hello(&self, capabilities: Capabilities, lease_max_ms: u16) -> Identity {
        let Self { device_uid, firmware, boot_id } = *self;
        Identity {
            protocol: VERSION,
            firmware,
            schema_hash: SCHEMA_HASH,
            device_uid,
            boot_id,
            capabilities,
            body_bytes_max: BODY_BYTES_MAX as u8,
            lease_max_ms,
        }
    }
}

/// Microseconds on a device's clock; simulated devices boot when the run begins.
pub(crate) fn device_us(now: RunTime) -> u64 {
    now.as_nanos() / 1000
}

/// What is to be sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    wire: Vec<u8>,
    events: u16,
}

impl Outbox {
    /// Queues an event under the device's own counter.
    pub(crate) fn event(&mut self, op: Op, payload: &[u8]) {
        encode_event(self.events, op, payload, &mut self.wire);
        self.events = self.events.wrapping_add(1);
    }
}

/// A request that was done and must not be done again, with its reply.
#[derive(Debug)]
struct Kept {
    sequence: u16,
    op: u8,
    request: Vec<u8>,
    reply: Vec<u8>,
}

/// The device's end of one link.
#[derive(Debug)]
pub(crate) struct Endpoint {
    decoder: FrameDecoder,
    pub(crate) outbox: Outbox,
    kept: Option<Kept>,
    ignored_frames: u64,
}

impl Endpoint {
    /// An endpoint that has just booted, with its banner on the way. The zero behind the banner ends it.
    pub(crate) fn booted(banner: &str) -> Self {
        let wire = [banner.as_bytes(), b"\r\n\0"].concat();
        Self { decoder: FrameDecoder::default(), outbox: Outbox { wire, events: 0 }, kept: None, ignored_frames: 0 }
    }

    /// Answers the requests in `bytes`; `act` does one and gives the payload of its reply.
    pub(crate) fn receive(
        &mut self,
        mut bytes: &[u8],
        mut act: impl FnMut(Op, &[u8], &mut Outbox) -> Result<Vec<u8>, ErrorReply>,
    ) {
        let Self { decoder, outbox, kept, ignored_frames } = self;
        while let Some(frame) = decoder.next_frame(&mut bytes) {
            if frame.kind == Kind::Request {
                answer(&frame, outbox, kept, &mut act);
            } else {
                *ignored_frames += 1;
            }
        }
    }

    /// Moves what is to be sent to the end of `out`.
    pub(crate) fn transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.outbox.wire);
    }
}

fn answer(
    frame: &Frame<'_>,
    outbox: &mut Outbox,
    kept: &mut Option<Kept>,
    act: &mut impl FnMut(Op, &[u8], &mut Outbox) -> Result<Vec<u8>, ErrorReply>,
) {
    let &Frame { version, sequence, op, payload, .. } = frame;
    let mut refuse = |code, detail| encode_error(sequence, op, ErrorReply { code, detail }, &mut outbox.wire);
    if version != VERSION {
        return refuse(ErrorCode::Version, VERSION);
    }
    let Ok(known) = Op::try_from(op) else {
        return refuse(ErrorCode::Op, op);
    };
    if known == Op::Hello {
        *kept = None;
    }
    if let Some(done) =
        kept.as_ref().filter(|done| (done.sequence, done.op) == (sequence, op) && done.request == payload)
    {
        return outbox.wire.extend_from_slice(&done.reply);
    }
    let mut reply = Vec::new();
    match act(known, payload, outbox) {
        Ok(payload) => encode(Kind::Reply, sequence, op, &payload, &mut reply),
        Err(error) => encode(Kind::Error, sequence, op, &error.to_bytes(), &mut reply),
    }
    outbox.wire.extend_from_slice(&reply);
    if acts_only_once(known) {
        *kept = Some(Kept { sequence, op, request: payload.to_vec(), reply });
    }
}

/// Whether doing the operation twice differs from doing it once.
fn acts_only_once(op: Op) -> bool {
    matches!(op, Op::Set | Op::Arm | Op::Run | Op::ClearFaults | Op::Hold | Op::TelemetryConfig)
}
