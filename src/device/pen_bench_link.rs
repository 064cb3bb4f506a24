//! The pen that speaks BENCH-LINK v1.
//!
//! While armed, heartbeats keep the lease alive; if this program dies, the pen stops by itself.

use super::{
    DeviceFault, Identity, Pen, PenState, Session,
    bench_link::{Requester, damage},
};
use crate::{
    checksum::hex,
    link::Role,
    time::RunTime,
    wire::bench_link::{
        Frame, FrameDecoder,
        code::{Capabilities, Kind, Op, State},
        command::{self, Arm, ClearFaults, Heartbeat, Hello, Hold, Payload, Run, Set, Status, Stop},
    },
};
use std::time::Duration;

/// Lease asked for; the pen may grant less.
const LEASE: Duration = Duration::from_millis(500);
/// Shortest lease that can be kept alive over a port with a latency timer.
const LEASE_MIN: Duration = Duration::from_millis(80);
/// Longest time between heartbeats.
const HEARTBEAT_EVERY_MAX: Duration = Duration::from_millis(120);

/// Session with a pen.
pub struct PenBenchLink {
    decoder: FrameDecoder,
    requester: Requester,
    identity: Option<Identity>,
    uid_wanted: Option<String>,
    boot_id: Option<u32>,
    state: PenState,
    reported: RunTime,
    armed: bool,
    /// What the pen grants of the lease.
    lease: Duration,
    renewed: Option<RunTime>,
    heartbeat_due: Option<RunTime>,
    fault: Option<DeviceFault>,
}

impl PenBenchLink {
    /// A session with a pen, which must have this unique id where one is given.
    pub fn new(uid_wanted: Option<String>) -> Self {
        Self {
            decoder: FrameDecoder::default(),
            requester: Requester::new(Role::Pen),
            identity: None,
            uid_wanted,
            boot_id: None,
            state: PenState::Unknown,
            reported: RunTime::ZERO,
            armed: false,
            lease: LEASE,
            renewed: None,
            heartbeat_due: None,
            fault: None,
        }
    }

    fn fail(&mut self, fault: DeviceFault) {
        self.fault.get_or_insert(fault);
    }

    fn handle(&mut self, at: RunTime, frame: &Frame<'_>) {
        match (frame.kind, Op::try_from(frame.op)) {
            (Kind::Event, Ok(Op::Status)) => self.take_status(frame.payload),
            (Kind::Reply | Kind::Error, _) => match self.requester.answered(at, frame) {
                Some(Ok((Op::Hello, _))) => self.take_identity(frame.payload),
                Some(Ok((op, asked))) => {
                    if op != Op::Set {
                        self.reported = at;
                        self.take_status(frame.payload);
                    }
                    if op == Op::Arm {
                        self.armed = true;
                        self.heartbeat_due = Some(at + self.heartbeat_every());
                    }
                    if self.armed && matches!(op, Op::Arm | Op::Heartbeat | Op::Set | Op::Run) {
                        self.renewed = Some(asked);
                    }
                }
                None => {}
                Some(Err(fault)) => self.fail(fault),
            },
            _ => {}
        }
    }

    /// Between heartbeats: three may be lost before the lease ends.
    fn heartbeat_every(&self) -> Duration {
        HEARTBEAT_EVERY_MAX.min(self.lease / 4)
    }

    fn take_identity(&mut self, payload: &[u8]) {
        let wrong = |found: String| DeviceFault::WrongDevice { role: Role::Pen, found };
        let hello = match command::Identity::from_bytes(payload) {
            Ok(hello) => hello,
            Err(error) => return self.fail(wrong(error.to_string())),
        };
        let serial = hex(&hello.device_uid);
        if !hello.capabilities.contains(Capabilities::PEN) {
            return self.fail(wrong(format!("a BENCH-LINK device {serial} that is no pen")));
        }
        if let Some(wanted) = self.uid_wanted.as_ref().filter(|wanted| !wanted.eq_ignore_ascii_case(&serial)) {
            let found = format!("pen {serial}, wanted is {wanted}");
            return self.fail(wrong(found));
        }
        if self.boot_id.is_some_and(|known| known != hello.boot_id) {
            let reason = "the pen has rebooted during the run; check its supply, then run again".to_owned();
            return self.fail(DeviceFault::Failed { role: Role::Pen, reason });
        }
        self.lease = LEASE.min(Duration::from_millis(hello.lease_max_ms.into()));
        if self.lease < LEASE_MIN {
            let (granted, least) = (self.lease.as_millis(), LEASE_MIN.as_millis());
            let reason =
                format!("it grants a lease of {granted} ms at most; {least} ms are needed to renew it in time");
            return self.fail(DeviceFault::Failed { role: Role::Pen, reason });
        }
        let [major, minor, patch] = hello.firmware;
        self.boot_id = Some(hello.boot_id);
        self.identity =
            Some(Identity { model: "BENCH-LINK pen".to_owned(), serial, firmware: format!("{major}.{minor}.{patch}") });
    }

    fn disarm(&mut self) {
        self.armed = false;
        (self.heartbeat_due, self.renewed) = (None, None);
    }

    fn take_status(&mut self, payload: &[u8]) {
        let status = match Status::from_bytes(payload) {
            Ok(status) => status,
            Err(error) => {
                let reason = format!("status not understood: {error}");
                return self.fail(DeviceFault::Failed { role: Role::Pen, reason });
            }
        };
        self.state = match status.state {
            State::Safe | State::SafeLease | State::Fault => PenState::Safe,
            State::Armed => PenState::Armed,
            State::Running => PenState::Running,
            State::HoldIn => PenState::HeldIn,
            State::HoldOut => PenState::HeldOut,
            State::Streaming => PenState::Unknown,
        };
        if self.armed && !status.state.is_armed() {
            self.disarm();
            let reason = format!(
                "disarmed by itself: state {}, faults: {}; a stall, a lapsed lease or a reboot do that",
                status.state, status.faults
            );
            self.fail(DeviceFault::Failed { role: Role::Pen, reason });
        }
    }
}

impl Session for PenBenchLink {
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
        if self.heartbeat_due.is_some_and(|due| due <= now) {
            self.heartbeat_due = Some(now + self.heartbeat_every());
            let host_ms = (now.as_nanos() / 1_000_000) as u32;
            self.requester.request(now, &Heartbeat { lease_ms: LEASE.as_millis() as u16, host_ms }, false);
        }
    }

    fn next_tick(&self) -> Option<RunTime> {
        [self.requester.next_tick(), self.heartbeat_due].into_iter().flatten().min()
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

impl Pen for PenBenchLink {
    fn set(&mut self, now: RunTime, stroke_rate_hz: f64, set_depth_mm: f64) {
        let rate_chz = (stroke_rate_hz * 100.0).round() as u32;
        let set_depth_um = (set_depth_mm * 1000.0).round() as u16;
        self.requester.request(now, &Set { rate_chz, set_depth_um }, false);
    }

    fn acknowledge(&mut self, now: RunTime) {
        self.requester.request(now, &ClearFaults, false);
    }

    fn arm(&mut self, now: RunTime) {
        let token = self.boot_id.unwrap_or_default();
        self.requester.request(now, &Arm { token }, false);
    }

    fn run(&mut self, now: RunTime, on: bool) {
        self.requester.request(now, &Run { on }, false);
    }

    fn hold(&mut self, now: RunTime, out: bool) {
        self.requester.request(now, &Hold { out }, false);
    }

    fn stop(&mut self, now: RunTime) {
        self.disarm();
        self.requester.request(now, &Stop, true);
    }

    fn state(&self) -> PenState {
        self.state
    }

    fn reported(&self) -> RunTime {
        self.reported
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease)
    }

    fn renewed(&self) -> Option<RunTime> {
        self.renewed
    }
}

#[cfg(test)]
mod tests {
    use super::PenBenchLink;
    use crate::{
        device::{Pen as _, PenState, Session as _},
        time::RunTime,
        wire::bench_link::{
            FrameDecoder,
            code::{Capabilities, Faults, Kind, Op, State},
            command::{Identity, Payload as _, SCHEMA_HASH, Status},
            encode, encode_event,
        },
    };
    use std::time::Duration;

    /// A session, and the pen by hand.
    struct Talk {
        pen: PenBenchLink,
        now: RunTime,
    }

    impl Talk {
        /// After HELLO with this longest lease.
        fn granted(lease_max_ms: u16) -> Self {
            let mut talk = Self { pen: PenBenchLink::new(None), now: RunTime::ZERO };
            talk.pen.identify(talk.now);
            let (firmware, device_uid, boot_id, capabilities) = ([1, 0, 0], [7; 12], 9, Capabilities::PEN);
            let (schema_hash, body_bytes_max) = (SCHEMA_HASH, 252);
            let hello = Identity {
                protocol: 1,
                firmware,
                schema_hash,
                device_uid,
                boot_id,
                capabilities,
                body_bytes_max,
                lease_max_ms,
            };
            talk.answers(Op::Hello, &hello.to_bytes());
            talk
        }

        fn passes(&mut self, ms: u64) {
            self.now = self.now + Duration::from_millis(ms);
            self.pen.tick(self.now);
        }

        /// Answers what was asked, which must be `op`.
        #[track_caller]
        fn answers(&mut self, op: Op, payload: &[u8]) {
            let mut asked = Vec::new();
            while let Some((bytes, _)) = self.pen.transmit() {
                asked.extend(bytes);
            }
            let (mut decoder, mut input, mut wire) = (FrameDecoder::default(), &asked[..], Vec::new());
            while let Some(frame) = decoder.next_frame(&mut input) {
                assert_eq!(frame.op, op as u8);
                encode(Kind::Reply, frame.sequence, frame.op, payload, &mut wire);
            }
            self.pen.receive(self.now, &wire);
        }
    }

    fn status(state: State) -> Vec<u8> {
        Status { device_us: 0, state, faults: Faults::NONE }.to_bytes()
    }

    #[test]
    fn a_lease_is_what_the_pen_grants_and_counts_from_when_its_renewal_was_sent() {
        let mut talk = Talk::granted(200);
        assert_eq!((talk.pen.take_fault(), talk.pen.lease()), (None, Some(Duration::from_millis(200))));
        talk.passes(100);
        let armed_at = talk.now;
        talk.pen.arm(talk.now);
        assert_eq!(talk.pen.renewed(), None, "not before it is acknowledged");
        talk.passes(30);
        talk.answers(Op::Arm, &status(State::Armed));
        assert_eq!((talk.pen.state(), talk.pen.renewed()), (PenState::Armed, Some(armed_at)));
        assert_eq!(talk.pen.next_tick(), Some(talk.now + Duration::from_millis(50)), "three more may be lost");
        talk.passes(50);
        let beat_at = talk.now;
        talk.passes(20);
        talk.answers(Op::Heartbeat, &status(State::Armed));
        assert_eq!(talk.pen.renewed(), Some(beat_at));
        let answered = talk.now;
        talk.passes(10);
        let mut wire = Vec::new();
        encode_event(1, Op::Status, &status(State::SafeLease), &mut wire);
        talk.pen.receive(talk.now, &wire);
        assert!(talk.pen.take_fault().is_some_and(|fault| fault.to_string().contains("lease expired")));
        assert_eq!((talk.pen.state(), talk.pen.renewed()), (PenState::Safe, None));
        assert_eq!(talk.pen.reported(), answered, "what it says by itself is no answer");
    }

    #[test]
    fn a_lease_too_short_to_be_renewed_in_time_is_refused() {
        let fault = Talk::granted(79).pen.take_fault().map(|fault| fault.to_string()).unwrap_or_default();
        assert!(fault.contains("a lease of 79 ms at most"), "{fault}");
        assert_eq!(Talk::granted(80).pen.take_fault(), None);
    }
}
