//! The decision: every criterion with its numbers, its method and its reasons, and the distributions behind it.

use crate::{
    acceptance::Row,
    record::model::RunRecord,
    report::{
        chart,
        criterion::{self, CriterionText},
        document::{Block, Entry, Section},
        figure::table::{Cell, Table},
        selection::SetDepth,
        verdict,
    },
};

/// Id of the table of criteria.
pub const CRITERIA: &str = "table-criteria";

/// The section on statistics.
pub fn section(record: &RunRecord, depths: &[SetDepth<'_>]) -> Section {
    let rows = &record.verdict.criteria;
    let mut section = Section::new("statistics", "Statistics and decision");
    section.say(
        "A criterion is accepted only where the data show, at the stated confidence, that it holds. For a tolerance \
         criterion an interval is computed that covers the stated share of all strokes (its coverage) with the stated \
         confidence, and the whole interval must lie between the limits. Strokes of one cartridge resemble each other, \
         so they are not counted as independent; the method names the sample sizes and degrees of freedom that were \
         used.",
    );
    section.say(
        "Each limit is first drawn in by the guard band: 1.645 times the standard uncertainty that all values share \
         (calibration, alignment). This keeps the risk of accepting a nonconforming device at the stated level in \
         spite of the uncertainty of the bench. Scatter of single readings is already in the interval and is not \
         counted twice.",
    );
    section
        .say("The regulation gives no numeric tolerance: the limits are the manufacturer's, each with its rationale.");
    if rows.is_empty() {
        section.say("No criterion was judged.");
    } else {
        section.blocks.push(Block::Table(criteria(rows)));
    }
    let figures: Vec<Block> = depths
        .iter()
        .filter_map(chart::distribution::distribution)
        .map(|figure| Block::Figure(Box::new(figure)))
        .collect();
    if !figures.is_empty() {
        let mut distributions = Section::new("distributions", "Distributions against limits");
        distributions.blocks = figures;
        section.subsections.push(distributions);
    }
    let characteristics = &record.verdict.operating_characteristic;
    if let Some(figure) = chart::operating::operating(characteristics) {
        let mut operating = Section::new("operating-characteristic", "How good a pen must be to pass");
        characteristics.iter().for_each(|one| operating.say(chart::operating::words(one)));
        operating.blocks.push(Block::Figure(Box::new(figure)));
        section.subsections.push(operating);
    }
    if !rows.is_empty() {
        let mut reasons = Section::new("reasons", "Methods and reasons");
        reasons.blocks.push(Block::Entries(rows.iter().map(entry).collect()));
        section.subsections.push(reasons);
    }
    section
}

/// The criteria with their rounded numbers.
pub fn criteria(rows: &[Row]) -> Table {
    let columns =
        ["Criterion", "Verdict", "Quantity", "n", "Estimate", "Interval judged", "Limits", "Guard band", "Unit"];
    let mut table = Table::new(CRITERIA, "Criteria of the plan, each judged", &columns);
    for row in rows {
        let text = CriterionText::new(row);
        table.rows.push(vec![
            Cell::text(text.name),
            Cell::Verdict(row.verdict),
            Cell::text(text.quantity),
            Cell::number(text.n),
            Cell::number(text.estimate),
            Cell::number(text.interval),
            Cell::number(text.limits),
            Cell::number(text.guard_band),
            Cell::text(text.unit),
        ]);
    }
    table
}

fn entry(row: &Row) -> Entry {
    let mut lines =
        vec![("Reason", row.reason.clone()), ("Method", row.method.clone()), ("Rationale", row.rationale.clone())];
    lines.extend(row.notes.iter().map(|note| ("Note", note.clone())));
    lines.retain(|(_, text)| !text.is_empty());
    Entry { name: criterion::name(row), verdict: Some(row.verdict), lines }
}

/// How many criteria have which verdict, in words.
pub fn tally(rows: &[Row]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for kind in [
        crate::acceptance::Verdict::Accept,
        crate::acceptance::Verdict::Reject,
        crate::acceptance::Verdict::Inconclusive,
        crate::acceptance::Verdict::Aborted,
    ] {
        let count = rows.iter().filter(|row| row.verdict == kind).count();
        if count > 0 {
            parts.push(format!("{count} {}", verdict::key(kind)));
        }
    }
    if parts.is_empty() { "none judged".to_owned() } else { parts.join(", ") }
}
