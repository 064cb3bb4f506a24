//! A pen's own text console: command templates and reply patterns from a profile, compiled and checked.
//!
//! A template is text with `{name}` or `{name:decimals}` where a value goes: `SET F={rate_hz:1} D={set_depth_um}`. A
//! pattern is text with `{name}` for a word or `{name:number}` for a plain number, the last one may be `{name:rest}` for
//! all that follows: `STATE {state} {rate_hz:number}`. Spaces match one or more spaces. No expressions, no conditions:
//! what a line cannot say this way, firmware should say otherwise.
//!
//! Deliberately absent: the profile's file (config), and which command is sent when (the session).

use crate::{checksum, wire::decimal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest line that is kept, in bytes.
pub const LINE_BYTES_MAX: usize = 256;

/// How lines are protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Checksum {
    /// Not at all.
    #[default]
    None,
    /// `*` and the exclusive or of all bytes before it, decimal (G-code, ODrive).
    XorDecimal,
    /// `*` and the exclusive or of all bytes before it, two hexadecimal digits (NMEA 0183 without its `$`).
    XorHex,
    /// `:` and the two's complement of the sum of all bytes before it, two hexadecimal digits.
    LrcHex,
    /// `*` and the CRC-16/CCITT-FALSE of all bytes before it, four hexadecimal digits.
    CrcHex,
}

impl Checksum {
    /// `text` with its checksum.
    pub fn append(self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::XorDecimal => format!("{text}*{}", xor(text)),
            Self::XorHex => format!("{text}*{:02X}", xor(text)),
            Self::LrcHex => format!("{text}:{:02X}", checksum::lrc(text.as_bytes())),
            Self::CrcHex => format!("{text}*{:04X}", checksum::crc16(text.as_bytes())),
        }
    }

    /// The text before the checksum, or `None` where that is missing or wrong.
    pub fn strip(self, line: &str) -> Option<&str> {
        if self == Self::None {
            return Some(line);
        }
        let (text, sum) = line.rsplit_once(if self == Self::LrcHex { ':' } else { '*' })?;
        let radix = if self == Self::XorDecimal { 10 } else { 16 };
        let wanted = match self {
            Self::LrcHex => checksum::lrc(text.as_bytes()).into(),
            Self::CrcHex => checksum::crc16(text.as_bytes()),
            Self::None | Self::XorDecimal | Self::XorHex => xor(text).into(),
        };
        // A sign would pass the parser of numbers.
        let digits = !sum.is_empty() && sum.chars().all(|digit| digit.is_digit(radix));
        (digits && u16::from_str_radix(sum, radix) == Ok(wanted)).then_some(text)
    }
}

fn xor(text: &str) -> u8 {
    text.bytes().fold(0, |sum, byte| sum ^ byte)
}

/// A template or pattern that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A brace without its partner.
    #[error("{text:?}: a brace has no partner")]
    Brace {
        /// The template or pattern.
        text: String,
    },
    /// A placeholder that is malformed.
    #[error("{text:?}: {{{placeholder}}} is no placeholder; write {{name}} or {{name:kind}}")]
    Placeholder {
        /// The template or pattern.
        text: String,
        /// What stands in the braces.
        placeholder: String,
    },
    /// A name that has no value here.
    #[error("{text:?}: {{{name}}} is not known; known are: {known}")]
    Name {
        /// The template or pattern.
        text: String,
        /// The name.
        name: String,
        /// Names that can be used, separated by commas.
        known: String,
    },
    /// Placeholders that nothing separates, or something behind `{name:rest}`.
    #[error("{text:?}: {{{name}}} has no end; put text behind it, and {{...:rest}} last")]
    Endless {
        /// The pattern.
        text: String,
        /// The placeholder.
        name: String,
    },
    /// Bytes that would end the line, or are no printable ASCII.
    #[error("{text:?}: only printable ASCII can be in a line")]
    Bytes {
        /// The template or pattern.
        text: String,
    },
}

/// Text, or what stands in braces.
enum Piece<'t> {
    Text(&'t str),
    Slot { name: &'t str, kind: &'t str },
}

/// Cuts `text` at its braces.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, ProfileError> {
    if !text.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
        return Err(ProfileError::Bytes { text: text.to_owned() });
    }
    let brace = || ProfileError::Brace { text: text.to_owned() };
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (before, slot) = match rest.split_once('{') {
            Some((before, after)) => (before, Some(after.split_once('}').ok_or_else(brace)?)),
            None => (rest, None),
        };
        if before.contains('}') {
            return Err(brace());
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let Some((inside, after)) = slot else { break };
        let (name, kind) = inside.split_once(':').unwrap_or((inside, ""));
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
        {
            return Err(ProfileError::Placeholder { text: text.to_owned(), placeholder: inside.to_owned() });
        }
        pieces.push(Piece::Slot { name, kind });
        rest = after;
    }
    Ok(pieces)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value { index: usize, decimals: usize },
}

/// Most decimals that a template can ask for.
const DECIMALS_MAX: usize = 6;

/// A command with places for values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Compiles a template whose placeholders are all in `names`.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] with the text and what is wrong in it.
    pub fn compile(text: &str, names: &[&str]) -> Result<Self, ProfileError> {
        let part = |piece| match piece {
            Piece::Text(words) => Ok(Part::Text(words.to_owned())),
            Piece::Slot { name, kind } => {
                let index = names.iter().position(|known| *known == name).ok_or_else(|| ProfileError::Name {
                    text: text.to_owned(),
                    name: name.to_owned(),
                    known: names.join(", "),
                })?;
                let decimals = if kind.is_empty() { Some(0) } else { kind.parse().ok() };
                let decimals = decimals.filter(|&decimals| decimals <= DECIMALS_MAX).ok_or_else(|| {
                    ProfileError::Placeholder { text: text.to_owned(), placeholder: format!("{name}:{kind}") }
                })?;
                Ok(Part::Value { index, decimals })
            }
        };
        Ok(Self { parts: pieces(text)?.into_iter().map(part).collect::<Result<_, _>>()? })
    }

    /// Whether a value with one of these indices is in it.
    pub fn uses(&self, indices: std::ops::Range<usize>) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Value { index, .. } if indices.contains(index)))
    }

    /// What its lines look like to who receives them, with the names that it was compiled with. `None` where nothing
    /// stands between two values.
    pub fn pattern(&self, names: &[&str]) -> Option<Pattern> {
        let text = self.parts.iter().map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Value { index, .. } => names.get(*index).map(|name| format!("{{{name}:number}}")),
        });
        Pattern::compile(&text.collect::<Option<String>>()?).ok()
    }

    /// The command with `values`, in the order of the names that it was compiled with. `None` where one that is used is
    /// missing or no number.
    pub fn render(&self, values: &[f64]) -> Option<String> {
        let mut line = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => line += text,
                Part::Value { index, decimals } => {
                    let value = values.get(*index).filter(|value| value.is_finite())?;
                    line += &format!("{value:.decimals$}");
                }
            }
        }
        Some(line)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Number,
    Rest,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Matcher {
    Text(String),
    Slot { name: String, kind: Kind },
}

/// What a reply looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    matchers: Vec<Matcher>,
}

/// What stood at the placeholders of a pattern, by name.
pub type Captures<'l> = Vec<(String, &'l str)>;

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] with the text and what is wrong in it.
    pub fn compile(text: &str) -> Result<Self, ProfileError> {
        let mut matchers: Vec<Matcher> = Vec::new();
        for piece in pieces(text)? {
            if let Some(Matcher::Slot { name, kind }) = matchers.last()
                && (*kind == Kind::Rest || matches!(piece, Piece::Slot { .. }))
            {
                return Err(ProfileError::Endless { text: text.to_owned(), name: name.clone() });
            }
            matchers.push(match piece {
                Piece::Text(words) => Matcher::Text(words.to_owned()),
                Piece::Slot { name, kind } => {
                    let kind = match kind {
                        "" | "word" => Kind::Word,
                        "number" => Kind::Number,
                        "rest" => Kind::Rest,
                        _ => {
                            let placeholder = format!("{name}:{kind}");
                            return Err(ProfileError::Placeholder { text: text.to_owned(), placeholder });
                        }
                    };
                    Matcher::Slot { name: name.to_owned(), kind }
                }
            });
        }
        Ok(Self { matchers })
    }

    /// Whether it has a placeholder of this name.
    pub fn has(&self, wanted: &str) -> bool {
        self.matchers.iter().any(|matcher| matches!(matcher, Matcher::Slot { name, .. } if name == wanted))
    }

    /// A line of this shape.
    pub fn fill(&self, mut value: impl FnMut(&str) -> String) -> String {
        let text = self.matchers.iter().map(|matcher| match matcher {
            Matcher::Text(text) => text.clone(),
            Matcher::Slot { name, .. } => value(name),
        });
        text.collect()
    }

    /// What stands at the placeholders where all of `line` has this shape; a number where a number is wanted.
    pub fn captures<'l>(&self, line: &'l str) -> Option<Captures<'l>> {
        let mut captures = Vec::new();
        let mut rest = line.trim_ascii();
        for (index, matcher) in self.matchers.iter().enumerate() {
            match matcher {
                Matcher::Text(text) => rest = strip_text(rest, text)?,
                Matcher::Slot { name, kind } => {
                    let end = match (kind, self.matchers.get(index + 1)) {
                        (Kind::Rest, _) => rest.len(),
                        (_, Some(Matcher::Text(text))) => {
                            // A word ends at a space, or where the next text begins.
                            let next = text.split(' ').next().filter(|next| !next.is_empty());
                            let space = rest.find(' ').unwrap_or(rest.len());
                            next.and_then(|next| rest.find(next)).map_or(space, |at| at.min(space))
                        }
                        _ => rest.find(' ').unwrap_or(rest.len()),
                    };
                    let (value, after) = rest.split_at(end);
                    let fits = match kind {
                        Kind::Word => !value.is_empty(),
                        Kind::Number => decimal::parse(value).is_some(),
                        Kind::Rest => true,
                    };
                    captures.push((name.clone(), fits.then_some(value)?));
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(captures)
    }
}

/// Removes `text` from the front of `line`; a space in it stands for one or more, and none at the very end.
fn strip_text<'l>(line: &'l str, text: &str) -> Option<&'l str> {
    let mut rest = line;
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            let trimmed = rest.trim_start_matches(' ');
            if trimmed.len() == rest.len() && !rest.is_empty() {
                return None;
            }
            rest = trimmed;
        }
        rest = rest.strip_prefix(word)?;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::{Checksum, Pattern, ProfileError, Template};
    use proptest::prelude::*;

    const NAMES: [&str; 3] = ["rate_hz", "rate_rpm", "set_depth_um"];

    #[test]
    fn templates_by_hand() {
        let rows = [
            ("SET F={rate_hz:1} D={set_depth_um}", "SET F=110.0 D=1500"),
            ("M3 S{rate_rpm}", "M3 S6600"),
            ("STOP", "STOP"),
            ("", ""),
        ];
        for (text, expected) in rows {
            let template = Template::compile(text, &NAMES).expect("compiles");
            assert_eq!(template.render(&[110.0, 6600.0, 1500.0]).as_deref(), Some(expected), "{text}");
        }
        let template = Template::compile("F{rate_hz}", &NAMES).expect("compiles");
        assert_eq!((template.render(&[f64::NAN]), template.render(&[])), (None, None));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_text() {
        let rows = [
            ("SET {speed}", "{speed} is not known; known are: rate_hz, rate_rpm, set_depth_um"),
            ("SET {rate_hz", "brace"),
            ("SET rate_hz}", "brace"),
            ("SET {}", "no placeholder"),
            ("SET {rate_hz:9}", "no placeholder"),
            ("SET\n{rate_hz}", "printable ASCII"),
        ];
        for (text, words) in rows {
            let error = Template::compile(text, &NAMES).expect_err("refused").to_string();
            assert!(error.contains(words), "{text:?}: {error}");
        }
        for text in ["{a}{b}", "{a:rest} x", "{a:float}"] {
            assert!(Pattern::compile(text).is_err(), "{text}");
        }
        assert!(matches!(Pattern::compile("{a}{b}"), Err(ProfileError::Endless { .. })));
    }

    #[test]
    fn patterns_by_hand() {
        let check = |pattern: &str, line: &str, expected: Option<&[(&str, &str)]>| {
            let captures = Pattern::compile(pattern).expect("compiles").captures(line);
            let expected = expected.map(|pairs| pairs.iter().map(|&(name, value)| (name.to_owned(), value)).collect());
            assert_eq!(captures, expected, "{pattern:?} on {line:?}");
        };
        check("OK", "OK", Some(&[]));
        check("OK", "OK then", None);
        check("STATE {state} {rate:number}", "STATE RUN  109.8", Some(&[("state", "RUN"), ("rate", "109.8")]));
        check("STATE {state} {rate:number}", "STATE RUN fast", None);
        check("F={rate:number},D={depth:number}mm", "F=110,D=1.5mm", Some(&[("rate", "110"), ("depth", "1.5")]));
        check("F={rate:number},D={depth:number}mm", "F=110,D=1.5", None);
        check("ERR {text:rest}", "ERR motor too hot", Some(&[("text", "motor too hot")]));
        check("ERR {text:rest}", "ERR", Some(&[("text", "")]));
        check("ver {version} sn {serial}", "ver 1.2 sn A7", Some(&[("version", "1.2"), ("serial", "A7")]));
        check("ver {version} sn {serial}", "ver 1.2", None);
    }

    /// `G0 X0*97`: by hand, exclusive or of the bytes; `1 1 16:F7`: Zaber's manual.
    #[test]
    fn checksums_by_hand() {
        let sum = "G0 X0".bytes().fold(0_u8, |sum, byte| sum ^ byte);
        assert_eq!(Checksum::XorDecimal.append("G0 X0"), format!("G0 X0*{sum}"));
        assert_eq!(Checksum::LrcHex.append("1 1 16"), "1 1 16:F7");
        assert_eq!(Checksum::LrcHex.strip("1 1 16:F7"), Some("1 1 16"));
        for line in ["1 1 16:F8", "1 1 16", "1 1 16:", "1 1 16:+F7", "1 1 16:F7F7F7"] {
            assert_eq!(Checksum::LrcHex.strip(line), None, "{line}");
        }
        assert_eq!(Checksum::CrcHex.append("123456789"), "123456789*29B1");
        assert_eq!(Checksum::None.strip("as it is"), Some("as it is"));
    }

    proptest! {
        #[test]
        fn checksums_round_trip(text in "[ -~]{0,40}") {
            for kind in [Checksum::None, Checksum::XorDecimal, Checksum::XorHex, Checksum::LrcHex, Checksum::CrcHex] {
                let line = kind.append(&text);
                prop_assert_eq!(kind.strip(&line), Some(&text[..]));
            }
        }

        #[test]
        fn what_a_template_writes_a_pattern_reads(rate in 0..20_000_u32, depth in 0..3_000_u32) {
            let template = Template::compile("SET F={rate_hz:2} D={set_depth_um}", &NAMES).expect("compiles");
            let line = template.render(&[f64::from(rate) / 100.0, 0.0, f64::from(depth)]).expect("numbers");
            let pattern = Pattern::compile("SET F={f:number} D={d:number}").expect("compiles");
            let captures = pattern.captures(&line).expect("matches");
            prop_assert_eq!(captures[0].1.parse::<f64>(), Ok(f64::from(rate) / 100.0));
            prop_assert_eq!(captures[1].1.parse::<u32>(), Ok(depth));
            let seen = template.pattern(&NAMES).and_then(|pattern| pattern.captures(&line).map(|found| found.len()));
            prop_assert_eq!(seen, Some(2));
            let mut values = captures.iter().map(|(_, value)| (*value).to_owned());
            prop_assert_eq!(pattern.fill(|_| values.next().unwrap_or_default()), line.clone());
        }

        #[test]
        fn any_text(text in "[{}:a-z 0-9\\PC]{0,30}", line in "\\PC{0,40}") {
            let _ = Template::compile(&text, &NAMES);
            if let Ok(pattern) = Pattern::compile(&text) {
                let _ = pattern.captures(&line);
            }
            let _ = Checksum::XorHex.strip(&line);
        }
    }
}
