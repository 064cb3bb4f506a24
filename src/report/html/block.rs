//! One block of the document as HTML.

use crate::{
    acceptance::Verdict,
    report::{
        document::{Block, Clauses, Document, Entry, Span},
        figure::{
            Figure, svg,
            table::{Cell, Table},
        },
        number, verdict,
    },
};
use maud::{Markup, PreEscaped, html};

/// Most rows of a table under a figure; the rest are counted and stay in the archive's CSV.
const ROWS_MAX: usize = 1_000;

/// The block as markup.
pub fn block(document: &Document, block: &Block) -> Markup {
    match block {
        Block::Prose(spans) => html! { p { (prose(document, spans)) } },
        Block::Figure(figure) => self::figure(document, figure, false),
        Block::Budget(figure) => self::figure(document, figure, true),
        Block::Table(table) => self::table(table, document.label(&table.id)),
        Block::Clauses(clauses) => self::clauses(document, clauses),
        Block::Entries(entries) => self::entries(entries),
        Block::Facts(facts) => html! {
            dl.facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } }
        },
        Block::Listing { summary, text } => html! {
            details { summary { (summary) } pre tabindex="0" { code { (text) } } }
        },
        Block::Folded { summary, table } => html! { details { summary { (summary) } (self::table(table, None)) } },
    }
}

/// A verdict as a coloured word.
pub fn pill(outcome: Verdict) -> Markup {
    html! { span class={ "pill " (verdict::key(outcome)) } { (verdict::word(outcome)) } }
}

fn prose(document: &Document, spans: &[Span]) -> Markup {
    html! {
        @for span in spans {
            @match span {
                Span::Plain(words) => (words),
                Span::Strong(words) => strong { (words) },
                Span::Reference(id) => @match document.label(id) {
                    Some(label) => a href={ "#" (id) } { (label) },
                    None => { "(" (id) ": absent)" },
                },
            }
        }
    }
}

/// A figure with its caption and numbers; `open` shows the numbers at once.
fn figure(document: &Document, figure: &Figure, open: bool) -> Markup {
    let label = document.label(&figure.id).unwrap_or("Figure");
    html! {
        figure id=(figure.id) {
            div.drawing tabindex="0" role="group" aria-label=(figure.title) { (PreEscaped(svg::inline(figure))) }
            figcaption { strong { (label) ". " (figure.title) "." } " " (figure.caption) }
            @if open {
                (table(&figure.table, None))
            } @else {
                details { summary { "Numbers of " (label) } (table(&figure.table, None)) }
            }
        }
    }
}

fn table(table: &Table, label: Option<&str>) -> Markup {
    let body = table.rows.len().saturating_sub(table.totals);
    let hidden = body.saturating_sub(ROWS_MAX);
    let (shown, totals) = table.rows.split_at(body);
    html! {
        div.scroll tabindex="0" role="group" aria-label=(table.caption) {
            table id=[(!table.id.is_empty()).then_some(&table.id)] {
                caption { @if let Some(label) = label { strong { (label) ". " } } (table.caption) }
                thead { tr { @for (index, column) in table.columns.iter().enumerate() {
                    th scope="col" class=[is_number(table, index).then_some("number")] { (column) }
                } } }
                tbody { @for row in shown.iter().take(ROWS_MAX) { (cells(row)) } }
                @if !totals.is_empty() { tfoot { @for row in totals { (cells(row)) } } }
            }
        }
        @if hidden > 0 {
            p.note { (number::count(hidden as u64)) " more rows are in the archive's CSV files only." }
        }
    }
}

fn cells(row: &[Cell]) -> Markup {
    html! {
        tr {
            @for (index, cell) in row.iter().enumerate() {
                @match cell {
                    Cell::Text(words) if index == 0 => th scope="row" { (words) },
                    Cell::Text(words) => td { (words) },
                    Cell::Number(words) => td.number { (words) },
                    Cell::Verdict(outcome) => td { (pill(*outcome)) },
                    Cell::Answer(outcome, word) => td { span class={ "pill " (verdict::key(*outcome)) } { (word) } },
                    Cell::Passed(true) => td { span.pill.accept { (cell.words()) } },
                    Cell::Passed(false) => td { span.pill.reject { (cell.words()) } },
                }
            }
        }
    }
}

fn is_number(table: &Table, column: usize) -> bool {
    table.rows.first().and_then(|row| row.get(column)).is_some_and(|cell| matches!(cell, Cell::Number(_)))
}

fn clauses(document: &Document, clauses: &Clauses) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(clauses.caption) {
            table.clauses id=(clauses.id) {
                caption {
                    @if let Some(label) = document.label(&clauses.id) { strong { (label) ". " } }
                    (clauses.caption)
                }
                thead { tr { @for column in &clauses.columns { th scope="col" { (column) } } } }
                tbody { @for row in &clauses.rows { tr { @for cell in row { td { (prose(document, cell)) } } } } }
            }
        }
    }
}

fn entries(entries: &[Entry]) -> Markup {
    html! {
        @for entry in entries {
            div.entry {
                p.name { strong { (entry.name) } @if let Some(outcome) = entry.verdict { " " (pill(outcome)) } }
                dl { @for (name, text) in &entry.lines { div { dt { (name) } dd { (text) } } } }
            }
        }
    }
}
