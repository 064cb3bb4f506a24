//! Punctures of foils and gels on a force tester: how many are found, at which sample, with which force; and the same
//! where the tester writes them down in other ways.
//!
//! `cargo bench --bench punctures -- --tests 500 --seed 20001`; with `--habits` the ways of writing down, with `--notes`
//! the seeds of what went wrong.

mod console;
#[path = "../foil_world/mod.rs"]
mod foil_world;

use console::{is_given, number, out};
use foil_world::{Course, habits::Habit, score::Score};

/// Tests of each course where nobody says how many.
const TESTS: u64 = 300;

/// What so large a share of values in order stays within; zero where there are none.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

fn line(name: &str, score: &Score) -> String {
    let of = |count: usize| 100.0 * count as f64 / score.pierced.max(1) as f64;
    let start = format!("{name:<20} {:>8} {:>8}", score.pierced, score.refused);
    if score.pierced == 0 {
        return format!("{start} {:>41}", score.invented);
    }
    let tips = score.tip_off_mm.len();
    format!(
        "{start} {:>10.1} % {:>10.1} % {:>5.1} % {:>8} {:>12.1} % {:>5.1} % {:>8.1} % {:>6} {:>8.1} %",
        of(score.there),
        of(score.exact),
        of(score.layers),
        "",
        100.0 * percentile(&score.force_off, 0.5),
        100.0 * percentile(&score.force_off, 0.9),
        100.0 * score.inside as f64 / score.there.max(1) as f64,
        tips,
        100.0 * score.tip_inside as f64 / tips.max(1) as f64,
    )
}

fn main() {
    let (tests, seed) = (number("--tests").unwrap_or(TESTS), number("--seed").unwrap_or(1));
    out("                      pierced  refused  found there  very sample  layers invented  force: median   90 %  \
         within 2u   tips within 2u");
    let print = |name: &str, score: &Score| {
        out(&line(name, score));
        if is_given("--notes") {
            out(&format!("  wrong: {:?}, refused: {:?}", score.wrong, score.reasons));
        }
    };
    if !is_given("--habits") {
        for course in Course::ALL {
            print(&format!("{course:?}"), &Score::of(course, Habit::Faithful, seed..seed + tests));
        }
        return;
    }
    for habit in Habit::ALL {
        for course in [Course::Foil, Course::TwoPeaks, Course::Gel, Course::Unpierced, Course::Held] {
            print(&format!("{habit:?} {course:?}"), &Score::of(course, habit, seed..seed + tests));
        }
    }
}
