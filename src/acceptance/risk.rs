//! Proof of risk: how often the real decision accepts what it should not, and rejects what is good.
//!
//! Every cell draws many validations of a known process ([`super::synthetic`]) and hands them to
//! [`super::decision::decide`] with a plan of one criterion: at the edge of acceptance, where each acceptance is false and
//! may happen in a share `1 - confidence` at most, and at a capability of 1.5. Plans that ship with the program are drawn
//! whole, every criterion at three set depths; their good pens must pass 90 times in 100.
//!
//! Deliberately absent: printing; [`table`] gives text.

use super::Verdict;
use super::dataset::DataSets;
use super::decision::{Conduct, decide};
use super::measurements::Value;
use super::operating;
use super::synthetic::{Process, SET_DEPTH_MM, Shape, TOLERANCE_MM, Validation, add_drift, missed};
use crate::config::library::Library;
use crate::config::plan::{Criterion, NotNormal, Plan, Population, Quantity, SetDepths, Statistic};
use crate::prng::Stream;
use crate::stats::StatsError;
use crate::stats::distribution::{Beta, Distribution};

/// Confidence of every criterion in the proof.
const CONFIDENCE: f64 = 0.95;

/// Most good pens that a plan which ships with the program may fail to accept.
const GOOD_FAILING_MAX: f64 = 0.10;

/// What a cell judges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Subject {
    /// The tolerance interval of protrusion.
    Tolerance(Process),
    /// The share of missed strokes: strokes, mean length of a gap.
    Missed(usize, f64),
    /// The drift over a run.
    Drift(Process),
    /// The SD of strokes.
    Sd(Process),
    /// The mean puncture rate over the stretches of one run, with this correlation between neighbours.
    Rate(f64),
    /// A plan that ships with the program, by name; the process without sizes, which are the plan's.
    Shipped(&'static str, Process),
}

/// One line of the proof.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// What distinguishes it, in words.
    pub name: &'static str,
    /// What is judged.
    pub subject: Subject,
    /// Consequence of gross non-normality that its plan declares.
    pub if_not_normal: NotNormal,
    /// Whether the claim is made for it. Shapes that are not normal where the plan has them only reported, and gaps too
    /// few to show, are counted without one.
    pub claimed: bool,
}

/// What was counted in a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The cell.
    pub cell: Cell,
    /// Validations drawn at the edge, and as many of a good process.
    pub draws: u32,
    /// Accepted at the edge: false accepts.
    pub false_accepts: u32,
    /// Not accepted although good: false rejects, verdicts that stay open included.
    pub false_rejects: u32,
}

impl Outcome {
    /// Clopper-Pearson limits of a share at this two-sided confidence.
    ///
    /// # Errors
    ///
    /// [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn limits(&self, count: u32, confidence: f64) -> Result<(f64, f64), StatsError> {
        let (k, n, tail) = (f64::from(count), f64::from(self.draws), 0.5 * (1.0 - confidence));
        let lower = if count == 0 { 0.0 } else { Beta::new(k, n - k + 1.0)?.quantile(tail)? };
        let upper = if count == self.draws { 1.0 } else { Beta::new(k + 1.0, n - k)?.upper_quantile(tail)? };
        Ok((lower, upper))
    }

    /// Whether the simulation shows, at 99.9 % one-sided, that more is accepted than claimed, or that a shipped plan
    /// fails more good pens than it may.
    ///
    /// # Errors
    ///
    /// Those of [`Outcome::limits`], of which there are none at this confidence.
    pub fn refutes_the_claim(&self) -> Result<bool, StatsError> {
        let too_many = |count: u32, claim: f64| Ok(self.limits(count, 0.998)?.0 > claim);
        let shipped = matches!(self.cell.subject, Subject::Shipped(..));
        Ok(too_many(self.false_accepts, 1.0 - CONFIDENCE)?
            || (shipped && too_many(self.false_rejects, GOOD_FAILING_MAX)?))
    }
}

/// Every cell of the proof.
pub fn cells() -> Vec<Cell> {
    [shipped_plans(), one_cartridge(), grouped(), shapes(), other_quantities()].concat()
}

/// The plans as they ship, uncertainty as that of the built-in bench: u about 0.3 of a good pen's SD.
pub fn shipped_plans() -> Vec<Cell> {
    let pen = |share_cartridges| Process { share_cartridges, phi: 0.3, u_ratio: 0.3, ..Process::plain(1, 1, 1) };
    vec![
        claimed("plan quick, phi 0.3, u = 0.3 sd", Subject::Shipped("quick", pen(0.0))),
        claimed("plan standard, phi 0.3, u = 0.3 sd", Subject::Shipped("standard", pen(0.0))),
        claimed("plan design, ICC 0.3, phi 0.3, u = 0.3 sd", Subject::Shipped("design", pen(0.3))),
        claimed("plan design, ICC 0.5, phi 0.3, u = 0.3 sd", Subject::Shipped("design", pen(0.5))),
    ]
}

/// A cell whose claim must hold.
fn claimed(name: &'static str, subject: Subject) -> Cell {
    Cell { name, subject, if_not_normal: NotNormal::Report, claimed: true }
}

fn tolerance(name: &'static str, process: Process) -> Cell {
    claimed(name, Subject::Tolerance(process))
}

fn shaped(name: &'static str, process: Process, if_not_normal: NotNormal) -> Cell {
    Cell { if_not_normal, claimed: if_not_normal != NotNormal::Report, ..tolerance(name, process) }
}

/// Strokes of one cartridge.
fn one_cartridge() -> Vec<Cell> {
    let one = Process::plain;
    vec![
        tolerance("1 cartridge, 30 strokes", one(1, 1, 30)),
        tolerance("1 cartridge, 200 strokes", one(1, 1, 200)),
        tolerance("1 cartridge, 200 strokes, off centre", Process { above: 0.8, ..one(1, 1, 200) }),
        tolerance("1 cartridge, 200 strokes, one-sided", Process { above: 0.999_999, ..one(1, 1, 200) }),
        tolerance("1 cartridge, 1000 strokes, phi 0.5", Process { phi: 0.5, ..one(1, 1, 1000) }),
        tolerance("1 cartridge, 1000 strokes, phi 0.9", Process { phi: 0.9, ..one(1, 1, 1000) }),
        tolerance("1 cartridge, 1000 strokes, phi 0.97", Process { phi: 0.97, ..one(1, 1, 1000) }),
        tolerance("1 cartridge, 200 strokes, u = 0.3 sd", Process { u_ratio: 0.3, ..one(1, 1, 200) }),
        tolerance("1 cartridge, 200 strokes, u = sd", Process { u_ratio: 1.0, ..one(1, 1, 200) }),
    ]
}

/// Cartridges and pens.
fn grouped() -> Vec<Cell> {
    let one = Process::plain;
    vec![
        tolerance("5 cartridges, no cartridge effect", one(1, 5, 50)),
        tolerance("5 cartridges, ICC 0.5", Process { share_cartridges: 0.5, ..one(1, 5, 50) }),
        tolerance("10 cartridges, ICC 0.05", Process { share_cartridges: 0.05, ..one(1, 10, 50) }),
        tolerance("10 cartridges, ICC 0.5", Process { share_cartridges: 0.5, ..one(1, 10, 50) }),
        tolerance("10 cartridges, ICC 0.95", Process { share_cartridges: 0.95, ..one(1, 10, 50) }),
        tolerance(
            "10 cartridges, ICC 0.5, one-sided",
            Process { share_cartridges: 0.5, above: 0.999_999, ..one(1, 10, 50) },
        ),
        tolerance(
            "10 cartridges, ICC 0.5, a third lost strokes",
            Process { share_cartridges: 0.5, unbalanced: true, ..one(1, 10, 50) },
        ),
        tolerance("20 cartridges, phi 0.9, no cartridge effect", Process { phi: 0.9, ..one(1, 20, 200) }),
        tolerance(
            "20 cartridges, ICC 0.3, phi 0.5, u = 0.3 sd",
            Process { share_cartridges: 0.3, phi: 0.5, u_ratio: 0.3, ..one(1, 20, 50) },
        ),
        tolerance(
            "30 cartridges, ICC 0.3, 99 % coverage",
            Process { share_cartridges: 0.3, coverage: 0.99, ..one(1, 30, 50) },
        ),
        tolerance("3 pens x 5 cartridges", Process { share_pens: 0.4, share_cartridges: 0.3, ..one(3, 5, 20) }),
        tolerance("5 pens x 5 cartridges", Process { share_pens: 0.4, share_cartridges: 0.3, ..one(5, 5, 20) }),
        tolerance(
            "10 pens x 3 cartridges, off centre",
            Process { share_pens: 0.2, share_cartridges: 0.5, above: 0.8, ..one(10, 3, 20) },
        ),
        tolerance("10 pens x 1 cartridge", Process { share_pens: 0.3, share_cartridges: 0.3, ..one(10, 1, 20) }),
    ]
}

/// Strokes that are not normal.
fn shapes() -> Vec<Cell> {
    let one = Process::plain;
    let skewed = Process { shape: Shape::Skewed, coverage: 0.99, ..one(1, 1, 1500) };
    vec![
        shaped(
            "10 cartridges, ICC 0.1, strokes skewed",
            Process { share_cartridges: 0.1, shape: Shape::Skewed, ..one(1, 10, 100) },
            NotNormal::Report,
        ),
        shaped(
            "10 cartridges, ICC 0.1, heavy tails",
            Process { share_cartridges: 0.1, shape: Shape::HeavyTailed, ..one(1, 10, 100) },
            NotNormal::Report,
        ),
        shaped(
            "10 cartridges, ICC 0.1, two humps",
            Process { share_cartridges: 0.1, shape: Shape::TwoHumps, ..one(1, 10, 100) },
            NotNormal::Report,
        ),
        shaped("1 cartridge, skewed, 99 % coverage, plan: report", skewed, NotNormal::Report),
        shaped("1 cartridge, skewed, 99 % coverage, plan: inconclusive", skewed, NotNormal::Inconclusive),
        shaped("1 cartridge, skewed, 99 % coverage, plan: nonparametric", skewed, NotNormal::Nonparametric),
    ]
}

/// Criteria other than the tolerance interval.
fn other_quantities() -> Vec<Cell> {
    let one = Process::plain;
    vec![
        claimed("missed, 2000 strokes, one at a time", Subject::Missed(2000, 1.0)),
        Cell { claimed: false, ..claimed("missed, 1000 strokes, gaps of 2", Subject::Missed(1000, 2.0)) },
        claimed("missed, 5000 strokes, gaps of 4", Subject::Missed(5000, 4.0)),
        claimed("missed, 20000 strokes, gaps of 10", Subject::Missed(20_000, 10.0)),
        claimed("puncture rate, 1 run, steady", Subject::Rate(0.0)),
        claimed("puncture rate, 1 run, wandering, phi 0.5", Subject::Rate(0.5)),
        claimed("drift, 1 cartridge, phi 0.5", Subject::Drift(Process { phi: 0.5, ..one(1, 1, 1000) })),
        claimed("drift, 5 cartridges", Subject::Drift(one(1, 5, 200))),
        claimed("stroke SD, 1 cartridge, phi 0.5", Subject::Sd(Process { phi: 0.5, ..one(1, 1, 500) })),
        claimed("stroke SD, 1 cartridge, phi 0.9", Subject::Sd(Process { phi: 0.9, ..one(1, 1, 1000) })),
        claimed("stroke SD, 5 cartridges, phi 0.8", Subject::Sd(Process { phi: 0.8, ..one(1, 5, 200) })),
        claimed("stroke SD, 5 cartridges", Subject::Sd(Process { share_cartridges: 0.5, ..one(1, 5, 50) })),
    ]
}

/// Draws a cell at the edge alone.
///
/// # Errors
///
/// [`StatsError`] for a process that cannot be.
pub fn at_the_edge(cell: &Cell, draws: u32, seed: u64) -> Result<Outcome, StatsError> {
    let mut stream = Stream::named(seed, cell.name);
    let world = World::of(&cell.subject, cell.if_not_normal, &mut stream)?;
    Ok(Outcome { cell: *cell, draws, false_accepts: world.accepted(true, draws, &mut stream), false_rejects: 0 })
}

/// Draws one cell: `draws` validations at the edge and as many of a good process.
///
/// # Errors
///
/// [`StatsError`] for a process that cannot be.
pub fn run(cell: &Cell, draws: u32, seed: u64) -> Result<Outcome, StatsError> {
    let mut stream = Stream::named(seed, cell.name);
    let world = World::of(&cell.subject, cell.if_not_normal, &mut stream)?;
    let false_accepts = world.accepted(true, draws, &mut stream);
    let false_rejects = draws - world.accepted(false, draws, &mut stream);
    Ok(Outcome { cell: *cell, draws, false_accepts, false_rejects })
}

/// Limits of the criteria other than the tolerance interval.
const MISSED_SHARE: f64 = 0.01;
const DRIFT_MM: f64 = 0.02;
const SD_MM: f64 = 0.03;
const RATE_HZ: f64 = 110.0;
const RATE_TOLERANCE_HZ: f64 = 5.5;
/// SD of the rate from stretch to stretch, Hz.
const RATE_SD_HZ: f64 = 0.5;

/// Set depths of a shipped plan, mm; at the edge only the first of them is there, the others are good.
const SET_DEPTHS_MM: [f64; 3] = [0.5, 1.0, 1.5];

/// A subject with its plan and its edge worked out once.
struct World {
    subject: Subject,
    plan: Plan,
    /// Mean and total SD at the edge, mm.
    edge: (f64, f64),
}

impl World {
    fn of(subject: &Subject, if_not_normal: NotNormal, stream: &mut Stream) -> Result<Self, StatsError> {
        let edge = match subject {
            Subject::Tolerance(process) | Subject::Shipped(_, process) => process.edge(stream)?,
            _ => (0.0, 0.0),
        };
        let plan = match subject {
            Subject::Shipped(name, _) => operating::resolved(&built_in(name))?,
            _ => plan_of(subject, if_not_normal),
        };
        Ok(Self { subject: *subject, plan, edge })
    }

    /// How many of `draws` validations are accepted, at the edge or of a good process.
    fn accepted(&self, edge: bool, draws: u32, stream: &mut Stream) -> u32 {
        let accept =
            |values: &[Value]| decide(&self.plan, Conduct::default(), &DataSets::of(values)).verdict == Verdict::Accept;
        (0..draws).filter(|_| accept(&self.draw(edge, stream))).count() as u32
    }

    /// A whole validation by a shipped plan.
    fn draw_shipped(&self, process: Process, edge: bool, stream: &mut Stream) -> Vec<Value> {
        let strokes = self.plan.dynamic.as_ref().map_or(0, |dynamic| dynamic.strokes) as usize;
        let cartridges = self.plan.cartridges.unwrap_or(1) as usize;
        let validation = Validation {
            process: Process { cartridges, strokes, ..process },
            presses: self.plan.press.as_ref().map_or(0, |press| press.sites) as usize,
            rate_hz: self.plan.dynamic.iter().flat_map(|plan| &plan.stroke_rates_hz).copied().next().unwrap_or(0.0),
        };
        let tolerance_mm = self.plan.criteria.iter().find_map(|criterion| criterion.tolerance_mm).unwrap_or(f64::NAN);
        let scale = tolerance_mm / TOLERANCE_MM;
        let mut values = Vec::new();
        for (index, set_depth_mm) in SET_DEPTHS_MM.into_iter().enumerate() {
            let (mean, sd) = if edge && index == 0 { self.edge } else { process.good() };
            let mean = SET_DEPTH_MM + scale * (mean - SET_DEPTH_MM);
            values.extend(validation.draw(set_depth_mm, mean, scale * sd, stream));
        }
        values
    }

    fn draw(&self, edge: bool, stream: &mut Stream) -> Vec<Value> {
        match &self.subject {
            Subject::Tolerance(process) => {
                let (mean, sd) = if edge { self.edge } else { process.good() };
                process.draw(mean, sd, stream)
            }
            Subject::Shipped(_, process) => self.draw_shipped(*process, edge, stream),
            Subject::Missed(strokes, gap) => {
                missed(*strokes, if edge { MISSED_SHARE } else { 0.1 * MISSED_SHARE }, *gap, stream)
            }
            Subject::Rate(phi) => rates(RATE_HZ + if edge { RATE_TOLERANCE_HZ } else { 0.0 }, *phi, stream),
            Subject::Drift(process) => {
                let (mean, sd) = process.good();
                let mut values = process.draw(mean, sd, stream);
                add_drift(&mut values, process.strokes, if edge { DRIFT_MM } else { 0.0 });
                values
            }
            Subject::Sd(process) => {
                // The criterion speaks of the strokes within a cartridge alone.
                let within = (1.0 - process.share_pens - process.share_cartridges).sqrt();
                let sd = if edge { SD_MM } else { SD_MM / GOOD_SD_RATIO };
                process.draw(SET_DEPTH_MM, sd / within, stream)
            }
        }
    }
}

/// Puncture rates of the stretches of one run.
fn rates(mean_hz: f64, phi: f64, stream: &mut Stream) -> Vec<Value> {
    let run = Process { phi, ..Process::plain(1, 1, RATE_STRETCHES) }.draw(mean_hz, RATE_SD_HZ, stream);
    run.into_iter()
        .map(|value| Value { quantity: Quantity::PunctureRate, set_rate_hz: Some(RATE_HZ), ..value })
        .collect()
}

/// Stretches of a run of a validation.
const RATE_STRETCHES: usize = 50;

/// A good process scatters by the limit over this.
const GOOD_SD_RATIO: f64 = 1.5;

/// A plan that ships with the program.
fn built_in(name: &str) -> Plan {
    Library::default().plan(name).expect("plans that ship are there and well formed (tests of this file)").value
}

/// The plan of one criterion that a subject is judged by.
fn plan_of(subject: &Subject, if_not_normal: NotNormal) -> Plan {
    let mut criterion = Criterion {
        id: "proof".to_owned(),
        quantity: Quantity::Protrusion,
        statistic: Statistic::Tolerance,
        tolerance_mm: None,
        tolerance_percent: None,
        lower_mm: None,
        upper_mm: None,
        lower_hz: None,
        upper_hz: None,
        upper_share: None,
        set_depth_mm: None,
        source: None,
        coverage: None,
        confidence: CONFIDENCE,
        distribution: Population::Normal,
        lambda: None,
        if_not_normal,
        rationale: "proof of risk".to_owned(),
    };
    match subject {
        // A shipped plan is its own.
        Subject::Shipped(..) => {}
        Subject::Tolerance(process) => {
            criterion.tolerance_mm = Some(TOLERANCE_MM);
            criterion.coverage = Some(process.coverage);
        }
        Subject::Missed(..) => {
            (criterion.quantity, criterion.statistic) = (Quantity::Missed, Statistic::Share);
            criterion.upper_share = Some(MISSED_SHARE);
        }
        Subject::Rate(_) => {
            (criterion.quantity, criterion.statistic) = (Quantity::PunctureRate, Statistic::Mean);
            criterion.lower_hz = Some(RATE_HZ - RATE_TOLERANCE_HZ);
            criterion.upper_hz = Some(RATE_HZ + RATE_TOLERANCE_HZ);
        }
        Subject::Drift(_) => {
            (criterion.quantity, criterion.statistic) = (Quantity::Drift, Statistic::Mean);
            criterion.tolerance_mm = Some(DRIFT_MM);
        }
        Subject::Sd(_) => {
            (criterion.quantity, criterion.statistic) = (Quantity::StrokeSd, Statistic::Sd);
            criterion.upper_mm = Some(SD_MM);
        }
    }
    Plan {
        schema: "plan/1".to_owned(),
        name: "proof".to_owned(),
        cartridges: None,
        pens: None,
        risk: None,
        set_depths: SetDepths::All,
        press: None,
        dynamic: None,
        msa: None,
        refused_share: 0.0,
        criteria: vec![criterion],
    }
}

/// The proof as a Markdown table, with 95 % Clopper-Pearson limits.
///
/// # Errors
///
/// Those of [`Outcome::limits`], of which there are none at this confidence.
pub fn table(outcomes: &[Outcome]) -> Result<String, StatsError> {
    let mut text = String::from(
        "| process | claimed false accepts | false accepts (95 % limits) | good ones not accepted | draws |\n|---|---|---|---|---|\n",
    );
    for outcome in outcomes {
        let percent = |count: u32| 100.0 * f64::from(count) / f64::from(outcome.draws);
        let (lower, upper) = outcome.limits(outcome.false_accepts, 0.95)?;
        let claim = match (outcome.cell.claimed, outcome.refutes_the_claim()?) {
            (true, false) => "at most 5 %",
            (true, true) => "at most 5 %, REFUTED",
            (false, _) => "none",
        };
        let good = if matches!(outcome.cell.subject, Subject::Shipped(..)) { " (claimed: at most 10 %)" } else { "" };
        text.push_str(&format!(
            "| {} | {claim} | {:.2} % ({:.2} to {:.2}) | {:.1} %{good} | {} |\n",
            outcome.cell.name,
            percent(outcome.false_accepts),
            100.0 * lower,
            100.0 * upper,
            percent(outcome.false_rejects),
            outcome.draws
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{CONFIDENCE, Cell, Outcome, Subject, World, cells, run};
    use crate::acceptance::Verdict;
    use crate::acceptance::dataset::DataSets;
    use crate::acceptance::decision::{Conduct, decide};
    use crate::acceptance::measurements::Value;
    use crate::acceptance::synthetic::Process;
    use crate::config::plan::NotNormal;
    use crate::prng::Stream;

    #[test]
    fn no_claim_is_refuted_by_a_short_proof() {
        for cell in cells().iter().filter(|cell| cell.claimed) {
            // A whole plan draws ten times the values of the others.
            let draws = if matches!(cell.subject, Subject::Shipped(..)) { 10 } else { 30 };
            let outcome = run(cell, draws, 1).unwrap();
            let Outcome { false_accepts, false_rejects, .. } = outcome;
            let refuted = outcome.refutes_the_claim().unwrap();
            assert!(!refuted, "{}: {false_accepts} and {false_rejects} of {draws}", cell.name);
        }
    }

    /// False accepts of the real decision on data that were tampered with.
    fn mutated(process: Process, mutate: impl Fn(&mut Vec<Value>)) -> Outcome {
        let subject = Subject::Tolerance(process);
        let mut stream = Stream::named(1, "mutation");
        let world = World::of(&subject, NotNormal::Report, &mut stream).unwrap();
        let draws = 300;
        let mut false_accepts = 0;
        for _ in 0..draws {
            let mut values = world.draw(true, &mut stream);
            mutate(&mut values);
            false_accepts +=
                u32::from(decide(&world.plan, Conduct::default(), &DataSets::of(&values)).verdict == Verdict::Accept);
        }
        let cell = Cell { name: "mutation", subject, if_not_normal: NotNormal::Report, claimed: true };
        Outcome { cell, draws, false_accepts, false_rejects: 0 }
    }

    #[test]
    fn the_proof_catches_what_is_wrong() {
        let one = Process::plain;
        let clustered = Process { share_cartridges: 0.5, ..one(1, 10, 50) };
        assert!(!mutated(clustered, |_| ()).refutes_the_claim().unwrap());
        let pooled = mutated(clustered, |values| {
            for (index, value) in values.iter_mut().enumerate() {
                value.cartridge = format!("stroke-{index}").into();
            }
        });
        assert!(pooled.refutes_the_claim().unwrap(), "pooled strokes: {}", pooled.false_accepts);
        let uncertain = Process { u_ratio: 1.0, above: 0.999_999, ..one(1, 1, 200) };
        assert!(!mutated(uncertain, |_| ()).refutes_the_claim().unwrap());
        let unguarded = mutated(uncertain, |values| values.iter_mut().for_each(|value| value.u = 0.0));
        assert!(unguarded.refutes_the_claim().unwrap(), "no guard band: {}", unguarded.false_accepts);
        let pens = Process { share_pens: 0.7, share_cartridges: 0.1, ..one(5, 6, 20) };
        assert!(!mutated(pens, |_| ()).refutes_the_claim().unwrap());
        let ignored = mutated(pens, |values| {
            for value in values.iter_mut() {
                value.cartridge = format!("{}-{}", value.pen, value.cartridge).into();
                value.pen = "all".into();
            }
        });
        assert!(ignored.refutes_the_claim().unwrap(), "pens ignored: {}", ignored.false_accepts);
    }

    #[test]
    fn limits_of_a_share_are_those_of_clopper_and_pearson() {
        let cell = cells()[0];
        let outcome = Outcome { cell, draws: 10, false_accepts: 2, false_rejects: 0 };
        // Clopper and Pearson's chart: 2 of 10 lies between 0.025 and 0.556.
        let (lower, upper) = outcome.limits(2, CONFIDENCE).unwrap();
        assert!((lower - 0.025_211).abs() < 1e-6 && (upper - 0.556_095).abs() < 1e-6, "{lower} {upper}");
    }
}
