//! Firmware of a simulated prototype with a text console, which speaks the script of its pen file.
//!
//! Its commands are the script's templates read backwards, its replies the patterns filled in: the twin is simulated
//! from the same file that drives the pen. Where the script has a heartbeat, the motor stops without one.
//! Deliberately absent: misunderstandings. What the file says of the pen is true of this one.

use crate::{
    config::console::{Meaning, Script, Step, VALUES},
    sim::{
        firmware::Firmware,
        world::{Motor, World},
    },
    time::RunTime,
    wire::{
        console::{Captures, LINE_BYTES_MAX, Pattern},
        line::LineSplitter,
    },
};
use std::time::Duration;

/// How often a running motor is checked for a stall.
const STALL_CHECK: Duration = Duration::from_millis(10);
const SERIAL: &str = "SIM-0001";
const FIRMWARE: &str = "0.9";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Identify,
    Set,
    ClearFaults,
    Arm,
    Start,
    Stop,
    HoldIn,
    HoldOut,
    Status,
    Heartbeat,
}

/// A line that it understands, and how it answers.
#[derive(Clone, Debug)]
struct Known {
    act: Act,
    line: Pattern,
    reply: Pattern,
}

/// A simulated pen with a text console.
#[derive(Debug)]
pub struct ConsolePen {
    script: Script,
    known: Vec<Known>,
    splitter: LineSplitter,
    state: Meaning,
    /// Stroke rate in Hz and set depth in mm, once told.
    rate_hz: Option<f64>,
    depth_mm: Option<f64>,
    lease_end: RunTime,
    stall_check_at: RunTime,
    out: Vec<u8>,
}

impl ConsolePen {
    /// A pen that has just booted. Commands between whose values nothing stands cannot be read back; it does not know
    /// them.
    pub fn new(script: &Script) -> Self {
        let some = |act, step: &Option<Step>| step.clone().map(|step| (act, step));
        let mut steps = vec![
            (Act::Identify, script.identify.clone()),
            (Act::Start, script.start.clone()),
            (Act::Stop, script.stop.clone()),
            (Act::HoldIn, script.hold_in.clone()),
            (Act::HoldOut, script.hold_out.clone()),
        ];
        steps.extend(script.set.iter().map(|step| (Act::Set, step.clone())));
        steps.extend(some(Act::ClearFaults, &script.clear_faults));
        steps.extend(some(Act::Arm, &script.arm));
        steps.extend(some(Act::Status, &script.status));
        steps.extend(some(Act::Heartbeat, &script.heartbeat));
        let known =
            |(act, step): (Act, Step)| Some(Known { act, line: step.send.pattern(&VALUES)?, reply: step.reply });
        let mut pen = Self {
            script: script.clone(),
            known: steps.into_iter().filter_map(known).collect(),
            splitter: LineSplitter::new(LINE_BYTES_MAX),
            state: Meaning::Safe,
            rate_hz: None,
            depth_mm: None,
            lease_end: RunTime::ZERO,
            stall_check_at: RunTime::ZERO,
            out: Vec::new(),
        };
        if let Some(banner) = script.banner.clone() {
            pen.say(&banner, "");
        }
        pen
    }

    fn say(&mut self, pattern: &Pattern, text: &str) {
        let values = self.script.values(self.rate_hz.unwrap_or(0.0), self.depth_mm.unwrap_or(0.0));
        let states = self.script.console.states.as_ref();
        let line = pattern.fill(|name| match VALUES.iter().position(|known| *known == name) {
            // Six decimals and no zeros behind: a number as short as it is exact.
            Some(index) => ((values[index] * 1e6).round() / 1e6).to_string(),
            None => match name {
                "serial" => SERIAL.to_owned(),
                "firmware" => FIRMWARE.to_owned(),
                "model" => "simulated".to_owned(),
                "text" => text.to_owned(),
                "state" => states.and_then(|states| states.word(self.state)).unwrap_or("0").to_owned(),
                _ => "0".to_owned(),
            },
        });
        self.out.extend(self.script.line(&line));
    }

    fn refuse(&mut self, why: &str) {
        if let Some(error) = self.script.error.clone() {
            self.say(&error, why);
        }
    }

    fn take(&mut self, now: RunTime, line: &str, world: &mut World) {
        let Some(text) = self.script.console.checksum.strip(line) else {
            return self.refuse("checksum");
        };
        let found = self.known.iter().find_map(|known| Some((known.clone(), known.line.captures(text)?)));
        let Some((Known { act, reply, .. }, captures)) = found else {
            return self.refuse("unknown command");
        };
        match self.act(now, act, &captures, world) {
            Ok(()) => self.say(&reply, ""),
            Err(why) => self.refuse(why),
        }
    }

    fn act(&mut self, now: RunTime, act: Act, captures: &Captures<'_>, world: &mut World) -> Result<(), &'static str> {
        let may_move = |pen: &Self| {
            let armed = pen.script.arm.is_none() || pen.state != Meaning::Safe;
            match (pen.state, pen.rate_hz.is_some() && pen.depth_mm.is_some()) {
                (Meaning::Fault, _) => Err("fault"),
                _ if !armed => Err("not armed"),
                (_, false) => Err("nothing set"),
                _ => Ok(()),
            }
        };
        match act {
            Act::Identify | Act::Status => {}
            Act::Set => self.set(captures, world),
            Act::ClearFaults if self.state == Meaning::Fault => self.state = Meaning::Safe,
            Act::ClearFaults => {}
            Act::Arm if self.state == Meaning::Fault => return Err("fault"),
            Act::Arm => {
                self.state = Meaning::Armed;
                self.refresh(now);
            }
            Act::Start => {
                may_move(self)?;
                self.order(Motor::Run, Meaning::Running, world);
                self.stall_check_at = now + STALL_CHECK;
                self.refresh(now);
            }
            Act::HoldIn => {
                may_move(self)?;
                self.order(Motor::HoldIn, Meaning::HeldIn, world);
                self.refresh(now);
            }
            Act::HoldOut => {
                may_move(self)?;
                self.order(Motor::HoldOut, Meaning::HeldOut, world);
                self.refresh(now);
            }
            Act::Stop if self.state == Meaning::Fault => world.pen_motor(Motor::Off),
            Act::Stop => self.order(Motor::Off, Meaning::Safe, world),
            Act::Heartbeat => self.refresh(now),
        }
        Ok(())
    }

    fn set(&mut self, captures: &Captures<'_>, world: &mut World) {
        let units = self.script.console.units.clone();
        for (name, text) in captures {
            let Ok(value) = text.parse::<f64>() else { continue };
            match name.as_str() {
                "stroke_rate_hz" => self.rate_hz = Some(value),
                "stroke_rate_rpm" => self.rate_hz = Some(value / 60.0),
                "stroke_rate_units" => self.rate_hz = Some(value / units.stroke_rate_per_hz),
                "set_depth_mm" => self.depth_mm = Some(value),
                "set_depth_um" => self.depth_mm = Some(value / 1000.0),
                "set_depth_units" => self.depth_mm = Some((value - units.set_depth_zero) / units.set_depth_per_mm),
                _ => {}
            }
        }
        if let (Some(rate_hz), Some(depth_mm)) = (self.rate_hz, self.depth_mm) {
            world.pen_set(rate_hz, depth_mm);
        }
    }

    fn order(&mut self, motor: Motor, state: Meaning, world: &mut World) {
        world.pen_motor(motor);
        self.state = state;
    }

    fn refresh(&mut self, now: RunTime) {
        let lease_ms = self.script.console.heartbeat.as_ref().map_or(0, |heartbeat| heartbeat.lease_ms);
        self.lease_end = now + Duration::from_millis(lease_ms.into());
    }

    fn leased(&self) -> bool {
        self.script.heartbeat.is_some() && !matches!(self.state, Meaning::Safe | Meaning::Fault)
    }
}

impl Firmware for ConsolePen {
    fn receive(&mut self, now: RunTime, mut bytes: &[u8], world: &mut World) {
        // A heartbeat that comes after the end of the lease must not revive it.
        self.wake(now, world);
        let mut splitter = std::mem::replace(&mut self.splitter, LineSplitter::new(LINE_BYTES_MAX));
        while let Some(line) = splitter.next_line(&mut bytes) {
            match str::from_utf8(line) {
                Ok(line) => self.take(now, line.trim_ascii(), world),
                Err(_) => self.refuse("noise"),
            }
        }
        self.splitter = splitter;
    }

    fn wake(&mut self, now: RunTime, world: &mut World) {
        if self.leased() && self.lease_end <= now {
            self.order(Motor::Off, Meaning::Safe, world);
        }
        if self.state == Meaning::Running && self.stall_check_at <= now {
            self.stall_check_at = now + STALL_CHECK;
            if world.pen_stalled() {
                self.order(Motor::Off, Meaning::Fault, world);
            }
        }
    }

    fn next_wake(&self) -> Option<RunTime> {
        let lease = self.leased().then_some(self.lease_end);
        let stall = (self.state == Meaning::Running).then_some(self.stall_check_at);
        lease.into_iter().chain(stall).min()
    }

    fn restart(&mut self, _now: RunTime, world: &mut World) {
        world.pen_motor(Motor::Off);
        *self = Self::new(&self.script);
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
    }
}

#[cfg(test)]
mod tests {
    use super::ConsolePen;
    use crate::{
        config::{self, console::Script, pen::Pen, world::WorldParams},
        sim::{
            firmware::Firmware as _,
            world::{CartridgeTruth, Motor, World},
        },
        time::RunTime,
    };
    use std::time::Duration;

    struct Bench {
        pen: ConsolePen,
        script: Script,
        world: World,
        now: RunTime,
    }

    impl Bench {
        fn new(profile: &str) -> Self {
            let pen: Pen = config::parse("pen.toml", profile).expect("a good profile");
            let script = pen.console.expect("with a console").compile().expect("that compiles");
            let cartridge = CartridgeTruth { needles: 1, needle_diameter_mm: 0.25, height_sd_mm: 0.0 };
            let world = World::new(&WorldParams::default(), &cartridge, 1);
            Self { pen: ConsolePen::new(&script), script, world, now: RunTime::ZERO }
        }

        fn heard(&mut self) -> String {
            let mut wire = Vec::new();
            self.pen.transmit(&mut wire);
            let text = String::from_utf8(wire).expect("ASCII");
            text.lines().filter_map(|line| self.script.console.checksum.strip(line)).collect::<Vec<_>>().join("|")
        }

        fn ask(&mut self, line: &str) -> String {
            let bytes = self.script.line(line);
            self.pen.receive(self.now, &bytes, &mut self.world);
            self.heard()
        }

        fn pass(&mut self, ms: u64) {
            let end = self.now + Duration::from_millis(ms);
            while let Some(at) = self.pen.next_wake().filter(|&at| at <= end) {
                self.world.advance(at);
                self.pen.wake(at, &mut self.world);
            }
            self.now = end;
            self.world.advance(end);
        }

        #[track_caller]
        fn check(&mut self, rows: &[(&str, &str)]) {
            for (line, expected) in rows {
                assert_eq!(self.ask(line), *expected, "{line}");
            }
        }
    }

    #[test]
    fn it_speaks_its_file_and_stops_without_a_heartbeat() {
        let mut bench = Bench::new(include_str!("../../../fixtures/pens/proto-c.toml"));
        assert_eq!(bench.heard(), "PROTO-C 0.9 ready");
        bench.check(&[
            ("RUN", "ERR not armed"),
            ("ARM", "OK ARMED"),
            ("RUN", "ERR nothing set"),
            ("RATE 110.0", "OK RATE 110"),
            ("DEPTH 150", "OK DEPTH 150"),
            ("RUN", "OK RUNNING"),
            ("ST?", "ST RUN 0"),
            ("FLY", "ERR unknown command"),
        ]);
        for _ in 0..5 {
            bench.pass(400);
            bench.check(&[("HB", "HB OK")]);
        }
        assert_eq!(bench.world.pen_motor_state(), Motor::Run);
        bench.pass(1000);
        bench.check(&[("ST?", "ST IDLE 0"), ("HB", "HB OK"), ("ST?", "ST IDLE 0"), ("RUN", "ERR not armed")]);
        assert_eq!(bench.world.pen_motor_state(), Motor::Off);
        bench.pen.receive(bench.now, b"STOP*00\r\n", &mut bench.world);
        assert_eq!(bench.heard(), "ERR checksum");
    }

    #[test]
    fn the_barest_console_goes_on_until_it_is_stopped() {
        let mut bench = Bench::new(include_str!("../../../fixtures/pens/proto-d.toml"));
        bench.check(&[("ver", "proto-d v0.9 #SIM-0001"), ("m 6600 1500", "m ok"), ("go", "going")]);
        bench.pass(5000);
        assert_eq!(bench.world.pen_motor_state(), Motor::Run);
        bench.check(&[("x", "stopped")]);
        bench.pass(1000);
        assert_eq!(bench.world.pen_motor_state(), Motor::Off);
    }
}
