//! GitHub's issuer of ID tokens for the jobs admitted to it (OpenID Connect; JWT signed with ES256,
//! RFC 7518). Relies on p256 and on the claims that GitHub documents.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD as BASE64URL, Engine};
use jiff::Timestamp;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::rand_core::{OsRng, RngCore};
use serde::Deserialize;
use serde_json::json;

use super::claims::{Claims, Job};
use super::refusal::Refusal;
use super::{Error, path};

/// The `iss` of every ID token of GitHub Actions, here as there.
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// What GitHub puts into the environment of a job that has the permission `id-token: write`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmbientToken {
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`; it has a query already, to which `&audience=` is added.
    pub request_url: String,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`, the bearer token of that request.
    pub request_token: String,
}

impl AmbientToken {
    /// The variables of a job that may ask for ID tokens, by name.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, &str); 3] {
        [
            ("GITHUB_ACTIONS", "true"),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", &self.request_url),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", &self.request_token),
        ]
    }
}

pub(super) struct Issuer {
    key: SigningKey,
    /// By request token.
    jobs: Mutex<HashMap<String, Job>>,
}

impl Issuer {
    pub(super) fn new() -> Self {
        Self {
            key: SigningKey::random(&mut OsRng),
            jobs: Mutex::default(),
        }
    }

    pub(super) fn admit(&self, url: &str, job: Job) -> AmbientToken {
        let request_token = random_hex();
        let request_url = format!("{url}{}/{}/idtoken?api-version=2.0", path::OIDC, job.run_id);
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.insert(request_token.clone(), job);
        AmbientToken {
            request_url,
            request_token,
        }
    }

    /// The ID token, for `audience`, of the job that holds the request token `bearer`.
    pub(super) fn issue(
        &self,
        bearer: &str,
        audience: Option<String>,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let job = jobs
            .get(bearer)
            .ok_or_else(|| Refusal::unauthenticated("no job has this request token"))?;
        let claims = Claims::of(job, audience, random_hex(), now);
        drop(jobs);
        Ok(self.sign(&claims)?)
    }

    pub(super) fn sign(&self, claims: &Claims) -> Result<String, Error> {
        let header = json!({"alg": "ES256", "typ": "JWT"}).to_string();
        let claims = serde_json::to_string(claims)?;
        let signed = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims));
        let signature: Signature = self.key.try_sign(signed.as_bytes())?;
        Ok(format!(
            "{signed}.{}",
            BASE64URL.encode(signature.to_bytes())
        ))
    }

    /// The claims of `token`, when this issuer made it for `audience` and `now` is within its time.
    pub(super) fn verify(
        &self,
        token: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Claims, Refusal> {
        let (signed, signature) = token
            .rsplit_once('.')
            .ok_or_else(|| Refusal::bad("the ID token is no JWT"))?;
        let (header, claims) = signed
            .split_once('.')
            .ok_or_else(|| Refusal::bad("the ID token is no JWT"))?;
        let header: Header = decode(header)?;
        if header.alg != "ES256" {
            return Err(Refusal::unauthenticated(format!(
                "ID token signed with {} where ES256 was expected",
                header.alg
            )));
        }
        BASE64URL
            .decode(signature)
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .and_then(|signature| {
                let key = self.key.verifying_key();
                key.verify(signed.as_bytes(), &signature).ok()
            })
            .ok_or_else(|| Refusal::unauthenticated("the ID token's signature is invalid"))?;
        let claims: Claims = decode(claims)?;
        check(&claims, audience, now)?;
        Ok(claims)
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Refusal> {
    let json = BASE64URL.decode(part).map_err(Refusal::bad)?;
    serde_json::from_slice(&json).map_err(Refusal::bad)
}

fn check(claims: &Claims, audience: &str, now: Timestamp) -> Result<(), Refusal> {
    let now = now.as_second();
    let wrong = if claims.iss != ISSUER {
        format!("issuer {} where {ISSUER} was expected", claims.iss)
    } else if claims.aud != audience {
        format!("audience {} where {audience} was expected", claims.aud)
    } else if now >= claims.exp {
        format!("expired at {}, it is {now}", claims.exp)
    } else if now < claims.nbf {
        format!("not valid before {}, it is {now}", claims.nbf)
    } else {
        return Ok(());
    };
    Err(Refusal::unauthenticated(format!("ID token: {wrong}")))
}

fn random_hex() -> String {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{claims, job};
    use super::*;
    use axum::http::StatusCode;
    use jiff::ToSpan;

    #[test]
    fn a_token_is_good_for_five_minutes() {
        let (issuer, now) = (Issuer::new(), Timestamp::now());
        let token = issuer.sign(&claims(now)).unwrap();
        let good = |at| issuer.verify(&token, "sigstore", at);
        assert_eq!(good(now + 299.seconds()).unwrap(), claims(now));
        let expired = good(now + 300.seconds()).unwrap_err();
        assert_eq!(expired.status, StatusCode::UNAUTHORIZED);
        assert!(expired.message.contains("expired"), "{}", expired.message);
        let early = good(now - 601.seconds()).unwrap_err();
        assert!(
            early.message.contains("not valid before"),
            "{}",
            early.message
        );
    }

    #[test]
    fn a_claim_altered_after_signing_is_refused() {
        let (issuer, now) = (Issuer::new(), Timestamp::now());
        let token = issuer.sign(&claims(now)).unwrap();
        let mut altered = claims(now);
        altered.reference = "refs/tags/v9.9.9".to_owned();
        let altered = BASE64URL.encode(serde_json::to_string(&altered).unwrap());
        let mut parts: Vec<_> = token.split('.').collect();
        parts[1] = &altered;
        let refusal = issuer
            .verify(&parts.join("."), "sigstore", now)
            .unwrap_err();
        assert!(refusal.message.contains("signature"), "{}", refusal.message);
    }

    #[test]
    fn a_token_that_says_it_needs_no_signature_is_refused() {
        let (issuer, now) = (Issuer::new(), Timestamp::now());
        let token = issuer.sign(&claims(now)).unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        let (claims, _) = rest.split_once('.').unwrap();
        let none = format!("{}.{claims}.", BASE64URL.encode(r#"{"alg":"none"}"#));
        let refusal = issuer.verify(&none, "sigstore", now).unwrap_err();
        assert!(refusal.message.contains("ES256"), "{}", refusal.message);
    }

    #[test]
    fn the_subject_names_the_environment_or_else_the_ref() {
        let now = Timestamp::now();
        let of = |job: &Job| Claims::of(job, None, String::new(), now);
        assert_eq!(of(&job()).sub, "repo:acme/rocket:ref:refs/tags/v1.2.3");
        let environment = Some("release".to_owned());
        let in_environment = of(&Job {
            environment,
            ..job()
        });
        assert_eq!(in_environment.sub, "repo:acme/rocket:environment:release");
        assert_eq!(in_environment.aud, "https://github.com/acme");
    }
}
