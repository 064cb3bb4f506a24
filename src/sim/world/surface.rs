//! Height of the undeformed phantom over x and y: tilt and smooth roughness.
//!
//! Roughness is a lattice of normal heights, bilinear between its points, repeated every 32 points. The height at
//! x = y = 0 is the reference and therefore zero.

use crate::{config::world::Phantom, prng::Stream};

/// Points of the lattice along each side; a power of two.
const SIDE: usize = 32;

/// The surface of the phantom.
#[derive(Clone, Debug)]
pub struct Surface {
    face_mm: f64,
    tilt: [f64; 2],
    pitch_mm: f64,
    heights_mm: Vec<f64>,
    slope_max: f64,
}

impl Surface {
    /// Draws a surface.
    pub fn new(phantom: &Phantom, seed: u64) -> Self {
        let mut stream = Stream::named(seed, "world.surface");
        let mut heights_mm: Vec<f64> = (0..SIDE * SIDE).map(|_| phantom.roughness_mm * stream.normal()).collect();
        let reference_mm = heights_mm[0];
        heights_mm.iter_mut().for_each(|height| *height -= reference_mm);
        let (low, high) = heights_mm.iter().fold((0.0_f64, 0.0_f64), |(low, high), &h| (low.min(h), high.max(h)));
        // Bilinear: no slope along x or y is steeper than the whole range over one pitch.
        let slope_max = phantom.tilt_x.abs().max(phantom.tilt_y.abs()) + (high - low) / phantom.roughness_pitch_mm;
        Self {
            face_mm: phantom.face_mm,
            tilt: [phantom.tilt_x, phantom.tilt_y],
            pitch_mm: phantom.roughness_pitch_mm,
            heights_mm,
            slope_max,
        }
    }

    /// Stage position, mm, at which the undeformed surface at (x, y) lies in the plane of the cartridge face.
    pub fn face_mm(&self, x_mm: f64, y_mm: f64) -> f64 {
        self.face_mm - self.tilt[0] * x_mm - self.tilt[1] * y_mm - self.roughness_mm(x_mm, y_mm)
    }

    /// Bound of the change of [`Self::face_mm`] for each millimetre along x or y.
    pub fn slope_max(&self) -> f64 {
        self.slope_max
    }

    fn roughness_mm(&self, x_mm: f64, y_mm: f64) -> f64 {
        let (column, right) = lattice(x_mm / self.pitch_mm);
        let (row, up) = lattice(y_mm / self.pitch_mm);
        let height = |column: usize, row: usize| self.heights_mm[row % SIDE * SIDE + column % SIDE];
        let lower = height(column, row) * (1.0 - right) + height(column + 1, row) * right;
        let upper = height(column, row + 1) * (1.0 - right) + height(column + 1, row + 1) * right;
        lower * (1.0 - up) + upper * up
    }
}

/// Cell of the repeated lattice, and the way through it.
fn lattice(scaled: f64) -> (usize, f64) {
    let whole = scaled as i64 - i64::from(scaled < 0.0);
    (whole.rem_euclid(SIDE as i64) as usize, scaled - whole as f64)
}

#[cfg(test)]
mod tests {
    use super::Surface;
    use crate::config::world::Phantom;

    #[test]
    fn rough_by_the_sd_asked_for_and_never_steeper_than_said() {
        let phantom = Phantom { roughness_mm: 0.01, tilt_x: 0.0, tilt_y: 0.0, ..Phantom::default() };
        let surface = Surface::new(&phantom, 3);
        assert_eq!(surface.face_mm(0.0, 0.0), phantom.face_mm);
        let mut nodes = Vec::new();
        for column in -16..16 {
            for row in -16..16 {
                nodes.push(surface.face_mm(f64::from(column) * 4.0, f64::from(row) * 4.0));
            }
        }
        let mean = nodes.iter().sum::<f64>() / nodes.len() as f64;
        let sd = (nodes.iter().map(|h| (h - mean).powi(2)).sum::<f64>() / nodes.len() as f64).sqrt();
        assert!((sd - 0.01).abs() < 0.001, "{sd}");
        for index in 0..10_000 {
            let x = f64::from(index) * 0.01;
            let slope = (surface.face_mm(x + 0.01, 1.7) - surface.face_mm(x, 1.7)).abs() / 0.01;
            assert!(slope <= surface.slope_max() + 1e-9);
        }
    }

    #[test]
    fn tilt_lowers_the_face_position_where_the_surface_is_higher() {
        let phantom = Phantom { roughness_mm: 0.0, tilt_x: 0.001, tilt_y: 0.0, ..Phantom::default() };
        assert!((Surface::new(&phantom, 1).face_mm(10.0, 0.0) - (phantom.face_mm - 0.01)).abs() < 1e-12);
    }
}
