//! What a bench must know of itself: force scale from check masses, compliance from a hard stop, response from taps.
//!
//! Each calibration is a function from readings to a result with its uncertainty budget, or a refusal that says what
//! to do. Results are relative to the record in force, so that they serve any force device, whatever its counts are.
//!
//! Deliberately absent: motion, masses and hands (`procedure`, `cli`), and the record's file (`config`).

pub mod hard_stop;
pub mod masses;
pub mod ring_down;

/// A calibration that cannot be made from these readings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Refused {
    fn because(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Mean and SD of a mean of `values` (its degrees of freedom are one less than their number). 0 values: (0, 0).
fn mean_and_u(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, 0.0);
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}
