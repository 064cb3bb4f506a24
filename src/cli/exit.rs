//! Exit codes of the contract, and failures that carry one.

use crate::{acceptance::Verdict, config::library::LoadError, link::interrupt::Interrupt, record::RecordError};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Accepted, or done.
    Done = 0,
    /// Rejected: measured, valid, outside the criteria.
    Rejected = 1,
    /// Usage or configuration error; nothing was moved.
    Usage = 2,
    /// Rig fault; the safe state was confirmed.
    Fault = 3,
    /// Too little, or invalid, data for a decision.
    Inconclusive = 4,
    /// An archive is not what it claims.
    Integrity = 5,
    /// The safe state could not be confirmed.
    Unsafe = 6,
    /// SIGINT; the safe state was confirmed.
    Interrupted = 130,
    /// SIGTERM; the safe state was confirmed.
    Terminated = 143,
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accept => Self::Done,
            Verdict::Reject => Self::Rejected,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Aborted => Self::Fault,
        }
    }
}

impl From<Interrupt> for Exit {
    fn from(interrupt: Interrupt) -> Self {
        match interrupt {
            Interrupt::Int => Self::Interrupted,
            Interrupt::Term => Self::Terminated,
        }
    }
}

/// A command that did not do what it was asked.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened and what to do.
    pub message: String,
}

impl Failure {
    /// A usage or configuration error.
    pub fn usage(message: impl ToString) -> Self {
        Self { exit: Exit::Usage, message: message.to_string() }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Config(error) => Self::usage(error.rendered),
            other => Self::usage(other),
        }
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        Self::usage(error)
    }
}
