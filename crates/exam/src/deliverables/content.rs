//! Formats of deliverables: the content of a file must match the extension of its name.

use file_format::FileFormat;
use plateau_core::exam::deliverable::ending;
use plateau_core::topology::Deliverable;

use super::DeliverableError;

/// Endings of files that are texts, whatever is written in them.
const TEXTS: &[&str] = &[
    "asciidoc", "adoc", "bat", "cfg", "cmd", "conf", "css", "csv", "diff", "html", "htm", "ini",
    "js", "json", "log", "markdown", "md", "patch", "pl", "ps1", "py", "rst", "sh", "sql", "svg",
    "tex", "toml", "tsv", "txt", "xml", "yaml", "yml", "zone",
];

/// Endings that are written in more than one way, and the usual one.
const ALIKE: &[(&str, &str)] = &[("jpeg", "jpg"), ("tiff", "tif")];

/// The format of a file by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileKind {
    /// The ending, in small letters.
    pub ending: String,
    /// How its content is told.
    shape: FormatRule,
}

/// How to check that a content has a format.
#[derive(Clone, Debug, PartialEq, Eq)]
enum FormatRule {
    /// It is UTF-8 and can be read.
    Text,
    /// It begins, or is put together, as one of these.
    Formats(&'static [FileFormat]),
    /// Nobody knows.
    Anything,
}

impl FileKind {
    fn of(ending: String) -> Self {
        let usual = ALIKE.iter().find(|(other, _)| *other == ending);
        let usual = usual.map_or(ending.as_str(), |(_, usual)| usual);
        let shape = if TEXTS.contains(&usual) {
            FormatRule::Text
        } else {
            match FileFormat::from_extension(usual) {
                [] => FormatRule::Anything,
                formats => FormatRule::Formats(formats),
            }
        };
        Self { ending, shape }
    }

    /// Whether it is written, and not made by a program.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.shape == FormatRule::Text
    }
}

/// The format of a file for a task, by its name.
///
/// # Errors
/// The name is not valid, or the task does not accept the format.
pub fn kind(task: &str, asked: &Deliverable, name: &str) -> Result<FileKind, DeliverableError> {
    let ending = ending(name).map_err(|source| DeliverableError::Name {
        name: name.to_owned(),
        source,
    })?;
    if !asked.accept.contains(&ending) {
        return Err(DeliverableError::Kind {
            task: task.to_owned(),
            kind: ending,
            accept: asked.accept.clone(),
        });
    }
    Ok(FileKind::of(ending))
}

/// Checks that a content has the format of the file's name. The media type that a browser sends is ignored:
/// it is derived from the name as well, depending on what is installed on the computer.
///
/// # Errors
/// It is empty, or has another format.
pub fn check(name: &str, kind: &FileKind, content: &[u8]) -> Result<(), DeliverableError> {
    if content.is_empty() {
        return Err(DeliverableError::Empty {
            name: name.to_owned(),
        });
    }
    let found = match &kind.shape {
        FormatRule::Anything => return Ok(()),
        FormatRule::Text => match std::str::from_utf8(content) {
            Ok(text) if !text.contains(is_binary) => return Ok(()),
            Ok(_) => "it has control characters, which no text has".to_owned(),
            Err(_) => "it is not a text in UTF-8".to_owned(),
        },
        FormatRule::Formats(formats) => {
            let is = FileFormat::from_bytes(content);
            if formats.contains(&is) {
                return Ok(());
            }
            if is == FileFormat::ArbitraryBinaryData {
                "nobody can tell what it is".to_owned()
            } else {
                format!("it is {} (`{}`)", is.name(), is.extension())
            }
        }
    };
    Err(DeliverableError::Content {
        name: name.to_owned(),
        kind: kind.ending.clone(),
        found,
    })
}

fn is_binary(c: char) -> bool {
    c.is_control()
        && !matches!(
            c,
            '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}' | '\u{80}'..='\u{9f}'
        )
}

/// The media type of a format.
#[must_use]
pub fn media_type(ending: &str) -> &'static str {
    match FileKind::of(ending.to_owned()).shape {
        // Never as a page: it is a candidate's.
        FormatRule::Text => "text/plain; charset=utf-8",
        FormatRule::Formats([format, ..]) => format.media_type(),
        FormatRule::Formats([]) | FormatRule::Anything => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use plateau_core::error::ErrorCode;

    use plateau_core::quantity::Size;

    use super::*;

    const ODT: &[u8] = include_bytes!("../../tests/files/text.odt");
    const DOCX: &[u8] = include_bytes!("../../tests/files/text.docx");
    const ZIP: &[u8] = include_bytes!("../../tests/files/plain.zip");
    const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n";
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";

    fn looked_at(name: &str, content: &[u8]) -> Result<(), DeliverableError> {
        let accept = [
            "md", "txt", "conf", "pdf", "odt", "docx", "zip", "png", "jpg", "jpeg", "pkt",
        ];
        let asked = Deliverable {
            accept: accept.map(str::to_owned).into(),
            at_most: Size(1 << 20),
        };
        let kind = kind("report", &asked, name)?;
        check(name, &kind, content)
    }

    #[test]
    fn a_file_that_is_what_its_name_says_is_taken() {
        let accented = "# Compte rendu\r\n\tété\u{1b}[0m\n".as_bytes();
        for (name, content) in [
            ("a.md", accented),
            ("a.TXT", b"\xef\xbb\xbfwith a mark".as_slice()),
            ("named.conf", b"zone \"atelier.lan\" {};"),
            ("a.pdf", PDF),
            ("a.odt", ODT),
            ("a.docx", DOCX),
            ("a.zip", ZIP),
            ("a.png", PNG),
            ("a.jpg", JPEG),
            ("a.jpeg", JPEG),
            ("lab.pkt", b"\x01\x02\x03"),
        ] {
            let looked = looked_at(name, content);
            assert!(looked.is_ok(), "{name}: {looked:?}");
        }
    }

    #[test]
    fn a_file_that_is_something_else_is_refused_and_it_is_said_what_it_is() {
        for (name, content, found) in [
            ("a.pdf", ODT, "OpenDocument Text"),
            ("a.odt", DOCX, "docx"),
            ("a.docx", ODT, "odt"),
            ("a.docx", ZIP, "ZIP"),
            ("a.odt", ZIP, "ZIP"),
            ("a.jpg", PNG, "png"),
            ("a.png", b"\x7fELF\x02\x01\x01\0".as_slice(), "Executable"),
            ("a.pdf", b"just text", "nobody can tell"),
            ("a.md", PDF, "not a text in UTF-8"),
            ("a.txt", b"latin \xe9", "not a text in UTF-8"),
            ("a.txt", b"bytes \0", "control characters"),
            ("a.txt", b"\xff\xfeu\0t\0f\0", "not a text in UTF-8"),
        ] {
            let refused = looked_at(name, content).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::OtherContent, "{name}");
            let told = refused.to_string();
            assert!(told.contains(found), "{told}");
        }
        assert_eq!(
            looked_at("a.pdf", b"").unwrap_err().code(),
            ErrorCode::FileEmpty
        );
    }

    #[test]
    fn a_kind_that_is_not_asked_for_is_refused() {
        let refused = looked_at("a.exe", b"MZ").unwrap_err();
        assert_eq!(refused.code(), ErrorCode::KindNotAccepted);
        let hint = refused.api().hint.unwrap();
        assert!(hint.contains("odt, docx"), "{hint}");
        let refused = looked_at("../a.pdf", PDF).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::BadFileName);
    }

    #[test]
    fn no_text_of_a_candidate_is_sent_as_a_page() {
        for ending in ["html", "svg", "md", "js"] {
            assert_eq!(media_type(ending), "text/plain; charset=utf-8");
        }
        assert_eq!(media_type("pdf"), "application/pdf");
        assert_eq!(media_type("pkt"), "application/octet-stream");
    }
}
