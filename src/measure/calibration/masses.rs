//! Force scale from check masses, loaded up and down in several series.
//!
//! Model: `indicated = zero of the series + force / ratio`. The ratio comes from a line through the zero (least
//! squares over all readings); what it leaves over gives linearity, hysteresis, repeatability and return to zero, the
//! terms that ISO 376:2011 (8.2 to 8.4, annex C) names for force transducers. Half-widths enter as rectangular
//! distributions (JCGM 100, 4.3.7).

use super::{Refused, mean_and_u};
use crate::uncertainty::{Budget, Measured};

/// Largest deviation from a line that a force channel may have, as a share of the largest force: beyond it, masses,
/// cell or fixture are at fault and a scale would hide that.
pub const LINEARITY_MAX: f64 = 0.02;
/// Fewest different forces, zero not counted.
pub const FORCES_MIN: usize = 3;
/// Fewest series: repeatability needs them.
pub const SERIES_MIN: usize = 3;

/// One reading at rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Number of the series, from 0.
    pub series: usize,
    /// Force applied, N; 0 for the zero before and after.
    pub force_n: f64,
    /// What the channel indicated under the record in force, N.
    pub indicated_n: f64,
    /// Whether the load was reached from below.
    pub rising: bool,
}

/// What is known of the forces apart from the readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    /// Relative standard uncertainty of the masses (certificate).
    pub mass_u_rel: f64,
    /// Relative standard uncertainty of the acceleration of fall and of the buoyancy taken.
    pub gravity_u_rel: f64,
}

/// Result of a force calibration.
#[derive(Clone, Debug, PartialEq)]
pub struct ForceScale {
    /// Applied over indicated force: what the scale in force is to be multiplied by.
    pub ratio: Measured,
    /// Largest force applied, N.
    pub span_n: f64,
    /// Largest deviation of the rising means from the line, N.
    pub linearity_n: f64,
    /// Largest difference between falling and rising mean at one force, N.
    pub hysteresis_n: f64,
    /// Pooled SD of the series at the same force, N.
    pub repeatability_n: f64,
    /// Largest difference between zero after and zero before, N.
    pub zero_return_n: f64,
    /// Change of the indication while the largest force stood on, N.
    pub creep_n: f64,
}

/// The scale from readings in at least [`SERIES_MIN`] series of at least [`FORCES_MIN`] forces, each series with a zero
/// before its first load. `creep_n` is the change of the indication under the largest force.
///
/// # Errors
///
/// [`Refused`] with too few forces or series, without a zero, where nothing answers to the load, or beyond
/// [`LINEARITY_MAX`].
pub fn scale(readings: &[Reading], creep_n: f64, reference: Reference) -> Result<ForceScale, Refused> {
    let mut forces: Vec<f64> =
        readings.iter().map(|reading| reading.force_n).filter(|force_n| *force_n > 0.0).collect();
    forces.sort_by(f64::total_cmp);
    forces.dedup();
    let series = readings.iter().map(|reading| reading.series + 1).max().unwrap_or(0);
    if forces.len() < FORCES_MIN || series < SERIES_MIN {
        return Err(Refused::because(format!(
            "{} masses in {series} series; at least {FORCES_MIN} masses in {SERIES_MIN} series are needed",
            forces.len()
        )));
    }
    let span_n = forces.last().copied().unwrap_or(0.0);
    let net = Net::of(readings, series)?;
    let slopes: Vec<f64> = (0..series).map(|number| net.slope(Some(number))).collect();
    let slope = net.slope(None);
    if slope.abs() <= 0.1 || !slope.is_finite() {
        return Err(Refused::because(format!(
            "{span_n:.3} N on the cell changed its indication by {:.4} N; look at its cable and at n_per_count",
            slope * span_n
        )));
    }
    let (linearity_n, hysteresis_n) = net.shape(&forces, slope);
    let repeatability_n = net.repeatability(&forces);
    if linearity_n > LINEARITY_MAX * span_n {
        return Err(Refused::because(format!(
            "the indication leaves the line by {linearity_n:.4} N, more than {:.0} % of {span_n:.3} N; look at the \
             masses that were entered, at what touches the cell, and at its range",
            LINEARITY_MAX * 100.0
        )));
    }
    let ratio = 1.0 / slope;
    let relative = |half_width_n: f64| half_width_n / span_n / 3.0_f64.sqrt() * ratio.abs();
    let mut budget = Budget::default();
    budget.common("check masses", reference.mass_u_rel * ratio.abs(), None);
    budget.common("acceleration of fall, buoyancy", reference.gravity_u_rel * ratio.abs(), None);
    budget.common("repeatability over the series", mean_and_u(&slopes).1 * ratio * ratio, Some(series as f64 - 1.0));
    budget.common("deviation from the line", relative(linearity_n), None);
    budget.common("hysteresis", relative(0.5 * hysteresis_n), None);
    budget.common("return to zero", relative(net.zero_return_n), None);
    budget.common("creep under load", relative(0.5 * creep_n.abs()), None);
    Ok(ForceScale {
        ratio: Measured::new(ratio, budget),
        span_n,
        linearity_n,
        hysteresis_n,
        repeatability_n,
        zero_return_n: net.zero_return_n,
        creep_n,
    })
}

/// Readings less the zero of their series.
struct Net {
    readings: Vec<Reading>,
    zero_return_n: f64,
}

impl Net {
    fn of(readings: &[Reading], series: usize) -> Result<Self, Refused> {
        let mut net = Vec::with_capacity(readings.len());
        let mut zero_return_n = 0.0_f64;
        for number in 0..series {
            let own: Vec<&Reading> = readings.iter().filter(|reading| reading.series == number).collect();
            let Some(zero_n) = own.first().filter(|first| first.force_n == 0.0).map(|first| first.indicated_n) else {
                return Err(Refused::because(format!("series {} does not begin with an empty cell", number + 1)));
            };
            for reading in own {
                let indicated_n = reading.indicated_n - zero_n;
                if reading.force_n == 0.0 {
                    zero_return_n = zero_return_n.max(indicated_n.abs());
                } else {
                    net.push(Reading { indicated_n, ..*reading });
                }
            }
        }
        Ok(Self { readings: net, zero_return_n })
    }

    /// Least-squares line through the origin, indicated over applied; of one series or of all.
    fn slope(&self, series: Option<usize>) -> f64 {
        let own = self.readings.iter().filter(|reading| series.is_none_or(|number| reading.series == number));
        let (mut xy, mut xx) = (0.0, 0.0);
        for reading in own {
            xy += reading.force_n * reading.indicated_n;
            xx += reading.force_n * reading.force_n;
        }
        xy / xx
    }

    fn mean_at(&self, force_n: f64, rising: bool) -> Option<f64> {
        let own = self.readings.iter().filter(|reading| reading.force_n == force_n && reading.rising == rising);
        let values: Vec<f64> = own.map(|reading| reading.indicated_n).collect();
        (!values.is_empty()).then(|| mean_and_u(&values).0)
    }

    /// Largest deviation of the rising means from the line, and largest difference falling less rising, in newtons.
    fn shape(&self, forces: &[f64], slope: f64) -> (f64, f64) {
        let (mut linearity_n, mut hysteresis_n) = (0.0_f64, 0.0_f64);
        for &force_n in forces {
            let rising = self.mean_at(force_n, true);
            if let Some(up_n) = rising {
                linearity_n = linearity_n.max((up_n / slope - force_n).abs());
            }
            if let (Some(up_n), Some(down_n)) = (rising, self.mean_at(force_n, false)) {
                hysteresis_n = hysteresis_n.max(((down_n - up_n) / slope).abs());
            }
        }
        (linearity_n, hysteresis_n)
    }

    /// Pooled SD of readings at the same force, reached the same way.
    fn repeatability(&self, forces: &[f64]) -> f64 {
        let (mut squares, mut df) = (0.0, 0.0);
        for &force_n in forces {
            for rising in [true, false] {
                let own = self.readings.iter().filter(|r| r.force_n == force_n && r.rising == rising);
                let values: Vec<f64> = own.map(|reading| reading.indicated_n).collect();
                let mean = mean_and_u(&values).0;
                squares += values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
                df += values.len().saturating_sub(1) as f64;
            }
        }
        if df > 0.0 { (squares / df).sqrt() } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Reading, Reference, scale};

    const REFERENCE: Reference = Reference { mass_u_rel: 5e-5, gravity_u_rel: 1e-4 };

    /// Three series up and down over 0.1 to 2 N on a cell that indicates `law(force, rising)`.
    fn series(law: impl Fn(f64, bool) -> f64) -> Vec<Reading> {
        let mut readings = Vec::new();
        for series in 0..3 {
            let mut push = |force_n: f64, rising: bool| {
                readings.push(Reading { series, force_n, indicated_n: 0.01 + law(force_n, rising), rising });
            };
            [0.0, 0.1, 0.5, 1.0, 2.0].into_iter().for_each(|force_n| push(force_n, true));
            [1.0, 0.5, 0.1, 0.0].into_iter().for_each(|force_n| push(force_n, false));
        }
        readings
    }

    #[test]
    fn a_straight_cell_gives_its_ratio_and_what_the_masses_leave_open() {
        let found = scale(&series(|force_n, _| force_n / 1.25), 0.0, REFERENCE).unwrap();
        assert!((found.ratio.value - 1.25).abs() < 1e-12);
        assert!((found.ratio.u() - 1.25 * 5e-5_f64.hypot(1e-4)).abs() < 1e-9, "{}", found.ratio.u());
        assert!(found.linearity_n < 1e-12 && found.hysteresis_n < 1e-12 && found.repeatability_n < 1e-12);
    }

    #[test]
    fn hysteresis_and_curvature_are_found_in_newtons() {
        let found = scale(&series(|f, rising| f + if rising { 0.0 } else { 0.004 * (2.0 - f) }), 0.001, REFERENCE);
        let found = found.unwrap();
        assert!((found.hysteresis_n - 0.0076).abs() < 2e-4, "{}", found.hysteresis_n);
        assert!((found.zero_return_n - 0.008).abs() < 1e-12);
        let curved = scale(&series(|f, _| f + 0.01 * f * f), 0.0, REFERENCE).unwrap();
        assert!(curved.linearity_n > 0.008 && curved.linearity_n < 0.02, "{}", curved.linearity_n);
        assert!(curved.ratio.u() > 0.002);
    }

    #[test]
    fn what_cannot_give_a_scale_is_refused() {
        let good = series(|force_n, _| force_n);
        let two_series: Vec<Reading> = good.iter().copied().filter(|reading| reading.series < 2).collect();
        let no_zero: Vec<Reading> = good.iter().copied().filter(|reading| reading.force_n > 0.0).collect();
        let cases = [
            (Vec::new(), "at least 3 masses"),
            (two_series, "in 2 series"),
            (no_zero, "does not begin with an empty cell"),
            (series(|_, _| 0.0), "look at its cable"),
            (series(|force_n, _| force_n + 0.1 * force_n * force_n), "leaves the line"),
            (series(|_, _| f64::NAN), "look at its cable"),
        ];
        for (readings, reason) in cases {
            let refused = scale(&readings, 0.0, REFERENCE).unwrap_err().to_string();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
