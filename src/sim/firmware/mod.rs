//! Simulated firmware: what the devices of a bench do between their bytes and the physical world.
//!
//! Each decodes the very bytes that the host sends and answers with bytes, so that a defect of a codec shows up in
//! simulation. Times are given, never read: the same firmware serves in virtual time and on pseudo-terminals.
//!
//! Invariant: whoever calls has advanced the world to `now`. Deliberately absent: faults of the wire (lost, late or
//! flipped bytes). They stand between this trait and the link, in [`crate::sim::fault`].

pub mod console_pen;
pub mod daq;
pub mod endpoint;
pub mod grbl;
pub(crate) mod gauge;
pub mod line_gauge;
pub mod mark10;
pub mod mt_sics;
pub mod pen;
pub mod zaber;

use crate::{sim::world::World, time::RunTime};

/// A device behind its bytes.
pub trait Firmware {
    /// Takes bytes that arrived at `now`.
    fn receive(&mut self, now: RunTime, bytes: &[u8], world: &mut World);

    /// Does what is due at `now`. May be called early or late: nothing but what is due happens.
    fn wake(&mut self, now: RunTime, world: &mut World);

    /// When [`Self::wake`] is to be called next, if at all.
    fn next_wake(&self) -> Option<RunTime>;

    /// Loses its supply for a moment and boots anew: what is not kept in memory is lost, motors stop.
    fn restart(&mut self, now: RunTime, world: &mut World);

    /// Moves what is to be sent to the end of `out`.
    fn transmit(&mut self, out: &mut Vec<u8>);
}

#[cfg(test)]
mod tests {
    use super::{
        Firmware,
        console_pen::ConsolePen,
        daq::DaqFirmware,
        endpoint::DeviceIdentity,
        grbl::{GrblFirmware, MachineDrive},
        pen::PenFirmware,
        zaber::{ZaberFirmware, ZaberIdentity, axis::AxisIdentity},
    };
    use crate::{
        config::{self, pen::Pen, world::WorldParams},
        sim::world::{Axis, CartridgeTruth, World},
        wire::bench_link::{
            code::{Kind, Op},
            encode,
        },
    };
    use proptest::prelude::*;
    use std::time::Duration;

    fn devices() -> [Box<dyn Firmware>; 5] {
        let identity = DeviceIdentity { device_uid: [7; 12], firmware: [1, 0, 0], boot_id: 3 };
        let drive = MachineDrive { axis: Axis::Z, sign: -1.0, travel_mm: 25.4 };
        let pen: Pen = config::parse("pen.toml", include_str!("../../../fixtures/pens/proto-d.toml")).expect("a file");
        let console = pen.console.expect("with a console");
        let axes = vec![AxisIdentity { axis: Axis::Z, travel_mm: 25.4, peripheral_id: None }];
        let stage = ZaberIdentity { device_id: 1, serial: 2, version: "7.38".to_owned(), axes };
        [
            Box::new(PenFirmware::new(identity)),
            Box::new(DaqFirmware::new(identity)),
            Box::new(ZaberFirmware::new(vec![stage], 0.000_047_625)),
            Box::new(GrblFirmware::new([None, None, Some(drive)], &WorldParams::default().stage)),
            Box::new(ConsolePen::new(&console.compile().expect("that compiles"))),
        ]
    }

    /// What these devices in one world say to `bytes` in chunks of `size`, and in the 5 ms after each.
    fn said(bytes: &[u8], size: usize) -> Vec<u8> {
        let cartridge = CartridgeTruth { needles: 1, needle_diameter_mm: 0.25, height_sd_mm: 0.0 };
        let mut world = World::new(&WorldParams::default(), &cartridge, 1);
        let mut out = Vec::new();
        for mut device in devices() {
            for chunk in bytes.chunks(size) {
                device.receive(world.now(), chunk, &mut world);
            }
            let end = world.now() + Duration::from_millis(5);
            while let Some(at) = device.next_wake().filter(|&at| at <= end) {
                world.advance(at);
                device.wake(at, &mut world);
            }
            world.advance(end);
            device.transmit(&mut out);
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_requests_in_any_chunks(
            requests in prop::collection::vec((prop::sample::select(Op::ALL), prop::collection::vec(0..3_u8, 0..9)), 0..12),
            lines in prop::collection::vec("/[01]? ?[0-2]? ?(move|set|get|home|stop|tools|warnings|x)? ?(abs|rel|vel|pos|maxspeed|parking)? ?(-?[0-9]{1,12}|park)?\n", 0..12),
            words in prop::collection::vec("(\\$J=G91|G1|G0G53|\\$X|\\$H|\\$\\$|\\?|!|~|\\x18|ver|m 6600|go|x)?([XZF]-?[0-9]{1,4}| 1500)?\r?\n", 0..30),
            noise in prop::collection::vec(any::<u8>(), 0..200),
            size in 1_usize..50,
        ) {
            let mut bytes = Vec::new();
            for (sequence, (op, payload)) in (0..).zip(&requests) {
                encode(Kind::Request, sequence, *op as u8, payload, &mut bytes);
            }
            bytes.extend(lines.concat().bytes());
            bytes.extend(words.concat().bytes());
            bytes.extend(noise);
            prop_assert_eq!(said(&bytes, 4096), said(&bytes, size));
        }
    }
}
