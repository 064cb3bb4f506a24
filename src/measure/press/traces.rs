//! From screened rows to curves: background out, surface position corrected, contact found roughly.
//!
//! Two passes: the first takes the start of each motion for the baseline, the second all rows before the rough onset.
//!
//! Deliberately absent: the exact onset.

use crate::{
    capture::{Header, Phase, memory::Recording},
    measure::{
        Anomaly, Refusal,
        press::{
            background::{self, Background, Quiet},
            contact::{self, Curve},
            steady,
        },
        screen::{Screened, anomaly, median, refusal},
    },
};
use std::{f64::consts::PI, ops::Range};

/// Drift over the capture that is named, N; less is what a cell does that warms up.
const DRIFT_NAMED_N: f64 = 0.01;
/// Difference of the offsets of two phases that is named, N.
pub const STEP_NAMED_N: f64 = 0.02;
/// Rows without contact that are needed before a contact.
const QUIET_MIN: usize = 30;
/// The same where the phases do not share their offset.
const QUIET_OWN_MIN: usize = 150;
/// How often disturbances of the baseline are left out at most.
const PASSES_MAX: usize = 4;
/// Share of the rail at which a row stands before rows that were left out for being clipped.
const CLIPPED_SHARE: f64 = 0.8;
/// Distance from its position in the hold within which the stage rests, mm.
const REST_MM: f64 = 0.0005;
/// Least force of a contact over the noise of a reading.
const CONTACT_MIN: f64 = 7.0;
/// Scatter about the baseline over scatter of neighbours, beyond which the baseline is none.
const UNSTEADY_MAX: f64 = 3.0;

/// Curves of a press, ready to be fitted.
#[derive(Clone, Debug)]
pub struct Traces {
    /// Force without background, N.
    pub background: Background,
    /// Surface position, mm, corrected for compliance and lag.
    pub surface_mm: Vec<f64>,
    /// Rows of the touch from its start to where the stage stops.
    pub touch: Range<usize>,
    /// Rough onset in the touch.
    pub touch_onset: usize,
    /// Rows of the press from its start to where the stage stops.
    pub press: Range<usize>,
    /// Rough onset in the press.
    pub press_onset: usize,
    /// First row of the first puncture, where there was one.
    pub first_drop: Option<usize>,
    /// First row of the press that follows clipped ones: what came between is not known.
    pub clipped: Option<usize>,
    /// Rows of the withdrawal.
    pub withdraw: Range<usize>,
    /// Surface position at the hold's end, mm.
    pub hold_surface_mm: f64,
    /// Force at the hold's end, N; `None` where it was not recorded.
    pub hold_n: Option<f64>,
    /// Rows of the hold in which the stage rests.
    pub hold: Range<usize>,
    /// Scatter of the encoder about a steady motion, mm, not more than its plausible error.
    pub encoder_mm: f64,
    /// Speed of the press times group delay, mm.
    pub lag_mm: f64,
    /// Speed of touch, press and withdrawal, mm/s.
    pub speeds_mm_s: [f64; 3],
}

impl Traces {
    /// Of a screened press, from which short disturbances of the baseline are left out.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where there is no baseline or no contact.
    pub fn of(
        header: &Header,
        recorded: &Recording,
        screened: &mut Screened,
        anomalies: &mut Vec<Anomaly>,
    ) -> Result<Self, Refusal> {
        let recording = &screened.recording;
        let rows = |phase: Phase| {
            recording.rows(phase).filter(|rows| rows.len() >= 2 * QUIET_MIN).ok_or_else(|| {
                let message = format!("phase `{}` has too few believable rows", phase.name());
                refusal("truncated", format!("{message}; record the whole procedure again"))
            })
        };
        let (touch, press, withdraw) = (rows(Phase::Touch)?, rows(Phase::Press)?, rows(Phase::Withdraw)?);
        let z = &recording.stage_mm;
        let rising = |rows: &Range<usize>| rows.start..moving_end(z, rows);
        let (touch_rise, press_rise) = (rising(&touch), rising(&press));

        let retract = recording.rows(Phase::Retract).unwrap_or(press.start..press.start);
        let first = quiet(recording, [&touch, &retract, &press, &withdraw], [0.3, 0.08], None);
        let rough = removed(recording, &first, screened, None)?;
        let passes = anomalies.iter().filter(|anomaly| anomaly.code == "disturbed").count();
        let disturbed = |background: &Background, quiet: &[Quiet]| {
            steady::disturbed(background, quiet, recorded.len()).filter(|_| passes < PASSES_MAX)
        };
        if let Some(out) = disturbed(&rough, &first) {
            leave_out(screened, &out, anomalies);
            return Self::of(header, recorded, screened, anomalies);
        }
        is_steady(&rough)?;
        let press_onset = onset_row(&rough, &press_rise, Phase::Press)?.0;
        let touch_onset = onset_row(&rough, &touch_rise, Phase::Touch)?.0;
        let end = contact::first_drop(&rough.force_n, press_rise.clone(), rough.noise_n).unwrap_or(press_rise.end);
        let before = [
            z[touch_onset] - unseen_mm(&rough, z, touch_onset, touch_rise.end),
            z[press_onset] - unseen_mm(&rough, z, press_onset, end),
        ];
        let second = quiet(recording, [&touch, &retract, &press, &withdraw], [1.0, 1.0], Some(before));
        let background = removed(recording, &second, screened, rough.hum.map(|hum| hum.rate_hz))?;
        if let Some(out) = disturbed(&background, &second) {
            leave_out(screened, &out, anomalies);
            return Self::of(header, recorded, screened, anomalies);
        }
        is_steady(&background)?;
        named(&background, anomalies);
        own_offsets_are_founded(&background, &second)?;
        steady::zero(&background, &second)?;
        steady::baseline(&background, &second, &screened.rows)?;
        if second.last().is_none_or(|last| last.phase != Phase::Withdraw) {
            let message = "the withdrawal ends before the needles are free; the baseline before it was used".to_owned();
            anomalies.push(anomaly("truncated", 1, message));
        }
        let (press_onset, first_drop) = onset_row(&background, &press_rise, Phase::Press)?;
        let (touch_onset, _) = onset_row(&background, &touch_rise, Phase::Touch)?;
        steady::rise(&background, touch_rise.clone(), touch_rise.end, "touch", screened)?;
        let entered = first_drop.map_or(press_rise.end, |drop| drop.saturating_sub(3));
        steady::rise(&background, press_rise.start..entered, press_rise.end, "press", screened)?;
        if let Some(drop) = first_drop {
            steady::puncture(&background, drop, &press_rise, &screened.rows)?;
        }

        let delay_s = header.force.as_ref().map_or(0.0, |force| 2.0 * force.damping / (2.0 * PI * force.natural_hz));
        let speeds = [speed(recording, &touch_rise), speed(recording, &press_rise), -speed(recording, &withdraw).abs()];
        let mut surface_mm: Vec<f64> =
            z.iter().zip(&background.force_n).map(|(z, f)| z - header.compliance_mm_per_n * f).collect();
        for (rows, speed) in [&touch_rise, &press_rise, &withdraw].into_iter().zip(speeds) {
            surface_mm[rows.clone()].iter_mut().for_each(|surface| *surface -= speed * delay_s);
        }
        let clipped = screened.rail_n.and_then(|rail_n| after_clipping(screened, &press_rise, rail_n));
        let (hold_n, hold_stage_mm) = held(recorded, recording, &background, screened)?;
        let hold = at_rest(recording, hold_stage_mm, resolution(header));
        steady::hold(&background, &hold, &screened.rows)?;
        let hold_surface_mm = hold_stage_mm - header.compliance_mm_per_n * hold_n.unwrap_or(0.0);
        // A count is uniform within its step (GUM 4.3.7), a bin averages several.
        let count_mm = resolution(header) / 12.0_f64.sqrt();
        let encoder_mm = unevenness(recording, &press_rise).clamp(0.5 * count_mm, 0.0006 + count_mm);
        let lag_mm = speeds[1] * delay_s;
        Ok(Self {
            background,
            surface_mm,
            touch: touch_rise,
            touch_onset,
            press: press_rise,
            press_onset,
            first_drop,
            clipped,
            withdraw,
            hold_surface_mm,
            hold_n,
            hold,
            encoder_mm,
            lag_mm,
            speeds_mm_s: speeds,
        })
    }

    /// Force at a rough onset, N: mean over the rows around it.
    pub fn rough_n(&self, onset: usize) -> f64 {
        let rows = onset.saturating_sub(4)..(onset + 5).min(self.surface_mm.len());
        let count = rows.len() as f64;
        rows.map(|i| self.background.force_n[i]).sum::<f64>() / count
    }

    /// Force and surface position.
    pub fn curve(&self) -> Curve<'_> {
        Curve { force_n: &self.background.force_n, surface_mm: &self.surface_mm }
    }
}

fn resolution(header: &Header) -> f64 {
    header.stage.as_ref().map_or(0.001, |stage| stage.resolution_mm)
}

/// Length of contact before a rough onset that noise may hide, mm: the softer the rise, the longer, as for a power of
/// two.
fn unseen_mm(rough: &Background, z: &[f64], onset: usize, end: usize) -> f64 {
    let top_n = rough.force_n[end - 1].abs();
    let share = (rough.force_n[onset + 1].abs() / top_n).max(5.0 * rough.noise_n / top_n);
    let ratio = share.clamp(0.02, 0.4).sqrt();
    (1.5 * ratio / (1.0 - ratio) * (z[end - 1] - z[onset])).max(0.06)
}

/// Where phases have offsets of their own, each that is fitted must show enough rows without contact.
fn own_offsets_are_founded(background: &Background, quiet: &[Quiet]) -> Result<(), Refusal> {
    let step_n = background.step_n;
    let fitted = |q: &&Quiet| q.phase != Phase::Retract;
    let Some(short) = quiet.iter().filter(fitted).find(|q| step_n > STEP_NAMED_N && q.rows.len() < QUIET_OWN_MIN)
    else {
        return Ok(());
    };
    let rows = short.rows.len();
    let message = format!("offsets of the phases differ by {step_n:.3} N and one shows {rows} rows without contact");
    Err(refusal("no-baseline", format!("{message}, {QUIET_OWN_MIN} are needed; start farther from the phantom")))
}

/// End of the rows before the stage stops at the end of a rise.
fn moving_end(z: &[f64], rows: &Range<usize>) -> usize {
    let last = z[rows.end - 1];
    let near = z[rows.clone()].iter().rposition(|z| *z < last - 1e-9).map_or(rows.end, |i| rows.start + i + 1);
    // Readings that toggle by one count at rest belong to the rest.
    let toggling = (near..rows.end).len() < 3;
    if toggling { rows.end } else { near }
}

/// Rows without contact: up to a share of the travel, or to below the rough onsets.
fn quiet(
    recording: &Recording,
    [touch, retract, press, withdraw]: [&Range<usize>; 4],
    [touch_share, press_share]: [f64; 2],
    before_mm: Option<[f64; 2]>,
) -> Vec<Quiet> {
    let z = &recording.stage_mm;
    let limit = |rows: &Range<usize>, share: f64, onset_mm: Option<f64>| {
        let (low, high) = (z[rows.start].min(z[rows.end - 1]), z[rows.start].max(z[rows.end - 1]));
        onset_mm.map_or(low + share * (high - low), |onset_mm| onset_mm.max(low + 0.1 * (high - low).min(0.3)))
    };
    let touch_limit = limit(touch, touch_share, before_mm.map(|[onset_mm, _]| onset_mm));
    let press_limit = limit(press, press_share, before_mm.map(|[_, onset_mm]| onset_mm));
    let head = |rows: &Range<usize>, limit: f64| rows.start..rows.clone().find(|i| z[*i] > limit).unwrap_or(rows.end);
    // By the travel of touch and press: a withdrawal that was cut off must not take its end for the baseline.
    let tail =
        |rows: &Range<usize>, limit: f64| rows.clone().rfind(|i| z[*i] > limit).map_or(rows.start, |i| i + 1)..rows.end;
    // The half next to the contact, since the other may hold a tare before the press.
    let retracted = tail(retract, touch_limit);
    let retracted = retracted.start..retracted.start + retracted.len().div_ceil(2);
    let mut quiet: Vec<Quiet> = [
        (Phase::Touch, head(touch, touch_limit), 0..retract.start),
        (Phase::Retract, retracted, retract.start..press.start),
        (Phase::Press, head(press, press_limit), press.start..press.end),
        (Phase::Withdraw, tail(withdraw, press_limit), press.end..recording.len()),
    ]
    .map(|(phase, rows, holds_for)| Quiet { phase, rows, holds_for })
    .into();
    // A withdrawal that ends in contact has no baseline of its own: that of the press holds on.
    if quiet[3].rows.len() < QUIET_MIN {
        quiet.truncate(3);
        quiet[2].holds_for.end = recording.len();
    }
    // So it is with a retraction that shows too little.
    if quiet[1].rows.len() < QUIET_MIN {
        quiet.remove(1);
        quiet[0].holds_for.end = press.start;
    }
    quiet
}

fn removed(
    recording: &Recording,
    quiet: &[Quiet],
    screened: &Screened,
    mains_hz: Option<f64>,
) -> Result<Background, Refusal> {
    if let Some(short) = quiet.iter().find(|q| q.rows.len() < QUIET_MIN) {
        let row = screened.rows.get(short.rows.start).copied().unwrap_or(0);
        let message = format!("{} rows without contact from row {row}, {QUIET_MIN} are needed", short.rows.len());
        return Err(refusal("no-baseline", format!("{message}; start farther from the phantom")));
    }
    background::remove(&recording.t_s, &recording.force_n, quiet, mains_hz)
        .ok_or_else(|| refusal("no-baseline", "the baseline cannot be estimated; record it longer".to_owned()))
}

fn is_steady(background: &Background) -> Result<(), Refusal> {
    let (slow, fast) = (background.noise_n, background.noise_fast_n);
    if slow > UNSTEADY_MAX * fast && slow > 0.002 {
        let message = format!("force before contact scatters by {slow:.4} N about its baseline, {fast:.4} N by noise");
        let remedy = "was there contact, a step or a tare before the touch? Start farther from the phantom";
        return Err(refusal("unsteady-baseline", format!("{message}; {remedy}")));
    }
    Ok(())
}

fn leave_out(screened: &mut Screened, out: &[bool], anomalies: &mut Vec<Anomaly>) {
    let count = out.iter().filter(|out| **out).count();
    let first = out.iter().position(|out| *out).map_or(0, |at| screened.rows[at]);
    let message = format!("{count} rows without contact are disturbed, the first is row {first}; they were left out");
    anomalies.push(anomaly("disturbed", count as u64, message));
    screened.leave_out(out);
}

/// The rough onset, and the first puncture, in a rise.
fn onset_row(background: &Background, rise: &Range<usize>, phase: Phase) -> Result<(usize, Option<usize>), Refusal> {
    let force = &background.force_n;
    let noise_n = background.noise_n.max(1e-6);
    let drop = if phase == Phase::Press { contact::first_drop(force, rise.clone(), noise_n) } else { None };
    let end = drop.unwrap_or(rise.end);
    let means = contact::trailing_means(force, rise.start..end, 5);
    let (at, peak_n) = means.iter().enumerate().fold((0, 0.0), |best, (i, f)| if *f > best.1 { (i, *f) } else { best });
    if peak_n < CONTACT_MIN * noise_n {
        let message = format!("the force rises by {peak_n:.4} N in `{}`, noise is {noise_n:.4} N", phase.name());
        return Err(refusal(
            "no-contact",
            format!("{message}; check that the phantom is reached and the cell connected"),
        ));
    }
    Ok((contact::rough_onset(force, rise.clone(), rise.start + at, noise_n), drop))
}

fn named(background: &Background, anomalies: &mut Vec<Anomaly>) {
    if let Some(hum) = background.hum {
        let (rate, mn) = (hum.rate_hz, 1e3 * hum.amplitude_n);
        let message = format!("hum of {mn:.1} mN at {rate:.2} Hz, estimated without contact and taken out");
        anomalies.push(anomaly("hum", 1, message));
    }
    if background.drift_n > DRIFT_NAMED_N {
        let message = format!("the force drifts by {:.3} N over the capture; taken out", background.drift_n);
        anomalies.push(anomaly("drift", 1, message));
    }
    if background.step_n > STEP_NAMED_N {
        let step = background.step_n;
        let message =
            format!("offsets of touch, press and withdrawal differ by {step:.3} N; each was taken out by itself");
        anomalies.push(anomaly("baseline-step", 1, message));
    }
}

/// Mean speed over the middle half of a motion, mm/s.
fn speed(recording: &Recording, rows: &Range<usize>) -> f64 {
    let (a, b) = (rows.start + rows.len() / 2, rows.end - 1 - rows.len() / 10);
    if b <= a {
        return 0.0;
    }
    (recording.stage_mm[b] - recording.stage_mm[a]) / (recording.t_s[b] - recording.t_s[a]).max(1e-9)
}

/// Root mean square of positions about a line over the last half of a rise, mm.
fn unevenness(recording: &Recording, rows: &Range<usize>) -> f64 {
    let rows = rows.start + rows.len() / 2..rows.end - rows.len() / 20;
    let n = rows.len() as f64;
    let (t0, z0) = (recording.t_s[rows.start], recording.stage_mm[rows.start]);
    let (mut st, mut sz, mut stt, mut stz, mut szz) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for i in rows {
        let (t, z) = (recording.t_s[i] - t0, recording.stage_mm[i] - z0);
        st += t;
        sz += z;
        stt += t * t;
        stz += t * z;
        szz += z * z;
    }
    let (vtt, vtz, vzz) = (stt - st * st / n, stz - st * sz / n, szz - sz * sz / n);
    ((vzz - vtz * vtz / vtt).max(0.0) / n).sqrt()
}

/// Force over the last fifth of the hold (`None` where it was clipped) and stage position there.
fn held(
    recorded: &Recording,
    recording: &Recording,
    background: &Background,
    screened: &Screened,
) -> Result<(Option<f64>, f64), Refusal> {
    let missing = || refusal("missing-phase", "phase `hold` has no readable stage position; press anew".to_owned());
    let whole = recorded.rows(Phase::Hold).ok_or_else(missing)?;
    let mut positions: Vec<f64> = recorded.stage_mm[whole.clone()].iter().copied().filter(|z| z.is_finite()).collect();
    let stage_mm = median(&mut positions).ok_or_else(missing)?;
    let tail = whole.end - (whole.len() / 5).max(1)..whole.end;
    let Some(rows) = recording.rows(Phase::Hold) else { return Ok((None, stage_mm)) };
    let forces: Vec<f64> = rows.filter(|i| tail.contains(&screened.rows[*i])).map(|i| background.force_n[i]).collect();
    let enough = forces.len() * 2 >= tail.len();
    Ok((enough.then(|| forces.iter().sum::<f64>() / forces.len() as f64), stage_mm))
}

/// The first row of a rise before which rows at the rail were left out.
fn after_clipping(screened: &Screened, rise: &Range<usize>, rail_n: f64) -> Option<usize> {
    let force_n = &screened.recording.force_n;
    let is_left_out = |i: &usize| screened.rows[*i] > screened.rows[i - 1] + 1;
    rise.clone().skip(1).find(|i| is_left_out(i) && force_n[i - 1] > CLIPPED_SHARE * rail_n)
}

/// Rows of the hold after the stage has come to rest; the needles still slide while it moves.
fn at_rest(recording: &Recording, stage_mm: f64, resolution_mm: f64) -> Range<usize> {
    let Some(rows) = recording.rows(Phase::Hold) else { return 0..0 };
    let tolerated = REST_MM.max(2.0 * resolution_mm);
    let moving = rows.clone().rfind(|i| (recording.stage_mm[*i] - stage_mm).abs() > tolerated);
    moving.map_or(rows.start, |last| last + 1)..rows.end
}
