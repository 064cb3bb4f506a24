//! Firmware of a simulated board that prints lines of numbers, in the columns that the rig file names.
//!
//! As an Arduino does: a banner, then lines at the pace of its own resonator, which is a little off.

use crate::{
    config::gauge::{Gauge, Line, Separator},
    sim::{
        firmware::{
            Firmware,
            gauge::{Desk, Meter, in_steps},
        },
        world::World,
    },
    time::RunTime,
};
use std::time::Duration;

/// From power to the first line.
const BOOT: Duration = Duration::from_millis(400);
/// Relative error of the board's clock (a ceramic resonator: 0.5 % at worst).
const CLOCK_ERROR: f64 = 0.001;
/// Mean over which a number is taken, as a share of the period.
const WINDOW_SHARE: f64 = 0.5;
const NAME: &str = "SIM-LINE 1.0";

/// A simulated board.
#[derive(Debug)]
pub struct LineFirmware {
    meter: Meter,
    desk: Desk,
    gauge: Gauge,
    line: Line,
    period: Duration,
    /// When the next line is due; `None` while it is told to be silent.
    due: Option<RunTime>,
}

impl LineFirmware {
    /// A board with these columns over a channel of this scale, N a count, that prints this many lines a second.
    pub fn new(gauge: &Gauge, line: &Line, n_per_count: f64, rate_hz: f64) -> Self {
        let period_s = 1.0 / rate_hz.max(0.1);
        let mut desk = Desk::new();
        desk.answer(RunTime::ZERO, &format!("{NAME} ready"));
        Self {
            meter: Meter::new(n_per_count, (WINDOW_SHARE * period_s * 1e3) as usize, gauge),
            desk,
            gauge: gauge.clone(),
            line: line.clone(),
            period: Duration::from_secs_f64(period_s / (1.0 + CLOCK_ERROR)),
            due: line.start.is_none().then_some(RunTime::ZERO + BOOT),
        }
    }

    fn print(&self, now: RunTime) -> String {
        let unit_n = self.gauge.unit.newtons() * self.line.scale.abs();
        let force = self.meter.force_n() * self.line.scale.signum();
        let mut columns = vec!["0".to_owned(); self.line.columns];
        columns[self.line.force] = in_steps(force / unit_n, self.gauge.resolution_n / unit_n);
        if let Some(clock) = &self.line.clock {
            let seconds = now.as_secs_f64() * (1.0 + CLOCK_ERROR);
            columns[clock.column] = format!("{:.0}", (seconds / clock.scale_s).floor());
        }
        columns.join(match self.line.separator {
            Separator::Comma => ",",
            Separator::Semicolon => ";",
            Separator::Whitespace => "\t",
        })
    }
}

impl Firmware for LineFirmware {
    fn receive(&mut self, now: RunTime, bytes: &[u8], world: &mut World) {
        self.wake(now, world);
        for command in self.desk.commands(bytes) {
            let is = |known: &Option<String>| known.as_ref() == Some(&command);
            if is(&self.line.start) {
                self.due = self.due.or(Some(now + self.period));
            } else if is(&self.line.stop) {
                self.due = None;
            } else if is(&self.line.ask) {
                self.desk.answer(now, NAME);
            }
        }
        self.desk.follow(now);
    }

    fn wake(&mut self, now: RunTime, world: &mut World) {
        self.meter.follow(world);
        self.desk.follow(now);
        if let Some(due) = self.due.filter(|due| *due <= now) {
            let text = self.print(now);
            self.desk.answer(now, &text);
            self.desk.follow(now);
            self.due = Some(due + self.period);
        }
    }

    fn next_wake(&self) -> Option<RunTime> {
        [self.desk.next(), self.due].into_iter().flatten().min()
    }

    fn restart(&mut self, now: RunTime, _world: &mut World) {
        self.desk = Desk::new();
        self.desk.answer(now, &format!("{NAME} ready"));
        self.due = self.line.start.is_none().then_some(now + BOOT);
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        self.desk.transmit(out);
    }
}
