//! What the data look like: normality, outliers, drift. Notes beside a verdict, one line each.
//!
//! Invariant: nothing here moves an interval or drops a value. The one consequence there is, that of gross
//! non-normality, is declared in the plan and applied by [`super::decision`].

use super::dataset::{DataSet, Unit};
use super::interval::serial;
use crate::stats::distribution::{Distribution, Normal};
use crate::stats::nested::{self, Serial, Series};
use crate::stats::tolerance::{Claim, Sides};
use crate::stats::{autocorrelation, describe, normality, outliers};
use std::sync::Arc;

/// Level of the outlier test, and most that it looks for.
const OUTLIER_ALPHA: f64 = 0.01;
const OUTLIERS_MAX: usize = 5;

/// Most residuals that a shape is judged on; beyond, every k-th is taken.
const RESIDUALS_MAX: usize = 20_000;

/// Skewness and excess kurtosis of a sample, with how many independent values it is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Third standardised moment.
    pub skewness: f64,
    /// Fourth standardised moment less 3.
    pub kurtosis: f64,
    /// Effective number of values.
    pub n: f64,
}

impl Shape {
    /// Whether the shape is further from normal than the method bears, and not by chance (three standard errors,
    /// sqrt(6/n) and sqrt(24/n)). Judged by size, not by p: at thousands of strokes p measures the display's
    /// resolution. A skewness of 1 or an excess kurtosis of 3 leaves a 95 % interval its confidence to within 0.06;
    /// above 95 % coverage the tails matter, and a third of that is too much.
    pub fn is_gross(&self, coverage: f64) -> bool {
        let (skewness_max, kurtosis_max) = if coverage > 0.95 { (0.33, 1.0) } else { (1.0, 3.0) };
        let beyond = |value: f64, limit: f64, error: f64| value.abs() > limit.max(3.0 * error);
        beyond(self.skewness, skewness_max, (6.0 / self.n).sqrt())
            || beyond(self.kurtosis, kurtosis_max, (24.0 / self.n).sqrt())
    }
}

/// Deviations from the means of their cartridges, thinned evenly to at most [`RESIDUALS_MAX`].
fn residuals(set: &DataSet) -> Vec<f64> {
    let step = set.n().div_ceil(RESIDUALS_MAX).max(1);
    let mut residuals = Vec::with_capacity(set.n().min(RESIDUALS_MAX) + set.units().count());
    for unit in set.units().filter(|unit| unit.values.len() > 1) {
        if let Ok(moments) = describe::Moments::of(&unit.values) {
            residuals.extend(unit.values.iter().step_by(step).map(|value| moments.deviation(*value)));
        }
    }
    residuals
}

/// Shape of the residuals within cartridges; `None` below 20 of them or without scatter.
pub fn shape(set: &DataSet) -> Option<Shape> {
    let residuals = residuals(set);
    let n = residuals.len() as f64;
    let moment = |power: i32| describe::sum(residuals.iter().map(|residual| residual.powi(power))) / n;
    let variance = moment(2);
    if residuals.len() < 20 || variance <= 0.0 {
        return None;
    }
    let phi = lag1(set).clamp(0.0, 0.999);
    let worth = autocorrelation::effective_n_variance(set.n() as f64, phi).min(n);
    Some(Shape {
        skewness: moment(3) / variance.powf(1.5),
        kurtosis: moment(4) / (variance * variance) - 3.0,
        n: worth,
    })
}

/// Lag-1 correlation pooled over the cartridges of a set; 0 where none can be estimated.
fn lag1(set: &DataSet) -> f64 {
    let (mut squares, mut products) = (0.0, 0.0);
    for series in set.units().filter_map(|unit| Series::of(&unit.values).ok()) {
        squares += series.squares;
        products += series.lag_products;
    }
    if squares > 0.0 { products / squares } else { 0.0 }
}

/// Every note on a data set of lengths.
pub fn notes(set: &DataSet, unit: &str) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(components(set, unit));
    notes.extend(shape(set).map(|shape| {
        let Shape { skewness, kurtosis, n } = shape;
        format!(
            "residuals within cartridges: skewness {skewness:.2}, excess kurtosis {kurtosis:.2} (worth {n:.0} values)"
        )
    }));
    notes.extend(normality_of_means(set));
    notes.extend(outlying(set, unit));
    if set.u_min < set.u {
        notes.push(format!("shared uncertainties differ ({} to {} {unit}); the largest is guarded", set.u_min, set.u));
    }
    notes
}

fn components(set: &DataSet, unit: &str) -> Option<String> {
    let pen = |(_, units): &(Arc<str>, Vec<Unit>)| -> Option<Vec<Series>> {
        units.iter().map(|unit| Series::of(&unit.values).ok()).collect()
    };
    let mut groups: Vec<Vec<Series>> = set.pens.iter().map(pen).collect::<Option<_>>()?;
    let mut names = vec!["pen", "cartridge", "stroke"];
    if groups.len() == 1 {
        groups = groups.remove(0).into_iter().map(|series| vec![series]).collect();
        names.remove(0);
    } else if groups.iter().all(|group| group.len() == 1) {
        names.splice(0..2, ["pen with its cartridge"]);
    }
    let limits = nested::limits(&groups, Claim::new(0.95, 0.95).ok()?, Sides::Two, Serial::Independent).ok()?;
    let parts = limits.levels.iter().zip(&names).map(|(level, name)| {
        let clipped = if level.component < 0.0 { " (clipped to 0 it is 0)" } else { "" };
        format!("{name} {:.3e}{clipped}", level.component)
    });
    let parts: Vec<String> = parts.collect();
    let share = 100.0 * limits.share_between();
    Some(format!(
        "variance components in {unit}^2: {}; {share:.1} % of the variance lies between cartridges",
        parts.join(", ")
    ))
}

fn normality_of_means(set: &DataSet) -> Option<String> {
    let means: Vec<f64> =
        set.units().filter_map(|unit| describe::Moments::of(&unit.values).ok()).map(|m| m.mean).collect();
    if let Ok(result) = normality::anderson_darling(&means) {
        let normality::AndersonDarling { a2, p } = result;
        return Some(format!("Anderson-Darling of {} cartridge means: A2 = {a2:.3}, p = {p:.3}", means.len()));
    }
    let values: Vec<f64> = match (set.units().count(), set.units().next()) {
        (1, Some(unit)) => unit.values.iter().copied().step_by(unit.values.len().div_ceil(500).max(1)).collect(),
        _ => return None,
    };
    let normality::ShapiroWilk { w, p } = normality::shapiro_wilk(&values).ok()?;
    let caution = if serial(set.source) == Serial::Correlated { ", as if independent" } else { "" };
    Some(format!("Shapiro-Wilk of {} values: W = {w:.4}, p = {p:.3}{caution}", values.len()))
}

/// A first look that spares long runs the test: whether any value is nearly as far out as the test asks. Five values
/// among so many cannot hide each other.
fn may_hold_outliers(values: &[f64]) -> bool {
    const LONG: usize = 20_000;
    if values.len() < LONG {
        return true;
    }
    let (Ok(moments), Ok(z)) =
        (describe::Moments::of(values), Normal.upper_quantile(0.5 * OUTLIER_ALPHA / values.len() as f64))
    else {
        return true;
    };
    let limit = 0.95 * z * moments.sd();
    values.iter().any(|value| moments.deviation(*value).abs() > limit)
}

/// Outliers among the residuals of each cartridge and among cartridge means: reported, kept.
fn outlying(set: &DataSet, unit: &str) -> Option<String> {
    let mut found = Vec::new();
    for (pen, units) in &set.pens {
        for one in units {
            // The test is of order n for each candidate; a longer run is looked at in its most extreme stretch alone.
            let count = OUTLIERS_MAX.min(one.values.len().saturating_sub(2));
            if may_hold_outliers(&one.values)
                && let Ok(result) = outliers::gesd(&one.values, count, OUTLIER_ALPHA)
            {
                found.extend(result.candidates[..result.count].iter().map(|candidate| {
                    format!("{pen}/{} value {} ({:.4} {unit})", one.cartridge, candidate.index, candidate.value)
                }));
            }
        }
    }
    let means: Vec<f64> =
        set.units().filter_map(|unit| describe::Moments::of(&unit.values).ok()).map(|m| m.mean).collect();
    if let Ok(result) = outliers::gesd(&means, OUTLIERS_MAX.min(means.len().saturating_sub(2)), OUTLIER_ALPHA) {
        let names: Vec<&str> = set.units().map(|unit| &*unit.cartridge).collect();
        found.extend(result.candidates[..result.count].iter().map(|candidate| {
            format!("the mean of cartridge {} ({:.4} {unit})", names[candidate.index], candidate.value)
        }));
    }
    if found.is_empty() {
        return None;
    }
    let (shown, more) = (&found[..found.len().min(8)], found.len().saturating_sub(8));
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!(
        "outliers (GESD, alpha {OUTLIER_ALPHA}; kept in the verdict, look for a cause): {}{rest}",
        shown.join(", ")
    ))
}
