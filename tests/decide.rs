//! `rig compare` and plans by risk, as users and CI call them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn rig(folder: &Path, line: &str) -> Output {
    let words = line.split_whitespace();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rig"));
    command.args(words).current_dir(folder).env_remove("RIG").env("SOURCE_DATE_EPOCH", "1767225600");
    command.output().expect("the binary runs")
}

fn run_in(folder: &Path, out: &str) -> PathBuf {
    let mut runs = fs::read_dir(folder.join(out)).expect("there are reports");
    runs.next().expect("there is a run").expect("it can be read").path()
}

#[test]
fn runs_of_one_cartridge_are_compared_without_a_claim_and_altered_ones_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    for (out, seed) in [("a", 1), ("b", 2)] {
        let output = rig(folder.path(), &format!("validate --cartridge 1.5mm --plan quick --seed {seed} --out {out}"));
        assert!(output.status.code().is_some_and(|code| matches!(code, 0 | 1 | 4)), "{output:?}");
    }
    let (a, b) = (run_in(folder.path(), "a"), run_in(folder.path(), "b"));
    let compare = |extra: &str| rig(folder.path(), &format!("compare {} {} {extra}", a.display(), b.display()));
    let alone = compare("--margin 0.05 --json");
    assert_eq!(alone.status.code(), Some(4), "{alone:?}");
    let document: serde_json::Value = serde_json::from_slice(&alone.stdout).expect("one JSON document");
    assert_eq!(
        (document["schema"].as_str(), document["verdict"].as_str()),
        (Some("comparison/1"), Some("inconclusive"))
    );
    let mut reports: Vec<_> =
        fs::read_dir(folder.path().join("reports")).unwrap().map(|entry| entry.unwrap().path()).collect();
    reports.sort();
    let [page, paper] = reports.as_slice() else { panic!("a page and a PDF, not {reports:?}") };
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("INCONCLUSIVE") && page.contains("at least two on each side"));
    assert!(fs::read(paper).unwrap().starts_with(b"%PDF"));
    assert_eq!(compare("--margin -1").status.code(), Some(2));
    assert_eq!(compare("--margin 0.05 --alpha 0.5").status.code(), Some(2));
    fs::write(b.join("presses.csv"), "altered").unwrap();
    assert_eq!(compare("--margin 0.05").status.code(), Some(5));
}

/// The table of a run holds all that its verdict rests on.
#[test]
fn the_values_of_a_run_give_its_verdict_again() {
    let folder = tempfile::tempdir().unwrap();
    for plan in ["quick", "msa"] {
        let run = rig(folder.path(), &format!("validate --cartridge 1.5mm --plan {plan} --seed 7 --out {plan} --json"));
        let verdict: serde_json::Value = serde_json::from_slice(&run.stdout).expect("one JSON document");
        let values = run_in(folder.path(), plan).join("measurements.csv");
        let again = rig(folder.path(), &format!("accept --measurements {} --plan {plan} --json", values.display()));
        assert_eq!(again.status.code(), run.status.code(), "{again:?}");
        let decided: serde_json::Value = serde_json::from_slice(&again.stdout).expect("one JSON document");
        assert_eq!(decided["criteria"], verdict["criteria"], "plan {plan}");
        assert_eq!(decided["operating_characteristic"], verdict["operating_characteristic"], "plan {plan}");
    }
}

/// A day of a gauge study, the record that it leaves, and a run that carries it.
#[test]
fn a_gauge_study_goes_into_the_budgets() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let plan = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/plans/msa.toml")).unwrap();
    let short = plan.replace("sites = 5", "sites = 2").replace("repeats = 4", "repeats = 2");
    fs::write(at.join("short.toml"), short).unwrap();
    for (out, seed) in [("a", 1), ("b", 2)] {
        let output = rig(at, &format!("validate --cartridge 1.5mm --plan short.toml --seed {seed} --out {out} --json"));
        assert!(output.status.code().is_some_and(|code| matches!(code, 0 | 1 | 4)), "{output:?}");
        let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        assert_eq!((&verdict["gauge"]["sessions"], &verdict["gauge"]["repeats"]), (&3.into(), &2.into()));
    }
    let (a, b) = (run_in(at, "a"), run_in(at, "b"));
    assert!(fs::read_to_string(a.join("gauge.csv")).unwrap().starts_with("source,df,ss_mm2"));
    assert!(fs::read_to_string(a.join("report.html")).unwrap().contains("The bench measured by itself"));
    let calibrate = format!("calibrate repeatability {} {}", a.display(), b.display());
    let written = rig(at, &format!("{calibrate} --out record.toml --json"));
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    let document: serde_json::Value = serde_json::from_slice(&written.stdout).expect("one JSON document");
    assert_eq!(document["study"]["sessions"], 6);
    assert_eq!(rig(at, &format!("{calibrate} --out record.toml")).status.code(), Some(2), "nothing is overwritten");
    assert_eq!(rig(at, &format!("calibrate repeatability {0} {0} --out x.toml", a.display())).status.code(), Some(2));

    let bench = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/rigs/default.toml")).unwrap();
    let line = bench.lines().find(|line| line.starts_with("calibration")).expect("the rig file names its record");
    fs::write(at.join("bench.toml"), bench.replace(line, "calibration = \"record.toml\"")).unwrap();
    let run = rig(at, "validate --cartridge 1.5mm --plan short.toml --rig bench.toml --out c --json");
    assert!(run.status.code().is_some_and(|code| matches!(code, 0 | 1 | 4)), "{run:?}");
    let c = run_in(at, "c");
    let header = fs::read_to_string(c.join("captures/o00-d1.50-site-00-00.json")).unwrap();
    let header: serde_json::Value = serde_json::from_str(&header).unwrap();
    assert_eq!(header["gauge"]["repeatability_u_mm"], document["repeatability"]["u_mm"]);
    assert!(fs::read_to_string(c.join("measurements/o00-d1.50-site-00-00.json")).unwrap().contains("gauge study"));
    assert!(fs::read_to_string(c.join("report.html")).unwrap().contains("A gauge study of this bench stands behind"));
    fs::write(b.join("presses.csv"), "altered").unwrap();
    assert_eq!(rig(at, &format!("{calibrate} --out y.toml")).status.code(), Some(5));
}
