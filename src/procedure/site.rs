//! Fresh sites on the phantom: a grid in x and y, each used once.

use crate::{
    bench::{Bench, fault::Fault},
    config::rig::Axis,
};

/// Speed between sites, mm/s; the phantom is out of reach then.
const TRAVEL_SPEED_MM_S: f64 = 10.0;

/// Rows of sites that the glide of a run covers.
const ROWS_FOR_A_RUN: u32 = 2;

/// Hands out sites.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    used: u32,
}

impl Sites {
    /// Sites of a phantom of which this many are used.
    pub fn after(used: u32) -> Self {
        Self { used }
    }

    /// How many are used up.
    pub fn used(&self) -> u32 {
        self.used
    }

    /// Moves to the beginning of fresh rows for a run, and leaves them behind for it.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn next_rows(&mut self, bench: &mut Bench) -> Result<(), Fault> {
        let per_row = bench.rig().stage.sites_per_row;
        self.used = self.used.div_ceil(per_row) * per_row;
        self.next(bench)?;
        self.used += ROWS_FOR_A_RUN * per_row - 1;
        Ok(())
    }

    /// Moves to the next fresh site; the stage must be withdrawn. Returns the number of the site, from 0.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn next(&mut self, bench: &mut Bench) -> Result<u32, Fault> {
        let site = self.used;
        self.used += 1;
        if bench.has_site_axes() {
            let (pitch_mm, per_row) = (bench.rig().stage.site_pitch_mm, bench.rig().stage.sites_per_row);
            let x_mm = f64::from(site % per_row) * pitch_mm;
            let y_mm = f64::from(site / per_row) * pitch_mm;
            for (axis, target_mm) in [(Axis::X, x_mm), (Axis::Y, y_mm)] {
                if (bench.position_mm(axis) - target_mm).abs() > 1e-6 {
                    bench.move_to(axis, target_mm, TRAVEL_SPEED_MM_S)?;
                }
            }
        }
        Ok(site)
    }
}
