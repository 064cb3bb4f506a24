//! Firmware of a simulated balance: MT-SICS level 0 and 1.
//!
//! `S`, `Z` and `T` hold their answer until the weight is stable, or say `I` when it never is; `SIR` sends no faster than
//! the line carries, `SR` when the weight has changed. Forces become weights by standard gravity, so its calibration
//! stands at 1. Display and keys answer and do nothing: nobody stands before it.

use crate::{
    config::gauge::Gauge,
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
const ANSWER_AFTER: Duration = Duration::from_millis(5);
/// Between two looks whether the weight is stable.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A weight that is not stable by then never will be.
const STABLE_BY: Duration = Duration::from_secs(10);
/// Mean over which a weight is taken.
const WINDOW_MS: usize = 20;
/// Differences over half a second, in steps, that count as stable.
const STABLE_STEPS: f64 = 3.0;
/// What is a change of weight: so many steps, and this share of the weight that was told last.
const CHANGE_STEPS: f64 = 30.0;
const CHANGE_SHARE: f64 = 0.125;
/// Bytes of a line with a weight.
const LINE_BYTES: u64 = 18;
/// Most commands of the list that I0 sends.
const COMMANDS: [(u8, &str); 20] = [
    (0, "I0"),
    (0, "I1"),
    (0, "I2"),
    (0, "I3"),
    (0, "I4"),
    (0, "I5"),
    (0, "S"),
    (0, "SI"),
    (0, "SIR"),
    (0, "Z"),
    (0, "ZI"),
    (0, "@"),
    (1, "D"),
    (1, "DW"),
    (1, "K"),
    (1, "SR"),
    (1, "T"),
    (1, "TA"),
    (1, "TAC"),
    (1, "TI"),
];

/// A simulated balance.
#[derive(Debug)]
pub struct BalanceFirmware {
    meter: Meter,
    desk: Desk,
    gauge: Gauge,
    tare: f64,
    /// The command that waits for a stable weight, when it looks next, and until when.
    waiting: Option<(Held, RunTime, RunTime)>,
    repeat: Option<RunTime>,
    repeat_period: Duration,
    /// The weight that was told last, while changes are told.
    told: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Weight,
    /// The weight, and every change of it from then on.
    Changes,
    /// A change of the weight that was told last.
    Change,
    Zero,
    Tare,
}

impl BalanceFirmware {
    /// A balance with these settings over a channel of this scale, N a count, that repeats this many weights a second as
    /// far as a line of this speed carries them.
    pub fn new(gauge: &Gauge, n_per_count: f64, rate_hz: f64, baud: u32) -> Self {
        let on_the_line = Duration::from_nanos(10_000_000_000 * LINE_BYTES / u64::from(baud.max(1)));
        Self {
            meter: Meter::new(n_per_count, WINDOW_MS, gauge),
            desk: Desk::new(),
            gauge: gauge.clone(),
            tare: 0.0,
            waiting: None,
            repeat: None,
            repeat_period: Duration::from_secs_f64(1.0 / rate_hz.max(0.1)).max(on_the_line),
            told: None,
        }
    }

    fn step(&self) -> f64 {
        // Balances step in decades.
        10_f64.powf((self.gauge.resolution_n / self.gauge.unit.newtons()).log10().round())
    }

    fn stable(&self) -> bool {
        self.meter.stable(STABLE_STEPS * self.step() * self.gauge.unit.newtons())
    }

    fn gross(&self) -> f64 {
        self.meter.force_n() / self.gauge.unit.newtons()
    }

    fn number(&self, weight: f64) -> String {
        format!("{:>10} {}", in_steps(weight, self.step()), self.gauge.unit.name())
    }

    fn weight(&self) -> String {
        match (self.meter.saturated(), self.gross() >= 0.0) {
            (true, true) => "S +".to_owned(),
            (true, false) => "S -".to_owned(),
            (false, _) => {
                let status = if self.stable() { "S" } else { "D" };
                format!("S {status} {}", self.number(self.gross() - self.tare))
            }
        }
    }

    fn say(&mut self, now: RunTime, text: &str) {
        self.desk.answer(now + ANSWER_AFTER, text);
    }

    fn hold(&mut self, now: RunTime, held: Held) {
        self.waiting = Some((held, now, now + STABLE_BY));
        self.look(now);
    }

    /// Answers what waits for a stable weight, where it is one or never will be.
    fn look(&mut self, now: RunTime) {
        let Some((held, _, until)) = self.waiting else { return };
        if held == Held::Change {
            return self.look_for_change(now);
        }
        let name = match held {
            Held::Weight | Held::Changes | Held::Change => "S",
            Held::Zero => "Z",
            Held::Tare => "T",
        };
        let text = if self.meter.saturated() {
            format!("{name} {}", if self.gross() >= 0.0 { "+" } else { "-" })
        } else if self.stable() {
            match held {
                Held::Weight | Held::Changes | Held::Change => self.weight(),
                Held::Zero => {
                    self.meter.zero();
                    self.tare = 0.0;
                    "Z A".to_owned()
                }
                Held::Tare => {
                    self.tare = self.gross();
                    format!("T S {}", self.number(self.tare))
                }
            }
        } else if now >= until {
            format!("{name} I")
        } else {
            self.waiting = Some((held, now + LOOK_EVERY, until));
            return;
        };
        self.waiting = None;
        self.say(now, &text);
        if held == Held::Changes {
            self.told = Some(self.gross() - self.tare);
            self.waiting = Some((Held::Change, now + LOOK_EVERY, now));
        }
    }

    /// A change is told at once, and the weight once more when it is stable.
    fn look_for_change(&mut self, now: RunTime) {
        let (told, net) = (self.told.unwrap_or_default(), self.gross() - self.tare);
        if (net - told).abs() <= (CHANGE_SHARE * told.abs()).max(CHANGE_STEPS * self.step()) {
            self.waiting = Some((Held::Change, now + LOOK_EVERY, now));
            return;
        }
        let text = self.weight();
        self.say(now, &text);
        if self.stable() {
            self.told = Some(net);
            self.waiting = Some((Held::Change, now + LOOK_EVERY, now));
        } else {
            self.waiting = Some((Held::Changes, now + LOOK_EVERY, now + STABLE_BY));
        }
    }

    fn obey(&mut self, now: RunTime, command: &str) {
        if matches!(command, "S" | "SI" | "SIR" | "SR" | "@") {
            (self.repeat, self.waiting) = (None, None);
        }
        let dynamic = |stable: bool| if stable { "S" } else { "D" };
        let text = match command {
            "S" => return self.hold(now, Held::Weight),
            "SR" => return self.hold(now, Held::Changes),
            "ZI" | "TI" if self.meter.saturated() => {
                format!("{command} {}", if self.gross() >= 0.0 { "+" } else { "-" })
            }
            "DW" => "DW A".to_owned(),
            "Z" => return self.hold(now, Held::Zero),
            "T" => return self.hold(now, Held::Tare),
            "SI" => self.weight(),
            "SIR" => {
                self.repeat = Some(now + self.repeat_period);
                self.weight()
            }
            "ZI" => {
                let status = dynamic(self.stable());
                self.meter.zero();
                self.tare = 0.0;
                format!("ZI {status}")
            }
            "TI" => {
                self.tare = self.gross();
                format!("TI {} {}", dynamic(self.stable()), self.number(self.tare))
            }
            "TA" => format!("TA A {}", self.number(self.tare)),
            "TAC" => {
                self.tare = 0.0;
                "TAC A".to_owned()
            }
            "I0" => {
                for (index, (level, name)) in COMMANDS.iter().enumerate() {
                    let last = index + 1 == COMMANDS.len();
                    self.say(now, &format!("I0 {} {level} \"{name}\"", if last { "A" } else { "B" }));
                }
                return;
            }
            "I1" => "I1 A \"01\" \"2.30\" \"2.20\"".to_owned(),
            "I2" => format!("I2 A \"SIM-1203 Simulated {}\"", self.number(1210.0).trim()),
            "I3" => "I3 A \"1.10 18.6.4.1361.772\"".to_owned(),
            "I4" => "I4 A \"B021002593\"".to_owned(),
            "I5" => "I5 A \"12121306C\"".to_owned(),
            "@" => {
                self.meter.unzero();
                self.tare = 0.0;
                "I4 A \"B021002593\"".to_owned()
            }
            _ => self.with_parameters(command),
        };
        self.say(now, &text);
    }

    fn with_parameters(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_ascii_whitespace().collect();
        match words[..] {
            ["TA", number, unit] => match number.parse::<f64>() {
                Ok(tare) if unit == self.gauge.unit.name() && tare.is_finite() => {
                    self.tare = tare;
                    format!("TA A {}", self.number(tare))
                }
                _ => "TA L".to_owned(),
            },
            ["D", ..] if command.starts_with("D \"") && command.ends_with('"') && command.len() > 3 => "D A".to_owned(),
            ["K", "1" | "2" | "3" | "4"] => "K A".to_owned(),
            [known, ..] if COMMANDS.iter().any(|(_, name)| *name == known) => format!("{known} L"),
            _ => "ES".to_owned(),
        }
    }
}

impl Firmware for BalanceFirmware {
    fn receive(&mut self, now: RunTime, bytes: &[u8], world: &mut World) {
        self.wake(now, world);
        for command in self.desk.commands(bytes) {
            self.obey(now, &command);
        }
    }

    fn wake(&mut self, now: RunTime, world: &mut World) {
        self.meter.follow(world);
        if self.waiting.is_some_and(|(_, at, _)| at <= now) {
            self.look(now);
        }
        self.desk.follow(now);
        if let Some(due) = self.repeat.filter(|due| *due <= now) {
            let text = self.weight();
            self.desk.answer(now, &text);
            self.desk.follow(now);
            self.repeat = Some(due + self.repeat_period);
        }
    }

    fn next_wake(&self) -> Option<RunTime> {
        let looks = self.waiting.map(|(_, at, _)| at);
        [self.desk.next(), looks, self.repeat].into_iter().flatten().min()
    }

    fn restart(&mut self, now: RunTime, _world: &mut World) {
        self.desk = Desk::new();
        self.tare = 0.0;
        self.obey(now, "@");
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        self.desk.transmit(out);
    }
}
