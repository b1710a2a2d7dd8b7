//! A private key as `cosign generate-key-pair` writes it: PKCS #8, encrypted under a password, in
//! JSON, in PEM. Relies on RustCrypto for scrypt and for NaCl's secretbox.
//!
//! Source of the format: `encrypted` of <https://github.com/secure-systems-lab/go-securesystemslib>.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use serde::{Deserialize, Deserializer};
use sigstore_sign::crypto::KeyPair;

/// The label of the PEM, and the one that older versions of cosign write.
const LABELS: [&str; 2] = [
    "ENCRYPTED SIGSTORE PRIVATE KEY",
    "ENCRYPTED COSIGN PRIVATE KEY",
];

/// The most bytes that are read of a key file; an honest one has below 700.
pub(super) const LIMIT: usize = 16 * 1024;

/// The most bytes that deriving a key may go through, and so the most that it may use: twice what
/// cosign's own files ask for.
const COST: u64 = 128 * 1024 * 1024;

/// Why a key cannot be had from a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyFileError {
    #[error("expected a private key in PEM (-----BEGIN {label}-----), found {0}", label = LABELS[0])]
    NotPem(String),
    #[error("expected what `cosign generate-key-pair` writes, found {0}")]
    Format(String),
    #[error("expected at most {COST} bytes of work to derive the key, found {0}")]
    Cost(String),
    #[error("expected the password that the key was encrypted under, found another")]
    Password,
    #[error("expected an ECDSA key over P-256, found {0}")]
    Key(String),
}

#[derive(Deserialize)]
struct Encrypted {
    kdf: Kdf,
    cipher: Cipher,
    #[serde(deserialize_with = "base64")]
    ciphertext: Vec<u8>,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    #[serde(deserialize_with = "base64")]
    salt: Vec<u8>,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    #[serde(deserialize_with = "base64")]
    nonce: Vec<u8>,
}

fn base64<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    BASE64_STANDARD
        .decode(text)
        .map_err(serde::de::Error::custom)
}

/// The key in a file with these bytes, of which no more than [`LIMIT`] were read.
pub(super) fn open(pem: &[u8], password: &[u8]) -> Result<KeyPair, KeyFileError> {
    let (label, json) =
        der::pem::decode_vec(pem).map_err(|error| KeyFileError::NotPem(error.to_string()))?;
    if !LABELS.contains(&label) {
        return Err(KeyFileError::NotPem(format!("-----BEGIN {label}-----")));
    }
    let encrypted: Encrypted =
        serde_json::from_slice(&json).map_err(|error| KeyFileError::Format(error.to_string()))?;
    let pkcs8 = encrypted.decrypt(password)?;
    KeyPair::from_pkcs8_der(&pkcs8).map_err(|error| KeyFileError::Key(error.to_string()))
}

impl Encrypted {
    fn decrypt(&self, password: &[u8]) -> Result<Vec<u8>, KeyFileError> {
        let names = (self.kdf.name.as_str(), self.cipher.name.as_str());
        if names != ("scrypt", "nacl/secretbox") {
            let found = format!("{} and {}", names.0, names.1);
            return Err(KeyFileError::Format(found));
        }
        let nonce = &self.cipher.nonce;
        let nonce: [u8; 24] = nonce
            .as_slice()
            .try_into()
            .map_err(|_| KeyFileError::Format(format!("a nonce of {} bytes", nonce.len())))?;
        let mut key = Key::default();
        scrypt::scrypt(
            password,
            &self.kdf.salt,
            &self.kdf.params.checked()?,
            &mut key,
        )
        .map_err(|error| KeyFileError::Format(error.to_string()))?;
        XSalsa20Poly1305::new(&key)
            .decrypt(&Nonce::from(nonce), self.ciphertext.as_slice())
            .map_err(|_| KeyFileError::Password)
    }
}

impl Params {
    /// Parameters that cannot be made to eat the machine, whoever wrote the file.
    fn checked(&self) -> Result<scrypt::Params, KeyFileError> {
        let Self { n, r, p } = *self;
        let found = || format!("N {n}, r {r}, p {p}");
        let work = [n, r.into(), p.into()]
            .into_iter()
            .try_fold(128_u64, u64::checked_mul);
        if work.is_none_or(|work| work > COST) {
            return Err(KeyFileError::Cost(found()));
        }
        let log_n = n.checked_ilog2().filter(|_| n.is_power_of_two());
        log_n
            .and_then(|log_n| {
                let log_n = u8::try_from(log_n).ok()?;
                scrypt::Params::new(log_n, r, p, scrypt::Params::RECOMMENDED_LEN).ok()
            })
            .ok_or_else(|| KeyFileError::Format(found()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use der::pem::LineEnding;
    use serde_json::{Value, json};

    use super::*;

    const PASSWORD: &[u8] = b"a secret";

    /// PKCS #8 of the private key 1 over P-256, whose public key is the generator.
    fn pkcs8() -> Vec<u8> {
        let mut der = b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\
            \x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20"
            .to_vec();
        der.extend([0; 31]);
        der.push(1);
        der
    }

    fn encrypted(plaintext: &[u8]) -> Value {
        let (salt, nonce) = ([3; 32], [7; 24]);
        let mut key = Key::default();
        let params = Params { n: 16, r: 8, p: 1 }.checked().unwrap();
        scrypt::scrypt(PASSWORD, &salt, &params, &mut key).unwrap();
        let cipher = XSalsa20Poly1305::new(&key);
        let ciphertext = cipher.encrypt(&Nonce::from(nonce), plaintext).unwrap();
        let base64 = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        json!({
            "kdf": {"name": "scrypt", "params": {"N": 16, "r": 8, "p": 1}, "salt": base64(&salt)},
            "cipher": {"name": "nacl/secretbox", "nonce": base64(&nonce)},
            "ciphertext": base64(&ciphertext),
        })
    }

    fn pem(label: &str, json: &Value) -> Vec<u8> {
        let json = json.to_string();
        let pem = der::pem::encode_string(label, LineEnding::LF, json.as_bytes());
        pem.unwrap().into_bytes()
    }

    #[track_caller]
    fn refused(json: &Value, words: &str) {
        trust::crypto::install();
        let error = open(&pem(LABELS[0], json), PASSWORD).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }

    #[test]
    fn a_key_comes_out_by_its_password_under_either_label() {
        trust::crypto::install();
        for label in LABELS {
            let file = pem(label, &encrypted(&pkcs8()));
            let key = open(&file, PASSWORD).unwrap();
            assert_eq!(key.public_key_bytes()[..3], [4, 0x6b, 0x17]);
            let error = open(&file, b"another secret").unwrap_err();
            assert_eq!(error, KeyFileError::Password);
        }
    }

    #[test]
    fn what_is_no_encrypted_key_of_cosigns_is_refused_with_what_was_found() {
        let good = encrypted(&pkcs8());
        let with = |pointer: &str, value: Value| {
            let mut json = good.clone();
            *json.pointer_mut(pointer).unwrap() = value;
            json
        };
        refused(
            &with("/kdf/name", json!("argon2id")),
            "argon2id and nacl/secretbox",
        );
        refused(&with("/cipher/name", json!("none")), "scrypt and none");
        refused(&with("/cipher/nonce", json!("AAAA")), "a nonce of 3 bytes");
        refused(&with("/ciphertext", json!("*")), "Invalid symbol");
        refused(&with("/kdf/params/N", json!(17)), "N 17");
        refused(&with("/kdf/params/r", json!(0)), "r 0");
        refused(&with("/kdf/params", json!({})), "missing field");
        refused(&encrypted(b"no key at all"), "ECDSA key over P-256");
        let other = pem("PRIVATE KEY", &good);
        let error = open(&other, PASSWORD).unwrap_err().to_string();
        assert!(
            error.contains("found -----BEGIN PRIVATE KEY-----"),
            "{error}"
        );
        assert!(matches!(
            open(b"hello", PASSWORD),
            Err(KeyFileError::NotPem(_))
        ));
    }

    #[test]
    fn parameters_that_would_eat_memory_or_time_are_refused_before_any_is_spent() {
        let started = Instant::now();
        for (name, value) in [
            ("N", 1_u64 << 40),
            ("N", u64::MAX),
            ("r", 1 << 30),
            ("p", 1 << 30),
        ] {
            let mut json = encrypted(&pkcs8());
            json["kdf"]["params"] = json!({"N": 65536, "r": 8, "p": 1});
            json["kdf"]["params"][name] = json!(value);
            refused(&json, "bytes of work");
        }
        assert!(started.elapsed().as_secs() < 5);
    }
}
