//! What a library crate offers to others, read off its sources: each public item that can be
//! reached from its root, by the paths by which it can be, with what callers see of it. Nothing is
//! compiled: what macros make is not seen, and every `cfg` but that of tests counts as on. Relies on
//! `syn`.

use std::collections::BTreeMap;

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Fields, FnArg, ImplItem, Item, ItemImpl, Meta, Signature, TraitItem, Type,
    Visibility,
};

use super::code::{Code, flatten};

/// Everything that a crate offers, by its path.
pub(super) type Api = BTreeMap<String, Offer>;

/// Something that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// `fn`, `struct`, …
    pub(super) kind: &'static str,
    /// What callers see of it, whichever way it is written.
    pub(super) seen: String,
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
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    modules.load(&[], root, folder, code)?;
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
}

#[derive(Default)]
struct Module {
    items: BTreeMap<String, Offer>,
    /// Whether each child is public.
    children: BTreeMap<String, bool>,
    uses: Vec<Use>,
    /// Methods by the name of their type.
    methods: Vec<(String, String, Offer)>,
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
        self.load_items(at, file, folder, &parsed.items, code)
    }

    fn load_items(
        &mut self,
        at: &[String],
        file: &str,
        folder: &str,
        items: &[Item],
        code: &Code<'_>,
    ) -> Result<(), String> {
        let mut module = Module::default();
        for item in items.iter().filter(|item| !is_hidden(attributes(item))) {
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    module.children.insert(name.clone(), is_public(&child.vis));
                    let below = joined(at, &name);
                    let inside = format!("{folder}/{name}");
                    match &child.content {
                        Some((_, items)) => {
                            self.load_items(&below, file, &inside, items, code)?;
                        }
                        None => {
                            let file = code.module(&inside);
                            self.load(&below, &file, &inside, code)?;
                        }
                    }
                }
                Item::Use(item) if is_public(&item.vis) => {
                    let offer = offer("use", String::new(), file, item.span());
                    flatten(&item.tree, Vec::new(), &mut |from, name| {
                        module.uses.push(Use {
                            from,
                            name,
                            offer: offer.clone(),
                        });
                    });
                }
                Item::Impl(item) if item.trait_.is_none() => methods(item, file, &mut module),
                Item::Macro(item) => {
                    let exported = item
                        .attrs
                        .iter()
                        .any(|of| of.path().is_ident("macro_export"));
                    if let (Some(name), true) = (&item.ident, exported) {
                        let offer = offer("macro", String::new(), file, item.span());
                        self.macros.insert(format!("{name}!"), offer);
                    }
                }
                item => {
                    if let Some((name, found)) = public(item, file) {
                        module.items.insert(name, found);
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
                    let seen = used.from.join("::");
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

    /// Adds an item of the module `of` as `here`, with its methods.
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
            // Of two types of one name, each has the methods that stand beside it.
            if !alone && at != of {
                continue;
            }
            for (of, method, offer) in &module.methods {
                if of == name {
                    api.insert(format!("{here}::{method}"), offer.clone());
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

fn offer(kind: &'static str, seen: String, file: &str, at: Span) -> Offer {
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

fn is_open(attributes: &[Attribute]) -> &'static str {
    let mut attributes = attributes.iter();
    if attributes.any(|attribute| attribute.path().is_ident("non_exhaustive")) {
        "non_exhaustive "
    } else {
        ""
    }
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
    let (visibility, name, kind, seen) = match item {
        Item::Const(item) => (&item.vis, &item.ident, "const", tokens(&item.ty)),
        Item::Static(item) => (&item.vis, &item.ident, "static", tokens(&item.ty)),
        Item::Fn(item) => (&item.vis, &item.sig.ident, "fn", signature(&item.sig)),
        Item::Type(item) => {
            let seen = format!("{} = {}", tokens(&item.generics), tokens(&item.ty));
            (&item.vis, &item.ident, "type", seen)
        }
        Item::Struct(item) => {
            let seen = [
                is_open(&item.attrs),
                &tokens(&item.generics),
                &fields(&item.fields, false),
            ];
            (&item.vis, &item.ident, "struct", seen.concat())
        }
        Item::Enum(item) => {
            let variants = item.variants.iter().map(|variant| {
                let fields = fields(&variant.fields, true);
                format!("{}{}{fields}", is_open(&variant.attrs), variant.ident)
            });
            let variants = variants.collect::<Vec<_>>().join(", ");
            let seen = [
                is_open(&item.attrs),
                &tokens(&item.generics),
                " ",
                &variants,
            ];
            (&item.vis, &item.ident, "enum", seen.concat())
        }
        Item::Trait(item) => {
            let items = item.items.iter().map(|item| match item {
                TraitItem::Fn(item) => {
                    let given = if item.default.is_some() { "given " } else { "" };
                    format!("{given}{} {}", item.sig.ident, signature(&item.sig))
                }
                TraitItem::Type(item) => format!("type {}{}", item.ident, tokens(&item.bounds)),
                TraitItem::Const(item) => format!("const {} {}", item.ident, tokens(&item.ty)),
                other => tokens(other),
            });
            let items = items.collect::<Vec<_>>().join("; ");
            let above = tokens(&item.supertraits);
            let seen = format!("{}: {above} {{{items}}}", tokens(&item.generics));
            (&item.vis, &item.ident, "trait", seen)
        }
        Item::Union(item) => (&item.vis, &item.ident, "union", tokens(&item.fields)),
        _ => return None,
    };
    let offer = || offer(kind, seen, file, name.span());
    is_public(visibility).then(|| (name.to_string(), offer()))
}

/// What callers see of fields: those that are public, and whether there are others.
fn fields(fields: &Fields, all: bool) -> String {
    let shown = fields
        .iter()
        .filter(|field| all || is_public(&field.vis))
        .map(|field| {
            let name = field
                .ident
                .as_ref()
                .map_or_else(String::new, |name| format!("{name}: "));
            format!("{name}{}", tokens(&field.ty))
        });
    let mut shown: Vec<String> = shown.collect();
    if shown.len() < fields.len() {
        shown.push("..".to_owned());
    }
    let shown = shown.join(", ");
    match fields {
        Fields::Named(_) => format!(" {{{shown}}}"),
        Fields::Unnamed(_) => format!("({shown})"),
        Fields::Unit => String::new(),
    }
}

/// What callers see of a function: not how it calls what it is given.
fn signature(of: &Signature) -> String {
    let inputs = of.inputs.iter().map(|input| match input {
        FnArg::Receiver(this) => tokens(this),
        FnArg::Typed(input) => tokens(&input.ty),
    });
    format!(
        "{}{}{}{}({}){} {}",
        tokens(&of.constness),
        tokens(&of.asyncness),
        tokens(&of.unsafety),
        tokens(&of.generics),
        inputs.collect::<Vec<_>>().join(", "),
        tokens(&of.output),
        tokens(&of.generics.where_clause)
    )
}

/// The public methods and constants of a type.
fn methods(item: &ItemImpl, file: &str, module: &mut Module) {
    let Type::Path(of) = &*item.self_ty else {
        return;
    };
    let Some(of) = of
        .path
        .segments
        .last()
        .map(|segment| segment.ident.to_string())
    else {
        return;
    };
    for item in &item.items {
        let (visibility, attributes, name, kind, seen) = match item {
            ImplItem::Fn(item) => {
                let seen = signature(&item.sig);
                (&item.vis, &item.attrs, &item.sig.ident, "fn", seen)
            }
            ImplItem::Const(item) => (
                &item.vis,
                &item.attrs,
                &item.ident,
                "const",
                tokens(&item.ty),
            ),
            _ => continue,
        };
        if is_public(visibility) && !is_hidden(attributes) {
            let offer = offer(kind, seen, file, name.span());
            module.methods.push((of.clone(), name.to_string(), offer));
        }
    }
}

fn tokens(of: &impl ToTokens) -> String {
    of.to_token_stream().to_string()
}

#[cfg(test)]
mod tests {
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
        assert_eq!(one.seen, " {x: u8, ..}");
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
        assert!(!same("pub fn f() {}", "pub unsafe fn f() {}"));
        assert!(!same("pub fn f<T>() {}", "pub fn f<T: Copy>() {}"));
        assert!(!same("pub fn f<T>() {}", "pub fn f<T>() where T: Copy {}"));
    }

    #[test]
    fn a_file_that_is_no_rust_or_missing_is_named_with_its_place() {
        let refused = |files: &[(&str, &str)]| read(files).unwrap_err();
        assert!(refused(&[("src/lib.rs", "\npub fn 7() {}")]).starts_with("src/lib.rs:2:"));
        let missing = refused(&[("src/lib.rs", "mod a;")]);
        assert_eq!(missing, "src/a.rs: expected a module, found none");
    }
}
