//! Drawings on paper: colours, line widths and sizes of words for every role.

use super::{
    sheet::{Color, Face, INK, Item, Sheet, Stroke, Style},
    typeface::Typefaces,
};
use crate::report::figure::{
    Tone, Weight,
    picture::{Anchor, Geometry, Ink, Part, Picture, Role, Step},
};

/// Size of words in a figure, px of the drawing.
const WORDS_PX: f64 = 12.0;
const GRID: Color = Color(228, 232, 236);
const QUIET: Color = Color(125, 136, 148);
const ROOM: Color = Color(227, 244, 233);
const WHITE: Color = Color(255, 255, 255);

/// Puts a drawing on a sheet, its upper left corner at `origin`, `scale` points a px.
pub fn put(faces: &Typefaces, sheet: &mut Sheet, picture: &Picture, origin: [f64; 2], scale: f64) {
    let to_page = |x: f64, y: f64| (origin[0] + x * scale, origin[1] + y * scale);
    for part in picture.parts.iter().filter(|part| part.ink.role != Role::Hover) {
        match &part.geometry {
            Geometry::Words { .. } => put_words(faces, sheet, part, &to_page, scale),
            Geometry::Circle { x, y, radius } => {
                let (x, y) = to_page(*x, *y);
                sheet.items.push(Item::Disc { x, y, radius: radius * scale, fill: fill(part.ink) });
            }
            Geometry::Rectangle { x, y, width, height } => {
                let ((left, top), (right, bottom)) = (to_page(*x, *y), to_page(x + width, y + height));
                sheet.rectangle([left, top, right, bottom], Some(fill(part.ink)), None);
            }
            Geometry::Path(steps) => {
                let steps = steps.iter().map(|step| match *step {
                    Step::Move(x, y) => Step::Move(to_page(x, y).0, to_page(x, y).1),
                    Step::Line(x, y) => Step::Line(to_page(x, y).0, to_page(x, y).1),
                    Step::Close => Step::Close,
                });
                let stroke = stroke(part.ink, scale);
                let fill = stroke.is_none().then(|| fill(part.ink));
                sheet.items.push(Item::Shape { steps: steps.collect(), fill, stroke });
            }
        }
    }
}

fn put_words(faces: &Typefaces, sheet: &mut Sheet, part: &Part, to_page: &impl Fn(f64, f64) -> (f64, f64), scale: f64) {
    let Geometry::Words { x, y, anchor, words } = &part.geometry else { return };
    let face = if part.ink.role == Role::Strong { Face::Strong } else { Face::Regular };
    let color = match part.ink.role {
        Role::Tick => INK.over_white(0.75),
        Role::Toned if part.ink.tone != Some(Tone::Quiet) => tone(part.ink.tone),
        _ => INK,
    };
    let style = Style::new(face, WORDS_PX * scale, color);
    let words = faces.printable(face, words);
    let width = faces.width_pt(style, &words);
    let (x, y) = to_page(*x, *y);
    let x = match anchor {
        Anchor::Start => x,
        Anchor::Middle => x - width / 2.0,
        Anchor::End => x - width,
    };
    if part.ink.role == Role::Halo {
        let field = [x - 1.0, y - style.size_pt * 0.78, x + width + 1.0, y + style.size_pt * 0.22];
        sheet.rectangle(field, Some(WHITE), None);
    }
    sheet.words(x, y, style, words);
}

/// The colour of a tone on white paper, as on the light page.
fn tone(tone: Option<Tone>) -> Color {
    match tone {
        Some(Tone::Protrusion) => Color(26, 95, 180),
        Some(Tone::Penetration) => Color(179, 89, 0),
        Some(Tone::Force) => Color(45, 106, 79),
        Some(Tone::Limit) => Color(107, 47, 160),
        Some(Tone::Fault) => Color(192, 24, 43),
        Some(Tone::Quiet) => QUIET,
        None => INK,
    }
}

fn fill(ink: Ink) -> Color {
    let thin = ink.weight == Weight::Thin;
    match ink.role {
        Role::Band => tone(ink.tone).over_white(0.22),
        Role::Bar => tone(ink.tone).over_white(if thin { 0.4 } else { 0.82 }),
        Role::Zone => tone(ink.tone.or(Some(Tone::Limit))).over_white(0.16),
        Role::Room => ROOM,
        Role::Dot if thin => tone(ink.tone).over_white(0.75),
        _ => tone(ink.tone),
    }
}

/// How the line of a path is drawn; `None` where it is filled.
fn stroke(ink: Ink, scale: f64) -> Option<Stroke> {
    let thin = ink.weight == Weight::Thin;
    let line = |color, width_px: f64, dash_px: Option<[f64; 2]>| {
        Some(Stroke { color, width_pt: width_px * scale, dash_pt: dash_px.map(|dash| dash.map(|px| px * scale)) })
    };
    match ink.role {
        Role::Line if thin => line(tone(ink.tone).over_white(0.6), 0.8, None),
        Role::Line => line(tone(ink.tone), 1.6, (ink.weight == Weight::Dashed).then_some([5.0, 4.0])),
        Role::MarkLine => line(tone(ink.tone), 2.2, None),
        Role::Rule if ink.tone == Some(Tone::Quiet) => line(QUIET, 0.9, Some([2.0, 4.0])),
        Role::Rule => line(tone(ink.tone), 1.3, Some([7.0, 3.0])),
        Role::Grid => line(GRID, 1.0, None),
        Role::Axis => line(QUIET, 1.0, None),
        Role::Edge => line(tone(Some(Tone::Limit)), 2.0, None),
        Role::TickMark => line(INK, 2.0, None),
        _ => None,
    }
}
