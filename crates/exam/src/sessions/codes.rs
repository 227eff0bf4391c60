//! Access codes of seats. They follow from a key in the state folder: the database alone opens nothing.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use plateau_core::exam::code;
use plateau_labs::store::StoreError;

use crate::secret_file::SecretFile;

/// Bytes of the key.
const KEY: usize = 32;

/// What access codes follow from. Clones share it.
#[derive(Clone)]
pub(super) struct AccessCodes {
    key: Arc<[u8; KEY]>,
}

impl fmt::Debug for AccessCodes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AccessCodes")
            .finish_non_exhaustive()
    }
}

impl AccessCodes {
    /// Takes the key of the state folder, drawn at its first use; only its owner can read the file.
    pub(super) fn open(state: &Path) -> Result<Self, StoreError> {
        let file = SecretFile::new(state, "codes.key");
        let failed = |doing, source| StoreError::io(doing, file.path())(source);
        let drawn = || {
            let mut key = vec![0; KEY];
            let filled = getrandom::fill(&mut key);
            filled.map_err(|error| failed("draw", std::io::Error::other(error)))?;
            Ok(key)
        };
        let kept = file.open(drawn, |source| failed("keep", source))?;
        let key = kept.try_into().map_err(|_| {
            let other = std::io::Error::other("it does not hold 32 bytes");
            failed("use", other)
        })?;
        Ok(Self { key: Arc::new(key) })
    }

    /// The code of a seat, of one generation.
    pub(super) fn code(&self, seat: &str, generation: u64) -> String {
        let of = format!("{seat}/{generation}");
        code::write(blake3::keyed_hash(&self.key, of.as_bytes()).as_bytes())
    }
}

/// The digest by which the database knows a code.
pub(super) fn digest(code: &str) -> String {
    blake3::hash(code.as_bytes()).to_hex().to_string()
}
