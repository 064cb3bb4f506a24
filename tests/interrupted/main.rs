//! Runs that end at any moment, and are resumed: nothing lost, nothing twice, nothing altered.
//!
//! The bench is the simulated one in virtual time; the disk is one that dies at a chosen operation (`disk`). What it
//! leaves behind is then resumed on a disk that lives, and the finished archive must hold every stroke once.

mod disk;

use disk::{DyingDisk, Way};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use rig::{
    acceptance::Verdict,
    bench::fault::Fault,
    config::{library, library::Library},
    link::{interrupt::InterruptFlag, tape::Tape},
    record::{
        RecordError, archive,
        calendar::VirtualCalendar,
        disk::{Disk, FileSystem},
        journal, manifest,
        model::{PressRow, StrokeRow},
        run_dir::RunDir,
        tables,
    },
    run::{
        begin,
        campaign::{self, Observer, Progress},
        conclude,
        job::Job,
        operator::{Confirmed, HandStep, Operator},
        position::Position,
        resume::{self, ResumeError},
        schedule::planned,
    },
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    rc::Rc,
};

/// Points at which a run ends, drawn at random from `SEED`, one within each share of the run.
const POINTS: u64 = 100;
const SEED: u64 = 20_261_121;

const PLAN: &str = r#"schema = "plan/1"
name = "short"
set_depths = "largest"
[press]
sites = 2
speed_mm_s = 2.0
[dynamic]
stroke_rates_hz = [110.0]
strokes = 40
[[criterion]]
id = "protrusion"
quantity = "protrusion"
statistic = "mean"
source = "strokes"
tolerance_mm = 0.15
confidence = 0.95
rationale = "for the test"
"#;

struct Silent;

impl Observer for Silent {
    fn progress(&mut self, _: &Progress) {}
}

impl Operator for Silent {
    fn have_done(&mut self, _: &HandStep) -> Result<Confirmed, String> {
        Ok(Confirmed { by: "the test".to_owned(), at: "2026-01-01T00:00:00Z".to_owned(), answer: None })
    }
}

fn job() -> Job {
    let library = Library::default();
    let folder = tempfile::tempdir().expect("as the test wrote it");
    let plan = folder.path().join("short.toml");
    fs::write(&plan, PLAN).expect("as the test wrote it");
    let rig = library::rig(None).expect("as the test wrote it");
    Job {
        calibration: library.calibration(&rig.value.force.calibration, None).expect("as the test wrote it"),
        cartridge: library.cartridge("0.5mm").expect("as the test wrote it"),
        pen: library.pen("reference").expect("as the test wrote it"),
        plan: library.plan(plan.to_str().expect("as the test wrote it")).expect("as the test wrote it"),
        rig,
        set_depths_mm: vec![0.5],
        cartridges: 2,
        seed: 5,
        rig_file: None,
        signer: None,
        started: "2026-01-01T00:00:00Z".to_owned(),
        faults: None,
        tape: Tape::Off,
        notes: Vec::new(),
    }
}

fn calendar() -> Box<VirtualCalendar> {
    Box::new(VirtualCalendar { start: jiff::Timestamp::from_second(1_767_225_600).expect("as the test wrote it") })
}

/// Drives, measures and closes; where the disk dies everything after it fails.
fn go_on(job: &Job, dir: &mut RunDir, from: &Position) -> Result<(), RecordError> {
    let ended = match from.setup {
        Some(setup) => {
            let bench = campaign::open(job, setup, from.sessions, &InterruptFlag::default()).expect("it is simulated");
            campaign::drive(job, from, bench, dir, &InterruptFlag::default(), &mut Silent)
        }
        None => campaign::Ended {
            fault: None,
            safe: rig::bench::safe::SafeState::untouched(),
            moved: false,
            bench_time_s: from.bench_time_s,
        },
    };
    assert!(ended.safe.confirmed(), "the bench is made safe whatever the disk does: {}", ended.safe.text());
    assert!(matches!(ended.fault, None | Some(Fault::Record(_))), "{:?}", ended.fault);
    conclude::conclude(job, dir, &ended)?;
    dir.put(manifest::FILE, &manifest::of(dir.path())?)
}

fn begin(job: &Job, out: &Path, disk: Rc<dyn Disk>) -> Result<(), RecordError> {
    let mut dir = RunDir::create(out, &job.run_id(), calendar(), disk)?;
    begin::record(&mut dir, job, &begin::Environment::default())?;
    go_on(job, &mut dir, &Position::start())
}

/// Resumes from the directory alone.
fn take_up(run: &Path, disk: Rc<dyn Disk>) -> Result<(), ResumeError> {
    let job = Job::of_run(run)?;
    let (mut dir, position) = resume::take_up(run, &job, calendar(), disk)?;
    Ok(go_on(&job, &mut dir, &position)?)
}

/// Every planned press and stroke is there once, from captures that are whole, and the archive verifies.
fn check_finished(run: &Path, job: &Job, what: &str) {
    let log = journal::read(run).expect("as the test wrote it");
    assert_eq!(log.findings(), Vec::<String>::new(), "{what}");
    assert_eq!(manifest::differences(run).expect("as the test wrote it"), Vec::<String>::new(), "{what}");
    assert_ne!(archive::verdict(run).expect("as the test wrote it").verdict, Verdict::Aborted, "{what}");
    let planned: BTreeSet<String> = planned(job).into_iter().map(|planned| planned.name).collect();
    let position = Position::of(&log, job);
    assert_eq!(position.captured, planned, "{what}");
    let presses: Vec<PressRow> = tables::read(&run.join("presses.csv")).expect("as the test wrote it");
    let pressed: Vec<(String, u32)> = presses.iter().map(|row| (row.cartridge.clone(), row.site)).collect();
    let due: Vec<(String, u32)> = [1, 2].iter().flat_map(|c| [0, 1].map(|site| (format!("0.5mm-{c}"), site))).collect();
    assert_eq!(pressed, due, "{what}");
    let strokes: Vec<StrokeRow> = tables::read_strokes(run).expect("as the test wrote it");
    for cartridge in ["0.5mm-1", "0.5mm-2"] {
        let numbers: Vec<u64> =
            strokes.iter().filter(|row| row.cartridge.as_ref() == cartridge).map(|row| row.stroke).collect();
        assert!(numbers.len() >= 40, "{what}: {} strokes of {cartridge}", numbers.len());
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{what}: strokes once and in order");
    }
    // No site was pressed twice: the number of sites used grows with every step begun on a phantom.
    for setup in 0..job.setups() {
        let used: Vec<u64> = log
            .events
            .iter()
            .filter(|event| event.event == "phase" && event.data["setup"] == setup)
            .filter_map(|event| event.data["sites_used"].as_u64())
            .collect();
        assert!(used.windows(2).all(|pair| pair[0] < pair[1]), "{what}: sites {used:?}");
    }
    let files = |folder: &str| -> BTreeSet<String> {
        fs::read_dir(run.join(folder))
            .expect("as the test wrote it")
            .map(|e| e.expect("as the test wrote it").file_name().to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(files("measurements"), planned.iter().map(|name| format!("{name}.json")).collect(), "{what}");
    // Attempts have header and data, and the header names its data.
    for name in files("captures").iter().filter(|name| name.contains("attempt") && name.ends_with(".rigc")) {
        let header = name.replace(".rigc", ".json");
        let text = fs::read_to_string(run.join("captures").join(&header)).expect("as the test wrote it");
        assert!(text.contains(&format!("\"data\": \"{name}\"")), "{what}: {header}");
        assert!(
            log.events.iter().any(|event| event.event == "attempt" && event.text.contains(&name.replace(".rigc", "")))
        );
    }
    let derived = conclude::derive(job, run).expect("as the test wrote it");
    let compared = derived.each_file(rig::version::BUILD, |name, contents| {
        let mut again = Vec::new();
        contents(&mut again).expect("memory");
        let recorded = fs::read(run.join(name)).expect("as the test wrote it");
        assert!(recorded == again, "{what}: {name} does not derive again");
        Ok(())
    });
    compared.expect("as the test wrote it");
}

/// Ends a run at operation `at`, perhaps a resumed one as well, and resumes what is left.
fn end_and_resume(job: &Job, way: Way, at: u64, again: Option<u64>) {
    let out = tempfile::tempdir().expect("as the test wrote it");
    let what = format!("{way:?} at operation {at}, then {again:?}");
    let disk = DyingDisk::new(way, at);
    assert!(begin(job, out.path(), disk.shared()).is_err(), "{what}: the disk died and nobody noticed");
    disk.settle();
    let run: PathBuf = out.path().join(job.run_id());
    if let Some(again) = again {
        let disk = DyingDisk::new(way, again);
        let _ = Job::of_run(&run).map_err(ResumeError::from).and_then(|_| take_up(&run, disk.shared()));
        disk.settle();
    }
    if manifest_is_whole(&run) {
        return check_finished(&run, job, &what);
    }
    match take_up(&run, FileSystem::shared()) {
        Ok(()) => check_finished(&run, job, &what),
        // Ended before the settings were on disk: nothing was told to move.
        Err(ResumeError::Nothing(_) | ResumeError::Record(_)) => {
            let log = journal::read(&run).map(|log| log.events).unwrap_or_default();
            assert!(log.iter().all(|event| event.event == "journal"), "{what}: {log:?}");
        }
        Err(ResumeError::Integrity(message)) => panic!("{what}: {message}"),
    }
}

fn manifest_is_whole(run: &Path) -> bool {
    run.join(manifest::FILE).is_file()
        && manifest::differences(run).is_ok_and(|lines| lines.is_empty())
        && archive::verdict(run).is_ok_and(|verdict| verdict.verdict != Verdict::Aborted)
}

fn operations(job: &Job) -> u64 {
    let out = tempfile::tempdir().expect("as the test wrote it");
    let disk = DyingDisk::new(Way::Kill, u64::MAX);
    begin(job, out.path(), disk.shared()).expect("a disk that lives");
    check_finished(&out.path().join(job.run_id()), job, "uninterrupted");
    u64::MAX - disk.left()
}

fn at_random_points(way: Way) {
    let job = job();
    let total = operations(&job);
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for point in 0..POINTS {
        let at = random.random_range(point * total / POINTS..(point + 1) * total / POINTS);
        // Every fourth resumed run ends as well, soon after its beginning.
        let again = (point % 4 == 0).then(|| random.random_range(0..60));
        end_and_resume(&job, way, at, again);
    }
}

#[test]
fn killed_at_a_hundred_random_points_a_run_is_finished_with_every_stroke_once() {
    at_random_points(Way::Kill);
}

#[test]
fn without_power_at_a_hundred_random_points_a_run_is_finished_with_every_stroke_once() {
    at_random_points(Way::PowerCut);
}

#[test]
fn a_changed_capture_or_setting_is_not_resumed() {
    let job = job();
    let out = tempfile::tempdir().expect("as the test wrote it");
    let disk = DyingDisk::new(Way::Kill, operations(&job) / 2);
    begin(&job, out.path(), disk.shared()).unwrap_err();
    let run = out.path().join(job.run_id());
    let position = Position::of(&journal::read(&run).expect("as the test wrote it"), &job);
    let capture = position.captured.iter().next().expect("half a run has captures");
    for (path, expected) in [
        (run.join("captures").join(format!("{capture}.rigc")), "is not what the journal recorded"),
        (run.join("settings/pen.toml"), "not those that run"),
    ] {
        let before = fs::read(&path).expect("as the test wrote it");
        let mut bytes = before.clone();
        bytes.push(b'\n');
        fs::write(&path, &bytes).expect("as the test wrote it");
        let message = take_up(&run, FileSystem::shared()).expect_err("changed").to_string();
        assert!(message.contains(expected), "{message}");
        fs::write(&path, &before).expect("as the test wrote it");
    }
    take_up(&run, FileSystem::shared()).expect("all is restored");
    check_finished(&run, &job, "restored");
}
