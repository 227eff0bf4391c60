//! Images, as they are shown and built.

use serde::{Deserialize, Serialize};

use super::ApiError;

messages! {
    /// An image, as shown.
    struct ImageView {
        /// Its name, such as `debian-server`.
        pub name: String,
        /// What it is for.
        pub summary: String,
        /// Whether it is built by its present recipe.
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
        /// Built by its present recipe.
        Ready,
        /// Built by an earlier recipe.
        Outdated,
        /// Not there.
        Missing,
    }

    /// Builds images: `POST /v1/images/build`. The answer is a stream of [`BuildEvent`], a JSON text a line.
    struct BuildImagesRequest {
        /// Images to build, with those they stand on; all where empty.
        pub names: Vec<String>,
    }

    /// What a build says while it runs.
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
        /// The outside failed: the last event.
        Failed {
            /// What failed.
            error: ApiError,
        },
    }
}
