//! The short summary for a terminal: plain text, with or without colour.
//!
//! Deliberately absent: the terminal itself (the caller knows whether it is one, and how wide).

use crate::{
    acceptance::Verdict,
    record::model::RunRecord,
    report::{
        criterion,
        document::statistics,
        figure::table::{Cell, Table},
        number, result, selection, verdict,
    },
};

const RESET: &str = "\u{1b}[0m";
const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const YELLOW: &str = "\u{1b}[33m";

/// The summary of a run; `styled` adds ANSI colours.
pub fn summary(record: &RunRecord, styled: bool) -> String {
    let run = &record.verdict;
    let paint = Paint { styled };
    let mut lines = Vec::new();
    if run.simulated {
        lines.push(paint.with(YELLOW, verdict::SIMULATED));
    }
    lines.push(format!("{}  {}", paint.verdict(run.verdict), paint.with(BOLD, &plain(&run.run))));
    lines.push(plain(if run.reason.is_empty() { verdict::meaning(run.verdict) } else { &run.reason }));
    lines.push(format!("{} {}", paint.with(DIM, "scope"), plain(&run.scope)));
    let seed = run.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    let setting = format!("cartridge {}, pen {}, plan {}, rig {}{seed}", run.cartridge, run.pen, run.plan, run.rig);
    lines.push(format!("{} {}", paint.with(DIM, "run  "), plain(&setting)));
    let depths = selection::set_depths(record);
    if !depths.is_empty() {
        lines.push(String::new());
        lines.extend(aligned(&short(result::overview(&depths)), paint));
    }
    if !run.criteria.is_empty() {
        lines.push(String::new());
        lines.extend(aligned(&short(statistics::criteria(&run.criteria)), paint));
        let open = run.criteria.iter().filter(|row| row.verdict != Verdict::Accept);
        lines.extend(
            open.map(|row| format!("{} {}", paint.with(BOLD, &plain(&criterion::name(row))), plain(&row.reason))),
        );
    }
    lines.push(String::new());
    lines.push(faults(record));
    lines.push(format!("bench {} after {}", plain(&run.bench_state), number::duration(run.bench_time_s)));
    lines.join("\n") + "\n"
}

/// Checks, refusals and anomalies in one line.
fn faults(record: &RunRecord) -> String {
    let failed = record.checks.iter().filter(|check| !check.passed).count();
    let refused = record.captures.iter().filter(|capture| capture.measurement.outcome.is_err()).count();
    let anomalies: u64 = record
        .captures
        .iter()
        .flat_map(|capture| &capture.measurement.anomalies)
        .fold(0, |sum: u64, anomaly| sum.saturating_add(anomaly.count));
    format!(
        "checks {} passed, {failed} failed; captures {} measured, {refused} refused; anomalies {}",
        record.checks.len() - failed,
        record.captures.len() - refused,
        number::count(anomalies)
    )
}

/// The table without words that a terminal has no room for.
fn short(mut table: Table) -> Table {
    for column in &mut table.columns {
        *column = column.to_lowercase().replace(" at rest", "").replace(", mm", "").replace(", hz", " Hz");
        if let Some(quantity) = column.strip_suffix(" running") {
            *column = format!("running {quantity}");
        }
    }
    table
}

/// Columns padded to their widest cell, two spaces apart; numbers to the right.
fn aligned(table: &Table, paint: Paint) -> Vec<String> {
    let cell_words = |cell: &Cell| plain(cell.words());
    let width = |column: usize| {
        let cells = table.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell_words(cell).chars().count());
        cells.chain(table.columns.get(column).map(|head| head.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    let right = |column: usize| table.rows.first().is_some_and(|row| matches!(row.get(column), Some(Cell::Number(_))));
    let pad = |words: &str, column: usize| {
        let room = " ".repeat(widths[column].saturating_sub(words.chars().count()));
        if right(column) { format!("{room}{words}") } else { format!("{words}{room}") }
    };
    let heads: Vec<String> = table.columns.iter().enumerate().map(|(column, head)| pad(head, column)).collect();
    let mut lines = vec![paint.with(DIM, heads.join("  ").trim_end())];
    for row in &table.rows {
        let cells = row.iter().enumerate().map(|(column, cell)| match cell {
            Cell::Verdict(outcome) => paint.verdict(*outcome),
            other => pad(&cell_words(other), column),
        });
        lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
    }
    lines
}

/// Text without control characters, so that no name can drive the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// Colours, or none.
#[derive(Clone, Copy)]
struct Paint {
    styled: bool,
}

impl Paint {
    fn with(self, style: &str, text: &str) -> String {
        if self.styled { format!("{style}{text}{RESET}") } else { text.to_owned() }
    }

    fn verdict(self, outcome: Verdict) -> String {
        let style = match outcome {
            Verdict::Accept => "\u{1b}[1;32m",
            Verdict::Reject => "\u{1b}[1;31m",
            Verdict::Inconclusive => "\u{1b}[1;33m",
            Verdict::Aborted => "\u{1b}[1;35m",
        };
        self.with(style, verdict::word(outcome))
    }
}

#[cfg(test)]
mod tests {
    use super::summary;
    use crate::{
        acceptance::Verdict,
        report::{criterion, sample, verdict},
    };

    #[test]
    fn plain_text_says_the_same_as_the_coloured() {
        let record = sample::accepted(100);
        let (plain, styled) = (summary(&record, false), summary(&record, true));
        assert!(!plain.contains('\u{1b}') && styled.contains("\u{1b}[1;32mACCEPT"));
        let mut stripped = styled;
        for style in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[33m", "\u{1b}[1;32m"] {
            stripped = stripped.replace(style, "");
        }
        assert_eq!(plain, stripped);
        assert!(plain.contains(verdict::SIMULATED) && plain.contains("protrusion") && plain.contains("penetration"));
        record.verdict.criteria.iter().for_each(|row| assert!(plain.contains(&criterion::name(row)), "{plain}"));
    }

    #[test]
    fn no_name_drives_the_terminal() {
        assert!(!summary(&sample::hostile(), false).contains('\u{1b}'));
        assert!(summary(&sample::empty(Verdict::Aborted), false).contains("ABORTED"));
    }
}
