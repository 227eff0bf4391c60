//! Of lists of texts.

use std::collections::BTreeSet;

use plateau_core::matcher::Matcher;
use plateau_core::tree::{Kind, Tree};

use super::{
    MatcherResult, Unsupported, all, combined, elements, misplaced, operator, strange, unfit, words,
};
use crate::document::scalar;
use crate::goss::pattern;

/// Of a list, whose elements are spelled as `spell` spells them.
pub(in crate::goss) fn list(
    tree: &Tree,
    spell: &dyn Fn(&str) -> String,
) -> MatcherResult<Vec<String>> {
    match &tree.kind {
        Kind::List(parts) => superset(tree, parts, spell).map(all),
        Kind::Text { text, .. } => Ok(Some(Matcher::Is(vec![spell(text)]))),
        Kind::Integer(value) => Ok(Some(Matcher::Is(vec![spell(&value.to_string())]))),
        Kind::Map(_) => {
            let (operator, inner) = operator(tree)?;
            match combined(operator, inner, &|part| list(part, spell))? {
                Some(fit) => fit,
                None => of_list(operator, inner, spell),
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Float(_) => misplaced(tree, "a list"),
    }
}

fn of_list(
    operator: &str,
    tree: &Tree,
    spell: &dyn Fn(&str) -> String,
) -> MatcherResult<Vec<String>> {
    match operator {
        "contain-element" => element(tree, spell).map(Some),
        "contain-elements" => Ok(all(superset(tree, elements(tree)?, spell)?)),
        // Ours have an order of their own, so that Goss's is no more than which elements there are.
        "consist-of" | "equal" => {
            let parts = elements(tree)?;
            let mut each = superset(tree, parts, spell)?;
            each.extend(length(i64::try_from(parts.len()).unwrap_or(i64::MAX)));
            Ok(all(each))
        }
        "have-len" => match tree.kind {
            Kind::Integer(count) if count >= 0 => Ok(all(length(count))),
            _ => misplaced(tree, "a length"),
        },
        // Goss joins the elements by line feeds, so that `^` and `$` are ends of the list there.
        "match-regexp" if scalar(tree).is_some_and(|text| text.contains(['^', '$'])) => unfit(
            tree,
            "`^` and `$` are the ends of an element here, and of the list in Goss",
        ),
        "contain-substring" | "match-regexp" => element_of(operator, tree, spell).map(Some),
        other => strange(tree, other, "a list"),
    }
}

fn length(count: i64) -> Vec<Matcher<Vec<String>>> {
    match count {
        0 => vec![Matcher::AtMost(0)],
        _ => vec![Matcher::AtLeast(count), Matcher::AtMost(count)],
    }
}

/// That there is an element for each of these, and another for each.
fn superset(
    tree: &Tree,
    parts: &[Tree],
    spell: &dyn Fn(&str) -> String,
) -> Result<Vec<Matcher<Vec<String>>>, Unsupported> {
    let each: Result<Vec<_>, Unsupported> = parts.iter().map(|part| element(part, spell)).collect();
    let each = each?;
    let mut values = Vec::new();
    let mut patterns = Vec::new();
    for matcher in &each {
        match matcher {
            Matcher::Contains(text) => values.push(text.clone()),
            pattern => patterns.push(pattern),
        }
    }
    let distinct = values.iter().collect::<BTreeSet<_>>().len() == values.len();
    if !distinct || patterns.len() > 1 || patterns.iter().any(|pattern| pattern.accepts(&values)) {
        let why = "one element could stand for two of these here, and for one alone in Goss";
        return unfit(tree, why);
    }
    Ok(each)
}

/// That a list has an element which is so.
fn element(
    tree: &Tree,
    spell: &dyn Fn(&str) -> String,
) -> Result<Matcher<Vec<String>>, Unsupported> {
    if let Some(text) = scalar(tree) {
        return Ok(Matcher::Contains(spell(&text)));
    }
    let (operator, inner) = operator(tree)?;
    element_of(operator, inner, spell)
}

fn element_of(
    operator: &str,
    tree: &Tree,
    spell: &dyn Fn(&str) -> String,
) -> Result<Matcher<Vec<String>>, Unsupported> {
    let spelled = || Ok(regex_syntax::escape(&spell(&words(tree)?)));
    let matches = |expression: String| match pattern::by_line(&expression) {
        Ok(pattern) => Ok(Matcher::Matches(pattern)),
        Err(why) => unfit(tree, why),
    };
    match operator {
        "equal" => element(tree, spell),
        "have-prefix" => matches(format!("^{}", spelled()?)),
        "have-suffix" => matches(format!("{}$", spelled()?)),
        "contain-substring" => matches(spelled()?),
        "match-regexp" => matches(words(tree)?),
        "or" => {
            let each: Result<Vec<_>, Unsupported> = elements(tree)?
                .iter()
                .map(|part| element(part, spell))
                .collect();
            Ok(Matcher::Any(each?))
        }
        other => strange(tree, other, "an element of a list"),
    }
}
