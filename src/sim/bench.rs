//! The simulated devices of a rig file over one world.

use crate::{
    config::{
        cartridge::Cartridge,
        faults::{Faults, Inject},
        rig::{Axis, Force, ForceDriver, Rig, StageProtocol},
        world::WorldParams,
    },
    link::Role,
    prng::{Seeds, Stream},
    sim::{
        fault::{self, FaultyLine, Framing, Port},
        firmware::{
            Firmware,
            console_pen::ConsolePen,
            daq::DaqFirmware,
            endpoint::DeviceIdentity,
            grbl::{GrblFirmware, MachineDrive},
            line_gauge::LineFirmware,
            mark10::Mark10Firmware,
            mt_sics::BalanceFirmware,
            pen::PenFirmware,
            zaber::{ZaberFirmware, ZaberIdentity, axis::AxisIdentity},
        },
        world::{self, CartridgeTruth, World},
    },
    time::RunTime,
};
use std::time::Duration;

/// Three devices and the world behind them.
pub struct SimBench {
    /// The physical world.
    pub world: World,
    /// By port, in the order of [`Role::ALL`].
    lines: [FaultyLine; 3],
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
        let (pen, pen_framing): (Box<dyn Firmware>, Framing) = match &rig.pen.script {
            Some(script) => (Box::new(ConsolePen::new(script)), Framing::Line),
            None => (Box::new(PenFirmware::new(identity(b"SIM-PEN-0001"))), Framing::Zero),
        };
        let force = force_of(&rig.force, world, identity(b"SIM-DAQ-0001"));
        let lines = [
            FaultyLine::new(pen, pen_framing),
            FaultyLine::new(stage(rig, world), Framing::Line),
            FaultyLine::new(force, framing_of(rig.force.driver)),
        ];
        Self { world: World::new(world, &truth, seeds), lines }
    }

    /// The same devices, on whose lines happens what a fault file says.
    pub fn with_faults(mut self, faults: &Faults) -> Self {
        for (index, fault) in faults.fault.iter().enumerate() {
            let role = fault::role_of(fault.device);
            if let Inject::Swap { with } = fault.inject {
                self.lines.swap(role as usize, fault::role_of(with) as usize);
            } else {
                let draw = Stream::named(faults.seed, &format!("fault {index}"));
                self.lines[role as usize].add(fault, draw);
            }
        }
        self
    }

    /// The device behind a port, and the world that it acts on.
    pub fn parts(&mut self, role: Role) -> (&mut FaultyLine, &mut World) {
        (&mut self.lines[role as usize], &mut self.world)
    }

    /// What a port has for the host.
    pub fn chunks(&mut self, role: Role) -> Vec<Vec<u8>> {
        self.lines[role as usize].chunks()
    }

    /// How long the host is to stand still from now on, said once.
    pub fn take_pause(&mut self) -> Option<Duration> {
        self.lines.iter_mut().find_map(FaultyLine::take_pause)
    }

    /// The state of a port.
    pub fn port(&self, role: Role) -> Port {
        self.lines[role as usize].port()
    }

    /// The device that wants to be woken first, and when.
    pub fn next_wake(&self) -> (Option<RunTime>, Role) {
        let wakes = Role::ALL.map(|role| (self.lines[role as usize].next_wake(), role));
        wakes.into_iter().filter(|(at, _)| at.is_some()).min_by_key(|(at, _)| *at).unwrap_or((None, Role::Pen))
    }
}

/// What ends a message of a force device: gauges speak in lines.
fn framing_of(driver: ForceDriver) -> Framing {
    match driver {
        ForceDriver::BenchLink => Framing::Zero,
        ForceDriver::Mark10 | ForceDriver::MtSics | ForceDriver::Line => Framing::Line,
    }
}

/// The force device of a rig file; what its driver needs was checked with the file.
fn force_of(force: &Force, world: &WorldParams, identity: DeviceIdentity) -> Box<dyn Firmware> {
    let n_per_count = world.cell.n_per_count;
    let Some(gauge) = &force.gauge else { return Box::new(DaqFirmware::new(identity)) };
    match (force.driver, &gauge.line) {
        (ForceDriver::Mark10, _) => Box::new(Mark10Firmware::new(gauge, n_per_count)),
        (ForceDriver::MtSics, _) => {
            Box::new(BalanceFirmware::new(gauge, n_per_count, force.sample_rate_hz, force.baud))
        }
        (ForceDriver::Line, Some(line)) => Box::new(LineFirmware::new(gauge, line, n_per_count, force.sample_rate_hz)),
        (ForceDriver::BenchLink, _) | (ForceDriver::Line, None) => Box::new(DaqFirmware::new(identity)),
    }
}

fn stage(rig: &Rig, world: &WorldParams) -> Box<dyn Firmware> {
    let axes = rig.stage.axes.iter().copied();
    match rig.stage.protocol().expect("a rig file is checked when it is read") {
        StageProtocol::ZaberAscii { microstep_mm } => {
            let travel_mm = world.stage.travel_mm;
            let axes = axes.map(|axis| AxisIdentity { axis: axis_of(axis), travel_mm, peripheral_id: None }).collect();
            let identity = ZaberIdentity { device_id: 50_081, serial: 1, version: "7.38".to_owned(), axes };
            Box::new(ZaberFirmware::new(vec![identity], microstep_mm))
        }
        StageProtocol::Grbl { machine_axes } => {
            let mut drives = [None; 3];
            for (axis, machine) in axes.zip(machine_axes) {
                let (sign, travel_mm) = (machine.sign(), world.stage.travel_mm);
                drives[machine.index()] = Some(MachineDrive { axis: axis_of(axis), sign, travel_mm });
            }
            Box::new(GrblFirmware::new(drives, &world.stage))
        }
    }
}

fn axis_of(axis: Axis) -> world::Axis {
    match axis {
        Axis::X => world::Axis::X,
        Axis::Y => world::Axis::Y,
        Axis::Z => world::Axis::Z,
    }
}
