//! A few truth worlds with bounds so wide that only a gross fault crosses them; the figures are those of the
//! benchmark `truth`.

mod truth;

use truth::survey::Survey;

const WORLDS: u64 = 6;

#[test]
fn measured_worlds_are_near_their_truth() {
    let survey = Survey::of(1..=WORLDS, false);
    let notes = survey.notes.join("\n");
    assert_eq!(survey.aborted, 0, "{notes}");
    let presses = survey.protrusion_many.count() + survey.protrusion_few.count();
    assert!(presses >= WORLDS as usize, "only {presses} of {WORLDS} presses were measured\n{notes}");
    assert!(survey.run_protrusion.count() >= 3, "only {} runs were measured\n{notes}", survey.run_protrusion.count());
    // mm, but for shares; medians, so that one hard world does not decide.
    let medians = [
        ("press face", &survey.face, 0.001),
        ("press protrusion, many needles", &survey.protrusion_many, 0.006),
        ("press protrusion, few needles", &survey.protrusion_few, 0.006),
        ("press penetration", &survey.penetration, 0.008),
        ("run protrusion", &survey.run_protrusion, 0.04),
        ("run SD", &survey.run_sd, 0.3),
        ("run rate", &survey.run_rate, 1e-4),
        ("missed strokes", &survey.missed, 1.0),
    ];
    for (name, tally, limit) in medians {
        let median = tally.percentile(0.5);
        assert!(tally.count() == 0 || median <= limit, "{name}: median error {median}, limit {limit}\n{notes}");
    }
    let wrong: usize = survey.press_faults.values().chain(survey.run_faults.values()).map(|fates| fates.wrong).sum();
    assert!(wrong <= 2, "{wrong} damaged captures gave a wrong number\n{notes}");
}
