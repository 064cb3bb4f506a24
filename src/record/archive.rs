//! Reading a finished run back into a [`RunRecord`].

use super::{
    RecordError, journal,
    model::{CaptureRecord, Check, Curve, JournalLine, RunRecord, VerdictDocument},
    tables,
};
use crate::{
    capture::{Block, Header, Kind, Phase, header},
    measure::Measurement,
};
use serde::de::DeserializeOwned;
use std::{fs, path::Path};

/// Points that a press curve keeps at most.
const CURVE_POINTS_MAX: usize = 3000;

fn json<T: DeserializeOwned>(path: &Path) -> Result<T, RecordError> {
    let text = fs::read_to_string(path).map_err(|error| RecordError::at(path, error))?;
    serde_json::from_str(&text).map_err(|error| RecordError::at(path, error))
}

fn names(folder: &Path, ending: &str) -> Result<Vec<String>, RecordError> {
    let failed = |error| RecordError::at(folder, error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(ending).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// The verdict document of a finished run.
///
/// # Errors
///
/// [`RecordError`].
pub fn verdict(run: &Path) -> Result<VerdictDocument, RecordError> {
    json(&run.join("verdict.json"))
}

/// Rate that the pen was told in a capture, Hz; `None` for a press.
///
/// # Errors
///
/// [`RecordError`].
pub fn stroke_rate_hz(run: &Path, capture: &str) -> Result<Option<f64>, RecordError> {
    let path = run.join("captures").join(format!("{capture}.json"));
    Ok(header::open(&path).map_err(|error| RecordError::at(&path, error))?.0.stroke_rate_hz)
}

/// Reads the archive of a finished run.
///
/// # Errors
///
/// [`RecordError`] naming the file that is missing or not what it should be.
pub fn load(run: &Path) -> Result<RunRecord, RecordError> {
    let verdict = verdict(run)?;
    let mut captures = Vec::new();
    for name in names(&run.join("captures"), ".json")? {
        let measurement = run.join("measurements").join(format!("{name}.json"));
        if measurement.is_file() {
            captures.push(capture(run, name, json(&measurement)?)?);
        }
    }
    let mut settings = Vec::new();
    for name in names(&run.join("settings"), "")? {
        let path = run.join("settings").join(&name);
        settings.push((name, fs::read_to_string(&path).map_err(|error| RecordError::at(&path, error))?));
    }
    let (events, _) = journal::read(run)?;
    let checks = events
        .iter()
        .filter(|event| event.event == "check")
        .filter_map(|event| serde_json::from_value::<Check>(event.data.clone()).ok())
        .collect();
    let journal =
        events.into_iter().map(|event| JournalLine { t_s: event.t_s, event: event.event, text: event.text }).collect();
    Ok(RunRecord {
        verdict,
        presses: tables::read(&run.join("presses.csv"))?,
        strokes: tables::read(&run.join("strokes.csv"))?,
        captures,
        checks,
        journal,
        settings,
    })
}

fn capture(run: &Path, name: String, measurement: Measurement) -> Result<CaptureRecord, RecordError> {
    let path = run.join("captures").join(format!("{name}.json"));
    let (header, mut source) = header::open(&path).map_err(|error| RecordError::at(&path, error))?;
    let curve = match header.kind {
        Kind::Press => {
            let mut block = Block::empty();
            let mut points = Vec::new();
            while source.next_block(&mut block).map_err(|error| RecordError::at(&path, error))? {
                let rows = block.stage_mm.iter().zip(&block.force_n);
                points.extend(rows.map(|(&stage_mm, &force_n)| (block.phase, stage_mm, force_n)));
            }
            drawn_down(&points)
        }
        Kind::Dynamic | Kind::Puncture => Curve::default(),
    };
    Ok(CaptureRecord { name, header, measurement, curve })
}

/// Keeps the extremes of force in each of many equal steps, in order of time.
fn drawn_down(points: &[(Phase, f64, f64)]) -> Curve {
    let step = points.len().div_ceil(CURVE_POINTS_MAX / 2).max(1);
    let mut kept = Vec::new();
    for chunk in points.chunks(step) {
        let by_force = |a: &&(Phase, f64, f64), b: &&(Phase, f64, f64)| a.2.total_cmp(&b.2);
        let low = chunk.iter().min_by(by_force);
        let high = chunk.iter().max_by(by_force);
        let mut pair: Vec<_> = low.into_iter().chain(high).collect();
        pair.sort_by_key(|point| std::ptr::from_ref::<(Phase, f64, f64)>(point));
        pair.dedup_by_key(|point| std::ptr::from_ref::<(Phase, f64, f64)>(point));
        kept.extend(pair.into_iter().map(|&(phase, stage_mm, force_n)| (phase.name(), stage_mm, force_n)));
    }
    Curve { points: kept }
}

/// The header of a capture in an archive, and its measurement derived anew from the raw data.
///
/// # Errors
///
/// [`RecordError`].
pub fn recompute(run: &Path, name: &str) -> Result<(Header, Measurement), RecordError> {
    let path = run.join("captures").join(format!("{name}.json"));
    let failed = |error: crate::capture::ReadError| RecordError::at(&path, error);
    let (header, mut source) = header::open(&path).map_err(failed)?;
    let measurement = crate::measure::measure(&header, &mut *source).map_err(failed)?;
    Ok((header, measurement))
}

/// Names of the captures of a run that were measured, in order.
///
/// # Errors
///
/// [`RecordError`].
pub fn capture_names(run: &Path) -> Result<Vec<String>, RecordError> {
    names(&run.join("measurements"), ".json")
}
