//! A recording in place of a bench, as a user makes and replays it: the same run comes of it, to the last byte of its
//! captures, and whatever differs is named. On pseudo-terminals, with real time in it, once more in `tests/pty.rs`.

#![expect(clippy::unwrap_used, reason = "what cannot be set up is a failed test")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

const PLAN: &str = r#"
schema = "plan/1"
name = "short"
set_depths = "largest"
press = { sites = 2, speed_mm_s = 1.0 }
[[criterion]]
id = "c"
quantity = "protrusion"
statistic = "mean"
source = "presses"
confidence = 0.95
tolerance_mm = 0.15
rationale = "the test"
"#;

const UNPLUGGED: &str = "schema = \"faults/1\"\n[[fault]]\nid = \"F01\"\ndevice = \"force\"\ninject = { unplug = {} }\n\
                         when = { phase = \"extended\" }\n";

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("plan.toml", PLAN);
        desk.write("slower.toml", &PLAN.replace("speed_mm_s = 1.0", "speed_mm_s = 0.9"));
        desk.write("faults.toml", UNPLUGGED);
        desk
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn validate(&self, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rig"));
        command.args(["validate", "--cartridge", "1.5mm", "--depth", "0.5"]).args(more);
        command.current_dir(self.0.path()).env_remove("RIG").stdin(Stdio::null()).output().unwrap()
    }

    /// Files of the one run in `out`, by their paths from the run directory.
    fn files(&self, out: &str) -> BTreeMap<String, Vec<u8>> {
        let run = fs::read_dir(self.0.path().join(out)).unwrap().next().unwrap().unwrap().path();
        let mut files = BTreeMap::new();
        for folder in ["captures", "measurements", "."] {
            for entry in fs::read_dir(run.join(folder)).unwrap().map(|entry| entry.unwrap()) {
                if entry.path().is_file() {
                    let name = Path::new(folder).join(entry.file_name()).display().to_string();
                    files.insert(name, fs::read(entry.path()).unwrap());
                }
            }
        }
        files
    }
}

fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_replay_is_the_run_again() {
    for (name, faults, code) in [("sound", None, 0), ("unplugged", Some("faults.toml"), 3)] {
        let desk = Desk::new();
        let mut arguments = vec!["--plan", "plan.toml", "--tape", "run.tape", "--out", "then"];
        arguments.extend(faults.iter().flat_map(|file| ["--faults", file]));
        let then = desk.validate(&arguments);
        assert_eq!(then.status.code(), Some(code), "{name}: {}", messages(&then));
        let now = desk.validate(&["--plan", "plan.toml", "--replay", "run.tape", "--out", "now"]);
        assert_eq!(now.status.code(), Some(code), "{name}: {}", messages(&now));
        assert!(messages(&now).contains("REPLAY"), "{}", messages(&now));
        let (then, now) = (desk.files("then"), desk.files("now"));
        let compared = then.keys().filter(|path| !path.starts_with("./") || path.ends_with(".csv"));
        assert!(compared.clone().count() > 3, "{name}");
        for path in compared {
            assert_eq!(then.get(path), now.get(path), "{name}: {path}");
        }
        let verdict = String::from_utf8_lossy(&now["./verdict.json"]).into_owned();
        assert!(verdict.contains("of a tape of"), "what is derived from a tape says so: {verdict}");
    }
}

/// A rig file of which nothing can be opened.
const ABSENT: &str = r#"
schema = "rig/1"
name = "absent"
simulated = false
limits = { force_max_n = 8.0, travel_max_mm = 25.0, approach_speed_max_mm_s = 2.0 }
stage = { driver = "zaber-ascii", port = "stage-that-is-not-there", microstep_mm = 0.0001, axes = ["z"] }
force = { driver = "bench-link", port = "force-that-is-not-there", sample_rate_hz = 10000, calibration = "simulated" }
pen = { driver = "bench-link", port = "pen-that-is-not-there" }
"#;

#[test]
fn where_no_bench_is_opened_no_tape_is_left_behind() {
    let desk = Desk::new();
    desk.write("absent.toml", ABSENT);
    let lock = fs::File::create(desk.0.path().join("absent.lock")).unwrap();
    let begin = || desk.validate(&["--plan", "plan.toml", "--rig", "absent.toml", "--tape", "run.tape"]);
    for (held, told) in [(true, "is in use by"), (false, "that-is-not-there")] {
        if held {
            lock.try_lock().unwrap()
        } else {
            lock.unlock().unwrap()
        }
        let refused = begin();
        assert_eq!(refused.status.code(), Some(2), "{}", messages(&refused));
        assert!(messages(&refused).contains(told), "{}", messages(&refused));
        assert!(!desk.0.path().join("run.tape").exists(), "held: {held}");
    }
}

#[test]
fn another_run_than_the_recorded_one_is_named() {
    let desk = Desk::new();
    let then = desk.validate(&["--plan", "plan.toml", "--tape", "run.tape", "--out", "then"]);
    assert_eq!(then.status.code(), Some(0), "{}", messages(&then));
    let other = desk.validate(&["--plan", "slower.toml", "--replay", "run.tape", "--out", "other"]);
    assert_eq!(other.status.code(), Some(2), "{}", messages(&other));
    for part in ["deviates from the tape at", "to the stage", "then", "now"] {
        assert!(messages(&other).contains(part), "{part}: {}", messages(&other));
    }
    let quarantined = fs::read_dir(desk.0.path())
        .unwrap()
        .any(|file| file.unwrap().file_name().to_string_lossy().contains("quarantine"));
    assert!(!quarantined, "no bench, no quarantine");

    let tape = fs::read(desk.0.path().join("run.tape")).unwrap();
    fs::write(desk.0.path().join("cut.tape"), &tape[..tape.len() / 2]).unwrap();
    let cut = desk.validate(&["--plan", "plan.toml", "--replay", "cut.tape", "--out", "cut"]);
    assert_eq!(cut.status.code(), Some(2), "{}", messages(&cut));
    assert!(messages(&cut).contains("was cut off"), "{}", messages(&cut));

    desk.write("no.tape", "something else");
    let no = desk.validate(&["--plan", "plan.toml", "--replay", "no.tape", "--out", "no"]);
    assert_eq!(no.status.code(), Some(2), "{}", messages(&no));
    assert!(messages(&no).contains("no tape"), "{}", messages(&no));
    let twice = desk.validate(&["--plan", "plan.toml", "--tape", "run.tape", "--out", "twice"]);
    assert_eq!(twice.status.code(), Some(2), "a tape is not written over; {}", messages(&twice));
}
