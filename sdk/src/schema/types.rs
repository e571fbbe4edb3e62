//! The schemas of the types of Rust's standard library and of `serde_json`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::table::{JsonSchema, Schema, of};

macro_rules! simple {
    ($($schema:expr => $($kind:ty),+;)+) => {
        $($(impl JsonSchema for $kind {
            const SCHEMA: Schema = $schema;
        })+)+
    };
}

const fn integer(min: &'static str, max: &'static str) -> Schema {
    Schema::Integer { min, max }
}

// The bounds that a client can make sense of: those of 32 bits and more look like mistakes.
simple! {
    Schema::Any => Value, serde_json::value::RawValue;
    Schema::Null => ();
    Schema::Boolean => bool;
    Schema::Number => f32, f64, serde_json::Number;
    integer("-128", "127") => i8;
    integer("-32768", "32767") => i16;
    integer("", "") => i32, i64, i128, isize;
    integer("0", "255") => u8;
    integer("0", "65535") => u16;
    integer("0", "") => u32, u64, u128, usize;
    integer("1", "255") => NonZeroU8;
    integer("1", "65535") => NonZeroU16;
    integer("1", "") => NonZeroU32, NonZeroU64, NonZeroUsize;
    Schema::String("") => str, String, Path, PathBuf;
    Schema::String(r#""minLength":1,"maxLength":1"#) => char;
    Schema::String(r#""format":"ip""#) => IpAddr;
    Schema::String(r#""format":"ipv4""#) => Ipv4Addr;
    Schema::String(r#""format":"ipv6""#) => Ipv6Addr;
    Schema::Map(of::<Value>) => Map<String, Value>;
}

macro_rules! same {
    ($($kind:ty),+) => {
        $(impl<T: JsonSchema + ?Sized> JsonSchema for $kind {
            const SCHEMA: Schema = T::SCHEMA;
        })+
    };
}

same!(&T, Box<T>, Rc<T>, Arc<T>);

impl<T: JsonSchema + ToOwned + ?Sized> JsonSchema for Cow<'_, T> {
    const SCHEMA: Schema = T::SCHEMA;
}

impl<T: JsonSchema> JsonSchema for Option<T> {
    const SCHEMA: Schema = Schema::Optional(of::<T>);
}

impl<T: JsonSchema> JsonSchema for [T] {
    const SCHEMA: Schema = Schema::List(of::<T>, "");
}

impl<T: JsonSchema> JsonSchema for Vec<T> {
    const SCHEMA: Schema = Schema::List(of::<T>, "");
}

impl<T: JsonSchema> JsonSchema for VecDeque<T> {
    const SCHEMA: Schema = Schema::List(of::<T>, "");
}

impl<T: JsonSchema, const N: usize> JsonSchema for [T; N] {
    const SCHEMA: Schema = Schema::Array(of::<T>, N);
}

const UNIQUE: &str = r#""uniqueItems":true"#;

impl<T: JsonSchema> JsonSchema for BTreeSet<T> {
    const SCHEMA: Schema = Schema::List(of::<T>, UNIQUE);
}

impl<T: JsonSchema, S> JsonSchema for HashSet<T, S> {
    const SCHEMA: Schema = Schema::List(of::<T>, UNIQUE);
}

// The names of an object are texts, whatever they stand for.
impl<K, V: JsonSchema> JsonSchema for BTreeMap<K, V> {
    const SCHEMA: Schema = Schema::Map(of::<V>);
}

impl<K, V: JsonSchema, S> JsonSchema for HashMap<K, V, S> {
    const SCHEMA: Schema = Schema::Map(of::<V>);
}

macro_rules! tuple {
    ($($kind:ident)+) => {
        impl<$($kind: JsonSchema),+> JsonSchema for ($($kind,)+) {
            const SCHEMA: Schema = Schema::Tuple(&[$(of::<$kind>),+]);
        }
    };
}

tuple!(A);
tuple!(A B);
tuple!(A B C);
tuple!(A B C D);
tuple!(A B C D E);
tuple!(A B C D E F);
