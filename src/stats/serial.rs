//! One series of values that may correlate with their neighbours: mean, SD, and how many independent values they are
//! worth.
//!
//! The strokes of a single cartridge. Two effective numbers, because correlation costs the mean more than the
//! variance (statistics.md 3.2 and 3.5): `Var(mean) = sd^2 / n_mean`, and the variance has `n_variance - 1` degrees of
//! freedom.
//!
//! Invariant: each number is the smaller of two estimates, the first-order autoregressive one and Geyer's, which
//! assumes no model; neither exceeds n.
//! Deliberately absent: what differs between series; see [`super::nested`].

use super::nested::Series;
use super::tolerance::{Claim, Sides, factor};
use super::{StatsError, autocorrelation, describe};

/// Blocks into which a long series is averaged before its memory is estimated; bounds the cost for any memory.
const BLOCKS_MAX: usize = 2048;

/// A correlated series, summed up. In the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorrelatedSeries {
    /// Number of values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// SD of the population behind them: `sum (x - mean)^2 / (n - n / n_mean)`, unbiased in its square.
    pub sd: f64,
    /// Lag-1 correlation, as estimated.
    pub lag1: f64,
    /// Number of independent values with the same uncertainty of the mean.
    pub n_mean: f64,
    /// Number of independent values with the same uncertainty of the variance.
    pub n_variance: f64,
}

impl CorrelatedSeries {
    /// Of at least 8 values in the order of measurement.
    ///
    /// # Errors
    ///
    /// [`StatsError::TooFew`] below 8 values, or where they are worth fewer than 2 independent ones;
    /// [`StatsError::NoVariance`], [`StatsError::NotFinite`].
    pub fn of(values: &[f64]) -> Result<Self, StatsError> {
        let moments = describe::scattered("the memory of a series", 8, values)?;
        let n = moments.n as f64;
        let lag1 = autocorrelation::lag1(values)?;
        let phi = cautious_phi(lag1, n, n);
        let squares: Vec<f64> = values.iter().map(|value| moments.deviation(*value).powi(2)).collect();
        let n_mean = autocorrelation::effective_n_mean(n, phi).min(effective_n(values)?);
        let n_variance = autocorrelation::effective_n_variance(n, phi).min(effective_n(&squares)?);
        if n_mean < 2.0 || n_variance < 2.0 {
            let remedy = "the values move together over the whole series: measure several times as many strokes";
            let given = n_mean.min(n_variance) as usize;
            return Err(StatsError::TooFew {
                what: "a correlated series, in independent values,",
                given,
                needed: 2,
                remedy,
            });
        }
        let sd = (moments.squares / (n - n / n_mean)).sqrt();
        Ok(Self { n: moments.n, mean: moments.mean, sd, lag1, n_mean, n_variance })
    }

    /// Of at least 2 values that are independent: fresh sites.
    ///
    /// # Errors
    ///
    /// [`StatsError::TooFew`], [`StatsError::NoVariance`], [`StatsError::NotFinite`].
    pub fn independent(values: &[f64]) -> Result<Self, StatsError> {
        let moments = describe::scattered("a tolerance interval", 2, values)?;
        let n = moments.n as f64;
        Ok(Self { n: moments.n, mean: moments.mean, sd: moments.sd(), lag1: 0.0, n_mean: n, n_variance: n })
    }

    /// Distance of the tolerance limits from the mean if there were `scale` times as many values.
    ///
    /// # Errors
    ///
    /// Those of [`factor`].
    pub fn reach(&self, scale: f64, claim: Claim, sides: Sides) -> Result<f64, StatsError> {
        Ok(factor(self.n_mean * scale, self.n_variance * scale - 1.0, claim, sides)? * self.sd)
    }
}

/// Variance within several series that may correlate, pooled, and its degrees of freedom: `sum SS / sum (n - tau)`, tau
/// the integrated correlation time by which a mean takes variance out of its series, and `sum max(1, n_variance - 1)`.
///
/// # Errors
///
/// [`StatsError::TooFew`] where no series has two values more than tau.
pub fn within(series: &[Series]) -> Result<(f64, f64), StatsError> {
    let several: Vec<&Series> = series.iter().filter(|one| one.n > 1).collect();
    let total = |of: fn(&Series) -> f64| several.iter().map(|one| of(one)).sum::<f64>();
    let (squares, products, n) = (total(|one| one.squares), total(|one| one.lag_products), total(|one| one.n as f64));
    let lag1 = if squares > 0.0 { products / squares } else { 0.0 };
    let phi = cautious_phi(lag1, n / several.len() as f64, n);
    let tau = (1.0 + phi) / (1.0 - phi);
    let divisor = n - tau * several.len() as f64;
    if several.is_empty() || divisor < 1.0 {
        let remedy = "measure more strokes with each cartridge";
        let what = "the variance within series, in independent values,";
        return Err(StatsError::TooFew { what, given: (n / tau) as usize, needed: several.len() + 1, remedy });
    }
    let df = |one: &&Series| (autocorrelation::effective_n_variance(one.n as f64, phi) - 1.0).max(1.0);
    Ok((squares / divisor, several.iter().map(df).sum()))
}

/// Lag-1 correlation as it is used: raised by its bias, `(1 + 3 phi) / n` in series of `n` values (M. G. Kendall,
/// Biometrika 41 (1954) 403), and by its standard error over all `total` values, since chance makes it small just
/// where it makes the variance small; not below 0.
fn cautious_phi(lag1: f64, n: f64, total: f64) -> f64 {
    let unbiased = (lag1 + (1.0 + 3.0 * lag1) / n).clamp(-1.0, 1.0);
    (unbiased + ((1.0 - unbiased * unbiased) / total).sqrt()).clamp(0.0, 0.999_999)
}

/// Number of independent values whose mean is as certain, by Geyer's initial sequence over block means.
fn effective_n(values: &[f64]) -> Result<f64, StatsError> {
    let n = values.len() as f64;
    let size = values.len().div_ceil(BLOCKS_MAX);
    let blocks: Vec<f64> =
        values.chunks_exact(size).map(|block| block.iter().sum::<f64>() / block.len() as f64).collect();
    if blocks.iter().all(|block| *block == blocks[0]) {
        return Ok(n);
    }
    let sequence = autocorrelation::initial_sequence(&blocks)?;
    if size == 1 {
        return Ok(sequence.effective_n);
    }
    let variance_of_mean = describe::Moments::of(&blocks)?.variance() / sequence.effective_n;
    Ok((describe::Moments::of(values)?.variance() / variance_of_mean).min(n))
}

#[cfg(test)]
mod tests {
    use super::CorrelatedSeries;
    use crate::prng::Stream;
    use crate::stats::distribution::{Distribution, Normal};
    use crate::stats::tolerance::{Claim, Sides};

    fn autoregressive(stream: &mut Stream, n: usize, phi: f64) -> Vec<f64> {
        let mut state = stream.normal();
        (0..n)
            .map(|_| {
                state = phi * state + (1.0 - phi * phi).sqrt() * stream.normal();
                state
            })
            .collect()
    }

    #[test]
    fn long_memory_leaves_few_values() {
        let mut stream = Stream::named(2, "memory");
        let series = CorrelatedSeries::of(&autoregressive(&mut stream, 200_000, 0.9)).unwrap();
        assert!((series.n_mean / (200_000.0 / 19.0) - 1.0).abs() < 0.2, "{series:?}");
        assert!((series.n_variance / (200_000.0 * 0.19 / 1.81) - 1.0).abs() < 0.2, "{series:?}");
        assert!((series.sd - 1.0).abs() < 0.03);
    }

    #[test]
    fn a_ramp_is_worth_next_to_nothing() {
        let ramp: Vec<f64> = (0..500).map(f64::from).collect();
        assert!(CorrelatedSeries::of(&ramp).is_err_and(|error| error.to_string().contains("move together")));
    }

    /// Confidence of a 95/95 interval from one correlated series; without the correction it is about 0.63 at phi 0.9.
    #[test]
    fn intervals_of_one_correlated_series_hold_their_confidence() {
        let claim = Claim::new(0.95, 0.95).unwrap();
        for (n, phi) in [(100, 0.0), (1000, 0.5), (1000, 0.9)] {
            let mut stream = Stream::named(4, "coverage");
            let (mut kept, mut naive) = (0, 0);
            let draws = 600;
            for _ in 0..draws {
                let values = autoregressive(&mut stream, n, phi);
                let held = |mean: f64, reach: f64| Normal.cdf(mean + reach) - Normal.cdf(mean - reach) >= 0.95;
                let series = CorrelatedSeries::of(&values).unwrap();
                kept += u32::from(held(series.mean, series.reach(1.0, claim, Sides::Two).unwrap()));
                let plain = CorrelatedSeries::independent(&values).unwrap();
                naive += u32::from(held(plain.mean, plain.reach(1.0, claim, Sides::Two).unwrap()));
            }
            // Three standard errors of 600 draws are 0.027.
            println!(
                "n {n} phi {phi}: {} naive {}",
                f64::from(kept) / f64::from(draws),
                f64::from(naive) / f64::from(draws)
            );
            assert!(f64::from(kept) / f64::from(draws) > 0.923, "n {n}, phi {phi}: {kept} of {draws}");
            assert!(
                phi < 0.9 || f64::from(naive) / f64::from(draws) < 0.9,
                "the check cannot see correlation: {naive}"
            );
        }
    }
}
