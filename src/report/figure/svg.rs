//! Figures as SVG: crisp, themed by the page through CSS variables, the same bytes for the same figure.
//!
//! The writer maps tones to CSS classes; [`STYLE`] gives the classes their colours, dark and light. Nothing outside
//! the element is referred to.

use crate::report::figure::{
    Figure, Series, Shape,
    label::{Placed, width_px},
    mark::{self, coordinate, escape},
    plot::{self, Plot},
    scale::Scale,
};
use std::fmt::Write;

/// The classes of every figure. A page includes it once; [`standalone`] carries it along.
pub const STYLE: &str = include_str!("figure.css");

const WIDTH_PX: f64 = 760.0;
const FOOT_PX: f64 = 46.0;
const LEGEND_LINE_PX: f64 = 22.0;

/// The figure as one inline `<svg>` element, to stand in a page that includes [`STYLE`].
pub fn inline(figure: &Figure) -> String {
    element(figure, "")
}

/// The figure as a file of its own.
pub fn standalone(figure: &Figure) -> String {
    element(figure, &format!("<style>svg{{background:var(--surface,#fff)}}{}</style>", escape(STYLE)))
}

fn element(figure: &Figure, style: &str) -> String {
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
    let mut svg = String::with_capacity(16_384);
    let _ = write!(
        svg,
        concat!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="0 0 {} {}" role="img""#,
            r#" aria-labelledby="{id}-title {id}-desc"><title id="{id}-title">{}</title>"#,
            r#"<desc id="{id}-desc">{}</desc>{style}"#
        ),
        coordinate(WIDTH_PX),
        coordinate(bottom + FOOT_PX),
        escape(&figure.title),
        escape(&figure.alternative),
        id = escape(&figure.id),
        style = style
    );
    legend.iter().for_each(|(series, place)| legend_entry(&mut svg, series, place));
    plots.iter().for_each(|plot| plot.draw(&mut svg));
    for (value, label) in x.ticks() {
        plot::text(&mut svg, "text tick", x.px(value), bottom + 18.0, "middle", &label);
    }
    plot::text(&mut svg, "text strong", f64::midpoint(sides[0], sides[1]), bottom + 38.0, "middle", &figure.x.title());
    svg.push_str("</svg>");
    svg
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

fn legend_entry(svg: &mut String, series: &Series, place: &Placed) {
    let (x, y) = (place.x, place.y - 4.0);
    let class = mark::class(series);
    match &series.shape {
        Shape::Points(form, _) => mark::point(svg, &class, *form, x + 12.0, y, None),
        Shape::Lines(_) | Shape::Steps(_) => {
            let _ = write!(svg, r#"<path class="{class} line" d="M{} {}h24"/>"#, coordinate(x), coordinate(y));
        }
        Shape::Band(_) | Shape::Bars(_) => {
            let kind = if matches!(series.shape, Shape::Band(_)) { "band" } else { "bar" };
            let (x, y) = (coordinate(x + 2.0), coordinate(y - 5.0));
            let _ = write!(svg, r#"<rect class="{class} {kind}" x="{x}" y="{y}" width="20" height="10"/>"#);
        }
    }
    plot::text(svg, "text", place.x + 30.0, place.y, "start", &series.name);
}

#[cfg(test)]
mod tests {
    use super::{inline, standalone};
    use crate::report::{chart, markup_check, sample, selection};

    #[test]
    fn figures_are_well_formed_with_hostile_texts_and_numbers_that_are_none() {
        for record in [sample::accepted(1000), sample::hostile(), sample::not_finite(), sample::set_depths(2)] {
            for depth in selection::set_depths(&record) {
                let figures = [
                    chart::press::curves(&depth),
                    chart::press::refused(&depth),
                    chart::scan::scan(&depth),
                    chart::strokes::strokes(&depth),
                    chart::distribution::distribution(&depth),
                ];
                for figure in figures.into_iter().flatten() {
                    let svg = inline(&figure);
                    let markup = markup_check::read(&svg);
                    assert_eq!(markup.tags.first().map(String::as_str), Some("svg"));
                    assert!(svg.contains("role=\"img\"") && svg.contains("<desc"), "{}", figure.id);
                    assert_eq!(svg, inline(&figure));
                    let _ = markup_check::read(&standalone(&figure));
                    assert!(!figure.alternative.is_empty());
                }
            }
        }
    }

    #[test]
    fn a_missed_stroke_is_marked_once_each() {
        let record = sample::accepted(1000);
        let depths = selection::set_depths(&record);
        let svg = inline(&chart::strokes::strokes(&depths[0]).unwrap());
        // One cross each and one in the legend.
        assert_eq!(svg.matches("fault line").count(), 5 + 1);
    }
}
