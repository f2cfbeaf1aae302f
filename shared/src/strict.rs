//! Strict readers for untrusted bytes: JSON without duplicate members (RFC 8259 §4 leaves them to the parser, and two
//! parsers that choose differently are an attack), base64url without padding or stray bits (RFC 7515 §2), and percent-encoding
//! without broken escapes.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON, or with a member named twice")]
pub struct InvalidJson;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not base64url without padding")]
pub struct InvalidBase64;

/// Parses one JSON value; a member that appears twice, at any depth, is an error. Depth is limited to 128.
pub fn parse_json(bytes: &[u8]) -> Result<Value, InvalidJson> {
    serde_json::from_slice::<StrictValue>(bytes).map(|value| value.0).map_err(|_| InvalidJson)
}

/// Parses a JSON object as [`parse_json`] does.
pub fn parse_json_object(bytes: &[u8]) -> Result<Map<String, Value>, InvalidJson> {
    match parse_json(bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err(InvalidJson),
    }
}

/// Decodes base64url: no padding, no whitespace, and no non-zero bits after the last byte.
pub fn decode_base64url(text: &str) -> Result<Vec<u8>, InvalidBase64> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidBase64)
}

pub fn encode_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Bytes from lower-case hexadecimal digits, two for each; `None` for anything else.
pub fn decode_hex<const DIGITS: usize, const BYTES: usize>(mut digits: [u8; DIGITS]) -> Option<[u8; BYTES]> {
    const { assert!(DIGITS == 2 * BYTES) };
    // Many at once, without a branch for each: what is no digit is looked at in the end.
    let mut wrong = 0;
    for digit in &mut digits {
        let (decimal, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
        let letter = if letter < 6 { letter + 10 } else { 0xff };
        *digit = if decimal < 10 { decimal } else { letter };
        wrong |= *digit;
    }
    let mut bytes = [0; BYTES];
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks().0) {
        *byte = high << 4 | low & 15;
    }
    (wrong < 16).then_some(bytes)
}

/// Deserializes a string by parsing it where it stands: serde's own `Cow` would copy it first.
pub fn deserialize_parsed<'de, D, T, E>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
{
    struct Parsed<P>(P);

    impl<T, E: fmt::Display, P: FnOnce(&str) -> Result<T, E>> Visitor<'_> for Parsed<P> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<F: de::Error>(self, text: &str) -> Result<T, F> {
            (self.0)(text).map_err(F::custom)
        }
    }

    deserializer.deserialize_str(Parsed(parse))
}

/// Percent-decoding with `+` as space; `None` for broken escapes and what is not UTF-8.
pub fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    let digit = char::from(rest.next()?).to_digit(16)?;
                    u8::try_from(digit).ok()
                };
                let high = digit()?;
                high << 4 | digit()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A JSON value with every member name unique.
#[derive(Debug)]
struct StrictValue(Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(StrictValue(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(de::Error::custom("duplicate member"));
            }
            let StrictValue(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_json_is_read_as_it_is() {
        let text = r#"{"a":[1,-2,1.5,true,null,"x"],"b":{"c":{}}}"#;
        assert_eq!(parse_json(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn duplicate_member_attack_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"x":{"a":1,"a":1}}"#, r#"[{"a":1,"\u0061":2}]"#] {
            assert_eq!(parse_json(text.as_bytes()), Err(InvalidJson), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_a_crash() {
        assert_eq!(parse_json("[".repeat(100_000).as_bytes()), Err(InvalidJson));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        for text in ["{}{}", "{} x", "{},", ""] {
            assert_eq!(parse_json(text.as_bytes()), Err(InvalidJson), "{text}");
        }
    }

    #[test]
    fn base64_malleability_padding_and_stray_bits_are_refused() {
        assert_eq!(decode_base64url("QQ").unwrap(), b"A");
        for text in ["QQ==", "QR", "Q", "Q Q", "Q\nQ", "+/+/", "QQ\0"] {
            assert_eq!(decode_base64url(text), Err(InvalidBase64), "{text:?}");
        }
    }

    #[test]
    fn percent_decoding_refuses_broken_escapes_and_what_is_not_utf8() {
        assert_eq!(percent_decode("a%20b+c%C3%A9").as_deref(), Some("a b c\u{e9}"));
        for text in ["%", "%1", "%zz", "%+1", "%ff", "%c3%28", "a%é"] {
            assert_eq!(percent_decode(text), None, "{text}");
        }
    }
}
