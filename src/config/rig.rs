//! Rig files (TOML): the devices of a bench, their ports, and the hard limits that nothing may cross.

use super::{Document, Problem, console::Script, gauge::Gauge, world::WorldParams};
use crate::units::within;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rig file (`rig/1`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rig {
    /// Always `rig/1`.
    pub schema: String,
    /// Name of the bench.
    pub name: String,
    /// True where any device of the bench is simulated; whatever such a bench produces says SIMULATED.
    pub simulated: bool,
    /// Hard limits: crossing one is a rig fault.
    pub limits: Limits,
    /// The motorised stage under the phantom.
    pub stage: Stage,
    /// The force data acquisition.
    pub force: Force,
    /// The pen under test.
    pub pen: PenPort,
    /// The world behind simulated ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sim: Option<WorldParams>,
}

/// Hard limits of a bench.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest force, N, against the zero taken at the start of the run; taring cannot move it.
    pub force_max_n: f64,
    /// Largest stage position towards the pen, mm.
    pub travel_max_mm: f64,
    /// Fastest approach towards the pen, mm/s.
    pub approach_speed_max_mm_s: f64,
}

/// Protocol of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StageDriver {
    /// Zaber ASCII, for example X-LSM.
    ZaberAscii,
    /// GRBL 1.1 or grblHAL: any stage of three step motors.
    Grbl,
}

/// Protocol of a force device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForceDriver {
    /// BENCH-LINK v1 (fixtures/protocols/bench-link-v1.md): latches the stage's encoder with the force.
    BenchLink,
    /// Mark-10 Series 5 force gauge.
    #[serde(rename = "mark-10")]
    Mark10,
    /// Balance that speaks MT-SICS level 0 and 1.
    MtSics,
    /// Any board that prints lines of numbers in columns.
    Line,
}

/// Protocol of a pen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PenDriver {
    /// BENCH-LINK v1 (fixtures/protocols/bench-link-v1.md).
    BenchLink,
    /// A text console of its own, described by the pen file that `profile` names.
    Console,
}

/// Axis of the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Across the pen.
    X,
    /// Across the pen, at right angles to x.
    Y,
    /// Towards the pen.
    Z,
}

/// Axis of a motion controller, and the way in which it counts: `"-Z"` where its Z falls as the stage's axis grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MachineAxis {
    /// Its X.
    X,
    /// Its X, reversed.
    #[serde(rename = "-X")]
    XReversed,
    /// Its Y.
    Y,
    /// Its Y, reversed.
    #[serde(rename = "-Y")]
    YReversed,
    /// Its Z.
    Z,
    /// Its Z, reversed.
    #[serde(rename = "-Z")]
    ZReversed,
}

impl MachineAxis {
    /// Its place among the controller's coordinates.
    pub fn index(self) -> usize {
        match self {
            Self::X | Self::XReversed => 0,
            Self::Y | Self::YReversed => 1,
            Self::Z | Self::ZReversed => 2,
        }
    }

    /// 1, or -1 where it is reversed.
    pub fn sign(self) -> f64 {
        match self {
            Self::X | Self::Y | Self::Z => 1.0,
            Self::XReversed | Self::YReversed | Self::ZReversed => -1.0,
        }
    }
}

/// What a stage's driver needs to know beyond its port.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StageProtocol<'r> {
    /// Zaber ASCII.
    ZaberAscii {
        /// Microstep size, mm.
        microstep_mm: f64,
    },
    /// GRBL.
    Grbl {
        /// The controller's axis for each of [`Stage::axes`].
        machine_axes: &'r [MachineAxis],
    },
}

/// The motorised stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its protocol.
    pub driver: StageDriver,
    /// A path, a stable id (`serial:A50285BI`), `tcp:HOST:PORT`, or `sim`.
    pub port: String,
    /// Line speed, baud.
    #[serde(default = "default_baud")]
    pub baud: u32,
    /// `zaber-ascii` only, and needed there: microstep size at the device's resolution setting, mm. The device does not
    /// report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microstep_mm: Option<f64>,
    /// `grbl` only, and needed there: the controller's axis for each of `axes`, `"-Z"` where its count falls as the
    /// stage's axis grows. The stage's z grows towards the pen and is 0 where homing ends, far from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_axes: Option<Vec<MachineAxis>>,
    /// Axes in the order of their numbers on the device: `["z"]` or `["x", "y", "z"]`.
    pub axes: Vec<Axis>,
    /// Serial number that the device must report (`grbl`: the text set with `$I=`); absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Fastest withdrawal and travel away from the pen, mm/s.
    #[serde(default = "default_withdraw_speed")]
    pub withdraw_speed_mm_s: f64,
    /// Standard uncertainty of the stage's own count as a position, mm: play and pitch of its screw. Only used where the
    /// force device does not latch an encoder. Default 0.003 (lead screws of microscopy stages).
    #[serde(default = "default_position_u")]
    pub position_u_mm: f64,
    /// Distance between fresh sites in x and y, mm.
    #[serde(default = "default_site_pitch")]
    pub site_pitch_mm: f64,
    /// Sites in a row, then the next row.
    #[serde(default = "default_sites_per_row")]
    pub sites_per_row: u32,
}

/// The force data acquisition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Force {
    /// Its protocol.
    pub driver: ForceDriver,
    /// A path, a stable id (`serial:A50285BI`), `tcp:HOST:PORT`, or `sim`.
    pub port: String,
    /// Line speed, baud; USB devices ignore it.
    #[serde(default = "default_daq_baud")]
    pub baud: u32,
    /// Fastest sample rate, Hz: used while the pen runs; of a gauge, the one rate that it is used at.
    pub sample_rate_hz: f64,
    /// Calibration record: a path from the rig file's folder, or the name of a built-in one.
    pub calibration: String,
    /// What a device that knows nothing of the stage sends; for every driver but `bench-link`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gauge: Option<Gauge>,
}

/// The pen's port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PenPort {
    /// Its protocol.
    pub driver: PenDriver,
    /// A path, a stable id (`serial:A50285BI`), `tcp:HOST:PORT`, or `sim`.
    pub port: String,
    /// Line speed, baud.
    #[serde(default = "default_baud")]
    pub baud: u32,
    /// `console` only, and needed there: the pen file with the `[console]` table, from the rig file's folder or among
    /// the fixtures, for example `pens/proto-c.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The console of that file, filled in by [`super::library::rig`].
    #[serde(skip)]
    pub script: Option<Script>,
}

impl PenPort {
    fn check(&self) -> Result<(), Problem> {
        match (self.driver, &self.profile) {
            (PenDriver::Console, None) => {
                let message = "driver console needs the key profile: a pen file with a [console] table, such as \
                               \"pens/proto-c.toml\"";
                Err(Problem::at("pen.profile", message))
            }
            (PenDriver::BenchLink, Some(_)) => {
                Err(Problem::at("pen.profile", "profile belongs to driver console; remove it here"))
            }
            (PenDriver::Console, Some(_)) | (PenDriver::BenchLink, None) => Ok(()),
        }
    }
}

fn default_baud() -> u32 {
    115_200
}

fn default_daq_baud() -> u32 {
    2_000_000
}

fn default_withdraw_speed() -> f64 {
    10.0
}

fn default_position_u() -> f64 {
    0.003
}

fn default_site_pitch() -> f64 {
    1.5
}

fn default_sites_per_row() -> u32 {
    16
}

impl Stage {
    /// What its driver needs to know.
    ///
    /// # Errors
    ///
    /// [`Problem`] where a key of its driver is missing or out of range, or one of another driver is given.
    pub fn protocol(&self) -> Result<StageProtocol<'_>, Problem> {
        let foreign = |key: &str, owner: &str| {
            Problem::at(format!("stage.{key}"), format!("{key} belongs to driver {owner}; remove it here"))
        };
        match self.driver {
            StageDriver::ZaberAscii if self.machine_axes.is_some() => Err(foreign("machine_axes", "grbl")),
            StageDriver::ZaberAscii => {
                let microstep_mm = self.microstep_mm.ok_or_else(|| {
                    let message = "driver zaber-ascii needs the key microstep_mm, since the stage does not report it; \
                                   an X-LSM at resolution 64 has 0.000047625";
                    Problem::at("stage.microstep_mm", message)
                })?;
                within("value", "mm", microstep_mm, 1e-9, 0.1)
                    .map_err(|error| Problem::at("stage.microstep_mm", error))?;
                Ok(StageProtocol::ZaberAscii { microstep_mm })
            }
            StageDriver::Grbl if self.microstep_mm.is_some() => Err(foreign("microstep_mm", "zaber-ascii")),
            StageDriver::Grbl => {
                let machine_axes = self.machine_axes.as_deref().unwrap_or_default();
                let mut used = [0; 3];
                machine_axes.iter().for_each(|axis| used[axis.index()] += 1);
                if machine_axes.len() != self.axes.len() || used.iter().any(|&count| count > 1) {
                    let message = format!(
                        "driver grbl needs the key machine_axes: the controller's axis for each of the {} axes, each \
                         once, such as [\"-Z\"] or [\"X\", \"Y\", \"-Z\"]; \"-Z\" where its Z falls towards the pen",
                        self.axes.len()
                    );
                    return Err(Problem::at("stage.machine_axes", message));
                }
                Ok(StageProtocol::Grbl { machine_axes })
            }
        }
    }
}

/// The port that stands for the simulated bench in this process.
pub const PORT_SIM: &str = "sim";

impl Rig {
    /// True where all three ports are the simulated bench in this process.
    pub fn in_process(&self) -> bool {
        self.ports().iter().all(|(_, port)| *port == PORT_SIM)
    }

    /// Key path and port of each device.
    pub fn ports(&self) -> [(&'static str, &str); 3] {
        [("pen.port", &self.pen.port), ("stage.port", &self.stage.port), ("force.port", &self.force.port)]
    }

    fn check_force(&self) -> Result<(), Problem> {
        let Force { driver, sample_rate_hz, baud, gauge, .. } = &self.force;
        match (driver, gauge) {
            (_, Some(gauge)) => gauge.check(*driver, *sample_rate_hz, *baud),
            (ForceDriver::BenchLink, None) => within("value", "Hz", *sample_rate_hz, 100.0, 50_000.0)
                .map(|_| ())
                .map_err(|error| Problem::at("force.sample_rate_hz", error)),
            (_, None) => {
                let message = "this driver needs [force.gauge]; the least is: unit = \"N\" and resolution_n = 0.002";
                Err(Problem::at("force.driver", message))
            }
        }
    }

    fn check_ports(&self) -> Result<(), Problem> {
        let sims = self.ports().iter().filter(|(_, port)| *port == PORT_SIM).count();
        if sims != 0 && sims != 3 {
            let (path, _) = self.ports().into_iter().find(|(_, port)| *port != PORT_SIM).unwrap_or_default();
            let message = "either all three ports are \"sim\" or none is; `rig sim --pty DIR` serves simulated \
                           devices on paths that can stand beside real ones";
            return Err(Problem::at(path, message));
        }
        if sims == 3 && !self.simulated {
            return Err(Problem::at("simulated", "the ports are \"sim\", so simulated = true must stand here"));
        }
        if self.simulated && self.sim.is_none() {
            return Err(Problem::at("simulated", "a simulated rig needs a [sim] table; the least is: seed = 1"));
        }
        for (index, (path, port)) in self.ports().into_iter().enumerate() {
            let twin = self.ports()[..index].iter().any(|(_, other)| *other == port);
            if port.is_empty() || (twin && port != PORT_SIM) {
                return Err(Problem::at(path, format!("port {port:?} is empty or given twice; run `rig ports`")));
            }
        }
        Ok(())
    }
}

impl Document for Rig {
    const SCHEMA: &'static str = "rig/1";

    fn check(&self) -> Result<(), Problem> {
        let limits = [
            ("limits.force_max_n", "N", self.limits.force_max_n, 0.01, 1000.0),
            ("limits.travel_max_mm", "mm", self.limits.travel_max_mm, 0.1, 500.0),
            ("limits.approach_speed_max_mm_s", "mm/s", self.limits.approach_speed_max_mm_s, 0.01, 50.0),
            ("stage.baud", "baud", f64::from(self.stage.baud), 1200.0, 4e6),
            ("stage.withdraw_speed_mm_s", "mm/s", self.stage.withdraw_speed_mm_s, 0.1, 200.0),
            ("stage.site_pitch_mm", "mm", self.stage.site_pitch_mm, 0.05, 50.0),
            ("stage.sites_per_row", "", f64::from(self.stage.sites_per_row), 1.0, 1000.0),
            ("stage.position_u_mm", "mm", self.stage.position_u_mm, 0.0, 1.0),
            ("force.baud", "baud", f64::from(self.force.baud), 1200.0, 4e7),
            ("pen.baud", "baud", f64::from(self.pen.baud), 1200.0, 4e6),
        ];
        for (path, unit, value, min, max) in limits {
            within("value", unit, value, min, max).map_err(|error| Problem::at(path, error))?;
        }
        if self.stage.axes != [Axis::Z] && self.stage.axes != [Axis::X, Axis::Y, Axis::Z] {
            return Err(Problem::at("stage.axes", "axes must be [\"z\"] or [\"x\", \"y\", \"z\"]"));
        }
        self.stage.protocol()?;
        self.pen.check()?;
        self.check_force()?;
        if let Some(world) = &self.sim {
            world.check().map_err(|(path, message)| Problem::at(format!("sim.{path}"), message))?;
        }
        self.check_ports()
    }
}
