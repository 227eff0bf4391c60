//! Looks for a package in dpkg's status file.

use anyhow::Context;
use plateau_core::question::package::{PackageQuestion, PackageSeen};

use super::bounded::text_of;

const STATUS: &str = "/var/lib/dpkg/status";
const LIMIT: u64 = 64 << 20;

pub(super) fn see(question: &PackageQuestion) -> anyhow::Result<PackageSeen> {
    let text = text_of(STATUS, LIMIT)?.with_context(|| format!("there is no `{STATUS}`"))?;
    anyhow::ensure!(
        text.lines().any(|line| line.starts_with("Package:")),
        "`{STATUS}` has no package in it"
    );
    let installed = text
        .split("\n\n")
        .filter(|paragraph| field(paragraph, "Package") == Some(&question.name))
        // The last word is the state; the first is only what was asked of dpkg.
        .find(|paragraph| {
            field(paragraph, "Status")
                .is_some_and(|status| status.split_whitespace().next_back() == Some("installed"))
        });
    Ok(PackageSeen {
        installed: Some(installed.is_some()),
        version: installed
            .and_then(|paragraph| field(paragraph, "Version"))
            .map(str::to_owned),
    })
}

fn field<'a>(paragraph: &'a str, name: &str) -> Option<&'a str> {
    paragraph.lines().find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.trim())
    })
}
