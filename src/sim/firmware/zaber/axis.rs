//! One axis of a simulated Zaber device: reference, limits, motion, parking, warning flags.
//!
//! Positions and speeds are the device's numbers (microsteps; microsteps per second times 1.6384); the world behind has
//! millimetres. Invariant: motion never leaves `limit.min` to `limit.max`. Before homing the device does not know where
//! it is: it counts from zero where it woke up, and says so with flag WR.

use crate::{
    sim::world::{Axis, World},
    wire::zaber::{Flag, position_from_data, position_to_data, speed_from_data, speed_to_data},
};

/// Speed after power-up.
const SPEED_MM_S: f64 = 10.0;
/// Acceleration after power-up, as the device counts it (`accel`); kept and reported, the world has its own.
const ACCELERATION_DATA: i64 = 205;

/// Who an axis is.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisIdentity {
    /// The axis of the stage that it moves.
    pub axis: Axis,
    /// Travel from the home position, in mm.
    pub travel_mm: f64,
    /// Number of the stage's model where it is a peripheral of a controller; `None` where drive and stage are one.
    pub peripheral_id: Option<u32>,
}

/// What an axis was asked to do and can do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plan {
    Home,
    /// To this position at this speed, both as the device counts.
    Go {
        target: i64,
        speed: i64,
    },
    Stop,
    Park(bool),
    ParkingState,
}

/// The control of one axis.
#[derive(Debug)]
pub(crate) struct Controller {
    pub(crate) identity: AxisIdentity,
    microstep_mm: f64,
    /// Where in the world position 0 is; unknown until the first look after power-up.
    zero_mm: Option<f64>,
    referenced: bool,
    homing: bool,
    moving: bool,
    parked: bool,
    /// Flags until they are cleared.
    latched: Vec<Flag>,
    pub(crate) limit_min: i64,
    pub(crate) limit_max: i64,
    pub(crate) speed: i64,
    pub(crate) acceleration: i64,
}

impl Controller {
    pub(crate) fn powered(identity: AxisIdentity, microstep_mm: f64) -> Self {
        let limit_max = position_to_data(identity.travel_mm, microstep_mm).unwrap_or(0);
        Self {
            identity,
            microstep_mm,
            zero_mm: None,
            referenced: false,
            homing: false,
            moving: false,
            parked: false,
            latched: Vec::new(),
            limit_min: 0,
            limit_max,
            speed: speed_to_data(SPEED_MM_S, microstep_mm).unwrap_or(1),
            acceleration: ACCELERATION_DATA,
        }
    }

    pub(crate) fn moving(&self) -> bool {
        self.moving
    }

    /// Catches up with the world: end of motion, stall, end of homing. True where the axis has just come to rest.
    pub(crate) fn follow(&mut self, world: &World) -> bool {
        let axis = self.identity.axis;
        self.zero_mm.get_or_insert_with(|| world.stage_position_mm(axis));
        if !self.moving || world.stage_busy(axis) {
            return false;
        }
        self.moving = false;
        let homed = std::mem::take(&mut self.homing);
        if world.stage_stalled(axis) {
            self.latch(Flag::STALLED);
        } else if homed {
            (self.zero_mm, self.referenced) = (Some(0.0), true);
        }
        true
    }

    pub(crate) fn position(&self, world: &World) -> i64 {
        let zero_mm = self.zero_mm.unwrap_or(0.0);
        position_to_data(world.stage_position_mm(self.identity.axis) - zero_mm, self.microstep_mm).unwrap_or(0)
    }

    /// Declares the present position to be `position`, which is as good as homing.
    pub(crate) fn set_position(&mut self, position: i64, world: &World) {
        let here_mm = world.stage_position_mm(self.identity.axis);
        self.zero_mm = Some(here_mm - position_from_data(position, self.microstep_mm));
        self.referenced = true;
    }

    /// What `words` would do, or why not. Moves nothing.
    pub(crate) fn plan(&self, words: &[&str], world: &World) -> Result<Plan, &'static str> {
        let number = |word: &str| word.parse::<i32>().map(i64::from).map_err(|_| "BADDATA");
        let go = |target: i64, speed: i64| {
            let possible = (self.limit_min..=self.limit_max).contains(&target);
            if possible { Ok(Plan::Go { target, speed }) } else { Err("BADDATA") }
        };
        let plan = match *words {
            ["home"] => Plan::Home,
            ["stop" | "estop"] => Plan::Stop,
            ["move", "abs", target] => go(number(target)?, self.speed)?,
            ["move", "rel", distance] => go(self.position(world) + number(distance)?, self.speed)?,
            ["move", "min"] => Plan::Go { target: self.limit_min, speed: self.speed },
            ["move", "max"] => Plan::Go { target: self.limit_max, speed: self.speed },
            ["move", "vel", speed] => match number(speed)? {
                0 => Plan::Stop,
                speed @ 1.. => Plan::Go { target: self.limit_max, speed },
                speed => Plan::Go { target: self.limit_min, speed: -speed },
            },
            ["tools", "parking", "park"] if self.moving => return Err("STATUSBUSY"),
            ["tools", "parking", "park"] => Plan::Park(true),
            ["tools", "parking", "unpark"] => Plan::Park(false),
            ["tools", "parking", "state"] => Plan::ParkingState,
            _ => return Err("BADCOMMAND"),
        };
        if self.parked && matches!(plan, Plan::Home | Plan::Go { .. }) {
            return Err("PARKED");
        }
        Ok(plan)
    }

    /// Does what was planned; the data of the reply.
    pub(crate) fn carry_out(&mut self, plan: Plan, world: &mut World) -> &'static str {
        match plan {
            Plan::Home => {
                self.begin_motion();
                self.homing = true;
                world.stage_move(self.identity.axis, 0.0, speed_from_data(self.speed, self.microstep_mm));
            }
            Plan::Go { target, speed } => {
                self.begin_motion();
                let target_mm = self.zero_mm.unwrap_or(0.0) + position_from_data(target, self.microstep_mm);
                world.stage_move(self.identity.axis, target_mm, speed_from_data(speed, self.microstep_mm));
            }
            Plan::Stop => {
                if self.moving {
                    self.latch(Flag::INTERRUPTED);
                }
                self.homing = false;
                world.stage_stop(self.identity.axis);
            }
            Plan::Park(parked) => self.parked = parked,
            Plan::ParkingState => return if self.parked { "1" } else { "0" },
        }
        "0"
    }

    /// Stops at once, as on a restart.
    pub(crate) fn halt(&mut self, world: &mut World) {
        world.stage_stop(self.identity.axis);
    }

    fn begin_motion(&mut self) {
        if self.moving {
            self.latch(Flag::INTERRUPTED);
        }
        self.moving = true;
        self.homing = false;
    }

    fn latch(&mut self, flag: Flag) {
        if !self.latched.contains(&flag) {
            self.latched.push(flag);
        }
    }

    /// All flags that hold: the latched ones, and the missing reference.
    pub(crate) fn flags(&self) -> impl Iterator<Item = Flag> + '_ {
        self.latched.iter().copied().chain((!self.referenced).then_some(Flag::NO_REFERENCE))
    }

    /// The flag of the highest priority.
    pub(crate) fn flag(&self) -> Option<Flag> {
        self.flags().min_by_key(|flag| flag.rank())
    }

    pub(crate) fn clear_flags(&mut self) {
        self.latched.clear();
    }
}
