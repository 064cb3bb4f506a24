//! How much averaging a trace needs, and the noise that is left after it.
//!
//! The moving average grows until the noise is a small share of the signal, and no further: a clean trace of 200
//! samples is not averaged at all, a noisy one at 10 kHz over many samples. The noise is taken from second
//! differences over more than one width, so that coloured noise counts and a rising force does not.

/// Noise as a share of the whole range that detection wants.
const NOISE_SHARE: f64 = 0.012;
/// ... and with which it may still find what there is.
const TROUBLE_SHARE: f64 = 0.03;
/// Widest average, as a share of the trace.
const WIDTH_SHARE: f64 = 0.02;
/// Longest period of hum that is averaged over, as a share of the trace.
const PERIOD_SHARE: f64 = 0.25;
/// How much more an average over a period must take away than of white noise.
const PERIODIC: f64 = 0.8;
/// Samples beyond one width after which noise is independent, even where alternating hum was taken out.
pub const LAG: usize = 2;
/// MAD to standard deviation of a normal law.
const MAD_TO_SD: f64 = 1.4826;

/// A trace averaged as much as it needs.
#[derive(Clone, Debug)]
pub struct Smoothed {
    /// The averaged force, N.
    pub force_n: Vec<f64>,
    /// Samples in one average, odd.
    pub width: usize,
    /// Standard deviation of the noise left, N.
    pub sigma_n: f64,
}

/// Averages `force_n` as needed. `quantum_n` is the smallest step of a reading, N; `periods` are those of hum, in samples,
/// over one of which is averaged where less leaves too much: a splice in the recording, or a swell that no fit follows.
/// `rest_n` is what of hum is left in an average, N.
pub fn smooth(force_n: &[f64], quantum_n: f64, periods: &[f64], rest_n: impl Fn(&[f64]) -> f64) -> Smoothed {
    let mut usual = as_needed(force_n, quantum_n);
    usual.sigma_n = usual.sigma_n.max(rest_n(&usual.force_n));
    if usual.sigma_n <= TROUBLE_SHARE * range(&usual.force_n) {
        return usual;
    }
    let over = |period: &f64| {
        let width = (period.round() as usize) | 1;
        let averaged = fractional_average(force_n, *period);
        let sigma_n = noise(&averaged, width + LAG).max(quantum_n / (12.0 * period).sqrt()).max(rest_n(&averaged));
        Smoothed { force_n: averaged, width, sigma_n }
    };
    // White noise falls with the root of the width; what falls further was periodic.
    let better = |smoothed: &Smoothed| {
        let white = (usual.width as f64 / smoothed.width as f64).sqrt();
        smoothed.sigma_n < PERIODIC * white * usual.sigma_n
    };
    let fits = |period: &&f64| **period > usual.width as f64 && **period <= PERIOD_SHARE * force_n.len() as f64;
    periods.iter().filter(fits).map(over).filter(better).min_by(|a, b| a.sigma_n.total_cmp(&b.sigma_n)).unwrap_or(usual)
}

fn as_needed(force_n: &[f64], quantum_n: f64) -> Smoothed {
    let width_max = ((force_n.len() as f64 * WIDTH_SHARE) as usize).max(1);
    let mut width = 1;
    loop {
        let averaged = moving_average(force_n, width);
        let sigma_n = noise(&averaged, width + LAG).max(quantum_n / (12.0 * width as f64).sqrt());
        let wider = (width * 3 / 2).max(width + 2) | 1;
        if sigma_n <= NOISE_SHARE * range(&averaged) || wider > width_max {
            return Smoothed { force_n: averaged, width, sigma_n };
        }
        width = wider;
    }
}

/// Highest less lowest.
fn range(force_n: &[f64]) -> f64 {
    let (low, high) =
        force_n.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), f| (low.min(*f), high.max(*f)));
    high - low
}

/// Standard deviation of noise from the second differences of `force_n` over `lag` samples.
pub fn noise(force_n: &[f64], lag: usize) -> f64 {
    let mut sizes: Vec<f64> = (2 * lag..force_n.len())
        .map(|row| (force_n[row] - 2.0 * force_n[row - lag] + force_n[row - 2 * lag]).abs())
        .collect();
    if sizes.is_empty() {
        return 0.0;
    }
    let middle = sizes.len() / 2;
    let (_, median, _) = sizes.select_nth_unstable_by(middle, f64::total_cmp);
    MAD_TO_SD * *median / 6.0_f64.sqrt()
}

/// Average over `width` samples (odd) about each; fewer at the ends, always as many on both sides.
fn moving_average(force_n: &[f64], width: usize) -> Vec<f64> {
    let half = width / 2;
    let mut sums = Vec::with_capacity(force_n.len() + 1);
    sums.push(0.0);
    for force in force_n {
        sums.push(sums[sums.len() - 1] + force);
    }
    (0..force_n.len())
        .map(|row| {
            let reach = half.min(row).min(force_n.len() - 1 - row);
            if reach == 0 {
                return force_n[row];
            }
            (sums[row + reach + 1] - sums[row - reach]) / (2 * reach + 1) as f64
        })
        .collect()
}

/// Average over `width` samples (not a whole number: the two outermost count in part) about each; fewer at the ends.
fn fractional_average(force_n: &[f64], width: f64) -> Vec<f64> {
    let half = (width - 1.0) / 2.0;
    let (whole, part) = (half.floor() as usize, half - half.floor());
    let last = force_n.len().saturating_sub(1);
    (0..force_n.len())
        .map(|row| {
            let reach = whole.min(row).min(last - row);
            let inner: f64 = force_n[row - reach..=row + reach].iter().sum();
            if reach < whole || row <= reach || row + reach >= last {
                return inner / (2 * reach + 1) as f64;
            }
            let outer = force_n[row - reach - 1] + force_n[row + reach + 1];
            (inner + part * outer) / ((2 * reach + 1) as f64 + 2.0 * part)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::smooth;
    use crate::prng::Stream;
    use std::f64::consts::TAU;

    #[test]
    fn averaging_follows_the_noise() {
        let mut noise = Stream::named(5, "smoothing");
        let mut ramp =
            |sd: f64| -> Vec<f64> { (0..2000).map(|row| f64::from(row) * 1e-3 + sd * noise.normal()).collect() };
        let clean = smooth(&ramp(0.002), 0.0, &[], |_| 0.0);
        assert_eq!(clean.width, 1);
        assert!((clean.sigma_n / 0.002 - 1.0).abs() < 0.1, "{}", clean.sigma_n);
        let noisy = smooth(&ramp(0.2), 0.0, &[], |_| 0.0);
        assert!(noisy.width > 7 && noisy.sigma_n < 0.06, "{noisy:?}");
    }

    #[test]
    fn hum_that_is_left_is_averaged_over_its_period() {
        let mut noise = Stream::named(6, "smoothing");
        // A splice: the phase jumps, so that no fit follows.
        let hum = |row: u32| (TAU * (f64::from(row) + if row > 90 { 3.0 } else { 0.0 }) / 8.0).sin();
        let force_n: Vec<f64> =
            (0..200).map(|row| f64::from(row) * 2e-3 + 0.04 * hum(row) + 1e-3 * noise.normal()).collect();
        assert_eq!(smooth(&force_n, 0.0, &[], |_| 0.0).width, 3);
        let averaged = smooth(&force_n, 0.0, &[8.0, 6.67], |_| 0.0);
        assert_eq!(averaged.width, 9);
        assert!(averaged.sigma_n < 0.005, "{}", averaged.sigma_n);
        let off = |row: usize| (averaged.force_n[row] - row as f64 * 2e-3).abs();
        assert!((8..80).chain(100..190).all(|row| off(row) < 0.003));
    }
}
