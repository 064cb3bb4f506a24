//! What a GRBL controller says of itself: version, name, and the settings that decide whether it can serve, and
//! states in which it cannot.

use super::{DeviceFault, Identity};
use crate::{
    link::Role,
    wire::grbl::{Message, State},
};

/// What came before the `ok` of a line, and is believed with it.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// `[VER:version:name]`.
    version: Option<(String, String)>,
    /// `$13`: positions in inches.
    inches: Option<bool>,
    /// `$22`: homing is possible.
    homing: Option<bool>,
    /// `[GC:...]`.
    modes: bool,
}

impl Heard {
    /// Takes a push.
    pub fn take(&mut self, message: &Message<'_>) {
        match *message {
            Message::Feedback { tag: "VER", text } => {
                let (version, name) = text.split_once(':').unwrap_or((text, ""));
                self.version = Some((version.to_owned(), name.to_owned()));
            }
            Message::Feedback { tag: "GC", .. } => self.modes = true,
            Message::Setting { name, value } => {
                let on = value.trim().parse::<f64>().ok().map(|number| number as u32 & 1 != 0);
                match name {
                    "13" => self.inches = on,
                    "22" => self.homing = on,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// Whether the answer to `$I` was heard.
    pub fn version(&self) -> bool {
        self.version.is_some()
    }

    /// Whether the answer to `$$` was heard.
    pub fn settings(&self) -> bool {
        self.inches.is_some()
    }

    /// Whether the answer to `$G` was heard since the last time; no other line has it.
    pub fn take_modes(&mut self) -> bool {
        std::mem::take(&mut self.modes)
    }

    /// Who it is.
    pub fn identity(&self) -> Identity {
        let (firmware, serial) = self.version.clone().unwrap_or_default();
        Identity { model: "GRBL controller".to_owned(), serial, firmware }
    }

    /// Why it cannot serve, or is not the one that is wanted.
    pub fn objection(&self, name_wanted: Option<&str>) -> Option<DeviceFault> {
        let failed = |reason: &str| DeviceFault::Failed { role: Role::Stage, reason: reason.to_owned() };
        if self.inches == Some(true) {
            return Some(failed("it reports inches; send it $13=0 from a terminal"));
        }
        if self.homing != Some(true) {
            return Some(failed("homing is not enabled; fit home switches and send it $22=1 from a terminal"));
        }
        let name = self.identity().serial;
        let wanted = name_wanted.filter(|wanted| *wanted != name)?;
        let found = format!("a GRBL controller named {name:?} ($I), wanted is {wanted:?}");
        Some(DeviceFault::WrongDevice { role: Role::Stage, found })
    }
}

/// What keeps it from moving in this state, and what to do. Before homing it is locked, and while it is being stopped it
/// may hold.
pub fn obstacle(state: State, homed: bool, stopping: bool) -> Option<&'static str> {
    match state {
        State::Idle | State::Run | State::Jog | State::Home => None,
        State::Alarm if !homed => None,
        State::Hold if stopping => None,
        State::Alarm => Some("it is locked by an alarm; home it again (`rig recover`)"),
        State::Hold => Some("it was put on hold from outside; release its hold input or reset it"),
        State::Door => Some("its safety door is open; close it"),
        State::Check => Some("it is in check mode, in which nothing moves; send it $C from a terminal"),
        State::Sleep => Some("it sleeps; reset it"),
        State::Tool => Some("it waits for a tool; reset it"),
    }
}
