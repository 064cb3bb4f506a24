//! Requests, replies and events of BENCH-LINK v1 with their payloads.
//!
//! A command type knows its operation, its bytes and its reply, so that no reply can be read as another's. Both
//! directions are here: the host encodes requests and decodes replies, simulated firmware does the reverse.

use crate::wire::bench_link::{
    PAYLOAD_BYTES_MAX,
    code::{Capabilities, ErrorCode, Faults, Flags, Op, State, Undefined},
};

/// Names this revision of the payloads. A device states the revision that it was built for in HELLO.
pub const SCHEMA: &str = "HELLO()u8,u8x3,u32,u8x12,u32,u32,u8,u16;HEARTBEAT(u16,u32)S;SET(u32,u16)u32,u16;ARM(u32)S;\
RUN(u8)S;STOP()S;CLEAR_FAULTS()S;HOLD(u8)S;TELEM_CFG(u32,u32)u32,u32;TELEM!u32,u8,x;STATUS!S;FLAG!u32,u32;ECHO(x)x;\
S=u64,u8,u32";

/// FNV-1a (32 bit) of [`SCHEMA`].
pub const SCHEMA_HASH: u32 = fnv1a(SCHEMA.as_bytes());

const fn fnv1a(bytes: &[u8]) -> u32 {
    let mut hash = 0x811C_9DC5_u32;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u32).wrapping_mul(0x0100_0193);
        index += 1;
    }
    hash
}

/// A payload that is not what its operation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Too short or too long.
    #[error("payload has {given} bytes, expected {expected}; device and host may have different protocol revisions")]
    Length {
        /// Bytes that the payload must have.
        expected: usize,
        /// Bytes that it has.
        given: usize,
    },
    /// A field holds a number that version 1 does not define.
    #[error("field {index} of the payload: {source}")]
    Field {
        /// Index of the field, from 0.
        index: u8,
        /// The number.
        source: Undefined,
    },
}

/// Bytes of a payload, in both directions.
pub trait Payload: Sized {
    /// The payload's bytes, at most [`PAYLOAD_BYTES_MAX`].
    fn to_bytes(&self) -> Vec<u8>;

    /// Reads a payload back.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where the length is not exact or a number is undefined.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// A request that can be sent.
pub trait Command: Payload {
    /// Its operation.
    const OP: Op;
    /// What the device answers.
    type Reply: Payload;
}

/// Takes fields from the front of a payload whose length was checked.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn exactly(bytes: &'b [u8], expected: usize) -> Result<Self, DecodeError> {
        if bytes.len() == expected {
            return Ok(Self(bytes));
        }
        Err(DecodeError::Length { expected, given: bytes.len() })
    }

    /// The next `N` bytes, zeros behind the end; [`Fields::exactly`] has made sure that there is no such thing.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((head, rest)) = self.0.split_first_chunk::<N>() else {
            return [0; N];
        };
        self.0 = rest;
        *head
    }

    fn u8(&mut self) -> u8 {
        let [byte] = self.take();
        byte
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

/// Implements the payload of a type without fields.
macro_rules! empty_payload {
    ($($name:ident),+) => {$(
        impl Payload for $name {
            fn to_bytes(&self) -> Vec<u8> {
                Vec::new()
            }

            fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
                Fields::exactly(bytes, 0).map(|_| Self)
            }
        }
    )+};
}

/// Asks who the device is. Begins a session: the device forgets the reply that it keeps for repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello;

/// Stops the motor and disarms. Accepted in every state, as often as it comes. Ends a DAQ's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// Clears latched faults whose cause is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClearFaults;

empty_payload!(Hello, Stop, ClearFaults);

/// Reply to [`Hello`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Newest protocol version that the device speaks.
    pub protocol: u8,
    /// Firmware version: major, minor, patch.
    pub firmware: [u8; 3],
    /// [`SCHEMA_HASH`] of the revision that the device was built for.
    pub schema_hash: u32,
    /// Number of this very device, for life.
    pub device_uid: [u8; 12],
    /// Random at every boot: a change means that the device restarted.
    pub boot_id: u32,
    /// Roles.
    pub capabilities: Capabilities,
    /// Longest body that the device takes and sends, in bytes.
    pub body_bytes_max: u8,
    /// Longest lease that the device grants, in milliseconds, at most 500; zero where it has nothing that moves.
    pub lease_max_ms: u16,
}

impl Payload for Identity {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.protocol];
        bytes.extend(self.firmware);
        bytes.extend(self.schema_hash.to_le_bytes());
        bytes.extend(self.device_uid);
        bytes.extend(self.boot_id.to_le_bytes());
        bytes.extend(self.capabilities.0.to_le_bytes());
        bytes.push(self.body_bytes_max);
        bytes.extend(self.lease_max_ms.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::exactly(bytes, 31)?;
        Ok(Self {
            protocol: fields.u8(),
            firmware: fields.take(),
            schema_hash: fields.u32(),
            device_uid: fields.take(),
            boot_id: fields.u32(),
            capabilities: Capabilities(fields.u32()),
            body_bytes_max: fields.u8(),
            lease_max_ms: fields.u16(),
        })
    }
}

impl Command for Hello {
    const OP: Op = Op::Hello;
    type Reply = Identity;
}

/// How a device is: the reply to everything that touches the motor, and the STATUS event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Microseconds since boot, on the device's clock.
    pub device_us: u64,
    /// What it is doing.
    pub state: State,
    /// Latched faults.
    pub faults: Faults,
}

impl Payload for Status {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.device_us.to_le_bytes().to_vec();
        bytes.push(self.state as u8);
        bytes.extend(self.faults.0.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::exactly(bytes, 13)?;
        Ok(Self {
            device_us: fields.u64(),
            state: State::try_from(fields.u8()).map_err(|source| DecodeError::Field { index: 1, source })?,
            faults: Faults(fields.u32()),
        })
    }
}

impl Command for Stop {
    const OP: Op = Op::Stop;
    type Reply = Status;
}

impl Command for ClearFaults {
    const OP: Op = Op::ClearFaults;
    type Reply = Status;
}

/// Refreshes the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Lease asked for from now on, in milliseconds, at least 1; the device grants at most its `lease_max_ms`.
    pub lease_ms: u16,
    /// The host's clock, for the device's log, in milliseconds.
    pub host_ms: u32,
}

impl Payload for Heartbeat {
    fn to_bytes(&self) -> Vec<u8> {
        [&self.lease_ms.to_le_bytes()[..], &self.host_ms.to_le_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::exactly(bytes, 6)?;
        Ok(Self { lease_ms: fields.u16(), host_ms: fields.u32() })
    }
}

impl Command for Heartbeat {
    const OP: Op = Op::Heartbeat;
    type Reply = Status;
}

/// Stroke rate and set depth: asked for in the request, in force in the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// Stroke rate in hundredths of a hertz.
    pub rate_chz: u32,
    /// Set depth in micrometres.
    pub set_depth_um: u16,
}

impl Payload for Set {
    fn to_bytes(&self) -> Vec<u8> {
        [&self.rate_chz.to_le_bytes()[..], &self.set_depth_um.to_le_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::exactly(bytes, 6)?;
        Ok(Self { rate_chz: fields.u32(), set_depth_um: fields.u16() })
    }
}

impl Command for Set {
    const OP: Op = Op::Set;
    type Reply = Self;
}

/// Permits motion for as long as the lease lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    /// The boot id from HELLO, so that a host cannot arm a device that restarted behind its back.
    pub token: u32,
}

impl Payload for Arm {
    fn to_bytes(&self) -> Vec<u8> {
        self.token.to_le_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { token: Fields::exactly(bytes, 4)?.u32() })
    }
}

impl Command for Arm {
    const OP: Op = Op::Arm;
    type Reply = Status;
}

/// A boolean byte: 0 or 1, nothing else.
fn boolean(bytes: &[u8], what: &'static str) -> Result<bool, DecodeError> {
    match Fields::exactly(bytes, 1)?.u8() {
        0 => Ok(false),
        1 => Ok(true),
        value => Err(DecodeError::Field { index: 0, source: Undefined { what, value } }),
    }
}

/// Motor on or off; off leaves the device armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// On or off.
    pub on: bool,
}

impl Payload for Run {
    fn to_bytes(&self) -> Vec<u8> {
        vec![u8::from(self.on)]
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { on: boolean(bytes, "on")? })
    }
}

impl Command for Run {
    const OP: Op = Op::Run;
    type Reply = Status;
}

/// Needles at rest at a dead centre, held there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Extended (true) or retracted (false).
    pub out: bool,
}

impl Payload for Hold {
    fn to_bytes(&self) -> Vec<u8> {
        vec![u8::from(self.out)]
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { out: boolean(bytes, "out")? })
    }
}

impl Command for Hold {
    const OP: Op = Op::Hold;
    type Reply = Status;
}

/// What to sample and how often: asked for in the request, in force in the reply. A mask of zero ends the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// Channels, see [`Layout`](crate::wire::bench_link::telemetry::Layout).
    pub mask: u32,
    /// Sample period in microseconds.
    pub period_us: u32,
}

impl Payload for TelemetryConfig {
    fn to_bytes(&self) -> Vec<u8> {
        [self.mask.to_le_bytes(), self.period_us.to_le_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::exactly(bytes, 8)?;
        Ok(Self { mask: fields.u32(), period_us: fields.u32() })
    }
}

impl Command for TelemetryConfig {
    const OP: Op = Op::TelemetryConfig;
    type Reply = Self;
}

/// Sends its payload back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo(pub Vec<u8>);

impl Payload for Echo {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > PAYLOAD_BYTES_MAX {
            return Err(DecodeError::Length { expected: PAYLOAD_BYTES_MAX, given: bytes.len() });
        }
        Ok(Self(bytes.to_vec()))
    }
}

impl Command for Echo {
    const OP: Op = Op::Echo;
    type Reply = Self;
}

/// Event: the flags of the sampled channels changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagEvent {
    /// Time stamp of the first sample that the new flags hold for, on the scale of the telemetry.
    pub device_us: u32,
    /// Flags that hold now.
    pub flags: Flags,
}

impl Payload for FlagEvent {
    fn to_bytes(&self) -> Vec<u8> {
        [self.device_us.to_le_bytes(), self.flags.0.to_le_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::exactly(bytes, 8)?;
        Ok(Self { device_us: fields.u32(), flags: Flags(fields.u32()) })
    }
}

/// Payload of an error frame: the request was refused and nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("device refused the request: {code} (detail {detail})")]
pub struct ErrorReply {
    /// Why.
    pub code: ErrorCode,
    /// More of it, see [`ErrorCode`].
    pub detail: u8,
}

impl From<DecodeError> for ErrorReply {
    /// How a device refuses a payload that it cannot read.
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Length { expected, .. } => {
                Self { code: ErrorCode::Length, detail: u8::try_from(expected).unwrap_or(u8::MAX) }
            }
            DecodeError::Field { index, .. } => Self { code: ErrorCode::Value, detail: index },
        }
    }
}

impl Payload for ErrorReply {
    fn to_bytes(&self) -> Vec<u8> {
        vec![self.code as u8, self.detail]
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields::exactly(bytes, 2)?;
        Ok(Self {
            code: ErrorCode::try_from(fields.u8()).map_err(|source| DecodeError::Field { index: 0, source })?,
            detail: fields.u8(),
        })
    }
}
