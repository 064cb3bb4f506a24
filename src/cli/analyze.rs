//! `rig analyze`: measurands from recorded captures.

use super::{
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{
    capture::{Header, ReadError, header},
    measure::{
        Measurement, Outcome, document,
        document::{StrokeOrigin, StrokeTable},
        measure,
    },
    run::parallel,
};
use clap::Args;
use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

/// Measure recorded captures
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rig analyze press-00.json press-01.json --json\n  \
    rig analyze dynamic-00.json --strokes strokes.csv")]
pub struct Analyze {
    /// Headers of the captures (JSON); the data lie beside them
    #[arg(required = true, value_name = "CAPTURE.json")]
    captures: Vec<PathBuf>,
    /// Write every stroke of dynamic captures to this CSV file
    #[arg(long, value_name = "FILE.csv")]
    strokes: Option<PathBuf>,
}

type Measured = Result<(Header, Measurement), ReadError>;

fn one(path: &Path) -> Measured {
    let (header, mut source) = header::open(path)?;
    let measurement = measure(&header, &mut *source)?;
    Ok((header, measurement))
}

impl Analyze {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a file is no capture, or strokes cannot be written.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let mut entries = Vec::new();
        let mut measurements = Vec::new();
        for (path, measured) in self.captures.iter().zip(parallel::map(&self.captures, |path| one(path))) {
            let (header, measurement) = measured.map_err(Failure::usage)?;
            entries.push(document::entry(&path.display().to_string(), header.kind, &measurement));
            measurements.push((path, header, measurement));
        }
        if let Some(file) = &self.strokes {
            write_strokes(file, &measurements)?;
        }
        let refused = measurements.iter().any(|(_, _, measurement)| measurement.outcome.is_err());
        if terminal.json {
            terminal.answer(&format!("{:#}\n", document::analysis(entries)));
        } else {
            for (path, _, measurement) in &measurements {
                terminal.answer(&text(path, measurement));
            }
        }
        Ok(if refused { Exit::Inconclusive } else { Exit::Done })
    }
}

fn write_strokes(file: &Path, measurements: &[(&PathBuf, Header, Measurement)]) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", file.display()));
    let out = File::create(file).map_err(|error| failed(&error))?;
    let mut table = StrokeTable::new(BufWriter::new(out)).map_err(|error| failed(&error))?;
    for (path, header, measurement) in measurements {
        if let Ok(Outcome::Dynamic(run)) = &measurement.outcome {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let origin = StrokeOrigin { pen: "", cartridge: "", set_depth_mm: header.set_depth_mm, capture: &name };
            table.append(origin, &run.strokes).map_err(|error| failed(&error))?;
        }
    }
    table.finish().map(|_| ()).map_err(|error| failed(&error))
}

fn text(path: &Path, measurement: &Measurement) -> String {
    let mut lines = vec![path.display().to_string()];
    let mut value = |name: &str, measured: &crate::uncertainty::Measured, unit: &str| {
        lines.push(format!("  {name:<16} {:>12.5} {unit}  u = {:.5}", measured.value, measured.u()));
    };
    match &measurement.outcome {
        Ok(Outcome::Press(press)) => {
            value("face", &press.face_mm, "mm");
            value("tip", &press.tip_mm, "mm");
            value("protrusion", &press.protrusion_mm, "mm");
            value("penetration", &press.penetration_mm, "mm");
            if let Some(force) = &press.puncture_force_n {
                value("puncture force", force, "N");
            }
        }
        Ok(Outcome::Dynamic(run)) => {
            value("face", &run.face_mm, "mm");
            value("protrusion", &run.protrusion_mm, "mm");
            value("penetration", &run.penetration_mm, "mm");
            value("puncture rate", &run.stroke_rate_hz, "Hz");
            lines.push(format!("  strokes          {:>6}, missed {}", run.strokes.len(), run.missed));
            let (protrusion, penetration) = (run.protrusion_sd_mm, run.penetration_sd_mm);
            lines.push(format!("  SD over strokes  protrusion {protrusion:.5} mm, penetration {penetration:.5} mm"));
        }
        Ok(Outcome::Puncture(puncture)) => {
            let named = [("tip", &puncture.tip_mm, "mm"), ("puncture force", &puncture.puncture_force_n, "N")];
            for (name, measured, unit) in named.into_iter().chain([("drag force", &puncture.drag_force_n, "N")]) {
                if let Some(measured) = measured {
                    value(name, measured, unit);
                }
            }
            lines.push(format!("  punctured        {}", puncture.punctured));
        }
        Err(refusal) => lines.push(format!("  refused: {}: {}", refusal.code, refusal.message)),
    }
    for anomaly in &measurement.anomalies {
        lines.push(format!("  anomaly {} ({}): {}", anomaly.code, anomaly.count, anomaly.message));
    }
    lines.join("\n") + "\n"
}
