//! Reading the members of a JSON object, or the parameters of a query, so that every bad one is named at once.

use std::ops::RangeInclusive;

use agentidp_shared::scopes::{MAX_SCOPE_LENGTH, MAX_SCOPES, Scope, ScopeSet};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::{ApiError, FieldErrors, shown};

/// A request that reads itself from its members. `None` means that something was wrong, which `fields` has noted.
pub trait FromFields: Sized {
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

/// The members of a request not read yet, and what was wrong with those that were. A member nobody reads is an error too.
#[derive(Debug)]
pub struct Fields {
    members: Map<String, Value>,
    errors: FieldErrors,
    prefix: String,
    /// Query parameters are all text: numbers and booleans are parsed from it.
    textual: bool,
}

impl Fields {
    /// The members of a JSON object.
    pub fn of_object(members: Map<String, Value>) -> Self {
        Self { members, errors: FieldErrors::new(), prefix: String::new(), textual: false }
    }

    /// The parameters of a query.
    pub fn of_query(members: Map<String, Value>) -> Self {
        Self { textual: true, ..Self::of_object(members) }
    }

    /// Reads `T` and reports everything that was wrong, unknown members included.
    pub fn read<T: FromFields>(mut self) -> Result<T, ApiError> {
        let value = T::from_fields(&mut self);
        self.refuse_unknown();
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ if self.errors.is_empty() => {
                Err(ApiError::bad_request("VALIDATION_ERROR", "the request is not acceptable"))
            }
            _ => Err(self.errors.into_error()),
        }
    }

    fn refuse_unknown(&mut self) {
        for (name, _) in std::mem::take(&mut self.members) {
            self.error(&shown(&name), "unknown field");
        }
    }

    /// Notes that `field` is wrong.
    pub fn error(&mut self, field: &str, reason: impl Into<String>) {
        let field = format!("{}{field}", self.prefix);
        self.errors.push(&field, reason);
    }

    /// Takes a member that cannot be read, for another was wrong.
    pub fn skip(&mut self, name: &str) {
        self.members.remove(name);
    }

    /// Takes a member that must not be there, and notes why if it is.
    pub fn refuse(&mut self, name: &str, reason: &str) {
        if self.members.remove(name).is_some() {
            self.error(name, reason);
        }
    }

    /// Whether nothing was wrong so far.
    pub fn is_good(&self) -> bool {
        self.errors.is_empty()
    }

    /// Whether the member is there at all, be it `null`.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Whether the member is there and is text.
    pub fn is_text(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(Value::is_string)
    }

    /// Takes a member that is there and not `null`.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// Reads a member that must be there and not `null`.
    pub fn required<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.members.get(name).is_none_or(Value::is_null) {
            self.members.remove(name);
            self.error(name, "required");
            return None;
        }
        read(self)
    }

    /// Text of `length` characters. Control characters are refused: no field of ours has a use for them.
    pub fn optional_string(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        let value = self.take(name)?;
        let Value::String(text) = value else {
            self.error(name, "must be a string");
            return None;
        };
        self.checked_text(name, text, &length)
    }

    pub fn required_string(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        self.required(name, |fields| fields.optional_string(name, length))
    }

    fn checked_text(&mut self, name: &str, text: String, length: &RangeInclusive<usize>) -> Option<String> {
        if !length.contains(&text.chars().count()) {
            self.error(name, format!("must have {} to {} characters", length.start(), length.end()));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.error(name, "must have no control characters");
            return None;
        }
        Some(text)
    }

    /// At most `max_items` strings of `length` characters each.
    pub fn optional_strings(
        &mut self,
        name: &str,
        max_items: usize,
        length: RangeInclusive<usize>,
    ) -> Option<Vec<String>> {
        let Value::Array(items) = self.take(name)? else {
            self.error(name, "must be an array of strings");
            return None;
        };
        if items.len() > max_items {
            self.error(name, format!("must have at most {max_items} items"));
            return None;
        }
        let mut strings = Vec::with_capacity(items.len());
        let mut complete = true;
        for (position, item) in items.into_iter().enumerate() {
            let path = format!("{name}[{position}]");
            let text = if let Value::String(text) = item {
                self.checked_text(&path, text, &length)
            } else {
                self.error(&path, "must be a string");
                None
            };
            match text {
                Some(text) => strings.push(text),
                None => complete = false,
            }
        }
        complete.then_some(strings)
    }

    /// An object of at most `max_items` names of up to 128 characters, each with a text of `length` characters.
    pub fn optional_texts(
        &mut self,
        name: &str,
        max_items: usize,
        length: RangeInclusive<usize>,
    ) -> Option<Vec<(String, String)>> {
        let Value::Object(members) = self.take(name)? else {
            self.error(name, "must be an object");
            return None;
        };
        if members.len() > max_items {
            self.error(name, format!("must have at most {max_items} members"));
            return None;
        }
        let mut texts = Vec::with_capacity(members.len());
        let mut complete = true;
        for (member, value) in members {
            let path = format!("{name}.{}", shown(&member));
            if !(1..=128).contains(&member.chars().count()) || member.chars().any(char::is_control) {
                self.error(&path, "must have a name of 1 to 128 characters, without control characters");
                complete = false;
                continue;
            }
            let text = if let Value::String(text) = value {
                self.checked_text(&path, text, &length)
            } else {
                self.error(&path, "must be a string");
                None
            };
            match text {
                Some(text) => texts.push((member, text)),
                None => complete = false,
            }
        }
        complete.then_some(texts)
    }

    pub fn required_strings(
        &mut self,
        name: &str,
        max_items: usize,
        length: RangeInclusive<usize>,
    ) -> Option<Vec<String>> {
        self.required(name, |fields| fields.optional_strings(name, max_items, length))
    }

    /// Well-formed scopes; whether they exist and may be given is for the operation to say.
    pub fn optional_scopes(&mut self, name: &str) -> Option<ScopeSet> {
        let texts = self.optional_strings(name, MAX_SCOPES, 1..=MAX_SCOPE_LENGTH)?;
        let mut scopes = Vec::with_capacity(texts.len());
        for (position, text) in texts.iter().enumerate() {
            match text.parse::<Scope>() {
                Ok(scope) => scopes.push(scope),
                Err(error) => self.error(&format!("{name}[{position}]"), error.to_string()),
            }
        }
        (scopes.len() == texts.len()).then(|| scopes.into_iter().collect())
    }

    pub fn optional_bool(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            Value::String(text) if self.textual && text == "true" => Some(true),
            Value::String(text) if self.textual && text == "false" => Some(false),
            _ => {
                self.error(name, "must be true or false");
                None
            }
        }
    }

    pub fn optional_u64(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let number = match self.take(name)? {
            Value::Number(number) => number.as_u64(),
            // Digits only: `+1`, ` 1` and `01` are other spellings of a number, and one is enough.
            Value::String(text) if self.textual && text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().ok().filter(|_| text == "0" || !text.starts_with('0'))
            }
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.error(name, format!("must be a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    pub fn required_u64(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        self.required(name, |fields| fields.optional_u64(name, range))
    }

    /// A date and time with offset (RFC 3339 §5.6), in the years 1970 to 9999.
    pub fn optional_timestamp(&mut self, name: &str) -> Option<OffsetDateTime> {
        let time = match self.take(name)? {
            Value::String(text) if text.len() <= 40 => OffsetDateTime::parse(&text, &Rfc3339).ok(),
            _ => None,
        };
        let time = time
            .and_then(|time| time.checked_to_offset(time::UtcOffset::UTC))
            .filter(|time| time.year() >= 1970);
        if time.is_none() {
            self.error(name, "must be a date and time like 2030-01-31T12:00:00Z");
        }
        time
    }

    /// A value with a parser of its own; `expected` completes "must be …".
    pub fn optional_parsed<T: std::str::FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let parsed = match self.take(name)? {
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if parsed.is_none() {
            self.error(name, format!("must be {expected}"));
        }
        parsed
    }

    pub fn required_parsed<T: std::str::FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        self.required(name, |fields| fields.optional_parsed(name, expected))
    }

    /// A nested object, whose errors are named `outer.inner`.
    pub fn optional_object<T: FromFields>(&mut self, name: &str) -> Option<T> {
        let Value::Object(members) = self.take(name)? else {
            self.error(name, "must be an object");
            return None;
        };
        self.nested(name, members)
    }

    /// At most `max_items` nested objects, whose errors are named `outer[0].inner`.
    pub fn optional_objects<T: FromFields>(&mut self, name: &str, max_items: usize) -> Option<Vec<T>> {
        let Value::Array(items) = self.take(name)? else {
            self.error(name, "must be an array of objects");
            return None;
        };
        if items.len() > max_items {
            self.error(name, format!("must have at most {max_items} items"));
            return None;
        }
        let count = items.len();
        let mut objects = Vec::with_capacity(count);
        for (position, item) in items.into_iter().enumerate() {
            let path = format!("{name}[{position}]");
            if let Value::Object(members) = item {
                objects.extend(self.nested(&path, members));
            } else {
                self.error(&path, "must be an object");
            }
        }
        (objects.len() == count).then_some(objects)
    }

    fn nested<T: FromFields>(&mut self, name: &str, members: Map<String, Value>) -> Option<T> {
        let outer = std::mem::replace(&mut self.members, members);
        let inner_prefix = format!("{}{name}.", self.prefix);
        let prefix = std::mem::replace(&mut self.prefix, inner_prefix);
        let value = T::from_fields(self);
        self.refuse_unknown();
        self.members = outer;
        self.prefix = prefix;
        value
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    struct Sample;

    impl FromFields for Sample {
        fn from_fields(fields: &mut Fields) -> Option<Self> {
            let name = fields.required_string("name", 1..=5);
            let count = fields.optional_u64("count", 1..=10);
            fields.optional_strings("tags", 2, 1..=3);
            fields.optional_timestamp("at");
            fields.optional_object::<Inner>("inner");
            name?;
            let _ = count;
            Some(Self)
        }
    }

    struct Inner;

    impl FromFields for Inner {
        fn from_fields(fields: &mut Fields) -> Option<Self> {
            fields.required_string("x", 1..=1).map(|_| Self)
        }
    }

    fn bad_fields(value: Value) -> Vec<String> {
        let Value::Object(members) = value else { panic!("an object") };
        let Err(error) = Fields::of_object(members).read::<Sample>() else { return Vec::new() };
        let text = format!("{error:?}");
        ["name", "count", "tags", "tags[0]", "at", "inner", "inner.x", "inner.y", "extra"]
            .into_iter()
            .filter(|field| text.contains(&format!("\"field\": String(\"{field}\")")))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let bad = bad_fields(json!({
            "name": "much too long", "count": 11, "tags": [7], "at": "yesterday", "inner": { "y": 1 }, "extra": true
        }));
        assert_eq!(bad, ["name", "count", "tags[0]", "at", "inner.x", "inner.y", "extra"]);
    }

    #[test]
    fn null_counts_as_absent_and_good_input_passes() {
        assert_eq!(bad_fields(json!({ "name": "ok", "count": null })), Vec::<String>::new());
        assert_eq!(bad_fields(json!({ "name": null })), ["name"]);
    }

    #[test]
    fn out_of_range_numbers_fractions_and_text_are_no_whole_numbers() {
        for count in [json!(0), json!(-1), json!(1.5), json!(1e30), json!("1"), json!([1]), json!(true)] {
            assert_eq!(bad_fields(json!({ "name": "ok", "count": count })), ["count"], "{count}");
        }
    }

    #[test]
    fn nul_bytes_and_control_characters_are_refused() {
        for name in ["a\0", "a\nb", "\u{85}"] {
            assert_eq!(bad_fields(json!({ "name": name })), ["name"], "{name:?}");
        }
    }
}
