//! Images, as they are shown and built.

use serde::{Deserialize, Serialize};

use super::ApiError;

messages! {
    /// An image, as shown.
    struct ImageView {
        /// Its name, such as `debian-server`.
        pub name: String,
        /// Its purpose.
        pub summary: String,
        /// Whether it is built from its current recipe.
        pub state: ImageState,
        /// Its tag on the engine.
        pub tag: String,
        /// Its size in bytes, where it is there.
        pub size: Option<u64>,
        /// When it was built (RFC 3339, UTC), where it is there.
        pub built: Option<String>,
    }

    /// Whether an image can be used.
    #[derive(Copy, Eq)]
    #[serde(rename_all = "kebab-case")]
    enum ImageState {
        /// Built from its current recipe.
        Ready,
        /// Built from an earlier recipe.
        Outdated,
        /// Not there.
        Missing,
    }

    /// Builds images: `POST /v1/images/build`. The answer is a stream of [`BuildEvent`], a JSON text a line.
    struct BuildImagesRequest {
        /// Images to build, with those they stand on; all where empty.
        pub names: Vec<String>,
    }

    /// Progress of a build.
    #[serde(rename_all = "kebab-case")]
    enum BuildEvent {
        /// An image is up to date.
        UpToDate {
            /// The image.
            image: String,
        },
        /// An image is being built.
        Started {
            /// The image.
            image: String,
            /// Its number among those to be built, from 1.
            number: u32,
            /// How many there are.
            of: u32,
        },
        /// A line of the build's output.
        Line {
            /// The image.
            image: String,
            /// The line.
            line: String,
        },
        /// An image is built.
        Built {
            /// The image.
            image: String,
            /// Its size in bytes.
            size: u64,
            /// How long it took, in milliseconds.
            took_ms: u64,
        },
        /// All are built: the last event.
        Finished {},
        /// A failure of the engine or the host: the last event.
        Failed {
            /// What failed.
            error: ApiError,
        },
    }
}
