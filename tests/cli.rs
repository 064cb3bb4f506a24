//! The commands as users and CI call them: exit codes, files, messages, in empty folders.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn rig(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rig"))
        .args(line.split_whitespace())
        .current_dir(folder)
        .env_remove("RIG")
        .env("SOURCE_DATE_EPOCH", "1767225600")
        .output()
        .expect("the binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal ended the process")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn only_run(folder: &Path) -> PathBuf {
    let runs: Vec<PathBuf> = fs::read_dir(folder.join("reports"))
        .expect("there are reports")
        .map(|entry| entry.expect("the entry is readable").path())
        .collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0].clone()
}

/// Every file below a folder with its bytes.
fn contents(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() {
            files.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).expect("the file is readable");
            files.push((path, bytes));
        }
    }
    files.sort();
    files
}

#[test]
fn the_main_job_in_an_empty_folder_leaves_a_whole_archive() {
    let folder = tempfile::tempdir().unwrap();
    let output = rig(folder.path(), "validate --cartridge 1.5mm --plan quick --seed 7 --json");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((verdict["verdict"].as_str(), verdict["simulated"].as_bool()), (Some("accept"), Some(true)));
    let run = only_run(folder.path());
    let presses = fs::read_to_string(run.join("presses.csv")).unwrap();
    assert!(presses.starts_with("pen,cartridge,set_depth_mm,site,face_mm,"), "{presses}");
    assert_eq!(presses.lines().count(), 4);
    let strokes = fs::read_to_string(run.join("strokes.csv")).unwrap();
    assert!(strokes.lines().count() > 400);
    let html = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(html.contains("SIMULATED") && html.contains("<svg"));

    let verified = rig(folder.path(), &format!("verify {} --recompute", run.display()));
    assert_eq!(code(&verified), 0, "{}{}", stderr(&verified), String::from_utf8_lossy(&verified.stdout));
    let csv = rig(folder.path(), &format!("report {} --format csv --format md --out rebuilt", run.display()));
    assert_eq!(code(&csv), 0, "{}", stderr(&csv));
    let raw = fs::read_to_string(folder.path().join("rebuilt/c00-d1.50-press-00.csv")).unwrap();
    assert!(raw.starts_with("t_s,force_n,stage_mm,phase\n"), "{}", &raw[..60]);

    // Reports are derived from the rest of the archive alone, to the byte.
    let formats = "--format html --format pdf --format junit --format md";
    let rebuilt = rig(folder.path(), &format!("report {} {formats} --out rebuilt", run.display()));
    assert_eq!(code(&rebuilt), 0, "{}", stderr(&rebuilt));
    for name in ["report.html", "report.pdf", "junit.xml", "report.md"] {
        let again = fs::read(folder.path().join("rebuilt").join(name)).unwrap();
        assert!(again == fs::read(run.join(name)).unwrap(), "{name} differs when it is rebuilt");
    }

    fs::write(run.join("strokes.csv"), strokes.replacen('1', "2", 1)).unwrap();
    let tampered = rig(folder.path(), &format!("verify {}", run.display()));
    assert_eq!(code(&tampered), 5);
    assert!(String::from_utf8_lossy(&tampered.stdout).contains("strokes.csv: changed"));
}

#[test]
fn two_runs_of_a_seed_write_the_same_bytes() {
    let [first, second] = [(); 2].map(|()| {
        let folder = tempfile::tempdir().unwrap();
        let output = rig(folder.path(), "validate --cartridge 0.5mm --plan quick --seed 11");
        assert!(matches!(code(&output), 0 | 1 | 4), "{}", stderr(&output));
        let run = only_run(folder.path());
        contents(&run)
            .into_iter()
            .map(|(path, bytes)| (path.strip_prefix(&run).unwrap().to_path_buf(), bytes))
            .collect::<Vec<_>>()
    });
    assert_eq!(first.len(), second.len());
    for ((path, bytes), (other_path, other_bytes)) in first.iter().zip(&second) {
        assert_eq!(path, other_path);
        assert!(bytes == other_bytes, "{} differs", path.display());
    }
}

#[test]
fn bad_input_is_a_clear_error_and_nothing_moves() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let rig_file = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/rigs/default.toml")).unwrap();
    write("typo.toml", &rig_file.replace("force_max_n", "force_maxn"));
    write("range.toml", &rig_file.replace("sample_rate_hz = 10000", "sample_rate_hz = -3"));
    write("plan-as-rig.toml", "schema = \"plan/1\"\nname = \"x\"\n");
    write("broken.toml", "schema = \"rig/1\"\nname = \n");
    write(
        "no-rationale.toml",
        "schema = \"plan/1\"\nname = \"p\"\n[[criterion]]\nid = \"a\"\nquantity = \"protrusion\"\n\
        statistic = \"tolerance\"\ntolerance_mm = 0.1\ncoverage = 0.95\nconfidence = 0.95\n",
    );
    let real = rig_file
        .replace("simulated = true", "simulated = false")
        .replacen("port = \"sim\"", "port = \"absent/a\"", 1)
        .replacen("port = \"sim\"", "port = \"absent/b\"", 1)
        .replacen("port = \"sim\"", "port = \"absent/c\"", 1);
    write("absent.toml", &real);
    write("file", "not a folder");
    #[rustfmt::skip]
    let cases: &[(&str, &[&str])] = &[
        ("validate --cartridge nope", &["nope", "1.5mm"]),
        ("validate --cartridge 1.5m", &["did you mean \"1.5mm\""]),
        ("validate", &["--cartridge"]),
        ("validate --cartridge 1.5mm --depth 9", &["9 mm", "0.05 to 1.5 mm"]),
        ("validate --cartridge 1.5mm --depth NaN", &["NaN"]),
        ("validate --cartridge 1.5mm --depth -1", &["-1 mm"]),
        ("validate --cartridge 1.5mm --plan nope", &["no plan \"nope\"", "quick"]),
        ("validate --cartridge 1.5mm --pen nope", &["no pen \"nope\""]),
        ("validate --cartridge 1.5mm --rig missing.toml", &["missing.toml"]),
        ("validate --cartridge 1.5mm --rig typo.toml", &["typo.toml:7", "force_maxn", "did you mean `force_max_n`"]),
        ("validate --cartridge 1.5mm --rig range.toml", &["force.sample_rate_hz", "-3 Hz", "100 to 50000 Hz"]),
        ("validate --cartridge 1.5mm --rig plan-as-rig.toml", &["plan/1", "rig/1"]),
        ("validate --cartridge 1.5mm --rig broken.toml", &["broken.toml:2"]),
        ("validate --cartridge 1.5mm --plan no-rationale.toml", &["rationale"]),
        ("validate --cartridge 1.5mm --rig absent.toml", &["absent/", "rig ports"]),
        ("validate --cartridge 1.5mm --plan quick --out file", &["file", "--out"]),
        ("accept --measurements missing.csv --plan quick", &["missing.csv"]),
        ("analyze missing.json", &["missing.json"]),
        ("report nowhere", &["nowhere"]),
        ("stats tolerance --n 1 --coverage 2 --confidence 0.95 --sides 2", &["coverage"]),
    ];
    for (line, expected) in cases {
        let output = rig(folder.path(), line);
        let text = stderr(&output);
        assert_eq!(code(&output), 2, "rig {line}: {text}");
        for part in *expected {
            // Snippets point into the file as "--> file:line:column".
            assert!(text.contains(part), "rig {line}: {part:?} is not in: {text}");
        }
        assert!(!folder.path().join("reports").exists(), "rig {line} left a run directory");
    }
}

#[test]
fn what_is_generated_is_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["rig", "plan", "cartridge", "pen", "calibration", "capture", "verdict"] {
        let output = rig(folder.path(), &format!("schema {kind}"));
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a JSON Schema");
        assert!(schema["properties"]["schema"].is_object(), "{kind}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(rig(folder.path(), &format!("completions {shell}")).stdout.len() > 1000);
    }
    assert_eq!(code(&rig(folder.path(), "man pages")), 0);
    assert!(folder.path().join("pages/rig-validate.1").is_file());
    let ports = rig(folder.path(), "ports --json");
    assert!(serde_json::from_slice::<serde_json::Value>(&ports.stdout).is_ok());
    for command in ["validate", "check", "analyze", "accept", "stats", "report", "verify", "recover", "ports", "schema"]
    {
        let help = rig(folder.path(), &format!("{command} --help"));
        assert!(String::from_utf8_lossy(&help.stdout).contains("Example"), "{command} --help has no example");
    }
}

#[test]
fn a_bench_is_checked_without_motion() {
    let folder = tempfile::tempdir().unwrap();
    let output = rig(folder.path(), "check --json");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = document["checks"].as_array().unwrap().iter().filter_map(|c| c["name"].as_str()).collect();
    for name in ["pen", "stage", "force device", "sample rate", "force noise", "hum", "force zero", "calibration"] {
        assert!(names.contains(&name), "{names:?}");
    }
}
