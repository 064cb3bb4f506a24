//! Finding contact roughly, and putting rows into bins over the surface position.
//!
//! A bin is narrow near the rough onset and wider away from it, so that a hundred data hold what ten thousand rows
//! hold of the onset. Surface position is stage position less compliance times force, less the way that the stage
//! goes within the group delay of the cell.
//!
//! Deliberately absent: any law of the contact.

use std::ops::Range;

/// Narrowest bin, mm.
const BIN_MIN_MM: f64 = 0.0015;
/// Width of a bin over its distance from the onset.
const BIN_SHARE: f64 = 0.06;
/// Standard deviations of the difference of two means, and share of the force, beyond which a fall is one.
const FALL_SDS: f64 = 7.8;
const FALL_SHARE: f64 = 0.006;
/// The same for a jump of a rise, and for one in its last rows.
const JUMP_SHARE: f64 = 0.02;
const LAST_JUMP_SHARE: f64 = 0.25;

/// Means of force and surface position over consecutive rows.
#[derive(Clone, Debug, Default)]
pub struct Bins {
    /// Mean surface position, mm.
    pub surface_mm: Vec<f64>,
    /// Mean force, N.
    pub force_n: Vec<f64>,
    /// Number of rows.
    pub rows: Vec<f64>,
}

impl Bins {
    /// Of the rows whose surface position lies in `within_mm`, finest at `onset_mm`.
    pub fn of(curve: &Curve<'_>, rows: Range<usize>, within_mm: Range<f64>, onset_mm: f64) -> Self {
        let mut bins = Self::default();
        let (mut z_sum, mut f_sum, mut count, mut first) = (0.0, 0.0, 0.0, f64::NAN);
        for i in rows {
            let z = curve.surface_mm[i];
            if !within_mm.contains(&z) {
                continue;
            }
            if count > 0.0 && (z - first).abs() >= BIN_MIN_MM.max(BIN_SHARE * (first - onset_mm).abs()) {
                bins.push(z_sum / count, f_sum / count, count);
                (z_sum, f_sum, count) = (0.0, 0.0, 0.0);
            }
            if count == 0.0 {
                first = z;
            }
            z_sum += z;
            f_sum += curve.force_n[i];
            count += 1.0;
        }
        if count > 0.0 {
            bins.push(z_sum / count, f_sum / count, count);
        }
        bins
    }

    fn push(&mut self, surface_mm: f64, force_n: f64, rows: f64) {
        self.surface_mm.push(surface_mm);
        self.force_n.push(force_n);
        self.rows.push(rows);
    }

    /// Slope and zero of the line through the data whose force is beyond a third of the largest magnitude.
    pub fn line_to_zero(&self) -> (f64, f64) {
        let largest = self.force_n.iter().fold(0.0_f64, |m, f| m.max(f.abs()));
        let (mut n, mut sz, mut sf, mut szz, mut szf) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let origin = self.surface_mm.first().copied().unwrap_or(0.0);
        for ((z, f), w) in self.surface_mm.iter().zip(&self.force_n).zip(&self.rows) {
            if f.abs() * 3.0 > largest {
                let z = z - origin;
                n += w;
                sz += w * z;
                sf += w * f;
                szz += w * z * z;
                szf += w * z * f;
            }
        }
        let slope = (n * szf - sz * sf) / (n * szz - sz * sz);
        (slope, origin + (sz - sf / slope) / n)
    }
}

/// Force without background, and surface position, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Curve<'a> {
    /// Force without baseline and hum, N.
    pub force_n: &'a [f64],
    /// Position of the undeformed surface, mm.
    pub surface_mm: &'a [f64],
}

/// Means of `width` rows that end at each row of `rows` (fewer at the start).
pub fn trailing_means(force_n: &[f64], rows: Range<usize>, width: usize) -> Vec<f64> {
    let mut sum = 0.0;
    rows.clone()
        .map(|i| {
            sum += force_n[i];
            if i >= rows.start + width {
                sum -= force_n[i - width];
            }
            sum / width.min(i + 1 - rows.start) as f64
        })
        .collect()
}

/// The row of the rise at which the force last was near zero, looking back from `peak`: below two per cent of the
/// peak, or as near as noise lets see. Where noise is large beside the peak, longer means are taken.
pub fn rough_onset(force_n: &[f64], rows: Range<usize>, peak: usize, noise_n: f64) -> usize {
    let enough = 0.02 * force_n[peak];
    let width = if 5.0 * noise_n < 2.5 * enough { 5 } else { 40 };
    // Six standard deviations of a mean, and never less than the share of the peak.
    let threshold_n = enough.max(6.0 * noise_n / (width as f64).sqrt());
    let means = trailing_means(force_n, rows.start..peak + 1, width);
    let last = means.iter().rposition(|mean| *mean < threshold_n).unwrap_or(0);
    rows.start + last.saturating_sub(width / 2)
}

/// Rows on each side that a fall is judged by: few for a large one, more for one that noise hides from few.
const FALL_ROWS: [usize; 3] = [4, 8, 36];
/// Rows on each side that a small fall is judged by, and share of the force that is none.
const SMALL_FALL_ROWS: usize = 8;
const SMALL_FALL_SHARE: f64 = 0.0005;
/// Standard deviations of one: of a press's two thousand rows none is so far out by noise.
const SMALL_FALL_SDS: f64 = 5.0;
/// Rows behind, in which the slope is told, over those that a fall is judged by.
const SLOPE_ROWS: usize = 6;

/// First row of the first sudden fall in `rows`, a fall of several standard deviations that the slope before it does not
/// explain. `None` where there is none.
pub fn first_drop(force_n: &[f64], rows: Range<usize>, noise_n: f64) -> Option<usize> {
    FALL_ROWS.iter().filter_map(|&width| first_fall(force_n, rows.clone(), noise_n, width)).min()
}

/// The same with means of `width` rows.
fn first_fall(force_n: &[f64], rows: Range<usize>, noise_n: f64, width: usize) -> Option<usize> {
    let half = (SLOPE_ROWS - 1) * width / 2;
    let start = rows.start + 3 * width + 2 * half;
    if rows.end < start + 2 * width {
        return None;
    }
    let n = width as f64;
    let mean = |i: usize| force_n[i..i + width].iter().sum::<f64>() / n;
    // What the force falls by at a row, and whether it does not rise there.
    let fall = |i: usize| {
        let (behind, ahead) = (mean(i - width), mean(i + 1));
        // Of two slopes the lesser, by rows of their own: a jump (a gap) in one of them is no slope.
        let rise = |end: usize| mean(end) - mean(end - half);
        let expected = (rise(i - width).min(rise(i - 2 * width - half)) / half as f64 * (n + 1.0)).max(0.0);
        (behind, behind + expected - ahead, ahead < behind + 0.5 * expected)
    };
    let limit_n = FALL_SDS * noise_n * (2.0 / n).sqrt();
    let found = (start..rows.end - 2 * width).find(|&i| {
        let (behind, fall, falls) = fall(i);
        // Without contact nothing can fall.
        falls && behind > limit_n && fall > limit_n + FALL_SHARE * behind
    })?;
    // Wide means fall before the force does.
    let until = (found + 2 * width - 2 * FALL_ROWS[0]).min(rows.end - 2 * width).max(found + 1);
    (found..until).max_by(|a, b| fall(*a).1.total_cmp(&fall(*b).1))
}

/// First row of the first small fall in `rows`, as one of many needles makes that enters while the others go on
/// rising: a fall that the slope neither before nor after it explains, whatever its share of the force. No bend of a
/// curve is one, but a knock or a step may be. `None` where there is none.
pub fn small_fall(force_n: &[f64], rows: Range<usize>, noise_n: f64) -> Option<usize> {
    let width = SMALL_FALL_ROWS;
    let far = SLOPE_ROWS * width / 2;
    let n = width as f64;
    let mean = |i: usize| force_n[i..i + width].iter().sum::<f64>() / n;
    let over = (n + 1.0) / (far - width) as f64;
    let limit_n = SMALL_FALL_SDS * noise_n * (2.0 / n).sqrt() * (1.0 + over);
    (rows.start + far..rows.end.saturating_sub(far)).find(|&i| {
        let (behind, ahead) = (mean(i - width), mean(i + 1));
        let slopes = [behind - mean(i - far), mean(i + 1 + far - width) - ahead].map(|rise| rise * over);
        slopes[0].min(slopes[1]) - (ahead - behind) > limit_n + SMALL_FALL_SHARE * behind.abs()
    })
}

/// First row of the first jump in `rows`: a change, up or down, that the slope neither before nor after it explains.
/// `None` where there is none. For a jump just before the end, rows up to `after` are looked at, where the force may
/// fall.
pub fn first_jump(force_n: &[f64], rows: Range<usize>, after: usize, noise_n: f64) -> Option<usize> {
    let [few, _, many] = FALL_ROWS;
    let sudden = first_jump_by(force_n, rows.clone(), after, noise_n, few);
    let slow = first_jump_by(force_n, rows.clone(), rows.end, noise_n, many);
    sudden.into_iter().chain(slow).min()
}

/// The same with means of `width` rows.
fn first_jump_by(force_n: &[f64], rows: Range<usize>, after: usize, noise_n: f64, width: usize) -> Option<usize> {
    let far = SLOPE_ROWS * width;
    let n = width as f64;
    let mean = |i: usize| force_n[i..i + width].iter().sum::<f64>() / n;
    let sd_n = noise_n * (2.0 / n).sqrt();
    (rows.start + far..rows.end.min(after.saturating_sub(3 * width))).find(|&i| {
        let (behind, ahead) = (mean(i - width), mean(i + 1));
        // Near the end there is less to tell the slope by: beyond it the force may fall.
        let is_last = i + 3 * width >= rows.end;
        let beyond = far.min(if is_last { after } else { rows.end } - width - i);
        let over = |rows: usize| (n + 1.0) / (rows - width) as f64;
        let slopes = [(behind - mean(i - far)) * over(far), (mean(i + beyond) - ahead) * over(beyond)];
        let most = slopes[0].max(slopes[1]).max(0.0);
        let least = slopes[0].min(slopes[1]).min(0.0);
        let jump = ahead - behind;
        // So near the fall of a needle the rise is steepest, and what follows is no slope of it.
        let share = if is_last { LAST_JUMP_SHARE } else { JUMP_SHARE };
        let tolerated = FALL_SDS * sd_n * (1.0 + over(beyond)) + share * behind.abs();
        jump - most > tolerated || !is_last && least - jump > tolerated
    })
}

#[cfg(test)]
mod tests {
    use super::{first_drop, first_jump, rough_onset, small_fall};
    use crate::prng::Stream;

    /// A linear rise of 2 mN a row from row 500, which falls by 50 mN at row 700.
    fn trace() -> Vec<f64> {
        let mut stream = Stream::named(2, "contact");
        let fall = |i: i32| if i >= 700 { 0.05 } else { 0.0 };
        (0..900).map(|i| f64::from((i - 500).max(0)) * 0.002 - fall(i) + 0.002 * stream.normal()).collect()
    }

    #[test]
    fn onset_and_drop_are_near_their_rows() {
        let force = trace();
        let drop = first_drop(&force, 0..900, 0.002).expect("a drop");
        assert!((695..=702).contains(&drop), "{drop}");
        let onset = rough_onset(&force, 0..900, drop, 0.002);
        assert!((495..=508).contains(&onset), "{onset}");
        assert_eq!(first_drop(&force, 0..690, 0.002), None);
    }

    /// A fall that noise hides from a few rows shows in many.
    #[test]
    fn small_falls_are_found() {
        let mut stream = Stream::named(3, "contact");
        let rising = |i: i32| f64::from((i - 500).clamp(0, 400)) * 1e-4;
        let fall: Vec<f64> =
            (0..1300).map(|i| rising(i) - if i >= 900 { 0.008 } else { 0.0 } + 0.0025 * stream.normal()).collect();
        let drop = first_drop(&fall, 0..1300, 0.0025).expect("a drop");
        assert!((885..=915).contains(&drop), "{drop}");
    }

    /// One needle of many enters: the force lacks 1 % from then on, and goes on rising. A bend either way is none.
    #[test]
    fn a_small_fall_is_told_from_a_bend() {
        let mut stream = Stream::named(5, "contact");
        let mut noisy = |force: &dyn Fn(f64) -> f64| -> Vec<f64> {
            (0..900).map(|i| force(f64::from(i)) + 0.001 * stream.normal()).collect()
        };
        let rise = |i: f64| 2.5e-6 * i * i;
        let fall = noisy(&|i| rise(i) - if i >= 700.0 { 0.012 } else { 0.0 });
        let at = small_fall(&fall, 0..900, 0.001).expect("a fall");
        assert!(at.abs_diff(700) < 6, "{at}");
        assert_eq!(first_drop(&fall, 0..900, 0.001), None);
        for bend in [1e-3, -1e-3] {
            let bent = noisy(&|i| rise(i) + bend * (i - 700.0).max(0.0));
            assert_eq!(small_fall(&bent, 0..900, 0.001), None, "{bend}");
        }
    }

    #[test]
    fn a_jump_is_told_from_an_onset() {
        let mut stream = Stream::named(4, "contact");
        let mut noisy = |force: &dyn Fn(i32) -> f64| -> Vec<f64> {
            (0..1300).map(|i| force(i) + 0.001 * stream.normal()).collect()
        };
        let onset = noisy(&|i| f64::from((i - 500).max(0)) * 0.005);
        assert_eq!(first_jump(&onset, 0..1300, 1300, 0.001), None);
        for step_n in [0.03, -0.03] {
            let jump = noisy(&|i| f64::from((i - 500).max(0)) * 0.0005 + if i >= 700 { step_n } else { 0.0 });
            let at = first_jump(&jump, 0..1300, 1300, 0.001).expect("a jump");
            // As far off as slopes are told.
            assert!(at.abs_diff(700) < 216, "{at}");
        }
    }
}
