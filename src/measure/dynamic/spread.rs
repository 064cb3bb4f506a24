//! Standard deviation of protrusion over strokes, measurement noise taken out, from two witnesses.
//!
//! The run has hundreds of strokes, but shows their reach by force alone, through the slope of the map and with the
//! noise of one stroke. The first touches of the scan are few, but measured by geometry. Each estimate carries its own
//! relative uncertainty; the result is their weighted mean (logarithms, so that a scale stays a scale).
//!
//! Deliberately absent: the mean.

use crate::measure::dynamic::pulses::CORRELATED;

/// Relative standard uncertainty of the slope of the map where the needles are far inside.
const SLOPE_RELATIVE: f64 = 0.06;
/// Growth of that with the square of the reach at which needles enter over the reach of the run: just inside, the force
/// falls and rises again with the reach (derived).
const SHALLOW: f64 = 1.0;
/// Relative standard uncertainty of the noise of one stroke.
const NOISE_RELATIVE: f64 = 0.12;
/// Standard uncertainty with which one first touch is measured, mm (derived).
const TOUCH_MM: f64 = 0.003;

/// A standard deviation over strokes and its standard uncertainty, mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Standard deviation, mm.
    pub sd_mm: f64,
    /// Its standard uncertainty, mm.
    pub u_mm: f64,
}

impl Spread {
    /// From the reach of strokes of a run by force: their variance (mm^2), the noise of one stroke, their number, and
    /// how far the needles have to reach to enter as a share of how far they reach. `None` where noise is all.
    pub fn by_force(variance_mm2: f64, noise_mm: f64, strokes: usize, shallow: f64) -> Option<Self> {
        let noise_mm2 = noise_mm * noise_mm;
        let rest_mm2 = variance_mm2 - noise_mm2;
        let sd_mm = (rest_mm2 > 0.0).then(|| rest_mm2.sqrt())?;
        let strokes = strokes.max(2) as f64;
        let of_noise = NOISE_RELATIVE * noise_mm2 / rest_mm2;
        let of_number = (0.5 * CORRELATED / strokes).sqrt() * variance_mm2 / rest_mm2;
        let of_slope = SLOPE_RELATIVE + SHALLOW * shallow * shallow;
        Some(Self { sd_mm, u_mm: sd_mm * of_noise.hypot(of_number).hypot(of_slope) })
    }

    /// From the protrusion of first touches: their scatter and number, and the drift of the pen over the run, which
    /// they do not show.
    pub fn by_touch(scatter_mm: f64, touches: usize, drift_mm: f64) -> Option<Self> {
        let steady_mm2 = scatter_mm.powi(2) - TOUCH_MM.powi(2);
        let free = touches as f64 / CORRELATED - 1.0;
        (steady_mm2 > 0.0 && free > 1.0).then(|| {
            // A drift spreads evenly over its range.
            let sd_mm = (steady_mm2 + drift_mm.powi(2) / 12.0).sqrt();
            let of_touch = 0.5 * TOUCH_MM.powi(2) / steady_mm2;
            Self { sd_mm, u_mm: sd_mm * (0.5 / free).sqrt().hypot(of_touch) }
        })
    }

    /// The weighted mean of two witnesses; where they contradict each other, what lies between them is uncertain.
    pub fn joined(self, other: Self) -> Self {
        let relative = |one: &Self| one.u_mm / one.sd_mm;
        let (a, b) = (relative(&self).powi(-2), relative(&other).powi(-2));
        let sd_mm = ((a * self.sd_mm.ln() + b * other.sd_mm.ln()) / (a + b)).exp();
        let apart = (self.sd_mm / other.sd_mm).ln().abs() / (1.0 / a + 1.0 / b).sqrt();
        Self { sd_mm, u_mm: sd_mm * (a + b).powf(-0.5) * apart.max(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_better_witness_counts_and_noise_alone_is_none() {
        let run = Spread::by_force(0.02_f64.powi(2) + 0.001_f64.powi(2), 0.001, 500, 0.1).expect("far above noise");
        assert!((run.sd_mm - 0.02).abs() < 1e-12 && run.u_mm < 0.09 * run.sd_mm);
        assert_eq!(Spread::by_force(0.01_f64.powi(2), 0.011, 500, 0.1), None);
        let touch = Spread::by_touch(0.025, 30, 0.0).expect("many");
        let both = run.joined(touch);
        assert!(both.sd_mm > 0.02 && both.sd_mm < 0.0225 && both.u_mm < run.u_mm.max(touch.u_mm), "{both:?}");
        let faint = Spread::by_force(0.05_f64.powi(2), 0.049, 500, 0.1).expect("barely");
        assert!(faint.u_mm > faint.sd_mm);
        let drifting = Spread::by_touch(0.02, 30, 0.06).expect("many");
        assert!((drifting.sd_mm - (0.02_f64.powi(2) - 9e-6 + 3e-4).sqrt()).abs() < 1e-12);
    }
}
