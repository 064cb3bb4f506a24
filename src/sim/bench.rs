//! The simulated devices of a rig file over one world.

use crate::{
    config::{
        cartridge::Cartridge,
        rig::{Axis, Rig},
        world::WorldParams,
    },
    link::Role,
    prng::{Seeds, Stream},
    sim::{
        firmware::{
            Firmware,
            daq::DaqFirmware,
            endpoint::DeviceIdentity,
            pen::PenFirmware,
            zaber::{ZaberFirmware, ZaberIdentity, axis::AxisIdentity},
        },
        world::{self, CartridgeTruth, World},
    },
    time::RunTime,
};

/// Three devices and the world behind them.
pub struct SimBench {
    /// The physical world.
    pub world: World,
    pen: PenFirmware,
    stage: ZaberFirmware,
    force: DaqFirmware,
}

impl SimBench {
    /// Devices that have just been switched on; their identities derive from the seed.
    pub fn new(rig: &Rig, world: &WorldParams, cartridge: &Cartridge, seeds: impl Into<Seeds>) -> Self {
        let seeds = seeds.into();
        let truth = CartridgeTruth {
            needles: cartridge.needles,
            needle_diameter_mm: cartridge.diameter_mm,
            height_sd_mm: cartridge.height_sd_mm,
        };
        let mut boots = Stream::named(seeds.session, "boot");
        let mut identity = |name: &[u8; 12]| DeviceIdentity {
            device_uid: *name,
            firmware: [1, 0, 0],
            boot_id: boots.next_u64() as u32,
        };
        Self {
            world: World::new(world, &truth, seeds),
            pen: PenFirmware::new(identity(b"SIM-PEN-0001")),
            force: DaqFirmware::new(identity(b"SIM-DAQ-0001")),
            stage: ZaberFirmware::new(
                vec![ZaberIdentity {
                    device_id: 50_081,
                    serial: 1,
                    version: "7.38".to_owned(),
                    axes: rig.stage.axes.iter().map(|&axis| axis_identity(axis, world)).collect(),
                }],
                rig.stage.microstep_mm,
            ),
        }
    }

    /// The firmware of a device.
    pub fn firmware(&mut self, role: Role) -> &mut dyn Firmware {
        self.parts(role).0
    }

    /// The firmware of a device, and the world that it acts on.
    pub fn parts(&mut self, role: Role) -> (&mut dyn Firmware, &mut World) {
        let firmware: &mut dyn Firmware = match role {
            Role::Pen => &mut self.pen,
            Role::Stage => &mut self.stage,
            Role::Force => &mut self.force,
        };
        (firmware, &mut self.world)
    }

    /// The device that wants to be woken first, and when.
    pub fn next_wake(&self) -> (Option<RunTime>, Role) {
        let wakes = [
            (self.pen.next_wake(), Role::Pen),
            (self.stage.next_wake(), Role::Stage),
            (self.force.next_wake(), Role::Force),
        ];
        wakes.into_iter().filter(|(at, _)| at.is_some()).min_by_key(|(at, _)| *at).unwrap_or((None, Role::Pen))
    }
}

fn axis_identity(axis: Axis, world: &WorldParams) -> AxisIdentity {
    let axis = match axis {
        Axis::X => world::Axis::X,
        Axis::Y => world::Axis::Y,
        Axis::Z => world::Axis::Z,
    };
    AxisIdentity { axis, travel_mm: world.stage.travel_mm, peripheral_id: None }
}
