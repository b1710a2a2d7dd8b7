//! A Sigstore that listens, the job that signs with it, and who that job is to verifiers.

use rehearsal::Server;
use rehearsal::github::Repository;
use rehearsal::sigstore::{AmbientToken, ISSUER, Job, RekorApi, Sigstore};
use rehearsal::verifiers::Identity;
use serde_json::{Value, json};
use sigstore_sign::oidc::IdentityToken;
use sigstore_sign::rekor::RekorApiVersion;
use sigstore_sign::reqwest::{Client, Response, StatusCode};
use sigstore_sign::types::Bundle;
use sigstore_sign::{Signer, SigningContext, SigningServices};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::{VerificationPolicy, VerificationResult};

pub(crate) const BLOB: &[u8] = b"the bytes of a release";

/// A predicate of SLSA provenance v1.
pub(crate) const PREDICATE: &str = r#"{
    "buildDefinition": {"buildType": "https://example.com/build", "externalParameters": {}},
    "runDetails": {"builder": {"id": "https://example.com/builder"}}
}"#;

/// A Sigstore on its port, and a client that reaches it past any proxy.
pub(crate) struct Rig {
    pub(crate) sigstore: Sigstore,
    server: Server,
    pub(crate) client: Client,
}

impl Rig {
    pub(crate) fn new() -> Self {
        trust::crypto::install();
        // Err says that another test of this process came first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sigstore = Sigstore::new().unwrap();
        Self {
            server: Server::start(|_| sigstore.router()).unwrap(),
            sigstore,
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) async fn get_token(&self, ambient: &AmbientToken, query: &str) -> Response {
        self.client
            .get(format!("{}{query}", ambient.request_url))
            .bearer_auth(&ambient.request_token)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn token(&self, job: Job) -> String {
        let ambient = self.sigstore.admit(&self.url(), job);
        let answer = self.get_token(&ambient, "&audience=sigstore").await;
        let answer: Value = answer.json().await.unwrap();
        answer["value"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn sign(&self, job: Job, blob: &[u8]) -> Bundle {
        let signer = self.signer(job, RekorApi::V1).await;
        signer.sign(blob).await.unwrap()
    }

    pub(crate) async fn attest(&self, job: Job, statement: &[u8]) -> Bundle {
        let signer = self.signer(job, RekorApi::V1).await;
        signer.sign_raw_statement(statement).await.unwrap()
    }

    pub(crate) async fn signer(&self, job: Job, log: RekorApi) -> Signer {
        let services = Sigstore::services(&self.url());
        let (url, version) = match log {
            RekorApi::V1 => (&services.rekor, RekorApiVersion::V1),
            RekorApi::V2 => (&services.tiles, RekorApiVersion::V2),
        };
        let services = SigningServices::new(&services.fulcio, url)
            .with_rekor(url, version)
            .with_tsa_url(services.timestamp);
        let token = IdentityToken::from_jwt(&self.token(job).await).unwrap();
        SigningContext::new(services)
            .with_http_client(self.client.clone())
            .signer(token)
    }

    pub(crate) async fn post(&self, url: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.client.post(url).json(body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    pub(crate) fn root(&self) -> TrustedRoot {
        TrustedRoot::from_json(&self.sigstore.trusted_root_json(&self.url())).unwrap()
    }

    pub(crate) fn verify(
        &self,
        blob: &[u8],
        bundle: &Bundle,
    ) -> sigstore_verify::Result<VerificationResult> {
        let policy = VerificationPolicy::new(identity().san, ISSUER);
        sigstore_verify::verify(blob, bundle, &policy, &self.root())
    }
}

pub(crate) fn job() -> Job {
    let rocket = Repository {
        owner: "acme".to_owned(),
        name: "rocket".to_owned(),
        id: 1001,
        owner_id: 77,
    };
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let (workflow, tag) = (".github/workflows/release.yml", "refs/tags/v1.2.3");
    Job {
        workflow_name: "Release".to_owned(),
        environment: Some("release".to_owned()),
        run_id: 4242,
        run_attempt: 2,
        ..Job::of(&rocket, workflow, tag, commit, "push")
    }
}

pub(crate) fn identity() -> Identity {
    Identity {
        san: "https://github.com/acme/rocket/.github/workflows/release.yml@refs/tags/v1.2.3"
            .to_owned(),
        issuer: ISSUER.to_owned(),
        repository: "acme/rocket".to_owned(),
        reference: "refs/tags/v1.2.3".to_owned(),
        commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        trigger: "push".to_owned(),
    }
}

/// An in-toto statement v1: SLSA provenance of `blob`.
pub(crate) fn provenance(blob: &[u8]) -> Vec<u8> {
    let digest = sigstore_verify::crypto::sha256(blob).to_hex();
    let predicate: Value = serde_json::from_str(PREDICATE).unwrap();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "blob", "digest": {"sha256": digest}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": predicate,
    });
    statement.to_string().into_bytes()
}

pub(crate) fn flipped(blob: &[u8]) -> Vec<u8> {
    let mut blob = blob.to_vec();
    blob[0] ^= 1;
    blob
}
