//! Speed and memory: codecs, captures, measurement, report, and the whole job as a process.
//!
//! `cargo bench --bench speed`; a name as argument runs what bears it (`-- wire`). Whole processes are timed and
//! their peak resident memory read (VmHWM, Linux) at the end, unless a name is given: the standard plan, and a run of
//! 200 000 strokes, 30 minutes on the bench.

#[path = "../truth/mod.rs"]
mod truth;

use divan::{
    Bencher, black_box,
    counter::{BytesCount, ItemsCount},
};
use rig::{
    capture::{
        Block, Source,
        compact::{AxisScale, ForceScale, Scales, reader::CompactSource, writer::CompactWriter},
        csv::CsvSource,
        csv_writer,
        memory::Recording,
    },
    measure::{self, dynamic::segment},
    record::archive,
    report::{html, pdf},
    wire::{
        bench_link::{
            FrameDecoder,
            code::Op,
            encode_event,
            telemetry::{BatchBuilder, Columns, ENCODERS, FORCE, Layout, decode},
        },
        zaber::MessageDecoder,
    },
};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};
use truth::{
    recorded::{Case, RunCase},
    world::Drawn,
};

/// A world whose captures can be measured.
const SEED: u64 = 2;
/// Bytes that a port hands over at once.
const CHUNK: usize = 4096;

/// The run as a bench writes it: no more digits than its counts hold.
static ROUNDED: LazyLock<Recording> = LazyLock::new(|| {
    let mut recording = run().recording.clone();
    let digits = |value: f64, scale: f64| (value * scale).round() / scale;
    recording.t_s.iter_mut().for_each(|t_s| *t_s = digits(*t_s, 1e6));
    recording.force_n.iter_mut().for_each(|force_n| *force_n = digits(*force_n, 1e6));
    recording.stage_mm.iter_mut().for_each(|stage_mm| *stage_mm = digits(*stage_mm, 1e5));
    recording
});

static CASE: LazyLock<Case> =
    LazyLock::new(|| truth::recorded::case(&Drawn::new(SEED), false).expect("the simulated bench runs"));

/// The run of the case.
fn run() -> &'static RunCase {
    CASE.run.as_ref().expect("the case was asked for with its run")
}

fn main() {
    divan::main();
    let named = std::env::args().skip(1).any(|argument| !argument.starts_with("--"));
    if !named && !std::env::args().any(|argument| argument == "--test") {
        whole_processes();
    }
}

mod wire {
    use super::*;

    const BATCHES: usize = 2000;

    /// Telemetry as a DAQ streams it: force and encoder z.
    fn telemetry() -> (Layout, Vec<u8>) {
        let layout = Layout::of(FORCE | ENCODERS[0]).expect("a mask of a DAQ");
        let mut bytes = Vec::new();
        let mut batch = BatchBuilder::new(layout);
        for number in 0..BATCHES {
            let mut sample = 0;
            while batch.push(number as u32 * 1000, sample * 7919 % 2_000_000, [sample * 31 + 300_000, 0, 0]) {
                sample += 1;
            }
            batch.finish(|payload| encode_event(number as u16, Op::Telemetry, payload, &mut bytes));
        }
        (layout, bytes)
    }

    #[divan::bench]
    fn telemetry_decoded(bencher: Bencher) {
        let (layout, bytes) = telemetry();
        let mut columns = Columns::default();
        bencher.counter(BytesCount::new(bytes.len())).bench_local(|| {
            let mut decoder = FrameDecoder::default();
            for mut chunk in bytes.chunks(CHUNK) {
                while let Some(frame) = decoder.next_frame(&mut chunk) {
                    columns.clear();
                    let _ = black_box(decode(layout, frame.payload, &mut columns));
                }
            }
            black_box(columns.force_counts.len())
        });
    }

    #[divan::bench]
    fn zaber_lines(bencher: Bencher) {
        let line = b"@01 0 42 OK BUSY -- 104987 209974 377952\r\n";
        let lines = 50_000;
        let bytes = line.repeat(lines);
        bencher.counter(ItemsCount::new(lines)).bench_local(|| {
            let mut decoder = MessageDecoder::default();
            let mut replies = 0_usize;
            for mut chunk in bytes.chunks(CHUNK) {
                while let Some(message) = decoder.next_message(&mut chunk) {
                    replies += usize::from(message.is_ok());
                }
            }
            assert_eq!(replies, lines);
        });
    }
}

mod captures {
    use super::*;

    fn drain(source: &mut dyn Source) -> usize {
        let mut block = Block::empty();
        let mut rows = 0;
        while source.next_block(&mut block).expect("a sound capture") {
            rows += block.t_s.len();
        }
        rows
    }

    fn compact(recording: &Recording) -> Vec<u8> {
        let (n_per_count, mm_per_count) = (1e-5, 5e-5);
        let axes = vec![AxisScale { name: "z".to_owned(), mm_per_count, zero_count: 0.0 }];
        let scales = Scales { force: ForceScale { n_per_count, zero_count: 0.0 }, axes };
        let mut writer = CompactWriter::new(Vec::new(), &scales).expect("memory");
        for (phase, rows) in &recording.phases {
            for row in rows.clone() {
                let force = (recording.force_n[row] / n_per_count).round() as i32;
                let stage = (recording.stage_mm[row] / mm_per_count).round() as i32;
                let time_ns = (recording.t_s[row] * 1e9).round() as i64;
                writer.push(*phase, time_ns, force, &[stage]).expect("memory");
            }
        }
        writer.finish().expect("memory")
    }

    /// Numbers of 15 to 17 digits, as a program writes that prints every bit.
    #[divan::bench]
    fn csv_read_full_length(bencher: Bencher) {
        let mut recording = run().recording.clone();
        recording.force_n.iter_mut().for_each(|force_n| *force_n *= 1.0 + 1e-3_f64.sqrt());
        recording.stage_mm.iter_mut().for_each(|stage_mm| *stage_mm *= 1.0 + 1e-9_f64.sqrt());
        let text = csv_writer::copy(&mut recording.source(), Vec::new()).expect("memory");
        bencher
            .counter(BytesCount::new(text.len()))
            .bench_local(|| drain(&mut CsvSource::new("memory", text.as_slice()).expect("a capture")));
    }

    #[divan::bench]
    fn csv_read(bencher: Bencher) {
        let text = csv_writer::copy(&mut ROUNDED.source(), Vec::new()).expect("memory");
        bencher
            .counter(BytesCount::new(text.len()))
            .bench_local(|| drain(&mut CsvSource::new("memory", text.as_slice()).expect("a capture")));
    }

    #[divan::bench]
    fn csv_written(bencher: Bencher) {
        let bytes = csv_writer::copy(&mut ROUNDED.source(), Vec::new()).expect("memory").len();
        bencher
            .counter(BytesCount::new(bytes))
            .bench_local(|| csv_writer::copy(&mut ROUNDED.source(), Vec::with_capacity(bytes)).expect("memory"));
    }

    #[divan::bench]
    fn compact_read(bencher: Bencher) {
        let bytes = compact(&run().recording);
        bencher
            .counter(ItemsCount::new(run().recording.len()))
            .bench_local(|| drain(&mut CompactSource::new("memory", bytes.as_slice()).expect("a capture")));
    }

    #[divan::bench]
    fn compact_written(bencher: Bencher) {
        bencher.counter(ItemsCount::new(run().recording.len())).bench_local(|| compact(&run().recording));
    }
}

mod measuring {
    use super::*;

    #[divan::bench]
    fn press(bencher: Bencher) {
        let case = &CASE.press;
        bencher
            .counter(ItemsCount::new(1_usize))
            .bench_local(|| measure::measure(&case.header, &mut case.recording.source()).expect("memory"));
    }

    #[divan::bench]
    fn run_samples(bencher: Bencher) {
        let case = run();
        bencher
            .counter(ItemsCount::new(case.recording.len()))
            .bench_local(|| measure::measure(&case.header, &mut case.recording.source()).expect("memory"));
    }

    #[divan::bench]
    fn segmented_samples(bencher: Bencher) {
        let case = run();
        let force_n = &case.recording.force_n;
        let period = case.header.sample_rate_hz / case.header.stroke_rate_hz.expect("a run");
        bencher
            .counter(ItemsCount::new(force_n.len()))
            .bench_local(|| segment::onsets(black_box(force_n), 0.1, period));
    }
}

mod report {
    use super::*;

    #[divan::bench(sample_count = 10)]
    fn html_page(bencher: Bencher) {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        validate(&["--plan", "standard", "--cartridge", "1.5mm"], folder.path());
        let run = only_entry(folder.path());
        bencher.bench_local(|| html::run(&archive::load(&run).expect("a finished run")).len());
    }

    #[divan::bench(sample_count = 10)]
    fn pdf(bencher: Bencher) {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        validate(&["--plan", "standard", "--cartridge", "1.5mm"], folder.path());
        let record = archive::load(&only_entry(folder.path())).expect("a finished run");
        bencher.bench_local(|| pdf::run(&record).expect("a report").len());
    }
}

/// Wall time of `rig validate` with these arguments, and its peak resident memory where the system tells, KiB.
fn validate(arguments: &[&str], out: &Path) -> (Duration, Option<u64>) {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rig"))
        .args(["validate", "--seed", "7", "--out"])
        .arg(out)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak_kib = None;
    while child.try_wait().expect("a child can be waited for").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak_kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).or(peak_kib);
        std::thread::sleep(Duration::from_millis(2));
    }
    (began.elapsed(), peak_kib)
}

fn only_entry(folder: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(folder).expect("a readable folder");
    entries.next().expect("a run directory").expect("a readable entry").path()
}

/// Bench time of a finished run, s: from the last line of its journal.
fn bench_time_s(out: &Path) -> f64 {
    let text = std::fs::read_to_string(only_entry(out).join("journal.jsonl")).expect("a journal");
    let last: serde_json::Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    last["t_s"].as_f64().expect("the time of an event")
}

fn whole_processes() {
    let plan = "schema = \"plan/1\"\nname = \"long\"\nset_depths = \"largest\"\n[dynamic]\nstroke_rates_hz = [110.0]\n\
                strokes = 200000\n[[criterion]]\nid = \"rate\"\nquantity = \"puncture_rate\"\nstatistic = \"mean\"\n\
                tolerance_percent = 5.0\nconfidence = 0.95\nrationale = \"a long run\"\n";
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let file = folder.path().join("long.toml");
    std::fs::write(&file, plan).expect("a writable folder");
    for (name, plan) in [("standard plan", "standard"), ("200 000 strokes", &file.to_string_lossy())] {
        let out = tempfile::tempdir().expect("a folder for temporary files");
        let (wall, peak_kib) = validate(&["--plan", plan, "--cartridge", "1.5mm"], out.path());
        let bench_s = bench_time_s(out.path());
        tell(&format!(
            "rig validate, {name}: {:.2} s for {bench_s:.0} s of bench time (ratio {:.0}), peak resident {}",
            wall.as_secs_f64(),
            bench_s / wall.as_secs_f64(),
            peak_kib.map_or("unknown".to_owned(), |kib| format!("{:.0} MiB", kib as f64 / 1024.0)),
        ));
    }
}

#[allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn tell(line: &str) {
    println!("{line}");
}
