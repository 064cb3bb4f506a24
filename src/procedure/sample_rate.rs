//! How often a force device measures, against the host's clock.
//!
//! Samples arrive late by what drivers, hubs and a busy host hold back, never early: in each of [`PARTS`] parts of the
//! record the most punctual arrival counts, and a straight line through these gives the rate and its uncertainty. A host
//! that is busy makes the uncertainty larger, so that whoever judges can go on for longer before saying anything.
//!
//! Deliberately absent: jitter and gaps; samples that are missing are counted by their own numbers.

use crate::{stats::regression, time::RunTime};

/// Parts of a record; each gives one point of the line.
const PARTS: usize = 8;

/// Arrivals at the host and the number of samples up to each.
#[derive(Clone, Debug)]
pub struct Arrivals {
    nominal_hz: f64,
    seen: Vec<(f64, f64)>,
}

/// A rate that was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleRate {
    /// Samples a second.
    pub hz: f64,
    /// Standard uncertainty of that, Hz.
    pub u_hz: f64,
}

impl Arrivals {
    /// No arrivals yet, of a device that should measure `nominal_hz` times a second.
    pub fn new(nominal_hz: f64) -> Self {
        Self { nominal_hz, seen: Vec::new() }
    }

    /// At `at` there were `count` samples in all, lost ones included.
    pub fn saw(&mut self, at: RunTime, count: u64) {
        self.seen.push((at.as_secs_f64(), count as f64));
    }

    /// The rate so far; `None` before there are two arrivals for each part.
    pub fn rate(&self) -> Option<SampleRate> {
        let size = self.seen.len() / PARTS;
        if size < 2 {
            return None;
        }
        let late_s = |(at_s, count): &(f64, f64)| at_s - count / self.nominal_hz;
        let punctual = |part: &[(f64, f64)]| part.iter().copied().min_by(|a, b| late_s(a).total_cmp(&late_s(b)));
        let points: Vec<(f64, f64)> = self.seen.chunks_exact(size).take(PARTS).filter_map(punctual).collect();
        let (at_s, count): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let line = regression::line(&at_s, &count).ok()?;
        Some(SampleRate { hz: line.slope, u_hz: line.u_slope })
    }
}

#[cfg(test)]
mod tests {
    use super::Arrivals;
    use crate::{prng::Stream, time::RunTime};
    use std::time::Duration;

    /// Batches of 50 samples at `hz`, looked at for `span_s` by a host that is late by up to `late_s` most of the time.
    fn watched(hz: f64, span_s: f64, late_s: f64, seed: u64) -> Arrivals {
        let mut rng = Stream::named(seed, "arrivals");
        let mut arrivals = Arrivals::new(10_000.0);
        let mut before_s = 0.0_f64;
        for batch in 1..=(span_s * hz / 50.0) as u64 {
            let sent_s = batch as f64 * 50.0 / hz;
            let delay_s = if rng.chance(0.2) { 0.0 } else { late_s * rng.uniform() };
            before_s = before_s.max(sent_s + delay_s);
            arrivals.saw(RunTime::ZERO + Duration::from_secs_f64(before_s), 50 * batch);
        }
        arrivals
    }

    #[test]
    fn a_busy_host_does_not_make_a_device_slow() {
        for seed in 0..50 {
            let rate = watched(10_000.0, 5.0, 0.05, seed).rate().expect("many arrivals");
            assert!((rate.hz - 10_000.0).abs() < 50.0, "seed {seed}: {rate:?}");
            assert!((rate.hz - 10_000.0).abs() < 5.0 * rate.u_hz, "seed {seed}: {rate:?}");
        }
    }

    #[test]
    fn a_device_that_is_slow_is_seen_to_be() {
        for seed in 0..50 {
            let rate = watched(9_700.0, 2.0, 0.02, seed).rate().expect("many arrivals");
            assert!((rate.hz - 9_700.0).abs() < 5.0 * rate.u_hz && rate.hz < 9_850.0, "seed {seed}: {rate:?}");
        }
    }

    #[test]
    fn few_arrivals_give_no_rate() {
        let mut arrivals = Arrivals::new(10.0);
        for count in 1..=15 {
            arrivals.saw(RunTime::ZERO + Duration::from_millis(100 * count), count);
        }
        assert_eq!(arrivals.rate(), None);
        arrivals.saw(RunTime::ZERO + Duration::from_millis(1600), 16);
        let rate = arrivals.rate().expect("two for each part");
        assert!((rate.hz - 10.0).abs() < 1e-6 && rate.u_hz < 0.5, "{rate:?}");
    }
}
