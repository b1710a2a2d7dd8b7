//! A small product and a GitHub to try it on, for the tests of whatever needs one.

pub(crate) mod faults;

use std::time::Duration;

use rehearsal::github::Repository;
use rehearsal::verifiers::{Verdict, not_run};
use rehearsal::{Server, openapi};
use release_plan::{Plan, Product};
use serde_json::json;

use crate::github::GitHub;

pub(crate) const TOKEN: &str = "the-token";
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Longer than loopback takes to answer, however busy the machine is.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// A GitHub with the tag of a release pushed.
pub(crate) struct World {
    pub(crate) github: rehearsal::github::GitHub,
    server: Server,
}

impl World {
    pub(crate) fn new() -> Self {
        let github = rehearsal::github::GitHub::new(repository(), TOKEN);
        github.push_branch("main", COMMIT);
        github.push_tag("v1.2.3", COMMIT);
        let server = Server::start(|at| github.router(&format!("http://{at}"))).unwrap();
        Self { github, server }
    }

    pub(crate) fn api(&self) -> String {
        self.server.url()
    }

    /// Where the public reads.
    pub(crate) fn mirror(&self) -> String {
        format!("{}/example/ember", self.server.url())
    }

    /// All that was asked and answered is as GitHub describes it.
    pub(crate) fn assert_described(&self) {
        match openapi::check(&self.github.exchanges()) {
            Verdict::Accepted => {}
            Verdict::NotInstalled => not_run("@octokit/openapi with ajv"),
            Verdict::Refused(flaws) => panic!("not as GitHub describes it:\n{flaws}"),
        }
    }

    /// Must be called inside a Tokio runtime.
    pub(crate) fn client(&self, token: &str) -> GitHub {
        GitHub::of(&self.api(), "example/ember", token.to_owned(), SILENCE).unwrap()
    }
}

/// The product of that repository.
pub(crate) fn product() -> Product {
    let text = include_str!("../tests/product.yaml");
    release_plan::sources::product("product.yaml", text).unwrap()
}

/// A plan to release that product.
pub(crate) fn plan() -> Plan {
    let archive = |target: &str, extension: &str| {
        let name = format!("ember-{target}.{extension}");
        json!({ "name": name, "kind": "archive", "target": target })
    };
    let plan = json!({
        "schema": "release-plan/1",
        "product": "ember",
        "repository": "https://github.com/example/ember",
        "version": "1.2.3",
        "tag": "v1.2.3",
        "package_version": "1.2.3",
        "source": {
            "commit": "a".repeat(40),
            "committed_at": "2026-11-21T06:13:00Z",
            "lock_sha256": "b".repeat(64),
        },
        "tools": {
            "rust": "1.95.0",
            "zig": "0.17.0",
            "cargo-zigbuild": "0.24.0",
            "cargo-dist": "0.34.0",
        },
        "size_budget": 6_000_000,
        "upgrades_from": "0.0.0",
        "playbook_sha256": "c".repeat(64),
        "identity": "https://github.com/example/ember/.github/workflows/release.yml@refs/tags/v1.2.3",
        "assets": [
            archive("aarch64-apple-darwin", "tar.gz"),
            archive("x86_64-pc-windows-gnullvm", "zip"),
            { "name": "install.ps1", "kind": "bootstrap-script" },
            { "name": "install.sh", "kind": "bootstrap-script" },
            { "name": "plan.json", "kind": "plan" },
            { "name": "stub.sh", "kind": "bootstrap-script" },
            { "name": "upgrade.sh", "kind": "bootstrap-script" },
        ],
    });
    Plan::parse(plan.to_string().as_bytes()).unwrap()
}

pub(crate) fn repository() -> Repository {
    Repository {
        owner: "example".to_owned(),
        name: "ember".to_owned(),
        id: 71,
        owner_id: 72,
    }
}

/// Waits on a runtime that ends with it, and whatever is connected by it.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}
