//! Content flowing from page to page: where the next thing goes, and where things went.

use super::{
    sheet::{BOTTOM_PT, Face, INK, LINK, MEASURE_PT, SIDE_PT, SOFT, Sheet, Style, TOP_PT},
    text::{self, Line, Piece},
    typeface::Typefaces,
};
use std::collections::BTreeMap;

/// Body text.
pub const BODY: Style = Style::new(Face::Regular, 9.2, INK);
/// Words that matter in body text.
pub const BODY_STRONG: Style = Style::new(Face::Strong, 9.2, INK);
/// References in body text.
pub const BODY_LINK: Style = Style::new(Face::Regular, 9.2, LINK);
/// Captions.
pub const CAPTION: Style = Style::new(Face::Regular, 8.2, SOFT);
/// Names of figures and tables.
pub const CAPTION_STRONG: Style = Style::new(Face::Strong, 8.2, INK);
/// The contents of files.
pub const FILE: Style = Style::new(Face::Mono, 7.0, INK);

/// A place in the document: page, counted from 0, and distance from its upper edge, pt.
pub type Place = (usize, f64);

/// A heading with its place, for contents and bookmarks.
#[derive(Clone, Debug, PartialEq)]
pub struct Heading {
    /// 1 for a section, 2 for what is below it.
    pub level: u8,
    /// The words.
    pub title: String,
    /// Where its section begins.
    pub place: Place,
    /// Name of its anchor.
    pub id: String,
}

/// Pages that fill up.
#[derive(Debug)]
pub struct Flow<'f> {
    /// The fonts.
    pub faces: &'f Typefaces,
    /// The pages so far; never empty.
    pub sheets: Vec<Sheet>,
    /// Where anchors are.
    pub anchors: BTreeMap<String, Place>,
    /// The headings so far.
    pub headings: Vec<Heading>,
    y: f64,
}

impl<'f> Flow<'f> {
    /// A first empty page.
    pub fn new(faces: &'f Typefaces) -> Self {
        Self { faces, sheets: vec![Sheet::default()], anchors: BTreeMap::new(), headings: Vec::new(), y: TOP_PT }
    }

    /// The page that fills up.
    pub fn sheet(&mut self) -> &mut Sheet {
        if self.sheets.is_empty() {
            self.sheets.push(Sheet::default());
        }
        self.sheets.last_mut().expect("there is a page: it was just added where there was none")
    }

    /// Where the next thing begins, pt from the upper edge.
    pub fn y(&self) -> f64 {
        self.y
    }

    /// Height left on the page, pt.
    pub fn room_pt(&self) -> f64 {
        BOTTOM_PT - self.y
    }

    /// Whether nothing stands on the page yet.
    pub fn is_at_top(&self) -> bool {
        self.y <= TOP_PT
    }

    /// Goes to a new page.
    pub fn turn(&mut self) {
        self.sheets.push(Sheet::default());
        self.y = TOP_PT;
    }

    /// Goes to a new page where less than `height_pt` is left on one that holds something.
    pub fn ensure(&mut self, height_pt: f64) {
        if self.room_pt() < height_pt && !self.is_at_top() {
            self.turn();
        }
    }

    /// Takes height that something drew on.
    pub fn take(&mut self, height_pt: f64) {
        self.y += height_pt;
    }

    /// Leaves space, unless at the top of a page.
    pub fn space(&mut self, height_pt: f64) {
        if !self.is_at_top() {
            self.y = (self.y + height_pt).min(BOTTOM_PT);
        }
    }

    /// Names the present place.
    pub fn anchor(&mut self, id: &str) {
        let place = (self.sheets.len() - 1, self.y);
        self.anchors.insert(id.to_owned(), place);
    }

    /// Words of any characters in a style.
    pub fn piece(&self, style: Style, text: &str) -> Piece {
        Piece::new(self.faces, style, text)
    }

    /// A paragraph, indented by `indent_pt`. At least two of its lines stay together at either end of a page.
    pub fn paragraph(&mut self, pieces: &[Piece], indent_pt: f64) {
        let lines = text::break_lines(self.faces, pieces, MEASURE_PT - indent_pt);
        self.lines(&lines, indent_pt);
    }

    /// Lines below each other, over as many pages as they need.
    pub fn lines(&mut self, lines: &[Line], indent_pt: f64) {
        let count = lines.len();
        for (index, line) in lines.iter().enumerate() {
            // The first line needs the second, the last but one the last.
            let together = if count > 1 && (index == 0 || index + 2 == count) { 2.0 } else { 1.0 };
            self.ensure(line.leading_pt * together);
            let (faces, y) = (self.faces, self.y);
            line.put(faces, self.sheet(), SIDE_PT + indent_pt, y);
            self.take(line.leading_pt);
        }
    }

    /// A heading that stays with the `next_pt` of what follows.
    pub fn heading(&mut self, level: u8, title: &str, id: &str, next_pt: f64) {
        let (size_pt, above_pt, below_pt) = match level {
            1 => (15.0, 22.0, 7.0),
            2 => (11.5, 16.0, 5.0),
            _ => (9.8, 12.0, 3.0),
        };
        let style = Style::new(Face::Strong, size_pt, INK);
        let piece = self.piece(style, title);
        let lines = text::break_lines(self.faces, &[piece], MEASURE_PT);
        self.space(above_pt);
        self.ensure(text::height_pt(&lines) + below_pt + next_pt.min(BOTTOM_PT - TOP_PT - 80.0));
        self.anchor(id);
        let place = (self.sheets.len() - 1, self.y);
        self.headings.push(Heading { level, title: title.to_owned(), place, id: id.to_owned() });
        self.lines(&lines, 0.0);
        self.take(below_pt);
    }

    /// Adds the pages of another flow after these.
    pub fn append(&mut self, other: Flow<'_>) {
        let offset = self.sheets.len();
        let moved = |(page, y): Place| (page + offset, y);
        self.sheets.extend(other.sheets);
        self.anchors.extend(other.anchors.into_iter().map(|(id, place)| (id, moved(place))));
        let headings = other.headings.into_iter();
        self.headings.extend(headings.map(|heading| Heading { place: moved(heading.place), ..heading }));
        self.y = other.y;
    }
}
