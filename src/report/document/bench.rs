//! What measured it: checks before the run, devices and versions, channels, settings as used.

use crate::{
    record::model::RunRecord,
    report::{
        document::{Block, Section},
        figure::table::{Cell, Table},
        number,
    },
};

/// The section on the bench.
pub fn section(record: &RunRecord) -> Section {
    let verdict = &record.verdict;
    let mut section = Section::new("bench", "Bench");
    section.say(
        "Before anything moves, the bench identifies its devices and checks itself. At the end it must reach the safe \
         state (pen stopped, stage withdrawn) and confirm it.",
    );
    section.blocks.push(Block::Facts(vec![
        ("Rig".to_owned(), verdict.rig.clone()),
        ("Data".to_owned(), if verdict.simulated { "SIMULATED bench" } else { "physical bench" }.to_owned()),
        ("State at the end".to_owned(), verdict.bench_state.clone()),
        ("Time on the bench".to_owned(), number::duration(verdict.bench_time_s)),
    ]));
    if record.checks.is_empty() {
        section.say("No check of the bench is in the record.");
    } else {
        let mut table =
            Table::new("table-checks", "Checks before the run", &["Check", "Outcome", "Measured, and limit"]);
        for check in &record.checks {
            table.rows.push(vec![Cell::text(&check.name), Cell::Passed(check.passed), Cell::text(&check.detail)]);
        }
        section.blocks.push(Block::Table(table));
    }
    let mut versions = Table::new("table-versions", "Devices and versions", &["Part", "Version"]);
    versions.rows.extend(verdict.versions.iter().map(|(part, version)| vec![Cell::text(part), Cell::text(version)]));
    section.blocks.push(Block::Table(versions));
    section.blocks.extend(channels(record).map(Block::Table));
    let settings = record.settings.iter();
    section.blocks.extend(
        settings
            .map(|(name, text)| Block::Listing { summary: format!("Settings as used: {name}"), text: text.clone() }),
    );
    section
}

/// The calibrated channels, as the first capture's header has them.
fn channels(record: &RunRecord) -> Option<Table> {
    let header = &record.captures.first()?.header;
    let mut table = Table::new(
        "table-channels",
        "Measuring channels, from the header of the first capture",
        &["Property", "Value", "Unit"],
    );
    let mut add = |name: &str, value: f64, unit: &str| {
        table.rows.push(vec![Cell::text(name), Cell::number(number::shortest(value)), Cell::text(unit)]);
    };
    add("Sample rate, declared", header.sample_rate_hz, "Hz");
    add("Compliance of the load path", header.compliance_mm_per_n, "mm/N");
    if let Some(u) = header.compliance_u_mm_per_n {
        add("Compliance, standard uncertainty", u, "mm/N");
    }
    if let Some(force) = &header.force {
        add("Force: natural frequency", force.natural_hz, "Hz");
        add("Force: damping ratio", force.damping, "1");
        add("Force: resolution", force.resolution_n, "N");
        if let Some(range_n) = force.range_n {
            add("Force: range", range_n, "N");
        }
        if let Some(scale_u) = force.scale_u {
            add("Force: relative standard uncertainty of calibration", scale_u, "1");
        }
    }
    if let Some(stage) = &header.stage {
        add("Stage: resolution", stage.resolution_mm, "mm");
        if let Some(scale_u_mm) = stage.scale_u_mm {
            add("Stage: standard uncertainty of scale", scale_u_mm, "mm");
        }
    }
    Some(table)
}
