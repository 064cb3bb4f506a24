//! The marks of a series: paths, bands, bars, points, and their values under the pointer.
//!
//! A figure carries at most [`HOVERS_MAX`] values under the pointer for each series, so that its size does not grow
//! with its data.

use crate::report::{
    figure::{
        Bar, Form, Series, Shape, Weight, decimate,
        picture::{Ink, Picture, Role, Step},
        scale::Scale,
    },
    number,
};

/// Most values that show under the pointer, for each series.
const HOVERS_MAX: usize = 48;

/// Most separate points of one series; beyond it, points that share a cell of the pixel grid are drawn once.
const POINTS_MAX: usize = 400;

/// The two scales of a panel, with what is needed to name values.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Frame<'a> {
    pub x: &'a Scale,
    pub y: &'a Scale,
    pub x_unit: &'a str,
    pub y_unit: &'a str,
    pub rows: &'a [String],
}

/// Adds the marks of `series` to `picture`.
pub fn draw(picture: &mut Picture, series: &Series, frame: Frame<'_>) {
    match &series.shape {
        Shape::Lines(lines) => lines.iter().for_each(|line| path(picture, series, line, frame)),
        Shape::Steps(points) => path(picture, series, &steps(points), frame),
        Shape::Points(form, points) => draw_points(picture, *form, points, frame, series),
        Shape::Band(band) => draw_band(picture, series, band, frame),
        Shape::Bars(bars) => draw_bars(picture, bars, frame, series),
    }
    if series.hover {
        match &series.shape {
            Shape::Lines(lines) => lines.iter().for_each(|line| hovers(picture, line, frame, &series.name)),
            Shape::Steps(points) => hovers(picture, points, frame, &series.name),
            Shape::Band(_) | Shape::Points(..) | Shape::Bars(_) => {}
        }
    }
}

/// What a series stands for, in a role.
pub fn ink(series: &Series, role: Role) -> Ink {
    Ink { role, tone: Some(series.tone), weight: series.weight }
}

fn path(picture: &mut Picture, series: &Series, points: &[(f64, f64)], frame: Frame<'_>) {
    // Context needs less detail than the subject.
    let column_px = if series.weight == Weight::Thin { 2.0 } else { 1.0 };
    let pixels = points.iter().map(|(x, y)| (frame.x.px(*x), frame.y.px(*y)));
    let kept = decimate::by_column(pixels, column_px);
    if kept.len() >= 2 {
        picture.path(ink(series, Role::Line), outline(kept).collect());
    }
}

/// A path through pixels.
fn outline(pixels: Vec<(f64, f64)>) -> impl Iterator<Item = Step> {
    let step = |(index, (x, y))| if index == 0 { Step::Move(x, y) } else { Step::Line(x, y) };
    pixels.into_iter().enumerate().map(step)
}

fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut corners = Vec::with_capacity(points.len() * 2);
    for (index, (x, y)) in points.iter().enumerate() {
        if let Some((_, held)) = index.checked_sub(1).and_then(|before| points.get(before)) {
            corners.push((*x, *held));
        }
        corners.push((*x, *y));
    }
    corners
}

fn draw_points(picture: &mut Picture, form: Form, points: &[(f64, f64)], frame: Frame<'_>, series: &Series) {
    let crowded = points.len() > POINTS_MAX;
    let mut seen = std::collections::HashSet::new();
    for (x, y) in points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()) {
        let (px, py) = (frame.x.px(*x), frame.y.px(*y));
        if crowded && !seen.insert((px.round() as i64, py.round() as i64)) {
            continue;
        }
        let title = (series.hover && !crowded).then(|| value_words(frame, &series.name, *x, *y));
        picture.point(ink(series, Role::Dot), form, px, py, title);
    }
}

fn draw_band(picture: &mut Picture, series: &Series, band: &[(f64, f64, f64)], frame: Frame<'_>) {
    let edge = |value: fn(&(f64, f64, f64)) -> f64| {
        decimate::by_column(band.iter().map(|row| (frame.x.px(row.0), frame.y.px(value(row)))), 1.0)
    };
    let mut outline_px = edge(|row| row.2);
    outline_px.extend(edge(|row| row.1).into_iter().rev());
    if outline_px.len() > 2 {
        picture.path(ink(series, Role::Band), outline(outline_px).chain([Step::Close]).collect());
    }
}

fn draw_bars(picture: &mut Picture, bars: &[Bar], frame: Frame<'_>, series: &Series) {
    for bar in bars {
        let x = [bar.x_from, bar.x_to].map(|value| frame.x.px(value));
        let y = [bar.y_from, bar.y_to].map(|value| frame.y.px(value));
        if x.iter().chain(&y).all(|px| px.is_finite()) {
            picture.rectangle(ink(series, Role::Bar), x, y, series.hover.then(|| bar_words(frame, series, bar)));
        }
    }
}

/// Transparent discs on a line that name the value beneath them.
fn hovers(picture: &mut Picture, points: &[(f64, f64)], frame: Frame<'_>, name: &str) {
    let stride = points.len().div_ceil(HOVERS_MAX).max(1);
    for (x, y) in points.iter().step_by(stride).filter(|(x, y)| x.is_finite() && y.is_finite()) {
        let title = value_words(frame, name, *x, *y);
        picture.circle(Ink::plain(Role::Hover), frame.x.px(*x), frame.y.px(*y), 8.0, Some(title));
    }
}

/// `name: x unit, y unit`, with one digit more than the ticks can show.
fn value_words(frame: Frame<'_>, name: &str, x: f64, y: f64) -> String {
    let axis = |scale: &Scale, value: f64, unit: &str| {
        let gap = if unit.is_empty() { "" } else { " " };
        // Positions that are counts stay whole.
        let decimals = if unit.is_empty() && value.fract() == 0.0 { 0 } else { scale.decimals() + 1 };
        format!("{}{gap}{unit}", number::fixed(value, decimals))
    };
    let gap = if name.is_empty() { "" } else { ": " };
    let y_words = match frame.rows.get(y.round().max(0.0) as usize) {
        Some(row) => row.clone(),
        None => axis(frame.y, y, frame.y_unit),
    };
    format!("{name}{gap}{}, {y_words}", axis(frame.x, x, frame.x_unit))
}

/// What a bar stands for: its row and length, or its range and height.
fn bar_words(frame: Frame<'_>, series: &Series, bar: &Bar) -> String {
    let decimals = frame.x.decimals() + 1;
    let (from, to) = (number::fixed(bar.x_from, decimals), number::fixed(bar.x_to, decimals));
    let unit = frame.x_unit;
    match frame.rows.get(((bar.y_from + bar.y_to) / 2.0).round().max(0.0) as usize) {
        Some(row) if bar.x_from == 0.0 => format!("{row}: {to} {unit} ({})", series.name),
        Some(row) => format!("{row}: {from} to {to} {unit}"),
        None => format!("{}: {from} to {to} {unit}, {}", series.name, number::significant(bar.y_to, 4)),
    }
}
