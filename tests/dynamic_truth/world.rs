//! A bench with a stroking pen, made to differ from what the estimator assumes.
//!
//! Needles are spring, toughness, cutting force and friction each on its own (an elastic tip that sticks and slides),
//! so the force of a stroke is nowhere a power law; kinematics are a crank with a rod; protrusion scatters by stroke
//! of the crank or by offset; periods wander. The cell is integrated at four times the sample rate with a response
//! that differs from the calibrated one by a few per cent. Nothing here is used by the crate.

use rig::{
    capture::{ForceChannel, Header, Kind, Phase, StageChannel, memory::Recording},
    prng::Stream,
};
use std::f64::consts::TAU;

/// Fewest steps of the physics in one sample, and in a second.
const STEPS: usize = 4;
const STEPS_HZ: f64 = 40_000.0;

/// Force law of the phantom before a needle enters.
#[derive(Clone, Copy, Debug)]
pub enum Law {
    Power(f64),
    Exponential(f64),
}

#[derive(Clone, Debug)]
pub struct World {
    pub seed: u64,
    pub sample_rate_hz: f64,
    pub told_hz: f64,
    pub stroke_hz: f64,
    pub natural_hz: f64,
    pub damping: f64,
    /// Relative errors of the calibrated response and of the calibrated compliance.
    pub calibration: (f64, f64, f64),
    pub compliance_mm_per_n: f64,
    pub needles: usize,
    pub height_sd_mm: f64,
    pub law: Law,
    /// Force of one needle at 0.1 mm, N.
    pub stiffness_n: f64,
    /// Toughness, cutting force and friction of one needle: N, N, N/mm.
    pub toughness_n: f64,
    pub cutting_n: f64,
    pub friction_n_per_mm: f64,
    /// Scatter of toughness from site to site, relative, and the share of it that the cutting force shows too.
    pub site_sd: f64,
    pub site_cutting: f64,
    pub protrusion_mm: f64,
    pub protrusion_sd_mm: f64,
    pub correlation: f64,
    pub drift_mm: f64,
    /// True where protrusion scatters by the carriage's stroke, false where by its offset.
    pub scales: bool,
    pub retraction_mm: f64,
    /// Crank radius over rod length.
    pub rod: f64,
    /// Swing of the crank's angle twice a turn, rad: the motor slows where the needles cut.
    pub ripple_rad: f64,
    pub jitter: f64,
    pub wander: f64,
    pub strokes: usize,
    pub missed: Vec<usize>,
    pub noise_n: f64,
    pub hum_n: f64,
    pub vibration_n: f64,
    pub drift_n: f64,
    pub resolution_n: f64,
    pub encoder_mm: f64,
    pub scan_mm_per_s: f64,
    pub run_gap_mm: f64,
    pub face_mm: f64,
}

/// What only the world knows.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    pub face_mm: f64,
    pub stroke_rate_hz: f64,
    pub missed: Vec<u64>,
    pub protrusion_mm: Vec<f64>,
    pub penetration_mm: Vec<f64>,
}

impl World {
    /// A world drawn at random.
    pub fn draw(seed: u64) -> Self {
        let mut r = Stream::named(seed, "world");
        let mut pick = |options: &[f64]| options[(r.uniform() * options.len() as f64) as usize % options.len()];
        let told_hz = pick(&[60.0, 80.0, 90.0, 100.0, 110.0, 120.0, 140.0, 150.0]);
        let needles = pick(&[1.0, 1.0, 3.0, 7.0, 9.0, 12.0, 16.0, 24.0, 36.0]) as usize;
        let set = pick(&[0.5, 1.0, 1.5, 2.0, 2.5]);
        let sample_rate_hz = pick(&[6000.0, 6000.0, 6000.0, 10000.0]);
        let resolution_n = pick(&[0.0001, 0.0005]);
        let encoder_mm = pick(&[0.0001, 0.0005, 0.001]);
        let strokes = 300 + (r.uniform() * 400.0) as usize;
        let law = if r.chance(0.75) { Law::Power(r.between(1.2, 1.9)) } else { Law::Exponential(r.between(0.06, 0.2)) };
        let stiffness_n = r.between(0.03, 0.12);
        let dimple = r.between(0.08, 0.25);
        let toughness_n = stiffness_n * law.at(dimple);
        let missed = (0..(r.uniform() * 6.0) as usize).map(|_| (r.uniform() * strokes as f64) as usize).collect();
        Self {
            seed,
            sample_rate_hz,
            told_hz,
            stroke_hz: told_hz * (1.0 + 0.001 * r.normal()),
            natural_hz: r.between(280.0_f64.max(2.2 * told_hz), 1500.0),
            damping: r.between(0.3, 0.6),
            calibration: (0.02 * r.normal(), 0.03 * r.normal(), 0.03 * r.normal()),
            compliance_mm_per_n: r.between(0.003, 0.01),
            needles,
            height_sd_mm: r.between(0.005, 0.025),
            law,
            stiffness_n,
            toughness_n,
            cutting_n: toughness_n * r.between(0.3, 0.7),
            friction_n_per_mm: r.between(0.02, 0.06),
            site_sd: r.between(0.0, 0.1),
            site_cutting: 0.0,
            protrusion_mm: set + 0.03 * r.normal(),
            protrusion_sd_mm: r.between(0.008, 0.03),
            correlation: r.between(0.0, 0.5),
            drift_mm: if r.chance(0.3) { 0.04 * r.normal() } else { 0.0 },
            scales: r.chance(0.7),
            retraction_mm: r.between(0.25, 0.6),
            rod: r.between(0.0, 0.15),
            ripple_rad: 0.0,
            jitter: r.between(0.0005, 0.003),
            wander: r.between(0.002, 0.008),
            strokes,
            missed,
            noise_n: r.between(0.0005, 0.0025),
            hum_n: r.between(0.0, 0.002),
            vibration_n: r.between(0.0, 0.005),
            drift_n: 0.01 * r.normal(),
            resolution_n,
            encoder_mm,
            scan_mm_per_s: r.between(0.2, 0.3),
            run_gap_mm: 0.0,
            face_mm: r.between(8.0, 20.0),
        }
    }

    /// A world from the edges of what is met: small set depths, slow sampling, soft and ringing cells, rods and
    /// ripple, a clock that is not what the header says.
    pub fn draw_far(seed: u64) -> Self {
        let mut r = Stream::named(seed, "far world");
        let mut pick = |options: &[f64]| options[(r.uniform() * options.len() as f64) as usize % options.len()];
        let set = pick(&[0.25, 0.25, 0.5, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0]);
        let sample_rate_hz = pick(&[2000.0, 4000.0, 5000.0, 8000.0, 10_000.0, 20_000.0]);
        let told_hz = pick(&[50.0, 70.0, 90.0, 110.0, 120.0, 150.0]);
        let near = Self::draw(seed);
        let natural_hz = 100.0 * 10.0_f64.powf(r.uniform());
        Self {
            sample_rate_hz,
            told_hz,
            stroke_hz: told_hz * (1.0 + 0.002 * r.normal()),
            natural_hz,
            damping: 0.02 * 30.0_f64.powf(r.uniform()),
            protrusion_mm: (set + 0.03 * r.normal()).max(0.15),
            retraction_mm: r.between(0.15, 0.8),
            rod: r.between(0.0, 0.3),
            ripple_rad: r.between(0.0, 0.02),
            hum_n: r.between(0.0, 0.01),
            noise_n: r.between(0.0003, 0.003),
            ..near
        }
    }

    fn steps(&self) -> usize {
        ((STEPS_HZ / self.sample_rate_hz).ceil() as usize).max(STEPS)
    }

    /// Records the capture.
    pub fn record(&self) -> (Header, Recording, Truth) {
        Bench::new(self).record()
    }

    pub fn header(&self) -> Header {
        Header {
            schema: "capture/1".to_owned(),
            kind: Kind::Dynamic,
            data: "world.csv".to_owned(),
            sample_rate_hz: self.sample_rate_hz,
            set_depth_mm: Some((self.protrusion_mm * 4.0).round() / 4.0),
            needles: Some(self.needles as u32),
            compliance_mm_per_n: self.compliance_mm_per_n * (1.0 + self.calibration.2),
            compliance_u_mm_per_n: None,
            force: Some(ForceChannel {
                natural_hz: self.natural_hz * (1.0 + self.calibration.0),
                damping: self.damping * (1.0 + self.calibration.1),
                resolution_n: self.resolution_n,
                range_n: None,
                natural_u_hz: None,
                damping_u: None,
                scale_u: None,
            }),
            stage: Some(StageChannel { resolution_mm: self.encoder_mm, scale_u_mm: None }),
            gauge: None,
            stroke_rate_hz: Some(self.told_hz),
            pairing: None,
            simulated: true,
        }
    }
}

impl Law {
    /// Force at an indentation, relative to that at 0.1 mm.
    fn at(self, indentation_mm: f64) -> f64 {
        let u = indentation_mm.max(0.0);
        match self {
            Self::Power(n) => (u / 0.1).powf(n),
            Self::Exponential(length) => (u / length).exp_m1() / (0.1 / length).exp_m1(),
        }
    }
}

#[derive(Clone, Default)]
struct Needle {
    offset_mm: f64,
    toughness: f64,
    entered: bool,
    buried_mm: f64,
}

struct Bench<'a> {
    world: &'a World,
    needles: Vec<Needle>,
    unloading_n_per_mm: f64,
    force_n: f64,
    reading: (f64, f64),
    noise: Stream,
    recording: Recording,
    time_s: f64,
}

impl<'a> Bench<'a> {
    fn new(world: &'a World) -> Self {
        let mut heights = Stream::named(world.seed, "heights");
        let raw: Vec<f64> = (0..world.needles).map(|_| world.height_sd_mm * heights.normal()).collect();
        let foremost = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let needles = raw
            .iter()
            .map(|height| Needle {
                offset_mm: foremost - height,
                toughness: 1.0 + 0.07 * heights.normal(),
                ..Needle::default()
            })
            .collect();
        // The tip's own stiffness in the phantom: the slope of the law near the force of cutting.
        let mut dimple = 0.0;
        while world.stiffness_n * world.law.at(dimple) < 0.8 * world.toughness_n {
            dimple += 0.001;
        }
        let unloading = 1.2 * world.toughness_n * 0.8 / dimple;
        Self {
            world,
            needles,
            unloading_n_per_mm: unloading,
            force_n: 0.0,
            reading: (0.0, 0.0),
            noise: Stream::named(world.seed, "noise"),
            recording: Recording::default(),
            time_s: 0.0,
        }
    }

    /// Force of all needles for a foremost tip `depth_mm` below the undeformed surface, moving at `speed` (relative).
    fn contact(&mut self, depth_mm: f64, speed: f64, site: f64) -> f64 {
        let w = self.world;
        let mut sum = 0.0;
        for needle in &mut self.needles {
            let u = depth_mm - needle.offset_mm;
            if !needle.entered {
                let force = w.stiffness_n * w.law.at(u);
                if force < w.toughness_n * needle.toughness * site {
                    sum += force;
                    continue;
                }
                needle.entered = true;
                needle.buried_mm = 0.0;
            }
            let (k, b) = (self.unloading_n_per_mm, w.friction_n_per_mm);
            let cut = w.cutting_n * (1.0 + w.site_cutting * (site - 1.0)) * (speed.max(0.0) / (speed.max(0.0) + 0.05));
            let mut force = k * (u - needle.buried_mm);
            if force > cut + b * needle.buried_mm {
                needle.buried_mm = ((k * u - cut) / (k + b)).max(needle.buried_mm);
                force = k * (u - needle.buried_mm);
            } else if force < -b * needle.buried_mm {
                needle.buried_mm = k * u / (k - b);
                force = -b * needle.buried_mm;
            }
            if needle.buried_mm <= 0.0 {
                needle.entered = false;
                needle.buried_mm = 0.0;
                force = w.stiffness_n * w.law.at(u);
            }
            sum += force;
        }
        sum
    }

    /// One sample: the cell follows `force` over the steps, then is read.
    fn sample(&mut self, phase: Phase, stage_mm: f64, pen_runs: bool, force: &mut dyn FnMut(&mut Self, f64) -> f64) {
        let w = self.world;
        let steps = w.steps();
        let step_s = 1.0 / (w.sample_rate_hz * steps as f64);
        let omega = TAU * w.natural_hz;
        let read = self.reading.0;
        let t = self.time_s;
        let tone = |hz: f64, phase: f64| (TAU * hz * t + phase).sin();
        let mut value = read + w.hum_n * tone(50.0, 0.7) + w.noise_n * self.noise.normal();
        value += w.drift_n * t / 20.0 + 0.03;
        if pen_runs {
            value += w.vibration_n * tone(w.told_hz, 1.0);
        }
        let value = (value / w.resolution_n).round() * w.resolution_n;
        let stage = (stage_mm / w.encoder_mm).round() * w.encoder_mm;
        self.recording.push(phase, (t * 1e6).round() * 1e-6, value, stage);
        for k in 0..steps {
            let before = self.force_n;
            self.force_n = force(self, (k as f64 + 0.5) * step_s);
            // Implicit midpoint: of second order, without a damping or a lag of its own.
            let (mean_n, turn) = (0.5 * (before + self.force_n), 0.5 * omega * step_s);
            let slope = (self.reading.1 + omega * turn * (mean_n - self.reading.0))
                / (1.0 + 2.0 * w.damping * turn + turn * turn);
            self.reading = (self.reading.0 + slope * step_s, 2.0 * slope - self.reading.1);
        }
        self.time_s += 1.0 / w.sample_rate_hz;
    }

    fn record(mut self) -> (Header, Recording, Truth) {
        let w = self.world;
        let dt = 1.0 / w.sample_rate_hz;
        // Touch: the face is a stiff contact, needles retracted.
        let mut stage = w.face_mm - 2.0;
        let face = |bench: &Self, stage: f64| {
            let depth = stage - bench.world.compliance_mm_per_n * bench.force_n - bench.world.face_mm;
            8.0 * depth.max(0.0).powf(1.3)
        };
        while self.force_n < 0.3 {
            let at = stage;
            self.sample(Phase::Touch, at, false, &mut |bench, _| face(bench, at));
            stage += 0.9 * dt;
        }
        while stage > w.face_mm - w.protrusion_mm - 0.15 {
            let at = stage;
            self.sample(Phase::Retract, at, false, &mut |bench, _| face(bench, at));
            stage -= 2.0 * dt;
        }
        let mut pen = Pen::new(w);
        let end = w.face_mm - w.run_gap_mm - (0.15 * w.protrusion_mm).max(0.1);
        // The run begins at bottom dead centre, when the scan has ended.
        while stage < end || pen.phase > 0.02 {
            let at = stage.min(end);
            self.sample(Phase::Standoff, at, true, &mut |bench, step| {
                let (depth, speed, site) = pen.advance(step, at, bench.force_n, false);
                bench.contact(depth, speed, site)
            });
            stage += w.scan_mm_per_s * dt;
        }
        let mut truth = Truth { face_mm: w.face_mm, ..Truth::default() };
        let at = w.face_mm - w.run_gap_mm;
        pen.begin_run();
        let (start, start_phase) = (self.time_s, pen.phase);
        let mut stroke = 0;
        let mut deepest = 0.0_f64;
        loop {
            self.sample(Phase::Run, at, true, &mut |bench, step| {
                let (depth, speed, site) = pen.advance(step, at, bench.force_n, true);
                bench.contact(depth, speed, site)
            });
            deepest = deepest.max(self.needles.iter().map(|n| n.buried_mm).fold(0.0, f64::max));
            if pen.stroke > stroke {
                if w.missed.contains(&stroke) {
                    truth.missed.push(stroke as u64);
                } else {
                    truth.protrusion_mm.push(pen.last_mm);
                    truth.penetration_mm.push(deepest);
                }
                deepest = 0.0;
                stroke = pen.stroke;
                if stroke == w.strokes {
                    break;
                }
            }
        }
        // The pen is a part of a sample past the end of its last stroke.
        let strokes = w.strokes as f64 + pen.phase - start_phase;
        truth.stroke_rate_hz = strokes / (self.time_s - start);
        (w.header(), self.recording, truth)
    }
}

/// The pen's carriage: phase from bottom dead centre, protrusion of the stroke under way.
struct Pen<'a> {
    world: &'a World,
    draws: Stream,
    phase: f64,
    rate: f64,
    wander: f64,
    scatter: f64,
    site: f64,
    stroke: usize,
    now_mm: f64,
    last_mm: f64,
    in_run: bool,
}

impl<'a> Pen<'a> {
    fn new(world: &'a World) -> Self {
        let mut pen = Self {
            world,
            draws: Stream::named(world.seed, "pen"),
            phase: 0.0,
            rate: world.stroke_hz,
            wander: 0.0,
            scatter: 0.0,
            site: 1.0,
            stroke: 0,
            now_mm: 0.0,
            last_mm: 0.0,
            in_run: false,
        };
        pen.next_stroke();
        pen
    }

    fn begin_run(&mut self) {
        self.in_run = true;
        self.stroke = 0;
        self.phase = 0.0;
        self.next_stroke();
    }

    fn next_stroke(&mut self) {
        let w = self.world;
        self.wander = 0.97 * self.wander + w.wander * (1.0 - 0.97_f64.powi(2)).sqrt() * self.draws.normal();
        self.rate = w.stroke_hz * (1.0 + self.wander + w.jitter * self.draws.normal());
        let fresh = (1.0 - w.correlation.powi(2)).sqrt() * self.draws.normal();
        self.scatter = w.correlation * self.scatter + fresh;
        self.site = 1.0 + w.site_sd * self.draws.normal();
        let drift = if self.in_run { w.drift_mm * self.stroke as f64 / w.strokes as f64 } else { 0.0 };
        self.now_mm = w.protrusion_mm + drift + w.protrusion_sd_mm * self.scatter;
    }

    /// Depth of the foremost tip, its relative speed and the toughness of the site after a step.
    fn advance(&mut self, step_in_sample_s: f64, stage_mm: f64, force_n: f64, run: bool) -> (f64, f64, f64) {
        let w = self.world;
        let step_s = 1.0 / (w.sample_rate_hz * w.steps() as f64);
        let _ = step_in_sample_s;
        self.phase += self.rate * step_s;
        if self.phase >= 1.0 {
            self.phase -= 1.0;
            self.last_mm = self.now_mm;
            self.stroke += 1;
            self.next_stroke();
        }
        let turn = TAU * (self.phase - 0.5);
        let angle = turn + w.ripple_rad * (2.0 * turn).sin();
        // Crank and rod: 0 at the top, 1 at the bottom.
        let below = 0.5 * ((1.0 - angle.cos()) + 0.5 * w.rod * angle.sin().powi(2));
        let missed = run && w.missed.contains(&self.stroke);
        let top = if missed { -0.3 } else { self.now_mm };
        let stroke = if w.scales { top + w.retraction_mm } else { w.protrusion_mm + w.retraction_mm };
        let height = top - stroke * below;
        let gap = w.face_mm - stage_mm + w.compliance_mm_per_n * force_n;
        (height - gap, -angle.sin(), self.site)
    }
}
