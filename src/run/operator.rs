//! Steps that need a hand: what is asked of the operator, and who confirmed it when.

use crate::{
    bench::{Bench, fault::Fault},
    record::{RecordError, run_dir::RunDir},
    time::RunTime,
};
use serde_json::json;

/// What a person is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandStep {
    /// Kind and number, as scripts name it: `cartridge-1`, `mass-3`.
    pub id: String,
    /// What is to be done, as an order.
    pub text: String,
    /// What is to be scanned or typed besides a name.
    pub asks: Option<String>,
}

/// A step that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Who did it.
    pub by: String,
    /// When, RFC 3339, UTC.
    pub at: String,
    /// What was scanned or typed.
    pub answer: Option<String>,
}

/// Who does what needs a hand.
pub trait Operator {
    /// Has a step done and returns who did it.
    ///
    /// # Errors
    ///
    /// Why it was not done; what comes after it must not happen.
    fn have_done(&mut self, step: &HandStep) -> Result<Confirmed, String>;
}

/// Keeps a step in the journal.
///
/// # Errors
///
/// [`RecordError`].
pub fn record(dir: &mut RunDir, at: RunTime, step: &HandStep, done: &Confirmed) -> Result<(), RecordError> {
    let answer = done.answer.as_ref().map(|answer| format!(", {answer}")).unwrap_or_default();
    let text = format!("{}{answer}, confirmed by {}", step.text, done.by);
    let data = json!({"step": step.id, "by": done.by, "at": done.at, "answer": done.answer});
    dir.event(at, "operator", &text, data)
}

/// Ends the stream while a person is busy, has the step done, and streams again: nobody reads samples meanwhile.
///
/// # Errors
///
/// [`Fault`]; [`Fault::Procedure`] where the step was not done.
pub fn beside_stream(bench: &mut Bench, operator: &mut dyn Operator, step: &HandStep) -> Result<Confirmed, Fault> {
    let sample_rate_hz = bench.sample_rate_hz();
    bench.end_stream()?;
    let done = operator.have_done(step).map_err(Fault::Procedure)?;
    if sample_rate_hz > 0.0 {
        bench.stream(sample_rate_hz)?;
    }
    Ok(done)
}
