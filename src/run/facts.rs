//! How a run ended, read from its journal: what a verdict says besides figures.

use super::position::Position;
use crate::{bench::safe::SafeState, device::Identity, record::journal::Log};
use std::collections::BTreeMap;

/// What the journal tells of a run's end.
pub struct Facts {
    /// Why it ended before its time, and what to do, if it did.
    pub fault: Option<String>,
    /// State of the bench.
    pub safe: String,
    /// Devices by role.
    pub identities: BTreeMap<String, Identity>,
    /// Program that began the run.
    pub program: String,
    /// Bench time, s.
    pub bench_time_s: f64,
}

impl Facts {
    /// The facts at the end of a journal.
    pub fn of(log: &Log, position: &Position) -> Self {
        let began = log.events.iter().rposition(|event| event.event == "resumed").unwrap_or(0);
        let fault = log.events[began..].iter().rev().find(|event| event.event == "fault");
        let safe = log.last("safe-state");
        Self {
            fault: fault
                .map(|event| format!("{}. Next: {}", event.text, event.data["hint"].as_str().unwrap_or_default())),
            safe: safe.map_or_else(|| SafeState::untouched().text(), |event| event.text.clone()),
            identities: position.identities.clone(),
            program: log.events.first().and_then(|event| event.data["program"].as_str()).unwrap_or("?").to_owned(),
            bench_time_s: position.bench_time_s,
        }
    }
}
