//! Kathará network scenarios: machines become nodes, collision domains networks, start-up scripts
//! set-up scripts, and what lies in a machine's folder lies in the node.
//!
//! The format is Kathará's own manual's (kathara-lab.conf(5), kathara-lab-dirs(7)); what its pages
//! leave open was read off its parser, and is said where it matters.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use plateau_core::problem::SourceLocation;
use plateau_core::spec::NetworkSpec;
use plateau_core::tree::Path;

use super::document;
use super::draft::Draft;
use super::emulator::material::Material;
use super::emulator::renamed;
use super::names::UniqueNames;
use crate::error::ImportError;
use conf::Conf;
use files::Files;

mod conf;
mod files;
mod machine;
mod options;

/// The file that makes a folder a lab.
const CONF: &str = "lab.conf";
/// Files of a lab that have no counterpart, and why.
const WITHOUT_COUNTERPART: &[(&str, &str)] = &[
    (
        "lab.dep",
        "the order in which machines start; all of a lab's nodes start together",
    ),
    (
        "lab.ext",
        "connections to the host's own interfaces; a lab reaches nothing outside it",
    ),
];

/// Reads a lab's folder.
///
/// # Errors
/// It is not a folder with a `lab.conf`, or that file cannot be understood.
pub fn read(folder: &FilePath) -> Result<Draft, ImportError> {
    let file = conf_file(folder)?;
    let shown = file.display().to_string();
    let conf = Conf::parse(&shown, &document::read_text(&file)?)?;
    if conf.machines.is_empty() {
        let message = "no machine is named in it".to_owned();
        let hint = "a machine is named by its interfaces and options, such as `pc1[0]=\"A\"`";
        return Err(document::refused(
            document::whole(&file),
            "no-machine",
            message,
            hint,
        ));
    }
    let material = Material::of(folder)?;
    let mut draft = draft(folder, &shown, &conf);
    let mut files = Files::of(folder, material);
    let nodes = names(conf.machines.keys());
    let networks = networks(&mut draft, &conf);
    if let Some(names) = renamed(&nodes) {
        draft.comment(&Path::default().key("nodes"), &names);
    }
    let mut problems = Vec::new();
    for (name, machine) in &conf.machines {
        let cast = machine::NodeMapping {
            draft: &mut draft,
            files: &mut files,
            networks: &networks,
            problems: &mut problems,
        };
        cast.machine(name, &nodes[name], machine);
    }
    if !problems.is_empty() {
        return Err(ImportError::Problems(problems));
    }
    for (name, why) in WITHOUT_COUNTERPART {
        if files.has(name) {
            draft.leave_out(
                files.place(name),
                &Path::default(),
                format!("{name}: {why}"),
            );
        }
    }
    for script in files.report_orphan_scripts(&nodes) {
        let what = format!("{script}: no machine of this name is in {CONF}");
        draft.leave_out(files.place(&script), &Path::default(), what);
    }
    Ok(draft)
}

fn conf_file(folder: &FilePath) -> Result<std::path::PathBuf, ImportError> {
    let known = std::fs::metadata(folder).map_err(|source| ImportError::Read {
        path: folder.to_owned(),
        source,
    })?;
    let file = folder.join(CONF);
    if known.is_dir() && file.exists() {
        return Ok(file);
    }
    let place = SourceLocation {
        file: folder.display().to_string(),
        line: 0,
        column: 0,
    };
    let (message, hint) = if known.is_dir() {
        (
            format!("no {CONF} in this folder"),
            "name the folder that Kathará's `lstart` is run in",
        )
    } else {
        (
            "this is not a folder".to_owned(),
            "name the folder that lab.conf lies in",
        )
    };
    Err(document::refused(place, "no-lab-conf", message, hint))
}

fn draft(folder: &FilePath, file: &str, conf: &Conf) -> Draft {
    let fact = |name: &str| conf.metadata.get(name).filter(|text| !text.is_empty());
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let folder = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let folder = folder.unwrap_or_else(|| "kathara".to_owned());
    let mut draft = Draft::new(fact("LAB_NAME").unwrap_or(&folder), file);
    if let Some(title) = fact("LAB_DESCRIPTION") {
        draft.set_title(title);
    }
    let about: Vec<String> = [
        ("LAB_VERSION", "version "),
        ("LAB_AUTHOR", "by "),
        ("LAB_EMAIL", ""),
        ("LAB_WEB", ""),
    ]
    .iter()
    .filter_map(|(name, what)| Some(format!("{what}{}", fact(name)?)))
    .collect();
    if !about.is_empty() {
        let about = format!("The lab that it was: {}.", about.join(", "));
        draft.comment(&Path::default(), &about);
    }
    draft
}

fn names<'a>(wanted: impl Iterator<Item = &'a String>) -> BTreeMap<String, String> {
    let mut names = UniqueNames::default();
    wanted
        .map(|wanted| (wanted.clone(), names.take(wanted)))
        .collect()
}

/// A network for each collision domain, by the domain's name.
fn networks(draft: &mut Draft, conf: &Conf) -> BTreeMap<String, String> {
    let plugs = conf.machines.values().flat_map(|m| m.interfaces.values());
    let mut domains: Vec<&String> = plugs.map(|plug| &plug.domain).collect();
    domains.sort_unstable();
    domains.dedup();
    let networks = names(domains.into_iter());
    for network in networks.values() {
        draft
            .networks
            .insert(network.clone(), NetworkSpec::default());
    }
    if let Some(names) = renamed(&networks) {
        draft.comment(&Path::default().key("networks"), &names);
    }
    networks
}
