//! The bench itself: repeatability, reproducibility, and what share of the tolerance they take.
//!
//! A press destroys its spot, so the study is nested (statistics.md 3.9): sessions (one operator's mounting in one
//! run), in them places on the reference, in them presses on fresh spots beside one another. What differs between
//! places is the reference's; what differs between sessions, and between presses at one place, is the bench's. Days are
//! runs of their own: their sessions are further sessions.
//!
//! Data sets of [`Quantity::Repeatability`] hold sessions in the place of pens and places in that of cartridges.
//!
//! Deliberately absent: files, and the terms of a budget (`measure::gauge`).

use super::dataset::{DataSet, DataSets};
use super::interval::{Independent, Interval};
use crate::config::plan::{DataSource, Plan, Quantity};
use crate::stats::distribution::{ChiSquared, Distribution};
use crate::stats::{StatsError, describe, grr};
use serde::{Deserialize, Serialize};

/// Confidence of the limits that are reported, each side.
pub const CONFIDENCE: f64 = 0.95;

/// A figure with its confidence limits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Limited {
    /// Best estimate.
    pub estimate: f64,
    /// Lower limit, 95 % on its side.
    pub lower: f64,
    /// Upper limit, 95 % on its side.
    pub upper: f64,
}

impl Limited {
    fn scaled(self, factor: f64) -> Self {
        Self { estimate: factor * self.estimate, lower: factor * self.lower, upper: factor * self.upper }
    }
}

/// A line of the analysis of variance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AnovaRow {
    /// `session`, `site(session)`, `repeatability`, `total`.
    pub source: String,
    /// Degrees of freedom.
    pub df: u64,
    /// Sum of squares, mm².
    pub ss: f64,
    /// Mean square, mm².
    pub ms: f64,
    /// F against the next line; none where there is no test.
    pub f: Option<f64>,
    /// Probability of a larger F.
    pub p: Option<f64>,
    /// Variance component, mm², as it came out (it may be negative); none for the total.
    pub component: Option<f64>,
}

/// A gauge study evaluated; lengths in mm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GaugeStudy {
    /// Set depth of the reference presses.
    pub set_depth_mm: f64,
    /// Number of sessions: an operator's mounting in one run each.
    pub sessions: u64,
    /// Places a session.
    pub sites: u64,
    /// Presses a place.
    pub repeats: u64,
    /// The analysis of variance, total last.
    pub anova: Vec<AnovaRow>,
    /// SD of presses under one mounting at one place.
    pub repeatability_sd_mm: Limited,
    /// Degrees of freedom of the repeatability.
    pub repeatability_df: f64,
    /// SD between sessions; 0 where none shows.
    pub reproducibility_sd_mm: f64,
    /// Its degrees of freedom (Satterthwaite); those of the sessions where none shows.
    pub reproducibility_df: f64,
    /// SD of the bench: repeatability and reproducibility.
    pub grr_sd_mm: Limited,
    /// Half-width of the tolerance that the bench is to judge; none outside a plan.
    pub tolerance_mm: Option<f64>,
    /// Six SDs of the bench in percent of the width of the tolerance.
    pub grr_percent_tolerance: Option<Limited>,
    /// Classes that the bench tells apart inside the tolerance: `sqrt(2) (T / 6) / sd`, T its width.
    pub distinct_categories: Option<u64>,
}

/// The nested study of a data set.
///
/// # Errors
///
/// [`StatsError`] for fewer than two sessions, places or presses, unequal numbers of them, or no scatter.
pub fn study(set: &DataSet) -> Result<grr::Study, StatsError> {
    let sessions: Vec<Vec<Vec<f64>>> =
        set.pens.iter().map(|(_, sites)| sites.iter().map(|site| site.values.clone()).collect()).collect();
    grr::nested(&sessions)
}

/// The study in the data sets, with the tolerance of the plan where there is one; `None` where there are none.
///
/// # Errors
///
/// Those of [`study`].
pub fn evaluate(plan: Option<&Plan>, sets: &DataSets) -> Option<Result<GaugeStudy, StatsError>> {
    let set = sets.find(Quantity::Repeatability, DataSource::Presses, None).next()?;
    Some(of_set(plan.and_then(|plan| plan.msa.as_ref()).map(|msa| msa.tolerance_mm), set))
}

fn of_set(tolerance_mm: Option<f64>, set: &DataSet) -> Result<GaugeStudy, StatsError> {
    let study = study(set)?;
    let two_sided = 2.0 * CONFIDENCE - 1.0;
    let sd = |estimate: f64, interval: grr::Interval| Limited {
        estimate: estimate.sqrt(),
        lower: interval.lower.sqrt(),
        upper: interval.upper.max(estimate).sqrt(),
    };
    let repeatability = sd(study.components.repeatability, study.repeatability_interval(two_sided)?);
    let gauge = sd(study.components.grr(), study.grr_interval(two_sided)?);
    let components = [study.unclipped.operator, study.unclipped.part, study.unclipped.repeatability];
    let names = ["session", "site(session)", "repeatability", "total"];
    let anova = study.anova.iter().zip(names).enumerate().map(|(index, (row, name))| AnovaRow {
        source: name.to_owned(),
        df: row.df as u64,
        ss: row.ss,
        ms: row.ms(),
        f: row.f,
        p: row.p,
        component: components.get(index).copied(),
    });
    let (session, site) = (&study.anova[0], &study.anova[1]);
    let (df_session, df_site) = (session.df as f64, site.df as f64);
    let difference = session.ms() - site.ms();
    let satterthwaite = difference.powi(2) / (session.ms().powi(2) / df_session + site.ms().powi(2) / df_site);
    Ok(GaugeStudy {
        set_depth_mm: set.set_depth_mm,
        sessions: set.pens.len() as u64,
        sites: set.pens.first().map_or(0, |(_, sites)| sites.len()) as u64,
        repeats: set.units().next().map_or(0, |site| site.values.len()) as u64,
        anova: anova.collect(),
        repeatability_sd_mm: repeatability,
        repeatability_df: study.anova[2].df as f64,
        reproducibility_sd_mm: study.components.operator.sqrt(),
        reproducibility_df: if difference > 0.0 { satterthwaite.max(1.0) } else { df_session },
        grr_sd_mm: gauge,
        tolerance_mm,
        grr_percent_tolerance: tolerance_mm.map(|tolerance_mm| gauge.scaled(300.0 / tolerance_mm)),
        distinct_categories: tolerance_mm
            .map(|tolerance_mm| (2.0_f64.sqrt() * tolerance_mm / 3.0 / gauge.estimate).floor().max(1.0) as u64),
    })
}

/// Upper confidence limit of the repeatability SD, pooled within places; one session is enough.
///
/// # Errors
///
/// [`StatsError`] where no place has two presses, or none scatters.
pub fn repeatability(confidence: f64, set: &DataSet) -> Result<Interval, StatsError> {
    let (mut squares, mut df) = (0.0, 0.0);
    for site in set.units() {
        squares += describe::Moments::of(&site.values)?.squares;
        df += site.values.len() as f64 - 1.0;
    }
    if df < 1.0 {
        let (what, remedy) = ("a repeatability, in repeats beyond the first,", "press every place at least twice");
        return Err(StatsError::TooFew { what, given: 0, needed: 1, remedy });
    }
    if squares <= 0.0 {
        return Err(StatsError::NoVariance { what: "a repeatability", n: set.n(), value: 0.0 });
    }
    let at = move |df_grown: f64, confidence: f64| -> Result<f64, StatsError> {
        Ok((squares / df * df_grown / ChiSquared::new(df_grown)?.upper_quantile(confidence)?).sqrt())
    };
    let presses = set.n() as f64;
    Ok(Interval {
        n: set.n(),
        estimate: (squares / df).sqrt(),
        range: (f64::NEG_INFINITY, at(df, confidence)?),
        certain: (f64::INFINITY, at(df, 1.0 - confidence)?),
        thin: df < 5.0,
        independent: (Independent::Presses, presses),
        growth: Some(Box::new(move |more| Ok((f64::NEG_INFINITY, at(df * more / presses, confidence)?)))),
        method: format!(
            "upper confidence limit of the SD within {} places: {df} degrees of freedom",
            set.units().count()
        ),
    })
}

/// Upper confidence limit of six SDs of the bench over the width of the tolerance (modified large sample method).
///
/// # Errors
///
/// Those of [`study`]; no tolerance.
pub fn share_of_tolerance(confidence: f64, set: &DataSet, tolerance_mm: f64) -> Result<Interval, StatsError> {
    let study = study(set)?;
    let two_sided = 2.0 * confidence - 1.0;
    let sessions = set.pens.len() as f64;
    let share = move |variance: f64| 3.0 * variance.sqrt() / tolerance_mm;
    let estimate = study.components.grr();
    let interval = study.grr_interval(two_sided)?;
    let upper = interval.upper.max(estimate);
    let (percent, categories) = (study.percent_tolerance(2.0 * tolerance_mm)?, study.anova[0].df + 1);
    let growth = move |more: f64| {
        let grown = study.grr_interval_grown(two_sided, (more - 1.0) / (sessions - 1.0))?;
        Ok((f64::NEG_INFINITY, share(grown.upper.max(estimate))))
    };
    Ok(Interval {
        n: set.n(),
        estimate: share(estimate),
        range: (f64::NEG_INFINITY, share(upper)),
        certain: (f64::INFINITY, share(interval.lower)),
        thin: upper > 4.0 * estimate,
        independent: (Independent::Sessions, sessions),
        growth: Some(Box::new(growth)),
        method: format!(
            "nested analysis of variance of {categories} sessions: six SDs are {percent:.1} % of the tolerance; upper limit \
             by the modified large sample method"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::{evaluate, repeatability, share_of_tolerance};
    use crate::acceptance::dataset::DataSets;
    use crate::acceptance::measurements::Value;
    use crate::config::plan::{DataSource, Quantity};
    use crate::prng::Stream;

    fn presses(seed: u64, sessions: usize, sites: usize, repeats: usize, sds: [f64; 3]) -> Vec<Value> {
        let mut stream = Stream::named(seed, "gauge");
        let mut values = Vec::new();
        for session in 0..sessions {
            let mounted = 1.5 + sds[0] * stream.normal();
            for site in 0..sites {
                let there = mounted + sds[1] * stream.normal();
                values.extend((0..repeats).map(|order| Value {
                    pen: format!("session {session}").into(),
                    cartridge: format!("site {site}").into(),
                    set_depth_mm: 1.5,
                    set_rate_hz: None,
                    source: DataSource::Presses,
                    order: order as u64,
                    quantity: Quantity::Repeatability,
                    value: there + sds[2] * stream.normal(),
                    u: 0.0,
                }));
            }
        }
        values
    }

    #[test]
    fn components_come_back_and_the_places_are_not_the_benchs() {
        let values = presses(1, 60, 20, 4, [0.004, 0.010, 0.003]);
        let found = evaluate(None, &DataSets::of(&values)).unwrap().unwrap();
        assert!((found.repeatability_sd_mm.estimate / 0.003 - 1.0).abs() < 0.04, "{found:?}");
        assert!((found.reproducibility_sd_mm / 0.004 - 1.0).abs() < 0.3, "{found:?}");
        assert!((found.grr_sd_mm.estimate / 0.005 - 1.0).abs() < 0.2, "{found:?}");
        assert_eq!((found.sessions, found.sites, found.repeats), (60, 20, 4));
        assert_eq!((found.tolerance_mm, found.distinct_categories), (None, None));
    }

    /// Each limit must lie above the truth 95 times in 100; 2000 studies have a standard error of 0.5 in 100.
    #[test]
    fn upper_limits_hold_as_often_as_claimed() {
        let (studies, tolerance_mm) = (2000, 0.15);
        for (sds, sessions) in [([0.004, 0.002, 0.003], 3), ([0.0, 0.002, 0.003], 3), ([0.002, 0.0, 0.005], 6)] {
            let [session, _, repeat]: [f64; 3] = sds;
            let truth = 3.0 * session.hypot(repeat) / tolerance_mm;
            let mut short = [0, 0];
            for seed in 0..studies {
                let values = presses(seed, sessions, 5, 4, sds);
                let sets = DataSets::of(&values);
                let set = sets.find(Quantity::Repeatability, DataSource::Presses, None).next().unwrap();
                short[0] += u32::from(repeatability(0.95, set).unwrap().range.1 < repeat);
                short[1] += u32::from(share_of_tolerance(0.95, set, tolerance_mm).unwrap().range.1 < truth);
            }
            // 5 % and four standard errors.
            assert!(short.iter().all(|count| f64::from(*count) < 0.07 * studies as f64), "{sds:?}: {short:?}");
        }
    }

    #[test]
    fn one_session_shows_repeatability_alone() {
        let values = presses(1, 1, 5, 4, [0.0, 0.002, 0.003]);
        let sets = DataSets::of(&values);
        let set = sets.find(Quantity::Repeatability, DataSource::Presses, None).next().unwrap();
        assert!(repeatability(0.95, set).is_ok());
        assert!(share_of_tolerance(0.95, set, 0.15).err().unwrap().to_string().contains("at least 2"));
    }
}
