//! Many worlds: run, measure, damage, measure again, compare.

use super::{bound, disturbance::Disturbance, fault::Fault, recorded, tally::Tally, world::Drawn};
use rig::{
    capture::{Header, Phase, memory::Recording},
    measure::{self, Dynamic, Measurement, Outcome, Press},
    prng::Stream,
    uncertainty::Measured,
};
use std::collections::BTreeMap;

/// From here on a press has many needles.
const MANY_NEEDLES: u32 = 9;
/// A number that is off by more than this, mm, and by more than this many u, is a wrong one.
const WRONG_MM: f64 = 0.015;
const WRONG_U: f64 = 3.0;
/// The goals for the 95th percentile of a press: face, protrusion with few and with many needles, penetration, mm.
const FACE_GOAL_MM: f64 = 0.001;
const PROTRUSION_GOALS_MM: [f64; 2] = [0.006, 0.010];
const PENETRATION_GOAL_MM: f64 = 0.012;

/// What became of captures with one kind of fault.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fates {
    /// Measured, and right.
    pub survived: usize,
    /// Refused with a reason.
    pub refused: usize,
    /// Measured, and wrong.
    pub wrong: usize,
    /// Measured without a word about the fault.
    pub silent: usize,
}

/// Everything that was found.
#[derive(Default)]
pub struct Survey {
    pub face: Tally,
    pub protrusion_many: Tally,
    pub protrusion_few: Tally,
    /// Of these, single needles; and of all with several, those that entered nothing.
    pub protrusion_single: Tally,
    pub protrusion_blunt: Tally,
    pub penetration: Tally,
    pub run_face: Tally,
    pub run_protrusion: Tally,
    /// Measured over true SD, less 1.
    pub run_sd: Tally,
    pub run_penetration: Tally,
    /// Relative.
    pub run_rate: Tally,
    /// Missed strokes found less those that were.
    pub missed: Tally,
    /// Onset of presses by power laws, and the same over the Cramér-Rao bound.
    pub onset: Tally,
    pub onset_over_bound: Tally,
    pub bounds_mm: Vec<f64>,
    pub press_faults: BTreeMap<String, Fates>,
    pub run_faults: BTreeMap<String, Fates>,
    /// Disturbances within touch and press.
    pub disturbances: BTreeMap<String, Fates>,
    /// Refusals by code.
    pub refusals: BTreeMap<String, usize>,
    /// Lines about what is worth a look.
    pub notes: Vec<String>,
    /// Worlds in which the bench ended the procedure.
    pub aborted: usize,
}

fn measured(header: &Header, recording: &Recording) -> Measurement {
    measure::measure(header, &mut recording.source()).expect("memory is always readable")
}

fn is_right(measured: &Measured, truth_mm: f64) -> bool {
    (measured.value - truth_mm).abs() <= WRONG_MM.max(WRONG_U * measured.u())
}

fn press_is_right(press: &Press, case: &recorded::PressCase) -> bool {
    is_right(&press.protrusion_mm, case.truth.protrusion_mm)
}

/// The numbers of a press that are off by more than their goal and by more than their uncertainty explains.
fn wrong_with_small_u(press: &Press, case: &recorded::PressCase) -> Vec<String> {
    let truth = &case.truth;
    let protrusion_goal_mm = PROTRUSION_GOALS_MM[usize::from(case.header.needles >= Some(MANY_NEEDLES))];
    [
        ("face", &press.face_mm, truth.face_mm, FACE_GOAL_MM),
        ("protrusion", &press.protrusion_mm, truth.protrusion_mm, protrusion_goal_mm),
        ("penetration", &press.penetration_mm, truth.penetration_mm, PENETRATION_GOAL_MM),
    ]
    .iter()
    .filter(|(_, measured, truth_mm, goal_mm)| {
        (measured.value - truth_mm).abs() > (WRONG_U * measured.u()).max(*goal_mm)
    })
    .map(|(name, measured, truth_mm, _)| {
        format!("{name} {:+.1} (u {:.1}) µm", 1e3 * (measured.value - truth_mm), 1e3 * measured.u())
    })
    .collect()
}

fn run_is_right(run: &Dynamic, case: &recorded::RunCase) -> bool {
    is_right(&run.protrusion_mm, case.truth.protrusion_mm)
}

impl Survey {
    /// Goes through the worlds of these seeds; `press_only` leaves out the running pens.
    pub fn of(seeds: impl Iterator<Item = u64>, press_only: bool) -> Self {
        let mut survey = Self::default();
        for seed in seeds {
            survey.world(&Drawn::new(seed), press_only);
        }
        survey
    }

    fn world(&mut self, drawn: &Drawn, press_only: bool) {
        let case = match recorded::case(drawn, press_only) {
            Ok(case) => case,
            Err(fault) => {
                self.aborted += 1;
                return self.notes.push(format!("seed {}: aborted: {fault}", drawn.seed));
            }
        };
        let mut stream = Stream::named(drawn.seed, "truth faults");
        let kind = Fault::ALL[(drawn.seed % Fault::ALL.len() as u64) as usize];
        // Only what is right without the fault tells what the fault did.
        if self.press(drawn, &case.press, &case.behind_mm) {
            let damaged = measured(&case.press.header, &kind.inject(&case.press.recording, &mut stream));
            let right =
                |outcome: &Outcome| matches!(outcome, Outcome::Press(press) if press_is_right(press, &case.press));
            self.fate(format!("{} press", drawn.seed), true, kind, &damaged, &right);
        }
        self.disturbed(drawn.seed, &case.press);
        let Some(run_case) = &case.run else { return };
        if self.run(drawn, run_case) {
            let damaged = measured(&run_case.header, &kind.inject(&run_case.recording, &mut stream));
            let right = |outcome: &Outcome| matches!(outcome, Outcome::Dynamic(run) if run_is_right(run, run_case));
            self.fate(format!("{} run", drawn.seed), false, kind, &damaged, &right);
        }
    }

    /// Every disturbance, once in the touch and once in the press.
    fn disturbed(&mut self, seed: u64, case: &recorded::PressCase) {
        let is_sound = |measurement: Measurement| matches!(measurement.outcome, Ok(Outcome::Press(press)) if wrong_with_small_u(&press, case).is_empty());
        if !is_sound(measured(&case.header, &case.recording)) {
            return;
        }
        for kind in Disturbance::ALL {
            for phase in [Phase::Touch, Phase::Press] {
                let mut stream = Stream::named(seed, &format!("{kind:?} in {}", phase.name()));
                let damaged = kind.inject(&case.recording, phase, &case.truth, &mut stream);
                let measurement = measured(&case.header, &damaged);
                let fates = self.disturbances.entry(format!("{kind:?} in {}", phase.name())).or_default();
                let Ok(Outcome::Press(press)) = &measurement.outcome else {
                    fates.refused += 1;
                    continue;
                };
                let wrong = wrong_with_small_u(press, case);
                fates.survived += usize::from(wrong.is_empty());
                fates.wrong += usize::from(!wrong.is_empty());
                fates.silent += usize::from(measurement.anomalies.is_empty());
                if !wrong.is_empty() {
                    self.notes.push(format!("seed {seed}: {kind:?} in {}: {}", phase.name(), wrong.join(", ")));
                }
            }
        }
    }

    fn fate(
        &mut self,
        place: String,
        press: bool,
        kind: Fault,
        damaged: &Measurement,
        right: &dyn Fn(&Outcome) -> bool,
    ) {
        let fates = if press { &mut self.press_faults } else { &mut self.run_faults };
        let fates = fates.entry(format!("{kind:?}")).or_default();
        match &damaged.outcome {
            Err(_) => fates.refused += 1,
            Ok(outcome) if right(outcome) => fates.survived += 1,
            Ok(_) => {
                fates.wrong += 1;
                self.notes.push(format!("seed {place}: wrong with {kind:?}"));
            }
        }
        if damaged.outcome.is_ok() && damaged.anomalies.is_empty() {
            fates.silent += 1;
        }
    }

    /// Measures a sound press; whether its protrusion came out right.
    fn press(&mut self, drawn: &Drawn, case: &recorded::PressCase, behind_mm: &[f64]) -> bool {
        let truth = case.truth;
        let many = drawn.cartridge.needles >= MANY_NEEDLES;
        let press = match measured(&case.header, &case.recording).outcome {
            Ok(Outcome::Press(press)) => press,
            Ok(_) => {
                self.notes.push(format!("seed {}: a press measured as something else", drawn.seed));
                return false;
            }
            Err(refusal) => {
                let of = if many { &mut self.protrusion_many } else { &mut self.protrusion_few };
                of.refused += 1;
                self.face.refused += 1;
                self.penetration.refused += 1;
                self.notes.push(format!("seed {}: press refused: {}: {}", drawn.seed, refusal.code, refusal.message));
                *self.refusals.entry(format!("press {}", refusal.code)).or_default() += 1;
                return false;
            }
        };
        let error_mm = press.protrusion_mm.value - truth.protrusion_mm;
        self.face.add(press.face_mm.value - truth.face_mm, Some(press.face_mm.u()));
        let of = if many { &mut self.protrusion_many } else { &mut self.protrusion_few };
        of.add(error_mm, Some(press.protrusion_mm.u()));
        if drawn.cartridge.needles == 1 {
            self.protrusion_single.add(error_mm, Some(press.protrusion_mm.u()));
        } else if truth.punctured_needles == 0 {
            self.protrusion_blunt.add(error_mm, Some(press.protrusion_mm.u()));
        }
        let inside_mm = press.penetration_mm.value - truth.penetration_mm;
        self.penetration.add(inside_mm, Some(press.penetration_mm.u()));
        if let Some(bound_mm) = bound::onset_sd_mm(drawn, behind_mm) {
            let onset_mm = press.tip_mm.value - truth.tip_mm;
            self.onset.add(onset_mm, Some(press.tip_mm.u()));
            self.onset_over_bound.add(onset_mm / bound_mm, None);
            self.bounds_mm.push(bound_mm);
        }
        if error_mm.abs() > 3.0 * press.protrusion_mm.u() || inside_mm.abs() > 3.0 * press.penetration_mm.u() {
            let (law, needles) = (drawn.world.phantom.law, drawn.cartridge.needles);
            self.notes.push(format!(
                "seed {}: press: {law:?} needles {needles} depth {}: protrusion {:+.1} (u {:.1}), penetration {:+.1} \
                 (u {:.1}), face {:+.2} (u {:.2}) µm; entered {} of {needles}, truth inside {:.3} mm",
                drawn.seed,
                drawn.set_depth_mm,
                1e3 * error_mm,
                1e3 * press.protrusion_mm.u(),
                1e3 * inside_mm,
                1e3 * press.penetration_mm.u(),
                1e3 * (press.face_mm.value - truth.face_mm),
                1e3 * press.face_mm.u(),
                truth.punctured_needles,
                truth.penetration_mm,
            ));
        }
        press_is_right(&press, case)
    }

    /// Measures a sound run; whether its mean protrusion came out right.
    fn run(&mut self, drawn: &Drawn, case: &recorded::RunCase) -> bool {
        let truth = &case.truth;
        let run = match measured(&case.header, &case.recording).outcome {
            Ok(Outcome::Dynamic(run)) => run,
            Ok(_) => {
                self.notes.push(format!("seed {}: a run measured as something else", drawn.seed));
                return false;
            }
            Err(refusal) => {
                let tallies = [&mut self.run_face, &mut self.run_protrusion, &mut self.run_sd];
                tallies.into_iter().for_each(|tally| tally.refused += 1);
                let tallies = [&mut self.run_penetration, &mut self.run_rate, &mut self.missed];
                tallies.into_iter().for_each(|tally| tally.refused += 1);
                self.notes.push(format!("seed {}: run refused: {}: {}", drawn.seed, refusal.code, refusal.message));
                *self.refusals.entry(format!("run {}", refusal.code)).or_default() += 1;
                return false;
            }
        };
        let error_mm = run.protrusion_mm.value - truth.protrusion_mm;
        let sd_off = run.protrusion_sd_mm / truth.protrusion_sd_mm - 1.0;
        let missed_off = run.missed as f64 - truth.missed as f64;
        let inside_mm = run.penetration_mm.value - truth.penetration_mm;
        self.run_face.add(run.face_mm.value - truth.face_mm, Some(run.face_mm.u()));
        self.run_protrusion.add(error_mm, Some(run.protrusion_mm.u()));
        self.run_sd.add(sd_off, None);
        self.run_penetration.add(inside_mm, Some(run.penetration_mm.u()));
        let rate_off = run.stroke_rate_hz.value / truth.rate_hz - 1.0;
        self.run_rate.add(rate_off, Some(run.stroke_rate_hz.u() / truth.rate_hz));
        self.missed.add(missed_off, None);
        if error_mm.abs() > (3.0 * run.protrusion_mm.u()).max(WRONG_MM) || sd_off.abs() > 0.15 || missed_off != 0.0 {
            self.notes.push(format!(
                "seed {}: run: {:?} needles {} depth {} at {} Hz, cell {:.0} Hz: protrusion {:+.1} (u {:.1}), \
                 penetration {:+.1} (u {:.1}) µm, SD {:.1} for {:.1} µm, missed {} of {}",
                drawn.seed,
                drawn.world.phantom.law,
                drawn.cartridge.needles,
                drawn.set_depth_mm,
                drawn.stroke_rate_hz,
                drawn.world.cell.natural_hz,
                1e3 * error_mm,
                1e3 * run.protrusion_mm.u(),
                1e3 * inside_mm,
                1e3 * run.penetration_mm.u(),
                1e3 * run.protrusion_sd_mm,
                1e3 * truth.protrusion_sd_mm,
                run.missed,
                truth.missed,
            ));
        }
        run_is_right(&run, case)
    }
}
