//! Columns of integers as bytes: differences, zigzag, LEB128 varints.
//!
//! A slow signal gives small differences, so nearly every row takes one byte, which zstd then packs to its entropy.
//! Times are coded as second differences: regular sampling becomes zeros, while a gap, a repeated sample or a clock
//! that jumps back still reads back to the nanosecond.
//!
//! Invariant: arithmetic wraps in both directions alike, so every `i64` survives.

/// Longest varint of 64 bits, in bytes.
const VARINT_BYTES_MAX: usize = 10;

/// Appends `value` as a zigzag varint.
fn push_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Takes a zigzag varint from the front of `bytes`; `None` where there is none of 64 bits.
#[inline]
fn take_varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for index in 0..VARINT_BYTES_MAX {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if index == VARINT_BYTES_MAX - 1 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

/// Appends first differences, the first from zero.
pub fn push_counts(bytes: &mut Vec<u8>, counts: &[i32]) {
    let mut before = 0;
    for &count in counts {
        push_varint(bytes, i64::from(count) - before);
        before = i64::from(count);
    }
}

/// Takes `rows` counts from the front of `bytes`; `None` where there are not so many, or one leaves an `i32`.
pub fn take_counts(bytes: &mut &[u8], rows: usize, counts: &mut Vec<i32>) -> Option<()> {
    let mut value = 0_i64;
    for _ in 0..rows {
        value = value.checked_add(take_varint(bytes)?)?;
        counts.push(i32::try_from(value).ok()?);
    }
    Some(())
}

/// Appends second differences of times, the first two from zero.
pub fn push_times(bytes: &mut Vec<u8>, times_ns: &[i64]) {
    let (mut before, mut step) = (0_i64, 0_i64);
    for &time_ns in times_ns {
        let next = time_ns.wrapping_sub(before);
        push_varint(bytes, next.wrapping_sub(step));
        (before, step) = (time_ns, next);
    }
}

/// Takes `rows` times from the front of `bytes`; `None` where there are not so many.
pub fn take_times(bytes: &mut &[u8], rows: usize, times_ns: &mut Vec<i64>) -> Option<()> {
    let (mut time_ns, mut step) = (0_i64, 0_i64);
    for _ in 0..rows {
        step = step.wrapping_add(take_varint(bytes)?);
        time_ns = time_ns.wrapping_add(step);
        times_ns.push(time_ns);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{push_counts, push_times, push_varint, take_counts, take_times, take_varint};
    use proptest::prelude::*;

    /// Zigzag and LEB128 by hand: 0, -1, 1 take a byte; 64 is 128 zigzagged and takes two.
    #[test]
    fn varints_by_hand() {
        let mut bytes = Vec::new();
        for value in [0, -1, 1, 64] {
            push_varint(&mut bytes, value);
        }
        assert_eq!(bytes, [0, 1, 2, 0x80, 0x01]);
        assert_eq!(take_varint(&mut [0x80; 10].as_slice()), None);
        assert_eq!(take_varint(&mut [0x80].as_slice()), None);
    }

    proptest! {
        #[test]
        fn columns_read_back(times in proptest::collection::vec(any::<i64>(), 0..50),
                             counts in proptest::collection::vec(any::<i32>(), 0..50)) {
            let mut bytes = Vec::new();
            push_times(&mut bytes, &times);
            push_counts(&mut bytes, &counts);
            let mut rest = bytes.as_slice();
            let (mut times_again, mut counts_again) = (Vec::new(), Vec::new());
            prop_assert!(take_times(&mut rest, times.len(), &mut times_again).is_some());
            prop_assert!(take_counts(&mut rest, counts.len(), &mut counts_again).is_some());
            prop_assert_eq!((times_again, counts_again, rest.len()), (times, counts, 0));
        }

        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = take_times(&mut bytes.as_slice(), 50, &mut Vec::new());
            let _ = take_counts(&mut bytes.as_slice(), 50, &mut Vec::new());
        }
    }
}
