//! One open port: bytes go out at once, and what the system does not take waits here.
//!
//! Whoever sends writes by itself and never blocks, so a command costs no change of thread, and a device that takes no
//! bytes keeps nobody from the next port's STOP. The thread that reads the port writes on what had to wait.
//!
//! Invariant: a message that the system took a part of is ended before any other, an urgent one too: two halves in one
//! frame are neither.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::{
    any::Any,
    collections::VecDeque,
    os::fd::OwnedFd,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Bytes that may wait for a device that does not read.
const WAITING_BYTES_MAX: usize = 16 * 1024;
/// A device that took no byte of what waits for so long does not read.
const TAKES_NOTHING: Duration = Duration::from_millis(500);

/// What waits because the system did not take it.
#[derive(Default)]
struct Outbox {
    /// The rest of a message that was begun.
    begun: Vec<u8>,
    urgent: VecDeque<Vec<u8>>,
    queue: VecDeque<Vec<u8>>,
    /// Since when nothing was taken, while something waits.
    stuck: Option<Instant>,
    /// Why no more can be sent.
    lost: Option<String>,
}

impl Outbox {
    fn waiting_bytes(&self) -> usize {
        self.begun.len() + self.queue.iter().map(Vec::len).sum::<usize>()
    }

    fn is_empty(&self) -> bool {
        self.next().is_none()
    }

    /// What is to be written next.
    fn next(&self) -> Option<&[u8]> {
        let whole = || self.urgent.front().or(self.queue.front()).map(Vec::as_slice);
        Some(self.begun.as_slice()).filter(|rest| !rest.is_empty()).or_else(whole)
    }

    /// The system took this many bytes of [`Outbox::next`].
    fn took(&mut self, count: usize) {
        if self.begun.is_empty() {
            self.begun = self.urgent.pop_front().or_else(|| self.queue.pop_front()).unwrap_or_default();
        }
        self.begun.drain(..count);
        self.stuck = None;
    }

    /// Writes as much as the system takes.
    fn write_on(&mut self, fd: &OwnedFd) {
        while let Some(next) = self.next() {
            match rustix::io::write(fd, next) {
                Ok(count @ 1..) => self.took(count),
                Err(Errno::INTR) => {}
                Ok(0) | Err(Errno::AGAIN) => {
                    let since = *self.stuck.get_or_insert_with(Instant::now);
                    if since.elapsed() >= TAKES_NOTHING {
                        self.lost.get_or_insert_with(|| format!("it took none for {} ms", TAKES_NOTHING.as_millis()));
                    }
                    return;
                }
                Err(error) => {
                    self.lost.get_or_insert_with(|| error.to_string());
                    return;
                }
            }
        }
    }
}

/// What came of a wait for bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes are in the buffer.
    Bytes(usize),
    /// Nothing came in time.
    Nothing,
    /// The port is gone, for this reason.
    Lost(String),
}

/// A port that never blocks who sends.
pub struct Port {
    fd: OwnedFd,
    outbox: Mutex<Outbox>,
    /// What holds the port for us, as long as it is open.
    _hold: Option<Box<dyn Any + Send + Sync>>,
}

impl Port {
    /// A port on a descriptor that was set not to block; `hold` is dropped with it.
    pub fn new(fd: OwnedFd, hold: Option<Box<dyn Any + Send + Sync>>) -> Self {
        Self { fd, outbox: Mutex::default(), _hold: hold }
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what the system takes at once; the rest waits. Urgent bytes drop what waits and was not begun.
    ///
    /// # Errors
    ///
    /// Why the device does not take bytes.
    pub fn send(&self, bytes: &[u8], urgent: bool) -> Result<(), String> {
        let mut outbox = self.outbox();
        if urgent {
            // What still waits is older than the decision to stop.
            outbox.queue.clear();
            outbox.urgent.push_back(bytes.to_vec());
        } else if let Some(reason) = &outbox.lost {
            return Err(format!("the device does not take bytes: {reason}; check cable and power"));
        } else if outbox.waiting_bytes() + bytes.len() > WAITING_BYTES_MAX {
            return Err(format!("{WAITING_BYTES_MAX} bytes wait and the device does not read them"));
        } else {
            outbox.queue.push_back(bytes.to_vec());
        }
        outbox.write_on(&self.fd);
        Ok(())
    }

    /// Waits for bytes, at most for `wait`; meanwhile goes on with what waits to be sent.
    pub fn read(&self, buffer: &mut [u8], wait: Duration) -> Read {
        let lost = |error: Errno| Read::Lost(format!("the port was lost: {error}"));
        let waits = !self.outbox().is_empty();
        let wanted = if waits { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut polled = [PollFd::new(&self.fd, wanted)];
        let wait = Timespec { tv_sec: wait.as_secs() as _, tv_nsec: wait.subsec_nanos().into() };
        match poll(&mut polled, Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return lost(error),
        }
        if waits {
            self.outbox().write_on(&self.fd);
        }
        if polled[0].revents().difference(PollFlags::OUT).is_empty() {
            return Read::Nothing;
        }
        match rustix::io::read(&self.fd, buffer) {
            Ok(0) => Read::Lost("the port was lost: it was unplugged, or the other side hung up".to_owned()),
            Ok(count) => Read::Bytes(count),
            Err(Errno::AGAIN | Errno::INTR) => Read::Nothing,
            Err(error) => lost(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Port, Read, WAITING_BYTES_MAX};
    use std::{
        io::{Read as _, Write as _},
        os::{fd::OwnedFd, unix::net::UnixStream},
        time::Duration,
    };

    /// A port and its other side.
    fn port() -> (Port, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        (Port::new(OwnedFd::from(near), None), far)
    }

    /// Sends until the system takes no more, and says how many messages there were.
    fn fill(port: &Port, message: &[u8]) -> usize {
        let mut count = 0;
        while port.outbox().is_empty() {
            port.send(message, false).unwrap();
            count += 1;
        }
        count
    }

    #[test]
    fn bytes_pass_both_ways_and_the_last_come_before_the_end() {
        let (port, mut far) = port();
        port.send(b"question", false).unwrap();
        let mut buffer = [0; 64];
        assert_eq!(far.read(&mut buffer).unwrap(), 8);
        assert_eq!(port.read(&mut buffer, Duration::ZERO), Read::Nothing);
        far.write_all(b"answer").unwrap();
        drop(far);
        assert_eq!(port.read(&mut buffer, Duration::ZERO), Read::Bytes(6));
        assert!(matches!(port.read(&mut buffer, Duration::ZERO), Read::Lost(_)));
        assert!(port.send(b"more", false).is_ok_and(|()| port.send(b"more", false).is_err()), "a lost port says so");
    }

    #[test]
    fn a_stop_overtakes_what_waits_and_cuts_no_message() {
        let (port, mut far) = port();
        // An odd length, so that one is cut somewhere.
        let message = [b'm'; 1013];
        let taken = fill(&port, &message);
        port.send(b"waits", false).unwrap();
        port.send(b"STOP", true).unwrap();
        let (mut buffer, mut arrived) = ([0; 65_536], Vec::new());
        while !arrived.ends_with(b"STOP") {
            let count = far.read(&mut buffer).unwrap();
            arrived.extend_from_slice(&buffer[..count]);
            port.read(&mut [0; 1], Duration::ZERO);
        }
        let messages = arrived.strip_suffix(b"STOP").unwrap();
        assert!(
            messages.iter().all(|byte| *byte == b'm') && messages.len() % message.len() == 0,
            "whole or never begun"
        );
        assert!(messages.len() / message.len() <= taken, "what came after them was dropped");
    }

    #[test]
    fn a_device_that_takes_nothing_is_named_and_memory_is_bounded() {
        let (port, _far) = port();
        fill(&port, &[0; 4096]);
        let refused = (0..WAITING_BYTES_MAX).find_map(|_| port.send(&[0; 1024], false).err());
        assert!(refused.is_some_and(|reason| reason.contains("does not read")));
        assert!(port.outbox().waiting_bytes() <= WAITING_BYTES_MAX);
        port.send(b"STOP", true).unwrap();
        assert!(port.outbox().waiting_bytes() < 4096, "only what was begun is left in front of it");
    }
}
