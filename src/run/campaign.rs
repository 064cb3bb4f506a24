//! The part of a run in which the bench moves: identify, check, home, then every step for every cartridge.

use super::{
    guarded::from_panic,
    job::Job,
    operator::{self, HandStep, Operator},
    schedule::{Step, steps},
};
use crate::{
    bench::{Bench, Recorder, fault::Fault, opening::Scene, safe::SafeState},
    capture::{ForceChannel, GaugeStudy, Header, Kind, Pairing, StageChannel},
    device::Identity,
    link::{Role, interrupt::InterruptFlag, serial::OpenError},
    procedure::{checks, dynamic, press, site::Sites},
    record::{captures::CaptureWriter, model::Check, run_dir::RunDir},
    time::RunTime,
};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};

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
    /// Identities of the devices, as far as they gave them.
    pub identities: Vec<(Role, Identity)>,
    /// Bench time, s.
    pub bench_time_s: f64,
}

/// Opens the bench for a setup; for the first before anything else, so that a missing port is known before anything is written.
///
/// # Errors
///
/// [`OpenError`].
pub fn open(job: &Job, setup: u32, interrupt: &InterruptFlag) -> Result<Bench, OpenError> {
    let faults = job.faults.as_ref().map(|faults| &faults.value);
    Bench::open(
        job.rig.value.clone(),
        job.calibration.value.clone(),
        job.pen.value.uid.clone(),
        Scene { cartridge: &job.cartridge.value, seeds: job.seeds_of(setup), faults, tape: job.tape.clone() },
        interrupt.clone(),
    )
}

/// Runs every step. Never fails: how it ended is in the answer, and every capture so far is on disk.
pub fn drive(
    job: &Job,
    first: Bench,
    dir: &mut RunDir,
    interrupt: &InterruptFlag,
    observer: &mut dyn Observer,
) -> Ended {
    let mut ended =
        Ended { fault: None, safe: SafeState::untouched(), moved: false, identities: Vec::new(), bench_time_s: 0.0 };
    let mut bench = first;
    if let Err(fault) = note(job, dir).and_then(|()| by_hand(job, 0, RunTime::ZERO, dir, observer)) {
        let _ = dir.event(RunTime::ZERO, "fault", &fault.to_string(), json!({"hint": fault.hint()}));
        ended.fault = Some(fault);
        return ended;
    }
    for setup in 0..job.setups() {
        if setup > 0 {
            match change(job, bench, setup, dir, interrupt, observer, ended.bench_time_s) {
                Ok(next) => bench = next,
                Err(fault) => {
                    ended.fault = Some(fault);
                    return ended;
                }
            }
        }
        let mut campaign = Campaign { job, dir, observer, setup, offset_s: ended.bench_time_s };
        // A panic is a defect; the bench is made safe all the same, by the code below.
        let result = catch_unwind(AssertUnwindSafe(|| campaign.setup(&mut bench, &mut ended.identities)));
        let result = result.unwrap_or_else(|panic| Err(from_panic(panic.as_ref())));
        ended.moved |= bench.moved();
        let stopped_at = campaign.at(&mut bench);
        ended.safe = bench.make_safe();
        let mut result = result.and_then(|()| bench.end_record());
        let at = campaign.at(&mut bench);
        if let Err(fault) = &result {
            let data = json!({"hint": fault.hint()});
            let _ = campaign.dir.event(stopped_at, "fault", &fault.to_string(), data);
            let _ = bench.end_record();
        }
        for line in bench.damage() {
            let _ = campaign.dir.event(at, "anomaly", &line, Value::Null);
        }
        if let Err(error) = campaign.dir.event(at, "safe-state", &ended.safe.text(), Value::Null) {
            result = result.and(Err(Fault::Record(error.to_string())));
        }
        ended.bench_time_s = at.as_secs_f64();
        ended.fault = result.err();
        if ended.fault.is_some() || !ended.safe.confirmed() {
            return ended;
        }
    }
    ended
}

/// Another cartridge or operator: the operator's step, and in simulation another world or session.
fn change(
    job: &Job,
    bench: Bench,
    setup: u32,
    dir: &mut RunDir,
    interrupt: &InterruptFlag,
    observer: &mut dyn Observer,
    offset_s: f64,
) -> Result<Bench, Fault> {
    let at = RunTime::from_nanos((offset_s * 1e9) as u64);
    by_hand(job, setup, at, dir, observer)?;
    drop(bench);
    open(job, setup, interrupt).map_err(|error| Fault::Lost { role: error.role, reason: error.to_string() })
}

/// Keeps what was decided before the run.
fn note(job: &Job, dir: &mut RunDir) -> Result<(), Fault> {
    for check in &job.notes {
        let text = format!("{}: {}", check.name, check.detail);
        dir.event(RunTime::ZERO, "check", &text, json!(check)).map_err(|error| Fault::Record(error.to_string()))?;
    }
    Ok(())
}

/// What a person does before a setup is measured: fresh phantom, then the cartridge and its identity, or in a gauge
/// study the operator who mounts the pen anew.
fn by_hand(job: &Job, setup: u32, at: RunTime, dir: &mut RunDir, observer: &mut dyn Observer) -> Result<(), Fault> {
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
    for step in steps {
        let done = observer.have_done(&step).map_err(Fault::Procedure)?;
        operator::record(dir, at, &step, &done).map_err(|error| Fault::Record(error.to_string()))?;
    }
    Ok(())
}

struct Campaign<'a> {
    job: &'a Job,
    dir: &'a mut RunDir,
    observer: &'a mut dyn Observer,
    /// Which cartridge, or which operator of a gauge study; from 0.
    setup: u32,
    /// Bench time of the setups before, s.
    offset_s: f64,
}

impl Campaign<'_> {
    fn at(&self, bench: &mut Bench) -> RunTime {
        bench.now() + std::time::Duration::from_secs_f64(self.offset_s)
    }

    fn event(&mut self, bench: &mut Bench, event: &str, text: &str, data: Value) -> Result<(), Fault> {
        let at = self.at(bench);
        self.dir.event(at, event, text, data).map_err(|error| Fault::Record(error.to_string()))
    }

    fn setup(&mut self, bench: &mut Bench, identities: &mut Vec<(Role, Identity)>) -> Result<(), Fault> {
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
        self.prepare(bench, identities)?;
        say(self.observer, "home and seek the face".to_owned(), done_s);
        bench.home()?;
        self.event(bench, "phase", "stage homed", Value::Null)?;
        if let (0, Some(operator)) = (self.setup, self.job.operator(0)) {
            let text = format!("{operator} is the first operator");
            self.event(bench, "operator", &text, json!({"operator": operator}))?;
        }
        let mut sites = Sites::after(self.job.sites_before(self.setup));
        let mut face_mm = None;
        let mut armed = None;
        for (step, expected_s) in steps.iter().zip(expected) {
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

    fn prepare(&mut self, bench: &mut Bench, identities: &mut Vec<(Role, Identity)>) -> Result<(), Fault> {
        *identities = bench.identify()?;
        for (role, identity) in identities.iter() {
            let Identity { model, serial, firmware } = identity;
            let text = format!("{}: {model}, serial {serial}, firmware {firmware}", role.name());
            self.event(bench, "identity", &text, json!({"role": role.name(), "identity": identity}))?;
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
        let header = self.header(bench, step, &name);
        let (calibration, zero_counts) = (bench.calibration().clone(), (bench.zero_counts(), bench.z_zero_counts()));
        let writer = CaptureWriter::new(&self.dir.captures(), &name, &header, &calibration, zero_counts)
            .map_err(|error| Fault::Record(error.to_string()))?;
        let recorder: Box<dyn Recorder> = Box::new(writer);
        self.event(bench, "phase", &step.text(), json!({"capture": name}))?;
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
        self.event(bench, "captured", &text, json!({"capture": name, "samples_lost": lost}))?;
        Ok(face_mm)
    }

    fn header(&self, bench: &Bench, step: &Step, name: &str) -> Header {
        let calibration = bench.calibration();
        let rig = bench.rig();
        let resolution_n =
            rig.force.gauge.as_ref().map_or(calibration.force.n_per_count.abs(), |gauge| gauge.resolution_n);
        Header {
            schema: "capture/1".to_owned(),
            kind: if matches!(step, Step::Run { .. }) { Kind::Dynamic } else { Kind::Press },
            data: format!("{name}.rigc"),
            sample_rate_hz: bench.sample_rate_hz(),
            set_depth_mm: Some(step.set_depth_mm()),
            needles: Some(self.job.cartridge.value.needles),
            compliance_mm_per_n: calibration.compliance.mm_per_n,
            compliance_u_mm_per_n: Some(calibration.compliance.u_mm_per_n),
            force: Some(ForceChannel {
                natural_hz: calibration.response.natural_hz,
                damping: calibration.response.damping,
                resolution_n,
                range_n: Some(calibration.force.range_n),
                natural_u_hz: Some(calibration.response.natural_u_hz),
                damping_u: Some(calibration.response.damping_u),
                scale_u: Some(calibration.force.scale_u),
            }),
            stage: Some(StageChannel {
                resolution_mm: calibration.encoder.mm_per_count,
                scale_u_mm: Some(calibration.encoder.scale_u_mm),
            }),
            gauge: calibration.repeatability.as_ref().map(|found| GaugeStudy {
                repeatability_u_mm: found.u_mm,
                repeatability_dof: found.df,
                reproducibility_u_mm: found.reproducibility_u_mm,
                reproducibility_dof: found.reproducibility_df,
            }),
            stroke_rate_hz: match *step {
                Step::Run { stroke_rate_hz, .. } => Some(stroke_rate_hz),
                Step::Press { .. } | Step::Reference { .. } => None,
            },
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
