//! Texts that can be typeset: every character has a glyph, and none is a control character or a line break.
//!
//! PDF/A and PDF/UA forbid the empty box of a missing glyph, and one such character in one name
//! would keep a whole room from its codes. So it is written by its number, which at least is true.

use serde_json::Value;
use typst::text::{FontBook, FontInfo, FontStyle};
use unicode_segmentation::UnicodeSegmentation;

/// The families that documents are set in, in the order in which they are tried.
#[derive(Debug)]
pub(crate) struct Families<'a> {
    names: Vec<&'a str>,
    /// The upright fonts of each.
    fonts: Vec<Vec<&'a FontInfo>>,
}

impl<'a> Families<'a> {
    /// Those that are built in, and then whatever else is there.
    pub(crate) fn of(book: &'a FontBook, built_in: &[&'a str]) -> Self {
        // The built-in fonts for formulas have many signs, and no letters that go with the others.
        let others = book.families().map(|(name, _)| name);
        let others =
            others.filter(|name| !built_in.contains(name) && !name.starts_with("New Computer"));
        let names: Vec<&str> = built_in.iter().copied().chain(others).collect();
        let upright = |name: &&str| {
            let fonts = book.select_family(&name.to_lowercase());
            let fonts = fonts.filter_map(|font| book.info(font));
            fonts
                .filter(|font| font.variant.style == FontStyle::Normal)
                .collect()
        };
        Self {
            fonts: names.iter().map(upright).collect(),
            names,
        }
    }

    /// Their names.
    pub(crate) fn names(&self) -> &[&'a str] {
        &self.names
    }

    /// Whether one family has all of a letter and its marks: they are set in one font or not at all.
    fn have(&self, cluster: &str) -> bool {
        self.fonts.iter().any(|family| {
            let has = |c: char| family.iter().all(|font| font.coverage.contains(c.into()));
            !family.is_empty() && cluster.chars().all(|c| joins(c) || has(c))
        })
    }

    /// Makes every text in it legible.
    pub(crate) fn make_legible(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.legible(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.make_legible(item)),
            Value::Object(members) => members
                .values_mut()
                .for_each(|member| self.make_legible(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn legible(&self, text: &str) -> String {
        let seen: String = text
            .chars()
            .filter(|&c| !turns(c))
            .map(|c| if breaks(c) { ' ' } else { c })
            .collect();
        let mut out = String::with_capacity(seen.len());
        for cluster in seen.graphemes(true) {
            if self.have(cluster) && !cluster.contains(is_private) {
                out.push_str(cluster);
                continue;
            }
            for (place, c) in cluster.chars().enumerate() {
                if place == 0 && self.have(c.encode_utf8(&mut [0; 4])) && !is_private(c) {
                    out.push(c);
                } else {
                    out.push_str(&format!("[U+{:04X}]", u32::from(c)));
                }
            }
        }
        out
    }
}

/// Whether a character would begin a line, or is a control character.
fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// What shapes its neighbours and is not seen itself: the joiners, without which Persian and Hindi
/// are misspelt.
fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// What turns the direction of what follows, also of what others wrote, and marks of byte order.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Characters without a meaning of their own, which the standards refuse.
fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '\u{fffc}'..='\u{ffff}')
}
