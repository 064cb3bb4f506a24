//! What a hand does to the cell: a dead weight, a tap, a hard stop in the phantom's place.
//!
//! A weight stands on the cell beside whatever presses. A tap is half a sine, as a light hard object gives it. On a
//! hard stop the cell's deflection is what the stage advances beyond the contact, and nothing else.

use crate::{link::Hand, time::RunTime};
use std::f64::consts::PI;

/// Length of a tap, s: a steel ball of a few grams on steel.
const TAP_S: f64 = 3e-4;
/// Largest force of a tap, N.
const TAP_N: f64 = 2.0;

/// What hands have done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hands {
    weight_n: f64,
    tapped_s: Option<f64>,
    hard_stop: bool,
}

impl Hands {
    /// Does something at `now`.
    pub fn act(&mut self, now: RunTime, hand: Hand) {
        match hand {
            Hand::Weight(force_n) => self.weight_n = force_n,
            Hand::HardStop => self.hard_stop = true,
            Hand::Phantom => self.hard_stop = false,
            Hand::Tap => self.tapped_s = Some(now.as_secs_f64()),
        }
    }

    /// Whether a hard stop stands where the phantom was.
    pub fn hard_stop(&self) -> bool {
        self.hard_stop
    }

    /// Whether anything acts on the cell after `now_s`.
    pub fn act_after(&self, now_s: f64) -> bool {
        self.weight_n != 0.0 || self.hard_stop || self.tapped_s.is_some_and(|tapped_s| now_s < tapped_s + TAP_S)
    }

    /// Force on the cell over the step that ends at `now_s`: its mean, and at the end, N.
    pub fn force_n(&self, now_s: f64, step_s: f64) -> (f64, f64) {
        let Some(tapped_s) = self.tapped_s else { return (self.weight_n, self.weight_n) };
        let phase = |at_s: f64| ((at_s - tapped_s) / TAP_S).clamp(0.0, 1.0) * PI;
        let (from, to) = (phase(now_s - step_s), phase(now_s));
        // The integral of half a sine over the step.
        let mean_n = TAP_N * (from.cos() - to.cos()) * TAP_S / PI / step_s;
        (self.weight_n + mean_n, self.weight_n + TAP_N * to.sin())
    }
}

#[cfg(test)]
mod tests {
    use super::{Hands, TAP_N, TAP_S};
    use crate::{link::Hand, time::RunTime};

    #[test]
    fn a_tap_has_the_same_impulse_however_time_is_cut() {
        let mut hands = Hands::default();
        hands.act(RunTime::ZERO, Hand::Weight(0.5));
        hands.act(RunTime::ZERO, Hand::Tap);
        for steps in [1_u32, 7, 100] {
            let step_s = 1e-3 / f64::from(steps);
            let impulse: f64 = (1..=steps).map(|k| step_s * hands.force_n(f64::from(k) * step_s, step_s).0).sum();
            let expected = 0.5 * 1e-3 + TAP_N * TAP_S * 2.0 / std::f64::consts::PI;
            assert!((impulse - expected).abs() < 1e-12, "{steps}: {impulse} {expected}");
        }
        assert!(hands.act_after(1.0), "the weight stays");
        hands.act(RunTime::ZERO, Hand::Weight(0.0));
        assert!(hands.act_after(0.5 * TAP_S) && !hands.act_after(TAP_S));
    }
}
