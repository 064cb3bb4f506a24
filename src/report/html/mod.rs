//! The report as one HTML file: no outside resources, no script, light and dark, on paper and on narrow screens.
//!
//! Same record, same bytes. Figures are inline SVG with their numbers as a table beneath; folded parts open when
//! the page is printed.
//! Deliberately absent: content (see [`document`](crate::report::document)); this module only sets it.

pub mod block;
pub mod cover;

use crate::{
    record::model::RunRecord,
    report::{
        document::{Document, Section, cover::Cover},
        figure::svg,
        verdict,
    },
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page.css");

/// The page of a run.
pub fn run(record: &RunRecord) -> String {
    page(&Cover::of(record), &Document::of(record))
}

/// The page of a cover with its document.
pub fn page(cover: &Cover, document: &Document) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content="rig";
                title { (cover.word) " \u{b7} " (cover.runs()) @if cover.simulated { " \u{b7} SIMULATED" } }
                style { (PreEscaped(STYLE)) (PreEscaped(svg::STYLE)) (PreEscaped(print_margins(cover))) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                @if cover.simulated {
                    aside.simulated aria-label="Where the data come from" { (verdict::SIMULATED) }
                    div.watermark aria-hidden="true" { "SIMULATED" }
                }
                (cover::header(cover))
                div.frame {
                    (contents(document))
                    main #content tabindex="-1" {
                        @for section in &document.sections { (part(document, section, 2)) }
                    }
                }
                footer {
                    p {
                        @let command = if cover.is_comparison() { "rig compare" } else { "rig report" };
                        "Rebuilt from archives alone: " code { (command) } ". Proven whole: " code { "rig verify" }
                        ". " (cover.runs())
                    }
                }
            }
        }
    };
    markup.into_string()
}

/// What the page is about, page number and, where it is, SIMULATED in the margins of every printed page.
fn print_margins(cover: &Cover) -> String {
    let banner = if cover.simulated { "SIMULATED" } else { "" };
    let [above, below] = [&cover.runs(), cover.word].map(css_string);
    format!(
        "@page{{@top-left{{content:{above}}}@top-right{{content:{}}}@bottom-left{{content:{below}}}}}",
        css_string(banner)
    )
}

fn contents(document: &Document) -> Markup {
    html! {
        nav.contents aria-labelledby="contents" {
            h2 #contents { "Contents" }
            ol {
                @for section in &document.sections {
                    li {
                        a href={ "#" (section.id) } { (section.title) }
                        @if !section.subsections.is_empty() {
                            ul {
                                @for below in &section.subsections {
                                    li { a href={ "#" (below.id) } { (below.title) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A section with its heading at `level`, and what is below it.
fn part(document: &Document, section: &Section, level: u8) -> Markup {
    html! {
        section aria-labelledby=(section.id) {
            @match level {
                2 => h2 id=(section.id) { (section.title) },
                3 => h3 id=(section.id) { (section.title) },
                _ => h4 id=(section.id) { (section.title) },
            }
            @for content in &section.blocks { (block::block(document, content)) }
            @for below in &section.subsections { (part(document, below, level + 1)) }
        }
    }
}

/// A CSS string: whatever is not a letter, digit, space, full stop or hyphen is given by its code point.
fn css_string(text: &str) -> String {
    let mut string = String::from("\"");
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || matches!(character, ' ' | '.' | '-') {
            string.push(character);
        } else {
            string.push_str(&format!("\\{:x} ", u32::from(character)));
        }
    }
    string.push('"');
    string
}

#[cfg(test)]
mod tests {
    use super::{css_string, run as page};
    use crate::{
        acceptance::Verdict,
        report::{criterion, markup_check, sample, verdict},
    };

    #[test]
    fn a_css_string_cannot_end_early() {
        assert_eq!(css_string("a-1.5mm"), "\"a-1.5mm\"");
        assert_eq!(css_string("\"</style>"), "\"\\22 \\3c \\2f style\\3e \"");
    }

    #[test]
    fn every_kind_of_record_gives_a_sound_page() {
        let mut records: Vec<_> =
            [Verdict::Accept, Verdict::Reject, Verdict::Inconclusive, Verdict::Aborted].map(sample::empty).into();
        records.extend([
            sample::accepted(0),
            sample::accepted(1),
            sample::accepted(1000),
            sample::hostile(),
            sample::not_finite(),
        ]);
        records.push(sample::set_depths(3));
        for record in records {
            let page = page(&record);
            let markup = markup_check::read(&page);
            for link in &markup.links {
                assert!(link.strip_prefix('#').is_some_and(|id| markup.ids.contains(id)), "{link} leads nowhere");
            }
            let levels: Vec<u8> = markup
                .tags
                .iter()
                .filter(|tag| tag.len() == 2 && tag.starts_with('h'))
                .filter_map(|tag| tag[1..].parse().ok())
                .collect();
            assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "headings {levels:?}");
            assert!(page.contains(verdict::word(record.verdict.verdict)));
            for outside in ["http-equiv", "src=", "url(", "@import", "<script", "<link", "https:"] {
                assert!(!page.contains(outside), "{outside}");
            }
        }
    }

    #[test]
    fn nothing_from_outside_is_markup() {
        let page = page(&sample::hostile());
        assert!(!page.contains("<script") && !page.contains("-->"), "text got out");
        assert!(page.contains("&lt;script&gt;"), "text was dropped");
    }

    #[test]
    fn simulated_stands_in_title_banner_and_on_every_printed_page() {
        let mut record = sample::accepted(100);
        let simulated = page(&record);
        for place in
            ["SIMULATED</title>", verdict::SIMULATED, "@top-right{content:\"SIMULATED\"}", "class=\"watermark\""]
        {
            assert!(simulated.contains(place), "{place}");
        }
        record.verdict.simulated = false;
        assert!(!page(&record).contains("SIMULATED</title>") && !page(&record).contains("class=\"watermark\""));
    }

    #[test]
    fn every_criterion_check_capture_and_setting_is_there() {
        let record = sample::accepted(1000);
        let page = page(&record);
        for row in &record.verdict.criteria {
            for text in [criterion::name(row), row.method.clone(), row.reason.clone(), row.rationale.clone()] {
                assert!(page.contains(&text), "{text}");
            }
        }
        record.checks.iter().for_each(|check| assert!(page.contains(&check.detail), "{}", check.name));
        record.captures.iter().for_each(|capture| assert!(page.contains(&capture.name), "{}", capture.name));
        for (name, text) in &record.settings {
            assert!(page.contains(name) && page.contains(&text.replace('"', "&quot;")), "{name}");
        }
        for clause in ["(b)(2)(i)", "(b)(2)(iii)", "Penetration"] {
            assert!(page.contains(clause), "{clause}");
        }
    }

    #[test]
    fn same_record_same_bytes() {
        assert_eq!(page(&sample::accepted(500)), page(&sample::accepted(500)));
    }

    #[test]
    fn size_does_not_follow_the_number_of_strokes() {
        let page = page(&sample::accepted(200_000));
        assert!(page.len() < 1_000_000, "{} bytes", page.len());
    }
}
