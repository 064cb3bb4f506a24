//! The part of a run after the bench is safe: measure every capture, fill the tables, decide.

use super::{
    campaign::Ended,
    facts::Facts,
    job::Job,
    parallel,
    position::Position,
    result::CaptureResult,
    schedule::{Planned, planned},
};
use crate::{
    acceptance::{
        Verdict,
        dataset::DataSets,
        decision::{Conduct, Refused, decide},
        gauge, operating,
    },
    link::tape::{Header, Tape},
    measure::Measurement,
    record::{
        RecordError, archive,
        disk::Contents,
        journal,
        model::VerdictDocument,
        run_dir::{self, RunDir},
        tables,
    },
    time::RunTime,
};
use serde_json::json;
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Everything that follows from what a run recorded, by this build.
pub struct Derived<'j> {
    /// In the order of the schedule.
    pub captures: Vec<CaptureResult<'j>>,
    /// Captures that were begun and are not whole.
    pub cut_off: Vec<String>,
    /// The verdict document.
    pub verdict: VerdictDocument,
}

impl Derived<'_> {
    /// Hands every derived file, name and contents, to `take`, one after the other: those of a long run are too large to be
    /// in memory at once. `program` is the version that the verdict is to name.
    ///
    /// # Errors
    ///
    /// What `take` says.
    pub fn each_file(
        &self,
        program: &str,
        mut take: impl FnMut(&str, Contents<'_>) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        for capture in &self.captures {
            let name = format!("measurements/{}.json", capture.name());
            take(&name, &|out| run_dir::measurement(out, &capture.measurement))?;
        }
        let mut verdict = self.verdict.clone();
        verdict.versions.insert("rig".to_owned(), program.to_owned());
        let captures = || self.captures.iter();
        take("presses.csv", &|out| tables::presses(out, captures().filter_map(CaptureResult::press_row)))?;
        take("strokes.csv", &|out| tables::strokes(out, captures().filter_map(CaptureResult::strokes)))?;
        if let Some(study) = &self.verdict.gauge {
            take("gauge.csv", &|out| tables::gauge(out, &study.anova))?;
        }
        take("measurements.csv", &|out| tables::measurements(out, captures().flat_map(CaptureResult::values)))?;
        take("criteria.csv", &|out| tables::criteria(out, &self.verdict.criteria))?;
        take("verdict.json", &|out| run_dir::verdict(out, &verdict))
    }
}

/// Derives measurements, tables and verdict from settings, journal and raw captures alone.
///
/// # Errors
///
/// [`RecordError`] where the record cannot be read.
pub fn derive<'j>(job: &'j Job, run: &Path) -> Result<Derived<'j>, RecordError> {
    derive_further(job, run, &mut Known::new())
}

/// Measurements by the name of their capture.
pub type Known = BTreeMap<String, Arc<Measurement>>;

/// The same of a run that grows: what is known is not measured again, and what is measured becomes known.
///
/// # Errors
///
/// [`RecordError`] where the record cannot be read.
pub fn derive_further<'j>(job: &'j Job, run: &Path, known: &mut Known) -> Result<Derived<'j>, RecordError> {
    let log = journal::read(run)?;
    let position = Position::of(&log, job);
    let facts = Facts::of(&log, &position);
    let (whole, others): (Vec<Planned>, Vec<Planned>) =
        planned(job).into_iter().partition(|planned| position.has(&planned.name));
    let new: Vec<&Planned> = whole.iter().filter(|planned| !known.contains_key(&planned.name)).collect();
    let measured = parallel::map(&new, |planned| archive::recompute(run, &planned.name).map(|(_, found)| found));
    for (planned, found) in new.into_iter().zip(measured) {
        known.insert(planned.name.clone(), Arc::new(found?));
    }
    let result = |planned: Planned| {
        let measurement = known.get(&planned.name).expect("what is whole was measured above or before");
        CaptureResult::new(job, Arc::clone(measurement), planned)
    };
    let captures: Vec<CaptureResult<'_>> = whole.into_iter().map(result).collect();
    let verdict = verdict(job, &facts, &captures);
    let cut_off = others.into_iter().map(|other| other.name).filter(|name| position.begun.contains(name)).collect();
    Ok(Derived { captures, cut_off, verdict })
}

/// Measures what was recorded, decides, and writes everything but the reports.
///
/// # Errors
///
/// [`RecordError`] where the record cannot be written or read back.
pub fn conclude(job: &Job, dir: &mut RunDir, ended: &Ended) -> Result<VerdictDocument, RecordError> {
    let at = RunTime::from_nanos((ended.bench_time_s * 1e9) as u64);
    let derived = derive(job, dir.path())?;
    if let Some(fault) = ended.fault.as_ref().filter(|_| derived.verdict.verdict != Verdict::Aborted) {
        // A verdict that does not know of the fault must not be.
        return Err(RecordError::at(dir.path(), format!("the journal does not hold what ended the run: {fault}")));
    }
    for name in &derived.cut_off {
        let text = format!("{name} was cut off and is not measured; `rig resume` does it again");
        dir.event(at, "cut-off", &text, json!({"capture": name}))?;
    }
    for capture in &derived.captures {
        let (name, measurement) = (capture.name(), &capture.measurement);
        for anomaly in &measurement.anomalies {
            let text = format!("{name}: {} ({}): {}", anomaly.code, anomaly.count, anomaly.message);
            dir.event(at, "anomaly", &text, json!({"capture": name, "anomaly": anomaly}))?;
        }
        if let Err(refusal) = &measurement.outcome {
            let text = format!("{name} refused: {}: {}", refusal.code, refusal.message);
            dir.event(at, "refused", &text, json!({"capture": name, "reason": refusal}))?;
        }
    }
    let verdict = &derived.verdict;
    dir.event(at, "verdict", &format!("{:?}: {}", verdict.verdict, verdict.reason), json!(verdict.verdict))?;
    derived.each_file(crate::version::BUILD, |name, contents| dir.write(name, contents))?;
    Ok(derived.verdict)
}

fn verdict(job: &Job, facts: &Facts, captures: &[CaptureResult<'_>]) -> VerdictDocument {
    let refused: Vec<Refused> = captures.iter().filter_map(CaptureResult::refused).collect();
    let sets = DataSets::of(captures.iter().flat_map(CaptureResult::values));
    let conduct = Conduct { planned_mm: &job.set_depths_mm, refused: &refused };
    let decision = decide(&job.plan.value, conduct, &sets);
    let (verdict, reason) = match &facts.fault {
        Some(fault) => (Verdict::Aborted, format!("{fault}. Bench: {}.", facts.safe)),
        None => (decision.verdict, reason(&decision.criteria, refused.len())),
    };
    let mut versions = BTreeMap::from([
        ("rig".to_owned(), crate::version::BUILD.to_owned()),
        ("formats".to_owned(), "verdict/1 capture/1 compact/1 journal/1 job/1 measurement/1 manifest/1".to_owned()),
    ]);
    if job.seeded() {
        versions.insert("random numbers".to_owned(), crate::prng::GENERATOR.to_owned());
    }
    if let Tape::Replay(tape) = &job.tape {
        let Header { program, started, .. } = tape.borrow().header().clone();
        versions.insert("replay".to_owned(), format!("of a tape of {started}, recorded by rig {program}"));
    }
    if facts.program != crate::version::BUILD {
        versions.insert("rig that began the run".to_owned(), facts.program.clone());
    }
    versions.extend(facts.identities.iter().map(|(role, identity)| {
        (role.clone(), format!("{} {} firmware {}", identity.model, identity.serial, identity.firmware))
    }));
    VerdictDocument {
        schema: VerdictDocument::SCHEMA.to_owned(),
        run: job.run_id(),
        verdict,
        reason,
        simulated: job.rig.value.simulated,
        seed: job.seeded().then_some(job.seed),
        criteria: decision.criteria,
        scope: decision.scope,
        operating_characteristic: operating::characteristics(&job.plan.value, &sets),
        // Where it cannot be evaluated its criteria say why.
        gauge: gauge::evaluate(Some(&job.plan.value), &sets).and_then(Result::ok),
        rig: job.rig.value.name.clone(),
        plan: job.plan.value.name.clone(),
        cartridge: job.cartridge.value.name.clone(),
        pen: job.pen.value.name.clone(),
        versions,
        bench_state: facts.safe.clone(),
        started: job.started.clone(),
        bench_time_s: facts.bench_time_s,
    }
}

fn reason(criteria: &[crate::acceptance::Row], refused: usize) -> String {
    let count = |verdict| criteria.iter().filter(|row| row.verdict == verdict).count();
    let refused = match refused {
        0 => String::new(),
        1 => "; 1 capture could not be measured".to_owned(),
        more => format!("; {more} captures could not be measured"),
    };
    format!(
        "{} criteria: {} accepted, {} rejected, {} inconclusive{refused}.",
        criteria.len(),
        count(Verdict::Accept),
        count(Verdict::Reject),
        count(Verdict::Inconclusive),
    )
}
