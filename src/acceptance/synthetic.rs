//! Synthetic validations of a known process: normal or not, correlated or not, at the edge of acceptance or good.
//!
//! Invariant: at the edge the share of strokes outside the limits is exactly what the criterion allows, so that every
//! acceptance is a false one; a good process has a capability of 1.5.
//! Deliberately absent: any judgement.

use super::measurements::Value;
use crate::config::plan::{DataSource, Quantity};
use crate::prng::Stream;
use crate::stats::StatsError;
use crate::stats::distribution::{Distribution, Normal};
use std::sync::Arc;

/// Set depth of every synthetic validation, mm.
pub const SET_DEPTH_MM: f64 = 1.5;
/// Half-width of its limits, mm.
pub const TOLERANCE_MM: f64 = 0.1;
/// Capability of a good process: limits 4.5 SDs from its mean.
pub const GOOD_CAPABILITY: f64 = 1.5;

/// Shape of the scatter of strokes within a cartridge, mean 0 and variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Normal.
    Normal,
    /// Gamma with skewness 1.
    Skewed,
    /// Student's t with 4 degrees of freedom.
    HeavyTailed,
    /// Two normal humps 1.8 apart, SD 0.44 each.
    TwoHumps,
}

/// What a process is made of, and how it is sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Process {
    /// Pens sampled.
    pub pens: usize,
    /// Cartridges sampled with each pen.
    pub cartridges: usize,
    /// Strokes of each cartridge.
    pub strokes: usize,
    /// Share of the total variance that lies between pens.
    pub share_pens: f64,
    /// Share of the total variance that lies between cartridges of a pen.
    pub share_cartridges: f64,
    /// Correlation of neighbouring strokes.
    pub phi: f64,
    /// Share of the strokes outside that lie above the upper limit, at the edge: 0.5 is centred.
    pub above: f64,
    /// Shared standard uncertainty over the total SD.
    pub u_ratio: f64,
    /// Shape of the strokes' scatter.
    pub shape: Shape,
    /// Whether every third cartridge lost half its strokes.
    pub unbalanced: bool,
    /// Coverage that the criterion claims.
    pub coverage: f64,
}

impl Process {
    /// Normal, centred, independent strokes, certain calibration; 95 % coverage.
    pub const fn plain(pens: usize, cartridges: usize, strokes: usize) -> Self {
        Self {
            pens,
            cartridges,
            strokes,
            share_pens: 0.0,
            share_cartridges: 0.0,
            phi: 0.0,
            above: 0.5,
            u_ratio: 0.0,
            shape: Shape::Normal,
            unbalanced: false,
            coverage: 0.95,
        }
    }

    /// Mean and total SD, mm, at which exactly `1 - coverage` of strokes lie outside the limits.
    ///
    /// # Errors
    ///
    /// [`StatsError::OutOfRange`] where `coverage` or `above` is not inside (0, 1).
    pub fn edge(&self, stream: &mut Stream) -> Result<(f64, f64), StatsError> {
        let outside = 1.0 - self.coverage;
        if self.shape != Shape::Normal {
            return Ok((SET_DEPTH_MM, TOLERANCE_MM / self.quantile_of_distance(stream)));
        }
        let upper = Normal.upper_quantile(outside * self.above)?;
        let lower = Normal.upper_quantile(outside * (1.0 - self.above))?;
        let sd = 2.0 * TOLERANCE_MM / (upper + lower);
        Ok((SET_DEPTH_MM + TOLERANCE_MM - upper * sd, sd))
    }

    /// Mean and total SD, mm, of a good process.
    pub fn good(&self) -> (f64, f64) {
        (SET_DEPTH_MM, TOLERANCE_MM / (3.0 * GOOD_CAPABILITY))
    }

    /// Distance from the mean, in SDs, within which `coverage` of strokes lie; from many draws, where the shape has no
    /// closed form for its sum with normal cartridges.
    fn quantile_of_distance(&self, stream: &mut Stream) -> f64 {
        const DRAWS: usize = 400_000;
        let within = 1.0 - self.share_pens - self.share_cartridges;
        let between = (1.0 - within).sqrt();
        let mut distances: Vec<f64> =
            (0..DRAWS).map(|_| (between * stream.normal() + within.sqrt() * unit(self.shape, stream)).abs()).collect();
        distances.sort_unstable_by(f64::total_cmp);
        distances[(self.coverage * DRAWS as f64) as usize]
    }

    /// One validation of the process with this mean and total SD: protrusions of all strokes.
    pub fn draw(&self, mean: f64, sd: f64, stream: &mut Stream) -> Vec<Value> {
        let within = sd * (1.0 - self.share_pens - self.share_cartridges).max(0.0).sqrt();
        let u = self.u_ratio * sd;
        let shared = mean + u * stream.normal();
        let mut values = Vec::with_capacity(self.pens * self.cartridges * self.strokes);
        for pen in 0..self.pens {
            let pen_mean = shared + sd * self.share_pens.sqrt() * stream.normal();
            let pen_name: Arc<str> = format!("pen-{pen}").into();
            for cartridge in 0..self.cartridges {
                let centre = pen_mean + sd * self.share_cartridges.sqrt() * stream.normal();
                let name: Arc<str> = format!("cartridge-{cartridge}").into();
                let strokes = if self.unbalanced && cartridge % 3 == 0 { self.strokes / 2 } else { self.strokes };
                let series = correlated(strokes, self.phi, self.shape, stream);
                values.extend((0..).zip(series).map(|(order, deviation)| Value {
                    pen: Arc::clone(&pen_name),
                    cartridge: Arc::clone(&name),
                    set_depth_mm: SET_DEPTH_MM,
                    set_rate_hz: None,
                    source: DataSource::Strokes,
                    order,
                    quantity: Quantity::Protrusion,
                    value: centre + within * deviation,
                    u,
                }));
            }
        }
        values
    }
}

/// A stationary first-order autoregressive series of variance 1 (of `shape` where `phi` is 0).
fn correlated(n: usize, phi: f64, shape: Shape, stream: &mut Stream) -> Vec<f64> {
    let fresh = (1.0 - phi * phi).sqrt();
    let mut state = unit(shape, stream);
    (0..n)
        .map(|_| {
            let value = state;
            state = phi * state + fresh * unit(shape, stream);
            value
        })
        .collect()
}

/// One draw of mean 0 and variance 1.
fn unit(shape: Shape, stream: &mut Stream) -> f64 {
    // 1 - uniform is never 0, so its logarithm is finite.
    let mut exponential = || -(1.0 - stream.uniform()).ln();
    match shape {
        Shape::Normal => stream.normal(),
        Shape::Skewed => 0.5 * ((0..4).map(|_| exponential()).sum::<f64>() - 4.0),
        Shape::HeavyTailed => {
            let chi2 = 2.0 * (exponential() + exponential());
            stream.normal() / (0.5 * chi2).sqrt()
        }
        Shape::TwoHumps => {
            let side = if stream.chance(0.5) { 0.9 } else { -0.9 };
            side + (1.0_f64 - 0.81).sqrt() * stream.normal()
        }
    }
}

/// One run's flags of missed strokes: a stationary on-off chain with this share missed, in gaps of this mean length.
pub fn missed(strokes: usize, share: f64, gap: f64, stream: &mut Stream) -> Vec<Value> {
    let leave = 1.0 / gap;
    let enter = leave * share / (1.0 - share);
    let mut missed = stream.chance(share);
    (0..strokes as u64)
        .map(|order| {
            let flag = missed;
            missed = if missed { !stream.chance(leave) } else { stream.chance(enter) };
            Value {
                pen: "pen-0".into(),
                cartridge: "cartridge-0".into(),
                set_depth_mm: SET_DEPTH_MM,
                set_rate_hz: None,
                source: DataSource::Strokes,
                order,
                quantity: Quantity::Missed,
                value: f64::from(u8::from(flag)),
                u: 0.0,
            }
        })
        .collect()
}

/// Share of strokes that a good pen misses, one at a time.
const GOOD_MISSED_SHARE: f64 = 0.002;
/// How far the phantom's surface gives way before it is punctured, mm.
const DIMPLE_MM: f64 = 0.12;

/// What a whole validation measures of one process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    /// The process of its strokes, sizes included.
    pub process: Process,
    /// Presses of each cartridge; their scatter is that of cartridges and a third of that of strokes.
    pub presses: usize,
    /// Stroke rate, Hz; pens run within 0.5 % of it.
    pub rate_hz: f64,
}

impl Validation {
    /// Every value at one set depth: protrusion, penetration and misses of strokes, protrusion of presses, rates.
    /// `mean` and `sd` are those of protrusion at [`SET_DEPTH_MM`].
    pub fn draw(&self, set_depth_mm: f64, mean: f64, sd: f64, stream: &mut Stream) -> Vec<Value> {
        let strokes = self.process.draw(mean, sd, stream);
        let mut all = Vec::with_capacity(3 * strokes.len());
        for value in strokes {
            let missed = f64::from(u8::from(stream.chance(GOOD_MISSED_SHARE)));
            all.push(Value { quantity: Quantity::Missed, value: missed, u: 0.0, ..value.clone() });
            if value.order == 0 {
                let rate_hz = self.rate_hz * (1.0 + 0.005 * stream.normal());
                all.extend((0..50).map(|order| {
                    let value_hz = rate_hz + 0.001 * self.rate_hz * stream.normal();
                    Value { quantity: Quantity::PunctureRate, order, value: value_hz, u: 1e-3, ..value.clone() }
                }));
            }
            all.push(Value { quantity: Quantity::Penetration, value: value.value - DIMPLE_MM, ..value.clone() });
            all.push(value);
        }
        all.iter_mut().for_each(|value| value.set_rate_hz = Some(self.rate_hz));
        let within = 1.0 - self.process.share_pens - self.process.share_cartridges;
        let at_rest = 1.0 - within + within / 9.0;
        let process = Process {
            strokes: self.presses,
            share_pens: self.process.share_pens / at_rest,
            share_cartridges: self.process.share_cartridges / at_rest,
            phi: 0.0,
            ..self.process
        };
        let presses = process.draw(mean, sd * at_rest.sqrt(), stream);
        all.extend(presses.into_iter().map(|value| Value { source: DataSource::Presses, ..value }));
        for value in &mut all {
            value.set_depth_mm = set_depth_mm;
            if matches!(value.quantity, Quantity::Protrusion | Quantity::Penetration) {
                value.value += set_depth_mm - SET_DEPTH_MM;
            }
        }
        all
    }
}

/// Adds a straight drift of this size over each cartridge's strokes, mm; a run of `strokes`.
pub fn add_drift(values: &mut [Value], strokes: usize, drift_mm: f64) {
    for value in values {
        value.value += drift_mm * (value.order as f64 / strokes as f64 - 0.5);
    }
}

#[cfg(test)]
mod tests {
    use super::{Process, SET_DEPTH_MM, Shape, TOLERANCE_MM, missed, unit};
    use crate::prng::Stream;

    #[test]
    fn shapes_have_unit_variance_and_no_mean() {
        for shape in [Shape::Normal, Shape::Skewed, Shape::HeavyTailed, Shape::TwoHumps] {
            let mut stream = Stream::named(1, "shape");
            let draws: Vec<f64> = (0..200_000).map(|_| unit(shape, &mut stream)).collect();
            let mean = draws.iter().sum::<f64>() / 2e5;
            let variance = draws.iter().map(|x| x * x).sum::<f64>() / 2e5;
            assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.06, "{shape:?}: {mean}, {variance}");
        }
    }

    #[test]
    fn the_edge_leaves_the_allowed_share_outside() {
        for (above, shape) in
            [(0.5, Shape::Normal), (0.8, Shape::Normal), (0.999_999, Shape::Normal), (0.5, Shape::Skewed)]
        {
            let process = Process { share_cartridges: 0.4, above, shape, ..Process::plain(1, 1, 1) };
            let mut stream = Stream::named(2, "edge");
            let (mean, sd) = process.edge(&mut stream).unwrap();
            let outside = (0..100_000)
                .filter(|_| (process.draw(mean, sd, &mut stream)[0].value - SET_DEPTH_MM).abs() > TOLERANCE_MM)
                .count();
            assert!((outside as f64 / 1e5 - 0.05).abs() < 0.003, "{above} {shape:?}: {outside}");
        }
    }

    #[test]
    fn gaps_keep_the_share() {
        let mut stream = Stream::named(3, "gaps");
        let flags = missed(400_000, 0.02, 5.0, &mut stream);
        let share = flags.iter().map(|flag| flag.value).sum::<f64>() / 4e5;
        assert!((share - 0.02).abs() < 0.003, "{share}");
    }
}
