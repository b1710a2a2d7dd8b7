//! What is sent too often, and what need not be sent again.

use std::time::Duration;

use serde_json::Value;

use crate::{Rehearsal, TOKEN, refusal};

#[tokio::test]
async fn a_write_too_many_is_told_when_to_come_back_and_is_taken_then() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let releases = repository.releases();
    rehearsal.github.limit_writes(2, Duration::from_secs(60));
    rehearsal.draft("v1.0.0").await;
    rehearsal.draft("v1.0.1").await;
    let refused = refusal(releases.create("v1.0.2").draft(true).send().await);
    assert_eq!(refused.0, 403);
    assert!(refused.1.contains("secondary rate limit"), "{refused:?}");
    let request = rehearsal.public.post(rehearsal.api("/releases"));
    let answer = request.bearer_auth(TOKEN).send().await.expect("an answer");
    let seconds = answer.headers()["retry-after"].to_str().expect("text");
    let seconds: u64 = seconds.parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    let listed = releases.list().send().await;
    assert_eq!(listed.expect("reading is not limited").items.len(), 2);

    rehearsal.github.limit_writes(1, Duration::from_millis(20));
    rehearsal.draft("v1.0.2").await;
    while releases.create("v1.0.3").draft(true).send().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_the_api_showed_is_not_sent_again_until_it_changes() {
    let rehearsal = Rehearsal::start();
    let url = rehearsal.api("/releases");
    let first = rehearsal.get(&url).await;
    let held = first.headers()["etag"].clone();
    assert!(held.to_str().expect("text").starts_with("W/\""));
    let ask = async |token: Option<&str>| {
        let request = rehearsal.public.get(&url).header("if-none-match", &held);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.expect("an answer")
    };
    let same = ask(None).await;
    assert_eq!(
        (same.status().as_u16(), &same.headers()["etag"]),
        (304, &held)
    );
    assert_eq!(same.bytes().await.expect("bytes").len(), 0);

    rehearsal.draft("v1.0.0").await;
    assert_eq!(ask(None).await.status(), 304, "a draft changes nothing");
    let other = ask(Some(TOKEN)).await;
    assert_eq!(other.status(), 200);
    assert_ne!(other.headers()["etag"], held);
    let listed: Value = other.json().await.expect("JSON");
    assert_eq!(listed[0]["tag_name"], "v1.0.0");
}
