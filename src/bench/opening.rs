//! Opening a bench: the link that the rig file names, and a session for each device.

use super::{Bench, Devices};
use crate::{
    config::{
        calibration::Calibration,
        cartridge::Cartridge,
        faults::Faults,
        rig::{Force, ForceDriver, PORT_SIM, PenDriver, Rig, StageProtocol},
        world::WorldParams,
    },
    device::{
        ForceDaq, Pen, Stage, force_bench_link::ForceBenchLink, force_line::Lines, force_mark10::Mark10,
        force_mt_sics::MtSics, gauge::GaugeSession, pen_bench_link::PenBenchLink, pen_console::PenConsole,
        stage_grbl::StageGrbl, stage_zaber::StageZaber,
    },
    link::{
        Link, Role,
        interrupt::InterruptFlag,
        serial::{OpenError, SerialLink},
        tape::{Tape, record::RecordingLink, replay::TapeLink},
    },
    prng::Seeds,
    sim::link::SimLink,
};
use std::rc::Rc;

impl Devices {
    /// Sessions with the devices of a rig file.
    pub fn of(rig: &Rig, pen_uid: Option<String>) -> Self {
        let pen: Box<dyn Pen> = match rig.pen.driver {
            PenDriver::BenchLink => Box::new(PenBenchLink::new(pen_uid)),
            PenDriver::Console => {
                let script = rig.pen.script.clone().expect("library::rig reads the profile of a console");
                Box::new(PenConsole::new(script, pen_uid))
            }
        };
        let (axes, serial) = (&rig.stage.axes, rig.stage.serial.clone());
        let stage: Box<dyn Stage> = match rig.stage.protocol().expect("a rig file is checked when it is read") {
            StageProtocol::ZaberAscii { microstep_mm } => Box::new(StageZaber::new(axes.clone(), microstep_mm, serial)),
            StageProtocol::Grbl { machine_axes } => Box::new(StageGrbl::new(axes, machine_axes, serial)),
        };
        Self { pen, stage, force: force_of(&rig.force) }
    }
}

/// A session with the force device; what its driver needs was checked with the rig file.
fn force_of(force: &Force) -> Box<dyn ForceDaq> {
    let Some(gauge) = force.gauge.clone() else { return Box::new(ForceBenchLink::default()) };
    match (force.driver, gauge.line.clone()) {
        (ForceDriver::Mark10, _) => Box::new(GaugeSession::new(Mark10::new(gauge.unit), gauge)),
        (ForceDriver::MtSics, _) => Box::new(GaugeSession::new(MtSics::new(gauge.unit, gauge.lenient_id), gauge)),
        (ForceDriver::Line, Some(line)) => {
            Box::new(GaugeSession::new(Lines::new(line, gauge.unit, gauge.identity.clone()), gauge))
        }
        (ForceDriver::BenchLink, _) | (ForceDriver::Line, None) => Box::new(ForceBenchLink::default()),
    }
}

/// What shapes a world in this process; a bench on ports has its own.
#[derive(Clone)]
pub struct Scene<'a> {
    /// The cartridge in the pen.
    pub cartridge: &'a Cartridge,
    /// Seeds of the world.
    pub seeds: Seeds,
    /// What goes wrong on the lines.
    pub faults: Option<&'a Faults>,
    /// The tape that runs beside the bench, or in its place.
    pub tape: Tape,
}

impl<'a> Scene<'a> {
    /// A world without faults, and no tape.
    pub fn new(cartridge: &'a Cartridge, seeds: impl Into<Seeds>) -> Self {
        Self { cartridge, seeds: seeds.into(), faults: None, tape: Tape::Off }
    }
}

impl Bench {
    /// Opens the bench of a rig file. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`OpenError`] where a port cannot be opened.
    pub fn open(
        rig: Rig,
        calibration: Calibration,
        pen_uid: Option<String>,
        scene: Scene<'_>,
        interrupt: InterruptFlag,
    ) -> Result<Self, OpenError> {
        let told = InterruptFlag::default();
        let (link, interrupt): (Box<dyn Link>, InterruptFlag) = match &scene.tape {
            Tape::Off => (live(&rig, &scene)?, interrupt),
            Tape::Record(tape) => {
                let live = live(&rig, &scene)?;
                (Box::new(RecordingLink::new(live, Rc::clone(tape), interrupt, told.clone())), told)
            }
            Tape::Replay(tape) => (Box::new(TapeLink::new(Rc::clone(tape), told.clone())), told),
        };
        Ok(Self::new(link, Devices::of(&rig, pen_uid), rig, calibration, interrupt))
    }

    /// Opens the port of one device of a bench, and no other.
    ///
    /// # Errors
    ///
    /// [`OpenError`] where it cannot be opened.
    pub fn open_only(
        rig: Rig,
        calibration: Calibration,
        role: Role,
        interrupt: InterruptFlag,
    ) -> Result<Self, OpenError> {
        let port: Vec<_> = ports(&rig).into_iter().filter(|(other, ..)| *other == role).collect();
        let link = Box::new(SerialLink::open(&port)?);
        Ok(Self::new(link, Devices::of(&rig, None), rig, calibration, interrupt).only(role))
    }
}

/// Port and line speed of each device.
fn ports(rig: &Rig) -> [(Role, &str, u32); 3] {
    [
        (Role::Pen, &rig.pen.port, rig.pen.baud),
        (Role::Stage, &rig.stage.port, rig.stage.baud),
        (Role::Force, &rig.force.port, rig.force.baud),
    ]
}

/// The simulated bench of this process, or the ports that the rig file names.
fn live(rig: &Rig, scene: &Scene<'_>) -> Result<Box<dyn Link>, OpenError> {
    let world = rig.sim.as_ref().filter(|_| rig.in_process());
    Ok(match world {
        Some(world) => Box::new(simulated(rig, world, scene)?),
        None => Box::new(SerialLink::open(&ports(rig))?),
    })
}

fn simulated(rig: &Rig, world: &WorldParams, scene: &Scene<'_>) -> Result<SimLink, OpenError> {
    let none = Faults::default();
    let link = SimLink::with_faults(rig, world, scene.cartridge, scene.seeds, scene.faults.unwrap_or(&none));
    match link.busy() {
        None => Ok(link),
        Some(role) => Err(OpenError {
            role,
            path: PORT_SIM.to_owned(),
            message: "the port is in use by another program, says the fault file; close it and run again".to_owned(),
        }),
    }
}
