//! A capture of a run with what was measured from it, and what it gives to tables and decision.
//!
//! Invariant: rows and values are made when they are asked for, in the order of the schedule. Of a long run they are too
//! many to be kept beside its strokes.

use super::{
    job::Job,
    schedule::{Planned, Step},
};
use crate::{
    acceptance::{decision::Refused, measurements::Value},
    config::plan::{DataSource, Quantity},
    measure::{Dynamic, Measurement, Outcome, Press, Stroke, document::StrokeOrigin},
    record::model::PressRow,
    uncertainty::Measured,
};
use std::sync::Arc;

/// A capture that is whole.
pub struct CaptureResult<'j> {
    job: &'j Job,
    planned: Planned,
    /// The cartridge that was in the pen.
    cartridge: String,
    /// What was measured, or why not.
    pub measurement: Arc<Measurement>,
}

/// Stretches into which a run is cut for its puncture rate: enough to see whether it holds.
const STRETCHES: usize = 50;

impl<'j> CaptureResult<'j> {
    /// The result of a planned capture.
    pub fn new(job: &'j Job, measurement: Arc<Measurement>, planned: Planned) -> Self {
        let cartridge = format!("{}-{}", job.cartridge.value.name, job.cartridge_of(planned.setup) + 1);
        Self { job, planned, cartridge, measurement }
    }

    /// Name of the capture.
    pub fn name(&self) -> &str {
        &self.planned.name
    }

    fn press(&self) -> Option<&Press> {
        match (&self.measurement.outcome, self.planned.step) {
            (Ok(Outcome::Press(press)), Step::Press { .. } | Step::Reference { .. }) => Some(press),
            _ => None,
        }
    }

    /// The run, and the rate that the pen was told, Hz.
    fn run(&self) -> Option<(&Dynamic, f64)> {
        match (&self.measurement.outcome, self.planned.step) {
            (Ok(Outcome::Dynamic(run)), Step::Run { stroke_rate_hz, .. }) => Some((run, stroke_rate_hz)),
            _ => None,
        }
    }

    /// How the decision is to know of a capture that gave no measurement.
    pub fn refused(&self) -> Option<Refused> {
        let (source, set_rate_hz, measured) = match self.planned.step {
            Step::Run { stroke_rate_hz, .. } => (DataSource::Strokes, Some(stroke_rate_hz), self.run().is_some()),
            Step::Press { .. } | Step::Reference { .. } => (DataSource::Presses, None, self.press().is_some()),
        };
        let (capture, set_depth_mm) = (self.planned.name.clone(), self.planned.step.set_depth_mm());
        (!measured).then_some(Refused { capture, source, set_depth_mm, set_rate_hz })
    }

    /// The strokes of a running pen, for `strokes.csv`.
    pub fn strokes(&self) -> Option<(StrokeOrigin<'_>, &[Stroke])> {
        let origin = StrokeOrigin {
            pen: &self.job.pen.value.name,
            cartridge: &self.cartridge,
            set_depth_mm: Some(self.planned.step.set_depth_mm()),
            capture: &self.planned.name,
        };
        self.run().map(|(run, _)| (origin, run.strokes.as_slice()))
    }

    /// The row of `presses.csv`; of a press that could not be measured it has no lengths.
    pub fn press_row(&self) -> Option<PressRow> {
        let (site, repeat) = match self.planned.step {
            Step::Reference { site, repeat, .. } => (site, Some(repeat)),
            Step::Press { site, .. } => (site, None),
            Step::Run { .. } => return None,
        };
        let press = self.press();
        Some(PressRow {
            pen: self.job.pen.value.name.clone(),
            cartridge: self.cartridge.clone(),
            set_depth_mm: self.planned.step.set_depth_mm(),
            site,
            face_mm: press.map(|press| press.face_mm.value),
            tip_mm: press.map(|press| press.tip_mm.value),
            protrusion_mm: press.map(|press| press.protrusion_mm.value),
            protrusion_u_mm: press.map(|press| press.protrusion_mm.u()),
            penetration_mm: press.map(|press| press.penetration_mm.value),
            penetration_u_mm: press.map(|press| press.penetration_mm.u()),
            puncture_force_n: press.and_then(|press| press.puncture_force_n.as_ref()).map(|force| force.value),
            punctured: press.map(|press| press.punctured),
            capture: self.planned.name.clone(),
            operator: self.job.operator(self.planned.setup).map(str::to_owned),
            repeat,
        })
    }

    /// Every value that is decided on.
    pub fn values(&self) -> impl Iterator<Item = Value> {
        let presses = self.press().into_iter().flat_map(|press| self.press_values(press));
        let strokes = self.run().into_iter().flat_map(|(run, set_rate_hz)| self.run_values(run, set_rate_hz));
        presses.chain(strokes)
    }

    fn press_values(&self, press: &Press) -> Vec<Value> {
        let like = |order, quantity, value: &Measured| Value {
            source: DataSource::Presses,
            order: u64::from(order),
            quantity,
            value: value.value,
            u: value.budget.u_common(),
            ..self.like()
        };
        match (self.planned.step, self.job.operator(self.planned.setup)) {
            (Step::Reference { site, repeat, .. }, Some(operator)) => vec![Value {
                pen: Arc::from(operator),
                cartridge: Arc::from(format!("site {site}")),
                ..like(repeat, Quantity::Repeatability, &press.protrusion_mm)
            }],
            (Step::Reference { site, .. } | Step::Press { site, .. }, _) => vec![
                like(site, Quantity::Protrusion, &press.protrusion_mm),
                like(site, Quantity::Penetration, &press.penetration_mm),
            ],
            (Step::Run { .. }, _) => Vec::new(),
        }
    }

    fn run_values<'a>(&self, run: &'a Dynamic, set_rate_hz: f64) -> impl Iterator<Item = Value> + use<'a> {
        let like = Value { set_rate_hz: Some(set_rate_hz), source: DataSource::Strokes, ..self.like() };
        let u_rate = run.stroke_rate_hz.budget.u_common();
        let (u_protrusion, u_penetration) = (run.protrusion_mm.budget.u_common(), run.penetration_mm.budget.u_common());
        let rates = (0..)
            .zip(stretch_rates_hz(&run.strokes))
            .map(move |(order, rate_hz)| (order, Quantity::PunctureRate, Some(rate_hz), u_rate));
        let of_stroke = move |stroke: &Stroke| {
            [
                (stroke.stroke, Quantity::Missed, Some(f64::from(u8::from(stroke.missed))), 0.0),
                (stroke.stroke, Quantity::Protrusion, stroke.protrusion_mm, u_protrusion),
                (stroke.stroke, Quantity::Penetration, stroke.penetration_mm, u_penetration),
            ]
        };
        rates.chain(run.strokes.iter().flat_map(of_stroke)).filter_map(move |(order, quantity, value, u)| {
            Some(Value { order, quantity, value: value?, u, ..like.clone() })
        })
    }

    /// A value of this capture that is yet to be filled in.
    fn like(&self) -> Value {
        Value {
            pen: Arc::from(self.job.pen.value.name.as_str()),
            cartridge: Arc::from(self.cartridge.as_str()),
            set_depth_mm: self.planned.step.set_depth_mm(),
            set_rate_hz: None,
            source: DataSource::Presses,
            order: 0,
            quantity: Quantity::Protrusion,
            value: f64::NAN,
            u: f64::NAN,
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
