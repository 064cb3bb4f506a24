//! Calibration records of a bench: force scale, load-path compliance, frequency response, encoder (TOML).
//!
//! Scales belong to the host, never to a device. A record carries its date, due date, reference standard and the
//! standard uncertainty of every value, since those enter the budgets.

use super::{Document, Problem};
use crate::units::within;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
        let studied = self.repeatability.as_ref().map(|found| ("repeatability.date", &found.date));
        for (path, day) in [("date", &self.date), ("due", &self.due)].into_iter().chain(studied) {
            day.parse::<jiff::civil::Date>()
                .map_err(|_| Problem::at(path, format!("{day:?} is no day; write YYYY-MM-DD")))?;
        }
        Ok(())
    }
}
