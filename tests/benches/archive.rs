//! The archive's size and speed: 30 minutes of a running pen at 10 kHz through the writer of captures, the same data in
//! other forms, what a synced journal line costs, and what reports cost.
//!
//! `cargo bench --bench archive`. Files go to the folder for temporary files (TMPDIR): point it at the disk that archives
//! are written to. `-- --csv FILE` writes the first two minutes as CSV, to be put into other forms by other programs.

mod console;

use rig::{
    bench::{Recorder, Sample},
    capture::{Block, Phase, Source, compact::reader::CompactSource, csv::CsvSource, csv_writer, header},
    config::{calibration::Calibration, library::Library},
    prng::Stream,
    record::{archive, captures::CaptureWriter, disk::FileSystem, journal::Journal},
    report,
    run::heading::{self, Subject},
    time::RunTime,
};
use std::{
    f64::consts::TAU,
    fs::{self, File},
    io::{BufReader, BufWriter, Write},
    path::Path,
    time::{Duration, Instant},
};

const SAMPLE_RATE_HZ: f64 = 10_000.0;
const STROKE_RATE_HZ: f64 = 110.0;
const MINUTES: u64 = 30;
const ROWS: u64 = MINUTES * 60 * 10_000;
/// Rows of the comparison with other forms.
const PART: u64 = 2 * 60 * 10_000;
const EVENTS: u32 = 500;

/// A running pen as its bench digitises it: a peak of force at each stroke, hum, noise of a few counts, a slow drift, and
/// an encoder that dithers.
struct Pen {
    noise: Stream,
    n_per_count: f64,
    row: u64,
}

impl Pen {
    fn next(&mut self) -> Sample {
        let t_s = self.row as f64 / SAMPLE_RATE_HZ;
        let stroke = (TAU * STROKE_RATE_HZ * t_s).cos().max(0.0).powi(3);
        let force_n = 0.6 * stroke + 0.004 * (TAU * 50.0 * t_s).sin() + 0.01 * (t_s / 300.0).sin();
        let noise_n = 0.002 * self.noise.normal();
        self.row += 1;
        Sample {
            time_us: (self.row - 1) * 100,
            force_counts: ((force_n + noise_n) / self.n_per_count) as i32,
            z_counts: 300_000 + i32::from(self.noise.chance(0.1)),
        }
    }
}

fn calibration() -> Calibration {
    Library::default().calibration("simulated", None).expect("it is built in").value
}

/// Writes rows as a capture `run` in a folder; the time that the writer itself took.
fn written(folder: &Path, rows: u64) -> Duration {
    let calibration = calibration();
    let mut pen = Pen { noise: Stream::named(1, "pen"), n_per_count: calibration.force.n_per_count.abs(), row: 0 };
    let subject = Subject {
        data: "run.rigc".to_owned(),
        sample_rate_hz: SAMPLE_RATE_HZ,
        set_depth_mm: 1.5,
        stroke_rate_hz: Some(STROKE_RATE_HZ),
        needles: 12,
        resolution_n: None,
        pairing: None,
        simulated: true,
    };
    let header = heading::header(&calibration, subject);
    let disk = FileSystem::shared();
    let mut writer = CaptureWriter::new(disk, folder, "run", &header, &calibration, (0.0, 0.0)).expect("a header");
    let mut spent = Duration::ZERO;
    let mut batch = Vec::new();
    for _ in 0..rows.div_ceil(10_000) {
        batch.clear();
        batch.extend((0..10_000).map(|_| pen.next()));
        let began = Instant::now();
        for sample in &batch {
            writer.record(Phase::Run, sample).expect("a disk with room");
        }
        spent += began.elapsed();
    }
    let began = Instant::now();
    Box::new(writer).finish().expect("a disk with room");
    spent + began.elapsed()
}

fn drained(source: &mut dyn Source) -> u64 {
    let mut block = Block::empty();
    let mut rows = 0;
    while source.next_block(&mut block).expect("a sound capture") {
        rows += block.t_s.len() as u64;
    }
    rows
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = work();
    (done, began.elapsed())
}

/// Peak resident memory of this process, MiB, where the system tells.
fn peak_mib() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok().map(|kib: f64| kib / 1024.0)
}

fn row(form: &str, bytes: u64, rows: u64, write: Duration, read: Duration) {
    let per_s = |span: Duration| rows as f64 / span.as_secs_f64();
    tell(&format!(
        "| {form} | {:.2} | {:.0} MB | {:.1} | {:.0} | {:.1} |",
        bytes as f64 / rows as f64,
        bytes as f64 / rows as f64 * ROWS as f64 / 1e6,
        per_s(write) / 1e6,
        per_s(write) / SAMPLE_RATE_HZ,
        per_s(read) / 1e6,
    ));
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    if console::is_given("--csv") {
        written(folder.path(), PART);
        let (_, mut source) = header::open(&folder.path().join("run.json")).expect("it was just written");
        let file = File::create(console::after("--csv").expect("a file after --csv")).expect("a folder to write to");
        csv_writer::copy(&mut *source, BufWriter::new(file)).expect("a disk with room");
        return;
    }
    if console::is_given("--test") {
        return;
    }
    let write = written(folder.path(), ROWS);
    let peak = peak_mib();
    let path = folder.path().join("run.rigc");
    let bytes = fs::metadata(&path).expect("it was just written").len();
    let file = || BufReader::with_capacity(1 << 16, File::open(&path).expect("it was just written"));
    let (rows, read) = timed(|| drained(&mut CompactSource::new("run.rigc", file()).expect("a capture")));
    assert_eq!(rows, ROWS);
    tell("| form | bytes a row | 30 min at 10 kHz | written, million rows/s | x real time | read, million rows/s |");
    tell("|---|---|---|---|---|---|");
    row("compact (.rigc), 30 min", bytes, ROWS, write, read);
    other_forms(folder.path());
    tell(&format!("peak resident while writing: {}", peak.map_or("unknown".to_owned(), |mib| format!("{mib:.0} MiB"))));
    journal(folder.path());
    reports();
}

/// The reports of the committed accepted archive, from its files to the bytes.
fn reports() {
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/archives/accepted-v1");
    let (record, load) = timed(|| archive::load(&run).expect("a committed archive"));
    let (page, html) = timed(|| report::html::run(&record));
    let (paper, pdf) = timed(|| report::pdf::run(&record).expect("a committed archive is printable"));
    let ms = |span: Duration| span.as_secs_f64() * 1e3;
    tell("| report of `fixtures/archives/accepted-v1` | ms | kB |");
    tell("|---|---|---|");
    tell(&format!("| archive read | {:.0} | |", ms(load)));
    tell(&format!("| report.html | {:.0} | {:.0} |", ms(html), page.len() as f64 / 1e3));
    tell(&format!("| report.pdf | {:.0} | {:.0} |", ms(pdf), paper.len() as f64 / 1e3));
}

/// The first part as CSV, and as CSV under zstd.
fn other_forms(folder: &Path) {
    let part = folder.join("part");
    fs::create_dir(&part).expect("a folder to write to");
    written(&part, PART);
    let header_path = part.join("run.json");
    let open = || header::open(&header_path).expect("it was just written").1;
    let (_, decode) = timed(|| drained(&mut *open()));
    let (text, write) = timed(|| csv_writer::copy(&mut *open(), Vec::new()).expect("memory"));
    let (_, read) = timed(|| drained(&mut CsvSource::new("memory", text.as_slice()).expect("a capture")));
    row("CSV", text.len() as u64, PART, write.saturating_sub(decode), read);
    let (packed, pack) = timed(|| zstd::bulk::compress(&text, 3).expect("memory"));
    let (_, unpack) = timed(|| zstd::bulk::decompress(&packed, text.len()).expect("memory"));
    row("CSV under zstd 3", packed.len() as u64, PART, write.saturating_sub(decode) + pack, read + unpack);
}

/// What a journal line costs on this disk, synced, before the next motion.
fn journal(folder: &Path) {
    let mut journal = Journal::begin(&FileSystem, folder, "2026-01-01T00:00:00.000Z").expect("a disk with room");
    let data = serde_json::json!({"capture": "c00-d1.50-press-00", "samples_lost": 0});
    let at = RunTime::from_nanos(1);
    spans("a synced journal line", || {
        journal.event(at, "2026-01-01T00:00:00.000Z", "captured", "a line", data.clone()).expect("a disk with room");
    });
    let text = fs::read_to_string(folder.join("journal.jsonl")).expect("it was just written");
    let line = text.lines().last().expect("it was just written");
    let mut file = File::create(folder.join("unsynced.jsonl")).expect("a disk with room");
    spans("the same bytes, left to the system", || file.write_all(line.as_bytes()).expect("a disk with room"));
}

fn spans(what: &str, mut work: impl FnMut()) {
    let mut spans: Vec<Duration> = (0..EVENTS).map(|_| timed(&mut work).1).collect();
    spans.sort();
    let ms = |share: f64| spans[((spans.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    tell(&format!("{what}: median {:.3} ms, 95 % within {:.3} ms, longest {:.3} ms", ms(0.5), ms(0.95), ms(1.0)));
}

#[allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn tell(line: &str) {
    println!("{line}");
}
