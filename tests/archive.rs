//! The archive as users and auditors meet it: commands on real files, with keys, forgers, full disks and SIGKILL.

use parquet::file::reader::{FileReader, SerializedFileReader};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Kills of a process on the real file system, one at random within each share of what a run writes.
const KILLS: u64 = 20;
const KILL_SEED: u64 = 20_261_121;

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rig"));
    command.args(arguments).current_dir(folder).env_remove("RIG").env("SOURCE_DATE_EPOCH", "1767225600");
    command
}

fn rig(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the binary runs")
}

fn line(folder: &Path, line: &str) -> Output {
    rig(folder, &line.split_whitespace().collect::<Vec<_>>())
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal ended the process")
}

fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn only_run(folder: &Path) -> PathBuf {
    let runs: Vec<PathBuf> =
        fs::read_dir(folder.join("reports")).expect("reports").map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0].clone()
}

fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

/// A small signed run in `folder`, with the keys `keys/op` and `keys/qa`.
fn signed_run(folder: &Path) -> PathBuf {
    for name in ["op", "qa"] {
        let output = line(folder, &format!("keys new {name} --out keys"));
        assert_eq!(code(&output), 0, "{}", both(&output));
    }
    let output = line(folder, "validate --cartridge 1.5mm --plan quick --seed 7 --sign keys/op");
    assert_eq!(code(&output), 0, "{}", both(&output));
    let run = only_run(folder);
    let arguments = [
        "sign",
        run.to_str().expect("a path in UTF-8"),
        "--key",
        "keys/qa",
        "--as",
        "reviewer",
        "--name",
        "Anna Weber",
    ];
    let output = rig(folder, &[&arguments[..], &["--reason", "figures reviewed"]].concat());
    assert_eq!(code(&output), 0, "{}", both(&output));
    run
}

fn verify(folder: &Path, run: &Path, more: &str) -> Output {
    line(folder, &format!("verify {} {more}", run.display()))
}

#[test]
fn signatures_say_who_as_what_and_why_and_ssh_keygen_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = signed_run(folder);
    let output = verify(folder, &run, "--key keys/op.pub --recompute");
    let text = both(&output);
    assert_eq!(code(&output), 0, "{text}");
    assert!(
        text.contains("signed by op as operator on 2026-01-01T00:00:00Z: the record of the run as it was made (known")
    );
    assert!(
        text.contains("signed by Anna Weber as reviewer on 2026-01-01T00:00:00Z: figures reviewed (UNKNOWN"),
        "{text}"
    );
    assert!(text.contains("every figure and the verdict alike"), "{text}");
    assert_eq!(fs::metadata(folder.join("keys/op")).unwrap().permissions().mode() & 0o777, 0o600);
    // The report of the run was made before it was signed; one that is made anew lists who has signed.
    assert!(!fs::read_to_string(run.join("report.html")).unwrap().contains("figures reviewed"));
    let name = run.file_name().unwrap().to_string_lossy();
    line(folder, &format!("report reports/{name} --format html --out again"));
    let page = fs::read_to_string(folder.join("again/report.html")).unwrap();
    assert!(["Anna Weber", "figures reviewed", "SHA256:"].iter().all(|text| page.contains(text)));
    // The roles that an archive must be signed in; one that was never given, or taken away again, is missed.
    for (asked, expected) in [
        ("--signed-as reviewer --signed-as operator", 0),
        ("--signed-as approver", 5),
        ("--key keys/op.pub --signed-as reviewer", 5),
    ] {
        assert_eq!(code(&verify(folder, &run, asked)), expected, "{asked}");
    }
    // A key that did not sign.
    line(folder, "keys new other --out keys");
    let output = verify(folder, &run, "--key keys/other.pub");
    assert_eq!(code(&output), 5);
    assert!(both(&output).contains("no signature by a known key"), "{}", both(&output));
    // A key is never written over.
    assert_eq!(code(&line(folder, "keys new op --out keys")), 2);
    // OpenSSH's own check of the first signature, where it is installed.
    let text = fs::read_to_string(run.join("manifest.sig")).unwrap();
    let (statement, rest) = text.split_once('\n').unwrap();
    let end = "-----END SSH SIGNATURE-----\n";
    fs::write(folder.join("one.sig"), &rest[..rest.find(end).unwrap() + end.len()]).unwrap();
    fs::write(folder.join("statement"), format!("{statement}\n")).unwrap();
    let key = fs::read_to_string(folder.join("keys/op.pub")).unwrap();
    fs::write(folder.join("signers"), format!("op {key}")).unwrap();
    let checked = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-f", "signers", "-I", "op", "-n", "rig-archive", "-s", "one.sig"])
        .current_dir(folder)
        .stdin(File::open(folder.join("statement")).unwrap())
        .output();
    match checked {
        Ok(output) => assert!(output.status.success(), "{}", both(&output)),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
    }
}

/// Repeatable draws without a crate: Knuth's MMIX generator.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

#[test]
fn any_byte_changed_removed_or_added_anywhere_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = signed_run(folder);
    let whole = files(&run);
    let mut draw = Draw(1);
    let found = |name: &str, what: &str| {
        // Both keys are known, so that a signature that was cut away whole is missed as well.
        let output = verify(folder, &run, "--key keys/op.pub");
        let text = both(&output);
        assert_eq!(code(&output), 5, "{what} {name}: {text}");
        assert!(text.contains(name), "{what} {name} is not named: {text}");
    };
    for (name, bytes) in &whole {
        let path = run.join(name);
        let at = draw.below(bytes.len());
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << draw.below(8);
        let mut removed = bytes.clone();
        removed.remove(at);
        let mut added = bytes.clone();
        added.insert(at, b' ');
        let appended = [bytes.as_slice(), b"\n"].concat();
        for (what, changed) in [("flipped", flipped), ("removed", removed), ("added", added), ("appended", appended)] {
            if changed == *bytes {
                continue;
            }
            fs::write(&path, &changed).unwrap();
            found(name, what);
        }
        fs::remove_file(&path).unwrap();
        found(name, "without");
        fs::write(&path, bytes).unwrap();
    }
    for stray in ["stray", "captures/stray.rigc", "settings/.hidden"] {
        fs::write(run.join(stray), "").unwrap();
        found(stray, "with");
        fs::remove_file(run.join(stray)).unwrap();
    }
    std::os::unix::fs::symlink(folder, run.join("link")).unwrap();
    found("link", "with");
    fs::remove_file(run.join("link")).unwrap();
    assert_eq!(code(&verify(folder, &run, "--key keys/op.pub")), 0, "all is restored");
}

#[test]
fn journal_lines_and_signatures_cannot_be_dropped_added_or_swapped() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = signed_run(folder);
    let path = run.join("journal.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for at in (0..lines.len()).step_by(7) {
        let mut without = lines.clone();
        without.remove(at);
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        let mut swapped = lines.clone();
        swapped.swap(at, (at + 1) % lines.len());
        for changed in [without, twice, swapped] {
            fs::write(&path, changed.join("\n") + "\n").unwrap();
            let output = verify(folder, &run, "");
            assert_eq!(code(&output), 5, "line {at}");
            let told = both(&output);
            assert!(told.contains("journal.jsonl: changed"), "{told}");
            // The chain itself names the event, but for an end that was cut off whole.
            assert!(told.contains("journal.jsonl:") || at + 1 == lines.len(), "{told}");
        }
    }
    fs::write(&path, &text).unwrap();
    let signatures = fs::read_to_string(run.join("manifest.sig")).unwrap();
    let end = "-----END SSH SIGNATURE-----\n";
    let (first, second) = signatures.split_at(signatures.find(end).unwrap() + end.len());
    for (changed, expected) in [
        (second.to_owned(), "does not follow those before it"),
        (format!("{second}{first}"), "does not follow those before it"),
        (format!("{first}{first}{second}"), "does not follow those before it"),
        (signatures.replacen("reviewer", "approver", 1), "does not fit its statement"),
        (signatures.replacen("Anna Weber", "Anna Weper", 1), "does not fit its statement"),
        (signatures.replacen("signature/1", "signature/2", 1), "use a newer release"),
        (String::new(), "is empty"),
    ] {
        fs::write(run.join("manifest.sig"), &changed).unwrap();
        let output = verify(folder, &run, "");
        assert_eq!((code(&output), both(&output).contains(expected)), (5, true), "{expected}: {}", both(&output));
    }
    // The operator's signature stays wanted, since the run was begun to be signed.
    fs::remove_file(run.join("manifest.sig")).unwrap();
    let output = verify(folder, &run, "");
    assert_eq!(code(&output), 5);
    assert!(both(&output).contains("was begun to be signed with SHA256:"), "{}", both(&output));
}

/// A forger who can write manifests is found by the signature, and by recomputation where there is none.
#[test]
fn a_forged_figure_with_a_fitting_manifest_is_found_by_recomputation() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let output = line(folder, "validate --cartridge 1.5mm --plan quick --seed 7");
    assert_eq!(code(&output), 0, "{}", both(&output));
    let run = only_run(folder);
    let whole = files(&run);
    for (name, from, to) in [
        ("presses.csv", "true", "false"),
        ("strokes.csv", "false", "true"),
        ("criteria.csv", "accept", "reject"),
        ("verdict.json", "\"plan\": \"quick\"", "\"plan\": \"slick\""),
        ("measurements/c00-d1.50-press-01.json", "\"value\":", "\"value\":1"),
        ("report.html", "accept", "reject"),
        ("junit.xml", "protrusion", "penetration"),
    ] {
        let text = String::from_utf8(whole[name].clone()).unwrap();
        let forged = text.replacen(from, to, 1);
        assert_ne!(forged, text, "{name} holds {from}");
        fs::write(run.join(name), &forged).unwrap();
        fs::write(run.join("manifest.json"), rig::record::manifest::of(&run).unwrap()).unwrap();
        assert_eq!(code(&verify(folder, &run, "")), 0, "{name}: without a signature the manifest fits");
        let output = verify(folder, &run, "--recompute");
        let told = both(&output);
        assert_eq!(code(&output), 5, "{name}: {told}");
        assert!(told.contains(name), "{name}: {told}");
        fs::write(run.join(name), text).unwrap();
    }
}

/// The journal knows settings, captures, verdict and build: a manifest that was made to fit does not help.
#[test]
fn a_forged_file_that_the_journal_knows_is_found_without_recomputation() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    line(folder, "validate --cartridge 0.5mm --plan quick --seed 3");
    let run = only_run(folder);
    let build = format!("\"rig\": \"{}\"", rig::version::BUILD);
    for (name, from, to) in [
        ("settings/plan.toml", "0.15", "0.95"),
        ("captures/c00-d0.50-press-01.rigc", "n_per_count", "n_per_c0unt"),
        ("verdict.json", "\"verdict\": \"accept\",\n  \"reason\"", "\"verdict\": \"reject\",\n  \"reason\""),
        ("verdict.json", build.as_str(), "\"rig\": \"0.0.9\""),
    ] {
        let whole = fs::read(run.join(name)).unwrap();
        let at = whole.windows(from.len()).position(|window| window == from.as_bytes());
        let at = at.unwrap_or_else(|| panic!("{name} holds {from}: {}", String::from_utf8_lossy(&whole[..600])));
        let forged = [&whole[..at], to.as_bytes(), &whole[at + from.len()..]].concat();
        fs::write(run.join(name), &forged).unwrap();
        fs::write(run.join("manifest.json"), rig::record::manifest::of(&run).unwrap()).unwrap();
        let output = verify(folder, &run, "");
        assert_eq!((code(&output), both(&output).contains(name)), (5, true), "{name}: {}", both(&output));
        fs::write(run.join(name), whole).unwrap();
    }
    fs::write(run.join("manifest.json"), rig::record::manifest::of(&run).unwrap()).unwrap();
    assert_eq!(code(&verify(folder, &run, "--recompute")), 0);
}

#[test]
fn plain_csv_and_parquet_hold_the_documented_columns_of_every_capture() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    line(folder, "validate --cartridge 0.5mm --plan quick --seed 3");
    let run = only_run(folder);
    let output = line(folder, &format!("report {} --format csv --format parquet --out plain", run.display()));
    assert_eq!(code(&output), 0, "{}", both(&output));
    for entry in fs::read_dir(run.join("captures")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(folder.join("plain").join(format!("{name}.csv"))).unwrap();
        assert!(text.starts_with("t_s,force_n,stage_mm,phase\n"));
        let table = File::open(folder.join("plain").join(format!("{name}.parquet"))).unwrap();
        let table = SerializedFileReader::new(table).unwrap();
        let columns: Vec<&str> =
            table.metadata().file_metadata().schema_descr().columns().iter().map(|column| column.name()).collect();
        assert_eq!(columns, ["t_s", "force_n", "stage_mm", "phase"]);
        assert_eq!(table.metadata().file_metadata().num_rows() as usize, text.lines().count() - 1, "{name}");
        // The CSV is a capture of its own: it measures to the same last bit.
        let header = fs::read_to_string(&path).unwrap().replace(".rigc", ".csv");
        fs::write(folder.join("plain").join(format!("{name}.json")), header).unwrap();
        let measured = |folder: &Path| rig::record::archive::recompute(folder, &name).unwrap().1;
        let copy = folder.join("copy");
        fs::create_dir_all(&copy).unwrap();
        if !copy.join("captures").exists() {
            std::os::unix::fs::symlink(folder.join("plain"), copy.join("captures")).unwrap();
        }
        assert!(measured(&run) == measured(&copy), "{name}");
    }
}

/// Bytes of all files below `folder`; files that come and go meanwhile count as they are met.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(
            |entry| {
                if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().map_or(0, |file| file.len()) }
            },
        )
        .sum()
}

/// Kills the process once it has written `bytes` bytes; false where it ended before.
fn killed_at(folder: &Path, arguments: &[&str], bytes: u64) -> bool {
    let mut child = command(folder, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    while child.try_wait().expect("it is ours").is_none() {
        if size(&folder.join("reports")) >= bytes {
            child.kill().expect("it is ours");
            return child.wait().expect("it is ours").code().is_none();
        }
        std::thread::yield_now();
    }
    false
}

#[test]
fn killed_at_random_points_on_the_real_file_system_a_run_is_finished() {
    let validate = ["validate", "--cartridge", "0.5mm", "--plan", "quick", "--seed", "3"];
    let whole = tempfile::tempdir().unwrap();
    assert_eq!(code(&rig(whole.path(), &validate)), 0);
    let total = size(&whole.path().join("reports"));
    let mut random = ChaCha8Rng::seed_from_u64(KILL_SEED);
    let mut resumed = 0;
    for kill in 0..KILLS {
        let at = random.random_range(kill * total / KILLS..(kill + 1) * total / KILLS).max(1);
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        if !killed_at(folder, &validate, at) {
            continue;
        }
        let run = only_run(folder);
        let output = line(folder, &format!("resume {}", run.display()));
        let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap_or_default();
        if !journal.contains("\"event\":\"settings\"") {
            assert_eq!(code(&output), 2, "killed before anything was told to move, at {at} bytes: {}", both(&output));
            continue;
        }
        assert!(matches!(code(&output), 0 | 1 | 4), "{at}: {}", both(&output));
        resumed += u32::from(journal.contains("\"event\":\"resumed\""));
        let output = verify(folder, &run, "--recompute");
        assert_eq!(code(&output), 0, "{at}: {}", both(&output));
        let presses = fs::read_to_string(run.join("presses.csv")).unwrap();
        assert_eq!(presses.lines().count(), 4, "{at}: {presses}");
        // A finished run is left alone, and says its verdict again.
        let before = files(&run);
        let output = line(folder, &format!("resume {}", run.display()));
        assert!(both(&output).contains("nothing is left to do"), "{}", both(&output));
        assert!(files(&run) == before);
    }
    assert!(resumed > 0, "every process had ended before it was killed");
}

/// The limit on the size of a file ends writing at its nth byte, as a full disk does (`ulimit -f`, 512-byte blocks).
#[test]
fn a_full_disk_is_a_fault_with_a_safe_bench_and_the_run_goes_on_from_there() {
    for (blocks, place) in [(1, "the settings"), (8, "the journal"), (40, "a capture"), (700, "the report")] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let script = format!(
            "ulimit -f {blocks}; exec {} validate --cartridge 0.5mm --plan quick --seed 3",
            env!("CARGO_BIN_EXE_rig")
        );
        let output =
            Command::new("sh").args(["-c", &script]).current_dir(folder).env_remove("RIG").output().expect("a shell");
        let text = both(&output);
        let run = only_run(folder);
        if code(&output) == 2 {
            // Nothing moved yet: settings or the first lines of the journal did not fit.
            assert!(blocks <= 8 && text.contains("File too large"), "{place}: {text}");
        } else if matches!(code(&output), 0 | 1 | 4) {
            assert!(blocks == 700, "{place}: {text}");
        } else {
            assert_eq!(code(&output), 3, "{place}: {text}");
            assert!(text.contains("safe: pen stopped, stage withdrawn, both confirmed"), "{place}: {text}");
        }
        let output = line(folder, &format!("resume {}", run.display()));
        if blocks == 1 {
            // There was no run yet.
            assert_eq!(code(&output), 2, "{place}: {}", both(&output));
            continue;
        }
        assert!(matches!(code(&output), 0 | 1 | 4), "{place}: {}", both(&output));
        let output = verify(folder, &run, "--recompute");
        assert_eq!(code(&output), 0, "{place}: {}", both(&output));
        if blocks == 40 {
            // What was cut off stands in the report beside what was done in its place, and what stopped it.
            let page = fs::read_to_string(run.join("report.html")).unwrap();
            for part in
                ["Attempts and interlock trips", "1 attempt was made again", ".attempt-1</td>", "File too large"]
            {
                assert!(page.contains(part), "{part}");
            }
            let summary = fs::read_to_string(run.join("report.md")).unwrap();
            assert!(summary.contains("the run was stopped once, not by a hard limit"), "{summary}");
        }
    }
}

#[test]
fn a_hard_limit_that_was_crossed_stands_in_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("rigs/default.toml");
    let low = fs::read_to_string(shipped).unwrap().replace("force_max_n = 8.0", "force_max_n = 0.6");
    fs::write(folder.join("low.toml"), low).unwrap();
    let output = line(folder, "validate --cartridge 1.5mm --plan quick --seed 3 --rig low.toml");
    assert_eq!(code(&output), 3, "{}", both(&output));
    let run = only_run(folder);
    let summary = fs::read_to_string(run.join("report.md")).unwrap();
    assert!(summary.contains("1 step is not finished; the run was stopped by a hard limit once"), "{summary}");
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    for part in ["<td>hard limit</td>", "is above the limit of 0.6 N", "<td>not measured</td>"] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(code(&verify(folder, &run, "--recompute")), 0);
    // What led to the trip was recorded, and can be had in every form.
    let report = format!("report {} --format csv --format parquet --out plain", run.display());
    let output = line(folder, &report);
    assert_eq!(code(&output), 0, "{}", both(&output));
    let name = "c00-d1.50-press-00";
    let rows = fs::read_to_string(folder.join("plain").join(format!("{name}.csv"))).unwrap().lines().count();
    let table = SerializedFileReader::new(File::open(folder.join("plain").join(format!("{name}.parquet"))).unwrap());
    assert!(rows > 1000 && table.unwrap().metadata().file_metadata().num_rows() as usize == rows - 1, "{rows}");
    // Nothing is reported of an archive that was altered.
    fs::write(run.join("strokes.csv"), "altered").unwrap();
    let output = line(folder, &report);
    assert_eq!((code(&output), both(&output).contains("strokes.csv")), (5, true), "{}", both(&output));
}

#[test]
fn a_folder_that_vanishes_is_a_fault_with_a_safe_bench() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let arguments = ["validate", "--cartridge", "1.5mm", "--seed", "3"];
    let mut child =
        command(folder, &arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let captures = loop {
        let run = fs::read_dir(folder.join("reports")).ok().and_then(|mut runs| runs.next()?.ok());
        let captures = run.map(|run| run.path().join("captures"));
        if let Some(captures) =
            captures.filter(|captures| fs::read_dir(captures).is_ok_and(|mut all| all.next().is_some()))
        {
            break captures;
        }
        assert!(child.try_wait().expect("it is ours").is_none(), "it ended before its first capture");
        std::thread::yield_now();
    };
    let aside = folder.join("aside");
    fs::rename(&captures, &aside).expect("it is there");
    let output = child.wait_with_output().expect("it ends");
    let text = both(&output);
    assert_eq!(code(&output), 3, "{text}");
    assert!(text.contains("safe: pen stopped"), "{text}");
    // Back in its place the run goes on.
    fs::rename(&aside, &captures).expect("nothing took its place");
    let run = only_run(folder);
    let output = line(folder, &format!("resume {}", run.display()));
    assert!(matches!(code(&output), 0 | 1 | 4), "{}", both(&output));
    assert_eq!(code(&verify(folder, &run, "")), 0);
}
