//! A stage on a GRBL 1.1 or grblHAL controller: one line outstanding, motion by jogs alone, status by polling.
//!
//! Jogs can be cancelled at any time and leave the parser's modes alone. They run one after the other, whatever their
//! axes: [`Stage::axes_are_independent`] is false. Positions count from where homing ended, each axis in the direction
//! that the rig file gives.
//!
//! A stop climbs a ladder until the controller says that it stands: jog cancel, feed hold, reset. A reset costs the
//! reference; the way back is then the home switch.

use super::{
    DeviceFault, Identity, Report, Session, Stage,
    grbl_controller::{Heard, obstacle},
    lines::{Lines, Recovery, Request},
    opening::{Banner, Opening},
    poll::{ANSWER_WAIT, Due, Poll},
};
use crate::{
    config::rig::{Axis, MachineAxis},
    link::Role,
    time::RunTime,
    wire::grbl::{
        self, Jog, Message, MessageDecoder, PositionTracker, Realtime, State, Status, alarm_meaning, error_meaning,
    },
};
use std::time::Duration;

/// Opening the port resets many boards; their boot loader needs this long until the banner.
const SETTLE: Duration = Duration::from_millis(2500);
/// Time allowed for the answer to a line that moves nothing or is only queued.
const REPLY_WAIT: Duration = Duration::from_millis(500);
/// Time allowed for homing all axes: the controller answers when it is done.
const HOME_WAIT: Duration = Duration::from_secs(58);
/// Between polls while anything moves.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// Between polls at rest, while the position is unknown.
const POLL_AT_REST: Duration = Duration::from_millis(250);
/// Reports without the work offset that are tolerated; a controller sends it at least every thirtieth.
const OFFSET_REPORTS_MAX: u32 = 40;
/// How near to its target a jog ends; a controller rounds to its steps.
const ARRIVED_WITHIN_MM: f64 = 0.01;
/// For each rung of the ladder to bring the stage to rest.
const RUNG_WAIT: Duration = Duration::from_millis(400);
/// For the banner after a reset.
const RESTART_WAIT: Duration = Duration::from_millis(600);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Purpose {
    Info,
    Settings,
    Probe,
    Home,
    Jog,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rung {
    Cancel,
    Hold,
    Reset,
}

/// Session with a GRBL controller.
pub struct StageGrbl {
    axes: Vec<(Axis, MachineAxis)>,
    name_wanted: Option<String>,
    decoder: MessageDecoder,
    bad_lines_before: u64,
    lines: Lines<Purpose>,
    opening: Opening,
    heard: Heard,
    identity: Option<Identity>,
    poll: Poll,
    tracker: PositionTracker,
    reports_without_offset: u32,
    machine_mm: Option<[f64; 3]>,
    /// Machine position where homing ended: position 0 of every axis.
    origin_mm: Option<[f64; 3]>,
    report: Option<Report>,
    /// Where the jogs since the last rest end, machine coordinates.
    targets_mm: [Option<f64>; 3],
    moving: bool,
    homing: bool,
    /// An alarm holds that only a reset ends.
    alarmed: bool,
    ladder: Option<(Rung, RunTime)>,
    /// Until when the banner of our own reset is awaited.
    restarting: Option<RunTime>,
    home_after_restart: bool,
    fault: Option<DeviceFault>,
}

fn request(purpose: Purpose, line: &str, allowed: Duration, repeatable: bool) -> Request<Purpose> {
    Request { purpose, name: line.to_owned(), bytes: format!("{line}\n").into_bytes(), allowed, repeatable }
}

fn bad_lines(decoder: &MessageDecoder) -> u64 {
    let (bad, overlong) = decoder.dropped();
    bad + overlong.lines
}

impl StageGrbl {
    /// A session with a stage of these axes; its controller must bear this name (`$I=`) where one is given.
    pub fn new(axes: &[Axis], machine_axes: &[MachineAxis], name_wanted: Option<String>) -> Self {
        Self {
            axes: axes.iter().copied().zip(machine_axes.iter().copied()).collect(),
            name_wanted,
            decoder: MessageDecoder::default(),
            bad_lines_before: 0,
            lines: Lines::new(Role::Stage, Recovery::Probe(request(Purpose::Probe, "$G", REPLY_WAIT, true))),
            opening: Opening::new(SETTLE),
            heard: Heard::default(),
            identity: None,
            poll: Poll::default(),
            tracker: PositionTracker::default(),
            reports_without_offset: 0,
            machine_mm: None,
            origin_mm: None,
            report: None,
            targets_mm: [None; 3],
            moving: false,
            homing: false,
            alarmed: false,
            ladder: None,
            restarting: None,
            home_after_restart: false,
            fault: None,
        }
    }

    fn failed(&mut self, reason: String) {
        self.fail(DeviceFault::Failed { role: Role::Stage, reason });
    }

    fn fail(&mut self, fault: DeviceFault) {
        self.fault.get_or_insert(fault);
    }

    fn question(&mut self, now: RunTime) {
        self.heard = Heard::default();
        self.lines.request(now, request(Purpose::Info, "$I", REPLY_WAIT, true));
        self.lines.request(now, request(Purpose::Settings, "$$", REPLY_WAIT, true));
    }

    fn take(&mut self, at: RunTime, message: &Message<'_>) {
        match *message {
            Message::Ok => self.take_ok(at),
            Message::Error(code) => self.take_error(at, code),
            Message::Alarm(code) => self.take_alarm(at, code),
            Message::Banner(_) => self.take_banner(at),
            Message::Status(ref status) => self.take_status(at, status),
            Message::Feedback { .. } | Message::Setting { .. } => self.heard.take(message),
            Message::StartUp(_) => {}
        }
    }

    fn take_ok(&mut self, at: RunTime) {
        // An answer that cannot be this request's, because what belongs to it has not come, is a late one.
        let answers = match self.lines.pending() {
            None => false,
            Some(Purpose::Info) => self.heard.version(),
            Some(Purpose::Settings) => self.heard.settings(),
            Some(Purpose::Probe) => self.heard.take_modes(),
            Some(Purpose::Home | Purpose::Jog) => true,
        };
        let answered = if answers { self.lines.answered(at) } else { None };
        let Some((request, _)) = answered else { return self.lines.stray() };
        match request.purpose {
            Purpose::Info | Purpose::Probe => {}
            Purpose::Settings => {
                self.identity = Some(self.heard.identity());
                self.fault = self.fault.take().or(self.heard.objection(self.name_wanted.as_deref()));
            }
            Purpose::Home | Purpose::Jog => self.poll.schedule(at),
        }
        // A jog that the controller took from its buffer after the cancel moves all the same.
        if self.ladder.is_some_and(|(rung, _)| rung == Rung::Cancel) {
            self.halt(Realtime::JogCancel);
        }
    }

    fn take_error(&mut self, at: RunTime, code: u16) {
        // The probe has no error; this is a late one.
        let answered = if self.lines.pending() == Some(&Purpose::Probe) { None } else { self.lines.answered(at) };
        let Some((request, _)) = answered else { return self.lines.stray() };
        self.homing &= request.purpose != Purpose::Home;
        self.targets_mm = [None; 3];
        if self.moving {
            self.poll.schedule(at);
        }
        let reason = format!("error {code}: {}", error_meaning(code));
        self.fail(DeviceFault::Refused { role: Role::Stage, command: request.name, reason });
    }

    fn take_alarm(&mut self, at: RunTime, code: u16) {
        self.alarmed = true;
        (self.origin_mm, self.targets_mm) = (None, [None; 3]);
        self.homing = false;
        // What was sent may or may not get its answer.
        self.lines.forget(at);
        if self.restarting.is_some() {
            // A reset in motion says so before its banner.
            return;
        }
        // It has dropped what was queued.
        self.moving = false;
        let kept = if grbl::alarm_keeps_position(code) { "its position is kept, but home it" } else { "home it" };
        let meaning = alarm_meaning(code);
        self.failed(format!("alarm {code}: {meaning}; look for the cause, then {kept} again (`rig recover`)"));
    }

    fn take_banner(&mut self, at: RunTime) {
        match self.opening.banner() {
            Banner::Early => return,
            Banner::Awaited => return self.question(at),
            Banner::Restart => {}
        }
        let wanted = self.restarting.take().is_some();
        self.lines.restarted();
        self.poll = Poll::default();
        self.tracker = PositionTracker::default();
        (self.machine_mm, self.origin_mm, self.ladder) = (None, None, None);
        self.targets_mm = [None; 3];
        (self.moving, self.homing, self.alarmed) = (false, false, false);
        if self.identity.is_none() {
            // The board took longer than others to boot.
            return self.question(at);
        }
        if wanted {
            if std::mem::take(&mut self.home_after_restart) {
                self.begin_homing(at);
            }
        } else {
            self.failed(
                "the controller has restarted, so its position is unknown; check its supply, then home it again"
                    .to_owned(),
            );
        }
    }

    fn take_status(&mut self, at: RunTime, status: &Status<'_>) {
        let asked = self.poll.answered(at);
        self.machine_mm = self.tracker.machine_mm(status);
        let reason = obstacle(status.state, self.origin_mm.is_some(), self.ladder.is_some());
        if let Some(reason) = reason {
            self.origin_mm = self.origin_mm.filter(|_| status.state != State::Alarm);
            self.failed(reason.to_owned());
        }
        // Reports come in the order of answers: after the `ok` of every motion, `Idle` means that it has ended.
        let rests = matches!(status.state, State::Idle | State::Alarm) && !self.lines.busy();
        if rests && self.machine_mm.is_some() {
            (self.moving, self.ladder) = (false, None);
            self.check_arrival();
            if std::mem::take(&mut self.homing) && status.state == State::Idle {
                self.origin_mm = self.machine_mm;
            }
        }
        let standing = self.ladder.is_some() && status.state == State::Hold && status.sub_state == Some(0);
        if standing {
            self.reset(at);
        }
        if self.moving {
            self.poll.schedule(at + if rests { POLL_AT_REST } else { POLL_EVERY });
        }
        self.reports_without_offset = if self.machine_mm.is_some() { 0 } else { self.reports_without_offset + 1 };
        if self.reports_without_offset == OFFSET_REPORTS_MAX {
            self.failed("it reports work positions without their offset; send it $10=1 from a terminal".to_owned());
        }
        let z_mm = self.position_mm(Axis::Z);
        self.report = z_mm.map(|z_mm| Report { asked, answered: at, z_mm, moving: self.moving });
    }

    /// A jog can be cancelled from outside, and the controller then rests as if it had arrived.
    fn check_arrival(&mut self) {
        let targets_mm = std::mem::take(&mut self.targets_mm);
        let ends = targets_mm.into_iter().zip(self.machine_mm.into_iter().flatten());
        for (target_mm, end_mm) in ends.filter_map(|(target_mm, end_mm)| Some((target_mm?, end_mm))) {
            if (target_mm - end_mm).abs() > ARRIVED_WITHIN_MM {
                self.failed(format!(
                    "a jog to {target_mm:.3} mm (machine) ended at {end_mm:.3} mm; it was held or cancelled from outside"
                ));
            }
        }
    }

    /// A byte that ends motion, before all that waits.
    fn halt(&mut self, byte: Realtime) {
        self.lines.realtime(vec![byte as u8], true);
    }

    fn climb(&mut self, now: RunTime, rung: Rung) {
        self.ladder = Some((rung, now + RUNG_WAIT));
        match rung {
            Rung::Cancel => self.halt(Realtime::JogCancel),
            Rung::Hold => self.halt(Realtime::Hold),
            Rung::Reset => self.reset(now),
        }
        if rung != Rung::Reset {
            self.ask(now);
        }
    }

    /// Restarts the controller: all it was told is gone, and so is the reference.
    fn reset(&mut self, now: RunTime) {
        (self.ladder, self.origin_mm, self.targets_mm) = (None, None, [None; 3]);
        self.poll = Poll::default();
        self.lines.forget(now);
        self.halt(Realtime::Reset);
        self.restarting = Some(now + RESTART_WAIT);
    }

    fn begin_homing(&mut self, now: RunTime) {
        (self.moving, self.homing, self.origin_mm) = (true, true, None);
        self.home_after_restart = self.alarmed || self.restarting.is_some();
        if self.restarting.is_some() {
            return;
        }
        if self.alarmed {
            return self.reset(now);
        }
        self.lines.request(now, request(Purpose::Home, "$H", HOME_WAIT, false));
    }

    fn ask(&mut self, now: RunTime) {
        self.poll.asked(now);
        self.lines.realtime(vec![Realtime::Status as u8], false);
    }

    fn silent(&mut self, command: &str, waited: Duration, attempts: u32) {
        let bytes = self.lines.bytes_received();
        self.fail(DeviceFault::Silent { role: Role::Stage, command: command.to_owned(), waited, attempts, bytes });
    }

    fn machine_axis(&self, axis: Axis) -> Option<MachineAxis> {
        self.axes.iter().find(|(other, _)| *other == axis).map(|(_, machine)| *machine)
    }
}

impl Session for StageGrbl {
    fn receive(&mut self, at: RunTime, mut bytes: &[u8]) {
        self.lines.heard(at, bytes.len());
        let mut decoder = std::mem::take(&mut self.decoder);
        while let Some(message) = decoder.next_message(&mut bytes) {
            match message {
                Ok(message) => self.take(at, &message),
                // What is no line of GRBL, an echo of our own among it, is counted by the decoder.
                Err(_) => self.poll.damaged(at),
            }
        }
        if self.identity.is_none() {
            // What a boot loader says is no damage.
            self.bad_lines_before = bad_lines(&decoder);
        }
        self.decoder = decoder;
    }

    fn tick(&mut self, now: RunTime) {
        if self.opening.tick(now) {
            self.question(now);
        }
        if let Some(fault) = self.lines.tick(now) {
            self.homing = false;
            self.fail(fault);
        }
        match self.poll.tick(now) {
            Due::Nothing => {}
            Due::Ask => self.ask(now),
            Due::Silent { attempts } => self.silent("a status query (?)", ANSWER_WAIT, attempts),
        }
        match self.ladder {
            Some((Rung::Cancel, due)) if due <= now => self.climb(now, Rung::Hold),
            Some((Rung::Hold, due)) if due <= now => self.climb(now, Rung::Reset),
            _ => {}
        }
        if self.restarting.take_if(|due| *due <= now).is_some() {
            self.home_after_restart = false;
            self.silent("a reset (0x18)", RESTART_WAIT, 1);
        }
    }

    fn next_tick(&self) -> Option<RunTime> {
        let (settled, poll) = (self.opening.next_tick(), self.poll.next_tick());
        let ladder = self.ladder.map(|(_, due)| due);
        [settled, self.lines.next_tick(), poll, ladder, self.restarting].into_iter().flatten().min()
    }

    fn transmit(&mut self) -> Option<(Vec<u8>, bool)> {
        self.lines.transmit()
    }

    fn busy(&self) -> bool {
        self.opening.settling() || self.lines.busy()
    }

    fn take_fault(&mut self) -> Option<DeviceFault> {
        self.fault.take()
    }

    fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    fn identify(&mut self, now: RunTime) {
        if self.opening.ask(now) {
            self.question(now);
        }
    }

    fn damage(&self) -> String {
        match (bad_lines(&self.decoder) - self.bad_lines_before, self.lines.strays()) {
            (0, 0) => String::new(),
            (lines, strays) => format!("{lines} damaged lines dropped, {strays} answers to nothing pending"),
        }
    }
}

impl Stage for StageGrbl {
    fn home(&mut self, now: RunTime) {
        self.begin_homing(now);
    }

    fn move_to(&mut self, now: RunTime, axis: Axis, target_mm: f64, speed_mm_s: f64) {
        let (Some(machine), Some(origin_mm)) = (self.machine_axis(axis), self.origin_mm) else {
            return self.failed(format!("no move of axis {axis:?}: it is not there or not homed"));
        };
        let mut machine_mm = [None; 3];
        machine_mm[machine.index()] = Some(origin_mm[machine.index()] + machine.sign() * target_mm);
        let Ok(line) = (Jog { machine_mm, feed_mm_min: speed_mm_s * 60.0 }).line() else {
            return self.failed(format!("no move of axis {axis:?} to {target_mm} mm at {speed_mm_s} mm/s is possible"));
        };
        self.moving = true;
        self.targets_mm[machine.index()] = machine_mm[machine.index()];
        self.lines.request(now, request(Purpose::Jog, &line, REPLY_WAIT, false));
    }

    fn withdraw(&mut self, now: RunTime, speed_mm_s: f64) {
        if self.homed() {
            self.move_to(now, Axis::Z, 0.0, speed_mm_s);
        } else {
            self.begin_homing(now);
        }
    }

    fn stop(&mut self, now: RunTime) {
        self.moving = true;
        if self.lines.pending() == Some(&Purpose::Home) {
            return self.climb(now, Rung::Reset);
        }
        (self.homing, self.targets_mm) = (false, [None; 3]);
        if self.lines.busy() {
            // The bytes of a jog may wait behind the stop and be dropped, or be read after it.
            self.lines.forget(now);
        }
        if self.lines.order_is_lost() {
            // Its answer shows that whatever was sent before has been read.
            self.lines.request(now, request(Purpose::Probe, "$G", REPLY_WAIT, true));
        }
        self.climb(now, Rung::Cancel);
    }

    fn moving(&self) -> bool {
        self.moving
    }

    fn position_mm(&self, axis: Axis) -> Option<f64> {
        let machine = self.machine_axis(axis)?;
        let index = machine.index();
        Some(machine.sign() * (self.machine_mm?[index] - self.origin_mm?[index]))
    }

    fn homed(&self) -> bool {
        self.origin_mm.is_some()
    }

    fn axes_are_independent(&self) -> bool {
        false
    }

    fn report(&self) -> Option<Report> {
        self.report
    }
}

#[cfg(test)]
mod tests {
    use super::StageGrbl;
    use crate::{
        config::rig::{Axis, MachineAxis},
        device::{DeviceFault, Session as _, Stage as _},
        time::RunTime,
    };
    use std::time::Duration;

    const BANNER: &str = "\r\nGrbl 1.1h ['$' for help]\r\n[MSG:'$H'|'$X' to unlock]\r\n";
    const INFO: &str = "[VER:1.1h.20190825:LAB-3]\r\n[OPT:V,15,128]\r\nok\r\n";
    const SETTINGS: &str = "$10=1\r\n$13=0\r\n$22=1\r\nok\r\n";
    const IDLE: &str = "<Idle|MPos:0.000,0.000,-1.000|FS:0,0|WCO:0.000,0.000,0.000>\r\n";

    /// A session and the bytes that go to and fro.
    struct Talk {
        stage: StageGrbl,
        now: RunTime,
    }

    impl Talk {
        fn new(name: Option<&str>) -> Self {
            let stage = StageGrbl::new(&[Axis::Z], &[MachineAxis::ZReversed], name.map(str::to_owned));
            Self { stage, now: RunTime::ZERO }
        }

        fn identified() -> Self {
            let mut talk = Self::new(None);
            talk.hears(BANNER);
            talk.stage.identify(talk.now);
            talk.hears(INFO);
            talk.hears(SETTINGS);
            talk.sent();
            talk
        }

        fn homed() -> Self {
            let mut talk = Self::identified();
            talk.stage.home(talk.now);
            talk.hears("ok\r\n");
            talk.passes(0);
            talk.hears(IDLE);
            assert_eq!((talk.stage.take_fault(), talk.stage.moving(), talk.stage.homed()), (None, false, true));
            talk.sent();
            talk
        }

        fn hears(&mut self, text: &str) {
            self.stage.receive(self.now, text.as_bytes());
        }

        /// Lets time pass, tick by tick.
        fn passes(&mut self, ms: u64) {
            let end = self.now + Duration::from_millis(ms);
            while let Some(due) = self.stage.next_tick().filter(|&due| due <= end) {
                self.now = self.now.max(due);
                self.stage.tick(self.now);
            }
            self.now = end;
        }

        /// What was sent, realtime bytes in words.
        fn sent(&mut self) -> String {
            let mut text = String::new();
            while let Some((bytes, _)) = self.stage.transmit() {
                text += &match bytes.as_slice() {
                    [0x85] => "CANCEL ".to_owned(),
                    [0x18] => "RESET ".to_owned(),
                    bytes => String::from_utf8_lossy(bytes).replace('\n', " "),
                };
            }
            text
        }

        #[track_caller]
        fn faults(&mut self, words: &str) {
            let fault = self.stage.take_fault().expect("a fault").to_string();
            assert!(fault.contains(words), "{fault}");
        }
    }

    #[test]
    fn a_board_that_resets_on_opening_is_awaited() {
        let mut talk = Talk::new(Some("LAB-3"));
        talk.stage.identify(talk.now);
        talk.passes(1500);
        assert_eq!((talk.sent().as_str(), talk.stage.busy()), ("", true));
        talk.hears("\x00\x01boot");
        talk.hears(BANNER);
        assert_eq!(talk.sent(), "$I ");
        talk.hears(INFO);
        assert_eq!(talk.sent(), "$$ ");
        talk.hears(SETTINGS);
        let identity = talk.stage.identity().expect("identified");
        assert_eq!((identity.serial.as_str(), identity.firmware.as_str()), ("LAB-3", "1.1h.20190825"));
        assert_eq!((talk.stage.take_fault(), talk.stage.damage()), (None, String::new()), "a boot loader is no damage");
    }

    #[test]
    fn one_without_a_banner_is_asked_after_a_while() {
        let mut talk = Talk::new(None);
        talk.stage.identify(talk.now);
        talk.passes(2600);
        assert_eq!(talk.sent(), "$I ");
        talk.passes(5000);
        talk.faults("stage did not answer $");
        assert_eq!(talk.stage.next_tick(), None, "and nothing spins");
    }

    #[test]
    fn another_controller_or_one_that_cannot_serve_is_refused() {
        let rows = [
            ("LAB-4", SETTINGS.to_owned(), "wanted is \"LAB-4\""),
            ("LAB-3", SETTINGS.replace("$13=0", "$13=1"), "$13=0"),
            ("LAB-3", SETTINGS.replace("$22=1", "$22=0"), "$22=1"),
        ];
        for (name, settings, words) in rows {
            let mut talk = Talk::new(Some(name));
            talk.hears(BANNER);
            talk.stage.identify(talk.now);
            talk.hears(INFO);
            talk.hears(&settings);
            talk.faults(words);
        }
    }

    #[test]
    fn a_move_is_a_jog_in_machine_coordinates_and_ends_with_idle() {
        let mut talk = Talk::homed();
        talk.stage.move_to(talk.now, Axis::Z, 2.5, 1.5);
        assert_eq!(talk.sent(), "$J=G90G21G53Z-3.5000F90.000 ");
        talk.hears(IDLE);
        assert!(talk.stage.moving(), "a report from before its ok says nothing");
        talk.hears("ok\r\n");
        talk.passes(0);
        assert_eq!(talk.sent(), "?");
        talk.hears("<Jog|MPos:0.000,0.000,-2.000|FS:90,0|A:S|TLR:0>\r\n");
        talk.passes(99);
        assert_eq!((talk.sent().as_str(), talk.stage.position_mm(Axis::Z)), ("", Some(1.0)), "10 polls a second");
        talk.passes(1);
        assert_eq!(talk.sent(), "?");
        talk.hears("<Idle|WPos:0.000,0.000,-3.500|FS:0,0>\r\n");
        assert_eq!((talk.stage.moving(), talk.stage.position_mm(Axis::Z)), (false, Some(2.5)));
        assert_eq!(talk.stage.next_tick(), None, "nothing is asked at rest");
    }

    #[test]
    fn no_position_before_the_work_offset_is_known() {
        let mut talk = Talk::identified();
        talk.stage.home(talk.now);
        talk.hears("ok\r\n");
        talk.passes(0);
        talk.hears("<Idle|WPos:0.000,0.000,0.000|FS:0,0>\r\n");
        assert_eq!((talk.stage.position_mm(Axis::Z), talk.stage.homed(), talk.stage.moving()), (None, false, true));
        talk.passes(300);
        talk.hears("<Idle|WPos:0.000,0.000,0.000|FS:0,0|WCO:1.000,1.000,-1.000>\r\n");
        assert_eq!(
            (talk.stage.position_mm(Axis::Z), talk.stage.homed(), talk.stage.moving()),
            (Some(0.0), true, false)
        );
    }

    #[test]
    fn a_stop_climbs_until_the_stage_stands() {
        let mut talk = Talk::homed();
        talk.stage.move_to(talk.now, Axis::Z, 9.0, 1.0);
        talk.hears("ok\r\n");
        talk.sent();
        talk.stage.stop(talk.now);
        assert_eq!(talk.sent(), "CANCEL ?");
        for rung in ["!?", "RESET "] {
            for _ in 0..4 {
                talk.hears("<Jog|MPos:0.000,0.000,-4.000|FS:60,0>\r\n");
                talk.passes(100);
            }
            assert!(talk.sent().ends_with(rung), "{rung}");
        }
        talk.hears("ALARM:3\r\n");
        assert!(talk.stage.moving(), "the banner is awaited");
        talk.hears(BANNER);
        assert_eq!((talk.stage.moving(), talk.stage.homed(), talk.stage.take_fault()), (false, false, None));
        talk.stage.withdraw(talk.now, 5.0);
        assert_eq!(talk.sent(), "$H ", "where it stands is unknown, so the switch is the way back");
    }

    #[test]
    fn a_stop_before_the_answer_to_a_jog_waits_for_its_traces() {
        let mut talk = Talk::homed();
        talk.stage.move_to(talk.now, Axis::Z, 9.0, 1.0);
        talk.stage.stop(talk.now);
        assert!(talk.sent().ends_with("CANCEL ?"));
        talk.hears("<Idle|MPos:0.000,0.000,-1.000|FS:0,0>\r\n");
        assert!(talk.stage.moving(), "the jog may come yet");
        talk.hears("ok\r\n");
        talk.passes(130);
        assert!(talk.sent().contains("$G"));
        talk.hears("[GC:G0 G54]\r\nok\r\n");
        assert_eq!(talk.sent(), "CANCEL ", "for a jog that was read after the first");
        talk.hears("<Idle|MPos:0.000,0.000,-1.200|FS:0,0>\r\n");
        assert_eq!((talk.stage.moving(), talk.stage.take_fault()), (false, None));
    }

    #[test]
    fn homing_is_stopped_by_a_reset() {
        let mut talk = Talk::identified();
        talk.stage.home(talk.now);
        talk.passes(3000);
        assert_eq!((talk.sent().as_str(), talk.stage.take_fault()), ("$H ", None), "no polls while it homes");
        talk.stage.stop(talk.now);
        assert_eq!(talk.sent(), "RESET ");
    }

    #[test]
    fn alarms_banners_and_states_in_mid_run_are_faults_and_cost_the_reference() {
        let rows = [
            ("ALARM:1\r\n", "hard limit"),
            (BANNER, "restarted"),
            ("GrblHAL 1.1f ['$' or '$HELP' for help]\r\n", "restarted"),
            ("<Alarm|MPos:0.000,0.000,0.000|FS:0,0>\r\n", "locked"),
        ];
        for (heard, words) in rows {
            let mut talk = Talk::homed();
            talk.hears(heard);
            talk.faults(words);
            assert_eq!((talk.stage.homed(), talk.stage.position_mm(Axis::Z)), (false, None), "{heard}");
        }
        for (heard, words) in [("<Hold:0|MPos:0,0,0>\r\n", "hold"), ("<Door:1|MPos:0,0,0>\r\n", "door")] {
            let mut talk = Talk::homed();
            talk.hears(heard);
            talk.faults(words);
        }
    }

    #[test]
    fn after_a_critical_alarm_the_way_back_begins_with_a_reset() {
        let mut talk = Talk::homed();
        talk.hears("ALARM:1\r\n");
        talk.stage.withdraw(talk.now, 5.0);
        assert_eq!(talk.sent(), "RESET ");
        talk.hears(BANNER);
        assert_eq!(talk.sent(), "$H ");
    }

    #[test]
    fn a_lost_ok_is_a_named_silence_and_its_late_answer_answers_nothing() {
        let mut talk = Talk::homed();
        talk.stage.move_to(talk.now, Axis::Z, 2.0, 1.0);
        talk.passes(500);
        assert!(matches!(talk.stage.take_fault(), Some(DeviceFault::Silent { attempts: 1, .. })));
        talk.sent();
        talk.stage.move_to(talk.now, Axis::Z, 3.0, 1.0);
        talk.hears("ok\r\n");
        assert_eq!(talk.sent(), "", "nothing before the line is known again");
        talk.passes(125);
        assert_eq!(talk.sent(), "$G ");
        talk.hears("ok\r\n");
        assert_eq!(talk.sent(), "", "an ok without modes is not the probe's");
        talk.hears("[GC:G0 G54]\r\nok\r\n");
        assert!(talk.sent().starts_with("$J=G90G21G53Z-4.0"));
    }

    #[test]
    fn a_damaged_status_is_asked_for_again_at_once_before_the_ladder_is_climbed() {
        let mut talk = Talk::homed();
        talk.stage.stop(talk.now);
        assert!(talk.sent().contains('?'));
        talk.hears("<Idle|MPos:0.0<Idle|MPos:0.000,0.000,0.000|FS:0,0>\r\n");
        talk.passes(1);
        assert_eq!(talk.sent(), "?", "not a quarter of a second later");
        talk.hears("?<Idle|MPos:0.000,0.000,0.000|FS:0,0>\r\n");
        assert!(!talk.stage.moving(), "an echo in front of a report takes nothing from it");
        for _ in 0..20 {
            talk.hears("noise\r\n");
            talk.passes(1);
        }
        assert_eq!(talk.sent(), "", "noise asks nothing where nothing is awaited");
    }

    #[test]
    fn a_silent_status_is_named_and_an_echo_is_no_status() {
        let mut talk = Talk::homed();
        talk.stage.move_to(talk.now, Axis::Z, 2.0, 1.0);
        talk.hears("$J=G90G21G53Z-3.0000F60.000\r\nok\r\n");
        for _ in 0..4 {
            talk.passes(250);
            talk.hears("?\r\n");
        }
        talk.faults("a status query (?)");
    }

    #[test]
    fn a_refusal_is_told_in_words() {
        let mut talk = Talk::homed();
        talk.stage.move_to(talk.now, Axis::Z, 2.0, 1.0);
        talk.hears("error:15\r\n");
        talk.faults("beyond the travel");
        talk.hears("error:1\r\nok\r\n");
        assert_eq!((talk.stage.take_fault(), talk.stage.damage().is_empty()), (None, false));
    }
}
