//! The whole decision: every criterion on every setting, and the verdict of the run.
//!
//! The run is accepted only where every criterion is accepted at every set depth: an intersection-union test (Berger
//! 1982), whose risk is that of one criterion at most, without any adjustment of alpha.

use super::dataset::{DataSet, DataSets, Unit};
use super::judgement::{judge, unmeasured};
use super::{Row, Verdict, operating};
use crate::config::plan::{Criterion, DataSource, Plan, Quantity};
use std::{collections::BTreeSet, sync::Arc};

/// Set depths closer than this are the same, mm.
const SAME_DEPTH_MM: f64 = 1e-9;

/// The decision on a set of measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Accept only where every row is accepted; reject where one is rejected; else inconclusive.
    pub verdict: Verdict,
    /// One row for each criterion and setting, in the order of the plan, set depths ascending.
    pub criteria: Vec<Row>,
    /// The population that the verdict speaks of, and how its risk adds up.
    pub scope: String,
}

/// A capture that was made and could not be measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Its name.
    pub capture: String,
    /// Strokes or presses.
    pub source: DataSource,
    /// What the pen was told, mm.
    pub set_depth_mm: f64,
    /// Rate that the pen was told, Hz; `None` for presses.
    pub set_rate_hz: Option<f64>,
}

/// What a validation was to measure, beside the values that it did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conduct<'a> {
    /// Set depths that were to be measured, mm.
    pub planned_mm: &'a [f64],
    /// Captures without a value.
    pub refused: &'a [Refused],
}

/// Decides `plan` on the data sets. A criterion that has no value at one of the planned set
/// depths is inconclusive there, and so is one that would be accepted although more captures were refused than the plan
/// allows: what could not be measured is never passed over. Where the plan names risks instead of a number of cartridges,
/// the number follows from them here.
pub fn decide(plan: &Plan, conduct: Conduct<'_>, sets: &DataSets) -> Decision {
    let Conduct { planned_mm, refused } = conduct;
    let plan = match operating::resolved(plan) {
        Ok(plan) => plan,
        Err(error) => {
            let scope = format!("Nothing was decided: {error}.");
            return Decision { verdict: Verdict::Inconclusive, criteria: Vec::new(), scope };
        }
    };
    let mut criteria = Vec::new();
    for criterion in &plan.criteria {
        let judged = judged_sets(criterion, sets);
        let absent = |set_depth_mm: &f64| {
            criterion.set_depth_mm.is_none()
                && judged.iter().all(|set| (set.set_depth_mm - set_depth_mm).abs() > SAME_DEPTH_MM)
        };
        let absent: Vec<f64> = planned_mm.iter().copied().filter(absent).collect();
        if judged.is_empty() && absent.is_empty() {
            criteria.push(unmeasured(criterion, criterion.set_depth_mm));
        }
        criteria.extend(absent.into_iter().map(|set_depth_mm| unmeasured(criterion, Some(set_depth_mm))));
        criteria.extend(judged.into_iter().map(|set| {
            let mut row = judge(&plan, criterion, set, performed(sets, set));
            account_for_refused(&plan, set, refused, &mut row);
            row.notes.extend(left_out(sets, set));
            row
        }));
    }
    let has = |verdict| criteria.iter().any(|row: &Row| row.verdict == verdict);
    let verdict = if has(Verdict::Reject) {
        Verdict::Reject
    } else if has(Verdict::Inconclusive) || criteria.is_empty() {
        Verdict::Inconclusive
    } else {
        Verdict::Accept
    };
    Decision { verdict, scope: scope(sets, criteria.len()), criteria }
}

/// The data sets that a criterion is judged on, set depths ascending.
pub fn judged_sets<'s>(criterion: &Criterion, sets: &'s DataSets) -> Vec<&'s DataSet> {
    sets.find(measured_as(criterion.quantity), source_of(criterion, sets), criterion.set_depth_mm).collect()
}

/// The quantity whose values a criterion is computed from.
fn measured_as(quantity: Quantity) -> Quantity {
    match quantity {
        Quantity::StrokeSd | Quantity::Drift => Quantity::Protrusion,
        Quantity::Grr => Quantity::Repeatability,
        other => other,
    }
}

/// As the plan says; else strokes where there are any.
fn source_of(criterion: &Criterion, sets: &DataSets) -> DataSource {
    let strokes = || sets.find(measured_as(criterion.quantity), DataSource::Strokes, criterion.set_depth_mm).next();
    match (criterion.source, criterion.quantity) {
        (_, Quantity::Repeatability | Quantity::Grr) => DataSource::Presses,
        (Some(source), _) => source,
        (None, Quantity::StrokeSd | Quantity::Drift | Quantity::Missed | Quantity::PunctureRate) => DataSource::Strokes,
        (None, _) if strokes().is_some() => DataSource::Strokes,
        (None, _) => DataSource::Presses,
    }
}

/// The flags that say of every stroke of a set whether it was missed, where there are any.
fn flags<'s>(sets: &'s DataSets, set: &DataSet) -> Option<&'s DataSet> {
    let (rate, depth) = (set.set_rate_hz, Some(set.set_depth_mm));
    sets.find(Quantity::Missed, set.source, depth).find(|flags| flags.set_rate_hz == rate)
}

/// Strokes or presses made with the cartridge that has the fewest, missed ones included.
fn performed(sets: &DataSets, set: &DataSet) -> usize {
    let fewest = |set: &DataSet| set.units().map(|unit| unit.values.len()).min().unwrap_or(0);
    fewest(set).max(flags(sets, set).map_or(0, fewest))
}

/// How many strokes were made, not missed, and still have no length.
fn left_out(sets: &DataSets, set: &DataSet) -> Option<String> {
    if !matches!(set.quantity, Quantity::Protrusion | Quantity::Penetration) {
        return None;
    }
    let flags = flags(sets, set)?;
    let touched = flags.units().flat_map(|unit| &unit.values).filter(|missed| **missed == 0.0).count();
    let without = touched.checked_sub(set.n()).filter(|count| *count > 0)?;
    Some(format!(
        "{without} of {touched} strokes that touched have no {}: samples were lost or damaged in them",
        set.quantity.name()
    ))
}

/// Puts beside a row which captures are missing from it, and takes an acceptance back where they are more than the plan
/// allows: a capture is seldom refused by chance, so those left over need not stand for it.
fn account_for_refused(plan: &Plan, set: &DataSet, refused: &[Refused], row: &mut Row) {
    let belongs = |one: &&Refused| {
        one.source == set.source
            && (one.set_depth_mm - set.set_depth_mm).abs() < SAME_DEPTH_MM
            && one.set_rate_hz == set.set_rate_hz
    };
    let missing: Vec<&str> = refused.iter().filter(belongs).map(|one| one.capture.as_str()).collect();
    if missing.is_empty() {
        return;
    }
    let measured = match set.source {
        DataSource::Presses => set.n(),
        DataSource::Strokes => set.units().count(),
    };
    let made = measured + missing.len();
    let share = missing.len() as f64 / made as f64;
    let found = format!("{} of {made} captures could not be measured ({})", missing.len(), missing.join(", "));
    if row.verdict == Verdict::Accept && share > plan.refused_share {
        row.verdict = Verdict::Inconclusive;
        row.reason = format!(
            "{found}, {:.1} % where the plan allows {:.1} %: what could not be measured may be what would have failed; \
             measure anew. Of the others: {}",
            100.0 * share,
            100.0 * plan.refused_share,
            row.reason
        );
    } else {
        row.notes.push(format!("{found}; the plan allows {:.1} %", 100.0 * plan.refused_share));
    }
}

/// The population that the verdict speaks of.
fn scope<'s>(sets: &'s DataSets, rows: usize) -> String {
    let of_pens = || sets.all().flat_map(|set| &set.pens);
    let pens: BTreeSet<&str> = of_pens().map(|(pen, _)| &**pen).collect();
    if !pens.is_empty() && sets.all().all(|set| set.quantity == Quantity::Repeatability) {
        return format!(
            "The verdict speaks of the bench with this reference and of operators like the {} that mounted it; of no pen.",
            pens.len()
        );
    }
    let of_pen = |(pen, units): &'s (Arc<str>, Vec<Unit>)| units.iter().map(|unit| (&**pen, &*unit.cartridge));
    let cartridges: BTreeSet<(&str, &str)> = of_pens().flat_map(of_pen).collect();
    let population = match (pens.len(), cartridges.len()) {
        (0, _) => "Nothing was measured.".to_owned(),
        (1, 1) => {
            let (pen, cartridge) = cartridges.iter().next().copied().unwrap_or_default();
            format!(
                "The verdict speaks of pen {pen} with cartridge {cartridge} only: no other cartridge or pen was sampled, \
                 so nothing is said about how they differ."
            )
        }
        (1, count) => format!(
            "The verdict speaks of pen {} and of cartridges like the {count} that were sampled; no other pen was.",
            pens.iter().next().copied().unwrap_or_default()
        ),
        (pens, cartridges) if pens == cartridges => format!(
            "The verdict speaks of pens like the {pens} that were sampled, each with one cartridge: what comes from the pen \
             and what from its cartridge cannot be told apart."
        ),
        (pens, cartridges) => {
            let few = if pens < 5 {
                ", fewer than the 5 from which the interval is not mostly their small number"
            } else {
                ""
            };
            format!(
                "The verdict speaks of pens like the {pens} that were sampled{few}, with cartridges like their {cartridges}."
            )
        }
    };
    let risk = if rows > 1 {
        " It is accepted only where every criterion is, each at its own confidence (intersection-union); that needs no \
         adjustment for their number."
    } else {
        ""
    };
    format!("{population}{risk}")
}

#[cfg(test)]
mod tests {
    use super::{Conduct, DataSets, Decision, Refused, decide};
    use crate::acceptance::Verdict;
    use crate::acceptance::measurements::{Value, read};
    use crate::config::Document;
    use crate::config::plan::{DataSource, Plan, Quantity};
    use crate::prng::Stream;
    use proptest::collection::vec;
    use proptest::prelude::{Just, ProptestConfig, prop_assert, prop_oneof, proptest};
    use std::collections::HashMap;

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        rtol: f64,
        files: HashMap<String, String>,
        want: HashMap<String, serde_json::Value>,
    }

    fn plan(criteria: &str) -> Plan {
        let plan: Plan = toml::from_str(&format!("schema = \"plan/1\"\nname = \"test\"\n{criteria}")).unwrap();
        plan.check().unwrap();
        plan
    }

    const PROTRUSION: &str = "[[criterion]]\nid = \"a\"\nquantity = \"protrusion\"\nstatistic = \"tolerance\"\n\
         tolerance_mm = 0.10\ncoverage = 0.95\nconfidence = 0.95\nrationale = \"test\"\n";

    /// Studies of an independent script (checked in R): limits to 1e-8, verdicts exactly.
    #[test]
    fn reference_studies_get_their_verdicts() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../fixtures/stats/accept.json")).unwrap();
        assert_eq!(cases.len(), 3);
        for case in cases {
            let plan: Plan = toml::from_str(&case.files["plan.toml"]).unwrap();
            plan.check().unwrap();
            let found = decide(&plan, Conduct::default(), &DataSets::of(read("m.csv", &case.files["m.csv"]).unwrap()));
            let rows = serde_json::to_value(&found.criteria).unwrap();
            for (path, want) in case.want {
                let got = match path.split('.').collect::<Vec<_>>()[..] {
                    ["criteria", index, key] => rows[index.parse::<usize>().unwrap()][key].clone(),
                    _ => serde_json::to_value(found.verdict).unwrap(),
                };
                match want.as_f64() {
                    Some(number) => assert!(
                        (got.as_f64().unwrap() - number).abs() < case.rtol * number.abs(),
                        "{}: {path}",
                        case.name
                    ),
                    None => assert_eq!(got, want, "{}: {path}", case.name),
                }
            }
        }
    }

    fn values(quantity: Quantity, pen: &str, cartridge: &str, numbers: impl IntoIterator<Item = f64>) -> Vec<Value> {
        let value = |(order, value)| Value {
            pen: pen.into(),
            cartridge: cartridge.into(),
            set_depth_mm: 1.5,
            set_rate_hz: None,
            source: DataSource::Strokes,
            order,
            quantity,
            value,
            u: 0.002,
        };
        (0_u64..).zip(numbers).map(value).collect()
    }

    fn strokes(seed: u64, n: usize, mean: f64, sd: f64) -> Vec<f64> {
        let mut stream = Stream::named(seed, "strokes");
        (0..n).map(|_| mean + sd * stream.normal()).collect()
    }

    fn planned(planned_mm: &[f64]) -> Conduct<'_> {
        Conduct { planned_mm, refused: &[] }
    }

    fn of(plan: &Plan, values: &[Value]) -> Decision {
        decide(plan, Conduct::default(), &DataSets::of(values))
    }

    #[test]
    fn one_cartridge_is_accepted_for_itself_alone() {
        let found = of(&plan(PROTRUSION), &values(Quantity::Protrusion, "p", "c", strokes(1, 500, 1.5, 0.02)));
        assert_eq!(found.verdict, Verdict::Accept, "{found:?}");
        assert!(found.scope.contains("cartridge c only"), "{}", found.scope);
        assert!(found.criteria[0].method.contains("exact two-sided"));
    }

    #[test]
    fn too_few_values_are_inconclusive_and_a_number_is_named() {
        let few = of(&plan(PROTRUSION), &values(Quantity::Protrusion, "p", "c", strokes(1, 3, 1.5, 0.02)));
        assert_eq!(few.verdict, Verdict::Inconclusive);
        assert!(few.criteria[0].reason.contains("at least 8"), "{}", few.criteria[0].reason);
        let mut pair = values(Quantity::Protrusion, "p", "a", strokes(2, 50, 1.485, 0.02));
        pair.extend(values(Quantity::Protrusion, "p", "b", strokes(3, 50, 1.515, 0.02)));
        let pair = of(&plan(PROTRUSION), &pair);
        assert_eq!(pair.verdict, Verdict::Inconclusive);
        assert!(
            pair.criteria[0].reason.contains("cartridges like these would be enough"),
            "{}",
            pair.criteria[0].reason
        );
        assert_eq!(of(&plan(PROTRUSION), &[]).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn limits_stand_where_nothing_was_measured() {
        let plan = plan(PROTRUSION);
        let tolerance_mm = plan.criteria[0].tolerance_mm.unwrap();
        let at = |set_depth_mm| super::unmeasured(&plan.criteria[0], set_depth_mm);
        let limits = |row: &crate::acceptance::Row| [row.limit_lower, row.limit_upper];
        assert_eq!(limits(&at(Some(1.5))), [Some(1.5 - tolerance_mm), Some(1.5 + tolerance_mm)]);
        assert_eq!(limits(&at(None)), [None, None]);
    }

    #[test]
    fn unmet_plans_are_inconclusive_unless_the_failure_is_shown() {
        let planned = plan(&format!("[dynamic]\nstroke_rates_hz = [110.0]\nstrokes = 1000\n{PROTRUSION}"));
        let wide = of(&planned, &values(Quantity::Protrusion, "p", "c", strokes(4, 200, 1.5, 0.06)));
        assert_eq!(wide.verdict, Verdict::Inconclusive);
        assert!(wide.criteria[0].reason.contains("200 of 1000 planned strokes"), "{}", wide.criteria[0].reason);
        let outside = of(&planned, &values(Quantity::Protrusion, "p", "c", strokes(4, 200, 1.9, 0.02)));
        assert_eq!(outside.verdict, Verdict::Reject);
        let complete = of(&planned, &values(Quantity::Protrusion, "p", "c", strokes(4, 1000, 1.5, 0.06)));
        assert_eq!(complete.verdict, Verdict::Reject);
    }

    #[test]
    fn missed_strokes_have_an_upper_limit() {
        let plan = plan(
            "[[criterion]]\nid = \"m\"\nquantity = \"missed\"\nstatistic = \"share\"\nupper_share = 0.01\nconfidence = 0.95\nrationale = \"r\"\n",
        );
        // 299 strokes without a miss show 1 % at 95 % confidence, 298 do not.
        let run = |n: usize| of(&plan, &values(Quantity::Missed, "p", "c", vec![0.0; n]));
        assert_eq!(run(299).verdict, Verdict::Accept);
        assert_ne!(run(298).verdict, Verdict::Accept);
        // Misses in one long gap count for more than the same number apart.
        let gap: Vec<f64> = (0..5000).map(|i| f64::from(u8::from((1000..1020).contains(&i)))).collect();
        let apart: Vec<f64> = (0..5000).map(|i| f64::from(u8::from(i % 250 == 3))).collect();
        let upper = |flags| of(&plan, &values(Quantity::Missed, "p", "c", flags)).criteria[0].upper.unwrap();
        assert!(upper(gap) > 1.5 * upper(apart));
    }

    #[test]
    fn drift_sd_and_mean_are_judged_from_the_strokes() {
        let plan = plan(
            "[[criterion]]\nid = \"d\"\nquantity = \"drift\"\nstatistic = \"mean\"\ntolerance_mm = 0.01\nconfidence = 0.95\nrationale = \"r\"\n\
             [[criterion]]\nid = \"s\"\nquantity = \"stroke_sd\"\nstatistic = \"sd\"\nupper_mm = 0.025\nconfidence = 0.95\nrationale = \"r\"\n\
             [[criterion]]\nid = \"m\"\nquantity = \"protrusion\"\nstatistic = \"mean\"\ntolerance_mm = 0.02\nconfidence = 0.95\nrationale = \"r\"\n",
        );
        let steady = strokes(5, 1000, 1.5, 0.02);
        let found = of(&plan, &values(Quantity::Protrusion, "p", "c", steady.clone()));
        assert_eq!(found.verdict, Verdict::Accept, "{found:?}");
        let drifting = steady.iter().enumerate().map(|(i, value)| value + 0.03e-3 * i as f64);
        let found = of(&plan, &values(Quantity::Protrusion, "p", "c", drifting));
        assert_eq!(found.criteria[0].verdict, Verdict::Reject, "{:?}", found.criteria[0]);
        assert!((found.criteria[0].estimate.unwrap() - 0.03).abs() < 0.01);
    }

    #[test]
    fn gross_shapes_have_the_declared_consequence() {
        let mut stream = Stream::named(8, "skew");
        let skewed: Vec<f64> = (0..2000).map(|_| 1.47 + 0.01 * (0.9 * stream.normal()).exp()).collect();
        let with = |extra: &str| {
            of(&plan(&format!("{PROTRUSION}{extra}")), &values(Quantity::Protrusion, "p", "c", skewed.clone()))
        };
        assert!(with("").criteria[0].notes.iter().any(|note| note.contains("grossly not normal")));
        assert_eq!(with("if_not_normal = \"inconclusive\"\n").verdict, Verdict::Inconclusive);
        assert!(with("if_not_normal = \"nonparametric\"\n").criteria[0].method.contains("order statistics"));
        let lognormal = with("distribution = \"boxcox\"\nlambda = 0.0\n");
        assert!(lognormal.criteria[0].method.contains("Box-Cox"));
        assert!(lognormal.criteria[0].lower.unwrap() > 1.4);
    }

    #[test]
    fn one_limit_takes_the_one_sided_factor() {
        let one = PROTRUSION.replace("tolerance_mm = 0.10", "upper_mm = 1.6");
        let found = of(&plan(&one), &values(Quantity::Protrusion, "p", "c", strokes(1, 500, 1.5, 0.02)));
        assert_eq!((found.criteria[0].lower, found.criteria[0].limit_lower), (None, None));
        assert_eq!(found.verdict, Verdict::Accept);
    }

    #[test]
    fn a_criterion_without_values_is_not_accepted() {
        let found = of(
            &plan(&PROTRUSION.replace("coverage", "set_depth_mm = 2.0\ncoverage")),
            &values(Quantity::Protrusion, "p", "c", strokes(1, 50, 1.5, 0.02)),
        );
        assert_eq!(found.verdict, Verdict::Inconclusive);
        assert!(found.criteria[0].reason.contains("2 mm"), "{}", found.criteria[0].reason);
        let constant = of(&plan(PROTRUSION), &values(Quantity::Protrusion, "p", "c", vec![1.5; 40]));
        assert_eq!(constant.verdict, Verdict::Inconclusive);
        assert!(constant.criteria[0].reason.contains("all 40 values are 1.5"), "{}", constant.criteria[0].reason);
    }

    #[test]
    fn a_planned_set_depth_without_values_is_not_passed_over() {
        let (plan, values) = (plan(PROTRUSION), values(Quantity::Protrusion, "p", "c", strokes(1, 500, 1.5, 0.02)));
        assert_eq!(decide(&plan, planned(&[1.5]), &DataSets::of(&values)).verdict, Verdict::Accept);
        let found = decide(&plan, planned(&[0.25, 1.5]), &DataSets::of(&values));
        assert_eq!((found.verdict, found.criteria.len()), (Verdict::Inconclusive, 2));
        assert_eq!(found.criteria[0].set_depth_mm, Some(0.25));
        assert!(found.criteria[0].reason.contains("0.25 mm"), "{}", found.criteria[0].reason);
    }

    /// Missing data are missing for a cause: 14 good cartridges of 15 do not speak for the one that gave no value.
    #[test]
    fn what_was_refused_is_not_passed_over() {
        let refused = |set_depth_mm, rate| Refused {
            capture: "c14-run".to_owned(),
            source: DataSource::Strokes,
            set_depth_mm,
            set_rate_hz: rate,
        };
        let strict = plan(PROTRUSION);
        let mut rows = Vec::new();
        for cartridge in 0..14 {
            rows.extend(values(Quantity::Protrusion, "p", &cartridge.to_string(), strokes(cartridge, 40, 1.5, 0.02)));
        }
        let of = |plan: &Plan, refused: &[Refused]| {
            decide(plan, Conduct { planned_mm: &[1.5], refused }, &DataSets::of(&rows))
        };
        assert_eq!(of(&strict, &[]).verdict, Verdict::Accept);
        let found = of(&strict, &[refused(1.5, None)]);
        assert_eq!(found.verdict, Verdict::Inconclusive);
        assert!(found.criteria[0].reason.starts_with("1 of 15 captures could not be measured (c14-run)"));
        let tolerant = Plan { refused_share: 0.1, ..plan(PROTRUSION) };
        let found = of(&tolerant, &[refused(1.5, None)]);
        assert_eq!(found.verdict, Verdict::Accept);
        assert!(found.criteria[0].notes.iter().any(|note| note.contains("c14-run")), "{found:?}");
        // Another set depth or rate is another data set.
        assert_eq!(of(&strict, &[refused(1.0, None), refused(1.5, Some(110.0))]).verdict, Verdict::Accept);
    }

    #[test]
    fn strokes_without_a_length_are_counted() {
        let mut rows = values(Quantity::Protrusion, "p", "c", strokes(1, 95, 1.5, 0.02));
        rows.extend(values(Quantity::Missed, "p", "c", (0..102).map(|stroke| f64::from(u8::from(stroke < 2)))));
        let found = of(&plan(PROTRUSION), &rows);
        let note = "5 of 100 strokes that touched have no protrusion";
        assert!(found.criteria[0].notes.iter().any(|one| one.starts_with(note)), "{found:?}");
        let whole = of(&plan(PROTRUSION), &rows[..95]);
        assert!(whole.criteria[0].notes.iter().all(|one| !one.contains("that touched")), "{whole:?}");
    }

    #[test]
    fn the_order_of_the_rows_changes_nothing() {
        let mut rows = Vec::new();
        for cartridge in ["a", "b", "c", "d"] {
            rows.extend(values(Quantity::Protrusion, "p", cartridge, strokes(cartridge.len() as u64, 40, 1.5, 0.02)));
        }
        let mut shuffled = rows.clone();
        let mut stream = Stream::named(1, "shuffle");
        for index in (1..shuffled.len()).rev() {
            shuffled.swap(index, (stream.uniform() * (index + 1) as f64) as usize);
        }
        let (a, b) = (of(&plan(PROTRUSION), &rows), of(&plan(PROTRUSION), &shuffled));
        let close = |a: Option<f64>, b: Option<f64>| (a.unwrap() - b.unwrap()).abs() < 1e-12;
        assert!(close(a.criteria[0].lower, b.criteria[0].lower) && close(a.criteria[0].upper, b.criteria[0].upper));
    }

    #[test]
    fn a_rate_needs_its_set_rate_for_a_percentage() {
        let plan = plan(
            "[[criterion]]\nid = \"r\"\nquantity = \"puncture_rate\"\nstatistic = \"mean\"\ntolerance_percent = 5.0\nconfidence = 0.95\nrationale = \"r\"\n",
        );
        let run = |rate_hz: f64, set_rate_hz| {
            let rates = strokes(3, 20, rate_hz, 0.1);
            values(Quantity::PunctureRate, "p", "c", rates)
                .into_iter()
                .map(|value| Value { set_rate_hz, ..value })
                .collect::<Vec<_>>()
        };
        let unknown = of(&plan, &run(110.5, None));
        assert_eq!(unknown.verdict, Verdict::Inconclusive, "{unknown:?}");
        let found = of(&plan, &run(110.5, Some(110.0)));
        let row = &found.criteria[0];
        assert_eq!((found.verdict, row.n), (Verdict::Accept, 20), "{row:?}");
        assert!(row.lower.unwrap() < row.estimate.unwrap() && row.estimate.unwrap() < row.upper.unwrap());
        assert_eq!(of(&plan, &run(120.0, Some(110.0))).verdict, Verdict::Reject);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_data_get_a_verdict_and_more_uncertainty_never_helps(
            numbers in vec((0..3_usize, 0..3_usize, prop_oneof![Just(1.5), 1.4..1.6_f64, -20.0..20.0_f64]), 0..80),
            u in 0.0..0.2_f64,
        ) {
            let all = "[[criterion]]\nid = \"s\"\nquantity = \"stroke_sd\"\nstatistic = \"sd\"\nupper_mm = 0.1\nconfidence = 0.95\nrationale = \"r\"\n\
                 [[criterion]]\nid = \"d\"\nquantity = \"drift\"\nstatistic = \"mean\"\ntolerance_mm = 0.1\nconfidence = 0.95\nrationale = \"r\"\n\
                 [[criterion]]\nid = \"m\"\nquantity = \"protrusion\"\nstatistic = \"mean\"\ntolerance_mm = 0.1\nconfidence = 0.95\nrationale = \"r\"\n";
            let plan = plan(&format!("{PROTRUSION}{all}"));
            let mut rows = Vec::new();
            for (order, (pen, cartridge, number)) in numbers.into_iter().enumerate() {
                let mut one = values(Quantity::Protrusion, ["p", "q", "r"][pen], ["a", "b", "c"][cartridge], [number]);
                one[0].order = order as u64;
                one[0].u = 0.0;
                rows.extend(one);
            }
            let sure = of(&plan, &rows);
            rows.iter_mut().for_each(|row| row.u = u);
            let unsure = of(&plan, &rows);
            for (sure, unsure) in sure.criteria.iter().zip(&unsure.criteria) {
                prop_assert!(sure.verdict == Verdict::Accept || unsure.verdict != Verdict::Accept);
                prop_assert!(!unsure.reason.is_empty());
            }
        }
    }
}
