//! The interval that a criterion compares with its limits, computed as the structure of the data asks.
//!
//! | data | tolerance | mean | SD | share, drift |
//! |---|---|---|---|---|
//! | several pens, or cartridges of one pen | MLS on nested mean squares | t on outermost means | pooled within cartridges | clustered |
//! | one cartridge, strokes | exact factor at effective numbers | t at effective numbers | chi-squared at them | corrected for memory |
//! | one cartridge, presses | exact factor | t | chi-squared | - |
//!
//! Invariant: strokes of one cartridge never count as independent.
//! This file holds what the methods share; they are in `tolerance_interval`, `estimate` and `missed`.
//! Deliberately absent: limits of acceptance; see [`super::judgement`].

use super::dataset::{DataSet, Unit};
use crate::config::plan::{DataSource, Quantity};
use crate::stats::StatsError;
use crate::stats::nested::{Serial, Series};
use crate::stats::serial::CorrelatedSeries;
use crate::stats::tolerance::Sides;
use std::{fmt, sync::Arc};

/// Lower and upper end; infinite where a side is not claimed.
pub type Range = (f64, f64);

/// What counts as one independent unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Independent {
    /// Pens, each with its cartridges.
    Pens,
    /// Cartridges of one pen.
    Cartridges,
    /// Strokes of one cartridge.
    Strokes,
    /// Presses on fresh sites with one cartridge.
    Presses,
    /// Stretches of one run, of which each gives a puncture rate.
    Stretches,
    /// Mountings of the bench by an operator in one run.
    Sessions,
}

impl fmt::Display for Independent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pens => "pens",
            Self::Cartridges => "cartridges",
            Self::Strokes => "strokes",
            Self::Presses => "presses",
            Self::Stretches => "stretches of one run",
            Self::Sessions => "sessions",
        })
    }
}

/// How the interval would be if there were another number of independent units of the same kind.
pub type Growth = Box<dyn Fn(f64) -> Result<Range, StatsError>>;

/// An interval with what is needed to judge it.
pub struct Interval {
    /// Number of values.
    pub n: usize,
    /// Best estimate of the statistic; of the population's mean for a tolerance interval.
    pub estimate: f64,
    /// The interval judged.
    pub range: Range,
    /// Where `certain.0` lies below the lower limit, or `certain.1` above the upper, the claim is shown to be false: the
    /// upper and the lower confidence limit of the mean (of the SD, the share).
    pub certain: Range,
    /// The data say so little that the width of the interval comes from their number more than from the population.
    pub thin: bool,
    /// What is independent, and how many there are.
    pub independent: (Independent, f64),
    /// The interval with more of them; `None` where no number can be given.
    pub growth: Option<Growth>,
    /// Method, sample sizes and degrees of freedom in one line.
    pub method: String,
}

/// Which sides a criterion claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The lower alone.
    Lower,
    /// The upper alone.
    Upper,
    /// Both together.
    Both,
}

impl Claimed {
    /// As the tolerance interval counts them.
    pub fn sides(self) -> Sides {
        if self == Self::Both { Sides::Two } else { Sides::One }
    }

    /// `centre - reach` and `centre + reach`, infinite on the side that is not claimed.
    pub fn about(self, centre: f64, reach: f64) -> Range {
        self.only((centre - reach, centre + reach))
    }

    /// The ends that are claimed, the other one infinite.
    pub fn only(self, (lower, upper): Range) -> Range {
        match self {
            Self::Both => (lower, upper),
            Self::Lower => (lower, f64::INFINITY),
            Self::Upper => (f64::NEG_INFINITY, upper),
        }
    }
}

/// Strokes follow one another; presses are on fresh sites.
pub fn serial(source: DataSource) -> Serial {
    if source == DataSource::Strokes { Serial::Correlated } else { Serial::Independent }
}

/// Series of every cartridge, grouped by what is independent: pens, or the cartridges of the only pen.
///
/// # Errors
///
/// [`StatsError::NotFinite`] for a value that is not.
pub fn grouped(set: &DataSet) -> Result<(Independent, Vec<Vec<Series>>), StatsError> {
    let series = |unit: &Unit| Series::of(&unit.values);
    if let [(_, units)] = set.pens.as_slice() {
        let groups = units.iter().map(|unit| Ok(vec![series(unit)?])).collect::<Result<_, StatsError>>()?;
        return Ok((Independent::Cartridges, groups));
    }
    let pen = |(_, units): &(Arc<str>, Vec<Unit>)| units.iter().map(series).collect();
    Ok((Independent::Pens, set.pens.iter().map(pen).collect::<Result<_, _>>()?))
}

/// The values of the only cartridge as one series; `None` where there are several cartridges, an error inside where the
/// series is too short or does not scatter. Presses are independent of each other, strokes and stretches of a run are not.
pub fn alone(set: &DataSet) -> Option<Result<(Independent, CorrelatedSeries), StatsError>> {
    let mut units = set.units();
    let (Some(only), None) = (units.next(), units.next()) else { return None };
    Some(match (set.source, set.quantity) {
        (DataSource::Strokes, Quantity::PunctureRate) => {
            CorrelatedSeries::of(&only.values).map(|series| (Independent::Stretches, series))
        }
        (DataSource::Strokes, _) => CorrelatedSeries::of(&only.values).map(|series| (Independent::Strokes, series)),
        (DataSource::Presses, _) => {
            CorrelatedSeries::independent(&only.values).map(|series| (Independent::Presses, series))
        }
    })
}

/// The confidence limits of a mean as [`Interval::certain`] has them: the upper one first.
pub fn shown(mean: f64, reach: f64) -> Range {
    (mean + reach, mean - reach)
}
