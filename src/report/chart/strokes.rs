//! Protrusion and penetration over the strokes of a run, missed ones marked.
//!
//! Every stroke counts in the picture, however many there are: the writer keeps the extremes of each pixel column.
//! The table gives blocks of strokes; single strokes are in `strokes.csv`.

use crate::{
    record::model::StrokeRow,
    report::{
        criterion,
        figure::{
            Axis, Figure, Form, Limit, Panel, Series, Shape, Tone, Weight,
            table::{Cell, Table},
        },
        number::{self, ABSENT},
        selection::{SetDepth, Spread},
    },
};

/// Most strokes that are drawn as separate points.
const POINTS_MAX: usize = 400;

/// Blocks in the table and in the line of block means.
const BLOCKS: usize = 25;

/// The strokes of a set depth, in order of measurement.
pub fn strokes(depth: &SetDepth<'_>) -> Option<Figure> {
    let rows = &depth.strokes;
    if rows.is_empty() {
        return None;
    }
    let limits = y_limits(depth);
    let mut length = Panel::new(Axis::numeric("Protrusion and penetration", "mm", &[]));
    for (name, tone, value) in quantities() {
        let points: Vec<(f64, f64)> =
            rows.iter().enumerate().filter_map(|(index, row)| value(row).map(|y| (index as f64 + 1.0, y))).collect();
        length.series.extend(series(name, tone, points, rows.len()));
        let means: Vec<(f64, f64)> = blocks(rows)
            .filter_map(|(middle, block)| Some((middle, Spread::of(block.iter().filter_map(|row| value(row)))?.mean)))
            .collect();
        let weight = Weight::Normal;
        length.series.push(Series {
            name: format!("{name}, mean of blocks"),
            tone,
            weight,
            shape: Shape::Lines(vec![means]),
            hover: true,
        });
    }
    let values = rows.iter().flat_map(|row| [row.protrusion_mm, row.penetration_mm]).flatten();
    let around = Spread::of(values.chain(limits.iter().map(|limit| limit.value)));
    let missed: Vec<f64> =
        rows.iter().enumerate().filter(|(_, row)| row.missed).map(|(index, _)| index as f64 + 1.0).collect();
    if !missed.is_empty() {
        let foot = around.map_or(0.0, |spread| spread.least - 0.06 * (spread.greatest - spread.least).max(1e-3));
        let points = missed.iter().map(|x| (*x, foot)).collect();
        let name = "missed stroke (no value)".to_owned();
        let shape = Shape::Points(Form::Cross, points);
        length.series.push(Series { name, tone: Tone::Fault, weight: Weight::Normal, shape, hover: false });
    }
    length.limits = limits;
    let mut force = Panel::new(Axis::numeric("Peak force", "N", &[0.0]));
    force.height = 0.45;
    let peaks = rows.iter().enumerate().map(|(index, row)| (index as f64 + 1.0, row.peak_force_n)).collect();
    force.series.extend(series("", Tone::Force, peaks, rows.len()));
    let set_depth = number::set_depth(depth.set_depth_mm);
    let runs = boundaries(rows);
    let dashed = if length.limits.is_empty() {
        ""
    } else {
        " Dashed lines are the limits of the plan, in the colour of what they limit."
    };
    let several = if runs.len() > 1 { " Dotted vertical lines part the runs." } else { "" };
    Some(Figure {
        id: format!("figure-strokes-{}", depth.slug()),
        title: format!("Stroke by stroke at set depth {set_depth}"),
        caption: format!(
            "Every stroke of the running pen in order of measurement, by the force map of the stand-off scan. A \
             missed stroke has no protrusion and is marked at the foot.{dashed}{several} Single strokes are in \
             strokes.csv."
        ),
        alternative: alternative(rows, missed.len()),
        x: Axis::numeric("Stroke, in order of measurement", "", &[1.0]),
        panels: vec![length, force],
        limits: runs,
        zones: Vec::new(),
        table: table(rows),
    })
}

type Value = fn(&StrokeRow) -> Option<f64>;

/// What is drawn of each stroke, always both.
fn quantities() -> [(&'static str, Tone, Value); 2] {
    [
        ("protrusion", Tone::Protrusion, |row: &StrokeRow| row.protrusion_mm),
        ("penetration", Tone::Penetration, |row: &StrokeRow| row.penetration_mm),
    ]
}

/// Points where they can be told apart, otherwise a line.
fn series(name: &str, tone: Tone, points: Vec<(f64, f64)>, n: usize) -> Option<Series> {
    if points.is_empty() {
        return None;
    }
    let separate = n <= POINTS_MAX;
    let shape = if separate { Shape::Points(Form::Disc, points) } else { Shape::Lines(vec![points]) };
    Some(Series { name: name.to_owned(), tone, weight: Weight::Thin, shape, hover: separate && !name.is_empty() })
}

/// The limits of the plan on both quantities at this set depth.
fn y_limits(depth: &SetDepth<'_>) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::new();
    for row in depth.criteria.iter().filter(|row| matches!(row.quantity.as_str(), "protrusion" | "penetration")) {
        for (side, value) in [("\u{2265}", row.limit_lower), ("\u{2264}", row.limit_upper)] {
            let Some(value) = value else { continue };
            let label = format!("{side} {}", criterion::limit(row, value));
            let tone = if row.quantity == "penetration" { Tone::Penetration } else { Tone::Protrusion };
            if !limits.iter().any(|limit| limit.label == label && limit.tone == tone) {
                limits.push(Limit { value, label, tone });
            }
        }
    }
    limits
}

/// Where a new capture begins, if there is more than one.
fn boundaries(rows: &[&StrokeRow]) -> Vec<Limit> {
    const NAMED_MAX: usize = 6;
    let mut starts = vec![0];
    starts.extend((1..rows.len()).filter(|&index| rows[index].capture != rows[index - 1].capture));
    if starts.len() == 1 {
        return Vec::new();
    }
    let named = starts.len() <= NAMED_MAX;
    let label = |index: usize| if named { rows[index].capture.to_string() } else { String::new() };
    starts
        .into_iter()
        .map(|index| Limit { value: index as f64 + 0.5, label: label(index), tone: Tone::Quiet })
        .collect()
}

/// Consecutive strokes with the position of their middle.
fn blocks<'a>(rows: &'a [&'a StrokeRow]) -> impl Iterator<Item = (f64, &'a [&'a StrokeRow])> {
    let size = rows.len().div_ceil(BLOCKS).max(1);
    rows.chunks(size)
        .enumerate()
        .map(move |(index, block)| ((index * size) as f64 + (block.len() as f64 + 1.0) / 2.0, block))
}

fn alternative(rows: &[&StrokeRow], missed: usize) -> String {
    let words = |value: Value| {
        Spread::of(rows.iter().filter_map(|row| value(row))).map_or_else(
            || "not measured".to_owned(),
            |spread| {
                format!(
                    "{} mm on average with a standard deviation of {} mm",
                    number::rounded(spread.mean, spread.sd),
                    number::rounded(spread.sd, spread.sd)
                )
            },
        )
    };
    let [(_, _, protrusion), (_, _, penetration)] = quantities();
    format!(
        "{} strokes, {missed} missed. Protrusion: {}. Penetration: {}.",
        number::count(rows.len() as u64),
        words(protrusion),
        words(penetration)
    )
}

fn table(rows: &[&StrokeRow]) -> Table {
    let mut table = Table::new(
        "",
        "Blocks of strokes; SD is the standard deviation within the block, noise included",
        &[
            "Strokes",
            "Missed",
            "Protrusion mean, mm",
            "SD, mm",
            "Least, mm",
            "Greatest, mm",
            "Penetration mean, mm",
            "SD, mm",
            "Mean peak force, N",
        ],
    );
    let mut first = 1;
    for (_, block) in blocks(rows) {
        let last = first + block.len() - 1;
        let mut cells = vec![
            Cell::number(format!("{} to {}", number::count(first as u64), number::count(last as u64))),
            Cell::number(number::count(block.iter().filter(|row| row.missed).count() as u64)),
        ];
        for (name, _, value) in quantities() {
            let spread = Spread::of(block.iter().filter_map(|row| value(row)));
            let of = |pick: fn(&Spread) -> f64| {
                Cell::number(
                    spread
                        .as_ref()
                        .map_or_else(|| ABSENT.to_owned(), |spread| number::rounded(pick(spread), spread.sd)),
                )
            };
            cells.extend([of(|spread| spread.mean), of(|spread| spread.sd)]);
            if name == "protrusion" {
                cells.extend([of(|spread| spread.least), of(|spread| spread.greatest)]);
            }
        }
        let force = Spread::of(block.iter().filter(|row| !row.missed).map(|row| row.peak_force_n));
        cells.push(Cell::number(force.map_or_else(|| ABSENT.to_owned(), |spread| number::significant(spread.mean, 4))));
        table.rows.push(cells);
        first = last + 1;
    }
    table
}
