//! The provenance of a release's archives: what they were made from, by whom and how. A pure
//! function of plan and manifest, and of the run that signs, so that whoever has those knows every
//! byte of it.
//!
//! Source of the format: SLSA provenance v1 (<https://slsa.dev/spec/v1.1/provenance>) in an in-toto
//! statement v1.

use std::collections::{BTreeMap, BTreeSet};

use release_plan::{Manifest, Plan, Product, Target, Toolchain, Tools};
use serde::Serialize;
use serde_json::Value;

/// What the parameters mean. The text is in the repository of this pipeline, whatever product it
/// releases.
const BUILD_TYPE: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/blob/main/RELEASING.md#provenance-build-type-v1"
);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statement<'a> {
    #[serde(rename = "_type")]
    statement_type: &'static str,
    subject: Vec<Subject<'a>>,
    predicate_type: &'static str,
    predicate: Predicate<'a>,
}

#[derive(Serialize)]
struct Subject<'a> {
    name: &'a str,
    digest: Digest,
}

/// By algorithm.
type Digest = BTreeMap<&'static str, String>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate<'a> {
    build_definition: BuildDefinition<'a>,
    run_details: RunDetails<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition<'a> {
    build_type: &'static str,
    external_parameters: ExternalParameters<'a>,
    internal_parameters: InternalParameters<'a>,
    resolved_dependencies: Vec<Resource<'a>>,
}

/// What whoever starts a release decides.
#[derive(Serialize)]
struct ExternalParameters<'a> {
    workflow: Workflow<'a>,
    tag: String,
}

#[derive(Serialize)]
struct Workflow<'a> {
    #[serde(rename = "ref")]
    reference: String,
    repository: &'a str,
    path: &'a str,
}

/// What follows from the tree.
#[derive(Serialize)]
struct InternalParameters<'a> {
    plan: Digest,
    tools: &'a Tools,
}

/// A resource descriptor of in-toto.
#[derive(Serialize)]
struct Resource<'a> {
    uri: String,
    #[serde(skip_serializing_if = "Digest::is_empty")]
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Compiler<'a>>,
}

/// What is to know of a compiler, and which target it compiled for.
#[derive(Serialize)]
struct Compiler<'a> {
    target: &'a Target,
    #[serde(flatten)]
    toolchain: &'a Toolchain,
}

#[derive(Serialize)]
struct RunDetails<'a> {
    builder: Builder<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
}

#[derive(Serialize)]
struct Builder<'a> {
    id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    invocation_id: &'a str,
}

/// The statement about the archives of `manifest`, which `plan` made, in one line of JSON.
/// `invocation` is the URL of the run that signs it, where it has one.
pub(crate) fn statement(
    product: &Product,
    plan: &Plan,
    manifest: &Manifest,
    invocation: Option<&str>,
) -> Vec<u8> {
    let archives = plan.archives();
    let subject = archives.filter_map(|archive| {
        let asset = manifest.asset(&archive.name)?;
        Some(Subject {
            name: asset.name.as_str(),
            digest: digest("sha256", asset.sha256),
        })
    });
    let statement = Statement {
        statement_type: "https://in-toto.io/Statement/v1",
        subject: subject.collect(),
        predicate_type: "https://slsa.dev/provenance/v1",
        predicate: Predicate {
            build_definition: BuildDefinition {
                build_type: BUILD_TYPE,
                external_parameters: ExternalParameters {
                    workflow: Workflow {
                        reference: plan.tag.reference(),
                        repository: &plan.repository,
                        path: &product.identities.release_workflow,
                    },
                    tag: plan.tag.to_string(),
                },
                internal_parameters: InternalParameters {
                    plan: digest("sha256", plan.digest()),
                    tools: &plan.tools,
                },
                resolved_dependencies: dependencies(plan, manifest),
            },
            run_details: RunDetails {
                builder: Builder { id: &plan.identity },
                metadata: invocation.map(|invocation_id| Metadata { invocation_id }),
            },
        },
    };
    serde_json::to_vec(&statement).expect("it has string keys and no floating point")
}

fn digest(algorithm: &'static str, value: impl ToString) -> Digest {
    [(algorithm, value.to_string())].into()
}

/// The tree, the lock file in it that names every crate, and what compiled them.
fn dependencies<'a>(plan: &Plan, manifest: &'a Manifest) -> Vec<Resource<'a>> {
    let resource = |uri, digest| Resource {
        uri,
        digest,
        annotations: None,
    };
    let tree = format!("git+{}@{}", plan.repository, plan.tag.reference());
    let lock = format!("{tree}#Cargo.lock");
    let mut dependencies = vec![
        resource(tree, digest("gitCommit", &plan.source.commit)),
        resource(lock, digest("sha256", plan.source.lock_sha256)),
    ];
    let mut linkers = BTreeSet::new();
    for (target, toolchain) in &manifest.toolchains {
        let version = toolchain.rustc.split(' ').nth(1).unwrap_or_default();
        dependencies.push(Resource {
            annotations: Some(Compiler { target, toolchain }),
            ..resource(format!("pkg:generic/rust@{version}"), Digest::new())
        });
        // Python's registry is where the pipeline takes zig from.
        for (package, version) in [
            ("pypi/ziglang", &toolchain.zig),
            ("cargo/cargo-zigbuild", &toolchain.cargo_zigbuild),
        ] {
            linkers.extend(
                version
                    .iter()
                    .map(|version| format!("pkg:{package}@{version}")),
            );
        }
    }
    dependencies.extend(linkers.into_iter().map(|uri| resource(uri, Digest::new())));
    dependencies
}

/// Whether a statement names the run that signed it.
pub(crate) fn names_its_run(statement: &[u8]) -> bool {
    let statement: Value = serde_json::from_slice(statement).unwrap_or_default();
    statement
        .pointer("/predicate/runDetails/metadata")
        .is_some()
}

/// Where a statement first differs from the one that was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// A JSON pointer (RFC 6901).
    pub(crate) place: String,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// Holds a statement against the one that was expected, byte by byte.
pub(crate) fn difference(expected: &[u8], found: &[u8]) -> Option<Difference> {
    if expected == found {
        return None;
    }
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let differing = first_difference("", Some(&read(expected)), Some(&read(found)));
    Some(differing.unwrap_or_else(|| Difference {
        place: String::new(),
        expected: "the very bytes that follow from plan and manifest".to_owned(),
        found: "the same in other bytes".to_owned(),
    }))
}

fn first_difference(
    place: &str,
    expected: Option<&Value>,
    found: Option<&Value>,
) -> Option<Difference> {
    let below =
        |key: &str, expected, found| first_difference(&format!("{place}/{key}"), expected, found);
    match (expected, found) {
        (expected, found) if expected == found => None,
        (Some(Value::Object(expected)), Some(Value::Object(found))) => {
            let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
            let mut keys = keys.into_iter();
            keys.find_map(|key| below(key, expected.get(key), found.get(key)))
        }
        (Some(Value::Array(expected)), Some(Value::Array(found))) => {
            let mut indices = 0..expected.len().max(found.len());
            indices.find_map(|i| below(&i.to_string(), expected.get(i), found.get(i)))
        }
        (expected, found) => {
            let shown = |value: Option<&Value>| {
                value.map_or_else(|| "nothing".to_owned(), Value::to_string)
            };
            Some(Difference {
                place: place.to_owned(),
                expected: shown(expected),
                found: shown(found),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use release_plan::{Asset, Measured};
    use serde_json::json;

    use super::*;
    use crate::trial::{plan, product};

    fn manifest(plan: &Plan, zig: Option<&str>) -> Manifest {
        let assets = plan.assets.iter().map(|planned| {
            let measured = Measured::of(planned.name.as_str().as_bytes());
            Asset::new(planned.clone(), measured)
        });
        let toolchain: Toolchain = serde_json::from_value(json!({
            "rustc": "rustc 1.95.0 (59807616e 2026-04-14)",
            "std": "prebuilt",
            "zig": zig,
            "cargo_zigbuild": zig.map(|_| "0.24.0"),
        }))
        .unwrap();
        let toolchains = plan.targets().into_iter();
        let toolchains = toolchains.map(|target| (target, toolchain.clone()));
        Manifest::new(plan, toolchains.collect(), assets.collect()).unwrap()
    }

    fn read(statement: &[u8]) -> Value {
        serde_json::from_slice(statement).unwrap()
    }

    #[test]
    fn the_build_type_leads_to_the_section_that_tells_it() {
        let (_, anchor) = BUILD_TYPE.split_once("/RELEASING.md#").unwrap();
        let runbook = include_str!("../../RELEASING.md");
        let mut headings = runbook.lines().filter_map(|line| line.strip_prefix("## "));
        // As GitHub makes an anchor of a heading.
        let led_to = |heading: &str| {
            let plain = heading
                .to_lowercase()
                .replace(|c: char| c.is_ascii_punctuation(), "");
            plain.replace(' ', "-") == anchor
        };
        assert!(
            headings.any(led_to),
            "no heading of the runbook is {anchor}"
        );
    }

    #[test]
    fn the_subjects_are_the_archives_and_nothing_else() {
        let (product, plan) = (product(), plan());
        let statement = read(&statement(&product, &plan, &manifest(&plan, None), None));
        let subjects = statement["subject"].as_array().unwrap();
        let names = subjects.iter().map(|subject| subject["name"].as_str());
        assert!(names.eq([
            Some("ember-aarch64-apple-darwin.tar.gz"),
            Some("ember-x86_64-pc-windows-gnullvm.zip"),
        ]));
    }

    #[test]
    fn a_linker_is_named_once_where_one_was_used_and_not_because_it_was_planned() {
        let (product, plan) = (product(), plan());
        let dependencies = |zig| {
            let statement = read(&statement(&product, &plan, &manifest(&plan, zig), None));
            let found = statement.pointer("/predicate/buildDefinition/resolvedDependencies");
            let found = found.unwrap().as_array().unwrap().iter();
            let uris = found.map(|resource| resource["uri"].as_str().unwrap().to_owned());
            uris.skip(2).collect::<Vec<_>>()
        };
        let rust = "pkg:generic/rust@1.95.0";
        assert_eq!(dependencies(None), [rust, rust]);
        assert_eq!(
            dependencies(Some("0.17.0")),
            [
                rust,
                rust,
                "pkg:cargo/cargo-zigbuild@0.24.0",
                "pkg:pypi/ziglang@0.17.0"
            ]
        );
    }

    #[test]
    fn the_same_release_and_run_give_the_same_line_of_bytes() {
        let (product, plan) = (product(), plan());
        let make = |run| statement(&product, &plan, &manifest(&plan, Some("0.17.0")), run);
        for run in [
            None,
            Some("https://github.com/example/ember/actions/runs/1"),
        ] {
            assert_eq!(make(run), make(run));
            assert_eq!(difference(&make(run), &make(run)), None);
            assert_eq!(names_its_run(&make(run)), run.is_some());
            assert!(!make(run).contains(&b'\n'));
        }
        let differing = difference(&make(None), &make(Some("a run"))).unwrap();
        assert_eq!(differing.place, "/predicate/runDetails/metadata");
        assert_eq!(differing.expected, "nothing");
    }

    #[test]
    fn a_difference_is_told_at_the_first_place_where_there_is_one() {
        let expected = br#"{"a":[1,{"b":2}],"c":3}"#;
        for (found, place, words) in [
            (&br#"{"a":[1,{"b":4}],"c":9}"#[..], "/a/1/b", ("2", "4")),
            (br#"{"a":[1],"c":3}"#, "/a/1", (r#"{"b":2}"#, "nothing")),
            (br#"{"a":[1,{"b":2},5],"c":3}"#, "/a/2", ("nothing", "5")),
            (br#"{"a":[1,{"b":2}]}"#, "/c", ("3", "nothing")),
            (br#"{"a":[1,{"b":2}],"c":3,"d":0}"#, "/d", ("nothing", "0")),
            (b"no JSON", "", (r#"{"a":[1,{"b":2}],"c":3}"#, "null")),
        ] {
            let found = difference(expected, found).unwrap();
            assert_eq!(found.place, place);
            assert_eq!((found.expected.as_str(), found.found.as_str()), words);
        }
        // A reader that takes the last of two would see what was expected.
        let twice = difference(expected, br#"{"c":9,"a":[1,{"b":2}],"c":3}"#).unwrap();
        assert_eq!(twice.found, "the same in other bytes");
    }
}
