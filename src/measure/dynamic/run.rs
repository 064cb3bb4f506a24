//! The run: every stroke's protrusion and penetration, rate, missed strokes.
//!
//! The scan gives the mean protrusion and the map; the run gives each stroke's distance from the mean of the run. A
//! pen goes on from the scan into the run unchanged, so both have one mean, but for a drift that the run itself
//! shows; the map, carried beyond the gaps of the scan, is the witness.
//!
//! Deliberately absent: the streaming, which is [`crate::measure::dynamic::follow`].

use crate::{
    capture::Header,
    measure::{
        Dynamic, Refusal, Stroke,
        dynamic::{elastic::Contact, follow::Follower, map::Map, scan::Scan, segment, stroke::Shape},
    },
    uncertainty::{Budget, Measured},
};

/// Share of a period by which the run must outlast the place of a stroke for it to be called missed.
const MISSED_MARGIN: f64 = 0.08;
/// Part of the first period that a stroke takes under which the run began, at least.
const BEGUN_PERIODS: f64 = 0.5;
/// Strokes that must have passed through the surface.
const STROKES_MIN: usize = 20;
/// How well a pen keeps its mean protrusion from the scan into the run, mm.
const STEADY_MM: f64 = 0.004;
/// Model of first contact (law of the phantom, needle heights, kinematics near top dead centre), mm: from worlds of
/// other laws, [D].
const MODEL_MM: f64 = 0.006;
/// Standard uncertainty from heights that are not spread as their order statistics expect, in SDs of the heights.
const HEIGHTS_SHARE: f64 = 0.4;
/// Standard uncertainty for each prior SD by which the exponent lies outside its usual range, mm.
const UNUSUAL_MM: f64 = 0.02;
/// Relative standard uncertainty of the dimple as the stretch of the unloading: from worlds of other laws, [D].
const DIMPLE_RELATIVE: f64 = 0.05;
/// Share of the force of cutting that stretches the phantom, and its standard uncertainty: from captures of another
/// world, where it came out between 0 and 0.6, [D].
const CUTTING_SHARE: (f64, f64) = (0.3, 0.35);
/// Variance of a mean of strokes over that of independent ones: neighbours resemble each other (lag-1 correlation
/// up to 0.4 in pens, [D]).
const CORRELATED: f64 = 1.8;

/// What is known of the capture when the run has been followed.
#[derive(Debug)]
pub struct Run<'a> {
    /// The capture's header.
    pub header: &'a Header,
    /// Measured sample rate, Hz.
    pub rate_hz: f64,
    /// Start of the run, s since the capture began.
    pub start_s: f64,
    /// Sample at which the run begins, counted from the start of the scan.
    pub first: usize,
    /// Face position, mm.
    pub face_mm: &'a Measured,
    /// The scan before it.
    pub scan: &'a Scan,
    /// The run, followed to its end.
    pub follower: &'a Follower<'a>,
    /// Longest pause of the strokes, s.
    pub pause_s_max: f64,
}

/// Strokes that passed through the surface.
struct Passed {
    gap_mm: f64,
    late_n: f64,
}

impl Run<'_> {
    /// All measurands.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where too few strokes were seen, in the scan or in the run.
    pub fn measure(&self) -> Result<Dynamic, Refusal> {
        let onsets: Vec<f64> = self.follower.shapes.iter().map(|shape| shape.onset_samples).collect();
        let period = segment::median_period(&onsets).filter(|_| onsets.len() >= STROKES_MIN).ok_or_else(|| {
            let message = format!(
                "{} strokes touched in the run, at least {STROKES_MIN} are needed; run longer, and check that the pen \
                 runs and the phantom is in reach",
                onsets.len()
            );
            Refusal { code: "too-few-strokes".to_owned(), message }
        })?;
        let numbers = segment::number(&onsets, period);
        let (first, last) = (onsets[0] - self.first as f64, onsets[onsets.len() - 1] - self.first as f64);
        let room = |samples: f64| (samples / period - MISSED_MARGIN).floor().max(0.0) as u64;
        let first = if self.follower.begins_in_contact { first - BEGUN_PERIODS * period } else { first };
        let (head, tail) = (room(first), room(self.follower.samples as f64 - last));
        let total = head + numbers[numbers.len() - 1] + 1 + tail;

        let contact = self.scan.contact.as_ref().ok_or_else(|| no_passage("first touches in the scan", 0, 3))?;
        let passed: Vec<Option<Passed>> = self.follower.shapes.iter().map(|shape| self.passed(shape)).collect();
        let whole: Vec<&Passed> = passed.iter().flatten().collect();
        if whole.len() < STROKES_MIN {
            return Err(no_passage("strokes of the run", whole.len(), STROKES_MIN));
        }
        let gap_mm = mean(whole.iter().map(|stroke| stroke.gap_mm));
        let late_n = mean(whole.iter().map(|stroke| stroke.late_n));
        let scanned: Vec<(f64, f64)> = self
            .scan
            .shapes
            .iter()
            .filter_map(|shape| Some((self.gap_mm(shape), shape.passage.filter(|_| !shape.damaged)?.late_n)))
            .collect();
        let friction_n = median(self.follower.shapes.iter().filter_map(|shape| Some(shape.passage?.friction_n)).collect());
        let friction_n_per_mm = friction_n / contact.half_stroke_mm;
        let map = Map::fit(&scanned, gap_mm)
            .map(|map| map.joined(friction_n_per_mm))
            .or_else(|| Map::with_slope(&scanned, friction_n_per_mm))
            .ok_or_else(|| no_passage("strokes of the scan", scanned.len(), 16))?;
        let deviation = |stroke: &Passed| (stroke.late_n - late_n) / map.slope_n_per_mm;
        let noise_mm = self.scan.late_noise_n / map.slope_n_per_mm;

        let relative: Vec<f64> = whole.iter().map(|stroke| deviation(stroke) + stroke.gap_mm - gap_mm).collect();
        let protrusion = self.mean_protrusion(contact, &map, gap_mm, late_n, &relative);
        let (dimple_mm, dimple_u_mm) = self.dimple(contact.half_stroke_mm)?;
        let penetration = self.mean_penetration(&protrusion, gap_mm, (dimple_mm, dimple_u_mm), late_n);
        let mut strokes = Vec::with_capacity(total as usize);
        let mut buried = Vec::with_capacity(whole.len());
        for (k, shape) in self.follower.shapes.iter().enumerate() {
            let own = passed[k].as_ref().map(|stroke| {
                let protrusion_mm = protrusion.value + deviation(stroke) + stroke.gap_mm - gap_mm;
                (protrusion_mm, (protrusion_mm - stroke.gap_mm - dimple_mm * stroke.late_n / late_n).max(0.0))
            });
            buried.extend(own.map(|(_, penetration_mm)| penetration_mm));
            let next = onsets.get(k + 1).copied().filter(|_| numbers[k + 1] == numbers[k] + 1);
            strokes.push(Stroke {
                stroke: head + numbers[k],
                start_s: self.start_s + (onsets[k] - self.first as f64) / self.rate_hz,
                period_s: next.map_or(period, |next| next - onsets[k]) / self.rate_hz,
                peak_force_n: shape.peak_n,
                protrusion_mm: own.map(|(value, _)| value),
                protrusion_u_mm: own.map(|_| noise_mm),
                penetration_mm: own.map(|(_, value)| value),
                penetration_u_mm: own.map(|_| noise_mm),
                missed: false,
            });
        }
        let strokes = with_missed(strokes, total, period / self.rate_hz, self.start_s);
        let periods: Vec<f64> = (1..onsets.len())
            .filter(|k| numbers[*k] == numbers[k - 1] + 1)
            .map(|k| (onsets[k] - onsets[k - 1]) / self.rate_hz)
            .collect();
        let timing_s = self.scan.lens.noise_n / self.scan.lens.level_n / self.rate_hz;
        Ok(Dynamic {
            face_mm: self.face_mm.clone(),
            stroke_rate_hz: self.rate(&onsets, &numbers, sd(&periods)),
            period_jitter_s: (variance(&periods) - 2.0 * timing_s.powi(2)).max(0.0).sqrt(),
            protrusion_sd_mm: (variance(&relative) - noise_mm.powi(2)).max(0.0).sqrt(),
            protrusion_mm: protrusion,
            penetration_sd_mm: (variance(&buried) - noise_mm.powi(2)).max(0.0).sqrt(),
            penetration_mm: penetration,
            missed: total - numbers.len() as u64,
            strokes,
            scan: self.scan.bins(self.header, self.face_mm.value),
        })
    }

    fn gap_mm(&self, shape: &Shape) -> f64 {
        let force_n = shape.passage.map_or(shape.peak_n, |passage| passage.late_n);
        self.face_mm.value - shape.stage_mm + self.header.compliance_mm_per_n * force_n
    }

    fn passed(&self, shape: &Shape) -> Option<Passed> {
        let passage = shape.passage.filter(|_| !shape.damaged)?;
        Some(Passed { gap_mm: self.gap_mm(shape), late_n: passage.late_n })
    }

    /// Depression of the phantom's surface under the needles at full extension, mm, and its standard uncertainty: the
    /// elastic stretch of the unloading (Oliver and Pharr 1992) less that of the load path, which the carriage
    /// unloads in series.
    fn dimple(&self, half_mm: f64) -> Result<(f64, f64), Refusal> {
        let (level_n, amplitude_n) =
            self.follower.unloading.line().ok_or_else(|| no_passage("strokes with an unloading", 0, STROKES_MIN))?;
        let top_n = median(self.follower.shapes.iter().filter_map(|shape| Some(shape.passage?.top_n)).collect());
        // Part of the force at the top is still cutting, which does not stretch the phantom; how much is not seen.
        let cutting_n = (top_n - level_n).max(0.0);
        let force_n = level_n + CUTTING_SHARE.0 * cutting_n;
        let give_mm = half_mm / amplitude_n;
        let dimple_mm = (force_n * (give_mm - self.header.compliance_mm_per_n)).max(0.0);
        Ok((dimple_mm, (CUTTING_SHARE.1 * cutting_n * give_mm).hypot(DIMPLE_RELATIVE * dimple_mm).max(0.004)))
    }

    /// Mean protrusion of the run: that of the first touches, moved by what drift and map say.
    fn mean_protrusion(
        &self,
        contact: &Contact,
        map: &Map,
        gap_mm: f64,
        late_n: f64,
        relative: &[f64],
    ) -> Measured {
        let scatter = variance(relative).max(1e-9).sqrt();
        let count = relative.len() as f64;
        // Drift over the run, and how well it is known.
        let line = slope(relative) * count;
        let line_u = (12.0 * CORRELATED / count).sqrt() * scatter;
        let drift = if line.abs() > 3.0 * line_u { line } else { 0.0 };
        let steady_u = STEADY_MM.hypot(0.3 * drift).hypot(scatter * (CORRELATED / count).sqrt());
        // The map, beyond the scan.
        let shift = (late_n - map.at(gap_mm)) / map.slope_n_per_mm;
        let map_u = (map.u_at(gap_mm).hypot(0.5 * map.curvature_n) / map.slope_n_per_mm).hypot(0.015);
        let (steady_weight, map_weight) = (steady_u.powi(-2), map_u.powi(-2));
        let moved = (0.5 * drift * steady_weight + shift * map_weight) / (steady_weight + map_weight);
        let apart = (shift - 0.5 * drift).abs();
        // Where the two contradict each other, neither can be told to be right.
        let doubt = if apart > 3.0 * map_u.hypot(steady_u) { 0.5 * apart } else { 0.0 };
        let pulses = contact.pulses as f64;
        let mut budget = Budget::default();
        let early = scatter.max(contact.scatter_mm);
        budget.random("scatter of the first touches", early * (CORRELATED / pulses).sqrt(), Some(pulses - 1.0));
        budget.random("law of first contact", contact.law_u_mm, Some(pulses));
        budget.common("model of first contact", MODEL_MM, None);
        budget.common("heights of the foremost needles", HEIGHTS_SHARE * contact.spread_mm * f64::from(self.header.needles.unwrap_or(1).saturating_sub(1).min(1)), None);
        budget.common("law outside the usual range", contact.unusual() * UNUSUAL_MM, None);
        budget.random("first touches against run", if contact.scatter_mm > 1.6 * scatter { contact.scatter_mm } else { 0.0 }, None);
        budget.random("from the scan to the run", (steady_weight + map_weight).powf(-0.5), None);
        budget.random("drift against map", doubt, None);
        budget.common("face position", self.face_mm.u(), self.face_mm.budget.dof());
        budget.common("encoder", self.encoder_u_mm(), None);
        Measured::new(contact.protrusion_mm + moved, budget)
    }

    fn mean_penetration(&self, protrusion: &Measured, gap_mm: f64, dimple_mm: (f64, f64), force_n: f64) -> Measured {
        let compliance_u = self.header.compliance_u_mm_per_n.unwrap_or(0.03 * self.header.compliance_mm_per_n);
        let mut budget = protrusion.budget.clone();
        budget.random("dimple from unloading", dimple_mm.1, Some(10.0));
        // Gap and dimple both contain the load path's deflection, with opposite signs: it cancels but for its model.
        budget.common("compliance", 0.3 * compliance_u * force_n, None);
        Measured::new((protrusion.value - gap_mm - dimple_mm.0).max(0.0), budget)
    }

    fn encoder_u_mm(&self) -> f64 {
        let stage = self.header.stage.as_ref();
        let resolution = stage.map_or(0.0, |stage| stage.resolution_mm) / 12.0_f64.sqrt();
        resolution.hypot(stage.and_then(|stage| stage.scale_u_mm).unwrap_or(0.0))
    }

    /// Strokes per second between the first and the last onset.
    fn rate(&self, onsets: &[f64], numbers: &[u64], jitter_s: f64) -> Measured {
        let strokes = (numbers[numbers.len() - 1] - numbers[0]) as f64;
        let seconds = (onsets[onsets.len() - 1] - onsets[0]) / self.rate_hz;
        let rate = strokes / seconds;
        let mut budget = Budget::default();
        budget.random("first and last onset", rate * std::f64::consts::SQRT_2 * jitter_s / seconds, Some(strokes));
        budget.common("sample clock", rate * 5e-6, None);
        Measured::new(rate, budget)
    }
}

fn no_passage(what: &str, found: usize, least: usize) -> Refusal {
    let message = format!(
        "only {found} {what} could be used, at least {least} are needed: let the scan rise more slowly and end closer to \
         the face, and check that the needles enter the phantom"
    );
    Refusal { code: "no-passage".to_owned(), message }
}

/// Puts a missed stroke into every hole of the numbers.
fn with_missed(seen: Vec<Stroke>, total: u64, period_s: f64, start_s: f64) -> Vec<Stroke> {
    let mut all: Vec<Stroke> = Vec::with_capacity(total as usize);
    let mut missed = |all: &mut Vec<Stroke>, until: u64| {
        while (all.len() as u64) < until {
            let start_s = all.last().map_or(start_s, |before| before.start_s + period_s);
            all.push(Stroke {
                stroke: all.len() as u64,
                start_s,
                period_s,
                peak_force_n: 0.0,
                protrusion_mm: None,
                protrusion_u_mm: None,
                penetration_mm: None,
                penetration_u_mm: None,
                missed: true,
            });
        }
    };
    for stroke in seen {
        missed(&mut all, stroke.stroke);
        all.push(stroke);
    }
    missed(&mut all, total);
    all
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values.iter().copied());
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

fn sd(values: &[f64]) -> f64 {
    variance(values).sqrt()
}

/// Slope of the least-squares line over the index.
fn slope(values: &[f64]) -> f64 {
    let centre = 0.5 * (values.len() as f64 - 1.0);
    let (top, bottom) = values.iter().enumerate().fold((0.0, 0.0), |(top, bottom), (k, value)| {
        let at = k as f64 - centre;
        (top + at * value, bottom + at * at)
    });
    top / bottom
}
