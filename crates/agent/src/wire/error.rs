//! What can go wrong while a lab is wired.

use thiserror::Error;

/// Why a request failed. The message names the step, the source what the kernel reported.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    #[error("inspect process `{process}`")]
    Inspect {
        process: u32,
        source: std::io::Error,
    },
    #[error("enter process `{process}`")]
    Refused { process: u32, source: ProcessError },
    #[error("create bridge `{bridge}`: {step}")]
    Bridge {
        bridge: String,
        step: &'static str,
        source: nlink::Error,
    },
    #[error("release process `{process}`: {step}")]
    Release {
        process: u32,
        step: String,
        source: std::io::Error,
    },
    #[error("write `{path}` in process `{process}`")]
    File {
        process: u32,
        path: String,
        source: std::io::Error,
    },
    #[error("plug `{interface}` of process `{process}` into `{bridge}`: {step}")]
    Plug {
        interface: String,
        process: u32,
        bridge: String,
        step: &'static str,
        source: PlugError,
    },
}

/// Why a process is refused.
#[derive(Debug, Error)]
pub(crate) enum ProcessError {
    #[error("its `{namespace}` namespace is not its own, but that of the host or of the wirer")]
    ForeignNamespace { namespace: &'static str },
    #[error("it is not a process of container `{container}`")]
    OtherContainer { container: String },
    #[error("the process ended meanwhile")]
    Ended,
}

/// Why a step of plugging failed.
#[derive(Debug, Error)]
pub(crate) enum PlugError {
    #[error(transparent)]
    Kernel(#[from] nlink::Error),
    #[error("`{0}` is not a valid hardware address")]
    Address(String),
    #[error("no bridge named `{0}`")]
    NoBridge(String),
    #[error("the node has an interface of this name that is plugged in nowhere")]
    Taken,
}
