//! What a simulated GRBL controller reports: its status, where it is, its offsets.

use super::{
    GrblFirmware, RING_BYTES_MAX, Work,
    setting::{INCHES, STATUS_MASK},
};
use crate::sim::world::World;

/// Reports from one work offset to the next, and from one report of the overrides to the next: at rest and in motion.
const OFFSET_EVERY: (u32, u32) = (10, 30);
const OVERRIDES_EVERY: (u32, u32) = (10, 20);
/// Millimetres an inch.
const INCH_MM: f64 = 25.4;

impl GrblFirmware {
    fn state(&self, world: &World) -> &'static str {
        if self.motion.is_homing() {
            "Home"
        } else if self.work == Work::Asleep {
            "Sleep"
        } else if self.checking {
            "Check"
        } else if self.locked {
            "Alarm"
        } else if self.motion.held() {
            if self.motion.turning(world) { "Hold:1" } else { "Hold:0" }
        } else if self.motion.jogging() {
            "Jog"
        } else if self.motion.active() {
            "Run"
        } else {
            "Idle"
        }
    }

    pub(super) fn tell_status(&mut self, world: &World) {
        let mask = self.settings.get(STATUS_MASK) as u32;
        let machine_mm = self.motion.position_mm(world);
        let offset_mm = self.modes.offset_mm();
        let work_mm = std::array::from_fn(|index| machine_mm[index] - offset_mm[index]);
        let mut report = format!("<{}|", self.state(world));
        report += &match mask & 1 {
            0 => format!("WPos:{}", self.coordinates(work_mm)),
            _ => format!("MPos:{}", self.coordinates(machine_mm)),
        };
        if mask & 2 != 0 {
            report += &format!("|Bf:{},{}", self.motion.free_blocks(), RING_BYTES_MAX - self.ring.len());
        }
        report += &match self.settings.is_on(INCHES) {
            true => format!("|FS:{:.1},0", self.motion.feed_mm_min() / INCH_MM),
            false => format!("|FS:{:.0},0", self.motion.feed_mm_min()),
        };
        let every = |(at_rest, in_motion)| if self.motion.active() { in_motion } else { at_rest };
        if self.reports_to_offset == 0 {
            report += &format!("|WCO:{}", self.coordinates(offset_mm));
            self.reports_to_offset = every(OFFSET_EVERY);
            // Never both in one report.
            self.reports_to_overrides = self.reports_to_overrides.max(1);
        } else if self.reports_to_overrides == 0 {
            report += "|Ov:100,100,100";
            self.reports_to_overrides = every(OVERRIDES_EVERY);
        }
        self.reports_to_offset -= 1;
        self.reports_to_overrides = self.reports_to_overrides.saturating_sub(1);
        self.say(&(report + ">"));
    }

    pub(super) fn tell_offsets(&mut self) {
        let none = self.coordinates([0.0; 3]);
        self.say(&format!("[G54:{}]", self.coordinates(self.modes.stored_mm)));
        for name in ["G55", "G56", "G57", "G58", "G59", "G28", "G30"] {
            self.say(&format!("[{name}:{none}]"));
        }
        self.say(&format!("[G92:{}]", self.coordinates(self.modes.shift_mm)));
        self.say(&format!("[TLO:{}]", none.split(',').next().unwrap_or_default()));
        self.say(&format!("[PRB:{none}:0]"));
    }

    /// As reports have them: mm with three decimals, or inches with four.
    fn coordinates(&self, mm: [f64; 3]) -> String {
        let (unit_mm, digits) = if self.settings.is_on(INCHES) { (INCH_MM, 4) } else { (1.0, 3) };
        let steps = 10_f64.powi(digits as i32);
        // A tiny negative number would be written with its sign.
        let [x, y, z] = mm.map(|mm| (mm / unit_mm * steps).round() / steps + 0.0);
        format!("{x:.digits$},{y:.digits$},{z:.digits$}")
    }
}
