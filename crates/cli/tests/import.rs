//! `plateau import`, typed as a person would: what it says, and what it writes where.
#![allow(
    clippy::unwrap_used,
    reason = "in a test, what does not hold is a failure"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// How a command ended and what it said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn plateau(folder: &Path, args: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_plateau"))
        .args(args)
        .current_dir(folder)
        .env("LC_ALL", "en_GB.UTF-8")
        .env("PLATEAU_TEST_TAG", "3.19")
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Imports into `out` and checks what was written with the real reader.
fn import(folder: &TempDir, kind: &str, file: &str) -> Said {
    let said = plateau(folder.path(), &["import", kind, file, "--into", "out"]);
    let written = folder.path().join("out").exists();
    assert_eq!(written, said.code != 2, "{}", said.err);
    if written {
        let check = plateau(folder.path(), &["scenario", "check", "out"]);
        assert_eq!(check.code, 0, "{}", check.out);
    }
    said
}

const GOSS: &str = include_str!("../../import/tests/readers/web.yaml");

#[test]
fn what_was_written_is_told_with_what_is_to_be_done() {
    let folder = folder(&[("web.yaml", GOSS)]);
    let said = import(&folder, "goss", "web.yaml");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    insta::assert_snapshot!("goss_result", said.out);
}

#[test]
fn every_kind_of_material_is_read_and_what_is_left_out_is_told() {
    for (kind, file, text, left_out) in [
        (
            "compose",
            "compose.yaml",
            "services: { a: { image: x/y, networks: { n: { ipv4_address: 192.0.2.1 } } } }\nnetworks: { n: { ipam: { config: [ { subnet: 10.9.0.0/29 } ] } } }\n",
            "is taken, or outside 10.9.0.0/29",
        ),
        (
            "containerlab",
            "lab.yml",
            "name: x\ntopology:\n  nodes: { a: { kind: linux, image: 'alpine:${PLATEAU_TEST_TAG:=3}' } }\n  links: [ { endpoints: ['a:eth1', 'host:h1'] } ]\n",
            "left out: ",
        ),
        (
            "kathara",
            "lab/lab.conf",
            "pc1[0]=A\npc1[bridged]=true\n",
            "left out: ",
        ),
    ] {
        let folder = folder(&[(file, text)]);
        let path = file.strip_suffix("/lab.conf").unwrap_or(file);
        let said = import(&folder, kind, path);
        assert_eq!(said.code, 1, "{kind}: {}", said.err);
        assert!(said.err.contains(left_out), "{kind}: {}", said.err);
        let written = fs::read_to_string(folder.path().join("out/scenario.yaml")).unwrap();
        assert_eq!(kind == "containerlab", written.contains("alpine:3.19"));
    }
}

#[test]
fn what_is_refused_is_told_with_its_place_and_nothing_is_written() {
    let folder = folder(&[("lab.conf", "pc1[0]=A\npc1[mem]=much\npc1[cpus]=0\n")]);
    let said = import(&folder, "kathara", ".");
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    let last = "2 problems in 1 file\nerror: nothing was imported\n";
    assert!(said.err.ends_with(last), "{}", said.err);
    assert!(said.err.contains("lab.conf:2:1: "), "{}", said.err);
    let said = import(&folder, "compose", "gone.yaml");
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("cannot read `gone.yaml`"), "{}", said.err);
}

#[test]
fn nothing_that_is_there_is_written_over() {
    let folder = folder(&[
        ("goss.yaml", "user: { a: { exists: true } }"),
        ("out/mine", "mine"),
    ]);
    let said = plateau(
        folder.path(),
        &["import", "goss", "goss.yaml", "--into", "out"],
    );
    assert_eq!(said.code, 2);
    assert!(said.err.contains("`out` is there already"), "{}", said.err);
    let left: Vec<_> = fs::read_dir(folder.path().join("out")).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[test]
fn without_a_folder_named_the_scenario_is_named_after_what_is_read() {
    let folder = folder(&[("Serveur Web.yaml", "user: { a: { exists: true } }")]);
    let said = plateau(folder.path(), &["import", "goss", "Serveur Web.yaml"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(
        plateau(folder.path(), &["scenario", "check", "serveur-web"]).code,
        0
    );
}

#[test]
fn what_was_written_and_left_out_reads_as_json() {
    let folder = folder(&[("goss.yaml", "user: { a: { exists: true, gid: 5 } }")]);
    let args = [
        "import",
        "goss",
        "goss.yaml",
        "--into",
        "out",
        "--format",
        "json",
    ];
    let said = plateau(folder.path(), &args);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let result: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(result["unwritten"][0], "solutions/goss.sh");
    assert_eq!(result["left_out"][0]["place"]["line"], 1);
    assert!(
        result["files"]
            .as_array()
            .unwrap()
            .contains(&"scenario.yaml".into())
    );
}
