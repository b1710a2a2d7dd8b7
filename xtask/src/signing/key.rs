//! Signing with a key of one's own, for those to whom no issuer gives ID tokens. Relies on
//! cosign's format of key files, and on the log for showing to everybody what a key signed.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use release_plan::{Exit, Sha256};
use serde_json::json;
use sigstore_sign::bundle::{BundleV03, VerificationMaterialV03};
use sigstore_sign::crypto::KeyPair;
use sigstore_sign::types::bundle::{MessageDigest, MessageSignature};
use sigstore_sign::types::{HashAlgorithm, Sha256Hash, SignatureBytes, SignatureContent};
use tokio::time::Instant;
use trust::PublicKey;

use super::key_file;
use super::witness::{Entry, Witnesses};
use super::{Endpoints, http_client};
use crate::{Failure, files};

/// Where cosign looks for the password, too.
const PASSWORD: &str = "COSIGN_PASSWORD";

/// How long a service that is down is waited for: as long as a job's token would let it be.
const PATIENCE: Duration = Duration::from_secs(300);

/// A signer with a key of its own.
pub(crate) struct KeySigner {
    key: KeyPair,
    public: PublicKey,
    /// The same in PEM.
    pem: String,
    witnesses: Witnesses,
}

impl KeySigner {
    /// Decrypts the key in `file`, by the password in the environment or one that is typed.
    pub(crate) fn open(file: &Path, endpoints: &Endpoints) -> Result<Self, Failure> {
        trust::crypto::install();
        let mut pem = Vec::new();
        File::open(file)
            .and_then(|opened| opened.take(key_file::LIMIT as u64).read_to_end(&mut pem))
            .map_err(|error| files::failed("read", file, &error))?;
        let password = password(file)?;
        let key = key_file::open(&pem, password.as_bytes())
            .map_err(|error| Failure::new(Exit::Input, format!("{}: {error}", file.display())))?;
        Self::new(key, endpoints.witnesses(&http_client()?)?)
    }

    fn new(key: KeyPair, witnesses: Witnesses) -> Result<Self, Failure> {
        let pem = key.public_key_der()?.to_pem();
        Ok(Self {
            key,
            public: PublicKey::from_pem(pem.as_bytes())?,
            pem,
            witnesses,
        })
    }

    /// What verifies its signatures.
    pub(crate) fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs what has this digest; gives the bundle's bytes. `subject` is what is signed, as it is
    /// called to the person.
    pub(crate) async fn sign(&self, subject: &str, sha256: Sha256) -> Result<Vec<u8>, Failure> {
        let digest = Sha256Hash::new(*sha256.as_bytes());
        let signature = self.key.sign_digest(&digest)?;
        let message = MessageSignature::new(signature.clone())
            .with_message_digest(MessageDigest::new(HashAlgorithm::Sha2256, digest.into()));
        // cosign's own hint; verifiers are given the key itself.
        let hint = BASE64_STANDARD.encode(self.public.sha256().as_bytes());
        let bundle = BundleV03::new(
            VerificationMaterialV03::PublicKey { hint },
            SignatureContent::MessageSignature(message),
        );
        let until = Instant::now() + PATIENCE;
        let entry = self.entry(sha256, &signature)?;
        self.witnesses
            .complete(subject, until, bundle, &signature, &entry)
            .await
    }

    /// The library makes entries with certificates alone, and reads this one as well.
    fn entry(&self, sha256: Sha256, signature: &SignatureBytes) -> Result<Entry, Failure> {
        let entry = json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": sha256.to_string()}},
                "signature": {
                    "content": signature,
                    "publicKey": {"content": BASE64_STANDARD.encode(&self.pem)},
                },
            },
        });
        Ok(Entry::HashedRekord(serde_json::from_value(entry)?))
    }
}

fn password(file: &Path) -> Result<String, Failure> {
    match std::env::var(PASSWORD) {
        Ok(password) => Ok(password),
        Err(std::env::VarError::NotUnicode(_)) => {
            let message = format!("{PASSWORD}: expected UTF-8, found other bytes");
            Err(Failure::new(Exit::Input, message))
        }
        Err(std::env::VarError::NotPresent) => {
            let prompt = format!("Password for {}: ", file.display());
            rpassword::prompt_password(prompt).map_err(|error| {
                let message = format!(
                    "expected the key's password in {PASSWORD} or a terminal to type it at, \
                     found neither: {error}"
                );
                Failure::new(Exit::Input, message)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use rehearsal::Server;
    use rehearsal::sigstore::{Disturbance, Service, Sigstore};
    use release_plan::AssetName;
    use trust::{Artifact, LogEntry, Signer, TrustedRoot};

    use super::*;

    #[tokio::test]
    async fn services_that_do_not_answer_in_time_are_asked_again() {
        trust::crypto::install();
        crate::signing::install_tls();
        let sigstore = Sigstore::new().unwrap();
        let server = Server::start(|_| sigstore.router()).unwrap();
        for service in [Service::Rekor, Service::Timestamp] {
            sigstore.disturb(service, Disturbance::Delay(Duration::from_secs(60)), 1);
        }
        let client = reqwest::Client::builder().no_proxy();
        let client = client.timeout(Duration::from_millis(500)).build().unwrap();
        let services = Sigstore::services(&server.url());
        let witnesses = Witnesses::new(&services.rekor, Some(&services.timestamp), &client);
        let key = KeyPair::generate_ecdsa_p256().unwrap();
        let signer = KeySigner::new(key, witnesses.unwrap()).unwrap();
        let sha256 = Sha256::of(b"a release");
        let bundle = signer.sign(AssetName::MANIFEST, sha256).await.unwrap();

        let root = sigstore.trusted_root_json(&server.url());
        let root = TrustedRoot::parse(root.as_bytes()).unwrap();
        let by_key = Signer::Key {
            key: signer.public_key().clone(),
            log_entry: LogEntry::Required,
        };
        let verdict = |sha256| {
            let artifact = Artifact::Digest(sha256);
            trust::verify(AssetName::MANIFEST, artifact, &bundle, &by_key, &root)
        };
        verdict(sha256).unwrap();
        assert!(verdict(Sha256::of(b"another")).is_err());
    }
}
