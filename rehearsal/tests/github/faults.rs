//! What a client meets when a test orders it, whether the server had acted by then, and that all is
//! well again afterwards.

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rehearsal::github::{Fault, Hook, Then};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::{Rehearsal, TOKEN};

impl Rehearsal {
    /// Asks for a draft over a connection of its own.
    fn ask(&self) -> RequestBuilder {
        let client = reqwest::Client::builder().no_proxy().build();
        let request = client.expect("a client").post(self.api("/releases"));
        request
            .bearer_auth(TOKEN)
            .json(&json!({"tag_name": "v1.0.0", "draft": true}))
    }

    async fn drafts(&self) -> usize {
        let listed = self.repository().releases().list().send().await;
        listed.expect("a list").items.len()
    }

    /// Asks, and leaves without an answer once `met` holds.
    async fn leave_when(&self, met: impl AsyncFn() -> bool) {
        let client = tokio::spawn(self.ask().send());
        while !met().await {
            tokio::task::yield_now().await;
        }
        assert!(!client.is_finished(), "no answer comes");
        client.abort();
    }

    async fn assets(&self, release: &Value) -> Vec<Value> {
        let url = release["assets_url"].as_str().expect("a URL");
        self.writer.get(url, None::<&()>).await.expect("a list")
    }
}

/// What the system said when no answer came.
#[track_caller]
fn failure(answer: reqwest::Result<Response>) -> Option<ErrorKind> {
    let error = answer.expect_err("no answer comes");
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

/// Calls back `then`, and counts how often.
fn counting(calls: &Arc<AtomicUsize>, then: Then) -> Hook {
    let calls = calls.clone();
    Hook(Arc::new(move || {
        calls.fetch_add(1, Ordering::SeqCst);
        then
    }))
}

#[tokio::test]
async fn the_request_counted_meets_the_fault_and_no_other() {
    let rehearsal = Rehearsal::start();
    let github = &rehearsal.github;
    rehearsal.ask().send().await.expect("an answer");
    github.break_at(2, Fault::Status(500));
    assert_eq!((github.broken(), github.arrived()), (false, 0));
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let page = rehearsal.get(&rehearsal.web("/channels/a")).await;
        statuses.push(page.status().as_u16());
    }
    assert!(!github.broken());
    for _ in 0..2 {
        let answer = rehearsal.ask().send().await.expect("an answer");
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [404, 404, 500, 201]);
    assert_eq!((github.broken(), github.arrived()), (true, 4));

    github.heal();
    assert!(github.broken(), "it has happened");
    github.break_at(0, Fault::Status(500));
    assert_eq!((github.broken(), github.arrived()), (false, 0));
}

#[tokio::test]
async fn requests_of_a_kind_can_be_counted_alone() {
    let rehearsal = Rehearsal::start();
    let writes = |method: &str, path: &str| method == "POST" && path.starts_with("/repos/");
    rehearsal
        .github
        .break_at_among(1, Fault::Status(500), writes);
    for (count, status) in [(1, 201), (2, 500), (3, 201)] {
        assert_eq!(rehearsal.get(&rehearsal.api("")).await.status(), 200);
        let answer = rehearsal.ask().send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        assert_eq!(rehearsal.github.arrived(), count);
    }
}

#[tokio::test]
async fn a_fault_that_is_healed_before_its_request_comes_never_happens() {
    let rehearsal = Rehearsal::start();
    rehearsal.github.break_at(0, Fault::ResetBefore);
    rehearsal.github.heal();
    let answer = rehearsal.ask().send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    assert!(!rehearsal.github.broken());
    assert_eq!(rehearsal.github.arrived(), 1);
}

#[tokio::test]
async fn a_reset_connection_gives_no_answer_before_or_after_the_server_acted() {
    for (fault, drafts) in [(Fault::ResetBefore, 0), (Fault::ResetAfter, 1)] {
        let rehearsal = Rehearsal::start();
        rehearsal.github.break_at(0, fault.clone());
        let failed = failure(rehearsal.ask().send().await);
        assert_eq!(failed, Some(ErrorKind::ConnectionReset), "{fault:?}");
        assert!(rehearsal.github.broken());
        assert_eq!(rehearsal.drafts().await, drafts, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refused_client_can_connect_again_once_all_is_healed() {
    let rehearsal = Rehearsal::start();
    // A connection that is kept alive.
    let idle = rehearsal.get(&rehearsal.api("")).await;
    idle.bytes().await.expect("bytes");
    rehearsal.github.break_at(0, Fault::Refused);
    let failed = failure(rehearsal.ask().send().await);
    assert_eq!(failed, Some(ErrorKind::ConnectionReset));
    // Whoever has not noticed yet that his connection is gone meets its reset.
    failure(rehearsal.public.get(rehearsal.api("")).send().await).expect("a failure");
    for _ in 0..2 {
        let failed = failure(rehearsal.ask().send().await);
        assert_eq!(failed, Some(ErrorKind::ConnectionRefused));
        let failed = failure(rehearsal.public.get(rehearsal.api("")).send().await);
        assert_eq!(failed, Some(ErrorKind::ConnectionRefused));
    }
    assert_eq!(rehearsal.github.arrived(), 1);
    rehearsal.github.heal();
    assert_eq!(rehearsal.drafts().await, 0);
    let answer = rehearsal.ask().send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
}

#[tokio::test]
async fn a_server_that_refuses_can_be_dropped_and_its_github_forgotten() {
    let rehearsal = Rehearsal::start();
    rehearsal.github.break_at(0, Fault::Refused);
    failure(rehearsal.ask().send().await);
    let (github, again) = (rehearsal.github.clone(), rehearsal.ask());
    drop(rehearsal);
    github.heal();
    assert_eq!(
        failure(again.send().await),
        Some(ErrorKind::ConnectionRefused)
    );
}

#[tokio::test]
async fn a_request_is_held_until_its_client_leaves_before_or_after_the_server_acted() {
    for (fault, drafts) in [(Fault::TimeOutBefore, 0), (Fault::TimeOutAfter, 1)] {
        let rehearsal = Rehearsal::start();
        rehearsal.github.break_at(0, fault.clone());
        let broken = || rehearsal.github.broken();
        let acted = async || rehearsal.drafts().await == drafts;
        rehearsal
            .leave_when(async || broken() && acted().await)
            .await;
        assert!(acted().await, "{fault:?}");
    }
}

#[tokio::test]
async fn a_request_is_held_no_longer_than_until_all_is_healed() {
    for fault in [Fault::TimeOutBefore, Fault::TimeOutAfter] {
        let rehearsal = Rehearsal::start();
        let github = rehearsal.github.clone();
        github.break_at(0, fault);
        let held = tokio::spawn(rehearsal.ask().send());
        while !github.broken() {
            tokio::task::yield_now().await;
        }
        assert!(!held.is_finished());
        github.heal();
        let failed = failure(held.await.expect("no panic"));
        assert_eq!(failed, Some(ErrorKind::ConnectionReset));
    }
}

#[tokio::test]
async fn a_status_is_told_in_githubs_shape_and_nothing_was_done() {
    let rehearsal = Rehearsal::start();
    for (status, message) in [
        (401, "Bad credentials"),
        (403, "Resource not accessible by integration"),
        (404, "Not Found"),
        (422, "Validation Failed"),
        (500, "Server Error"),
        (502, "Server Error"),
    ] {
        rehearsal.github.break_at(0, Fault::Status(status));
        let answer = rehearsal.ask().send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        let told: Value = answer.json().await.expect("JSON");
        assert_eq!(told["message"], message);
        assert_eq!(told["status"], status.to_string());
    }
    assert_eq!(rehearsal.drafts().await, 0);
}

#[tokio::test]
async fn a_limit_tells_when_to_come_back_and_nothing_was_done() {
    let rehearsal = Rehearsal::start();
    let after_seconds = 7;
    for (fault, status) in [
        (Fault::Throttle { after_seconds }, 429),
        (Fault::SecondaryLimit { after_seconds }, 403),
    ] {
        rehearsal.github.break_at(0, fault);
        let answer = rehearsal.ask().send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["retry-after"], "7");
        let told: Value = answer.json().await.expect("JSON");
        let message = told["message"].as_str().expect("words");
        assert!(message.contains("secondary rate limit"), "{message}");
    }
    assert_eq!(rehearsal.drafts().await, 0);
}

#[tokio::test]
async fn a_gateway_that_fails_leaves_an_upload_as_a_starter_and_nothing_of_other_requests() {
    let rehearsal = Rehearsal::start();
    rehearsal.github.break_at(0, Fault::Starter);
    let answer = rehearsal.ask().send().await.expect("an answer");
    assert_eq!(answer.status(), 502);
    assert_eq!(rehearsal.drafts().await, 0);

    let draft = rehearsal.ask().send().await.expect("an answer");
    let draft: Value = draft.json().await.expect("JSON");
    let upload = async |token: &str| {
        let url = format!(
            "{}?name=a.zip",
            draft["assets_url"].as_str().expect("a URL")
        );
        let request = rehearsal.public.post(url).bearer_auth(token).body("bytes");
        request.send().await.expect("an answer").status().as_u16()
    };
    rehearsal.github.break_at(0, Fault::Starter);
    assert_eq!(upload("ghs_other").await, 502);
    assert!(rehearsal.assets(&draft).await.is_empty());
    rehearsal.github.break_at(0, Fault::Starter);
    assert_eq!(upload(TOKEN).await, 502);
    let left = rehearsal.assets(&draft).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["name"], "a.zip");
    assert_eq!(left[0]["state"], "starter");
    assert_eq!(
        (&left[0]["size"], &left[0]["digest"]),
        (&json!(0), &Value::Null)
    );
}

#[tokio::test]
async fn half_of_an_answer_arrives_and_the_server_acted() {
    let rehearsal = Rehearsal::start();
    rehearsal.github.break_at(0, Fault::Truncated);
    let mut answer = rehearsal.ask().send().await.expect("the head of an answer");
    assert_eq!(answer.status(), 201);
    let whole = answer.content_length().expect("a length");
    let half = answer.chunk().await.expect("half").expect("bytes");
    assert_eq!(half.len() as u64, whole / 2);
    answer.chunk().await.expect_err("the other half");
    assert_eq!(rehearsal.drafts().await, 1);
}

#[tokio::test]
async fn nothing_arrives_of_half_an_answer_without_a_body() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0").await;
    rehearsal.github.break_at(0, Fault::Truncated);
    let url = rehearsal.api(&format!("/releases/{}", draft.id));
    let request = rehearsal.public.delete(url).bearer_auth(TOKEN);
    request.send().await.expect_err("no answer comes");
    assert_eq!(rehearsal.drafts().await, 0);
}

#[tokio::test]
async fn a_hook_may_stop_its_client_before_or_after_the_server_acted() {
    type Kind = fn(Hook) -> Fault;
    for (fault, drafts) in [
        (Fault::HookBefore as Kind, 0),
        (Fault::HookAfter as Kind, 1),
    ] {
        let rehearsal = Rehearsal::start();
        let calls = Arc::default();
        rehearsal
            .github
            .break_at(0, fault(counting(&calls, Then::Hold)));
        let called = async || calls.load(Ordering::SeqCst) == 1;
        rehearsal.leave_when(called).await;
        assert_eq!(rehearsal.drafts().await, drafts);
    }
}

#[tokio::test]
async fn a_hook_may_do_something_else_meanwhile() {
    let rehearsal = Rehearsal::start();
    let calls = Arc::default();
    for (count, fault) in [
        (1, Fault::HookBefore(counting(&calls, Then::GoOn))),
        (2, Fault::HookAfter(counting(&calls, Then::GoOn))),
    ] {
        rehearsal.github.break_at(0, fault);
        let answer = rehearsal.ask().send().await.expect("an answer");
        assert_eq!(answer.status(), 201);
        assert_eq!(calls.load(Ordering::SeqCst), count);
        assert_eq!(rehearsal.drafts().await, count);
    }
}

#[tokio::test]
async fn a_client_that_is_still_sending_reads_a_refusal_and_feels_a_reset() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0").await;
    let upload = || {
        let url = rehearsal.api(&format!("/releases/{}/assets?name=a", draft.id));
        let request = rehearsal.public.post(url).bearer_auth(TOKEN);
        request.body(vec![0; 8 << 20]).send()
    };
    for (fault, status) in [
        (Fault::Status(500), 500),
        (Fault::Throttle { after_seconds: 1 }, 429),
        (Fault::Starter, 502),
    ] {
        rehearsal.github.break_at(0, fault);
        assert_eq!(upload().await.expect("an answer").status(), status);
    }
    rehearsal.github.break_at(0, Fault::ResetBefore);
    let failed = failure(upload().await).expect("a word of the system");
    let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(kinds.contains(&failed), "{failed}");
}
