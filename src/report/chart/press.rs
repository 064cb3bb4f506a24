//! Press curves: force over stage position, with tip, puncture and face marked.
//!
//! The stage position is drawn relative to the face of the same site, so that every site of a set depth shares one
//! axis and the distance from tip to face is the protrusion.

use crate::{
    capture::Phase,
    measure::Press,
    record::model::{CaptureRecord, PressRow},
    report::{
        figure::{
            Axis, Figure, Form, Marker, Panel, Series, Shape, Tone, Weight,
            table::{Cell, Table},
        },
        number::{self, ABSENT},
        selection::SetDepth,
    },
};

/// Most sites drawn beside the one that is marked.
const OTHERS_MAX: usize = 11;

/// Most refused captures drawn.
const REFUSED_MAX: usize = 6;

/// The curves of a set depth, the one of median protrusion in full.
pub fn curves(depth: &SetDepth<'_>) -> Option<Figure> {
    let mut drawn: Vec<&(&CaptureRecord, &Press)> =
        depth.presses.iter().filter(|(capture, _)| !capture.curve.points.is_empty()).collect();
    drawn.sort_by(|a, b| a.1.protrusion_mm.value.total_cmp(&b.1.protrusion_mm.value));
    let (subject, press) = **drawn.get(drawn.len().checked_sub(1)? / 2)?;
    let greatest_mm = drawn.iter().map(|(_, press)| press.protrusion_mm.value).fold(0.0, f64::max);
    let from_mm = -1.25 * greatest_mm - 0.1;
    let mut panel = Panel::new(Axis::numeric("Force", "N", &[0.0]));
    let others: Vec<_> = depth.presses.iter().filter(|(capture, _)| !std::ptr::eq(*capture, subject)).collect();
    let stride = others.len().div_ceil(OTHERS_MAX).max(1);
    let shown: Vec<_> = others.iter().step_by(stride).collect();
    if !shown.is_empty() {
        let lines = shown.iter().map(|(capture, press)| phase(capture, press, Phase::Press, from_mm)).collect();
        panel.series.push(line("press, other sites", Tone::Quiet, Weight::Thin, lines, false));
    }
    let branch = |of| vec![phase(subject, press, of, from_mm)];
    panel.series.push(line("touch, needles retracted", Tone::Force, Weight::Normal, branch(Phase::Touch), false));
    let mut pressed = phase(subject, press, Phase::Press, from_mm);
    pressed.extend(phase(subject, press, Phase::Hold, from_mm));
    panel.series.push(line("press and hold", Tone::Protrusion, Weight::Normal, vec![pressed], true));
    panel.series.push(line("withdraw", Tone::Protrusion, Weight::Dashed, branch(Phase::Withdraw), false));
    panel.markers = markers(subject, press);
    let set_depth = number::set_depth(depth.set_depth_mm);
    let left_out = others.len() - shown.len();
    let left_out = if left_out > 0 { format!(" {left_out} more sites are in the table only.") } else { String::new() };
    Some(Figure {
        id: format!("figure-press-{}", depth.slug()),
        title: format!("Press curves at set depth {set_depth}"),
        caption: format!(
            "Force over stage position relative to the cartridge face, one curve a fresh site; the site of median \
             protrusion ({}) is drawn in full. The distance from tip to face is the protrusion; a drop in force after \
             the tip is a puncture. The approach from further away is not drawn.{left_out}",
            subject.name
        ),
        alternative: alternative(press, subject, depth.presses.len()),
        x: Axis::numeric("Stage position relative to the face", "mm", &[0.0]),
        panels: vec![panel],
        limits: Vec::new(),
        zones: Vec::new(),
        table: table(&depth.press_rows),
    })
}

fn line(name: &str, tone: Tone, weight: Weight, lines: Vec<Vec<(f64, f64)>>, hover: bool) -> Series {
    Series { name: name.to_owned(), tone, weight, shape: Shape::Lines(lines), hover }
}

/// Points of one phase, relative to the face, from `from_mm` on.
fn phase(capture: &CaptureRecord, press: &Press, of: Phase, from_mm: f64) -> Vec<(f64, f64)> {
    let points = capture.curve.points.iter().filter(|(name, ..)| *name == of.name());
    points
        .map(|(_, stage_mm, force_n)| (stage_mm - press.face_mm.value, *force_n))
        .filter(|(x, _)| *x >= from_mm)
        .collect()
}

fn markers(capture: &CaptureRecord, press: &Press) -> Vec<Marker> {
    let tip_mm = press.tip_mm.value - press.face_mm.value;
    let of_press: Vec<(f64, f64)> = phase(capture, press, Phase::Press, f64::NEG_INFINITY);
    let before: Vec<f64> = of_press.iter().filter(|(x, _)| *x < tip_mm).map(|(_, force_n)| *force_n).collect();
    let zero_n = median(before).unwrap_or(0.0);
    let mut markers = vec![
        Marker {
            x: tip_mm,
            y: zero_n,
            label: format!("tip {} mm", number::rounded(tip_mm, press.protrusion_mm.u())),
            form: Form::Triangle,
            tone: Tone::Protrusion,
        },
        Marker { x: 0.0, y: zero_n, label: "face 0 mm".to_owned(), form: Form::Triangle, tone: Tone::Force },
    ];
    if let Some(force) = &press.puncture_force_n {
        // The trace is drawn down, so the recorded peak may be missing: take its first point that high.
        let peak = of_press.iter().find(|(_, force_n)| force_n - zero_n >= 0.99 * force.value);
        if let Some((x, y)) = peak {
            let label = format!("puncture {} N", number::rounded(force.value, force.u()));
            markers.push(Marker { x: *x, y: *y, label, form: Form::Diamond, tone: Tone::Fault });
        }
    }
    markers
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn alternative(press: &Press, capture: &CaptureRecord, sites: usize) -> String {
    let (protrusion, penetration) = (&press.protrusion_mm, &press.penetration_mm);
    let puncture = press.puncture_force_n.as_ref().map_or_else(
        || "No needle punctured the phantom.".to_owned(),
        |force| format!("The first puncture is at {} N.", number::rounded(force.value, force.u())),
    );
    format!(
        "{sites} press curves. In {}, force begins to rise {} mm before the face (protrusion); at the hold the \
         foremost needle is {} mm inside the phantom (penetration). {puncture}",
        capture.name,
        number::rounded(protrusion.value, protrusion.u()),
        number::rounded(penetration.value, penetration.u()),
    )
}

/// The rows of `presses.csv` of a set depth, rounded.
fn table(rows: &[&PressRow]) -> Table {
    let mut table = Table::new(
        "",
        "Presses, one row a site; u is the standard uncertainty of one press",
        &[
            "Cartridge",
            "Site",
            "Face, mm",
            "Tip, mm",
            "Protrusion, mm",
            "u, mm",
            "Penetration, mm",
            "u, mm",
            "Puncture force, N",
            "Punctured",
            "Capture",
        ],
    );
    for row in rows {
        let [protrusion, protrusion_u] = pair(row.protrusion_mm, row.protrusion_u_mm);
        let [penetration, penetration_u] = pair(row.penetration_mm, row.penetration_u_mm);
        let position = |value: Option<f64>| {
            Cell::number(
                value.map_or_else(|| ABSENT.to_owned(), |z| number::rounded(z, row.protrusion_u_mm.unwrap_or(0.0))),
            )
        };
        let punctured = match row.punctured {
            Some(true) => "yes",
            Some(false) => "no",
            None => ABSENT,
        };
        table.rows.push(vec![
            Cell::text(&row.cartridge),
            Cell::number(row.site.to_string()),
            position(row.face_mm),
            position(row.tip_mm),
            protrusion,
            protrusion_u,
            penetration,
            penetration_u,
            Cell::number(row.puncture_force_n.map_or_else(|| ABSENT.to_owned(), |force_n| number::fixed(force_n, 3))),
            Cell::text(punctured),
            Cell::text(&row.capture),
        ]);
    }
    table
}

/// A value and its standard uncertainty as two cells.
fn pair(value: Option<f64>, u: Option<f64>) -> [Cell; 2] {
    let rounded = |number: Option<f64>| {
        Cell::number(number.map_or_else(|| ABSENT.to_owned(), |number| number::rounded(number, u.unwrap_or(0.0))))
    };
    [rounded(value), rounded(u)]
}

/// The traces of presses that could not be measured, as recorded.
pub fn refused(depth: &SetDepth<'_>) -> Option<Figure> {
    let traces: Vec<&&CaptureRecord> =
        depth.refused.iter().filter(|capture| !capture.curve.points.is_empty()).collect();
    if traces.is_empty() {
        return None;
    }
    let shown = traces.iter().take(REFUSED_MAX);
    let lines = shown.map(|capture| capture.curve.points.iter().map(|(_, x, y)| (*x, *y)).collect()).collect();
    let mut panel = Panel::new(Axis::numeric("Force", "N", &[0.0]));
    panel.series.push(line("as recorded", Tone::Fault, Weight::Normal, lines, true));
    let set_depth = number::set_depth(depth.set_depth_mm);
    let mut table = Table::new("", "Refused captures", &["Capture", "Reason"]);
    for capture in &traces {
        if let Err(refusal) = &capture.measurement.outcome {
            table.rows.push(vec![Cell::text(&capture.name), Cell::text(&refusal.message)]);
        }
    }
    Some(Figure {
        id: format!("figure-refused-{}", depth.slug()),
        title: format!("Captures that could not be measured, set depth {set_depth}"),
        caption: format!(
            "Force over stage position as recorded; {} of {} drawn.",
            traces.len().min(REFUSED_MAX),
            traces.len()
        ),
        alternative: format!("Traces of {} refused captures; the reasons are in the table.", traces.len()),
        x: Axis::numeric("Stage position", "mm", &[]),
        panels: vec![panel],
        limits: Vec::new(),
        zones: Vec::new(),
        table,
    })
}
