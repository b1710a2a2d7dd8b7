//! Provenance: what it says, who accepts it, and what is no provenance of this release although
//! the release workflow itself signed it.

use std::fs;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rehearsal::sigstore::Job;
use rehearsal::sigstore::forge::{Content, Forgery, ManagedKey};
use rehearsal::verifiers::{self, Evidence, Identity, Verdict};
use release_plan::{Exit, Sha256};
use serde_json::{Value, json};

use crate::fixture::{Ended, Fixture, Loopback, on_path};

type ByJob = fn(&Evidence<'_>, &Identity) -> Verdict;

const NAME: &str = "ember.intoto.jsonl";
const COMMIT: &str = "/predicate/buildDefinition/resolvedDependencies/0/digest/gitCommit";
const BUILDER: &str = "/predicate/runDetails/builder/id";
const RUN: &str = "/predicate/runDetails/metadata/invocationId";

struct World {
    fixture: Fixture,
    loopback: Loopback,
    job: Job,
}

impl World {
    /// A signed release.
    fn new() -> Self {
        let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
        let job = loopback.release_job(&fixture.plan(), "v1.2.3");
        loopback.sign_as(&fixture, job.clone()).with(Exit::Done);
        Self {
            fixture,
            loopback,
            job,
        }
    }

    fn statement(&self) -> Value {
        let bundle = fs::read(self.fixture.asset(NAME)).unwrap();
        let bundle: Value = serde_json::from_slice(&bundle).unwrap();
        let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
        serde_json::from_slice(&BASE64_STANDARD.decode(payload).unwrap()).unwrap()
    }

    fn edited(&self, pointer: &str, value: Value) -> Value {
        let mut statement = self.statement();
        *statement.pointer_mut(pointer).unwrap() = value;
        statement
    }

    /// Puts a bundle around `statement` in the place of the release's own.
    fn forge(&self, forgery: impl Fn(Content<'_>) -> String, statement: &Value) {
        let statement = statement.to_string();
        let bundle = forgery(Content::Statement(statement.as_bytes()));
        fs::write(self.fixture.asset(NAME), bundle + "\n").unwrap();
    }

    fn forge_as(&self, job: &Job, statement: &Value) {
        let sigstore = &self.loopback.services.sigstore;
        let forge = |content: Content<'_>| sigstore.forge(&Forgery::by_job(job, content)).unwrap();
        self.forge(forge, statement);
    }

    /// Neither verified nor published; `sign` tells the same, and then makes it good.
    #[track_caller]
    fn refuses(&self, words: &str) {
        let Self {
            fixture, loopback, ..
        } = self;
        let refused = |ended: Ended| ended.with(Exit::Refused).saying(NAME).saying(words);
        refused(loopback.verify(fixture));
        refused(loopback.publish(fixture).output().unwrap().into());
        assert!(loopback.requests().is_empty(), "GitHub was not asked");
        let again = loopback.sign_as(fixture, self.job.clone()).with(Exit::Done);
        again.saying(words).saying("8 of 9 signatures");
        loopback.verify(fixture).with(Exit::Done);
    }

    /// A statement of this kind is refused although the release workflow signed it.
    #[track_caller]
    fn refuses_statement(&self, statement: &Value, words: &str) {
        self.forge_as(&self.job, statement);
        self.refuses(words);
    }
}

#[test]
fn the_provenance_of_a_release_tells_its_archives_source_compiler_workflow_and_run() {
    let world = World::new();
    let plan = world.fixture.plan();
    let (commit, host) = (plan.source.commit.as_str(), env!("XTASK_HOST"));
    let archive = fs::read(world.fixture.archive()).unwrap();
    let manifest = fs::read(world.fixture.asset("release.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let mut compiler = json!({"target": host});
    for (key, value) in manifest["toolchains"][host].as_object().unwrap() {
        compiler[key] = value.clone();
    }
    let tree = "git+https://github.com/example/ember@refs/tags/v1.2.3";
    let rust = format!("pkg:generic/rust@{}", plan.tools.rust);
    let mut statement = world.statement();
    let dependencies = "/predicate/buildDefinition/resolvedDependencies";
    let dependencies = statement.pointer_mut(dependencies).unwrap();
    let dependencies = dependencies.as_array_mut().unwrap();
    // A target of another machine has zig after these.
    dependencies.truncate(3);
    assert_eq!(
        statement,
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{
                "name": format!("ember-{host}.tar.gz"),
                "digest": {"sha256": Sha256::of(&archive).to_string()},
            }],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": statement["predicate"]["buildDefinition"]["buildType"],
                    "externalParameters": {
                        "workflow": {
                            "ref": "refs/tags/v1.2.3",
                            "repository": "https://github.com/example/ember",
                            "path": ".github/workflows/release.yml",
                        },
                        "tag": "v1.2.3",
                    },
                    "internalParameters": {
                        "plan": {"sha256": plan.digest().to_string()},
                        "tools": {
                            "rust": plan.tools.rust,
                            "zig": "0.17.0",
                            "cargo-zigbuild": "0.24.0",
                            "cargo-dist": "0.34.0",
                        },
                    },
                    "resolvedDependencies": [
                        {"uri": tree, "digest": {"gitCommit": commit}},
                        {
                            "uri": format!("{tree}#Cargo.lock"),
                            "digest": {"sha256": plan.source.lock_sha256.to_string()},
                        },
                        {"uri": rust, "annotations": compiler},
                    ],
                },
                "runDetails": {
                    "builder": {"id": plan.identity},
                    "metadata": {
                        "invocationId":
                            "https://github.com/example/ember/actions/runs/1/attempts/1",
                    },
                },
            },
        })
    );
    let text = fs::read_to_string(world.fixture.asset(NAME)).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(text.contains("application/vnd.dev.sigstore.bundle.v0.3+json"));
}

#[test]
fn cosign_3_and_2_accept_it_for_the_archive_and_for_nothing_else() {
    let world = World::new();
    let fixture = &world.fixture;
    let plan = fixture.plan();
    let identity = Identity {
        san: plan.identity.clone(),
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
        repository: "example/ember".to_owned(),
        reference: "refs/tags/v1.2.3".to_owned(),
        commit: plan.source.commit.to_string(),
        trigger: "push".to_owned(),
    };
    let other_commit = Identity {
        commit: "0".repeat(40),
        ..identity.clone()
    };
    let judges: [(&str, ByJob); 2] = [
        ("cosign", verifiers::cosign_attestation),
        ("cosign2", verifiers::cosign2_attestation),
    ];
    for (tool, judge) in judges {
        if !on_path(tool) {
            continue;
        }
        let judge = |file: &Path, identity: &Identity| {
            let evidence = Evidence {
                file,
                bundle: &fixture.asset(NAME),
                trusted_root: &world.loopback.root(),
                trust_config: Path::new("none"),
            };
            judge(&evidence, identity)
        };
        let archive = fixture.archive();
        assert_eq!(judge(&archive, &identity), Verdict::Accepted, "{tool}");
        let script = fixture.asset("install.sh");
        for (file, identity) in [(&script, &identity), (&archive, &other_commit)] {
            let verdict = judge(file, identity);
            assert!(
                matches!(verdict, Verdict::Refused(_)),
                "{tool}: {verdict:?}"
            );
        }
    }
}

#[test]
fn provenance_with_a_missing_or_an_extra_subject_is_refused() {
    let world = World::new();
    let none = world.edited("/subject", json!([]));
    world.refuses_statement(&none, "refused");
    let mut extra = world.statement();
    let other = json!({"name": "other.tar.gz", "digest": {"sha256": "0".repeat(64)}});
    extra["subject"].as_array_mut().unwrap().push(other);
    let words = "statement at \"/subject/1\" refused: expected nothing";
    world.refuses_statement(&extra, words);
    let renamed = world.edited("/subject/0/name", json!("other.tar.gz"));
    world.refuses_statement(&renamed, "statement at \"/subject/0/name\"");
}

#[test]
fn provenance_of_another_commit_tag_or_plan_is_refused() {
    let world = World::new();
    let commit = world.edited(COMMIT, json!("0".repeat(40)));
    world.refuses_statement(&commit, &format!("statement at {COMMIT:?}"));
    let external = "/predicate/buildDefinition/externalParameters/tag";
    let tag = world.edited(external, json!("v1.2.4"));
    world.refuses_statement(&tag, "expected \"v1.2.3\", found \"v1.2.4\"");
    let internal = "/predicate/buildDefinition/internalParameters/plan/sha256";
    let plan = world.edited(internal, json!("0".repeat(64)));
    world.refuses_statement(&plan, &format!("statement at {internal:?}"));
}

#[test]
fn provenance_of_another_builder_or_run_is_refused() {
    let world = World::new();
    let builder = world.statement().pointer(BUILDER).unwrap().to_string();
    let other = builder
        .trim_matches('"')
        .replace("release.yml", "other.yml");
    let other = world.edited(BUILDER, json!(other));
    world.refuses_statement(&other, &format!("statement at {BUILDER:?}"));
    let run = "https://github.com/example/ember/actions/runs/2/attempts/1";
    let other = world.edited(RUN, json!(run));
    world.refuses_statement(&other, &format!("statement at {RUN:?}"));
    // The same statement, certified for the run that it does not name.
    let honest = world.statement();
    let another_run = Job {
        run_id: 2,
        ..world.job.clone()
    };
    world.forge_as(&another_run, &honest);
    world.refuses(&format!("statement at {RUN:?}"));
}

#[test]
fn provenance_that_somebody_else_signed_is_refused() {
    let world = World::new();
    let honest = world.statement();
    let other_tag = world.loopback.release_job(&world.fixture.plan(), "v1.2.4");
    world.forge_as(&other_tag, &honest);
    world.refuses("identity refused");
    let channel = world.loopback.channel_job(&world.fixture.plan());
    world.forge_as(&channel, &honest);
    world.refuses("identity refused");
    let other_commit = Job {
        commit: "0".repeat(40),
        ..world.job.clone()
    };
    world.forge_as(&other_commit, &honest);
    world.refuses("source commit refused");
    let sigstore = &world.loopback.services.sigstore;
    let key = ManagedKey::new();
    let by_key = |content: Content<'_>| sigstore.forge(&Forgery::by_key(&key, content)).unwrap();
    world.forge(by_key, &honest);
    world.refuses("certificate refused");
}

#[test]
fn a_statement_that_says_the_same_in_other_bytes_is_refused() {
    let world = World::new();
    // Keys of the same values in another order.
    world.refuses_statement(&world.statement(), "found the same in other bytes");
}

#[test]
fn a_signature_over_the_statement_is_no_provenance() {
    let world = World::new();
    let archive = Sha256::of(&fs::read(world.fixture.archive()).unwrap());
    let content = Content::Digest(*archive.as_bytes());
    let forgery = Forgery::by_job(&world.job, content);
    let bundle = world.loopback.services.sigstore.forge(&forgery).unwrap();
    fs::write(world.fixture.asset(NAME), bundle).unwrap();
    world.refuses("bundle refused");
}

#[test]
fn a_statement_about_an_asset_is_no_signature_over_it() {
    let world = World::new();
    let archive = world.fixture.archive();
    let bundle = format!("{}.sigstore.json", archive.display());
    fs::copy(world.fixture.asset(NAME), bundle).unwrap();
    let ended = world.loopback.verify(&world.fixture);
    ended.with(Exit::Refused).saying("bundle refused");
}

#[test]
fn a_release_without_provenance_or_with_another_beside_it_is_refused() {
    let world = World::new();
    let World {
        fixture, loopback, ..
    } = &world;
    let bytes = fs::read(fixture.asset(NAME)).unwrap();
    fs::write(fixture.asset("other.intoto.jsonl"), &bytes).unwrap();
    let ended = loopback.verify(fixture).with(Exit::Refused);
    ended.saying("other.intoto.jsonl is not of this release");
    fs::remove_file(fixture.asset("other.intoto.jsonl")).unwrap();
    fs::write(fixture.asset(NAME), bytes.repeat(2)).unwrap();
    loopback.verify(fixture).with(Exit::Refused).saying(NAME);
    fs::remove_file(fixture.asset(NAME)).unwrap();
    let words = "the provenance of the archives is not signed; sign first";
    loopback.verify(fixture).with(Exit::Input).saying(words);
    let ended = Ended::from(loopback.publish(fixture).output().unwrap());
    ended.with(Exit::Input).saying(words);
    assert!(loopback.requests().is_empty(), "GitHub was not asked");
}

#[test]
fn a_job_that_is_told_of_no_run_signs_provenance_that_names_none() {
    let (fixture, loopback) = (Fixture::assembled(), Loopback::start());
    let job = loopback.release_job(&fixture.plan(), "v1.2.3");
    let mut sign = fixture.stage("sign", "--dir", "assets");
    loopback.let_sign(&mut sign, job.clone());
    sign.arg("--trusted-root").arg(loopback.root());
    sign.env_remove("GITHUB_RUN_ID");
    Ended::from(sign.output().unwrap()).with(Exit::Done);
    let world = World {
        fixture,
        loopback,
        job,
    };
    let details = &world.statement()["predicate"]["runDetails"];
    assert_eq!(details.get("metadata"), None);
    world.loopback.verify(&world.fixture).with(Exit::Done);
}
