//! Names and values that are all text, read as a struct: the blanks of a prompt, the variables of a URI.

use std::cell::Cell;
use std::iter;

use serde::de::value::MapDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::error::{Result, ToolError};

/// Reads them; the error names the one that does not fit.
pub(crate) fn read<T: DeserializeOwned>(what: &str, texts: &[(String, String)]) -> Result<T> {
    // The one that is being read; none when all are, and something is missing.
    let current = Cell::new(None);
    let mut left = texts.iter();
    let pairs = iter::from_fn(|| {
        let next = left.next();
        current.set(next.map(|(name, _)| name));
        next.map(|(name, text)| (name.as_str(), Text(text)))
    });
    let reader: MapDeserializer<'_, _, Misfit> = MapDeserializer::new(pairs);
    T::deserialize(reader).map_err(|error| {
        let reason = error.to_string();
        let message = match current.get() {
            None => reason,
            Some(name) => format!("{what} `{name}`: {reason}"),
        };
        ToolError::invalid_input(message).into()
    })
}

type Misfit = de::value::Error;

/// One text, read as whatever is wanted.
#[derive(Clone, Copy)]
struct Text<'t>(&'t str);

impl<'de> IntoDeserializer<'de, Misfit> for Text<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $what:literal),+ $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.0.trim().parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(de::Error::invalid_value(de::Unexpected::Str(self.0), &$what)),
            }
        })+
    };
}

impl<'de> de::Deserializer<'de> for Text<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_borrowed_str(self.0)
    }

    parsed! {
        deserialize_bool visit_bool "`true` or `false`",
        deserialize_i8 visit_i8 "a whole number",
        deserialize_i16 visit_i16 "a whole number",
        deserialize_i32 visit_i32 "a whole number",
        deserialize_i64 visit_i64 "a whole number",
        deserialize_u8 visit_u8 "a whole number that is not negative",
        deserialize_u16 visit_u16 "a whole number that is not negative",
        deserialize_u32 visit_u32 "a whole number that is not negative",
        deserialize_u64 visit_u64 "a whole number that is not negative",
        deserialize_f32 visit_f32 "a number",
        deserialize_f64 visit_f64 "a number",
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

impl<'de> EnumAccess<'de> for Text<'de> {
    type Error = Misfit;
    type Variant = Named;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Named), Misfit> {
        Ok((seed.deserialize(self)?, Named))
    }
}

/// A variant that is only a name.
struct Named;

impl<'de> VariantAccess<'de> for Named {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Misfit> {
        Err(only_names())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Misfit> {
        Err(only_names())
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Misfit> {
        Err(only_names())
    }
}

fn only_names() -> Misfit {
    de::Error::custom("a text can only be the name of a choice")
}

/// The fields of a struct, in the order in which they are written; nothing for other types.
pub(crate) fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields = &[][..];
    // It always fails: it only looks at what the struct asks for.
    let _ = T::deserialize(Fields(&mut fields));
    fields
}

struct Fields<'f>(&'f mut &'static [&'static str]);

impl<'de> de::Deserializer<'de> for Fields<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Misfit> {
        Err(de::Error::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Misfit> {
        *self.0 = fields;
        Err(de::Error::custom("only its fields are wanted"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::error::Failure;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Blanks {
        topic: String,
        words: Option<u32>,
        #[serde(default)]
        formal: bool,
        tone: Tone,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Tone {
        Dry,
        Warm,
    }

    fn check(texts: &[(&str, &str)]) -> Result<Blanks, String> {
        let texts: Vec<_> = texts
            .iter()
            .map(|&(name, text)| (name.to_owned(), text.to_owned()))
            .collect();
        match read("argument", &texts) {
            Ok(blanks) => Ok(blanks),
            Err(Failure::Tool(error)) => Err(error.message),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn texts_are_read_as_what_the_fields_are() {
        let texts = [
            ("topic", "12"),
            ("words", " 12 "),
            ("formal", "true"),
            ("tone", "warm"),
        ];
        let expected = Blanks {
            topic: "12".to_owned(),
            words: Some(12),
            formal: true,
            tone: Tone::Warm,
        };
        assert_eq!(check(&texts), Ok(expected));
        let expected = Blanks {
            topic: String::new(),
            words: None,
            formal: false,
            tone: Tone::Dry,
        };
        assert_eq!(check(&[("topic", ""), ("tone", "dry")]), Ok(expected));
    }

    #[test]
    fn a_misfit_is_named() {
        assert_eq!(
            check(&[("tone", "dry")]),
            Err("missing field `topic`".to_owned())
        );
        assert_eq!(
            check(&[("topic", "a"), ("words", "many"), ("tone", "dry")]),
            Err(
                "argument `words`: invalid value: string \"many\", expected a whole number that is not negative"
                    .to_owned()
            )
        );
        assert_eq!(
            check(&[("topic", "a"), ("tone", "loud")]),
            Err("argument `tone`: unknown variant `loud`, expected `dry` or `warm`".to_owned())
        );
    }

    #[test]
    fn fields_keep_their_order() {
        assert_eq!(fields::<Blanks>(), ["topic", "words", "formal", "tone"]);
        assert_eq!(fields::<String>(), [""; 0]);
    }
}
