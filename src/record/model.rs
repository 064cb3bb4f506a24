//! What a finished run is, in memory: the rows of its tables, its captures and its verdict, as reports read them.
//!
//! Invariant: everything here is in the archive; a report is a pure function of a [`RunRecord`].

use crate::{
    acceptance::{Row, Verdict, comparison::Comparison, gauge::GaugeStudy, operating::Characteristic},
    capture::Header,
    measure::Measurement,
    record::signature::Signed,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// A row of `presses.csv`. Lengths in mm, forces in N.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns of the contract, defined in metrology")]
pub struct PressRow {
    pub pen: String,
    pub cartridge: String,
    pub set_depth_mm: f64,
    pub site: u32,
    pub face_mm: Option<f64>,
    pub tip_mm: Option<f64>,
    pub protrusion_mm: Option<f64>,
    pub protrusion_u_mm: Option<f64>,
    pub penetration_mm: Option<f64>,
    pub penetration_u_mm: Option<f64>,
    pub puncture_force_n: Option<f64>,
    pub punctured: Option<bool>,
    pub capture: String,
    /// Operator of a gauge study; empty in a validation.
    #[serde(default)]
    pub operator: Option<String>,
    /// Number of the press at its place in a gauge study, from 0; empty in a validation.
    #[serde(default)]
    pub repeat: Option<u32>,
}

/// A row of `strokes.csv`. Lengths in mm, forces in N, times in s.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are the columns of the contract, defined in metrology")]
pub struct StrokeRow {
    pub pen: Arc<str>,
    pub cartridge: Arc<str>,
    pub set_depth_mm: f64,
    pub stroke: u64,
    pub start_s: f64,
    pub period_s: f64,
    pub peak_force_n: f64,
    pub protrusion_mm: Option<f64>,
    pub protrusion_u_mm: Option<f64>,
    pub penetration_mm: Option<f64>,
    pub penetration_u_mm: Option<f64>,
    pub missed: bool,
    pub capture: Arc<str>,
}

/// The contract's `verdict.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VerdictDocument {
    /// Always `verdict/1`.
    pub schema: String,
    /// Run id: `YYYYMMDDTHHMMSSZ-CARTRIDGE-xxxxxx`.
    pub run: String,
    /// The verdict of the run.
    pub verdict: Verdict,
    /// Why, in one or two sentences; for an aborted run the fault and the state of the bench.
    pub reason: String,
    /// True where a simulated bench produced the data.
    pub simulated: bool,
    /// Seed of the simulated world, where there is one.
    pub seed: Option<u64>,
    /// The judged criteria.
    pub criteria: Vec<Row>,
    /// What population the verdict speaks of.
    pub scope: String,
    /// How good a pen must be to pass the protrusion criteria with the sample that was measured.
    #[serde(default)]
    pub operating_characteristic: Vec<Characteristic>,
    /// What a gauge study found; none where a pen was validated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gauge: Option<GaugeStudy>,
    /// Name of the rig.
    pub rig: String,
    /// Name of the plan.
    pub plan: String,
    /// Name of the cartridge.
    pub cartridge: String,
    /// Name of the pen.
    pub pen: String,
    /// Program, formats, random generator, firmware of each device.
    pub versions: BTreeMap<String, String>,
    /// State of the bench at the end: `safe`, or what could not be confirmed.
    pub bench_state: String,
    /// Start of the run, RFC 3339, UTC.
    pub started: String,
    /// Time on the bench, s.
    pub bench_time_s: f64,
}

impl VerdictDocument {
    /// Its format.
    pub const SCHEMA: &str = "verdict/1";
}

/// One of the runs of a comparison, as its own verdict names it.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ComparedRun {
    /// Run id.
    pub run: String,
    /// Verdict of the run.
    pub verdict: Verdict,
    /// Its reason, refused captures counted.
    pub reason: String,
    /// Name of the plan.
    pub plan: String,
    /// Name of the rig.
    pub rig: String,
    /// Name of the cartridge.
    pub cartridge: String,
    /// Name of the pen.
    pub pen: String,
    /// Versions of program, formats and firmware.
    pub versions: BTreeMap<String, String>,
}

impl From<&VerdictDocument> for ComparedRun {
    fn from(document: &VerdictDocument) -> Self {
        let VerdictDocument { run, verdict, reason, plan, rig, cartridge, pen, versions, .. } = document.clone();
        Self { run, verdict, reason, plan, rig, cartridge, pen, versions }
    }
}

/// What `rig compare` answers.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ComparisonDocument {
    /// Always `comparison/1`.
    pub schema: String,
    /// Id of the first run.
    pub a: String,
    /// Id of the second run.
    pub b: String,
    /// Digest of the record of the first run.
    pub a_digest: String,
    /// Digest of the record of the second run.
    pub b_digest: String,
    /// Both runs, in this order.
    pub runs: [ComparedRun; 2],
    /// Start of the later of the two, RFC 3339, UTC.
    pub started: String,
    /// True where a simulated bench produced either.
    pub simulated: bool,
    /// `protrusion` or `penetration`.
    pub quantity: String,
    /// Difference of means that still counts as none, mm.
    pub margin_mm: f64,
    /// Risk of calling equivalent what is not.
    pub alpha: f64,
    /// Whether both runs rest on the same calibration, whose error cancels in the difference.
    pub same_calibration: bool,
    /// The answer.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Version of the program.
    pub version: String,
}

/// A drawn-down trace of one press for figures: the extremes of each step of stage travel, in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Name of the phase, stage position in mm, force in N; at most a few thousand points.
    pub points: Vec<(&'static str, f64, f64)>,
}

/// A capture with what was measured from it.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptureRecord {
    /// Name without ending, as in the tables' column `capture`.
    pub name: String,
    /// The header as recorded.
    pub header: Header,
    /// What was measured, or why not, and the faults found.
    pub measurement: Measurement,
    /// For presses and for what was refused: the trace, drawn down.
    pub curve: Curve,
}

/// A named check of the bench before the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// For example `force noise`.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// What was measured, and the limit.
    pub detail: String,
}

/// A line of the journal, in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalLine {
    /// Seconds of run time.
    pub t_s: f64,
    /// Kind of event, for example `phase`, `anomaly`, `fault`, `safe-state`.
    pub event: String,
    /// One sentence.
    pub text: String,
}

/// The electronic signatures of an archive.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signatures {
    /// Those that hold, in the order in which they were given.
    pub held: Vec<Signed>,
    /// What is wrong with the others.
    pub broken: Vec<String>,
}

/// A step of a run that was begun, whether it came to its end or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Name of the step's capture.
    pub capture: String,
    /// Number of the attempt at this step, from 1.
    pub number: usize,
    /// Seconds of run time at its begin.
    pub began_s: f64,
    /// Whether its capture is whole.
    pub whole: bool,
    /// How it ended, in words.
    pub ended: String,
    /// The name under which a capture that was cut off is kept; `None` where it was not, or nothing had been recorded.
    pub kept: Option<String>,
}

/// What stopped a run before its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    /// Seconds of run time.
    pub t_s: f64,
    /// Kind of fault as in the journal; [`Stop::INTERLOCK`] for a hard limit, `cut off` where no fault was written.
    pub kind: String,
    /// What happened.
    pub why: String,
    /// State of the bench afterwards; `None` where the journal does not say.
    pub bench: Option<String>,
}

impl Stop {
    /// Kind of a stop by a hard limit.
    pub const INTERLOCK: &str = "interlock";
}

/// Everything that a report needs, read from an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// The verdict document.
    pub verdict: VerdictDocument,
    /// Rows of `presses.csv`.
    pub presses: Vec<PressRow>,
    /// Rows of `strokes.csv`.
    pub strokes: Vec<StrokeRow>,
    /// Captures in the order of measurement.
    pub captures: Vec<CaptureRecord>,
    /// Checks made before the run.
    pub checks: Vec<Check>,
    /// Every step that was begun, in order.
    pub attempts: Vec<Attempt>,
    /// What stopped the run, in order.
    pub stops: Vec<Stop>,
    /// The journal.
    pub journal: Vec<JournalLine>,
    /// Settings as used: file name and text.
    pub settings: Vec<(String, String)>,
    /// Electronic signatures, when the record was read.
    pub signatures: Signatures,
    /// What the record is known by; see [`record_digest`](super::manifest::record_digest).
    pub digest: String,
}
