//! Durations, sizes and rates as people write them.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time in whole milliseconds, written `90m`, `1h 30m` or `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub u64);

/// An amount of memory or disk in bytes, written `512MiB` or `5 MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A data rate in bits per second, written `10Mbit` (or `kbit`, `Gbit`, `bit`), as `tc` takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u64);

/// A text that is not a quantity; the message says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct QuantityError {
    text: String,
    what: &'static str,
}

impl FromStr for Span {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let refused = || QuantityError {
            text: text.to_owned(),
            what: "a duration such as 90m, 1h 30m or 20s",
        };
        let duration: jiff::SignedDuration = text.parse().map_err(|_| refused())?;
        u64::try_from(duration.as_millis())
            .map(Self)
            .map_err(|_| refused())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        write!(f, "{:#}", jiff::SignedDuration::from_millis(millis))
    }
}

impl FromStr for Size {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let size: bytesize::ByteSize = text.parse().map_err(|_| QuantityError {
            text: text.to_owned(),
            what: "a size such as 512MiB or 5MB",
        })?;
        Ok(Self(size.0))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match UNITS
            .iter()
            .find(|(unit, _)| self.0 >= *unit && self.0.is_multiple_of(*unit))
        {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}B", self.0),
        }
    }
}

const RATE_UNITS: [(&str, u64); 4] = [
    ("Gbit", 1_000_000_000),
    ("Mbit", 1_000_000),
    ("kbit", 1_000),
    ("bit", 1),
];

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let refused = || QuantityError {
            text: text.to_owned(),
            what: "a rate such as 10Mbit or 512kbit",
        };
        let (number, unit) = RATE_UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
            .ok_or_else(refused)?;
        let number: u64 = number.trim_end().parse().map_err(|_| refused())?;
        number
            .checked_mul(unit)
            .filter(|rate| *rate >= 8)
            .map(Self)
            .ok_or_else(refused)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = RATE_UNITS
            .into_iter()
            .find(|(_, unit)| self.0.is_multiple_of(*unit))
            .unwrap_or(("bit", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

macro_rules! as_text {
    ($type:ident, $example:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "examples": [$example] })
            }
        }
    };
}
as_text!(Span, "90m");
as_text!(Size, "512MiB");
as_text!(Rate, "10Mbit");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_what_they_write() {
        for text in ["90m", "1h 30m", "500ms", "20s"] {
            let span: Span = text.parse().expect(text);
            assert_eq!(span.to_string().parse(), Ok(span), "{text}");
        }
        for (text, bytes) in [
            ("512MiB", 512 << 20),
            ("5 MB", 5_000_000),
            ("1GiB", 1 << 30),
            ("700B", 700),
        ] {
            let size: Size = text.parse().expect(text);
            assert_eq!(size.0, bytes, "{text}");
            assert_eq!(size.to_string().parse(), Ok(size), "{text}");
        }
        for (text, bits) in [
            ("10Mbit", 10_000_000),
            ("512kbit", 512_000),
            ("1Gbit", 1_000_000_000),
        ] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!(rate.0, bits, "{text}");
            assert_eq!(rate.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_an_example() {
        assert!(
            "soon"
                .parse::<Span>()
                .is_err_and(|e| e.to_string().contains("90m"))
        );
        assert!("-5m".parse::<Span>().is_err());
        assert!(
            "big"
                .parse::<Size>()
                .is_err_and(|e| e.to_string().contains("512MiB"))
        );
        assert!(
            "10".parse::<Rate>()
                .is_err_and(|e| e.to_string().contains("10Mbit"))
        );
        assert!("99999999999Gbit".parse::<Rate>().is_err());
    }
}
