//! The table `[force.gauge]` of a rig file: a force device that knows nothing of the stage (gauge, balance, printed
//! lines), what its numbers mean and how late they are.
//!
//! Its numbers become counts of one micronewton by its own reckoning; what a count is worth says the calibration record
//! (`force.n_per_count`, near 1e-6, with the local gravity of a balance and the sign of the bench in it).
//! Deliberately absent: a guess of any unit, sign or column.

use super::{Problem, rig::ForceDriver};
use crate::units::within;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Standard gravity, m/s² (CGPM 1901, exact); a balance is read by it, and calibrated where it stands.
const GRAVITY: f64 = 9.806_65;
/// A pound, kg (exact by definition).
const POUND_KG: f64 = 0.453_592_37;
/// Share of a line's capacity that readings may fill.
const LINE_SHARE_MAX: f64 = 0.95;

/// A unit of force or of mass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ForceUnit {
    /// Newton.
    N,
    /// Millinewton.
    #[serde(rename = "mN")]
    Millinewton,
    /// Kilonewton.
    #[serde(rename = "kN")]
    Kilonewton,
    /// Pound-force.
    #[serde(rename = "lbF")]
    PoundForce,
    /// Ounce-force.
    #[serde(rename = "ozF")]
    OunceForce,
    /// Gram-force.
    #[serde(rename = "gF")]
    GramForce,
    /// Kilogram-force.
    #[serde(rename = "kgF")]
    KilogramForce,
    /// Milligram on a balance.
    #[serde(rename = "mg")]
    Milligram,
    /// Gram on a balance.
    #[serde(rename = "g")]
    Gram,
    /// Kilogram on a balance.
    #[serde(rename = "kg")]
    Kilogram,
}

impl ForceUnit {
    /// Newtons in one of it, by standard gravity.
    pub fn newtons(self) -> f64 {
        match self {
            Self::N => 1.0,
            Self::Millinewton => 1e-3,
            Self::Kilonewton => 1e3,
            Self::PoundForce => POUND_KG * GRAVITY,
            Self::OunceForce => POUND_KG * GRAVITY / 16.0,
            Self::GramForce | Self::Gram => GRAVITY * 1e-3,
            Self::KilogramForce | Self::Kilogram => GRAVITY,
            Self::Milligram => GRAVITY * 1e-6,
        }
    }

    /// Its name in rig files.
    pub fn name(self) -> &'static str {
        match self {
            Self::N => "N",
            Self::Millinewton => "mN",
            Self::Kilonewton => "kN",
            Self::PoundForce => "lbF",
            Self::OunceForce => "ozF",
            Self::GramForce => "gF",
            Self::KilogramForce => "kgF",
            Self::Milligram => "mg",
            Self::Gram => "g",
            Self::Kilogram => "kg",
        }
    }

    fn of_mass(self) -> bool {
        matches!(self, Self::Milligram | Self::Gram | Self::Kilogram)
    }
}

/// Sign of the device's numbers in compression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Compression is positive.
    #[default]
    Positive,
    /// Compression is negative, as on gauges whose polarity is set to tension.
    Negative,
}

/// How readings come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// The device sends them by itself, at the sample rate.
    #[default]
    Auto,
    /// Each is asked for; the time of a reading is then known between question and answer.
    Poll,
}

/// What stands between the columns of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Separator {
    /// One comma.
    Comma,
    /// One semicolon.
    Semicolon,
    /// Spaces and tabs.
    Whitespace,
}

/// A column of seconds by the device's own clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Its column, from 0.
    pub column: usize,
    /// Seconds in one of its units: 0.001 for milliseconds.
    pub scale_s: f64,
}

/// What a printed line holds (driver `line`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Between columns.
    pub separator: Separator,
    /// Columns of every line; a line with another number is no reading.
    pub columns: usize,
    /// Column of the force, from 0.
    pub force: usize,
    /// `unit`s in one of the force column's numbers, for example newtons for a count.
    pub scale: f64,
    /// Column of the device's clock; without it the host's clock and the sample rate must do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// What starts the lines, sent with a line feed; without it they come by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// What ends them, sent with a line feed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<String>,
    /// What asks for the line in which `identity` is looked for; without it the line is one of its boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<String>,
}

/// A force device that knows nothing of the stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gauge {
    /// Unit that the device is set to; a reading in another one ends the run.
    pub unit: ForceUnit,
    /// Smallest step of a reading, N.
    pub resolution_n: f64,
    /// Sign of its numbers in compression. Default positive.
    #[serde(default)]
    pub compression: Compression,
    /// How readings come. Default auto.
    #[serde(default)]
    pub output: Output,
    /// Mean delay from the force to its reading's arrival, ms: filter and transmission. Default 0.
    #[serde(default)]
    pub delay_ms: f64,
    /// Standard uncertainty of the delay, ms. Default half a sample period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_u_ms: Option<f64>,
    /// Text that must stand in the device's model or serial number (in one of its lines, for `line`); absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Accepts the command's own text as id of an answer (`SI` for `S`), which MT-SICS does not allow. Default false.
    #[serde(default)]
    pub lenient_id: bool,
    /// What a line holds; for the driver `line` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Line>,
}

impl Gauge {
    /// Standard uncertainty of the delay, s, at a sample rate, Hz.
    pub fn delay_u_s(&self, sample_rate_hz: f64) -> f64 {
        self.delay_u_ms.map_or(0.5 / sample_rate_hz, |u_ms| u_ms * 1e-3)
    }

    /// Checks the table against the driver, the sample rate (Hz) and the line speed (baud).
    ///
    /// # Errors
    ///
    /// [`Problem`] with the path of the key.
    pub fn check(&self, driver: ForceDriver, sample_rate_hz: f64, baud: u32) -> Result<(), Problem> {
        let Some(limits) = Limits::of(driver, self.output) else {
            let message = "this driver latches the stage's encoder and needs no [force.gauge]; remove the table";
            return Err(Problem::at("force.gauge", message));
        };
        let [min, max] = limits.sample_rate_hz;
        let numbers = [
            ("force.sample_rate_hz", "Hz", sample_rate_hz, min, max),
            ("force.baud", "baud", f64::from(baud), limits.baud[0], limits.baud[1]),
            ("force.gauge.resolution_n", "N", self.resolution_n, 1e-7, 10.0),
            ("force.gauge.delay_ms", "ms", self.delay_ms, 0.0, 500.0),
            ("force.gauge.delay_u_ms", "ms", self.delay_u_ms.unwrap_or(0.0), 0.0, 500.0),
        ];
        for (path, unit, value, min, max) in numbers {
            within("value", unit, value, min, max).map_err(|error| Problem::at(path, error))?;
        }
        // Start bit, eight data bits, stop bit.
        let carried_hz = LINE_SHARE_MAX * f64::from(baud) / 10.0 / f64::from(self.reading_bytes(driver));
        if sample_rate_hz > carried_hz {
            let message = format!(
                "{baud} baud carry at most {carried_hz:.0} readings a second; lower the rate or raise force.baud"
            );
            return Err(Problem::at("force.sample_rate_hz", message));
        }
        self.check_unit(driver)?;
        self.check_line(driver)
    }

    /// Bytes that a reading takes on the line at least, its question included.
    fn reading_bytes(&self, driver: ForceDriver) -> u32 {
        let question = if self.output == Output::Poll { 4 } else { 0 };
        question
            + match (driver, &self.line) {
                // `-12.345 lbF` and the end; `S D     129.07 g` and the end; a digit, a separator and the end.
                (ForceDriver::Mark10, _) => 13,
                (_, Some(line)) => 2 * line.columns as u32 + 2,
                _ => 18,
            }
    }

    fn check_unit(&self, driver: ForceDriver) -> Result<(), Problem> {
        let wrong = match driver {
            ForceDriver::Mark10 if self.unit.of_mass() => "a force gauge shows N, mN, kN, lbF, ozF, gF or kgF",
            ForceDriver::MtSics if !self.unit.of_mass() => "a balance shows mg, g or kg",
            _ => return Ok(()),
        };
        Err(Problem::at("force.gauge.unit", format!("unit {:?}: {wrong}", self.unit.name())))
    }

    fn check_line(&self, driver: ForceDriver) -> Result<(), Problem> {
        let line = match (driver, &self.line) {
            (ForceDriver::Line, Some(line)) => line,
            (ForceDriver::Line, None) => {
                let message = "the driver \"line\" needs [force.gauge.line]: separator, columns, force, scale";
                return Err(Problem::at("force.gauge.line", message));
            }
            (_, Some(_)) => {
                return Err(Problem::at(
                    "force.gauge.line",
                    "only the driver \"line\" reads columns; remove the table",
                ));
            }
            (_, None) => return Ok(()),
        };
        within("value", "", line.columns as f64, 1.0, 32.0)
            .map_err(|error| Problem::at("force.gauge.line.columns", error))?;
        let clock = line.clock.as_ref().map(|clock| ("clock.column", clock.column, "clock.scale_s", clock.scale_s));
        for (path, column, scale_path, scale) in
            [Some(("force", line.force, "scale", line.scale)), clock].into_iter().flatten()
        {
            if column >= line.columns {
                let message = format!("column {column} (from 0) of a line of {} columns", line.columns);
                return Err(Problem::at(format!("force.gauge.line.{path}"), message));
            }
            if !scale.is_finite() || scale == 0.0 {
                let message = format!("scale {scale}; it must be a number other than 0");
                return Err(Problem::at(format!("force.gauge.line.{scale_path}"), message));
            }
        }
        if self.output == Output::Poll {
            return Err(Problem::at("force.gauge.output", "printed lines come by themselves; write output = \"auto\""));
        }
        Ok(())
    }
}

/// What a driver can do.
struct Limits {
    sample_rate_hz: [f64; 2],
    baud: [f64; 2],
}

impl Limits {
    /// `None` for a device that latches the stage's encoder.
    fn of(driver: ForceDriver, output: Output) -> Option<Self> {
        match (driver, output) {
            (ForceDriver::BenchLink, _) => None,
            (ForceDriver::Mark10, Output::Auto) => {
                Some(Self { sample_rate_hz: [10.0, 250.0], baud: [9600.0, 115_200.0] })
            }
            (ForceDriver::Mark10, Output::Poll) => {
                Some(Self { sample_rate_hz: [10.0, 100.0], baud: [9600.0, 115_200.0] })
            }
            (ForceDriver::MtSics, _) => Some(Self { sample_rate_hz: [10.0, 100.0], baud: [1200.0, 115_200.0] }),
            (ForceDriver::Line, _) => Some(Self { sample_rate_hz: [10.0, 1000.0], baud: [1200.0, 4e6] }),
        }
    }
}
