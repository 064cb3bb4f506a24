//! GRBL 1.1 (and grblHAL): lines and realtime bytes to the controller, answers and pushes back.
//!
//! Every line to the controller gets exactly one `ok` or `error:N`; everything else that it says is a push and answers
//! nothing ([`Message::is_answer`]). Realtime bytes get no answer.
//! Deliberately absent: streaming by character counting. A sender that counts wrongly loses bytes and waits for ever;
//! a bench sends one line, then waits for its answer.

use crate::wire::{
    decimal,
    line::{self, LineSplitter},
};

/// Longest line that a controller takes, line feed not counted; longer ones are answered with error 11.
pub const COMMAND_BYTES_MAX: usize = 79;

/// Longest line that is kept, in bytes.
pub const LINE_BYTES_MAX: usize = 256;

/// Status may be asked for this often; more disturbs the controller's motion.
pub const STATUS_RATE_MAX_HZ: f64 = 5.0;

/// Bytes that act at once, anywhere in the stream, without a line end and without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Realtime {
    /// Asks for a status report.
    Status = b'?',
    /// Decelerates; can be resumed.
    Hold = b'!',
    /// Resumes after a hold.
    Resume = b'~',
    /// Resets. In motion this loses the position (alarm 3).
    Reset = 0x18,
    /// Ends a jog and forgets those that wait.
    JogCancel = 0x85,
}

/// A jog: motion that can be cancelled and leaves the parser's modes alone. Only in the states Idle and Jog.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jog {
    /// Targets of x, y, z in mm, in machine coordinates; `None` leaves an axis where it is.
    pub machine_mm: [Option<f64>; 3],
    /// Speed along the path in mm/min.
    pub feed_mm_min: f64,
}

/// A command that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A number is not finite, or the feed is not positive.
    #[error("jog has a target or feed that is no usable number")]
    Number,
    /// Too long for a controller's line buffer.
    #[error("{command:?} has {} bytes, limit {COMMAND_BYTES_MAX}", .command.len())]
    TooLong {
        /// The line.
        command: String,
    },
    /// Not printable ASCII: it would hold realtime bytes or line ends.
    #[error("{command:?} holds bytes that are no printable ASCII")]
    Bytes {
        /// The line.
        command: String,
    },
}

impl Jog {
    /// The line of the jog, without its end.
    ///
    /// # Errors
    ///
    /// [`CommandError::Number`] where a number cannot be written, or no axis is named.
    pub fn line(&self) -> Result<String, CommandError> {
        let mut line = "$J=G90G21G53".to_owned();
        for (axis, target_mm) in ['X', 'Y', 'Z'].into_iter().zip(self.machine_mm) {
            if let Some(target_mm) = target_mm {
                if !target_mm.is_finite() {
                    return Err(CommandError::Number);
                }
                line += &format!("{axis}{target_mm:.4}");
            }
        }
        let feed_mm_min = self.feed_mm_min;
        if self.machine_mm == [None; 3] || !feed_mm_min.is_finite() || feed_mm_min <= 0.0 {
            return Err(CommandError::Number);
        }
        Ok(line + &format!("F{feed_mm_min:.3}"))
    }
}

/// Appends a line and its end to `wire`.
///
/// # Errors
///
/// [`CommandError`] where the controller would not take it, or take part of it for something else.
pub fn encode_line(command: &str, wire: &mut Vec<u8>) -> Result<(), CommandError> {
    if command.len() > COMMAND_BYTES_MAX {
        return Err(CommandError::TooLong { command: command.to_owned() });
    }
    if !command.bytes().all(|byte| (0x20..0x7F).contains(&byte) && !b"?!~".contains(&byte)) {
        return Err(CommandError::Bytes { command: command.to_owned() });
    }
    wire.extend_from_slice(command.as_bytes());
    wire.push(b'\n');
    Ok(())
}

/// What a controller says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Message<'l> {
    /// The line was done, or taken into the queue.
    Ok,
    /// The line was refused; see [`error_meaning`].
    Error(u16),
    /// The controller is locked; see [`alarm_meaning`].
    Alarm(u16),
    /// It has just started: whatever it was told before is gone, and its position is untrusted.
    Banner(&'l str),
    /// Its status.
    Status(Status<'l>),
    /// `[TAG:text]`.
    Feedback {
        /// What stands before the colon: `MSG`, `VER`, `OPT`, `GC`, `G54`, `echo`, ...
        tag: &'l str,
        /// What stands behind it.
        text: &'l str,
    },
    /// `$n=value`.
    Setting {
        /// The name, without `$`: a number, or `N0` for a start-up line.
        name: &'l str,
        /// The value as written.
        value: &'l str,
    },
    /// `>line:ok`: a start-up line was run.
    StartUp(&'l str),
}

impl Message<'_> {
    /// Whether it answers a line. All others are pushes.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Ok | Self::Error(_))
    }
}

/// What the machine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// At rest, ready.
    Idle,
    /// Running queued motion.
    Run,
    /// Holding; sub-state 0 at rest, 1 still decelerating.
    Hold,
    /// Jogging.
    Jog,
    /// Locked.
    Alarm,
    /// Safety door open.
    Door,
    /// Checking G-code without motion.
    Check,
    /// Homing.
    Home,
    /// Asleep; needs a reset.
    Sleep,
    /// Tool change (grblHAL).
    Tool,
}

/// A status report. What the controller left out is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status<'l> {
    /// What it is doing.
    pub state: State,
    /// Number behind the state's colon.
    pub sub_state: Option<u16>,
    /// Position x, y, z in mm, machine coordinates.
    pub machine_mm: Option<[f64; 3]>,
    /// Position x, y, z in mm, work coordinates.
    pub work_mm: Option<[f64; 3]>,
    /// Work offset: machine position less work position. Comes now and then; the last one holds.
    pub offset_mm: Option<[f64; 3]>,
    /// Free blocks of the planner and free bytes of the receive buffer.
    pub free: Option<[u16; 2]>,
    /// Inputs that are active, as letters: `XYZ` limits, `P` probe, `D` door, `H` hold, `R` reset, `S` start.
    pub inputs: &'l str,
}

/// Keeps the last work offset, so that a position is known whichever of the two the controller reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PositionTracker {
    offset_mm: Option<[f64; 3]>,
}

impl PositionTracker {
    /// The machine position, or `None` where only the work position was reported and no offset was ever.
    pub fn machine_mm(&mut self, status: &Status<'_>) -> Option<[f64; 3]> {
        self.offset_mm = status.offset_mm.or(self.offset_mm);
        status.machine_mm.or_else(|| {
            let (work, offset) = status.work_mm.zip(self.offset_mm)?;
            Some([work[0] + offset[0], work[1] + offset[1], work[2] + offset[2]])
        })
    }
}

/// A line that is none of the controller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a line of GRBL 1.1; check the baud rate and the firmware")]
pub struct LineError;

/// Realtime bytes carry no line end, so where the line echoes they stand before the next line.
const ECHOED: [u8; 5] = [
    Realtime::Status as u8,
    Realtime::Hold as u8,
    Realtime::Resume as u8,
    Realtime::Reset as u8,
    Realtime::JogCancel as u8,
];

/// Reads one line, without its end; echoes of realtime bytes before it are passed over.
///
/// # Errors
///
/// [`LineError`] where it has none of the shapes of GRBL.
pub fn parse(line: &[u8]) -> Result<Message<'_>, LineError> {
    let echoes = line.iter().take_while(|byte| ECHOED.contains(byte)).count();
    let line = line.get(echoes..).unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| LineError)?.trim_ascii();
    let inside = |open, close| line.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
    if line == "ok" {
        Ok(Message::Ok)
    } else if let Some(code) = line.strip_prefix("error:") {
        code.trim().parse().map(Message::Error).map_err(|_| LineError)
    } else if let Some(code) = line.strip_prefix("ALARM:") {
        code.trim().parse().map(Message::Alarm).map_err(|_| LineError)
    } else if let Some(report) = inside('<', '>') {
        parse_status(report).map(Message::Status).ok_or(LineError)
    } else if let Some(text) = inside('[', ']') {
        let (tag, text) = text.split_once(':').unwrap_or((text, ""));
        Ok(Message::Feedback { tag, text })
    } else if let Some(text) = line.strip_prefix('>') {
        Ok(Message::StartUp(text))
    } else if let Some((name, value)) = line.strip_prefix('$').and_then(|rest| rest.split_once('=')) {
        Ok(Message::Setting { name, value })
    } else if line.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case("grbl") || word == "GrblHAL") {
        Ok(Message::Banner(line))
    } else {
        Err(LineError)
    }
}

fn parse_status(report: &str) -> Option<Status<'_>> {
    let mut fields = report.split('|');
    let (state, sub_state) = match fields.next()?.split_once(':') {
        Some((state, sub_state)) => (state, Some(sub_state.parse().ok()?)),
        None => (report.split('|').next()?, None),
    };
    let state = match state {
        "Idle" => State::Idle,
        "Run" => State::Run,
        "Hold" => State::Hold,
        "Jog" => State::Jog,
        "Alarm" => State::Alarm,
        "Door" => State::Door,
        "Check" => State::Check,
        "Home" => State::Home,
        "Sleep" => State::Sleep,
        "Tool" => State::Tool,
        _ => return None,
    };
    let (machine_mm, work_mm, offset_mm, free) = (None, None, None, None);
    let mut status = Status { state, sub_state, machine_mm, work_mm, offset_mm, free, inputs: "" };
    for field in fields {
        // Fields without a meaning here, and those that later firmware adds, are passed over.
        match field.split_once(':') {
            Some(("MPos", position)) => status.machine_mm = Some(coordinates(position)?),
            Some(("WPos", position)) => status.work_mm = Some(coordinates(position)?),
            Some(("WCO", offset)) => status.offset_mm = Some(coordinates(offset)?),
            Some(("Bf", free)) => {
                let (blocks, bytes) = free.split_once(',')?;
                status.free = Some([blocks.parse().ok()?, bytes.parse().ok()?]);
            }
            Some(("Pn", inputs)) => status.inputs = inputs,
            _ => {}
        }
    }
    Some(status)
}

/// The first three of a list of numbers; controllers of more axes report more.
fn coordinates(list: &str) -> Option<[f64; 3]> {
    let mut numbers = list.split(',').map(decimal::parse);
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// What `error:N` means (GRBL 1.1, `error_codes_en_US.csv`, in our words).
pub fn error_meaning(code: u16) -> &'static str {
    match code {
        1 => "a G-code word has no letter; bytes may have been lost",
        2 => "a number is malformed; bytes may have been lost",
        3 => "unknown $ command",
        4 => "negative value where none may be",
        5 => "homing is not enabled ($22)",
        7 => "settings memory is damaged and was reset",
        8 => "only possible at rest (state Idle)",
        9 => "locked by an alarm or a jog; home ($H) or unlock ($X)",
        10 => "soft limits need homing",
        11 => "line is too long",
        15 => "jog target is beyond the travel",
        16 => "malformed jog",
        20 => "unsupported command",
        22 => "no feed rate was given",
        33 => "invalid target",
        _ => "see the list of error codes of the controller",
    }
}

/// What `ALARM:N` means.
pub fn alarm_meaning(code: u16) -> &'static str {
    match code {
        1 => "hard limit triggered, position lost",
        2 => "target beyond the soft limits, position kept",
        3 => "reset while moving, position lost",
        4 | 5 => "probe failed",
        6..=9 => "homing failed, position lost",
        _ => "see the list of alarms of the controller",
    }
}

/// Whether the position is still good after an alarm. Only a soft limit and a probe are known to keep it.
pub fn alarm_keeps_position(code: u16) -> bool {
    matches!(code, 2 | 4 | 5)
}

/// Finds messages in a byte stream.
#[derive(Debug)]
pub struct MessageDecoder {
    splitter: LineSplitter,
    bad_lines: u64,
}

impl Default for MessageDecoder {
    fn default() -> Self {
        Self { splitter: LineSplitter::new(LINE_BYTES_MAX), bad_lines: 0 }
    }
}

impl MessageDecoder {
    /// Takes the next line from what is pending and from the front of `input`; `None` when all of it is consumed.
    pub fn next_message<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<Result<Message<'s>, LineError>> {
        let message = parse(self.splitter.next_line(input)?);
        self.bad_lines += u64::from(message.is_err());
        Some(message)
    }

    /// Lines that were no messages, and what was too long for a line.
    pub fn dropped(&self) -> (u64, line::Dropped) {
        (self.bad_lines, self.splitter.dropped())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        CommandError, Jog, Message, MessageDecoder, PositionTracker, State, alarm_keeps_position, encode_line, parse,
    };
    use proptest::prelude::*;

    #[test]
    fn answers_and_pushes_are_told_apart() {
        let rows = [
            ("ok", true, Message::Ok),
            ("error:9", true, Message::Error(9)),
            ("ALARM:3", false, Message::Alarm(3)),
            ("Grbl 1.1h ['$' for help]", false, Message::Banner("Grbl 1.1h ['$' for help]")),
            (
                "GrblHAL 1.1f ['$' or '$HELP' for help]",
                false,
                Message::Banner("GrblHAL 1.1f ['$' or '$HELP' for help]"),
            ),
            ("[MSG:'$H'|'$X' to unlock]", false, Message::Feedback { tag: "MSG", text: "'$H'|'$X' to unlock" }),
            ("[OPT:V,15,128]", false, Message::Feedback { tag: "OPT", text: "V,15,128" }),
            ("$110=500.000", false, Message::Setting { name: "110", value: "500.000" }),
            ("$N0=", false, Message::Setting { name: "N0", value: "" }),
            (">G54:ok", false, Message::StartUp("G54:ok")),
        ];
        for (line, answer, expected) in rows {
            assert_eq!(parse(line.as_bytes()), Ok(expected), "{line}");
            assert_eq!(expected.is_answer(), answer, "{line}");
        }
        for line in ["", "okay", "error:", "ALARM:x", "<Idle", "<Lost|MPos:1,2,3>", "<Idle|MPos:1,nan,3>", "1.5", "$$"]
        {
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn status_with_what_firmware_adds() {
        let line = b"<Hold:1|MPos:1.000,-2.500,3.125,9.000|Bf:15,128|FS:500,0|Pn:XZ|Ov:100,100,100|TLR:0|H:0>";
        let Ok(Message::Status(status)) = parse(line) else { panic!("a status") };
        assert_eq!((status.state, status.sub_state), (State::Hold, Some(1)));
        assert_eq!((status.machine_mm, status.free), (Some([1.0, -2.5, 3.125]), Some([15, 128])));
        assert_eq!((status.inputs, status.work_mm), ("XZ", None));
    }

    #[test]
    fn a_work_position_needs_an_offset_that_was_seen() {
        let mut tracker = PositionTracker::default();
        let mut position = |line: &str| match parse(line.as_bytes()) {
            Ok(Message::Status(status)) => tracker.machine_mm(&status),
            other => panic!("{other:?}"),
        };
        assert_eq!(position("<Idle|WPos:1.000,2.000,3.000>"), None);
        assert_eq!(position("<Idle|WPos:1.000,2.000,3.000|WCO:10.000,0.000,-1.000>"), Some([11.0, 2.0, 2.0]));
        assert_eq!(position("<Run|WPos:2.000,2.000,3.000>"), Some([12.0, 2.0, 2.0]));
    }

    #[test]
    fn commands_that_the_controller_would_misread_are_refused() {
        let jog = Jog { machine_mm: [None, None, Some(-1.25)], feed_mm_min: 120.0 };
        let line = jog.line().expect("a jog");
        assert_eq!(line, "$J=G90G21G53Z-1.2500F120.000");
        let mut wire = Vec::new();
        encode_line(&line, &mut wire).expect("short enough");
        assert_eq!(wire, b"$J=G90G21G53Z-1.2500F120.000\n");
        assert_eq!(Jog { feed_mm_min: 0.0, ..jog }.line(), Err(CommandError::Number));
        assert_eq!(Jog { machine_mm: [None; 3], ..jog }.line(), Err(CommandError::Number));
        assert_eq!(Jog { machine_mm: [Some(f64::NAN); 3], ..jog }.line(), Err(CommandError::Number));
        assert!(matches!(encode_line(&"G".repeat(80), &mut wire), Err(CommandError::TooLong { .. })));
        assert!(matches!(encode_line("G0X1!", &mut wire), Err(CommandError::Bytes { .. })));
        assert!(alarm_keeps_position(2) && !alarm_keeps_position(1) && !alarm_keeps_position(77));
    }

    fn all(chunks: impl IntoIterator<Item = Vec<u8>>) -> (Vec<String>, u64) {
        let (mut decoder, mut messages) = (MessageDecoder::default(), Vec::new());
        for chunk in chunks {
            let mut input = &chunk[..];
            while let Some(message) = decoder.next_message(&mut input) {
                messages.push(format!("{message:?}"));
            }
        }
        (messages, decoder.dropped().0)
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(noise in prop::collection::vec(any::<u8>(), 0..60), size in 1_usize..20) {
            let wire = [&noise[..], b"\r\nok\r\n<Idle|MPos:0.000,0.000,0.000|FS:0,0>\r\nerror:20\r\n", &noise].concat();
            prop_assert_eq!(all([wire.clone()]), all(wire.chunks(size).map(<[u8]>::to_vec)));
        }

        #[test]
        fn any_line(line in "[<>$A-Za-z0-9:,.|=\\[\\] -]{0,80}", raw in prop::collection::vec(any::<u8>(), 0..90)) {
            let _ = (parse(line.as_bytes()), parse(&raw));
        }
    }
}
