//! `rig check`, `rig recover`, `rig ports`; and who holds a bench.

use super::{
    Overdue, OverdueOption, RigOption,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{
    bench::{Bench, opening::Scene},
    config::{
        calibration::Calibration,
        cartridge::Cartridge,
        library::{self, Library, Loaded},
        rig::Rig,
    },
    link::{Role, interrupt::InterruptFlag, serial},
    procedure::checks::{self, Finding},
    record::model as record,
    report::junit,
    run::guarded::guarded,
};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    fs::{self, File},
    io::{Seek as _, Write as _},
    path::{Path, PathBuf},
};

/// Check identities, noise, hum, sample rate and zero of a bench; nothing dangerous moves
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rig check --rig rigs/bench-zaber.toml --json\n  \
    rig check --rig rigs/bench-zaber.toml --junit check.xml\n  \
    rig check --rig my-bench.toml --only force")]
pub struct Check {
    #[command(flatten)]
    rig: RigOption,
    /// One device alone; the ports of the others stay closed
    #[arg(long, value_enum, value_name = "DEVICE")]
    only: Option<Device>,
    /// Write the checks as JUnit too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    overdue: OverdueOption,
}

/// A device of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Device {
    /// The pen: who it is, and whether it confirms STOP.
    Pen,
    /// The stage: who it is.
    Stage,
    /// The force device: who it is, its noise, rate and zero, and its calibration.
    Force,
}

impl Device {
    fn role(self) -> Role {
        match self {
            Self::Pen => Role::Pen,
            Self::Stage => Role::Stage,
            Self::Force => Role::Force,
        }
    }
}

/// Bring a quarantined bench back after a look at it; names the incident
#[derive(Debug, Args)]
#[command(after_help = "Example: rig recover --rig rigs/bench-zaber.toml")]
pub struct Recover {
    #[command(flatten)]
    rig: RigOption,
}

/// List serial ports with their stable ids
#[derive(Debug, Args)]
#[command(after_help = "Example: rig ports --json")]
pub struct Ports {}

/// Why a bench is quarantined.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Incident {
    /// The run.
    pub run: String,
    /// Start of that run.
    pub at: String,
    /// What ended it.
    pub fault: String,
    /// What could not be confirmed.
    pub state: String,
}

/// The only holder of a bench; the lock ends with the process.
///
/// Its file names the owner and, while a run is under way, the incident that this is should the owner die in it: whoever
/// takes the lock next then finds the bench quarantined.
pub struct Lock {
    file: Option<File>,
    owner: String,
    quarantine: PathBuf,
}

impl Lock {
    /// Takes the bench of a rig file, or says who holds it. A simulated bench in this process needs no lock.
    ///
    /// # Errors
    ///
    /// [`Failure`] where another process holds it.
    pub fn take(rig_file: Option<&Path>, rig: &Rig) -> Result<Self, Failure> {
        let beside = rig_file.map_or_else(|| PathBuf::from("rig"), Path::to_path_buf);
        let quarantine = beside.with_extension("quarantine.json");
        let now = jiff::Timestamp::now();
        let owner = format!("process {} since {now}", std::process::id());
        if rig.in_process() {
            return Ok(Self { file: None, owner, quarantine });
        }
        let path = beside.with_extension("lock");
        let failed = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
        let file =
            File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(|e| failed(&e))?;
        let held = file.try_lock().is_err();
        let before = fs::read(&path).map_err(|error| failed(&error))?;
        let before = String::from_utf8_lossy(&before);
        let (holder, left) = before.split_once('\n').unwrap_or((&before, ""));
        if held {
            let age = age(holder, now);
            return Err(Failure::usage(format!("bench {} is in use by {holder}{age}; wait or end that run", rig.name)));
        }
        let lock = Self { file: Some(file), owner, quarantine };
        if !left.trim().is_empty() {
            lock.put_quarantine(left)?;
        }
        lock.rest()?;
        Ok(lock)
    }

    /// Notes that a run is under way: if this process dies in it, nobody makes the bench safe.
    ///
    /// # Errors
    ///
    /// [`Failure`] where that cannot be written; then nothing may move.
    pub fn begin_run(&self, run: String, at: String) -> Result<(), Failure> {
        let fault = format!("{} ended while the run was under way: killed, or the machine went down", self.owner);
        let state = "NOT CONFIRMED: nobody stopped pen and stage".to_owned();
        let incident = Incident { run, at, fault, state };
        self.write(&serde_json::to_string(&incident).unwrap_or(incident.fault))
    }

    /// Notes that no run is under way: the bench is safe, or its quarantine is written.
    ///
    /// # Errors
    ///
    /// [`Failure`] where that cannot be written; the next process will find the bench quarantined.
    pub fn rest(&self) -> Result<(), Failure> {
        self.write("")
    }

    /// Writes owner and incident, and brings them to disk.
    fn write(&self, incident: &str) -> Result<(), Failure> {
        let Some(mut file) = self.file.as_ref() else { return Ok(()) };
        let text = format!("{}\n{incident}\n", self.owner);
        let written = file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(text.as_bytes()));
        written
            .and_then(|()| file.sync_data())
            .map_err(|error| Failure::usage(format!("the lock of the bench: {error}")))
    }

    /// Refuses a bench whose last safe state was not confirmed.
    ///
    /// # Errors
    ///
    /// [`Failure`] with exit code 6.
    pub fn refuse_quarantined(&self) -> Result<(), Failure> {
        match self.incident() {
            None => Ok(()),
            Some(text) => Err(Failure {
                exit: Exit::Unsafe,
                message: format!("this bench is quarantined; look at it, then run `rig recover`\n{text}"),
            }),
        }
    }

    fn incident(&self) -> Option<String> {
        fs::read_to_string(&self.quarantine).ok()
    }

    /// Quarantines the bench.
    ///
    /// # Errors
    ///
    /// [`Failure`] with exit code 6 where even that cannot be written.
    pub fn quarantine(&self, incident: &Incident) -> Result<(), Failure> {
        self.put_quarantine(&serde_json::to_string_pretty(incident).unwrap_or_else(|_| incident.state.clone()))
    }

    fn put_quarantine(&self, incident: &str) -> Result<(), Failure> {
        fs::write(&self.quarantine, format!("{}\n", incident.trim())).map_err(|error| Failure {
            exit: Exit::Unsafe,
            message: format!("{}: {error}; the safe state is not confirmed", self.quarantine.display()),
        })
    }

    fn release(&self) -> Result<(), Failure> {
        fs::remove_file(&self.quarantine).map_err(Failure::usage)
    }
}

/// How long the owner that a lock names has held it, in words; nothing where that cannot be read.
fn age(owner: &str, now: jiff::Timestamp) -> String {
    let since = owner.split_whitespace().last().and_then(|stamp| stamp.parse::<jiff::Timestamp>().ok());
    let seconds = since.map(|since| now.as_second() - since.as_second()).filter(|seconds| *seconds >= 0);
    seconds.map(|seconds| format!(", for {} min {} s", seconds / 60, seconds % 60)).unwrap_or_default()
}

/// What a command other than a validation opens a bench by.
pub struct Setup {
    path: Option<PathBuf>,
    /// The rig file.
    pub rig: Rig,
    /// The calibration record in force.
    pub calibration: Loaded<Calibration>,
    cartridge: Cartridge,
}

impl Setup {
    /// Reads the rig file and what it names.
    ///
    /// # Errors
    ///
    /// [`Failure`] where one cannot be read.
    pub fn of(option: &RigOption) -> Result<Self, Failure> {
        let path = option.path();
        let rig = library::rig(path.as_deref())?.value;
        let library = Library::beside(path.as_deref());
        let calibration = library.calibration(&rig.force.calibration, path.as_deref())?;
        let cartridge = library.cartridge("1.5mm")?.value;
        Ok(Self { path, rig, calibration, cartridge })
    }

    /// Takes the bench.
    ///
    /// # Errors
    ///
    /// [`Failure`] where another process holds it.
    pub fn lock(&self) -> Result<Lock, Failure> {
        Lock::take(self.path.as_deref(), &self.rig)
    }

    /// Opens the ports of a bench that was taken: all of them, or that of one device.
    ///
    /// # Errors
    ///
    /// [`Failure`] where one cannot be opened.
    pub fn open(self, only: Option<Role>) -> Result<Bench, Failure> {
        let Self { rig, calibration, cartridge, .. } = self;
        let interrupt = InterruptFlag::default();
        interrupt.listen().map_err(Failure::usage)?;
        if let Some(role) = only.filter(|_| !rig.in_process()) {
            return Bench::open_only(rig, calibration.value, role, interrupt).map_err(Failure::usage);
        }
        let seed = rig.sim.as_ref().map_or(0, |world| world.seed);
        let scene = Scene::new(&cartridge, seed);
        let bench = Bench::open(rig, calibration.value, None, scene, interrupt).map_err(Failure::usage)?;
        Ok(if let Some(role) = only { bench.only(role) } else { bench })
    }
}

impl Check {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the exit code of the contract.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let only = self.only.map(Device::role);
        let concerns = |role: Role| only.is_none_or(|only| only == role);
        let setup = Setup::of(&self.rig)?;
        let lock = setup.lock()?;
        let mut bench = setup.open(only)?;
        if let Some(incident) = lock.incident() {
            terminal.note(&format!("this bench is quarantined until `rig recover`:\n{}", incident.trim()));
        }
        let identities = bench.identify().map_err(Failure::usage)?;
        let mut findings: Vec<Finding> = identities
            .iter()
            .map(|(role, identity)| Finding {
                name: role.name(),
                passed: true,
                detail: format!("{}, serial {}, firmware {}", identity.model, identity.serial, identity.firmware),
            })
            .collect();
        let fault = |fault: crate::bench::fault::Fault| Failure {
            exit: Exit::Fault,
            message: format!("{fault}\n  next: {}", fault.hint()),
        };
        if concerns(Role::Force) {
            findings.extend(checks::at_rest(&mut bench).map_err(fault)?);
        }
        if concerns(Role::Pen) {
            findings.push(checks::lease(&bench));
            let passed = bench.stop_pen().map_err(fault).is_ok();
            findings.push(Finding { name: "stop works", passed, detail: "the pen confirms STOP".to_owned() });
        }
        if concerns(Role::Force) {
            findings.push(self.calibration(bench.calibration()));
        }
        let passed = findings.iter().all(|finding| finding.passed);
        if let Some(path) = &self.junit {
            let check =
                |f: &Finding| record::Check { name: f.name.to_owned(), passed: f.passed, detail: f.detail.clone() };
            let checks: Vec<record::Check> = findings.iter().map(check).collect();
            let text = junit::bench_checks(&bench.rig().name, bench.rig().simulated, &checks);
            fs::write(path, text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        }
        if terminal.json {
            let checks: Vec<_> = findings
                .iter()
                .map(|finding| json!({"name": finding.name, "passed": finding.passed, "detail": finding.detail}))
                .collect();
            let document = json!({"schema": "check/1", "rig": bench.rig().name, "simulated": bench.rig().simulated,
                                  "passed": passed, "checks": checks});
            terminal.answer(&format!("{document:#}\n"));
        } else {
            for Finding { name, passed, detail } in &findings {
                terminal.answer(&format!("{} {name}: {detail}\n", if *passed { "ok    " } else { "FAILED" }));
            }
        }
        Ok(if passed { Exit::Done } else { Exit::Fault })
    }
}

impl Check {
    /// Whether the calibration holds today, or an overdue one is taken in writing.
    fn calibration(&self, calibration: &Calibration) -> Finding {
        let name = &calibration.name;
        let (passed, detail) = match self.overdue.on(calibration, &jiff::Timestamp::now().to_string()) {
            None => (true, format!("{name} holds; the record as a whole is due on {}", calibration.due)),
            Some(Overdue { parts, reason: Some(reason) }) => {
                (true, format!("{name} is OVERDUE ({parts}); used all the same because: {reason}"))
            }
            Some(Overdue { parts, reason: None }) => {
                (false, format!("{name} is overdue ({parts}); renew it with `rig calibrate`"))
            }
        };
        Finding { name: "calibration", passed, detail }
    }
}

impl Recover {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the exit code of the contract.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let setup = Setup::of(&self.rig)?;
        let lock = setup.lock()?;
        let Some(incident) = lock.incident() else {
            terminal.answer("the bench is not quarantined\n");
            return Ok(Exit::Done);
        };
        terminal.note(&format!("incident:\n{}", incident.trim()));
        let mut bench = setup.open(None)?;
        let failed = |message: String| Failure { exit: Exit::Unsafe, message };
        bench.identify().map_err(|fault| failed(format!("{fault}; the bench stays quarantined")))?;
        bench.stream(bench.rig().force.sample_rate_hz).map_err(|fault| failed(fault.to_string()))?;
        let (homed, safe) = guarded(&mut bench, Bench::home);
        if let (Ok(()), true) = (&homed, safe.confirmed()) {
            lock.release()?;
            terminal.answer(&format!("the bench is back: {}\n", safe.text()));
            return Ok(Exit::Done);
        }
        let fault = homed.err().map(|fault| fault.to_string()).unwrap_or_default();
        Err(failed(format!("{fault} {}; the bench stays quarantined", safe.text())))
    }
}

impl Ports {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] where ports cannot be listed.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let ports = serial::ports().map_err(Failure::usage)?;
        if terminal.json {
            terminal.answer(&format!("{:#}\n", json!({"schema": "ports/1", "ports": ports})));
            return Ok(Exit::Done);
        }
        if ports.is_empty() {
            terminal.note("no serial ports; plug a device in, or run `rig sim --pty DIR` for simulated ones");
        }
        for port in ports {
            let id = port.stable_id.unwrap_or_else(|| "-".to_owned());
            terminal.answer(&format!("{}\t{id}\t{}\n", port.path, port.description));
        }
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lock, age};
    use crate::config::{library, rig::Rig};
    use std::path::Path;

    fn on_ports() -> Rig {
        let mut rig = library::rig(None).unwrap().value;
        for port in [&mut rig.pen.port, &mut rig.stage.port, &mut rig.force.port] {
            "/dev/null".clone_into(port);
        }
        rig
    }

    /// The lock of a dead process is free: nothing but its file says what it was doing.
    fn taken_and_dropped(rig: &Path, act: impl FnOnce(&Lock)) {
        act(&Lock::take(Some(rig), &on_ports()).unwrap_or_else(|failure| panic!("{}", failure.message)));
    }

    #[test]
    fn a_run_whose_process_died_quarantines_the_bench_and_one_that_ended_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let rig = folder.path().join("bench.toml");
        taken_and_dropped(&rig, |lock| {
            lock.begin_run("run-1".to_owned(), "today".to_owned())
                .unwrap_or_else(|failure| panic!("{}", failure.message));
            lock.rest().unwrap_or_else(|failure| panic!("{}", failure.message));
        });
        taken_and_dropped(&rig, |lock| {
            assert!(lock.refuse_quarantined().is_ok());
            lock.begin_run("run-2".to_owned(), "today".to_owned())
                .unwrap_or_else(|failure| panic!("{}", failure.message));
        });
        for _ in 0..2 {
            taken_and_dropped(&rig, |lock| {
                let refused = lock.refuse_quarantined().expect_err("quarantined until it is recovered").message;
                assert!(
                    refused.contains("run-2") && refused.contains("ended while the run was under way"),
                    "{refused}"
                );
            });
        }
        taken_and_dropped(&rig, |lock| assert!(lock.release().is_ok()));
        taken_and_dropped(&rig, |lock| assert!(lock.refuse_quarantined().is_ok()));
    }

    #[test]
    fn a_second_holder_is_told_of_the_first_and_not_of_its_run() {
        let folder = tempfile::tempdir().unwrap();
        let rig = folder.path().join("bench.toml");
        taken_and_dropped(&rig, |lock| {
            assert!(lock.begin_run("run-1".to_owned(), "today".to_owned()).is_ok());
            let refused = Lock::take(Some(&rig), &on_ports()).err().map(|failure| failure.message).unwrap_or_default();
            assert!(refused.contains("in use by process") && refused.contains(" min "), "{refused}");
            assert!(!refused.contains("run-1"), "{refused}");
            assert!(lock.refuse_quarantined().is_ok(), "a run that is under way is no incident");
        });
    }

    #[test]
    fn an_owner_has_an_age() {
        let now = "2026-11-21T14:03:05Z".parse().unwrap();
        assert_eq!(age("process 12 since 2026-11-21T14:00:00.5Z\n", now), ", for 3 min 5 s");
        assert_eq!(age("process 12", now), "");
        assert_eq!(age("process 12 since 2026-11-21T15:00:00Z", now), "", "a clock that was set back");
    }
}
