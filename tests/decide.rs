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
    let page = fs::read_to_string(run_in(folder.path(), "reports")).unwrap();
    assert!(page.contains("INCONCLUSIVE") && page.contains("at least two on each side"));
    assert_eq!(compare("--margin -1").status.code(), Some(2));
    assert_eq!(compare("--margin 0.05 --alpha 0.5").status.code(), Some(2));
    fs::write(b.join("presses.csv"), "altered").unwrap();
    assert_eq!(compare("--margin 0.05").status.code(), Some(5));
}
