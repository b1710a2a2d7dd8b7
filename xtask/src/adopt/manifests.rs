//! Cargo's files of the program: what is missing in them is added, and all that people wrote stays.
//! Relies on `toml_edit`, which keeps comments and order.

use release_plan::Exit;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

use super::templates::{self, CARGO_CONFIG, MANIFEST};
use super::{Crates, Facts, Kind, Step, text_at};
use crate::Failure;

const XTASK: &str = "xtask";
const CONFIG: &str = ".cargo/config.toml";

/// Each manifest and configuration file.
pub(super) fn steps(facts: &Facts, crates: &Crates<'_>) -> Result<Vec<Step>, Failure> {
    let of_package = match facts.package.as_str() {
        "" => "Cargo.toml".to_owned(),
        folder => format!("{folder}/Cargo.toml"),
    };
    let mut all = Vec::new();
    let mut edit = |path: &str, edits: &[&Edit<'_>]| {
        let found = text_at(&facts.root, path)?;
        let mut document = parse(path, found.as_deref().unwrap_or_default())?;
        for edit in edits {
            edit(&mut document)?;
        }
        let text = document.to_string();
        let kind = if found.as_ref() == Some(&text) {
            Kind::Current
        } else {
            Kind::Write(text)
        };
        all.push(Step {
            path: path.to_owned(),
            found,
            kind,
        });
        Ok::<(), Failure>(())
    };
    let workspace = |document: &mut DocumentMut| in_workspace(document, facts);
    let package = |document: &mut DocumentMut| in_package(document, crates);
    let alias = |document: &mut DocumentMut| in_config(document, facts);
    if of_package == "Cargo.toml" {
        edit(&of_package, &[&package, &workspace])?;
    } else {
        edit("Cargo.toml", &[&workspace])?;
        edit(&of_package, &[&package])?;
    }
    edit(CONFIG, &[&alias])?;
    all.extend(other_alias(facts)?);
    Ok(all)
}

type Edit<'a> = dyn Fn(&mut DocumentMut) -> Result<(), Failure> + 'a;

/// The manifest of the maintainer's command.
pub(super) fn of_xtask(facts: &Facts, crates: &Crates<'_>) -> Result<String, Failure> {
    let mut text = format!(
        "[package]\nname = \"{name}\"\ndescription = \"The maintainer's command\"\n\
         version = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         # What workflows call it, whatever the package is called.\n\
         [[bin]]\nname = \"{XTASK}\"\npath = \"src/main.rs\"\n\n[dependencies]\n",
        name = templates::xtask_package(&facts.product),
    );
    let dependency = dependency(crates, XTASK, &[])?;
    text.push_str(&format!("{XTASK} = {}\n", dependency.to_string().trim()));
    Ok(text)
}

/// The workspace has the command, the pins of the tools, and the profile that ships.
fn in_workspace(document: &mut DocumentMut, facts: &Facts) -> Result<(), Failure> {
    let template = parse("Cargo.toml", MANIFEST)?;
    let workspace = table(document.as_table_mut(), "workspace")?;
    let members = workspace
        .entry("members")
        .or_insert_with(|| value(Array::new()));
    if !facts.has_xtask {
        let members = members
            .as_array_mut()
            .ok_or_else(|| no_table("workspace.members", "a list"))?;
        if !members.iter().any(|member| member.as_str() == Some(XTASK)) {
            // In front, so that a remark behind the last one stays there.
            let first = members.get(0).and_then(|first| first.decor().prefix());
            let prefix = first.and_then(|prefix| prefix.as_str()).unwrap_or_default();
            let member = Value::from(XTASK).decorated(prefix.to_owned(), "");
            members.insert_formatted(0, member);
        }
    }
    for keys in [
        &["workspace", "metadata", "release"][..],
        &["profile", "dist"],
        &["profile", "dev", "package", "*"],
    ] {
        add(document.as_table_mut(), template.as_table(), keys)?;
    }
    Ok(())
}

/// Copies the table at `keys` from `template`, with its comment, unless there is one.
fn add(document: &mut Table, template: &Table, keys: &[&str]) -> Result<(), Failure> {
    let [key, rest @ ..] = keys else {
        return Ok(());
    };
    let from = template.get(key).and_then(Item::as_table);
    let from = from.ok_or_else(|| no_table(key, "a table of the template"))?;
    if rest.is_empty() {
        if !document.contains_key(key) {
            let mut from = from.clone();
            // Behind whatever is there.
            from.set_position(None);
            document.insert(key, Item::Table(from));
        }
        return Ok(());
    }
    let below = document.entry(key).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let below = below
        .as_table_mut()
        .ok_or_else(|| no_table(key, "a table"))?;
    add(below, from, rest)
}

/// The program depends on the library, and its build script on what a release is.
fn in_package(document: &mut DocumentMut, crates: &Crates<'_>) -> Result<(), Failure> {
    let library = templates::own()?.name;
    for (kind, name, features) in [
        ("dependencies", library.as_str(), &[][..]),
        ("build-dependencies", "release-plan", &["sources"]),
    ] {
        let dependencies = table(document.as_table_mut(), kind)?;
        if !dependencies.contains_key(name) {
            let dependency = dependency(crates, name, features)?;
            dependencies.insert(name, value(dependency));
        }
    }
    Ok(())
}

fn in_config(document: &mut DocumentMut, facts: &Facts) -> Result<(), Failure> {
    let template = templates::adapted(CARGO_CONFIG, &facts.product)?;
    let template = parse(CONFIG, &template)?;
    let alias = table(document.as_table_mut(), "alias")?;
    if !alias.contains_key(XTASK) {
        alias.insert(XTASK, template["alias"][XTASK].clone());
    }
    Ok(())
}

/// What a person has to do whose `cargo xtask` is another command.
fn other_alias(facts: &Facts) -> Result<Option<Step>, Failure> {
    let Some(found) = text_at(&facts.root, CONFIG)? else {
        return Ok(None);
    };
    let wanted = templates::adapted(CARGO_CONFIG, &facts.product)?;
    let alias = |text: &str| {
        let document = parse(CONFIG, text)?;
        let alias = document.get("alias").and_then(|alias| alias.get(XTASK));
        Ok::<_, Failure>(alias.and_then(Item::as_str).map(str::to_owned))
    };
    let theirs = alias(&found)?;
    let other = theirs.is_some() && theirs != alias(&wanted)?;
    Ok(other.then(|| Step {
        path: CONFIG.to_owned(),
        found: Some(found),
        kind: Kind::ByHand(wanted),
    }))
}

/// A dependency on a crate of this repository.
fn dependency(crates: &Crates<'_>, name: &str, features: &[&str]) -> Result<InlineTable, Failure> {
    let mut dependency = InlineTable::new();
    match crates {
        Crates::Released => {
            dependency.insert("git", templates::own()?.repository.url.into());
            let tag = concat!("v", env!("CARGO_PKG_VERSION"));
            dependency.insert("tag", tag.into());
        }
        Crates::Folder(crates) => {
            let path = crates.join(name);
            let path = path.to_str().ok_or_else(|| {
                let message = format!("{}: expected a path in UTF-8", path.display());
                Failure::new(Exit::Input, message)
            })?;
            dependency.insert("path", path.into());
        }
    }
    if !features.is_empty() {
        let features: Array = features.iter().copied().collect();
        dependency.insert("features", Value::Array(features));
    }
    Ok(dependency)
}

fn parse(path: &str, text: &str) -> Result<DocumentMut, Failure> {
    text.parse()
        .map_err(|error| Failure::new(Exit::Input, format!("{path}: {error}")))
}

fn table<'a>(document: &'a mut Table, key: &str) -> Result<&'a mut Table, Failure> {
    let item = document
        .entry(key)
        .or_insert_with(|| Item::Table(Table::new()));
    item.as_table_mut().ok_or_else(|| no_table(key, "a table"))
}

fn no_table(key: &str, expected: &str) -> Failure {
    let message = format!("{key}: expected {expected}, found something else");
    Failure::new(Exit::Input, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_lacks_is_added_and_what_is_there_stays() {
        let template = parse("t", MANIFEST).unwrap();
        let text = "# mine\n[package]\nname = \"a\" # yes\n\n[profile.dist]\nlto = false\n";
        let mut document = parse("d", text).unwrap();
        for keys in [
            &["profile", "dist"][..],
            &["workspace", "metadata", "release"],
        ] {
            add(document.as_table_mut(), template.as_table(), keys).unwrap();
        }
        let edited = document.to_string();
        assert!(edited.starts_with(text), "{edited}");
        assert!(
            edited.contains("[workspace.metadata.release]\nzig = "),
            "{edited}"
        );
        assert!(!edited.contains("[workspace]\n"), "{edited}");
        let mut again = parse("d", &edited).unwrap();
        add(
            again.as_table_mut(),
            template.as_table(),
            &["profile", "dist"],
        )
        .unwrap();
        assert_eq!(again.to_string(), edited);
    }
}
