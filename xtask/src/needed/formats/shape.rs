//! What a document looks like whose Rust type is known: each place in it, with what stands there.
//! Follows serde's derives as far as sources tell; see the module above for what they do not.

use std::collections::BTreeMap;

use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::{
    Fields, FieldsNamed, FieldsUnnamed, GenericArgument, GenericParam, Generics, Item, ItemEnum,
    PathArguments, Type, Variant,
};

use super::attributes::{self, Attributes};
use crate::needed::code::{Code, Definition, types};

/// Every place in a document by the steps that lead there: `.key`, `[]` for each of a list, `{}`
/// for each of a map, ` "word"` for what an enum can say.
pub(super) type Shape = BTreeMap<Vec<String>, Node>;

/// What stands at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// `string`, `object`, …, or the name of a type of which nothing more is known.
    pub(super) kind: String,
    /// Whether it may be null.
    pub(super) null: bool,
    /// Whether it stands in what is written.
    pub(super) written: Presence,
    /// Whether it must stand in what is read.
    pub(super) read: Presence,
    /// Whether a key that is not known there is refused.
    pub(super) denies: bool,
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
}

impl Node {
    /// Whether it is written, and whether it is read.
    pub(super) fn served(&self) -> [bool; 2] {
        [self.written, self.read].map(|presence| presence != Presence::Never)
    }
}

/// Whether something stands where it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Presence {
    Never,
    Sometimes,
    Always,
}

impl Presence {
    /// That of what stands there whenever what it is in does.
    fn within(self) -> Self {
        match self {
            Self::Never => Self::Never,
            Self::Sometimes | Self::Always => Self::Always,
        }
    }
}

/// What a document of the type looks like that code in `file` calls `name`.
///
/// # Errors
/// When that is no type that serde's derives write or read; and as for [`Code::file`].
pub(super) fn of(code: &Code<'_>, file: &str, name: &str) -> Result<Shape, String> {
    let root: Type = syn::parse_str(name).map_err(|error| format!("{name}: {error}"))?;
    let Some(parsed) = code.file(file)? else {
        return Err(format!("no file {file}"));
    };
    let mut walk = Walk {
        code,
        shape: Shape::new(),
        root: None,
        above: Vec::new(),
    };
    let scope = Scope {
        file: file.to_owned(),
        parameters: BTreeMap::new(),
    };
    let start = At {
        path: Vec::new(),
        written: Presence::Always,
        read: Presence::Always,
        null: true,
        flat: false,
        file: file.to_owned(),
        line: 1,
    };
    walk.value(&root, &scope, start)?;
    let (written, read) = walk.root.unwrap_or((false, false));
    if !written && !read {
        let there = types(&parsed).filter(|(_, item)| is_derived(item));
        let there: Vec<_> = there.map(|(name, _)| name).collect();
        return Err(format!(
            "no {name} in {file} that serde's derives write or read; there are: {}",
            there.join(", ")
        ));
    }
    for node in walk.shape.values_mut() {
        if !written {
            node.written = Presence::Never;
        }
        if !read {
            node.read = Presence::Never;
        }
    }
    Ok(walk.shape)
}

struct Walk<'a> {
    code: &'a Code<'a>,
    shape: Shape,
    /// Whether the outermost type that serde's derives know is written, and read.
    root: Option<(bool, bool)>,
    /// The types that are being looked into, which may hold themselves.
    above: Vec<(String, String)>,
}

/// Where a type is written down, and what its parameters stand for there.
#[derive(Clone)]
struct Scope {
    file: String,
    parameters: BTreeMap<String, (Type, Scope)>,
}

/// Where a value stands.
#[derive(Clone)]
struct At {
    path: Vec<String>,
    written: Presence,
    read: Presence,
    /// Whether none of it is written as null.
    null: bool,
    /// Whether its keys stand among those of what it is in.
    flat: bool,
    file: String,
    line: usize,
}

impl At {
    fn below(&self, step: String) -> Self {
        let mut below = self.clone();
        below.path.push(step);
        below.null = true;
        below.flat = false;
        (below.written, below.read) = self.within();
        below
    }

    /// Whether what always stands in it is written, and must be read.
    fn within(&self) -> (Presence, Presence) {
        if self.flat {
            return (self.written, self.read);
        }
        (self.written.within(), self.read.within())
    }

    /// One of several that can stand there.
    fn choice(&self, step: String) -> Self {
        let mut choice = self.below(step);
        choice.written = choice.written.min(Presence::Sometimes);
        choice.read = choice.read.min(Presence::Sometimes);
        choice
    }
}

impl Walk<'_> {
    fn put(&mut self, at: &At, kind: &str) -> Option<&mut Node> {
        if at.flat {
            return None;
        }
        let node = Node {
            kind: kind.to_owned(),
            null: false,
            written: at.written,
            read: at.read,
            denies: false,
            file: at.file.clone(),
            line: at.line,
        };
        Some(
            self.shape
                .entry(at.path.clone())
                .insert_entry(node)
                .into_mut(),
        )
    }

    fn value(&mut self, of: &Type, scope: &Scope, at: At) -> Result<(), String> {
        match of {
            Type::Reference(of) => self.value(&of.elem, scope, at),
            Type::Paren(of) => self.value(&of.elem, scope, at),
            Type::Group(of) => self.value(&of.elem, scope, at),
            Type::Array(of) => self.each(&of.elem, scope, &at),
            Type::Slice(of) => self.each(&of.elem, scope, &at),
            Type::Tuple(of) => self.tuple(of.elems.iter(), scope, &at),
            Type::Path(of) if of.qself.is_none() => self.named(&of.path, scope, at),
            other => {
                self.put(&at, &other.to_token_stream().to_string());
                Ok(())
            }
        }
    }

    fn each(&mut self, of: &Type, scope: &Scope, at: &At) -> Result<(), String> {
        self.put(at, "array");
        self.value(of, scope, at.below("[]".to_owned()))
    }

    fn tuple<'t>(
        &mut self,
        of: impl ExactSizeIterator<Item = &'t Type>,
        scope: &Scope,
        at: &At,
    ) -> Result<(), String> {
        self.put(at, if of.len() == 0 { "null" } else { "array" });
        for (index, of) in of.enumerate() {
            self.value(of, scope, at.below(format!("[{index}]")))?;
        }
        Ok(())
    }

    fn named(&mut self, path: &syn::Path, scope: &Scope, mut at: At) -> Result<(), String> {
        let names: Vec<_> = path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        let Some(last) = path.segments.last() else {
            return Ok(());
        };
        if let [name] = &*names
            && let Some((of, scope)) = scope.parameters.get(name)
        {
            return self.value(of, scope, at);
        }
        let within = match &last.arguments {
            PathArguments::AngleBracketed(within) => within.args.iter().collect(),
            _ => Vec::new(),
        };
        let within = within.into_iter().filter_map(|argument| match argument {
            GenericArgument::Type(of) => Some(of),
            _ => None,
        });
        let within: Vec<&Type> = within.collect();
        if let Some(found) = self.code.definition(&scope.file, &names)? {
            return self.definition(&found, &within, scope, at);
        }
        let name = last.ident.to_string();
        match (name.as_str(), &*within) {
            ("String" | "str" | "char" | "Path" | "PathBuf", []) => drop(self.put(&at, "string")),
            ("bool", []) => drop(self.put(&at, "bool")),
            (name, []) if is_number(name) => drop(self.put(&at, "number")),
            ("Option", [of]) => {
                let null = at.null;
                at.read = at.read.min(Presence::Sometimes);
                if at.flat {
                    at.written = at.written.min(Presence::Sometimes);
                }
                self.value(of, scope, at.clone())?;
                if let (false, Some(node)) = (at.flat, self.shape.get_mut(&at.path)) {
                    node.null |= null;
                }
            }
            ("Box" | "Rc" | "Arc" | "Cow", [of]) => self.value(of, scope, at)?,
            ("Vec" | "VecDeque" | "BTreeSet" | "HashSet", [of, ..]) => self.each(of, scope, &at)?,
            ("BTreeMap" | "HashMap", [_, of, ..]) => {
                self.put(&at, "object");
                self.value(of, scope, at.below("{}".to_owned()))?;
            }
            (name, _) => drop(self.put(&at, name)),
        }
        Ok(())
    }

    fn definition(
        &mut self,
        found: &Definition,
        within: &[&Type],
        outside: &Scope,
        mut at: At,
    ) -> Result<(), String> {
        let Definition { file, item } = found;
        let scope = |generics: &Generics| {
            let names = generics
                .params
                .iter()
                .filter_map(|parameter| match parameter {
                    GenericParam::Type(of) => Some(of.ident.to_string()),
                    _ => None,
                });
            let given = within.iter().map(|of| ((*of).clone(), outside.clone()));
            let (file, parameters) = (file.clone(), names.zip(given).collect());
            Scope { file, parameters }
        };
        let (name, attributes, generics) = match item {
            Item::Struct(item) => (&item.ident, &item.attrs, &item.generics),
            Item::Enum(item) => (&item.ident, &item.attrs, &item.generics),
            Item::Type(item) => return self.value(&item.ty, &scope(&item.generics), at),
            _ => return Ok(()),
        };
        let (written, read) = attributes::derives(attributes);
        if !written && !read {
            self.put(&at, &name.to_string());
            return Ok(());
        }
        if at.path.iter().all(|step| step == "[]" || step == "{}") {
            (at.file, at.line) = (file.clone(), name.span().start().line);
        }
        self.root.get_or_insert((written, read));
        let this = (file.clone(), name.to_string());
        if self.above.contains(&this) {
            self.put(&at, "one like that around it");
            return Ok(());
        }
        self.above.push(this);
        let says = Attributes::of(attributes);
        let scope = scope(generics);
        let done = match (says.stands_for(), item) {
            (Some(other), _) => {
                let other: Type =
                    syn::parse_str(other).map_err(|error| format!("{file}: {error}"))?;
                self.value(&other, &scope, at)
            }
            (None, Item::Struct(item)) => self.structure(&item.fields, &says, &scope, &at),
            (None, Item::Enum(item)) => self.choices(item, &says, &scope, &at),
            (None, _) => Ok(()),
        };
        self.above.pop();
        done
    }

    fn structure(
        &mut self,
        fields: &Fields,
        says: &Attributes,
        scope: &Scope,
        at: &At,
    ) -> Result<(), String> {
        match fields {
            Fields::Named(fields) if says.has("transparent") => {
                let mut fields = fields.named.iter();
                let seen = fields.find(|it| !Attributes::of(&it.attrs).has("skip"));
                seen.map_or(Ok(()), |field| self.value(&field.ty, scope, at.clone()))
            }
            Fields::Named(fields) => {
                if let Some(node) = self.put(at, "object") {
                    node.denies = says.has("deny_unknown_fields");
                }
                self.keys(fields, says.value("rename_all"), says, scope, at)
            }
            Fields::Unnamed(fields) => self.elements(fields, scope, at),
            Fields::Unit => {
                self.put(at, "null");
                Ok(())
            }
        }
    }

    /// What stands in a struct or a variant without names: for one alone, that one.
    fn elements(&mut self, fields: &FieldsUnnamed, scope: &Scope, at: &At) -> Result<(), String> {
        let seen = fields.unnamed.iter();
        let seen = seen.filter(|it| !Attributes::of(&it.attrs).has("skip"));
        let seen: Vec<_> = seen.map(|field| &field.ty).collect();
        match &*seen {
            [of] => self.value(of, scope, at.clone()),
            all => self.tuple(all.iter().copied(), scope, at),
        }
    }

    fn keys(
        &mut self,
        fields: &FieldsNamed,
        rule: Option<&str>,
        around: &Attributes,
        scope: &Scope,
        at: &At,
    ) -> Result<(), String> {
        for field in &fields.named {
            let Some(name) = &field.ident else { continue };
            let says = Attributes::of(&field.attrs);
            let presence = |never: &str, sometimes: bool| {
                if says.has("skip") || says.has(never) {
                    Presence::Never
                } else if sometimes {
                    Presence::Sometimes
                } else {
                    Presence::Always
                }
            };
            let left_out = says.has("skip_serializing_if");
            // By another name, an older document may have it.
            let given = says.has("default") || around.has("default") || says.has("alias");
            let (written, read) = at.within();
            let written = written.min(presence("skip_serializing", left_out));
            let read = read.min(presence("skip_deserializing", given));
            if written == Presence::Never && read == Presence::Never {
                continue;
            }
            let line = name.span().start().line;
            let file = scope.file.clone();
            if says.has("flatten") {
                let (path, null, flat) = (at.path.clone(), false, true);
                let at = At {
                    path,
                    written,
                    read,
                    null,
                    flat,
                    file,
                    line,
                };
                self.value(&field.ty, scope, at)?;
                continue;
            }
            let names = says.names(attributes::field(rule, &name.unraw().to_string()));
            for (index, name) in names.iter().enumerate() {
                let mut key = at.below(format!(".{name}"));
                key.written = if index == 0 { written } else { Presence::Never };
                (key.read, key.null) = (read, !left_out);
                (key.file, key.line) = (file.clone(), line);
                let own = ["with", "serialize_with", "deserialize_with"];
                if own.into_iter().any(|word| says.has(word)) {
                    self.put(&key, "what its own code makes of it");
                } else {
                    self.value(&field.ty, scope, key)?;
                }
            }
        }
        Ok(())
    }

    fn choices(
        &mut self,
        item: &ItemEnum,
        says: &Attributes,
        scope: &Scope,
        at: &At,
    ) -> Result<(), String> {
        let seen = item.variants.iter();
        let seen = seen.filter(|it| !Attributes::of(&it.attrs).has("skip"));
        let seen: Vec<&Variant> = seen.collect();
        let words = seen.iter().filter(|it| matches!(it.fields, Fields::Unit));
        let (tag, untagged) = (says.value("tag"), says.has("untagged"));
        self.put(
            at,
            match words.count() {
                _ if untagged => "one of several",
                _ if tag.is_some() => "object",
                words if words == seen.len() => "string",
                0 => "object",
                _ => "string or object",
            },
        );
        if let Some(tag) = tag {
            self.put(&at.below(format!(".{tag}")), "string");
        }
        for (index, variant) in seen.into_iter().enumerate() {
            let own = Attributes::of(&variant.attrs);
            let rule = says.value("rename_all");
            let name = attributes::variant(rule, &variant.ident.unraw().to_string());
            let rule = own.value("rename_all").or(says.value("rename_all_fields"));
            for name in own.names(name) {
                let word = format!(" \"{name}\"");
                let mut here = match (tag, &variant.fields) {
                    _ if untagged => at.choice(format!("({index})")),
                    (Some(tag), _) => at.below(format!(".{tag}")).choice(word),
                    (None, Fields::Unit) => at.choice(word),
                    (None, _) => at.choice(format!(".{name}")),
                };
                (here.file, here.line) = (scope.file.clone(), variant.ident.span().start().line);
                if tag.is_some() || (!untagged && matches!(variant.fields, Fields::Unit)) {
                    self.put(&here, "word");
                }
                if tag.is_some() {
                    here = match says.value("content") {
                        Some(content) => here.below(format!(".{content}")),
                        None => At {
                            flat: true,
                            written: here.written.within(),
                            read: here.read.within(),
                            ..here
                        },
                    };
                }
                match &variant.fields {
                    Fields::Unit if untagged => drop(self.put(&here, "null")),
                    Fields::Unit => {}
                    Fields::Unnamed(fields) => self.elements(fields, scope, &here)?,
                    Fields::Named(fields) => {
                        self.put(&here, "object");
                        self.keys(fields, rule, &Attributes::default(), scope, &here)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_derived(item: &Item) -> bool {
    match item {
        Item::Struct(item) => attributes::derives(&item.attrs) != (false, false),
        Item::Enum(item) => attributes::derives(&item.attrs) != (false, false),
        _ => false,
    }
}

fn is_number(name: &str) -> bool {
    let digits = name.trim_start_matches(['u', 'i', 'f']);
    digits.len() + 1 == name.len() && matches!(digits, "8" | "16" | "32" | "64" | "128" | "size")
}
