//! Readings of first touches by a law: the model of one stroke that dips, and the normal equations of many.
//!
//! The force of the law goes through the cell ([`Response`]) and is compared with the readings. Every pulse has two
//! numbers of its own, the logarithm of its interference and the time of top dead centre; all share a [`Law`]. The two
//! are eliminated first (arrow form), and settled anew for every law that is tried (variable projection).
//!
//! Deliberately absent: which pulses, and the descent, which are [`crate::measure::dynamic::elastic`]'s.

use crate::measure::dynamic::{
    law::{Curve, FREE, Family, Needles},
    linear::{dot, inverse, times},
    response::{Cell, Response},
};

/// Error of the model (a law that is no power and no exponential, a carriage with a rod), as a share of a pulse's peak.
const MODEL_ERROR: f64 = 0.02;
/// Variance of a mean of strokes over that of independent ones: neighbours resemble each other (lag-1 correlation
/// up to 0.4 in pens (derived)).
pub const CORRELATED: f64 = 1.8;
/// Time in which the ringing of one touch dies away before the next, stroke periods.
const APART_PERIODS: f64 = 0.7;
/// Steps of the model in a stroke, at least: the force of a touch changes evenly over one.
const STEPS_PER_STROKE: f64 = 256.0;
/// Change of the logarithms of natural frequency and damping by which the readings' derivatives are taken.
const RESPONSE_STEP: f64 = 1e-3;

/// Most steps of a pulse's own numbers for one law.
const SETTLING: usize = 4;

/// How many parameters all pulses share.
pub const SHARED: usize = 7 + FREE;
/// They are ln A, shape, s, ln(half stroke), mean protrusion, how far the logarithms of the cell's natural frequency and
/// damping are from what was calibrated, and the logarithms of the foremost spacings over those expected.
pub type Law = [f64; SHARED];

/// The foremost spacings of a law.
pub fn lead(law: &Law) -> [f64; FREE] {
    std::array::from_fn(|k| law[7 + k])
}

/// One pulse: force around a stroke that touched.
#[derive(Clone, Debug)]
pub struct Pulse {
    /// Readings, background removed, N: quiet at first.
    pub reading_n: Vec<f64>,
    /// Gap at rest (compliance not yet in), mm.
    pub gap_mm: f64,
    /// Sample at which the force is largest, frequency response taken out, from the first, its value, N, and for how
    /// many samples it is above half of it.
    pub top: (f64, f64, f64),
}

/// What the pulses are looked at with.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Samples of one stroke.
    pub period_samples: f64,
    /// The cell; `None` where the readings are the force.
    pub cell: Option<Cell>,
    /// Noise of one reading, N.
    pub noise_n: f64,
    /// Compliance of the load path, mm/N.
    pub compliance_mm_per_n: f64,
    /// Half of the carriage's stroke, mm, and its relative standard uncertainty.
    pub half_stroke: (f64, f64),
    /// Needles in the cartridge.
    pub needles: u32,
}

/// A reading and its derivatives.
#[derive(Clone, Copy)]
struct Row {
    reading_n: f64,
    law: Law,
    own: [f64; 2],
}

/// What goes through the cell: the force; the force for a cell of another natural frequency, and of another damping; its
/// derivatives by shape, spread, half stroke, interference, time and the spacings.
const CHANNELS: usize = 8 + FREE;

/// What turns a law and a pulse's own numbers into readings.
pub struct Model<'a> {
    family: Family,
    setting: &'a Setting,
    needles: &'a Needles,
    inflation: f64,
    /// SD of the strokes' protrusion about their mean, mm, correlation counted.
    pub scatter_mm: f64,
    /// Error of the model as a share of a pulse's peak, with what is left of the ringing of the stroke before.
    model_error: f64,
    /// Steps in a sample.
    steps: usize,
}

impl<'a> Model<'a> {
    /// The model of a family, with all uncertainties times an inflation and a scatter of the strokes in mm.
    pub fn new(
        family: Family,
        setting: &'a Setting,
        needles: &'a Needles,
        (inflation, scatter_mm): (f64, f64),
    ) -> Self {
        let steps = (STEPS_PER_STROKE / setting.period_samples).ceil().max(1.0) as usize;
        let ringing =
            setting.cell.map_or(0.0, |cell| (-cell.damping * cell.turn * APART_PERIODS * setting.period_samples).exp());
        let (model_error, scatter_mm) = (MODEL_ERROR.hypot(ringing), scatter_mm * CORRELATED.sqrt());
        Self { family, setting, needles, inflation, scatter_mm, model_error, steps }
    }

    /// The force law as a table as deep as the pulses go.
    pub fn curve(&self, law: &Law, own: &[[f64; 2]]) -> Curve {
        let deepest = own.iter().map(|own| own[0].exp()).fold(0.0_f64, |a, b| a.max(b));
        Curve::new(self.family, self.needles, [law[0], law[1], law[2]], &lead(law), deepest)
    }

    /// Weight of a reading.
    pub fn weight(&self, pulse: &Pulse) -> f64 {
        (self.inflation * self.setting.noise_n.hypot(self.model_error * pulse.top.1)).powi(-2)
    }

    /// The cell as the law has it, of another natural frequency, and of another damping.
    fn responses(&self, law: &Law) -> Option<[Response; 3]> {
        let cell = self.setting.cell?;
        let turn = |more: f64| cell.turn * (law[5] + more).exp() / self.steps as f64;
        let damping = |more: f64| cell.damping * (law[6] + more).exp();
        Some([(0.0, 0.0), (RESPONSE_STEP, 0.0), (0.0, RESPONSE_STEP)].map(|(a, b)| Response::new(turn(a), damping(b))))
    }

    /// Readings of a pulse of `count` samples and their derivatives.
    fn rows(
        &self,
        curve: &Curve,
        responses: Option<&[Response; 3]>,
        half: f64,
        [ln_interference, time]: [f64; 2],
        count: usize,
    ) -> Vec<Row> {
        let omega = std::f64::consts::TAU / self.setting.period_samples;
        let (give, interference) = (self.setting.compliance_mm_per_n, ln_interference.exp());
        let step = (omega / self.steps as f64).sin_cos();
        let mut turn = (-omega * time).sin_cos();
        let mut contact_n = 0.0;
        let mut force = |(sin, cos): (f64, f64)| -> [f64; CHANNELS] {
            let fall = half * (1.0 - cos);
            let point = curve.at(interference - fall - give * contact_n);
            // The load path gives way by the force that is sought: one step of Newton's from the force before.
            let share = 1.0 / (1.0 + give * point.slope_n_per_mm);
            contact_n = (contact_n + (point.force_n - contact_n) * share).max(0.0);
            let slope = point.slope_n_per_mm * share;
            let by_time = slope * half * omega * sin;
            let by_law = [point.by_shape * share, point.by_spread * share, -slope * fall];
            let [a, b, c, d] = point.by_lead.map(|by| by * share);
            [
                contact_n,
                contact_n,
                contact_n,
                by_law[0],
                by_law[1],
                by_law[2],
                slope * interference,
                by_time,
                a,
                b,
                c,
                d,
            ]
        };
        let mut before = force(turn);
        let mut states = [[0.0; 2]; CHANNELS];
        let mut rows = Vec::with_capacity(count);
        for _ in 0..count {
            let seen: [f64; CHANNELS] =
                if responses.is_some() { std::array::from_fn(|channel| states[channel][0]) } else { before };
            rows.push(row(&seen));
            for _ in 0..self.steps {
                turn = (turn.0 * step.1 + turn.1 * step.0, turn.1 * step.1 - turn.0 * step.0);
                let now = force(turn);
                if let Some([as_told, otherwise @ ..]) = responses {
                    for (channel, state) in states.iter_mut().enumerate() {
                        let response = match channel {
                            1 | 2 => &otherwise[channel - 1],
                            _ => as_told,
                        };
                        *state = response.step(*state, before[channel], now[channel]);
                    }
                }
                before = now;
            }
        }
        rows
    }
}

fn row(seen: &[f64; CHANNELS]) -> Row {
    let [reading_n, natural, damping, shape, spread, half, interference, time, lead @ ..] = *seen;
    let by = |other: f64| (other - reading_n) / RESPONSE_STEP;
    let mut law = [0.0; SHARED];
    law[..7].copy_from_slice(&[reading_n, shape, spread, half, 0.0, by(natural), by(damping)]);
    law[7..].copy_from_slice(&lead);
    Row { reading_n, law, own: [interference, time] }
}

/// Normal equations in arrow form, pulses eliminated.
pub struct Arrow {
    /// Sum of squared residuals in units of their expectation, priors included.
    pub cost: f64,
    global: [[f64; SHARED]; SHARED],
    gradient: Law,
    /// What each pulse adds.
    pub pulses: Vec<Corner>,
}

/// What one pulse adds to the normal equations.
pub struct Corner {
    /// Sum of squared residuals of its readings in units of their expectation.
    pub cost: f64,
    own: [[f64; 2]; 2],
    cross: [[f64; 2]; SHARED],
    gradient: [f64; 2],
}

impl Corner {
    /// What a pulse says of its own interference and time where the law is as it is, and the rows that say it.
    fn of(model: &Model<'_>, pulse: &Pulse, rows: &[Row], interference: f64, mean_mm: f64) -> Self {
        let weight = model.weight(pulse);
        let mut corner = Self { cost: 0.0, own: [[0.0; 2]; 2], cross: [[0.0; 2]; SHARED], gradient: [0.0; 2] };
        for (reading_n, row) in pulse.reading_n.iter().zip(rows) {
            let residual = reading_n - row.reading_n;
            corner.cost += weight * residual * residual;
            for i in 0..2 {
                corner.gradient[i] += weight * row.own[i] * residual;
                for j in 0..2 {
                    corner.own[i][j] += weight * row.own[i] * row.own[j];
                }
            }
        }
        // The protrusion of every stroke scatters about one mean: given how far a stroke dipped, its gap tells where.
        let tie = model.scatter_mm.powi(-2);
        let apart = pulse.gap_mm + interference - mean_mm;
        corner.own[0][0] += tie * interference * interference;
        corner.gradient[0] -= tie * apart * interference;
        corner.cross[4][0] -= tie * interference;
        corner
    }

    /// Its cost with that of its protrusion.
    fn total(&self, model: &Model<'_>, pulse: &Pulse, own: [f64; 2], law: &Law) -> f64 {
        self.cost + ((pulse.gap_mm + own[0].exp() - law[4]) / model.scatter_mm).powi(2)
    }
}

/// Normal equations about a law. `own` is moved to where each pulse is best by this law: the few numbers that belong to
/// one pulse follow the law at once, or the descent would creep along a bent valley.
pub fn assemble(
    model: &Model<'_>,
    pulses: &[Pulse],
    law: &Law,
    own: &mut [[f64; 2]],
    prior: &[(f64, f64); SHARED],
) -> Arrow {
    let mut arrow = Arrow { cost: 0.0, global: [[0.0; SHARED]; SHARED], gradient: [0.0; SHARED], pulses: Vec::new() };
    for (k, (mean, sd)) in prior.iter().enumerate() {
        let residual = (law[k] - mean) / sd;
        arrow.cost += residual * residual;
        arrow.global[k][k] += 1.0 / (sd * sd);
        arrow.gradient[k] -= residual / sd;
    }
    let (curve, half, responses) = (model.curve(law, own), law[3].exp(), model.responses(law));
    for (pulse, own) in pulses.iter().zip(own) {
        let look = |own: [f64; 2]| {
            let rows = model.rows(&curve, responses.as_ref(), half, own, pulse.reading_n.len());
            (Corner::of(model, pulse, &rows, own[0].exp(), law[4]), rows)
        };
        let (mut corner, mut rows) = look(*own);
        for _ in 0..SETTLING {
            let Some(step) = inverse(corner.own).map(|inverse| times(&inverse, &corner.gradient)) else { break };
            let next = [own[0] + step[0].clamp(-0.3, 0.3), own[1] + step[1].clamp(-1.0, 1.0)];
            let (trial, trial_rows) = look(next);
            if trial.total(model, pulse, next, law) >= corner.total(model, pulse, *own, law) {
                break;
            }
            (*own, corner, rows) = (next, trial, trial_rows);
            if step[0].abs() < 1e-3 && step[1].abs() < 1e-3 {
                break;
            }
        }
        let weight = model.weight(pulse);
        for (reading_n, row) in pulse.reading_n.iter().zip(rows) {
            let residual = reading_n - row.reading_n;
            for (i, slope) in row.law.iter().enumerate() {
                arrow.gradient[i] += weight * slope * residual;
                arrow.global[i].iter_mut().zip(&row.law).for_each(|(sum, other)| *sum += weight * slope * other);
                corner.cross[i].iter_mut().zip(&row.own).for_each(|(sum, other)| *sum += weight * slope * other);
            }
        }
        let tie = model.scatter_mm.powi(-2);
        arrow.cost += corner.total(model, pulse, *own, law);
        arrow.global[4][4] += tie;
        arrow.gradient[4] += tie * (pulse.gap_mm + own[0].exp() - law[4]);
        arrow.pulses.push(corner);
    }
    arrow
}

/// Step of all parameters.
pub struct Step {
    /// Of the law.
    pub law: Law,
    /// Of each pulse's own numbers.
    pub own: Vec<[f64; 2]>,
    /// Covariance of the law.
    pub covariance: [[f64; SHARED]; SHARED],
}

/// The step for a damping; `None` where the system is singular.
pub fn solve(arrow: &Arrow, damping: f64) -> Option<Step> {
    let mut reduced = arrow.global;
    let mut gradient = arrow.gradient;
    (0..SHARED).for_each(|i| reduced[i][i] *= 1.0 + damping);
    let mut inverses = Vec::with_capacity(arrow.pulses.len());
    for corner in &arrow.pulses {
        let mut own = corner.own;
        // A pulse without a slope (nothing touched) keeps its place.
        (0..2).for_each(|i| own[i][i] = own[i][i] * (1.0 + damping) + 1e-9);
        let own = inverse(own)?;
        for (i, cross) in corner.cross.iter().enumerate() {
            let carried = times(&own, cross);
            gradient[i] -= dot(&carried, &corner.gradient);
            reduced[i].iter_mut().zip(&corner.cross).for_each(|(sum, other)| *sum -= dot(&carried, other));
        }
        inverses.push(own);
    }
    let covariance = inverse(reduced)?;
    let law = times(&covariance, &gradient);
    let mut own = Vec::with_capacity(arrow.pulses.len());
    for (corner, inverse) in arrow.pulses.iter().zip(&inverses) {
        let rest: [f64; 2] =
            std::array::from_fn(|j| corner.gradient[j] - (0..SHARED).map(|i| corner.cross[i][j] * law[i]).sum::<f64>());
        own.push(times(inverse, &rest));
    }
    Some(Step { law, own, covariance })
}
