//! One block of the document on paper.

use super::{
    flow::{BODY, BODY_LINK, BODY_STRONG, CAPTION, FILE, Flow},
    grid::{self, CELL, CELL_STRONG, Content, Grid},
    picture,
    sheet::{BOTTOM_PT, Color, Face, INK, LINK, MEASURE_PT, SIDE_PT, SOFT, Style, TOP_PT},
    text::{self, Piece},
    typeface::Typefaces,
};
use crate::{
    acceptance::Verdict,
    report::{
        document::{Block, Clauses, Document, Entry, Span},
        figure::{
            Figure, drawing,
            table::{Cell, Table},
        },
        number, verdict,
    },
};

/// Most rows of a table; the rest are counted and stay in the archive's CSV.
const ROWS_MAX: usize = 300;
/// Share of the width of a page that the bars of a budget take; their numbers stand beneath them.
const BUDGET: f64 = 0.8;
/// Width of the labels of facts and entries, pt.
const LABEL_PT: f64 = 92.0;

/// Colours of an outcome: words, and the field behind them.
pub fn tones(outcome: Verdict) -> (Color, Color) {
    match outcome {
        Verdict::Accept => (Color(23, 102, 57), Color(227, 244, 233)),
        Verdict::Reject => (Color(179, 24, 42), Color(253, 232, 234)),
        Verdict::Inconclusive => (Color(128, 80, 0), Color(255, 243, 214)),
        Verdict::Aborted => (Color(71, 79, 90), Color(233, 236, 239)),
    }
}

/// Height that a heading should keep together with this block, pt.
pub fn lead_pt(block: &Block) -> f64 {
    match block {
        Block::Figure(figure) | Block::Budget(figure) => {
            let drawing = drawing::draw(figure);
            drawing.height * MEASURE_PT / drawing.width + 3.0 * CAPTION.leading_pt()
        }
        Block::Table(_) | Block::Clauses(_) | Block::Folded { .. } => Grid::lead_pt(),
        Block::Prose(_) | Block::Entries(_) | Block::Facts(_) | Block::Listing { .. } => 3.0 * BODY.leading_pt(),
    }
}

/// Sets a block.
pub fn put(flow: &mut Flow<'_>, document: &Document, block: &Block) {
    match block {
        Block::Prose(spans) => {
            let pieces = prose(flow.faces, document, spans, [BODY, BODY_STRONG, BODY_LINK]);
            flow.paragraph(&pieces, 0.0);
            flow.space(6.0);
        }
        Block::Figure(figure) => self::figure(flow, document, figure, 1.0),
        Block::Budget(figure) => {
            self::figure(flow, document, figure, BUDGET);
            table(flow, &figure.table, None);
        }
        Block::Table(table) => self::table(flow, table, document.label(&table.id)),
        Block::Folded { table, .. } => self::table(flow, table, None),
        Block::Clauses(clauses) => self::clauses(flow, document, clauses),
        Block::Entries(entries) => entries.iter().for_each(|entry| self::entry(flow, entry)),
        Block::Facts(facts) => {
            facts.iter().for_each(|(name, value)| labelled(flow, BODY_STRONG, BODY, name, value, [0.0, LABEL_PT]));
            flow.space(6.0);
        }
        Block::Listing { summary, text } => listing(flow, summary, text),
    }
}

fn prose(faces: &Typefaces, document: &Document, spans: &[Span], [plain, strong, link]: [Style; 3]) -> Vec<Piece> {
    let piece = |span: &Span| match span {
        Span::Plain(words) => Piece::new(faces, plain, words),
        Span::Strong(words) => Piece::new(faces, strong, words),
        Span::Reference(id) => match document.label(id) {
            Some(label) => Piece::new(faces, link, label).leading_to(id),
            None => Piece::new(faces, plain, &format!("({id}: absent)")),
        },
    };
    spans.iter().map(piece).collect()
}

/// A drawing with its caption beneath, as wide as a `share` of the page; both stay together.
fn figure(flow: &mut Flow<'_>, document: &Document, figure: &Figure, share: f64) {
    let faces = flow.faces;
    let drawing = drawing::draw(figure);
    let label = document.label(&figure.id).unwrap_or("Figure");
    let mut caption = grid::caption(faces, Some(label), &format!("{}. {} ", figure.title, figure.caption));
    if share >= 1.0 {
        let link = Style { color: LINK, ..CAPTION };
        caption.push(Piece::new(faces, link, "Numbers").leading_to(&numbers_id(&figure.id)));
        caption.push(Piece::new(faces, CAPTION, "."));
    }
    let lines = text::break_lines(faces, &caption, MEASURE_PT);
    let caption_pt = text::height_pt(&lines);
    flow.space(8.0);
    // A drawing that is higher than a page shrinks to it.
    let page_pt = BOTTOM_PT - TOP_PT - caption_pt - 8.0;
    let scale = (share * MEASURE_PT / drawing.width).min(page_pt / drawing.height);
    let height = drawing.height * scale;
    flow.ensure(height + caption_pt + 4.0);
    flow.anchor(&figure.id);
    let origin = [SIDE_PT, flow.y()];
    picture::put(faces, flow.sheet(), &drawing, origin, scale);
    flow.take(height + 4.0);
    flow.lines(&lines, 0.0);
    flow.space(12.0);
}

/// Anchor of the numbers of a figure.
pub fn numbers_id(figure: &str) -> String {
    format!("numbers-{figure}")
}

/// A table; `label` is its number.
pub fn table(flow: &mut Flow<'_>, table: &Table, label: Option<&str>) {
    let faces = flow.faces;
    if !table.id.is_empty() {
        flow.space(2.0);
        flow.ensure(Grid::lead_pt());
        flow.anchor(&table.id);
    }
    let body = table.rows.len().saturating_sub(table.totals);
    let hidden = body.saturating_sub(ROWS_MAX);
    let shown = table.rows.iter().take(body.min(ROWS_MAX)).chain(&table.rows[body..]);
    let is_number = |index: usize| {
        table.rows.first().and_then(|row: &Vec<Cell>| row.get(index)).is_some_and(|c| matches!(c, Cell::Number(_)))
    };
    let grid = Grid {
        caption: grid::caption(faces, label, &table.caption),
        heads: table.columns.iter().enumerate().map(|(index, head)| (head.clone(), is_number(index))).collect(),
        rows: shown.map(|row| row.iter().map(|cell| content(faces, cell)).collect()).collect(),
        totals: table.totals,
    };
    grid.put(flow);
    if hidden > 0 {
        let words = format!("{} more rows are in the archive's files only.", number::count(hidden as u64));
        let piece = flow.piece(CAPTION, &words);
        flow.paragraph(&[piece], 0.0);
        flow.space(8.0);
    }
}

fn content(faces: &Typefaces, cell: &Cell) -> Content {
    let (style, number) = match cell {
        Cell::Text(_) => (CELL, false),
        Cell::Number(_) => (CELL, true),
        Cell::Verdict(outcome) | Cell::Answer(outcome, _) => (Style { color: tones(*outcome).0, ..CELL_STRONG }, false),
        Cell::Passed(true) => (Style { color: tones(Verdict::Accept).0, ..CELL_STRONG }, false),
        Cell::Passed(false) => (Style { color: tones(Verdict::Reject).0, ..CELL_STRONG }, false),
    };
    Content::Words { pieces: vec![Piece::new(faces, style, cell.words())], number }
}

fn clauses(flow: &mut Flow<'_>, document: &Document, clauses: &Clauses) {
    let faces = flow.faces;
    let link = Style { color: LINK, ..CELL };
    let cell = |spans: &Vec<Span>| Content::Words {
        pieces: prose(faces, document, spans, [CELL, CELL_STRONG, link]),
        number: false,
    };
    let grid = Grid {
        caption: grid::caption(faces, document.label(&clauses.id), &clauses.caption),
        heads: clauses.columns.iter().map(|head| (head.clone(), false)).collect(),
        rows: clauses.rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
        totals: 0,
    };
    flow.space(2.0);
    flow.ensure(Grid::lead_pt());
    flow.anchor(&clauses.id);
    grid.put(flow);
}

fn entry(flow: &mut Flow<'_>, entry: &Entry) {
    let mut pieces = vec![flow.piece(BODY_STRONG, &entry.name)];
    if let Some(outcome) = entry.verdict {
        let style = Style { color: tones(outcome).0, ..BODY_STRONG };
        pieces.push(flow.piece(style, &format!("   {}", verdict::word(outcome))));
    }
    flow.ensure(4.0 * BODY.leading_pt());
    flow.paragraph(&pieces, 0.0);
    for (name, words) in &entry.lines {
        labelled(flow, Style { color: SOFT, ..BODY }, BODY, name, words, [10.0, LABEL_PT]);
    }
    flow.space(8.0);
}

/// A label in one style with its text in another beside it; indent and width of the label, pt.
pub fn labelled(
    flow: &mut Flow<'_>,
    label_style: Style,
    style: Style,
    label: &str,
    words: &str,
    [indent_pt, label_pt]: [f64; 2],
) {
    let faces = flow.faces;
    let width = MEASURE_PT - indent_pt - label_pt;
    let lines = text::break_lines(faces, &[Piece::new(faces, style, words)], width);
    let labels = text::break_lines(faces, &[Piece::new(faces, label_style, label)], label_pt - 8.0);
    flow.ensure(text::height_pt(&labels).max(2.0 * style.leading_pt()));
    let mut y = flow.y();
    for line in &labels {
        line.put(faces, flow.sheet(), SIDE_PT + indent_pt, y);
        y += line.leading_pt;
    }
    let page = flow.sheets.len();
    flow.lines(&lines, indent_pt + label_pt);
    // A label of more lines than its text takes its room, too.
    if flow.sheets.len() == page && flow.y() < y {
        flow.take(y - flow.y());
    }
    flow.take(1.5);
}

/// A file as it is.
fn listing(flow: &mut Flow<'_>, summary: &str, text: &str) {
    let title = flow.piece(Style::new(Face::Strong, 8.6, INK), summary);
    flow.space(6.0);
    flow.ensure(5.0 * FILE.leading_pt() + BODY.leading_pt());
    flow.paragraph(&[title], 0.0);
    flow.take(2.0);
    let lines = text::verbatim(flow.faces, FILE, text, MEASURE_PT - 10.0);
    flow.lines(&lines, 10.0);
    flow.space(8.0);
}
