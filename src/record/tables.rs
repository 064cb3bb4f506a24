//! The tables of a run: presses.csv, strokes.csv, criteria.csv (contract), written and read back.

use super::{
    RecordError,
    model::{PressRow, StrokeRow},
};
use crate::{
    acceptance::{
        Row,
        gauge::AnovaRow,
        measurements::{self, Value},
    },
    config::plan::{DataSource, Quantity},
    measure::{
        Stroke,
        document::{StrokeOrigin, StrokeTable},
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

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
struct MeasurementRow<'v> {
    pen: &'v str,
    cartridge: &'v str,
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
const GAUGE: &str = "source,df,ss_mm2,ms_mm2,f,p,component_mm2";
const CRITERIA: &str =
    "criterion,set_depth_mm,quantity,n,estimate,lower,upper,limit_lower,limit_upper,guard_band,verdict";

/// Writes `presses.csv`.
///
/// # Errors
///
/// Those of `out`.
pub fn presses(out: &mut dyn Write, rows: impl IntoIterator<Item = PressRow>) -> io::Result<()> {
    table(out, PRESSES, rows)
}

/// Writes `strokes.csv`, from the strokes of one capture after the other.
///
/// # Errors
///
/// Those of `out`.
pub fn strokes<'a>(
    out: &mut dyn Write,
    runs: impl IntoIterator<Item = (StrokeOrigin<'a>, &'a [Stroke])>,
) -> io::Result<()> {
    let mut table = StrokeTable::new(out)?;
    for (origin, strokes) in runs {
        table.append(origin, strokes)?;
    }
    table.finish()?;
    Ok(())
}

/// Reads `strokes.csv`. Names that rows share are kept once.
///
/// # Errors
///
/// [`RecordError`] with the line where the table is not what it should be.
pub fn read_strokes(folder: &Path) -> Result<Vec<StrokeRow>, RecordError> {
    let path = folder.join("strokes.csv");
    let mut reader = csv::Reader::from_path(&path).map_err(|error| RecordError::at(&path, error))?;
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut shared = |name: &str| {
        // Rows of one capture follow one another, so the name is among the last ones.
        if let Some(known) = names.iter().rev().find(|known| known.as_ref() == name) {
            return Arc::clone(known);
        }
        names.push(Arc::from(name));
        Arc::clone(&names[names.len() - 1])
    };
    let mut rows = Vec::new();
    for line in reader.deserialize::<StrokeLine>() {
        let line = line.map_err(|error| RecordError::at(&path, error))?;
        let (pen, cartridge, capture) = (shared(&line.pen), shared(&line.cartridge), shared(&line.capture));
        rows.push(StrokeRow {
            pen,
            cartridge,
            capture,
            set_depth_mm: line.set_depth_mm,
            stroke: line.stroke,
            start_s: line.start_s,
            period_s: line.period_s,
            peak_force_n: line.peak_force_n,
            protrusion_mm: line.protrusion_mm,
            protrusion_u_mm: line.protrusion_u_mm,
            penetration_mm: line.penetration_mm,
            penetration_u_mm: line.penetration_u_mm,
            missed: line.missed,
        });
    }
    Ok(rows)
}

/// A line of `strokes.csv`.
#[derive(Deserialize)]
struct StrokeLine {
    pen: String,
    cartridge: String,
    set_depth_mm: f64,
    stroke: u64,
    start_s: f64,
    period_s: f64,
    peak_force_n: f64,
    protrusion_mm: Option<f64>,
    protrusion_u_mm: Option<f64>,
    penetration_mm: Option<f64>,
    penetration_u_mm: Option<f64>,
    missed: bool,
    capture: String,
}

/// Writes `measurements.csv`: every value that was decided on, as `rig accept` reads them.
///
/// # Errors
///
/// Those of `out`.
pub fn measurements(out: &mut dyn Write, values: impl IntoIterator<Item = Value>) -> io::Result<()> {
    fn row(value: &Value) -> MeasurementRow<'_> {
        MeasurementRow {
            pen: &value.pen,
            cartridge: &value.cartridge,
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
        }
    }
    let mut table = begun(out, &measurements::header())?;
    for value in values {
        table.serialize(row(&value))?;
    }
    table.flush()
}

/// Writes `gauge.csv`: the analysis of variance of a gauge study.
///
/// # Errors
///
/// Those of `out`.
pub fn gauge(out: &mut dyn Write, rows: &[AnovaRow]) -> io::Result<()> {
    table(out, GAUGE, rows)
}

/// Writes `criteria.csv`.
///
/// # Errors
///
/// Those of `out`.
pub fn criteria(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    let rows = rows.iter().map(|row| CriterionRow {
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
    });
    table(out, CRITERIA, rows)
}

fn table<T: Serialize>(out: &mut dyn Write, header: &str, rows: impl IntoIterator<Item = T>) -> io::Result<()> {
    let mut table = begun(out, header)?;
    for row in rows {
        table.serialize(row)?;
    }
    table.flush()
}

/// A table with its header, which one without rows has too.
fn begun<'o>(out: &'o mut dyn Write, header: &str) -> io::Result<csv::Writer<&'o mut dyn Write>> {
    let mut table = csv::WriterBuilder::new().has_headers(false).from_writer(out);
    table.write_record(header.split(','))?;
    Ok(table)
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
