//! Opening a bench: the link that the rig file names, and a session for each device.

use super::{Bench, Devices};
use crate::{
    config::{
        calibration::Calibration,
        cartridge::Cartridge,
        rig::{ForceDriver, PenDriver, Rig, StageDriver},
    },
    device::{force_bench_link::ForceBenchLink, pen_bench_link::PenBenchLink, stage_zaber::StageZaber},
    link::{
        Link, Role,
        interrupt::InterruptFlag,
        serial::{OpenError, SerialLink},
    },
    prng::Seeds,
    sim::link::SimLink,
};

impl Devices {
    /// Sessions with the devices of a rig file.
    pub fn of(rig: &Rig, pen_uid: Option<String>) -> Self {
        let pen = match rig.pen.driver {
            PenDriver::BenchLink => Box::new(PenBenchLink::new(pen_uid)),
        };
        let stage = match rig.stage.driver {
            StageDriver::ZaberAscii => {
                Box::new(StageZaber::new(rig.stage.axes.clone(), rig.stage.microstep_mm, rig.stage.serial.clone()))
            }
        };
        let force = match rig.force.driver {
            ForceDriver::BenchLink => Box::new(ForceBenchLink::default()),
        };
        Self { pen, stage, force }
    }
}

impl Bench {
    /// Opens the bench of a rig file. Nothing is sent yet. `seeds` and `cartridge` shape a world in this process.
    ///
    /// # Errors
    ///
    /// [`OpenError`] where a port cannot be opened.
    pub fn open(
        rig: Rig,
        calibration: Calibration,
        cartridge: &Cartridge,
        pen_uid: Option<String>,
        seeds: impl Into<Seeds>,
        interrupt: InterruptFlag,
    ) -> Result<Self, OpenError> {
        let world = rig.sim.as_ref().filter(|_| rig.in_process());
        let link: Box<dyn Link> = match world {
            Some(world) => Box::new(SimLink::new(&rig, world, cartridge, seeds)),
            None => Box::new(SerialLink::open(&[
                (Role::Pen, &rig.pen.port, rig.pen.baud),
                (Role::Stage, &rig.stage.port, rig.stage.baud),
                (Role::Force, &rig.force.port, rig.force.baud),
            ])?),
        };
        Ok(Self::new(link, Devices::of(&rig, pen_uid), rig, calibration, interrupt))
    }
}
