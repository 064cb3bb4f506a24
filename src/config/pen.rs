//! Pen prototypes (TOML): what a pen can be told.

use super::{Document, Problem, console::Console};
use crate::units::{OutOfRange, within};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pen file (`pen/1`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pen {
    /// Always `pen/1`.
    pub schema: String,
    /// Name of the pen under test.
    pub name: String,
    /// Model or prototype stage.
    pub model: String,
    /// Smallest set depth, mm.
    pub set_depth_min_mm: f64,
    /// Largest set depth, mm.
    pub set_depth_max_mm: f64,
    /// Slowest stroke rate, Hz.
    pub stroke_rate_min_hz: f64,
    /// Fastest stroke rate, Hz.
    pub stroke_rate_max_hz: f64,
    /// Unique id that its firmware must report, as 24 hexadecimal digits (`{serial}` of a console); absent: any pen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The text console of a prototype that does not speak BENCH-LINK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<Console>,
}

impl Document for Pen {
    const SCHEMA: &'static str = "pen/1";

    fn check(&self) -> Result<(), Problem> {
        let limits = [
            ("set_depth_min_mm", "mm", self.set_depth_min_mm, 0.0, 8.0),
            ("set_depth_max_mm", "mm", self.set_depth_max_mm, self.set_depth_min_mm, 8.0),
            ("stroke_rate_min_hz", "Hz", self.stroke_rate_min_hz, 1.0, 400.0),
            ("stroke_rate_max_hz", "Hz", self.stroke_rate_max_hz, self.stroke_rate_min_hz, 400.0),
        ];
        for (path, unit, value, min, max) in limits {
            within("value", unit, value, min, max).map_err(|error| Problem::at(path, error))?;
        }
        if let Some(console) = &self.console {
            return console.compile().map(|_| ());
        }
        match &self.uid {
            Some(uid) if uid.len() != 24 || !uid.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Err(Problem::at("uid", format!("{uid:?} is no device id; 24 hexadecimal digits are wanted")))
            }
            _ => Ok(()),
        }
    }
}

impl Pen {
    /// Refuses a set depth that this pen does not have.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] with the pen's limits.
    pub fn check_set_depth(&self, set_depth_mm: f64) -> Result<f64, OutOfRange> {
        let what = format!("set depth for pen {}", self.name);
        within(&what, "mm", set_depth_mm, self.set_depth_min_mm, self.set_depth_max_mm)
    }

    /// Refuses a stroke rate that this pen does not have.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] with the pen's limits.
    pub fn check_stroke_rate(&self, stroke_rate_hz: f64) -> Result<f64, OutOfRange> {
        let what = format!("stroke rate for pen {}", self.name);
        within(&what, "Hz", stroke_rate_hz, self.stroke_rate_min_hz, self.stroke_rate_max_hz)
    }
}
