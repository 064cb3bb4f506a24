//! BENCH-LINK v1: frames between the host and a pen or a force DAQ.
//!
//! A frame is `COBS(body ‖ CRC-16 little-endian) ‖ 0x00` with the body `[version << 4 | kind][sequence u16][op][payload]`.
//! The page a firmware engineer implements from is `fixtures/protocols/bench-link-v1.md`; [`code`] holds its states and
//! codes, [`command`] its operations, [`telemetry`] its sample batches.
//!
//! Invariants: a frame with a wrong CRC is never delivered; what is thrown away is counted; a payload is decoded only
//! at its exact length. Deliberately absent: matching replies to requests, leases and retries, which need time.

pub mod code;
pub mod command;
pub mod telemetry;

use crate::{
    checksum::crc16,
    wire::{
        bench_link::{
            code::{Kind, Op},
            command::{Command, ErrorReply, Payload},
        },
        cobs::{self, Deframer},
    },
};

/// The version of the protocol that this module speaks.
pub const VERSION: u8 = 1;

/// Longest body: header and payload.
pub const BODY_BYTES_MAX: usize = 252;

/// Longest payload.
pub const PAYLOAD_BYTES_MAX: usize = BODY_BYTES_MAX - HEADER_BYTES;

const HEADER_BYTES: usize = 4;
const CRC_BYTES: usize = 2;

/// A frame whose CRC was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'d> {
    /// Protocol version of the sender; compare with [`VERSION`] before anything else is believed.
    pub version: u8,
    /// Request, reply, error or event.
    pub kind: Kind,
    /// Sequence number: of the request in requests, replies and errors; of the device's own counter in events.
    pub sequence: u16,
    /// Operation as it came, known or not; see [`Op::try_from`].
    pub op: u8,
    /// What follows the header.
    pub payload: &'d [u8],
}

/// What a [`FrameDecoder`] threw away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Packets of the framing below: overlong, malformed, and their bytes.
    pub framing: cobs::Dropped,
    /// Packets whose CRC was wrong.
    pub bad_crc: u64,
    /// Packets with a right CRC that are too short for a header, or of a kind that version 1 does not have.
    pub bad_header: u64,
}

impl Dropped {
    /// Packets thrown away, for whatever reason.
    pub fn packets(&self) -> u64 {
        self.framing.overlong + self.framing.malformed + self.bad_crc + self.bad_header
    }
}

/// Finds frames in a byte stream.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    deframer: Deframer,
    bad_crc: u64,
    bad_header: u64,
}

impl FrameDecoder {
    /// Takes the next frame from what is pending and from the front of `input`; `None` when all of it is consumed.
    pub fn next_frame<'d>(&'d mut self, input: &mut &[u8]) -> Option<Frame<'d>> {
        let Self { deframer, bad_crc, bad_header } = self;
        let packet = loop {
            // Found by length first: the borrow checker does not yet let a loop return what it borrowed conditionally.
            let packet = deframer.next_packet(input)?;
            match check(packet) {
                Ok(()) => break deframer.last_packet(),
                Err(Defect::Crc) => *bad_crc += 1,
                Err(Defect::Header) => *bad_header += 1,
            }
        };
        split(packet)
    }

    /// Bytes of a frame whose end has not come yet.
    pub fn pending_bytes(&self) -> usize {
        self.deframer.pending_bytes()
    }

    /// What was thrown away so far.
    pub fn dropped(&self) -> Dropped {
        Dropped { framing: self.deframer.dropped(), bad_crc: self.bad_crc, bad_header: self.bad_header }
    }
}

enum Defect {
    Crc,
    Header,
}

fn check(packet: &[u8]) -> Result<(), Defect> {
    let (body, crc) = packet.split_last_chunk::<CRC_BYTES>().ok_or(Defect::Crc)?;
    if crc16(body) != u16::from_le_bytes(*crc) {
        return Err(Defect::Crc);
    }
    split(packet).map(|_| ()).ok_or(Defect::Header)
}

fn split(packet: &[u8]) -> Option<Frame<'_>> {
    let (body, _crc) = packet.split_last_chunk::<CRC_BYTES>()?;
    let (&[head, low, high, op], payload) = body.split_first_chunk::<HEADER_BYTES>()?;
    Some(Frame {
        version: head >> 4,
        kind: Kind::try_from(head & 0x0F).ok()?,
        sequence: u16::from_le_bytes([low, high]),
        op,
        payload,
    })
}

/// Appends one frame to `wire`. Golden vectors are on the page of the protocol.
///
/// # Panics
///
/// Where `payload` is longer than [`PAYLOAD_BYTES_MAX`]: payloads are built by this crate, never by a peer.
pub fn encode(kind: Kind, sequence: u16, op: u8, payload: &[u8], wire: &mut Vec<u8>) {
    assert!(payload.len() <= PAYLOAD_BYTES_MAX, "payload of {} bytes, limit {PAYLOAD_BYTES_MAX}", payload.len());
    let [low, high] = sequence.to_le_bytes();
    let mut packet = Vec::with_capacity(HEADER_BYTES + payload.len() + CRC_BYTES);
    packet.extend([VERSION << 4 | kind as u8, low, high, op]);
    packet.extend_from_slice(payload);
    packet.extend(crc16(&packet).to_le_bytes());
    cobs::encode(&packet, wire);
}

/// Appends a request to `wire`.
pub fn encode_request<C: Command>(sequence: u16, command: &C, wire: &mut Vec<u8>) {
    encode(Kind::Request, sequence, C::OP as u8, &command.to_bytes(), wire);
}

/// Appends the reply to a request to `wire`.
pub fn encode_reply<C: Command>(sequence: u16, reply: &C::Reply, wire: &mut Vec<u8>) {
    encode(Kind::Reply, sequence, C::OP as u8, &reply.to_bytes(), wire);
}

/// Appends the refusal of a request to `wire`; `op` as the request had it, known or not.
pub fn encode_error(sequence: u16, op: u8, error: ErrorReply, wire: &mut Vec<u8>) {
    encode(Kind::Error, sequence, op, &error.to_bytes(), wire);
}

/// Appends an event to `wire`; `sequence` is the device's own counter.
pub fn encode_event(sequence: u16, op: Op, payload: &[u8], wire: &mut Vec<u8>) {
    encode(Kind::Event, sequence, op as u8, payload, wire);
}

#[cfg(test)]
mod tests {
    use super::{
        Dropped, FrameDecoder, PAYLOAD_BYTES_MAX, VERSION,
        code::{Capabilities, ErrorCode, Faults, Flags, Kind, Op, State},
        command::{
            Arm, Command, DecodeError, Echo, ErrorReply, FlagEvent, Heartbeat, Hello, Hold, Identity, Payload, Run,
            SCHEMA_HASH, Set, Status, Stop, TelemetryConfig,
        },
        encode, encode_error, encode_reply, encode_request,
    };
    use crate::{checksum::hex, wire::cobs};
    use proptest::prelude::*;

    type Owned = (u8, Kind, u16, u8, Vec<u8>);

    fn decoded<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> (Vec<Owned>, Dropped) {
        let mut decoder = FrameDecoder::default();
        let mut frames = Vec::new();
        for mut chunk in chunks {
            while let Some(frame) = decoder.next_frame(&mut chunk) {
                frames.push((frame.version, frame.kind, frame.sequence, frame.op, frame.payload.to_vec()));
            }
        }
        (frames, decoder.dropped())
    }

    /// Vectors made with PyPI `cobs` 1.2.2 and `crcmod`.
    #[test]
    fn golden_vectors() {
        let set = Set { rate_chz: 12_000, set_depth_um: 1_500 };
        let rows = [
            (1, Op::Hello, vec![], "031001040176b800"),
            (0x1234, Op::Heartbeat, vec![], "071034120251c300"),
            (2, Op::Set, set.to_bytes(), "0310020410e02e0105dc0578c800"),
            (0, Op::Echo, vec![0; 8], "021001027f0101010101010103268000"),
        ];
        for (sequence, op, payload, expected) in rows {
            let mut wire = Vec::new();
            encode(Kind::Request, sequence, op as u8, &payload, &mut wire);
            assert_eq!(hex(&wire), expected, "{op}");
            let frame = (VERSION, Kind::Request, sequence, op as u8, payload);
            assert_eq!(decoded([&wire[..]]), (vec![frame], Dropped::default()), "{op}");
        }
    }

    #[test]
    fn a_command_encodes_as_its_golden_vector() {
        let mut wire = Vec::new();
        encode_request(1, &Hello, &mut wire);
        assert_eq!(hex(&wire), "031001040176b800");
    }

    /// The table of the page: body, CRC, wire, made without this code.
    #[test]
    fn vectors_of_the_page() {
        let page = include_str!("../../../fixtures/protocols/bench-link-v1.md");
        let bytes = |text: &str| -> Vec<u8> {
            let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).expect("hexadecimal")).collect();
            digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
        };
        let rows = page.lines().filter_map(|line| {
            let cells: Vec<&str> = line.split('`').collect();
            let [_, body, _, _crc, _, wire, _] = cells[..] else { return None };
            line.starts_with('|').then(|| (bytes(body), bytes(wire)))
        });
        let mut count = 0;
        for (body, wire) in rows {
            let (frames, dropped) = decoded([&wire[..]]);
            let [(_, kind, sequence, op, payload)] = &frames[..] else { panic!("{body:x?}: {frames:?}") };
            let mut encoded = Vec::new();
            encode(*kind, *sequence, *op, payload, &mut encoded);
            assert_eq!((hex(&encoded), dropped), (hex(&wire), Dropped::default()));
            assert_eq!(body[4..], payload[..]);
            count += 1;
        }
        assert_eq!(count, 14);
    }

    #[test]
    fn the_schema_hash_is_the_one_on_the_page() {
        let page = include_str!("../../../fixtures/protocols/bench-link-v1.md");
        assert!(page.contains(&format!("`{SCHEMA_HASH:#010x}`")), "page does not name {SCHEMA_HASH:#010x}");
        assert!(page.contains(super::command::SCHEMA), "page does not hold the schema text");
    }

    #[test]
    fn what_is_thrown_away_is_counted_by_its_reason() {
        let mut wire = b"pen 1.0\r\n\0".to_vec();
        let mut flipped = Vec::new();
        encode_request(3, &Stop, &mut flipped);
        flipped[1] ^= 0x01;
        wire.extend(&flipped);
        for packet in [&[0x10_u8, 0, 0, 1][..], &[0x1F, 1, 0, 1]] {
            let crc = crate::checksum::crc16(packet).to_le_bytes();
            cobs::encode(&[packet, &crc].concat(), &mut wire);
        }
        cobs::encode(&crate::checksum::crc16(b"").to_le_bytes(), &mut wire);
        let (frames, dropped) = decoded(wire.chunks(5));
        assert_eq!(frames.len(), 1);
        assert_eq!((dropped.framing.malformed, dropped.bad_crc, dropped.bad_header), (1, 1, 2));
        assert_eq!(dropped.packets(), 4);
    }

    fn reads_back<P: Payload + PartialEq + std::fmt::Debug>(payload: P) {
        let bytes = payload.to_bytes();
        assert_eq!(P::from_bytes(&bytes).as_ref(), Ok(&payload));
        let longer = [&bytes[..], &[0]].concat();
        let expected = bytes.len();
        assert_eq!(P::from_bytes(&longer), Err(DecodeError::Length { expected, given: expected + 1 }));
        if expected > 0 {
            assert_eq!(P::from_bytes(&bytes[1..]), Err(DecodeError::Length { expected, given: expected - 1 }));
        }
    }

    #[test]
    fn every_payload_reads_back_and_refuses_another_length() {
        let status = Status { device_us: u64::MAX - 5, state: State::HoldOut, faults: Faults(0x8000_0001) };
        reads_back(Hello);
        reads_back(Stop);
        reads_back(Heartbeat { lease_ms: 300, host_ms: 0x0102_0304 });
        reads_back(Set { rate_chz: 11_000, set_depth_um: 2_500 });
        reads_back(Arm { token: 0xDEAD_BEEF });
        reads_back(Run { on: true });
        reads_back(Hold { out: false });
        reads_back(TelemetryConfig { mask: 15, period_us: 100 });
        reads_back(status);
        reads_back(FlagEvent { device_us: 9, flags: Flags(1) });
        reads_back(ErrorReply { code: ErrorCode::Token, detail: 0 });
        reads_back(Identity {
            protocol: 1,
            firmware: [1, 2, 3],
            schema_hash: SCHEMA_HASH,
            device_uid: *b"RIGSIM-PEN-1",
            boot_id: 7,
            capabilities: Capabilities::PEN,
            body_bytes_max: 252,
            lease_max_ms: 500,
        });
        assert!(matches!(Run::from_bytes(&[2]), Err(DecodeError::Field { index: 0, .. })));
        assert!(matches!(Status::from_bytes(&[9; 13]), Err(DecodeError::Field { index: 1, .. })));
    }

    #[test]
    fn replies_and_errors_carry_sequence_and_op() {
        let mut wire = Vec::new();
        encode_reply::<Echo>(9, &Echo(vec![1, 0, 2]), &mut wire);
        encode_error(10, 0x55, ErrorReply { code: ErrorCode::Op, detail: 0x55 }, &mut wire);
        let expected =
            vec![(1, Kind::Reply, 9, Echo::OP as u8, vec![1, 0, 2]), (1, Kind::Error, 10, 0x55, vec![2, 0x55])];
        assert_eq!(decoded([&wire[..]]).0, expected);
    }

    proptest! {
        #[test]
        fn round_trip_in_any_chunks(
            frames in prop::collection::vec((any::<u16>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..=PAYLOAD_BYTES_MAX)), 1..5),
            size in 1_usize..300,
        ) {
            let mut wire = Vec::new();
            for (sequence, op, payload) in &frames {
                encode(Kind::Event, *sequence, *op, payload, &mut wire);
            }
            let expected: Vec<Owned> =
                frames.into_iter().map(|(sequence, op, payload)| (VERSION, Kind::Event, sequence, op, payload)).collect();
            prop_assert_eq!(decoded(wire.chunks(size)), (expected, Dropped::default()));
        }

        #[test]
        fn one_flipped_bit_is_never_delivered(sequence in any::<u16>(), payload in prop::collection::vec(any::<u8>(), 0..40), bit in any::<prop::sample::Index>()) {
            let mut wire = Vec::new();
            encode(Kind::Event, sequence, 0x21, &payload, &mut wire);
            let bit = bit.index(8 * (wire.len() - 1));
            wire[bit / 8] ^= 1 << (bit % 8);
            wire.push(0);
            let (frames, _) = decoded([&wire[..]]);
            prop_assert!(frames.iter().all(|frame| frame.4 != payload || frame.2 != sequence));
        }

        #[test]
        fn any_bytes_then_a_frame(noise in prop::collection::vec(any::<u8>(), 0..700), size in 1_usize..90) {
            let mut wire = noise;
            wire.push(0);
            encode_request(77, &Stop, &mut wire);
            let (frames, _) = decoded(wire.chunks(size));
            prop_assert_eq!(frames.last(), Some(&(VERSION, Kind::Request, 77, Op::Stop as u8, vec![])));
        }
    }
}
