//! The host key, by which clients recognize the server.

use std::fmt;
use std::path::Path;

use plateau_exam::secret_file::SecretFile;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{HashAlg, PrivateKey};

use super::SshError;

/// Its file in the state folder.
const FILE: &str = "ssh_host_ed25519_key";

/// An ed25519 key pair.
pub struct HostKey(PrivateKey);

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({})", self.fingerprint())
    }
}

impl HostKey {
    /// The key of the state folder, generated at its first use. Only the owner can read its file.
    ///
    /// # Errors
    /// Where the file cannot be used.
    pub fn open(state: &Path) -> Result<Self, SshError> {
        let file = SecretFile::new(state, FILE);
        let path = file.path();
        let no_key = |source| SshError::NoKey {
            path: path.to_owned(),
            source,
        };
        let drawn = || {
            let key = draw().map_err(SshError::Random)?;
            let text = key.to_openssh(LineEnding::LF).map_err(no_key)?;
            Ok(text.to_string())
        };
        let text = file.open_text(drawn, |source| SshError::File {
            path: path.to_owned(),
            source,
        })?;
        PrivateKey::from_openssh(&text).map(Self).map_err(no_key)
    }

    /// What clients show of it, such as `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    pub(super) fn into_inner(self) -> PrivateKey {
        self.0
    }
}

fn draw() -> Result<PrivateKey, getrandom::Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(PrivateKey::from(Ed25519Keypair::from_seed(&seed)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_drawn_once_and_only_its_owner_can_read_it() {
        let state = tempfile::tempdir().unwrap();
        let first = HostKey::open(state.path()).unwrap().fingerprint();
        assert!(first.starts_with("SHA256:"));
        let second = HostKey::open(state.path()).unwrap().fingerprint();
        assert_eq!(first, second);
        let path = state.path().join(FILE);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, "hunter2").unwrap();
        assert!(matches!(
            HostKey::open(state.path()),
            Err(SshError::NoKey { .. })
        ));
    }
}
