//! The fault list F01 to F30 on the simulated bench, through `rig validate --faults` as a user calls it: exit code,
//! words, bench state, how long it took (in bench time), and what the captures then hold. Lines without ids (GRBL,
//! consoles, gauges) are in `lines`.
//!
//! Faults in which the kernel takes part (unplug, replug, busy, deaf) are in `tests/pty.rs` and `tests/ports.rs` once
//! more, on pseudo-terminals. Faults of single drivers stand beside those drivers.

#![expect(clippy::unwrap_used, reason = "what cannot be set up is a failed test")]

mod lines;
mod run;

use run::{Run, invented};
use std::{fs, path::Path, sync::LazyLock};

/// The same run without a fault.
static SOUND: LazyLock<Run> = LazyLock::new(|| Run::with(None));

/// When in the run a fault begins.
#[derive(Clone, Copy, Debug)]
enum When {
    Start,
    /// While the devices say who they are.
    Identify,
    /// While the first press is recorded.
    Press,
    /// While the pen strokes and is recorded.
    Strokes,
}

impl When {
    fn at_s(self) -> f64 {
        match self {
            Self::Start => 0.0,
            Self::Identify => 0.004,
            Self::Press => SOUND.at("c00-d0.50-press-00 recorded") - 2.8,
            Self::Strokes => SOUND.at("c00-d0.50-run-110hz recorded") - 4.3,
        }
    }
}

/// What must come of it.
#[derive(Clone, Copy, Debug)]
enum Must {
    /// The run is the same to the last byte of its captures, and these words are said, if any.
    BeTheSame(&'static str),
    /// The run goes on to its verdict, and these words are said, if any.
    GoOn(&'static str),
    /// The run ends with this code within so many seconds, with these words.
    End(i32, f64, &'static str),
}

/// One fault: number, device, what, when, how long, what must come of it.
type Case = (&'static str, &'static str, &'static str, When, &'static str, Must);

const ALWAYS: &str = "";
const ONCE: &str = "messages = 1";

fn file(&(id, device, inject, when, lasts, _): &Case) -> String {
    let at_s = when.at_s();
    // `more` may carry a direction besides.
    let (lasts, direction) = lasts.split_once('|').unwrap_or((lasts, ""));
    let lasts = if lasts.is_empty() { String::new() } else { format!("lasts = {{ {lasts} }}\n") };
    let when = if matches!(when, Start) { String::new() } else { format!("when = {{ at_s = {at_s} }}\n") };
    format!(
        "schema = \"faults/1\"\n[[fault]]\nid = \"{id}\"\ndevice = \"{device}\"\ninject = {inject}\n{when}{lasts}{direction}\n"
    )
}

#[track_caller]
fn check(cases: &[Case]) {
    let mut complaints = Vec::new();
    for case in cases {
        let run = Run::with(Some(&file(case)));
        complaints.extend(complaint(case, &run).map(|what| {
            format!("{case:?}\n  {what}\n  code {}, events: {:#?}\n  messages: {}", run.code, run.events, run.messages)
        }));
    }
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), cases.len(), complaints.join("\n\n"));
}

fn complaint(case: &Case, run: &Run) -> Option<String> {
    let &(.., when, _, must) = case;
    let no = |what: String| Some(what);
    let words = match must {
        BeTheSame(words) | GoOn(words) | End(_, _, words) => words,
    };
    if !run.said(words) {
        return no(format!("nobody says {words:?}"));
    }
    if let Some(invented) = invented(run, &SOUND) {
        return no(invented);
    }
    match must {
        BeTheSame(_) => {
            let same = run.captures() == SOUND.captures();
            (run.code != SOUND.code || !same).then(|| format!("not the same: captures {same}"))
        }
        GoOn(_) => (run.code != SOUND.code).then(|| format!("wanted code {}", SOUND.code)),
        End(code, _, _) if run.code != code => no(format!("wanted code {code}")),
        End(2, ..) => {
            let state = run.verdict["bench_state"].as_str();
            let untouched = state.is_none_or(|state| state == "safe: nothing was told to move");
            (!untouched).then(|| format!("{state:?}"))
        }
        End(code, within_s, _) => {
            let state = run.verdict["bench_state"].as_str().unwrap_or_default();
            let confirmed = state == "safe: pen stopped, stage withdrawn, both confirmed";
            if confirmed != (code == 3) || run.verdict["verdict"] != "aborted" {
                return no(format!("{state}, {}", run.verdict["verdict"]));
            }
            let Some((ended_s, ..)) = run.fault() else { return no("no fault in the journal".to_owned()) };
            let took_s = ended_s - when.at_s();
            (took_s > within_s).then(|| format!("it took {took_s} s"))
        }
    }
}

use Must::{BeTheSame, End, GoOn};
use When::{Identify, Press, Start, Strokes};

#[test]
fn ports_that_vanish_or_are_busy() {
    check(&[
        ("F01", "pen", "{ unplug = {} }", Strokes, ALWAYS, End(6, 0.2, "the port was lost")),
        ("F01", "stage", "{ unplug = {} }", Strokes, ALWAYS, End(6, 0.2, "the port was lost")),
        ("F01", "force", "{ unplug = {} }", Strokes, ALWAYS, End(3, 0.2, "the port was lost")),
        ("F01", "pen", "{ unplug = {} }", Identify, ALWAYS, End(2, 0.2, "the port was lost")),
        ("F01", "stage", "{ unplug = {} }", Press, ALWAYS, End(6, 0.2, "the port was lost")),
        ("F04", "force", "{ unplug = { back_after_s = 0.05 } }", Press, ALWAYS, End(3, 0.2, "the port was lost")),
        ("F05", "stage", "\"busy\"", Start, ALWAYS, End(2, 0.0, "in use")),
        ("F27", "pen", "{ swap = { with = \"force\" } }", Start, ALWAYS, End(2, 0.0, "that is no pen")),
        ("F27", "pen", "{ swap = { with = \"stage\" } }", Start, ALWAYS, End(2, 0.0, "pen did not answer HELLO")),
        ("F27", "stage", "{ swap = { with = \"force\" } }", Start, ALWAYS, End(2, 0.0, "stage did not answer")),
    ]);
}

#[test]
fn devices_that_fall_silent_deaf_or_mad() {
    let silent_pen = "the pen's lease expired";
    let silent_stage = "stage did not answer";
    check(&[
        (
            "F06",
            "pen",
            "\"silent\"",
            Start,
            ALWAYS,
            End(2, 0.0, "pen did not answer HELLO within 150 ms in 3 attempts"),
        ),
        ("F06", "stage", "\"silent\"", Start, ALWAYS, End(2, 0.0, silent_stage)),
        ("F06", "force", "\"silent\"", Start, ALWAYS, End(2, 0.0, "force device did not answer HELLO")),
        ("F06", "pen", "\"silent\"", Strokes, ALWAYS, End(6, 0.6, silent_pen)),
        ("F06", "stage", "\"silent\"", Strokes, ALWAYS, End(6, 0.6, silent_stage)),
        ("F06", "force", "\"silent\"", Strokes, ALWAYS, End(3, 0.4, "no force sample for")),
        ("F12", "pen", "\"garble\"", Start, ALWAYS, End(2, 0.0, "baud rate")),
        ("F12", "stage", "\"garble\"", Start, ALWAYS, End(2, 0.0, "baud rate")),
        ("F12", "pen", "\"garble\"", Strokes, ALWAYS, End(6, 0.6, silent_pen)),
        ("F12", "stage", "\"garble\"", Strokes, ALWAYS, End(6, 0.6, silent_stage)),
        ("F12", "force", "\"garble\"", Strokes, ALWAYS, End(3, 0.4, "no force sample for")),
        ("F14", "force", "\"flip\"", Strokes, ALWAYS, End(3, 0.4, "no force sample for")),
        ("F20", "pen", "\"deaf\"", Strokes, ALWAYS, End(6, 0.6, "lease expired")),
        ("F20", "stage", "\"deaf\"", Strokes, ALWAYS, End(6, 0.6, silent_stage)),
    ]);
}

#[test]
fn one_damaged_message_is_counted_and_asked_for_again() {
    let (dropped, lost) = ("damaged", "samples lost");
    check(&[
        ("F02", "force", "\"cut\"", Strokes, ONCE, GoOn("1 damaged packets dropped")),
        ("F02", "stage", "\"cut\"", Strokes, ONCE, GoOn(dropped)),
        ("F06", "pen", "\"drop\"", Strokes, ONCE, GoOn("")),
        ("F06", "stage", "\"drop\"", Strokes, ONCE, GoOn("")),
        ("F06", "pen", "\"drop\"", Strokes, "messages = 1|direction = \"to-device\"", GoOn("")),
        ("F07", "pen", "{ delay = { ms = 200 } }", Strokes, ONCE, GoOn("pen: 0 damaged packets dropped, 1 replies")),
        ("F07", "stage", "{ delay = { ms = 200 } }", Strokes, ONCE, GoOn("replies answered nothing pending")),
        ("F12", "stage", "{ insert = { hex = \"ff 00 fe 80 0a\", times = 20 } }", Strokes, ALWAYS, GoOn(dropped)),
        ("F12", "pen", "{ insert = { hex = \"ff 00 fe 80 0a\", times = 20 } }", Strokes, ALWAYS, GoOn(dropped)),
        ("F12", "force", "{ insert = { hex = \"ff 00 fe 80 0a\", times = 20 } }", Strokes, ALWAYS, GoOn(dropped)),
        ("F13", "stage", "{ insert = { text = \"A\", times = 1000 } }", Strokes, ALWAYS, GoOn(dropped)),
        ("F13", "pen", "{ insert = { text = \"A\", times = 1000 } }", Strokes, ALWAYS, GoOn(dropped)),
        ("F13", "force", "{ insert = { text = \"A\", times = 9000 } }", Strokes, ALWAYS, GoOn(dropped)),
        ("F14", "pen", "\"flip\"", Strokes, ONCE, GoOn("pen: 1 damaged packets")),
        ("F14", "pen", "\"flip\"", Strokes, "messages = 1|direction = \"to-device\"", GoOn("")),
        ("F14", "stage", "\"flip\"", Strokes, ONCE, GoOn(dropped)),
        ("F14", "force", "\"flip\"", Strokes, ONCE, GoOn("force device: 1 damaged packets")),
        ("F24", "force", "\"drop\"", Strokes, ONCE, GoOn("c00-d0.50-run-110hz recorded, 34 samples lost")),
        ("F24", "force", "\"drop\"", Strokes, "messages = 3", GoOn(lost)),
    ]);
}

#[test]
fn what_is_said_twice_early_late_or_in_pieces_changes_no_byte() {
    check(&[
        ("F08", "pen", "\"repeat\"", Start, ALWAYS, GoOn("came twice")),
        ("F08", "stage", "\"repeat\"", Start, ALWAYS, GoOn("came twice")),
        (
            "F08",
            "force",
            "\"repeat\"",
            Strokes,
            "messages = 1",
            GoOn("force device: 0 damaged packets dropped, 1 replies"),
        ),
        ("F10", "stage", "{ interleave = { text = \"!01 1 IDLE --\\r\\n\" } }", Start, ALWAYS, GoOn("")),
        ("F10", "force", "{ interleave = { hex = \"00\" } }", Start, ALWAYS, GoOn("")),
        ("F11", "pen", "\"split\"", Start, ALWAYS, BeTheSame("")),
        ("F11", "stage", "\"split\"", Start, ALWAYS, GoOn("")),
        ("F11", "force", "\"split\"", Start, "s = 2.0", GoOn("")),
        ("F11", "stage", "{ replace = { from = \"\\r\\n\", to = \"\\n\" } }", Start, ALWAYS, GoOn("")),
        ("F16", "stage", "{ insert = { text = \"@01 0 00 OK IDLE -- 999:FF\\r\\n@01 0\" } }", Start, ALWAYS, GoOn("")),
        ("F16", "pen", "{ insert = { text = \"boot\\u0000xx\" } }", Start, ALWAYS, GoOn("")),
        ("F24", "force", "{ clock = { us = 4294000000 } }", Start, ALWAYS, GoOn("")),
        ("F25", "force", "{ bunch = { ms = 16 } }", Start, ALWAYS, GoOn("")),
        ("F25", "pen", "{ bunch = { ms = 16 } }", Start, ALWAYS, GoOn("")),
        ("F25", "force", "{ drift = { ppm = 200 } }", Start, ALWAYS, GoOn("")),
        ("F25", "force", "{ drift = { ppm = -200 } }", Start, ALWAYS, GoOn("")),
        ("F28", "pen", "\"echo\"", Start, ALWAYS, GoOn("")),
        ("F28", "stage", "\"echo\"", Start, ALWAYS, GoOn("")),
        ("F28", "force", "\"echo\"", Start, ALWAYS, GoOn("")),
        ("F29", "force", "{ bunch = { ms = 40 } }", Strokes, ALWAYS, GoOn("")),
    ]);
}

#[test]
fn devices_that_are_not_what_they_were() {
    let busy = "{ replace = { from = \" IDLE \", to = \" BUSY \" } }";
    let stalled = "{ replace = { from = \" NI \", to = \" FS \" } }";
    let address = "{ replace = { from = \"@01\", to = \"@02\" } }";
    check(&[
        ("F09", "stage", address, Press, ONCE, End(3, 0.2, "address 2")),
        ("F09", "stage", "{ replace = { from = \"@01 0 \", to = \"@01 0 7\" } }", Press, ONCE, GoOn("")),
        ("F15", "stage", "\"unchecked\"", Press, ONCE, GoOn("")),
        ("F15", "stage", "\"unchecked\"", Press, ALWAYS, End(6, 0.4, "without the checksum")),
        ("F15", "stage", "\"unchecked\"", Start, ALWAYS, End(2, 0.0, "without the checksum")),
        ("F17", "pen", "\"reboot\"", Strokes, ALWAYS, End(3, 0.3, "disarmed by itself")),
        ("F17", "stage", "\"reboot\"", Strokes, ALWAYS, End(3, 0.3, "lost its reference position")),
        ("F17", "force", "\"reboot\"", Strokes, ALWAYS, End(3, 0.4, "no force sample for")),
        ("F18", "stage", busy, Press, ALWAYS, End(6, 10.0, "did not end within")),
        ("F19", "stage", stalled, Press, "s = 0.5", End(3, 0.2, "stalled and stopped")),
        ("F24", "force", "{ clock = { us = -1000000 } }", Strokes, ALWAYS, End(3, 0.2, "backwards by 1000000")),
        ("F26", "pen", "{ pause = { ms = 900 } }", Strokes, ALWAYS, End(3, 1.0, "stood still")),
    ]);
}

#[test]
fn what_was_read_before_the_port_vanished_is_all_that_is_recorded() {
    let case: Case = ("F03", "force", "{ unplug = {} }", Press, ALWAYS, End(3, 0.2, "the port was lost"));
    let run = Run::with(Some(&file(&case)));
    assert_eq!(complaint(&case, &run), None);
    let (sound, cut_off) = (SOUND.counts(), run.counts());
    let (name, rows) = cut_off.iter().next().unwrap();
    assert_eq!(cut_off.len(), 1);
    assert!(rows.len() > 1000 && rows.len() < sound[name].len(), "{} rows", rows.len());
    assert_eq!(rows[..], sound[name][..rows.len()], "every row is one that the instrument gave");
}

/// A reply lost at any place, be it of a query, a setting or a motion: the run goes on, or ends in the safe state.
#[test]
fn no_single_lost_message_is_worse_than_a_stop() {
    for device in ["pen", "stage"] {
        for direction in ["to-host", "to-device"] {
            for count in (0..60).step_by(4) {
                let text = format!(
                    "schema = \"faults/1\"\n[[fault]]\nid = \"F06\"\ndevice = \"{device}\"\ninject = \"drop\"\n\
                     direction = \"{direction}\"\nwhen = {{ after_messages = {count} }}\nlasts = {{ messages = 1 }}\n"
                );
                let run = Run::with(Some(&text));
                let place = format!("{device}, {direction}, message {count}: {}", run.messages);
                assert!(run.code == SOUND.code || run.code == 3, "{} {place}", run.code);
                assert!(direction == "to-device" || run.code == SOUND.code, "a lost reply is no fault; {place}");
                assert_eq!(invented(&run, &SOUND), None, "{place}");
            }
        }
    }
}

#[test]
fn the_same_file_and_seed_give_the_same_run() {
    let text = "schema = \"faults/1\"\nseed = 9\n[[fault]]\nid = \"F14\"\ndevice = \"force\"\ninject = \"flip\"\n\
                when = { between_s = [12, 14] }\nlasts = { messages = 5 }\n";
    let [a, b] = [Run::with(Some(text)), Run::with(Some(text))];
    assert_eq!(a.captures(), b.captures());
    assert_ne!(a.captures(), SOUND.captures());
    let other = Run::with(Some(&text.replace("seed = 9", "seed = 10")));
    assert_ne!(a.captures(), other.captures());
    assert_eq!(fs::read_to_string(a.dir.join("settings/faults.toml")).unwrap(), text);
}

#[test]
fn the_shipped_files_do_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/faults");
    let codes = [
        ("noisy-lines.toml", 0),
        ("silent-pen.toml", 6),
        ("stalled-stage.toml", 3),
        ("swapped-ports.toml", 2),
        ("unplugged-force.toml", 3),
    ];
    for (name, code) in codes {
        let run = Run::with(Some(&fs::read_to_string(folder.join(name)).unwrap()));
        assert_eq!(run.code, code, "{name}: {}", run.messages);
    }
    let shipped = fs::read_dir(folder)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "toml"));
    assert_eq!(shipped.count(), codes.len());
}

#[test]
fn a_fault_file_that_cannot_be_is_refused() {
    let run = Run::with(Some("schema = \"faults/1\"\n[[fault]]\nid = \"F99\"\ndevice = \"pen\"\ninject = \"drop\"\n"));
    assert_eq!(run.code, 2);
    assert!(run.messages.contains("F01 to F30") && run.messages.contains("faults.toml:3"), "{}", run.messages);
}
