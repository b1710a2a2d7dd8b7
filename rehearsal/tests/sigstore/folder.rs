//! Files laid out for tools that read files: the trusted root, and whatever a test signs.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Output};

use rehearsal::sigstore::{AmbientToken, RekorApi, Services, Sigstore};
use rehearsal::verifiers::{self, Evidence, Verdict};
use serde_json::Value;
use tempfile::TempDir;

use crate::rig::{Rig, job};

pub(crate) struct Folder {
    folder: TempDir,
    ambient: AmbientToken,
    services: Services,
}

impl Folder {
    /// Holds what `rig` tells verifiers and signers.
    pub(crate) fn new(rig: &Rig) -> Self {
        Self::with_log(rig, RekorApi::V1)
    }

    /// As [`Self::new`]; signers that can choose use `log`.
    pub(crate) fn with_log(rig: &Rig, log: RekorApi) -> Self {
        let folder = Self {
            folder: TempDir::new().unwrap(),
            ambient: rig.sigstore.admit(&rig.url(), job()),
            services: Sigstore::services(&rig.url()),
        };
        let config = rig
            .sigstore
            .client_trust_config_with_log_json(&rig.url(), log);
        let parsed: Value = serde_json::from_str(&config).unwrap();
        folder.put("trust_config.json", config);
        folder.put("trusted_root.json", parsed["trustedRoot"].to_string());
        folder.put("signing_config.json", parsed["signingConfig"].to_string());
        folder.put_keys(&parsed["trustedRoot"]);
        folder
    }

    /// What cosign 2 takes in place of a trusted root when it signs.
    fn put_keys(&self, root: &Value) {
        let pem = |label: &str, value: &Value| {
            let bytes = value["rawBytes"].as_str().unwrap();
            format!("-----BEGIN {label}-----\n{bytes}\n-----END {label}-----\n")
        };
        let chain = &root["certificateAuthorities"][0]["certChain"]["certificates"];
        let chain = chain.as_array().unwrap().iter();
        let chain: String = chain.map(|one| pem("CERTIFICATE", one)).collect();
        self.put("fulcio.pem", chain);
        for (name, log) in [("rekor.pem", "tlogs"), ("ct.pem", "ctlogs")] {
            self.put(name, pem("PUBLIC KEY", &root[log][0]["publicKey"]));
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs `tool` here, as a job that may ask for ID tokens. `None` where it is not installed.
    pub(crate) fn run(&self, tool: &str, arguments: &[&str]) -> Option<Output> {
        let output = Command::new(tool)
            .args(arguments)
            .current_dir(self.folder.path())
            .envs(self.ambient.environment())
            .env("COSIGN_PASSWORD", "")
            .env("SIGSTORE_ROOT_FILE", "fulcio.pem")
            .env("SIGSTORE_REKOR_PUBLIC_KEY", "rekor.pem")
            .env("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", "ct.pem")
            .output();
        match output {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                verifiers::not_run(tool);
                None
            }
            output => Some(output.unwrap()),
        }
    }

    /// As [`Self::run`]; panics with what the tool said when it fails.
    pub(crate) fn done(&self, tool: &str, arguments: &[&str]) -> Option<()> {
        let output = self.run(tool, arguments)?;
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool} {arguments:?}: {words}");
        Some(())
    }

    /// Has cosign 3 sign `blob`, `how` it is told, and leave the bundle under this name.
    pub(crate) fn cosign(&self, how: &[&str], bundle: &str) -> Option<()> {
        let common = [
            "--yes",
            "--bundle",
            bundle,
            "--trusted-root",
            "trusted_root.json",
        ];
        let services = ["--signing-config", "signing_config.json", "blob"];
        self.done("cosign", &[how, &common, &services].concat())
    }

    /// As [`Self::cosign`], by cosign 2.
    pub(crate) fn cosign2(&self, how: &[&str], bundle: &str) -> Option<()> {
        let common = ["--yes", "--bundle", bundle, "--new-bundle-format"];
        let (fulcio, rekor) = (&*self.services.fulcio, &*self.services.rekor);
        let services = ["--fulcio-url", fulcio, "--rekor-url", rekor, "blob"];
        // With a key it knows no Fulcio.
        let services = if how.contains(&"--key") {
            &services[2..]
        } else {
            &services
        };
        self.done("cosign2", &[how, &common, services].concat())
    }

    /// What `verifier` makes of a file and a bundle.
    pub(crate) fn judge<I: ?Sized>(
        &self,
        verifier: fn(&Evidence<'_>, &I) -> Verdict,
        (file, bundle): (&str, &str),
        signer: &I,
    ) -> Verdict {
        let evidence = Evidence {
            file: &self.path(file),
            bundle: &self.path(bundle),
            trusted_root: &self.path("trusted_root.json"),
            trust_config: &self.path("trust_config.json"),
        };
        verifier(&evidence, signer)
    }
}

/// Whether `tool` is installed; then it must have accepted.
pub(crate) fn accepted(tool: &str, verdict: Verdict) -> bool {
    match verdict {
        Verdict::Accepted => true,
        Verdict::Refused(words) => panic!("{tool} refused what is true: {words}"),
        Verdict::NotInstalled => {
            verifiers::not_run(tool);
            false
        }
    }
}

/// Panics unless `tool` refused with these `words`, or is not installed.
pub(crate) fn refused(tool: &str, verdict: &Verdict, words: &str) {
    match verdict {
        Verdict::Refused(said) if said.contains(words) => {}
        Verdict::NotInstalled => verifiers::not_run(tool),
        other => panic!("{tool} was to refuse with {words:?}: {other:?}"),
    }
}
