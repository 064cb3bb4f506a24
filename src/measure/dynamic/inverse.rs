//! Frequency response of the force channel taken out: a regularised inverse of the second-order system.
//!
//! A cell with its load obeys `f = y + (2 zeta / omega) y' + y'' / omega^2`, `f` the force that acts and `y` the
//! reading. The derivatives are those of a Gaussian, so that noise is amplified by a known, finite amount: what comes
//! out is the true force seen through a Gaussian of [`Inverse::smear_samples`], symmetric about the sample.
//! The three kernels reproduce 1, t and t^2 exactly, so a parabola passes unsmeared but for its own curvature.
//!
//! Deliberately absent: estimation of the response, which is a calibration (`rig calibrate response`).

use crate::capture::ForceChannel;

/// Smallest smear, samples: below it the sampled derivative kernels lose their meaning.
const SMEAR_SAMPLES_MIN: f64 = 0.7;

/// Smear in periods of the natural frequency: 0.06 keeps 90 % of a half-sine as short as one third of that period.
const SMEAR_PERIODS: f64 = 0.06;

/// Smear in stroke periods: what happens in a stroke lasts longer than this, noise does not.
const SMEAR_STROKES: f64 = 0.018;

/// The inverse filter: a symmetric window of weights, applied to past and future alike.
#[derive(Clone, Debug)]
pub struct Inverse {
    weights: Vec<f64>,
    smear_samples: f64,
}

impl Inverse {
    /// The inverse for a channel sampled at `rate_hz` under strokes of about `stroke_hz`; without a channel, a
    /// plain Gaussian.
    pub fn new(channel: Option<&ForceChannel>, rate_hz: f64, stroke_hz: f64) -> Self {
        let (natural_hz, damping) = channel.map_or((f64::INFINITY, 0.0), |c| (c.natural_hz, c.damping));
        let smear =
            (SMEAR_PERIODS * rate_hz / natural_hz).max(SMEAR_STROKES * rate_hz / stroke_hz).max(SMEAR_SAMPLES_MIN);
        let half = (4.5 * smear).ceil() as i32;
        let omega = std::f64::consts::TAU * natural_hz / rate_hz;
        let at: Vec<f64> = (-half..=half).map(f64::from).collect();
        let gauss: Vec<f64> = at.iter().map(|x| (-0.5 * (x / smear).powi(2)).exp()).collect();
        let sum: f64 = gauss.iter().sum();
        let first: Vec<f64> = at.iter().zip(&gauss).map(|(x, g)| x * g).collect();
        let first_gain: f64 = at.iter().zip(&first).map(|(x, w)| x * w).sum();
        let mut second: Vec<f64> = at.iter().zip(&gauss).map(|(x, g)| (x * x - smear * smear) * g).collect();
        let mean = second.iter().sum::<f64>() / sum;
        second.iter_mut().zip(&gauss).for_each(|(w, g)| *w -= mean * g);
        let second_gain: f64 = at.iter().zip(&second).map(|(x, w)| 0.5 * x * x * w).sum();
        let weights = (0..at.len())
            .map(|k| {
                gauss[k] / sum + 2.0 * damping / omega * first[k] / first_gain + second[k] / second_gain / omega.powi(2)
            })
            .collect();
        Self { weights, smear_samples: smear }
    }

    /// SD of the Gaussian through which the true force is seen, samples.
    pub fn smear_samples(&self) -> f64 {
        self.smear_samples
    }

    /// Samples needed before and after the one that is reconstructed.
    pub fn reach(&self) -> usize {
        self.weights.len() / 2
    }

    /// Factor by which white noise of the reading grows.
    pub fn noise_gain(&self) -> f64 {
        self.weights.iter().map(|w| w * w).sum::<f64>().sqrt()
    }

    /// Appends to `force_n` the force at every sample of `reading_n` that has [`Inverse::reach`] neighbours on both
    /// sides: the first value belongs to `reading_n[reach]`.
    pub fn apply(&self, reading_n: &[f64], force_n: &mut Vec<f64>) {
        let taps = self.weights.len();
        if reading_n.len() < taps {
            return;
        }
        force_n.extend(reading_n.windows(taps).map(|w| w.iter().zip(&self.weights).map(|(y, k)| y * k).sum::<f64>()));
    }
}

#[cfg(test)]
mod tests {
    use super::Inverse;
    use crate::capture::ForceChannel;

    /// Response of a second-order cell to a parabola is known in closed form; the inverse must give the parabola.
    #[test]
    fn parabola_through_a_ringing_cell_comes_back() {
        let (natural_hz, damping, rate_hz) = (400.0, 0.4, 6000.0);
        let channel = ForceChannel {
            natural_hz,
            damping,
            resolution_n: 1e-4,
            range_n: None,
            natural_u_hz: None,
            damping_u: None,
            scale_u: None,
        };
        let inverse = Inverse::new(Some(&channel), rate_hz, 100.0);
        let omega = std::f64::consts::TAU * natural_hz;
        // Steady response of the cell to f = t^2.
        let reading = |t: f64| {
            let lag = 2.0 * damping / omega;
            t * t - 2.0 * lag * t + 2.0 * (lag * lag - 1.0 / omega.powi(2))
        };
        let readings: Vec<f64> = (0..100).map(|k| reading(f64::from(k) / rate_hz)).collect();
        let mut force = Vec::new();
        inverse.apply(&readings, &mut force);
        let smear = (inverse.smear_samples() / rate_hz).powi(2);
        for (k, value) in force.iter().enumerate() {
            let t = (k + inverse.reach()) as f64 / rate_hz;
            assert!((value - t * t - smear).abs() < 0.02 * smear, "{value} at {t}");
        }
    }
}
