//! Seeded random streams: ChaCha8, one independent stream a purpose.
//!
//! Every random number of a run derives from one printed seed and the name of its purpose, so that adding a draw in
//! one place moves no number in another. The generator is pinned (`ChaCha8Rng`, named in the archive): a seed means
//! the same run in every release.

use rand::{Rng, SeedableRng, rngs::ChaCha8Rng};
use sha2::{Digest, Sha256};

/// Name of the generator, as it is written into the archive.
pub const GENERATOR: &str = "chacha8/sha256-label";

/// Seeds of a simulated bench: what lasts (pen, cartridge) and what is new in every session (noise, drift, surface).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// Of the things that stay the same from session to session.
    pub lasting: u64,
    /// Of what is drawn anew in a session.
    pub session: u64,
}

impl From<u64> for Seeds {
    fn from(seed: u64) -> Self {
        Self { lasting: seed, session: seed }
    }
}

/// A stream of random numbers for one purpose.
#[derive(Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
    spare: Option<f64>,
}

impl Stream {
    /// The stream of `label` under `seed`.
    pub fn named(seed: u64, label: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(seed.to_le_bytes());
        digest.update(label.as_bytes());
        Self { rng: ChaCha8Rng::from_seed(digest.finalize().into()), spare: None }
    }

    /// Uniform over all 64-bit numbers.
    pub fn next_u64(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in [`low`, `high`).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Standard normal (Marsaglia's polar method).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let x = 2.0 * self.uniform() - 1.0;
            let y = 2.0 * self.uniform() - 1.0;
            let s = x * x + y * y;
            if 0.0 < s && s < 1.0 {
                let scale = (-2.0 * s.ln() / s).sqrt();
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    #[test]
    fn streams_repeat_and_differ_by_label() {
        let draw = |seed, label| Stream::named(seed, label).next_u64();
        assert_eq!(draw(1, "noise"), draw(1, "noise"));
        assert_ne!(draw(1, "noise"), draw(1, "hum"));
        assert_ne!(draw(1, "noise"), draw(2, "noise"));
    }

    #[test]
    fn normal_has_unit_variance() {
        let mut stream = Stream::named(7, "normal");
        let n = 100_000;
        let squares: f64 = (0..n).map(|_| stream.normal().powi(2)).sum();
        assert!((squares / f64::from(n) - 1.0).abs() < 0.02);
    }
}
