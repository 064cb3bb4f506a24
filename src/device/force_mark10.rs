//! Mark-10 Series 5 force gauges: readings asked for (`?C`) or sent by the gauge (`AOUTn`).
//!
//! The gauge's settings stay as they are; a reading without the configured unit is refused, since pounds that pass for
//! newtons would be a wrong force.

use super::{
    Identity,
    gauge::{Ask, Dialect, Heard},
};
use crate::{
    config::gauge::ForceUnit,
    wire::mark10::{Command, LINE_BYTES_MAX, ReadingError, Unit, parse_reading, refusal_meaning},
};
use std::time::Duration;

const PARTS: [Command; 3] = [Command::Model, Command::Serial, Command::Version];

/// The words of a Mark-10 gauge.
pub struct Mark10 {
    unit: ForceUnit,
    texts: [String; PARTS.len()],
}

impl Mark10 {
    /// A gauge that is set to this unit.
    pub fn new(unit: ForceUnit) -> Self {
        Self { unit, texts: Default::default() }
    }

    fn command(ask: Ask) -> Command {
        match ask {
            Ask::Identity(part) => PARTS[part.min(PARTS.len() - 1)],
            Ask::Reading => Command::Current,
            Ask::Begin(rate) => Command::AutoOutput(rate.min(250) as u8),
            Ask::End => Command::AutoOutput(0),
        }
    }

    fn hear_reading(&self, line: &[u8]) -> Heard {
        if matches!(line.trim_ascii(), b"OVER" | b"UNDER") {
            // As its display shows it.
            return Heard::Overload;
        }
        match parse_reading(line) {
            Ok(reading) if unit_of(reading.unit) == self.unit => Heard::Force(reading.force_n(), None),
            Ok(reading) => {
                let (found, wanted) = (unit_of(reading.unit).name(), self.unit.name());
                Heard::Failed(format!(
                    "it shows {found}, the rig file says {wanted}; press its unit key, or change force.gauge.unit"
                ))
            }
            Err(error @ ReadingError::Refused { .. }) => Heard::Refused(error.to_string()),
            Err(error @ (ReadingError::NoUnit { .. } | ReadingError::Unit { .. })) => Heard::Failed(error.to_string()),
            Err(error) => Heard::Bad(error.to_string()),
        }
    }
}

fn unit_of(unit: Unit) -> ForceUnit {
    match unit {
        Unit::Newton => ForceUnit::N,
        Unit::Millinewton => ForceUnit::Millinewton,
        Unit::Kilonewton => ForceUnit::Kilonewton,
        Unit::PoundForce => ForceUnit::PoundForce,
        Unit::OunceForce => ForceUnit::OunceForce,
        Unit::GramForce => ForceUnit::GramForce,
        Unit::KilogramForce => ForceUnit::KilogramForce,
    }
}

impl Dialect for Mark10 {
    const LINE_BYTES_MAX: usize = LINE_BYTES_MAX;
    const REPLY_WAIT: Duration = Duration::from_millis(150);
    const QUIET: bool = true;

    fn identity_parts(&self) -> usize {
        PARTS.len()
    }

    fn encode(&self, ask: Ask, wire: &mut Vec<u8>) {
        Self::command(ask).encode(wire);
    }

    fn name(&self, ask: Ask) -> String {
        let mut wire = Vec::new();
        self.encode(ask, &mut wire);
        String::from_utf8_lossy(&wire).trim().to_owned()
    }

    fn hear(&mut self, ask: Option<Ask>, line: &[u8]) -> Heard {
        let Some(Ask::Identity(part)) = ask else { return self.hear_reading(line) };
        if parse_reading(line).is_ok() {
            return Heard::Stray;
        }
        let Ok(text) = std::str::from_utf8(line) else { return Heard::Bad("no text".to_owned()) };
        self.texts[part.min(PARTS.len() - 1)] = match text.strip_prefix('*').map(str::parse) {
            // A gauge of another series may not tell, and is none the worse for it.
            Some(Ok(code)) => format!("not told ({})", refusal_meaning(code)),
            _ => text.trim().to_owned(),
        };
        Heard::Answer
    }

    fn identity(&self) -> Identity {
        let [model, serial, firmware] = self.texts.clone();
        Identity { model: format!("Mark-10 {model}"), serial, firmware }
    }
}
