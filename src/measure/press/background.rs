//! What the force channel shows without contact: offset, drift and mains hum, estimated and taken out.
//!
//! All rows without contact share a drift of second order and one hum (fundamental and two harmonics, phase coherent
//! over the capture, its frequency found within 1 Hz of 50 and 60 Hz). They share one offset too, which ties the drift
//! down; where the data contradict that, each phase has its own, so that a tare between two phases does no harm.
//! Estimated by linear least squares.
//!
//! Deliberately absent: filters. A filter would smear the onset that is to be found.

use crate::{capture::Phase, measure::press::fit};
use std::{f64::consts::TAU, ops::Range};

/// Rows of one demodulation block, s.
const BLOCK_S: f64 = 0.04;
/// Rows of the blocks that tell slow noise.
const BLOCK_ROWS: usize = 100;
/// Distance from the mains frequency that is searched, Hz: the mains keep 0.2 Hz, cheap clocks a per cent.
const SEARCH_HZ: f64 = 1.0;
/// Smallest amplitude that is hum, in standard errors of an amplitude.
const DETECTION: f64 = 5.0;
/// Improvement of the squares, in noise variances, by which offsets of their own are believed (two more unknowns).
const OFFSETS_DIFFER: f64 = 16.0;
/// Rows a second below which the highest harmonic would pass for another frequency, or for none: no hum is sought, and
/// what there is of it counts as noise.
const RATE_MIN_HZ: f64 = 2.2 * 61.0 * HARMONICS as f64;
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
    /// What the zero changes by from each stretch without contact to the next.
    pub changes: Vec<Change>,
}

/// The rows without contact of one phase, and the rows of the capture that its offset holds for.
#[derive(Clone, Debug)]
pub struct Quiet {
    /// Of which phase.
    pub phase: Phase,
    /// Without contact.
    pub rows: Range<usize>,
    /// Where the offset holds.
    pub holds_for: Range<usize>,
}

/// Estimates and removes the background. `None` where there are too few rows without contact.
///
/// `mains_hz` is the frequency of a hum found before, in fewer rows; the search is then left out.
pub fn remove(t_s: &[f64], force_n: &[f64], quiet: &[Quiet], mains_hz: Option<f64>) -> Option<Background> {
    let count: usize = quiet.iter().map(|q| q.rows.len()).sum();
    if count < 40 + quiet.len() {
        return None;
    }
    let (first, last) = (*t_s.first()?, *t_s.last()?);
    let free = Basis { offsets: quiet.len(), middle: 0.5 * (first + last), span: (last - first).max(1e-9), hum: None };
    let plain = Equations::of(&free, t_s, force_n, quiet).solve()?;
    let rest = residuals(&free, &plain, t_s, force_n, quiet);
    let slow = t_s.len() as f64 / free.span < RATE_MIN_HZ;
    let hum = match mains_hz {
        _ if slow => None,
        Some(near_hz) => Some(refined(t_s, &rest, quiet, near_hz)),
        None => strongest_hum(t_s, &rest, quiet),
    };
    let free = Basis { hum, ..free };
    let shared = Basis { offsets: 1, ..free };
    let equations = Equations::of(&free, t_s, force_n, quiet);
    let joined = equations.joined(&free);
    let (own, common) = (equations.solve()?, joined.solve()?);
    let (own_squares, common_squares) = (equations.squares_left(&own), joined.squares_left(&common));
    let worse = count as f64 * (common_squares / own_squares.max(1e-300) - 1.0);
    let background = if worse > OFFSETS_DIFFER {
        finish(&free, &own, t_s, force_n, quiet)
    } else {
        finish(&shared, &common, t_s, force_n, quiet)
    };
    let rest = residuals(&free, &own, t_s, force_n, quiet);
    let changes = equations.changes(&own, quiet.len(), slow_variance(&rest, own_squares.max(0.0) / count as f64));
    Some(Background { changes, ..background })
}

/// The zero after a stretch less that before, had every stretch a zero of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Difference, N.
    pub force_n: f64,
    /// Its standard uncertainty by noise and drift, N.
    pub u_n: f64,
}

/// Columns of the linear model: offsets, drift, drift squared, sine and cosine of each harmonic.
#[derive(Clone, Copy, Debug)]
struct Basis {
    /// One for all phases, or one a phase.
    offsets: usize,
    middle: f64,
    span: f64,
    hum: Option<f64>,
}

/// Most columns: four offsets, two of drift, six of hum.
const COLUMNS_MAX: usize = 6 + 2 * HARMONICS;

impl Basis {
    fn len(&self) -> usize {
        self.offsets + 2 + if self.hum.is_some() { 2 * HARMONICS } else { 0 }
    }

    fn row(&self, phase: usize, t: f64, carrier: &mut Carrier) -> [f64; COLUMNS_MAX] {
        let mut row = [0.0; COLUMNS_MAX];
        row[phase.min(self.offsets - 1)] = 1.0;
        let x = (t - self.middle) / self.span;
        row[self.offsets] = x;
        row[self.offsets + 1] = x * x;
        if self.hum.is_some() {
            let (sin, cos) = carrier.at(t);
            let (mut s, mut c) = (sin, cos);
            for pair in row[self.offsets + 2..].chunks_exact_mut(2).take(HARMONICS) {
                (pair[0], pair[1]) = (s, c);
                (s, c) = (s * cos + c * sin, c * cos - s * sin);
            }
        }
        row
    }

    fn carrier(&self) -> Carrier {
        Carrier::new(self.hum.unwrap_or(0.0))
    }
}

/// Sine and cosine of a frequency at rising times: turned by the step where the step repeats, computed anew where it
/// does not, and every hundredth time, so that rounding does not grow.
#[derive(Clone, Copy, Debug)]
struct Carrier {
    rate_hz: f64,
    t: f64,
    now: (f64, f64),
    step: f64,
    turn: (f64, f64),
    turned: u32,
}

impl Carrier {
    fn new(rate_hz: f64) -> Self {
        Self { rate_hz, t: f64::NEG_INFINITY, now: (0.0, 1.0), step: f64::NAN, turn: (0.0, 1.0), turned: 0 }
    }

    fn at(&mut self, t: f64) -> (f64, f64) {
        let step = t - self.t;
        let (s, c) = self.now;
        if (step - self.step).abs() < 1e-8 && self.turned < 100 {
            let (sin, cos) = self.turn;
            self.now = (s * cos + c * sin, c * cos - s * sin);
            self.turned += 1;
        } else {
            self.now = (TAU * (self.rate_hz * t).fract()).sin_cos();
            if step.is_finite() && (step - self.step).abs() >= 1e-8 || self.step.is_nan() {
                self.step = step;
                self.turn = (TAU * self.rate_hz * step).sin_cos();
            }
            self.turned = 0;
        }
        self.t = t;
        self.now
    }
}

/// Normal equations of a basis.
struct Equations {
    matrix: Vec<f64>,
    right: Vec<f64>,
    squares: f64,
}

impl Equations {
    fn of(basis: &Basis, t_s: &[f64], force_n: &[f64], quiet: &[Quiet]) -> Self {
        let n = basis.len();
        let mut sums = [[0.0; COLUMNS_MAX]; COLUMNS_MAX];
        let mut sums_right = [0.0; COLUMNS_MAX];
        let mut squares = 0.0;
        let mut carrier = basis.carrier();
        for (phase, q) in quiet.iter().enumerate() {
            for i in q.rows.clone() {
                let row = basis.row(phase, t_s[i], &mut carrier);
                let force = force_n[i];
                squares += force * force;
                for (a, sums) in sums.iter_mut().enumerate().take(n) {
                    sums_right[a] += row[a] * force;
                    for (sum, column) in sums.iter_mut().zip(row) {
                        *sum += row[a] * column;
                    }
                }
            }
        }
        // Offsets of their own and the drift are nearly the same columns: a pull that only rounding would notice.
        if basis.offsets > 1 {
            for (at, row) in sums.iter_mut().enumerate().skip(basis.offsets).take(2) {
                row[at] *= 1.0 + 1e-9;
            }
        }
        let matrix = (0..n * n).map(|k| sums[k / n][k % n]).collect();
        Self { matrix, right: sums_right[..n].to_vec(), squares }
    }

    /// The same with one offset in place of one a phase.
    fn joined(&self, basis: &Basis) -> Self {
        let (n, merged) = (basis.len(), basis.offsets - 1);
        let m = n - merged;
        let mut matrix = vec![0.0; m * m];
        let mut right = vec![0.0; m];
        for a in 0..n {
            let to = a.saturating_sub(merged);
            right[to] += self.right[a];
            for b in 0..n {
                matrix[to * m + b.saturating_sub(merged)] += self.matrix[a * n + b];
            }
        }
        Self { matrix, right, squares: self.squares }
    }

    fn solve(&self) -> Option<Vec<f64>> {
        let n = self.right.len();
        let mut factor = self.matrix.clone();
        let mut solution = self.right.clone();
        fit::cholesky(&mut factor, n).then(|| {
            fit::solve(&factor, n, &mut solution);
            solution
        })
    }

    /// Differences of the offsets of neighbouring stretches, where a reading has this variance.
    fn changes(&self, solution: &[f64], offsets: usize, variance: f64) -> Vec<Change> {
        let n = self.right.len();
        let mut factor = self.matrix.clone();
        if !fit::cholesky(&mut factor, n) {
            return Vec::new();
        }
        let change = |to: usize| {
            let mut row = vec![0.0; n];
            (row[to - 1], row[to]) = (-1.0, 1.0);
            fit::solve(&factor, n, &mut row);
            Change {
                force_n: solution[to] - solution[to - 1],
                u_n: (variance * (row[to] - row[to - 1])).max(0.0).sqrt(),
            }
        };
        (1..offsets).map(change).collect()
    }

    /// Sum of squares that a solution leaves.
    fn squares_left(&self, solution: &[f64]) -> f64 {
        self.squares - self.right.iter().zip(solution).map(|(b, x)| b * x).sum::<f64>()
    }
}

fn residuals(basis: &Basis, solution: &[f64], t_s: &[f64], force_n: &[f64], quiet: &[Quiet]) -> Vec<Vec<f64>> {
    let mut carrier = basis.carrier();
    let mut residual = |phase: usize, i: usize| {
        let row = basis.row(phase, t_s[i], &mut carrier);
        force_n[i] - row.iter().zip(solution).map(|(a, b)| a * b).sum::<f64>()
    };
    quiet.iter().enumerate().map(|(phase, q)| q.rows.clone().map(|i| residual(phase, i)).collect()).collect()
}

/// Variance of a reading that would explain the scatter of means over blocks, where the noise is not white; at least
/// that of the readings themselves.
fn slow_variance(residuals: &[Vec<f64>], variance: f64) -> f64 {
    let blocks = residuals.iter().flat_map(|phase| phase.chunks_exact(BLOCK_ROWS));
    let (mut squares, mut count) = (0.0, 0.0_f64);
    for block in blocks {
        squares += block.iter().sum::<f64>().powi(2);
        count += BLOCK_ROWS as f64;
    }
    variance.max(squares / count.max(1.0))
}

/// The frequency of the strongest hum near 50 or 60 Hz or of its harmonics; `None` where there is none.
fn strongest_hum(t_s: &[f64], residuals: &[Vec<f64>], quiet: &[Quiet]) -> Option<f64> {
    let count: usize = residuals.iter().map(Vec::len).sum();
    let power: f64 = residuals.iter().flatten().map(|r| r * r).sum::<f64>() / count as f64;
    let mut best = (0.0, 0.0);
    // Two points across the line width of the whole capture.
    let span = quiet.last().map_or(0, |q| q.rows.end).checked_sub(1).map_or(1.0, |last| t_s[last] - t_s[0]);
    let steps = (SEARCH_HZ * span * 2.0).clamp(5.0, 100.0) as i32;
    for mains in [50.0, 60.0] {
        for harmonic in 1..=HARMONICS {
            let carrier = mains * harmonic as f64;
            let mut turning = Turning::new(
                &demodulated(t_s, residuals, quiet, carrier),
                -SEARCH_HZ * harmonic as f64,
                SEARCH_HZ * harmonic as f64 / f64::from(steps),
            );
            for step in -steps..=steps {
                let amplitude = 2.0 * turning.power().sqrt() / count as f64;
                if amplitude > best.0 {
                    best = (amplitude, mains + SEARCH_HZ * f64::from(step) / f64::from(steps));
                }
            }
        }
    }
    // Standard error of an amplitude in white noise of this power; the search over frequencies raises the limit.
    let error = (2.0 * (power - 0.5 * best.0 * best.0).max(0.05 * power) / count as f64).sqrt();
    (best.0 > DETECTION * error).then(|| refined(t_s, residuals, quiet, best.1))
}

/// Blocks that are turned together from one frequency off the carrier to the next, by equal steps.
struct Turning {
    re: Vec<f64>,
    im: Vec<f64>,
    turn_re: Vec<f64>,
    turn_im: Vec<f64>,
}

impl Turning {
    fn new(blocks: &[(f64, f64, f64)], from_hz: f64, step_hz: f64) -> Self {
        let angle = |rate_hz: f64, t: f64| (TAU * (rate_hz * t).fract()).sin_cos();
        let (re, im) = blocks
            .iter()
            .map(|(t, a, b)| {
                let (sin, cos) = angle(from_hz, *t);
                (a * cos + b * sin, b * cos - a * sin)
            })
            .unzip();
        let (turn_im, turn_re) = blocks.iter().map(|(t, ..)| angle(step_hz, *t)).unzip();
        Self { re, im, turn_re, turn_im }
    }

    /// Squared magnitude of the sum of blocks at this frequency; turns them to the next.
    fn power(&mut self) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        let turns = self.turn_re.iter().zip(&self.turn_im);
        for ((a, b), (cos, sin)) in self.re.iter_mut().zip(&mut self.im).zip(turns) {
            re += *a;
            im += *b;
            (*a, *b) = (*a * cos + *b * sin, *b * cos - *a * sin);
        }
        re * re + im * im
    }
}

/// Squared magnitude of the sum of blocks, turned by a frequency off the carrier.
fn power_at(blocks: &[(f64, f64, f64)], offset_hz: f64) -> f64 {
    let mut carrier = Carrier::new(offset_hz);
    let (mut re, mut im) = (0.0, 0.0);
    for (t, a, b) in blocks {
        let (sin, cos) = carrier.at(*t);
        re += a * cos + b * sin;
        im += b * cos - a * sin;
    }
    re * re + im * im
}

/// Sums over short blocks of the residuals times the carrier: time of the block, real and imaginary part. Blocks lie on
/// a grid, so that their times rise by equal steps.
fn demodulated(t_s: &[f64], residuals: &[Vec<f64>], quiet: &[Quiet], carrier_hz: f64) -> Vec<(f64, f64, f64)> {
    let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
    let mut carrier = Carrier::new(carrier_hz);
    for (q, residual) in quiet.iter().zip(residuals) {
        let mut end = f64::NEG_INFINITY;
        for (i, r) in q.rows.clone().zip(residual) {
            let t = t_s[i];
            if t >= end {
                let start = (t / BLOCK_S).floor();
                end = (start + 1.0) * BLOCK_S;
                blocks.push(((start + 0.5) * BLOCK_S, 0.0, 0.0));
            }
            let (sin, cos) = carrier.at(t);
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
    let power = |offset: f64| power_at(&blocks, offset);
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
    let mut carrier = basis.carrier();
    for (phase, q) in quiet.iter().enumerate() {
        for i in q.holds_for.clone() {
            let row = basis.row(phase, t_s[i], &mut carrier);
            free[i] -= row.iter().zip(solution).map(|(a, b)| a * b).sum::<f64>();
        }
    }
    let offsets = &solution[..basis.offsets];
    let shortest = quiet.iter().map(|q| q.rows.len()).min().unwrap_or(1).max(1);
    let drift = |x: f64| solution[basis.offsets] * x + solution[basis.offsets + 1] * x * x;
    Background {
        force_n: free,
        noise_n,
        noise_fast_n: (0.5 * fast / f64::max(pairs, 1.0)).sqrt(),
        offset_u_n: noise_n / (shortest as f64).sqrt(),
        hum: basis.hum.map(|rate_hz| Hum {
            rate_hz,
            amplitude_n: solution[basis.offsets + 2..].chunks(2).map(|c| c[0].hypot(c[1])).fold(0.0, f64::max),
        }),
        drift_n: (drift(0.5) - drift(-0.5)).abs(),
        step_n: offsets.iter().copied().fold(f64::MIN, f64::max) - offsets.iter().copied().fold(f64::MAX, f64::min),
        changes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Quiet, remove};
    use crate::{capture::Phase, prng::Stream};
    use std::ops::Range;

    fn quiet([touch, press]: [Range<usize>; 2], between: usize) -> [Quiet; 2] {
        let end = press.end;
        [(Phase::Touch, touch, 0..between), (Phase::Press, press, between..end)].map(|(phase, rows, holds_for)| Quiet {
            phase,
            rows,
            holds_for,
        })
    }

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
        let quiet = quiet([0..2000, 5000..8000], 4000);
        let background = remove(&t, &force, &quiet, None).expect("enough rows");
        let hum = background.hum.expect("hum");
        assert!((hum.rate_hz - 59.97).abs() < 0.003, "{}", hum.rate_hz);
        assert!((hum.amplitude_n - 0.03).abs() < 2e-4);
        assert!((background.noise_n / 0.001 - 1.0).abs() < 0.05);
        // Between the quiet stretches the background is interpolated.
        let worst = background.force_n[2000..5000].iter().fold(0.0_f64, |m, f| m.max(f.abs()));
        assert!(worst < 0.006, "{worst}");
    }

    #[test]
    fn rows_too_slow_to_show_hum_keep_it_as_noise() {
        let mut stream = Stream::named(4, "background");
        // At twice the mains one column of the hum would vanish, and its second harmonic would be the offset.
        let t: Vec<f64> = (0..800).map(|i| f64::from(i) * 1e-2).collect();
        let force: Vec<f64> = t.iter().map(|_| 0.12 + 0.001 * stream.normal()).collect();
        let quiet = quiet([0..300, 500..800], 400);
        let background = remove(&t, &force, &quiet, None).expect("a baseline");
        assert!(background.hum.is_none() && (background.noise_n / 0.001 - 1.0).abs() < 0.1);
    }
}
