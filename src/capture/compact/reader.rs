//! Reading compact captures back, as counts or as rows in newtons and millimetres.
//!
//! Invariants: no byte of a file can make the reader panic, run on, or take more memory than a frame may have; every
//! frame is checked before it is used. A torn file gives all rows of its whole frames, then an error that says so.

use crate::capture::{
    Block, Phase, ReadError, Source,
    compact::{
        AXES_MAX, Counts, DIGEST_BYTES, FRAME_BYTES_MAX, ForceScale, MAGIC, Scales, VERSION, coding, digest, scaled,
    },
};
use std::io::{ErrorKind, Read};

/// Most bytes that the columns of a full frame take before compression: ten a time, five a count.
const PLAIN_BYTES_MAX: usize = Block::ROWS_MAX * (10 + 5 * (1 + AXES_MAX));

/// Bytes before the compressed columns: phase and number of rows.
const ROWS_HEAD: usize = 3;

/// Rows of a compact capture.
pub struct CompactSource<R> {
    file: String,
    input: R,
    scales: Scales,
    digest: [u8; DIGEST_BYTES],
    /// Bytes taken from the input so far.
    at: u64,
    rows: u64,
    ended: bool,
    decompressor: zstd::bulk::Decompressor<'static>,
    counts: Counts,
}

impl<R: Read> CompactSource<R> {
    /// Begins to read: checks magic and version, reads the scales. `file` is the name for messages.
    ///
    /// # Errors
    ///
    /// [`ReadError`] where the input is no compact capture, of a newer version, or torn before its first rows.
    pub fn new(file: &str, input: R) -> Result<Self, ReadError> {
        let scales = Scales { force: ForceScale { n_per_count: 0.0, zero_count: 0.0 }, axes: Vec::new() };
        let decompressor = zstd::bulk::Decompressor::new().map_err(|error| ReadError {
            file: file.to_owned(),
            place: "byte 0".to_owned(),
            message: format!("no memory for decompression: {error}"),
        })?;
        let mut source = Self {
            file: file.to_owned(),
            input,
            scales,
            digest: [0; DIGEST_BYTES],
            at: 0,
            rows: 0,
            ended: false,
            decompressor,
            counts: Counts::empty(0),
        };
        let mut magic = [0; MAGIC.len()];
        if source.take(&mut magic)? < magic.len() || magic != MAGIC {
            return Err(source.error("this is no compact capture; give a .rigc file as rig writes it"));
        }
        let mut version = [0; 2];
        let got = source.take(&mut version)?;
        let version = u16::from_le_bytes(version);
        if got == 2 && version != VERSION {
            let message = format!("the format is version {version}, this build reads {VERSION}; use a newer release");
            return Err(source.error(&message));
        }
        let frame = source.frame()?.ok_or_else(|| source.error("the file ends before its scales"))?;
        source.scales = serde_json::from_slice(&frame)
            .map_err(|error| source.error(&format!("the scales cannot be read: {error}; restore the file")))?;
        let axes = source.scales.axes.len();
        if !(1..=AXES_MAX).contains(&axes) {
            return Err(source.error(&format!("the scales name {axes} axes; 1 to {AXES_MAX} are possible")));
        }
        source.counts = Counts::empty(axes);
        Ok(source)
    }

    /// Where the bytes come from.
    pub fn input(&mut self) -> &mut R {
        &mut self.input
    }

    /// What turns the counts of this file into units.
    pub fn scales(&self) -> &Scales {
        &self.scales
    }

    /// Reads the rows of the next frame; false at the end of the file.
    ///
    /// # Errors
    ///
    /// [`ReadError`] where the file is torn or damaged. All rows before were whole.
    pub fn next_counts(&mut self, counts: &mut Counts) -> Result<bool, ReadError> {
        counts.clear();
        counts.axes.resize(self.scales.axes.len(), Vec::new());
        if self.ended {
            return Ok(false);
        }
        let Some(payload) = self.frame()? else {
            self.ended = true;
            return Ok(false);
        };
        let Some((&[phase, low, high], packed)) = payload.split_first_chunk::<ROWS_HEAD>() else {
            return Err(self.error("a frame is too short for rows; restore the file"));
        };
        let rows = usize::from(u16::from_le_bytes([low, high]));
        let Some((phase, _)) = Phase::ALL.get(usize::from(phase)) else {
            return Err(self.error(&format!("phase {phase} is not known to this build; restore the file")));
        };
        if !(1..=Block::ROWS_MAX).contains(&rows) {
            return Err(self.error(&format!("a frame of {rows} rows; 1 to {} are possible", Block::ROWS_MAX)));
        }
        let plain = self
            .decompressor
            .decompress(packed, PLAIN_BYTES_MAX)
            .map_err(|error| self.error(&format!("a frame cannot be decompressed: {error}; restore the file")))?;
        counts.phase = *phase;
        let mut rest = plain.as_slice();
        let whole = coding::take_times(&mut rest, rows, &mut counts.time_ns)
            .and_then(|()| coding::take_counts(&mut rest, rows, &mut counts.force))
            .and_then(|()| counts.axes.iter_mut().try_for_each(|axis| coding::take_counts(&mut rest, rows, axis)));
        if whole.is_none() || !rest.is_empty() {
            counts.clear();
            return Err(self.error(&format!("the columns of a frame do not hold its {rows} rows; restore the file")));
        }
        self.rows += rows as u64;
        Ok(true)
    }

    /// The payload of the next frame, checked; `None` for the end mark.
    fn frame(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let mut length = [0; 4];
        let got = self.take(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if got == 4 && length > FRAME_BYTES_MAX {
            return Err(self.error(&format!("a frame of {length} bytes; at most {FRAME_BYTES_MAX} are possible")));
        }
        let mut payload = vec![0; if got == 4 { length } else { 0 }];
        let mut stored = [0; DIGEST_BYTES];
        let whole = got == 4 && self.take(&mut payload)? == length && self.take(&mut stored)? == DIGEST_BYTES;
        if !whole {
            let message = format!(
                "the file ends without its end mark, the recording was cut off; the {} rows before are whole: \
                 record the capture again, or use those rows",
                self.rows
            );
            return Err(self.error(&message));
        }
        let expected = digest(self.digest, &payload);
        if stored != expected {
            let message = format!(
                "a frame is damaged (its digest differs); the {} rows before are whole; restore the file",
                self.rows
            );
            return Err(self.error(&message));
        }
        self.digest = expected;
        Ok((length > 0).then_some(payload))
    }

    /// Fills `bytes` as far as the input goes; returns how far.
    fn take(&mut self, bytes: &mut [u8]) -> Result<usize, ReadError> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.input.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(&format!("cannot be read: {error}; check the disk"))),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }

    fn error(&self, message: &str) -> ReadError {
        ReadError { file: self.file.clone(), place: format!("byte {}", self.at), message: message.to_owned() }
    }
}

impl<R: Read> Source for CompactSource<R> {
    fn next_block(&mut self, block: &mut Block) -> Result<bool, ReadError> {
        const NS_PER_S: f64 = 1e9;
        block.clear();
        let mut counts = std::mem::replace(&mut self.counts, Counts::empty(0));
        let more = self.next_counts(&mut counts);
        if let Ok(true) = more {
            let Scales { force, axes } = &self.scales;
            block.first = self.rows - counts.time_ns.len() as u64;
            block.phase = counts.phase;
            block.t_s.extend(counts.time_ns.iter().map(|time_ns| *time_ns as f64 / NS_PER_S));
            block.force_n.extend(counts.force.iter().map(|count| scaled(*count, force.zero_count, force.n_per_count)));
            if let (Some(stage), Some(column)) = (axes.first(), counts.axes.first()) {
                block.stage_mm.extend(column.iter().map(|count| scaled(*count, stage.zero_count, stage.mm_per_count)));
            }
        }
        self.counts = counts;
        more
    }
}

#[cfg(test)]
mod tests {
    use super::CompactSource;
    use crate::capture::{
        Phase, ReadError, Source,
        compact::{AxisScale, Counts, ForceScale, NOT_READ, Scales, writer::CompactWriter},
        csv::CsvSource,
        memory::Recording,
    };
    use proptest::prelude::*;

    fn scales(axes: usize) -> Scales {
        let axis = |name: &&str| AxisScale { name: (*name).to_owned(), mm_per_count: 0.000_047_625, zero_count: -20.0 };
        Scales {
            force: ForceScale { n_per_count: 1.953e-6, zero_count: 812.25 },
            axes: ["z", "x", "y"][..axes].iter().map(axis).collect(),
        }
    }

    type Row = (Phase, i64, i32, [i32; 3]);

    fn write(rows: &[Row], axes: usize) -> Vec<u8> {
        let mut writer = CompactWriter::new(Vec::new(), &scales(axes)).expect("memory");
        for (phase, time_ns, force, counts) in rows {
            writer.push(*phase, *time_ns, *force, &counts[..axes]).expect("memory");
        }
        writer.finish().expect("memory")
    }

    fn read(bytes: &[u8], axes: usize) -> (Vec<Row>, Option<ReadError>) {
        let mut rows = Vec::new();
        let mut source = match CompactSource::new("a.rigc", bytes) {
            Ok(source) => source,
            Err(error) => return (rows, Some(error)),
        };
        let mut counts = Counts::empty(axes);
        loop {
            match source.next_counts(&mut counts) {
                Ok(true) => rows.extend((0..counts.force.len()).map(|row| {
                    let mut position = [0; 3];
                    position.iter_mut().zip(&counts.axes).for_each(|(to, axis)| *to = axis[row]);
                    (counts.phase, counts.time_ns[row], counts.force[row], position)
                })),
                Ok(false) => return (rows, None),
                Err(error) => return (rows, Some(error)),
            }
        }
    }

    /// Two phases over several frames, with a gap, a repeated time and a reading that is missing.
    fn some_rows() -> Vec<Row> {
        let mut time_ns = 0;
        let step = |row: i32| match row {
            5000 => 7_000_000,
            6000 => 0,
            _ => 100_000,
        };
        let mut rows = Vec::new();
        for row in 0..30_000 {
            time_ns += step(row);
            let phase = if row < 20_000 { Phase::Standoff } else { Phase::Run };
            let force = if row == 77 { NOT_READ } else { row * 31 % 1009 - 300 };
            rows.push((phase, time_ns, force, [row / 10, -row, 0]));
        }
        rows
    }

    #[test]
    fn newtons_and_millimetres_follow_from_the_counts() {
        let rows = [(Phase::Hold, 100_000, 1000, [7, 0, 0]), (Phase::Hold, 200_000, NOT_READ, [8, 0, 0])];
        let bytes = write(&rows, 1);
        let mut source = CompactSource::new("a.rigc", bytes.as_slice()).expect("valid");
        let recording = Recording::read(&mut source, 10).expect("two rows");
        assert_eq!(recording.t_s, [0.0001, 0.0002]);
        assert_eq!(recording.force_n[0], (1000.0 - 812.25) * 1.953e-6);
        assert!(recording.force_n[1].is_nan());
        assert_eq!(recording.stage_mm, [27.0 * 0.000_047_625, 28.0 * 0.000_047_625]);
    }

    #[test]
    fn a_torn_file_gives_its_whole_frames_and_says_so() {
        let rows = some_rows();
        let bytes = write(&rows, 2);
        let expected: Vec<Row> = rows.iter().map(|row| (row.0, row.1, row.2, [row.3[0], row.3[1], 0])).collect();
        assert!(read(&bytes, 2).1.is_none());
        assert_eq!(read(&bytes, 2).0, expected);
        let mut whole = 0;
        for cut in (0..bytes.len()).rev().step_by(97).chain([1, 9, 12]) {
            let (part, error) = read(&bytes[..cut], 2);
            assert!(expected.starts_with(&part), "cut at {cut}");
            let error = error.expect("a torn file is never silent").to_string();
            assert!(part.is_empty() || error.contains("cut off") && error.contains("rows before are whole"), "{error}");
            whole = whole.max(part.len());
        }
        assert!(whole >= 20_000);
    }

    #[test]
    fn a_changed_byte_is_always_found() {
        let bytes = write(&some_rows()[..300], 1);
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            assert!(read(&changed, 1).1.is_some(), "byte {place}");
        }
    }

    /// The example of the format's page; its CSV was made by the reader in Python beside it.
    #[test]
    fn version_1_is_read_as_by_the_reader_in_python() {
        let bytes = include_bytes!("../../../fixtures/formats/compact-v1.rigc").as_slice();
        let text = include_bytes!("../../../fixtures/formats/compact-v1.csv").as_slice();
        let bits = |source: &mut dyn Source| {
            let recording = Recording::read(source, 1000).expect("fixture");
            let columns = [recording.t_s, recording.force_n, recording.stage_mm];
            (columns.map(|column| column.into_iter().map(f64::to_bits).collect::<Vec<_>>()), recording.phases)
        };
        let compact = bits(&mut CompactSource::new("compact-v1.rigc", bytes).expect("fixture"));
        assert_eq!(compact, bits(&mut CsvSource::new("compact-v1.csv", text).expect("fixture")));
        assert_eq!(compact.0[0].len(), 60);
    }

    #[test]
    fn errors_say_what_to_do() {
        let bytes = write(&[], 1);
        let newer = [&bytes[..8], &[2, 0], &bytes[10..]].concat();
        for (bytes, expected) in [
            (b"t_s,force_n".as_slice(), "a.rigc: byte 8: this is no compact capture; give a .rigc file"),
            (&newer, "the format is version 2, this build reads 1; use a newer release"),
        ] {
            let error = read(bytes, 1).1.expect("no such file").to_string();
            assert!(error.contains(expected), "{error}\nlacks {expected}");
        }
        assert!(CompactWriter::new(Vec::new(), &scales(0)).is_err());
    }

    proptest! {
        #[test]
        fn scales_read_back_to_the_same_bits(per_count in any::<f64>(), zero in any::<f64>()) {
            prop_assume!(per_count.is_finite() && zero.is_finite());
            let mut given = scales(1);
            given.force = ForceScale { n_per_count: per_count, zero_count: zero };
            let bytes = CompactWriter::new(Vec::new(), &given).and_then(CompactWriter::finish).expect("memory");
            let source = CompactSource::new("a.rigc", bytes.as_slice()).expect("valid");
            prop_assert_eq!(source.scales(), &given);
        }

        #[test]
        fn rows_read_back(
            rows in proptest::collection::vec(
                ((0..7_usize).prop_map(|index| Phase::ALL[index].0), any::<i64>(), any::<i32>(), any::<[i32; 3]>()), 0..60
            ),
        ) {
            let (again, error) = read(&write(&rows, 3), 3);
            prop_assert!(error.is_none());
            prop_assert_eq!(again, rows);
        }

        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 10_usize..60) {
            let _ = read(&bytes, 1);
            let start = write(&[(Phase::Run, 0, 1, [2, 0, 0])], 1);
            let _ = read(&[&start[..cut.min(start.len())], &bytes].concat(), 1);
            // A frame with a right digest and any content, which only a program could have written.
            let mut writer = CompactWriter::new(Vec::new(), &scales(1)).expect("memory");
            writer.frame(&bytes).expect("memory");
            if let Ok(mut source) = CompactSource::new("a.rigc", writer.finish().expect("memory").as_slice()) {
                let mut block = crate::capture::Block::empty();
                while let Ok(true) = source.next_block(&mut block) {}
            }
        }
    }
}
