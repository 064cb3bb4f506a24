//! The steps of a run in order, with the time that each is expected to take.

use super::job::Job;

/// One step on the bench.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// A press at a fresh site.
    Press {
        /// Set depth, mm.
        set_depth_mm: f64,
        /// Number of the press at this set depth, from 0.
        site: u32,
    },
    /// A press of a gauge study.
    Reference {
        /// Set depth, mm.
        set_depth_mm: f64,
        /// Place on the reference, from 0.
        site: u32,
        /// Number of the press at this place, from 0.
        repeat: u32,
    },
    /// Stand-off scan and run.
    Run {
        /// Set depth, mm.
        set_depth_mm: f64,
        /// Stroke rate, Hz.
        stroke_rate_hz: f64,
        /// Strokes.
        strokes: u32,
    },
}

impl Step {
    /// Set depth, mm.
    pub fn set_depth_mm(&self) -> f64 {
        match *self {
            Self::Press { set_depth_mm, .. }
            | Self::Reference { set_depth_mm, .. }
            | Self::Run { set_depth_mm, .. } => set_depth_mm,
        }
    }

    /// Name of its capture under a setup (a cartridge, or an operator of a gauge study; from 0).
    pub fn capture(&self, setup: u32) -> String {
        match *self {
            Self::Press { set_depth_mm, site } => format!("c{setup:02}-d{set_depth_mm:.2}-press-{site:02}"),
            Self::Reference { set_depth_mm, site, repeat } => {
                format!("o{setup:02}-d{set_depth_mm:.2}-site-{site:02}-{repeat:02}")
            }
            Self::Run { set_depth_mm, stroke_rate_hz, .. } => {
                format!("c{setup:02}-d{set_depth_mm:.2}-run-{stroke_rate_hz:.0}hz")
            }
        }
    }

    /// What the operator reads.
    pub fn text(&self) -> String {
        match *self {
            Self::Press { set_depth_mm, site } => format!("press {} at set depth {set_depth_mm} mm", site + 1),
            Self::Reference { set_depth_mm, site, repeat } => {
                format!("press {} at site {} of the reference, set depth {set_depth_mm} mm", repeat + 1, site + 1)
            }
            Self::Run { set_depth_mm, stroke_rate_hz, strokes } => {
                format!("{strokes} strokes at {stroke_rate_hz} Hz, set depth {set_depth_mm} mm")
            }
        }
    }

    /// Expected bench time, s.
    pub fn expected_s(&self, press_speed_mm_s: f64) -> f64 {
        match *self {
            Self::Press { set_depth_mm, .. } | Self::Reference { set_depth_mm, .. } => {
                3.5 + 2.0 * (set_depth_mm + 0.5) / press_speed_mm_s
            }
            Self::Run { set_depth_mm, stroke_rate_hz, strokes } => {
                6.0 + (set_depth_mm + 0.35) / 0.25 + f64::from(strokes) / stroke_rate_hz
            }
        }
    }
}

/// A capture of the schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The cartridge, or the operator of a gauge study; from 0.
    pub setup: u32,
    /// What is done.
    pub step: Step,
    /// Name of the capture.
    pub name: String,
}

/// Every capture of a run in order.
pub fn planned(job: &Job) -> Vec<Planned> {
    let of_setup = |setup| steps(job).into_iter().map(move |step| Planned { setup, step, name: step.capture(setup) });
    (0..job.setups()).flat_map(of_setup).collect()
}

/// The steps for one setup.
pub fn steps(job: &Job) -> Vec<Step> {
    let plan = &job.plan.value;
    let mut steps = Vec::new();
    for &set_depth_mm in &job.set_depths_mm {
        if let Some(press) = &plan.press {
            steps.extend((0..press.sites).map(|site| Step::Press { set_depth_mm, site }));
        }
        if let Some(msa) = &plan.msa {
            let repeats = |site| (0..msa.repeats).map(move |repeat| Step::Reference { set_depth_mm, site, repeat });
            steps.extend((0..msa.sites).flat_map(repeats));
        }
        if let Some(dynamic) = &plan.dynamic {
            let strokes = dynamic.strokes;
            let rates = dynamic.stroke_rates_hz.iter();
            steps.extend(rates.map(|&stroke_rate_hz| Step::Run { set_depth_mm, stroke_rate_hz, strokes }));
        }
    }
    steps
}
