//! Force and place of devices that know nothing of each other: the stage's polled position, brought to the time of each
//! force value.
//!
//! A poll tells a position between its question and its answer; its time is the middle, with a rectangular uncertainty
//! (GUM 4.3.7). Between two polls of a motion the stage goes at constant speed, so its position is linear in time; in
//! the stretch in which it starts or stops, it goes at the speed that it was told and stands before or after. A force
//! value waits until the poll after it is in.
//!
//! Invariant: values leave in the order in which they came, each once, none with a position that was extrapolated.
//! Deliberately absent: accelerations (at 200 mm/s² half a micrometre of way at 0.5 mm/s), and the play of the screw,
//! which the rig file gives as `stage.position_u_mm`.

use crate::{device::Report, time::RunTime};
use std::{collections::VecDeque, time::Duration};

/// Share of the polls' mean square that the latest makes up.
const LATEST: f64 = 0.05;

/// A force value on its way to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its time.
    pub at: RunTime,
    /// Force, counts.
    pub force_counts: i32,
}

/// A known position.
#[derive(Clone, Copy, Debug)]
struct Point {
    at: RunTime,
    z_mm: f64,
    /// Until here or from here on the stage stands.
    stands: Stands,
    /// Speed that the stage was told for the way behind this point, mm/s.
    speed_mm_s: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    No,
    Until,
    From,
}

/// Finds the place of force values.
#[derive(Clone, Debug, Default)]
pub struct Pairing {
    points: VecDeque<Point>,
    waiting: VecDeque<Waiting>,
    answered: Option<RunTime>,
    /// Mean squares of the standard uncertainties of the times of values and of polls, s².
    time_u2_s2: f64,
    poll_u2_s2: f64,
}

impl Pairing {
    /// The stage was told to move at this speed, mm/s.
    pub fn commanded(&mut self, now: RunTime, speed_mm_s: f64) {
        let Some(last) = self.points.back_mut() else { return };
        last.speed_mm_s = Some(speed_mm_s);
        if last.stands == Stands::From {
            let (at, z_mm) = (now.max(last.at), last.z_mm);
            self.points.push_back(Point { at, z_mm, stands: Stands::Until, speed_mm_s: Some(speed_mm_s) });
        }
    }

    /// Takes what the stage last said; the same report may come again.
    pub fn reported(&mut self, report: &Report) {
        if self.answered.replace(report.answered) == Some(report.answered) {
            return;
        }
        let window = report.answered.since(report.asked);
        mean_square(&mut self.poll_u2_s2, window.as_secs_f64().powi(2) / 12.0);
        let at = report.asked + window / 2;
        let speed_mm_s = self.points.back().and_then(|last| last.speed_mm_s);
        let stands = if report.moving { Stands::No } else { Stands::From };
        // An answer to a question from before the last command says nothing of the motion since.
        if self.points.back().is_none_or(|last| last.at < at) {
            self.points.push_back(Point { at, z_mm: report.z_mm, stands, speed_mm_s });
        }
    }

    /// Forgets the positions, as after their reference was found anew.
    pub fn forget_positions(&mut self) {
        self.points.clear();
        self.answered = None;
    }

    /// Takes a value and the standard uncertainty of its time.
    pub fn push(&mut self, value: Waiting, u: Duration) {
        mean_square(&mut self.time_u2_s2, u.as_secs_f64().powi(2));
        self.waiting.push_back(value);
    }

    /// The next value with its position, mm; NaN where none was ever told. `None` while it must wait.
    pub fn next_pair(&mut self) -> Option<(Waiting, f64)> {
        let value = *self.waiting.front()?;
        let z_mm = self.position_mm(value.at)?;
        self.waiting.pop_front();
        while self.points.get(1).is_some_and(|second| second.at <= value.at) {
            self.points.pop_front();
        }
        Some((value, z_mm))
    }

    /// The time of the value that has waited longest.
    pub fn oldest(&self) -> Option<RunTime> {
        self.waiting.front().map(|value| value.at)
    }

    /// Standard uncertainty of the time of force against that of position, s: root mean square of late.
    pub fn time_u_s(&self) -> f64 {
        (self.time_u2_s2 + self.poll_u2_s2).sqrt()
    }

    fn position_mm(&self, at: RunTime) -> Option<f64> {
        let (Some(first), Some(last)) = (self.points.front(), self.points.back()) else { return Some(f64::NAN) };
        if at <= first.at {
            return Some(first.z_mm);
        }
        if at >= last.at {
            return (last.stands == Stands::From).then_some(last.z_mm);
        }
        let behind = self.points.partition_point(|point| point.at <= at);
        Some(between(&self.points[behind - 1], &self.points[behind], at))
    }
}

fn mean_square(mean: &mut f64, square: f64) {
    *mean = if *mean == 0.0 { square } else { *mean + LATEST * (square - *mean) };
}

/// Position between two points, mm.
fn between(a: &Point, b: &Point, at: RunTime) -> f64 {
    let (whole_s, gone_s) = (b.at.since(a.at).as_secs_f64(), at.since(a.at).as_secs_f64());
    let way_mm = b.z_mm - a.z_mm;
    // Never slower than what brings it there in time.
    let speed_mm_s = a.speed_mm_s.unwrap_or(0.0).max(way_mm.abs() / whole_s);
    let share = |seconds: f64| if way_mm == 0.0 { 0.0 } else { (speed_mm_s * seconds / way_mm.abs()).min(1.0) };
    match (a.stands, b.stands) {
        (Stands::Until, Stands::No) => b.z_mm - way_mm * share(whole_s - gone_s),
        (_, Stands::From) => a.z_mm + way_mm * share(gone_s),
        _ => a.z_mm + way_mm * gone_s / whole_s,
    }
}

#[cfg(test)]
mod tests {
    use super::{Pairing, Waiting};
    use crate::{device::Report, time::RunTime};
    use proptest::prelude::*;
    use std::time::Duration;

    fn ms(ms: u64) -> RunTime {
        RunTime::ZERO + Duration::from_millis(ms)
    }

    fn report(at_ms: u64, z_mm: f64, moving: bool) -> Report {
        Report { asked: ms(at_ms - 2), answered: ms(at_ms + 2), z_mm, moving }
    }

    fn push(pairing: &mut Pairing, at_ms: u64) {
        pairing.push(Waiting { at: ms(at_ms), force_counts: at_ms as i32 }, Duration::from_millis(1));
    }

    fn drained(pairing: &mut Pairing) -> Vec<(i32, f64)> {
        std::iter::from_fn(|| pairing.next_pair()).map(|(value, z_mm)| (value.force_counts, z_mm)).collect()
    }

    /// 1 mm/s from 105 ms to 195 ms, asked every 20 ms.
    fn moved(pairing: &mut Pairing) {
        pairing.reported(&report(50, 3.0, false));
        pairing.commanded(ms(100), 1.0);
        for at_ms in (110..=190).step_by(20) {
            pairing.reported(&report(at_ms, 3.0 + (at_ms as f64 - 105.0) * 1e-3, true));
        }
        pairing.reported(&report(210, 3.09, false));
    }

    #[test]
    fn a_position_is_that_of_the_motion_and_of_the_rests_beside_it() {
        let mut pairing = Pairing::default();
        (60..300).step_by(4).for_each(|at_ms| push(&mut pairing, at_ms));
        moved(&mut pairing);
        let pairs = drained(&mut pairing);
        assert_eq!(pairs.len(), 60);
        for (at_ms, z_mm) in pairs {
            let truth_mm = 3.0 + (f64::from(at_ms) - 105.0).clamp(0.0, 90.0) * 1e-3;
            assert!((z_mm - truth_mm).abs() < 1e-9, "{at_ms} ms: {z_mm} for {truth_mm}");
        }
    }

    #[test]
    fn a_value_waits_for_the_poll_after_it() {
        let mut pairing = Pairing::default();
        push(&mut pairing, 10);
        assert!(drained(&mut pairing)[0].1.is_nan(), "no position was ever told");
        pairing.reported(&report(50, 3.0, false));
        pairing.commanded(ms(100), 1.0);
        pairing.reported(&report(120, 3.01, true));
        (110..140).step_by(10).for_each(|at_ms| push(&mut pairing, at_ms));
        assert_eq!(drained(&mut pairing).iter().map(|pair| pair.0).collect::<Vec<_>>(), [110]);
        assert_eq!(pairing.oldest(), Some(ms(120)));
        pairing.reported(&report(140, 3.03, true));
        assert_eq!(drained(&mut pairing).len(), 2);
        assert_eq!(pairing.oldest(), None);
    }

    #[test]
    fn an_answer_from_before_a_command_is_no_position_of_its_motion() {
        let mut pairing = Pairing::default();
        pairing.reported(&report(50, 3.0, false));
        pairing.commanded(ms(100), 1.0);
        pairing.reported(&report(99, 3.0, false));
        push(&mut pairing, 110);
        assert!(drained(&mut pairing).is_empty());
    }

    #[test]
    fn the_uncertainty_of_time_is_that_of_value_and_poll() {
        let mut pairing = Pairing::default();
        push(&mut pairing, 10);
        pairing.reported(&report(50, 3.0, false));
        let expected_s = (1e-6 + 16e-6 / 12.0_f64).sqrt();
        assert!((pairing.time_u_s() - expected_s).abs() < 1e-12, "{}", pairing.time_u_s());
    }

    proptest! {
        #[test]
        fn all_leave_once_in_order_within_the_way(steps in prop::collection::vec(1..40_u64, 1..80)) {
            let mut pairing = Pairing::default();
            let mut at_ms = 0;
            for step in &steps {
                at_ms += step;
                push(&mut pairing, at_ms);
            }
            moved(&mut pairing);
            let pairs = drained(&mut pairing);
            prop_assert_eq!(pairs.len(), steps.len());
            prop_assert!(pairs.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1 + 1e-12));
            prop_assert!(pairs.iter().all(|pair| (3.0..=3.09 + 1e-12).contains(&pair.1)));
        }
    }
}
