//! The marks of a series as SVG elements: paths, bands, bars, points, and their values under the pointer.
//!
//! Values show through plain `<title>` elements; a figure carries at most [`HOVERS_MAX`] of them for each series, so
//! that its size does not grow with its data.

use crate::report::{
    figure::{Bar, Form, Series, Shape, Weight, decimate, plot::tone_class, scale::Scale},
    number,
};
use std::fmt::Write;

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

/// A coordinate with one decimal, as short as it gets.
pub fn coordinate(px: f64) -> String {
    let text = format!("{px:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// Text for XML: the five special characters escaped, characters that XML forbids replaced.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ if character.is_control() && !matches!(character, '\n' | '\t') => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Adds the marks of `series` to `svg`.
pub fn draw(svg: &mut String, series: &Series, frame: Frame<'_>) {
    let class = class(series);
    match &series.shape {
        Shape::Lines(lines) => lines.iter().for_each(|line| path(svg, &class, line, frame, series.weight)),
        Shape::Steps(points) => path(svg, &class, &steps(points), frame, series.weight),
        Shape::Points(form, points) => draw_points(svg, &class, *form, points, frame, series),
        Shape::Band(band) => draw_band(svg, &class, band, frame),
        Shape::Bars(bars) => draw_bars(svg, &class, bars, frame, series),
    }
    if series.hover {
        match &series.shape {
            Shape::Lines(lines) => lines.iter().for_each(|line| hovers(svg, line, frame, &series.name)),
            Shape::Steps(points) => hovers(svg, points, frame, &series.name),
            Shape::Band(_) | Shape::Points(..) | Shape::Bars(_) => {}
        }
    }
}

/// One point in its form.
pub fn point(svg: &mut String, class: &str, form: Form, x: f64, y: f64, title: Option<&str>) {
    let (cx, cy) = (coordinate(x), coordinate(y));
    let title = title.map_or(String::new(), |title| format!("<title>{}</title>", escape(title)));
    let outline = match form {
        Form::Disc => {
            let _ = write!(svg, r#"<circle class="{class} dot" cx="{cx}" cy="{cy}" r="3">{title}</circle>"#);
            return;
        }
        Form::Cross => "m-4-4 8 8m0-8-8 8",
        Form::Triangle => "m0-5 4.5 8h-9z",
        Form::Diamond => "m0-5 5 5-5 5-5-5z",
    };
    let kind = if form == Form::Cross { "line" } else { "dot" };
    let _ = write!(svg, r#"<path class="{class} {kind}" d="M{cx} {cy}{outline}">{title}</path>"#);
}

/// The classes of a series: its tone and its weight.
pub fn class(series: &Series) -> String {
    let weight = match series.weight {
        Weight::Thin => " thin",
        Weight::Normal => "",
        Weight::Dashed => " dashed",
    };
    format!("{}{weight}", tone_class(series.tone))
}

fn path(svg: &mut String, class: &str, points: &[(f64, f64)], frame: Frame<'_>, weight: Weight) {
    // Context needs less detail than the subject.
    let column_px = if weight == Weight::Thin { 2.0 } else { 1.0 };
    let pixels = points.iter().map(|(x, y)| (frame.x.px(*x), frame.y.px(*y)));
    let kept = decimate::by_column(pixels, column_px);
    if kept.len() < 2 {
        return;
    }
    let _ = write!(svg, r#"<path class="{class} line" d="{}"/>"#, outline(&kept));
}

/// Path data through pixels, without repeats.
fn outline(pixels: &[(f64, f64)]) -> String {
    let mut data = String::with_capacity(pixels.len() * 12);
    let mut former = String::new();
    for (x, y) in pixels {
        let place = format!("{} {}", coordinate(*x), coordinate(*y));
        if place != former {
            data.push(if data.is_empty() { 'M' } else { 'L' });
            data.push_str(&place);
            former = place;
        }
    }
    data
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

fn draw_points(svg: &mut String, class: &str, form: Form, points: &[(f64, f64)], frame: Frame<'_>, series: &Series) {
    let crowded = points.len() > POINTS_MAX;
    let mut seen = std::collections::HashSet::new();
    for (x, y) in points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()) {
        let (px, py) = (frame.x.px(*x), frame.y.px(*y));
        if crowded && !seen.insert((px.round() as i64, py.round() as i64)) {
            continue;
        }
        let title = (series.hover && !crowded).then(|| value_words(frame, &series.name, *x, *y));
        point(svg, class, form, px, py, title.as_deref());
    }
}

fn draw_band(svg: &mut String, class: &str, band: &[(f64, f64, f64)], frame: Frame<'_>) {
    let edge = |value: fn(&(f64, f64, f64)) -> f64| {
        decimate::by_column(band.iter().map(|row| (frame.x.px(row.0), frame.y.px(value(row)))), 1.0)
    };
    let mut outline_px = edge(|row| row.2);
    let low = edge(|row| row.1);
    outline_px.extend(low.into_iter().rev());
    if outline_px.len() > 2 {
        let _ = write!(svg, r#"<path class="{class} band" d="{}z"/>"#, outline(&outline_px));
    }
}

fn draw_bars(svg: &mut String, class: &str, bars: &[Bar], frame: Frame<'_>, series: &Series) {
    for bar in bars {
        let (x0, x1) = (frame.x.px(bar.x_from), frame.x.px(bar.x_to));
        let (y0, y1) = (frame.y.px(bar.y_from), frame.y.px(bar.y_to));
        if ![x0, x1, y0, y1].iter().all(|px| px.is_finite()) {
            continue;
        }
        let title = if series.hover {
            format!("<title>{}</title>", escape(&bar_words(frame, series, bar)))
        } else {
            String::new()
        };
        let _ = write!(
            svg,
            r#"<rect class="{class} bar" x="{}" y="{}" width="{}" height="{}">{title}</rect>"#,
            coordinate(x0.min(x1)),
            coordinate(y0.min(y1)),
            coordinate((x1 - x0).abs()),
            coordinate((y1 - y0).abs())
        );
    }
}

/// Transparent discs on a line that name the value beneath them.
fn hovers(svg: &mut String, points: &[(f64, f64)], frame: Frame<'_>, name: &str) {
    let stride = points.len().div_ceil(HOVERS_MAX).max(1);
    for (x, y) in points.iter().step_by(stride).filter(|(x, y)| x.is_finite() && y.is_finite()) {
        let _ = write!(
            svg,
            r#"<circle class="hover" cx="{}" cy="{}" r="8"><title>{}</title></circle>"#,
            coordinate(frame.x.px(*x)),
            coordinate(frame.y.px(*y)),
            escape(&value_words(frame, name, *x, *y))
        );
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

#[cfg(test)]
mod tests {
    use super::{coordinate, escape};

    #[test]
    fn coordinates_are_short_and_text_is_harmless() {
        assert_eq!([1.0, -0.01, 12.345].map(coordinate), ["1", "0", "12.3"]);
        assert_eq!(escape("<a b='\"'>&\u{0}\u{1b}"), "&lt;a b=&#39;&quot;&#39;&gt;&amp;\u{fffd}\u{fffd}");
    }
}
