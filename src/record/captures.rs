//! Captures on disk: the header as JSON, the samples in the compact form, flushed while the bench moves on.

use super::{
    RecordError,
    disk::{self, Disk, DiskFile},
};
use crate::{
    bench::{Recorder, Sample},
    capture::{
        Header, Phase,
        compact::{AxisScale, ForceScale, Scales, writer::CompactWriter},
    },
    checksum::Digest,
    config::calibration::Calibration,
};
use std::{
    cell::RefCell,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    rc::Rc,
};

/// Digest of a capture's data once it is whole on disk, SHA-256 in hexadecimal; `None` before.
#[derive(Clone, Debug, Default)]
pub struct Seal(Rc<RefCell<Option<String>>>);

impl Seal {
    /// The digest, where the capture is whole.
    pub fn digest(&self) -> Option<String> {
        self.0.borrow().clone()
    }
}

/// A file whose bytes are digested on their way.
struct Digested {
    file: Box<dyn DiskFile>,
    digest: Digest,
}

impl Write for Digested {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.digest.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes one capture; its files come into being with its first sample, so that a step that never came to record one
/// leaves none.
pub struct CaptureWriter {
    disk: Rc<dyn Disk>,
    folder: PathBuf,
    header_name: String,
    header_text: String,
    path: PathBuf,
    scales: Scales,
    writer: Option<CompactWriter<BufWriter<Digested>>>,
    first_us: Option<u64>,
    phase: Option<Phase>,
    seal: Seal,
}

impl CaptureWriter {
    /// A writer of `NAME.json` and `NAME.rigc` in the captures' folder. `zero_counts`: of the force, of the encoder.
    ///
    /// # Errors
    ///
    /// [`RecordError`] where the header cannot be put in words.
    pub fn new(
        disk: Rc<dyn Disk>,
        folder: &Path,
        name: &str,
        header: &Header,
        calibration: &Calibration,
        zero_counts: (f64, f64),
    ) -> Result<Self, RecordError> {
        let header_name = format!("{name}.json");
        let text = serde_json::to_string_pretty(header).map_err(|error| RecordError::at(folder, error))?;
        let scales = Scales {
            force: ForceScale { n_per_count: calibration.force.n_per_count, zero_count: zero_counts.0 },
            axes: vec![AxisScale {
                name: "z".to_owned(),
                mm_per_count: calibration.encoder.mm_per_count,
                zero_count: zero_counts.1,
            }],
        };
        Ok(Self {
            disk,
            folder: folder.to_path_buf(),
            header_name,
            header_text: text + "\n",
            path: folder.join(&header.data),
            scales,
            writer: None,
            first_us: None,
            phase: None,
            seal: Seal::default(),
        })
    }

    /// Where the digest of the data will be once they are whole.
    pub fn seal(&self) -> Seal {
        self.seal.clone()
    }

    fn begin(&self) -> Result<CompactWriter<BufWriter<Digested>>, String> {
        let failed = |error: io::Error| format!("{}: {error}", self.path.display());
        disk::put(&*self.disk, &self.folder, &self.header_name, &|out| out.write_all(self.header_text.as_bytes()))
            .map_err(|error| error.to_string())?;
        let file = self.disk.create(&self.path).map_err(failed)?;
        let out = Digested { file, digest: Digest::default() };
        CompactWriter::new(BufWriter::new(out), &self.scales).map_err(failed)
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
        let failed = |error: io::Error| format!("{}: {error}", self.path.display());
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
        let failed = |error: io::Error| format!("{}: {error}", self.path.display());
        let out = writer.finish().map_err(failed)?;
        let mut out = out.into_inner().map_err(|error| failed(error.into_error()))?;
        out.file.sync().and_then(|()| self.disk.sync_folder(&self.folder)).map_err(failed)?;
        *self.seal.0.borrow_mut() = Some(out.digest.hex());
        Ok(())
    }
}
