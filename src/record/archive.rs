//! Reading a finished run back into a [`RunRecord`].

use super::{
    RecordError, attempts, journal, manifest,
    model::{CaptureRecord, Check, Curve, JournalLine, RunRecord, Signatures, VerdictDocument},
    run_dir, signature, tables,
};
use crate::{
    capture::{Block, Header, Kind, Phase, header},
    measure::Measurement,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{fs, path::Path};

/// Points that a press curve keeps at most.
const CURVE_POINTS_MAX: usize = 3000;

/// Reads a file of JSON.
///
/// # Errors
///
/// [`RecordError`] where it cannot be read, or holds something else.
pub fn json<T: DeserializeOwned>(path: &Path) -> Result<T, RecordError> {
    let text = fs::read_to_string(path).map_err(|error| RecordError::at(path, error))?;
    serde_json::from_str(&text).map_err(|error| RecordError::at(path, error))
}

/// Reads a file of JSON that names its format.
///
/// # Errors
///
/// [`RecordError`] where it cannot be read, or is of another format than `schema`.
pub fn document<T: DeserializeOwned>(path: &Path, schema: &str) -> Result<T, RecordError> {
    let document: Value = json(path)?;
    refuse_other_format(path, &document, schema)?;
    serde_json::from_value(document).map_err(|error| RecordError::at(path, error))
}

/// Refuses a document of another format than `schema` by its name, whatever else it holds.
///
/// # Errors
///
/// [`RecordError`].
pub fn refuse_other_format(path: &Path, document: &Value, schema: &str) -> Result<(), RecordError> {
    let found = &document["schema"];
    if found == schema {
        return Ok(());
    }
    let message = format!("the format is {found}, this build reads {schema:?}; use a newer release of rig");
    Err(RecordError::at(path, message))
}

/// A measurement as written; the first archives do not name its format.
fn measurement(path: &Path) -> Result<Measurement, RecordError> {
    let document: Value = json(path)?;
    if document.get("schema").is_some() {
        refuse_other_format(path, &document, run_dir::MEASUREMENT)?;
    }
    serde_json::from_value(document).map_err(|error| RecordError::at(path, error))
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

/// Names of all captures of a run in order: those that were measured, those that were cut off, and attempts.
///
/// # Errors
///
/// [`RecordError`] where the folder cannot be read.
pub fn captures(run: &Path) -> Result<Vec<String>, RecordError> {
    names(&run.join("captures"), ".json")
}

/// The verdict document of a finished run.
///
/// # Errors
///
/// [`RecordError`].
pub fn verdict(run: &Path) -> Result<VerdictDocument, RecordError> {
    document(&run.join("verdict.json"), VerdictDocument::SCHEMA)
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
    for name in self::captures(run)? {
        let path = run.join("measurements").join(format!("{name}.json"));
        if path.is_file() {
            captures.push(capture(run, name, measurement(&path)?)?);
        }
    }
    let mut settings = Vec::new();
    for name in names(&run.join("settings"), "")? {
        let path = run.join("settings").join(&name);
        settings.push((name, fs::read_to_string(&path).map_err(|error| RecordError::at(&path, error))?));
    }
    let events = journal::read(run)?.events;
    let checks = events
        .iter()
        .filter(|event| event.event == "check")
        .filter_map(|event| serde_json::from_value::<Check>(event.data.clone()).ok())
        .collect();
    let (attempts, stops) = attempts::of(&events);
    let journal =
        events.into_iter().map(|event| JournalLine { t_s: event.t_s, event: event.event, text: event.text }).collect();
    let (held, broken) = signature::verify(run, &[])?;
    Ok(RunRecord {
        verdict,
        presses: tables::read(&run.join("presses.csv"))?,
        strokes: tables::read_strokes(run)?,
        captures,
        checks,
        attempts,
        stops,
        journal,
        settings,
        signatures: Signatures { held, broken },
        digest: manifest::record_digest(run)?,
    })
}

fn capture(run: &Path, name: String, measurement: Measurement) -> Result<CaptureRecord, RecordError> {
    let path = run.join("captures").join(format!("{name}.json"));
    let (header, mut source) = header::open(&path).map_err(|error| RecordError::at(&path, error))?;
    // A running pen is drawn stroke by stroke; of what was refused, the trace is all there is.
    let curve = if header.kind == Kind::Press || measurement.outcome.is_err() {
        let mut block = Block::empty();
        let mut thinned = Thinned::default();
        while source.next_block(&mut block).map_err(|error| RecordError::at(&path, error))? {
            let rows = block.stage_mm.iter().zip(&block.force_n);
            rows.for_each(|(&stage_mm, &force_n)| thinned.push((block.phase, stage_mm, force_n)));
        }
        thinned.curve()
    } else {
        Curve::default()
    };
    Ok(CaptureRecord { name, header, measurement, curve })
}

/// Phase, stage position in mm, force in N.
type Point = (Phase, f64, f64);

/// The extremes of force in each of many equal steps, in order of time, in little memory however long the capture is.
struct Thinned {
    /// Rows a step; doubles whenever there are too many points.
    step: usize,
    rows: Vec<Point>,
    kept: Vec<Point>,
}

impl Default for Thinned {
    fn default() -> Self {
        Self { step: 2, rows: Vec::new(), kept: Vec::new() }
    }
}

impl Thinned {
    fn push(&mut self, point: Point) {
        self.rows.push(point);
        if self.rows.len() < self.step {
            return;
        }
        self.kept.extend(extremes(&self.rows));
        self.rows.clear();
        if self.kept.len() >= CURVE_POINTS_MAX {
            self.kept = self.kept.chunks(4).flat_map(extremes).collect();
            self.step *= 2;
        }
    }

    fn curve(mut self) -> Curve {
        self.kept.extend(extremes(&self.rows));
        let points = self.kept.into_iter().map(|(phase, stage_mm, force_n)| (phase.name(), stage_mm, force_n));
        Curve { points: points.collect() }
    }
}

/// The points of least and greatest force, in order of time; one where they are the same.
fn extremes(points: &[Point]) -> Vec<Point> {
    let by_force = |a: &usize, b: &usize| points[*a].2.total_cmp(&points[*b].2);
    let mut places = Vec::from_iter((0..points.len()).min_by(by_force));
    places.extend((0..points.len()).max_by(by_force));
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|place| points[place]).collect()
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

#[cfg(test)]
mod tests {
    use super::{CURVE_POINTS_MAX, Thinned};
    use crate::capture::Phase;

    #[test]
    fn a_long_capture_is_thinned_in_little_memory_and_keeps_its_extremes() {
        for rows in [0, 1, 2, 7, 5_000, 200_000] {
            let mut thinned = Thinned::default();
            for row in 0..rows {
                let force_n = if row == rows / 3 { 9.0 } else { f64::from(row % 17) * 0.01 };
                thinned.push((Phase::Run, f64::from(row), force_n));
                assert!(thinned.kept.len() + thinned.rows.len() <= 2 * CURVE_POINTS_MAX);
            }
            let points = thinned.curve().points;
            assert!(points.len() <= CURVE_POINTS_MAX && points.is_empty() == (rows == 0), "{rows} rows");
            assert!(points.windows(2).all(|pair| pair[0].1 < pair[1].1), "{rows} rows: out of order");
            assert_eq!(points.iter().any(|point| point.2 == 9.0), rows > 0, "{rows} rows: the peak is gone");
        }
    }
}
