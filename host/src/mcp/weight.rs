//! Whether something is large as JSON, found out without writing it.
//!
//! It goes through the value as a writer would, counts, and ends as soon as the count is over the bound: for what is
//! small that is less than it costs to write, and for what is large it is a bounded waste.

use std::fmt::Display;

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::plugin::LARGE;

/// What a value costs beside its bytes: digits, quotes, a comma.
const EACH: usize = 4;

/// Whether it has more than [`LARGE`] bytes.
#[must_use]
pub fn is_large(value: &impl Serialize) -> bool {
    value.serialize(&mut Left(LARGE)).is_err()
}

/// How much there may still be.
struct Left(usize);

impl Left {
    fn take(&mut self, bytes: usize) -> Result<(), Over> {
        self.0 = self.0.checked_sub(bytes.saturating_add(EACH)).ok_or(Over)?;
        Ok(())
    }
}

/// It is large, or cannot be written at all: then whoever writes it finds out.
#[derive(Debug, thiserror::Error)]
#[error("there is more")]
struct Over;

impl serde::ser::Error for Over {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

macro_rules! scalars {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, _: $kind) -> Result<(), Over> {
            self.take(0)
        })*
    };
}

impl Serializer for &mut Left {
    type Ok = ();
    type Error = Over;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    scalars!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char, serialize_unit_struct: &'static str
    );

    fn serialize_str(self, text: &str) -> Result<(), Over> {
        self.take(text.len())
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<(), Over> {
        // Numbers, dates and the like.
        self.take(0)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Over> {
        self.take(bytes.len())
    }

    fn serialize_none(self) -> Result<(), Over> {
        self.take(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Over> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Over> {
        self.take(0)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Over> {
        self.take(variant.len())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Over> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Over> {
        self.take(variant.len())?;
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Over> {
        self.take(0).map(|()| self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Over> {
        self.take(0).map(|()| self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Over> {
        self.take(0).map(|()| self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Over> {
        self.take(variant.len()).map(|()| self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Over> {
        self.take(0).map(|()| self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Over> {
        self.take(0).map(|()| self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Over> {
        self.take(variant.len()).map(|()| self)
    }
}

macro_rules! elements {
    ($($compound:ident: $method:ident),*) => {
        $(impl $compound for &mut Left {
            type Ok = ();
            type Error = Over;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Over> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Over> {
                Ok(())
            }
        })*
    };
}

elements!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

macro_rules! fields {
    ($($compound:ident),*) => {
        $(impl $compound for &mut Left {
            type Ok = ();
            type Error = Over;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Over> {
                self.take(key.len())?;
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Over> {
                Ok(())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for &mut Left {
    type Ok = ();
    type Error = Over;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Over> {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Over> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Over> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolResult, ContentBlock, ServerResult};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_long_is_large_whatever_it_is_made_of() {
        let long = "x".repeat(LARGE);
        let rows = [
            (json!(null), false),
            (json!({ "a": [1, 2.5, true, "text"] }), false),
            (json!("x".repeat(LARGE / 2)), false),
            (json!(long), true),
            (json!({ long.clone(): 1 }), true),
            (json!(vec![1; LARGE]), true),
            (
                json!([["x".repeat(LARGE / 2)], { "a": "x".repeat(LARGE / 2) }]),
                true,
            ),
        ];
        for (value, large) in rows {
            assert_eq!(is_large(&value), large);
        }
        for (text, large) in [("short", false), (long.as_str(), true)] {
            let result = CallToolResult::success(vec![ContentBlock::text(text)]);
            assert_eq!(is_large(&ServerResult::from(result)), large);
        }
    }
}
