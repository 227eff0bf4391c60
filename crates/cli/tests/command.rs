//! The real `plateau`, typed as a person would, without a daemon.
#![allow(
    clippy::unwrap_used,
    reason = "in a test, what does not hold is a failure"
)]

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// How a command ended and what it said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn plateau(folder: &Path, args: &[&str]) -> Said {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_plateau"))
        .args(args)
        .current_dir(folder)
        .env_remove("PLATEAU_SOCKET")
        .env_remove("PLATEAU_URL")
        .env("LC_ALL", "en_GB.UTF-8")
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn starter() -> TempDir {
    let folder = TempDir::new().unwrap();
    let said = plateau(folder.path(), &["scenario", "new", "first"]);
    assert_eq!(said.code, 0, "{}", said.err);
    folder
}

/// Replaces a text in the starter's scenario.yaml.
fn mend(folder: &TempDir, from: &str, to: &str) {
    let path = folder.path().join("first/scenario.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "`{from}` is not in the starter");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_new_scenario_has_no_problems_and_can_be_planned() {
    let folder = starter();
    let check = plateau(folder.path(), &["scenario", "check", "first"]);
    assert_eq!(
        (check.code, check.out.as_str()),
        (0, "first: no problems\n")
    );
    let plan = plateau(
        folder.path(),
        &["lab", "plan", "first", "--seed", "candidate-7"],
    );
    assert_eq!(plan.code, 0, "{}", plan.err);
    insta::assert_snapshot!(plan.out);
}

#[test]
fn a_scenario_is_found_by_its_file_as_well() {
    let folder = starter();
    let check = plateau(folder.path(), &["scenario", "check", "first/scenario.yaml"]);
    assert_eq!(check.code, 0);
    let inside = folder.path().join("first");
    assert_eq!(
        plateau(&inside, &["scenario", "check", "scenario.yaml"]).code,
        0
    );
    assert_eq!(plateau(&inside, &["scenario", "check", "."]).code, 0);
}

#[test]
fn a_plan_is_the_same_for_the_same_seed_and_reads_as_json() {
    let folder = starter();
    let plan = |seed: &str| {
        let args = ["lab", "plan", "first", "--seed", seed, "--format", "json"];
        let said = plateau(folder.path(), &args);
        assert_eq!(said.code, 0, "{}", said.err);
        serde_json::from_str::<serde_json::Value>(&said.out).unwrap()
    };
    assert_eq!(plan("a"), plan("a"));
    assert_ne!(
        plan("a")["topology"]["parameters"],
        plan("b")["topology"]["parameters"]
    );
    assert_eq!(plan("a")["plan"]["stages"][0]["name"], "start");
}

#[test]
fn all_problems_are_told_with_file_line_column_code_and_hint() {
    let folder = starter();
    mend(&folder, "network: lan }", "network: lann }");
    mend(&folder, "points: 2", "pionts: 2");
    fs::remove_file(folder.path().join("first/brief.fr.md")).unwrap();
    let check = plateau(folder.path(), &["scenario", "check", "first"]);
    assert_eq!(check.code, 2);
    insta::assert_snapshot!(check.out);
}

#[test]
fn problems_read_as_json() {
    let folder = starter();
    mend(&folder, "points: 2", "points: 0");
    let args = ["scenario", "check", "first", "--format", "json"];
    let check = plateau(folder.path(), &args);
    assert_eq!(check.code, 2);
    let checked: serde_json::Value = serde_json::from_str(&check.out).unwrap();
    let problems = checked[0]["problems"].as_array().unwrap();
    assert!(!problems.is_empty());
    assert_eq!(problems[0]["place"]["file"], "first/scenario.yaml");
}

#[test]
fn one_scenario_that_is_not_there_does_not_hide_the_others() {
    let folder = starter();
    let check = plateau(folder.path(), &["scenario", "check", "nowhere", "first"]);
    assert_eq!(check.code, 2);
    assert!(check.out.contains("first: no problems"), "{}", check.out);
    assert!(check.out.contains("nowhere: cannot read"), "{}", check.out);
}

#[test]
fn a_new_scenario_is_never_written_over_another() {
    let folder = starter();
    let again = plateau(folder.path(), &["scenario", "new", "first"]);
    assert_eq!(again.code, 2);
    assert!(
        again.err.contains("`first` is there already"),
        "{}",
        again.err
    );
}

#[test]
fn what_is_not_an_identifier_is_refused_before_anything_is_written() {
    let folder = TempDir::new().unwrap();
    for id in ["../x", "Erste", "", "a b", "1st", "a".repeat(41).as_str()] {
        let said = plateau(folder.path(), &["scenario", "new", id]);
        assert_eq!(said.code, 2, "{id}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_file_of_a_hundred_megabytes_is_refused_by_name_without_being_read() {
    let folder = starter();
    let file = fs::File::create(folder.path().join("first/disk.img")).unwrap();
    file.set_len(100_000_000).unwrap();
    let check = plateau(folder.path(), &["scenario", "check", "first"]);
    assert_eq!(check.code, 2);
    assert!(
        check
            .out
            .starts_with("first/disk.img: the file is too large: 100 MB [too-large]"),
        "{}",
        check.out
    );
}

#[test]
fn files_that_cannot_be_taken_are_refused_by_name() {
    let folder = starter();
    let first = folder.path().join("first");
    fs::write(folder.path().join("secret"), "").unwrap();
    symlink("../secret", first.join("out")).unwrap();
    symlink("nothing", first.join("broken")).unwrap();
    symlink("brief.fr.md", first.join("inside")).unwrap();
    fs::write(first.join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "").unwrap();
    let check = plateau(folder.path(), &["scenario", "check", "first"]);
    assert_eq!(check.code, 2);
    insta::assert_snapshot!(check.out);
}

#[test]
fn a_folder_of_too_many_files_is_refused() {
    let folder = starter();
    for number in 0..2000 {
        fs::write(folder.path().join(format!("first/{number}")), "").unwrap();
    }
    let check = plateau(folder.path(), &["scenario", "check", "first"]);
    assert_eq!(check.code, 2);
    assert!(check.out.contains("[too-many-files]"), "{}", check.out);
}

#[test]
fn a_scenario_with_problems_never_reaches_the_daemon() {
    let folder = starter();
    mend(&folder, "network: lan }", "network: lann }");
    for args in [
        &["lab", "up", "first"][..],
        &["lab", "plan", "first"],
        &["scenario", "prove", "first"],
    ] {
        let said = plateau(folder.path(), args);
        assert_eq!(said.code, 2, "{args:?}: {}", said.err);
        assert!(said.err.contains("[unknown-network]"), "{}", said.err);
        assert!(said.out.is_empty(), "{}", said.out);
    }
}

#[test]
fn without_a_daemon_the_remedy_is_named() {
    let folder = starter();
    for args in [
        &["lab", "list"][..],
        &["lab", "up", "first"],
        &["lab", "down", "--all"],
        &["lab", "exec", "x", "y", "--", "true"],
        &["scenario", "prove", "first"],
        &["images", "build"],
        &["doctor"],
    ] {
        let socket = ["--socket", "/nonexistent/plateaud.sock"];
        let args = [
            args[..2.min(args.len())].to_vec(),
            socket.to_vec(),
            args[2.min(args.len())..].to_vec(),
        ]
        .concat();
        let said = plateau(folder.path(), &args);
        assert_eq!(said.code, 3, "{args:?}: {}", said.err);
        insta::allow_duplicates! { insta::assert_snapshot!("unreachable", said.err) };
    }
    let said = plateau(
        folder.path(),
        &["lab", "list", "--url", "http://127.0.0.1:1"],
    );
    assert_eq!(said.code, 3);
    assert!(
        said.err.contains("start it with `plateaud`"),
        "{}",
        said.err
    );
}

#[test]
fn failures_read_as_json() {
    let folder = TempDir::new().unwrap();
    let args = [
        "lab",
        "list",
        "--format",
        "json",
        "--socket",
        "/nonexistent/sock",
    ];
    let said = plateau(folder.path(), &args);
    assert_eq!(said.code, 3);
    let failure: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(failure["error"]["code"], "daemon-unreachable");
    assert_eq!(failure["error"]["blame"], "outside");
}

#[test]
fn what_cannot_be_an_option_is_bad_input() {
    let folder = TempDir::new().unwrap();
    for args in [
        &["lab", "list", "--format", "yaml"][..],
        &["lab", "down"],
        &["lab", "down", "x", "--all"],
        &["nothing"],
        &["lab", "list", "--url", "not an address"],
        &["lab", "list", "--token-file", "/nonexistent/token"],
    ] {
        assert_eq!(plateau(folder.path(), args).code, 2, "{args:?}");
    }
}

#[test]
fn a_shell_wants_a_terminal() {
    let folder = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_plateau"))
        .args(["lab", "shell", "x", "y"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_schema_is_one_and_names_every_key_of_the_language() {
    let folder = TempDir::new().unwrap();
    let said = plateau(folder.path(), &["scenario", "schema"]);
    assert_eq!(said.code, 0);
    let schema: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    for key in ["plateau", "id", "nodes", "tasks", "mistakes"] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
}

#[test]
fn completions_and_manual_are_generated() {
    let folder = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let said = plateau(folder.path(), &["completions", shell]);
        assert_eq!(said.code, 0);
        assert!(said.out.contains("plateau"), "{shell}");
    }
    assert_eq!(plateau(folder.path(), &["man", "pages"]).code, 0);
    for page in ["plateau.1", "plateau-lab-up.1", "plateau-scenario-prove.1"] {
        assert!(folder.path().join("pages").join(page).is_file(), "{page}");
    }
}

#[test]
fn the_help_names_commands_and_exit_codes() {
    let folder = TempDir::new().unwrap();
    let help = plateau(folder.path(), &["--help"]).out;
    for text in ["Exit codes:", "scenario", "lab", "images", "doctor", "130"] {
        assert!(help.contains(text), "{text}");
    }
}

#[test]
fn colours_stay_out_of_what_is_not_a_terminal() {
    let folder = starter();
    let plan = plateau(folder.path(), &["lab", "plan", "first"]);
    assert!(!plan.out.contains('\u{1b}'));
}

#[test]
fn every_command_stands_in_the_documentation() {
    let folder = TempDir::new().unwrap();
    assert_eq!(plateau(folder.path(), &["man", "pages"]).code, 0);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    // A name with a hyphen is one word of its page's name.
    let documentation = fs::read_to_string(page).unwrap().replace('-', " ");
    for entry in fs::read_dir(folder.path().join("pages")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let command = name.trim_end_matches(".1").replace('-', " ");
        assert!(documentation.contains(&format!("`{command}")), "{command}");
    }
}

#[test]
fn a_password_is_asked_for_on_a_terminal_or_read_where_that_is_said() {
    let folder = TempDir::new().unwrap();
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_plateau"))
            .args(["--socket", "/nonexistent/plateaud.sock", "account"])
            .args(args)
            .current_dir(folder.path())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), err)
    };
    let (code, err) = run(&["add", "ada", "--role", "trainer"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("--password-stdin"), "{err}");
    // Nobody is a candidate by an account, and a password never stands on the command line.
    assert_eq!(run(&["add", "ada", "--role", "candidate"]).0, Some(2));
    assert_eq!(run(&["password", "ada", "secret"]).0, Some(2));
    let (code, err) = run(&["password", "ada", "--password-stdin"]);
    assert_eq!(code, Some(3), "{err}");
}

#[test]
fn what_is_not_a_certificate_vouches_for_nobody() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("authority.pem");
    fs::write(&file, "rubbish").unwrap();
    for path in ["authority.pem", "none.pem"] {
        let args = ["lab", "list", "--authority", path];
        let said = plateau(folder.path(), &args);
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains(path), "{}", said.err);
    }
}
