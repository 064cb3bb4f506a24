//! Elastic force of one needle on a phantom that it dimples but has not entered.
//!
//! Three shapes, so that an estimator cannot count on one: a power law (Okamura's stiffening indentation lies between
//! exponents 1 and 2), an exponential (Fung's law of soft tissue), and deep indentation by a round tip (Hertz while
//! shallower than its radius, then quadratic: Bacca 2025). All are scaled by the force at a dimple of 0.1 mm.

use crate::config::world::{Law, Phantom};

/// Dimple at which the scale of the law is given, mm.
const REFERENCE_MM: f64 = 0.1;

/// Elastic force, N, of one needle at a dimple of `dimple_mm` (0 or more).
pub fn elastic_force_n(phantom: &Phantom, dimple_mm: f64) -> f64 {
    phantom.force_at_100um_n * shape(phantom, dimple_mm) / shape(phantom, REFERENCE_MM)
}

fn shape(phantom: &Phantom, dimple_mm: f64) -> f64 {
    match phantom.law {
        Law::Power => libm::pow(dimple_mm, phantom.exponent),
        Law::Exponential => libm::expm1(dimple_mm / phantom.growth_mm),
        Law::Hertz => dimple_mm * (dimple_mm * (1.0 + dimple_mm / phantom.tip_radius_mm)).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::elastic_force_n;
    use crate::config::world::{Law, Phantom};

    #[test]
    fn every_law_rises_from_zero_through_its_reference() {
        for law in [Law::Power, Law::Exponential, Law::Hertz] {
            let phantom = Phantom { law, ..Phantom::default() };
            assert_eq!(elastic_force_n(&phantom, 0.0), 0.0);
            assert!((elastic_force_n(&phantom, 0.1) - phantom.force_at_100um_n).abs() < 1e-12);
            let forces: Vec<f64> = (0..100).map(|i| elastic_force_n(&phantom, f64::from(i) * 0.01)).collect();
            assert!(forces.windows(2).all(|pair| pair[0] < pair[1]), "{law:?}");
        }
    }

    #[test]
    fn deep_indentation_goes_from_three_halves_to_two() {
        let phantom = Phantom { law: Law::Hertz, ..Phantom::default() };
        let slope = |d: f64| (elastic_force_n(&phantom, d * 1.01) / elastic_force_n(&phantom, d)).ln() / 1.01_f64.ln();
        assert!((slope(0.0002) - 1.5).abs() < 0.02);
        assert!((slope(2.0) - 2.0).abs() < 0.02);
    }
}
