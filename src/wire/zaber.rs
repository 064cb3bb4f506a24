//! Zaber ASCII protocol (version 2 and later): commands to a chain of devices, replies, infos and alerts back.
//!
//! Commands: `/device axis id words:LRC LF`. Messages: `@` reply, `#` info, `!` alert. The check is two upper-case hex
//! digits, the two's complement of the sum of the bytes between the first character and the colon.
//!
//! Invariants: commands go out with id and LRC; a message whose LRC is wrong is never delivered; what is thrown away is
//! counted. Deliberately absent: continuation packets and streams (no command of ours is longer than a packet).

use std::fmt;

use crate::{
    checksum,
    wire::line::{self, LineSplitter},
};

/// Longest line that is kept, in bytes. Packets are 80 bytes unless a device was told otherwise.
pub const LINE_BYTES_MAX: usize = 256;

/// Highest message id; ids run from 0 to this and begin again.
pub const ID_MAX: u8 = 99;

/// Polling the position of one axis takes 4.3 ms of wire time at 115200 baud: no plan may ask more often than this.
pub const POSITION_POLL_RATE_MAX_HZ: f64 = 150.0;

/// Factor between a speed in microsteps per second and the number that a device takes for it (Zaber protocol manual).
const SPEED_FACTOR: f64 = 1.6384;

/// Position as a device counts it: millimetres over the microstep size, rounded to the nearest microstep.
///
/// Returns `None` where the result is no number that a device could take.
pub fn position_to_data(position_mm: f64, microstep_mm: f64) -> Option<i64> {
    to_data(position_mm / microstep_mm)
}

/// Position in millimetres of a device's number.
pub fn position_from_data(data: i64, microstep_mm: f64) -> f64 {
    data as f64 * microstep_mm
}

/// Speed as a device counts it.
///
/// Returns `None` where the result is no number that a device could take.
pub fn speed_to_data(speed_mm_s: f64, microstep_mm: f64) -> Option<i64> {
    to_data(speed_mm_s / microstep_mm * SPEED_FACTOR)
}

/// Speed in millimetres per second of a device's number.
pub fn speed_from_data(data: i64, microstep_mm: f64) -> f64 {
    data as f64 * microstep_mm / SPEED_FACTOR
}

/// Acceleration in millimetres per second squared of a device's number.
pub fn acceleration_from_data(data: i64, microstep_mm: f64) -> f64 {
    data as f64 * microstep_mm * 10_000.0 / SPEED_FACTOR
}

fn to_data(number: f64) -> Option<i64> {
    let rounded = number.round();
    (rounded.abs() <= f64::from(i32::MAX)).then_some(rounded as i64)
}

/// A command, or an empty one, which asks for the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'t> {
    /// 0 for all devices, else 1 to 99.
    pub device: u8,
    /// 0 for the device or all its axes, else 1 to 9.
    pub axis: u8,
    /// Message id 0 to 99, which the reply repeats.
    pub id: Option<u8>,
    /// Words, separated by single spaces; empty for a status query.
    pub words: &'t str,
}

impl Command<'_> {
    /// Appends the command with its LRC and a line feed to `wire`.
    pub fn encode(&self, wire: &mut Vec<u8>) {
        let Self { device, axis, id, words } = self;
        let id = id.map(|id| format!(" {id}")).unwrap_or_default();
        let gap = if words.is_empty() { "" } else { " " };
        encode_line(b'/', &format!("{device} {axis}{id}{gap}{words}"), true, "\n", wire);
    }
}

/// Appends a line with its LRC, if wanted, to `wire`.
fn encode_line(start: u8, content: &str, with_lrc: bool, end: &str, wire: &mut Vec<u8>) {
    wire.push(start);
    wire.extend_from_slice(content.as_bytes());
    if with_lrc {
        wire.extend(format!(":{:02X}", checksum::lrc(content.as_bytes())).bytes());
    }
    wire.extend_from_slice(end.as_bytes());
}

/// Warning flag: two characters, the first F (fault), W (warning) or N (note).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flag(pub [u8; 2]);

/// Flags by falling priority, with their meaning (Zaber Motion Library 10.2, `WarningFlags`).
const FLAGS: [(&[u8; 2], &str); 33] = [
    (b"FF", "critical system error"),
    (b"FN", "peripheral not supported"),
    (b"FZ", "peripheral inactive"),
    (b"FH", "hardware emergency stop"),
    (b"FV", "over- or undervoltage, driver disabled"),
    (b"FO", "driver disabled without a fault"),
    (b"FC", "current inrush error"),
    (b"FM", "motor temperature error"),
    (b"FD", "driver disabled"),
    (b"FQ", "encoder error"),
    (b"FI", "index error"),
    (b"FA", "analog encoder synchronisation error"),
    (b"FR", "overdrive limit exceeded"),
    (b"FS", "stalled and stopped"),
    (b"FB", "stream bounds error"),
    (b"FP", "path deviation"),
    (b"FE", "limit error"),
    (b"FT", "excessive twist"),
    (b"WL", "unexpected limit trigger"),
    (b"WV", "voltage out of range"),
    (b"WT", "controller temperature high"),
    (b"WS", "stalled with recovery"),
    (b"WM", "displaced when stationary"),
    (b"WP", "invalid calibration"),
    (b"WR", "no reference position"),
    (b"WH", "not homed"),
    (b"NC", "manual control"),
    (b"NI", "movement interrupted"),
    (b"ND", "stream discontinuity"),
    (b"NR", "value rounded"),
    (b"NT", "value truncated"),
    (b"NU", "setting update pending"),
    (b"NJ", "joystick calibrating"),
];

impl Flag {
    /// No reference position.
    pub const NO_REFERENCE: Self = Self(*b"WR");
    /// Not homed.
    pub const NOT_HOMED: Self = Self(*b"WH");
    /// Stalled and stopped.
    pub const STALLED: Self = Self(*b"FS");
    /// Movement interrupted.
    pub const INTERRUPTED: Self = Self(*b"NI");

    /// Whether it is a fault: motion was stopped or the driver is off, so the result of the motion is unknown.
    pub fn is_fault(self) -> bool {
        self.0[0] == b'F'
    }

    /// Rank among flags: of several, a reply shows the one with the lowest.
    pub fn rank(self) -> usize {
        FLAGS.iter().position(|(flag, _)| **flag == self.0).unwrap_or(FLAGS.len())
    }

    /// Its meaning in words.
    pub fn meaning(self) -> &'static str {
        FLAGS.iter().find(|(flag, _)| **flag == self.0).map_or("undocumented flag", |(_, meaning)| meaning)
    }

    /// Reads the flag field of a message: `None` inside for `--`.
    fn parse(field: &[u8]) -> Option<Option<Self>> {
        match field {
            b"--" => Some(None),
            &[first @ (b'F' | b'W' | b'N'), second] if second.is_ascii_alphanumeric() => {
                Some(Some(Self([first, second])))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0.map(char::from);
        write!(f, "{first}{second}")
    }
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flag({self})")
    }
}

/// What a device says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'l> {
    /// `@`: the answer to a command.
    Reply(Reply<'l>),
    /// `#`: more text that belongs to the reply before it.
    Info(Info<'l>),
    /// `!`: unasked; can stand between a command and its reply.
    Alert(Alert),
}

/// The answer to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'l> {
    /// Address of the device that answers.
    pub device: u8,
    /// Axis that the command was for; 0 for the device.
    pub axis: u8,
    /// The command's message id, if it had one.
    pub id: Option<u8>,
    /// `OK` (true) or `RJ` (false).
    pub accepted: bool,
    /// Whether an axis moves.
    pub busy: bool,
    /// The warning flag of the highest priority.
    pub flag: Option<Flag>,
    /// The answer's words, or the reason of a refusal (`BADDATA`, `PARKED`, ...: an open set).
    pub data: &'l str,
    /// Whether the line had an LRC (which then was right).
    pub checked: bool,
}

impl<'l> Reply<'l> {
    /// The data as integers, one an axis; an item is `None` where it is no integer (`NA` for an axis without it).
    pub fn numbers(&self) -> impl Iterator<Item = Option<i64>> + use<'l> {
        self.data.split_ascii_whitespace().map(|word| word.parse().ok())
    }
}

/// Further text of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info<'l> {
    /// Address of the device.
    pub device: u8,
    /// Axis that the command was for.
    pub axis: u8,
    /// The command's message id, if it had one.
    pub id: Option<u8>,
    /// The text.
    pub text: &'l str,
}

/// A message without a command, only with `comm.alert` 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Address of the device.
    pub device: u8,
    /// Axis that changed its state.
    pub axis: u8,
    /// Whether it moves now.
    pub busy: bool,
    /// The warning flag of the highest priority.
    pub flag: Option<Flag>,
}

/// Why a line is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The LRC is wrong.
    #[error("checksum is wrong")]
    Checksum,
    /// Not the shape of a message, or not ASCII.
    #[error("not a message of the Zaber ASCII protocol; check the baud rate and that the device is in ASCII mode")]
    Shape,
}

/// Cuts fields, separated by single spaces, from the front of a line.
struct Words<'l>(&'l [u8]);

impl<'l> Words<'l> {
    fn next(&mut self) -> &'l [u8] {
        let end = self.0.iter().position(|&byte| byte == b' ').unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        word
    }

    /// One or two digits.
    fn number(&mut self) -> Result<u8, LineError> {
        match *self.next() {
            [ones @ b'0'..=b'9'] => Ok(ones - b'0'),
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Ok(10 * (tens - b'0') + ones - b'0'),
            _ => Err(LineError::Shape),
        }
    }

    /// A message id, if the next word is one.
    fn id(&mut self) -> Option<u8> {
        let mut ahead = Words(self.0);
        let id = ahead.number().ok()?;
        self.0 = ahead.0;
        Some(id)
    }

    fn busy(&mut self) -> Result<bool, LineError> {
        match self.next() {
            b"IDLE" => Ok(false),
            b"BUSY" => Ok(true),
            _ => Err(LineError::Shape),
        }
    }

    fn flag(&mut self) -> Result<Option<Flag>, LineError> {
        Flag::parse(self.next()).ok_or(LineError::Shape)
    }
}

/// Checks and removes the LRC behind the last colon. Returns the content and whether there was one.
fn without_lrc(content: &[u8]) -> Result<(&[u8], bool), LineError> {
    let Some((head, &[b':', high, low])) = content.split_last_chunk::<3>() else {
        return Ok((content, false));
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (Some(high), Some(low)) = (digit(high), digit(low)) else {
        return Ok((content, false));
    };
    if u32::from(checksum::lrc(head)) != high << 4 | low {
        return Err(LineError::Checksum);
    }
    Ok((head, true))
}

fn text(bytes: &[u8]) -> Result<&str, LineError> {
    if !bytes.is_ascii() {
        return Err(LineError::Shape);
    }
    std::str::from_utf8(bytes).map_err(|_| LineError::Shape)
}

/// Reads one line, without its end, as a message.
///
/// # Errors
///
/// [`LineError`] where the LRC is wrong or the line has another shape.
pub fn parse_message(line: &[u8]) -> Result<Message<'_>, LineError> {
    let (&start, content) = line.split_first().ok_or(LineError::Shape)?;
    let (content, checked) = without_lrc(content)?;
    let mut words = Words(content);
    let (device, axis) = (words.number()?, words.number()?);
    match start {
        b'@' => {
            let id = words.id();
            let accepted = match words.next() {
                b"OK" => true,
                b"RJ" => false,
                _ => return Err(LineError::Shape),
            };
            let (busy, flag, data) = (words.busy()?, words.flag()?, text(words.0)?);
            Ok(Message::Reply(Reply { device, axis, id, accepted, busy, flag, data, checked }))
        }
        b'#' => {
            let id = words.id();
            Ok(Message::Info(Info { device, axis, id, text: text(words.0)? }))
        }
        b'!' => Ok(Message::Alert(Alert { device, axis, busy: words.busy()?, flag: words.flag()? })),
        _ => Err(LineError::Shape),
    }
}

/// Appends a message to `wire` as a device does, with an LRC where `with_lrc` says so.
pub fn encode_message(message: &Message<'_>, with_lrc: bool, wire: &mut Vec<u8>) {
    let address = |device: u8, axis: u8, id: Option<u8>| {
        let id = id.map(|id| format!(" {id:02}")).unwrap_or_default();
        format!("{device:02} {axis}{id}")
    };
    let state = |busy: bool, flag: Option<Flag>| {
        let flag = flag.map_or_else(|| "--".to_owned(), |flag| flag.to_string());
        format!("{} {flag}", if busy { "BUSY" } else { "IDLE" })
    };
    match *message {
        Message::Reply(Reply { device, axis, id, accepted, busy, flag, data, .. }) => {
            let verdict = if accepted { "OK" } else { "RJ" };
            let line = format!("{} {verdict} {} {data}", address(device, axis, id), state(busy, flag));
            encode_line(b'@', &line, with_lrc, "\r\n", wire);
        }
        Message::Info(Info { device, axis, id, text }) => {
            encode_line(b'#', &format!("{} {text}", address(device, axis, id)), with_lrc, "\r\n", wire);
        }
        Message::Alert(Alert { device, axis, busy, flag }) => {
            let line = format!("{} {}", address(device, axis, None), state(busy, flag));
            encode_line(b'!', &line, with_lrc, "\r\n", wire);
        }
    }
}

/// A command as a device hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard<'t> {
    /// The command.
    pub command: Command<'t>,
    /// Whether it had an LRC.
    pub checked: bool,
    /// Whether a reply is wanted: `--` in place of the id wants none.
    pub reply: bool,
}

/// Reads one line, without its end, as a command, as a device does: device, axis and id may be left out from the right
/// and zero-padded.
///
/// # Errors
///
/// [`LineError`] where the LRC is wrong or the line has another shape; a device ignores such a line.
pub fn parse_command(line: &[u8]) -> Result<Heard<'_>, LineError> {
    let (b'/', content) = line.split_first().ok_or(LineError::Shape)? else {
        return Err(LineError::Shape);
    };
    let (content, checked) = without_lrc(content)?;
    let mut words = Words(content.trim_ascii());
    let device = words.id().unwrap_or(0);
    let axis = words.id().unwrap_or(0);
    let id = words.id();
    let rest = text(words.0)?.trim();
    let unanswered = rest.strip_prefix("--").filter(|rest| id.is_none() && (rest.is_empty() || rest.starts_with(' ')));
    let command = Command { device, axis, id, words: unanswered.unwrap_or(rest).trim() };
    Ok(Heard { command, checked, reply: unanswered.is_none() })
}

/// What a [`MessageDecoder`] threw away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Lines that were too long.
    pub overlong: line::Dropped,
    /// Lines with a wrong LRC.
    pub bad_checksum: u64,
    /// Lines of another shape.
    pub bad_shape: u64,
}

/// Finds messages in a byte stream.
#[derive(Debug)]
pub struct MessageDecoder {
    splitter: LineSplitter,
    dropped: Dropped,
}

impl Default for MessageDecoder {
    fn default() -> Self {
        Self { splitter: LineSplitter::new(LINE_BYTES_MAX), dropped: Dropped::default() }
    }
}

impl MessageDecoder {
    /// Takes the next line from what is pending and from the front of `input`; `None` when all of it is consumed.
    ///
    /// A line that is no message comes as an error, and is counted: the caller shows it and asks for the next.
    pub fn next_message<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<Result<Message<'s>, LineError>> {
        let message = parse_message(self.splitter.next_line(input)?);
        match message {
            Err(LineError::Checksum) => self.dropped.bad_checksum += 1,
            Err(LineError::Shape) => self.dropped.bad_shape += 1,
            Ok(_) => {}
        }
        Some(message)
    }

    /// Bytes of a line whose end has not come yet.
    pub fn pending_bytes(&self) -> usize {
        self.splitter.pending_bytes()
    }

    /// What was thrown away so far.
    pub fn dropped(&self) -> Dropped {
        Dropped { overlong: self.splitter.dropped(), ..self.dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Alert, Command, Flag, Heard, Info, LineError, Message, MessageDecoder, Reply, encode_message, parse_command,
        parse_message, position_to_data, speed_from_data, speed_to_data,
    };
    use proptest::prelude::*;

    /// Packets seen on the wire of Zaber's own library and of zproto.
    #[test]
    fn commands_of_other_hosts_are_understood() {
        let command = |device, axis, id, words| Command { device, axis, id, words };
        let rows: [(&str, Command<'_>, bool); 7] = [
            ("/1 0 02 get deviceid:40", command(1, 0, Some(2), "get deviceid"), true),
            ("/1 0 2 home:64", command(1, 0, Some(2), "home"), true),
            ("/1 1 16:F7", command(1, 1, Some(16), ""), true),
            ("/", command(0, 0, None, ""), false),
            ("/home", command(0, 0, None, "home"), false),
            ("/01 2 move abs -5", command(1, 2, None, "move abs -5"), false),
            ("/1 move vel 0", command(1, 0, None, "move vel 0"), false),
        ];
        for (line, expected, checked) in rows {
            assert_eq!(parse_command(line.as_bytes()), Ok(Heard { command: expected, checked, reply: true }), "{line}");
        }
        let silent = Heard { command: command(1, 3, None, "home"), checked: false, reply: false };
        assert_eq!(parse_command(b"/1 3 -- home"), Ok(silent));
        assert_eq!(parse_command(b"/1 1 16:F8"), Err(LineError::Checksum));
        assert_eq!(parse_command(b"@01 0 OK IDLE -- 0"), Err(LineError::Shape));
    }

    #[test]
    fn commands_go_out_with_id_and_lrc() {
        let mut wire = Vec::new();
        Command { device: 1, axis: 1, id: Some(16), words: "" }.encode(&mut wire);
        Command { device: 1, axis: 0, id: Some(2), words: "home" }.encode(&mut wire);
        assert_eq!(wire, b"/1 1 16:F7\n/1 0 2 home:64\n");
    }

    #[test]
    fn messages_by_hand() {
        let reply =
            Reply { device: 1, axis: 0, id: None, accepted: true, busy: false, flag: None, data: "0", checked: false };
        let rows: [(&str, Message<'_>); 6] = [
            ("@01 0 OK IDLE -- 0", Message::Reply(reply)),
            ("@01 0 OK IDLE -- 0:8D", Message::Reply(Reply { checked: true, ..reply })),
            (
                "@02 1 07 OK BUSY WR 104 -5 NA",
                Message::Reply(Reply {
                    device: 2,
                    axis: 1,
                    id: Some(7),
                    busy: true,
                    flag: Some(Flag::NO_REFERENCE),
                    data: "104 -5 NA",
                    ..reply
                }),
            ),
            (
                "@01 0 99 RJ IDLE FS BADDATA",
                Message::Reply(Reply {
                    id: Some(99),
                    accepted: false,
                    flag: Some(Flag::STALLED),
                    data: "BADDATA",
                    ..reply
                }),
            ),
            (
                "#01 0 12 Commands: home",
                Message::Info(Info { device: 1, axis: 0, id: Some(12), text: "Commands: home" }),
            ),
            ("!01 1 IDLE FS", Message::Alert(Alert { device: 1, axis: 1, busy: false, flag: Some(Flag::STALLED) })),
        ];
        for (line, expected) in rows {
            assert_eq!(parse_message(line.as_bytes()), Ok(expected), "{line}");
        }
        let numbers: Vec<_> = Reply { data: "104 -5 NA", ..reply }.numbers().collect();
        assert_eq!(numbers, [Some(104), Some(-5), None]);
    }

    #[test]
    fn what_is_no_message_is_refused_and_counted() {
        let rows = [
            "@01 0 OK IDLE",
            "@01 0 OK IDLE XX 0",
            "@1x 0 OK IDLE -- 0",
            "@01 0 MAYBE IDLE -- 0",
            "@",
            "?01",
            "@01 0 OK IDLE -- \u{e9}",
        ];
        for line in rows {
            assert_eq!(parse_message(line.as_bytes()), Err(LineError::Shape), "{line}");
        }
        let mut decoder = MessageDecoder::default();
        let mut input: &[u8] = b"\xFF\xFE\r\n@01 0 OK IDLE -- 0:8E\r\n@01 0 OK IDLE -- 0:8D\r\n";
        let mut good = 0;
        while let Some(message) = decoder.next_message(&mut input) {
            good += u32::from(message.is_ok());
        }
        assert_eq!((good, decoder.dropped().bad_shape, decoder.dropped().bad_checksum), (1, 1, 1));
    }

    /// 25.4 mm are 533333 microsteps of an X-LSM (Zaber product data).
    #[test]
    fn units_of_an_x_lsm() {
        let microstep_mm = 0.000_047_625;
        assert_eq!(position_to_data(25.4, microstep_mm), Some(533_333));
        let data = speed_to_data(0.5, microstep_mm).expect("a speed");
        assert!((speed_from_data(data, microstep_mm) - 0.5).abs() < microstep_mm);
        assert_eq!(position_to_data(f64::NAN, microstep_mm), None);
        assert_eq!(position_to_data(1e9, microstep_mm), None);
    }

    #[test]
    fn flags_have_meanings() {
        assert!(Flag(*b"FE").is_fault() && !Flag::NO_REFERENCE.is_fault());
        assert_eq!(Flag(*b"FE").meaning(), "limit error");
        assert_eq!(Flag(*b"NX").meaning(), "undocumented flag");
    }

    fn messages(chunks: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
        let mut decoder = MessageDecoder::default();
        let mut all = Vec::new();
        for chunk in chunks {
            let mut input = &chunk[..];
            while let Some(message) = decoder.next_message(&mut input) {
                all.push(format!("{message:?}"));
            }
        }
        all
    }

    proptest! {
        #[test]
        fn reply_round_trip(
            device in 1_u8..100, axis in 0_u8..10, id in prop::option::of(0_u8..100), accepted: bool, busy: bool,
            flag in prop::option::of(prop::sample::select(vec![Flag::STALLED, Flag::INTERRUPTED])),
            data in "[A-Z0-9. -]{1,40}", checked: bool,
        ) {
            let message = Message::Reply(Reply { device, axis, id, accepted, busy, flag, data: &data, checked });
            let mut wire = Vec::new();
            encode_message(&message, checked, &mut wire);
            let line = wire.strip_suffix(b"\r\n").expect("ends in CR LF");
            prop_assert_eq!(parse_message(line), Ok(message));
        }

        #[test]
        fn command_round_trip(device in 0_u8..100, axis in 0_u8..10, id in 0_u8..100, words in "([a-z][a-z.]{0,9}( -?[0-9]{1,9})?)?") {
            let command = Command { device, axis, id: Some(id), words: &words };
            let mut wire = Vec::new();
            command.encode(&mut wire);
            let line = wire.strip_suffix(b"\n").expect("ends in LF");
            prop_assert_eq!(parse_command(line), Ok(Heard { command, checked: true, reply: true }));
        }

        #[test]
        fn chunking_changes_nothing(noise in prop::collection::vec(any::<u8>(), 0..60), size in 1_usize..20) {
            let wire = [&noise[..], b"\n@01 1 05 OK BUSY -- 12345:A0\r\n!01 1 IDLE --\r\n", &noise].concat();
            prop_assert_eq!(messages([wire.clone()]), messages(wire.chunks(size).map(<[u8]>::to_vec)));
        }

        #[test]
        fn any_line(line in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = (parse_message(&line), parse_command(&line));
        }
    }
}
