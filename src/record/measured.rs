//! What a finished run measured, as the values that a decision takes: read from its tables alone.
//!
//! Deliberately absent: raw captures and figures; see [`super::archive`].

use super::{
    RecordError, archive,
    model::{PressRow, VerdictDocument},
    tables,
};
use crate::{
    acceptance::measurements::Value,
    config::plan::{DataSource, Quantity},
};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

/// A finished run without its raw data.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Its verdict document.
    pub verdict: VerdictDocument,
    /// The calibration record as used.
    pub calibration: String,
    /// Protrusion and penetration of every stroke and press. `u` is the whole standard uncertainty of a value, so the
    /// smallest of a data set is no less than what its values share.
    pub values: Vec<Value>,
}

/// Reads a finished run.
///
/// # Errors
///
/// [`RecordError`] naming the file that is missing or not what it should be.
pub fn read(run: &Path) -> Result<Measured, RecordError> {
    let verdict = archive::verdict(run)?;
    let path = run.join("settings").join("calibration.toml");
    let calibration = fs::read_to_string(&path).map_err(|error| RecordError::at(&path, error))?;
    let mut values = Vec::new();
    for row in tables::read::<PressRow>(&run.join("presses.csv"))? {
        let lengths = [
            (Quantity::Protrusion, row.protrusion_mm, row.protrusion_u_mm),
            (Quantity::Penetration, row.penetration_mm, row.penetration_u_mm),
        ];
        let like = like(&row.pen, &row.cartridge, row.set_depth_mm, DataSource::Presses, u64::from(row.site));
        values.extend(measured(&like, lengths));
    }
    let mut rates = BTreeMap::new();
    for row in tables::read_strokes(run)? {
        if !rates.contains_key(&row.capture) {
            rates.insert(row.capture.clone(), archive::stroke_rate_hz(run, &row.capture)?);
        }
        let lengths = [
            (Quantity::Protrusion, row.protrusion_mm, row.protrusion_u_mm),
            (Quantity::Penetration, row.penetration_mm, row.penetration_u_mm),
        ];
        let like = like(&row.pen, &row.cartridge, row.set_depth_mm, DataSource::Strokes, row.stroke);
        let like = Value { set_rate_hz: rates.get(&row.capture).copied().flatten(), ..like };
        values.extend(measured(&like, lengths));
    }
    Ok(Measured { verdict, calibration, values })
}

/// The reference presses of a gauge study.
#[derive(Clone, Debug)]
pub struct ReferencePresses {
    /// The verdict document of the run.
    pub verdict: VerdictDocument,
    /// Protrusion of every press that was measured, with its session and place (see `acceptance::gauge`); the session is
    /// the operator in this run.
    pub values: Vec<Value>,
    /// Presses that could not be measured.
    pub unmeasured: usize,
}

/// Reads the reference presses of a run; none where it was no gauge study.
///
/// # Errors
///
/// [`RecordError`] naming the file that is missing or not what it should be.
pub fn reference_presses(run: &Path) -> Result<ReferencePresses, RecordError> {
    let verdict = archive::verdict(run)?;
    let (mut values, mut unmeasured) = (Vec::new(), 0);
    for row in tables::read::<PressRow>(&run.join("presses.csv"))? {
        let (Some(operator), Some(repeat)) = (row.operator, row.repeat) else { continue };
        let (session, place) = (format!("{operator} in {}", verdict.run), format!("site {}", row.site));
        let like = like(&session, &place, row.set_depth_mm, DataSource::Presses, u64::from(repeat));
        match (row.protrusion_mm, row.protrusion_u_mm) {
            (Some(value), Some(u)) => values.push(Value { quantity: Quantity::Repeatability, value, u, ..like }),
            _ => unmeasured += 1,
        }
    }
    Ok(ReferencePresses { verdict, values, unmeasured })
}

/// A value without its quantity.
fn like(pen: &str, cartridge: &str, set_depth_mm: f64, source: DataSource, order: u64) -> Value {
    Value {
        pen: Arc::from(pen),
        cartridge: Arc::from(cartridge),
        set_depth_mm,
        set_rate_hz: None,
        source,
        order,
        quantity: Quantity::Protrusion,
        value: f64::NAN,
        u: f64::NAN,
    }
}

/// The values of a row; what was not measured is not there.
fn measured(like: &Value, lengths: [(Quantity, Option<f64>, Option<f64>); 2]) -> impl Iterator<Item = Value> {
    lengths
        .into_iter()
        .filter_map(move |(quantity, value, u)| Some(Value { quantity, value: value?, u: u?, ..like.clone() }))
}
