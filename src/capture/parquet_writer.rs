//! Writing capture rows as Parquet, for programs that analyse tables (pyarrow, DuckDB, R): the columns of
//! [`crate::capture::csv_writer`], a third of its size.
//!
//! Invariant: every number is the same `f64` to the last bit, NaN included; rows keep their order.
//! Deliberately absent: reading. The archive holds compact captures, whose frames survive a cut; a Parquet file has its
//! index at its end and is made of an archive, never part of one.

use crate::capture::{Block, Source};
use parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use std::{
    io::{self, Write},
    sync::Arc,
};

const SCHEMA: &str = "message capture {
    required double t_s;
    required double force_n;
    required double stage_mm;
    required binary phase (utf8);
}";

/// Rows of one row group: what stays in memory until it is written, some 6 MB.
const GROUP_ROWS: usize = 1 << 18;

/// Rows that wait for their group to be whole.
#[derive(Default)]
struct Group {
    t_s: Vec<f64>,
    force_n: Vec<f64>,
    stage_mm: Vec<f64>,
    phase: Vec<ByteArray>,
}

impl Group {
    fn push(&mut self, block: &Block) {
        self.t_s.extend_from_slice(&block.t_s);
        self.force_n.extend_from_slice(&block.force_n);
        self.stage_mm.extend_from_slice(&block.stage_mm);
        self.phase.resize(self.t_s.len(), ByteArray::from(block.phase.name()));
    }

    /// Writes the rows as one row group and forgets them.
    fn write<W: Write + Send>(&mut self, file: &mut SerializedFileWriter<W>) -> Result<(), ParquetError> {
        let mut group = file.next_row_group()?;
        for numbers in [&self.t_s, &self.force_n, &self.stage_mm] {
            column::<DoubleType, W>(&mut group, numbers)?;
        }
        column::<ByteArrayType, W>(&mut group, &self.phase)?;
        group.close()?;
        *self = Self::default();
        Ok(())
    }
}

fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has fewer columns than a capture".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

/// Writes a whole source as Parquet under zstd; memory does not grow with the length of the recording.
///
/// # Errors
///
/// Those of `out`; what cannot be read comes as [`io::ErrorKind::InvalidData`], after the rows before it were written.
pub fn copy<W: Write + Send>(source: &mut dyn Source, out: W) -> io::Result<()> {
    let level = ZstdLevel::try_new(3).map_err(io::Error::other)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let schema = Arc::new(parse_message_type(SCHEMA).map_err(io::Error::other)?);
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(io::Error::other)?;
    let mut group = Group::default();
    let mut block = Block::empty();
    let end = loop {
        match source.next_block(&mut block) {
            Ok(true) => group.push(&block),
            Ok(false) => break Ok(()),
            Err(error) => break Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
        if group.t_s.len() >= GROUP_ROWS {
            group.write(&mut file).map_err(io::Error::other)?;
        }
    };
    if !group.t_s.is_empty() {
        group.write(&mut file).map_err(io::Error::other)?;
    }
    file.close().map_err(io::Error::other)?;
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Phase, memory::Recording};
    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::RowAccessor,
    };
    use std::io::Seek;

    #[test]
    fn every_row_reads_back_to_the_last_bit_across_row_groups() {
        let rows = GROUP_ROWS + 70_000;
        let number = |row: usize| (row as f64).sqrt() / 3.0;
        let mut recording = Recording::default();
        for row in 0..rows {
            let phase = if row < 100_000 { Phase::Touch } else { Phase::Press };
            let force_n = if row == 7 { f64::NAN } else { -number(row) };
            recording.push(phase, number(row), force_n, 1.0 - number(row));
        }
        let mut out = tempfile::tempfile().expect("a folder for temporary files");
        copy(&mut recording.source(), out.try_clone().expect("an open file")).expect("a disk with room");
        out.rewind().expect("an open file");
        let file = SerializedFileReader::new(out).expect("it was just written");
        assert!(file.metadata().num_row_groups() > 1);
        let mut read = 0;
        for (row, fields) in file.get_row_iter(None).expect("it was just written").enumerate() {
            let fields = fields.expect("a row");
            let double = |column| fields.get_double(column).expect("a number");
            assert_eq!(double(0).to_bits(), number(row).to_bits());
            assert!(if row == 7 { double(1).is_nan() } else { double(1).to_bits() == (-number(row)).to_bits() });
            assert_eq!(double(2).to_bits(), (1.0 - number(row)).to_bits());
            assert_eq!(fields.get_string(3).expect("a name"), if row < 100_000 { "touch" } else { "press" });
            read = row + 1;
        }
        assert_eq!(read, rows);
    }
}
