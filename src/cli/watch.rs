//! `rig watch`: a run as it goes on, or an archive replayed, as a live screen of text.
//!
//! Another process than the run, which only reads what the run has written: it can neither slow nor endanger it.

use super::{
    RigOption,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{
    capture::{Block, ReadError, header},
    record::{archive, follow::Follower, journal::Event},
    report::live::Live,
    run::{
        conclude::{Known, derive_further},
        job::Job,
        schedule::planned,
    },
};
use clap::Args;
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// Columns where there is no terminal.
const COLUMNS: usize = 100;
/// Where runs are looked for.
const REPORTS: &str = "reports";

/// Watch a run in the terminal: force, stage, strokes, verdict so far; a finished run is replayed
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rig watch                         the newest run under reports/\n  \
    rig watch --rig rigs/pty.toml     the newest run of this bench\n  \
    rig watch reports/RUN --speed 50  an archive, replayed fifty times as fast")]
pub struct Watch {
    /// Run directory; without it the newest under reports/, of the bench of --rig where that is given
    run: Option<PathBuf>,
    /// Rig file of the bench whose newest run is watched
    #[command(flatten)]
    rig: RigOption,
    /// How many times as fast as the bench a finished run is replayed
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    speed: f64,
    /// Show what there is now, and end
    #[arg(long)]
    once: bool,
}

impl Watch {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the exit code of the contract.
    pub fn run(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        if !(0.1..=1e6).contains(&self.speed) {
            return Err(Failure::usage(format!("--speed {} is outside 0.1 to 1000000", self.speed)));
        }
        let run = match &self.run {
            Some(run) => run.clone(),
            None => self.newest()?,
        };
        let mut watched = Watched::open(&run)?;
        if self.once || terminal.json {
            watched.catch_up()?;
            watched.judge()?;
            watched.show(terminal, false);
            return Ok(Exit::Done);
        }
        if archive::verdict(&run).is_ok() { watched.replay(terminal, self.speed) } else { watched.follow(terminal) }
    }

    /// The newest run under reports/; run ids begin with the time, so that their order is that of the runs.
    fn newest(&self) -> Result<PathBuf, Failure> {
        let wanted = match self.rig.given() {
            Some(path) => Some(fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("{}: {error}; name the rig file of the bench", path.display()))
            })?),
            None => None,
        };
        let entries = fs::read_dir(REPORTS).into_iter().flatten().flatten().map(|entry| entry.path());
        let of_bench = |run: &PathBuf| {
            let used = fs::read_to_string(run.join("settings/rig.toml"));
            used.is_ok_and(|used| wanted.as_ref().is_none_or(|wanted| *wanted == used))
        };
        entries.filter(of_bench).max().ok_or_else(|| {
            Failure::usage(format!(
                "no run under {REPORTS}/ to watch; name a run directory, or begin one with `rig validate`"
            ))
        })
    }
}

/// A run that is watched, and the screen so far.
struct Watched {
    run: PathBuf,
    job: Job,
    follower: Follower,
    live: Live,
    /// Name and expected time, s, of every capture that is planned.
    planned: Vec<(String, f64)>,
    recorded: Vec<String>,
    /// What was measured at earlier looks.
    known: Known,
}

impl Watched {
    fn open(run: &Path) -> Result<Self, Failure> {
        let job = Job::of_run(run)?;
        let speed = job.plan.value.press_speed_mm_s();
        let planned: Vec<(String, f64)> =
            planned(&job).into_iter().map(|planned| (planned.name, planned.step.expected_s(speed))).collect();
        let mut live = Live::default();
        live.run = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
        live.simulated = job.rig.value.simulated;
        live.planned = planned.len();
        live.compliance_mm_per_n = job.calibration.value.compliance.mm_per_n;
        let follower = Follower::new(run);
        Ok(Self { run: run.to_owned(), job, follower, live, planned, recorded: Vec::new(), known: Known::new() })
    }

    /// Takes an event; true where a capture was finished.
    fn take(&mut self, news: &Event) -> bool {
        self.live.line(news.t_s, &news.text);
        let capture = news.data["capture"].as_str();
        match (news.event.as_str(), capture) {
            ("phase", Some(capture)) => {
                // A capture that was cut off is done again under its name.
                self.known.remove(capture);
                self.follower.turn_to(capture);
                self.live.turn_to(capture);
            }
            ("captured", Some(capture)) if !self.recorded.iter().any(|name| name == capture) => {
                self.recorded.push(capture.to_owned());
            }
            ("verdict", _) => self.live.ended = Some(news.text.clone()),
            ("fault", _) => self.live.ended = Some(format!("FAULT: {}", news.text)),
            ("resumed", _) => self.live.ended = None,
            _ => {}
        }
        let left = self.planned.iter().filter(|(name, _)| !self.recorded.contains(name));
        self.live.left_s = left.map(|(_, expected_s)| expected_s).sum();
        self.live.done = self.recorded.len();
        news.event == "captured"
    }

    /// Everything that is on disk now; true where a capture was finished since the last look.
    fn catch_up(&mut self) -> Result<bool, Failure> {
        let mut finished = false;
        loop {
            let live = &mut self.live;
            self.follower.samples(|block| live.samples(block))?;
            let news = self.follower.events()?;
            if news.is_empty() {
                return Ok(finished);
            }
            for news in &news {
                finished |= self.take(news);
            }
        }
    }

    /// Judges what is measured so far, by the code that decides at the end.
    fn judge(&mut self) -> Result<(), Failure> {
        self.live.criteria = derive_further(&self.job, &self.run, &mut self.known)?.verdict.criteria;
        Ok(())
    }

    fn follow(&mut self, terminal: &Terminal) -> Result<Exit, Failure> {
        loop {
            let finished = self.catch_up()?;
            if finished {
                self.judge()?;
            }
            self.show(terminal, true);
            if self.live.ended.is_some() {
                return Ok(Exit::Done);
            }
            thread::sleep(LOOK);
        }
    }

    /// An archive as it came about, `speed` times as fast.
    fn replay(&mut self, terminal: &Terminal, speed: f64) -> Result<Exit, Failure> {
        let events = self.follower.events()?;
        let mut pace = Pace { speed, shown_s: 0.0 };
        for news in &events {
            self.take(news);
            if let ("phase", Some(capture)) = (news.event.as_str(), news.data["capture"].as_str()) {
                self.replay_capture(terminal, &mut pace, news.t_s, capture)?;
            } else if pace.due(news.t_s) {
                self.show(terminal, true);
            }
        }
        self.judge()?;
        self.show(terminal, true);
        Ok(Exit::Done)
    }

    fn replay_capture(&mut self, terminal: &Terminal, pace: &mut Pace, from_s: f64, name: &str) -> Result<(), Failure> {
        let path = self.run.join("captures").join(format!("{name}.json"));
        if !path.is_file() {
            return Ok(());
        }
        let (_, mut source) = header::open(&path).map_err(damaged)?;
        let mut block = Block::empty();
        while source.next_block(&mut block).map_err(damaged)? {
            self.live.samples(&block);
            if pace.due(from_s + block.t_s.last().copied().unwrap_or_default()) {
                self.show(terminal, true);
            }
        }
        Ok(())
    }

    fn show(&self, terminal: &Terminal, again: bool) {
        if terminal.json {
            let live = &self.live;
            let document = json!({"schema": "watch/1", "run": live.run, "simulated": live.simulated, "done": live.done,
                                  "planned": live.planned, "left_s": live.left_s, "bench_time_s": live.t_s,
                                  "ended": live.ended, "criteria": live.criteria});
            terminal.answer(&format!("{document:#}\n"));
            return;
        }
        match terminal.screen() {
            // Home, the frame, and nothing left below it.
            Some(width) if again => {
                let frame = self.live.frame(width, terminal.styled());
                terminal.answer(&format!("\u{1b}[H\u{1b}[J{frame}"));
            }
            Some(width) => terminal.answer(&self.live.frame(width, terminal.styled())),
            // A log wants lines, which `take` has given, and the state at the end.
            None if again && self.live.ended.is_none() => {}
            None => terminal.answer(&self.live.frame(COLUMNS, false)),
        }
    }
}

fn damaged(error: ReadError) -> Failure {
    Failure { exit: Exit::Integrity, message: error.to_string() }
}

/// Shows at most one screen a look, whatever the speed.
struct Pace {
    speed: f64,
    shown_s: f64,
}

impl Pace {
    /// Sleeps where a screen is due at this run time, s; false where the last is too near.
    fn due(&mut self, t_s: f64) -> bool {
        if (t_s - self.shown_s) / self.speed < LOOK.as_secs_f64() {
            return false;
        }
        thread::sleep(LOOK);
        self.shown_s += LOOK.as_secs_f64() * self.speed;
        true
    }
}
