//! Other people's verifiers, run as their users run them: what we sign is worth what they make of
//! it. Relies on `cosign`, `cosign2` (cosign 2.5), `sigstore` (sigstore-python) and `node` on PATH;
//! @sigstore/verify is looked for in `$TRUETAG_TOOLS/node/node_modules`.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

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
    run(Command::new("cosign").args(cosign_arguments(evidence, identity)))
}

/// `cosign verify-blob` of cosign 2.5, which wants to be told of the bundle's format.
#[must_use]
pub fn cosign2(evidence: &Evidence<'_>, identity: &Identity) -> Verdict {
    run(Command::new("cosign2")
        .args(cosign_arguments(evidence, identity))
        .arg("--new-bundle-format"))
}

fn cosign_arguments(evidence: &Evidence<'_>, identity: &Identity) -> Vec<OsString> {
    let mut arguments = vec!["verify-blob".into(), evidence.file.into()];
    for (flag, path) in [
        ("--bundle", evidence.bundle),
        ("--trusted-root", evidence.trusted_root),
    ] {
        arguments.extend([flag.into(), path.into()]);
    }
    for (flag, value) in [
        ("--certificate-identity", &identity.san),
        ("--certificate-oidc-issuer", &identity.issuer),
        (
            "--certificate-github-workflow-repository",
            &identity.repository,
        ),
        ("--certificate-github-workflow-ref", &identity.reference),
        ("--certificate-github-workflow-sha", &identity.commit),
        ("--certificate-github-workflow-trigger", &identity.trigger),
    ] {
        arguments.extend([flag.into(), value.into()]);
    }
    arguments
}

/// `sigstore verify github` of sigstore-python 4.
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

/// `Verifier.verify` of @sigstore/verify 3, in node.
#[must_use]
pub fn sigstore_js(evidence: &Evidence<'_>, identity: &Identity) -> Verdict {
    let Some(tools) = std::env::var_os("TRUETAG_TOOLS") else {
        return Verdict::NotInstalled;
    };
    let modules = Path::new(&tools).join("node").join("node_modules");
    if !modules.join("@sigstore").join("verify").is_dir() {
        return Verdict::NotInstalled;
    }
    run(Command::new("node")
        .env("NODE_PATH", modules)
        .args(["-e", include_str!("verify.js")])
        .args([evidence.file, evidence.bundle, evidence.trusted_root])
        .args([&identity.san, &identity.issuer, &identity.repository])
        .args([&identity.reference, &identity.commit, &identity.trigger]))
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
        .env_remove("NO_PROXY");
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
