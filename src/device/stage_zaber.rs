//! A Zaber stage in the ASCII protocol: one device of one or three axes, ids and checksums on every command.
//!
//! What moves is sent once. Where its reply is lost, the stage is asked where it is: if it moves, or stands at the
//! target, it had understood; if not, that is a fault and no reason to say it again.

use super::{DeviceFault, Identity, Report, Session, Stage};
use crate::{
    config::rig::Axis,
    link::Role,
    time::RunTime,
    wire::zaber::{Command, Flag, Message, MessageDecoder, Reply, position_from_data, position_to_data, speed_to_data},
};
use std::{collections::VecDeque, time::Duration};

const DEVICE: u8 = 1;
/// Time allowed for one reply: 4 ms on the wire at 115200 baud, 16 ms USB latency, and room.
const REPLY_WAIT: Duration = Duration::from_millis(150);
const ATTEMPTS_MAX: u32 = 3;
/// Replies without a checksum, one after the other, that are no accident.
const UNCHECKED_MAX: u32 = 2;
/// Between polls while anything moves.
const POLL_EVERY: Duration = Duration::from_millis(25);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    DeviceId,
    Serial,
    Version,
    AxisCount,
    Acknowledge,
    Motion,
    Setting,
    Poll,
    /// Where it is, after a motion command without a reply.
    Doubt,
    Stop,
}

impl Purpose {
    /// Whether doing it twice is as good as once.
    fn repeatable(self) -> bool {
        self != Self::Motion
    }

    /// Whether a fault flag on the reply tells of a fault of this run: flags of an earlier one stay until they are
    /// acknowledged, which homing does first.
    fn judges_flags(self) -> bool {
        matches!(self, Self::Motion | Self::Setting | Self::Poll | Self::Doubt | Self::Stop)
    }
}

struct Request {
    purpose: Purpose,
    axis: u8,
    words: String,
    urgent: bool,
}

struct Pending {
    request: Request,
    id: u8,
    /// When it was first put out.
    asked: RunTime,
    deadline: RunTime,
    attempts: u32,
}

/// Session with a Zaber stage.
pub struct StageZaber {
    axes: Vec<Axis>,
    microstep_mm: f64,
    serial_wanted: Option<String>,
    decoder: MessageDecoder,
    queue: VecDeque<Request>,
    pending: Option<Pending>,
    /// The motion command whose reply did not come.
    doubtful: Option<Request>,
    outbox: VecDeque<(Vec<u8>, bool)>,
    id: u8,
    device_id: String,
    serial: String,
    identity: Option<Identity>,
    positions_mm: Vec<f64>,
    report: Option<Report>,
    moving: bool,
    homed: bool,
    homing: bool,
    poll_due: Option<RunTime>,
    strays: u64,
    /// Replies in a row without a checksum.
    unchecked: u32,
    bytes_received: u64,
    fault: Option<DeviceFault>,
}

impl StageZaber {
    /// A session with a stage of these axes, which must have this serial number where one is given.
    pub fn new(axes: Vec<Axis>, microstep_mm: f64, serial_wanted: Option<String>) -> Self {
        Self {
            axes,
            microstep_mm,
            serial_wanted,
            decoder: MessageDecoder::default(),
            queue: VecDeque::new(),
            pending: None,
            doubtful: None,
            // A lone line end finishes whatever stood half-written in the device's buffer.
            outbox: VecDeque::from([(b"\n".to_vec(), false)]),
            id: 0,
            device_id: String::new(),
            serial: String::new(),
            identity: None,
            positions_mm: Vec::new(),
            report: None,
            moving: false,
            homed: false,
            homing: false,
            poll_due: None,
            strays: 0,
            unchecked: 0,
            bytes_received: 0,
            fault: None,
        }
    }

    fn fail(&mut self, fault: DeviceFault) {
        self.fault.get_or_insert(fault);
    }

    fn failed(&mut self, reason: String) {
        self.fail(DeviceFault::Failed { role: Role::Stage, reason });
    }

    fn request(&mut self, now: RunTime, purpose: Purpose, axis: u8, words: impl Into<String>) {
        let urgent = purpose == Purpose::Stop;
        if urgent {
            self.queue.clear();
            self.pending = None;
            self.doubtful = None;
            self.outbox.clear();
        }
        self.queue.push_back(Request { purpose, axis, words: words.into(), urgent });
        self.send_next(now);
    }

    fn send_next(&mut self, now: RunTime) {
        if self.pending.is_none()
            && let Some(request) = self.queue.pop_front()
        {
            self.id = (self.id + 1) % 100;
            let pending = Pending { request, id: self.id, asked: now, deadline: now + REPLY_WAIT, attempts: 1 };
            self.put_out(&pending);
            self.pending = Some(pending);
        }
    }

    fn put_out(&mut self, pending: &Pending) {
        let mut bytes = Vec::new();
        let Request { axis, words, urgent, .. } = &pending.request;
        Command { device: DEVICE, axis: *axis, id: Some(pending.id), words }.encode(&mut bytes);
        self.outbox.push_back((bytes, *urgent));
    }

    fn take_reply(&mut self, at: RunTime, reply: &Reply<'_>) {
        let answers = |pending: &Pending| reply.device == DEVICE && reply.id == Some(pending.id);
        if !self.pending.as_ref().is_some_and(answers) {
            self.strays += 1;
            if reply.device != DEVICE {
                let found = format!("a device with address {} on the line, wanted is {DEVICE} alone", reply.device);
                self.fail(DeviceFault::WrongDevice { role: Role::Stage, found });
            }
            return;
        }
        if !reply.checked {
            // One may be a checked line whose colon was hit; it is not believed, and asked for again.
            self.unchecked += 1;
            if self.unchecked >= UNCHECKED_MAX {
                let reason = "replies come without the checksum that was asked for; another program may be on the line";
                self.failed(reason.to_owned());
            }
            return;
        }
        self.unchecked = 0;
        let Some(Pending { request, asked, .. }) = self.pending.take() else { return };
        self.take_flag(reply.flag, request.purpose);
        if !reply.accepted {
            let reason = format!("{} (warning flag {})", reply.data, reply.flag.map_or("--", Flag::meaning));
            self.fail(DeviceFault::Refused { role: Role::Stage, command: request.words, reason });
            return self.send_next(at);
        }
        match request.purpose {
            Purpose::DeviceId => self.device_id = reply.data.to_owned(),
            Purpose::Serial => self.take_serial(reply.data),
            Purpose::Version => {
                let (model, serial) = (format!("Zaber device {}", self.device_id), self.serial.clone());
                self.identity = Some(Identity { model, serial, firmware: reply.data.to_owned() });
            }
            Purpose::AxisCount => self.take_axis_count(reply.data),
            Purpose::Motion | Purpose::Stop => self.poll_due = Some(at),
            Purpose::Setting | Purpose::Acknowledge => {}
            Purpose::Poll => self.take_positions(asked, at, reply),
            Purpose::Doubt => self.resolve(asked, at, reply),
        }
        self.send_next(at);
    }

    fn take_serial(&mut self, serial: &str) {
        serial.clone_into(&mut self.serial);
        if let Some(wanted) = self.serial_wanted.as_ref().filter(|wanted| *wanted != serial) {
            let found = format!("Zaber stage {serial}, wanted is {wanted}");
            self.fail(DeviceFault::WrongDevice { role: Role::Stage, found });
        }
    }

    fn take_axis_count(&mut self, data: &str) {
        if data.trim().parse() != Ok(self.axes.len()) {
            let found = format!("a stage of {data} axes; the rig file names {}", self.axes.len());
            self.fail(DeviceFault::WrongDevice { role: Role::Stage, found });
        }
    }

    fn take_positions(&mut self, asked: RunTime, at: RunTime, reply: &Reply<'_>) {
        let counts: Vec<i64> = reply.numbers().flatten().collect();
        if counts.len() != self.axes.len() {
            return self.failed(format!("position reply {:?} does not hold {} numbers", reply.data, self.axes.len()));
        }
        self.positions_mm = counts.iter().map(|&count| position_from_data(count, self.microstep_mm)).collect();
        // A poll that was answered before a queued motion command says nothing about that motion.
        if !reply.busy && self.queue.iter().all(|request| request.purpose != Purpose::Motion) {
            self.moving = false;
            self.homed |= std::mem::take(&mut self.homing);
        }
        self.poll_due = reply.busy.then_some(at + POLL_EVERY);
        let z_mm = self.position_mm(Axis::Z);
        self.report = z_mm.map(|z_mm| Report { asked, answered: at, z_mm, moving: self.moving });
    }

    /// Whether the motion command without a reply was understood, by what the stage does now.
    fn resolve(&mut self, asked: RunTime, at: RunTime, reply: &Reply<'_>) {
        let Some(Request { axis, words, .. }) = self.doubtful.take() else { return };
        let target = words.strip_prefix("move abs ").and_then(|target| target.parse::<i64>().ok());
        let position = reply.numbers().nth(usize::from(axis).saturating_sub(1)).flatten();
        if reply.busy || (target.is_some() && target == position) {
            return self.take_positions(asked, at, reply);
        }
        self.homing = false;
        self.failed(format!("{words:?} was not answered, and it has not moved; check the cable and run again"));
    }

    fn take_flag(&mut self, flag: Option<Flag>, purpose: Purpose) {
        match flag {
            Some(flag) if flag.is_fault() && purpose.judges_flags() => {
                // Whatever it was looking for, it did not arrive there by itself.
                self.homing = false;
                self.failed(format!("fault flag {flag}: {}; clear the cause, then run `rig recover`", flag.meaning()));
            }
            Some(Flag::NO_REFERENCE | Flag::NOT_HOMED) if self.homed && purpose == Purpose::Poll => {
                self.homed = false;
                self.failed(
                    "it has lost its reference position, so it has rebooted or slipped; home it again".to_owned(),
                );
            }
            _ => {}
        }
    }

    fn axis_number(&self, axis: Axis) -> Option<u8> {
        self.axes.iter().position(|other| *other == axis).and_then(|index| u8::try_from(index + 1).ok())
    }
}

impl Session for StageZaber {
    fn receive(&mut self, at: RunTime, mut bytes: &[u8]) {
        self.bytes_received += bytes.len() as u64;
        let mut decoder = std::mem::take(&mut self.decoder);
        while let Some(message) = decoder.next_message(&mut bytes) {
            match message {
                Ok(Message::Reply(reply)) => self.take_reply(at, &reply),
                Ok(Message::Alert(alert)) => self.take_flag(alert.flag, Purpose::Poll),
                // The decoder counts what it could not read; infos answer nothing that is asked here.
                Ok(Message::Info(_)) | Err(_) => {}
            }
        }
        self.decoder = decoder;
    }

    fn tick(&mut self, now: RunTime) {
        if let Some(mut pending) = self.pending.take_if(|pending| pending.deadline <= now) {
            if pending.request.purpose.repeatable() && pending.attempts < ATTEMPTS_MAX {
                pending.attempts += 1;
                pending.deadline = now + REPLY_WAIT;
                self.put_out(&pending);
                self.pending = Some(pending);
            } else if pending.request.purpose == Purpose::Motion {
                self.doubtful = Some(pending.request);
                let question = Request { purpose: Purpose::Doubt, axis: 0, words: "get pos".to_owned(), urgent: false };
                self.queue.push_front(question);
                self.send_next(now);
            } else {
                self.queue.clear();
                let command =
                    if pending.request.words.is_empty() { "status".to_owned() } else { pending.request.words };
                let (waited, attempts, bytes) = (REPLY_WAIT, pending.attempts, self.bytes_received);
                self.fail(DeviceFault::Silent { role: Role::Stage, command, waited, attempts, bytes });
            }
        }
        if self.poll_due.is_some_and(|due| due <= now) && self.pending.is_none() {
            self.poll_due = None;
            self.request(now, Purpose::Poll, 0, "get pos");
        }
    }

    fn next_tick(&self) -> Option<RunTime> {
        match &self.pending {
            Some(pending) => Some(pending.deadline),
            None => self.poll_due,
        }
    }

    fn transmit(&mut self) -> Option<(Vec<u8>, bool)> {
        self.outbox.pop_front()
    }

    fn busy(&self) -> bool {
        self.pending.is_some()
    }

    fn take_fault(&mut self) -> Option<DeviceFault> {
        self.fault.take()
    }

    fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    fn identify(&mut self, now: RunTime) {
        let questions = [
            (Purpose::DeviceId, "get deviceid"),
            (Purpose::Serial, "get system.serial"),
            (Purpose::AxisCount, "get system.axiscount"),
            (Purpose::Version, "get version"),
        ];
        for (purpose, words) in questions {
            self.request(now, purpose, 0, words);
        }
    }

    fn damage(&self) -> String {
        let dropped = self.decoder.dropped();
        match (dropped.overlong.lines + dropped.bad_checksum + dropped.bad_shape, self.strays) {
            (0, 0) => String::new(),
            (lines, strays) => {
                format!("{lines} damaged lines dropped, {strays} replies answered nothing pending or came twice")
            }
        }
    }
}

impl Stage for StageZaber {
    fn home(&mut self, now: RunTime) {
        (self.moving, self.homing) = (true, true);
        self.request(now, Purpose::Acknowledge, 0, "warnings clear");
        self.request(now, Purpose::Motion, 0, "home");
    }

    fn move_to(&mut self, now: RunTime, axis: Axis, target_mm: f64, speed_mm_s: f64) {
        let data = position_to_data(target_mm, self.microstep_mm).zip(speed_to_data(speed_mm_s, self.microstep_mm));
        let (Some(number), Some((position, speed))) = (self.axis_number(axis), data) else {
            return self.failed(format!("no move of axis {axis:?} to {target_mm} mm at {speed_mm_s} mm/s is possible"));
        };
        self.moving = true;
        self.request(now, Purpose::Setting, number, format!("set maxspeed {}", speed.max(1)));
        self.request(now, Purpose::Motion, number, format!("move abs {position}"));
    }

    fn withdraw(&mut self, now: RunTime, speed_mm_s: f64) {
        match self.axis_number(Axis::Z) {
            Some(number) if !self.homed => {
                (self.moving, self.homing) = (true, true);
                self.request(now, Purpose::Motion, number, "home");
            }
            _ => self.move_to(now, Axis::Z, 0.0, speed_mm_s),
        }
    }

    fn stop(&mut self, now: RunTime) {
        self.moving = true;
        self.homing = false;
        self.request(now, Purpose::Stop, 0, "stop");
    }

    fn moving(&self) -> bool {
        self.moving
    }

    fn position_mm(&self, axis: Axis) -> Option<f64> {
        let index = self.axes.iter().position(|other| *other == axis)?;
        self.positions_mm.get(index).copied()
    }

    fn homed(&self) -> bool {
        self.homed
    }

    fn axes_are_independent(&self) -> bool {
        true
    }

    fn report(&self) -> Option<Report> {
        self.report
    }
}
