//! Compliance of the load path from pushes against a hard stop in the phantom's place.
//!
//! On a stop that does not give way, whatever the stage advances is deflection of cell, fixture and frame: the slope
//! of stage position over force is the compliance. A constant lag of the force channel shifts the line and leaves its
//! slope. The stop's own contact stiffness is part of what is measured; a term of the budget says how much it may be,
//! from the curvature that contacts show at small force.

use super::{Refused, mean_and_u};
use crate::{
    stats::regression::line,
    uncertainty::{Budget, Measured},
};

/// Part of a push that is used, in shares of its largest force: the contact closes below, creep sets in above.
const USED: [f64; 2] = [0.15, 0.9];
/// Fewest readings in that part.
const READINGS_MIN: usize = 20;
/// Fewest pushes.
pub const PUSHES_MIN: usize = 3;

/// One reading of a push.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Force, N.
    pub force_n: f64,
    /// Stage position, mm.
    pub stage_mm: f64,
}

/// One push: the way up to the largest force and the way back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Push {
    /// Readings while the force grew.
    pub rising: Vec<Point>,
    /// Readings while it fell.
    pub falling: Vec<Point>,
}

/// What is known apart from the readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    /// Relative standard uncertainty of the force scale.
    pub force_scale_u: f64,
    /// Standard uncertainty of a distance on the encoder, mm.
    pub encoder_u_mm: f64,
}

/// Result of a compliance calibration.
#[derive(Clone, Debug, PartialEq)]
pub struct Compliance {
    /// Compliance, mm/N.
    pub mm_per_n: Measured,
    /// Falling less rising slope, mean over the pushes, mm/N.
    pub hysteresis_mm_per_n: f64,
    /// Slope of the upper less that of the lower half of the force, mm/N.
    pub curvature_mm_per_n: f64,
    /// Largest force, N.
    pub span_n: f64,
}

/// The compliance from at least [`PUSHES_MIN`] pushes.
///
/// # Errors
///
/// [`Refused`] with too few pushes or readings, or where force and position do not rise together.
pub fn compliance(pushes: &[Push], reference: Reference) -> Result<Compliance, Refused> {
    if pushes.len() < PUSHES_MIN {
        return Err(Refused::because(format!("{} pushes; at least {PUSHES_MIN} are needed", pushes.len())));
    }
    let span_n = pushes.iter().flat_map(|push| &push.rising).map(|point| point.force_n).fold(0.0, f64::max);
    let [from_n, to_n] = USED.map(|share| share * span_n);
    let middle_n = 0.5 * (from_n + to_n);
    let (mut means, mut ways, mut bends) = (Vec::new(), Vec::new(), Vec::new());
    for push in pushes {
        let rising = slope(&push.rising, from_n, to_n)?;
        let falling = slope(&push.falling, from_n, to_n)?;
        means.push(0.5 * (rising + falling));
        ways.push(falling - rising);
        let half = |from_n: f64, to_n: f64| {
            let both: Vec<Point> = push.rising.iter().chain(&push.falling).copied().collect();
            slope(&both, from_n, to_n)
        };
        bends.push(half(middle_n, to_n)? - half(from_n, middle_n)?);
    }
    let (mm_per_n, repeatability) = mean_and_u(&means);
    if mm_per_n.is_nan() || mm_per_n <= 0.0 {
        return Err(Refused::because(format!(
            "the stage moved by {mm_per_n:.6} mm for each newton; a hard stop needs force that grows with the advance: \
             look at the sign of n_per_count and of the encoder"
        )));
    }
    let (hysteresis, bend) = (mean_and_u(&ways).0, mean_and_u(&bends).0);
    let mut budget = Budget::default();
    budget.common("repeatability over the pushes", repeatability, Some(means.len() as f64 - 1.0));
    budget.common("hysteresis", 0.5 * hysteresis.abs() / 3.0_f64.sqrt(), None);
    budget.common("curvature, contact of the stop", 0.5 * bend.abs() / 3.0_f64.sqrt(), None);
    budget.common("force scale", mm_per_n * reference.force_scale_u, None);
    budget.common("encoder", reference.encoder_u_mm / (to_n - from_n), None);
    Ok(Compliance {
        mm_per_n: Measured::new(mm_per_n, budget),
        hysteresis_mm_per_n: hysteresis,
        curvature_mm_per_n: bend,
        span_n,
    })
}

/// Least-squares slope of position over force between two forces. The noise of force is some thousandths of its span
/// here, so that what it takes off the slope (noise variance over variance of force) is below 1e-5.
fn slope(points: &[Point], from_n: f64, to_n: f64) -> Result<f64, Refused> {
    let used: Vec<&Point> = points.iter().filter(|point| (from_n..=to_n).contains(&point.force_n)).collect();
    if used.len() < READINGS_MIN {
        return Err(Refused::because(format!(
            "{} readings between {from_n:.2} N and {to_n:.2} N; at least {READINGS_MIN} are needed: push more slowly",
            used.len()
        )));
    }
    let (forces, stages): (Vec<f64>, Vec<f64>) = used.iter().map(|point| (point.force_n, point.stage_mm)).unzip();
    Ok(line(&forces, &stages)?.slope)
}

#[cfg(test)]
mod tests {
    use super::{Point, Push, Reference, compliance};

    const REFERENCE: Reference = Reference { force_scale_u: 0.002, encoder_u_mm: 1e-5 };

    /// A push to 5 N and back in 500 readings each way; `deflection(force, rising)` in mm.
    fn push(start_mm: f64, deflection: impl Fn(f64, bool) -> f64) -> Push {
        let way = |rising: bool| {
            let point = |index: u32| {
                let force_n = f64::from(index) * 0.01;
                Point { force_n, stage_mm: start_mm + deflection(force_n, rising) }
            };
            (0..=500).map(point).collect()
        };
        Push { rising: way(true), falling: way(false) }
    }

    #[test]
    fn a_straight_load_path_gives_its_slope() {
        let pushes = [10.0, 10.001, 9.999].map(|start_mm| push(start_mm, |force_n, _| 0.0066 * force_n));
        let found = compliance(&pushes, REFERENCE).unwrap();
        assert!((found.mm_per_n.value - 0.0066).abs() < 1e-9);
        assert!((found.mm_per_n.u() - (0.0066_f64 * 0.002).hypot(1e-5 / 3.75)).abs() < 1e-8);
    }

    #[test]
    fn hysteresis_and_a_soft_contact_show_in_the_budget() {
        let lost = [0.0; 3].map(|start_mm| push(start_mm, |f, rising| if rising { 0.006 * f } else { 0.0064 * f }));
        let found = compliance(&lost, REFERENCE).unwrap();
        assert!((found.mm_per_n.value - 0.0062).abs() < 1e-9 && (found.hysteresis_mm_per_n - 4e-4).abs() < 1e-9);
        let hertz = [0.0; 3].map(|start_mm| push(start_mm, |f, _| 0.006 * f + 0.001 * f.powf(2.0 / 3.0)));
        let found = compliance(&hertz, REFERENCE).unwrap();
        assert!(found.curvature_mm_per_n < -5e-5 && found.mm_per_n.u() > 2e-5, "{found:?}");
    }

    #[test]
    fn what_is_no_hard_stop_is_refused() {
        let straight = || push(0.0, |force_n, _| 0.0066 * force_n);
        let refused = |pushes: &[Push]| compliance(pushes, REFERENCE).unwrap_err().to_string();
        assert!(refused(&[straight(), straight()]).contains("2 pushes"));
        assert!(refused(&[straight(), straight(), Push::default()]).contains("push more slowly"));
        let backwards = [0.0; 3].map(|start_mm| push(start_mm, |force_n, _| -0.0066 * force_n));
        assert!(refused(&backwards).contains("sign"));
    }
}
