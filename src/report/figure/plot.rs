//! One panel of a figure as SVG: zones, grid, marks, limits, labels, back to front.

use crate::report::figure::{
    Figure, Limit, Panel, Shape, Tone, Zone,
    label::{self, Flag, LINE_PX, Placer, width_px},
    mark::{self, Frame, coordinate, escape},
    scale::Scale,
};
use std::fmt::Write;

const PLOT_PX: f64 = 240.0;
const ROW_PX: f64 = 26.0;
/// Above a plot: room for its title.
const HEAD_PX: f64 = 36.0;

/// A panel with its place in the figure.
pub struct Plot<'a> {
    figure: &'a Figure,
    panel: &'a Panel,
    x: &'a Scale,
    y: Scale,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    flags: Vec<Flag>,
    strip: f64,
}

impl<'a> Plot<'a> {
    /// The panel of `figure` that begins at `top_px`; the first one carries the labels of the figure's limits.
    pub fn new(
        figure: &'a Figure,
        panel: &'a Panel,
        x: &'a Scale,
        [left, right]: [f64; 2],
        top_px: f64,
        first: bool,
    ) -> Self {
        let named = finite(&figure.limits).any(|limit| !limit.label.is_empty());
        let labels: Vec<(f64, &str)> =
            finite(&figure.limits).map(|limit| (x.px(limit.value), limit.label.as_str())).collect();
        let flags = if first && named { label::flags(&labels, right) } else { Vec::new() };
        let strip = flags.iter().map(|flag| (flag.row + 1) as f64 * LINE_PX).fold(0.0, f64::max);
        let head = if panel.y.title().is_empty() { 8.0 } else { HEAD_PX };
        let top = top_px + head + strip;
        let rows = panel.y.rows.len();
        let bottom = top + if rows == 0 { PLOT_PX * panel.height } else { rows as f64 * ROW_PX + 10.0 };
        let y = if rows == 0 {
            Scale::over(y_values(panel), bottom, top, 5.0 * panel.height.max(0.4))
        } else {
            Scale::rows(rows, top, bottom)
        };
        Self { figure, panel, x, y, left, right, top, bottom, flags, strip }
    }

    /// Lower end of the plot, px.
    pub fn bottom_px(&self) -> f64 {
        self.bottom
    }

    /// Adds the panel to `svg`.
    pub fn draw(&self, svg: &mut String) {
        self.zones(svg);
        self.grid(svg);
        let (figure, panel) = (self.figure, self.panel);
        let frame = Frame { x: self.x, y: &self.y, x_unit: figure.x.unit, y_unit: panel.y.unit, rows: &panel.y.rows };
        panel.series.iter().for_each(|series| mark::draw(svg, series, frame));
        self.limits_of_x(svg);
        self.limits_of_y(svg);
        self.markers(svg);
        text(svg, "text strong", 0.0, self.top - self.strip - 13.0, "start", &panel.y.title());
    }

    fn zones(&self, svg: &mut String) {
        let mut rectangle = |tone: Tone, [x0, x1]: [f64; 2], [y0, y1]: [f64; 2]| {
            let _ = write!(
                svg,
                r#"<rect class="{} zone" x="{}" y="{}" width="{}" height="{}"/>"#,
                tone_class(tone),
                coordinate(x0.min(x1)),
                coordinate(y0.min(y1)),
                coordinate((x1 - x0).abs()),
                coordinate((y1 - y0).abs())
            );
        };
        let is_finite = |zone: &&Zone| zone.from.is_finite() && zone.to.is_finite();
        for zone in self.figure.zones.iter().filter(is_finite) {
            rectangle(zone.tone, [self.x.px(zone.from), self.x.px(zone.to)], [self.top, self.bottom]);
        }
        for zone in self.panel.zones.iter().filter(is_finite) {
            rectangle(zone.tone, [self.left, self.right], [self.y.px(zone.from), self.y.px(zone.to)]);
        }
    }

    fn grid(&self, svg: &mut String) {
        let [left, right, top, bottom] = [self.left, self.right, self.top, self.bottom].map(coordinate);
        let mut lines = String::new();
        for (value, _) in self.x.ticks() {
            let _ = write!(lines, "M{} {top}V{bottom}", coordinate(self.x.px(value)));
        }
        if self.panel.y.rows.is_empty() {
            for (value, label) in self.y.ticks() {
                let _ = write!(lines, "M{left} {}H{right}", coordinate(self.y.px(value)));
                text(svg, "text tick", self.left - 8.0, self.y.px(value) + 4.0, "end", &label);
            }
        }
        for (row, name) in self.panel.y.rows.iter().enumerate() {
            text(svg, "text", self.left - 10.0, self.y.px(row as f64) + 4.0, "end", &short(name));
        }
        let _ =
            write!(svg, r#"<path class="grid" d="{lines}"/><path class="axis" d="M{left} {top}V{bottom}H{right}"/>"#);
    }

    /// Vertical lines, with their labels as flags above the first panel.
    fn limits_of_x(&self, svg: &mut String) {
        for (index, limit) in finite(&self.figure.limits).enumerate() {
            let px = self.x.px(limit.value);
            let flag = self.flags.get(index).filter(|_| !limit.label.is_empty());
            let baseline = flag.map(|flag| self.top - 5.0 - flag.row as f64 * LINE_PX);
            let from = baseline.map_or(self.top, |baseline| baseline - 9.0);
            let (px, from, to) = (coordinate(px), coordinate(from), coordinate(self.bottom));
            let _ = write!(svg, r#"<path class="{} rule" d="M{px} {from}V{to}"/>"#, tone_class(limit.tone));
            if let (Some(flag), Some(baseline)) = (flag, baseline) {
                text(svg, &format!("{} text toned", tone_class(limit.tone)), flag.x, baseline, "start", &limit.label);
            }
        }
    }

    /// Horizontal lines, with their labels in the right margin.
    fn limits_of_y(&self, svg: &mut String) {
        let heights: Vec<f64> = finite(&self.panel.limits).map(|limit| self.y.px(limit.value)).collect();
        let baselines = label::spread(&heights);
        for ((limit, px), baseline) in finite(&self.panel.limits).zip(heights).zip(baselines) {
            let (left, px, right) = (coordinate(self.left), coordinate(px), coordinate(self.right));
            let class = tone_class(limit.tone);
            let _ = write!(svg, r#"<path class="{class} rule" d="M{left} {px}H{right}"/>"#);
            text(svg, &format!("{class} text toned"), self.right + 6.0, baseline + 4.0, "start", &limit.label);
        }
    }

    fn markers(&self, svg: &mut String) {
        let mut placer = Placer::new(self.left, self.right, self.top, self.bottom - 4.0);
        for marker in &self.panel.markers {
            if !(self.x.holds(marker.x) && self.y.holds(marker.y)) {
                continue;
            }
            let (px, py) = (self.x.px(marker.x), self.y.px(marker.y));
            mark::point(svg, &format!("{} mark", tone_class(marker.tone)), marker.form, px, py, Some(&marker.label));
            let place = placer.beside(&marker.label, px, py);
            text(svg, "text halo", place.x, place.y, "start", &marker.label);
        }
    }
}

/// The CSS class of a tone.
pub fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Protrusion => "protrusion",
        Tone::Penetration => "penetration",
        Tone::Force => "force",
        Tone::Quiet => "quiet",
        Tone::Limit => "limit",
        Tone::Fault => "fault",
    }
}

/// A text element; `anchor` is `start`, `middle` or `end`.
pub fn text(svg: &mut String, class: &str, x: f64, y: f64, anchor: &str, words: &str) {
    if words.is_empty() {
        return;
    }
    let anchor = if anchor == "start" { String::new() } else { format!(r#" text-anchor="{anchor}""#) };
    let _ = write!(
        svg,
        r#"<text class="{class}" x="{}" y="{}"{anchor}>{}</text>"#,
        coordinate(x),
        coordinate(y),
        escape(words)
    );
}

/// Left and right end of the plots of a figure, px: room for tick labels or names of rows, and for limits of y.
pub fn sides(figure: &Figure, width_of_figure_px: f64) -> [f64; 2] {
    let rows = figure.panels.iter().flat_map(|panel| &panel.y.rows);
    let left = rows.map(|row| width_px(&short(row)) + 16.0).fold(58.0, f64::max);
    let limits = figure.panels.iter().flat_map(|panel| finite(&panel.limits));
    let margin = limits.map(|limit| width_px(&limit.label) + 8.0).fold(18.0, f64::max);
    [left, width_of_figure_px - margin]
}

/// The name of a row, cut to what fits; the table beside the figure has it whole.
fn short(row: &str) -> String {
    const CHARS_MAX: usize = 46;
    if row.chars().count() <= CHARS_MAX {
        return row.to_owned();
    }
    row.chars().take(CHARS_MAX - 1).chain(['\u{2026}']).collect()
}

fn finite(limits: &[Limit]) -> impl Iterator<Item = &Limit> {
    limits.iter().filter(|limit| limit.value.is_finite())
}

/// Every x that must be on the axis of a figure.
pub fn x_values(figure: &Figure) -> Vec<f64> {
    let mut values = figure.x.include.clone();
    values.extend(figure.limits.iter().map(|limit| limit.value));
    values.extend(figure.zones.iter().flat_map(|zone| [zone.from, zone.to]));
    for panel in &figure.panels {
        values.extend(panel.markers.iter().map(|marker| marker.x));
        panel.series.iter().for_each(|series| extend(&mut values, &series.shape, true));
    }
    values
}

/// Every y that must be on a panel's axis.
fn y_values(panel: &Panel) -> Vec<f64> {
    let mut values = panel.y.include.clone();
    values.extend(panel.limits.iter().map(|limit| limit.value));
    values.extend(panel.zones.iter().flat_map(|zone| [zone.from, zone.to]));
    values.extend(panel.markers.iter().map(|marker| marker.y));
    panel.series.iter().for_each(|series| extend(&mut values, &series.shape, false));
    values
}

fn extend(values: &mut Vec<f64>, shape: &Shape, along_x: bool) {
    let pick = |point: &(f64, f64)| if along_x { point.0 } else { point.1 };
    match shape {
        Shape::Lines(lines) => values.extend(lines.iter().flatten().map(pick)),
        Shape::Steps(points) | Shape::Points(_, points) => values.extend(points.iter().map(pick)),
        Shape::Band(band) if along_x => values.extend(band.iter().map(|row| row.0)),
        Shape::Band(band) => values.extend(band.iter().flat_map(|row| [row.1, row.2])),
        Shape::Bars(bars) if along_x => values.extend(bars.iter().flat_map(|bar| [bar.x_from, bar.x_to])),
        Shape::Bars(bars) => values.extend(bars.iter().flat_map(|bar| [bar.y_from, bar.y_to])),
    }
}
