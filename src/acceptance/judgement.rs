//! One criterion on one data set: limits, guard band, verdict, reason.
//!
//! Decision rule: accepted where the interval lies inside the limits moved inwards by the guard band, 1.645 times the
//! shared standard uncertainty (JCGM 106:2012 8.3; ISO 14253-1). Where it does not: rejected if the planned number of
//! measurements was made, or if the failure is shown whatever their number; else inconclusive.
//!
//! Deliberately absent: rounding of any value before it is compared.

use super::dataset::DataSet;
use super::interval::{Claimed, Interval, Range};
use super::{Row, Verdict, diagnostics, estimate, gauge, missed, tolerance_interval};
use crate::config::plan::{Criterion, NotNormal, Plan, Population, Quantity, Statistic};
use crate::stats::StatsError;
use crate::stats::distribution::{Distribution, Normal};

/// Most independent units that a number "that would be enough" is looked for among.
const UNITS_MAX: f64 = 1e7;

/// Judges one criterion on one data set. `performed` is the number of strokes or presses of the set that were made,
/// missed ones included, per cartridge at least.
pub fn judge(plan: &Plan, criterion: &Criterion, set: &DataSet, performed: usize) -> Row {
    let limits = limits(criterion, set);
    let mut row = Row {
        criterion: criterion.id.clone(),
        set_depth_mm: Some(set.set_depth_mm),
        quantity: criterion.quantity.name().to_owned(),
        unit: criterion.quantity.unit().to_owned(),
        n: set.n() as u64,
        estimate: None,
        lower: None,
        upper: None,
        limit_lower: finite(limits.0),
        limit_upper: finite(limits.1),
        guard_band: guard_band(criterion, set),
        verdict: Verdict::Inconclusive,
        method: String::new(),
        reason: String::new(),
        rationale: criterion.rationale.clone(),
        notes: Vec::new(),
    };
    if let Some(rate_hz) = set.set_rate_hz {
        row.notes.push(format!("at a set rate of {rate_hz} Hz"));
    }
    if matches!(criterion.quantity, Quantity::Protrusion | Quantity::Penetration) {
        row.notes.extend(diagnostics::notes(set, criterion.quantity.unit()));
    }
    let population = match population(criterion, set, &mut row.notes) {
        Ok(population) => population,
        Err(reason) => {
            row.reason = reason;
            return row;
        }
    };
    match interval(plan, criterion, population, set, claimed(limits)) {
        _ if limits.0.is_nan() => {
            row.reason =
                "the limits are a percentage of the set rate, which is not known here; give them in Hz".to_owned();
        }
        Ok(interval) => {
            row.estimate = Some(interval.estimate);
            (row.lower, row.upper) = (finite(interval.range.0), finite(interval.range.1));
            row.method.clone_from(&interval.method);
            let unmet = shortfall(plan, criterion, set, performed);
            (row.verdict, row.reason) = verdict(&interval, limits, row.guard_band, unmet, &row.unit);
        }
        Err(error) => row.reason = format!("not enough to judge: {error}"),
    }
    row
}

/// The row of a criterion for which nothing was measured, at one set depth or at all.
pub fn unmeasured(criterion: &Criterion, set_depth_mm: Option<f64>) -> Row {
    let at = set_depth_mm.map_or(String::new(), |depth| format!(" at set depth {depth} mm"));
    let limits = limits_at(criterion, set_depth_mm, None);
    Row {
        criterion: criterion.id.clone(),
        set_depth_mm,
        quantity: criterion.quantity.name().to_owned(),
        unit: criterion.quantity.unit().to_owned(),
        n: 0,
        estimate: None,
        lower: None,
        upper: None,
        limit_lower: finite(limits.0),
        limit_upper: finite(limits.1),
        guard_band: 0.0,
        verdict: Verdict::Inconclusive,
        method: String::new(),
        reason: format!(
            "no {} was measured{at}; measure it, or take the criterion out of the plan",
            criterion.quantity.name()
        ),
        rationale: criterion.rationale.clone(),
        notes: Vec::new(),
    }
}

fn finite(end: f64) -> Option<f64> {
    end.is_finite().then_some(end)
}

/// Limits in the unit of the quantity, infinite where there is none.
pub fn limits(criterion: &Criterion, set: &DataSet) -> Range {
    limits_at(criterion, Some(set.set_depth_mm), set.set_rate_hz)
}

/// Limits at a setting; a tolerance about a setting that is not known has none that are numbers.
fn limits_at(criterion: &Criterion, set_depth_mm: Option<f64>, set_rate_hz: Option<f64>) -> Range {
    let nominal = match criterion.quantity {
        Quantity::PunctureRate => set_rate_hz.unwrap_or(f64::NAN),
        Quantity::Drift => 0.0,
        _ => set_depth_mm.unwrap_or(f64::NAN),
    };
    let percent = criterion.tolerance_percent.map(|percent| 0.01 * percent * nominal);
    if let Some(tolerance) = criterion.tolerance_mm.or(percent) {
        return (nominal - tolerance, nominal + tolerance);
    }
    let lower = criterion.lower_mm.or(criterion.lower_hz);
    let upper = criterion.upper_mm.or(criterion.upper_hz).or(criterion.upper_share);
    (lower.unwrap_or(f64::NEG_INFINITY), upper.unwrap_or(f64::INFINITY))
}

fn claimed(limits: Range) -> Claimed {
    match (limits.0 == f64::NEG_INFINITY, limits.1 == f64::INFINITY) {
        (true, _) => Claimed::Upper,
        (_, true) => Claimed::Lower,
        _ => Claimed::Both,
    }
}

/// Guard band at each limit: a shared uncertainty moves a level; it cancels in a scatter, a change and a share.
pub fn guard_band(criterion: &Criterion, set: &DataSet) -> f64 {
    let level =
        matches!(criterion.statistic, Statistic::Tolerance | Statistic::Mean) && criterion.quantity != Quantity::Drift;
    // 0.95 is a valid probability, so the quantile exists.
    if level { Normal.quantile(0.95).unwrap_or(f64::NAN) * set.u } else { 0.0 }
}

/// The population that the plan declares, with its declared answer to gross non-normality.
fn population(criterion: &Criterion, set: &DataSet, notes: &mut Vec<String>) -> Result<Population, String> {
    let coverage = match (criterion.statistic, criterion.distribution, criterion.coverage) {
        (Statistic::Tolerance, Population::Normal, Some(coverage)) => coverage,
        _ => return Ok(criterion.distribution),
    };
    if !diagnostics::shape(set).is_some_and(|shape| shape.is_gross(coverage)) {
        return Ok(Population::Normal);
    }
    let found = format!("the values are grossly not normal for a coverage of {coverage}");
    match criterion.if_not_normal {
        NotNormal::Report => {
            notes.push(format!("{found}; the plan has them reported only: the stated confidence may not hold"));
            Ok(Population::Normal)
        }
        NotNormal::Nonparametric => {
            notes.push(format!("{found}; the distribution-free method decides, as the plan declares"));
            Ok(Population::Nonparametric)
        }
        NotNormal::Inconclusive => {
            Err(format!("{found}, for which the plan declares no verdict; find the cause, or declare a distribution"))
        }
    }
}

fn interval(
    plan: &Plan,
    criterion: &Criterion,
    population: Population,
    set: &DataSet,
    claimed: Claimed,
) -> Result<Interval, StatsError> {
    match (criterion.statistic, population) {
        (Statistic::Tolerance, Population::Normal) => tolerance_interval::normal(criterion, set, claimed),
        (Statistic::Tolerance, Population::Boxcox) => tolerance_interval::transformed(criterion, set, claimed),
        (Statistic::Tolerance, Population::Nonparametric) => tolerance_interval::free(criterion, set, claimed),
        (Statistic::Mean, _) if criterion.quantity == Quantity::Drift => {
            estimate::drift(criterion.confidence, set, claimed)
        }
        (Statistic::Mean, _) => estimate::mean(criterion.confidence, set, claimed),
        (Statistic::Sd, _) if criterion.quantity == Quantity::Repeatability => {
            gauge::repeatability(criterion.confidence, set)
        }
        (Statistic::Sd, _) => estimate::sd(criterion.confidence, set),
        (Statistic::Share, _) if criterion.quantity == Quantity::Grr => {
            let tolerance_mm = plan.msa.as_ref().map_or(f64::NAN, |msa| msa.tolerance_mm);
            gauge::share_of_tolerance(criterion.confidence, set, tolerance_mm)
        }
        (Statistic::Share, _) => missed::share(criterion.confidence, set),
    }
}

/// What of the planned sample is missing; `None` where it is complete or the plan promises no number.
fn shortfall(plan: &Plan, criterion: &Criterion, set: &DataSet, performed: usize) -> Option<String> {
    use crate::config::plan::DataSource;
    let short = |what: &str, given: usize, planned: Option<u32>| {
        let planned = planned.filter(|&planned| given < planned as usize)?;
        Some(format!("{given} of {planned} planned {what}"))
    };
    let per_cartridge = match (criterion.quantity, set.source) {
        (Quantity::PunctureRate, _) => None,
        (_, DataSource::Strokes) => {
            short("strokes a cartridge", performed, plan.dynamic.as_ref().map(|plan| plan.strokes))
        }
        (_, DataSource::Presses) => short("presses a cartridge", performed, plan.press.as_ref().map(|plan| plan.sites)),
    };
    let missing = [
        short("pens", set.pens.len(), plan.pens),
        short("cartridges", set.units().count(), plan.cartridges),
        per_cartridge,
    ];
    let missing: Vec<String> = missing.into_iter().flatten().collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// Compares the interval with the guarded limits, ends included.
fn verdict(interval: &Interval, limits: Range, guard: f64, unmet: Option<String>, unit: &str) -> (Verdict, String) {
    let inner = (limits.0 + guard, limits.1 - guard);
    let (lower, upper) = interval.range;
    if inner.0 <= lower && upper <= inner.1 {
        return (Verdict::Accept, format!("{} lies inside {}", between(interval.range, unit), between(inner, unit)));
    }
    let broken = format!("{} does not lie inside {}", between(interval.range, unit), between(inner, unit));
    if inner.0 >= inner.1 {
        let reason = format!(
            "the guard band of {guard:.4} {unit} leaves nothing between the limits: measure with less uncertainty"
        );
        return (Verdict::Inconclusive, reason);
    }
    if interval.certain.0 < inner.0 || interval.certain.1 > inner.1 {
        return (Verdict::Reject, format!("{broken}; even the confidence limit of the estimate itself is outside"));
    }
    let enough = enough(interval, inner);
    match unmet {
        Some(unmet) => (Verdict::Inconclusive, format!("{broken}; only {unmet} were made; {enough}")),
        None if interval.thin => (Verdict::Inconclusive, format!("{broken}, for want of numbers; {enough}")),
        None => (Verdict::Reject, format!("{broken}; {enough}")),
    }
}

/// Says how many independent units would be enough if all were like those measured.
fn enough(interval: &Interval, inner: Range) -> String {
    let (what, given) = interval.independent;
    let Some(growth) = &interval.growth else {
        return format!("a number of {what} that would be enough cannot be given");
    };
    let fits = |units: f64| growth(units).is_ok_and(|(lower, upper)| inner.0 <= lower && upper <= inner.1);
    let mut high = given.max(1.0);
    while !fits(high) {
        if high >= UNITS_MAX {
            return format!("no number of {what} like these would be enough: centre the process or reduce its scatter");
        }
        high *= 2.0;
    }
    let mut low = (high / 2.0).floor();
    while high - low > 1.0 {
        let middle = (0.5 * (low + high)).floor();
        if fits(middle) { high = middle } else { low = middle }
    }
    format!("{} {what} like these would be enough", high.ceil())
}

/// A range in words; shares in per cent.
fn between((lower, upper): Range, unit: &str) -> String {
    let (scale, unit) = if unit == "1" { (100.0, "%") } else { (1.0, unit) };
    let (low, high) = (scale * lower, scale * upper);
    match (lower.is_finite(), upper.is_finite()) {
        (true, true) => format!("{low:.4} to {high:.4} {unit}"),
        (true, false) => format!("{low:.4} {unit} and above"),
        _ => format!("{high:.4} {unit} and below"),
    }
}
