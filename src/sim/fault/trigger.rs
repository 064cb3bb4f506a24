//! When a fault begins and ends.

use crate::{
    config::faults::{Lasts, Phase, When},
    prng::Stream,
    sim::world::{Axis, Motor, World},
    time::RunTime,
};
use std::time::Duration;

/// How often the world is looked at while a fault waits for a phase.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The beginning and end of one fault.
#[derive(Debug)]
pub(super) struct Trigger {
    begin: Begin,
    lasts: Option<Lasts>,
    end: Option<RunTime>,
    messages_left: Option<u64>,
}

#[derive(Debug)]
enum Begin {
    At(RunTime),
    /// So many messages of its direction are still to pass.
    Messages(u64),
    Phase(Phase, Duration, RunTime),
    Begun,
    Over,
}

fn at(s: f64) -> RunTime {
    RunTime::ZERO + Duration::from_secs_f64(s)
}

impl Trigger {
    pub(super) fn new(when: &When, lasts: Option<&Lasts>, draw: &mut Stream) -> Self {
        let begin = match *when {
            When::Start => Begin::At(RunTime::ZERO),
            When::AtS(s) => Begin::At(at(s)),
            When::BetweenS([from, to]) => Begin::At(at(draw.between(from, to))),
            When::AfterMessages(count) => Begin::Messages(count),
            When::Phase(phase) => Begin::Phase(phase, Duration::ZERO, RunTime::ZERO),
            When::PhasePlus { phase, s } => Begin::Phase(phase, Duration::from_secs_f64(s), RunTime::ZERO),
        };
        let messages_left = match lasts {
            Some(Lasts::Messages(count)) => Some(*count),
            _ => None,
        };
        Self { begin, lasts: lasts.cloned(), end: None, messages_left }
    }

    /// Begins and ends what is due. True at the moment of the beginning.
    pub(super) fn look(&mut self, now: RunTime, world: &World) -> bool {
        match &mut self.begin {
            Begin::Phase(phase, plus, look_at) => {
                *look_at = now + LOOK_EVERY;
                if in_phase(*phase, world) {
                    self.begin = Begin::At(now + *plus);
                    return self.look(now, world);
                }
            }
            Begin::At(begin) if *begin <= now => {
                let begin = *begin;
                self.start(begin);
                self.finish(now);
                return true;
            }
            _ => self.finish(now),
        }
        false
    }

    fn start(&mut self, now: RunTime) {
        self.begin = Begin::Begun;
        if let Some(Lasts::S(s)) = self.lasts {
            self.end = Some(now + Duration::from_secs_f64(s));
        }
    }

    fn finish(&mut self, now: RunTime) {
        if matches!(self.begin, Begin::Begun) && self.end.is_some_and(|end| end <= now) {
            self.begin = Begin::Over;
        }
    }

    /// Ends it, whatever it was to last.
    pub(super) fn end(&mut self) {
        self.begin = Begin::Over;
    }

    pub(super) fn active(&self) -> bool {
        matches!(self.begin, Begin::Begun)
    }

    /// A message of its direction passes. Whether the fault acts on it, and whether it has just begun.
    pub(super) fn message(&mut self, now: RunTime) -> (bool, bool) {
        let mut begun = false;
        match &mut self.begin {
            Begin::Messages(0) => {
                self.start(now);
                begun = true;
            }
            Begin::Messages(left) => *left -= 1,
            _ => {}
        }
        if !self.active() {
            return (false, begun);
        }
        if let Some(left) = &mut self.messages_left {
            *left -= 1;
            if *left == 0 {
                self.begin = Begin::Over;
            }
        }
        (true, begun)
    }

    /// When it wants to look again.
    pub(super) fn next(&self) -> Option<RunTime> {
        match self.begin {
            Begin::At(begin) => Some(begin),
            Begin::Phase(_, _, look_at) => Some(look_at),
            Begin::Begun => self.end,
            Begin::Messages(_) | Begin::Over => None,
        }
    }
}

fn in_phase(phase: Phase, world: &World) -> bool {
    let position = |axis| world.stage_position_mm(axis);
    match phase {
        Phase::Moving => [Axis::X, Axis::Y, Axis::Z].into_iter().any(|axis| world.stage_busy(axis)),
        Phase::Contact => position(Axis::Z) >= world.face_mm(position(Axis::X), position(Axis::Y)),
        Phase::Extended => world.pen_motor_state() == Motor::HoldOut,
        Phase::Stroking => world.pen_strokes(),
    }
}

#[cfg(test)]
mod tests {
    use super::Trigger;
    use crate::{
        config::{
            faults::{Lasts, Phase, When},
            world::WorldParams,
        },
        prng::Stream,
        sim::world::{CartridgeTruth, Motor, World},
        time::RunTime,
    };
    use std::time::Duration;

    fn world() -> World {
        let cartridge = CartridgeTruth { needles: 1, needle_diameter_mm: 0.25, height_sd_mm: 0.0 };
        World::new(&WorldParams::default(), &cartridge, 1)
    }

    fn ms(ms: u64) -> RunTime {
        RunTime::ZERO + Duration::from_millis(ms)
    }

    fn trigger(when: When, lasts: Option<Lasts>) -> Trigger {
        Trigger::new(&when, lasts.as_ref(), &mut Stream::named(1, "window"))
    }

    #[test]
    fn a_time_and_a_span() {
        let (world, mut trigger) = (world(), trigger(When::AtS(0.010), Some(Lasts::S(0.005))));
        assert_eq!(trigger.next(), Some(ms(10)));
        assert!(!trigger.look(ms(9), &world));
        assert!(trigger.look(ms(10), &world) && trigger.active());
        assert_eq!(trigger.next(), Some(ms(15)));
        assert!(!trigger.look(ms(15), &world) && !trigger.active());
        assert_eq!(trigger.next(), None);
    }

    #[test]
    fn a_count_of_messages() {
        let mut trigger = trigger(When::AfterMessages(2), Some(Lasts::Messages(2)));
        let acts: Vec<bool> = (0..6).map(|n| trigger.message(ms(n)).0).collect();
        assert_eq!(acts, [false, false, true, true, false, false]);
    }

    #[test]
    fn a_phase_of_the_bench() {
        let mut world = world();
        let mut trigger = trigger(When::PhasePlus { phase: Phase::Stroking, s: 0.002 }, None);
        assert!(!trigger.look(ms(1), &world));
        world.pen_set(110.0, 1.0);
        world.pen_motor(Motor::Run);
        world.advance(ms(2));
        assert!(!trigger.look(ms(2), &world));
        world.pen_motor(Motor::Off);
        assert!(trigger.look(ms(4), &world), "what has begun to count goes on");
    }

    #[test]
    fn a_window_is_drawn_from_the_seed() {
        let drawn = |seed| Trigger::new(&When::BetweenS([1.0, 2.0]), None, &mut Stream::named(seed, "window")).next();
        assert_eq!(drawn(3), drawn(3));
        assert_ne!(drawn(3), drawn(4));
        assert!(drawn(3) >= Some(ms(1000)) && drawn(3) < Some(ms(2000)));
    }
}
