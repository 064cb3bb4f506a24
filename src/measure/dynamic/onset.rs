//! How far below the surface a tip is when the force of its stroke crosses the level of onset.
//!
//! The force is seen through the Gaussian of the inverse filter. A stroke that reaches far in meets the surface in full
//! flight and travels a tenth of a millimetre in that Gaussian's width, as far as needles go before they enter: the level is
//! then crossed before the tip touches. By how much follows from the law of the first touches and the carriage's speed, so
//! the height of contact is where it would be seen without the filter.
//!
//! Deliberately absent: the law, which is [`crate::measure::dynamic::law`]'s.

use crate::measure::dynamic::elastic::Contact;

/// Speeds in the table, from a carriage that turns to the fastest.
const SPEEDS: usize = 9;
/// Steps of the Gaussian's quadrature and the SDs that it spans.
const STEPS: i32 = 48;
const SDS: f64 = 4.0;
/// Farthest that a tip may be below the surface at the level, mm.
const FARTHEST_MM: f64 = 1.0;
/// Halvings in which the crossing is found.
const HALVINGS: usize = 40;

/// Height of the carriage above first contact where contact shows, in units of half its stroke.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lag {
    /// At the level of onset, by its speed.
    onset: [f64; SPEEDS],
    /// At the end of friction, where the mean needle leaves: how far it stands behind the foremost.
    pub exit: f64,
}

impl Lag {
    /// For a law, the level (N), the force at which needles enter (N), the filter's SD and the stroke, samples.
    pub fn of(contact: &Contact, level_n: f64, puncture_n: f64, smear_samples: f64, period_samples: f64) -> Self {
        let half_mm = contact.half_stroke_mm;
        let curve = contact.curve(FARTHEST_MM);
        // Past entry the force is no longer the law's; it is near that of entry until the filter is through.
        let force_n = |mm: f64| curve.at(mm).force_n.min(puncture_n);
        let turn = std::f64::consts::TAU / period_samples;
        let gauss: Vec<(f64, f64)> = (-STEPS..=STEPS)
            .map(|j| SDS * f64::from(j) / f64::from(STEPS))
            .map(|sds| (sds, (-0.5 * sds * sds).exp()))
            .collect();
        let weights: f64 = gauss.iter().map(|(_, weight)| weight).sum();
        let at = |k: usize| {
            let sd_mm = half_mm * turn * smear_samples * k as f64 / (SPEEDS - 1) as f64;
            let seen =
                |mm: f64| gauss.iter().map(|(sds, weight)| weight * force_n(mm + sd_mm * sds)).sum::<f64>() / weights;
            let (mut low, mut high) = (-SDS * sd_mm, FARTHEST_MM);
            for _ in 0..HALVINGS {
                let middle = 0.5 * (low + high);
                if seen(middle) < level_n { low = middle } else { high = middle }
            }
            high / half_mm
        };
        Self { onset: std::array::from_fn(at), exit: contact.behind_mm() / half_mm }
    }

    /// Height at the level of onset where the carriage moves at this share (0 to 1) of its greatest speed.
    pub fn at(&self, speed: f64) -> f64 {
        let place = speed.clamp(0.0, 1.0) * (SPEEDS - 1) as f64;
        let k = (place as usize).min(SPEEDS - 2);
        self.onset[k] + (place - k as f64) * (self.onset[k + 1] - self.onset[k])
    }
}

#[cfg(test)]
mod tests {
    use super::Lag;
    use crate::measure::dynamic::elastic::Contact;

    /// `F = A (u / 0.1 mm)^2` of one needle, seen through a Gaussian of SD s, is `A (u^2 + s^2) / 0.01` far inside, so the
    /// level is crossed where the square of the dip is smaller by that of the SD.
    #[test]
    fn a_filtered_parabola_crosses_its_level_earlier() {
        let mut contact = Contact { half_stroke_mm: 1.0, shape: 2.0, needles: 1, ..Contact::default() };
        (contact.law[0], contact.law[1]) = (0.0, 2.0);
        let (level_n, smear, period) = (4.0, 0.4, 60.0);
        let lag = Lag::of(&contact, level_n, 1e3, smear, period);
        assert!((lag.at(0.0) - 0.2).abs() < 1e-4, "{}", lag.at(0.0));
        let sd_mm = std::f64::consts::TAU * smear / period;
        let exact = (0.04 - sd_mm * sd_mm).sqrt();
        assert!((lag.at(1.0) - exact).abs() < 1e-3, "{} for {exact}", lag.at(1.0));
        // A fast carriage meets a low level before the tip meets the surface.
        assert!(Lag::of(&contact, 1e-3, 1e3, 2.0, period).at(1.0) < 0.0);
    }
}
