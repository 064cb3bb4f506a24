//! Firmware of the simulated force DAQ: streams force and encoder counts, latched by its sampling clock.
//!
//! Time stamps are the sample counter times the period, never the moment of sending. Invariants: samples of one batch
//! are consecutive, so a loss shows as a step between batches; a flag goes out before the batch of its sample.

use crate::{
    sim::{
        firmware::{
            Firmware,
            endpoint::{DeviceIdentity, Endpoint, Outbox, device_us},
        },
        world::{World, channel::DaqSample},
    },
    time::RunTime,
    wire::bench_link::{
        code::{Capabilities, ErrorCode, Faults, Flag, Flags, Op, State},
        command::{ErrorReply, FlagEvent, Heartbeat, Payload, Status, TelemetryConfig},
        telemetry::{BatchBuilder, Layout},
    },
};
use std::time::Duration;

/// Sample periods that the DAQ accepts, in microseconds: 38.4 kHz (ADS1263) to 1 Hz.
pub const PERIOD_RANGE_US: std::ops::RangeInclusive<u32> = 26..=1_000_000;

/// A flag is sent at most this long after its sample. The protocol's page promises it.
const FLAG_DELAY_MAX: Duration = Duration::from_millis(2);
/// An overload is over after this many samples in range, so that noise at the limit does not flood the link.
const OVERLOAD_OVER_SAMPLES: u32 = 100;

/// A simulated force DAQ.
#[derive(Debug)]
pub struct DaqFirmware {
    endpoint: Endpoint,
    sampler: Sampler,
}

impl DaqFirmware {
    /// A DAQ that has just booted.
    pub fn new(identity: DeviceIdentity) -> Self {
        let [major, minor, patch] = identity.firmware;
        Self {
            endpoint: Endpoint::booted(&format!("simulated force DAQ, firmware {major}.{minor}.{patch}")),
            sampler: Sampler { identity, stream: None, samples: Vec::new() },
        }
    }
}

impl Firmware for DaqFirmware {
    fn receive(&mut self, now: RunTime, bytes: &[u8], world: &mut World) {
        self.wake(now, world);
        let Self { endpoint, sampler } = self;
        endpoint.receive(bytes, |op, payload, outbox| sampler.act(now, op, payload, world, outbox));
    }

    fn wake(&mut self, now: RunTime, world: &mut World) {
        self.sampler.collect(now, world, &mut self.endpoint.outbox);
    }

    fn next_wake(&self) -> Option<RunTime> {
        self.sampler.stream.as_ref().map(|stream| stream.wake_at)
    }

    fn restart(&mut self, _now: RunTime, world: &mut World) {
        world.daq_stop();
        let mut identity = self.sampler.identity;
        identity.boot_again();
        *self = Self::new(identity);
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        self.endpoint.transmit(out);
    }
}

/// A running stream.
#[derive(Debug)]
struct Stream {
    period_us: u32,
    batch: BatchBuilder,
    samples_max: usize,
    /// Device time of sample `first_index`, one period after the start.
    start_us: u64,
    first_index: Option<u64>,
    next_index: u64,
    flags: Flags,
    in_range: u32,
    wake_at: RunTime,
}

impl Stream {
    fn take(&mut self, sample: &DaqSample, outbox: &mut Outbox) {
        let first = *self.first_index.get_or_insert(sample.index);
        let elapsed_us = sample.index.saturating_sub(first).saturating_mul(self.period_us.into());
        let device_us = self.start_us.wrapping_add(elapsed_us) as u32;
        if sample.index != self.next_index {
            self.send(outbox);
        }
        self.next_index = sample.index + 1;
        self.watch(sample, device_us, outbox);
        self.batch.push(device_us, sample.force_counts, sample.encoder_counts);
        if self.batch.is_full() {
            self.send(outbox);
        }
    }

    /// Raises the overload flag at once, lowers it when the channel has been in range for a while.
    fn watch(&mut self, sample: &DaqSample, device_us: u32, outbox: &mut Outbox) {
        self.in_range = if sample.saturated { 0 } else { self.in_range.saturating_add(1) };
        let raised = self.flags.contains(Flag::Overload);
        let flags = match (raised, sample.saturated) {
            (false, true) => Flags::NONE.with(Flag::Overload),
            (true, false) if self.in_range >= OVERLOAD_OVER_SAMPLES => Flags::NONE,
            _ => return,
        };
        self.flags = flags;
        outbox.event(Op::Flag, &FlagEvent { device_us, flags }.to_bytes());
    }

    fn send(&mut self, outbox: &mut Outbox) {
        self.batch.finish(|payload| outbox.event(Op::Telemetry, payload));
    }

    fn schedule(&mut self, now: RunTime) {
        let missing = self.samples_max.saturating_sub(self.batch.samples()).max(1) as u64;
        let period = Duration::from_micros(self.period_us.into());
        let full = Duration::from_micros(missing.saturating_mul(self.period_us.into()));
        self.wake_at = now + full.min(FLAG_DELAY_MAX.max(period));
    }
}

#[derive(Debug)]
struct Sampler {
    identity: DeviceIdentity,
    stream: Option<Stream>,
    samples: Vec<DaqSample>,
}

impl Sampler {
    /// Takes what the world has sampled and sends what is complete.
    fn collect(&mut self, now: RunTime, world: &mut World, outbox: &mut Outbox) {
        let Some(stream) = &mut self.stream else { return };
        world.daq_drain(&mut self.samples);
        for sample in self.samples.drain(..) {
            stream.take(&sample, outbox);
        }
        stream.schedule(now);
    }

    fn act(
        &mut self,
        now: RunTime,
        op: Op,
        payload: &[u8],
        world: &mut World,
        outbox: &mut Outbox,
    ) -> Result<Vec<u8>, ErrorReply> {
        match op {
            Op::Hello => Ok(self.identity.hello(Capabilities::FORCE_DAQ, 0).to_bytes()),
            Op::Echo => Ok(payload.to_vec()),
            Op::Heartbeat => {
                if !payload.is_empty() {
                    Heartbeat::from_bytes(payload)?;
                }
                Ok(self.status(now))
            }
            Op::Stop => {
                self.stop(now, world, outbox);
                Ok(self.status(now))
            }
            Op::TelemetryConfig => self.configure(now, TelemetryConfig::from_bytes(payload)?, world, outbox),
            _ => Err(ErrorReply { code: ErrorCode::Op, detail: op as u8 }),
        }
    }

    fn status(&self, now: RunTime) -> Vec<u8> {
        let state = if self.stream.is_some() { State::Streaming } else { State::Safe };
        Status { device_us: device_us(now), state, faults: Faults::NONE }.to_bytes()
    }

    /// Ends the stream; what was sampled goes out first.
    fn stop(&mut self, now: RunTime, world: &mut World, outbox: &mut Outbox) {
        world.daq_stop();
        self.collect(now, world, outbox);
        if let Some(mut stream) = self.stream.take() {
            stream.send(outbox);
        }
    }

    fn configure(
        &mut self,
        now: RunTime,
        config: TelemetryConfig,
        world: &mut World,
        outbox: &mut Outbox,
    ) -> Result<Vec<u8>, ErrorReply> {
        let value = |detail| ErrorReply { code: ErrorCode::Value, detail };
        if config.mask == 0 {
            self.stop(now, world, outbox);
            return Ok(config.to_bytes());
        }
        let layout = Layout::of(config.mask).ok_or(value(0))?;
        if !PERIOD_RANGE_US.contains(&config.period_us) {
            return Err(value(1));
        }
        self.stop(now, world, outbox);
        world.daq_start(config.mask as u8, Duration::from_micros(config.period_us.into()));
        let mut stream = Stream {
            period_us: config.period_us,
            batch: BatchBuilder::new(layout),
            samples_max: layout.samples_max(),
            start_us: device_us(now) + u64::from(config.period_us),
            first_index: None,
            next_index: 0,
            flags: Flags::NONE,
            in_range: 0,
            wake_at: now,
        };
        stream.schedule(now);
        self.stream = Some(stream);
        Ok(config.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::DaqFirmware;
    use crate::{
        config::world::WorldParams,
        sim::{
            firmware::{Firmware, endpoint::DeviceIdentity},
            world::{CartridgeTruth, World},
        },
        time::RunTime,
        wire::bench_link::{
            self, FrameDecoder,
            code::{ErrorCode, Flag, Flags, Kind, Op, State},
            command::{Arm, Command, ErrorReply, FlagEvent, Hello, Payload, Status, Stop, TelemetryConfig},
            telemetry::{Columns, Layout, decode},
        },
    };
    use std::time::Duration;

    type Answer = (Kind, u16, u8, Vec<u8>);

    fn run(params: &WorldParams, requests: &[(u64, Vec<u8>)], end_ms: u64) -> Vec<Answer> {
        let cartridge = CartridgeTruth { needles: 12, needle_diameter_mm: 0.25, height_sd_mm: 0.0 };
        let mut world = World::new(params, &cartridge, 1);
        let identity = DeviceIdentity { device_uid: *b"RIGSIM-DAQ-1", firmware: [1, 0, 0], boot_id: 5 };
        let mut daq = DaqFirmware::new(identity);
        let mut wire = Vec::new();
        let wake_until = |daq: &mut DaqFirmware, world: &mut World, ms: u64, wire: &mut Vec<u8>| {
            let end = RunTime::ZERO + Duration::from_millis(ms);
            while let Some(at) = daq.next_wake().filter(|&at| at <= end) {
                world.advance(at);
                daq.wake(at, world);
                daq.transmit(wire);
            }
            world.advance(end);
            end
        };
        for (ms, request) in requests {
            let now = wake_until(&mut daq, &mut world, *ms, &mut wire);
            daq.receive(now, request, &mut world);
            daq.transmit(&mut wire);
        }
        wake_until(&mut daq, &mut world, end_ms, &mut wire);
        let (mut decoder, mut input, mut answers) = (FrameDecoder::default(), &wire[..], Vec::new());
        while let Some(frame) = decoder.next_frame(&mut input) {
            answers.push((frame.kind, frame.sequence, frame.op, frame.payload.to_vec()));
        }
        answers
    }

    fn request<C: Command>(sequence: u16, command: &C) -> Vec<u8> {
        let mut wire = Vec::new();
        bench_link::encode_request(sequence, command, &mut wire);
        wire
    }

    #[test]
    fn every_sample_arrives_once_and_in_order() {
        let (mask, period_us) = (0b1111, 100);
        let start = request(1, &TelemetryConfig { mask, period_us });
        let stop = request(2, &TelemetryConfig { mask: 0, period_us: 0 });
        let answers = run(&WorldParams::default(), &[(10, start), (1_010, stop)], 1_100);
        let layout = Layout::of(mask).expect("mask");
        let (mut columns, mut next_us, mut next_event) = (Columns::default(), None, 0);
        for (kind, sequence, op, payload) in &answers {
            if (*kind, *op) != (Kind::Event, Op::Telemetry as u8) {
                continue;
            }
            let batch = decode(layout, payload, &mut columns).expect("batch");
            assert_eq!(*sequence, next_event, "event counter");
            assert_eq!(batch.device_us, next_us.unwrap_or(10_000 + period_us), "time stamps without a gap");
            next_us = Some(batch.device_us + batch.samples as u32 * period_us);
            next_event += 1;
        }
        let samples = columns.force_counts.len();
        assert!((9_995..=10_005).contains(&samples), "{samples} samples in a second at 10 kHz");
        assert!(columns.encoder_counts.iter().all(|axis| axis.len() == samples));
        assert_eq!(answers.last().map(|last| (last.0, last.1)), Some((Kind::Reply, 2)), "nothing after the stop");
    }

    #[test]
    fn an_overload_goes_out_before_its_batch() {
        let mut params = WorldParams::default();
        params.cell.offset_n = 2.0 * params.cell.range_n;
        let answers = run(&params, &[(0, request(1, &TelemetryConfig { mask: 1, period_us: 100 }))], 50);
        let (kind, _, op, payload) = &answers[1];
        assert_eq!((*kind, *op), (Kind::Event, Op::Flag as u8));
        let expected = FlagEvent { device_us: 100, flags: Flags::NONE.with(Flag::Overload) };
        assert_eq!(FlagEvent::from_bytes(payload), Ok(expected));
        let flags = answers.iter().filter(|answer| answer.2 == Op::Flag as u8).count();
        assert_eq!(flags, 1, "told once");
    }

    #[test]
    fn it_says_what_it_is_and_refuses_what_a_pen_does() {
        let requests = [
            request(1, &Hello),
            request(2, &Arm { token: 5 }),
            request(3, &TelemetryConfig { mask: 1 << 8, period_us: 100 }),
            request(4, &TelemetryConfig { mask: 1, period_us: 25 }),
            request(5, &Stop),
        ];
        let answers = run(&WorldParams::default(), &requests.map(|request| (1, request)), 1);
        let error = |code, detail| ErrorReply { code, detail }.to_bytes();
        assert_eq!(answers[0].3.len(), 31);
        assert_eq!(answers[1].3, error(ErrorCode::Op, 0x11));
        assert_eq!(answers[2].3, error(ErrorCode::Value, 0));
        assert_eq!(answers[3].3, error(ErrorCode::Value, 1));
        assert_eq!(Status::from_bytes(&answers[4].3).map(|status| status.state), Ok(State::Safe));
    }
}
