//! A figure, described without saying how it is drawn: axes, series, limits, markers, and its numbers as a table.
//!
//! The same description serves SVG and PDF, by way of a [`picture`]. A [`Figure`] is one x axis with one or more [`Panel`]s above each other.
//!
//! Invariants: every figure has a text alternative and a table of its numbers; colour is never the only difference
//! between two series (form, dash or place differ too).
//! Deliberately absent: pixels (see [`drawing`]), fonts and colours (see [`svg`]), and any knowledge of what a run is.

pub mod decimate;
pub mod drawing;
pub mod gauge;
pub mod label;
pub mod mark;
pub mod picture;
pub mod plot;
pub mod scale;
pub mod svg;
pub mod table;

use table::Table;

/// What a series, limit or marker stands for; writers map it to colour and dash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Protrusion, in every figure.
    Protrusion,
    /// Penetration, in every figure.
    Penetration,
    /// Force.
    Force,
    /// Context that should not draw the eye.
    Quiet,
    /// A limit of acceptance.
    Limit,
    /// A fault: missed, refused.
    Fault,
}

/// Positions along an axis: numbers, or named rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Quantity, in words.
    pub label: String,
    /// Unit, empty for a pure number or for rows.
    pub unit: &'static str,
    /// Range that must be shown; what is drawn may widen it.
    pub include: Vec<f64>,
    /// Names of rows, drawn at 0, 1, 2 and so on; empty for a numeric axis.
    pub rows: Vec<String>,
}

impl Axis {
    /// A numeric axis that shows at least the values of `include`.
    pub fn numeric(label: &str, unit: &'static str, include: &[f64]) -> Self {
        Self { label: label.to_owned(), unit, include: include.to_vec(), rows: Vec::new() }
    }

    /// An axis of named rows, the first on top.
    pub fn rows(rows: Vec<String>) -> Self {
        Self { label: String::new(), unit: "", include: Vec::new(), rows }
    }

    /// Label with unit, `Force, N`.
    pub fn title(&self) -> String {
        if self.unit.is_empty() { self.label.clone() } else { format!("{}, {}", self.label, self.unit) }
    }
}

/// The geometry of a series, in data coordinates. Points that are not finite are not drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Paths through points, in order; decimated by the writer.
    Lines(Vec<Vec<(f64, f64)>>),
    /// Steps: each value holds until the next point.
    Steps(Vec<(f64, f64)>),
    /// Separate points with their form.
    Points(Form, Vec<(f64, f64)>),
    /// A filled band: x, low, high.
    Band(Vec<(f64, f64, f64)>),
    /// Rectangles.
    Bars(Vec<Bar>),
}

/// A rectangle from one corner to the other, in data coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Bar {
    pub x_from: f64,
    pub x_to: f64,
    pub y_from: f64,
    pub y_to: f64,
}

/// Form of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A disc.
    Disc,
    /// A cross.
    Cross,
    /// A triangle that points up.
    Triangle,
    /// A square on its corner.
    Diamond,
}

/// Whether and how firmly a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Context: thin and pale.
    Thin,
    /// The subject.
    Normal,
    /// Dashed, for a second branch of the same curve.
    Dashed,
}

/// Data of one kind, under one name in the legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name in the legend; empty keeps it out of the legend.
    pub name: String,
    /// What it stands for.
    pub tone: Tone,
    /// How firmly it is drawn.
    pub weight: Weight,
    /// Its geometry.
    pub shape: Shape,
    /// Whether values show under the pointer.
    pub hover: bool,
}

/// A straight line across the figure at a value, with a label.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Where, in units of the axis.
    pub value: f64,
    /// What it is, with its number; short for a limit of y, which is labelled in the margin.
    pub label: String,
    /// What it stands for.
    pub tone: Tone,
}

/// A shaded range of an axis, for guard bands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zone {
    /// One end.
    pub from: f64,
    /// The other end.
    pub to: f64,
    /// What it stands for.
    pub tone: Tone,
}

/// A point of note with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Marker {
    /// Position along x.
    pub x: f64,
    /// Position along y.
    pub y: f64,
    /// Its name, short.
    pub label: String,
    /// Its form.
    pub form: Form,
    /// What it stands for.
    pub tone: Tone,
}

/// One plot of a figure; it shares the figure's x axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The y axis.
    pub y: Axis,
    /// Height as a share of a full panel, 0 to 1.
    pub height: f64,
    /// What is drawn, the first at the back.
    pub series: Vec<Series>,
    /// Lines at values of y.
    pub limits: Vec<Limit>,
    /// Shaded ranges of y.
    pub zones: Vec<Zone>,
    /// Points of note.
    pub markers: Vec<Marker>,
}

impl Panel {
    /// An empty panel of full height.
    pub fn new(y: Axis) -> Self {
        Self { y, height: 1.0, series: Vec::new(), limits: Vec::new(), zones: Vec::new(), markers: Vec::new() }
    }
}

/// A figure with everything a reader needs to use it without seeing it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Unique in a document; letters, digits and hyphens.
    pub id: String,
    /// What it shows, one line.
    pub title: String,
    /// How to read it, one or two sentences.
    pub caption: String,
    /// Text alternative: what the figure says, with its main numbers.
    pub alternative: String,
    /// The shared x axis.
    pub x: Axis,
    /// From top to bottom.
    pub panels: Vec<Panel>,
    /// Lines at values of x, through every panel.
    pub limits: Vec<Limit>,
    /// Shaded ranges of x, through every panel.
    pub zones: Vec<Zone>,
    /// The numbers.
    pub table: Table,
}
