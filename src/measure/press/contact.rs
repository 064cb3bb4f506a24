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

/// First row of the first sudden fall in `rows`, a fall of several standard deviations within four rows that the
/// slope before it does not explain. `None` where there is none.
pub fn first_drop(force_n: &[f64], rows: Range<usize>, noise_n: f64) -> Option<usize> {
    const WIDTH: usize = 4;
    const BEFORE: usize = 24;
    let sum4 = |i: usize| -> f64 { force_n[i..i + WIDTH].iter().sum::<f64>() / WIDTH as f64 };
    let start = rows.start + BEFORE + WIDTH;
    if rows.end < start + 2 * WIDTH {
        return None;
    }
    (start..rows.end - 2 * WIDTH).find(|&i| {
        let (behind, ahead) = (sum4(i - WIDTH), sum4(i + 1));
        let expected = (behind - sum4(i - BEFORE)) / (BEFORE - WIDTH) as f64 * (WIDTH + 1) as f64;
        let fall = behind + expected.max(0.0) - ahead;
        fall > 5.5 * noise_n + 0.006 * behind.abs() && ahead < behind + 0.5 * expected.max(0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::{first_drop, rough_onset};
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
}
