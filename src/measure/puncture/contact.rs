//! The force without contact, and the onset of contact.
//!
//! A baseline was recorded where the force, before it rises to the puncture, stays level for long enough. The onset
//! is then extrapolated: the force raised to 1/p is a straight line in the stage's position for a power law of
//! exponent p, and its zero is the onset. p lies between 1.1 and 2 for what is punctured (metrology.md), so 1.5 is
//! used, and the distance of the zeros for 1 and 2 is the width of an arcsine law in the uncertainty:
//! the ends, straight lines and parabolas, are as likely as the middle.
//!
//! Deliberately absent: an onset where the recording began in contact.

use crate::{
    measure::puncture::{smoothing::Smoothed, trace::Trace},
    uncertainty::{Budget, Measured},
};
use std::ops::Range;

/// Fewest samples of a baseline.
const BASELINE_ROWS_MIN: usize = 8;
/// Contact is certain at so many standard deviations above the base.
const SIGMAS: f64 = 5.0;
/// ... and at this share of the height of the peak.
const SHARE: f64 = 0.02;
/// The onset is extrapolated from forces up to this share of the height of the peak.
const FIT_SHARE: f64 = 0.15;
/// ... and from at least so many samples.
const FIT_ROWS_MIN: usize = 8;

/// The level before contact.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// Samples before contact.
    pub rows: Range<usize>,
    /// Their mean, N.
    pub force_n: f64,
    /// Standard uncertainty of the mean, N.
    pub u_n: f64,
    /// Change of the force a sample that the baseline shows, by drift or by noise, N.
    pub slope_n: f64,
}

impl Baseline {
    /// What the zero may have moved by at a later sample, N: a rectangle (GUM 4.3.7) of the change that the baseline shows.
    pub fn drift_u_n(&self, row: usize) -> f64 {
        let middle = 0.5 * (self.rows.start + self.rows.end) as f64;
        self.slope_n.abs() * (row as f64 - middle).max(0.0) / 3.0_f64.sqrt()
    }
}

/// The baseline before the rise to `peak`; `None` where the recording began in contact.
pub fn baseline(force_n: &[f64], sigma_n: f64, peak: usize) -> Option<Baseline> {
    let first = force_n.get(..BASELINE_ROWS_MIN.min(peak))?;
    let mut level_n = first.iter().sum::<f64>() / first.len().max(1) as f64;
    let mut rows = 0..0;
    // The level of the first samples finds the baseline, whose own level finds its end.
    for _ in 0..3 {
        let limit = level_n + (SIGMAS * sigma_n).max(SHARE * (force_n[peak] - level_n));
        let last = force_n[..peak].iter().rposition(|force| *force <= limit)?;
        rows = 0..last + 1;
        level_n = median(&force_n[rows.clone()]);
    }
    let level = &force_n[rows.clone()];
    if level.len() < BASELINE_ROWS_MIN {
        return None;
    }
    let third = level.len() / 3;
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let rise = mean(&level[level.len() - third..]) - mean(&level[..third]);
    if rise > (3.0 * sigma_n).max(SHARE * (force_n[peak] - level_n) / 2.0) {
        return None;
    }
    // The last samples may already belong to the rise.
    let level = &level[..level.len() - level.len() / 8];
    let force = mean(level);
    let sd = (level.iter().map(|f| (f - force).powi(2)).sum::<f64>() / (level.len() - 1).max(1) as f64).sqrt();
    // Neighbours share hum and drift, so the mean gains less than its number of samples.
    let scatter_n = sd.max(sigma_n) / (level.len() as f64).sqrt().min(5.0);
    // A level that wanders (a bump while the needle approached) is known no better than its thirds agree.
    let thirds = level.chunks(level.len().div_ceil(3)).map(mean);
    let (low, high) = thirds.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), f| (low.min(f), high.max(f)));
    let u_n = scatter_n.max((high - low) / 12.0_f64.sqrt());
    // The means of two thirds are two thirds of the baseline apart.
    Some(Baseline { force_n: force, u_n, slope_n: rise / (rows.len() - third) as f64, rows })
}

/// Stage position at the onset of the rise to `peak`; `None` where the stage was not recorded there.
pub fn onset(trace: &Trace, smoothed: &Smoothed, baseline: &Baseline, peak: usize) -> Option<Measured> {
    let Smoothed { force_n, width, sigma_n } = smoothed;
    let height = force_n[peak] - baseline.force_n;
    let low = (SIGMAS * sigma_n).max(SHARE * height);
    let high = (FIT_SHARE * height).max(3.0 * low);
    let start = baseline.rows.end;
    let reach =
        force_n.get(start..=peak)?.iter().position(|force| force - baseline.force_n > high).unwrap_or(peak - start);
    let rows: Vec<usize> = (start..(start + reach.max(FIT_ROWS_MIN)).min(peak + 1))
        .filter(|row| force_n[*row] > baseline.force_n && trace.stage_mm[*row].is_finite())
        .collect();
    let line = |exponent: f64| {
        let share = |row: usize| ((force_n[row] - baseline.force_n) / height).powf(1.0 / exponent);
        let points: Vec<(f64, f64)> = rows.iter().map(|row| (share(*row), trace.stage_mm[*row])).collect();
        Line::fit(&points, *width)
    };
    let mut budget = Budget::default();
    let (before, after) = (*trace.stage_mm.get(start.checked_sub(1)?)?, *trace.stage_mm.get(start)?);
    budget.random("between two samples", longest_step(&trace.stage_mm, start) / 12.0_f64.sqrt(), None);
    let travel = rows.first().zip(rows.last()).map_or(0.0, |(a, b)| (trace.stage_mm[*b] - trace.stage_mm[*a]).abs());
    let value = match (line(1.5), line(1.0), line(2.0)) {
        (Some(middle), Some(linear), Some(square)) if middle.slope * (after - before) > 0.0 => {
            budget.common("law of the contact", (linear.zero - square.zero).abs() / 8.0_f64.sqrt(), None);
            budget.random("scatter about the law", middle.zero_u, Some((rows.len() - 2) as f64 / *width as f64));
            budget.random("baseline", baseline.u_n / height * middle.slope.abs(), None);
            middle.zero
        }
        _ => {
            budget.random("contact seen late", travel.max((after - before).abs()), None);
            after - travel.copysign(after - before) / 2.0
        }
    };
    value.is_finite().then(|| Measured::new(value, budget))
}

/// The longest step of the stage between two samples about `row`, mm: its way, or the step in which it was written.
fn longest_step(stage_mm: &[f64], row: usize) -> f64 {
    /// Rows on either side.
    const ROWS: usize = 32;
    let about = &stage_mm[row.saturating_sub(ROWS)..(row + ROWS).min(stage_mm.len())];
    about.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max)
}

/// A straight line through (share of the force, position), as far as its zero matters.
struct Line {
    /// Position at zero force.
    zero: f64,
    /// Standard uncertainty of `zero`.
    zero_u: f64,
    /// Change of position with the share.
    slope: f64,
}

impl Line {
    /// Least squares of the share, which is noisy, on the position, which is not; `None` for fewer than four points.
    /// Only every `width`-th point counts as independent.
    fn fit(points: &[(f64, f64)], width: usize) -> Option<Self> {
        if points.len() < 4 {
            return None;
        }
        let n = points.len() as f64;
        let (share, position) =
            (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
        let squares: f64 = points.iter().map(|p| (p.1 - position).powi(2)).sum();
        let rise = points.iter().map(|p| (p.0 - share) * (p.1 - position)).sum::<f64>() / squares;
        let left: f64 = points.iter().map(|p| (p.0 - share - rise * (p.1 - position)).powi(2)).sum();
        let distance = share / rise;
        let variance = left / (n - 2.0) * (1.0 / n + distance * distance / squares) * width as f64;
        let line = Self { zero: position - distance, zero_u: variance.sqrt() / rise.abs(), slope: 1.0 / rise };
        (line.zero.is_finite() && line.zero_u.is_finite()).then_some(line)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    if sorted.is_empty() {
        return 0.0;
    }
    *sorted.select_nth_unstable_by(middle, f64::total_cmp).1
}
