//! Random texts, for names that nothing else has.

use rustix::rand::{GetRandomFlags, getrandom};

/// 32 hexadecimal digits.
pub(super) fn random_hex() -> std::io::Result<String> {
    let mut random = [0; 16];
    getrandom(&mut random, GetRandomFlags::empty())?;
    Ok(hex::encode(random))
}
