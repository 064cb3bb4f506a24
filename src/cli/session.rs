//! One session of a run, from an opened bench to the exit code: what `rig validate` and `rig resume` share.

use super::{
    archive::{Format, write_reports},
    bench::{Incident, Lock},
    exit::{Exit, Failure},
    operator::Hands,
    sign::Signing,
    terminal::{Bar, Terminal},
};
use crate::{
    acceptance::Verdict,
    bench::{Bench, fault::Fault, safe::SafeState},
    link::{interrupt::InterruptFlag, tape::Tape},
    record::{
        archive, manifest,
        model::{RunRecord, VerdictDocument},
        run_dir::RunDir,
    },
    report,
    run::{
        campaign::{self, Ended, Observer, Progress},
        conclude::conclude,
        job::Job,
        operator::{Confirmed, HandStep, Operator},
        position::Position,
    },
};

use std::path::Path;

struct Console<'t> {
    bar: Bar,
    hands: Hands<'t>,
}

impl Observer for Console<'_> {
    fn progress(&mut self, progress: &Progress) {
        self.bar.show(progress);
    }
}

impl Operator for Console<'_> {
    fn have_done(&mut self, step: &HandStep) -> Result<Confirmed, String> {
        self.hands.have_done(step)
    }
}

/// What a session needs besides the bench.
pub struct Session<'a> {
    /// Where people look.
    pub terminal: &'a Terminal,
    /// The job.
    pub job: &'a Job,
    /// The hold on the bench; none where a tape stands in its place.
    pub lock: Option<&'a Lock>,
    /// Signals.
    pub interrupt: &'a InterruptFlag,
    /// How the finished run is signed, if it is.
    pub signing: Option<&'a Signing>,
    /// Where the tape that is recorded lies.
    pub tape_file: Option<&'a Path>,
}

impl Session<'_> {
    /// Drives the bench from a position on, then measures, decides, reports, and closes the archive. Without a bench
    /// nothing is left to move.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the exit code of the contract.
    pub fn run(
        &self,
        hands: Hands<'_>,
        mut dir: RunDir,
        from: &Position,
        bench: Option<Bench>,
    ) -> Result<Exit, Failure> {
        let moves = self.lock.filter(|_| bench.is_some());
        moves.map(|lock| lock.begin_run(self.job.run_id(), self.job.started.clone())).transpose()?;
        let mut console = Console { bar: self.terminal.bar(), hands };
        let ended = match bench {
            Some(bench) => campaign::drive(self.job, from, bench, &mut dir, self.interrupt, &mut console),
            None => Ended { fault: None, safe: SafeState::untouched(), moved: false, bench_time_s: from.bench_time_s },
        };
        console.bar.end();
        if let Some(Err(failure)) = moves.map(|lock| self.leave(lock, &ended)) {
            // The bench's record is worth having all the more.
            self.terminal.error(&failure.message);
        }
        self.end_tape();
        if !ended.safe.confirmed() && self.job.deviation().is_none() {
            self.terminal.error(&format!(
                "THE SAFE STATE IS NOT CONFIRMED. {}. Keep hands away, cut the supply, look, then run `rig recover`.",
                ended.safe.text()
            ));
        }
        match self.close(&mut dir, &ended) {
            Ok((verdict, record)) => {
                self.answer(&verdict, &record)?;
                match self.job.deviation() {
                    Some(deviation) => Err(Failure::usage(deviation)),
                    None => Ok(outcome(self.terminal, &ended, &verdict)),
                }
            }
            // The bench comes first: how it ended must not be hidden by a disk that is full.
            Err(failure) => {
                let message = format!(
                    "{}\n  next: what was measured is in {}; see that the folder is there and the disk has room, and go on with `rig resume`\n  bench: {}",
                    failure.message,
                    dir.path().display(),
                    ended.safe.text()
                );
                let fault = ended.fault.as_ref().map_or(Exit::Fault, |fault| exit_of(fault, &ended));
                let exit = if ended.safe.confirmed() { fault } else { Exit::Unsafe };
                Err(Failure { exit, message })
            }
        }
    }

    /// A tape that could not be written says so; the run is none the worse.
    fn end_tape(&self) {
        if let (Tape::Record(tape), Some(path)) = (&self.job.tape, self.tape_file)
            && let Err(error) = tape.borrow_mut().end()
        {
            self.terminal.error(&format!("the tape {} is not whole: {error}", path.display()));
        }
    }

    /// Leaves the bench to whoever comes next: safe, or quarantined.
    fn leave(&self, lock: &Lock, ended: &Ended) -> Result<(), Failure> {
        if !ended.safe.confirmed() {
            lock.quarantine(&Incident {
                run: self.job.run_id(),
                at: self.job.started.clone(),
                fault: ended.fault.as_ref().map(ToString::to_string).unwrap_or_default(),
                state: ended.safe.text(),
            })?;
        }
        lock.rest()
    }

    fn close(&self, dir: &mut RunDir, ended: &Ended) -> Result<(VerdictDocument, RunRecord), Failure> {
        let verdict = conclude(self.job, dir, ended)?;
        let record = archive::load(dir.path())?;
        write_reports(dir.path(), &record, &Format::IN_ARCHIVE)?;
        dir.put(manifest::FILE, &manifest::of(dir.path())?)?;
        if let Some(signing) = self.signing {
            let signed = signing.sign(dir.path())?;
            self.terminal
                .note(&format!("signed by {} as {}, key {}", signed.statement.name, signed.statement.role, signed.key));
        }
        Ok((verdict, record))
    }

    /// Shows what came out of a run.
    ///
    /// # Errors
    ///
    /// [`Failure`] where it cannot be put in words.
    fn answer(&self, verdict: &VerdictDocument, record: &RunRecord) -> Result<(), Failure> {
        if self.terminal.json {
            let text = serde_json::to_string_pretty(verdict).map_err(Failure::usage)?;
            self.terminal.answer(&(text + "\n"));
        } else {
            self.terminal.answer(&report::text::summary(record, self.terminal.styled()));
        }
        Ok(())
    }
}

fn outcome(terminal: &Terminal, ended: &Ended, verdict: &VerdictDocument) -> Exit {
    let Some(fault) = &ended.fault else {
        return if ended.safe.confirmed() { Exit::from(verdict.verdict) } else { Exit::Unsafe };
    };
    terminal.error(&format!("{fault}\n  next: {}\n  bench: {}", fault.hint(), ended.safe.text()));
    exit_of(fault, ended)
}

fn exit_of(fault: &Fault, ended: &Ended) -> Exit {
    match fault {
        _ if !ended.safe.confirmed() => Exit::Unsafe,
        Fault::Interrupted(interrupt) => Exit::from(*interrupt),
        _ if !ended.moved => Exit::Usage,
        _ => Exit::from(Verdict::Aborted),
    }
}
