//! What a bench must know of itself: force scale from check masses, compliance from a hard stop, response from taps.
//!
//! Each calibration is a function from readings to a result with its uncertainty budget, or a refusal that says what
//! to do. Results are relative to the record in force, so that they serve any force device, whatever its counts are.
//!
//! Deliberately absent: motion, masses and hands (`procedure`, `cli`), and the record's file (`config`).

pub mod hard_stop;
pub mod masses;
pub mod ring_down;

use crate::stats::{StatsError, describe::Moments};

/// A calibration that cannot be made from these readings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl From<StatsError> for Refused {
    fn from(error: StatsError) -> Self {
        Self(error.to_string())
    }
}

impl Refused {
    fn because(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Mean of `values` and SD of that mean (0 for one value; its degrees of freedom are one less than their number); NaN
/// where there is no finite value to begin with.
fn mean_and_u(values: &[f64]) -> (f64, f64) {
    match Moments::of(values) {
        Ok(moments) if moments.n == 1 => (moments.mean, 0.0),
        Ok(moments) => (moments.mean, moments.sd() / (moments.n as f64).sqrt()),
        Err(_) => (f64::NAN, f64::NAN),
    }
}
