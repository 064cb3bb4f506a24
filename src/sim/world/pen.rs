//! The pen: a crank that drives the needles, stroke after stroke, each a little different.
//!
//! A stroke is one turn of the crank from the retracted dead centre to itself; its duration and its protrusion are
//! drawn when it begins, so the tip's position at any instant of it is known without stepping. New settings and new
//! orders to the motor take effect at a dead centre: a pen that is told to stop rests retracted within one turn.
//! Protrusion of stroke k: scale · set depth + offset + drift · k + AR(1) spread (metrology: run).
//! Deliberately absent: the pen's electronics and their safety rules (they are firmware).

use crate::{
    config::world,
    prng::Stream,
    sim::world::{
        Motor,
        table::Table,
        truth::{HoldTruth, StrokeTruth, Truth},
    },
    time::RunTime,
};
use std::f64::consts::TAU;

/// A retracted tip stands at least this far behind the face, mm.
const CLEARANCE_MM: f64 = 0.3;
/// A motor that is told less than this does not turn, Hz.
const RATE_MIN_HZ: f64 = 0.1;
/// Share of the rate at which a motor starts, and from which a stroke counts as settled.
const RATE_SHARE_START: f64 = 0.2;
const RATE_SHARE_SETTLED: f64 = 0.99;
const CELLS: usize = 8192;

/// What the crank does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Motion {
    /// At rest at a dead centre.
    Rest { out: bool },
    /// From one phase of a turn to another at constant speed (0 and 1: retracted, 0.5: extended).
    Turn { start_s: f64, duration_s: f64, from: f64, to: f64, stroke: bool },
    /// Blocked in mid-turn until the motor is switched off.
    Stalled { phase: f64 },
}

/// The pen.
#[derive(Debug)]
pub struct Pen {
    params: world::Pen,
    /// Share of the travel by which the tip is drawn back, over the phase of a turn.
    retraction: Table,
    motor: Motor,
    motion: Motion,
    rate_hz: f64,
    set_depth_mm: f64,
    protrusion_mm: f64,
    travel_mm: f64,
    driven: bool,
    spread_mm: f64,
    stroke_number: u64,
    run_start_s: f64,
    /// Impulse against the needles since the stroke began, N·s.
    impulse_n_s: f64,
    spread: Stream,
    period: Stream,
    misses: Stream,
}

impl Pen {
    /// A pen at rest, retracted.
    pub fn new(params: &world::Pen, seed: u64) -> Self {
        let mut spread = Stream::named(seed, "world.pen.spread");
        let spread_mm = params.stroke_sd_mm * spread.normal();
        Self {
            params: params.clone(),
            retraction: Table::new(1.0, CELLS, |phase| retraction(params, phase)),
            motor: Motor::Off,
            motion: Motion::Rest { out: false },
            rate_hz: 0.0,
            set_depth_mm: 0.0,
            protrusion_mm: 0.0,
            travel_mm: params.travel_mm,
            driven: true,
            spread_mm,
            stroke_number: 0,
            run_start_s: 0.0,
            impulse_n_s: 0.0,
            spread,
            period: Stream::named(seed, "world.pen.period"),
            misses: Stream::named(seed, "world.pen.missed"),
        }
    }

    /// Sets rate and depth from the next stroke or hold on.
    pub fn set(&mut self, rate_hz: f64, set_depth_mm: f64) {
        (self.rate_hz, self.set_depth_mm) = (rate_hz, set_depth_mm);
    }

    /// Gives the motor an order, at a time up to which [`Self::follow`] has been called.
    pub fn order(&mut self, now: RunTime, motor: Motor, truth: &mut Truth) {
        let before = std::mem::replace(&mut self.motor, motor);
        if motor == Motor::Run && before != Motor::Run {
            truth.strokes.clear();
            self.stroke_number = 0;
            self.run_start_s = now.as_secs_f64();
        }
        match self.motion {
            Motion::Rest { out } => self.next(now.as_secs_f64(), out, truth),
            Motion::Stalled { phase } if matches!(motor, Motor::Off | Motor::HoldIn) => {
                // The spring brings the carriage back the way that is shorter.
                let to = if phase < 0.5 { 0.0 } else { 1.0 };
                self.turn(now.as_secs_f64(), self.params.hold_s, phase, to, false);
            }
            Motion::Stalled { .. } | Motion::Turn { .. } => {}
        }
    }

    /// What the motor does now: at rest `Off` or `HoldIn` as ordered, `HoldOut` extended, else `Run`.
    pub fn motor(&self) -> Motor {
        match self.motion {
            Motion::Rest { out: true } => Motor::HoldOut,
            Motion::Rest { out: false } if self.motor == Motor::HoldIn => Motor::HoldIn,
            Motion::Rest { out: false } => Motor::Off,
            Motion::Turn { .. } | Motion::Stalled { .. } => Motor::Run,
        }
    }

    /// Whether the motor is blocked.
    pub fn stalled(&self) -> bool {
        matches!(self.motion, Motion::Stalled { .. })
    }

    /// Goes through the dead centres up to `now_s`.
    #[inline]
    pub fn follow(&mut self, now_s: f64, truth: &mut Truth) {
        while let Motion::Turn { start_s, duration_s, to, .. } = self.motion {
            let end_s = start_s + duration_s;
            if now_s < end_s {
                return;
            }
            self.motion = Motion::Rest { out: to == 0.5 };
            self.next(end_s, to == 0.5, truth);
        }
    }

    /// How far the foremost tip stands out of the face, mm; negative where it is behind it.
    #[inline]
    pub fn tip_mm(&self, now_s: f64) -> f64 {
        let retraction = match self.motion {
            _ if !self.driven => 1.0,
            Motion::Rest { out } => f64::from(u8::from(!out)),
            Motion::Turn { start_s, duration_s, from, to, .. } => {
                self.retraction.at(from + (to - from) * ((now_s - start_s) / duration_s))
            }
            Motion::Stalled { phase } => self.retraction.at(phase),
        };
        self.protrusion_mm - self.travel_mm * retraction
    }

    /// The farthest that the tip gets before [`Self::motion_end_s`], mm.
    pub fn reach_mm(&self) -> f64 {
        match self.motion {
            Motion::Rest { out: false } => self.protrusion_mm - self.travel_mm,
            _ if !self.driven => self.protrusion_mm - self.travel_mm,
            _ => self.protrusion_mm,
        }
    }

    /// When the present motion ends, s; infinite at rest.
    pub fn motion_end_s(&self) -> f64 {
        match self.motion {
            Motion::Turn { start_s, duration_s, .. } => start_s + duration_s,
            Motion::Rest { .. } | Motion::Stalled { .. } => f64::INFINITY,
        }
    }

    /// Lets the motor feel the force on the needles, N, over a step. Only a carriage on its way out can be blocked.
    #[inline]
    pub fn feel(&mut self, now_s: f64, step_s: f64, force_n: f64) {
        self.impulse_n_s += force_n.max(0.0) * step_s;
        if force_n > self.params.stall_force_n
            && let Motion::Turn { start_s, duration_s, from, to, .. } = self.motion
        {
            let phase = from + (to - from) * ((now_s - start_s) / duration_s);
            if phase < 0.5 && from < to {
                self.motion = Motion::Stalled { phase };
            }
        }
    }

    /// When the stroke under way is at its extended dead centre, s; infinite where there is none.
    pub fn extension_s(&self) -> f64 {
        match self.motion {
            Motion::Turn { start_s, duration_s, stroke: true, .. } => start_s + 0.5 * duration_s,
            _ => f64::INFINITY,
        }
    }

    /// Whether the carriage stands still.
    pub fn rests(&self) -> bool {
        !matches!(self.motion, Motion::Turn { .. })
    }

    /// Whether a stroke of a run is under way.
    pub fn strokes(&self) -> bool {
        matches!(self.motion, Motion::Turn { stroke: true, .. })
    }

    /// Whether the needles rest extended.
    pub fn holds_out(&self) -> bool {
        self.motion == Motion::Rest { out: true }
    }

    /// Begins what the order asks for, at a dead centre.
    fn next(&mut self, start_s: f64, out: bool, truth: &mut Truth) {
        let hold_s = self.params.hold_s;
        match (self.motor, out) {
            (Motor::HoldOut, true) | (Motor::Off | Motor::HoldIn, false) => {}
            (Motor::Off | Motor::HoldIn | Motor::Run, true) => self.turn(start_s, hold_s, 0.5, 1.0, false),
            (Motor::HoldOut, false) => {
                self.driven = true;
                let spread_mm = self.draw_spread();
                self.extend_to(spread_mm);
                truth.holds.push(HoldTruth { protrusion_mm: self.protrusion_mm, ..HoldTruth::default() });
                self.turn(start_s, hold_s, 0.0, 0.5, false);
            }
            (Motor::Run, false) => self.begin_stroke(start_s, truth),
        }
    }

    fn turn(&mut self, start_s: f64, duration_s: f64, from: f64, to: f64, stroke: bool) {
        self.motion = Motion::Turn { start_s, duration_s, from, to, stroke };
    }

    fn begin_stroke(&mut self, start_s: f64, truth: &mut Truth) {
        if self.rate_hz.is_nan() || self.rate_hz < RATE_MIN_HZ {
            return;
        }
        let params = &self.params;
        let period_before_s = truth.strokes.last().map_or(1.0, |stroke| stroke.period_s);
        let load_before_n = std::mem::take(&mut self.impulse_n_s) / period_before_s;
        let since_start_s = start_s - self.run_start_s;
        let start_share = if params.start_s > 0.0 { -libm::expm1(-since_start_s / params.start_s) } else { 1.0 };
        let load_share = (1.0 - params.rate_droop_per_n * load_before_n).max(RATE_SHARE_START);
        let steady_hz = self.rate_hz * (1.0 + params.rate_error) * load_share;
        let jitter = (1.0 + params.rate_jitter * self.period.normal()).max(0.5);
        let period_s = jitter / (steady_hz * start_share.max(RATE_SHARE_START));
        let missed = self.misses.chance(params.missed_share);
        let drift_mm = params.drift_mm_per_1000 * self.stroke_number as f64 * 1e-3;
        let spread_mm = self.draw_spread();
        self.extend_to(drift_mm + spread_mm);
        self.driven = !missed;
        truth.strokes.push(StrokeTruth {
            start: RunTime::from_nanos((start_s * 1e9) as u64),
            period_s,
            protrusion_mm: self.protrusion_mm,
            missed,
            settled: start_share >= RATE_SHARE_SETTLED,
            ..StrokeTruth::default()
        });
        self.stroke_number += 1;
        self.turn(start_s, period_s, 0.0, 1.0, true);
    }

    /// The next value of the stationary AR(1) spread, mm.
    fn draw_spread(&mut self) -> f64 {
        let correlation = self.params.stroke_correlation;
        let fresh_mm = self.params.stroke_sd_mm * (1.0 - correlation * correlation).sqrt() * self.spread.normal();
        self.spread_mm = correlation * self.spread_mm + fresh_mm;
        self.spread_mm
    }

    fn extend_to(&mut self, deviation_mm: f64) {
        let params = &self.params;
        self.protrusion_mm =
            self.set_depth_mm * (1.0 + params.depth_scale_error) + params.depth_offset_mm + deviation_mm;
        self.travel_mm = params.travel_mm.max(self.protrusion_mm + CLEARANCE_MM);
    }
}

/// Slider and crank: share of the travel by which the tip is drawn back at a phase of the turn (1 at 0 and 1).
fn retraction(params: &world::Pen, phase: f64) -> f64 {
    let angle = TAU * phase;
    let turned = angle + params.ripple_rad * libm::sin(angle);
    let (sine, cosine) = (libm::sin(turned), libm::cos(turned));
    let rod = params.rod_ratio;
    let tilt = if rod > 0.0 { (1.0 - (1.0 - rod * rod * sine * sine).sqrt()) / (2.0 * rod) } else { 0.0 };
    0.5 * (1.0 + cosine) + tilt
}

#[cfg(test)]
mod tests {
    use super::{Pen, retraction};
    use crate::{
        config::world,
        sim::world::{Motor, truth::Truth},
        time::RunTime,
    };

    fn at(seconds: f64) -> RunTime {
        RunTime::from_nanos((seconds * 1e9) as u64)
    }

    fn running(params: &world::Pen, rate_hz: f64, set_depth_mm: f64, until_s: f64) -> (Pen, Truth) {
        let (mut pen, mut truth) = (Pen::new(params, 5), Truth::default());
        pen.set(rate_hz, set_depth_mm);
        pen.order(at(0.0), Motor::Run, &mut truth);
        pen.follow(until_s, &mut truth);
        (pen, truth)
    }

    #[test]
    fn dead_centres_are_exact_and_the_rod_delays_the_middle() {
        for rod_ratio in [0.0, 0.3] {
            let params = world::Pen { rod_ratio, ..world::Pen::default() };
            assert!((retraction(&params, 0.0) - 1.0).abs() < 1e-12);
            assert!(retraction(&params, 0.5).abs() < 1e-12);
            let middle = retraction(&world::Pen { ripple_rad: 0.0, ..params }, 0.25);
            assert!((middle - 0.5 - rod_ratio / 4.0).abs() < 0.01 * rod_ratio + 1e-12, "{middle}");
        }
    }

    #[test]
    fn strokes_follow_the_statistics_asked_for() {
        let params = world::Pen {
            stroke_sd_mm: 0.02,
            stroke_correlation: 0.6,
            drift_mm_per_1000: 0.01,
            missed_share: 0.02,
            ..world::Pen::default()
        };
        let (_, truth) = running(&params, 110.0, 1.5, 400.0);
        let strokes: Vec<_> = truth.strokes.iter().filter(|stroke| stroke.settled).collect();
        let n = strokes.len() as f64;
        let deviation = |index: usize| strokes[index].protrusion_mm - 1.507 - 1e-5 * index as f64;
        let variance = (0..strokes.len()).map(|i| deviation(i).powi(2)).sum::<f64>() / n;
        let lag = (1..strokes.len()).map(|i| deviation(i) * deviation(i - 1)).sum::<f64>() / n;
        assert!((variance.sqrt() / 0.02 - 1.0).abs() < 0.03, "{}", variance.sqrt());
        assert!((lag / variance - 0.6).abs() < 0.03);
        let missed = strokes.iter().filter(|stroke| stroke.missed).count() as f64;
        assert!((missed / n - 0.02).abs() < 0.002);
        let rate_hz = truth.rate_hz().unwrap();
        assert!((rate_hz / (110.0 * 1.0005) - 1.0).abs() < 2e-5, "{rate_hz}");
    }

    #[test]
    fn a_stop_ends_retracted_within_one_turn() {
        for stop_s in [0.001, 0.0712, 0.5, 0.50431] {
            let (mut pen, mut truth) = running(&world::Pen::default(), 100.0, 1.5, stop_s);
            pen.order(at(stop_s), Motor::Off, &mut truth);
            let period_s = truth.strokes.last().unwrap().period_s;
            pen.follow(stop_s + period_s, &mut truth);
            assert_eq!(pen.motor(), Motor::Off);
            assert!(pen.tip_mm(stop_s + period_s) < -1.0);
        }
    }

    #[test]
    fn holds_rest_at_the_dead_centres() {
        let (mut pen, mut truth) = (Pen::new(&world::Pen::default(), 5), Truth::default());
        pen.set(100.0, 1.0);
        pen.order(at(0.0), Motor::HoldOut, &mut truth);
        assert_eq!(pen.motor(), Motor::Run);
        pen.follow(0.2, &mut truth);
        assert_eq!(pen.motor(), Motor::HoldOut);
        assert_eq!(pen.tip_mm(0.2), truth.holds[0].protrusion_mm);
        assert!((truth.holds[0].protrusion_mm - 1.006).abs() < 0.05);
        pen.order(at(1.0), Motor::HoldIn, &mut truth);
        pen.follow(1.2, &mut truth);
        assert_eq!(pen.motor(), Motor::HoldIn);
        assert!(pen.tip_mm(1.2) < -0.3);
    }

    #[test]
    fn a_stalled_pen_stays_until_it_is_switched_off() {
        let (mut pen, mut truth) = running(&world::Pen::default(), 100.0, 1.5, 0.5);
        let now_s = truth.strokes.last().unwrap().start.as_secs_f64() + 0.004;
        pen.feel(now_s, 5e-5, 13.0);
        assert!(pen.stalled());
        pen.order(at(0.6), Motor::Run, &mut truth);
        assert!(pen.stalled());
        pen.order(at(0.7), Motor::Off, &mut truth);
        pen.follow(1.0, &mut truth);
        assert_eq!((pen.stalled(), pen.motor()), (false, Motor::Off));
    }

    #[test]
    fn a_deep_setting_still_retracts_behind_the_face() {
        let (pen, truth) = running(&world::Pen { travel_mm: 2.5, ..world::Pen::default() }, 100.0, 3.0, 0.5);
        let start_s = truth.strokes.last().unwrap().start.as_secs_f64();
        assert!((pen.tip_mm(start_s) + 0.3).abs() < 1e-3);
    }
}
