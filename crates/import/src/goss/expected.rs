//! Goss's matchers as ours, where the meaning is the same.
//!
//! What a matcher means in Goss depends on what it is applied to; so there is one reading for each
//! type of what is seen. `Ok(None)`: it asserts nothing, as an empty list does.

use plateau_core::matcher::{Matchable, Matcher};
use plateau_core::tree::{Kind, Position, Tree};

use crate::document::{self, entries, scalar};

pub(super) use list::list;
pub(super) use text::{Seen, text};

mod list;
mod text;

/// A matcher of Goss's that has no equal here.
#[derive(Clone, Debug)]
pub(super) struct Unsupported {
    /// Where it stands.
    pub(super) at: Position,
    /// Why.
    pub(super) why: String,
}

/// What comes of a matcher.
pub(super) type MatcherResult<T> = Result<Option<Matcher<T>>, Unsupported>;

pub(super) fn unfit<T>(tree: &Tree, why: impl Into<String>) -> Result<T, Unsupported> {
    Err(Unsupported {
        at: tree.at,
        why: why.into(),
    })
}

fn misplaced<T>(tree: &Tree, expected: &str) -> Result<T, Unsupported> {
    let seen = document::kind(tree);
    unfit(tree, format!("{seen} stands where {expected} is expected"))
}

/// The one operator of a matcher that is a map.
fn operator(tree: &Tree) -> Result<(&str, &Tree), Unsupported> {
    match entries(tree) {
        [entry] => Ok((entry.key.as_str(), &entry.value)),
        _ => unfit(tree, "a matcher has one operator"),
    }
}

fn strange<T>(tree: &Tree, operator: &str, what: &str) -> Result<T, Unsupported> {
    let why = match operator {
        "semver-constraint" => "versions cannot be asked for by `semver-constraint`".to_owned(),
        "gjson" | "xml" | "have-key" => {
            format!("nothing looks into a document as `{operator}` does")
        }
        "gt" | "ge" | "lt" | "le" => format!("`{operator}` cannot be asked of {what}"),
        _ => format!("`{operator}` is not a valid matcher for {what}"),
    };
    unfit(tree, why)
}

fn elements(tree: &Tree) -> Result<&[Tree], Unsupported> {
    let Kind::List(elements) = &tree.kind else {
        return misplaced(tree, "a list");
    };
    Ok(elements)
}

/// `and`, `or` and `not`, which mean the same for everything. `None`: it is none of them.
fn combined<T: Matchable>(
    operator: &str,
    tree: &Tree,
    read: &dyn Fn(&Tree) -> MatcherResult<T>,
) -> Result<Option<MatcherResult<T>>, Unsupported> {
    Ok(Some(match operator {
        "and" => {
            let each: Result<Vec<_>, Unsupported> = elements(tree)?.iter().map(read).collect();
            Ok(all(each?.into_iter().flatten().collect()))
        }
        "or" => {
            let each: Result<Vec<_>, Unsupported> = elements(tree)?.iter().map(read).collect();
            // One that asserts nothing is always so, and all of them with it.
            let each: Option<Vec<_>> = each?.into_iter().collect();
            Ok(each.map(any))
        }
        "not" => match read(tree)? {
            None => unfit(tree, "it is never so"),
            Some(inner) => Ok(Some(Matcher::Not(Box::new(inner)))),
        },
        _ => return Ok(None),
    }))
}

/// All of these, written as simply as can be.
pub(super) fn all<T>(mut each: Vec<Matcher<T>>) -> Option<Matcher<T>> {
    match each.len() {
        0 => None,
        1 => each.pop(),
        _ => Some(Matcher::All(each)),
    }
}

fn any<T: Matchable>(each: Vec<Matcher<T>>) -> Matcher<T> {
    let is_value = |matcher: &Matcher<T>| matches!(matcher, Matcher::Is(_));
    if !T::OPERATORS.contains(&"one_of") || !each.iter().all(is_value) {
        return Matcher::Any(each);
    }
    let value = |matcher| {
        if let Matcher::Is(value) = matcher {
            Some(value)
        } else {
            None
        }
    };
    Matcher::OneOf(each.into_iter().filter_map(value).collect())
}

/// Of `true` or `false`: whichever of the two it accepts.
pub(super) fn flag(tree: &Tree) -> MatcherResult<bool> {
    match (accepts(tree, true)?, accepts(tree, false)?) {
        (true, true) => Ok(None),
        (true, false) => Ok(Some(Matcher::Is(true))),
        (false, true) => Ok(Some(Matcher::Is(false))),
        (false, false) => unfit(tree, "it is never so"),
    }
}

fn accepts(tree: &Tree, value: bool) -> Result<bool, Unsupported> {
    if entries(tree).is_empty() {
        return match scalar(tree).as_deref() {
            Some("true") => Ok(value),
            Some("false") => Ok(!value),
            _ => misplaced(tree, "true or false"),
        };
    }
    let (operator, inner) = operator(tree)?;
    let each = || {
        elements(inner)?
            .iter()
            .map(|part| accepts(part, value))
            .collect::<Result<Vec<_>, _>>()
    };
    match operator {
        "equal" => accepts(inner, value),
        "not" => Ok(!accepts(inner, value)?),
        "and" => Ok(each()?.into_iter().all(|holds| holds)),
        "or" => Ok(each()?.into_iter().any(|holds| holds)),
        other => strange(inner, other, "true or false"),
    }
}

/// Of a whole number.
pub(super) fn number(tree: &Tree) -> MatcherResult<i64> {
    match &tree.kind {
        Kind::Integer(value) => Ok(Some(Matcher::Is(*value))),
        Kind::Float(value) => match floor(*value) {
            (low, true) => Ok(Some(Matcher::Is(low))),
            (_, false) => unfit(tree, "a whole number is never a fraction"),
        },
        Kind::Text { text, .. } => match text.trim().parse() {
            Ok(value) => Ok(Some(Matcher::Is(value))),
            Err(_) => unfit(tree, format!("{text:?} is not a number")),
        },
        Kind::Map(_) => {
            let (operator, inner) = operator(tree)?;
            match operator {
                "equal" => return number(inner),
                "gt" | "ge" | "lt" | "le" => return bound(operator, inner).map(Some),
                _ => {}
            }
            match combined(operator, inner, &number)? {
                Some(fit) => fit,
                None => strange(inner, operator, "a whole number"),
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::List(_) => misplaced(tree, "a number"),
    }
}

/// The largest whole number that is not above, and whether it is the same.
#[allow(
    clippy::cast_possible_truncation,
    reason = "what is beyond the largest whole number is bounded by it"
)]
fn floor(value: f64) -> (i64, bool) {
    let low = value.floor();
    (low as i64, low.total_cmp(&value).is_eq())
}

fn bound<T>(operator: &str, tree: &Tree) -> Result<Matcher<T>, Unsupported> {
    let (low, whole) = match &tree.kind {
        Kind::Integer(value) => (*value, true),
        Kind::Float(value) => floor(*value),
        Kind::Null | Kind::Bool(_) | Kind::Text { .. } | Kind::List(_) | Kind::Map(_) => {
            return misplaced(tree, "a number");
        }
    };
    Ok(match operator {
        "gt" => Matcher::AtLeast(low.saturating_add(1)),
        "ge" if whole => Matcher::AtLeast(low),
        "ge" => Matcher::AtLeast(low.saturating_add(1)),
        "lt" if whole => Matcher::AtMost(low.saturating_sub(1)),
        _ => Matcher::AtMost(low),
    })
}

fn words(tree: &Tree) -> Result<String, Unsupported> {
    match scalar(tree) {
        Some(text) => Ok(text),
        None => misplaced(tree, "a text"),
    }
}

fn escaped(tree: &Tree) -> Result<String, Unsupported> {
    Ok(regex_syntax::escape(&words(tree)?))
}

/// A matcher of texts as one of what is written as a text, such as a mode.
pub(super) fn retyped<T: Matchable>(matcher: Matcher<String>) -> Result<Matcher<T>, String> {
    let value =
        |text: String| T::from_text(&text).ok_or_else(|| format!("{text:?} is not {}", T::NAME));
    let each = |inner: Vec<Matcher<String>>| {
        inner
            .into_iter()
            .map(retyped::<T>)
            .collect::<Result<Vec<_>, String>>()
    };
    Ok(match matcher {
        Matcher::Is(text) => Matcher::Is(value(text)?),
        Matcher::OneOf(texts) => {
            Matcher::OneOf(texts.into_iter().map(value).collect::<Result<_, _>>()?)
        }
        Matcher::Contains(part) => Matcher::Contains(part),
        Matcher::Matches(pattern) => Matcher::Matches(pattern),
        Matcher::AtLeast(least) => Matcher::AtLeast(least),
        Matcher::AtMost(most) => Matcher::AtMost(most),
        Matcher::Not(inner) => Matcher::Not(Box::new(retyped(*inner)?)),
        Matcher::Any(inner) => Matcher::Any(each(inner)?),
        Matcher::All(inner) => Matcher::All(each(inner)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Tree {
        Tree::parse("goss.yaml", yaml.as_bytes()).expect(yaml)
    }

    /// What a matcher says of a value; `None`: it has no equal here.
    fn of<T: Matchable>(fit: MatcherResult<T>, value: &T) -> Option<bool> {
        let matcher = fit.ok()?;
        Some(matcher.is_none_or(|matcher| matcher.accepts(value)))
    }

    #[test]
    fn matchers_of_numbers_mean_what_they_mean_in_goss() {
        for (yaml, value, holds) in [
            ("5", 5, Some(true)),
            ("'5'", 5, Some(true)),
            ("5.0", 5, Some(true)),
            ("5.5", 5, None),
            ("{ gt: 5 }", 5, Some(false)),
            ("{ gt: 4.5 }", 5, Some(true)),
            ("{ gt: 5.5 }", 5, Some(false)),
            ("{ ge: 4.5 }", 4, Some(false)),
            ("{ lt: 5.5 }", 5, Some(true)),
            ("{ lt: 5 }", 5, Some(false)),
            ("{ le: 5.5 }", 6, Some(false)),
            ("{ and: [ { ge: 1 }, { not: 3 } ] }", 3, Some(false)),
            ("{ or: [ 1, 2 ] }", 2, Some(true)),
            ("{ or: [] }", 2, Some(false)),
            ("{ and: [] }", 2, Some(true)),
            ("{ not: { and: [] } }", 2, None),
            ("{ gt: 1, lt: 5 }", 2, None),
            ("{ have-prefix: 1 }", 1, None),
        ] {
            assert_eq!(of(number(&read(yaml)), &value), holds, "{yaml} of {value}");
        }
    }

    #[test]
    fn matchers_of_flags_mean_what_they_mean_in_goss() {
        for (yaml, holds) in [
            ("true", Some(true)),
            ("'false'", Some(false)),
            ("{ not: false }", Some(true)),
            ("{ or: [ true, false ] }", Some(true)),
            ("{ and: [ true, false ] }", None),
            ("5", None),
        ] {
            assert_eq!(of(flag(&read(yaml)), &true), holds, "{yaml}");
        }
    }

    #[test]
    fn matchers_of_texts_mean_what_they_mean_in_goss() {
        let lines = "foo bar\n15\nmoo cow\n";
        for (yaml, holds) in [
            ("[ foo, '/^m.*w$/', '!wtf', '!/^ERROR:/' ]", Some(true)),
            ("[]", Some(true)),
            ("''", Some(false)),
            ("{ have-prefix: foo }", Some(true)),
            ("{ have-prefix: moo }", Some(false)),
            ("{ have-suffix: \"cow\\n\" }", Some(true)),
            ("{ match-regexp: '^moo' }", Some(false)),
            ("{ match-regexp: 'bar\\s15' }", Some(true)),
            ("{ contain-element: { have-prefix: moo } }", Some(true)),
            ("{ contain-element: { match-regexp: '^15$' } }", Some(true)),
            (
                "{ contain-element: { match-regexp: 'bar\\s15' } }",
                Some(false),
            ),
            ("{ contain-element: '15' }", Some(true)),
            ("{ contain-element: '5' }", Some(false)),
            (
                "{ contain-elements: [ { have-suffix: cow }, '15' ] }",
                Some(true),
            ),
            ("{ not: { contain-substring: wtf } }", Some(true)),
            ("{ have-patterns: [ foo ] }", Some(true)),
            ("{ have-len: 19 }", None),
            ("{ contain-element: { lt: 20 } }", None),
            ("{ semver-constraint: '>1' }", None),
        ] {
            let fit = text(&read(yaml), Seen::Lines);
            assert_eq!(of(fit, &lines.to_owned()), holds, "{yaml}");
        }
        let output = text(&read("\"15\\n\""), Seen::Output);
        assert_eq!(of(output, &"15".to_owned()), Some(true));
        let number = text(&read("15"), Seen::Output);
        assert_eq!(of(number, &" 15 ".to_owned()), Some(true));
    }

    #[test]
    fn matchers_of_lists_mean_what_they_mean_in_goss() {
        let seen: Vec<String> = ["foo", "bar", "moo"].map(str::to_owned).to_vec();
        for (yaml, holds) in [
            ("[ foo, bar ]", Some(true)),
            ("[ foo, baz ]", Some(false)),
            ("[ foo, foo ]", None),
            ("{ contain-element: { have-prefix: b } }", Some(true)),
            ("{ contain-element: fo }", Some(false)),
            (
                "{ contain-elements: [ foo, { have-prefix: m } ] }",
                Some(true),
            ),
            ("{ contain-elements: [ foo, { have-prefix: f } ] }", None),
            (
                "{ contain-elements: [ { have-prefix: f }, { have-prefix: m } ] }",
                None,
            ),
            ("{ consist-of: [ moo, foo, bar ] }", Some(true)),
            ("{ consist-of: [ moo, foo ] }", Some(false)),
            (
                "{ consist-of: [ foo, { have-prefix: m }, bar ] }",
                Some(true),
            ),
            ("{ have-len: 3 }", Some(true)),
            ("{ have-len: 0 }", Some(false)),
            (
                "{ and: [ { have-len: 3 }, { not: { contain-element: x } } ] }",
                Some(true),
            ),
            ("{ contain-element: { not: foo } }", None),
            ("{ match-regexp: ^bar }", None),
        ] {
            let fit = list(&read(yaml), &str::to_owned);
            assert_eq!(of(fit, &seen), holds, "{yaml}");
        }
    }
}
