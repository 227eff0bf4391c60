//! The key that bundles of evidence and the logs of sessions are signed with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use plateau_core::api::EvidenceKeyView;
use plateau_core::exam::bundle::{KeyError, fingerprint, public_pem, signing_of_pem, signing_pem};
use thiserror::Error;

use crate::secret_file::SecretFile;

/// Its file in the state folder.
const FILE: &str = "evidence.key";

/// A private key with its public half; clones share it.
#[derive(Clone)]
pub struct EvidenceKey(Arc<KeyPair>);

struct KeyPair {
    signing: SigningKey,
    public: EvidenceKeyView,
}

impl fmt::Debug for EvidenceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EvidenceKey(…)")
    }
}

/// Why the key cannot be used.
#[derive(Debug, Error)]
pub enum EvidenceKeyError {
    /// The system gives no random bytes.
    #[error("draw the key of the evidence")]
    Random(#[source] getrandom::Error),
    /// Its file cannot be read or written.
    #[error("keep the key of the evidence in `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its file holds something else.
    #[error("use the key of the evidence in `{}`", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
}

impl EvidenceKey {
    /// The key in the file `evidence.key` of the state folder, drawn at its first use. Only the
    /// owner can read the file. It is never drawn again: without it no further bundle can be tied to
    /// the earlier ones.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn open(state: &Path) -> Result<Self, EvidenceKeyError> {
        let file = SecretFile::new(state, FILE);
        let path = file.path();
        let bad = |source| EvidenceKeyError::Key {
            path: path.to_owned(),
            source,
        };
        let drawn = || {
            let mut secret = [0; 32];
            getrandom::fill(&mut secret).map_err(EvidenceKeyError::Random)?;
            let pem = signing_pem(&SigningKey::from_bytes(&secret)).map_err(bad)?;
            Ok(pem.to_string())
        };
        let pem = file.open_text(drawn, |source| EvidenceKeyError::File {
            path: path.to_owned(),
            source,
        })?;
        let signing = signing_of_pem(&pem).map_err(bad)?;
        let public = public_view(&signing).map_err(bad)?;
        Ok(Self(Arc::new(KeyPair { signing, public })))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> &EvidenceKeyView {
        &self.0.public
    }

    /// What signs.
    pub(crate) fn signing(&self) -> &SigningKey {
        &self.0.signing
    }
}

fn public_view(signing: &SigningKey) -> Result<EvidenceKeyView, KeyError> {
    let public = signing.verifying_key();
    Ok(EvidenceKeyView {
        fingerprint: fingerprint(&public)?,
        pem: public_pem(&public)?,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_drawn_once_and_only_its_owner_can_read_it() {
        let state = tempfile::tempdir().unwrap();
        let first = EvidenceKey::open(state.path()).unwrap();
        let second = EvidenceKey::open(state.path()).unwrap();
        assert_eq!(first.public(), second.public());
        let file = std::fs::metadata(state.path().join(FILE)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        assert_eq!(format!("{first:?}"), "EvidenceKey(…)");
        let other = tempfile::tempdir().unwrap();
        let other = EvidenceKey::open(other.path()).unwrap();
        assert_ne!(other.public(), first.public());
    }

    #[test]
    fn a_file_with_something_else_is_no_key_and_is_left_alone() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(FILE);
        std::fs::write(&path, "hunter2\n").unwrap();
        let refused = EvidenceKey::open(state.path());
        assert!(matches!(refused, Err(EvidenceKeyError::Key { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "hunter2\n");
    }
}
