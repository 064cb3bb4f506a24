//! One physical world behind three devices: pen, phantom on a load cell, stage.
//!
//! The stage (z grows towards the pen) carries the load cell with the phantom on it: `z_surface = z_stage - C·F`.
//! Stage and crank are known in closed form at any instant; tissue and cell are stepped on a fixed [`Grid`] while
//! something touches or rings, and skipped while nothing can. Reading order: `law`, `tissue`, `phantom`, `cell`,
//! `channel`, `axis`, `stage`, `pen`, then this file.
//!
//! Invariants: `advance(a); advance(b)` is `advance(b)` bit for bit; all randomness comes from the seed by label.
//! Deliberately absent: protocols and the devices' own rules (firmware), and every notion of how to measure.

pub mod axis;
pub mod cell;
pub mod channel;
pub mod grid;
pub mod hand;
pub mod law;
pub mod pen;
pub mod phantom;
pub mod relaxation;
pub mod stage;
pub mod surface;
pub mod table;
pub mod tissue;
pub mod truth;

use crate::{
    config::world::WorldParams,
    link::Hand,
    prng::Seeds,
    sim::world::{
        axis::Drive,
        cell::Cell,
        channel::{Channel, DaqSample},
        grid::Grid,
        hand::Hands,
        pen::Pen,
        phantom::{Approach, Load, Phantom},
        stage::Stage,
        surface::Surface,
        truth::Truth,
    },
    time::RunTime,
};
use std::time::Duration;

/// Ticks by which the world wakes before anything can touch.
const WAKE_TICKS: f64 = 2.0;
/// Parts into which a step is cut while needles enter fresh tissue at speed, and what speed is, mm a step.
const ENTRY_PARTS: u32 = 5;
const ENTRY_STEP_MM: f64 = 0.005;
/// Shortest sample period of the acquisition.
const PERIOD_MIN: Duration = Duration::from_micros(1);

/// What the world must know of the cartridge in the pen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CartridgeTruth {
    /// Number of needles; 0 is taken as 1.
    pub needles: u32,
    /// Diameter of a needle, mm.
    pub needle_diameter_mm: f64,
    /// SD of the tip heights, mm; the set depth is that of the foremost tip.
    pub height_sd_mm: f64,
}

/// Order to the pen's motor, and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motor {
    /// No current; at rest, retracted.
    Off,
    /// Stroking, or on the way to a dead centre.
    Run,
    /// At rest, needles extended.
    HoldOut,
    /// At rest, needles held retracted.
    HoldIn,
}

/// Axis of the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Across the pen.
    X,
    /// Across the pen, at right angles to x.
    Y,
    /// Towards the pen.
    Z,
}

/// The world.
#[derive(Debug)]
pub struct World {
    now: RunTime,
    reached: RunTime,
    quiet_until: RunTime,
    step_max_ns: f64,
    stall_force_n: f64,
    grid: Grid,
    surface: Surface,
    phantom: Phantom,
    cell: Cell,
    channel: Channel,
    pen: Pen,
    stage: Stage,
    hands: Hands,
    /// Force on the cell at the end of the last step, N.
    force_n: f64,
    truth: Truth,
}

impl World {
    /// A world at time zero: stage at its home position, pen at rest and retracted, phantom untouched.
    pub fn new(params: &WorldParams, cartridge: &CartridgeTruth, seeds: impl Into<Seeds>) -> World {
        let Seeds { lasting, session } = seeds.into();
        let step_max_ns = params.step_us * 1e3;
        let surface = Surface::new(&params.phantom, session);
        let phantom = Phantom::new(&params.phantom, cartridge, lasting);
        let stage = Stage::new(&params.stage, &surface);
        let truth = Truth { behind_mm: phantom.behind_mm(), ..Truth::default() };
        World {
            now: RunTime::ZERO,
            reached: RunTime::ZERO,
            quiet_until: RunTime::ZERO,
            step_max_ns,
            stall_force_n: params.stage.stall_force_n,
            grid: Grid::idle(RunTime::ZERO, step_max_ns),
            surface,
            phantom,
            cell: Cell::new(&params.cell),
            channel: Channel::new(&params.cell, session),
            pen: Pen::new(&params.pen, session),
            stage,
            hands: Hands::default(),
            force_n: 0.0,
            truth,
        }
    }

    /// Lets time pass until `to`; nothing where that is not later than [`Self::now`].
    pub fn advance(&mut self, to: RunTime) {
        if to <= self.now {
            return;
        }
        while self.advance_once(to) {}
        self.now = to;
    }

    /// The time reached.
    pub fn now(&self) -> RunTime {
        self.now
    }

    /// Tells the pen its stroke rate (below 0.1 Hz it does not turn) and set depth; from the next dead centre on.
    pub fn pen_set(&mut self, rate_hz: f64, set_depth_mm: f64) {
        self.follow_pen();
        self.pen.set(rate_hz, set_depth_mm);
    }

    /// Orders the motor. A stroke under way is finished first.
    pub fn pen_motor(&mut self, motor: Motor) {
        self.follow_pen();
        self.pen.order(self.now, motor, &mut self.truth);
    }

    /// Whether the motor is blocked by the force on the needles.
    pub fn pen_stalled(&self) -> bool {
        self.pen.stalled()
    }

    /// What the motor does, as of the last instant computed (at most one step, or one stroke out of reach, ago).
    pub fn pen_motor_state(&self) -> Motor {
        self.pen.motor()
    }

    /// Whether a stroke of a run is under way, as of the same instant.
    pub fn pen_strokes(&self) -> bool {
        self.pen.strokes()
    }

    /// Starts a move; end stops hold it within 0 and the travel.
    pub fn stage_move(&mut self, axis: Axis, target_mm: f64, speed_mm_s: f64) {
        let now = self.now;
        self.drive(axis).go(now, target_mm, speed_mm_s);
    }

    /// Goes on at a velocity until told otherwise, or until the end stop; 0 stops.
    pub fn stage_velocity(&mut self, axis: Axis, velocity_mm_s: f64) {
        let now = self.now;
        self.drive(axis).velocity(now, velocity_mm_s);
    }

    /// Brakes to rest.
    pub fn stage_stop(&mut self, axis: Axis) {
        let now = self.now;
        self.drive(axis).stop(now);
    }

    /// Where the stage's own counter says it is, mm. It knows nothing of play, cyclic error or a lost step.
    pub fn stage_position_mm(&self, axis: Axis) -> f64 {
        self.stage.drive(axis).counter_mm(self.now.as_secs_f64())
    }

    /// Whether a move is under way.
    pub fn stage_busy(&self, axis: Axis) -> bool {
        self.stage.drive(axis).busy(self.now.as_secs_f64())
    }

    /// Whether the last move ended in a stall.
    pub fn stage_stalled(&self, axis: Axis) -> bool {
        self.stage.drive(axis).stalled()
    }

    /// Lets a hand do something to the cell.
    pub fn by_hand(&mut self, hand: Hand) {
        self.quiet_until = RunTime::ZERO;
        self.hands.act(self.now, hand);
    }

    /// Starts the acquisition: mask bit 0 force, bits 1 to 3 encoder z, x, y; the first sample after one `period` (1 µs
    /// or more). What an earlier acquisition sampled stays to be drained.
    pub fn daq_start(&mut self, mask: u8, period: Duration) {
        self.finish_grid();
        self.channel.start(mask);
        let configured_ns = period.max(PERIOD_MIN).as_nanos() as f64;
        let period_ns = self.channel.true_period_ns(configured_ns);
        self.grid = Grid::streaming(self.now, period_ns, self.step_max_ns);
    }

    /// Stops the acquisition.
    pub fn daq_stop(&mut self) {
        self.finish_grid();
        self.grid = Grid::idle(self.now, self.step_max_ns);
    }

    /// Appends what was sampled since the last call.
    pub fn daq_drain(&mut self, into: &mut Vec<DaqSample>) {
        self.channel.drain(into);
    }

    /// Samples lost because nobody drained them.
    pub fn daq_lost(&self) -> u64 {
        self.channel.lost()
    }

    /// What only the world knows.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Truth: carriage position, mm, at which the undeformed surface at a site lies in the plane of the face.
    pub fn face_mm(&self, x_mm: f64, y_mm: f64) -> f64 {
        self.surface.face_mm(x_mm, y_mm)
    }

    /// Goes on by one instant of the grid, or over a quiet time, as far as `to` allows. False where it does not.
    fn advance_once(&mut self, to: RunTime) -> bool {
        if self.reached < self.quiet_until && self.skip(to) {
            return true;
        }
        // Only a turning pen is fast; a stage at its few mm/s is followed well enough from tick to tick.
        let rests = self.pen.rests() && self.grid.ticks_are_short();
        let next = if rests { self.grid.next_tick() } else { self.grid.next() };
        if next > to {
            return false;
        }
        let step_s = if rests { self.grid.tick_rest_s() } else { self.grid.step_s() };
        let tick = if rests { self.grid.advance_tick() } else { self.grid.advance() };
        self.step(next, step_s);
        if tick && self.grid.is_streaming() {
            self.sample(next);
        }
        true
    }

    /// Passes a time in which nothing can touch and the cell is at rest. False where no whole tick of it is left.
    fn skip(&mut self, to: RunTime) -> bool {
        let limit = to.min(self.quiet_until);
        let tick = self.grid.next_tick();
        if tick > limit {
            return false;
        }
        if self.grid.is_streaming() {
            self.grid.advance_tick();
            self.reached = tick;
            self.stage.follow(tick.as_secs_f64(), &self.surface);
            self.sample(tick);
        } else {
            self.reached = self.grid.jump(limit);
            self.stage.follow(self.reached.as_secs_f64(), &self.surface);
        }
        true
    }

    fn sample(&mut self, now: RunTime) {
        self.channel.sample(now, self.cell.spring_n(), self.stage.encoder_counts());
    }

    /// Computes the instant `next`, one step on; in parts where the step is too long for what happens in it.
    fn step(&mut self, next: RunTime, step_s: f64) {
        let (from_s, to_s) = (self.reached.as_secs_f64(), next.as_secs_f64());
        self.reached = next;
        self.pen.follow(to_s, &mut self.truth);
        let turn_s = self.pen.extension_s();
        if self.enters(from_s, to_s) {
            let part_s = step_s / f64::from(ENTRY_PARTS);
            for part in (0..ENTRY_PARTS).rev() {
                self.step_part(next, to_s - f64::from(part) * part_s, part_s);
            }
        } else if from_s < turn_s && turn_s < to_s {
            // The force turns at the extended dead centre, and the deepest point is there.
            self.step_part(next, turn_s, turn_s - from_s);
            self.step_part(next, to_s, to_s - turn_s);
        } else {
            self.step_part(next, to_s, step_s);
        }
    }

    /// Whether a stroke drives needles into fresh tissue: the one time when forces change faster than the step.
    fn enters(&self, from_s: f64, to_s: f64) -> bool {
        if !self.pen.strokes() || self.phantom.all_punctured() {
            return false;
        }
        let tip_mm = self.pen.tip_mm(to_s);
        let gap_mm = self.stage.gap_mm().max(0.0);
        tip_mm > gap_mm && tip_mm - self.pen.tip_mm(from_s) > ENTRY_STEP_MM
    }

    fn step_part(&mut self, next: RunTime, now_s: f64, step_s: f64) {
        self.stage.follow(now_s, &self.surface);
        if self.hands.hard_stop() {
            return self.press_on_stop(next, now_s);
        }
        // The force changes little over a step, so the deflection under the last one is right to second order.
        let deflection_mm = self.cell.deflection_mm(step_s, self.force_n);
        let approach = Approach {
            site_mm: self.stage.site_mm(),
            gap_mm: self.stage.gap_mm() + deflection_mm,
            tip_mm: self.pen.tip_mm(now_s),
        };
        let load = self.phantom.step(next, step_s, approach);
        let (hand_n, hand_end_n) = self.hands.force_n(now_s, step_s);
        let end_n = load.total.end_n + hand_end_n;
        self.cell.step(step_s, load.total.mean_n + hand_n, end_n - self.force_n);
        self.force_n = end_n;
        if self.phantom.touches() {
            self.react(next, now_s, step_s, &load);
            self.note(&approach);
        } else if !self.hands.act_after(now_s) && self.cell.settle() {
            self.find_quiet(next, approach.gap_mm);
        }
    }

    /// The stop stands where the surface was and gives way by nothing: the cell must.
    fn press_on_stop(&mut self, next: RunTime, now_s: f64) {
        self.cell.impose(-self.stage.gap_mm());
        self.force_n = self.cell.spring_n();
        if self.force_n > self.stall_force_n && self.stage.drive(Axis::Z).advances(now_s) {
            self.stage.drive_mut(Axis::Z).stall(next);
        }
    }

    /// Lets pen and stage feel the load.
    fn react(&mut self, next: RunTime, now_s: f64, step_s: f64, load: &Load) {
        self.pen.feel(now_s, step_s, load.needles_n);
        if load.total.end_n > self.stall_force_n && self.stage.drive(Axis::Z).advances(now_s) {
            self.stage.drive_mut(Axis::Z).stall(next);
        }
    }

    /// Keeps the truth about a contact.
    fn note(&mut self, approach: &Approach) {
        let interference_mm = approach.tip_mm - approach.gap_mm.max(0.0);
        if self.pen.strokes()
            && let Some(stroke) = self.truth.strokes.last_mut()
        {
            stroke.peak_force_n = stroke.peak_force_n.max(self.force_n);
            if interference_mm > stroke.interference_mm {
                stroke.interference_mm = interference_mm;
                stroke.penetration_mm = self.phantom.penetration_mm();
                stroke.penetration_mean_mm = self.phantom.penetration_mean_mm();
            }
        } else if self.pen.holds_out()
            && let Some(hold) = self.truth.holds.last_mut()
        {
            hold.peak_force_n = hold.peak_force_n.max(self.force_n);
            if interference_mm > hold.interference_mm {
                hold.interference_mm = interference_mm;
                hold.site_mm = approach.site_mm;
                hold.face_mm = self.stage.face_mm();
                hold.tip_mm = self.stage.face_mm() - hold.protrusion_mm;
                hold.gap_mm = approach.gap_mm;
                hold.penetration_mm = self.phantom.penetration_mm();
                hold.penetration_mean_mm = self.phantom.penetration_mean_mm();
                hold.punctured_needles = self.phantom.punctured();
            }
        }
    }

    /// Finds how long nothing can touch, from bounds of every speed.
    fn find_quiet(&mut self, now: RunTime, gap_mm: f64) {
        let clearance_mm = gap_mm - self.pen.reach_mm().max(0.0);
        if clearance_mm <= 0.0 {
            return;
        }
        let now_s = now.as_secs_f64();
        let touch_s = now_s + clearance_mm / self.stage.approach_bound_mm_s(now_s, &self.surface);
        // Play takes the nut along one way at a time, so no skip may pass a turn of a drive.
        let until_s = touch_s.min(self.stage.segment_end_s(now_s)).min(self.pen.motion_end_s());
        let wake_s = until_s - WAKE_TICKS * self.grid.tick_s();
        self.quiet_until = RunTime::from_nanos((wake_s * 1e9) as u64);
    }

    /// Brings a world whose grid ends here to the present.
    fn finish_grid(&mut self) {
        if self.reached < self.now {
            let step_s = self.now.since(self.reached).as_secs_f64();
            self.step(self.now, step_s);
        }
    }

    /// Brings the pen through its dead centres to the present, before an order.
    fn follow_pen(&mut self) {
        self.quiet_until = RunTime::ZERO;
        self.pen.follow(self.now.as_secs_f64(), &mut self.truth);
    }

    fn drive(&mut self, axis: Axis) -> &mut Drive {
        self.quiet_until = RunTime::ZERO;
        self.stage.drive_mut(axis)
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, CartridgeTruth, Motor, World, channel::DaqSample};
    use crate::{
        config::world::{Cell, Law, Pen, Phantom, WorldParams},
        time::RunTime,
    };
    use proptest::prelude::*;
    use std::time::Duration;

    const CARTRIDGE: CartridgeTruth = CartridgeTruth { needles: 12, needle_diameter_mm: 0.23, height_sd_mm: 0.006 };
    const TENTH_MS: Duration = Duration::from_micros(100);

    fn quiet_cell() -> Cell {
        let (noise_n, hum_n, drift_n_per_s, wander_n, offset_n) = (0.0, 0.0, 0.0, 0.0, 0.0);
        Cell { noise_n, hum_n, drift_n_per_s, wander_n, offset_n, ..Cell::default() }
    }

    fn wait(world: &mut World, seconds: f64) {
        let now = world.now();
        world.advance(now + Duration::from_secs_f64(seconds));
    }

    fn force_n(sample: &DaqSample) -> f64 {
        f64::from(sample.force_counts) * Cell::default().n_per_count
    }

    fn z_mm(sample: &DaqSample) -> f64 {
        f64::from(sample.encoder_counts[0]) * 5e-5 / 1.00002
    }

    /// A press as the procedure makes it: extend, rise to the face, hold, withdraw. All its samples.
    fn press(world: &mut World, set_depth_mm: f64) -> Vec<DaqSample> {
        let mut samples = Vec::new();
        world.pen_set(110.0, set_depth_mm);
        world.pen_motor(Motor::HoldOut);
        world.stage_move(Axis::Z, 17.8 - set_depth_mm, 20.0);
        wait(world, 2.0);
        world.daq_start(0b1111, TENTH_MS);
        world.stage_move(Axis::Z, 18.02, 0.5);
        wait(world, 2.0 * (set_depth_mm + 0.3));
        wait(world, 0.3);
        world.stage_move(Axis::Z, 10.0, 1.0);
        wait(world, set_depth_mm + 0.5);
        world.daq_stop();
        world.daq_drain(&mut samples);
        world.stage_move(Axis::Z, 10.0, 20.0);
        world.pen_motor(Motor::HoldIn);
        wait(world, 1.0);
        samples
    }

    /// A run of the pen at a fixed stage position for `seconds`.
    fn run(world: &mut World, stage_mm: f64, seconds: f64) -> Vec<DaqSample> {
        let mut samples = Vec::new();
        world.pen_set(110.0, 1.5);
        world.stage_move(Axis::Z, stage_mm, 20.0);
        wait(world, 2.0);
        world.daq_start(0b1111, TENTH_MS);
        world.pen_motor(Motor::Run);
        wait(world, seconds);
        world.daq_drain(&mut samples);
        samples
    }

    #[test]
    fn force_rises_where_the_tip_meets_the_surface() {
        for law in [Law::Power, Law::Exponential, Law::Hertz] {
            let params = WorldParams {
                phantom: Phantom { law, ..Phantom::default() },
                cell: Cell { noise_n: 1e-4, ..quiet_cell() },
                ..WorldParams::default()
            };
            let mut world = World::new(&params, &CARTRIDGE, 4);
            let samples = press(&mut world, 1.5);
            let hold = world.truth().holds[0];
            assert!((hold.protrusion_mm - 1.507).abs() < 0.04);
            let before = samples.iter().filter(|sample| z_mm(sample) < hold.tip_mm - 0.001).take(3000);
            assert!(before.map(force_n).all(|force| force.abs() < 6e-4), "{law:?}");
            let dimple_mm = 0.03;
            let first = samples.iter().find(|sample| z_mm(sample) > hold.tip_mm + dimple_mm).unwrap();
            assert!(force_n(first) > 5e-4, "{law:?}: {}", force_n(first));
            assert!(hold.penetration_mm > 1.2 && hold.penetration_mm < hold.protrusion_mm);
            assert_eq!(hold.punctured_needles, 12);
            assert!((hold.face_mm - world.face_mm(0.0, 0.0)).abs() < 1e-4, "site at rest but for play");
            assert!((hold.protrusion_mm - hold.gap_mm.max(0.0) - hold.interference_mm).abs() < 1e-12);
        }
    }

    #[test]
    fn the_surface_gives_way_by_the_compliance() {
        let cell = Cell { compliance_mm_per_n: 0.04, ..quiet_cell() };
        let mut world = World::new(&WorldParams { cell, ..WorldParams::default() }, &CARTRIDGE, 4);
        let mut samples = Vec::new();
        world.stage_move(Axis::Z, 18.1, 20.0);
        wait(&mut world, 3.0);
        world.daq_start(0b0011, TENTH_MS);
        wait(&mut world, 0.001);
        world.daq_drain(&mut samples);
        // Face alone: force = k · (z - C · force - face), relaxed by 4 % after 3 s.
        let beyond_mm = z_mm(&samples[0]) - world.face_mm(0.0, 0.0);
        let expected_n = 0.96 * 8.0 * beyond_mm / (1.0 + 0.96 * 8.0 * 0.04);
        assert!((force_n(&samples[0]) / expected_n - 1.0).abs() < 0.005, "{} {expected_n}", force_n(&samples[0]));
    }

    #[test]
    fn a_slow_acquisition_sees_what_a_fast_one_sees() {
        let at_end = |period: Duration| {
            let params = WorldParams { cell: Cell { clock_ppm: 0.0, ..quiet_cell() }, ..WorldParams::default() };
            let mut world = World::new(&params, &CARTRIDGE, 4);
            let mut samples = Vec::new();
            world.pen_set(110.0, 1.5);
            world.pen_motor(Motor::HoldOut);
            world.daq_start(0b0011, period);
            world.stage_move(Axis::Z, 17.9, 10.0);
            wait(&mut world, 3.0);
            world.daq_drain(&mut samples);
            (samples.len(), force_n(&samples[samples.len() - 1]), world.truth().holds[0].penetration_mm)
        };
        let (fast, slow) = (at_end(TENTH_MS), at_end(Duration::from_millis(100)));
        assert_eq!((fast.0, slow.0), (30_000, 30));
        assert!((fast.1 / slow.1 - 1.0).abs() < 0.002 && (fast.2 - slow.2).abs() < 5e-4, "{fast:?} {slow:?}");
    }

    #[test]
    fn out_of_contact_there_is_no_force() {
        let params = WorldParams { cell: quiet_cell(), ..WorldParams::default() };
        let mut world = World::new(&params, &CARTRIDGE, 2);
        let samples = run(&mut world, 16.3, 2.0);
        assert_eq!(samples.len(), 20_000);
        assert!(samples.iter().all(|sample| sample.force_counts == 0));
        assert!(world.truth().strokes.iter().all(|stroke| stroke.interference_mm == 0.0));
    }

    #[test]
    fn strokes_into_their_own_hole_puncture_once() {
        let peak_n = |healing_s: Option<f64>| {
            let phantom = Phantom { healing_s, ..Phantom::default() };
            let params = WorldParams { phantom, cell: quiet_cell(), ..WorldParams::default() };
            let mut world = World::new(&params, &CARTRIDGE, 2);
            let samples = run(&mut world, 17.5, 1.0);
            assert!(world.truth().strokes[20..].iter().all(|stroke| stroke.missed || stroke.penetration_mm > 0.7));
            samples[5000..].iter().map(force_n).fold(f64::MIN, f64::max)
        };
        let (hole_n, fresh_n) = (peak_n(None), peak_n(Some(0.0)));
        assert!(hole_n < 0.95 * fresh_n && fresh_n > 0.6, "{hole_n} {fresh_n}");
    }

    /// Interference, mm, and peak of the cell's reading, N, of each stroke.
    fn peaks_n(step_us: f64) -> Vec<(f64, f64)> {
        // Fresh tissue for each stroke, so that every one punctures at speed.
        let phantom = Phantom { healing_s: Some(0.0), ..Phantom::default() };
        // No droop: it shifts the strokes against the samples, which is no error of their force.
        let pen = Pen { rate_droop_per_n: 0.0, ..Pen::default() };
        let params = WorldParams { step_us, phantom, pen, cell: quiet_cell(), ..WorldParams::default() };
        let mut world = World::new(&params, &CARTRIDGE, 2);
        let samples = run(&mut world, 17.5, 2.0);
        let start = world.truth().strokes[20].start.as_secs_f64();
        let strokes = &world.truth().strokes[20..200];
        let first_s = 2.0 + 1e-4 / 1.000015;
        strokes
            .iter()
            .map(|stroke| {
                let index = |time_s: f64| ((time_s - first_s) / 1e-4 * 1.000015) as usize;
                let from_s = stroke.start.as_secs_f64();
                assert!(from_s >= start);
                let of_stroke = &samples[index(from_s)..index(from_s + stroke.period_s)];
                (stroke.interference_mm, of_stroke.iter().map(force_n).fold(f64::MIN, f64::max))
            })
            .collect()
    }

    #[test]
    fn a_tenth_of_the_step_gives_the_same_strokes_within_a_micrometre() {
        let (coarse, fine) = (peaks_n(40.0), peaks_n(4.0));
        let n = fine.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| fine.iter().map(of).sum::<f64>() / n;
        let (x, y) = (mean(|peak| peak.0), mean(|peak| peak.1));
        let slope = fine.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>()
            / fine.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
        let mut worst_mm = 0.0_f64;
        for (index, (coarse, fine)) in coarse.iter().zip(&fine).enumerate() {
            assert!((coarse.0 - fine.0).abs() < 1e-3, "stroke {index}: {} {}", coarse.0, fine.0);
            let error_mm = (coarse.1 - fine.1) / slope;
            worst_mm = worst_mm.max(error_mm.abs());
        }
        assert!(worst_mm < 1e-3, "{worst_mm} mm, slope {slope} N/mm");
    }

    #[test]
    fn seeds_repeat_and_differ() {
        let samples = |seed: u64| press(&mut World::new(&WorldParams::default(), &CARTRIDGE, seed), 0.5);
        assert_eq!(samples(1), samples(1));
        assert_ne!(samples(1), samples(2));
    }

    #[test]
    fn a_pen_under_load_stalls_and_lets_go() {
        let params = WorldParams { pen: Pen { stall_force_n: 0.3, ..Pen::default() }, ..WorldParams::default() };
        let mut world = World::new(&params, &CARTRIDGE, 2);
        run(&mut world, 17.9, 0.3);
        assert!(world.pen_stalled());
        world.pen_motor(Motor::Off);
        wait(&mut world, 0.2);
        assert!(!world.pen_stalled());
        assert_eq!(world.pen_motor_state(), Motor::Off);
    }

    #[test]
    fn the_stage_stalls_where_it_must_not_push_on() {
        let mut params = WorldParams::default();
        params.stage.stall_force_n = 2.0;
        let mut world = World::new(&params, &CARTRIDGE, 2);
        world.stage_move(Axis::Z, 20.0, 5.0);
        wait(&mut world, 10.0);
        assert!(world.stage_stalled(Axis::Z) && !world.stage_busy(Axis::Z));
        assert!(world.stage_position_mm(Axis::Z) < 18.5);
        world.stage_move(Axis::Z, 10.0, 5.0);
        wait(&mut world, 10.0);
        assert_eq!(world.stage_position_mm(Axis::Z), 10.0);
    }

    /// What a script of commands leaves behind, with time cut at `cuts` (ns).
    fn script(cuts: &[u64], streaming: bool) -> (Vec<DaqSample>, String) {
        let mut world = World::new(&WorldParams::default(), &CARTRIDGE, 9);
        let mut samples = Vec::new();
        let mut until = |world: &mut World, seconds: f64| {
            let end = RunTime::from_nanos((seconds * 1e9) as u64);
            for &cut in cuts.iter().filter(|&&cut| cut < end.as_nanos()) {
                world.advance(RunTime::from_nanos(cut));
            }
            world.advance(end);
            world.daq_drain(&mut samples);
        };
        world.stage_move(Axis::Z, 16.0, 30.0);
        world.stage_velocity(Axis::X, 2.0);
        until(&mut world, 0.7);
        if streaming {
            world.daq_start(0b1111, Duration::from_nanos(123_457));
        }
        world.pen_set(110.0, 1.5);
        world.pen_motor(Motor::Run);
        until(&mut world, 0.900_000_1);
        world.stage_move(Axis::Z, 17.2, 3.0);
        until(&mut world, 1.4);
        world.pen_motor(Motor::HoldOut);
        world.stage_stop(Axis::X);
        until(&mut world, 1.6);
        world.pen_motor(Motor::Off);
        world.stage_move(Axis::Z, 15.0, 10.0);
        until(&mut world, 2.0);
        let truth = format!("{:?} {:?}", world.truth(), world.cell);
        (samples, truth)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn time_may_be_cut_anywhere(mut cuts in prop::collection::vec(0..2_000_000_000_u64, 0..200), streaming: bool) {
            cuts.sort_unstable();
            prop_assert_eq!(script(&cuts, streaming), script(&[], streaming));
        }
    }
}
