//! The line between a simulated device and the host, with what a fault file says of it.
//!
//! A decorator of [`Firmware`]: bytes go in and come out as before, on their way cut into messages, of which each may
//! be lost, late, repeated, damaged or another. It serves in virtual time and on pseudo-terminals. What befalls the port
//! as a whole is in [`Port`]; whoever serves the port acts on it.
//!
//! Invariant: without faults, bytes pass as they are. Deliberately absent: what the host should make of it.

mod alter;
mod trigger;

use crate::{
    config::faults::{Device, Direction, Fault, Inject},
    link::Role,
    prng::Stream,
    sim::{firmware::Firmware, world::World},
    time::RunTime,
};
use std::time::Duration;
use trigger::Trigger;

/// The device of a fault file.
pub fn role_of(device: Device) -> Role {
    match device {
        Device::Pen => Role::Pen,
        Device::Stage => Role::Stage,
        Device::Force => Role::Force,
    }
}

/// What ends a message on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A zero byte (BENCH-LINK).
    Zero,
    /// A line feed or a carriage return; GRBL's commands of one byte are messages of their own.
    Line,
}

/// The state of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// It has vanished.
    pub gone: bool,
    /// The device takes no bytes.
    pub deaf: bool,
    /// Another program holds it.
    pub busy: bool,
}

#[derive(Debug)]
struct Active {
    inject: Inject,
    direction: Direction,
    trigger: Trigger,
    draw: Stream,
}

/// Bytes on their way.
struct Held {
    due: RunTime,
    chunk: Vec<u8>,
}

/// A simulated device behind its line.
pub struct FaultyLine {
    firmware: Box<dyn Firmware>,
    framing: Framing,
    faults: Vec<Active>,
    to_device: Splitter,
    to_host: Splitter,
    /// Late messages in the order in which they were said.
    late_to_device: Vec<Held>,
    late_to_host: Vec<Held>,
    /// Chunks that the line carries to the host next.
    ready: Vec<Vec<u8>>,
    back_at: Option<RunTime>,
    port: Port,
    pause: Option<Duration>,
    seen: RunTime,
}

impl FaultyLine {
    /// A line without faults.
    pub fn new(firmware: Box<dyn Firmware>, framing: Framing) -> Self {
        Self {
            firmware,
            framing,
            faults: Vec::new(),
            to_device: Splitter::default(),
            to_host: Splitter::default(),
            late_to_device: Vec::new(),
            late_to_host: Vec::new(),
            ready: Vec::new(),
            back_at: None,
            port: Port::default(),
            pause: None,
            seen: RunTime::ZERO,
        }
    }

    /// Adds a fault; `draw` is what it draws its random numbers from.
    pub fn add(&mut self, fault: &Fault, mut draw: Stream) {
        let trigger = Trigger::new(&fault.when, fault.lasts.as_ref(), &mut draw);
        // An echo is made of what the host says.
        let of_host = fault.inject == Inject::Echo;
        let direction = if of_host { Direction::ToDevice } else { fault.direction.unwrap_or_default() };
        self.port.busy |= fault.inject == Inject::Busy;
        self.faults.push(Active { inject: fault.inject.clone(), direction, trigger, draw });
    }

    /// The state of the port.
    pub fn port(&self) -> Port {
        self.port
    }

    /// How long the host is to stand still from now on, said once.
    pub fn take_pause(&mut self) -> Option<Duration> {
        self.pause.take()
    }

    /// The chunks that the line carries to the host next.
    pub fn chunks(&mut self) -> Vec<Vec<u8>> {
        if self.faults.is_empty() {
            let mut bytes = Vec::new();
            self.firmware.transmit(&mut bytes);
            return if bytes.is_empty() { Vec::new() } else { vec![bytes] };
        }
        // What was said before anything woke the line: the banner of the boot.
        self.say(self.seen);
        std::mem::take(&mut self.ready)
    }

    /// Begins and ends what is due.
    fn look(&mut self, now: RunTime, world: &mut World) {
        self.seen = now;
        for index in 0..self.faults.len() {
            if self.faults[index].trigger.look(now, world) {
                self.begin(now, index, world);
            }
        }
        if self.back_at.is_some_and(|back| back <= now) {
            self.back_at = None;
            self.port.gone = false;
        }
        self.port.deaf = self.faults.iter().any(|fault| fault.inject == Inject::Deaf && fault.trigger.active());
    }

    /// Does what a fault begins with.
    fn begin(&mut self, now: RunTime, index: usize, world: &mut World) {
        let fault = &mut self.faults[index];
        match &fault.inject {
            Inject::Insert(bytes) => {
                let bytes = bytes.bytes().unwrap_or_default();
                match fault.direction {
                    Direction::ToHost => self.ready.push(bytes),
                    Direction::ToDevice => self.firmware.receive(now, &bytes, world),
                }
            }
            Inject::Reboot => {
                self.firmware.restart(now, world);
                self.to_device = Splitter::default();
            }
            Inject::Unplug { back_after_s } => {
                self.port.gone = true;
                self.back_at = back_after_s.map(|s| now + Duration::from_secs_f64(s));
                // What the adapter still held goes with it.
                self.ready.clear();
                self.late_to_host.clear();
            }
            Inject::Pause { ms } => self.pause = Some(Duration::from_secs_f64(ms * 1e-3)),
            // What lasts acts on what passes.
            _ => return,
        }
        fault.trigger.end();
    }

    fn silent(&self) -> bool {
        self.port.gone || self.faults.iter().any(|fault| fault.inject == Inject::Silent && fault.trigger.active())
    }

    /// Takes what the firmware has said and puts it on its way.
    fn say(&mut self, now: RunTime) {
        let mut bytes = Vec::new();
        self.firmware.transmit(&mut bytes);
        for message in self.to_host.messages(&bytes, self.framing) {
            for (late, chunk) in self.alter(now, message, Direction::ToHost) {
                if late.is_zero() {
                    self.ready.push(chunk);
                } else {
                    self.late_to_host.push(Held { due: now + late, chunk });
                }
            }
        }
    }

    /// What becomes of one message: chunks, and how late each is.
    fn alter(&mut self, now: RunTime, message: Vec<u8>, direction: Direction) -> Vec<(Duration, Vec<u8>)> {
        if self.silent() {
            return Vec::new();
        }
        let mut chunks = vec![(Duration::ZERO, message)];
        for fault in self.faults.iter_mut().filter(|fault| fault.direction == direction) {
            let (acts, begun) = fault.trigger.message(now);
            match &fault.inject {
                Inject::Insert(bytes) if begun => {
                    fault.trigger.end();
                    chunks.insert(0, (Duration::ZERO, bytes.bytes().unwrap_or_default()));
                }
                Inject::Echo if acts => self.ready.extend(chunks.iter().map(|(_, chunk)| chunk.clone())),
                inject if acts => {
                    chunks = chunks.into_iter().flat_map(|chunk| act(inject, now, chunk, &mut fault.draw)).collect();
                }
                _ => {}
            }
        }
        chunks
    }

    /// Hands the device what is due by now.
    fn deliver(&mut self, now: RunTime, world: &mut World) {
        if self.port.deaf {
            return;
        }
        for chunk in take_due(&mut self.late_to_device, now) {
            self.firmware.receive(now, &chunk, world);
        }
    }
}

/// What a fault on messages makes of one chunk of a message.
fn act(
    inject: &Inject,
    now: RunTime,
    (late, chunk): (Duration, Vec<u8>),
    draw: &mut Stream,
) -> Vec<(Duration, Vec<u8>)> {
    match inject {
        Inject::Drop => Vec::new(),
        Inject::Delay { ms } => vec![(late + Duration::from_secs_f64(ms * 1e-3), chunk)],
        Inject::Repeat => vec![(late, chunk.clone()), (late, chunk)],
        Inject::Flip => vec![(late, alter::flip(&chunk, draw))],
        Inject::Cut => vec![(late, alter::cut(&chunk, draw))],
        Inject::Garble => vec![(late, alter::garble(&chunk, draw))],
        Inject::Split => chunk.into_iter().map(|byte| (late, vec![byte])).collect(),
        Inject::Bunch { ms } => {
            let every = (ms * 1e6) as u64;
            let wait = every - (now.as_nanos() + late.as_nanos() as u64) % every;
            vec![(late + Duration::from_nanos(wait), chunk)]
        }
        Inject::Interleave(bytes) => vec![(late, bytes.bytes().unwrap_or_default()), (late, chunk)],
        Inject::Replace { from, to } => vec![(late, alter::replace(&chunk, from, to))],
        Inject::Unchecked => vec![(late, alter::unchecked(&chunk))],
        Inject::Clock { us } => vec![(late, alter::clock(&chunk, |_| *us))],
        Inject::Drift { ppm } => {
            let ahead_us = |stamp_us: u32| (f64::from(stamp_us) * ppm * 1e-6).round() as i64;
            vec![(late, alter::clock(&chunk, ahead_us))]
        }
        _ => vec![(late, chunk)],
    }
}

fn take_due(held: &mut Vec<Held>, now: RunTime) -> Vec<Vec<u8>> {
    let mut due: Vec<Held> = held.extract_if(.., |held| held.due <= now).collect();
    due.sort_by_key(|held| held.due);
    due.into_iter().map(|held| held.chunk).collect()
}

impl Firmware for FaultyLine {
    fn receive(&mut self, now: RunTime, bytes: &[u8], world: &mut World) {
        if self.faults.is_empty() {
            return self.firmware.receive(now, bytes, world);
        }
        self.look(now, world);
        for message in self.to_device.messages(bytes, self.framing) {
            for (late, chunk) in self.alter(now, message, Direction::ToDevice) {
                self.late_to_device.push(Held { due: now + late, chunk });
            }
        }
        self.deliver(now, world);
        self.say(now);
    }

    fn wake(&mut self, now: RunTime, world: &mut World) {
        if self.faults.is_empty() {
            return self.firmware.wake(now, world);
        }
        self.look(now, world);
        self.deliver(now, world);
        self.firmware.wake(now, world);
        self.say(now);
        let late = take_due(&mut self.late_to_host, now);
        if !self.silent() {
            self.ready.extend(late);
        }
    }

    fn next_wake(&self) -> Option<RunTime> {
        let firmware = self.firmware.next_wake();
        if self.faults.is_empty() {
            return firmware;
        }
        // What waits for a deaf device waits for the end of its deafness, which is a wake of its own.
        let late_to_device = self.late_to_device.iter().filter(|_| !self.port.deaf);
        let late = late_to_device.chain(&self.late_to_host).map(|held| held.due);
        let faults = self.faults.iter().filter_map(|fault| fault.trigger.next());
        late.chain(faults).chain(firmware).chain(self.back_at).min()
    }

    fn restart(&mut self, now: RunTime, world: &mut World) {
        self.firmware.restart(now, world);
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        self.chunks().into_iter().for_each(|chunk| out.extend(chunk));
    }
}

/// Cuts a direction of a line into messages; what has no end yet waits.
#[derive(Debug, Default)]
struct Splitter {
    pending: Vec<u8>,
}

impl Splitter {
    fn messages(&mut self, bytes: &[u8], framing: Framing) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let alone = framing == Framing::Line
                && self.pending.is_empty()
                && (matches!(byte, b'?' | b'!' | b'~' | 0x18) || byte >= 0x80);
            self.pending.push(byte);
            let end = match framing {
                Framing::Zero => byte == 0,
                Framing::Line => byte == b'\n',
            };
            if end || alone {
                messages.push(std::mem::take(&mut self.pending));
            }
        }
        messages
    }
}
