//! When a line that came by itself was measured: a steady clock that the arrivals pull.
//!
//! Lines arrive late by what drivers and hubs hold back, often several at once (FTDI: 16 ms). The device measured them at
//! its steady pace, so each is a period (by the device's own clock, where it sends one: several) after the one before; what
//! the arrival or that clock says otherwise moves it by a small share (a first-order loop). Their scatter about it is the
//! uncertainty. The offset of the device's clock follows the arrivals more slowly still, since it drifts.
//!
//! Invariant: times go forward. Deliberately absent: the constant part of the delay, which no arrival shows; the rig file
//! gives it.

use crate::time::RunTime;
use std::time::Duration;

/// Share of the difference between arrival and expectation that moves the clock.
const PULL: f64 = 0.1;
/// Share of the difference that moves the offset between the device's clock and the host's.
const OFFSET_PULL: f64 = 0.02;
/// Arrivals this much late, in periods and at least in time, follow a gap.
const GAP_PERIODS: f64 = 1.6;
const GAP_MIN_S: f64 = 0.040;
/// Share of the latest in the mean square of the differences.
const LATEST: f64 = 0.05;

/// A line in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// When it was measured, plus the constant delay.
    pub at: RunTime,
    /// Standard uncertainty of that.
    pub u: Duration,
    /// Lines that are missing before it.
    pub lost: u64,
}

/// The clock behind a stream of lines.
#[derive(Clone, Debug)]
pub struct Arrivals {
    period_s: f64,
    last_s: Option<f64>,
    /// Last reading of the device's clock, s, and the host's time at its zero, s.
    clock: Option<(f64, f64)>,
    mean_square_s2: f64,
}

impl Arrivals {
    /// A clock for lines every `period`.
    pub fn new(period: Duration) -> Self {
        let period_s = period.as_secs_f64();
        Self { period_s, last_s: None, clock: None, mean_square_s2: 0.0 }
    }

    /// Places a line that arrived at `at`, with the reading of the device's own clock (s) where it sends one. `None` where
    /// that clock did not advance.
    pub fn place(&mut self, at: RunTime, clock_s: Option<f64>) -> Option<Placed> {
        let arrived_s = at.as_secs_f64();
        let (seen_s, steps) = match (clock_s, self.clock) {
            (None, _) => (arrived_s, 1.0),
            (Some(clock_s), None) => {
                self.clock = Some((clock_s, arrived_s - clock_s));
                (arrived_s, 1.0)
            }
            (Some(clock_s), Some((before_s, _))) if clock_s <= before_s => return None,
            (Some(clock_s), Some((before_s, offset_s))) => {
                let offset_s = offset_s + OFFSET_PULL * (arrived_s - clock_s - offset_s);
                self.clock = Some((clock_s, offset_s));
                (clock_s + offset_s, ((clock_s - before_s) / self.period_s).round().max(1.0))
            }
        };
        let step_s = steps * self.period_s;
        let off_s = self.last_s.map_or(f64::INFINITY, |last_s| seen_s - last_s - step_s);
        if off_s > GAP_MIN_S.max(GAP_PERIODS * self.period_s) {
            // The first, or too late to be held back: something is missing, and the clock begins anew.
            let late = if off_s.is_finite() { (off_s / self.period_s).round() } else { 0.0 };
            self.last_s = Some(seen_s);
            let u = Duration::from_secs_f64(0.5 * self.period_s);
            return Some(Placed { at: time(seen_s), u, lost: (steps - 1.0 + late) as u64 });
        }
        self.mean_square_s2 = match self.mean_square_s2 {
            0.0 => off_s * off_s,
            mean => mean + LATEST * (off_s * off_s - mean),
        };
        // However early a line comes, time goes forward by a good part of its step.
        let placed_s = self.last_s.unwrap_or(seen_s) + (step_s + PULL * off_s).max(0.5 * step_s);
        self.last_s = Some(placed_s);
        let u = Duration::from_secs_f64(self.mean_square_s2.sqrt());
        Some(Placed { at: time(placed_s), u, lost: (steps - 1.0) as u64 })
    }
}

fn time(seconds: f64) -> RunTime {
    RunTime::from_nanos((seconds * 1e9).max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::Arrivals;
    use crate::time::RunTime;
    use proptest::prelude::*;
    use std::time::Duration;

    fn us(us: u64) -> RunTime {
        RunTime::ZERO + Duration::from_micros(us)
    }

    #[test]
    fn lines_that_a_hub_held_back_keep_their_pace() {
        let mut arrivals = Arrivals::new(Duration::from_millis(10));
        let mut worst = 0.0_f64;
        for index in 0..400_u64 {
            // Measured every 10 ms, handed over every 16 ms.
            let measured_us = 1_000_000 + index * 10_000;
            let placed = arrivals.place(us(measured_us.div_ceil(16_000) * 16_000), None).expect("no clock");
            assert_eq!(placed.lost, 0);
            if index > 60 {
                // The mean delay of 8 ms is constant; what differs from line to line must be small.
                worst = worst.max((placed.at.as_secs_f64() - measured_us as f64 * 1e-6 - 0.008).abs());
                assert!((0.002..0.008).contains(&placed.u.as_secs_f64()), "{:?}", placed.u);
            }
        }
        assert!(worst < 0.0025, "{worst}");
    }

    #[test]
    fn what_is_missing_is_counted_by_the_devices_clock_or_by_the_hosts() {
        let mut arrivals = Arrivals::new(Duration::from_millis(10));
        let lost: Vec<u64> =
            [0, 10, 20, 120, 130].map(|ms| arrivals.place(us(1000 * ms), None).expect("no clock").lost).to_vec();
        assert_eq!(lost, [0, 0, 0, 9, 0]);
        let mut arrivals = Arrivals::new(Duration::from_millis(10));
        let lost: Vec<u64> = [0, 10, 30, 40]
            .map(|ms| arrivals.place(us(1000 * ms), Some(ms as f64 * 1e-3)).expect("forward").lost)
            .to_vec();
        assert_eq!(lost, [0, 0, 1, 0]);
        assert_eq!(arrivals.place(us(50_000), Some(0.04)), None, "its clock stood still");
    }

    #[test]
    fn a_clock_of_whole_milliseconds_that_runs_fast_gives_a_steady_pace() {
        let mut arrivals = Arrivals::new(Duration::from_micros(12_500));
        let mut before = None;
        for index in 0..2000_u64 {
            let at_us = 500_000 + index * 12_500;
            let clock_s = (at_us as f64 * 1e-3 * 1.002).floor() * 1e-3;
            let placed = arrivals.place(us(at_us), Some(clock_s)).expect("forward");
            if index > 200 {
                let step = placed.at.as_secs_f64() - before.unwrap_or(0.0);
                assert!((step / 0.0125 - 1.0).abs() < 0.02, "{step}");
                assert!((placed.at.as_secs_f64() - at_us as f64 * 1e-6).abs() < 0.003);
            }
            before = Some(placed.at.as_secs_f64());
        }
    }

    proptest! {
        #[test]
        fn times_go_forward(steps in prop::collection::vec(0..60_000_u64, 1..200)) {
            let mut arrivals = Arrivals::new(Duration::from_millis(10));
            let (mut at_us, mut before) = (0, RunTime::ZERO);
            for step in steps {
                at_us += step;
                let placed = arrivals.place(us(at_us), None).expect("no clock");
                prop_assert!(placed.at >= before);
                before = placed.at;
            }
        }
    }
}
