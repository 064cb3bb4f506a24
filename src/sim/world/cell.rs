//! Mechanics of the load cell: a damped mass on a spring, `y'' + 2ζω y' + ω² y = ω² F`, y in newtons.
//!
//! Discretised exactly for a force that changes linearly over each step about its mean (first-order hold), so the
//! response is right at any step.
//! The same spring is the load path's compliance: the surface sinks by `compliance · y`.
//! Deliberately absent: everything electrical (see `channel`), and the force that the stage's own acceleration puts
//! on the mass.

use crate::config::world;
use std::f64::consts::TAU;

/// Below this a free cell counts as at rest, N: a thousandth of a count.
const REST_N: f64 = 1e-9;

/// The cell.
#[derive(Clone, Debug)]
pub struct Cell {
    omega: f64,
    damping: f64,
    compliance_mm_per_n: f64,
    step: Step,
    /// Force on the spring, N.
    spring_n: f64,
    /// Its derivative over ω, N.
    rate_n: f64,
}

/// Exact transition over one step, in the coordinates (y - F, y'/ω).
#[derive(Clone, Copy, Debug)]
struct Step {
    step_s: f64,
    matrix: [[f64; 2]; 2],
    /// Lag behind a ramp, in steps.
    lag_steps: f64,
    /// Steps in the time 1/ω.
    steps_per_radian: f64,
}

impl Cell {
    /// A cell at rest.
    pub fn new(params: &world::Cell) -> Self {
        let omega = TAU * params.natural_hz;
        Self {
            omega,
            damping: params.damping,
            compliance_mm_per_n: params.compliance_mm_per_n,
            step: Step::new(omega, params.damping, 1.0),
            spring_n: 0.0,
            rate_n: 0.0,
        }
    }

    /// Moves on by one step under a force with this mean, that changes by `change_n` over the step.
    #[inline]
    pub fn step(&mut self, step_s: f64, mean_n: f64, change_n: f64) {
        self.prepare(step_s);
        // A ramp is followed at a constant lag; the oscillator's own motion is about that.
        let (start_n, lag_n) = (mean_n - 0.5 * change_n, change_n * self.step.lag_steps);
        let rate_n = change_n * self.step.steps_per_radian;
        let [[a, b], [c, d]] = self.step.matrix;
        let (offset_n, turn_n) = (self.spring_n - start_n + lag_n, self.rate_n - rate_n);
        self.spring_n = start_n + change_n - lag_n + a * offset_n + b * turn_n;
        self.rate_n = rate_n + c * offset_n + d * turn_n;
    }

    /// How far the surface will have sunk after one step more under a constant force, mm.
    #[inline]
    pub fn deflection_mm(&mut self, step_s: f64, force_n: f64) -> f64 {
        self.prepare(step_s);
        let [[a, b], _] = self.step.matrix;
        self.compliance_mm_per_n * (force_n + a * (self.spring_n - force_n) + b * self.rate_n)
    }

    /// Holds the spring where a hard stop holds it: deflected by `deflection_mm`, or free where that is negative. A
    /// cell without compliance is taken as one of 1 nm/N, else no force would be its reading.
    pub fn impose(&mut self, deflection_mm: f64) {
        (self.spring_n, self.rate_n) = (deflection_mm.max(0.0) / self.compliance_mm_per_n.max(1e-6), 0.0);
    }

    /// What the strain gauges feel, N.
    pub fn spring_n(&self) -> f64 {
        self.spring_n
    }

    /// Stops a ringing too small to matter. True where the unloaded cell is at rest.
    pub fn settle(&mut self) -> bool {
        let rests = self.spring_n.abs() + self.rate_n.abs() < REST_N;
        if rests {
            (self.spring_n, self.rate_n) = (0.0, 0.0);
        }
        rests
    }

    #[inline]
    fn prepare(&mut self, step_s: f64) {
        if step_s != self.step.step_s {
            self.step = Step::new(self.omega, self.damping, step_s);
        }
    }
}

impl Step {
    /// `exp(A h)` of the underdamped oscillator.
    fn new(omega: f64, damping: f64, step_s: f64) -> Self {
        let root = (1.0 - damping * damping).sqrt();
        let angle = omega * root * step_s;
        let decay = libm::exp(-damping * omega * step_s);
        let (sine, cosine) = (decay * libm::sin(angle) / root, decay * libm::cos(angle));
        let matrix = [[cosine + damping * sine, sine], [-sine, cosine - damping * sine]];
        let steps_per_radian = 1.0 / (omega * step_s);
        Self { step_s, matrix, lag_steps: 2.0 * damping * steps_per_radian, steps_per_radian }
    }
}

#[cfg(test)]
mod tests {
    use super::Cell;
    use crate::config::world;
    use std::f64::consts::TAU;

    /// |H| = 1 / sqrt((1 - r²)² + (2ζr)²), r the ratio of frequencies.
    #[test]
    fn sine_response_is_that_of_the_second_order() {
        for (natural_hz, damping, drive_hz) in [(300.0, 0.05, 110.0), (300.0, 0.05, 300.0), (900.0, 0.5, 400.0)] {
            let mut cell = Cell::new(&world::Cell { natural_hz, damping, ..world::Cell::default() });
            let step_s = 1e-5;
            let mut peak_n = 0.0_f64;
            for index in 0..200_000_u32 {
                // The mean of the sine over the step.
                let edge = |index: f64| (TAU * drive_hz * index * step_s).cos();
                let mean = (edge(f64::from(index)) - edge(f64::from(index) + 1.0)) / (TAU * drive_hz * step_s);
                cell.step(step_s, mean, 0.0);
                if index > 150_000 {
                    peak_n = peak_n.max(cell.spring_n());
                }
            }
            let ratio: f64 = drive_hz / natural_hz;
            let expected = 1.0 / ((1.0 - ratio * ratio).powi(2) + (2.0 * damping * ratio).powi(2)).sqrt();
            assert!((peak_n / expected - 1.0).abs() < 1e-3, "{drive_hz} Hz: {peak_n} against {expected}");
        }
    }

    #[test]
    fn a_ramp_is_followed_at_its_lag_in_long_steps() {
        let params = world::Cell { natural_hz: 300.0, damping: 0.2, ..world::Cell::default() };
        let mut cell = Cell::new(&params);
        (0..1000).for_each(|index| cell.step(1e-3, f64::from(index) + 0.5, 1.0));
        let lag_s = 2.0 * 0.2 / (TAU * 300.0);
        assert!((cell.spring_n() - (1000.0 - lag_s * 1000.0)).abs() < 1e-9, "{}", cell.spring_n());
    }

    #[test]
    fn rings_down_by_its_damping_whatever_the_step() {
        let ring = |step_s: f64, steps: u32| {
            let mut cell = Cell::new(&world::Cell { natural_hz: 300.0, damping: 0.05, ..world::Cell::default() });
            cell.step(1.0, 1.0, 0.0);
            (0..steps).for_each(|_| cell.step(step_s, 0.0, 0.0));
            cell.spring_n()
        };
        assert!((ring(1e-5, 1000) - ring(1e-3, 10)).abs() < 1e-9);
        let mut cell = Cell::new(&world::Cell::default());
        cell.step(1.0, 1.0, 0.0);
        assert!(!cell.settle());
        cell.step(1.0, 0.0, 0.0);
        assert!(cell.settle());
    }
}
