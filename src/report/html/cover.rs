//! The first screen: verdict, scope, what was tested, and the criteria at a glance.

use crate::{
    acceptance::{Row, Verdict},
    record::model::RunRecord,
    report::{
        criterion::CriterionText,
        document::statistics,
        figure::{gauge, svg},
        html::block::pill,
        number, verdict,
    },
};
use maud::{Markup, PreEscaped, html};

/// The head of the page.
pub fn header(record: &RunRecord) -> Markup {
    let run = &record.verdict;
    html! {
        header.cover {
            p.overline { "Validation report \u{b7} micro-needling pen" }
            h1 { "Cartridge " (run.cartridge) " on pen " (run.pen) }
            div class={ "verdict " (verdict::key(run.verdict)) } {
                p.word { (verdict::word(run.verdict)) }
                div {
                    p.meaning { (verdict::meaning(run.verdict)) }
                    @if !run.reason.is_empty() { p { (run.reason) } }
                    p.scope { strong { "Scope. " } (run.scope) }
                }
            }
            dl.facts.identity {
                @for (name, value) in facts(record) { div { dt { (name) } dd { (value) } } }
            }
            (glance(&run.criteria))
        }
    }
}

fn facts(record: &RunRecord) -> Vec<(&'static str, String)> {
    let run = &record.verdict;
    let refused = record.captures.iter().filter(|capture| capture.measurement.outcome.is_err()).count();
    let captures = record.captures.len();
    vec![
        ("Run", run.run.clone()),
        ("Started", run.started.clone()),
        ("Cartridge", run.cartridge.clone()),
        ("Pen", run.pen.clone()),
        ("Plan", run.plan.clone()),
        ("Rig", if run.simulated { format!("{} (SIMULATED)", run.rig) } else { run.rig.clone() }),
        ("Seed", run.seed.map_or_else(|| "none".to_owned(), |seed| seed.to_string())),
        ("Time on the bench", number::duration(run.bench_time_s)),
        ("Bench at the end", run.bench_state.clone()),
        ("Captures", format!("{} measured, {refused} refused", captures - refused)),
        ("Strokes", number::count(record.strokes.len() as u64)),
        ("Criteria", statistics::tally(&run.criteria)),
    ]
}

fn glance(criteria: &[Row]) -> Markup {
    html! {
        section.glance aria-labelledby="glance" {
            h2 #glance { "Criteria at a glance" }
            @if criteria.is_empty() {
                p { "No criterion was judged." }
            } @else {
                div.scroll tabindex="0" role="group" aria-label="Criteria at a glance" {
                    table {
                        thead { tr {
                            @for head in ["Criterion", "Verdict", "Interval and limits"] { th scope="col" { (head) } }
                            @for head in ["Estimate", "Interval judged", "Limits"] { th.number scope="col" { (head) } }
                            th scope="col" { "Unit" }
                        } }
                        tbody { @for row in open_first(criteria) { (line(row)) } }
                    }
                }
                p.note {
                    "Bar: interval judged, tick: estimate, framed field: between the limits, shaded: guard band. \
                     Details in "
                    a href={ "#" (statistics::CRITERIA) } { "Statistics and decision" } "."
                }
            }
        }
    }
}

/// What was not accepted stands first; otherwise the order of the plan.
fn open_first(criteria: &[Row]) -> Vec<&Row> {
    let mut rows: Vec<&Row> = criteria.iter().collect();
    rows.sort_by_key(|row| row.verdict == Verdict::Accept);
    rows
}

fn line(row: &Row) -> Markup {
    let text = CriterionText::new(row);
    html! {
        tr {
            th scope="row" { (text.name) }
            td { (pill(row.verdict)) }
            td { @if let Some(drawing) = gauge::draw(row) { (PreEscaped(svg::small(&drawing, "gauge", &text.sentence()))) } }
            td.number { (text.estimate) }
            td.number { (text.interval) }
            td.number { (text.limits) }
            td { (text.unit) }
        }
    }
}
