//! Lines of numbers in columns, as any small board prints them: `1234,-0.518`, `-51873`.
//!
//! Which column means what, and in which unit, is configured; nothing is guessed. Invariant: a line with another number
//! of columns, or with something that is no plain number where one is wanted, is no sample: a torn line (`3.4` of
//! `123.4`) can be told only by its columns, so two or more make a safer line than one.

use crate::wire::decimal;

/// Longest line that is kept, in bytes.
pub const LINE_BYTES_MAX: usize = 128;

/// What stands between columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// One comma; spaces around it are allowed.
    Comma,
    /// One semicolon; spaces around it are allowed.
    Semicolon,
    /// Any number of spaces and tabs.
    Whitespace,
}

/// A column and the value of one unit of what it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Its index, from 0.
    pub index: usize,
    /// Newtons (or seconds) for one of its units: 0.001 for millinewtons, -1 turns the sign.
    pub scale: f64,
}

/// What a line holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// Between columns.
    pub separator: Separator,
    /// How many columns a line has.
    pub count: usize,
    /// Force; scaled to newtons, or left in counts with scale 1 and calibrated later.
    pub force: Column,
    /// The device's own time, if it sends one; scaled to seconds.
    pub time: Option<Column>,
}

/// A line's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Force, scaled.
    pub force: f64,
    /// The device's time, scaled.
    pub time: Option<f64>,
}

/// A layout that no line can have.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LayoutError {
    /// A column beyond the last one.
    #[error("{what} is in column {index} (from 0), but a line has {count}")]
    Index {
        /// `force` or `time`.
        what: &'static str,
        /// The index.
        index: usize,
        /// Columns in a line.
        count: usize,
    },
    /// A scale that is zero or no number.
    #[error("scale of {what} is {scale}; it must be a number other than 0")]
    Scale {
        /// `force` or `time`.
        what: &'static str,
        /// The scale.
        scale: f64,
    },
}

/// A line that is no sample.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Another number of columns.
    #[error("line has {given} columns, expected {expected}; a torn line, or another layout than configured")]
    Columns {
        /// Columns of the layout.
        expected: usize,
        /// Columns of the line.
        given: usize,
    },
    /// Something else where a number is wanted.
    #[error("column {index} (from 0) is {text:?}, no number")]
    NoNumber {
        /// The column.
        index: usize,
        /// What stands there, unreadable bytes replaced.
        text: String,
    },
}

impl Layout {
    /// Checks that lines of this layout can exist.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] with the column that is wrong.
    pub fn check(&self) -> Result<(), LayoutError> {
        let count = self.count;
        for (what, column) in [("force", Some(self.force)), ("time", self.time)] {
            let Some(Column { index, scale }) = column else { continue };
            if index >= count {
                return Err(LayoutError::Index { what, index, count });
            }
            if !scale.is_finite() || scale == 0.0 {
                return Err(LayoutError::Scale { what, scale });
            }
        }
        Ok(())
    }

    /// Reads one line, without its end.
    ///
    /// # Errors
    ///
    /// [`LineError`] where it has not this layout.
    pub fn parse(&self, line: &[u8]) -> Result<Sample, LineError> {
        let line = String::from_utf8_lossy(line);
        let columns: Vec<&str> = match self.separator {
            Separator::Comma => line.split(',').map(str::trim_ascii).collect(),
            Separator::Semicolon => line.split(';').map(str::trim_ascii).collect(),
            Separator::Whitespace => line.split_ascii_whitespace().collect(),
        };
        if columns.len() != self.count {
            return Err(LineError::Columns { expected: self.count, given: columns.len() });
        }
        let value = |column: Column| {
            let text = columns.get(column.index).copied().unwrap_or_default();
            let number = decimal::parse(text).map(|number| number * column.scale);
            number.ok_or_else(|| LineError::NoNumber { index: column.index, text: text.to_owned() })
        };
        Ok(Sample { force: value(self.force)?, time: self.time.map(value).transpose()? })
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, Layout, LayoutError, LineError, Sample, Separator};
    use proptest::prelude::*;

    const MILLIS_AND_COUNTS: Layout = Layout {
        separator: Separator::Whitespace,
        count: 2,
        force: Column { index: 1, scale: -0.5 },
        time: Some(Column { index: 0, scale: 0.001 }),
    };

    /// Formats found in the field: millis and counts with a tab, counts alone, comma-separated values.
    #[test]
    fn formats_of_the_field() {
        let counts = Layout { count: 1, force: Column { index: 0, scale: 1.0 }, time: None, ..MILLIS_AND_COUNTS };
        let comma = Layout { separator: Separator::Comma, count: 3, ..MILLIS_AND_COUNTS };
        let rows = [
            (MILLIS_AND_COUNTS, "1500\t-518", Sample { force: 259.0, time: Some(1.5) }),
            (counts, "-51873", Sample { force: -51_873.0, time: None }),
            (comma, "20, 4.5, ok", Sample { force: -2.25, time: Some(0.02) }),
        ];
        for (layout, line, expected) in rows {
            assert_eq!(layout.check(), Ok(()));
            assert_eq!(layout.parse(line.as_bytes()), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_has_another_layout_is_no_sample() {
        let columns = |given| Err(LineError::Columns { expected: 2, given });
        let no_number = |index, text: &str| Err(LineError::NoNumber { index, text: text.to_owned() });
        let rows = [
            ("HX711 ready, tare done", columns(4)),
            ("518", columns(1)),
            ("1500 nan", no_number(1, "nan")),
            ("15x 7", no_number(0, "15x")),
            ("1500 5e3", no_number(1, "5e3")),
        ];
        for (line, expected) in rows {
            assert_eq!(MILLIS_AND_COUNTS.parse(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn a_layout_that_cannot_be_is_refused() {
        let beyond = Layout { force: Column { index: 2, scale: 1.0 }, ..MILLIS_AND_COUNTS };
        assert_eq!(beyond.check(), Err(LayoutError::Index { what: "force", index: 2, count: 2 }));
        let flat = Layout { time: Some(Column { index: 0, scale: 0.0 }), ..MILLIS_AND_COUNTS };
        assert_eq!(flat.check(), Err(LayoutError::Scale { what: "time", scale: 0.0 }));
    }

    proptest! {
        #[test]
        fn any_line(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = MILLIS_AND_COUNTS.parse(&line);
        }
    }
}
