//! A device behind a socket: the bytes of simulated firmware over the loopback, through the link that serial ports use.
//!
//! The firmware's time goes on by a millisecond with each chunk that it hears; nothing here depends on real time.

#![expect(clippy::unwrap_used, reason = "what cannot be set up is a failed test")]

use rig::{
    config::{self, console::Script, pen::Pen as PenFile, world::WorldParams},
    device::{DeviceFault, Pen as _, PenState, Session as _, pen_console::PenConsole},
    link::{Link as _, Role, Wake, serial::SerialLink},
    sim::{
        firmware::{Firmware as _, console_pen::ConsolePen},
        world::{CartridgeTruth, World},
    },
    time::RunTime,
};
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::Duration,
};

/// Longest wait for what must come; a test that runs into it fails.
const PATIENCE: Duration = Duration::from_secs(60);

fn script() -> Script {
    let pen: PenFile = config::parse("proto-c.toml", include_str!("../fixtures/pens/proto-c.toml")).unwrap();
    pen.console.unwrap().compile().unwrap()
}

/// A pen on a socket until it is told to clear its faults; then the connection is closed.
fn serve(listener: TcpListener) {
    let (mut stream, _) = listener.accept().unwrap();
    let cartridge = CartridgeTruth { needles: 1, needle_diameter_mm: 0.25, height_sd_mm: 0.0 };
    let mut world = World::new(&WorldParams::default(), &cartridge, 1);
    let mut pen = ConsolePen::new(&script());
    let (mut out, mut buffer, mut ended) = (Vec::new(), [0; 512], false);
    while !ended {
        out.clear();
        pen.transmit(&mut out);
        stream.write_all(&out).unwrap();
        let count = stream.read(&mut buffer).unwrap();
        world.advance(world.now() + Duration::from_millis(1));
        pen.receive(world.now(), &buffer[..count], &mut world);
        ended = buffer[..count].starts_with(b"CLEAR");
    }
}

/// A session with the pen behind the socket.
struct Client {
    link: SerialLink,
    pen: PenConsole,
}

impl Client {
    /// Does `act` until `done`, again after a time-out: the server shares its processor. The loss of the port, if it
    /// comes first.
    fn until(&mut self, act: fn(&mut PenConsole, RunTime), done: fn(&PenConsole) -> bool) -> Option<(Role, String)> {
        let deadline = self.link.now() + PATIENCE;
        let mut bytes = Vec::new();
        act(&mut self.pen, self.link.now());
        while !done(&self.pen) {
            if let Some(fault) = self.pen.take_fault() {
                assert!(matches!(fault, DeviceFault::Silent { .. }) && self.link.now() < deadline, "{fault}");
                act(&mut self.pen, self.link.now());
            }
            while let Some((line, urgent)) = self.pen.transmit() {
                self.link.send(Role::Pen, &line, urgent).unwrap();
            }
            let due = self.pen.next_tick().map_or(deadline, |due| due.min(deadline));
            match self.link.wait(due, &mut bytes) {
                Wake::Bytes(_) => self.pen.receive(self.link.now(), &bytes),
                Wake::Lost(role, reason) => return Some((role, reason)),
                Wake::Deadline => assert!(self.link.now() < deadline, "state {:?}", self.pen.state()),
            }
            self.pen.tick(self.link.now());
        }
        None
    }
}

#[test]
fn a_pen_on_a_socket_is_driven_and_its_end_is_noticed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("tcp:{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || serve(listener));
    let link = SerialLink::open(&[(Role::Pen, &port, 115_200)]).unwrap();
    let mut client = Client { link, pen: PenConsole::new(script(), None) };
    assert_eq!(client.until(|pen, now| pen.identify(now), |pen| pen.identity().is_some()), None);
    assert_eq!(client.pen.identity().unwrap().serial, "SIM-0001");
    assert_eq!(client.until(|pen, now| pen.set(now, 110.0, 1.5), |pen| !pen.busy()), None);
    assert_eq!(client.until(|pen, now| pen.arm(now), |pen| pen.state() == PenState::Armed), None);
    assert_eq!(client.until(|pen, now| pen.stop(now), |pen| pen.state() == PenState::Safe && !pen.busy()), None);
    let lost = client.until(|pen, now| pen.acknowledge(now), |_| false).expect("the end of the connection");
    assert!(lost.0 == Role::Pen && lost.1.contains("hung up"), "{lost:?}");
    server.join().unwrap();
}

#[test]
fn a_socket_that_nobody_serves_is_refused_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("tcp:{}", listener.local_addr().unwrap());
    drop(listener);
    for (port, words) in [(closed.as_str(), "check that the device is on"), ("tcp:bench", "tcp:HOST:PORT")] {
        let Err(error) = SerialLink::open(&[(Role::Stage, port, 0)]) else { panic!("{port} opened") };
        assert!(error.to_string().contains(words), "{error}");
    }
}
