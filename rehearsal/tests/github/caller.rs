//! Who may do what, and what is said to others.

use serde_json::{Value, json};

use crate::{Rehearsal, TOKEN, client, refusal};

#[tokio::test]
async fn a_wrong_token_is_refused_even_where_none_is_needed() {
    let rehearsal = Rehearsal::start();
    let stranger = client(&rehearsal.server, Some("ghs_other"));
    let repository = stranger.repos("truetag-dev", "lantern");
    let answer = repository.get().await;
    assert_eq!(refusal(answer), (401, "Bad credentials".to_owned()));
    let answer = repository.releases().get(99).await;
    assert_eq!(refusal(answer), (401, "Bad credentials".to_owned()));
}

#[tokio::test]
async fn nobody_writes_without_a_token() {
    let rehearsal = Rehearsal::start();
    let anonymous = client(&rehearsal.server, None);
    let repository = anonymous.repos("truetag-dev", "lantern");
    let answer = repository.releases().create("v1.0.0").send().await;
    assert_eq!(refusal(answer), (401, "Requires authentication".to_owned()));
    let releases = rehearsal.repository().releases().list().send().await;
    assert!(releases.expect("a list").items.is_empty());
}

#[tokio::test]
async fn both_schemes_of_the_token_are_taken() {
    let rehearsal = Rehearsal::start();
    for scheme in ["Bearer", "token"] {
        let request = rehearsal.public.get(rehearsal.api(""));
        let request = request.header("authorization", format!("{scheme} {TOKEN}"));
        let answer = request.send().await.expect("an answer");
        let shown: Value = answer.json().await.expect("JSON");
        assert_eq!(shown["permissions"]["push"], true, "{scheme}");
    }
}

#[tokio::test]
async fn the_repository_tells_its_numbers_and_the_rights_of_the_token() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository().get().await.expect("a repository");
    assert_eq!(*repository.id, 7_001);
    assert_eq!(*repository.owner.expect("an owner").id, 7_000);
    assert_eq!(repository.default_branch.as_deref(), Some("main"));
    assert!(
        repository
            .permissions
            .is_some_and(|held| held.push && !held.admin)
    );

    let anonymous = client(&rehearsal.server, None);
    let repository = anonymous.repos("truetag-dev", "lantern").get().await;
    assert!(repository.expect("a repository").permissions.is_none());
}

#[tokio::test]
async fn what_is_unknown_is_told_in_githubs_shape() {
    let rehearsal = Rehearsal::start();
    for path in [
        "/nothing",
        "/releases/one",
        "/releases/99",
        "/git/ref/tags/v9",
    ] {
        let answer = rehearsal.get(&rehearsal.api(path)).await;
        assert_eq!(answer.status(), 404, "{path}");
        let told: Value = answer.json().await.expect("JSON");
        let expected = json!({
            "message": "Not Found",
            "documentation_url": "https://docs.github.com/rest",
            "status": "404",
        });
        assert_eq!(told, expected, "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_a_bad_request() {
    let rehearsal = Rehearsal::start();
    let request = rehearsal.public.post(rehearsal.api("/releases"));
    let request = request.bearer_auth(TOKEN).body("{\"tag_name\":");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 400);
    let told: Value = answer.json().await.expect("JSON");
    assert_eq!(told["message"], "Problems parsing JSON");
}

#[tokio::test]
async fn every_request_is_noted_with_its_answer() {
    let rehearsal = Rehearsal::start();
    rehearsal.draft("v1.0.0").await;
    rehearsal
        .get(&rehearsal.web("/channels/stable.json?x=1"))
        .await;
    let noted = rehearsal.github.requests();
    let noted = noted
        .iter()
        .map(|request| format!("{} {} {}", request.method, request.path, request.status));
    assert_eq!(
        noted.collect::<Vec<_>>(),
        [
            "POST /repos/truetag-dev/lantern/releases 201",
            "GET /truetag-dev/lantern/channels/stable.json?x=1 404",
        ]
    );
}
