//! Drivers: each device a session, a state machine that turns requests into bytes and bytes into state.
//!
//! A session never waits and reads no clock: the bench hands it bytes and the time, asks when it wants to be woken,
//! and sends what it puts out. So the same session runs on serial ports, in simulation and in tests.
//!
//! Invariant: a reply is believed only if it answers the request that is pending; late, repeated and foreign replies
//! are counted and ignored.
//! Deliberately absent: sequences over several devices (`procedure`), limits (`bench`).

pub mod arrival;
pub mod bench_link;
pub mod force_bench_link;
pub mod force_line;
pub mod force_mark10;
pub mod force_mt_sics;
pub mod gauge;
pub mod grbl_controller;
pub mod lines;
pub mod opening;
pub mod pen_bench_link;
pub mod pen_console;
pub mod poll;
pub mod stage_grbl;
pub mod stage_zaber;

use crate::{config::rig::Axis, link::Role, time::RunTime};
use std::time::Duration;

/// Who a device says that it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// Model or role, in words.
    pub model: String,
    /// Serial number or unique id.
    pub serial: String,
    /// Firmware version.
    pub firmware: String,
}

/// What a device did that ends a run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DeviceFault {
    /// No answer within the deadline.
    #[error("{} did not answer {command} within {} ms in {attempts} attempts ({bytes} bytes came in all); check power, cable and baud rate", .role.name(), .waited.as_millis())]
    Silent {
        /// The device.
        role: Role,
        /// The request.
        command: String,
        /// Time allowed for one attempt.
        waited: Duration,
        /// Attempts made.
        attempts: u32,
        /// Bytes received since the session began.
        bytes: u64,
    },
    /// Another device than the one that is wanted.
    #[error("the port of the {} answers as something else: {found}; check which cable is in which port (`rig ports`)", .role.name())]
    WrongDevice {
        /// The device wanted.
        role: Role,
        /// What answered.
        found: String,
    },
    /// The device refused a request.
    #[error("{} refused {command}: {reason}", .role.name())]
    Refused {
        /// The device.
        role: Role,
        /// The request.
        command: String,
        /// Its reason.
        reason: String,
    },
    /// The device reports a fault of its own, or is no longer in the state that it was put into.
    #[error("{}: {reason}", .role.name())]
    Failed {
        /// The device.
        role: Role,
        /// What it reports, and what to do.
        reason: String,
    },
}

/// What every session does for the bench.
pub trait Session {
    /// Takes received bytes.
    fn receive(&mut self, at: RunTime, bytes: &[u8]);

    /// Does what is due at `now`: time-outs, polls, heartbeats.
    fn tick(&mut self, now: RunTime);

    /// When [`Session::tick`] is next due.
    fn next_tick(&self) -> Option<RunTime>;

    /// The next bytes to send, and whether they are urgent.
    fn transmit(&mut self) -> Option<(Vec<u8>, bool)>;

    /// Whether a request waits for its reply.
    fn busy(&self) -> bool;

    /// The first fault since the last call.
    fn take_fault(&mut self) -> Option<DeviceFault>;

    /// Who the device is, once it has said so.
    fn identity(&self) -> Option<&Identity>;

    /// Asks the device who it is. Moves nothing.
    fn identify(&mut self, now: RunTime);

    /// Bytes, lines or frames that could not be used, in words; empty where there were none.
    fn damage(&self) -> String;
}

/// What a pen reports of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PenState {
    /// Nothing is known yet.
    Unknown,
    /// At rest, will not move before it is armed.
    Safe,
    /// At rest, may move on request.
    Armed,
    /// Stroking.
    Running,
    /// Needles held retracted.
    HeldIn,
    /// Needles held extended.
    HeldOut,
}

/// A pen under test.
pub trait Pen: Session {
    /// Tells stroke rate (Hz) and set depth (mm).
    fn set(&mut self, now: RunTime, stroke_rate_hz: f64, set_depth_mm: f64);
    /// Clears the faults that the pen has kept from an earlier run.
    fn acknowledge(&mut self, now: RunTime);
    /// Asks for permission to move, kept alive by heartbeats until [`Pen::stop`].
    fn arm(&mut self, now: RunTime);
    /// Motor on or off.
    fn run(&mut self, now: RunTime, on: bool);
    /// Needles at rest, extended or retracted.
    fn hold(&mut self, now: RunTime, out: bool);
    /// Stops and disarms. Urgent, and possible in every state.
    fn stop(&mut self, now: RunTime);
    /// The state that the pen last reported.
    fn state(&self) -> PenState;
    /// When the pen last answered with its state. What it says by itself shows that it speaks, not that it hears.
    fn reported(&self) -> RunTime;
    /// How long after the last word of the host an armed pen stops by itself, at most; `None`: never.
    fn lease(&self) -> Option<Duration>;
    /// Since when that lease runs for certain, while the pen is armed: when the last request that renews it and was
    /// acknowledged was first sent. `None` where there is no lease.
    fn renewed(&self) -> Option<RunTime>;
}

/// A motorised stage.
pub trait Stage: Session {
    /// Finds the reference position of every axis, after clearing the flags that it has kept from an earlier run.
    fn home(&mut self, now: RunTime);
    /// Moves an axis to a position (mm) at a speed (mm/s).
    fn move_to(&mut self, now: RunTime, axis: Axis, target_mm: f64, speed_mm_s: f64);
    /// Goes to the far end from the pen: to position 0 at a speed (mm/s), or on to the home switch of that axis alone
    /// where positions are not referenced.
    fn withdraw(&mut self, now: RunTime, speed_mm_s: f64);
    /// Stops all axes. Urgent, and possible in every state.
    fn stop(&mut self, now: RunTime);
    /// Whether an axis moves, as last reported; true until a report says otherwise.
    fn moving(&self) -> bool;
    /// Position of an axis as last reported, mm.
    fn position_mm(&self, axis: Axis) -> Option<f64>;
    /// Whether the positions are referenced.
    fn homed(&self) -> bool;
    /// Whether one axis can be told to move while another does; else the motions follow each other.
    fn axes_are_independent(&self) -> bool;
    /// The last report of z, with its times; `None` before the first.
    fn report(&self) -> Option<Report>;
}

/// What a stage that was polled said of z, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// When the question was put out: the position is not older.
    pub asked: RunTime,
    /// When the answer was in: the position is not newer.
    pub answered: RunTime,
    /// Position by the stage's own count, mm.
    pub z_mm: f64,
    /// Whether any axis moved.
    pub moving: bool,
}

/// What ties a force to a time and a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// The device's own clock and the stage's encoder, both latched with the force.
    Latched {
        /// Device time, µs, unwrapped; equal steps of the sample period where nothing was lost.
        device_us: u64,
        /// Stage encoder z, counts.
        z_counts: i32,
    },
    /// Nothing but the host's clock: the bench finds the place.
    Separate {
        /// When the force was what the value says, as well as the host can tell.
        at: RunTime,
        /// Standard uncertainty of `at`, without that of a constant delay.
        u: Duration,
    },
}

/// One value of a force device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForceSample {
    /// Force, counts.
    pub force_counts: i32,
    /// Its time and place.
    pub tie: Tie,
}

/// A force device that sends values at a steady rate.
pub trait ForceDaq: Session {
    /// Starts the stream at a sample rate (Hz).
    fn start(&mut self, now: RunTime, sample_rate_hz: f64);
    /// Ends the stream.
    fn end(&mut self, now: RunTime);
    /// The sample period in force, µs; `None` while nothing streams.
    fn period_us(&self) -> Option<u32>;
    /// Moves the samples received since the last call to the end of `samples`.
    fn drain(&mut self, samples: &mut Vec<ForceSample>);
    /// Samples that are known to have been lost since the stream began.
    fn lost(&self) -> u64;
    /// Whether the device has flagged an overload since the stream began.
    fn overloaded(&self) -> bool;
}
