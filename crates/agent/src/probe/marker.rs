//! A text that stands nowhere else, for what a question leaves behind for a moment.

use rustix::rand::{GetRandomFlags, getrandom};

/// 32 hexadecimal digits.
pub(super) fn marker() -> std::io::Result<String> {
    let mut random = [0; 16];
    getrandom(&mut random, GetRandomFlags::empty())?;
    Ok(format!("{:032x}", u128::from_le_bytes(random)))
}
