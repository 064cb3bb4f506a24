//! What all gauges share: one question at a time, lines in and out, times of readings, and a line that is quiet again
//! before it is trusted after a silence.
//!
//! These protocols have no ids: a late answer looks like the answer to the next question. So after a time-out the line
//! is listened to until it is quiet, and a question whose answer cannot be a reading comes first. What a gauge says, and
//! what its lines mean, is its [`Dialect`].
//!
//! Invariants: a reading comes of a whole line that began after the line was known to be at a line's beginning; a number
//! that is not a force in the configured unit ends the run.
//! Deliberately absent: settings of the gauge. What somebody set at its keys is reported, not undone.

use super::{DeviceFault, ForceDaq, ForceSample, Identity, Session, Tie, arrival::Arrivals};
use crate::{
    config::gauge::{Compression, Gauge, Output},
    link::Role,
    time::RunTime,
    wire::line::LineSplitter,
};
use std::{collections::VecDeque, time::Duration};

/// Counts of a newton by the gauge's own reckoning.
pub const COUNTS_PER_N: f64 = 1e6;
/// Attempts before a device counts as silent.
const ATTEMPTS_MAX: u32 = 3;
/// A line that said nothing for so long is quiet: longer than the period of the slowest stream.
const QUIET: Duration = Duration::from_millis(120);
/// A line that is not quiet by then never will be.
const QUIET_BY: Duration = Duration::from_millis(1500);
/// Lines in a row that nobody understands: another baud rate, or another device.
const BAD_LINES_MAX: u32 = 12;

/// What a gauge is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Part of its identity, by number.
    Identity(usize),
    /// One reading.
    Reading,
    /// Readings by itself, this many a second.
    Begin(u32),
    /// No more readings by itself.
    End,
}

/// What a line was.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A force, N, by the gauge's own sign, and the time by its own clock, s.
    Force(f64, Option<f64>),
    /// A line of an answer that goes on.
    More,
    /// The last line of an answer.
    Answer,
    /// The load is beyond the range.
    Overload,
    /// The gauge refuses what was asked.
    Refused(String),
    /// The gauge works otherwise than it must; the run ends.
    Failed(String),
    /// Another device.
    Wrong(String),
    /// Something that answers nothing that was asked.
    Stray,
    /// Nothing that can be understood.
    Bad(String),
}

/// The words of one kind of gauge.
pub trait Dialect {
    /// Longest line, bytes.
    const LINE_BYTES_MAX: usize;
    /// Time allowed for one answer.
    const REPLY_WAIT: Duration;
    /// Whether the line is quiet unless something was asked; else it sends all the time.
    const QUIET: bool;

    /// Parts of the identity.
    fn identity_parts(&self) -> usize;
    /// Appends the bytes of a question; none where it needs none.
    fn encode(&self, ask: Ask, wire: &mut Vec<u8>);
    /// The name of a question in messages.
    fn name(&self, ask: Ask) -> String;
    /// Understands a line while `ask` is pending.
    fn hear(&mut self, ask: Option<Ask>, line: &[u8]) -> Heard;
    /// Who it said that it is; called when all parts were answered.
    fn identity(&self) -> Identity;
}

struct Pending {
    ask: Ask,
    asked: RunTime,
    deadline: RunTime,
}

/// Until the line is quiet.
struct Drain {
    quiet_at: RunTime,
    give_up: RunTime,
    /// After a silence: what comes now is late, and counted.
    suspect: bool,
}

struct Stream {
    period: Duration,
    /// When the next reading is to be asked for, where it must be asked for.
    due: RunTime,
    arrivals: Arrivals,
}

/// Session with a gauge.
pub struct GaugeSession<D> {
    dialect: D,
    settings: Gauge,
    lines: LineSplitter,
    /// Whether the next line is a whole one.
    at_line_start: bool,
    outbox: VecDeque<Vec<u8>>,
    queue: VecDeque<Ask>,
    pending: Option<Pending>,
    drain: Option<Drain>,
    stream: Option<Stream>,
    identity: Option<Identity>,
    samples: Vec<ForceSample>,
    lost: u64,
    overloaded: bool,
    fault: Option<DeviceFault>,
    failures: u32,
    bytes_received: u64,
    bad: u64,
    dropped_before: u64,
    bad_in_a_row: u32,
    strays: u64,
}

impl<D: Dialect> GaugeSession<D> {
    /// A session that has sent nothing.
    pub fn new(dialect: D, settings: Gauge) -> Self {
        Self {
            dialect,
            settings,
            lines: LineSplitter::new(D::LINE_BYTES_MAX),
            at_line_start: false,
            outbox: VecDeque::new(),
            queue: VecDeque::new(),
            pending: None,
            drain: None,
            stream: None,
            identity: None,
            samples: Vec::new(),
            lost: 0,
            overloaded: false,
            fault: None,
            failures: 0,
            bytes_received: 0,
            bad: 0,
            dropped_before: 0,
            bad_in_a_row: 0,
            strays: 0,
        }
    }

    fn fail(&mut self, fault: DeviceFault) {
        self.fault.get_or_insert(fault);
    }

    fn failed(&mut self, reason: String) {
        self.fail(DeviceFault::Failed { role: Role::Force, reason });
    }

    fn by_itself(&self) -> bool {
        self.settings.output == Output::Auto
    }

    /// Sends the next question, where none is pending.
    fn go_on(&mut self, now: RunTime) {
        if self.pending.is_some() || self.drain.is_some() {
            return;
        }
        let Some(ask) = self.queue.pop_front() else { return };
        let mut wire = Vec::new();
        self.dialect.encode(ask, &mut wire);
        if !wire.is_empty() {
            self.outbox.push_back(wire);
        }
        match ask {
            // Nothing answers the end of a stream but silence.
            Ask::End if D::QUIET => {
                self.at_line_start = false;
                let suspect = self.failures > 0;
                self.drain = Some(Drain { quiet_at: now + QUIET, give_up: now + QUIET_BY, suspect });
            }
            Ask::End => self.go_on(now),
            _ => self.pending = Some(Pending { ask, asked: now, deadline: now + D::REPLY_WAIT }),
        }
    }

    fn take_line(&mut self, at: RunTime, line: &[u8]) {
        let ask = self.pending.as_ref().map(|pending| pending.ask);
        let heard = self.dialect.hear(ask, line);
        if !matches!(heard, Heard::Bad(_)) {
            self.bad_in_a_row = 0;
        }
        match heard {
            Heard::Force(force_n, clock_s) => self.take_force(at, force_n, clock_s),
            Heard::More => {
                if let Some(pending) = &mut self.pending {
                    pending.deadline = at + D::REPLY_WAIT;
                }
            }
            Heard::Answer => self.take_answer(at),
            Heard::Overload => {
                self.overloaded = true;
                self.pending.take_if(|pending| matches!(pending.ask, Ask::Reading | Ask::Begin(_)));
            }
            Heard::Refused(reason) => {
                let command = ask.map_or_else(|| "what was not asked".to_owned(), |ask| self.dialect.name(ask));
                self.pending = None;
                self.fail(DeviceFault::Refused { role: Role::Force, command, reason });
            }
            Heard::Failed(reason) => self.failed(reason),
            Heard::Wrong(found) => self.fail(DeviceFault::WrongDevice { role: Role::Force, found }),
            Heard::Stray => self.strays += 1,
            Heard::Bad(reason) => {
                self.bad += 1;
                self.bad_in_a_row += 1;
                if self.bad_in_a_row == BAD_LINES_MAX {
                    self.failed(format!("{BAD_LINES_MAX} lines in a row cannot be understood; the last: {reason}"));
                }
            }
        }
    }

    fn take_answer(&mut self, at: RunTime) {
        let Some(Pending { ask, .. }) = self.pending.take() else { return };
        self.failures = 0;
        if ask == Ask::Identity(self.dialect.identity_parts() - 1) {
            let identity = self.dialect.identity();
            let named =
                |wanted: &&String| ![&identity.model, &identity.serial].iter().any(|text| text.contains(*wanted));
            if let Some(wanted) = self.settings.identity.as_ref().filter(named) {
                let found = format!("{}, serial {}; wanted is {wanted:?}", identity.model, identity.serial);
                self.fail(DeviceFault::WrongDevice { role: Role::Force, found });
            }
            self.identity = Some(identity);
        }
        self.go_on(at);
    }

    fn take_force(&mut self, at: RunTime, force_n: f64, clock_s: Option<f64>) {
        let by_itself = self.by_itself();
        match self.pending.as_ref().map(|pending| (pending.ask, pending.asked)) {
            Some((Ask::Reading, asked)) if !by_itself => {
                (self.pending, self.failures) = (None, 0);
                let window = at.since(asked);
                // Measured somewhere between question and answer (rectangular, GUM 4.3.7).
                let u = Duration::from_secs_f64(window.as_secs_f64() / 12.0_f64.sqrt());
                self.take_sample(asked + window / 2, u, force_n);
            }
            Some((Ask::Begin(_), _)) if by_itself => {
                (self.pending, self.failures) = (None, 0);
                self.place(at, force_n, clock_s);
            }
            None if by_itself && self.stream.is_some() => self.place(at, force_n, clock_s),
            // A device that sends all the time does so before it is asked, too.
            _ => self.strays += u64::from(D::QUIET),
        }
    }

    fn place(&mut self, at: RunTime, force_n: f64, clock_s: Option<f64>) {
        let Some(stream) = &mut self.stream else { return };
        match stream.arrivals.place(at, clock_s) {
            Some(placed) => {
                self.lost += placed.lost;
                self.take_sample(placed.at, placed.u, force_n);
            }
            None => self.failed("its clock stood still or went back; samples cannot be ordered".to_owned()),
        }
    }

    fn take_sample(&mut self, at: RunTime, u: Duration, force_n: f64) {
        let sign = if self.settings.compression == Compression::Negative { -1.0 } else { 1.0 };
        let counts = (sign * force_n * COUNTS_PER_N).round();
        if counts.abs() >= f64::from(i32::MAX) {
            self.overloaded = true;
            return;
        }
        let delay_ns = (self.settings.delay_ms * 1e6) as u64;
        let at = RunTime::from_nanos(at.as_nanos().saturating_sub(delay_ns));
        self.samples.push(ForceSample { force_counts: counts as i32, tie: Tie::Separate { at, u } });
    }

    fn time_out(&mut self, now: RunTime, ask: Ask) {
        self.failures += 1;
        if self.failures >= ATTEMPTS_MAX {
            self.queue.clear();
            self.stream = None;
            let (command, waited, bytes) = (self.dialect.name(ask), D::REPLY_WAIT, self.bytes_received);
            let attempts = self.failures;
            return self.fail(DeviceFault::Silent { role: Role::Force, command, waited, attempts, bytes });
        }
        self.queue.push_front(ask);
        if D::QUIET {
            if !matches!(ask, Ask::Identity(_)) {
                self.queue.push_front(Ask::Identity(0));
            }
            self.queue.push_front(Ask::End);
        }
        self.go_on(now);
    }
}

impl<D: Dialect> Session for GaugeSession<D> {
    fn receive(&mut self, at: RunTime, mut bytes: &[u8]) {
        self.bytes_received += bytes.len() as u64;
        let known = self.identity.is_some();
        let mut lines = std::mem::replace(&mut self.lines, LineSplitter::new(0));
        while let Some(line) = lines.next_line(&mut bytes) {
            if let Some(drain) = &self.drain {
                self.strays += u64::from(drain.suspect);
            } else if std::mem::replace(&mut self.at_line_start, true) {
                self.take_line(at, line);
            }
        }
        self.lines = lines;
        if !known && self.identity.is_some() {
            // A banner, and what was on its way when the port was opened, is no damage.
            (self.bad, self.strays, self.dropped_before) = (0, 0, self.lines.dropped().lines);
        }
        if let Some(drain) = &mut self.drain {
            drain.quiet_at = at + QUIET;
        }
    }

    fn tick(&mut self, now: RunTime) {
        if let Some(drain) = &self.drain {
            if drain.quiet_at <= now {
                self.drain = None;
                self.lines.clear();
                self.at_line_start = true;
                self.go_on(now);
            } else if drain.give_up <= now {
                self.drain = None;
                self.queue.clear();
                self.failed("it goes on sending though nothing was asked; end its output at its keys".to_owned());
            }
            return;
        }
        if let Some(pending) = self.pending.take_if(|pending| pending.deadline <= now) {
            return self.time_out(now, pending.ask);
        }
        let by_itself = self.by_itself();
        let idle = self.pending.is_none() && self.queue.is_empty();
        if let Some(stream) = self.stream.as_mut().filter(|stream| !by_itself && idle && stream.due <= now) {
            let late = now.since(stream.due).as_nanos() / stream.period.as_nanos().max(1);
            self.lost += late as u64;
            stream.due = stream.due + stream.period * (late as u32 + 1);
            self.queue.push_back(Ask::Reading);
            self.go_on(now);
        }
    }

    fn next_tick(&self) -> Option<RunTime> {
        match (&self.drain, &self.pending) {
            (Some(drain), _) => Some(drain.quiet_at.min(drain.give_up)),
            (None, Some(pending)) => Some(pending.deadline),
            (None, None) => self.stream.as_ref().filter(|_| !self.by_itself()).map(|stream| stream.due),
        }
    }

    fn transmit(&mut self) -> Option<(Vec<u8>, bool)> {
        self.outbox.pop_front().map(|bytes| (bytes, false))
    }

    fn busy(&self) -> bool {
        let question = self.pending.as_ref().is_some_and(|pending| pending.ask != Ask::Reading);
        question || self.drain.is_some() || !self.queue.is_empty()
    }

    fn take_fault(&mut self) -> Option<DeviceFault> {
        self.fault.take()
    }

    fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    fn identify(&mut self, now: RunTime) {
        self.stream = None;
        self.queue.push_back(Ask::End);
        self.queue.extend((0..self.dialect.identity_parts()).map(Ask::Identity));
        self.go_on(now);
    }

    fn damage(&self) -> String {
        let dropped = self.lines.dropped().lines - self.dropped_before;
        match (self.bad + dropped, self.strays) {
            (0, 0) => String::new(),
            (bad, strays) => format!("{bad} lines not understood, {strays} answered nothing pending"),
        }
    }
}

impl<D: Dialect> ForceDaq for GaugeSession<D> {
    fn start(&mut self, now: RunTime, sample_rate_hz: f64) {
        (self.lost, self.overloaded) = (0, false);
        self.samples.clear();
        let period = Duration::from_secs_f64(1.0 / sample_rate_hz);
        self.stream = Some(Stream { period, due: now, arrivals: Arrivals::new(period) });
        if self.by_itself() {
            self.queue.push_back(Ask::Begin(sample_rate_hz.round() as u32));
            self.go_on(now);
        }
    }

    fn end(&mut self, now: RunTime) {
        if self.stream.take().is_some() && self.by_itself() {
            self.queue.push_back(Ask::End);
            self.go_on(now);
        }
    }

    fn period_us(&self) -> Option<u32> {
        self.stream.as_ref().map(|stream| stream.period.as_micros() as u32)
    }

    fn drain(&mut self, samples: &mut Vec<ForceSample>) {
        samples.append(&mut self.samples);
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn overloaded(&self) -> bool {
        self.overloaded
    }
}
