//! What a test orders to go wrong goes wrong, as often as ordered, with that service and no other.

use std::time::{Duration, Instant};

use rehearsal::sigstore::{Disturbance, Service, Sigstore, Traffic};
use sigstore_sign::reqwest::header::RETRY_AFTER;
use sigstore_sign::reqwest::{Response, StatusCode};

use crate::rig::{BLOB, Rig, job};

impl Rig {
    async fn ask_for_token(&self) -> sigstore_sign::reqwest::Result<Response> {
        let ambient = self.sigstore.admit(&self.url(), job());
        let request = self
            .client
            .get(format!("{}&audience=sigstore", ambient.request_url))
            .bearer_auth(ambient.request_token);
        request.send().await
    }
}

#[tokio::test]
async fn a_status_is_answered_as_often_as_ordered_and_by_no_other_service() {
    let rig = Rig::new();
    rig.sigstore
        .disturb(Service::Oidc, Disturbance::Status(503), 2);
    rig.sigstore
        .disturb(Service::Oidc, Disturbance::Status(500), 1);
    rig.sigstore
        .disturb(Service::Rekor, Disturbance::Status(500), 1);
    for expected in [503, 503, 500, 200] {
        let answer = rig.ask_for_token().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected);
    }
    let traffic = Traffic {
        granted: 1,
        refused: 0,
        disturbed: 3,
    };
    assert_eq!(rig.sigstore.traffic(Service::Oidc), traffic);
    assert_eq!(rig.sigstore.traffic(Service::Rekor), Traffic::default());
}

#[tokio::test]
async fn a_throttled_client_is_told_when_to_come_back() {
    let rig = Rig::new();
    rig.sigstore
        .disturb(Service::Oidc, Disturbance::Throttle(7), 1);
    let answer = rig.ask_for_token().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()[RETRY_AFTER], "7");
}

#[tokio::test]
async fn a_closed_connection_gives_no_answer_and_the_service_never_hears_of_it() {
    let rig = Rig::new();
    rig.sigstore.disturb(Service::Oidc, Disturbance::Close, 1);
    let error = rig.ask_for_token().await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert_eq!(rig.sigstore.traffic(Service::Oidc).granted, 0);
    assert!(rig.ask_for_token().await.unwrap().status().is_success());
}

#[tokio::test]
async fn a_cut_answer_has_its_head_and_half_of_its_body_and_the_service_did_its_work() {
    let rig = Rig::new();
    rig.sigstore.disturb(Service::Oidc, Disturbance::Cut, 1);
    let mut answer = rig.ask_for_token().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let whole = answer.content_length().unwrap();
    let half = answer.chunk().await.unwrap().unwrap();
    assert_eq!(half.len() as u64, whole / 2);
    answer.chunk().await.unwrap_err();
    assert_eq!(rig.sigstore.traffic(Service::Oidc).granted, 1);
}

#[tokio::test]
async fn a_delayed_request_is_granted_late() {
    let rig = Rig::new();
    let delay = Duration::from_millis(300);
    rig.sigstore
        .disturb(Service::Oidc, Disturbance::Delay(delay), 1);
    let start = Instant::now();
    assert!(rig.ask_for_token().await.unwrap().status().is_success());
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn every_service_counts_what_it_grants_and_refuses() {
    let rig = Rig::new();
    rig.sign(job(), BLOB).await;
    let services = Sigstore::services(&rig.url());
    for (service, url) in [
        (
            Service::Fulcio,
            format!("{}/api/v2/signingCert", services.fulcio),
        ),
        (
            Service::Rekor,
            format!("{}/api/v1/log/entries", services.rekor),
        ),
        (Service::Timestamp, services.timestamp),
    ] {
        rig.client.post(&url).body("none").send().await.unwrap();
        let traffic = Traffic {
            granted: 1,
            refused: 1,
            disturbed: 0,
        };
        assert_eq!(rig.sigstore.traffic(service), traffic, "{service:?}");
    }
    assert_eq!(rig.sigstore.traffic(Service::Oidc).granted, 1);
}
