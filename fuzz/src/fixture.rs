//! What the targets know to be true: a Sigstore's trusted root, bundles by it over one file, and
//! who signed them. `examples/seeds.rs` made them.

use std::sync::LazyLock;

use p256::ecdsa::SigningKey;
use p256::pkcs8::{EncodePublicKey, LineEnding};
use release_plan::{Instant, Policy, Product, Sha256, Tag};
use trust::{PublicKey, Sigstore, TrustedRoot};

/// What every bundle of the fixture is about.
pub const FILE: &[u8] = b"the bytes of a release";

const PRODUCT: &str = r#"{
    "name": "rocket",
    "summary": "Goes up.",
    "repository": { "url": "https://github.com/acme/rocket", "id": 1001, "owner_id": 77 },
    "identities": {
        "issuer": "https://token.actions.githubusercontent.com",
        "release_workflow": ".github/workflows/release.yml",
        "channel_workflow": ".github/workflows/channel.yml",
        "default_branch": "main"
    },
    "channels": {
        "url": "https://acme.github.io/rocket",
        "expires_after_days": 14,
        "default": "stable",
        "feeds": { "stable": { "from": "releases" } }
    },
    "upgrades": { "from": "1.0.0" }
}"#;

/// The Sigstore that made the true bundles.
pub(crate) const SIGSTORE: Sigstore = Sigstore {
    name: "fixture",
    trusted_root: include_str!("../corpus/trusted_root/true"),
    as_of: "2026-01-01T00:00:00Z",
    targets_version: 1,
    tuf_root: include_bytes!("../corpus/tuf_root/true"),
    repository: "https://tuf.rehearsal.example",
};

/// The root under which the true bundles verify.
pub(crate) static ROOT: LazyLock<TrustedRoot> =
    LazyLock::new(|| SIGSTORE.trusted_root().expect("the true root"));

/// Whoever releases v1.2.3 of the product.
pub(crate) static RELEASE: LazyLock<Policy> = LazyLock::new(|| {
    let product = Product::from_json(PRODUCT).expect("a product");
    Policy::of_release(&product, &"v1.2.3".parse::<Tag>().expect("a tag"))
});

/// The same identity, with no claim and no proof asked for.
pub(crate) static IDENTITY: LazyLock<Policy> =
    LazyLock::new(|| Policy::of_identity(&RELEASE.identity, &RELEASE.issuer));

/// A key that is no secret.
pub static SECRET: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_slice(&[1; 32]).expect("a scalar"));

/// The key's public half.
pub(crate) static KEY: LazyLock<PublicKey> = LazyLock::new(|| {
    let pem = SECRET.verifying_key().to_public_key_pem(LineEnding::LF);
    PublicKey::from_pem(pem.expect("a key in PEM").as_bytes()).expect("the true key")
});

/// A bundle v0.3 by the release's identity: certificate, SET, proof, timestamp.
pub(crate) const BY_IDENTITY: &str = include_str!("../corpus/bundle/v0.3");
/// The same without the timestamp.
pub(crate) const NO_TIMESTAMP: &str = include_str!("../corpus/bundle/no-timestamp");
/// One logged through Rekor's API v2: proof and timestamp alone.
pub(crate) const TILES: &str = include_str!("../corpus/bundle/rekor-v2");
/// A bundle v0.3 by the key.
pub(crate) const BY_KEY: &str = include_str!("../corpus/key_bundle/v0.3");
/// One by the key, logged through Rekor's API v2.
pub(crate) const BY_KEY_TILES: &str = include_str!("../corpus/key_bundle/rekor-v2");
/// A statement about the file in a bundle by the release's identity.
pub(crate) const STATEMENT: &str = include_str!("../corpus/bundle/statement-v0.3");

/// When the fixture was made.
pub(crate) static SIGNED_AT: LazyLock<Instant> = LazyLock::new(|| {
    let sha256 = Sha256::of(FILE);
    trust::verify_blob("the file", sha256, BY_IDENTITY.as_bytes(), &RELEASE, &ROOT)
        .expect("a true bundle")
        .evidence()
        .signed_at()
        .expect("a signed time")
});
