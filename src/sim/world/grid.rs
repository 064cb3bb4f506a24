//! The instants at which the world is computed: a fixed grid, so that results do not depend on who asks when.
//!
//! While the acquisition runs, the ticks of the grid are its samples, else every fourth internal step. A tick is cut
//! into equal steps, no longer than the internal step, for what moves fast; what moves slowly goes from tick to tick
//! where these are short. A grid begins at the command that asked for it.

use crate::time::RunTime;

/// Steps of a tick while nothing is sampled.
const IDLE_STEPS: u32 = 4;

/// Longest tick that may be one step, ns: 0.5 µm of a stage at 2 mm/s.
const TICK_STEP_MAX_NS: f64 = 250e3;

/// A grid of instants and the place reached on it.
#[derive(Clone, Debug)]
pub struct Grid {
    anchor: RunTime,
    period_ns: f64,
    steps: u32,
    tick: u64,
    step: u32,
    streaming: bool,
}

impl Grid {
    /// The grid of an idle acquisition.
    pub fn idle(anchor: RunTime, step_ns: f64) -> Self {
        let period_ns = f64::from(IDLE_STEPS) * step_ns;
        Self { anchor, period_ns, steps: IDLE_STEPS, tick: 0, step: 0, streaming: false }
    }

    /// The grid of an acquisition that samples each `period_ns`, first one period after `anchor`.
    pub fn streaming(anchor: RunTime, period_ns: f64, step_max_ns: f64) -> Self {
        let steps = (period_ns / step_max_ns).ceil().clamp(1.0, 1e9) as u32;
        Self { anchor, period_ns, steps, tick: 0, step: 0, streaming: true }
    }

    /// Whether ticks are samples.
    pub fn is_streaming(&self) -> bool {
        self.streaming
    }

    /// Length of a step, s.
    pub fn step_s(&self) -> f64 {
        self.period_ns / f64::from(self.steps) * 1e-9
    }

    /// Whether a tick is short enough to be taken as one step by what moves slowly.
    pub fn ticks_are_short(&self) -> bool {
        self.period_ns <= TICK_STEP_MAX_NS
    }

    /// The instant after the one reached.
    pub fn next(&self) -> RunTime {
        self.time(self.tick, self.step + 1)
    }

    /// Goes on to [`Self::next`]. True where that is a tick.
    pub fn advance(&mut self) -> bool {
        if self.step + 1 == self.steps {
            return self.advance_tick();
        }
        self.step += 1;
        false
    }

    /// Length of a tick, s.
    pub fn tick_s(&self) -> f64 {
        self.period_ns * 1e-9
    }

    /// What is left to [`Self::next_tick`], s.
    pub fn tick_rest_s(&self) -> f64 {
        f64::from(self.steps - self.step) * self.step_s()
    }

    /// The next tick, whatever steps lie before it.
    pub fn next_tick(&self) -> RunTime {
        self.time(self.tick + 1, 0)
    }

    /// Goes on to [`Self::next_tick`]; true, as that is a tick.
    pub fn advance_tick(&mut self) -> bool {
        (self.tick, self.step) = (self.tick + 1, 0);
        true
    }

    /// Goes on to the last tick up to `limit`; its time.
    pub fn jump(&mut self, limit: RunTime) -> RunTime {
        // Times are rounded to nanoseconds, so the tick on the limit may lie one further than the quotient says.
        let mut tick = (limit.since(self.anchor).as_nanos() as f64 / self.period_ns).floor() as u64 + 1;
        while tick > self.tick && self.time(tick, 0) > limit {
            tick -= 1;
        }
        if tick > self.tick {
            (self.tick, self.step) = (tick, 0);
        }
        self.time(self.tick, self.step)
    }

    fn time(&self, tick: u64, step: u32) -> RunTime {
        let periods = tick as f64 + f64::from(step) / f64::from(self.steps);
        RunTime::from_nanos(self.anchor.as_nanos().saturating_add((periods * self.period_ns).round() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::Grid;
    use crate::time::RunTime;

    #[test]
    fn ticks_are_cut_into_equal_steps() {
        let mut grid = Grid::streaming(RunTime::from_nanos(7), 120_000.0, 50_000.0);
        let mut times = Vec::new();
        for _ in 0..6 {
            times.push((grid.next().as_nanos(), grid.advance()));
        }
        let expected =
            [(40_007, false), (80_007, false), (120_007, true), (160_007, false), (200_007, false), (240_007, true)];
        assert_eq!(times, expected);
    }

    #[test]
    fn a_jump_is_the_same_in_one_or_many() {
        let mut once = Grid::idle(RunTime::from_nanos(3), 12_499.3);
        let mut often = once.clone();
        for limit in [10_000, 60_000, 60_001, 123_456, 1_000_000] {
            often.jump(RunTime::from_nanos(limit));
        }
        assert_eq!(once.jump(RunTime::from_nanos(1_000_000)), often.jump(RunTime::from_nanos(1_000_000)));
        assert_eq!(once.next(), often.next());
        assert!(once.next() > RunTime::from_nanos(1_000_000));
    }

    #[test]
    fn a_jump_onto_a_tick_that_was_rounded_down_reaches_it() {
        for nanos in 1..50 {
            let mut grid = Grid::idle(RunTime::ZERO, 0.25 * (1000.0 + f64::from(nanos) * 0.01));
            let next = grid.next_tick();
            assert_eq!(grid.jump(next), next);
        }
    }
}
