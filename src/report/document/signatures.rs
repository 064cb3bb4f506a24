//! Who has signed the archive electronically: as what, when, why and with which key.
//!
//! Signatures are over the manifest, which names the reports of the run by their digests; so a report that lists them is
//! made from the archive afterwards.

use crate::{
    record::model::RunRecord,
    report::{
        document::{Block, Section, Span},
        figure::table::{Cell, Table},
    },
};

/// The section on electronic signatures.
pub fn section(record: &RunRecord) -> Section {
    let mut section = Section::new("electronic-signatures", "Electronic signatures");
    let signatures = &record.signatures;
    for finding in &signatures.broken {
        section
            .blocks
            .push(Block::Prose(vec![Span::Strong("Does not hold. ".to_owned()), Span::Plain(finding.clone())]));
    }
    if signatures.held.is_empty() {
        section.say(
            "No signature that holds was in the archive when this report was made. Those added since are listed by rig \
             verify, and by a report that is made anew with rig report.",
        );
        return section;
    }
    section.say(
        "Each of these holds for the archive as it was when this report was made. Whose key it is, the site knows; rig \
         verify --key says whether it is a known one.",
    );
    let mut table = Table::new("table-signatures", "Electronic signatures", &["Name", "As", "Meaning", "Date", "Key"]);
    table.rows.extend(signatures.held.iter().map(|signed| {
        let statement = &signed.statement;
        [&statement.name, &statement.role, &statement.reason, &statement.at, &signed.key].map(Cell::text).to_vec()
    }));
    section.blocks.push(Block::Table(table));
    section
}

/// Who has signed, in a sentence.
pub fn in_short(record: &RunRecord) -> String {
    let held = record.signatures.held.iter().map(|signed| {
        let statement = &signed.statement;
        format!("{} as {} on {}: {} ({})", statement.name, statement.role, statement.at, statement.reason, signed.key)
    });
    let broken = record.signatures.broken.iter().map(|finding| format!("DOES NOT HOLD: {finding}"));
    let all: Vec<String> = held.chain(broken).collect();
    if all.is_empty() { "none when this was made".to_owned() } else { all.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::{in_short, section};
    use crate::{
        acceptance::Verdict,
        record::signature::{Signed, Statement},
        report::{document::Block, sample},
    };

    #[test]
    fn each_signature_is_a_row_and_one_that_does_not_hold_comes_first() {
        let mut record = sample::empty(Verdict::Accept);
        assert!(section(&record).blocks.iter().all(|block| matches!(block, Block::Prose(_))));
        let text = |text: &str| text.to_owned();
        let statement = Statement {
            schema: text("signature/1"),
            run: text("run"),
            manifest: text("5eed"),
            previous: text("5eed"),
            role: text("approver"),
            name: text("A. Bee"),
            reason: text("released"),
            at: text("2026-08-10T10:00:00Z"),
        };
        record.signatures.held.push(Signed { statement, key: text("SHA256:abc"), known: false });
        record.signatures.broken.push(text("manifest.sig: signature 2: cut off"));
        let short = in_short(&record);
        assert!(short.contains("A. Bee as approver") && short.contains("DOES NOT HOLD: manifest.sig"), "{short}");
        let section = section(&record);
        let Block::Prose(first) = &section.blocks[0] else { panic!("{section:?}") };
        assert!(format!("{first:?}").contains("cut off"));
        let Some(Block::Table(table)) = section.blocks.last() else { panic!("{section:?}") };
        let words: Vec<&str> = table.rows[0].iter().map(|cell| cell.words()).collect();
        assert_eq!(words, ["A. Bee", "approver", "released", "2026-08-10T10:00:00Z", "SHA256:abc"]);
    }
}
