//! Of texts: a line, several, or the output of a command.

use plateau_core::matcher::{Matcher, Pattern};
use plateau_core::tree::{Kind, Tree};

use super::{
    MatcherResult, Unsupported, all, combined, elements, escaped, operator, strange, unfit, words,
};
use crate::document::{self, scalar};
use crate::goss::pattern;

/// What Goss sees as a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::goss) enum Seen {
    /// One line, such as an owner's name.
    Line,
    /// Lines, such as a file's content.
    Lines,
    /// The output of a command: lines, and here without the last line feed.
    Output,
}

/// Of a text.
pub(in crate::goss) fn text(tree: &Tree, seen: Seen) -> MatcherResult<String> {
    match &tree.kind {
        Kind::Text { text, .. } => Ok(Some(Matcher::Is(without_end(text, seen).to_owned()))),
        Kind::Integer(value) if seen == Seen::Line => Ok(Some(Matcher::Is(value.to_string()))),
        Kind::Integer(value) => expression(tree, pattern::whole(&format!(r"\A\s*{value}\s*\z"))),
        Kind::List(patterns) if seen == Seen::Line => match patterns.as_slice() {
            [] => Ok(None),
            [one] => text(one, seen),
            _ => unfit(tree, "one line cannot be several"),
        },
        Kind::List(patterns) => in_lines(patterns),
        Kind::Map(_) => {
            let (operator, inner) = operator(tree)?;
            match combined(operator, inner, &|part| text(part, seen))? {
                Some(fit) => fit,
                None => of_text(operator, inner, seen),
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Float(_) => unfit(
            tree,
            format!(
                "{} stands where a text is expected; put it in quotes",
                document::kind(tree)
            ),
        ),
    }
}

fn of_text(operator: &str, tree: &Tree, seen: Seen) -> MatcherResult<String> {
    match operator {
        "equal" => text(tree, seen),
        "have-prefix" => expression(tree, pattern::whole(&format!(r"\A{}", escaped(tree)?))),
        "have-suffix" => {
            let suffix = words(tree)?;
            let suffix = regex_syntax::escape(without_end(&suffix, seen));
            expression(tree, pattern::whole(&format!(r"{suffix}\z")))
        }
        "match-regexp" => expression(tree, pattern::whole(&words(tree)?)),
        "contain-substring" => Ok(Some(Matcher::Contains(words(tree)?))),
        "have-patterns" => in_lines(elements(tree)?),
        "contain-element" if seen == Seen::Line => text(tree, seen),
        "contain-element" => line(tree).map(Some),
        "contain-elements" | "consist-of" if seen == Seen::Line => match elements(tree)? {
            [one] => text(one, seen),
            _ => unfit(tree, "one line cannot be several"),
        },
        "contain-elements" => {
            let each: Result<Vec<_>, Unsupported> = elements(tree)?.iter().map(line).collect();
            Ok(all(each?))
        }
        "have-len" if matches!(tree.kind, Kind::Integer(0)) => Ok(Some(Matcher::Is(String::new()))),
        "have-len" if seen == Seen::Line && matches!(tree.kind, Kind::Integer(1)) => Ok(None),
        "have-len" => unfit(tree, "the length of a text cannot be asked for"),
        other => strange(tree, other, "a text"),
    }
}

fn in_lines(patterns: &[Tree]) -> MatcherResult<String> {
    let mut each = Vec::new();
    for tree in patterns {
        let Kind::Text { text, .. } = &tree.kind else {
            return unfit(
                tree,
                format!("{} is not a valid pattern", document::kind(tree)),
            );
        };
        let read = pattern::in_lines(text).map_err(|why| Unsupported { at: tree.at, why })?;
        each.extend(read);
    }
    Ok(all(each))
}

/// That a text has a line which is so.
fn line(tree: &Tree) -> Result<Matcher<String>, Unsupported> {
    let by_line = |expression: String| match pattern::by_line(&expression) {
        Ok(pattern) => Ok(Matcher::Matches(pattern)),
        Err(why) => unfit(tree, why),
    };
    if let Some(text) = scalar(tree) {
        return by_line(format!("^{}$", regex_syntax::escape(&text)));
    }
    let (operator, inner) = operator(tree)?;
    match operator {
        "equal" => line(inner),
        "have-prefix" => by_line(format!("^{}", escaped(inner)?)),
        "have-suffix" => by_line(format!("{}$", escaped(inner)?)),
        "contain-substring" => Ok(Matcher::Contains(words(inner)?)),
        "match-regexp" => by_line(words(inner)?),
        "or" => {
            let each: Result<Vec<_>, Unsupported> = elements(inner)?.iter().map(line).collect();
            Ok(Matcher::Any(each?))
        }
        other => strange(inner, other, "a line"),
    }
}

fn expression<T>(tree: &Tree, pattern: Result<Pattern, String>) -> MatcherResult<T> {
    match pattern {
        Ok(pattern) => Ok(Some(Matcher::Matches(pattern))),
        Err(why) => unfit(tree, why),
    }
}

/// A text without what is not seen of its end.
fn without_end(text: &str, seen: Seen) -> &str {
    match seen {
        Seen::Output => text.strip_suffix('\n').unwrap_or(text),
        Seen::Line | Seen::Lines => text,
    }
}
