//! The files that people write: rig, plan, cartridge, pen, calibration (TOML), parsed once into checked types.
//!
//! Invariant: what comes out of [`parse`] is within its ranges and has no unknown key; everything else is a
//! [`ConfigError`] that names file, line, column, value, the allowed range and what to do.
//! Deliberately absent: defaults that hide a missing decision. A default is documented at its field.

pub mod calibration;
pub mod cartridge;
pub mod console;
pub mod faults;
pub mod gauge;
pub mod library;
pub mod pen;
pub mod plan;
pub mod rig;
pub mod steps;
pub mod world;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A value that parsed but cannot be: where it stands (`force.sample_rate_hz`, `criterion[2].coverage`) and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Path of the key in the file.
    pub path: String,
    /// The value, the allowed range, and what to do.
    pub message: String,
}

impl Problem {
    /// A problem at `path`.
    pub fn at(path: impl Into<String>, message: impl ToString) -> Self {
        Self { path: path.into(), message: message.to_string() }
    }
}

/// A file type of this module.
pub trait Document: DeserializeOwned {
    /// The value that the key `schema` must have, for example `rig/1`.
    const SCHEMA: &'static str;

    /// The first value that is out of its range or contradicts another.
    ///
    /// # Errors
    ///
    /// [`Problem`] with the path of the key.
    fn check(&self) -> Result<(), Problem>;
}

/// A file that cannot be used. `Display` gives one line; [`ConfigError::rendered`] points into the text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct ConfigError {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what is allowed.
    pub message: String,
    /// The message with the place in the text under it.
    pub rendered: String,
}

impl ConfigError {
    /// An error at a byte range of the text.
    pub fn at(file: &str, text: &str, span: Option<Range<usize>>, message: String) -> Self {
        let start = span.as_ref().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..start).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&character| character != '\n').count() + 1;
        let rendered = match span.filter(|span| span.start < span.end && text.get(span.clone()).is_some()) {
            Some(span) => {
                let snippet = Snippet::source(text).path(file).annotation(AnnotationKind::Primary.span(span));
                let report = [Level::ERROR.primary_title(&message).element(snippet)];
                Renderer::plain().render(&report)
            }
            None => format!("error: {file}:{line}:{column}: {message}"),
        };
        Self { file: file.to_owned(), line, column, message, rendered }
    }
}

/// Parses and checks one file.
///
/// # Errors
///
/// [`ConfigError`] for text that is no TOML, a wrong or missing `schema`, a missing or unknown key, a value of the
/// wrong type, or one that [`Document::check`] refuses.
pub fn parse<T: Document>(file: &str, text: &str) -> Result<T, ConfigError> {
    check_schema(file, text, T::SCHEMA)?;
    let document: T = toml::from_str(text)
        .map_err(|error| ConfigError::at(file, text, error.span(), with_suggestion(error.message())))?;
    match document.check() {
        Ok(()) => Ok(document),
        Err(Problem { path, message }) => {
            let message = if path.is_empty() { message } else { format!("{path}: {message}") };
            Err(ConfigError::at(file, text, locate(text, &path), message))
        }
    }
}

/// Looks at `schema` first, so that a plan given as a rig is called a plan and not a list of unknown keys.
fn check_schema(file: &str, text: &str, wanted: &str) -> Result<(), ConfigError> {
    let table =
        DeTable::parse(text).map_err(|error| ConfigError::at(file, text, error.span(), error.message().to_owned()))?;
    match table.get_ref().get("schema") {
        None => {
            let message = format!("the key `schema` is missing; the first line should be: schema = \"{wanted}\"");
            Err(ConfigError::at(file, text, None, message))
        }
        Some(value) if value.get_ref().as_str() == Some(wanted) => Ok(()),
        Some(value) => {
            let given = value.get_ref().as_str().unwrap_or("something else");
            let message = format!("this is a `{given}` file; a `{wanted}` file is wanted here");
            Err(ConfigError::at(file, text, Some(value.span()), message))
        }
    }
}

/// Adds the nearest known key to serde's list of all of them.
fn with_suggestion(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (true, Some((unknown, known))) = (message.starts_with("unknown "), quoted.split_first()) else {
        return message.to_owned();
    };
    let nearest = known.iter().map(|name| (distance(unknown, name), name)).min();
    match nearest {
        Some((steps, name)) if steps <= 3 => format!("{message}; did you mean `{name}`?"),
        _ => message.to_owned(),
    }
}

/// Levenshtein distance in characters.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Byte range of the value at a path such as `criterion[2].coverage`; of its nearest parent where it is absent.
fn locate(text: &str, path: &str) -> Option<Range<usize>> {
    let table = DeTable::parse(text).ok()?;
    let mut span = None;
    let mut current: Option<&DeTable<'_>> = Some(table.get_ref());
    for step in path.split('.') {
        let (key, index) = match step.split_once('[') {
            Some((key, rest)) => (key, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (step, None),
        };
        let Some(mut value) = current.and_then(|table| table.get(key)) else { break };
        if let (Some(index), DeValue::Array(items)) = (index, value.get_ref())
            && let Some(item) = items.get(index)
        {
            value = item;
        }
        span = Some(value.span());
        current = value.get_ref().as_table();
    }
    span
}

#[cfg(test)]
mod tests {
    use super::{distance, locate, with_suggestion};

    #[test]
    fn paths_lead_to_the_value_or_its_nearest_parent() {
        let text = "schema = \"x\"\n[a]\nb = 12\n[[c]]\nd = 1\n[[c]]\nd = 2\n";
        let found = |path: &str| locate(text, path).map(|span| &text[span]);
        assert_eq!(found("a.b"), Some("12"));
        assert_eq!(found("c[1].d"), Some("2"));
        assert_eq!(found("c[1].missing").map(|s| s.contains("c")), Some(true));
        assert_eq!(found("nowhere"), None);
    }

    #[test]
    fn an_unknown_key_gets_its_nearest_neighbour() {
        let message = with_suggestion("unknown field `sampel_rate_hz`, expected one of `port`, `sample_rate_hz`");
        assert!(message.ends_with("did you mean `sample_rate_hz`?"), "{message}");
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
