//! The one way into the world: bytes and time.
//!
//! Three kinds: serial ports and sockets ([`serial`], [`tcp`]), the simulated bench in virtual time (`sim::link`), and whatever a test
//! scripts. Drivers, procedures and reports cannot tell which.
//!
//! Invariant: only a link hands out [`RunTime`], and never an earlier one than before.
//! Deliberately absent: protocols, and any notion of what the bytes mean.

pub mod interrupt;
pub mod port;
pub mod serial;
pub mod tape;
pub mod tcp;

use crate::time::RunTime;

/// Which device of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The pen under test.
    Pen,
    /// The motorised stage.
    Stage,
    /// The force data acquisition.
    Force,
}

impl Role {
    /// All devices of a bench, in the order in which they are stopped.
    pub const ALL: [Role; 3] = [Role::Pen, Role::Stage, Role::Force];

    /// Name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pen => "pen",
            Self::Stage => "stage",
            Self::Force => "force device",
        }
    }
}

/// Why a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Bytes of this device are in the caller's buffer.
    Bytes(Role),
    /// The port is gone.
    Lost(Role, String),
    /// The deadline passed first.
    Deadline,
}

/// Bytes that could not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", .role.name())]
pub struct LinkError {
    /// The device.
    pub role: Role,
    /// What happened and what to do.
    pub message: String,
}

/// What is done by hand at a bench, for a calibration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hand {
    /// Leaves this force on the cell, N, in place of what stood there; 0 empties it.
    Weight(f64),
    /// Puts a hard stop where the phantom was.
    HardStop,
    /// Puts the phantom back.
    Phantom,
    /// Taps the cell once with a light hard object.
    Tap,
}

/// Bytes and time of a whole bench.
pub trait Link {
    /// Whether this world does by itself what else a person must do. Real benches do not.
    fn by_hand(&mut self, _hand: Hand) -> bool {
        false
    }

    /// Time since the run began.
    fn now(&mut self) -> RunTime;

    /// Queues bytes for a device. Urgent bytes (STOP) overtake everything that waits, and never wait for a device
    /// that does not read.
    ///
    /// # Errors
    ///
    /// [`LinkError`] where the port is gone or its queue is full.
    fn send(&mut self, role: Role, bytes: &[u8], urgent: bool) -> Result<(), LinkError>;

    /// Waits until something happens, at the latest until `deadline`; received bytes replace what `bytes` held.
    fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake;
}
