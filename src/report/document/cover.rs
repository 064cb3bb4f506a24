//! The first page without saying how it is set: verdict, scope, what was tested, the criteria at a glance.

use crate::{
    acceptance::{Row, Verdict},
    record::model::RunRecord,
    report::{criterion, document::statistics, number, verdict},
};

/// A run that a report speaks of, and what its record is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Run id.
    pub run: String,
    /// Digest of its record: SHA-256 over every file but the reports.
    pub digest: String,
}

/// Something that a reviewer should look at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is.
    pub what: String,
    /// Why, with its numbers.
    pub why: String,
}

/// The first page.
#[derive(Clone, Debug, PartialEq)]
pub struct Cover {
    /// What kind of report it is.
    pub overline: &'static str,
    /// What was tested.
    pub title: String,
    /// The outcome, for its colour.
    pub outcome: Verdict,
    /// The outcome in capitals.
    pub word: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Why; may be empty.
    pub reason: String,
    /// What population it speaks of.
    pub scope: String,
    /// Names and values.
    pub facts: Vec<(&'static str, String)>,
    /// What to look at first; empty where nothing stands out.
    pub notices: Vec<Notice>,
    /// The judged criteria; none for a comparison.
    pub criteria: Option<Vec<Row>>,
    /// Whether a simulated bench produced the data.
    pub simulated: bool,
    /// The runs behind the report.
    pub sources: Vec<Source>,
    /// Time of the data, RFC 3339, UTC; the report has no other.
    pub started: String,
}

impl Cover {
    /// Whether it speaks of several runs side by side, and judges no criterion.
    pub fn is_comparison(&self) -> bool {
        self.criteria.is_none()
    }

    /// The first page of the report of a run.
    pub fn of(record: &RunRecord) -> Self {
        let run = &record.verdict;
        Self {
            overline: "Validation report \u{b7} micro-needling pen",
            title: format!("Cartridge {} on pen {}", run.cartridge, run.pen),
            outcome: run.verdict,
            word: verdict::word(run.verdict),
            meaning: verdict::meaning(run.verdict),
            reason: run.reason.clone(),
            scope: run.scope.clone(),
            facts: facts(record),
            notices: notices(record),
            criteria: Some(open_first(&run.criteria)),
            simulated: run.simulated,
            sources: vec![Source { run: run.run.clone(), digest: record.digest.clone() }],
            started: run.started.clone(),
        }
    }

    /// The runs behind the report, in words.
    pub fn runs(&self) -> String {
        self.sources.iter().map(|source| source.run.as_str()).collect::<Vec<_>>().join(" and ")
    }
}

/// What was tested, on what bench, by whom.
pub fn subject(record: &RunRecord) -> Vec<(&'static str, String)> {
    let run = &record.verdict;
    let mut facts = vec![
        ("Run", run.run.clone()),
        ("Started", run.started.clone()),
        ("Cartridge", run.cartridge.clone()),
        ("Pen", run.pen.clone()),
        ("Plan", run.plan.clone()),
        ("Rig", if run.simulated { format!("{} (SIMULATED)", run.rig) } else { run.rig.clone() }),
        ("Seed", run.seed.map_or_else(|| "none".to_owned(), |seed| seed.to_string())),
    ];
    let told = record.journal.iter().filter(|line| line.event == "environment");
    facts.extend(told.map(|line| ("Circumstances", line.text.clone())));
    facts.push(("Time on the bench", number::duration(run.bench_time_s)));
    facts.push(("Bench at the end", run.bench_state.clone()));
    facts
}

fn facts(record: &RunRecord) -> Vec<(&'static str, String)> {
    let refused = record.captures.iter().filter(|capture| capture.measurement.outcome.is_err()).count();
    let captures = record.captures.len();
    let mut facts = subject(record);
    facts.push(("Captures", format!("{} measured, {refused} refused", captures - refused)));
    facts.push(("Strokes", number::count(record.strokes.len() as u64)));
    facts.push(("Criteria", statistics::tally(&record.verdict.criteria)));
    facts
}

/// What kept a run from acceptance, and what a reviewer would ask about: failed checks, criteria that were not accepted,
/// refused captures, missed strokes, an interruption, a clock that was set, and for an aborted run its last events.
pub fn notices(record: &RunRecord) -> Vec<Notice> {
    let notice = |what: String, why: &str| Notice { what, why: why.to_owned() };
    let failed = record.checks.iter().filter(|check| !check.passed);
    let mut notices: Vec<Notice> =
        failed.map(|check| notice(format!("Check failed: {}", check.name), &check.detail)).collect();
    let open: Vec<&Row> = record.verdict.criteria.iter().filter(|row| row.verdict != Verdict::Accept).collect();
    let (unmeasured, judged): (Vec<&Row>, Vec<&Row>) = open.into_iter().partition(|row| row.n == 0);
    let word = |row: &Row| format!("{}: {}", verdict::word(row.verdict), criterion::name(row));
    notices.extend(judged.into_iter().map(|row| notice(word(row), &row.reason)));
    if !unmeasured.is_empty() {
        let names: Vec<String> = unmeasured.into_iter().map(criterion::name).collect();
        notices.push(notice("Not judged, since nothing of theirs was measured".to_owned(), &names.join(", ")));
    }
    notices.extend(refusals(record));
    notices.extend(missed(record));
    let of_time = [("resumed", "Interrupted and taken up again"), ("clock", "The clock was set during the run")];
    for (event, what) in of_time {
        let lines = record.journal.iter().filter(|line| line.event == event);
        notices.extend(lines.map(|line| notice(what.to_owned(), &line.text)));
    }
    if record.verdict.verdict == Verdict::Aborted {
        notices.extend(last_events(record));
    }
    notices
}

fn refusals(record: &RunRecord) -> Vec<Notice> {
    const NAMED_MAX: usize = 8;
    let refused =
        record.captures.iter().filter_map(|capture| Some((capture, capture.measurement.outcome.as_ref().err()?)));
    let mut notices: Vec<Notice> = refused
        .map(|(capture, refusal)| Notice {
            what: format!("Refused capture: {} ({})", capture.name, refusal.code),
            why: refusal.message.clone(),
        })
        .collect();
    let more = notices.len().saturating_sub(NAMED_MAX);
    notices.truncate(NAMED_MAX);
    if more > 0 {
        let what = format!("{more} more refused captures");
        notices.push(Notice { what, why: "Each with its reason under Anomalies and refusals.".to_owned() });
    }
    notices
}

fn missed(record: &RunRecord) -> Option<Notice> {
    let count = |n: usize| number::count(n as u64);
    let missed = record.strokes.iter().filter(|row| row.missed).count();
    let why = format!(
        "{} of {} strokes reached no phantom; each is marked in the figures stroke by stroke and in strokes.csv.",
        count(missed),
        count(record.strokes.len())
    );
    (missed > 0).then(|| Notice { what: "Missed strokes".to_owned(), why })
}

/// The end of the journal before the verdict, which says what happened.
fn last_events(record: &RunRecord) -> Option<Notice> {
    const EVENTS: usize = 5;
    let lines: Vec<_> = record.journal.iter().filter(|line| line.event != "verdict").collect();
    let lines = &lines[lines.len().saturating_sub(EVENTS)..];
    let words = lines.iter().map(|line| format!("{} s {}: {}", number::fixed(line.t_s, 3), line.event, line.text));
    let why = words.collect::<Vec<_>>().join(" \u{b7} ");
    (!lines.is_empty()).then(|| Notice { what: "Last events of the journal".to_owned(), why })
}

/// What was not accepted stands first; otherwise the order of the plan.
fn open_first(criteria: &[Row]) -> Vec<Row> {
    let mut rows = criteria.to_vec();
    rows.sort_by_key(|row| row.verdict == Verdict::Accept);
    rows
}

#[cfg(test)]
mod tests {
    use super::notices;
    use crate::{acceptance::Verdict, report::sample};

    fn words(record: &crate::record::model::RunRecord) -> String {
        notices(record).into_iter().map(|notice| format!("{} = {}\n", notice.what, notice.why)).collect()
    }

    #[test]
    fn a_reviewer_is_told_what_to_look_at() {
        let mut record = sample::accepted(1000);
        record.checks[1].passed = false;
        (record.verdict.criteria[0].verdict, record.verdict.criteria[0].reason) =
            (Verdict::Reject, "too far".to_owned());
        for row in &mut record.verdict.criteria[1..3] {
            (row.verdict, row.n) = (Verdict::Inconclusive, 0);
        }
        let found = words(&record);
        for expected in [
            "Check failed: force noise = 1.4 mN rms; limit 5 mN",
            "REJECT: protrusion at 1.5 mm = too far",
            "measured = penetration at 1.5 mm, rate at 1.5 mm",
            "Refused capture: press-1.5mm-12 (no-contact) = press-1.5mm-12, phase touch",
            "Missed strokes = 5 of 1000 strokes",
        ] {
            assert!(found.contains(expected), "{expected} is not in\n{found}");
        }
        assert!(!found.contains("Last events"));
        record.verdict.verdict = Verdict::Aborted;
        assert!(words(&record).contains("572.300 s phase: press at site 59"));
    }

    #[test]
    fn where_nothing_stands_out_nothing_is_said() {
        let mut record = sample::accepted(90);
        record.captures.retain(|capture| capture.measurement.outcome.is_ok());
        assert_eq!(words(&record), "");
    }

    #[test]
    fn many_refusals_are_counted() {
        let mut record = sample::accepted(0);
        let refused = record.captures.last().cloned().unwrap();
        record.captures.extend(std::iter::repeat_n(refused, 30));
        assert!(words(&record).contains("23 more refused captures"));
    }
}
