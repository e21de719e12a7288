//! Files that appear under their name whole and durable, or not at all.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

/// Ends the names of files that are being written.
const SUFFIX: &str = ".incoming";

/// A file that is being written under a passing name. Dropping it removes it; [`Incoming::rename`] lets it appear.
#[derive(Debug)]
pub(crate) struct Incoming {
    path: PathBuf,
    file: File,
    appeared: bool,
}

impl Incoming {
    /// Begins a file in a folder that lies on the target's file system.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        let path = folder.join(format!("{}{SUFFIX}", Uuid::new_v4()));
        let file = File::create_new(&path)?;
        let incoming = Self { path, file, appeared: false };
        // The lock ends with the process: it tells leftovers from files that another process is writing.
        incoming.file.lock()?;
        Ok(incoming)
    }

    /// Appends pieces.
    pub(crate) fn write(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        pieces.iter().try_for_each(|piece| self.file.write_all(piece))
    }

    /// Makes the content durable, with the time of our own clock.
    pub(crate) fn sync(&self, modified: Timestamp) -> io::Result<()> {
        self.file.set_modified(modified.try_into().map_err(io::Error::other)?)?;
        self.file.sync_all()
    }

    /// Lets the file appear, replacing what is there; its folder is then to be made durable with [`sync_folder`].
    pub(crate) fn rename(&mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.appeared = true;
        Ok(())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.appeared {
            // What cannot be removed now is removed as a leftover when the folder is opened again.
            let _removed = fs::remove_file(&self.path);
        }
    }
}

/// Removes what a killed process left unfinished in a folder.
pub(crate) fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.to_string_lossy().ends_with(SUFFIX) {
            continue;
        }
        match File::open(&path).map(|file| file.try_lock()) {
            Ok(Ok(())) => remove_if_there(&path)?,
            Ok(Err(TryLockError::WouldBlock)) => {}
            Ok(Err(TryLockError::Error(e))) => return Err(e),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Removes a file; no error if there is none.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// One sentence for the operator about a call to the file system that failed.
pub(crate) fn sentence(what: &str, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull => format!("{what}: the disk is full; nothing was stored"),
        ErrorKind::QuotaExceeded => format!("{what}: the disk quota is used up; nothing was stored"),
        _ => format!("{what}: {error}"),
    }
}
