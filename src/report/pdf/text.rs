//! Breaking prose into lines.
//!
//! Lines break at spaces, after hyphens, slashes and underscores, and inside a word only where it is wider than the
//! line. Greedy: a line takes what fits.

use super::{
    sheet::{Face, Sheet, Style},
    typeface::Typefaces,
};

/// Words in one style, which may lead somewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The words, printable.
    pub words: String,
    /// How they look.
    pub style: Style,
    /// Where they lead.
    pub target: Option<String>,
}

impl Piece {
    /// Words of any characters.
    pub fn new(faces: &Typefaces, style: Style, text: &str) -> Self {
        Self { words: faces.printable(style.face, text), style, target: None }
    }

    /// Words that lead to an anchor.
    pub fn leading_to(self, target: &str) -> Self {
        Self { target: Some(target.to_owned()), ..self }
    }
}

/// A line with its pieces at their places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Offset from the left end of the line, pt, and what stands there.
    pub pieces: Vec<(f64, Piece)>,
    /// Width without the space at its end, pt.
    pub width_pt: f64,
    /// From one baseline to the next, pt.
    pub leading_pt: f64,
}

impl Line {
    /// Puts the line on a sheet with its left end and its upper edge at a place.
    pub fn put(&self, faces: &Typefaces, sheet: &mut Sheet, x: f64, top: f64) {
        let baseline = self.baseline(top);
        for (offset, piece) in &self.pieces {
            sheet.words(x + offset, baseline, piece.style, piece.words.trim_end());
            if let Some(target) = &piece.target {
                let right = x + offset + faces.width_pt(piece.style, piece.words.trim_end());
                let field = [x + offset, top, right, top + self.leading_pt];
                sheet.items.push(super::sheet::Item::Link { field, target: target.clone() });
            }
        }
    }

    /// The baseline of the line whose upper edge is at `top`.
    pub fn baseline(&self, top: f64) -> f64 {
        top + self.leading_pt * 0.74
    }
}

/// What may not be broken, with the spaces after it.
#[derive(Debug, Default)]
struct Group {
    parts: Vec<(usize, String)>,
    width_pt: f64,
    space: Option<(usize, String)>,
}

/// Height of lines, pt.
pub fn height_pt(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.leading_pt).sum()
}

/// Width of the widest part that may not be broken, pt.
pub fn widest_group_pt(faces: &Typefaces, pieces: &[Piece]) -> f64 {
    groups(faces, pieces).iter().map(|group| group.width_pt).fold(0.0, f64::max)
}

/// Width of the pieces in one line, pt.
pub fn width_pt(faces: &Typefaces, pieces: &[Piece]) -> f64 {
    pieces.iter().map(|piece| faces.width_pt(piece.style, &piece.words)).sum()
}

/// Breaks pieces into lines no wider than `measure_pt`, unless a single character is.
pub fn break_lines(faces: &Typefaces, pieces: &[Piece], measure_pt: f64) -> Vec<Line> {
    let leading_pt = pieces.iter().map(|piece| piece.style.leading_pt()).fold(0.0, f64::max);
    let mut lines = vec![Line { leading_pt, ..Line::default() }];
    let mut at = 0.0;
    let mut pending: Option<(usize, String)> = None;
    for group in groups(faces, pieces).into_iter().flat_map(|group| split(faces, pieces, group, measure_pt)) {
        let gap = pending.as_ref().map_or(0.0, |(piece, space)| faces.width_pt(pieces[*piece].style, space));
        if at > 0.0 && at + gap + group.width_pt > measure_pt + 1e-6 {
            lines.push(Line { leading_pt, ..Line::default() });
            at = 0.0;
        }
        // No line begins with a space.
        if at == 0.0 {
            pending = None;
        }
        let Some(line) = lines.last_mut() else { continue };
        for (piece, words) in pending.take().into_iter().chain(group.parts) {
            append(line, &pieces[piece], &mut at, words, faces);
        }
        pending = group.space;
    }
    lines
}

fn append(line: &mut Line, piece: &Piece, at: &mut f64, words: String, faces: &Typefaces) {
    let width = faces.width_pt(piece.style, &words);
    match line.pieces.last_mut() {
        Some((_, last)) if last.style == piece.style && last.target == piece.target => last.words.push_str(&words),
        _ => line.pieces.push((*at, Piece { words, ..piece.clone() })),
    }
    *at += width;
    line.width_pt = *at;
}

fn groups(faces: &Typefaces, pieces: &[Piece]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut group = Group::default();
    for (index, piece) in pieces.iter().enumerate() {
        for part in piece.words.split_inclusive([' ', '-', '/', '_']) {
            let word = part.strip_suffix(' ').unwrap_or(part);
            if !word.is_empty() {
                group.width_pt += faces.width_pt(piece.style, word);
                group.parts.push((index, word.to_owned()));
            }
            if part.ends_with([' ', '-', '/', '_']) {
                if part.ends_with(' ') {
                    group.space = Some((index, " ".to_owned()));
                }
                groups.push(std::mem::take(&mut group));
            }
        }
    }
    groups.push(group);
    groups.retain(|group| !group.parts.is_empty() || group.space.is_some());
    groups
}

/// A group that is too wide for a line, in parts that are not.
fn split(faces: &Typefaces, pieces: &[Piece], group: Group, measure_pt: f64) -> Vec<Group> {
    if group.width_pt <= measure_pt {
        return vec![group];
    }
    let mut parts = vec![Group::default()];
    for (piece, words) in &group.parts {
        for character in words.chars() {
            let word = character.to_string();
            let width = faces.width_pt(pieces[*piece].style, &word);
            if parts.last().is_some_and(|last| last.width_pt > 0.0 && last.width_pt + width > measure_pt) {
                parts.push(Group::default());
            }
            if let Some(last) = parts.last_mut() {
                last.width_pt += width;
                last.parts.push((*piece, word));
            }
        }
    }
    if let Some(last) = parts.last_mut() {
        last.space = group.space;
    }
    parts
}

/// The text of a file in lines, each broken where it is too wide; leading spaces stay.
pub fn verbatim(faces: &Typefaces, style: Style, text: &str, measure_pt: f64) -> Vec<Line> {
    debug_assert_eq!(style.face, Face::Mono, "columns of a file stand under each other");
    let advance = faces.width_pt(style, "0").max(1e-3);
    let columns = ((measure_pt / advance) as usize).max(1);
    let mut lines = Vec::new();
    for row in text.lines() {
        let words: Vec<char> = faces.printable(style.face, row).chars().collect();
        let mut parts: Vec<String> = words.chunks(columns).map(|part| part.iter().collect()).collect();
        if parts.is_empty() {
            parts.push(String::new());
        }
        lines.extend(parts.into_iter().map(|words| Line {
            width_pt: faces.width_pt(style, &words),
            pieces: vec![(0.0, Piece { words, style, target: None })],
            leading_pt: style.leading_pt(),
        }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Piece, break_lines, verbatim};
    use crate::report::pdf::{
        sheet::{Face, INK, Style},
        typeface::Typefaces,
    };
    use proptest::prelude::*;

    const STYLE: Style = Style::new(Face::Regular, 9.0, INK);

    fn words(lines: &[super::Line]) -> Vec<String> {
        lines.iter().map(|line| line.pieces.iter().map(|(_, piece)| piece.words.as_str()).collect()).collect()
    }

    #[test]
    fn lines_break_at_spaces_and_a_reference_keeps_its_full_stop() {
        let faces = Typefaces::load();
        let piece = |text: &str| Piece::new(&faces, STYLE, text);
        let pieces = [piece("the reasons are in "), piece("Table 2").leading_to("t"), piece(".")];
        assert_eq!(words(&break_lines(&faces, &pieces, 70.0)), ["the reasons are ", "in Table 2."].map(str::trim_end));
        let long = [piece("20260810T091500Z-1.5mm-ab12cd")];
        assert_eq!(words(&break_lines(&faces, &long, 100.0)), ["20260810T091500Z-", "1.5mm-ab12cd"]);
    }

    #[test]
    fn files_keep_their_columns() {
        let faces = Typefaces::load();
        let mono = Style::new(Face::Mono, 7.0, INK);
        let lines = verbatim(&faces, mono, "a = 1\n\n  b = [\"\u{4e2d}\"]\n", 400.0);
        assert_eq!(words(&lines), ["a = 1", "", "  b = [\"[U+4E2D]\"]"]);
    }

    proptest! {
        /// Whatever the text: no line is wider than the measure, and no character but spaces at breaks is lost.
        #[test]
        fn nothing_is_lost_and_nothing_sticks_out(text in "\\PC{0,80}", measure_pt in 20.0..300.0_f64) {
            let faces = Typefaces::load();
            let piece = Piece::new(&faces, STYLE, &text);
            let printable: String = piece.words.split_whitespace().collect();
            let lines = break_lines(&faces, &[piece], measure_pt);
            let found: String = words(&lines).concat().split_whitespace().collect();
            prop_assert_eq!(found, printable);
            for line in &lines {
                prop_assert!(line.width_pt <= measure_pt + 1e-6, "{} > {measure_pt}", line.width_pt);
            }
        }
    }
}
