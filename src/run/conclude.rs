//! The part of a run after the bench is safe: measure every capture, fill the tables, decide.

use super::{
    campaign::Ended,
    facts::Facts,
    job::Job,
    parallel,
    position::Position,
    schedule::{Step, steps},
};
use crate::{
    acceptance::{
        Verdict,
        decision::{Conduct, Refused, decide},
        gauge,
        measurements::Value,
        operating,
    },
    config::plan::{DataSource, Quantity},
    link::tape::{Header, Tape},
    measure::{Dynamic, Measurement, Outcome, Press, Stroke, document::StrokeOrigin},
    record::{
        RecordError, archive, journal,
        model::{PressRow, VerdictDocument},
        run_dir::{self, RunDir},
        tables,
    },
    time::RunTime,
    uncertainty::Measured,
};
use serde_json::json;
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// A capture that the schedule names.
struct Planned {
    setup: u32,
    step: Step,
    name: String,
}

/// The rows of the tables, and the values that the decision takes.
#[derive(Default)]
struct Results {
    presses: Vec<PressRow>,
    values: Vec<Value>,
    refused: Vec<Refused>,
}

/// Stretches into which a run is cut for its puncture rate: enough to see whether it holds.
const STRETCHES: usize = 50;

/// Everything that follows from what a run recorded, by this build.
pub struct Derived {
    /// By name of the capture, in the order of the schedule.
    pub measurements: Vec<(String, Measurement)>,
    /// Captures that were begun and are not whole.
    pub cut_off: Vec<String>,
    /// Rows of `presses.csv`.
    pub presses: Vec<PressRow>,
    /// Text of `strokes.csv`.
    pub strokes: String,
    /// Every value that is decided on.
    pub values: Vec<Value>,
    /// The verdict document.
    pub verdict: VerdictDocument,
}

impl Derived {
    /// Hands every derived file, name and text, to `take`, one after the other: those of a long run are too large to be
    /// in memory at once. `program` is the version that the verdict is to name.
    ///
    /// # Errors
    ///
    /// [`RecordError`] where something cannot be put in words, or what `take` says.
    pub fn each_file(
        &self,
        program: &str,
        mut take: impl FnMut(&str, &str) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        for (name, measurement) in &self.measurements {
            take(&format!("measurements/{name}.json"), &run_dir::measurement(measurement)?)?;
        }
        let mut verdict = self.verdict.clone();
        verdict.versions.insert("rig".to_owned(), program.to_owned());
        take("presses.csv", &tables::presses(&self.presses)?)?;
        take("strokes.csv", &self.strokes)?;
        if let Some(study) = &self.verdict.gauge {
            take("gauge.csv", &tables::gauge(&study.anova)?)?;
        }
        take("measurements.csv", &tables::measurements(&self.values)?)?;
        take("criteria.csv", &tables::criteria(&self.verdict.criteria)?)?;
        take("verdict.json", &run_dir::verdict(&verdict)?)
    }
}

/// Derives measurements, tables and verdict from settings, journal and raw captures alone.
///
/// # Errors
///
/// [`RecordError`] where the record cannot be read.
pub fn derive(job: &Job, run: &Path) -> Result<Derived, RecordError> {
    let log = journal::read(run)?;
    let position = Position::of(&log, job);
    let facts = Facts::of(&log, &position);
    let (planned, others): (Vec<Planned>, Vec<Planned>) = (0..job.setups())
        .flat_map(|setup| steps(job).into_iter().map(move |step| Planned { setup, step, name: step.capture(setup) }))
        .partition(|planned| position.has(&planned.name));
    let mut results = Results::default();
    let measured = parallel::map(&planned, |planned| archive::recompute(run, &planned.name).map(|(_, found)| found));
    let mut measurements = Vec::new();
    for (planned, measurement) in planned.iter().zip(measured) {
        let measurement = measurement?;
        results.take(job, planned, &measurement);
        measurements.push((planned.name.clone(), measurement));
    }
    let strokes = strokes(job, &planned, &measurements)?;
    let verdict = verdict(job, &facts, &results);
    let cut_off = others.into_iter().map(|other| other.name).filter(|name| position.begun.contains(name)).collect();
    let Results { presses, values, .. } = results;
    Ok(Derived { measurements, cut_off, presses, strokes, values, verdict })
}

/// The table of all strokes, capture after capture.
fn strokes(job: &Job, planned: &[Planned], measurements: &[(String, Measurement)]) -> Result<String, RecordError> {
    let cartridges: Vec<String> = planned.iter().map(|planned| Results::cartridge(job, planned)).collect();
    let runs = planned.iter().zip(&cartridges).zip(measurements).filter_map(|((planned, cartridge), (_, found))| {
        let Ok(Outcome::Dynamic(run)) = &found.outcome else { return None };
        let origin = StrokeOrigin {
            pen: &job.pen.value.name,
            cartridge,
            set_depth_mm: Some(planned.step.set_depth_mm()),
            capture: &planned.name,
        };
        Some((origin, run.strokes.as_slice()))
    });
    tables::strokes(runs)
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
    for (name, measurement) in &derived.measurements {
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
    derived.each_file(env!("CARGO_PKG_VERSION"), |name, text| dir.put(name, text))?;
    Ok(derived.verdict)
}

impl Results {
    fn take(&mut self, job: &Job, planned: &Planned, measurement: &Measurement) {
        match (&measurement.outcome, planned.step) {
            (Ok(Outcome::Press(press)), Step::Press { .. } | Step::Reference { .. }) => {
                self.take_press(job, planned, Some(press));
            }
            (_, Step::Press { .. } | Step::Reference { .. }) => {
                self.refuse(planned);
                self.take_press(job, planned, None);
            }
            (Ok(Outcome::Dynamic(run)), Step::Run { set_depth_mm, stroke_rate_hz, .. }) => {
                self.take_run(job, planned, set_depth_mm, stroke_rate_hz, run);
            }
            (_, Step::Run { .. }) => self.refuse(planned),
        }
    }

    fn refuse(&mut self, planned: &Planned) {
        let (source, set_rate_hz) = match planned.step {
            Step::Run { stroke_rate_hz, .. } => (DataSource::Strokes, Some(stroke_rate_hz)),
            Step::Press { .. } | Step::Reference { .. } => (DataSource::Presses, None),
        };
        let (capture, set_depth_mm) = (planned.name.clone(), planned.step.set_depth_mm());
        self.refused.push(Refused { capture, source, set_depth_mm, set_rate_hz });
    }

    fn cartridge(job: &Job, planned: &Planned) -> String {
        format!("{}-{}", job.cartridge.value.name, job.cartridge_of(planned.setup) + 1)
    }

    fn take_press(&mut self, job: &Job, planned: &Planned, press: Option<&Press>) {
        let (cartridge, set_depth_mm) = (Self::cartridge(job, planned), planned.step.set_depth_mm());
        let operator = job.operator(planned.setup).map(str::to_owned);
        let (site, repeat) = match planned.step {
            Step::Reference { site, repeat, .. } => (site, Some(repeat)),
            Step::Press { site, .. } => (site, None),
            Step::Run { .. } => return,
        };
        let like = |quantity, value: &Measured| Value {
            pen: Arc::from(job.pen.value.name.as_str()),
            cartridge: Arc::from(cartridge.as_str()),
            set_depth_mm,
            set_rate_hz: None,
            source: DataSource::Presses,
            order: u64::from(site),
            quantity,
            value: value.value,
            u: value.budget.u_common(),
        };
        match (press, &operator, repeat) {
            (Some(press), Some(operator), Some(repeat)) => self.values.push(Value {
                pen: Arc::from(operator.as_str()),
                cartridge: Arc::from(format!("site {site}")),
                order: u64::from(repeat),
                ..like(Quantity::Repeatability, &press.protrusion_mm)
            }),
            (Some(press), ..) => {
                self.values.push(like(Quantity::Protrusion, &press.protrusion_mm));
                self.values.push(like(Quantity::Penetration, &press.penetration_mm));
            }
            (None, ..) => {}
        }
        self.presses.push(PressRow {
            pen: job.pen.value.name.clone(),
            cartridge,
            set_depth_mm,
            site,
            face_mm: press.map(|press| press.face_mm.value),
            tip_mm: press.map(|press| press.tip_mm.value),
            protrusion_mm: press.map(|press| press.protrusion_mm.value),
            protrusion_u_mm: press.map(|press| press.protrusion_mm.u()),
            penetration_mm: press.map(|press| press.penetration_mm.value),
            penetration_u_mm: press.map(|press| press.penetration_mm.u()),
            puncture_force_n: press.and_then(|press| press.puncture_force_n.as_ref()).map(|force| force.value),
            punctured: press.map(|press| press.punctured),
            capture: planned.name.clone(),
            operator,
            repeat,
        });
    }

    fn take_run(&mut self, job: &Job, planned: &Planned, set_depth_mm: f64, set_rate_hz: f64, run: &Dynamic) {
        let (pen, cartridge) = (job.pen.value.name.clone(), Self::cartridge(job, planned));
        let (shared_pen, shared_cartridge): (Arc<str>, Arc<str>) = (pen.as_str().into(), cartridge.as_str().into());
        let mut value = |order, quantity, value, u| {
            self.values.push(Value {
                pen: Arc::clone(&shared_pen),
                cartridge: Arc::clone(&shared_cartridge),
                set_depth_mm,
                set_rate_hz: Some(set_rate_hz),
                source: DataSource::Strokes,
                order,
                quantity,
                value,
                u,
            });
        };
        for (order, rate_hz) in (0..).zip(stretch_rates_hz(&run.strokes)) {
            value(order, Quantity::PunctureRate, rate_hz, run.stroke_rate_hz.budget.u_common());
        }
        let (u_protrusion, u_penetration) = (run.protrusion_mm.budget.u_common(), run.penetration_mm.budget.u_common());
        for stroke in &run.strokes {
            value(stroke.stroke, Quantity::Missed, f64::from(u8::from(stroke.missed)), 0.0);
            if let Some(protrusion_mm) = stroke.protrusion_mm {
                value(stroke.stroke, Quantity::Protrusion, protrusion_mm, u_protrusion);
            }
            if let Some(penetration_mm) = stroke.penetration_mm {
                value(stroke.stroke, Quantity::Penetration, penetration_mm, u_penetration);
            }
        }
    }
}

/// Strokes per second in each of [`STRETCHES`] equal parts of a run, fewer where it has not two strokes for each.
fn stretch_rates_hz(strokes: &[Stroke]) -> Vec<f64> {
    let periods = strokes.len().saturating_sub(1);
    let stretches = STRETCHES.min(periods / 2);
    let edges: Vec<&Stroke> =
        (0..=stretches).filter_map(|edge| strokes.get(edge * periods / stretches.max(1))).collect();
    let rate_hz = |pair: &[&Stroke]| (pair[1].stroke - pair[0].stroke) as f64 / (pair[1].start_s - pair[0].start_s);
    edges.windows(2).map(rate_hz).collect()
}

fn verdict(job: &Job, facts: &Facts, results: &Results) -> VerdictDocument {
    let conduct = Conduct { planned_mm: &job.set_depths_mm, refused: &results.refused };
    let decision = decide(&job.plan.value, conduct, &results.values);
    let (verdict, reason) = match &facts.fault {
        Some(fault) => (Verdict::Aborted, format!("{fault}. Bench: {}.", facts.safe)),
        None => (decision.verdict, reason(&decision.criteria, results.refused.len())),
    };
    let mut versions = BTreeMap::from([
        ("rig".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("formats".to_owned(), "verdict/1 capture/1 compact/1 journal/1 job/1 manifest/1".to_owned()),
    ]);
    if job.seeded() {
        versions.insert("random numbers".to_owned(), crate::prng::GENERATOR.to_owned());
    }
    if let Tape::Replay(tape) = &job.tape {
        let Header { program, started, .. } = tape.borrow().header().clone();
        versions.insert("replay".to_owned(), format!("of a tape of {started}, recorded by rig {program}"));
    }
    if facts.program != env!("CARGO_PKG_VERSION") {
        versions.insert("rig that began the run".to_owned(), facts.program.clone());
    }
    versions.extend(facts.identities.iter().map(|(role, identity)| {
        (role.clone(), format!("{} {} firmware {}", identity.model, identity.serial, identity.firmware))
    }));
    VerdictDocument {
        schema: "verdict/1".to_owned(),
        run: job.run_id(),
        verdict,
        reason,
        simulated: job.rig.value.simulated,
        seed: job.seeded().then_some(job.seed),
        criteria: decision.criteria,
        scope: decision.scope,
        operating_characteristic: operating::characteristics(&job.plan.value, &results.values),
        // Where it cannot be evaluated its criteria say why.
        gauge: gauge::evaluate(Some(&job.plan.value), &results.values).and_then(Result::ok),
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
