//! Checks of a bench before anything moves: noise, hum, measured sample rate, zero, stuck or saturated channel.

use super::sample_rate::{Arrivals, SampleRate};
use crate::bench::{Bench, fault::Fault};
use std::{collections::BTreeSet, f64::consts::TAU, time::Duration};

/// Span of rest that is looked at, s, and readings that it must have at least.
const SPAN_S: f64 = 1.0;
/// How many times longer it may become until the sample rate is known: a busy host sees samples arrive late.
const SPANS_MAX: u32 = 10;
const READINGS_MIN: f64 = 40.0;
/// Slowest rate at which mains hum shows as what it is, Hz.
const HUM_RATE_MIN_HZ: f64 = 130.0;
/// Largest noise (SD, hum taken out) at which contact can still be told, N.
const NOISE_MAX_N: f64 = 0.02;
/// Largest amplitude of mains hum, N.
const HUM_MAX_N: f64 = 0.06;
/// Largest relative difference between measured and configured sample rate.
const RATE_MAX: f64 = 0.01;
/// Its standard uncertainty at most, for the span to be long enough.
const RATE_U_MAX: f64 = 0.0025;
/// Largest force at rest before the zero is taken, as a share of the range.
const ZERO_MAX: f64 = 0.1;
/// Share of different values below which a channel counts as stuck.
const UNIQUE_MIN: f64 = 0.002;

/// A named check with what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Name of the check.
    pub name: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// What was measured, and the limit.
    pub detail: String,
}

fn finding(name: &'static str, passed: bool, detail: String) -> Finding {
    Finding { name, passed, detail }
}

/// Whether the pen stops by itself when the host falls silent. One that does not can be used; everybody must know.
pub fn lease(bench: &Bench) -> Finding {
    match bench.pen_lease() {
        Some(lease) => {
            let detail = format!("it stops by itself at most {} ms after the host's last word", lease.as_millis());
            finding("pen lease", true, detail)
        }
        None => finding(
            "pen has no lease",
            true,
            "IT STROKES ON when host or cable fail; keep a hand at the emergency stop, never leave it alone".to_owned(),
        ),
    }
}

/// Streams for a second at rest and judges the force channel; then takes the reference zero. Moves nothing.
///
/// # Errors
///
/// [`Fault`] where the bench fails; a check that does not pass is a finding.
pub fn at_rest(bench: &mut Bench) -> Result<Vec<Finding>, Fault> {
    let configured_hz = bench.rig().force.sample_rate_hz;
    bench.stream(configured_hz)?;
    let mut readings = Vec::new();
    let began = bench.now();
    let mut arrivals = Arrivals::new(configured_hz);
    let span = Duration::from_secs_f64(SPAN_S.max(READINGS_MIN / configured_hz));
    let mut rate = None;
    for _ in 0..SPANS_MAX {
        let until = bench.now() + span;
        while bench.now() < until {
            bench.pump(until)?;
            readings.extend_from_slice(bench.fresh());
            if !bench.fresh().is_empty() {
                arrivals.saw(bench.now(), readings.len() as u64 + bench.samples_lost());
            }
        }
        rate = arrivals.rate();
        if rate.is_some_and(|rate| rate.u_hz <= RATE_U_MAX * configured_hz) {
            break;
        }
    }
    let elapsed_s = bench.now().since(began).as_secs_f64();
    let forces_n: Vec<f64> = readings.iter().map(|reading| reading.force_n).collect();
    let count = forces_n.len().max(1) as f64;
    let mean_n = forces_n.iter().sum::<f64>() / count;
    let hum_shows = configured_hz >= HUM_RATE_MIN_HZ;
    let hums = [50.0, 60.0].map(|mains_hz| {
        (mains_hz, if hum_shows { amplitude(&forces_n, mean_n, mains_hz / configured_hz) } else { 0.0 })
    });
    let (mains_hz, hum_n) = if hums[0].1 >= hums[1].1 { hums[0] } else { hums[1] };
    let variance = forces_n.iter().map(|force_n| (force_n - mean_n).powi(2)).sum::<f64>() / count;
    let noise_n = (variance - hum_n * hum_n / 2.0).max(0.0).sqrt();
    let unique = forces_n.iter().map(|force_n| force_n.to_bits()).collect::<BTreeSet<_>>().len() as f64 / count;
    let range_n = bench.calibration().force.range_n;
    let zero_n = mean_n.abs();
    let lost = bench.samples_lost();
    let steps_n = bench.rig().force.gauge.as_ref().map_or(0.0, |gauge| gauge.resolution_n);
    bench.take_zero(Duration::from_secs_f64(0.3_f64.max(12.0 / configured_hz)))?;
    Ok(vec![
        sample_rate(rate, configured_hz),
        finding("samples lost", lost == 0, format!("{lost} in {elapsed_s:.2} s, limit 0")),
        finding("force noise", noise_n <= NOISE_MAX_N, format!("SD {noise_n:.5} N, limit {NOISE_MAX_N} N")),
        finding(
            "hum",
            hum_n <= HUM_MAX_N,
            if hum_shows {
                format!("amplitude {hum_n:.5} N at {mains_hz} Hz, limit {HUM_MAX_N} N")
            } else {
                format!("cannot be told from noise at {configured_hz} Hz, and is part of it")
            },
        ),
        finding(
            "force channel alive",
            // Noise below the step of a display leaves one value, which proves nothing.
            unique >= UNIQUE_MIN && (noise_n > 0.0 || steps_n > 0.0),
            format!("{:.1} % different values, limit {:.1} %", unique * 100.0, UNIQUE_MIN * 100.0),
        ),
        finding(
            "force zero",
            zero_n <= ZERO_MAX * range_n,
            format!("{zero_n:.4} N at rest, limit {:.3} N; the phantom must not touch the pen", ZERO_MAX * range_n),
        ),
    ])
}

/// A rate passes that is within the limit as far as the host can tell.
fn sample_rate(rate: Option<SampleRate>, configured_hz: f64) -> Finding {
    const NAME: &str = "sample rate";
    let limit = format!("{configured_hz:.0} Hz configured, limit ±{:.0} %", RATE_MAX * 100.0);
    let Some(SampleRate { hz, u_hz }) = rate else {
        return finding(NAME, false, format!("too few samples arrived to tell; {limit}"));
    };
    let (off, u) = ((hz / configured_hz - 1.0).abs(), u_hz / configured_hz);
    if u > RATE_MAX {
        let busy = "the host is too busy to tell; end what else it does";
        return finding(NAME, false, format!("{hz:.1} Hz ± {u_hz:.1} Hz measured, {limit}; {busy}"));
    }
    finding(NAME, off <= RATE_MAX + 2.0 * u, format!("{hz:.1} Hz measured with u = {u_hz:.1} Hz, {limit}"))
}

/// Amplitude of the component at `cycles` per sample (one bin of a Fourier sum).
fn amplitude(values: &[f64], mean: f64, cycles: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (index, value) in values.iter().enumerate() {
        let (sin, cos) = (TAU * cycles * index as f64).sin_cos();
        re += (value - mean) * cos;
        im += (value - mean) * sin;
    }
    2.0 * re.hypot(im) / values.len().max(1) as f64
}
