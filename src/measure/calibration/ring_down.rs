//! Natural frequency and damping of the cell from its free ring-down after taps.
//!
//! After a tap is over the cell moves as `c + exp(-ζωt)·(a·cos ω_d t + b·sin ω_d t)`, whatever the tap was. Frequency and
//! damping are found by least squares with a, b, c eliminated (variable projection, Golub and Pereyra 1973), each tap on
//! its own; the covariance of the fit and the scatter of the taps give u, the larger of the two.
//!
//! A fit begins where the force has come back through its resting value after the peak, so that the tap itself, whose
//! course nobody knows, is left out; it ends where the ringing drowns in noise.

use super::{Refused, mean_and_u};
use crate::{
    measure::screen::median,
    uncertainty::{Budget, Measured},
};
use std::f64::consts::TAU;

/// Fewest taps that ring.
pub const TAPS_MIN: usize = 3;
/// A tap peaks above this multiple of the noise.
const PEAK_OVER_NOISE: f64 = 50.0;
/// The fit ends with the block whose RMS is below this multiple of the noise.
const END_OVER_NOISE: f64 = 2.0;
/// Time of rest before a tap, and longest time that is fitted after one, s.
const REST_S: f64 = 0.03;
const FIT_MAX_S: f64 = 0.2;
/// Two taps are at least this far apart, s.
const APART_S: f64 = 0.25;
/// Fewest samples of a fit: two nonlinear and three linear parameters, and as many to judge them by.
const SAMPLES_MIN: usize = 10;
/// Samples and frequencies of the search for a start.
const START_SAMPLES: usize = 64;
const START_FREQUENCIES: u32 = 150;
/// A ring-down that leaves more than this share of its variance, and more than this multiple of the noise, is none of
/// one mass on one spring.
const LEFT_MAX: f64 = 0.02;
const NOISE_LEFT_MAX: f64 = 2.0;

/// Result of a response calibration.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// Undamped natural frequency, Hz.
    pub natural_hz: Measured,
    /// Damping ratio.
    pub damping: Measured,
    /// Taps that were used.
    pub taps: usize,
    /// Taps that could not be used, with the reason.
    pub left_out: Vec<String>,
}

/// The response from a record of force, N, at a sample rate, Hz, in which somebody taps the cell now and then.
///
/// # Errors
///
/// [`Refused`] with fewer than [`TAPS_MIN`] taps that ring; the message says what was wrong with the others.
pub fn response(forces_n: &[f64], sample_rate_hz: f64) -> Result<Response, Refused> {
    let rest = Rest::of(forces_n);
    let peaks = rest.peaks(forces_n, sample_rate_hz);
    let (mut fits, mut left_out) = (Vec::new(), Vec::new());
    for peak in peaks {
        match ring(forces_n, peak, &rest, sample_rate_hz) {
            Ok(fit) => fits.push(fit),
            Err(why) => left_out.push(format!("tap at {:.2} s: {why}", peak as f64 / sample_rate_hz)),
        }
    }
    if fits.len() < TAPS_MIN {
        return Err(Refused::because(format!(
            "{} taps rang, at least {TAPS_MIN} are needed (short taps with a light hard object, half a second apart){}{}",
            fits.len(),
            if left_out.is_empty() { "" } else { "; " },
            left_out.join("; ")
        )));
    }
    let combined = |of: fn(&Fit) -> (f64, f64)| {
        let values: Vec<f64> = fits.iter().map(|fit| of(fit).0).collect();
        let n = values.len() as f64;
        let (mean, scatter) = mean_and_u(&values);
        let fitted = fits.iter().map(|fit| of(fit).1.powi(2)).sum::<f64>().sqrt() / n;
        let mut budget = Budget::default();
        if scatter >= fitted {
            budget.common("scatter of the taps", scatter, Some(n - 1.0));
        } else {
            budget.common("fit of the ring-down", fitted, None);
        }
        Measured::new(mean, budget)
    };
    Ok(Response {
        natural_hz: combined(|fit| (fit.natural_hz, fit.natural_u_hz)),
        damping: combined(|fit| (fit.damping, fit.damping_u)),
        taps: fits.len(),
        left_out,
    })
}

/// The record at rest: median and robust SD, so that taps do not count.
struct Rest {
    median_n: f64,
    noise_n: f64,
}

impl Rest {
    fn of(forces_n: &[f64]) -> Self {
        let median = |values: &mut [f64]| median(values).unwrap_or(0.0);
        let median_n = median(&mut forces_n.to_vec());
        let mut off: Vec<f64> = forces_n.iter().map(|force_n| (force_n - median_n).abs()).collect();
        // 1.4826 makes the median deviation an SD for normal noise.
        let noise_n = 1.4826 * median(&mut off);
        Self { median_n, noise_n }
    }

    /// Sample numbers of the largest force of each tap.
    fn peaks(&self, forces_n: &[f64], sample_rate_hz: f64) -> Vec<usize> {
        let threshold_n = (PEAK_OVER_NOISE * self.noise_n).max(f64::MIN_POSITIVE);
        let apart = (APART_S * sample_rate_hz) as usize;
        let (mut peaks, mut index) = (Vec::new(), 0);
        while index < forces_n.len() {
            if forces_n[index] - self.median_n < threshold_n {
                index += 1;
                continue;
            }
            // The tap's own peak is within a few milliseconds of its onset, whatever the ringing does after it.
            let end = (index + (0.005 * sample_rate_hz) as usize + 1).min(forces_n.len());
            let peak = (index..end).max_by(|a, b| forces_n[*a].total_cmp(&forces_n[*b])).unwrap_or(index);
            peaks.push(peak);
            index += apart;
        }
        peaks
    }
}

/// What one tap gives.
struct Fit {
    natural_hz: f64,
    natural_u_hz: f64,
    damping: f64,
    damping_u: f64,
}

fn ring(forces_n: &[f64], peak: usize, rest: &Rest, sample_rate_hz: f64) -> Result<Fit, String> {
    let before = peak.saturating_sub((REST_S * sample_rate_hz) as usize);
    let quiet = &forces_n[before..peak.saturating_sub((0.005 * sample_rate_hz) as usize).max(before)];
    if quiet.len() < SAMPLES_MIN {
        return Err("no rest before it".to_owned());
    }
    let level_n = mean_and_u(quiet).0;
    let longest = (peak + (FIT_MAX_S * sample_rate_hz) as usize).min(forces_n.len());
    let Some(crossed) = (peak..longest).find(|&index| forces_n[index] < level_n) else {
        return Err("the force did not swing back through rest: the cell is overdamped or still loaded".to_owned());
    };
    // From the peak to the crossing is a quarter of a period or more, so that a block sees the whole of one.
    let block = SAMPLES_MIN.max(4 * (crossed - peak));
    let rings = |block: &[f64]| {
        let squares: f64 = block.iter().map(|force_n| (force_n - level_n).powi(2)).sum();
        squares > (END_OVER_NOISE * rest.noise_n).powi(2) * block.len() as f64
    };
    let ringing = forces_n[crossed..longest].chunks(block).take_while(|block| rings(block)).count();
    let samples = &forces_n[crossed..longest.min(crossed + (ringing + 1) * block)];
    if samples.len() < SAMPLES_MIN {
        return Err(format!(
            "only {} samples of ringing: tap harder or sample faster than {sample_rate_hz:.0} Hz",
            samples.len()
        ));
    }
    fit(samples, level_n, rest.noise_n, sample_rate_hz)
}

/// Least squares over (ω, ζ), the linear parameters eliminated; the constant is the level before the tap, fitted too.
fn fit(samples: &[f64], level_n: f64, noise_n: f64, sample_rate_hz: f64) -> Result<Fit, String> {
    let values: Vec<f64> = samples.iter().map(|force_n| force_n - level_n).collect();
    let total: f64 = values.iter().map(|value| value * value).sum();
    let cost = |samples: usize, ln_hz: f64, damping: f64| {
        let omega = TAU * ln_hz.exp() / sample_rate_hz;
        Projection::of(&values[..samples], omega, damping).map_or(f64::INFINITY, |projection| projection.left)
    };
    // A short record has broad valleys, which a grid finds; each doubling narrows them around what was found.
    let mut samples = values.len().min(START_SAMPLES);
    let (mut ln_hz, mut damping) = start(sample_rate_hz, |ln_hz, damping| cost(samples, ln_hz, damping));
    loop {
        (ln_hz, damping) = descend(ln_hz, damping, |ln_hz, damping| cost(samples, ln_hz, damping));
        if samples == values.len() {
            break;
        }
        samples = values.len().min(2 * samples);
    }
    let omega = TAU * ln_hz.exp() / sample_rate_hz;
    let found = Projection::of(&values, omega, damping).ok_or("it does not fit a ring-down")?;
    let noise = (NOISE_LEFT_MAX * noise_n).powi(2) * values.len() as f64;
    if found.left > (LEFT_MAX * total).max(noise) {
        let share = 100.0 * found.left / total;
        return Err(format!("one mass on one spring leaves {share:.0} % of its variance: something else rings too"));
    }
    let (ln_u, damping_u) = found.uncertainty(&values, omega, damping).ok_or("too little ringing for a fit")?;
    let natural_hz = ln_hz.exp();
    Ok(Fit { natural_hz, natural_u_hz: natural_hz * ln_u, damping, damping_u })
}

/// The best of a grid of frequencies (logarithmic, fine against the valleys of [`START_SAMPLES`]) and dampings.
fn start(sample_rate_hz: f64, cost: impl Fn(f64, f64) -> f64) -> (f64, f64) {
    let (lowest, highest) = (10.0_f64.ln(), (0.45 * sample_rate_hz).ln());
    let mut best = (f64::INFINITY, lowest, 0.1);
    for index in 0..=START_FREQUENCIES {
        let ln_hz = lowest + (highest - lowest) * f64::from(index) / f64::from(START_FREQUENCIES);
        for damping in [0.01, 0.05, 0.15, 0.3, 0.5, 0.75] {
            let left = cost(ln_hz, damping);
            if left < best.0 {
                best = (left, ln_hz, damping);
            }
        }
    }
    (best.1, best.2)
}

/// The linear part of the model at given ω (radians a sample) and ζ.
struct Projection {
    /// Sum of squares that is left.
    left: f64,
    /// Values of the model.
    model: Vec<f64>,
    basis: [Vec<f64>; 3],
}

impl Projection {
    fn of(values: &[f64], omega: f64, damping: f64) -> Option<Self> {
        if !(1e-4..0.98).contains(&damping) || omega.is_nan() || omega <= 0.0 {
            return None;
        }
        let turn = omega * (1.0 - damping * damping).sqrt();
        let wave = |of: fn(f64) -> f64| -> Vec<f64> {
            (0..values.len()).map(|k| (-damping * omega * k as f64).exp() * of(turn * k as f64)).collect()
        };
        let basis = [wave(f64::cos), wave(f64::sin), vec![1.0; values.len()]];
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        // Gram-Schmidt: the basis is far from parallel for the dampings that are allowed.
        let mut unit: Vec<Vec<f64>> = Vec::with_capacity(3);
        for column in &basis {
            let mut column = column.clone();
            let before = dot(&column, &column);
            for earlier in &unit {
                let along = dot(&column, earlier);
                column.iter_mut().zip(earlier).for_each(|(value, earlier)| *value -= along * earlier);
            }
            let length = dot(&column, &column);
            if length.is_nan() || length <= 1e-12 * before {
                return None;
            }
            column.iter_mut().for_each(|value| *value /= length.sqrt());
            unit.push(column);
        }
        let mut model = vec![0.0; values.len()];
        for column in &unit {
            let along = dot(values, column);
            model.iter_mut().zip(column).for_each(|(model, value)| *model += along * value);
        }
        let left = values.iter().zip(&model).map(|(value, model)| (value - model).powi(2)).sum();
        Some(Self { left, model, basis })
    }

    /// Standard uncertainties of ln ω and ζ from the curvature of the fit (Gauss-Newton covariance).
    fn uncertainty(&self, values: &[f64], omega: f64, damping: f64) -> Option<(f64, f64)> {
        let step = 1e-5;
        let by_omega = Self::of(values, omega * (1.0 + step), damping)?;
        let by_damping = Self::of(values, omega, damping + step)?;
        // The projected derivative: what of it the linear parameters cannot take up.
        let derivative = |other: &Self| -> Vec<f64> {
            other.model.iter().zip(&self.model).map(|(other, model)| (other - model) / step).collect()
        };
        let (d_omega, d_damping) = (derivative(&by_omega), derivative(&by_damping));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (oo, od, dd) = (dot(&d_omega, &d_omega), dot(&d_omega, &d_damping), dot(&d_damping, &d_damping));
        let determinant = oo * dd - od * od;
        let df = values.len() as f64 - 2.0 - self.basis.len() as f64;
        if determinant.is_nan() || determinant <= 0.0 || df < 1.0 {
            return None;
        }
        let variance = self.left / df;
        Some(((variance * dd / determinant).sqrt(), (variance * oo / determinant).sqrt()))
    }
}

/// Nelder and Mead's simplex in two dimensions (Computer Journal 7, 1965).
fn descend(ln_hz: f64, damping: f64, cost: impl Fn(f64, f64) -> f64) -> (f64, f64) {
    let at = |x: [f64; 2]| (cost(x[0], x[1]), x);
    let mut simplex = [at([ln_hz, damping]), at([ln_hz + 0.01, damping]), at([ln_hz, damping * 1.1 + 1e-3])];
    for _ in 0..400 {
        simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
        let [best, middle, worst] = simplex;
        if (best.1[0] - worst.1[0]).abs() + (best.1[1] - worst.1[1]).abs() < 1e-10 {
            break;
        }
        let centre = [0, 1].map(|axis| 0.5 * (best.1[axis] + middle.1[axis]));
        let along = |by: f64| at([0, 1].map(|axis| centre[axis] + by * (worst.1[axis] - centre[axis])));
        let reflected = along(-1.0);
        let better = if reflected.0 < best.0 {
            let expanded = along(-2.0);
            if expanded.0 < reflected.0 { expanded } else { reflected }
        } else if reflected.0 < middle.0 {
            reflected
        } else {
            along(if reflected.0 < worst.0 { -0.5 } else { 0.5 })
        };
        if better.0 < worst.0 {
            simplex[2] = better;
        } else {
            for corner in &mut simplex[1..] {
                *corner = at([0, 1].map(|axis| 0.5 * (corner.1[axis] + best.1[axis])));
            }
        }
    }
    simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
    (simplex[0].1[0], simplex[0].1[1])
}

#[cfg(test)]
mod tests {
    use super::response;
    use crate::prng::Stream;
    use std::f64::consts::TAU;

    /// Six seconds at 10 kHz of a mass on a spring that is tapped (half a sine of 0.3 ms, 2 N) every 0.6 s, integrated
    /// in steps of 1 µs (Störmer-Verlet), with noise.
    fn tapped(natural_hz: f64, damping: f64, noise_n: f64, seed: u64) -> Vec<f64> {
        let mut stream = Stream::named(seed, "taps");
        let (omega, h) = (TAU * natural_hz, 1e-6);
        let (mut y, mut v) = (0.0_f64, 0.0_f64);
        let mut forces_n = Vec::new();
        let mut tap_s = 0.3 + 1e-4 * stream.uniform();
        for step in 0..6_000_000_u32 {
            let t = f64::from(step) * h;
            if t > tap_s + 3e-4 {
                tap_s += 0.6 + 1e-4 * stream.uniform();
            }
            let phase = (t - tap_s) / 3e-4;
            let tap_n = if (0.0..1.0).contains(&phase) { 2.0 * (TAU * 0.5 * phase).sin() } else { 0.0 };
            // The drag at the middle of the step, else the frequency comes out wrong by ζωh/2.
            let drag = damping * omega * h;
            v = (v * (1.0 - drag) + h * omega * omega * (tap_n - y)) / (1.0 + drag);
            y += h * v;
            if step % 100 == 0 {
                forces_n.push(0.02 + y + noise_n * stream.normal());
            }
        }
        forces_n
    }

    #[test]
    fn frequency_and_damping_are_found_within_their_uncertainty() {
        for (natural_hz, damping) in [(180.0, 0.02), (320.0, 0.1), (891.4, 0.52), (600.0, 0.3)] {
            let (mut inside, mut all) = (0, 0);
            for seed in 0..8 {
                let found = response(&tapped(natural_hz, damping, 1.5e-3, seed), 10_000.0).unwrap();
                assert_eq!((found.taps, found.left_out.len()), (10, 0));
                for (value, truth) in [(&found.natural_hz, natural_hz), (&found.damping, damping)] {
                    all += 1;
                    inside += u32::from((value.value - truth).abs() <= 2.0 * value.u());
                    assert!((value.value / truth - 1.0).abs() < 0.02, "{natural_hz} {damping}: {value:?}");
                    assert!(value.u() < 0.01 * truth, "{value:?}");
                }
            }
            assert!(inside + 3 >= all, "{natural_hz} Hz, {damping}: {inside} of {all} within 2u");
        }
    }

    #[test]
    fn what_does_not_ring_is_refused_with_the_reason() {
        let refused = |forces_n: &[f64]| response(forces_n, 10_000.0).unwrap_err().to_string();
        assert!(refused(&[]).contains("0 taps rang"));
        assert!(refused(&vec![0.5; 20_000]).contains("0 taps rang"));
        let mut stream = Stream::named(1, "noise");
        let noise: Vec<f64> = (0..50_000).map(|_| 1e-3 * stream.normal()).collect();
        assert!(refused(&noise).contains("0 taps rang"));
        let mut pressed = noise.clone();
        pressed.iter_mut().skip(10_000).step_by(1).take(4_000).for_each(|force_n| *force_n += 1.0);
        assert!(refused(&pressed).contains("did not swing back"), "{}", refused(&pressed));
        let two: Vec<f64> = tapped(300.0, 0.1, 1e-3, 3)[..12_000].to_vec();
        assert!(refused(&two).contains("2 taps rang"), "{}", refused(&two));
        // Two resonances are not one.
        let (a, b) = (tapped(300.0, 0.02, 1e-3, 4), tapped(470.0, 0.02, 1e-3, 4));
        let both: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 0.5 * (a + b)).collect();
        assert!(refused(&both).contains("something else rings"), "{}", refused(&both));
    }
}
