//! Parameters: values drawn from a seed, the same every time.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Separates these streams from every other use of the same seed. Never change it: grades of
/// earlier sessions could no longer be recomputed.
const CONTEXT: &str = "plateau 2026-11 scenario parameter v1";
/// Characters of tokens: those that are not mistaken for one another when read aloud or on paper.
const TOKEN_ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
}

/// How a value is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterSpec {
    /// One of these texts.
    Choice(Vec<String>),
    /// A whole number between two others.
    Integer(RangeSpec),
    /// Random letters and digits.
    Token(TokenSpec),
}

/// Bounds of a whole number, both included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeSpec {
    /// The least.
    pub min: i64,
    /// The most.
    pub max: i64,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// Characters, 1 to 64.
    pub length: u32,
}

impl ParameterSpec {
    /// What is wrong with it: message and hint.
    pub(crate) fn problem(&self) -> Option<(String, &'static str)> {
        match self {
            Self::Choice(choices) if choices.is_empty() => Some((
                "there is nothing to choose from".to_owned(),
                "give at least one text",
            )),
            Self::Integer(RangeSpec { min, max }) if min > max => {
                Some((format!("`min` {min} is above `max` {max}"), "exchange them"))
            }
            Self::Token(TokenSpec { length }) if !(1..=64).contains(length) => Some((
                format!("a token of {length} characters"),
                "1 to 64 are allowed",
            )),
            Self::Choice(_) | Self::Integer(_) | Self::Token(_) => None,
        }
    }
}

/// Draws the values of all parameters of a scenario.
///
/// Each parameter has a stream of its own (ChaCha20, keyed by BLAKE3 over scenario, parameter and
/// seed), so that adding one leaves the others' values as they are.
#[must_use]
pub fn draw(
    scenario: &str,
    parameters: &BTreeMap<String, ParameterSpec>,
    seed: &str,
) -> BTreeMap<String, Value> {
    parameters
        .iter()
        .filter(|(_, spec)| spec.problem().is_none())
        .map(|(name, spec)| {
            (
                name.clone(),
                draw_one(spec, &mut stream(scenario, name, seed)),
            )
        })
        .collect()
}

fn stream(scenario: &str, name: &str, seed: &str) -> ChaCha20Rng {
    let mut material = Vec::new();
    for part in [scenario, name, seed] {
        material.extend((part.len() as u64).to_le_bytes());
        material.extend(part.as_bytes());
    }
    ChaCha20Rng::from_seed(blake3::derive_key(CONTEXT, &material))
}

fn draw_one(spec: &ParameterSpec, stream: &mut ChaCha20Rng) -> Value {
    match spec {
        ParameterSpec::Choice(choices) => {
            let index = below(stream, choices.len() as u64);
            Value::Text(choices[usize::try_from(index).unwrap_or_default()].clone())
        }
        ParameterSpec::Integer(RangeSpec { min, max }) => {
            let span = max.abs_diff(*min).saturating_add(1);
            Value::Integer(min.wrapping_add_unsigned(below(stream, span)))
        }
        ParameterSpec::Token(TokenSpec { length }) => {
            let character = |_| {
                let index = below(stream, TOKEN_ALPHABET.len() as u64);
                char::from(TOKEN_ALPHABET[usize::try_from(index).unwrap_or_default()])
            };
            Value::Text((0..*length).map(character).collect())
        }
    }
}

/// A number from 0 to `bound` - 1, each equally likely: numbers that would favour some are drawn again.
fn below(stream: &mut ChaCha20Rng, bound: u64) -> u64 {
    let fair = u64::MAX - u64::MAX % bound;
    loop {
        let number = stream.next_u64();
        if number < fair {
            return number % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs() -> BTreeMap<String, ParameterSpec> {
        BTreeMap::from([
            (
                "domain".to_owned(),
                ParameterSpec::Choice(["a.lan", "b.lan", "c.lan"].map(String::from).to_vec()),
            ),
            (
                "octet".to_owned(),
                ParameterSpec::Integer(RangeSpec { min: 20, max: 60 }),
            ),
            (
                "secret".to_owned(),
                ParameterSpec::Token(TokenSpec { length: 12 }),
            ),
        ])
    }

    /// Values that were drawn once and must come out for ever; never adapt this test to the code.
    #[test]
    fn a_seed_gives_the_same_values_for_ever() {
        let values = draw("intranet-server", &specs(), "candidate-07");
        insta::assert_json_snapshot!(values);
    }

    #[test]
    fn a_parameter_more_leaves_the_others_as_they_are() {
        let few = draw("s", &specs(), "x");
        let mut specs = specs();
        specs.insert(
            "another".to_owned(),
            ParameterSpec::Token(TokenSpec { length: 3 }),
        );
        let more = draw("s", &specs, "x");
        assert!(few.iter().all(|(name, value)| more[name] == *value));
    }

    #[test]
    fn the_whole_range_is_drawn_and_nothing_else() {
        let specs = BTreeMap::from([(
            "n".to_owned(),
            ParameterSpec::Integer(RangeSpec { min: -1, max: 1 }),
        )]);
        let mut seen: Vec<Value> = (0..200)
            .map(|k| draw("s", &specs, &k.to_string())["n"].clone())
            .collect();
        seen.sort_by_key(|value| format!("{value:?}"));
        seen.dedup();
        assert_eq!(seen.len(), 3, "{seen:?}");
    }
}
