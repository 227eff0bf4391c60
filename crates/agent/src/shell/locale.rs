//! The node's locale.

/// The assignments of `/etc/default/locale` that concern a language.
pub(crate) fn locale(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter_map(|line| line.trim().split_once('='))
        .filter(|(name, _)| name.starts_with("LC_") || ["LANG", "LANGUAGE"].contains(name))
        .map(|(name, value)| (name, value.trim_matches(['"', '\''])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::locale;

    #[test]
    fn the_locale_is_read_with_and_without_quotes() {
        assert_eq!(
            locale("# hello\nLANG=\"fr_FR.UTF-8\"\nLC_TIME=C\nPATH=/tmp\n"),
            [("LANG", "fr_FR.UTF-8"), ("LC_TIME", "C")]
        );
    }
}
