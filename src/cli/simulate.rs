//! `rig sim`: the simulated devices on pseudo-terminals, for the real serial stack and for other programs.

use super::{
    RigOption,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{
    config::{
        faults::{Faults, Inject},
        library::{self, Library},
    },
    link::interrupt::InterruptFlag,
    sim::terminal::{Served, TerminalBench},
};
use clap::Args;
use serde_json::{Map, Value, json};
use std::{path::PathBuf, time::Duration};

/// Serve the simulated devices of a rig file on pseudo-terminals in real time, until interrupted
#[derive(Debug, Args)]
#[command(after_help = "Example, in two terminals:\n  rig sim --rig rigs/pty.toml --pty pty\n  \
    rig validate --cartridge 1.5mm --plan quick --rig rigs/pty.toml")]
pub struct Simulate {
    #[command(flatten)]
    rig: RigOption,
    /// Folder for the links pen, stage and force; it is made where it is missing
    #[arg(long, value_name = "DIR")]
    pty: PathBuf,
    /// Cartridge in the simulated pen: a name such as 1.5mm, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "1.5mm")]
    cartridge: String,
    /// Faults to inject (fixtures/faults has some); `rig schema faults` describes the file
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Seed of the simulated world; the rig file's without it
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl Simulate {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the exit code of the contract.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let rig_path = self.rig.path();
        let rig = library::rig(rig_path.as_deref())?;
        let cartridge = Library::beside(rig_path.as_deref()).cartridge(&self.cartridge)?.value;
        let Some(world) = rig.value.sim.as_ref().filter(|_| rig.value.simulated) else {
            let message = "this bench is not simulated; name a rig file with simulated = true and a [sim] table";
            return Err(Failure::usage(format!("{}: {message}", rig.origin)));
        };
        let interrupt = InterruptFlag::default();
        interrupt.listen().map_err(|error| Failure::usage(format!("no signal handler: {error}")))?;
        let seed = self.seed.unwrap_or(world.seed);
        let faults = self.faults.as_deref().map(library::faults).transpose()?;
        let none = Faults::default();
        let in_force = faults.as_ref().map_or(&none, |faults| &faults.value);
        if in_force.fault.iter().any(|fault| matches!(fault.inject, Inject::Pause { .. })) {
            let message =
                "`rig sim` cannot pause a host that is another process; send that process SIGSTOP and SIGCONT";
            return Err(Failure::usage(message));
        }
        let mut bench =
            TerminalBench::open(&rig.value, world, &cartridge, seed, in_force, &self.pty).map_err(Failure::usage)?;
        terminal.note(&format!("SIMULATED bench, seed {seed}; Ctrl-C ends it"));
        terminal.answer(&self.ready(&bench, seed, terminal.json));
        let late = |late: Duration| {
            let late_ms = late.as_millis();
            terminal.note(&format!("the simulated world was {late_ms} ms late: the machine was busy"));
        };
        let served =
            bench.serve(&interrupt, late).map_err(|error| Failure { exit: Exit::Fault, message: error.to_string() })?;
        tell(&served, terminal);
        Ok(Exit::Done)
    }

    /// One line that says that all ports can be opened.
    fn ready(&self, bench: &TerminalBench, seed: u64, as_json: bool) -> String {
        if !as_json {
            return "ready\n".to_owned();
        }
        let mut document = Map::from_iter([
            ("schema".to_owned(), json!("sim/1")),
            ("ready".to_owned(), json!(true)),
            ("simulated".to_owned(), json!(true)),
            ("seed".to_owned(), json!(seed)),
        ]);
        for (_, link) in bench.links() {
            let name = link.file_name().unwrap_or_default().to_string_lossy().into_owned();
            document.insert(name, json!(link));
        }
        format!("{}\n", Value::Object(document))
    }
}

fn tell(served: &Served, terminal: &Terminal) {
    for (role, bytes) in served.lost_bytes.iter().filter(|(_, bytes)| *bytes > 0) {
        terminal.note(&format!("{bytes} bytes of the {} were lost: nobody read them in time", role.name()));
    }
}
