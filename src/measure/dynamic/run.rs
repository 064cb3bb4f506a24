//! The run: every stroke's protrusion and penetration, rate, jitter, missed strokes.
//!
//! The scan gives the mean and the map ([`average`]); here each stroke gets its
//! distance from the mean, from its late force.
//!
//! Deliberately absent: the streaming, which is [`crate::measure::dynamic::follow`].

use crate::{
    capture::Header,
    measure::{
        Dynamic, Refusal, Stroke,
        dynamic::{
            average::{self, Average, Dimple, slope, variance},
            count::{Count, STROKES_MIN, Seen},
            elastic::Contact,
            follow::Follower,
            map::Map,
            pulses::CORRELATED,
            scan::Scan,
            spread::Spread,
            stroke::{LATE_PERIODS, Passage, Shape, Unloading},
        },
        screen::median,
    },
    uncertainty::Measured,
};

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

/// How the strokes of the run meet the phantom.
enum Regime {
    /// Needles enter, and most strokes show how they come out again.
    Entered,
    /// Needles enter, which the mean stroke alone shows: its growth of sliding friction, N per half stroke, and its
    /// unloading.
    Faint(f64, Unloading),
    /// No needle enters: the mean stroke is its own mirror image.
    Elastic,
}

impl Regime {
    fn of(passed: &[Option<Passed>], follower: &Follower<'_>) -> Result<Self, Refusal> {
        let seen = passed.iter().flatten().filter(|stroke| stroke.passage.exit.is_some()).count();
        let all = passed.iter().flatten().count();
        if 2 * seen >= all && seen >= STROKES_MIN {
            return Ok(Self::Entered);
        }
        let (mean, unloading) = follower.mean_shape().ok_or_else(|| too_few("strokes of the run", 0, STROKES_MIN))?;
        match mean.passage.and_then(|passage| passage.exit) {
            Some(exit) => Ok(Self::Faint(exit.friction_n, unloading)),
            None if mean.reversible => Ok(Self::Elastic),
            None => Err(too_few("strokes of the run", seen, STROKES_MIN)),
        }
    }
}

/// Strokes of the scan with an exit on which the map rests alone.
const MAP_STROKES_MIN: usize = 16;

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
            ends_in_contact: self.follower.ends_in_contact,
            damage: &damage,
            rate_hz: self.rate_hz,
        };
        let count = Count::of(&seen)?;
        let contact = self.scan.contact.as_ref().ok_or_else(|| too_few("first touches in the scan", 0, 3))?;
        let mut passed: Vec<Option<Passed>> = shapes.iter().map(|shape| self.passed(shape)).collect();
        let regime = Regime::of(&passed, self.follower)?;
        if let Regime::Entered = regime {
            passed.iter_mut().for_each(|stroke| *stroke = stroke.take().filter(|stroke| stroke.passage.exit.is_some()));
        }
        let whole: Vec<&Passed> = passed.iter().flatten().collect();
        if whole.len() < STROKES_MIN {
            return Err(too_few("strokes of the run", whole.len(), STROKES_MIN));
        }
        let gap_mm = mean(&whole, |stroke| stroke.gap_mm);
        let late_n = mean(&whole, |stroke| stroke.passage.late_n);
        let map = self.map(&regime, &whole, contact, gap_mm)?;
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
        let dimple = match regime {
            // Nothing entered: the surface goes wherever the foremost tip goes.
            Regime::Elastic => Dimple { mm: protrusion.value - gap_mm, u_mm: 0.0, rebound_mm: 0.0 },
            _ => {
                let top_n =
                    median(&mut whole.iter().map(|stroke| stroke.passage.top_n).collect::<Vec<_>>()).unwrap_or(0.0);
                let unloading = match &regime {
                    Regime::Faint(_, unloading) => unloading,
                    _ => &self.follower.unloading,
                };
                average.dimple(unloading, top_n).ok_or_else(|| too_few("strokes with an unloading", 0, STROKES_MIN))?
            }
        };
        if protrusion.u() > U_MAX_MM.max(U_SHARE_MAX * protrusion.value) {
            return Err(too_uncertain(&protrusion));
        }
        let penetration = match regime {
            Regime::Elastic => average.not_entered(),
            _ => average.penetration(&protrusion, &dimple),
        };
        // A stroke that reaches further stretches the phantom in proportion to its force.
        let reach = |stroke: &Passed| {
            let protrusion_mm = protrusion.value + apart(stroke);
            let sunk_mm = match regime {
                Regime::Elastic => f64::INFINITY,
                _ => (dimple.mm - dimple.rebound_mm) * stroke.passage.late_n / late_n,
            };
            (protrusion_mm, (protrusion_mm - stroke.gap_mm - sunk_mm).max(0.0))
        };
        let channel_n = self.follower.late_noise_n().unwrap_or(self.scan.late_noise_n);
        let noise_mm = late_noise_mm(channel_n / map.slope_n_per_mm, steady_variance(&relative_mm), contact);
        let spread = self.spread(contact, &relative_mm, noise_mm, protrusion.value - gap_mm);
        // Penetration follows protrusion, less what the surface gives.
        let buried_mm: Vec<f64> = whole.iter().map(|stroke| reach(stroke).1).collect();
        let followed = (variance(&buried_mm) / variance(&relative_mm).max(1e-12)).sqrt();
        let periods_s = count.periods_s(&seen);
        let reached: Vec<Option<(f64, f64)>> = passed.iter().map(|stroke| stroke.as_ref().map(reach)).collect();
        // An onset is timed where the force crosses the level; its slope there is about the level over a sample.
        let timing_s = self.scan.lens.noise_n / self.scan.lens.level_n / self.rate_hz;
        Ok(Dynamic {
            face_mm: self.face_mm.clone(),
            stroke_rate_hz: count.rate(&seen, variance(&periods_s).sqrt()),
            period_jitter_s: (variance(&periods_s) - 2.0 * timing_s.powi(2)).max(0.0).sqrt(),
            protrusion_sd_mm: spread.sd_mm,
            protrusion_sd_u_mm: spread.u_mm,
            protrusion_mm: protrusion,
            penetration_sd_mm: followed * spread.sd_mm,
            penetration_sd_u_mm: followed * spread.u_mm,
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

    /// The map from the scan: its slope joined with the friction of the run, or that of the elastic law.
    fn map(&self, regime: &Regime, whole: &[&Passed], contact: &Contact, gap_mm: f64) -> Result<Map, Refusal> {
        let all: Vec<Passed> = self.scan.shapes.iter().filter_map(|shape| self.passed(shape)).collect();
        let with_exit = all.iter().filter(|stroke| stroke.passage.exit.is_some()).count();
        let only_exits = matches!(regime, Regime::Entered) && with_exit >= MAP_STROKES_MIN;
        let scanned: Vec<(f64, f64)> = all
            .iter()
            .filter(|stroke| !only_exits || stroke.passage.exit.is_some())
            .map(|stroke| (stroke.gap_mm, stroke.passage.late_n))
            .collect();
        let friction_n = match regime {
            Regime::Elastic => {
                return elastic_map(contact, &scanned, gap_mm, self.scan.lens.period_samples)
                    .ok_or_else(|| too_few("strokes of the scan", scanned.len(), 4));
            }
            Regime::Faint(friction_n, _) => *friction_n,
            Regime::Entered => {
                let exits = whole.iter().filter_map(|stroke| stroke.passage.exit);
                median(&mut exits.map(|exit| exit.friction_n).collect::<Vec<_>>()).unwrap_or(0.0)
            }
        };
        let friction_n_per_mm = friction_n / self.scan.half_stroke.0;
        Map::fit(&scanned, gap_mm)
            .map(|map| map.joined(friction_n_per_mm))
            .or_else(|| Map::with_slope(&scanned, friction_n_per_mm))
            .ok_or_else(|| too_few("strokes of the scan", scanned.len(), 10))
    }

    /// SD over strokes by force and by touch; `reach_mm` is how far the mean stroke reaches beyond the surface.
    fn spread(&self, contact: &Contact, relative_mm: &[f64], noise_mm: f64, reach_mm: f64) -> Spread {
        let shallow = (contact.indentation_mm(self.scan.puncture_n) / reach_mm.max(1e-6)).min(1.0);
        let force = Spread::by_force(variance(relative_mm), noise_mm, relative_mm.len(), shallow);
        let touch = Spread::by_touch(contact.scatter_mm, contact.pulses, average::drift_mm(relative_mm).0);
        match (force, touch) {
            (Some(force), Some(touch)) => force.joined(touch),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => Spread { sd_mm: 0.0, u_mm: noise_mm },
        }
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
fn late_noise_mm(channel_mm: f64, variance_mm2: f64, contact: &Contact) -> f64 {
    let touches_mm2 = contact.scatter_mm.powi(2);
    let dof = (contact.pulses as f64 / CORRELATED - 1.0).max(1.0);
    // Lower thousandth of chi squared over its degrees of freedom (Wilson and Hilferty 1931).
    let low = (1.0 - 2.0 / (9.0 * dof) - 3.09 * (2.0 / (9.0 * dof)).sqrt()).max(0.05).powi(3);
    let excess = if variance_mm2 * low > touches_mm2 { variance_mm2 - touches_mm2 } else { 0.0 };
    channel_mm.max(excess.sqrt())
}

/// Variance about the straight line over the run: what a pen drifts is no scatter.
fn steady_variance(values: &[f64]) -> f64 {
    let by_stroke = slope(values);
    let centre = 0.5 * (values.len() as f64 - 1.0);
    variance(&values.iter().enumerate().map(|(k, value)| value - by_stroke * (k as f64 - centre)).collect::<Vec<f64>>())
}

/// Force of strokes that do not enter over that by the law of the first touches.
const ELASTIC_SCALE: (f64, f64) = (0.75, 1.33);

/// The map of strokes that only dimple the phantom: late force by the law of the first touches, its scale by the
/// strokes of the scan (gap in mm, late force in N) that reach furthest.
fn elastic_map(contact: &Contact, scanned: &[(f64, f64)], gap_mm: f64, period: f64) -> Option<Map> {
    const STEP_MM: f64 = 0.005;
    let reach_mm = contact.protrusion_mm - gap_mm;
    let curve = contact.curve(reach_mm + 0.2);
    let late = |reach_mm: f64| {
        let count = ((LATE_PERIODS.0 - LATE_PERIODS.1) * period).ceil().max(4.0) as usize;
        let at = |k: usize| LATE_PERIODS.1 + (LATE_PERIODS.0 - LATE_PERIODS.1) * (k as f64 + 0.5) / count as f64;
        let fall = |k: usize| contact.half_stroke_mm * (1.0 - (std::f64::consts::TAU * at(k)).cos());
        (0..count).map(|k| curve.at(reach_mm - fall(k)).force_n).sum::<f64>() / count as f64
    };
    let mut inner = scanned.to_vec();
    inner.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    inner.truncate((inner.len() / 3).max(4));
    let by_law: f64 = inner.iter().map(|(gap, _)| late(contact.protrusion_mm - gap)).sum();
    let scale = inner.iter().map(|(_, force_n)| force_n).sum::<f64>() / by_law;
    let slope = (late(reach_mm + STEP_MM) - late(reach_mm - STEP_MM)) / (2.0 * STEP_MM);
    // Needles that have entered push with less than the law says.
    (inner.len() >= 4 && (ELASTIC_SCALE.0..ELASTIC_SCALE.1).contains(&scale) && slope > 0.0)
        .then(|| Map::known(gap_mm, scale * late(reach_mm), scale * slope))
}

/// A protrusion whose standard uncertainty is larger than this, and than this share of it, mm, is none.
const U_MAX_MM: f64 = 0.1;
const U_SHARE_MAX: f64 = 0.1;

fn too_uncertain(protrusion: &Measured) -> Refusal {
    let largest = protrusion.budget.terms.iter().max_by(|a, b| a.u.total_cmp(&b.u));
    let message = format!(
        "the mean protrusion would be {:.3} mm with a standard uncertainty of {:.3} mm, at most {U_MAX_MM} mm or {:.0} % \
         is a measurement; most of it is `{}`: check the cell's resonance and damping, and let the scan begin farther \
         out and end closer to the face",
        protrusion.value,
        protrusion.u(),
        100.0 * U_SHARE_MAX,
        largest.map_or("nothing", |term| term.source.as_str())
    );
    Refusal { code: "too-uncertain".to_owned(), message }
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

#[cfg(test)]
mod tests {
    use super::late_noise_mm;
    use crate::measure::dynamic::elastic::Contact;

    #[test]
    fn a_tough_patchwork_is_noise_and_not_protrusion() {
        let contact = Contact { scatter_mm: 0.02, pulses: 40, ..Contact::default() };
        assert_eq!(late_noise_mm(0.002, 0.022_f64.powi(2), &contact), 0.002);
        let noise = late_noise_mm(0.002, 0.1_f64.powi(2), &contact);
        assert!((0.01 - noise * noise - 0.02_f64.powi(2)).abs() < 1e-12);
        // Three touches are no witness.
        assert_eq!(late_noise_mm(0.002, 0.1_f64.powi(2), &Contact { pulses: 3, ..contact }), 0.002);
    }
}
