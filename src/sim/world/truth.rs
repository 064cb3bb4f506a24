//! What only the world knows: for the truth bench and for tests, never for a device.
//!
//! The last entry of each list is the one under way.
//! Deliberately absent: anything that a measurement could use; no firmware hands this out.

use crate::time::RunTime;

/// The truth about the present run and about every hold so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// How far each needle tip stands behind the foremost, mm, ascending.
    pub behind_mm: Vec<f64>,
    /// Strokes since the motor was last told to run.
    pub strokes: Vec<StrokeTruth>,
    /// Every time the pen held its needles out.
    pub holds: Vec<HoldTruth>,
}

/// One stroke. Contact figures are those of its deepest point, zero where it touched nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StrokeTruth {
    /// When it began, at the retracted dead centre.
    pub start: RunTime,
    /// Duration, s.
    pub period_s: f64,
    /// Protrusion of the foremost tip at full extension, mm (that of a driven stroke, where it was missed).
    pub protrusion_mm: f64,
    /// Length of the foremost needle inside the phantom, mm.
    pub penetration_mm: f64,
    /// Mean of that over all needles, mm.
    pub penetration_mean_mm: f64,
    /// Interference of the foremost tip with the undeformed surface, mm: protrusion minus gap.
    pub interference_mm: f64,
    /// Largest force on the cell, N, before the cell's own response.
    pub peak_force_n: f64,
    /// The cartridge was not driven.
    pub missed: bool,
    /// The start-up of the motor is over.
    pub settled: bool,
}

/// One hold with the needles out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HoldTruth {
    /// Protrusion of the foremost tip, mm.
    pub protrusion_mm: f64,
    /// Site in x and y, mm.
    pub site_mm: [f64; 2],
    /// Carriage position at which the undeformed surface of the site lies in the plane of the face, mm.
    pub face_mm: f64,
    /// Carriage position at which the foremost tip meets the undeformed surface, mm.
    pub tip_mm: f64,
    /// Gap at the deepest point, mm; negative where the face presses in.
    pub gap_mm: f64,
    /// Interference of the foremost tip with the undeformed surface at the deepest point, mm.
    pub interference_mm: f64,
    /// Length of the foremost needle inside the phantom at the deepest point, mm.
    pub penetration_mm: f64,
    /// Mean of that over all needles, mm.
    pub penetration_mean_mm: f64,
    /// Needles inside at the deepest point.
    pub punctured_needles: usize,
    /// Largest force, N, before the cell's own response.
    pub peak_force_n: f64,
}

impl Truth {
    /// Strokes per second over the settled strokes of the run; `None` with fewer than two.
    pub fn rate_hz(&self) -> Option<f64> {
        let first = self.strokes.iter().position(|stroke| stroke.settled)?;
        let strokes = &self.strokes[first..];
        let (start, end) = (strokes.first()?.start, strokes.last()?.start);
        (strokes.len() > 1).then(|| (strokes.len() - 1) as f64 / end.since(start).as_secs_f64())
    }
}
