//! The stand-off scan: strokes against a gap that closes slowly.
//!
//! Far out no stroke touches; where the gap falls below the protrusion, strokes begin to. The encoder measures the
//! needle: [`elastic`] turns the first touches into the mean protrusion, and the strokes further in become the map
//! from what a stroke shows to how far it reached ([`crate::measure::dynamic::map`]).

use crate::{
    capture::Header,
    measure::{
        Refusal, ScanBin,
        dynamic::{
            background::Background,
            elastic::{self, Contact, Pulse, Setting},
            follow::Follower,
            grid::Track,
            inverse::Inverse,
            segment,
            stroke::{LATE_PERIODS, Lens, Shape},
        },
    },
};

/// Lowest and highest stroke rate that is looked for, Hz.
pub const STROKE_HZ: (f64, f64) = (20.0, 250.0);
/// Width of a bin of the scan as reported, mm.
const BIN_MM: f64 = 0.02;
/// Touches are seen from this many times the noise.
pub const TOUCH_NOISE: f64 = 6.0;
/// Share of the scan's largest force below which nothing is taken for a touch.
const RINGING: f64 = 0.01;

/// The scan, measured.
#[derive(Clone, Debug)]
pub struct Scan {
    /// How strokes of the run are to be looked at.
    pub lens: Lens,
    /// Background at the end of the scan.
    pub background: Background,
    /// Strokes that touched.
    pub shapes: Vec<Shape>,
    /// Number of each, from 0 at the first touch.
    pub numbers: Vec<u64>,
    /// Largest force in the scan, N.
    pub peak_n: f64,
    /// Strokes before needles begin to enter.
    pub touches: usize,
    /// Force at which the first needles enter, N.
    pub puncture_n: f64,
    /// Noise of the late force of one stroke, N.
    pub late_noise_n: f64,
    /// Half of the carriage's stroke and its relative standard uncertainty.
    pub half_stroke: (f64, f64),
    /// Protrusion from the first touches; `None` where there were too few.
    pub contact: Option<Contact>,
}

/// Measures the scan. `face_mm` is the stage position of the face.
///
/// # Errors
///
/// [`Refusal`] where nothing touched, or touched without a rhythm.
pub fn measure(header: &Header, track: &Track, inverse: &Inverse, rate_hz: f64, face_mm: f64) -> Result<Scan, Refusal> {
    let mut force_n = Vec::with_capacity(track.force_n.len());
    inverse.apply(&track.force_n, &mut force_n);
    let reach = inverse.reach();
    let told_hz = header.stroke_rate_hz.unwrap_or(100.0);
    // The first twentieth of the scan is out of reach by procedure; what is quiet beyond it is known after a look.
    let start = (force_n.len() / 20).max((0.1 * rate_hz) as usize);
    let background = force_n
        .get(..start)
        .and_then(|quiet| Background::fit(quiet, reach as f64, rate_hz, told_hz))
        .ok_or_else(|| refusal("truncated", format!("the stand-off scan has only {} samples", track.force_n.len())))?;
    let mut clean_n = force_n.clone();
    background.subtract(reach as f64, &mut clean_n);
    let period = rhythm(&clean_n, background.noise_n, rate_hz)?;
    // What is left of the cell's ringing after a stroke is about a hundredth of its force.
    let floor_n =
        RINGING * clean_n[clean_n.len().saturating_sub(rate_hz as usize)..].iter().fold(0.0_f64, |a, b| a.max(*b));
    let follow = |level_n: f64, lag: f64, background: &Background| {
        let lens = Lens { period_samples: period, level_n, lag, noise_n: background.noise_n };
        let touch_n = (TOUCH_NOISE * background.noise_n).max(floor_n);
        let mut follower = Follower::new(inverse, lens, touch_n, background.clone(), 0);
        follower.push(track);
        follower.finish();
        (follower.background().clone(), follower.shapes)
    };
    let touch_n = (TOUCH_NOISE * background.noise_n).max(floor_n);
    let (_, shapes) = follow(touch_n, 0.0, &background);
    let (touches, puncture_n) = puncture(&shapes);
    let first_touch = shapes.first().map_or(0, |shape| (shape.touch_samples - 0.3 * period) as usize);
    let quiet = force_n.get(..first_touch.saturating_sub(reach)).filter(|quiet| quiet.len() > start);
    let refined = quiet.and_then(|quiet| Background::fit(quiet, reach as f64, rate_hz, told_hz));
    let before = refined.unwrap_or(background);
    let noise_n = before.noise_n;
    let touch_n = (TOUCH_NOISE * noise_n).max(floor_n);
    let level_n = (0.25 * puncture_n).max(touch_n);
    let (background, shapes) = follow(level_n, 0.0, &before);
    let mut clean_n = force_n;
    before.subtract(reach as f64, &mut clean_n);
    let peak_n = shapes.iter().map(|shape| shape.peak_n).fold(0.0, f64::max);
    let onsets: Vec<f64> = shapes.iter().map(|shape| shape.onset_samples).collect();
    let period = segment::median_period(&onsets).unwrap_or(period);
    let lens = Lens { period_samples: period, level_n, lag: 0.0, noise_n };
    let mut scan = Scan {
        lens,
        background,
        numbers: segment::number(&onsets, period),
        shapes,
        peak_n,
        touches,
        puncture_n,
        late_noise_n: late_noise(&clean_n[..first_touch.min(clean_n.len())], period),
        half_stroke: (0.0, 1.0),
        contact: None,
    };
    // The carriage's stroke follows from the phase of contact once the protrusion is known, and the other way round;
    // the first is nearly blind to the second, so three rounds settle it.
    let mut mean_mm = scan.shapes.get(2).map_or(0.0, |shape| face_mm - shape.stage_mm);
    for _ in 0..3 {
        scan.half_stroke = scan.carriage(header, face_mm, mean_mm);
        let setting = Setting {
            period_samples: period,
            smear_samples: inverse.smear_samples(),
            noise_n,
            compliance_mm_per_n: header.compliance_mm_per_n,
            half_stroke: scan.half_stroke,
            needles: header.needles.unwrap_or(1),
        };
        scan.contact = scan.first_touches(&clean_n, reach, face_mm, &setting);
        let Some(contact) = &scan.contact else { break };
        mean_mm = contact.protrusion_mm;
        scan.lens.lag = contact.indentation_mm(level_n) / contact.half_stroke_mm;
        (scan.background, scan.shapes) = follow(level_n, scan.lens.lag, &before);
    }
    Ok(scan)
}

fn refusal(code: &str, message: String) -> Refusal {
    Refusal { code: code.to_owned(), message }
}

/// SD of means over as many samples as the late force is taken from, in a stretch where nothing touches.
fn late_noise(quiet_n: &[f64], period: f64) -> f64 {
    let length = ((LATE_PERIODS.0 - LATE_PERIODS.1) * period).max(1.0) as usize;
    let means = quiet_n.chunks_exact(length).map(|part| part.iter().sum::<f64>() / length as f64);
    let count = means.clone().count().max(1) as f64;
    (means.map(|mean| mean * mean).sum::<f64>() / count).sqrt()
}

/// Stroke period, samples, from the autocorrelation of the last second: the first lag whose correlation is within a
/// tenth of the best, so that no multiple is taken for the period.
fn rhythm(force_n: &[f64], noise_n: f64, rate_hz: f64) -> Result<f64, Refusal> {
    let tail = &force_n[force_n.len().saturating_sub(rate_hz as usize)..];
    let peak = tail.iter().fold(0.0_f64, |a, b| a.max(*b));
    if peak < 2.0 * TOUCH_NOISE * noise_n {
        let message = format!(
            "no stroke touched the phantom at the end of the stand-off scan: the largest force is {peak:.4} N, the \
             noise {noise_n:.4} N; let the scan end closer to the face, and check that the pen runs"
        );
        return Err(refusal("no-contact", message));
    }
    let mean = tail.iter().sum::<f64>() / tail.len() as f64;
    let centred: Vec<f64> = tail.iter().map(|f| f - mean).collect();
    let (shortest, longest) = ((rate_hz / STROKE_HZ.1) as usize, (rate_hz / STROKE_HZ.0) as usize);
    let longest = longest.min(centred.len() / 2);
    let power: f64 = centred.iter().map(|f| f * f).sum::<f64>() / centred.len() as f64;
    let at = |lag: usize| -> f64 {
        centred.iter().zip(&centred[lag..]).map(|(a, b)| a * b).sum::<f64>() / (centred.len() - lag) as f64 / power
    };
    let correlation: Vec<f64> = (0..=longest + 1).map(at).collect();
    let local = |k: &usize| correlation[*k] >= correlation[k - 1] && correlation[*k] > correlation[k + 1];
    let best = (shortest.max(1)..=longest).filter(local).map(|k| correlation[k]).fold(0.0, f64::max);
    if best < 0.3 {
        let message = format!(
            "the force at the end of the stand-off scan has no rhythm between {} and {} strokes/s (correlation \
             {best:.2}, at least 0.3 is needed); check that the pen runs and does not stall",
            STROKE_HZ.0, STROKE_HZ.1
        );
        return Err(refusal("no-rhythm", message));
    }
    let lag = (shortest.max(1)..=longest).filter(local).find(|k| correlation[*k] > best - 0.1).unwrap_or(longest);
    let [a, b, c] = [correlation[lag - 1], correlation[lag], correlation[lag + 1]];
    Ok(lag as f64 + 0.5 * (a - c) / (a - 2.0 * b + c))
}

/// Number of strokes from the first touch until most of them (eight of fifteen) enter, and the force at which they
/// do: the largest running median (of nine) of the peaks until then.
fn puncture(shapes: &[Shape]) -> (usize, f64) {
    let entering = |from: usize| shapes[from..].iter().take(15).filter(|shape| !shape.reversible).count();
    let touches = (0..shapes.len()).find(|from| entering(*from) >= 8).map_or(shapes.len(), |from| from + 15);
    let peaks: Vec<f64> = shapes.iter().take(touches).map(|shape| shape.peak_n).collect();
    let medians = peaks.windows(9.min(peaks.len().max(1))).map(|near| {
        let mut near = near.to_vec();
        near.sort_unstable_by(f64::total_cmp);
        near[near.len() / 2]
    });
    (touches, medians.fold(0.0, f64::max))
}

impl Scan {
    /// Force at which a stroke of the run is taken to touch, N: clear of the noise and of what is left of the ringing.
    pub fn touch_n(&self) -> f64 {
        (8.0 * self.lens.noise_n).max(0.1 * self.peak_n)
    }

    /// Strokes that passed through the surface and are whole, with the gap at their deepest point, mm.
    pub fn passages(&self, header: &Header, face_mm: f64) -> impl Iterator<Item = (f64, &Shape)> {
        let compliance = header.compliance_mm_per_n;
        self.shapes.iter().filter(|shape| !shape.damaged).filter_map(move |shape| {
            let passage = shape.passage?;
            Some((face_mm - shape.stage_mm + compliance * passage.late_n, shape))
        })
    }

    /// Half of the carriage's stroke, mm, from the phase of contact of strokes that reach well in, for a mean
    /// protrusion.
    fn carriage(&self, header: &Header, face_mm: f64, mean_mm: f64) -> (f64, f64) {
        let mut inner: Vec<(f64, f64)> = self
            .passages(header, face_mm)
            .filter_map(|(gap, shape)| shape.passage.map(|passage| (gap, passage.rise)))
            .collect();
        inner.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        inner.truncate((inner.len() / 3).max(8));
        let mut halves: Vec<f64> = inner.iter().map(|(gap, rise)| (mean_mm - gap) / rise).collect();
        halves.sort_unstable_by(f64::total_cmp);
        match (halves.get(halves.len() / 2), inner.get(inner.len() / 2)) {
            (Some(half), Some((_, rise))) if halves.len() >= 8 && *half > 0.1 => (*half, 0.04 / rise.clamp(0.3, 1.0)),
            // A carriage draws the needles back behind the face by a few tenths of a millimetre.
            _ => (0.5 * header.set_depth_mm.unwrap_or(1.5) + 0.15, 0.15),
        }
    }

    /// The first touches, from clearly above the noise to well below the force at which needles enter.
    fn first_touches(&self, force_n: &[f64], reach: usize, face_mm: f64, setting: &Setting) -> Option<Contact> {
        let lowest = 1.2 * TOUCH_NOISE * setting.noise_n;
        let choose = |share: f64| -> Vec<Pulse> {
            let inside = |shape: &&Shape| shape.peak_n > lowest && shape.peak_n < share * self.puncture_n;
            self.shapes[..self.touches.min(self.shapes.len())]
                .iter()
                .filter(|shape| shape.reversible && !shape.damaged)
                .filter(inside)
                .filter_map(|shape| pulse(shape, force_n, reach, face_mm, setting))
                .collect()
        };
        let few = choose(0.5);
        let pulses = if few.len() >= 12 { few } else { choose(0.75) };
        elastic::fit(&pulses, setting)
    }

    /// The scan by gap, nearest last. Strokes that did not touch are counted by their place in the rhythm.
    pub fn bins(&self, header: &Header, face_mm: f64) -> Vec<ScanBin> {
        let gap = |shape: &Shape| face_mm - shape.stage_mm + header.compliance_mm_per_n * shape.peak_n.max(0.0);
        let mut bins: Vec<ScanBin> = Vec::new();
        let mut group: Vec<(&Shape, u64)> = Vec::new();
        let mut before = 0;
        for (shape, number) in self.shapes.iter().zip(&self.numbers) {
            if group.first().is_some_and(|(first, _)| gap(first) - gap(shape) > BIN_MM) {
                bins.extend(bin(&group, &gap));
                group.clear();
            }
            group.push((shape, if *number == 0 { 1 } else { number - before }));
            before = *number;
        }
        bins.extend(bin(&group, &gap));
        bins
    }
}

fn bin(group: &[(&Shape, u64)], gap: &impl Fn(&Shape) -> f64) -> Option<ScanBin> {
    let touched = group.len() as f64;
    let strokes: u64 = group.iter().map(|(_, strokes)| strokes).sum();
    (!group.is_empty()).then(|| ScanBin {
        gap_mm: group.iter().map(|(shape, _)| gap(shape)).sum::<f64>() / touched,
        strokes,
        touch_share: touched / strokes as f64,
        peak_force_n: group.iter().map(|(shape, _)| shape.peak_n).sum::<f64>() / touched,
    })
}

/// Cuts the force around a touch out of the scan. `force_n[k]` belongs to sample `k + reach`.
fn pulse(shape: &Shape, force_n: &[f64], reach: usize, face_mm: f64, setting: &Setting) -> Option<Pulse> {
    let touch = (shape.touch_samples as usize).checked_sub(reach)?;
    let peak = (shape.peak_samples as usize).checked_sub(reach)?;
    let farthest = (peak + (0.3 * setting.period_samples) as usize).min(force_n.len());
    let end = (peak..farthest).find(|k| force_n[*k] < 2.0 * setting.noise_n)?;
    let window = force_n.get(touch.checked_sub(3)?..end + 3)?;
    Some(Pulse { force_n: window.to_vec(), gap_mm: face_mm - shape.stage_mm })
}
