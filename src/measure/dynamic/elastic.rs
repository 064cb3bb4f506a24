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

use crate::measure::dynamic::{
    law::{Curve, Family, SCALE_MM, needle_groups},
    linear::{dot, inverse, times},
};

/// Exponent with which a pulse is first guessed.
const EXPONENT: f64 = 1.5;
/// Samples in a row share what the model cannot follow: so many carry the likelihood of one.
const ALIKE_SAMPLES: f64 = 4.0;
/// Prior SD of needle heights, mm.
const SPREAD_MM: (f64, f64) = (0.02, 0.015);
/// Error of the model (cell response known to a few per cent), as a share of a pulse's peak.
const MODEL_ERROR: f64 = 0.03;
/// Misfit of a pulse, in medians over all, beyond which it is left out.
const MISFIT_MAX: f64 = 3.0;
/// Robust SDs of the protrusion beyond which a pulse is left out.
const SCATTER_MAX: f64 = 4.0;
/// SD of the strokes' protrusion that is assumed before it is seen, and the least that is believed, mm.
const SCATTER_MM: (f64, f64) = (0.03, 0.004);
/// Variance of a mean of strokes over that of independent ones: neighbours resemble each other (lag-1 correlation
/// up to 0.4 in pens (derived)).
pub const CORRELATED: f64 = 1.8;
/// Nodes and weights of the Gauss-Hermite rule that smears the model as the inverse filter smears the force.
const SMEAR_NODES: [(f64, f64); 5] = [
    (-2.856_970_013_872_806, 0.011_257_411_327_720_7),
    (-1.355_626_179_974_266, 0.222_075_922_005_612_6),
    (0.0, 0.533_333_333_333_333_3),
    (1.355_626_179_974_266, 0.222_075_922_005_612_6),
    (2.856_970_013_872_806, 0.011_257_411_327_720_7),
];

/// How many parameters all pulses share.
const SHARED: usize = 5;
/// They are ln A, shape, s, ln(half stroke), mean protrusion.
pub type Law = [f64; SHARED];

/// One pulse: force around a stroke that touched.
#[derive(Clone, Debug)]
pub struct Pulse {
    /// Force, frequency response taken out, baseline removed, N.
    pub force_n: Vec<f64>,
    /// Gap at rest (compliance not yet in), mm.
    pub gap_mm: f64,
    /// Sample of the scan to which the first belongs.
    pub sample: usize,
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
#[derive(Clone, Debug, Default)]
pub struct Contact {
    /// Mean protrusion of the strokes used, mm.
    pub protrusion_mm: f64,
    /// SD of their protrusion, mm.
    pub scatter_mm: f64,
    /// Standard uncertainty from the law's parameters, mm.
    pub law_u_mm: f64,
    /// Standard uncertainties from natural frequency and damping of the cell, mm.
    pub response_u_mm: (f64, f64),
    /// Number of pulses.
    pub pulses: usize,
    /// Shape of the law.
    pub shape: f64,
    /// SD of needle heights, mm.
    pub spread_mm: f64,
    /// Half of the carriage's stroke after the fit, mm.
    pub half_stroke_mm: f64,
    /// Root mean square residual in units of its expectation.
    pub misfit: f64,
    /// Sum of squared residuals in units of their expectation, priors included.
    pub cost: f64,
    /// The family of the likelier law.
    pub family: Family,
    /// Its parameters: ln A, shape, SD of heights, ln(half stroke), mean protrusion.
    pub law: Law,
    /// Needles in the cartridge.
    pub needles: u32,
}

impl Contact {
    /// How far the shape lies outside one and a half prior SDs, in prior SDs: such a law says that the pulses were
    /// not what the model takes them for.
    pub fn unusual(&self) -> f64 {
        let (mean, sd) = self.family.prior();
        ((self.shape - mean).abs() / sd - 1.5).max(0.0)
    }

    /// Force of a stroke whose foremost tip goes so far below the undeformed surface, as a table, N.
    pub fn curve(&self, deepest_mm: f64) -> Curve {
        let [ln_a, shape, s, ..] = self.law;
        Curve::new(self.family, &needle_groups(self.needles), [ln_a, shape, s], deepest_mm)
    }

    /// How far the foremost tip is below the undeformed surface where the force first reaches `force_n`, mm.
    pub fn indentation_mm(&self, force_n: f64) -> f64 {
        let curve = self.curve(1.0);
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            if curve.at(middle).force_n < force_n { low = middle } else { high = middle }
        }
        high
    }
}

struct Row {
    force: f64,
    law: Law,
    interference: f64,
    time: f64,
}

struct Model<'a> {
    family: Family,
    setting: &'a Setting,
    groups: &'a [(f64, f64)],
    inflation: f64,
    /// SD of the strokes' protrusion about their mean, mm, correlation counted.
    scatter_mm: f64,
    /// Turn of the carriage in one sample, rad.
    omega: f64,
    /// Sine and cosine of the turn to each node of the smear, with its weight.
    nodes: [((f64, f64), f64); 5],
}

impl<'a> Model<'a> {
    fn new(
        family: Family,
        setting: &'a Setting,
        groups: &'a [(f64, f64)],
        (inflation, scatter_mm): (f64, f64),
    ) -> Self {
        let omega = std::f64::consts::TAU / setting.period_samples;
        let nodes = SMEAR_NODES.map(|(node, weight)| ((omega * node * setting.smear_samples).sin_cos(), weight));
        Self { family, setting, groups, inflation, scatter_mm: scatter_mm * CORRELATED.sqrt(), omega, nodes }
    }

    fn curve(&self, law: &Law, own: &[[f64; 2]]) -> Curve {
        let deepest = own.iter().map(|own| own[0]).fold(0.0_f64, |a, b| a.max(b));
        Curve::new(self.family, self.groups, [law[0], law[1], law[2]], deepest)
    }

    /// Force and its derivatives at one sample of a pulse, whose carriage has turned to an angle from its top, given as
    /// sine and cosine.
    fn row(&self, curve: &Curve, half: f64, interference: f64, (sin, cos): (f64, f64), force_n: f64) -> Row {
        let mut row = Row { force: 0.0, law: [0.0; SHARED], interference: 0.0, time: 0.0 };
        let interference = interference - self.setting.compliance_mm_per_n * force_n;
        for (turn, weight) in self.nodes {
            let fall = half * (1.0 - (cos * turn.1 - sin * turn.0));
            let point = curve.at(interference - fall);
            row.force += weight * point.force_n;
            row.law[1] += weight * point.by_shape;
            row.law[2] += weight * point.by_spread;
            row.law[3] -= weight * point.slope_n_per_mm * fall;
            row.interference += weight * point.slope_n_per_mm;
            row.time += weight * point.slope_n_per_mm * half * self.omega * (sin * turn.1 + cos * turn.0);
        }
        row.law[0] = row.force;
        row
    }
}

/// Normal equations in arrow form, pulses eliminated.
struct Arrow {
    cost: f64,
    global: [[f64; SHARED]; SHARED],
    gradient: Law,
    pulses: Vec<Corner>,
}

struct Corner {
    cost: f64,
    own: [[f64; 2]; 2],
    cross: [[f64; 2]; SHARED],
    gradient: [f64; 2],
}

fn assemble(model: &Model<'_>, pulses: &[Pulse], law: &Law, own: &[[f64; 2]], prior: &[(f64, f64); SHARED]) -> Arrow {
    let mut arrow = Arrow { cost: 0.0, global: [[0.0; SHARED]; SHARED], gradient: [0.0; SHARED], pulses: Vec::new() };
    for (k, (mean, sd)) in prior.iter().enumerate() {
        let residual = (law[k] - mean) / sd;
        arrow.cost += residual * residual;
        arrow.global[k][k] += 1.0 / (sd * sd);
        arrow.gradient[k] -= residual / sd;
    }
    let (curve, half) = (model.curve(law, own), law[3].exp());
    for (pulse, [interference, time]) in pulses.iter().zip(own) {
        let peak = pulse.force_n.iter().fold(0.0_f64, |a, b| a.max(*b));
        let weight = (model.inflation * model.setting.noise_n.hypot(MODEL_ERROR * peak)).powi(-2);
        let mut corner = Corner { cost: 0.0, own: [[0.0; 2]; 2], cross: [[0.0; 2]; SHARED], gradient: [0.0; 2] };
        let step = model.omega.sin_cos();
        let mut turn = (-model.omega * time).sin_cos();
        for force_n in &pulse.force_n {
            let row = model.row(&curve, half, *interference, turn, *force_n);
            turn = (turn.0 * step.1 + turn.1 * step.0, turn.1 * step.1 - turn.0 * step.0);
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
        // The protrusion of every stroke scatters about one mean: given how far a stroke dipped, its gap tells where.
        let tie = model.scatter_mm.powi(-2);
        let apart = pulse.gap_mm + interference - law[4];
        arrow.cost += tie * apart * apart;
        corner.own[0][0] += tie;
        corner.gradient[0] -= tie * apart;
        corner.cross[4][0] -= tie;
        arrow.global[4][4] += tie;
        arrow.gradient[4] += tie * apart;
        arrow.pulses.push(corner);
    }
    arrow
}

/// Step of all parameters.
struct Step {
    law: Law,
    own: Vec<[f64; 2]>,
    /// Covariance of the law.
    covariance: [[f64; SHARED]; SHARED],
}

/// The step for a damping; `None` where the system is singular.
fn solve(arrow: &Arrow, damping: f64) -> Option<Step> {
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

/// A first guess of interference and time of each pulse, and of the force scale, from width at half the peak.
fn guess(pulses: &[Pulse], setting: &Setting) -> (f64, Vec<[f64; 2]>) {
    let mut scales = Vec::new();
    let mut own = Vec::new();
    for pulse in pulses {
        let top = (0..pulse.force_n.len()).max_by(|a, b| pulse.force_n[*a].total_cmp(&pulse.force_n[*b])).unwrap_or(0);
        let peak = pulse.force_n.get(top).copied().unwrap_or(0.0);
        let wide = pulse.force_n.iter().filter(|f| **f > 0.5 * peak).count() as f64;
        let sagitta = setting.half_stroke.0 * (1.0 - (std::f64::consts::PI * wide / setting.period_samples).cos());
        let interference = sagitta / (1.0 - 0.5_f64.powf(1.0 / EXPONENT));
        scales.push(peak / (interference / SCALE_MM).powf(EXPONENT));
        own.push([interference, top as f64]);
    }
    scales.sort_unstable_by(f64::total_cmp);
    (scales.get(scales.len() / 2).copied().unwrap_or(1.0), own)
}

/// Fits all pulses by both families of laws, and averages what they say of the protrusion by their likelihood; what lies
/// between them is uncertain. `None` where there are fewer than three pulses, or no fit settles.
pub fn fit(pulses: &[Pulse], setting: &Setting) -> Option<Contact> {
    let fits = [fit_family(Family::Power, pulses, setting), fit_family(Family::Exponential, pulses, setting)];
    let [power, exponential] = match fits {
        [Some(power), Some(exponential)] => [power, exponential],
        [one, other] => return one.or(other).map(|(contact, _)| contact),
    };
    let lead = (0.5 * (exponential.1 - power.1) / ALIKE_SAMPLES).clamp(-50.0, 50.0);
    let weight = 1.0 / (1.0 + (-lead).exp());
    let (first, second, share) =
        if weight >= 0.5 { (power.0, exponential.0, weight) } else { (exponential.0, power.0, 1.0 - weight) };
    let apart = first.protrusion_mm - second.protrusion_mm;
    let between = (share * (1.0 - share)).sqrt() * apart;
    let law_u = (share * first.law_u_mm.powi(2) + (1.0 - share) * second.law_u_mm.powi(2)).sqrt();
    let protrusion_mm = first.protrusion_mm - (1.0 - share) * apart;
    Some(Contact { protrusion_mm, law_u_mm: law_u.hypot(between), ..first })
}

/// Protrusion by one fit from where `contact` stands, with all pulses: for what they say when they are read otherwise.
pub fn refit(pulses: &[Pulse], setting: &Setting, contact: &Contact) -> Option<f64> {
    let with = (contact.misfit.max(1.0), contact.scatter_mm.clamp(SCATTER_MM.1, SCATTER_MM.0));
    let begin = Some((contact.law, guess(pulses, setting).1));
    fit_once(contact.family, pulses, setting, with, begin).map(|(contact, _)| contact.protrusion_mm)
}

/// The fit by one family, and the misfit that its likelihood follows from; twice: the second time without pulses whose
/// misfit stands out, with the noise and the scatter that the first showed, so that the priors keep their weight where
/// the law does not hold exactly.
fn fit_family(family: Family, pulses: &[Pulse], setting: &Setting) -> Option<(Contact, f64)> {
    let (first, found) = fit_once(family, pulses, setting, (1.0, SCATTER_MM.0), None)?;
    let usual = median(found.iter().map(|found| found.misfit).collect());
    let centre = median(found.iter().map(|found| found.protrusion_mm).collect());
    let width = 1.4826 * median(found.iter().map(|found| (found.protrusion_mm - centre).abs()).collect());
    let inside = |found: &Found| {
        found.misfit <= MISFIT_MAX * usual && (found.protrusion_mm - centre).abs() <= SCATTER_MAX * width
    };
    let kept: Vec<Pulse> =
        pulses.iter().zip(&found).filter(|(_, found)| inside(found)).map(|(pulse, _)| pulse.clone()).collect();
    let own: Vec<[f64; 2]> = found.iter().filter(|found| inside(found)).map(|found| found.own).collect();
    let scatter_mm = first.scatter_mm.clamp(SCATTER_MM.1, SCATTER_MM.0);
    let (contact, _) = fit_once(family, &kept, setting, (first.misfit.max(1.0), scatter_mm), Some((first.law, own)))?;
    // The same pulses for both families, so that their misfits can be compared.
    Some((contact, first.cost))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// What a fit says of one pulse.
struct Found {
    /// Root mean square residual in units of its expectation.
    misfit: f64,
    protrusion_mm: f64,
    own: [f64; 2],
}

/// The fit with all uncertainties times `inflation` and a scatter of the strokes in mm, from a guess or from where a fit
/// before ended.
fn fit_once(
    family: Family,
    pulses: &[Pulse],
    setting: &Setting,
    (inflation, scatter_mm): (f64, f64),
    begin: Option<(Law, Vec<[f64; 2]>)>,
) -> Option<(Contact, Vec<Found>)> {
    if pulses.len() < 3 {
        return None;
    }
    let groups = needle_groups(setting.needles);
    let model = Model::new(family, setting, &groups, (inflation, scatter_mm));
    let prior_law = |ln_a: f64, protrusion: f64| -> Law {
        [ln_a, family.prior().0, SPREAD_MM.0, setting.half_stroke.0.ln(), protrusion]
    };
    let (mut law, mut own) = begin.unwrap_or_else(|| {
        let (scale, own) = guess(pulses, setting);
        let each = pulses.iter().zip(&own).map(|(pulse, own)| pulse.gap_mm + own[0]).collect();
        (prior_law(scale.max(1e-6).ln(), median(each)), own)
    });
    let prior = [
        (law[0], 10.0),
        family.prior(),
        SPREAD_MM,
        (setting.half_stroke.0.ln(), setting.half_stroke.1),
        (law[4], 10.0),
    ];
    let mut arrow = assemble(&model, pulses, &law, &own, &prior);
    let mut damping = 1e-2;
    for _ in 0..60 {
        let step = solve(&arrow, damping)?;
        let mut next: Law = std::array::from_fn(|i| law[i] + step.law[i]);
        next[1] = next[1].clamp(family.range().0, family.range().1);
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
    let misfits = arrow.pulses.iter().zip(pulses).map(|(c, p)| (c.cost / p.force_n.len() as f64).sqrt());
    let found = misfits.zip(&each).zip(&own).map(|((misfit, protrusion_mm), own)| Found {
        misfit,
        protrusion_mm: *protrusion_mm,
        own: *own,
    });
    let found = found.collect();
    // What the variance of the mean has beyond scatter comes from the law.
    let law_u = (step.covariance[4][4] - model.scatter_mm.powi(2) / count).max(0.0).sqrt();
    let contact = Contact {
        protrusion_mm: law[4],
        scatter_mm: scatter,
        law_u_mm: law_u,
        response_u_mm: (0.0, 0.0),
        pulses: pulses.len(),
        shape: law[1],
        spread_mm: law[2],
        half_stroke_mm: law[3].exp(),
        misfit,
        cost: arrow.cost,
        family,
        law,
        needles: setting.needles,
    };
    Some((contact, found))
}
