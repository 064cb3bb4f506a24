//! The `rig` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(rig::cli::main())
}
