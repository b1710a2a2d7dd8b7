//! Attacks on verification: what the true bundle of a release can be bent into, and by whom. Each
//! must be refused by the check that is for it. What other people's verifiers make of the same
//! files is asked too; where one of them accepts, the attack says why.

mod claims;
mod envelope;
mod forged;
mod json;
mod log;
mod signature;
mod unsigned;

use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rehearsal::sigstore::forge::{Content, Flaw, Forgery, Format};
use rehearsal::sigstore::{Job, RekorApi};
use rehearsal::verifiers::{self, Evidence, Identity, Verdict};
use release_plan::{
    Changes, Channel, Channels, Feeds, Identities, Policy, Product, Sha256, Upgrades, Version,
};
use serde_json::Value;
use tempfile::TempDir;
use trust::{Refusal, TrustedRoot, VerifiedBlob, verify_blob, verify_statement};

use crate::rig::{Rig, identity, job, provenance};

/// What was signed.
pub(super) const FILE: &[u8] = b"the bytes of a release";

/// What the attacker starts from: everything true, and bundles of other files by the same job.
static TRUTH: LazyLock<Truth> = LazyLock::new(Truth::new);

struct Truth {
    rig: Rig,
    trusted_root: String,
    trust_config: String,
    /// Of another file, signed before this one, so that its certificate was in force when this was.
    earlier: Value,
    bundle: Value,
    /// Of another file.
    other: Value,
    attestation: Value,
}

impl Truth {
    fn new() -> Self {
        let rig = Rig::new();
        let made = |content| made(&rig, Forgery::by_job(&job(), content));
        Self {
            trusted_root: rig.sigstore.trusted_root_json(&rig.url()),
            trust_config: rig.sigstore.client_trust_config_json(&rig.url()),
            earlier: made(digest(b"an earlier file")),
            bundle: made(digest(FILE)),
            other: made(digest(b"another file")),
            attestation: made(Content::Statement(&provenance(FILE))),
            rig,
        }
    }
}

/// The bundle that a Sigstore makes, in JSON.
fn made(rig: &Rig, forgery: Forgery<'_>) -> Value {
    serde_json::from_str(&rig.sigstore.forge(&forgery).unwrap()).unwrap()
}

fn digest(file: &[u8]) -> Content<'static> {
    Content::Digest(*Sha256::of(file).as_bytes())
}

/// What a verifier is given.
pub(super) struct Case {
    pub(super) file: Vec<u8>,
    pub(super) bundle: Value,
    /// In place of the bundle, where that is no JSON of its own any more.
    pub(super) raw: Option<Vec<u8>>,
    statement: bool,
    /// Who must have signed.
    pub(super) identity: Identity,
    /// Whose keys are believed.
    root: Value,
    /// Which verifiers accept, and why that is.
    accepted_by: Vec<(&'static str, &'static str)>,
}

impl Case {
    /// A file with the bundle of a signature over it.
    pub(super) fn file() -> Self {
        Self {
            file: FILE.to_vec(),
            bundle: TRUTH.bundle.clone(),
            raw: None,
            statement: false,
            identity: identity(),
            root: serde_json::from_str(&TRUTH.trusted_root).unwrap(),
            accepted_by: Vec::new(),
        }
    }

    /// A file with the bundle of a statement about it.
    pub(super) fn statement() -> Self {
        Self {
            bundle: TRUTH.attestation.clone(),
            statement: true,
            ..Self::file()
        }
    }

    /// The file, truly signed by a job.
    fn signed_by(job: &Job) -> Self {
        Self {
            bundle: made(&TRUTH.rig, Forgery::by_job(job, digest(FILE))),
            ..Self::file()
        }
    }

    /// The file, truly signed, logged and written down in another way.
    pub(super) fn kind(log: RekorApi, format: Format) -> Self {
        let job = job();
        let forgery = Forgery {
            log,
            format,
            ..Forgery::by_job(&job, digest(FILE))
        };
        Self {
            bundle: made(&TRUTH.rig, forgery),
            ..Self::file()
        }
    }

    /// Alters whose keys are believed.
    pub(super) fn trusting(mut self, alter: impl FnOnce(&mut Value)) -> Self {
        alter(&mut self.root);
        self
    }

    /// The file with a bundle in which one thing is wrong.
    fn forged(flaw: Flaw) -> Self {
        let job = job();
        let forgery = Forgery {
            flaw: Some(flaw),
            ..Forgery::by_job(&job, digest(FILE))
        };
        Self {
            bundle: made(&TRUTH.rig, forgery),
            ..Self::file()
        }
    }

    /// The file with a statement in whose bundle one thing is wrong.
    fn forged_statement(flaw: Flaw, statement: &[u8]) -> Self {
        let job = job();
        let forgery = Forgery {
            flaw: Some(flaw),
            ..Forgery::by_job(&job, Content::Statement(statement))
        };
        Self {
            bundle: made(&TRUTH.rig, forgery),
            ..Self::statement()
        }
    }

    /// The file with a statement that was truly signed.
    fn true_statement(statement: &[u8]) -> Self {
        let job = job();
        let forgery = Forgery::by_job(&job, Content::Statement(statement));
        Self {
            bundle: made(&TRUTH.rig, forgery),
            ..Self::statement()
        }
    }

    /// Alters the value at a JSON pointer.
    pub(super) fn set(mut self, at: &str, value: impl Into<Value>) -> Self {
        *self.at(at) = value.into();
        self
    }

    /// Takes a field away.
    pub(super) fn without(mut self, at: &str) -> Self {
        let (parent, field) = at.rsplit_once('/').unwrap();
        let removed = self.at(parent).as_object_mut().unwrap().remove(field);
        assert!(removed.is_some(), "{at} is not there");
        self
    }

    /// Flips a bit in the middle of the bytes that stand in base64 at a JSON pointer.
    pub(super) fn flip(self, at: &str) -> Self {
        self.alter(at, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        })
    }

    /// Flips a bit of the last of those bytes.
    pub(super) fn flip_last(self, at: &str) -> Self {
        self.alter(at, |bytes| *bytes.last_mut().unwrap() ^= 1)
    }

    /// Alters the bytes that stand in base64 at a JSON pointer.
    fn alter(mut self, at: &str, alter: impl FnOnce(&mut Vec<u8>)) -> Self {
        let value = self.at(at);
        let mut bytes = BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
        alter(&mut bytes);
        *value = BASE64_STANDARD.encode(bytes).into();
        self
    }

    /// Takes a value from the bundle of another file by the same job.
    pub(super) fn borrow(self, at: &str) -> Self {
        let value = TRUTH.other.pointer(at).unwrap().clone();
        self.set(at, value)
    }

    /// As [`borrow`](Self::borrow), from one that was signed before this.
    pub(super) fn borrow_earlier(self, at: &str) -> Self {
        let value = TRUTH.earlier.pointer(at).unwrap().clone();
        self.set(at, value)
    }

    /// Alters the text of the bundle.
    pub(super) fn text(mut self, alter: impl FnOnce(String) -> String) -> Self {
        self.raw = Some(alter(self.bundle.to_string()).into_bytes());
        self
    }

    /// A verifier accepts this.
    pub(super) fn accepted_by(mut self, verifier: &'static str, why: &'static str) -> Self {
        self.accepted_by.push((verifier, why));
        self
    }

    /// No verifier but ours can be told of this.
    pub(super) fn accepted_by_all(mut self, why: &'static str) -> Self {
        for (verifier, _) in self.verifiers() {
            self = self.accepted_by(verifier, why);
        }
        self
    }

    fn at(&mut self, pointer: &str) -> &mut Value {
        let found = self.bundle.pointer_mut(pointer);
        found.unwrap_or_else(|| panic!("{pointer} is not there"))
    }

    fn bytes(&self) -> Vec<u8> {
        let json = || self.bundle.to_string().into_bytes();
        self.raw.clone().unwrap_or_else(json)
    }

    fn ours(&self) -> Result<VerifiedBlob, Refusal> {
        let root = TrustedRoot::parse(self.root.to_string().as_bytes()).unwrap();
        let verify = if self.statement {
            verify_statement
        } else {
            verify_blob
        };
        let (file, policy) = (Sha256::of(&self.file), policy());
        verify("release", file, &self.bytes(), &policy, &root)
    }

    /// Passes when the check called `check` refuses, and everybody else agrees but for those of
    /// whom the case says that they do not.
    #[track_caller]
    pub(super) fn must_be_refused_by(self, check: &str) {
        self.must_be_refused_by_one_of(&[check]);
    }

    /// As [`Self::must_be_refused_by`], where another kind of bundle meets another check first.
    #[track_caller]
    pub(super) fn must_be_refused_by_one_of(self, checks: &[&str]) {
        match self.ours() {
            Ok(_) => panic!("it was accepted"),
            Err(refusal) => assert!(checks.contains(&refusal.check.as_str()), "{refusal}"),
        }
        self.ask_others();
    }

    /// Passes when it is accepted by all.
    #[track_caller]
    pub(super) fn must_be_accepted(self) {
        self.ours().unwrap();
        let folder = self.lay_out();
        for (name, verifier) in self.verifiers() {
            let verdict = folder.ask(verifier, &self.identity);
            match verdict {
                Verdict::NotInstalled => verifiers::not_run(name),
                verdict => assert_eq!(verdict, Verdict::Accepted, "{name}"),
            }
        }
    }

    #[track_caller]
    fn ask_others(&self) {
        let folder = self.lay_out();
        let mut differences = String::new();
        for (name, verifier) in self.verifiers() {
            let accepts = self.accepted_by.iter().find(|(who, _)| *who == name);
            match (folder.ask(verifier, &self.identity), accepts) {
                (Verdict::NotInstalled, _) => verifiers::not_run(name),
                (Verdict::Accepted, Some(_)) | (Verdict::Refused(_), None) => {}
                (Verdict::Accepted, None) => differences += &format!("{name} accepts it. "),
                (Verdict::Refused(words), Some((_, why))) => {
                    differences += &format!("{name} was to accept it ({why}): {words}. ");
                }
            }
        }
        assert!(differences.is_empty(), "{differences}");
    }

    fn verifiers(&self) -> [(&'static str, Verifier); 4] {
        let (cosign, cosign2): (Verifier, Verifier) = if self.statement {
            (
                verifiers::cosign_attestation,
                verifiers::cosign2_attestation,
            )
        } else {
            (verifiers::cosign, verifiers::cosign2)
        };
        [
            ("cosign", cosign),
            ("cosign2", cosign2),
            ("sigstore-python", verifiers::sigstore_python),
            ("sigstore-js", verifiers::sigstore_js),
        ]
    }

    fn lay_out(&self) -> Folder {
        let folder = Folder(TempDir::new().unwrap());
        folder.put("release", &self.file);
        folder.put("bundle.json", &self.bytes());
        folder.put("trusted_root.json", self.root.to_string().as_bytes());
        let mut config: Value = serde_json::from_str(&TRUTH.trust_config).unwrap();
        config["trustedRoot"] = self.root.clone();
        folder.put("trust_config.json", config.to_string().as_bytes());
        folder
    }
}

type Verifier = fn(&Evidence<'_>, &Identity) -> Verdict;

struct Folder(TempDir);

impl Folder {
    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    fn ask(&self, verifier: Verifier, identity: &Identity) -> Verdict {
        let path = |name| self.0.path().join(name);
        let evidence = Evidence {
            file: &path("release"),
            bundle: &path("bundle.json"),
            trusted_root: &path("trusted_root.json"),
            trust_config: &path("trust_config.json"),
        };
        verifier(&evidence, identity)
    }
}

/// Who may sign v1.2.3 of acme/rocket.
fn policy() -> Policy {
    let text = |text: &str| text.to_owned();
    let product = Product {
        name: text("rocket"),
        summary: text("Goes up."),
        repository: release_plan::Repository {
            url: text("https://github.com/acme/rocket"),
            id: 1001,
            owner_id: 77,
        },
        identities: Identities {
            issuer: text(rehearsal::sigstore::ISSUER),
            release_workflow: text(".github/workflows/release.yml"),
            channel_workflow: text(".github/workflows/channel.yml"),
            default_branch: text("main"),
        },
        channels: Channels {
            url: text("https://acme.github.io/rocket"),
            expires_after_days: 14,
            default: Channel::Stable,
            feeds: Feeds::new(),
        },
        upgrades: Upgrades {
            from: Version::new(0, 0, 0),
        },
        changes: Changes::default(),
        deprecations: Vec::new(),
        bootstrap_revision: 0,
    };
    let commit = job().commit.parse().unwrap();
    Policy::of_release(&product, &"v1.2.3".parse().unwrap()).at_commit(&commit)
}

#[test]
fn the_true_bundle_is_accepted_by_all() {
    Case::file().must_be_accepted();
}

#[test]
fn the_true_statement_is_accepted_by_all() {
    Case::statement().must_be_accepted();
}
