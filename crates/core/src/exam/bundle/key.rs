//! Keys as files, and their fingerprints.

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    self, DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, spki,
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// What is wrong with a key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// It is not a valid private key.
    #[error("it is not a valid ed25519 private key in PEM (PKCS #8)")]
    Private(#[source] pkcs8::Error),
    /// It is not a valid public key.
    #[error("it is not a valid ed25519 public key in PEM (`BEGIN PUBLIC KEY`)")]
    Public(#[source] spki::Error),
}

/// A private key as PKCS #8 in PEM.
///
/// # Errors
/// It cannot be encoded.
pub fn signing_pem(key: &SigningKey) -> Result<String, KeyError> {
    let pem = key.to_pkcs8_pem(LineEnding::LF);
    Ok(pem.map_err(KeyError::Private)?.as_str().to_owned())
}

/// A private key from PKCS #8 in PEM.
///
/// # Errors
/// It is not a valid key.
pub fn signing_of_pem(pem: &str) -> Result<SigningKey, KeyError> {
    SigningKey::from_pkcs8_pem(pem).map_err(KeyError::Private)
}

/// A public key as PEM.
///
/// # Errors
/// It cannot be encoded.
pub fn public_pem(key: &VerifyingKey) -> Result<String, KeyError> {
    key.to_public_key_pem(LineEnding::LF)
        .map_err(KeyError::Public)
}

/// A public key from PEM.
///
/// # Errors
/// It is not a valid key.
pub fn public_of_pem(pem: &str) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_public_key_pem(pem).map_err(KeyError::Public)
}

/// SHA-256 of a public key's SubjectPublicKeyInfo in hexadecimal, which
/// `openssl pkey -pubin -in public.pem -outform DER | sha256sum` gives as well.
///
/// # Errors
/// It cannot be encoded.
pub fn fingerprint(key: &VerifyingKey) -> Result<String, KeyError> {
    let der = key.to_public_key_der().map_err(KeyError::Public)?;
    let digest = Sha256::digest(der.as_bytes());
    Ok(hex::encode(digest))
}
