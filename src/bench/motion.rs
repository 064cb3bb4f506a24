//! What procedures ask of the bench: identities, streams, moves and pen commands, each waited for with a limit.

use super::{Bench, Reading, fault::Fault};
use crate::{
    config::rig::Axis,
    device::{Identity, PenState},
    link::{Hand, Role},
};
use std::time::Duration;

/// Longest time that a request and its repetitions may take.
const REPLY_ALLOWED: Duration = Duration::from_millis(2000);
/// For a device to say who it is: boards that restart when the port is opened take seconds.
const IDENTITY_ALLOWED: Duration = Duration::from_millis(8000);
/// Longest time for homing all axes.
pub(super) const HOME_ALLOWED: Duration = Duration::from_secs(60);
/// Rest after homing over which the encoder's zero is taken.
const ENCODER_ZERO_SPAN: Duration = Duration::from_millis(50);
/// For the pen to reach the state that it was told to.
const PEN_ALLOWED: Duration = Duration::from_millis(1500);

impl Bench {
    fn settled(&mut self, what: &str, role: Role) -> Result<(), Fault> {
        self.wait(what, REPLY_ALLOWED, |bench| !bench.session(role).busy())
    }

    /// Asks every device who it is. Moves nothing.
    ///
    /// # Errors
    ///
    /// [`Fault`] where one is silent or is another device.
    pub fn identify(&mut self) -> Result<Vec<(Role, Identity)>, Fault> {
        let mut identities = Vec::new();
        for role in self.roles.clone() {
            let now = self.now();
            self.session(role).identify(now);
            let what = format!("the identification of the {}", role.name());
            self.wait(&what, IDENTITY_ALLOWED, |bench| !bench.session(role).busy())?;
            identities.extend(self.session(role).identity().map(|identity| (role, identity.clone())));
        }
        Ok(identities)
    }

    /// Does what a person must do at a real bench, where the world behind the link can; returns whether it did.
    pub fn by_hand(&mut self, hand: Hand) -> bool {
        self.link.by_hand(hand)
    }

    /// Starts the force stream at a sample rate, in Hz; ends a running one first.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn stream(&mut self, sample_rate_hz: f64) -> Result<(), Fault> {
        self.end_stream()?;
        let now = self.now();
        self.guard.new_stream();
        self.devices.force.start(now, sample_rate_hz);
        self.settled("the start of the force stream", Role::Force)?;
        self.streaming_since = Some(self.now());
        self.wait("the first force sample", REPLY_ALLOWED, |bench| !bench.fresh().is_empty())
    }

    /// Ends the force stream. Nothing may move without one.
    ///
    /// # Errors
    ///
    /// [`Fault`], where something still moves.
    pub fn end_stream(&mut self) -> Result<(), Fault> {
        if self.streaming_since.is_some() && (self.moving() || self.devices.pen.state() == PenState::Running) {
            return Err(Fault::Procedure("the force stream may not end while stage or pen move".to_owned()));
        }
        self.streaming_since = None;
        if self.devices.force.period_us().is_none() {
            return Ok(());
        }
        let now = self.now();
        self.devices.force.end(now);
        self.settled("the end of the force stream", Role::Force)
    }

    /// Sample rate in force, Hz.
    pub fn sample_rate_hz(&self) -> f64 {
        self.devices.force.period_us().map_or(0.0, |period_us| 1e6 / f64::from(period_us))
    }

    /// Standard uncertainty of the time of force against that of position, s, where the force device does not latch the
    /// stage's encoder: root mean square of late.
    pub fn time_u_s(&self) -> f64 {
        self.pairing.time_u_s()
    }

    /// Samples known to be lost since the stream began.
    pub fn samples_lost(&self) -> u64 {
        self.devices.force.lost()
    }

    /// What was damaged on the lines so far, one line a device.
    pub fn damage(&mut self) -> Vec<String> {
        let words = Role::ALL.map(|role| (role.name(), self.session(role).damage()));
        words.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!("{name}: {text}")).collect()
    }

    /// Whether something may be told to move.
    fn permit(&self) -> Result<(), Fault> {
        match self.streaming_since {
            Some(_) => Ok(()),
            None => Err(Fault::Procedure("nothing may move without a force stream".to_owned())),
        }
    }

    /// Mean over the readings of a span, and of the next one where none came in it: how long the stream may be silent is
    /// the supervisor's to say.
    ///
    /// # Errors
    ///
    /// [`Fault`]; without a force stream as well.
    pub fn mean(&mut self, span: Duration, value: impl Fn(&Reading) -> f64) -> Result<f64, Fault> {
        self.permit()?;
        let (mut sum, mut count) = (0.0, 0_u32);
        while count == 0 {
            self.observe(span, |reading| {
                sum += value(reading);
                count += 1;
            })?;
        }
        Ok(sum / f64::from(count))
    }

    /// Takes the mean force over a span of rest as the zero that readings are told against. The first is the reference
    /// zero as well: the force limit stays where it is, whatever is tared later.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn take_zero(&mut self, span: Duration) -> Result<(), Fault> {
        let mean_n = self.mean(span, |reading| reading.force_n)?;
        self.zero_counts += mean_n / self.calibration.force.n_per_count;
        self.reference_counts.get_or_insert(self.zero_counts);
        Ok(())
    }

    /// Finds the reference position of the stage. What pen and stage have kept of an earlier run's faults is cleared
    /// first, else they would refuse to move for ever; a fault from here on is one of this run.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn home(&mut self) -> Result<(), Fault> {
        self.permit()?;
        self.moved = true;
        let now = self.now();
        self.devices.pen.acknowledge(now);
        self.devices.stage.home(now);
        self.pairing.forget_positions();
        self.wait("homing", HOME_ALLOWED, |bench| !bench.devices.stage.moving())?;
        self.find_encoder_zero()
    }

    /// Lets an encoder that is latched with the force count from where the stage does. A move to where the encoder saw
    /// the contact would else end somewhere else.
    fn find_encoder_zero(&mut self) -> Result<(), Fault> {
        if self.streaming_since.is_none() || !self.latched {
            return Ok(());
        }
        let mean_mm = self.mean(ENCODER_ZERO_SPAN, |reading| reading.stage_mm)?;
        let off_mm = mean_mm - self.position_mm(Axis::Z);
        self.z_zero_counts += off_mm / self.calibration.encoder.mm_per_count;
        // The jump is no motion.
        self.guard.new_stream();
        Ok(())
    }

    /// Whether the stage can reach fresh sites by itself.
    pub fn has_site_axes(&self) -> bool {
        self.rig.stage.axes.contains(&Axis::X)
    }

    /// How long after the last word of the host an armed pen stops by itself, at most; `None`: never.
    pub fn pen_lease(&self) -> Option<Duration> {
        self.devices.pen.lease()
    }

    /// Whether x and y can move while z does.
    pub fn axes_are_independent(&self) -> bool {
        self.devices.stage.axes_are_independent()
    }

    /// Moves one axis and waits until it stands.
    ///
    /// # Errors
    ///
    /// [`Fault`]; a target beyond the travel limit is refused before anything moves.
    pub fn move_to(&mut self, axis: Axis, target_mm: f64, speed_mm_s: f64) -> Result<(), Fault> {
        self.move_until(axis, target_mm, speed_mm_s, |_| false).map(|_| ())
    }

    /// Starts a move that goes on while the caller pumps.
    ///
    /// # Errors
    ///
    /// [`Fault`] where the target or the speed is beyond the limits, or no force stream watches.
    pub fn begin_move(&mut self, axis: Axis, target_mm: f64, speed_mm_s: f64) -> Result<Duration, Fault> {
        let limits = &self.rig.limits;
        if axis == Axis::Z && (target_mm > limits.travel_max_mm || !target_mm.is_finite()) {
            let limit_mm = limits.travel_max_mm;
            return Err(Fault::Procedure(format!(
                "a move to z = {target_mm:.3} mm is beyond the limit of {limit_mm} mm"
            )));
        }
        if !target_mm.is_finite() || !speed_mm_s.is_finite() || speed_mm_s <= 0.0 {
            let text = format!("there is no move of axis {axis:?} to {target_mm} mm at {speed_mm_s} mm/s");
            return Err(Fault::Procedure(text));
        }
        self.permit()?;
        // Whether it is an approach shows where the stage stands alone.
        if !self.devices.stage.homed() {
            let reason = "the stage has no reference position, so where it stands is unknown; home it first, as every run \
                          does at its beginning";
            return Err(Fault::Procedure(reason.to_owned()));
        }
        let Some(position_mm) = self.devices.stage.position_mm(axis) else {
            let text =
                format!("the stage does not tell where axis {axis:?} stands; is it among stage.axes in the rig file?");
            return Err(Fault::Procedure(text));
        };
        let limit = self.rig.limits.approach_speed_max_mm_s;
        if axis == Axis::Z && target_mm > position_mm && speed_mm_s > limit {
            return Err(Fault::Procedure(format!(
                "an approach at {speed_mm_s} mm/s is above the limit of {limit} mm/s"
            )));
        }
        self.moved = true;
        let now = self.now();
        self.devices.stage.move_to(now, axis, target_mm, speed_mm_s);
        self.pairing.commanded(now, speed_mm_s);
        // Twice the ideal time and some: a stage that never arrives is a fault, not a wait.
        Ok(Duration::from_secs_f64(2.0 * (target_mm - position_mm).abs() / speed_mm_s + 3.0))
    }

    /// Whether the stage moves, as last reported.
    pub fn moving(&self) -> bool {
        self.devices.stage.moving()
    }

    /// Moves one axis until it stands or `stop_at` says so; returns whether it did.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn move_until(
        &mut self,
        axis: Axis,
        target_mm: f64,
        speed_mm_s: f64,
        mut stop_at: impl FnMut(&Reading) -> bool,
    ) -> Result<bool, Fault> {
        let allowed = self.begin_move(axis, target_mm, speed_mm_s)?;
        let mut hit = false;
        self.wait(&format!("the move of axis {axis:?} to {target_mm:.3} mm"), allowed, |bench| {
            hit = hit || bench.fresh.iter().any(&mut stop_at);
            hit || !bench.devices.stage.moving()
        })?;
        if hit {
            let now = self.now();
            self.devices.stage.stop(now);
            self.wait("the stop of the stage", REPLY_ALLOWED, |bench| !bench.devices.stage.moving())?;
        }
        Ok(hit)
    }

    /// Position of an axis by the stage's own count, mm.
    pub fn position_mm(&self, axis: Axis) -> f64 {
        self.devices.stage.position_mm(axis).unwrap_or(0.0)
    }

    /// Tells the pen its stroke rate and set depth, and arms it; stops it first where it is armed.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn arm_pen(&mut self, stroke_rate_hz: f64, set_depth_mm: f64) -> Result<(), Fault> {
        if !matches!(self.devices.pen.state(), PenState::Safe | PenState::Unknown) {
            self.stop_pen()?;
        }
        self.permit()?;
        self.moved = true;
        let now = self.now();
        self.devices.pen.set(now, stroke_rate_hz, set_depth_mm);
        self.settled("SET", Role::Pen)?;
        let now = self.now();
        self.devices.pen.arm(now);
        self.pen_reaches("ARM", PenState::Armed)
    }

    fn pen_reaches(&mut self, what: &str, state: PenState) -> Result<(), Fault> {
        self.wait(&format!("{what} of the pen"), PEN_ALLOWED, |bench| {
            !bench.devices.pen.busy() && bench.devices.pen.state() == state
        })
    }

    /// Holds the needles at rest, extended or retracted.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn hold_pen(&mut self, out: bool) -> Result<(), Fault> {
        self.permit()?;
        let now = self.now();
        self.devices.pen.hold(now, out);
        self.pen_reaches("HOLD", if out { PenState::HeldOut } else { PenState::HeldIn })
    }

    /// Lets the pen stroke.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn run_pen(&mut self) -> Result<(), Fault> {
        self.permit()?;
        let now = self.now();
        self.devices.pen.run(now, true);
        self.pen_reaches("RUN", PenState::Running)
    }

    /// Stops and disarms the pen.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn stop_pen(&mut self) -> Result<(), Fault> {
        let now = self.now();
        self.devices.pen.stop(now);
        self.pen_reaches("STOP", PenState::Safe)
    }
}
