//! The simulated bench as a link: an event queue in virtual time, three devices behind their bytes, one world.
//!
//! Invariant: time jumps to the next event and never back; the same seed and the same bytes in give the same bytes out
//! at the same times.
//! Deliberately absent: the host's clock and threads.

use crate::{
    config::{cartridge::Cartridge, rig::Rig, world::WorldParams},
    link::{Hand, Link, LinkError, Role, Wake},
    prng::Seeds,
    sim::{bench::SimBench, world::World},
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

/// The bench in virtual time.
pub struct SimLink {
    bench: SimBench,
    lines: [Line; 3],
    now: RunTime,
    /// Deliveries by time, then by the order in which they were scheduled.
    queue: BTreeMap<(RunTime, u64), Delivery>,
    scheduled: u64,
}

impl SimLink {
    /// The devices of a rig file over a world of this seed, switched on at time zero.
    pub fn new(rig: &Rig, world: &WorldParams, cartridge: &Cartridge, seeds: impl Into<Seeds>) -> Self {
        let line = |baud: u32| Line {
            // Start bit, eight data bits, stop bit.
            byte_time: Duration::from_nanos(10_000_000_000 / u64::from(baud.max(1))),
            to_device: RunTime::ZERO,
            to_host: RunTime::ZERO,
        };
        let mut link = Self {
            bench: SimBench::new(rig, world, cartridge, seeds),
            lines: [line(rig.pen.baud), line(rig.stage.baud), line(rig.force.baud)],
            now: RunTime::ZERO,
            queue: BTreeMap::new(),
            scheduled: 0,
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

    /// Puts what a device has to send on its line.
    fn collect(&mut self, role: Role) {
        let mut bytes = Vec::new();
        self.bench.firmware(role).transmit(&mut bytes);
        if bytes.is_empty() {
            return;
        }
        let line = &mut self.lines[role as usize];
        line.to_host = line.to_host.max(self.now) + line.byte_time * bytes.len() as u32;
        let at = line.to_host;
        self.schedule(at, Delivery::ToHost(role, bytes));
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
        let line = &mut self.lines[role as usize];
        line.to_device = line.to_device.max(self.now) + line.byte_time * bytes.len() as u32;
        let at = line.to_device;
        self.schedule(at, Delivery::ToDevice(role, bytes.to_vec()));
        Ok(())
    }

    fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake {
        bytes.clear();
        loop {
            let delivery_at = self.queue.first_key_value().map(|((at, _), _)| *at);
            let (wake_at, role) = self.bench.next_wake();
            let next = delivery_at.into_iter().chain(wake_at).min().filter(|&next| next <= deadline);
            let Some(next) = next else {
                self.now = self.now.max(deadline);
                self.bench.world.advance(self.now);
                return Wake::Deadline;
            };
            self.now = self.now.max(next);
            self.bench.world.advance(self.now);
            if delivery_at.is_some_and(|at| at <= next) {
                match self.queue.pop_first() {
                    Some((_, Delivery::ToHost(role, chunk))) => {
                        *bytes = chunk;
                        return Wake::Bytes(role);
                    }
                    Some((_, Delivery::ToDevice(role, chunk))) => {
                        let (firmware, world) = self.bench.parts(role);
                        firmware.receive(self.now, &chunk, world);
                        self.collect(role);
                    }
                    None => {}
                }
            } else {
                let (firmware, world) = self.bench.parts(role);
                firmware.wake(self.now, world);
                self.collect(role);
            }
        }
    }
}
