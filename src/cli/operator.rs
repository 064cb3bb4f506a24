//! Operator steps at the command line: asked on a terminal, read from a script, or confirmed beforehand.

use super::{calendar, exit::Failure, ledger::Ledger, terminal::Terminal};
use crate::{
    config::{library, steps::Steps},
    run::operator::{Confirmed, HandStep, Operator},
};
use clap::Args;
use std::{
    io::{BufRead as _, IsTerminal as _},
    path::PathBuf,
};

/// How operator steps are confirmed: shared by every command that needs a hand.
#[derive(Clone, Debug, Default, Args)]
pub struct OperatorOption {
    /// Confirm operator steps without asking (CI)
    #[arg(long)]
    yes: bool,
    /// Script of operator steps (steps/1): who confirms what, and what was scanned
    #[arg(long, value_name = "FILE", conflicts_with = "yes")]
    steps: Option<PathBuf>,
}

enum Way {
    /// A world that does it by itself.
    Simulated,
    Yes,
    Script(Steps, PathBuf),
    Ask,
}

/// Whoever has operator steps done.
pub struct Hands<'t> {
    terminal: &'t Terminal,
    way: Way,
    ledger: Option<Ledger>,
}

impl OperatorOption {
    /// The way that was chosen. A script counts on a simulated bench too.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the script cannot be used.
    pub fn hands<'t>(
        &self,
        terminal: &'t Terminal,
        simulated: bool,
        ledger: Option<Ledger>,
    ) -> Result<Hands<'t>, Failure> {
        let way = match &self.steps {
            Some(path) => Way::Script(library::steps(path)?.value, path.clone()),
            None if simulated => Way::Simulated,
            None if self.yes => Way::Yes,
            None => Way::Ask,
        };
        Ok(Hands { terminal, way, ledger })
    }
}

impl Hands<'_> {
    fn confirm(&self, step: &HandStep) -> Result<(String, Option<String>), String> {
        match &self.way {
            Way::Simulated => Ok(("the simulated bench".to_owned(), None)),
            Way::Yes => Ok(("--yes".to_owned(), None)),
            Way::Script(steps, path) => {
                let missing = || format!("{} has no step {:?}, which asks: {}", path.display(), step.id, step.text);
                let found = steps.of(&step.id).ok_or_else(missing)?;
                if let (Some(asked), None) = (&step.asks, &found.answer) {
                    return Err(format!("{}: step {:?} has no answer; it asks for {asked}", path.display(), found.id));
                }
                Ok((found.by.clone(), found.answer.clone()))
            }
            Way::Ask => self.ask(step),
        }
    }

    fn ask(&self, step: &HandStep) -> Result<(String, Option<String>), String> {
        if !std::io::stdin().is_terminal() {
            return Err(format!("a hand is needed: {}; run on a terminal, or give --steps FILE or --yes", step.text));
        }
        let answer = match &step.asks {
            Some(asked) => Some(self.line(&format!("{}; then scan or type {asked}:", sentence(&step.text)))?),
            None => None,
        };
        let by = self.line(&format!("{}; when it is done, type your name and press Enter:", sentence(&step.text)))?;
        Ok((by, answer))
    }

    fn line(&self, prompt: &str) -> Result<String, String> {
        self.terminal.prompt(prompt);
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(|error| error.to_string())?;
        match line.trim() {
            "" => Err("nothing was typed, so nobody has confirmed it".to_owned()),
            text => Ok(text.to_owned()),
        }
    }
}

impl Operator for Hands<'_> {
    fn have_done(&mut self, step: &HandStep) -> Result<Confirmed, String> {
        let (by, answer) = self.confirm(step)?;
        if let (Some(ledger), Some(identity)) = (&mut self.ledger, &answer) {
            ledger.book(identity)?;
        }
        let at = calendar::now().map_err(|failure| failure.message)?;
        Ok(Confirmed { by, at, answer })
    }
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
