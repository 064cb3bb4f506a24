//! What was measured: for each set depth the results, the press curves, the stand-off scan and the strokes.

use crate::{
    record::model::RunRecord,
    report::{
        chart,
        document::{Block, Section, Span, anomalies::REFUSALS},
        number, result,
        selection::SetDepth,
    },
};

/// The section on measurement.
pub fn section(record: &RunRecord, depths: &[SetDepth<'_>]) -> Section {
    let mut section = Section::new("measurement", "Measurement");
    section.say(
        "The bench presses a skin phantom against the cartridge while one clock samples the force under the phantom \
         and the position of the stage that carries it. Two different lengths are measured, and neither stands for the \
         other.",
    );
    section.blocks.push(Block::Facts(definitions()));
    if depths.is_empty() {
        section.say("Nothing was measured: the run holds no presses and no strokes.");
        return section;
    }
    section.say(
        "Each set depth is measured twice. At rest (press): the needles are held out and the stage rises until the \
         phantom lies flush with the face; force begins where the foremost tip meets the surface. Running (stand-off \
         scan and run): the pen strokes at its rate while the stage glides into reach; the gap at which the force of \
         the strokes begins gives the protrusion, and the peak force of each stroke then that of the stroke.",
    );
    section.say(
        "In the tables of results, n counts the values behind a mean, SD is their standard deviation (of strokes: \
         measurement noise taken out), u the standard uncertainty of the mean: the scatter (at least the random \
         uncertainty of one value) over the root of n, together with what all values share. The true mean lies within \
         U of the value with a level of confidence of about 95 %.",
    );
    if depths.iter().map(|depth| depth.running().len().max(1)).sum::<usize>() > 1 {
        section.blocks.push(Block::Table(result::overview(depths)));
    }
    section.subsections = depths.iter().map(|depth| subsection(record, depth)).collect();
    section
}

fn definitions() -> Vec<(String, String)> {
    let fact = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    vec![
        fact("Set depth", "What the pen was told, in millimetres: a setting, not a result."),
        fact("Protrusion", "How far the foremost needle tip stands out of the cartridge face at full extension."),
        fact(
            "Penetration",
            "Length of the foremost needle inside the phantom, below the local (dimpled) surface. It is smaller than \
             the protrusion, because the phantom gives way before it is punctured.",
        ),
        fact("Missed stroke", "A period in which no needle reached the phantom although it should have."),
    ]
}

fn subsection(record: &RunRecord, depth: &SetDepth<'_>) -> Section {
    let set_depth = number::set_depth(depth.set_depth_mm);
    let mut section = Section::new(format!("set-depth-{}", depth.slug()), format!("Set depth {set_depth}"));
    section.blocks.push(Block::Table(result::results(depth)));
    if !depth.refused.is_empty() {
        let n = depth.refused.len();
        let captures = if n == 1 { "capture" } else { "captures" };
        section.blocks.push(Block::Prose(vec![
            Span::Plain(format!("{n} {captures} could not be measured; the reasons are in ")),
            Span::Reference(REFUSALS.to_owned()),
            Span::Plain(".".to_owned()),
        ]));
    }
    let figures = [
        chart::press::curves(depth),
        chart::scan::scan(depth),
        chart::strokes::strokes(depth),
        chart::press::refused(depth),
    ];
    section.blocks.extend(figures.into_iter().flatten().map(|figure| Block::Figure(Box::new(figure))));
    if depth.presses.is_empty() && depth.dynamics.is_empty() {
        let reason = if record.captures.is_empty() {
            "no capture of the run was finished"
        } else {
            "no capture of it could be measured"
        };
        section.say(format!("There are no results for this set depth: {reason}."));
    }
    section
}
