//! The journal in words, folded away; of a long journal both ends are shown and the rest is counted.

use crate::{
    record::model::{JournalLine, RunRecord},
    report::{
        document::{Block, Section},
        figure::table::{Cell, Table},
        number,
    },
};

/// Most lines printed; the rest are counted.
const LINES_MAX: usize = 2_000;

/// The section with the journal.
pub fn section(record: &RunRecord) -> Section {
    let mut section = Section::new("journal", "Journal");
    let lines = &record.journal;
    if lines.is_empty() {
        section.say("The record holds no journal.");
        return section;
    }
    section.say(format!(
        "Every event of the run was written to journal.jsonl before the next motion, hash-chained: {} lines. Times \
         are seconds of run time.",
        number::count(lines.len() as u64)
    ));
    let shown: Vec<&JournalLine> = if lines.len() <= LINES_MAX {
        lines.iter().collect()
    } else {
        let (head, tail) = (&lines[..LINES_MAX / 2], &lines[lines.len() - LINES_MAX / 2..]);
        section.say(format!(
            "The first and last {} lines are shown; {} lines between them are in journal.jsonl only.",
            LINES_MAX / 2,
            number::count((lines.len() - LINES_MAX) as u64)
        ));
        head.iter().chain(tail).collect()
    };
    let mut table = Table::new("", "Journal", &["Time, s", "Event", "What happened"]);
    table.rows = shown
        .into_iter()
        .map(|line| vec![Cell::number(number::fixed(line.t_s, 3)), Cell::text(&line.event), Cell::text(&line.text)])
        .collect();
    section.blocks.push(Block::Folded { summary: format!("Journal, {} lines", table.rows.len()), table });
    section
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, section};
    use crate::{
        record::model::JournalLine,
        report::{
            document::{Block, Span},
            sample,
        },
    };

    #[test]
    fn lines_left_out_are_counted() {
        let mut record = sample::accepted(0);
        let line = JournalLine { t_s: 0.0, event: "phase".to_owned(), text: "press".to_owned() };
        record.journal = vec![line; LINES_MAX + 123];
        let blocks = section(&record).blocks;
        let says = |block: &Block| match block {
            Block::Prose(spans) => spans.contains(&Span::Plain(
                "The first and last 1000 lines are shown; 123 lines between them are in journal.jsonl only.".to_owned(),
            )),
            _ => false,
        };
        assert!(blocks.iter().any(says));
        assert!(
            blocks.iter().any(|block| matches!(block, Block::Folded { table, .. } if table.rows.len() == LINES_MAX))
        );
    }
}
