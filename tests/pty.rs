//! The whole program against simulated devices on pseudo-terminals: real serial stack, real time, real signals.
//!
//! Waits here end with an event, at the latest after [`PATIENCE`]; nothing is asserted on how long anything took.
//! A machine that stands still for a while is a reason for `rig` to end a run, and rightly so; simulated devices that
//! are late by the same cause are no bench. A test that fails while one of the two was seen is done again
//! ([`undisturbed`]); one that fails without is a failure.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "what cannot be set up is a failed test, and says why")]

use rig::wire::bench_link::{
    FrameDecoder,
    code::{Kind, Op, State},
    command::{Heartbeat, Payload as _, Status},
    encode_request,
};
use rustix::process::{Pid, Signal, kill_process};
use serialport::TTYPort;
use std::{
    cell::Cell,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(240);
/// Attempts that a machine that stands still may spoil, one after the other.
const SPOILT_MAX: usize = 10;
const PORTS: [&str; 3] = ["pen", "stage", "force"];

thread_local! {
    /// Whether the machine was seen to stand still during the attempt that this thread makes.
    static SPOILT: Cell<bool> = const { Cell::new(false) };
}

/// Makes a test that needs a machine which keeps time; again where it fails on one that did not.
fn undisturbed(test: impl Fn()) {
    for _ in 0..SPOILT_MAX {
        SPOILT.set(false);
        let Err(panic) = catch_unwind(AssertUnwindSafe(&test)) else { return };
        if !SPOILT.get() {
            resume_unwind(panic);
        }
        eprintln!("the machine stood still; once more");
    }
    panic!("the machine stood still in {SPOILT_MAX} attempts: these tests need one that keeps time");
}

/// A bench of one test: a folder, a rig file, and the devices of `rig sim`.
struct Stand {
    folder: tempfile::TempDir,
    sim: Option<Child>,
}

impl Stand {
    /// A stand whose devices are off.
    fn off() -> Self {
        let stand = Self { folder: tempfile::tempdir().unwrap(), sim: None };
        stand.write_rig("bench.toml", PORTS);
        stand
    }

    fn on() -> Self {
        let mut stand = Self::off();
        stand.switch_on();
        stand
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A rig file whose pen, stage and force device are on these ports of `pty`.
    fn write_rig(&self, name: &str, [pen, stage, force]: [&str; 3]) {
        let pty = self.path("pty").display().to_string();
        let text = format!(
            r#"
schema = "rig/1"
name = "pty"
simulated = true
limits = {{ force_max_n = 8.0, travel_max_mm = 25.0, approach_speed_max_mm_s = 2.0 }}
stage = {{ driver = "zaber-ascii", port = "{pty}/{stage}", microstep_mm = 0.000047625, axes = ["x", "y", "z"] }}
force = {{ driver = "bench-link", port = "{pty}/{force}", sample_rate_hz = 10000, calibration = "simulated" }}
pen = {{ driver = "bench-link", port = "{pty}/{pen}" }}
sim = {{ seed = 5, phantom = {{ face_mm = 3.0 }} }}
"#
        );
        fs::write(self.path(name), text).unwrap();
    }

    /// The same bench with a GRBL stage and a pen with a text console.
    fn write_other_rig(&self, name: &str) {
        let text = fs::read_to_string(self.path("bench.toml")).unwrap();
        let stage = "driver = \"grbl\", machine_axes = [\"X\", \"Y\", \"-Z\"]";
        let text = text.replace("driver = \"zaber-ascii\"", stage).replace(", microstep_mm = 0.000047625", "");
        // The pull-off after homing is part of the controller's travel.
        let text = text.replace("travel_max_mm = 25.0", "travel_max_mm = 24.0");
        let pen = "pen = { driver = \"console\", profile = \"proto-c\"";
        fs::write(self.path(name), text.replace("pen = { driver = \"bench-link\"", pen)).unwrap();
    }

    fn write_plan(&self, name: &str, phases: &str, criterion: &str) {
        let text = format!(
            "schema = \"plan/1\"\nname = \"{name}\"\nset_depths = \"largest\"\n{phases}\n[[criterion]]\nid = \"c\"\n\
             confidence = 0.95\nrationale = \"the test\"\n{criterion}\n"
        );
        fs::write(self.path(&format!("{name}.toml")), text).unwrap();
    }

    /// A stand on whose lines happens what a fault file says.
    fn on_with(fault: &str) -> Self {
        let mut stand = Self::off();
        fs::write(stand.path("faults.toml"), format!("schema = \"faults/1\"\n[[fault]]\n{fault}\n")).unwrap();
        stand.start(&["--faults", "faults.toml"]);
        stand
    }

    /// Starts `rig sim` and waits for its word.
    fn switch_on(&mut self) {
        self.start(&[]);
    }

    fn start(&mut self, more: &[&str]) {
        let mut command = self.command(["sim", "--rig", "bench.toml", "--pty", "pty"]);
        command.args(more);
        let log = fs::File::create(self.path("sim.log")).unwrap();
        let mut sim = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(sim.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        self.sim = Some(sim);
    }

    /// As if the supply were cut: ports vanish, links stay.
    fn cut_off(&mut self) {
        let mut sim = self.sim.take().unwrap();
        sim.kill().unwrap();
        sim.wait().unwrap();
    }

    fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rig"));
        command.args(arguments).current_dir(self.folder.path()).env_remove("RIG").stdin(Stdio::null());
        command
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Finished {
        Finished::from(self.command(arguments).output().unwrap())
    }

    /// A validation of `plan` to its end.
    fn validate(&self, plan: &str) -> Finished {
        Finished::from(self.validation("bench.toml", plan).output().unwrap())
    }

    fn validation(&self, rig: &str, plan: &str) -> Command {
        self.command(["validate", "--cartridge", "1.5mm", "--depth", "0.5", "--rig", rig, "--plan", plan])
    }

    /// A validation of `plan` that has come to a step with `text` in its name.
    fn validate_up_to(&self, plan: &str, text: &str) -> Child {
        let mut command = self.validation("bench.toml", plan);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut there = false;
        until(text, || {
            let over = child.try_wait().unwrap().is_some();
            let journal = self.only_run().and_then(|run| fs::read_to_string(run.join("journal.jsonl")).ok());
            there = journal.is_some_and(|journal| journal.contains(text));
            there || over
        });
        if !there {
            panic!("over before {text}: {:?}", ended(child));
        }
        child
    }

    /// The run directory, where there is one.
    fn only_run(&self) -> Option<PathBuf> {
        let mut runs = fs::read_dir(self.path("reports")).ok()?.map(|entry| entry.unwrap().path());
        let run = runs.next();
        assert!(runs.next().is_none(), "one run expected");
        run
    }

    /// Takes the run directory out of the way of the next run.
    fn take_run(&self, name: &str) -> PathBuf {
        let kept = self.path(name);
        fs::rename(self.only_run().expect("a run directory"), &kept).unwrap();
        kept
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Some(mut sim) = self.sim.take() {
            signal(&sim, Signal::TERM);
            let _ = sim.wait();
        }
        if std::thread::panicking() {
            let said = fs::read_to_string(self.path("sim.log")).unwrap_or_default();
            eprintln!("rig sim said: {said}");
            if ["ms late: the machine was busy", "nobody read them in time"].iter().any(|text| said.contains(text)) {
                SPOILT.set(true);
            }
        }
    }
}

/// A command that has ended.
#[derive(Debug)]
struct Finished {
    code: Option<i32>,
    messages: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        let finished = Self { code: output.status.code(), messages: String::from_utf8(output.stderr).unwrap() };
        let named = ["no force sample for", "this program stood still for", "the host is too busy to tell"];
        if named.iter().any(|text| finished.messages.contains(text)) {
            SPOILT.set(true);
        }
        finished
    }
}

fn ended(child: Child) -> Finished {
    Finished::from(child.wait_with_output().unwrap())
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[track_caller]
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what} did not come");
        sleep(Duration::from_millis(20));
    }
}

fn verdict(run: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(run.join("verdict.json")).unwrap()).unwrap()
}

fn captures(run: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(run.join("captures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort();
    names
}

const PRESSES: &str = "[press]\nsites = 2\nspeed_mm_s = 1.0";
const AT_REST: &str = "quantity = \"protrusion\"\nstatistic = \"mean\"\nsource = \"presses\"";

#[test]
fn a_pen_gets_the_verdict_that_it_deserves_over_real_ports() {
    undisturbed(|| {
        let mut stand = Stand::off();
        let both = format!("{PRESSES}\n[dynamic]\nstroke_rates_hz = [110.0]\nstrokes = 200");
        let one = PRESSES.replace("sites = 2", "sites = 1");
        stand.write_plan("good", &both, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        stand.write_plan("other", PRESSES, &format!("{AT_REST}\nlower_mm = 2.0\nupper_mm = 2.3"));
        stand.write_plan("few", &one, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let cases = [("good", 0, "accept", 3), ("other", 1, "reject", 2), ("few", 4, "inconclusive", 1)];
        for (plan, code, word, count) in cases {
            // A phantom without the holes of the run before.
            stand.switch_on();
            let finished = stand.validate(&format!("{plan}.toml"));
            assert_eq!(finished.code, Some(code), "{plan}: {}", finished.messages);
            let run = stand.take_run(plan);
            let verdict = verdict(&run);
            assert_eq!(verdict["verdict"], word, "{plan}: {verdict:#}");
            assert_eq!(verdict["simulated"], true);
            assert_eq!(verdict["bench_state"], "safe: pen stopped, stage withdrawn, both confirmed");
            assert_eq!(captures(&run).len(), count, "{plan}: {:?}", captures(&run));
            stand.cut_off();
        }
    });
}

#[test]
fn a_grbl_stage_and_a_pen_with_a_console_work_over_real_ports() {
    undisturbed(|| {
        let mut stand = Stand::off();
        stand.write_other_rig("bench.toml");
        stand.switch_on();
        stand.write_plan("one", &PRESSES.replace("sites = 2", "sites = 1"), &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let finished = stand.validate("one.toml");
        assert_eq!(finished.code, Some(4), "one press is too few, but it was measured: {}", finished.messages);
        let run = stand.only_run().unwrap();
        assert_eq!(verdict(&run)["bench_state"], "safe: pen stopped, stage withdrawn, both confirmed");
        assert_eq!(captures(&run).len(), 1);
    });
}

#[test]
fn a_bench_in_use_is_refused_and_sigterm_ends_in_the_safe_state() {
    undisturbed(|| {
        let stand = Stand::on();
        stand.write_plan("presses", PRESSES, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let first = stand.validate_up_to("presses.toml", "press 1 at set depth");
        let second = stand.validate("presses.toml");
        assert_eq!(second.code, Some(2), "{}", second.messages);
        assert!(
            second.messages.contains("in use by process") && second.messages.contains(" min "),
            "{}",
            second.messages
        );
        stand.write_rig("twin.toml", PORTS);
        let third = Finished::from(stand.validation("twin.toml", "presses.toml").output().unwrap());
        assert_eq!(third.code, Some(2), "{}", third.messages);
        assert!(third.messages.contains("in use"), "{}", third.messages);

        signal(&first, Signal::TERM);
        let first = ended(first);
        assert_eq!(first.code, Some(143), "{}", first.messages);
        let run = stand.only_run().unwrap();
        let verdict = verdict(&run);
        assert_eq!(verdict["verdict"], "aborted");
        assert_eq!(verdict["bench_state"], "safe: pen stopped, stage withdrawn, both confirmed");
        for file in ["journal.jsonl", "presses.csv", "manifest.json", "report.html"] {
            assert!(run.join(file).is_file(), "{file}");
        }
        assert!(!stand.path("bench.quarantine.json").exists());
    });
}

#[test]
fn a_pen_whose_host_was_killed_stops_by_its_own_lease() {
    undisturbed(|| {
        let stand = Stand::on();
        let strokes = "[dynamic]\nstroke_rates_hz = [110.0]\nstrokes = 5000";
        stand.write_plan(
            "strokes",
            strokes,
            "quantity = \"puncture_rate\"\nstatistic = \"mean\"\ntolerance_percent = 5",
        );
        let mut host = stand.validate_up_to("strokes.toml", "5000 strokes at");
        // The touch comes first; then the pen strokes for most of a minute.
        sleep(Duration::from_secs(4));
        host.kill().unwrap();
        host.wait().unwrap();

        let mut port = open(&stand.path("pty/pen"));
        let mut decoder = FrameDecoder::default();
        let lapsed = next_status(&mut port, &mut decoder, Kind::Event);
        assert_eq!(lapsed.state, State::SafeLease, "said by itself");
        let mut bytes = vec![0];
        encode_request(1, &Heartbeat { lease_ms: 500, host_ms: 0 }, &mut bytes);
        port.write_all(&bytes).unwrap();
        let answered = next_status(&mut port, &mut decoder, Kind::Reply);
        assert_eq!(answered.state, State::SafeLease, "a heartbeat does not bring it back");
        drop(port);

        let check = stand.run(["check", "--rig", "bench.toml"]);
        assert_eq!(check.code, Some(0), "the next host finds a sound bench: {}", check.messages);
        assert!(check.messages.contains("quarantined"), "and what befell it: {}", check.messages);
        let run = stand.only_run().unwrap();
        let resumed = Finished::from(stand.command(["resume"]).arg(&run).output().unwrap());
        for refused in [stand.validate("strokes.toml"), resumed] {
            assert_eq!(refused.code, Some(6), "{}", refused.messages);
            assert!(refused.messages.contains("while the run was under way"), "{}", refused.messages);
        }
        let recovered = stand.run(["recover", "--rig", "bench.toml"]);
        assert_eq!(recovered.code, Some(0), "{}", recovered.messages);
        assert!(!stand.path("bench.quarantine.json").exists());
    });
}

/// A calibration moves the bench like a run, and leaves the same mark.
#[test]
fn a_calibration_whose_host_was_killed_leaves_a_quarantined_bench() {
    undisturbed(|| {
        let stand = Stand::on();
        stand.write_plan("presses", PRESSES, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let what = ["calibrate", "compliance", "--operator", "A. Smith", "--reference", "block", "--yes"];
        let mut calibration = stand.command(what);
        calibration.args(["--rig", "bench.toml"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut host = calibration.spawn().unwrap();
        until("the mark of a calibration under way", || {
            assert!(host.try_wait().unwrap().is_none(), "over before it moved");
            fs::read_to_string(stand.path("bench.lock")).is_ok_and(|lock| lock.contains("rig calibrate"))
        });
        host.kill().unwrap();
        host.wait().unwrap();
        let refused = stand.validate("presses.toml");
        assert_eq!(refused.code, Some(6), "{}", refused.messages);
        let told = ["rig calibrate", "while the run was under way"];
        assert!(told.iter().all(|words| refused.messages.contains(words)), "{}", refused.messages);
        assert_eq!(stand.run(["recover", "--rig", "bench.toml"]).code, Some(0));
        assert_eq!(stand.run(["recover", "--rig", "bench.toml"]).code, Some(0), "nothing is left to recover");
    });
}

#[test]
fn a_run_whose_host_was_killed_is_recovered_and_resumed_with_every_stroke_once() {
    undisturbed(|| {
        let stand = Stand::on();
        let both = format!("{PRESSES}\n[dynamic]\nstroke_rates_hz = [110.0]\nstrokes = 600");
        stand.write_plan("both", &both, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let mut host = stand.validate_up_to("both.toml", "600 strokes at");
        // Into the scan, or into the strokes: either way the capture is cut off.
        sleep(Duration::from_secs(6));
        assert!(host.try_wait().unwrap().is_none(), "over before it was killed");
        host.kill().unwrap();
        host.wait().unwrap();
        let run = stand.only_run().unwrap();
        let whole = ["press-00", "press-01"].map(|name| {
            let path = run.join(format!("captures/c00-d0.50-{name}.rigc"));
            (fs::read(&path).unwrap(), path)
        });

        let recovered = stand.run(["recover", "--rig", "bench.toml"]);
        assert_eq!(recovered.code, Some(0), "{}", recovered.messages);
        let resumed = Finished::from(stand.command(["resume"]).arg(&run).output().unwrap());
        assert_eq!(resumed.code, Some(0), "{}", resumed.messages);
        for (bytes, path) in whole {
            assert!(fs::read(&path).unwrap() == bytes, "{}: what was whole stays", path.display());
        }
        let (presses, strokes) = (column(&run, "presses.csv", "capture"), column(&run, "strokes.csv", "stroke"));
        assert_eq!(presses, ["c00-d0.50-press-00", "c00-d0.50-press-01"]);
        assert!(strokes.len() >= 600, "{} strokes", strokes.len());
        let in_order: Vec<String> = (0..strokes.len()).map(|stroke| stroke.to_string()).collect();
        assert_eq!(strokes, in_order, "each stroke once");
        let attempts = fs::read_dir(run.join("captures")).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(
            attempts.into_iter().any(|name| name.to_string_lossy().contains(".attempt-1")),
            "what was cut off is kept"
        );
        let verified = Finished::from(stand.command(["verify", "--recompute"]).arg(&run).output().unwrap());
        assert_eq!(verified.code, Some(0), "{}", verified.messages);
    });
}

/// A column of a table of a run, as text.
fn column(run: &Path, table: &str, name: &str) -> Vec<String> {
    let text = fs::read_to_string(run.join(table)).unwrap();
    let mut rows = text.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let index = rows.next().unwrap().iter().position(|column| *column == name).unwrap();
    rows.map(|row| row[index].to_owned()).collect()
}

#[test]
fn ports_that_vanish_quarantine_the_bench_until_it_is_recovered() {
    undisturbed(|| {
        let mut stand = Stand::on();
        stand.write_plan("presses", PRESSES, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let run = stand.validate_up_to("presses.toml", "press 1 at set depth");
        stand.cut_off();
        let run = ended(run);
        assert_eq!(run.code, Some(6), "{}", run.messages);
        assert!(run.messages.contains("NOT CONFIRMED"), "{}", run.messages);
        assert_eq!(verdict(&stand.take_run("lost"))["verdict"], "aborted");
        let quarantine = stand.path("bench.quarantine.json");
        assert!(fs::read_to_string(&quarantine).unwrap().contains("NOT CONFIRMED"));

        stand.switch_on();
        let refused = stand.validate("presses.toml");
        assert_eq!(refused.code, Some(6), "{}", refused.messages);
        assert!(refused.messages.contains("rig recover"), "{}", refused.messages);
        assert!(stand.only_run().is_none(), "nothing was begun");
        let recovered = stand.run(["recover", "--rig", "bench.toml"]);
        assert_eq!(recovered.code, Some(0), "{}", recovered.messages);
        assert!(!quarantine.exists());
        assert_eq!(stand.run(["check", "--rig", "bench.toml"]).code, Some(0));
    });
}

#[test]
fn a_tape_of_real_ports_is_replayed_without_them() {
    undisturbed(|| {
        let mut stand = Stand::on();
        stand.write_plan("presses", PRESSES, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let mut taped = stand.validation("bench.toml", "presses.toml");
        let then = Finished::from(taped.args(["--tape", "run.tape", "--out", "then"]).output().unwrap());
        assert_eq!(then.code, Some(0), "{}", then.messages);
        let (then, now) = {
            stand.cut_off();
            let run = stand.validation("bench.toml", "presses.toml").args(["--replay", "run.tape"]).output().unwrap();
            let now = Finished::from(run);
            assert_eq!(now.code, Some(0), "{}", now.messages);
            let then = fs::read_dir(stand.path("then")).unwrap().next().unwrap().unwrap().path();
            (then, stand.only_run().unwrap())
        };
        assert_eq!(captures(&then).len(), 2);
        for name in captures(&then).into_iter().map(|name| name.replace(".json", ".rigc")) {
            let data = |run: &Path| fs::read(run.join("captures").join(&name)).unwrap();
            assert_eq!(data(&then), data(&now), "{name}");
        }
    });
}

#[test]
fn a_missing_port_and_a_wrong_device_are_refused_before_anything_moves() {
    undisturbed(|| {
        let mut stand = Stand::off();
        stand.write_plan("presses", PRESSES, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let missing = stand.validate("presses.toml");
        assert_eq!(missing.code, Some(2), "{}", missing.messages);
        assert!(missing.messages.contains("pty/pen") && missing.messages.contains("rig ports"), "{}", missing.messages);
        assert!(stand.only_run().is_none(), "nothing was begun");

        stand.switch_on();
        for [pen, stage, force] in [["force", "stage", "pen"], ["stage", "pen", "force"], ["pen", "force", "stage"]] {
            stand.write_rig("bench.toml", [pen, stage, force]);
            let swapped = stand.validate("presses.toml");
            assert_eq!(swapped.code, Some(2), "{}", swapped.messages);
            let verdict = verdict(&stand.take_run(&format!("{pen}-{stage}-{force}")));
            assert_eq!(
                (&verdict["verdict"], &verdict["bench_state"]),
                (&"aborted".into(), &"safe: nothing was told to move".into())
            );
        }
    });
}

#[test]
fn a_port_that_vanishes_with_unread_bytes_ends_the_run_and_comes_back_for_the_next() {
    undisturbed(|| {
        let stand = Stand::on_with(
            "id = \"F04\"\ndevice = \"force\"\ninject = { unplug = { back_after_s = 1.0 } }\nwhen = { phase = \"extended\" }",
        );
        stand.write_plan("presses", PRESSES, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let run = stand.validate("presses.toml");
        assert_eq!(run.code, Some(3), "{}", run.messages);
        assert!(run.messages.contains("force device: the port"), "{}", run.messages);
        let verdict = verdict(&stand.take_run("lost"));
        assert_eq!(verdict["bench_state"], "safe: pen stopped, stage withdrawn, both confirmed");
        until("the port under its old name", || stand.path("pty/force").exists());
        let again = stand.validate("presses.toml");
        assert_eq!(again.code, Some(0), "{}", again.messages);
    });
}

#[test]
fn a_deaf_pen_is_not_called_stopped_and_a_busy_port_is_not_called_unplugged() {
    undisturbed(|| {
        let stand =
            Stand::on_with("id = \"F20\"\ndevice = \"pen\"\ninject = \"deaf\"\nwhen = { phase = \"extended\" }");
        stand.write_plan("presses", PRESSES, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let run = stand.validate("presses.toml");
        assert_eq!(run.code, Some(6), "{}", run.messages);
        assert!(run.messages.contains("lease expired") && run.messages.contains("NOT CONFIRMED"), "{}", run.messages);
        drop(stand);
        let stand = Stand::on_with("id = \"F05\"\ndevice = \"stage\"\ninject = \"busy\"");
        stand.write_plan("presses", PRESSES, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let run = stand.validate("presses.toml");
        assert_eq!(run.code, Some(2), "{}", run.messages);
        assert!(run.messages.contains("in use"), "{}", run.messages);
    });
}

#[test]
fn more_signals_change_nothing_for_the_worse() {
    undisturbed(|| {
        let stand = Stand::on();
        stand.write_plan("presses", PRESSES, &format!("{AT_REST}\ntolerance_mm = 0.15"));
        let run = stand.validate_up_to("presses.toml", "press 1 at set depth");
        signal(&run, Signal::INT);
        for again in [Signal::INT, Signal::TERM, Signal::HUP, Signal::INT] {
            sleep(Duration::from_millis(50));
            signal(&run, again);
        }
        let run = ended(run);
        assert_eq!(run.code, Some(130), "{}", run.messages);
        let dir = stand.only_run().unwrap();
        assert_eq!(verdict(&dir)["bench_state"], "safe: pen stopped, stage withdrawn, both confirmed");
        assert!(dir.join("report.html").is_file());
    });
}

#[test]
fn the_links_go_with_the_simulator_and_a_folder_has_one() {
    undisturbed(|| {
        let mut stand = Stand::on();
        let second = stand.run(["sim", "--rig", "bench.toml", "--pty", "pty"]);
        assert_eq!(second.code, Some(2), "{}", second.messages);
        assert!(second.messages.contains("another"), "{}", second.messages);
        let sim = stand.sim.take().unwrap();
        signal(&sim, Signal::INT);
        assert_eq!(ended(sim).code, Some(0));
        assert_eq!(fs::read_dir(stand.path("pty")).unwrap().count(), 0);
    });
}

fn open(path: &Path) -> TTYPort {
    let mut port = None;
    until("a free port", || {
        let builder = serialport::new(path.display().to_string(), 115_200).timeout(Duration::from_millis(20));
        port = builder.open_native().ok();
        port.is_some()
    });
    port.unwrap()
}

/// The next status that comes as `kind`.
#[track_caller]
fn next_status(port: &mut TTYPort, decoder: &mut FrameDecoder, kind: Kind) -> Status {
    let mut found = None;
    until("a status of the pen", || {
        let mut buffer = [0; 256];
        let count = port.read(&mut buffer).unwrap_or(0);
        let mut bytes = &buffer[..count];
        while let Some(frame) = decoder.next_frame(&mut bytes) {
            let of_status = frame.op == Op::Status as u8 || frame.op == Op::Heartbeat as u8;
            if frame.kind == kind && of_status {
                found = found.or(Status::from_bytes(frame.payload).ok());
            }
        }
        found.is_some()
    });
    found.unwrap()
}
