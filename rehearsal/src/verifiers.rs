//! Other people's verifiers, run as their users run them: what we sign is worth what they make of
//! it. Relies on `cosign`, `cosign2` (cosign 2.5) and `sigstore` (sigstore-python) on PATH.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::node;

/// The files a verifier is given.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What was signed, it is claimed.
    pub file: &'a Path,
    /// The Sigstore bundle that is to prove it.
    pub bundle: &'a Path,
    /// A Sigstore trusted root, for the verifiers that take one.
    pub trusted_root: &'a Path,
    /// A client trust config with the same root, for sigstore-python.
    pub trust_config: &'a Path,
}

/// The GitHub job that must have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Subject alternative name of the certificate: workflow file and ref, as a URL.
    pub san: String,
    /// Issuer of the ID token. sigstore-python takes none, since its GitHub mode implies it.
    pub issuer: String,
    /// `owner/name`.
    pub repository: String,
    /// The git ref: `refs/tags/v1.2.3`.
    pub reference: String,
    /// The commit, 40 hex digits.
    pub commit: String,
    /// The event: `push`.
    pub trigger: String,
}

/// What a verifier made of the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It ended with success.
    Accepted,
    /// It ended without; what it said.
    Refused(String),
    /// It is not on this machine.
    NotInstalled,
}

/// `cosign verify-blob` of cosign 3.
#[must_use]
pub fn cosign(evidence: &Evidence<'_>, identity: &Identity) -> Verdict {
    Cosign::Three.run(BLOB, evidence, by_job(identity))
}

/// `cosign verify-blob` of cosign 2.5.
#[must_use]
pub fn cosign2(evidence: &Evidence<'_>, identity: &Identity) -> Verdict {
    Cosign::Two.run(BLOB, evidence, by_job(identity))
}

/// `cosign verify-blob-attestation` of cosign 3, for SLSA provenance v1 of the file.
#[must_use]
pub fn cosign_attestation(evidence: &Evidence<'_>, identity: &Identity) -> Verdict {
    Cosign::Three.run(PROVENANCE, evidence, by_job(identity))
}

/// `cosign verify-blob-attestation` of cosign 2.5, for SLSA provenance v1 of the file.
#[must_use]
pub fn cosign2_attestation(evidence: &Evidence<'_>, identity: &Identity) -> Verdict {
    Cosign::Two.run(PROVENANCE, evidence, by_job(identity))
}

/// As [`cosign`], by a public key in PEM in place of a job.
#[must_use]
pub fn cosign_by_key(evidence: &Evidence<'_>, key: &Path) -> Verdict {
    Cosign::Three.run(BLOB, evidence, by_key(key))
}

/// As [`cosign2`], by a public key in PEM in place of a job.
#[must_use]
pub fn cosign2_by_key(evidence: &Evidence<'_>, key: &Path) -> Verdict {
    Cosign::Two.run(BLOB, evidence, by_key(key))
}

/// As [`cosign_attestation`], by a public key in PEM in place of a job.
#[must_use]
pub fn cosign_attestation_by_key(evidence: &Evidence<'_>, key: &Path) -> Verdict {
    Cosign::Three.run(PROVENANCE, evidence, by_key(key))
}

/// As [`cosign2_attestation`], by a public key in PEM in place of a job.
#[must_use]
pub fn cosign2_attestation_by_key(evidence: &Evidence<'_>, key: &Path) -> Verdict {
    Cosign::Two.run(PROVENANCE, evidence, by_key(key))
}

#[derive(Clone, Copy)]
enum Cosign {
    Two,
    Three,
}

const BLOB: &[&str] = &["verify-blob"];
const PROVENANCE: &[&str] = &["verify-blob-attestation", "--type", "slsaprovenance1"];

impl Cosign {
    fn run(self, what: &[&str], evidence: &Evidence<'_>, signer: Vec<OsString>) -> Verdict {
        let (program, format): (_, &[&str]) = match self {
            // It wants to be told of the bundle's format.
            Self::Two => ("cosign2", &["--new-bundle-format"]),
            Self::Three => ("cosign", &[]),
        };
        run(Command::new(program)
            .args(what)
            .args(format)
            .arg("--bundle")
            .arg(evidence.bundle)
            .arg("--trusted-root")
            .arg(evidence.trusted_root)
            .args(signer)
            .arg(evidence.file))
    }
}

fn by_job(identity: &Identity) -> Vec<OsString> {
    [
        ("--certificate-identity", &identity.san),
        ("--certificate-oidc-issuer", &identity.issuer),
        (
            "--certificate-github-workflow-repository",
            &identity.repository,
        ),
        ("--certificate-github-workflow-ref", &identity.reference),
        ("--certificate-github-workflow-sha", &identity.commit),
        ("--certificate-github-workflow-trigger", &identity.trigger),
    ]
    .into_iter()
    .flat_map(|(flag, value)| [flag.into(), value.into()])
    .collect()
}

fn by_key(key: &Path) -> Vec<OsString> {
    vec!["--key".into(), key.into()]
}

/// `sigstore verify github` of sigstore-python 4, which takes an in-toto statement v1 about the file
/// as well as a signature over it.
#[must_use]
pub fn sigstore_python(evidence: &Evidence<'_>, identity: &Identity) -> Verdict {
    run(Command::new("sigstore")
        .arg("--trust-config")
        .arg(evidence.trust_config)
        .args(["verify", "github", "--offline", "--bundle"])
        .arg(evidence.bundle)
        .args(["--cert-identity", &identity.san])
        .args(["--repository", &identity.repository])
        .args(["--ref", &identity.reference])
        .args(["--sha", &identity.commit])
        .args(["--trigger", &identity.trigger])
        .arg(evidence.file))
}

/// `Verifier.verify` of @sigstore/verify 3, in node. Of an attestation it looks at the envelope
/// alone: whether the statement is about the file is left to its caller.
#[must_use]
pub fn sigstore_js(evidence: &Evidence<'_>, identity: &Identity) -> Verdict {
    let packages = ["@sigstore/verify", "@sigstore/bundle"];
    let Some(mut node) = node::command(include_str!("verify.js"), &packages) else {
        return Verdict::NotInstalled;
    };
    run(node
        .args([evidence.file, evidence.bundle, evidence.trusted_root])
        .args([&identity.san, &identity.issuer, &identity.repository])
        .args([&identity.reference, &identity.commit, &identity.trigger]))
}

/// `cosign initialize` of cosign 3: follows the TUF repository at `mirror` from `root`, a file. What
/// it keeps for the next time lies below `home`.
#[must_use]
pub fn cosign_initialize(mirror: &str, root: &Path, home: &Path) -> Verdict {
    run(Command::new("cosign")
        .env("HOME", home)
        .args(["initialize", "--mirror", mirror, "--root"])
        .arg(root))
}

/// The same by sigstore-python 4, which follows with python-tuf.
#[must_use]
pub fn sigstore_python_trust(mirror: &str, root: &Path, home: &Path) -> Verdict {
    run(Command::new("sigstore")
        .env("HOME", home)
        .env_remove("XDG_DATA_HOME")
        .env_remove("XDG_CACHE_HOME")
        .args(["--instance", mirror, "trust-instance"])
        .arg(root))
}

/// Says that a test did not run for want of `tool`.
///
/// # Panics
/// Where `TRUETAG_REQUIRE_TOOLS=1` asks for every tool: then a test that did not run has failed.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
pub fn not_run(tool: &str) {
    let required = std::env::var_os("TRUETAG_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "{tool} is required and not installed");
    eprintln!("not run: {tool} is not installed");
}

/// A verifier that wants the network is to fail for it, not to reach it.
const NO_NETWORK: &str = "http://127.0.0.1:9";

fn run(command: &mut Command) -> Verdict {
    command
        .env("HTTP_PROXY", NO_NETWORK)
        .env("HTTPS_PROXY", NO_NETWORK)
        // The rehearsal's own services are no network.
        .env("NO_PROXY", "127.0.0.1");
    match command.output() {
        Ok(output) if output.status.success() => Verdict::Accepted,
        Ok(output) => {
            let words = [output.stdout, output.stderr].concat();
            Verdict::Refused(String::from_utf8_lossy(&words).into_owned())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Verdict::NotInstalled,
        Err(error) => Verdict::Refused(format!("it did not start: {error}")),
    }
}
