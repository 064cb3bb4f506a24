//! The planner of a simulated GRBL controller over the drives of the world: blocks one after the other, homing.
//!
//! The controller counts what it commands. A drive that loses its step loses it unseen: the count goes on.

use crate::sim::{
    firmware::grbl::program::Block,
    world::{Axis, World},
};
use std::collections::VecDeque;

/// Blocks that the planner holds.
pub(crate) const BLOCKS_MAX: usize = 15;

/// A machine axis that has a drive.
#[derive(Clone, Copy, Debug)]
pub struct MachineDrive {
    /// The axis of the stage that it moves.
    pub axis: Axis,
    /// 1 where both count the same way, else -1.
    pub sign: f64,
    /// Travel from the home switch, mm.
    pub travel_mm: f64,
}

/// What moves at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Going {
    Nothing,
    Block(Block),
    /// Braking after a cancel.
    Cancelled,
    /// Braking on hold, or at rest in it; the block goes on when resumed.
    Held(Option<Block>),
}

/// The motion of up to three axes.
#[derive(Debug)]
pub(crate) struct Motion {
    drives: [Option<MachineDrive>; 3],
    /// Machine position where the drive counts zero.
    zero_mm: [f64; 3],
    /// Position of axes without a drive.
    phantom_mm: [f64; 3],
    steps_per_mm: [f64; 3],
    blocks: VecDeque<Block>,
    going: Going,
    homing: VecDeque<Vec<(usize, f64, f64)>>,
    pub(crate) homed: bool,
}

impl Motion {
    pub(crate) fn new(drives: [Option<MachineDrive>; 3], steps_per_mm: f64) -> Self {
        Self {
            drives,
            zero_mm: [0.0; 3],
            phantom_mm: [0.0; 3],
            steps_per_mm: [steps_per_mm; 3],
            blocks: VecDeque::new(),
            going: Going::Nothing,
            homing: VecDeque::new(),
            homed: false,
        }
    }

    /// Machine position, mm.
    pub(crate) fn position_mm(&self, world: &World) -> [f64; 3] {
        let mut position_mm = self.phantom_mm;
        for (index, drive) in self.drives.iter().enumerate() {
            if let Some(MachineDrive { axis, sign, .. }) = drive {
                position_mm[index] = self.zero_mm[index] + sign * world.stage_position_mm(*axis);
            }
        }
        position_mm
    }

    /// Reach of an axis in machine coordinates, mm. GRBL puts it below zero.
    pub(crate) fn reaches(&self, target_mm: [f64; 3]) -> bool {
        (0..3).all(|index| match self.drives[index] {
            Some(drive) => (-drive.travel_mm - 1e-6..=1e-6).contains(&target_mm[index]),
            None => true,
        })
    }

    pub(crate) fn is_free(&self) -> bool {
        self.blocks.len() + usize::from(matches!(self.going, Going::Block(_))) < BLOCKS_MAX
    }

    pub(crate) fn free_blocks(&self) -> usize {
        BLOCKS_MAX - self.blocks.len() - usize::from(matches!(self.going, Going::Block(_)))
    }

    pub(crate) fn push(&mut self, block: Block, world: &mut World) {
        self.blocks.push_back(block);
        self.follow(world);
    }

    /// Whether a block is under way or waits, a cancel or hold counted.
    pub(crate) fn active(&self) -> bool {
        self.going != Going::Nothing || !self.blocks.is_empty() || self.is_homing()
    }

    pub(crate) fn is_homing(&self) -> bool {
        !self.homing.is_empty()
    }

    /// Whether what goes on is a jog, or the end of one.
    pub(crate) fn jogging(&self) -> bool {
        matches!(self.going, Going::Cancelled | Going::Block(Block { jog: true, .. }))
    }

    pub(crate) fn held(&self) -> bool {
        matches!(self.going, Going::Held(_))
    }

    pub(crate) fn feed_mm_min(&self) -> f64 {
        match self.going {
            Going::Block(block) if block.feed_mm_min.is_finite() => block.feed_mm_min,
            _ => 0.0,
        }
    }

    /// Whether a drive turns.
    pub(crate) fn turning(&self, world: &World) -> bool {
        self.drives.iter().flatten().any(|drive| world.stage_busy(drive.axis))
    }

    /// Goes from block to block. True where everything has just come to its end.
    pub(crate) fn follow(&mut self, world: &mut World) -> bool {
        if self.turning(world) {
            return false;
        }
        if self.is_homing() {
            return self.follow_homing(world);
        }
        match self.going {
            Going::Held(_) => return false,
            Going::Nothing if self.blocks.is_empty() => return false,
            Going::Block(block) => self.count_as_there(block.target_mm, world),
            Going::Nothing | Going::Cancelled => {}
        }
        self.going = Going::Nothing;
        while let Some(block) = self.blocks.pop_front() {
            self.go(block, world);
            if self.turning(world) {
                self.going = Going::Block(block);
                return false;
            }
            self.count_as_there(block.target_mm, world);
        }
        true
    }

    /// Ends a jog and forgets those that wait.
    pub(crate) fn cancel_jog(&mut self, world: &mut World) {
        if matches!(self.going, Going::Block(Block { jog: true, .. })) {
            self.blocks.clear();
            self.brake(world);
            self.going = Going::Cancelled;
        }
    }

    pub(crate) fn hold(&mut self, world: &mut World) {
        match self.going {
            Going::Block(block) if !block.jog => {
                self.brake(world);
                self.going = Going::Held(Some(block));
            }
            Going::Nothing => self.going = Going::Held(None),
            _ => self.cancel_jog(world),
        }
    }

    pub(crate) fn resume(&mut self, world: &mut World) {
        if let Going::Held(block) = self.going {
            self.going = Going::Nothing;
            if let Some(block) = block {
                self.blocks.push_front(block);
            }
            self.follow(world);
        }
    }

    /// Stops at once and forgets everything; true where something turned.
    pub(crate) fn abort(&mut self, world: &mut World) -> bool {
        let turned = self.turning(world);
        self.brake(world);
        self.blocks.clear();
        self.homing.clear();
        self.going = Going::Nothing;
        self.homed &= !turned;
        turned
    }

    /// To the switches, away from the pen, z first; then off them by `pull_off_mm`.
    pub(crate) fn home(&mut self, speed_mm_s: f64, pull_off_mm: f64, world: &mut World) {
        let with_drive = |index: &usize| self.drives[*index].is_some();
        for group in [vec![2], vec![0, 1]] {
            let group: Vec<usize> = group.into_iter().filter(with_drive).collect();
            for to_mm in [0.0, pull_off_mm] {
                let moves: Vec<_> = group.iter().map(|&index| (index, to_mm, speed_mm_s)).collect();
                if !moves.is_empty() {
                    self.homing.push_back(moves);
                }
            }
        }
        self.begin_homing_move(world);
    }

    fn begin_homing_move(&mut self, world: &mut World) {
        for &(index, to_mm, speed_mm_s) in self.homing.front().into_iter().flatten() {
            if let Some(drive) = self.drives[index] {
                world.stage_move(drive.axis, to_mm, speed_mm_s);
            }
        }
    }

    fn follow_homing(&mut self, world: &mut World) -> bool {
        self.homing.pop_front();
        if self.is_homing() {
            self.begin_homing_move(world);
            return false;
        }
        for (index, drive) in self.drives.iter().enumerate() {
            if let Some(MachineDrive { sign, travel_mm, .. }) = drive {
                // The switch is at the end of the machine's space that lies away from the pen.
                self.zero_mm[index] = if *sign > 0.0 { -travel_mm } else { 0.0 };
            }
        }
        self.homed = true;
        true
    }

    fn brake(&mut self, world: &mut World) {
        for drive in self.drives.iter().flatten().filter(|drive| world.stage_busy(drive.axis)).collect::<Vec<_>>() {
            world.stage_stop(drive.axis);
        }
    }

    fn go(&mut self, block: Block, world: &mut World) {
        let from_mm = self.position_mm(world);
        let target_mm = self.on_step(block.target_mm);
        let way_mm: [f64; 3] = std::array::from_fn(|index| target_mm[index] - from_mm[index]);
        let path_mm = way_mm.iter().map(|way| way * way).sum::<f64>().sqrt();
        for (index, drive) in self.drives.into_iter().enumerate() {
            let Some(MachineDrive { axis, sign, .. }) = drive else {
                self.phantom_mm[index] = target_mm[index];
                continue;
            };
            if way_mm[index].abs() > 1e-9 {
                let speed_mm_s = block.feed_mm_min / 60.0 * way_mm[index].abs() / path_mm;
                world.stage_move(axis, sign * (target_mm[index] - self.zero_mm[index]), speed_mm_s);
            }
        }
    }

    /// The count is where it was told to go, whether the drive came there or lost its step.
    fn count_as_there(&mut self, target_mm: [f64; 3], world: &World) {
        let target_mm = self.on_step(target_mm);
        for (index, drive) in self.drives.iter().enumerate() {
            if let Some(MachineDrive { axis, sign, .. }) = drive {
                self.zero_mm[index] = target_mm[index] - sign * world.stage_position_mm(*axis);
            }
        }
    }

    fn on_step(&self, mm: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|index| (mm[index] * self.steps_per_mm[index]).round() / self.steps_per_mm[index])
    }
}
