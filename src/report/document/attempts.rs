//! Attempts at the steps of a run and what stopped it: nothing that was begun is left out.

use crate::{
    record::model::{RunRecord, Stop},
    report::{
        document::{Block, Section},
        figure::table::{Cell, Table},
        number,
    },
};
use std::collections::BTreeSet;

/// The section on attempts and interlock trips.
pub fn section(record: &RunRecord) -> Section {
    let mut section = Section::new("attempts", "Attempts and interlock trips");
    section.say(
        "A step that is cut off is never measured: what was recorded of it is kept as an attempt, and the step is done again \
         at a fresh site. The bench stops where a hard limit is crossed, and at any other fault.",
    );
    section.say(in_short(record));
    let attempts = unfinished(record);
    if !attempts.rows.is_empty() {
        section.blocks.push(Block::Table(attempts));
    }
    if !record.stops.is_empty() {
        section.blocks.push(Block::Table(stops(&record.stops)));
    }
    section
}

/// Whether everything went through at the first attempt, in a sentence.
pub fn in_short(record: &RunRecord) -> String {
    let steps: BTreeSet<&str> = record.attempts.iter().map(|attempt| attempt.capture.as_str()).collect();
    let whole = record.attempts.iter().filter(|attempt| attempt.whole).count();
    let (more, open) = (record.attempts.len() - steps.len(), steps.len().saturating_sub(whole));
    let mut parts = match (steps.len(), more) {
        (0, _) => vec!["No step was begun".to_owned()],
        (steps, 0) => vec![format!("{} begun, none of them again", counted(steps, "step was", "steps were"))],
        (steps, more) => vec![
            format!("{} begun", counted(steps, "step was", "steps were")),
            format!("{} made again", counted(more, "attempt was", "attempts were")),
        ],
    };
    if open > 0 {
        parts.push(format!("{} not finished", counted(open, "step is", "steps are")));
    }
    let trips = record.stops.iter().filter(|stop| stop.kind == Stop::INTERLOCK).count();
    parts.push(match (record.stops.len(), trips) {
        (0, _) => "no hard limit was crossed, and nothing stopped the run".to_owned(),
        (stops, 0) => format!("the run was stopped {}, not by a hard limit", times(stops)),
        (stops, trips) if trips == stops => format!("the run was stopped by a hard limit {}", times(trips)),
        (stops, trips) => format!("the run was stopped {}, by a hard limit {}", times(stops), times(trips)),
    });
    parts.join("; ") + "."
}

fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{} {}", number::count(count as u64), if count == 1 { one } else { more })
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", number::count(count as u64)) }
}

/// Every attempt at the steps that were not done at the first.
fn unfinished(record: &RunRecord) -> Table {
    let mut table = Table::new(
        "table-attempts",
        "Every attempt at the steps that the first did not finish",
        &["Step", "Attempt", "Begun, s of run time", "Outcome", "How it ended", "Kept as"],
    );
    let cut_off: BTreeSet<&str> =
        record.attempts.iter().filter(|attempt| !attempt.whole).map(|attempt| attempt.capture.as_str()).collect();
    for attempt in record.attempts.iter().filter(|attempt| cut_off.contains(attempt.capture.as_str())) {
        let kept = match &attempt.kept {
            Some(kept) => kept.clone(),
            None if attempt.whole => attempt.capture.clone(),
            None => format!("{}, as far as it went", attempt.capture),
        };
        table.rows.push(vec![
            Cell::text(&attempt.capture),
            Cell::number(number::count(attempt.number as u64)),
            Cell::number(number::fixed(attempt.began_s, 3)),
            Cell::text(if attempt.whole { "whole" } else { "not measured" }),
            Cell::text(&attempt.ended),
            Cell::text(kept),
        ]);
    }
    table
}

fn stops(stops: &[Stop]) -> Table {
    let columns = ["Run time, s", "Kind", "What happened", "Bench afterwards"];
    let mut table = Table::new("table-stops", "What stopped the run", &columns);
    table.rows.extend(stops.iter().map(|stop| {
        let kind = if stop.kind == Stop::INTERLOCK { "hard limit" } else { &stop.kind };
        let bench = stop.bench.as_deref().unwrap_or("the journal does not say");
        vec![Cell::number(number::fixed(stop.t_s, 3)), Cell::text(kind), Cell::text(&stop.why), Cell::text(bench)]
    }));
    table
}

#[cfg(test)]
mod tests {
    use super::{in_short, section};
    use crate::{
        acceptance::Verdict,
        record::model::{Attempt, Stop},
        report::{document::Block, sample},
    };

    fn attempt(capture: &str, number: usize, whole: bool) -> Attempt {
        let (capture, ended) = (capture.to_owned(), "force 9 N".to_owned());
        let kept = (!whole).then(|| format!("{capture}.attempt-{number}"));
        Attempt { capture, number, began_s: 1.0, whole, ended, kept }
    }

    #[test]
    fn a_run_without_stops_says_so_and_shows_no_table() {
        let mut record = sample::empty(Verdict::Accept);
        assert!(in_short(&record).starts_with("No step was begun; no hard limit was crossed"));
        record.attempts = vec![attempt("a", 1, false)];
        assert!(in_short(&record).starts_with("1 step was begun, none of them again; 1 step is not finished; no hard"));
        record.attempts = vec![attempt("a", 1, true), attempt("b", 1, true)];
        assert!(in_short(&record).starts_with("2 steps were begun, none of them again; no hard limit"));
        assert!(section(&record).blocks.iter().all(|block| matches!(block, Block::Prose(_))));
    }

    #[test]
    fn every_attempt_and_stop_is_listed() {
        let mut record = sample::empty(Verdict::Accept);
        record.attempts = vec![attempt("a", 1, true), attempt("b", 1, false), attempt("b", 2, true)];
        let stop = |kind: &str| Stop { t_s: 2.0, kind: kind.to_owned(), why: "why".to_owned(), bench: None };
        record.stops = vec![stop("device"), stop(Stop::INTERLOCK), stop(Stop::INTERLOCK)];
        let wanted =
            "2 steps were begun; 1 attempt was made again; the run was stopped 3 times, by a hard limit 2 times.";
        assert_eq!(in_short(&record), wanted);
        let tables: Vec<Vec<Vec<String>>> = section(&record)
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::Table(table) => {
                    Some(table.rows.iter().map(|row| row.iter().map(|c| c.words().to_owned()).collect()).collect())
                }
                _ => None,
            })
            .collect();
        let [attempts, stops] = tables.as_slice() else { panic!("two tables, not {}", tables.len()) };
        assert_eq!(attempts.len(), 2, "the step that was done once is not listed: {attempts:?}");
        assert_eq!(attempts[0][3..], ["not measured", "force 9 N", "b.attempt-1"]);
        assert_eq!(attempts[1][3..], ["whole", "force 9 N", "b"]);
        assert_eq!(stops.iter().map(|row| row[1].as_str()).collect::<Vec<_>>(), ["device", "hard limit", "hard limit"]);
    }
}
