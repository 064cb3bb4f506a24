//! The safe state: pen stopped, stage withdrawn, both confirmed by the devices' own words.

use super::Bench;
use crate::{
    config::rig::Axis,
    device::PenState,
    time::RunTime,
};
use std::time::Duration;

/// Stage position of the safe state, mm: the far end from the pen.
pub const WITHDRAWN_MM: f64 = 0.0;
/// How near to it counts as there, mm.
const WITHDRAWN_WITHIN_MM: f64 = 0.2;
/// Longer than the pen's longest lease and three repeated requests.
const STOP_ALLOWED: Duration = Duration::from_millis(1500);

/// What could be confirmed at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeState {
    /// `None` where the pen said that it is stopped; else why that is unknown.
    pub pen: Option<String>,
    /// `None` where the stage said that it is withdrawn; else why that is unknown.
    pub stage: Option<String>,
}

impl SafeState {
    /// Whether both are confirmed.
    pub fn confirmed(&self) -> bool {
        self.pen.is_none() && self.stage.is_none()
    }

    /// One sentence for the report and the operator.
    pub fn text(&self) -> String {
        match (&self.pen, &self.stage) {
            (None, None) => "safe: pen stopped, stage withdrawn, both confirmed".to_owned(),
            (Some(pen), None) => format!("NOT CONFIRMED: pen: {pen}; stage withdrawn, confirmed"),
            (None, Some(stage)) => format!("NOT CONFIRMED: stage: {stage}; pen stopped, confirmed"),
            (Some(pen), Some(stage)) => format!("NOT CONFIRMED: pen: {pen}; stage: {stage}"),
        }
    }
}

impl Bench {
    /// Stops the pen, then the stage, withdraws, and asks both to confirm. Never fails; says what it could not do.
    ///
    /// Where nothing was ever told to move, there is nothing to withdraw and a silent device does no harm.
    pub fn make_safe(&mut self) -> SafeState {
        if !self.moved {
            return SafeState { pen: None, stage: None };
        }
        let began = self.now();
        self.devices.pen.stop(began);
        self.devices.stage.stop(began);
        let stopped = |bench: &mut Self| {
            bench.pen_stopped_since(began) && !bench.devices.stage.moving() && !bench.devices.stage.busy()
        };
        self.press_on(STOP_ALLOWED, stopped);
        let pen_first = self.pen_stopped_since(began);
        let withdraw_speed_mm_s = self.rig.stage.withdraw_speed_mm_s;
        let homed = self.devices.stage.homed();
        if homed {
            let now = self.now();
            self.devices.stage.move_to(now, Axis::Z, WITHDRAWN_MM, withdraw_speed_mm_s);
            let allowed = Duration::from_secs_f64(2.0 * self.rig.limits.travel_max_mm / withdraw_speed_mm_s + 3.0);
            self.press_on(allowed, |bench| !bench.devices.stage.moving() && !bench.devices.stage.busy());
        }
        let pen = (!pen_first && !self.pen_stopped_since(began)).then(|| {
            "no confirmation of STOP; its own lease stops it within 500 ms, look before you reach in".to_owned()
        });
        SafeState { pen, stage: self.stage_unconfirmed(homed) }
    }

    fn pen_stopped_since(&self, since: RunTime) -> bool {
        self.devices.pen.state() == PenState::Safe && self.devices.pen.reported() >= since
    }

    fn stage_unconfirmed(&self, homed: bool) -> Option<String> {
        let stage = &self.devices.stage;
        if stage.moving() {
            return Some("no confirmation that it stands still".to_owned());
        }
        match stage.position_mm(Axis::Z) {
            _ if !homed => Some("it has no reference position, so it was stopped but not withdrawn".to_owned()),
            Some(stage_mm) if (stage_mm - WITHDRAWN_MM).abs() <= WITHDRAWN_WITHIN_MM => None,
            Some(stage_mm) => Some(format!("it stands at {stage_mm:.3} mm and not at {WITHDRAWN_MM} mm")),
            None => Some("it has not told its position".to_owned()),
        }
    }

    /// Pumps until `done` or the time is up, whatever else fails.
    fn press_on(&mut self, allowed: Duration, mut done: impl FnMut(&mut Self) -> bool) {
        let deadline = self.now() + allowed;
        while !done(self) && self.now() < deadline {
            // A fault here is why we are here, or one more of its kind; the confirmation below decides.
            let _ = self.exchange(deadline);
            for session in self.sessions() {
                session.take_fault();
            }
            self.samples.clear();
            self.devices.force.drain(&mut self.samples);
        }
    }
}
