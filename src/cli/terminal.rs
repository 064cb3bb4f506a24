//! What people see: answers on standard output, progress and messages on standard error.

use crate::run::campaign::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};

/// Steps of the progress bar.
const BAR_STEPS: u64 = 1000;

/// The streams of the process.
pub struct Terminal {
    quiet: bool,
    /// Whether standard output is for one JSON document.
    pub json: bool,
}

impl Terminal {
    /// A terminal with the global options.
    pub fn new(quiet: bool, json: bool) -> Self {
        Self { quiet, json }
    }

    /// Whether colours are wanted on standard output.
    pub fn styled(&self) -> bool {
        std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// Columns of the terminal that standard output is; `None` where it is none.
    pub fn screen(&self) -> Option<usize> {
        const COLUMNS: usize = 80;
        let out = std::io::stdout();
        if !out.is_terminal() {
            return None;
        }
        let size = rustix::termios::tcgetwinsize(&out).ok();
        Some(size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(COLUMNS))
    }

    /// Puts the answer on standard output.
    pub fn answer(&self, text: &str) {
        // A reader that went away (a closed pipe) is no failure of the command.
        let _ = std::io::stdout().write_all(text.as_bytes());
    }

    /// Tells something on standard error, unless it should be quiet.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Asks for something on standard error, quiet or not: who waits must know for what.
    pub fn prompt(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Tells why the command failed.
    pub fn error(&self, message: &str) {
        let prefix = if message.starts_with("error") { "" } else { "error: " };
        let _ = writeln!(std::io::stderr(), "{prefix}{}", message.trim_end());
    }

    /// A progress bar on a terminal, hidden elsewhere.
    pub fn bar(&self) -> Bar {
        let ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
        let visible = !self.quiet && !ci && std::io::stderr().is_terminal();
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(BAR_STEPS), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        Bar { bar }
    }
}

/// A progress bar.
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// Shows how far a run is.
    pub fn show(&self, progress: &Progress) {
        self.bar.set_position((progress.share.clamp(0.0, 1.0) * BAR_STEPS as f64) as u64);
        let minutes = (progress.left_s / 60.0).floor();
        let seconds = progress.left_s - 60.0 * minutes;
        self.bar.set_message(format!("{} (bench time left about {minutes:.0}:{seconds:02.0})", progress.text));
    }

    /// Removes the bar.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
