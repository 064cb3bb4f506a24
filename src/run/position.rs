//! How far a run has come, read from its journal: what a resumed run need not do again.

use super::{job::Job, schedule::steps};
use crate::{device::Identity, record::journal::Log};
use std::collections::{BTreeMap, BTreeSet};

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Position {
    /// Setup (cartridge, or operator of a gauge study; from 0) to go on with; `None` where nothing is left to move.
    pub setup: Option<u32>,
    /// Steps that an operator has done.
    pub by_hand: BTreeSet<String>,
    /// Captures that are whole: the journal holds the digest of their data.
    pub captured: BTreeSet<String>,
    /// Captures that were begun.
    pub begun: BTreeSet<String>,
    /// Sites used up on each phantom, which goes with a cartridge.
    pub sites_used: BTreeMap<u32, u32>,
    /// Bench time so far, s.
    pub bench_time_s: f64,
    /// How often the run was resumed before.
    pub sessions: u32,
    /// The devices by role, as they named themselves last.
    pub identities: BTreeMap<String, Identity>,
}

impl Position {
    /// The position of a run that has not begun.
    pub fn start() -> Self {
        Self { setup: Some(0), ..Self::default() }
    }

    /// The position at the end of a journal.
    pub fn of(log: &Log, job: &Job) -> Self {
        let mut position = Self::default();
        // By setup, the captures that were whole when the bench was last confirmed safe.
        let mut safe_with: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
        for event in &log.events {
            position.bench_time_s = position.bench_time_s.max(event.t_s);
            let text = |key: &str| event.data[key].as_str().map(str::to_owned);
            let number = |key: &str| event.data[key].as_u64().and_then(|number| u32::try_from(number).ok());
            let setup = number("setup").unwrap_or_default();
            match event.event.as_str() {
                "resumed" => position.sessions += 1,
                "identity" => {
                    let identity = serde_json::from_value(event.data["identity"].clone()).ok();
                    position.identities.extend(text("role").zip(identity));
                }
                "operator" => position.by_hand.extend(text("step")),
                "phase" => {
                    let used = position.sites_used.entry(job.cartridge_of(setup)).or_default();
                    *used = number("sites_used").unwrap_or_default().max(*used);
                    position.begun.extend(text("capture"));
                }
                "captured" if event.data["sha256"].is_string() => position.captured.extend(text("capture")),
                "safe-state" if event.data["confirmed"] == true => {
                    safe_with.insert(setup, position.captured.clone());
                }
                _ => {}
            }
        }
        position.setup = (0..job.setups()).find(|number| {
            let all = |safe: &BTreeSet<String>| steps(job).iter().all(|step| safe.contains(&step.capture(*number)));
            !safe_with.get(number).is_some_and(all)
        });
        position
    }

    /// Whether a capture is whole.
    pub fn has(&self, capture: &str) -> bool {
        self.captured.contains(capture)
    }
}
