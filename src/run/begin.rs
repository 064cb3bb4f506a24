//! The first entries of a run: settings as used, and the circumstances that no instrument tells.

use super::job::Job;
use crate::{
    checksum::sha256_hex,
    record::{RecordError, run_dir::RunDir},
    time::RunTime,
};
use serde_json::{Map, Value, json};

/// What the operator tells of the circumstances.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Environment {
    /// Who runs the bench.
    pub operator: Option<String>,
    /// Temperature at the bench, °C.
    pub temperature_c: Option<f64>,
    /// Relative humidity at the bench, %.
    pub humidity_percent: Option<f64>,
    /// Anything else.
    pub note: Option<String>,
}

/// Keeps the settings, with their digests in the journal, and the circumstances, also where none were told.
///
/// # Errors
///
/// [`RecordError`].
pub fn record(dir: &mut RunDir, job: &Job, environment: &Environment) -> Result<(), RecordError> {
    let mut files = Map::new();
    for (name, text) in job.settings()? {
        dir.put(&format!("settings/{name}"), &text)?;
        files.insert(name.to_owned(), Value::String(sha256_hex(text.as_bytes())));
    }
    let origins = [&job.rig.origin, &job.calibration.origin, &job.cartridge.origin, &job.pen.origin, &job.plan.origin];
    let text = format!("settings from {}", origins.map(String::as_str).join(", "));
    dir.event(RunTime::ZERO, "settings", &text, json!({"files": files}))?;
    for check in &job.notes {
        let text = format!("{}: {}", check.name, check.detail);
        dir.event(RunTime::ZERO, "check", &text, json!(check))?;
    }
    let Environment { operator, temperature_c, humidity_percent, note } = environment;
    let told = |value: &Option<f64>, unit: &str| value.map_or("not told".to_owned(), |value| format!("{value} {unit}"));
    let text = format!(
        "operator {}; temperature {}; relative humidity {}{}",
        operator.as_deref().unwrap_or("not told"),
        told(temperature_c, "°C"),
        told(humidity_percent, "%"),
        note.as_ref().map(|note| format!("; {note}")).unwrap_or_default(),
    );
    let data = json!({"operator": operator, "temperature_c": temperature_c, "humidity_percent": humidity_percent,
                      "note": note});
    dir.event(RunTime::ZERO, "environment", &text, data)
}
