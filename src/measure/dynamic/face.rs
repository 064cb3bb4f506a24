//! Face position from the touch phase: needles retracted, the stage rises until the face touches.
//!
//! The face is a stiff, wide contact: the force follows a power of the indentation from its first newton on. The
//! onset is the stage position at which the best power law, on top of a baseline with drift, begins; compliance is
//! taken out before the fit.
//!
//! Deliberately absent: needles.

use crate::{
    capture::Header,
    measure::{
        Refusal,
        dynamic::{
            background::Background,
            grid::Track,
            inverse::Inverse,
            linear::{dot, inverse as inverted, times},
        },
    },
    uncertainty::{Budget, Measured},
};
use std::f64::consts::TAU;

/// Exponents tried: flat (1) to cone (2).
const EXPONENTS: [f64; 9] = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0];

/// Samples in one mean.
const MEAN_SAMPLES: usize = 4;

/// Standard uncertainty of the onset of a stiff contact, mm: from worlds of other laws (derived).
const ONSET_U_MM: f64 = 0.00025;

/// Position of the face, mm.
///
/// # Errors
///
/// [`Refusal`] where the force never rises clearly above the noise.
pub fn position(header: &Header, track: &Track, inverse: &Inverse, rate_hz: f64) -> Result<Measured, Refusal> {
    let mut force_n = Vec::with_capacity(track.force_n.len());
    inverse.apply(&track.force_n, &mut force_n);
    let surface: Vec<f64> = force_n
        .iter()
        .zip(&track.stage_mm[inverse.reach().min(track.stage_mm.len())..])
        .map(|(f, z)| z - header.compliance_mm_per_n * f)
        .collect();
    let refused = |message: String| Refusal { code: "no-contact".to_owned(), message };
    let half = force_n.len() / 2;
    let start = force_n.get(..half).filter(|start| start.len() > 50).ok_or_else(|| {
        refused(format!("the touch phase has only {} samples; at least 100 are needed", track.force_n.len()))
    })?;
    let mean = start.iter().sum::<f64>() / half as f64;
    let noise = (start.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / half as f64).sqrt();
    let peak = force_n.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b)) - mean;
    if peak < 12.0 * noise {
        return Err(refused(format!(
            "the face never touched the phantom: the force rose by {peak:.4} N in the touch phase, the noise is \
             {noise:.4} N; check the height of the phantom, the polarity of the cell and that the stage moved"
        )));
    }
    let quiet_end = (0..force_n.len()).rev().find(|k| force_n[*k] - mean < 4.0 * noise).unwrap_or(half);
    let first = quiet_end.saturating_sub(quiet_end / 3);
    let last = (quiet_end..force_n.len()).find(|k| force_n[*k] - mean > 0.6 * peak).unwrap_or(force_n.len());
    // Means over a few samples hold all that the smear of the inverse filter has left.
    let means = |values: &[f64]| -> Vec<f64> {
        values[first..last]
            .chunks_exact(MEAN_SAMPLES)
            .map(|part| part.iter().sum::<f64>() / part.len() as f64)
            .collect()
    };
    let (thin_n, thin_mm) = (means(&force_n), means(&surface));
    let told_hz = header.stroke_rate_hz.unwrap_or(100.0);
    let hum = Background::fit(start, 0.0, rate_hz, told_hz).and_then(|quiet| quiet.hum(rate_hz));
    let turn = hum.map_or(0.0, |(hz, _)| TAU * hz / rate_hz * MEAN_SAMPLES as f64);
    let hum = (0..thin_n.len()).map(|k| (turn * k as f64).sin_cos()).collect();
    let fit = Fit { force_n: &thin_n, surface_mm: &thin_mm, hum };
    let (centre, width) = (surface[quiet_end], 0.1);
    let mut best = (f64::INFINITY, centre);
    for exponent in EXPONENTS {
        let onset = minimum(centre - width, centre + 0.2 * width, |z| fit.misfit(z, exponent));
        let misfit = fit.misfit(onset, exponent);
        if misfit < best.0 {
            best = (misfit, onset);
        }
    }
    let resolution_mm = header.stage.as_ref().map_or(0.0, |stage| stage.resolution_mm);
    let mut budget = Budget::default();
    budget.random("onset of contact", ONSET_U_MM, None);
    // Many rows share the rounding of the encoder.
    budget.random("encoder", 0.5 * resolution_mm / 12.0_f64.sqrt(), None);
    Ok(Measured::new(best.1, budget))
}

struct Fit<'a> {
    force_n: &'a [f64],
    surface_mm: &'a [f64],
    /// Sine and cosine at the frequency of the mains.
    hum: Vec<(f64, f64)>,
}

/// Offset, drift, contact, and the two parts of the hum.
const TERMS: usize = 5;

impl Fit<'_> {
    /// Sum of squared residuals of `a + b k + c (z - onset)^n` and hum after the best of each.
    fn misfit(&self, onset_mm: f64, exponent: f64) -> f64 {
        let count = self.force_n.len() as f64;
        let row = |k: usize| {
            let depth = (self.surface_mm[k] - onset_mm).max(0.0);
            let contact = if depth > 0.0 { (depth / 0.1).powf(exponent) } else { 0.0 };
            let (sin, cos) = self.hum[k];
            [1.0, k as f64 / count - 0.5, contact, sin, cos]
        };
        let mut normal = [[0.0; TERMS]; TERMS];
        let mut right = [0.0; TERMS];
        // A trace of a prior on the hum keeps the system sound where there is none.
        (normal[3][3], normal[4][4]) = (1e-3, 1e-3);
        let mut total = 0.0;
        for (k, force) in self.force_n.iter().enumerate() {
            let row = row(k);
            total += force * force;
            for i in 0..TERMS {
                right[i] += row[i] * force;
                for j in 0..TERMS {
                    normal[i][j] += row[i] * row[j];
                }
            }
        }
        inverted(normal).map_or(f64::INFINITY, |inverse| total - dot(&times(&inverse, &right), &right))
    }
}

/// Golden section: where `f` is smallest between two bounds.
fn minimum(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let ratio = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut fa, mut fb) = (f(a), f(b));
    while high - low > 1e-5 {
        if fa < fb {
            (high, b, fb) = (b, a, fa);
            a = high - ratio * (high - low);
            fa = f(a);
        } else {
            (low, a, fa) = (a, b, fb);
            b = low + ratio * (high - low);
            fb = f(b);
        }
    }
    0.5 * (low + high)
}
