//! The decision: criteria judged on measured values, with stated risk.
//!
//! Pure functions: the same rows and plan give the same verdict in `rig validate`, `rig accept` and
//! `rig verify --recompute`.
//!
//! Invariant: strokes are never treated as independent where they are not; no criterion is decided without the
//! uncertainty of the measurement; nothing is excluded after the data were seen.
//! Deliberately absent: files, measurement, any limit (limits come from the plan, with their rationale).

pub mod comparison;
pub mod dataset;
pub mod decision;
pub mod diagnostics;
pub mod estimate;
pub mod factorial;
pub mod gauge;
pub mod interval;
pub mod judgement;
pub mod measurements;
pub mod missed;
pub mod operating;
pub mod risk;
pub mod synthetic;
pub mod tolerance_interval;

use serde::{Deserialize, Serialize};

/// Outcome of a criterion or of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Shown to hold at the stated risk.
    Accept,
    /// Measured validly, planned sample size met, not shown to hold.
    Reject,
    /// Too little, or invalid, data for a decision.
    Inconclusive,
    /// The run ended before the data were complete.
    Aborted,
}

/// One judged criterion: a row of `criteria.csv` and of `verdict.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Row {
    /// Id in the plan.
    pub criterion: String,
    /// Set depth it speaks of, mm; `None` where it speaks of all.
    pub set_depth_mm: Option<f64>,
    /// Quantity judged: `protrusion`, `penetration`, `puncture_rate`, `stroke_sd`, `missed`, `drift`,
    /// `repeatability`, `grr`.
    pub quantity: String,
    /// Unit of estimate, bounds and limits: `mm`, `Hz`, or `1` for shares.
    pub unit: String,
    /// Number of values judged.
    pub n: u64,
    /// Best estimate of the statistic.
    pub estimate: Option<f64>,
    /// Lower end of the interval judged.
    pub lower: Option<f64>,
    /// Upper end of the interval judged.
    pub upper: Option<f64>,
    /// Lower limit of the plan, before the guard band.
    pub limit_lower: Option<f64>,
    /// Upper limit of the plan, before the guard band.
    pub limit_upper: Option<f64>,
    /// Guard band taken off at each limit.
    pub guard_band: f64,
    /// Accept, reject or inconclusive.
    pub verdict: Verdict,
    /// How the interval was computed, with its sample sizes and degrees of freedom, in one line.
    pub method: String,
    /// Why this verdict, in one sentence; with the number of values that would be enough where there were too few.
    pub reason: String,
    /// Why the limit is what it is, from the plan.
    pub rationale: String,
    /// Diagnostics that change nothing (normality, outliers, drift, variance components), each in one line.
    pub notes: Vec<String>,
}
