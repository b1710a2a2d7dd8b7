//! Signing as a CI job: a new key with a certificate that binds it to the job, and for each file a
//! timestamp and a log entry, from a Sigstore by HTTP. Relies on the clients of `sigstore-sign`;
//! each service is asked on its own, so that one that fails does not have the others asked anew.

mod key;
mod key_file;
mod retry;
mod token;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use release_plan::{Exit, Sha256};
use sigstore_sign::SigningServices;
use sigstore_sign::bundle::BundleV03;
use sigstore_sign::crypto::KeyPair;
use sigstore_sign::fulcio::FulcioClient;
use sigstore_sign::rekor::{DsseEntry, HashedRekord, RekorApiVersion};
use sigstore_sign::trust_root::{SIGSTORE_PRODUCTION_SIGNING_CONFIG, SigningConfig};
use sigstore_sign::types::dsse::pae;
use sigstore_sign::types::{
    DerCertificate, DsseEnvelope, DsseSignature, KeyId, PayloadBytes, Sha256Hash,
};
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(crate) use self::key::KeySigner;
use self::retry::{ServiceError, ask};
use self::token::Tokens;
use self::witness::{Entry, Witnesses};
use crate::Failure;

/// The media type of an in-toto statement.
const STATEMENT: &str = "application/vnd.in-toto+json";

/// Where to sign. The public Sigstore, unless others are named.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Services {
    /// Certificate authority to ask [default: the public Sigstore's]
    #[arg(
        long,
        value_name = "URL",
        requires = "rekor_url",
        requires = "timestamp_url"
    )]
    fulcio_url: Option<String>,
    /// Transparency log to enter signatures into [default: the public Sigstore's]
    #[arg(long, value_name = "URL")]
    rekor_url: Option<String>,
    /// Timestamp authority to ask, by the URL that takes requests [default: the public Sigstore's;
    /// none with --rekor-url]
    #[arg(long, value_name = "URL", requires = "rekor_url")]
    timestamp_url: Option<String>,
}

/// The services to ask, by their URLs.
pub(crate) struct Endpoints {
    /// The certificate authority, which a key has no need of.
    fulcio: Option<String>,
    rekor: String,
    timestamp: Option<String>,
}

impl Services {
    /// The rehearsal's.
    #[cfg(test)]
    pub(crate) fn of(services: rehearsal::sigstore::Services) -> Self {
        Self {
            fulcio_url: Some(services.fulcio),
            rekor_url: Some(services.rekor),
            timestamp_url: Some(services.timestamp),
        }
    }

    /// Those that were named, or the public ones: none is mixed with another.
    pub(crate) fn endpoints(&self) -> Result<Endpoints, Failure> {
        if let Some(rekor) = &self.rekor_url {
            return Ok(Endpoints {
                fulcio: self.fulcio_url.clone(),
                rekor: rekor.clone(),
                timestamp: self.timestamp_url.clone(),
            });
        }
        let public = SigningConfig::from_json(SIGSTORE_PRODUCTION_SIGNING_CONFIG)?;
        // The version that every client in use verifies.
        let version = Some(RekorApiVersion::V1);
        let public = SigningServices::from_signing_config_with_rekor_version(&public, version)?;
        Ok(Endpoints {
            fulcio: Some(public.fulcio_url().to_owned()),
            rekor: public.rekor_url().to_owned(),
            timestamp: public.tsa_url().map(str::to_owned),
        })
    }
}

impl Endpoints {
    /// Each URL.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        let others = [&self.fulcio, &self.timestamp].into_iter().flatten();
        others.chain([&self.rekor]).map(String::as_str)
    }

    fn witnesses(&self, client: &reqwest::Client) -> Result<Witnesses, Failure> {
        Witnesses::new(&self.rekor, self.timestamp.as_deref(), client)
    }
}

/// A signer for whoever this CI job is.
pub(crate) struct JobSigner {
    tokens: Tokens,
    fulcio: FulcioClient,
    witnesses: Witnesses,
    /// The key in use, or why there is none: whoever waited for it does not ask again.
    certified: Mutex<Result<Option<Arc<Certified>>, Failure>>,
}

/// A key, and who has it. It signs every file until it is about to end, so that a verifier of many
/// files judges one certificate, and the authority issues one.
struct Certified {
    key: KeyPair,
    certificate: DerCertificate,
    /// When the token ends that it was certified by. The certificate outlives it.
    until: Instant,
}

impl JobSigner {
    /// Takes the job's own tokens.
    pub(crate) async fn ambient(endpoints: &Endpoints) -> Result<Self, Failure> {
        let client = http_client()?;
        let signer = Self::of(endpoints, &client, Tokens::new(client.clone()))?;
        // Who has none is told before anything else is tried.
        signer.tokens.current().await?;
        Ok(signer)
    }

    /// Takes one token, whatever process this is.
    #[cfg(test)]
    pub(crate) fn holding(endpoints: &Endpoints, token: &str) -> Result<Self, Failure> {
        let client = http_client()?;
        let tokens = Tokens::holding(client.clone(), token)?;
        Self::of(endpoints, &client, tokens)
    }

    fn of(
        endpoints: &Endpoints,
        client: &reqwest::Client,
        tokens: Tokens,
    ) -> Result<Self, Failure> {
        trust::crypto::install();
        let fulcio = endpoints.fulcio.as_ref().ok_or_else(|| {
            let message = "--rekor-url: expected --fulcio-url and --timestamp-url beside it";
            Failure::new(Exit::Usage, message)
        })?;
        let fulcio = FulcioClient::builder(fulcio);
        Ok(Self {
            tokens,
            fulcio: fulcio.with_http_client(client.clone()).build()?,
            witnesses: endpoints.witnesses(client)?,
            certified: Mutex::new(Ok(None)),
        })
    }

    /// Signs what has this digest; gives the bundle's bytes. `subject` is what is signed, as it is
    /// called to the person.
    pub(crate) async fn sign(&self, subject: &str, sha256: Sha256) -> Result<Vec<u8>, Failure> {
        let by = self.certified().await?;
        let digest = Sha256Hash::new(*sha256.as_bytes());
        let signature = by.key.sign_digest(&digest)?;
        let entry = HashedRekord::new(&digest, &signature, &by.certificate);
        let entry = Entry::HashedRekord(entry);
        let bundle = BundleV03::with_certificate_and_signature(
            by.certificate.clone(),
            signature.clone(),
            digest,
        );
        self.witnesses
            .complete(subject, by.until, bundle, &signature, &entry)
            .await
    }

    /// Signs an in-toto statement, around which the bundle then is.
    pub(crate) async fn attest(
        &self,
        subject: &str,
        statement: Vec<u8>,
    ) -> Result<Vec<u8>, Failure> {
        let by = self.certified().await?;
        let signature = by.key.sign(&pae(STATEMENT, &statement))?;
        let envelope = DsseEnvelope::new(
            STATEMENT.to_owned(),
            PayloadBytes::new(statement),
            DsseSignature::new(signature.clone(), KeyId::default()),
        );
        let entry = Entry::Dsse(DsseEntry::new(&envelope, &by.certificate)?);
        let bundle = BundleV03::with_certificate_and_dsse(by.certificate.clone(), envelope);
        self.witnesses
            .complete(subject, by.until, bundle, &signature, &entry)
            .await
    }

    /// A key with time left to sign by, or a new one.
    async fn certified(&self) -> Result<Arc<Certified>, Failure> {
        // Held while one is asked for: the others wait for it.
        let mut known = self.certified.lock().await;
        match &*known {
            Ok(Some(by)) if token::lasts(by.until) => return Ok(Arc::clone(by)),
            Err(failure) => return Err(failure.clone()),
            Ok(_) => {}
        }
        let found = self.certify().await.map(Arc::new);
        *known = found.clone().map(Some);
        found
    }

    async fn certify(&self) -> Result<Certified, Failure> {
        let token = self.tokens.current().await?;
        let key = KeyPair::generate_ecdsa_p256()?;
        let issued = ask("this job", token.until, || async {
            let issued = self
                .fulcio
                .create_signing_certificate(&token.identity, &key)
                .await;
            issued.map_err(ServiceError::from)
        });
        let certificate = issued.await?.leaf_certificate().clone();
        Ok(Certified {
            key,
            certificate,
            until: token.until,
        })
    }
}

/// The one HTTP client of a command: connections are shared, nothing waits for ever.
pub(crate) fn http_client() -> Result<reqwest::Client, Failure> {
    install_tls();
    let client = reqwest::Client::builder()
        .user_agent(concat!(
            env!("CARGO_PKG_NAME"),
            "/",
            env!("CARGO_PKG_VERSION")
        ))
        .connect_timeout(Duration::from_secs(15))
        .timeout(Duration::from_secs(60))
        .build()?;
    Ok(client)
}

/// TLS by ring, for every client of the process. A second call changes nothing.
pub(crate) fn install_tls() {
    // An error means that a provider is installed already, and nothing here installs another.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
