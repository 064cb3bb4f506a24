//! The plan of the house as a test: which room may use which, what belongs where, and how large a file may grow.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Every room in reading order, with those that it may use. They must stand above it.
#[rustfmt::skip]
const ROOMS: &[(&str, &[&str])] = &[
    ("version", &[]),
    ("units", &[]),
    ("checksum", &[]),
    ("prng", &[]),
    ("time", &[]),
    ("uncertainty", &[]),
    ("stats", &[]),
    ("capture", &["units", "checksum"]),
    ("wire", &["checksum"]),
    ("config", &["units", "wire"]),
    ("measure", &["units", "uncertainty", "stats", "capture"]),
    ("acceptance", &["units", "prng", "stats", "config"]),
    ("link", &["version", "time"]),
    ("device", &["time", "checksum", "config", "wire", "link"]),
    ("sim", &["units", "time", "prng", "checksum", "config", "wire", "link"]),
    ("bench", &["time", "prng", "capture", "config", "link", "device", "sim"]),
    ("record", &["version", "time", "checksum", "capture", "config", "measure", "acceptance", "device", "bench"]),
    ("procedure", &["time", "stats", "capture", "config", "bench"]),
    ("run", &["version", "time", "prng", "checksum", "uncertainty", "capture", "config", "measure", "acceptance", "link", "device", "bench", "record", "procedure"]),
    ("report", &["version", "uncertainty", "stats", "capture", "measure", "acceptance", "record"]),
    ("cli", &["version", "time", "uncertainty", "stats", "capture", "config", "measure", "acceptance", "link", "sim", "bench", "record", "procedure", "run", "report"]),
];

/// Text, the places that may contain it, and what to do instead.
#[rustfmt::skip]
const RESERVED: &[(&str, &[&str], &str)] = &[
    ("Instant::now", &["link", "sim/terminal"], "take the time as an argument"),
    ("SystemTime", &[], "let the command line stamp the run"),
    ("Timestamp::now", &["cli"], "let the command line stamp the run"),
    ("serialport::", &["link"], "send bytes through a `Link`"),
    ("tokio::", &["link"], "write straight-line code over `Bench`"),
    ("thread::", &["link", "run", "cli", "sim/terminal"], "measure and decide in one thread"),
    ("fs::", &["capture", "config", "record", "cli", "link/serial", "sim/terminal"], "take or return text"),
    ("env::var", &["cli"], "take it as an option"),
    ("println!", &[], "return text and let the command line print it"),
    ("dbg!", &[], "remove it before committing"),
    ("todo!", &[], "finish it or leave it out"),
    (".unwrap()", &[], "return an error, or `expect` with the invariant"),
    ("allow(", &[], "use `#[expect]` with a reason"),
];

const FILE_LINES_MAX: usize = 500;

#[test]
fn every_room_stands_below_those_it_uses() {
    for (index, (room, uses)) in ROOMS.iter().enumerate() {
        for used in *uses {
            assert!(ROOMS[..index].iter().any(|(name, _)| name == used), "{room} lists {used}, which is not above it");
        }
    }
}

#[test]
fn lib_lists_the_rooms_in_this_order() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let listed: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let rooms: Vec<&str> = ROOMS.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, rooms);
}

#[test]
fn the_house_is_in_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut complaints = Vec::new();
    for path in rust_files(&root) {
        let text = fs::read_to_string(&path).unwrap();
        complaints.extend(complaints_about(path.strip_prefix(&root).unwrap(), &text));
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn complaints_about(path: &Path, text: &str) -> Vec<String> {
    let place = path.display().to_string().replace('\\', "/");
    let production = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let code: String =
        production.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect();
    let room = place.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
    let mut complaints = Vec::new();
    if !text.starts_with("//!") {
        complaints.push(format!("{place}: open the file with a //! comment on its purpose"));
    }
    if production.lines().count() > FILE_LINES_MAX {
        complaints.push(format!("{place}: more than {FILE_LINES_MAX} lines without tests; split it by topic"));
    }
    // Files that only tests compile may use what tests may.
    if matches!(room.as_str(), "lib" | "main" | "build") || TEST_ONLY.contains(&place.as_str()) {
        return complaints;
    }
    let Some((_, uses)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        complaints.push(format!("{place}: give the room {room} its place in tests/layering.rs"));
        return complaints;
    };
    for name in names_after_crate(&code) {
        if name != room && !uses.contains(&name.as_str()) {
            complaints.push(format!("{place}: {room} may not use {name}"));
        }
    }
    for (needle, allowed, instead) in RESERVED {
        let here = allowed.iter().any(|allowed| place.trim_end_matches(".rs") == *allowed || room == *allowed);
        if code.contains(needle) && !here {
            complaints.push(format!("{place}: `{needle}` does not belong here; {instead}"));
        }
    }
    complaints
}

const TEST_ONLY: &[&str] = &["report/sample.rs", "report/markup_check.rs"];

/// Names that follow `crate::`, those in a braced group included.
fn names_after_crate(code: &str) -> BTreeSet<String> {
    let leading = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let Some(group) = after.strip_prefix('{') else {
            names.insert(leading(after));
            continue;
        };
        let (mut nested, mut expects_name) = (0_u32, true);
        for (index, character) in group.char_indices() {
            match character {
                '{' => nested += 1,
                '}' if nested == 0 => break,
                '}' => nested -= 1,
                ',' if nested == 0 => expects_name = true,
                _ if expects_name && !character.is_whitespace() => {
                    names.insert(leading(&group[index..]));
                    expects_name = false;
                }
                _ => {}
            }
        }
    }
    names
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn each_rule_has_teeth() {
    #[rustfmt::skip]
    let cases = [
        ("measure/press.rs", "//! Doc.\nuse crate::device::Pen;\n", "measure may not use device"),
        ("measure/press.rs", "//! Doc.\nuse crate::{\n    capture::{Header, Kind},\n    link::Link,\n};\n", "measure may not use link"),
        ("device/pen.rs", "//! Doc.\nuse crate::sim::link::SimLink;\n", "device may not use sim"),
        ("report/text.rs", "//! Doc.\nuse crate::run::job::Job;\n", "report may not use run"),
        ("bench/mod.rs", "//! Doc.\nlet t = std::time::Instant::now();\n", "`Instant::now` does not belong here"),
        ("units.rs", "use std::fmt;\n", "open the file with a //! comment"),
        ("misc.rs", "//! Doc.\n", "give the room misc its place"),
    ];
    for (path, text, expected) in cases {
        let complaints = complaints_about(Path::new(path), text).join("; ");
        assert!(complaints.contains(expected), "{path}: got {complaints:?}, wanted {expected:?}");
    }
    assert!(
        complaints_about(Path::new("device/pen.rs"), "//! Doc.\nuse crate::{link::Role, time::RunTime};\n").is_empty()
    );
}
