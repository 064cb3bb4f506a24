//! A whole capture in memory: for kinds that are short (press, puncture), for simulation and for tests.
//!
//! Invariant: the three columns have equal length, and `phases` cover every row in order without a hole.
//! Deliberately absent: files, and any change to the data.

use crate::capture::{Block, Phase, ReadError, Source};
use std::ops::Range;

/// All rows of a capture, column by column, with the runs of rows that share a phase.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Time, s; strictly as recorded.
    pub t_s: Vec<f64>,
    /// Force, N, positive in compression; may hold NaN.
    pub force_n: Vec<f64>,
    /// Stage position, mm, growing towards the pen; may hold NaN.
    pub stage_mm: Vec<f64>,
    /// Phases in the order recorded, with their rows; a phase that was left and entered again stands twice.
    pub phases: Vec<(Phase, Range<usize>)>,
}

impl Recording {
    /// Reads a source to its end, at most `rows_max` rows.
    ///
    /// # Errors
    ///
    /// [`ReadError`] of the source, or where there are more rows than `rows_max`.
    pub fn read(source: &mut dyn Source, rows_max: usize) -> Result<Self, ReadError> {
        let mut recording = Self::default();
        let mut block = Block::empty();
        while source.next_block(&mut block)? {
            if block.t_s.len() > rows_max - recording.len() {
                return Err(ReadError {
                    file: "capture".to_owned(),
                    place: format!("row {rows_max}"),
                    message: format!(
                        "there are more than {rows_max} rows, the most for a capture that is measured as a whole; \
                         split the recording or check its `kind`"
                    ),
                });
            }
            recording.append(block.phase, &block.t_s, &block.force_n, &block.stage_mm);
        }
        Ok(recording)
    }

    /// Appends one row.
    pub fn push(&mut self, phase: Phase, t_s: f64, force_n: f64, stage_mm: f64) {
        self.append(phase, &[t_s], &[force_n], &[stage_mm]);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.t_s.len()
    }

    /// True where there is no row.
    pub fn is_empty(&self) -> bool {
        self.t_s.is_empty()
    }

    /// The rows of the first run of `phase`; `None` where the phase was not recorded.
    pub fn rows(&self, phase: Phase) -> Option<Range<usize>> {
        self.phases.iter().find(|(name, _)| *name == phase).map(|(_, rows)| rows.clone())
    }

    /// The rows again as a source, from the first.
    pub fn source(&self) -> MemorySource<'_> {
        MemorySource { recording: self, phase: 0, row: 0 }
    }

    fn append(&mut self, phase: Phase, t_s: &[f64], force_n: &[f64], stage_mm: &[f64]) {
        self.t_s.extend_from_slice(t_s);
        self.force_n.extend_from_slice(force_n);
        self.stage_mm.extend_from_slice(stage_mm);
        let end = self.t_s.len();
        match self.phases.last_mut() {
            Some((last, rows)) if *last == phase => rows.end = end,
            _ => self.phases.push((phase, end - t_s.len()..end)),
        }
    }
}

/// The rows of a [`Recording`], in order.
#[derive(Clone, Debug)]
pub struct MemorySource<'a> {
    recording: &'a Recording,
    /// Which entry of `recording.phases` comes next.
    phase: usize,
    /// The next row.
    row: usize,
}

impl Source for MemorySource<'_> {
    fn next_block(&mut self, block: &mut Block) -> Result<bool, ReadError> {
        block.clear();
        let Some((phase, rows)) = self.recording.phases.get(self.phase) else {
            return Ok(false);
        };
        let end = rows.end.min(self.row + Block::ROWS_MAX);
        block.first = self.row as u64;
        block.phase = *phase;
        block.t_s.extend_from_slice(&self.recording.t_s[self.row..end]);
        block.force_n.extend_from_slice(&self.recording.force_n[self.row..end]);
        block.stage_mm.extend_from_slice(&self.recording.stage_mm[self.row..end]);
        self.row = end;
        if end == rows.end {
            self.phase += 1;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::Recording;
    use crate::capture::{Block, Phase, Source};

    fn three_phases() -> Recording {
        let mut recording = Recording::default();
        for row in 0..20_000_u32 {
            let phase = [Phase::Touch, Phase::Press, Phase::Touch][row as usize * 3 / 20_000];
            recording.push(phase, f64::from(row) * 1e-3, f64::from(row % 7), 1.0);
        }
        recording
    }

    #[test]
    fn what_was_pushed_is_read_back_in_whole_blocks() {
        let recording = three_phases();
        assert_eq!(recording.phases.len(), 3);
        assert_eq!(recording.rows(Phase::Press), Some(6667..13_334));
        assert_eq!(recording.rows(Phase::Hold), None);
        let read = Recording::read(&mut recording.source(), 20_000).expect("fits");
        assert_eq!(read, recording);
        let mut block = Block::empty();
        let mut source = recording.source();
        let mut next = 0;
        while source.next_block(&mut block).expect("memory") {
            assert_eq!(block.first, next);
            assert!(block.t_s.len() <= Block::ROWS_MAX);
            next += block.t_s.len() as u64;
        }
        assert_eq!(next, 20_000);
        assert!(block.t_s.is_empty());
    }

    #[test]
    fn too_many_rows_are_refused() {
        let recording = three_phases();
        let error = Recording::read(&mut recording.source(), 19_999).expect_err("one too many");
        assert!(error.to_string().contains("more than 19999 rows"), "{error}");
    }
}
