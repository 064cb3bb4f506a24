//! Mains hum in a force trace: found, described, and taken out for detection.
//!
//! The trend is removed by the moving average over one mains period, which leaves a sinusoid of that period whole
//! and turns a ramp into nothing. A drop leaves a burst of one period, which is clipped at three robust standard
//! deviations and replaced by what the model says (iterated: a Huber M-estimate), so that even a drop in phase with
//! the hum does not pull the fit. The frequency is searched within [`SEARCH_HZ`] of 50 and 60 Hz on blocks
//! demodulated once. Three harmonics are fitted in half overlapping windows of [`WINDOW_PERIODS`] periods, since the
//! hum of a hall swells and fades; amplitudes are interpolated between them.
//!
//! With barely two samples a period sine and cosine cannot be told apart; there whatever alternates from sample to
//! sample is called hum.
//!
//! Deliberately absent: hum whose frequency is aliased (rates below [`SAMPLES_PER_PERIOD_MIN`] samples a period).

use std::f64::consts::TAU;

/// Mains frequencies of the world, Hz.
const MAINS_HZ: [f64; 2] = [50.0, 60.0];
/// How far the mains frequency, or the tester's clock, may be off, Hz.
const SEARCH_HZ: f64 = 0.6;
/// With fewer samples a period, hum is aliased.
const SAMPLES_PER_PERIOD_MIN: f64 = 1.98;
/// With fewer samples a period, it alternates.
const SAMPLES_PER_PERIOD_FIT: f64 = 2.2;
/// Correlation of neighbours around the trend that only alternation gives (white noise: -2/3).
const ALTERNATION: f64 = -0.85;
/// Fewer periods than this are no hum but a bump.
const PERIODS_MIN: f64 = 4.0;
/// Share of the variance around the trend that a sinusoid must explain to be called hum.
const EXPLAINED_MIN: f64 = 0.2;
/// Length of a window, in periods: long beside a drop, short beside the swelling of hum.
const WINDOW_PERIODS: f64 = 8.0;
/// Harmonics fitted, the fundamental included.
const HARMONICS: usize = 3;
/// Clip of residuals in robust standard deviations.
const CLIP: f64 = 3.0;
/// MAD to standard deviation of a normal law.
const MAD_TO_SD: f64 = 1.4826;

/// The hum of a trace.
#[derive(Clone, Debug)]
pub struct Hum {
    /// Fundamental, Hz.
    pub frequency_hz: f64,
    /// Root mean square over the trace, N.
    pub rms_n: f64,
    /// The fitted hum at every sample, N.
    pub force_n: Vec<f64>,
}

/// Periods of the mains frequencies, in samples.
pub fn periods(rate_hz: f64) -> [f64; 2] {
    MAINS_HZ.map(|mains_hz| rate_hz / mains_hz)
}

/// The hum in `force_n`, sampled at `t_s` with `rate_hz`; `None` where there is none to speak of.
pub fn fit(t_s: &[f64], force_n: &[f64], rate_hz: f64) -> Option<Hum> {
    let best = MAINS_HZ
        .iter()
        .filter(|mains_hz| rate_hz >= SAMPLES_PER_PERIOD_MIN * *mains_hz)
        .filter(|mains_hz| force_n.len() as f64 >= PERIODS_MIN * rate_hz / *mains_hz)
        .map(|mains_hz| fit_near(t_s, force_n, rate_hz, *mains_hz))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    (best.1 >= EXPLAINED_MIN).then_some(best.0)
}

/// Hum near `mains_hz`, and the share of the variance around the trend that it explains.
fn fit_near(t_s: &[f64], force_n: &[f64], rate_hz: f64, mains_hz: f64) -> (Hum, f64) {
    let period = rate_hz / mains_hz;
    if period < SAMPLES_PER_PERIOD_FIT {
        return alternation(force_n, period, mains_hz);
    }
    let edge = (period / 2.0).ceil() as usize + 1;
    let around = trend_free(force_n, period);
    let inner = edge..around.len().saturating_sub(edge).max(edge);
    let (t_inner, around) = (&t_s[inner.clone()], &around[inner]);
    let clip = CLIP * robust_sd(around);
    let clipped: Vec<f64> = around.iter().map(|value| clipped_at(clip, *value)).collect();
    let frequency_hz = frequency(t_inner, &clipped, mains_hz);
    let harmonics = (1..=HARMONICS).filter(|order| *order as f64 * frequency_hz < 0.45 * rate_hz).count().max(1);
    let track = track(t_inner, around, TAU * frequency_hz, harmonics, (WINDOW_PERIODS * period) as usize);
    let values = evaluate(&track, t_s, TAU * frequency_hz);
    let left: Vec<f64> = around.iter().zip(&values[edge..]).map(|(value, hum)| value - hum).collect();
    let clip = CLIP * robust_sd(&left);
    let square = |values: &[f64]| values.iter().map(|v| clipped_at(clip, *v).powi(2)).sum::<f64>();
    let of_hum: f64 = values[edge..].iter().take(left.len()).map(|v| v * v).sum();
    let explained = if of_hum > 0.0 { of_hum / (of_hum + square(&left)) } else { 0.0 };
    let rms_n = (of_hum / left.len().max(1) as f64).sqrt();
    (Hum { frequency_hz, rms_n, force_n: values }, explained)
}

/// Cosine and sine amplitudes of each harmonic.
type Amplitudes = [(f64, f64); HARMONICS];

/// Amplitudes in windows of `rows` samples, half overlapping, each at the time of its middle.
fn track(t_s: &[f64], around: &[f64], omega: f64, harmonics: usize, rows: usize) -> Vec<(f64, Amplitudes)> {
    let windows = (2 * around.len() / rows.max(1)).saturating_sub(1).max(1);
    let last = around.len().saturating_sub(rows);
    let window = |index: usize| {
        let start = if windows == 1 { 0 } else { last * index / (windows - 1) };
        let end = (start + rows).min(around.len());
        let middle = t_s.get((start + end) / 2).copied().unwrap_or(0.0);
        (middle, amplitudes(&t_s[start..end], &around[start..end], omega, harmonics))
    };
    (0..windows).map(window).collect()
}

/// Huber's estimate of the amplitudes, which are taken as constant over `t_s`.
fn amplitudes(t_s: &[f64], around: &[f64], omega: f64, harmonics: usize) -> Amplitudes {
    const ROUNDS: usize = 6;
    let mut found = [(0.0, 0.0); HARMONICS];
    let clip = CLIP * robust_sd(around);
    let mut clipped: Vec<f64> = around.iter().map(|value| clipped_at(clip, *value)).collect();
    for _ in 0..ROUNDS {
        for (order, amplitude) in (1..).zip(found.iter_mut()).take(harmonics) {
            *amplitude = project(t_s, &clipped, omega * f64::from(order));
        }
        let hum = evaluate(&[(0.0, found)], t_s, omega);
        let left: Vec<f64> = around.iter().zip(&hum).map(|(value, hum)| value - hum).collect();
        let clip = CLIP * robust_sd(&left);
        clipped.iter_mut().zip(hum.iter().zip(&left)).for_each(|(c, (hum, left))| *c = hum + clipped_at(clip, *left));
    }
    found
}

/// The hum at `t_s`: amplitudes interpolated between the windows, level beyond them.
fn evaluate(track: &[(f64, Amplitudes)], t_s: &[f64], omega: f64) -> Vec<f64> {
    let mut after = 0;
    let at = |t: &f64| {
        while after < track.len() && track[after].0 < *t {
            after += 1;
        }
        let (Some(left), Some(right)) = (track.get(after.saturating_sub(1)), track.get(after).or(track.last())) else {
            return 0.0;
        };
        let span = right.0 - left.0;
        let share = if span > 0.0 { ((t - left.0) / span).clamp(0.0, 1.0) } else { 0.0 };
        let (s1, c1) = (omega * t).sin_cos();
        // Harmonics by rotation: cos(k x) and sin(k x) from those before.
        let (mut s, mut c, mut hum) = (s1, c1, 0.0);
        for (a, b) in left.1.iter().zip(&right.1) {
            hum += (a.0 + (b.0 - a.0) * share) * c + (a.1 + (b.1 - a.1) * share) * s;
            (s, c) = (s * c1 + c * s1, c * c1 - s * s1);
        }
        hum
    };
    t_s.iter().map(at).collect()
}

/// Standard deviation of what is left of `hum` in `force_n`, an average over samples of a trace without it: robust
/// scatter around the trend of one period.
pub fn rest(hum: &Hum, force_n: &[f64], rate_hz: f64) -> f64 {
    robust_sd(&trend_free(force_n, rate_hz / hum.frequency_hz))
}

/// What alternates in `force_n`, and 1 where that is hum.
fn alternation(force_n: &[f64], period: f64, mains_hz: f64) -> (Hum, f64) {
    let around = trend_free(force_n, period);
    let clip = CLIP * robust_sd(&around);
    // A spike is left for the despiking, which needs its neighbours as they were.
    let clipped: Vec<f64> = around.iter().map(|value| clipped_at(clip, *value)).collect();
    let square: f64 = clipped.iter().map(|value| value * value).sum();
    let neighbours: f64 = clipped.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let rms_n = (square / force_n.len().max(1) as f64).sqrt();
    let share = if neighbours < ALTERNATION * square { 1.0 } else { 0.0 };
    (Hum { frequency_hz: mains_hz, rms_n, force_n: clipped }, share)
}

/// `values` less their moving average over `period` samples (not a whole number: the two outermost count in part).
fn trend_free(values: &[f64], period: f64) -> Vec<f64> {
    let half = (period - 1.0) / 2.0;
    let whole = half.floor() as usize;
    let part = half - half.floor();
    let mut sums = Vec::with_capacity(values.len() + 1);
    sums.push(0.0);
    let mut sum = 0.0;
    for value in values {
        sum += value;
        sums.push(sum);
    }
    let last = values.len().saturating_sub(1);
    (0..values.len())
        .map(|row| {
            let (from, to) = (row.saturating_sub(whole), (row + whole).min(last));
            let (before, after) = (row.saturating_sub(whole + 1), (row + whole + 1).min(last));
            let total = sums[to + 1] - sums[from] + part * (values[before] + values[after]);
            values[row] - total / ((to - from + 1) as f64 + 2.0 * part)
        })
        .collect()
}

/// Cosine and sine amplitudes of `values` at `omega` (least squares over many periods).
fn project(t_s: &[f64], values: &[f64], omega: f64) -> (f64, f64) {
    let (mut cc, mut ss, mut cs, mut cv, mut sv) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (t, value) in t_s.iter().zip(values) {
        let (s, c) = (omega * t).sin_cos();
        cc += c * c;
        ss += s * s;
        cs += c * s;
        cv += c * value;
        sv += s * value;
    }
    let determinant = cc * ss - cs * cs;
    if determinant <= 1e-6 * (cc + ss).powi(2) {
        // Two samples a period: one of the two vanishes at every sample.
        return if cc > ss { (cv / cc, 0.0) } else { (0.0, if ss > 0.0 { sv / ss } else { 0.0 }) };
    }
    ((cv * ss - sv * cs) / determinant, (sv * cc - cv * cs) / determinant)
}

/// The frequency near `mains_hz` at which `values` are strongest.
fn frequency(t_s: &[f64], values: &[f64], mains_hz: f64) -> f64 {
    const PERIODS_A_BLOCK: f64 = 4.0;
    let (Some(first), Some(last)) = (t_s.first(), t_s.last()) else {
        return mains_hz;
    };
    let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
    let mut end = f64::NEG_INFINITY;
    for (t, value) in t_s.iter().zip(values) {
        if *t >= end {
            end = t + PERIODS_A_BLOCK / mains_hz;
            blocks.push((t + 0.5 * PERIODS_A_BLOCK / mains_hz, 0.0, 0.0));
        }
        if let Some((_, re, im)) = blocks.last_mut() {
            let (s, c) = (TAU * mains_hz * t).sin_cos();
            *re += value * c;
            *im -= value * s;
        }
    }
    // A hundredth of a period over the whole is fine enough.
    let steps = (SEARCH_HZ * (last - first) * 100.0).ceil().clamp(1.0, 4000.0) as i32;
    let power = |step: i32| {
        let offset_hz = SEARCH_HZ * f64::from(step) / f64::from(steps);
        let (mut re, mut im) = (0.0, 0.0);
        for (t, block_re, block_im) in &blocks {
            let (s, c) = (TAU * offset_hz * t).sin_cos();
            re += block_re * c + block_im * s;
            im += block_im * c - block_re * s;
        }
        (offset_hz, re * re + im * im)
    };
    let best = (-steps..=steps).map(power).max_by(|a, b| a.1.total_cmp(&b.1));
    mains_hz + best.map_or(0.0, |(offset_hz, _)| offset_hz)
}

/// `value`, at most `limit` from zero (unlike `clamp`, no panic for a limit that is not a number).
fn clipped_at(limit: f64, value: f64) -> f64 {
    if value.abs() > limit { limit.copysign(value) } else { value }
}

/// Standard deviation from the median of absolute values (about zero).
fn robust_sd(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mut sizes: Vec<f64> = values.iter().map(|value| value.abs()).collect();
    let middle = sizes.len() / 2;
    let (_, median, _) = sizes.select_nth_unstable_by(middle, f64::total_cmp);
    MAD_TO_SD * *median
}

#[cfg(test)]
mod tests {
    use super::{TAU, fit};
    use crate::prng::Stream;

    #[test]
    fn hum_is_found_beside_a_drop_in_phase_with_it() {
        let mut noise = Stream::named(3, "hum");
        for (rate_hz, rows, mains_hz) in [(400.0, 240, 50.1), (1000.0, 1500, 59.8), (10_000.0, 9000, 50.3)] {
            let t_s: Vec<f64> = (0..rows).map(|row| f64::from(row) / rate_hz).collect();
            let drop_s = (t_s[t_s.len() / 2] * mains_hz).floor() / mains_hz + 0.25 / mains_hz;
            let hum = |t: f64| 0.042 * (TAU * mains_hz * t).sin();
            let force = |t: f64| if t < drop_s { 0.5 * t * t } else { 0.02 };
            let force_n: Vec<f64> = t_s.iter().map(|t| force(*t) + hum(*t) + 0.002 * noise.normal()).collect();
            let found = fit(&t_s, &force_n, rate_hz).expect("hum");
            assert!((found.frequency_hz - mains_hz).abs() < 0.2, "{rate_hz}: {}", found.frequency_hz);
            let rms = t_s.iter().zip(&found.force_n).map(|(t, f)| (f - hum(*t)).powi(2)).sum::<f64>() / f64::from(rows);
            assert!(rms.sqrt() < 0.004, "{rate_hz}: {} N left", rms.sqrt());
        }
    }

    #[test]
    fn noise_and_drops_are_no_hum() {
        let mut noise = Stream::named(4, "no hum");
        let t_s: Vec<f64> = (0..800).map(|row| f64::from(row) / 400.0).collect();
        let force_n: Vec<f64> =
            t_s.iter().map(|t| if *t < 1.2 { t * 0.3 } else { 0.05 } + 0.003 * noise.normal()).collect();
        assert!(fit(&t_s, &force_n, 400.0).is_none());
        assert!(fit(&t_s[..30], &force_n[..30], 400.0).is_none());
        assert!(fit(&[], &[], 400.0).is_none());
    }
}
