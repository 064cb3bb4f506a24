//! Writing capture rows as CSV, in the dialect that [`crate::capture::csv`] reads.
//!
//! Invariant: every number is the shortest decimal that reads back to the same `f64`; NaN is written `nan`.
//! Deliberately absent: rounding, and further columns.

use crate::capture::{Block, Source};
use std::io::{self, Write};

/// The first line of every file written.
pub const HEADER: &str = "t_s,force_n,stage_mm,phase\n";

/// Writes rows block by block; memory does not grow with the length of the recording.
#[derive(Debug)]
pub struct CsvWriter<W: Write> {
    out: W,
    line: String,
}

impl<W: Write> CsvWriter<W> {
    /// Begins a file: writes the header line. `out` should be buffered.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(HEADER.as_bytes())?;
        Ok(Self { out, line: String::new() })
    }

    /// Appends the rows of a block.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write(&mut self, block: &Block) -> io::Result<()> {
        let rows = block.t_s.iter().zip(&block.force_n).zip(&block.stage_mm);
        for ((t_s, force_n), stage_mm) in rows {
            self.line.clear();
            for value in [*t_s, *force_n, *stage_mm] {
                push_number(&mut self.line, value);
                self.line.push(',');
            }
            self.line.push_str(block.phase.name());
            self.line.push('\n');
            self.out.write_all(self.line.as_bytes())?;
        }
        Ok(())
    }

    /// Flushes and hands back what was written to.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Writes a whole source as CSV.
///
/// # Errors
///
/// Those of `out`; what cannot be read comes as [`io::ErrorKind::InvalidData`], after the rows before it were written.
pub fn copy<W: Write>(source: &mut dyn Source, out: W) -> io::Result<W> {
    let mut writer = CsvWriter::new(out)?;
    let mut block = Block::empty();
    loop {
        match source.next_block(&mut block) {
            Ok(true) => writer.write(&block)?,
            Ok(false) => return writer.finish(),
            Err(error) => {
                writer.finish()?;
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }
}

fn push_number(line: &mut String, value: f64) {
    use std::fmt::Write as _;
    let far = value != 0.0 && !(1e-7..1e16).contains(&value.abs());
    // Far from one, an exponent is shorter than zeros. Writing to a `String` cannot fail.
    let _ = match (value.is_nan(), far) {
        (true, _) => write!(line, "nan"),
        (false, true) => write!(line, "{value:e}"),
        (false, false) => write!(line, "{value}"),
    };
}
