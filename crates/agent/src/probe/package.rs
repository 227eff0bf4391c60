//! Finds a package in dpkg's status file.

use anyhow::Context;
use plateau_core::question::package::{PackageQuestion, PackageSeen};

use crate::bounded::read_text;

const STATUS: &str = "/var/lib/dpkg/status";
const LIMIT: u64 = 64 << 20;

pub(super) fn observe(question: &PackageQuestion) -> anyhow::Result<PackageSeen> {
    let text = read_text(STATUS, LIMIT)?.with_context(|| format!("`{STATUS}` does not exist"))?;
    anyhow::ensure!(
        text.lines().any(|line| line.starts_with("Package:")),
        "`{STATUS}` has no package in it"
    );
    let installed = text
        .split("\n\n")
        .filter(|paragraph| field(paragraph, "Package") == Some(&question.name))
        // The last word is the state; the first is the state that dpkg was asked for.
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
