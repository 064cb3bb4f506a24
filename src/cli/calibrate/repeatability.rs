//! `rig calibrate repeatability`: gauge studies of several days, pooled into a calibration record.

use super::record;
use crate::{
    acceptance::{Verdict, dataset::DataSets, gauge},
    cli::{
        RigOption,
        exit::{Exit, Failure},
        terminal::Terminal,
        verify,
    },
    config::{
        calibration::{Calibration, Repeatability as Part},
        library::{self, Library},
        rig::Rig,
    },
    record::measured::{self, ReferencePresses},
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Repeatability and reproducibility from runs of the plan msa, for every uncertainty budget from then on
#[derive(Debug, Args)]
#[command(after_help = "Example, three days with one plan:\n  \
    rig validate --cartridge 1.5mm --plan msa --rig bench.toml     (on each day)\n  \
    rig calibrate repeatability reports/RUN-1 reports/RUN-2 reports/RUN-3 --rig bench.toml\n\n\
    Exit codes: 0 a record was written, 2 the runs are no study of this bench, 4 too little data, 5 an archive is altered")]
pub struct Repeatability {
    /// Run directories of the plan msa, with one reference and one set depth
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    rig: RigOption,
    /// The new file; without it beside the rig file, in calibrations/
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Repeatability {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a run is altered, is no gauge study or one of another bench, or the record cannot be written.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let rig_path = self.rig.path();
        let rig = library::rig(rig_path.as_deref())?.value;
        let library = Library::beside(rig_path.as_deref());
        let old = library.calibration(&rig.force.calibration, rig_path.as_deref())?.value;
        let mut studies: Vec<ReferencePresses> = Vec::new();
        for run in &self.runs {
            verify::refuse_altered(run)?;
            let study = measured::reference_presses(run)?;
            refuse_foreign(&rig, &study, studies.first())?;
            if studies.iter().any(|other| other.verdict.run == study.verdict.run) {
                return Err(Failure::usage(format!("run {} is named twice; name each run once", study.verdict.run)));
            }
            studies.push(study);
        }
        let presses = DataSets::of(studies.iter().flat_map(|study| &study.values));
        let found = match gauge::evaluate(None, &presses) {
            Some(Ok(found)) => found,
            Some(Err(error)) => {
                let message = format!("the presses of these runs are no study: {error}; no record was written");
                return Err(Failure { exit: Exit::Inconclusive, message });
            }
            None => return Err(Failure::usage("no press of a reference was measured; run the plan msa")),
        };
        let days = studies.iter().map(|study| study.verdict.started.chars().take(10).collect::<String>());
        let part = Part {
            u_mm: found.repeatability_sd_mm.estimate,
            df: found.repeatability_df,
            reproducibility_u_mm: found.reproducibility_sd_mm,
            reproducibility_df: found.reproducibility_df,
            runs: studies.iter().map(|study| study.verdict.run.clone()).collect(),
            date: days.max().unwrap_or_default(),
        };
        let new = Calibration { repeatability: Some(part.clone()), ..old };
        let path = record::put(&new, "repeatability", self.out.as_deref(), &self.rig)?;
        if terminal.json {
            let document = json!({"schema": "repeatability/1", "record": path.display().to_string(), "study": found,
                                  "repeatability": part, "simulated": rig.simulated});
            terminal.answer(&format!("{document:#}\n"));
        } else {
            let simulated = if rig.simulated { "SIMULATED " } else { "" };
            terminal.answer(&format!(
                "{simulated}repeatability {:.5} mm ({:.0} degrees of freedom), between {} sessions {:.5} mm ({:.1} degrees \
                 of freedom)\nrecord {}\nName it as `calibration` under [force] in the rig file.\n",
                part.u_mm,
                part.df,
                found.sessions,
                part.reproducibility_u_mm,
                part.reproducibility_df,
                path.display()
            ));
        }
        Ok(Exit::Done)
    }
}

/// Refuses runs of another bench, another reference or another set depth, and runs that are not whole.
fn refuse_foreign(rig: &Rig, study: &ReferencePresses, first: Option<&ReferencePresses>) -> Result<(), Failure> {
    let verdict = &study.verdict;
    let refused = |why: String| Err(Failure::usage(format!("run {}: {why}", verdict.run)));
    if study.values.is_empty() {
        return refused("it holds no press of a gauge study; run the plan msa".to_owned());
    }
    if verdict.verdict == Verdict::Aborted {
        return refused("it was aborted, so its sessions are not whole; leave it out or repeat it".to_owned());
    }
    if study.unmeasured > 0 {
        let count = study.unmeasured;
        return refused(format!(
            "{count} of its presses could not be measured; what is missing is no chance: repeat it"
        ));
    }
    if (&verdict.rig, verdict.simulated) != (&rig.name, rig.simulated) {
        let kind = |simulated: bool| if simulated { ", simulated" } else { "" };
        return refused(format!(
            "it was measured on bench {:?}{}, the rig file is of {:?}{}; name its own rig file",
            verdict.rig,
            kind(verdict.simulated),
            rig.name,
            kind(rig.simulated)
        ));
    }
    let of = |study: &ReferencePresses| {
        let depths: Vec<u64> = study.values.iter().map(|value| value.set_depth_mm.to_bits()).collect();
        (
            study.verdict.cartridge.clone(),
            study.verdict.pen.clone(),
            depths.iter().min().copied(),
            depths.iter().max().copied(),
        )
    };
    let this = of(study);
    if this.2 != this.3 || first.is_some_and(|first| of(first) != this) {
        return refused("its reference or set depth is not that of the others; a study has one of each".to_owned());
    }
    Ok(())
}
