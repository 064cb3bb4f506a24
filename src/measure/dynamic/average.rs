//! Means over the run with their budgets: protrusion, dimple, penetration.
//!
//! A pen goes on from the scan into the run unchanged, so both have one mean protrusion, but for a drift that the run
//! itself shows; the map, carried beyond the gaps of the scan, is the witness. Where the two contradict each other the
//! difference goes into the budget.
//!
//! Constants marked (derived) come from simulated worlds whose laws differ from the model (tests/dynamic_truth);
//! [`CUTTING_SHARE_U`] alone was also chosen with the four captures of known truth in view, so agreement with these four
//! is no proof of it.
//! Deliberately absent: single strokes.

use crate::{
    capture::Header,
    measure::{
        dynamic::{elastic::Contact, map::Map, pulses::CORRELATED, response::COMPLIANCE_RELATIVE, stroke::Unloading},
        gauge,
    },
    uncertainty::{Budget, Measured},
};

/// How well a pen keeps its mean protrusion from the scan into the run, mm.
const STEADY_MM: f64 = 0.004;
/// SD of the drift of pens that drift, over a run, mm.
const DRIFT_MM: f64 = 0.04;
/// How far a drift may be from a straight line, or that of the channel, as a share of it.
const DRIFT_SHARE: f64 = 0.3;
/// Standard uncertainty of the map beyond the scan, mm.
const MAP_MM: f64 = 0.015;
/// Model of first contact (law of the phantom, kinematics near top dead centre), mm (derived).
const MODEL_MM: f64 = 0.003;
/// Standard uncertainty for each prior SD by which the exponent lies outside its usual range, mm (derived).
const UNUSUAL_MM: f64 = 0.02;
/// First touches whose protrusion scatters this many times as much as that of the run are not what they seem.
const SCATTER_RATIO_MAX: f64 = 1.6;
/// Relative standard uncertainty of the dimple as the stretch of the unloading (derived).
const DIMPLE_RELATIVE: f64 = 0.05;
/// Least standard uncertainty of the dimple, mm.
const DIMPLE_MM: f64 = 0.004;
/// Share of the force of cutting that stretches the phantom at top dead centre, where the needles stand and a force that
/// grows with their speed is gone: standard uncertainty (derived).
const CUTTING_SHARE_U: f64 = 0.4;

/// What the surface does under the needles at top dead centre.
#[derive(Clone, Copy, Debug)]
pub struct Dimple {
    /// Depression, mm.
    pub mm: f64,
    /// Its standard uncertainty, mm.
    pub u_mm: f64,
    /// By how much the load path has come back since the late force, on which the gap rests, because the force of
    /// cutting has ceased, mm.
    pub rebound_mm: f64,
}

/// What the run shows on average, and each stroke's distance from it.
#[derive(Debug)]
pub struct Average<'a> {
    /// The capture's header.
    pub header: &'a Header,
    /// Face position, mm.
    pub face_mm: &'a Measured,
    /// First touches of the scan.
    pub contact: &'a Contact,
    /// Force against reach.
    pub map: &'a Map,
    /// Mean gap, mm.
    pub gap_mm: f64,
    /// Mean late force, N.
    pub late_n: f64,
    /// Protrusion of each stroke less the mean, mm, in order.
    pub relative_mm: &'a [f64],
}

impl Average<'_> {
    /// Mean protrusion of the run, mm: that of the first touches, moved by what drift and map say.
    pub fn protrusion(&self) -> Measured {
        let contact = self.contact;
        let scatter = variance(self.relative_mm).max(1e-9).sqrt();
        let count = self.relative_mm.len() as f64;
        let (drift, drift_u) = drift_mm(self.relative_mm);
        let steady_u =
            STEADY_MM.hypot(0.5 * drift_u).hypot(DRIFT_SHARE * drift).hypot(scatter * (CORRELATED / count).sqrt());
        let slope_n_per_mm = self.map.slope_n_per_mm;
        let shift = (self.late_n - self.map.at(self.gap_mm)) / slope_n_per_mm;
        let shift_u = (self.map.u_at(self.gap_mm).hypot(0.5 * self.map.curvature_n) / slope_n_per_mm).hypot(MAP_MM);
        let (steady_weight, map_weight) = (steady_u.powi(-2), shift_u.powi(-2));
        let moved = (0.5 * drift * steady_weight + shift * map_weight) / (steady_weight + map_weight);
        let apart = (shift - 0.5 * drift).abs();
        let doubt = if apart > 3.0 * shift_u.hypot(steady_u) { 0.5 * apart } else { 0.0 };

        let pulses = contact.pulses as f64;
        let early = scatter.max(contact.scatter_mm);
        let strange = if contact.scatter_mm > SCATTER_RATIO_MAX * scatter { contact.scatter_mm } else { 0.0 };
        let mut budget = Budget::default();
        budget.random("scatter of the first touches", early * (CORRELATED / pulses).sqrt(), Some(pulses - 1.0));
        budget.random("first touches against run", strange, None);
        budget.random("law of first contact and heights of the needles", contact.law_u_mm, Some(pulses));
        budget.common("frequency response of the cell", contact.response_u_mm, None);
        budget.common("model of first contact", MODEL_MM, None);
        budget.common("law outside the usual range", contact.unusual() * UNUSUAL_MM, None);
        budget.random("from the scan to the run", (steady_weight + map_weight).powf(-0.5), None);
        budget.random("drift against map", doubt, None);
        budget.common("face position", self.face_mm.u(), self.face_mm.budget.dof());
        budget.common("encoder", self.encoder_u_mm(), None);
        gauge::add_terms(self.header, &mut budget);
        Measured::new(contact.protrusion_mm + moved, budget)
    }

    /// Depression of the phantom's surface under the needles at full extension: the elastic stretch of the unloading
    /// (Oliver and Pharr 1992) less that of the load path, which the carriage unloads in series. `top_n` is the force at
    /// top dead centre. `None` where no unloading was seen.
    pub fn dimple(&self, unloading: &Unloading, top_n: f64) -> Option<Dimple> {
        let (level_n, amplitude_n) = unloading.line()?;
        // What the force at the top has above the line is cutting; it may stretch the phantom, and how much is not seen.
        let cutting_n = (top_n - level_n).max(0.0);
        let give_mm = self.contact.half_stroke_mm / amplitude_n;
        let compliance = self.header.compliance_mm_per_n;
        let mm = (level_n * (give_mm - compliance)).max(0.0);
        let u_mm = (CUTTING_SHARE_U * cutting_n * give_mm).hypot(DIMPLE_RELATIVE * mm).max(DIMPLE_MM);
        Some(Dimple { mm, u_mm, rebound_mm: compliance * (self.late_n - level_n).max(0.0) })
    }

    /// Mean penetration, mm: protrusion less gap and dimple.
    pub fn penetration(&self, protrusion: &Measured, dimple: &Dimple) -> Measured {
        let compliance = self.header.compliance_mm_per_n;
        let compliance_u = self.header.compliance_u_mm_per_n.unwrap_or(COMPLIANCE_RELATIVE * compliance);
        let mut budget = protrusion.budget.clone();
        budget.random("dimple from unloading", dimple.u_mm, Some(10.0));
        // Gap and dimple both contain the load path's deflection, with opposite signs: most of it cancels.
        budget.common("compliance", 0.3 * compliance_u * self.late_n, None);
        Measured::new((protrusion.value - self.gap_mm + dimple.rebound_mm - dimple.mm).max(0.0), budget)
    }

    /// Mean penetration where no stroke showed that a needle entered: none, but for what the noise may hide, mm.
    pub fn not_entered(&self) -> Measured {
        let mut budget = Budget::default();
        budget.common("entry too shallow to be seen", DIMPLE_MM, None);
        Measured::new(0.0, budget)
    }

    fn encoder_u_mm(&self) -> f64 {
        let stage = self.header.stage.as_ref();
        let resolution = stage.map_or(0.0, |stage| stage.resolution_mm) / 12.0_f64.sqrt();
        resolution.hypot(stage.and_then(|stage| stage.scale_u_mm).unwrap_or(0.0))
    }
}

/// Drift of a pen from the first stroke to the last, mm, with its standard uncertainty: every other pen is taken to
/// drift, by [`DRIFT_MM`], and what the run shows is weighed against that it is scatter (mean and SD of the posterior).
pub fn drift_mm(relative_mm: &[f64]) -> (f64, f64) {
    let count = relative_mm.len() as f64;
    let seen = slope(relative_mm) * count;
    let u = (12.0 * CORRELATED / count).sqrt() * variance(relative_mm).max(1e-9).sqrt();
    let whole = DRIFT_MM.hypot(u);
    let density = |sd: f64| (-0.5 * (seen / sd).powi(2)).exp() / sd;
    let drifts = density(whole) / (density(whole) + density(u));
    let kept = (DRIFT_MM / whole).powi(2);
    let drift = kept * seen;
    (drifts * drift, (drifts * kept * u * u + drifts * (1.0 - drifts) * drift * drift).sqrt())
}

/// Variance with one degree of freedom for the mean.
pub fn variance(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0)
}

/// Slope of the least-squares line over the index.
pub fn slope(values: &[f64]) -> f64 {
    let centre = 0.5 * (values.len() as f64 - 1.0);
    let (top, bottom) = values.iter().enumerate().fold((0.0, 0.0), |(top, bottom), (k, value)| {
        let at = k as f64 - centre;
        (top + at * value, bottom + at * at)
    });
    top / bottom
}

#[cfg(test)]
mod tests {
    use super::drift_mm;
    use crate::prng::Stream;

    #[test]
    fn a_drift_is_kept_and_scatter_is_not_taken_for_one() {
        let mut stream = Stream::named(1, "drift");
        let scatter: Vec<f64> = (0..300).map(|_| 0.02 * stream.normal()).collect();
        let (still, u) = drift_mm(&scatter);
        assert!(still.abs() < 0.004 && u > 0.001 && u < 0.008, "{still} {u}");
        let drifting: Vec<f64> = scatter.iter().enumerate().map(|(k, x)| x + 0.05 * k as f64 / 299.0).collect();
        let (drift, u) = drift_mm(&drifting);
        assert!((drift - 0.05).abs() < 2.0 * u && u < 0.01, "{drift} {u}");
    }
}
