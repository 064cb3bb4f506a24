//! Truth bench: seeded worlds of our own simulator, measured and compared with what only the world knows.
//!
//! `cargo bench --bench truth -- --worlds 200 --seed 1`; with `--notes` every world worth a look is named by its
//! seed, with `--press` running pens are left out. The world is our own, so this shows errors of method and code, not errors of our idea of a bench.

mod console;
#[path = "../truth/mod.rs"]
mod truth;

use console::{is_given, number, out};
use std::{collections::BTreeMap, time::Instant};
use truth::{
    survey::{Fates, Survey},
    tally::Tally,
};

/// Worlds where nobody says how many.
const WORLDS: u64 = 60;
const MICRO: f64 = 1e3;

fn main() {
    let (worlds, seed) = (number("--worlds").unwrap_or(WORLDS), number("--seed").unwrap_or(1));
    let began = Instant::now();
    let survey = Survey::of(seed..seed + worlds, is_given("--press"));
    print(&survey);
    if is_given("--notes") {
        survey.notes.iter().for_each(|note| out(note));
    }
    out(&format!("{worlds} worlds from seed {seed} in {:.1} s", began.elapsed().as_secs_f64()));
}

fn print(survey: &Survey) {
    out(&Tally::head());
    out(&survey.face.row("press: face, µm", MICRO, "95 %: 1"));
    out(&survey.protrusion_many.row("press: protrusion, ≥ 9 needles, µm", MICRO, "95 %: 10"));
    out(&survey.protrusion_few.row("press: protrusion, < 9 needles, µm", MICRO, "95 %: 6"));
    out(&survey.protrusion_single.row("press: protrusion, 1 needle, µm", MICRO, ""));
    out(&survey.protrusion_blunt.row("press: protrusion, blunt needles, µm", MICRO, ""));
    out(&survey.penetration.row("press: penetration, µm", MICRO, "95 %: 12"));
    out(&survey.run_face.row("run: face, µm", MICRO, "95 %: 1"));
    out(&survey.run_protrusion.row("run: mean protrusion, µm", MICRO, "90 %: 15"));
    out(&survey.run_sd.row("run: SD of protrusion, %", 100.0, "15"));
    out(&survey.run_penetration.row("run: mean penetration, µm", MICRO, "none"));
    out(&survey.run_rate.row("run: stroke rate, ppm", 1e6, "50"));
    out(&survey.missed.row("run: missed strokes", 1.0, "0"));
    let (onset, over) = (&survey.onset, &survey.onset_over_bound);
    if onset.count() > 0 {
        let bound_mm = (survey.bounds_mm.iter().map(|b| b * b).sum::<f64>() / onset.count() as f64).sqrt();
        out(&onset.row("onset, power laws, µm", MICRO, ""));
        out(&format!(
            "onset over its Cramér-Rao bound: rms {:.2} µm for {:.2} µm; median |error|/bound {:.2} (0.67 at the limit), \
             90 % {:.2} (1.64 at the limit)",
            MICRO * onset.rms(),
            MICRO * bound_mm,
            over.percentile(0.5),
            over.percentile(0.9)
        ));
    }
    faults("press", &survey.press_faults);
    faults("run", &survey.run_faults);
    faults("contact", &survey.disturbances);
    let refusals: Vec<String> = survey.refusals.iter().map(|(code, count)| format!("{code} {count}")).collect();
    out(&format!(
        "refusals of sound captures: {}",
        if refusals.is_empty() { "none".to_owned() } else { refusals.join(", ") }
    ));
    out(&format!("procedures that the bench ended: {}", survey.aborted));
}

fn faults(what: &str, faults: &BTreeMap<String, Fates>) {
    out(&format!(
        "{:<34}{:>10}{:>10}{:>10}{:>10}",
        format!("faults in a {what}"),
        "survived",
        "refused",
        "wrong",
        "unnamed"
    ));
    let wrong: usize = faults.values().map(|fates| fates.wrong).sum();
    let all: usize = faults.values().map(|fates| fates.survived + fates.refused + fates.wrong).sum();
    for (kind, fates) in faults {
        let Fates { survived, refused, wrong, silent } = fates;
        out(&format!("  {kind:<32}{survived:>10}{refused:>10}{wrong:>10}{silent:>10}"));
    }
    out(&format!("  wrong with a small u: {wrong} of {all}"));
}
