//! Mark-10 Series 5 force gauges ("GCL2" command set): short commands, one line back.
//!
//! Invariant: a value without its unit, or in a unit that is not known, is no force: a gauge whose unit was changed at
//! its keys must not deliver pounds as newtons. Deliberately absent: the sign convention, which is the bench's matter.

use crate::wire::decimal;

/// Longest line that a gauge sends (`LIST`).
pub const LINE_BYTES_MAX: usize = 128;

/// What a gauge is asked or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The reading on the display.
    Displayed,
    /// The current reading, whatever the display shows.
    Current,
    /// Largest tension since the peaks were cleared.
    PeakTension,
    /// Largest compression since the peaks were cleared.
    PeakCompression,
    /// Makes the present load zero.
    Zero,
    /// Shows newtons.
    UseNewtons,
    /// Sends values with their unit.
    SendUnits,
    /// Sends readings by itself, this many a second; 0 ends it.
    AutoOutput(u8),
    /// Model, as text.
    Model,
    /// Serial number, as text.
    Serial,
    /// Firmware version, as text.
    Version,
    /// All settings, separated by semicolons.
    List,
}

impl Command {
    /// Appends the command and its end (CR LF) to `wire`.
    pub fn encode(self, wire: &mut Vec<u8>) {
        let text: &[u8] = match self {
            Self::Displayed => b"?",
            Self::Current => b"?C",
            Self::PeakTension => b"?PT",
            Self::PeakCompression => b"?PC",
            Self::Zero => b"Z",
            Self::UseNewtons => b"N",
            Self::SendUnits => b"FULL",
            Self::AutoOutput(rate) => {
                wire.extend(format!("AOUT{rate:02}\r\n").bytes());
                return;
            }
            Self::Model => b"RM",
            Self::Serial => b"RS",
            Self::Version => b"RV",
            Self::List => b"LIST",
        };
        wire.extend_from_slice(text);
        wire.extend_from_slice(b"\r\n");
    }
}

/// Unit of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Newton.
    Newton,
    /// Millinewton.
    Millinewton,
    /// Kilonewton.
    Kilonewton,
    /// Pound-force.
    PoundForce,
    /// Ounce-force.
    OunceForce,
    /// Gram-force.
    GramForce,
    /// Kilogram-force.
    KilogramForce,
}

impl Unit {
    fn parse(text: &str) -> Option<Self> {
        [
            ("N", Self::Newton),
            ("mN", Self::Millinewton),
            ("kN", Self::Kilonewton),
            ("lbF", Self::PoundForce),
            ("ozF", Self::OunceForce),
            ("gF", Self::GramForce),
            ("kgF", Self::KilogramForce),
        ]
        .into_iter()
        .find_map(|(name, unit)| (name == text).then_some(unit))
    }

    /// Newtons in one of it (standard gravity 9.80665 m/s², pound 0.45359237 kg: exact by definition).
    pub fn newtons(self) -> f64 {
        const GRAVITY: f64 = 9.806_65;
        const POUND_KG: f64 = 0.453_592_37;
        match self {
            Self::Newton => 1.0,
            Self::Millinewton => 1e-3,
            Self::Kilonewton => 1e3,
            Self::PoundForce => POUND_KG * GRAVITY,
            Self::OunceForce => POUND_KG * GRAVITY / 16.0,
            Self::GramForce => GRAVITY * 1e-3,
            Self::KilogramForce => GRAVITY,
        }
    }
}

/// A force as the gauge gave it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The number, in `unit`, with the gauge's own sign.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
}

impl Reading {
    /// In newtons.
    pub fn force_n(&self) -> f64 {
        self.value * self.unit.newtons()
    }
}

/// A line that is no reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// The gauge refused the command.
    #[error("gauge refused the command: *{code} {}", refusal_meaning(*.code))]
    Refused {
        /// Number behind the star.
        code: u8,
    },
    /// A number alone.
    #[error("reading {value:?} has no unit; tell the gauge FULL")]
    NoUnit {
        /// The line.
        value: String,
    },
    /// A unit that is none of force.
    #[error("reading has unit {unit:?}, which is none of force that is known; tell the gauge N")]
    Unit {
        /// The unit.
        unit: String,
    },
    /// Neither.
    #[error("{line:?} is no reading; check the baud rate")]
    Shape {
        /// The line, unreadable bytes replaced.
        line: String,
    },
}

/// What `*N` means.
pub fn refusal_meaning(code: u8) -> &'static str {
    match code {
        10 => "illegal command",
        11 => "not applicable",
        12 => "bad specifier",
        22 => "value too large",
        _ => "see the gauge's manual",
    }
}

/// Reads one line, without its end, as a reading.
///
/// # Errors
///
/// [`ReadingError`] where it is a refusal, a number without a known unit of force, or something else.
pub fn parse_reading(line: &[u8]) -> Result<Reading, ReadingError> {
    let shape = || ReadingError::Shape { line: String::from_utf8_lossy(line).into_owned() };
    let text = std::str::from_utf8(line).map_err(|_| shape())?;
    if let Some(code) = text.strip_prefix('*') {
        return Err(code.parse().map_or_else(|_| shape(), |code| ReadingError::Refused { code }));
    }
    let mut words = text.split_ascii_whitespace();
    let value = words.next().and_then(decimal::parse).ok_or_else(shape)?;
    match (words.next(), words.next()) {
        (Some(unit), None) => match Unit::parse(unit) {
            Some(unit) => Ok(Reading { value, unit }),
            None => Err(ReadingError::Unit { unit: unit.to_owned() }),
        },
        (None, _) => Err(ReadingError::NoUnit { value: text.to_owned() }),
        _ => Err(shape()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, Reading, ReadingError, Unit, parse_reading};
    use proptest::prelude::*;

    /// Lines of the Series 5 user guide, and what a real client expects of them.
    #[test]
    fn readings_of_the_guide() {
        let rows =
            [("-18.78 lbF", -18.78, Unit::PoundForce), ("4.285 N", 4.285, Unit::Newton), ("0 N", 0.0, Unit::Newton)];
        for (line, value, unit) in rows {
            assert_eq!(parse_reading(line.as_bytes()), Ok(Reading { value, unit }), "{line}");
        }
        let pounds = parse_reading(b"-18.78 lbF").expect("a reading").force_n();
        assert!((pounds + 83.537_6).abs() < 1e-3, "{pounds}");
    }

    #[test]
    fn no_number_comes_of_anything_else() {
        let rows: [(&[u8], &str); 8] = [
            (b"*10", "*10 illegal command"),
            (b"*x", "no reading"),
            (b"4.285", "no unit"),
            (b"4.285 lb", "\"lb\""),
            (b"4.285 kg", "\"kg\""),
            (b"4.285 N N", "no reading"),
            (b"?", "no reading"),
            (b"\xFF\xFE", "no reading"),
        ];
        for (line, words) in rows {
            let error = parse_reading(line).expect_err("no reading").to_string();
            assert!(error.contains(words), "{line:?}: {error}");
        }
        assert_eq!(parse_reading(b"*22"), Err(ReadingError::Refused { code: 22 }));
    }

    #[test]
    fn commands_by_hand() {
        let mut wire = Vec::new();
        for command in [Command::Displayed, Command::AutoOutput(0), Command::AutoOutput(125), Command::UseNewtons] {
            command.encode(&mut wire);
        }
        assert_eq!(wire, b"?\r\nAOUT00\r\nAOUT125\r\nN\r\n");
    }

    proptest! {
        #[test]
        fn round_trip(hundredths in -999_999..999_999_i32) {
            let value = f64::from(hundredths) / 100.0;
            let reading = parse_reading(format!("{value:.2} N").as_bytes());
            prop_assert_eq!(reading, Ok(Reading { value, unit: Unit::Newton }));
        }

        #[test]
        fn any_line(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse_reading(&line);
        }
    }
}
