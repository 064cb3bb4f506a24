//! Serial ports, and devices behind a socket: a reader thread and a writer thread a port, one channel to the waiting
//! side.
//!
//! The side that decides on safety never waits for a read or a write, only for the channel with a deadline.

use super::{Link, LinkError, Role, Wake, tcp};
use crate::time::RunTime;
use serialport::{ErrorKind, SerialPort, TTYPort};
use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    path::Path,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, sync::mpsc};

/// How long a read blocks before the reader looks whether it should end.
const READ_WAIT: Duration = Duration::from_millis(20);
/// Chunks that may wait for the deciding side, over all ports.
const ARRIVALS_MAX: usize = 4096;
/// Bytes that may wait for a device that does not read.
const QUEUED_BYTES_MAX: usize = 16 * 1024;

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

fn open(role: Role, port: &str, baud: u32) -> Result<TTYPort, OpenError> {
    let path = resolve(role, port)?;
    serialport::new(&path, baud).timeout(READ_WAIT).open_native().map_err(|error| {
        let text = error.to_string();
        let message = match error.kind() {
            ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
                format!("{text}; add your user to the group that owns the port (often dialout) and log in again")
            }
            _ if !Path::new(&path).exists() => format!("{text}; check the cable, then run `rig ports`"),
            // serialport reports a busy port as NoDevice, which does not mean unplugged.
            _ if text.contains("busy") || text.contains("lock") => {
                format!("{text}: the port is in use by another program; close it and run again")
            }
            _ => format!("{text}; run `rig ports`"),
        };
        OpenError { role, path: path.clone(), message }
    })
}

/// One port, once to read from and once to write to.
type Ends = (Box<dyn Read + Send>, Box<dyn Write + Send>);

fn open_ends(role: Role, port: &str, baud: u32) -> Result<Ends, OpenError> {
    let fail = |message: String| OpenError { role, path: port.to_owned(), message };
    if let Some(address) = tcp::address(port) {
        let reader = tcp::connect(address, READ_WAIT).map_err(fail)?;
        let writer = reader.try_clone().map_err(|error| fail(error.to_string()))?;
        return Ok((Box::new(reader), Box::new(writer)));
    }
    let reader = open(role, port, baud)?;
    // Bytes that came while nobody listened belong to no request of ours.
    reader.clear(serialport::ClearBuffer::Input).map_err(|error| fail(error.to_string()))?;
    let writer = reader.try_clone_native().map_err(|error| fail(error.to_string()))?;
    Ok((Box::new(reader), Box::new(writer)))
}

/// Whether an error only says that nothing happened in time. Sockets call it `WouldBlock`.
fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

#[derive(Default)]
struct Outbox {
    urgent: VecDeque<Vec<u8>>,
    queue: VecDeque<Vec<u8>>,
    queued_bytes: usize,
    closed: bool,
    lost: Option<String>,
}

struct Port {
    outbox: Arc<(Mutex<Outbox>, Condvar)>,
}

/// The ports of a bench in real time.
pub struct SerialLink {
    began: Instant,
    runtime: Runtime,
    arrivals: mpsc::Receiver<Arrival>,
    ports: Vec<(Role, Port)>,
    closing: Arc<AtomicBool>,
}

impl SerialLink {
    /// Opens every port; none is written to.
    ///
    /// # Errors
    ///
    /// [`OpenError`] for the first port that is missing, busy or forbidden.
    pub fn open(wanted: &[(Role, &str, u32)]) -> Result<Self, OpenError> {
        let (sender, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let closing = Arc::new(AtomicBool::new(false));
        let mut ports = Vec::new();
        for &(role, path, baud) in wanted {
            let fail = |message: String| OpenError { role, path: path.to_owned(), message };
            let (reader, writer) = open_ends(role, path, baud)?;
            let outbox = Arc::new((Mutex::new(Outbox::default()), Condvar::new()));
            let (to_wait, ending) = (sender.clone(), Arc::clone(&closing));
            let read = move || read_loop(role, reader, &to_wait, &ending);
            thread::Builder::new()
                .name(format!("{}-read", role.name()))
                .spawn(read)
                .map_err(|e| fail(e.to_string()))?;
            let shared = Arc::clone(&outbox);
            let write = move || write_loop(writer, &shared);
            thread::Builder::new()
                .name(format!("{}-write", role.name()))
                .spawn(write)
                .map_err(|e| fail(e.to_string()))?;
            ports.push((role, Port { outbox }));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|error| {
            OpenError { role: Role::Pen, path: String::new(), message: format!("no timer for the ports: {error}") }
        })?;
        Ok(Self { began: Instant::now(), runtime, arrivals, ports, closing })
    }
}

fn read_loop(role: Role, mut port: Box<dyn Read + Send>, arrivals: &mpsc::Sender<Arrival>, closing: &AtomicBool) {
    let mut buffer = [0_u8; 16 * 1024];
    while !closing.load(Ordering::Relaxed) {
        let arrival = match port.read(&mut buffer) {
            Ok(0) => Arrival::Lost(role, "end of file: it was unplugged, or the other side hung up".to_owned()),
            Ok(count) => Arrival::Bytes(role, buffer[..count].to_vec()),
            Err(error) if is_time_out(&error) || error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Arrival::Lost(role, format!("the port was lost: {error}")),
        };
        let lost = matches!(arrival, Arrival::Lost(..));
        if arrivals.blocking_send(arrival).is_err() || lost {
            return;
        }
    }
}

fn write_loop(mut port: Box<dyn Write + Send>, shared: &(Mutex<Outbox>, Condvar)) {
    let (lock, ready) = shared;
    loop {
        let chunk = {
            let mut outbox = lock.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                if let Some(chunk) = outbox.urgent.pop_front() {
                    break chunk;
                }
                if let Some(chunk) = outbox.queue.pop_front() {
                    outbox.queued_bytes -= chunk.len();
                    break chunk;
                }
                if outbox.closed {
                    return;
                }
                outbox = ready.wait(outbox).unwrap_or_else(PoisonError::into_inner);
            }
        };
        if let Err(error) = port.write_all(&chunk) {
            lock.lock().unwrap_or_else(PoisonError::into_inner).lost = Some(error.to_string());
            if !is_time_out(&error) {
                return;
            }
        }
    }
}

impl Link for SerialLink {
    fn now(&mut self) -> RunTime {
        RunTime::ZERO + self.began.elapsed()
    }

    fn send(&mut self, role: Role, bytes: &[u8], urgent: bool) -> Result<(), LinkError> {
        let fail = |message: String| LinkError { role, message };
        let port = self.ports.iter().find(|(other, _)| *other == role).map(|(_, port)| port);
        let port = port.ok_or_else(|| fail("this bench has no such device".to_owned()))?;
        let (lock, ready) = &*port.outbox;
        let mut outbox = lock.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(reason), false) = (&outbox.lost, urgent) {
            return Err(fail(format!("the device does not take bytes: {reason}; check cable and power")));
        }
        if urgent {
            // What still waits is older than the decision to stop.
            outbox.queue.clear();
            outbox.queued_bytes = 0;
            outbox.urgent.push_back(bytes.to_vec());
        } else if outbox.queued_bytes + bytes.len() > QUEUED_BYTES_MAX {
            return Err(fail(format!("{QUEUED_BYTES_MAX} bytes wait and the device does not read them")));
        } else {
            outbox.queued_bytes += bytes.len();
            outbox.queue.push_back(bytes.to_vec());
        }
        ready.notify_one();
        Ok(())
    }

    fn wait(&mut self, deadline: RunTime, bytes: &mut Vec<u8>) -> Wake {
        bytes.clear();
        let left = deadline.since(RunTime::ZERO + self.began.elapsed());
        let arrivals = &mut self.arrivals;
        let arrival = self.runtime.block_on(async { tokio::time::timeout(left, arrivals.recv()).await });
        match arrival {
            Ok(Some(Arrival::Bytes(role, chunk))) => {
                *bytes = chunk;
                Wake::Bytes(role)
            }
            Ok(Some(Arrival::Lost(role, reason))) => Wake::Lost(role, reason),
            // All readers have ended; the bench has already been told of each.
            Ok(None) => {
                thread::sleep(left);
                Wake::Deadline
            }
            Err(_) => Wake::Deadline,
        }
    }
}

impl Drop for SerialLink {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        for (_, port) in &self.ports {
            let (lock, ready) = &*port.outbox;
            lock.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
            ready.notify_one();
        }
    }
}
