//! Recorded captures: what a bench writes while it measures, and how it is read back.
//!
//! A capture is a JSON header and a data file beside it (contract: `capture/1`). Readers hand out [`Block`]s, so
//! memory does not grow with the length of a recording. A reader never repairs: NaN, gaps and repeated rows are
//! passed on as they stand (measurement counts them); a row that is no row is an error with its line.
//!
//! Deliberately absent: any judgement of the data, and clocks.

pub mod compact;
pub mod csv;
pub mod csv_writer;
pub mod decimal;
pub mod header;
pub mod memory;
pub mod parquet_writer;
pub mod rfc4180;

use serde::{Deserialize, Serialize};

/// What kind of procedure a capture records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Quasi-static: touch, retract, press, hold, withdraw.
    Press,
    /// Running pen: touch, retract, standoff, run.
    Dynamic,
    /// Needle through a foil (ISO 7864 kind): press and perhaps withdraw.
    Puncture,
}

/// Phase of the procedure in which a sample was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Needles retracted, stage rises until the face touches.
    Touch,
    /// Stage steps back, pen extends (press) or starts (dynamic).
    Retract,
    /// Needles extended and held, stage rises.
    Press,
    /// Stage at rest, surface flush with the face.
    Hold,
    /// Stage withdraws.
    Withdraw,
    /// Pen strokes, stage rises slowly from out of reach.
    Standoff,
    /// Pen strokes at a fixed gap.
    Run,
}

impl Phase {
    /// Every phase with its name in a capture.
    pub const ALL: [(Phase, &'static str); 7] = [
        (Phase::Touch, "touch"),
        (Phase::Retract, "retract"),
        (Phase::Press, "press"),
        (Phase::Hold, "hold"),
        (Phase::Withdraw, "withdraw"),
        (Phase::Standoff, "standoff"),
        (Phase::Run, "run"),
    ];

    /// The name in a capture.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The phase of this name, byte for byte.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().find(|(_, text)| text.as_bytes() == name).map(|(phase, _)| *phase)
    }
}

/// Calibrated properties of the force channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ForceChannel {
    /// Undamped natural frequency of cell and load, Hz.
    pub natural_hz: f64,
    /// Damping ratio, dimensionless.
    pub damping: f64,
    /// Smallest step of a reading, N.
    pub resolution_n: f64,
    /// Largest reading that is not saturated, N; absent where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_n: Option<f64>,
    /// Standard uncertainty of `natural_hz`, Hz; absent where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub natural_u_hz: Option<f64>,
    /// Standard uncertainty of `damping`; absent where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damping_u: Option<f64>,
    /// Relative standard uncertainty of the force calibration; absent where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_u: Option<f64>,
}

/// Properties of the stage's encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StageChannel {
    /// Smallest step of a reading, mm.
    pub resolution_mm: f64,
    /// Standard uncertainty of the encoder's scale over the travel of one capture, mm; absent where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_u_mm: Option<f64>,
}

/// What a gauge study found of the bench, from its calibration record; lengths in mm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GaugeStudy {
    /// SD of repeated presses under one mounting, mm.
    pub repeatability_u_mm: f64,
    /// Its degrees of freedom.
    pub repeatability_dof: f64,
    /// SD between mountings (operators, days), mm.
    pub reproducibility_u_mm: f64,
    /// Its degrees of freedom.
    pub reproducibility_dof: f64,
}

/// How force and position were brought together on a bench whose force device knows nothing of the stage: time stamps
/// of the host, and the position between polls of the stage, along its motion at constant speed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Pairing {
    /// Standard uncertainty of the time of a force against that of the position, s; differs from row to row.
    pub time_u_s: f64,
    /// Standard uncertainty of the constant delay of the force (its mean is taken out of `t_s`), s.
    pub delay_u_s: f64,
    /// Standard uncertainty of the stage's own count as a position, mm: play and pitch of its screw.
    pub position_u_mm: f64,
}

/// The JSON beside the data (contract: `capture/1`). Unknown keys are kept out of the measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Header {
    /// Always `capture/1`.
    pub schema: String,
    /// Which procedure.
    pub kind: Kind,
    /// Name of the data file, beside the header.
    pub data: String,
    /// Declared sample rate, Hz. The measured rate is what counts.
    pub sample_rate_hz: f64,
    /// What the pen was told, mm; absent in puncture captures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_depth_mm: Option<f64>,
    /// Number of needles of the cartridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needles: Option<u32>,
    /// Compliance of the load path, mm/N.
    #[serde(default)]
    pub compliance_mm_per_n: f64,
    /// Standard uncertainty of the compliance, mm/N; absent where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compliance_u_mm_per_n: Option<f64>,
    /// The force channel; may be absent in puncture captures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<ForceChannel>,
    /// The stage channel; may be absent in puncture captures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageChannel>,
    /// What a gauge study found of the bench; absent where none was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gauge: Option<GaugeStudy>,
    /// Rate that the pen was told, Hz; dynamic captures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stroke_rate_hz: Option<f64>,
    /// How force and position were brought together; absent where one clock latched both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairing: Option<Pairing>,
    /// True where a simulated bench produced it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

/// A run of consecutive rows that share one phase. The vectors have equal length, at most [`Block::ROWS_MAX`].
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Index of the first row in the capture, from 0.
    pub first: u64,
    /// Phase of every row in the block.
    pub phase: Phase,
    /// Time, s; strictly as recorded.
    pub t_s: Vec<f64>,
    /// Force, N, positive in compression; may hold NaN.
    pub force_n: Vec<f64>,
    /// Stage position, mm, growing towards the pen; may hold NaN.
    pub stage_mm: Vec<f64>,
}

impl Block {
    /// Most rows that a reader puts into one block.
    pub const ROWS_MAX: usize = 8192;

    /// A block without rows, to be filled by a [`Source`].
    pub fn empty() -> Self {
        Self { first: 0, phase: Phase::Touch, t_s: Vec::new(), force_n: Vec::new(), stage_mm: Vec::new() }
    }

    /// Removes the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.t_s.clear();
        self.force_n.clear();
        self.stage_mm.clear();
    }
}

/// Where rows come from: a CSV file, the compact form, or memory.
pub trait Source {
    /// Fills `block` with the next rows. Returns false, and leaves the block empty, at the end.
    ///
    /// # Errors
    ///
    /// [`ReadError`] where the data is no capture data.
    fn next_block(&mut self, block: &mut Block) -> Result<bool, ReadError>;
}

/// Data that cannot be read as a capture. The message names file, line or byte, the value and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {place}: {message}")]
pub struct ReadError {
    /// The file, as it was named by the caller.
    pub file: String,
    /// Line, column or byte.
    pub place: String,
    /// What is wrong and what to do next.
    pub message: String,
}
