//! Proof of risk: false accepts and false rejects of the real decision, counted over many synthetic validations.
//!
//! `cargo bench --bench risk` takes about a minute; `cargo bench --bench risk -- --draws 20000 --seed 7` is for a night;
//! `--only TEXT` takes the rows whose name holds it; `--factorial N` draws N structures of the factorial plan instead.
//! Where a claim does not hold the program ends with 1. The table is that of the README.

mod console;

use console::{after, number, out};
use rig::acceptance::factorial::factorial;
use rig::acceptance::risk::{Cell, Outcome, Subject, at_the_edge, cells, run, table};
use rig::acceptance::synthetic::Process;
use rig::config::plan::NotNormal;
use std::{process::ExitCode, time::Instant};

/// Draws of a cell where nobody says how many.
const DRAWS: u32 = 300;
/// A whole plan draws ten times the values of another cell; it gets this part of the draws.
const SHIPPED_PART: u32 = 3;
/// Rows of the factorial plan that are printed: those with the most false accepts.
const WORST: usize = 12;

fn main() -> ExitCode {
    let (draws, seed) = (number("--draws").unwrap_or(DRAWS), number("--seed").unwrap_or(1));
    let began = Instant::now();
    let refuted = match number("--factorial") {
        Some(count) => structures(count, draws, seed),
        None => rows(after("--only"), draws, seed),
    };
    out(&format!("seed {seed}, {:.0} s", began.elapsed().as_secs_f64()));
    if refuted.is_empty() {
        return ExitCode::SUCCESS;
    }
    out(&format!("REFUTED: {}", refuted.join("; ")));
    ExitCode::FAILURE
}

/// The rows of the README's table, or those whose name holds `only`; names of the refuted ones.
fn rows(only: Option<String>, draws: u32, seed: u64) -> Vec<&'static str> {
    let outcomes: Vec<Outcome> = cells()
        .iter()
        .filter(|cell| only.as_ref().is_none_or(|text| cell.name.contains(text.as_str())))
        .map(|cell| {
            let shipped = matches!(cell.subject, Subject::Shipped(..));
            let draws = if shipped { (draws / SHIPPED_PART).max(1) } else { draws };
            run(cell, draws, seed).expect("every process of the proof can be")
        })
        .collect();
    let refuted = |outcome: &&Outcome| {
        outcome.cell.claimed && outcome.refutes_the_claim().expect("the confidence of the gate is in range")
    };
    out(&table(&outcomes).expect("the confidence of the table is in range"));
    outcomes.iter().filter(refuted).map(|outcome| outcome.cell.name).collect()
}

/// `count` structures of the factorial plan at their edges: the worst of them, and all together. Each is refuted at
/// 99.9 % shared among all of them (Bonferroni).
fn structures(count: u32, draws: u32, seed: u64) -> Vec<&'static str> {
    let mut outcomes: Vec<Outcome> = factorial(count as usize, seed)
        .into_iter()
        .map(|process| {
            let cell = Cell {
                name: Box::leak(name(&process).into_boxed_str()),
                subject: Subject::Tolerance(process),
                if_not_normal: NotNormal::Report,
                claimed: true,
            };
            at_the_edge(&cell, draws, seed).expect("every process of the plan can be")
        })
        .collect();
    outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.false_accepts));
    let accepted: u32 = outcomes.iter().map(|outcome| outcome.false_accepts).sum();
    let share = 100.0 * f64::from(accepted) / f64::from(draws) / outcomes.len() as f64;
    out("| structure | false accepts (95 % limits) |\n|---|---|");
    for outcome in outcomes.iter().take(WORST) {
        let (lower, upper) = outcome.limits(outcome.false_accepts, 0.95).expect("the confidence is in range");
        let found = 100.0 * f64::from(outcome.false_accepts) / f64::from(draws);
        out(&format!("| {} | {found:.2} % ({:.2} to {:.2}) |", outcome.cell.name, 100.0 * lower, 100.0 * upper));
    }
    out(&format!("all {} structures, {draws} draws each: {share:.2} % false accepts", outcomes.len()));
    let gate = 1.0 - 2.0 * 0.001 / outcomes.len() as f64;
    let refuted =
        |one: &&Outcome| one.limits(one.false_accepts, gate).expect("the confidence is in range").0 > 1.0 - 0.95;
    outcomes.iter().filter(refuted).map(|outcome| outcome.cell.name).collect()
}

fn name(process: &Process) -> String {
    let Process { pens, cartridges, strokes, share_pens, share_cartridges, phi, above, u_ratio, unbalanced, .. } =
        process;
    let balance = if *unbalanced { ", unbalanced" } else { "" };
    format!(
        "{pens} x {cartridges} x {strokes}, shares {share_pens} and {share_cartridges}, phi {phi}, above {above:.2}, u = \
         {u_ratio} sd{balance}"
    )
}
