//! `rig resume`: go on with a run that stopped.

use super::{
    bench::Lock,
    calendar,
    exit::{Exit, Failure},
    ledger::Ledger,
    operator::OperatorOption,
    session::Session,
    sign::{SignOption, Signing},
    terminal::Terminal,
};
use crate::{
    acceptance::Verdict,
    link::interrupt::InterruptFlag,
    record::{archive, disk::FileSystem, journal, manifest},
    report,
    run::{
        campaign,
        job::Job,
        position::Position,
        resume::{self, ResumeError},
    },
    time::RunTime,
};
use clap::Args;
use std::path::PathBuf;

/// Go on with an interrupted run where it stopped
///
/// The settings, the seed and the bench are those that the run was begun with: the bench is identified, checked and
/// homed again, what is whole is kept, a capture that was cut off is kept as NAME.attempt-N and done again, and the
/// journal tells of the gap. A finished run is left as it is; its verdict is shown again.
#[derive(Debug, Args)]
#[command(after_help = "Example: rig resume reports/20260101T000000Z-1.5mm-abc123")]
pub struct Resume {
    /// The run directory
    run: PathBuf,
    #[command(flatten)]
    operator: OperatorOption,
    #[command(flatten)]
    sign: SignOption,
}

impl From<ResumeError> for Failure {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Integrity(message) => Self { exit: Exit::Integrity, message },
            ResumeError::Nothing(message) => Self::usage(message),
            ResumeError::Record(error) => error.into(),
        }
    }
}

impl Resume {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the exit code of the contract.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        if let Some(exit) = self.finished(terminal)? {
            return Ok(exit);
        }
        let job = Job::of_run(&self.run)?;
        let signing = self.sign.signing()?;
        let key = signing.as_ref().map(Signing::fingerprint);
        if let Some(wanted) = job.signer.as_ref().filter(|_| job.signer != key) {
            return Err(Failure::usage(format!(
                "the run was begun to be signed with key {wanted}; give it with --sign"
            )));
        }
        let log = journal::read(&self.run)?;
        let position = Position::of(&log, &job);
        let uses_max = job.cartridge.value.uses_max;
        let ledger = Ledger::beside(job.rig_file.as_deref(), &job.run_id(), &job.started, uses_max);
        let hands = self.operator.hands(terminal, job.rig.value.simulated, Some(ledger))?;
        let lock = Lock::take(job.rig_file.as_deref(), &job.rig.value)?;
        lock.refuse_quarantined()?;
        let interrupt = InterruptFlag::default();
        interrupt.listen().map_err(|error| Failure::usage(format!("no signal handler: {error}")))?;
        let session = position.sessions + 1;
        let opened = position.setup.map(|setup| campaign::open(&job, setup, session, &interrupt));
        let bench = opened.transpose().map_err(Failure::usage)?;
        let begins = RunTime::from_nanos((position.bench_time_s * 1e9) as u64);
        let (dir, position) = resume::take_up(&self.run, &job, calendar::of(&job, begins)?, FileSystem::shared())?;
        terminal.note(&format!("{} captures are whole; going on in {}", position.captured.len(), self.run.display()));
        let session = Session {
            terminal,
            job: &job,
            lock: Some(&lock),
            interrupt: &interrupt,
            signing: signing.as_ref(),
            tape_file: None,
        };
        session.run(hands, dir, &position, bench)
    }

    /// The verdict of a run that needs no more, shown once again.
    fn finished(&self, terminal: &Terminal) -> Result<Option<Exit>, Failure> {
        if !self.run.is_dir() {
            return Err(Failure::usage(format!("{} is no run directory", self.run.display())));
        }
        if !self.run.join(manifest::FILE).is_file() {
            return Ok(None);
        }
        let verdict = archive::verdict(&self.run)?;
        if verdict.verdict == Verdict::Aborted {
            return Ok(None);
        }
        terminal.note("the run is finished; nothing is left to do");
        if terminal.json {
            let text = serde_json::to_string_pretty(&verdict).map_err(Failure::usage)?;
            terminal.answer(&(text + "\n"));
        } else {
            terminal.answer(&report::text::summary(&archive::load(&self.run)?, terminal.styled()));
        }
        Ok(Some(Exit::from(verdict.verdict)))
    }
}
