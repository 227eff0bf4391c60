//! Observes a mount point.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use anyhow::Context;
use plateau_core::question::mount::{MountQuestion, MountSeen};
use procfs::process::{MountInfo, Process};

use crate::bounded::read_text;

const FSTAB_LIMIT: u64 = 1 << 20;

pub(super) fn observe(question: &MountQuestion) -> anyhow::Result<MountSeen> {
    let path = trim_trailing_slash(&question.path);
    anyhow::ensure!(
        path.starts_with('/'),
        "`{}` is not an absolute path",
        question.path
    );
    let mounts = Process::new(1)
        .and_then(|init| init.mountinfo())
        .context("cannot read the mounts of process 1")?;
    // The last one covers the others.
    let found = mounts.iter().rev().find(|mount| is_at(mount, path));
    let fstab = read_text("/etc/fstab", FSTAB_LIMIT)?.unwrap_or_default();
    Ok(MountSeen {
        mounted: Some(found.is_some()),
        source: found.map(|mount| unescape(mount.mount_source.as_deref().unwrap_or_default())),
        kind: found.map(|mount| mount.fs_type.clone()),
        options: found.map(mount_options),
        at_boot: Some(fstab.lines().any(|line| mounts_at_boot(line, path))),
    })
}

fn is_at(mount: &MountInfo, path: &str) -> bool {
    let escaped = mount.mount_point.to_string_lossy();
    Path::new(&unescape(&escaped)) == Path::new(path)
}

fn trim_trailing_slash(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => path,
        shorter => shorter,
    }
}

/// The options of the mount and of its file system; read-only wins over writable.
fn mount_options(mount: &MountInfo) -> Vec<String> {
    let written = |options: &HashMap<String, Option<String>>| {
        options
            .iter()
            .map(|(name, value)| match value {
                Some(value) => format!("{name}={value}"),
                None => name.clone(),
            })
            .collect::<BTreeSet<_>>()
    };
    let mut all = written(&mount.mount_options);
    all.extend(written(&mount.super_options));
    if all.contains("ro") {
        all.remove("rw");
    }
    all.into_iter().collect()
}

/// Whether a line of `/etc/fstab` mounts the path at boot.
fn mounts_at_boot(line: &str, path: &str) -> bool {
    let mut fields = line.split_whitespace();
    let (Some(source), Some(point)) = (fields.next(), fields.next()) else {
        return false;
    };
    let options = fields.nth(1).unwrap_or_default();
    !source.starts_with('#')
        && trim_trailing_slash(&unescape(point)) == path
        && !options.split(',').any(|option| option == "noauto")
}

/// Undoes `\040` and the like.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = (byte == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &tail[3..];
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{mounts_at_boot, unescape};

    #[test]
    fn a_line_of_fstab_counts_unless_it_is_a_comment_or_not_for_boot() {
        assert!(mounts_at_boot(
            "/dev/sdb1  /srv/my\\040data/ ext4 defaults 0 2",
            "/srv/my data"
        ));
        assert!(!mounts_at_boot(
            "#/dev/sdb1 /srv/data ext4 defaults 0 2",
            "/srv/data"
        ));
        assert!(!mounts_at_boot(
            "/dev/sdb1 /srv/data ext4 rw,noauto 0 2",
            "/srv/data"
        ));
        assert!(!mounts_at_boot(
            "/dev/sdb1 /srv/database ext4 rw 0 2",
            "/srv/data"
        ));
    }

    #[test]
    fn a_backslash_without_a_code_stays() {
        assert_eq!(unescape(r"a\134b\9"), r"a\b\9");
    }
}
