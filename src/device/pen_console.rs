//! A prototype that has a text console of its own, driven by the script of its pen file.
//!
//! Lines carry no ids, so one is outstanding ([`super::lines`]). A reply is believed where it has the shape that the
//! script gives it; an echo of our own line never is one. Where the script can ask for the state, a command has done its
//! work only when the pen says so.

use super::{
    DeviceFault, Identity, Pen, PenState, Session,
    lines::{Lines, Recovery, Request},
    opening::{Banner, Opening},
};
use crate::{
    config::console::{Meaning, Script, Step, VALUES},
    link::Role,
    time::RunTime,
    wire::{
        console::{Captures, LINE_BYTES_MAX},
        line::LineSplitter,
    },
};
use std::time::Duration;

/// Between questions for the state until it is the one that was asked for.
const POLL_SOON: Duration = Duration::from_millis(40);
/// Between questions for the state while the pen is armed.
const POLL_EVERY: Duration = Duration::from_millis(250);
/// Longest foreign line that a message quotes, in characters.
const QUOTED_MAX: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Purpose {
    Identify,
    Set(usize),
    ClearFaults,
    Arm,
    Start,
    Stop,
    Hold { out: bool },
    Status,
    Heartbeat,
}

/// Session with a pen that has a text console.
pub struct PenConsole {
    script: Script,
    serial_wanted: Option<String>,
    splitter: LineSplitter,
    lines: Lines<Purpose>,
    opening: Opening,
    identity: Option<Identity>,
    /// Values told last, in the order of the script.
    told: [f64; VALUES.len()],
    sent: Vec<u8>,
    state: PenState,
    reported: RunTime,
    armed: bool,
    /// What the pen was told to be, and whether it has said since that it is.
    expected: Option<(PenState, bool)>,
    poll_due: Option<RunTime>,
    heartbeat_due: Option<RunTime>,
    renewed: Option<RunTime>,
    damaged: u64,
    echoes: u64,
    foreign: Option<String>,
    fault: Option<DeviceFault>,
}

impl PenConsole {
    /// A session with the pen of this script, which must give this serial number where one is wanted.
    pub fn new(script: Script, serial_wanted: Option<String>) -> Self {
        let probe = request(&script, Purpose::Identify, &script.identify, &[0.0; VALUES.len()]);
        let opening = Opening::new(Duration::from_millis(script.console.boot_ms.into()));
        Self {
            script,
            serial_wanted,
            splitter: LineSplitter::new(LINE_BYTES_MAX),
            lines: Lines::new(Role::Pen, Recovery::Probe(probe)),
            opening,
            identity: None,
            told: [0.0; VALUES.len()],
            sent: Vec::new(),
            state: PenState::Unknown,
            reported: RunTime::ZERO,
            armed: false,
            expected: None,
            poll_due: None,
            heartbeat_due: None,
            renewed: None,
            damaged: 0,
            echoes: 0,
            foreign: None,
            fault: None,
        }
    }

    fn fail(&mut self, fault: DeviceFault) {
        self.fault.get_or_insert(fault);
    }

    fn failed(&mut self, reason: String) {
        self.fail(DeviceFault::Failed { role: Role::Pen, reason });
    }

    fn step(&self, purpose: Purpose) -> Option<&Step> {
        let script = &self.script;
        match purpose {
            Purpose::Identify => Some(&script.identify),
            Purpose::Set(index) => script.set.get(index),
            Purpose::ClearFaults => script.clear_faults.as_ref(),
            Purpose::Arm => script.arm.as_ref(),
            Purpose::Start => Some(&script.start),
            Purpose::Stop => Some(&script.stop),
            Purpose::Hold { out: true } => Some(&script.hold_out),
            Purpose::Hold { out: false } => Some(&script.hold_in),
            Purpose::Status => script.status.as_ref(),
            Purpose::Heartbeat => script.heartbeat.as_ref(),
        }
    }

    /// Asks, where the script knows how.
    fn ask(&mut self, now: RunTime, purpose: Purpose) {
        if let Some(step) = self.step(purpose) {
            let request = request(&self.script, purpose, step, &self.told);
            self.lines.request(now, request);
        }
    }

    fn take_line(&mut self, at: RunTime, line: &str) {
        let Some(text) = self.script.console.checksum.strip(line) else {
            self.damaged += 1;
            return;
        };
        if self.script.banner.as_ref().is_some_and(|banner| banner.captures(text).is_some()) {
            return self.take_banner(at);
        }
        if !self.sent.is_empty() && line.as_bytes() == self.sent.trim_ascii() {
            self.echoes += 1;
            return;
        }
        let Some(&purpose) = self.lines.pending() else { return self.lines.stray() };
        if let Some(refused) = self.script.error.as_ref().and_then(|error| error.captures(text)) {
            let reason = format!("{text:?}");
            drop(refused);
            // The probe may be refused late, on account of what was lost before it.
            if purpose != Purpose::Identify || self.identity.is_none() {
                let command = self.lines.answered(at).map(|(request, _)| request.name).unwrap_or_default();
                self.fail(DeviceFault::Refused { role: Role::Pen, command, reason });
            }
            return;
        }
        let reply = self.step(purpose).map(|step| step.reply.clone());
        match reply.as_ref().and_then(|reply| reply.captures(text)) {
            Some(captures) => {
                let asked = self.lines.answered(at).map(|(_, asked)| asked);
                self.take_reply(at, purpose, &captures);
                self.renew(purpose, asked);
            }
            None => {
                self.foreign = Some(text.chars().take(QUOTED_MAX).collect());
                self.lines.stray();
            }
        }
    }

    fn take_reply(&mut self, at: RunTime, purpose: Purpose, captures: &Captures<'_>) {
        match purpose {
            Purpose::Identify => self.take_identity(captures),
            Purpose::Set(_) => self.compare(captures),
            Purpose::ClearFaults | Purpose::Heartbeat => {}
            Purpose::Arm => self.expect(at, PenState::Armed),
            Purpose::Start => self.expect(at, PenState::Running),
            Purpose::Stop => self.expect(at, PenState::Safe),
            Purpose::Hold { out: true } => self.expect(at, PenState::HeldOut),
            Purpose::Hold { out: false } => self.expect(at, PenState::HeldIn),
            Purpose::Status => self.take_status(at, captures),
        }
    }

    /// What renews the lease of an armed pen.
    fn renew(&mut self, purpose: Purpose, asked: Option<RunTime>) {
        if self.armed && self.script.heartbeat.is_some() && matches!(purpose, Purpose::Arm | Purpose::Heartbeat) {
            self.renewed = asked;
        }
    }

    fn take_identity(&mut self, captures: &Captures<'_>) {
        let named = |wanted: &str| {
            let found = captures.iter().find(|(name, _)| name == wanted);
            found.map_or("not told", |(_, value)| value).to_owned()
        };
        let found = Identity { model: named("model"), serial: named("serial"), firmware: named("firmware") };
        let wanted = self.serial_wanted.as_ref().filter(|wanted| **wanted != found.serial);
        if let Some(wanted) = wanted {
            let found = format!("pen {}, wanted is {wanted}", found.serial);
            return self.fail(DeviceFault::WrongDevice { role: Role::Pen, found });
        }
        if self.identity.as_ref().is_some_and(|known| known.serial != found.serial) {
            let found = format!("pen {}, another than a moment ago", found.serial);
            return self.fail(DeviceFault::WrongDevice { role: Role::Pen, found });
        }
        self.identity.get_or_insert(found);
    }

    /// Compares what a reply repeats with what was told, to one unit of its last digit.
    fn compare(&mut self, captures: &Captures<'_>) {
        for (name, text) in captures {
            let told = VALUES.iter().position(|known| known == name).map(|index| self.told[index]);
            let Some((told, repeated)) = told.zip(text.parse::<f64>().ok()) else { continue };
            let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            if (repeated - told).abs() > 10_f64.powi(-(decimals as i32)) {
                self.failed(format!("it was told {name} {told} and has set {repeated}"));
            }
        }
    }

    /// A command was answered: the pen is in `state`, or will soon say so.
    fn expect(&mut self, at: RunTime, state: PenState) {
        self.armed = state != PenState::Safe;
        if self.armed && self.heartbeat_due.is_none() {
            self.heartbeat_due = self.heartbeat_every().map(|every| at + every);
        }
        if self.script.status.is_some() {
            self.expected = Some((state, false));
            self.ask(at, Purpose::Status);
        } else {
            self.expected = Some((state, true));
            (self.state, self.reported) = (state, at);
        }
    }

    fn take_status(&mut self, at: RunTime, captures: &Captures<'_>) {
        let word = captures.iter().find(|(name, _)| name == "state").map_or("", |(_, word)| word);
        let meaning = self.script.console.states.as_ref().and_then(|states| states.meaning(word));
        let has_arm = self.script.arm.is_some();
        let state = match meaning {
            None => return self.failed(format!("its state {word:?} is not in [console.states] of its file")),
            // A pen that needs no arming is ready whenever it is at rest.
            Some(Meaning::Safe) if self.armed && !has_arm => PenState::Armed,
            Some(Meaning::Safe | Meaning::Fault) => PenState::Safe,
            Some(Meaning::Armed) => PenState::Armed,
            Some(Meaning::Running) => PenState::Running,
            Some(Meaning::HeldIn) => PenState::HeldIn,
            Some(Meaning::HeldOut) => PenState::HeldOut,
        };
        (self.state, self.reported) = (state, at);
        self.poll_due = self.armed.then_some(at + POLL_EVERY);
        match self.expected {
            Some((expected, _)) if expected == state => self.expected = Some((expected, true)),
            Some((expected, true)) => {
                self.disarm();
                self.failed(format!(
                    "it was {expected:?} and now says {word:?} by itself; a stall, a lapsed lease or a reboot do that"
                ));
            }
            Some((_, false)) => self.poll_due = Some(at + POLL_SOON),
            None => {}
        }
        if meaning == Some(Meaning::Fault) && self.armed {
            self.disarm();
            self.failed(format!("it reports the fault state {word:?}; look at the pen, then run `rig check`"));
        }
    }

    fn take_banner(&mut self, at: RunTime) {
        match self.opening.banner() {
            Banner::Early => return,
            Banner::Awaited => return self.ask(at, Purpose::Identify),
            Banner::Restart => {}
        }
        self.lines.restarted();
        if self.identity.is_none() {
            // It was reset by the opening of its port, and its banner comes after one that was still on its way.
            return self.ask(at, Purpose::Identify);
        }
        self.disarm();
        self.state = PenState::Unknown;
        self.failed("the pen has rebooted during the run; check its supply, then run again".to_owned());
    }

    fn disarm(&mut self) {
        self.armed = false;
        (self.expected, self.poll_due, self.heartbeat_due, self.renewed) = (None, None, None, None);
    }

    fn heartbeat_every(&self) -> Option<Duration> {
        let heartbeat = self.script.console.heartbeat.as_ref()?;
        Some(Duration::from_millis(heartbeat.every_ms.into()))
    }
}

fn request(script: &Script, purpose: Purpose, step: &Step, told: &[f64]) -> Request<Purpose> {
    // Values are finite, and the script was compiled with all their names.
    let text = step.send.render(told).unwrap_or_default();
    Request {
        purpose,
        bytes: script.line(&text),
        name: text,
        allowed: Duration::from_millis(script.console.reply_ms.into()),
        // What sets something in motion is not done twice for the lack of an answer.
        repeatable: !matches!(purpose, Purpose::Start | Purpose::Hold { .. } | Purpose::Arm),
    }
}

impl Session for PenConsole {
    fn receive(&mut self, at: RunTime, mut bytes: &[u8]) {
        self.lines.heard(at, bytes.len());
        let mut splitter = std::mem::replace(&mut self.splitter, LineSplitter::new(LINE_BYTES_MAX));
        while let Some(line) = splitter.next_line(&mut bytes) {
            match str::from_utf8(line) {
                Ok(line) => self.take_line(at, line.trim_ascii()),
                Err(_) => self.damaged += 1,
            }
        }
        self.splitter = splitter;
    }

    fn tick(&mut self, now: RunTime) {
        if self.opening.tick(now) {
            self.ask(now, Purpose::Identify);
        }
        if let Some(fault) = self.lines.tick(now) {
            // A device that talks, but not like this pen, is another one.
            let fault = match (&self.identity, self.foreign.take()) {
                (None, Some(line)) => DeviceFault::WrongDevice { role: Role::Pen, found: format!("{line:?}") },
                _ => fault,
            };
            self.poll_due = None;
            self.fail(fault);
        }
        if self.heartbeat_due.is_some_and(|due| due <= now) {
            self.heartbeat_due = self.heartbeat_every().map(|every| now + every);
            self.ask(now, Purpose::Heartbeat);
        }
        if self.poll_due.is_some_and(|due| due <= now) {
            self.poll_due = None;
            self.ask(now, Purpose::Status);
        }
    }

    fn next_tick(&self) -> Option<RunTime> {
        let settled = self.opening.next_tick();
        [settled, self.lines.next_tick(), self.poll_due, self.heartbeat_due].into_iter().flatten().min()
    }

    fn transmit(&mut self) -> Option<(Vec<u8>, bool)> {
        let (bytes, urgent) = self.lines.transmit()?;
        self.sent.clone_from(&bytes);
        Some((bytes, urgent))
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
            self.ask(now, Purpose::Identify);
        }
    }

    fn damage(&self) -> String {
        let damaged = self.damaged + self.splitter.dropped().lines;
        match (damaged, self.echoes, self.lines.strays()) {
            (0, 0, 0) => String::new(),
            (damaged, echoes, strays) => format!(
                "{damaged} damaged lines dropped, {echoes} echoes of our own lines, {strays} lines answered nothing pending"
            ),
        }
    }
}

impl Pen for PenConsole {
    fn set(&mut self, now: RunTime, stroke_rate_hz: f64, set_depth_mm: f64) {
        self.told = self.script.values(stroke_rate_hz, set_depth_mm);
        for index in 0..self.script.set.len() {
            self.ask(now, Purpose::Set(index));
        }
    }

    fn acknowledge(&mut self, now: RunTime) {
        self.ask(now, Purpose::ClearFaults);
    }

    fn arm(&mut self, now: RunTime) {
        if self.script.arm.is_some() {
            self.ask(now, Purpose::Arm);
        } else {
            self.expect(now, PenState::Armed);
        }
    }

    fn run(&mut self, now: RunTime, on: bool) {
        self.ask(now, if on { Purpose::Start } else { Purpose::Hold { out: false } });
    }

    fn hold(&mut self, now: RunTime, out: bool) {
        self.ask(now, Purpose::Hold { out });
    }

    fn stop(&mut self, now: RunTime) {
        self.disarm();
        let request = request(&self.script, Purpose::Stop, &self.script.stop, &self.told);
        self.lines.urgent(now, request);
    }

    fn state(&self) -> PenState {
        self.state
    }

    fn reported(&self) -> RunTime {
        self.reported
    }

    fn lease(&self) -> Option<Duration> {
        let heartbeat = self.script.console.heartbeat.as_ref()?;
        Some(Duration::from_millis(heartbeat.lease_ms.into()))
    }

    fn renewed(&self) -> Option<RunTime> {
        self.renewed
    }
}

#[cfg(test)]
mod tests {
    use super::PenConsole;
    use crate::{
        config::{self, console::Script, pen},
        device::{DeviceFault, Pen as _, PenState, Session as _},
        time::RunTime,
    };
    use std::time::Duration;

    fn script(text: &str) -> Script {
        let pen: pen::Pen = config::parse("pen.toml", text).expect("a good profile");
        pen.console.expect("with a console").compile().expect("that compiles")
    }

    /// A session and the lines that go to and fro; checksums are put on and taken off here.
    struct Talk {
        pen: PenConsole,
        script: Script,
        now: RunTime,
    }

    impl Talk {
        fn with(profile: &str, serial: Option<&str>) -> Self {
            let script = script(profile);
            Self { pen: PenConsole::new(script.clone(), serial.map(str::to_owned)), script, now: RunTime::ZERO }
        }

        /// The prototype with checksums, heartbeat and states, after its banner.
        fn new() -> Self {
            let mut talk = Self::with(include_str!("../../fixtures/pens/proto-c.toml"), Some("7"));
            talk.hears("PROTO-C 0.9 ready");
            talk.pen.identify(talk.now);
            assert_eq!(talk.sent(), "ID ");
            talk
        }

        fn armed() -> Self {
            let mut talk = Self::new();
            talk.hears("PROTO-C 7 FW 0.9");
            talk.pen.set(talk.now, 110.0, 1.5);
            talk.exchange(&[("RATE 110.0", "OK RATE 110.0"), ("DEPTH 150", "OK DEPTH 150")]);
            talk.pen.arm(talk.now);
            talk.exchange(&[("ARM", "OK ARMED"), ("ST?", "ST READY 0")]);
            assert_eq!((talk.pen.state(), talk.pen.take_fault()), (PenState::Armed, None));
            talk
        }

        fn running() -> Self {
            let mut talk = Self::armed();
            talk.pen.run(talk.now, true);
            talk.exchange(&[("RUN", "OK RUNNING"), ("ST?", "ST RUN 0")]);
            assert_eq!((talk.pen.state(), talk.pen.take_fault()), (PenState::Running, None));
            talk
        }

        fn hears(&mut self, text: &str) {
            let line = self.script.line(text);
            self.pen.receive(self.now, &line);
        }

        #[track_caller]
        fn exchange(&mut self, rows: &[(&str, &str)]) {
            for (wanted, answer) in rows {
                assert_eq!(self.sent().trim_end(), *wanted);
                self.hears(answer);
            }
        }

        fn passes(&mut self, ms: u64) {
            let end = self.now + Duration::from_millis(ms);
            while let Some(due) = self.pen.next_tick().filter(|&due| due <= end) {
                self.now = self.now.max(due);
                self.pen.tick(self.now);
            }
            self.now = end;
        }

        fn sent(&mut self) -> String {
            let mut text = String::new();
            while let Some((bytes, urgent)) = self.pen.transmit() {
                let line = String::from_utf8(bytes).expect("ASCII");
                let line = self.script.console.checksum.strip(line.trim()).expect("its checksum");
                text += &format!("{line}{} ", if urgent { "!" } else { "" });
            }
            text
        }

        #[track_caller]
        fn faults(&mut self, words: &str) {
            let fault = self.pen.take_fault().expect("a fault").to_string();
            assert!(fault.contains(words), "{fault}");
        }
    }

    #[test]
    fn a_command_has_done_its_work_when_the_pen_says_so() {
        let mut talk = Talk::armed();
        talk.pen.hold(talk.now, true);
        talk.exchange(&[("HOLD OUT", "OK HOLD"), ("ST?", "ST READY 0")]);
        assert_eq!(talk.pen.state(), PenState::Armed, "not yet");
        talk.passes(40);
        talk.exchange(&[("ST?", "ST OUT 0")]);
        assert_eq!((talk.pen.state(), talk.pen.take_fault()), (PenState::HeldOut, None));
        talk.passes(110);
        talk.exchange(&[("HB", "HB OK")]);
    }

    #[test]
    fn another_pen_or_another_device_is_refused() {
        let mut talk = Talk::new();
        talk.hears("PROTO-C 8 FW 0.9");
        talk.faults("pen 8, wanted is 7");
        let mut talk = Talk::new();
        for _ in 0..9 {
            talk.hears("@01 0 RJ IDLE -- BADCOMMAND");
            talk.passes(200);
        }
        talk.faults("answers as something else: \"@01 0 RJ IDLE");
    }

    #[test]
    fn silence_noise_and_echo_are_no_reply() {
        type Heard = fn(&mut Talk);
        let rows: [(&str, Heard); 3] = [
            ("silence", |_| {}),
            ("noise", |talk| talk.pen.receive(talk.now, b"\xFF\x00PROTO-C 7 FW 0.9*00\r\n\xC3\x28\r\n")),
            ("echo", |talk| talk.hears("ID")),
        ];
        for (what, heard) in rows {
            let mut talk = Talk::new();
            for _ in 0..9 {
                heard(&mut talk);
                talk.passes(300);
            }
            let fault = talk.pen.take_fault();
            assert!(matches!(fault, Some(DeviceFault::Silent { .. })), "{what}: {fault:?}");
            assert_eq!((talk.pen.next_tick(), talk.pen.damage().is_empty()), (None, what == "silence"), "{what}");
        }
    }

    #[test]
    fn a_late_reply_answers_nothing() {
        let mut talk = Talk::armed();
        talk.pen.run(talk.now, true);
        assert_eq!(talk.sent(), "RUN ");
        talk.passes(150);
        talk.faults("did not answer RUN");
        talk.pen.stop(talk.now);
        assert_eq!(talk.sent(), "STOP! ");
        talk.hears("OK RUNNING");
        talk.hears("OK STOP");
        assert_ne!(talk.pen.state(), PenState::Safe, "which of them was late is not known");
        talk.passes(125);
        talk.exchange(&[("ID", "PROTO-C 7 FW 0.9"), ("STOP", "OK STOP"), ("ST?", "ST IDLE 0")]);
        assert_eq!((talk.pen.state(), talk.pen.next_tick()), (PenState::Safe, None));
    }

    #[test]
    fn a_stop_goes_first_and_ends_the_heartbeats() {
        let mut talk = Talk::running();
        talk.pen.stop(talk.now);
        talk.exchange(&[("STOP!", "OK STOP"), ("ST?", "ST RUN 0")]);
        assert_eq!(talk.pen.state(), PenState::Running, "it still turns");
        talk.passes(40);
        talk.exchange(&[("ST?", "ST IDLE 0")]);
        assert_eq!((talk.pen.state(), talk.pen.reported(), talk.pen.next_tick()), (PenState::Safe, talk.now, None));
        assert_eq!(talk.pen.take_fault(), None);
    }

    #[test]
    fn what_the_pen_does_by_itself_is_a_fault() {
        let rows = [
            ("ST IDLE 0", "by itself"),
            ("ST STALL 4", "by itself"),
            ("ST MOON 0", "not in [console.states]"),
            ("PROTO-C 0.9 ready", "rebooted"),
            ("ERR too hot", "too hot"),
        ];
        for (heard, words) in rows {
            let mut talk = Talk::running();
            talk.pen.poll_due = Some(talk.now);
            talk.passes(0);
            talk.exchange(&[("ST?", heard)]);
            talk.faults(words);
        }
    }

    #[test]
    fn a_value_that_was_set_otherwise_is_a_fault() {
        let mut talk = Talk::new();
        talk.hears("PROTO-C 7 FW 0.9");
        talk.pen.set(talk.now, 110.0, 1.5);
        talk.exchange(&[("RATE 110.0", "OK RATE 100.0")]);
        talk.faults("was told stroke_rate_hz 110 and has set 100");
    }

    #[test]
    fn the_barest_console_is_believed_by_its_replies() {
        let mut talk = Talk::with(include_str!("../../fixtures/pens/proto-d.toml"), None);
        assert_eq!(talk.pen.lease(), None);
        talk.pen.identify(talk.now);
        talk.exchange(&[("ver", "proto-d v0.1 #12")]);
        talk.pen.set(talk.now, 110.0, 1.5);
        talk.exchange(&[("m 6600 1500", "m ok")]);
        talk.pen.arm(talk.now);
        assert_eq!((talk.pen.state(), talk.pen.busy()), (PenState::Armed, false));
        talk.pen.run(talk.now, true);
        talk.exchange(&[("go", "going")]);
        assert_eq!((talk.pen.state(), talk.pen.next_tick()), (PenState::Running, None));
        talk.pen.stop(talk.now);
        talk.exchange(&[("x!", "stopped")]);
        assert_eq!((talk.pen.state(), talk.pen.take_fault()), (PenState::Safe, None));
    }
}
