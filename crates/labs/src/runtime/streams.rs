//! What goes into programs in containers and comes out of them.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Result;

/// A running program's standard input and output.
pub struct Attached {
    /// Its standard input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// Its standard output; its end is the program's end. Standard error is left out.
    pub output: Pin<Box<dyn AsyncRead + Send>>,
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").finish_non_exhaustive()
    }
}

/// A running program's standard input, and its output until its end.
pub struct Running {
    /// Its standard input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// Its output; the exit status comes last.
    pub output: BoxStream<'static, Result<ProcessOutput>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

/// Output or end of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessOutput {
    /// On its standard output.
    Stdout(Bytes),
    /// On its standard error.
    Stderr(Bytes),
    /// By its exit status.
    Exit(i64),
}
