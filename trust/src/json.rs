//! JSON that every reader reads alike: no key twice, no key that nobody knows, no nesting without
//! measure. Relies on serde_json for the grammar.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Levels of nesting: more than any format read here has.
const DEPTH: usize = 32;

/// What a value must look like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Anything.
    Any,
    /// Neither an object nor a list.
    Scalar,
    /// A list of values of one shape.
    List(&'static Self),
    /// An object with these fields, or some of them.
    Object(&'static [Field]),
}

/// A field of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// Fields with one choice exclude each other.
    pub(crate) choice: Option<&'static str>,
}

impl Field {
    pub(crate) const fn new(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            choice: None,
        }
    }

    pub(crate) const fn one_of(self, choice: &'static str) -> Self {
        Self {
            choice: Some(choice),
            ..self
        }
    }
}

/// Holds a whole JSON text against `shape`.
///
/// # Errors
/// Where and why it is not JSON of that shape.
pub(crate) fn check(text: &str, shape: Shape) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    Walk { shape, depth: 0 }.deserialize(&mut json)?;
    json.end()
}

#[derive(Clone, Copy)]
struct Walk {
    shape: Shape,
    depth: usize,
}

impl Walk {
    fn into<E: Error>(self, shape: Shape) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > DEPTH {
            return Err(E::custom(format_args!("more than {DEPTH} levels deep")));
        }
        Ok(Self { shape, depth })
    }

    fn scalar<E: Error>(self, found: &str) -> Result<(), E> {
        match self.shape {
            Shape::Any | Shape::Scalar => Ok(()),
            Shape::List(_) => Err(E::custom(format_args!("expected a list, found {found}"))),
            Shape::Object(_) => Err(E::custom(format_args!("expected an object, found {found}"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        // Protobuf's JSON writes a field that is not there as null too.
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.scalar("a boolean")
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.scalar("a number")
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.scalar("a number")
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.scalar("a number")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.scalar("a string")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let inner = match self.shape {
            Shape::Any => Shape::Any,
            Shape::List(inner) => *inner,
            Shape::Scalar | Shape::Object(_) => {
                return Err(A::Error::custom("a list is not expected here"));
            }
        };
        let inner = self.into(inner)?;
        while list.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let fields = match self.shape {
            Shape::Any => None,
            Shape::Object(fields) => Some(fields),
            Shape::Scalar | Shape::List(_) => {
                return Err(A::Error::custom("an object is not expected here"));
            }
        };
        let mut keys = HashSet::new();
        let mut chosen: Vec<&Field> = Vec::new();
        while let Some(key) = object.next_key::<String>()? {
            let shape = match fields {
                None => Shape::Any,
                Some(fields) => {
                    let Some(field) = fields.iter().find(|field| field.name == key) else {
                        return Err(A::Error::custom(format_args!("unknown field {key:?}")));
                    };
                    if let Some(other) = chosen.iter().find(|other| {
                        other.choice.is_some() && other.choice == field.choice && other.name != key
                    }) {
                        let message =
                            format_args!("{:?} and {key:?} exclude each other", other.name);
                        return Err(A::Error::custom(message));
                    }
                    chosen.push(field);
                    field.shape
                }
            };
            object.next_value_seed(self.into(shape)?)?;
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom(format_args!(
                    "the key {key:?} stands there twice"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: Shape = Shape::Object(&[
        Field::new("x", Shape::Scalar).one_of("axis"),
        Field::new("y", Shape::Scalar).one_of("axis"),
        Field::new("path", Shape::List(&Shape::Scalar)),
    ]);

    fn refused(text: &str, shape: Shape) -> String {
        check(text, shape).unwrap_err().to_string()
    }

    #[test]
    fn json_of_its_shape_passes() {
        for text in ["{}", r#"{"x":1,"path":["a",2,null]}"#, r#" {"y":null} "#] {
            check(text, POINT).unwrap();
        }
        check(r#"[{"any":[1.5,true,{}]}]"#, Shape::Any).unwrap();
    }

    #[test]
    fn a_key_that_stands_there_twice_is_refused_at_every_level() {
        assert!(refused(r#"{"x":1,"x":1}"#, POINT).contains("twice"));
        assert!(refused(r#"{"a":{"b":1,"b":2}}"#, Shape::Any).contains("twice"));
        // The escape is the letter.
        assert!(refused(r#"{"a":1,"\u0061":2}"#, Shape::Any).contains("twice"));
    }

    #[test]
    fn a_field_that_nobody_knows_is_refused() {
        assert!(refused(r#"{"z":1}"#, POINT).contains("unknown field \"z\""));
    }

    #[test]
    fn two_fields_that_exclude_each_other_are_refused() {
        assert!(refused(r#"{"x":1,"y":1}"#, POINT).contains("exclude"));
    }

    #[test]
    fn another_shape_is_refused() {
        for text in [
            r#"[1]"#,
            "1",
            r#"{"path":1}"#,
            r#"{"path":[[1]]}"#,
            r#"{"x":{}}"#,
        ] {
            assert!(check(text, POINT).is_err(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_it_costs_anything() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        check(&nested(DEPTH), Shape::Any).unwrap();
        assert!(refused(&nested(DEPTH + 1), Shape::Any).contains("levels"));
        assert!(check(&nested(1_000_000), Shape::Any).is_err());
    }

    #[test]
    fn what_follows_the_value_is_refused() {
        assert!(check("{} {}", POINT).is_err());
    }
}
