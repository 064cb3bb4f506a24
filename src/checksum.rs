//! Checksums: CRC-16 of BENCH-LINK frames, the LRC of Zaber packets, SHA-256 of archive files.

use sha2::{Digest as _, Sha256};
use std::io;

/// Bytes that one step of [`crc16`] takes at once.
const CRC16_SLICES: usize = 8;

/// `CRC16_TABLES[k][x]` is what byte `x` leaves in the register after `k` further zero bytes.
const CRC16_TABLES: [[u16; 256]; CRC16_SLICES] = crc16_tables();

const fn crc16_tables() -> [[u16; 256]; CRC16_SLICES] {
    let mut tables = [[0; 256]; CRC16_SLICES];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut slice = 0;
        while slice < CRC16_SLICES {
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
                bit += 1;
            }
            tables[slice][index] = crc;
            slice += 1;
        }
        index += 1;
    }
    tables
}

/// CRC-16/CCITT-FALSE (polynomial 0x1021, initial value 0xFFFF, not reflected), by slicing (Kounavis and Berry 2005):
/// one table look-up a byte, but none of them waits for the one before.
pub fn crc16(bytes: &[u8]) -> u16 {
    let (slices, tail) = bytes.as_chunks::<CRC16_SLICES>();
    let crc = slices.iter().fold(0xFFFF_u16, |crc, &[b0, b1, b2, b3, b4, b5, b6, b7]| {
        let [high, low] = crc.to_be_bytes();
        let look_up = |slice: usize, byte: u8| CRC16_TABLES[slice][usize::from(byte)];
        let front = look_up(7, b0 ^ high) ^ look_up(6, b1 ^ low) ^ look_up(5, b2) ^ look_up(4, b3);
        front ^ look_up(3, b4) ^ look_up(2, b5) ^ look_up(1, b6) ^ look_up(0, b7)
    });
    tail.iter().fold(crc, |crc, &byte| (crc << 8) ^ CRC16_TABLES[0][usize::from((crc >> 8) as u8 ^ byte)])
}

/// Zaber's LRC: two's complement of the 8-bit sum.
pub fn lrc(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte)).wrapping_neg()
}

/// SHA-256 of bytes that come in pieces.
#[derive(Clone, Debug, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all pieces, lower-case hexadecimal.
    pub fn hex(self) -> String {
        hex(&self.0.finalize())
    }
}

impl io::Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// SHA-256 as lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]].map(char::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::{crc16, lrc, sha256_hex};

    /// Check value of the CRC catalogue for CRC-16/IBM-3740.
    #[test]
    fn crc16_of_the_check_string() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
    }

    /// The shift register itself, bit by bit, against the slices, at every length around theirs.
    #[test]
    fn crc16_by_slices_is_crc16_by_bits() {
        let bytes: Vec<u8> = (0..300_u32).map(|i| ((i * 197) >> 2) as u8).collect();
        for len in 0..bytes.len() {
            let register =
                bytes[..len].iter().fold(0xFFFF_u16, |crc, &byte| {
                    (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
                        if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
                    })
                });
            assert_eq!(crc16(&bytes[..len]), register, "{len} bytes");
        }
    }

    /// Zaber's own example packet `/1 1 16:F7`.
    #[test]
    fn lrc_of_the_documented_packet() {
        assert_eq!(lrc(b"1 1 16"), 0xF7);
    }

    /// FIPS 180-4 example, one block.
    #[test]
    fn sha256_of_abc() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
