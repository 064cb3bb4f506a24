//! Bounded quantities: one error for every value outside its range.
//!
//! Numbers in this crate carry their unit in their name (`force_n`, `stage_mm`, `rate_hz`), as the columns of the
//! archive do, so that a value can be followed from the wire to the report without translation. What a person or a
//! device gives passes [`within`] once, at the edge.

use std::fmt;

/// A value that is outside the range that holds for it, or not a number.
#[derive(Clone, Debug, PartialEq)]
pub struct OutOfRange {
    /// What the value is, in words.
    pub what: String,
    /// Its unit, empty for a pure number.
    pub unit: &'static str,
    /// The value as given.
    pub given: f64,
    /// The smallest value allowed.
    pub min: f64,
    /// The largest value allowed.
    pub max: f64,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, unit, given, min, max } = self;
        let gap = if unit.is_empty() { "" } else { " " };
        if *max == f64::INFINITY {
            return write!(f, "{what} is {given}{gap}{unit}; it must be {min}{gap}{unit} or more");
        }
        write!(f, "{what} is {given}{gap}{unit}; the allowed range is {min} to {max}{gap}{unit}")
    }
}

impl std::error::Error for OutOfRange {}

/// Returns `given` where `min <= given <= max` (bounds in the unit of the value; `max` may be infinite).
///
/// # Errors
///
/// [`OutOfRange`] otherwise, NaN included.
///
/// # Examples
///
/// ```
/// # use rig::units::within;
/// assert!(within("set depth", "mm", 1.5, 0.0, 3.0).is_ok());
/// let error = within("set depth", "mm", 9.0, 0.0, 3.0).expect_err("too deep");
/// assert_eq!(error.to_string(), "set depth is 9 mm; the allowed range is 0 to 3 mm");
/// ```
pub fn within(what: &str, unit: &'static str, given: f64, min: f64, max: f64) -> Result<f64, OutOfRange> {
    // Written as what must hold, so that NaN is refused too.
    if min <= given && given <= max {
        return Ok(given);
    }
    Err(OutOfRange { what: what.to_owned(), unit, given, min, max })
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn not_a_number_is_refused_and_the_limits_are_named() {
        assert!(within("rate", "Hz", f64::NAN, 0.0, 1.0).is_err());
        let error = within("rate", "Hz", -1.0, 0.0, f64::INFINITY).expect_err("negative");
        assert_eq!(error.to_string(), "rate is -1 Hz; it must be 0 Hz or more");
    }
}
