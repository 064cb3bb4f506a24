//! The stage: three drives, where their carriages stand, and how the phantom on them faces the pen.
//!
//! Invariant: site, gap and encoder belong to the instant of the last [`Stage::follow`].

use crate::{
    config::world,
    sim::world::{Axis, axis::Drive, surface::Surface},
};

/// The three drives and the place of their carriages.
#[derive(Debug)]
pub struct Stage {
    x: Drive,
    y: Drive,
    z: Drive,
    site_mm: [f64; 2],
    face_mm: f64,
    z_mm: f64,
    encoder_counts: [i32; 3],
}

impl Stage {
    /// A stage at its home position.
    pub fn new(params: &world::Stage, surface: &Surface) -> Self {
        let drive = Drive::new(params);
        Self {
            x: drive.clone(),
            y: drive.clone(),
            z: drive,
            site_mm: [0.0; 2],
            face_mm: surface.face_mm(0.0, 0.0),
            z_mm: 0.0,
            encoder_counts: [0; 3],
        }
    }

    /// The drive of an axis.
    pub fn drive(&self, axis: Axis) -> &Drive {
        match axis {
            Axis::X => &self.x,
            Axis::Y => &self.y,
            Axis::Z => &self.z,
        }
    }

    /// The drive of an axis, to be told something.
    pub fn drive_mut(&mut self, axis: Axis) -> &mut Drive {
        match axis {
            Axis::X => &mut self.x,
            Axis::Y => &mut self.y,
            Axis::Z => &mut self.z,
        }
    }

    /// Brings the carriages to an instant, s. Instants must not go back.
    #[inline]
    pub fn follow(&mut self, now_s: f64, surface: &Surface) {
        let z_mm = self.z.carriage_mm(now_s);
        if z_mm != self.z_mm {
            self.z_mm = z_mm;
            self.encoder_counts[0] = self.z.encoder_counts(z_mm);
        }
        let site_mm = [self.x.carriage_mm(now_s), self.y.carriage_mm(now_s)];
        if site_mm != self.site_mm {
            self.site_mm = site_mm;
            self.face_mm = surface.face_mm(site_mm[0], site_mm[1]);
            self.encoder_counts[1] = self.x.encoder_counts(site_mm[0]);
            self.encoder_counts[2] = self.y.encoder_counts(site_mm[1]);
        }
    }

    /// Site in x and y, mm.
    pub fn site_mm(&self) -> [f64; 2] {
        self.site_mm
    }

    /// Carriage position at which the undeformed surface of the site lies in the plane of the face, mm.
    pub fn face_mm(&self) -> f64 {
        self.face_mm
    }

    /// How far the surface stands off the face where the cell carries no load, mm.
    pub fn gap_mm(&self) -> f64 {
        self.face_mm - self.z_mm
    }

    /// Encoder counts of z, x, y.
    pub fn encoder_counts(&self) -> [i32; 3] {
        self.encoder_counts
    }

    /// Bound of the speed at which the gap can close from now on, mm/s, if nothing else is told.
    pub fn approach_bound_mm_s(&self, now_s: f64, surface: &Surface) -> f64 {
        let across_mm_s = self.x.speed_bound_mm_s(now_s) + self.y.speed_bound_mm_s(now_s);
        self.z.speed_bound_mm_s(now_s) + surface.slope_max() * across_mm_s
    }

    /// When the first of the present segments of the three profiles ends, s; infinite at rest.
    pub fn segment_end_s(&self, now_s: f64) -> f64 {
        [&self.x, &self.y, &self.z].into_iter().map(|drive| drive.segment_end_s(now_s)).fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::Stage;
    use crate::{
        config::world,
        sim::world::{Axis, surface::Surface},
        time::RunTime,
    };

    #[test]
    fn gap_and_encoder_follow_the_carriages() {
        let (params, phantom) = (world::Stage::default(), world::Phantom::default());
        let surface = Surface::new(&phantom, 1);
        let mut stage = Stage::new(&params, &surface);
        stage.drive_mut(Axis::Z).go(RunTime::ZERO, 10.0, 20.0);
        stage.drive_mut(Axis::X).go(RunTime::ZERO, 3.0, 20.0);
        assert!(stage.approach_bound_mm_s(0.0, &surface) >= 20.0);
        stage.follow(5.0, &surface);
        let [x_mm, y_mm] = stage.site_mm();
        assert!((x_mm - 3.0).abs() < 0.003 && y_mm.abs() < 0.003);
        assert!((stage.gap_mm() - (surface.face_mm(x_mm, y_mm) - 10.0)).abs() < 0.003);
        let counts_mm = stage.encoder_counts().map(|counts| f64::from(counts) * params.encoder_mm);
        assert!((counts_mm[0] - 10.0).abs() < 0.004 && (counts_mm[1] - x_mm).abs() < 1e-4);
        assert_eq!(stage.approach_bound_mm_s(5.0, &surface), 0.0);
    }
}
