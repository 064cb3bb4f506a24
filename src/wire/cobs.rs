//! Consistent Overhead Byte Stuffing (Cheshire and Baker 1999): packets without zeros, each ended by a zero.
//!
//! Invariants: a zero on the wire always ends a packet, so one lost byte costs one packet; no more than
//! [`ENCODED_BYTES_MAX`] bytes are kept. Deliberately absent: checksums, which belong to what is inside.

/// Longest packet, before stuffing. Up to 254 bytes need a single code byte.
pub const PACKET_BYTES_MAX: usize = 254;

/// Longest packet on the wire without its zero: one code byte, and the empty last block that some encoders add after
/// 254 bytes without a zero.
pub const ENCODED_BYTES_MAX: usize = PACKET_BYTES_MAX + 2;

/// What a [`Deframer`] threw away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Stretches between zeros that were too long for a packet.
    pub overlong: u64,
    /// Stretches whose code bytes do not end where the stretch ends.
    pub malformed: u64,
    /// Bytes of both, without their zeros.
    pub bytes: u64,
}

/// Appends `packet`, stuffed, and its zero to `wire`.
///
/// Packets of any length can be encoded; a [`Deframer`] takes those up to [`PACKET_BYTES_MAX`].
pub fn encode(packet: &[u8], wire: &mut Vec<u8>) {
    let mut code_at = wire.len();
    wire.push(1);
    for (index, &byte) in packet.iter().enumerate() {
        if byte == 0 {
            code_at = wire.len();
            wire.push(1);
            continue;
        }
        wire.push(byte);
        wire[code_at] += 1;
        if wire[code_at] == 0xFF && index + 1 < packet.len() {
            code_at = wire.len();
            wire.push(1);
        }
    }
    wire.push(0);
}

/// Cuts a byte stream at its zeros and unstuffs what lies between.
#[derive(Debug)]
pub struct Deframer {
    partial: Vec<u8>,
    skipping: bool,
    packet: [u8; ENCODED_BYTES_MAX],
    packet_len: usize,
    dropped: Dropped,
}

impl Default for Deframer {
    fn default() -> Self {
        Self {
            partial: Vec::new(),
            skipping: false,
            packet: [0; ENCODED_BYTES_MAX],
            packet_len: 0,
            dropped: Dropped::default(),
        }
    }
}

impl Deframer {
    /// Takes the next packet from what is pending and from the front of `input`. Empty ones (a lone zero) are skipped.
    ///
    /// `None` means that all of `input` is consumed and no packet is complete.
    pub fn next_packet(&mut self, input: &mut &[u8]) -> Option<&[u8]> {
        self.packet_len = self.advance(input)?;
        Some(self.last_packet())
    }

    /// The packet that [`Self::next_packet`] found last.
    pub fn last_packet(&self) -> &[u8] {
        &self.packet[..self.packet_len]
    }

    /// Bytes of a packet whose zero has not come yet.
    pub fn pending_bytes(&self) -> usize {
        self.partial.len()
    }

    /// What was thrown away so far.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Works on to the next good packet, leaves it in `self.packet` and returns its length.
    fn advance(&mut self, input: &mut &[u8]) -> Option<usize> {
        loop {
            let bytes = *input;
            let Some(end) = bytes.iter().position(|&byte| byte == 0) else {
                *input = &[];
                self.keep(bytes);
                return None;
            };
            let (head, rest) = (&bytes[..end], &bytes[end + 1..]);
            *input = rest;
            let in_one_piece = self.partial.is_empty() && !self.skipping && head.len() <= ENCODED_BYTES_MAX;
            if !in_one_piece {
                self.keep(head);
            }
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            let stuffed = if in_one_piece { head } else { self.partial.as_slice() };
            let (decoded, stuffed_len) = (unstuff(stuffed, &mut self.packet), stuffed.len());
            self.partial.clear();
            match decoded {
                Some(0) => {}
                Some(len) => return Some(len),
                None if stuffed_len == 0 => {}
                None => {
                    self.dropped.malformed += 1;
                    self.dropped.bytes += stuffed_len as u64;
                }
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.skipping {
            self.dropped.bytes += bytes.len() as u64;
        } else if self.partial.len() + bytes.len() <= ENCODED_BYTES_MAX {
            self.partial.extend_from_slice(bytes);
        } else {
            self.dropped.overlong += 1;
            self.dropped.bytes += (self.partial.len() + bytes.len()) as u64;
            self.partial.clear();
            self.skipping = true;
        }
    }
}

/// Unstuffs `stuffed`, which has no zero in it, and returns the packet's length, or `None` where it is malformed.
fn unstuff(stuffed: &[u8], packet: &mut [u8; ENCODED_BYTES_MAX]) -> Option<usize> {
    let (&first, rest) = stuffed.split_first()?;
    let mut len = rest.len();
    let target = packet.get_mut(..len)?;
    target.copy_from_slice(rest);
    // A packet and its stuffed form differ only at the code bytes, which stand where the zeros were. So one copy, then
    // a walk along the codes. Only a block of 254 bytes without a zero has a code byte that stands for nothing.
    let mut code = usize::from(first);
    let mut at = code - 1;
    while at < len {
        let next = usize::from(target[at]);
        if code == 0xFF {
            target.copy_within(at + 1..len, at);
            len -= 1;
            at += next - 1;
        } else {
            target[at] = 0;
            at += next;
        }
        code = next;
    }
    (at == len).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::{Deframer, Dropped, ENCODED_BYTES_MAX, PACKET_BYTES_MAX, encode};
    use proptest::prelude::*;

    fn encoded(packet: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        encode(packet, &mut wire);
        wire
    }

    fn decoded<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> (Vec<Vec<u8>>, Dropped) {
        let mut deframer = Deframer::default();
        let mut packets = Vec::new();
        for mut chunk in chunks {
            while let Some(packet) = deframer.next_packet(&mut chunk) {
                packets.push(packet.to_vec());
            }
        }
        (packets, deframer.dropped())
    }

    /// The examples of Cheshire and Baker's algorithm as given by its authors' text and PyPI `cobs` 1.2.2.
    #[test]
    fn published_examples() {
        let counting: Vec<u8> = (1..=254).collect();
        let rows: [(&[u8], Vec<u8>); 7] = [
            (&[0], vec![1, 1, 0]),
            (&[0, 0], vec![1, 1, 1, 0]),
            (&[0, 0x11, 0], vec![1, 2, 0x11, 1, 0]),
            (&[0x11, 0x22, 0, 0x33], vec![3, 0x11, 0x22, 2, 0x33, 0]),
            (&[0x11, 0, 0, 0], vec![2, 0x11, 1, 1, 1, 0]),
            (b"12345", b"\x0612345\0".to_vec()),
            (&counting, [&[0xFF], &counting[..], &[0]].concat()),
        ];
        for (packet, wire) in rows {
            assert_eq!(encoded(packet), wire, "encoding {packet:x?}");
            assert_eq!(decoded([&wire[..]]), (vec![packet.to_vec()], Dropped::default()), "decoding {wire:x?}");
        }
    }

    #[test]
    fn a_full_block_with_the_optional_empty_one_behind_it_is_accepted() {
        let full = [7_u8; PACKET_BYTES_MAX];
        let wire = [&[0xFF], &full[..], &[1, 0]].concat();
        assert_eq!(decoded([&wire[..]]), (vec![full.to_vec()], Dropped::default()));
    }

    #[test]
    fn garbage_costs_one_packet_and_is_counted() {
        let noise = vec![0xAA; 3 * ENCODED_BYTES_MAX];
        let wire =
            [&b"boot v1.2\r\n\0"[..], &encoded(b"first"), &[9, 1, 0], &noise, &[0], &encoded(b"second")].concat();
        let (packets, dropped) = decoded(wire.chunks(7));
        assert_eq!(packets, [&b"first"[..], b"second"]);
        assert_eq!(dropped, Dropped { overlong: 1, malformed: 2, bytes: 11 + 2 + noise.len() as u64 });
    }

    proptest! {
        #[test]
        fn round_trip(packet in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>(), 1..=255_u8], 1..=PACKET_BYTES_MAX)) {
            let wire = encoded(&packet);
            prop_assert_eq!(wire.iter().filter(|&&byte| byte == 0).count(), 1);
            prop_assert!(wire.len() <= packet.len() + 2);
            prop_assert_eq!(decoded([&wire[..]]), (vec![packet], Dropped::default()));
        }

        #[test]
        fn any_bytes_in_any_chunks(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(0xFF_u8), 1..6_u8, any::<u8>()], 0..900),
            size in 1_usize..300,
        ) {
            prop_assert_eq!(decoded([&bytes[..]]), decoded(bytes.chunks(size)));
        }

        #[test]
        fn resynchronises_at_the_next_zero(noise in prop::collection::vec(any::<u8>(), 0..900), packet in prop::collection::vec(any::<u8>(), 1..100)) {
            let wire = [&noise[..], &[0], &encoded(&packet)].concat();
            let (packets, _) = decoded(wire.chunks(64));
            prop_assert_eq!(packets.last(), Some(&packet));
        }
    }
}
