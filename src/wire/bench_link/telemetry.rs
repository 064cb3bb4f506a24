//! Telemetry of a BENCH-LINK device: batches of samples, decoded into buffers that the caller owns.
//!
//! A TELEM payload is `{device_us u32, n u8, n samples}`; a sample holds the channels of the configured mask in the
//! order of their bits. Counts stay counts: scale is the host's calibration.

use crate::wire::bench_link::{
    PAYLOAD_BYTES_MAX,
    code::{Faults, State},
    command::DecodeError,
};

/// Mask bit of the force channel: raw counts, i24.
pub const FORCE: u32 = 1;
/// Mask bits of the encoders z, x, y: counts, i32, latched with the force sample.
pub const ENCODERS: [u32; 3] = [1 << 1, 1 << 2, 1 << 3];
/// Mask bit of a pen's status: state u8, faults u32.
pub const STATUS: u32 = 1 << 8;

const FORCE_BYTES: usize = 3;
const ENCODER_BYTES: usize = 4;
const STATUS_BYTES: usize = 5;
const HEADER_BYTES: usize = 5;

/// Where the channels of a DAQ's samples lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    mask: u32,
}

impl Layout {
    /// The layout of `mask`, or `None` where it names no channel or one that a DAQ does not have.
    pub fn of(mask: u32) -> Option<Self> {
        let all = ENCODERS.iter().fold(FORCE, |all, bit| all | bit);
        (mask != 0 && mask & !all == 0).then_some(Self { mask })
    }

    /// The mask as given.
    pub fn mask(self) -> u32 {
        self.mask
    }

    /// Bytes of one sample.
    pub fn sample_bytes(self) -> usize {
        let encoders = ENCODERS.iter().filter(|&&bit| self.mask & bit != 0).count();
        usize::from(self.mask & FORCE != 0) * FORCE_BYTES + encoders * ENCODER_BYTES
    }

    /// Most samples that one frame can hold.
    pub fn samples_max(self) -> usize {
        (PAYLOAD_BYTES_MAX - HEADER_BYTES) / self.sample_bytes()
    }
}

/// Samples by channel. A channel that the layout does not have stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Force in counts.
    pub force_counts: Vec<i32>,
    /// Encoders z, x, y in counts.
    pub encoder_counts: [Vec<i32>; 3],
}

impl Columns {
    /// Empties every channel and keeps its memory.
    pub fn clear(&mut self) {
        self.force_counts.clear();
        self.encoder_counts.iter_mut().for_each(Vec::clear);
    }
}

/// What a batch says beside its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Time of the first sample in microseconds on the device's clock; wraps after 71.6 minutes.
    pub device_us: u32,
    /// Samples in the batch.
    pub samples: usize,
}

/// Decodes a batch and appends its samples to `columns`.
///
/// # Errors
///
/// [`DecodeError::Length`] where the payload is not as long as its count of samples says; `columns` is untouched then.
pub fn decode(layout: Layout, payload: &[u8], columns: &mut Columns) -> Result<Batch, DecodeError> {
    let Some((&[us0, us1, us2, us3, n], data)) = payload.split_first_chunk::<HEADER_BYTES>() else {
        return Err(DecodeError::Length { expected: HEADER_BYTES, given: payload.len() });
    };
    let stride = layout.sample_bytes();
    let samples = usize::from(n);
    if data.len() != samples * stride {
        return Err(DecodeError::Length { expected: HEADER_BYTES + samples * stride, given: payload.len() });
    }
    let mut offset = 0;
    if layout.mask & FORCE != 0 {
        columns.force_counts.extend(data.chunks_exact(stride).map(|sample| match sample {
            [low, middle, high, ..] => i32::from_le_bytes([0, *low, *middle, *high]) >> 8,
            _ => 0,
        }));
        offset = FORCE_BYTES;
    }
    for (bit, column) in ENCODERS.iter().zip(&mut columns.encoder_counts) {
        if layout.mask & bit != 0 {
            let at = offset..offset + ENCODER_BYTES;
            column.extend(data.chunks_exact(stride).map(|sample| match sample.get(at.clone()) {
                Some(&[b0, b1, b2, b3]) => i32::from_le_bytes([b0, b1, b2, b3]),
                _ => 0,
            }));
            offset += ENCODER_BYTES;
        }
    }
    Ok(Batch { device_us: u32::from_le_bytes([us0, us1, us2, us3]), samples })
}

/// Builds the payload of a batch, as firmware does.
#[derive(Debug)]
pub struct BatchBuilder {
    layout: Layout,
    payload: Vec<u8>,
    samples: u8,
}

impl BatchBuilder {
    /// An empty batch.
    pub fn new(layout: Layout) -> Self {
        Self { layout, payload: Vec::with_capacity(PAYLOAD_BYTES_MAX), samples: 0 }
    }

    /// Samples so far.
    pub fn samples(&self) -> usize {
        usize::from(self.samples)
    }

    /// Whether no further sample fits.
    pub fn is_full(&self) -> bool {
        self.samples() >= self.layout.samples_max()
    }

    /// Adds a sample. `device_us` counts for the first of a batch; `force_counts` beyond 24 bits keeps its low 24.
    ///
    /// A sample that does not fit is refused with `false`: send the batch with [`Self::finish`] first.
    pub fn push(&mut self, device_us: u32, force_counts: i32, encoder_counts: [i32; 3]) -> bool {
        if self.is_full() {
            return false;
        }
        if self.samples == 0 {
            self.payload.extend(device_us.to_le_bytes());
            self.payload.push(0);
        }
        if self.layout.mask & FORCE != 0 {
            let [low, middle, high, _] = force_counts.to_le_bytes();
            self.payload.extend([low, middle, high]);
        }
        for (bit, counts) in ENCODERS.iter().zip(encoder_counts) {
            if self.layout.mask & bit != 0 {
                self.payload.extend(counts.to_le_bytes());
            }
        }
        self.samples += 1;
        true
    }

    /// Hands the payload over, if there is a sample in it, and begins the next one.
    pub fn finish(&mut self, send: impl FnOnce(&[u8])) {
        if let Some(count) = self.payload.get_mut(HEADER_BYTES - 1) {
            *count = self.samples;
            send(&self.payload);
        }
        self.payload.clear();
        self.samples = 0;
    }
}

/// Payload of a pen's status batch: one sample of [`STATUS`].
pub fn encode_status(device_us: u32, state: State, faults: Faults) -> Vec<u8> {
    let mut payload = device_us.to_le_bytes().to_vec();
    payload.extend([1, state as u8]);
    payload.extend(faults.0.to_le_bytes());
    payload
}

/// Decodes the last sample of a pen's status batch: time, state, faults.
///
/// # Errors
///
/// [`DecodeError`] where the length does not fit the count of samples, there is none, or the state is undefined.
pub fn decode_status(payload: &[u8]) -> Result<(u32, State, Faults), DecodeError> {
    let wrong = |expected| DecodeError::Length { expected, given: payload.len() };
    let (&[us0, us1, us2, us3, n], data) =
        payload.split_first_chunk::<HEADER_BYTES>().ok_or(wrong(HEADER_BYTES + STATUS_BYTES))?;
    let expected = usize::from(n.max(1)) * STATUS_BYTES;
    let (Some(&[state, f0, f1, f2, f3]), true) = (data.last_chunk::<STATUS_BYTES>(), data.len() == expected) else {
        return Err(wrong(HEADER_BYTES + expected));
    };
    let state = State::try_from(state).map_err(|source| DecodeError::Field { index: 2, source })?;
    Ok((u32::from_le_bytes([us0, us1, us2, us3]), state, Faults(u32::from_le_bytes([f0, f1, f2, f3]))))
}

#[cfg(test)]
mod tests {
    use super::{Batch, BatchBuilder, Columns, Layout, decode, decode_status, encode_status};
    use crate::wire::bench_link::{
        code::{Fault, Faults, State},
        command::DecodeError,
    };
    use proptest::prelude::*;

    fn layout(mask: u32) -> Layout {
        Layout::of(mask).expect("a mask of a DAQ")
    }

    /// By hand from the page of the protocol: -2 counts is fe ff ff, 0x123456 is 56 34 12.
    #[test]
    fn golden_batch() {
        let mut columns = Columns::default();
        let payload = [
            0x40, 0x42, 0x0F, 0, 2, //
            0xFE, 0xFF, 0xFF, 1, 0, 0, 0, //
            0x56, 0x34, 0x12, 0xFF, 0xFF, 0xFF, 0xFF,
        ];
        assert_eq!(decode(layout(0b11), &payload, &mut columns), Ok(Batch { device_us: 1_000_000, samples: 2 }));
        assert_eq!(columns.force_counts, [-2, 0x0012_3456]);
        assert_eq!(columns.encoder_counts, [vec![1, -1], vec![], vec![]]);
    }

    #[test]
    fn a_wrong_length_leaves_the_columns_alone() {
        let mut columns = Columns::default();
        for payload in [&[0, 0, 0, 0][..], &[0, 0, 0, 0, 2, 1, 2, 3], &[0, 0, 0, 0, 0, 9]] {
            assert!(matches!(decode(layout(1), payload, &mut columns), Err(DecodeError::Length { .. })), "{payload:?}");
        }
        assert_eq!(columns, Columns::default());
    }

    #[test]
    fn masks_of_a_daq() {
        let rows = [(1, Some((3, 81))), (0b11, Some((7, 34))), (0b1111, Some((15, 16))), (0, None), (1 << 4, None)];
        for (mask, expected) in rows {
            assert_eq!(
                Layout::of(mask).map(|layout| (layout.sample_bytes(), layout.samples_max())),
                expected,
                "{mask:#b}"
            );
        }
    }

    #[test]
    fn status_of_a_pen() {
        let faults = Faults::NONE.with(Fault::Stall);
        let payload = encode_status(77, State::Fault, faults);
        assert_eq!(decode_status(&payload), Ok((77, State::Fault, faults)));
        assert!(decode_status(&payload[..9]).is_err());
        assert!(decode_status(&[0, 0, 0, 0, 0]).is_err(), "no sample");
    }

    proptest! {
        #[test]
        fn round_trip(mask in 1_u32..16, samples in prop::collection::vec((-0x80_0000..0x80_0000_i32, any::<[i32; 3]>()), 1..100)) {
            let layout = layout(mask);
            let mut builder = BatchBuilder::new(layout);
            let (mut columns, mut count) = (Columns::default(), 0);
            for (index, &(force, encoders)) in samples.iter().enumerate() {
                prop_assert!(builder.push(index as u32, force, encoders));
                if builder.is_full() || index + 1 == samples.len() {
                    builder.finish(|payload| count += decode(layout, payload, &mut columns).expect("own batch").samples);
                }
            }
            prop_assert_eq!(count, samples.len());
            if mask & 1 != 0 {
                prop_assert_eq!(&columns.force_counts, &samples.iter().map(|s| s.0).collect::<Vec<_>>());
            }
            for axis in 0..3 {
                let expected = if mask & (2 << axis) != 0 { samples.iter().map(|s| s.1[axis]).collect() } else { vec![] };
                prop_assert_eq!(&columns.encoder_counts[axis], &expected);
            }
        }

        #[test]
        fn any_payload(mask in 1_u32..16, payload in prop::collection::vec(any::<u8>(), 0..260)) {
            let _ = decode(layout(mask), &payload, &mut Columns::default());
            let _ = decode_status(&payload);
        }
    }
}
