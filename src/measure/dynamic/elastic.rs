//! First contact in the stand-off scan: protrusion from strokes that indent the phantom without entering it.
//!
//! Near the end of reach a stroke only dips: contact begins and ends at one height of the carriage, so the width of
//! the force pulse measures how far the tip went below the surface (a circle's sagitta (derived)), its shape measures
//! the law of the phantom, and neither needs a model of force that was fitted elsewhere. All pulses are fitted at
//! once: each has its own interference and time, all share the law
//! `F = A sum_i c_i ((u - s o_i) / 0.1 mm)^n`, where `o_i` are the normal order statistics of the needles' heights
//! (Blom 1958), `s` their SD, `c_i` shares that add to one. One needle, or many of unequal height, are the same law.
//! The mean over pulses of `gap + interference` is the protrusion. Pulses are chosen by their force; the gap is swept
//! evenly, so this choice does not bias the gap at a given force (regression of the gap on the force).
//!
//! Method: Levenberg-Marquardt on the normal equations in arrow form (pulses eliminated first), with weak normal
//! priors on `n`, `s` and the carriage's stroke, which the data override where they can.

use crate::measure::{
    dynamic::linear::{dot, inverse, times},
    press::heights::Heights,
};

/// Interference at which `A` is the force, mm: scales the law so that its parameters are nearly uncorrelated.
const SCALE_MM: f64 = 0.1;
/// Prior exponent of one needle's force law: Hertz's cone is 2, sphere 1.5, flat punch 1; soft phantoms 1.1 to 2.
const EXPONENT: (f64, f64) = (1.5, 0.25);
/// Prior SD of needle heights, mm.
const SPREAD_MM: (f64, f64) = (0.02, 0.015);
/// Error of the model (cell response known to a few per cent), as a share of a pulse's peak.
const MODEL_ERROR: f64 = 0.03;
/// Misfit of a pulse, in medians over all, beyond which it is left out.
const MISFIT_MAX: f64 = 3.0;
/// Robust SDs of the protrusion beyond which a pulse is left out.
const SCATTER_MAX: f64 = 4.0;
/// Nodes and weights of the Gauss-Hermite rule that smears the model as the inverse filter smears the force.
const SMEAR_NODES: [(f64, f64); 5] = [
    (-2.856_970_013_872_806, 0.011_257_411_327_720_7),
    (-1.355_626_179_974_266, 0.222_075_922_005_612_6),
    (0.0, 0.533_333_333_333_333_3),
    (1.355_626_179_974_266, 0.222_075_922_005_612_6),
    (2.856_970_013_872_806, 0.011_257_411_327_720_7),
];

/// Global parameters: ln A, n, s, ln(half stroke).
type Law = [f64; 4];

/// One pulse: force around a stroke that touched.
#[derive(Clone, Debug)]
pub struct Pulse {
    /// Force, frequency response taken out, baseline removed, N.
    pub force_n: Vec<f64>,
    /// Gap at rest (compliance not yet in), mm.
    pub gap_mm: f64,
}

/// What the pulses are looked at with.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Samples of one stroke.
    pub period_samples: f64,
    /// Smear of the inverse filter, samples.
    pub smear_samples: f64,
    /// Noise of one sample, N.
    pub noise_n: f64,
    /// Compliance of the load path, mm/N.
    pub compliance_mm_per_n: f64,
    /// Half of the carriage's stroke, mm, and its relative standard uncertainty.
    pub half_stroke: (f64, f64),
    /// Needles in the cartridge.
    pub needles: u32,
}

/// Result of the fit.
#[derive(Clone, Debug)]
pub struct Contact {
    /// Mean protrusion of the strokes used, mm.
    pub protrusion_mm: f64,
    /// SD of their protrusion, mm.
    pub scatter_mm: f64,
    /// Standard uncertainty from the law's parameters, mm.
    pub law_u_mm: f64,
    /// Number of pulses.
    pub pulses: usize,
    /// Exponent of the law.
    pub exponent: f64,
    /// SD of needle heights, mm.
    pub spread_mm: f64,
    /// Half of the carriage's stroke after the fit, mm.
    pub half_stroke_mm: f64,
    /// Root mean square residual in units of its expectation.
    pub misfit: f64,
    law: Law,
    needles: u32,
}

impl Contact {
    /// How far the exponent lies outside one and a half prior SDs, in prior SDs: such a law says that the pulses were
    /// not what the model takes them for.
    pub fn unusual(&self) -> f64 {
        ((self.exponent - EXPONENT.0).abs() / EXPONENT.1 - 1.5).max(0.0)
    }

    /// How far the foremost tip is below the undeformed surface where the force first reaches `force_n`, mm.
    pub fn indentation_mm(&self, force_n: f64) -> f64 {
        let groups = needle_groups(self.needles);
        let [ln_a, n, s, _] = self.law;
        let force = |u: f64| -> f64 {
            let each = |(offset, share): &(f64, f64)| share * ((u - s * offset) / SCALE_MM).max(0.0).powf(n);
            ln_a.exp() * groups.iter().map(each).sum::<f64>()
        };
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            if force(middle) < force_n { low = middle } else { high = middle }
        }
        high
    }
}

/// Heights below the foremost tip in units of the SD, with the share of needles at each.
fn needle_groups(needles: u32) -> Vec<(f64, f64)> {
    let heights = Heights::of(needles);
    let foremost = heights.single.first().copied().unwrap_or(0.0);
    let single = heights.single.iter().map(|height| (foremost - height, heights.share));
    single.chain(heights.groups.iter().map(|(height, share)| (foremost - height, *share))).collect()
}

struct Row {
    force: f64,
    law: Law,
    interference: f64,
    time: f64,
}

struct Model<'a> {
    setting: &'a Setting,
    groups: &'a [(f64, f64)],
    inflation: f64,
}

impl Model<'_> {
    /// Force and its derivatives at one sample of a pulse.
    fn row(&self, law: &Law, interference: f64, time: f64, sample: f64, force_n: f64) -> Row {
        let [ln_a, n, s, ln_half] = *law;
        let (a, half) = (ln_a.exp(), ln_half.exp());
        let omega = std::f64::consts::TAU / self.setting.period_samples;
        let mut row = Row { force: 0.0, law: [0.0; 4], interference: 0.0, time: 0.0 };
        for (node, weight) in SMEAR_NODES {
            let angle = omega * (sample - time + node * self.setting.smear_samples);
            let (sin, cos) = angle.sin_cos();
            let u = interference - half * (1.0 - cos) - self.setting.compliance_mm_per_n * force_n;
            for (offset, share) in self.groups {
                let v = (u - s * offset) / SCALE_MM;
                if v <= 0.0 {
                    continue;
                }
                let ln_v = v.ln();
                let force = weight * share * a * (n * ln_v).exp();
                let slope = force * n / (v * SCALE_MM);
                row.force += force;
                row.law[1] += force * ln_v;
                row.law[2] -= slope * offset;
                row.law[3] -= slope * half * (1.0 - cos);
                row.interference += slope;
                row.time += slope * half * omega * sin;
            }
        }
        row.law[0] = row.force;
        row
    }
}

/// Normal equations in arrow form, pulses eliminated.
struct Arrow {
    cost: f64,
    global: [[f64; 4]; 4],
    gradient: Law,
    pulses: Vec<Corner>,
}

struct Corner {
    cost: f64,
    own: [[f64; 2]; 2],
    cross: [[f64; 2]; 4],
    gradient: [f64; 2],
}

fn assemble(model: &Model<'_>, pulses: &[Pulse], law: &Law, own: &[[f64; 2]], prior: &[(f64, f64); 4]) -> Arrow {
    let mut arrow = Arrow { cost: 0.0, global: [[0.0; 4]; 4], gradient: [0.0; 4], pulses: Vec::new() };
    for (k, (mean, sd)) in prior.iter().enumerate() {
        let residual = (law[k] - mean) / sd;
        arrow.cost += residual * residual;
        arrow.global[k][k] += 1.0 / (sd * sd);
        arrow.gradient[k] -= residual / sd;
    }
    for (pulse, [interference, time]) in pulses.iter().zip(own) {
        let peak = pulse.force_n.iter().fold(0.0_f64, |a, b| a.max(*b));
        let weight = (model.inflation * model.setting.noise_n.hypot(MODEL_ERROR * peak)).powi(-2);
        let mut corner = Corner { cost: 0.0, own: [[0.0; 2]; 2], cross: [[0.0; 2]; 4], gradient: [0.0; 2] };
        for (sample, force_n) in pulse.force_n.iter().enumerate() {
            let row = model.row(law, *interference, *time, sample as f64, *force_n);
            let residual = force_n - row.force;
            corner.cost += weight * residual * residual;
            let mine = [row.interference, row.time];
            for i in 0..2 {
                corner.gradient[i] += weight * mine[i] * residual;
                for j in 0..2 {
                    corner.own[i][j] += weight * mine[i] * mine[j];
                }
            }
            for (i, slope) in row.law.iter().enumerate() {
                arrow.gradient[i] += weight * slope * residual;
                arrow.global[i].iter_mut().zip(&row.law).for_each(|(sum, other)| *sum += weight * slope * other);
                corner.cross[i].iter_mut().zip(&mine).for_each(|(sum, other)| *sum += weight * slope * other);
            }
        }
        arrow.cost += corner.cost;
        arrow.pulses.push(corner);
    }
    arrow
}

/// Step of all parameters.
struct Step {
    law: Law,
    own: Vec<[f64; 2]>,
    /// Covariance of the law.
    covariance: [[f64; 4]; 4],
    /// Change of the mean interference with each parameter of the law.
    sensitivity: Law,
}

/// The step for a damping; `None` where the system is singular.
fn solve(arrow: &Arrow, damping: f64) -> Option<Step> {
    let mut reduced = arrow.global;
    let mut gradient = arrow.gradient;
    (0..4).for_each(|i| reduced[i][i] *= 1.0 + damping);
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
    let mut sensitivity = [0.0; 4];
    let mut own = Vec::with_capacity(arrow.pulses.len());
    for (corner, inverse) in arrow.pulses.iter().zip(&inverses) {
        let rest: [f64; 2] =
            std::array::from_fn(|j| corner.gradient[j] - (0..4).map(|i| corner.cross[i][j] * law[i]).sum::<f64>());
        own.push(times(inverse, &rest));
        for (sum, cross) in sensitivity.iter_mut().zip(&corner.cross) {
            *sum -= times(inverse, cross)[0] / arrow.pulses.len() as f64;
        }
    }
    Some(Step { law, own, covariance, sensitivity })
}

/// A first guess of interference and time of each pulse, and of the force scale, from width at half the peak.
fn guess(pulses: &[Pulse], setting: &Setting) -> (f64, Vec<[f64; 2]>) {
    let mut scales = Vec::new();
    let mut own = Vec::new();
    for pulse in pulses {
        let top = (0..pulse.force_n.len()).max_by(|a, b| pulse.force_n[*a].total_cmp(&pulse.force_n[*b])).unwrap_or(0);
        let peak = pulse.force_n.get(top).copied().unwrap_or(0.0);
        let wide = pulse.force_n.iter().filter(|f| **f > 0.5 * peak).count() as f64;
        let sagitta = setting.half_stroke.0 * (1.0 - (std::f64::consts::PI * wide / setting.period_samples).cos());
        let interference = sagitta / (1.0 - 0.5_f64.powf(1.0 / EXPONENT.0));
        scales.push(peak / (interference / SCALE_MM).powf(EXPONENT.0));
        own.push([interference, top as f64]);
    }
    scales.sort_unstable_by(f64::total_cmp);
    (scales.get(scales.len() / 2).copied().unwrap_or(1.0), own)
}

/// Fits all pulses at once; then again without those whose misfit stands out, and with the noise that the first fit
/// showed, so that the priors keep their weight where the law does not hold exactly. `None` where there are fewer than
/// three pulses, or the fit does not settle.
pub fn fit(pulses: &[Pulse], setting: &Setting) -> Option<Contact> {
    let (first, found) = fit_once(pulses, setting, 1.0)?;
    let middle = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let usual = middle(found.iter().map(|(misfit, _)| *misfit).collect());
    let centre = middle(found.iter().map(|(_, protrusion)| *protrusion).collect());
    let width = 1.4826 * middle(found.iter().map(|(_, protrusion)| (protrusion - centre).abs()).collect());
    let inside = |(misfit, protrusion): &(f64, f64)| {
        *misfit <= MISFIT_MAX * usual && (protrusion - centre).abs() <= SCATTER_MAX * width
    };
    let kept: Vec<Pulse> = pulses.iter().zip(&found).filter(|(_, f)| inside(f)).map(|(p, _)| p.clone()).collect();
    if kept.len() == pulses.len() && first.misfit <= 1.0 {
        return Some(first);
    }
    fit_once(&kept, setting, first.misfit.max(1.0)).map(|(contact, _)| contact)
}

/// The fit with all uncertainties times `inflation`; of each pulse the root mean square residual in units of its
/// expectation, and the protrusion, mm.
fn fit_once(pulses: &[Pulse], setting: &Setting, inflation: f64) -> Option<(Contact, Vec<(f64, f64)>)> {
    if pulses.len() < 3 {
        return None;
    }
    let groups = needle_groups(setting.needles);
    let model = Model { setting, groups: &groups, inflation };
    let (scale, mut own) = guess(pulses, setting);
    let mut law = [scale.max(1e-6).ln(), EXPONENT.0, SPREAD_MM.0, setting.half_stroke.0.ln()];
    let prior = [(law[0], 10.0), EXPONENT, SPREAD_MM, (law[3], setting.half_stroke.1)];
    let mut arrow = assemble(&model, pulses, &law, &own, &prior);
    let mut damping = 1e-2;
    for _ in 0..60 {
        let step = solve(&arrow, damping)?;
        let mut next: Law = std::array::from_fn(|i| law[i] + step.law[i]);
        next[1] = next[1].clamp(0.8, 2.6);
        next[2] = next[2].clamp(0.0, 0.15);
        let next_own: Vec<[f64; 2]> = own.iter().zip(&step.own).map(|(a, b)| [a[0] + b[0], a[1] + b[1]]).collect();
        let trial = assemble(&model, pulses, &next, &next_own, &prior);
        if trial.cost < arrow.cost {
            let settled = arrow.cost - trial.cost < 1e-4 * arrow.cost.min(1e3);
            (law, own, arrow) = (next, next_own, trial);
            damping = (0.3 * damping).max(1e-9);
            if settled {
                break;
            }
        } else if damping > 1e8 {
            break;
        } else {
            damping *= 5.0;
        }
    }
    let step = solve(&arrow, 0.0)?;
    let count = pulses.len() as f64;
    let samples: usize = pulses.iter().map(|p| p.force_n.len()).sum();
    let misfit = (arrow.cost / (samples as f64 - 2.0 * count - 4.0).max(1.0)).sqrt();
    let each: Vec<f64> = pulses.iter().zip(&own).map(|(pulse, own)| pulse.gap_mm + own[0]).collect();
    let mean = each.iter().sum::<f64>() / count;
    let scatter = (each.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
    let spread = times(&step.covariance, &step.sensitivity);
    let law_u = (0..4).map(|i| spread[i] * step.sensitivity[i]).sum::<f64>().max(0.0).sqrt() * misfit.max(1.0);
    let misfits = arrow.pulses.iter().zip(pulses).map(|(c, p)| (c.cost / p.force_n.len() as f64).sqrt());
    let found = misfits.zip(each.iter().copied()).collect();
    let contact = Contact {
        protrusion_mm: mean,
        scatter_mm: scatter,
        law_u_mm: law_u,
        pulses: pulses.len(),
        exponent: law[1],
        spread_mm: law[2],
        half_stroke_mm: law[3].exp(),
        misfit,
        law,
        needles: setting.needles,
    };
    Some((contact, found))
}
