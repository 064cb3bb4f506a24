//! The data acquisition: what the gauges feel becomes counts, with the encoder latched at the same instant.
//!
//! White noise, hum, drift and an unloaded reading are added, then the converter saturates and rounds. Sampling is
//! paced by the device's own clock, which is a little off.
//! Invariant: `index` counts every sample since the start; samples lost to a full buffer leave a gap in it and are
//! counted.

use crate::{config::world, prng::Stream, sim::world::table::Table, time::RunTime};

/// Samples that wait for the firmware at most; 26 s at 10 kHz.
const BUFFER_MAX: usize = 1 << 18;
/// Range of a 24-bit converter.
const COUNTS_MAX: f64 = 8_388_607.0;
/// Mask bit of the force; the encoders z, x, y follow.
const FORCE: u8 = 1;

/// One sample of the acquisition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaqSample {
    /// Number since the start of the acquisition, from 0.
    pub index: u64,
    /// Force in counts, 24 bit signed; positive in compression. Zero where not asked for.
    pub force_counts: i32,
    /// Encoder counts of z, x, y. Zero where not asked for.
    pub encoder_counts: [i32; 3],
    /// The force is beyond the range of cell or converter.
    pub saturated: bool,
}

/// The acquisition.
#[derive(Debug)]
pub struct Channel {
    params: world::Cell,
    mask: u8,
    index: u64,
    sine: Table,
    noise: Stream,
    drift: Drift,
    buffer: Vec<DaqSample>,
    lost: u64,
}

impl Channel {
    /// An acquisition that stands still.
    pub fn new(params: &world::Cell, seed: u64) -> Self {
        Self {
            params: params.clone(),
            mask: 0,
            index: 0,
            sine: Table::sine(),
            noise: Stream::named(seed, "world.cell.noise"),
            drift: Drift::new(params, seed),
            buffer: Vec::new(),
            lost: 0,
        }
    }

    /// Starts to number samples from 0.
    pub fn start(&mut self, mask: u8) {
        self.mask = mask;
        self.index = 0;
    }

    /// True sample period of a configured one, ns.
    pub fn true_period_ns(&self, configured_ns: f64) -> f64 {
        configured_ns / (1.0 + self.params.clock_ppm * 1e-6)
    }

    /// Takes one sample.
    #[inline]
    pub fn sample(&mut self, now: RunTime, gauge_n: f64, encoder_counts: [i32; 3]) {
        let (force_counts, saturated) =
            if self.mask & FORCE == 0 { (0, false) } else { self.convert(now.as_secs_f64(), gauge_n) };
        let asked = |axis: u8| if self.mask & (FORCE << (axis + 1)) == 0 { 0 } else { encoder_counts[axis as usize] };
        let sample =
            DaqSample { index: self.index, force_counts, encoder_counts: [asked(0), asked(1), asked(2)], saturated };
        self.index += 1;
        if self.buffer.len() < BUFFER_MAX {
            self.buffer.push(sample);
        } else {
            self.lost += 1;
        }
    }

    /// Hands out what was sampled.
    pub fn drain(&mut self, into: &mut Vec<DaqSample>) {
        into.append(&mut self.buffer);
    }

    /// Samples lost to a full buffer.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    #[inline]
    fn convert(&mut self, now_s: f64, gauge_n: f64) -> (i32, bool) {
        let params = &self.params;
        let turns = now_s * params.hum_hz;
        let hum_n = params.hum_n * self.sine.at(turns - (turns as u64) as f64);
        let noise_n = params.noise_n * self.noise.normal();
        let reading_n = gauge_n + hum_n + noise_n + self.drift.at(now_s) + params.offset_n;
        let counts = (reading_n / params.n_per_count).round();
        let counts_max = COUNTS_MAX.min((params.range_n / params.n_per_count).floor());
        (counts.clamp(-counts_max, counts_max) as i32, counts.abs() > counts_max)
    }
}

/// Slow change of the unloaded reading: a steady part, and a random walk with a knot each second.
#[derive(Debug)]
struct Drift {
    steady_n_per_s: f64,
    wander_n: f64,
    stream: Stream,
    knot: u64,
    left_n: f64,
    right_n: f64,
}

impl Drift {
    fn new(params: &world::Cell, seed: u64) -> Self {
        let mut stream = Stream::named(seed, "world.cell.drift");
        let right_n = params.wander_n * stream.normal();
        Self { steady_n_per_s: params.drift_n_per_s, wander_n: params.wander_n, stream, knot: 0, left_n: 0.0, right_n }
    }

    #[inline]
    fn at(&mut self, now_s: f64) -> f64 {
        while now_s >= (self.knot + 1) as f64 {
            self.knot += 1;
            self.left_n = self.right_n;
            self.right_n += self.wander_n * self.stream.normal();
        }
        self.left_n + (self.right_n - self.left_n) * (now_s - self.knot as f64) + self.steady_n_per_s * now_s
    }
}

#[cfg(test)]
mod tests {
    use super::{BUFFER_MAX, Channel};
    use crate::{config::world, time::RunTime};

    fn quiet() -> world::Cell {
        let (noise_n, hum_n, drift_n_per_s, wander_n, offset_n) = (0.0, 0.0, 0.0, 0.0, 0.0);
        world::Cell { noise_n, hum_n, drift_n_per_s, wander_n, offset_n, ..world::Cell::default() }
    }

    fn counts(params: &world::Cell, forces_n: &[f64]) -> Vec<(i32, bool)> {
        let mut channel = Channel::new(params, 1);
        channel.start(0b1111);
        for (index, &force_n) in forces_n.iter().enumerate() {
            channel.sample(RunTime::from_nanos(index as u64 * 100_000), force_n, [1, 2, 3]);
        }
        let mut samples = Vec::new();
        channel.drain(&mut samples);
        assert!(samples.iter().enumerate().all(|(index, sample)| sample.index == index as u64));
        samples.iter().map(|sample| (sample.force_counts, sample.saturated)).collect()
    }

    #[test]
    fn rounds_to_counts_and_saturates() {
        let found = counts(&quiet(), &[0.0, 3.0e-6, 1.0, -1.0, 11.0, -40.0]);
        let limit = 5_000_000;
        let expected = [(0, false), (2, false), (500_000, false), (-500_000, false), (limit, true), (-limit, true)];
        assert_eq!(found, expected);
        let fine = world::Cell { n_per_count: 1e-7, ..quiet() };
        assert_eq!(counts(&fine, &[1.0]), [(8_388_607, true)]);
    }

    #[test]
    fn noise_hum_and_offset_have_the_size_asked_for() {
        let params = world::Cell { noise_n: 0.002, hum_n: 0.004, offset_n: 0.5, ..quiet() };
        let readings: Vec<f64> =
            counts(&params, &vec![0.0; 100_000]).iter().map(|(counts, _)| f64::from(*counts) * 2e-6).collect();
        let mean = readings.iter().sum::<f64>() / 1e5;
        let variance = readings.iter().map(|reading| (reading - mean).powi(2)).sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 3e-5, "{mean}");
        assert!((variance / (0.002_f64.powi(2) + 0.004_f64.powi(2) / 2.0) - 1.0).abs() < 0.02);
    }

    #[test]
    fn what_was_not_asked_for_is_zero_and_what_was_not_fetched_is_counted() {
        let mut channel = Channel::new(&quiet(), 1);
        channel.start(0b0010);
        (0..BUFFER_MAX + 5).for_each(|_| channel.sample(RunTime::ZERO, 1.0, [7, 8, 9]));
        let mut samples = Vec::new();
        channel.drain(&mut samples);
        assert_eq!((samples.len(), channel.lost()), (BUFFER_MAX, 5));
        assert_eq!((samples[3].force_counts, samples[3].encoder_counts), (0, [7, 0, 0]));
        channel.sample(RunTime::ZERO, 1.0, [7, 8, 9]);
        channel.drain(&mut samples);
        assert_eq!(samples[BUFFER_MAX].index, BUFFER_MAX as u64 + 5);
    }
}
