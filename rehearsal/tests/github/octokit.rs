//! A client that knows nothing of the rehearsal: GitHub's own for JavaScript, @octokit/rest.

use std::fs;

use rehearsal::node;
use rehearsal::verifiers::not_run;
use serde_json::Value;

use crate::{COMMIT, Rehearsal, TOKEN};

#[tokio::test]
async fn octokit_publishes_a_release_and_the_mirror_serves_it() {
    let package = "@octokit/rest";
    let Some(mut octokit) = node::command(include_str!("publish.js"), &[package]) else {
        return not_run(package);
    };
    let rehearsal = Rehearsal::start();
    rehearsal.github.push_tag("v1.0.0", COMMIT);
    // Two pages of releases, and three of assets.
    for patch in 1..=101 {
        rehearsal.draft(&format!("v1.1.{patch}")).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<_> = (10..34)
        .map(|number| {
            (
                format!("lantern-{number}.tar.gz"),
                format!("bytes {number}"),
            )
        })
        .collect();
    for (name, bytes) in &files {
        fs::write(folder.path().join(name), bytes).expect("a file");
    }

    octokit
        .env("GITHUB_TOKEN", TOKEN)
        .args([&rehearsal.server.url(), "truetag-dev", "lantern"])
        .args(["v1.0.0", COMMIT])
        .arg(folder.path());
    let ended = tokio::task::spawn_blocking(move || octokit.output());
    let ended = ended.await.expect("no panic").expect("node starts");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    let release: Value = serde_json::from_slice(&ended.stdout).expect("a release");
    assert_eq!(release["draft"], false);
    assert_eq!(release["immutable"], true);
    assert_eq!(release["target_commitish"], COMMIT);

    for (name, expected) in &files {
        let url = rehearsal.web(&format!("/releases/download/v1.0.0/{name}"));
        let location = rehearsal.get(&url).await.headers()["location"].clone();
        let location = location.to_str().expect("a URL");
        assert!(!location.contains(TOKEN), "{location}");
        let bytes = rehearsal.get(location).await.text().await;
        assert_eq!(&bytes.expect("bytes"), expected, "{name}");
    }
    let latest = rehearsal.web("/releases/latest/download/lantern-10.tar.gz");
    assert_eq!(rehearsal.get(&latest).await.status(), 404, "not the latest");

    let requests = rehearsal.github.requests();
    let count = |method: &str, path: &str| {
        let requests = requests.iter();
        let alike = requests.filter(|request| {
            request.method == method && request.path.contains(path) && request.status < 400
        });
        alike.count()
    };
    assert_eq!(count("GET", "/releases?per_page=100"), 2);
    assert_eq!(count("POST", "/assets?name="), 24);
    assert_eq!(count("GET", "/assets?per_page=10"), 3);
    assert_eq!(count("PATCH", "/releases/"), 1);
}
