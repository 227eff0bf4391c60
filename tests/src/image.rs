//! Images that only tests need: recipes in `tests/images`, built like the project's own.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::StreamExt;
use plateau_core::api::BuildEvent;
use plateau_labs::images::{Images, Recipes};
use plateau_labs::runtime::docker;
use walkdir::WalkDir;

use crate::root;

/// Files of a folder, by their paths in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let walk = WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("an entry"));
    let files = walk.filter(|entry| entry.file_type().is_file());
    let named = |entry: walkdir::DirEntry| {
        let path = entry.path().strip_prefix(folder).expect("inside");
        let content = std::fs::read(entry.path()).expect("a file");
        (path.to_string_lossy().into_owned(), content)
    };
    files.map(named).collect()
}

/// Builds `plateau-tests/NAME:latest` from `tests/images/NAME` where it is not up to date; it stands on
/// the server's image.
///
/// # Panics
/// Where it cannot be built; the build's last lines are shown.
pub fn build(name: &str) {
    let mut all = files(&root().join("images"));
    for (path, content) in files(&root().join("tests/images").join(name)) {
        all.insert(format!("{name}/{path}"), content);
    }
    let recipes = all.get_mut("recipes.yaml").expect("recipes");
    let own =
        format!("\n  {name}: {{ from: [debian-server], internal: true, summary: for tests }}\n");
    recipes.extend(own.into_bytes());
    let setting = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let recipes = Recipes::check(all, setting("PLATEAU_BASE_IMAGE")).expect("recipes");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let engine = docker::connect(None).await.expect("the engine");
        let images = Images::new(engine.clone(), recipes, setting("PLATEAU_BUILD_NETWORK"));
        let mut events = images.build(&[name.to_owned()]).expect("a build");
        while let Some(event) = events.next().await {
            if let BuildEvent::Failed { error } = event {
                panic!("{}", error.message);
            }
        }
        // Scenarios may not name images of the daemon's own.
        let (built, tag) = (
            format!("plateau/{name}:latest"),
            format!("plateau-tests/{name}:latest"),
        );
        engine.tag_image(&built, &tag).await.expect("a tag");
    });
}
