//! How fast a bench on real ports reacts, and what that costs: pseudo-terminals, the whole serial stack, real time.
//!
//! `cargo bench --bench latency`; `-- --minute` streams for a minute in place of five seconds. Every figure that depends
//! on the machine stands beside that of a bare loop over the same terminals in the same run: judge by the ratio. Where the
//! system puts the threads makes two or three times; round trips are measured over many placings, and `taskset -c 1`
//! settles it for the rest.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use rig::{
    bench::{Bench, Devices, fault::Fault},
    config::{
        calibration::Calibration,
        library::{self, Library},
        rig::Rig,
    },
    link::{Link as _, Role, Wake, interrupt::InterruptFlag, serial::SerialLink},
    time::RunTime,
    wire::{
        bench_link::{
            FrameDecoder,
            code::{Capabilities, Faults, Kind, Op, State},
            command::{Identity, Payload as _, SCHEMA_HASH, Status, TelemetryConfig},
            encode, encode_event,
            telemetry::{BatchBuilder, ENCODERS, FORCE, Layout},
        },
        line::LineSplitter,
        zaber::{Heard, Message, Reply, encode_message, parse_command},
    },
};
use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{OptionalActions, tcgetattr, tcsetattr},
};
use std::{
    fs::File,
    io::{Read as _, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

/// Round trips with one set of threads, and sets.
const ROUNDS: usize = 200;
const PLACINGS: usize = 25;
const STOPS: usize = 200;
/// How often round trips and stops are measured: on a busy machine the best says most.
const REPEATS: usize = 3;
/// Bytes a second of the stream.
const STREAM_BYTES_S: f64 = 2e6;
/// Samples a second that make more of them: 34 in a frame of some 250 bytes.
const STREAM_HZ: f64 = 250_000.0;

fn main() {
    let minute = std::env::args().any(|argument| argument == "--minute");
    println!("load average {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    let mut bare = f64::INFINITY;
    for _ in 0..REPEATS {
        let here = compared_round_trips();
        bare = bare.min(here);
    }
    for _ in 0..REPEATS {
        let stop = stop_latencies();
        println!("  ratio to the bare echo {:.2} (goal: median below 200 µs)", stop / bare);
    }
    stream(if minute { 60.0 } else { 5.0 });
    silence();
    unplug();
}

/// Prints the quantiles of some times and returns the median, µs.
fn round_trips(what: &str, mut times: Vec<Duration>) -> f64 {
    times.sort();
    let us = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!("{what}: median {:.1} µs, 95 % {:.1} µs, 99 % {:.1} µs, n {}", us(0.5), us(0.95), us(0.99), times.len());
    us(0.5)
}

/// A raw pseudo-terminal: the device's side, and the path of the host's side, which stays open.
struct Terminal {
    device: File,
    _host: File,
    path: String,
}

fn terminal() -> Terminal {
    let device = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&device).expect("granted");
    unlockpt(&device).expect("unlocked");
    let path = ptsname(&device, Vec::new()).expect("its name").into_string().expect("UTF-8");
    let host = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other side");
    let mut settings = tcgetattr(&host).expect("a terminal");
    settings.make_raw();
    tcsetattr(&host, OptionalActions::Now, &settings).expect("raw");
    Terminal { device: File::from(device), _host: File::from(host), path }
}

/// Says back whatever comes, until the terminal closes.
fn echo(mut device: File) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = device.read(&mut buffer) {
            if device.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
    });
}

const WORD: &[u8] =
    &[0x02, 0x10, 0x01, 0x02, 0x7F, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x03, 0x26, 0x80, 0];

/// Round trips of a bare loop and through the link, and their ratio: the median over [`PLACINGS`] sets of threads, since
/// where the system puts them makes either two or three times as fast. Returns the bare loop's median, µs.
fn compared_round_trips() -> f64 {
    let (mut bare, mut linked, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PLACINGS {
        let [here, link] = round_trips_in_turns();
        ratios.push(median(&link).as_secs_f64() / median(&here).as_secs_f64());
        bare.extend(here);
        linked.extend(link);
    }
    let bare = round_trips("bare loop", bare);
    round_trips("through the link, in turns with it", linked);
    ratios.sort_by(f64::total_cmp);
    let [low, middle, high] = [1, 2, 3].map(|quarter| ratios[(PLACINGS - 1) * quarter / 4]);
    println!("  ratio of the medians {middle:.2}, quartiles {low:.2} and {high:.2} (goal: at most 2)");
    bare
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

/// Round trips of a bare loop and through the link in turns, so that whatever else the machine does befalls both.
fn round_trips_in_turns() -> [Vec<Duration>; 2] {
    let Terminal { device, _host: mut bare, .. } = terminal();
    echo(device);
    let Terminal { device, _host, path } = terminal();
    echo(device);
    let mut link = SerialLink::open(&[(Role::Pen, &path, 115_200)]).expect("open");
    let mut bytes = Vec::new();
    let mut times = [Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS)];
    for _ in 0..ROUNDS {
        let began = Instant::now();
        bare.write_all(WORD).expect("written");
        let mut word = [0; 17];
        bare.read_exact(&mut word).expect("read");
        times[0].push(began.elapsed());
        let began = Instant::now();
        link.send(Role::Pen, WORD, false).expect("sent");
        let (mut count, deadline) = (0, link.now() + Duration::from_secs(1));
        while count < WORD.len() {
            assert_eq!(link.wait(deadline, &mut bytes), Wake::Bytes(Role::Pen));
            count += bytes.len();
        }
        times[1].push(began.elapsed());
    }
    times
}

/// What the force device is told to do.
enum Say {
    /// Samples at rest with this period (µs), a frame every 3.4 ms, until something else is said.
    Rest(u32),
    /// Two samples above the limit, then nothing.
    Cross,
    /// A stream of so many bytes a second.
    Stream(f64),
}

/// A bench of three devices that answer at once, and the strings by which the benchmark pulls at them.
struct Scene {
    bench: Bench,
    force: mpsc::Sender<Say>,
    /// When each STOP came.
    stops: mpsc::Receiver<(Role, Instant)>,
    quiet: Arc<AtomicBool>,
    told: Told,
    _hosts: [File; 3],
}

/// What the force device has put on the line of a stream so far.
#[derive(Clone, Default)]
struct Told {
    samples: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

fn identity(capabilities: Capabilities) -> Vec<u8> {
    let (firmware, device_uid, boot_id) = ([1, 0, 0], [7; 12], 9);
    let (body_bytes_max, lease_max_ms) = (252, 500);
    let schema_hash = SCHEMA_HASH;
    Identity { protocol: 1, firmware, schema_hash, device_uid, boot_id, capabilities, body_bytes_max, lease_max_ms }
        .to_bytes()
}

/// The pen: always safe, always at once.
fn pen(mut device: File, stops: mpsc::Sender<(Role, Instant)>) {
    let status = Status { device_us: 0, state: State::Safe, faults: Faults::NONE }.to_bytes();
    let (mut decoder, mut buffer) = (FrameDecoder::default(), [0; 4096]);
    while let Ok(count @ 1..) = device.read(&mut buffer) {
        let now = Instant::now();
        let (mut input, mut answer) = (&buffer[..count], Vec::new());
        while let Some(frame) = decoder.next_frame(&mut input) {
            if frame.op == Op::Stop as u8 {
                let _ = stops.send((Role::Pen, now));
            }
            let hello = identity(Capabilities::PEN);
            let payload = if frame.op == Op::Hello as u8 { &hello } else { &status };
            encode(Kind::Reply, frame.sequence, frame.op, payload, &mut answer);
        }
        let _ = device.write_all(&answer);
    }
}

/// The stage: always idle at 0, until it falls silent.
fn stage(mut device: File, stops: mpsc::Sender<(Role, Instant)>, quiet: Arc<AtomicBool>) {
    let (mut splitter, mut buffer) = (LineSplitter::new(80), [0; 4096]);
    while let Ok(count @ 1..) = device.read(&mut buffer) {
        let now = Instant::now();
        let (mut input, mut answer) = (&buffer[..count], Vec::new());
        while let Some(line) = splitter.next_line(&mut input) {
            let Ok(Heard { command, .. }) = parse_command(line) else { continue };
            if command.words == "stop" {
                let _ = stops.send((Role::Stage, now));
            }
            let data = match command.words {
                "get system.axiscount" | "get system.serial" | "get deviceid" => "1",
                "get version" => "7.38",
                _ => "0",
            };
            let (device, axis, id) = (command.device, command.axis, command.id);
            let reply = Reply { device, axis, id, accepted: true, busy: false, flag: None, data, checked: true };
            encode_message(&Message::Reply(reply), true, &mut answer);
        }
        if quiet.load(Ordering::Relaxed) {
            continue;
        }
        let _ = device.write_all(&answer);
    }
}

/// The force device: answers, crosses the limit when it is told, or streams.
fn force(
    device: File,
    orders: mpsc::Receiver<Say>,
    own: mpsc::Sender<Say>,
    crossed: mpsc::Sender<(Role, Instant)>,
    quiet: Arc<AtomicBool>,
    told: Told,
) {
    let mut writer = device.try_clone().expect("a second handle");
    let say = move || {
        let layout = Layout::of(FORCE | ENCODERS[0]).expect("a mask of a DAQ");
        let (mut sequence, mut us) = (0_u16, 0_u32);
        let mut frame = |samples: usize, counts: i32, period_us: u32, wire: &mut Vec<u8>| {
            let mut batch = BatchBuilder::new(layout);
            for _ in 0..samples {
                batch.push(us, counts, [0, 0, 0]);
                us = us.wrapping_add(period_us);
            }
            batch.finish(|payload| encode_event(sequence, Op::Telemetry, payload, wire));
            sequence = sequence.wrapping_add(1);
        };
        let mut rest = None;
        loop {
            let mut wire = Vec::new();
            match orders.recv_timeout(Duration::from_micros(3400)) {
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let Some(period_us) = rest else { continue };
                    frame(34, 1000, period_us, &mut wire);
                    let _ = writer.write_all(&wire);
                }
                Ok(Say::Rest(period_us)) => rest = Some(period_us),
                Ok(Say::Cross) => {
                    rest = None;
                    frame(2, 8_000_000, 100, &mut wire);
                    let _ = crossed.send((Role::Force, Instant::now()));
                    let _ = writer.write_all(&wire);
                }
                Ok(Say::Stream(bytes_s)) => {
                    rest = None;
                    let (began, mut bytes) = (Instant::now(), 0_usize);
                    while !quiet.load(Ordering::Relaxed) {
                        let due = (began.elapsed().as_secs_f64() * bytes_s) as usize;
                        wire.clear();
                        while bytes + wire.len() < due && wire.len() < 16_384 {
                            frame(34, 1000, (1e6 / STREAM_HZ).round() as u32, &mut wire);
                            told.samples.fetch_add(34, Ordering::Relaxed);
                        }
                        bytes += wire.len();
                        told.bytes.store(bytes as u64, Ordering::Relaxed);
                        if writer.write_all(&wire).is_err() {
                            return;
                        }
                        thread::sleep(Duration::from_micros(500));
                    }
                }
            }
        }
    };
    thread::Builder::new().name("device".to_owned()).spawn(say).expect("a thread");
    let mut device = device;
    let (mut decoder, mut buffer) = (FrameDecoder::default(), [0; 4096]);
    while let Ok(count @ 1..) = device.read(&mut buffer) {
        let (mut input, mut answer) = (&buffer[..count], Vec::new());
        while let Some(frame) = decoder.next_frame(&mut input) {
            let hello = identity(Capabilities::FORCE_DAQ);
            let payload = if frame.op == Op::Hello as u8 { &hello[..] } else { frame.payload };
            encode(Kind::Reply, frame.sequence, frame.op, payload, &mut answer);
            if let Ok(TelemetryConfig { mask: 1.., period_us }) = TelemetryConfig::from_bytes(frame.payload)
                && frame.op == Op::TelemetryConfig as u8
            {
                let _ = own.send(Say::Rest(period_us));
            }
        }
        let _ = device.write_all(&answer);
    }
}

impl Scene {
    fn new() -> Self {
        let [pen_port, stage_port, force_port] = [terminal(), terminal(), terminal()];
        let mut rig: Rig = library::rig(None).expect("built in").value;
        rig.stage.axes = vec![rig::config::rig::Axis::Z];
        let calibration: Calibration = Library::default().calibration("simulated", None).expect("built in").value;
        let (stopped, stops) = mpsc::channel();
        let (force_order, orders) = mpsc::channel();
        let own = force_order.clone();
        let quiet = Arc::new(AtomicBool::new(false));
        let link = SerialLink::open(&[
            (Role::Pen, &pen_port.path, rig.pen.baud),
            (Role::Stage, &stage_port.path, rig.stage.baud),
            (Role::Force, &force_port.path, rig.force.baud),
        ])
        .expect("open");
        let (to_pen, to_stage, to_force) = (stopped.clone(), stopped.clone(), stopped);
        let (hushed, hushed_stage) = (Arc::clone(&quiet), Arc::clone(&quiet));
        let told = Told::default();
        let telling = told.clone();
        let spawn = |work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name("device".to_owned()).spawn(work).expect("a thread");
        };
        spawn(Box::new(move || pen(pen_port.device, to_pen)));
        spawn(Box::new(move || stage(stage_port.device, to_stage, hushed_stage)));
        spawn(Box::new(move || force(force_port.device, orders, own, to_force, hushed, telling)));
        let devices = Devices::of(&rig, None);
        let bench = Bench::new(Box::new(link), devices, rig, calibration, InterruptFlag::default());
        let hosts = [pen_port._host, stage_port._host, force_port._host];
        let mut scene = Self { bench, force: force_order, stops, quiet, told, _hosts: hosts };
        scene.bench.identify().expect("three devices");
        scene
    }

    fn say(&self, what: Say) {
        self.force.send(what).expect("the device lives");
    }
}

/// From the write that holds the crossing to the arrival of STOP on both ports.
fn stop_latencies() -> f64 {
    let mut times = Vec::new();
    for _ in 0..STOPS / 20 {
        times.extend(twenty_stops());
    }
    round_trips("force limit crossed to STOP on both ports", times)
}

fn twenty_stops() -> Vec<Duration> {
    let mut scene = Scene::new();
    let once = || {
        let fault = cross(&mut scene);
        assert!(matches!(fault, Fault::Trip(_)), "{fault}");
        let _ = scene.bench.make_safe();
        let mut seen = [None; 3];
        while let Ok((role, at)) = scene.stops.try_recv() {
            let first = &mut seen[role as usize];
            *first = first.or(Some(at));
        }
        let [Some(pen), Some(stage), Some(crossed)] = seen else { panic!("STOP did not come: {seen:?}") };
        pen.max(stage).duration_since(crossed)
    };
    std::iter::repeat_with(once).take(20).collect()
}

fn cross(scene: &mut Scene) -> Fault {
    scene.bench.stream(10_000.0).expect("a stream");
    scene.bench.home().expect("homed");
    scene.say(Say::Cross);
    let deadline = scene.bench.now() + Duration::from_secs(1);
    loop {
        if let Err(fault) = scene.bench.pump(deadline) {
            return fault;
        }
        assert!(scene.bench.now() < deadline, "the crossing was not seen");
    }
}

/// Time on a processor of every thread but the devices', s.
fn host_cpu_s() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux").filter_map(Result::ok);
    let of = |task: std::fs::DirEntry| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let spent = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        let ns: f64 = spent.split_whitespace().next()?.parse().ok()?;
        (name.trim() != "device").then_some(ns * 1e-9)
    };
    tasks.filter_map(of).sum()
}

fn stream(span_s: f64) {
    let mut scene = Scene::new();
    scene.bench.stream(STREAM_HZ).expect("a stream");
    scene.say(Say::Stream(STREAM_BYTES_S));
    let (mut count, mut behind, mut behind_max) = (0_u64, 0_u64, 0_u64);
    let (began, cpu) = (Instant::now(), host_cpu_s());
    while began.elapsed().as_secs_f64() < span_s {
        scene.bench.observe(Duration::from_millis(50), |_| count += 1).expect("a stream");
        behind = scene.told.samples.load(Ordering::Relaxed).saturating_sub(count);
        behind_max = behind_max.max(behind);
    }
    let (elapsed_s, cpu_s) = (began.elapsed().as_secs_f64(), host_cpu_s() - cpu);
    let bytes = scene.told.bytes.load(Ordering::Relaxed);
    scene.quiet.store(true, Ordering::Relaxed);
    let lost = scene.bench.samples_lost();
    let ms = |samples: u64| samples as f64 / (count as f64 / elapsed_s) * 1e3;
    println!(
        "stream: {:.2} MB/s for {elapsed_s:.1} s, {count} samples, {lost} lost, {:.1} % of a core (goal: below 10 %), \
         behind the device by {:.1} ms at most and {:.1} ms at the end",
        bytes as f64 / elapsed_s * 1e-6,
        cpu_s / elapsed_s * 100.0,
        ms(behind_max),
        ms(behind)
    );
}

/// From the last sample to the fault that says so.
fn silence() {
    let mut scene = Scene::new();
    scene.bench.stream(STREAM_HZ).expect("a stream");
    scene.say(Say::Stream(20_000.0));
    scene.bench.observe(Duration::from_millis(300), |_| {}).expect("a stream");
    scene.quiet.store(true, Ordering::Relaxed);
    let began = Instant::now();
    let fault = scene.bench.observe(Duration::from_secs(5), |_| {}).expect_err("silence");
    println!("silence: {fault}; noticed after {:.0} ms (deadline 300 ms)", began.elapsed().as_secs_f64() * 1e3);
    let mut scene = Scene::new();
    scene.bench.stream(10_000.0).expect("a stream");
    scene.quiet.store(true, Ordering::Relaxed);
    let began = Instant::now();
    let fault = scene.bench.home().expect_err("silence");
    println!("silence: {fault}; noticed after {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
}

fn unplug() {
    let mut times = Vec::new();
    for _ in 0..20 {
        let Terminal { device, _host, path } = terminal();
        let mut link = SerialLink::open(&[(Role::Force, &path, 115_200)]).expect("open");
        let (mut bytes, begun) = (Vec::new(), Arc::new(AtomicBool::new(false)));
        let waiting = Arc::clone(&begun);
        let cut = thread::spawn(move || {
            while !waiting.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(5));
            drop(device);
            Instant::now()
        });
        begun.store(true, Ordering::Relaxed);
        let wake = link.wait(RunTime::ZERO + Duration::from_secs(5), &mut bytes);
        let noticed = Instant::now();
        assert!(matches!(wake, Wake::Lost(Role::Force, _)), "{wake:?}");
        times.push(noticed.saturating_duration_since(cut.join().expect("it was cut")));
    }
    round_trips("unplug to its notice (goal: below 100 ms)", times);
}
