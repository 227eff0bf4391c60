//! Circles: the top-level modules of each crate of ours form none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use plateau_tests::root;
use walkdir::WalkDir;

/// Module → the module that it uses → where.
type Uses = BTreeMap<String, BTreeMap<String, Vec<String>>>;

#[test]
fn the_top_level_modules_of_a_crate_form_no_circle() {
    let mut circles = String::new();
    for source in sources() {
        let uses = uses(&source);
        for circle in circles_of(&uses) {
            circles.push_str(&shown(&source, &uses, &circle));
        }
    }
    assert!(circles.is_empty(), "modules in circles:\n{circles}");
}

#[test]
fn a_circle_is_found_however_a_module_is_named_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d; use crate::a::X;"),
        ("a.rs", "use crate::{\n    b::{self, Y},\n    d,\n};"),
        ("b/deep.rs", "fn f() { super::super::c::g(); }"),
        ("c.rs", "// crate::d\nfn g() { crate::a::f() }"),
        ("d.rs", "#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n"),
    ];
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    let uses = uses(folder.path());
    assert_eq!(circles_of(&uses), [["a", "b", "c"].map(str::to_owned)]);
    let shown = shown(folder.path(), &uses, &circles_of(&uses)[0]);
    for line in [
        "a -> b",
        "a.rs:1",
        "b -> c",
        "b/deep.rs:1",
        "c -> a",
        "c.rs:2",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
}

/// The `src` of every crate of ours.
fn sources() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).expect("crates");
    let mut sources: Vec<PathBuf> = crates
        .map(|entry| entry.expect("an entry").path().join("src"))
        .filter(|source| source.is_dir())
        .collect();
    sources.push(root().join("tests/src"));
    sources.sort();
    sources
}

/// Which modules use which others, in what is not compiled for tests alone. A crate's root uses all
/// of them and is none; a program beside it is another crate.
fn uses(source: &Path) -> Uses {
    let mut uses = Uses::new();
    let mut texts = Vec::new();
    for entry in WalkDir::new(source).into_iter().filter_map(Result::ok) {
        let path = entry.path().strip_prefix(source).expect("inside");
        let inside: Vec<String> = path
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        let is_root = matches!(
            inside.first().map(String::as_str),
            Some("lib" | "main" | "bin")
        );
        let is_test = inside.iter().any(|part| part == "tests");
        if is_rust && !is_root && !is_test {
            let text = fs::read_to_string(entry.path()).expect("a text");
            uses.entry(inside[0].clone()).or_default();
            texts.push((path.display().to_string(), inside, without_tests(&text)));
        }
    }
    let modules: BTreeSet<String> = uses.keys().cloned().collect();
    for (path, inside, text) in texts {
        for (line, name) in named(&text, inside.len()) {
            if modules.contains(&name) && name != inside[0] {
                let known = uses.entry(inside[0].clone()).or_default();
                known
                    .entry(name)
                    .or_default()
                    .push(format!("{path}:{line}"));
            }
        }
    }
    uses
}

/// A text without comments and without the modules and functions that are for tests alone; the lines
/// keep their numbers.
fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut skips = false;
    let mut follows = false;
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with("#[cfg(test)]") || bare.starts_with("#[cfg(all(test") {
            follows = true;
        } else if follows && !bare.starts_with('#') {
            follows = false;
            // What is formatted ends at a brace of its own indentation.
            skips = bare.ends_with('{') && line.starts_with(|first: char| !first.is_whitespace());
            kept.push('\n');
            continue;
        }
        if !skips && !follows && !bare.starts_with("//") {
            kept.push_str(line);
        }
        skips &= line != "}";
        kept.push('\n');
    }
    kept
}

/// What follows `crate::`, or as many `super::` as lead to the crate's root, with its line. `depth` is
/// how many modules the file is in, its own among them.
fn named(text: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (start, lead) in [("crate::", 1), ("super::", depth)] {
        let lead = start.repeat(lead);
        for (at, _) in text.match_indices(&lead) {
            let before = text[..at].chars().next_back();
            let is_longer =
                before.is_some_and(|char| char.is_alphanumeric() || "_:".contains(char));
            if is_longer {
                continue;
            }
            let line = text[..at].lines().count().max(1);
            let rest = &text[at + lead.len()..];
            found.extend(heads(rest).into_iter().map(|name| (line, name)));
        }
    }
    found
}

/// The first names of a path or, where it begins with a brace, of each path in it.
fn heads(path: &str) -> Vec<String> {
    let head = |path: &str| -> String {
        let word = |char: &char| char.is_alphanumeric() || *char == '_';
        path.trim_start().chars().take_while(word).collect()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![head(path)];
    };
    let mut depth = 0_usize;
    let mut heads = vec![head(group)];
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(head(&group[at + 1..])),
            _ => {}
        }
    }
    heads
}

/// Modules that reach one another, each set once.
fn circles_of(uses: &Uses) -> Vec<Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = uses
        .keys()
        .map(|module| (module.as_str(), reached(uses, module)))
        .collect();
    let mut circles = BTreeSet::new();
    for (module, there) in &reached {
        let circle: Vec<String> = there
            .iter()
            .filter(|other| reached[*other].contains(module))
            .map(|other| (*other).to_owned())
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

/// What a module uses, and what that uses, and so on.
fn reached<'a>(uses: &'a Uses, module: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = uses[module].keys().map(String::as_str).collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(uses[module].keys().map(String::as_str));
        }
    }
    reached
}

/// A circle, with the files and lines that cause it.
fn shown(source: &Path, uses: &Uses, circle: &[String]) -> String {
    let source = source.strip_prefix(root()).unwrap_or(source).display();
    let mut text = format!("{source}: {}\n", circle.join(", "));
    for from in circle {
        for (to, places) in uses[from].iter().filter(|(to, _)| circle.contains(to)) {
            text.push_str(&format!("  {from} -> {to}: {}\n", places.join(", ")));
        }
    }
    text
}
