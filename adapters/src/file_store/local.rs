//! Files in a directory, under their keys.
//!
//! A key is a path below the root, so a key cannot be a file and the beginning of another: the later put is rejected.
//! Symbolic links are never followed, and what is reached by another spelling (a file system that ignores case) is not
//! there: a path counts only if it is its own canonical form.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use jiff::Timestamp;
use ports::{ByteStream, Clock, Error, FileBody, FileEntry, FileKey, FileStore, Result};

use crate::durable_file::{self, Incoming};

/// Where files are written before they appear. No key leads there.
const INCOMING: &str = ".incoming";
/// Bytes gathered before they are written.
const WRITE_BYTES: usize = 256 * 1024;
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Files listed at once.
const LIST_FILES: usize = 256;
/// How often a put makes its folders again because a delete removed them, empty, in between.
const PLACING_TRIES: usize = 64;

/// Files whose keys begin with a prefix.
pub(super) struct Local {
    root: Arc<Path>,
    prefix: &'static str,
    clock: Clock,
}

/// Makes the directory usable and removes what a killed process left in it.
pub(super) fn open_root(directory: &str) -> Result<Arc<Path>> {
    if directory.is_empty() {
        return Err(Error::Rejected("file: names no directory: use file:<directory>".to_owned()));
    }
    let open = || {
        fs::create_dir_all(Path::new(directory).join(INCOMING))?;
        let root = fs::canonicalize(directory)?;
        durable_file::remove_leftovers(&root.join(INCOMING))?;
        durable_file::sync_folder(&root)?;
        Ok(Arc::from(root))
    };
    open().map_err(|e| failed(&format!("opening the files in {directory}"), &e))
}

impl Local {
    pub(super) fn new(root: Arc<Path>, prefix: &'static str, clock: Clock) -> Self {
        Self { root, prefix, clock }
    }

    fn path(&self, key: &FileKey) -> Result<PathBuf> {
        if key.as_str().starts_with(self.prefix) {
            Ok(self.root.join(key.as_str()))
        } else {
            Err(Error::Rejected(format!("{key} does not begin with {}", self.prefix)))
        }
    }
}

#[async_trait]
impl FileStore for Local {
    async fn put(&self, key: &FileKey, mut body: ByteStream) -> Result<u64> {
        let target = self.path(key)?;
        let what = format!("storing {key}");
        let folder = self.root.join(INCOMING);
        let mut incoming = blocking_io(&what, move || Incoming::create(&folder)).await?;
        let mut size = 0;
        loop {
            let (pieces, ended) = gather(&mut body)
                .await
                .map_err(|e| Error::Unavailable(format!("{what}: the body broke off, nothing was stored: {e}")))?;
            size += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
            incoming = blocking_io(&what, move || incoming.write(&pieces).map(|()| incoming)).await?;
            if ended {
                break;
            }
        }
        let (root, now) = (Arc::clone(&self.root), self.clock.now());
        blocking(move || {
            incoming.sync(now).map_err(|e| failed(&what, &e))?;
            place(&root, incoming, &target, &what)
        })
        .await?;
        Ok(size)
    }

    async fn get(&self, key: &FileKey, range: Option<Range<u64>>) -> Result<Option<FileBody>> {
        let path = self.path(key)?;
        let what = format!("reading {key}");
        let open = move || {
            let Some(found) = find(&path)? else { return Ok(None) };
            let size = found.len();
            let range = range.map_or(0..size, |range| range.start.min(size)..range.end.min(size));
            let mut file = fs::File::open(&path)?;
            file.seek(SeekFrom::Start(range.start))?;
            Ok(Some((file, size, range.end.saturating_sub(range.start))))
        };
        let Some((file, size, left)) = blocking_io(&what, open).await? else { return Ok(None) };
        let stream = stream::try_unfold((file, left), |(file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let read = move || read_some(file, left);
            let (chunk, file) = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
            let left = left - chunk.len() as u64;
            Ok(Some((chunk, (file, left))))
        });
        Ok(Some(FileBody { size, stream: stream.boxed() }))
    }

    async fn size(&self, key: &FileKey) -> Result<Option<u64>> {
        let path = self.path(key)?;
        blocking_io(&format!("reading the size of {key}"), move || Ok(find(&path)?.map(|found| found.len()))).await
    }

    async fn delete(&self, key: &FileKey) -> Result<()> {
        let path = self.path(key)?;
        let home = self.root.join(self.prefix);
        blocking_io(&format!("deleting {key}"), move || {
            if find(&path)?.is_some() {
                durable_file::remove_if_there(&path)?;
                durable_file::sync_folder(remove_empty_folders(&path, &home))?;
            }
            Ok(())
        })
        .await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<FileEntry>> {
        stream::try_unfold(Walk::new(Arc::clone(&self.root), self.prefix, prefix), |mut walk| async move {
            let (entries, walk) = blocking_io("listing files", move || Ok((walk.next_files()?, walk))).await?;
            Ok::<_, Error>((!entries.is_empty()).then(|| (stream::iter(entries.into_iter().map(Ok)), walk)))
        })
        .try_flatten()
        .boxed()
    }
}

/// The next pieces of a body, and whether it has ended.
async fn gather(body: &mut ByteStream) -> io::Result<(Vec<Bytes>, bool)> {
    let (mut pieces, mut bytes) = (Vec::new(), 0);
    while bytes < WRITE_BYTES {
        let Some(piece) = body.next().await.transpose()? else { return Ok((pieces, true)) };
        bytes += piece.len();
        pieces.push(piece);
    }
    Ok((pieces, false))
}

/// Lets a file appear under its name, durably, with its folders.
fn place(root: &Path, mut incoming: Incoming, target: &Path, what: &str) -> Result<()> {
    let folder = target.parent().unwrap_or(root);
    for _ in 0..PLACING_TRIES {
        make_folders(root, folder, what)?;
        refuse_other_names(target, what)?;
        match incoming.rename(target) {
            Ok(()) => {
                // Each time and not only for new ones: another put may have made a folder that is not yet durable.
                let folders = folder.ancestors().take_while(|folder| folder.starts_with(root));
                return folders.into_iter().try_for_each(durable_file::sync_folder).map_err(|e| failed(what, &e));
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(failed(what, &e)),
        }
    }
    Err(Error::Unavailable(format!("{what}: its folder is removed again and again")))
}

/// Makes the folders below the root, one by one, so that none is made behind a link.
fn make_folders(root: &Path, folder: &Path, what: &str) -> Result<()> {
    let mut made = root.to_path_buf();
    for segment in folder.strip_prefix(root).into_iter().flatten() {
        made.push(segment);
        match fs::create_dir(&made) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                let is_folder = match fs::symlink_metadata(&made) {
                    Ok(found) => found.is_dir(),
                    Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()), // removed just now: the rename will tell
                    Err(e) => return Err(failed(what, &e)),
                };
                if !is_folder {
                    return Err(Error::Rejected(format!("{what}: a file or link stands where a folder is needed")));
                }
            }
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            made => made.map_err(|e| failed(what, &e))?,
        }
    }
    Ok(())
}

/// Rejects a target that is a folder, or is there under another spelling.
fn refuse_other_names(target: &Path, what: &str) -> Result<()> {
    let existing = if fs::symlink_metadata(target).is_ok_and(|found| !found.is_symlink()) {
        Some(target)
    } else {
        target.parent()
    };
    let Some(Ok(real)) = existing.map(Path::canonicalize) else { return Ok(()) };
    if existing != Some(&real) {
        return Err(Error::Rejected(format!("{what}: another key that differs only in case is stored")));
    }
    if real == target && real.is_dir() {
        return Err(Error::Rejected(format!("{what}: longer keys that begin with it are stored")));
    }
    Ok(())
}

/// What stands at a path, if it is a file and the path is its only name.
fn find(path: &Path) -> io::Result<Option<Metadata>> {
    match path.canonicalize() {
        Ok(real) if real == path => Ok(Some(fs::symlink_metadata(path)?).filter(Metadata::is_file)),
        Ok(_) => Ok(None),
        Err(e) => absent(e),
    }
}

/// An error that means that there is no such file.
fn absent<T>(error: io::Error) -> io::Result<Option<T>> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => Ok(None),
        _ => Err(error),
    }
}

/// Reads the next bytes of the `left` that are wanted.
fn read_some(mut file: fs::File, left: u64) -> io::Result<(Bytes, fs::File)> {
    let mut chunk = BytesMut::zeroed(usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES));
    let read = file.read(&mut chunk)?;
    if read == 0 {
        return Err(io::Error::new(ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
    }
    chunk.truncate(read);
    Ok((chunk.freeze(), file))
}

/// Removes the folders that a deleted file leaves empty; answers the first that stays.
fn remove_empty_folders<'a>(path: &'a Path, home: &'a Path) -> &'a Path {
    let folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(home) && *folder != home);
    folders.into_iter().find(|folder| fs::remove_dir(folder).is_err()).unwrap_or(home)
}

/// Goes through a directory in order of key, holding one folder's names a level.
struct Walk {
    root: Arc<Path>,
    prefix: String,
    /// Keys still to be visited, the next one last; a folder's ends with `/`.
    ahead: Vec<String>,
}

impl Walk {
    /// Begins at the deepest folder that holds all keys of the prefix.
    fn new(root: Arc<Path>, home: &str, prefix: &str) -> Self {
        let wanted = if home.starts_with(prefix) { home } else { prefix };
        let folder = &wanted[..wanted.rfind('/').map_or(0, |slash| slash + 1)];
        let begins = wanted.starts_with(home)
            && FileKey::new(folder.trim_end_matches('/')).is_ok()
            && root.join(folder).canonicalize().is_ok_and(|real| real == root.join(folder));
        Self { prefix: prefix.to_owned(), ahead: begins.then(|| folder.to_owned()).into_iter().collect(), root }
    }

    /// The next files; none at the end.
    fn next_files(&mut self) -> io::Result<Vec<FileEntry>> {
        let mut files = Vec::new();
        while files.len() < LIST_FILES {
            let Some(next) = self.ahead.pop() else { break };
            if next.ends_with('/') {
                let mut inside = self.inside(&next)?;
                inside.sort_unstable_by(|a, b| b.cmp(a));
                self.ahead.append(&mut inside);
            } else if let Some(found) =
                fs::symlink_metadata(self.root.join(&next)).map_or_else(absent, |found| Ok(Some(found)))?
                && let Ok(key) = FileKey::new(next)
            {
                let modified = Timestamp::try_from(found.modified()?).map_err(io::Error::other)?;
                files.push(FileEntry { key, size: found.len(), modified });
            }
        }
        Ok(files)
    }

    /// The files and folders in a folder that lead to wanted keys.
    fn inside(&self, folder: &str) -> io::Result<Vec<String>> {
        let Some(entries) = fs::read_dir(self.root.join(folder)).map_or_else(absent, |entries| Ok(Some(entries)))?
        else {
            return Ok(Vec::new());
        };
        let mut inside = Vec::new();
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            // The slash takes part in the order: `a-b` comes before `a/b`.
            let key = if kind.is_dir() { format!("{folder}{name}/") } else { format!("{folder}{name}") };
            let leads_on = key.starts_with(&self.prefix) || self.prefix.starts_with(&key);
            if leads_on && !kind.is_symlink() && (kind.is_dir() || kind.is_file()) {
                inside.push(key);
            }
        }
        Ok(inside)
    }
}

/// Runs a call to the file system where it may block.
async fn blocking<T: Send + 'static>(call: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(call)
        .await
        .map_err(|e| Error::Unavailable(format!("a call to the file system: {e}")))?
}

async fn blocking_io<T: Send + 'static>(
    what: &str,
    call: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let what = what.to_owned();
    blocking(move || call().map_err(|e| failed(&what, &e))).await
}

fn failed(what: &str, error: &io::Error) -> Error {
    let sentence = durable_file::sentence(what, error);
    match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::InvalidFilename => Error::Rejected(sentence),
        _ => Error::Unavailable(sentence),
    }
}

#[cfg(test)]
mod tests;
