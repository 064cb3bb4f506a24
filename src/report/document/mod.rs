//! The content of the full report, without saying how it is set: sections of prose, tables and figures.
//!
//! HTML and PDF render the same [`Document`], so that they cannot say different things. Figures and tables are
//! numbered in order of appearance; prose refers to them by id.
//!
//! Invariant: ids are unique; every reference names something that exists ([`Document::label`] finds it) or is
//! said to be absent.
//! Deliberately absent: markup, colours, page breaks.

pub mod anomalies;
pub mod attempts;
pub mod bench;
pub mod cover;
pub mod gauge;
pub mod journal;
pub mod measurement;
pub mod signatures;
pub mod statistics;
pub mod traceability;
pub mod uncertainty;

use crate::{
    acceptance::Verdict,
    record::model::RunRecord,
    report::{
        figure::{Figure, table::Table},
        selection,
    },
};
use std::collections::BTreeMap;

/// A piece of prose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Words.
    Plain(String),
    /// Words that matter.
    Strong(String),
    /// The figure, table or section of this id.
    Reference(String),
}

/// Plain words as prose.
pub fn plain(words: impl Into<String>) -> Vec<Span> {
    vec![Span::Plain(words.into())]
}

/// An item with its explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub name: String,
    /// Its verdict, where it has one.
    pub verdict: Option<Verdict>,
    /// Labelled texts.
    pub lines: Vec<(&'static str, String)>,
}

/// A part of a section.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A paragraph.
    Prose(Vec<Span>),
    /// A figure with its numbers.
    Figure(Box<Figure>),
    /// A figure whose table is worth reading beside it.
    Budget(Box<Figure>),
    /// A numbered table.
    Table(Table),
    /// A table of clauses whose cells may refer to figures and tables.
    Clauses(Clauses),
    /// Items, each with its explanations.
    Entries(Vec<Entry>),
    /// Names and values.
    Facts(Vec<(String, String)>),
    /// Text as it is, folded away.
    Listing {
        /// What it is.
        summary: String,
        /// The text.
        text: String,
    },
    /// A long table, folded away.
    Folded {
        /// What it is.
        summary: String,
        /// The table.
        table: Table,
    },
}

/// A table whose cells are prose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clauses {
    /// Unique in a document.
    pub id: String,
    /// What it shows.
    pub caption: String,
    /// Heads of the columns.
    pub columns: Vec<String>,
    /// Rows of cells.
    pub rows: Vec<Vec<Vec<Span>>>,
}

/// A part of the report under a heading.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Unique in a document; letters, digits and hyphens.
    pub id: String,
    /// The heading.
    pub title: String,
    /// Its content, before its subsections.
    pub blocks: Vec<Block>,
    /// Sections below it.
    pub subsections: Vec<Section>,
}

impl Section {
    /// An empty section.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self { id: id.into(), title: title.into(), blocks: Vec::new(), subsections: Vec::new() }
    }

    /// Adds a paragraph of plain words.
    pub fn say(&mut self, words: impl Into<String>) {
        self.blocks.push(Block::Prose(plain(words)));
    }
}

/// The report of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The sections after the first page.
    pub sections: Vec<Section>,
    labels: BTreeMap<String, String>,
}

impl Document {
    /// The report of `record`.
    pub fn of(record: &RunRecord) -> Self {
        let depths = selection::set_depths(record);
        let mut sections = vec![measurement::section(record, &depths), statistics::section(record, &depths)];
        sections.extend(record.verdict.gauge.as_ref().map(gauge::section));
        sections.extend([uncertainty::section(&depths), anomalies::section(record)]);
        sections.extend([attempts::section(record), bench::section(record)]);
        let clauses = traceability::section(record, &sections);
        sections.extend([clauses, journal::section(record), signatures::section(record)]);
        Self::new(sections)
    }

    /// A document of these sections.
    pub fn new(sections: Vec<Section>) -> Self {
        let labels = labels(&sections);
        Self { sections, labels }
    }

    /// What the thing of this id is called: `Figure 3`, `Table 2`, or the title of a section.
    pub fn label(&self, id: &str) -> Option<&str> {
        self.labels.get(id).map(String::as_str)
    }
}

/// Every block of the sections, in order of appearance.
pub fn blocks(sections: &[Section]) -> Vec<&Block> {
    sections.iter().flat_map(|section| section.blocks.iter().chain(blocks(&section.subsections))).collect()
}

fn labels(sections: &[Section]) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let (mut figures, mut tables) = (0, 0);
    for block in blocks(sections) {
        match block {
            Block::Figure(figure) | Block::Budget(figure) => {
                figures += 1;
                labels.insert(figure.id.clone(), format!("Figure {figures}"));
            }
            Block::Table(Table { id, .. }) | Block::Clauses(Clauses { id, .. }) => {
                tables += 1;
                labels.insert(id.clone(), format!("Table {tables}"));
            }
            Block::Prose(_) | Block::Entries(_) | Block::Facts(_) | Block::Listing { .. } | Block::Folded { .. } => {}
        }
    }
    name_sections(sections, &mut labels);
    labels
}

fn name_sections(sections: &[Section], labels: &mut BTreeMap<String, String>) {
    for section in sections {
        labels.insert(section.id.clone(), section.title.clone());
        name_sections(&section.subsections, labels);
    }
}
