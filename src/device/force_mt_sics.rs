//! Balances that speak MT-SICS level 0 and 1: weights at once (`SI`), or again and again (`SIR`).
//!
//! A weight becomes a force by standard gravity; the calibration record holds what the place makes of it.

use super::{
    Identity,
    gauge::{Ask, Dialect, Heard},
};
use crate::{
    config::gauge::ForceUnit,
    wire::mt_sics::{Answer, AnswerError, Command, LINE_BYTES_MAX, Options, Unit, parse_answer},
};
use std::time::Duration;

/// The serial number first: no weight looks like it.
const PARTS: [Command; 4] = [Command::Serial, Command::Levels, Command::Type, Command::Software];

/// The words of a balance.
pub struct MtSics {
    unit: ForceUnit,
    options: Options,
    texts: [String; PARTS.len()],
}

impl MtSics {
    /// A balance that is set to this unit; lenient or not about the ids of its answers.
    pub fn new(unit: ForceUnit, lenient_id: bool) -> Self {
        Self { unit, options: Options { lenient_id }, texts: Default::default() }
    }

    fn command(ask: Ask) -> Command {
        match ask {
            Ask::Identity(part) => PARTS[part.min(PARTS.len() - 1)],
            // A weight asked for once ends those that come again and again.
            Ask::Reading | Ask::End => Command::Immediate,
            Ask::Begin(_) => Command::ImmediateRepeat,
        }
    }

    fn hear_answer(&mut self, ask: Ask, line: &[u8]) -> Heard {
        match (parse_answer(line, Self::command(ask), self.options), ask) {
            (Ok(Answer::Weight { value, unit, .. }), _) if unit_of(unit) == self.unit => {
                Heard::Force(value * self.unit.newtons(), None)
            }
            (Ok(Answer::Weight { unit, .. }), _) => {
                let (found, wanted) = (unit_of(unit).name(), self.unit.name());
                Heard::Failed(format!(
                    "it shows {found}, the rig file says {wanted}; change the unit at the balance, or force.gauge.unit"
                ))
            }
            (Ok(Answer::More(texts)), Ask::Identity(part)) => self.keep(part, &texts, Heard::More),
            (Ok(Answer::Done(texts)), Ask::Identity(part)) => self.keep(part, &texts, Heard::Answer),
            (Ok(_), _) => Heard::Stray,
            (Err(AnswerError::Overload), _) => Heard::Overload,
            // Level 1 is not needed for a weight.
            (Err(AnswerError::Syntax), Ask::Identity(part)) if part > 0 => {
                self.keep(part, &["not told".to_owned()], Heard::Answer)
            }
            (Err(AnswerError::OtherId { id, wanted }), _) if id == Self::command(ask).text() => Heard::Failed(format!(
                "it answers {id} with the id {id} in place of {wanted}; if it is a balance that gets this wrong, set \
                 force.gauge.lenient_id = true"
            )),
            (Err(AnswerError::OtherId { .. }), _) => Heard::Stray,
            (Err(error @ AnswerError::Shape { .. }), _) => Heard::Bad(error.to_string()),
            (Err(error @ AnswerError::Unit { .. }), _) => Heard::Failed(error.to_string()),
            (Err(error), _) => Heard::Refused(error.to_string()),
        }
    }

    fn keep(&mut self, part: usize, texts: &[String], heard: Heard) -> Heard {
        // Of an answer in several lines the first says most.
        let text = &mut self.texts[part.min(PARTS.len() - 1)];
        if text.is_empty() {
            *text = texts.join(" ");
        }
        heard
    }
}

fn unit_of(unit: Unit) -> ForceUnit {
    match unit {
        Unit::Milligram => ForceUnit::Milligram,
        Unit::Gram => ForceUnit::Gram,
        Unit::Kilogram => ForceUnit::Kilogram,
    }
}

impl Dialect for MtSics {
    const LINE_BYTES_MAX: usize = LINE_BYTES_MAX;
    const REPLY_WAIT: Duration = Duration::from_millis(300);
    const QUIET: bool = true;

    fn identity_parts(&self) -> usize {
        PARTS.len()
    }

    fn encode(&self, ask: Ask, wire: &mut Vec<u8>) {
        Self::command(ask).encode(wire);
    }

    fn name(&self, ask: Ask) -> String {
        Self::command(ask).text().to_owned()
    }

    fn hear(&mut self, ask: Option<Ask>, line: &[u8]) -> Heard {
        // Nothing pending: what a balance sends again and again, or what is late.
        self.hear_answer(ask.unwrap_or(Ask::Begin(0)), line)
    }

    fn identity(&self) -> Identity {
        let [serial, levels, model, software] = self.texts.clone();
        Identity { model: format!("{model} (MT-SICS {levels})"), serial, firmware: software }
    }
}
