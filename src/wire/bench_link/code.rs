//! States, faults, flags, error codes and capabilities of BENCH-LINK v1, as numbers on the wire.
//!
//! Numbers never change their meaning. A number that is not listed here is kept and shown as it came.

use std::fmt;

/// A number on the wire that version 1 does not define.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:#04x} is not defined in BENCH-LINK v1; is the device's firmware newer than this program?")]
pub struct Undefined {
    /// What kind of number it is.
    pub what: &'static str,
    /// The number.
    pub value: u8,
}

/// Defines an enum with its bytes, its words and the way back.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$doc:meta])* $variant:ident = $value:literal $words:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$doc])* $variant = $value,)+
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
        }

        impl TryFrom<u8> for $name {
            type Error = Undefined;

            fn try_from(value: u8) -> Result<Self, Undefined> {
                match value {
                    $($value => Ok(Self::$variant),)+
                    _ => Err(Undefined { what: $what, value }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $words,)+
                })
            }
        }
    };
}

wire_enum! {
    /// Low half of a frame's first byte.
    Kind, "frame kind" {
        /// Host to device.
        Request = 0 "request",
        /// Device to host: the request was done.
        Reply = 1 "reply",
        /// Device to host: the request was refused, nothing was done.
        Error = 2 "error",
        /// Device to host, unasked.
        Event = 3 "event",
    }
}

wire_enum! {
    /// Operation of a frame.
    Op, "operation" {
        /// Identity; begins a session.
        Hello = 0x01 "HELLO",
        /// Refreshes the lease; asks for the status.
        Heartbeat = 0x02 "HEARTBEAT",
        /// Stroke rate and set depth.
        Set = 0x10 "SET",
        /// Permission to move, for as long as the lease lives.
        Arm = 0x11 "ARM",
        /// Motor on or off.
        Run = 0x12 "RUN",
        /// Motor off and disarmed, always accepted.
        Stop = 0x13 "STOP",
        /// Clears latched faults whose cause is gone.
        ClearFaults = 0x14 "CLEAR_FAULTS",
        /// Needles at rest, extended or retracted.
        Hold = 0x15 "HOLD",
        /// Starts, changes or ends a telemetry stream.
        TelemetryConfig = 0x20 "TELEM_CFG",
        /// Event: a batch of samples.
        Telemetry = 0x21 "TELEM",
        /// Event: the device's state or faults changed without a request.
        Status = 0x22 "STATUS",
        /// Event: a flag of the sampled channels rose or fell.
        Flag = 0x23 "FLAG",
        /// Sends the payload back.
        Echo = 0x7F "ECHO",
    }
}

wire_enum! {
    /// What a device is doing.
    State, "state" {
        /// At rest and disarmed; the state after boot.
        Safe = 0 "safe",
        /// At rest, motor without power, may move on request.
        Armed = 1 "armed",
        /// Stroking.
        Running = 2 "running",
        /// Armed, held at the retracted dead centre.
        HoldIn = 3 "holding, retracted",
        /// Armed, held at the extended dead centre.
        HoldOut = 4 "holding, extended",
        /// At rest and disarmed because the lease ran out; needs ARM.
        SafeLease = 5 "safe, lease expired",
        /// At rest and disarmed because of a latched fault; needs CLEAR_FAULTS.
        Fault = 6 "fault",
        /// A DAQ that is sending samples.
        Streaming = 7 "streaming",
    }
}

impl State {
    /// Whether the motor may move without a further ARM.
    pub fn is_armed(self) -> bool {
        matches!(self, Self::Armed | Self::Running | Self::HoldIn | Self::HoldOut)
    }

    /// Whether the device says that it is at rest and will not move before an ARM.
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Safe | Self::SafeLease | Self::Fault)
    }
}

wire_enum! {
    /// Why a request was refused.
    ErrorCode, "error code" {
        /// Protocol version unknown; detail: the newest that the device speaks.
        Version = 1 "protocol version not spoken",
        /// Operation unknown, or not one of this device's roles; detail: the operation.
        Op = 2 "operation unknown to this device",
        /// Payload of a wrong length; detail: the length expected.
        Length = 3 "payload of a wrong length",
        /// A field is out of range; detail: its index in the payload, from 0.
        Value = 4 "value out of range",
        /// Not possible in the present state; detail: the state.
        State = 5 "not possible in this state",
        /// ARM with a token that is not this boot's boot id; detail: 0.
        Token = 6 "token is not the boot id of this boot",
        /// RUN or HOLD before the first SET; detail: 0.
        Unset = 7 "no stroke rate and set depth were given yet",
        /// The device cannot take another request now; nothing was done, ask again; detail: 0.
        Busy = 8 "busy",
        /// A defect inside the device; detail: the maker's.
        Internal = 9 "defect inside the device",
    }
}

wire_enum! {
    /// A latched fault, as the number of its bit.
    Fault, "fault bit" {
        /// The motor was told to turn and does not.
        Stall = 0 "motor stalled",
        /// Motor current above its limit.
        Overcurrent = 1 "motor current too high",
        /// Motor or electronics too hot.
        Overtemperature = 2 "too hot",
        /// Supply or battery out of range.
        Supply = 3 "supply voltage out of range",
        /// No cartridge, or one that is locked out.
        Cartridge = 4 "no usable cartridge",
        /// Position or speed sensor implausible.
        Sensor = 5 "motion sensor implausible",
        /// ADC does not answer or lost its synchronisation.
        Adc = 6 "ADC fault",
        /// Self-test, memory or watchdog.
        Internal = 7 "internal fault",
    }
}

wire_enum! {
    /// A condition of the sampled channels, as the number of its bit.
    Flag, "flag bit" {
        /// The force channel is at the end of its range: samples since are not measurements.
        Overload = 0 "force channel overloaded",
        /// The ADC did not answer or delivered implausible words.
        AdcFault = 1 "ADC fault",
        /// Samples were lost inside the device.
        SamplesLost = 2 "samples lost inside the device",
        /// An encoder missed counts or is not connected.
        EncoderFault = 3 "encoder fault",
    }
}

/// A set of bits, each with a meaning where version 1 defines one.
macro_rules! bit_set {
    ($(#[$meta:meta])* $name:ident of $bit:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub u32);

        impl $name {
            /// No bit set.
            pub const NONE: Self = Self(0);

            /// This set and `bit`.
            #[must_use]
            pub fn with(self, bit: $bit) -> Self {
                Self(self.0 | 1 << bit as u8)
            }

            /// Whether `bit` is set.
            pub fn contains(self, bit: $bit) -> bool {
                self.0 & 1 << bit as u8 != 0
            }

            /// Whether no bit is set, defined or not.
            pub fn is_empty(self) -> bool {
                self.0 == 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if self.is_empty() {
                    return f.write_str("none");
                }
                let bits = (0..32_u8).filter(|bit| self.0 & 1 << bit != 0);
                for (index, bit) in bits.enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    match $bit::try_from(bit) {
                        Ok(known) => write!(f, "{known}")?,
                        Err(_) => write!(f, "undefined bit {bit}")?,
                    }
                }
                Ok(())
            }
        }
    };
}

bit_set! {
    /// Latched faults. Any bit, defined or not, is a fault of the device.
    Faults of Fault
}

bit_set! {
    /// Conditions of the sampled channels that hold now.
    Flags of Flag
}

/// Roles of a device, from HELLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(pub u32);

impl Capabilities {
    /// A pen: SET, ARM, RUN, STOP, CLEAR_FAULTS, HOLD.
    pub const PEN: Self = Self(1);
    /// A force DAQ: TELEM_CFG with force and encoders.
    pub const FORCE_DAQ: Self = Self(2);

    /// Whether all roles of `wanted` are there.
    pub fn contains(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Capabilities, ErrorCode, Fault, Faults, Kind, Op, State};

    #[test]
    fn numbers_come_back_as_what_they_were() {
        assert!(Op::ALL.iter().all(|&op| Op::try_from(op as u8) == Ok(op)));
        assert!(State::ALL.iter().all(|&state| State::try_from(state as u8) == Ok(state)));
        assert!(ErrorCode::ALL.iter().all(|&code| ErrorCode::try_from(code as u8) == Ok(code)));
        assert!(Kind::try_from(4).is_err());
        let error = State::try_from(0x42).expect_err("undefined");
        assert!(error.to_string().starts_with("state 0x42 is not defined"), "{error}");
    }

    #[test]
    fn faults_are_spelled_out_and_undefined_ones_kept() {
        let faults = Faults(1 << 20).with(Fault::Stall).with(Fault::Supply);
        assert!(faults.contains(Fault::Stall) && !faults.contains(Fault::Adc));
        assert_eq!(faults.to_string(), "motor stalled, supply voltage out of range, undefined bit 20");
        assert_eq!(Faults::NONE.to_string(), "none");
    }

    #[test]
    fn no_state_is_both_armed_and_safe() {
        assert!(State::ALL.iter().all(|state| !(state.is_armed() && state.is_safe())));
        assert!(Capabilities(3).contains(Capabilities::PEN) && !Capabilities::PEN.contains(Capabilities::FORCE_DAQ));
    }
}
