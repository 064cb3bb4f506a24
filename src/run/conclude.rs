//! The part of a run after the bench is safe: measure every capture, fill the tables, decide.

use super::{
    campaign::Ended,
    job::Job,
    parallel,
    schedule::{Step, steps},
};
use crate::{
    acceptance::{Verdict, decision::decide, measurements::Value, operating},
    config::plan::{DataSource, Quantity},
    measure::{Dynamic, Measurement, Outcome, Press},
    record::{
        RecordError, archive,
        model::{PressRow, StrokeRow, VerdictDocument},
        run_dir::RunDir,
        tables,
    },
    time::RunTime,
};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

/// A capture that the schedule names.
struct Planned {
    cartridge: u32,
    step: Step,
    name: String,
}

/// The rows of the tables, and the values that the decision takes.
#[derive(Default)]
struct Results {
    presses: Vec<PressRow>,
    strokes: Vec<StrokeRow>,
    values: Vec<Value>,
    refused: usize,
}

/// Measures what was recorded, decides, and writes everything but the reports.
///
/// # Errors
///
/// [`RecordError`] where the record cannot be written or read back.
pub fn conclude(job: &Job, dir: &mut RunDir, ended: &Ended) -> Result<VerdictDocument, RecordError> {
    let at = RunTime::from_nanos((ended.bench_time_s * 1e9) as u64);
    let planned: Vec<Planned> = (0..job.cartridges)
        .flat_map(|cartridge| {
            steps(job).into_iter().map(move |step| Planned { cartridge, step, name: step.capture(cartridge) })
        })
        .filter(|planned| dir.captures().join(format!("{}.json", planned.name)).is_file())
        .collect();
    let mut results = Results::default();
    let run = dir.path();
    let measured = parallel::map(&planned, |planned| archive::recompute(run, &planned.name).map(|(_, found)| found));
    for (planned, measurement) in planned.iter().zip(measured) {
        let measurement = measurement?;
        for anomaly in &measurement.anomalies {
            let text = format!("{}: {} ({}): {}", planned.name, anomaly.code, anomaly.count, anomaly.message);
            dir.event(at, "anomaly", &text, json!({"capture": planned.name, "anomaly": anomaly}))?;
        }
        if let Err(refusal) = &measurement.outcome {
            let text = format!("{} refused: {}: {}", planned.name, refusal.code, refusal.message);
            dir.event(at, "refused", &text, json!({"capture": planned.name, "reason": refusal}))?;
        }
        dir.measurement(&planned.name, &measurement)?;
        results.take(job, planned, &measurement);
    }
    let verdict = verdict(job, ended, &results);
    dir.event(at, "verdict", &format!("{:?}: {}", verdict.verdict, verdict.reason), json!(verdict.verdict))?;
    tables::write_presses(dir.path(), &results.presses)?;
    tables::write_strokes(dir.path(), &results.strokes)?;
    tables::write_criteria(dir.path(), &verdict.criteria)?;
    dir.verdict(&verdict)?;
    Ok(verdict)
}

impl Results {
    fn take(&mut self, job: &Job, planned: &Planned, measurement: &Measurement) {
        match (&measurement.outcome, planned.step) {
            (Ok(Outcome::Press(press)), Step::Press { set_depth_mm, site }) => {
                self.take_press(job, planned, set_depth_mm, site, Some(press));
            }
            (Err(_), Step::Press { set_depth_mm, site }) => {
                self.refused += 1;
                self.take_press(job, planned, set_depth_mm, site, None);
            }
            (Ok(Outcome::Dynamic(run)), Step::Run { set_depth_mm, stroke_rate_hz, .. }) => {
                self.take_run(job, planned, set_depth_mm, stroke_rate_hz, run);
            }
            _ => self.refused += 1,
        }
    }

    fn cartridge(job: &Job, planned: &Planned) -> String {
        format!("{}-{}", job.cartridge.value.name, planned.cartridge + 1)
    }

    fn take_press(&mut self, job: &Job, planned: &Planned, set_depth_mm: f64, site: u32, press: Option<&Press>) {
        let cartridge = Self::cartridge(job, planned);
        if let Some(press) = press {
            let value = |quantity, value: &crate::uncertainty::Measured| Value {
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
            self.values.push(value(Quantity::Protrusion, &press.protrusion_mm));
            self.values.push(value(Quantity::Penetration, &press.penetration_mm));
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
        value(0, Quantity::PunctureRate, run.stroke_rate_hz.value, run.stroke_rate_hz.u());
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
        self.strokes.extend(run.strokes.iter().map(|stroke| StrokeRow {
            pen: pen.clone(),
            cartridge: cartridge.clone(),
            set_depth_mm,
            stroke: stroke.stroke,
            start_s: stroke.start_s,
            period_s: stroke.period_s,
            peak_force_n: stroke.peak_force_n,
            protrusion_mm: stroke.protrusion_mm,
            protrusion_u_mm: stroke.protrusion_u_mm,
            penetration_mm: stroke.penetration_mm,
            penetration_u_mm: stroke.penetration_u_mm,
            missed: stroke.missed,
            capture: planned.name.clone(),
        }));
    }
}

fn verdict(job: &Job, ended: &Ended, results: &Results) -> VerdictDocument {
    let decision = decide(&job.plan.value, &job.set_depths_mm, &results.values);
    let (verdict, reason) = match &ended.fault {
        Some(fault) => (Verdict::Aborted, format!("{fault}. {}. Bench: {}.", fault.hint(), ended.safe.text())),
        None => (decision.verdict, reason(&decision.criteria, results.refused)),
    };
    let mut versions = BTreeMap::from([
        ("rig".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("formats".to_owned(), "verdict/1 capture/1 manifest/1 compact/1".to_owned()),
    ]);
    if job.rig.value.simulated {
        versions.insert("random numbers".to_owned(), crate::prng::GENERATOR.to_owned());
    }
    versions.extend(ended.identities.iter().map(|(role, identity)| {
        (role.name().to_owned(), format!("{} {} firmware {}", identity.model, identity.serial, identity.firmware))
    }));
    VerdictDocument {
        schema: "verdict/1".to_owned(),
        run: job.run_id(),
        verdict,
        reason,
        simulated: job.rig.value.simulated,
        seed: job.rig.value.simulated.then_some(job.seed),
        criteria: decision.criteria,
        scope: decision.scope,
        operating_characteristic: operating::characteristics(&job.plan.value, &results.values),
        rig: job.rig.value.name.clone(),
        plan: job.plan.value.name.clone(),
        cartridge: job.cartridge.value.name.clone(),
        pen: job.pen.value.name.clone(),
        versions,
        bench_state: ended.safe.text(),
        started: job.started.clone(),
        bench_time_s: ended.bench_time_s,
    }
}

fn reason(criteria: &[crate::acceptance::Row], refused: usize) -> String {
    let count = |verdict| criteria.iter().filter(|row| row.verdict == verdict).count();
    let refused = if refused == 0 { String::new() } else { format!("; {refused} captures could not be measured") };
    format!(
        "{} criteria: {} accepted, {} rejected, {} inconclusive{refused}.",
        criteria.len(),
        count(Verdict::Accept),
        count(Verdict::Reject),
        count(Verdict::Inconclusive),
    )
}
