//! From the force at full extension to how far a stroke reached.
//!
//! Just before top dead centre the needles are in, cutting is done and friction has the whole buried length to act
//! on: the force then grows evenly with interference (gap taken from protrusion), the same for every stroke. In the
//! scan the gap is known from the encoder, so the line needs no model of force; only its inner part is used, where
//! every needle has entered. Times were tried and left: the phase of contact hardly moves with protrusion where a
//! pen changes its stroke and not its offset.

/// Line of the late force over the gap, with the covariance of its ends.
#[derive(Clone, Copy, Debug)]
pub struct Map {
    centre_mm: f64,
    level_n: f64,
    /// Growth of the late force with interference, N/mm.
    pub slope_n_per_mm: f64,
    /// Standard uncertainties of level and slope.
    u: (f64, f64),
    /// Difference of the line's prediction at the gap of the run to that from a longer part of the scan, N.
    pub curvature_n: f64,
}

/// Share of the strokes, innermost first, on which the line rests, and the longer share it is compared with.
const INNER: (f64, f64) = (0.45, 0.7);

/// Relative standard uncertainty of sliding friction as the growth of the late force.
const FRICTION_RELATIVE: f64 = 0.12;

/// Relative standard uncertainty of the elastic law beyond the reach at which it was fitted.
const LAW_RELATIVE: f64 = 0.08;

impl Map {
    /// From strokes of the scan (gap in mm, late force in N), for a run at `gap_mm`. `None` where fewer than sixteen
    /// passed through the inner part, or where the force does not grow with interference.
    pub fn fit(strokes: &[(f64, f64)], gap_mm: f64) -> Option<Self> {
        let mut gaps: Vec<f64> = strokes.iter().map(|(gap, _)| *gap).collect();
        gaps.sort_unstable_by(f64::total_cmp);
        let limit = |share: f64| gaps.get((share * gaps.len() as f64) as usize).copied();
        let mut map = Self::line(strokes, limit(INNER.0)?)?;
        let longer = Self::line(strokes, limit(INNER.1)?)?;
        map.curvature_n = longer.at(gap_mm) - map.at(gap_mm);
        Some(map)
    }

    /// A line of known slope through the mean force of the innermost strokes, where the scan alone does not show how
    /// force grows (short needles, which enter at the scan's very end).
    pub fn with_slope(strokes: &[(f64, f64)], slope_n_per_mm: f64) -> Option<Self> {
        let mut inner: Vec<(f64, f64)> = strokes.to_vec();
        inner.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        inner.truncate((INNER.0 * strokes.len() as f64) as usize);
        let count = inner.len() as f64;
        let mean = |value: fn(&(f64, f64)) -> f64| inner.iter().map(value).sum::<f64>() / count;
        let (centre_mm, level_n) = (mean(|point| point.0), mean(|point| point.1));
        let u = (0.1 * level_n, FRICTION_RELATIVE * slope_n_per_mm);
        (inner.len() >= 4 && slope_n_per_mm > 0.0).then_some(Self {
            centre_mm,
            level_n,
            slope_n_per_mm,
            u,
            curvature_n: 0.0,
        })
    }

    /// A line through a point whose force and slope are known from a law to some per cent.
    pub fn known(centre_mm: f64, level_n: f64, slope_n_per_mm: f64) -> Self {
        let u = (LAW_RELATIVE * level_n, LAW_RELATIVE * slope_n_per_mm);
        Self { centre_mm, level_n, slope_n_per_mm, u, curvature_n: 0.0 }
    }

    /// The slope moved to the weighted mean with the growth of sliding friction on the way out, which is the same
    /// friction over the same length.
    pub fn joined(mut self, friction_n_per_mm: f64) -> Self {
        let own = (self.u.1).hypot(0.04 * self.slope_n_per_mm).powi(-2);
        let other = (FRICTION_RELATIVE * friction_n_per_mm).powi(-2);
        self.slope_n_per_mm = (own * self.slope_n_per_mm + other * friction_n_per_mm) / (own + other);
        self
    }

    fn line(strokes: &[(f64, f64)], limit_mm: f64) -> Option<Self> {
        let points: Vec<(f64, f64)> = strokes.iter().copied().filter(|(gap, _)| *gap <= limit_mm).collect();
        let first = Self::least_squares(&points)?;
        let mut apart: Vec<f64> = points.iter().map(|(gap, force)| (force - first.at(*gap)).abs()).collect();
        apart.sort_unstable_by(f64::total_cmp);
        let near = 4.0 * 1.4826 * apart[apart.len() / 2];
        let kept: Vec<(f64, f64)> = points.into_iter().filter(|(gap, f)| (f - first.at(*gap)).abs() <= near).collect();
        Self::least_squares(&kept).filter(|map| map.slope_n_per_mm > 0.0)
    }

    fn least_squares(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        if points.len() < 16 {
            return None;
        }
        let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
        let (centre_mm, level_n) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|(gap, _)| (gap - centre_mm).powi(2)).sum();
        let product: f64 = points.iter().map(|(gap, force)| (gap - centre_mm) * (force - level_n)).sum();
        let slope = product / spread;
        let squares: f64 =
            points.iter().map(|(gap, force)| (force - level_n - slope * (gap - centre_mm)).powi(2)).sum();
        let sd = (squares / (count - 2.0)).sqrt();
        let u = (sd / count.sqrt(), sd / spread.sqrt());
        (spread > 0.0).then_some(Self { centre_mm, level_n, slope_n_per_mm: -slope, u, curvature_n: 0.0 })
    }

    /// Late force of the scan's mean stroke at a gap, N.
    pub fn at(&self, gap_mm: f64) -> f64 {
        self.level_n - self.slope_n_per_mm * (gap_mm - self.centre_mm)
    }

    /// Standard uncertainty of [`Map::at`] from the scatter of the strokes, N.
    pub fn u_at(&self, gap_mm: f64) -> f64 {
        self.u.0.hypot(self.u.1 * (gap_mm - self.centre_mm))
    }

    /// Relative standard uncertainty of the slope.
    pub fn u_slope(&self) -> f64 {
        self.u.1 / self.slope_n_per_mm
    }
}

#[cfg(test)]
mod tests {
    use super::Map;

    #[test]
    fn line_through_the_inner_part_ignores_the_entry_of_needles() {
        let strokes: Vec<(f64, f64)> = (0..200)
            .map(|k| 1.6 - 0.007 * f64::from(k))
            .map(|gap| (gap, if gap > 1.0 { 3.0 - gap } else { 2.5 - 0.5 * gap }))
            .collect();
        let map = Map::fit(&strokes, 0.0).expect("enough strokes");
        assert!((map.slope_n_per_mm - 0.5).abs() < 1e-9 && (map.at(0.0) - 2.5).abs() < 1e-9);
        assert!(Map::fit(&strokes[..20], 0.0).is_none());
    }
}
