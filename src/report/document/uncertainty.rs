//! Uncertainty budgets: one for each measurand and set depth, of the capture whose uncertainty is the median.

use crate::{
    report::{
        chart::budget::{self, Subject},
        document::{Block, Section},
        number,
        selection::SetDepth,
    },
    uncertainty::Measured,
};

/// The section on uncertainty.
pub fn section(depths: &[SetDepth<'_>]) -> Section {
    let mut section = Section::new("uncertainty", "Uncertainty of measurement");
    section.say(
        "Every value has a standard uncertainty u, built from a budget as the GUM (JCGM 100) asks: each source \
         contributes a term in the unit of the value, and independent terms combine as the root of the sum of their \
         squares. The expanded uncertainty U is u times the coverage factor k for a level of confidence of 95 %, from \
         Student's t at the effective degrees of freedom (Welch and Satterthwaite).",
    );
    section.say(
        "Terms marked common are shared by all values of the run (calibration, alignment): averaging does not shrink \
         them, and they alone make the guard band. Terms marked random differ from value to value and already show in \
         the scatter of the results.",
    );
    section.say(gauge_study(depths));
    section.subsections = depths.iter().map(of_depth).filter(|section| !section.blocks.is_empty()).collect();
    if section.subsections.is_empty() {
        section.say("No capture was measured, so there is no budget.");
    }
    section
}

/// What a gauge study of the bench says, or that none was made.
fn gauge_study(depths: &[SetDepth<'_>]) -> String {
    let captures = |depth: &SetDepth<'_>| {
        let presses = depth.presses.iter().map(|(capture, _)| capture.header.gauge.clone());
        presses.chain(depth.dynamics.iter().map(|(capture, _)| capture.header.gauge.clone())).collect::<Vec<_>>()
    };
    match depths.iter().flat_map(captures).flatten().next() {
        Some(gauge) => format!(
            "A gauge study of this bench stands behind the budgets: repeated presses under one mounting scatter by {} \
             mm (SD, {:.0} degrees of freedom), mountings by {} mm (SD, {:.0} degrees of freedom). Of the first, only \
             what the random terms leave unexplained is added; the second is common to a run.",
            number::significant(gauge.repeatability_u_mm, 2),
            gauge.repeatability_dof,
            number::significant(gauge.reproducibility_u_mm, 2),
            gauge.reproducibility_dof,
        ),
        None => "No gauge study stands behind these budgets: how far operators, days and mountings differ is not in \
                 them. Run the plan msa, then rig calibrate repeatability."
            .to_owned(),
    }
}

/// A measurand: part of an id, name, unit, and its value in each capture.
type Measurand<'a> = (&'static str, &'static str, &'static str, Vec<(&'a str, &'a Measured)>);

fn measurands<'a>(depth: &'a SetDepth<'a>) -> Vec<Measurand<'a>> {
    let presses = || depth.presses.iter().map(|(capture, press)| (capture.name.as_str(), *press));
    let dynamics = || depth.dynamics.iter().map(|(capture, dynamic)| (capture.name.as_str(), *dynamic));
    vec![
        (
            "press-protrusion",
            "protrusion at rest (press)",
            "mm",
            presses().map(|(name, p)| (name, &p.protrusion_mm)).collect(),
        ),
        (
            "press-penetration",
            "penetration at rest (press)",
            "mm",
            presses().map(|(name, p)| (name, &p.penetration_mm)).collect(),
        ),
        (
            "running-protrusion",
            "mean protrusion of the running pen",
            "mm",
            dynamics().map(|(name, d)| (name, &d.protrusion_mm)).collect(),
        ),
        (
            "running-penetration",
            "mean penetration of the running pen",
            "mm",
            dynamics().map(|(name, d)| (name, &d.penetration_mm)).collect(),
        ),
        ("stroke-rate", "stroke rate", "Hz", dynamics().map(|(name, d)| (name, &d.stroke_rate_hz)).collect()),
        (
            "puncture-force",
            "puncture force",
            "N",
            presses().filter_map(|(name, p)| Some((name, p.puncture_force_n.as_ref()?))).collect(),
        ),
    ]
}

fn of_depth(depth: &SetDepth<'_>) -> Section {
    let set_depth = number::set_depth(depth.set_depth_mm);
    let mut section =
        Section::new(format!("uncertainty-{}", depth.slug()), format!("Budgets at set depth {set_depth}"));
    for (key, name, unit, mut values) in measurands(depth) {
        values.sort_by(|a, b| a.1.u().total_cmp(&b.1.u()));
        let Some((capture, measured)) = values.len().checked_sub(1).and_then(|last| values.get(last / 2)) else {
            continue;
        };
        let id = format!("figure-budget-{key}-{}", depth.slug());
        let capture = if values.len() > 1 {
            format!("{capture}, the capture of median uncertainty of {}", values.len())
        } else {
            (*capture).to_owned()
        };
        let subject =
            Subject { id: &id, name: &format!("{name}, set depth {set_depth}"), capture: &capture, unit, measured };
        section.blocks.extend(budget::budget(subject).map(|figure| Block::Budget(Box::new(figure))));
    }
    section
}
