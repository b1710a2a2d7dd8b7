//! Makes the true inputs of the corpus anew: `cargo run -p fuzz --example seeds`.
//!
//! Every key but one is new each time, so what was found earlier by mutating true inputs is then
//! refused earlier. Needed only when a format changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use fuzz::{FILE, SCHEMES, SECRET};
use jiff::Timestamp;
use p256::ecdsa::DerSignature;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::{EncodePublicKey, LineEnding};
use rehearsal::Server;
use rehearsal::github;
use rehearsal::sigstore::{Job, Services, Sigstore};
use rehearsal::tuf::Repository;
use release_plan::{Checksums, MANIFEST_SCHEMA, POINTER_SCHEMA, Sha256};
use rsa::{Pkcs1v15Sign, Pss};
use serde_json::{Value, json};
use sha2::Digest;
use sigstore_sign::crypto::{KeyAlgorithm, SigningScheme};
use sigstore_sign::oidc::IdentityToken;
use sigstore_sign::rekor::RekorApiVersion;
use sigstore_sign::reqwest::Client;
use sigstore_sign::types::{DerPublicKey, HashAlgorithm};
use sigstore_sign::{Signer, SigningContext, SigningServices};

/// The log entry of a bundle (RFC 6901).
const ENTRY: &str = "/verificationMaterial/tlogEntries/0";

/// Nobody listens there; the port that served while signing says nothing to a verifier.
const ORIGIN: &str = "https://sigstore.rehearsal.example";

#[tokio::main]
async fn main() -> Result<()> {
    trust::crypto::install();
    // Err says that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let rig = Rig::new()?;
    let trusted_root = rig.sigstore.trusted_root_json(ORIGIN);
    put("trusted_root", "true", &trusted_root)?;
    repository(&trusted_root)?;
    by_identity(&rig).await?;
    by_key(&rig).await?;
    statements()?;
    signatures()?;
    formats()
}

/// A TUF repository that lists the trusted root, before and after a change of its keys.
fn repository(trusted_root: &str) -> Result<()> {
    let mut repository = Repository::new(trusted_root, Timestamp::now());
    put("tuf_root", "true", repository.first_root())?;
    let files = |repository: &mut Repository| -> Result<String> {
        let files = repository.files().iter();
        let files = files.map(|(name, file)| Ok((name.clone(), String::from_utf8(file.clone())?)));
        Ok(json!(files.collect::<Result<BTreeMap<_, _>>>()?).to_string())
    };
    put("tuf", "true", files(&mut repository)?)?;
    repository.rotate();
    put("tuf", "rotated", files(&mut repository)?)
}

/// Bundles by the release's identity, and the parts of one.
async fn by_identity(rig: &Rig) -> Result<()> {
    let signer = rig.signer(RekorApiVersion::V1).await?;
    let bundle: Value = serde_json::from_str(&signer.sign(FILE).await?.to_json()?)?;
    let material = &bundle["verificationMaterial"];
    let certificate = &material["certificate"];
    put("certificate", "true", binary(&certificate["rawBytes"])?)?;

    let mut older = bundle.clone();
    older["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.2");
    without(&mut older, "/verificationMaterial", "certificate");
    older["verificationMaterial"]["x509CertificateChain"] = json!({"certificates": [certificate]});
    put("bundle", "v0.2", older.to_string())?;
    older["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.1");
    without(&mut older, ENTRY, "inclusionProof");
    put("bundle", "v0.1", older.to_string())?;

    for (name, place, field) in [
        ("v0.3", "", ""),
        (
            "no-timestamp",
            "/verificationMaterial",
            "timestampVerificationData",
        ),
        ("no-promise", ENTRY, "inclusionPromise"),
        ("no-proof", ENTRY, "inclusionProof"),
        ("no-entry", "/verificationMaterial", "tlogEntries"),
    ] {
        let mut bundle = bundle.clone();
        without(&mut bundle, place, field);
        put("bundle", name, bundle.to_string())?;
    }
    let provenance = signer.sign_raw_statement(&statement("sha256")).await?;
    put("bundle", "statement-v0.3", provenance.to_json()?)?;

    let signer = rig.signer(RekorApiVersion::V2).await?;
    let tiles: Value = serde_json::from_str(&signer.sign(FILE).await?.to_json()?)?;
    let timestamps = &tiles["verificationMaterial"]["timestampVerificationData"];
    let timestamp = &timestamps["rfc3161Timestamps"][0]["signedTimestamp"];
    put("timestamp", "true", binary(timestamp)?)?;
    put("bundle", "rekor-v2", tiles.to_string())?;
    let provenance = signer.sign_raw_statement(&statement("sha256")).await?;
    put("bundle", "statement-rekor-v2", provenance.to_json()?)
}

/// Bundles by the key.
async fn by_key(rig: &Rig) -> Result<()> {
    let signature: DerSignature = SECRET.sign(FILE);
    let (key, signature) = (SECRET.verifying_key(), BASE64_STANDARD.encode(signature));
    let pem = key.to_public_key_pem(LineEnding::LF)?;
    put("public_key", "true", &pem)?;

    let entry = json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": Sha256::of(FILE)}},
            "signature": {
                "content": signature,
                "publicKey": {"content": BASE64_STANDARD.encode(pem)},
            },
        },
    });
    let answer = rig
        .post(
            &format!("{}/api/v1/log/entries", rig.services().rekor),
            &entry,
        )
        .await?;
    let (_, entry) = answer
        .as_object()
        .and_then(|it| it.iter().next())
        .context("no entry")?;
    let entry = protobuf(entry)?;
    put("checkpoint", "true", checkpoint(&entry)?)?;
    put("key_bundle", "v0.3", key_bundle(&signature, &[entry]))?;

    let entry = json!({"hashedRekordRequestV002": {
        "digest": BASE64_STANDARD.encode(Sha256::of(FILE).as_bytes()),
        "signature": {
            "content": signature,
            "verifier": {
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "publicKey": {"rawBytes": BASE64_STANDARD.encode(key.to_public_key_der()?)},
            },
        },
    }});
    let entry = rig
        .post(
            &format!("{}/api/v2/log/entries", rig.services().tiles),
            &entry,
        )
        .await?;
    put("checkpoint", "rekor-v2", checkpoint(&entry)?)?;
    put("key_bundle", "rekor-v2", key_bundle(&signature, &[entry]))?;
    put("key_bundle", "no-entry", key_bundle(&signature, &[]))
}

fn checkpoint(entry: &Value) -> Result<&str> {
    let note = &entry["inclusionProof"]["checkpoint"]["envelope"];
    note.as_str().context("no checkpoint")
}

fn key_bundle(signature: &str, entries: &[Value]) -> String {
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": "a key that is no secret"},
            "tlogEntries": entries,
        },
        "messageSignature": {
            "messageDigest": {
                "algorithm": "SHA2_256",
                "digest": BASE64_STANDARD.encode(Sha256::of(FILE).as_bytes()),
            },
            "signature": signature,
        },
    });
    bundle.to_string()
}

/// An entry in the form of bundles, from that of Rekor's API v1.
fn protobuf(entry: &Value) -> Result<Value> {
    let from_hex = |value: &Value| -> Result<String> {
        Ok(BASE64_STANDARD.encode(hex::decode(value.as_str().context("no hex")?)?))
    };
    let proof = &entry["verification"]["inclusionProof"];
    let hashes = proof["hashes"].as_array().context("no hashes")?;
    Ok(json!({
        "logIndex": entry["logIndex"].to_string(),
        "logId": {"keyId": from_hex(&entry["logID"])?},
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"},
        "integratedTime": entry["integratedTime"].to_string(),
        "inclusionPromise": {"signedEntryTimestamp": entry["verification"]["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": proof["logIndex"].to_string(),
            "rootHash": from_hex(&proof["rootHash"])?,
            "treeSize": proof["treeSize"].to_string(),
            "hashes": hashes.iter().map(from_hex).collect::<Result<Vec<_>>>()?,
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": entry["body"],
    }))
}

/// An in-toto statement v1 about the file, told by one digest of it.
fn statement(algorithm: &str) -> Vec<u8> {
    let digest = match algorithm {
        "sha512" => hex::encode(sha2::Sha512::digest(FILE)),
        _ => Sha256::of(FILE).to_string(),
    };
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "rocket", "digest": {algorithm: digest}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {"buildType": "https://example.com/build", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://example.com/builder"}},
        },
    });
    statement.to_string().into_bytes()
}

fn statements() -> Result<()> {
    put("statement", "true", statement("sha256"))?;
    put("statement", "sha512", statement("sha512"))
}

/// A true signature of each scheme.
fn signatures() -> Result<()> {
    let rsa = rsa::RsaPrivateKey::new(&mut OsRng, 2048)?;
    let rsa_key = rsa::pkcs8::EncodePublicKey::to_public_key_der(&rsa.to_public_key())?;
    let p384 = p384::ecdsa::SigningKey::from_slice(&[1; 48])?;
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let p256_key = SECRET.verifying_key().to_public_key_der()?;
    let p384_key = p384.verifying_key().to_public_key_der()?;
    // SubjectPublicKeyInfo of Ed25519 (RFC 8410).
    let mut ed25519_key = hex::decode("302a300506032b6570032100")?;
    ed25519_key.extend(ed25519.verifying_key().as_bytes());
    let digest = |algorithm| match algorithm {
        HashAlgorithm::Sha2384 => sha2::Sha384::digest(FILE).to_vec(),
        HashAlgorithm::Sha2512 => sha2::Sha512::digest(FILE).to_vec(),
        _ => sha2::Sha256::digest(FILE).to_vec(),
    };
    for (index, scheme) in (0_u8..).zip(SCHEMES) {
        let digest = scheme.hash_algorithm().map(digest).unwrap_or_default();
        let (key, signature) = match scheme.key_algorithm() {
            KeyAlgorithm::EcdsaP256 => {
                let signature: p256::ecdsa::Signature = SECRET.sign_prehash(&digest)?;
                (p256_key.as_bytes(), signature.to_der().as_bytes().to_vec())
            }
            KeyAlgorithm::EcdsaP384 => {
                let signature: p384::ecdsa::Signature = p384.sign_prehash(&digest)?;
                (p384_key.as_bytes(), signature.to_der().as_bytes().to_vec())
            }
            KeyAlgorithm::Ed25519 => (&*ed25519_key, ed25519.sign(FILE).to_vec()),
            _ => (rsa_key.as_bytes(), by_rsa(&rsa, scheme, &digest)?),
        };
        let length = u16::try_from(key.len())?.to_be_bytes();
        let name = format!("{scheme:?}");
        put(
            "signature",
            &name,
            [&[index], &length[..], key, &signature].concat(),
        )?;
    }
    for (name, key) in [
        ("p384", p384_key.as_bytes()),
        ("ed25519", &ed25519_key),
        ("rsa", rsa_key.as_bytes()),
    ] {
        put("public_key", name, DerPublicKey::new(key.to_vec()).to_pem())?;
    }
    Ok(())
}

fn by_rsa(key: &rsa::RsaPrivateKey, scheme: SigningScheme, digest: &[u8]) -> Result<Vec<u8>> {
    Ok(match scheme {
        SigningScheme::RsaPkcs1Sha256 => key.sign(Pkcs1v15Sign::new::<sha2::Sha256>(), digest),
        SigningScheme::RsaPkcs1Sha384 => key.sign(Pkcs1v15Sign::new::<sha2::Sha384>(), digest),
        SigningScheme::RsaPkcs1Sha512 => key.sign(Pkcs1v15Sign::new::<sha2::Sha512>(), digest),
        SigningScheme::RsaPssSha256 => {
            key.sign_with_rng(&mut OsRng, Pss::new::<sha2::Sha256>(), digest)
        }
        SigningScheme::RsaPssSha384 => {
            key.sign_with_rng(&mut OsRng, Pss::new::<sha2::Sha384>(), digest)
        }
        _ => key.sign_with_rng(&mut OsRng, Pss::new::<sha2::Sha512>(), digest),
    }?)
}

/// What a release and a channel publish.
fn formats() -> Result<()> {
    let digest = |name: &str| Sha256::of(name.as_bytes());
    let archive = |target: &str, extension: &str| {
        let name = format!("rocket-{target}.{extension}");
        json!({
            "sha256": digest(&name),
            "name": name,
            "kind": "archive",
            "target": target,
            "size": 1_234_567,
        })
    };
    let manifest = json!({
        "schema": MANIFEST_SCHEMA,
        "product": "rocket",
        "version": "1.2.3",
        "tag": "v1.2.3",
        "commit": "c".repeat(40),
        "plan_sha256": digest("plan.json"),
        "toolchains": {
            "aarch64-apple-darwin": {
                "rustc": "rustc 1.95.0",
                "std": "source",
                "zig": "0.17.0",
                "cargo_zigbuild": "0.24.0",
            },
            "x86_64-pc-windows-msvc": { "rustc": "rustc 1.95.0", "std": "prebuilt" },
        },
        "upgrades_from": "1.0.0",
        "playbook_sha256": digest("playbook"),
        "assets": [
            { "name": "install.sh", "kind": "bootstrap-script", "size": 1, "sha256": digest("") },
            archive("aarch64-apple-darwin", "tar.gz"),
            archive("x86_64-pc-windows-msvc", "zip"),
            { "name": "rocket.new", "kind": "of a later version", "size": 0, "sha256": digest("") },
        ],
    });
    put("manifest", "true", manifest.to_string())?;
    let pointer = json!({
        "schema": POINTER_SCHEMA,
        "product": "rocket",
        "channel": "beta",
        "sequence": 7,
        "expires": "2026-12-05T00:00:00Z",
        "version": "1.2.3-rc.1",
        "tag": "v1.2.3-rc.1",
        "release_sha256": digest("release.json"),
        "selected": "2026-11-21T00:00:00Z",
        "bootstrap": { "tag": "v1.2.3-rc.1", "scripts": { "install.sh": digest("") } },
        "yanked": [{ "version": "1.2.2", "reason": "it eats files" }],
        "earlier": [{
            "version": "1.2.1",
            "release_sha256": digest("release.json"),
            "selected": "2026-11-01T00:00:00Z",
        }],
    });
    put("pointer", "true", pointer.to_string())?;
    let names = ["install.sh", "release.json", "rocket.rb"];
    let checksums = names.map(|name| Ok((name.parse()?, digest(name))));
    let checksums = checksums.into_iter().collect::<Result<Checksums>>()?;
    put("checksums", "true", checksums.render())
}

/// A Sigstore on its port, and a client of it.
struct Rig {
    sigstore: Sigstore,
    server: Server,
    client: Client,
}

impl Rig {
    fn new() -> Result<Self> {
        let sigstore = Sigstore::new()?;
        Ok(Self {
            server: Server::start(|_| sigstore.router())?,
            sigstore,
            client: Client::builder().no_proxy().build()?,
        })
    }

    fn services(&self) -> Services {
        Sigstore::services(&self.server.url())
    }

    /// The job that releases v1.2.3 of rocket.
    async fn signer(&self, version: RekorApiVersion) -> Result<Signer> {
        let rocket = github::Repository {
            owner: "acme".to_owned(),
            name: "rocket".to_owned(),
            id: 1001,
            owner_id: 77,
        };
        let (workflow, tag) = (".github/workflows/release.yml", "refs/tags/v1.2.3");
        let job = Job::of(&rocket, workflow, tag, &"c".repeat(40), "push");
        let ambient = self.sigstore.admit(&self.server.url(), job);
        let url = format!("{}&audience=sigstore", ambient.request_url);
        let answer = self
            .client
            .get(url)
            .bearer_auth(&ambient.request_token)
            .send()
            .await?;
        let answer: Value = answer.json().await?;
        let token = IdentityToken::from_jwt(answer["value"].as_str().context("no token")?)?;
        let services = self.services();
        let log = match version {
            RekorApiVersion::V2 => &services.tiles,
            _ => &services.rekor,
        };
        let services = SigningServices::new(&services.fulcio, log)
            .with_rekor(log, version)
            .with_tsa_url(services.timestamp);
        let context = SigningContext::new(services).with_http_client(self.client.clone());
        Ok(context.signer(token))
    }

    async fn post(&self, url: &str, body: &Value) -> Result<Value> {
        let answer = self.client.post(url).json(body).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }
}

fn binary(value: &Value) -> Result<Vec<u8>> {
    Ok(BASE64_STANDARD.decode(value.as_str().context("no base64")?)?)
}

fn without(bundle: &mut Value, place: &str, field: &str) {
    if let Some(Value::Object(fields)) = bundle.pointer_mut(place) {
        fields.remove(field);
    }
}

fn put(target: &str, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let folder = corpus.join(target);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(name), bytes)?)
}
