//! The tables of a run: presses.csv, strokes.csv, criteria.csv (contract), written and read back.

use super::{
    RecordError,
    model::{PressRow, StrokeRow},
};
use crate::acceptance::{Row, gauge::AnovaRow};
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
