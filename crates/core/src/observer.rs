//! Observers: a node, or an examiner in a network.

use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who looks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Observer {
    /// The agent in a node.
    Node(String),
    /// A probe of the grader, plugged into a network for the time of grading.
    Examiner {
        /// The network.
        network: String,
        /// Its address there.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        address: IpNet,
        /// Its default gateway.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        gateway: Option<IpAddr>,
    },
}

/// A probe of the grader, plugged into a network for the time of grading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExaminerSpec {
    /// The network.
    pub examiner: String,
    /// Its address there, with prefix length.
    #[schemars(with = "String")]
    pub address: IpNet,
    /// Its default gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub gateway: Option<IpAddr>,
}

/// Who looks across the network: a node's name, or an examiner.
#[derive(Clone, Debug, PartialEq)]
pub enum FromSpec {
    /// A node.
    Node(String),
    /// An examiner.
    Examiner(ExaminerSpec),
}

impl Serialize for FromSpec {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Node(name) => serializer.serialize_str(name),
            Self::Examiner(examiner) => examiner.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for FromSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FromVisitor;

        impl<'de> serde::de::Visitor<'de> for FromVisitor {
            type Value = FromSpec;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a node's name, or `{ examiner: NETWORK, address: ADDRESS/PREFIX }`")
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<FromSpec, E> {
                Ok(FromSpec::Node(value.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<FromSpec, A::Error> {
                let map = serde::de::value::MapAccessDeserializer::new(map);
                ExaminerSpec::deserialize(map).map(FromSpec::Examiner)
            }
        }

        deserializer.deserialize_any(FromVisitor)
    }
}

impl JsonSchema for FromSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "From".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let examiner = generator.subschema_for::<ExaminerSpec>();
        schemars::json_schema!({
            "description": "a node's name, or an examiner",
            "anyOf": [{ "type": "string" }, examiner]
        })
    }
}
