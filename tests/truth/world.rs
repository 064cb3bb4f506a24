//! A bench drawn at random: the world, the cartridge, and a calibration that is a little off, as calibrations are.

use rig::{
    config::{
        calibration::{self, Calibration},
        cartridge::Cartridge,
        library::{self, Library},
        rig::Rig,
        world::{Law, Prony, WorldParams},
    },
    prng::Stream,
    sim::world::law::elastic_force_n,
};

/// Relative standard uncertainties that the calibration states: compliance, natural frequency, damping, force.
const COMPLIANCE_U: f64 = 0.03;
const NATURAL_U: f64 = 0.02;
const DAMPING_U: f64 = 0.03;
const FORCE_U: f64 = 0.005;
/// Range of the cell, N, and the hard limit of the rig below it.
const RANGE_N: f64 = 30.0;
const LIMIT_N: f64 = 28.0;

/// Force at which a needle enters that never does, N.
const BLUNT_N: f64 = 60.0;
/// Largest set depth at which needles do not enter, mm, and the force at which they do at larger ones, N.
const BLUNT_DEPTH_MAX_MM: f64 = 0.75;
const BLUNT_ELSE_N: f64 = 0.15;
/// Largest force of needles that do not enter, N.
const ELASTIC_MAX_N: f64 = 10.0;

/// A bench and what it is asked to do.
pub struct Drawn {
    /// Seed it came from.
    pub seed: u64,
    /// The rig file.
    pub rig: Rig,
    /// The world behind it.
    pub world: WorldParams,
    /// The cartridge.
    pub cartridge: Cartridge,
    /// What a calibration found.
    pub calibration: Calibration,
    /// Set depth, mm.
    pub set_depth_mm: f64,
    /// Stroke rate of the run, Hz.
    pub stroke_rate_hz: f64,
    /// Strokes of the run.
    pub strokes: u32,
    /// Stage speed of the press, mm/s.
    pub press_speed_mm_s: f64,
}

fn pick<T: Copy>(stream: &mut Stream, of: &[T]) -> T {
    of[(stream.uniform() * of.len() as f64) as usize]
}

impl Drawn {
    /// The bench of a seed.
    pub fn new(seed: u64) -> Self {
        let stream = &mut Stream::named(seed, "truth world");
        let needles = pick(stream, &[1, 1, 2, 3, 5, 7, 9, 12, 12, 16, 24, 36]);
        let set_depth_mm = pick(stream, &[0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0]);
        let mut world = world(stream);
        keep_plausible(&mut world, needles, set_depth_mm);
        let cartridge = Cartridge {
            schema: "cartridge/1".to_owned(),
            name: "drawn".to_owned(),
            needles,
            gauge: "32G".to_owned(),
            diameter_mm: 0.23,
            height_sd_mm: stream.between(0.002, 0.015),
            max_set_depth_mm: 3.0,
            set_depths_mm: vec![set_depth_mm],
            uses_max: 1,
        };
        let mut rig = library::rig(None).expect("the built-in rig").value;
        rig.limits.force_max_n = LIMIT_N;
        rig.force.sample_rate_hz = pick(stream, &[6250.0, 8000.0, 10_000.0]);
        let calibration = calibration(stream, &world);
        let stroke_rate_hz = pick(stream, &[60.0, 80.0, 100.0, 110.0, 120.0, 150.0]);
        let strokes = stream.between(300.0, 600.0) as u32;
        let press_speed_mm_s = pick(stream, &[0.5, 1.0]);
        Self { seed, rig, world, cartridge, calibration, set_depth_mm, stroke_rate_hz, strokes, press_speed_mm_s }
    }
}

fn world(stream: &mut Stream) -> WorldParams {
    let mut world = WorldParams::default();
    phantom(stream, &mut world);
    let pen = &mut world.pen;
    pen.depth_offset_mm = 0.03 * stream.normal();
    pen.depth_scale_error = 0.005 * stream.normal();
    pen.stroke_sd_mm = stream.between(0.005, 0.03);
    pen.stroke_correlation = stream.between(0.0, 0.5);
    pen.drift_mm_per_1000 = if stream.chance(0.3) { stream.between(-0.06, 0.06) } else { 0.0 };
    pen.missed_share = if stream.chance(0.4) { stream.between(0.001, 0.02) } else { 0.0 };
    pen.rod_ratio = stream.between(0.1, 0.35);
    pen.ripple_rad = stream.between(0.0, 0.03);
    pen.rate_error = 0.002 * stream.normal();
    pen.rate_jitter = stream.between(0.0002, 0.002);
    pen.stall_force_n = 100.0;
    let cell = &mut world.cell;
    cell.compliance_mm_per_n = stream.between(0.003, 0.02);
    cell.natural_hz = stream.between(280.0, 1500.0);
    cell.damping = stream.between(0.3, 0.65);
    cell.noise_n = stream.between(0.0005, 0.003);
    cell.hum_n = stream.between(0.0, 0.004);
    cell.hum_hz = pick(stream, &[50.0, 60.0]) + 0.02 * stream.normal();
    cell.drift_n_per_s = 1e-4 * stream.normal();
    cell.wander_n = stream.between(0.0, 2e-4);
    cell.n_per_count = pick(stream, &[4e-6, 1e-4, 5e-4]);
    cell.range_n = RANGE_N;
    cell.clock_ppm = stream.between(-20.0, 20.0);
    world.stage.encoder_mm = pick(stream, &[5e-5, 1e-4, 5e-4]);
    world.stage.ripple_mm = stream.between(0.0, 0.001);
    world
}

fn phantom(stream: &mut Stream, world: &mut WorldParams) {
    let phantom = &mut world.phantom;
    phantom.law = pick(stream, &[Law::Power, Law::Power, Law::Exponential, Law::Hertz]);
    phantom.exponent = stream.between(1.1, 2.0);
    phantom.growth_mm = stream.between(0.06, 0.3);
    phantom.tip_radius_mm = stream.between(0.005, 0.037);
    phantom.force_at_100um_n = stream.between(0.015, 0.08);
    // A phantom in four is not entered at small set depths: one in ten over all.
    let toughness_n = stream.between(0.03, 0.12);
    let blunt = stream.chance(0.25);
    phantom.cutting_force_n = toughness_n * stream.between(0.2, 0.7);
    phantom.puncture_force_n = if blunt { BLUNT_N } else { toughness_n };
    phantom.puncture_cv = stream.between(0.05, 0.15);
    phantom.friction_n_per_mm = stream.between(0.01, 0.06);
    phantom.face_stiffness_n_per_mm = stream.between(4.0, 15.0);
    phantom.tilt_x = 0.0003 * stream.normal();
    phantom.tilt_y = 0.0003 * stream.normal();
    phantom.roughness_mm = stream.between(0.0, 0.003);
    phantom.relaxation = vec![Prony { share: stream.between(0.01, 0.1), tau_s: stream.between(0.2, 1.0) }];
    if stream.chance(0.2) {
        // Soft tissue (domain: 24 fits).
        phantom.relaxation = vec![Prony { share: 0.25, tau_s: 0.40 }, Prony { share: 0.31, tau_s: 4.3 }];
    }
    phantom.held_stiffness_n_per_mm = stream.between(0.3, 1.2);
    // Every stroke of a run meets fresh tissue.
    phantom.healing_s = Some(0.0);
}

/// Needles that never enter push with all that the phantom gives, here no more than the cell can carry; and a phantom
/// that is dimpled by millimetres without being entered is none of this world.
fn keep_plausible(world: &mut WorldParams, needles: u32, set_depth_mm: f64) {
    let phantom = &mut world.phantom;
    if phantom.puncture_force_n < BLUNT_N {
        return;
    }
    if set_depth_mm > BLUNT_DEPTH_MAX_MM {
        phantom.puncture_force_n = BLUNT_ELSE_N;
        return;
    }
    phantom.growth_mm = phantom.growth_mm.max(0.5 * set_depth_mm);
    let largest_n = f64::from(needles) * elastic_force_n(phantom, set_depth_mm + 0.1);
    phantom.force_at_100um_n *= (ELASTIC_MAX_N / largest_n).min(1.0);
}

fn calibration(stream: &mut Stream, world: &WorldParams) -> Calibration {
    let mut off = |value: f64, relative: f64| value * (1.0 + relative * stream.normal());
    let cell = &world.cell;
    let (compliance, natural_hz) = (off(cell.compliance_mm_per_n, COMPLIANCE_U), off(cell.natural_hz, NATURAL_U));
    let (damping, n_per_count) = (off(cell.damping, DAMPING_U), off(cell.n_per_count, FORCE_U));
    let mut record = Library::default().calibration("simulated", None).expect("the built-in calibration").value;
    record.force = calibration::Force { n_per_count, scale_u: FORCE_U, range_n: RANGE_N };
    record.compliance = calibration::Compliance { mm_per_n: compliance, u_mm_per_n: COMPLIANCE_U * compliance };
    record.response = calibration::Response {
        natural_hz,
        natural_u_hz: NATURAL_U * natural_hz,
        damping,
        damping_u: DAMPING_U * damping,
    };
    record.encoder = calibration::Encoder { mm_per_count: world.stage.encoder_mm, scale_u_mm: 1e-4 };
    record
}
