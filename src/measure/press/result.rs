//! From curves to measurands: which parts are fitted, whether a needle entered, and the budgets.
//!
//! Deliberately absent: screening and fitting themselves.

use crate::{
    capture::{Header, memory::Recording},
    measure::{
        Anomaly, Press, Refusal, gauge,
        press::{
            contact::{self, trailing_means},
            onset::Onset,
            steady::GAP_INTERVALS,
            tips,
            traces::{STEP_NAMED_N, Traces},
            unloading::{self, Stretch, Unloading},
        },
        screen::{Screened, anomaly, refusal},
    },
    uncertainty::{Budget, Measured},
};
use std::ops::Range;

/// Error of an onset by a law outside the family, over the tolerated share of force and the length that is fitted.
const LAW_OVER_LENGTH: f64 = 0.4;
/// Uncertainty of the model of needles and phantom over that of the fit by it, from worlds that have other models.
const MODEL_SHARE: f64 = 0.3;
/// Relative standard deviation of friction between needles of one cartridge.
const NEEDLE_FRICTION_SD: f64 = 0.03;
/// Squares of residuals a datum, and their root over the force, beyond both of which no curve of the family holds:
/// where noise is small, a hundredth of the force is many variances of it and no sign of a fault.
const MISFIT_MAX: f64 = 25.0;
const RESIDUAL_MAX: f64 = 0.02;
/// Largest sum of neighbouring residuals, in standard deviations: of 800 sound presses none has more than 5.6.
const EXCURSION_MAX: f64 = 6.5;
/// Least exponent of face and needles at the onset: a flat punch has 1, a step of the force 0.
const FACE_EXPONENT_MIN: f64 = 0.8;
const TIP_EXPONENT_MIN: f64 = 0.3;
/// Squares of residuals a datum beyond which they are named.
const MISFIT_NAMED: f64 = 4.0;
/// Relative standard uncertainty of a compliance whose calibration gives none.
const COMPLIANCE_U: f64 = 0.05;
/// Relative standard uncertainty of force where the calibration gives none.
const FORCE_U: f64 = 0.01;
/// Least share of the hold's force that is friction and not an error of the baseline.
const FRICTION_SHARE_MIN: f64 = 0.015;
/// Share of the strongest pull down to which all needles stick.
const STICKING_SHARE: f64 = 0.6;
/// Share of the way from the hold's force to that, after which the stage moves and the cell has followed.
const BEGUN_SHARE: f64 = 0.04;
/// Distance of the surface from the face, mm, at which the face is clear of it.
const FACE_CLEAR_MM: f64 = 0.003;
/// Ends of the press, mm, in which a rise or a drop shows that needles have not entered, and the slope of that rise over
/// the stiffness of those that have.
const ENTERING_MM: (f64, f64) = (0.03, 0.08);
const ENTERING_SLOPE: f64 = 0.2;
/// Share of the hold's force down to which a withdrawal without friction is fitted: below, needles lift off.
const FREE_SHARE: f64 = 0.15;
/// Length above the tip, mm, that a withdrawal without friction must be free of force where needles had entered.
const FREE_MIN_MM: f64 = 0.05;
/// Part of that length whose force is looked at, and the largest share of the force of needles outside that is free.
const FREE_PART: (f64, f64) = (0.25, 0.75);
const FREE_FORCE_SHARE: f64 = 0.2;
/// Least share of the largest force that is left in the hold where only some of several needles entered.
const STILL_PUSHING: f64 = 0.7;
/// Part of the way from the tip to the hold over which forces of press and withdrawal are compared; the share by which the
/// withdrawal's may lack, and the same over what relaxes in the hold (of sound presses at most 6, where a needle is inside
/// 9 and more).
const GIVEN_PART: (f64, f64) = (0.7, 0.9);
const GIVEN_MIN: f64 = 0.02;
const GIVEN_OVER_RELAXED: f64 = 7.5;
/// Rows over which the force of sliding is averaged.
const SLIDE_ROWS: usize = 20;
/// The same of needles that nothing holds any more.
const FREED_ROWS: usize = 8;

/// Which needles are inside the phantom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// All, or those that can be told.
    Inside,
    /// Some of several, not known which.
    Some,
    /// None.
    Outside,
}

/// What the curves say.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    traces: &'a Traces,
    face: Onset,
    tip: Onset,
    entry: Entry,
    /// Surface positions, mm, between which the force of the withdrawal passes zero.
    bracket_mm: [f64; 2],
    unloading: Option<Unloading>,
}

impl<'a> Evidence<'a> {
    /// Fits face, tip and unloading.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where a curve determines no onset, or drop and friction contradict each other.
    pub fn of(header: &Header, recording: &Recording, traces: &'a Traces) -> Result<Self, Refusal> {
        let friction = friction(traces);
        let face = tips::face(traces)?;
        let tip = tips::tip(header, traces, friction, None)?;
        let several = header.needles != Some(1);
        let unloading = unloading(recording, traces, [&face, &tip], (friction, several));
        let tip = tips::unrelaxed(header, recording, traces, (tip, friction), unloading.as_ref());
        let entry = if friction.is_some() {
            Entry::Inside
        } else {
            entry(header, recording, traces, &tip, unloading.as_ref())?
        };
        // Without friction the zero may lie anywhere above the tip, or above where they were free if they entered.
        let freed_mm = || freed_mm(traces).filter(|_| entry == Entry::Inside).unwrap_or(tip.tip_mm);
        let least_mm = friction.map_or_else(freed_mm, |(row, _)| traces.surface_mm[row]);
        let most_mm = traces.hold_surface_mm.max(traces.surface_mm[traces.withdraw.start]);
        let bracket_mm = [least_mm, most_mm];
        Ok(Self { traces, face, tip, entry, bracket_mm, unloading })
    }

    /// The measurands.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where the curves are off every law, or the order of things is impossible.
    pub fn press(self, header: &Header, screened: &Screened, anomalies: &mut Vec<Anomaly>) -> Result<Press, Refusal> {
        for (name, onset, exponent_min) in
            [("touch", &self.face, FACE_EXPONENT_MIN), ("press", &self.tip, TIP_EXPONENT_MIN)]
        {
            if onset.law[1] < exponent_min {
                let message =
                    format!("the force of `{name}` rises with the power {:.2} of the indentation", onset.law[1]);
                let remedy = "look for a tare or a pull at the cable, and press anew";
                return Err(refusal("step", format!("{message}, the limit is {exponent_min}; {remedy}")));
            }
            // Where force and place are had apart, their pairing bends a rise by more than noise does.
            if onset.excursion > EXCURSION_MAX && header.pairing.is_none() {
                let message = format!("the force of `{name}` stands off every smooth rise by {:.1}", onset.excursion);
                let limit = format!("standard deviations, the limit is {EXCURSION_MAX}");
                let remedy = "look for a knock, a step or a loose contact in the capture and press anew";
                return Err(refusal("disturbed", format!("{message} {limit}; {remedy}")));
            }
            if onset.misfit > MISFIT_MAX && onset.residual_share > RESIDUAL_MAX {
                let (misfit, percent) = (onset.misfit, 100.0 * onset.residual_share);
                let message = format!("the curve of `{name}` is off every law by {misfit:.1} noise variances");
                let limits = format!(
                    "{percent:.1} % of its force; the limits are {MISFIT_MAX} and {:.0} %",
                    100.0 * RESIDUAL_MAX
                );
                let remedy = "look for a step, a slip or a loose cartridge in the capture and press anew";
                return Err(refusal("misfit", format!("{message} and {limits}; {remedy}")));
            }
            if onset.misfit > MISFIT_NAMED {
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
        let [touch_mm_s, press_mm_s, _] = self.traces.speeds_mm_s;
        pairing_budget(header, touch_mm_s, "touch", &mut face_budget);
        pairing_budget(header, press_mm_s, "press", &mut tip_budget);
        let mut protrusion_budget = Budget::default();
        protrusion_budget.terms.extend(face_budget.terms.iter().cloned());
        protrusion_budget.terms.extend(tip_budget.terms.iter().cloned());
        gauge::add_terms(header, &mut protrusion_budget);
        let penetration = self.penetration(header, &tip_budget, anomalies);
        let (force, index) = self.puncture(header, screened).unzip();
        named_assumptions(header, anomalies);
        Ok(Press {
            face_mm: Measured::new(self.face.tip_mm, face_budget),
            tip_mm: Measured::new(self.tip.tip_mm, tip_budget),
            protrusion_mm: Measured::new(protrusion, protrusion_budget),
            penetration_mm: penetration,
            punctured: self.entry != Entry::Outside,
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
        if phase == "press" {
            // A posterior holds for its model; that heights are normal, needles alike, and tissue relaxes no more than
            // the withdrawal shows, is but a model.
            budget.random("model of needles and phantom", MODEL_SHARE * onset.u_mm, None);
        }
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

    fn penetration(&self, header: &Header, tip: &Budget, anomalies: &mut Vec<Anomaly>) -> Measured {
        let mut budget = Budget::default();
        if self.entry == Entry::Some {
            // The foremost may be outside, or inside with no dimple at all: a rectangle (GUM 4.3.7).
            let most_mm = (self.traces.hold_surface_mm - self.tip.tip_mm).max(0.0);
            budget.terms.extend(tip.terms.iter().cloned());
            budget.random("whether the foremost needle entered", most_mm / 12.0_f64.sqrt(), None);
            let message =
                "the force lacks what a needle takes that enters, but most of them push back as they were pressed";
            anomalies.push(anomaly("entry-unclear", 1, format!("{message}; penetration lies in 0 to {most_mm:.3} mm")));
            return Measured::new(0.5 * most_mm, budget);
        }
        if self.entry == Entry::Outside {
            // What friction would not show: a length of about the onset's own uncertainty.
            budget.random("entry that neither a drop nor friction shows", self.tip.u_mm, None);
            return Measured::new(0.0, budget);
        }
        let Some(unloading) = self.unloading else {
            // The zero lies between the hold and the strongest pull: a rectangle (GUM 4.3.7).
            let [low_mm, high_mm] = self.bracket_mm.map(|surface_mm| (surface_mm - self.tip.tip_mm).max(0.0));
            budget.terms.extend(tip.terms.iter().cloned());
            budget.random(
                "dimple, which the withdrawal hardly shows",
                (high_mm - low_mm).abs() / 12.0_f64.sqrt(),
                None,
            );
            let message = "the withdrawal shows no elastic unloading";
            let within = format!("penetration is taken from the middle of {low_mm:.3} to {high_mm:.3} mm");
            anomalies.push(anomaly("no-unloading", 1, format!("{message}; {within}; withdraw slower, sample faster")));
            return Measured::new(0.5 * (low_mm + high_mm), budget);
        };
        // The foremost needle is inside deeper than the mean, drags more, and so dimples more: with friction m over
        // stiffness k of all needles, its dimple leads by m / (k + 2 m) of the lead of its tip.
        let lead_mm = self.tip.mean_mm - self.tip.tip_mm;
        let drag = self.tip.friction_n_per_mm;
        let stiffness = unloading.stiffness_n_per_mm;
        let extra_mm = lead_mm * drag / (stiffness + 2.0 * drag);
        let value = unloading.zero_mm - self.tip.tip_mm - extra_mm;
        budget.terms.extend(tip.terms.iter().cloned());
        budget.random("zero of the unloading", unloading.u_mm, None);
        if header.needles != Some(1) {
            if still_entering(self.traces, stiffness) {
                // The foremost needle may be among those that are not inside yet, or among the first: a rectangle.
                budget.random("needles that have not all entered", value.max(0.0) / 3.0_f64.sqrt(), None);
            }
            let own_mm = NEEDLE_FRICTION_SD * drag * value.max(0.0) / stiffness;
            budget.random("friction of the foremost needle", own_mm, None);
        }
        let offset = self.traces.background.noise_n / 5.0 + self.traces.background.offset_u_n;
        budget.random("zero of the force", offset / stiffness, None);
        budget.random("encoder in the withdrawal", self.traces.encoder_mm, None);
        pairing_budget(header, self.traces.speeds_mm_s[2], "withdrawal", &mut budget);
        gauge::add_terms(header, &mut budget);
        Measured::new(value, budget)
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

/// Says what was taken for keys that the header leaves out.
fn named_assumptions(header: &Header, anomalies: &mut Vec<Anomaly>) {
    let force_u = header.force.as_ref().and_then(|force| force.scale_u);
    let mut assumed = Vec::new();
    if header.needles.is_none() {
        assumed.push("needles: averaged over 1 to 36 by how well each number fits".to_owned());
    }
    if header.compliance_u_mm_per_n.is_none() {
        assumed.push(format!("compliance_u_mm_per_n: {:.0} % of the compliance", 100.0 * COMPLIANCE_U));
    }
    if force_u.is_none() {
        assumed.push(format!("force.scale_u: {:.0} %", 100.0 * FORCE_U));
    }
    if !assumed.is_empty() {
        let message = format!("the header leaves out what was then assumed: {}", assumed.join("; "));
        anomalies.push(anomaly("assumed", assumed.len() as u64, message));
    }
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

/// Surface position, mm, from which on the withdrawal shows no force that pushes.
fn freed_mm(traces: &Traces) -> Option<f64> {
    let means = trailing_means(&traces.background.force_n, traces.withdraw.clone(), FREED_ROWS);
    means.iter().position(|mean_n| *mean_n <= 0.0).map(|at| traces.surface_mm[traces.withdraw.start + at])
}

/// The stretch of the withdrawal before the needles slide, or before they are free where nothing holds them.
fn unloading(
    recording: &Recording,
    traces: &Traces,
    [face, tip]: [&Onset; 2],
    (friction, several): (Option<(usize, f64)>, bool),
) -> Option<Unloading> {
    let noise_n = traces.background.noise_n;
    let curve = traces.curve();
    // Where the face presses on the phantom, the force is not the needles' alone.
    let off_face = |i: &usize| curve.surface_mm[*i] < face.tip_mm - FACE_CLEAR_MM;
    let start = traces.withdraw.clone().find(off_face)?;
    let hold = if traces.hold.clone().all(|i| off_face(&i)) { traces.hold.clone() } else { start..start };
    let first_n = if hold.is_empty() { curve.force_n[start] } else { traces.hold_n.unwrap_or(curve.force_n[start]) };
    let free = (traces.withdraw.end, (FREE_SHARE * first_n).max(4.0 * noise_n));
    let (end, low_n) = friction.map_or(free, |(row, force)| (row, STICKING_SHARE * force));
    let outside_n = |surface_mm: f64| tip.force_n(surface_mm);
    let loaded = traces.press_onset..end;
    let stretch = Stretch { loaded, hold, unloading: start..end, outside: None };
    let forces = (low_n, first_n - BEGUN_SHARE * (first_n - low_n));
    let all_inside = unloading::measure(&recording.t_s, &curve, &stretch, forces, noise_n)?;
    if !several || !still_entering(traces, all_inside.stiffness_n_per_mm) {
        return Some(all_inside);
    }
    let stretch = Stretch { outside: Some(&outside_n), ..stretch };
    unloading::measure(&recording.t_s, &curve, &stretch, forces, noise_n)
}

/// Whether the end of the press shows needles that still enter, by a drop, or push, by a rise like that of `stiffness`.
fn still_entering(traces: &Traces, stiffness: f64) -> bool {
    let curve = traces.curve();
    let last_mm = curve.surface_mm[traces.press.end - 1];
    let from = |mm: f64| traces.press.clone().find(|i| curve.surface_mm[*i] > last_mm - mm).unwrap_or(traces.press.end);
    let drops = contact::first_drop(curve.force_n, from(ENTERING_MM.1)..traces.press.end, traces.background.noise_n);
    let (n, force_n, at_mm) = (SLIDE_ROWS.min(traces.press.len() / 2), curve.force_n, curve.surface_mm);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let first = from(ENTERING_MM.0).min(traces.press.end - 2 * n);
    let (head, tail) = (first..first + n, traces.press.end - n..traces.press.end);
    let rise_n = mean(&force_n[tail.clone()]) - mean(&force_n[head.clone()]);
    let way_mm = mean(&at_mm[tail]) - mean(&at_mm[head]);
    drops.is_some() || rise_n > ENTERING_SLOPE * stiffness * way_mm
}

/// Whether the withdrawal gives back less than a phantom that relaxes as the hold shows: what pushed when it was pressed
/// is inside then, though its drop was hidden where the stage stopped.
fn gives_less(t_s: &[f64], traces: &Traces, tip: &Onset) -> bool {
    let (force_n, noise_n) = (&traces.background.force_n, traces.background.noise_n);
    let mean = |rows: &[usize]| rows.iter().map(|i| force_n[*i]).sum::<f64>() / rows.len() as f64;
    let first: Vec<usize> = traces.hold.clone().take(SLIDE_ROWS).collect();
    let way_mm = traces.surface_mm[traces.press.end - 1] - tip.tip_mm;
    let upper = |rows: Range<usize>| -> Vec<usize> {
        let part = |i: &usize| (traces.surface_mm[*i] - tip.tip_mm) / way_mm;
        rows.filter(|i| GIVEN_PART.0 < part(i) && part(i) < GIVEN_PART.1).collect()
    };
    let (pressed, withdrawn) = (upper(traces.press.clone()), upper(traces.withdraw.clone()));
    // A top that was clipped shows no relaxation.
    let interval_s = (t_s[traces.press.end - 1] - t_s[traces.press.start]) / (traces.press.len() - 1) as f64;
    let top = traces.press.end - 1..traces.hold.start.max(traces.press.end);
    let is_whole = t_s[top.end.min(t_s.len() - 1)] - t_s[top.start] < (top.len() + SLIDE_ROWS) as f64 * interval_s;
    let enough = is_whole && [&first, &pressed, &withdrawn].iter().all(|rows| rows.len() >= SLIDE_ROWS);
    let Some(hold_n) = traces.hold_n.filter(|_| enough) else { return false };
    let first_n = mean(&first);
    let relaxed = (1.0 - hold_n / first_n).max(0.0) + 3.0 * noise_n / (SLIDE_ROWS as f64).sqrt() / first_n;
    1.0 - mean(&withdrawn) / mean(&pressed) > GIVEN_MIN.max(GIVEN_OVER_RELAXED * relaxed)
}

/// Whether needles entered, where nothing drags at them: by a drop in the press, and a withdrawal that is free of force
/// long before the tip leaves. Without a drop there is no sign of entry. A drop no larger than a few of several needles
/// make, and a withdrawal with force to the end, are some that entered among others that did not.
fn entry(
    header: &Header,
    recording: &Recording,
    traces: &Traces,
    tip: &Onset,
    unloading: Option<&Unloading>,
) -> Result<Entry, Refusal> {
    let several = header.needles != Some(1);
    let (force_n, noise_n) = (&traces.background.force_n, traces.background.noise_n);
    let Some(drop) = traces.first_drop else {
        // The force goes on rising over a gap; the rows after it, with the largest force, tell most.
        let (rise, t_s) = (traces.press_onset..traces.press.end, &recording.t_s);
        let interval_s = (t_s[rise.end - 1] - t_s[rise.start]) / rise.len() as f64;
        let whole = (rise.start + 1..rise.end).rfind(|i| t_s[*i] - t_s[i - 1] > GAP_INTERVALS * interval_s);
        let rise = whole.unwrap_or(rise.start)..rise.end;
        let one_of_many = several
            && (contact::small_fall(force_n, rise, noise_n).is_some() || gives_less(&recording.t_s, traces, tip));
        return Ok(if one_of_many { Entry::Some } else { Entry::Outside });
    };
    // A step of the baseline in the press lifts the unloading off zero just so.
    let steady = traces.background.step_n < STEP_NAMED_N && tip.misfit < MISFIT_NAMED;
    let free = |zero_mm: &f64| {
        let length_mm = zero_mm - tip.tip_mm;
        // Needles that have not entered still push there, by the law of the rise.
        let middle_mm = tip.tip_mm + FREE_PART.0 * length_mm..tip.tip_mm + FREE_PART.1 * length_mm;
        let rows = traces.withdraw.clone().filter(|i| middle_mm.contains(&traces.surface_mm[*i]));
        let (count, force_n, outside_n) = rows.fold((0.0_f64, 0.0, 0.0), |(count, force_n, outside_n), i| {
            let surface_mm = traces.surface_mm[i];
            (count + 1.0, force_n + traces.background.force_n[i], outside_n + tip.force_n(surface_mm))
        });
        let noise_n = 4.0 * (traces.background.noise_n / count.sqrt() + traces.background.offset_u_n);
        let is_free = force_n / count < noise_n.max(FREE_FORCE_SHARE * outside_n / count);
        // What nothing drags at pushes no more than it did when it entered.
        let entered_n = traces.rough_n(drop.saturating_sub(8));
        let is_in = traces.hold_n.is_none_or(|hold_n| hold_n < entered_n);
        steady && is_in && is_free && length_mm > FREE_MIN_MM.max(5.0 * tip.u_mm)
    };
    // An unloading of few rows shows at least from where on there is no force.
    let zero_mm = unloading.map(|unloading| unloading.zero_mm).or_else(|| freed_mm(traces));
    if zero_mm.filter(free).is_some() {
        return Ok(Entry::Inside);
    }
    let last_n = force_n[traces.press.clone()].iter().copied().fold(0.0, f64::max);
    let goes_on = traces.hold_n.is_none_or(|hold_n| hold_n > STILL_PUSHING * last_n);
    if several && goes_on {
        return Ok(Entry::Some);
    }
    let at_s = recording.t_s[drop];
    let message = format!(
        "the force drops at {at_s:.3} s as if a needle entered, but the withdrawal goes back as the press came"
    );
    let remedy = "look for a tare or a loose cartridge, and press anew to the end of the withdrawal";
    Err(refusal("entry-unclear", format!("{message}; {remedy}")))
}
