//! Each service refuses what its public counterpart refuses.

use base64::prelude::{BASE64_STANDARD, Engine};
use rehearsal::sigstore::Sigstore;
use serde_json::{Value, json};
use sigstore_sign::crypto::KeyPair;
use sigstore_sign::reqwest::StatusCode;

use crate::rig::{BLOB, Rig, job};

#[tokio::test]
async fn an_id_token_is_refused_to_a_wrong_bearer() {
    let rig = Rig::new();
    let mut ambient = rig.sigstore.admit(&rig.url(), job());
    let right = rig.get_token(&ambient, "&audience=sigstore").await;
    assert_eq!(right.status(), StatusCode::OK);
    ambient.request_token.push('0');
    let wrong = rig.get_token(&ambient, "&audience=sigstore").await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let none = rig.client.get(&ambient.request_url).send().await.unwrap();
    assert_eq!(none.status(), StatusCode::UNAUTHORIZED);
}

/// What a client sends to Fulcio for `key`, with a proof that `prover` made over `subject`.
fn certificate_request(token: &str, key: &KeyPair, prover: &KeyPair, subject: &str) -> Value {
    let proof = prover.sign(subject.as_bytes()).unwrap();
    json!({
        "credentials": {"oidcIdentityToken": token},
        "publicKeyRequest": {
            "publicKey": {"algorithm": "", "content": key.public_key_der().unwrap().to_pem()},
            "proofOfPossession": proof,
        },
    })
}

const SUBJECT: &str = "repo:acme/rocket:environment:release";

#[tokio::test]
async fn fulcio_refuses_a_proof_of_possession_by_another_key_or_over_another_subject() {
    let rig = Rig::new();
    let token = rig.token(job()).await;
    let (key, other) = (new_key(), new_key());
    let url = fulcio(&rig);

    let (status, _) = rig
        .post(&url, &certificate_request(&token, &key, &key, SUBJECT))
        .await;
    assert_eq!(status, StatusCode::OK);
    for (prover, subject) in [
        (&other, SUBJECT),
        (&key, "repo:acme/other:environment:release"),
    ] {
        let request = certificate_request(&token, &key, prover, subject);
        let (status, answer) = rig.post(&url, &request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["code"], 3);
        assert!(answer["message"].as_str().unwrap().contains("possession"));
    }
}

#[tokio::test]
async fn fulcio_refuses_a_token_for_another_audience_or_of_another_issuer() {
    let rig = Rig::new();
    let ambient = rig.sigstore.admit(&rig.url(), job());
    let answer = rig.get_token(&ambient, "&audience=elsewhere").await;
    let elsewhere: Value = answer.json().await.unwrap();
    let foreign = Rig::new().token(job()).await;
    let key = new_key();
    for (token, reason) in [
        (elsewhere["value"].as_str().unwrap(), "audience"),
        (&*foreign, "signature"),
    ] {
        let request = certificate_request(token, &key, &key, SUBJECT);
        let (status, answer) = rig.post(&fulcio(&rig), &request).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer["code"], 16);
        assert!(answer["message"].as_str().unwrap().contains(reason));
    }
}

/// What a client sends to Rekor: the digest of `blob`, and `key`'s signature over `signed`.
async fn log_entry(rig: &Rig, blob: &[u8], signed: &[u8]) -> Value {
    let key = new_key();
    let token = rig.token(job()).await;
    let request = certificate_request(&token, &key, &key, SUBJECT);
    let (_, answer) = rig.post(&fulcio(rig), &request).await;
    let chain = &answer["signedCertificateEmbeddedSct"]["chain"]["certificates"];
    json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {
                "algorithm": "sha256",
                "value": sigstore_verify::crypto::sha256(blob).to_hex(),
            }},
            "signature": {
                "content": key.sign(signed).unwrap(),
                "publicKey": {"content": BASE64_STANDARD.encode(chain[0].as_str().unwrap())},
            },
        },
    })
}

#[tokio::test]
async fn rekor_refuses_a_signature_over_other_bytes_and_does_not_log_it() {
    let rig = Rig::new();
    let (status, answer) = rig
        .post(&rekor(&rig), &log_entry(&rig, BLOB, b"other").await)
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["code"], 400);
    assert!(answer["message"].as_str().unwrap().contains("signature"));

    let (status, answer) = rig
        .post(&rekor(&rig), &log_entry(&rig, BLOB, BLOB).await)
        .await;
    assert_eq!(status, StatusCode::CREATED);
    let (_, entry) = answer.as_object().unwrap().iter().next().unwrap();
    assert_eq!(entry["verification"]["inclusionProof"]["treeSize"], 2);
}

#[tokio::test]
async fn rekor_refuses_an_envelope_whose_payload_or_type_is_not_what_was_signed() {
    let rig = Rig::new();
    let key = new_key();
    let pem = key.public_key_der().unwrap().to_pem();
    let pae = |kind: &str| format!("DSSEv1 {} {kind} 2 {{}}", kind.len());
    let submit = async |payload: &str, signed: &str| {
        let envelope = json!({
            "payload": BASE64_STANDARD.encode(payload),
            "payloadType": "text/json",
            "signatures": [{"sig": key.sign(signed.as_bytes()).unwrap()}],
        });
        let content = json!({
            "envelope": envelope.to_string(),
            "verifiers": [BASE64_STANDARD.encode(&pem)],
        });
        let spec = json!({"proposedContent": content});
        let entry = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec});
        rig.post(&rekor(&rig), &entry).await
    };
    for (payload, signed) in [("[]", pae("text/json")), ("{}", pae("text/yaml"))] {
        let (status, answer) = submit(payload, &signed).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(answer["message"].as_str().unwrap().contains("envelope"));
    }
    let (status, _) = submit("{}", &pae("text/json")).await;
    assert_eq!(status, StatusCode::CREATED);
}

#[tokio::test]
async fn rekor_refuses_an_entry_that_it_holds_already_and_names_it() {
    let rig = Rig::new();
    let entry = log_entry(&rig, BLOB, BLOB).await;
    let (first, logged) = rig.post(&rekor(&rig), &entry).await;
    let (second, answer) = rig.post(&rekor(&rig), &entry).await;
    assert_eq!((first, second), (StatusCode::CREATED, StatusCode::CONFLICT));
    assert_eq!(answer["code"], 409);
    let (uuid, logged) = logged.as_object().unwrap().iter().next().unwrap();
    assert!(answer["message"].as_str().unwrap().contains(uuid));

    let get = async |uuid: &str| {
        let url = format!("{}/{uuid}", rekor(&rig));
        rig.client.get(url).send().await.unwrap()
    };
    let held: Value = get(uuid).await.json().await.unwrap();
    assert_eq!(held[uuid], *logged);
    let other = uuid.replace(char::is_alphabetic, "0");
    assert_eq!(get(&other).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_log_of_api_v2_refuses_a_signature_over_another_digest_and_an_entry_it_holds() {
    let rig = Rig::new();
    let key = new_key();
    let signature = key.sign(BLOB).unwrap();
    let submit = async |blob: &[u8]| {
        let verifier = json!({
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "publicKey": {"rawBytes": BASE64_STANDARD.encode(key.public_key_der().unwrap())},
        });
        let entry = json!({
            "digest": BASE64_STANDARD.encode(sigstore_verify::crypto::sha256(blob)),
            "signature": {"content": signature, "verifier": verifier},
        });
        let request = json!({"hashedRekordRequestV002": entry});
        rig.post(&tiles(&rig), &request).await
    };
    for (blob, expected, code) in [
        (b"other" as &[u8], StatusCode::BAD_REQUEST, 3),
        (BLOB, StatusCode::CREATED, 0),
        (BLOB, StatusCode::CONFLICT, 6),
    ] {
        let (status, answer) = submit(blob).await;
        assert_eq!(status, expected);
        assert_eq!(answer["code"].as_i64().unwrap_or(0), code);
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_by_each_service() {
    let rig = Rig::new();
    for url in [
        fulcio(&rig),
        rekor(&rig),
        tiles(&rig),
        Sigstore::services(&rig.url()).timestamp,
    ] {
        let (status, answer) = rig.post(&url, &json!({"no": "request"})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{url}");
        assert!(answer["message"].is_string(), "{url}");
    }
}

#[tokio::test]
async fn a_body_without_measure_is_refused() {
    let rig = Rig::new();
    let request = rig.client.post(rekor(&rig)).body(vec![b' '; 1 << 20]);
    let status = request.send().await.unwrap().status();
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

fn fulcio(rig: &Rig) -> String {
    format!(
        "{}/api/v2/signingCert",
        Sigstore::services(&rig.url()).fulcio
    )
}

fn rekor(rig: &Rig) -> String {
    format!(
        "{}/api/v1/log/entries",
        Sigstore::services(&rig.url()).rekor
    )
}

fn tiles(rig: &Rig) -> String {
    format!(
        "{}/api/v2/log/entries",
        Sigstore::services(&rig.url()).tiles
    )
}

fn new_key() -> KeyPair {
    KeyPair::generate_ecdsa_p256().unwrap()
}
