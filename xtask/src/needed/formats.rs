//! In what documents are other than those of the last release: what `--json` prints, and what lies
//! on disks and goes between programs. `product.yaml` names each, and the Rust type that it is; the
//! rest is read off the sources of both trees, as serde's derives would have it, and compared by
//! the document's own structure: what a type is called, and where it stands, is nobody's business.
//!
//! Nothing is compiled. A type without serde's derives, one of another workspace, one written by
//! hand or made by a macro, is known by its name alone, and so is not seen to change.
//!
//! Whoever reads a document is taken to bear keys and words that it does not know, unless serde
//! refuses them there. That an older program may meet a new word of an enum is no more than minor,
//! since a document that needs none of the new ones has none.

mod attributes;
mod shape;

use std::collections::BTreeMap;

use release_plan::{Bump, GONE, NEW, Product};

use self::shape::{Node, Presence, Shape};
use super::Reason;
use super::code::Code;
use crate::project::PRODUCT_FILE;

/// Every document that a product names, or why nothing is known of it.
pub(super) struct Formats(BTreeMap<String, Result<Shape, String>>);

impl Formats {
    /// What the documents of a tree look like.
    pub(super) fn read(product: &Product, code: &Code<'_>) -> Self {
        let formats = product.changes.formats.iter();
        let shapes = formats.map(|(name, at)| (name.clone(), shape::of(code, &at.file, &at.name)));
        Self(shapes.collect())
    }

    /// Every document and every place in one, as deprecations name them.
    pub(super) fn things(&self) -> impl Iterator<Item = String> {
        let known = self
            .0
            .iter()
            .filter_map(|(name, shape)| Some((name, shape.as_ref().ok()?)));
        known.flat_map(|(name, shape)| shape.keys().map(move |path| named(name, path)))
    }

    /// Why nothing is known of some, each with the place where `product`, as it is written, names
    /// it.
    pub(super) fn unknown(&self, product: &str) -> Vec<(String, String)> {
        let all = self.0.iter();
        let unknown = all.filter_map(|(name, shape)| Some((name, shape.as_ref().err()?)));
        let placed = unknown.map(|(name, why)| (place(product, name), why.clone()));
        placed.collect()
    }

    /// In what documents are other, for those who rely on these; `product` is as it is written now.
    ///
    /// # Errors
    /// With the name of the first document of which nothing is known, and why.
    pub(super) fn differences(&self, now: &Self, product: &str) -> Result<Vec<Reason>, String> {
        let mut reasons = Vec::new();
        for (name, is) in &now.0 {
            let is = known(name, is)?;
            match self.0.get(name) {
                Some(was) => {
                    let was = known(&format!("{name} as it was released"), was)?;
                    changed(name, was, is, &mut reasons);
                }
                None => reasons.push(Reason {
                    bump: Bump::Minor,
                    thing: name.clone(),
                    how: NEW.to_owned(),
                    place: place(product, name),
                }),
            }
        }
        let gone = self.0.keys().filter(|name| !now.0.contains_key(*name));
        reasons.extend(gone.map(|name| Reason {
            bump: Bump::Major,
            thing: name.clone(),
            how: GONE.to_owned(),
            place: place(product, name),
        }));
        Ok(reasons)
    }
}

/// File and line at which a product, as it is written, names a document.
fn place(product: &str, name: &str) -> String {
    let mut lines = product.lines().enumerate();
    let mut line = |found: &dyn Fn(&str) -> bool| {
        let line = lines.find(|(_, line)| found(line.trim_start()));
        line.map(|(index, _)| index + 1)
    };
    let all = line(&|line| line.starts_with("formats:"));
    let one = all.and_then(|_| line(&|line| is_key(line, name)));
    format!("{PRODUCT_FILE}:{}", one.or(all).unwrap_or(1))
}

/// Whether a line of YAML begins with a key, in quotes or without.
fn is_key(line: &str, key: &str) -> bool {
    let line = line.trim_start_matches(['"', '\'']);
    let rest = line.strip_prefix(key);
    rest.is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':'))
}

fn known<'a>(name: &str, shape: &'a Result<Shape, String>) -> Result<&'a Shape, String> {
    shape.as_ref().map_err(|why| format!("{name}: {why}"))
}

/// A place in a document, or the document itself, as deprecations name it.
fn named(name: &str, path: &[String]) -> String {
    let thing = [name, path.concat().trim_start_matches('.')].join(" ");
    thing.trim_end().to_owned()
}

fn changed(name: &str, then: &Shape, now: &Shape, reasons: &mut Vec<Reason>) {
    // Of what is told of as a whole, nothing within is told of again.
    let mut told: Vec<&[String]> = Vec::new();
    let mut give = |bump, path: &[String], how: String, at: Option<&Node>| {
        let place = at.map_or_else(String::new, |at| format!("{}:{}", at.file, at.line));
        reasons.push(Reason {
            bump,
            thing: named(name, path),
            how,
            place,
        });
    };
    for (path, was) in then {
        if told.iter().any(|told| path.starts_with(told)) {
            continue;
        }
        let Some(is) = now.get(path) else {
            told.push(path);
            give(Bump::Major, path, GONE.to_owned(), around(now, path));
            continue;
        };
        if was.kind != is.kind {
            told.push(path);
            let how = format!("was {} and is {}", was.kind, is.kind);
            give(Bump::Major, path, how, Some(is));
            continue;
        }
        if let Some(how) = worse(was, is) {
            give(Bump::Major, path, how.to_owned(), Some(is));
        }
        // So is all that stands in it.
        if was.served() != is.served() {
            told.push(path);
        }
    }
    for (path, is) in now {
        let known = told.iter().any(|told| path.starts_with(told));
        if known || then.contains_key(path) {
            continue;
        }
        told.push(path);
        let was = around(then, path);
        let refused = was.is_some_and(|was| was.denies && was.read != Presence::Never);
        let (bump, how) = if is.read == Presence::Always {
            (
                Bump::Major,
                "is new, and required of what older programs wrote",
            )
        } else if refused && is.written == Presence::Always {
            (Bump::Major, "is new, and refused by older programs")
        } else {
            (Bump::Minor, NEW)
        };
        give(bump, path, how.to_owned(), Some(is));
    }
}

/// What is nearest around a place.
fn around<'a>(shape: &'a Shape, path: &[String]) -> Option<&'a Node> {
    (0..path.len())
        .rev()
        .find_map(|length| shape.get(&path[..length]))
}

/// How what is at the same place, of the same kind, does not serve those whom the other served.
fn worse(was: &Node, is: &Node) -> Option<&'static str> {
    use Presence::{Always, Never, Sometimes};
    match (was.written, is.written) {
        (Sometimes | Always, Never) => return Some("is written no more"),
        (Always, Sometimes) => return Some("may now be missing"),
        (_, Sometimes | Always) if is.null && !was.null => return Some("may now be null"),
        _ => {}
    }
    match (was.read, is.read) {
        (Sometimes | Always, Never) => Some("is read no more"),
        (Sometimes, Always) => Some("is required now"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "src/lib.rs";

    /// The shape of `Doc` in a file.
    fn shape(text: &str) -> Result<Shape, String> {
        let crates = BTreeMap::new();
        let code = Code::new(&crates, |path| (path == FILE).then(|| text.to_owned()));
        shape::of(&code, FILE, "Doc")
    }

    /// Each difference as `major doc a.b is gone`.
    fn told(then: &str, now: &str) -> Vec<String> {
        let of = |text: &str| Formats(BTreeMap::from([("doc".to_owned(), shape(text))]));
        let reasons = of(then).differences(&of(now), "").unwrap();
        let told = reasons.iter();
        told.map(|it| format!("{} {}", it.bump, it.what()))
            .collect()
    }

    /// The paths of a document, each with what stands there.
    fn paths(text: &str) -> String {
        let shape = shape(text).unwrap();
        let shown = shape.iter().map(|(path, node)| {
            let path = path.concat();
            let null = if node.null { "?" } else { "" };
            format!("{path}={}{null}", node.kind)
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_document_is_seen_as_serde_writes_it() {
        for (text, expected) in [
            (
                "#[derive(Serialize)] struct Doc<'a> { a: &'a str, b: Option<Vec<u8>>, c: [bool; 2],
                    d: BTreeMap<String, Box<Doc2>> } #[derive(Serialize)] struct Doc2 { v: Version }",
                "=object .a=string .b=array? .b[]=number .c=array .c[]=bool .d=object .d{}=object \
                 .d{}.v=Version",
            ),
            (
                "#[derive(Serialize)] #[serde(rename_all = \"kebab-case\")] struct Doc { a_b: u8,
                    #[serde(rename = \"C\")] c: u8, #[serde(skip)] d: u8, r#ref: u8,
                    #[serde(skip_serializing_if = \"Option::is_none\")] e: Option<u8> }",
                "=object .C=number .a-b=number .e=number .ref=number",
            ),
            (
                "#[derive(Serialize)] struct Doc { #[serde(flatten)] a: A, #[serde(flatten)] b: T }
                 #[derive(Serialize)] struct A { x: u8 } type T = BTreeMap<String, bool>;",
                "=object .x=number {}=bool",
            ),
            (
                "#[derive(Serialize)] struct Doc { a: N, b: T, c: S, d: (u8, bool), e: P<bool> }
                 #[derive(Serialize)] struct N(u8);
                 #[derive(Serialize)] #[serde(transparent)] struct T { x: bool }
                 #[derive(Serialize)] #[serde(into = \"String\")] enum S { X }
                 #[derive(Serialize)] struct P<X> { x: Vec<X> }",
                "=object .a=number .b=bool .c=string .d=array .d[0]=number .d[1]=bool .e=object \
                 .e.x=array .e.x[]=bool",
            ),
            (
                "#[derive(Serialize)] #[serde(rename_all = \"kebab-case\")]
                 enum Doc { OneTwo, Three(u8), Four { x: u8 } }",
                "=string or object  \"one-two\"=word .four=object .four.x=number .three=number",
            ),
            (
                "#[derive(Serialize)] #[serde(tag = \"t\")] enum Doc { A(A), B }
                 #[derive(Serialize)] struct A { x: u8 }",
                "=object .t=string .t \"A\"=word .t \"A\".x=number .t \"B\"=word",
            ),
            (
                "#[derive(Serialize)] struct Doc { a: u8, #[serde(flatten)] e: E }
                 #[derive(Serialize)] #[serde(tag = \"t\", content = \"c\")] enum E { A(Vec<u8>) }",
                "=object .a=number .t=string .t \"A\"=word .t \"A\".c=array .t \"A\".c[]=number",
            ),
            (
                "#[derive(Serialize)] #[serde(untagged)] enum Doc { A(u8), B { x: bool } }",
                "=one of several (0)=number (1)=object (1).x=bool",
            ),
            (
                "#[derive(Serialize)] struct Doc { next: Option<Box<Doc>>, v: Hand }
                 struct Hand; impl Serialize for Hand {}",
                "=object .next=one like that around it? .v=Hand",
            ),
        ] {
            assert_eq!(paths(text), expected, "{text}");
        }
    }

    #[test]
    fn what_readers_or_older_documents_miss_is_major_and_what_is_new_minor() {
        let written = "#[derive(Serialize)] struct Doc { a: u8, b: Option<u8>, e: E }
            #[derive(Serialize)] enum E { X, Y }";
        let read = "#[derive(Serialize, Deserialize)] #[serde(deny_unknown_fields)]
            struct Doc { a: u8, #[serde(default)] b: u8, i: I }
            #[derive(Serialize, Deserialize)] struct I { x: u8 }";
        let kept = "#[derive(Serialize, Deserialize)]
            struct Doc { #[serde(skip_deserializing)] i: I, #[serde(flatten)] f: Option<F> }
            #[derive(Serialize, Deserialize)] struct I { x: u8 }
            #[derive(Serialize, Deserialize)] struct F { f: u8 }";
        let asks = "#[derive(Deserialize)] struct Doc { a: u8, b: Option<u8> }";
        for (then, from, to, expected) in [
            (written, "", "", &[][..]),
            (
                written,
                "struct Doc { a: u8,",
                "struct Doc {",
                &["major doc a is gone"],
            ),
            (written, "a: u8", "a: u64", &[]),
            (
                written,
                "a: u8",
                "a: String",
                &["major doc a was number and is string"],
            ),
            (
                written,
                "a: u8",
                "a: Option<u8>",
                &["major doc a may now be null"],
            ),
            (
                written,
                "a: u8",
                "#[serde(skip_serializing_if = \"is_zero\")] a: u8",
                &["major doc a may now be missing"],
            ),
            (
                written,
                "b: Option<u8>",
                "#[serde(skip_serializing_if = \"Option::is_none\")] b: Option<u8>",
                &["major doc b may now be missing"],
            ),
            (written, "b: Option<u8>", "b: u8", &[]),
            (written, "a: u8", "a: u8, c: u8", &["minor doc c is new"]),
            (written, "X, Y", "X", &["major doc e \"Y\" is gone"]),
            (written, "X, Y", "X, Y, Z", &["minor doc e \"Z\" is new"]),
            (
                written,
                "e: E",
                "e: Vec<E>",
                &["major doc e was string and is array"],
            ),
            (
                written,
                "X, Y",
                "X, Y(u8)",
                &["major doc e was string and is string or object"],
            ),
            (
                read,
                "a: u8",
                "a: u8, c: u8",
                &["major doc c is new, and required of what older programs wrote"],
            ),
            (
                read,
                "a: u8",
                "a: u8, #[serde(default)] c: u8",
                &["major doc c is new, and refused by older programs"],
            ),
            (
                read,
                "a: u8",
                "a: u8, #[serde(default, skip_serializing_if = \"is_zero\")] c: u8",
                &["minor doc c is new"],
            ),
            (
                read,
                "x: u8",
                "x: u8, #[serde(default)] y: u8",
                &["minor doc i.y is new"],
            ),
            (
                read,
                "i: I",
                "#[serde(skip_deserializing)] i: I",
                &["major doc i is read no more"],
            ),
            // What is never read, or need not be, is not required.
            (kept, "x: u8", "x: u8, y: u8", &["minor doc i.y is new"]),
            (kept, "f: u8", "f: u8, g: u8", &["minor doc g is new"]),
            (
                read,
                "#[serde(default)] b",
                "b",
                &["major doc b is required now"],
            ),
            (
                read,
                "a: u8",
                "#[serde(skip_serializing)] a: u8",
                &["major doc a is written no more"],
            ),
            (
                read,
                "a: u8",
                "#[serde(rename = \"z\", alias = \"a\")] a: u8",
                &[
                    "major doc a is written no more",
                    "major doc z is new, and refused by older programs",
                ],
            ),
            (
                asks,
                "a: u8",
                "#[serde(rename = \"z\", alias = \"a\")] a: u8",
                &["minor doc z is new"],
            ),
            (
                asks,
                "b: Option<u8>",
                "b: u8",
                &["major doc b is required now"],
            ),
            (asks, "a: u8", "a: Option<u8>", &[]),
            (asks, "a: u8, ", "", &["major doc a is gone"]),
        ] {
            assert!(then.contains(from), "{from}");
            assert_eq!(told(then, &then.replacen(from, to, 1)), expected, "{to}");
        }
    }

    #[test]
    fn what_types_are_called_and_where_they_stand_is_no_change() {
        let then = "#[derive(Serialize)] struct Doc { a: Inner, b: Id }
            #[derive(Serialize)] struct Inner { x: u8 }
            #[derive(Serialize)] #[serde(into = \"String\")] struct Id;";
        let now = "#[derive(Serialize)] struct Doc { b: String, a: Within }
            type Within = Box<Other>;
            #[derive(Serialize)] struct Other { #[serde(rename = \"x\")] y: u64 }";
        assert_eq!(told(then, now), [""; 0]);
        // What they cannot be seen to hold is known by its name.
        let now = now.replace("b: String", "b: Version");
        assert_eq!(told(then, &now), ["major doc b was string and is Version"]);
    }

    #[test]
    fn a_document_that_is_gone_or_new_is_told_of_as_a_whole_where_it_is_named() {
        let one = || shape("#[derive(Serialize)] struct Doc { a: u8 }");
        let then = Formats(BTreeMap::from([("old --json".to_owned(), one())]));
        let now = Formats(BTreeMap::from([("new.json".to_owned(), one())]));
        let product = "changes:\n  behaviour: []\n  formats:\n    \"new.json\": a.rs#A\n";
        let reasons = then.differences(&now, product).unwrap();
        let told: Vec<_> = reasons
            .iter()
            .map(|it| format!("{} {} {}", it.bump, it.what(), it.place))
            .collect();
        let expected = [
            "minor new.json is new release-plan/product.yaml:4",
            "major old --json is gone release-plan/product.yaml:3",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_type_that_is_not_there_or_not_serdes_is_no_document() {
        for (text, words) in [
            (
                "#[derive(Debug)] struct Doc; #[derive(Serialize)] struct Dock;",
                "no Doc in src/lib.rs that serde's derives write or read; there are: Dock",
            ),
            ("struct Doc {", "src/lib.rs:1:"),
        ] {
            let why = shape(text).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }
}
