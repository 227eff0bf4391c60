//! The typesetter.

use std::path::Path;

use typst::World;
use typst::foundations::{Array, Bytes, Datetime, Dict, IntoValue, Smart};
use typst_as_lib::typst_kit_options::TypstKitFontOptions;
use typst_as_lib::{TypstAsLibError, TypstEngine};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use crate::document::Document;
use crate::failure::Failure;
use crate::legible::Families;

/// What all templates share.
const FRAME: (&str, &str) = ("frame.typ", include_str!("../templates/frame.typ"));

/// The fonts that are in this program, for all documents.
const BUILT_IN: [&str; 2] = ["Libertinus Serif", "DejaVu Sans Mono"];

/// Sets documents, with fonts that are in it and those of one folder.
pub(crate) struct Press {
    fonts: TypstKitFontOptions,
}

impl Press {
    /// A press that has the fonts of a folder besides its own.
    pub(crate) fn new(fonts: Option<&Path>) -> Result<Self, Failure> {
        // Those of the system are left out: a document looks the same wherever it is made.
        let mut options = TypstKitFontOptions::new().include_system_fonts(false);
        if let Some(folder) = fonts {
            if !folder.is_dir() {
                return Err(Failure::Fonts {
                    path: folder.to_owned(),
                });
            }
            options = options.include_dirs([folder]);
        }
        Ok(Self { fonts: options })
    }

    /// A document's PDF from its JSON.
    pub(crate) fn print<D: Document>(&self, json: &[u8]) -> Result<Vec<u8>, Failure> {
        let document: D = serde_json::from_slice(json).map_err(Failure::Json)?;
        let made = document.made();
        let mut shown = serde_json::to_value(document.shown()).map_err(Failure::Json)?;
        let engine = TypstEngine::builder()
            .main_file(D::TEMPLATE)
            .with_static_source_file_resolver([FRAME])
            .search_fonts_with(self.fonts.clone())
            .build();
        let mut inputs = Dict::new();
        let read = engine.with_world(|world| {
            let families = Families::of(world.book(), &BUILT_IN);
            families.make_legible(&mut shown);
            let names = families.names().iter().map(|name| name.into_value());
            inputs.insert("families".into(), names.collect::<Array>().into_value());
        });
        read.map_err(|error| Failure::Typeset {
            said: in_words(&error),
        })?;
        let data = serde_json::to_vec(&shown).map_err(Failure::Json)?;
        inputs.insert("data".into(), Bytes::new(data).into_value());
        let set = engine.compile_with_input::<_, PagedDocument>(inputs);
        let pages = set.output.map_err(|error| Failure::Typeset {
            said: in_words(&error),
        })?;
        typst_pdf::pdf(&pages, &options(made)?).map_err(|refusals| Failure::Typeset {
            said: in_words(&TypstAsLibError::TypstSource(refusals)),
        })
    }
}

/// For every reader and for every archive.
fn options(made: jiff::Timestamp) -> Result<PdfOptions, Failure> {
    let standards =
        PdfStandards::new(&[PdfStandard::Ua_1, PdfStandard::A_2a]).map_err(|refusal| {
            Failure::Typeset {
                said: refusal.message().to_string(),
            }
        })?;
    Ok(PdfOptions {
        creator: Smart::Custom(Some(
            concat!("Plateau ", env!("CARGO_PKG_VERSION")).to_owned(),
        )),
        timestamp: date(made).map(Timestamp::new_utc),
        standards,
        ..PdfOptions::default()
    })
}

fn date(made: jiff::Timestamp) -> Option<Datetime> {
    let made = jiff::tz::TimeZone::UTC.to_datetime(made);
    let small = |number: i8| u8::try_from(number).ok();
    Datetime::from_ymd_hms(
        i32::from(made.year()),
        small(made.month())?,
        small(made.day())?,
        small(made.hour())?,
        small(made.minute())?,
        small(made.second())?,
    )
}

/// What the typesetter said, without what it points at: that may be a secret.
fn in_words(error: &TypstAsLibError) -> String {
    match error {
        TypstAsLibError::TypstSource(refusals) => {
            let messages = refusals.iter().map(|refusal| refusal.message.as_str());
            messages.collect::<Vec<_>>().join("; ")
        }
        TypstAsLibError::HintedString(refusal) => refusal.message().to_string(),
        TypstAsLibError::TypstFile(_)
        | TypstAsLibError::MainSourceFileDoesNotExist(_)
        | TypstAsLibError::Unspecified(_) => error.to_string(),
    }
}
