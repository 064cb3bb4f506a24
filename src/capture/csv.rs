//! Reading capture rows from CSV: `t_s,force_n,stage_mm,phase` in any column order, further columns skipped.
//!
//! The dialect is RFC 4180 with `,` and `.`, LF or CR LF, a byte-order mark, quoted fields, and spaces around a
//! value. One pass, one buffer: a row without quotes is read where it lies; any row that the fast path does not
//! understand is read again by the careful path, which alone knows how to complain.
//!
//! Invariants: memory is bounded by [`ROW_BYTES_MAX`] whatever the file holds; every row becomes a row or an error
//! with its line; `nan` and an empty field in force or stage become NaN, nothing else does.
//! Deliberately absent: order of time, gaps, repeated rows (measurement judges those).

use crate::capture::{
    Block, Phase, ReadError, Source, decimal,
    rfc4180::{NoRecord, split_record},
};
use std::io::{ErrorKind, Read};

/// The longest row, in bytes. A longer one is not capture data.
pub const ROW_BYTES_MAX: usize = 1 << 20;

/// How much is read at once, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time,
    Force,
    Stage,
    Phase,
    Other,
}

impl Column {
    const NEEDED: [(Column, &'static str); 4] =
        [(Column::Time, "t_s"), (Column::Force, "force_n"), (Column::Stage, "stage_mm"), (Column::Phase, "phase")];

    fn name(self) -> &'static str {
        Self::NEEDED.iter().find(|(column, _)| *column == self).map_or("not used", |(_, name)| name)
    }
}

/// One row of a capture.
#[derive(Clone, Copy, Debug)]
struct Row {
    t_s: f64,
    force_n: f64,
    stage_mm: f64,
    phase: Phase,
}

/// Capture rows from CSV text.
#[derive(Debug)]
pub struct CsvSource<R> {
    file: String,
    input: R,
    buffer: Vec<u8>,
    /// The first byte not yet read as a row.
    at: usize,
    /// End of the last whole line in the buffer.
    whole: usize,
    /// The input is at its end, and the buffer holds all the rest.
    ended: bool,
    columns: Vec<Column>,
    /// Line of `at`, from 1.
    line: u64,
    rows: u64,
    /// A row that was read but belongs to the next block.
    pending: Option<Row>,
}

impl<R: Read> CsvSource<R> {
    /// Begins to read: takes the header line from `input`. `file` is the name for messages.
    ///
    /// # Errors
    ///
    /// [`ReadError`] where the input cannot be read, is empty, or lacks a column.
    pub fn new(file: &str, input: R) -> Result<Self, ReadError> {
        let mut source = Self {
            file: file.to_owned(),
            input,
            buffer: Vec::new(),
            at: 0,
            whole: 0,
            ended: false,
            columns: Vec::new(),
            line: 1,
            rows: 0,
            pending: None,
        };
        source.fill()?;
        if source.buffer.starts_with(b"\xEF\xBB\xBF") {
            source.at = 3;
        }
        let Some(fields) = source.record()? else {
            let message = "the file is empty; a capture begins with the line `t_s,force_n,stage_mm,phase`";
            return Err(source.error("line 1", message));
        };
        source.columns = source.header(&fields)?;
        Ok(source)
    }

    /// Names of the columns to what they hold.
    fn header(&self, fields: &[Vec<u8>]) -> Result<Vec<Column>, ReadError> {
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            let known = Column::NEEDED.iter().find(|(_, name)| name.as_bytes() == field.trim_ascii());
            let column = known.map_or(Column::Other, |(column, _)| *column);
            if column != Column::Other && columns.contains(&column) {
                return Err(self.error("line 1", &format!("column {} stands twice; keep one of them", column.name())));
            }
            columns.push(column);
        }
        for (column, name) in Column::NEEDED {
            if !columns.contains(&column) {
                let found: Vec<String> = fields.iter().map(|field| shown(field)).collect();
                let message = format!(
                    "column {name} is missing (found {}); a capture needs t_s,force_n,stage_mm,phase in any order",
                    found.join(", ")
                );
                return Err(self.error("line 1", &message));
            }
        }
        Ok(columns)
    }

    /// The next row, `None` at the end.
    #[inline]
    fn row(&mut self, phase: Phase) -> Result<Option<Row>, ReadError> {
        if self.at < self.whole
            && let Some((row, end)) = quick_row(&self.buffer[self.at..self.whole], &self.columns, phase)
        {
            self.at += end;
            self.line += 1;
            return Ok(Some(row));
        }
        self.careful_row()
    }

    /// As [`Self::row`], for everything that the fast path left: quotes, spaces, exponents, NaN, errors, the end.
    #[cold]
    fn careful_row(&mut self) -> Result<Option<Row>, ReadError> {
        if self.at == self.whole && !self.ended {
            self.fill()?;
        }
        let line = self.line;
        let Some(fields) = self.record()? else {
            return Ok(None);
        };
        if fields.len() != self.columns.len() {
            if fields.len() == 1 && fields[0].trim_ascii().is_empty() && self.only_blank_left()? {
                return Ok(None);
            }
            let message = format!(
                "the row has {} of {} fields ({}); repair or remove the row, or record the capture again",
                fields.len(),
                self.columns.len(),
                shown(&fields.join(&b','))
            );
            return Err(self.error(&format!("line {line}, column {}", fields.len()), &message));
        }
        let mut row = Row { t_s: 0.0, force_n: 0.0, stage_mm: 0.0, phase: Phase::Touch };
        for (index, (column, field)) in self.columns.iter().zip(&fields).enumerate() {
            let fail = |what: &str| {
                let place = format!("line {line}, column {} ({})", index + 1, column.name());
                self.error(&place, &format!("{} {what}", shown(field)))
            };
            match column {
                Column::Time => {
                    row.t_s = decimal::parse(field).ok_or_else(|| {
                        fail("is no time; give seconds as a finite decimal number with a point, like 0.125")
                    })?;
                }
                Column::Force => row.force_n = reading(field).ok_or_else(|| fail(NO_READING))?,
                Column::Stage => row.stage_mm = reading(field).ok_or_else(|| fail(NO_READING))?,
                Column::Phase => {
                    row.phase = Phase::parse(field.trim_ascii()).ok_or_else(|| fail(NO_PHASE))?;
                }
                Column::Other => {}
            }
        }
        Ok(Some(row))
    }

    /// True where nothing but blank lines is left; a blank line between rows is a row that lost its fields.
    fn only_blank_left(&mut self) -> Result<bool, ReadError> {
        loop {
            if !self.buffer[self.at..].trim_ascii().is_empty() {
                return Ok(false);
            }
            self.at = self.buffer.len();
            if self.ended {
                self.whole = self.at;
                return Ok(true);
            }
            self.fill()?;
        }
    }

    /// Splits the next record into its fields by the whole of RFC 4180; `None` at the end.
    fn record(&mut self) -> Result<Option<Vec<Vec<u8>>>, ReadError> {
        loop {
            if self.at == self.buffer.len() && self.ended {
                return Ok(None);
            }
            match split_record(&self.buffer[self.at..]) {
                Ok(record) => {
                    self.at += record.bytes;
                    // A quoted field may reach beyond the last line end that was seen when the buffer was filled.
                    self.whole = self.whole.max(self.at);
                    self.line += record.lines;
                    return Ok(Some(record.fields));
                }
                Err(NoRecord::Incomplete) if !self.ended => self.fill()?,
                Err(NoRecord::Incomplete) => {
                    let place = format!("line {}", self.line);
                    let message = "a quoted field is never closed; add the missing `\"` or record the capture again";
                    return Err(self.error(&place, message));
                }
                Err(NoRecord::Malformed { column, message }) => {
                    return Err(self.error(&format!("line {}, column {column}", self.line), message));
                }
            }
        }
    }

    /// Reads on: moves the rest to the front, appends, and finds the last whole line.
    fn fill(&mut self) -> Result<(), ReadError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let kept = self.buffer.len();
        if kept >= ROW_BYTES_MAX {
            let message = format!("the row is longer than {ROW_BYTES_MAX} bytes; this is no capture data");
            return Err(self.error(&format!("line {}", self.line), &message));
        }
        self.buffer.resize(kept + BUFFER_BYTES, 0);
        let mut end = kept;
        while end < self.buffer.len() {
            match self.input.read(&mut self.buffer[end..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let message = format!("cannot be read: {error}; check the disk and the file's permissions");
                    return Err(self.error(&format!("line {}", self.line), &message));
                }
            }
        }
        self.buffer.truncate(end);
        if self.ended && end > 0 && self.buffer[end - 1] != b'\n' {
            self.buffer.push(b'\n');
        }
        self.whole = self.buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        Ok(())
    }

    fn error(&self, place: &str, message: &str) -> ReadError {
        ReadError { file: self.file.clone(), place: place.to_owned(), message: message.to_owned() }
    }
}

impl<R: Read> Source for CsvSource<R> {
    fn next_block(&mut self, block: &mut Block) -> Result<bool, ReadError> {
        block.clear();
        let first = match self.pending.take() {
            Some(row) => Some(row),
            None => self.row(block.phase)?,
        };
        let Some(mut row) = first else {
            return Ok(false);
        };
        block.first = self.rows;
        block.phase = row.phase;
        for column in [&mut block.t_s, &mut block.force_n, &mut block.stage_mm] {
            column.reserve(Block::ROWS_MAX);
        }
        loop {
            block.t_s.push(row.t_s);
            block.force_n.push(row.force_n);
            block.stage_mm.push(row.stage_mm);
            if block.t_s.len() == Block::ROWS_MAX {
                break;
            }
            match self.row(block.phase)? {
                Some(next) if next.phase == block.phase => row = next,
                next => {
                    self.pending = next;
                    break;
                }
            }
        }
        self.rows += block.t_s.len() as u64;
        Ok(true)
    }
}

const NO_READING: &str = "is no number; give a finite decimal number with a point, or nan where none was read";
const NO_PHASE: &str = "is no phase; the phases are touch, retract, press, hold, withdraw, standoff, run";

/// A row whose fields are plain numbers and the name of a phase, `phase` being the likely one, and how many bytes it
/// takes with its line end. `text` ends with a line end. `None` where a careful look is needed.
#[inline]
fn quick_row(text: &[u8], columns: &[Column], phase: Phase) -> Option<(Row, usize)> {
    let mut row = Row { t_s: 0.0, force_n: 0.0, stage_mm: 0.0, phase };
    let mut at = 0;
    let last = columns.len() - 1;
    for (index, column) in columns.iter().enumerate() {
        let rest = &text[at..];
        at += match column {
            Column::Time => number(rest, &mut row.t_s)?,
            Column::Force => number(rest, &mut row.force_n)?,
            Column::Stage => number(rest, &mut row.stage_mm)?,
            Column::Phase if rest.starts_with(phase.name().as_bytes()) => phase.name().len(),
            Column::Phase => {
                let end = field_end(rest)?;
                row.phase = Phase::parse(&rest[..end])?;
                end
            }
            Column::Other => field_end(rest)?,
        };
        if index < last {
            if *text.get(at)? != b',' {
                return None;
            }
            at += 1;
        }
    }
    if text.get(at) == Some(&b'\r') {
        at += 1;
    }
    (text.get(at) == Some(&b'\n')).then_some((row, at + 1))
}

#[inline]
fn number(text: &[u8], value: &mut f64) -> Option<usize> {
    let (read, end) = decimal::prefix(text)?;
    *value = read;
    Some(end)
}

/// Length of an unquoted field; `None` where it holds a quote.
#[inline]
fn field_end(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|byte| matches!(byte, b',' | b'\n' | b'\r' | b'"'))?;
    (text[end] != b'"').then_some(end)
}

/// Force or stage: a number, or NaN where the field is empty or says so (C's `printf` writes `-nan`, too).
fn reading(field: &[u8]) -> Option<f64> {
    let text = field.trim_ascii();
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if text.is_empty() || unsigned.eq_ignore_ascii_case(b"nan") {
        return Some(f64::NAN);
    }
    decimal::parse(text)
}

/// A value for a message: quoted, shortened, printable.
fn shown(field: &[u8]) -> String {
    const SHOWN_MAX: usize = 60;
    let text = String::from_utf8_lossy(field);
    let mut short: String = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

#[cfg(test)]
mod tests {
    use super::CsvSource;
    use crate::capture::{Block, Phase, ReadError, Source, csv_writer, memory::Recording};
    use proptest::prelude::*;
    use std::io::Read;

    /// Hands out at most `chunk` bytes at a time, as a pipe does.
    struct Chunks<'a> {
        rest: &'a [u8],
        chunk: usize,
    }

    impl Read for Chunks<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let count = self.chunk.min(out.len()).min(self.rest.len());
            let (head, tail) = self.rest.split_at(count);
            out[..count].copy_from_slice(head);
            self.rest = tail;
            Ok(count)
        }
    }

    fn read(text: &[u8]) -> Result<Recording, ReadError> {
        Recording::read(&mut CsvSource::new("a.csv", text)?, 1_000_000)
    }

    /// Bit for bit, so that NaN equals itself.
    fn bits(recording: &Recording) -> Vec<[u64; 3]> {
        let rows = recording.t_s.iter().zip(&recording.force_n).zip(&recording.stage_mm);
        rows.map(|((t, f), z)| [t.to_bits(), f.to_bits(), z.to_bits()]).collect()
    }

    #[test]
    fn every_dialect_gives_the_same_rows() {
        let plain = read(b"t_s,force_n,stage_mm,phase\n0,0.5,10,touch\n0.001,-1e-3,10.25,press\n").expect("plain");
        assert_eq!(plain.phases, [(Phase::Touch, 0..1), (Phase::Press, 1..2)]);
        assert_eq!(plain.force_n, [0.5, -0.001]);
        for text in [
            "t_s,force_n,stage_mm,phase\r\n0,0.5,10,touch\r\n0.001,-1e-3,10.25,press\r\n",
            "\u{feff}t_s,force_n,stage_mm,phase\n0,0.5,10,touch\n0.001,-1e-3,10.25,press",
            "phase,stage_mm,t_s,force_n\ntouch,10,0,0.5\npress,10.25,0.001,-1e-3\n\n\r\n",
            "t_s,x,force_n,note,stage_mm,phase\n0,1,0.5,\"a,\n\"\"b\"\"\",10,touch\n0.001,,-0.001,é,10.25,press\n",
            "\"t_s\",\"force_n\", stage_mm ,phase\n\"0\",\"0.5\", 10 ,\"touch\"\r\n0.001,-0.0010,10.250,press\n",
        ] {
            assert_eq!(read(text.as_bytes()).expect(text), plain, "{text}");
        }
    }

    #[test]
    fn what_was_not_read_is_nan_and_passed_on() {
        let text = b"t_s,force_n,stage_mm,phase\n0,nan,,run\n1,-NaN,NAN,run\n1,1,2,run\n0.5,1,2,run\n";
        let recording = read(text).expect("NaN is data");
        assert_eq!(recording.t_s, [0.0, 1.0, 1.0, 0.5]);
        assert!(recording.force_n[..2].iter().chain(&recording.stage_mm[..2]).all(|value| value.is_nan()));
    }

    #[test]
    fn errors_name_line_column_value_and_remedy() {
        let head = "t_s,force_n,stage_mm,phase\n0,1,2,touch\n";
        for (text, expected) in [
            (String::new(), "a.csv: line 1: the file is empty"),
            ("t_s,force_n,phase\n".to_owned(), "line 1: column stage_mm is missing (found `t_s`, `force_n`, `phase`)"),
            ("t_s,t_s,force_n,stage_mm,phase\n".to_owned(), "line 1: column t_s stands twice"),
            (format!("{head}1,2\n"), "line 3, column 2: the row has 2 of 4 fields (`1,2`); repair"),
            (format!("{head}1,2,3,touch,5\n"), "line 3, column 5: the row has 5 of 4 fields"),
            (format!("{head}\n1,2,3,touch\n"), "line 3, column 1: the row has 1 of 4 fields (``)"),
            (format!("{head}1,2,3,push\n"), "line 3, column 4 (phase): `push` is no phase; the phases are touch"),
            (format!("{head}1,0x5,3,touch\n"), "line 3, column 2 (force_n): `0x5` is no number; give a finite"),
            (format!("{head}1,inf,3,touch\n"), "line 3, column 2 (force_n): `inf` is no number"),
            (format!("{head}1,2,1e999,touch\n"), "line 3, column 3 (stage_mm): `1e999` is no number"),
            (format!("{head}nan,2,3,touch\n"), "line 3, column 1 (t_s): `nan` is no time"),
            (format!("{head}1,\"2\"x,3,touch\n"), "line 3, column 2: text follows a closing quote"),
            (format!("{head}1,\"2,3,touch\n"), "line 3: a quoted field is never closed"),
            (format!("{head}1,2,3,to\n"), "`to` is no phase"),
        ] {
            let error = read(text.as_bytes()).expect_err(&text).to_string();
            assert!(error.contains(expected), "{error}\nlacks {expected}");
        }
    }

    #[test]
    fn an_endless_row_ends_in_an_error() {
        let error = CsvSource::new("a.csv", std::io::repeat(b'7')).expect_err("no line end");
        assert!(error.to_string().contains("longer than 1048576 bytes"), "{error}");
    }

    fn phase() -> impl Strategy<Value = Phase> {
        (0..Phase::ALL.len()).prop_map(|index| Phase::ALL[index].0)
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![4 => -20.0..20.0, 1 => any::<f64>().prop_filter("finite", |v| v.is_finite()), 1 => Just(f64::NAN)]
    }

    proptest! {
        #[test]
        fn written_rows_read_back_to_the_same_bits(
            runs in proptest::collection::vec((phase(), proptest::collection::vec((0.0..1e4, value(), value()), 1..40)), 0..5)
        ) {
            let mut recording = Recording::default();
            for (phase, rows) in runs {
                for (t_s, force_n, stage_mm) in rows {
                    recording.push(phase, t_s, force_n, stage_mm);
                }
            }
            let text = csv_writer::copy(&mut recording.source(), Vec::new()).expect("memory");
            let again = read(&text).expect("own dialect");
            prop_assert_eq!(bits(&again), bits(&recording));
            prop_assert_eq!(again.phases, recording.phases);
        }

        #[test]
        fn the_size_of_the_pieces_changes_nothing(
            tail in "([0-9.,\"\r\n touchpre]|touch\n){0,80}", chunk in 1_usize..70
        ) {
            let text = format!("t_s,force_n,stage_mm,phase\n0,1,2,touch\n1,2,3,press\n{tail}");
            let whole = read(text.as_bytes()).map_err(|error| error.to_string());
            let pieces = CsvSource::new("a.csv", Chunks { rest: text.as_bytes(), chunk })
                .and_then(|mut source| Recording::read(&mut source, 1_000_000))
                .map_err(|error| error.to_string());
            prop_assert_eq!(pieces.as_ref().map(bits), whole.as_ref().map(bits));
        }

        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = read(&[b"t_s,force_n,stage_mm,phase\n".as_slice(), &bytes].concat());
        }
    }

    #[test]
    fn a_block_holds_one_phase_and_knows_its_first_row() {
        let rows: String = (0..20_000).map(|row| format!("{row},0,0,{}\n", ["touch", "press"][row / 10_000])).collect();
        let text = format!("t_s,force_n,stage_mm,phase\n{rows}");
        let mut source = CsvSource::new("a.csv", text.as_bytes()).expect("header");
        let mut block = Block::empty();
        let mut seen = Vec::new();
        while source.next_block(&mut block).expect("rows") {
            seen.push((block.first, block.phase, block.t_s.len()));
        }
        let expected = [
            (0, Phase::Touch, 8192),
            (8192, Phase::Touch, 1808),
            (10_000, Phase::Press, 8192),
            (18_192, Phase::Press, 1808),
        ];
        assert_eq!(seen, expected);
    }
}
