//! Needle cartridges (TOML).

use super::{Document, Problem};
use crate::units::within;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cartridge file (`cartridge/1`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cartridge {
    /// Always `cartridge/1`.
    pub schema: String,
    /// Name, as given to `--cartridge`.
    pub name: String,
    /// Number of needles, 1 to 100.
    pub needles: u32,
    /// Needle gauge, for example `33G`.
    pub gauge: String,
    /// Needle diameter, mm.
    pub diameter_mm: f64,
    /// SD of the tip heights among the needles of one cartridge, mm (drawing tolerance; the simulator draws from it).
    pub height_sd_mm: f64,
    /// Largest set depth that the cartridge allows, mm.
    pub max_set_depth_mm: f64,
    /// Set depths that a validation tests, mm, ascending.
    pub set_depths_mm: Vec<f64>,
    /// How many runs one cartridge may serve before it must be replaced.
    pub uses_max: u32,
}

impl Document for Cartridge {
    const SCHEMA: &'static str = "cartridge/1";

    fn check(&self) -> Result<(), Problem> {
        let limits = [
            ("needles", "", f64::from(self.needles), 1.0, 100.0),
            ("diameter_mm", "mm", self.diameter_mm, 0.05, 1.0),
            ("height_sd_mm", "mm", self.height_sd_mm, 0.0, 0.2),
            ("max_set_depth_mm", "mm", self.max_set_depth_mm, 0.05, 8.0),
            ("uses_max", "", f64::from(self.uses_max), 1.0, 1e6),
        ];
        for (path, unit, value, min, max) in limits {
            within("value", unit, value, min, max).map_err(|error| Problem::at(path, error))?;
        }
        if self.set_depths_mm.is_empty() {
            return Err(Problem::at("set_depths_mm", "the list is empty; name at least one set depth"));
        }
        for (index, &set_depth_mm) in self.set_depths_mm.iter().enumerate() {
            self.check_set_depth(set_depth_mm)
                .map_err(|error| Problem::at(format!("set_depths_mm[{index}]"), error))?;
        }
        if self.set_depths_mm.windows(2).any(|pair| pair[1] <= pair[0]) {
            return Err(Problem::at("set_depths_mm", "set depths must ascend, each once"));
        }
        Ok(())
    }
}

impl Cartridge {
    /// Refuses a set depth that this cartridge cannot be used at.
    ///
    /// # Errors
    ///
    /// [`crate::units::OutOfRange`] with the cartridge's limit.
    pub fn check_set_depth(&self, set_depth_mm: f64) -> Result<f64, crate::units::OutOfRange> {
        within(&format!("set depth for cartridge {}", self.name), "mm", set_depth_mm, 0.05, self.max_set_depth_mm)
    }
}
