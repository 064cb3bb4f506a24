//! The summary for CI pages, as GitHub-flavoured Markdown.

use crate::{
    acceptance::Verdict,
    record::model::RunRecord,
    report::{
        document::{attempts, cover, signatures, statistics},
        figure::table::Table,
        result, selection, verdict,
    },
};

/// The summary of a run.
pub fn summary(record: &RunRecord) -> String {
    let run = &record.verdict;
    let mut text = format!("## {} {}\n\n", sign(run.verdict), verdict::word(run.verdict));
    if run.simulated {
        text.push_str(&format!("> **{}**\n\n", verdict::SIMULATED));
    }
    text.push_str(&format!("{} {}\n\n", verdict::meaning(run.verdict), escape(&run.reason)));
    text.push_str(&format!("**Scope.** {}\n\n", escape(&run.scope)));
    let notices = cover::notices(record);
    if !notices.is_empty() {
        text.push_str("### What to look at first\n\n");
        notices.iter().for_each(|notice| {
            text.push_str(&format!("- **{}**: {}\n", escape(&notice.what), escape(&notice.why)));
        });
        text.push('\n');
    }
    text.push_str("| | |\n|---|---|\n");
    for (name, value) in facts(record) {
        text.push_str(&format!("| {name} | {} |\n", escape(&value)));
    }
    if !run.criteria.is_empty() {
        text.push_str(&format!("\n### Criteria\n\n{}", table(&statistics::criteria(&run.criteria))));
    }
    let depths = selection::set_depths(record);
    if !depths.is_empty() {
        text.push_str(&format!("\n### Results\n\n{}", table(&result::overview(&depths))));
    }
    text
}

fn facts(record: &RunRecord) -> Vec<(&'static str, String)> {
    let mut facts = cover::subject(record);
    facts.push(("Attempts", attempts::in_short(record)));
    facts.push(("Electronic signatures", signatures::in_short(record)));
    facts.push(("SHA-256 of the record", record.digest.clone()));
    facts
}

fn sign(outcome: Verdict) -> &'static str {
    match outcome {
        Verdict::Accept => "\u{2705}",
        Verdict::Reject => "\u{274c}",
        Verdict::Inconclusive => "\u{2754}",
        Verdict::Aborted => "\u{26d4}",
    }
}

fn table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(table.columns.iter().map(|column| escape(column)).collect());
    text.push_str(&line(vec!["---".to_owned(); table.columns.len()]));
    for row in &table.rows {
        text.push_str(&line(row.iter().map(|cell| escape(cell.words())).collect()));
    }
    text
}

/// Text that is text: no markup, no table cells, no lines of its own.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => escaped.extend(['\\', character]),
            _ if character.is_control() => escaped.push(' '),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{escape, summary};
    use crate::{
        acceptance::Verdict,
        report::{criterion, sample, verdict},
    };

    #[test]
    fn summary_names_verdict_simulation_and_every_criterion() {
        let record = sample::accepted(100);
        let text = summary(&record);
        assert!(text.contains("ACCEPT") && text.contains(verdict::SIMULATED));
        record.verdict.criteria.iter().for_each(|row| assert!(text.contains(&criterion::name(row)), "{text}"));
        assert!(summary(&sample::empty(Verdict::Aborted)).contains("ABORTED"));
    }

    #[test]
    fn hostile_text_breaks_no_row() {
        let text = summary(&sample::hostile());
        assert!(!text.contains('<') && !text.contains('\u{1b}'), "{text}");
        for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
            let bars = |line: &str| line.replace("\\|", "").matches('|').count();
            let widths: Vec<usize> = table.lines().map(bars).collect();
            assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
        }
    }

    #[test]
    fn text_stays_in_its_cell() {
        assert_eq!(escape("a|b\n<img> [x](y)"), "a\\|b &lt;img&gt; \\[x\\](y)");
    }
}
