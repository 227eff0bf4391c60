//! A service's command as a unit of systemd, see systemd.service(5) and systemd.exec(5).

use plateau_core::spec::{FileSpec, NodeSpec};
use plateau_core::tree::{Kind, Tree};

use super::project::Attribute;
use super::syntax::pairs;
use super::variables::environment;
use super::{Machine, leave_out};
use crate::document::{entries, scalar};
use crate::draft::Draft;
use crate::error::ImportError;

/// Where a machine's variables stand: for log-ins, and for the unit.
const VARIABLES: &str = "/etc/environment";

/// Gives a node its variables and a unit for its command; returns lines for its setup script.
pub(super) fn install(
    draft: &mut Draft,
    machine: &Machine<'_>,
    node: &mut NodeSpec,
) -> Result<Vec<String>, ImportError> {
    let variables = variables(draft, machine)?;
    if !variables.is_empty() {
        let lines = variables
            .iter()
            .map(|(name, value)| format!("{name}={}\n", quoted(value)));
        let text: String = lines.collect();
        place(draft, machine, node, VARIABLES, text);
    }
    let Some(words) = words(draft, machine) else {
        return Ok(Vec::new());
    };
    let name = format!("{}.service", machine.node);
    place(
        draft,
        machine,
        node,
        &format!("/etc/systemd/system/{name}"),
        unit(machine, &words),
    );
    if machine.service.get("entrypoint").is_none() {
        let comment =
            "The command is run as it stands: the image's own entrypoint is not known here.";
        draft.comment(&machine.at(), comment);
    }
    if let Some(limits) = machine.service.get("ulimits") {
        leave_out(draft, machine, &limits, "write `Limit…=` into the unit");
    }
    Ok(vec![format!("systemctl enable --now {name}")])
}

fn place(draft: &mut Draft, machine: &Machine<'_>, node: &mut NodeSpec, path: &str, text: String) {
    let source = draft.add_file(&format!("files/{}{path}", machine.node), text.into_bytes());
    node.files.push(FileSpec {
        path: path.to_owned(),
        source: Some(source),
        ..FileSpec::default()
    });
}

/// Variables of `env_file` and, over them, of `environment`.
fn variables(
    draft: &mut Draft,
    machine: &Machine<'_>,
) -> Result<Vec<(String, String)>, ImportError> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut set = |name: String, value: String| {
        all.retain(|(other, _)| *other != name);
        all.push((name, value));
    };
    if let Some(files) = machine.service.get("env_file") {
        for tree in files.each() {
            let named = scalar(tree)
                .or_else(|| tree.get("path").and_then(scalar))
                .unwrap_or_default();
            let path = files.folder.join(&named);
            if !path.is_file() {
                let optional = tree
                    .get("required")
                    .is_some_and(|tree| tree.kind == Kind::Bool(false));
                if !optional {
                    leave_out(
                        draft,
                        machine,
                        &files,
                        &format!("no file `{}` is there", path.display()),
                    );
                }
                continue;
            }
            let mut read: Vec<(String, String)> = environment(&path)?.into_iter().collect();
            read.sort();
            read.into_iter().for_each(|(name, value)| set(name, value));
        }
    }
    if let Some(environment) = machine.service.get("environment") {
        for (name, value) in pairs(&environment.tree) {
            set(name, value);
        }
        for name in from_outside(&environment.tree) {
            leave_out(
                draft,
                machine,
                &environment,
                &format!("{name} has its value from whoever starts the project"),
            );
        }
    }
    Ok(all)
}

/// Names of variables that are listed without a value.
fn from_outside(tree: &Tree) -> Vec<String> {
    let listed = tree
        .elements()
        .iter()
        .filter_map(scalar)
        .filter(|text| !text.contains('='));
    let empty = entries(tree)
        .iter()
        .filter(|entry| entry.value.kind == Kind::Null);
    listed.chain(empty.map(|entry| entry.key.clone())).collect()
}

/// A value as both pam_env and systemd read it.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@+=".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    let escaped: String = value
        .chars()
        .flat_map(|c| match c {
            '"' | '\\' | '$' | '`' => vec!['\\', c],
            other => vec![other],
        })
        .collect();
    format!("\"{escaped}\"")
}

/// The whole command line: the entrypoint and its arguments.
fn words(draft: &mut Draft, machine: &Machine<'_>) -> Option<Vec<String>> {
    let mut words = Vec::new();
    for key in ["entrypoint", "command"] {
        let Some(attribute) = machine.service.get(key) else {
            continue;
        };
        match split(&attribute) {
            Some(more) => words.extend(more),
            None => leave_out(draft, machine, &attribute, "its quotes do not match"),
        }
    }
    words.retain(|word| !word.contains('\0'));
    (!words.is_empty()).then_some(words)
}

/// A command as a list, or as a text that is split like a shell's.
fn split(attribute: &Attribute) -> Option<Vec<String>> {
    match &attribute.tree.kind {
        Kind::List(words) => Some(words.iter().filter_map(scalar).collect()),
        _ => shlex::split(&scalar(&attribute.tree)?),
    }
}

fn unit(machine: &Machine<'_>, words: &[String]) -> String {
    let service = machine.service;
    let line: Vec<String> = words.iter().map(|word| argument(word)).collect();
    let mut text = format!(
        "[Unit]\nDescription=Service {} of the Compose file\nWants=network-online.target\nAfter=network-online.target\n\n[Service]\nExecStart={}\nEnvironmentFile=-{VARIABLES}\n",
        machine.node,
        line.join(" ")
    );
    let mut set = |key: &str, value: Option<String>| {
        let plain = |value: &String| !value.contains(['\n', '\r']);
        if let Some(value) = value.filter(plain) {
            text.push_str(&format!("{key}={}\n", value.replace('%', "%%")));
        }
    };
    set("WorkingDirectory", service.text("working_dir"));
    let user = service.text("user").unwrap_or_default();
    let (user, group) = user.split_once(':').unwrap_or((&user, ""));
    set(
        "User",
        Some(user.to_owned()).filter(|user| !user.is_empty()),
    );
    set(
        "Group",
        Some(group.to_owned()).filter(|group| !group.is_empty()),
    );
    if let Some(groups) = service.get("group_add") {
        let groups: Vec<String> = groups.each().into_iter().filter_map(scalar).collect();
        set("SupplementaryGroups", Some(groups.join(" ")));
    }
    set("Restart", restart(service.text("restart").as_deref()));
    set("KillSignal", service.text("stop_signal"));
    set("TimeoutStopSec", service.text("stop_grace_period"));
    text.push_str("\n[Install]\nWantedBy=multi-user.target\n");
    text
}

fn restart(policy: Option<&str>) -> Option<String> {
    let policy = match policy? {
        "always" | "unless-stopped" => "always",
        failing if failing.starts_with("on-failure") => "on-failure",
        _ => return None,
    };
    Some(policy.to_owned())
}

/// A word of `ExecStart=`, with what systemd would put in made literal.
fn argument(word: &str) -> String {
    let literal = word.replace('%', "%%").replace('$', "$$");
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@+=%$".contains(c);
    if !literal.is_empty() && literal.chars().all(plain) {
        return literal;
    }
    let escaped: String = literal
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            '\n' => "\\n".to_owned(),
            '\t' => "\\t".to_owned(),
            other => other.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}
