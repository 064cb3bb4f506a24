//! The command line: options, dispatch, and the one mapping from outcomes to exit codes.
//!
//! Two steps: clap parses what was typed, each command checks it as a whole before anything is done.
//! Invariant: standard output holds the answer and nothing else; progress and messages go to standard error.

pub mod accept;
pub mod analyze;
pub mod archive;
pub mod bench;
pub mod calendar;
pub mod calibrate;
pub mod compare;
pub mod exit;
pub mod generate;
pub mod ledger;
pub mod operator;
pub mod resume;
pub mod session;
pub mod sign;
pub mod simulate;
pub mod stats;
pub mod terminal;
pub mod validate;
pub mod verify;
pub mod watch;

use crate::config::calibration::Calibration;
use clap::{Args, Parser, Subcommand};
use exit::{Exit, Failure};
use std::path::PathBuf;
use terminal::Terminal;

/// Bench validation of micro-needling pens: measured protrusion and penetration, decisions with stated risk.
#[derive(Debug, Parser)]
#[command(
    name = "rig",
    version = crate::version::BUILD,
    about,
    propagate_version = true,
    after_help = "Examples:\n  \
    rig validate --cartridge 1.5mm                  the whole job on the built-in simulated bench\n  \
    rig validate --cartridge 1.5mm --rig bench.toml the same on a real bench\n  \
    rig analyze captures/*.json                     measurands from recorded captures\n\n\
    Exit codes: 0 accepted or done, 1 rejected, 2 usage or configuration, 3 rig fault (safe state confirmed),\n\
    4 inconclusive, 5 integrity, 6 safe state NOT confirmed, 130/143 interrupted (safe state confirmed)"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// One JSON document on standard output, nothing else there
    #[arg(long, global = true)]
    json: bool,
    /// No progress on standard error
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(Box<validate::Validate>),
    Check(bench::Check),
    Analyze(analyze::Analyze),
    Accept(accept::Accept),
    #[command(
        subcommand,
        about = "Statistical calculators: tolerance, nested, capability, gauge studies, plans",
        after_help = "Example: rig stats tolerance --n 30 --coverage 0.95 --confidence 0.95 --sides 2"
    )]
    Stats(stats::command::StatsCommand),
    Sim(simulate::Simulate),
    Report(archive::Report),
    Verify(verify::Verify),
    Resume(resume::Resume),
    Sign(sign::Sign),
    #[command(subcommand, about = "Keys to sign archives with", after_help = "Example: rig keys new anna --out keys")]
    Keys(sign::Keys),
    Calibrate(calibrate::Calibrate),
    Compare(compare::Compare),
    Watch(watch::Watch),
    Recover(bench::Recover),
    Ports(bench::Ports),
    Schema(generate::Schema),
    Completions(generate::Completions),
    Man(generate::Man),
}

/// Which bench: shared by every command that drives one.
#[derive(Clone, Debug, Default, Args)]
pub struct RigOption {
    /// Rig file; without it the variable RIG, then rigs/default.toml, then the built-in simulated bench
    #[arg(long, value_name = "FILE")]
    rig: Option<PathBuf>,
}

impl RigOption {
    /// The rig file that was named on the command line.
    pub fn given(&self) -> Option<&PathBuf> {
        self.rig.as_ref()
    }

    /// The rig file in force; `None` for the built-in bench.
    pub fn path(&self) -> Option<PathBuf> {
        let default = PathBuf::from("rigs/default.toml");
        self.rig
            .clone()
            .or_else(|| std::env::var_os("RIG").filter(|value| !value.is_empty()).map(PathBuf::from))
            .or_else(|| default.is_file().then_some(default))
    }
}

/// Whether an overdue calibration is taken: shared by the commands that look at its due dates.
#[derive(Clone, Debug, Default, Args)]
pub struct OverdueOption {
    /// Go on with an overdue calibration, for this written reason; it stands in what the command records
    #[arg(long, value_name = "REASON")]
    overdue_because: Option<String>,
}

/// Parts of a calibration that are overdue.
pub struct Overdue<'a> {
    /// Which, and since when, in words.
    pub parts: String,
    /// Why they are used all the same.
    pub reason: Option<&'a str>,
}

impl OverdueOption {
    /// What of a calibration is overdue on a day (RFC 3339 begins with it); `None` where all of it holds.
    pub fn on(&self, calibration: &Calibration, day: &str) -> Option<Overdue<'_>> {
        let overdue = calibration.overdue(day.get(..10).unwrap_or_default());
        let parts: Vec<String> = overdue.iter().map(|(part, due)| format!("{part} was due on {due}")).collect();
        let reason = self.overdue_because.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        (!parts.is_empty()).then(|| Overdue { parts: parts.join(", "), reason })
    }
}

/// Runs the command line and returns the exit code of the contract.
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; everything else is a usage error. clap uses 2 for those, as the contract.
            let code = error.exit_code();
            let _ = error.print();
            return u8::try_from(code).unwrap_or(2);
        }
    };
    let terminal = Terminal::new(cli.quiet, cli.json);
    match run(&cli, &terminal) {
        Ok(exit) => exit as u8,
        Err(Failure { exit, message }) => {
            terminal.error(&message);
            exit as u8
        }
    }
}

fn run(cli: &Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Validate(command) => command.run(terminal),
        Command::Check(command) => command.run(terminal),
        Command::Analyze(command) => command.run(terminal),
        Command::Accept(command) => command.run(terminal),
        Command::Stats(command) => match stats::run(command, cli.json) {
            Ok(text) => {
                terminal.answer(&text);
                Ok(Exit::Done)
            }
            Err(failure) => {
                let exit = if failure.exit == 4 { Exit::Inconclusive } else { Exit::Usage };
                Err(Failure { exit, message: failure.message })
            }
        },
        Command::Sim(command) => command.run(terminal),
        Command::Report(command) => command.run(terminal),
        Command::Verify(command) => command.run(terminal),
        Command::Resume(command) => command.run(terminal),
        Command::Sign(command) => command.run(terminal),
        Command::Keys(command) => command.run(terminal),
        Command::Calibrate(command) => command.run(terminal),
        Command::Compare(command) => command.run(terminal),
        Command::Watch(command) => command.run(terminal),
        Command::Recover(command) => command.run(terminal),
        Command::Ports(command) => command.run(terminal),
        Command::Schema(command) => command.run(terminal),
        Command::Completions(command) => command.run(terminal),
        Command::Man(command) => command.run(terminal),
    }
}
