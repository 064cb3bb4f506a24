//! The gauge study: variance components of the bench, what they take of the tolerance, the analysis of variance.

use crate::{
    acceptance::gauge::{GaugeStudy, Limited},
    report::{
        document::{Block, Section},
        figure::table::{Cell, Table},
        number::{self, ABSENT},
    },
};

/// The section on a gauge study.
pub fn section(study: &GaugeStudy) -> Section {
    let mut section = Section::new("gauge-study", "The bench measured by itself");
    let GaugeStudy { sessions, sites, repeats, set_depth_mm, .. } = study;
    section.say(format!(
        "{sessions} mountings of one reference pen, {sites} places each, {repeats} presses at each place on fresh spots side \
         by side, set depth {}. A press destroys its spot, so the study is nested: what differs between places belongs to \
         the reference; what differs between presses at one place (repeatability, the scatter of a live reference pen \
         included) and between mountings \
         (reproducibility) belongs to the bench. Limits are at {} % confidence on each side, by the chi-squared \
         distribution for repeatability and the modified large sample method (Burdick, Borror and Montgomery 2005) for \
         the whole bench.",
        number::set_depth(*set_depth_mm),
        100.0 * crate::acceptance::gauge::CONFIDENCE,
    ));
    section.blocks.push(Block::Table(components(study)));
    if let Some(classes) = study.distinct_categories {
        section.say(format!(
            "Inside the tolerance of \u{b1}{} mm the bench tells {classes} classes apart (ndc).",
            study.tolerance_mm.map_or_else(|| ABSENT.to_owned(), number::shortest),
        ));
    }
    section.blocks.push(Block::Table(anova(study)));
    section.say(
        "rig calibrate repeatability carries this study, pooled with those of other days, into the calibration record; \
         from then on it is in every uncertainty budget.",
    );
    section
}

fn components(study: &GaugeStudy) -> Table {
    let columns = ["Part of the bench", "Estimate", "Lower limit", "Upper limit", "Degrees of freedom", "Unit"];
    let mut table = Table::new("table-gauge", "What the bench adds to a value", &columns);
    let mut row = |name: &str, [estimate, lower, upper]: [String; 3], df: Option<f64>, unit: &str| {
        let df = df.map_or_else(|| ABSENT.to_owned(), |df| number::fixed(df, 1));
        let numbers = [estimate, lower, upper, df].map(Cell::number);
        table.rows.push([Cell::text(name)].into_iter().chain(numbers).chain([Cell::text(unit)]).collect());
    };
    let limited = |one: &Limited| [one.estimate, one.lower, one.upper].map(|value| number::significant(value, 2));
    row("Repeatability, SD", limited(&study.repeatability_sd_mm), Some(study.repeatability_df), "mm");
    let alone = [number::significant(study.reproducibility_sd_mm, 2), ABSENT.to_owned(), ABSENT.to_owned()];
    row("Between mountings, SD", alone, Some(study.reproducibility_df), "mm");
    row("Whole bench, SD", limited(&study.grr_sd_mm), None, "mm");
    if let Some(share) = &study.grr_percent_tolerance {
        row("Six SDs of it, of the tolerance's width", limited(share), None, "%");
    }
    table
}

fn anova(study: &GaugeStudy) -> Table {
    let columns = ["Source", "df", "SS, mm\u{b2}", "MS, mm\u{b2}", "F", "p", "Component, mm\u{b2}"];
    let mut table = Table::new("table-gauge-anova", "Nested analysis of variance of the reference presses", &columns);
    let optional = |value: Option<f64>| value.map_or_else(|| ABSENT.to_owned(), |value| format!("{value:.3e}"));
    for row in &study.anova {
        table.rows.push(vec![
            Cell::text(row.source.clone()),
            Cell::number(row.df.to_string()),
            Cell::number(format!("{:.3e}", row.ss)),
            Cell::number(format!("{:.3e}", row.ms)),
            Cell::number(row.f.map_or_else(|| ABSENT.to_owned(), |f| number::significant(f, 3))),
            Cell::number(row.p.map_or_else(|| ABSENT.to_owned(), |p| number::fixed(p, 3))),
            Cell::number(optional(row.component)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::section;
    use crate::acceptance::gauge::{AnovaRow, GaugeStudy, Limited};

    #[test]
    fn every_part_has_its_row() {
        let limited = Limited { estimate: 0.003, lower: 0.002, upper: 0.004 };
        let line = |source: &str, component| AnovaRow {
            source: source.to_owned(),
            df: 2,
            ss: 1e-5,
            ms: 5e-6,
            f: Some(1.5),
            p: Some(0.2),
            component,
        };
        let study = GaugeStudy {
            set_depth_mm: 1.5,
            sessions: 3,
            sites: 5,
            repeats: 4,
            anova: vec![line("session", Some(-1e-7)), line("total", None)],
            repeatability_sd_mm: limited,
            repeatability_df: 45.0,
            reproducibility_sd_mm: 0.0,
            reproducibility_df: 2.0,
            grr_sd_mm: limited,
            tolerance_mm: Some(0.15),
            grr_percent_tolerance: Some(limited),
            distinct_categories: Some(23),
        };
        let text = format!("{:?}", section(&study));
        for expected in ["0.0030", "45.0", "-1.000e-7", "tells 23 classes", "Whole bench"] {
            assert!(text.contains(expected), "{expected} is not in {text}");
        }
    }
}
