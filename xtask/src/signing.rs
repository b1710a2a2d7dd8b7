//! Signing: one certificate, log entry and timestamp an asset, from a Sigstore by HTTP. Relies on
//! `sigstore-sign`, and on the token that GitHub puts into a job's reach.

use std::time::Duration;

use release_plan::{Exit, Sha256};
use sigstore_sign::oidc::IdentityToken;
use sigstore_sign::types::{Artifact, Sha256Hash};
use sigstore_sign::{Signer, SigningContext, SigningServices, SigstoreInstance};

use crate::Failure;
use crate::failure::Exiting as _;

/// Where to sign. The public Sigstore, unless all three are named.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Services {
    /// Certificate authority to ask (default: the public Sigstore's)
    #[arg(
        long,
        value_name = "URL",
        requires = "rekor_url",
        requires = "timestamp_url"
    )]
    fulcio_url: Option<String>,
    /// Transparency log to enter signatures into
    #[arg(long, value_name = "URL", requires = "fulcio_url")]
    rekor_url: Option<String>,
    /// Timestamp authority to ask, by the URL that takes requests
    #[arg(long, value_name = "URL", requires = "fulcio_url")]
    timestamp_url: Option<String>,
}

impl Services {
    /// Whom certificates are asked of.
    pub(crate) fn certificate_authority(&self) -> Result<String, Failure> {
        Ok(self.resolve()?.fulcio_url().to_owned())
    }

    fn resolve(&self) -> Result<SigningServices, Failure> {
        match (&self.fulcio_url, &self.rekor_url, &self.timestamp_url) {
            (Some(fulcio), Some(rekor), Some(timestamp)) => {
                Ok(SigningServices::new(fulcio, rekor).with_tsa_url(timestamp))
            }
            _ => Ok(SigningServices::from_embedded(
                SigstoreInstance::PublicGood,
            )?),
        }
    }
}

/// A signer for whoever this CI job is.
pub(crate) struct JobSigner(Signer);

impl JobSigner {
    /// Takes the job's own token.
    pub(crate) async fn ambient(services: &Services) -> Result<Self, Failure> {
        trust::crypto::install();
        install_tls();
        let services = services.resolve()?;
        let token = IdentityToken::detect_ambient()
            .await
            .or_exit(Exit::Network)?;
        let token = token.ok_or_else(|| {
            let message = "expected the token of a GitHub Actions job with `id-token: write`, \
                           found none; run `cargo xtask dry-run` to rehearse without one";
            Failure::new(Exit::Input, message)
        })?;
        let context = SigningContext::new(services).with_http_client(http_client()?);
        Ok(Self(context.signer(token)))
    }

    /// Signs what has this digest; gives the bundle's bytes.
    pub(crate) async fn sign(&self, sha256: Sha256) -> Result<Vec<u8>, Failure> {
        let digest = Sha256Hash::new(*sha256.as_bytes());
        let bundle = self
            .0
            .sign(Artifact::from(digest))
            .await
            .or_exit(Exit::Network)?;
        let mut json = bundle.to_json_pretty()?.into_bytes();
        json.push(b'\n');
        Ok(json)
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
