//! Statistics of measured values: distributions, tolerance limits, variance components, diagnostics.
//!
//! Pure functions of slices of `f64` in any unit; the unit of a result is that of the values. Every function names
//! its formula and source, and refuses what it cannot answer with a [`StatsError`].
//!
//! Where numbers come from, each where it was measured to be accurate (largest relative errors):
//!
//! | | here | why not another |
//! |---|---|---|
//! | normal quantile | `statrs` 0.19, 3e-14 from 1e-300 to a half | `cdflib`'s is off by 2e-6 at 1e-11 from a half |
//! | normal tails | `libm::erfc` | `statrs` 1e-10 |
//! | tails of t, chi-squared, F, beta | `cdflib` (DCDFLIB), 1e-14 | `statrs` 1e-9, 1e-10, 1e-9, 6e-7 up to 99999 degrees of freedom |
//! | their quantiles | inversion of our own ([`root`]) | `statrs` 2e-8 (chi-squared), 3e-6 (t at 99999), hangs at 1e8; `cdflib` stops at 1e-8 |
//! | noncentral t | quadrature of our own | no crate has more than six digits |
//!
//! In the tests `statrs` is the second opinion on every tail, to the accuracy that it has.
//!
//! Deliberately absent: limits of acceptance, files, randomness.

pub mod anova;
pub mod autocorrelation;
pub mod boxcox;
pub mod capability;
pub mod change_point;
pub mod control;
pub mod deming;
pub mod describe;
pub mod distribution;
pub mod equivalence;
pub mod grr;
pub mod guard;
pub mod multiplicity;
pub mod nested;
pub mod noncentral_t;
pub mod normality;
pub mod outliers;
pub mod quadrature;
pub mod regression;
pub mod root;
pub mod sampling;
pub mod serial;
pub mod tolerance;
pub mod trend;

/// Why a statistic cannot be given. The message names the value, the limit and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// Fewer values (or groups) than the method needs.
    #[error("{what} needs at least {needed}, there are {given}; {remedy}")]
    TooFew {
        /// The method, and what it counts: `a tolerance interval from values`.
        what: &'static str,
        /// How many there are.
        given: usize,
        /// The smallest number that is enough.
        needed: usize,
        /// What to do next.
        remedy: &'static str,
    },
    /// All values are equal, so that there is no scatter to work with.
    #[error("all {n} values are {value}, so {what} is not defined; check the resolution of the instrument")]
    NoVariance {
        /// The method.
        what: &'static str,
        /// How many values.
        n: usize,
        /// The value that all have.
        value: f64,
    },
    /// A value is NaN or infinite.
    #[error("value {index} (counted from 0) is {value}; every value must be a finite number")]
    NotFinite {
        /// Its place in the data, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A parameter is outside the range for which the method holds.
    #[error("{what} is {given}; allowed is {allowed}")]
    OutOfRange {
        /// The parameter.
        what: &'static str,
        /// As given.
        given: f64,
        /// The allowed range, in words.
        allowed: &'static str,
    },
    /// Two data sets that must be paired have different lengths.
    #[error("{what} has {given} values where {needed} are needed; every value needs its partner")]
    Unpaired {
        /// The data set.
        what: &'static str,
        /// Its length.
        given: usize,
        /// The length of the other.
        needed: usize,
    },
    /// A root was not found within the cap on iterations; the parameters are beyond what the method can do.
    #[error("no solution for {what} within {iterations} iterations; the parameters are too extreme")]
    NoSolution {
        /// What was looked for.
        what: &'static str,
        /// The cap.
        iterations: u32,
    },
}

/// Refuses the first value that is not finite.
///
/// # Errors
///
/// [`StatsError::NotFinite`].
pub fn all_finite(values: &[f64]) -> Result<(), StatsError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(StatsError::NotFinite { index, value: values[index] }),
        None => Ok(()),
    }
}

/// Returns `given` where it lies strictly between 0 and 1.
///
/// # Errors
///
/// [`StatsError::OutOfRange`] otherwise, NaN included.
pub fn share(what: &'static str, given: f64) -> Result<f64, StatsError> {
    if 0.0 < given && given < 1.0 {
        return Ok(given);
    }
    Err(StatsError::OutOfRange { what, given, allowed: "more than 0 and less than 1" })
}

/// Returns `given` where it is positive and finite.
///
/// # Errors
///
/// [`StatsError::OutOfRange`] otherwise, NaN included.
pub fn positive(what: &'static str, given: f64) -> Result<f64, StatsError> {
    if 0.0 < given && given.is_finite() {
        return Ok(given);
    }
    Err(StatsError::OutOfRange { what, given, allowed: "a finite number above 0" })
}
