//! Captures on disk: the header as JSON, the samples in the compact form, flushed while the bench moves on.

use super::RecordError;
use crate::{
    bench::{Recorder, Sample},
    capture::{
        Header, Phase,
        compact::{AxisScale, ForceScale, Scales, writer::CompactWriter},
    },
    config::calibration::Calibration,
};
use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

/// Writes one capture; its files come into being with its first sample, so that a step that never came to record one
/// leaves none.
pub struct CaptureWriter {
    header_path: PathBuf,
    header_text: String,
    path: PathBuf,
    scales: Scales,
    writer: Option<CompactWriter<BufWriter<File>>>,
    first_us: Option<u64>,
    phase: Option<Phase>,
}

impl CaptureWriter {
    /// A writer of `NAME.json` and `NAME.rigc` in the captures' folder. `zero_counts`: of the force, of the encoder.
    ///
    /// # Errors
    ///
    /// [`RecordError`] where the header cannot be put in words.
    pub fn new(
        folder: &Path,
        name: &str,
        header: &Header,
        calibration: &Calibration,
        zero_counts: (f64, f64),
    ) -> Result<Self, RecordError> {
        let header_path = folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(header).map_err(|error| RecordError::at(&header_path, error))?;
        let scales = Scales {
            force: ForceScale { n_per_count: calibration.force.n_per_count, zero_count: zero_counts.0 },
            axes: vec![AxisScale {
                name: "z".to_owned(),
                mm_per_count: calibration.encoder.mm_per_count,
                zero_count: zero_counts.1,
            }],
        };
        let path = folder.join(&header.data);
        Ok(Self { header_path, header_text: text + "\n", path, scales, writer: None, first_us: None, phase: None })
    }

    fn begin(&self) -> Result<CompactWriter<BufWriter<File>>, String> {
        let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
        fs::write(&self.header_path, &self.header_text).map_err(|error| failed(&self.header_path, error))?;
        let file = File::create_new(&self.path).map_err(|error| failed(&self.path, error))?;
        CompactWriter::new(BufWriter::new(file), &self.scales).map_err(|error| failed(&self.path, error))
    }
}

impl Recorder for CaptureWriter {
    fn record(&mut self, phase: Phase, sample: &Sample) -> Result<(), String> {
        let first_us = *self.first_us.get_or_insert(sample.time_us);
        let time_ns = i64::try_from(sample.time_us.saturating_sub(first_us) * 1000).unwrap_or(i64::MAX);
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.begin()?,
        };
        let failed = |error: std::io::Error| format!("{}: {error}", self.path.display());
        // A phase ends with a motion: what belongs to it is on disk before the next begins.
        if self.phase.replace(phase).is_some_and(|before| before != phase) {
            writer.flush().map_err(failed)?;
        }
        writer.push(phase, time_ns, sample.force_counts, &[sample.z_counts]).map_err(failed)?;
        self.writer = Some(writer);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), String> {
        let Some(writer) = self.writer else { return Ok(()) };
        let failed = |error: std::io::Error| format!("{}: {error}", self.path.display());
        let out = writer.finish().map_err(failed)?;
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_data().map_err(failed)
    }
}
