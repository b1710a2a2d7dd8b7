//! The ID tokens of a CI job, which say to Fulcio who it is. Relies on `ambient-id`, which asks
//! GitHub by the variables that a job with `id-token: write` has.

use std::time::Duration;

use ambient_id::Detector;
use release_plan::Exit;
use sigstore_sign::oidc::IdentityToken;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::retry::{ServiceError, ask};
use crate::Failure;
use crate::failure::Exiting as _;

/// Whom the tokens are for.
const AUDIENCE: &str = "sigstore";

/// What must be left of a token's life for a signature to begin with it.
const LEFT: Duration = Duration::from_secs(60);

/// How long a token is asked for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a signature may still begin with what ends at `until`.
pub(super) fn lasts(until: Instant) -> bool {
    Instant::now() + LEFT < until
}

/// The job's tokens: one serves all signatures until it is about to end, and then the next.
pub(super) struct Tokens {
    detector: Detector,
    current: Mutex<Option<Token>>,
}

/// A token, and when it ends.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) identity: IdentityToken,
    pub(super) until: Instant,
}

impl Tokens {
    pub(super) fn new(client: reqwest::Client) -> Self {
        Self {
            detector: Detector::new_with_client(client),
            current: Mutex::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn holding(client: reqwest::Client, token: &str) -> Result<Self, Failure> {
        let token = Token::of(IdentityToken::from_jwt(token)?);
        Ok(Self {
            current: Mutex::new(Some(token)),
            ..Self::new(client)
        })
    }

    /// A token that lasts a while yet, or a new one.
    pub(super) async fn current(&self) -> Result<Token, Failure> {
        // Held while a token is asked for: the others wait for that one.
        let mut current = self.current.lock().await;
        match &*current {
            Some(token) if lasts(token.until) => Ok(token.clone()),
            _ => Ok(current.insert(self.ask().await?).clone()),
        }
    }

    async fn ask(&self) -> Result<Token, Failure> {
        let until = Instant::now() + PATIENCE;
        let found = ask("this job", until, || async {
            let found = self.detector.detect(AUDIENCE).await;
            found.map_err(ServiceError::from)
        });
        let found = found.await?.ok_or_else(|| {
            let message = "expected the token of a GitHub Actions job with `id-token: write`, \
                           found none; run `cargo xtask dry-run` to rehearse without one";
            Failure::new(Exit::Input, message)
        })?;
        let identity = IdentityToken::from_jwt(found.reveal()).or_exit(Exit::Network)?;
        Ok(Token::of(identity))
    }
}

impl Token {
    fn of(identity: IdentityToken) -> Self {
        let left = identity.expiration().duration_since(jiff::Timestamp::now());
        let left = Duration::try_from(left).unwrap_or_default();
        Self {
            identity,
            until: Instant::now() + left,
        }
    }
}
