//! The tree itself: walls between crates, sizes, names, and what has to agree with what.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use plateau_tests::root;
use walkdir::WalkDir;

#[path = "tidy/circles.rs"]
mod circles;

/// Files that end so, without what is built.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let walk = WalkDir::new(root().join(folder))
        .into_iter()
        .filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            name != "target" && name != "node_modules" && !name.starts_with(".git")
        });
    let paths = walk
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path);
    let found: Vec<PathBuf> = paths
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    assert!(!found.is_empty(), "no `{ending}` below `{folder}`");
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Our own crates, and which of ours each depends on when it is built.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo metadata");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let names: BTreeSet<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    let ours = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        let built = dependencies
            .iter()
            .filter(|dependency| dependency["kind"].is_null());
        let on = built
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|name| names.contains(name));
        on.map(str::to_owned).collect()
    };
    packages
        .iter()
        .map(|package| {
            (
                package["name"].as_str().unwrap_or_default().to_owned(),
                ours(package),
            )
        })
        .collect()
}

#[test]
fn crates_depend_on_one_another_as_the_map_says() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("plateau-core", &[][..]),
        ("plateau-agent", &["plateau-core"]),
        ("plateau-labs", &["plateau-core"]),
        ("plateau-exam", &["plateau-core", "plateau-labs"]),
        (
            "plateau-gateway",
            &["plateau-core", "plateau-exam", "plateau-labs"],
        ),
        (
            "plateaud",
            &[
                "plateau-core",
                "plateau-exam",
                "plateau-gateway",
                "plateau-labs",
            ],
        ),
        ("plateau-import", &["plateau-core"]),
        ("plateau", &["plateau-core", "plateau-import"]),
        ("plateau-report", &[]),
        ("xtask", &[]),
        (
            "plateau-tests",
            &[
                "plateau-core",
                "plateau-exam",
                "plateau-gateway",
                "plateau-labs",
                "plateaud",
            ],
        ),
    ]);
    let arrows = arrows();
    assert_eq!(
        arrows.keys().map(String::as_str).collect::<Vec<_>>().len(),
        allowed.len(),
        "{arrows:?}"
    );
    for (from, to) in arrows {
        let allowed = allowed
            .get(from.as_str())
            .unwrap_or_else(|| panic!("`{from}` is not on the map"));
        let extra: Vec<_> = to
            .iter()
            .filter(|name| !allowed.contains(&name.as_str()))
            .collect();
        assert!(extra.is_empty(), "`{from}` must not depend on {extra:?}");
    }
}

#[test]
fn the_core_has_nothing_that_does_io() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "plateau-core",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo tree");
    let tree = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(tree.starts_with("plateau-core"), "{tree}");
    for forbidden in [
        "tokio", "hyper", "reqwest", "bollard", "sqlx", "rustls", "nlink", "mio", "socket2",
    ] {
        let found = tree
            .lines()
            .any(|line| line.split(' ').next() == Some(forbidden));
        assert!(!found, "the core depends on `{forbidden}`");
    }
}

#[test]
fn labs_know_no_exam_no_database_and_no_http() {
    let manifest = text(&root().join("crates/labs/Cargo.toml"));
    for forbidden in ["sqlx", "axum", "http", "hyper", "tower-http", "utoipa"] {
        let found = manifest
            .lines()
            .any(|line| line.split(['.', ' ']).next() == Some(forbidden));
        assert!(!found, "labs depend on `{forbidden}`");
    }
    for path in files("crates/labs", ".rs") {
        let names = text(&path).contains("plateau_core::exam");
        assert!(!names, "{} knows of exams", shown(&path));
    }
}

#[test]
fn exams_know_no_http_and_open_no_port() {
    let manifest = text(&root().join("crates/exam/Cargo.toml"));
    for forbidden in [
        "axum",
        "axum-server",
        "http",
        "hyper",
        "tower-http",
        "utoipa",
        "utoipa-axum",
    ] {
        let found = manifest
            .lines()
            .any(|line| line.split(['.', ' ']).next() == Some(forbidden));
        assert!(!found, "exams depend on `{forbidden}`");
    }
    for path in files("crates/exam/src", ".rs") {
        let listens = text(&path).contains("TcpListener");
        assert!(!listens, "{} opens a port", shown(&path));
    }
}

#[test]
fn the_daemon_reaches_the_database_through_exams_alone() {
    for name in ["gateway", "daemon"] {
        let manifest = text(&root().join(format!("crates/{name}/Cargo.toml")));
        let built = manifest.split("[dev-dependencies]").next();
        let found = built
            .unwrap_or_default()
            .lines()
            .any(|line| line.starts_with("sqlx"));
        assert!(!found, "`crates/{name}` depends on `sqlx`");
    }
}

#[test]
fn the_ways_in_know_no_route_of_the_api() {
    for path in files("crates/gateway/src", ".rs") {
        let text = text(&path);
        for word in ["utoipa", "axum::Router", "\"/v1"] {
            assert!(!text.contains(word), "{} has `{word}`", shown(&path));
        }
    }
}

#[test]
fn nothing_is_built_with_the_typesetter() {
    for package in [
        "plateau-labs",
        "plateau-exam",
        "plateau-gateway",
        "plateaud",
        "plateau",
        "plateau-agent",
        "plateau-tests",
        "xtask",
    ] {
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--package",
                package,
                "--prefix",
                "none",
                "--offline",
            ])
            .current_dir(root())
            .output()
            .expect("cargo tree");
        let tree = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(tree.starts_with(package), "{tree}");
        let found = tree.lines().find(|line| line.starts_with("typst"));
        assert_eq!(found, None, "`{package}` takes minutes to build");
    }
}

/// Dependencies with their features, as they are built for what is installed or for its tests too.
fn built(edges: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--prefix", "none", "--no-dedupe"])
        .args(["--workspace", "--exclude", "plateau-report"])
        .args(["--edges", edges, "--format", "{p} [{f}]"])
        .current_dir(root())
        .output()
        .expect("cargo tree");
    let tree = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(tree.contains("plateau-core"), "{tree}");
    tree.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_installed_and_its_tests_are_built_from_the_same_dependencies() {
    let installed = built("normal,build");
    let tested = built("normal,build,dev");
    let other: Vec<_> = installed.difference(&tested).collect();
    assert!(
        other.is_empty(),
        "tests would compile these once more, with more features: ask for them at the workspace {other:?}"
    );
}

#[test]
fn only_the_docker_runtime_names_the_engines_client() {
    for path in files("crates", ".rs") {
        let shown = shown(&path);
        let inside = shown.starts_with("crates/labs/src/runtime/docker");
        let names = text(&path)
            .lines()
            .any(|line| !line.trim_start().starts_with("//") && line.contains("bollard::"));
        assert!(inside || !names, "{shown} names bollard");
    }
}

#[test]
fn there_is_one_runtime_trait() {
    let declares = |path: &PathBuf| {
        text(path)
            .lines()
            .any(|line| line.trim_start().starts_with("pub trait "))
    };
    let traits: Vec<String> = [
        "crates/labs/src",
        "crates/exam/src",
        "crates/gateway/src",
        "crates/daemon/src",
    ]
    .iter()
    .flat_map(|source| files(source, ".rs"))
    .filter(declares)
    .map(|path| shown(&path))
    .collect();
    assert_eq!(traits, ["crates/labs/src/runtime.rs"]);
}

#[test]
fn files_are_of_a_size_that_can_be_read_at_once() {
    const MOST: usize = 400;
    for path in files("crates", ".rs")
        .into_iter()
        .filter(|path| !shown(path).contains("/tests/"))
    {
        let text = text(&path);
        let own = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let lines = own.lines().count();
        assert!(lines <= MOST, "{} has {lines} lines", shown(&path));
    }
}

#[test]
fn files_are_named_for_what_they_are() {
    const EMPTY: &[&str] = &[
        "utils", "util", "common", "types", "helpers", "misc", "manager", "handler", "handlers",
        "mod",
    ];
    for path in files("crates", ".rs")
        .into_iter()
        .chain(files("tests", ".rs"))
    {
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        assert!(
            !EMPTY.contains(&stem.as_str()),
            "{} says nothing",
            shown(&path)
        );
    }
}

#[test]
fn every_crate_is_held_to_the_lints() {
    for path in files("crates", "Cargo.toml") {
        let text = text(&path);
        let own =
            shown(&path) == "crates/agent/Cargo.toml" && text.contains("unsafe_code = \"deny\"");
        assert!(
            own || text.contains("[lints]\nworkspace = true"),
            "{} has no lints",
            shown(&path)
        );
    }
}

#[test]
fn the_images_that_scenarios_may_name_are_those_that_have_recipes() {
    let recipes: serde_json::Value =
        serde_saphyr::from_str(&text(&root().join("images/recipes.yaml"))).expect("recipes");
    let images = recipes["images"].as_object().expect("images");
    let open: Vec<&str> = images
        .iter()
        .filter(|(_, image)| image["internal"] != true)
        .map(|(name, _)| name.as_str())
        .collect();
    let mut open = open;
    open.sort_unstable();
    assert_eq!(open, plateau_core::image::IMAGES);
    for name in images.keys() {
        assert!(
            root().join("images").join(name).join("Dockerfile").exists(),
            "`{name}` has no Dockerfile"
        );
    }
}

#[test]
fn every_decision_says_what_and_why() {
    for path in files("docs/decisions", ".md") {
        let text = text(&path);
        for part in ["# ", "## Context", "## Decision", "## Consequences"] {
            assert!(text.contains(part), "{} lacks `{part}`", shown(&path));
        }
    }
}

#[test]
fn every_script_of_a_scenario_is_used() {
    for document in files("scenarios", "scenario.yaml") {
        let folder = document.parent().expect("a folder");
        let text = text(&document);
        for path in WalkDir::new(folder)
            .into_iter()
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_file())
        {
            let inside = path
                .path()
                .strip_prefix(folder)
                .expect("inside")
                .display()
                .to_string();
            let used = inside == "scenario.yaml" || text.contains(&inside);
            assert!(used, "{} is used by nothing", shown(path.path()));
        }
    }
}

#[test]
fn the_reference_is_what_the_vocabulary_says() {
    let page = text(&root().join("docs/reference.md"));
    assert!(
        page == plateau_core::reference::reference(),
        "write it anew: plateau scenario reference > docs/reference.md"
    );
}

/// What `docs/style.md` forbids in a text, with the words around it. Marks of comments and line breaks are
/// passed over.
fn breaches_of_style(text: &str) -> Vec<String> {
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| !["//", "///", "//!"].contains(word))
        .collect();
    let plain = |at: Option<usize>| {
        let word = at.and_then(|at| words.get(at)).copied().unwrap_or_default();
        word.trim_matches(|sign: char| !sign.is_alphanumeric() && sign != '_')
            .to_lowercase()
    };
    let is_denied = |at: usize| {
        let word = words[at].trim_start_matches(|sign: char| !sign.is_alphanumeric());
        let denies = ["is", "are", "Is", "Are"].contains(&word) && words.get(at + 1) == Some(&"no");
        let there = plain(at.checked_sub(1)).ends_with("there");
        let compares =
            ["longer", "more", "less", "fewer", "later"].contains(&&*plain(Some(at + 2)));
        denies && !there && !compares
    };
    // Names of tests are sentences too.
    let is_gendered = |at: usize| {
        let word = plain(Some(at));
        word.split('_')
            .any(|part| ["he", "his", "him", "himself"].contains(&part))
    };
    let begins_with_there = |at: usize| {
        let quoted = words[at].ends_with("\"there") || words[at].ends_with("\"There");
        quoted && ["is", "are"].contains(&&*plain(Some(at + 1))) && plain(Some(at + 2)) == "no"
    };
    (0..words.len())
        .filter(|at| is_denied(*at) || is_gendered(*at) || begins_with_there(*at))
        .map(|at| words[at.saturating_sub(2)..words.len().min(at + 5)].join(" "))
        .collect()
}

#[test]
fn texts_are_written_as_the_style_says() {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ending in [".rs", ".ftl", ".md"] {
        for path in files("", ending) {
            let shown = shown(&path);
            // These two name what they forbid.
            if ["docs/style.md", "tests/tests/tidy.rs"].contains(&shown.as_str()) {
                continue;
            }
            let part = shown.split('/').take(2).collect::<Vec<_>>().join("/");
            let breaches = breaches_of_style(&text(&path));
            let breaches = breaches.iter().map(|breach| format!("{shown}: {breach}"));
            found.entry(part).or_default().extend(breaches);
        }
    }
    found.retain(|_, breaches| !breaches.is_empty());
    let counts: Vec<String> = found
        .iter()
        .map(|(part, breaches)| format!("{part}: {}", breaches.len()))
        .collect();
    let all: Vec<String> = found.into_values().flatten().collect();
    assert!(all.is_empty(), "{}\n{}", all.join("\n"), counts.join("\n"));
}

#[test]
fn breaches_of_style_are_told_from_plain_english() {
    let bad = [
        "the name is no name",
        "/// what it is\n/// no frame of ours",
        "they are no jobs",
        "what he types",
        "(his own)",
        "fn nobody_sees_his_grade()",
        "error(\"there is no lab `{lab}`\")",
    ];
    for text in bad {
        assert_eq!(breaches_of_style(text).len(), 1, "{text}");
    }
    let good = [
        "there is no space left",
        "it is no longer there",
        "there are no jobs, and it is not a name",
        "no session named `x`",
        "the archive, this one",
    ];
    for text in good {
        assert_eq!(breaches_of_style(text), Vec::<String>::new(), "{text}");
    }
}
