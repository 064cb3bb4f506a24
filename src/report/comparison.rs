//! The answer of `rig compare` in words and as a page: difference, interval and margin at each set depth, and every
//! cartridge behind them.
//!
//! Deliberately absent: the decision itself; see [`crate::acceptance::comparison`].

use crate::{
    acceptance::{
        Verdict,
        comparison::{CartridgeMean, Compared},
    },
    record::model::{ComparedRun, ComparisonDocument},
    report::{
        criterion,
        document::{
            Block, Document, Entry, Section,
            cover::{Cover, Notice, Source},
        },
        figure::{
            Axis, Bar, Figure, Form, Limit, Panel, Series, Shape, Tone, Weight, Zone,
            table::{Cell, Table},
        },
        html, number,
        pdf::{self, PdfError},
        verdict,
    },
};
use std::collections::BTreeSet;

/// The answer in capitals.
fn word(outcome: Verdict) -> &'static str {
    match outcome {
        Verdict::Accept => "EQUIVALENT",
        Verdict::Reject => "NOT SHOWN EQUIVALENT",
        Verdict::Inconclusive | Verdict::Aborted => "INCONCLUSIVE",
    }
}

/// What it means, in one sentence.
fn meaning(outcome: Verdict) -> &'static str {
    match outcome {
        Verdict::Accept => "At every set depth the mean difference was shown to lie within the margin.",
        Verdict::Reject => "The data could have shown equivalence and did not, at one set depth at least.",
        Verdict::Inconclusive | Verdict::Aborted => {
            "There are too few cartridges to tell: neither equivalence nor a difference may be concluded."
        }
    }
}

/// A few lines for a terminal.
pub fn summary(document: &ComparisonDocument) -> String {
    let mut lines = vec![format!("{}: {}", word(document.comparison.verdict), meaning(document.comparison.verdict))];
    if document.simulated {
        lines.push(verdict::SIMULATED.to_owned());
    }
    lines.push(format!(
        "{} of {} less that of {}, margin \u{b1}{} mm",
        document.quantity, document.a, document.b, document.margin_mm
    ));
    for one in &document.comparison.set_depths {
        let [difference, interval] = numbers(one);
        lines.push(format!("  {}: difference {difference} mm, interval {interval}: {}", setting(one), one.reason));
    }
    lines.push(document.comparison.scope.clone());
    // Names come from files: no control character may drive the terminal.
    let plain = |line: String| line.replace(|character: char| character.is_control(), "\u{fffd}");
    lines.into_iter().map(plain).collect::<Vec<_>>().join("\n") + "\n"
}

/// The page.
pub fn page(document: &ComparisonDocument) -> String {
    html::page(&cover(document), &Document::new(sections(document)))
}

/// The same on paper.
///
/// # Errors
///
/// [`PdfError`].
pub fn paper(document: &ComparisonDocument) -> Result<Vec<u8>, PdfError> {
    pdf::bytes(&cover(document), &Document::new(sections(document)))
}

fn cover(document: &ComparisonDocument) -> Cover {
    let outcome = document.comparison.verdict;
    let calibration =
        if document.same_calibration { "the same, its error cancels" } else { "different, margin guarded" };
    let source = |run: &str, digest: &str| Source { run: run.to_owned(), digest: digest.to_owned() };
    Cover {
        overline: "Comparison of two runs \u{b7} micro-needling pen",
        title: format!("{} and {}", document.a, document.b),
        outcome,
        word: word(outcome),
        meaning: meaning(outcome),
        reason: String::new(),
        scope: document.comparison.scope.clone(),
        facts: vec![
            ("First run", document.a.clone()),
            ("Second run", document.b.clone()),
            ("Quantity", criterion::quantity(&document.quantity).to_owned()),
            ("Margin", format!("\u{b1}{} mm", number::shortest(document.margin_mm))),
            ("Risk of a false equivalence", number::percent(document.alpha)),
            ("Calibration", calibration.to_owned()),
            ("Program", format!("rig {}", document.version)),
        ],
        notices: document
            .comparison
            .set_depths
            .iter()
            .filter(|one| one.verdict != Verdict::Accept)
            .map(notice)
            .collect(),
        criteria: None,
        simulated: document.simulated,
        sources: vec![source(&document.a, &document.a_digest), source(&document.b, &document.b_digest)],
        started: document.started.clone(),
    }
}

fn notice(one: &Compared) -> Notice {
    Notice { what: format!("{}: {}", word(one.verdict), setting(one)), why: one.reason.clone() }
}

fn sections(document: &ComparisonDocument) -> Vec<Section> {
    let compared = &document.comparison.set_depths;
    let mut section = Section::new("difference", "Difference");
    section.say(
        "Two one-sided t tests (Schuirmann 1987) in Welch's form on the means of cartridges: strokes of one cartridge \
         resemble each other, so the cartridge is what counts. The runs are equivalent where the whole interval lies \
         between the margins; a large p of a test of no difference would show nothing.",
    );
    if compared.is_empty() {
        section.say("The runs have no set depth in common.");
        return vec![section, runs(document)];
    }
    if document.same_calibration {
        section.say(
            "Both runs rest on one calibration: what it is off by, it is off by in both, and the difference does not hold \
             it. So nothing is taken off the margin for it.",
        );
    }
    section.blocks.push(Block::Figure(Box::new(differences(document))));
    section.blocks.push(Block::Table(table(compared)));
    section.blocks.push(Block::Entries(compared.iter().map(entry).collect()));
    let mut cartridges = Section::new("cartridges", "Cartridges");
    cartridges
        .say("What was compared: the mean of each cartridge, over its strokes or, where there are none, its presses.");
    cartridges.blocks.push(Block::Figure(Box::new(means(document))));
    cartridges.blocks.push(Block::Table(cartridge_table(compared)));
    vec![section, cartridges, runs(document)]
}

/// What was compared, as the runs say of themselves.
fn runs(document: &ComparisonDocument) -> Section {
    let mut section = Section::new("runs", "The runs");
    section.say("Each run has a verdict of its own, by its own plan; its report holds what was refused and why.");
    let mut table = Table::new("table-runs", "What was compared", &["Fact", "First run", "Second run"]);
    let mut row = |name: &str, value: &dyn Fn(&ComparedRun) -> String| {
        let values = document.runs.iter().map(|run| Cell::text(value(run)));
        table.rows.push(std::iter::once(Cell::text(name)).chain(values).collect());
    };
    row("Run", &|run| run.run.clone());
    row("Verdict", &|run| verdict::word(run.verdict).to_owned());
    row("Reason", &|run| run.reason.clone());
    row("Cartridge", &|run| run.cartridge.clone());
    row("Pen", &|run| run.pen.clone());
    row("Plan", &|run| run.plan.clone());
    row("Rig", &|run| run.rig.clone());
    let versions: BTreeSet<&String> = document.runs.iter().flat_map(|run| run.versions.keys()).collect();
    for name in versions {
        row(&format!("Version: {name}"), &|run| {
            run.versions.get(name).cloned().unwrap_or_else(|| number::ABSENT.to_owned())
        });
    }
    section.blocks.push(Block::Table(table));
    section
}

fn setting(one: &Compared) -> String {
    let rate = one.set_rate_hz.map_or_else(String::new, |rate_hz| format!(", {rate_hz} Hz"));
    format!("set depth {}{rate}", number::set_depth(one.set_depth_mm))
}

/// Difference and interval, mm, to two digits of half the interval.
fn numbers(one: &Compared) -> [String; 2] {
    match (one.lower, one.upper) {
        (Some(lower), Some(upper)) => {
            let resolution = 0.5 * (upper - lower);
            let text = |value| number::rounded(value, resolution);
            [text(one.difference), format!("{} to {} mm", text(lower), text(upper))]
        }
        _ => [number::fixed(one.difference, 4), number::ABSENT.to_owned()],
    }
}

fn entry(one: &Compared) -> Entry {
    // The coloured word of a verdict would say accepted or rejected, which nothing here is.
    Entry {
        name: format!("{}: {}", setting(one), word(one.verdict).to_lowercase()),
        verdict: None,
        lines: vec![("Reason", one.reason.clone())],
    }
}

fn table(compared: &[Compared]) -> Table {
    let columns =
        ["Setting", "Answer", "Cartridges", "Difference, mm", "Interval", "Degrees of freedom", "Guard band, mm"];
    let mut table = Table::new("table-differences", "Mean of the first run less that of the second", &columns);
    table.rows.extend(compared.iter().map(|one| {
        let [difference, interval] = numbers(one);
        vec![
            Cell::text(setting(one)),
            Cell::Answer(one.verdict, word(one.verdict)),
            Cell::number(format!("{} and {}", one.a.len(), one.b.len())),
            Cell::number(difference),
            Cell::number(interval),
            Cell::number(one.df.map_or_else(|| number::ABSENT.to_owned(), |df| number::fixed(df, 1))),
            Cell::number(number::fixed(one.guard_band, 4)),
        ]
    }));
    table
}

fn cartridge_table(compared: &[Compared]) -> Table {
    let columns = ["Setting", "Run", "Pen", "Cartridge", "Mean, mm"];
    let mut table = Table::new("table-cartridges", "Means of cartridges", &columns);
    for one in compared {
        for (run, means) in [("first", &one.a), ("second", &one.b)] {
            table.rows.extend(means.iter().map(|CartridgeMean { pen, cartridge, mean_mm }| {
                let mean = Cell::number(number::fixed(*mean_mm, 4));
                vec![Cell::text(setting(one)), Cell::text(run), Cell::text(pen), Cell::text(cartridge), mean]
            }));
        }
    }
    table
}

/// One row a run and set depth: the mean of each cartridge.
fn means(document: &ComparisonDocument) -> Figure {
    let compared = &document.comparison.set_depths;
    let tone = if document.quantity == "penetration" { Tone::Penetration } else { Tone::Protrusion };
    let runs = ["first run", "second run"];
    let rows = compared.iter().flat_map(|one| runs.map(|run| format!("{}, {run}", setting(one)))).collect();
    let mut panel = Panel::new(Axis::rows(rows));
    let sides = compared.iter().flat_map(|one| [(&one.a, Form::Disc), (&one.b, Form::Triangle)]);
    for (row, (means, form)) in (0_u32..).map(f64::from).zip(sides) {
        let points = means.iter().map(|mean| (mean.mean_mm, row)).collect();
        let shape = Shape::Points(form, points);
        panel.series.push(Series { name: String::new(), tone, weight: Weight::Normal, shape, hover: true });
    }
    let count = |of: fn(&Compared) -> usize| compared.iter().map(of).sum::<usize>();
    Figure {
        id: "figure-cartridges".to_owned(),
        title: format!("Mean {} of each cartridge", document.quantity),
        caption: "One point a cartridge: discs of the first run, triangles of the second.".to_owned(),
        alternative: format!(
            "{} cartridges of the first run and {} of the second; their means are in the table.",
            count(|one| one.a.len()),
            count(|one| one.b.len())
        ),
        x: Axis::numeric(criterion::quantity(&document.quantity), "mm", &[]),
        panels: vec![panel],
        limits: Vec::new(),
        zones: Vec::new(),
        table: Table { id: String::new(), ..cartridge_table(compared) },
    }
}

/// One row a set depth: interval and difference between the margins.
fn differences(document: &ComparisonDocument) -> Figure {
    let compared = &document.comparison.set_depths;
    let tone = if document.quantity == "penetration" { Tone::Penetration } else { Tone::Protrusion };
    let mut panel = Panel::new(Axis::rows(compared.iter().map(setting).collect()));
    let series = |shape, weight| Series { name: String::new(), tone, weight, shape, hover: true };
    for (row, one) in (0_u32..).map(f64::from).zip(compared) {
        if let (Some(x_from), Some(x_to)) = (one.lower, one.upper) {
            let bar = Bar { x_from, x_to, y_from: row - 0.16, y_to: row + 0.16 };
            panel.series.push(series(Shape::Bars(vec![bar]), Weight::Thin));
        }
        panel.series.push(series(Shape::Points(Form::Diamond, vec![(one.difference, row)]), Weight::Normal));
    }
    let margin = document.margin_mm;
    let limit =
        |value: f64| Limit { value, label: format!("margin {} mm", number::shortest(value)), tone: Tone::Limit };
    let guard = compared.iter().map(|one| one.guard_band).fold(0.0, f64::max);
    let zone = |from: f64, to: f64| Zone { from, to, tone: Tone::Limit };
    let zones =
        if guard > 0.0 { vec![zone(-margin, guard - margin), zone(margin - guard, margin)] } else { Vec::new() };
    let words = compared.iter().map(|one| {
        let [difference, interval] = numbers(one);
        format!("At {} the difference is {difference} mm, interval {interval}.", setting(one))
    });
    Figure {
        id: "figure-differences".to_owned(),
        title: format!("Difference of mean {}", document.quantity),
        caption: "Bar: interval of confidence 1 \u{2212} 2 alpha, diamond: difference of the means of cartridges. \
                  Equivalent where the bar stays between the margins and off the shaded guard bands."
            .to_owned(),
        alternative: words.collect::<Vec<_>>().join(" "),
        x: Axis::numeric("First run less second", "mm", &[0.0]),
        panels: vec![panel],
        limits: vec![limit(-margin), limit(margin)],
        zones,
        table: Table { id: String::new(), ..table(compared) },
    }
}

#[cfg(test)]
mod tests {
    use super::{page, paper, summary};
    use crate::{
        acceptance::{
            Verdict,
            comparison::{Question, compare},
            synthetic::Process,
        },
        config::plan::Quantity,
        prng::Stream,
        record::model::{ComparedRun, ComparisonDocument, VerdictDocument},
        report::{markup_check, sample},
    };

    fn document(cartridges: usize, run: &str) -> ComparisonDocument {
        let draw = |seed| Process::plain(1, cartridges, 10).draw(1.5, 0.01, &mut Stream::named(seed, "comparison"));
        let question =
            Question { quantity: Quantity::Protrusion, margin_mm: 0.05, alpha: 0.05, same_calibration: false };
        ComparisonDocument {
            schema: "comparison/1".to_owned(),
            a: run.to_owned(),
            b: "run-b".to_owned(),
            a_digest: "a".repeat(64),
            b_digest: "b".repeat(64),
            runs: [run, "run-b"].map(|run| {
                let verdict = VerdictDocument { run: run.to_owned(), ..sample::empty(Verdict::Accept).verdict };
                ComparedRun::from(&verdict)
            }),
            started: "2026-08-10T09:15:00Z".to_owned(),
            simulated: true,
            quantity: "protrusion".to_owned(),
            margin_mm: 0.05,
            alpha: 0.05,
            same_calibration: false,
            comparison: compare(&question, &draw(1), &draw(2)).unwrap(),
            version: "0".to_owned(),
        }
    }

    #[test]
    fn pages_are_sound_and_say_what_was_found() {
        for (cartridges, word) in [(0, "INCONCLUSIVE"), (1, "INCONCLUSIVE"), (8, "EQUIVALENT")] {
            let document = document(cartridges, sample::HOSTILE);
            let page = page(&document);
            assert!(paper(&document).is_ok_and(|pdf| pdf.starts_with(b"%PDF")));
            let markup = markup_check::read(&page);
            for link in &markup.links {
                assert!(link.strip_prefix('#').is_some_and(|id| markup.ids.contains(id)), "{link} leads nowhere");
            }
            let (compared, of_the_runs) = page.split_once("id=\"runs\"").expect("a section on the runs");
            assert!(
                !compared.contains("ACCEPT") && !compared.contains("REJECT"),
                "no comparison is accepted or rejected"
            );
            assert_eq!(of_the_runs.matches("ACCEPT").count(), 2, "each run has a verdict of its own");
            assert!(page.contains(word) && page.contains("SIMULATED</title>") && !page.contains("<script"));
            let summary = summary(&document);
            assert!(summary.starts_with(word) && !summary.contains('\u{1b}'), "{summary}");
        }
    }
}
