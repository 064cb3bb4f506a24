//! Half of the carriage's stroke, from the phase of contact of strokes that reach well in.
//!
//! A stroke touches and leaves at one height of the carriage, so half of the angle between them gives its rise above
//! contact, `x = 1 - cos` of that angle, and the encoder gives the same in millimetres: protrusion less gap. A crank of
//! radius `r` with a rod of length `l` turns about top dead centre more sharply than it moves on the whole,
//! `reach = h (x - q x^2)` with `q = c / (2 (1 + c))`, `c = r / l`; what the law of first contact needs is `h`, the
//! sharpness at the top. Both are fitted over all reaches, with a prior on `q` (rods of 3 radii and longer) and an
//! offset, as both ends of contact are seen through a filter.
//!
//! Deliberately absent: how contact is timed, which are [`crate::measure::dynamic::stroke`] and
//! [`crate::measure::dynamic::onset`].

use crate::measure::{
    dynamic::linear::{inverse, times},
    screen::median,
};

/// Fewest strokes.
const STROKES_MIN: usize = 8;
/// Share of the strokes, innermost first: in the outermost not all needles enter.
const INNER: f64 = 2.0 / 3.0;
/// Prior of `q` and its SD.
const ROD: (f64, f64) = (0.035, 0.025);
/// SD of the offset, mm, for a filter that a stroke crosses in less than needles dip (derived).
const OFFSET_MM: f64 = 0.01;
/// Share of what the filter's SD is beyond that dip, or this part of it, by which the time of contact may be off (derived).
const FILTER_SHARE: f64 = 0.6;
const DIP_SHARE: f64 = 0.7;
/// What the strokes say together is worth so many that are each off by so much, mm: their errors are alike (derived).
const WORTH: (f64, f64) = (8.0, 0.012);
/// Robust SDs beyond which a stroke is left out, and rounds of leaving out.
const SDS_MAX: f64 = 4.0;
const ROUNDS: usize = 4;
/// Mean square of offset and rod, in prior SDs, beyond which the strokes are not what the model takes them for, and the
/// relative standard uncertainty of their median reach then.
const STRANGE: f64 = 4.0;
const STRANGE_RELATIVE: f64 = 0.08;
/// Least half stroke, mm, and least relative standard uncertainty of one.
const HALF_MIN_MM: f64 = 0.1;
const RELATIVE_MIN: f64 = 0.01;

/// Half stroke at the top, mm, and its relative standard uncertainty, from strokes (gap in mm, rise) for a mean protrusion.
/// `filter` is its SD as an angle of the crank (rad), and how far needles dip before they enter, mm. `None` where
/// fewer than eight strokes were seen.
pub fn half_stroke(mut strokes: Vec<(f64, f64)>, mean_mm: f64, filter: (f64, f64)) -> Option<(f64, f64)> {
    strokes.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    strokes.truncate(((INNER * strokes.len() as f64) as usize).max(STROKES_MIN));
    let points: Vec<(f64, f64)> = strokes.iter().map(|(gap_mm, rise)| (mean_mm - gap_mm, *rise)).collect();
    let middle_mm = median(&mut points.iter().map(|(reach_mm, rise)| reach_mm / rise).collect::<Vec<f64>>())?;
    if points.len() < STROKES_MIN || middle_mm < HALF_MIN_MM {
        return None;
    }
    let offset_mm = OFFSET_MM.hypot(FILTER_SHARE * (middle_mm * filter.0 - DIP_SHARE * filter.1).max(0.0));
    let prior = [(0.0, offset_mm), (middle_mm, middle_mm), (-ROD.0 * middle_mm, ROD.1 * middle_mm)];
    let mut fit = [0.0, middle_mm * (1.0 + ROD.0), -ROD.0 * middle_mm];
    let mut limit_mm = f64::INFINITY;
    let mut variance = 0.0;
    let left = |(reach_mm, rise): &(f64, f64), fit: &[f64; 3]| reach_mm - fit[0] - rise * (fit[1] + fit[2] * rise);
    for _ in 0..ROUNDS {
        let kept: Vec<(f64, f64)> =
            points.iter().filter(|point| left(point, &fit).abs() <= limit_mm).copied().collect();
        (fit, variance) = least_squares(&kept, &prior)?;
        let mut apart_mm: Vec<f64> = points.iter().map(|point| left(point, &fit).abs()).collect();
        limit_mm = SDS_MAX * 1.4826 * median(&mut apart_mm)?;
    }
    let rod = -fit[2] / fit[1];
    let strange = 0.5 * ((fit[0] / offset_mm).powi(2) + ((rod - ROD.0) / ROD.1).powi(2));
    if strange > STRANGE || fit[1] < HALF_MIN_MM {
        return Some((middle_mm * (1.0 + ROD.0), STRANGE_RELATIVE));
    }
    Some((fit[1], RELATIVE_MIN.hypot(variance.sqrt() / fit[1])))
}

/// Offset, linear and square coefficient of the reach over the rise, and the variance of the second.
fn least_squares(points: &[(f64, f64)], prior: &[(f64, f64); 3]) -> Option<([f64; 3], f64)> {
    let weight = WORTH.0 / points.len() as f64 / WORTH.1.powi(2);
    let (mut normal, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
    for (k, (mean, sd)) in prior.iter().enumerate() {
        normal[k][k] += sd.powi(-2);
        right[k] += mean * sd.powi(-2);
    }
    for (reach_mm, rise) in points {
        let row = [1.0, *rise, rise * rise];
        for i in 0..3 {
            right[i] += weight * row[i] * reach_mm;
            normal[i].iter_mut().zip(&row).for_each(|(sum, other)| *sum += weight * row[i] * other);
        }
    }
    let covariance = inverse(normal)?;
    Some((times(&covariance, &right), covariance[1][1]))
}

#[cfg(test)]
mod tests {
    use super::half_stroke;

    /// Reaches of a crank with a rod, `h (x - q x^2)`, with one in `wrong` of them timed wrongly.
    fn strokes(half_mm: f64, q: f64, offset_mm: f64, wrong: usize) -> Vec<(f64, f64)> {
        let reach = |x: f64| offset_mm + half_mm * (x - q * x * x);
        let at = |k: usize| 0.2 + 1.2 * k as f64 / 199.0;
        (0..200).map(|k| (2.0 - reach(at(k)) + if wrong > 0 && k % wrong == 0 { 0.4 } else { 0.0 }, at(k))).collect()
    }

    #[test]
    fn the_sharpness_at_the_top_is_found_with_a_rod_and_among_wrong_strokes() {
        for (q, offset_mm, wrong) in [(0.0, 0.0, 0), (0.06, 0.01, 0), (0.04, -0.01, 5)] {
            let (half_mm, u) = half_stroke(strokes(1.2, q, offset_mm, wrong), 2.0, (0.1, 0.15)).expect("seen");
            assert!((half_mm / 1.2 - 1.0).abs() < 2.0 * u && u < 0.04, "{half_mm} {u} for q {q}");
        }
    }

    #[test]
    fn strokes_that_no_crank_makes_are_worth_little() {
        let (_, u) = half_stroke(strokes(1.2, 0.3, 0.1, 0), 2.0, (0.1, 0.15)).expect("seen");
        assert!(u > 0.07, "{u}");
        assert_eq!(half_stroke(strokes(1.2, 0.0, 0.0, 0)[..7].to_vec(), 2.0, (0.1, 0.15)), None);
    }
}
