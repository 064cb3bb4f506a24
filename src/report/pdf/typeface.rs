//! The fonts of the report: which characters they have, and how wide each is.
//!
//! Characters map to glyphs one by one, without kerning or ligatures; figures are of equal width. A character that a
//! face lacks is printed by its code point, `[U+4E2D]`: nothing is dropped.

use super::sheet::{Face, Style};
use skrifa::{
    FontRef, MetadataProvider,
    instance::{LocationRef, Size},
};
use std::collections::HashMap;

/// A glyph of a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glyph {
    /// Number in the font.
    pub id: u32,
    /// Advance, em.
    pub advance_em: f64,
}

/// One face.
#[derive(Debug)]
pub struct Typeface {
    /// The font file.
    pub data: &'static [u8],
    glyphs: HashMap<char, Glyph>,
}

impl Typeface {
    fn new(data: &'static [u8]) -> Self {
        let font = FontRef::new(data).expect("the fonts are part of the program and tested");
        let metrics = font.glyph_metrics(Size::unscaled(), LocationRef::default());
        let units_per_em = f64::from(font.metrics(Size::unscaled(), LocationRef::default()).units_per_em);
        let glyph = |id| {
            let advance = f64::from(metrics.advance_width(id).unwrap_or_default());
            Glyph { id: id.to_u32(), advance_em: advance / units_per_em }
        };
        let characters = font.charmap();
        let glyphs = characters.mappings().filter_map(|(code, id)| Some((char::from_u32(code)?, glyph(id)))).collect();
        Self { data, glyphs }
    }

    /// The glyph of a character, if the face has it.
    pub fn glyph(&self, character: char) -> Option<Glyph> {
        self.glyphs.get(&character).copied()
    }
}

/// The three faces.
#[derive(Debug)]
pub struct Typefaces {
    regular: Typeface,
    strong: Typeface,
    mono: Typeface,
}

impl Typefaces {
    /// Reads the fonts that are part of the program.
    pub fn load() -> Self {
        Self {
            regular: Typeface::new(include_bytes!("../../../fixtures/fonts/Inter-Regular.otf")),
            strong: Typeface::new(include_bytes!("../../../fixtures/fonts/Inter-SemiBold.otf")),
            mono: Typeface::new(include_bytes!("../../../fixtures/fonts/JetBrainsMono-Regular.ttf")),
        }
    }

    /// A face.
    pub fn face(&self, face: Face) -> &Typeface {
        match face {
            Face::Regular => &self.regular,
            Face::Strong => &self.strong,
            Face::Mono => &self.mono,
        }
    }

    /// Width of printable words, pt.
    pub fn width_pt(&self, style: Style, words: &str) -> f64 {
        let face = self.face(style.face);
        words.chars().filter_map(|character| face.glyph(character)).map(|glyph| glyph.advance_em).sum::<f64>()
            * style.size_pt
    }

    /// The text in characters that the face has; white space of every kind becomes a space.
    pub fn printable(&self, face: Face, text: &str) -> String {
        let face = self.face(face);
        let mut printable = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                _ if face.glyph(character).is_some() => printable.push(character),
                '\u{2011}' => printable.push('-'),
                '\u{202f}' | '\u{2007}' => printable.push('\u{a0}'),
                _ if character.is_whitespace() => printable.push(' '),
                _ => printable.push_str(&format!("[U+{:04X}]", u32::from(character))),
            }
        }
        printable
    }
}

#[cfg(test)]
mod tests {
    use super::Typefaces;
    use crate::report::pdf::sheet::{Face, INK, Style};

    #[test]
    fn what_a_face_lacks_is_printed_by_its_code_point() {
        let faces = Typefaces::load();
        for (text, printed) in [
            ("\u{3b1} \u{2264} 1.5 \u{b5}m", "\u{3b1} \u{2264} 1.5 \u{b5}m"),
            ("a\nb\tc", "a b c"),
            ("\u{4e2d}\u{1b}", "[U+4E2D][U+001B]"),
        ] {
            assert_eq!(faces.printable(Face::Regular, text), printed);
            assert_eq!(faces.printable(Face::Mono, text), printed);
        }
    }

    #[test]
    fn figures_are_of_equal_width() {
        let faces = Typefaces::load();
        for face in [Face::Regular, Face::Mono] {
            let style = Style::new(face, 10.0, INK);
            let widths = "0123456789".chars().map(|digit| faces.width_pt(style, &digit.to_string()));
            let (least, most) = widths.fold((f64::MAX, 0.0_f64), |(least, most), w| (least.min(w), most.max(w)));
            assert!(most - least < 1e-9 && least > 4.0, "{face:?}: {least} to {most}");
        }
    }
}
