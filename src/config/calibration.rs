//! Calibration records of a bench: force scale, load-path compliance, frequency response, encoder (TOML).
//!
//! Scales belong to the host, never to a device. A record carries its date, due date, reference standard and the
//! standard uncertainty of every value, since those enter the budgets.

use super::{Document, Problem};
use crate::units::within;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A calibration file (`calibration/1`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Always `calibration/1`.
    pub schema: String,
    /// Name of the record, for example `lc-117`.
    pub name: String,
    /// Who calibrated.
    pub operator: String,
    /// Day of the calibration, `YYYY-MM-DD`.
    pub date: String,
    /// Day from which it no longer holds, `YYYY-MM-DD`.
    pub due: String,
    /// What it was calibrated against, with its certificate.
    pub reference: String,
    /// The force channel.
    pub force: Force,
    /// The load path.
    pub compliance: Compliance,
    /// The cell's frequency response.
    pub response: Response,
    /// The stage's encoder as the force device latches it.
    pub encoder: Encoder,
    /// What a gauge study found (`rig calibrate repeatability`); absent where none was made, as reports then say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeatability: Option<Repeatability>,
    /// What was calibrated when, by whom, against what; the newest of a kind counts. What has none falls under the
    /// record's own days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// Scatter of the whole bench in repeated presses on a reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeatability {
    /// SD of repeated presses under one mounting, mm.
    pub u_mm: f64,
    /// Its degrees of freedom.
    pub df: f64,
    /// SD between sessions (an operator's mounting on one day), mm; 0 where the study showed none.
    pub reproducibility_u_mm: f64,
    /// Its degrees of freedom.
    pub reproducibility_df: f64,
    /// Run ids of the study.
    pub runs: Vec<String>,
    /// Day of the last of them, `YYYY-MM-DD`.
    pub date: String,
}

/// Part of a bench that is calibrated on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The force scale, by check masses.
    Force,
    /// The load path, against a hard stop.
    Compliance,
    /// Resonance and damping of the cell, by taps.
    Response,
}

impl What {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Force, Self::Compliance, Self::Response];

    /// Name as in files and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Force => "force",
            Self::Compliance => "compliance",
            Self::Response => "response",
        }
    }
}

/// One calibration as it was made (`rig calibrate`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// What was calibrated.
    pub what: What,
    /// Day, `YYYY-MM-DD`.
    pub date: String,
    /// Day from which it no longer holds, `YYYY-MM-DD`.
    pub due: String,
    /// Who did it.
    pub operator: String,
    /// Reference standard and its certificate.
    pub reference: String,
    /// Whether the bench was simulated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
    /// Air temperature, degrees Celsius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<f64>,
    /// Relative humidity, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub humidity_percent: Option<f64>,
    /// Figures by name, the unit in the name: the value found, its standard uncertainty, and what the method shows
    /// beside (linearity, hysteresis and so on).
    pub results: BTreeMap<String, f64>,
    /// Terms of the uncertainty, relative or in the unit of the value, as the method states them.
    pub budget: BTreeMap<String, f64>,
}

/// Counts to newtons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Force {
    /// Newtons per count; negative where the counts fall in compression.
    pub n_per_count: f64,
    /// Relative standard uncertainty of the scale.
    pub scale_u: f64,
    /// Largest force that is not saturated, N.
    pub range_n: f64,
}

/// Deflection of cell, fixture and frame under load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compliance {
    /// mm/N.
    pub mm_per_n: f64,
    /// Standard uncertainty, mm/N.
    pub u_mm_per_n: f64,
}

/// Second-order response of the cell with the phantom on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Undamped natural frequency, Hz.
    pub natural_hz: f64,
    /// Its standard uncertainty, Hz.
    pub natural_u_hz: f64,
    /// Damping ratio.
    pub damping: f64,
    /// Its standard uncertainty.
    pub damping_u: f64,
}

/// Counts to millimetres.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    /// Millimetres per count.
    pub mm_per_count: f64,
    /// Standard uncertainty of a distance within one capture, mm.
    pub scale_u_mm: f64,
}

impl Document for Calibration {
    const SCHEMA: &'static str = "calibration/1";

    fn check(&self) -> Result<(), Problem> {
        let limits = [
            ("force.n_per_count", "N", self.force.n_per_count.abs(), 1e-12, 1.0),
            ("force.scale_u", "", self.force.scale_u, 0.0, 0.5),
            ("force.range_n", "N", self.force.range_n, 1e-3, 1e4),
            ("compliance.mm_per_n", "mm/N", self.compliance.mm_per_n, 0.0, 1.0),
            ("compliance.u_mm_per_n", "mm/N", self.compliance.u_mm_per_n, 0.0, 1.0),
            ("response.natural_hz", "Hz", self.response.natural_hz, 10.0, 1e5),
            ("response.natural_u_hz", "Hz", self.response.natural_u_hz, 0.0, 1e4),
            ("response.damping", "", self.response.damping, 0.0, 5.0),
            ("response.damping_u", "", self.response.damping_u, 0.0, 1.0),
            ("encoder.mm_per_count", "mm", self.encoder.mm_per_count, 1e-9, 1.0),
            ("encoder.scale_u_mm", "mm", self.encoder.scale_u_mm, 0.0, 1.0),
        ];
        for (path, unit, value, min, max) in limits {
            within("value", unit, value, min, max).map_err(|error| Problem::at(path, error))?;
        }
        if let Some(found) = &self.repeatability {
            for (path, unit, value, min, max) in [
                ("repeatability.u_mm", "mm", found.u_mm, 0.0, 1.0),
                ("repeatability.df", "", found.df, 0.1, 1e9),
                ("repeatability.reproducibility_u_mm", "mm", found.reproducibility_u_mm, 0.0, 1.0),
                ("repeatability.reproducibility_df", "", found.reproducibility_df, 0.1, 1e9),
            ] {
                within("value", unit, value, min, max).map_err(|error| Problem::at(path, error))?;
            }
        }
        if let Some(found) = &self.repeatability {
            check_day("repeatability.date", &found.date)?;
        }
        check_day("date", &self.date)?;
        check_day("due", &self.due)?;
        for (index, evidence) in self.evidence.iter().enumerate() {
            check_day(&format!("evidence[{index}].date"), &evidence.date)?;
            check_day(&format!("evidence[{index}].due"), &evidence.due)?;
        }
        Ok(())
    }
}

fn check_day(path: &str, day: &str) -> Result<(), Problem> {
    day.parse::<jiff::civil::Date>()
        .map(|_| ())
        .map_err(|_| Problem::at(path, format!("{day:?} is no day; write YYYY-MM-DD")))
}

impl Calibration {
    /// The parts that no longer hold on a day (`YYYY-MM-DD`), each with the day on which it was due. `encoder` falls
    /// under the record's own day.
    pub fn overdue(&self, day: &str) -> Vec<(&'static str, &str)> {
        let newest = |what: What| self.evidence.iter().rfind(|evidence| evidence.what == what);
        let parts = What::ALL.map(|what| (what.name(), newest(what).map_or(&self.due, |evidence| &evidence.due)));
        let parts = parts.into_iter().chain([("encoder", &self.due)]);
        // Days are YYYY-MM-DD, so that the order of the text is the order of the days.
        parts.filter(|(_, due)| day > due.as_str()).map(|(name, due)| (name, due.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Calibration;
    use crate::config::parse;

    const RECORD: &str = include_str!("../../fixtures/calibrations/simulated.toml");

    const EVIDENCE: &str = "\n[[evidence]]\nwhat = \"force\"\ndate = \"2040-01-01\"\ndue = \"2041-01-01\"\noperator = \
                            \"a\"\nreference = \"b\"\nresults = {}\nbudget = {}\n";

    #[test]
    fn each_part_falls_due_on_its_own_day() {
        let old: Calibration = parse("r.toml", RECORD).unwrap();
        assert!(old.overdue("2036-01-01").is_empty());
        assert_eq!(old.overdue("2036-01-02").len(), 4);
        let renewed: Calibration = parse("r.toml", &format!("{RECORD}{EVIDENCE}")).unwrap();
        let names: Vec<&str> = renewed.overdue("2040-06-01").iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["compliance", "response", "encoder"]);
        assert_eq!(renewed.overdue("2041-01-02")[0], ("force", "2041-01-01"));
    }

    #[test]
    fn a_record_survives_being_written() {
        let record: Calibration = parse("r.toml", &format!("{RECORD}{EVIDENCE}")).unwrap();
        let text = toml::to_string_pretty(&record).unwrap();
        assert_eq!(parse::<Calibration>("r.toml", &text).unwrap(), record);
        let bad = format!("{RECORD}{EVIDENCE}").replace("2041-01-01", "next year");
        assert!(parse::<Calibration>("r.toml", &bad).unwrap_err().message.contains("no day"));
    }
}
