//! Sheets to PDF/A-2b (ISO 19005-2, level B).
//!
//! Same sheets, same bytes: dates and identifiers come from the record. Fonts are embedded as subsets, colours are
//! tied to sRGB, nothing is transparent. The library refuses what the standard forbids; its refusal is an error here.

use super::{
    PdfError,
    flow::{Heading, Place},
    sheet::{Color, Face, HEIGHT_PT, Item, Sheet, Stroke as Line, Style, WIDTH_PT},
    typeface::Typefaces,
};
use crate::report::figure::picture::Step;
use krilla::{
    Document, SerializeSettings,
    annotation::{Annotation, LinkAnnotation, Target},
    color::rgb,
    configure::{Archival, ConfigurationBuilder},
    destination::{Destination, XyzDestination},
    geom::{Path, PathBuilder, Point, Rect, Transform},
    metadata::{DateTime, Metadata},
    outline::{Outline, OutlineNode},
    page::{Page, PageSettings},
    paint::{Fill, Stroke, StrokeDash},
    surface::Surface,
    text::{Font, GlyphId, KrillaGlyph},
};
use std::collections::BTreeMap;

/// What a file says about itself.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct About {
    pub title: String,
    pub subject: String,
    /// RFC 3339, UTC.
    pub created: String,
    /// What the file is known by.
    pub id: String,
}

/// The file.
///
/// # Errors
///
/// [`PdfError`] where the library refuses to write it.
pub fn bytes(
    faces: &Typefaces,
    sheets: &[Sheet],
    anchors: &BTreeMap<String, Place>,
    headings: &[Heading],
    about: &About,
) -> Result<Vec<u8>, PdfError> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_B)
        .finish()
        .map_err(|error| PdfError(format!("{error:?}")))?;
    let mut document = Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let fonts = Fonts::new(faces)?;
    for sheet in sheets {
        let settings = PageSettings::from_wh(WIDTH_PT as f32, HEIGHT_PT as f32)
            .ok_or_else(|| PdfError("the size of a page is none".to_owned()))?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        sheet.items.iter().for_each(|item| draw(&mut surface, &fonts, item));
        surface.finish();
        sheet.items.iter().for_each(|item| link(&mut page, anchors, item));
        page.finish();
    }
    document.set_outline(outline(headings));
    document.set_metadata(metadata(faces, about)?);
    document.finish().map_err(|error| PdfError(format!("{error:?}")))
}

/// The faces as the library knows them.
struct Fonts<'f> {
    faces: &'f Typefaces,
    fonts: [Font; 3],
}

impl<'f> Fonts<'f> {
    fn new(faces: &'f Typefaces) -> Result<Self, PdfError> {
        let font = |face| {
            Font::new(faces.face(face).data.into(), 0).ok_or_else(|| PdfError(format!("{face:?} cannot be read")))
        };
        Ok(Self { faces, fonts: [font(Face::Regular)?, font(Face::Strong)?, font(Face::Mono)?] })
    }

    fn font(&self, face: Face) -> Font {
        let [regular, strong, mono] = &self.fonts;
        match face {
            Face::Regular => regular.clone(),
            Face::Strong => strong.clone(),
            Face::Mono => mono.clone(),
        }
    }
}

fn draw(surface: &mut Surface<'_>, fonts: &Fonts<'_>, item: &Item) {
    match item {
        Item::Words { x, y, style, words } => put_words(surface, fonts, [*x, *y], *style, words),
        Item::Watermark { style, words } => {
            let (x, y) = (WIDTH_PT / 2.0, HEIGHT_PT / 2.0);
            surface.push_transform(&Transform::from_rotate_at(-52.0, x as f32, y as f32));
            let left = x - fonts.faces.width_pt(*style, words) / 2.0;
            put_words(surface, fonts, [left, y + 0.35 * style.size_pt], *style, words);
            surface.pop();
        }
        Item::Shape { steps, fill, stroke } => {
            let Some(path) = path(steps) else { return };
            surface.set_fill(fill.map(self::fill));
            surface.set_stroke(stroke.map(self::stroke));
            surface.draw_path(&path);
        }
        Item::Disc { x, y, radius, fill } => {
            let Some(path) = circle(*x, *y, *radius) else { return };
            surface.set_fill(Some(self::fill(*fill)));
            surface.set_stroke(None);
            surface.draw_path(&path);
        }
        Item::Link { .. } => {}
    }
}

fn put_words(surface: &mut Surface<'_>, fonts: &Fonts<'_>, [x, y]: [f64; 2], style: Style, words: &str) {
    let face = fonts.faces.face(style.face);
    // What the face lacks was replaced before it was measured; see `Typefaces::printable`.
    let glyphs: Vec<KrillaGlyph> = words
        .char_indices()
        .filter_map(|(start, character)| Some((start, character, face.glyph(character)?)))
        .map(|(start, character, glyph)| {
            let range = start..start + character.len_utf8();
            KrillaGlyph::new(GlyphId::new(glyph.id), glyph.advance_em as f32, 0.0, 0.0, 0.0, range, None)
        })
        .collect();
    if glyphs.is_empty() {
        return;
    }
    surface.set_fill(Some(fill(style.color)));
    surface.set_stroke(None);
    let start = Point::from_xy(x as f32, y as f32);
    surface.draw_glyphs(start, &glyphs, fonts.font(style.face), words, style.size_pt as f32, false);
}

fn paint(Color(red, green, blue): Color) -> rgb::Color {
    rgb::Color::new(red, green, blue)
}

fn fill(color: Color) -> Fill {
    Fill { paint: paint(color).into(), ..Fill::default() }
}

fn stroke(line: Line) -> Stroke {
    let dash = line.dash_pt.map(|dash| StrokeDash { array: dash.map(|pt| pt as f32).to_vec(), offset: 0.0 });
    Stroke { paint: paint(line.color).into(), width: line.width_pt as f32, dash, ..Stroke::default() }
}

fn path(steps: &[Step]) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for step in steps {
        match *step {
            Step::Move(x, y) => builder.move_to(x as f32, y as f32),
            Step::Line(x, y) => builder.line_to(x as f32, y as f32),
            Step::Close => builder.close(),
        }
    }
    builder.finish()
}

/// A circle of four cubic curves; they leave it by less than three parts in ten thousand of its radius.
fn circle(x: f64, y: f64, radius: f64) -> Option<Path> {
    let (x, y, r, k) = (x as f32, y as f32, radius as f32, 0.552_284_8 * radius as f32);
    let mut builder = PathBuilder::new();
    builder.move_to(x + r, y);
    builder.cubic_to(x + r, y + k, x + k, y + r, x, y + r);
    builder.cubic_to(x - k, y + r, x - r, y + k, x - r, y);
    builder.cubic_to(x - r, y - k, x - k, y - r, x, y - r);
    builder.cubic_to(x + k, y - r, x + r, y - k, x + r, y);
    builder.close();
    builder.finish()
}

fn destination(place: Place) -> XyzDestination {
    XyzDestination::new(place.0, Point::from_xy(0.0, (place.1 - 12.0).max(0.0) as f32))
}

/// A link whose anchor is absent is words only.
fn link(page: &mut Page<'_>, anchors: &BTreeMap<String, Place>, item: &Item) {
    let Item::Link { field, target } = item else { return };
    let [left, top, right, bottom] = field.map(|pt| pt as f32);
    if let (Some(place), Some(field)) = (anchors.get(target), Rect::from_ltrb(left, top, right, bottom)) {
        let target = Target::Destination(Destination::Xyz(destination(*place)));
        page.add_annotation(Annotation::new_link(LinkAnnotation::new(field, target), None));
    }
}

/// Bookmarks: sections, and what is below them.
fn outline(headings: &[Heading]) -> Outline {
    let mut outline = Outline::new();
    let node = |heading: &Heading| OutlineNode::new(heading.title.clone(), destination(heading.place));
    let mut open: Option<OutlineNode> = None;
    for heading in headings.iter().filter(|heading| heading.level <= 2) {
        match &mut open {
            Some(parent) if heading.level == 2 => parent.push_child(node(heading)),
            _ => open.replace(node(heading)).into_iter().for_each(|done| outline.push_child(done)),
        }
    }
    open.into_iter().for_each(|done| outline.push_child(done));
    outline
}

fn metadata(faces: &Typefaces, about: &About) -> Result<Metadata, PdfError> {
    // Control characters may not stand in the XML of the metadata.
    let words = |text: &str| faces.printable(Face::Regular, text);
    let program = format!("rig {}", crate::version::BUILD);
    let created = date(&about.created).ok_or_else(|| {
        let start = words(&about.created);
        PdfError(format!("a kept file needs a date, and the record gives its start as {start:?}, which is no time"))
    })?;
    Ok(Metadata::new()
        .title(words(&about.title))
        .description(words(&about.subject))
        .language("en".to_owned())
        .creator(program.clone())
        .producer(program)
        .document_id(about.id.clone())
        .creation_date(created))
}

/// A time stamp of the record; `None` where it is none.
fn date(text: &str) -> Option<DateTime> {
    let stamp: jiff::Timestamp = text.parse().ok()?;
    let utc = stamp.to_zoned(jiff::tz::TimeZone::UTC);
    let part = |value: i8| u8::try_from(value).ok();
    let date = DateTime::new(u16::try_from(utc.year()).ok()?).month(part(utc.month())?).day(part(utc.day())?);
    let time = date.hour(part(utc.hour())?).minute(part(utc.minute())?).second(part(utc.second())?);
    Some(time.utc_offset_hour(0).utc_offset_minute(0))
}
