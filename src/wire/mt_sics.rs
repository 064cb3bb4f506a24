//! MT-SICS level 0 and 1: balances, for reference masses and slow force.
//!
//! A response is `ID status [fields]`, separated by spaces; fields may be quoted. Invariants: an overload, an unstable
//! or refused weighing never becomes a number; the id must be the command's (`SI` answers as `S`), unless the bench's
//! file says `lenient_id` for a peer that gets this wrong. Deliberately absent: the wait for a stable weight.

use crate::wire::decimal;

/// Longest line that a balance sends.
pub const LINE_BYTES_MAX: usize = 128;

/// What a balance is asked or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Stable weight; the answer waits until it is stable.
    Stable,
    /// Weight at once, stable or not.
    Immediate,
    /// Weight at once, again and again, until any of S, SI, @.
    ImmediateRepeat,
    /// Zero when stable.
    Zero,
    /// Zero at once.
    ZeroImmediate,
    /// Tare when stable.
    Tare,
    /// Levels of the protocol that it knows.
    Levels,
    /// Type of the balance.
    Type,
    /// Software version.
    Software,
    /// Serial number.
    Serial,
    /// Ends what is under way; answers as [`Self::Serial`].
    Reset,
}

impl Command {
    /// Its text, without the line's end.
    pub fn text(self) -> &'static str {
        match self {
            Self::Stable => "S",
            Self::Immediate => "SI",
            Self::ImmediateRepeat => "SIR",
            Self::Zero => "Z",
            Self::ZeroImmediate => "ZI",
            Self::Tare => "T",
            Self::Levels => "I1",
            Self::Type => "I2",
            Self::Software => "I3",
            Self::Serial => "I4",
            Self::Reset => "@",
        }
    }

    /// The id of its answer.
    pub fn answer_id(self) -> &'static str {
        match self {
            Self::Immediate | Self::ImmediateRepeat => "S",
            Self::Reset => "I4",
            _ => self.text(),
        }
    }

    /// Appends the command and its end (CR LF) to `wire`.
    pub fn encode(self, wire: &mut Vec<u8>) {
        wire.extend_from_slice(self.text().as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
}

/// Unit of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milligram.
    Milligram,
    /// Gram.
    Gram,
    /// Kilogram.
    Kilogram,
}

impl Unit {
    /// Kilograms in one of it.
    pub fn kilograms(self) -> f64 {
        match self {
            Self::Milligram => 1e-6,
            Self::Gram => 1e-3,
            Self::Kilogram => 1.0,
        }
    }
}

/// What a balance answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A weight.
    Weight {
        /// The number, in `unit`.
        value: f64,
        /// Its unit.
        unit: Unit,
        /// Whether it was stable.
        stable: bool,
    },
    /// Done, with what it tells (`A`), or the last line of several.
    Done(Vec<String>),
    /// One line of several (`B`).
    More(Vec<String>),
    /// Zero was set, stable (true) or not.
    Zeroed(bool),
}

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// `I`.
    #[error("balance cannot do it now (busy, or never stable); wait and ask again")]
    NotNow,
    /// `L`, `EL`.
    #[error("balance does not understand the parameters")]
    Parameters,
    /// `+`.
    #[error("balance is overloaded; unload it")]
    Overload,
    /// `-`.
    #[error("balance is underloaded; put the pan on")]
    Underload,
    /// `ES`.
    #[error("balance does not know the command; it may lack MT-SICS level 1")]
    Syntax,
    /// `ET`.
    #[error("balance received damaged bytes; check baud rate and parity")]
    Transmission,
    /// A unit that is none of mass.
    #[error("weight has unit {unit:?}, wanted is mg, g or kg; change the unit at the balance")]
    Unit {
        /// The unit.
        unit: String,
    },
    /// The answer to another command: the link is out of step.
    #[error("answer has id {id:?}, wanted is {wanted:?}; drain the line and ask again")]
    OtherId {
        /// The id.
        id: String,
        /// Id of the command that was sent.
        wanted: &'static str,
    },
    /// Something else.
    #[error("{line:?} is no answer of a balance; check the baud rate")]
    Shape {
        /// The line, unreadable bytes replaced.
        line: String,
    },
}

/// How strictly answers are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Accepts the command's own text as id (`SI` for `S`), and a plain `A` from ZI.
    pub lenient_id: bool,
}

/// Reads one line, without its end, as the answer to `command`.
///
/// # Errors
///
/// [`AnswerError`] for everything that is no success; no number comes with it.
pub fn parse_answer(line: &[u8], command: Command, options: Options) -> Result<Answer, AnswerError> {
    let shape = || AnswerError::Shape { line: String::from_utf8_lossy(line).into_owned() };
    let text = std::str::from_utf8(line).map_err(|_| shape())?.trim_ascii();
    match text {
        "ES" => return Err(AnswerError::Syntax),
        "ET" => return Err(AnswerError::Transmission),
        "EL" => return Err(AnswerError::Parameters),
        _ => {}
    }
    let fields = fields(text).ok_or_else(shape)?;
    let (id, status, rest) = match &fields[..] {
        [id, status, rest @ ..] => (id.as_str(), status.as_str(), rest),
        _ => return Err(shape()),
    };
    let wanted = command.answer_id();
    if id != wanted && !(options.lenient_id && id == command.text()) {
        return Err(AnswerError::OtherId { id: id.to_owned(), wanted });
    }
    match status {
        "I" => return Err(AnswerError::NotNow),
        "L" => return Err(AnswerError::Parameters),
        "+" => return Err(AnswerError::Overload),
        "-" => return Err(AnswerError::Underload),
        _ => {}
    }
    match (command, status, rest) {
        (Command::ZeroImmediate, "S" | "D", []) => Ok(Answer::Zeroed(status == "S")),
        (Command::ZeroImmediate, "A", []) if options.lenient_id => Ok(Answer::Zeroed(true)),
        (Command::ZeroImmediate, ..) => Err(shape()),
        (Command::Stable | Command::Immediate | Command::ImmediateRepeat | Command::Tare, "S" | "D", [value, unit]) => {
            weight(value, unit, status == "S").unwrap_or_else(|| Err(shape()))
        }
        (Command::Stable | Command::Immediate | Command::ImmediateRepeat | Command::Tare, ..) => Err(shape()),
        (_, "A", rest) => Ok(Answer::Done(rest.to_vec())),
        (_, "B", rest) => Ok(Answer::More(rest.to_vec())),
        _ => Err(shape()),
    }
}

/// A weight; `None` where the number is none.
fn weight(value: &str, unit: &str, stable: bool) -> Option<Result<Answer, AnswerError>> {
    let value = decimal::parse(value)?;
    let unit = match unit {
        "mg" => Unit::Milligram,
        "g" => Unit::Gram,
        "kg" => Unit::Kilogram,
        _ => return Some(Err(AnswerError::Unit { unit: unit.to_owned() })),
    };
    Some(Ok(Answer::Weight { value, unit, stable }))
}

/// Words and quoted texts of a line; `None` where a quote is not closed.
fn fields(text: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        fields.push(field.to_owned());
        rest = after.trim_ascii_start();
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::{Answer, AnswerError, Command, Options, Unit, parse_answer};
    use proptest::prelude::*;

    const STRICT: Options = Options { lenient_id: false };
    const LENIENT: Options = Options { lenient_id: true };

    /// Lines of the MT-SICS reference manual.
    #[test]
    fn answers_of_the_manual() {
        let weight = |value, stable| Ok(Answer::Weight { value, unit: Unit::Gram, stable });
        let done = |fields: &[&str]| Ok(Answer::Done(fields.iter().map(|&field| field.to_owned()).collect()));
        let more = |fields: &[&str]| Ok(Answer::More(fields.iter().map(|&field| field.to_owned()).collect()));
        let rows = [
            ("S S     100.00 g", Command::Stable, weight(100.0, true)),
            ("S S      -0.02 g", Command::Immediate, weight(-0.02, true)),
            ("S D     129.07 g", Command::Immediate, weight(129.07, false)),
            ("T S     100.00 g", Command::Tare, weight(100.0, true)),
            ("Z A", Command::Zero, done(&[])),
            ("ZI D", Command::ZeroImmediate, Ok(Answer::Zeroed(false))),
            ("I4 A \"B021002593\"", Command::Reset, done(&["B021002593"])),
            ("I2 B \"XS204 DeltaRange\"", Command::Type, more(&["XS204 DeltaRange"])),
            ("S I", Command::Stable, Err(AnswerError::NotNow)),
            ("S +", Command::Immediate, Err(AnswerError::Overload)),
            ("S -", Command::Immediate, Err(AnswerError::Underload)),
            ("Z L", Command::Zero, Err(AnswerError::Parameters)),
            ("ES", Command::Stable, Err(AnswerError::Syntax)),
            ("ET", Command::Stable, Err(AnswerError::Transmission)),
            ("EL", Command::Stable, Err(AnswerError::Parameters)),
            ("S S 1.5 oz", Command::Stable, Err(AnswerError::Unit { unit: "oz".to_owned() })),
        ];
        for (line, command, expected) in rows {
            assert_eq!(parse_answer(line.as_bytes(), command, STRICT), expected, "{line}");
        }
    }

    #[test]
    fn another_id_is_out_of_step_unless_lenient() {
        let wrong = AnswerError::OtherId { id: "SI".to_owned(), wanted: "S" };
        assert_eq!(parse_answer(b"SI S 1.00 g", Command::Immediate, STRICT), Err(wrong));
        assert!(parse_answer(b"SI S 1.00 g", Command::Immediate, LENIENT).is_ok());
        assert_eq!(parse_answer(b"ZI A", Command::ZeroImmediate, LENIENT), Ok(Answer::Zeroed(true)));
        assert!(parse_answer(b"ZI A", Command::ZeroImmediate, STRICT).is_err());
        assert!(parse_answer(b"T S 1.00 g", Command::Immediate, LENIENT).is_err());
    }

    #[test]
    fn no_number_comes_of_a_part_of_a_line() {
        for line in [&b"3.4 g"[..], b"S S 1.2.3 g", b"S S 1.0", b"S S g", b"", b"I4 A \"open", b"\xFF"] {
            assert!(parse_answer(line, Command::Stable, LENIENT).is_err(), "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn any_line(line in prop::collection::vec(any::<u8>(), 0..60), text in "[SZTI+\\-ABDL 0-9.g\"]{0,40}") {
            for command in [Command::Stable, Command::ZeroImmediate, Command::Serial] {
                let _ = (parse_answer(&line, command, LENIENT), parse_answer(text.as_bytes(), command, STRICT));
            }
        }
    }
}
