//! Figures as SVG: crisp, themed by the page through CSS variables, the same bytes for the same figure.
//!
//! The writer maps roles, tones and weights to CSS classes; [`STYLE`] gives the classes their colours, dark and light.
//! Nothing outside the element is referred to.

use crate::report::figure::{
    Figure, Tone, Weight, drawing,
    picture::{Anchor, Geometry, Ink, Part, Picture, Role, Step},
};
use std::fmt::Write;

/// The classes of every figure. A page includes it once; [`standalone`] carries it along.
pub const STYLE: &str = include_str!("figure.css");

/// The figure as one inline `<svg>` element, to stand in a page that includes [`STYLE`].
pub fn inline(figure: &Figure) -> String {
    element(figure, "")
}

/// The figure as a file of its own.
pub fn standalone(figure: &Figure) -> String {
    element(figure, &format!("<style>svg{{background:var(--surface,#fff)}}{}</style>", escape(STYLE)))
}

fn element(figure: &Figure, style: &str) -> String {
    let id = escape(&figure.id);
    let head = format!(
        concat!(
            r#"class="figure" role="img" aria-labelledby="{id}-title {id}-desc"><title id="{id}-title">{title}</title>"#,
            r#"<desc id="{id}-desc">{words}</desc>{style}"#
        ),
        id = id,
        title = escape(&figure.title),
        words = escape(&figure.alternative),
        style = style
    );
    write(&drawing::draw(figure), &head)
}

/// A small drawing that stands in a line of a table; `words` is its text alternative.
pub fn small(picture: &Picture, class: &str, words: &str) -> String {
    let words = escape(words);
    write(picture, &format!(r#"class="figure {class}" role="img" aria-label="{words}"><title>{words}</title>"#))
}

/// The drawing as an element; `head` is what stands between the size and the first part.
fn write(picture: &Picture, head: &str) -> String {
    let mut svg = String::with_capacity(16_384);
    let (width, height) = (coordinate(picture.width), coordinate(picture.height));
    let _ = write!(svg, r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {head}"#);
    picture.parts.iter().for_each(|part| self::part(&mut svg, part));
    svg.push_str("</svg>");
    svg
}

fn part(svg: &mut String, part: &Part) {
    let class = class(part.ink);
    let _ = match &part.geometry {
        Geometry::Path(steps) => write!(svg, r#"<path class="{class}" d="{}""#, outline(steps)),
        Geometry::Circle { x, y, radius } => {
            let [x, y, radius] = [*x, *y, *radius].map(coordinate);
            write!(svg, r#"<circle class="{class}" cx="{x}" cy="{y}" r="{radius}""#)
        }
        Geometry::Rectangle { x, y, width, height } => {
            let [x, y, width, height] = [*x, *y, *width, *height].map(coordinate);
            write!(svg, r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}""#)
        }
        Geometry::Words { x, y, anchor, words } => {
            let [x, y] = [*x, *y].map(coordinate);
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => r#" text-anchor="middle""#,
                Anchor::End => r#" text-anchor="end""#,
            };
            let _ = write!(svg, r#"<text class="{class}" x="{x}" y="{y}"{anchor}>{}</text>"#, escape(words));
            return;
        }
    };
    match &part.title {
        None => svg.push_str("/>"),
        Some(title) => {
            let name = match part.geometry {
                Geometry::Circle { .. } => "circle",
                Geometry::Rectangle { .. } => "rect",
                Geometry::Path(_) | Geometry::Words { .. } => "path",
            };
            let _ = write!(svg, "><title>{}</title></{name}>", escape(title));
        }
    }
}

/// Path data in absolute positions, as short as it gets; a step that leads nowhere is left out.
fn outline(steps: &[Step]) -> String {
    let mut data = String::with_capacity(steps.len() * 10);
    let (mut former_x, mut former_y) = (String::new(), String::new());
    for step in steps {
        let (x, y, begins) = match step {
            Step::Move(x, y) => (coordinate(*x), coordinate(*y), true),
            Step::Line(x, y) => (coordinate(*x), coordinate(*y), false),
            Step::Close => {
                data.push('z');
                continue;
            }
        };
        let _ = match (begins, x == former_x, y == former_y) {
            (true, ..) => write!(data, "M{x} {y}"),
            (false, true, true) => Ok(()),
            (false, true, false) => write!(data, "V{y}"),
            (false, false, true) => write!(data, "H{x}"),
            (false, false, false) => write!(data, "L{x} {y}"),
        };
        (former_x, former_y) = (x, y);
    }
    data
}

/// The CSS classes of a part.
fn class(ink: Ink) -> String {
    let weight = match ink.weight {
        Weight::Thin => "thin ",
        Weight::Normal => "",
        Weight::Dashed => "dashed ",
    };
    let tone = match ink.tone {
        Some(Tone::Protrusion) => "protrusion ",
        Some(Tone::Penetration) => "penetration ",
        Some(Tone::Force) => "force ",
        Some(Tone::Quiet) => "quiet ",
        Some(Tone::Limit) => "limit ",
        Some(Tone::Fault) => "fault ",
        None => "",
    };
    let role = match ink.role {
        Role::Line => "line",
        Role::Dot => "dot",
        Role::MarkDot => "mark dot",
        Role::MarkLine => "mark line",
        Role::Band => "band",
        Role::Bar => "bar",
        Role::Zone => "zone",
        Role::Rule => "rule",
        Role::Grid => "grid",
        Role::Axis => "axis",
        Role::Hover => "hover",
        Role::Text => "text",
        Role::Tick => "text tick",
        Role::Strong => "text strong",
        Role::Toned => "text toned",
        Role::Halo => "text halo",
        Role::Room => "room",
        Role::Edge => "edge",
        Role::TickMark => "tickmark",
    };
    format!("{tone}{weight}{role}")
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

#[cfg(test)]
mod tests {
    use super::{coordinate, escape, inline, standalone};
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

    #[test]
    fn coordinates_are_short_and_text_is_harmless() {
        assert_eq!([1.0, -0.01, 12.345].map(coordinate), ["1", "0", "12.3"]);
        assert_eq!(escape("<a b='\"'>&\u{0}\u{1b}"), "&lt;a b=&#39;&quot;&#39;&gt;&amp;\u{fffd}\u{fffd}");
    }
}
