//! A pen's own text console: the `[console]` table of a pen file, and the script that it compiles to.
//!
//! What is sent, what the pen answers, what its words mean, in one line each way. [`crate::wire::console`] has the
//! language of templates and patterns. Both ends use the same script: the session that drives the pen, and the simulated
//! pen that is driven.
//! Deliberately absent: answers of several lines, and commands without an answer. Without an answer nothing is known.

use super::Problem;
use crate::{
    units::within,
    wire::console::{Checksum, Pattern, ProfileError, Template},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Values that a template can name, in the order of [`Script::values`].
pub const VALUES: [&str; 6] =
    ["stroke_rate_hz", "stroke_rate_rpm", "stroke_rate_units", "set_depth_mm", "set_depth_um", "set_depth_units"];
/// How many of them tell the stroke rate.
const RATES: usize = 3;

/// A pen's text console.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Console {
    /// What ends a line of ours.
    #[serde(default)]
    pub line_end: LineEnd,
    /// What protects lines, both ways.
    #[serde(default)]
    pub checksum: Checksum,
    /// Longest time for a reply, ms, 5 to 400: the safe state waits for it.
    pub reply_ms: u32,
    /// Longest time from the opening of the port to the first command, ms; the banner, where there is one, ends it.
    #[serde(default)]
    pub boot_ms: u32,
    /// Pattern of the line that the pen sends when it has started. Later it means that the pen has rebooted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// Pattern of a refusal, for example `ERR {text:rest}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Units of the pen's own, for `{stroke_rate_units}` and `{set_depth_units}`.
    #[serde(default)]
    pub units: Units,
    /// Asks who the pen is. Changes nothing, and no other reply looks like its own: `{model}`, `{serial}` and
    /// `{firmware}` are kept.
    pub identify: Exchange,
    /// Tells stroke rate and set depth, in one line or several. A value that a reply repeats must be the one told.
    pub set: Vec<Exchange>,
    /// Clears faults of an earlier run, where the pen keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_faults: Option<Exchange>,
    /// Allows motion, where the pen asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<Exchange>,
    /// Motor on.
    pub start: Exchange,
    /// Motor off. Accepted in every state; repeated, it does no harm.
    pub stop: Exchange,
    /// Needles at rest, retracted.
    pub hold_in: Exchange,
    /// Needles at rest, extended.
    pub hold_out: Exchange,
    /// Asks for the state; the reply has `{state}`. Without it, a reply to a command is all that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Exchange>,
    /// Words of `{state}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<States>,
    /// Keeps the motor enabled. Absent: the pen has no lease, and goes on when this program dies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
}

/// A line and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Template of what is sent, for example `RATE {stroke_rate_hz:1}`; `:1` are decimals.
    pub send: String,
    /// Pattern of the reply, for example `OK {word} {number:number}`.
    pub reply: String,
}

/// What ends a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LineEnd {
    /// Line feed.
    #[default]
    Lf,
    /// Carriage return.
    Cr,
    /// Both.
    CrLf,
}

impl LineEnd {
    /// Its bytes.
    pub fn text(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::Cr => "\r",
            Self::CrLf => "\r\n",
        }
    }
}

/// Units of the pen's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Units {
    /// `{stroke_rate_units}` for one hertz.
    pub stroke_rate_per_hz: f64,
    /// `{set_depth_units}` for one millimetre.
    pub set_depth_per_mm: f64,
    /// `{set_depth_units}` at set depth 0.
    pub set_depth_zero: f64,
}

impl Default for Units {
    fn default() -> Self {
        Self { stroke_rate_per_hz: 1.0, set_depth_per_mm: 1.0, set_depth_zero: 0.0 }
    }
}

/// Words of `{state}`, by meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct States {
    /// Motor off.
    pub safe: Vec<String>,
    /// At rest, may move; only where `arm` is given.
    #[serde(default)]
    pub armed: Vec<String>,
    /// Stroking.
    pub running: Vec<String>,
    /// Held retracted.
    pub held_in: Vec<String>,
    /// Held extended.
    pub held_out: Vec<String>,
    /// Stopped by a fault of its own.
    #[serde(default)]
    pub fault: Vec<String>,
}

/// What a state word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Motor off.
    Safe,
    /// At rest, may move.
    Armed,
    /// Stroking.
    Running,
    /// Held retracted.
    HeldIn,
    /// Held extended.
    HeldOut,
    /// Stopped by a fault of its own.
    Fault,
}

impl States {
    /// Every meaning with its words.
    pub fn all(&self) -> [(Meaning, &[String]); 6] {
        [
            (Meaning::Safe, &self.safe),
            (Meaning::Armed, &self.armed),
            (Meaning::Running, &self.running),
            (Meaning::HeldIn, &self.held_in),
            (Meaning::HeldOut, &self.held_out),
            (Meaning::Fault, &self.fault),
        ]
    }

    /// What a word means.
    pub fn meaning(&self, word: &str) -> Option<Meaning> {
        self.all().into_iter().find(|(_, words)| words.iter().any(|known| known == word)).map(|(meaning, _)| meaning)
    }

    /// The first word for a meaning.
    pub fn word(&self, meaning: Meaning) -> Option<&str> {
        let (_, words) = self.all().into_iter().find(|(other, _)| *other == meaning)?;
        words.first().map(String::as_str)
    }
}

/// Keeps the motor enabled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Template of what is sent.
    pub send: String,
    /// Pattern of the reply.
    pub reply: String,
    /// Between heartbeats, ms.
    pub every_ms: u32,
    /// The pen stops its motor when it has heard none for this long, ms.
    pub lease_ms: u32,
}

/// A compiled exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is sent.
    pub send: Template,
    /// What is answered.
    pub reply: Pattern,
}

/// A console whose templates and patterns are compiled and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The table that it stands in.
    pub console: Console,
    /// Line of a pen that has just started.
    pub banner: Option<Pattern>,
    /// A refusal.
    pub error: Option<Pattern>,
    /// Asks who it is.
    pub identify: Step,
    /// Tells stroke rate and set depth.
    pub set: Vec<Step>,
    /// Clears faults.
    pub clear_faults: Option<Step>,
    /// Allows motion.
    pub arm: Option<Step>,
    /// Motor on.
    pub start: Step,
    /// Motor off.
    pub stop: Step,
    /// Needles retracted.
    pub hold_in: Step,
    /// Needles extended.
    pub hold_out: Step,
    /// Asks for the state.
    pub status: Option<Step>,
    /// Keeps the motor enabled.
    pub heartbeat: Option<Step>,
}

fn refused(path: &str, error: &ProfileError) -> Problem {
    Problem::at(format!("console.{path}"), error)
}

impl Exchange {
    fn compile(&self, path: &str) -> Result<Step, Problem> {
        let send = Template::compile(&self.send, &VALUES).map_err(|error| refused(&format!("{path}.send"), &error))?;
        let reply = Pattern::compile(&self.reply).map_err(|error| refused(&format!("{path}.reply"), &error))?;
        let line = send.render(&[1.0; VALUES.len()]).unwrap_or_default();
        if line.is_empty() || reply.captures(&line).is_some() {
            let message = "an echo of the command would pass for its reply, and an echo says nothing; let the firmware \
                           answer something else, or more";
            return Err(Problem::at(format!("console.{path}.reply"), message));
        }
        Ok(Step { send, reply })
    }
}

impl Console {
    /// Compiles every template and pattern.
    ///
    /// # Errors
    ///
    /// [`Problem`] at the first that cannot be used, or that contradicts another.
    pub fn compile(&self) -> Result<Script, Problem> {
        let ranges = [
            ("reply_ms", "ms", f64::from(self.reply_ms), 5.0, 400.0),
            ("boot_ms", "ms", f64::from(self.boot_ms), 0.0, 6000.0),
            ("units.stroke_rate_per_hz", "", self.units.stroke_rate_per_hz, 1e-6, 1e9),
            ("units.set_depth_per_mm", "", self.units.set_depth_per_mm.abs(), 1e-6, 1e9),
            ("units.set_depth_zero", "", self.units.set_depth_zero, -1e9, 1e9),
        ];
        for (path, unit, value, min, max) in ranges {
            within("value", unit, value, min, max).map_err(|error| Problem::at(format!("console.{path}"), error))?;
        }
        let pattern = |path: &str, text: &Option<String>| {
            text.as_deref().map(Pattern::compile).transpose().map_err(|error| refused(path, &error))
        };
        let step = |path: &str, exchange: &Option<Exchange>| {
            exchange.as_ref().map(|exchange| exchange.compile(path)).transpose()
        };
        let set = (0..).zip(&self.set).map(|(index, exchange): (usize, _)| exchange.compile(&format!("set[{index}]")));
        let script = Script {
            banner: pattern("banner", &self.banner)?,
            error: pattern("error", &self.error)?,
            identify: self.identify.compile("identify")?,
            set: set.collect::<Result<_, _>>()?,
            clear_faults: step("clear_faults", &self.clear_faults)?,
            arm: step("arm", &self.arm)?,
            start: self.start.compile("start")?,
            stop: self.stop.compile("stop")?,
            hold_in: self.hold_in.compile("hold_in")?,
            hold_out: self.hold_out.compile("hold_out")?,
            status: step("status", &self.status)?,
            heartbeat: match &self.heartbeat {
                Some(Heartbeat { send, reply, .. }) => {
                    Some(Exchange { send: send.clone(), reply: reply.clone() }.compile("heartbeat")?)
                }
                None => None,
            },
            console: self.clone(),
        };
        script.check()?;
        Ok(script)
    }
}

impl Script {
    fn check(&self) -> Result<(), Problem> {
        let tells = |values: std::ops::Range<usize>| self.set.iter().any(|step| step.send.uses(values.clone()));
        if !tells(0..RATES) || !tells(RATES..VALUES.len()) {
            let message = format!("rate and depth must both be told; placeholders are {{{}}}", VALUES.join("}, {"));
            return Err(Problem::at("console.set", message));
        }
        self.check_states()?;
        // A reply of another kind must not pass for the identity: it is what shows that the line is in step again.
        let others = [Some(&self.start), Some(&self.stop), Some(&self.hold_in), Some(&self.hold_out)];
        let others = others.into_iter().chain([self.arm.as_ref(), self.status.as_ref(), self.heartbeat.as_ref()]);
        for other in others.flatten().chain(&self.set) {
            let line = other.reply.fill(|_| "1".to_owned());
            if self.identify.reply.captures(&line).is_some() {
                let message =
                    format!("the reply {line:?} of another command looks the same; put a word of its own here");
                return Err(Problem::at("console.identify.reply", message));
            }
        }
        let Some(Heartbeat { every_ms, lease_ms, .. }) = self.console.heartbeat else { return Ok(()) };
        within("value", "ms", f64::from(lease_ms), 50.0, 10_000.0)
            .map_err(|error| Problem::at("console.heartbeat.lease_ms", error))?;
        if every_ms < 10 || every_ms + self.console.reply_ms >= lease_ms {
            let message = format!(
                "{every_ms} ms and a reply of up to {} ms must be over before the lease of {lease_ms} ms ends; send it \
                 more often, at most every 10 ms",
                self.console.reply_ms
            );
            return Err(Problem::at("console.heartbeat.every_ms", message));
        }
        Ok(())
    }

    fn check_states(&self) -> Result<(), Problem> {
        let (status, states) = match (&self.status, &self.console.states) {
            (Some(status), Some(states)) => (status, states),
            (None, None) => return Ok(()),
            (Some(_), None) => return Err(Problem::at("console.status", "needs the words of [console.states]")),
            (None, Some(_)) => return Err(Problem::at("console.states", "needs [console.status] to read them")),
        };
        if !status.reply.has("state") {
            return Err(Problem::at("console.status.reply", "has no {state}"));
        }
        let mut seen = Vec::new();
        for (meaning, words) in states.all() {
            let needed = !matches!(meaning, Meaning::Fault) && (meaning != Meaning::Armed || self.arm.is_some());
            if needed && words.is_empty() {
                return Err(Problem::at("console.states", format!("no word for {meaning:?}")));
            }
            for word in words {
                if seen.contains(&word) || word.is_empty() || word.contains(' ') {
                    return Err(Problem::at("console.states", format!("{word:?} stands twice, or is no single word")));
                }
                seen.push(word);
            }
        }
        Ok(())
    }

    /// Values of a stroke rate (Hz) and set depth (mm), in the order of [`VALUES`].
    pub fn values(&self, stroke_rate_hz: f64, set_depth_mm: f64) -> [f64; 6] {
        let Units { stroke_rate_per_hz, set_depth_per_mm, set_depth_zero } = self.console.units;
        [
            stroke_rate_hz,
            stroke_rate_hz * 60.0,
            stroke_rate_hz * stroke_rate_per_hz,
            set_depth_mm,
            set_depth_mm * 1000.0,
            set_depth_mm * set_depth_per_mm + set_depth_zero,
        ]
    }

    /// A line with checksum and end, as it is sent.
    pub fn line(&self, text: &str) -> Vec<u8> {
        (self.console.checksum.append(text) + self.console.line_end.text()).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{self, pen::Pen};

    const PROFILE: &str = include_str!("../../fixtures/pens/proto-c.toml");

    #[test]
    fn the_shipped_profiles_compile() {
        for text in [PROFILE, include_str!("../../fixtures/pens/proto-d.toml")] {
            config::parse::<Pen>("pen.toml", text).expect("a good profile");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_where_it_stands() {
        let rows = [
            ("RATE {stroke_rate_hz:1}", "RATE {speed}", "console.set[0].send", "{speed} is not known"),
            ("reply = \"OK DEPTH", "reply = \"OK {a}{b}", "console.set[1].reply", "has no end"),
            ("RATE {stroke_rate_hz:1}", "RATE 100", "console.set", "rate and depth must both be told"),
            ("send = \"STOP\"", "send = \"OK STOP\"", "console.stop.reply", "an echo of the command"),
            ("PROTO-C {serial} FW {firmware}", "{model} {serial}", "console.identify.reply", "looks the same"),
            ("every_ms = 100", "every_ms = 400", "console.heartbeat.every_ms", "before the lease of 500 ms ends"),
            ("reply_ms = 150", "reply_ms = 0", "console.reply_ms", "5"),
            ("ST {state}", "ST {word}", "console.status.reply", "has no {state}"),
            ("running = [\"RUN\"]", "running = [\"IDLE\"]", "console.states", "\"IDLE\" stands twice"),
            ("[console.units]", "[console.unit]", "", "did you mean `units`"),
        ];
        for (from, to, path, words) in rows {
            assert!(PROFILE.contains(from), "{from}");
            let error = config::parse::<Pen>("pen.toml", &PROFILE.replace(from, to)).expect_err(to);
            assert!(error.message.contains(words) && error.message.starts_with(path), "{to}: {}", error.message);
            assert!(error.line > 1, "{to}: {error}");
        }
    }
}
