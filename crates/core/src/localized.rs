//! Texts in several languages.

use std::collections::BTreeMap;

/// A text in the languages that the scenario has, keyed `fr`, `en`, ….
pub type Localized = BTreeMap<String, String>;
