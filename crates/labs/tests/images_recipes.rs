//! Recipes: the order of building, the hashes that decide about it, and what is wrong with them.

use std::collections::BTreeMap;
use std::io::Read;

use plateau_labs::images::{RecipeError, Recipes, tag};

type Files = BTreeMap<String, Vec<u8>>;

const YAML: &str = "\
base: { suite: bookworm, variant: minbase, include: [ca-certificates] }
images:
  ground: { from: [base], internal: true, summary: what others stand on }
  server: { from: [ground], summary: a server }
  depot: { from: [ground, server], summary: a depot }
";

fn files(changes: &[(&str, &str)]) -> Files {
    let plain = [
        ("recipes.yaml", YAML),
        ("ground/Dockerfile", "ARG BASE\nFROM ${BASE}\n"),
        ("ground/tools/tidy", "#!/bin/sh\n"),
        ("server/Dockerfile", "ARG GROUND\nFROM ${GROUND}\n"),
        (
            "depot/Dockerfile",
            "ARG GROUND\nARG SERVER\nFROM ${SERVER}\n",
        ),
    ];
    plain
        .iter()
        .chain(changes)
        .map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec()))
        .collect()
}

fn recipes(changes: &[(&str, &str)]) -> Result<Recipes, RecipeError> {
    Recipes::check(files(changes), None)
}

#[test]
fn each_image_comes_after_what_it_stands_on_and_comes_once() {
    let recipes = recipes(&[]).unwrap();
    for (asked, order) in [
        (vec!["ground"], vec!["base", "ground"]),
        (vec!["server"], vec!["base", "ground", "server"]),
        (vec!["depot"], vec!["base", "ground", "server", "depot"]),
        (
            vec!["depot", "ground"],
            vec!["base", "ground", "server", "depot"],
        ),
        (vec![], vec!["base", "ground", "server", "depot"]),
        (vec!["base"], vec!["base"]),
    ] {
        let asked: Vec<String> = asked.into_iter().map(str::to_owned).collect();
        assert_eq!(recipes.order(&asked).unwrap(), order, "{asked:?}");
    }
}

#[test]
fn a_change_reaches_whatever_stands_on_it_and_nothing_else() {
    let with = |changes: &[(&str, &str)], image: Option<&str>| {
        Recipes::check(files(changes), image.map(str::to_owned)).unwrap()
    };
    let before = with(&[], None);
    let other_base = YAML.replace("minbase", "buildd");
    let other_words = YAML.replace("a server", "the same with other words");
    for (after, changed) in [
        (with(&[], None), vec![]),
        (with(&[("recipes.yaml", &other_words)], None), vec![]),
        (with(&[("depot/list", "nginx")], None), vec!["depot"]),
        (
            with(&[("server/Dockerfile", "FROM x")], None),
            vec!["depot", "server"],
        ),
        (
            with(&[("ground/tools/tidy", "#!/bin/ash\n")], None),
            vec!["depot", "ground", "server"],
        ),
        (
            with(&[("recipes.yaml", &other_base)], None),
            vec!["base", "depot", "ground", "server"],
        ),
        (
            with(&[], Some("debian:bookworm")),
            vec!["base", "depot", "ground", "server"],
        ),
    ] {
        let differ: Vec<&str> = ["base", "depot", "ground", "server"]
            .into_iter()
            .filter(|name| before.hash_of(name) != after.hash_of(name))
            .collect();
        assert_eq!(differ, changed);
    }
}

#[test]
fn what_recipes_name_has_to_be_there() {
    let circle = YAML.replace("ground: { from: [base]", "ground: { from: [depot]");
    let unknown = YAML.replace("server: { from: [ground]", "server: { from: [grund]");
    let more = format!("{YAML}  router: {{ from: [ground], summary: none }}\n");
    let extra = format!("{YAML}colour: red\n");
    for (yaml, words) in [
        (circle.as_str(), "stands on itself"),
        (
            &unknown,
            "`grund`, which is not there; did you mean `ground`?",
        ),
        (&more, "`router` has no `router/Dockerfile`"),
        (&extra, "read `recipes.yaml`"),
    ] {
        let error = recipes(&[("recipes.yaml", yaml)]).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(matches!(
        Recipes::check(Files::new(), None),
        Err(RecipeError::NoRecipes)
    ));
    let error = recipes(&[])
        .unwrap()
        .order(&["sever".to_owned()])
        .unwrap_err();
    assert!(matches!(error, RecipeError::UnknownImage { image, .. } if image == "sever"));
}

#[test]
fn what_an_image_stands_on_reaches_its_build_as_arguments() {
    let recipes = recipes(&[]).unwrap();
    let arguments = |image: &str| recipes.images()[image].arguments(&recipes);
    assert_eq!(arguments("ground")["BASE"], "plateau/bookworm:latest");
    let depot: Vec<_> = arguments("depot").into_iter().collect();
    let expected = [
        ("GROUND", "plateau/ground:latest"),
        ("SERVER", "plateau/server:latest"),
    ]
    .map(|(name, tag)| (name.to_owned(), tag.to_owned()));
    assert_eq!(depot, expected);
    let ready = Recipes::check(files(&[]), Some("debian:bookworm".to_owned())).unwrap();
    assert_eq!(
        ready.images()["ground"].arguments(&ready)["BASE"],
        "debian:bookworm"
    );
    assert!(ready.base().is_none());
}

#[test]
fn a_context_is_the_same_bytes_for_the_same_files_and_scripts_can_be_executed() {
    let pack = || recipes(&[]).unwrap().images()["ground"].context().unwrap();
    assert_eq!(pack(), pack());
    let packed = pack();
    let mut archive = tar::Archive::new(packed.as_slice());
    let mut seen = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        seen.insert(path, (entry.header().mode().unwrap(), text.len()));
    }
    assert_eq!(seen["Dockerfile"].0, 0o644);
    assert_eq!(seen["tools/tidy"], (0o755, 10));
}

#[test]
fn our_own_recipes_hold_together_built_in_and_from_the_folder() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images");
    let built_in = Recipes::embedded(None).unwrap();
    let read = Recipes::read(&folder, None).unwrap();
    let hashes = |recipes: &Recipes| -> BTreeMap<String, String> {
        let images = recipes.images().iter();
        images
            .map(|(name, recipe)| (name.clone(), recipe.hash.clone()))
            .collect()
    };
    assert_eq!(hashes(&built_in), hashes(&read));
    let usable: Vec<&str> = built_in
        .images()
        .iter()
        .filter(|(_, recipe)| !recipe.internal)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(usable, plateau_core::image::IMAGES);
}

#[test]
fn a_name_becomes_a_tag_and_a_tag_stays_one() {
    for (name, expected) in [
        ("debian-server", "plateau/debian-server:latest"),
        ("debian:bookworm", "debian:bookworm"),
        ("site/own", "site/own"),
    ] {
        assert_eq!(tag(name), expected);
        assert_eq!(tag(name), plateau_core::image::reference(name));
    }
}
