//! Measurands from captures: protrusion, penetration, strokes, puncture, each with its uncertainty budget.
//!
//! Pure functions of recorded data: same capture in, same numbers out. `rig validate` measures the files that it
//! has just written, through the same code as `rig analyze` and `rig verify --recompute`.
//!
//! Invariant: a capture is measured, with its survived faults counted, or refused with a reason. Never a wrong
//! number with a small uncertainty.
//! Deliberately absent: files, clocks, randomness, limits of acceptance.

pub mod calibration;
pub mod document;
pub mod dynamic;
pub mod gauge;
pub mod press;
pub mod puncture;
pub mod screen;

use crate::{
    capture::{Header, Kind, ReadError, Source, memory::Recording},
    uncertainty::Measured,
};
use serde::{Deserialize, Serialize};

/// A fault of the recording that was survived, or that led to a refusal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// Stable, kebab-case: `hum`, `spike`, `gap`, `nan`, `saturated`, `stuck-force`, `drift` and so on.
    pub code: String,
    /// How often.
    pub count: u64,
    /// Where, how large, and what it did to the result.
    pub message: String,
}

/// Why a capture could not be measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable, kebab-case: `no-contact`, `truncated`, `missing-phase` and so on.
    pub code: String,
    /// Which sample or phase, the value, the limit, and what to do next.
    pub message: String,
}

/// Result of a press (metrology: protrusion and penetration, quasi-static). Lengths in mm, forces in N.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Press {
    /// Stage position at which the undeformed surface lies in the plane of the face.
    pub face_mm: Measured,
    /// Stage position at which the foremost tip meets the undeformed surface.
    pub tip_mm: Measured,
    /// `face_mm - tip_mm`.
    pub protrusion_mm: Measured,
    /// Length of the foremost needle inside the phantom at the hold; zero where nothing was entered.
    pub penetration_mm: Measured,
    /// Whether any needle entered.
    pub punctured: bool,
    /// Peak before the first real drop; `None` where nothing was entered.
    pub puncture_force_n: Option<Measured>,
    /// Row of that peak in the capture, from 0.
    pub puncture_index: Option<u64>,
}

/// One stroke of a running pen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stroke {
    /// Number in the run, from 0; missed strokes are numbered too.
    pub stroke: u64,
    /// Start, s since the capture began.
    pub start_s: f64,
    /// Duration, s.
    pub period_s: f64,
    /// Peak of the force, N, frequency response of the cell taken out.
    pub peak_force_n: f64,
    /// Protrusion at the deepest point, mm; `None` where the stroke was missed.
    pub protrusion_mm: Option<f64>,
    /// Standard uncertainty of one stroke's protrusion (noise of this stroke alone), mm.
    pub protrusion_u_mm: Option<f64>,
    /// Penetration at the deepest point, mm; `None` where the stroke was missed.
    pub penetration_mm: Option<f64>,
    /// Standard uncertainty of one stroke's penetration (noise of this stroke alone), mm.
    pub penetration_u_mm: Option<f64>,
    /// A period in which no needle reached the phantom although it should have.
    pub missed: bool,
}

/// One bin of the stand-off scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScanBin {
    /// Mean gap of the strokes in the bin, mm (positive: surface stands off the face).
    pub gap_mm: f64,
    /// Strokes in the bin.
    pub strokes: u64,
    /// Share of them that touched, 0 to 1.
    pub touch_share: f64,
    /// Mean peak force of those that touched, N.
    pub peak_force_n: f64,
}

/// Result of a stand-off scan and run (metrology: running pen).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dynamic {
    /// As for a press, from the touch phase.
    pub face_mm: Measured,
    /// Strokes per second, from the force signal.
    pub stroke_rate_hz: Measured,
    /// SD of the stroke period, s, measurement noise taken out.
    pub period_jitter_s: f64,
    /// Mean protrusion over the run's strokes (missed ones left out), mm.
    pub protrusion_mm: Measured,
    /// SD over strokes, mm, measurement noise taken out.
    pub protrusion_sd_mm: f64,
    /// Standard uncertainty of that SD, mm.
    pub protrusion_sd_u_mm: f64,
    /// Mean penetration over the run's strokes, mm.
    pub penetration_mm: Measured,
    /// SD over strokes, mm, measurement noise taken out.
    pub penetration_sd_mm: f64,
    /// Standard uncertainty of that SD, mm.
    pub penetration_sd_u_mm: f64,
    /// How many strokes were missed.
    pub missed: u64,
    /// Every stroke of the run in order. A run has hundreds of thousands, so they stand in `strokes.csv` alone, and not
    /// in the document of the measurement too.
    #[serde(skip)]
    pub strokes: Vec<Stroke>,
    /// The stand-off scan, by gap.
    pub scan: Vec<ScanBin>,
}

/// Result of a puncture test (ISO 7864 kind).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Puncture {
    /// Stage position of first contact; `None` where contact was not recorded.
    pub tip_mm: Option<Measured>,
    /// Whether the needle went through.
    pub punctured: bool,
    /// Peak before the first real drop.
    pub puncture_force_n: Option<Measured>,
    /// Row of that peak in the capture, from 0.
    pub puncture_index: Option<u64>,
    /// Mean friction force after the last puncture.
    pub drag_force_n: Option<Measured>,
    /// Peaks of all layers in order: row and force, N.
    pub layers: Vec<(u64, f64)>,
}

/// What a capture of each kind yields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// From a press capture.
    Press(Press),
    /// From a dynamic capture.
    Dynamic(Dynamic),
    /// From a puncture capture.
    Puncture(Puncture),
}

/// Outcome or refusal, and every fault that was found on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The measurands, or why there are none.
    pub outcome: Result<Outcome, Refusal>,
    /// Faults of the recording, counted.
    pub anomalies: Vec<Anomaly>,
}

/// Rows that a capture may have which is measured as a whole (press, puncture): 15 minutes at 10 kHz.
pub const ROWS_MAX: usize = 9_000_000;

/// Measures a capture of any kind.
///
/// # Errors
///
/// [`ReadError`] where the data is no capture data; everything else is a refusal in the measurement.
pub fn measure(header: &Header, source: &mut dyn Source) -> Result<Measurement, ReadError> {
    match header.kind {
        Kind::Press => Ok(press::measure(header, &Recording::read(source, ROWS_MAX)?)),
        Kind::Dynamic => dynamic::measure(header, source),
        Kind::Puncture => Ok(puncture::measure(header, &Recording::read(source, ROWS_MAX)?)),
    }
}
