//! Control charts for the health of the rig: individuals with Nelson's rules, EWMA and CUSUM.
//!
//! A chart is set up on a first phase in which the rig is known to be well, then watched. It speaks of the rig, never
//! of a pen's verdict.
//!
//! Invariant: an index names the point that completes a pattern, from 0.
//! Deliberately absent: charts of subgroups, resetting after a signal.

use super::{StatsError, all_finite, describe, positive};
use std::f64::consts::FRAC_2_SQRT_PI;

/// Centre and standard deviation that a chart stands on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// Mean of the first phase.
    pub center: f64,
    /// Mean moving range over `d2 = 2/sqrt(pi)`.
    pub sigma: f64,
}

impl Baseline {
    /// From at least 2 values of the first phase, in order; 20 to 30 are customary (D. C. Montgomery, *Introduction to
    /// Statistical Quality Control*, 6.4).
    ///
    /// # Errors
    ///
    /// Fewer than 2 values, no variance, a value that is not finite.
    pub fn of(first_phase: &[f64]) -> Result<Self, StatsError> {
        let moments = describe::scattered("a control chart", 2, first_phase)?;
        let ranges = first_phase.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        let mean_range = describe::sum(ranges) / (first_phase.len() as f64 - 1.0);
        Ok(Self { center: moments.mean, sigma: mean_range / FRAC_2_SQRT_PI })
    }

    fn standardised(&self, values: &[f64]) -> Result<Vec<f64>, StatsError> {
        all_finite(values)?;
        positive("the standard deviation of a chart", self.sigma)?;
        Ok(values.iter().map(|value| (value - self.center) / self.sigma).collect())
    }
}

/// Points at which each of Nelson's eight tests signals (L. S. Nelson, J. Quality Technology 16 (1984) 237): 1 beyond
/// 3 sigma; 2 nine in a row on one side; 3 six in a row rising or falling; 4 fourteen alternating; 5 two of three
/// beyond 2 sigma on one side; 6 four of five beyond 1 sigma on one side; 7 fifteen within 1 sigma; 8 eight beyond
/// 1 sigma on either side. Tests 5 and 6 signal at a point that is itself beyond.
///
/// # Errors
///
/// A value that is not finite, a baseline without scatter.
pub fn nelson(values: &[f64], baseline: &Baseline) -> Result<[Vec<usize>; 8], StatsError> {
    let z = baseline.standardised(values)?;
    let run = |length: usize, holds: &dyn Fn(&[f64]) -> bool| -> Vec<usize> {
        z.windows(length).enumerate().filter(|(_, window)| holds(window)).map(|(start, _)| start + length - 1).collect()
    };
    let steps = |w: &[f64]| w.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
    let some_beyond = |w: &[f64], needed: usize, limit: f64| {
        [1.0, -1.0].into_iter().any(|side| {
            let beyond = |z: &&f64| side * **z > limit;
            w.last().is_some_and(|last| side * last > limit) && w.iter().filter(beyond).count() >= needed
        })
    };
    Ok([
        run(1, &|w| w[0].abs() > 3.0),
        run(9, &|w| w.iter().all(|z| *z > 0.0) || w.iter().all(|z| *z < 0.0)),
        run(6, &|w| steps(w).iter().all(|step| *step > 0.0) || steps(w).iter().all(|step| *step < 0.0)),
        run(14, &|w| steps(w).windows(2).all(|pair| pair[0] * pair[1] < 0.0)),
        run(3, &|w| some_beyond(w, 2, 2.0)),
        run(5, &|w| some_beyond(w, 4, 1.0)),
        run(15, &|w| w.iter().all(|z| z.abs() < 1.0)),
        run(8, &|w| w.iter().all(|z| z.abs() > 1.0)),
    ])
}

/// A point of an EWMA chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EwmaPoint {
    /// Exponentially weighted mean up to here.
    pub z: f64,
    /// Distance of the limits from the centre, exact for this number of points.
    pub half_width: f64,
    /// Whether `z` is beyond its limits.
    pub signal: bool,
}

/// EWMA chart with weight `weight` of the newest value (0 to 1) and limits at `width` standard deviations, started at
/// the centre (S. W. Roberts, Technometrics 1 (1959) 239).
///
/// # Errors
///
/// A value that is not finite, a weight outside (0, 1], a width or baseline scatter that is not positive.
pub fn ewma(values: &[f64], baseline: &Baseline, weight: f64, width: f64) -> Result<Vec<EwmaPoint>, StatsError> {
    all_finite(values)?;
    positive("the standard deviation of a chart", baseline.sigma)?;
    positive("the width of the limits", width)?;
    if !(0.0 < weight && weight <= 1.0) {
        return Err(StatsError::OutOfRange { what: "the weight", given: weight, allowed: "above 0, at most 1" });
    }
    let (mut z, mut forgotten) = (baseline.center, 1.0);
    let mut points = Vec::with_capacity(values.len());
    for value in values {
        z = weight * value + (1.0 - weight) * z;
        forgotten *= (1.0 - weight).powi(2);
        let half_width = width * baseline.sigma * (weight / (2.0 - weight) * (1.0 - forgotten)).sqrt();
        points.push(EwmaPoint { z, half_width, signal: (z - baseline.center).abs() > half_width });
    }
    Ok(points)
}

/// A point of a CUSUM chart, in standard deviations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CusumPoint {
    /// Sum of excesses above the centre.
    pub plus: f64,
    /// Sum of excesses below it.
    pub minus: f64,
    /// Whether either is beyond the decision interval.
    pub signal: bool,
}

/// Tabular CUSUM with reference value `reference` and decision interval `decision`, in standard deviations (E. S. Page,
/// Biometrika 41 (1954) 100); 0.5 and 4.77 give one false alarm in about 370 points from both sides together.
///
/// # Errors
///
/// A value that is not finite; a negative reference; a decision interval or baseline scatter that is not positive.
pub fn cusum(
    values: &[f64],
    baseline: &Baseline,
    reference: f64,
    decision: f64,
) -> Result<Vec<CusumPoint>, StatsError> {
    positive("the decision interval", decision)?;
    if !(reference >= 0.0 && reference.is_finite()) {
        return Err(StatsError::OutOfRange { what: "the reference value", given: reference, allowed: "0 or more" });
    }
    let (mut plus, mut minus) = (0.0_f64, 0.0_f64);
    let step = |z: f64| {
        plus = (plus + z - reference).max(0.0);
        minus = (minus - z - reference).max(0.0);
        CusumPoint { plus, minus, signal: plus.max(minus) > decision }
    };
    Ok(baseline.standardised(values)?.into_iter().map(step).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Baseline, StatsError, cusum, ewma, nelson};

    const UNIT: Baseline = Baseline { center: 0.0, sigma: 1.0 };

    #[test]
    fn each_rule_sees_its_own_pattern() {
        let alternating: Vec<f64> = (0..14).map(|i| if i % 2 == 0 { 0.2 } else { -0.2 }).collect();
        let rows: [(usize, Vec<f64>); 8] = [
            (1, vec![0.0, 3.1]),
            (2, vec![1.5, 0.5, 0.6, 1.5, 0.5, 0.6, 1.5, 0.5, 0.6]),
            (3, vec![-1.5, -1.0, -0.2, 0.1, 0.8, 1.4]),
            (4, alternating),
            (5, vec![2.1, 0.0, 2.2]),
            (6, vec![1.1, 1.4, 0.0, 1.2, 1.3]),
            (7, vec![0.5, 0.4, -0.3, -0.5, 0.2, 0.1, -0.4, -0.2, 0.3, 0.4, -0.1, -0.3, 0.6, 0.2, -0.5]),
            (8, vec![1.1, 1.2, -1.2, -1.1, 1.4, 1.2, -1.3, -1.5]),
        ];
        for (rule, values) in rows {
            let signals = nelson(&values, &UNIT).unwrap();
            for (index, at) in signals.iter().enumerate() {
                let expected: &[usize] = if index + 1 == rule { &[values.len() - 1] } else { &[] };
                assert_eq!(at, expected, "rule {} on the pattern of rule {rule}", index + 1);
            }
        }
    }

    #[test]
    fn refuses_what_it_cannot_answer() {
        assert!(matches!(Baseline::of(&[1.0, 1.0]), Err(StatsError::NoVariance { .. })));
        assert!(ewma(&[1.0], &UNIT, 0.0, 3.0).is_err());
        assert!(cusum(&[1.0], &UNIT, 0.5, 0.0).is_err());
        assert!(nelson(&[f64::NAN], &UNIT).is_err());
    }

    proptest! {
        #[test]
        fn charts_are_symmetric(values in prop::collection::vec(-3.0..3.0_f64, 1..60)) {
            let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
            prop_assert_eq!(nelson(&values, &UNIT).unwrap(), nelson(&mirrored, &UNIT).unwrap());
            let (a, b) = (cusum(&values, &UNIT, 0.5, 4.0).unwrap(), cusum(&mirrored, &UNIT, 0.5, 4.0).unwrap());
            prop_assert!(a.iter().zip(&b).all(|(a, b)| a.plus == b.minus && a.signal == b.signal));
            let all_weight = ewma(&values, &UNIT, 1.0, 3.0).unwrap();
            for (point, value) in all_weight.iter().zip(&values) {
                prop_assert!(point.z == *value && point.half_width == 3.0);
            }
        }
    }
}
