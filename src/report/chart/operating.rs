//! The operating characteristic of the plan that was run: how good a pen must be to pass it.

use crate::{
    acceptance::operating::Characteristic,
    report::{
        figure::{
            Axis, Figure, Limit, Panel, Series, Shape, Tone, Weight,
            table::{Cell, Table},
        },
        number,
    },
};

/// Id of the figure.
pub const ID: &str = "figure-operating-characteristic";

/// The characteristics of a run in one figure; `None` where no criterion has one.
pub fn operating(characteristics: &[Characteristic]) -> Option<Figure> {
    let hardest = characteristics.iter().min_by(|a, b| a.measured.total_cmp(&b.measured))?;
    let mut panel = Panel::new(Axis::numeric("Probability of acceptance", "", &[0.0, 1.0]));
    let mut table = Table::new(
        "",
        "Probability that a centred pen is accepted",
        &["Criterion", "Half-width over SD", "Capability", "Probability"],
    );
    for (index, characteristic) in characteristics.iter().enumerate() {
        let name = name(characteristic);
        let points = characteristic.points.iter().map(|point| (point.half_width_over_sd, point.accept));
        panel.series.push(Series {
            name: name.clone(),
            tone: Tone::Protrusion,
            weight: if index == 0 { Weight::Normal } else { Weight::Dashed },
            shape: Shape::Lines(vec![points.collect()]),
            hover: true,
        });
        table.rows.extend(characteristic.points.iter().map(|point| {
            vec![
                Cell::text(&name),
                Cell::number(number::fixed(point.half_width_over_sd, 3)),
                Cell::number(number::fixed(point.half_width_over_sd / 3.0, 2)),
                Cell::number(number::fixed(point.accept, 4)),
            ]
        }));
    }
    let measured = Limit {
        value: hardest.measured,
        label: format!("this pen: {}", number::fixed(hardest.measured, 1)),
        tone: Tone::Protrusion,
    };
    let edge =
        Limit { value: hardest.edge, label: format!("edge: {}", number::fixed(hardest.edge, 2)), tone: Tone::Limit };
    Some(Figure {
        id: ID.to_owned(),
        title: "How good a pen must be to pass this plan".to_owned(),
        caption: "Probability that the protrusion criterion accepts a centred pen with normal strokes, over the half-width \
                  of the guarded limits in units of the pen's total SD (three times its capability), for the sample that \
                  was measured. Left of the edge more strokes than allowed lie outside the limits, and every acceptance \
                  is false; right of it a steep rise is what more independent units buy."
            .to_owned(),
        alternative: characteristics.iter().map(words).collect::<Vec<_>>().join(" "),
        x: Axis::numeric("Half-width of the guarded limits over the total SD", "", &[1.5, 6.0]),
        panels: vec![panel],
        // A pen far better than any that the figure shows has no line in it.
        limits: [edge, measured].into_iter().filter(|limit| limit.value <= 7.0).collect(),
        zones: Vec::new(),
        table,
    })
}

fn name(characteristic: &Characteristic) -> String {
    format!("{} at {}", characteristic.criterion, number::set_depth(characteristic.set_depth_mm))
}

/// What one characteristic says.
pub fn words(characteristic: &Characteristic) -> String {
    let passes = characteristic.points.iter().find(|point| point.accept >= 0.9).map_or_else(
        || "no pen of the range shown passes nine times in ten".to_owned(),
        |point| {
            format!(
                "a pen passes nine times in ten from a half-width of {} SDs (capability {})",
                number::fixed(point.half_width_over_sd, 2),
                number::fixed(point.half_width_over_sd / 3.0, 2)
            )
        },
    );
    format!(
        "{} ({}): {passes}; this one was measured at {}.",
        name(characteristic),
        characteristic.sample,
        number::fixed(characteristic.measured, 1)
    )
}
