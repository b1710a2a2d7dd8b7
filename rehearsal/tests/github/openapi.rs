//! What passes between clients and the rehearsal's GitHub is what GitHub describes.

use rehearsal::github::Exchange;
use rehearsal::openapi;
use rehearsal::verifiers::{Verdict, not_run};
use serde_json::{Value, json};

/// Panics when an exchange is none that GitHub describes.
pub(crate) fn conform(exchanges: &[Exchange]) {
    match openapi::check(exchanges) {
        Verdict::Accepted => {}
        Verdict::NotInstalled => not_run("@octokit/openapi with ajv"),
        Verdict::Refused(flaws) => panic!("not as GitHub describes it:\n{flaws}"),
    }
}

fn exchange(method: &str, path: &str, body: Value, status: u16, answer: Value) -> Exchange {
    let some = |value: Value| Some(value).filter(|value| !value.is_null());
    Exchange {
        method: method.to_owned(),
        path: format!("/repos/truetag-dev/lantern{path}"),
        body: some(body),
        status,
        answer: some(answer),
    }
}

#[test]
fn exchanges_that_github_does_not_describe_are_found() {
    let refusal = || json!({"message": "m", "documentation_url": "https://docs.github.com/rest"});
    let reference = |id: &str| {
        json!({
            "ref": "refs/heads/channels",
            "node_id": "REF_1",
            "url": "https://example.com/ref",
            "object": {"type": "commit", "sha": id, "url": "https://example.com/commit"},
        })
    };
    let branch = "/git/refs/heads/channels";
    let (id, none) = ("1".repeat(40), Value::Null);
    for (flawed, words) in [
        (
            exchange("GET", "/relases", none.clone(), 200, json!([])),
            "no such operation",
        ),
        (
            exchange("GET", "/releases?perpage=9", none.clone(), 200, json!([])),
            "the query's perpage is unknown",
        ),
        (
            exchange("GET", "/releases?page=one", none.clone(), 200, json!([])),
            "the query's page: it must be integer",
        ),
        (
            exchange("GET", "/releases", none.clone(), 200, json!([{}])),
            "/0 must have required property 'tag_name'",
        ),
        (
            exchange("GET", "/releases", none.clone(), 206, json!([])),
            "206 is undescribed",
        ),
        (
            exchange("GET", "/releases", none.clone(), 403, json!(["m"])),
            "must be object",
        ),
        (
            exchange("DELETE", "/releases/1", none.clone(), 204, json!({})),
            "a body is undescribed",
        ),
        (
            exchange("DELETE", "/releases/1", json!({}), 204, none.clone()),
            "the body is unexpected",
        ),
        (
            exchange("PATCH", branch, json!({}), 200, reference(&id)),
            "the body: it must have required property 'sha'",
        ),
        (
            exchange(
                "PATCH",
                branch,
                json!({"sha": id, "forc": true}),
                200,
                reference(&id),
            ),
            "the body's forc is unknown",
        ),
        (
            exchange("PATCH", branch, none.clone(), 200, reference(&id)),
            "the body is missing",
        ),
        (
            exchange("PATCH", branch, json!({"sha": id}), 200, reference("1")),
            "/object/sha must NOT have fewer than 40 characters",
        ),
        (
            exchange("POST", "/releases/1/assets", none.clone(), 201, json!({})),
            "the query has no name",
        ),
    ] {
        match openapi::check(&[flawed]) {
            Verdict::Refused(flaws) => assert!(flaws.contains(words), "{flaws}"),
            Verdict::NotInstalled => return not_run("@octokit/openapi with ajv"),
            Verdict::Accepted => panic!("accepted in spite of: {words}"),
        }
    }
    conform(&[
        exchange("PATCH", branch, json!({"sha": id}), 200, reference(&id)),
        // Whatever was wrong with the request, it was told.
        exchange("PATCH", branch, json!({"forc": true}), 422, refusal()),
        exchange("GET", "/relases", none.clone(), 404, refusal()),
        exchange("GET", "/releases?page=1", none.clone(), 502, refusal()),
        exchange("GET", "/releases", none.clone(), 304, none),
    ]);
}
