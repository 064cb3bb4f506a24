//! What went wrong and was survived, and what was refused: every fault of every capture, counted.

use crate::{
    record::model::RunRecord,
    report::{
        document::{Block, Section},
        figure::table::{Cell, Table},
        number,
    },
};
use std::collections::BTreeMap;

/// Id of the table of refused captures.
pub const REFUSALS: &str = "table-refusals";

/// The section on anomalies and refusals.
pub fn section(record: &RunRecord) -> Section {
    let mut section = Section::new("anomalies", "Anomalies and refusals");
    section.say(
        "An anomaly is a fault of a recording that the measurement survived; its effect is in the uncertainty. A \
         refusal is a capture that could not be measured honestly: it gives no value, and nothing takes its place.",
    );
    let refusals = refusals(record);
    if refusals.rows.is_empty() {
        section.say(format!("No capture was refused ({} measured).", record.captures.len()));
    } else {
        section.blocks.push(Block::Table(refusals));
    }
    let summary = summary(record);
    if summary.rows.is_empty() {
        section.say("No anomaly was found.");
    } else {
        section.blocks.push(Block::Table(summary));
        section.blocks.push(Block::Folded { summary: "Every anomaly, by capture".to_owned(), table: every(record) });
    }
    section
}

fn refusals(record: &RunRecord) -> Table {
    let mut table =
        Table::new(REFUSALS, "Captures that could not be measured", &["Capture", "Code", "Reason and remedy"]);
    for capture in &record.captures {
        if let Err(refusal) = &capture.measurement.outcome {
            table.rows.push(vec![Cell::text(&capture.name), Cell::text(&refusal.code), Cell::text(&refusal.message)]);
        }
    }
    table
}

fn summary(record: &RunRecord) -> Table {
    // By code: captures touched, occurrences, and the first message as an example.
    let mut by_code: BTreeMap<&str, (u64, u64, &str)> = BTreeMap::new();
    for anomaly in record.captures.iter().flat_map(|capture| &capture.measurement.anomalies) {
        let entry = by_code.entry(&anomaly.code).or_insert((0, 0, &anomaly.message));
        entry.0 += 1;
        entry.1 = entry.1.saturating_add(anomaly.count);
    }
    let mut table =
        Table::new("table-anomalies", "Anomalies by kind", &["Code", "Captures", "Occurrences", "First message"]);
    for (code, (captures, count, message)) in by_code {
        table.rows.push(vec![
            Cell::text(code),
            Cell::number(number::count(captures)),
            Cell::number(number::count(count)),
            Cell::text(message),
        ]);
    }
    table
}

fn every(record: &RunRecord) -> Table {
    let mut table = Table::new("", "Anomalies of each capture", &["Capture", "Code", "Count", "Message"]);
    for capture in &record.captures {
        for anomaly in &capture.measurement.anomalies {
            table.rows.push(vec![
                Cell::text(&capture.name),
                Cell::text(&anomaly.code),
                Cell::number(number::count(anomaly.count)),
                Cell::text(&anomaly.message),
            ]);
        }
    }
    table
}
