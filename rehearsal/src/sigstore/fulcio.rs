//! Fulcio's answer to a request for a signing certificate (API v2, `/api/v2/signingCert`). Relies
//! on the issuer for who asks, and on the certificate authority for the certificate.

use base64::prelude::{BASE64_STANDARD, Engine};
use der::EncodePem;
use der::pem::LineEnding;
use jiff::Timestamp;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use serde::Deserialize;
use serde_json::{Value, json};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::refusal::Refusal;
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
    /// Base64 of a signature over the token's subject.
    proof_of_possession: String,
}

#[derive(Deserialize)]
struct PublicKey {
    /// PEM.
    content: String,
}

/// The certificate chain, leaf first, for the job whose ID token stands in `body`, where sigstore-rust
/// puts it, or else is the bearer token, as sigstore-go has it.
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
        .or(bearer)
        .ok_or_else(|| Refusal::unauthenticated("no ID token"))?;
    let claims = parts.issuer.verify(token, AUDIENCE, now)?;
    let asked = request.public_key_request;
    let key = VerifyingKey::from_public_key_pem(&asked.public_key.content)
        .map_err(|error| Refusal::bad(format!("no P-256 public key in PEM: {error}")))?;
    verify_possession(&key, &claims.sub, &asked.proof_of_possession)?;

    let key = SubjectPublicKeyInfoOwned::from_key(key).map_err(Error::from)?;
    let leaf = parts.ca.issue(&claims, key, now, &parts.ct)?;
    let mut certificates = Vec::new();
    for certificate in std::iter::once(&leaf).chain(parts.ca.chain()) {
        certificates.push(certificate.to_pem(LineEnding::LF).map_err(Error::from)?);
    }
    Ok(json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": certificates}}}))
}

/// Whoever asks holds the private half of `key`: it signed the subject.
fn verify_possession(key: &VerifyingKey, subject: &str, proof: &str) -> Result<(), Refusal> {
    BASE64_STANDARD
        .decode(proof)
        .ok()
        .and_then(|bytes| DerSignature::from_bytes(&bytes).ok())
        .and_then(|signature| key.verify(subject.as_bytes(), &signature).ok())
        .ok_or_else(|| Refusal::bad("the proof of possession does not verify under the key"))
}
