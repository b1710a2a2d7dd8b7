//! The libraries that a release offered, read off its manifests: cargo can be asked about a work
//! tree alone. Relies on how cargo finds packages of a workspace and the root of a library.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml_edit::{DocumentMut, Item};

use super::api::reached;
use crate::Failure;
use crate::git::Tree;
use crate::project::{Library, MANIFEST_FILE};

/// The libraries of a tree.
#[derive(Default)]
pub(super) struct Packages {
    /// Those that others may depend on, by the names of their packages.
    pub(super) published: BTreeMap<String, Library>,
    /// The roots of all of them, by the names that code has for them.
    pub(super) crates: BTreeMap<String, String>,
}

/// What the tree under `reference` has, whose packages lie in `folders`, or where its manifests say.
pub(super) fn at(
    tree: &Tree,
    reference: &str,
    folders: &[impl AsRef<Path>],
) -> Result<Packages, Failure> {
    let names = folders.iter().map(|folder| {
        let folder = folder.as_ref().to_string_lossy();
        reached("", &folder.replace('\\', "/"))
    });
    let mut left: Vec<_> = names.chain([String::new()]).collect();
    let all = tree.folders_with(reference, MANIFEST_FILE)?;
    let text = |folder: &str, file: &str| tree.text_at(reference, &reached(folder, file));
    let manifest = |folder: &str| -> Result<Option<DocumentMut>, Failure> {
        Ok(text(folder, MANIFEST_FILE)?.and_then(|text| text.parse().ok()))
    };
    let root = manifest("")?.unwrap_or_default();
    let empty = Item::None;
    let workspace = root.get("workspace").unwrap_or(&empty);
    left.extend(members(workspace, &all));
    left.extend(paths(workspace, ""));
    let mut packages = Packages::default();
    let mut seen = BTreeSet::new();
    while let Some(folder) = left.pop() {
        if !all.contains(&folder) || !seen.insert(folder.clone()) {
            continue;
        }
        let Some(manifest) = manifest(&folder)? else {
            continue;
        };
        left.extend(paths(manifest.as_item(), &folder));
        let found = library(&manifest, &folder);
        let Some((package, library)) = found else {
            continue;
        };
        if tree.text_at(reference, &library.root)?.is_none() {
            continue;
        }
        packages
            .crates
            .insert(library.name.clone(), library.root.clone());
        if is_published(&manifest, workspace) {
            packages.published.insert(package, library);
        }
    }
    Ok(packages)
}

/// The folders that a workspace names, of all that have a manifest.
fn members(workspace: &Item, all: &BTreeSet<String>) -> Vec<String> {
    let named = |key| {
        let names = workspace.get(key).and_then(Item::as_array);
        let names = names.into_iter().flatten();
        let names = names.filter_map(|it| Some(reached("", it.as_str()?)));
        names.collect::<Vec<_>>()
    };
    let (members, excluded) = (named("members"), named("exclude"));
    let is_member = |folder: &&String| {
        members.iter().any(|member| matches(member, folder)) && !excluded.contains(folder)
    };
    all.iter().filter(is_member).cloned().collect()
}

/// Whether a folder is meant by a pattern, in which `*` stands for what no `/` is in.
fn matches(pattern: &str, folder: &str) -> bool {
    let (patterns, parts) = (pattern.split('/'), folder.split('/'));
    patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| {
            pattern
                .split_once('*')
                .map_or(pattern == part, |(before, after)| {
                    let rest = part.strip_prefix(before);
                    rest.is_some_and(|rest| rest.ends_with(after))
                })
        })
}

/// The folders of what a manifest depends on by path: cargo takes them for members.
fn paths(manifest: &Item, folder: &str) -> Vec<String> {
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = tables
        .iter()
        .filter_map(|key| manifest.get(key)?.as_table_like());
    let dependencies = tables.flat_map(|table| table.iter());
    let paths = dependencies.filter_map(|(_, it)| Some(reached(folder, it.get("path")?.as_str()?)));
    paths.collect()
}

/// The package of a manifest, and the library that it would have, if its root is there; none for
/// one that is none to other code.
fn library(manifest: &DocumentMut, folder: &str) -> Option<(String, Library)> {
    let package = manifest.get("package")?.get("name")?.as_str()?;
    let says = |key: &str| manifest.get("lib")?.get(key);
    let kinds = says("crate-type").and_then(Item::as_array);
    let is_lib = kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind.as_str() == Some("lib")));
    let makes_macros = ["proc-macro", "proc_macro"]
        .iter()
        .any(|key| says(key).and_then(Item::as_bool) == Some(true));
    if !is_lib || makes_macros {
        return None;
    }
    let text = |key| says(key).and_then(Item::as_str);
    let library = Library {
        name: text("name").unwrap_or(package).replace('-', "_"),
        root: reached(folder, text("path").unwrap_or("src/lib.rs")),
    };
    Some((package.to_owned(), library))
}

/// Whether others can get it: `publish`, of the package or of its workspace.
fn is_published(manifest: &DocumentMut, workspace: &Item) -> bool {
    let says = manifest.get("package").and_then(|it| it.get("publish"));
    let shared = says.and_then(|it| it.get("workspace")).is_some();
    let says = if shared {
        workspace.get("package").and_then(|it| it.get("publish"))
    } else {
        says
    };
    let Some(says) = says else {
        return true;
    };
    let registries = says.as_array().map(|registries| !registries.is_empty());
    registries.or(says.as_bool()).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(manifest: &str) -> DocumentMut {
        manifest.parse().unwrap()
    }

    #[test]
    fn a_library_is_found_where_its_manifest_says() {
        let package = "package = {name = \"a-b\"}\n";
        for (rest, expected) in [
            ("", Some(("a_b", "x/src/lib.rs"))),
            ("lib = {name = \"c\"}", Some(("c", "x/src/lib.rs"))),
            ("lib = {path = \"../y.rs\"}", Some(("a_b", "y.rs"))),
            (
                "lib = {crate-type = [\"lib\", \"cdylib\"]}",
                Some(("a_b", "x/src/lib.rs")),
            ),
            ("lib = {crate-type = [\"cdylib\"]}", None),
            ("lib = {proc-macro = true}", None),
        ] {
            let found = library(&parsed(&format!("{package}{rest}")), "x");
            let found = found.as_ref().map(|(package, library)| {
                assert_eq!(package, "a-b");
                (library.name.as_str(), library.root.as_str())
            });
            assert_eq!(found, expected, "{rest}");
        }
    }

    #[test]
    fn a_package_is_published_unless_it_or_its_workspace_says_otherwise() {
        let workspace = parsed("package = {publish = false}");
        for (publish, expected) in [
            ("", true),
            ("publish = false", false),
            ("publish = []", false),
            ("publish = [\"own\"]", true),
            ("publish.workspace = true", false),
        ] {
            let manifest = parsed(&format!("[package]\nname = \"a\"\n{publish}\n"));
            assert_eq!(
                is_published(&manifest, workspace.as_item()),
                expected,
                "{publish}"
            );
        }
    }

    #[test]
    fn members_are_those_that_a_workspace_names_and_those_that_are_depended_on() {
        let all = ["", "one", "crates/a", "crates/b", "crates/b/tests/c"];
        let all = all.map(str::to_owned).into();
        let workspace = "members = [\"./one\", \"crates/*\", \"gone\"]\nexclude = [\"crates/b\"]";
        assert_eq!(
            members(parsed(workspace).as_item(), &all),
            ["crates/a", "one"]
        );
        let manifest = parsed("[dependencies]\na = {path = \"../a\"}\nb = \"1\"\n");
        assert_eq!(paths(manifest.as_item(), "crates/b"), ["crates/a"]);
    }
}
