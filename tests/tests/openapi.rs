//! The OpenAPI document as others read it: a validator, and a generator of TypeScript.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is copied beside the packages, so that nothing is installed into the sources.
const FILES: [&str; 6] = [
    "package.json",
    "package-lock.json",
    ".npmrc",
    "check.js",
    "client.ts",
    "tsconfig.json",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi")
}

fn run(program: &str, arguments: &[&str]) {
    let command = Command::new(program)
        .args(arguments)
        .current_dir(folder())
        .output();
    let output = command.unwrap_or_else(|error| {
        panic!("cannot run `{program}`: {error}; `cargo xtask setup` installs it")
    });
    assert!(
        output.status.success(),
        "`{program} {}` ended with {}:\n{}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Installs exactly what the lock file names, unless that is installed.
fn install() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    let folder = folder();
    fs::create_dir_all(&folder).expect("a folder");
    let installed = folder.join("installed-lock.json");
    let lock = fs::read(sources.join("package-lock.json")).expect("the lock file");
    for file in FILES {
        fs::copy(sources.join(file), folder.join(file)).expect("it is copied");
    }
    if fs::read(&installed).is_ok_and(|last| last == lock) {
        return;
    }
    run(
        "npm",
        &[
            "ci",
            "--ignore-scripts",
            "--prefer-offline",
            "--no-audit",
            "--no-fund",
        ],
    );
    fs::write(installed, lock).expect("it is written");
}

#[test]
fn the_document_is_valid_and_typescript_that_is_generated_from_it_compiles() {
    install();
    let document = serde_json::to_string_pretty(plateaud::http::document()).unwrap();
    fs::write(folder().join("openapi.json"), document).unwrap();
    run("node", &["check.js", "openapi.json", "types.ts"]);
    run(
        "node",
        &["node_modules/typescript/bin/tsc", "--project", "."],
    );
}
