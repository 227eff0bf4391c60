//! Numbers as columns hold them: the driver carries BIGINT alone, which is signed.

/// A number as a column holds it; no number of ours is beyond what that can.
pub(super) fn column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number that a column holds.
pub(super) fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
