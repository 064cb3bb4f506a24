//! What the force channel shows while nothing touches: offset, slow drift, hum of the mains, vibration of the pen.
//!
//! A running pen shakes the bench by millinewtons at its own rate: as much as a needle's friction changes over a
//! tenth of a millimetre, and at the very rate at which strokes are looked at, so it must be known and taken off.
//! Offset and two tones (near the rate that the pen was told, and the mains) are fitted to quiet samples, first to
//! the start of the scan, then, stroke by stroke, to the quiet part before each touch, with an exponential memory
//! (recursive least squares in information form), so that drift and slow phase are followed.

use crate::measure::dynamic::linear::{dot, inverse, times};
use std::f64::consts::TAU;

/// Offset, and cosine and sine of two tones.
const TERMS: usize = 5;
/// Strokes that the memory holds.
const MEMORY_STROKES: f64 = 20.0;
/// Information on the tones that is never forgotten, as a number of quiet samples: lets them change only slowly, so
/// that they stay apart from the offset where strokes are locked to them.
const KEPT_SAMPLES: f64 = 3000.0;

/// How far the stroke's tone and the mains may be from what is told, as shares.
const SEARCH: [f64; 2] = [0.03, 0.012];

/// Samples beyond which noise is white, however it was filtered.
const ALIKE_SAMPLES: usize = 16;

/// Gain in explained squares, in variances of the noise, from which a frequency is preferred to the told one.
const TOLD_NOISE: f64 = 20.0;

/// The background and how it is followed.
#[derive(Clone, Debug)]
pub struct Background {
    /// Frequencies, radians per sample.
    omega: [f64; 2],
    information: [[f64; TERMS]; TERMS],
    right: [f64; TERMS],
    state: [f64; TERMS],
    /// By how much the offset lags behind a channel that drifts, N: what the samples that it was last taken from lay
    /// above it, in the mean (double exponential smoothing).
    lag_n: f64,
    /// Stretches in a row that were not quiet.
    refused: u32,
    /// SD of the samples about the fit, N.
    pub noise_n: f64,
}

impl Background {
    /// Fits quiet samples, the first of which is sample `first` of the capture. `None` for fewer than 100.
    pub fn fit(quiet_n: &[f64], first: f64, rate_hz: f64, stroke_hz: f64) -> Option<Self> {
        if quiet_n.len() < 100 {
            return None;
        }
        let per_sample = TAU / rate_hz;
        let mut omega = [stroke_hz * per_sample, 50.0 * per_sample];
        // Mains: 50 or 60 Hz, whichever explains more; then the stroke's own tone within 3 %.
        let power = |tones: [f64; 2]| Self::solve(quiet_n, first, tones).map_or(0.0, |(_, explained)| explained);
        if power([omega[0], 60.0 * per_sample]) > power(omega) {
            omega[1] = 60.0 * per_sample;
        }
        if (omega[1] / omega[0] - 1.0).abs() < 0.05 {
            // The mains and the pen share one tone; the second is put where it does no harm.
            omega[1] = 2.0 * omega[0];
        }
        // What is told is kept where another frequency explains no more than noise can: it is then the exact one.
        for (tone, search) in SEARCH.iter().enumerate() {
            let mut found = omega;
            found[tone] = Self::strongest(quiet_n, first, omega, tone, *search);
            let density = Self::solve(quiet_n, first, found).map_or(f64::INFINITY, |(state, _)| {
                let rest = quiet_n.iter().zip(Rows::new(&found, first)).map(|(force, row)| force - dot(&row, &state));
                density(&rest.collect::<Vec<f64>>())
            });
            if power(found) - power(omega) > TOLD_NOISE * density {
                omega = found;
            }
        }
        let (state, _) = Self::solve(quiet_n, first, omega)?;
        let mut background = Self {
            omega,
            information: [[0.0; TERMS]; TERMS],
            right: [0.0; TERMS],
            state,
            lag_n: 0.0,
            refused: 0,
            noise_n: 0.0,
        };
        let rows = Rows::new(&omega, first);
        let squares = quiet_n.iter().zip(rows).map(|(force, row)| (force - dot(&row, &state)).powi(2));
        background.noise_n = (squares.sum::<f64>() / quiet_n.len() as f64).sqrt().max(1e-9);
        for (k, value) in state.iter().enumerate() {
            let weight = if k == 0 { MEMORY_STROKES } else { 0.5 * KEPT_SAMPLES };
            background.information[k][k] = weight;
            background.right[k] = weight * value;
        }
        Some(background)
    }

    /// Frequency of a tone, within a share of what is told, at which what the others leave is strongest. The samples are
    /// demodulated once in blocks that are short beside the beat of any two frequencies tried (Goertzel 1958).
    fn strongest(quiet_n: &[f64], first: f64, omega: [f64; 2], tone: usize, search: f64) -> f64 {
        let told = omega[tone];
        let Some((mut others, _)) = Self::solve(quiet_n, first, omega) else { return told };
        let (cos, sin) = (1 + 2 * tone, 2 + 2 * tone);
        (others[cos], others[sin]) = (0.0, 0.0);
        let block = ((0.25 / (search * told / TAU)) as usize).clamp(8, 512);
        let blocks: Vec<(f64, f64, f64)> = quiet_n
            .chunks(block)
            .enumerate()
            .map(|(k, part)| {
                let start = k * block;
                let rest = part.iter().zip(Rows::new(&omega, first + start as f64));
                let (re, im) = rest.fold((0.0, 0.0), |(re, im), (force, row)| {
                    let left = force - dot(&row, &others);
                    (re + left * row[cos], im - left * row[sin])
                });
                (start as f64 + 0.5 * part.len() as f64, re, im)
            })
            .collect();
        let step = (0.25 / quiet_n.len() as f64).min(0.01 * told / TAU) * TAU;
        let reach = (search * told / step).ceil() as i32;
        let power = |k: i32| {
            let (re, im) = blocks.iter().fold((0.0, 0.0), |(re, im), (at, a, b)| {
                let (sin, cos) = (f64::from(k) * step * at).sin_cos();
                (re + a * cos + b * sin, im + b * cos - a * sin)
            });
            re * re + im * im
        };
        let powers: Vec<f64> = (-reach..=reach).map(power).collect();
        let best = (1..powers.len() - 1).max_by(|a, b| powers[*a].total_cmp(&powers[*b]));
        let Some(best) = best else { return told };
        // Vertex of the parabola through the best and its neighbours.
        let (before, after) = (powers[best - 1] - powers[best], powers[best + 1] - powers[best]);
        let vertex = if before + after < 0.0 { 0.5 * (before - after) / (before + after) } else { 0.0 };
        told + (best as f64 - f64::from(reach) + vertex.clamp(-1.0, 1.0)) * step
    }

    /// Background at a sample, N.
    pub fn at(&self, sample: f64) -> f64 {
        Rows::new(&self.omega, sample).next().map_or(0.0, |row| dot(&row, &self.state) + self.lag_n)
    }

    /// Offset, N.
    pub fn offset_n(&self) -> f64 {
        self.state[0] + self.lag_n
    }

    /// Frequency of the mains, Hz, and amplitude of its hum, N, for a channel sampled at `rate_hz`; `None` where the pen
    /// strokes at the frequency of the mains.
    pub fn hum(&self, rate_hz: f64) -> Option<(f64, f64)> {
        let hz = self.omega[1] * rate_hz / TAU;
        let mains = [50.0, 60.0].iter().any(|mains| (hz / mains - 1.0_f64).abs() < 0.01);
        mains.then(|| (hz, self.state[3].hypot(self.state[4])))
    }

    /// Takes the background off consecutive samples, the first of which is `first`.
    pub fn subtract(&self, first: f64, force_n: &mut [f64]) {
        for (force, row) in force_n.iter_mut().zip(Rows::new(&self.omega, first)) {
            *force -= dot(&row, &self.state) + self.lag_n;
        }
    }

    /// Follows: quiet samples before a touch, the first of which is `first`. A stretch that rises or falls is contact
    /// and never followed; one that is level but elsewhere only where ten in a row say the same.
    pub fn follow(&mut self, first: f64, quiet_n: &[f64]) {
        let half = quiet_n.len() / 2;
        let apart = |from: usize, to: usize| {
            let rows = Rows::new(&self.omega, first + from as f64);
            let left =
                quiet_n[from..to].iter().zip(rows).map(|(force, row)| force - dot(&row, &self.state) - self.lag_n);
            left.sum::<f64>() / (to - from).max(1) as f64
        };
        let (early, late) = (apart(0, half), apart(half, quiet_n.len()));
        if (late - early).abs() > 3.0 * self.noise_n {
            return;
        }
        if (0.5 * (early + late)).abs() > 3.0 * self.noise_n && self.refused < 10 {
            self.refused += 1;
            return;
        }
        self.refused = 0;
        let keep = 1.0 - 1.0 / MEMORY_STROKES;
        self.information.iter_mut().flatten().for_each(|value| *value *= keep);
        self.right.iter_mut().for_each(|value| *value *= keep);
        // The tones of the start pull weakly, the offset is free.
        let pull = KEPT_SAMPLES / (2.0 * MEMORY_STROKES);
        for k in 1..TERMS {
            self.information[k][k] += pull;
            self.right[k] += pull * self.state[k];
        }
        for (force, row) in quiet_n.iter().zip(Rows::new(&self.omega, first)) {
            self.add(&row, *force, 1.0);
        }
        if let Some(inverse) = inverse(self.information) {
            self.state = times(&inverse, &self.right);
        }
        let rows = Rows::new(&self.omega, first);
        let left: f64 = quiet_n.iter().zip(rows).map(|(force, row)| force - dot(&row, &self.state)).sum();
        self.lag_n += (left / quiet_n.len() as f64 - self.lag_n) / MEMORY_STROKES;
    }

    fn add(&mut self, row: &[f64; TERMS], force_n: f64, weight: f64) {
        for i in 0..TERMS {
            self.right[i] += weight * row[i] * force_n;
            for j in 0..TERMS {
                self.information[i][j] += weight * row[i] * row[j];
            }
        }
    }

    /// Least-squares coefficients and the sum of squares that they explain.
    fn solve(quiet_n: &[f64], first: f64, omega: [f64; 2]) -> Option<([f64; TERMS], f64)> {
        let mut normal = [[0.0; TERMS]; TERMS];
        let mut right = [0.0; TERMS];
        for (force, row) in quiet_n.iter().zip(Rows::new(&omega, first)) {
            for i in 0..TERMS {
                right[i] += row[i] * force;
                for j in 0..TERMS {
                    normal[i][j] += row[i] * row[j];
                }
            }
        }
        let state = times(&inverse(normal)?, &right);
        Some((state, state.iter().zip(&right).map(|(a, b)| a * b).sum()))
    }
}

/// Variance of a sample of white noise that is as strong at low frequencies as this: neighbours in a filtered signal are
/// alike, and say less than as many samples would.
fn density(rest_n: &[f64]) -> f64 {
    let sums = rest_n.chunks_exact(ALIKE_SAMPLES).map(|part| part.iter().sum::<f64>().powi(2));
    sums.sum::<f64>() / rest_n.len() as f64
}

/// Offset and tones, sample by sample. A rotation a sample, set anew now and then, so that rounding cannot grow.
struct Rows {
    omega: [f64; 2],
    steps: [(f64, f64); 2],
    turns: [(f64, f64); 2],
    sample: f64,
    left: u32,
}

impl Rows {
    /// Rotations before the angle is computed anew.
    const ROTATIONS: u32 = 1024;

    fn new(omega: &[f64; 2], sample: f64) -> Self {
        Self { omega: *omega, steps: omega.map(f64::sin_cos), turns: [(0.0, 1.0); 2], sample, left: 0 }
    }
}

impl Iterator for Rows {
    type Item = [f64; TERMS];

    fn next(&mut self) -> Option<[f64; TERMS]> {
        if self.left == 0 {
            self.turns = self.omega.map(|omega| (omega * self.sample).sin_cos());
            self.left = Self::ROTATIONS;
        }
        let [(s0, c0), (s1, c1)] = self.turns;
        for (turn, step) in self.turns.iter_mut().zip(&self.steps) {
            *turn = (turn.0 * step.1 + turn.1 * step.0, turn.1 * step.1 - turn.0 * step.0);
        }
        self.sample += 1.0;
        self.left -= 1;
        Some([1.0, c0, s0, c1, s1])
    }
}

#[cfg(test)]
mod tests {
    use super::Background;
    use crate::prng::Stream;

    #[test]
    fn offset_hum_and_vibration_are_taken_off_and_followed() {
        let mut noise = Stream::named(1, "background");
        let mut force = |k: usize| {
            let t = k as f64 / 6000.0;
            let tone = |hz: f64, phase: f64| (std::f64::consts::TAU * hz * t + phase).sin();
            0.02 + 0.001 * t + 0.004 * tone(90.13, 1.0) + 0.001 * tone(50.0, 0.3) + 0.001 * noise.normal()
        };
        let signal: Vec<f64> = (0..60_000).map(&mut force).collect();
        let mut background = Background::fit(&signal[..3000], 0.0, 6000.0, 90.0).expect("long enough");
        assert!((background.noise_n - 0.001).abs() < 1e-4);
        let mut start = 3000.0_f64;
        while start < 59_900.0 {
            let from = start as usize;
            background.follow(from as f64, &signal[from..from + 14]);
            start += 66.3;
        }
        let mut rest = signal[59_900..60_000].to_vec();
        background.subtract(59_900.0, &mut rest);
        let mean = rest.iter().sum::<f64>() / 100.0;
        let sd = (rest.iter().map(|f| f * f).sum::<f64>() / 100.0).sqrt();
        assert!(mean.abs() < 5e-4 && sd < 1.5e-3, "{mean} {sd}");
    }
}
