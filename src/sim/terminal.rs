//! The simulated devices on pseudo-terminals, in real time: what `rig sim --pty` serves.
//!
//! The same firmware and world as in virtual time; only who moves the time differs. Bytes pass at each device's baud,
//! ten bits a byte, since a pseudo-terminal itself knows no line speed. One thread does it all.
//!
//! Invariants: a terminal is raw before its first byte is written, else the device's banner would come back to it as a
//! command. One descriptor of the host's side stays open, so that a host may come and go. The world is never ahead of
//! the clock, and after a pause it catches up in small steps, in each of which the lines are served.
//! Faults of the wire happen in [`crate::sim::fault`]; what befalls the port itself happens here, with the kernel's part:
//! a port that is unplugged is closed and its name gone, one that comes back is another terminal under the same name.
//! Deliberately absent: parity or data bits (a pseudo-terminal has none).

use crate::{
    config::{cartridge::Cartridge, faults::Faults, rig::Rig, world::WorldParams},
    link::{Role, interrupt::InterruptFlag},
    sim::{bench::SimBench, firmware::Firmware as _},
    time::RunTime,
};
use rustix::{
    fd::OwnedFd,
    fs::{FlockOperation, Mode, OFlags, fcntl_setfl, flock},
    io::Errno,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, ioctl_tiocnxcl, tcgetattr, tcsetattr},
};
use std::{
    collections::VecDeque,
    fs::{self, File},
    io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Longest step of the world between two looks at the lines.
const STEP_MAX: Duration = Duration::from_millis(1);
/// A world this far behind the clock shows in what a host measures.
const LATE_MIN: Duration = Duration::from_millis(50);
/// Rest once the world has caught up with the clock.
const REST: Duration = Duration::from_micros(500);
/// Bytes of the host that wait in the device's adapter; more stay in the system's buffer, so that the host feels it.
const INBOUND_BYTES_MAX: usize = 4096;

/// Bytes of a device that wait for the host. The driver of a real port holds as much (64 KiB in Linux, more in new ones);
/// a pseudo-terminal alone holds a few KiB, 30 ms of a fast stream.
const OUTBOUND_BYTES_MAX: usize = 65_536;

/// Terminals that could not be made or served.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct TerminalError {
    /// The folder or link.
    pub place: String,
    /// What happened and what to do.
    pub message: String,
}

impl TerminalError {
    fn at(place: &Path, message: impl ToString) -> Self {
        Self { place: place.display().to_string(), message: message.to_string() }
    }
}

/// How the service went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Bytes of each device that no host took in time.
    pub lost_bytes: [(Role, u64); 3],
}

/// Simulated devices that wait on pseudo-terminals.
pub struct TerminalBench {
    bench: SimBench,
    ports: [Port; 3],
    /// Held so that no second process serves the same folder.
    _folder: File,
}

impl TerminalBench {
    /// Switches the devices of a rig file on, behind the links `pen`, `stage` and `force` in `dir`. The folder is made
    /// where it is missing; links of an earlier run are replaced, and removed when this value is dropped.
    ///
    /// # Errors
    ///
    /// [`TerminalError`] where folder, terminal or link cannot be made, or another process serves this folder.
    pub fn open(
        rig: &Rig,
        world: &WorldParams,
        cartridge: &Cartridge,
        seed: u64,
        faults: &Faults,
        dir: &Path,
    ) -> Result<Self, TerminalError> {
        let failed =
            |error: io::Error| TerminalError::at(dir, format!("{error}; choose a folder that you can write to"));
        fs::create_dir_all(dir).map_err(failed)?;
        let folder = File::open(dir).map_err(failed)?;
        if folder.try_lock().is_err() {
            return Err(TerminalError::at(
                dir,
                "another `rig sim` serves this folder; end it or choose another folder",
            ));
        }
        let bench = SimBench::new(rig, world, cartridge, seed).with_faults(faults);
        let port = |role, baud, name| Port::open(role, baud, dir.join(name), bench.port(role).busy);
        let ports = [
            port(Role::Pen, rig.pen.baud, "pen")?,
            port(Role::Stage, rig.stage.baud, "stage")?,
            port(Role::Force, rig.force.baud, "force")?,
        ];
        Ok(Self { bench, ports, _folder: folder })
    }

    /// Device and link of each port.
    pub fn links(&self) -> [(Role, &Path); 3] {
        self.ports.each_ref().map(|port| (port.role, port.place.as_path()))
    }

    /// Serves until a signal comes. Whenever the world has fallen farther than [`LATE_MIN`] behind the clock, `late` is
    /// told how far: what a host measures then is the machine's doing.
    ///
    /// # Errors
    ///
    /// [`TerminalError`] where a terminal fails.
    pub fn serve(
        &mut self,
        interrupt: &InterruptFlag,
        mut late: impl FnMut(Duration),
    ) -> Result<Served, TerminalError> {
        let began = Instant::now();
        let (mut reached, mut told) = (RunTime::ZERO, false);
        while interrupt.get().is_none() {
            let behind = (RunTime::ZERO + began.elapsed()).since(reached);
            if behind > LATE_MIN && !told {
                late(behind);
            }
            told = behind > LATE_MIN;
            if behind < REST {
                thread::sleep(REST);
                continue;
            }
            reached = reached + behind.min(STEP_MAX);
            self.step(reached)?;
        }
        Ok(Served { lost_bytes: self.ports.each_ref().map(|port| (port.role, port.lost_bytes)) })
    }

    /// Lets the bench live until `to`, then moves what the lines have carried by then.
    fn step(&mut self, to: RunTime) -> Result<(), TerminalError> {
        while let (Some(at), role) = self.bench.next_wake()
            && at <= to
        {
            self.bench.world.advance(at);
            let (firmware, world) = self.bench.parts(role);
            firmware.wake(at, world);
            self.collect(role, at);
        }
        self.bench.world.advance(to);
        for role in Role::ALL {
            let state = self.bench.port(role);
            let port = &mut self.ports[role as usize];
            port.plug(!state.gone)?;
            if !state.deaf {
                port.read(to).map_err(|error| TerminalError::at(&port.place, error))?;
            }
            let bytes = port.to_device.arrived(to);
            if !bytes.is_empty() {
                let (firmware, world) = self.bench.parts(role);
                firmware.receive(to, &bytes, world);
            }
            // Once without a request too: the banner of the boot.
            self.collect(role, to);
            let port = &mut self.ports[role as usize];
            port.write(to).map_err(|error| TerminalError::at(&port.place, error))?;
        }
        Ok(())
    }

    fn collect(&mut self, role: Role, at: RunTime) {
        for bytes in self.bench.chunks(role) {
            self.ports[role as usize].to_host.put(at, &bytes);
        }
    }
}

/// One direction of a line.
struct Line {
    byte_time: Duration,
    waiting: VecDeque<u8>,
    /// When the last byte had passed.
    free: RunTime,
}

impl Line {
    fn new(baud: u32) -> Self {
        // Start bit, eight data bits, stop bit.
        let byte_time = Duration::from_nanos(10_000_000_000 / u64::from(baud.max(1)));
        Self { byte_time, waiting: VecDeque::new(), free: RunTime::ZERO }
    }

    fn put(&mut self, at: RunTime, bytes: &[u8]) {
        if self.waiting.is_empty() {
            self.free = self.free.max(at);
        }
        self.waiting.extend(bytes);
    }

    /// The bytes that have passed by `now`.
    fn arrived(&mut self, now: RunTime) -> Vec<u8> {
        let passed = now.since(self.free).as_nanos() / self.byte_time.as_nanos().max(1);
        let count = self.waiting.len().min(usize::try_from(passed).unwrap_or(usize::MAX));
        self.free = self.free + self.byte_time * u32::try_from(count).unwrap_or(u32::MAX);
        self.waiting.drain(..count).collect()
    }
}

/// The name of a terminal in the folder; gone with it.
struct PublishedLink(PathBuf);

impl PublishedLink {
    fn new(path: &Path, target: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => fs::remove_file(path)?,
            Ok(_) => return Err(io::Error::other("exists and is no link of an earlier run; move it away")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        symlink(target, path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PublishedLink {
    fn drop(&mut self) {
        // A link that somebody else removed is gone as well.
        let _ = fs::remove_file(&self.0);
    }
}

/// A pseudo-terminal with a name.
struct Plugged {
    device_side: OwnedFd,
    host_side: OwnedFd,
    _link: PublishedLink,
}

impl Plugged {
    fn new(place: &Path) -> Result<Self, TerminalError> {
        let (device_side, host_side, name) =
            terminal_pair().map_err(|error| TerminalError::at(place, format!("no pseudo-terminal: {error}")))?;
        let link = PublishedLink::new(place, &name).map_err(|error| TerminalError::at(place, error))?;
        Ok(Self { device_side, host_side, _link: link })
    }
}

/// A device's terminal.
struct Port {
    role: Role,
    place: PathBuf,
    baud: u32,
    /// `None` while it is unplugged.
    plugged: Option<Plugged>,
    to_device: Line,
    to_host: Line,
    /// What has passed the line and the host has no room for yet.
    held: VecDeque<u8>,
    lost_bytes: u64,
}

impl Port {
    /// A terminal at `place`; where it is to be `busy`, locked as another program would.
    fn open(role: Role, baud: u32, place: PathBuf, busy: bool) -> Result<Self, TerminalError> {
        let plugged = Plugged::new(&place)?;
        if busy {
            flock(&plugged.host_side, FlockOperation::NonBlockingLockExclusive)
                .map_err(|error| TerminalError::at(&place, error))?;
        }
        let (to_device, to_host) = (Line::new(baud), Line::new(baud));
        Ok(Self { role, place, baud, plugged: Some(plugged), to_device, to_host, held: VecDeque::new(), lost_bytes: 0 })
    }

    /// Pulls the cable, or puts it back.
    fn plug(&mut self, wanted: bool) -> Result<(), TerminalError> {
        if wanted == self.plugged.is_some() {
            return Ok(());
        }
        self.plugged = if wanted { Some(Plugged::new(&self.place)?) } else { None };
        // What the adapter held is gone either way.
        (self.to_device, self.to_host) = (Line::new(self.baud), Line::new(self.baud));
        self.held.clear();
        Ok(())
    }

    /// Takes what the host has written.
    fn read(&mut self, now: RunTime) -> io::Result<()> {
        let Some(Plugged { device_side, host_side, .. }) = &self.plugged else { return Ok(()) };
        // A host marks the port as its own, and the mark would outlive it, since we hold the port open too. The lock on
        // the file, which ends with the host, still keeps a second one out.
        ioctl_tiocnxcl(host_side)?;
        let mut buffer = [0; INBOUND_BYTES_MAX];
        let room = INBOUND_BYTES_MAX.saturating_sub(self.to_device.waiting.len());
        match rustix::io::read(device_side, &mut buffer[..room]) {
            Ok(count) => self.to_device.put(now, &buffer[..count]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Gives the host what the line has carried; what finds no room is lost, as on a line without flow control.
    fn write(&mut self, now: RunTime) -> io::Result<()> {
        let bytes = self.to_host.arrived(now);
        let Some(Plugged { device_side, .. }) = &self.plugged else { return Ok(()) };
        let room = OUTBOUND_BYTES_MAX.saturating_sub(self.held.len()).min(bytes.len());
        self.held.extend(&bytes[..room]);
        self.lost_bytes += (bytes.len() - room) as u64;
        while !self.held.is_empty() {
            match rustix::io::write(device_side, self.held.as_slices().0) {
                Ok(count) => drop(self.held.drain(..count)),
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Both sides of a raw pseudo-terminal, and the path of the host's side.
fn terminal_pair() -> io::Result<(OwnedFd, OwnedFd, PathBuf)> {
    let device_side = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&device_side)?;
    unlockpt(&device_side)?;
    fcntl_setfl(&device_side, OFlags::RDWR | OFlags::NONBLOCK)?;
    let name = ptsname(&device_side, Vec::new())?;
    let name = PathBuf::from(name.into_string().map_err(io::Error::other)?);
    let host_side = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut settings = tcgetattr(&host_side)?;
    settings.make_raw();
    tcsetattr(&host_side, OptionalActions::Now, &settings)?;
    Ok((device_side, host_side, name))
}

#[cfg(test)]
mod tests {
    use super::{Line, PublishedLink};
    use crate::time::RunTime;
    use std::{path::Path, time::Duration};

    fn at(us: u64) -> RunTime {
        RunTime::ZERO + Duration::from_micros(us)
    }

    #[test]
    fn a_line_carries_ten_bits_a_byte_however_often_it_is_looked_at() {
        for step_us in [10, 170, 1_000, 5_000] {
            let mut line = Line::new(100_000);
            line.put(at(1_000), &[7; 50]);
            let mut carried = 0;
            for us in (0..=5_000).step_by(step_us) {
                carried += line.arrived(at(us)).len();
                let due = us.saturating_sub(1_000) / 100;
                assert_eq!(carried as u64, due.min(50), "at {us} us in steps of {step_us} us");
            }
        }
    }

    #[test]
    fn rest_earns_a_line_no_credit() {
        let mut line = Line::new(100_000);
        line.put(at(10_000), &[1; 20]);
        assert!(line.arrived(at(10_050)).is_empty());
        assert_eq!(line.arrived(at(10_500)).len(), 5);
    }

    #[test]
    fn a_stale_link_is_replaced_and_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pen");
        std::os::unix::fs::symlink("gone", &path).unwrap();
        let link = PublishedLink::new(&path, Path::new("new")).unwrap();
        assert_eq!(std::fs::read_link(&path).unwrap(), Path::new("new"));
        drop(link);
        assert!(std::fs::symlink_metadata(&path).is_err(), "removed");
        std::fs::write(&path, "mine").unwrap();
        assert!(PublishedLink::new(&path, Path::new("new")).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }
}
