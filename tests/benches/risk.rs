//! Proof of risk: false accepts and false rejects of the real decision, counted over many synthetic validations.
//!
//! `cargo bench --bench risk` takes about a minute; `cargo bench --bench risk -- --draws 20000 --seed 7` is for a night;
//! `--only TEXT` takes the rows whose name holds it.
//! Where a claim does not hold the program ends with 1. The table is that of the README.

use rig::acceptance::risk::{Outcome, Subject, cells, run, table};
use std::{process::ExitCode, time::Instant};

/// Draws of a cell where nobody says how many.
const DRAWS: u32 = 300;
/// A whole plan draws ten times the values of another cell; it gets this part of the draws.
const SHIPPED_PART: u32 = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u32>().ok()
    };
    let only = arguments.iter().position(|argument| argument == "--only").and_then(|at| arguments.get(at + 1));
    let (draws, seed) = (number("--draws").unwrap_or(DRAWS), number("--seed").unwrap_or(1));
    let began = Instant::now();
    let outcomes: Vec<Outcome> = cells()
        .iter()
        .filter(|cell| only.is_none_or(|text| cell.name.contains(text.as_str())))
        .map(|cell| {
            let shipped = matches!(cell.subject, Subject::Shipped(..));
            let draws = if shipped { (draws / SHIPPED_PART).max(1) } else { draws };
            run(cell, draws, u64::from(seed)).expect("every process of the proof can be")
        })
        .collect();
    let refuted = |outcome: &&Outcome| {
        outcome.cell.claimed && outcome.refutes_the_claim().expect("the confidence of the gate is in range")
    };
    let refuted: Vec<&str> = outcomes.iter().filter(refuted).map(|outcome| outcome.cell.name).collect();
    out(&table(&outcomes).expect("the confidence of the table is in range"));
    out(&format!("seed {seed}, {:.0} s", began.elapsed().as_secs_f64()));
    if refuted.is_empty() {
        return ExitCode::SUCCESS;
    }
    out(&format!("REFUTED: {}", refuted.join("; ")));
    ExitCode::FAILURE
}

#[allow(clippy::print_stdout, reason = "a benchmark prints its table")]
fn out(line: &str) {
    println!("{line}");
}
