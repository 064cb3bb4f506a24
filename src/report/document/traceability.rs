//! Which clause of 21 CFR 878.4430 (microneedling device for aesthetic use) this report is evidence for, by which
//! figures and tables, and what is left to the manufacturer.

use crate::{
    record::model::RunRecord,
    report::{
        document::{Block, Clauses, Section, Span, blocks, statistics},
        figure::table::Table,
        verdict,
    },
};

/// The section on traceability; `sections` are those before it.
pub fn section(record: &RunRecord, sections: &[Section]) -> Section {
    let mut section = Section::new("traceability", "Traceability to 21 CFR 878.4430");
    section.say(
        "21 CFR 878.4430 places these devices in class II with special controls. Paragraph (b)(2) asks for \
         non-clinical performance data under anticipated conditions of use. The table says which part of this report \
         is evidence for which clause, and what is left to the manufacturer. The regulation gives no numeric \
         tolerance.",
    );
    if record.verdict.simulated {
        section.blocks.push(Block::Prose(vec![
            Span::Strong(verdict::SIMULATED.to_owned()),
            Span::Plain(
                " No part of this report is evidence for a submission; the table shows what a report of a physical \
                 bench would cover."
                    .to_owned(),
            ),
        ]));
    }
    section.blocks.push(Block::Clauses(Clauses {
        id: "table-traceability".to_owned(),
        caption: "Clauses, evidence in this report, and what is left to the manufacturer".to_owned(),
        columns: ["Clause", "What it asks for", "Evidence in this report", "Left to the manufacturer"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows(sections),
    }));
    section
}

fn rows(sections: &[Section]) -> Vec<Vec<Vec<Span>>> {
    let text = |words: &str| vec![Span::Plain(words.to_owned())];
    let row = |clause: &str, asks: &str, evidence: Vec<Span>, left: &str| {
        vec![vec![Span::Strong(clause.to_owned())], text(asks), evidence, text(left)]
    };
    vec![
        row(
            "(b)(2)(i), penetration depth",
            "Accuracy of needle penetration depth",
            evidence(
                sections,
                &[
                    "table-results-",
                    statistics::CRITERIA,
                    "figure-press-",
                    "figure-scan-",
                    "figure-distribution-",
                    "figure-budget-",
                ],
            ),
            "The limits and their rationale; the relation of the phantom to skin at the intended sites; the range of \
             operators, angles and forces of anticipated use.",
        ),
        row(
            "(b)(2)(i), puncture rate",
            "Accuracy of the puncture rate",
            evidence(
                sections,
                &["table-results-", statistics::CRITERIA, "figure-strokes-", "figure-budget-stroke-rate-"],
            ),
            "The labelled rates and their limits; rates over the battery's charge and the life of the motor.",
        ),
        row(
            "(b)(2)(iii)",
            "Maximum safe penetration depth for the indications",
            evidence(sections, &["table-results-", "figure-distribution-", "figure-strokes-"]),
            "What depth is safe for each indication, from clinical or published data. This report shows how deep the \
             foremost needle goes in the phantom at the set depths that were measured, and with what scatter.",
        ),
        row(
            "(b)(2)(ii)",
            "Protection against cross-contamination, fluid ingress included",
            text("None: not measured by this bench."),
            "All of it.",
        ),
        row(
            "(b)(1), (b)(3) to (b)(9)",
            "Device description, sterility, shelf life, electrical safety, software, biocompatibility, reprocessing, \
             labelling",
            text("None: outside the scope of this bench."),
            "All of it; labelled length, maximum penetration depth and puncture rate must agree with the results here.",
        ),
    ]
}

/// References to every figure and table whose id begins with one of `prefixes`.
fn evidence(sections: &[Section], prefixes: &[&str]) -> Vec<Span> {
    let mut spans = Vec::new();
    for prefix in prefixes {
        for block in blocks(sections) {
            let id = match block {
                Block::Figure(figure) | Block::Budget(figure) => &figure.id,
                Block::Table(Table { id, .. }) | Block::Clauses(Clauses { id, .. }) => id,
                Block::Prose(_)
                | Block::Entries(_)
                | Block::Facts(_)
                | Block::Listing { .. }
                | Block::Folded { .. } => continue,
            };
            if id.starts_with(prefix) {
                if !spans.is_empty() {
                    spans.push(Span::Plain(", ".to_owned()));
                }
                spans.push(Span::Reference(id.clone()));
            }
        }
    }
    if spans.is_empty() {
        spans.push(Span::Plain("None: this run holds no such data.".to_owned()));
    }
    spans
}
