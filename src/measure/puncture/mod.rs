//! The puncture kind (ISO 7864): a needle pushed through foil or phantom, recorded by any force tester.
//!
//! What has to be told apart is a puncture from everything else that makes a force fall: hum (as large as the
//! puncture force of a sharp needle), noise, spikes, a notch before the puncture, relaxation, withdrawal. No scale
//! is known beforehand: forces from 0.02 to 10 N, rates from 100 Hz to 10 kHz, a few hundred samples or a hundred
//! thousand. So every decision is a ratio:
//!
//! 1. [`trace`] takes the rows in which the needle advances, bridges what was not read and spikes, and finds the clock;
//! 2. [`hum`] fits mains hum robustly and takes it out, for detection only;
//! 3. [`smoothing`] averages until noise is small beside the signal, and no further; where a fit could not follow the
//!    hum, since a logger left out readings below its threshold or the record is a few periods long, over its period;
//! 4. [`contact`] finds the baseline, where there is one, and the onset;
//! 5. [`drops`] walks the hysteresis of the force and calls a drop real by its share of the height, its size beside
//!    the largest drop, and its speed beside the rise.
//!
//! The peak is the highest reading before the drop as recorded, not as smoothed; its force is that reading less the
//! baseline, so that force and row belong together, and the hum at that row stands in its uncertainty.
//!
//! Invariant: a puncture is reported only where the fall exceeds the noise; a clipped peak is refused.
//! Deliberately absent: limits in newtons or seconds, and protrusion (there is no face).

pub mod contact;
pub mod drops;
pub mod hum;
pub mod smoothing;
pub mod trace;

use crate::{
    capture::{Header, Phase, memory::Recording},
    measure::{
        Anomaly, Measurement, Outcome, Puncture, Refusal,
        puncture::{
            contact::Baseline,
            drops::{Drop, Known},
            hum::Hum,
            smoothing::Smoothed,
            trace::Trace,
        },
    },
    uncertainty::{Budget, Measured},
};

/// Contact must exceed noise by so many standard deviations.
const CONTACT_SIGMAS: f64 = 8.0;

/// Everything that is known of a trace before a decision.
struct Evidence {
    trace: Trace,
    hum: Option<Hum>,
    /// Force without hum, averaged.
    smoothed: Smoothed,
    /// Noise of a single reading without hum, N.
    noise_n: f64,
    baseline: Option<Baseline>,
    punctures: Vec<Drop>,
}

/// Measures a puncture capture.
pub fn measure(header: &Header, recording: &Recording) -> Measurement {
    let mut anomalies = Vec::new();
    let outcome = evidence(header, recording, &mut anomalies)
        .and_then(|evidence| decide(header, &evidence))
        .map(Outcome::Puncture);
    Measurement { outcome, anomalies }
}

fn evidence(header: &Header, recording: &Recording, anomalies: &mut Vec<Anomaly>) -> Result<Evidence, Refusal> {
    let rows = recording.rows(Phase::Press).ok_or_else(|| {
        refusal(
            "missing-phase",
            "there is no phase press; a puncture capture is measured in it: name the phase".to_owned(),
        )
    })?;
    let mut trace = trace::condition(header, recording, rows, anomalies)?;
    let Cleaned { hum, force_n: clean, noise_n } = cleaned(&mut trace, anomalies);
    let rest_n = |force_n: &[f64]| hum.as_ref().map_or(0.0, |hum| hum::rest(hum, force_n, trace.rate_hz));
    let smoothed = smoothing::smooth(&clean, trace.quantum_n, &hum::periods(trace.rate_hz), rest_n);
    check_contact(&trace, &smoothed)?;
    let (baseline, punctures) = search(&smoothed, &trace, hum.as_ref().map_or(0.0, |hum| hum.rms_n));
    Ok(Evidence { trace, hum, smoothed, noise_n, baseline, punctures })
}

/// A force without hum and spikes.
struct Cleaned {
    hum: Option<Hum>,
    force_n: Vec<f64>,
    /// Noise of a reading, N.
    noise_n: f64,
}

/// Takes hum and spikes out; spikes are bridged in `trace`, too.
fn cleaned(trace: &mut Trace, anomalies: &mut Vec<Anomaly>) -> Cleaned {
    /// A spike spoils the fit of the hum about it, and what is left of that hum may hide a smaller spike.
    const ROUNDS: usize = 3;
    let mut spikes = Vec::new();
    let mut raw_n = trace.force_n.clone();
    let noise_n = smoothing::noise(&raw_n, 1 + smoothing::LAG).max(trace.quantum_n);
    trace::bridge_spikes(trace, &mut raw_n, noise_n, &mut spikes);
    let mut cleaned = clean_once(trace, &mut spikes);
    for _ in 1..ROUNDS {
        let before = spikes.len();
        if before == 0 {
            break;
        }
        cleaned = clean_once(trace, &mut spikes);
        if spikes.len() == before {
            break;
        }
    }
    if let Some(hum) = &cleaned.hum {
        let message = format!(
            "{:.1} mN rms at {:.2} Hz; taken out to find the puncture, and in the uncertainty of its force",
            1e3 * hum.rms_n,
            hum.frequency_hz
        );
        anomalies.push(trace::anomaly("hum", 1, message));
    }
    spikes.sort_unstable();
    spikes.dedup();
    if let Some(first) = spikes.first() {
        let message =
            format!("samples far from their neighbours, the first in row {}; bridged", trace.first_row + first);
        anomalies.push(trace::anomaly("spike", spikes.len(), message));
    }
    cleaned
}

fn clean_once(trace: &mut Trace, spikes: &mut Vec<usize>) -> Cleaned {
    let hum = hum::fit(&trace.t_s, &trace.force_n, trace.rate_hz);
    let mut force_n = trace.force_n.clone();
    if let Some(hum) = &hum {
        force_n.iter_mut().zip(&hum.force_n).for_each(|(force, hum)| *force -= hum);
        trace::bridge(&mut force_n, &trace.missing);
    }
    let noise_n = smoothing::noise(&force_n, 1 + smoothing::LAG).max(trace.quantum_n / 12.0_f64.sqrt());
    trace::bridge_spikes(trace, &mut force_n, noise_n, spikes);
    Cleaned { hum, force_n, noise_n }
}

/// Refuses a force that never leaves its noise, or leaves it downwards.
fn check_contact(trace: &Trace, smoothed: &Smoothed) -> Result<(), Refusal> {
    let Smoothed { force_n, sigma_n, .. } = smoothed;
    let start_n = force_n[0];
    let (low, high) = force_n.iter().fold((start_n, start_n), |(low, high), f| (low.min(*f), high.max(*f)));
    if high == low {
        let message = format!("the force is {high} N in all rows from {} on; check cell and cable", trace.first_row);
        return Err(refusal("stuck-force", message));
    }
    if high - low < CONTACT_SIGMAS * sigma_n {
        let message = format!(
            "the force moves by {:.4} N, less than {CONTACT_SIGMAS} times its noise of {sigma_n:.4} N; \
             bring the needle into reach and record again",
            high - low
        );
        return Err(refusal("no-contact", message));
    }
    let mean_n = force_n.iter().sum::<f64>() / force_n.len() as f64;
    if start_n - low > 3.0 * (high - start_n) && mean_n < start_n.min(0.0) && low < -high.abs() {
        let message = format!("the force goes to {low:.4} N, compression is positive; invert the channel's polarity");
        return Err(refusal("inverted-polarity", message));
    }
    Ok(())
}

/// Baseline and punctures need each other: the search begins above the lowest force, then above the baseline.
fn search(smoothed: &Smoothed, trace: &Trace, hum_n: f64) -> (Option<Baseline>, Vec<Drop>) {
    let Smoothed { force_n, sigma_n, width } = smoothed;
    let (advancing, mains_rows) = (trace.is_advancing(), hum::periods(trace.rate_hz)[0]);
    let above = |base_n: f64| {
        let known = Known { base_n, sigma_n: *sigma_n, width: *width, advancing, mains_rows, hum_n };
        drops::punctures(&drops::find(force_n, &known), &known)
    };
    let first = above(force_n.iter().copied().fold(f64::INFINITY, f64::min));
    let peak = first.first().map_or_else(|| highest(force_n, 0..force_n.len()), |drop| drop.peak);
    match contact::baseline(force_n, *sigma_n, peak) {
        Some(found) => (Some(found.clone()), above(found.force_n)),
        None => (None, first),
    }
}

fn decide(header: &Header, evidence: &Evidence) -> Result<Puncture, Refusal> {
    let Evidence { trace, smoothed, baseline, punctures, .. } = evidence;
    let peak =
        punctures.first().map_or_else(|| highest(&smoothed.force_n, 0..smoothed.force_n.len()), |drop| drop.peak);
    let tip_mm = baseline.as_ref().and_then(|baseline| contact::onset(trace, smoothed, baseline, peak));
    let row = |drop: &Drop| highest(&trace.force_n, first_of_peak(evidence, drop)..drop.trough + 1);
    let zero_n = baseline.as_ref().map_or(0.0, |baseline| baseline.force_n);
    let Some(first) = punctures.first() else {
        let (punctured, puncture_force_n, puncture_index, drag_force_n) = (false, None, None, None);
        return Ok(Puncture { tip_mm, punctured, puncture_force_n, puncture_index, drag_force_n, layers: Vec::new() });
    };
    let index = row(first);
    refuse_clipped(header, trace, index)?;
    let layers = punctures.iter().map(|drop| ((trace.first_row + row(drop)) as u64, trace.force_n[row(drop)] - zero_n));
    Ok(Puncture {
        tip_mm,
        punctured: true,
        puncture_force_n: Some(peak_force(header, evidence, index)),
        puncture_index: Some((trace.first_row + index) as u64),
        drag_force_n: punctures.last().and_then(|last| drag_force(header, evidence, last)),
        layers: layers.collect(),
    })
}

/// From where on the highest reading belongs to the peak: with hum, its last crests, else the whole rise.
fn first_of_peak(evidence: &Evidence, drop: &Drop) -> usize {
    /// Periods of hum; more than one, so that there is a crest among them.
    const PERIODS: f64 = 1.25;
    let period = evidence.hum.as_ref().map(|hum| PERIODS * evidence.trace.rate_hz / hum.frequency_hz);
    period.map_or(drop.start, |rows| drop.start.max(drop.peak.saturating_sub(rows.ceil() as usize)))
}

/// Force of the reading at `index`, less the baseline.
fn peak_force(header: &Header, evidence: &Evidence, index: usize) -> Measured {
    let Evidence { trace, hum, noise_n, .. } = evidence;
    let mut budget = Budget::default();
    budget.random("noise of one reading", *noise_n, None);
    budget.random("resolution", trace.quantum_n / 12.0_f64.sqrt(), None);
    // The true peak lies up to one step of the rise above the highest reading.
    let before = trace.force_n[index.saturating_sub(3)];
    let step_n = ((trace.force_n[index] - before) / 3.0).max(0.0);
    budget.random("between two samples", step_n / 12.0_f64.sqrt(), None);
    if let Some(hum) = hum {
        budget.random("hum at the peak", hum.rms_n, None);
    }
    let value = trace.force_n[index] - zero_of(evidence, index, &mut budget);
    add_scale(header, value, &mut budget);
    Measured::new(value, budget)
}

/// Mean force from where the last drop has settled to the end of the press; `None` where less than a few rows are left.
fn drag_force(header: &Header, evidence: &Evidence, last: &Drop) -> Option<Measured> {
    const ROWS_MIN: usize = 5;
    let Evidence { trace, smoothed, .. } = evidence;
    let settled = last.trough + smoothed.width / 2;
    let after = smoothed.force_n.get(settled..).filter(|after| after.len() >= ROWS_MIN)?;
    let mean_n = after.iter().sum::<f64>() / after.len() as f64;
    let sd = (after.iter().map(|f| (f - mean_n).powi(2)).sum::<f64>() / (after.len() - 1) as f64).sqrt();
    let mut budget = Budget::default();
    // Friction wanders slowly: its mean over a press gains little from the number of samples.
    budget.random("scatter along the path", sd / 4.0_f64.sqrt(), Some(3.0));
    budget.random("resolution", trace.quantum_n / 12.0_f64.sqrt(), None);
    let value = mean_n - zero_of(evidence, settled + after.len() / 2, &mut budget);
    add_scale(header, value, &mut budget);
    Some(Measured::new(value, budget))
}

/// The force without contact at sample `row`; zero as the tester says where no baseline was recorded.
fn zero_of(evidence: &Evidence, row: usize, budget: &mut Budget) -> f64 {
    let Evidence { smoothed, noise_n, baseline, .. } = evidence;
    match baseline {
        Some(baseline) => {
            budget.random("baseline", baseline.u_n, Some((baseline.rows.len() - 1) as f64));
            budget.random("drift since the baseline", baseline.drift_u_n(row), None);
            baseline.force_n
        }
        None => {
            // Before the puncture a needle only pushes: a force below zero is an error of the tester's zero.
            let lowest_n = smoothed.force_n[..=row].iter().copied().fold(0.0, f64::min);
            budget.common("zero of the tester, no baseline recorded", noise_n.max(-lowest_n), None);
            0.0
        }
    }
}

fn add_scale(header: &Header, value: f64, budget: &mut Budget) {
    if let Some(scale_u) = header.force.as_ref().and_then(|force| force.scale_u) {
        budget.common("calibration of the cell", scale_u * value.abs(), None);
    }
}

/// Refuses a peak that the channel cut off: beyond its range, or a plateau that the rise runs into.
fn refuse_clipped(header: &Header, trace: &Trace, index: usize) -> Result<(), Refusal> {
    /// Equal readings that a rising force does not give.
    const PLATEAU_ROWS: usize = 4;
    /// ... and beside those of the rise, where the gauge reads less often than it is asked.
    const PLATEAU_TO_RUN: usize = 3;
    /// Steps of a reading by which the force rose a sample before.
    const RISE_QUANTA: f64 = 4.0;
    let peak = trace.force_n[index];
    let equal = trace.force_n[index..].iter().take_while(|force| **force == peak).count();
    let rise = peak - trace.force_n[index.saturating_sub(PLATEAU_ROWS)];
    let steep = rise > RISE_QUANTA * PLATEAU_ROWS as f64 * trace.quantum_n;
    let plateau = equal >= PLATEAU_ROWS && equal >= PLATEAU_TO_RUN * longest_run(&trace.force_n[..index]) && steep;
    let range_n = header.force.as_ref().and_then(|force| force.range_n);
    if !plateau && range_n.is_none_or(|range_n| peak < range_n) {
        return Ok(());
    }
    let message = format!(
        "the peak in row {} is cut off at {peak} N for {equal} samples; use a channel of a larger range",
        trace.first_row + index
    );
    Err(refusal("saturated", message))
}

/// Equal readings, one after another, in the upper half of a rise: the longest run.
fn longest_run(rise_n: &[f64]) -> usize {
    let (low, high) =
        rise_n.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), f| (low.min(*f), high.max(*f)));
    let upper = |run: &&[f64]| run[0] > 0.5 * (low + high);
    rise_n.chunk_by(|a, b| a == b).filter(upper).map(<[f64]>::len).max().unwrap_or(1)
}

/// Row of the highest of `force_n` in `rows` (the first of equals).
fn highest(force_n: &[f64], rows: std::ops::Range<usize>) -> usize {
    let start = rows.start;
    rows.fold(start, |best, row| if force_n[row] > force_n[best] { row } else { best })
}

fn refusal(code: &str, message: String) -> Refusal {
    Refusal { code: code.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::measure;
    use crate::{
        capture::{ForceChannel, Header, Kind, Phase, memory::Recording},
        measure::{Measurement, Outcome, Puncture},
        prng::Stream,
    };

    fn header() -> Header {
        Header {
            schema: "capture/1".to_owned(),
            kind: Kind::Puncture,
            data: "a.csv".to_owned(),
            sample_rate_hz: 400.0,
            set_depth_mm: None,
            needles: None,
            compliance_mm_per_n: 0.0,
            compliance_u_mm_per_n: None,
            force: None,
            stage: None,
            gauge: None,
            stroke_rate_hz: None,
            pairing: None,
            simulated: false,
        }
    }

    /// A baseline of 50 mN, a rise of 200 samples to 0.3 N more, a drop, friction.
    fn clean() -> Recording {
        let mut noise = Stream::named(9, "puncture");
        let mut recording = Recording::default();
        for row in 0..400_u32 {
            let force_n = match row {
                0..100 => 0.0,
                100..=300 => 0.3 * (f64::from(row - 100) / 200.0).powf(1.5),
                301 => 0.15,
                _ => 0.06,
            };
            let t_s = f64::from(row) / 400.0;
            recording.push(Phase::Press, t_s, 0.05 + force_n + 0.0005 * noise.normal(), 2.0 + t_s * 1.667);
        }
        recording
    }

    fn punctured(measurement: Measurement) -> Puncture {
        match measurement.outcome {
            Ok(Outcome::Puncture(puncture)) => puncture,
            other => panic!("not measured: {other:?}"),
        }
    }

    fn code(recording: &Recording) -> String {
        measure(&header(), recording).outcome.expect_err("refused").code
    }

    #[test]
    fn a_clean_puncture_gives_every_measurand() {
        let measurement = measure(&header(), &clean());
        assert_eq!(measurement.anomalies, []);
        let result = punctured(measurement);
        assert!(result.punctured);
        assert_eq!(result.puncture_index, Some(300));
        let within = |value: &crate::uncertainty::Measured, truth: f64| (value.value - truth).abs() <= 2.0 * value.u();
        let (force_n, drag_n) = result.puncture_force_n.zip(result.drag_force_n).expect("both");
        assert!(within(&force_n, 0.3), "{force_n:?}");
        assert!(within(&drag_n, 0.06), "{drag_n:?}");
        let tip_mm = result.tip_mm.expect("baseline was recorded");
        assert!(within(&tip_mm, 2.0 + 0.25 * 1.667) && tip_mm.u() < 0.05, "{tip_mm:?}");
        assert_eq!(result.layers.len(), 1);
    }

    #[test]
    fn a_recording_that_begins_in_contact_has_no_tip() {
        let whole = clean();
        let mut cut = Recording::default();
        for row in 180..400 {
            cut.push(Phase::Press, whole.t_s[row], whole.force_n[row], whole.stage_mm[row]);
        }
        let result = punctured(measure(&header(), &cut));
        assert_eq!((result.tip_mm, result.puncture_index), (None, Some(120)));
    }

    #[test]
    fn what_is_not_the_needle_going_in_is_left_out() {
        let mut recording = clean();
        for row in 0..300_u32 {
            let back = f64::from(row) / 400.0;
            recording.push(Phase::Press, 1.0 + back, -0.02, 2.0 + (1.0 - back) * 1.667);
        }
        let measurement = measure(&header(), &recording);
        assert_eq!(measurement.anomalies[0].code, "not-advancing");
        assert_eq!(punctured(measurement).puncture_index, Some(300));
    }

    #[test]
    fn a_slow_gauge_and_a_coarse_clock_are_no_faults_of_the_force() {
        let mut slow = clean();
        for row in 0..slow.len() {
            slow.force_n[row] = slow.force_n[row - row % 6];
        }
        // Six readings alike are no plateau that the rise runs into where all of them come in sixes.
        assert_eq!(punctured(measure(&header(), &slow)).puncture_index, Some(300));

        let mut coarse = clean();
        coarse.t_s.iter_mut().for_each(|t| *t = (*t * 100.0).floor() / 100.0);
        let measurement = measure(&header(), &coarse);
        assert_eq!((measurement.anomalies[0].code.as_str(), measurement.anomalies[0].count), ("duplicate", 300));
        assert_eq!(punctured(measurement).puncture_index, Some(300));
    }

    #[test]
    fn faults_are_counted_or_refused() {
        let mut faulty = clean();
        faulty.force_n[40] = f64::NAN;
        faulty.force_n[200] = 4.0;
        faulty.t_s[120..].iter_mut().for_each(|t| *t += 0.05);
        let measurement = measure(&header(), &faulty);
        let codes: Vec<&str> = measurement.anomalies.iter().map(|anomaly| anomaly.code.as_str()).collect();
        assert_eq!(codes, ["nan", "gap", "spike"]);
        assert_eq!(punctured(measurement).puncture_index, Some(300));

        let mut wide = clean();
        wide.force_n[200..203].iter_mut().for_each(|force| *force += 4.0);
        let measurement = measure(&header(), &wide);
        assert_eq!((measurement.anomalies[0].code.as_str(), measurement.anomalies[0].count), ("spike", 3));
        assert_eq!(punctured(measurement).puncture_index, Some(300));

        let changed = |change: &dyn Fn(&mut Recording)| {
            let mut recording = clean();
            change(&mut recording);
            code(&recording)
        };
        assert_eq!(changed(&|r| r.phases[0].0 = Phase::Withdraw), "missing-phase");
        assert_eq!(changed(&|r| r.phases[0].1 = 0..10), "too-short");
        assert_eq!(changed(&|r| r.force_n.fill(0.3)), "stuck-force");
        assert_eq!(changed(&|r| r.force_n.iter_mut().for_each(|f| *f = -*f)), "inverted-polarity");
        assert_eq!(changed(&|r| r.force_n.iter_mut().for_each(|f| *f = f.min(0.2))), "saturated");
        assert_eq!(changed(&|r| r.force_n[..200].fill(f64::NAN)), "nan");
        assert_eq!(changed(&|r| r.t_s.fill(1.0)), "no-clock");
        let mut noise = Stream::named(10, "nothing");
        let values: Vec<f64> = (0..400).map(|_| 0.001 * noise.normal()).collect();
        assert_eq!(changed(&|r| r.force_n.copy_from_slice(&values)), "no-contact");

        let mut small = header();
        small.force = Some(ForceChannel {
            natural_hz: 900.0,
            damping: 0.5,
            resolution_n: 0.0001,
            range_n: Some(0.3),
            natural_u_hz: None,
            damping_u: None,
            scale_u: None,
        });
        assert_eq!(measure(&small, &clean()).outcome.expect_err("beyond the range").code, "saturated");
    }
}
