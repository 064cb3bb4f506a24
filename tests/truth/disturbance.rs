//! Disturbances of the force channel within touch and press, put into a capture that was sound: what a hand at the
//! bench, a cable, a door or a slipping mount does while it counts most.

use rig::{
    capture::{Phase, memory::Recording},
    prng::Stream,
    sim::world::truth::HoldTruth,
};
use std::{f64::consts::TAU, ops::Range};

/// A kind of disturbance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// The zero changes from one sample to the next, and stays: a tare, a slip of the mount.
    Step,
    /// The zero changes and comes back after 5 to 500 ms: a loose contact.
    Plateau,
    /// The zero moves to another value within 50 to 500 ms: a pull at the cable.
    Pull,
    /// A sudden excursion that decays with 2 to 100 ms.
    Transient,
    /// The same, ringing with 5 to 150 Hz: a knock.
    Knock,
    /// Noise of many times the usual size for 10 to 500 ms.
    Burst,
}

/// Where half of the disturbances come, mm about the contact; the others come anywhere in the phase.
const NEAR_MM: f64 = 0.15;

impl Disturbance {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Step, Self::Plateau, Self::Pull, Self::Transient, Self::Knock, Self::Burst];

    /// The capture with this disturbance begun in `phase` (touch or press).
    pub fn inject(self, sound: &Recording, phase: Phase, truth: &HoldTruth, stream: &mut Stream) -> Recording {
        let contact_mm = if phase == Phase::Touch { truth.face_mm } else { truth.tip_mm };
        let rows = sound.rows(phase).unwrap_or(0..0);
        let near = near(sound, &rows, contact_mm);
        let rows = if stream.chance(0.5) && !near.is_empty() { near } else { rows };
        let at_s = sound.t_s[rows.start + (stream.uniform() * rows.len() as f64) as usize];
        let sign = if stream.chance(0.5) { 1.0 } else { -1.0 };
        // 3 mN to 0.5 N, every size as often as one ten times as large.
        let size_n = sign * (stream.between(0.003_f64.ln(), 0.5_f64.ln())).exp();
        let lasting_s = stream.between(0.005_f64.ln(), 0.5_f64.ln()).exp();
        let pull_s = stream.between(0.05, 0.5);
        let decay_s = stream.between(0.002_f64.ln(), 0.1_f64.ln()).exp();
        let ringing_hz = stream.between(5.0, 150.0);
        let mut damaged = sound.clone();
        for (t_s, force_n) in damaged.t_s.iter().zip(&mut damaged.force_n) {
            let since_s = t_s - at_s;
            if since_s < 0.0 {
                continue;
            }
            *force_n += size_n
                * match self {
                    Self::Step => 1.0,
                    Self::Plateau => f64::from(since_s < lasting_s),
                    Self::Pull => (since_s / pull_s).min(1.0),
                    Self::Transient => (-since_s / decay_s).exp(),
                    Self::Knock => (-since_s / decay_s).exp() * (TAU * ringing_hz * since_s).cos(),
                    Self::Burst if since_s < lasting_s => stream.normal(),
                    Self::Burst => 0.0,
                };
        }
        damaged
    }
}

/// Rows whose stage position is near a contact.
fn near(sound: &Recording, rows: &Range<usize>, contact_mm: f64) -> Range<usize> {
    let is_near = |i: &usize| (sound.stage_mm[*i] - contact_mm).abs() < NEAR_MM;
    let first = rows.clone().find(is_near).unwrap_or(rows.start);
    first..rows.clone().rfind(is_near).map_or(first, |last| last + 1)
}
