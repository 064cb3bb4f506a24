//! The beginning of the withdrawal: the phantom springs back while the needles still stick.
//!
//! Dimple = force at the hold's end over the initial unloading stiffness (Oliver and Pharr 1992, equation 2, with the
//! whole recovery elastic). Where needles are inside, the stretch from the hold down to the first sliding is one
//! elastic line through zero force; its zero is where the phantom is undimpled. A parabola is fitted, so that a bent
//! curve shows, and its tangent at the hold's force is taken where the bend is real.
//!
//! Deliberately absent: relaxation in the hold. The force that counts is the one at its end.

use crate::measure::press::contact::Curve;
use std::ops::Range;

/// Elastic part of the withdrawal.
#[derive(Clone, Copy, Debug)]
pub struct Unloading {
    /// Stiffness at the hold's force, N/mm.
    pub stiffness_n_per_mm: f64,
    /// Dimple at the hold, mm.
    pub dimple_mm: f64,
    /// Its standard uncertainty by noise and bend, mm.
    pub u_mm: f64,
}

/// From the rows of the withdrawal before sliding; `hold_n` is the force at the hold's end and `low_n` the smallest
/// that still belongs to the elastic stretch. `None` where there are too few rows.
pub fn measure(curve: &Curve<'_>, rows: Range<usize>, hold_n: f64, low_n: f64, noise_n: f64) -> Option<Unloading> {
    let high = hold_n - 0.04 * (hold_n - low_n);
    let mut moments = [[0.0; 4]; 3];
    let origin = curve.surface_mm[rows.start];
    let mut used = 0_usize;
    // Position over force, since the noise of a reading is small beside the stretch. Force in units of the hold's.
    for i in rows {
        let f = curve.force_n[i];
        if f < low_n {
            break;
        }
        if f > high {
            continue;
        }
        let x = f / hold_n;
        let powers = [1.0, x, x * x];
        for a in 0..3 {
            for b in 0..3 {
                moments[a][b] += powers[a] * powers[b];
            }
            moments[a][3] += powers[a] * (curve.surface_mm[i] - origin);
        }
        used += 1;
    }
    if used < 6 {
        return None;
    }
    let n = used as f64;
    let determinant = n * moments[1][1] - moments[0][1].powi(2);
    let slope = (n * moments[1][3] - moments[0][1] * moments[0][3]) / determinant;
    let bent = bend(&moments);
    let noise_x = noise_n / hold_n * slope.abs();
    let u_slope = noise_x * (n / determinant).sqrt();
    // Tangent at the hold's force by the parabola; taken where it differs from the line by more than noise can do.
    let (dimple_mm, u_model) = match bent {
        Some((b, c, c_unit)) if used >= 12 => {
            let tangent = b + 2.0 * c;
            let real = c.abs() > 4.0 * c_unit * noise_x && (tangent - slope).abs() > 0.03 * slope.abs();
            if real { (tangent, 0.3 * (tangent - slope).abs()) } else { (slope, 0.0) }
        }
        _ => (slope, 0.0),
    };
    let u_mm = (u_slope * u_slope + u_model * u_model + (0.008 * dimple_mm).powi(2)).sqrt();
    (dimple_mm > 0.0).then(|| Unloading { stiffness_n_per_mm: hold_n / dimple_mm, dimple_mm, u_mm })
}

/// Linear and quadratic coefficient of the parabola, and the standard deviation of the latter for unit noise.
fn bend(moments: &[[f64; 4]; 3]) -> Option<(f64, f64, f64)> {
    let mut m = *moments;
    for pivot in 0..3 {
        let row = m[pivot];
        if row[pivot].abs() < 1e-12 {
            return None;
        }
        for other in m.iter_mut().skip(pivot + 1) {
            let factor = other[pivot] / row[pivot];
            other.iter_mut().zip(&row).for_each(|(value, above)| *value -= factor * above);
        }
    }
    let c = m[2][3] / m[2][2];
    let b = (m[1][3] - m[1][2] * c) / m[1][1];
    (m[2][2] > 0.0).then(|| (b, c, (1.0 / m[2][2]).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::measure;
    use crate::measure::press::contact::Curve;

    #[test]
    fn a_line_gives_its_stiffness() {
        let surface_mm: Vec<f64> = (0..200).map(|i| 10.0 - f64::from(i) * 1e-3).collect();
        let force_n: Vec<f64> = surface_mm.iter().map(|z| (z - 9.9) * 5.0).collect();
        let curve = Curve { force_n: &force_n, surface_mm: &surface_mm };
        let unloading = measure(&curve, 0..200, 0.5, -0.2, 1e-3).expect("rows");
        assert!((unloading.stiffness_n_per_mm - 5.0).abs() < 1e-9);
        assert!((unloading.dimple_mm - 0.1).abs() < 1e-9);
    }
}
