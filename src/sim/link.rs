//! The simulated bench as a link: an event queue in virtual time, three devices behind their bytes, one world.
//!
//! Invariant: time jumps to the next event and never back; the same seed and the same bytes in give the same bytes out
//! at the same times.
//! Deliberately absent: the host's clock and threads.

use crate::{
    config::{cartridge::Cartridge, faults::Faults, rig::Rig, world::WorldParams},
    link::{Hand, Link, LinkError, Role, Wake},
    prng::Seeds,
    sim::{bench::SimBench, firmware::Firmware as _, world::World},
    time::RunTime,
};
use std::{collections::BTreeMap, time::Duration};

enum Delivery {
    ToDevice(Role, Vec<u8>),
    ToHost(Role, Vec<u8>),
}

/// When each direction of a line is free again.
#[derive(Clone, Copy)]
struct Line {
    byte_time: Duration,
    to_device: RunTime,
    to_host: RunTime,
}

/// Bytes that a port takes for a device that does not read: what the system's buffer and the queue before it hold.
const DEAF_BYTES_MAX: usize = 36 * 1024;

/// The bench in virtual time.
pub struct SimLink {
    bench: SimBench,
    lines: [Line; 3],
    now: RunTime,
    /// Deliveries by time, then by the order in which they were scheduled.
    queue: BTreeMap<(RunTime, u64), Delivery>,
    scheduled: u64,
    /// Ports whose loss the host has been told of.
    lost: [bool; 3],
    /// Bytes that wait for a device that does not read.
    deaf_bytes: [usize; 3],
}

impl SimLink {
    /// The devices of a rig file over a world of this seed, switched on at time zero.
    pub fn new(rig: &Rig, world: &WorldParams, cartridge: &Cartridge, seeds: impl Into<Seeds>) -> Self {
        Self::with_faults(rig, world, cartridge, seeds, &Faults::default())
    }

    /// The same bench, on whose lines happens what a fault file says.
    pub fn with_faults(
        rig: &Rig,
        world: &WorldParams,
        cartridge: &Cartridge,
        seeds: impl Into<Seeds>,
        faults: &Faults,
    ) -> Self {
        let line = |baud: u32| Line {
            // Start bit, eight data bits, stop bit.
            byte_time: Duration::from_nanos(10_000_000_000 / u64::from(baud.max(1))),
            to_device: RunTime::ZERO,
            to_host: RunTime::ZERO,
        };
        let mut link = Self {
            bench: SimBench::new(rig, world, cartridge, seeds).with_faults(faults),
            lines: [line(rig.pen.baud), line(rig.stage.baud), line(rig.force.baud)],
            now: RunTime::ZERO,
            queue: BTreeMap::new(),
            scheduled: 0,
            lost: [false; 3],
            deaf_bytes: [0; 3],
        };
        Role::ALL.into_iter().for_each(|role| link.collect(role));
        link
    }

    /// The world behind the devices: for truth benches and tests, which keep the link and ask it afterwards.
    pub fn world(&self) -> &World {
        &self.bench.world
    }

    fn schedule(&mut self, at: RunTime, delivery: Delivery) {
        self.queue.insert((at, self.scheduled), delivery);
        self.scheduled += 1;
    }

    /// The port that another program holds, where there is one.
    pub fn busy(&self) -> Option<Role> {
        Role::ALL.into_iter().find(|&role| self.bench.port(role).busy)
    }

    /// Puts what a device has to send on its line.
    fn collect(&mut self, role: Role) {
        for bytes in self.bench.chunks(role) {
            let line = &mut self.lines[role as usize];
            line.to_host = line.to_host.max(self.now) + line.byte_time * bytes.len() as u32;
            let at = line.to_host;
            self.schedule(at, Delivery::ToHost(role, bytes));
        }
    }

    /// Lets the host stand still: the bench goes on, what arrives waits.
    fn pause(&mut self, span: Duration) {
        let end = self.now + span;
        let mut waiting = BTreeMap::new();
        while let Some(at) = self.next_event().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.bench.world.advance(self.now);
            match self.queue.first_key_value() {
                Some(((due, _), _)) if *due <= at => match self.queue.pop_first() {
                    Some((key, Delivery::ToHost(role, chunk))) => {
                        waiting.insert(key, Delivery::ToHost(role, chunk));
                    }
                    Some((_, Delivery::ToDevice(role, chunk))) => self.deliver(role, &chunk),
                    None => {}
                },
                _ => self.wake(),
            }
        }
        self.now = self.now.max(end);
        self.bench.world.advance(self.now);
        self.queue.append(&mut waiting);
    }

    fn next_event(&self) -> Option<RunTime> {
        let delivery = self.queue.first_key_value().map(|((at, _), _)| *at);
        delivery.into_iter().chain(self.bench.next_wake().0).min()
    }

    fn deliver(&mut self, role: Role, chunk: &[u8]) {
        let (line, world) = self.bench.parts(role);
        line.receive(self.now, chunk, world);
        self.collect(role);
    }

    fn wake(&mut self) {
        let (_, role) = self.bench.next_wake();
        let (line, world) = self.bench.parts(role);
        line.wake(self.now, world);
        self.collect(role);
    }

    /// Says once that a port has vanished.
    fn newly_lost(&mut self) -> Option<Role> {
        let role = Role::ALL.into_iter().find(|&role| self.bench.port(role).gone && !self.lost[role as usize])?;
        self.lost[role as usize] = true;
        self.queue.retain(|_, delivery| !matches!(delivery, Delivery::ToHost(of, _) if *of == role));
        Some(role)
    }
}

impl Link for SimLink {
    fn by_hand(&mut self, hand: Hand) -> bool {
        self.bench.world.by_hand(hand);
        true
    }

    fn now(&mut self) -> RunTime {
        self.now
    }

    fn send(&mut self, role: Role, bytes: &[u8], _urgent: bool) -> Result<(), LinkError> {
        let fail = |message: String| LinkError { role, message };
        if self.lost[role as usize] {
            return Err(fail(
                "the device does not take bytes: its port has vanished; check cable and power".to_owned(),
            ));
        }
        let deaf_bytes = &mut self.deaf_bytes[role as usize];
        *deaf_bytes = if self.bench.port(role).deaf { *deaf_bytes + bytes.len() } else { 0 };
        if *deaf_bytes > DEAF_BYTES_MAX {
            return Err(fail(format!("{DEAF_BYTES_MAX} bytes wait and the device does not read them")));
        }
        let line = &mut self.lines[role as usize];
        line.to_device = line.to_device.max(self.now) + line.byte_time * bytes.len() as u32;
        let at = line.to_device;
        self.schedule(at, Delivery::ToDevice(role, bytes.to_vec()));
        Ok(())
    }

    fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake {
        bytes.clear();
        loop {
            if let Some(role) = self.newly_lost() {
                return Wake::Lost(role, "the port was lost: the simulated cable is out".to_owned());
            }
            if let Some(span) = self.bench.take_pause() {
                self.pause(span);
            }
            let Some(next) = self.next_event().filter(|&next| next <= deadline) else {
                self.now = self.now.max(deadline);
                self.bench.world.advance(self.now);
                return Wake::Deadline;
            };
            self.now = self.now.max(next);
            self.bench.world.advance(self.now);
            if self.queue.first_key_value().is_none_or(|((at, _), _)| *at > next) {
                self.wake();
                continue;
            }
            match self.queue.pop_first() {
                Some((_, Delivery::ToHost(role, chunk))) if !self.lost[role as usize] => {
                    *bytes = chunk;
                    return Wake::Bytes(role);
                }
                Some((_, Delivery::ToDevice(role, chunk))) => self.deliver(role, &chunk),
                _ => {}
            }
        }
    }
}
