//! What is signed, and the signature: as it is made, as a log is told of it, and as the bundle
//! shows it.

use base64::prelude::{BASE64_STANDARD, Engine};
use p256::ecdsa::signature::hazmat::RandomizedPrehashSigner;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::rand_core::OsRng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Content, Flaw};
use crate::sigstore::dsse::{Envelope, Signature};
use crate::sigstore::entry::Body;
use crate::sigstore::verifier::Verifier;
use crate::sigstore::{Error, RekorApi, rekor, tiles};

const IN_TOTO: &str = "application/vnd.in-toto+json";
const ANOTHER_TYPE: &str = "application/json";

#[derive(Clone)]
pub(super) struct Signed {
    what: What,
    pub(super) signature: Vec<u8>,
}

#[derive(Clone)]
enum What {
    Digest([u8; 32]),
    /// Without its signatures.
    Envelope(Envelope),
}

impl Signed {
    pub(super) fn new(
        content: Content<'_>,
        key: &SigningKey,
        flaw: Option<Flaw>,
    ) -> Result<Self, Error> {
        let what = match content {
            Content::Digest(digest) => What::Digest(digest),
            Content::Statement(payload) => What::Envelope(envelope(payload, flaw)),
        };
        let other = SigningKey::random(&mut OsRng);
        let signature = match (&what, flaw) {
            (_, Some(Flaw::SignedByAnotherKey)) => sign(&other, &what.digest())?,
            (What::Envelope(bare), Some(Flaw::PayloadSignedBare)) => {
                sign(key, &Sha256::digest(&bare.payload).into())?
            }
            _ => sign(key, &what.digest())?,
        };
        Ok(Self { what, signature })
    }

    /// The same with another signature by `key`: no two are alike.
    pub(super) fn again(&self, key: &SigningKey) -> Result<Self, Error> {
        let what = self.what.clone();
        let signature = sign(key, &what.digest())?;
        Ok(Self { what, signature })
    }

    /// Another thing with the same signature.
    pub(super) fn of_another(&self) -> Self {
        let mut other = self.clone();
        match &mut other.what {
            What::Digest(digest) => digest[0] ^= 1,
            What::Envelope(envelope) => envelope.payload.push(b' '),
        }
        other
    }

    /// What a log holds of it.
    pub(super) fn body(&self, log: RekorApi, verifier: &Verifier) -> Result<Body, Error> {
        let Self { what, signature } = self;
        match (log, what) {
            (RekorApi::V1, What::Digest(digest)) => {
                rekor::hashed_rekord(digest, signature, verifier)
            }
            (RekorApi::V1, What::Envelope(envelope)) => {
                let json = signed_by(envelope, &[signature]).to_json().to_string();
                rekor::dsse(&json, &envelope.payload, &[(signature, verifier)])
            }
            (RekorApi::V2, what) => tiles::hashed_rekord(&what.digest(), signature, verifier),
        }
    }

    /// The member of the bundle that shows it.
    pub(super) fn shown(&self, flaw: Option<Flaw>) -> Result<(&'static str, Value), Error> {
        match &self.what {
            What::Digest(digest) => Ok(("messageSignature", self.shown_message(*digest, flaw))),
            What::Envelope(envelope) => {
                let shown = self.shown_envelope(envelope.clone(), flaw)?;
                Ok(("dsseEnvelope", shown.to_json()))
            }
        }
    }

    fn shown_message(&self, mut digest: [u8; 32], flaw: Option<Flaw>) -> Value {
        if flaw == Some(Flaw::MessageDigestChanged) {
            digest[0] ^= 1;
        }
        let digest = BASE64_STANDARD.encode(digest);
        json!({
            "messageDigest": {"algorithm": "SHA2_256", "digest": digest},
            "signature": BASE64_STANDARD.encode(&self.signature),
        })
    }

    fn shown_envelope(
        &self,
        mut envelope: Envelope,
        flaw: Option<Flaw>,
    ) -> Result<Envelope, Error> {
        let signature = &*self.signature;
        match flaw {
            Some(Flaw::PayloadSwapped) => drop(envelope.payload.pop()),
            Some(Flaw::PayloadTypeChanged) => envelope.payload_type = IN_TOTO.to_owned(),
            Some(Flaw::SignatureMissing) => return Ok(envelope),
            Some(Flaw::SecondSignature) => {
                let other = SigningKey::random(&mut OsRng);
                let second = sign(&other, &self.what.digest())?;
                return Ok(signed_by(&envelope, &[signature, &second]));
            }
            _ => {}
        }
        Ok(signed_by(&envelope, &[signature]))
    }
}

impl What {
    /// SHA-256 of what the signature is over.
    fn digest(&self) -> [u8; 32] {
        match self {
            Self::Digest(digest) => *digest,
            Self::Envelope(envelope) => Sha256::digest(envelope.signed()).into(),
        }
    }
}

/// What is signed of `payload`. [`Signed::shown`] puts back what a flaw changes here, so that the
/// bundle still shows what the verifier looks for.
fn envelope(payload: &[u8], flaw: Option<Flaw>) -> Envelope {
    let mut envelope = Envelope {
        payload: payload.to_vec(),
        payload_type: IN_TOTO.to_owned(),
        signatures: Vec::new(),
    };
    match flaw {
        Some(Flaw::PayloadSwapped) => envelope.payload.push(b'\n'),
        Some(Flaw::PayloadTypeChanged | Flaw::PayloadOfAnotherType) => {
            envelope.payload_type = ANOTHER_TYPE.to_owned();
        }
        _ => {}
    }
    envelope
}

fn signed_by(envelope: &Envelope, signatures: &[&[u8]]) -> Envelope {
    let signatures = signatures.iter().map(|bytes| Signature {
        bytes: bytes.to_vec(),
    });
    Envelope {
        signatures: signatures.collect(),
        ..envelope.clone()
    }
}

/// In DER.
fn sign(key: &SigningKey, digest: &[u8; 32]) -> Result<Vec<u8>, Error> {
    let signature: DerSignature = key.sign_prehash_with_rng(&mut OsRng, digest)?;
    Ok(signature.as_bytes().to_vec())
}
