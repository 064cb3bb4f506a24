//! Faults of the field, put into a capture that was sound.

use rig::{
    capture::{Phase, memory::Recording},
    prng::Stream,
};
use std::f64::consts::TAU;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Single rows far off.
    Spikes,
    /// Rows without a number.
    Nan,
    /// Rows that are missing.
    Gaps,
    /// Rows that were written twice.
    Duplicates,
    /// Mains of 10 to 30 mN.
    Hum,
    /// The recording ends before its time.
    Truncated,
    /// One value of force for a quarter of the capture.
    StuckForce,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Spikes, Self::Nan, Self::Gaps, Self::Duplicates, Self::Hum, Self::Truncated, Self::StuckForce];

    /// The capture with this fault.
    pub fn inject(self, sound: &Recording, stream: &mut Stream) -> Recording {
        let rows = sound.len();
        let count = 3 + (stream.uniform() * 20.0) as usize;
        let mut hit: Vec<usize> = (0..count).map(|_| (stream.uniform() * rows as f64) as usize).collect();
        hit.sort_unstable();
        hit.dedup();
        let (hum_n, hum_hz) = (stream.between(0.01, 0.03), 50.0 + 0.05 * stream.normal());
        let spike_n = stream.between(0.2, 3.0);
        let gap = 2 + (stream.uniform() * 10.0) as usize;
        let end = (rows as f64 * stream.between(0.3, 0.8)) as usize;
        let mut damaged = Recording::default();
        for (phase, range) in &sound.phases {
            for row in range.clone() {
                let is_hit = hit.binary_search(&row).is_ok();
                let mut force_n = sound.force_n[row];
                match self {
                    Self::Spikes if is_hit => force_n += if row % 2 == 0 { spike_n } else { -spike_n },
                    Self::Nan if is_hit => force_n = f64::NAN,
                    Self::Gaps if hit.iter().any(|&at| at != 0 && (at..at + gap).contains(&row)) => continue,
                    Self::Hum => force_n += hum_n * (TAU * hum_hz * sound.t_s[row]).sin(),
                    Self::Truncated if row >= end => continue,
                    Self::StuckForce if row >= end && row < end + rows / 4 => force_n = sound.force_n[end],
                    _ => {}
                }
                put(&mut damaged, *phase, sound, row, force_n);
                if self == Self::Duplicates && is_hit {
                    put(&mut damaged, *phase, sound, row, force_n);
                }
            }
        }
        damaged
    }
}

fn put(into: &mut Recording, phase: Phase, from: &Recording, row: usize, force_n: f64) {
    into.push(phase, from.t_s[row], force_n, from.stage_mm[row]);
}
