//! Tolerance intervals of a data set: normal, after a transformation, or free of a distribution.
//!
//! Invariant: which of the three is used is settled by the plan, never by the interval that comes out.

use super::dataset::DataSet;
use super::interval::{Claimed, Growth, Independent, Interval, Range, alone, grouped, serial, shown};
use crate::config::plan::Criterion;
use crate::stats::distribution::{Distribution, StudentT};
use crate::stats::nested::{self, NestedLimits};
use crate::stats::serial::CorrelatedSeries;
use crate::stats::tolerance::{Claim, Sides, order_limits, order_sample_size};
use crate::stats::{StatsError, boxcox, describe};

/// Widening beyond which a tolerance interval says more about the sample than about the population.
const WIDENING_MAX: f64 = 2.0;

/// Ends that no limit lies beyond: nothing is shown to fail.
const NEVER: Range = (f64::INFINITY, f64::NEG_INFINITY);

/// What the tolerance statistic promises.
fn claim_of(criterion: &Criterion) -> Result<Claim, StatsError> {
    Claim::new(criterion.coverage.unwrap_or(f64::NAN), criterion.confidence)
}

/// Tolerance interval of a normal population.
///
/// # Errors
///
/// [`StatsError`] where there are too few values or none scatters.
pub fn normal(criterion: &Criterion, set: &DataSet, claimed: Claimed) -> Result<Interval, StatsError> {
    let claim = claim_of(criterion)?;
    match alone(set) {
        Some(series) => {
            let (independent, series) = series?;
            of_one_cartridge(series, independent, claim, claimed)
        }
        None => of_groups(set, claim, claimed),
    }
}

fn of_one_cartridge(
    series: CorrelatedSeries,
    independent: Independent,
    claim: Claim,
    claimed: Claimed,
) -> Result<Interval, StatsError> {
    let sides = claimed.sides();
    let reach = series.reach(1.0, claim, sides)?;
    let units = series.n as f64;
    let t = StudentT::new(series.n_variance - 1.0)?.quantile(claim.confidence())?;
    let method = format!(
        "exact {}-sided normal tolerance factor {:.4} for one cartridge: n = {}, worth {:.1} for the mean and {:.1} for \
         the variance (lag-1 correlation {:.3})",
        if sides == Sides::Two { "two" } else { "one" },
        reach / series.sd,
        series.n,
        series.n_mean,
        series.n_variance,
        series.lag1
    );
    Ok(Interval {
        n: series.n,
        estimate: series.mean,
        range: claimed.about(series.mean, reach),
        certain: shown(series.mean, t * series.sd / series.n_mean.sqrt()),
        thin: reach > WIDENING_MAX * claim.normal_quantile(sides)? * series.sd,
        independent: (independent, units),
        growth: Some(Box::new(move |n| Ok(claimed.about(series.mean, series.reach(n / units, claim, sides)?)))),
        method,
    })
}

fn of_groups(set: &DataSet, claim: Claim, claimed: Claimed) -> Result<Interval, StatsError> {
    let sides = claimed.sides();
    let (independent, groups) = grouped(set)?;
    let limits = nested::limits(&groups, claim, sides, serial(set.source))?;
    let reach = limits.upper - limits.mean;
    let sd = limits.variance_estimate().sqrt();
    Ok(Interval {
        n: limits.n,
        estimate: limits.mean,
        range: claimed.about(limits.mean, reach),
        certain: shown(limits.mean, reach_of_mean(&limits, claim.confidence())?),
        thin: reach > WIDENING_MAX * claim.normal_quantile(sides)? * sd,
        independent: (independent, groups.len() as f64),
        method: nested_method(&limits, set),
        growth: Some(Box::new(move |n| Ok(claimed.about(limits.mean, limits.reach_with(n, claim, sides)?)))),
    })
}

fn nested_method(limits: &NestedLimits, set: &DataSet) -> String {
    let df: Vec<String> = limits.levels.iter().map(|level| format!("{:.1}", level.df)).collect();
    format!(
        "{}: pens {}, cartridges {}, n = {}, degrees of freedom {} (outermost first), lag-1 correlation {:.3}",
        if limits.levels.len() > 1 {
            "nested tolerance interval on mean squares of unweighted means (MLS)"
        } else {
            "exact normal tolerance factor, one value a unit"
        },
        set.pens.len(),
        set.units().count(),
        limits.n,
        df.join(", "),
        limits.lag1
    )
}

/// Half-width of the confidence interval of the mean, each side at `confidence`.
fn reach_of_mean(limits: &NestedLimits, confidence: f64) -> Result<f64, StatsError> {
    match limits.levels.first() {
        Some(outer) => {
            Ok(StudentT::new(outer.df)?.quantile(confidence)? * (outer.mean_square / limits.groups as f64).sqrt())
        }
        None => Ok(0.0),
    }
}

/// The normal method on transformed values, its ends transformed back.
///
/// # Errors
///
/// As [`normal`]; values that are not positive.
pub fn transformed(criterion: &Criterion, set: &DataSet, claimed: Claimed) -> Result<Interval, StatsError> {
    let lambda = criterion.lambda.unwrap_or(f64::NAN);
    let inner = normal(criterion, &set.mapped(|value| boxcox::transform(value, lambda))?, claimed)?;
    let back = move |(lower, upper): Range| -> Result<Range, StatsError> {
        let one = |end: f64| if end.is_finite() { boxcox::inverse(end, lambda) } else { Ok(end) };
        Ok((one(lower)?, one(upper)?))
    };
    let growth = inner.growth.map(|growth| -> Growth { Box::new(move |n| back(growth(n)?)) });
    Ok(Interval {
        estimate: boxcox::inverse(inner.estimate, lambda)?,
        range: back(inner.range)?,
        certain: back(inner.certain)?,
        growth,
        method: format!("{}; on Box-Cox transformed values, lambda = {lambda}", inner.method),
        ..inner
    })
}

/// Distribution-free: order statistics of one cartridge, or conformity cartridge by cartridge.
///
/// # Errors
///
/// [`StatsError::TooFew`] with the number that would be enough.
pub fn free(criterion: &Criterion, set: &DataSet, claimed: Claimed) -> Result<Interval, StatsError> {
    let claim = claim_of(criterion)?;
    if let Some(series) = alone(set) {
        let (independent, series) = series?;
        let values: Vec<f64> = set.units().flat_map(|unit| unit.values.iter().copied()).collect();
        // Every step-th value is nearly independent; which ones is settled before their values are seen.
        let step = (series.n as f64 / series.n_mean.min(series.n_variance)).round() as usize;
        let thinned: Vec<f64> = values.iter().copied().step_by(step.max(1)).collect();
        let limits = order_limits(&thinned, claim, claimed.sides())?;
        let method = format!(
            "order statistics {} and {} of {} values, every {step}. of {}; achieved confidence {:.4}",
            limits.rank_lower,
            limits.rank_upper,
            thinned.len(),
            values.len(),
            limits.confidence
        );
        return Ok(Interval {
            n: values.len(),
            estimate: series.mean,
            range: claimed.only((limits.lower, limits.upper)),
            certain: NEVER,
            thin: false,
            independent: (independent, values.len() as f64),
            growth: None,
            method,
        });
    }
    // A cartridge conforms where all its values do; none of a failing shows the share with 1 - coverage^a.
    let needed = usize::try_from(order_sample_size(claim, Sides::One)?).unwrap_or(usize::MAX);
    let (given, pens) = (set.units().count(), set.pens.len());
    if given < needed {
        let remedy = "measure that many cartridges, or claim less";
        return Err(StatsError::TooFew { what: "a distribution-free claim on cartridges", given, needed, remedy });
    }
    let all = || set.units().flat_map(|unit| unit.values.iter().copied());
    let confidence = 1.0 - claim.coverage().powf(given as f64);
    let mean = describe::sum(all()) / set.n() as f64;
    Ok(Interval {
        n: set.n(),
        estimate: mean,
        range: claimed.only((all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max))),
        certain: NEVER,
        thin: false,
        independent: (Independent::Cartridges, given as f64),
        growth: None,
        method: format!(
            "smallest and largest value of {given} cartridges ({pens} pens): where both conform, at least {} of cartridges \
             do in every stroke, confidence {confidence:.4}",
            claim.coverage()
        ),
    })
}
