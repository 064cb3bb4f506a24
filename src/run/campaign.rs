//! The part of a run in which the bench moves: identify, check, home, then every step for every cartridge.

use super::{
    guarded::caught,
    heading::{self, Subject},
    job::Job,
    operator::{self, HandStep, Operator},
    position::Position,
    schedule::{Step, steps},
};
use crate::{
    bench::{Bench, fault::Fault, opening::Scene, safe::SafeState},
    capture::Pairing,
    device::Identity,
    link::{interrupt::InterruptFlag, serial::OpenError},
    procedure::{checks, dynamic, press, site::Sites},
    record::{RecordError, calendar::Watch, captures::CaptureWriter, model::Check, run_dir::RunDir},
    time::RunTime,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, rc::Rc};

/// How far a run is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What goes on.
    pub text: String,
    /// Share of the expected time that is over, 0 to 1.
    pub share: f64,
    /// Expected bench time left, s.
    pub left_s: f64,
}

/// What the outside hears and is asked while a run goes on.
pub trait Observer: Operator {
    /// The run got on.
    fn progress(&mut self, progress: &Progress);
}

/// How the moving part of a run ended.
#[derive(Debug)]
pub struct Ended {
    /// Why it ended before its time, if it did.
    pub fault: Option<Fault>,
    /// The safe state.
    pub safe: SafeState,
    /// Whether anything was told to move.
    pub moved: bool,
    /// Bench time, s.
    pub bench_time_s: f64,
}

/// Opens the bench for a setup, so that a missing port is known before anything is written. `session` counts how often
/// the run was resumed before: a simulated bench then has the same pen and cartridge, and other noise.
///
/// # Errors
///
/// [`OpenError`].
pub fn open(job: &Job, setup: u32, session: u32, interrupt: &InterruptFlag) -> Result<Bench, OpenError> {
    let faults = job.faults.as_ref().map(|faults| &faults.value);
    Bench::open(
        job.rig.value.clone(),
        job.calibration.value.clone(),
        job.pen.value.uid.clone(),
        Scene { cartridge: &job.cartridge.value, seeds: job.seeds_of(setup, session), faults, tape: job.tape.clone() },
        interrupt.clone(),
    )
}

/// Runs every step from a position on. Never fails: how it ended is in the answer, and every capture so far is on disk.
/// `first` is the bench of that position.
pub fn drive(
    job: &Job,
    from: &Position,
    first: Bench,
    dir: &mut RunDir,
    interrupt: &InterruptFlag,
    observer: &mut dyn Observer,
) -> Ended {
    let mut ended = Ended { fault: None, safe: SafeState::untouched(), moved: false, bench_time_s: from.bench_time_s };
    let mut used = Used { identities: from.identities.clone(), sites: from.sites_used.clone() };
    let begins = from.setup.unwrap_or(job.setups());
    let mut first = Some(first);
    for setup in begins..job.setups() {
        let at = RunTime::from_nanos((ended.bench_time_s * 1e9) as u64);
        let ready = by_hand(job, setup, at, from, dir, observer);
        let opened = ready.and_then(|()| match first.take() {
            Some(bench) => Ok(bench),
            // Another cartridge is in simulation another world, and on ports the same devices.
            None => open(job, setup, from.sessions, interrupt)
                .map_err(|error| Fault::Lost { role: error.role, reason: error.to_string() }),
        });
        let mut bench = match opened {
            Ok(bench) => bench,
            Err(fault) => {
                let data = json!({"kind": fault.kind(), "hint": fault.hint()});
                let _ = dir.event(at, "fault", &fault.to_string(), data);
                ended.fault = Some(fault);
                return ended;
            }
        };
        let (offset_s, watch) = (ended.bench_time_s, Watch::default());
        let mut campaign = Campaign { job, from, dir, observer, setup, offset_s, watch };
        campaign.drive(&mut bench, &mut used, &mut ended);
        if ended.fault.is_some() || !ended.safe.confirmed() {
            return ended;
        }
    }
    ended
}

/// What a run has seen and used up.
struct Used {
    /// Devices by role.
    identities: BTreeMap<String, Identity>,
    /// Sites by phantom, which goes with the cartridge.
    sites: BTreeMap<u32, u32>,
}

/// What a person does before a setup is measured: fresh phantom, then the cartridge and its identity, or in a gauge
/// study the operator who mounts the pen anew. What was confirmed before a run was resumed is not asked again.
fn by_hand(
    job: &Job,
    setup: u32,
    at: RunTime,
    from: &Position,
    dir: &mut RunDir,
    observer: &mut dyn Observer,
) -> Result<(), Fault> {
    let number = setup + 1;
    let mut steps = Vec::new();
    if setup == 0 || job.operator(setup).is_none() {
        let text = "place a fresh phantom on the cell".to_owned();
        steps.push(HandStep { id: format!("phantom-{number}"), text, asks: None });
        let text = format!("put in cartridge {number}");
        let asks = Some("the cartridge's identity, as printed or scanned".to_owned());
        steps.push(HandStep { id: format!("cartridge-{number}"), text, asks });
    }
    if let Some(name) = job.operator(setup) {
        let text = format!("{name}: take the pen out of its holder and mount it anew");
        steps.push(HandStep { id: format!("mount-{number}"), text, asks: None });
    }
    for step in steps.into_iter().filter(|step| !from.by_hand.contains(&step.id)) {
        let done = observer.have_done(&step).map_err(Fault::Procedure)?;
        operator::record(dir, at, &step, &done).map_err(|error| Fault::Record(error.to_string()))?;
    }
    Ok(())
}

struct Campaign<'a> {
    job: &'a Job,
    from: &'a Position,
    dir: &'a mut RunDir,
    observer: &'a mut dyn Observer,
    /// Which cartridge, or which operator of a gauge study; from 0.
    setup: u32,
    /// Bench time of the setups before, s.
    offset_s: f64,
    watch: Watch,
}

impl Campaign<'_> {
    /// Every step of one setup, and the safe state at its end whatever happened before.
    fn drive(&mut self, bench: &mut Bench, used: &mut Used, ended: &mut Ended) {
        let result = caught(|| self.setup(bench, used));
        ended.moved |= bench.moved();
        let stopped_at = self.at(bench);
        ended.safe = bench.make_safe();
        let mut result = result.and_then(|()| bench.end_record());
        let at = self.at(bench);
        if let Err(fault) = &result {
            let data = json!({"kind": fault.kind(), "hint": fault.hint()});
            let _ = self.dir.event(stopped_at, "fault", &fault.to_string(), data);
            let _ = bench.end_record();
        }
        for line in bench.damage() {
            let _ = self.dir.event(at, "anomaly", &line, Value::Null);
        }
        let data = json!({"setup": self.setup, "confirmed": ended.safe.confirmed()});
        if let Err(error) = self.dir.event(at, "safe-state", &ended.safe.text(), data) {
            result = result.and(Err(Fault::Record(error.to_string())));
        }
        ended.bench_time_s = at.as_secs_f64();
        ended.fault = result.err();
    }

    fn at(&self, bench: &mut Bench) -> RunTime {
        bench.now() + std::time::Duration::from_secs_f64(self.offset_s)
    }

    fn event(&mut self, bench: &mut Bench, event: &str, text: &str, data: Value) -> Result<(), Fault> {
        let at = self.at(bench);
        let failed = |error: RecordError| Fault::Record(error.to_string());
        if let Some(step_s) = self.watch.step_s(at, self.dir.wall(at)) {
            let text = format!("the wall clock was set by {step_s:+.1} s; run time is not affected");
            self.dir.event(at, "clock", &text, json!({"step_s": step_s})).map_err(failed)?;
        }
        self.dir.event(at, event, text, data).map_err(failed)
    }

    fn setup(&mut self, bench: &mut Bench, used: &mut Used) -> Result<(), Fault> {
        let steps = steps(self.job);
        let speed = self.job.plan.value.press_speed_mm_s();
        let expected: Vec<f64> = steps.iter().map(|step| step.expected_s(speed)).collect();
        let setups = self.job.setups();
        let total_s = expected.iter().sum::<f64>() * f64::from(setups);
        let mut done_s = total_s / f64::from(setups) * f64::from(self.setup);
        let say = |observer: &mut dyn Observer, text: String, done_s: f64| {
            observer.progress(&Progress { text, share: done_s / total_s, left_s: total_s - done_s });
        };
        say(self.observer, "identify and check the bench".to_owned(), done_s);
        for fault in self.job.faults.iter().flat_map(|faults| &faults.value.fault) {
            let text = format!("fault {} is injected on the line of the {}", fault.id, fault.device.name());
            // No question to the link: a replay of the tape, in which nothing is injected, asks none here either.
            let at = RunTime::ZERO + std::time::Duration::from_secs_f64(self.offset_s);
            let written = self.dir.event(at, "fault-injected", &text, json!(fault));
            written.map_err(|error| Fault::Record(error.to_string()))?;
        }
        self.prepare(bench, &mut used.identities)?;
        say(self.observer, "home and seek the face".to_owned(), done_s);
        bench.home()?;
        self.event(bench, "phase", "stage homed", Value::Null)?;
        if let (0, Some(operator)) = (self.setup, self.job.operator(0)) {
            let text = format!("{operator} is the first operator");
            self.event(bench, "operator", &text, json!({"operator": operator, "setup": 0}))?;
        }
        let phantom = used.sites.entry(self.job.cartridge_of(self.setup)).or_default();
        let mut sites = Sites::after(self.job.sites_before(self.setup).max(*phantom));
        let mut face_mm = None;
        let mut armed = None;
        for (step, expected_s) in steps.iter().zip(expected) {
            if self.from.has(&step.capture(self.setup)) {
                done_s += expected_s;
                continue;
            }
            let what = self.job.operator(self.setup).map_or("cartridge", |_| "operator");
            let count = format!("{what} {} of {setups}: {}", self.setup + 1, step.text());
            say(self.observer, count.clone(), done_s);
            let wanted = match *step {
                Step::Press { set_depth_mm, .. } | Step::Reference { set_depth_mm, .. } => {
                    (self.job.pen.value.stroke_rate_min_hz, set_depth_mm)
                }
                Step::Run { set_depth_mm, stroke_rate_hz, .. } => (stroke_rate_hz, set_depth_mm),
            };
            let rate_hz = bench.rig().force.sample_rate_hz;
            match step {
                Step::Press { .. } | Step::Reference { .. } => stream(bench, rate_hz.min(press::SAMPLE_RATE_HZ))?,
                Step::Run { .. } => stream(bench, rate_hz)?,
            }
            match step {
                Step::Press { .. } | Step::Reference { .. } => sites.next(bench).map(|_| ())?,
                Step::Run { .. } => sites.next_rows(bench)?,
            }
            // On disk before the site is touched, so that no other step ever takes it.
            *phantom = sites.used();
            let data = json!({"capture": step.capture(self.setup), "setup": self.setup, "sites_used": sites.used()});
            self.event(bench, "phase", &step.text(), data)?;
            if armed != Some(wanted) || matches!(step, Step::Run { .. }) {
                bench.arm_pen(wanted.0, wanted.1)?;
                bench.hold_pen(false)?;
                armed = (!matches!(step, Step::Run { .. })).then_some(wanted);
            }
            let face = match face_mm {
                Some(face) => face,
                None => press::seek_face(bench)?,
            };
            face_mm = Some(self.step(bench, step, face)?);
            done_s += expected_s;
        }
        Ok(())
    }

    fn prepare(&mut self, bench: &mut Bench, known: &mut BTreeMap<String, Identity>) -> Result<(), Fault> {
        let mut others = Vec::new();
        for (role, identity) in bench.identify()? {
            let Identity { model, serial, firmware } = &identity;
            let role = role.name();
            let text = format!("{role}: {model}, serial {serial}, firmware {firmware}");
            self.event(bench, "identity", &text, json!({"role": role, "identity": identity}))?;
            if let Some(before) = known.insert(role.to_owned(), identity.clone()).filter(|before| *before != identity) {
                let Identity { model, serial, firmware } = before;
                others.push(format!("{text}; the run began with {model}, serial {serial}, firmware {firmware}"));
            }
        }
        if !others.is_empty() {
            let message = format!("another device: {}; put the first one back, or begin a new run", others.join("; "));
            return Err(Fault::Check(message));
        }
        let mut failed = Vec::new();
        let lease = checks::lease(bench);
        for finding in std::iter::once(lease).chain(checks::at_rest(bench)?) {
            let check = Check { name: finding.name.to_owned(), passed: finding.passed, detail: finding.detail.clone() };
            let text = format!("{}: {}", finding.name, finding.detail);
            self.event(bench, "check", &text, json!(check))?;
            if !finding.passed {
                failed.push(text);
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(Fault::Check(format!("check failed: {}", failed.join("; ")))) }
    }

    fn step(&mut self, bench: &mut Bench, step: &Step, face_mm: f64) -> Result<f64, Fault> {
        let name = step.capture(self.setup);
        let subject = self.subject(bench, step, &name);
        let header = heading::header(bench.calibration(), subject);
        let (calibration, zero_counts) = (bench.calibration().clone(), (bench.zero_counts(), bench.z_zero_counts()));
        let disk = Rc::clone(self.dir.disk());
        let writer = CaptureWriter::new(disk, &self.dir.captures(), &name, &header, &calibration, zero_counts)
            .map_err(|error| Fault::Record(error.to_string()))?;
        let seal = writer.seal();
        let recorder = Box::new(writer);
        let press_speed = self.job.plan.value.press_speed_mm_s();
        let face_mm = match *step {
            Step::Press { set_depth_mm, .. } | Step::Reference { set_depth_mm, .. } => {
                press::press(bench, set_depth_mm, press_speed, face_mm, recorder)?
            }
            Step::Run { set_depth_mm, stroke_rate_hz, strokes } => {
                let settings = dynamic::Settings { set_depth_mm, stroke_rate_hz, strokes };
                dynamic::scan_and_run(bench, settings, face_mm, recorder)?
            }
        };
        let lost = bench.samples_lost();
        let text = format!("{name} recorded, {lost} samples lost");
        let data = json!({"capture": name, "samples_lost": lost, "sha256": seal.digest()});
        self.event(bench, "captured", &text, data)?;
        Ok(face_mm)
    }

    fn subject(&self, bench: &Bench, step: &Step, name: &str) -> Subject {
        let rig = bench.rig();
        Subject {
            data: format!("{name}.rigc"),
            sample_rate_hz: bench.sample_rate_hz(),
            set_depth_mm: step.set_depth_mm(),
            stroke_rate_hz: match *step {
                Step::Run { stroke_rate_hz, .. } => Some(stroke_rate_hz),
                Step::Press { .. } | Step::Reference { .. } => None,
            },
            needles: self.job.cartridge.value.needles,
            resolution_n: rig.force.gauge.as_ref().map(|gauge| gauge.resolution_n),
            pairing: rig.force.gauge.as_ref().map(|gauge| Pairing {
                time_u_s: bench.time_u_s(),
                delay_u_s: gauge.delay_u_s(rig.force.sample_rate_hz),
                position_u_mm: rig.stage.position_u_mm,
            }),
            simulated: self.job.rig.value.simulated,
        }
    }
}

/// Streams at a rate, unless that is what runs already.
fn stream(bench: &mut Bench, sample_rate_hz: f64) -> Result<(), Fault> {
    if (bench.sample_rate_hz() - sample_rate_hz).abs() < 1e-6 * sample_rate_hz {
        return Ok(());
    }
    bench.stream(sample_rate_hz)
}
