//! Firmware of simulated Zaber devices in the ASCII protocol: a chain of one or more devices of one to three axes.
//!
//! Each device answers as Zaber's do: replies at once with BUSY, motion goes on behind; a command with a wrong LRC is
//! ignored; what asked with an LRC is answered with one. [`axis`] holds what one axis does, [`setting`] its settings.
//! Deliberately absent: streams, triggers, lockstep, binary mode, continued packets (the limit is 80 bytes, as built).

pub mod axis;
pub mod setting;

use crate::{
    sim::{
        firmware::{
            Firmware,
            zaber::axis::{AxisIdentity, Controller},
        },
        world::World,
    },
    time::RunTime,
    wire::{
        line::LineSplitter,
        zaber::{Alert, Command, Flag, Heard, Info, Message, Reply, encode_message, parse_command},
    },
};
use std::time::Duration;

/// Longest packet that a device takes.
const PACKET_BYTES_MAX: usize = 80;
/// How often moving axes are looked at for alerts.
const ALERT_CHECK: Duration = Duration::from_millis(2);
/// Highest address on a chain.
const ADDRESS_MAX: usize = 99;

/// Who a simulated Zaber device is.
#[derive(Clone, Debug, PartialEq)]
pub struct ZaberIdentity {
    /// Number of the model (`deviceid`).
    pub device_id: u32,
    /// Serial number.
    pub serial: u32,
    /// Firmware version, as `7.38`.
    pub version: String,
    /// Its axes; the first is axis 1.
    pub axes: Vec<AxisIdentity>,
}

/// Why a device refuses a command; the word on the wire.
type Reject = &'static str;

/// What a device does after its reply.
enum After {
    Nothing,
    Infos(&'static [&'static str]),
    Reset,
}

/// One device.
#[derive(Debug)]
struct Device {
    address: u8,
    identity: ZaberIdentity,
    axes: Vec<Controller>,
    alerts: bool,
    checksums: bool,
    access: u8,
}

/// A chain of simulated Zaber devices on one port.
#[derive(Debug)]
pub struct ZaberFirmware {
    splitter: LineSplitter,
    devices: Vec<Device>,
    microstep_mm: f64,
    out: Vec<u8>,
    alert_check_at: Option<RunTime>,
    ignored_lines: u64,
}

impl ZaberFirmware {
    /// Devices that have just been powered, at addresses 1, 2, ... in the order given (the first 99), with microsteps of
    /// `microstep_mm`.
    pub fn new(identities: Vec<ZaberIdentity>, microstep_mm: f64) -> Self {
        let device = |(address, identity): (u8, ZaberIdentity)| Device {
            address,
            axes: identity.axes.iter().map(|axis| Controller::powered(axis.clone(), microstep_mm)).collect(),
            identity,
            alerts: false,
            checksums: false,
            access: 1,
        };
        Self {
            splitter: LineSplitter::new(PACKET_BYTES_MAX),
            devices: (1..).zip(identities).take(ADDRESS_MAX).map(device).collect(),
            microstep_mm,
            out: Vec::new(),
            alert_check_at: None,
            ignored_lines: 0,
        }
    }
}

impl Firmware for ZaberFirmware {
    fn receive(&mut self, now: RunTime, mut bytes: &[u8], world: &mut World) {
        let Self { splitter, devices, microstep_mm, out, ignored_lines, .. } = self;
        while let Some(line) = splitter.next_line(&mut bytes) {
            let Ok(Heard { command, checked, reply }) = parse_command(line) else {
                *ignored_lines += 1;
                continue;
            };
            if command.device == 0 && command.words == "renumber" {
                (1..).zip(devices.iter_mut()).for_each(|(address, device)| device.address = address);
            }
            for device in devices.iter_mut().filter(|device| [0, device.address].contains(&command.device)) {
                // Before each command, so that its reply does not depend on what came with it in one chunk.
                device.watch(world, out);
                let before = out.len();
                device.answer(&command, checked, *microstep_mm, world, out);
                if !reply {
                    out.truncate(before);
                }
            }
        }
        self.schedule(now);
    }

    fn wake(&mut self, now: RunTime, world: &mut World) {
        for device in &mut self.devices {
            device.watch(world, &mut self.out);
        }
        self.schedule(now);
    }

    fn next_wake(&self) -> Option<RunTime> {
        self.alert_check_at
    }

    fn restart(&mut self, now: RunTime, world: &mut World) {
        let microstep_mm = self.microstep_mm;
        self.devices.iter_mut().for_each(|device| device.reset(microstep_mm, world));
        self.splitter = LineSplitter::new(PACKET_BYTES_MAX);
        self.schedule(now);
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
    }
}

impl ZaberFirmware {
    fn schedule(&mut self, now: RunTime) {
        let watching = self.devices.iter().any(|device| device.alerts && device.axes.iter().any(Controller::moving));
        self.alert_check_at = watching.then(|| now + ALERT_CHECK);
    }
}

impl Device {
    /// Follows the axes, and sends an alert for each that has come to rest.
    fn watch(&mut self, world: &mut World, out: &mut Vec<u8>) {
        for (number, axis) in (1..).zip(&mut self.axes) {
            let came_to_rest = axis.follow(world);
            if came_to_rest && self.alerts {
                let alert = Alert { device: self.address, axis: number, busy: false, flag: axis.flag() };
                encode_message(&Message::Alert(alert), self.checksums, out);
            }
        }
    }

    fn answer(
        &mut self,
        command: &Command<'_>,
        checked: bool,
        microstep_mm: f64,
        world: &mut World,
        out: &mut Vec<u8>,
    ) {
        let &Command { axis, id, words, .. } = command;
        let known_axis = usize::from(axis) <= self.axes.len();
        let done = if known_axis { self.act(axis, words, world) } else { Err("BADAXIS") };
        let (accepted, data, after) = match done {
            Ok((data, after)) => (true, data, after),
            Err(reason) => (false, reason.to_owned(), After::Nothing),
        };
        let busy = self.scope(axis).iter().any(Controller::moving);
        let flag = self.scope(axis).iter().filter_map(Controller::flag).min_by_key(|flag| flag.rank());
        let device = self.address;
        let reply = Reply { device, axis, id, accepted, busy, flag, data: &data, checked };
        let with_lrc = checked || self.checksums;
        encode_message(&Message::Reply(reply), with_lrc, out);
        match after {
            After::Nothing => {}
            After::Infos(texts) => {
                for text in texts {
                    encode_message(&Message::Info(Info { device, axis, id, text }), with_lrc, out);
                }
            }
            After::Reset => self.reset(microstep_mm, world),
        }
    }

    fn act(&mut self, axis: u8, words: &str, world: &mut World) -> Result<(String, After), Reject> {
        let words: Vec<&str> = words.split_ascii_whitespace().collect();
        let data = match words[..] {
            ["get", name] => self.get(axis, name, world)?,
            ["set", name, value] => self.set(axis, name, value, world)?,
            ["warnings"] => self.warnings(axis, false),
            ["warnings", "clear"] => self.warnings(axis, true),
            ["help"] => return Ok(("0".to_owned(), After::Infos(&HELP))),
            ["system", "reset"] if axis == 0 => return Ok(("0".to_owned(), After::Reset)),
            ["renumber"] if axis == 0 => "0".to_owned(),
            ["renumber", number] if axis == 0 => {
                let address = number.parse().ok().filter(|&address| (1..=99).contains(&address));
                self.address = address.ok_or("BADDATA")?;
                "0".to_owned()
            }
            ["system", "reset"] | ["renumber", ..] => return Err("DEVICEONLY"),
            [] => "0".to_owned(),
            _ => {
                // All axes or none: a command that one of them must refuse moves none of them.
                let plans: Vec<_> =
                    self.scope(axis).iter().map(|axis| axis.plan(&words, world)).collect::<Result<_, _>>()?;
                let states = self.scope_mut(axis).iter_mut().zip(plans).map(|(axis, plan)| axis.carry_out(plan, world));
                states.last().unwrap_or("0").to_owned()
            }
        };
        Ok((data, After::Nothing))
    }

    /// The axes that a command for `axis` is for: one, or all.
    fn scope(&self, axis: u8) -> &[Controller] {
        match usize::from(axis) {
            0 => &self.axes,
            number => self.axes.get(number - 1..number).unwrap_or_default(),
        }
    }

    fn scope_mut(&mut self, axis: u8) -> &mut [Controller] {
        match usize::from(axis) {
            0 => &mut self.axes,
            number => self.axes.get_mut(number - 1..number).unwrap_or_default(),
        }
    }

    fn warnings(&mut self, axis: u8, clear: bool) -> String {
        let mut flags: Vec<Flag> = self.scope(axis).iter().flat_map(Controller::flags).collect();
        flags.sort_by_key(|flag| flag.rank());
        flags.dedup();
        if clear {
            self.scope_mut(axis).iter_mut().for_each(Controller::clear_flags);
        }
        flags.iter().fold(format!("{:02}", flags.len()), |data, flag| format!("{data} {flag}"))
    }

    /// Restarts: motion ends, references and volatile settings are lost.
    fn reset(&mut self, microstep_mm: f64, world: &mut World) {
        for (axis, identity) in self.axes.iter_mut().zip(&self.identity.axes) {
            axis.halt(world);
            *axis = Controller::powered(identity.clone(), microstep_mm);
        }
        (self.alerts, self.checksums, self.access) = (false, false, 1);
    }
}

/// Answer to `help`.
const HELP: [&str; 7] = [
    "COMMAND USAGE:",
    "move [abs, rel, vel] [data] : move the axis",
    "move [min, max] : move to the end of travel",
    "home, stop, estop : home or stop the axis",
    "get [setting], set [setting] [value] : read or write a setting",
    "warnings, warnings clear : show or clear warning flags",
    "tools parking [park, unpark, state], renumber, system reset",
];

#[cfg(test)]
mod tests {
    use super::{AxisIdentity, ZaberFirmware, ZaberIdentity};
    use crate::{
        config::world::WorldParams,
        sim::{
            firmware::Firmware,
            world::{Axis, CartridgeTruth, World},
        },
        time::RunTime,
    };
    use std::time::Duration;

    struct Bench {
        stage: ZaberFirmware,
        world: World,
        now: RunTime,
    }

    impl Bench {
        /// A three-axis controller at address 1 and a single stage at address 2.
        fn powered() -> Self {
            let axis = |axis, peripheral_id| AxisIdentity { axis, travel_mm: 25.4, peripheral_id };
            let device = |serial, axes| ZaberIdentity { device_id: 30_342, serial, version: "7.38".to_owned(), axes };
            let three = vec![axis(Axis::X, Some(11)), axis(Axis::Y, Some(12)), axis(Axis::Z, Some(13))];
            let cartridge = CartridgeTruth { needles: 12, needle_diameter_mm: 0.25, height_sd_mm: 0.0 };
            Self {
                stage: ZaberFirmware::new(
                    vec![device(1001, three), device(1002, vec![axis(Axis::Z, None)])],
                    0.000_047_625,
                ),
                world: World::new(&WorldParams::default(), &cartridge, 1),
                now: RunTime::ZERO,
            }
        }

        fn received(&mut self) -> String {
            let mut wire = Vec::new();
            self.stage.transmit(&mut wire);
            String::from_utf8(wire).expect("ASCII").replace("\r\n", "|")
        }

        fn ask(&mut self, line: &str) -> String {
            self.stage.receive(self.now, format!("{line}\r\n").as_bytes(), &mut self.world);
            self.received()
        }

        fn pass(&mut self, span: Duration) -> String {
            let end = self.now + span;
            while let Some(at) = self.stage.next_wake().filter(|&at| at <= end) {
                self.world.advance(at);
                self.stage.wake(at, &mut self.world);
            }
            self.now = end;
            self.world.advance(end);
            self.received()
        }

        #[track_caller]
        fn check(&mut self, rows: &[(&str, &str)]) {
            for (line, expected) in rows {
                assert_eq!(self.ask(line), *expected, "{line}");
            }
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// The order of queries recorded from zaber-motion 10.2.0, with its zero-padded ids and LRCs.
    #[test]
    fn the_connect_sequence_of_zabers_own_library() {
        Bench::powered().check(&[
            ("/0 0 00:00", "@01 0 00 OK IDLE WR 0:BE|@02 0 00 OK IDLE WR 0:BD|"),
            ("/1 0 01 get comm.packet.size.max", "@01 0 01 RJ IDLE WR BADCOMMAND|"),
            ("/1 0 02 get deviceid:40", "@01 0 02 OK IDLE WR 30342:F0|"),
            ("/1 0 03 get system.serial", "@01 0 03 OK IDLE WR 1001|"),
            ("/1 0 04 get version", "@01 0 04 OK IDLE WR 7.38|"),
            ("/1 0 05 get version.build", "@01 0 05 OK IDLE WR 1|"),
            ("/1 0 06 get device.hw.modified", "@01 0 06 OK IDLE WR 0|"),
            ("/1 0 07 get system.axiscount", "@01 0 07 OK IDLE WR 3|"),
            ("/1 2 08 get resolution", "@01 2 08 OK IDLE WR 64|"),
            ("/1 2 09 get peripheralid", "@01 2 09 OK IDLE WR 12|"),
            ("/2 1 10 get peripheralid", "@02 1 10 RJ IDLE WR BADCOMMAND|"),
        ]);
    }

    #[test]
    fn home_and_move_answer_at_once_and_end_later() {
        let mut bench = Bench::powered();
        bench.check(&[
            ("/1 0 1 home", "@01 0 01 OK BUSY WR 0|"),
            ("/1 0 2", "@01 0 02 OK IDLE -- 0|"),
            ("/1 3 3 set maxspeed 34403", "@01 3 03 OK IDLE -- 0|"),
            ("/1 3 4 move abs 20997", "@01 3 04 OK BUSY -- 0|"),
        ]);
        bench.pass(SECOND / 2);
        assert!(bench.ask("/1 3 5 get pos").starts_with("@01 3 05 OK BUSY -- "));
        bench.pass(SECOND);
        bench.check(&[
            ("/1 0 6 get pos", "@01 0 06 OK IDLE -- 0 0 20997|"),
            ("/1 3 7 move rel -997", "@01 3 07 OK BUSY -- 0|"),
        ]);
        bench.pass(SECOND);
        assert_eq!(bench.ask("/1 3 8 get pos"), "@01 3 08 OK IDLE -- 20000|");
        assert!((bench.world.stage_position_mm(Axis::Z) - 0.9525).abs() < 1e-9);
    }

    #[test]
    fn a_stop_interrupts_and_says_so_until_cleared() {
        let mut bench = Bench::powered();
        bench.ask("/1 0 home");
        bench.pass(SECOND);
        bench.ask("/1 3 move vel 200000");
        bench.pass(SECOND / 10);
        assert!(bench.ask("/1 3 9 stop").starts_with("@01 3 09 OK BUSY NI 0|"));
        bench.pass(SECOND);
        bench.check(&[
            ("/1 3 10", "@01 3 10 OK IDLE NI 0|"),
            ("/1 3 11 warnings clear", "@01 3 11 OK IDLE -- 01 NI|"),
            ("/1 3 12 warnings", "@01 3 12 OK IDLE -- 00|"),
        ]);
    }

    #[test]
    fn what_cannot_be_is_refused_and_moves_nothing() {
        let mut bench = Bench::powered();
        bench.ask("/1 0 home");
        bench.pass(SECOND);
        bench.check(&[
            ("/1 3 1 move abs 533334", "@01 3 01 RJ IDLE -- BADDATA|"),
            ("/1 3 2 move abs -1", "@01 3 02 RJ IDLE -- BADDATA|"),
            ("/1 3 3 move abs x", "@01 3 03 RJ IDLE -- BADDATA|"),
            ("/1 4 4 home", "@01 4 04 RJ IDLE -- BADAXIS|"),
            ("/1 3 5 dance", "@01 3 05 RJ IDLE -- BADCOMMAND|"),
            ("/1 3 6 get version", "@01 3 06 RJ IDLE -- DEVICEONLY|"),
            ("/1 3 7 set limit.max 1000", "@01 3 07 OK IDLE -- 0|"),
            ("/1 3 8 move abs 1001", "@01 3 08 RJ IDLE -- BADDATA|"),
            ("/1 3 9 tools parking park", "@01 3 09 OK IDLE -- 0|"),
            ("/1 3 10 move abs 5", "@01 3 10 RJ IDLE -- PARKED|"),
            ("/1 3 11 tools parking unpark", "@01 3 11 OK IDLE -- 0|"),
            ("/1 0 12 move abs 2000", "@01 0 12 RJ IDLE -- BADDATA|"),
            ("/1 1 13 set version 8", "@01 1 13 RJ IDLE -- DEVICEONLY|"),
            ("/3 0 14", ""),
            ("/1 1 16:F8", ""),
            ("/1 3 -- set maxspeed 1000", ""),
            ("/1 3 17 get maxspeed", "@01 3 17 OK IDLE -- 1000|"),
            ("hello", ""),
        ]);
    }

    #[test]
    fn checksums_are_answered_with_checksums() {
        let mut bench = Bench::powered();
        bench.check(&[
            ("/1 1 16:F7", "@01 1 16 OK IDLE WR 0:B6|"),
            ("/1 0 1 set comm.checksum 1", "@01 0 01 OK IDLE WR 0:BD|"),
            ("/1 0 2", "@01 0 02 OK IDLE WR 0:BC|"),
        ]);
    }

    #[test]
    fn alerts_tell_the_end_of_a_motion() {
        let mut bench = Bench::powered();
        bench.ask("/1 0 home");
        bench.pass(SECOND);
        bench.ask("/1 0 set comm.alert 1");
        bench.ask("/1 3 move abs 1000");
        assert_eq!(bench.pass(SECOND), "!01 3 IDLE --|");
        assert_eq!(bench.stage.next_wake(), None);
    }

    #[test]
    fn a_reset_loses_the_reference() {
        let mut bench = Bench::powered();
        bench.ask("/1 0 home");
        bench.pass(SECOND);
        bench.check(&[("/1 0 1 system reset", "@01 0 01 OK IDLE -- 0|"), ("/1 0 2", "@01 0 02 OK IDLE WR 0|")]);
    }

    #[test]
    fn infos_stand_between_a_reply_and_the_next() {
        let answer = Bench::powered().ask("/1 0 7 help\r\n/1 0 8");
        let kinds: String = answer.split_terminator('|').filter_map(|line| line.chars().next()).collect();
        assert_eq!(kinds, "@#######@");
    }
}
