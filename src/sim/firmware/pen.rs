//! Firmware of the simulated pen: BENCH-LINK v1 with its leased enable.
//!
//! Invariants: the motor moves only while armed and the lease lives; when the lease runs out the motor is off within
//! one control tick and only ARM permits motion again; STOP is accepted in every state.

use crate::{
    sim::{
        firmware::{
            Firmware,
            endpoint::{DeviceIdentity, Endpoint, Outbox, device_us},
        },
        world::{Motor, World},
    },
    time::RunTime,
    wire::bench_link::{
        code::{Capabilities, ErrorCode, Fault, Faults, Op, State},
        command::{Arm, ErrorReply, Heartbeat, Hold, Payload, Run, Set, Status, TelemetryConfig},
        telemetry,
    },
};
use std::time::Duration;

/// Longest lease that the pen grants.
pub const LEASE_MAX_MS: u16 = 500;
/// Stroke rates that the pen accepts, in hundredths of a hertz.
pub const RATE_RANGE_CHZ: std::ops::RangeInclusive<u32> = 100..=20_000;
/// Deepest setting that the pen accepts, in micrometres.
pub const SET_DEPTH_MAX_UM: u16 = 3_500;

/// How often a running motor is checked for a stall. The protocol's page allows 50 ms.
const STALL_CHECK: Duration = Duration::from_millis(10);
/// Shortest period of the status stream, in microseconds: the control tick.
const STATUS_PERIOD_MIN_US: u32 = 1_000;

/// A simulated pen.
#[derive(Debug)]
pub struct PenFirmware {
    endpoint: Endpoint,
    control: Control,
}

impl PenFirmware {
    /// A pen that has just booted.
    pub fn new(identity: DeviceIdentity) -> Self {
        let [major, minor, patch] = identity.firmware;
        Self {
            endpoint: Endpoint::booted(&format!("simulated pen, firmware {major}.{minor}.{patch}")),
            control: Control {
                identity,
                state: State::Safe,
                faults: Faults::NONE,
                lease: Duration::from_millis(LEASE_MAX_MS.into()),
                lease_end: RunTime::ZERO,
                set: None,
                stall_check_at: RunTime::ZERO,
                status_stream: None,
            },
        }
    }
}

impl Firmware for PenFirmware {
    fn receive(&mut self, now: RunTime, bytes: &[u8], world: &mut World) {
        // The lease is judged first: a refresh that comes after its end must not revive it.
        self.wake(now, world);
        let Self { endpoint, control } = self;
        endpoint.receive(bytes, |op, payload, _| control.act(now, op, payload, world));
    }

    fn wake(&mut self, now: RunTime, world: &mut World) {
        self.control.supervise(now, world, &mut self.endpoint.outbox);
    }

    fn next_wake(&self) -> Option<RunTime> {
        self.control.next_wake()
    }

    fn restart(&mut self, _now: RunTime, world: &mut World) {
        world.pen_motor(Motor::Off);
        let mut identity = self.control.identity;
        identity.boot_again();
        *self = Self::new(identity);
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        self.endpoint.transmit(out);
    }
}

/// A stream of the pen's own status.
#[derive(Clone, Copy, Debug)]
struct StatusStream {
    period: Duration,
    due: RunTime,
}

/// The pen's state machine.
#[derive(Debug)]
struct Control {
    identity: DeviceIdentity,
    state: State,
    faults: Faults,
    lease: Duration,
    /// End of the lease; counts only while armed.
    lease_end: RunTime,
    set: Option<Set>,
    stall_check_at: RunTime,
    status_stream: Option<StatusStream>,
}

impl Control {
    fn status(&self, now: RunTime) -> Status {
        Status { device_us: device_us(now), state: self.state, faults: self.faults }
    }

    /// Ends the lease, latches a stall and sends the status stream, each where it is due.
    fn supervise(&mut self, now: RunTime, world: &mut World, outbox: &mut Outbox) {
        if self.state.is_armed() && self.lease_end <= now {
            self.rest(State::SafeLease, world);
            outbox.event(Op::Status, &self.status(now).to_bytes());
        }
        if self.state == State::Running && self.stall_check_at <= now {
            self.stall_check_at = now + STALL_CHECK;
            if world.pen_stalled() {
                self.faults = self.faults.with(Fault::Stall);
                self.rest(State::Fault, world);
                outbox.event(Op::Status, &self.status(now).to_bytes());
            }
        }
        if let Some(stream) = self.status_stream.as_mut().filter(|stream| stream.due <= now) {
            // Skips what was missed rather than sending it late.
            while stream.due <= now {
                stream.due = stream.due + stream.period;
            }
            let payload = telemetry::encode_status(device_us(now) as u32, self.state, self.faults);
            outbox.event(Op::Telemetry, &payload);
        }
    }

    fn next_wake(&self) -> Option<RunTime> {
        let lease = self.state.is_armed().then_some(self.lease_end);
        let stall = (self.state == State::Running).then_some(self.stall_check_at);
        [lease, stall, self.status_stream.map(|stream| stream.due)].into_iter().flatten().min()
    }

    /// Motor off, in `state`.
    fn rest(&mut self, state: State, world: &mut World) {
        world.pen_motor(Motor::Off);
        self.state = state;
    }

    fn act(&mut self, now: RunTime, op: Op, payload: &[u8], world: &mut World) -> Result<Vec<u8>, ErrorReply> {
        match op {
            Op::Hello => return Ok(self.identity.hello(Capabilities::PEN, LEASE_MAX_MS).to_bytes()),
            Op::Echo => return Ok(payload.to_vec()),
            Op::Set => return self.set(now, Set::from_bytes(payload)?, world),
            Op::TelemetryConfig => return self.configure_stream(now, TelemetryConfig::from_bytes(payload)?),
            Op::Heartbeat => self.heartbeat(now, payload)?,
            Op::Arm => self.arm(now, Arm::from_bytes(payload)?)?,
            Op::Run => self.run(now, Run::from_bytes(payload)?, world)?,
            Op::Hold => self.hold(Hold::from_bytes(payload)?, world)?,
            // Whatever its payload: a stop is never refused.
            Op::Stop => self.rest(if self.faults.is_empty() { State::Safe } else { State::Fault }, world),
            Op::ClearFaults => self.clear_faults(),
            Op::Telemetry | Op::Status | Op::Flag => {
                return Err(ErrorReply { code: ErrorCode::Op, detail: op as u8 });
            }
        }
        Ok(self.status(now).to_bytes())
    }

    fn heartbeat(&mut self, now: RunTime, payload: &[u8]) -> Result<(), ErrorReply> {
        // An empty payload keeps the length of the lease.
        if !payload.is_empty() {
            let Heartbeat { lease_ms, .. } = Heartbeat::from_bytes(payload)?;
            if lease_ms == 0 {
                return Err(ErrorReply { code: ErrorCode::Value, detail: 0 });
            }
            self.lease = Duration::from_millis(lease_ms.min(LEASE_MAX_MS).into());
        }
        self.lease_end = now + self.lease;
        Ok(())
    }

    fn set(&mut self, now: RunTime, set: Set, world: &mut World) -> Result<Vec<u8>, ErrorReply> {
        let value = |detail| ErrorReply { code: ErrorCode::Value, detail };
        if !RATE_RANGE_CHZ.contains(&set.rate_chz) {
            return Err(value(0));
        }
        if set.set_depth_um > SET_DEPTH_MAX_UM {
            return Err(value(1));
        }
        world.pen_set(f64::from(set.rate_chz) / 100.0, f64::from(set.set_depth_um) / 1000.0);
        self.set = Some(set);
        self.lease_end = now + self.lease;
        Ok(set.to_bytes())
    }

    fn arm(&mut self, now: RunTime, arm: Arm) -> Result<(), ErrorReply> {
        if self.state == State::Fault {
            return Err(self.impossible());
        }
        if arm.token != self.identity.boot_id {
            return Err(ErrorReply { code: ErrorCode::Token, detail: 0 });
        }
        if !self.state.is_armed() {
            self.state = State::Armed;
            self.lease_end = now + self.lease;
        }
        Ok(())
    }

    fn run(&mut self, now: RunTime, run: Run, world: &mut World) -> Result<(), ErrorReply> {
        self.check_may_move()?;
        self.lease_end = now + self.lease;
        if !run.on {
            self.rest(State::Armed, world);
        } else if self.state != State::Running {
            world.pen_motor(Motor::Run);
            self.state = State::Running;
            self.stall_check_at = now + STALL_CHECK;
        }
        Ok(())
    }

    fn hold(&mut self, hold: Hold, world: &mut World) -> Result<(), ErrorReply> {
        self.check_may_move()?;
        let (motor, state) = if hold.out { (Motor::HoldOut, State::HoldOut) } else { (Motor::HoldIn, State::HoldIn) };
        world.pen_motor(motor);
        self.state = state;
        Ok(())
    }

    fn clear_faults(&mut self) {
        // The motor is off in the fault state, so the cause of a stall is gone.
        self.faults = Faults::NONE;
        if self.state == State::Fault {
            self.state = State::Safe;
        }
    }

    fn configure_stream(&mut self, now: RunTime, config: TelemetryConfig) -> Result<Vec<u8>, ErrorReply> {
        self.status_stream = match config {
            TelemetryConfig { mask: 0, .. } => None,
            TelemetryConfig { mask: telemetry::STATUS, period_us: STATUS_PERIOD_MIN_US.. } => {
                let period = Duration::from_micros(config.period_us.into());
                Some(StatusStream { period, due: now + period })
            }
            TelemetryConfig { mask, .. } => {
                let detail = u8::from(mask == telemetry::STATUS);
                return Err(ErrorReply { code: ErrorCode::Value, detail });
            }
        };
        Ok(config.to_bytes())
    }

    fn check_may_move(&self) -> Result<(), ErrorReply> {
        if !self.state.is_armed() {
            return Err(self.impossible());
        }
        if self.set.is_none() {
            return Err(ErrorReply { code: ErrorCode::Unset, detail: 0 });
        }
        Ok(())
    }

    fn impossible(&self) -> ErrorReply {
        ErrorReply { code: ErrorCode::State, detail: self.state as u8 }
    }
}

#[cfg(test)]
mod tests {
    use super::PenFirmware;
    use crate::{
        config::world::WorldParams,
        sim::{
            firmware::{Firmware, endpoint::DeviceIdentity},
            world::{CartridgeTruth, Motor, World},
        },
        time::RunTime,
        wire::bench_link::{
            self, FrameDecoder,
            code::{ErrorCode, Kind, Op, State},
            command::{
                Arm, ClearFaults, Command, Echo, ErrorReply, Heartbeat, Hello, Hold, Identity, Payload, Run, Set,
                Status, Stop, TelemetryConfig,
            },
            telemetry::{STATUS, decode_status},
        },
    };
    use std::time::Duration;

    const BOOT: u32 = 0x0BAD_CAFE;
    const SET: Set = Set { rate_chz: 11_000, set_depth_um: 1_500 };

    type Answer = (Kind, u8, Vec<u8>);

    /// A pen, its world, and a host without patience.
    struct Bench {
        pen: PenFirmware,
        world: World,
        now: RunTime,
        decoder: FrameDecoder,
        sequence: u16,
    }

    impl Bench {
        fn booted() -> Self {
            let cartridge = CartridgeTruth { needles: 12, needle_diameter_mm: 0.25, height_sd_mm: 0.0 };
            let identity = DeviceIdentity { device_uid: *b"RIGSIM-PEN-1", firmware: [1, 2, 3], boot_id: BOOT };
            let mut bench = Self {
                pen: PenFirmware::new(identity),
                world: World::new(&WorldParams::default(), &cartridge, 1),
                now: RunTime::ZERO,
                decoder: FrameDecoder::default(),
                sequence: 0,
            };
            assert!(bench.received().is_empty());
            bench
        }

        fn armed() -> Self {
            let mut bench = Self::booted();
            bench.ask(&SET).expect("a rate and depth in range");
            assert_eq!(bench.state(&Arm { token: BOOT }), Ok(State::Armed));
            bench
        }

        fn received(&mut self) -> Vec<Answer> {
            let mut wire = Vec::new();
            self.pen.transmit(&mut wire);
            let mut input = &wire[..];
            let mut answers = Vec::new();
            while let Some(frame) = self.decoder.next_frame(&mut input) {
                answers.push((frame.kind, frame.op, frame.payload.to_vec()));
            }
            answers
        }

        fn send(&mut self, wire: &[u8]) -> Vec<Answer> {
            self.pen.receive(self.now, wire, &mut self.world);
            self.received()
        }

        fn ask<C: Command>(&mut self, command: &C) -> Result<C::Reply, ErrorReply> {
            self.sequence += 1;
            self.repeat(command)
        }

        fn repeat<C: Command>(&mut self, command: &C) -> Result<C::Reply, ErrorReply> {
            let mut wire = Vec::new();
            bench_link::encode_request(self.sequence, command, &mut wire);
            let (kind, op, payload) = self.send(&wire).pop().expect("never silence");
            assert_eq!(op, C::OP as u8);
            if kind == Kind::Error {
                return Err(ErrorReply::from_bytes(&payload).expect("an error"));
            }
            Ok(C::Reply::from_bytes(&payload).expect("a reply"))
        }

        fn state<C: Command<Reply = Status>>(&mut self, command: &C) -> Result<State, ErrorReply> {
            self.ask(command).map(|status| status.state)
        }

        /// Lets time pass as a link does: from wake-up to wake-up.
        fn pass(&mut self, span: Duration) -> Vec<Answer> {
            let end = self.now + span;
            while let Some(at) = self.pen.next_wake().filter(|&at| at <= end) {
                assert!(at >= self.now, "wake-up in the past");
                self.now = at;
                self.world.advance(at);
                self.pen.wake(at, &mut self.world);
                assert!(self.pen.next_wake() > Some(at) || self.pen.next_wake().is_none(), "wakes on the spot");
            }
            self.now = end;
            self.world.advance(end);
            self.received()
        }
    }

    fn refused(code: ErrorCode, detail: u8) -> ErrorReply {
        ErrorReply { code, detail }
    }

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn hello_says_who_it_is() {
        let Identity { device_uid, firmware, boot_id, lease_max_ms, .. } = Bench::booted().ask(&Hello).expect("hello");
        assert_eq!((&device_uid, firmware, boot_id, lease_max_ms), (b"RIGSIM-PEN-1", [1, 2, 3], BOOT, 500));
    }

    #[test]
    fn golden_bytes_of_any_host_are_answered() {
        let mut bench = Bench::booted();
        let hello = [0x03, 0x10, 0x01, 0x04, 0x01, 0x76, 0xB8, 0x00];
        let damaged = [0x03, 0x10, 0x01, 0x04, 0x02, 0x76, 0xB8, 0x00];
        assert!(bench.send(&[0]).is_empty() && bench.send(&damaged).is_empty());
        let answers = bench.send(&hello);
        assert_eq!((answers[0].0, answers[0].1, answers[0].2.len()), (Kind::Reply, 1, 31));
        let heartbeat_without_payload = [0x07, 0x10, 0x34, 0x12, 0x02, 0x51, 0xC3, 0x00];
        let answers = bench.send(&heartbeat_without_payload);
        assert_eq!((answers[0].0, answers[0].1, answers[0].2.len()), (Kind::Reply, 2, 13));
    }

    #[test]
    fn an_expired_lease_stops_the_motor_and_needs_arm() {
        let mut bench = Bench::armed();
        bench.ask(&Heartbeat { lease_ms: 200, host_ms: 0 }).expect("heartbeat");
        assert_eq!(bench.state(&Run { on: true }), Ok(State::Running));
        assert!(bench.pass(MS(150)).is_empty());
        bench.ask(&Heartbeat { lease_ms: 200, host_ms: 150 }).expect("heartbeat");
        assert!(bench.pass(MS(199)).is_empty(), "refreshed");
        assert_eq!(bench.world.pen_motor_state(), Motor::Run);
        let events = bench.pass(MS(1));
        let status = Status::from_bytes(&events[0].2).expect("status");
        assert_eq!((events.len(), events[0].0, events[0].1), (1, Kind::Event, Op::Status as u8));
        assert_eq!((status.state, status.device_us), (State::SafeLease, 350_000));
        bench.pass(MS(50));
        assert_eq!(bench.world.pen_motor_state(), Motor::Off);
        assert_eq!(bench.state(&Run { on: true }), Err(refused(ErrorCode::State, State::SafeLease as u8)));
        assert_eq!(bench.state(&Heartbeat { lease_ms: 200, host_ms: 0 }), Ok(State::SafeLease), "no self resume");
        assert_eq!(bench.state(&Arm { token: BOOT }), Ok(State::Armed));
    }

    /// On a real port nobody wakes the firmware exactly at the end of the lease.
    #[test]
    fn a_refresh_after_the_end_does_not_revive_the_lease() {
        let mut bench = Bench::armed();
        bench.state(&Run { on: true }).expect("run");
        bench.now = bench.now + MS(600);
        bench.world.advance(bench.now);
        assert_eq!(bench.state(&Heartbeat { lease_ms: 500, host_ms: 0 }), Ok(State::SafeLease));
    }

    #[test]
    fn the_lease_is_never_longer_than_the_pen_grants() {
        let mut bench = Bench::armed();
        bench.ask(&Heartbeat { lease_ms: 60_000, host_ms: 0 }).expect("heartbeat");
        assert!(bench.pass(MS(499)).is_empty());
        assert_eq!(bench.pass(MS(1)).len(), 1);
    }

    #[test]
    fn a_damaged_heartbeat_refreshes_nothing() {
        let mut bench = Bench::armed();
        bench.pass(MS(400));
        let mut wire = Vec::new();
        bench_link::encode_request(99, &Heartbeat { lease_ms: 500, host_ms: 0 }, &mut wire);
        wire[6] ^= 0x20;
        assert!(bench.send(&wire).is_empty());
        assert_eq!(bench.pass(MS(100)).len(), 1, "lease expired");
    }

    #[test]
    fn a_repeated_request_is_answered_and_not_done_twice() {
        let mut bench = Bench::armed();
        bench.state(&Run { on: true }).expect("run");
        bench.pass(MS(500));
        assert_eq!(bench.state(&Arm { token: BOOT }), Ok(State::Armed));
        bench.pass(MS(500));
        let again = bench.repeat(&Arm { token: BOOT }).expect("the stored reply");
        assert_eq!((again.state, again.device_us), (State::Armed, 500_000));
        assert_eq!(bench.state(&Heartbeat { lease_ms: 500, host_ms: 0 }), Ok(State::SafeLease), "not armed again");
    }

    #[test]
    fn nothing_moves_without_permission() {
        let mut bench = Bench::booted();
        assert_eq!(bench.state(&Run { on: true }), Err(refused(ErrorCode::State, State::Safe as u8)));
        assert_eq!(bench.state(&Hold { out: true }), Err(refused(ErrorCode::State, State::Safe as u8)));
        assert_eq!(bench.state(&Arm { token: BOOT + 1 }), Err(refused(ErrorCode::Token, 0)));
        assert_eq!(bench.state(&Arm { token: BOOT }), Ok(State::Armed));
        assert_eq!(bench.state(&Run { on: true }), Err(refused(ErrorCode::Unset, 0)));
        let too_fast = Set { rate_chz: 20_001, ..SET };
        assert_eq!(bench.ask(&too_fast), Err(refused(ErrorCode::Value, 0)));
        assert_eq!(bench.ask(&Set { set_depth_um: 3_501, ..SET }), Err(refused(ErrorCode::Value, 1)));
        bench.pass(MS(20));
        assert_eq!(bench.world.pen_motor_state(), Motor::Off);
    }

    #[test]
    fn hold_run_and_stop_reach_the_motor() {
        let mut bench = Bench::armed();
        for (out, state, motor) in [(true, State::HoldOut, Motor::HoldOut), (false, State::HoldIn, Motor::HoldIn)] {
            assert_eq!(bench.state(&Hold { out }), Ok(state));
            bench.pass(MS(100));
            assert_eq!(bench.world.pen_motor_state(), motor);
            bench.ask(&Heartbeat { lease_ms: 500, host_ms: 0 }).expect("heartbeat");
        }
        assert_eq!(bench.state(&Run { on: true }), Ok(State::Running));
        bench.pass(MS(100));
        assert_eq!(bench.world.pen_motor_state(), Motor::Run);
        assert_eq!(bench.state(&Stop), Ok(State::Safe));
        assert_eq!(bench.state(&Stop), Ok(State::Safe));
        bench.pass(MS(100));
        assert_eq!(bench.world.pen_motor_state(), Motor::Off);
        assert_eq!(bench.state(&ClearFaults), Ok(State::Safe));
    }

    #[test]
    fn what_is_unknown_is_refused_aloud() {
        let mut bench = Bench::booted();
        let mut wire = Vec::new();
        bench_link::encode(Kind::Request, 5, 0x55, &[], &mut wire);
        bench_link::encode(Kind::Request, 6, Op::Status as u8, &[], &mut wire);
        bench_link::encode(Kind::Request, 7, Op::Arm as u8, &[1], &mut wire);
        let newer = [0x20, 8, 0, 1];
        let crc = crate::checksum::crc16(&newer).to_le_bytes();
        crate::wire::cobs::encode(&[&newer[..], &crc].concat(), &mut wire);
        let answers = bench.send(&wire);
        let expected = [
            (0x55, refused(ErrorCode::Op, 0x55)),
            (Op::Status as u8, refused(ErrorCode::Op, Op::Status as u8)),
            (Op::Arm as u8, refused(ErrorCode::Length, 4)),
            (Op::Hello as u8, refused(ErrorCode::Version, 1)),
        ];
        assert_eq!(answers, expected.map(|(op, error)| (Kind::Error, op, error.to_bytes())));
    }

    #[test]
    fn an_echo_of_its_own_frames_is_ignored() {
        let mut bench = Bench::booted();
        let mut wire = Vec::new();
        bench_link::encode_reply::<Echo>(1, &Echo(vec![1, 2]), &mut wire);
        assert!(bench.send(&wire).is_empty());
        assert_eq!(bench.ask(&Echo(vec![0, 1, 0])), Ok(Echo(vec![0, 1, 0])));
    }

    #[test]
    fn the_status_stream_comes_at_its_period() {
        let mut bench = Bench::booted();
        let config = TelemetryConfig { mask: STATUS, period_us: 20_000 };
        assert_eq!(bench.ask(&config), Ok(config));
        let events = bench.pass(MS(100));
        let times: Vec<u32> = events.iter().map(|event| decode_status(&event.2).expect("status").0).collect();
        assert_eq!(times, [20_000, 40_000, 60_000, 80_000, 100_000]);
        assert_eq!(bench.ask(&TelemetryConfig { mask: 1, period_us: 100 }), Err(refused(ErrorCode::Value, 0)));
        bench.ask(&TelemetryConfig { mask: 0, period_us: 0 }).expect("off");
        assert!(bench.pass(MS(100)).is_empty());
    }
}
