//! Calculators before the test: plans, operating characteristics, sample sizes. They read no file.

use crate::cli::stats::answer::{Answer, Field, Fields};
use crate::cli::stats::calculate::claim_of;
use crate::cli::stats::command::{Claim, Oc, Plan};
use crate::cli::stats::{About, StatsFailure};
use crate::stats::sampling;
use crate::stats::tolerance::{Sides, order_sample_size};

/// Smallest plans.
///
/// # Errors
///
/// See [`StatsFailure`].
pub fn plan(options: &Plan) -> Result<Answer, StatsFailure> {
    let risks = sampling::Risks::new(options.p1, options.alpha, options.p2, options.beta).about("options")?;
    let variables = sampling::variables_plan(&risks).about("options")?;
    let attributes = sampling::attributes_plan(&risks).about("options")?;
    let by_variables: Fields = vec![
        ("n", variables.n.into()),
        ("k", variables.k().into()),
        ("k_min", variables.k_min.into()),
        ("k_max", variables.k_max.into()),
    ];
    let by_attributes: Fields = vec![("n", attributes.n.into()), ("c", attributes.c.into())];
    let remarks = vec![
        "Variables: accept where (limit - mean) / s is at least k, for independent normal values.".to_owned(),
        "Attributes: accept where at most c of n are nonconforming.".to_owned(),
    ];
    let fields = vec![("variables", by_variables.into()), ("attributes", by_attributes.into())];
    Ok(Answer { title: "Smallest sampling plans that keep both risks".to_owned(), fields, remarks })
}

/// Operating characteristic of a plan.
///
/// # Errors
///
/// See [`StatsFailure`].
pub fn oc(options: &Oc) -> Result<Answer, StatsFailure> {
    const FIRST: f64 = 1e-4;
    const LAST: f64 = 0.5;
    let n = options.n;
    let accept = |p: f64| match (options.k, options.c) {
        (_, Some(c)) => sampling::accept_by_attributes(n, c, p),
        (k, None) => sampling::accept_by_variables(n, k.unwrap_or(f64::NAN), p),
    };
    let step = (LAST / FIRST).ln() / f64::from(options.points - 1);
    let mut points = Vec::new();
    for index in 0..options.points {
        let p = if index + 1 == options.points { LAST } else { FIRST * (step * f64::from(index)).exp() };
        let accept = accept(p).about("options")?;
        points.push(Field::Group(vec![("p", p.into()), ("accept", accept.into())]));
    }
    let title = "Operating characteristic: probability of acceptance by share nonconforming".to_owned();
    Ok(Answer { title, fields: vec![("points", Field::List(points))], remarks: Vec::new() })
}

/// Sample sizes of distribution-free limits.
///
/// # Errors
///
/// See [`StatsFailure`].
pub fn samples(options: &Claim) -> Result<Answer, StatsFailure> {
    let claim = claim_of(options)?;
    let size = |sides| order_sample_size(claim, sides).about("options");
    let sizes: Fields = vec![("one_sided", size(Sides::One)?.into()), ("two_sided", size(Sides::Two)?.into())];
    let remarks = vec!["Values are independent units: cartridges, not strokes.".to_owned()];
    let title = "Smallest samples whose extreme values are tolerance limits for any distribution".to_owned();
    Ok(Answer { title, fields: vec![("nonparametric", sizes.into())], remarks })
}
