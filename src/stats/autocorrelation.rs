//! Serial correlation of values in the order in which they were measured, and what it leaves of their number.
//!
//! Two effective sizes, for two uses: [`effective_n_mean`] is the number of independent values whose mean is as
//! certain; [`effective_n_variance`] the number whose variance is as certain, and the one for degrees of freedom of a
//! tolerance limit. Using the first for the second overcorrects (statistics.md 3.5: coverage above 0.99 for 0.95).
//!
//! Deliberately absent: models beyond the first-order autoregressive, and any reordering of the values.

use super::distribution::{ChiSquared, Distribution};
use super::{StatsError, describe};

/// Autocorrelation at lags 1 to `lag_max`: `r_k = sum (x_t - m)(x_(t+k) - m) / sum (x - m)^2`, divisor n throughout
/// (Box & Jenkins 1976, 2.1.5), within ±1.
///
/// # Errors
///
/// Fewer than 3 values, no variance, or a lag that the series does not hold.
pub fn autocorrelations(values: &[f64], lag_max: usize) -> Result<Vec<f64>, StatsError> {
    let moments = describe::scattered("an autocorrelation", 3, values)?;
    if lag_max == 0 || lag_max >= values.len() {
        return Err(StatsError::OutOfRange {
            what: "the largest lag",
            given: lag_max as f64,
            allowed: "1 to one less than the number of values",
        });
    }
    let deviations: Vec<f64> = values.iter().map(|value| moments.deviation(*value)).collect();
    let at = |lag: usize| describe::sum(deviations.iter().zip(&deviations[lag..]).map(|(a, b)| a * b));
    Ok((1..=lag_max).map(|lag| at(lag) / moments.squares).collect())
}

/// Autocorrelation at lag 1.
///
/// # Errors
///
/// As [`autocorrelations`].
pub fn lag1(values: &[f64]) -> Result<f64, StatsError> {
    Ok(autocorrelations(values, 1)?[0])
}

/// Number of independent values whose mean is as certain as that of `n` values with lag-1 correlation `phi`:
/// `n (1 - phi)/(1 + phi)`, first-order autoregressive; above `n` where `phi` is negative. `phi` within (-1, 1).
pub fn effective_n_mean(n: f64, phi: f64) -> f64 {
    n * (1.0 - phi) / (1.0 + phi)
}

/// Number of independent values whose variance is as certain as that of `n` values with lag-1 correlation `phi`:
/// `n (1 - phi^2)/(1 + phi^2)` (Bayley & Hammersley, JRSS Suppl. 8 (1946) 184, for the autoregressive case).
pub fn effective_n_variance(n: f64, phi: f64) -> f64 {
    n * (1.0 - phi * phi) / (1.0 + phi * phi)
}

/// Effective size by Geyer's initial positive sequence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InitialSequence {
    /// Integrated autocorrelation time, in steps of the series.
    pub tau: f64,
    /// Effective number of values for the mean, at most n.
    pub effective_n: f64,
}

/// Effective size for the mean without a model: sums of neighbouring pairs of autocorrelations, up to the first that
/// is not positive (C. J. Geyer, Statistical Science 7 (1992) 473); cost grows with the length of the memory times n.
///
/// # Errors
///
/// As [`autocorrelations`].
pub fn initial_sequence(values: &[f64]) -> Result<InitialSequence, StatsError> {
    let moments = describe::scattered("an autocorrelation", 3, values)?;
    let deviations: Vec<f64> = values.iter().map(|value| moments.deviation(*value)).collect();
    let r = |lag: usize| {
        let products = deviations.iter().zip(deviations.get(lag..).unwrap_or_default()).map(|(a, b)| a * b);
        describe::sum(products) / moments.squares
    };
    let n = values.len();
    let mut tau = -1.0;
    for pair in 0..n.div_ceil(2) {
        let gamma = r(2 * pair) + r(2 * pair + 1);
        if gamma <= 0.0 {
            break;
        }
        tau += 2.0 * gamma;
    }
    let n = n as f64;
    // An antithetic series can give a time at or below zero; the estimate then says only "no fewer than n".
    let effective_n = if tau > 1.0 { n / tau } else { n };
    Ok(InitialSequence { tau, effective_n })
}

/// Test that the first lags are all zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LjungBox {
    /// The statistic, chi-squared with as many degrees of freedom as lags.
    pub q: f64,
    /// Probability of a larger one without correlation.
    pub p: f64,
}

/// Ljung-Box test of the first `lags` autocorrelations (Biometrika 65 (1978) 297).
///
/// # Errors
///
/// As [`autocorrelations`].
pub fn ljung_box(values: &[f64], lags: usize) -> Result<LjungBox, StatsError> {
    let r = autocorrelations(values, lags)?;
    let n = values.len() as f64;
    let terms = r.iter().zip(1_u32..).map(|(r, lag)| r * r / (n - f64::from(lag)));
    let q = n * (n + 2.0) * describe::sum(terms);
    let p = ChiSquared::new(lags as f64)?.sf(q);
    Ok(LjungBox { q, p })
}

#[cfg(test)]
mod tests {
    use super::{StatsError, autocorrelations, effective_n_mean, effective_n_variance, initial_sequence, lag1};
    use crate::prng::Stream;

    #[test]
    fn a_first_order_series_shows_its_coefficient() {
        let mut stream = Stream::named(3, "ar1");
        let mut state = 0.0;
        let series: Vec<f64> = (0..20_000)
            .map(|_| {
                state = 0.7 * state + stream.normal();
                state
            })
            .collect();
        let r = autocorrelations(&series, 2).unwrap();
        assert!((r[0] - 0.7).abs() < 0.02 && (r[1] - 0.49).abs() < 0.03, "{r:?}");
        let geyer = initial_sequence(&series).unwrap().effective_n;
        assert!((geyer / effective_n_mean(20_000.0, 0.7) - 1.0).abs() < 0.15, "{geyer}");
    }

    #[test]
    fn independent_values_keep_their_number() {
        assert_eq!(effective_n_mean(50.0, 0.0), 50.0);
        assert_eq!(effective_n_variance(50.0, 0.0), 50.0);
    }

    #[test]
    fn refuses_short_and_constant_series() {
        assert!(matches!(lag1(&[1.0, 2.0]), Err(StatsError::TooFew { .. })));
        assert!(matches!(lag1(&[2.0; 9]), Err(StatsError::NoVariance { .. })));
        assert!(matches!(autocorrelations(&[1.0, 2.0, 4.0], 3), Err(StatsError::OutOfRange { .. })));
    }
}
