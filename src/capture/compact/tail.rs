//! A compact capture that is still being written: whole frames as they come, the torn rest left for the next look.
//!
//! Reads what has been appended since the last look and nothing twice, so that following a run costs the same however
//! long it gets. A frame that is damaged is an error here as everywhere; one that is not whole yet is none.

use super::{DIGEST_BYTES, FRAME_BYTES_MAX, MAGIC, reader::CompactSource};
use crate::capture::{Block, ReadError, Source as _};
use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Bytes before the first frame: magic and version.
const HEAD: usize = MAGIC.len() + 2;

/// A growing capture.
pub struct Tail {
    path: PathBuf,
    file: File,
    /// Read and not yet handed on.
    held: VecDeque<u8>,
    source: Option<CompactSource<Handed>>,
}

/// What may be read: whole frames only.
#[derive(Default)]
struct Handed(VecDeque<u8>);

impl Read for Handed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Tail {
    /// Begins to follow a file from its start.
    ///
    /// # Errors
    ///
    /// [`ReadError`] where it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|error| failed(path, &error))?;
        Ok(Self { path: path.to_owned(), file, held: VecDeque::new(), source: None })
    }

    /// Hands every row that has become whole since the last look to `take`, block by block.
    ///
    /// # Errors
    ///
    /// [`ReadError`] where the file cannot be read, or a frame is damaged.
    pub fn look(&mut self, mut take: impl FnMut(&Block)) -> Result<(), ReadError> {
        let mut fresh = Vec::new();
        self.file.read_to_end(&mut fresh).map_err(|error| failed(&self.path, &error))?;
        self.held.extend(fresh);
        let mut block = Block::empty();
        while let Some(bytes) = self.whole() {
            let bytes: VecDeque<u8> = self.held.drain(..bytes).collect();
            match &mut self.source {
                None => self.source = Some(CompactSource::new(&self.path.display().to_string(), Handed(bytes))?),
                Some(source) => {
                    source.input().0 = bytes;
                    if source.next_block(&mut block)? {
                        take(&block);
                    }
                }
            }
        }
        Ok(())
    }

    /// Bytes of the next piece that is whole: the head with the scales, or a frame.
    fn whole(&self) -> Option<usize> {
        let head = if self.source.is_none() { HEAD } else { 0 };
        let mut length = [0; 4];
        for (index, byte) in length.iter_mut().enumerate() {
            *byte = *self.held.get(head + index)?;
        }
        // A length that cannot be is handed on with what there is, for the reader to name.
        let length = (u32::from_le_bytes(length) as usize).min(FRAME_BYTES_MAX + 1);
        let bytes = head + 4 + length + DIGEST_BYTES;
        (length > FRAME_BYTES_MAX || self.held.len() >= bytes).then(|| bytes.min(self.held.len()))
    }
}

fn failed(path: &Path, error: &io::Error) -> ReadError {
    ReadError { file: path.display().to_string(), place: "the file".to_owned(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::Tail;
    use crate::capture::{
        Phase,
        compact::{AxisScale, ForceScale, Scales, writer::CompactWriter},
    };
    use std::io::Write as _;

    /// Something that does not compress to nothing.
    fn value(row: i32) -> i32 {
        (row % 997) * (row % 1013) % 4093
    }

    fn written(rows: i32) -> Vec<u8> {
        let axis = AxisScale { name: "z".to_owned(), mm_per_count: 1e-4, zero_count: 0.0 };
        let scales = Scales { force: ForceScale { n_per_count: 1e-3, zero_count: 0.0 }, axes: vec![axis] };
        let mut writer = CompactWriter::new(Vec::new(), &scales).expect("memory");
        for row in 0..rows {
            writer.push(Phase::Press, i64::from(row) * 1000, value(row), &[row]).expect("memory");
        }
        writer.finish().expect("memory")
    }

    #[test]
    fn rows_come_once_however_the_file_grows() {
        let bytes = written(20_000);
        for piece in [1, 37, 4096, bytes.len()] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.rigc");
            let mut file = std::fs::File::create(&path).unwrap();
            let mut tail = Tail::open(&path).unwrap();
            let mut seen = Vec::new();
            // One byte at a time only at the start, where head, length and payload are cut in every way.
            let cut = if piece == 1 { 400 } else { bytes.len() };
            for chunk in bytes[..cut].chunks(piece).chain(bytes[cut..].chunks(5000)) {
                file.write_all(chunk).unwrap();
                tail.look(|block| seen.extend(block.force_n.iter().map(|force_n| (force_n * 1e3).round() as i32)))
                    .unwrap();
            }
            assert_eq!(seen, (0..20_000).map(value).collect::<Vec<i32>>(), "pieces of {piece}");
        }
    }

    #[test]
    fn damage_is_named_and_a_torn_end_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rigc");
        let mut bytes = written(20_000);
        std::fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
        let mut rows = 0;
        Tail::open(&path).unwrap().look(|block| rows += block.force_n.len()).unwrap();
        assert!(rows > 0);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(Tail::open(&path).unwrap().look(|_| {}).is_err());
        std::fs::write(&path, b"this is no capture at all, but it is long enough for one").unwrap();
        assert!(Tail::open(&path).unwrap().look(|_| {}).is_err());
        std::fs::write(&path, b"").unwrap();
        Tail::open(&path).unwrap().look(|_| {}).unwrap();
    }
}
