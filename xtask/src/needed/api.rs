//! What a library crate offers to others, read off its sources: each public item that can be
//! reached from its root, by the paths by which it can be, with what callers see of it. Nothing is
//! compiled: what macros make is not seen, and every `cfg` but that of tests counts as on. Relies on
//! `syn`.

mod seen;

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, ImplItem, Item, ItemImpl, Lit, Meta, Type, Visibility};

use self::seen::{Seen, tokens};
use super::code::{Code, flatten, folder_of};

/// Everything that a crate offers, by its path.
pub(super) type Api = BTreeMap<String, Offer>;

/// Something that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// `fn`, `struct`, …; `impl` of a trait that a type has.
    pub(super) kind: &'static str,
    pub(super) seen: Seen,
    /// The file that it stands in.
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
}

/// What the crate with that root offers.
///
/// # Errors
/// With file, line and column, where a file is no Rust or is missing.
pub(super) fn read(root: &str, code: &Code<'_>) -> Result<Api, String> {
    let mut modules = Modules::default();
    modules.load(&[], root, folder_of(root), code)?;
    let mut api = Api::new();
    modules.offer(&[], "", &mut api, &mut Vec::new());
    api.append(&mut modules.macros);
    Ok(api)
}

/// Where something is, from the root of its crate.
type Path = Vec<String>;

#[derive(Default)]
struct Modules {
    modules: BTreeMap<Path, Module>,
    /// Those that `#[macro_export]` puts at the root.
    macros: Api,
    /// The names of traits that nobody else sees, nor who has them.
    hidden: BTreeSet<String>,
}

#[derive(Default)]
struct Module {
    items: BTreeMap<String, Offer>,
    /// Whether each child is public.
    children: BTreeMap<String, bool>,
    uses: Vec<Use>,
    members: Vec<Member>,
}

/// A method, a constant or a trait of a type.
struct Member {
    /// The name of the type.
    of: String,
    /// Its own.
    name: String,
    offer: Offer,
}

struct Use {
    from: Path,
    /// None for all that is there.
    name: Option<String>,
    offer: Offer,
}

impl Modules {
    fn load(
        &mut self,
        at: &[String],
        file: &str,
        folder: &str,
        code: &Code<'_>,
    ) -> Result<(), String> {
        let parsed = code.file(file)?;
        let parsed = parsed.ok_or_else(|| format!("{file}: expected a module, found none"))?;
        self.load_items(at, file, folder, &parsed.items, (false, code))
    }

    fn load_items(
        &mut self,
        at: &[String],
        file: &str,
        folder: &str,
        items: &[Item],
        (is_inline, code): (bool, &Code<'_>),
    ) -> Result<(), String> {
        let mut module = Module::default();
        for item in items.iter().filter(|item| !is_hidden(attributes(item))) {
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    module.children.insert(name.clone(), is_public(&child.vis));
                    let below = joined(at, &name);
                    let inside = format!("{folder}/{name}");
                    match (&child.content, path_attribute(&child.attrs)) {
                        (Some((_, items)), _) => {
                            self.load_items(&below, file, &inside, items, (true, code))?;
                        }
                        // From the file itself, or from the folder of the module it stands in.
                        (None, Some(path)) => {
                            let from = if is_inline { folder } else { folder_of(file) };
                            let file = reached(from, &path);
                            self.load(&below, &file, folder_of(&file), code)?;
                        }
                        (None, None) => {
                            let file = code.module(&inside);
                            self.load(&below, &file, &inside, code)?;
                        }
                    }
                }
                Item::Use(item) if is_public(&item.vis) => {
                    let offer = offer("use", Seen::default(), file, item.span());
                    flatten(&item.tree, Vec::new(), &mut |from, name| {
                        module.uses.push(Use {
                            from,
                            name,
                            offer: offer.clone(),
                        });
                    });
                }
                Item::Impl(item) => members(item, file, &mut module),
                Item::Macro(item) => {
                    let exported = item
                        .attrs
                        .iter()
                        .any(|of| of.path().is_ident("macro_export"));
                    if let (Some(name), true) = (&item.ident, exported) {
                        let offer = offer("macro", Seen::default(), file, item.span());
                        self.macros.insert(format!("{name}!"), offer);
                    }
                }
                item => {
                    if let Some((name, found)) = public(item, file) {
                        derived(item, &name, &found, &mut module);
                        module.items.insert(name, found);
                    } else if let Item::Trait(item) = item {
                        self.hidden.insert(item.ident.to_string());
                    }
                }
            }
        }
        self.modules.insert(at.to_vec(), module);
        Ok(())
    }

    /// Adds what a module offers under a name.
    fn offer(&self, at: &[String], prefix: &str, api: &mut Api, above: &mut Vec<Path>) {
        let Some(module) = self.modules.get(at) else {
            return;
        };
        // One that brings in itself offers nothing more.
        if above.iter().any(|path| path == at) {
            return;
        }
        above.push(at.to_vec());
        for name in module.items.keys() {
            self.offer_item(at, name, &format!("{prefix}{name}"), api);
        }
        for (child, public) in &module.children {
            if *public {
                let below = format!("{prefix}{child}::");
                self.offer(&joined(at, child), &below, api, above);
            }
        }
        for used in &module.uses {
            let from = self.resolved(at, &used.from);
            match (&used.name, from) {
                (None, Some(from)) => self.offer(&from, prefix, api, above),
                (Some(name), Some(from)) => {
                    let here = format!("{prefix}{name}");
                    if self.modules.contains_key(&from) {
                        self.offer(&from, &format!("{here}::"), api, above);
                    } else if let Some((last, of)) = from.split_last() {
                        self.offer_item(of, last, &here, api);
                    }
                }
                // Another crate's.
                (name, None) => {
                    let name = name.as_deref().unwrap_or("*");
                    let seen = Seen::of(used.from.join("::"));
                    let offer = Offer {
                        seen,
                        ..used.offer.clone()
                    };
                    api.insert(format!("{prefix}{name}"), offer);
                }
            }
        }
        above.pop();
    }

    /// Adds an item of the module `of` as `here`, with its members.
    fn offer_item(&self, of: &[String], name: &str, here: &str, api: &mut Api) {
        let Some(item) = self
            .modules
            .get(of)
            .and_then(|module| module.items.get(name))
        else {
            return;
        };
        api.insert(here.to_owned(), item.clone());
        let defined = self
            .modules
            .values()
            .filter(|module| module.items.contains_key(name));
        let alone = defined.count() == 1;
        for (at, module) in &self.modules {
            // Of two types of one name, each has the members that stand beside it.
            if !alone && at != of {
                continue;
            }
            for member in module.members.iter().filter(|member| member.of == name) {
                let (name, offer) = (&member.name, member.offer.clone());
                if offer.kind != "impl" {
                    api.insert(format!("{here}::{name}"), offer);
                } else if !self.hidden.contains(name) {
                    api.insert(format!("{name} for {here}"), offer);
                }
            }
        }
    }

    /// The path from the root of what a `use` names; none for another crate's.
    fn resolved(&self, at: &[String], from: &[String]) -> Option<Path> {
        let mut path = match from.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => at.to_vec(),
            "super" => at[..at.len().checked_sub(1)?].to_vec(),
            first => {
                let module = self.modules.get(at)?;
                let here = module.children.contains_key(first) || module.items.contains_key(first);
                return here.then(|| at.iter().chain(from).cloned().collect());
            }
        };
        for part in &from[1..] {
            match part.as_str() {
                "super" => drop(path.pop()?),
                part => path.push(part.to_owned()),
            }
        }
        Some(path)
    }
}

fn joined(at: &[String], name: &str) -> Path {
    at.iter().cloned().chain([name.to_owned()]).collect()
}

fn offer(kind: &'static str, seen: Seen, file: &str, at: Span) -> Offer {
    Offer {
        kind,
        seen,
        file: file.to_owned(),
        line: at.start().line,
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Whether nobody else sees it: that of tests, and what is hidden from the documentation.
fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else {
            return false;
        };
        let within = list.tokens.to_string();
        (list.path.is_ident("cfg") && within == "test")
            || (list.path.is_ident("doc") && within == "hidden")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// A public item and its name; none for one that is not public.
fn public(item: &Item, file: &str) -> Option<(String, Offer)> {
    let (visibility, name, kind) = match item {
        Item::Const(item) => (&item.vis, &item.ident, "const"),
        Item::Static(item) => (&item.vis, &item.ident, "static"),
        Item::Fn(item) => (&item.vis, &item.sig.ident, "fn"),
        Item::Type(item) => (&item.vis, &item.ident, "type"),
        Item::Struct(item) => (&item.vis, &item.ident, "struct"),
        Item::Enum(item) => (&item.vis, &item.ident, "enum"),
        Item::Trait(item) => (&item.vis, &item.ident, "trait"),
        Item::Union(item) => (&item.vis, &item.ident, "union"),
        _ => return None,
    };
    let offer = || offer(kind, seen::item(item), file, name.span());
    is_public(visibility).then(|| (name.to_string(), offer()))
}

/// The traits that a type derives.
fn derived(item: &Item, name: &str, found: &Offer, module: &mut Module) {
    let generics = match item {
        Item::Struct(item) => &item.generics,
        Item::Enum(item) => &item.generics,
        Item::Union(item) => &item.generics,
        _ => return,
    };
    for (of, seen) in seen::derived(attributes(item), generics) {
        module.members.push(Member {
            of: name.to_owned(),
            name: of.to_string(),
            offer: Offer {
                kind: "impl",
                seen,
                ..found.clone()
            },
        });
    }
}

/// The public methods and constants of a type, or the trait that it has.
fn members(item: &ItemImpl, file: &str, module: &mut Module) {
    let Type::Path(of) = &*item.self_ty else {
        return;
    };
    let Some(segment) = of.path.segments.last() else {
        return;
    };
    let mut add = |name: String, kind, seen, at| {
        module.members.push(Member {
            of: segment.ident.to_string(),
            name,
            offer: offer(kind, seen, file, at),
        });
    };
    if item.trait_.is_some() {
        if let Some((name, seen)) = seen::implementation(item, segment) {
            add(name, "impl", seen, item.span());
        }
        return;
    }
    for inner in &item.items {
        let (visibility, attributes, name, kind, seen) = match inner {
            ImplItem::Fn(item) => {
                let seen = seen::signature(&item.sig);
                (&item.vis, &item.attrs, &item.sig.ident, "fn", seen)
            }
            ImplItem::Const(item) => {
                let seen = Seen::of(tokens(&item.ty));
                (&item.vis, &item.attrs, &item.ident, "const", seen)
            }
            _ => continue,
        };
        if is_public(visibility) && !is_hidden(attributes) {
            let seen = seen::method(item, segment, seen);
            add(name.to_string(), kind, seen, name.span());
        }
    }
}

/// The file that a module says it stands in.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        match &pair.value {
            Expr::Lit(value) if pair.path.is_ident("path") => match &value.lit {
                Lit::Str(path) => Some(path.value()),
                _ => None,
            },
            _ => None,
        }
    })
}

/// Where a path leads from a folder, without `.` and `..`: git knows neither.
pub(super) fn reached(folder: &str, path: &str) -> String {
    let mut parts = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use release_plan::Bump;

    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Api, String> {
        let crates = BTreeMap::new();
        let code = Code::new(&crates, |path| {
            let found = files.iter().find(|(name, _)| *name == path);
            found.map(|(_, text)| (*text).to_owned())
        });
        super::read("src/lib.rs", &code)
    }

    fn api(files: &[(&str, &str)]) -> Api {
        read(files).unwrap()
    }

    fn paths(files: &[(&str, &str)]) -> Vec<String> {
        api(files).into_keys().collect()
    }

    #[test]
    fn what_can_be_reached_from_the_root_is_offered_by_each_of_its_paths() {
        let lib = "mod a; pub mod b; mod hidden { pub fn no() {} }
            pub use a::{One, Two as Deux}; pub use b::deep; pub use clap; pub fn top() {}
            #[macro_export] macro_rules! shout { () => {} } macro_rules! whisper { () => {} }
            #[cfg(test)] pub mod tests { pub fn no() {} } #[doc(hidden)] pub fn no() {}";
        let a = "pub struct One { pub x: u8, y: u8 } pub struct Two; pub struct Three;
            impl One { pub fn make() -> Self { todo!() } fn no() {} pub const MOST: u8 = 1; }";
        let b = "pub mod deep { pub enum E { A, B(u8) } } pub(crate) fn no() {}";
        let files = [("src/lib.rs", lib), ("src/a.rs", a), ("src/b/mod.rs", b)];
        let expected = [
            "Deux",
            "One",
            "One::MOST",
            "One::make",
            "b::deep::E",
            "clap",
            "deep::E",
            "shout!",
            "top",
        ];
        assert_eq!(paths(&files), expected);
        let one = &api(&files)["One"];
        assert_eq!(
            (one.kind, one.file.as_str(), one.line),
            ("struct", "src/a.rs", 1)
        );
    }

    #[test]
    fn a_glob_and_a_module_that_brings_in_itself_come_to_an_end() {
        let lib = "mod a; pub use a::*; pub use crate as this;";
        let a = "pub use super::*; pub fn f() {}";
        assert_eq!(paths(&[("src/lib.rs", lib), ("src/a.rs", a)]), ["f"]);
    }

    #[test]
    fn what_callers_see_is_the_same_however_it_is_written() {
        let same = |one: &str, other: &str| {
            let seen = |text: &str| api(&[("src/lib.rs", text)])["f"].seen.clone();
            seen(one) == seen(other)
        };
        assert!(same(
            "pub fn f(a: u8) -> u8 { a }",
            "pub  fn f ( b : u8 )->u8{b}"
        ));
        assert!(!same("pub fn f(a: u8) {}", "pub fn f(a: u16) {}"));
        assert!(!same("pub fn f<T>() {}", "pub fn f<T: Copy>() {}"));
        assert!(!same("pub fn f<T>() {}", "pub fn f<T>() where T: Copy {}"));
    }

    /// What becoming the other does to callers of each that both have.
    fn difference(one: &str, other: &str) -> Option<Bump> {
        let [was, is] = [one, other].map(|text| api(&[("src/lib.rs", text)]));
        let both = was.iter().filter_map(|(path, was)| {
            let is = is.get(path)?;
            was.seen.difference(&is.seen)
        });
        both.max()
    }

    #[test]
    fn what_is_taken_from_callers_is_major_and_what_is_given_to_them_minor() {
        for (one, other) in [
            ("pub fn f() {}", "pub const fn f() {}"),
            ("pub unsafe fn f() {}", "pub fn f() {}"),
            (
                "pub struct W; impl W { pub fn f() {} }",
                "pub struct W; impl W { pub const fn f() {} }",
            ),
            (
                "#[non_exhaustive] pub enum E { A }",
                "#[non_exhaustive] pub enum E { A, B }",
            ),
            ("#[non_exhaustive] pub enum E { A }", "pub enum E { A }"),
            (
                "pub enum E { #[non_exhaustive] A { x: u8 } }",
                "pub enum E { #[non_exhaustive] A { x: u8, y: u8 } }",
            ),
            (
                "#[non_exhaustive] pub struct S { pub x: u8 }",
                "#[non_exhaustive] pub struct S { pub y: u8, pub x: u8 }",
            ),
            (
                "pub struct S { pub x: u8, z: u8 }",
                "pub struct S { pub x: u8, pub y: u8, z: u8 }",
            ),
            (
                "pub trait T { fn f(); }",
                "pub trait T { fn f(); fn g() {} }",
            ),
            ("pub trait T { fn f(); }", "pub trait T { fn f() {} }"),
        ] {
            assert_eq!(
                difference(one, other),
                Some(Bump::Minor),
                "{one} to {other}"
            );
            assert_eq!(
                difference(other, one),
                Some(Bump::Major),
                "{other} to {one}"
            );
        }
        for (one, other) in [
            ("pub enum E { A }", "pub enum E { A, B }"),
            ("pub enum E { A, B }", "pub enum E { B, A }"),
            (
                "pub enum E { A { x: u8 } }",
                "pub enum E { A { x: u8, y: u8 } }",
            ),
            (
                "pub struct S { pub x: u8 }",
                "pub struct S { pub x: u8, pub y: u8 }",
            ),
            (
                "pub struct S { pub x: u8 }",
                "pub struct S { pub x: u8, y: u8 }",
            ),
            ("pub struct S { pub x: u8 }", "pub struct S { pub x: u16 }"),
            ("pub trait T { fn f(); }", "pub trait T { fn f(); fn g(); }"),
            ("pub trait T { fn f(); }", "pub trait T { unsafe fn f(); }"),
            ("pub trait T { unsafe fn f(); }", "pub trait T { fn f(); }"),
            (
                "pub struct W<T>(T); impl<T> W<T> { pub fn f() {} }",
                "pub struct W<T>(T); impl<T: Copy> W<T> { pub fn f() {} }",
            ),
            (
                "pub struct W<T>(T); impl<T> W<T> { pub fn f() {} }",
                "pub struct W<T>(T); impl<T> W<T> where T: Copy { pub fn f() {} }",
            ),
            (
                "pub struct W<T>(T); impl<T> Clone for W<T> {}",
                "#[derive(Clone)] pub struct W<T>(T);",
            ),
        ] {
            assert_eq!(
                difference(one, other),
                Some(Bump::Major),
                "{one} to {other}"
            );
        }
        for (one, other) in [
            (
                "pub struct W<'a>(&'a u8); impl<'a> W<'a> { pub fn f() {} }",
                "pub struct W<'a>(&'a u8); impl W<'_> { pub fn f() {} }",
            ),
            (
                "#[derive(Clone)] pub struct W<T>(T);",
                "pub struct W<T>(T); impl<T: Clone> Clone for W<T> {}",
            ),
            ("pub struct S { x: u8 }", "pub struct S { y: u16, z: u8 }"),
            (
                "pub struct S { pub x: u8, pub y: u8 }",
                "pub struct S { pub y: u8, pub x: u8 }",
            ),
            (
                "pub trait T { fn f(); fn g(); }",
                "pub trait T { fn g(); fn f(); }",
            ),
        ] {
            assert_eq!(difference(one, other), None, "{one} to {other}");
        }
    }

    #[test]
    fn the_traits_of_a_type_are_offered_with_it() {
        let lib = "mod a; pub use a::One; trait Mine {}
            #[derive(Clone, serde::Serialize)] #[cfg_attr(feature = \"x\", derive(Hash))]
            #[cfg_attr(test, derive(Debug))] pub enum Two {} #[derive(Clone)] struct No;
            impl std::fmt::Display for a::One {} impl<'de> Deserialize<'de> for Two {}
            impl From<Two> for One {} impl Mine for One {} impl !Send for One {}";
        let files = [
            ("src/lib.rs", lib),
            ("src/a.rs", "#[derive(Debug)] pub struct One;"),
        ];
        let expected = [
            "Clone for Two",
            "Debug for One",
            "Deserialize for Two",
            "Display for One",
            "From<Two> for One",
            "Hash for Two",
            "One",
            "Serialize for Two",
            "Two",
        ];
        assert_eq!(paths(&files), expected);
        assert_eq!(api(&files)["Clone for Two"].kind, "impl");
    }

    #[test]
    fn a_module_is_found_where_it_says_that_it_stands() {
        let files = [
            (
                "src/lib.rs",
                "#[path = \"deep/z.rs\"] pub mod a; pub mod b; pub mod c { #[path = \"y.rs\"] pub mod d; }",
            ),
            ("src/deep/z.rs", "pub fn f() {} pub mod e;"),
            ("src/deep/e.rs", "pub fn f() {}"),
            ("src/b.rs", "#[path = \"../other/x.rs\"] pub mod f;"),
            ("other/x.rs", "pub fn f() {}"),
            ("src/c/y.rs", "pub fn f() {}"),
        ];
        assert_eq!(paths(&files), ["a::e::f", "a::f", "b::f::f", "c::d::f"]);
    }

    #[test]
    fn a_file_that_is_no_rust_or_missing_is_named_with_its_place() {
        let refused = |files: &[(&str, &str)]| read(files).unwrap_err();
        assert!(refused(&[("src/lib.rs", "\npub fn 7() {}")]).starts_with("src/lib.rs:2:"));
        let missing = refused(&[("src/lib.rs", "mod a;")]);
        assert_eq!(missing, "src/a.rs: expected a module, found none");
    }
}
