//! Settings of labs, from the configuration of the daemon.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings of [`crate::labs::Labs`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// The state folder: frozen scenarios and the records of labs.
    pub state: PathBuf,
    /// The agent's executable: static, for the engine's architecture, with the grader's beside it.
    pub agent: PathBuf,
    /// Number of concurrent steps in a lab.
    pub concurrency: usize,
    /// Longest time that the boot of a node may take.
    pub boot_timeout: Duration,
    /// Longest time that a script of a scenario may take.
    pub script_timeout: Duration,
    /// How long a node may take to shut down before it is stopped by force.
    pub patience: Duration,
    /// Interval at which the check that an event waits for is asked.
    pub watch: Duration,
    /// Most bytes of one recording of a terminal.
    pub recording_limit: u64,
    /// Whether recordings hold what was typed, passwords too.
    pub record_input: bool,
}

impl Settings {
    /// The defaults with this state folder, and the database in it.
    #[must_use]
    pub fn in_folder(state: &Path) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            state: state.to_owned(),
            agent: beside_us("plateau-agent"),
            concurrency: 2 * cores,
            boot_timeout: Duration::from_secs(120),
            script_timeout: Duration::from_secs(600),
            patience: Duration::from_secs(20),
            watch: Duration::from_secs(15),
            recording_limit: 32 << 20,
            record_input: false,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::in_folder(Path::new("/var/lib/plateau"))
    }
}

/// A file in the folder of our own executable.
#[must_use]
pub fn beside_us(name: &str) -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|us| Some(us.parent()?.join(name)))
        .unwrap_or_else(|| PathBuf::from(name))
}
