//! Matchers: what a trainer writes wherever a value stands.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

pub use expected::Expected;
pub use scalar::{Mode, Pattern};

mod expected;
mod scalar;

/// Accepts or refuses a value of type `T`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Matcher<T> {
    /// A text that has this part, or a list that has this element.
    Contains(String),
    /// A text, or an element of a list, that this regular expression finds a match in.
    Matches(Pattern),
    /// Equal to one of these.
    OneOf(Vec<T>),
    /// A number, or a list's length, not below this.
    AtLeast(i64),
    /// A number, or a list's length, not above this.
    AtMost(i64),
    /// Not accepted by this.
    Not(Box<Matcher<T>>),
    /// Accepted by at least one of these.
    Any(Vec<Matcher<T>>),
    /// Accepted by each of these.
    All(Vec<Matcher<T>>),
    /// Equal to this: written as the bare value.
    #[serde(untagged)]
    Is(T),
}

/// The operators' names in the language.
pub const OPERATORS: &[&str] = &[
    "contains", "matches", "one_of", "at_least", "at_most", "not", "any", "all",
];

/// What one attribute was expected to be and what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// The attribute's name in the scenario language.
    pub attribute: String,
    /// Whether it is as expected.
    pub holds: bool,
    /// What was expected.
    pub expected: Expected,
    /// What was seen, shortened to some 200 characters; `None` where there is nothing of the kind.
    pub seen: Option<String>,
}

/// A value that matchers can look at.
pub trait Matchable: Sized + PartialEq + fmt::Debug {
    /// What it is called in messages: `text`, `a whole number`, …
    const NAME: &'static str;
    /// Operators that make sense for it.
    const OPERATORS: &'static [&'static str];
    /// Itself, or its elements, as texts.
    fn texts(&self) -> Vec<Cow<'_, str>>;
    /// Whether it has this part or element.
    fn has(&self, part: &str) -> bool;
    /// As a number: itself, or its length.
    fn number(&self) -> Option<i64>;
    /// From a scalar's text.
    fn from_text(text: &str) -> Option<Self>;
    /// From a list's elements.
    fn from_list(_elements: Vec<String>) -> Option<Self> {
        None
    }
    /// As it is shown in messages.
    fn show(&self) -> String;
    /// JSON Schema of a bare value.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

impl<T: Matchable> Matcher<T> {
    /// Whether it accepts the value.
    #[must_use]
    pub fn accepts(&self, value: &T) -> bool {
        match self {
            Self::Is(expected) => value == expected,
            Self::Contains(part) => value.has(part),
            Self::Matches(pattern) => value.texts().iter().any(|text| pattern.is_match(text)),
            Self::OneOf(choices) => choices.contains(value),
            Self::AtLeast(least) => value.number().is_some_and(|number| number >= *least),
            Self::AtMost(most) => value.number().is_some_and(|number| number <= *most),
            Self::Not(inner) => !inner.accepts(value),
            Self::Any(inner) => inner.iter().any(|matcher| matcher.accepts(value)),
            Self::All(inner) => inner.iter().all(|matcher| matcher.accepts(value)),
        }
    }

    /// Compares with what was seen. Nothing of the kind is accepted by no matcher.
    #[must_use]
    pub fn find(&self, attribute: &str, seen: Option<&T>) -> Finding {
        Finding {
            attribute: attribute.to_owned(),
            holds: seen.is_some_and(|value| self.accepts(value)),
            expected: self.describe(),
            seen: seen.map(|value| shorten(&value.show())),
        }
    }

    /// What it accepts, for whoever says it in a language.
    #[must_use]
    pub fn describe(&self) -> Expected {
        let each = |inner: &[Self]| inner.iter().map(Self::describe).collect();
        match self {
            Self::Is(value) => Expected::Is(value.show()),
            Self::Contains(part) => Expected::Contains(format!("{part:?}")),
            Self::Matches(pattern) => Expected::Matches(pattern.as_str().to_owned()),
            Self::OneOf(choices) => Expected::OneOf(choices.iter().map(Matchable::show).collect()),
            Self::AtLeast(least) => Expected::AtLeast(*least),
            Self::AtMost(most) => Expected::AtMost(*most),
            Self::Not(inner) => Expected::Not(Box::new(inner.describe())),
            Self::Any(inner) => Expected::Any(each(inner)),
            Self::All(inner) => Expected::All(each(inner)),
        }
    }
}

/// At most some 200 characters, the middle left out.
fn shorten(text: &str) -> String {
    const ENDS: usize = 100;
    let length = text.chars().count();
    if length <= 2 * ENDS + 20 {
        return text.to_owned();
    }
    let head: String = text.chars().take(ENDS).collect();
    let tail: String = text.chars().skip(length - ENDS).collect();
    format!("{head} […{}…] {tail}", length - 2 * ENDS)
}

const FOR_TEXT: &[&str] = &["contains", "matches", "one_of", "not", "any", "all"];
const FOR_NUMBER: &[&str] = &["one_of", "at_least", "at_most", "not", "any", "all"];
const FOR_FLAG: &[&str] = &["not"];
const FOR_LIST: &[&str] = &[
    "contains", "matches", "at_least", "at_most", "not", "any", "all",
];

macro_rules! scalar {
    ($type:ty, $name:literal, $operators:expr, $number:expr, $show:expr) => {
        impl Matchable for $type {
            const NAME: &'static str = $name;
            const OPERATORS: &'static [&'static str] = $operators;
            fn texts(&self) -> Vec<Cow<'_, str>> {
                vec![Cow::Owned(self.to_string())]
            }
            fn has(&self, part: &str) -> bool {
                self.to_string().contains(part)
            }
            fn number(&self) -> Option<i64> {
                let number: fn(&Self) -> Option<i64> = $number;
                number(self)
            }
            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
            fn show(&self) -> String {
                let show: fn(&Self) -> String = $show;
                show(self)
            }
            fn schema(generator: &mut SchemaGenerator) -> Schema {
                generator.subschema_for::<Self>()
            }
        }
    };
}
scalar!(String, "text", FOR_TEXT, |_| None, |text| format!(
    "{text:?}"
));
scalar!(
    i64,
    "a whole number",
    FOR_NUMBER,
    |number| Some(*number),
    ToString::to_string
);
scalar!(
    bool,
    "true or false",
    FOR_FLAG,
    |_| None,
    ToString::to_string
);
scalar!(
    Mode,
    "a mode such as \"0644\"",
    FOR_TEXT,
    |_| None,
    ToString::to_string
);

impl Matchable for Vec<String> {
    const NAME: &'static str = "a list of texts";
    const OPERATORS: &'static [&'static str] = FOR_LIST;
    fn texts(&self) -> Vec<Cow<'_, str>> {
        self.iter()
            .map(|text| Cow::Borrowed(text.as_str()))
            .collect()
    }
    fn has(&self, part: &str) -> bool {
        self.iter().any(|element| element == part)
    }
    fn number(&self) -> Option<i64> {
        i64::try_from(self.len()).ok()
    }
    fn from_text(_: &str) -> Option<Self> {
        None
    }
    fn from_list(elements: Vec<String>) -> Option<Self> {
        Some(elements)
    }
    fn show(&self) -> String {
        format!("[{}]", self.join(", "))
    }
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Self>()
    }
}

impl<'de, T: Matchable + Deserialize<'de>> Deserialize<'de> for Matcher<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MatcherVisitor(PhantomData))
    }
}

struct MatcherVisitor<T>(PhantomData<T>);

impl<'de, T: Matchable + Deserialize<'de>> MatcherVisitor<T> {
    fn scalar<E: de::Error>(text: &str, unexpected: de::Unexpected<'_>) -> Result<Matcher<T>, E> {
        T::from_text(text)
            .map(Matcher::Is)
            .ok_or_else(|| E::invalid_type(unexpected, &Self(PhantomData)))
    }
}

impl<'de, T: Matchable + Deserialize<'de>> Visitor<'de> for MatcherVisitor<T> {
    type Value = Matcher<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or one of {}", T::NAME, T::OPERATORS.join(", "))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Self::scalar(&value.to_string(), de::Unexpected::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Self::scalar(&value.to_string(), de::Unexpected::Signed(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Self::scalar(&value.to_string(), de::Unexpected::Unsigned(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Self::scalar(value, de::Unexpected::Str(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element::<String>()? {
            elements.push(element);
        }
        T::from_list(elements)
            .map(Matcher::Is)
            .ok_or_else(|| de::Error::invalid_type(de::Unexpected::Seq, &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some(operator) = map.next_key::<String>()? else {
            return Err(de::Error::invalid_type(de::Unexpected::Map, &self));
        };
        let Some(known) = T::OPERATORS.iter().find(|known| **known == operator) else {
            return Err(de::Error::unknown_field(&operator, T::OPERATORS));
        };
        let matcher = match *known {
            "contains" => Matcher::Contains(map.next_value()?),
            "matches" => Matcher::Matches(map.next_value()?),
            "one_of" => Matcher::OneOf(map.next_value()?),
            "at_least" => Matcher::AtLeast(map.next_value()?),
            "at_most" => Matcher::AtMost(map.next_value()?),
            "not" => Matcher::Not(map.next_value()?),
            "any" => Matcher::Any(map.next_value()?),
            _ => Matcher::All(map.next_value()?),
        };
        match map.next_key::<String>()? {
            None => Ok(matcher),
            Some(second) => Err(de::Error::custom(format!(
                "a matcher has one operator, and `{second}` follows `{operator}`; put both under `all`"
            ))),
        }
    }
}

impl<T: Matchable> JsonSchema for Matcher<T> {
    fn schema_name() -> Cow<'static, str> {
        let words = T::NAME.split('"').next().unwrap_or_default();
        let camel: String = words
            .split_whitespace()
            .map(|word| word[..1].to_uppercase() + &word[1..])
            .collect();
        format!("{camel}Matcher").into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let literal = T::schema(generator);
        let this = generator.subschema_for::<Self>();
        let mut alternatives = vec![literal.clone().to_value()];
        for operator in T::OPERATORS {
            let value = match *operator {
                "contains" => json_schema!({ "type": "string" }).to_value(),
                "matches" => json_schema!({ "type": "string", "format": "regex" }).to_value(),
                "one_of" => json_schema!({ "type": "array", "items": literal }).to_value(),
                "at_least" | "at_most" => json_schema!({ "type": "integer" }).to_value(),
                "not" => this.clone().to_value(),
                _ => json_schema!({ "type": "array", "items": this }).to_value(),
            };
            let property = serde_json::json!({ *operator: value });
            alternatives.push(
                json_schema!({ "type": "object", "properties": property, "required": [operator], "additionalProperties": false })
                    .to_value(),
            );
        }
        json_schema!({ "anyOf": alternatives })
    }
}
