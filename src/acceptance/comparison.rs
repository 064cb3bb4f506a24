//! Equivalence of two runs: is the mean difference shown to lie within a margin, set depth by set depth?
//!
//! Two one-sided tests by Welch on cartridge means ([`equivalence::welch`]): the independent unit is the cartridge, so
//! that runs with one cartridge each cannot show anything about cartridges, however many strokes they hold. Where the
//! runs rest on different calibrations the margin is drawn in by the guard band of their difference.
//!
//! Invariant: "not shown" is said only where the data could have shown equivalence; else the answer is inconclusive,
//! with the number of cartridges that would be enough.
//! Deliberately absent: a default margin; tests of no difference.

use super::Verdict;
use super::dataset::{DataSet, DataSets, Unit};
use super::measurements::Value;
use crate::config::plan::{DataSource, Quantity};
use crate::stats::distribution::{Distribution, Normal, StudentT};
use crate::stats::{StatsError, describe, equivalence};
use serde::Serialize;
use std::sync::Arc;

/// Most cartridges a side that a number that would be enough is looked for among.
const CARTRIDGES_MAX: u32 = 10_000;

/// What is asked of two runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// Protrusion or penetration.
    pub quantity: Quantity,
    /// Difference of means that still counts as none, mm.
    pub margin_mm: f64,
    /// Risk of calling equivalent what is not.
    pub alpha: f64,
    /// Whether both runs rest on the same calibration, whose error then cancels in the difference.
    pub same_calibration: bool,
}

/// The mean of one cartridge.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CartridgeMean {
    /// The pen.
    pub pen: String,
    /// The cartridge.
    pub cartridge: String,
    /// Mean, mm.
    pub mean_mm: f64,
}

/// The comparison at one set depth. Lengths in mm; what could not be computed is absent.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Compared {
    /// What the pens were told, mm.
    pub set_depth_mm: f64,
    /// Rate that the pens were told, Hz; absent for presses.
    pub set_rate_hz: Option<f64>,
    /// Cartridges of the first run.
    pub a: Vec<CartridgeMean>,
    /// Cartridges of the second run.
    pub b: Vec<CartridgeMean>,
    /// Mean of cartridge means of the first run less that of the second.
    pub difference: f64,
    /// Lower end of the interval of confidence `1 - 2 alpha`.
    pub lower: Option<f64>,
    /// Its upper end.
    pub upper: Option<f64>,
    /// Degrees of freedom (Welch).
    pub df: Option<f64>,
    /// Taken off the margin at each end, where the calibrations differ.
    pub guard_band: f64,
    /// `accept`: equivalent; `reject`: not shown although the data could have; `inconclusive`: too few data.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
}

/// Two runs compared.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Comparison {
    /// Accepted only where every set depth that both runs measured is.
    pub verdict: Verdict,
    /// Strokes or presses, the same in both.
    pub source: Option<DataSource>,
    /// One entry a set depth of both runs, ascending.
    pub set_depths: Vec<Compared>,
    /// Set depths, at one rate, that only one of the runs measured, mm.
    pub unmatched_mm: Vec<f64>,
    /// The population that the answer speaks of.
    pub scope: String,
}

/// Compares the values of two runs: strokes where both have them, else presses.
///
/// # Errors
///
/// [`StatsError::OutOfRange`] for a margin that is not positive or an `alpha` outside (0, 1/2).
pub fn compare(question: &Question, a: &[Value], b: &[Value]) -> Result<Comparison, StatsError> {
    let Question { margin_mm, alpha, quantity, .. } = *question;
    // The calculator's own checks, on values that cannot fail otherwise.
    equivalence::welch(&[0.0, 1.0], &[0.0, 1.0], margin_mm, alpha)?;
    let (sets_a, sets_b) = (DataSets::of(a), DataSets::of(b));
    let of = |sets: &DataSets, source| sets.find(quantity, source, None).count() > 0;
    let sources = [DataSource::Strokes, DataSource::Presses];
    let source = sources.into_iter().find(|source| of(&sets_a, *source) && of(&sets_b, *source));
    let (mut set_depths, mut unmatched_mm) = (Vec::new(), Vec::new());
    if let Some(source) = source {
        for set in sets_a.find(quantity, source, None) {
            match partner(&sets_b, set, source) {
                Some(other) => set_depths.push(at(question, set, other)),
                None => unmatched_mm.push(set.set_depth_mm),
            }
        }
        let lonely = sets_b.find(quantity, source, None).filter(|set| partner(&sets_a, set, source).is_none());
        unmatched_mm.extend(lonely.map(|set| set.set_depth_mm));
    }
    let has = |verdict| set_depths.iter().any(|one: &Compared| one.verdict == verdict);
    let verdict = match () {
        () if has(Verdict::Reject) => Verdict::Reject,
        () if set_depths.is_empty() || has(Verdict::Inconclusive) => Verdict::Inconclusive,
        () => Verdict::Accept,
    };
    let scope = scope(&set_depths, &unmatched_mm);
    Ok(Comparison { verdict, source, set_depths, unmatched_mm, scope })
}

/// The data set of the same setting in the other run.
fn partner<'s>(sets: &'s DataSets, like: &DataSet, source: DataSource) -> Option<&'s DataSet> {
    sets.find(like.quantity, source, Some(like.set_depth_mm)).find(|set| set.set_rate_hz == like.set_rate_hz)
}

/// Both runs at one set depth.
fn at(question: &Question, a: &DataSet, b: &DataSet) -> Compared {
    let (means_a, means_b) = (cartridge_means(a), cartridge_means(b));
    let numbers = |means: &[CartridgeMean]| means.iter().map(|one| one.mean_mm).collect::<Vec<f64>>();
    let (x, y) = (numbers(&means_a), numbers(&means_b));
    // The smallest uncertainty of a value is no less than what all values share.
    let shared = if question.same_calibration { 0.0 } else { a.u_min.hypot(b.u_min) };
    let guard_band = shared * Normal.quantile(1.0 - question.alpha).unwrap_or(f64::NAN);
    let mean = |values: &[f64]| describe::sum(values.iter().copied()) / values.len() as f64;
    let mut compared = Compared {
        set_depth_mm: a.set_depth_mm,
        set_rate_hz: a.set_rate_hz,
        difference: mean(&x) - mean(&y),
        a: means_a,
        b: means_b,
        lower: None,
        upper: None,
        df: None,
        guard_band,
        verdict: Verdict::Inconclusive,
        reason: String::new(),
    };
    match equivalence::welch(&x, &y, question.margin_mm, question.alpha) {
        Ok(found) => {
            compared.difference = found.difference;
            (compared.lower, compared.upper, compared.df) = (Some(found.lower), Some(found.upper), Some(found.df));
            (compared.verdict, compared.reason) = judge(question, &found, guard_band, (x.len(), y.len()));
        }
        Err(StatsError::TooFew { .. }) => {
            compared.reason = format!(
                "a claim on cartridges needs at least two on each side, and these are {} and {}: however many strokes they \
                 made, how cartridges differ cannot be told from the difference",
                x.len(),
                y.len()
            );
        }
        Err(error) => compared.reason = format!("cannot be compared: {error}"),
    }
    compared
}

fn judge(
    question: &Question,
    found: &equivalence::Equivalence,
    guard_band: f64,
    sizes: (usize, usize),
) -> (Verdict, String) {
    let room = question.margin_mm - guard_band;
    let interval = format!("{:.4} to {:.4} mm", found.lower, found.upper);
    if room <= 0.0 {
        let reason =
            format!("the guard band of {guard_band:.4} mm leaves nothing of the margin; use one calibration for both");
        return (Verdict::Inconclusive, reason);
    }
    if -room < found.lower && found.upper < room {
        return (Verdict::Accept, format!("{interval} lies within \u{b1}{room:.4} mm"));
    }
    let reason = format!("{interval} does not lie within \u{b1}{room:.4} mm");
    if found.lower > room || found.upper < -room {
        return (Verdict::Reject, format!("{reason}; the difference itself is shown to exceed the margin"));
    }
    if found.upper - found.lower < 2.0 * room {
        return (Verdict::Reject, reason);
    }
    (
        Verdict::Inconclusive,
        format!(
            "{reason}, for want of cartridges ({} and {}); {}",
            sizes.0,
            sizes.1,
            enough(question, found, room, sizes)
        ),
    )
}

/// Says how many cartridges a side would be enough if they scattered like these and the difference stayed as it is.
fn enough(question: &Question, found: &equivalence::Equivalence, room: f64, sizes: (usize, usize)) -> String {
    let sd = found.standard_error / (1.0 / sizes.0 as f64 + 1.0 / sizes.1 as f64).sqrt();
    let fits = |n: &u32| {
        let size = f64::from(*n);
        let t = StudentT::new(2.0 * size - 2.0).and_then(|t| t.upper_quantile(question.alpha)).unwrap_or(f64::INFINITY);
        found.difference.abs() + t * sd * (2.0 / size).sqrt() < room
    };
    match (2..CARTRIDGES_MAX).find(fits) {
        Some(n) => format!("{n} cartridges like these on each side would be enough"),
        None => "no number of cartridges like these would be enough".to_owned(),
    }
}

fn cartridge_means(set: &DataSet) -> Vec<CartridgeMean> {
    let of_pen = |(pen, units): &(Arc<str>, Vec<Unit>)| {
        let mean = |unit: &Unit| CartridgeMean {
            pen: pen.to_string(),
            cartridge: unit.cartridge.to_string(),
            mean_mm: describe::sum(unit.values.iter().copied()) / unit.values.len() as f64,
        };
        units.iter().map(mean).collect::<Vec<_>>()
    };
    set.pens.iter().flat_map(of_pen).collect()
}

fn scope(set_depths: &[Compared], unmatched_mm: &[f64]) -> String {
    if set_depths.is_empty() {
        return "The runs have no set depth in common, so nothing was compared.".to_owned();
    }
    let lonely = if unmatched_mm.is_empty() {
        String::new()
    } else {
        let list: Vec<String> = unmatched_mm.iter().map(|depth| format!("{depth} mm")).collect();
        format!(" Nothing is said of {}, which only one of the runs measured.", list.join(", "))
    };
    format!(
        "The answer speaks of cartridges like those sampled, at the set depths that both runs measured, each at its own \
         confidence (intersection-union).{lonely}"
    )
}

#[cfg(test)]
mod tests {
    use super::{Question, compare};
    use crate::acceptance::Verdict;
    use crate::acceptance::measurements::Value;
    use crate::acceptance::synthetic::Process;
    use crate::config::plan::Quantity;
    use crate::prng::Stream;

    const QUESTION: Question =
        Question { quantity: Quantity::Protrusion, margin_mm: 0.02, alpha: 0.05, same_calibration: true };

    fn run(seed: u64, cartridges: usize, mean: f64, sd: f64) -> Vec<Value> {
        let process = Process { share_cartridges: 0.5, ..Process::plain(1, cartridges, 40) };
        process.draw(mean, sd, &mut Stream::named(seed, "comparison"))
    }

    #[test]
    fn equivalent_different_and_undecided_runs_are_told_apart() {
        let base = run(1, 10, 1.5, 0.005);
        let verdict = |b: &[Value]| compare(&QUESTION, &base, b).unwrap().verdict;
        assert_eq!(verdict(&run(2, 10, 1.5, 0.005)), Verdict::Accept);
        assert_eq!(verdict(&run(3, 10, 1.54, 0.005)), Verdict::Reject);
        let few = compare(&QUESTION, &run(6, 3, 1.5, 0.04), &run(7, 3, 1.5, 0.04)).unwrap();
        assert_eq!(few.verdict, Verdict::Inconclusive);
        assert!(few.set_depths[0].reason.contains("on each side would be enough"), "{few:?}");
    }

    #[test]
    fn one_cartridge_a_side_claims_nothing_on_cartridges() {
        let found = compare(&QUESTION, &run(1, 1, 1.5, 0.005), &run(2, 10, 1.5, 0.005)).unwrap();
        assert_eq!(found.verdict, Verdict::Inconclusive);
        let one = &found.set_depths[0];
        assert!(one.reason.contains("at least two on each side") && one.lower.is_none(), "{one:?}");
        assert!(one.difference.abs() < 0.02);
    }

    #[test]
    fn different_calibrations_draw_the_margin_in() {
        let (mut a, mut b) = (run(1, 10, 1.5, 0.005), run(2, 10, 1.5, 0.005));
        a.iter_mut().chain(&mut b).for_each(|value| value.u = 0.02);
        assert_eq!(compare(&QUESTION, &a, &b).unwrap().verdict, Verdict::Accept);
        let apart = compare(&Question { same_calibration: false, ..QUESTION }, &a, &b).unwrap();
        assert_eq!(apart.verdict, Verdict::Inconclusive);
        assert!((apart.set_depths[0].guard_band - 1.644_854 * 0.02 * 2.0_f64.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn set_depths_of_one_run_alone_are_named() {
        let (a, mut b) = (run(1, 4, 1.5, 0.005), run(2, 4, 1.5, 0.005));
        b.iter_mut().for_each(|value| value.set_depth_mm = 2.0);
        let found = compare(&QUESTION, &a, &b).unwrap();
        assert_eq!((found.verdict, found.unmatched_mm.as_slice()), (Verdict::Inconclusive, &[1.5, 2.0][..]));
        assert!(compare(&Question { margin_mm: 0.0, ..QUESTION }, &a, &b).is_err());
    }

    /// Runs whose true difference is the margin are called equivalent no more often than alpha.
    #[test]
    fn the_risk_at_the_margin_is_alpha() {
        let draws = 1000;
        let mut stream = Stream::named(9, "margin");
        let process = Process { share_cartridges: 0.7, ..Process::plain(1, 6, 5) };
        let equivalent = (0..draws)
            .filter(|_| {
                let (a, b) = (process.draw(1.5, 0.008, &mut stream), process.draw(1.52, 0.008, &mut stream));
                compare(&QUESTION, &a, &b).unwrap().verdict == Verdict::Accept
            })
            .count();
        // 5 % and four standard errors of 1000 draws.
        assert!((20..=78).contains(&equivalent), "{equivalent} of {draws}");
    }
}
