//! JUnit XML for CI: one test case for the run, for each criterion, each check, and each capture that was refused.
//!
//! The outcome of the cases agrees with the exit code of `rig validate`: a rejected criterion is a failure, an
//! inconclusive or aborted one an error. A refused capture is skipped, not failed, since the criteria already judge
//! what is missing. No wall times: the same record gives the same bytes.

use crate::{
    acceptance::Verdict,
    record::model::{Check, RunRecord},
    report::{
        criterion::{self, CriterionText},
        verdict,
    },
};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

/// The report of a run as JUnit XML.
pub fn xml(record: &RunRecord) -> String {
    let mut report = Report::new(format!("rig {}", record.verdict.run));
    let suites = [run(record), criteria(record), checks(&record.checks), refusals(record)];
    report.add_test_suites(suites.into_iter().filter(|suite| !suite.test_cases.is_empty()));
    text(&report)
}

/// The checks of a bench as JUnit XML, apart from any run.
pub fn bench_checks(rig: &str, simulated: bool, findings: &[Check]) -> String {
    let mut report = Report::new(format!("rig check {rig}"));
    let mut suite = checks(findings);
    suite.add_property(Property::new("rig", rig));
    suite.add_property(Property::new("simulated", if simulated { "true" } else { "false" }));
    report.add_test_suite(suite);
    text(&report)
}

fn text(report: &Report) -> String {
    // Writing into memory fails only where the library breaks its own promise; the message then stands in the file.
    report.to_string().unwrap_or_else(|error| {
        format!("<!-- JUnit XML could not be written: {} -->\n", error.to_string().replace("--", "- -"))
    })
}

fn run(record: &RunRecord) -> TestSuite {
    let document = &record.verdict;
    let mut suite = TestSuite::new("run");
    let mut property = |name: &str, value: &str| {
        suite.add_property(Property::new(name, value));
    };
    property("run", &document.run);
    property("verdict", verdict::key(document.verdict));
    property("simulated", if document.simulated { "true" } else { "false" });
    if let Some(seed) = document.seed {
        property("seed", &seed.to_string());
    }
    property("scope", &document.scope);
    property("rig", &document.rig);
    property("plan", &document.plan);
    property("cartridge", &document.cartridge);
    property("pen", &document.pen);
    property("started", &document.started);
    property("bench_time_s", &document.bench_time_s.to_string());
    property("bench_state", &document.bench_state);
    property("record_sha256", &record.digest);
    for (part, version) in &document.versions {
        property(&format!("version.{part}"), version);
    }
    let message = format!("{} {}", verdict::meaning(document.verdict), document.reason);
    suite.add_test_case(case(&document.run, "rig.run", status(document.verdict, &message, &document.scope)));
    suite
}

fn criteria(record: &RunRecord) -> TestSuite {
    let mut suite = TestSuite::new("criteria");
    for row in &record.verdict.criteria {
        let numbers = CriterionText::new(row).sentence();
        let detail = format!("{numbers}\nmethod: {}\nrationale: {}", row.method, row.rationale);
        let mut test = case(&criterion::name(row), "rig.criteria", status(row.verdict, &row.reason, &detail));
        test.set_system_out(detail);
        suite.add_test_case(test);
    }
    suite
}

fn checks(findings: &[Check]) -> TestSuite {
    let mut suite = TestSuite::new("checks");
    for check in findings {
        let outcome = if check.passed { Verdict::Accept } else { Verdict::Reject };
        suite.add_test_case(case(&check.name, "rig.checks", status(outcome, &check.detail, &check.detail)));
    }
    suite
}

fn refusals(record: &RunRecord) -> TestSuite {
    let mut suite = TestSuite::new("captures");
    for capture in &record.captures {
        if let Err(refusal) = &capture.measurement.outcome {
            let mut status = TestCaseStatus::skipped();
            status.set_type(refusal.code.as_str()).set_message(refusal.message.as_str());
            suite.add_test_case(case(&capture.name, "rig.captures", status));
        }
    }
    suite
}

fn case(name: &str, class: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}

/// Success, failure or error, with what was decided and why.
fn status(outcome: Verdict, message: &str, description: &str) -> TestCaseStatus {
    let kind = match outcome {
        Verdict::Accept => return TestCaseStatus::success(),
        Verdict::Reject => NonSuccessKind::Failure,
        Verdict::Inconclusive | Verdict::Aborted => NonSuccessKind::Error,
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(verdict::key(outcome)).set_message(message).set_description(description);
    status
}

#[cfg(test)]
mod tests {
    use super::{bench_checks, xml};
    use crate::{
        acceptance::Verdict,
        record::model::Check,
        report::{criterion, markup_check, sample},
    };

    #[test]
    fn one_case_for_each_criterion_check_and_refusal() {
        let record = sample::accepted(100);
        let report = xml(&record);
        let cases = markup_check::read(&report).tags.iter().filter(|tag| *tag == "testcase").count();
        assert_eq!(cases, 1 + record.verdict.criteria.len() + record.checks.len() + 1);
        for row in &record.verdict.criteria {
            assert!(report.contains(&format!("name=\"{}\"", criterion::name(row))));
        }
        assert!(report.contains(r#"name="seed" value="42""#) && report.contains(r#"name="version.firmware.pen""#));
        assert!(report.contains(r#"failures="0" errors="0""#), "an accepted run fails nothing");
        assert!(!report.contains("time") || !report.contains("timestamp="), "no wall times");
        assert_eq!(report, xml(&record));
    }

    #[test]
    fn reject_fails_and_the_rest_are_errors() {
        for (outcome, counted) in [
            (Verdict::Reject, r#"failures="2" errors="0""#),
            (Verdict::Inconclusive, r#"failures="0" errors="2""#),
            (Verdict::Aborted, r#"failures="0" errors="2""#),
        ] {
            let mut record = sample::accepted(100);
            record.verdict.verdict = outcome;
            record.verdict.criteria[0].verdict = outcome;
            assert!(xml(&record).contains(counted), "{outcome:?}: {}", xml(&record));
        }
    }

    #[test]
    fn a_failed_check_of_a_bench_is_a_failure() {
        let check =
            |name: &str, passed| Check { name: name.to_owned(), passed, detail: "0.1 N, limit 0.02 N".to_owned() };
        let report = bench_checks("bench-a", false, &[check("force noise", false), check("hum", true)]);
        assert!(report.contains(r#"errors="0" failures="1""#), "{report}");
        assert!(report.contains(r#"name="force noise""#) && report.contains("limit 0.02 N"));
    }

    #[test]
    fn hostile_and_empty_records_are_well_formed() {
        for record in [sample::hostile(), sample::empty(Verdict::Aborted), sample::not_finite()] {
            let _ = markup_check::read(&xml(&record));
        }
    }
}
