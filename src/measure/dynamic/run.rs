//! The run: every stroke's protrusion and penetration, rate, jitter, missed strokes.
//!
//! The scan gives the mean and the map ([`average`](crate::measure::dynamic::average)); here each stroke gets its
//! distance from the mean, from its late force.
//!
//! Deliberately absent: the streaming, which is [`crate::measure::dynamic::follow`].

use crate::{
    capture::Header,
    measure::{
        Dynamic, Refusal, Stroke,
        dynamic::{
            average::{Average, variance},
            count::{Count, STROKES_MIN, Seen},
            follow::Follower,
            map::Map,
            scan::Scan,
            stroke::{Passage, Shape},
        },
    },
    uncertainty::Measured,
};

/// Ratio of the variances of reach by force and by geometry that a score of first touches shows by chance once in a
/// thousand.
const SCATTER_RATIO_MAX: f64 = 3.0;

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
}

/// A stroke that passed through the surface, whole.
struct Passed {
    gap_mm: f64,
    passage: Passage,
}

impl Run<'_> {
    /// All measurands.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where too few strokes were seen, in the scan or in the run, or where the pen stalled.
    pub fn measure(&self) -> Result<Dynamic, Refusal> {
        let start = self.first as f64;
        let shapes = &self.follower.shapes;
        let onset_samples: Vec<f64> = shapes.iter().map(|shape| shape.onset_samples - start).collect();
        let damage: Vec<(f64, f64)> =
            self.follower.damage.iter().map(|(a, b)| (*a as f64 - start, *b as f64 - start)).collect();
        let seen = Seen {
            onset_samples: &onset_samples,
            samples: self.follower.samples,
            begins_in_contact: self.follower.begins_in_contact,
            damage: &damage,
            rate_hz: self.rate_hz,
        };
        let count = Count::of(&seen)?;
        let contact = self.scan.contact.as_ref().ok_or_else(|| too_few("first touches in the scan", 0, 3))?;
        let passed: Vec<Option<Passed>> = shapes.iter().map(|shape| self.passed(shape)).collect();
        let whole: Vec<&Passed> = passed.iter().flatten().collect();
        if whole.len() < STROKES_MIN {
            return Err(too_few("strokes of the run", whole.len(), STROKES_MIN));
        }
        let gap_mm = mean(&whole, |stroke| stroke.gap_mm);
        let late_n = mean(&whole, |stroke| stroke.passage.late_n);
        let map = self.map(&whole, gap_mm, contact.half_stroke_mm)?;
        let apart = |stroke: &Passed| (stroke.passage.late_n - late_n) / map.slope_n_per_mm + stroke.gap_mm - gap_mm;
        let relative_mm: Vec<f64> = whole.iter().map(|stroke| apart(stroke)).collect();
        let average = Average {
            header: self.header,
            face_mm: self.face_mm,
            contact,
            map: &map,
            gap_mm,
            late_n,
            relative_mm: &relative_mm,
        };
        let protrusion = average.protrusion();
        let top_n = median(whole.iter().map(|stroke| stroke.passage.top_n).collect());
        let dimple_mm = average
            .dimple_mm(&self.follower.unloading, top_n)
            .ok_or_else(|| too_few("strokes with an unloading", 0, STROKES_MIN))?;
        let penetration = average.penetration(&protrusion, dimple_mm);
        // A stroke that reaches further stretches the phantom in proportion to its force.
        let reach = |stroke: &Passed| {
            let protrusion_mm = protrusion.value + apart(stroke);
            let dimple_mm = dimple_mm.0 * stroke.passage.late_n / late_n;
            (protrusion_mm, (protrusion_mm - stroke.gap_mm - dimple_mm).max(0.0))
        };
        let noise_mm = late_noise_mm(
            self.scan.late_noise_n / map.slope_n_per_mm,
            variance(&relative_mm),
            contact.scatter_mm.powi(2),
        );
        let without_noise = |values: &[f64]| (variance(values) - noise_mm.powi(2)).max(0.0).sqrt();
        let buried_mm: Vec<f64> = whole.iter().map(|stroke| reach(stroke).1).collect();
        let periods_s = count.periods_s(&seen);
        let reached: Vec<Option<(f64, f64)>> = passed.iter().map(|stroke| stroke.as_ref().map(reach)).collect();
        // An onset is timed where the force crosses the level; its slope there is about the level over a sample.
        let timing_s = self.scan.lens.noise_n / self.scan.lens.level_n / self.rate_hz;
        Ok(Dynamic {
            face_mm: self.face_mm.clone(),
            stroke_rate_hz: count.rate(&seen, variance(&periods_s).sqrt()),
            period_jitter_s: (variance(&periods_s) - 2.0 * timing_s.powi(2)).max(0.0).sqrt(),
            protrusion_sd_mm: without_noise(&relative_mm),
            protrusion_mm: protrusion,
            penetration_sd_mm: without_noise(&buried_mm),
            penetration_mm: penetration,
            missed: count.missed(),
            strokes: self.strokes(&count, &onset_samples, &reached, noise_mm),
            scan: self.scan.bins(self.header, self.face_mm.value),
        })
    }

    fn gap_mm(&self, shape: &Shape) -> f64 {
        let force_n = shape.passage.map_or(shape.peak_n, |passage| passage.late_n);
        self.face_mm.value - shape.stage_mm + self.header.compliance_mm_per_n * force_n
    }

    fn passed(&self, shape: &Shape) -> Option<Passed> {
        let passage = shape.passage.filter(|_| !shape.damaged)?;
        Some(Passed { gap_mm: self.gap_mm(shape), passage })
    }

    /// The map from the scan, its slope joined with the friction of the run.
    fn map(&self, whole: &[&Passed], gap_mm: f64, half_stroke_mm: f64) -> Result<Map, Refusal> {
        let scanned: Vec<(f64, f64)> = self
            .scan
            .shapes
            .iter()
            .filter_map(|shape| self.passed(shape))
            .map(|stroke| (stroke.gap_mm, stroke.passage.late_n))
            .collect();
        let friction_n = median(whole.iter().map(|stroke| stroke.passage.friction_n).collect());
        let friction_n_per_mm = friction_n / half_stroke_mm;
        Map::fit(&scanned, gap_mm)
            .map(|map| map.joined(friction_n_per_mm))
            .or_else(|| Map::with_slope(&scanned, friction_n_per_mm))
            .ok_or_else(|| too_few("strokes of the scan", scanned.len(), 10))
    }

    /// Every stroke of the run in order, holes included.
    fn strokes(
        &self,
        count: &Count,
        onset_samples: &[f64],
        reached: &[Option<(f64, f64)>],
        noise_mm: f64,
    ) -> Vec<Stroke> {
        let start_s = |samples: f64| self.start_s + samples.max(0.0) / self.rate_hz;
        let touched = count.numbers.iter().enumerate().map(|(k, number)| {
            let next = (count.numbers.get(k + 1) == Some(&(number + 1))).then(|| onset_samples[k + 1]);
            Stroke {
                stroke: *number,
                start_s: start_s(onset_samples[k]),
                period_s: next.map_or(count.period_samples, |next| next - onset_samples[k]) / self.rate_hz,
                peak_force_n: self.follower.shapes[k].peak_n,
                protrusion_mm: reached[k].map(|(protrusion_mm, _)| protrusion_mm),
                protrusion_u_mm: reached[k].map(|_| noise_mm),
                penetration_mm: reached[k].map(|(_, penetration_mm)| penetration_mm),
                penetration_u_mm: reached[k].map(|_| noise_mm),
                missed: false,
            }
        });
        let holes = count.holes.iter().map(|(number, onset, missed)| Stroke {
            stroke: *number,
            start_s: start_s(*onset),
            period_s: count.period_samples / self.rate_hz,
            peak_force_n: 0.0,
            protrusion_mm: None,
            protrusion_u_mm: None,
            penetration_mm: None,
            penetration_u_mm: None,
            missed: *missed,
        });
        let mut strokes: Vec<Stroke> = touched.chain(holes).collect();
        strokes.sort_by_key(|stroke| stroke.stroke);
        strokes
    }
}

/// Noise of a stroke's reach from its late force, mm: that of the channel, and, where the late force scatters far more
/// than the protrusion of the first touches does (a phantom whose toughness differs from site to site), the excess.
/// The first touches are the witness because they are measured by geometry and not by force.
fn late_noise_mm(channel_mm: f64, variance_mm2: f64, touches_mm2: f64) -> f64 {
    let excess = if variance_mm2 > SCATTER_RATIO_MAX * touches_mm2 { variance_mm2 - touches_mm2 } else { 0.0 };
    channel_mm.max(excess.sqrt())
}

fn too_few(what: &str, found: usize, least: usize) -> Refusal {
    let message = format!(
        "only {found} {what} could be used, at least {least} are needed: let the scan rise more slowly and end closer \
         to the face, and check that the needles enter the phantom"
    );
    Refusal { code: "no-passage".to_owned(), message }
}

fn mean(strokes: &[&Passed], value: impl Fn(&Passed) -> f64) -> f64 {
    strokes.iter().map(|stroke| value(stroke)).sum::<f64>() / strokes.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::late_noise_mm;

    #[test]
    fn a_tough_patchwork_is_noise_and_not_protrusion() {
        assert_eq!(late_noise_mm(0.002, 0.02_f64.powi(2), 0.018_f64.powi(2)), 0.002);
        let noise = late_noise_mm(0.002, 0.1_f64.powi(2), 0.02_f64.powi(2));
        assert!((0.01 - noise * noise - 0.02_f64.powi(2)).abs() < 1e-12);
    }
}
