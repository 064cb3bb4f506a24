//! `rig watch`: what a person sees of a run that is finished, under way, or not there.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn rig(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rig"))
        .args(line.split_whitespace())
        .current_dir(folder)
        .env_remove("RIG")
        .output()
        .expect("the binary runs")
}

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_finished_run_and_one_under_way() {
    let folder = tempfile::tempdir().unwrap();
    rig(folder.path(), "validate --cartridge 0.5mm --plan quick --seed 7 --quiet");
    let seen = text(&rig(folder.path(), "watch --once"));
    assert!(seen.contains("SIMULATED") && seen.contains("4 of 4 captures"), "{seen}");
    assert!(seen.contains("protrusion at 0.5 mm"), "{seen}");
    let replayed = text(&rig(folder.path(), "watch --speed 1000000"));
    assert!(replayed.contains("7 criteria"), "{replayed}");

    // As the directory stood after the second press.
    let run = fs::read_dir(folder.path().join("reports")).unwrap().next().unwrap().unwrap().path();
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let second = journal.match_indices("\"event\":\"captured\"").nth(1).unwrap().0;
    let end = second + journal[second..].find('\n').unwrap() + 1;
    // A line that is being written belongs to nobody yet.
    fs::write(run.join("journal.jsonl"), &journal[..end + 20]).unwrap();
    for file in ["verdict.json", "manifest.json"] {
        fs::remove_file(run.join(file)).unwrap();
    }
    let seen: serde_json::Value = serde_json::from_str(&text(&rig(folder.path(), "watch --json"))).unwrap();
    assert_eq!((seen["done"].as_u64(), seen["planned"].as_u64()), (Some(2), Some(4)), "{seen:#}");
    assert!(seen["left_s"].as_f64().unwrap() > 5.0 && seen["ended"].is_null(), "{seen:#}");
}

#[test]
fn without_a_run_it_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for line in ["watch", "watch reports/none", "watch --rig none.toml", "watch --speed 0"] {
        let output = rig(folder.path(), line);
        assert_eq!(output.status.code(), Some(2), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
