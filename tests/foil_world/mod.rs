//! Needles driven through foils on a force tester, followed in small steps: each foil bulges, is pierced, is cut by the
//! bevel, widened by its heel and then rubs on the shaft. Foils relax, shafts stick and slip, the tester filters, hums,
//! drifts, rounds and may begin only when its trigger force is reached.
//!
//! Shared with nothing in the detector: the force follows from where the needle is, not from a drawn shape.

pub mod habits;
pub mod score;

use habits::Habit;
use rig::{
    capture::{Header, Phase, header::parse, memory::Recording},
    prng::Stream,
};
use std::{
    f64::consts::{SQRT_2, TAU},
    ops::Range,
};

/// How a test goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Course {
    /// One foil and a sharp needle.
    Foil,
    /// The heel of the bevel makes a second, lower or higher peak.
    TwoPeaks,
    /// Two or three foils with air between them.
    Layers,
    /// A gel that relaxes before and after, with stick and slip.
    Gel,
    /// A foil, and the return stroke under the same name without a stage.
    Return,
    /// No foil is pierced: the test ends in the rise.
    Unpierced,
    /// No foil is pierced: the tester stops, the foil relaxes, and the needle goes back, its stage not recorded.
    Held,
    /// A shaft that rubs through a hole made before: stick and slip without a foil.
    Rubbing,
}

impl Course {
    /// Every course.
    pub const ALL: [Self; 8] =
        [Self::Foil, Self::TwoPeaks, Self::Layers, Self::Gel, Self::Return, Self::Unpierced, Self::Held, Self::Rubbing];

    fn is_pierced(self) -> bool {
        !matches!(self, Self::Unpierced | Self::Held | Self::Rubbing)
    }
}

/// What only the world knows.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Row of the highest reading before the tip goes through the first foil, and the force there less the baseline's
    /// truth, N. `None` where none was pierced.
    pub peak: Option<(usize, f64)>,
    /// Row after which the first foil is pierced.
    pub pierced: usize,
    /// Foils that were pierced within the recording.
    pub layers: usize,
    /// Samples of a period of hum; 0 without hum worth the name.
    pub hum_rows: f64,
    /// Samples in which the force falls by most of its drop.
    pub drop_rows: f64,
    /// Rows in which a person would look for the peak.
    pub candidates: Range<usize>,
    /// Stage position at which the tip meets the first foil, mm; `None` where the stage was not recorded.
    pub tip_mm: Option<f64>,
    /// Force at every sample without hum, noise, drift and offset, N.
    pub true_n: Vec<f64>,
    /// Error of the tester's zero, N.
    pub offset_n: f64,
    /// Root mean square of the hum, N.
    pub hum_n: f64,
    /// The recording began at a force.
    pub triggered: bool,
    /// What was written down does not tell whether the foil was pierced.
    pub undecided: bool,
}

/// A foil or a gel's surface.
struct Foil {
    at_mm: f64,
    /// Force over bulge: linear and cubic, N/mm and N/mm^3.
    stiffness: (f64, f64),
    pierced_n: f64,
    /// Shares of the piercing force: once the tip is through, at the heel of the bevel, of the shaft.
    tip: f64,
    heel: f64,
    shaft: f64,
    bevel_mm: f64,
    /// Time in which a pierced foil springs back, s.
    recoil_s: f64,
    /// Share that relaxes, and its time, s.
    relaxation: (f64, f64),
    pierced_at_mm: Option<f64>,
    /// Force of the branch that relaxes, N, and elastic force before.
    branch_n: f64,
    elastic_n: f64,
    springing_n: f64,
}

impl Foil {
    fn elastic(&self, bulge_mm: f64) -> f64 {
        let w = bulge_mm.max(0.0);
        self.stiffness.0 * w + self.stiffness.1 * w.powi(3)
    }

    /// Force with the tip at `x`, a step `dt` later; `forward` is the direction of travel.
    fn force(&mut self, x: f64, dt: f64, forward: f64) -> f64 {
        let Some(at_mm) = self.pierced_at_mm else {
            let elastic_n = self.elastic(x - self.at_mm);
            let (share, time_s) = self.relaxation;
            self.branch_n += share * (elastic_n - self.elastic_n) - self.branch_n * dt / time_s;
            self.elastic_n = elastic_n;
            let force_n = elastic_n * (1.0 - share) + self.branch_n;
            if force_n < self.pierced_n {
                return force_n;
            }
            self.pierced_at_mm = Some(x);
            self.springing_n = force_n - self.tip * self.pierced_n;
            return force_n;
        };
        self.springing_n *= (-dt / self.recoil_s).exp();
        let u = (x - at_mm) / self.bevel_mm;
        let share = if u < 1.0 {
            self.tip + (self.heel - self.tip) * u.max(0.0).powi(2)
        } else {
            self.shaft + (self.heel - self.shaft) * (-(u - 1.0) * 6.0).exp()
        };
        let rubbing = if forward > 0.0 { share } else { -self.shaft };
        self.springing_n + self.pierced_n * rubbing
    }
}

/// The tester and the test.
struct Test {
    course: Course,
    rate_hz: f64,
    speed_mm_s: f64,
    foils: Vec<Foil>,
    travel_mm: f64,
    /// The scale of force, N.
    scale_n: f64,
    /// Stick and slip: share of the scale, and way between slips, mm.
    slip: (f64, f64),
    /// Second-order filter of the tester, Hz.
    filter_hz: f64,
    noise_n: f64,
    hum_n: f64,
    hum_hz: f64,
    drift_n_per_s: f64,
    offset_n: f64,
    quantum_n: f64,
    trigger_n: Option<f64>,
    /// Scatter of the time between two samples, over the time.
    jitter: f64,
}

impl Test {
    fn draw(course: Course, random: &mut Stream) -> Self {
        let pick = |random: &mut Stream, of: &[f64]| of[(random.uniform() * of.len() as f64) as usize];
        let scale_n = 0.04 * 20.0_f64.powf(random.uniform());
        let rate_hz = pick(random, &[200.0, 400.0, 400.0, 400.0, 1000.0]);
        let rows = random.between(160.0, 320.0) * if rate_hz > 500.0 { 2.0 } else { 1.0 };
        let speed_mm_s = pick(random, &[0.5, 1.667, 3.33]);
        let whole_mm = rows / rate_hz * speed_mm_s;
        let count = if course == Course::Layers { 2 + usize::from(random.chance(0.4)) } else { 1 };
        let bulge_mm = whole_mm * random.between(0.2, 0.45) / count as f64;
        let first_mm = whole_mm * random.between(0.08, 0.3) / count as f64;
        let foils = (0..count)
            .map(|index| {
                Self::foil(
                    course,
                    random,
                    scale_n,
                    bulge_mm,
                    whole_mm,
                    first_mm + index as f64 * whole_mm / (count as f64 + 0.3),
                )
            })
            .collect();
        let travel_mm = match course {
            Course::Unpierced | Course::Held => first_mm + bulge_mm * random.between(0.6, 0.95),
            _ => whole_mm,
        };
        let trigger_n = random.chance(0.35).then(|| scale_n * random.between(0.05, 0.35));
        let slips = matches!(course, Course::Gel | Course::Rubbing) || random.chance(0.3);
        Self {
            course,
            rate_hz,
            speed_mm_s,
            foils,
            travel_mm,
            scale_n,
            slip: (if slips { random.between(0.01, 0.08) } else { 0.0 }, whole_mm * random.between(0.01, 0.05)),
            filter_hz: random.between(0.12, 0.45) * rate_hz.max(400.0),
            noise_n: scale_n * random.between(0.002, 0.02),
            hum_n: if random.chance(0.5) { random.between(0.02, 0.045).min(0.9 * scale_n) } else { 0.0 },
            hum_hz: random.between(49.85, 50.15),
            drift_n_per_s: scale_n * random.between(-0.1, 0.1),
            // Who triggers on a force has tared.
            offset_n: scale_n * random.between(-1.0, 1.0) * if trigger_n.is_some() { 0.01 } else { 1.0 },
            quantum_n: scale_n * pick(random, &[0.001, 0.01, 0.03]),
            trigger_n,
            jitter: if random.chance(0.25) { random.between(0.02, 0.3) } else { 0.0 },
        }
    }

    fn foil(course: Course, random: &mut Stream, scale_n: f64, bulge_mm: f64, whole_mm: f64, at_mm: f64) -> Foil {
        let pierced_n = scale_n * random.between(0.75, 1.3);
        let cubic = random.between(0.0, 0.8);
        let (tip, heel) = match course {
            Course::TwoPeaks => (random.between(0.15, 0.5), random.between(0.5, 1.25)),
            Course::Gel => (random.between(0.3, 0.55), random.between(0.3, 0.6)),
            _ => (random.between(0.05, 0.35), random.between(0.05, 0.4)),
        };
        let relaxing = course == Course::Gel || course == Course::Held;
        Foil {
            at_mm,
            stiffness: ((1.0 - cubic) * pierced_n / bulge_mm, cubic * pierced_n / bulge_mm.powi(3)),
            pierced_n: if course.is_pierced() { pierced_n } else { f64::INFINITY },
            tip,
            heel,
            shaft: random.between(0.03, 0.35).min(heel),
            bevel_mm: whole_mm * random.between(0.06, 0.2),
            recoil_s: if course == Course::Gel { random.between(0.004, 0.02) } else { random.between(0.0005, 0.008) },
            relaxation: (if relaxing { random.between(0.2, 0.5) } else { 0.05 }, random.between(0.05, 1.0)),
            pierced_at_mm: None,
            branch_n: 0.0,
            elastic_n: 0.0,
            springing_n: 0.0,
        }
    }

    /// Position of the tip at a time, s; `None` after the end.
    fn place(&self, t_s: f64) -> Option<(f64, f64)> {
        let there_s = self.travel_mm / self.speed_mm_s;
        let (rest_s, back) = match self.course {
            Course::Held => (0.6 * there_s, true),
            Course::Return => (0.05 * there_s, true),
            _ => (0.0, false),
        };
        match t_s {
            t if t < there_s => Some((t * self.speed_mm_s, 1.0)),
            t if t < there_s + rest_s => Some((self.travel_mm, 1.0)),
            t if back && t < 1.6 * there_s + rest_s => {
                Some((self.travel_mm - (t - there_s - rest_s) * self.speed_mm_s, -1.0))
            }
            _ => None,
        }
    }

    fn record(mut self, random: &mut Stream) -> (Header, Recording, Truth) {
        const STEPS: usize = 50;
        let mut recording = Recording::default();
        let (mut t_s, mut next_s) = (0.0, 0.0);
        let (mut cell, mut slipped_mm, mut held_n) = ((0.0, 0.0), 0.0, 0.0);
        let mut truth = Truth {
            offset_n: self.offset_n,
            hum_n: self.hum_n,
            triggered: self.trigger_n.is_some(),
            ..Truth::default()
        };
        let (phase, omega) = (random.between(0.0, TAU), TAU * self.filter_hz);
        let mut started = self.trigger_n.is_none();
        let no_stage = matches!(self.course, Course::Held | Course::Return) || random.chance(0.4);
        let dt = 1.0 / self.rate_hz / STEPS as f64;
        while let Some((x, forward)) = self.place(t_s) {
            let mut force_n = 0.0;
            for foil in &mut self.foils {
                let was = foil.pierced_at_mm.is_none();
                force_n += foil.force(x, dt, forward);
                if was && foil.pierced_at_mm.is_some() {
                    truth.layers += 1;
                    if truth.layers == 1 {
                        (truth.pierced, truth.drop_rows) = (recording.len(), 2.0 * foil.recoil_s * self.rate_hz);
                    }
                }
            }
            let inside = self.course == Course::Rubbing || self.foils.iter().any(|foil| foil.pierced_at_mm.is_some());
            if inside && forward > 0.0 {
                // The shaft takes the foil along, and lets go.
                held_n = self.slip.0 * self.scale_n * (x - slipped_mm) / self.slip.1;
                if x - slipped_mm > self.slip.1 * (0.6 + 0.8 * random.uniform()) {
                    slipped_mm = x;
                }
            }
            if self.course == Course::Rubbing {
                force_n = 0.3 * self.scale_n * (8.0 * x / self.travel_mm).min(1.0);
            }
            force_n += held_n;
            cell.1 += dt * (omega * omega * (force_n - cell.0) - 1.4 * omega * cell.1);
            cell.0 += dt * cell.1;
            t_s += dt;
            if t_s < next_s {
                continue;
            }
            next_s += (1.0 + self.jitter * random.between(-0.5, 0.5)) / self.rate_hz;
            started |= self.trigger_n.is_some_and(|trigger_n| cell.0 > trigger_n);
            if !started {
                continue;
            }
            let hum_n = self.hum_n * SQRT_2 * (TAU * self.hum_hz * t_s + phase).sin();
            let read_n = cell.0 + hum_n + self.offset_n + self.drift_n_per_s * t_s + self.noise_n * random.normal();
            truth.true_n.push(cell.0);
            let stage_mm = if no_stage { f64::NAN } else { 3.0 + x };
            recording.push(Phase::Press, t_s, (read_n / self.quantum_n).round() * self.quantum_n, stage_mm);
        }
        let touched = self.trigger_n.is_none() && !no_stage && self.course != Course::Rubbing;
        truth.tip_mm = touched.then(|| 3.0 + self.foils[0].at_mm);
        if truth.layers > 0 {
            let last = truth.pierced.min(recording.len() - 1);
            // With hum, the last crests before the foil is pierced are the candidates.
            let period = self.rate_hz / self.hum_hz;
            let heavy = self.hum_n > 3.0 * self.noise_n;
            let first = if heavy { last.saturating_sub((1.25 * period) as usize) } else { 0 };
            let row =
                (first..=last).fold(first, |a, b| if recording.force_n[b] > recording.force_n[a] { b } else { a });
            truth.peak = Some((row, truth.true_n[row]));
            truth.candidates = first..last + 1;
            truth.hum_rows = if self.hum_n > 0.0 { period } else { 0.0 };
        }
        let text = format!(
            r#"{{"schema": "capture/1", "kind": "puncture", "data": "a.csv", "sample_rate_hz": {}}}"#,
            self.rate_hz
        );
        (parse("a.json", &text).expect("a header"), recording, truth)
    }
}

/// Draws and follows test `seed` of a course, and writes it down as the tester does.
pub fn draw(course: Course, habit: Habit, seed: u64) -> (Header, Recording, Truth) {
    let random = &mut Stream::named(seed, &format!("foil {course:?}"));
    let (header, read, truth) = Test::draw(course, random).record(random);
    let (written, truth) = habit.write(&read, &truth, &mut Stream::named(seed, &format!("written {habit:?}")));
    (header, written, truth)
}
