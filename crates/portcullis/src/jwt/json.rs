//! Strict JSON objects: no member twice, and each value of the type that is wanted.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// An object whose values are read when they are wanted. Each name is there once, however it is
/// escaped.
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// Something is not the JSON that it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongJson;

/// A string that is borrowed where nothing in it is escaped.
struct Text<'a>(Cow<'a, str>);

struct ObjectVisitor;

struct TextVisitor;

// ===== impl Object =====

impl<'a> Object<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, WrongJson> {
        let text = std::str::from_utf8(bytes).map_err(|_| WrongJson)?;
        serde_json::from_str(text).map_err(|_| WrongJson)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Returns a value as it is written.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        let mut members = self.0.iter();
        let member = members.find(|(own, _)| own == name);
        member.map(|(_, value)| value.get())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, WrongJson> {
        self.raw(name).map(text).transpose()
    }

    /// Returns a string, or an array of strings, as a list.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<Cow<'a, str>>>, WrongJson> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        if raw.starts_with('"') {
            return Ok(Some(vec![text(raw)?]));
        }
        let texts: Vec<Text<'a>> = serde_json::from_str(raw).map_err(|_| WrongJson)?;
        Ok(Some(texts.into_iter().map(|text| text.0).collect()))
    }

    /// Returns the elements of an array of objects.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<&'a [u8]>, WrongJson> {
        let raw = self.raw(name).ok_or(WrongJson)?;
        let elements: Vec<&'a RawValue> = serde_json::from_str(raw).map_err(|_| WrongJson)?;
        let bytes = |element: &'a RawValue| element.get().as_bytes();
        Ok(elements.into_iter().map(bytes).collect())
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

// ===== impl ObjectVisitor =====

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(USUAL_MEMBERS);
        while let Some((Text(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        if members.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(A::Error::custom("a member is there twice"));
        }
        Ok(Object(members))
    }
}

// ===== impl Text =====

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

// ===== impl TextVisitor =====

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

fn text(raw: &str) -> Result<Cow<'_, str>, WrongJson> {
    let text: Text<'_> = serde_json::from_str(raw).map_err(|_| WrongJson)?;
    Ok(text.0)
}

/// Enough for most tokens.
const USUAL_MEMBERS: usize = 12;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_member_is_there_once_however_it_is_escaped() {
        assert!(Object::parse(br#"{"alg":1,"kid":2}"#).is_ok());
        for twice in [
            r#"{"alg":1,"alg":1}"#,
            r#"{"alg":1,"kid":2,"alg":3}"#,
            r#"{"alg":1,"\u0061lg":2}"#,
        ] {
            assert!(Object::parse(twice.as_bytes()).is_err(), "{twice}");
        }
    }

    #[test]
    fn only_an_object_alone_is_one() {
        for text in [
            "",
            "null",
            "[]",
            "1",
            "\"{}\"",
            "{}{}",
            "{} x",
            "{\"a\"}",
            "{\"a\":1,}",
        ] {
            assert!(Object::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Object::parse(b" {} \n").is_ok());
        assert!(Object::parse(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn a_value_has_the_type_that_is_wanted_or_is_wrong() {
        let object = Object::parse(br#"{"a":"x\n","b":["x","y"],"c":null,"d":["x",1]}"#).unwrap();

        assert_eq!(object.text("a").unwrap().unwrap(), "x\n");
        assert_eq!(object.texts("a").unwrap().unwrap(), ["x\n"]);
        assert_eq!(object.texts("b").unwrap().unwrap(), ["x", "y"]);
        assert_eq!(object.text("none"), Ok(None));
        assert_eq!(object.texts("none"), Ok(None));
        for name in ["b", "c", "d"] {
            assert_eq!(object.text(name), Err(WrongJson), "{name}");
        }
        for name in ["c", "d"] {
            assert_eq!(object.texts(name), Err(WrongJson), "{name}");
        }
    }

    #[test]
    fn no_depth_overflows_the_stack() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));

        let object = Object::parse(deep.as_bytes());
        assert!(object.is_err() || object.is_ok_and(|object| object.texts("a").is_err()));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Object::parse(&bytes);
        }

        #[test]
        fn agrees_with_a_map_on_what_is_an_object(text in r#"\{("[ab]":[01],?){0,3}\}"#) {
            let map: Result<serde_json::Map<String, serde_json::Value>, _> =
                serde_json::from_str(&text);
            let own = Object::parse(text.as_bytes());
            prop_assert!(own.is_err() || map.is_ok());
            let members = text.matches(':').count();
            let has_all = map.is_ok_and(|map| map.len() == members);
            prop_assert_eq!(own.is_ok(), has_all);
        }
    }
}
