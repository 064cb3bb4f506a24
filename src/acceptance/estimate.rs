//! Confidence limits of means, of the SD within cartridges, and of the drift over a run.

use super::dataset::{DataSet, Unit};
use super::interval::{Claimed, Independent, Interval, alone, grouped, shown};
use crate::stats::distribution::{ChiSquared, Distribution, StudentT};
use crate::stats::nested::Series;
use crate::stats::{StatsError, autocorrelation, describe, serial, trend};

/// Confidence interval of the mean, each side at `confidence`.
///
/// # Errors
///
/// [`StatsError`] where there are too few values or none scatters.
pub fn mean(confidence: f64, set: &DataSet, claimed: Claimed) -> Result<Interval, StatsError> {
    let (n, estimate, deviation, df, units, independent, method) = match alone(set) {
        Some(series) => {
            let (independent, series) = series?;
            let deviation = series.sd / series.n_mean.sqrt();
            let method = format!("t interval of the mean of {}, worth {:.1}", series.n, series.n_mean);
            (series.n, series.mean, deviation, series.n_variance - 1.0, series.n as f64, independent, method)
        }
        None => {
            let (independent, groups) = grouped(set)?;
            let means: Vec<f64> = groups
                .iter()
                .map(|group| group.iter().map(|series| series.mean).sum::<f64>() / group.len() as f64)
                .collect();
            let moments = describe::scattered("a mean over groups", 2, &means)?;
            let a = means.len() as f64;
            let method = format!("t interval of the mean of {a} {independent}, n = {}", set.n());
            (set.n(), moments.mean, moments.sd() / a.sqrt(), a - 1.0, a, independent, method)
        }
    };
    let t = StudentT::new(df)?.quantile(confidence)?;
    let growth = move |more: f64| {
        let t = StudentT::new(df * more / units)?.quantile(confidence)?;
        Ok(claimed.about(estimate, t * deviation * (units / more).sqrt()))
    };
    Ok(Interval {
        n,
        estimate,
        range: claimed.about(estimate, t * deviation),
        certain: shown(estimate, t * deviation),
        thin: df < 2.0,
        independent: (independent, units),
        growth: Some(Box::new(growth)),
        method,
    })
}

/// Upper confidence limit of the SD within cartridges; measurement noise is in it and not taken out.
///
/// # Errors
///
/// [`StatsError`] where there are too few values or none scatters.
pub fn sd(confidence: f64, set: &DataSet) -> Result<Interval, StatsError> {
    let (n, variance, df, method) = match alone(set) {
        Some(series) => {
            let (_, series) = series?;
            (series.n, series.sd.powi(2), series.n_variance - 1.0, "of one cartridge")
        }
        None => {
            let series = set.units().map(|unit| Series::of(&unit.values)).collect::<Result<Vec<_>, _>>()?;
            let (variance, df) = serial::within(&series)?;
            (set.n(), variance, df, "pooled within cartridges")
        }
    };
    let at = move |df: f64, confidence: f64| -> Result<f64, StatsError> {
        Ok((variance * df / ChiSquared::new(df)?.upper_quantile(confidence)?).sqrt())
    };
    let count = n as f64;
    Ok(Interval {
        n,
        estimate: variance.sqrt(),
        range: (f64::NEG_INFINITY, at(df, confidence)?),
        certain: (f64::INFINITY, at(df, 1.0 - confidence)?),
        thin: df < 5.0,
        independent: (Independent::Strokes, count),
        growth: Some(Box::new(move |more| Ok((f64::NEG_INFINITY, at(df * more / count, confidence)?)))),
        method: format!("upper confidence limit of the SD {method}: n = {n}, {df:.1} degrees of freedom"),
    })
}

/// Blocks into which a run is averaged, so that memory between strokes is not taken for drift.
const BLOCKS: usize = 20;

/// Change over one run: Theil-Sen slope of block means times the number of blocks, with its confidence limits.
struct Change {
    estimate: f64,
    lower: f64,
    upper: f64,
}

impl Change {
    fn of(values: &[f64], confidence: f64) -> Result<Self, StatsError> {
        let remedy = "a drift needs at least 40 strokes in a run";
        if values.len() < 2 * BLOCKS {
            let what = "a drift, in strokes,";
            return Err(StatsError::TooFew { what, given: values.len(), needed: 2 * BLOCKS, remedy });
        }
        let size = values.len() / BLOCKS;
        let means: Vec<f64> = values.chunks_exact(size).map(|block| block.iter().sum::<f64>() / size as f64).collect();
        let line = trend::theil_sen(&means, confidence)?;
        let residuals: Vec<f64> =
            means.iter().enumerate().map(|(index, mean)| mean - line.slope * index as f64).collect();
        let phi = autocorrelation::lag1(&residuals).unwrap_or(0.0).clamp(0.0, 0.9);
        // What memory is left between blocks widens the limits as it widens those of a mean.
        let widening = ((1.0 + phi) / (1.0 - phi)).sqrt();
        let blocks = values.len() as f64 / size as f64;
        Ok(Self {
            estimate: line.slope * blocks,
            lower: (line.slope - widening * (line.slope - line.lower)) * blocks,
            upper: (line.slope + widening * (line.upper - line.slope)) * blocks,
        })
    }
}

/// Mean change from the first stroke to the last, each side at `confidence`: between cartridges where there are
/// several, from the scatter of block means in the only one. The shared uncertainty cancels in it.
///
/// # Errors
///
/// [`StatsError::TooFew`] below 40 strokes a cartridge; those of [`trend::theil_sen`].
pub fn drift(confidence: f64, set: &DataSet, claimed: Claimed) -> Result<Interval, StatsError> {
    let two_sided = 2.0 * confidence - 1.0;
    let mut changes = set.clone();
    let mut only = None;
    for (_, units) in &mut changes.pens {
        for Unit { values, .. } in units {
            let change = Change::of(values, two_sided)?;
            *values = vec![change.estimate];
            only = Some(change);
        }
    }
    if changes.n() > 1 {
        let inner = mean(confidence, &changes, claimed)?;
        return Ok(Interval {
            n: set.n(),
            method: format!("Theil-Sen drift over each run; {}", inner.method),
            ..inner
        });
    }
    let Some(Change { estimate, lower, upper }) = only else {
        return Err(StatsError::TooFew { what: "a drift", given: 0, needed: 1, remedy: "measure a run" });
    };
    Ok(Interval {
        n: set.n(),
        estimate,
        range: claimed.only((lower, upper)),
        certain: (upper, lower),
        thin: false,
        independent: (Independent::Strokes, set.n() as f64),
        growth: None,
        method: format!("Theil-Sen slope of {BLOCKS} block means of one run of {} strokes, Sen's interval", set.n()),
    })
}
