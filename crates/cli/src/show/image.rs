//! Images.

use plateau_core::api::{ImageState, ImageView};

use super::{bytes, lines, table};
use crate::style::{GOOD, UNSURE, WRONG, styled};

/// Images, a line each.
pub(crate) fn list(images: &[ImageView]) -> String {
    let mut table = table(["IMAGE", "STATE", "SIZE", "BUILT", "FOR"]);
    for image in images {
        table.add_row([
            image.name.clone(),
            state(image.state),
            image.size.map_or_else(|| "–".to_owned(), bytes),
            image.built.clone().unwrap_or_else(|| "–".to_owned()),
            image.summary.clone(),
        ]);
    }
    lines(&table)
}

/// A size, for the lines of a build.
pub(crate) fn size(size: u64) -> String {
    bytes(size)
}

fn state(state: ImageState) -> String {
    match state {
        ImageState::Ready => styled(GOOD, "ready"),
        ImageState::Outdated => styled(UNSURE, "outdated"),
        ImageState::Missing => styled(WRONG, "missing"),
    }
}
