//! What simulated gauges share: a filtered reading of the world's force channel, lines of commands, and answers that take
//! their time.
//!
//! The converter runs at 1 kHz from the first look at the world on; a reading is the mean of the latest samples. So the
//! reading at an instant is the same however time is cut into pieces.

use crate::{
    config::gauge::{Compression, Gauge},
    sim::world::{World, channel::DaqSample},
    time::RunTime,
    wire::line::LineSplitter,
};
use std::{collections::VecDeque, time::Duration};

/// Sample period of the converter.
const PERIOD: Duration = Duration::from_millis(1);
/// Samples that are kept, 0.5 s: stability is judged over them.
const KEPT: usize = 500;
/// World's mask of the force channel alone.
const FORCE: u8 = 1;

/// The converter and its filter.
#[derive(Debug)]
pub(crate) struct Meter {
    n_per_count: f64,
    sign: f64,
    /// Samples of a reading.
    window: usize,
    latest: VecDeque<f64>,
    drained: Vec<DaqSample>,
    saturated: bool,
    running: bool,
    zero_n: f64,
}

impl Meter {
    /// A converter of the world's counts, N each, whose readings are means over `window_ms`.
    pub(crate) fn new(n_per_count: f64, window_ms: usize, gauge: &Gauge) -> Self {
        Self {
            n_per_count,
            sign: if gauge.compression == Compression::Negative { -1.0 } else { 1.0 },
            window: window_ms.clamp(1, KEPT),
            latest: VecDeque::with_capacity(KEPT + 1),
            drained: Vec::new(),
            saturated: false,
            running: false,
            zero_n: 0.0,
        }
    }

    /// Takes what was sampled up to now.
    pub(crate) fn follow(&mut self, world: &mut World) {
        if !std::mem::replace(&mut self.running, true) {
            world.daq_start(FORCE, PERIOD);
        }
        world.daq_drain(&mut self.drained);
        for sample in self.drained.drain(..) {
            self.saturated = sample.saturated;
            self.latest.push_back(f64::from(sample.force_counts) * self.n_per_count);
            if self.latest.len() > KEPT {
                self.latest.pop_front();
            }
        }
    }

    fn gross_n(&self) -> f64 {
        let count = self.window.min(self.latest.len());
        if count == 0 {
            return 0.0;
        }
        self.latest.iter().rev().take(count).sum::<f64>() / count as f64
    }

    /// The reading, N, less zero and tare; its sign is the gauge's.
    pub(crate) fn force_n(&self) -> f64 {
        self.sign * (self.gross_n() - self.zero_n)
    }

    /// Makes the present load zero.
    pub(crate) fn zero(&mut self) {
        self.zero_n = self.gross_n();
    }

    /// Takes zero back.
    pub(crate) fn unzero(&mut self) {
        self.zero_n = 0.0;
    }

    /// Whether the load is beyond the range.
    pub(crate) fn saturated(&self) -> bool {
        self.saturated
    }

    /// Whether the means of the last half second differ by at most `within_n`.
    pub(crate) fn stable(&self, within_n: f64) -> bool {
        let (mut low, mut high, mut means) = (f64::INFINITY, f64::NEG_INFINITY, 0);
        for block in self.latest.iter().copied().collect::<Vec<_>>().chunks_exact(50) {
            let mean = block.iter().sum::<f64>() / 50.0;
            (low, high, means) = (low.min(mean), high.max(mean), means + 1);
        }
        means == KEPT / 50 && high - low <= within_n
    }
}

/// Commands in, answers out at their time.
#[derive(Debug)]
pub(crate) struct Desk {
    lines: LineSplitter,
    due: VecDeque<(RunTime, Vec<u8>)>,
    out: Vec<u8>,
}

impl Desk {
    /// A desk that has received nothing.
    pub(crate) fn new() -> Self {
        Self { lines: LineSplitter::new(80), due: VecDeque::new(), out: Vec::new() }
    }

    /// The commands that are complete by now, unreadable bytes replaced.
    pub(crate) fn commands(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut commands = Vec::new();
        while let Some(line) = self.lines.next_line(&mut bytes) {
            commands.push(String::from_utf8_lossy(line).trim().to_owned());
        }
        commands
    }

    /// Sends a line, ended by CR LF, at a time; lines keep their order.
    pub(crate) fn answer(&mut self, at: RunTime, text: &str) {
        let at = self.due.back().map_or(at, |(last, _)| at.max(*last));
        self.due.push_back((at, format!("{text}\r\n").into_bytes()));
    }

    /// Lets answers whose time has come go out.
    pub(crate) fn follow(&mut self, now: RunTime) {
        while self.due.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, bytes)) = self.due.pop_front()
        {
            self.out.extend_from_slice(&bytes);
        }
    }

    /// When the next answer is due.
    pub(crate) fn next(&self) -> Option<RunTime> {
        self.due.front().map(|(at, _)| *at)
    }

    /// Moves what is to be sent to the end of `out`.
    pub(crate) fn transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
    }
}

/// A number in whole steps, with the digits that the step needs.
pub(crate) fn in_steps(value: f64, step: f64) -> String {
    let digits = (-step.log10() - 1e-6).ceil().clamp(0.0, 9.0) as usize;
    // Minus zero is no reading.
    let steps = (value / step).round() + 0.0;
    format!("{:.digits$}", steps * step)
}

#[cfg(test)]
mod tests {
    use super::in_steps;

    #[test]
    fn numbers_come_in_whole_steps() {
        let rows = [(1.2345, 0.002, "1.234"), (-0.0004, 0.002, "0.000"), (7.0, 0.5, "7.0"), (12_345.6, 1.0, "12346")];
        for (value, step, expected) in rows {
            assert_eq!(in_steps(value, step), expected);
        }
    }
}
