//! The disk as a run sees it: every byte that a run writes passes through [`Disk`], so that tests can let it fill up,
//! vanish, or lose power at any write.
//!
//! Invariant of every caller: a file is made under a name that no reader takes for whole ([`put`]), or is a log whose
//! torn end can be told (journal, captures).
//! Deliberately absent: reading. What is on disk is read with `std::fs` by everyone.

use super::RecordError;
use std::{
    fs::{self, File},
    io::{self, BufWriter, IntoInnerError, Write},
    path::Path,
    rc::Rc,
};

/// Ending of a file that is not yet whole.
pub const PARTIAL: &str = ".partial";

/// Bytes that are handed to the system at once.
const PIECE: usize = 64 * 1024;

/// A file open for writing at its end.
pub trait DiskFile: Write {
    /// Brings what was written to the medium.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file off at `len` bytes; writing goes on there.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

/// What changes a disk.
pub trait Disk {
    /// Makes a folder that must not be there.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes a file that must not be there.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that is there, to write at its end.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn extend(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file or folder another name, in place of what bore it before.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Brings the names in a folder to the medium.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem;

impl FileSystem {
    /// The file system, to be shared by the parts of a run.
    pub fn shared() -> Rc<dyn Disk> {
        Rc::new(Self)
    }
}

impl DiskFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

impl Disk for FileSystem {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::options().append(true).create_new(true).open(path)?))
    }

    fn extend(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::options().append(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

/// Makes a file that must not be there and that its owner alone may read.
///
/// # Errors
///
/// Those of the disk.
pub fn create_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What a file holds, written piece by piece: the tables of a long run are too large to be in memory whole.
pub type Contents<'a> = &'a dyn Fn(&mut dyn Write) -> io::Result<()>;

/// Writes a file of a run directory under a temporary name, syncs it, and gives it its name: it is whole or not there.
///
/// # Errors
///
/// [`RecordError`].
pub fn put(disk: &dyn Disk, run: &Path, name: &str, contents: Contents<'_>) -> Result<(), RecordError> {
    let path = run.join(name);
    let partial = run.join(format!("{name}{PARTIAL}"));
    let write = || {
        if partial.exists() {
            disk.remove(&partial)?;
        }
        let mut file = BufWriter::with_capacity(PIECE, disk.create(&partial)?);
        contents(&mut file)?;
        file.into_inner().map_err(IntoInnerError::into_error)?.sync()?;
        disk.rename(&partial, &path)?;
        disk.sync_folder(path.parent().unwrap_or(run))
    };
    write().map_err(|error| RecordError::at(&path, error))
}
