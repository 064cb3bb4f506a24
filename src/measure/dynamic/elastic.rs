//! First contact in the stand-off scan: protrusion from strokes that indent the phantom without entering it.
//!
//! Near the end of reach a stroke only dips: contact begins and ends at one height of the carriage, so the width of
//! the force pulse measures how far the tip went below the surface (a circle's sagitta (derived)), its shape measures
//! the law of the phantom, and neither needs a model of force that was fitted elsewhere. All pulses are fitted at
//! once: each has its own interference and time, all share the law of [`crate::measure::dynamic::law`], in which the
//! foremost needles stand where the pulses say and the others where a normal sample is expected.
//! The mean over pulses of `gap + interference` is the protrusion. Pulses are chosen by their force; the gap is swept
//! evenly, so this choice does not bias the gap at a given force (regression of the gap on the force).
//!
//! Fitted are the readings, not a force that was won back from them: the model's force goes through the cell
//! ([`super::response`]), whose natural frequency and damping are unknowns with the calibration as prior. So the noise is
//! that of the readings, nothing is smeared, and what is not known of the cell is in the result's covariance. A pulse
//! lasts a few samples; an inverse filter that is gentle enough for the noise widens it by more than the law tells.
//!
//! Method: Levenberg-Marquardt on the normal equations in arrow form (pulses eliminated first), with weak normal
//! priors on the law, the heights and the carriage's stroke, which the data override where they can. Interference stands
//! as its logarithm, and every pulse is settled anew for each law that is tried (variable projection, Golub and Pereyra
//! 1973): force scale, carriage and interference lie in a bent valley, in which steps of all at once creep, and a fit
//! that stops there is tens of micrometres off.

use crate::measure::{
    dynamic::{
        law::{Curve, Family, Needles, SCALE_MM, SPACING},
        linear::{dot, inverse, times},
        pulses::{Law, Model, Pulse, SHARED, Setting, assemble, lead, solve},
    },
    screen::median,
};

/// Exponent with which a pulse is first guessed.
const EXPONENT: f64 = 1.5;
/// Errors of the model are alike from pulse to pulse, so the law is known less well than white residuals would say, by
/// this factor (derived).
const LAW_INFLATION: f64 = 1.2;
/// Odds of a power law where the pulses say nothing: a tip meets the surface in a point, so its force begins without a
/// slope; an exponential begins with one, as a flat face does.
const POWER_ODDS: f64 = 3.0;
/// Samples in a row share what the model cannot follow: so many carry the likelihood of one.
const ALIKE_SAMPLES: f64 = 4.0;
/// Prior SD of needle heights, mm.
const SPREAD_MM: (f64, f64) = (0.02, 0.015);
/// Misfit of a pulse, in medians over all, beyond which it is left out.
const MISFIT_MAX: f64 = 3.0;
/// Robust SDs of the protrusion beyond which a pulse is left out.
const SCATTER_MAX: f64 = 4.0;
/// SD of the strokes' protrusion that is assumed before it is seen, and the least that is believed, mm.
const SCATTER_MM: (f64, f64) = (0.03, 0.004);
/// Farthest that they may be from what was calibrated.
const RESPONSE_MAX: f64 = 0.5;

/// Farthest that the logarithm of a spacing may be from the one expected.
const SPACING_MAX: f64 = 4.0;

/// Most rounds of a fit, and the damping below which one may settle: a short step says nothing where it was kept short.
const ROUNDS: usize = 150;
const SETTLED: f64 = 1e-3;

/// Result of the fit.
#[derive(Clone, Debug, Default)]
pub struct Contact {
    /// Mean protrusion of the strokes used, mm.
    pub protrusion_mm: f64,
    /// SD of their protrusion, mm.
    pub scatter_mm: f64,
    /// Standard uncertainty from the law's parameters, mm.
    pub law_u_mm: f64,
    /// Standard uncertainty from the cell's natural frequency and damping, mm.
    pub response_u_mm: f64,
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
    /// Its parameters.
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
        Curve::new(self.family, &Needles::of(self.needles), [ln_a, shape, s], &lead(&self.law), deepest_mm)
    }

    /// How far the needles stand behind the foremost in the mean, mm.
    pub fn behind_mm(&self) -> f64 {
        Needles::of(self.needles).behind_mm(self.law[2], &lead(&self.law))
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

/// A first guess of interference and time of each pulse, and of the force scale, from width at half the peak.
fn guess(pulses: &[Pulse], setting: &Setting) -> (f64, Vec<[f64; 2]>) {
    let mut scales = Vec::new();
    let mut own = Vec::new();
    for pulse in pulses {
        let (at, peak_n, wide) = pulse.top;
        let sagitta = setting.half_stroke.0 * (1.0 - (std::f64::consts::PI * wide / setting.period_samples).cos());
        let interference = sagitta / (1.0 - 0.5_f64.powf(1.0 / EXPONENT));
        scales.push(peak_n / (interference / SCALE_MM).powf(EXPONENT));
        own.push([interference.ln(), at]);
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
    let weight = 1.0 / (1.0 + (-lead).exp() / POWER_ODDS);
    let (first, second, share) =
        if weight >= 0.5 { (power.0, exponential.0, weight) } else { (exponential.0, power.0, 1.0 - weight) };
    let apart = first.protrusion_mm - second.protrusion_mm;
    let between = (share * (1.0 - share)).sqrt() * apart;
    let law_u = LAW_INFLATION * (share * first.law_u_mm.powi(2) + (1.0 - share) * second.law_u_mm.powi(2)).sqrt();
    let protrusion_mm = first.protrusion_mm - (1.0 - share) * apart;
    Some(Contact { protrusion_mm, law_u_mm: law_u.hypot(between), ..first })
}

/// The fit by one family, and the misfit that its likelihood follows from; twice: the second time without pulses whose
/// misfit stands out, with the noise and the scatter that the first showed, so that the priors keep their weight where
/// the law does not hold exactly.
fn fit_family(family: Family, pulses: &[Pulse], setting: &Setting) -> Option<(Contact, f64)> {
    let (first, found) = fit_once(family, pulses, setting, (1.0, SCATTER_MM.0), None)?;
    let usual = median(&mut found.iter().map(|found| found.misfit).collect::<Vec<_>>()).unwrap_or(0.0);
    let centre = median(&mut found.iter().map(|found| found.protrusion_mm).collect::<Vec<_>>()).unwrap_or(0.0);
    let mut apart_mm: Vec<f64> = found.iter().map(|found| (found.protrusion_mm - centre).abs()).collect();
    let width = 1.4826 * median(&mut apart_mm).unwrap_or(0.0);
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

/// Variance of the mean protrusion that would go if natural frequency and damping were known, mm^2.
fn of_response(covariance: &[[f64; SHARED]; SHARED]) -> f64 {
    let with = [covariance[4][5], covariance[4][6]];
    let own = [[covariance[5][5], covariance[5][6]], [covariance[6][5], covariance[6][6]]];
    inverse(own).map_or(0.0, |own| dot(&times(&own, &with), &with).max(0.0))
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
    let needles = Needles::of(setting.needles);
    let model = Model::new(family, setting, &needles, (inflation, scatter_mm));
    let prior_law = |ln_a: f64, protrusion: f64| -> Law {
        let mut law = [SPACING.0; SHARED];
        let told = [ln_a, family.prior().0, SPREAD_MM.0, setting.half_stroke.0.ln(), protrusion, 0.0, 0.0];
        law[..7].copy_from_slice(&told);
        law
    };
    let (mut law, mut own) = begin.unwrap_or_else(|| {
        let (scale, own) = guess(pulses, setting);
        let mut each: Vec<f64> = pulses.iter().zip(&own).map(|(pulse, own)| pulse.gap_mm + own[0].exp()).collect();
        (prior_law(scale.max(1e-6).ln(), median(&mut each).unwrap_or(0.0)), own)
    });
    let prior = [
        (law[0], 10.0),
        family.prior(),
        SPREAD_MM,
        (setting.half_stroke.0.ln(), setting.half_stroke.1),
        (law[4], 10.0),
        (0.0, setting.cell.map_or(1.0, |cell| cell.relative_u.0)),
        (0.0, setting.cell.map_or(1.0, |cell| cell.relative_u.1)),
        SPACING,
        SPACING,
        SPACING,
        SPACING,
    ];
    let mut arrow = assemble(&model, pulses, &law, &mut own, &prior);
    let mut damping = 1e-2;
    for _ in 0..ROUNDS {
        let step = solve(&arrow, damping)?;
        let mut next: Law = std::array::from_fn(|i| law[i] + step.law[i]);
        next[1] = next[1].clamp(family.range().0, family.range().1);
        next[2] = next[2].clamp(0.0, 0.15);
        (5..7).for_each(|i| next[i] = next[i].clamp(-RESPONSE_MAX, RESPONSE_MAX));
        (7..SHARED).for_each(|i| next[i] = next[i].clamp(-SPACING_MAX, SPACING_MAX));
        let mut next_own: Vec<[f64; 2]> = own.iter().zip(&step.own).map(|(a, b)| [a[0] + b[0], a[1] + b[1]]).collect();
        let trial = assemble(&model, pulses, &next, &mut next_own, &prior);
        if trial.cost < arrow.cost {
            let settled = damping < SETTLED && arrow.cost - trial.cost < 1e-4 * arrow.cost.min(1e3);
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
    let samples: usize = pulses.iter().map(|p| p.reading_n.len()).sum();
    let misfit = (arrow.cost / (samples as f64 - 2.0 * count - 4.0).max(1.0)).sqrt();
    let each: Vec<f64> = pulses.iter().zip(&own).map(|(pulse, own)| pulse.gap_mm + own[0].exp()).collect();
    let mean = each.iter().sum::<f64>() / count;
    let scatter = (each.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
    let misfits = arrow.pulses.iter().zip(pulses).map(|(c, p)| (c.cost / p.reading_n.len() as f64).sqrt());
    let found = misfits.zip(&each).zip(&own).map(|((misfit, protrusion_mm), own)| Found {
        misfit,
        protrusion_mm: *protrusion_mm,
        own: *own,
    });
    let found = found.collect();
    // What the variance of the mean has beyond scatter comes from the law, and what of it is there only because the
    // cell's response is not known better, from the cell.
    let cell_mm2 = of_response(&step.covariance);
    let law_u = (step.covariance[4][4] - model.scatter_mm.powi(2) / count - cell_mm2).max(0.0).sqrt();
    let contact = Contact {
        protrusion_mm: law[4],
        scatter_mm: scatter,
        law_u_mm: law_u,
        response_u_mm: cell_mm2.sqrt(),
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
