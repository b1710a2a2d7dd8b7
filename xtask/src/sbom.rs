//! The software bill of materials of the released program, CycloneDX as JSON, by cargo-cyclonedx.
//!
//! The tool knows licences, sources and digests, and lists what any member of the workspace has
//! cargo resolve, for every platform that there is. `cargo tree` knows what the program is really
//! compiled from, for each target that is released; its word decides what is listed, and what
//! depends on what. Build scripts and what they need are left out, since nothing of them is in the
//! program; macros stay, since their output is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

use release_plan::{Plan, Target, Version};
use serde_json::{Value, json};

use crate::gates::cargo;
use crate::skeleton::{self, Skeleton, SkeletonError};
use crate::tools::{Tool, ToolError};
use crate::{Failure, process};

const TOOL: &str = "cargo-cyclonedx";
/// The newest version of CycloneDX that it writes.
const SPEC_VERSION: &str = "1.5";

/// Why there is no bill of materials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SbomError {
    /// There is no cargo-cyclonedx, or one of another version.
    #[error(transparent)]
    Missing(#[from] ToolError),
    /// The plan does not say which version is wanted.
    #[error("expected a version of {TOOL} in plan.json, found none; plan again")]
    Unpinned,
    /// There was nothing to run it in.
    #[error(transparent)]
    Skeleton(#[from] SkeletonError),
    /// A tool refused.
    #[error("{tool} failed: {words}")]
    Refused {
        /// The tool.
        tool: &'static str,
        /// What it said.
        words: String,
    },
    /// A tool said something that cannot be read.
    #[error("the output of {tool} cannot be read: {why}")]
    Output {
        /// The tool.
        tool: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Something that is compiled in is not listed, or without what a reader needs to know of it.
    #[error("the bill of materials lacks {0}")]
    Lacks(String),
}

/// Writes the bill of materials of `plan`'s product as released for `targets`.
///
/// The same plan and targets give the same bytes on any machine. Crates that this machine does
/// not have yet are fetched as the lock file says.
///
/// # Errors
/// When cargo-cyclonedx is missing or fails, or when a package that is compiled in would be
/// missing, or be without licence.
pub(crate) fn sbom(root: &Path, plan: &Plan, targets: &[Target]) -> Result<Vec<u8>, SbomError> {
    let version = plan.tools.cargo_cyclonedx.as_ref();
    let tool = Tool::CargoCyclonedx.find(version.ok_or(SbomError::Unpinned)?)?;
    let skeleton = Skeleton::of(root)?;
    fetch(root)?;
    let mut compiled = Compiled::default();
    for target in targets {
        compiled.read(&tree(&skeleton, &plan.product, target)?)?;
    }
    let described = describe(&tool, &skeleton, plan)?;
    let bom = Bom {
        plan,
        targets,
        described,
    };
    let mut bytes = serde_json::to_vec_pretty(&bom.of(&compiled)?).map_err(unreadable(TOOL))?;
    bytes.push(b'\n');
    let text = String::from_utf8_lossy(&bytes);
    if text.contains(&*skeleton.path().to_string_lossy()) || text.contains("file:") {
        let why = "a path of this machine is in it".to_owned();
        return Err(SbomError::Output { tool: TOOL, why });
    }
    Ok(bytes)
}

fn unreadable<E: std::fmt::Display>(tool: &'static str) -> impl Fn(E) -> SbomError {
    move |error| SbomError::Output {
        tool,
        why: error.to_string(),
    }
}

/// Has the crates of every platform at hand, which a build for some targets does not need.
fn fetch(root: &Path) -> Result<(), SbomError> {
    let tool = "cargo fetch";
    let mut command = Command::new(cargo());
    command.args(["fetch", "--locked"]).current_dir(root);
    process::withhold_rights(&mut command);
    said(tool, process::output(&mut command, process::NO_LIMIT)).map(drop)
}

/// What a tool printed, once it has ended well.
fn said(tool: &'static str, ended: Result<Output, Failure>) -> Result<Vec<u8>, SbomError> {
    let refused = |words| SbomError::Refused { tool, words };
    let output = ended.map_err(|error| refused(error.to_string()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(refused(skeleton::words(&output.stderr)))
}

/// What the program is compiled from, with features as released: a line a package, its depth in
/// front.
fn tree(skeleton: &Skeleton, product: &str, target: &Target) -> Result<String, SbomError> {
    let arguments = [
        "tree",
        "--locked",
        "--package",
        product,
        "--target",
        target.as_str(),
        "--edges=normal",
        "--prefix=depth",
        "--format={p}",
        "--color=never",
    ];
    let tool = "cargo tree";
    let ended = skeleton.run(cargo(), &[], &arguments.map(str::to_owned));
    String::from_utf8(said(tool, ended)?).map_err(unreadable(tool))
}

/// Has the tool describe the product's program. It writes beside the manifests.
fn describe(tool: &Path, skeleton: &Skeleton, plan: &Plan) -> Result<Value, SbomError> {
    let arguments = [
        "cyclonedx",
        "--format=json",
        "--describe=binaries",
        "--target=all",
        "--no-build-deps",
        "--spec-version",
        SPEC_VERSION,
    ];
    // With it, the tool invents no serial number.
    let time = plan.source.committed_at.seconds().to_string();
    let time = [("SOURCE_DATE_EPOCH", time)];
    said(
        TOOL,
        skeleton.run(tool, &time, &arguments.map(str::to_owned)),
    )?;
    let folder = skeleton.package(&plan.product).unwrap_or_default();
    let file = folder.join(format!("{}_bin.cdx.json", plan.product));
    let bytes = std::fs::read(file).map_err(unreadable(TOOL))?;
    serde_json::from_slice(&bytes).map_err(unreadable(TOOL))
}

/// A package by name and version.
type Package = (String, String);

/// What a program is compiled from: the root first, each with what it depends on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Compiled {
    root: Option<Package>,
    packages: BTreeMap<Package, BTreeSet<Package>>,
}

impl Compiled {
    /// Adds what `cargo tree` printed for one target.
    fn read(&mut self, tree: &str) -> Result<(), SbomError> {
        // The packages from the root down to the line that is read.
        let mut above: Vec<Package> = Vec::new();
        for line in tree.lines() {
            let (depth, package) = tree_line(line).ok_or_else(|| SbomError::Output {
                tool: "cargo tree",
                why: format!("expected a package with its depth, found {line:?}"),
            })?;
            above.truncate(depth);
            match above.last() {
                Some(parent) => {
                    let needed = self.packages.entry(parent.clone()).or_default();
                    needed.insert(package.clone());
                }
                None => self.root = Some(package.clone()),
            }
            self.packages.entry(package.clone()).or_default();
            above.push(package);
        }
        Ok(())
    }
}

/// `12serde v1.0.1 (*)`: depth, name and version.
fn tree_line(line: &str) -> Option<(usize, Package)> {
    let name = line.find(|c: char| !c.is_ascii_digit())?;
    let (depth, package) = line.split_at(name);
    let mut words = package.split(' ');
    let name = words.next()?.to_owned();
    let version = words.next()?.strip_prefix('v')?;
    version.parse::<Version>().ok()?;
    Some((depth.parse().ok()?, (name, version.to_owned())))
}

/// What the tool described, to be reduced to what is compiled in.
struct Bom<'a> {
    plan: &'a Plan,
    targets: &'a [Target],
    described: Value,
}

impl Bom<'_> {
    fn of(mut self, compiled: &Compiled) -> Result<Value, SbomError> {
        let lacks = |(name, version): &Package, what: &str| {
            SbomError::Lacks(format!("{what}{name} {version}"))
        };
        let mut components = BTreeMap::new();
        let others = self.described["components"].take();
        let root = self.described["metadata"]["component"].take();
        let Value::Array(others) = others else {
            return Err(SbomError::Lacks("components".to_owned()));
        };
        for mut component in others.into_iter().chain([root]) {
            let text = |key: &str| component[key].as_str().unwrap_or_default().to_owned();
            let package = (text("name"), text("version"));
            if !compiled.packages.contains_key(&package) {
                continue;
            }
            if component["licenses"].as_array().is_none_or(Vec::is_empty) {
                return Err(lacks(&package, "a licence of "));
            }
            let is_root = compiled.root.as_ref() == Some(&package);
            self.name(&mut component, is_root);
            if components.insert(package.clone(), component).is_some() {
                let why = format!("{} {} stands there twice", package.0, package.1);
                return Err(SbomError::Output { tool: TOOL, why });
            }
        }
        let mut references = BTreeMap::new();
        for package in compiled.packages.keys() {
            let component = components.get(package).ok_or_else(|| lacks(package, ""))?;
            references.insert(package, component["bom-ref"].clone());
        }
        let dependencies: Vec<Value> = compiled
            .packages
            .iter()
            .map(|(package, needed)| {
                let needed: Vec<&Value> = needed.iter().map(|it| &references[it]).collect();
                json!({ "ref": references[package], "dependsOn": needed })
            })
            .collect();
        let root = compiled
            .root
            .as_ref()
            .and_then(|root| components.remove(root))
            .ok_or_else(|| SbomError::Lacks("the product".to_owned()))?;
        let targets = self.targets.iter();
        let properties: Vec<Value> = targets
            .map(|target| json!({ "name": "cdx:rustc:sbom:target:triple", "value": target }))
            .collect();
        Ok(json!({
            "bomFormat": "CycloneDX",
            "specVersion": SPEC_VERSION,
            "version": 1,
            "metadata": {
                "timestamp": self.plan.source.committed_at,
                "tools": self.described["metadata"]["tools"],
                "component": root,
                "properties": properties,
            },
            "components": components.into_values().collect::<Vec<_>>(),
            "dependencies": dependencies,
        }))
    }

    /// A package of this workspace comes from its repository at the commit, not from a folder of
    /// this machine, and the product goes out under the version that is planned.
    fn name(&self, component: &mut Value, is_root: bool) {
        let reference = component["bom-ref"].as_str().unwrap_or_default();
        if !reference.starts_with("path+") {
            return;
        }
        if is_root {
            component["version"] = json!(self.plan.version);
        }
        let text = |key: &str| component[key].as_str().unwrap_or_default().to_owned();
        let Plan {
            repository, source, ..
        } = self.plan;
        // As https://github.com/package-url/purl-spec has it: `+` and `@` escaped, `:` and `/` not.
        let purl = format!(
            "pkg:cargo/{}@{}?vcs_url=git%2B{repository}%40{}",
            text("name"),
            text("version").replace('+', "%2B"),
            source.commit
        );
        component["purl"] = json!(purl);
        component["bom-ref"] = json!(purl);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    fn here() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    fn plan() -> Plan {
        let version = "7.8.9-rc.1".parse().unwrap();
        Project::find(here()).unwrap().plan(&version).unwrap()
    }

    fn compiled(tree: &str) -> Compiled {
        let mut compiled = Compiled::default();
        compiled.read(tree).unwrap();
        compiled
    }

    fn described() -> Value {
        let component = |name: &str, reference: &str| {
            json!({
                "name": name, "version": "1.0.0", "bom-ref": reference, "purl": "pkg:cargo/x",
                "licenses": [{"expression": "MIT"}],
            })
        };
        json!({
            "serialNumber": "urn:uuid:of this run",
            "metadata": {
                "timestamp": "now",
                "tools": [{"name": TOOL}],
                "component": component("ember", "path+file:///home/somebody/ember#1.0.0"),
            },
            "components": [
                component("zinc", "registry#zinc"),
                component("coal", "path+file:///home/somebody/coal#1.0.0"),
                component("unused", "registry#unused"),
            ],
        })
    }

    fn bom(described: Value, tree: &str) -> Result<Value, SbomError> {
        let plan = plan();
        let targets = ["x86_64-apple-darwin".parse().unwrap()];
        Bom {
            plan: &plan,
            targets: &targets,
            described,
        }
        .of(&compiled(tree))
    }

    const TREE: &str = "0ember v1.0.0 (/home/somebody/ember)\n1coal v1.0.0 (/c)\n\
                        2zinc v1.0.0\n1zinc v1.0.0 (*)\n";

    #[test]
    fn trees_of_several_targets_are_read_as_one_graph() {
        let mut graph = compiled(TREE);
        graph
            .read("0ember v1.0.0 (/e)\n1lead v2.0.0+x (proc-macro)\n")
            .unwrap();
        let edges: Vec<String> = graph
            .packages
            .iter()
            .flat_map(|((from, _), to)| to.iter().map(move |(to, v)| format!("{from} {to} {v}")))
            .collect();
        let expected = [
            "coal zinc 1.0.0",
            "ember coal 1.0.0",
            "ember lead 2.0.0+x",
            "ember zinc 1.0.0",
        ];
        assert_eq!(edges, expected);
        assert!(Compiled::default().read("[dependencies]\n").is_err());
    }

    #[test]
    fn only_what_is_compiled_in_is_listed_and_nothing_of_this_machine() {
        let bom = bom(described(), TREE).unwrap();
        let text = bom.to_string();
        for gone in ["somebody", "unused", "serialNumber", "now"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        let components = bom["components"].as_array().unwrap().iter();
        let names: Vec<_> = components.map(|component| &component["name"]).collect();
        assert_eq!(names, ["coal", "zinc"]);
        let root = &bom["metadata"]["component"];
        assert_eq!(root["version"], "7.8.9-rc.1");
        assert_eq!(bom["dependencies"][1]["ref"], root["bom-ref"]);
        assert_eq!(bom["dependencies"][1]["dependsOn"][1], "registry#zinc");
    }

    #[test]
    fn a_package_that_is_not_described_or_has_no_licence_is_named() {
        let words = |described, tree: &str| bom(described, tree).unwrap_err().to_string();
        let more = format!("{TREE}1lead v2.0.0\n");
        assert!(words(described(), &more).contains("lacks lead 2.0.0"));
        let mut unlicensed = described();
        unlicensed["components"][0]["licenses"] = json!([]);
        assert!(words(unlicensed, TREE).contains("lacks a licence of zinc 1.0.0"));
    }

    #[test]
    fn the_tool_in_another_folder_gives_the_same_bytes_with_every_package_of_every_target() {
        let plan = plan();
        let targets = plan.targets();
        let bytes = match sbom(here(), &plan, &targets) {
            Err(SbomError::Missing(_)) => return rehearsal::verifiers::not_run(TOOL),
            bytes => bytes.unwrap(),
        };
        let elsewhere = Skeleton::of(here()).unwrap();
        assert_eq!(sbom(elsewhere.path(), &plan, &targets).unwrap(), bytes);

        let bom: Value = serde_json::from_slice(&bytes).unwrap();
        let components = bom["components"].as_array().unwrap();
        for target in &targets {
            let tree = compiled(&tree(&elsewhere, &plan.product, target).unwrap());
            for (name, version) in tree.packages.keys() {
                if *name == plan.product {
                    continue;
                }
                let is_it = |c: &&Value| c["name"] == **name && c["version"] == **version;
                let listed = components.iter().find(is_it).unwrap();
                assert!(listed["licenses"][0].is_object(), "{name}");
                let from_registry = listed["bom-ref"].as_str().unwrap().starts_with("registry+");
                assert_eq!(from_registry, listed["hashes"][0].is_object(), "{name}");
            }
        }
        assert_eq!(bom["metadata"]["component"]["name"], plan.product);
    }
}
