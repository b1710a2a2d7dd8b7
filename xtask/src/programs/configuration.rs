//! Cargo's configuration files that lie outside the tree: whoever builds has some, and none may
//! decide about what is compiled. What is in the tree is part of the commit and may.

use std::path::Path;

use release_plan::Exit;

use crate::{Failure, files};

/// Tables about how packages are reached and how cargo talks: they change no byte.
const HARMLESS: [&str; 13] = [
    "alias",
    "cache",
    "cargo-new",
    "credential-alias",
    "doc",
    "future-incompat-report",
    "http",
    "install",
    "net",
    "registries",
    "registry",
    "source",
    "term",
];
/// What of `build` either changes no byte or is overruled by what a build here sets.
const BUILD: [&str; 7] = [
    "build-dir",
    "incremental",
    "jobs",
    "rustc-workspace-wrapper",
    "rustc-wrapper",
    "rustflags",
    "target-dir",
];
/// The like of a target's table; its linker is overruled where zig links.
const TARGET: [&str; 2] = ["runner", "rustflags"];

/// Refuses a configuration outside `root` that decides about what is compiled.
pub(crate) fn check(root: &Path, cargo_home: &Path, zig_links: bool) -> Result<(), Failure> {
    let above = root.ancestors().skip(1).map(|folder| folder.join(".cargo"));
    for folder in above.chain([cargo_home.to_owned()]) {
        for name in ["config.toml", "config"] {
            let file = folder.join(name);
            if file.is_file() {
                check_file(&file, zig_links)?;
            }
        }
    }
    Ok(())
}

fn check_file(file: &Path, zig_links: bool) -> Result<(), Failure> {
    let refused =
        |message: String| Failure::new(Exit::Input, format!("{}: {message}", file.display()));
    let text = files::read_text(file)?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| refused(error.to_string()))?;
    match decisive(&table, zig_links) {
        None => Ok(()),
        Some(key) => Err(refused(format!(
            "expected nothing that decides about what is compiled, found {key:?}; move the file \
             aside while you build, or commit what it says to the tree's own .cargo/config.toml"
        ))),
    }
}

/// The first key that decides about what is compiled.
fn decisive(table: &toml::Table, zig_links: bool) -> Option<String> {
    for (key, value) in table {
        let inner = value.as_table();
        let other = |known: &dyn Fn(&str) -> bool| {
            let mut keys = inner?.keys();
            keys.find(|key| !known(key))
                .map(|inner| format!("{key}.{inner}"))
        };
        let found = match (key.as_str(), inner) {
            (key, _) if HARMLESS.contains(&key) => None,
            ("build", Some(_)) => other(&|key| BUILD.contains(&key)),
            ("target", Some(targets)) => targets.iter().find_map(|(target, value)| {
                let known = |key: &str| TARGET.contains(&key) || zig_links && key == "linker";
                let other = match value.as_table() {
                    Some(table) => table.keys().find(|key| !known(key))?.as_str(),
                    None => "",
                };
                Some(format!("target.{target}.{other}"))
            }),
            (key, _) => Some(key.to_owned()),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        decisive(&toml::from_str(text).unwrap(), true)
    }

    #[test]
    fn how_packages_are_reached_and_what_a_build_overrules_is_nobodys_business() {
        for text in [
            "",
            "[source.crates-io]\nreplace-with = \"mirror\"\n[net]\nretry = 9\n",
            "[build]\njobs = 2\nrustc-wrapper = \"sccache\"\nrustflags = [\"-g\"]\n",
            "[target.x86_64-unknown-linux-gnu]\nlinker = \"clang\"\nrustflags = []\n",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn what_decides_about_bytes_is_named() {
        for (text, key) in [
            ("paths = [\"../other\"]", "paths"),
            ("include = \"more.toml\"", "include"),
            ("[profile.dist]\nopt-level = 0\n", "profile"),
            ("[patch.crates-io]\nring = { path = \"ring\" }\n", "patch"),
            ("[env]\nCFLAGS = \"-g\"\n", "env"),
            ("[unstable]\nbuild-std = []\n", "unstable"),
            ("[build]\nrustc = \"mine\"\n", "build.rustc"),
            ("build = 1\n", "build"),
            ("[target.x.ring]\nrustc-link-lib = []\n", "target.x.ring"),
        ] {
            assert_eq!(found(text).as_deref(), Some(key), "{text}");
        }
        let linker = toml::from_str("[target.x]\nlinker = \"mine\"\n").unwrap();
        assert_eq!(decisive(&linker, false).as_deref(), Some("target.x.linker"));
    }
}
