//! From the tree to types: a serde deserializer whose errors have a path.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "serde and YAML values: what is not named is refused alike"
)]

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};

use super::error::{ShapeError, ShapeErrorKind, in_words};
use super::{Entry, Kind, PathSegment, Tree};

/// Reads types out of a tree.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a>(&'a Tree);

impl<'a> Shape<'a> {
    /// Begins at a tree.
    pub(super) fn of(tree: &'a Tree) -> Self {
        Self(tree)
    }

    fn unexpected(&self) -> Unexpected<'_> {
        match &self.0.kind {
            Kind::Null => Unexpected::Unit,
            Kind::Bool(value) => Unexpected::Bool(*value),
            Kind::Integer(value) => Unexpected::Signed(*value),
            Kind::Float(value) => Unexpected::Float(*value),
            Kind::Text { text, .. } => Unexpected::Str(text),
            Kind::List(_) => Unexpected::Seq,
            Kind::Map(_) => Unexpected::Map,
        }
    }

    /// What came out of a template may be a number or a boolean where one is expected.
    fn rendered<T: std::str::FromStr>(&self) -> Option<T> {
        match &self.0.kind {
            Kind::Text {
                text,
                rendered: true,
            } => text.trim().parse().ok(),
            _ => None,
        }
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty),*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
                if let Some(value) = self.rendered::<$type>() {
                    return visitor.$visit(value);
                }
                match self.0.kind {
                    Kind::Integer(value) => match <$type>::try_from(value) {
                        Ok(value) => visitor.$visit(value),
                        Err(_) => Err(de::Error::invalid_value(Unexpected::Signed(value), &visitor)),
                    },
                    _ => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
                }
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Shape<'de> {
    type Error = ShapeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match &self.0.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Integer(value) => visitor.visit_i64(*value),
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::Text { text, .. } => visitor.visit_borrowed_str(text),
            Kind::List(elements) => visitor.visit_seq(Elements { elements, index: 0 }),
            Kind::Map(entries) => visitor.visit_map(Entries { entries, index: 0 }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match (self.rendered::<bool>(), &self.0.kind) {
            (Some(value), _) => visitor.visit_bool(value),
            (None, Kind::Bool(value)) => visitor.visit_bool(*value),
            (None, _) => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
        }
    }

    whole_numbers!(
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32, deserialize_i64 visit_i64 i64
    );

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match (self.rendered::<f64>(), &self.0.kind) {
            (Some(value), _) => visitor.visit_f64(value),
            (None, Kind::Float(value)) => visitor.visit_f64(*value),
            (None, Kind::Integer(value)) => {
                visitor.visit_f64(f64::from(i32::try_from(*value).unwrap_or(i32::MAX)))
            }
            (None, _) => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match &self.0.kind {
            Kind::Text { text, .. } => visitor
                .visit_borrowed_str(text)
                .map_err(|refusal: ShapeError| refusal.naming(text)),
            // A whole number reads the same as text; a float might not (`1.10`), so it is refused.
            Kind::Integer(value) => visitor.visit_string(value.to_string()),
            Kind::Null | Kind::Bool(_) | Kind::Float(_) | Kind::List(_) | Kind::Map(_) => {
                Err(de::Error::invalid_type(self.unexpected(), &visitor))
            }
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match self.0.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match &self.0.kind {
            Kind::List(elements) => visitor.visit_seq(Elements { elements, index: 0 }),
            _ => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match &self.0.kind {
            Kind::Map(entries) => visitor.visit_map(Entries { entries, index: 0 }),
            _ => Err(de::Error::invalid_type(self.unexpected(), &visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        match self.0.kind {
            // `lan:` with nothing behind it is a map without keys.
            Kind::Null => visitor.visit_map(Entries {
                entries: &[],
                index: 0,
            }),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        match &self.0.kind {
            Kind::Text { text, .. } => visitor.visit_enum(StrDeserializer::<ShapeError>::new(text)),
            Kind::Map(entries) => match entries.as_slice() {
                [entry] => visitor.visit_enum(Variant(entry)),
                [_, second, ..] if entries.iter().all(|e| variants.contains(&e.key.as_str())) => {
                    let message = format!(
                        "only one kind may stand here, and `{}` is the second",
                        second.key
                    );
                    Err(ShapeError::new(ShapeErrorKind::Other(message)))
                }
                entries => {
                    let known = |entry: &&Entry| !variants.contains(&entry.key.as_str());
                    let message = match entries.iter().find(known) {
                        Some(entry) => {
                            return Err(<ShapeError as de::Error>::unknown_variant(
                                &entry.key, variants,
                            )
                            .below(PathSegment::Key(entry.key.clone())));
                        }
                        None => format!("one of {} is expected here", variants.join(", ")),
                    };
                    Err(ShapeError::new(ShapeErrorKind::Other(message)))
                }
            },
            _ => Err(ShapeError::new(ShapeErrorKind::Type {
                seen: in_words(&self.unexpected()),
                expected: format!("one of {}", variants.join(", ")),
            })),
        }
    }

    serde::forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Elements<'a> {
    elements: &'a [Tree],
    index: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = ShapeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ShapeError> {
        loop {
            let index = self.index;
            let Some(element) = self.elements.get(index) else {
                return Ok(None);
            };
            self.index += 1;
            // Emptied by pruning, or empty from the start: `-` with nothing behind it.
            if element.kind != Kind::Null {
                return seed
                    .deserialize(Shape(element))
                    .map(Some)
                    .map_err(|r| r.below(PathSegment::Index(index)));
            }
        }
    }
}

struct Entries<'a> {
    entries: &'a [Entry],
    index: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = ShapeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ShapeError> {
        let Some(entry) = self.entries.get(self.index) else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, ShapeError> = entry.key.as_str().into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|r| r.below(PathSegment::Key(entry.key.clone())))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ShapeError> {
        let entry = &self.entries[self.index];
        self.index += 1;
        seed.deserialize(Shape(&entry.value))
            .map_err(|r| r.below(PathSegment::Key(entry.key.clone())))
    }
}

struct Variant<'a>(&'a Entry);

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = ShapeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), ShapeError> {
        let key: StrDeserializer<'_, ShapeError> = self.0.key.as_str().into_deserializer();
        let variant = seed
            .deserialize(key)
            .map_err(|r| r.below(PathSegment::Key(self.0.key.clone())))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = ShapeError;

    fn unit_variant(self) -> Result<(), ShapeError> {
        Err(ShapeError::new(ShapeErrorKind::Other(format!(
            "nothing may stand behind `{}`",
            self.0.key
        ))))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, ShapeError> {
        seed.deserialize(Shape(&self.0.value))
            .map_err(|r| r.below(PathSegment::Key(self.0.key.clone())))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ShapeError> {
        Shape(&self.0.value)
            .deserialize_seq(visitor)
            .map_err(|r| r.below(PathSegment::Key(self.0.key.clone())))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        Shape(&self.0.value)
            .deserialize_struct("", fields, visitor)
            .map_err(|r| r.below(PathSegment::Key(self.0.key.clone())))
    }
}
