//! What a fault makes of one message: pure functions of its bytes.

use crate::{
    checksum,
    prng::Stream,
    wire::bench_link::{
        Frame, FrameDecoder,
        code::{Kind, Op},
        encode,
    },
};

/// One wrong bit, anywhere but in the terminator.
pub(super) fn flip(message: &[u8], draw: &mut Stream) -> Vec<u8> {
    let mut bytes = message.to_vec();
    let bits = (bytes.len().saturating_sub(1) as u64) * 8;
    if bits > 0 {
        let bit = draw.next_u64() % bits;
        bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    }
    bytes
}

/// The beginning of the message, at least one byte; its terminator is never in it.
pub(super) fn cut(message: &[u8], draw: &mut Stream) -> Vec<u8> {
    let longest = message.len().saturating_sub(1).max(1) as u64;
    message[..message.len().min(1 + (draw.next_u64() % longest) as usize)].to_vec()
}

/// As many bytes of noise.
pub(super) fn garble(message: &[u8], draw: &mut Stream) -> Vec<u8> {
    message.iter().map(|_| draw.next_u64() as u8).collect()
}

/// Every `from` becomes `to`, a line end too where it is `from`; where the line bears a checksum, it fits again.
pub(super) fn replace(message: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (content, had_check, end) = split_check(message);
    let mut changed = Vec::with_capacity(message.len() + to.len());
    let mut rest = content;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from.as_bytes()) {
        changed.extend_from_slice(&rest[..at]);
        changed.extend_from_slice(to.as_bytes());
        rest = &rest[at + from.len()..];
    }
    changed.extend_from_slice(rest);
    if had_check {
        // The sum leaves the character that begins the message out.
        let sum = checksum::lrc(changed.get(1..).unwrap_or_default());
        changed.extend(format!(":{sum:02X}").bytes());
    }
    changed.extend_from_slice(if end == from.as_bytes() { to.as_bytes() } else { end });
    changed
}

/// The line without its checksum; itself where it has none.
pub(super) fn unchecked(message: &[u8]) -> Vec<u8> {
    let (content, _, end) = split_check(message);
    [content, end].concat()
}

/// Content, whether `:` and two hexadecimal digits follow, and the line end.
fn split_check(message: &[u8]) -> (&[u8], bool, &[u8]) {
    let content = message.len() - message.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let (line, end) = message.split_at(content);
    match line {
        [content @ .., b':', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => (content, true, end),
        _ => (line, false, end),
    }
}

/// BENCH-LINK telemetry and flags with another time stamp; every other message as it was.
pub(super) fn clock(message: &[u8], ahead_us: impl Fn(u32) -> i64) -> Vec<u8> {
    let (mut decoder, mut input) = (FrameDecoder::default(), message);
    let Some(Frame { kind: Kind::Event, sequence, op, payload, .. }) = decoder.next_frame(&mut input) else {
        return message.to_vec();
    };
    let stamped = op == Op::Telemetry as u8 || op == Op::Flag as u8;
    let (true, Some((stamp, rest))) = (stamped, payload.split_first_chunk()) else { return message.to_vec() };
    let stamp = u32::from_le_bytes(*stamp);
    // The stamp counts modulo 2^32, and so does what it is ahead by.
    let stamp = stamp.wrapping_add(ahead_us(stamp) as u32);
    let payload = [&stamp.to_le_bytes(), rest].concat();
    let mut wire = Vec::with_capacity(message.len());
    encode(Kind::Event, sequence, op, &payload, &mut wire);
    wire
}

#[cfg(test)]
mod tests {
    use super::{clock, cut, flip, garble, replace, unchecked};
    use crate::{
        prng::Stream,
        wire::{
            bench_link::{FrameDecoder, code::Op, encode_event},
            zaber::{Message, MessageDecoder},
        },
    };
    use proptest::prelude::*;

    #[test]
    fn a_changed_line_still_passes_its_check() {
        let line = b"@01 0 05 OK IDLE -- 1234:4F\r\n";
        let changed = replace(line, " IDLE ", " BUSY ");
        let (mut decoder, mut input) = (MessageDecoder::default(), &changed[..]);
        let Some(Ok(Message::Reply(reply))) = decoder.next_message(&mut input) else { panic!("{changed:?}") };
        assert!(reply.busy && reply.checked && reply.data == "1234");
        assert_eq!(unchecked(&changed), b"@01 0 05 OK BUSY -- 1234\r\n");
        // 0x30 + 0x31 + 0x20 + 0x4F + 0x4B = 0x11B; its low byte taken from 0x100 is 0xE5.
        assert_eq!(replace(b"@01 OK:4F\r\n", "\r\n", "\n"), b"@01 OK:E5\n");
        assert_eq!(replace(b"4.285 N\r\n", " N", " lbF"), b"4.285 lbF\r\n");
    }

    #[test]
    fn a_jump_of_the_clock_wraps_and_leaves_the_rest() {
        let mut wire = Vec::new();
        encode_event(9, Op::Telemetry, &[5, 0, 0, 0, 1, 2, 3], &mut wire);
        let jumped = clock(&wire, |_| -6);
        let (mut decoder, mut input) = (FrameDecoder::default(), &jumped[..]);
        let frame = decoder.next_frame(&mut input).expect("a whole frame");
        assert_eq!((frame.sequence, frame.payload), (9, &[0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3][..]));
        assert_eq!(clock(b"@01\r\n", |_| 7), b"@01\r\n");
    }

    proptest! {
        #[test]
        fn any_message_can_be_damaged(message in prop::collection::vec(any::<u8>(), 1..80), seed: u64) {
            let draw = &mut Stream::named(seed, "damage");
            let ones = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
            prop_assert_eq!(ones(&flip(&message, draw), &message), u32::from(message.len() > 1));
            let short = cut(&message, draw);
            prop_assert!(!short.is_empty() && message.starts_with(&short));
            prop_assert!(short.len() < message.len() || message.len() == 1);
            prop_assert_eq!(garble(&message, draw).len(), message.len());
            prop_assert_eq!(replace(&message, "no such text stands there", "x").len(), message.len());
            prop_assert!(unchecked(&message).len() <= message.len());
            prop_assert_eq!(clock(&message, |_| 5).is_empty(), message.is_empty());
        }
    }
}
