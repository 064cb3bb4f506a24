//! The first seconds of a port whose opening may have reset the device: nothing is asked before its banner, or before
//! the time in which one would have come.

use crate::time::RunTime;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Unasked { booted: bool },
    Settling { until: RunTime },
    Open,
}

/// What a banner means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Banner {
    /// The device is ready, and nothing was asked yet.
    Early,
    /// The device is ready, and may be asked now.
    Awaited,
    /// The device has restarted.
    Restart,
}

/// How far a port is open.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    settle: Duration,
    state: State,
}

impl Opening {
    /// A port that was just opened, to a device that needs up to `settle` until its banner.
    pub fn new(settle: Duration) -> Self {
        Self { settle, state: State::Unasked { booted: false } }
    }

    /// The device is to be asked; whether it may be at once.
    pub fn ask(&mut self, now: RunTime) -> bool {
        let wait = self.state == State::Unasked { booted: false } && !self.settle.is_zero();
        self.state = if wait { State::Settling { until: now + self.settle } } else { State::Open };
        !wait
    }

    /// A banner was heard.
    pub fn banner(&mut self) -> Banner {
        match self.state {
            State::Unasked { .. } => {
                self.state = State::Unasked { booted: true };
                Banner::Early
            }
            State::Settling { .. } => {
                self.state = State::Open;
                Banner::Awaited
            }
            State::Open => Banner::Restart,
        }
    }

    /// Whether the device is to be asked now, though no banner came.
    pub fn tick(&mut self, now: RunTime) -> bool {
        let over = self.next_tick().is_some_and(|until| until <= now);
        if over {
            self.state = State::Open;
        }
        over
    }

    /// When [`Opening::tick`] is next due.
    pub fn next_tick(&self) -> Option<RunTime> {
        match self.state {
            State::Settling { until } => Some(until),
            State::Unasked { .. } | State::Open => None,
        }
    }

    /// Whether a banner is awaited.
    pub fn settling(&self) -> bool {
        self.next_tick().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::{Banner, Opening};
    use crate::time::RunTime;
    use std::time::Duration;

    const SETTLE: Duration = Duration::from_millis(2000);

    #[test]
    fn a_device_is_asked_after_its_banner_or_after_a_while() {
        let now = RunTime::ZERO + Duration::from_secs(1);
        let mut opening = Opening::new(SETTLE);
        assert!(!opening.ask(now) && opening.settling() && !opening.tick(now));
        assert_eq!((opening.banner(), opening.settling(), opening.banner()), (Banner::Awaited, false, Banner::Restart));
        let mut silent = Opening::new(SETTLE);
        assert!(!silent.ask(now) && silent.tick(now + SETTLE));
        assert_eq!((silent.next_tick(), silent.tick(now + SETTLE)), (None, false), "once");
    }

    #[test]
    fn one_that_booted_before_or_never_boots_is_asked_at_once() {
        let mut early = Opening::new(SETTLE);
        assert_eq!(early.banner(), Banner::Early);
        assert!(early.ask(RunTime::ZERO));
        assert!(Opening::new(Duration::ZERO).ask(RunTime::ZERO));
    }
}
