//! From curves to measurands: which parts are fitted, whether a needle entered, and the budgets.
//!
//! Deliberately absent: screening and fitting themselves.

use crate::{
    capture::{Header, memory::Recording},
    measure::{
        Anomaly, Press, Refusal, gauge,
        press::{
            contact::{Bins, trailing_means},
            heights::Heights,
            onset::{self, Curves, FACE, NEEDLES, Onset},
            traces::Traces,
            unloading::{self, Unloading},
        },
        screen::{Screened, anomaly, refusal},
    },
    uncertainty::{Budget, Measured},
};

/// Least stretch before the rough onset that is fitted, mm; a soft curve is fitted from farther off.
const BEFORE_MM: f64 = 0.25;
/// Force over noise at which the rise has told all that it knows of the onset.
const RISE_ENOUGH: f64 = 250.0;
/// Indentation, mm, after which the same holds for less force over noise.
const RISE_LONG: (f64, f64) = (0.6, 60.0);
/// Error of an onset by a law outside the family, over the tolerated share of force and the length that is fitted.
const LAW_OVER_LENGTH: f64 = 0.4;
/// Relative standard deviation of friction between needles of one cartridge.
const NEEDLE_FRICTION_SD: f64 = 0.03;
/// Longest stretch of sliding that is fitted, mm.
const SLIDE_MAX_MM: f64 = 2.5;
/// Squares of residuals a datum beyond which no curve of the family holds.
const MISFIT_MAX: f64 = 25.0;
/// Relative standard uncertainty of a compliance whose calibration gives none.
const COMPLIANCE_U: f64 = 0.05;
/// Relative standard uncertainty of force where the calibration gives none.
const FORCE_U: f64 = 0.01;
/// Least share of the hold's force that is friction and not an error of the baseline.
const FRICTION_SHARE_MIN: f64 = 0.015;
/// Rows over which the force of sliding is averaged.
const SLIDE_ROWS: usize = 20;
/// Needles that a cartridge has where the header gives no number.
const NEEDLES_UNKNOWN: u32 = 12;

/// What the curves say.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    traces: &'a Traces,
    face: Onset,
    tip: Onset,
    entered: bool,
    unloading: Option<Unloading>,
    /// Force at the hold's end, N; from the unloading line where it was clipped.
    hold_n: Option<f64>,
}

impl<'a> Evidence<'a> {
    /// Fits face, tip and unloading.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where a curve determines no onset, or drop and friction contradict each other.
    pub fn of(header: &Header, recording: &Recording, traces: &'a Traces) -> Result<Self, Refusal> {
        let friction = friction(traces);
        let entered = friction.is_some();
        if let Some(drop) = traces.first_drop.filter(|_| !entered) {
            let at_s = recording.t_s[drop];
            let message =
                format!("the force drops at {at_s:.3} s as if a needle entered, but the withdrawal shows no friction");
            let remedy = "look for a tare or a loose cartridge, and press anew to the end of the withdrawal";
            return Err(refusal("entry-unclear", format!("{message}; {remedy}")));
        }
        let face = face(traces)?;
        let tip = tip(header, traces, friction)?;
        let low_n = friction.map_or(f64::INFINITY, |(_, force)| 0.7 * force);
        let unloading = traces.hold_n.and_then(|hold_n| {
            // Without friction the lower half is bent by needles that lift off.
            let low_n = if low_n.is_finite() { low_n } else { 0.5 * hold_n };
            let rows = traces.withdraw.start..friction.map_or(traces.withdraw.end, |(row, _)| row);
            unloading::measure(&traces.curve(), rows, hold_n, low_n, traces.background.noise_n)
        });
        Ok(Self { traces, face, tip, entered, unloading, hold_n: traces.hold_n })
    }

    /// The measurands.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where penetration cannot be had, or the order of things is impossible.
    pub fn press(self, header: &Header, screened: &Screened, anomalies: &mut Vec<Anomaly>) -> Result<Press, Refusal> {
        for (name, onset) in [("touch", &self.face), ("press", &self.tip)] {
            if onset.misfit > MISFIT_MAX {
                let misfit = onset.misfit;
                let message = format!("the curve of `{name}` is off every law by {misfit:.1} noise variances");
                let remedy = "look for a step, a slip or a loose cartridge in the capture and press anew";
                return Err(refusal("misfit", format!("{message}, the limit is {MISFIT_MAX}; {remedy}")));
            }
            if onset.misfit > 4.0 {
                let message =
                    format!("residuals of `{name}` exceed noise {:.1} times; u was raised", onset.misfit.sqrt());
                anomalies.push(anomaly("misfit", 1, message));
            }
        }
        let protrusion = self.face.tip_mm - self.tip.tip_mm;
        if protrusion <= 0.0 {
            let message = format!("the tip touches {:.4} mm after the face would", -protrusion);
            return Err(refusal("no-protrusion", format!("{message}; did the pen extend its needles?")));
        }
        let mut face_budget = self.onset_budget(header, &self.face, "touch");
        let mut tip_budget = self.onset_budget(header, &self.tip, "press");
        let [touch_mm_s, press_mm_s] = self.traces.speeds_mm_s;
        pairing_budget(header, touch_mm_s, "touch", &mut face_budget);
        pairing_budget(header, press_mm_s, "press", &mut tip_budget);
        let mut protrusion_budget = Budget::default();
        protrusion_budget.terms.extend(face_budget.terms.iter().cloned());
        protrusion_budget.terms.extend(tip_budget.terms.iter().cloned());
        gauge::add_terms(header, &mut protrusion_budget);
        let penetration = self.penetration(header, &tip_budget)?;
        let (force, index) = self.puncture(header, screened).unzip();
        Ok(Press {
            face_mm: Measured::new(self.face.tip_mm, face_budget),
            tip_mm: Measured::new(self.tip.tip_mm, tip_budget),
            protrusion_mm: Measured::new(protrusion, protrusion_budget),
            penetration_mm: penetration,
            punctured: self.entered,
            puncture_force_n: force,
            puncture_index: index,
        })
    }

    fn onset_budget(&self, header: &Header, onset: &Onset, phase: &str) -> Budget {
        let mut budget = Budget::default();
        let raised = onset.misfit.max(1.0).sqrt();
        budget.random(
            &format!("onset fit of {phase}: noise, hum, law and heights"),
            onset.u_mm * raised,
            Some(onset.dof),
        );
        budget.random(
            &format!("law of the phantom in {phase}"),
            LAW_OVER_LENGTH * onset.law_share * onset.length_mm,
            None,
        );
        budget.random(&format!("encoder in {phase}"), self.traces.encoder_mm, None);
        // A wrong compliance bends the curve; what it shifts is its share at the force that places the onset.
        let compliance_u = compliance_u(header) * 0.03 * self.traces.hold_n.unwrap_or(1.0).abs();
        budget.common(&format!("compliance of the load path in {phase}"), compliance_u, None);
        budget.common(&format!("lag of the cell in {phase}"), 0.1 * self.traces.lag_mm.abs(), None);
        if let Some(scale_u) = header.stage.as_ref().and_then(|stage| stage.scale_u_mm) {
            budget.common(&format!("encoder scale in {phase}"), scale_u * 0.5_f64.sqrt(), None);
        }
        budget
    }

    fn penetration(&self, header: &Header, tip: &Budget) -> Result<Measured, Refusal> {
        let mut budget = Budget::default();
        if !self.entered {
            // What friction would not show: a length of about the onset's own uncertainty.
            budget.random("entry that neither a drop nor friction shows", self.tip.u_mm, None);
            return Ok(Measured::new(0.0, budget));
        }
        let Some(unloading) = self.unloading.zip(self.hold_n) else {
            let message = "the withdrawal shows no elastic unloading, so the dimple is unknown";
            return Err(refusal("no-unloading", format!("{message}; was the hold clipped or the withdrawal cut off?")));
        };
        let (unloading, hold_n) = unloading;
        // The foremost needle is inside deeper than the mean, drags more, and so dimples more: with friction m over
        // stiffness k of all needles, its dimple leads by m / (k + 2 m) of the lead of its tip.
        let lead_mm = self.tip.mean_mm - self.tip.tip_mm;
        let drag = self.tip.friction_n_per_mm;
        let extra_mm = lead_mm * drag / (unloading.stiffness_n_per_mm + 2.0 * drag);
        let value = self.traces.hold_surface_mm - self.tip.tip_mm - unloading.dimple_mm - extra_mm;
        budget.terms.extend(tip.terms.iter().cloned());
        budget.random("unloading stiffness", unloading.u_mm, None);
        if header.needles != Some(1) {
            let own_mm = NEEDLE_FRICTION_SD * drag * value.max(0.0) / unloading.stiffness_n_per_mm;
            budget.random("friction of the foremost needle", own_mm, None);
        }
        let offset = self.traces.background.noise_n / 5.0 + self.traces.background.offset_u_n;
        budget.random("force at the hold", offset / unloading.stiffness_n_per_mm, None);
        budget.random("encoder at the hold", self.traces.encoder_mm, None);
        pairing_budget(header, 0.0, "hold", &mut budget);
        budget.common("compliance at the hold", compliance_u(header) * hold_n.abs() * 0.1, None);
        gauge::add_terms(header, &mut budget);
        Ok(Measured::new(value, budget))
    }

    /// Peak before the first drop, and its row in the capture.
    fn puncture(&self, header: &Header, screened: &Screened) -> Option<(Measured, u64)> {
        let drop = self.traces.first_drop?;
        let force = &self.traces.background.force_n;
        let rows = drop.saturating_sub(6).max(self.traces.press.start)..(drop + 6).min(self.traces.press.end);
        let peak = rows.max_by(|a, b| force[*a].total_cmp(&force[*b]))?;
        if screened.rail_n.is_some_and(|rail| (screened.recording.force_n[peak] - rail).abs() < 0.02) {
            return None;
        }
        let mut budget = Budget::default();
        budget.random("noise of the reading", self.traces.background.noise_n, None);
        let scale_u = header.force.as_ref().and_then(|force| force.scale_u).unwrap_or(FORCE_U);
        budget.common("calibration of the cell", scale_u * force[peak].abs(), None);
        Some((Measured::new(force[peak], budget), screened.rows[peak] as u64))
    }
}

/// What is added where force and position came from devices of their own: an error of time is one of place at the speed
/// of the phase, mm/s.
fn pairing_budget(header: &Header, speed_mm_s: f64, phase: &str, budget: &mut Budget) {
    let Some(pairing) = &header.pairing else { return };
    let speed_mm_s = speed_mm_s.abs();
    if speed_mm_s > 0.0 {
        budget.random(&format!("time of force against position in {phase}"), pairing.time_u_s * speed_mm_s, None);
        budget.common(&format!("delay of the force device in {phase}"), pairing.delay_u_s * speed_mm_s, None);
    }
    budget.random(&format!("stage's own count in {phase}"), pairing.position_u_mm, None);
}

fn compliance_u(header: &Header) -> f64 {
    header.compliance_u_mm_per_n.unwrap_or(COMPLIANCE_U * header.compliance_mm_per_n)
}

/// Row and force of the strongest pull of the withdrawal, where it is friction.
fn friction(traces: &Traces) -> Option<(usize, f64)> {
    let means = trailing_means(&traces.background.force_n, traces.withdraw.clone(), SLIDE_ROWS);
    let (at, least) = means.iter().enumerate().fold((0, 0.0), |best, (i, f)| if *f < best.1 { (i, *f) } else { best });
    // Of a thousand independent means none is as far out by noise.
    let limit = 5.5 * traces.background.noise_n / (SLIDE_ROWS as f64).sqrt() + 3.0 * traces.background.offset_u_n;
    let limit = limit.max(FRICTION_SHARE_MIN * traces.hold_n.unwrap_or(0.0));
    (least < -limit).then(|| (traces.withdraw.start + at.saturating_sub(SLIDE_ROWS / 2), least))
}

/// End of the part of a rise that is fitted.
fn rise_end(traces: &Traces, onset: usize, last: usize) -> usize {
    let noise_n = traces.background.noise_n;
    let enough = |i: &usize| {
        let force_n = traces.background.force_n[*i];
        let length_mm = traces.surface_mm[*i] - traces.surface_mm[onset];
        force_n > RISE_ENOUGH * noise_n || length_mm > RISE_LONG.0 && force_n > RISE_LONG.1 * noise_n
    };
    let least = (onset + 8).min(last);
    (least..last).find(enough).unwrap_or(last).max(least)
}

fn unfit(phase: &str) -> Refusal {
    let message = format!("the curve of `{phase}` determines no onset");
    refusal("no-onset", format!("{message}; look at the capture: too few rows between baseline and contact?"))
}

fn face(traces: &Traces) -> Result<Onset, Refusal> {
    let curve = traces.curve();
    let rough = traces.surface_mm[traces.touch_onset];
    let end = rise_end(traces, traces.touch_onset, traces.touch.end) - 1;
    let length_mm = traces.surface_mm[end] - rough;
    let bins = Bins::of(&curve, traces.touch.start..end + 1, rough - BEFORE_MM.max(length_mm)..f64::INFINITY, rough);
    let heights = Heights::of(1);
    let curves = Curves {
        rise: &bins,
        slide: None,
        heights: &heights,
        noise_n: traces.background.noise_n,
        length_mm,
        force_n: traces.background.force_n[end],
        rough_share: traces.rough_n(traces.touch_onset) / traces.background.force_n[end],
        shape: FACE,
    };
    fitted(&curves, rough, "touch")
}

fn tip(header: &Header, traces: &Traces, friction: Option<(usize, f64)>) -> Result<Onset, Refusal> {
    let curve = traces.curve();
    let rough = traces.surface_mm[traces.press_onset];
    // The last rows before a drop may already feel it through the cell.
    let last = traces.first_drop.map_or(traces.press.end, |drop| drop.saturating_sub(3));
    let end = rise_end(traces, traces.press_onset, last);
    let length_mm = traces.surface_mm[end - 1] - rough;
    let before_mm = BEFORE_MM.max(length_mm);
    let bins = Bins::of(&curve, traces.press.start..end, rough - before_mm..f64::INFINITY, rough);
    let slide = friction.map(|(row, _)| {
        let length = (0.8 * (traces.surface_mm[row] - rough)).min(SLIDE_MAX_MM);
        Bins::of(&curve, row..traces.withdraw.end, rough - BEFORE_MM..rough + length, rough)
    });
    let slide = slide.filter(|slide| slide.rows.len() > 15 && slide.line_to_zero().0 < 0.0);
    let heights = Heights::of(header.needles.unwrap_or(NEEDLES_UNKNOWN));
    let curves = Curves {
        rise: &bins,
        slide: slide.as_ref(),
        heights: &heights,
        noise_n: traces.background.noise_n,
        length_mm,
        force_n: traces.background.force_n[end - 1],
        rough_share: traces.rough_n(traces.press_onset) / traces.background.force_n[end - 1],
        shape: NEEDLES,
    };
    fitted(&curves, rough, "press")
}

fn fitted(curves: &Curves<'_>, rough_mm: f64, phase: &str) -> Result<Onset, Refusal> {
    let determined = curves.rise.rows.len() > 12 && curves.length_mm > 0.0 && curves.force_n > 0.0;
    let onset = determined.then(|| onset::locate(curves, rough_mm)).flatten().ok_or_else(|| unfit(phase))?;
    let plausible = onset.tip_mm.is_finite() && onset.u_mm.is_finite() && onset.u_mm > 0.0;
    if plausible { Ok(onset) } else { Err(unfit(phase)) }
}
