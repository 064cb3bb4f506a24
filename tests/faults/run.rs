//! One validation as a user calls it, and what it left behind.

use rig::capture::compact::{Counts, reader::CompactSource};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

const PLAN: &str = r#"
schema = "plan/1"
name = "short"
set_depths = "largest"
press = { sites = 2, speed_mm_s = 1.0 }
dynamic = { stroke_rates_hz = [110.0], strokes = 200 }
[[criterion]]
id = "c"
quantity = "protrusion"
statistic = "mean"
source = "presses"
confidence = 0.95
tolerance_mm = 0.15
rationale = "the test"
"#;

/// A run that has ended.
pub struct Run {
    pub code: i32,
    pub messages: String,
    pub dir: PathBuf,
    pub events: Vec<(f64, String, String)>,
    pub verdict: Value,
    _folder: tempfile::TempDir,
}

impl Run {
    /// The short plan on the built-in bench.
    pub fn with(faults: Option<&str>) -> Self {
        Self::on(None, PLAN, faults)
    }

    /// A plan on the bench of a rig file, given as text.
    pub fn on(rig: Option<&str>, plan: &str, faults: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("plan.toml"), plan).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rig"));
        command.args(["validate", "--cartridge", "1.5mm", "--depth", "0.5", "--plan", "plan.toml", "--seed", "1"]);
        if let Some(text) = rig {
            fs::write(path("bench.toml"), text).unwrap();
            command.args(["--rig", "bench.toml"]);
        }
        if let Some(text) = faults {
            fs::write(path("faults.toml"), text).unwrap();
            command.args(["--faults", "faults.toml"]);
        }
        let output = command.current_dir(folder.path()).env_remove("RIG").stdin(Stdio::null()).output().unwrap();
        let messages = String::from_utf8(output.stderr).unwrap();
        let code = output.status.code().unwrap_or_else(|| panic!("killed: {messages}"));
        let Some(dir) = fs::read_dir(path("reports")).ok().and_then(|mut runs| runs.next()) else {
            let (dir, events, verdict) = (PathBuf::new(), Vec::new(), Value::Null);
            return Self { code, messages, dir, events, verdict, _folder: folder };
        };
        let dir = dir.unwrap().path();
        let journal = fs::read_to_string(dir.join("journal.jsonl")).unwrap();
        let event = |line: &str| {
            let value: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| value[key].as_str().unwrap().to_owned();
            (value["t_s"].as_f64().unwrap(), text("event"), text("text"))
        };
        let events = journal.lines().map(event).collect();
        let verdict = serde_json::from_str(&fs::read_to_string(dir.join("verdict.json")).unwrap()).unwrap();
        Self { code, messages, dir, events, verdict, _folder: folder }
    }

    /// When an event whose text begins so was written, s.
    pub fn at(&self, begins: &str) -> f64 {
        let event = self.events.iter().find(|(_, _, text)| text.starts_with(begins));
        event.unwrap_or_else(|| panic!("no {begins:?} in {:#?}", self.events)).0
    }

    /// The event that ended the run.
    pub fn fault(&self) -> Option<&(f64, String, String)> {
        self.events.iter().find(|(_, event, _)| event == "fault")
    }

    pub fn said(&self, words: &str) -> bool {
        self.messages.contains(words) || self.events.iter().any(|(_, _, text)| text.contains(words))
    }

    /// Captures by name: the bytes of their data.
    pub fn captures(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.dir.join("captures")) else { return BTreeMap::new() };
        let data =
            entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "rigc"));
        data.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())).collect()
    }

    /// Times, forces and positions of each capture, in counts, as far as its frames are whole.
    pub fn counts(&self) -> BTreeMap<String, Vec<(i64, i32, i32)>> {
        let read = |bytes: &[u8]| {
            let mut source = CompactSource::new("capture", bytes).unwrap();
            let (mut counts, mut rows) = (Counts::empty(1), Vec::new());
            while let Ok(true) = source.next_counts(&mut counts) {
                let row = |i: usize| (counts.time_ns[i], counts.force[i], counts.axes[0][i]);
                rows.extend((0..counts.force.len()).map(row));
            }
            rows
        };
        self.captures().into_iter().map(|(name, bytes)| (name, read(&bytes))).collect()
    }
}

/// A value that no instrument gave: what was measured is what the sound run measured, or nothing.
pub fn invented(run: &Run, sound: &Run) -> Option<String> {
    let value = |run: &Run, name: &str| {
        let text = fs::read_to_string(run.dir.join("measurements").join(name)).ok()?;
        let value: Value = serde_json::from_str(&text).unwrap();
        value["protrusion_mm"]["value"].as_f64()
    };
    for name in sound.captures().into_keys().map(|name| name.replace(".rigc", ".json")) {
        if let (Some(here), Some(there)) = (value(run, &name), value(sound, &name))
            && (here - there).abs() > 0.02
        {
            return Some(format!("{name}: {here} mm measured, {there} mm without the fault"));
        }
    }
    None
}
