//! Drops of a force trace: where the force falls, how far, and how fast beside the rise before it.
//!
//! A hysteresis walk (as in rainflow counting) follows the running maximum until the force has fallen from it by more
//! than noise can and by more than [`SHARE_MIN`] of the local height, then the running minimum until it has risen
//! again. What is called a puncture is decided by ratios alone, so that it holds at any scale of force and time:
//!
//! - sudden: the first half of the fall takes at most [`FALL_TO_RISE_MAX`] of the time that the middle half of the
//!   rise took, and is [`STEEPER_MIN`] times as steep. A withdrawal falls as steeply as the force rose, whether its end
//!   was recorded or not, and relaxation hardly more. After a puncture the force goes on falling for long, as the bevel
//!   passes, the foil relaxes or the needle goes back, so a sudden beginning will do ([`BEGINNINGS`]). Where the stage
//!   was recorded and went on, no fall is a withdrawal, and less is asked ([`ADVANCING`]) of a drop that is not small
//!   beside the largest: a smaller one as slow as its rise is a bump while the needle approaches.
//! - real: the force falls by nearly half of the local height ([`SHARE_SURE`]; films: 66 to 92 %, domain.md section 4), or
//!   by a quarter where no other drop of the trace is twice as large (layers, phantoms). A notch before the puncture
//!   is neither, nor are swings that come and go within a period of the mains ([`OF_SWING`], [`OF_HUM`]).
//!
//! Deliberately absent: absolute limits in newtons or seconds.

use crate::measure::screen::median;

/// Smallest fall that is looked at, as a share of the local height.
const SHARE_MIN: f64 = 0.15;
/// A fall by this share of the local height is a puncture whatever follows.
const SHARE_SURE: f64 = 0.45;
/// A fall by this share is one where it is not small beside the largest.
const SHARE_LAYER: f64 = 0.25;
/// Not small: this share of the largest drop of the trace.
const OF_LARGEST: f64 = 0.5;
/// Smallest share of the largest drop that a sure one must have; less is a scratch before contact.
const OF_LARGEST_SURE: f64 = 0.2;
/// A drop within the first swing of hum that is small beside the largest must exceed that swing, so many times the hum's
/// root mean square: readings below a threshold may have been left out before it, which no fit follows.
const OF_HUM: f64 = 3.0;
/// Drops that fall within a period and a half of the mains and come so often are hum that no fit has followed.
const OFTEN: usize = 5;
const PERIODS_A_SWING: f64 = 1.5;
/// A drop among such must be so many times as large as their median.
const OF_SWING: f64 = 1.6;
/// By how many standard deviations a fall must exceed the range that noise alone covers.
const SIGMAS: f64 = 2.0;
/// Longest fall beside the rise.
const FALL_TO_RISE_MAX: f64 = 0.5;
/// Least steepness of the fall beside that of the rise.
const STEEPER_MIN: f64 = 1.8;
/// The same two the other way round where the needle goes on: only relaxation falls slowly then, and it needs a rest.
const ADVANCING: (f64, f64) = (1.0, 1.0);
/// Shares of a fall that are looked at by themselves: after a puncture the bevel passes, the foil relaxes or the needle
/// goes back, which lets the force fall on for long.
const BEGINNINGS: [f64; 7] = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3];
/// Smallest recorded rise beside the fall; a fall that begins with the recording has no peak.
const RISE_TO_FALL_MIN: f64 = 0.25;

/// A fall of the force.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drop {
    /// Where the rise before it began (the trough before, or 0).
    pub start: usize,
    /// The highest sample.
    pub peak: usize,
    /// The lowest sample after it, before the next rise.
    pub trough: usize,
    /// From peak to trough, N.
    pub fall_n: f64,
    /// The fall as a share of the height of the peak above the base.
    pub share: f64,
    /// It is much faster than the rise before it, which was recorded.
    pub steep: bool,
    /// It is steep, or as fast as the rise while the needle went on.
    pub sudden: bool,
}

/// What is known of a trace before its drops are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Force without contact, N.
    pub base_n: f64,
    /// Standard deviation of its noise, N.
    pub sigma_n: f64,
    /// Samples that were averaged into one: what falls within them falls as fast as can be seen.
    pub width: usize,
    /// The stage was recorded, and went forward: no fall is a withdrawal.
    pub advancing: bool,
    /// Samples of the longest period of mains hum.
    pub mains_rows: f64,
    /// Root mean square of the hum that was taken out, N.
    pub hum_n: f64,
}

/// All drops of `force_n` that exceed noise, in order.
pub fn find(force_n: &[f64], known: &Known) -> Vec<Drop> {
    let Known { base_n, sigma_n, .. } = *known;
    let mut drops = Vec::new();
    // Largest of n normal deviates: sqrt(2 ln n) standard deviations at most, asymptotically; so below, too.
    let range = 2.0 * (2.0 * (force_n.len().max(2) as f64).ln()).sqrt();
    let noise_n = (range + SIGMAS) * sigma_n;
    let (mut start, mut peak, mut trough) = (0, 0, 0);
    let mut falling = false;
    for (row, &force) in force_n.iter().enumerate() {
        let height = force_n[peak] - base_n;
        let enough = noise_n.max(SHARE_MIN * height);
        if falling {
            if force < force_n[trough] {
                trough = row;
            } else if force - force_n[trough] > noise_n.max(SHARE_MIN * (force_n[trough] - base_n)) {
                drops.push(describe(force_n, known, start, peak, trough));
                (start, peak, falling) = (trough, row, false);
            }
        } else if force > force_n[peak] {
            peak = row;
        } else if force_n[peak] - force > enough && height > 0.0 {
            (trough, falling) = (row, true);
        }
    }
    if falling {
        drops.push(describe(force_n, known, start, peak, trough));
    }
    drops
}

/// The punctures among `drops`, in order: the first is the puncture, the others further layers.
pub fn punctures(drops: &[Drop], known: &Known) -> Vec<Drop> {
    let sudden = || drops.iter().filter(|drop| drop.sudden);
    let largest_n = sudden().map(|drop| drop.fall_n).fold(0.0, f64::max);
    let swing_n = swing(drops, known.mains_rows);
    let sure_n = |drop: &Drop| {
        let first = (drop.peak as f64) < PERIODS_A_SWING * known.mains_rows;
        let hum_n = if first { (OF_HUM * known.hum_n).min(OF_LARGEST * largest_n) } else { 0.0 };
        hum_n.max(OF_LARGEST_SURE * largest_n)
    };
    let real = |drop: &&Drop| {
        let sure = drop.steep && drop.share >= SHARE_SURE && drop.fall_n >= sure_n(drop);
        drop.fall_n >= OF_SWING * swing_n
            && (sure || (drop.share >= SHARE_LAYER && drop.fall_n >= OF_LARGEST * largest_n))
    };
    sudden().filter(real).copied().collect()
}

/// Median fall, N, of the drops that come and go as fast as hum does, where they come often; else zero.
fn swing(drops: &[Drop], mains_rows: f64) -> f64 {
    let fast = |drop: &&Drop| ((drop.trough - drop.start) as f64) < PERIODS_A_SWING * mains_rows;
    let mut falls: Vec<f64> = drops.iter().filter(fast).map(|drop| drop.fall_n).collect();
    median(&mut falls).filter(|_| falls.len() >= OFTEN).unwrap_or(0.0)
}

/// The largest beginning of the fall that is sudden; the whole fall where none is.
fn describe(force_n: &[f64], known: &Known, start: usize, peak: usize, trough: usize) -> Drop {
    let whole = judged(force_n, known, start, peak, trough);
    let beginning = |share: &f64| {
        let fallen = |force: &f64| force_n[peak] - force >= share * whole.fall_n;
        let end = peak + force_n[peak..trough].iter().position(fallen).unwrap_or(trough - peak);
        judged(force_n, known, start, peak, end)
    };
    // A fall whose rise was hardly recorded begins with the recording, and so do its parts.
    let risen = force_n[peak] - force_n[start] >= RISE_TO_FALL_MIN * whole.fall_n;
    let beginnings = BEGINNINGS.iter().map(beginning).filter(|drop| risen && drop.share >= SHARE_LAYER);
    std::iter::once(whole).chain(beginnings).find(|drop| drop.sudden).unwrap_or(whole)
}

/// The fall from `peak` to `end`.
fn judged(force_n: &[f64], known: &Known, start: usize, peak: usize, end: usize) -> Drop {
    let fall_n = force_n[peak] - force_n[end];
    let share = fall_n / (force_n[peak] - known.base_n);
    let fall = fall_rows(&force_n[peak..=end], fall_n);
    // What was recorded from its beginning is a rise of its own, from friction to the next layer.
    let foot_n = if start > 0 { force_n[start] } else { known.base_n.min(force_n[start]) };
    let rise = rise_rows(&force_n[start..=peak], foot_n);
    let risen = force_n[peak] - force_n[start] >= RISE_TO_FALL_MIN * fall_n;
    let steepness = fall_n / (force_n[peak] - foot_n) * rise;
    let at_once = fall <= known.width.max(2) as f64;
    let faster = |(steeper_min, longest): (f64, f64)| steepness >= steeper_min * fall && fall <= longest * rise;
    let steep = risen && (at_once || faster((STEEPER_MIN, FALL_TO_RISE_MAX)));
    let sudden = steep || (risen && known.advancing && faster(ADVANCING));
    Drop { start, peak, trough: end, fall_n, share, steep, sudden }
}

/// Rows from a tenth to six tenths of a fall, by how many lie between: noise on a slow fall crosses both at once.
fn fall_rows(force_n: &[f64], fall_n: f64) -> f64 {
    let top = force_n[0];
    let between = force_n.iter().filter(|force| (0.1 * fall_n..0.6 * fall_n).contains(&(top - *force))).count();
    (between + 1) as f64
}

/// Rows from four to nine tenths of a rise; where the rise began above four tenths, as many as the rest suggests.
fn rise_rows(force_n: &[f64], foot_n: f64) -> f64 {
    let Some(top) = force_n.last() else {
        return 0.0;
    };
    let height = top - foot_n;
    let below = |share: f64| force_n.iter().rposition(|force| force - foot_n <= share * height);
    let to = below(0.9).map_or(0, |row| row + 1);
    if let Some(from) = below(0.4) {
        return (to - from.min(to)) as f64;
    }
    let begun = (force_n[0] - foot_n) / height;
    // Begun close to the top there is nothing to compare with; a tenth of what was recorded has to do.
    if begun < 0.8 { to as f64 * 0.5 / (0.9 - begun) } else { 0.1 * force_n.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::{Known, find, punctures};

    fn known(base_n: f64, sigma_n: f64) -> Known {
        Known { base_n, sigma_n, width: 1, advancing: false, mains_rows: 0.0, hum_n: 0.0 }
    }

    /// Straight lines through corners (row, force).
    fn lines(corners: &[(usize, f64)]) -> Vec<f64> {
        let mut force_n = vec![corners[0].1];
        for pair in corners.windows(2) {
            let ((a, low), (b, high)) = (pair[0], pair[1]);
            force_n.extend((a + 1..=b).map(|row| low + (high - low) * (row - a) as f64 / (b - a) as f64));
        }
        force_n
    }

    #[test]
    fn the_puncture_is_the_first_real_sudden_drop() {
        for (name, corners, expected) in [
            ("sharp", vec![(0, 0.0), (50, 0.0), (150, 1.0), (154, 0.2), (200, 0.2)], vec![150]),
            ("never", vec![(0, 0.0), (50, 0.0), (200, 1.0)], vec![]),
            ("relaxation", vec![(0, 0.0), (100, 1.0), (300, 0.4)], vec![]),
            ("withdrawal", vec![(0, 0.0), (100, 1.0), (200, 0.0)], vec![]),
            ("notch first", vec![(0, 0.0), (60, 0.6), (63, 0.4), (120, 1.0), (125, 0.1), (200, 0.1)], vec![120]),
            ("two layers", vec![(0, 0.0), (60, 0.6), (63, 0.2), (120, 1.0), (125, 0.1), (200, 0.1)], vec![60, 120]),
            ("climbing friction", vec![(0, 0.0), (60, 0.3), (63, 0.1), (300, 0.9)], vec![60]),
            ("gradual", vec![(0, 0.0), (100, 1.0), (130, 0.2), (200, 0.2)], vec![100]),
            ("cut off", vec![(0, 0.6), (40, 1.0), (44, 0.2), (100, 0.2)], vec![40]),
        ] {
            for scale in [1e-3, 1.0, 50.0] {
                let force_n: Vec<f64> = lines(&corners).iter().map(|force| force * scale).collect();
                let base_n = if name == "cut off" { 0.2 * scale } else { 0.0 };
                let known = known(base_n, 0.004 * scale);
                let found = punctures(&find(&force_n, &known), &known);
                assert_eq!(found.iter().map(|drop| drop.peak).collect::<Vec<_>>(), expected, "{name} at {scale}");
            }
        }
        assert!(find(&[], &known(0.0, 0.1)).is_empty());
    }
}
