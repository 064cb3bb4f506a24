//! Calibrations, operator steps and cartridges as users meet them: the simulated bench has a truth to be found.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Day of every command here: 2026-01-01.
const DAY: &str = "1767225600";
/// What the built-in world is made of (`config::world`, defaults).
const NATURAL_HZ: f64 = 900.0;
const DAMPING: f64 = 0.5;
const COMPLIANCE_MM_PER_N: f64 = 0.0066;
const N_PER_COUNT: f64 = 2e-6;

fn rig_on(day: &str, folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rig"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("RIG")
        .env("SOURCE_DATE_EPOCH", day)
        .output()
        .expect("the binary runs")
}

fn calibrate(folder: &Path, what: &[&str]) -> Output {
    let who = ["--operator", "A. Smith", "--reference", "cert. 4711", "--json"];
    rig_on(DAY, folder, &[&["calibrate"], what, &who].concat())
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal ended the process")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The evidence of a calibration that must succeed, and the path of its record.
fn evidence(output: &Output) -> (serde_json::Value, String) {
    assert_eq!(code(output), 0, "{}", stderr(output));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let record = document["record"].as_str().expect("a path").to_owned();
    (document["evidence"].clone(), record)
}

#[track_caller]
fn within(evidence: &serde_json::Value, value: &str, u: &str, truth: f64) {
    let number = |key: &str| evidence["results"][key].as_f64().expect("the evidence holds the number");
    let (value, u) = (number(value), number(u));
    assert!((value - truth).abs() <= 3.0 * u, "{value} against {truth}, u {u}");
    assert!(u > 0.0 && u < 0.02 * truth, "u {u} of {truth}");
}

#[test]
fn each_calibration_finds_the_truth_of_the_simulated_bench() {
    let folder = tempfile::tempdir().unwrap();
    let force = ["force", "--masses", "10,50,200,500", "--gravity", "9.80665", "--temperature", "21.5"];
    let (found, record) = evidence(&calibrate(folder.path(), &force));
    let (per_count, u_rel) = (&found["results"]["n_per_count"], found["results"]["scale_u_rel"].as_f64().unwrap());
    // The world's masses weigh what the record's buoyancy says.
    assert!((per_count.as_f64().unwrap() / N_PER_COUNT - 1.0).abs() <= 3.0 * u_rel, "{found}");
    assert_eq!((found["temperature_c"].as_f64(), found["simulated"].as_bool()), (Some(21.5), Some(true)));
    let text = fs::read_to_string(folder.path().join(record)).unwrap();
    assert!(text.contains("due = \"2027-01-01\"") && text.contains("cert. 4711"), "{text}");

    let (found, _) = evidence(&calibrate(folder.path(), &["compliance", "--force", "4"]));
    within(&found, "mm_per_n", "u_mm_per_n", COMPLIANCE_MM_PER_N);
    let (found, _) = evidence(&calibrate(folder.path(), &["response"]));
    within(&found, "natural_hz", "natural_u_hz", NATURAL_HZ);
    within(&found, "damping", "damping_u", DAMPING);
}

#[test]
fn a_record_is_never_overwritten_and_serves_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let (_, record) = evidence(&calibrate(folder.path(), &["response"]));
    let again = calibrate(folder.path(), &["response"]);
    assert_eq!(code(&again), 2);
    assert!(stderr(&again).contains("never overwritten"), "{}", stderr(&again));
    let rig = include_str!("../rigs/default.toml").replace("\"simulated\"", &format!("{record:?}"));
    let rig = rig.replace("name = ", "# renamed\nname = ");
    fs::write(folder.path().join("bench.toml"), rig).unwrap();
    let run =
        rig_on(DAY, folder.path(), &["validate", "--cartridge", "1.5mm", "--plan", "quick", "--rig", "bench.toml"]);
    assert!(matches!(code(&run), 0 | 1), "{}", stderr(&run));
}

#[test]
fn impossible_calibrations_are_refused_before_anything_moves() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["force", "--masses", "10,50"], "at least 3 masses"),
        (&["force", "--masses", "50,10,20"], "ascending"),
        (&["force", "--masses", "10,50,5000"], "at most"),
        (&["force", "--masses", "10,20,50", "--gravity", "1.6"], "9.7 to 9.9"),
        (&["compliance", "--force", "100"], "are allowed"),
    ];
    for (arguments, reason) in cases {
        let output = calibrate(folder.path(), arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
    }
    let nameless = rig_on(DAY, folder.path(), &["calibrate", "response", "--operator", " ", "--reference", "x"]);
    assert_eq!(code(&nameless), 2);
    assert!(!folder.path().join("calibrations").exists(), "nothing was written");
}

#[test]
fn an_overdue_calibration_is_refused_unless_told_in_writing() {
    let folder = tempfile::tempdir().unwrap();
    let late = "2114380800"; // 2037-01-01, a year after the built-in record was due
    let run = ["validate", "--cartridge", "0.5mm", "--plan", "quick"];
    let refused = rig_on(late, folder.path(), &run);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("was due on 2036-01-01"), "{}", stderr(&refused));
    assert!(!folder.path().join("reports").exists());
    let written = rig_on(late, folder.path(), &[&run[..], &["--overdue-because", "QA-77: cell in transit"]].concat());
    assert!(matches!(code(&written), 0 | 1), "{}", stderr(&written));
    let run = fs::read_dir(folder.path().join("reports")).unwrap().next().unwrap().unwrap().path();
    for file in ["journal.jsonl", "report.html", "junit.xml"] {
        let text = fs::read_to_string(run.join(file)).unwrap();
        assert!(file == "junit.xml" || text.contains("QA-77"), "{file}");
        assert!(text.contains("calibration due"), "{file}");
    }
}

fn steps(folder: &Path, text: &str) {
    fs::write(folder.join("steps.toml"), format!("schema = \"steps/1\"\n{text}")).expect("the folder is writable");
}

const RUN: [&str; 7] = ["validate", "--cartridge", "0.5mm", "--plan", "quick", "--steps", "steps.toml"];

#[test]
fn operator_steps_are_recorded_and_a_used_cartridge_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let script = |lot: &str| {
        let phantom = "[[step]]\nid = \"phantom\"\nby = \"B. Jones\"\n";
        steps(
            folder.path(),
            &format!("{phantom}[[step]]\nid = \"cartridge\"\nby = \"B. Jones\"\nanswer = \"{lot}\"\n"),
        );
    };
    script("LOT-7-001");
    let first = rig_on(DAY, folder.path(), &RUN);
    assert!(matches!(code(&first), 0 | 1), "{}", stderr(&first));
    let run = fs::read_dir(folder.path().join("reports")).unwrap().next().unwrap().unwrap().path();
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    assert!(journal.contains("LOT-7-001") && journal.contains("B. Jones") && journal.contains("2026-01-01T00:00:00Z"));
    let second = rig_on("1767312000", folder.path(), &RUN);
    assert_eq!(code(&second), 2, "{}", stderr(&second));
    assert!(stderr(&second).contains("LOT-7-001 has served 1 of 1"), "{}", stderr(&second));
    script("LOT-7-002");
    let third = rig_on("1767312001", folder.path(), &RUN);
    assert!(matches!(code(&third), 0 | 1), "{}", stderr(&third));
}

#[test]
fn a_script_that_leaves_a_step_open_stops_the_run_before_anything_moves() {
    let folder = tempfile::tempdir().unwrap();
    for (script, reason) in [
        ("", "no step \"phantom-1\""),
        ("[[step]]\nid = \"phantom\"\nby = \"B\"\n[[step]]\nid = \"cartridge\"\nby = \"B\"\n", "has no answer"),
        ("[[step]]\nid = \"phantom\"\nby = \"\"\n", "by is empty"),
        ("[[stop]]\n", "did you mean `step`"),
    ] {
        steps(folder.path(), script);
        let output = rig_on(DAY, folder.path(), &RUN);
        assert_eq!(code(&output), 2, "{script}: {}", stderr(&output));
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
        let _ = fs::remove_dir_all(folder.path().join("reports"));
    }
}
