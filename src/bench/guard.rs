//! The hard limits, checked on every sample, and the lease of an armed pen.

use super::Reading;
use crate::config::rig::Limits;
use std::time::Duration;

/// Consecutive samples above the force limit that trip: one may be a spike.
const FORCE_SAMPLES: u32 = 2;
/// Over this time the speed is judged, s.
const SPEED_WINDOW_S: f64 = 0.02;
/// The same where positions are polled: a poll that is late by a few milliseconds is no speed.
const SPEED_WINDOW_POLLED_S: f64 = 0.15;
/// The stage's own ripple and the encoder's resolution on top of the speed limit: relative, and mm/s.
const SPEED_ALLOWANCE: (f64, f64) = (1.15, 0.1);

/// A limit that was crossed.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Trip {
    /// Force.
    #[error("force {force_n:.3} N is above the limit of {limit_n} N")]
    Force {
        /// Measured against the reference zero, N.
        force_n: f64,
        /// Limit, N.
        limit_n: f64,
    },
    /// The force channel is at the end of its range.
    #[error("the force channel is overloaded: the true force is unknown")]
    Overload,
    /// Travel.
    #[error("stage position {stage_mm:.3} mm is beyond the limit of {limit_mm} mm")]
    Travel {
        /// Encoder position, mm.
        stage_mm: f64,
        /// Limit, mm.
        limit_mm: f64,
    },
    /// Speed towards the pen.
    #[error("approach speed {speed_mm_s:.2} mm/s is above the limit of {limit_mm_s} mm/s")]
    Speed {
        /// Mean over the window, mm/s.
        speed_mm_s: f64,
        /// Limit, mm/s.
        limit_mm_s: f64,
    },
    /// The lease of an armed pen.
    #[error("the pen's lease expired: it has acknowledged nothing that renews it for {} ms", .since.as_millis())]
    Lease {
        /// Since the last renewal that it acknowledged was sent.
        since: Duration,
    },
}

/// Watches the samples.
#[derive(Clone, Debug)]
pub struct Guard {
    limits: Limits,
    over: u32,
    speed_window_s: f64,
    window: Option<(f64, f64)>,
}

impl Guard {
    /// A guard with these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, over: 0, speed_window_s: SPEED_WINDOW_S, window: None }
    }

    /// The same for positions that are polled.
    pub fn polled(self) -> Self {
        Self { speed_window_s: SPEED_WINDOW_POLLED_S, ..self }
    }

    /// Forgets the speed window, for a new stream with a new time base.
    pub fn new_stream(&mut self) {
        self.window = None;
        self.over = 0;
    }

    /// Judges a force, N, whose place is not known yet.
    ///
    /// # Errors
    ///
    /// The limit that was crossed.
    pub fn check_force(&mut self, force_n: f64) -> Result<(), Trip> {
        let limit_n = self.limits.force_max_n;
        self.over = if force_n.abs() <= limit_n { 0 } else { self.over + 1 };
        if self.over >= FORCE_SAMPLES { Err(Trip::Force { force_n, limit_n }) } else { Ok(()) }
    }

    /// Judges how long ago an armed pen's lease was renewed for certain. What a pen does whose lease may have lapsed is
    /// unknown: it should have stopped.
    ///
    /// # Errors
    ///
    /// The lease that was not renewed.
    pub fn check_lease(&self, since: Duration, lease: Duration) -> Result<(), Trip> {
        if since < lease { Ok(()) } else { Err(Trip::Lease { since }) }
    }

    /// Judges the place of a reading, and how fast it changes.
    ///
    /// # Errors
    ///
    /// The limit that was crossed.
    pub fn check_motion(&mut self, reading: &Reading) -> Result<(), Trip> {
        let limits = &self.limits;
        if reading.stage_mm > limits.travel_max_mm {
            return Err(Trip::Travel { stage_mm: reading.stage_mm, limit_mm: limits.travel_max_mm });
        }
        match self.window {
            Some((t_s, stage_mm)) if reading.t_s - t_s >= self.speed_window_s => {
                let speed_mm_s = (reading.stage_mm - stage_mm) / (reading.t_s - t_s);
                let (relative, absolute) = SPEED_ALLOWANCE;
                self.window = Some((reading.t_s, reading.stage_mm));
                if speed_mm_s > limits.approach_speed_max_mm_s * relative + absolute {
                    return Err(Trip::Speed { speed_mm_s, limit_mm_s: limits.approach_speed_max_mm_s });
                }
            }
            Some(_) => {}
            None => self.window = Some((reading.t_s, reading.stage_mm)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Guard, Reading, Trip};
    use crate::config::rig::Limits;
    use std::time::Duration;

    impl Guard {
        /// Judges one sample, as the bench does.
        fn check(&mut self, reading: &Reading) -> Result<(), Trip> {
            self.check_force(reading.force_n)?;
            self.check_motion(reading)
        }
    }

    fn guard() -> Guard {
        Guard::new(Limits { force_max_n: 5.0, travel_max_mm: 20.0, approach_speed_max_mm_s: 2.0 })
    }

    #[test]
    fn one_spike_is_tolerated_and_two_samples_trip() {
        let mut guard = guard();
        let at = |t_s: f64, force_n: f64| Reading { t_s, force_n, stage_mm: 1.0 };
        assert_eq!(guard.check(&at(0.0, 9.0)), Ok(()));
        assert_eq!(guard.check(&at(0.001, 1.0)), Ok(()));
        assert_eq!(guard.check(&at(0.002, -9.0)), Ok(()));
        assert!(matches!(guard.check(&at(0.003, 9.0)), Err(Trip::Force { .. })));
    }

    #[test]
    fn not_a_number_counts_as_over_the_limit() {
        let mut guard = guard();
        let lost = Reading { t_s: 0.0, force_n: f64::NAN, stage_mm: 1.0 };
        assert_eq!(guard.check(&lost), Ok(()));
        assert!(guard.check(&lost).is_err());
    }

    #[test]
    fn a_lease_that_is_not_renewed_in_its_time_trips() {
        let (lease, ms) = (Duration::from_millis(500), Duration::from_millis);
        assert_eq!(guard().check_lease(ms(499), lease), Ok(()));
        assert_eq!(guard().check_lease(ms(500), lease), Err(Trip::Lease { since: lease }));
    }

    #[test]
    fn travel_and_speed_trip() {
        let far = Reading { t_s: 0.0, force_n: 0.0, stage_mm: 20.1 };
        assert!(matches!(guard().check(&far), Err(Trip::Travel { .. })));
        let mut guard = guard();
        let mut reading = Reading { t_s: 0.0, force_n: 0.0, stage_mm: 0.0 };
        let mut result = Ok(());
        for _ in 0..40 {
            reading.t_s += 0.001;
            reading.stage_mm += 0.003;
            result = result.and(guard.check(&reading));
        }
        assert!(matches!(result, Err(Trip::Speed { .. })), "{result:?}");
    }
}
