//! The Rust files of one tree, each parsed at most once, and which type a name in one of them
//! stands for. Modules are found by their files, and inline ones are not looked into; names are
//! followed by `use`, from one crate of the workspace to another. Relies on `syn`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use syn::{File, Item, UseTree};

/// Reads a source file by its path; none where there is none.
type Read<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

/// A file that was parsed; none where there is none.
type Parsed = Result<Option<Rc<File>>, String>;

/// The Rust files of a tree.
pub(crate) struct Code<'a> {
    read: Read<'a>,
    /// Roots of libraries, by the names that code has for them.
    crates: &'a BTreeMap<String, String>,
    parsed: RefCell<BTreeMap<String, Parsed>>,
}

/// A type, and the file that it is defined in.
pub(super) struct Definition {
    pub(super) file: String,
    /// A struct, an enum or another name of a type.
    pub(super) item: Item,
}

impl<'a> Code<'a> {
    pub(super) fn new(
        crates: &'a BTreeMap<String, String>,
        read: impl Fn(&str) -> Option<String> + 'a,
    ) -> Self {
        Self {
            read: Box::new(read),
            crates,
            parsed: RefCell::default(),
        }
    }

    /// A file; none where there is none.
    ///
    /// # Errors
    /// With file, line and column, where it is no Rust.
    pub(super) fn file(&self, path: &str) -> Parsed {
        if let Some(parsed) = self.parsed.borrow().get(path) {
            return parsed.clone();
        }
        let parsed = (self.read)(path).map(|text| {
            syn::parse_file(&text).map(Rc::new).map_err(|error| {
                let place = error.span().start();
                format!("{path}:{}:{}: {error}", place.line, place.column + 1)
            })
        });
        let parsed = parsed.transpose();
        let mut all = self.parsed.borrow_mut();
        all.insert(path.to_owned(), parsed.clone());
        parsed
    }

    fn has(&self, path: &str) -> bool {
        !matches!(self.file(path), Ok(None))
    }

    /// The file of the module whose own modules lie `inside` that folder.
    pub(super) fn module(&self, inside: &str) -> String {
        let paths = [format!("{inside}.rs"), format!("{inside}/mod.rs")];
        let there = paths.iter().find(|path| self.has(path));
        there.unwrap_or(&paths[0]).clone()
    }

    /// The type that a path in a file names; none for one of another workspace.
    ///
    /// # Errors
    /// As for [`file`](Self::file), of each file that leads there.
    pub(super) fn definition(
        &self,
        file: &str,
        path: &[String],
    ) -> Result<Option<Definition>, String> {
        self.found(file, path, &mut BTreeSet::new())
    }

    fn found(
        &self,
        file: &str,
        path: &[String],
        above: &mut BTreeSet<(String, Vec<String>)>,
    ) -> Result<Option<Definition>, String> {
        // Names that bring in each other lead nowhere.
        if !above.insert((file.to_owned(), path.to_vec())) {
            return Ok(None);
        }
        let Some(parsed) = self.file(file)? else {
            return Ok(None);
        };
        let Some((first, rest)) = path.split_first() else {
            return Ok(None);
        };
        if rest.is_empty() {
            let item = types(&parsed).find(|(name, _)| name == first);
            if let Some((_, item)) = item {
                let (file, item) = (file.to_owned(), item.clone());
                return Ok(Some(Definition { file, item }));
            }
        } else if let Some(leads) = self.leads(file, first) {
            return self.found(&leads, rest, above);
        }
        let mut brought = Vec::new();
        for item in &parsed.items {
            if let Item::Use(item) = item {
                flatten(&item.tree, Vec::new(), &mut |mut from, name| {
                    match name {
                        Some(name) if name == *first => from.extend_from_slice(rest),
                        None => from.extend_from_slice(path),
                        Some(_) => return,
                    }
                    brought.push(from);
                });
            }
        }
        for from in brought {
            if let Some(found) = self.found(file, &from, above)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The file of the module that the first part of a path names.
    fn leads(&self, file: &str, first: &str) -> Option<String> {
        match first {
            "self" => Some(file.to_owned()),
            "super" => self.above(file),
            "crate" => {
                let mut root = file.to_owned();
                while let Some(above) = self.above(&root) {
                    root = above;
                }
                Some(root)
            }
            name => {
                let child = self.module(&joined(self.inside(file), name));
                if self.has(&child) {
                    return Some(child);
                }
                self.crates.get(name).cloned()
            }
        }
    }

    /// The file of the module that the one of `file` is in; none for the root of a crate.
    fn above(&self, file: &str) -> Option<String> {
        if self.is_root(file) {
            return None;
        }
        let (folder, _) = self.inside(file).rsplit_once('/').unwrap_or_default();
        let files = ["mod.rs", "lib.rs", "main.rs"].map(|name| joined(folder, name));
        let mut files = std::iter::once(format!("{folder}.rs")).chain(files);
        let mut roots = self.crates.values();
        files
            .find(|file| self.has(file))
            .or_else(|| roots.find(|root| folder_of(root) == folder).cloned())
    }

    fn is_root(&self, file: &str) -> bool {
        ["lib.rs", "main.rs"].contains(&name_of(file)) || self.crates.values().any(|it| it == file)
    }

    /// The folder that the modules of a file's module lie in.
    fn inside<'f>(&self, file: &'f str) -> &'f str {
        if self.is_root(file) || name_of(file) == "mod.rs" {
            return folder_of(file);
        }
        file.strip_suffix(".rs").unwrap_or(file)
    }
}

/// The types that a file defines, with their names.
pub(super) fn types(file: &File) -> impl Iterator<Item = (String, &Item)> {
    file.items.iter().filter_map(|item| {
        let name = match item {
            Item::Struct(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Type(item) => &item.ident,
            _ => return None,
        };
        Some((name.to_string(), item))
    })
}

fn name_of(file: &str) -> &str {
    file.rsplit_once('/').map_or(file, |(_, name)| name)
}

/// The folder that a file lies in.
pub(super) fn folder_of(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn joined(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// Calls `found` with each path that a `use` brings in, and the name that it has here; none for all
/// that is there.
pub(super) fn flatten(
    tree: &UseTree,
    mut path: Vec<String>,
    found: &mut impl FnMut(Vec<String>, Option<String>),
) {
    match tree {
        UseTree::Path(of) => {
            path.push(of.ident.to_string());
            flatten(&of.tree, path, found);
        }
        UseTree::Name(of) => {
            let name = of.ident.to_string();
            // `a::{self}` is `a`.
            if name != "self" {
                path.push(name);
            }
            let last = path.last().cloned();
            found(path, last);
        }
        UseTree::Rename(of) => {
            path.push(of.ident.to_string());
            found(path, Some(of.rename.to_string()));
        }
        UseTree::Glob(_) => found(path, None),
        UseTree::Group(of) => {
            for tree in &of.items {
                flatten(tree, path.clone(), found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_followed_through_modules_uses_and_crates() {
        let files = [
            ("one/src/lib.rs", "pub mod a; pub use a::deep::*;"),
            ("one/src/a.rs", "pub use self::deep::Third as Other;"),
            ("one/src/a/deep/mod.rs", "pub struct Third; use super::*;"),
            (
                "two/src/main.rs",
                "use one::{Third, a::Other as Mine}; mod b; struct Here; use crate::Round;",
            ),
            (
                "two/src/b.rs",
                "use super::Here as There; use serde_json::Value;",
            ),
            ("three/src/root.rs", "mod a; pub struct Fourth;"),
            ("three/src/a.rs", "pub struct Fifth;"),
        ];
        let crates = [("one", "one/src/lib.rs"), ("three", "three/src/root.rs")];
        let crates = crates.map(|(name, root)| (name.to_owned(), root.to_owned()));
        let crates = crates.into();
        let code = Code::new(&crates, |path| {
            let found = files.iter().find(|(name, _)| *name == path);
            found.map(|(_, text)| (*text).to_owned())
        });
        for (file, path, expected) in [
            ("two/src/main.rs", "Here", "two/src/main.rs"),
            ("two/src/main.rs", "Third", "one/src/a/deep/mod.rs"),
            ("two/src/main.rs", "Mine", "one/src/a/deep/mod.rs"),
            ("two/src/main.rs", "one::a::Other", "one/src/a/deep/mod.rs"),
            ("two/src/b.rs", "There", "two/src/main.rs"),
            ("two/src/b.rs", "crate::b::There", "two/src/main.rs"),
            (
                "one/src/a/deep/mod.rs",
                "crate::a::Other",
                "one/src/a/deep/mod.rs",
            ),
            ("two/src/b.rs", "three::a::Fifth", "three/src/a.rs"),
            ("three/src/a.rs", "crate::Fourth", "three/src/root.rs"),
            ("two/src/b.rs", "Value", ""),
            ("two/src/main.rs", "Round", ""),
            ("two/src/main.rs", "Third::Nothing", ""),
        ] {
            let path: Vec<_> = path.split("::").map(str::to_owned).collect();
            let found = code.definition(file, &path).unwrap();
            let found = found.map_or(String::new(), |found| found.file);
            assert_eq!(found, expected, "{file}: {path:?}");
        }
    }
}
