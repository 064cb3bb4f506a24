//! Firmware of a simulated GRBL 1.1h controller: lines, realtime bytes, status, alarms.
//!
//! What makes GRBL hard to talk to is kept: a receive buffer of 128 bytes that overflows while the controller works on a
//! line or waits for room in its planner of 15 blocks; settings writes during which nothing is received; CR LF as two
//! line ends, each with its `ok`; `ok` at the end of homing only. [`program`] reads G-code, [`motion`] moves the drives,
//! [`report`] tells of both.
//! Deliberately absent: spindle, coolant, probe, safety door, overrides (reported as 100 %), start-up lines.

pub(crate) mod motion;
pub(crate) mod program;
mod report;
pub(crate) mod setting;

pub use motion::MachineDrive;

use crate::{
    config::world,
    sim::{firmware::Firmware, world::World},
    time::RunTime,
};
use motion::{BLOCKS_MAX, Motion};
use program::{Action, Block, Modes};
use setting::{HOMING, PULL_OFF_MM, SEEK_MM_MIN, SOFT_LIMITS, STEPS_PER_MM, Settings};
use std::{collections::VecDeque, time::Duration};

/// Bytes that the receive ring holds; one of its 128 stays empty.
const RING_BYTES_MAX: usize = 127;
/// Longest line.
const LINE_BYTES_MAX: usize = 79;
/// Work on one line. At 115200 baud a burst of twenty lines of 11 bytes then loses some, as a real controller's does.
const LINE_WORK: Duration = Duration::from_micros(2500);
/// A write to the settings memory.
const WRITE_WORK: Duration = Duration::from_millis(50);
/// How often moving drives are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What the main loop is at.
#[derive(Clone, Debug, PartialEq)]
enum Work {
    Reading,
    /// A line; `None` where it was too long.
    Line {
        until: RunTime,
        line: Option<String>,
    },
    /// A write: what arrives meanwhile is lost.
    Writing {
        until: RunTime,
    },
    Room(Block),
    Homing,
    Dwell {
        span: Duration,
        until: Option<RunTime>,
    },
    /// A critical alarm: only a reset helps.
    Stuck,
    /// Asleep: only a reset wakes it.
    Asleep,
}

/// What a line's bytes are part of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Within {
    #[default]
    Words,
    /// From `(` to `)`.
    Brackets,
    /// From `;` to the end of the line.
    Remark,
}

/// A simulated GRBL controller.
#[derive(Debug)]
pub struct GrblFirmware {
    settings: Settings,
    /// What `$RST` brings back.
    shipped: Settings,
    name: String,
    modes: Modes,
    motion: Motion,
    locked: bool,
    /// G-code is checked, and nothing moves.
    checking: bool,
    work: Work,
    ring: VecDeque<u8>,
    line: String,
    within: Within,
    overlong: bool,
    look_at: Option<RunTime>,
    status_wanted: bool,
    reports_to_offset: u32,
    reports_to_overrides: u32,
    out: Vec<u8>,
    lost_bytes: u64,
}

impl GrblFirmware {
    /// A controller that has just been powered, with a drive on each machine axis that has one.
    pub fn new(drives: [Option<MachineDrive>; 3], stage: &world::Stage) -> Self {
        let settings = Settings::set_up(stage.travel_mm, stage.speed_max_mm_s, stage.acceleration_mm_s2);
        let mut controller = Self {
            shipped: settings.clone(),
            settings,
            name: "SIM-STAGE".to_owned(),
            modes: Modes::default(),
            motion: Motion::new(drives, STEPS_PER_MM),
            locked: true,
            checking: false,
            work: Work::Reading,
            ring: VecDeque::new(),
            line: String::new(),
            within: Within::Words,
            overlong: false,
            look_at: None,
            status_wanted: false,
            reports_to_offset: 0,
            reports_to_overrides: 1,
            out: Vec::new(),
            lost_bytes: 0,
        };
        controller.greet();
        controller
    }

    /// Bytes that found the receive ring full or the controller deaf.
    pub fn lost_bytes(&self) -> u64 {
        self.lost_bytes
    }

    fn say(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    fn greet(&mut self) {
        self.say("\r\nGrbl 1.1h ['$' for help]");
        if self.locked {
            self.say("[MSG:'$H'|'$X' to unlock]");
        }
    }

    fn alarm(&mut self, code: u16) {
        self.locked = true;
        self.say(&format!("ALARM:{code}"));
    }

    fn receive_byte(&mut self, now: RunTime, byte: u8, world: &mut World) {
        if matches!(self.work, Work::Writing { .. }) {
            self.lost_bytes += 1;
            return;
        }
        match byte {
            b'?' => self.status_wanted = true,
            0x18 => self.reset(now, world),
            b'!' if !self.locked && self.work != Work::Homing => self.motion.hold(world),
            0x85 => self.motion.cancel_jog(world),
            b'~' => self.motion.resume(world),
            b'!' | 0x80.. => {}
            _ if self.work == Work::Reading => self.read(now, byte),
            _ if self.ring.len() < RING_BYTES_MAX => self.ring.push_back(byte),
            _ => self.lost_bytes += 1,
        }
        if self.work != Work::Homing && std::mem::take(&mut self.status_wanted) {
            self.tell_status(world);
        }
    }

    fn read(&mut self, now: RunTime, byte: u8) {
        match byte {
            b'\n' | b'\r' => {
                let line = std::mem::take(&mut self.line);
                let line = (!std::mem::take(&mut self.overlong)).then_some(line);
                self.within = Within::Words;
                self.work = Work::Line { until: now + LINE_WORK, line };
            }
            b')' if self.within == Within::Brackets => self.within = Within::Words,
            _ if self.within != Within::Words => {}
            b'(' => self.within = Within::Brackets,
            b';' => self.within = Within::Remark,
            // What is thrown away does not count: spaces, remarks, block delete.
            ..=0x20 | b'/' | 0x7F.. => {}
            _ if self.line.len() >= LINE_BYTES_MAX => self.overlong = true,
            _ => self.line.push(char::from(byte).to_ascii_uppercase()),
        }
    }

    /// Back to reading; what waited in the ring comes first.
    fn go_on(&mut self, now: RunTime) {
        self.work = Work::Reading;
        while self.work == Work::Reading
            && let Some(byte) = self.ring.pop_front()
        {
            self.read(now, byte);
        }
    }

    fn answer(&mut self, now: RunTime, result: Result<(), u16>) {
        match result {
            Ok(()) => self.say("ok"),
            Err(code) => self.say(&format!("error:{code}")),
        }
        self.go_on(now);
    }

    fn run(&mut self, now: RunTime, line: &str, world: &mut World) {
        let result = match line.strip_prefix('$') {
            _ if line.is_empty() => Ok(()),
            Some(command) if command.starts_with("J=") => return self.run_jog(now, &command[2..], world),
            Some("H") => return self.run_home(now, world),
            Some("C") if self.checking => return self.run_and_reset(now, "[MSG:Disabled]", world),
            Some("RST=$" | "RST=#" | "RST=*") if !self.at_rest() => Err(8),
            Some(command @ ("RST=$" | "RST=#" | "RST=*")) => return self.restore(now, command, world),
            Some("SLP") if self.at_rest() => return self.sleep(world),
            Some(command) => self.run_system(now, command, world),
            None if self.locked || self.motion.jogging() => Err(9),
            None => {
                self.catch_up(world);
                match self.modes.line(line) {
                    Ok(Action::Nothing) => Ok(()),
                    Ok(Action::End) => {
                        self.say("[MSG:Pgm End]");
                        Ok(())
                    }
                    Ok(Action::Store) => {
                        self.work = Work::Writing { until: now + WRITE_WORK };
                        Ok(())
                    }
                    Ok(Action::Move(block)) => return self.run_move(now, block, world),
                    Ok(Action::Dwell(_)) if self.checking => Ok(()),
                    Ok(Action::Dwell(span_s)) => {
                        let span = Duration::from_secs_f64(span_s.min(3600.0));
                        self.work = Work::Dwell { span, until: None };
                        return self.look(now, world);
                    }
                    Err(code) => Err(code),
                }
            }
        };
        // A write began.
        if !matches!(self.work, Work::Writing { .. }) {
            self.answer(now, result);
        }
    }

    /// Neither moving nor held nor checking: what changes settings may be done, locked or not.
    fn at_rest(&self) -> bool {
        !self.motion.active() && !self.checking
    }

    /// Says something, answers the line, and restarts.
    fn run_and_reset(&mut self, now: RunTime, message: &str, world: &mut World) {
        self.say(message);
        self.say("ok");
        self.reset(now, world);
    }

    /// Settings (`$`), offsets (`#`), or all of it as it was shipped.
    fn restore(&mut self, now: RunTime, command: &str, world: &mut World) {
        if command != "RST=#" {
            self.settings = self.shipped.clone();
        }
        if command != "RST=$" {
            self.modes.stored_mm = [0.0; 3];
        }
        self.run_and_reset(now, "[MSG:Restoring defaults]", world);
    }

    fn sleep(&mut self, world: &mut World) {
        self.say("ok");
        self.say("[MSG:Sleeping]");
        self.motion.abort(world);
        self.work = Work::Asleep;
    }

    /// At rest, the next motion begins where the last one was ended.
    fn catch_up(&mut self, world: &World) {
        if self.at_rest() {
            self.modes.planned_mm = self.motion.position_mm(world);
        }
    }

    fn run_jog(&mut self, now: RunTime, line: &str, world: &mut World) {
        let result = if self.locked {
            Err(9)
        } else if self.checking || self.motion.active() && !self.motion.jogging() {
            Err(8)
        } else {
            self.catch_up(world);
            self.modes.jog(line)
        };
        match result {
            Ok(block) if self.settings.is_on(SOFT_LIMITS) && !self.motion.reaches(block.target_mm) => {
                self.answer(now, Err(15));
            }
            Ok(block) => self.run_move(now, block, world),
            Err(code) => self.answer(now, Err(code)),
        }
    }

    fn run_move(&mut self, now: RunTime, block: Block, world: &mut World) {
        if self.settings.is_on(SOFT_LIMITS) && !self.motion.reaches(block.target_mm) {
            self.motion.abort(world);
            self.alarm(2);
            self.say("[MSG:Reset to continue]");
            self.work = Work::Stuck;
        } else if self.checking {
            self.modes.planned_mm = block.target_mm;
            self.answer(now, Ok(()));
        } else if self.motion.is_free() {
            self.modes.planned_mm = block.target_mm;
            self.motion.push(block, world);
            self.look_at = Some(now + LOOK_EVERY);
            self.answer(now, Ok(()));
        } else {
            self.work = Work::Room(block);
        }
    }

    fn run_home(&mut self, now: RunTime, world: &mut World) {
        if !self.at_rest() {
            return self.answer(now, Err(8));
        }
        if !self.settings.is_on(HOMING) {
            return self.answer(now, Err(5));
        }
        self.work = Work::Homing;
        self.motion.home(self.settings.get(SEEK_MM_MIN) / 60.0, self.settings.get(PULL_OFF_MM), world);
        self.look_at = Some(now + LOOK_EVERY);
    }

    fn run_system(&mut self, now: RunTime, command: &str, world: &World) -> Result<(), u16> {
        match command {
            "" => self.say("[HLP:$$ $# $G $I $N $x=val $Nx=line $J=line $SLP $C $X $H ~ ! ? ctrl-x]"),
            "G" => self.say(&self.modes.text()),
            "X" if self.locked => {
                self.locked = false;
                self.say("[MSG:Caution: Unlocked]");
            }
            "X" => {}
            "C" if self.locked || self.motion.active() => return Err(8),
            "C" => {
                self.catch_up(world);
                self.checking = true;
                self.say("[MSG:Enabled]");
            }
            _ if self.motion.active() => return Err(8),
            "$" => self.settings.lines().collect::<Vec<_>>().iter().for_each(|line| self.say(line)),
            _ if self.checking => return Err(8),
            "I" => {
                self.say(&format!("[VER:1.1h.20190825:{}]", self.name));
                self.say(&format!("[OPT:V,{BLOCKS_MAX},{}]", RING_BYTES_MAX + 1));
            }
            "#" => self.tell_offsets(),
            "N" => {
                self.say("$N0=");
                self.say("$N1=");
            }
            _ => return self.write(now, command),
        }
        Ok(())
    }

    /// `$n=value` and `$I=name`: nothing is received until it is written.
    fn write(&mut self, now: RunTime, command: &str) -> Result<(), u16> {
        let (key, value) = command.split_once('=').ok_or(3_u16)?;
        if key == "I" {
            value.clone_into(&mut self.name);
        } else {
            let number = key.parse().map_err(|_| 3_u16)?;
            self.settings.set(number, value.parse().map_err(|_| 2_u16)?)?;
        }
        self.work = Work::Writing { until: now + WRITE_WORK };
        Ok(())
    }

    fn reset(&mut self, now: RunTime, world: &mut World) {
        let homing = self.work == Work::Homing;
        self.locked |= self.work == Work::Asleep;
        if self.motion.abort(world) {
            self.alarm(if homing { 6 } else { 3 });
        }
        self.ring.clear();
        self.line.clear();
        (self.within, self.overlong, self.checking) = (Within::Words, false, false);
        self.modes.restart();
        (self.reports_to_offset, self.reports_to_overrides) = (0, 1);
        self.go_on(now);
        self.greet();
    }

    /// Looks at the drives, and goes on with what waited for them.
    fn look(&mut self, now: RunTime, world: &mut World) {
        self.motion.follow(world);
        match self.work.clone() {
            Work::Homing if !self.motion.is_homing() => {
                self.locked = false;
                if std::mem::take(&mut self.status_wanted) {
                    self.tell_status(world);
                }
                self.answer(now, Ok(()));
            }
            Work::Room(block) if self.motion.is_free() => self.run_move(now, block, world),
            Work::Dwell { span, until: None } if !self.motion.active() => {
                self.work = Work::Dwell { span, until: Some(now + span) };
            }
            _ => {}
        }
        self.look_at = self.motion.active().then(|| now + LOOK_EVERY);
    }
}

impl Firmware for GrblFirmware {
    fn receive(&mut self, now: RunTime, bytes: &[u8], world: &mut World) {
        self.wake(now, world);
        for &byte in bytes {
            self.receive_byte(now, byte, world);
        }
        if self.motion.active() {
            self.look_at.get_or_insert(now + LOOK_EVERY);
        }
    }

    fn wake(&mut self, now: RunTime, world: &mut World) {
        if self.look_at.is_some_and(|at| at <= now) {
            self.look(now, world);
        }
        match self.work.clone() {
            Work::Line { until, line: Some(line) } if until <= now => self.run(now, &line, world),
            Work::Line { until, line: None } if until <= now => self.answer(now, Err(11)),
            Work::Writing { until } if until <= now => self.answer(now, Ok(())),
            Work::Dwell { until: Some(until), .. } if until <= now => self.answer(now, Ok(())),
            _ => {}
        }
    }

    fn next_wake(&self) -> Option<RunTime> {
        let due = match self.work {
            Work::Line { until, .. } | Work::Writing { until } => Some(until),
            Work::Dwell { until, .. } => until,
            Work::Reading | Work::Room(_) | Work::Homing | Work::Stuck | Work::Asleep => None,
        };
        [due, self.look_at].into_iter().flatten().min()
    }

    fn restart(&mut self, now: RunTime, world: &mut World) {
        self.reset(now, world);
        self.locked = true;
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
    }
}

#[cfg(test)]
mod tests {
    use super::{GrblFirmware, MachineDrive};
    use crate::{
        config::world::WorldParams,
        sim::{
            firmware::Firmware as _,
            world::{Axis, CartridgeTruth, World},
        },
        time::RunTime,
    };
    use std::time::Duration;

    /// A controller with all axes, its world, and a host without patience.
    struct Bench {
        stage: GrblFirmware,
        world: World,
        now: RunTime,
    }

    impl Bench {
        fn powered() -> Self {
            let params = WorldParams::default();
            let cartridge = CartridgeTruth { needles: 1, needle_diameter_mm: 0.25, height_sd_mm: 0.0 };
            let drive = |axis, sign| Some(MachineDrive { axis, sign, travel_mm: 25.0 });
            let drives = [drive(Axis::X, 1.0), drive(Axis::Y, 1.0), drive(Axis::Z, -1.0)];
            let stage = GrblFirmware::new(drives, &params.stage);
            Self { stage, world: World::new(&params, &cartridge, 1), now: RunTime::ZERO }
        }

        fn homed() -> Self {
            let mut bench = Self::powered();
            bench.ask("$H", 60_000);
            bench
        }

        fn pass(&mut self, ms: u64) -> String {
            let end = self.now + Duration::from_millis(ms);
            while let Some(at) = self.stage.next_wake().filter(|&at| at <= end) {
                self.world.advance(at);
                self.stage.wake(at, &mut self.world);
            }
            self.now = end;
            self.world.advance(end);
            let mut wire = Vec::new();
            self.stage.transmit(&mut wire);
            String::from_utf8(wire).expect("ASCII").replace("\r\n", "|")
        }

        fn send(&mut self, bytes: &[u8]) {
            self.stage.receive(self.now, bytes, &mut self.world);
        }

        fn ask(&mut self, line: &str, ms: u64) -> String {
            self.send(format!("{line}\n").as_bytes());
            self.pass(ms)
        }

        #[track_caller]
        fn check(&mut self, rows: &[(&str, &str)]) {
            for (line, expected) in rows {
                assert_eq!(self.ask(line, 100), *expected, "{line}");
            }
        }
    }

    #[test]
    fn it_wakes_locked_and_homing_unlocks_it() {
        let mut bench = Bench::powered();
        assert_eq!(bench.pass(1), "|Grbl 1.1h ['$' for help]|[MSG:'$H'|'$X' to unlock]|");
        bench.check(&[
            ("G0 X1", "error:9|"),
            ("$J=G91X1F100", "error:9|"),
            ("$I", "[VER:1.1h.20190825:SIM-STAGE]|[OPT:V,15,128]|ok|"),
            ("?", "<Alarm|MPos:0.000,0.000,0.000|FS:0,0|WCO:0.000,0.000,0.000>|ok|"),
            ("$H", ""),
            ("?", ""),
        ]);
        let answer = bench.pass(60_000);
        assert!(answer.ends_with("|ok|ok|"), "the status that was asked for while homing, then two answers: {answer}");
        bench.check(&[
            ("?", "<Idle|MPos:-24.000,-24.000,-1.000|FS:0,0>|ok|"),
            ("$J=G90G53Z0.5F100", "error:15|"),
            ("$J=G90G53Z-2", "error:22|"),
            ("$22=0", "ok|"),
            ("$20=1", "error:10|"),
            ("$H", "error:5|"),
            ("$7000=1", "error:3|"),
        ]);
    }

    #[test]
    fn jogs_queue_and_are_cancelled() {
        let mut bench = Bench::homed();
        bench.check(&[("$J=G90G21G53Z-5F120", "ok|"), ("$J=G91X3F600", "ok|")]);
        bench.send(b"?");
        assert!(bench.pass(1).starts_with("<Jog|MPos:"));
        assert_eq!(bench.ask("G0X1", 10), "error:9|");
        bench.send(b"\x85");
        bench.pass(100);
        let z_mm = bench.world.stage_position_mm(Axis::Z);
        assert!(1.0 < z_mm && z_mm < 2.0, "{z_mm}");
        bench.pass(2000);
        assert_eq!(bench.world.stage_position_mm(Axis::X), 1.0, "the second jog is gone");
        assert_eq!(bench.ask("G53G0Z-3", 5000), "ok|", "idle again");
        assert!((bench.world.stage_position_mm(Axis::Z) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_hold_resumes_and_a_reset_in_motion_loses_the_position() {
        let mut bench = Bench::homed();
        bench.ask("G1Z-10F120", 100);
        bench.send(b"!");
        bench.pass(500);
        bench.send(b"?");
        assert!(bench.pass(1).starts_with("<Hold:0|"));
        bench.send(b"~");
        bench.pass(60_000);
        assert!((bench.world.stage_position_mm(Axis::Z) - 10.0).abs() < 1e-9);
        bench.ask("G1Z-12F120", 100);
        bench.send(&[0x18]);
        assert_eq!(bench.pass(1), "ALARM:3||Grbl 1.1h ['$' for help]|[MSG:'$H'|'$X' to unlock]|");
        bench.check(&[("G1Z-3F100", "error:9|"), ("$X", "[MSG:Caution: Unlocked]|ok|")]);
    }

    #[test]
    fn beyond_the_soft_limits_only_a_reset_helps() {
        let mut bench = Bench::homed();
        bench.check(&[("G53G0Z-26", "ALARM:2|[MSG:Reset to continue]|"), ("$X", "")]);
        bench.send(&[0x18]);
        assert_eq!(bench.pass(1), "|Grbl 1.1h ['$' for help]|[MSG:'$H'|'$X' to unlock]|");
    }

    /// A burst into a real Grbl 1.1: twenty lines of eleven bytes gave eighteen `ok` and one `error:1`.
    #[test]
    fn a_burst_overflows_the_receive_buffer() {
        let mut bench = Bench::homed();
        let burst = "G1X-23F9999\n".repeat(25);
        let mut answers = String::new();
        for byte in burst.bytes() {
            bench.send(&[byte]);
            bench.now = bench.now + Duration::from_micros(87);
            answers += &bench.pass(0);
        }
        answers += &bench.pass(10_000);
        assert!(answers.matches('|').count() < 25 && bench.stage.lost_bytes() > 0, "{answers}");
        bench.check(&[("$J=G91Z-1F100", "ok|")]);
    }

    #[test]
    fn nothing_is_received_while_a_setting_is_written() {
        let mut bench = Bench::homed();
        bench.send(b"$10=3\n");
        bench.pass(10);
        bench.send(b"$G\n");
        assert_eq!(bench.pass(200), "ok|");
        assert_eq!(bench.stage.lost_bytes(), 3);
        assert!(bench.ask("?", 10).contains("|Bf:15,127|"));
    }

    #[test]
    fn long_lines_and_both_line_ends() {
        let mut bench = Bench::homed();
        bench.check(&[
            (&"X".repeat(80), "error:11|"),
            ("G21 ; millimetres\r", "ok|ok|"),
            ("(note) g90", "ok|"),
            (&format!("G21 ({}) G90 ; {}", "a ".repeat(60), "b".repeat(60)), "ok|"),
            ("/G90", "ok|"),
        ]);
    }

    #[test]
    fn check_mode_moves_nothing_and_ends_with_a_reset() {
        let mut bench = Bench::homed();
        bench.check(&[
            ("$C", "[MSG:Enabled]|ok|"),
            ("G53G0Z-3", "ok|"),
            ("G91G1Z-1F100", "ok|"),
            ("G4P100", "ok|"),
            ("G2X1", "error:20|"),
            ("$J=G91X1F100", "error:8|"),
            ("$H", "error:8|"),
        ]);
        assert!(bench.ask("?", 10).starts_with("<Check|MPos:-24.000,-24.000,-1.000|"));
        assert_eq!(bench.world.stage_position_mm(Axis::Z), 1.0);
        bench.check(&[("$C", "[MSG:Disabled]|ok||Grbl 1.1h ['$' for help]|"), ("G53G0Z-1", "ok|")]);
    }

    #[test]
    fn a_controller_asleep_is_woken_by_a_reset_and_locked_then() {
        let mut bench = Bench::homed();
        bench.check(&[("$SLP", "ok|[MSG:Sleeping]|"), ("G90", "")]);
        bench.send(b"?");
        assert!(bench.pass(1).starts_with("<Sleep|"));
        bench.send(&[0x18]);
        assert_eq!(bench.pass(1), "|Grbl 1.1h ['$' for help]|[MSG:'$H'|'$X' to unlock]|");
    }

    #[test]
    fn offsets_are_stored_shown_and_restored_and_inches_are_reported_as_such() {
        let mut bench = Bench::homed();
        let offsets = bench.ask("$#", 50);
        let names: Vec<&str> =
            offsets.split('|').filter_map(|line| line.strip_prefix('[')?.split(':').next()).collect();
        assert_eq!(names, ["G54", "G55", "G56", "G57", "G58", "G59", "G28", "G30", "G92", "TLO", "PRB"]);
        bench.check(&[("G10L20P1X0Y0Z0", "ok|"), ("G92Z1", "ok|"), ("$10=0", "ok|")]);
        assert!(bench.ask("?", 10).contains("WPos:0.000,0.000,1.000|FS:0,0|WCO:-24.000,-24.000,-2.000"));
        bench.send(&[0x18]);
        bench.pass(10);
        assert!(bench.ask("?", 10).contains("|WCO:-24.000,-24.000,-1.000"), "G92 goes with a reset, G54 stays");
        bench.check(&[("$13=1", "ok|")]);
        assert!(bench.ask("?", 10).contains("WPos:0.0000,0.0000,0.0000|FS:0.0,0"));
        let restored = "[MSG:Restoring defaults]|ok||Grbl 1.1h ['$' for help]|";
        bench.check(&[("$RST=*", restored), ("M30", "[MSG:Pgm End]|ok|")]);
        assert!(bench.ask("?", 10).contains("MPos:-24.000,-24.000,-1.000|FS:0,0|WCO:0.000,0.000,0.000"));
    }

    #[test]
    fn work_positions_come_with_their_offset_now_and_then() {
        let mut bench = Bench::homed();
        bench.check(&[("$10=0", "ok|"), ("G92X0Y0Z0", "ok|")]);
        let reports: Vec<String> = (0..25).map(|_| bench.ask("?", 10)).collect();
        let with_offset = reports.iter().filter(|report| report.contains("|WCO:-24.000,-24.000,-1.000")).count();
        assert!(reports.iter().all(|report| report.contains("WPos:0.000,0.000,0.000")));
        assert_eq!(with_offset, 3);
    }
}
