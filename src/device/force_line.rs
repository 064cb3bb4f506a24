//! Any board that prints lines of numbers: columns, unit and scale come from the rig file.
//!
//! Such a board tells no identity of its own, and no checksum protects a number: two columns or more make a torn line
//! visible, one does not. Where the rig file names an identity, a line must hold it before a number is believed.

use super::{
    Identity,
    gauge::{Ask, Dialect, Heard},
};
use crate::{
    config::gauge::{ForceUnit, Line, Separator},
    wire::columns::{self, Column, LINE_BYTES_MAX, Layout},
};
use std::time::Duration;

/// Readings that are believed to be a board that prints lines.
const READINGS_MIN: u32 = 3;

/// The words of such a board.
pub struct Lines {
    layout: Layout,
    unit: ForceUnit,
    config: Line,
    identity_wanted: Option<String>,
    readings: u32,
    identity_line: String,
}

impl Lines {
    /// A board with these columns, its force in this unit, that must print this text where one is given.
    pub fn new(config: Line, unit: ForceUnit, identity_wanted: Option<String>) -> Self {
        let layout = Layout {
            separator: match config.separator {
                Separator::Comma => columns::Separator::Comma,
                Separator::Semicolon => columns::Separator::Semicolon,
                Separator::Whitespace => columns::Separator::Whitespace,
            },
            count: config.columns,
            force: Column { index: config.force, scale: config.scale },
            time: config.clock.as_ref().map(|clock| Column { index: clock.column, scale: clock.scale_s }),
        };
        Self { layout, unit, config, identity_wanted, readings: 0, identity_line: String::new() }
    }

    fn hear_identity(&mut self, line: &[u8]) -> Heard {
        let reading = self.layout.parse(line).is_ok();
        self.readings += u32::from(reading);
        let text = String::from_utf8_lossy(line);
        match &self.identity_wanted {
            Some(wanted) if text.contains(wanted.as_str()) => {
                text.trim().clone_into(&mut self.identity_line);
                Heard::Answer
            }
            None if self.readings >= READINGS_MIN => {
                "none told: a board that prints lines".clone_into(&mut self.identity_line);
                Heard::Answer
            }
            // Banners and numbers go by until then; other text all the time is another board.
            _ if reading => Heard::Stray,
            _ => Heard::Bad(format!("{text:?} has not the columns of the rig file")),
        }
    }
}

impl Dialect for Lines {
    const LINE_BYTES_MAX: usize = LINE_BYTES_MAX;
    /// A board that opening the port has reset starts again within this time.
    const REPLY_WAIT: Duration = Duration::from_millis(1500);
    const QUIET: bool = false;

    fn identity_parts(&self) -> usize {
        1
    }

    fn encode(&self, ask: Ask, wire: &mut Vec<u8>) {
        let config = &self.config;
        let asks_by_start = config.ask.is_none() && self.identity_wanted.is_none();
        let words = match ask {
            Ask::Identity(_) if asks_by_start => &config.start,
            Ask::Identity(_) => &config.ask,
            Ask::Begin(_) => &config.start,
            Ask::End => &config.stop,
            Ask::Reading => &None,
        };
        if let Some(words) = words {
            wire.extend_from_slice(words.as_bytes());
            wire.push(b'\n');
        }
    }

    fn name(&self, ask: Ask) -> String {
        match (ask, &self.identity_wanted) {
            (Ask::Identity(_), Some(wanted)) => format!("a line with {wanted:?}"),
            _ => format!("lines of {} columns", self.config.columns),
        }
    }

    fn hear(&mut self, ask: Option<Ask>, line: &[u8]) -> Heard {
        if matches!(ask, Some(Ask::Identity(_))) {
            return self.hear_identity(line);
        }
        match self.layout.parse(line) {
            Ok(sample) => Heard::Force(sample.force * self.unit.newtons(), sample.time),
            Err(error) => Heard::Bad(error.to_string()),
        }
    }

    fn identity(&self) -> Identity {
        let none = "not told".to_owned();
        Identity { model: self.identity_line.clone(), serial: none.clone(), firmware: none }
    }
}
