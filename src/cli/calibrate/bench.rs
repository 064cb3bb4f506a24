//! Calibrations that drive the bench: force scale, compliance, response.
//!
//! Each calibration drives the bench under the same guard as a run, has a hand do what hands must, measures, and writes
//! a new record beside the one in force; nothing is overwritten, and the rig file is the user's to change.

use super::record::{self, Found};
use crate::{
    bench::{Bench, fault::Fault},
    cli::{
        RigOption,
        bench::{Incident, Lock, Setup},
        exit::{Exit, Failure},
        operator::{Hands, OperatorOption},
        terminal::Terminal,
    },
    config::{
        calibration::{Calibration, What},
        library::Loaded,
    },
    link::Hand,
    measure::calibration::{hard_stop, masses, ring_down},
    procedure::calibrate,
    run::{
        guarded::guarded,
        operator::{HandStep, beside_stream},
    },
};
use clap::Args;
use std::{path::PathBuf, time::Duration};

/// Standard acceleration of fall, m/s² (CGPM 1901), and its standard uncertainty as a guess for any place on earth:
/// 9.780 at the equator to 9.832 at the poles, rectangular.
const GRAVITY_M_S2: f64 = 9.80665;
const GRAVITY_ANYWHERE_U_REL: f64 = 0.026 / 1.732 / GRAVITY_M_S2;
/// Relative standard uncertainty of a local value that was given.
const GRAVITY_GIVEN_U_REL: f64 = 1e-5;
/// Buoyancy of steel (8000 kg/m³) in air (1.2 kg/m³), and how far other metals and weathers leave it.
const BUOYANCY: f64 = 1.5e-4;
const BUOYANCY_U_REL: f64 = 1.5e-5;
/// Share of the force limit that a calibration may use.
const FORCE_SHARE_MAX: f64 = 0.9;
/// Pushes against the stop, and taps.
const PUSHES: u32 = 5;
const TAPS: u32 = 8;
/// Time in which a person gives the taps.
const TAPS_SPAN: Duration = Duration::from_secs(15);

/// Force scale by check masses, up and down in series: linearity, hysteresis, repeatability, creep
#[derive(Debug, Args)]
pub(super) struct Force {
    #[command(flatten)]
    common: Common,
    /// Check masses, g, ascending
    #[arg(long, value_name = "G,G,...", value_delimiter = ',', required = true)]
    masses: Vec<f64>,
    /// Number of series up and down
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=20))]
    series: u32,
    /// Relative standard uncertainty of the masses, from their certificate
    #[arg(long, value_name = "U", default_value_t = 5e-5)]
    mass_u: f64,
    /// Local acceleration of fall, m/s²; without it 9.80665, with an uncertainty that holds anywhere
    #[arg(long, value_name = "G")]
    gravity: Option<f64>,
    /// How long the largest mass stands on for creep, s
    #[arg(long, value_name = "S", default_value_t = 30.0)]
    creep: f64,
}

/// Compliance of the load path against a hard stop in the phantom's place
#[derive(Debug, Args)]
pub(super) struct Compliance {
    #[command(flatten)]
    common: Common,
    /// Force up to which is pushed, N; without it half of the force limit
    #[arg(long, value_name = "N")]
    force: Option<f64>,
}

/// Resonance and damping of the cell from its ring-down after taps
#[derive(Debug, Args)]
pub(super) struct Response {
    #[command(flatten)]
    common: Common,
}

/// What every calibration is told.
#[derive(Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    pub(super) rig: RigOption,
    #[command(flatten)]
    hands: OperatorOption,
    /// Who calibrates
    #[arg(long, value_name = "NAME")]
    pub(super) operator: String,
    /// Reference standard and its certificate
    #[arg(long, value_name = "TEXT")]
    pub(super) reference: String,
    /// Days for which it holds
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(i64).range(1..=3650))]
    pub(super) due_days: i64,
    /// Air temperature, °C
    #[arg(long, value_name = "C", allow_negative_numbers = true)]
    pub(super) temperature: Option<f64>,
    /// Relative humidity, %
    #[arg(long, value_name = "%")]
    pub(super) humidity: Option<f64>,
    /// Name of the new record; without it the old one's with the day
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// The new file; without it beside the rig file, in calibrations/
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

/// A bench that is being calibrated, and the record in force.
pub(super) struct Session<'t> {
    pub(super) bench: Bench,
    lock: Lock,
    hands: Hands<'t>,
    pub(super) old: Loaded<Calibration>,
}

impl Common {
    fn open<'t>(&self, terminal: &'t Terminal) -> Result<Session<'t>, Failure> {
        for (what, text) in [("--operator", &self.operator), ("--reference", &self.reference)] {
            if text.trim().is_empty() {
                return Err(Failure::usage(format!("{what} is empty; a record without it proves nothing")));
            }
        }
        let setup = Setup::of(&self.rig)?;
        let hands = self.hands.hands(terminal, setup.rig.simulated, None)?;
        let lock = setup.lock()?;
        lock.refuse_quarantined()?;
        let old = setup.calibration.clone();
        Ok(Session { bench: setup.open(None)?, lock, hands, old })
    }
}

impl Session<'_> {
    /// Runs a calibration's sequence under guard; whatever happens, the bench is safe afterwards or quarantined.
    fn drive<T>(&mut self, job: impl FnOnce(&mut Bench, &mut Hands<'_>) -> Result<T, Fault>) -> Result<T, Failure> {
        let (hands, at) = (&mut self.hands, jiff::Timestamp::now().to_string());
        self.lock.begin_run("rig calibrate".to_owned(), at.clone())?;
        let (result, safe) = guarded(&mut self.bench, |bench| {
            bench.identify()?;
            bench.stream(bench.rig().force.sample_rate_hz)?;
            job(bench, hands)
        });
        if !safe.confirmed() {
            let fault = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
            self.lock.quarantine(&Incident { run: "rig calibrate".to_owned(), at, fault, state: safe.text() })?;
            self.lock.rest()?;
            let message = format!("THE SAFE STATE IS NOT CONFIRMED. {}. Keep hands away, cut the supply", safe.text());
            return Err(Failure { exit: Exit::Unsafe, message });
        }
        self.lock.rest()?;
        result.map_err(|fault| Failure {
            exit: match &fault {
                Fault::Interrupted(interrupt) => Exit::from(*interrupt),
                _ if !self.bench.moved() => Exit::Usage,
                _ => Exit::Fault,
            },
            message: format!("{fault}\n  next: {}\n  bench: {}", fault.hint(), safe.text()),
        })
    }

    /// The force limit's share that a calibration may use, N.
    fn allowed_n(&self) -> f64 {
        FORCE_SHARE_MAX * self.bench.rig().limits.force_max_n.min(self.old.value.force.range_n)
    }
}

/// Readings that give no result: nothing is written.
fn unusable(refused: impl ToString) -> Failure {
    Failure { exit: Exit::Inconclusive, message: format!("{}; no record was written", refused.to_string()) }
}

/// Has a hand do something, unless the world behind the bench does it.
fn by_hand(bench: &mut Bench, hands: &mut Hands<'_>, hand: Hand, step: &HandStep) -> Result<(), Fault> {
    if bench.by_hand(hand) {
        return Ok(());
    }
    beside_stream(bench, hands, step).map(|_| ())
}

fn step(id: String, text: String) -> HandStep {
    HandStep { id, text, asks: None }
}

impl Force {
    pub(super) fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let ascending = self.masses.windows(2).all(|pair| pair[0] < pair[1]) && self.masses.iter().all(|g| *g > 0.0);
        if !ascending || self.masses.len() < masses::FORCES_MIN {
            return Err(Failure::usage(format!(
                "--masses {:?}: at least {} masses in grams, ascending, are needed",
                self.masses,
                masses::FORCES_MIN
            )));
        }
        let gravity = self.gravity.unwrap_or(GRAVITY_M_S2);
        if !(9.7..9.9).contains(&gravity) || !(0.0..0.01).contains(&self.mass_u) || !(1.0..3600.0).contains(&self.creep)
        {
            return Err(Failure::usage(
                "--gravity must be 9.7 to 9.9 m/s², --mass-u 0 to 0.01 (relative), --creep 1 to 3600 s",
            ));
        }
        let newtons: Vec<f64> = self.masses.iter().map(|g| g * 1e-3 * gravity * (1.0 - BUOYANCY)).collect();
        let mut session = self.common.open(terminal)?;
        let (largest_n, allowed_n) = (newtons.iter().copied().fold(0.0, f64::max), session.allowed_n());
        if largest_n > allowed_n {
            return Err(Failure::usage(format!(
                "the largest mass weighs {largest_n:.3} N; at most {allowed_n:.3} N (90 % of force limit and range)"
            )));
        }
        terminal.note("Needles and stage must be clear of the cell: only masses may stand on it.");
        let (readings, creep_n) = session.drive(|bench, hands| self.weigh(bench, hands, &newtons))?;
        let gravity_u_rel = if self.gravity.is_some() { GRAVITY_GIVEN_U_REL } else { GRAVITY_ANYWHERE_U_REL };
        let reference =
            masses::Reference { mass_u_rel: self.mass_u, gravity_u_rel: gravity_u_rel.hypot(BUOYANCY_U_REL) };
        let scale = masses::scale(&readings, creep_n, reference).map_err(unusable)?;
        let mut new = session.old.value.clone();
        new.force.n_per_count *= scale.ratio.value;
        new.force.scale_u = scale.ratio.u() / scale.ratio.value.abs();
        let mut found = Found::new(What::Force, &scale.ratio.budget);
        found.result("n_per_count", new.force.n_per_count);
        found.result("scale_u_rel", new.force.scale_u);
        found.result("ratio_to_old", scale.ratio.value);
        found.result("span_n", scale.span_n);
        found.result("linearity_n", scale.linearity_n);
        found.result("hysteresis_n", scale.hysteresis_n);
        found.result("repeatability_n", scale.repeatability_n);
        found.result("zero_return_n", scale.zero_return_n);
        found.result("creep_n", scale.creep_n);
        record::write(terminal, &self.common, &session, new, found)
    }

    /// Series up and down, and the creep under the largest mass.
    fn weigh(
        &self,
        bench: &mut Bench,
        hands: &mut Hands<'_>,
        newtons: &[f64],
    ) -> Result<(Vec<masses::Reading>, f64), Fault> {
        let (mut readings, mut number) = (Vec::new(), 0);
        let top = newtons.len();
        for series in 0..self.series as usize {
            let up = (0..=top).map(|index| (index, true));
            let down = (0..top).rev().map(|index| (index, false));
            for (index, rising) in up.chain(down) {
                let force_n = if index == 0 { 0.0 } else { newtons[index - 1] };
                number += 1;
                let text = match index {
                    0 => "take every mass off the cell".to_owned(),
                    index => format!("leave {} g on the cell", self.masses[index - 1]),
                };
                by_hand(bench, hands, Hand::Weight(force_n), &step(format!("mass-{number}"), text))?;
                let indicated_n = calibrate::at_rest_n(bench)?;
                readings.push(masses::Reading { series, force_n, indicated_n, rising });
            }
        }
        let text = format!("leave {} g on the cell", self.masses[top - 1]);
        by_hand(bench, hands, Hand::Weight(newtons[top - 1]), &step("creep".to_owned(), text))?;
        let creep_n = calibrate::creep_n(bench, Duration::from_secs_f64(self.creep))?;
        let off = step("empty".to_owned(), "take every mass off the cell".to_owned());
        by_hand(bench, hands, Hand::Weight(0.0), &off)?;
        Ok((readings, creep_n))
    }
}

impl Compliance {
    pub(super) fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let mut session = self.common.open(terminal)?;
        let allowed_n = session.allowed_n();
        let force_n = self.force.unwrap_or(0.5 * allowed_n);
        if !(0.2..=allowed_n).contains(&force_n) {
            return Err(Failure::usage(format!(
                "--force {force_n} N; 0.2 to {allowed_n:.2} N are allowed (90 % of force limit and range)"
            )));
        }
        let pushes = session.drive(|bench, hands| {
            let text = "put the hard stop in the phantom's place and retract the needles or take the cartridge out";
            by_hand(bench, hands, Hand::HardStop, &step("hard-stop".to_owned(), text.to_owned()))?;
            let pushes = calibrate::push_stop(bench, PUSHES, force_n)?;
            bench.by_hand(Hand::Phantom);
            Ok(pushes)
        })?;
        let points = |readings: &[crate::bench::Reading]| {
            readings.iter().map(|r| hard_stop::Point { force_n: r.force_n, stage_mm: r.stage_mm }).collect()
        };
        let pushes: Vec<hard_stop::Push> = pushes
            .iter()
            .map(|push| hard_stop::Push { rising: points(&push.rising), falling: points(&push.falling) })
            .collect();
        let old = &session.old.value;
        let reference = hard_stop::Reference { force_scale_u: old.force.scale_u, encoder_u_mm: old.encoder.scale_u_mm };
        let compliance = hard_stop::compliance(&pushes, reference).map_err(unusable)?;
        let mut new = old.clone();
        new.compliance.mm_per_n = compliance.mm_per_n.value;
        new.compliance.u_mm_per_n = compliance.mm_per_n.u();
        let mut found = Found::new(What::Compliance, &compliance.mm_per_n.budget);
        found.result("mm_per_n", new.compliance.mm_per_n);
        found.result("u_mm_per_n", new.compliance.u_mm_per_n);
        found.result("hysteresis_mm_per_n", compliance.hysteresis_mm_per_n);
        found.result("curvature_mm_per_n", compliance.curvature_mm_per_n);
        found.result("span_n", compliance.span_n);
        record::write(terminal, &self.common, &session, new, found)
    }
}

impl Response {
    pub(super) fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let mut session = self.common.open(terminal)?;
        let (forces_n, sample_rate_hz) = session.drive(|bench, hands| {
            let (mut forces_n, sample_rate_hz) = (Vec::new(), bench.sample_rate_hz());
            calibrate::listen(bench, Duration::from_millis(500), &mut forces_n)?;
            for _ in 0..TAPS {
                if !bench.by_hand(Hand::Tap) {
                    let text = format!(
                        "get ready to tap the cell {TAPS} times within {} s after this step, half a second apart",
                        TAPS_SPAN.as_secs()
                    );
                    beside_stream(bench, hands, &step("tap".to_owned(), text))?;
                    // Another stream began: what came before does not belong to it.
                    forces_n.clear();
                    calibrate::listen(bench, TAPS_SPAN, &mut forces_n)?;
                    break;
                }
                calibrate::after_tap(bench, &mut forces_n)?;
            }
            Ok((forces_n, sample_rate_hz))
        })?;
        let response = ring_down::response(&forces_n, sample_rate_hz).map_err(unusable)?;
        response.left_out.iter().for_each(|why| terminal.note(why));
        let mut new = session.old.value.clone();
        new.response.natural_hz = response.natural_hz.value;
        new.response.natural_u_hz = response.natural_hz.u();
        new.response.damping = response.damping.value;
        new.response.damping_u = response.damping.u();
        let mut found = Found::new(What::Response, &response.natural_hz.budget);
        found.also("damping", &response.damping.budget);
        found.result("natural_hz", new.response.natural_hz);
        found.result("natural_u_hz", new.response.natural_u_hz);
        found.result("damping", new.response.damping);
        found.result("damping_u", new.response.damping_u);
        found.result("taps", response.taps as f64);
        found.result("taps_left_out", response.left_out.len() as f64);
        record::write(terminal, &self.common, &session, new, found)
    }
}
