//! The tables of a run: presses.csv, strokes.csv, criteria.csv (contract), written and read back.

use super::{
    RecordError,
    model::{PressRow, StrokeRow},
};
use crate::acceptance::{
    Row,
    gauge::AnovaRow,
    measurements::{self, Value},
};
use crate::config::plan::{DataSource, Quantity};
use serde::{Serialize, de::DeserializeOwned};
use std::path::Path;

/// A row of `criteria.csv`: the contract's columns of a judged criterion.
#[derive(Serialize)]
struct CriterionRow<'r> {
    criterion: &'r str,
    set_depth_mm: Option<f64>,
    quantity: &'r str,
    n: u64,
    estimate: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    limit_lower: Option<f64>,
    limit_upper: Option<f64>,
    guard_band: f64,
    verdict: crate::acceptance::Verdict,
}

/// A row of `measurements.csv`.
#[derive(Serialize)]
struct MeasurementRow {
    pen: String,
    cartridge: String,
    set_depth_mm: f64,
    stroke: u64,
    quantity: &'static str,
    value_mm: String,
    u_mm: f64,
    source: &'static str,
    set_rate_hz: Option<f64>,
}

const PRESSES: &str = "pen,cartridge,set_depth_mm,site,face_mm,tip_mm,protrusion_mm,protrusion_u_mm,penetration_mm,\
                       penetration_u_mm,puncture_force_n,punctured,capture,operator,repeat";
const STROKES: &str = "pen,cartridge,set_depth_mm,stroke,start_s,period_s,peak_force_n,protrusion_mm,protrusion_u_mm,\
                       penetration_mm,penetration_u_mm,missed,capture";
const GAUGE: &str = "source,df,ss_mm2,ms_mm2,f,p,component_mm2";
const CRITERIA: &str =
    "criterion,set_depth_mm,quantity,n,estimate,lower,upper,limit_lower,limit_upper,guard_band,verdict";

/// Writes `presses.csv`.
///
/// # Errors
///
/// [`RecordError`].
pub fn write_presses(folder: &Path, rows: &[PressRow]) -> Result<(), RecordError> {
    write(&folder.join("presses.csv"), PRESSES, rows)
}

/// Writes `strokes.csv`.
///
/// # Errors
///
/// [`RecordError`].
pub fn write_strokes(folder: &Path, rows: &[StrokeRow]) -> Result<(), RecordError> {
    write(&folder.join("strokes.csv"), STROKES, rows)
}

/// Writes `measurements.csv`: every value that was decided on, as `rig accept` reads them.
///
/// # Errors
///
/// [`RecordError`].
pub fn write_measurements(folder: &Path, values: &[Value]) -> Result<(), RecordError> {
    let row = |value: &Value| MeasurementRow {
        pen: value.pen.to_string(),
        cartridge: value.cartridge.to_string(),
        set_depth_mm: value.set_depth_mm,
        stroke: value.order,
        quantity: value.quantity.name(),
        // A missed stroke is 1 and another 0, without a decimal point.
        value_mm: if value.quantity == Quantity::Missed {
            format!("{:.0}", value.value)
        } else {
            value.value.to_string()
        },
        u_mm: value.u,
        source: match value.source {
            DataSource::Strokes => "strokes",
            DataSource::Presses => "presses",
        },
        set_rate_hz: value.set_rate_hz,
    };
    write(&folder.join("measurements.csv"), &measurements::header(), &values.iter().map(row).collect::<Vec<_>>())
}

/// Writes `gauge.csv`: the analysis of variance of a gauge study.
///
/// # Errors
///
/// [`RecordError`].
pub fn write_gauge(folder: &Path, rows: &[AnovaRow]) -> Result<(), RecordError> {
    write(&folder.join("gauge.csv"), GAUGE, rows)
}

/// Writes `criteria.csv`.
///
/// # Errors
///
/// [`RecordError`].
pub fn write_criteria(folder: &Path, rows: &[Row]) -> Result<(), RecordError> {
    let rows: Vec<CriterionRow<'_>> = rows
        .iter()
        .map(|row| CriterionRow {
            criterion: &row.criterion,
            set_depth_mm: row.set_depth_mm,
            quantity: &row.quantity,
            n: row.n,
            estimate: row.estimate,
            lower: row.lower,
            upper: row.upper,
            limit_lower: row.limit_lower,
            limit_upper: row.limit_upper,
            guard_band: row.guard_band,
            verdict: row.verdict,
        })
        .collect();
    write(&folder.join("criteria.csv"), CRITERIA, &rows)
}

fn write<T: Serialize>(path: &Path, header: &str, rows: &[T]) -> Result<(), RecordError> {
    let failed = |error: csv::Error| RecordError::at(path, error);
    // The header is written here, so that a table without rows has one too.
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_path(path).map_err(failed)?;
    writer.write_record(header.split(',')).map_err(failed)?;
    for row in rows {
        writer.serialize(row).map_err(failed)?;
    }
    let file = writer.into_inner().map_err(|error| RecordError::at(path, error))?;
    file.sync_data().map_err(|error| RecordError::at(path, error))
}

/// Reads one of the tables.
///
/// # Errors
///
/// [`RecordError`] with the line where the table is not what it should be.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, RecordError> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| RecordError::at(path, error))?;
    reader.deserialize().collect::<Result<_, _>>().map_err(|error| RecordError::at(path, error))
}
