//! Ports as the kernel has them, through the link alone: pseudo-terminals and sockets whose other side misbehaves.
//!
//! Waits end with an event, at the latest after [`PATIENCE`]; nothing is asserted on how long anything took.

#![expect(clippy::unwrap_used, reason = "what cannot be set up is a failed test")]

use rig::{
    link::{Link as _, Role, Wake, serial::SerialLink},
    time::RunTime,
};
use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, tcgetattr, tcsetattr},
};
use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// More than any kernel keeps for a terminal or a socket, in messages of [`MESSAGE`].
const MESSAGES_MAX: usize = 100_000;
const MESSAGE: &[u8] = &[b'm'; 512];

/// A raw pseudo-terminal: the device's side, and the path of the host's.
fn terminal() -> (File, String) {
    let device = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&device).unwrap();
    unlockpt(&device).unwrap();
    let path = ptsname(&device, Vec::new()).unwrap().into_string().unwrap();
    let host = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let mut settings = tcgetattr(&host).unwrap();
    settings.make_raw();
    tcsetattr(&host, OptionalActions::Now, &settings).unwrap();
    (File::from(device), path)
}

/// Sends to a device that takes nothing until that is said.
#[track_caller]
fn refused(link: &mut SerialLink, role: Role) -> String {
    let error = (0..MESSAGES_MAX).find_map(|_| link.send(role, MESSAGE, false).err());
    error.expect("a bound on what waits").message
}

/// F20: what one device does not take keeps no STOP from another.
#[test]
fn a_device_that_takes_no_bytes_is_named_and_delays_nobody() {
    let (_deaf, deaf) = terminal();
    let (mut hears, path) = terminal();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = format!("tcp:{}", listener.local_addr().unwrap());
    let ports = [(Role::Pen, deaf.as_str(), 115_200), (Role::Stage, &path, 115_200), (Role::Force, &socket, 0)];
    let mut link = SerialLink::open(&ports).unwrap();
    let (_never_read, _) = listener.accept().unwrap();
    for role in [Role::Pen, Role::Force] {
        let reason = refused(&mut link, role);
        assert!(reason.contains("does not read") || reason.contains("does not take bytes"), "{reason}");
        // Neither blocks, and a full queue refuses no STOP.
        link.send(role, b"STOP", true).unwrap();
    }
    link.send(Role::Stage, b"STOP", true).unwrap();
    let mut arrived = [0; 4];
    hears.read_exact(&mut arrived).unwrap();
    assert_eq!(&arrived, b"STOP");
}

/// F22: no byte means anything to the port.
#[test]
fn every_byte_passes_both_ways() {
    let (mut device, path) = terminal();
    let mut link = SerialLink::open(&[(Role::Pen, &path, 115_200)]).unwrap();
    let all: Vec<u8> = (0..=255).collect();
    link.send(Role::Pen, &all, false).unwrap();
    let mut sent = vec![0; all.len()];
    device.read_exact(&mut sent).unwrap();
    assert_eq!(sent, all);
    device.write_all(&all).unwrap();
    let (mut bytes, mut came) = (Vec::new(), Vec::new());
    while came.len() < all.len() {
        assert_eq!(link.wait(RunTime::ZERO + PATIENCE, &mut bytes), Wake::Bytes(Role::Pen));
        came.extend_from_slice(&bytes);
    }
    assert_eq!(came, all);
}

/// F01: the end of a port is told once, and then nothing spins.
#[test]
fn the_end_of_a_port_is_told_once() {
    let (device, path) = terminal();
    let mut link = SerialLink::open(&[(Role::Stage, &path, 115_200)]).unwrap();
    drop(device);
    let mut bytes = Vec::new();
    let wake = link.wait(RunTime::ZERO + PATIENCE, &mut bytes);
    assert!(matches!(&wake, Wake::Lost(Role::Stage, reason) if reason.contains("the port was lost")), "{wake:?}");
    let now = link.now();
    assert_eq!(link.wait(now, &mut bytes), Wake::Deadline);
    let gone = (0..2).find_map(|_| link.send(Role::Stage, b"more", false).err());
    assert!(gone.is_some_and(|error| error.message.contains("does not take bytes")));
}
