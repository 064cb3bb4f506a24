//! Calculators of samples: columns in, statistics asked, answer out.
//!
//! Deliberately absent: formulas. What a refusal is about (file and column, or option) is added here.

use crate::cli::stats::answer::{Answer, Field, Fields};
use crate::cli::stats::columns::{Columns, grouped};
use crate::cli::stats::command::{
    Anova, Capability, Equivalence, Linearity, Method, Nested, Outliers, Sample, StatsCommand, Tolerance, Trend,
};
use crate::cli::stats::{About, StatsFailure, command, gauge, planning};
use crate::stats::tolerance::{Claim, Sides};
use crate::stats::{
    anova, autocorrelation, capability, deming, describe, equivalence, nested, normality, outliers, regression,
    tolerance, trend,
};

/// Level of the Anderson-Darling test at which `--method auto` leaves the normal route.
const AUTO_ALPHA: f64 = 0.05;

/// The answer to a command.
///
/// # Errors
///
/// See [`StatsFailure`].
pub fn answer(command: &StatsCommand) -> Result<Answer, StatsFailure> {
    match command {
        StatsCommand::Tolerance(options) => tolerance(options),
        StatsCommand::Nested(options) => nested_limits(options),
        StatsCommand::Normality(options) => normality(options),
        StatsCommand::Capability(options) => capability(options),
        StatsCommand::Grr(options) => gauge::study(options),
        StatsCommand::Equivalence(options) => equivalence(options),
        StatsCommand::Plan(options) => planning::plan(options),
        StatsCommand::Oc(options) => planning::oc(options),
        StatsCommand::Samples(options) => planning::samples(options),
        StatsCommand::Linearity(options) => linearity(options),
        StatsCommand::Trend(options) => trend(options),
        StatsCommand::Outliers(options) => outliers(options),
        StatsCommand::Describe(options) => describe(options),
        StatsCommand::Anova(options) => anova(options),
    }
}

/// Numbers of a column, and what to call them in a message.
fn values_of(sample: &Sample) -> Result<(Vec<f64>, String), StatsFailure> {
    let columns = Columns::read(&sample.csv, &[&sample.column])?;
    Ok((columns.numbers(0)?, columns.subject(0)))
}

/// The claim of tolerance limits.
///
/// # Errors
///
/// A share outside (0, 1).
pub fn claim_of(claim: &command::Claim) -> Result<Claim, StatsFailure> {
    Claim::new(claim.coverage, claim.confidence).about("options")
}

fn sides_of(sides: u8) -> Sides {
    if sides == 1 { Sides::One } else { Sides::Two }
}

/// Says what limits promise.
fn promise(claim: Claim, sides: u8) -> String {
    let (share, confidence) = (100.0 * claim.coverage(), 100.0 * claim.confidence());
    match sides {
        1 => format!("Each limit alone bounds {share} % of the population with {confidence} % confidence."),
        _ => format!("The limits cover {share} % of the population with {confidence} % confidence."),
    }
}

fn tolerance(options: &Tolerance) -> Result<Answer, StatsFailure> {
    let (claim, sides) = (claim_of(&options.claim)?, sides_of(options.sides));
    let (Some(csv), Some(column)) = (&options.csv, &options.column) else {
        let n = options.n.unwrap_or_default();
        if n < 2 {
            return Err(StatsFailure {
                exit: 4,
                message: format!("option --n is {n}; a tolerance factor needs at least 2 values"),
            });
        }
        let k = tolerance::factor(n as f64, n as f64 - 1.0, claim, sides).about("options")?;
        let title = format!("Exact tolerance factor for {n} independent normal values");
        return Ok(Answer { title, fields: vec![("k", k.into())], remarks: vec![promise(claim, options.sides)] });
    };
    let (values, subject) = values_of(&Sample { csv: csv.clone(), column: column.clone() })?;
    let mut remarks = vec![promise(claim, options.sides)];
    let normal = match options.method {
        Method::Normal => true,
        Method::Nonparametric => false,
        Method::Auto => {
            let p = normality::anderson_darling(&values).about(&subject)?.p;
            remarks.push(format!(
                "Method chosen by a look at the data (Anderson-Darling p = {p:.2e}), so the confidence is not \
                 exact; declare it before."
            ));
            p >= AUTO_ALPHA
        }
    };
    let moments = describe::scattered("a tolerance interval", 2, &values).about(&subject)?;
    let (k, lower, upper, method, confidence) = if normal {
        let limits = tolerance::normal_limits(&values, claim, sides).about(&subject)?;
        (Some(limits.k), limits.lower, limits.upper, "normal", claim.confidence())
    } else {
        let limits = tolerance::order_limits(&values, claim, sides).about(&subject)?;
        remarks.push(format!("Limits are the values of rank {} and {}.", limits.rank_lower, limits.rank_upper));
        (None, limits.lower, limits.upper, "nonparametric", limits.confidence)
    };
    let fields = vec![
        ("n", values.len().into()),
        ("mean", moments.mean.into()),
        ("sd", moments.sd().into()),
        ("k", k.into()),
        ("lower", lower.into()),
        ("upper", upper.into()),
        ("method", method.into()),
        ("confidence_achieved", confidence.into()),
    ];
    Ok(Answer { title: format!("Tolerance limits of {subject}"), fields, remarks })
}

fn nested_limits(options: &Nested) -> Result<Answer, StatsFailure> {
    let claim = claim_of(&options.claim)?;
    if options.group.len() > 2 {
        let given = options.group.len();
        return Err(StatsFailure::unusable(format!("--group is given {given} times; at most two levels are possible")));
    }
    let mut names = vec![options.sample.column.as_str()];
    names.extend(options.group.iter().map(String::as_str));
    let columns = Columns::read(&options.sample.csv, &names)?;
    let (values, subject) = (columns.numbers(0)?, columns.subject(0));
    let inner = columns.labels(names.len() - 1)?;
    let mut groups = Vec::new();
    for (_, members) in grouped(columns.labels(1)?, inner.iter().zip(values)) {
        let (labels, values): (Vec<&String>, Vec<f64>) = members.into_iter().unzip();
        let mut series = Vec::new();
        for (_, values) in grouped(&labels, values) {
            series.push(nested::Series::of(&values).about(&subject)?);
        }
        groups.push(series);
    }
    let serial = if options.serial { nested::Serial::Correlated } else { nested::Serial::Independent };
    let limits = nested::limits(&groups, claim, sides_of(options.sides), serial).about(&subject)?;
    let level = |level: &nested::Level| {
        Field::Group(vec![
            ("mean_square", level.mean_square.into()),
            ("df", level.df.into()),
            ("component", level.component.into()),
        ])
    };
    let method = if limits.levels.len() == 1 { "exact" } else { "mls" };
    let fields = vec![
        ("groups", limits.groups.into()),
        ("subgroups", groups.iter().map(Vec::len).sum::<usize>().into()),
        ("n", limits.n.into()),
        ("mean", limits.mean.into()),
        ("var_between", limits.variance_between().into()),
        ("var_within", limits.variance_within().into()),
        ("autocorrelation_lag1", limits.lag1.into()),
        ("lower", limits.lower.into()),
        ("upper", limits.upper.into()),
        ("method", method.into()),
        ("levels", Field::List(limits.levels.iter().map(level).collect())),
    ];
    let remarks = vec![
        promise(claim, options.sides),
        "The population is that of new outermost groups; components are shown unclipped in levels.".to_owned(),
    ];
    Ok(Answer { title: format!("Tolerance limits of grouped {subject}"), fields, remarks })
}

fn normality(options: &Sample) -> Result<Answer, StatsFailure> {
    let (values, subject) = values_of(options)?;
    describe::scattered("a test of normality", normality::SHAPIRO_WILK_MIN, &values).about(&subject)?;
    let n = values.len();
    let mut remarks = Vec::new();
    // Each test has its own range of sizes; outside it the other still answers, and the reader is told.
    let anderson: Option<Fields> = if n < normality::ANDERSON_DARLING_MIN {
        remarks.push(format!("Anderson-Darling needs at least {} values.", normality::ANDERSON_DARLING_MIN));
        None
    } else {
        let test = normality::anderson_darling(&values).about(&subject)?;
        Some(vec![("a2", test.a2.into()), ("p", test.p.into())])
    };
    let shapiro: Option<Fields> = if n > normality::SHAPIRO_WILK_MAX {
        remarks.push(format!("Shapiro-Wilk is defined for at most {} values.", normality::SHAPIRO_WILK_MAX));
        None
    } else {
        let test = normality::shapiro_wilk(&values).about(&subject)?;
        Some(vec![("w", test.w.into()), ("p", test.p.into())])
    };
    remarks.push(
        "A small p speaks against normality; at thousands of values it measures the resolution of the display."
            .to_owned(),
    );
    let fields = vec![("n", n.into()), ("anderson_darling", anderson.into()), ("shapiro_wilk", shapiro.into())];
    Ok(Answer { title: format!("Normality of {subject}"), fields, remarks })
}

fn capability(options: &Capability) -> Result<Answer, StatsFailure> {
    let (values, subject) = values_of(&options.sample)?;
    let found = capability::capability(&values, options.lower, options.upper, options.confidence).about(&subject)?;
    let (below, above) = found.expected_outside();
    let fields = vec![
        ("n", found.n.into()),
        ("mean", found.mean.into()),
        ("sd", found.sd.into()),
        ("pp", found.pp.into()),
        ("ppk", found.ppk.into()),
        ("pp_lower", found.pp_lower.into()),
        ("ppk_lower", found.ppk_lower.into()),
        ("expected_below", below.into()),
        ("expected_above", above.into()),
    ];
    let remarks =
        vec!["For independent normal values; no verdict rests on an index (use tolerance limits).".to_owned()];
    Ok(Answer {
        title: format!("Capability of {subject} against {} to {}", options.lower, options.upper),
        fields,
        remarks,
    })
}

fn equivalence(options: &Equivalence) -> Result<Answer, StatsFailure> {
    let first = means_of(&options.sample, options.group.as_deref())?;
    let second = Sample { csv: options.csv2.clone(), column: options.column2.clone() };
    let second = means_of(&second, options.group.as_deref())?;
    let found = equivalence::welch(&first, &second, options.margin, options.alpha).about("the two samples")?;
    let fields = vec![
        ("n", first.len().into()),
        ("n2", second.len().into()),
        ("difference", found.difference.into()),
        ("standard_error", found.standard_error.into()),
        ("df", found.df.into()),
        ("lower", found.lower.into()),
        ("upper", found.upper.into()),
        ("p", found.p.into()),
        ("equivalent", found.equivalent.into()),
    ];
    let margin = options.margin;
    let verdict = if found.equivalent { "lies within" } else { "is not shown to lie within" };
    let percent = 100.0 * (1.0 - 2.0 * options.alpha);
    let remarks = vec![format!(
        "The difference of means (first less second) {verdict} ±{margin}; the interval has {percent} % confidence."
    )];
    Ok(Answer { title: "Equivalence of two means (two one-sided Welch tests)".to_owned(), fields, remarks })
}

/// The values, or the means of their groups.
fn means_of(sample: &Sample, group: Option<&str>) -> Result<Vec<f64>, StatsFailure> {
    let Some(group) = group else { return Ok(values_of(sample)?.0) };
    let columns = Columns::read(&sample.csv, &[&sample.column, group])?;
    let values = columns.numbers(0)?;
    let groups = grouped(columns.labels(1)?, values);
    groups.iter().map(|(_, values)| Ok(describe::Moments::of(values).about(&columns.subject(0))?.mean)).collect()
}

fn linearity(options: &Linearity) -> Result<Answer, StatsFailure> {
    let columns = Columns::read(&options.csv, &[&options.x, &options.y])?;
    let (x, y) = (columns.numbers(0)?, columns.numbers(1)?);
    let subject = format!("{} against \"{}\"", columns.subject(1), options.x);
    let line = regression::line(&x, &y).about(&subject)?;
    let mut remarks = Vec::new();
    let mut f_test = |name: &str, test: Result<regression::FTest, crate::stats::StatsError>| -> Option<Fields> {
        test.map_err(|error| remarks.push(format!("No test of {name}: {error}."))).ok().map(|test| {
            vec![("f", test.f.into()), ("df1", test.df1.into()), ("df2", test.df2.into()), ("p", test.p.into())]
        })
    };
    let lack = f_test("lack of fit", regression::lack_of_fit(&x, &y));
    let identity = f_test("intercept 0 and slope 1", line.identity_test());
    let ols: Fields = vec![
        ("slope", line.slope.into()),
        ("intercept", line.intercept.into()),
        ("u_slope", line.u_slope.into()),
        ("u_intercept", line.u_intercept.into()),
        ("residual_sd", line.residual_sd.into()),
        ("r2", line.r2.into()),
        ("lack_of_fit", lack.into()),
        ("identity", identity.into()),
    ];
    // The least-squares line stands on its own; what keeps Deming's from existing is told, not fatal.
    let both: Option<Fields> = match deming::deming(&x, &y, options.ratio) {
        Ok(line) => Some(vec![
            ("slope", line.slope.into()),
            ("intercept", line.intercept.into()),
            ("u_slope", line.u_slope.into()),
            ("u_intercept", line.u_intercept.into()),
        ]),
        Err(error @ crate::stats::StatsError::OutOfRange { .. }) => {
            return Err(StatsFailure::of("option --ratio", &error));
        }
        Err(error) => {
            remarks.push(format!("No Deming line: {error}."));
            None
        }
    };
    let fields = vec![("n", x.len().into()), ("ols", ols.into()), ("deming", both.into())];
    Ok(Answer { title: format!("Straight line through {subject}"), fields, remarks })
}

fn trend(options: &Trend) -> Result<Answer, StatsFailure> {
    let (values, subject) = values_of(&options.sample)?;
    let kendall = trend::mann_kendall(&values).about(&subject)?;
    let test: Fields =
        vec![("s", kendall.s.into()), ("z", kendall.z.into()), ("p", kendall.p.into()), ("tau", kendall.tau.into())];
    let mut remarks = vec![
        "Slope per value. Both assume independent values: average neighbouring strokes in blocks first.".to_owned(),
    ];
    let line: Option<Fields> = if values.len() > trend::THEIL_SEN_MAX {
        remarks.push(format!("Theil-Sen takes at most {} values.", trend::THEIL_SEN_MAX));
        None
    } else {
        let line = trend::theil_sen(&values, options.confidence).about(&subject)?;
        Some(vec![
            ("slope", line.slope.into()),
            ("intercept", line.intercept.into()),
            ("lower", line.lower.into()),
            ("upper", line.upper.into()),
        ])
    };
    let fields = vec![("n", values.len().into()), ("mann_kendall", test.into()), ("theil_sen", line.into())];
    Ok(Answer { title: format!("Trend of {subject}"), fields, remarks })
}

fn outliers(options: &Outliers) -> Result<Answer, StatsFailure> {
    let (values, subject) = values_of(&options.sample)?;
    let found = outliers::gesd(&values, options.max, options.alpha).about(&subject)?;
    let list = |field: fn(&outliers::Candidate) -> Field, count: usize| {
        Field::List(found.candidates.iter().take(count).map(field).collect())
    };
    let gesd: Fields = vec![
        ("count", found.count.into()),
        ("indices", list(|candidate| candidate.index.into(), found.count)),
        ("values", list(|candidate| candidate.value.into(), found.count)),
        ("r", list(|candidate| candidate.r.into(), found.candidates.len())),
        ("lambda", list(|candidate| candidate.lambda.into(), found.candidates.len())),
    ];
    let mut remarks =
        vec!["Indices count from 0. Flagged, not removed: an exclusion needs an assignable cause.".to_owned()];
    if values.len() < 15 {
        remarks.push("Below 15 values the stated risk holds only roughly.".to_owned());
    }
    Ok(Answer {
        title: format!("Outliers of {subject} (generalised ESD)"),
        fields: vec![("gesd", gesd.into())],
        remarks,
    })
}

fn describe(options: &Sample) -> Result<Answer, StatsFailure> {
    let (values, subject) = values_of(options)?;
    let lag1 = autocorrelation::lag1(&values).about(&subject)?;
    let moments = describe::Moments::of(&values).about(&subject)?;
    let ordered = describe::sorted(&values).about(&subject)?;
    let median = describe::median(&mut values.clone()).about(&subject)?;
    let n = values.len() as f64;
    let fields = vec![
        ("n", values.len().into()),
        ("mean", moments.mean.into()),
        ("sd", moments.sd().into()),
        ("min", ordered.first().copied().into()),
        ("median", median.into()),
        ("max", ordered.last().copied().into()),
        ("autocorrelation_lag1", lag1.into()),
        ("effective_n", autocorrelation::effective_n_mean(n, lag1).into()),
        ("effective_n_variance", autocorrelation::effective_n_variance(n, lag1).into()),
    ];
    let remarks = vec![
        "effective_n: independent values whose mean is as certain; effective_n_variance: whose variance is.".to_owned(),
    ];
    Ok(Answer { title: format!("Description of {subject}"), fields, remarks })
}

fn anova(options: &Anova) -> Result<Answer, StatsFailure> {
    let columns = Columns::read(&options.sample.csv, &[&options.sample.column, &options.group])?;
    let (values, subject) = (columns.numbers(0)?, columns.subject(0));
    let groups: Vec<Vec<f64>> = grouped(columns.labels(1)?, values).into_iter().map(|(_, values)| values).collect();
    let table = anova::one_way(&groups).about(&subject)?;
    let fields = vec![
        ("groups", groups.len().into()),
        ("df_between", table.df_between.into()),
        ("df_within", table.df_within.into()),
        ("ss_between", table.ss_between.into()),
        ("ss_within", table.ss_within.into()),
        ("f", table.f.into()),
        ("p", table.p.into()),
    ];
    Ok(Answer { title: format!("One-way analysis of variance of {subject}"), fields, remarks: Vec::new() })
}
