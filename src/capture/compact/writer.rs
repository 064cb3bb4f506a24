//! Writing compact captures, frame by frame, while the bench runs.
//!
//! Invariant: what was flushed is whole: a torn file loses only the rows after the last frame. Rows are kept back
//! until a frame is full, the phase changes, or [`CompactWriter::flush`] is called (before the next motion).

use crate::capture::{
    Block, Phase,
    compact::{AXES_MAX, Counts, DIGEST_BYTES, MAGIC, Scales, VERSION, coding, digest},
};
use std::io::{self, Write};

/// zstd's own default: stronger levels gained under 3 % on bench data at a tenth of the speed.
const LEVEL: i32 = 3;

/// Writes rows of counts as frames.
pub struct CompactWriter<W: Write> {
    out: W,
    rows: Counts,
    digest: [u8; DIGEST_BYTES],
    compressor: zstd::bulk::Compressor<'static>,
    plain: Vec<u8>,
}

impl<W: Write> CompactWriter<W> {
    /// Begins a file: writes magic, version and scales.
    ///
    /// # Errors
    ///
    /// Those of `out`; [`io::ErrorKind::InvalidInput`] for more than [`AXES_MAX`] axes, none, or a scale that is not
    /// finite.
    pub fn new(mut out: W, scales: &Scales) -> io::Result<Self> {
        let numbers = scales.axes.iter().flat_map(|axis| [axis.mm_per_count, axis.zero_count]);
        let finite = numbers.chain([scales.force.n_per_count, scales.force.zero_count]).all(f64::is_finite);
        if !finite || !(1..=AXES_MAX).contains(&scales.axes.len()) {
            let message = format!("scales need 1 to {AXES_MAX} axes and finite numbers: {scales:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        out.write_all(&MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        let mut writer = Self {
            out,
            rows: Counts::empty(scales.axes.len()),
            digest: [0; DIGEST_BYTES],
            compressor: zstd::bulk::Compressor::new(LEVEL)?,
            plain: Vec::new(),
        };
        writer.frame(&serde_json::to_vec(scales)?)?;
        Ok(writer)
    }

    /// Appends one row: time since the start of the capture in ns, force counts, counts of each axis.
    ///
    /// # Errors
    ///
    /// Those of the output; [`io::ErrorKind::InvalidInput`] where the number of axes is not that of the scales.
    pub fn push(&mut self, phase: Phase, time_ns: i64, force: i32, axes: &[i32]) -> io::Result<()> {
        if axes.len() != self.rows.axes.len() {
            let message = format!("{} axes in a file of {}", axes.len(), self.rows.axes.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        if self.rows.phase != phase || self.rows.time_ns.len() == Block::ROWS_MAX {
            self.frame_of_rows()?;
            self.rows.phase = phase;
        }
        self.rows.time_ns.push(time_ns);
        self.rows.force.push(force);
        for (column, count) in self.rows.axes.iter_mut().zip(axes) {
            column.push(*count);
        }
        Ok(())
    }

    /// Writes all rows so far and flushes the output, so that the file is whole up to here.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.frame_of_rows()?;
        self.out.flush()
    }

    /// Writes the rest and the end mark; hands back the output (to be synced to disk).
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.frame_of_rows()?;
        self.frame(&[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn frame_of_rows(&mut self) -> io::Result<()> {
        let rows = self.rows.time_ns.len();
        if rows == 0 {
            return Ok(());
        }
        self.plain.clear();
        coding::push_times(&mut self.plain, &self.rows.time_ns);
        coding::push_counts(&mut self.plain, &self.rows.force);
        for axis in &self.rows.axes {
            coding::push_counts(&mut self.plain, axis);
        }
        let rows = u16::try_from(rows).expect("a frame holds at most Block::ROWS_MAX rows");
        let mut payload = vec![self.rows.phase as u8];
        payload.extend_from_slice(&rows.to_le_bytes());
        payload.extend_from_slice(&self.compressor.compress(&self.plain)?);
        self.rows.clear();
        self.frame(&payload)
    }

    /// Writes one frame; an empty one ends the file.
    pub(super) fn frame(&mut self, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).expect("frames are at most FRAME_BYTES_MAX bytes long");
        self.digest = digest(self.digest, payload);
        // One write a frame: an output without buffer tears between frames only.
        let frame = [&length.to_le_bytes(), payload, &self.digest].concat();
        self.out.write_all(&frame)
    }
}
