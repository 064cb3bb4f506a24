//! One panel of a figure: zones, grid, marks, limits, labels, back to front.

use crate::report::figure::{
    Figure, Limit, Panel, Shape, Zone,
    label::{self, Flag, LINE_PX, Placer, width_px},
    mark::{self, Frame},
    picture::{Anchor, Ink, Picture, Role, Step},
    scale::Scale,
};

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

    /// Adds the panel to `picture`.
    pub fn draw(&self, picture: &mut Picture) {
        self.zones(picture);
        self.grid(picture);
        let (figure, panel) = (self.figure, self.panel);
        let frame = Frame { x: self.x, y: &self.y, x_unit: figure.x.unit, y_unit: panel.y.unit, rows: &panel.y.rows };
        panel.series.iter().for_each(|series| mark::draw(picture, series, frame));
        self.limits_of_x(picture);
        self.limits_of_y(picture);
        self.markers(picture);
        let above = self.top - self.strip - 13.0;
        picture.words(Ink::plain(Role::Strong), 0.0, above, Anchor::Start, &panel.y.title());
    }

    fn zones(&self, picture: &mut Picture) {
        let is_finite = |zone: &&Zone| zone.from.is_finite() && zone.to.is_finite();
        for zone in self.figure.zones.iter().filter(is_finite) {
            let x = [self.x.px(zone.from), self.x.px(zone.to)];
            picture.rectangle(Ink::toned(Role::Zone, zone.tone), x, [self.top, self.bottom], None);
        }
        for zone in self.panel.zones.iter().filter(is_finite) {
            let y = [self.y.px(zone.from), self.y.px(zone.to)];
            picture.rectangle(Ink::toned(Role::Zone, zone.tone), [self.left, self.right], y, None);
        }
    }

    fn grid(&self, picture: &mut Picture) {
        let mut lines = Vec::new();
        for (value, _) in self.x.ticks() {
            let x = self.x.px(value);
            lines.extend([Step::Move(x, self.top), Step::Line(x, self.bottom)]);
        }
        if self.panel.y.rows.is_empty() {
            for (value, label) in self.y.ticks() {
                let y = self.y.px(value);
                lines.extend([Step::Move(self.left, y), Step::Line(self.right, y)]);
                picture.words(Ink::plain(Role::Tick), self.left - 8.0, y + 4.0, Anchor::End, &label);
            }
        }
        for (row, name) in self.panel.y.rows.iter().enumerate() {
            let y = self.y.px(row as f64) + 4.0;
            picture.words(Ink::plain(Role::Text), self.left - 10.0, y, Anchor::End, &short(name));
        }
        picture.path(Ink::plain(Role::Grid), lines);
        let corner = Step::Line(self.left, self.bottom);
        let axis = vec![Step::Move(self.left, self.top), corner, Step::Line(self.right, self.bottom)];
        picture.path(Ink::plain(Role::Axis), axis);
    }

    /// Vertical lines, with their labels as flags above the first panel.
    fn limits_of_x(&self, picture: &mut Picture) {
        for (index, limit) in finite(&self.figure.limits).enumerate() {
            let px = self.x.px(limit.value);
            let flag = self.flags.get(index).filter(|_| !limit.label.is_empty());
            let baseline = flag.map(|flag| self.top - 5.0 - flag.row as f64 * LINE_PX);
            let from = baseline.map_or(self.top, |baseline| baseline - 9.0);
            picture.line(Ink::toned(Role::Rule, limit.tone), [px, from], [px, self.bottom]);
            if let (Some(flag), Some(baseline)) = (flag, baseline) {
                picture.words(Ink::toned(Role::Toned, limit.tone), flag.x, baseline, Anchor::Start, &limit.label);
            }
        }
    }

    /// Horizontal lines, with their labels in the right margin.
    fn limits_of_y(&self, picture: &mut Picture) {
        let heights: Vec<f64> = finite(&self.panel.limits).map(|limit| self.y.px(limit.value)).collect();
        let baselines = label::spread(&heights);
        for ((limit, px), baseline) in finite(&self.panel.limits).zip(heights).zip(baselines) {
            picture.line(Ink::toned(Role::Rule, limit.tone), [self.left, px], [self.right, px]);
            let ink = Ink::toned(Role::Toned, limit.tone);
            picture.words(ink, self.right + 6.0, baseline + 4.0, Anchor::Start, &limit.label);
        }
    }

    fn markers(&self, picture: &mut Picture) {
        let mut placer = Placer::new(self.left, self.right, self.top, self.bottom - 4.0);
        for marker in &self.panel.markers {
            if !(self.x.holds(marker.x) && self.y.holds(marker.y)) {
                continue;
            }
            let (px, py) = (self.x.px(marker.x), self.y.px(marker.y));
            let ink = Ink::toned(Role::MarkDot, marker.tone);
            picture.point(ink, marker.form, px, py, Some(marker.label.clone()));
            let place = placer.beside(&marker.label, px, py);
            picture.words(Ink::plain(Role::Halo), place.x, place.y, Anchor::Start, &marker.label);
        }
    }
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
