//! What the force channel shows without contact: offset, drift and mains hum, estimated and taken out.
//!
//! All rows without contact share a drift of second order and one hum (fundamental and two harmonics, phase coherent
//! over the capture, its frequency found within 2 Hz of 50 and 60 Hz); each phase has its own offset, so that a tare
//! between two phases does no harm. Estimated by linear least squares.
//!
//! Deliberately absent: filters. A filter would smear the onset that is to be found.

use crate::measure::press::fit;
use std::{f64::consts::TAU, ops::Range};

/// Rows of one demodulation block, s.
const BLOCK_S: f64 = 0.04;
/// Smallest amplitude that is hum, in standard errors of an amplitude.
const DETECTION: f64 = 5.0;
/// Harmonics of the mains that are taken out.
const HARMONICS: usize = 3;

/// Mains hum of one capture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hum {
    /// Frequency of the fundamental, Hz.
    pub rate_hz: f64,
    /// Amplitude of the largest component, N.
    pub amplitude_n: f64,
}

/// Offset, drift, hum and noise of one capture.
#[derive(Clone, Debug)]
pub struct Background {
    /// Force without background, N, every row.
    pub force_n: Vec<f64>,
    /// Standard deviation of one reading about the background, N.
    pub noise_n: f64,
    /// The same from neighbouring rows alone, N: much smaller where the baseline is no baseline.
    pub noise_fast_n: f64,
    /// Standard uncertainty of the offset of a phase, N.
    pub offset_u_n: f64,
    /// Hum that was taken out.
    pub hum: Option<Hum>,
    /// Change of the drift over the capture, N.
    pub drift_n: f64,
    /// Largest difference between the offsets of two phases, N.
    pub step_n: f64,
}

/// The rows without contact of one phase, and the rows of the capture that its offset holds for.
#[derive(Clone, Debug)]
pub struct Quiet {
    /// Without contact.
    pub rows: Range<usize>,
    /// Where the offset holds.
    pub holds_for: Range<usize>,
}

/// Estimates and removes the background. `None` where there are too few rows without contact.
pub fn remove(t_s: &[f64], force_n: &[f64], quiet: &[Quiet]) -> Option<Background> {
    let count: usize = quiet.iter().map(|q| q.rows.len()).sum();
    let unknowns = quiet.len() + 2;
    if count < 40 + unknowns {
        return None;
    }
    let middle = 0.5 * (t_s.first()? + t_s.last()?);
    let span = (t_s.last()? - t_s.first()?).max(1e-9);
    let model = Basis { phases: quiet.len(), middle, span, hum: None };
    let plain = solve(&model, t_s, force_n, quiet)?;
    let residuals = residuals(&model, &plain, t_s, force_n, quiet);
    let found = strongest_hum(t_s, &residuals, quiet);
    let with_hum = found.and_then(|rate_hz| {
        let model = Basis { hum: Some(rate_hz), ..model };
        solve(&model, t_s, force_n, quiet).map(|solution| (model, solution))
    });
    let (model, solution) = with_hum.unwrap_or((model, plain));
    Some(finish(&model, &solution, t_s, force_n, quiet))
}

/// Columns of the linear model.
#[derive(Clone, Copy, Debug)]
struct Basis {
    phases: usize,
    middle: f64,
    span: f64,
    hum: Option<f64>,
}

impl Basis {
    fn len(&self) -> usize {
        self.phases + 2 + if self.hum.is_some() { 2 * HARMONICS } else { 0 }
    }

    fn fill(&self, phase: usize, t: f64, row: &mut [f64]) {
        row.fill(0.0);
        row[phase] = 1.0;
        let x = (t - self.middle) / self.span;
        row[self.phases] = x;
        row[self.phases + 1] = x * x;
        if let Some(rate) = self.hum {
            let (sin, cos) = (TAU * (rate * t).fract()).sin_cos();
            let (mut s, mut c) = (sin, cos);
            for k in 0..HARMONICS {
                row[self.phases + 2 + 2 * k] = s;
                row[self.phases + 3 + 2 * k] = c;
                (s, c) = (s * cos + c * sin, c * cos - s * sin);
            }
        }
    }
}

fn solve(basis: &Basis, t_s: &[f64], force_n: &[f64], quiet: &[Quiet]) -> Option<Vec<f64>> {
    let n = basis.len();
    let mut matrix = vec![0.0; n * n];
    let mut right = vec![0.0; n];
    let mut row = vec![0.0; n];
    for (phase, q) in quiet.iter().enumerate() {
        for i in q.rows.clone() {
            basis.fill(phase, t_s[i], &mut row);
            for a in 0..n {
                right[a] += row[a] * force_n[i];
                for b in 0..=a {
                    matrix[a * n + b] += row[a] * row[b];
                }
            }
        }
    }
    // Offsets of phases and the drift are nearly the same columns: a weak pull of the drift towards zero.
    let count: usize = quiet.iter().map(|q| q.rows.len()).sum();
    for k in 0..2 {
        let at = basis.phases + k;
        matrix[at * n + at] += 1e-4 * count as f64;
    }
    fit::cholesky(&mut matrix, n).then(|| {
        fit::solve(&matrix, n, &mut right);
        right
    })
}

fn residuals(basis: &Basis, solution: &[f64], t_s: &[f64], force_n: &[f64], quiet: &[Quiet]) -> Vec<Vec<f64>> {
    let mut row = vec![0.0; basis.len()];
    let mut residual = |phase: usize, i: usize| {
        basis.fill(phase, t_s[i], &mut row);
        force_n[i] - row.iter().zip(solution).map(|(a, b)| a * b).sum::<f64>()
    };
    quiet.iter().enumerate().map(|(phase, q)| q.rows.clone().map(|i| residual(phase, i)).collect()).collect()
}

/// The frequency of the strongest hum near 50 or 60 Hz or of its harmonics; `None` where there is none.
fn strongest_hum(t_s: &[f64], residuals: &[Vec<f64>], quiet: &[Quiet]) -> Option<f64> {
    let count: usize = residuals.iter().map(Vec::len).sum();
    let power: f64 = residuals.iter().flatten().map(|r| r * r).sum::<f64>() / count as f64;
    let mut best = (0.0, 0.0);
    for mains in [50.0, 60.0] {
        for harmonic in 1..=HARMONICS {
            let carrier = mains * harmonic as f64;
            let blocks = demodulated(t_s, residuals, quiet, carrier);
            for step in -40..=40 {
                let offset = f64::from(step) * 0.05;
                let (mut re, mut im) = (0.0, 0.0);
                for (t, a, b) in &blocks {
                    let (sin, cos) = (TAU * offset * harmonic as f64 * t).sin_cos();
                    re += a * cos + b * sin;
                    im += b * cos - a * sin;
                }
                let amplitude = 2.0 * re.hypot(im) / count as f64;
                if amplitude > best.0 {
                    best = (amplitude, mains + offset);
                }
            }
        }
    }
    // Standard error of an amplitude in white noise of this power; the search over frequencies raises the limit.
    let error = (2.0 * (power - 0.5 * best.0 * best.0).max(0.05 * power) / count as f64).sqrt();
    (best.0 > DETECTION * error).then(|| refined(t_s, residuals, quiet, best.1))
}

/// Sums over short blocks of the residuals times the carrier: time of the block, real and imaginary part.
fn demodulated(t_s: &[f64], residuals: &[Vec<f64>], quiet: &[Quiet], carrier_hz: f64) -> Vec<(f64, f64, f64)> {
    let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
    for (q, residual) in quiet.iter().zip(residuals) {
        let mut start = f64::NEG_INFINITY;
        for (i, r) in q.rows.clone().zip(residual) {
            let t = t_s[i];
            if t - start > BLOCK_S {
                start = t;
                blocks.push((t + 0.5 * BLOCK_S, 0.0, 0.0));
            }
            let (sin, cos) = (TAU * (carrier_hz * t).fract()).sin_cos();
            if let Some(block) = blocks.last_mut() {
                block.1 += r * cos;
                block.2 -= r * sin;
            }
        }
    }
    blocks
}

/// The frequency again, from a parabola through the power around the best of the grid.
fn refined(t_s: &[f64], residuals: &[Vec<f64>], quiet: &[Quiet], near_hz: f64) -> f64 {
    let blocks = demodulated(t_s, residuals, quiet, near_hz);
    let power = |offset: f64| {
        let (mut re, mut im) = (0.0, 0.0);
        for (t, a, b) in &blocks {
            let (sin, cos) = (TAU * offset * t).sin_cos();
            re += a * cos + b * sin;
            im += b * cos - a * sin;
        }
        re * re + im * im
    };
    let step = 0.01;
    let mut centre = 0.0;
    for _ in 0..10 {
        let (low, mid, high) = (power(centre - step), power(centre), power(centre + step));
        let bend = low - 2.0 * mid + high;
        let shift = if bend < 0.0 { (0.5 * step * (low - high) / bend).clamp(-step, step) } else { 0.0 };
        centre += shift;
        if shift.abs() < 1e-4 {
            break;
        }
    }
    near_hz + centre
}

fn finish(basis: &Basis, solution: &[f64], t_s: &[f64], force_n: &[f64], quiet: &[Quiet]) -> Background {
    let rest = residuals(basis, solution, t_s, force_n, quiet);
    let count: usize = rest.iter().map(Vec::len).sum();
    let squares: f64 = rest.iter().flatten().map(|r| r * r).sum();
    let noise_n = (squares / (count - basis.len()).max(1) as f64).sqrt();
    let (mut fast, mut pairs) = (0.0, 0.0);
    for phase in &rest {
        for pair in phase.windows(2) {
            fast += (pair[1] - pair[0]).powi(2);
            pairs += 1.0;
        }
    }
    let mut free = force_n.to_vec();
    let mut row = vec![0.0; basis.len()];
    for (phase, q) in quiet.iter().enumerate() {
        for i in q.holds_for.clone() {
            basis.fill(phase, t_s[i], &mut row);
            free[i] -= row.iter().zip(solution).map(|(a, b)| a * b).sum::<f64>();
        }
    }
    let offsets = &solution[..basis.phases];
    let shortest = quiet.iter().map(|q| q.rows.len()).min().unwrap_or(1).max(1);
    let drift = |x: f64| solution[basis.phases] * x + solution[basis.phases + 1] * x * x;
    Background {
        force_n: free,
        noise_n,
        noise_fast_n: (0.5 * fast / f64::max(pairs, 1.0)).sqrt(),
        offset_u_n: noise_n / (shortest as f64).sqrt(),
        hum: basis.hum.map(|rate_hz| Hum {
            rate_hz,
            amplitude_n: solution[basis.phases + 2..].chunks(2).map(|c| c[0].hypot(c[1])).fold(0.0, f64::max),
        }),
        drift_n: (drift(0.5) - drift(-0.5)).abs(),
        step_n: offsets.iter().copied().fold(f64::MIN, f64::max) - offsets.iter().copied().fold(f64::MAX, f64::min),
    }
}

#[cfg(test)]
mod tests {
    use super::{Quiet, remove};
    use crate::prng::Stream;

    #[test]
    fn hum_with_a_harmonic_and_drift_are_taken_out() {
        let mut stream = Stream::named(3, "background");
        let t: Vec<f64> = (0..8000).map(|i| f64::from(i) * 1e-3).collect();
        let force: Vec<f64> = t
            .iter()
            .map(|t| {
                let phase = std::f64::consts::TAU * 59.97 * t;
                0.03 * phase.sin() + 0.01 * (3.0 * phase).cos() + 0.05 * t + 0.001 * stream.normal()
            })
            .collect();
        let quiet = [Quiet { rows: 0..2000, holds_for: 0..4000 }, Quiet { rows: 5000..8000, holds_for: 4000..8000 }];
        let background = remove(&t, &force, &quiet).expect("enough rows");
        let hum = background.hum.expect("hum");
        assert!((hum.rate_hz - 59.97).abs() < 0.003, "{}", hum.rate_hz);
        assert!((hum.amplitude_n - 0.03).abs() < 2e-4);
        assert!((background.noise_n / 0.001 - 1.0).abs() < 0.05);
        // Between the quiet stretches the background is interpolated.
        let worst = background.force_n[2000..5000].iter().fold(0.0_f64, |m, f| m.max(f.abs()));
        assert!(worst < 0.006, "{worst}");
    }
}
