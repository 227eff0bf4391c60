//! The file system as an SFTP client asks for it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions, ReadDir};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use russh_sftp::extensions::HardlinkExtension;
use russh_sftp::protocol::{
    Attrs, Data, File as Entry, FileAttributes, Handle, Name, OpenFlags, Packet, Status,
    StatusCode, Version,
};
use russh_sftp::server::{Handler, StatusReply};
use tokio::sync::oneshot;

use super::attributes;

/// A rename that replaces what is there, as clients of OpenSSH want it.
const RENAME: &str = "posix-rename@openssh.com";

/// Most files and folders that are open at once.
const OPEN: usize = 128;

/// Most bytes of one answer to a read; packets are at most 256 KiB.
const READ: u32 = 255 << 10;

/// Entries of a folder in one answer.
const ENTRIES: usize = 100;

/// Files and folders that a client has open.
pub(super) struct Files {
    open: BTreeMap<String, Open>,
    opened: u64,
    _serves: oneshot::Sender<()>,
}

enum Open {
    File(File),
    Folder(ReadDir),
}

/// Why something is refused.
pub(super) struct Refused(StatusReply);

impl From<Refused> for StatusReply {
    fn from(refused: Refused) -> Self {
        refused.0
    }
}

impl From<StatusCode> for Refused {
    fn from(code: StatusCode) -> Self {
        Self(code.into())
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        let code = if kind == ErrorKind::NotFound {
            StatusCode::NoSuchFile
        } else if kind == ErrorKind::PermissionDenied {
            StatusCode::PermissionDenied
        } else {
            StatusCode::Failure
        };
        Self(code.with_message(error.to_string()))
    }
}

impl Files {
    /// Nothing is open yet. The sender goes with it.
    pub(super) fn new(serves: oneshot::Sender<()>) -> Self {
        Self {
            open: BTreeMap::new(),
            opened: 0,
            _serves: serves,
        }
    }

    fn keep(&mut self, id: u32, open: Open) -> Result<Handle, Refused> {
        if self.open.len() == OPEN {
            return Err(Refused(
                StatusCode::Failure.with_message("too many open files"),
            ));
        }
        self.opened += 1;
        let handle = self.opened.to_string();
        self.open.insert(handle.clone(), open);
        Ok(Handle { id, handle })
    }

    fn file(&self, handle: &str) -> Result<&File, Refused> {
        match self.open.get(handle) {
            Some(Open::File(file)) => Ok(file),
            Some(Open::Folder(_)) | None => Err(StatusCode::BadMessage.into()),
        }
    }
}

fn done(id: u32) -> Status {
    Status {
        id,
        status_code: StatusCode::Ok,
        error_message: "Ok".to_owned(),
        language_tag: "en".to_owned(),
    }
}

/// A path without a way round, also where its last part is not there yet.
fn resolved(path: &str) -> io::Result<PathBuf> {
    let path = if path.is_empty() { "." } else { path };
    match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let path = std::path::absolute(path)?;
            match (path.parent(), path.file_name()) {
                (Some(folder), Some(name)) => Ok(fs::canonicalize(folder)?.join(name)),
                _ => Err(error),
            }
        }
        resolved => resolved,
    }
}

fn named(id: u32, path: &Path) -> Name {
    Name {
        id,
        files: vec![Entry::dummy(path.to_string_lossy())],
    }
}

impl Handler for Files {
    type Error = Refused;

    fn unimplemented(&self) -> Refused {
        StatusCode::OpUnsupported.into()
    }

    async fn init(
        &mut self,
        _version: u32,
        _extensions: HashMap<String, String>,
    ) -> Result<Version, Refused> {
        let mut version = Version::new();
        let first = "1".to_owned();
        version.extensions.insert(RENAME.to_owned(), first);
        Ok(version)
    }

    async fn open(
        &mut self,
        id: u32,
        filename: String,
        pflags: OpenFlags,
        attrs: FileAttributes,
    ) -> Result<Handle, Refused> {
        let mut options = OpenOptions::from(pflags);
        options.mode(attributes::mode(&attrs).unwrap_or(0o666));
        let file = options.open(filename)?;
        self.keep(id, Open::File(file))
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, Refused> {
        let closed = self.open.remove(&handle);
        closed
            .map(|_| done(id))
            .ok_or(StatusCode::BadMessage.into())
    }

    async fn read(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        len: u32,
    ) -> Result<Data, Refused> {
        let mut data = vec![0; len.min(READ) as usize];
        let read = self.file(&handle)?.read_at(&mut data, offset)?;
        data.truncate(read);
        if data.is_empty() && len > 0 {
            return Err(StatusCode::Eof.into());
        }
        Ok(Data { id, data })
    }

    async fn write(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<Status, Refused> {
        self.file(&handle)?.write_all_at(&data, offset)?;
        Ok(done(id))
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, Refused> {
        let attrs = attributes::of(&fs::symlink_metadata(path)?);
        Ok(Attrs { id, attrs })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, Refused> {
        let attrs = attributes::of(&self.file(&handle)?.metadata()?);
        Ok(Attrs { id, attrs })
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, Refused> {
        let attrs = attributes::of(&fs::metadata(path)?);
        Ok(Attrs { id, attrs })
    }

    async fn setstat(
        &mut self,
        id: u32,
        path: String,
        attrs: FileAttributes,
    ) -> Result<Status, Refused> {
        attributes::set_at(&path, &attrs)?;
        Ok(done(id))
    }

    async fn fsetstat(
        &mut self,
        id: u32,
        handle: String,
        attrs: FileAttributes,
    ) -> Result<Status, Refused> {
        attributes::set(self.file(&handle)?, &attrs)?;
        Ok(done(id))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, Refused> {
        let folder = fs::read_dir(path)?;
        self.keep(id, Open::Folder(folder))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, Refused> {
        let Some(Open::Folder(folder)) = self.open.get_mut(&handle) else {
            return Err(StatusCode::BadMessage.into());
        };
        let mut files = Vec::new();
        for entry in folder.take(ENTRIES) {
            let entry = entry?;
            // What was removed meanwhile is not there.
            if let Ok(metadata) = entry.metadata() {
                let name = entry.file_name().to_string_lossy().into_owned();
                files.push(Entry::new(name, attributes::of(&metadata)));
            }
        }
        if files.is_empty() {
            return Err(StatusCode::Eof.into());
        }
        Ok(Name { id, files })
    }

    async fn remove(&mut self, id: u32, filename: String) -> Result<Status, Refused> {
        fs::remove_file(filename)?;
        Ok(done(id))
    }

    async fn mkdir(
        &mut self,
        id: u32,
        path: String,
        attrs: FileAttributes,
    ) -> Result<Status, Refused> {
        let mode = attributes::mode(&attrs).unwrap_or(0o777);
        fs::DirBuilder::new().mode(mode).create(path)?;
        Ok(done(id))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Result<Status, Refused> {
        fs::remove_dir(path)?;
        Ok(done(id))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, Refused> {
        Ok(named(id, &resolved(&path)?))
    }

    async fn rename(
        &mut self,
        id: u32,
        oldpath: String,
        newpath: String,
    ) -> Result<Status, Refused> {
        // The protocol's own rename replaces nothing.
        if fs::symlink_metadata(&newpath).is_ok() {
            return Err(io::Error::from(ErrorKind::AlreadyExists).into());
        }
        fs::rename(oldpath, newpath)?;
        Ok(done(id))
    }

    async fn readlink(&mut self, id: u32, path: String) -> Result<Name, Refused> {
        Ok(named(id, &fs::read_link(path)?))
    }

    /// OpenSSH has the two paths the other way round than the draft, and clients follow it: the
    /// first is what the link leads to.
    async fn symlink(
        &mut self,
        id: u32,
        linkpath: String,
        targetpath: String,
    ) -> Result<Status, Refused> {
        std::os::unix::fs::symlink(linkpath, targetpath)?;
        Ok(done(id))
    }

    async fn extended(
        &mut self,
        id: u32,
        request: String,
        data: Vec<u8>,
    ) -> Result<Packet, Refused> {
        if request != RENAME {
            return Err(self.unimplemented());
        }
        let mut data = Bytes::from(data);
        // Its body is that of another extension: two paths.
        let paths: HardlinkExtension =
            russh_sftp::de::from_bytes(&mut data).map_err(|_| StatusCode::BadMessage)?;
        fs::rename(paths.oldpath, paths.newpath)?;
        Ok(done(id).into())
    }
}
