//! Fault files (TOML): what goes wrong on the lines of a simulated bench, when, and for how long.
//!
//! The ids F01 to F30 are those of the list in `fixtures/faults/README.md`, where each has its required behaviour.
//! Invariant: a file, its seed and the seed of the world give the same faults at the same bytes, however time is cut.

use super::{Document, Problem};
use crate::units::within;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A fault file (`faults/1`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Always `faults/1`.
    pub schema: String,
    /// Seed of what the faults draw: windows, bits, noise. Default 1.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// The faults. Several at once on one message act in the order of the file.
    #[serde(default)]
    pub fault: Vec<Fault>,
}

fn default_seed() -> u64 {
    1
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its number in the fault list: `F01` to `F30`.
    pub id: String,
    /// Whose line it is on.
    pub device: Device,
    /// What happens.
    pub inject: Inject,
    /// Which way the messages go that it alters. Default: those to the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// When it begins. Default: with the run.
    #[serde(default)]
    pub when: When,
    /// How long it lasts. Default: to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Lasts>,
}

/// A device of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// The pen.
    Pen,
    /// The stage.
    Stage,
    /// The force device.
    Force,
}

impl Device {
    /// Name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pen => "pen",
            Self::Stage => "stage",
            Self::Force => "force device",
        }
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// What the device says.
    #[default]
    ToHost,
    /// What the host says.
    ToDevice,
}

/// What happens on the line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Inject {
    /// The message does not arrive.
    Drop,
    /// The message arrives late; later ones may overtake it.
    Delay {
        /// By how much, ms (0 to 60 000).
        ms: f64,
    },
    /// The message arrives twice.
    Repeat,
    /// One bit of the message is wrong.
    Flip,
    /// The message is cut off somewhere, its end is missing.
    Cut,
    /// As many bytes of noise arrive in place of the message.
    Garble,
    /// The message arrives byte by byte, each as a chunk of its own.
    Split,
    /// Messages arrive in bunches, as from an adapter with a latency timer.
    Bunch {
        /// Time from bunch to bunch, ms (0.1 to 1000).
        ms: f64,
    },
    /// Bytes of nobody arrive once, at the time of the fault.
    Insert(Bytes),
    /// Bytes of nobody arrive in front of each message.
    Interleave(Bytes),
    /// Text in a message is another; a Zaber checksum is made to fit.
    Replace {
        /// What stood there.
        from: String,
        /// What stands there now.
        to: String,
    },
    /// The checksum of a line (`:` and two digits) is missing.
    Unchecked,
    /// What the host sends comes back to it, besides going to the device.
    Echo,
    /// The time stamps of BENCH-LINK telemetry jump.
    Clock {
        /// By how much, µs, from then on (-4294967295 to 4294967295).
        us: i64,
    },
    /// The clock of the time stamps of BENCH-LINK telemetry goes at another rate, from its boot.
    Drift {
        /// How much faster, parts per million (-10 000 to 10 000).
        ppm: f64,
    },
    /// Nothing passes, either way.
    Silent,
    /// The device takes no bytes; what is sent waits in the line.
    Deaf,
    /// The supply of the device fails for a moment; it boots anew.
    Reboot,
    /// The port vanishes.
    Unplug {
        /// After how long it is there again, under the same name, s (0.01 to 3600). Default: never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        back_after_s: Option<f64>,
    },
    /// Another program holds the port.
    Busy,
    /// The cables of two devices are in each other's ports.
    Swap {
        /// The other device.
        with: Device,
    },
    /// The host stands still: nothing is read and nothing sent. Simulated benches in this process only.
    Pause {
        /// For how long, ms (1 to 60 000).
        ms: f64,
    },
}

/// Bytes, as text or in hexadecimal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bytes {
    /// As text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// In hexadecimal, as `ff 00 13`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
    /// How often they stand there in a row (1 to 100 000). Default 1.
    #[serde(default = "default_times")]
    pub times: u32,
}

fn default_times() -> u32 {
    1
}

impl Bytes {
    /// The bytes themselves; `None` where the description is not whole.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let once = match (&self.text, &self.hex) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(hex)) => {
                let digits: Vec<u8> = hex
                    .chars()
                    .filter(|c| !c.is_whitespace())
                    .map(|c| Some(c.to_digit(16)? as u8))
                    .collect::<Option<_>>()?;
                let pairs = digits.chunks(2).map(|pair| Some(pair.first()? << 4 | pair.get(1)?));
                pairs.collect::<Option<_>>()?
            }
            _ => return None,
        };
        (!once.is_empty()).then(|| once.repeat(self.times as usize))
    }
}

/// When a fault begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum When {
    /// With the run.
    #[default]
    Start,
    /// At this time, s since the bench was opened for the cartridge (0 to 86 400).
    AtS(f64),
    /// At a time between these two, drawn from the seed, s.
    BetweenS([f64; 2]),
    /// After so many messages in the fault's direction.
    AfterMessages(u64),
    /// When the bench first does this.
    Phase(Phase),
    /// So long after the bench first does this.
    PhasePlus {
        /// What the bench does.
        phase: Phase,
        /// How much later, s (0 to 3600).
        s: f64,
    },
}

/// What the simulated bench does, seen from the world and not from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// An axis of the stage moves.
    Moving,
    /// The phantom is in the plane of the pen's face, or beyond.
    Contact,
    /// The needles are held out.
    Extended,
    /// The pen strokes.
    Stroking,
}

/// How long a fault lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Lasts {
    /// So many messages in its direction.
    Messages(u64),
    /// So long, s (0.000001 to 86 400).
    S(f64),
}

impl Inject {
    /// Whether it acts on messages one by one, in one direction.
    pub fn is_of_messages(&self) -> bool {
        matches!(
            self,
            Self::Drop
                | Self::Delay { .. }
                | Self::Repeat
                | Self::Flip
                | Self::Cut
                | Self::Garble
                | Self::Split
                | Self::Bunch { .. }
                | Self::Insert(_)
                | Self::Interleave(_)
                | Self::Replace { .. }
                | Self::Unchecked
        )
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        let range = |key, unit, value, min, max| {
            within("value", unit, value, min, max).map(|_| ()).map_err(|error| (key, error.to_string()))
        };
        match self {
            Self::Delay { ms } => range("delay.ms", "ms", *ms, 0.0, 60_000.0),
            Self::Bunch { ms } => range("bunch.ms", "ms", *ms, 0.1, 1000.0),
            Self::Pause { ms } => range("pause.ms", "ms", *ms, 1.0, 60_000.0),
            Self::Unplug { back_after_s: Some(s) } => range("unplug.back_after_s", "s", *s, 0.01, 3600.0),
            Self::Clock { us } => range("clock.us", "µs", *us as f64, -4_294_967_295.0, 4_294_967_295.0),
            Self::Drift { ppm } => range("drift.ppm", "ppm", *ppm, -10_000.0, 10_000.0),
            Self::Insert(bytes) | Self::Interleave(bytes) => {
                range("times", "", f64::from(bytes.times), 1.0, 100_000.0)?;
                let message = "either `text` or `hex` (pairs of hexadecimal digits) must stand here, and hold a byte";
                bytes.bytes().map(|_| ()).ok_or_else(|| ("", message.to_owned()))
            }
            Self::Replace { from, .. } if from.is_empty() => {
                Err(("replace.from", "the text to be replaced is empty".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

impl Fault {
    fn check(&self) -> Result<(), (&'static str, String)> {
        let number =
            self.id.strip_prefix('F').filter(|digits| digits.len() == 2).and_then(|digits| digits.parse().ok());
        if !number.is_some_and(|number: u32| (1..=30).contains(&number)) {
            return Err(("id", format!("{:?} is not in the list; ids are F01 to F30", self.id)));
        }
        self.inject
            .check()
            .map_err(|(key, message)| ("inject", if key.is_empty() { message } else { format!("{key}: {message}") }))?;
        if self.direction.is_some() && !self.inject.is_of_messages() {
            return Err(("direction", "this fault concerns both directions; leave `direction` out".to_owned()));
        }
        match &self.inject {
            Inject::Swap { with } if *with == self.device => {
                return Err(("inject", "a device cannot be swapped with itself".to_owned()));
            }
            Inject::Swap { .. } | Inject::Busy if self.when != When::Start || self.lasts.is_some() => {
                return Err((
                    "when",
                    "a swapped or busy port is so from the start; leave `when` and `lasts` out".to_owned(),
                ));
            }
            Inject::Insert(_) | Inject::Reboot | Inject::Unplug { .. } | Inject::Pause { .. }
                if self.lasts.is_some() =>
            {
                return Err(("lasts", "this fault happens once; leave `lasts` out".to_owned()));
            }
            _ => {}
        }
        let span = |key, value, min, max| {
            within("value", "s", value, min, max).map(|_| ()).map_err(|error| (key, error.to_string()))
        };
        match self.when {
            When::AtS(s) => span("when", s, 0.0, 86_400.0)?,
            When::BetweenS([from, to]) if !(0.0 <= from && from < to && to <= 86_400.0) => {
                return Err((
                    "when",
                    format!("between {from} and {to} s is no window; wanted is 0 <= from < to <= 86400"),
                ));
            }
            When::PhasePlus { s, .. } => span("when", s, 0.0, 3600.0)?,
            _ => {}
        }
        match self.lasts {
            Some(Lasts::S(s)) => span("lasts", s, 1e-6, 86_400.0),
            Some(Lasts::Messages(0)) => Err(("lasts", "0 messages is no fault; at least 1".to_owned())),
            Some(Lasts::Messages(_)) if matches!(self.inject, Inject::Silent | Inject::Deaf) => {
                Err(("lasts", "no message passes while this lasts; give seconds: lasts = { s = 1.0 }".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

impl Document for Faults {
    const SCHEMA: &'static str = "faults/1";

    fn check(&self) -> Result<(), Problem> {
        for (index, fault) in self.fault.iter().enumerate() {
            fault.check().map_err(|(key, message)| Problem::at(format!("fault[{index}].{key}"), message))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Faults, Inject, Phase, When};
    use crate::config::parse;

    fn read(text: &str) -> Result<Faults, String> {
        parse("f.toml", &format!("schema = \"faults/1\"\n[[fault]]\n{text}\n")).map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_of_a_fault_is_read() {
        let fault = |text: &str| read(&format!("id = \"F06\"\ndevice = \"pen\"\n{text}")).unwrap().fault.remove(0);
        assert_eq!(fault("inject = \"drop\"").when, When::Start);
        assert_eq!(fault("inject = { delay = { ms = 400 } }\nwhen = { at_s = 3 }").inject, Inject::Delay { ms: 400.0 });
        let phase = fault("inject = \"silent\"\nwhen = { phase_plus = { phase = \"stroking\", s = 0.5 } }").when;
        assert_eq!(phase, When::PhasePlus { phase: Phase::Stroking, s: 0.5 });
        let inserted = fault("inject = { insert = { hex = \"ff 00\", times = 2 } }").inject;
        let bytes = Bytes { text: None, hex: Some("ff 00".to_owned()), times: 2 };
        assert_eq!(bytes.bytes(), Some(vec![0xFF, 0, 0xFF, 0]));
        assert_eq!(inserted, Inject::Insert(bytes));
    }

    #[test]
    fn every_contradiction_is_named_at_its_line() {
        let cases = [
            ("id = \"F31\"\ndevice = \"pen\"\ninject = \"drop\"", "f.toml:3:6: fault[0].id"),
            ("id = \"F06\"\ndevice = \"pen\"\ninject = \"dorp\"", "did you mean `drop`"),
            ("id = \"F06\"\ndevice = \"pen\"\ninject = { delay = { ms = -1 } }", "0 to 60000"),
            ("id = \"F06\"\ndevice = \"pen\"\ninject = \"silent\"\nlasts = { messages = 3 }", "give seconds"),
            ("id = \"F06\"\ndevice = \"pen\"\ninject = \"silent\"\ndirection = \"to-host\"", "both directions"),
            ("id = \"F27\"\ndevice = \"pen\"\ninject = { swap = { with = \"pen\" } }", "with itself"),
            ("id = \"F05\"\ndevice = \"pen\"\ninject = \"busy\"\nwhen = { at_s = 1 }", "from the start"),
            ("id = \"F16\"\ndevice = \"pen\"\ninject = { insert = { hex = \"f\" } }", "either `text` or `hex`"),
            ("id = \"F06\"\ndevice = \"pen\"\ninject = \"drop\"\nwhen = { between_s = [3, 2] }", "no window"),
            ("id = \"F06\"\ndevice = \"pen\"\ninject = \"drop\"\nlasts = { messages = 0 }", "at least 1"),
        ];
        for (text, said) in cases {
            let error = read(text).expect_err(said);
            assert!(error.contains(said), "{error}");
        }
    }
}
