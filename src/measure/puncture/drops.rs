//! Drops of a force trace: where the force falls, how far, and how fast beside the rise before it.
//!
//! A hysteresis walk (as in rainflow counting) follows the running maximum until the force has fallen from it by more
//! than noise can and by more than [`SHARE_MIN`] of the local height, then the running minimum until it has risen
//! again. What is called a puncture is decided by ratios alone, so that it holds at any scale of force and time:
//!
//! - sudden: the first half of the fall takes at most [`FALL_TO_RISE_MAX`] of the time that the middle half of the
//!   rise took, and is [`STEEPER_MIN`] times as steep. A withdrawal falls as steeply as the force rose, whether its end
//!   was recorded or not, and relaxation hardly more.
//! - real: the force falls by nearly half of the local height ([`SHARE_SURE`]; films: 66 to 92 %, domain.md section 4), or
//!   by a quarter where no other drop of the trace is twice as large (layers, phantoms). A notch before the puncture
//!   is neither.
//!
//! Deliberately absent: absolute limits in newtons or seconds.

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
/// By how many standard deviations a fall must exceed the range that noise alone covers.
const SIGMAS: f64 = 2.0;
/// Longest fall beside the rise.
const FALL_TO_RISE_MAX: f64 = 0.5;
/// Least steepness of the fall beside that of the rise.
const STEEPER_MIN: f64 = 1.8;
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
    /// It is faster than the rise before it, which was recorded.
    pub sudden: bool,
}

/// All drops of `force_n` that exceed noise of `sigma_n`, in order. `base_n` is the force without contact.
pub fn find(force_n: &[f64], base_n: f64, sigma_n: f64) -> Vec<Drop> {
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
                drops.push(describe(force_n, base_n, start, peak, trough));
                (start, peak, falling) = (trough, row, false);
            }
        } else if force > force_n[peak] {
            peak = row;
        } else if force_n[peak] - force > enough && height > 0.0 {
            (trough, falling) = (row, true);
        }
    }
    if falling {
        drops.push(describe(force_n, base_n, start, peak, trough));
    }
    drops
}

/// The punctures among `drops`, in order: the first is the puncture, the others further layers.
pub fn punctures(drops: &[Drop]) -> Vec<Drop> {
    let sudden = || drops.iter().filter(|drop| drop.sudden);
    let largest_n = sudden().map(|drop| drop.fall_n).fold(0.0, f64::max);
    let real = |drop: &&Drop| {
        (drop.share >= SHARE_SURE && drop.fall_n >= OF_LARGEST_SURE * largest_n)
            || (drop.share >= SHARE_LAYER && drop.fall_n >= OF_LARGEST * largest_n)
    };
    sudden().filter(real).copied().collect()
}

fn describe(force_n: &[f64], base_n: f64, start: usize, peak: usize, trough: usize) -> Drop {
    let fall_n = force_n[peak] - force_n[trough];
    let share = fall_n / (force_n[peak] - base_n);
    let fall = fall_rows(&force_n[peak..=trough], fall_n);
    let rise = rise_rows(&force_n[start..=peak], base_n.min(force_n[start]));
    let risen = force_n[peak] - force_n[start] >= RISE_TO_FALL_MIN * fall_n;
    let steep = share * rise >= STEEPER_MIN * fall;
    let sudden = risen && (fall <= 2.0 || (steep && fall <= FALL_TO_RISE_MAX * rise));
    Drop { start, peak, trough, fall_n, share, sudden }
}

/// Rows from a tenth to six tenths of a fall, from its top.
fn fall_rows(force_n: &[f64], fall_n: f64) -> f64 {
    let top = force_n[0];
    let from = force_n.iter().rposition(|force| top - force <= 0.1 * fall_n).unwrap_or(0);
    let to = force_n.iter().position(|force| top - force >= 0.6 * fall_n).unwrap_or(force_n.len());
    to.saturating_sub(from).max(1) as f64
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
    use super::{find, punctures};

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
                let found = punctures(&find(&force_n, base_n, 0.004 * scale));
                assert_eq!(found.iter().map(|drop| drop.peak).collect::<Vec<_>>(), expected, "{name} at {scale}");
            }
        }
        assert!(find(&[], 0.0, 0.1).is_empty());
    }
}
