//! Goss's patterns and Go's regular expressions, as regular expressions of ours.
//!
//! Ours are matched against a whole text, `^` and `$` at each of its lines; Goss matches patterns
//! line by line, and everything else without regard to lines.

use plateau_core::matcher::{Matcher, Pattern};
use regex_syntax::ast::{self, Ast};
use regex_syntax::hir::{Class, HirKind};

/// A pattern as Goss's lists of patterns hold them, see its documentation of `contents`.
pub(super) fn in_lines(pattern: &str) -> Result<Option<Matcher<String>>, String> {
    let (inverse, core) = match pattern.strip_prefix('!') {
        Some(core) => (true, core),
        None => (false, pattern),
    };
    let matcher = match slashed(core) {
        Some((expression, flags)) => {
            let expression = match flags.contains('i') {
                true => format!("(?i){expression}"),
                false => expression.to_owned(),
            };
            Matcher::Matches(by_line(&expression)?)
        }
        None => match pattern.trim_start_matches(['\\', '/', '!']) {
            "" if inverse => return Err("no line is without the empty text".to_owned()),
            "" => return Ok(None),
            text if text.contains('\n') => return Err("no line holds a line feed".to_owned()),
            text => Matcher::Contains(text.to_owned()),
        },
    };
    Ok(Some(match inverse {
        true => Matcher::Not(Box::new(matcher)),
        false => matcher,
    }))
}

/// A regular expression and its flags, where a text is one between slashes.
pub(super) fn slashed(text: &str) -> Option<(&str, &str)> {
    let (expression, flags) = text.strip_prefix('/')?.rsplit_once('/')?;
    flags
        .chars()
        .all(|flag| "ims".contains(flag))
        .then_some((expression, flags))
}

/// A regular expression that is matched against each line for itself.
pub(super) fn by_line(expression: &str) -> Result<Pattern, String> {
    let tree = ast::parse::Parser::new()
        .parse(expression)
        .map_err(|error| unreadable(expression, &error.kind().to_string()))?;
    let mut edits = Vec::new();
    let dot_is_all = has_flag(&tree, ast::Flag::DotMatchesNewLine);
    confine(&tree, expression, dot_is_all, &mut edits);
    let mut confined = expression.to_owned();
    edits.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
    for (start, end, text) in edits {
        confined.replace_range(start..end, &text);
    }
    parse(&confined)
}

/// A regular expression that is matched against a text as a whole, whatever its lines.
pub(super) fn whole(expression: &str) -> Result<Pattern, String> {
    if expression.contains(['^', '$']) {
        return parse(&format!("(?-m){expression}"));
    }
    parse(expression)
}

fn parse(expression: &str) -> Result<Pattern, String> {
    expression.parse().map_err(|error: regex::Error| {
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default();
        unreadable(expression, last.trim_start_matches("error: "))
    })
}

fn unreadable(expression: &str, why: &str) -> String {
    format!("the regular expression /{expression}/ is none of ours: {why}")
}

/// What keeps every part of an expression within a line: `(start, end, replacement)`.
fn confine(tree: &Ast, text: &str, dot_is_all: bool, edits: &mut Vec<(usize, usize, String)>) {
    let mut replace = |span: &ast::Span, with: String| {
        edits.push((span.start.offset, span.end.offset, with));
    };
    match tree {
        Ast::ClassUnicode(class) => confine_class(&class.span, text, &mut replace),
        Ast::ClassPerl(class) => confine_class(&class.span, text, &mut replace),
        Ast::ClassBracketed(class) => confine_class(&class.span, text, &mut replace),
        Ast::Dot(span) if dot_is_all => replace(span, r"[^\n]".to_owned()),
        Ast::Assertion(assertion) => match assertion.kind {
            ast::AssertionKind::StartText => replace(&assertion.span, "^".to_owned()),
            ast::AssertionKind::EndText => replace(&assertion.span, "$".to_owned()),
            ast::AssertionKind::StartLine
            | ast::AssertionKind::EndLine
            | ast::AssertionKind::WordBoundary
            | ast::AssertionKind::NotWordBoundary
            | ast::AssertionKind::WordBoundaryStart
            | ast::AssertionKind::WordBoundaryEnd
            | ast::AssertionKind::WordBoundaryStartAngle
            | ast::AssertionKind::WordBoundaryEndAngle
            | ast::AssertionKind::WordBoundaryStartHalf
            | ast::AssertionKind::WordBoundaryEndHalf => {}
        },
        Ast::Repetition(repetition) => confine(&repetition.ast, text, dot_is_all, edits),
        Ast::Group(group) => confine(&group.ast, text, dot_is_all, edits),
        Ast::Alternation(parts) => {
            for part in &parts.asts {
                confine(part, text, dot_is_all, edits);
            }
        }
        Ast::Concat(parts) => {
            for part in &parts.asts {
                confine(part, text, dot_is_all, edits);
            }
        }
        Ast::Empty(_) | Ast::Flags(_) | Ast::Literal(_) | Ast::Dot(_) => {}
    }
}

/// Takes the line feed out of a class that has it.
fn confine_class(span: &ast::Span, text: &str, replace: &mut impl FnMut(&ast::Span, String)) {
    let class = &text[span.start.offset..span.end.offset];
    let Ok(read) = regex_syntax::parse(class) else {
        return;
    };
    let has_line_feed = match read.kind() {
        HirKind::Class(Class::Unicode(class)) => class
            .iter()
            .any(|range| range.start() <= '\n' && '\n' <= range.end()),
        HirKind::Class(Class::Bytes(_))
        | HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Capture(_)
        | HirKind::Concat(_)
        | HirKind::Alternation(_) => false,
    };
    if has_line_feed {
        replace(span, format!(r"[{class}--\n]"));
    }
}

/// Whether a flag is set anywhere in an expression.
fn has_flag(tree: &Ast, flag: ast::Flag) -> bool {
    let set = |flags: &ast::Flags| flags.flag_state(flag) == Some(true);
    match tree {
        Ast::Flags(flags) => set(&flags.flags),
        Ast::Group(group) => group.flags().is_some_and(set) || has_flag(&group.ast, flag),
        Ast::Repetition(repetition) => has_flag(&repetition.ast, flag),
        Ast::Alternation(parts) => parts.asts.iter().any(|part| has_flag(part, flag)),
        Ast::Concat(parts) => parts.asts.iter().any(|part| has_flag(part, flag)),
        Ast::Empty(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(pattern: &str, text: &str) -> bool {
        let matcher = in_lines(pattern).expect(pattern);
        matcher.is_none_or(|matcher| matcher.accepts(&text.to_owned()))
    }

    #[test]
    fn patterns_mean_what_they_mean_in_goss() {
        for (pattern, text, holds) in [
            ("foo", "a foo b", true),
            ("!foo", "a foo b", false),
            ("!foo", "bar", true),
            (r"\!foo", "a !foo", true),
            (r"\!foo", "a foo", true),
            ("/[Rr]egex/", "a Regex", true),
            ("!/[Rr]egex/", "a Regex", false),
            ("/REGEX/i", "a regex", true),
            ("/^b$/", "a\nb\nc", true),
            ("/usr/local", "in usr/local", true),
            ("", "", true),
            ("/a$/", "a\n", true),
        ] {
            assert_eq!(accepts(pattern, text), holds, "{pattern} in {text:?}");
        }
    }

    #[test]
    fn no_pattern_reaches_over_the_end_of_a_line() {
        for pattern in [
            r"/a\s+b/",
            "/a[^x]b/",
            r"/a\Wb/",
            r"/a[\s,]b/",
            "/(?s)a.b/",
            "/(?s:a.)b/",
            r"/a\PLb/",
            r"/a(\s|x)?b/",
        ] {
            assert!(!accepts(pattern, "a\nb"), "{pattern}");
            assert!(
                accepts(pattern, "a b") || accepts(pattern, "ab"),
                "{pattern}"
            );
        }
        assert!(accepts(r"/\Ab\z/", "a\nb\nc"));
    }

    #[test]
    fn a_whole_text_has_one_beginning_and_one_end() {
        let pattern = whole("^b$").expect("it is one");
        assert!(pattern.is_match("b") && !pattern.is_match("a\nb\nc"));
    }

    #[test]
    fn what_is_no_expression_says_why() {
        assert!(in_lines("/(/").is_err_and(|why| why.contains("unclosed group")));
    }
}
