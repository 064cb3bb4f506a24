//! The force DAQ that speaks BENCH-LINK v1: force and the stage's encoder, latched by one clock.

use super::{
    DeviceFault, ForceDaq, ForceSample, Identity, Session, Tie,
    bench_link::{Requester, damage},
};
use crate::{
    checksum::hex,
    link::Role,
    time::RunTime,
    wire::bench_link::{
        Frame, FrameDecoder,
        code::{Capabilities, Flag, Kind, Op},
        command::{self, FlagEvent, Hello, Payload, TelemetryConfig},
        telemetry::{self, Columns, ENCODERS, FORCE, Layout},
    },
};

const MASK: u32 = FORCE | ENCODERS[0];

/// Session with a force DAQ.
pub struct ForceBenchLink {
    decoder: FrameDecoder,
    requester: Requester,
    identity: Option<Identity>,
    period_us: Option<u32>,
    columns: Columns,
    samples: Vec<ForceSample>,
    /// Unwrapped time at which the next sample is due, once the first has come.
    next_us: Option<u64>,
    lost: u64,
    /// Counter of the last event, so that one that comes twice is known.
    last_event: Option<u16>,
    overloaded: bool,
    fault: Option<DeviceFault>,
}

impl Default for ForceBenchLink {
    fn default() -> Self {
        Self {
            decoder: FrameDecoder::default(),
            requester: Requester::new(Role::Force),
            identity: None,
            period_us: None,
            columns: Columns::default(),
            samples: Vec::new(),
            next_us: None,
            lost: 0,
            last_event: None,
            overloaded: false,
            fault: None,
        }
    }
}

impl ForceBenchLink {
    fn fail(&mut self, fault: DeviceFault) {
        self.fault.get_or_insert(fault);
    }

    fn handle(&mut self, at: RunTime, frame: &Frame<'_>) {
        if frame.kind == Kind::Event && self.last_event.replace(frame.sequence) == Some(frame.sequence) {
            self.requester.strays += 1;
            return;
        }
        match (frame.kind, Op::try_from(frame.op)) {
            (Kind::Event, Ok(Op::Telemetry)) => self.take_samples(frame.payload),
            (Kind::Event, Ok(Op::Flag)) => self.take_flags(frame.payload),
            (Kind::Reply | Kind::Error, _) => match self.requester.answered(at, frame) {
                Some(Ok((Op::Hello, _))) => self.take_identity(frame.payload),
                Some(Ok((Op::TelemetryConfig, _))) => self.take_config(frame.payload),
                Some(Ok(_)) | None => {}
                Some(Err(fault)) => self.fail(fault),
            },
            _ => {}
        }
    }

    fn take_identity(&mut self, payload: &[u8]) {
        let wrong = |found: String| DeviceFault::WrongDevice { role: Role::Force, found };
        match command::Identity::from_bytes(payload) {
            Ok(hello) if hello.capabilities.contains(Capabilities::FORCE_DAQ) => {
                let [major, minor, patch] = hello.firmware;
                self.identity = Some(Identity {
                    model: "BENCH-LINK force DAQ".to_owned(),
                    serial: hex(&hello.device_uid),
                    firmware: format!("{major}.{minor}.{patch}"),
                });
            }
            Ok(hello) => {
                let found = format!("a BENCH-LINK device {} that is no force DAQ", hex(&hello.device_uid));
                self.fail(wrong(found));
            }
            Err(error) => self.fail(wrong(error.to_string())),
        }
    }

    fn take_config(&mut self, payload: &[u8]) {
        match TelemetryConfig::from_bytes(payload) {
            Ok(config) if config.mask == 0 => self.period_us = None,
            Ok(config) if config.mask == MASK && config.period_us > 0 => self.period_us = Some(config.period_us),
            Ok(config) => {
                let reason =
                    format!("it streams mask {:#x} every {} µs, asked was {MASK:#x}", config.mask, config.period_us);
                self.fail(DeviceFault::Failed { role: Role::Force, reason });
            }
            Err(error) => self.fail(DeviceFault::Failed { role: Role::Force, reason: error.to_string() }),
        }
    }

    fn take_samples(&mut self, payload: &[u8]) {
        let (Some(period_us), Some(layout)) = (self.period_us, Layout::of(MASK)) else { return };
        self.columns.clear();
        let batch = match telemetry::decode(layout, payload, &mut self.columns) {
            Ok(batch) => batch,
            Err(error) => {
                let reason = format!("telemetry not understood: {error}");
                return self.fail(DeviceFault::Failed { role: Role::Force, reason });
            }
        };
        let period = u64::from(period_us);
        let first_us = match self.next_us {
            None => u64::from(batch.device_us),
            Some(next_us) => {
                // Unwrap the device's 32-bit clock against the time that was expected.
                let ahead = batch.device_us.wrapping_sub(next_us as u32) as i32;
                let Some(first_us) =
                    next_us.checked_add_signed(i64::from(ahead)).filter(|_| ahead > -(period_us as i32))
                else {
                    let reason =
                        format!("its clock went backwards by {} µs; samples cannot be ordered", -i64::from(ahead));
                    return self.fail(DeviceFault::Failed { role: Role::Force, reason });
                };
                self.lost += (first_us.saturating_sub(next_us) + period / 2) / period;
                first_us
            }
        };
        let counts = self.columns.force_counts.iter().zip(&self.columns.encoder_counts[0]);
        self.samples.extend(counts.zip(0..).map(|((&force_counts, &z_counts), index): (_, u64)| ForceSample {
            force_counts,
            tie: Tie::Latched { device_us: first_us + index * period, z_counts },
        }));
        self.next_us = Some(first_us + batch.samples as u64 * period);
    }

    fn take_flags(&mut self, payload: &[u8]) {
        match FlagEvent::from_bytes(payload) {
            Ok(event) => {
                self.overloaded |= event.flags.contains(Flag::Overload);
                if event.flags.contains(Flag::AdcFault) || event.flags.contains(Flag::EncoderFault) {
                    let reason = format!("it flags: {}; check the cell's and the encoder's cable", event.flags);
                    self.fail(DeviceFault::Failed { role: Role::Force, reason });
                }
            }
            Err(error) => self.fail(DeviceFault::Failed { role: Role::Force, reason: error.to_string() }),
        }
    }
}

impl Session for ForceBenchLink {
    fn receive(&mut self, at: RunTime, mut bytes: &[u8]) {
        self.requester.count(bytes.len());
        let known = self.identity.is_some();
        let mut decoder = std::mem::take(&mut self.decoder);
        while let Some(frame) = decoder.next_frame(&mut bytes) {
            self.handle(at, &frame);
        }
        if !known {
            self.requester.dropped_before = decoder.dropped().packets();
        }
        self.decoder = decoder;
    }

    fn tick(&mut self, now: RunTime) {
        if let Some(fault) = self.requester.tick(now) {
            self.fail(fault);
        }
    }

    fn next_tick(&self) -> Option<RunTime> {
        self.requester.next_tick()
    }

    fn transmit(&mut self) -> Option<(Vec<u8>, bool)> {
        self.requester.transmit()
    }

    fn busy(&self) -> bool {
        self.requester.busy()
    }

    fn take_fault(&mut self) -> Option<DeviceFault> {
        self.fault.take()
    }

    fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    fn identify(&mut self, now: RunTime) {
        self.requester.request(now, &Hello, false);
    }

    fn damage(&self) -> String {
        damage(&self.decoder, &self.requester)
    }
}

impl ForceDaq for ForceBenchLink {
    fn start(&mut self, now: RunTime, sample_rate_hz: f64) {
        self.next_us = None;
        self.lost = 0;
        self.last_event = None;
        self.overloaded = false;
        self.samples.clear();
        let period_us = (1e6 / sample_rate_hz).round() as u32;
        self.requester.request(now, &TelemetryConfig { mask: MASK, period_us }, false);
    }

    fn end(&mut self, now: RunTime) {
        self.requester.request(now, &TelemetryConfig { mask: 0, period_us: 0 }, false);
    }

    fn period_us(&self) -> Option<u32> {
        self.period_us
    }

    fn drain(&mut self, samples: &mut Vec<ForceSample>) {
        samples.append(&mut self.samples);
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn overloaded(&self) -> bool {
        self.overloaded
    }
}
