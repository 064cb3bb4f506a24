//! Which rows of a press are fitted for face and tip, and with what.
//!
//! A rise is fitted from where nothing is touched to where it has told all that it knows, at the latest to the first
//! puncture; a slide from the strongest pull to where the needles are free.
//!
//! Deliberately absent: the fit itself (see `onset`), and budgets.

use crate::{
    capture::{Header, memory::Recording},
    measure::{
        Refusal,
        press::{
            contact::{Bins, Curve},
            heights::Heights,
            onset::{self, Curves, FACE, NEEDLE, NEEDLES, NEEDLES_UNSEEN, Onset, Shape},
            relaxation::Late,
            traces::Traces,
            unloading::Unloading,
        },
        screen::refusal,
    },
};

/// Least stretch before the rough onset that is fitted, mm; a soft curve is fitted from farther off.
const BEFORE_MM: f64 = 0.25;
/// Force over noise at which the rise has told all that it knows of the onset.
const RISE_ENOUGH: f64 = 250.0;
/// Indentation, mm, after which the same holds for less force over noise.
const RISE_LONG: (f64, f64) = (0.6, 60.0);
/// Least indentation, mm: several needles arrive one after another, by up to some 0.05 mm.
const RISE_LEAST_MM: f64 = 0.1;
/// Longest stretch of sliding that is fitted, mm.
const SLIDE_MAX_MM: f64 = 2.5;
/// Late recovery over the instantaneous one from which on relaxation is fitted.
const RETARDED_MIN: f64 = 0.01;
/// Numbers of needles that are averaged over where the header gives none: what pens have (domain: 1 to 36).
const NEEDLES_UNKNOWN: [u32; 6] = [1, 3, 6, 12, 20, 36];

/// End of the part of a rise that is fitted.
fn rise_end(traces: &Traces, onset: usize, last: usize, least_mm: f64) -> usize {
    let noise_n = traces.background.noise_n;
    let enough = |i: &usize| {
        let force_n = traces.background.force_n[*i];
        let length_mm = traces.surface_mm[*i] - traces.surface_mm[onset];
        force_n > RISE_ENOUGH * noise_n && length_mm > least_mm
            || length_mm > RISE_LONG.0 && force_n > RISE_LONG.1 * noise_n
    };
    let least = (onset + 8).min(last);
    (least..last).find(enough).unwrap_or(last).max(least)
}

fn unfit(phase: &str) -> Refusal {
    let message = format!("the curve of `{phase}` determines no onset");
    refusal("no-onset", format!("{message}; look at the capture: too few rows between baseline and contact?"))
}

/// The face, from the touch.
///
/// # Errors
///
/// [`Refusal`] where the touch determines no onset.
pub fn face(traces: &Traces) -> Result<Onset, Refusal> {
    let curve = traces.curve();
    let rough = traces.surface_mm[traces.touch_onset];
    let end = rise_end(traces, traces.touch_onset, traces.touch.end, 0.0) - 1;
    let length_mm = traces.surface_mm[end] - rough;
    let bins = Bins::of(&curve, traces.touch.start..end + 1, rough - BEFORE_MM.max(length_mm)..f64::INFINITY, rough);
    let heights = Heights::of(1);
    let curves = Curves {
        rise: &bins,
        slide: None,
        late: None,
        heights: &heights,
        noise_n: traces.background.noise_n,
        zero_u_n: traces.background.offset_u_n,
        length_mm,
        force_n: traces.background.force_n[end],
        rough_share: traces.rough_n(traces.touch_onset) / traces.background.force_n[end],
        shape: FACE,
    };
    fitted(&curves, rough, "touch")
}

/// The tip where the withdrawal shows that the phantom relaxes: without and with relaxation in the curves, by how well
/// they fit, since what springs back late while needles are held need not have done so before they entered.
pub fn unrelaxed(
    header: &Header,
    recording: &Recording,
    traces: &Traces,
    (found, friction): (Onset, Option<(usize, f64)>),
    unloading: Option<&Unloading>,
) -> Onset {
    let relaxed = unloading.filter(|unloading| unloading.retarded.total() > RETARDED_MIN);
    let again = relaxed.and_then(|unloading| tip(header, traces, friction, Some((recording, unloading))).ok());
    let Some(again) = again else { return found };
    onset::averaged(&[found.clone(), again]).unwrap_or(found)
}

/// The foremost tip, from press and withdrawal; with what `relaxed` says of the phantom's relaxation.
///
/// # Errors
///
/// [`Refusal`] where they determine no onset.
pub fn tip(
    header: &Header,
    traces: &Traces,
    friction: Option<(usize, f64)>,
    relaxed: Option<(&Recording, &Unloading)>,
) -> Result<Onset, Refusal> {
    let curve = &traces.curve();
    let rough = traces.surface_mm[traces.press_onset];
    // The last rows before a drop may already feel it through the cell.
    let whole = traces.clipped.map_or(traces.press.end, |clipped| clipped.saturating_sub(3));
    let last = traces.first_drop.map_or(whole, |drop| drop.saturating_sub(3).min(whole));
    let end = rise_end(traces, traces.press_onset, last, if header.needles == Some(1) { 0.0 } else { RISE_LEAST_MM });
    let length_mm = traces.surface_mm[end - 1] - rough;
    let before_mm = BEFORE_MM.max(length_mm);
    let rise_of = |curve: &Curve<'_>| Bins::of(curve, traces.press.start..end, rough - before_mm..f64::INFINITY, rough);
    let slide_of = |curve: &Curve<'_>| {
        let (row, _) = friction?;
        let length = (0.8 * (traces.surface_mm[row] - rough)).min(SLIDE_MAX_MM);
        Some(Bins::of(curve, row..traces.withdraw.end, rough - BEFORE_MM..rough + length, rough))
    };
    let (bins, slide) = (rise_of(curve), slide_of(curve));
    let late = relaxed.and_then(|(recording, unloading)| {
        let rows = traces.press_onset..traces.withdraw.end;
        let binned = |curve: &Curve<'_>| [rise_of(curve), slide_of(curve).unwrap_or_default()];
        let stiffness_n_per_mm = unloading.stiffness_n_per_mm;
        Late::of(&unloading.retarded, stiffness_n_per_mm, (&recording.t_s, curve), rows, &binned)
    });
    let slide = slide.filter(|slide| slide.rows.len() > 15 && slide.line_to_zero().0 < 0.0);
    let known = header.needles.map(|needles| [needles]);
    let onsets: Vec<Onset> = known
        .as_ref()
        .map_or(&NEEDLES_UNKNOWN[..], |known| &known[..])
        .iter()
        .flat_map(|&needles| {
            let laws = laws(needles, slide.is_some());
            laws.iter().map(move |law| (needles, *law, laws.len() as f64))
        })
        .filter_map(|(needles, shape, laws)| {
            let curves = Curves {
                rise: &bins,
                slide: slide.as_ref(),
                late: late.as_ref(),
                heights: &Heights::of(needles),
                noise_n: traces.background.noise_n,
                zero_u_n: traces.background.offset_u_n,
                length_mm,
                force_n: curve.force_n[end - 1],
                rough_share: traces.rough_n(traces.press_onset) / curve.force_n[end - 1],
                shape,
            };
            let onset = fitted(&curves, rough, "press").ok()?;
            // Every number of needles is as likely as the others, whatever the number of its laws.
            Some(Onset { evidence: onset.evidence - laws.ln(), ..onset })
        })
        .collect();
    onset::averaged(&onsets).ok_or_else(|| unfit("press"))
}

/// What the law may be. Where several needles and their slide are fitted, heights and law give way to each other, and a
/// special law would be chosen for what the heights do.
fn laws(needles: u32, slides: bool) -> &'static [Shape] {
    match (needles, slides) {
        (1, _) => &NEEDLE,
        (_, true) => &NEEDLES,
        (_, false) => &NEEDLES_UNSEEN,
    }
}

fn fitted(curves: &Curves<'_>, rough_mm: f64, phase: &str) -> Result<Onset, Refusal> {
    let determined = curves.rise.rows.len() > 12 && curves.length_mm > 0.0 && curves.force_n > 0.0;
    let onset = determined.then(|| onset::locate(curves, rough_mm)).flatten().ok_or_else(|| unfit(phase))?;
    let plausible = onset.tip_mm.is_finite() && onset.u_mm.is_finite() && onset.u_mm > 0.0;
    if plausible { Ok(onset) } else { Err(unfit(phase)) }
}
