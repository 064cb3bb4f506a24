//! Why a run ended before its time, and what to do next.

use super::guard::Trip;
use crate::{
    device::DeviceFault,
    link::{LinkError, Role, interrupt::Interrupt},
};
use std::time::Duration;

/// What ends a run in the safe state.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// A signal.
    #[error("interrupted by {}", match .0 { Interrupt::Int => "SIGINT", Interrupt::Term => "SIGTERM" })]
    Interrupted(Interrupt),
    /// A port is gone.
    #[error("{}: {reason}", .role.name())]
    Lost {
        /// The device.
        role: Role,
        /// What the system said.
        reason: String,
    },
    /// A device failed.
    #[error(transparent)]
    Device(DeviceFault),
    /// Bytes could not be sent.
    #[error(transparent)]
    Link(LinkError),
    /// A hard limit was crossed.
    #[error(transparent)]
    Trip(Trip),
    /// The force stream stopped.
    #[error("no force sample for {} ms; without force nothing may move", .age.as_millis())]
    Stale {
        /// Age of the last sample.
        age: Duration,
    },
    /// The stage did not say where it is while forces came.
    #[error("the stage has not told its position for {} ms; a force without its place is no measurement", .age.as_millis())]
    Unplaced {
        /// Age of the force that waits for its place.
        age: Duration,
    },
    /// This program stood still while the pen was armed.
    #[error("this program stood still for {} ms while the pen was armed: its lease may have lapsed", .late.as_millis())]
    Late {
        /// How late it woke.
        late: Duration,
    },
    /// Something did not happen in time.
    #[error("{what} did not end within {:.1} s", .allowed.as_secs_f64())]
    Deadline {
        /// What was waited for.
        what: String,
        /// Time allowed.
        allowed: Duration,
    },
    /// A check before the run failed.
    #[error("{0}")]
    Check(String),
    /// A procedure found the bench other than it must be.
    #[error("{0}")]
    Procedure(String),
    /// What was measured could not be recorded.
    #[error("the record cannot be written: {0}")]
    Record(String),
    /// The program itself failed.
    #[error("internal failure: {0}")]
    Panic(String),
}

impl Fault {
    /// What kind of end this is, in one word, for the journal.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Interrupted(_) => "interrupted",
            Self::Lost { .. } | Self::Link(_) => "lost",
            Self::Device(_) => "device",
            Self::Trip(_) => "interlock",
            Self::Stale { .. } | Self::Unplaced { .. } => "stale",
            Self::Late { .. } => "late",
            Self::Deadline { .. } => "deadline",
            Self::Check(_) => "check",
            Self::Procedure(_) => "procedure",
            Self::Record(_) => "record",
            Self::Panic(_) => "internal",
        }
    }

    /// What the engineer at the bench should do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Interrupted(_) => "`rig resume` goes on from what was measured, which is in the run directory",
            Self::Lost { .. } | Self::Link(_) => "check the cable and the supply of that device, then run `rig check`",
            Self::Device(_) | Self::Stale { .. } | Self::Unplaced { .. } => "look at that device, then run `rig check`",
            Self::Late { .. } => "end what keeps this machine busy or puts it to sleep, then run again",
            Self::Trip(Trip::Force { .. } | Trip::Overload) => {
                "look for an obstacle or a phantom that stands too high; the limit is limits.force_max_n in the rig file"
            }
            Self::Trip(Trip::Travel { .. }) => {
                "check that the phantom is in place; the limit is limits.travel_max_mm in the rig file"
            }
            Self::Trip(Trip::Speed { .. }) => {
                "check the stage's speed setting and its scale: microstep_mm in the rig file, steps/mm ($100 to $102) and seek rate ($25) of a GRBL controller"
            }
            Self::Trip(Trip::Lease { .. }) => {
                "look before you reach in; check the pen's cable and supply, and what keeps this machine busy, then run `rig check`"
            }
            Self::Deadline { .. } => "check that nothing blocks the stage and that the pen's cartridge is seated",
            Self::Check(_) | Self::Procedure(_) => "run `rig check` and look at the failing line",
            Self::Record(_) => {
                "see that the folder is there and the disk has room, then go on with `rig resume`; or begin again with another --out"
            }
            Self::Panic(_) => "this is a defect of rig; please report it with the run directory",
        }
    }
}
