//! One axis of the stage: trapezoidal profile, play, cyclic error of the screw, encoder.
//!
//! The controller counts where the motor should be; the carriage follows with play and the screw's cyclic error; the
//! encoder reads the carriage. A profile is a few segments of constant acceleration, so any instant can be asked for
//! without stepping through those before it. Times in s since the start of the run, lengths in mm.
//! Deliberately absent: microsteps (the controller's firmware rounds to them).

use crate::{config::world, sim::world::table::Table, time::RunTime};
use std::f64::consts::TAU;

/// The drive of an axis.
#[derive(Clone, Debug)]
pub struct Drive {
    params: world::Stage,
    sine: Table,
    segments: Vec<Segment>,
    /// The segment that the carriage is in.
    present: usize,
    /// Where the nut sits on the play of the screw.
    nut_mm: f64,
    /// The last nut position and where the carriage was for it.
    carriage: (f64, f64),
    stalled: bool,
}

/// Constant acceleration from `start_s` until the next segment starts.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start_s: f64,
    position_mm: f64,
    speed_mm_s: f64,
    acceleration_mm_s2: f64,
}

impl Segment {
    fn rest(start_s: f64, position_mm: f64) -> Self {
        Self { start_s, position_mm, speed_mm_s: 0.0, acceleration_mm_s2: 0.0 }
    }

    #[inline]
    fn at(&self, now_s: f64) -> (f64, f64) {
        let span_s = (now_s - self.start_s).max(0.0);
        let speed_mm_s = self.speed_mm_s + self.acceleration_mm_s2 * span_s;
        (self.position_mm + 0.5 * (self.speed_mm_s + speed_mm_s) * span_s, speed_mm_s)
    }
}

impl Drive {
    /// An axis at rest at its home position, zero.
    pub fn new(params: &world::Stage) -> Self {
        Self {
            params: params.clone(),
            sine: Table::sine(),
            segments: vec![Segment::rest(0.0, 0.0)],
            present: 0,
            nut_mm: 0.0,
            carriage: (0.0, 0.0),
            stalled: false,
        }
    }

    /// Starts a move to `target_mm`; the end stops hold it within 0 and the travel. `speed_mm_s` beyond the drive's
    /// own largest is driven at that.
    pub fn go(&mut self, now: RunTime, target_mm: f64, speed_mm_s: f64) {
        let acceleration = self.params.acceleration_mm_s2;
        let target_mm = target_mm.clamp(0.0, self.params.travel_mm);
        let limit = speed_mm_s.abs().clamp(1e-9, self.params.speed_max_mm_s);
        let (mut start_s, mut position_mm, mut speed) = self.begin(now);
        let to_go = target_mm - position_mm;
        let stop_mm = speed * speed / (2.0 * acceleration);
        let on_the_way = speed * to_go > 0.0 && stop_mm <= to_go.abs() && speed.abs() <= limit;
        if speed != 0.0 && !on_the_way {
            (start_s, position_mm) = self.brake(start_s, position_mm, speed);
            speed = 0.0;
        }
        let distance_mm = (target_mm - position_mm).abs();
        let sign = (target_mm - position_mm).signum();
        let from = speed.abs();
        let peak = limit.min((acceleration * distance_mm + 0.5 * from * from).sqrt()).max(from);
        let ramp_mm = (peak * peak - from * from) / (2.0 * acceleration);
        let slow_mm = peak * peak / (2.0 * acceleration);
        let cruise_mm = (distance_mm - ramp_mm - slow_mm).max(0.0);
        if distance_mm > 0.0 {
            let mut push = |span_s: f64, from: f64, rate: f64| {
                self.segments.push(Segment {
                    start_s,
                    position_mm,
                    speed_mm_s: sign * from,
                    acceleration_mm_s2: sign * rate,
                });
                position_mm += sign * (from + 0.5 * rate * span_s) * span_s;
                start_s += span_s;
            };
            push((peak - from) / acceleration, from, acceleration);
            push(cruise_mm / peak, peak, 0.0);
            push(peak / acceleration, peak, -acceleration);
        }
        self.segments.push(Segment::rest(start_s, target_mm));
    }

    /// Goes on at this velocity (towards the pen where positive) until told otherwise or the end stop; 0 stops.
    pub fn velocity(&mut self, now: RunTime, velocity_mm_s: f64) {
        if velocity_mm_s == 0.0 {
            self.stop(now);
        } else {
            self.go(now, if velocity_mm_s > 0.0 { f64::INFINITY } else { f64::NEG_INFINITY }, velocity_mm_s);
        }
    }

    /// Brakes to rest.
    pub fn stop(&mut self, now: RunTime) {
        let (start_s, position_mm, speed) = self.begin(now);
        let (start_s, position_mm) = self.brake(start_s, position_mm, speed);
        self.segments.push(Segment::rest(start_s, position_mm));
    }

    /// Stands still at once, having lost its step: stalled until the next command.
    pub fn stall(&mut self, now: RunTime) {
        let (start_s, position_mm, _) = self.begin(now);
        self.segments.push(Segment::rest(start_s, position_mm));
        self.stalled = true;
    }

    /// Whether the last move ended in a stall.
    pub fn stalled(&self) -> bool {
        self.stalled
    }

    /// Where the controller counts the motor, mm.
    pub fn counter_mm(&self, now_s: f64) -> f64 {
        self.segment(now_s).at(now_s).0
    }

    /// Whether the profile still runs.
    pub fn busy(&self, now_s: f64) -> bool {
        self.segments.last().is_some_and(|rest| now_s < rest.start_s)
    }

    /// Whether the profile leads towards the pen just now.
    pub fn advances(&self, now_s: f64) -> bool {
        self.segment(now_s).at(now_s).1 > 0.0
    }

    /// Largest speed from now on, mm/s, if nothing else is told; with the screw's cyclic error.
    pub fn speed_bound_mm_s(&self, now_s: f64) -> f64 {
        let speed = |segment: &Segment| segment.speed_mm_s.abs();
        let now = self.segment(now_s).at(now_s).1.abs();
        let later = self.segments.iter().filter(|segment| segment.start_s >= now_s).map(speed).fold(now, f64::max);
        later * (1.0 + TAU * self.params.ripple_mm / self.params.screw_pitch_mm)
    }

    /// When the present segment of the profile ends, s; infinite at rest.
    pub fn segment_end_s(&self, now_s: f64) -> f64 {
        self.segments.iter().map(|segment| segment.start_s).find(|&start_s| start_s > now_s).unwrap_or(f64::INFINITY)
    }

    /// Where the carriage is, mm. Times must not go back.
    #[inline]
    pub fn carriage_mm(&mut self, now_s: f64) -> f64 {
        self.follow(now_s);
        if self.nut_mm != self.carriage.0 {
            let turns = self.nut_mm / self.params.screw_pitch_mm;
            let ripple_mm = self.params.ripple_mm * self.sine.at(turns - (turns as i64) as f64);
            self.carriage = (self.nut_mm, self.nut_mm + ripple_mm);
        }
        self.carriage.1
    }

    /// Encoder counts of a carriage position.
    #[inline]
    pub fn encoder_counts(&self, carriage_mm: f64) -> i32 {
        (carriage_mm * (1.0 + self.params.encoder_scale_error) / self.params.encoder_mm).round() as i32
    }

    /// The screw takes the nut along once its play is used up.
    #[inline]
    fn follow(&mut self, now_s: f64) {
        while self.segments.get(self.present + 1).is_some_and(|next| next.start_s <= now_s) {
            self.present += 1;
        }
        let (counter_mm, _) = self.segments.get(self.present).map_or((0.0, 0.0), |segment| segment.at(now_s));
        let half_mm = 0.5 * self.params.backlash_mm;
        self.nut_mm = self.nut_mm.clamp(counter_mm - half_mm, counter_mm + half_mm);
    }

    /// Ends the old profile here: time, position and speed from which the new one goes on.
    fn begin(&mut self, now: RunTime) -> (f64, f64, f64) {
        let now_s = now.as_secs_f64();
        self.follow(now_s);
        self.stalled = false;
        let (position_mm, speed_mm_s) = self.segment(now_s).at(now_s);
        self.segments.clear();
        self.present = 0;
        (now_s, position_mm, speed_mm_s)
    }

    /// Adds a segment that brings `speed_mm_s` to rest; its end.
    fn brake(&mut self, start_s: f64, position_mm: f64, speed_mm_s: f64) -> (f64, f64) {
        if speed_mm_s == 0.0 {
            return (start_s, position_mm);
        }
        let acceleration_mm_s2 = -speed_mm_s.signum() * self.params.acceleration_mm_s2;
        self.segments.push(Segment { start_s, position_mm, speed_mm_s, acceleration_mm_s2 });
        let span_s = speed_mm_s.abs() / self.params.acceleration_mm_s2;
        (start_s + span_s, position_mm + 0.5 * speed_mm_s * span_s)
    }

    #[inline]
    fn segment(&self, now_s: f64) -> Segment {
        let started = self.segments.iter().rev().find(|segment| segment.start_s <= now_s).or(self.segments.first());
        started.copied().unwrap_or(Segment::rest(0.0, 0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::Drive;
    use crate::{config::world, time::RunTime};

    fn axis(ripple_mm: f64, backlash_mm: f64) -> Drive {
        Drive::new(&world::Stage { ripple_mm, backlash_mm, ..world::Stage::default() })
    }

    fn at(seconds: f64) -> RunTime {
        RunTime::from_nanos((seconds * 1e9) as u64)
    }

    /// Largest speed and acceleration of a profile, by differences.
    fn extremes(axis: &Drive, from_s: f64, to_s: f64) -> (f64, f64) {
        let step_s = 1e-4;
        let positions: Vec<f64> =
            (0..((to_s - from_s) / step_s) as u32).map(|i| axis.counter_mm(from_s + f64::from(i) * step_s)).collect();
        let speeds: Vec<f64> = positions.windows(2).map(|pair| (pair[1] - pair[0]) / step_s).collect();
        let speed = speeds.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
        (speed, speeds.windows(2).map(|pair| (pair[1] - pair[0]).abs() / step_s).fold(0.0, f64::max))
    }

    #[test]
    fn a_move_keeps_speed_and_acceleration_and_arrives() {
        let mut axis = axis(0.0, 0.0);
        axis.go(at(0.0), 10.0, 20.0);
        assert!(axis.busy(0.1) && !axis.busy(0.61));
        assert_eq!(axis.counter_mm(1.0), 10.0);
        let (speed, acceleration) = extremes(&axis, 0.0, 1.0);
        assert!((speed - 20.0).abs() < 1e-6 && acceleration < 201.0, "{speed} {acceleration}");
        axis.go(at(2.0), 9.9, 20.0);
        assert!((extremes(&axis, 2.0, 3.0).0 - 0.02_f64.sqrt() * 200.0_f64.sqrt() / 2.0_f64.sqrt() * 2.0).abs() < 3.0);
        assert_eq!(axis.counter_mm(3.0), 9.9);
    }

    #[test]
    fn commands_on_the_way_stay_smooth() {
        let mut axis = axis(0.0, 0.0);
        axis.go(at(0.0), 10.0, 20.0);
        for (time_s, target_mm) in [(0.2, 5.0), (0.25, 0.0), (0.3, 20.0), (0.35, 3.0)] {
            let before = axis.counter_mm(time_s);
            axis.go(at(time_s), target_mm, 30.0);
            assert!((axis.counter_mm(time_s) - before).abs() < 1e-9);
        }
        assert!(extremes(&axis, 0.35, 5.0).1 < 401.0);
        assert!((axis.counter_mm(5.0) - 3.0).abs() < 1e-12);
        axis.velocity(at(5.0), 2.0);
        assert!((axis.counter_mm(7.0) - 6.99).abs() < 1e-6);
        axis.stop(at(7.0));
        assert!((axis.counter_mm(9.0) - 7.0).abs() < 1e-6 && !axis.busy(7.02));
        axis.velocity(at(9.0), -100.0);
        assert_eq!(axis.counter_mm(20.0), 0.0, "end stop");
    }

    #[test]
    fn play_shows_on_the_way_back_only() {
        let mut axis = axis(0.0, 0.01);
        axis.go(at(0.0), 1.0, 10.0);
        assert!((axis.carriage_mm(1.0) - 0.995).abs() < 1e-12);
        axis.go(at(1.0), 0.995, 10.0);
        assert!((axis.carriage_mm(2.0) - 0.995).abs() < 1e-12, "within the play nothing moves");
        axis.go(at(2.0), 0.0, 10.0);
        assert!((axis.carriage_mm(3.0) - 0.005).abs() < 1e-12);
    }

    #[test]
    fn ripple_has_the_pitch_of_the_screw_and_the_encoder_sees_it() {
        let mut axis = axis(0.001, 0.0);
        axis.go(at(0.0), 2.25, 10.0);
        let carriage_mm = axis.carriage_mm(1.0);
        assert!((carriage_mm - 2.251).abs() < 1e-9);
        assert_eq!(axis.encoder_counts(carriage_mm), (2.251 * 1.00002 / 5e-5_f64).round() as i32);
    }

    #[test]
    fn a_stall_stands_still_until_the_next_command() {
        let mut axis = axis(0.0, 0.0);
        axis.go(at(0.0), 10.0, 10.0);
        axis.stall(at(0.5));
        assert!(axis.stalled() && !axis.busy(0.6));
        assert_eq!(axis.counter_mm(0.5), axis.counter_mm(2.0));
        axis.go(at(2.0), 0.0, 10.0);
        assert!(!axis.stalled());
    }
}
