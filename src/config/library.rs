//! Finding files by name: beside the rig file, in the working directory, else built in.

use super::{
    ConfigError, Document, calibration::Calibration, cartridge::Cartridge, console::Console, distance, faults::Faults,
    parse, pen::Pen, plan::Plan, rig::Rig, steps::Steps,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Where a file came from, with its text, so that the archive can keep it as used.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<T> {
    /// Path, or `built-in:NAME`.
    pub origin: String,
    /// The text as read.
    pub text: String,
    /// What it says.
    pub value: T,
}

/// Why a file could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No file of that name, and none built in.
    #[error("no {kind} {name:?}; known are: {known}{}", .near.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default())]
    Unknown {
        /// Kind of file.
        kind: &'static str,
        /// Name as given.
        name: String,
        /// Names that would do.
        known: String,
        /// The nearest of them.
        near: Option<String>,
    },
    /// The file cannot be read.
    #[error("cannot read {kind} file {path}: {source}")]
    Read {
        /// Kind of file.
        kind: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

type BuiltIn = &'static [(&'static str, &'static str)];

macro_rules! built_in {
    ($kind:literal: $($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../fixtures/", $kind, "/", $name, ".toml")))),+]
    };
}

const CARTRIDGES: BuiltIn = built_in!("cartridges": "0.25mm", "0.5mm", "1.0mm", "1.5mm", "2.0mm", "2.5mm", "3.0mm");
const PENS: BuiltIn = built_in!("pens": "reference", "proto-c", "proto-d");
const PLANS: BuiltIn = built_in!("plans": "quick", "standard", "design", "msa", "press");
const CALIBRATIONS: BuiltIn = built_in!("calibrations": "simulated", "simulated-gauge");
const RIG_DEFAULT: &str = include_str!("../../rigs/default.toml");

/// Where to look for files given by name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    folders: Vec<PathBuf>,
}

impl Library {
    /// Looks in `fixtures` beside the rig file, beside the rig file's folder, and in the working directory.
    pub fn beside(rig_file: Option<&Path>) -> Self {
        let mut folders = Vec::new();
        if let Some(folder) = rig_file.and_then(Path::parent) {
            folders.push(folder.join("fixtures"));
            folders.push(folder.join("..").join("fixtures"));
        }
        folders.push(PathBuf::from("fixtures"));
        Self { folders }
    }

    /// A cartridge by name or file.
    ///
    /// # Errors
    ///
    /// [`LoadError`].
    pub fn cartridge(&self, name: &str) -> Result<Loaded<Cartridge>, LoadError> {
        self.find("cartridge", "cartridges", name, CARTRIDGES)
    }

    /// A pen by name or file.
    ///
    /// # Errors
    ///
    /// [`LoadError`].
    pub fn pen(&self, name: &str) -> Result<Loaded<Pen>, LoadError> {
        self.find("pen", "pens", name, PENS)
    }

    /// The pen file that a rig file names as its pen's profile: a path from the rig file's folder, one among the
    /// fixtures, or a name.
    ///
    /// # Errors
    ///
    /// [`LoadError`].
    pub fn profile(&self, name: &str, rig_file: Option<&Path>) -> Result<Loaded<Pen>, LoadError> {
        let beside = rig_file.and_then(Path::parent).map(|folder| folder.join(name));
        let candidates = beside.into_iter().chain(self.folders.iter().map(|folder| folder.join(name)));
        match candidates.into_iter().find(|path| path.is_file()) {
            Some(path) => read("pen", &path),
            None => self.find("pen", "pens", name.trim_start_matches("pens/").trim_end_matches(".toml"), PENS),
        }
    }

    /// A plan by name or file.
    ///
    /// # Errors
    ///
    /// [`LoadError`].
    pub fn plan(&self, name: &str) -> Result<Loaded<Plan>, LoadError> {
        self.find("plan", "plans", name, PLANS)
    }

    /// A calibration record: a path from the rig file's folder, or a built-in name.
    ///
    /// # Errors
    ///
    /// [`LoadError`].
    pub fn calibration(&self, name: &str, rig_file: Option<&Path>) -> Result<Loaded<Calibration>, LoadError> {
        match rig_file.and_then(Path::parent).map(|folder| folder.join(name)).filter(|path| path.is_file()) {
            Some(path) => read("calibration", &path),
            None => self.find("calibration", "calibrations", name, CALIBRATIONS),
        }
    }

    fn find<T: Document>(
        &self,
        kind: &'static str,
        folder: &str,
        name: &str,
        built_in: BuiltIn,
    ) -> Result<Loaded<T>, LoadError> {
        if name.ends_with(".toml") || name.contains(['/', '\\']) {
            return read(kind, Path::new(name));
        }
        let file = format!("{name}.toml");
        if let Some(path) = self.folders.iter().map(|root| root.join(folder).join(&file)).find(|path| path.is_file()) {
            return read(kind, &path);
        }
        if let Some((_, text)) = built_in.iter().find(|(known, _)| *known == name) {
            let origin = format!("built-in:{folder}/{file}");
            let value = parse(&origin, text)?;
            return Ok(Loaded { origin, text: (*text).to_owned(), value });
        }
        let known = self.names(folder, built_in);
        let near = known.iter().min_by_key(|known| distance(known, name)).filter(|near| distance(near, name) <= 3);
        Err(LoadError::Unknown { kind, name: name.to_owned(), near: near.cloned(), known: known.join(", ") })
    }

    fn names(&self, folder: &str, built_in: BuiltIn) -> Vec<String> {
        let mut names: Vec<String> = built_in.iter().map(|(name, _)| (*name).to_owned()).collect();
        for entry in self.folders.iter().filter_map(|root| fs::read_dir(root.join(folder)).ok()).flatten().flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            names.extend(file.strip_suffix(".toml").map(str::to_owned));
        }
        names.sort();
        names.dedup();
        names
    }
}

/// The rig: a file where one is named, else the simulated bench that is built in.
///
/// # Errors
///
/// [`LoadError`].
pub fn rig(path: Option<&Path>) -> Result<Loaded<Rig>, LoadError> {
    match path {
        Some(path) => with_script(read("rig", path)?, path),
        None => {
            let origin = "built-in:rigs/default.toml".to_owned();
            let value = parse(&origin, RIG_DEFAULT)?;
            Ok(Loaded { origin, text: RIG_DEFAULT.to_owned(), value })
        }
    }
}

/// A script of operator steps.
///
/// # Errors
///
/// [`LoadError`].
pub fn steps(path: &Path) -> Result<Loaded<Steps>, LoadError> {
    read("steps", path)
}

/// A fault file.
///
/// # Errors
///
/// [`LoadError`].
pub fn faults(path: &Path) -> Result<Loaded<Faults>, LoadError> {
    read("fault", path)
}

/// Reads the pen's console where the rig file names one.
fn with_script(mut rig: Loaded<Rig>, path: &Path) -> Result<Loaded<Rig>, LoadError> {
    if let Some(name) = &rig.value.pen.profile {
        let pen = Library::beside(Some(path)).profile(name, Some(path))?;
        let script = pen.value.console.as_ref().map(Console::compile).transpose();
        let missing = || "this pen file has no [console] table, which driver console needs".to_owned();
        let refuse = |message: String| ConfigError::at(&pen.origin, &pen.text, None, message);
        let script = script.map_err(|problem| refuse(problem.message))?.ok_or_else(|| refuse(missing()))?;
        rig.value.pen.script = Some(script);
    }
    Ok(rig)
}

/// Reads and checks one file; `kind` is for messages.
///
/// # Errors
///
/// [`LoadError`].
pub fn read<T: Document>(kind: &'static str, path: &Path) -> Result<Loaded<T>, LoadError> {
    let origin = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| LoadError::Read { kind, path: origin.clone(), source })?;
    let value = parse(&origin, &text)?;
    Ok(Loaded { origin, text, value })
}
