//! `rig validate`: the main job.

use super::{
    Overdue, OverdueOption, RigOption,
    bench::Lock,
    calendar,
    exit::{Exit, Failure},
    ledger::Ledger,
    operator::OperatorOption,
    session::Session,
    sign::{SignOption, Signing},
    terminal::Terminal,
};
use crate::{
    acceptance::operating,
    bench::Bench,
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
    record::{disk::FileSystem, model::Check, run_dir::RunDir},
    run::{
        begin::{self, Environment},
        campaign,
        job::Job,
        position::Position,
    },
    time::RunTime,
};
use clap::Args;
use std::{
    cell::RefCell,
    fmt::Display,
    fs::{self, File},
    path::PathBuf,
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
    #[command(flatten)]
    overdue: OverdueOption,
    /// Who runs the bench, for the journal
    #[arg(long = "operator", value_name = "WHO")]
    run_by: Option<String>,
    /// Temperature at the bench, °C, for the journal
    #[arg(long, value_name = "C", allow_negative_numbers = true, value_parser = degrees)]
    temperature: Option<f64>,
    /// Relative humidity at the bench, %, for the journal
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    humidity: Option<f64>,
    /// Anything else that the record should tell of this run, for the journal
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    sign: SignOption,
}

fn degrees(text: &str) -> Result<f64, String> {
    number(text, "°C", -20.0, 60.0)
}

fn percent(text: &str) -> Result<f64, String> {
    number(text, "%", 0.0, 100.0)
}

fn number(text: &str, unit: &str, low: f64, high: f64) -> Result<f64, String> {
    let range = format!("the allowed range is {low} to {high} {unit}");
    let value: f64 = text.parse().map_err(|_| format!("{text:?} is no number; {range}"))?;
    if (low..=high).contains(&value) { Ok(value) } else { Err(format!("{value} {unit} is out of range; {range}")) }
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
        let (started, tape) = self.replay()?;
        let notes = self.overdue(&calibration, &started)?.into_iter().collect();
        let (rig_file, signer) = (rig_path, None);
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
            rig_file,
            signer,
            started,
            notes,
        })
    }

    /// Start of the run, and the tape that is replayed, if one is. A replay starts when its recording did.
    fn replay(&self) -> Result<(String, Tape), Failure> {
        let Some(path) = &self.replay else { return Ok((calendar::now()?, Tape::Off)) };
        let failed = |error: &dyn Display| Failure::usage(format!("{}: {error}", path.display()));
        let bytes = fs::read(path).map_err(|error| failed(&error))?;
        let reader = Reader::new(&bytes).map_err(|error| failed(&error))?;
        Ok((reader.header().started.clone(), Tape::Replay(Rc::new(RefCell::new(reader)))))
    }

    /// Opens the bench, with a tape beside it where one is to be recorded, and the run directory. Where either cannot be
    /// opened there is nothing to record, and no tape is left behind.
    fn begin(&self, job: &mut Job, interrupt: &InterruptFlag) -> Result<(Bench, RunDir), Failure> {
        if let Some(path) = &self.tape {
            let file = File::create_new(path);
            let file = file.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
            job.tape = Tape::Record(Writer::new(Box::new(file), &Header::new(&job.started)));
        }
        let open = || {
            let bench = campaign::open(job, 0, 0, interrupt).map_err(Failure::usage)?;
            let calendar = calendar::of(job, RunTime::ZERO)?;
            Ok((bench, RunDir::create(&self.out, &job.run_id(), calendar, FileSystem::shared())?))
        };
        open().map_err(|failure: Failure| match self.tape.as_ref().map(fs::remove_file) {
            Some(Err(error)) => {
                Failure { message: format!("{}; the tape stays, empty: {error}", failure.message), ..failure }
            }
            _ => failure,
        })
    }

    /// Refuses a calibration that does not hold on the day of the run, unless told in writing; then what is to be
    /// recorded.
    fn overdue(&self, calibration: &Loaded<Calibration>, started: &str) -> Result<Option<Check>, Failure> {
        let Some(Overdue { parts, reason }) = self.overdue.on(&calibration.value, started) else { return Ok(None) };
        match reason {
            None => Err(Failure::usage(format!(
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
        let signing = self.sign.signing()?;
        let mut job = Job { signer: signing.as_ref().map(Signing::fingerprint), ..self.job()? };
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
        let (bench, mut dir) = self.begin(&mut job, &interrupt)?;
        if job.rig.value.simulated {
            terminal.note(&match job.seeded() {
                true => format!("SIMULATED bench, seed {}", job.seed),
                false => "SIMULATED bench".to_owned(),
            });
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
        begin::record(&mut dir, &job, &self.environment())?;
        let session = Session {
            terminal,
            job: &job,
            lock: lock.as_ref(),
            interrupt: &interrupt,
            signing: signing.as_ref(),
            tape_file: self.tape.as_deref(),
        };
        session.run(hands, dir, &Position::start(), Some(bench))
    }

    fn environment(&self) -> Environment {
        Environment {
            operator: self.run_by.clone(),
            temperature_c: self.temperature,
            humidity_percent: self.humidity,
            note: self.note.clone(),
        }
    }
}
