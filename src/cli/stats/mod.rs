//! `rig stats`: the calculators, from options or from CSV columns, as text or as JSON.
//!
//! Three steps: `command` parses the options, `columns` reads CSV files, `calculate`, `gauge` and `planning` ask
//! `crate::stats` and put the result into an [`answer::Answer`], which prints itself either way, so text and JSON
//! cannot drift apart.
//!
//! Invariant: no calculator starts on values that were not all read; a value that is missing, not a number or not
//! finite is refused with its file, line and column.
//! Deliberately absent: printing (the caller prints), statistics of its own.

pub mod answer;
pub mod calculate;
pub mod columns;
pub mod command;
pub mod gauge;
pub mod planning;

use crate::stats::StatsError;
use command::StatsCommand;

/// Why a calculator gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StatsFailure {
    /// Exit code of the contract: 2 for options or files that cannot be used, 4 for data that cannot decide.
    pub exit: u8,
    /// What was tried, with which value, what is allowed, what to do next.
    pub message: String,
}

impl StatsFailure {
    /// Options or a file that cannot be used.
    pub fn unusable(message: impl Into<String>) -> Self {
        Self { exit: 2, message: message.into() }
    }

    /// A refusal of the statistics, with what it was asked of (`x.csv, column "x"`, or the name of the option).
    pub fn of(subject: &str, error: &StatsError) -> Self {
        let exit = match error {
            StatsError::TooFew { .. } | StatsError::NoVariance { .. } | StatsError::NoSolution { .. } => 4,
            StatsError::NotFinite { .. } | StatsError::OutOfRange { .. } | StatsError::Unpaired { .. } => 2,
        };
        Self { exit, message: format!("{subject}: {error}") }
    }
}

/// Adds what was asked to a refusal of the statistics.
pub trait About<T> {
    /// The same result, its refusal naming `subject` (file and column, or option).
    ///
    /// # Errors
    ///
    /// That refusal.
    fn about(self, subject: &str) -> Result<T, StatsFailure>;
}

impl<T> About<T> for Result<T, StatsError> {
    fn about(self, subject: &str) -> Result<T, StatsFailure> {
        self.map_err(|error| StatsFailure::of(subject, &error))
    }
}

/// Runs one calculator and returns what belongs on standard output, one JSON document where `json` is set.
///
/// # Errors
///
/// See [`StatsFailure`].
pub fn run(command: &StatsCommand, json: bool) -> Result<String, StatsFailure> {
    let answer = calculate::answer(command)?;
    Ok(if json { answer.json() } else { answer.text() })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::stats::command::StatsCommand;
    use crate::cli::stats::{StatsFailure, run};

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: StatsCommand,
    }

    /// Runs `rig stats LINE` on a file `x.csv` with this content.
    fn stats(csv: &str, line: &str) -> Result<String, StatsFailure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.csv");
        std::fs::write(&file, csv).unwrap();
        let words = line.split_whitespace().map(|word| match word {
            "x.csv" => file.to_str().unwrap().to_owned(),
            other => other.to_owned(),
        });
        let parsed = Line::try_parse_from(std::iter::once("rig".to_owned()).chain(words)).unwrap();
        run(&parsed.command, true)
    }

    #[test]
    fn refusals_name_place_value_and_remedy() {
        let describe = "describe --csv x.csv --column x";
        let rows: &[(&str, &str, u8, &[&str])] = &[
            ("y\n1\n", describe, 2, &["no column \"x\"", "\"y\""]),
            ("x,x\n1,2\n", describe, 2, &["twice"]),
            ("", describe, 2, &["empty"]),
            ("x\n1\nabc\n", describe, 2, &["line 3", "column \"x\"", "\"abc\""]),
            ("x\n1\n1,5\n", describe, 2, &["line 3"]),
            ("a,x\n1,2\n1,\"2,5\"\n", describe, 2, &["line 3", "decimal point"]),
            ("x\n1\nNaN\n", describe, 2, &["line 3", "NaN", "finite"]),
            ("x\n1\n1e999\n", describe, 2, &["line 3", "finite"]),
            ("a,x\n1,2\n3,\n", describe, 2, &["line 3", "empty"]),
            ("x\n1\n\n2\n", describe, 2, &["line 3", "blank"]),
            ("x\n", describe, 4, &["at least", "there are 0"]),
            ("x\n1\n", describe, 4, &["at least", "there are 1"]),
            ("x\n2\n2\n2\n", describe, 4, &["all 3 values are 2"]),
            ("x\n1\n2\n", "describe --csv missing.csv --column x", 2, &["missing.csv"]),
            ("g,x\na,1\na,2\n", "anova --csv x.csv --column x --group g", 4, &["at least 2, there are 1"]),
            ("g,x\na,1\nb,2\n", "anova --csv x.csv --column x --group h", 2, &["no column \"h\"", "\"g\""]),
            (
                "x\n1\n2\n3\n",
                "capability --csv x.csv --column x --lower 3 --upper 1 --confidence 0.95",
                2,
                &["lower limit is 3"],
            ),
            (
                "x\n1\n2\n3\n",
                "tolerance --csv x.csv --column x --coverage 1.5 --confidence 0.95 --sides 2",
                2,
                &["coverage is 1.5"],
            ),
            ("x\n1\n", "tolerance --n 10 --coverage 0.95 --confidence 0 --sides 2", 2, &["confidence is 0"]),
            ("x\n1\n", "tolerance --n 1 --coverage 0.95 --confidence 0.9 --sides 2", 4, &["at least 2"]),
            (
                "x\n1\n2\n",
                "tolerance --csv x.csv --column x --coverage 0.9 --confidence 0.9 --sides 2 --method nonparametric",
                4,
                &["38"],
            ),
            (
                "p,o,x\n1,a,1\n1,a,2\n1,b,1\n1,b,2\n2,a,1\n2,a,3\n2,b,1\n",
                "grr --csv x.csv --part p --operator o --column x",
                2,
                &["part \"2\"", "operator \"b\""],
            ),
            ("x\n1\n", "plan --p1 0.1 --alpha 0.05 --p2 0.01 --beta 0.1", 2, &["p1 is 0.1", "less than p2"]),
        ];
        for (csv, line, exit, fragments) in rows {
            let failure = stats(csv, line).expect_err(line);
            assert_eq!(failure.exit, *exit, "{line}: {failure}");
            for fragment in *fragments {
                assert!(failure.message.contains(fragment), "{line}: {failure}, expected {fragment}");
            }
        }
    }

    #[test]
    fn carriage_returns_and_a_byte_order_mark_are_fine() {
        let answer = stats("\u{feff}a,x\r\n1, 2.5\r\n2,3.5\r\n3,7\r\n", "describe --csv x.csv --column x").unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["n"], 3);
        assert!((answer["mean"].as_f64().unwrap() - 13.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn equivalence_can_compare_means_of_groups() {
        let line = "equivalence --csv x.csv --column x --csv2 x.csv --column2 y --margin 0.5 --alpha 0.05 --group g";
        let answer = stats("g,x,y\na,1,1.1\na,3,3.1\nb,2,2\nc,2.1,2\n", line).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&answer["n"], &answer["n2"]), (&3.into(), &3.into()));
        assert!(answer["difference"].as_f64().unwrap().abs() < 1e-15);
    }

    #[test]
    fn a_gauge_study_does_not_depend_on_the_order_of_rows() {
        let rows = ["1,a,1", "1,a,2", "1,b,4", "1,b,6", "2,a,8", "2,a,9", "2,b,3", "2,b,5"];
        let study = |order: [usize; 8]| {
            let body: Vec<&str> = order.iter().map(|row| rows[*row]).collect();
            stats(&format!("p,o,x\n{}\n", body.join("\n")), "grr --csv x.csv --part p --operator o --column x").unwrap()
        };
        let (one, other): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(&study([0, 1, 2, 3, 4, 5, 6, 7])).unwrap(),
            serde_json::from_str(&study([6, 1, 4, 3, 0, 5, 2, 7])).unwrap(),
        );
        let (a, b) = (one["var"]["interaction"].as_f64().unwrap(), other["var"]["interaction"].as_f64().unwrap());
        assert!(a > 1.0 && (a - b).abs() < 1e-12, "{a} {b}");
    }

    #[test]
    fn every_calculator_shows_an_example() {
        use clap::CommandFactory;
        for calculator in Line::command().get_subcommands() {
            let help = calculator.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("rig stats {}", calculator.get_name())), "{}", calculator.get_name());
        }
    }
}
