//! A page as a list of what stands on it: words, shapes, links. Positions in points from its upper left corner.
//!
//! The layout fills sheets, [`write`](super::write) turns them into PDF; nothing else knows PDF.

use crate::report::figure::picture::Step;

/// Width of a page (A4), pt.
pub const WIDTH_PT: f64 = 595.28;
/// Height of a page (A4), pt.
pub const HEIGHT_PT: f64 = 841.89;
/// Left and right margin, pt.
pub const SIDE_PT: f64 = 50.0;
/// Where content begins, pt.
pub const TOP_PT: f64 = 68.0;
/// Where content ends, pt.
pub const BOTTOM_PT: f64 = HEIGHT_PT - 62.0;
/// Width of the content, pt.
pub const MEASURE_PT: f64 = WIDTH_PT - 2.0 * SIDE_PT;

/// A colour in sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// The colour at `opacity` (0 to 1) over white: pages hold nothing that is transparent.
    pub fn over_white(self, opacity: f64) -> Self {
        let mix = |part: u8| (255.0 - (255.0 - f64::from(part)) * opacity.clamp(0.0, 1.0)).round() as u8;
        Self(mix(self.0), mix(self.1), mix(self.2))
    }
}

/// Body text.
pub const INK: Color = Color(27, 36, 48);
/// Captions and labels.
pub const SOFT: Color = Color(85, 96, 110);
/// Lines between rows.
pub const RULE: Color = Color(216, 222, 228);
/// References.
pub const LINK: Color = Color(11, 87, 164);
/// What says SIMULATED.
pub const AMBER: Color = Color(128, 80, 0);

/// A typeface of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// Body.
    Regular,
    /// Headings and what matters.
    Strong,
    /// Files and digests.
    Mono,
}

/// How words look.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Style {
    pub face: Face,
    pub size_pt: f64,
    pub color: Color,
}

impl Style {
    /// A style.
    pub const fn new(face: Face, size_pt: f64, color: Color) -> Self {
        Self { face, size_pt, color }
    }

    /// From one baseline to the next, pt.
    pub fn leading_pt(&self) -> f64 {
        self.size_pt * 1.42
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub color: Color,
    /// Its width, pt.
    pub width_pt: f64,
    /// Lengths of dash and gap, pt.
    pub dash_pt: Option<[f64; 2]>,
}

impl Stroke {
    /// A solid line.
    pub fn solid(color: Color, width_pt: f64) -> Self {
        Self { color, width_pt, dash_pt: None }
    }
}

/// Something on a page.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Item {
    /// Words from (x, baseline), all printable in their face.
    Words { x: f64, y: f64, style: Style, words: String },
    /// Words through the middle of the page, rising.
    Watermark { style: Style, words: String },
    /// A path.
    Shape { steps: Vec<Step>, fill: Option<Color>, stroke: Option<Stroke> },
    /// A disc.
    Disc { x: f64, y: f64, radius: f64, fill: Color },
    /// A field (left, top, right, bottom) that leads to the anchor of this name.
    Link { field: [f64; 4], target: String },
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// What stands on it, back to front.
    pub items: Vec<Item>,
}

impl Sheet {
    /// Adds words whose baseline begins at (x, y); they must be printable.
    pub fn words(&mut self, x: f64, y: f64, style: Style, words: impl Into<String>) {
        self.items.push(Item::Words { x, y, style, words: words.into() });
    }

    /// Adds a straight line.
    pub fn line(&mut self, from: [f64; 2], to: [f64; 2], stroke: Stroke) {
        let steps = vec![Step::Move(from[0], from[1]), Step::Line(to[0], to[1])];
        self.items.push(Item::Shape { steps, fill: None, stroke: Some(stroke) });
    }

    /// Adds a rectangle.
    pub fn rectangle(&mut self, field: [f64; 4], fill: Option<Color>, stroke: Option<Stroke>) {
        let [left, top, right, bottom] = field;
        let corners = [Step::Move(left, top), Step::Line(right, top), Step::Line(right, bottom)];
        let steps = corners.into_iter().chain([Step::Line(left, bottom), Step::Close]).collect();
        self.items.push(Item::Shape { steps, fill, stroke });
    }
}
