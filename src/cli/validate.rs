//! `rig validate`: the main job.

use super::{
    RigOption,
    archive::{Format, write_reports},
    bench::{Incident, Lock},
    exit::{Exit, Failure},
    ledger::Ledger,
    operator::{Hands, OperatorOption},
    terminal::{Bar, Terminal},
};
use crate::{
    acceptance::{Verdict, operating},
    bench::fault::Fault,
    config::{
        calibration::Calibration,
        library::{self, Library, Loaded},
        plan::SetDepths,
    },
    link::{
        interrupt::InterruptFlag,
        tape::{Header, Tape, record::Writer, replay::Reader},
    },
    procedure::pace,
    record::{
        archive, manifest,
        model::{Check, VerdictDocument},
        run_dir::RunDir,
    },
    report,
    run::{
        campaign::{self, Ended, Observer, Progress},
        conclude::conclude,
        job::Job,
        operator::{Confirmed, HandStep, Operator},
    },
};
use clap::Args;
use std::{
    cell::RefCell,
    fmt::Display,
    fs::{self, File},
    path::{Path, PathBuf},
    rc::Rc,
};

/// Drive the bench, measure, decide, report and archive
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rig validate --cartridge 1.5mm\n  \
    rig validate --cartridge 1.5mm --plan quick --seed 7 --json\n  \
    rig validate --cartridge 1.5mm --plan quick --faults fixtures/faults/silent-pen.toml\n  \
    rig validate --cartridge 1.5mm --depth 1.0 --rig rigs/bench-zaber.toml --pen pens/proto-c.toml")]
pub struct Validate {
    /// Cartridge: a name such as 1.5mm, or a file
    #[arg(long, value_name = "NAME|FILE")]
    cartridge: String,
    #[command(flatten)]
    rig: RigOption,
    /// Pen: a name or a file; without it the profile of a pen with a text console, else reference
    #[arg(long, value_name = "NAME|FILE")]
    pen: Option<String>,
    /// Plan: quick, standard, design, press (needles at rest), msa (gauge study), or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "standard")]
    plan: String,
    /// Set depth to measure instead of the cartridge's own, mm; may be given several times
    #[arg(long, value_name = "MM", allow_negative_numbers = true)]
    depth: Vec<f64>,
    /// Number of cartridges to measure one after the other; without it the plan's, or what its risks ask for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    cartridges: Option<u32>,
    /// Seed of the simulated bench; the rig file's without it
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Faults to inject into a simulated bench (fixtures/faults has some); `rig schema faults` describes the file
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Record every byte of the bench, with its time, beside the run; a replay finds the same run again
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    tape: Option<PathBuf>,
    /// Replay a tape in place of the bench: nothing is opened and nothing moves
    #[arg(long, value_name = "FILE", conflicts_with = "faults")]
    replay: Option<PathBuf>,
    /// Folder for run directories
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
    #[command(flatten)]
    operator: OperatorOption,
    /// Go on with an overdue calibration, for this written reason; it stands in the record and in the report
    #[arg(long, value_name = "REASON")]
    overdue_because: Option<String>,
}

struct Console<'t> {
    bar: Bar,
    hands: Hands<'t>,
}

impl Observer for Console<'_> {
    fn progress(&mut self, progress: &Progress) {
        self.bar.show(progress);
    }
}

impl Operator for Console<'_> {
    fn have_done(&mut self, step: &HandStep) -> Result<Confirmed, String> {
        self.hands.have_done(step)
    }
}

impl Validate {
    fn job(&self) -> Result<Job, Failure> {
        let rig_path = self.rig.path();
        let rig = library::rig(rig_path.as_deref())?;
        let library = Library::beside(rig_path.as_deref());
        let calibration = library.calibration(&rig.value.force.calibration, rig_path.as_deref())?;
        let cartridge = library.cartridge(&self.cartridge)?;
        let pen = match (&self.pen, &rig.value.pen.profile) {
            (Some(name), _) => library.pen(name)?,
            (None, Some(profile)) => library.profile(profile, rig_path.as_deref())?,
            (None, None) => library.pen("reference")?,
        };
        if pen.value.console.as_ref() != rig.value.pen.script.as_ref().map(|script| &script.console) {
            let spoken = rig.value.pen.profile.as_deref().unwrap_or("BENCH-LINK");
            let message = format!("{}: the pen of this rig file speaks {spoken}, not what this file says", pen.origin);
            return Err(Failure::usage(message));
        }
        let plan = library.plan(&self.plan)?;
        let mut set_depths_mm = match (self.depth.as_slice(), plan.value.set_depths) {
            ([], SetDepths::All) => cartridge.value.set_depths_mm.clone(),
            ([], SetDepths::Largest) => cartridge.value.set_depths_mm.last().copied().into_iter().collect(),
            (given, _) => given.to_vec(),
        };
        for &set_depth_mm in &set_depths_mm {
            cartridge.value.check_set_depth(set_depth_mm).map_err(Failure::usage)?;
            pen.value.check_set_depth(set_depth_mm).map_err(Failure::usage)?;
        }
        for &rate_hz in plan.value.dynamic.iter().flat_map(|dynamic| &dynamic.stroke_rates_hz) {
            pen.value.check_stroke_rate(rate_hz).map_err(Failure::usage)?;
        }
        if plan.value.press.is_none() && plan.value.dynamic.is_none() && plan.value.msa.is_none() {
            return Err(Failure::usage(format!(
                "plan {} has none of [press], [dynamic] and [msa], so there is nothing to measure",
                plan.origin
            )));
        }
        if plan.value.msa.is_some() && (self.cartridges.is_some_and(|count| count > 1) || set_depths_mm.len() != 1) {
            return Err(Failure::usage(format!(
                "plan {} measures the bench with one cartridge at one set depth; leave out --cartridges and give one --depth",
                plan.origin
            )));
        }
        pace::refuse(&rig.value, &plan.value).map_err(Failure::usage)?;
        set_depths_mm.sort_by(f64::total_cmp);
        set_depths_mm.dedup();
        let seed = self.seed.or(rig.value.sim.as_ref().map(|world| world.seed)).unwrap_or(0);
        let planned = operating::resolved(&plan.value).map_err(Failure::usage)?.cartridges;
        let cartridges = self.cartridges.or(planned).unwrap_or(1);
        let faults = self.faults.as_deref().map(library::faults).transpose()?;
        if let Some(faults) = faults.as_ref().filter(|_| !rig.value.in_process()) {
            return Err(Failure::usage(format!(
                "{}: faults are injected where the devices are simulated; give this file to `rig sim`, or name a rig \
                 whose ports are \"sim\"",
                faults.origin
            )));
        }
        let (started, tape) = self.tape()?;
        let notes = self.overdue(&calibration, &started)?.into_iter().collect();
        let out = self.out.clone();
        Ok(Job {
            rig,
            calibration,
            cartridge,
            pen,
            plan,
            faults,
            tape,
            set_depths_mm,
            cartridges,
            seed,
            out,
            started,
            notes,
        })
    }

    /// Start of the run, and the tape that is recorded or replayed. A replay starts when its recording did.
    fn tape(&self) -> Result<(String, Tape), Failure> {
        let failed = |path: &Path, error: &dyn Display| Failure::usage(format!("{}: {error}", path.display()));
        if let Some(path) = &self.replay {
            let bytes = fs::read(path).map_err(|error| failed(path, &error))?;
            let reader = Reader::new(&bytes).map_err(|error| failed(path, &error))?;
            return Ok((reader.header().started.clone(), Tape::Replay(Rc::new(RefCell::new(reader)))));
        }
        let started = started()?;
        let Some(path) = &self.tape else { return Ok((started, Tape::Off)) };
        let file = File::create_new(path).map_err(|error| failed(path, &error))?;
        let writer = Writer::new(Box::new(file), &Header::new(&started));
        Ok((started, Tape::Record(writer)))
    }

    /// Refuses a calibration that does not hold on the day of the run, unless told in writing; then what is to be
    /// recorded.
    fn overdue(&self, calibration: &Loaded<Calibration>, started: &str) -> Result<Option<Check>, Failure> {
        let day = started.get(..10).unwrap_or_default();
        let overdue = calibration.value.overdue(day);
        if overdue.is_empty() {
            return Ok(None);
        }
        let parts: Vec<String> = overdue.iter().map(|(part, due)| format!("{part} was due on {due}")).collect();
        let parts = parts.join(", ");
        match self.overdue_because.as_deref().map(str::trim) {
            None | Some("") => Err(Failure::usage(format!(
                "calibration {}: {parts}; renew it (`rig calibrate`) and name the new record in the rig file, or go on \
                 with --overdue-because REASON, which the report will show",
                calibration.origin
            ))),
            Some(reason) => Ok(Some(Check {
                name: "calibration due".to_owned(),
                passed: true,
                detail: format!("OVERDUE: {parts}; used all the same because: {reason}"),
            })),
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the exit code of the contract.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let job = self.job()?;
        for check in &job.notes {
            terminal.note(&format!("{}: {}", check.name, check.detail));
        }
        // On a tape there is no bench to hold or to be quarantined, and nothing for hands to do.
        let live = !matches!(job.tape, Tape::Replay(_));
        let uses_max = job.cartridge.value.uses_max;
        let ledger = || Ledger::beside(self.rig.path().as_deref(), &job.run_id(), &job.started, uses_max);
        let hands = self.operator.hands(terminal, job.rig.value.simulated || !live, live.then(ledger))?;
        let lock = live.then(|| Lock::take(self.rig.path().as_deref(), &job.rig.value)).transpose()?;
        lock.iter().try_for_each(Lock::refuse_quarantined)?;
        let interrupt = InterruptFlag::default();
        interrupt.listen().map_err(|error| Failure::usage(format!("no signal handler: {error}")))?;
        let bench = campaign::open(&job, 0, &interrupt).map_err(Failure::usage)?;
        let mut dir = RunDir::create(&job.out, &job.run_id())?;
        if job.rig.value.simulated {
            terminal.note(&format!("SIMULATED bench, seed {}", job.seed));
        }
        if let Tape::Replay(tape) = &job.tape {
            let cut = if tape.borrow().whole() { "" } else { ", which was cut off" };
            terminal.note(&format!("REPLAY of a tape of {}{cut}: no bench is driven", job.started));
        }
        if let Some(faults) = &job.faults {
            let count = faults.value.fault.len();
            terminal.note(&format!("{count} faults injected from {}, seed {}", faults.origin, faults.value.seed));
        }
        terminal.note(&format!("run directory {}", dir.path().display()));
        for (name, text) in job.settings() {
            dir.setting(name, text)?;
        }
        let mut console = Console { bar: terminal.bar(), hands };
        let ended = campaign::drive(&job, bench, &mut dir, &interrupt, &mut console);
        console.bar.end();
        if let Some(Err(failure)) = lock.filter(|_| !ended.safe.confirmed()).map(|lock| quarantine(&lock, &job, &ended))
        {
            // The bench's record is worth having all the more.
            terminal.error(&failure.message);
        }
        self.end_tape(&job, terminal);
        if !ended.safe.confirmed() && job.deviation().is_none() {
            terminal.error(&format!(
                "THE SAFE STATE IS NOT CONFIRMED. {}. Keep hands away, cut the supply, look, then run `rig recover`.",
                ended.safe.text()
            ));
        }
        let verdict = conclude(&job, &mut dir, &ended)?;
        let record = archive::load(dir.path())?;
        write_reports(dir.path(), &record, &[Format::Html, Format::Pdf, Format::Junit, Format::Md])?;
        manifest::write(dir.path())?;
        if terminal.json {
            let text = serde_json::to_string_pretty(&verdict).map_err(Failure::usage)?;
            terminal.answer(&(text + "\n"));
        } else {
            terminal.answer(&report::text::summary(&record, terminal.styled()));
        }
        if let Some(deviation) = job.deviation() {
            return Err(Failure::usage(deviation));
        }
        Ok(outcome(terminal, &ended, &verdict))
    }

    /// A tape that could not be written says so; the run is none the worse.
    fn end_tape(&self, job: &Job, terminal: &Terminal) {
        if let (Tape::Record(tape), Some(path)) = (&job.tape, &self.tape)
            && let Err(error) = tape.borrow_mut().end()
        {
            terminal.error(&format!("the tape {} is not whole: {error}", path.display()));
        }
    }
}

fn quarantine(lock: &Lock, job: &Job, ended: &Ended) -> Result<(), Failure> {
    lock.quarantine(&Incident {
        run: job.run_id(),
        at: job.started.clone(),
        fault: ended.fault.as_ref().map(ToString::to_string).unwrap_or_default(),
        state: ended.safe.text(),
    })
}

fn outcome(terminal: &Terminal, ended: &Ended, verdict: &VerdictDocument) -> Exit {
    let Some(fault) = &ended.fault else {
        return if ended.safe.confirmed() { Exit::from(verdict.verdict) } else { Exit::Unsafe };
    };
    terminal.error(&format!("{fault}\n  next: {}\n  bench: {}", fault.hint(), ended.safe.text()));
    match fault {
        _ if !ended.safe.confirmed() => Exit::Unsafe,
        Fault::Interrupted(interrupt) => Exit::from(*interrupt),
        _ if !ended.moved => Exit::Usage,
        _ => Exit::from(Verdict::Aborted),
    }
}

/// Now, as runs and operator steps are stamped: the variable SOURCE_DATE_EPOCH where it is set (so that a simulated run repeats to the byte),
/// else now.
pub(super) fn started() -> Result<String, Failure> {
    let stamp = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => {
            let seconds: i64 = text.trim().parse().map_err(|_| {
                Failure::usage(format!("the variable SOURCE_DATE_EPOCH is {text:?}, not a number of seconds"))
            })?;
            jiff::Timestamp::from_second(seconds).map_err(Failure::usage)?
        }
        Err(_) => jiff::Timestamp::now(),
    };
    let seconds = jiff::Timestamp::from_second(stamp.as_second()).map_err(Failure::usage)?;
    Ok(seconds.to_string())
}
