//! The files that a maintainer writes: `product.yaml`, `dist-workspace.toml` and what concerns a
//! release in `Cargo.toml`. Relies on `serde-saphyr` and `toml` for places in errors.

mod lenient;

use std::fmt;

use semver::Version;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Product, Target, TargetError};

/// A file of the maintainer's that cannot be used, with the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SourceError {
    /// The file, as it was named by the caller.
    pub file: String,
    /// Line and column, both from 1, where the parser knows them.
    pub place: Option<(usize, usize)>,
    /// What was expected and found.
    pub message: String,
}

impl SourceError {
    /// About the byte at `offset` of what the file holds.
    pub(crate) fn at(file: &str, text: &str, offset: usize, message: String) -> Self {
        Self {
            file: file.to_owned(),
            place: Some(place_of(text, offset)),
            message,
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// Reads `product.yaml`.
///
/// # Errors
/// With file, line and column, on YAML that is broken, has unknown keys, or values that cannot be.
pub fn product(file: &str, text: &str) -> Result<Product, SourceError> {
    let product: Product = yaml(file, text)?;
    product.check().map_err(|error| SourceError {
        file: file.to_owned(),
        place: key_place(text, error.key),
        message: error.to_string(),
    })?;
    Ok(product)
}

/// Reads the `product.yaml` of an older release: keys that are known no more are passed over.
///
/// # Errors
/// As [`product`], on what cannot be read otherwise; values are not checked again.
pub fn product_as_it_was(file: &str, text: &str) -> Result<Product, SourceError> {
    yaml(file, text).or_else(|error| {
        let value = yaml(file, text)?;
        lenient::read(value).map_err(|_| error)
    })
}

/// Reads YAML.
pub(crate) fn yaml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, SourceError> {
    serde_yaml::from_str(text).map_err(|error| SourceError {
        file: file.to_owned(),
        place: error
            .location()
            .map(|at| (at.line() as usize, at.column() as usize)),
        message: with_nearest(&without_place(&error.without_snippet().to_string())),
    })
}

/// The one package manager that cargo-dist writes for us: its formula names archives and digests.
const HOMEBREW: &str = "homebrew";

/// What the release pipeline takes from `dist-workspace.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistWorkspace {
    /// The exact version of cargo-dist.
    pub dist_version: Version,
    /// The targets, sorted.
    pub targets: Vec<Target>,
    /// Whether a formula for Homebrew is wanted.
    pub homebrew: bool,
}

/// Reads `dist-workspace.toml`. Keys that only cargo-dist knows are cargo-dist's to check.
///
/// # Errors
/// With file, line and column, on broken TOML, no target, or a target twice.
pub fn dist_workspace(file: &str, text: &str) -> Result<DistWorkspace, SourceError> {
    #[derive(Deserialize)]
    struct Document {
        dist: toml::Spanned<Dist>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Dist {
        cargo_dist_version: Version,
        targets: Vec<toml::Spanned<String>>,
        #[serde(default)]
        installers: Vec<toml::Spanned<String>>,
    }
    let refused = |at: Option<usize>, message: String| SourceError {
        file: file.to_owned(),
        place: at.map(|offset| place_of(text, offset)),
        message,
    };
    let document: Document =
        toml::from_str(text).map_err(|error| toml_error(file, text, &error))?;
    let at = document.dist.span().start;
    let dist = document.dist.into_inner();
    if dist.targets.is_empty() {
        return Err(refused(Some(at), "expected at least one target".to_owned()));
    }
    let mut targets = Vec::<Target>::new();
    for written in dist.targets {
        let at = Some(written.span().start);
        let target: Target = written
            .into_inner()
            .parse()
            .map_err(|error: TargetError| refused(at, error.to_string()))?;
        if targets.contains(&target) {
            return Err(refused(at, format!("target {target} stands twice")));
        }
        targets.push(target);
    }
    targets.sort();
    let other = |installer: &&toml::Spanned<String>| installer.get_ref() != HOMEBREW;
    if let Some(other) = dist.installers.iter().find(other) {
        let message = format!(
            "installers: expected {HOMEBREW:?} alone, found {:?}, which checks too little",
            other.get_ref()
        );
        return Err(refused(Some(other.span().start), message));
    }
    Ok(DistWorkspace {
        dist_version: dist.cargo_dist_version,
        targets,
        homebrew: !dist.installers.is_empty(),
    })
}

/// What `[workspace.metadata.release]` of `Cargo.toml` says: the tools that no other file pins, and
/// the bounds of what they make.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReleaseMetadata {
    /// The exact version of zig.
    pub zig: Version,
    /// The exact version of cargo-zigbuild.
    pub cargo_zigbuild: Version,
    /// The exact version of cargo-cyclonedx; a release has a bill of materials where it is there.
    pub cargo_cyclonedx: Option<Version>,
    /// The most bytes that a program may have.
    pub size_budget: u64,
}

/// Reads `[workspace.metadata.release]`.
///
/// # Errors
/// With file, line and column, on broken TOML, a missing table or key, or an unknown key in it.
pub fn release_metadata(file: &str, text: &str) -> Result<ReleaseMetadata, SourceError> {
    #[derive(Deserialize)]
    struct Document {
        workspace: Workspace,
    }
    #[derive(Deserialize)]
    struct Workspace {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        release: ReleaseMetadata,
    }
    let document: Document =
        toml::from_str(text).map_err(|error| toml_error(file, text, &error))?;
    Ok(document.workspace.metadata.release)
}

/// Reads the `[workspace.metadata.release]` of an older release: keys that are known no more are
/// passed over.
///
/// # Errors
/// As [`release_metadata`], on what cannot be read otherwise.
pub fn release_metadata_as_it_was(file: &str, text: &str) -> Result<ReleaseMetadata, SourceError> {
    release_metadata(file, text).or_else(|error| {
        let document: Result<serde_json::Value, _> = toml::from_str(text);
        let table = document.ok().and_then(|document| {
            let table = document.pointer("/workspace/metadata/release");
            table.cloned()
        });
        let read = table.and_then(|table| lenient::read(table).ok());
        read.ok_or(error)
    })
}

/// Reads the channel that `rust-toolchain.toml` pins.
///
/// # Errors
/// With file, line and column, on broken TOML or a missing channel.
pub fn rust_toolchain(file: &str, text: &str) -> Result<String, SourceError> {
    #[derive(Deserialize)]
    struct Document {
        toolchain: Toolchain,
    }
    #[derive(Deserialize)]
    struct Toolchain {
        channel: String,
    }
    let document: Document =
        toml::from_str(text).map_err(|error| toml_error(file, text, &error))?;
    Ok(document.toolchain.channel)
}

fn toml_error(file: &str, text: &str, error: &toml::de::Error) -> SourceError {
    SourceError {
        file: file.to_owned(),
        place: error.span().map(|span| place_of(text, span.start)),
        message: error.message().to_owned(),
    }
}

/// The first line of a message, without the place that its parser put there: it is told in front.
fn without_place(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let place = line.rfind(" at line ").or_else(|| line.rfind(" (line "));
    line[..place.unwrap_or(line.len())].to_owned()
}

/// What serde says of an unknown key, and the known one that it is nearest to.
fn with_nearest(message: &str) -> String {
    let known = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once("`, expected "));
    let Some((found, known)) = known else {
        return message.to_owned();
    };
    let known = known.strip_prefix("one of ").unwrap_or(known);
    let known: Vec<_> = known.split(", ").map(|key| key.trim_matches('`')).collect();
    format!("{message}{}", nearest(found, &known))
}

/// Words that name the known one that `found` is nearest to, where one is near.
pub(crate) fn nearest(found: &str, known: &[&str]) -> String {
    let likeness = |known: &str| strsim::jaro_winkler(found, known);
    let nearest = known
        .iter()
        .max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    match nearest {
        Some(nearest) if likeness(nearest) > 0.75 => format!("; did you mean {nearest:?}?"),
        _ => String::new(),
    }
}

/// Line and column, both from 1, of a byte offset.
fn place_of(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |tail| tail.chars().count())
        + 1;
    (line, column)
}

/// Where the last part of a dotted key stands, looking for each part below the one before.
pub(crate) fn key_place(text: &str, key: &str) -> Option<(usize, usize)> {
    let mut lines = text.lines().enumerate();
    let mut found = None;
    for part in key.split('.') {
        found = Some(lines.find_map(|(index, line)| {
            let indent = line.len() - line.trim_start().len();
            line.trim_start()
                .strip_prefix(part)
                .is_some_and(|rest| rest.starts_with(':'))
                .then_some((index + 1, indent + 1))
        })?);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCT: &str = "\
name: lantern
summary: Lights the way.
repository:
  url: https://github.com/example/lantern
  id: 7
  owner_id: 8
identities:
  issuer: https://token.actions.githubusercontent.com
  release_workflow: .github/workflows/release.yml
  channel_workflow: .github/workflows/channel.yml
  default_branch: main
channels:
  url: https://example.github.io/lantern
  expires_after_days: 14
  default: stable
  feeds:
    alpha: {from: pre-releases}
    beta: {from: releases}
    stable: {from: beta, soak_days: 7}
upgrades:
  from: 0.1.0
changes:
  behaviour: []
  formats:
    release.json: src/manifest.rs#Manifest
";

    const DIST: &str = "\
[dist]
cargo-dist-version = \"0.34.0\"
targets = [\"x86_64-unknown-linux-gnu\"]
";

    #[test]
    fn of_an_older_release_keys_that_are_known_no_more_are_passed_over_and_nothing_else() {
        let was = |text: &str| product_as_it_was("product.yaml", text);
        let now = product("product.yaml", PRODUCT).unwrap();
        assert_eq!(was(PRODUCT).unwrap(), now);
        for (from, to) in [
            ("name: lantern", "old: [{name: other}]\nname: lantern"),
            ("  id: 7", "  id: 7\n  name: x"),
            ("{from: releases}", "{from: releases, until: 9}"),
        ] {
            let text = PRODUCT.replace(from, to);
            assert!(product("product.yaml", &text).is_err(), "{text}");
            assert_eq!(was(&text).unwrap(), now, "{text}");
        }
        for (from, to, words) in [
            ("  id: 7\n", "", "missing field `id`"),
            ("  id: 7", "  id: seven", "7:"),
            ("from: releases", "from: [", ""),
        ] {
            let error = was(&PRODUCT.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let metadata = "[workspace.metadata.release]\nzig = \"0.17.0\"\n\
                        cargo-zigbuild = \"0.24.0\"\nsize-budget = 7\n";
        let was = |text: &str| release_metadata_as_it_was("Cargo.toml", text);
        let now = release_metadata("Cargo.toml", metadata).unwrap();
        assert_eq!(was(&format!("{metadata}old = 1\n")).unwrap(), now);
        assert!(was(&metadata.replace("size-budget = 7\n", "old = 1\n")).is_err());
    }

    #[test]
    fn a_product_is_read_and_goes_into_the_program_unchanged() {
        let product = product("product.yaml", PRODUCT).unwrap();
        assert_eq!(product.repository.slug(), Some(("example", "lantern")));
        assert_eq!(product.variable("HOME"), "LANTERN_HOME");
        assert_eq!(Product::from_json(&product.to_json()).unwrap(), product);
    }

    #[test]
    fn a_broken_product_is_refused_with_file_line_and_column() {
        for (from, to, place) in [
            ("  id: 7", "  id: seven", "product.yaml:5:7: "),
            ("summary:", "sumary:", "product.yaml:2:1: "),
            ("  id: 7\n", "  id: 7\n  id: 8\n", "product.yaml:6:3: "),
            (
                "default: stable",
                "default: nightly",
                "product.yaml:15:12: ",
            ),
            (
                "expires_after_days: 14",
                "expires_after_days: 0",
                "product.yaml:14:3: ",
            ),
            ("{from: beta,", "{from: gamma,", "product.yaml:19:20: "),
            ("{from: beta,", "{from: stable,", "product.yaml:16:3: "),
            ("{from: beta,", "{from: releases,", "product.yaml:16:3: "),
            ("soak_days: 7", "soak_days: 366", "product.yaml:16:3: "),
            ("soak_days: 7", "soak: 7", "product.yaml:19:26: "),
            ("    beta: {from: releases}\n", "", "product.yaml:16:3: "),
            (
                "    stable: {from: beta, soak_days: 7}\n",
                "",
                "product.yaml:16:3: ",
            ),
            ("    alpha: {", "    nightly: {", "product.yaml:17:5: "),
            ("lantern\n  id", "lantern/\n  id", "product.yaml:4:3: "),
            ("release.yml", "channel.yml", "product.yaml:10:3: "),
            // Scripts are stamped with it.
            ("release.yml", "$(id).yml", "product.yaml:9:3: "),
            ("name: lantern", "name: [", "product.yaml:"),
            ("name: lantern", "name: ../lantern", "product.yaml:1:1: "),
            ("name: lantern", "name: 7lantern", "product.yaml:1:1: "),
            ("rs#Manifest", "rs", "product.yaml:25:19: "),
            ("src/manifest", "../manifest", "product.yaml:25:19: "),
            // Scripts are stamped with it.
            (
                "github.io/lantern",
                "github.io/lantern';id;'",
                "product.yaml:13:3: ",
            ),
            (
                "github.io/lantern",
                "github.io/$(id)",
                "product.yaml:13:3: ",
            ),
        ] {
            assert!(PRODUCT.contains(from), "{from}");
            let error = product("product.yaml", &PRODUCT.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().starts_with(place), "{to}: {error}");
        }
    }

    #[test]
    fn a_broken_dist_workspace_is_refused_with_file_line_and_column() {
        assert_eq!(dist_workspace("d", DIST).unwrap().targets.len(), 1);
        for (from, to, place) in [
            ("0.34.0", "latest", "d:2:22: "),
            ("x86_64-unknown-linux-gnu", "linux", "d:3:12: "),
            ("[\"x86_64-unknown-linux-gnu\"]", "[]", "d:1:1: "),
            (
                "targets = [",
                "targets = [\"x86_64-unknown-linux-gnu\", ",
                "d:3:40: ",
            ),
            ("targets", "tragets", "d:1:1: "),
            ("targets", "installers = [\"shell\"]\ntargets", "d:3:15: "),
            ("[dist]", "[dist", "d:1:6: "),
        ] {
            assert!(DIST.contains(from), "{from}");
            let error = dist_workspace("d", &DIST.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().starts_with(place), "{to}: {error}");
        }
    }

    #[test]
    fn the_tools_of_a_release_are_pinned_in_the_manifest_of_the_workspace() {
        const METADATA: &str = "\
[workspace.metadata.release]
zig = \"0.17.0\"
cargo-zigbuild = \"0.24.0\"
size-budget = 6_000_000
";
        let read = release_metadata("c", METADATA).unwrap();
        assert_eq!(read.size_budget, 6_000_000);
        assert_eq!(read.cargo_cyclonedx, None);
        for (from, to, place) in [
            ("release", "releases", "c:1:"),
            ("0.17.0", "0.17", "c:2:7: "),
            ("zig = ", "zag = ", "c:2:1: "),
            ("6_000_000", "-1", "c:4:15: "),
        ] {
            let error = release_metadata("c", &METADATA.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().starts_with(place), "{to}: {error}");
        }
    }
}
