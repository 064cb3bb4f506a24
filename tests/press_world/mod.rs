//! A world for press captures that shares no formula with the estimator: needles of unequal height and toughness in a
//! phantom of one of six laws, friction, relaxation, a cell of second order, hum, drift, noise, a quantised encoder.
//!
//! Each needle is followed by itself: it dimples the phantom until its own force is reached, enters, and from then on
//! sticks or slides. The cell is integrated in small steps. Nothing here knows of onset fits.

use rig::{
    capture::{ForceChannel, Header, Kind, Phase, StageChannel, memory::Recording},
    prng::Stream,
};

/// What only the world knows, mm.
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    pub face_mm: f64,
    pub protrusion_mm: f64,
    pub penetration_mm: f64,
    pub entered: bool,
    pub needles: u32,
}

/// Force of one needle over its indentation, N over mm; scaled so that it is one at `at`.
#[derive(Clone, Copy, Debug)]
enum Law {
    Power(f64),
    Exponential(f64),
    LinearQuadratic(f64),
    /// Ogden-like: a stretch to a power, less its start.
    Stretch(f64),
}

impl Law {
    fn shape(self, x: f64) -> f64 {
        let raw = |x: f64| match self {
            Law::Power(n) => x.powf(n),
            Law::Exponential(k) => (k * x).exp_m1(),
            Law::LinearQuadratic(share) => (1.0 - share) * x + share * x * x,
            Law::Stretch(a) => (1.0 + x).powf(a) - (1.0 + x).powf(-0.5 * a),
        };
        if x <= 0.0 { 0.0 } else { raw(x) / raw(1.0) }
    }
}

/// One needle and its state.
#[derive(Clone, Copy, Debug)]
struct Needle {
    /// Behind the foremost, mm.
    behind_mm: f64,
    toughness_n: f64,
    cut_n: f64,
    friction_n_per_mm: f64,
    entered: bool,
    /// Elastic dimple, mm (negative: the phantom is pulled up).
    dimple_mm: f64,
    inside_mm: f64,
}

/// The phantom and the cartridge.
struct Phantom {
    law: Law,
    /// Indentation at which a needle of mean toughness enters, mm.
    reach_mm: f64,
    mean_toughness_n: f64,
    /// Stiffness once inside, N/mm a needle.
    stiffness: f64,
    /// Share of the elastic force that relaxes in the hold, and its time, s.
    relaxation: (f64, f64),
    face_n: f64,
    face_power: f64,
}

impl Needle {
    /// Force at the depth of the tip below the undeformed surface; updates what is inside.
    fn force(&mut self, phantom: &Phantom, below_mm: f64, relaxed: f64) -> f64 {
        if !self.entered {
            let x = below_mm / phantom.reach_mm;
            let force = phantom.mean_toughness_n * phantom.law.shape(x);
            if force < self.toughness_n {
                return force * relaxed;
            }
            self.entered = true;
            self.dimple_mm = self.cut_n / phantom.stiffness;
            self.inside_mm = (below_mm - self.dimple_mm).max(0.0);
        }
        // Sticking moves the phantom along; sliding begins where friction (and ahead, cutting) is exceeded.
        self.dimple_mm = below_mm - self.inside_mm;
        let ahead = self.cut_n + self.friction_n_per_mm * self.inside_mm;
        let back = -self.friction_n_per_mm * self.inside_mm;
        let elastic = phantom.stiffness * self.dimple_mm;
        if elastic > ahead {
            // inside + dimple = below, k dimple = cut + mu inside
            let k = phantom.stiffness + self.friction_n_per_mm;
            self.inside_mm = (phantom.stiffness * below_mm - self.cut_n) / k;
        } else if elastic < back {
            self.inside_mm = phantom.stiffness * below_mm / (phantom.stiffness - self.friction_n_per_mm);
        }
        self.inside_mm = self.inside_mm.max(0.0);
        if self.inside_mm == 0.0 && below_mm <= 0.0 {
            self.dimple_mm = 0.0;
            return 0.0;
        }
        self.dimple_mm = below_mm - self.inside_mm;
        phantom.stiffness * self.dimple_mm
    }
}

/// Sensor and stage, and the rows so far.
struct Bench<'a> {
    stream: &'a mut Stream,
    noise_n: f64,
    hum: (f64, f64, f64, f64),
    drift_n_per_s: f64,
    offset_n: f64,
    resolution_n: f64,
    stage_resolution_mm: f64,
    natural_hz: f64,
    damping: f64,
    compliance: f64,
    dt: f64,
    t: f64,
    /// Reading and its rate.
    cell: (f64, f64),
    z: f64,
    contact_n: f64,
    recording: Recording,
}

impl Bench<'_> {
    /// One sample; `contact` gives the force at a surface position.
    fn sample(&mut self, phase: Phase, z: f64, contact: &mut dyn FnMut(f64) -> f64) {
        const STEPS: usize = 24;
        let from = self.z;
        let omega = std::f64::consts::TAU * self.natural_hz;
        let h = self.dt / STEPS as f64;
        for step in 1..=STEPS {
            let stage = from + (z - from) * step as f64 / STEPS as f64;
            // The surface stands back by what the load path gives; the load follows in small steps, so that a stiff
            // phantom on a soft cell settles.
            let pressed = contact(stage - self.compliance * self.contact_n);
            self.contact_n += 0.3 * (pressed - self.contact_n);
            let (x, v) = self.cell;
            let a = omega * omega * (self.contact_n - x) - 2.0 * self.damping * omega * v;
            let v = v + h * a;
            self.cell = (x + h * v, v);
        }
        self.z = z;
        self.t += self.dt;
        let (hz, n, phase0, third) = self.hum;
        let angle = std::f64::consts::TAU * hz * self.t + phase0;
        let read = self.cell.0
            + self.offset_n
            + self.drift_n_per_s * self.t
            + n * angle.sin()
            + third * n * (3.0 * angle).cos()
            + self.noise_n * self.stream.normal();
        let round = |value: f64, step: f64| (value / step).round() * step;
        self.recording.push(phase, self.t, round(read, self.resolution_n), round(z, self.stage_resolution_mm));
    }
}

/// Draws world `seed`: a capture and its truth.
pub fn draw(seed: u64) -> (Header, Recording, Truth) {
    drawn(seed, 1.0)
}

/// The same world, but nothing drags at a needle.
#[allow(dead_code, reason = "one of the two tests needs it")]
pub fn frictionless(seed: u64) -> (Header, Recording, Truth) {
    drawn(seed, 0.0)
}

fn drawn(seed: u64, drag: f64) -> (Header, Recording, Truth) {
    let mut stream = Stream::named(seed, "press world");
    let pick = |stream: &mut Stream, of: &[f64]| of[(stream.uniform() * of.len() as f64) as usize];
    let needles = pick(&mut stream, &[1.0, 1.0, 3.0, 5.0, 7.0, 9.0, 12.0, 16.0, 24.0, 36.0]) as u32;
    let set_mm = pick(&mut stream, &[0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0]);
    let protrusion_mm = (set_mm + 0.04 * stream.normal()).max(0.2);
    let entered = !stream.chance(0.1);
    let law = match (stream.uniform() * 6.0) as u32 {
        0 => Law::Power(stream.between(1.1, 2.0)),
        1 => Law::Power(1.5),
        2 => Law::Exponential(stream.between(0.5, 3.0)),
        3 => Law::LinearQuadratic(stream.between(0.1, 0.9)),
        4 => Law::Stretch(stream.between(1.5, 5.0)),
        _ => Law::Power(2.0),
    };
    let mean_toughness_n = stream.between(0.04, 0.11) * if entered { 1.0 } else { 2.0 };
    // Deep enough to enter well before the hold, or not at all.
    let reach_mm = if entered { stream.between(0.06, 0.45_f64.min(0.6 * protrusion_mm)) } else { 1.05 * protrusion_mm };
    let stiffness = mean_toughness_n / reach_mm * stream.between(1.2, 2.5);
    let phantom = Phantom {
        law,
        reach_mm,
        mean_toughness_n,
        stiffness,
        relaxation: (stream.between(0.05, 0.3), stream.between(0.1, 0.5)),
        face_n: stream.between(4.0, 12.0),
        face_power: stream.between(1.2, 1.45),
    };
    let spread_mm = stream.between(0.002, 0.015);
    let mut heights: Vec<f64> = (0..needles).map(|_| spread_mm * stream.normal()).collect();
    let foremost = heights.iter().copied().fold(f64::MIN, f64::max);
    heights.iter_mut().for_each(|height| *height = foremost - *height);
    let friction = mean_toughness_n * stream.between(0.2, 0.6);
    let cut_share = stream.between(0.2, 0.6);
    let mut state: Vec<Needle> = heights
        .iter()
        .map(|behind_mm| {
            let toughness_n = mean_toughness_n * (1.0 + 0.1 * stream.normal()).max(0.5);
            let toughness_n = if entered { toughness_n } else { f64::INFINITY };
            let friction_n_per_mm = drag * (friction * (1.0 + 0.03 * stream.normal())).min(0.5 * stiffness);
            let cut_n = cut_share * mean_toughness_n;
            Needle {
                behind_mm: *behind_mm,
                toughness_n,
                cut_n,
                friction_n_per_mm,
                entered: false,
                dimple_mm: 0.0,
                inside_mm: 0.0,
            }
        })
        .collect();
    let face_mm = stream.between(5.0, 20.0);
    let compliance = stream.between(0.002, 0.02);
    let natural_hz = stream.between(500.0, 1500.0);
    let damping = stream.between(0.35, 0.65);
    let noise_n = stream.between(0.0005, 0.003);
    let mut bench = Bench {
        noise_n,
        hum: (pick(&mut stream, &[50.0, 60.0]), stream.between(0.0, 0.004), stream.between(0.0, 6.0), 0.2),
        drift_n_per_s: 0.001 * stream.normal(),
        offset_n: 0.03 * stream.normal(),
        resolution_n: pick(&mut stream, &[5e-5, 1e-4, 5e-4]),
        stage_resolution_mm: pick(&mut stream, &[1e-4, 5e-4, 1e-3]),
        natural_hz,
        damping,
        compliance,
        dt: 1e-3,
        t: 0.0,
        cell: (0.0, 0.0),
        z: 0.0,
        contact_n: 0.0,
        recording: Recording::default(),
        stream: &mut Stream::named(seed, "press noise"),
    };
    let speed = pick(&mut stream, &[0.3, 0.5, 1.0]);
    let penetration_mm = run(&mut bench, &phantom, &mut state, face_mm, protrusion_mm, speed);
    let off = |stream: &mut Stream, share: f64| 1.0 + share * stream.normal();
    let header = Header {
        schema: "capture/1".to_owned(),
        kind: Kind::Press,
        data: "world.csv".to_owned(),
        sample_rate_hz: 1000.0,
        set_depth_mm: Some(set_mm),
        needles: Some(needles),
        compliance_mm_per_n: compliance * off(&mut stream, 0.04),
        compliance_u_mm_per_n: None,
        force: Some(channel(natural_hz * off(&mut stream, 0.02), damping * off(&mut stream, 0.05), bench.resolution_n)),
        stage: Some(StageChannel { resolution_mm: bench.stage_resolution_mm, scale_u_mm: None }),
        gauge: None,
        stroke_rate_hz: None,
        pairing: None,
        simulated: true,
    };
    (header, bench.recording, Truth { face_mm, protrusion_mm, penetration_mm, entered, needles })
}

fn channel(natural_hz: f64, damping: f64, resolution_n: f64) -> ForceChannel {
    ForceChannel {
        natural_hz,
        damping,
        resolution_n,
        range_n: None,
        natural_u_hz: None,
        damping_u: None,
        scale_u: None,
    }
}

/// The procedure; returns the penetration of the foremost needle at the hold's end.
fn run(
    bench: &mut Bench<'_>,
    phantom: &Phantom,
    state: &mut [Needle],
    face_mm: f64,
    protrusion_mm: f64,
    speed: f64,
) -> f64 {
    let tip_mm = face_mm - protrusion_mm;
    let start = tip_mm - 0.45;
    bench.z = start;
    let mut face = |surface: f64| phantom.face_n * (surface - face_mm).max(0.0).powf(phantom.face_power);
    let step = speed * bench.dt;
    for _ in 0..250 {
        bench.sample(Phase::Touch, start, &mut face);
    }
    while bench.contact_n < 0.3 {
        let z = bench.z + step;
        bench.sample(Phase::Touch, z, &mut face);
    }
    for _ in 0..80 {
        let z = bench.z;
        bench.sample(Phase::Touch, z, &mut face);
    }
    while bench.z > start {
        let z = (bench.z - 4.0 * step).max(start);
        bench.sample(Phase::Retract, z, &mut face);
    }
    let mut relaxed = 1.0;
    for _ in 0..250 {
        bench.sample(Phase::Press, start, &mut |surface| needles_n(state, phantom, surface - tip_mm, relaxed));
    }
    let flush = face_mm + 0.01;
    while bench.z < flush {
        let z = (bench.z + step).min(flush);
        bench.sample(Phase::Press, z, &mut |surface| needles_n(state, phantom, surface - tip_mm, relaxed));
    }
    let (share, time) = phantom.relaxation;
    for k in 0..250 {
        relaxed = 1.0 - share * (1.0 - (-f64::from(k) * bench.dt / time).exp());
        bench.sample(Phase::Hold, flush, &mut |surface| needles_n(state, phantom, surface - tip_mm, relaxed));
    }
    let penetration_mm = state.iter().find(|needle| needle.behind_mm == 0.0).map_or(0.0, |needle| needle.inside_mm);
    while bench.z > start {
        let z = (bench.z - step).max(start);
        bench.sample(Phase::Withdraw, z, &mut |surface| needles_n(state, phantom, surface - tip_mm, relaxed));
    }
    for _ in 0..150 {
        bench.sample(Phase::Withdraw, start, &mut |surface| needles_n(state, phantom, surface - tip_mm, relaxed));
    }
    penetration_mm
}

fn needles_n(state: &mut [Needle], phantom: &Phantom, below_mm: f64, relaxed: f64) -> f64 {
    state.iter_mut().map(|needle| needle.force(phantom, below_mm - needle.behind_mm, relaxed)).sum()
}
