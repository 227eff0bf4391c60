//! Descriptors that a process was started with.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Takes a descriptor that whoever started this process opened for it and named by its number.
#[expect(
    unsafe_code,
    reason = "a descriptor that was inherited is known by its number only"
)]
pub(crate) fn take(number: RawFd) -> OwnedFd {
    // SAFETY: the observer opened this descriptor for this process, nothing else here owns it, and each
    // is taken once.
    unsafe { OwnedFd::from_raw_fd(number) }
}
