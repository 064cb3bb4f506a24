//! What one stroke shows in the force signal, frequency response taken out: times, forces, stiffness.
//!
//! A stroke into a phantom has four parts: the tips meet the surface and indent it; they enter (a drop where they
//! puncture) and friction grows with the buried length; after top dead centre the phantom unloads elastically until
//! the needles slide; friction pulls the phantom up, falls with the buried length, and is zero where the foremost tip
//! leaves. Onset and exit happen at the same height of the carriage, so half of their distance is top dead centre
//! (any kinematics that is symmetric about it), and their distance in phase measures the height itself.
//!
//! Deliberately absent: lengths in mm, which need the scan.

use crate::measure::dynamic::{
    linear::{inverse, times},
    onset::Lag,
};
use std::f64::consts::{PI, TAU};

/// One stroke as it stands in the signal. Times in samples of the whole capture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// First sign of contact.
    pub touch_samples: f64,
    /// Crossing of the level of onset, upward.
    pub onset_samples: f64,
    /// Sample of the largest force.
    pub peak_samples: f64,
    /// Largest force, N.
    pub peak_n: f64,
    /// True where the force rose and fell alike: the tips indented the phantom and did not enter it.
    pub reversible: bool,
    /// Stage position at top dead centre (at the peak, where there is no exit), mm.
    pub stage_mm: f64,
    /// Full extension as it stands in the force; `None` for a touch, or a stroke cut off or damaged.
    pub passage: Option<Passage>,
    /// True where a sample of the stroke was lost, not a number or an outlier.
    pub damaged: bool,
}

/// A stroke about top dead centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passage {
    /// Top dead centre, samples.
    pub top_samples: f64,
    /// Mean force just before top dead centre: cutting and friction, N.
    pub late_n: f64,
    /// Force at top dead centre, N.
    pub top_n: f64,
    /// How the needles came out again; `None` where friction does not stand out of the noise of one stroke, and top
    /// dead centre is where the carriage must have been.
    pub exit: Option<Exit>,
}

/// Needles that slide out of the phantom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exit {
    /// `1 - cos` of half the phase angle between onset and exit: height of the stroke above contact, in units of
    /// half the carriage's stroke.
    pub rise: f64,
    /// Growth of sliding friction with the rise, on the way out, N per half stroke.
    pub friction_n: f64,
}

/// Where the carriage must be, for strokes that do not show it.
#[derive(Clone, Copy, Debug)]
pub struct Carriage {
    /// Stage position at which the mean stroke just touches, mm.
    pub touch_mm: f64,
    /// Half of its stroke, mm.
    pub half_mm: f64,
}

/// How a stroke is looked at; constant over a capture.
#[derive(Clone, Copy, Debug)]
pub struct Lens {
    /// Stroke period, samples.
    pub period_samples: f64,
    /// Force at which an onset is timed, N.
    pub level_n: f64,
    /// Height of the carriage above first contact where contact shows.
    pub lag: Lag,
    /// Noise of one sample of the inverse-filtered force, N.
    pub noise_n: f64,
    /// SD of the Gaussian through which the force is seen, samples.
    pub smear_samples: f64,
    /// The carriage, once it is known.
    pub carriage: Option<Carriage>,
}

/// Periods before an onset that a look needs.
pub const BEFORE_PERIODS: f64 = 0.16;
/// Periods after a touch that a look needs.
pub const AFTER_PERIODS: f64 = 0.92;
/// The late force is the mean between these two, in periods before top dead centre: two SDs of the filter clear of where
/// the needles turn.
pub const LATE_PERIODS: (f64, f64) = (0.125, 0.035);
/// Largest difference of a pulse from its mirror image, as a share of it, where the cell's response is known to a few
/// per cent.
const MIRROR_SHARE: f64 = 0.05;
/// The unloading is looked at from so many SDs of the filter's Gaussian after top dead centre, but no later than this
/// share of the way to the lowest force.
const UNLOADING_SMEARS: f64 = 2.0;
const CUTTING_SHARE_MAX: f64 = 0.33;
/// Periods within which a stroke that touched reaches the level of onset.
const ONSET_PERIODS: f64 = 0.15;

impl Lens {
    /// Looks at the stroke that touched after sample `touch` of `force_n` (zero where nothing touches). Times in the
    /// result count from `force_n[0]`. A stroke that stays below the level is timed at its touch. The stage is at
    /// `stage_mm`.
    pub fn look(&self, force_n: &[f64], touch: usize, stage_mm: f64) -> Option<Shape> {
        let end = (touch + (AFTER_PERIODS * self.period_samples) as usize).min(force_n.len());
        let peak = (touch..end).max_by(|a, b| force_n[*a].total_cmp(&force_n[*b]))?;
        let latest = (touch + (ONSET_PERIODS * self.period_samples) as usize).min(end.checked_sub(1)?);
        let crossing = (touch..latest).find(|k| force_n[*k] <= self.level_n && force_n[*k + 1] > self.level_n);
        let onset = crossing.map(|k| k as f64 + (self.level_n - force_n[k]) / (force_n[k + 1] - force_n[k]));
        let inside = &force_n[..end];
        let passage =
            onset.and_then(|onset| self.passage(inside, onset).or_else(|| self.expected(inside, onset, stage_mm)));
        Some(Shape {
            touch_samples: touch as f64,
            onset_samples: onset.unwrap_or(touch as f64),
            peak_samples: peak as f64,
            peak_n: force_n[peak],
            reversible: self.mirrored(force_n, peak),
            stage_mm,
            passage,
            damaged: false,
        })
    }

    /// True where the pulse around `peak` is its own mirror image about the middle of its crossings of 30 % of the
    /// peak. A needle that enters leaves a drop on the way in and friction on the way out.
    fn mirrored(&self, force_n: &[f64], peak: usize) -> bool {
        let level = 0.3 * force_n[peak];
        let crossing =
            |a: usize, b: usize| a as f64 + (b as f64 - a as f64) * (force_n[a] - level) / (force_n[a] - force_n[b]);
        let longest = (0.3 * self.period_samples) as usize;
        let left = (1..longest.min(peak)).find(|k| force_n[peak - k] < level);
        let right = (1..longest.min(force_n.len() - peak)).find(|k| force_n[peak + k] < level);
        let (Some(left), Some(right)) = (left, right) else { return false };
        let (from, to) = (crossing(peak - left + 1, peak - left), crossing(peak + right - 1, peak + right));
        let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
        let at = |x: f64| {
            let k = x.floor().max(0.0) as usize;
            let (a, b) = (force_n.get(k), force_n.get(k + 1));
            a.zip(b).map_or(0.0, |(a, b)| a + (b - a) * (x - k as f64))
        };
        let steps = (half + 2.0).ceil() as usize + 1;
        let (apart, sum) = (0..steps).map(|k| k as f64).fold((0.0, 0.0), |(apart, sum), x| {
            let (a, b) = (at(middle - x), at(middle + x));
            (apart + (a - b).abs(), sum + a.abs() + b.abs())
        });
        let noise = self.noise_n * steps as f64;
        apart < MIRROR_SHARE * sum + 1.2 * noise
    }

    fn passage(&self, force_n: &[f64], onset: f64) -> Option<Passage> {
        let period = self.period_samples;
        let from = (onset + 0.05 * period) as usize;
        // A stroke cut off by the end of the recording has no exit.
        if force_n.len() < (onset + 0.85 * period) as usize {
            return None;
        }
        let deepest = (from..force_n.len()).min_by(|a, b| force_n[*a].total_cmp(&force_n[*b]))?;
        let friction = force_n[deepest];
        if friction > -8.0 * self.noise_n {
            return None;
        }
        let first = (deepest..force_n.len()).find(|k| force_n[*k] > 0.85 * friction)?;
        let last = (first..force_n.len()).find(|k| force_n[*k] > 0.25 * friction)?;
        if last < first + 2 {
            return None;
        }
        let angle = |top: f64, k: usize| 1.0 - ((k as f64 - top) * TAU / period).cos();
        let mut exit = last as f64 + 0.05 * period;
        let (mut top, mut rise) = self.top(onset, exit);
        let mut friction_n = 0.0;
        for _ in 0..4 {
            let (zero, slope) = line((first..=last).map(|k| (angle(top, k), force_n[k])))?;
            // Friction falls to zero at the height of the surface.
            let height = -zero / slope;
            if !(0.0..2.0).contains(&height) || slope <= 0.0 {
                return None;
            }
            friction_n = slope;
            exit = top + (1.0 - height).acos() / TAU * period;
            (top, rise) = self.top(onset, exit);
        }
        self.about(force_n, top, Some(Exit { rise, friction_n }))
    }

    /// A stroke whose exit does not show: top dead centre follows from where the carriage turns.
    fn expected(&self, force_n: &[f64], onset: f64, stage_mm: f64) -> Option<Passage> {
        let carriage = self.carriage?;
        let whole = (stage_mm - carriage.touch_mm) / carriage.half_mm;
        let rise = whole - self.lag.at(speed(whole));
        if rise.is_nan() || rise <= 0.0 || force_n.len() < (onset + 0.85 * self.period_samples) as usize {
            return None;
        }
        self.about(force_n, onset + (1.0 - rise.min(2.0)).acos() / TAU * self.period_samples, None)
    }

    fn about(&self, force_n: &[f64], top: f64, exit: Option<Exit>) -> Option<Passage> {
        let period = self.period_samples;
        Some(Passage {
            top_samples: top,
            top_n: mean(force_n, top - 0.75, top + 0.75)?,
            late_n: mean(force_n, top - LATE_PERIODS.0 * period, top - LATE_PERIODS.1 * period)?,
            exit,
        })
    }

    /// Top dead centre and the rise above first contact. Onset and exit are seen [`Lens::lag`] above first contact.
    fn top(&self, onset: f64, exit: f64) -> (f64, f64) {
        let turn = TAU * (exit - onset) / self.period_samples;
        let mut after = (0.5 * turn).min(PI);
        let mut rise = 1.0 - after.cos();
        for _ in 0..6 {
            let before = (1.0 - (rise - self.lag.at(speed(rise))).clamp(0.0, 2.0)).acos();
            after = (0.5 * (after + turn - before)).clamp(0.0, PI);
            rise = 1.0 - after.cos() + self.lag.exit;
        }
        (exit - after / TAU * self.period_samples, rise)
    }

    /// Adds the unloading of a stroke to the sum over strokes: samples between three and one quarter of the fall to
    /// sliding friction, without those in which the end of the cutting at the top still shows, smeared by the filter.
    pub fn unload(&self, force_n: &[f64], top: f64, unloading: &mut Unloading) {
        let end = ((top + 0.4 * self.period_samples) as usize).min(force_n.len());
        let lowest = |from: usize| (from..end).min_by(|a, b| force_n[*a].total_cmp(&force_n[*b]));
        let Some(deepest) = lowest(top.ceil() as usize) else { return };
        let cutting = (UNLOADING_SMEARS * self.smear_samples).min(CUTTING_SHARE_MAX * (deepest as f64 - top));
        let start = Some((top + cutting).ceil() as usize).filter(|start| *start + 2 < deepest);
        let start = start.unwrap_or(top.ceil() as usize);
        let friction = force_n[deepest];
        let fall = force_n[start] - friction;
        let inside = |k: &usize| (0.25..0.75).contains(&((force_n[*k] - friction) / fall));
        for k in (start..deepest).filter(inside) {
            let cos = ((k as f64 - top) * TAU / self.period_samples).cos();
            let row = [1.0, cos - 1.0];
            for i in 0..2 {
                unloading.right[i] += row[i] * force_n[k];
                for j in 0..2 {
                    unloading.normal[i][j] += row[i] * row[j];
                }
            }
        }
    }
}

/// Elastic unloading after top dead centre, summed over strokes.
///
/// The needles stick, so the force follows the carriage, `f = a - A (1 - cos(phase - phase of the top))`: `a` is the
/// elastic force at the top once cutting has ceased, `A` the stiffness times half a stroke.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unloading {
    normal: [[f64; 2]; 2],
    right: [f64; 2],
}

impl Unloading {
    /// `a` and `A`, N; `None` where the unloading was not seen.
    pub fn line(&self) -> Option<(f64, f64)> {
        let [level, amplitude] = times(&inverse(self.normal)?, &self.right);
        (amplitude > 0.0).then_some((level, amplitude))
    }
}

/// Speed of the carriage as a share of its greatest, where it has so far to rise to its top, in units of half its stroke.
fn speed(rise: f64) -> f64 {
    (rise * (2.0 - rise)).max(0.0).sqrt()
}

/// Mean of the signal between two times, samples; the ends count in part.
fn mean(signal: &[f64], from: f64, to: f64) -> Option<f64> {
    let integral = |x: f64| -> Option<(usize, f64)> {
        let k = x.floor();
        (k >= 0.0).then_some((k as usize, x - k))
    };
    let ((a, fa), (b, fb)) = (integral(from)?, integral(to)?);
    if b + 1 >= signal.len() || a >= b {
        return None;
    }
    let part = |k: usize, f: f64| signal[k] * f + 0.5 * (signal[k + 1] - signal[k]) * f * f;
    let whole: f64 = (a..b).map(|k| 0.5 * (signal[k] + signal[k + 1])).sum();
    Some((whole + part(b, fb) - part(a, fa)) / (to - from))
}

/// Intercept and slope of the least-squares line.
fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<(f64, f64)> {
    let n = points.clone().count() as f64;
    let (sx, sy) = points.clone().fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x, sy + y));
    let (mx, my) = (sx / n, sy / n);
    let (sxx, sxy) = points.fold((0.0, 0.0), |(a, b), (x, y)| (a + (x - mx).powi(2), b + (x - mx) * (y - my)));
    (n >= 2.0 && sxx > 0.0).then(|| (my - sxy / sxx * mx, sxy / sxx))
}
