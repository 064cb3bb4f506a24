//! What stands before the sections: verdict and criteria, signatures, contents.

use super::{
    block::{self, tones},
    flow::{BODY, BODY_STRONG, CAPTION, Flow, Heading},
    grid::{CELL, CELL_STRONG, Content, Grid},
    sheet::{Face, INK, Item, LINK, MEASURE_PT, RULE, SIDE_PT, SOFT, Stroke, Style},
    text::{self, Piece},
    typeface::Typefaces,
};
use crate::{
    acceptance::Row,
    report::{
        criterion::CriterionText,
        document::{cover::Cover, statistics},
        figure::gauge,
        verdict,
    },
};

const LABEL: Style = Style::new(Face::Regular, 7.4, SOFT);
const TITLE: Style = Style::new(Face::Strong, 19.0, INK);

/// The first page.
pub fn cover(flow: &mut Flow<'_>, cover: &Cover) {
    let overline = flow.piece(Style::new(Face::Regular, 9.0, SOFT), cover.overline);
    flow.paragraph(&[overline], 0.0);
    flow.take(2.0);
    let title = flow.piece(TITLE, &cover.title);
    flow.paragraph(&[title], 0.0);
    flow.take(8.0);
    outcome(flow, cover);
    flow.take(12.0);
    facts(flow, &cover.facts);
    for source in &cover.sources {
        let label = flow.piece(LABEL, "SHA-256 of the record (every file but the reports)");
        flow.paragraph(&[label], 0.0);
        let digest = flow.piece(Style::new(Face::Mono, 7.8, INK), &source.digest);
        flow.paragraph(&[digest], 0.0);
        flow.take(4.0);
    }
    if !cover.notices.is_empty() {
        flow.heading(2, "What to look at first", "notices", 40.0);
        for notice in &cover.notices {
            block::labelled(flow, CELL_STRONG, CELL, &notice.what, &notice.why, [0.0, 150.0]);
        }
    }
    if let Some(criteria) = &cover.criteria {
        glance(flow, criteria);
    }
}

/// The verdict in its box.
fn outcome(flow: &mut Flow<'_>, cover: &Cover) {
    let faces = flow.faces;
    let (ink, field) = tones(cover.outcome);
    let inner = MEASURE_PT - 34.0;
    let word = Style::new(Face::Strong, 20.0, ink);
    let mut paragraphs = vec![
        text::break_lines(faces, &[Piece::new(faces, word, cover.word)], inner),
        text::break_lines(faces, &[Piece::new(faces, BODY_STRONG, cover.meaning)], inner),
    ];
    if !cover.reason.is_empty() {
        paragraphs.push(text::break_lines(faces, &[Piece::new(faces, BODY, &cover.reason)], inner));
    }
    let scope = [Piece::new(faces, BODY_STRONG, "Scope. "), Piece::new(faces, BODY, &cover.scope)];
    paragraphs.push(text::break_lines(faces, &scope, inner));
    if cover.simulated {
        let style = Style { color: tones(crate::acceptance::Verdict::Inconclusive).0, ..BODY_STRONG };
        paragraphs.push(text::break_lines(faces, &[Piece::new(faces, style, verdict::SIMULATED)], inner));
    }
    let height: f64 = paragraphs.iter().map(|lines| text::height_pt(lines) + 3.0).sum::<f64>() + 20.0;
    let boxed = height <= flow.room_pt();
    if boxed {
        let (top, bottom) = (flow.y(), flow.y() + height);
        flow.sheet().rectangle([SIDE_PT, top, SIDE_PT + MEASURE_PT, bottom], Some(field), None);
        flow.sheet().rectangle([SIDE_PT, top, SIDE_PT + 5.0, bottom], Some(ink), None);
    }
    flow.take(10.0);
    for lines in paragraphs {
        flow.lines(&lines, 20.0);
        flow.take(3.0);
    }
    flow.take(7.0);
}

/// Names and values in three columns.
fn facts(flow: &mut Flow<'_>, facts: &[(&'static str, String)]) {
    const COLUMNS: usize = 3;
    let faces = flow.faces;
    let width = (MEASURE_PT - 2.0 * 14.0) / COLUMNS as f64;
    for row in facts.chunks(COLUMNS) {
        let cells: Vec<_> = row
            .iter()
            .map(|(name, value)| {
                let mut lines = text::break_lines(faces, &[Piece::new(faces, LABEL, name)], width);
                lines.extend(text::break_lines(faces, &[Piece::new(faces, BODY, value)], width));
                lines
            })
            .collect();
        let height = cells.iter().map(|lines| text::height_pt(lines)).fold(0.0, f64::max) + 5.0;
        flow.ensure(height);
        for (column, lines) in cells.iter().enumerate() {
            let mut y = flow.y();
            for line in lines {
                line.put(faces, flow.sheet(), SIDE_PT + column as f64 * (width + 14.0), y);
                y += line.leading_pt;
            }
        }
        flow.take(height);
    }
    flow.take(4.0);
}

/// The criteria in one line each.
fn glance(flow: &mut Flow<'_>, criteria: &[Row]) {
    flow.heading(2, "Criteria at a glance", "glance", 60.0);
    if criteria.is_empty() {
        let piece = flow.piece(BODY, "No criterion was judged.");
        return flow.paragraph(&[piece], 0.0);
    }
    let heads = [
        ("Criterion", false),
        ("Verdict", false),
        ("Interval and limits", false),
        ("Estimate", true),
        ("Interval judged", true),
        ("Limits", true),
        ("Unit", false),
    ];
    let faces = flow.faces;
    let grid = Grid {
        heads: heads.map(|(head, number)| (head.to_owned(), number)).into(),
        rows: criteria.iter().map(|row| line(faces, row)).collect(),
        ..Grid::default()
    };
    grid.put(flow);
    let note =
        "Bar: interval judged, tick: estimate, coloured field: between the limits, shaded: guard band. Details in ";
    let link = Style { color: LINK, ..CAPTION };
    let pieces = [
        flow.piece(CAPTION, note),
        flow.piece(link, "Statistics and decision").leading_to(statistics::CRITERIA),
        flow.piece(CAPTION, "."),
    ];
    flow.paragraph(&pieces, 0.0);
}

fn line(faces: &Typefaces, row: &Row) -> Vec<Content> {
    let text = CriterionText::new(row);
    let words = |style, words: &str, number| Content::Words { pieces: vec![Piece::new(faces, style, words)], number };
    let outcome = Style { color: tones(row.verdict).0, ..CELL_STRONG };
    vec![
        words(CELL, &text.name, false),
        words(outcome, verdict::word(row.verdict), false),
        gauge::draw(row).map_or_else(|| words(CELL, "", false), Content::Drawing),
        words(CELL, &text.estimate, true),
        words(CELL, &text.interval, true),
        words(CELL, &text.limits, true),
        words(CELL, &text.unit, false),
    ]
}

/// Lines to sign by hand.
pub fn signatures(flow: &mut Flow<'_>, cover: &Cover) {
    const ROW_PT: f64 = 30.0;
    const COLUMNS: [(&str, f64); 4] = [("", 84.0), ("Name and function", 150.0), ("Date", 84.0), ("Signature", 160.0)];
    flow.heading(2, "Signatures", "signatures", 3.0 * ROW_PT + 40.0);
    let words = if cover.is_comparison() {
        "A signature by hand stands for this comparison. Electronic signatures are in the archives of the runs \
         (manifest.sig) and are checked by rig verify."
    } else {
        "A signature by hand stands for the record of the digest above, and for this report of it. Electronic signatures \
         are in the archive (manifest.sig), are checked by rig verify, and stand in the last section where this report \
         was made after them."
    };
    let piece = flow.piece(CAPTION, words);
    flow.paragraph(&[piece], 0.0);
    flow.take(6.0);
    let faces = flow.faces;
    let put = |flow: &mut Flow<'_>, style: Style, words: &str, x: f64, y: f64| {
        flow.sheet().words(x, y, style, faces.printable(style.face, words));
    };
    let mut x = SIDE_PT;
    for (head, width) in COLUMNS {
        let y = flow.y() + 8.0;
        put(flow, LABEL, head, x, y);
        x += width + 6.0;
    }
    for role in ["Performed by", "Reviewed by", "Approved by"] {
        let baseline = flow.y() + ROW_PT;
        put(flow, BODY, role, SIDE_PT, baseline - 2.0);
        let mut x = SIDE_PT;
        for (index, (_, width)) in COLUMNS.iter().enumerate() {
            if index > 0 {
                flow.sheet().line([x, baseline], [x + width, baseline], Stroke::solid(SOFT, 0.6));
            }
            x += width + 6.0;
        }
        flow.take(ROW_PT);
    }
    flow.take(10.0);
}

/// The contents: each heading with its page, counted from `first_page`.
pub fn contents(flow: &mut Flow<'_>, headings: &[Heading], first_page: usize) {
    // On one page where they fit on one.
    let lines = headings.iter().filter(|heading| heading.level <= 2).count() as f64;
    flow.heading(1, "Contents", "contents", lines * (BODY.leading_pt() + 2.0));
    let faces = flow.faces;
    for heading in headings.iter().filter(|heading| heading.level <= 2) {
        let (style, indent) = if heading.level == 1 { (BODY_STRONG, 0.0) } else { (BODY, 14.0) };
        if heading.level == 1 {
            flow.space(4.0);
        }
        let page = (first_page + heading.place.0 + 1).to_string();
        let page_width = faces.width_pt(BODY, &page);
        let title = Piece::new(faces, style, &heading.title);
        let lines = text::break_lines(faces, &[title], MEASURE_PT - indent - 40.0);
        flow.ensure(text::height_pt(&lines));
        let top = flow.y();
        flow.lines(&lines, indent);
        let Some(last) = lines.last() else { continue };
        let baseline = flow.y() - last.leading_pt + last.baseline(0.0);
        let right = SIDE_PT + MEASURE_PT;
        let leader = Stroke { color: RULE, width_pt: 0.8, dash_pt: Some([0.8, 2.4]) };
        let ends = [SIDE_PT + indent + last.width_pt + 5.0, right - page_width - 5.0];
        flow.sheet().line([ends[0], baseline - 1.0], [ends[1], baseline - 1.0], leader);
        flow.sheet().words(right - page_width, baseline, BODY, page);
        let field = [SIDE_PT, top, right, flow.y()];
        flow.sheet().items.push(Item::Link { field, target: heading.id.clone() });
    }
}
