//! `rig accept`: the decision alone, from measured values.

use super::{
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{
    acceptance::{
        dataset::DataSets,
        decision::{Conduct, decide},
        measurements, operating,
    },
    config::library::Library,
    record::model::VerdictDocument,
};
use clap::Args;
use std::{collections::BTreeMap, path::PathBuf};

/// Decide on measured values
#[derive(Debug, Args)]
#[command(after_help = "Example: rig accept --measurements values.csv --plan standard --json")]
pub struct Accept {
    /// CSV with pen,cartridge,set_depth_mm,stroke,quantity,value_mm,u_mm (and, optional, source,set_rate_hz)
    #[arg(long, value_name = "FILE.csv")]
    measurements: PathBuf,
    /// Plan: a name or a file; its criteria alone are used
    #[arg(long, value_name = "NAME|FILE")]
    plan: String,
    /// Cartridge type that the values belong to, for the record
    #[arg(long, value_name = "NAME")]
    cartridge: Option<String>,
}

impl Accept {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the plan or the values cannot be used.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let library = Library::beside(None);
        let plan = library.plan(&self.plan)?.value;
        let cartridge = match &self.cartridge {
            Some(name) => library.cartridge(name)?.value.name,
            None => String::new(),
        };
        let file = self.measurements.display().to_string();
        let text = std::fs::read_to_string(&self.measurements)
            .map_err(|error| Failure::usage(format!("cannot read {file}: {error}")))?;
        let values = measurements::read(&file, &text).map_err(Failure::usage)?;
        let sets = DataSets::of(&values);
        let decision = decide(&plan, Conduct::default(), &sets);
        let document = VerdictDocument {
            schema: VerdictDocument::SCHEMA.to_owned(),
            run: String::new(),
            verdict: decision.verdict,
            reason: format!("decided on {} values of {file}", values.len()),
            simulated: false,
            seed: None,
            criteria: decision.criteria,
            scope: decision.scope,
            gauge: None,
            operating_characteristic: operating::characteristics(&plan, &sets),
            rig: String::new(),
            plan: plan.name,
            cartridge,
            pen: String::new(),
            versions: BTreeMap::from([("rig".to_owned(), crate::version::BUILD.to_owned())]),
            bench_state: "no bench took part".to_owned(),
            started: String::new(),
            bench_time_s: 0.0,
        };
        if terminal.json {
            let text = serde_json::to_string_pretty(&document).map_err(Failure::usage)?;
            terminal.answer(&(text + "\n"));
        } else {
            let mut lines = vec![format!("{:?}: {}", document.verdict, document.scope)];
            lines.extend(document.criteria.iter().map(|row| {
                let set_depth = row.set_depth_mm.map_or_else(String::new, |mm| format!(" at {mm} mm"));
                format!("{:?}  {}{set_depth}: {}", row.verdict, row.criterion, row.reason)
            }));
            terminal.answer(&(lines.join("\n") + "\n"));
        }
        Ok(Exit::from(document.verdict))
    }
}
