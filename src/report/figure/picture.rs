//! A drawing between figure and paper: what is drawn where and what it stands for, without colours or fonts.
//!
//! [`draw`](crate::report::figure::drawing::draw) makes one from a figure; the writers of SVG and PDF turn it into
//! bytes. Positions are in px, x to the right and y down.

use crate::report::figure::{Form, Tone, Weight};

/// What a part of a drawing is; with its tone and weight it decides colour, dash and opacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The path of a series.
    Line,
    /// A filled point.
    Dot,
    /// A filled point of note.
    MarkDot,
    /// An open point of note.
    MarkLine,
    /// A filled band.
    Band,
    /// A rectangle of a series.
    Bar,
    /// A shaded range of an axis.
    Zone,
    /// A straight line at a limit.
    Rule,
    /// Lines at the ticks.
    Grid,
    /// The frame of a plot.
    Axis,
    /// Invisible, shows a value under the pointer; only for screens.
    Hover,
    /// Words.
    Text,
    /// The label of a tick.
    Tick,
    /// A title.
    Strong,
    /// Words in the colour of their tone.
    Toned,
    /// Words that must stand out of what is behind them.
    Halo,
    /// The field of a gauge between its limits.
    Room,
    /// A limit of a gauge.
    Edge,
    /// The estimate of a gauge.
    TickMark,
}

/// What a part stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ink {
    /// What it is.
    pub role: Role,
    /// What it stands for, if it stands for something.
    pub tone: Option<Tone>,
    /// How firmly it is drawn.
    pub weight: Weight,
}

impl Ink {
    /// A part that stands for `tone`.
    pub fn toned(role: Role, tone: Tone) -> Self {
        Self { role, tone: Some(tone), weight: Weight::Normal }
    }

    /// A part of the frame.
    pub fn plain(role: Role) -> Self {
        Self { role, tone: None, weight: Weight::Normal }
    }

    /// The same tone and weight in another role.
    pub fn with(self, role: Role) -> Self {
        Self { role, ..self }
    }
}

/// A step of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Begins a new line at a position.
    Move(f64, f64),
    /// Draws to a position.
    Line(f64, f64),
    /// Draws back to where the line began.
    Close,
}

/// Which end of a text stands at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Geometry of a part, px.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Geometry {
    Path(Vec<Step>),
    Circle { x: f64, y: f64, radius: f64 },
    Rectangle { x: f64, y: f64, width: f64, height: f64 },
    Words { x: f64, y: f64, anchor: Anchor, words: String },
}

/// A part of a drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it stands for.
    pub ink: Ink,
    /// Where it is.
    pub geometry: Geometry,
    /// The value that shows under the pointer.
    pub title: Option<String>,
}

/// A drawing, back to front.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Width, px.
    pub width: f64,
    /// Height, px.
    pub height: f64,
    /// Its parts.
    pub parts: Vec<Part>,
}

impl Picture {
    /// An empty drawing.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, parts: Vec::new() }
    }

    /// Adds a path.
    pub fn path(&mut self, ink: Ink, steps: Vec<Step>) {
        self.parts.push(Part { ink, geometry: Geometry::Path(steps), title: None });
    }

    /// Adds a straight line.
    pub fn line(&mut self, ink: Ink, [x0, y0]: [f64; 2], [x1, y1]: [f64; 2]) {
        self.path(ink, vec![Step::Move(x0, y0), Step::Line(x1, y1)]);
    }

    /// Adds a rectangle between two corners in any order.
    pub fn rectangle(&mut self, ink: Ink, [x0, x1]: [f64; 2], [y0, y1]: [f64; 2], title: Option<String>) {
        let (x, y, width, height) = (x0.min(x1), y0.min(y1), (x1 - x0).abs(), (y1 - y0).abs());
        self.parts.push(Part { ink, geometry: Geometry::Rectangle { x, y, width, height }, title });
    }

    /// Adds a disc.
    pub fn circle(&mut self, ink: Ink, x: f64, y: f64, radius: f64, title: Option<String>) {
        self.parts.push(Part { ink, geometry: Geometry::Circle { x, y, radius }, title });
    }

    /// Adds words, unless there are none.
    pub fn words(&mut self, ink: Ink, x: f64, y: f64, anchor: Anchor, words: &str) {
        if !words.is_empty() {
            let geometry = Geometry::Words { x, y, anchor, words: words.to_owned() };
            self.parts.push(Part { ink, geometry, title: None });
        }
    }

    /// Adds a point in its form; `ink` has the role of a filled point.
    pub fn point(&mut self, ink: Ink, form: Form, x: f64, y: f64, title: Option<String>) {
        let outline: &[(f64, f64)] = match form {
            Form::Disc => return self.circle(ink, x, y, 3.0, title),
            Form::Cross => &[(-4.0, -4.0), (4.0, 4.0), (4.0, -4.0), (-4.0, 4.0)],
            Form::Triangle => &[(0.0, -5.0), (4.5, 3.0), (-4.5, 3.0)],
            Form::Diamond => &[(0.0, -5.0), (5.0, 0.0), (0.0, 5.0), (-5.0, 0.0)],
        };
        let cross = form == Form::Cross;
        let mut steps = Vec::with_capacity(outline.len() + 1);
        for (index, (dx, dy)) in outline.iter().enumerate() {
            let starts = index == 0 || (cross && index == 2);
            steps.push(if starts { Step::Move(x + dx, y + dy) } else { Step::Line(x + dx, y + dy) });
        }
        let role = match (cross, ink.role) {
            (true, Role::MarkDot) => Role::MarkLine,
            (true, _) => Role::Line,
            (false, role) => role,
        };
        if !cross {
            steps.push(Step::Close);
        }
        self.parts.push(Part { ink: ink.with(role), geometry: Geometry::Path(steps), title });
    }
}
