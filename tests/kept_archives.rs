//! Archives of earlier versions (`fixtures/archives`): whole, readable and reported by this one, for ever.

use rig::{
    record::{RecordError, archive},
    run::job::Job,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/archives").join(name)
}

fn rig(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rig")).args(arguments).output().expect("the binary runs")
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder is writable");
    for entry in fs::read_dir(from).expect("the archive is there") {
        let path = entry.expect("the entry is readable").path();
        let target = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copied(&path, &target);
        } else {
            fs::copy(&path, &target).expect("the folder is writable");
        }
    }
}

#[test]
fn they_are_whole_and_say_what_they_said() {
    for (name, verdict) in [("accepted-v1", "accept"), ("rejected-v1", "reject")] {
        let run = kept(name);
        let path = run.to_str().expect("the path is text");
        let verified = rig(&["verify", path]);
        assert_eq!(verified.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&verified.stdout));
        let document = fs::read_to_string(run.join("verdict.json")).expect("the verdict is there");
        assert!(document.contains(&format!("\"verdict\": \"{verdict}\"")), "{name}");

        let folder = tempfile::tempdir().expect("a folder");
        let copy = folder.path().join(name);
        copied(&run, &copy);
        let copy = copy.to_str().expect("the path is text");
        for format in ["html", "pdf", "junit", "md", "json", "csv"] {
            let output = rig(&["report", copy, "--format", format]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{name} as {format}: {said}");
        }
        let page = fs::read_to_string(Path::new(copy).join("report.html")).expect("the page was written");
        assert!(page.contains("SIMULATED") && page.to_lowercase().contains(verdict), "{name}");
    }
}

/// Formats to come are refused by name, whatever else they hold; that of a measurement may be absent, as it is here.
#[test]
fn a_newer_format_of_any_file_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("run");
    copied(&kept("accepted-v1"), &copy);
    type Refusal = fn(&Path) -> Option<RecordError>;
    let refusals: [(&str, &str, Refusal); 3] = [
        ("settings/job.json", "job", |run| Job::of_run(run).err()),
        ("verdict.json", "verdict", |run| archive::load(run).err()),
        ("measurements/c00-d1.50-press-00.json", "measurement", |run| archive::load(run).err()),
    ];
    for (file, format, refusal) in refusals {
        assert!(refusal(&copy).is_none(), "{file} is read as it stands");
        let path = copy.join(file);
        let text = fs::read_to_string(&path).expect("the file is there");
        fs::write(&path, format!(r#"{{"schema": "{format}/2", "else": []}}"#)).expect("the folder is writable");
        let said = refusal(&copy).expect("it is of a newer format").to_string();
        for part in [file, &format!("{format}/2"), &format!("{format}/1"), "newer release"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        fs::write(&path, text).expect("the folder is writable");
    }
}

#[test]
fn a_changed_byte_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("run");
    copied(&kept("accepted-v1"), &copy);
    let file = copy.join("captures/c00-d1.50-press-00.rigc");
    let mut bytes = fs::read(&file).expect("the capture is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).expect("the folder is writable");
    let verified = rig(&["verify", copy.to_str().expect("the path is text")]);
    assert_eq!(verified.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&verified.stdout).contains("c00-d1.50-press-00.rigc"));
}
