//! The first screen: verdict, scope, what was tested, and the criteria at a glance.

use crate::{
    acceptance::Row,
    report::{
        criterion::CriterionText,
        document::{cover::Cover, statistics},
        figure::{gauge, svg},
        html::block::pill,
        verdict,
    },
};
use maud::{Markup, PreEscaped, html};

/// The head of the page.
pub fn header(cover: &Cover) -> Markup {
    html! {
        header.cover {
            p.overline { (cover.overline) }
            h1 { (cover.title) }
            div class={ "verdict " (verdict::key(cover.outcome)) } {
                p.word { (cover.word) }
                div {
                    p.meaning { (cover.meaning) }
                    @if !cover.reason.is_empty() { p { (cover.reason) } }
                    p.scope { strong { "Scope. " } (cover.scope) }
                }
            }
            dl.facts.identity {
                @for (name, value) in &cover.facts { div { dt { (name) } dd { (value) } } }
                @for source in &cover.sources {
                    div.digest {
                        dt { "SHA-256 of the record" @if cover.sources.len() > 1 { " of " (source.run) } }
                        dd { code { (source.digest) } }
                    }
                }
            }
            @if !cover.notices.is_empty() { (notices(cover)) }
            @if let Some(criteria) = &cover.criteria { (glance(criteria)) }
        }
    }
}

fn notices(cover: &Cover) -> Markup {
    html! {
        section.notices aria-labelledby="notices" {
            h2 #notices { "What to look at first" }
            dl { @for notice in &cover.notices { div { dt { (notice.what) } dd { (notice.why) } } } }
        }
    }
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
                        tbody { @for row in criteria { (line(row)) } }
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

fn line(row: &Row) -> Markup {
    let text = CriterionText::new(row);
    html! {
        tr {
            th scope="row" { (text.name) }
            td { (pill(row.verdict)) }
            td {
                @if let Some(drawing) = gauge::draw(row) { (PreEscaped(svg::small(&drawing, "gauge", &text.sentence()))) }
            }
            td.number { (text.estimate) }
            td.number { (text.interval) }
            td.number { (text.limits) }
            td { (text.unit) }
        }
    }
}
