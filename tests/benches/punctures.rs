//! Punctures of foils and gels on a force tester: how many are found, at which sample, with which force.
//!
//! `cargo bench --bench punctures -- --tests 500 --seed 20001`; with `--notes` the seeds of what went wrong are named.

mod console;
#[path = "../foil_world/mod.rs"]
mod foil_world;

use console::{is_given, number, out};
use foil_world::{Course, score::Score};

/// Tests of each course where nobody says how many.
const TESTS: u64 = 300;

/// What so large a share of values in order stays within; zero where there are none.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

fn main() {
    let (tests, seed) = (number("--tests").unwrap_or(TESTS), number("--seed").unwrap_or(1));
    out("course        pierced  refused  found there  very sample  layers  invented  force: median    90 %  within 2u");
    for course in Course::ALL {
        let score = Score::of(course, seed..seed + tests);
        let of = |count: usize| 100.0 * count as f64 / score.pierced.max(1) as f64;
        let mut line = format!("{:<12} {:>8} {:>8}", format!("{course:?}"), score.pierced, score.refused);
        if score.pierced > 0 {
            line += &format!(
                " {:>10.1} % {:>10.1} % {:>5.1} % {:>9} {:>12.1} % {:>5.1} % {:>8.1} %",
                of(score.there),
                of(score.exact),
                of(score.layers),
                "",
                100.0 * percentile(&score.force_off, 0.5),
                100.0 * percentile(&score.force_off, 0.9),
                100.0 * score.inside as f64 / score.there.max(1) as f64,
            );
        } else {
            line += &format!(" {:>42}", score.invented);
        }
        out(&line);
        if is_given("--notes") {
            out(&format!("  wrong: {:?}", score.wrong));
        }
    }
}
