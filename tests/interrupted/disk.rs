//! A disk that dies at a chosen operation, as the end of the process or of the power would leave it.

use rig::record::disk::{Disk, DiskFile, FileSystem};
use std::{
    cell::RefCell,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    rc::Rc,
};

/// How the end comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The process ends: what was written stays, the write under way is torn in the middle.
    Kill,
    /// The power ends: whatever was not synced is gone, bytes of files as well as names in folders.
    PowerCut,
}

/// What a power cut undoes while its folder is not synced.
enum Change {
    Created(PathBuf),
    Renamed { from: PathBuf, to: PathBuf, replaced: Option<Vec<u8>> },
    Removed { path: PathBuf, bytes: Vec<u8> },
}

impl Change {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Created(path) | Self::Removed { path, .. } | Self::Renamed { to: path, .. } => path.parent(),
        }
    }

    fn undo(self) {
        match self {
            Self::Created(path) if path.is_dir() => drop(fs::remove_dir_all(path)),
            Self::Created(path) => drop(fs::remove_file(path)),
            Self::Removed { path, bytes } => fs::write(path, bytes).expect("the real disk lives"),
            Self::Renamed { from, to, replaced } => {
                let _ = fs::rename(&to, from);
                if let Some(bytes) = replaced {
                    fs::write(to, bytes).expect("the real disk lives");
                }
            }
        }
    }
}

#[derive(Default)]
struct Ledger {
    left: u64,
    /// Whether an operation was refused yet.
    dead: bool,
    changes: Vec<Change>,
    /// Files with their synced length.
    synced: Vec<(PathBuf, u64)>,
}

/// Counts operations down to its end; from then on every one fails.
#[derive(Clone)]
pub struct DyingDisk {
    way: Way,
    ledger: Rc<RefCell<Ledger>>,
}

struct DyingFile {
    disk: DyingDisk,
    path: PathBuf,
    file: Box<dyn DiskFile>,
}

fn dead() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "the disk died")
}

impl DyingDisk {
    pub fn new(way: Way, operations: u64) -> Self {
        Self { way, ledger: Rc::new(RefCell::new(Ledger { left: operations, ..Ledger::default() })) }
    }

    pub fn shared(&self) -> Rc<dyn Disk> {
        Rc::new(self.clone())
    }

    pub fn left(&self) -> u64 {
        self.ledger.borrow().left
    }

    /// Leaves on the real disk what this one would have kept.
    pub fn settle(&self) {
        if self.way == Way::Kill {
            return;
        }
        let Ledger { changes, synced, .. } = std::mem::take(&mut *self.ledger.borrow_mut());
        for (path, len) in synced {
            if let Ok(file) = fs::File::options().write(true).open(&path) {
                file.set_len(len).expect("the real disk lives");
            }
        }
        changes.into_iter().rev().for_each(Change::undo);
    }

    /// Counts an operation; where it is refused, says with the error whether it is the first.
    fn count(&self) -> Result<(), bool> {
        let mut ledger = self.ledger.borrow_mut();
        match ledger.left.checked_sub(1) {
            Some(left) => {
                ledger.left = left;
                Ok(())
            }
            None => Err(!std::mem::replace(&mut ledger.dead, true)),
        }
    }

    fn operate(&self) -> io::Result<()> {
        self.count().map_err(|_| dead())
    }

    fn note(&self, change: Change) {
        self.ledger.borrow_mut().changes.push(change);
    }
}

impl Disk for DyingDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.operate()?;
        FileSystem.create_folder(path)?;
        self.note(Change::Created(path.to_path_buf()));
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.operate()?;
        let file = FileSystem.create(path)?;
        self.note(Change::Created(path.to_path_buf()));
        self.ledger.borrow_mut().synced.push((path.to_path_buf(), 0));
        Ok(Box::new(DyingFile { disk: self.clone(), path: path.to_path_buf(), file }))
    }

    fn extend(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.operate()?;
        let file = FileSystem.extend(path)?;
        let len = fs::metadata(path)?.len();
        self.ledger.borrow_mut().synced.push((path.to_path_buf(), len));
        Ok(Box::new(DyingFile { disk: self.clone(), path: path.to_path_buf(), file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate()?;
        let replaced = fs::read(to).ok();
        FileSystem.rename(from, to)?;
        let (from, to) = (from.to_path_buf(), to.to_path_buf());
        for (path, _) in self.ledger.borrow_mut().synced.iter_mut().filter(|(path, _)| *path == from) {
            path.clone_from(&to);
        }
        self.note(Change::Renamed { from, to, replaced });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operate()?;
        let bytes = fs::read(path)?;
        FileSystem.remove(path)?;
        self.note(Change::Removed { path: path.to_path_buf(), bytes });
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.operate()?;
        self.ledger.borrow_mut().changes.retain(|change| change.folder() != Some(path));
        Ok(())
    }
}

impl Write for DyingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.disk.count() {
            Ok(()) => self.file.write(bytes),
            Err(first) => {
                if first && self.disk.way == Way::Kill {
                    self.file.write_all(&bytes[..bytes.len() / 2])?;
                }
                Err(dead())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DiskFile for DyingFile {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.operate()?;
        let len = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        let mut ledger = self.disk.ledger.borrow_mut();
        for (_, synced) in ledger.synced.iter_mut().filter(|(path, _)| *path == self.path) {
            *synced = len;
        }
        Ok(())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.disk.operate()?;
        self.file.cut(len)
    }
}
