//! Captures on disk: the header as JSON, the samples in the compact form, flushed while the bench moves on.

use super::RecordError;
use crate::{
    bench::Recorder,
    capture::{
        Header, Phase,
        compact::{AxisScale, ForceScale, Scales, writer::CompactWriter},
    },
    config::calibration::Calibration,
    device::Sample,
};
use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

/// Writes one capture.
pub struct CaptureWriter {
    path: PathBuf,
    writer: CompactWriter<BufWriter<File>>,
    first_us: Option<u64>,
    phase: Option<Phase>,
}

impl CaptureWriter {
    /// Begins `NAME.json` and `NAME.rigc` in the captures' folder.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn begin(
        folder: &Path,
        name: &str,
        header: &Header,
        calibration: &Calibration,
        zero_counts: f64,
    ) -> Result<Self, RecordError> {
        let header_path = folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(header).map_err(|error| RecordError::at(&header_path, error))?;
        fs::write(&header_path, text + "\n").map_err(|error| RecordError::at(&header_path, error))?;
        let path = folder.join(&header.data);
        let scales = Scales {
            force: ForceScale { n_per_count: calibration.force.n_per_count, zero_count: zero_counts },
            axes: vec![AxisScale {
                name: "z".to_owned(),
                mm_per_count: calibration.encoder.mm_per_count,
                zero_count: 0.0,
            }],
        };
        let file = File::create_new(&path).map_err(|error| RecordError::at(&path, error))?;
        let writer =
            CompactWriter::new(BufWriter::new(file), &scales).map_err(|error| RecordError::at(&path, error))?;
        Ok(Self { path, writer, first_us: None, phase: None })
    }
}

impl Recorder for CaptureWriter {
    fn record(&mut self, phase: Phase, sample: &Sample) -> Result<(), String> {
        let first_us = *self.first_us.get_or_insert(sample.device_us);
        let time_ns = i64::try_from(sample.device_us.saturating_sub(first_us) * 1000).unwrap_or(i64::MAX);
        // A phase ends with a motion: what belongs to it is on disk before the next begins.
        if self.phase.replace(phase).is_some_and(|before| before != phase) {
            self.writer.flush().map_err(|error| format!("{}: {error}", self.path.display()))?;
        }
        self.writer
            .push(phase, time_ns, sample.force_counts, &[sample.z_counts])
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }

    fn finish(self: Box<Self>) -> Result<(), String> {
        let path = self.path;
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let out = self.writer.finish().map_err(failed)?;
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_data().map_err(failed)
    }
}
