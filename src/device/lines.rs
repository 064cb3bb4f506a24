//! Requests on a line without ids: one outstanding, so that the next answer is its answer.
//!
//! After a time-out that no longer holds: the answer may still come, and would be taken for the next one's. The line is
//! then dirty: nothing is sent until it has been quiet for a while and a probe, whose answer can be told from any other,
//! was answered. A device that also sends by itself is told to end that first ([`Recovery::Silence`]).
//!
//! Deliberately absent: what an answer looks like. The session knows, and says [`Lines::answered`].

use super::DeviceFault;
use crate::{link::Role, time::RunTime};
use std::{collections::VecDeque, time::Duration};

/// Attempts before a device counts as silent.
const ATTEMPTS_MAX: u32 = 3;
/// A line without a byte for this long has nothing more to say: longer than the period of the slowest stream.
const QUIET: Duration = Duration::from_millis(120);
/// A dirty line that is never quiet is probed all the same after this time.
const QUIET_BY: Duration = Duration::from_millis(600);
/// A device that was told to send no more and still does by then will not stop.
const SILENT_BY: Duration = Duration::from_millis(1500);

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request<P> {
    /// What it is for.
    pub purpose: P,
    /// The same in words, for messages.
    pub name: String,
    /// Its bytes, line end included.
    pub bytes: Vec<u8>,
    /// Time allowed for its answer.
    pub allowed: Duration,
    /// Whether doing it twice is as good as once.
    pub repeatable: bool,
}

struct Pending<P> {
    request: Request<P>,
    asked: RunTime,
    deadline: RunTime,
    attempts: u32,
}

/// What makes it certain again to which request the next answer belongs.
#[derive(Clone, Debug)]
pub enum Recovery<P> {
    /// Nothing: the device sends all the time, and no answer can be told from the rest. These bytes, if any, end it.
    None(Vec<u8>),
    /// Quiet, then a question that no other is answered with, and that changes nothing.
    Probe(Request<P>),
    /// The same, after bytes that end what the device sends by itself. Only silence answers these, and must come.
    Silence(Vec<u8>, Request<P>),
}

/// How long a line is listened to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Listening {
    quiet_at: RunTime,
    until: RunTime,
}

impl Listening {
    /// When it ends, at the latest.
    fn due(self) -> RunTime {
        self.quiet_at.min(self.until)
    }
}

/// What is known of the order of answers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    /// The next answer belongs to what is pending.
    Kept,
    /// Nothing was pending, and once it is quiet the order is known.
    Ending(Listening),
    /// Unknown until it is quiet and a probe was answered.
    Lost { listening: Listening, probes: u32 },
    /// The probe is pending.
    Probed { probes: u32 },
}

/// The requests of one device.
pub struct Lines<P> {
    role: Role,
    recovery: Recovery<P>,
    queue: VecDeque<(Request<P>, u32)>,
    pending: Option<Pending<P>>,
    order: Order,
    outbox: VecDeque<(Vec<u8>, bool)>,
    strays: u64,
    bytes_received: u64,
}

impl<P: Clone> Lines<P> {
    /// A line on which nothing was sent.
    pub fn new(role: Role, recovery: Recovery<P>) -> Self {
        Self {
            role,
            recovery,
            queue: VecDeque::new(),
            pending: None,
            order: Order::Kept,
            outbox: VecDeque::new(),
            strays: 0,
            bytes_received: 0,
        }
    }

    /// Queues a request.
    pub fn request(&mut self, now: RunTime, request: Request<P>) {
        self.queue.push_back((request, 1));
        self.send_next(now);
    }

    /// Sends a request at once and forgets what waits. It must be repeatable: where the order of answers is not certain,
    /// it is sent again once that is known, and only that answer counts.
    pub fn urgent(&mut self, now: RunTime, request: Request<P>) {
        self.outbox.clear();
        self.outbox.push_back((request.bytes.clone(), true));
        if self.order == Order::Kept && self.pending.is_none() {
            self.queue.clear();
            self.await_answer(now, request, 1);
        } else {
            self.forget(now);
            self.queue.push_back((request, 1));
        }
    }

    /// Sends bytes that get no answer of their own; what is pending stays.
    pub fn realtime(&mut self, bytes: Vec<u8>, urgent: bool) {
        self.outbox.push_back((bytes, urgent));
    }

    /// Forgets what waits and what is pending; the order of answers is lost.
    pub fn forget(&mut self, now: RunTime) {
        self.queue.clear();
        self.pending = None;
        self.lose(now, 0);
    }

    /// Forgets what was asked, and ends what the device sends by itself; what is asked from now on waits for its silence.
    pub fn end(&mut self, now: RunTime) {
        if matches!(self.recovery, Recovery::Silence(..)) && (self.pending.is_some() || self.order_is_lost()) {
            return self.forget(now);
        }
        self.queue.clear();
        self.pending = None;
        match &self.recovery {
            Recovery::Probe(_) => {}
            Recovery::None(end) if end.is_empty() => {}
            Recovery::None(end) => self.outbox.push_back((end.clone(), false)),
            Recovery::Silence(end, _) => {
                self.outbox.push_back((end.clone(), false));
                self.order = Order::Ending(Listening { quiet_at: now + QUIET, until: now + SILENT_BY });
            }
        }
    }

    /// Forgets all that was asked, since the device has: it has just started.
    pub fn restarted(&mut self) {
        self.queue.clear();
        self.pending = None;
        self.outbox.clear();
        self.order = Order::Kept;
    }

    /// What the pending request is for.
    pub fn pending(&self) -> Option<&P> {
        self.pending.as_ref().map(|pending| &pending.request.purpose)
    }

    /// Whether anything waits for its turn, its answer, or silence.
    pub fn busy(&self) -> bool {
        self.pending.is_some() || !self.queue.is_empty() || matches!(self.order, Order::Ending(_))
    }

    /// Whether what comes now was sent before the line is known to be quiet, so that it answers nothing.
    pub fn listening(&self) -> bool {
        matches!(self.order, Order::Ending(_) | Order::Lost { .. })
    }

    /// Whether it is unknown to which request the next answer belongs.
    pub fn order_is_lost(&self) -> bool {
        matches!(self.order, Order::Lost { .. } | Order::Probed { .. })
    }

    /// Bytes received so far.
    pub fn bytes_received(&self) -> u64 {
        self.bytes_received
    }

    /// Counts received bytes.
    pub fn heard(&mut self, at: RunTime, bytes: usize) {
        self.bytes_received += bytes as u64;
        if let Order::Ending(listening) | Order::Lost { listening, .. } = &mut self.order {
            listening.quiet_at = at + QUIET;
        }
    }

    /// The answer goes on: the pending request has its whole time again.
    pub fn goes_on(&mut self, at: RunTime) {
        if let Some(pending) = &mut self.pending {
            pending.deadline = at + pending.request.allowed;
        }
    }

    /// The pending request has its answer: what it was for, and when it was sent.
    pub fn answered(&mut self, at: RunTime) -> Option<(Request<P>, RunTime)> {
        let Pending { request, asked, .. } = self.pending.take()?;
        if matches!(self.order, Order::Probed { .. }) {
            self.order = Order::Kept;
            // Where the probe itself is what was asked for, this is its answer.
            if self.queue.front().is_some_and(|(next, _)| next.bytes == request.bytes) {
                self.queue.pop_front();
            }
        }
        self.send_next(at);
        Some((request, asked))
    }

    /// Counts an answer to nothing.
    pub fn stray(&mut self) {
        self.strays += 1;
    }

    /// Answers to nothing so far.
    pub fn strays(&self) -> u64 {
        self.strays
    }

    /// Repeats or gives up what is overdue; goes on where a line is quiet again.
    pub fn tick(&mut self, now: RunTime) -> Option<DeviceFault> {
        if let Order::Ending(listening) | Order::Lost { listening, .. } = self.order
            && self.busy()
            && listening.due() <= now
            && let Some(fault) = self.listened(now, listening)
        {
            return Some(fault);
        }
        let pending = self.pending.take_if(|pending| pending.deadline <= now)?;
        if let Order::Probed { probes } = self.order {
            self.lose(now, probes);
            return (probes >= ATTEMPTS_MAX).then(|| self.give_up(&pending.request, probes));
        }
        let probed = self.probe().is_some_and(|probe| probe.bytes == pending.request.bytes);
        self.lose(now, if probed { pending.attempts } else { 0 });
        if pending.request.repeatable && pending.attempts < ATTEMPTS_MAX {
            self.queue.push_front((pending.request, pending.attempts + 1));
            self.send_next(now);
            return None;
        }
        Some(self.give_up(&pending.request, pending.attempts))
    }

    /// A line was listened to for as long as it should be.
    fn listened(&mut self, now: RunTime, listening: Listening) -> Option<DeviceFault> {
        if listening.quiet_at > now && matches!(self.recovery, Recovery::Silence(..)) {
            self.queue.clear();
            self.order = Order::Lost { listening, probes: 0 };
            let reason = "it goes on sending though nothing was asked; end its output at its keys".to_owned();
            return Some(DeviceFault::Failed { role: self.role, reason });
        }
        match self.order {
            Order::Lost { probes, .. } => {
                self.order = Order::Probed { probes: probes + 1 };
                if let Some(probe) = self.probe().cloned() {
                    self.outbox.push_back((probe.bytes.clone(), false));
                    self.await_answer(now, probe, 1);
                }
            }
            _ => {
                self.order = Order::Kept;
                self.send_next(now);
            }
        }
        None
    }

    /// When [`Lines::tick`] is next due.
    pub fn next_tick(&self) -> Option<RunTime> {
        match (&self.pending, self.order) {
            (Some(pending), _) => Some(pending.deadline),
            (None, Order::Ending(listening) | Order::Lost { listening, .. }) if self.busy() => Some(listening.due()),
            _ => None,
        }
    }

    /// The next bytes to send.
    pub fn transmit(&mut self) -> Option<(Vec<u8>, bool)> {
        self.outbox.pop_front()
    }

    /// A device that does not answer `request`.
    fn give_up(&mut self, request: &Request<P>, attempts: u32) -> DeviceFault {
        self.queue.clear();
        DeviceFault::Silent {
            role: self.role,
            command: request.name.clone(),
            waited: request.allowed,
            attempts,
            bytes: self.bytes_received,
        }
    }

    fn probe(&self) -> Option<&Request<P>> {
        match &self.recovery {
            Recovery::None(_) => None,
            Recovery::Probe(probe) | Recovery::Silence(_, probe) => Some(probe),
        }
    }

    fn lose(&mut self, now: RunTime, probes: u32) {
        let by = match &self.recovery {
            Recovery::None(_) => return,
            Recovery::Probe(_) => QUIET_BY,
            Recovery::Silence(end, _) => {
                self.outbox.push_back((end.clone(), false));
                SILENT_BY
            }
        };
        self.order = Order::Lost { listening: Listening { quiet_at: now + QUIET, until: now + by }, probes };
    }

    fn send_next(&mut self, now: RunTime) {
        if self.pending.is_none()
            && self.order == Order::Kept
            && let Some((request, attempts)) = self.queue.pop_front()
        {
            if !request.bytes.is_empty() {
                self.outbox.push_back((request.bytes.clone(), false));
            }
            self.await_answer(now, request, attempts);
        }
    }

    fn await_answer(&mut self, now: RunTime, request: Request<P>, attempts: u32) {
        let deadline = now + request.allowed;
        self.pending = Some(Pending { request, asked: now, deadline, attempts });
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, QUIET, QUIET_BY, Recovery, Request, SILENT_BY};
    use crate::{device::DeviceFault, link::Role, time::RunTime};
    use std::time::Duration;

    const ALLOWED: Duration = Duration::from_millis(100);

    fn request(purpose: &'static str, repeatable: bool) -> Request<&'static str> {
        let bytes = format!("{purpose}\n").into_bytes();
        Request { purpose, name: purpose.to_owned(), bytes, allowed: ALLOWED, repeatable }
    }

    fn lines() -> Lines<&'static str> {
        Lines::new(Role::Stage, Recovery::Probe(request("probe", true)))
    }

    fn sent(lines: &mut Lines<&'static str>) -> String {
        let mut text = String::new();
        while let Some((bytes, urgent)) = lines.transmit() {
            text += &String::from_utf8(bytes).expect("ASCII").replace('\n', if urgent { "! " } else { " " });
        }
        text
    }

    fn ms(ms: u64) -> RunTime {
        RunTime::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn one_is_outstanding_and_the_next_follows_its_answer() {
        let mut lines = lines();
        lines.request(ms(0), request("a", true));
        lines.request(ms(0), request("b", true));
        assert_eq!(sent(&mut lines), "a ");
        assert_eq!(lines.answered(ms(7)).map(|(request, asked)| (request.purpose, asked)), Some(("a", ms(0))));
        assert_eq!((sent(&mut lines).as_str(), lines.pending()), ("b ", Some(&"b")));
    }

    #[test]
    fn after_a_time_out_nothing_is_asked_before_quiet_and_probe() {
        let mut lines = lines();
        lines.request(ms(0), request("get", true));
        lines.request(ms(0), request("next", true));
        sent(&mut lines);
        assert_eq!(lines.tick(ms(100)), None);
        assert_eq!((sent(&mut lines).as_str(), lines.pending()), ("", None), "a late answer finds nothing to answer");
        lines.heard(ms(150), 4);
        assert_eq!(lines.tick(ms(100) + QUIET), None);
        assert_eq!(sent(&mut lines), "", "not quiet yet");
        assert_eq!(lines.tick(ms(150) + QUIET), None);
        assert_eq!(sent(&mut lines), "probe ");
        lines.answered(ms(280));
        assert_eq!(sent(&mut lines), "get ");
        lines.answered(ms(290));
        assert_eq!(sent(&mut lines), "next ");
    }

    #[test]
    fn what_must_not_be_done_twice_is_given_up_at_once() {
        let mut lines = lines();
        lines.request(ms(0), request("go", false));
        lines.request(ms(0), request("then", true));
        let Some(DeviceFault::Silent { command, attempts: 1, .. }) = lines.tick(ms(100)) else { panic!("no fault") };
        assert_eq!((command.as_str(), lines.busy()), ("go", false));
    }

    #[test]
    fn a_silent_device_is_named_after_its_probes_and_nothing_spins() {
        let mut lines = lines();
        lines.request(ms(0), request("get", true));
        let (mut now, mut fault, mut looks) = (ms(0), None, 0);
        while let Some(due) = lines.next_tick() {
            assert!(due >= now && looks < 20, "after {looks} looks at {now:?}");
            (now, looks) = (due, looks + 1);
            fault = fault.or(lines.tick(now));
        }
        assert!(matches!(fault, Some(DeviceFault::Silent { attempts: 3, .. })), "{fault:?}");
        assert_eq!(sent(&mut lines), "get probe probe probe ");
    }

    #[test]
    fn a_line_that_never_rests_is_probed_all_the_same() {
        let mut lines = lines();
        lines.request(ms(0), request("get", true));
        lines.tick(ms(100));
        sent(&mut lines);
        for at in (100..2000).step_by(10) {
            lines.heard(ms(at), 1);
            lines.tick(ms(at));
            if lines.pending().is_some() {
                assert!(ms(at) >= ms(100) + QUIET_BY);
                return;
            }
        }
        panic!("never probed");
    }

    #[test]
    fn an_urgent_request_goes_at_once_and_is_believed_only_where_the_order_is_known() {
        let mut lines = lines();
        lines.urgent(ms(0), request("stop", true));
        assert_eq!((sent(&mut lines).as_str(), lines.pending()), ("stop! ", Some(&"stop")));
        lines.answered(ms(5));
        lines.request(ms(10), request("go", false));
        sent(&mut lines);
        lines.urgent(ms(20), request("stop", true));
        assert_eq!((sent(&mut lines).as_str(), lines.pending()), ("stop! ", None), "the next answer may be that of go");
        lines.tick(ms(20) + QUIET);
        lines.answered(ms(150));
        assert_eq!((sent(&mut lines).as_str(), lines.pending()), ("probe stop ", Some(&"stop")));
    }

    /// A line whose device sends by itself until it is told to end that.
    fn talker() -> Lines<&'static str> {
        Lines::new(Role::Force, Recovery::Silence(b"end\n".to_vec(), request("probe", true)))
    }

    #[test]
    fn what_a_device_sends_by_itself_is_ended_and_silence_is_the_answer() {
        let mut lines = talker();
        lines.end(ms(0));
        lines.request(ms(0), request("probe", true));
        lines.request(ms(0), request("next", true));
        assert_eq!((sent(&mut lines).as_str(), lines.listening(), lines.order_is_lost()), ("end ", true, false));
        lines.heard(ms(100), 9);
        assert_eq!((lines.tick(ms(219)), sent(&mut lines).as_str()), (None, ""));
        assert_eq!((lines.tick(ms(220)), sent(&mut lines).as_str()), (None, "probe "));
        lines.answered(ms(230));
        assert_eq!(sent(&mut lines), "next ");
        assert_eq!(
            (lines.tick(ms(330)), sent(&mut lines).as_str()),
            (None, "end "),
            "unanswered: it is silenced again"
        );
        lines.tick(ms(330) + QUIET);
        lines.answered(ms(460));
        assert_eq!(sent(&mut lines), "probe next ");
    }

    #[test]
    fn a_device_that_does_not_end_is_named() {
        let mut lines = talker();
        lines.end(ms(0));
        lines.request(ms(0), request("next", true));
        let fault = (0..2000).step_by(10).find_map(|at| {
            lines.heard(ms(at), 9);
            lines.tick(ms(at)).map(|fault| (ms(at), fault))
        });
        let Some((at, DeviceFault::Failed { reason, .. })) = fault else { panic!("{fault:?}") };
        assert!(at == ms(0) + SILENT_BY && reason.contains("goes on sending"), "{at:?}: {reason}");
        assert_eq!((sent(&mut lines).as_str(), lines.busy()), ("end ", false));
    }

    #[test]
    fn a_probe_that_was_asked_for_is_not_asked_again() {
        let mut lines = talker();
        lines.request(ms(0), request("probe", true));
        lines.tick(ms(100));
        lines.tick(ms(100) + QUIET);
        lines.answered(ms(230));
        assert_eq!((sent(&mut lines).as_str(), lines.busy()), ("probe end probe ", false));
    }

    #[test]
    fn a_device_whose_answers_have_no_order_is_asked_again_at_once() {
        let mut lines = Lines::new(Role::Force, Recovery::None(b"end\n".to_vec()));
        lines.request(ms(0), request("get", true));
        assert_eq!((lines.tick(ms(100)), sent(&mut lines).as_str()), (None, "get get "));
        assert_eq!(lines.tick(ms(200)), None);
        assert!(matches!(lines.tick(ms(300)), Some(DeviceFault::Silent { attempts: 3, .. })));
        lines.end(ms(310));
        assert_eq!((sent(&mut lines).as_str(), lines.listening()), ("get end ", false));
    }
}
