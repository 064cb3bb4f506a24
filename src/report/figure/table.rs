//! Tables of a report: columns with units, cells already rounded.

use crate::{acceptance::Verdict, report::verdict};

/// A cell. Numbers are rounded by who makes the table, since only they know the uncertainty.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A formatted number; numbers of a column align.
    Number(String),
    /// A verdict.
    Verdict(Verdict),
    /// An outcome that has words of its own: what a comparison answers is no acceptance.
    Answer(Verdict, &'static str),
    /// Passed or failed.
    Passed(bool),
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A formatted number.
    pub fn number(text: impl Into<String>) -> Self {
        Self::Number(text.into())
    }

    /// What the cell says.
    pub fn words(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Verdict(verdict) => verdict::word(*verdict),
            Self::Answer(_, word) => word,
            Self::Passed(true) => "passed",
            Self::Passed(false) => "failed",
        }
    }
}

/// A table with a caption.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Unique in a document, or empty for the numbers of a figure.
    pub id: String,
    /// What it shows.
    pub caption: String,
    /// Heads of the columns, with units.
    pub columns: Vec<String>,
    /// Rows; each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// Rows at the end that sum up the others.
    pub totals: usize,
}

impl Table {
    /// An empty table.
    pub fn new(id: &str, caption: &str, columns: &[&str]) -> Self {
        Self {
            id: id.to_owned(),
            caption: caption.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
            totals: 0,
        }
    }
}
