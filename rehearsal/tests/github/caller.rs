//! Who may do what, and what is said to others.

use rehearsal::github::{Access, Permission};
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

#[tokio::test]
async fn a_token_goes_no_further_than_its_rights() {
    let rehearsal = Rehearsal::start();
    let github = &rehearsal.github;
    let draft = rehearsal.draft("v1.0.0").await;
    let reader = [(Permission::Contents, Access::Read)];
    github.admit_token("reader", reader);
    github.admit_token("starter", [(Permission::Actions, Access::Write)]);
    let owner = [Permission::Contents, Permission::Administration];
    github.admit_token("owner", owner.map(|permission| (permission, Access::Write)));

    let draft = format!("/releases/{}", draft.id);
    let channels = "/actions/workflows/channel.yml/dispatches";
    let (contents, settings) = (Some("contents=write"), Some("administration=read"));
    for (token, method, path, status, asked) in [
        ("reader", "GET", "/releases", 200, None),
        // What it may not see is not there.
        ("reader", "GET", draft.as_str(), 404, None),
        ("reader", "DELETE", draft.as_str(), 403, contents),
        ("reader", "POST", "/git/blobs", 403, contents),
        ("starter", "POST", "/releases", 403, contents),
        ("starter", "POST", channels, 422, None),
        ("reader", "POST", channels, 403, Some("actions=write")),
        (TOKEN, "GET", "/immutable-releases", 403, settings),
        ("owner", "GET", "/immutable-releases", 200, None),
        (
            TOKEN,
            "PUT",
            "/rulesets/1",
            403,
            Some("administration=write"),
        ),
        (TOKEN, "PATCH", "", 403, Some("administration=write")),
        ("owner", "GET", draft.as_str(), 200, None),
        ("owner", "DELETE", draft.as_str(), 204, None),
    ] {
        let method = method.parse().expect("a method");
        let request = rehearsal.public.request(method, rehearsal.api(path));
        let request = request.bearer_auth(token);
        // Only a dispatch comes as far as its body.
        let request = if path == channels {
            request.body("{}")
        } else {
            request
        };
        let answer = request.send().await.expect("an answer");
        let header = answer.headers().get("x-accepted-github-permissions");
        let told = header.map(|value| value.to_str().expect("text").to_owned());
        assert_eq!(
            (answer.status().as_u16(), told.as_deref()),
            (status, asked),
            "{token} {path}"
        );
        if status == 403 {
            let told: Value = answer.json().await.expect("JSON");
            assert_eq!(told["message"], "Resource not accessible by integration");
        }
    }
}

#[tokio::test]
async fn the_rights_of_a_token_are_those_last_given() {
    let rehearsal = Rehearsal::start();
    rehearsal.github.admit_token(TOKEN, []);
    let create = rehearsal.repository();
    let create = create.releases().create("v1.0.0").send().await;
    let words = "Resource not accessible by integration".to_owned();
    assert_eq!(refusal(create), (403, words));
    let repository = rehearsal.repository().get().await.expect("a repository");
    assert!(
        repository
            .permissions
            .is_some_and(|held| !held.push && held.pull)
    );
}
