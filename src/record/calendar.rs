//! The calendar beside run time: what day and time it is outside, for the journal.
//!
//! Run time orders the events of a run and cannot be set; the wall clock says when they happened and can. The journal
//! holds both, and [`Watch`] notices where they part.

use crate::time::RunTime;
use jiff::{SignedDuration, Timestamp};

/// Wall clock and run time may part by this much between two events before it counts as a step, s.
pub const STEP_MAX_S: f64 = 1.0;

/// Tells the time of day; the command line hands one in.
pub trait Calendar {
    /// The time at this run time.
    fn at(&self, at: RunTime) -> Timestamp;
}

/// The calendar of a bench in virtual time: a start, and run time added to it.
#[derive(Clone, Copy, Debug)]
pub struct VirtualCalendar {
    /// The time at the origin of run time.
    pub start: Timestamp,
}

impl Calendar for VirtualCalendar {
    fn at(&self, at: RunTime) -> Timestamp {
        let nanos = i64::try_from(at.as_nanos()).unwrap_or(i64::MAX);
        // Beyond the last day that can be written it stands still; a run would have to take 7000 years.
        self.start.checked_add(SignedDuration::from_nanos(nanos)).unwrap_or(Timestamp::MAX)
    }
}

/// A time as the journal holds it: RFC 3339, UTC, milliseconds.
pub fn text(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Notices where the wall clock was set while a bench was driven.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    /// Run time and wall clock of the event before.
    last: Option<(RunTime, Timestamp)>,
}

impl Watch {
    /// Takes the two times of an event; by how much the wall clock stepped since the one before, s, where that is more
    /// than [`STEP_MAX_S`].
    pub fn step_s(&mut self, at: RunTime, wall: Timestamp) -> Option<f64> {
        let (last_at, last_wall) = self.last.replace((at, wall))?;
        let step_s = wall.duration_since(last_wall).as_secs_f64() - at.since(last_at).as_secs_f64();
        (step_s.abs() > STEP_MAX_S).then_some(step_s)
    }
}

#[cfg(test)]
mod tests {
    use super::{Calendar, VirtualCalendar, Watch, text};
    use crate::time::RunTime;
    use jiff::Timestamp;

    fn at(seconds: u64) -> RunTime {
        RunTime::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn virtual_days_follow_run_time() {
        let calendar = VirtualCalendar { start: Timestamp::from_second(1_767_225_600).unwrap() };
        assert_eq!(text(calendar.at(at(61))), "2026-01-01T00:01:01.000Z");
        let mut watch = Watch::default();
        assert!((0..100).all(|second| watch.step_s(at(second), calendar.at(at(second))).is_none()));
    }

    #[test]
    fn a_clock_that_is_set_shows_once_and_with_its_sign() {
        let wall = |second| Timestamp::from_second(second).unwrap();
        let mut watch = Watch::default();
        let seen = [(0, 1000), (10, 1010), (20, 4620), (30, 4631), (40, 4571), (50, 4581)]
            .map(|(run, day)| watch.step_s(at(run), wall(day)));
        assert_eq!(seen, [None, None, Some(3600.0), None, Some(-70.0), None]);
    }
}
