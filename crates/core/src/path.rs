//! Paths as texts: of a file in a folder that is transferred, and of a file or folder in a node.

/// Why a text is not the path of a file in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FolderPathError {
    /// It leads, or may lead, out of the folder: it is absolute, has a part `.` or `..`, or a
    /// backslash, which some systems take for a separator.
    #[error("it leaves the folder")]
    Leaves,
    /// A part of it is empty, or it holds a character that no file name has.
    #[error("it is not the path of a file")]
    Malformed,
}

/// The path of a file in a folder, which stays in it wherever the folder is unpacked: parts joined
/// by `/`, each with a name. It says nothing of its length, which is the business of whoever takes
/// the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderPath<'a>(&'a str);

impl<'a> FolderPath<'a> {
    /// Takes a text as a path.
    ///
    /// # Errors
    /// It leaves the folder, or is not a path at all.
    pub fn parse(text: &'a str) -> Result<Self, FolderPathError> {
        let leaves = |part| matches!(part, "." | "..");
        if text.starts_with('/') || text.contains('\\') || text.split('/').any(leaves) {
            return Err(FolderPathError::Leaves);
        }
        if text.contains('\0') || text.split('/').any(str::is_empty) {
            return Err(FolderPathError::Malformed);
        }
        Ok(Self(text))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether each of its parts has at most so many bytes.
    #[must_use]
    pub fn has_parts_up_to(self, longest: usize) -> bool {
        self.0.split('/').all(|part| part.len() <= longest)
    }
}

/// An absolute path in a node, of which no part is `..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodePath<'a>(&'a str);

impl<'a> NodePath<'a> {
    /// Takes a text as a path; `None` where it is relative, or has a part `..`.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let leaves = text.split('/').any(|part| part == "..");
        (text.starts_with('/') && !leaves).then_some(Self(text))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether a file can have it: it does not end with a slash.
    #[must_use]
    pub fn can_be_file(self) -> bool {
        !self.0.ends_with('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_folder_stays_in_it() {
        for path in ["scenario.yaml", "files/a/b.txt", "..a/b..", "é.md", "a:b"] {
            assert_eq!(FolderPath::parse(path).map(FolderPath::as_str), Ok(path));
        }
        for path in ["/etc/passwd", "../x", "a/../../x", "./a", "a\\b", "..", "."] {
            assert_eq!(FolderPath::parse(path), Err(FolderPathError::Leaves));
        }
        for path in ["", "a//b", "a/", "a\0b"] {
            assert_eq!(FolderPath::parse(path), Err(FolderPathError::Malformed));
        }
    }

    #[test]
    fn the_length_of_a_part_is_in_bytes() {
        let path = FolderPath::parse("files/éé").unwrap();
        assert!(path.has_parts_up_to(5) && !path.has_parts_up_to(4));
    }

    #[test]
    fn a_path_in_a_node_is_absolute_and_goes_down() {
        for (path, file) in [
            ("/etc/motd", true),
            ("/srv/", false),
            ("/", false),
            ("/a..b", true),
        ] {
            let parsed = NodePath::parse(path).unwrap();
            assert_eq!((parsed.as_str(), parsed.can_be_file()), (path, file));
        }
        for path in ["", "etc/motd", "/srv/../etc", "/..", ".."] {
            assert_eq!(NodePath::parse(path), None, "{path}");
        }
    }
}
