//! The real procedure over the simulated bench: captures in memory, and the truth about them.
//!
//! Stage positions of the truth are those that the encoder reads (its scale error is the bench's own).

use super::world::Drawn;
use rig::{
    bench::{Bench, Devices, Recorder, Sample, fault::Fault},
    capture::{Header, Kind, Phase, memory::Recording},
    config::rig::Axis,
    link::{Link, LinkError, Role, Wake, interrupt::InterruptFlag},
    procedure::{dynamic, press, site::Sites},
    run::heading::{self, Subject},
    sim::{link::SimLink, world::truth::HoldTruth},
    time::RunTime,
};
use std::{cell::RefCell, rc::Rc};

/// The simulated bench as a link of which the caller keeps hold, to ask the world afterwards.
struct Shared(Rc<RefCell<SimLink>>);

impl Link for Shared {
    fn now(&mut self) -> RunTime {
        self.0.borrow_mut().now()
    }

    fn send(&mut self, role: Role, bytes: &[u8], urgent: bool) -> Result<(), LinkError> {
        self.0.borrow_mut().send(role, bytes, urgent)
    }

    fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake {
        self.0.borrow_mut().wait(deadline, bytes)
    }
}

/// What a capture recorded.
#[derive(Default)]
struct Tape {
    recording: Recording,
    first_us: Option<u64>,
    /// Device time of first and last sample of the run, µs.
    run_us: Option<(u64, u64)>,
}

struct TapeRecorder {
    tape: Rc<RefCell<Tape>>,
    n_per_count: f64,
    zero_counts: f64,
    mm_per_count: f64,
}

impl Recorder for TapeRecorder {
    fn record(&mut self, phase: Phase, sample: &Sample) -> Result<(), String> {
        let mut tape = self.tape.borrow_mut();
        let first_us = *tape.first_us.get_or_insert(sample.time_us);
        if phase == Phase::Run {
            let began_us = tape.run_us.map_or(sample.time_us, |(began_us, _)| began_us);
            tape.run_us = Some((began_us, sample.time_us));
        }
        tape.recording.push(
            phase,
            (sample.time_us - first_us) as f64 * 1e-6,
            (f64::from(sample.force_counts) - self.zero_counts) * self.n_per_count,
            f64::from(sample.z_counts) * self.mm_per_count,
        );
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), String> {
        Ok(())
    }
}

/// Truth about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunTruth {
    /// Face at the site of the touch, mm by the encoder.
    pub face_mm: f64,
    /// Strokes wholly within the run.
    pub strokes: usize,
    /// Of these, missed.
    pub missed: usize,
    /// Mean protrusion of the others, mm.
    pub protrusion_mm: f64,
    /// Their SD, mm.
    pub protrusion_sd_mm: f64,
    /// Their mean penetration (foremost needle), mm.
    pub penetration_mm: f64,
    /// Strokes per second.
    pub rate_hz: f64,
}

/// A press capture with its truth.
pub struct PressCase {
    pub header: Header,
    pub recording: Recording,
    pub truth: HoldTruth,
}

/// A dynamic capture with its truth.
pub struct RunCase {
    pub header: Header,
    pub recording: Recording,
    pub truth: RunTruth,
}

/// The captures of a bench, and how far each tip stands behind the foremost, mm.
pub struct Case {
    pub press: PressCase,
    pub run: Option<RunCase>,
    pub behind_mm: Vec<f64>,
}

/// Runs the procedure: one press, then, unless only that is wanted, scan and run at fresh sites.
///
/// # Errors
///
/// [`Fault`] where the bench ended the procedure.
pub fn case(drawn: &Drawn, press_only: bool) -> Result<Case, Fault> {
    let Drawn { rig, world, cartridge, calibration, set_depth_mm, stroke_rate_hz, strokes, .. } = drawn;
    let link = Rc::new(RefCell::new(SimLink::new(rig, world, cartridge, drawn.seed)));
    let devices = Devices::of(rig, None);
    let mut bench = Bench::new(
        Box::new(Shared(Rc::clone(&link))),
        devices,
        rig.clone(),
        calibration.clone(),
        InterruptFlag::default(),
    );
    let encoder = 1.0 + world.stage.encoder_scale_error;
    let mut sites = Sites::default();
    bench.identify()?;
    bench.stream(press::SAMPLE_RATE_HZ)?;
    bench.take_zero(std::time::Duration::from_millis(300))?;
    bench.home()?;
    bench.arm_pen(20.0, *set_depth_mm)?;
    bench.hold_pen(false)?;
    let face_mm = press::seek_face(&mut bench)?;

    let (tape, recorder) = tape(&bench);
    let header = header(drawn, Kind::Press, bench.sample_rate_hz());
    let face_mm = press::press(&mut bench, *set_depth_mm, drawn.press_speed_mm_s, face_mm, recorder)?;
    let hold = link.borrow().world().truth().holds.last().copied().unwrap_or_default();
    let truth = HoldTruth { face_mm: hold.face_mm * encoder, tip_mm: hold.tip_mm * encoder, ..hold };
    let press = PressCase { header, recording: tape.take().recording, truth };
    let behind_mm = link.borrow().world().truth().behind_mm.clone();
    if press_only {
        return Ok(Case { press, run: None, behind_mm });
    }

    bench.stream(rig.force.sample_rate_hz)?;
    sites.next_rows(&mut bench)?;
    sites.next_rows(&mut bench)?;
    bench.arm_pen(*stroke_rate_hz, *set_depth_mm)?;
    bench.hold_pen(false)?;
    let (tape, recorder) = self::tape(&bench);
    let header = self::header(drawn, Kind::Dynamic, bench.sample_rate_hz());
    let site_mm = [Axis::X, Axis::Y].map(|axis| bench.position_mm(axis));
    let settings =
        dynamic::Settings { set_depth_mm: *set_depth_mm, stroke_rate_hz: *stroke_rate_hz, strokes: *strokes };
    dynamic::scan_and_run(&mut bench, settings, face_mm, recorder)?;
    let Tape { recording, run_us, .. } = tape.take();
    let link = link.borrow();
    let face_mm = link.world().face_mm(site_mm[0], site_mm[1]) * encoder;
    let truth = run_truth(&link, run_us.unwrap_or_default(), face_mm);
    Ok(Case { press, run: Some(RunCase { header, recording, truth }), behind_mm })
}

fn tape(bench: &Bench) -> (Rc<RefCell<Tape>>, Box<dyn Recorder>) {
    let tape = Rc::new(RefCell::new(Tape::default()));
    let recorder = TapeRecorder {
        tape: Rc::clone(&tape),
        n_per_count: bench.calibration().force.n_per_count,
        zero_counts: bench.zero_counts(),
        mm_per_count: bench.calibration().encoder.mm_per_count,
    };
    (tape, Box::new(recorder))
}

fn run_truth(link: &SimLink, (began_us, ended_us): (u64, u64), face_mm: f64) -> RunTruth {
    let inside: Vec<_> = link
        .world()
        .truth()
        .strokes
        .iter()
        .filter(|stroke| {
            // By the extended dead centre, where a stroke is seen.
            let seen_s = stroke.start.as_secs_f64() + 0.5 * stroke.period_s;
            seen_s > began_us as f64 * 1e-6 && seen_s < ended_us as f64 * 1e-6
        })
        .collect();
    let driven: Vec<_> = inside.iter().filter(|stroke| !stroke.missed).collect();
    let mean = |value: &dyn Fn(usize) -> f64| (0..driven.len()).map(value).sum::<f64>() / driven.len() as f64;
    let protrusion_mm = mean(&|k| driven[k].protrusion_mm);
    let (first, last) = (inside.first().map(|s| s.start), inside.last().map(|s| s.start));
    let span_s = first.zip(last).map_or(f64::NAN, |(first, last)| last.since(first).as_secs_f64());
    RunTruth {
        face_mm,
        strokes: inside.len(),
        missed: inside.len() - driven.len(),
        protrusion_mm,
        protrusion_sd_mm: mean(&|k| (driven[k].protrusion_mm - protrusion_mm).powi(2)).sqrt(),
        penetration_mm: mean(&|k| driven[k].penetration_mm),
        rate_hz: (inside.len() as f64 - 1.0) / span_s,
    }
}

fn header(drawn: &Drawn, kind: Kind, sample_rate_hz: f64) -> Header {
    let subject = Subject {
        data: "memory".to_owned(),
        sample_rate_hz,
        set_depth_mm: drawn.set_depth_mm,
        stroke_rate_hz: (kind == Kind::Dynamic).then_some(drawn.stroke_rate_hz),
        needles: drawn.cartridge.needles,
        resolution_n: None,
        pairing: None,
        simulated: true,
    };
    heading::header(&drawn.calibration, subject)
}
