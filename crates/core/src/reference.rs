//! The reference of the questions: one page in Markdown, made from their types alone.

use std::fmt::Write;

use serde_json::{Map, Value as Json};

use crate::matcher::{Matchable, Mode};
use crate::question::doubt::DOUBTS;
use crate::question::{Expectation, Vantage};

const HEAD: &str = "\
# Reference of the questions

This page is written by `plateau scenario reference` from the types that read a scenario. [Writing a scenario](scenario.md) says how checks are made of questions.

Every kind of question below stands under a check's `that:`. Its first table says where to look; texts, numbers and booleans of a scenario may be templates there. Its second table has the attributes that can be seen: each takes a matcher, and what is not there is accepted by no matcher, not even `not`.

Who grades looks from outside: the candidate's root cannot answer for it. What an answer still rests on stands under each kind, after *What can deceive it*. `plateau scenario check` says what share of the points rests on a node's own programs, and on views of the network from machines that the candidate enters. Where that matters, look with an examiner, or add a check that looks at the effect.
";

/// What each operator of a matcher accepts.
const OPERATORS: &[(&str, &str)] = &[
    (
        "contains",
        "a text with this part, or a list with this element",
    ),
    (
        "matches",
        "a text, or a list with an element, in which this regular expression finds a match",
    ),
    ("one_of", "what is equal to one of these"),
    ("at_least", "a number, or a list's length, not below this"),
    ("at_most", "a number, or a list's length, not above this"),
    ("not", "what is there and is not accepted by this matcher"),
    ("any", "what at least one of these matchers accepts"),
    ("all", "what each of these matchers accepts"),
];

/// The whole page.
#[must_use]
pub fn reference() -> String {
    let schema = schemars::schema_for!(Expectation).to_value();
    let mut page = HEAD.to_owned();
    matchers(&mut page);
    for (vantage, title) in [
        (Vantage::Inside, "Inside a node: `on`"),
        (Vantage::Across, "Across the network: `from`"),
    ] {
        // Writing into a text cannot fail.
        let _ = writeln!(page, "\n## {title}");
        let kinds = Expectation::KINDS.iter().zip(Expectation::VANTAGES);
        for ((kind, from), example) in kinds.zip(Expectation::EXAMPLES) {
            if *from == vantage {
                one_kind(&mut page, &schema, kind, example);
            }
        }
    }
    page
}

fn matchers(page: &mut String) {
    page.push_str("\n## Matchers\n\nA matcher is the bare value, or one operator with what it takes.\n\n| operator | accepts | for |\n| --- | --- | --- |\n");
    let types: [(&str, &[&str]); 5] = [
        (String::NAME, String::OPERATORS),
        (i64::NAME, i64::OPERATORS),
        (bool::NAME, bool::OPERATORS),
        ("a mode", Mode::OPERATORS),
        (Vec::<String>::NAME, Vec::<String>::OPERATORS),
    ];
    for (operator, accepts) in OPERATORS {
        let takes = types.iter().filter(|(_, known)| known.contains(operator));
        let takes: Vec<&str> = takes.map(|(name, _)| *name).collect();
        let _ = writeln!(page, "| `{operator}` | {accepts} | {} |", takes.join(", "));
    }
}

fn one_kind(page: &mut String, schema: &Json, kind: &str, example: &str) {
    let shape = shape_of(schema, kind);
    let _ = write!(page, "\n### {kind}\n\n{}\n", described(shape));
    let doubt = DOUBTS.iter().find(|(name, _)| *name == kind);
    let doubt = doubt.map_or("", |(_, doubt)| doubt);
    let _ = write!(page, "\n*What can deceive it*: {doubt}.\n");
    let _ = write!(page, "\n```yaml\nthat: {{ {example} }}\n```\n");
    let empty = Map::new();
    let fields = shape["properties"].as_object().unwrap_or(&empty);
    let (sees, asks): (Vec<_>, Vec<_>) = fields
        .iter()
        .partition(|(_, field)| type_of(field).is_some_and(|name| name.ends_with("Matcher")));
    if !asks.is_empty() {
        page.push_str("\n| asks for | takes | |\n| --- | --- | --- |\n");
    }
    let required = shape["required"].as_array();
    for (name, field) in asks {
        let needed = required.is_some_and(|required| required.iter().any(|one| one == name));
        let needed = if needed { "" } else { ", may be absent" };
        let takes = in_words(schema, field);
        let doc = in_a_cell(&described(field));
        let _ = writeln!(page, "| `{name}` | {takes}{needed} | {doc} |");
    }
    if !sees.is_empty() {
        page.push_str("\n| sees | is | |\n| --- | --- | --- |\n");
    }
    for (name, field) in sees {
        let is = in_words(schema, field);
        let _ = writeln!(
            page,
            "| `{name}` | {is} | {} |",
            in_a_cell(&described(field))
        );
    }
}

/// The object behind a kind of the externally tagged enum.
fn shape_of<'a>(schema: &'a Json, kind: &str) -> &'a Json {
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    let mut shapes = variants.filter_map(|variant| variant["properties"].get(kind));
    resolved(schema, shapes.next().unwrap_or(&Json::Null))
}

/// What a reference in the schema stands for.
fn resolved<'a>(schema: &'a Json, part: &'a Json) -> &'a Json {
    match part["$ref"].as_str() {
        Some(path) => schema.pointer(path.trim_start_matches('#')).unwrap_or(part),
        None => part,
    }
}

/// The name of a field's type, where it has one.
fn type_of(field: &Json) -> Option<&str> {
    let alternatives = field["anyOf"].as_array().into_iter().flatten();
    let mut all = std::iter::once(field).chain(alternatives);
    let path = all.find_map(|one| one["$ref"].as_str())?;
    path.rsplit('/').next()
}

/// What a field takes, or what an attribute is, in words.
fn in_words(schema: &Json, field: &Json) -> String {
    let known = [
        ("TextMatcher", String::NAME),
        ("AWholeNumberMatcher", i64::NAME),
        ("TrueOrFalseMatcher", bool::NAME),
        ("AModeSuchAsMatcher", "a mode"),
        ("AListOfTextsMatcher", Vec::<String>::NAME),
        // The whole schema, which questions within questions lead back to.
        ("#", "a question"),
        ("From", "a node's name, or an examiner"),
    ];
    let name = type_of(field);
    if let Some((_, words)) = known.iter().find(|(known, _)| Some(*known) == name) {
        return (*words).to_owned();
    }
    let alternatives = field["anyOf"].as_array().into_iter().flatten();
    let mut all = std::iter::once(field).chain(alternatives);
    let shape = all.find(|one| one["$ref"].is_string());
    let shape = resolved(schema, shape.unwrap_or(field));
    let names = shape["oneOf"].as_array().into_iter().flatten();
    let constants = names.filter_map(|one| one["const"].as_str());
    let choices = shape["enum"].as_array().into_iter().flatten();
    let choices: Vec<String> = constants
        .chain(choices.filter_map(Json::as_str))
        .map(|name| format!("`{name}`"))
        .collect();
    if !choices.is_empty() {
        return choices.join(" or ");
    }
    if let Some(example) = shape["examples"][0].as_str() {
        return format!("text such as `{example}`");
    }
    if let Some(fields) = shape["properties"].as_object() {
        let names: Vec<String> = fields.keys().map(|name| format!("`{name}`")).collect();
        return format!("values for {}", names.join(", "));
    }
    let kinds = shape["type"].as_array().into_iter().flatten();
    let mut kinds = std::iter::once(&shape["type"]).chain(kinds);
    let kind = kinds.find_map(|kind| kind.as_str().filter(|kind| *kind != "null"));
    match kind.unwrap_or_default() {
        "string" => "text",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "names and values",
        _ => "see below",
    }
    .to_owned()
}

fn described(shape: &Json) -> String {
    let text = shape["description"].as_str().unwrap_or_default();
    text.replace("\n\n\n", "\n\n")
}

/// One line, in which nothing ends a table's cell.
fn in_a_cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_in_it_with_words_for_all_that_it_takes() {
        let page = reference();
        for kind in Expectation::KINDS {
            assert!(page.contains(&format!("\n### {kind}\n")), "{kind}");
        }
        assert!(!page.contains("see below"), "{page}");
        let undescribed = page.lines().find(|line| line.ends_with("|  |"));
        assert_eq!(undescribed, None);
    }

    #[test]
    fn every_operator_has_a_meaning() {
        let known: Vec<&str> = OPERATORS.iter().map(|(operator, _)| *operator).collect();
        assert_eq!(known, crate::matcher::OPERATORS);
    }
}
