//! `plateau evidence …`

use std::fs::File;
use std::io::Read;
use std::path::Path;

use plateau_core::exam::bundle::{ArchiveError, BUNDLE_LIMIT, Trust, public_of_pem, verify};
use plateau_core::exam::receipt::{RECEIPT_LIMIT, Receipt};

use crate::args::EvidenceCommand;
use crate::client::Client;
use crate::failure::{Ending, Failure};
use crate::file;
use crate::screen::Screen;
use crate::show;

/// Most bytes of a file that holds a key.
const KEY_LIMIT: u64 = 64 << 10;

/// Runs one of the commands.
pub(crate) async fn run(
    command: &EvidenceCommand,
    screen: Screen,
    daemon: impl Fn() -> Result<Client, Failure>,
) -> Result<Ending, Failure> {
    match command {
        EvidenceCommand::Export { attempt, output } => {
            let bundle = daemon()?.evidence(attempt).await?;
            file::write_new(output, &bundle)?;
            screen.remark(&format!("the evidence is in `{}`", output.display()));
            Ok(Ending::Good)
        }
        EvidenceCommand::Verify {
            bundle,
            key,
            fingerprint,
            receipt,
        } => {
            let trust = trust(key.as_deref(), fingerprint.as_deref())?;
            let receipt = receipt.as_deref().map(read_receipt).transpose()?;
            let refused = |source| Failure::Bundle {
                path: bundle.clone(),
                source,
            };
            let limit = BUNDLE_LIMIT as u64;
            let bytes = read(bundle, limit)?.ok_or_else(|| refused(ArchiveError::TooLarge))?;
            let verification = verify(&bytes, &trust, receipt.as_ref()).map_err(refused)?;
            screen.show(&verification, show::evidence::verification)?;
            Ok(Ending::from_bool(verification.good))
        }
        EvidenceCommand::Key => {
            let key = daemon()?.evidence_key().await?;
            screen.show(&key, |key| key.pem.clone())?;
            if screen.for_people() {
                screen.remark(&format!("fingerprint (SHA-256): {}", key.fingerprint));
            }
            Ok(Ending::Good)
        }
    }
}

/// Whose signature is asked for.
fn trust(key: Option<&Path>, fingerprint: Option<&str>) -> Result<Trust, Failure> {
    let Some(path) = key else {
        let fingerprint = fingerprint.map(|hex| Trust::Fingerprint(hex.to_owned()));
        return Ok(fingerprint.unwrap_or(Trust::Inside));
    };
    // What is longer is not a key, which its beginning shows as well.
    let pem = read(path, KEY_LIMIT)?.unwrap_or_default();
    let key = public_of_pem(&String::from_utf8_lossy(&pem));
    let key = key.map_err(|source| Failure::Key {
        path: path.to_owned(),
        source,
    })?;
    Ok(Trust::Key(Box::new(key)))
}

fn read_receipt(path: &Path) -> Result<Receipt, Failure> {
    // What is longer is not a receipt, which its beginning shows as well.
    let text = read(path, RECEIPT_LIMIT)?.unwrap_or_default();
    let receipt = Receipt::parse(&String::from_utf8_lossy(&text));
    receipt.map_err(|source| Failure::Receipt(path.to_owned(), source))
}

/// A file's content; `None` where it is longer than that.
fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
    let failed = |source| Failure::Read {
        path: path.to_owned(),
        source,
    };
    let mut content = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limit + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    Ok((content.len() as u64 <= limit).then_some(content))
}
