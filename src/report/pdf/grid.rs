//! Tables: widths of columns from what they hold, rows over page breaks with the head repeated.

use super::{
    flow::{CAPTION, CAPTION_STRONG, Flow},
    picture,
    sheet::{BOTTOM_PT, Color, Face, INK, MEASURE_PT, RULE, SIDE_PT, SOFT, Stroke, Style, TOP_PT},
    text::{self, Line, Piece},
    typeface::Typefaces,
};
use crate::report::figure::picture::Picture;

/// Words of a table.
pub const CELL: Style = Style::new(Face::Regular, 7.6, INK);
/// Words that matter in a table.
pub const CELL_STRONG: Style = Style::new(Face::Strong, 7.6, INK);
/// Heads of columns.
const HEAD: Style = Style::new(Face::Strong, 7.2, SOFT);

const GAP_PT: f64 = 8.0;
const PAD_PT: f64 = 2.6;
/// Widest part of a cell that a column must hold unbroken, pt.
const UNBROKEN_MAX_PT: f64 = 130.0;
/// Width of a drawing in a cell, pt.
const DRAWING_PT: f64 = 84.0;

/// What a cell holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Words; numbers stand at the right end and are not broken.
    Words {
        /// The words.
        pieces: Vec<Piece>,
        /// Whether they are a number.
        number: bool,
    },
    /// A small drawing.
    Drawing(Picture),
}

/// A table ready to be set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// What stands above it, the number of the table included.
    pub caption: Vec<Piece>,
    /// Heads of the columns, and whether their column holds numbers.
    pub heads: Vec<(String, bool)>,
    /// Rows, each as long as `heads`.
    pub rows: Vec<Vec<Content>>,
    /// Rows at the end that sum up the others.
    pub totals: usize,
}

/// A row broken into lines.
struct Row {
    cells: Vec<Set>,
    lines: usize,
    shaded: bool,
}

enum Set {
    Lines(Vec<Line>, bool),
    Drawing(Picture),
}

impl Grid {
    /// Height of caption, head and two rows, pt: what a heading should stay with.
    pub fn lead_pt() -> f64 {
        CAPTION.leading_pt() + HEAD.leading_pt() + 2.0 * CELL.leading_pt() + 24.0
    }

    /// Sets the table.
    pub fn put(&self, flow: &mut Flow<'_>) {
        let faces = flow.faces;
        let columns = self.columns(faces);
        let rows: Vec<Row> =
            self.rows.iter().enumerate().map(|(index, row)| self.row(faces, &columns, index, row)).collect();
        flow.space(8.0);
        let first = rows.first().map_or(0.0, |row| row.height_pt(row.lines));
        flow.ensure((Self::lead_pt() + first).min(BOTTOM_PT - TOP_PT));
        self.put_head(flow, &columns, false);
        for row in &rows {
            self.put_row(flow, &columns, row);
        }
        flow.space(10.0);
    }

    /// Caption, heads and the line beneath them.
    fn put_head(&self, flow: &mut Flow<'_>, columns: &[(f64, f64)], again: bool) {
        if !self.caption.is_empty() {
            let mut caption = self.caption.clone();
            if again {
                caption.push(flow.piece(CAPTION, " (continued)"));
            }
            flow.lines(&text::break_lines(flow.faces, &caption, MEASURE_PT), 0.0);
            flow.take(2.0);
        }
        let faces = flow.faces;
        let heads: Vec<Vec<Line>> = self
            .heads
            .iter()
            .zip(columns)
            .map(|((words, _), (_, width))| text::break_lines(faces, &[Piece::new(faces, HEAD, words)], *width))
            .collect();
        let height = heads.iter().map(|lines| text::height_pt(lines)).fold(0.0, f64::max);
        let bottom = flow.y() + height + 2.0 * PAD_PT;
        for ((lines, (x, width)), (_, number)) in heads.iter().zip(columns).zip(&self.heads) {
            // Heads stand at the foot of their row.
            let top = bottom - PAD_PT - text::height_pt(lines);
            put_lines(flow, lines, [*x, *width], top, *number);
        }
        let stroke = Stroke::solid(SOFT, 0.7);
        flow.sheet().line([SIDE_PT, bottom], [SIDE_PT + MEASURE_PT, bottom], stroke);
        let height = bottom - flow.y();
        flow.take(height);
    }

    /// A row; one that is higher than a page goes on on the next.
    fn put_row(&self, flow: &mut Flow<'_>, columns: &[(f64, f64)], row: &Row) {
        let mut from = 0;
        let mut under_head = false;
        while from < row.lines {
            let left = row.lines - from;
            let fit = ((flow.room_pt() - 2.0 * PAD_PT) / CELL.leading_pt() + 1e-6).floor().max(0.0) as usize;
            if fit < left && !under_head {
                flow.turn();
                self.put_head(flow, columns, true);
                under_head = true;
                continue;
            }
            // Under a repeated head nothing more can be won: at least one line goes on.
            let count = left.min(fit.max(1));
            put_part(flow, columns, row, from, count);
            from += count;
            under_head = false;
        }
    }

    fn row(&self, faces: &Typefaces, columns: &[(f64, f64)], index: usize, row: &[Content]) -> Row {
        let set = |(content, (_, width)): (&Content, &(f64, f64))| match content {
            Content::Words { pieces, number } => Set::Lines(text::break_lines(faces, pieces, *width), *number),
            Content::Drawing(picture) => Set::Drawing(picture.clone()),
        };
        let cells: Vec<Set> = row.iter().zip(columns).map(set).collect();
        let lines = cells.iter().map(|cell| match cell {
            Set::Lines(lines, _) => lines.len(),
            Set::Drawing(_) => 1,
        });
        let lines = lines.max().unwrap_or(1).max(1);
        Row { cells, lines, shaded: index + self.totals >= self.rows.len() }
    }

    /// Left end and width of each column, pt.
    fn columns(&self, faces: &Typefaces) -> Vec<(f64, f64)> {
        let mut wanted = Vec::with_capacity(self.heads.len());
        for (index, (head, _)) in self.heads.iter().enumerate() {
            let head = [Piece::new(faces, HEAD, head)];
            let mut least = text::widest_group_pt(faces, &head).min(UNBROKEN_MAX_PT);
            let mut most = text::width_pt(faces, &head).min(90.0).max(least);
            for content in self.rows.iter().filter_map(|row| row.get(index)) {
                let (unbroken, whole) = match content {
                    Content::Words { pieces, number } => {
                        let whole = text::width_pt(faces, pieces);
                        (if *number { whole } else { text::widest_group_pt(faces, pieces) }, whole)
                    }
                    Content::Drawing(_) => (DRAWING_PT, DRAWING_PT),
                };
                least = least.max(unbroken.min(UNBROKEN_MAX_PT));
                most = most.max(whole);
            }
            // Rounding must not break what just fits.
            wanted.push((least + 0.1, most.max(least) + 0.1));
        }
        let gaps = GAP_PT * wanted.len().saturating_sub(1) as f64;
        let widths = shared(&wanted, MEASURE_PT - gaps);
        let mut x = SIDE_PT;
        let column = |width: f64| {
            let left = x;
            x += width + GAP_PT;
            (left, width)
        };
        widths.into_iter().map(column).collect()
    }
}

/// Widths within `room` for columns that want between least and most.
fn shared(wanted: &[(f64, f64)], room: f64) -> Vec<f64> {
    let least: f64 = wanted.iter().map(|(least, _)| least).sum();
    let most: f64 = wanted.iter().map(|(_, most)| most).sum();
    if least >= room {
        return wanted.iter().map(|(column, _)| column * room / least).collect();
    }
    if most <= room {
        return wanted.iter().map(|(_, column)| column + (room - most) * column / most.max(1.0)).collect();
    }
    let share = (room - least) / (most - least);
    wanted.iter().map(|(low, high)| low + (high - low) * share).collect()
}

impl Row {
    fn height_pt(&self, lines: usize) -> f64 {
        lines as f64 * CELL.leading_pt() + 2.0 * PAD_PT
    }
}

fn put_part(flow: &mut Flow<'_>, columns: &[(f64, f64)], row: &Row, from: usize, count: usize) {
    let height = row.height_pt(count);
    let (top, bottom) = (flow.y(), flow.y() + height);
    if row.shaded {
        let field = [SIDE_PT, top, SIDE_PT + MEASURE_PT, bottom];
        flow.sheet().rectangle(field, Some(Color(246, 248, 250)), None);
    }
    for (cell, column) in row.cells.iter().zip(columns) {
        match cell {
            Set::Lines(lines, number) => {
                let part = &lines[from.min(lines.len())..(from + count).min(lines.len())];
                put_lines(flow, part, [column.0, column.1], top + PAD_PT, *number);
            }
            Set::Drawing(drawing) => {
                let faces = flow.faces;
                let scale = DRAWING_PT / drawing.width;
                picture::put(faces, flow.sheet(), drawing, [column.0, top + PAD_PT - 0.6], scale);
            }
        }
    }
    flow.sheet().line([SIDE_PT, bottom], [SIDE_PT + MEASURE_PT, bottom], Stroke::solid(RULE, 0.5));
    flow.take(height);
}

fn put_lines(flow: &mut Flow<'_>, lines: &[Line], [x, width]: [f64; 2], top: f64, number: bool) {
    let faces = flow.faces;
    let mut y = top;
    for line in lines {
        let indent = if number { (width - line.width_pt).max(0.0) } else { 0.0 };
        line.put(faces, flow.sheet(), x + indent, y);
        y += line.leading_pt;
    }
}

/// A caption that begins with the number of what it belongs to.
pub fn caption(faces: &Typefaces, label: Option<&str>, words: &str) -> Vec<Piece> {
    let label = label.map(|label| Piece::new(faces, CAPTION_STRONG, &format!("{label}. ")));
    label.into_iter().chain([Piece::new(faces, CAPTION, words)]).collect()
}

#[cfg(test)]
mod tests {
    use super::{CELL, Content, Grid, shared};
    use crate::report::pdf::{
        flow::Flow,
        sheet::{BOTTOM_PT, Item, TOP_PT},
        text::Piece,
        typeface::Typefaces,
    };

    #[test]
    fn columns_share_the_room() {
        for (wanted, room) in [(vec![(10.0, 20.0), (30.0, 200.0)], 100.0), (vec![(80.0, 90.0), (80.0, 300.0)], 100.0)] {
            let widths = shared(&wanted, room);
            assert!((widths.iter().sum::<f64>() - room).abs() < 1e-9 && widths.iter().all(|width| *width > 5.0));
        }
    }

    fn words(flow: &Flow<'_>, page: usize) -> Vec<String> {
        let words = flow.sheets[page].items.iter().filter_map(|item| match item {
            Item::Words { words, y, .. } => {
                assert!((TOP_PT..BOTTOM_PT).contains(y), "{words} at {y}");
                Some(words.clone())
            }
            _ => None,
        });
        words.collect()
    }

    #[test]
    fn the_head_is_repeated_and_no_row_is_lost() {
        let faces = Typefaces::load();
        let mut flow = Flow::new(&faces);
        let cell = |text: String| Content::Words { pieces: vec![Piece::new(&faces, CELL, &text)], number: false };
        let rows = (0..200).map(|row| vec![cell(format!("row{row}")), cell("some words".to_owned())]).collect();
        let heads = vec![("Name".to_owned(), false), ("Words".to_owned(), false)];
        Grid { heads, rows, ..Grid::default() }.put(&mut flow);
        assert!(flow.sheets.len() > 2);
        let mut found = 0;
        for page in 0..flow.sheets.len() {
            let words = words(&flow, page);
            assert_eq!(words.first().map(String::as_str), Some("Name"), "page {page}");
            found += words.iter().filter(|words| words.starts_with("row")).count();
        }
        assert_eq!(found, 200);
    }

    #[test]
    fn a_row_higher_than_a_page_goes_on() {
        let faces = Typefaces::load();
        let mut flow = Flow::new(&faces);
        let text = "word ".repeat(9000);
        let cell = Content::Words { pieces: vec![Piece::new(&faces, CELL, &text)], number: false };
        Grid { heads: vec![("Words".to_owned(), false)], rows: vec![vec![cell]], ..Grid::default() }.put(&mut flow);
        let found: usize = (0..flow.sheets.len()).map(|page| words(&flow, page).concat().matches("word").count()).sum();
        assert_eq!(found, 9000);
    }
}
