//! Serial ports, and devices behind a socket: a thread a port that reads, one channel to the waiting side.
//!
//! The side that decides on safety never waits for a read or a write, only for the channel with a deadline. It writes by
//! itself ([`Port::send`]), since every change of thread costs as much as the way through the kernel.

use super::{
    Link, LinkError, Role, Wake,
    port::{Port, Read},
    tcp,
};
use crate::time::RunTime;
use rustix::fs::{Mode, OFlags};
use serialport::{ErrorKind, SerialPort as _};
use std::{
    io,
    os::fd::OwnedFd,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a read waits before the thread looks whether it should end.
const READ_WAIT: Duration = Duration::from_millis(20);
/// Chunks that may wait for the deciding side, over all ports.
const ARRIVALS_MAX: usize = 4096;

enum Arrival {
    Bytes(Role, Vec<u8>),
    Lost(Role, String),
}

/// A port that could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot open the port of the {}, {path}: {message}", .role.name())]
pub struct OpenError {
    /// The device.
    pub role: Role,
    /// The port.
    pub path: String,
    /// Why, and what to do.
    pub message: String,
}

/// A serial port that the system lists.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PortInfo {
    /// Path.
    pub path: String,
    /// Stable id for rig files (`serial:...`), where the device has a serial number.
    pub stable_id: Option<String>,
    /// Maker and product, where known.
    pub description: String,
}

/// The ports of this machine.
///
/// # Errors
///
/// The system's message where ports cannot be listed.
pub fn ports() -> Result<Vec<PortInfo>, String> {
    let found = serialport::available_ports().map_err(|error| error.to_string())?;
    let mut ports: Vec<PortInfo> = found
        .into_iter()
        .map(|port| match port.port_type {
            serialport::SerialPortType::UsbPort(usb) => PortInfo {
                path: port.port_name,
                stable_id: usb.serial_number.map(|number| format!("serial:{number}")),
                description: [usb.manufacturer, usb.product].into_iter().flatten().collect::<Vec<_>>().join(" "),
            },
            _ => PortInfo { path: port.port_name, stable_id: None, description: String::new() },
        })
        .collect();
    ports.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(ports)
}

/// The path behind a rig file's port: itself, or the one port with that serial number.
fn resolve(role: Role, port: &str) -> Result<String, OpenError> {
    let fail = |message: String| OpenError { role, path: port.to_owned(), message };
    let Some(wanted) = port.strip_prefix("serial:") else { return Ok(port.to_owned()) };
    let found: Vec<String> = ports()
        .map_err(fail)?
        .into_iter()
        .filter(|info| info.stable_id.as_deref().and_then(|id| id.strip_prefix("serial:")) == Some(wanted))
        .map(|info| info.path)
        .collect();
    match found.as_slice() {
        [path] => Ok(path.clone()),
        [] => Err(fail(format!("no port has serial number {wanted}; check the cable, then run `rig ports`"))),
        several => Err(fail(format!("{} all report serial number {wanted}; name a path", several.join(", ")))),
    }
}

/// Opens a serial port, whose second descriptor keeps its settings and keeps others out.
fn open_terminal(role: Role, port: &str, baud: u32) -> Result<Port, OpenError> {
    let path = resolve(role, port)?;
    let fail = |text: String| OpenError { role, path: path.clone(), message: text };
    let mut hold = serialport::new(&path, baud).open_native().map_err(|error| {
        let text = error.to_string();
        fail(match error.kind() {
            ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
                format!("{text}; add your user to the group that owns the port (often dialout) and log in again")
            }
            _ if !Path::new(&path).exists() => format!("{text}; check the cable, then run `rig ports`"),
            // serialport reports a busy port as NoDevice, which does not mean unplugged.
            _ if text.contains("busy") || text.contains("lock") => {
                format!("{text}: the port is in use by another program; close it and run again")
            }
            _ => format!("{text}; run `rig ports`"),
        })
    })?;
    // serialport's own descriptor blocks, so bytes pass through one that does not; for a moment the port admits it.
    let settle = |result: serialport::Result<()>| result.map_err(|error| fail(error.to_string()));
    settle(hold.set_exclusive(false))?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open(&path, flags, Mode::empty()).map_err(|error| fail(error.to_string()))?;
    settle(hold.set_exclusive(true))?;
    // Bytes that came while nobody listened belong to no request of ours.
    settle(hold.clear(serialport::ClearBuffer::Input))?;
    Ok(Port::new(fd, Some(Box::new(hold))))
}

fn open(role: Role, port: &str, baud: u32) -> Result<Port, OpenError> {
    let Some(address) = tcp::address(port) else { return open_terminal(role, port, baud) };
    let stream = tcp::connect(address).map_err(|message| OpenError { role, path: port.to_owned(), message })?;
    Ok(Port::new(OwnedFd::from(stream), None))
}

/// The ports of a bench in real time.
pub struct SerialLink {
    began: Instant,
    arrivals: Receiver<Arrival>,
    ports: Vec<(Role, Arc<Port>)>,
    closing: Arc<AtomicBool>,
}

impl SerialLink {
    /// Opens every port; none is written to.
    ///
    /// # Errors
    ///
    /// [`OpenError`] for the first port that is missing, busy or forbidden.
    pub fn open(wanted: &[(Role, &str, u32)]) -> Result<Self, OpenError> {
        let (sender, arrivals) = sync_channel(ARRIVALS_MAX);
        let closing = Arc::new(AtomicBool::new(false));
        let mut ports = Vec::new();
        for &(role, path, baud) in wanted {
            let port = Arc::new(open(role, path, baud)?);
            let (shared, sender, closing) = (Arc::clone(&port), sender.clone(), Arc::clone(&closing));
            thread::Builder::new()
                .name(format!("{}-read", role.name()))
                .spawn(move || read_loop(role, &shared, &sender, &closing))
                .map_err(|error| OpenError { role, path: path.to_owned(), message: error.to_string() })?;
            ports.push((role, port));
        }
        Ok(Self { began: Instant::now(), arrivals, ports, closing })
    }
}

fn read_loop(role: Role, port: &Port, arrivals: &SyncSender<Arrival>, closing: &AtomicBool) {
    let mut buffer = [0_u8; 16 * 1024];
    while !closing.load(Ordering::Relaxed) {
        let arrival = match port.read(&mut buffer, READ_WAIT) {
            Read::Nothing => continue,
            Read::Bytes(count) => Arrival::Bytes(role, buffer[..count].to_vec()),
            Read::Lost(reason) => Arrival::Lost(role, reason),
        };
        let lost = matches!(arrival, Arrival::Lost(..));
        if arrivals.send(arrival).is_err() || lost {
            return;
        }
    }
}

impl Link for SerialLink {
    fn now(&mut self) -> RunTime {
        RunTime::ZERO + self.began.elapsed()
    }

    fn send(&mut self, role: Role, bytes: &[u8], urgent: bool) -> Result<(), LinkError> {
        let port = self.ports.iter().find(|(other, _)| *other == role).map(|(_, port)| port);
        let sent = port.ok_or_else(|| "this bench has no such device".to_owned());
        sent.and_then(|port| port.send(bytes, urgent)).map_err(|message| LinkError { role, message })
    }

    fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake {
        bytes.clear();
        let left = deadline.since(self.now());
        match self.arrivals.recv_timeout(left) {
            Ok(Arrival::Bytes(role, chunk)) => {
                *bytes = chunk;
                Wake::Bytes(role)
            }
            Ok(Arrival::Lost(role, reason)) => Wake::Lost(role, reason),
            Err(RecvTimeoutError::Timeout) => Wake::Deadline,
            // All readers have ended; the bench has already been told of each.
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(left);
                Wake::Deadline
            }
        }
    }
}

impl Drop for SerialLink {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}
