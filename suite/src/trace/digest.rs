//! A hash over the values of a serialisable type, in their order. The names of its fields and variants are left out,
//! so that a rename changes no digest.
//!
//! Each value is preceded by a byte for its kind, so that no two different sequences of values give the same bytes. A
//! skipped field is marked too.

use std::fmt;

use serde::Serialize;
use serde::ser;
use sha2::{Digest as _, Sha256};

/// SHA-256 over the values of `value`, in hexadecimal.
pub(super) fn of(value: &impl Serialize) -> String {
    let mut hasher = ValueHasher(Sha256::new());
    value
        .serialize(&mut hasher)
        .expect("the types of a trace serialise without an error of their own");
    base16ct::lower::encode_string(&hasher.0.finalize())
}

struct ValueHasher(Sha256);

/// What stands before a value.
#[derive(Debug, Clone, Copy)]
enum Tag {
    Bool,
    Signed,
    Unsigned,
    Float,
    Char,
    Text,
    Bytes,
    None,
    Some,
    Unit,
    Variant,
    Sequence,
    End,
    Skipped,
}

impl ValueHasher {
    fn put(&mut self, tag: Tag, bytes: &[u8]) {
        self.0.update([tag as u8]);
        self.0.update(bytes);
    }

    /// As `put`, with the length before the bytes.
    fn put_long(&mut self, tag: Tag, bytes: &[u8]) {
        self.put(tag, &(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

/// A type whose serialisation fails by itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct OwnError(String);

impl ser::Error for OwnError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Integers, all in the widest form, so that a field may change its width.
macro_rules! integers {
    ($($method:ident($type:ty as $wide:ty, $tag:ident);)*) => {
        $(fn $method(self, value: $type) -> Result<(), OwnError> {
            self.put(Tag::$tag, &<$wide>::from(value).to_le_bytes());
            Ok(())
        })*
    };
}

impl ser::Serializer for &mut ValueHasher {
    type Ok = ();
    type Error = OwnError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    integers! {
        serialize_i8(i8 as i64, Signed);
        serialize_i16(i16 as i64, Signed);
        serialize_i32(i32 as i64, Signed);
        serialize_i64(i64 as i64, Signed);
        serialize_u8(u8 as u64, Unsigned);
        serialize_u16(u16 as u64, Unsigned);
        serialize_u32(u32 as u64, Unsigned);
        serialize_u64(u64 as u64, Unsigned);
        serialize_f32(f32 as f64, Float);
        serialize_f64(f64 as f64, Float);
    }

    fn serialize_bool(self, value: bool) -> Result<(), OwnError> {
        self.put(Tag::Bool, &[u8::from(value)]);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), OwnError> {
        self.put(Tag::Char, &u32::from(value).to_le_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), OwnError> {
        self.put_long(Tag::Text, value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), OwnError> {
        self.put_long(Tag::Bytes, value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), OwnError> {
        self.put(Tag::None, &[]);
        Ok(())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), OwnError> {
        self.put(Tag::Some, &[]);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), OwnError> {
        self.put(Tag::Unit, &[]);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), OwnError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), OwnError> {
        self.put(Tag::Variant, &index.to_le_bytes());
        Ok(())
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), OwnError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), OwnError> {
        self.put(Tag::Variant, &index.to_le_bytes());
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, OwnError> {
        self.put(Tag::Sequence, &[]);
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, OwnError> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, OwnError> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, OwnError> {
        self.put(Tag::Variant, &index.to_le_bytes());
        self.serialize_seq(None)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, OwnError> {
        self.serialize_seq(None)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, OwnError> {
        self.serialize_seq(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, OwnError> {
        self.put(Tag::Variant, &index.to_le_bytes());
        self.serialize_seq(None)
    }
}

/// The parts of a sequence one by one, then its end.
macro_rules! sequences {
    ($($trait:ident { $($method:ident($($name:ident: $type:ty)?);)+ } $(=> $skip:ident)?)*) => {
        $(impl ser::$trait for &mut ValueHasher {
            type Ok = ();
            type Error = OwnError;

            $(fn $method<T: ?Sized + Serialize>(
                &mut self,
                $($name: $type,)?
                value: &T,
            ) -> Result<(), OwnError> {
                $(let _ = $name;)?
                value.serialize(&mut **self)
            })+

            $(fn $skip(&mut self, _: &'static str) -> Result<(), OwnError> {
                self.put(Tag::Skipped, &[]);
                Ok(())
            })?

            fn end(self) -> Result<(), OwnError> {
                self.put(Tag::End, &[]);
                Ok(())
            }
        })*
    };
}

sequences! {
    SerializeSeq { serialize_element(); }
    SerializeTuple { serialize_element(); }
    SerializeTupleStruct { serialize_field(); }
    SerializeTupleVariant { serialize_field(); }
    SerializeMap { serialize_key(); serialize_value(); }
    SerializeStruct { serialize_field(key: &'static str); } => skip_field
    SerializeStructVariant { serialize_field(key: &'static str); } => skip_field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Before {
        #[serde(skip_serializing_if = "Option::is_none")]
        first: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        second: Option<u8>,
        last: Word,
    }

    #[derive(Serialize)]
    enum Word {
        One,
        Two(&'static str),
    }

    #[derive(Serialize)]
    struct After {
        zeroth: Option<u32>,
        #[serde(rename = "number")]
        first: Option<u32>,
        end: Other,
    }

    #[derive(Serialize)]
    enum Other {
        A,
        B(&'static str),
    }

    #[test]
    fn names_and_widths_do_not_change_a_digest() {
        let before = Before {
            first: Some(1),
            second: Some(2),
            last: Word::Two("x"),
        };
        let after = After {
            zeroth: Some(1),
            first: Some(2),
            end: Other::B("x"),
        };
        assert_eq!(of(&before), of(&after));
    }

    #[test]
    fn values_order_and_skipped_fields_change_a_digest() {
        let with = |first, second| {
            of(&Before {
                first,
                second,
                last: Word::One,
            })
        };
        let digests = [
            with(Some(1), None),
            with(None, Some(1)),
            with(Some(1), Some(1)),
            with(None, None),
            with(Some(2), None),
            of(&Other::A),
            of(&("a", "b")),
            of(&("ab", "")),
            of(&(1, [2, 3])),
            of(&([1, 2], 3)),
        ];
        let different: std::collections::BTreeSet<&String> = digests.iter().collect();
        assert_eq!(different.len(), digests.len(), "{digests:#?}");
    }
}
