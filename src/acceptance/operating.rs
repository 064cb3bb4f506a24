//! Operating characteristic of a two-sided tolerance criterion: how good a process must be to pass it, and how many
//! cartridges let a good one pass.
//!
//! A centred normal process of total SD 1 is accepted where `|mean| + reach <= half-width`, the reach being that of
//! the interval that will be judged. The probability is an integral over the mean squares (each `expected chi2_f / f`,
//! independent of each other and of the mean), taken in their probabilities by Gauss and Legendre's rule: no random
//! numbers; for one cartridge within 0.001 of the exact integral, for several within the error of a simulation of 4000
//! draws (see the tests).
//!
//! Deliberately absent: processes off centre, which pass less often; distributions other than the normal one.

use super::dataset::{DataSet, DataSets};
use super::decision::judged_sets;
use super::interval::{alone, grouped, serial};
use super::judgement::{guard_band, limits};
use crate::config::plan::{Criterion, Plan, Population, Quantity, Risk, Statistic};
use crate::stats::StatsError;
use crate::stats::distribution::{ChiSquared, Distribution, Normal};
use crate::stats::nested;
use crate::stats::quadrature::Rule;
use crate::stats::tolerance::{Claim, Sides, factor};
use serde::{Deserialize, Serialize};

/// Most cartridges that a plan is worked out for.
const CARTRIDGES_MAX: u32 = 1000;
/// Half-widths over total SD that a characteristic is given at: from, to, step.
const RATIOS: (f64, f64, f64) = (1.5, 6.0, 0.0625);

/// One mean square of the interval, with its weight, over the total variance.
#[derive(Clone, Copy, Debug)]
struct Part {
    expected: f64,
    df: f64,
    /// Relative amount by which its upper confidence limit exceeds it; 0 where the factor has that already.
    excess: f64,
}

/// How a two-sided interval follows from the mean squares of a sample, for a process of total SD 1.
#[derive(Clone, Debug)]
pub struct Sample {
    parts: Vec<Part>,
    factor: f64,
    sd_of_mean: f64,
}

impl Sample {
    /// Values of one cartridge, worth `n_mean` for the mean, with `df` degrees of freedom of the variance.
    ///
    /// # Errors
    ///
    /// Those of [`factor`].
    pub fn of_one(n_mean: f64, df: f64, claim: Claim) -> Result<Self, StatsError> {
        let parts = vec![Part { expected: 1.0, df, excess: 0.0 }];
        Ok(Self { parts, factor: factor(n_mean, df, claim, Sides::Two)?, sd_of_mean: n_mean.sqrt().recip() })
    }

    /// `groups` outermost groups with these levels, outermost first; only the proportions of the mean squares count.
    ///
    /// # Errors
    ///
    /// Degrees of freedom that are not positive.
    pub fn of_groups(levels: &[nested::Level], groups: f64, claim: Claim) -> Result<Self, StatsError> {
        let total: f64 = levels.iter().map(|level| level.weight * level.mean_square).sum();
        let mean_variance = levels.first().map_or(0.0, |outer| outer.mean_square / total / groups);
        let part = |(index, level): (usize, &nested::Level)| -> Result<Part, StatsError> {
            // The variance of the mean joins that of the outermost level, as in `nested::limits`.
            let weight = level.weight + if index == 0 { 1.0 / groups } else { 0.0 };
            let excess = nested::excess(level.df, claim.confidence())?;
            Ok(Part { expected: weight * level.mean_square / total, df: level.df, excess })
        };
        let parts = levels.iter().enumerate().map(part).collect::<Result<_, _>>()?;
        Ok(Self { parts, factor: claim.normal_quantile(Sides::Two)?, sd_of_mean: mean_variance.sqrt() })
    }

    /// `cartridges` of one pen with `strokes` each, a share `icc` of the variance lying between cartridges.
    ///
    /// # Errors
    ///
    /// Those of [`Sample::of_groups`].
    pub fn planned(cartridges: u32, strokes: u32, icc: f64, claim: Claim) -> Result<Self, StatsError> {
        let (groups, n) = (f64::from(cartridges), f64::from(strokes));
        let within = 1.0 - icc;
        let level = |mean_square, df, weight| nested::Level { mean_square, df, weight, component: 0.0 };
        let mut levels = vec![level(icc + within / n, groups - 1.0, 1.0)];
        if strokes > 1 {
            levels.push(level(within, groups * (n - 1.0), 1.0 - 1.0 / n));
        }
        Self::of_groups(&levels, groups, claim)
    }

    /// Probability of acceptance at each of these half-widths over the total SD.
    ///
    /// # Errors
    ///
    /// None that the construction has not ruled out.
    pub fn accept(&self, ratios: &[f64]) -> Result<Vec<f64>, StatsError> {
        let reaches = self.reaches()?;
        let at = |ratio: &f64| {
            let inside = |reach: f64| (2.0 * Normal.cdf((ratio - reach) / self.sd_of_mean) - 1.0).max(0.0);
            reaches.iter().map(|(reach, weight)| weight * inside(*reach)).sum::<f64>()
        };
        Ok(ratios.iter().map(at).collect())
    }

    /// Reaches of the interval with their probabilities.
    fn reaches(&self) -> Result<Vec<(f64, f64)>, StatsError> {
        // Sum of the parts, sum of their squared excesses, probability.
        let mut sums = vec![(0.0, 0.0, 1.0)];
        for (index, part) in self.parts.iter().enumerate() {
            let chi2 = ChiSquared::new(part.df)?;
            // The outermost level varies most and needs the finest rule.
            let (points, edges): (u32, &[f64]) =
                if index == 0 { (16, &[0.0, 0.01, 0.1, 0.5, 0.9, 1.0]) } else { (12, &[0.0, 1.0]) };
            let draws = Rule::gauss_legendre(points)
                .over(edges)
                .map(|(p, weight)| Ok((part.expected * chi2.quantile(p)? / part.df, weight)))
                .collect::<Result<Vec<_>, StatsError>>()?;
            let with = |&(total, squares, probability): &(f64, f64, f64)| {
                let joined = move |&(value, weight): &(f64, f64)| {
                    (total + value, squares + (part.excess * value).powi(2), probability * weight)
                };
                draws.iter().map(joined).collect::<Vec<_>>()
            };
            sums = sums.iter().flat_map(with).collect();
        }
        let reach = |(total, squares, weight): (f64, f64, f64)| (self.factor * (total + squares.sqrt()).sqrt(), weight);
        Ok(sums.into_iter().map(reach).collect())
    }
}

/// The plan with its number of cartridges worked out from its risks, where it names risks and no number: the smallest
/// number with which a process of the stated capability, centred, passes every two-sided tolerance criterion with
/// probability `1 - producer`, each for itself. Neighbouring strokes are taken as independent in this.
///
/// # Errors
///
/// [`StatsError::OutOfRange`] where a thousand cartridges would not be enough.
pub fn resolved(plan: &Plan) -> Result<Plan, StatsError> {
    let mut resolved = plan.clone();
    if let (Some(risk), None) = (&plan.risk, plan.cartridges) {
        let mut most = 2;
        for criterion in plan.criteria.iter().filter(|criterion| is_characterised(criterion)) {
            most = most.max(cartridges(plan, criterion, risk)?);
        }
        resolved.cartridges = Some(most);
    }
    Ok(resolved)
}

fn cartridges(plan: &Plan, criterion: &Criterion, risk: &Risk) -> Result<u32, StatsError> {
    let claim = Claim::new(criterion.coverage.unwrap_or(f64::NAN), criterion.confidence)?;
    let strokes = plan.dynamic.as_ref().map_or(1, |plan| plan.strokes);
    let enough = |cartridges: u32| -> Result<bool, StatsError> {
        let sample = Sample::planned(cartridges, strokes, risk.icc, claim)?;
        Ok(sample.accept(&[3.0 * risk.capability])?.iter().all(|accept| *accept >= 1.0 - risk.producer))
    };
    let (mut low, mut high) = (1, 2);
    while !enough(high)? {
        if high >= CARTRIDGES_MAX {
            let allowed = "more: with the other risks of the plan it would ask for over 1000 cartridges";
            return Err(StatsError::OutOfRange { what: "risk.capability", given: risk.capability, allowed });
        }
        low = high;
        high = (2 * high).min(CARTRIDGES_MAX);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle)? { high = middle } else { low = middle }
    }
    Ok(high)
}

/// Whether a criterion has a characteristic: the tolerance interval of a normal population between two limits.
fn is_characterised(criterion: &Criterion) -> bool {
    let about_nominal = criterion.tolerance_mm.is_some() || criterion.tolerance_percent.is_some();
    let two_sided = about_nominal || (criterion.lower_mm.is_some() && criterion.upper_mm.is_some());
    let length = matches!(criterion.quantity, Quantity::Protrusion | Quantity::Penetration);
    length && two_sided && criterion.statistic == Statistic::Tolerance && criterion.distribution == Population::Normal
}

/// Probability that a process passes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Point {
    /// Half-width of the guarded limits over the process's total SD; three times its capability.
    pub half_width_over_sd: f64,
    /// Probability that a centred process is accepted.
    pub accept: f64,
}

/// The operating characteristic of one criterion with the sample that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Characteristic {
    /// Id in the plan.
    pub criterion: String,
    /// Set depth, mm.
    pub set_depth_mm: f64,
    /// The sample, in words.
    pub sample: String,
    /// Half-width of the guarded limits over the SD that was measured.
    pub measured: f64,
    /// Half-width over SD at which exactly the allowed share of strokes lies outside: below, acceptance is false.
    pub edge: f64,
    /// The characteristic, ascending.
    pub points: Vec<Point>,
}

/// The characteristic of every protrusion criterion that has one, with the samples that were measured. Data sets that
/// cannot be judged have none: their rows say why.
pub fn characteristics(plan: &Plan, sets: &DataSets) -> Vec<Characteristic> {
    let wanted = |criterion: &&Criterion| criterion.quantity == Quantity::Protrusion && is_characterised(criterion);
    let of_criterion = |criterion| {
        let sets = judged_sets(criterion, sets);
        sets.into_iter().filter_map(move |set| characteristic(criterion, set).ok())
    };
    plan.criteria.iter().filter(wanted).flat_map(of_criterion).collect()
}

fn characteristic(criterion: &Criterion, set: &DataSet) -> Result<Characteristic, StatsError> {
    let claim = Claim::new(criterion.coverage.unwrap_or(f64::NAN), criterion.confidence)?;
    let (sample, sd, words) = match alone(set) {
        Some(series) => {
            let (unit, series) = series?;
            let sample = Sample::of_one(series.n_mean, series.n_variance - 1.0, claim)?;
            (sample, series.sd, format!("{} {unit} of one cartridge, worth {:.0}", series.n, series.n_variance))
        }
        None => {
            let (unit, groups) = grouped(set)?;
            let limits = nested::limits(&groups, claim, Sides::Two, serial(set.source))?;
            let count = groups.len();
            let sample = Sample::of_groups(&limits.levels, count as f64, claim)?;
            let share = 100.0 * limits.share_between();
            let words = format!("{count} {unit}, {share:.0} % of the variance between cartridges");
            (sample, limits.variance_estimate().sqrt(), words)
        }
    };
    let (lower, upper) = limits(criterion, set);
    let half_width = 0.5 * (upper - lower) - guard_band(criterion, set);
    let steps = ((RATIOS.1 - RATIOS.0) / RATIOS.2).round() as u32;
    let ratios: Vec<f64> = (0..=steps).map(|step| RATIOS.0 + RATIOS.2 * f64::from(step)).collect();
    let accepts = sample.accept(&ratios)?;
    let point = |(half_width_over_sd, accept): (f64, f64)| Point { half_width_over_sd, accept };
    Ok(Characteristic {
        criterion: criterion.id.clone(),
        set_depth_mm: set.set_depth_mm,
        sample: words,
        measured: half_width / sd,
        edge: claim.normal_quantile(Sides::Two)?,
        points: ratios.into_iter().zip(accepts).map(point).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Sample, characteristics, resolved};
    use crate::acceptance::dataset::DataSets;
    use crate::acceptance::synthetic::Process;
    use crate::config::library::Library;
    use crate::config::plan::Plan;
    use crate::prng::Stream;
    use crate::stats::nested::{Serial, Series, limits};
    use crate::stats::sampling::{self, accept_by_interval};
    use crate::stats::tolerance::{Claim, Sides, factor};

    fn claim() -> Claim {
        Claim::new(0.95, 0.95).unwrap()
    }

    /// The exact integral over the mean (statistics.md 3.12), whose values stand in acceptance_sampling.json.
    #[test]
    fn one_cartridge_agrees_with_the_exact_integral() {
        for n in [8_u64, 30, 200] {
            let k = factor(n as f64, n as f64 - 1.0, claim(), Sides::Two).unwrap();
            let ratios = [1.96, 2.3, 2.7, 3.5, 5.0];
            let found = Sample::of_one(n as f64, n as f64 - 1.0, claim()).unwrap().accept(&ratios).unwrap();
            for (ratio, accept) in ratios.into_iter().zip(found) {
                let process = sampling::Process { mean: 0.0, sd: 1.0, lower: -ratio, upper: ratio };
                let want = accept_by_interval(n, k, &process).unwrap();
                assert!((accept - want).abs() < 1e-3, "n = {n}, ratio {ratio}: {accept}, want {want}");
            }
        }
    }

    #[test]
    fn cartridges_agree_with_a_simulation() {
        let (cartridges, strokes, icc, draws) = (6, 10, 0.5_f64, 4000);
        let ratios = [2.5, 3.5, 4.5];
        let found = Sample::planned(cartridges, strokes, icc, claim()).unwrap().accept(&ratios).unwrap();
        let mut stream = Stream::named(1, "operating characteristic");
        let mut accepted = [0_u32; 3];
        for _ in 0..draws {
            let groups: Vec<Vec<Series>> = (0..cartridges)
                .map(|_| {
                    let centre = icc.sqrt() * stream.normal();
                    let values: Vec<f64> =
                        (0..strokes).map(|_| centre + (1.0 - icc).sqrt() * stream.normal()).collect();
                    vec![Series::of(&values).unwrap()]
                })
                .collect();
            let interval = limits(&groups, claim(), Sides::Two, Serial::Independent).unwrap();
            for (count, ratio) in accepted.iter_mut().zip(ratios) {
                *count += u32::from(-ratio <= interval.lower && interval.upper <= ratio);
            }
        }
        for ((accept, count), ratio) in found.into_iter().zip(accepted).zip(ratios) {
            let share = f64::from(count) / f64::from(draws);
            // Four standard errors of 4000 draws are at most 0.032.
            assert!((accept - share).abs() < 0.032, "ratio {ratio}: {accept}, simulated {share}");
        }
    }

    fn with_risk(capability: f64, icc: f64, producer: f64) -> Plan {
        let mut plan = Library::default().plan("standard").unwrap().value;
        plan.cartridges = None;
        plan.risk = Some(crate::config::plan::Risk { producer, capability, icc });
        plan.dynamic.as_mut().unwrap().strokes = 200;
        plan
    }

    /// The simulated table of statistics.md, section 5: 200 strokes, 95/95, 90 in 100 accepted, least number on a
    /// coarse grid of cartridges, of which the number before fails.
    #[test]
    fn numbers_of_cartridges_agree_with_the_table() {
        for (ratio, icc, failing, enough) in
            [(3.0, 0.3, 10, 12), (4.0, 0.5, 6, 8), (4.0, 0.1, 3, 4), (5.0, 0.8, 6, 8), (3.0, 0.8, 25, 30)]
        {
            let found = resolved(&with_risk(ratio / 3.0, icc, 0.1)).unwrap().cartridges.unwrap();
            assert!(failing < found && found <= enough, "ratio {ratio}, ICC {icc}: {found} cartridges");
        }
        assert!(resolved(&with_risk(0.66, 0.3, 0.1)).unwrap_err().to_string().contains("risk.capability"));
    }

    #[test]
    fn a_number_in_the_plan_stands() {
        let plan = Plan { cartridges: Some(3), ..with_risk(1.5, 0.3, 0.1) };
        assert_eq!(resolved(&plan).unwrap().cartridges, Some(3));
    }

    #[test]
    fn characteristics_rise_from_the_stated_risk_to_certainty() {
        let plan = Library::default().plan("standard").unwrap().value;
        for process in [Process::plain(1, 1, 300), Process { share_cartridges: 0.5, ..Process::plain(1, 10, 30) }] {
            let (mean, sd) = process.good();
            let values = process.draw(mean, sd, &mut Stream::named(2, "characteristic"));
            let found = characteristics(&plan, &DataSets::of(&values));
            assert_eq!(found.len(), 1);
            let points = &found[0].points;
            assert!(points.windows(2).all(|pair| pair[0].accept <= pair[1].accept + 1e-9));
            assert!(points.iter().all(|point| point.half_width_over_sd > found[0].edge || point.accept <= 0.05));
            assert!(points.last().unwrap().accept > 0.95, "{found:?}");
        }
    }
}
