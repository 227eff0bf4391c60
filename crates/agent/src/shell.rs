//! Terminals that outlive the exec that attached to them.

/// Which terminal.
#[derive(clap::Args)]
pub(crate) struct Shell {
    /// Name of the terminal
    #[arg(long, default_value = "main")]
    pub(crate) name: String,
    /// User whose login shell it runs
    #[arg(long, default_value = "root")]
    pub(crate) user: String,
    /// Width of a new terminal
    #[arg(long, default_value_t = 80)]
    pub(crate) cols: u16,
    /// Height of a new terminal
    #[arg(long, default_value_t = 24)]
    pub(crate) rows: u16,
}

pub(crate) fn run(_shell: &Shell) -> anyhow::Result<()> {
    anyhow::bail!("not there yet")
}

pub(crate) fn host(_shell: &Shell) -> anyhow::Result<()> {
    anyhow::bail!("not there yet")
}
