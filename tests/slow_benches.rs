//! Simulated benches whose force device knows nothing of the stage: what they measure against the world's truth, and what
//! they refuse.

#![expect(clippy::unwrap_used, reason = "what cannot be set up is a failed test")]

use rig::{
    bench::{Bench, Devices},
    capture::{header, memory::Recording},
    config::library::{self, Library},
    link::{Link, LinkError, Role, Wake, interrupt::InterruptFlag, tape::Tape},
    measure::{self, Outcome, Press},
    record::{calendar::VirtualCalendar, disk::FileSystem, run_dir::RunDir},
    run::{
        campaign::{self, Observer, Progress},
        job::Job,
        operator::{Confirmed, HandStep, Operator},
        position::Position,
    },
    sim::{link::SimLink, world::truth::HoldTruth},
    time::RunTime,
};
use std::{cell::RefCell, path::Path, process::Command, rc::Rc};

const BENCHES: [&str; 4] = ["sim-mark10", "sim-mt-sics", "sim-line", "sim-grbl-mark10"];

/// The simulated bench as a link of which the test keeps hold, to ask the world afterwards.
struct Shared(Rc<RefCell<SimLink>>);

impl Link for Shared {
    fn now(&mut self) -> RunTime {
        self.0.borrow_mut().now()
    }

    fn send(&mut self, role: Role, bytes: &[u8], urgent: bool) -> Result<(), LinkError> {
        self.0.borrow_mut().send(role, bytes, urgent)
    }

    fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake {
        self.0.borrow_mut().wait(deadline, bytes)
    }
}

struct Nobody;

impl Observer for Nobody {
    fn progress(&mut self, _: &Progress) {}
}

impl Operator for Nobody {
    fn have_done(&mut self, _: &HandStep) -> Result<Confirmed, String> {
        Ok(Confirmed { by: "the test".to_owned(), at: "2026-01-01T00:00:00Z".to_owned(), answer: None })
    }
}

fn rig_file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rigs").join(format!("{name}.toml"))
}

/// Runs the plan `press` on a bench; every press as measured from its capture, with its truth.
fn presses(bench: &str, seed: u64) -> Vec<(Press, HoldTruth)> {
    let (path, out) = (rig_file(bench), tempfile::tempdir().unwrap());
    let library = Library::beside(Some(&path));
    let rig = library::rig(Some(&path)).unwrap();
    let job = Job {
        calibration: library.calibration(&rig.value.force.calibration, Some(&path)).unwrap(),
        rig,
        cartridge: library.cartridge("1.5mm").unwrap(),
        pen: library.pen("reference").unwrap(),
        plan: library.plan("press").unwrap(),
        set_depths_mm: vec![1.5],
        cartridges: 1,
        seed,
        rig_file: None,
        signer: None,
        started: "2026-01-01T00:00:00Z".to_owned(),
        notes: Vec::new(),
        faults: None,
        tape: Tape::Off,
    };
    let world = job.rig.value.sim.clone().unwrap();
    let link = Rc::new(RefCell::new(SimLink::new(&job.rig.value, &world, &job.cartridge.value, seed)));
    let interrupt = InterruptFlag::default();
    let first = Bench::new(
        Box::new(Shared(Rc::clone(&link))),
        Devices::of(&job.rig.value, None),
        job.rig.value.clone(),
        job.calibration.value.clone(),
        interrupt.clone(),
    );
    let calendar = Box::new(VirtualCalendar { start: job.started.parse().unwrap() });
    let mut dir = RunDir::create(out.path(), &job.run_id(), calendar, FileSystem::shared()).unwrap();
    let ended = campaign::drive(&job, &Position::start(), first, &mut dir, &interrupt, &mut Nobody);
    assert_eq!(ended.fault, None, "{bench}, seed {seed}");
    assert!(ended.safe.confirmed());
    let truths = link.borrow().world().truth().holds.clone();
    let mut captures: Vec<_> = std::fs::read_dir(dir.captures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    captures.sort();
    assert_eq!((captures.len(), truths.len()), (4, 4));
    captures
        .iter()
        .zip(truths)
        .map(|(path, truth)| {
            let (header, mut source) = header::open(path).unwrap();
            assert!(header.pairing.is_some(), "the capture says how time and place were had");
            let recording = Recording::read(source.as_mut(), 1_000_000).unwrap();
            let measurement = measure::press::measure(&header, &recording);
            let Outcome::Press(press) = measurement.outcome.unwrap_or_else(|refusal| panic!("{path:?}: {refusal:?}"))
            else {
                panic!("no press")
            };
            (press, truth)
        })
        .collect()
}

/// The promise is 95 in 100 within 2u; of 32 values one or two misses is what one expects.
#[test]
fn what_slow_benches_measure_holds_the_truth_within_what_they_say() {
    let (mut values, mut missed, mut worst) = (0, Vec::new(), 0.0_f64);
    for bench in BENCHES {
        for seed in [11, 12] {
            for (press, truth) in presses(bench, seed) {
                let (off_mm, u_mm) = (press.protrusion_mm.value - truth.protrusion_mm, press.protrusion_mm.u());
                let line = format!("{bench}, seed {seed}: protrusion off by {off_mm:+.4} mm, u {u_mm:.4} mm");
                assert!(u_mm < 0.008, "an uncertainty that says nothing: {line}");
                values += 1;
                worst = worst.max(off_mm.abs() / u_mm);
                if off_mm.abs() > 2.0 * u_mm {
                    missed.push(line);
                }
            }
        }
    }
    assert!(missed.len() * 12 <= values, "{missed:#?}");
    assert!(worst < 3.5, "{missed:#?}");
}

#[test]
fn one_device_can_be_checked_alone() {
    let checked = |device: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_rig"))
            .args(["check", "--only", device, "--rig"])
            .arg(rig_file("sim-mt-sics"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{device}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = checked("force");
    for (name, there) in [("force device: SIM-1203", true), ("force zero", true), ("calibration", true), ("pen", false)]
    {
        assert_eq!(said.contains(&format!("ok     {name}")), there, "{name} in {said}");
    }
    assert_eq!(checked("stage").lines().count(), 1);
}

/// Exit code and what was said, in an empty folder in which nothing may come to be.
fn refused(rig: &str, (from, to): (&str, &str), plan: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut text = std::fs::read_to_string(rig_file(rig)).unwrap();
    assert!(text.contains(from), "{from}");
    text = text.replacen(from, to, 1);
    let file = folder.path().join("bench.toml");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rig"))
        .args(["validate", "--cartridge", "1.5mm", "--plan", plan, "--rig", "bench.toml"])
        .current_dir(folder.path())
        .env_remove("RIG")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!folder.path().join("reports").exists(), "a run was begun: {said}");
    said
}

#[test]
fn what_a_slow_bench_cannot_do_is_refused_before_anything_moves() {
    let nothing = ("name = ", "name = ");
    let rows = [
        ("sim-mark10", nothing, "quick", "cannot follow strokes"),
        (
            "sim-mt-sics",
            ("sample_rate_hz = 25", "sample_rate_hz = 20"),
            "press",
            "press.speed_mm_s is 0.05 in plan press: at 20 Hz that is a reading every 2.5 µm",
        ),
        (
            "sim-mt-sics",
            ("force_max_n = 8.0", "force_max_n = 4.0"),
            "press",
            "two readings at 25 Hz, the device's delay and the stop take 160 ms, in which the stage presses 5.4 N",
        ),
        ("sim-line", ("approach_speed_max_mm_s = 2.0", "approach_speed_max_mm_s = 10.0"), "press", "set the speed to "),
    ];
    for (rig, change, plan, expected) in rows {
        let said = refused(rig, change, plan);
        assert!(said.contains(expected), "{said}\nlacks {expected}");
    }
}

#[test]
fn a_rig_file_that_a_gauge_cannot_be_is_refused_with_its_key() {
    let rows: [(&str, &str, &str, &str); 10] = [
        ("sim-mark10", "unit = \"N\"", "unit = \"g\"", "force.gauge.unit: unit \"g\": a force gauge shows"),
        ("sim-mt-sics", "unit = \"g\"", "unit = \"N\"", "a balance shows mg, g or kg"),
        ("sim-mark10", "sample_rate_hz = 100 ", "sample_rate_hz = 400 ", "the allowed range is 10 to 250 Hz"),
        ("sim-mark10", "baud = 115200\nsample", "baud = 9600\nsample", "9600 baud carry at most 70 readings a second"),
        ("sim-mt-sics", "sample_rate_hz = 25", "sample_rate_hz = 60", "9600 baud carry at most 51 readings"),
        (
            "sim-mt-sics",
            "[force.gauge]\nunit = \"g\"",
            "[force.gauge]\nunit = \"g\"\nline = { separator = \"comma\", columns = 1, force = 0, scale = 1.0 }",
            "only the driver \"line\" reads columns",
        ),
        ("sim-line", "force = 1\n", "force = 2\n", "column 2 (from 0) of a line of 2 columns"),
        ("sim-line", "scale = 0.0001 ", "scale = 0.0 ", "it must be a number other than 0"),
        ("sim-line", "driver = \"line\"", "driver = \"bench-link\"", "needs no [force.gauge]"),
        (
            "sim-line",
            "resolution_n = 0.0001\n",
            "resolution_n = 0.0001\nresolutoin = 1\n",
            "unknown field `resolutoin`",
        ),
    ];
    for (rig, from, to, expected) in rows {
        let said = refused(rig, (from, to), "press");
        assert!(said.contains(expected), "{said}\nlacks {expected}");
    }
}
