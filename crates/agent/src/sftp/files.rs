//! Handles the requests of an SFTP client.

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

/// A rename that replaces an existing file, as clients of OpenSSH expect.
const POSIX_RENAME: &str = "posix-rename@openssh.com";

/// Most files and folders that are open at the same time.
const MAX_OPEN: usize = 128;

/// Most bytes of one read; a packet has at most 256 KiB.
const MAX_READ: u32 = 255 << 10;

/// Entries of a folder in one reply.
const ENTRIES_PER_REPLY: usize = 100;

/// The files and folders that a client has open.
pub(super) struct FileServer {
    open: BTreeMap<String, Open>,
    opened: u64,
    _alive: oneshot::Sender<()>,
}

enum Open {
    File(File),
    Folder(ReadDir),
}

/// Why a request failed.
pub(super) struct SftpError(StatusReply);

impl From<SftpError> for StatusReply {
    fn from(refused: SftpError) -> Self {
        refused.0
    }
}

impl From<StatusCode> for SftpError {
    fn from(code: StatusCode) -> Self {
        Self(code.into())
    }
}

impl From<io::Error> for SftpError {
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

impl FileServer {
    /// Creates a server without open files. The sender is dropped with it.
    pub(super) fn new(alive: oneshot::Sender<()>) -> Self {
        Self {
            open: BTreeMap::new(),
            opened: 0,
            _alive: alive,
        }
    }

    fn add_handle(&mut self, id: u32, open: Open) -> Result<Handle, SftpError> {
        if self.open.len() == MAX_OPEN {
            return Err(SftpError(
                StatusCode::Failure.with_message("too many open files"),
            ));
        }
        self.opened += 1;
        let handle = self.opened.to_string();
        self.open.insert(handle.clone(), open);
        Ok(Handle { id, handle })
    }

    fn file(&self, handle: &str) -> Result<&File, SftpError> {
        match self.open.get(handle) {
            Some(Open::File(file)) => Ok(file),
            Some(Open::Folder(_)) | None => Err(StatusCode::BadMessage.into()),
        }
    }
}

fn ok_status(id: u32) -> Status {
    Status {
        id,
        status_code: StatusCode::Ok,
        error_message: "Ok".to_owned(),
        language_tag: "en".to_owned(),
    }
}

/// The absolute path without links and dots; its last part need not exist.
fn canonical_path(path: &str) -> io::Result<PathBuf> {
    let path = if path.is_empty() { "." } else { path };
    match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let path = std::path::absolute(path)?;
            match (path.parent(), path.file_name()) {
                (Some(folder), Some(name)) => Ok(fs::canonicalize(folder)?.join(name)),
                _ => Err(error),
            }
        }
        canonical_path => canonical_path,
    }
}

fn name_reply(id: u32, path: &Path) -> Name {
    Name {
        id,
        files: vec![Entry::dummy(path.to_string_lossy())],
    }
}

impl Handler for FileServer {
    type Error = SftpError;

    fn unimplemented(&self) -> SftpError {
        StatusCode::OpUnsupported.into()
    }

    async fn init(
        &mut self,
        _version: u32,
        _extensions: HashMap<String, String>,
    ) -> Result<Version, SftpError> {
        let mut version = Version::new();
        let first = "1".to_owned();
        version.extensions.insert(POSIX_RENAME.to_owned(), first);
        Ok(version)
    }

    async fn open(
        &mut self,
        id: u32,
        filename: String,
        pflags: OpenFlags,
        attrs: FileAttributes,
    ) -> Result<Handle, SftpError> {
        let mut options = OpenOptions::from(pflags);
        options.mode(attributes::mode(&attrs).unwrap_or(0o666));
        let file = options.open(filename)?;
        self.add_handle(id, Open::File(file))
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, SftpError> {
        let closed = self.open.remove(&handle);
        closed
            .map(|_| ok_status(id))
            .ok_or(StatusCode::BadMessage.into())
    }

    async fn read(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        len: u32,
    ) -> Result<Data, SftpError> {
        let mut data = vec![0; len.min(MAX_READ) as usize];
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
    ) -> Result<Status, SftpError> {
        self.file(&handle)?.write_all_at(&data, offset)?;
        Ok(ok_status(id))
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, SftpError> {
        let attrs = attributes::from_metadata(&fs::symlink_metadata(path)?);
        Ok(Attrs { id, attrs })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, SftpError> {
        let attrs = attributes::from_metadata(&self.file(&handle)?.metadata()?);
        Ok(Attrs { id, attrs })
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, SftpError> {
        let attrs = attributes::from_metadata(&fs::metadata(path)?);
        Ok(Attrs { id, attrs })
    }

    async fn setstat(
        &mut self,
        id: u32,
        path: String,
        attrs: FileAttributes,
    ) -> Result<Status, SftpError> {
        attributes::apply_to_path(&path, &attrs)?;
        Ok(ok_status(id))
    }

    async fn fsetstat(
        &mut self,
        id: u32,
        handle: String,
        attrs: FileAttributes,
    ) -> Result<Status, SftpError> {
        attributes::apply(self.file(&handle)?, &attrs)?;
        Ok(ok_status(id))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, SftpError> {
        let folder = fs::read_dir(path)?;
        self.add_handle(id, Open::Folder(folder))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, SftpError> {
        let Some(Open::Folder(folder)) = self.open.get_mut(&handle) else {
            return Err(StatusCode::BadMessage.into());
        };
        let mut files = Vec::new();
        for entry in folder.take(ENTRIES_PER_REPLY) {
            let entry = entry?;
            // An entry that was removed meanwhile is skipped.
            if let Ok(metadata) = entry.metadata() {
                let name = entry.file_name().to_string_lossy().into_owned();
                files.push(Entry::new(name, attributes::from_metadata(&metadata)));
            }
        }
        if files.is_empty() {
            return Err(StatusCode::Eof.into());
        }
        Ok(Name { id, files })
    }

    async fn remove(&mut self, id: u32, filename: String) -> Result<Status, SftpError> {
        fs::remove_file(filename)?;
        Ok(ok_status(id))
    }

    async fn mkdir(
        &mut self,
        id: u32,
        path: String,
        attrs: FileAttributes,
    ) -> Result<Status, SftpError> {
        let mode = attributes::mode(&attrs).unwrap_or(0o777);
        fs::DirBuilder::new().mode(mode).create(path)?;
        Ok(ok_status(id))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Result<Status, SftpError> {
        fs::remove_dir(path)?;
        Ok(ok_status(id))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, SftpError> {
        Ok(name_reply(id, &canonical_path(&path)?))
    }

    async fn rename(
        &mut self,
        id: u32,
        oldpath: String,
        newpath: String,
    ) -> Result<Status, SftpError> {
        // The rename of the protocol itself must not replace a file.
        if fs::symlink_metadata(&newpath).is_ok() {
            return Err(io::Error::from(ErrorKind::AlreadyExists).into());
        }
        fs::rename(oldpath, newpath)?;
        Ok(ok_status(id))
    }

    async fn readlink(&mut self, id: u32, path: String) -> Result<Name, SftpError> {
        Ok(name_reply(id, &fs::read_link(path)?))
    }

    /// OpenSSH swaps the two paths of the draft, and clients follow it: the first is the target of
    /// the link.
    async fn symlink(
        &mut self,
        id: u32,
        linkpath: String,
        targetpath: String,
    ) -> Result<Status, SftpError> {
        std::os::unix::fs::symlink(linkpath, targetpath)?;
        Ok(ok_status(id))
    }

    async fn extended(
        &mut self,
        id: u32,
        request: String,
        data: Vec<u8>,
    ) -> Result<Packet, SftpError> {
        if request != POSIX_RENAME {
            return Err(self.unimplemented());
        }
        let mut data = Bytes::from(data);
        // The body is the same as that of the hardlink extension: two paths.
        let paths: HardlinkExtension =
            russh_sftp::de::from_bytes(&mut data).map_err(|_| StatusCode::BadMessage)?;
        fs::rename(paths.oldpath, paths.newpath)?;
        Ok(ok_status(id).into())
    }
}
