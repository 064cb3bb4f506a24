//! Properties that any correct statistics have, whatever the data: inverses, order, shift and scale, mirror images.
//! Properties of a single method stand beside it; these go across modules.

use clap::Parser;
use proptest::prelude::*;
use rig::cli::stats::command::StatsCommand;
use rig::stats::distribution::{Beta, ChiSquared, Distribution, FisherF, Normal, StudentT};
use rig::stats::nested::{self, Serial, Series};
use rig::stats::noncentral_t::NoncentralT;
use rig::stats::tolerance::{Claim, Sides, factor, normal_limits, order_limits};
use rig::stats::{anova, capability, describe, equivalence, regression, sampling};

/// The quantile of `p` has `p` below it, seen from the smaller tail.
fn inverts(law: &impl Distribution, p: f64) -> Result<(), TestCaseError> {
    let point = law.quantile(p).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let tails = law.tails(point);
    let (got, want) = if p <= 0.5 { (tails.lower, p) } else { (tails.upper, 1.0 - p) };
    prop_assert!((got / want - 1.0).abs() < 1e-9, "{got:e} for {want:e}");
    prop_assert!((tails.lower + tails.upper - 1.0).abs() < 1e-13);
    Ok(())
}

fn sample() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1.0..1.0_f64, 5..40)
}

fn moved(values: &[f64], shift: f64, scale: f64) -> Vec<f64> {
    values.iter().map(|value| shift + scale * value).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn quantiles_undo_distribution_functions(p in 1e-6..(1.0 - 1e-6), a in 0.5..400.0_f64, b in 0.5..400.0_f64) {
        inverts(&Normal, p)?;
        inverts(&StudentT::new(a).unwrap(), p)?;
        inverts(&ChiSquared::new(a).unwrap(), p)?;
        inverts(&FisherF::new(a, b).unwrap(), p)?;
        inverts(&Beta::new(a, b).unwrap(), p)?;
    }

    #[test]
    fn distributions_agree_with_each_other(x in 0.01..8.0_f64, df in 1.0..200.0_f64) {
        let t = StudentT::new(df).unwrap();
        // t squared is F with one degree of freedom above; a normal squared is chi-squared with one.
        let f = FisherF::new(1.0, df).unwrap().sf(x * x);
        prop_assert!((2.0 * t.sf(x) / f - 1.0).abs() < 1e-10);
        let chi2 = ChiSquared::new(1.0).unwrap().sf(x * x);
        prop_assert!((2.0 * Normal.sf(x) / chi2 - 1.0).abs() < 1e-10);
        let few = 0.1 * df;
        for df in [df, few] {
            let (t, noncentral) = (StudentT::new(df).unwrap(), NoncentralT::new(df, 0.0).unwrap());
            prop_assert!((noncentral.tails(x).upper / t.sf(x) - 1.0).abs() < 1e-12, "{df}");
            prop_assert!((noncentral.tails(-x).upper / t.sf(-x) - 1.0).abs() < 1e-12, "{df}");
        }
    }

    #[test]
    fn factors_grow_with_the_claim_and_shrink_with_the_sample(
        n in 3..200_u32, coverage in 0.6..0.99_f64, confidence in 0.55..0.98_f64,
    ) {
        let k = |n: f64, coverage: f64, confidence: f64, sides| {
            factor(n, n - 1.0, Claim::new(coverage, confidence).unwrap(), sides).unwrap()
        };
        let n = f64::from(n);
        for sides in [Sides::One, Sides::Two] {
            let base = k(n, coverage, confidence, sides);
            prop_assert!(k(n + 1.0, coverage, confidence, sides) < base);
            prop_assert!(k(n, coverage + 0.005, confidence, sides) > base);
            prop_assert!(k(n, coverage, confidence + 0.005, sides) > base);
        }
        prop_assert!(k(n, coverage, confidence, Sides::One) < k(n, coverage, confidence, Sides::Two));
    }

    #[test]
    fn limits_move_and_stretch_with_the_data(values in sample(), shift in -9.0..9.0_f64, scale in 0.1..9.0_f64) {
        let claim = Claim::new(0.9, 0.9).unwrap();
        let (a, b) = (values, shift);
        let other = moved(&a, b, scale);
        let near = |got: f64, from: f64| (got - (b + scale * from)).abs() < 1e-9 * (1.0 + b.abs() + scale * from.abs());
        let (x, y) = (normal_limits(&a, claim, Sides::Two).unwrap(), normal_limits(&other, claim, Sides::Two).unwrap());
        prop_assert!(near(y.lower, x.lower) && near(y.upper, x.upper));
        if let (Ok(x), Ok(y)) = (order_limits(&a, claim, Sides::One), order_limits(&other, claim, Sides::One)) {
            prop_assert!(near(y.lower, x.lower) && near(y.upper, x.upper) && x.confidence >= 0.9 - 1e-12);
        }
        let groups = |values: &[f64]| -> Vec<Vec<Series>> {
            values.chunks(2).map(|strokes| vec![Series::of(strokes).unwrap()]).collect()
        };
        let limits = |values: &[f64]| nested::limits(&groups(values), claim, Sides::Two, Serial::Independent).unwrap();
        let (x, y) = (limits(&a), limits(&other));
        prop_assert!(near(y.lower, x.lower) && near(y.upper, x.upper));
    }

    #[test]
    fn accepting_by_a_factor_is_a_capability_bound(values in sample(), margin in 1.2..4.0_f64) {
        // mean + k sd <= U says the same as: the exact bound of Ppu reaches the index of that coverage.
        let claim = Claim::new(0.95, 0.9).unwrap();
        let limits = normal_limits(&values, claim, Sides::One).unwrap();
        let bound = capability::capability(&values, -50.0, margin, 0.9).unwrap().ppu_lower;
        let required = Normal.quantile(0.95).unwrap() / 3.0;
        prop_assume!((bound / required - 1.0).abs() > 1e-9);
        prop_assert_eq!(limits.upper <= margin, bound >= required);
    }

    #[test]
    fn plans_by_variables_are_one_sided_tolerance_limits(
        n in 3..120_u64, p in 0.005..0.3_f64, confidence in 0.6..0.97_f64,
    ) {
        let claim = Claim::new(1.0 - p, confidence).unwrap();
        let k = factor(n as f64, n as f64 - 1.0, claim, Sides::One).unwrap();
        prop_assert!((sampling::accept_by_variables(n, k, p).unwrap() - (1.0 - confidence)).abs() < 1e-11);
        // One limit far away: the interval with both ends accepts as the plan with one.
        let z = Normal.upper_quantile(p).unwrap();
        let process = sampling::Process { mean: 0.0, sd: 1.0, lower: -1e3, upper: z };
        prop_assert!((sampling::accept_by_interval(n, k, &process).unwrap() - (1.0 - confidence)).abs() < 1e-9);
    }

    #[test]
    fn a_line_through_two_levels_is_an_analysis_of_variance(a in sample(), b in sample()) {
        let x: Vec<f64> = a.iter().map(|_| 0.0).chain(b.iter().map(|_| 1.0)).collect();
        let y = [a.clone(), b.clone()].concat();
        let line = regression::line(&x, &y).unwrap();
        let table = anova::one_way(&[a, b]).unwrap();
        let t = line.slope / line.u_slope;
        prop_assert!((t * t - table.f).abs() < 1e-8 * (1.0 + table.f));
    }

    #[test]
    fn equivalence_narrows_with_the_margin(a in sample(), b in sample(), margin in 0.05..1.0_f64) {
        let p = |margin| equivalence::welch(&a, &b, margin, 0.05).unwrap().p;
        prop_assert!(p(margin * 1.5) <= p(margin));
        let apart = describe::Moments::of(&a).unwrap().mean - describe::Moments::of(&b).unwrap().mean;
        prop_assert!(apart.abs() < margin || p(margin) >= 0.5);
    }
}

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: StatsCommand,
}

/// Every calculator that reads a file, on its columns `x`, `y`, `g` and `h`.
const CALCULATORS: [&str; 14] = [
    "tolerance --csv F --column x --coverage 0.95 --confidence 0.95 --sides 2",
    "tolerance --csv F --column x --coverage 0.95 --confidence 0.95 --sides 1 --method nonparametric",
    "tolerance --csv F --column x --coverage 0.95 --confidence 0.95 --sides 2 --method auto",
    "nested --csv F --column x --group g --coverage 0.95 --confidence 0.95 --sides 2 --serial",
    "nested --csv F --column x --group g --group h --coverage 0.95 --confidence 0.95 --sides 1",
    "normality --csv F --column x",
    "capability --csv F --column x --lower -1 --upper 2 --confidence 0.95",
    "grr --csv F --part g --operator h --column x --tolerance 1",
    "grr --csv F --part g --operator h --column x --nested",
    "equivalence --csv F --column x --csv2 F --column2 y --margin 0.1 --alpha 0.05",
    "linearity --csv F --x x --y y",
    "trend --csv F --column x",
    "outliers --csv F --column x --max 2 --alpha 0.05",
    "anova --csv F --column x --group g",
];

/// A field of a table that people make: mostly numbers, sometimes not.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => (-3.0..3.0_f64).prop_map(|number| format!("{number:.2}")),
        4 => Just("1.5".to_owned()),
        1 => prop::sample::select(vec!["NaN", "inf", "", "abc", "1e308", "-1e308", "1,2", "\"", " 2 "]).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Any table gets an answer of finite numbers, or exit code 2 or 4 with a reason.
    #[test]
    fn calculators_answer_or_say_why_not(
        rows in prop::collection::vec((field(), field(), 0..3_u8, 0..3_u8), 0..25),
        clean in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let mut text = "x,y,g,h\n".to_owned();
        for (x, y, g, h) in rows {
            let usable = |text: &String| text.trim().parse::<f64>().is_ok_and(f64::is_finite);
            if !clean || (usable(&x) && usable(&y)) {
                text += &format!("{x},{y},{g},{h}\n");
            }
        }
        std::fs::write(&path, &text).unwrap();
        for calculator in CALCULATORS {
            let line = calculator.replace(" F", &format!(" {}", path.display()));
            let words = std::iter::once("stats").chain(line.split_whitespace());
            let parsed = Line::try_parse_from(words).map_err(|error| TestCaseError::fail(error.to_string()))?;
            match rig::cli::stats::run(&parsed.command, true) {
                Ok(answer) => {
                    let json: Result<serde_json::Value, _> = serde_json::from_str(&answer);
                    prop_assert!(json.is_ok() && !answer.contains("NaN") && !answer.contains("inf"), "{calculator}: {answer}");
                }
                Err(failure) => {
                    prop_assert!(matches!(failure.exit, 2 | 4) && !failure.message.trim().is_empty(), "{calculator}");
                }
            }
        }
    }
}
