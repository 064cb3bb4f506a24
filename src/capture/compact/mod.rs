//! The compact lossless form of capture data (`.rigc`): raw integer counts, as the instruments gave them.
//!
//! A file is a magic number, a version, and frames. A frame is its length, its payload and eight bytes of a SHA-256
//! that covers the frame and the digest before it, so no frame can be cut, changed, removed or moved unseen. The
//! first frame holds the [`Scales`] as JSON, each further one a run of rows of one phase: columns of differences,
//! zigzag varints, compressed with zstd. An empty frame ends the file. `fixtures/formats/compact-capture.md` tells
//! the whole to readers in other languages.
//!
//! Invariants: counts and times read back as they were written; newtons and millimetres follow from them by one
//! subtraction and one multiplication, so every reader derives the same `f64`; what a torn file still holds is read
//! up to its last whole frame.
//! Deliberately absent: rounding, judgement of the data, and files (a reader or writer of bytes is handed in).

pub mod coding;
pub mod reader;
pub mod tail;
pub mod writer;

use crate::capture::Phase;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// First bytes of a file; the line ends in it show a transfer in text mode.
pub const MAGIC: [u8; 8] = *b"RIGC\r\n\x1a\n";

/// Version of the format that this build writes, and the newest that it reads.
pub const VERSION: u16 = 1;

/// Most axes of a stage.
pub const AXES_MAX: usize = 3;

/// The count of a reading that the instrument could not give; becomes NaN.
pub const NOT_READ: i32 = i32::MIN;

/// Longest payload of a frame, in bytes: far more than [`crate::capture::Block::ROWS_MAX`] rows can need.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

/// Bytes of a frame's digest.
pub const DIGEST_BYTES: usize = 8;

/// How counts of the force channel become newtons: `(count - zero_count) * n_per_count`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForceScale {
    /// Newtons for one count; negative where the channel is wired the other way round.
    pub n_per_count: f64,
    /// The count at zero force.
    pub zero_count: f64,
}

/// How counts of one axis become millimetres: `(count - zero_count) * mm_per_count`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AxisScale {
    /// Name of the axis: `z`, `x`, `y`.
    pub name: String,
    /// Millimetres for one count.
    pub mm_per_count: f64,
    /// The count at position zero.
    pub zero_count: f64,
}

/// What turns counts into units; stands in the file's first frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scales {
    /// The force channel.
    pub force: ForceScale,
    /// The axes in the order of their columns, at most [`AXES_MAX`]; the first is the stage (`stage_mm`).
    pub axes: Vec<AxisScale>,
}

/// Rows of one phase, as counts. All columns have equal length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Phase of every row.
    pub phase: Phase,
    /// Time since the start of the capture, ns.
    pub time_ns: Vec<i64>,
    /// Force channel, counts; [`NOT_READ`] where there was no reading.
    pub force: Vec<i32>,
    /// Encoder counts, a column an axis.
    pub axes: Vec<Vec<i32>>,
}

impl Counts {
    /// No rows, for a stage of `axes` axes.
    pub fn empty(axes: usize) -> Self {
        Self { phase: Phase::Touch, time_ns: Vec::new(), force: Vec::new(), axes: vec![Vec::new(); axes] }
    }

    /// Removes the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.time_ns.clear();
        self.force.clear();
        self.axes.iter_mut().for_each(Vec::clear);
    }
}

/// A count in its unit; NaN where nothing was read.
fn scaled(count: i32, zero_count: f64, per_count: f64) -> f64 {
    if count == NOT_READ { f64::NAN } else { (f64::from(count) - zero_count) * per_count }
}

/// The digest of a frame: over the digest before it, the length and the payload.
fn digest(before: [u8; DIGEST_BYTES], payload: &[u8]) -> [u8; DIGEST_BYTES] {
    let length = u32::try_from(payload.len()).expect("frames are at most FRAME_BYTES_MAX bytes long");
    let hash = Sha256::new().chain_update(before).chain_update(length.to_le_bytes()).chain_update(payload).finalize();
    let mut short = [0; DIGEST_BYTES];
    short.copy_from_slice(&hash[..DIGEST_BYTES]);
    short
}
