//! Faults on lines without ids and checksums: GRBL, consoles, gauges. What may pass there must still be no value.

use super::run::{Run, invented};
use std::fs;

/// A bench, and how fast it presses, mm/s.
struct Ground {
    rig: &'static str,
    speed_mm_s: f64,
}

const GRBL: Ground = Ground { rig: "sim-grbl", speed_mm_s: 1.0 };
const CONSOLE: Ground = Ground { rig: "sim-zaber-console", speed_mm_s: 1.0 };
const BARE_CONSOLE: Ground = Ground { rig: "sim-grbl-console", speed_mm_s: 1.0 };
const MARK10: Ground = Ground { rig: "sim-mark10", speed_mm_s: 0.05 };
const BALANCE: Ground = Ground { rig: "sim-mt-sics", speed_mm_s: 0.05 };
const LINE: Ground = Ground { rig: "sim-line", speed_mm_s: 0.05 };

/// Device, fault, when and how long; exit code and words, which are none where the run goes on to its verdict.
type Case = (&'static str, &'static str, &'static str, &'static str, Option<(i32, &'static str)>);

/// Longest time-out of a device with its repetitions, and a stop.
const LATE_MAX_S: f64 = 3.0;

const START: &str = "";
const CONTACT: &str = "when = { phase = \"contact\" }";
const EXTENDED: &str = "when = { phase = \"extended\" }";
const ONCE: &str = "lasts = { messages = 1 }";
const SECOND: &str = "lasts = { s = 1.0 }";

impl Ground {
    fn run(&self, faults: Option<&str>) -> Run {
        let path = format!("{}/rigs/{}.toml", env!("CARGO_MANIFEST_DIR"), self.rig);
        let plan = format!(
            "schema = \"plan/1\"\nname = \"lines\"\nset_depths = \"largest\"\n\
             press = {{ sites = 2, speed_mm_s = {} }}\n[[criterion]]\nid = \"c\"\nquantity = \"protrusion\"\n\
             statistic = \"mean\"\nsource = \"presses\"\nconfidence = 0.95\ntolerance_mm = 0.15\nrationale = \"the test\"\n",
            self.speed_mm_s
        );
        Run::on(Some(&fs::read_to_string(path).unwrap()), &plan, faults)
    }

    #[track_caller]
    fn check(&self, id: &str, device: &str, cases: &[Case]) {
        let sound = self.run(None);
        assert_eq!(sound.code, 0, "{}", sound.messages);
        let mut complaints = Vec::new();
        for &(inject, when, lasts, direction, ends) in cases {
            let text = format!(
                "schema = \"faults/1\"\n[[fault]]\nid = \"{id}\"\ndevice = \"{device}\"\ninject = {inject}\n{when}\n{lasts}\n{direction}\n"
            );
            let run = self.run(Some(&text));
            if let Some(what) = complaint(ends, &run, &sound) {
                complaints.push(format!("{inject} {when} {lasts}: {what}, code {}\n{}", run.code, run.messages));
            }
        }
        assert!(complaints.is_empty(), "{} on {}:\n{}", id, self.rig, complaints.join("\n"));
    }
}

fn complaint(ends: Option<(i32, &str)>, run: &Run, sound: &Run) -> Option<String> {
    if let Some(invented) = invented(run, sound) {
        return Some(invented);
    }
    let (code, words) = ends.unwrap_or((sound.code, ""));
    if run.code != code || !run.said(words) {
        return Some(format!("wanted is code {code} with {words:?}"));
    }
    if let Some(late) = late(run, sound) {
        return Some(late);
    }
    let state = run.verdict["bench_state"].as_str().unwrap_or_default();
    let wanted = match code {
        2 => state == "safe: nothing was told to move",
        6 => state.starts_with("NOT CONFIRMED"),
        _ => state == "safe: pen stopped, stage withdrawn, both confirmed",
    };
    (!wanted).then(|| format!("bench state {state:?}"))
}

/// A reaction has its bound: a run that ends does so before the step in hand would have been over, or little later.
fn late(run: &Run, sound: &Run) -> Option<String> {
    let (ended_s, ..) = run.fault()?;
    let place = |text: &str| sound.events.iter().position(|(_, _, other)| other == text);
    let index = run.events.iter().filter_map(|(_, _, text)| place(text)).max()?;
    let (over_s, ..) = sound.events.get(index + 1)?;
    (*ended_s > over_s + LATE_MAX_S)
        .then(|| format!("it ended at {ended_s} s, and the step without the fault at {over_s} s"))
}

/// Either way a line is missing, or its answer: a deadline, and no count that is one behind for ever.
#[test]
fn f21_fewer_answers_than_lines() {
    GRBL.check(
        "F21",
        "stage",
        &[
            ("{ replace = { from = \"ok\", to = \"xx\" } }", CONTACT, SECOND, "", Some((3, "did not answer $J="))),
            // What is left of the line is a motion of its own, too fast: the supervisor sees it where the protocol cannot.
            (
                "{ replace = { from = \"$J=\", to = \"\" } }",
                CONTACT,
                "",
                "direction = \"to-device\"",
                Some((3, "approach speed")),
            ),
            ("\"cut\"", CONTACT, ONCE, "", None),
            ("\"drop\"", CONTACT, "lasts = { messages = 2 }", "direction = \"to-device\"", None),
        ],
    );
}

#[test]
fn f07_a_late_answer_is_not_that_to_the_next_line() {
    GRBL.check("F07", "stage", &[("{ delay = { ms = 400 } }", CONTACT, ONCE, "", None)]);
    CONSOLE.check(
        "F07",
        "pen",
        &[
            ("{ delay = { ms = 300 } }", EXTENDED, ONCE, "", None),
            ("{ delay = { ms = 700 } }", EXTENDED, SECOND, "", Some((3, "lease expired"))),
        ],
    );
    // The second makes the gauge rest on one of its steps, from which every flicker stands out.
    let late = "{ delay = { ms = 200 } }";
    MARK10.check("F07", "force", &[(late, CONTACT, ONCE, "", None), (late, START, ONCE, "", None)]);
}

#[test]
fn f19_alarms_and_holds_are_faults_of_the_stage() {
    GRBL.check(
        "F19",
        "stage",
        &[
            ("{ insert = { text = \"ALARM:1\\r\\n\" } }", CONTACT, "", "", Some((3, "alarm 1: hard limit"))),
            ("{ replace = { from = \"<Jog\", to = \"<Hold:1\" } }", CONTACT, "", "", Some((3, "put on hold"))),
            ("\"reboot\"", CONTACT, "", "", Some((3, "position lost"))),
        ],
    );
}

#[test]
fn f22_flow_control_bytes_are_no_part_of_a_line_and_are_named_or_survived() {
    let xon_xoff = "{ interleave = { hex = \"11 13\" } }";
    GRBL.check("F22", "stage", &[(xon_xoff, START, "", "", Some((2, "did not answer")))]);
    CONSOLE.check("F22", "pen", &[(xon_xoff, EXTENDED, SECOND, "", Some((3, "lease expired")))]);
    LINE.check("F22", "force", &[(xon_xoff, CONTACT, "lasts = { s = 0.5 }", "", Some((3, "cannot be understood")))]);
}

#[test]
fn f23_another_unit_or_an_error_of_a_gauge_is_no_number() {
    let said = |text: &str| format!("{{ insert = {{ text = \"{text}\\r\\n\" }} }}");
    MARK10.check(
        "F23",
        "force",
        &[
            ("{ replace = { from = \" N\", to = \" lbF\" } }", CONTACT, ONCE, "", Some((3, "it shows lbF"))),
            ("{ replace = { from = \" N\", to = \"\" } }", CONTACT, ONCE, "", Some((3, "has no unit"))),
            (said("*10").leak(), CONTACT, "", "", Some((3, "*10 illegal command"))),
        ],
    );
    BALANCE.check(
        "F23",
        "force",
        &[
            ("{ replace = { from = \" g\", to = \" kg\" } }", CONTACT, ONCE, "", Some((3, "it shows kg"))),
            (said("S +").leak(), CONTACT, "", "", Some((3, "overloaded"))),
            (said("S I").leak(), CONTACT, "", "", Some((3, "balance cannot do it now"))),
            (said("ES").leak(), CONTACT, "", "", Some((3, "does not know the command"))),
        ],
    );
}

#[test]
fn f30_a_board_that_is_reset_by_opening_is_awaited() {
    for (ground, device) in
        [(&GRBL, "stage"), (&CONSOLE, "pen"), (&BARE_CONSOLE, "pen"), (&MARK10, "force"), (&LINE, "force")]
    {
        ground.check("F30", device, &[("\"reboot\"", START, "", "", None)]);
    }
}

#[test]
fn f06_f20_f28_silence_deafness_and_echo() {
    GRBL.check("F20", "stage", &[("\"deaf\"", CONTACT, "", "", Some((6, "NOT CONFIRMED")))]);
    CONSOLE.check("F20", "pen", &[("\"deaf\"", EXTENDED, "", "", Some((6, "lease expired")))]);
    CONSOLE.check("F06", "pen", &[("\"silent\"", EXTENDED, "", "", Some((6, "lease expired")))]);
    BARE_CONSOLE.check("F06", "pen", &[("\"silent\"", EXTENDED, "", "", Some((6, "it has no lease")))]);
    GRBL.check("F28", "stage", &[("\"echo\"", START, "", "", None)]);
    CONSOLE.check("F28", "pen", &[("\"echo\"", START, "", "", None)]);
}
