//! Fulcio's answer to a request for a signing certificate (API v2, `/api/v2/signingCert`). Relies
//! on the issuer for who asks, and on the certificate authority for the certificate.

use der::pem::LineEnding;
use der::{DecodePem, EncodePem};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::ca::Terms;
use super::dsse::base64;
use super::refusal::Refusal;
use super::verifier::Key;
use super::{Error, Parts};

const AUDIENCE: &str = "sigstore";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    credentials: Option<Credentials>,
    public_key_request: PublicKeyRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    oidc_identity_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeyRequest {
    public_key: PublicKey,
    /// A signature over the token's subject.
    #[serde(deserialize_with = "base64")]
    proof_of_possession: Vec<u8>,
}

#[derive(Deserialize)]
struct PublicKey {
    /// PEM.
    content: String,
}

/// A request of API v1, `/api/v1/signingCert`, which cosign 2 still speaks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyRequest {
    public_key: LegacyPublicKey,
    /// A signature over the token's subject.
    #[serde(deserialize_with = "base64")]
    signed_email_address: Vec<u8>,
}

#[derive(Deserialize)]
struct LegacyPublicKey {
    /// PEM.
    #[serde(deserialize_with = "base64")]
    content: Vec<u8>,
}

/// The certificate chain for the job whose ID token stands in `body`, where sigstore-rust puts it,
/// or else is the bearer token, as sigstore-go has it.
pub(super) fn signing_certificate(
    parts: &Parts,
    bearer: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<Value, Refusal> {
    let request: Request = serde_json::from_slice(body).map_err(Refusal::bad)?;
    let in_body = request.credentials.as_ref();
    let token = in_body
        .map(|credentials| &*credentials.oidc_identity_token)
        .or(bearer);
    let asked = request.public_key_request;
    let (key, proof) = (asked.public_key.content, asked.proof_of_possession);
    let certificates = chain(parts, token, key.as_bytes(), &proof, now)?;
    Ok(json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": certificates}}}))
}

/// The certificate chain as one text, for the job whose ID token is the bearer token.
pub(super) fn legacy_signing_certificate(
    parts: &Parts,
    bearer: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<String, Refusal> {
    let request: LegacyRequest = serde_json::from_slice(body).map_err(Refusal::bad)?;
    let (key, proof) = (request.public_key.content, request.signed_email_address);
    Ok(chain(parts, bearer, &key, &proof, now)?.concat())
}

/// In PEM, leaf first.
fn chain(
    parts: &Parts,
    token: Option<&str>,
    key: &[u8],
    proof_of_possession: &[u8],
    now: Timestamp,
) -> Result<Vec<String>, Refusal> {
    let token = token.ok_or_else(|| Refusal::unauthenticated("no ID token"))?;
    let claims = parts.issuer.verify(token, AUDIENCE, now)?;
    let key = SubjectPublicKeyInfoOwned::from_pem(key)
        .map_err(|error| Refusal::bad(format!("no public key in PEM: {error}")))?;
    // Whoever asks holds the private half: it signed the subject.
    if !Key::new(&key)?.verify(claims.sub.as_bytes(), proof_of_possession) {
        let message = "the proof of possession does not verify under the key";
        return Err(Refusal::bad(message));
    }
    let terms = Terms::of_fulcio(now, &parts.ct);
    let leaf = parts.ca.issue(&claims, key, &terms)?;
    let mut certificates = Vec::new();
    for certificate in std::iter::once(&leaf).chain(parts.ca.chain()) {
        certificates.push(certificate.to_pem(LineEnding::LF).map_err(Error::from)?);
    }
    Ok(certificates)
}
