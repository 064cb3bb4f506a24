//! The bench: three devices on one link, pumped by one loop that no procedure can bypass.
//!
//! Procedures are straight-line code over [`Bench`]; every wait of theirs is [`Bench::pump`], which hands bytes to
//! the sessions, checks every sample against the hard limits, and records what is to be recorded.
//!
//! Invariant: no sample reaches a procedure before [`guard::Guard`] has seen it.
//! Deliberately absent: what to measure (`procedure`), what to do with it (`run`).

pub mod fault;
pub mod guard;
pub mod motion;
pub mod opening;
pub mod pairing;
pub mod safe;

use crate::{
    capture::{Phase, compact::NOT_READ},
    config::{calibration::Calibration, rig::Rig},
    device::{ForceDaq, ForceSample, Pen, PenState, Session, Stage, Tie},
    link::{Link, Role, Wake, interrupt::InterruptFlag},
    time::RunTime,
};
use fault::Fault;
use guard::Guard;
use pairing::{Pairing, Waiting};
use std::time::Duration;

/// Oldest force sample that is tolerated while a stream is expected, once all that has arrived is read.
const SAMPLE_AGE_MAX: Duration = Duration::from_millis(300);
/// The same in sample periods, for slow devices.
const SAMPLE_AGE_MAX_PERIODS: u32 = 4;
/// Oldest force sample that is tolerated while other devices' bytes still wait: theirs may stand before it.
const SAMPLE_AGE_IN_FLOOD_MAX: Duration = Duration::from_millis(600);

/// A force sample with its place, in counts, as it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Time, µs: of the device where it latches the stage's encoder, else of the host.
    pub time_us: u64,
    /// Force, counts.
    pub force_counts: i32,
    /// Stage z, encoder counts; [`NOT_READ`] where it was not known.
    pub z_counts: i32,
}

/// How late this program may wake while the pen is armed. Its heartbeats are then overdue and the lease lapses.
const LATE_MAX: Duration = Duration::from_millis(350);

/// A force sample in units: force against the reference zero, position of the stage's encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Time, s: of the device where it latches the stage's encoder, else of the host.
    pub t_s: f64,
    /// Force, N, positive in compression.
    pub force_n: f64,
    /// Stage position towards the pen, mm; NaN where it was not known.
    pub stage_mm: f64,
}

/// Where recorded samples go.
pub trait Recorder {
    /// Takes one sample of a phase.
    ///
    /// # Errors
    ///
    /// A message where it could not be recorded; the run ends, since a verdict without its data is void.
    fn record(&mut self, phase: Phase, sample: &Sample) -> Result<(), String>;

    /// Brings everything to disk.
    ///
    /// # Errors
    ///
    /// A message, as for [`Recorder::record`].
    fn finish(self: Box<Self>) -> Result<(), String>;
}

/// The devices of a bench.
pub struct Devices {
    /// The pen under test.
    pub pen: Box<dyn Pen>,
    /// The stage.
    pub stage: Box<dyn Stage>,
    /// The force device.
    pub force: Box<dyn ForceDaq>,
}

/// A bench in operation.
pub struct Bench {
    link: Box<dyn Link>,
    /// Those that are there.
    roles: Vec<Role>,
    /// The devices; procedures use them through the methods of this type.
    devices: Devices,
    guard: Guard,
    rig: Rig,
    calibration: Calibration,
    interrupt: InterruptFlag,
    /// Force counts of the zero that readings are told against.
    zero_counts: f64,
    /// Force counts of the first zero: limits are judged against it, and no taring moves it.
    reference_counts: Option<f64>,
    /// Encoder counts where the stage calls its position zero, from homing on: the two count from places of their own.
    z_zero_counts: f64,
    /// Whether the force device latches the stage's encoder, as its last sample shows.
    latched: bool,
    recording: Option<(Phase, Box<dyn Recorder>)>,
    arrived: Vec<ForceSample>,
    pairing: Pairing,
    fresh: Vec<Reading>,
    bytes: Vec<u8>,
    streaming_since: Option<RunTime>,
    /// Whether anything was told to move or to arm.
    moved: bool,
    /// How long this program stood still while the pen was armed, where it did.
    late: Option<Duration>,
}

impl Bench {
    /// A bench on a link; nothing is sent yet.
    pub fn new(
        link: Box<dyn Link>,
        devices: Devices,
        rig: Rig,
        calibration: Calibration,
        interrupt: InterruptFlag,
    ) -> Self {
        let guard = Guard::new(rig.limits.clone());
        Self {
            link,
            roles: Role::ALL.to_vec(),
            devices,
            guard,
            rig,
            calibration,
            interrupt,
            zero_counts: 0.0,
            reference_counts: None,
            z_zero_counts: 0.0,
            latched: false,
            recording: None,
            arrived: Vec::new(),
            pairing: Pairing::default(),
            fresh: Vec::new(),
            bytes: Vec::new(),
            streaming_since: None,
            moved: false,
            late: None,
        }
    }

    /// The same, with one device alone: nothing is sent to the others.
    pub fn only(mut self, role: Role) -> Self {
        self.roles = vec![role];
        self
    }

    /// Time since the run began.
    pub fn now(&mut self) -> RunTime {
        self.link.now()
    }

    /// The rig file.
    pub fn rig(&self) -> &Rig {
        &self.rig
    }

    /// The calibration record.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Whether anything was told to move or to arm.
    pub fn moved(&self) -> bool {
        self.moved
    }

    /// Force counts of the reference zero.
    pub fn zero_counts(&self) -> f64 {
        self.zero_counts
    }

    /// Encoder counts of the stage's position zero.
    pub fn z_zero_counts(&self) -> f64 {
        self.z_zero_counts
    }

    /// Readings that the last [`Bench::pump`] brought.
    pub fn fresh(&self) -> &[Reading] {
        &self.fresh
    }

    /// Sends samples of `phase` to the recorder from now on, in place of the one before.
    pub fn record(&mut self, phase: Phase, recorder: Box<dyn Recorder>) {
        self.recording = Some((phase, recorder));
    }

    /// Changes the phase of what is recorded.
    pub fn phase(&mut self, phase: Phase) {
        if let Some((current, _)) = &mut self.recording {
            *current = phase;
        }
    }

    /// Ends the recording and brings it to disk.
    ///
    /// # Errors
    ///
    /// [`Fault::Record`].
    pub fn end_record(&mut self) -> Result<(), Fault> {
        match self.recording.take() {
            Some((_, recorder)) => recorder.finish().map_err(Fault::Record),
            None => Ok(()),
        }
    }

    /// Waits for one thing to happen, at the latest until `deadline`, and deals with it.
    ///
    /// # Errors
    ///
    /// [`Fault`]: the run must end in the safe state.
    pub fn pump(&mut self, deadline: RunTime) -> Result<(), Fault> {
        self.fresh.clear();
        if let Some(interrupt) = self.interrupt.get() {
            return Err(Fault::Interrupted(interrupt));
        }
        let judged_at = [self.stale_at(), self.lease_end()].into_iter().flatten().min();
        let quiet = self.exchange(deadline, judged_at)?;
        self.take_samples(quiet)?;
        for session in self.sessions() {
            if let Some(fault) = session.take_fault() {
                return Err(Fault::Device(fault));
            }
        }
        if let Some(late) = self.late.take() {
            return Err(Fault::Late { late });
        }
        let now = self.link.now();
        match self.devices.pen.renewed().zip(self.devices.pen.lease()) {
            Some((renewed, lease)) => self.guard.check_lease(now.since(renewed), lease).map_err(Fault::Trip),
            None => Ok(()),
        }
    }

    /// When the last force sample is too old, where none comes before.
    fn stale_at(&self) -> Option<RunTime> {
        self.streaming_since.map(|since| since + self.age_max(SAMPLE_AGE_MAX))
    }

    /// When the lease of an armed pen ends, where nothing renews it before.
    fn lease_end(&self) -> Option<RunTime> {
        self.devices.pen.renewed().zip(self.devices.pen.lease()).map(|(renewed, lease)| renewed + lease)
    }

    /// Oldest sample that is tolerated: so old, or so many periods of a slow device.
    fn age_max(&self, least: Duration) -> Duration {
        let period = Duration::from_micros(self.devices.force.period_us().unwrap_or(0).into());
        least.max(period * SAMPLE_AGE_MAX_PERIODS)
    }

    /// Bytes out, bytes in, clocks of the sessions; judges nothing, but wakes when there is something to judge. Whether all
    /// that has arrived is read.
    fn exchange(&mut self, deadline: RunTime, judged_at: Option<RunTime>) -> Result<bool, Fault> {
        self.transmit()?;
        let due = self.sessions().into_iter().filter_map(|session| session.next_tick()).min();
        let mut bytes = std::mem::take(&mut self.bytes);
        let until = due.map_or(deadline, |due| due.min(deadline));
        let wake = self.link.wait(judged_at.map_or(until, |at| at.min(until)), &mut bytes);
        let now = self.link.now();
        let armed = !matches!(self.devices.pen.state(), PenState::Safe | PenState::Unknown);
        if armed && now.since(until) > LATE_MAX {
            self.late = Some(now.since(until));
        }
        if let Wake::Bytes(role) = wake {
            self.session(role).receive(now, &bytes);
        }
        self.bytes = bytes;
        for session in self.sessions() {
            session.tick(now);
        }
        let quiet = wake == Wake::Deadline;
        if let Wake::Lost(role, reason) = wake {
            return Err(Fault::Lost { role, reason });
        }
        self.transmit().map(|()| quiet)
    }

    fn transmit(&mut self) -> Result<(), Fault> {
        let mut sent = Ok(());
        for role in Role::ALL {
            if !self.roles.contains(&role) {
                continue;
            }
            while let Some((bytes, urgent)) = self.session(role).transmit() {
                // A device that takes no bytes must not keep the others from their STOP.
                sent = sent.and(self.link.send(role, &bytes, urgent).map_err(Fault::Link));
            }
        }
        sent
    }

    fn take_samples(&mut self, quiet: bool) -> Result<(), Fault> {
        let mut arrived = std::mem::take(&mut self.arrived);
        arrived.clear();
        self.devices.force.drain(&mut arrived);
        let now = self.link.now();
        if !arrived.is_empty() {
            self.streaming_since = self.streaming_since.map(|_| now);
        }
        for sample in &arrived {
            match sample.tie {
                Tie::Latched { device_us, z_counts } => {
                    self.latched = true;
                    let sample = Sample { time_us: device_us, force_counts: sample.force_counts, z_counts };
                    let reading = self.recorded(&sample)?;
                    self.guard.check_force(self.limited_force_n(sample.force_counts)).map_err(Fault::Trip)?;
                    self.guard.check_motion(&reading).map_err(Fault::Trip)?;
                    self.fresh.push(reading);
                }
                Tie::Separate { at, u } => {
                    // A force too large is one wherever the stage stands.
                    self.guard.check_force(self.limited_force_n(sample.force_counts)).map_err(Fault::Trip)?;
                    self.pairing.push(Waiting { at, force_counts: sample.force_counts }, u);
                }
            }
        }
        self.arrived = arrived;
        self.take_pairs()?;
        if self.devices.force.overloaded() {
            return Err(Fault::Trip(guard::Trip::Overload));
        }
        let age_max = self.age_max(if quiet { SAMPLE_AGE_MAX } else { SAMPLE_AGE_IN_FLOOD_MAX });
        if let Some(age) = self.streaming_since.map(|since| now.since(since)).filter(|age| *age >= age_max) {
            return Err(Fault::Stale { age });
        }
        match self.pairing.oldest().map(|at| now.since(at)).filter(|age| *age > age_max + SAMPLE_AGE_MAX) {
            Some(age) => Err(Fault::Unplaced { age }),
            None => Ok(()),
        }
    }

    /// Takes the samples of a separate force device whose place is known by now.
    fn take_pairs(&mut self) -> Result<(), Fault> {
        // Before the reference is found, a count of the stage is no position.
        if let Some(report) = self.devices.stage.report().filter(|_| self.devices.stage.homed()) {
            self.pairing.reported(&report);
        }
        while let Some((value, z_mm)) = self.pairing.next_pair() {
            let z_counts = (z_mm / self.calibration.encoder.mm_per_count).round();
            let reading = self.recorded(&Sample {
                time_us: value.at.as_nanos() / 1000,
                force_counts: value.force_counts,
                z_counts: if z_counts.is_finite() { z_counts as i32 } else { NOT_READ },
            })?;
            self.guard.check_motion(&reading).map_err(Fault::Trip)?;
            self.fresh.push(reading);
        }
        Ok(())
    }

    /// Records a sample where that is asked for; its reading.
    fn recorded(&mut self, sample: &Sample) -> Result<Reading, Fault> {
        if let Some((phase, recorder)) = &mut self.recording {
            recorder.record(*phase, sample).map_err(Fault::Record)?;
        }
        Ok(Reading {
            t_s: sample.time_us as f64 * 1e-6,
            force_n: self.force_n(sample.force_counts),
            stage_mm: match sample.z_counts {
                NOT_READ => f64::NAN,
                counts => (f64::from(counts) - self.z_zero_counts) * self.calibration.encoder.mm_per_count,
            },
        })
    }

    fn force_n(&self, counts: i32) -> f64 {
        (f64::from(counts) - self.zero_counts) * self.calibration.force.n_per_count
    }

    /// The force that limits are judged by: against the reference zero, whatever was tared since.
    fn limited_force_n(&self, counts: i32) -> f64 {
        let reference_counts = self.reference_counts.unwrap_or(self.zero_counts);
        (f64::from(counts) - reference_counts) * self.calibration.force.n_per_count
    }

    fn session(&mut self, role: Role) -> &mut dyn Session {
        match role {
            Role::Pen => &mut *self.devices.pen,
            Role::Stage => &mut *self.devices.stage,
            Role::Force => &mut *self.devices.force,
        }
    }

    fn sessions(&mut self) -> [&mut dyn Session; 3] {
        [&mut *self.devices.pen, &mut *self.devices.stage, &mut *self.devices.force]
    }

    /// Pumps until `done`, or fails after `allowed`.
    ///
    /// # Errors
    ///
    /// [`Fault`], with [`Fault::Deadline`] naming `what` where the time is up.
    pub fn wait(
        &mut self,
        what: &str,
        allowed: Duration,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), Fault> {
        let deadline = self.now() + allowed;
        loop {
            if done(self) {
                return Ok(());
            }
            if self.now() >= deadline {
                return Err(Fault::Deadline { what: what.to_owned(), allowed });
            }
            self.pump(deadline)?;
        }
    }

    /// Pumps for a span of time and hands every reading to `take`.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn observe(&mut self, span: Duration, mut take: impl FnMut(&Reading)) -> Result<(), Fault> {
        let deadline = self.now() + span;
        // Pumps once even for no time at all: a loop around this sees signals and limits whatever its spans are.
        loop {
            self.pump(deadline)?;
            self.fresh.iter().for_each(&mut take);
            if self.now() >= deadline {
                return Ok(());
            }
        }
    }
}
