//! Which cartridges have served on a bench, one line a use, beside the rig file: a used one is refused.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

/// One use of a cartridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Use {
    cartridge: String,
    run: String,
    at: String,
}

/// The uses of cartridges on one bench.
pub struct Ledger {
    path: PathBuf,
    run: String,
    at: String,
    uses_max: u32,
}

impl Ledger {
    /// The ledger beside a rig file, for one run of cartridges that may serve `uses_max` runs each.
    pub fn beside(rig_file: Option<&Path>, run: &str, at: &str, uses_max: u32) -> Self {
        let beside = rig_file.map_or_else(|| PathBuf::from("rig"), Path::to_path_buf);
        Self { path: beside.with_extension("cartridges.jsonl"), run: run.to_owned(), at: at.to_owned(), uses_max }
    }

    /// Books a cartridge for this run, on disk before it is used. A run that goes on with its own cartridge books it
    /// once.
    ///
    /// # Errors
    ///
    /// Why the cartridge must not be used.
    pub fn book(&mut self, cartridge: &str) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", self.path.display());
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(&error)),
        };
        let mut runs = BTreeSet::new();
        for (number, line) in text.lines().enumerate() {
            let used: Use = serde_json::from_str(line)
                .map_err(|error| format!("{}:{}: {error}; mend or remove the line", self.path.display(), number + 1))?;
            if used.cartridge == cartridge {
                runs.insert(used.run);
            }
        }
        if runs.contains(&self.run) {
            return Ok(());
        }
        if runs.len() >= self.uses_max as usize {
            let runs: Vec<String> = runs.into_iter().collect();
            return Err(format!(
                "cartridge {cartridge} has served {} of {} runs that it may serve ({}); take a new one",
                runs.len(),
                self.uses_max,
                runs.join(", ")
            ));
        }
        let used = Use { cartridge: cartridge.to_owned(), run: self.run.clone(), at: self.at.clone() };
        let line = serde_json::to_string(&used).map_err(|error| failed(&error))?;
        let mut file = File::options().create(true).append(true).open(&self.path).map_err(|error| failed(&error))?;
        writeln!(file, "{line}").and_then(|()| file.sync_data()).map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    #[test]
    fn a_cartridge_serves_as_often_as_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let rig = folder.path().join("bench.toml");
        let book = |run: &str, cartridge: &str, uses_max: u32| {
            Ledger::beside(Some(&rig), run, "2026-01-01T00:00:00Z", uses_max).book(cartridge)
        };
        book("run-1", "LOT-7", 1).unwrap();
        book("run-1", "LOT-7", 1).unwrap();
        let refused = book("run-2", "LOT-7", 1).unwrap_err();
        assert!(refused.contains("LOT-7 has served 1 of 1") && refused.contains("run-1"), "{refused}");
        book("run-2", "LOT-8", 1).unwrap();
        book("run-2", "LOT-7", 2).unwrap();
        let path = rig.with_extension("cartridges.jsonl");
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
        std::fs::write(&path, "{}\n").unwrap();
        assert!(book("run-3", "LOT-9", 1).unwrap_err().contains(":1:"));
    }
}
