//! The simulated twins of `rigs/` run the quick plan, and what stands in for a device is found out before it moves.

#![expect(clippy::unwrap_used, reason = "what cannot be set up is a failed test")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn rig(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rig"));
    command.args(line.split_whitespace()).current_dir(folder).env_remove("RIG").output().unwrap()
}

fn twin(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rigs").join(name)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_combination_runs_the_quick_plan() {
    for (name, lease) in [
        ("sim-grbl.toml", "pen lease"),
        ("sim-zaber-console.toml", "pen lease"),
        ("sim-grbl-console.toml", "pen has no lease"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = twin(name).display().to_string();
        let output =
            rig(folder.path(), &format!("validate --cartridge 1.5mm --plan quick --seed 7 --json --rig {file}"));
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
        let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verdict["verdict"], "accept", "{name}");
        assert_eq!(verdict["bench_state"], "safe: pen stopped, stage withdrawn, both confirmed", "{name}");
        let run = folder.path().join("reports").read_dir().unwrap().next().unwrap().unwrap().path();
        for file in ["junit.xml", "report.html"] {
            assert!(std::fs::read_to_string(run.join(file)).unwrap().contains(lease), "{name}: {file}");
        }
        let verified = rig(folder.path(), &format!("verify {} --recompute", run.display()));
        assert_eq!(verified.status.code(), Some(0), "{name}: {}", stderr(&verified));
    }
}

#[test]
fn a_pen_file_that_is_not_what_the_port_speaks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let console = twin("sim-zaber-console.toml").display().to_string();
    for (rig_file, pen) in [(console.as_str(), "proto-d"), (console.as_str(), "reference"), ("", "proto-c")] {
        let option = if rig_file.is_empty() { String::new() } else { format!("--rig {rig_file}") };
        let output = rig(folder.path(), &format!("validate --cartridge 1.5mm --plan quick --pen {pen} {option}"));
        assert_eq!(output.status.code(), Some(2), "{pen}: {}", stderr(&output));
        assert!(stderr(&output).contains("the pen of this rig file speaks"), "{}", stderr(&output));
    }
    let check = rig(folder.path(), &format!("check --rig {}", twin("sim-grbl-console.toml").display()));
    assert!(String::from_utf8_lossy(&check.stdout).contains("pen has no lease: IT STROKES ON"), "{}", stderr(&check));
}

#[test]
fn keys_of_another_driver_and_missing_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(twin("sim-grbl-console.toml")).unwrap();
    let axes = "machine_axes = [\"X\", \"Y\", \"-Z\"]";
    let rows = [
        (axes, "", "driver grbl needs the key machine_axes"),
        (axes, "machine_axes = [\"X\", \"Y\", \"-X\"]", "each once"),
        (axes, "machine_axes = [\"X\", \"Y\", \"+Z\"]", "unknown variant `+Z`"),
        (axes, "microstep_mm = 0.001", "microstep_mm belongs to driver zaber-ascii"),
        ("driver = \"grbl\"", "driver = \"zaber-ascii\"", "machine_axes belongs to driver grbl"),
        ("profile = \"pens/proto-d.toml\"", "", "driver console needs the key profile"),
        ("driver = \"console\"", "driver = \"bench-link\"", "profile belongs to driver console"),
        ("pens/proto-d.toml", "pens/proto-x.toml", "did you mean \"proto-c\""),
        ("pens/proto-d.toml", "pens/reference.toml", "has no [console] table"),
    ];
    for (from, to, words) in rows {
        assert!(text.contains(from), "{from}");
        let file = folder.path().join("bench.toml");
        std::fs::write(&file, text.replace(from, to)).unwrap();
        let output = rig(folder.path(), "check --rig bench.toml");
        assert_eq!(output.status.code(), Some(2), "{to}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{to}: {}", stderr(&output));
    }
}
