//! Statistics against reference values: what `rig stats` answers to the published cases, and what the library gives
//! for the rest of the reference data (sources in each file of `fixtures/stats`).

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read is a failed test")]

use clap::Parser;
use rig::cli::stats::command::StatsCommand;
use rig::stats::tolerance::{Claim, Sides};
use rig::stats::{
    autocorrelation, boxcox, capability, change_point, control, deming, equivalence, grr, guard, multiplicity,
    normality, outliers, regression, sampling, tolerance, trend,
};
use serde_json::Value;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: StatsCommand,
}

fn fixture(name: &str) -> Value {
    let path = format!("{}/fixtures/stats/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).unwrap()
}

/// Follows `a.0.b`.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, key| key.parse::<usize>().map_or(&value[key], |index| &value[index]))
}

fn number(value: &Value, path: &str) -> f64 {
    at(value, path).as_f64().unwrap_or_else(|| panic!("{path} is no number in {value}"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|item| item.as_f64().unwrap()).collect()
}

fn rows<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap()
}

/// Compares with the number at `path` of the expected values.
fn agrees(got: f64, expected: &Value, path: &str, relative: f64) {
    let want = number(expected, path);
    assert!((got - want).abs() <= relative * want.abs().max(1e-12), "{path}: {got:e}, expected {want:e}");
}

/// Runs one case and compares every wanted value.
fn check(case: &Value) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let files = case["files"].as_object().cloned().unwrap_or_default();
    for (name, text) in &files {
        std::fs::write(folder.path().join(name), text.as_str().unwrap()).unwrap();
    }
    let words = case["args"].as_array().unwrap().iter().map(|word| {
        let word = word.as_str().unwrap();
        if files.contains_key(word) { folder.path().join(word).display().to_string() } else { word.to_owned() }
    });
    let line = Line::try_parse_from(std::iter::once("stats".to_owned()).chain(words)).map_err(|e| e.to_string())?;
    let text = rig::cli::stats::run(&line.command, true).map_err(|failure| failure.to_string())?;
    let got: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let relative = case["rtol"].as_f64().unwrap_or(1e-8);
    let floor = case["floor"].as_f64().unwrap_or(1e-12);
    for (path, want) in case["want"].as_object().unwrap() {
        let value = at(&got, path);
        let same = match (value.as_f64(), want.as_f64()) {
            (Some(value), Some(want)) => (value - want).abs() <= relative * want.abs().max(floor),
            _ => value == want,
        };
        if !same {
            return Err(format!("{path} is {value}, expected {want}"));
        }
    }
    Ok(())
}

fn check_all(name: &str, least: usize) {
    let cases = fixture(&format!("cases/{name}"));
    let cases = cases.as_array().unwrap();
    assert!(cases.len() >= least, "{name} has {} cases", cases.len());
    for case in cases {
        check(case).unwrap_or_else(|why| panic!("{}: {why}", case["name"]));
    }
}

#[test]
fn cases_of_samples() {
    for (name, least) in [
        ("autocorrelation", 3),
        ("capability", 3),
        ("equivalence", 1),
        ("grr", 5),
        ("linearity", 3),
        ("nested", 20),
        ("nist", 12),
        ("normality", 16),
        ("outliers", 2),
        ("trend", 3),
    ] {
        check_all(name, least);
    }
}

#[test]
fn cases_of_plans_and_factors() {
    check_all("sampling", 10);
    check_all("tolerance", 60);
}

#[test]
fn a_wrong_value_is_noticed() {
    let mut case = fixture("cases/equivalence")[0].clone();
    case["want"]["p"] = 0.27.into();
    assert!(check(&case).is_err());
}

#[test]
fn acceptance_sampling() {
    let data = fixture("acceptance_sampling");
    for row in rows(&data, "variables_plans") {
        let risks = risks_of(row);
        for (plan, name) in [
            (sampling::variables_plan(&risks).unwrap(), "s_method"),
            (sampling::variables_plan_known_sd(&risks).unwrap(), "sigma_method"),
        ] {
            let expected = &row[name];
            assert_eq!(plan.n, expected["n"].as_u64().unwrap(), "{row}");
            agrees(plan.k_min, expected, "k_min", 1e-9);
            agrees(plan.k_max, expected, "k_max", 1e-9);
        }
    }
    for row in rows(&data, "attribute_plans") {
        let plan = sampling::attributes_plan(&risks_of(row)).unwrap();
        assert_eq!((plan.n, plan.c), (row["n"].as_u64().unwrap(), row["c"].as_u64().unwrap()), "{row}");
        for (p, pa) in [("p1", "pa_p1"), ("p2", "pa_p2")] {
            agrees(sampling::accept_by_attributes(plan.n, plan.c, number(row, p)).unwrap(), row, pa, 1e-9);
        }
    }
    for curve in rows(&data, "oc_points") {
        let (n, k) = (curve["n"].as_u64().unwrap(), number(curve, "k"));
        for point in rows(curve, "points") {
            let p = number(point, "p");
            let unknown = sampling::accept_by_variables(n, k, p).unwrap();
            assert!((unknown - number(point, "pa_s")).abs() < 1e-10, "{n} {k} {point}");
            let known = sampling::accept_by_variables_known_sd(n, k, p).unwrap();
            assert!((known - number(point, "pa_sigma")).abs() < 1e-10, "{n} {k} {point}");
        }
    }
    for row in rows(&data, "nonparametric_min_n") {
        let claim = Claim::new(number(row, "coverage"), number(row, "confidence")).unwrap();
        for (sides, name) in [(Sides::One, "n_one_sided"), (Sides::Two, "n_two_sided")] {
            assert_eq!(tolerance::order_sample_size(claim, sides).unwrap(), row[name].as_u64().unwrap(), "{row}");
        }
    }
    for row in rows(&data, "lieberman_resnikoff") {
        let share = sampling::estimated_share_beyond(row["n"].as_u64().unwrap(), number(row, "Q")).unwrap();
        agrees(share, row, "phat", 1e-9);
    }
    for row in rows(&data, "two_sided_ti_acceptance") {
        let process = sampling::Process {
            mean: number(row, "mu"),
            sd: number(row, "sigma"),
            lower: number(row, "L"),
            upper: number(row, "U"),
        };
        let pa = sampling::accept_by_interval(row["n"].as_u64().unwrap(), number(row, "k"), &process).unwrap();
        assert!((pa - number(row, "pa")).abs() < 1e-10, "{row}: {pa}");
    }
}

fn risks_of(row: &Value) -> sampling::Risks {
    sampling::Risks::new(number(row, "p1"), number(row, "alpha"), number(row, "p2"), number(row, "beta")).unwrap()
}

#[test]
fn serial_correlation() {
    for series in rows(&fixture("autocorrelation"), "series") {
        let (values, expected) = (numbers(&series["data"]), &series["expected"]);
        for (lag, r) in autocorrelation::autocorrelations(&values, 10).unwrap().into_iter().enumerate() {
            agrees(r, expected, &format!("acf.{lag}"), 1e-9);
        }
        let lag1 = autocorrelation::lag1(&values).unwrap();
        agrees(autocorrelation::effective_n_mean(values.len() as f64, lag1), expected, "ess_ar1", 1e-9);
        let geyer = autocorrelation::initial_sequence(&values).unwrap();
        agrees(geyer.tau, expected, "tau_geyer_ips", 1e-9);
        agrees(geyer.effective_n, expected, "ess_geyer_ips", 1e-9);
        let test = autocorrelation::ljung_box(&values, 10).unwrap();
        agrees(test.q, expected, "ljung_box_10.Q", 1e-9);
        agrees(test.p, expected, "ljung_box_10.p", 1e-9);
    }
}

#[test]
fn capability_indices() {
    for case in rows(&fixture("capability"), "cases") {
        let expected = &case["expected"];
        let limit = |name| number(expected, name);
        let found = capability::capability(&numbers(&case["data"]), limit("LSL"), limit("USL"), limit("conf")).unwrap();
        agrees(found.pp, expected, "pp", 1e-9);
        agrees(found.pp_lower, expected, "pp_lower_1sided", 1e-9);
        agrees(found.ppu_lower, expected, "ppu_lower_exact_1sided", 1e-9);
        agrees(found.ppl_lower, expected, "ppl_lower_exact_1sided", 1e-9);
        agrees(found.ppk_lower, expected, "ppk_lower_iut", 1e-9);
        for (interval, name) in
            [(found.pp_interval().unwrap(), "pp_ci"), (found.ppk_interval_bissell().unwrap(), "ppk_ci_bissell")]
        {
            agrees(interval.0, expected, &format!("{name}.0"), 1e-9);
            agrees(interval.1, expected, &format!("{name}.1"), 1e-9);
        }
        let (below, above) = found.expected_outside();
        agrees(below, expected, "expected_fraction_below_LSL", 1e-9);
        agrees(above, expected, "expected_fraction_above_USL", 1e-9);
    }
}

#[test]
fn control_charts() {
    let data = fixture("control_charts");
    let values = numbers(&data["data"]);
    let baseline = control::Baseline::of(&values[..30]).unwrap();
    agrees(baseline.center, &data, "center", 1e-12);
    agrees(baseline.sigma, &data, "sigma", 1e-12);
    for (index, signals) in control::nelson(&values, &baseline).unwrap().iter().enumerate() {
        assert_eq!(serde_json::json!(signals), data["nelson"][(index + 1).to_string()], "rule {}", index + 1);
    }
    let chart = &data["ewma"];
    let points = control::ewma(&values, &baseline, number(chart, "lam"), number(chart, "L")).unwrap();
    for (index, point) in points.iter().enumerate() {
        agrees(point.z, chart, &format!("z.{index}"), 1e-9);
        agrees(point.half_width, chart, &format!("half_width.{index}"), 1e-9);
    }
    assert_eq!(signals(points.iter().map(|point| point.signal)), chart["signals"]);
    let chart = &data["cusum"];
    let points = control::cusum(&values, &baseline, number(chart, "k"), number(chart, "h")).unwrap();
    for (index, point) in points.iter().enumerate() {
        assert!((point.plus - number(chart, &format!("c_plus.{index}"))).abs() < 1e-9);
        assert!((point.minus - number(chart, &format!("c_minus.{index}"))).abs() < 1e-9);
    }
    assert_eq!(signals(points.iter().map(|point| point.signal)), chart["signals"]);
}

fn signals(flags: impl Iterator<Item = bool>) -> Value {
    flags.enumerate().filter(|(_, flag)| *flag).map(|(index, _)| index).collect()
}

fn nested_numbers(value: &Value) -> Vec<Vec<Vec<f64>>> {
    value.as_array().unwrap().iter().map(|row| row.as_array().unwrap().iter().map(numbers).collect()).collect()
}

#[test]
fn gauge_studies() {
    let data = fixture("gauge_rr");
    for case in rows(&data, "crossed") {
        let cells = nested_numbers(&case["data"]);
        for (level, name) in [(1.0, "full_model"), (0.0, "pooled_model")] {
            gauge_study_agrees(&grr::crossed(&cells, level).unwrap(), &case["expected"][name]);
        }
        let recommended = grr::crossed(&cells, grr::POOLING_ALPHA_AIAG).unwrap();
        assert_eq!(recommended.pooled, case["expected"]["recommended"] == "pooled_model");
    }
    for case in rows(&data, "nested") {
        let study = grr::nested(&nested_numbers(&case["data"])).unwrap();
        gauge_study_agrees(&study, &case["expected"]);
        agrees(study.components.operator, &case["expected"], "variance_components.reproducibility", 1e-9);
    }
}

fn gauge_study_agrees(study: &grr::Study, expected: &Value) {
    assert_eq!(study.anova.len(), rows(expected, "anova").len());
    for (row, want) in study.anova.iter().zip(rows(expected, "anova")) {
        assert_eq!((row.source, row.df as u64), (want["source"].as_str().unwrap(), want["df"].as_u64().unwrap()));
        agrees(row.ss, want, "ss", 1e-10);
        match row.f {
            Some(f) => agrees(f, want, "F", 1e-10),
            None => assert!(want["F"].is_null()),
        }
        if let Some(p) = row.p {
            agrees(p, want, "p", 1e-8);
        }
    }
    let parts = &study.components;
    for (got, name) in
        [(parts.repeatability, "repeatability"), (parts.grr(), "grr"), (parts.part, "part"), (parts.total(), "total")]
    {
        agrees(got, &expected["variance_components"], name, 1e-9);
    }
    for (got, name) in [
        (study.unclipped.interaction, "interaction"),
        (study.unclipped.operator, "operator"),
        (study.unclipped.part, "part"),
    ] {
        if expected["unclipped"][name].is_number() {
            agrees(got, &expected["unclipped"], name, 1e-9);
        }
    }
    agrees(study.percent_study(), expected, "pct_grr", 1e-9);
    assert_eq!(study.distinct_categories(), expected["ndc"].as_u64().unwrap());
    if let Some(width) = expected["tolerance_width"].as_f64() {
        agrees(study.percent_tolerance(width).unwrap(), expected, "pct_tolerance_grr", 1e-9);
    }
    for (interval, name) in [
        (study.grr_interval(0.95).unwrap(), "ci95_variance_grr_mls"),
        (study.repeatability_interval(0.95).unwrap(), "ci95_variance_repeatability"),
    ] {
        if expected[name].is_object() {
            agrees(interval.lower, &expected[name], "lower", 1e-9);
            agrees(interval.upper, &expected[name], "upper", 1e-9);
        }
    }
}

#[test]
fn guard_bands() {
    let data = fixture("guard_band");
    let limits = |row: &Value| guard::Limits { lower: number(row, "L"), upper: number(row, "U") };
    for row in rows(&data, "conformance") {
        let probability = guard::conformance_probability(number(row, "y"), number(row, "u"), limits(row)).unwrap();
        agrees(probability, row, "conformance_probability", 1e-8);
    }
    for row in rows(&data, "guard_for_95") {
        agrees(guard::guard_band(number(row, "u"), 0.95).unwrap(), row, "one_sided_g", 1e-12);
    }
    for row in rows(&data, "global_risk") {
        let production = guard::Production { mean: number(row, "mu0"), sd: number(row, "s0"), u: number(row, "um") };
        let risk = guard::global_risk(&production, limits(row), number(row, "guard")).unwrap();
        agrees(risk.consumer, row, "consumer_risk", 1e-8);
        agrees(risk.producer, row, "producer_risk", 1e-8);
    }
}

#[test]
fn straight_lines() {
    let data = fixture("linearity");
    let (case, expected) = (&data["ols"], &data["ols"]["expected"]);
    let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
    let line = regression::line(&x, &y).unwrap();
    agrees(line.covariance, expected, "cov_ab", 1e-9);
    for (interval, name) in
        [(line.slope_interval(0.95).unwrap(), "ci95_slope"), (line.intercept_interval(0.95).unwrap(), "ci95_intercept")]
    {
        agrees(interval.0, expected, &format!("{name}.0"), 1e-9);
        agrees(interval.1, expected, &format!("{name}.1"), 1e-9);
    }
    let lack = regression::lack_of_fit(&x, &y).unwrap();
    assert_eq!((lack.df1, lack.df2), (6, 40));
    agrees(lack.f, expected, "lack_of_fit.F", 1e-9);
    agrees(lack.p, expected, "lack_of_fit.p", 1e-9);
    let identity = line.identity_test().unwrap();
    agrees(identity.f, expected, "joint_identity_F.F", 1e-9);
    agrees(identity.p, expected, "joint_identity_F.p", 1e-9);
    for case in rows(&data, "deming") {
        let expected = &case["expected"];
        let ratio = number(expected, "lambda_vary_over_varx");
        let line = deming::deming(&numbers(&case["x"]), &numbers(&case["y"]), ratio).unwrap();
        agrees(line.u_slope, expected, "se_slope_jackknife", 1e-9);
        agrees(line.u_intercept, expected, "se_intercept_jackknife", 1e-9);
        let [slope, intercept] = line.intervals(0.95).unwrap();
        agrees(slope.0, expected, "ci95_slope.0", 1e-9);
        agrees(intercept.1, expected, "ci95_intercept.1", 1e-9);
    }
}

#[test]
fn normality_and_transformation() {
    for sample in rows(&fixture("normality"), "samples") {
        let values = numbers(&sample["data"]);
        let test = normality::anderson_darling(&values).unwrap();
        agrees(test.a2, sample, "ad_a2", 1e-9);
        agrees(test.p, sample, "ad_p", 1e-7);
        let test = normality::shapiro_wilk(&values).unwrap();
        assert!((test.w - number(sample, "sw_w")).abs() < 1e-8, "{} {}", sample["id"], test.w);
        agrees(test.p, sample, "sw_p", 1e-4);
        if let Some(lambda) = sample["boxcox_lambda_mle"].as_f64() {
            let found = boxcox::estimate_lambda(&values);
            if lambda.abs() < 5.0 {
                assert!((found.unwrap() - lambda).abs() < 1e-4, "{}", sample["id"]);
            } else {
                assert!(found.is_err(), "{}", sample["id"]);
            }
        }
    }
}

#[test]
fn outlier_tests() {
    for case in rows(&fixture("outliers"), "cases") {
        let values = numbers(&case["data"]);
        let (r, alpha) = (case["r"].as_u64().unwrap() as usize, number(case, "alpha"));
        let found = outliers::gesd(&values, r, alpha).unwrap();
        assert_eq!(found.count as u64, case["gesd"]["n_outliers"].as_u64().unwrap());
        for (candidate, step) in found.candidates.iter().zip(rows(&case["gesd"], "steps")) {
            assert_eq!(candidate.index as u64, step["index"].as_u64().unwrap());
            agrees(candidate.r, step, "R", 1e-9);
            agrees(candidate.lambda, step, "lambda_", 1e-9);
        }
        let single = outliers::grubbs(&values, alpha).unwrap();
        agrees(single.g, &case["grubbs"], "G", 1e-9);
        agrees(single.critical, &case["grubbs"], "G_crit_two_sided", 1e-9);
        agrees(single.p, &case["grubbs"], "p_bonferroni", 1e-9);
    }
}

#[test]
fn equivalence_tests() {
    let data = fixture("tost");
    let one = &data["one_sample"];
    let found = equivalence::one_sample(&numbers(&one["data"]), number(one, "upper"), 0.05).unwrap();
    equivalence_agrees(&found, &one["expected"]);
    let two = &data["two_sample"];
    let found = equivalence::welch(&numbers(&two["x"]), &numbers(&two["y"]), number(two, "upper"), 0.05).unwrap();
    equivalence_agrees(&found, &two["expected"]);
}

fn equivalence_agrees(found: &equivalence::Equivalence, expected: &Value) {
    agrees(found.difference, expected, "mean_diff", 1e-9);
    agrees(found.standard_error, expected, "se", 1e-9);
    agrees(found.df, expected, "df", 1e-9);
    agrees(found.p, expected, "p_tost", 1e-9);
    agrees(found.lower, expected, "ci90.0", 1e-9);
    agrees(found.upper, expected, "ci90.1", 1e-9);
    assert_eq!(found.equivalent, expected["equivalent"].as_bool().unwrap());
}

#[test]
fn trends_and_changes() {
    let data = fixture("trend");
    for series in rows(&data, "series") {
        let (values, expected) = (numbers(&series["data"]), &series["expected"]);
        let kendall = trend::mann_kendall(&values).unwrap();
        assert_eq!(kendall.s, expected["S"].as_i64().unwrap());
        agrees(kendall.variance, expected, "var_S", 1e-12);
        agrees(kendall.tau, expected, "tau_b", 1e-9);
        let line = trend::theil_sen(&values, 0.95).unwrap();
        agrees(line.intercept, expected, "sen_intercept_median", 1e-9);
        agrees(line.lower, expected, "sen_ci95_scipy.0", 1e-9);
        agrees(line.upper, expected, "sen_ci95_scipy.1", 1e-9);
    }
    for case in rows(&data, "change_point") {
        let values = numbers(&case["data"]);
        let ranks = change_point::pettitt(&values).unwrap();
        assert_eq!(ranks.last_before as u64, case["pettitt"]["last_index_before_change"].as_u64().unwrap());
        agrees(ranks.statistic, &case["pettitt"], "K", 1e-12);
        agrees(ranks.p.unwrap(), &case["pettitt"], "p_approx", 1e-9);
        let means = change_point::mean_shift(&values).unwrap();
        assert_eq!(means.last_before as u64, case["mean_shift"]["last_index_before_change"].as_u64().unwrap());
        agrees(means.statistic, &case["mean_shift"], "max_F", 1e-9);
    }
}

#[test]
fn multiple_tests() {
    let data = fixture("multiplicity");
    let p = numbers(&data["p_values"]);
    for (adjustment, name) in [
        (multiplicity::Adjustment::Bonferroni, "bonferroni"),
        (multiplicity::Adjustment::Holm, "holm"),
        (multiplicity::Adjustment::BenjaminiHochberg, "benjamini_hochberg"),
    ] {
        for (index, adjusted) in multiplicity::adjusted(&p, adjustment).unwrap().into_iter().enumerate() {
            agrees(adjusted, &data[name], &index.to_string(), 1e-9);
        }
    }
}
