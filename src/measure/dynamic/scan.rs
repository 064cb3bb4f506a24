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
            crank,
            elastic::{self, Contact},
            follow::Follower,
            grid::Track,
            inverse::Inverse,
            onset::Lag,
            pulses::{Pulse, Setting},
            response::Cell,
            segment,
            stroke::{Carriage, LATE_PERIODS, Lens, Shape},
        },
        screen::median,
    },
};

/// Lowest and highest stroke rate that is looked for, Hz.
pub const STROKE_HZ: (f64, f64) = (20.0, 250.0);
/// Width of a bin of the scan as reported, mm.
const BIN_MM: f64 = 0.02;
/// Touches are seen from this many times the noise.
pub const TOUCH_NOISE: f64 = 6.0;
/// Share of the force at which needles enter up to which all of them only dip.
const ELASTIC_SHARE: f64 = 0.75;
/// Travel over which strokes may have touched before the first that was seen to, mm.
const UNSEEN_MM: f64 = 0.03;
/// Share of the scan's largest force below which nothing is taken for a touch.
const RINGING: f64 = 0.01;

/// How far needles dip before they enter where nothing is known of it, mm.
const DIMPLE_MM: f64 = 0.1;

/// Travel over which the force of strokes that do not enter grows at least by [`GROWTH_MIN`], and the travel whose
/// strokes are looked at together, mm.
const GROWTH_MM: f64 = 0.06;
const NEAR_MM: f64 = 0.04;
/// Growth of an elastic force over [`GROWTH_MM`], at least.
const GROWTH_MIN: f64 = 1.12;

/// Stroke periods before and after contact for which a touch is looked at.
const AROUND_PERIODS: (f64, f64) = (0.08, 0.12);

/// Rounds in which protrusion and carriage settle.
const ROUNDS: usize = 3;

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
    let follow = |level_n: f64, lag: Lag, carriage: Option<Carriage>, background: &Background| {
        let (noise_n, smear_samples) = (background.noise_n, inverse.smear_samples());
        let lens = Lens { period_samples: period, level_n, lag, noise_n, smear_samples, carriage };
        let touch_n = (TOUCH_NOISE * background.noise_n).max(floor_n);
        let mut follower = Follower::new(inverse, lens, touch_n, background.clone(), 0);
        follower.push(track);
        follower.finish();
        (follower.background().clone(), follower.shapes)
    };
    let touch_n = (TOUCH_NOISE * background.noise_n).max(floor_n);
    let (_, shapes) = follow(touch_n, Lag::default(), None, &background);
    let (touches, puncture_n) = puncture(&shapes);
    // Strokes that touched too lightly to be seen are not quiet.
    let first_touch = shapes.first().map_or(0, |shape| {
        let before = &track.stage_mm[..((shape.touch_samples - 0.3 * period) as usize).min(track.stage_mm.len())];
        before.iter().rposition(|stage_mm| *stage_mm < shape.stage_mm - UNSEEN_MM).unwrap_or(0)
    });
    let quiet = force_n.get(..first_touch.saturating_sub(reach)).filter(|quiet| quiet.len() > start);
    let refined = quiet.and_then(|quiet| Background::fit(quiet, reach as f64, rate_hz, told_hz));
    let before = refined.unwrap_or(background);
    let noise_n = before.noise_n;
    let touch_n = (TOUCH_NOISE * noise_n).max(floor_n);
    let level_n = (0.25 * puncture_n).max(touch_n);
    let (background, shapes) = follow(level_n, Lag::default(), None, &before);
    let mut clean_n = force_n;
    before.subtract(reach as f64, &mut clean_n);
    let peak_n = shapes.iter().map(|shape| shape.peak_n).fold(0.0, f64::max);
    let onsets: Vec<f64> = shapes.iter().map(|shape| shape.onset_samples).collect();
    let period = segment::median_period(&onsets).unwrap_or(period);
    let smear_samples = inverse.smear_samples();
    let lag = Lag::default();
    let lens = Lens { period_samples: period, level_n, lag, noise_n, smear_samples, carriage: None };
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
    let quiet = track.force_n.get(..first_touch).filter(|quiet| quiet.len() > start).unwrap_or(&track.force_n[..start]);
    let readings = Background::fit(quiet, 0.0, rate_hz, told_hz)
        .ok_or_else(|| refusal("truncated", format!("the stand-off scan has only {} samples", track.force_n.len())))?;
    let mut readings_n = track.force_n.clone();
    readings.subtract(0.0, &mut readings_n);
    // The carriage's stroke follows from the phase of contact once the protrusion is known, and the other way round;
    // the first is nearly blind to the second, so three rounds settle it.
    let mut mean_mm = scan.shapes.get(2).map_or(0.0, |shape| face_mm - shape.stage_mm);
    for _ in 0..ROUNDS {
        scan.half_stroke = scan.carriage(header, face_mm, mean_mm);
        let setting = Setting {
            period_samples: period,
            cell: header.force.as_ref().map(|channel| Cell::of(channel, rate_hz)),
            noise_n: readings.noise_n,
            compliance_mm_per_n: header.compliance_mm_per_n,
            half_stroke: scan.half_stroke,
            needles: header.needles.unwrap_or(1),
        };
        let pulses = scan.first_touches(&clean_n, &readings_n, reach, face_mm);
        scan.contact = elastic::fit(&pulses, &setting);
        let Some(contact) = &scan.contact else { break };
        mean_mm = contact.protrusion_mm;
        scan.lens.lag = Lag::of(contact, level_n, puncture_n, smear_samples, period);
        scan.lens.carriage = Some(Carriage { touch_mm: face_mm - mean_mm, half_mm: contact.half_stroke_mm });
        (scan.background, scan.shapes) = follow(level_n, scan.lens.lag, scan.lens.carriage, &before);
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

/// Number of strokes from the first touch until needles enter, and the force at which they do: the largest running
/// median (of nine) of the peaks until then. Needles enter where most strokes (eight of fifteen) are no longer their
/// own mirror image, or, where friction is too small to show that, where the force no longer grows with the reach.
fn puncture(shapes: &[Shape]) -> (usize, f64) {
    let entering = |from: usize| shapes[from..].iter().take(15).filter(|shape| !shape.reversible).count();
    let mirrored = (0..shapes.len()).find(|from| entering(*from) >= 8).map_or(shapes.len(), |from| from + 15);
    let touches = plateau(shapes).map_or(mirrored, |plateau| plateau.min(mirrored));
    let peaks: Vec<f64> = shapes.iter().take(touches).map(|shape| shape.peak_n).collect();
    let medians = peaks.windows(9.min(peaks.len().max(1))).map(|near| median(&mut near.to_vec()).unwrap_or(0.0));
    (touches, medians.fold(0.0, f64::max))
}

/// First stroke from which the median peak grows by less than [`GROWTH_MIN`] while the stage rises by
/// [`GROWTH_MM`]; any elastic law grows faster until it is several tenths of a millimetre deep.
fn plateau(shapes: &[Shape]) -> Option<usize> {
    let around = |from: usize, at_mm: f64| -> Option<f64> {
        let near = shapes[from..].iter().skip_while(|shape| shape.stage_mm < at_mm - 0.5 * NEAR_MM);
        let mut peaks: Vec<f64> =
            near.take_while(|shape| shape.stage_mm < at_mm + 0.5 * NEAR_MM).map(|shape| shape.peak_n).collect();
        median(&mut peaks).filter(|_| peaks.len() >= 5)
    };
    let mut begin = 0;
    let level = (0..shapes.len()).find(|at| {
        let here_mm = shapes[*at].stage_mm;
        while shapes[begin].stage_mm < here_mm - NEAR_MM {
            begin += 1;
        }
        let flat = |here: f64, by_mm: f64| around(*at, here_mm + by_mm).is_some_and(|n| n < GROWTH_MIN * here);
        around(begin, here_mm).is_some_and(|here| flat(here, GROWTH_MM) && flat(here, 1.5 * GROWTH_MM))
    })?;
    let until_mm = shapes[level].stage_mm + 0.5 * GROWTH_MM;
    Some(shapes.iter().take_while(|shape| shape.stage_mm < until_mm).count())
}

impl Scan {
    /// Force at which a stroke of the run is taken to touch, N: clear of the noise and of what is left of the ringing.
    pub fn touch_n(&self) -> f64 {
        (8.0 * self.lens.noise_n).max(0.1 * self.peak_n)
    }

    /// Half of the carriage's stroke, mm, and its relative standard uncertainty, for a mean protrusion.
    fn carriage(&self, header: &Header, face_mm: f64, mean_mm: f64) -> (f64, f64) {
        // Onset and exit are without force, so the surface is where the stage has it.
        let seen = |shape: &Shape| {
            let passage = shape.passage.filter(|_| !shape.damaged)?;
            passage.exit.map(|exit| (face_mm - shape.stage_mm, exit.rise))
        };
        let strokes: Vec<(f64, f64)> = self.shapes.iter().filter_map(seen).collect();
        let radians = std::f64::consts::TAU * self.lens.smear_samples / self.lens.period_samples;
        let dimple_mm = self.contact.as_ref().map_or(DIMPLE_MM, |contact| contact.indentation_mm(self.puncture_n));
        // A carriage draws the needles back behind the face by a few tenths of a millimetre.
        let guess = || (0.5 * header.set_depth_mm.unwrap_or(1.5) + 0.15, 0.15);
        crank::half_stroke(strokes, mean_mm, (radians, dimple_mm)).unwrap_or_else(guess)
    }

    /// The first touches, from clearly above the noise to below the force at which needles enter.
    fn first_touches(&self, force_n: &[f64], readings_n: &[f64], reach: usize, face_mm: f64) -> Vec<Pulse> {
        let lowest = 1.2 * TOUCH_NOISE * self.lens.noise_n;
        let inside = |shape: &&Shape| shape.peak_n > lowest && shape.peak_n < ELASTIC_SHARE * self.puncture_n;
        self.shapes[..self.touches.min(self.shapes.len())]
            .iter()
            .filter(|shape| shape.reversible && !shape.damaged)
            .filter(inside)
            .filter_map(|shape| pulse(shape, (force_n, readings_n), reach, face_mm, &self.lens))
            .collect()
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

/// Cuts a touch out of the scan: readings from a while before contact until the cell has come to rest. `force_n[k]`
/// belongs to sample `k + reach`.
fn pulse(
    shape: &Shape,
    (force_n, readings_n): (&[f64], &[f64]),
    reach: usize,
    face_mm: f64,
    lens: &Lens,
) -> Option<Pulse> {
    let touch = (shape.touch_samples as usize).checked_sub(reach)?;
    let peak = (shape.peak_samples as usize).checked_sub(reach)?;
    let farthest = (peak + (0.3 * lens.period_samples) as usize).min(force_n.len());
    let end = (peak..farthest).find(|k| force_n[*k] < 2.0 * lens.noise_n)?;
    let (before, after) = (AROUND_PERIODS.0 * lens.period_samples, AROUND_PERIODS.1 * lens.period_samples);
    let first = (touch + reach).checked_sub(before.ceil() as usize)?;
    let reading_n = readings_n.get(first..end + reach + after.ceil() as usize)?.to_vec();
    let half = (touch..end).filter(|k| force_n[*k] > 0.5 * shape.peak_n).count() as f64;
    let top = ((peak + reach - first) as f64, shape.peak_n, half);
    Some(Pulse { reading_n, gap_mm: face_mm - shape.stage_mm, top })
}
