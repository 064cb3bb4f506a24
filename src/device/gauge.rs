//! What all gauges share: one question at a time ([`super::lines`]), whole lines, and times of readings.
//!
//! These protocols have no ids: a late answer looks like the answer to the next question. What makes the order certain
//! again is silence and part 0 of the identity, whose answer cannot be a reading. What a gauge says, and what its lines
//! mean, is its [`Dialect`].
//!
//! Invariants: a reading comes of a whole line that began after the line was known to be at a line's beginning; a number
//! that is not a force in the configured unit ends the run.
//! Deliberately absent: settings of the gauge. What somebody set at its keys is reported, not undone.

use super::{
    DeviceFault, ForceDaq, ForceSample, Identity, Session, Tie,
    arrival::Arrivals,
    lines::{Lines, Recovery, Request},
};
use crate::{
    config::gauge::{Compression, Gauge, Output},
    link::Role,
    time::RunTime,
    wire::line::LineSplitter,
};
use std::time::Duration;

/// Counts of a newton by the gauge's own reckoning.
pub const COUNTS_PER_N: f64 = 1e6;
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
    splitter: LineSplitter,
    /// Whether the next line is a whole one.
    at_line_start: bool,
    lines: Lines<Ask>,
    stream: Option<Stream>,
    identity: Option<Identity>,
    samples: Vec<ForceSample>,
    lost: u64,
    overloaded: bool,
    fault: Option<DeviceFault>,
    bad: u64,
    bad_in_a_row: u32,
    /// What a banner, and what was on its way when the port was opened, left of lines not understood and of strays.
    damage_before: (u64, u64),
}

impl<D: Dialect> GaugeSession<D> {
    /// A session that has sent nothing.
    pub fn new(dialect: D, settings: Gauge) -> Self {
        let end = request(&dialect, Ask::End).bytes;
        let probe = request(&dialect, Ask::Identity(0));
        let recovery = if D::QUIET { Recovery::Silence(end, probe) } else { Recovery::None(end) };
        Self {
            dialect,
            settings,
            splitter: LineSplitter::new(D::LINE_BYTES_MAX),
            at_line_start: false,
            lines: Lines::new(Role::Force, recovery),
            stream: None,
            identity: None,
            samples: Vec::new(),
            lost: 0,
            overloaded: false,
            fault: None,
            bad: 0,
            bad_in_a_row: 0,
            damage_before: (0, 0),
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

    fn ask(&mut self, now: RunTime, ask: Ask) {
        self.lines.request(now, request(&self.dialect, ask));
    }

    /// Lines not understood, and lines that answered nothing.
    fn damaged(&self) -> (u64, u64) {
        (self.bad + self.splitter.dropped().lines, self.lines.strays())
    }

    fn take_line(&mut self, at: RunTime, line: &[u8]) {
        let ask = self.lines.pending().copied();
        let heard = self.dialect.hear(ask, line);
        if !matches!(heard, Heard::Bad(_)) {
            self.bad_in_a_row = 0;
        }
        match heard {
            Heard::Force(force_n, clock_s) => self.take_force(at, force_n, clock_s),
            Heard::More => self.lines.goes_on(at),
            Heard::Answer => self.take_answer(at),
            Heard::Overload => {
                self.overloaded = true;
                if matches!(ask, Some(Ask::Reading | Ask::Begin(_))) {
                    self.lines.answered(at);
                }
            }
            Heard::Refused(reason) => {
                let command = ask.map_or_else(|| "what was not asked".to_owned(), |ask| self.dialect.name(ask));
                self.lines.answered(at);
                self.fail(DeviceFault::Refused { role: Role::Force, command, reason });
            }
            Heard::Failed(reason) => self.failed(reason),
            Heard::Wrong(found) => self.fail(DeviceFault::WrongDevice { role: Role::Force, found }),
            Heard::Stray => self.lines.stray(),
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
        let Some((Request { purpose: ask, .. }, _)) = self.lines.answered(at) else { return };
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
    }

    fn take_force(&mut self, at: RunTime, force_n: f64, clock_s: Option<f64>) {
        let by_itself = self.by_itself();
        match self.lines.pending() {
            Some(Ask::Reading) if !by_itself => {
                let Some((_, asked)) = self.lines.answered(at) else { return };
                let window = at.since(asked);
                // Measured somewhere between question and answer (rectangular, GUM 4.3.7).
                let u = Duration::from_secs_f64(window.as_secs_f64() / 12.0_f64.sqrt());
                self.take_sample(asked + window / 2, u, force_n);
            }
            Some(Ask::Begin(_)) if by_itself => {
                self.lines.answered(at);
                self.place(at, force_n, clock_s);
            }
            None if by_itself && self.stream.is_some() => self.place(at, force_n, clock_s),
            _ if D::QUIET => self.lines.stray(),
            // A device that sends all the time does so before it is asked, too.
            _ => {}
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
}

fn request<D: Dialect>(dialect: &D, ask: Ask) -> Request<Ask> {
    let mut bytes = Vec::new();
    dialect.encode(ask, &mut bytes);
    Request { purpose: ask, name: dialect.name(ask), bytes, allowed: D::REPLY_WAIT, repeatable: true }
}

impl<D: Dialect> Session for GaugeSession<D> {
    fn receive(&mut self, at: RunTime, mut bytes: &[u8]) {
        self.lines.heard(at, bytes.len());
        let known = self.identity.is_some();
        let mut splitter = std::mem::replace(&mut self.splitter, LineSplitter::new(0));
        while let Some(line) = splitter.next_line(&mut bytes) {
            if self.lines.listening() {
                if self.lines.order_is_lost() {
                    self.lines.stray();
                }
            } else if std::mem::replace(&mut self.at_line_start, true) {
                self.take_line(at, line);
            }
        }
        self.splitter = splitter;
        if !known && self.identity.is_some() {
            self.damage_before = self.damaged();
        }
    }

    fn tick(&mut self, now: RunTime) {
        let listened = self.lines.listening();
        if let Some(fault) = self.lines.tick(now) {
            self.stream = None;
            self.fail(fault);
        }
        if listened && !self.lines.listening() {
            self.splitter.clear();
            self.at_line_start = true;
        }
        let (by_itself, idle) = (self.by_itself(), !self.lines.busy());
        if let Some(stream) = self.stream.as_mut().filter(|stream| !by_itself && idle && stream.due <= now) {
            let late = now.since(stream.due).as_nanos() / stream.period.as_nanos().max(1);
            self.lost += late as u64;
            stream.due = stream.due + stream.period * (late as u32 + 1);
            self.ask(now, Ask::Reading);
        }
    }

    fn next_tick(&self) -> Option<RunTime> {
        if self.lines.busy() {
            return self.lines.next_tick();
        }
        self.stream.as_ref().filter(|_| !self.by_itself()).map(|stream| stream.due)
    }

    fn transmit(&mut self) -> Option<(Vec<u8>, bool)> {
        self.lines.transmit()
    }

    fn busy(&self) -> bool {
        self.lines.busy() && self.lines.pending() != Some(&Ask::Reading)
    }

    fn take_fault(&mut self) -> Option<DeviceFault> {
        self.fault.take()
    }

    fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    fn identify(&mut self, now: RunTime) {
        self.stream = None;
        self.lines.end(now);
        (0..self.dialect.identity_parts()).for_each(|part| self.ask(now, Ask::Identity(part)));
    }

    fn damage(&self) -> String {
        let (bad, strays) = self.damaged();
        match (bad - self.damage_before.0, strays - self.damage_before.1) {
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
            self.ask(now, Ask::Begin(sample_rate_hz.round() as u32));
        }
    }

    fn end(&mut self, now: RunTime) {
        if self.stream.take().is_some() && self.by_itself() {
            self.lines.end(now);
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
