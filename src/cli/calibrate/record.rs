//! The record that a calibration leaves: the one in force with the new part, and the evidence for it.

use super::bench::{Common, Session};
use crate::{
    cli::{
        RigOption, calendar,
        exit::{Exit, Failure},
        terminal::Terminal,
    },
    config::{
        Document as _,
        calibration::{Calibration, Evidence, What},
    },
    uncertainty::Budget,
};
use jiff::{ToSpan as _, civil::Date};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

/// What was found.
pub(super) struct Found {
    what: What,
    results: BTreeMap<String, f64>,
    budget: BTreeMap<String, f64>,
}

impl Found {
    pub(super) fn new(what: What, budget: &Budget) -> Self {
        let budget = budget.terms.iter().map(|term| (term.source.clone(), term.u)).collect();
        Self { what, results: BTreeMap::new(), budget }
    }

    /// Adds the budget of a second value, its name before each term.
    pub(super) fn also(&mut self, name: &str, budget: &Budget) {
        self.budget.extend(budget.terms.iter().map(|term| (format!("{name}: {}", term.source), term.u)));
    }

    pub(super) fn result(&mut self, name: &str, value: f64) {
        self.results.insert(name.to_owned(), value);
    }
}

/// Writes the new record and says what is in it.
pub(super) fn write(
    terminal: &Terminal,
    common: &Common,
    session: &Session<'_>,
    mut new: Calibration,
    found: Found,
) -> Result<Exit, Failure> {
    let now: jiff::Timestamp = calendar::now()?.parse().map_err(Failure::usage)?;
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let due = today.checked_add(common.due_days.days()).map_err(Failure::usage)?;
    let what = found.what;
    let rig = session.bench.rig();
    let evidence = Evidence {
        what,
        date: today.to_string(),
        due: due.to_string(),
        operator: common.operator.clone(),
        reference: common.reference.clone(),
        simulated: rig.simulated,
        temperature_c: common.temperature,
        humidity_percent: common.humidity,
        results: found.results,
        budget: found.budget,
    };
    new.name = common.name.clone().unwrap_or_else(|| next_name(&session.old.value.name, today));
    new.evidence.push(evidence.clone());
    let path = put(&new, what.name(), common.out.as_deref(), &common.rig)?;
    let shown = path.display().to_string();
    if terminal.json {
        let document = json!({"schema": "calibrated/1", "rig": rig.name, "record": shown, "evidence": evidence});
        terminal.answer(&format!("{document:#}\n"));
        return Ok(Exit::Done);
    }
    if rig.simulated {
        terminal.answer("SIMULATED: this record says nothing about a real bench.\n");
    }
    for (name, value) in &evidence.results {
        terminal.answer(&format!("{name:<24} {value:.6e}\n"));
    }
    for (source, u) in &evidence.budget {
        terminal.answer(&format!("u: {source:<40} {u:.2e}\n"));
    }
    terminal.answer(&format!(
        "record {shown}, due {}; to use it, name it in the rig file: force.calibration = {shown:?}\n",
        evidence.due
    ));
    Ok(Exit::Done)
}

/// Writes a record that `rig calibrate WHAT` made to a file that is not there yet: `out`, or one beside the rig file.
pub(super) fn put(record: &Calibration, what: &str, out: Option<&Path>, rig: &RigOption) -> Result<PathBuf, Failure> {
    record.check().map_err(|problem| Failure {
        exit: Exit::Inconclusive,
        message: format!("{}: {}; what was found cannot be, no record was written", problem.path, problem.message),
    })?;
    let path = out.map(PathBuf::from).unwrap_or_else(|| {
        let beside = rig.path().and_then(|path| path.parent().map(PathBuf::from)).unwrap_or_default();
        beside.join("calibrations").join(format!("{}-{what}.toml", record.name))
    });
    let text = toml::to_string_pretty(record).map_err(Failure::usage)?;
    let text = format!("# Written by rig {} (rig calibrate {what}).\n{text}", crate::version::BUILD);
    let failed = |error: std::io::Error| {
        Failure::usage(format!("{}: {error}; records are never overwritten: choose another --out", path.display()))
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = File::create_new(&path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(path)
}

/// The old name with the day, in place of an earlier day.
fn next_name(old: &str, today: Date) -> String {
    let stem = match old.len().checked_sub(11).and_then(|at| old.split_at_checked(at)) {
        Some((stem, day)) if day.strip_prefix('-').is_some_and(|day| day.parse::<Date>().is_ok()) => stem,
        _ => old,
    };
    format!("{stem}-{today}")
}

#[cfg(test)]
mod tests {
    use super::next_name;

    #[test]
    fn a_record_is_named_after_its_day() {
        let day = jiff::civil::date(2026, 11, 21);
        assert_eq!(next_name("lc-117", day), "lc-117-2026-11-21");
        assert_eq!(next_name("lc-117-2025-01-02", day), "lc-117-2026-11-21");
        assert_eq!(next_name("ü", day), "ü-2026-11-21");
    }
}
