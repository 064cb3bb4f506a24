//! The safe state: pen stopped, stage withdrawn, both confirmed by the devices' own words.

use super::{Bench, motion::HOME_ALLOWED};
use crate::{config::rig::Axis, device::PenState, time::RunTime};
use std::time::Duration;

/// Stage position of the safe state, mm: the far end from the pen.
pub const WITHDRAWN_MM: f64 = 0.0;
/// How near to it counts as there, mm.
const WITHDRAWN_WITHIN_MM: f64 = 0.2;
/// For the stream to end once all is safe; it does no harm where it goes on.
const QUIET_ALLOWED: Duration = Duration::from_millis(500);
/// Longer than the pen's longest lease and three repeated requests.
const STOP_ALLOWED: Duration = Duration::from_millis(1500);

/// What could be confirmed at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeState {
    /// Whether anything was told to move; if not, nothing is to be stopped.
    pub moved: bool,
    /// `None` where the pen said that it is stopped; else why that is unknown.
    pub pen: Option<String>,
    /// `None` where the stage said that it is withdrawn; else why that is unknown.
    pub stage: Option<String>,
}

impl SafeState {
    /// The state of a bench in which nothing was told to move.
    pub fn untouched() -> Self {
        Self { moved: false, pen: None, stage: None }
    }

    /// Whether both are confirmed.
    pub fn confirmed(&self) -> bool {
        self.pen.is_none() && self.stage.is_none()
    }

    /// One sentence for the report and the operator.
    pub fn text(&self) -> String {
        match (&self.pen, &self.stage) {
            (None, None) if !self.moved => "safe: nothing was told to move".to_owned(),
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
            return SafeState::untouched();
        }
        let began = self.now();
        self.devices.pen.stop(began);
        self.devices.stage.stop(began);
        // A session that waits for nothing has its answer, or has given up.
        let settled =
            |bench: &mut Self| bench.devices.pen.next_tick().is_none() && bench.devices.stage.next_tick().is_none();
        self.press_on(STOP_ALLOWED, settled);
        let withdraw_speed_mm_s = self.rig.stage.withdraw_speed_mm_s;
        let now = self.now();
        self.devices.stage.withdraw(now, withdraw_speed_mm_s);
        // Where the reference is lost the way back is that to the home switch, at the controller's own pace.
        let travel = Duration::from_secs_f64(2.0 * self.rig.limits.travel_max_mm / withdraw_speed_mm_s + 3.0);
        let allowed = if self.devices.stage.homed() { travel } else { HOME_ALLOWED };
        self.press_on(allowed, settled);
        let pen = (!self.pen_stopped_since(began)).then(|| match self.devices.pen.lease() {
            Some(lease) => format!(
                "no confirmation of STOP; its own lease stops it within {} ms, look before you reach in",
                lease.as_millis()
            ),
            None => "no confirmation of STOP, and it has no lease: it may stroke on; cut its supply".to_owned(),
        });
        let stage = self.stage_unconfirmed();
        if self.streaming_since.take().is_some() {
            let now = self.now();
            self.devices.force.end(now);
            self.press_on(QUIET_ALLOWED, |bench| !bench.devices.force.busy());
        }
        SafeState { moved: true, pen, stage }
    }

    fn pen_stopped_since(&self, since: RunTime) -> bool {
        self.devices.pen.state() == PenState::Safe && self.devices.pen.reported() > since
    }

    fn stage_unconfirmed(&self) -> Option<String> {
        let stage = &self.devices.stage;
        if stage.moving() {
            return Some("no confirmation that it stands still".to_owned());
        }
        match stage.position_mm(Axis::Z) {
            _ if !stage.homed() => Some("it has no reference position, so where it stands is unknown".to_owned()),
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
            let _ = self.exchange(deadline, None);
            for session in self.sessions() {
                session.take_fault();
            }
            self.arrived.clear();
            self.devices.force.drain(&mut self.arrived);
        }
    }
}
