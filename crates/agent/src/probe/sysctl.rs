//! Observes a kernel parameter.

use anyhow::Context;
use plateau_core::question::sysctl::{SysctlQuestion, SysctlSeen};

use crate::bounded::read_text;

const LIMIT: u64 = 64 << 10;

pub(super) fn observe(question: &SysctlQuestion) -> anyhow::Result<SysctlSeen> {
    // A slash stands for a dot inside a part, as in `net.ipv4.conf.eth0/10.forwarding`.
    let path: String = question
        .key
        .chars()
        .map(|c| match c {
            '.' => '/',
            '/' => '.',
            other => other,
        })
        .collect();
    let strange = |part: &str| part.is_empty() || part == "." || part == "..";
    anyhow::ensure!(
        !path.split('/').any(strange),
        "`{}` is not a valid kernel parameter",
        question.key
    );
    // Without this, a node without `/proc` would seem to lack the parameter.
    std::fs::metadata("/proc/sys/kernel").context("cannot look at `/proc/sys`")?;
    let value = read_text(format!("/proc/sys/{path}"), LIMIT)?;
    Ok(SysctlSeen {
        exists: Some(value.is_some()),
        value: value.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
    })
}
