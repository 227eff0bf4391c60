//! The entrypoint of nodes: waits until the node is wired, then becomes the real init.

/// What `init` is asked to do.
#[derive(clap::Args)]
pub(crate) struct Init {
    /// The real init and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<std::ffi::OsString>,
}

pub(crate) fn run(_init: &Init) -> anyhow::Result<()> {
    anyhow::bail!("not there yet")
}
