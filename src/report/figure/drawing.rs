//! From a figure to a drawing: legend, panels above each other, the shared x axis beneath.

use crate::report::figure::{
    Figure, Series, Shape,
    label::{Placed, width_px},
    mark,
    picture::{Anchor, Ink, Picture, Role},
    plot::{self, Plot},
    scale::Scale,
};

/// Width of every figure, px.
const WIDTH_PX: f64 = 760.0;
const FOOT_PX: f64 = 46.0;
const LEGEND_LINE_PX: f64 = 22.0;

/// Draws a figure.
pub fn draw(figure: &Figure) -> Picture {
    let legend = legend_places(figure);
    let mut bottom = legend.last().map_or(0.0, |(_, place)| place.y + 8.0);
    let sides = plot::sides(figure, WIDTH_PX);
    let x = Scale::over(plot::x_values(figure), sides[0], sides[1], 8.0);
    let mut plots = Vec::with_capacity(figure.panels.len());
    for (index, panel) in figure.panels.iter().enumerate() {
        let plot = Plot::new(figure, panel, &x, sides, bottom, index == 0);
        bottom = plot.bottom_px();
        plots.push(plot);
    }
    let mut picture = Picture::new(WIDTH_PX, bottom + FOOT_PX);
    legend.iter().for_each(|(series, place)| legend_entry(&mut picture, series, place));
    plots.iter().for_each(|plot| plot.draw(&mut picture));
    for (value, label) in x.ticks() {
        picture.words(Ink::plain(Role::Tick), x.px(value), bottom + 18.0, Anchor::Middle, &label);
    }
    let middle = f64::midpoint(sides[0], sides[1]);
    picture.words(Ink::plain(Role::Strong), middle, bottom + 38.0, Anchor::Middle, &figure.x.title());
    picture
}

/// Places for the names of the series; none where there is only one.
fn legend_places(figure: &Figure) -> Vec<(&Series, Placed)> {
    let mut named: Vec<&Series> = Vec::new();
    for series in figure.panels.iter().flat_map(|panel| &panel.series) {
        if !series.name.is_empty() && !named.iter().any(|other| other.name == series.name) {
            named.push(series);
        }
    }
    if named.len() < 2 {
        return Vec::new();
    }
    let (mut x, mut y) = (4.0, 14.0);
    let mut places = Vec::with_capacity(named.len());
    for series in named {
        let width = width_px(&series.name) + 46.0;
        if x > 4.0 && x + width > WIDTH_PX {
            (x, y) = (4.0, y + LEGEND_LINE_PX);
        }
        places.push((series, Placed { x, y }));
        x += width;
    }
    places
}

fn legend_entry(picture: &mut Picture, series: &Series, place: &Placed) {
    let (x, y) = (place.x, place.y - 4.0);
    match &series.shape {
        Shape::Points(form, _) => picture.point(mark::ink(series, Role::Dot), *form, x + 12.0, y, None),
        Shape::Lines(_) | Shape::Steps(_) => picture.line(mark::ink(series, Role::Line), [x, y], [x + 24.0, y]),
        Shape::Band(_) | Shape::Bars(_) => {
            let role = if matches!(series.shape, Shape::Band(_)) { Role::Band } else { Role::Bar };
            picture.rectangle(mark::ink(series, role), [x + 2.0, x + 22.0], [y - 5.0, y + 5.0], None);
        }
    }
    picture.words(Ink::plain(Role::Text), place.x + 30.0, place.y, Anchor::Start, &series.name);
}
