//! The report as PDF/A-2b: the same document and the same figures as the page, set for paper.
//!
//! First the sections are laid out on sheets, then what stands before them, since the contents need page numbers;
//! then every page gets its margins: run, outcome, digest of the record, page number, and SIMULATED where it is so.
//! Same cover and document, same bytes: no clock, no machine, dates from the record.
//! Deliberately absent: content (see [`document`]); tags for screen readers (level A of the
//! standard), which the page serves.

pub mod block;
pub mod flow;
pub mod front;
pub mod grid;
pub mod picture;
pub mod sheet;
pub mod text;
pub mod typeface;
pub mod write;

use crate::{
    record::model::RunRecord,
    report::{
        document::{self, Block, Document, Section, cover::Cover},
        figure::table::Table,
    },
};
use flow::Flow;
use sheet::{AMBER, Color, Face, HEIGHT_PT, INK, Item, MEASURE_PT, RULE, SIDE_PT, SOFT, Sheet, Stroke, Style};
use typeface::Typefaces;

/// Why a report could not be written: what the library said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the PDF report could not be written ({0}); the page report.html holds the same content")]
pub struct PdfError(pub String);

/// The report of a run.
///
/// # Errors
///
/// [`PdfError`].
pub fn run(record: &RunRecord) -> Result<Vec<u8>, PdfError> {
    bytes(&Cover::of(record), &Document::of(record))
}

/// A cover with its document.
///
/// # Errors
///
/// [`PdfError`].
pub fn bytes(cover: &Cover, document: &Document) -> Result<Vec<u8>, PdfError> {
    let faces = Typefaces::load();
    let flow = pages(&faces, cover, document);
    let digests: Vec<&str> = cover.sources.iter().map(|source| source.digest.as_str()).collect();
    let simulated = if cover.simulated { " \u{b7} SIMULATED" } else { "" };
    let about = write::About {
        title: format!("{} \u{b7} {}{simulated}", cover.word, cover.runs()),
        subject: cover.overline.to_owned(),
        created: cover.started.clone(),
        id: digests.join(" "),
    };
    write::bytes(&faces, &flow.sheets, &flow.anchors, &flow.headings, &about)
}

/// Every page, complete.
fn pages<'f>(faces: &'f Typefaces, cover: &Cover, document: &Document) -> Flow<'f> {
    let mut flow = laid_out(faces, cover, document);
    let pages = flow.sheets.len();
    for (index, sheet) in flow.sheets.iter_mut().enumerate() {
        margins(faces, sheet, cover, index + 1, pages);
    }
    flow
}

/// Every page without its margins.
fn laid_out<'f>(faces: &'f Typefaces, cover: &Cover, document: &Document) -> Flow<'f> {
    let mut body = Flow::new(faces);
    for section in &document.sections {
        if !body.is_at_top() {
            body.turn();
        }
        self::section(&mut body, document, section, 1);
    }
    numbers(&mut body, document);
    // How many pages the contents take does not depend on the page numbers in them.
    let pages = front_of(faces, cover, &body, 0).sheets.len();
    let mut flow = front_of(faces, cover, &body, pages);
    flow.headings.retain(|heading| heading.level == 1 || heading.id == "signatures");
    flow.append(body);
    flow
}

fn front_of<'f>(faces: &'f Typefaces, cover: &Cover, body: &Flow<'_>, first_page: usize) -> Flow<'f> {
    let mut flow = Flow::new(faces);
    front::cover(&mut flow, cover);
    front::signatures(&mut flow, cover);
    front::contents(&mut flow, &body.headings, first_page);
    flow
}

fn section(flow: &mut Flow<'_>, document: &Document, section: &Section, level: u8) {
    let first = section.blocks.first().or_else(|| section.subsections.first()?.blocks.first());
    flow.heading(level, &section.title, &section.id, first.map_or(0.0, block::lead_pt));
    section.blocks.iter().for_each(|content| block::put(flow, document, content));
    section.subsections.iter().for_each(|below| self::section(flow, document, below, level + 1));
}

/// The tables of the figures, after the sections; budgets have theirs beside them.
fn numbers(flow: &mut Flow<'_>, document: &Document) {
    let figures: Vec<_> = document::blocks(&document.sections)
        .into_iter()
        .filter_map(|block| if let Block::Figure(figure) = block { Some(figure) } else { None })
        .collect();
    if figures.is_empty() {
        return;
    }
    flow.turn();
    flow.heading(1, "Numbers of the figures", "numbers", 80.0);
    for figure in figures {
        let label = document.label(&figure.id).unwrap_or("Figure");
        flow.space(6.0);
        flow.ensure(grid::Grid::lead_pt() + 40.0);
        flow.anchor(&block::numbers_id(&figure.id));
        block::table(flow, &Table { id: String::new(), ..figure.table.clone() }, Some(&format!("Numbers of {label}")));
    }
}

/// What stands on every page around its content.
fn margins(faces: &Typefaces, sheet: &mut Sheet, cover: &Cover, page: usize, pages: usize) {
    const SMALL: Style = Style::new(Face::Regular, 7.4, SOFT);
    const STRONG: Style = Style::new(Face::Strong, 7.4, INK);
    const DIGEST: Style = Style::new(Face::Mono, 6.2, SOFT);
    let right = SIDE_PT + MEASURE_PT;
    let mut at_right = |style: Style, words: &str, baseline: f64| {
        let words = faces.printable(style.face, words);
        let x = right - faces.width_pt(style, &words);
        sheet.items.push(Item::Words { x, y: baseline, style, words });
    };
    at_right(SMALL, &format!("Page {page} of {pages}"), HEIGHT_PT - 32.0);
    if cover.simulated {
        at_right(Style { color: AMBER, size_pt: 9.5, ..STRONG }, "SIMULATED", 44.0);
    }
    let run = faces.printable(Face::Strong, &cover.runs());
    // A name may come from a file: it is cut where it would run into the banner.
    let room = MEASURE_PT - 150.0;
    let mut shown = String::new();
    for character in run.chars() {
        if faces.width_pt(STRONG, &shown) > room {
            shown.push('\u{2026}');
            break;
        }
        shown.push(character);
    }
    let after = SIDE_PT + faces.width_pt(STRONG, &shown) + 8.0;
    sheet.words(SIDE_PT, 44.0, STRONG, shown);
    sheet.words(after, 44.0, SMALL, cover.word);
    sheet.line([SIDE_PT, 51.0], [right, 51.0], Stroke::solid(RULE, 0.6));
    sheet.line([SIDE_PT, HEIGHT_PT - 48.0], [right, HEIGHT_PT - 48.0], Stroke::solid(RULE, 0.6));
    for (index, source) in cover.sources.iter().enumerate() {
        let words = faces.printable(Face::Mono, &format!("SHA-256 {}", source.digest));
        sheet.words(SIDE_PT, HEIGHT_PT - 32.0 + 9.0 * index as f64, DIGEST, words);
    }
    if cover.simulated {
        let style = Style::new(Face::Strong, 88.0, Color(252, 248, 238));
        sheet.items.insert(0, Item::Watermark { style, words: "SIMULATED".to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::{
        pages, run,
        sheet::{HEIGHT_PT, Item, WIDTH_PT},
        typeface::Typefaces,
    };
    use crate::{
        acceptance::Verdict,
        record::model::RunRecord,
        report::{
            criterion,
            document::{Document, cover::Cover},
            sample,
        },
    };

    /// The words of each page, those of one line joined.
    fn words(record: &RunRecord) -> Vec<String> {
        let faces = Typefaces::load();
        let flow = pages(&faces, &Cover::of(record), &Document::of(record));
        let mut found = Vec::new();
        for sheet in &flow.sheets {
            let mut page = String::new();
            for item in &sheet.items {
                let Item::Words { x, y, style, words } = item else { continue };
                let right = x + faces.width_pt(*style, words);
                assert!(*x > 0.0 && right < WIDTH_PT && *y > 0.0 && *y < HEIGHT_PT, "{words:?} at {x}, {y}");
                page.push_str(words);
                page.push(' ');
            }
            found.push(page);
        }
        found
    }

    fn squeezed(text: &str) -> String {
        text.split_whitespace().collect()
    }

    /// ISO 19005-2, as far as it shows in the open parts of a file; the library checks the rest when it writes.
    #[test]
    fn every_kind_of_record_gives_a_file_that_is_pdf_a_2b() {
        let mut records: Vec<_> =
            [Verdict::Accept, Verdict::Reject, Verdict::Inconclusive, Verdict::Aborted].map(sample::empty).into();
        records.extend([sample::accepted(300), sample::hostile(), sample::not_finite(), sample::set_depths(3)]);
        for mut record in records {
            record.verdict.started = "2026-08-10T09:15:00Z".to_owned();
            let bytes = run(&record).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            // 6.1.2: the header, and a comment of at least four bytes above 127.
            assert!(bytes.starts_with(b"%PDF-1.") && bytes[10..14].iter().all(|byte| *byte > 127));
            // 6.1.3: an identifier and no encryption; 6.6.2 and 6.6.4: metadata that claim part and level.
            assert!(text.contains("/ID[(") && !text.contains("/Encrypt"));
            assert!(text.contains("<pdfaid:part>2<") && text.contains("<pdfaid:conformance>B<"));
            // 6.2.3: an output intent with its profile.
            assert!(text.contains("/S/GTS_PDFA1") && text.contains("/DestOutputProfile"));
            // 6.2.11.4: every font is embedded.
            let (fonts, files) = (text.matches("/Type/FontDescriptor").count(), text.matches("/FontFile").count());
            assert!(fonts > 0 && fonts == files, "{fonts} fonts, {files} of them embedded");
            // 6.1.10, 6.5.1, 6.9: nothing that runs, nothing outside, nothing attached; no transparency at all.
            for forbidden in ["/JavaScript", "/Launch", "/URI", "/EmbeddedFile", "/SMask", "/ca ", "/LZWDecode"] {
                assert!(!text.contains(forbidden), "{forbidden}");
            }
        }
    }

    #[test]
    fn every_page_names_run_digest_page_number_and_simulation() {
        let mut record = sample::accepted(300);
        let found = words(&record);
        let pages = found.len();
        assert!(pages > 8, "{pages} pages");
        for (index, page) in found.iter().enumerate() {
            let number = format!("Page {} of {pages}", index + 1);
            for expected in [&record.verdict.run, &record.digest, number.as_str(), "SIMULATED"] {
                assert!(page.contains(expected), "{expected} is not on page {}", index + 1);
            }
        }
        record.verdict.simulated = false;
        record.verdict.rig = "bench".to_owned();
        assert!(words(&record).iter().all(|page| !page.contains("SIMULATED")));
    }

    #[test]
    fn everything_of_the_record_is_there() {
        let record = sample::accepted(1000);
        let text = squeezed(&words(&record).concat());
        let mut expected = vec!["Signatures".to_owned(), "Contents".to_owned(), "Reviewed by".to_owned()];
        for row in &record.verdict.criteria {
            expected.extend([criterion::name(row), row.method.clone(), row.reason.clone(), row.rationale.clone()]);
        }
        expected.extend(record.checks.iter().map(|check| check.detail.clone()));
        expected.extend(record.settings.iter().map(|(_, text)| text.clone()));
        expected.extend(record.journal.iter().map(|line| line.text.clone()));
        for words in expected {
            assert!(text.contains(&squeezed(&words)), "{words}");
        }
        for (index, _) in record.captures.iter().enumerate().take(12) {
            assert!(text.contains(&format!("press-1.5mm-{index:02}")), "{index}");
        }
    }

    #[test]
    fn hostile_texts_stay_on_the_page_and_are_shown() {
        let text = words(&sample::hostile()).concat();
        assert!(text.contains("<script>") && text.contains("[U+001B]"));
    }

    #[test]
    fn a_record_without_a_date_is_refused_by_name() {
        let error = run(&sample::hostile()).unwrap_err().to_string();
        assert!(error.contains("which is no time") && error.contains("report.html"), "{error}");
    }

    #[test]
    fn same_record_same_bytes() {
        assert_eq!(run(&sample::accepted(500)), run(&sample::accepted(500)));
    }

    #[test]
    fn size_does_not_follow_the_number_of_strokes() {
        let bytes = run(&sample::accepted(200_000)).unwrap();
        assert!(bytes.len() < 700_000, "{} bytes", bytes.len());
    }
}
