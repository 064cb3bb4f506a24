//! Taking up a run that stopped: what was cut off is set aside by name, and the position is read from the journal.
//!
//! Invariants: nothing that was measured is lost, changed or counted twice. A capture is whole where the journal says
//! so and its bytes are those that the journal names; every other one is an attempt, kept as `NAME.attempt-N`, and the
//! step is done again under its name. What summed the run up before moves to `superseded/N`.

use super::{job::Job, position::Position};
use crate::{
    record::{
        RecordError,
        calendar::{self, Calendar},
        disk::Disk,
        journal::{self, Log},
        manifest,
        run_dir::RunDir,
        unfinished, witness,
    },
    time::RunTime,
};
use serde_json::json;
use std::{path::Path, rc::Rc};

/// Why a run cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// It is not what it claims: something was changed since it stopped.
    #[error("{0}")]
    Integrity(String),
    /// There is nothing that could go on.
    #[error("{0}")]
    Nothing(String),
    /// It cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Takes up a run: reads the position, sets aside what was cut off, and says so in the journal.
///
/// # Errors
///
/// [`ResumeError`]; where the archive is not what its journal says, nothing was changed.
pub fn take_up(
    run: &Path,
    job: &Job,
    calendar: Box<dyn Calendar>,
    disk: Rc<dyn Disk>,
) -> Result<(RunDir, Position), ResumeError> {
    let log = journal::read(run)?;
    check(run, &log)?;
    let mut position = Position::of(&log, job);
    let at = RunTime::from_nanos((position.bench_time_s * 1e9) as u64);
    let wall = calendar.at(at);
    // In this order: should this be cut off as well, the next attempt finds what is still to do.
    let partial = unfinished::remove_partial(run, &*disk)?;
    let torn = unfinished::set_aside_tail(run, &log, &*disk)?;
    let superseded = unfinished::supersede(run, &*disk)?;
    let mut dir = RunDir::reopen(run, &log, calendar, Rc::clone(&disk))?;
    let last = log.events.last();
    let gap_s = last.and_then(|last| last.wall.parse::<jiff::Timestamp>().ok()).map(|last| {
        let gap = wall.duration_since(last);
        gap.as_secs_f64()
    });
    position.sessions += 1;
    let gap = match gap_s {
        None => "an unknown time after the last entry".to_owned(),
        Some(gap_s) if gap_s >= 0.0 => format!("{gap_s:.1} s after the last entry"),
        Some(gap_s) if job.rig.value.in_process() => {
            format!("by a clock {:.1} s before the last entry, whose time was that of the simulated bench", -gap_s)
        }
        Some(gap_s) => format!("by a clock {:.1} s BEFORE the last entry: it was set back meanwhile", -gap_s),
    };
    let text =
        format!("resumed with rig {}, {gap}; {} captures are whole", crate::version::BUILD, position.captured.len());
    let data = json!({"program": crate::version::BUILD, "gap_s": gap_s, "wall": calendar::text(wall),
                      "session": position.sessions, "torn_line": torn, "superseded": superseded, "removed": partial});
    dir.event(at, "resumed", &text, data)?;
    for name in position.begun.iter().filter(|name| !position.has(name)) {
        let Some(kept) = unfinished::attempt(&dir.captures(), name) else { continue };
        let text = format!("{name} was cut off; kept as {kept}, and done again");
        dir.event(at, "attempt", &text, json!({"capture": name, "kept": kept}))?;
        unfinished::set_aside(&dir.captures(), name, &kept, &*disk)?;
    }
    Ok((dir, position))
}

/// Refuses a run whose settings or whole captures are not those of its journal.
fn check(run: &Path, log: &Log) -> Result<(), ResumeError> {
    let integrity = |message: String| Err(ResumeError::Integrity(format!("{}: {message}", run.display())));
    if let Some(broken) = &log.broken {
        return integrity(format!("{broken}; nothing can go on from there"));
    }
    if log.last("settings").is_none() {
        let message = format!("{}: nothing was measured yet; begin anew with `rig validate`", run.display());
        return Err(ResumeError::Nothing(message));
    }
    let findings = if run.join(manifest::FILE).is_file() { manifest::differences(run)? } else { Vec::new() };
    if let Some(finding) = findings.first() {
        return integrity(format!("{finding}; `rig verify` tells all"));
    }
    if let Some(finding) = witness::differences(run, log)?.first() {
        return integrity(finding.clone());
    }
    Ok(())
}
