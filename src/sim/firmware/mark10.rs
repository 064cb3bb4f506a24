//! Firmware of a simulated Mark-10 Series 5 gauge ("GCL2" command set).
//!
//! Set commands are answered by silence, refused ones by `*10` and its like, as the user guide has it; what it does at
//! its keys (unit) it does on command too.

use crate::{
    config::gauge::{ForceUnit, Gauge},
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

/// Between a command and its answer.
const ANSWER_AFTER: Duration = Duration::from_millis(3);
/// Mean over which a reading is taken (FLTC8 at the converter's pace).
const WINDOW_MS: usize = 8;
/// Most readings a second by itself.
const RATE_MAX: u32 = 250;

/// What the display shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Current,
    PeakCompression,
    PeakTension,
}

/// Set commands that change nothing of what a simulated gauge does: filters, power-off, memory, direction, outputs.
const WITHOUT_EFFECT: [&str; 7] = ["FLTC", "FLTP", "AOFF", "SAVE", "MIT", "POL", "B"];

/// A simulated gauge.
#[derive(Debug)]
pub struct Mark10Firmware {
    meter: Meter,
    desk: Desk,
    unit: ForceUnit,
    resolution_n: f64,
    with_unit: bool,
    shown: Shown,
    /// Largest and smallest reading, N: peaks.
    peaks_n: [f64; 2],
    period: Option<Duration>,
    due: RunTime,
}

impl Mark10Firmware {
    /// A gauge with these settings over a channel of this scale, N a count.
    pub fn new(gauge: &Gauge, n_per_count: f64) -> Self {
        Self {
            meter: Meter::new(n_per_count, WINDOW_MS, gauge),
            desk: Desk::new(),
            unit: gauge.unit,
            resolution_n: gauge.resolution_n,
            with_unit: true,
            shown: Shown::Current,
            peaks_n: [0.0; 2],
            period: None,
            due: RunTime::ZERO,
        }
    }

    fn reading(&self, force_n: f64) -> String {
        let newtons = self.unit.newtons();
        // The display of another unit has a step of about the same force, in decades.
        let step = if self.unit == ForceUnit::N {
            self.resolution_n
        } else {
            10_f64.powf((self.resolution_n / newtons).log10().floor())
        };
        let number = in_steps(force_n / newtons, step);
        if self.with_unit { format!("{number} {}", self.unit.name()) } else { number }
    }

    fn displayed(&self) -> String {
        match self.shown {
            Shown::Current if self.meter.saturated() => "OVER".to_owned(),
            Shown::Current => self.reading(self.meter.force_n()),
            Shown::PeakCompression => self.reading(self.peaks_n[0]),
            Shown::PeakTension => self.reading(self.peaks_n[1]),
        }
    }

    fn list(&self) -> String {
        let rate = self.period.map_or(0.0, |period| 1.0 / period.as_secs_f64());
        let (unit, units) = (self.unit.name().to_uppercase(), if self.with_unit { "FULL" } else { "NUM" });
        let shown = match self.shown {
            Shown::Current => "CUR",
            Shown::PeakCompression => "PC",
            Shown::PeakTension => "PT",
        };
        format!("V1.04;{unit};{shown};FLTC8;FLTP1;AOUT{rate:02.0};AOFF5;{units};MIT;POL;B0")
    }

    fn say(&mut self, now: RunTime, text: &str) {
        self.desk.answer(now + ANSWER_AFTER, text);
    }

    fn obey(&mut self, now: RunTime, command: &str) {
        let command = command.to_ascii_uppercase();
        let units = [
            ("N", ForceUnit::N),
            ("LB", ForceUnit::PoundForce),
            ("OZ", ForceUnit::OunceForce),
            ("G", ForceUnit::GramForce),
            ("KG", ForceUnit::KilogramForce),
            ("KN", ForceUnit::Kilonewton),
            ("MN", ForceUnit::Millinewton),
        ];
        if let Some((_, unit)) = units.iter().find(|(name, _)| *name == command) {
            self.unit = *unit;
            return;
        }
        if let Some(rate) = command.strip_prefix("AOUT") {
            return self.set_output(now, rate);
        }
        let answer = match command.as_str() {
            "?" => self.displayed(),
            "?C" if self.meter.saturated() => "OVER".to_owned(),
            "?C" => self.reading(self.meter.force_n()),
            // Its display shows no average, so there is none.
            "?A" | "A" => "*11".to_owned(),
            "?PC" => self.reading(self.peaks_n[0]),
            "?PT" => self.reading(self.peaks_n[1]),
            "RM" => "M5-2".to_owned(),
            "RN" => "Series 5".to_owned(),
            "RS" => "SIM-3456789".to_owned(),
            "RV" => "1.04".to_owned(),
            "LIST" => self.list(),
            "Z" => return self.meter.zero(),
            "CLR" => {
                self.peaks_n = [0.0; 2];
                return;
            }
            "CUR" => return self.shown = Shown::Current,
            "PC" => return self.shown = Shown::PeakCompression,
            "PT" => return self.shown = Shown::PeakTension,
            known if without_effect(known) => return,
            "FULL" | "NUM" => {
                self.with_unit = command == "FULL";
                return;
            }
            _ => "*10".to_owned(),
        };
        self.say(now, &answer);
    }

    fn set_output(&mut self, now: RunTime, rate: &str) {
        match rate.parse::<u32>() {
            Ok(0) => self.period = None,
            Ok(rate) if rate <= RATE_MAX => {
                let period = Duration::from_nanos(1_000_000_000 / u64::from(rate));
                (self.period, self.due) = (Some(period), now + period);
            }
            Ok(_) => self.say(now, "*22"),
            Err(_) => self.say(now, "*12"),
        }
    }
}

/// Whether it is one of [`WITHOUT_EFFECT`], alone or with its number.
fn without_effect(command: &str) -> bool {
    let numbers = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    WITHOUT_EFFECT.iter().any(|name| command.strip_prefix(name).is_some_and(numbers))
}

impl Firmware for Mark10Firmware {
    fn receive(&mut self, now: RunTime, bytes: &[u8], world: &mut World) {
        self.wake(now, world);
        for command in self.desk.commands(bytes) {
            self.obey(now, &command);
        }
    }

    fn wake(&mut self, now: RunTime, world: &mut World) {
        self.meter.follow(world);
        let force_n = self.meter.force_n();
        self.peaks_n = [self.peaks_n[0].max(force_n), self.peaks_n[1].min(force_n)];
        self.desk.follow(now);
        if let Some(period) = self.period.filter(|_| self.due <= now) {
            let text = if self.meter.saturated() { "OVER".to_owned() } else { self.reading(force_n) };
            self.desk.answer(now, &text);
            self.desk.follow(now);
            self.due = self.due + period;
        }
    }

    fn next_wake(&self) -> Option<RunTime> {
        [self.desk.next(), self.period.map(|_| self.due)].into_iter().flatten().min()
    }

    fn restart(&mut self, _now: RunTime, _world: &mut World) {
        self.desk = Desk::new();
        (self.with_unit, self.shown) = (true, Shown::Current);
        self.peaks_n = [0.0; 2];
        self.period = None;
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        self.desk.transmit(out);
    }
}
