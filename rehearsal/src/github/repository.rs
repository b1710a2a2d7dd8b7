//! The repository itself and the accounts it names: its owner, and the bot that a workflow's token
//! acts as. Source: GitHub REST, "Get a repository".

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::http::{Caller, Site};
use super::rights::{Access, Permission};

/// The branch that a release's tag is made on when nothing else is said.
pub(super) const DEFAULT_BRANCH: &str = "main";

/// The identity of a repository. The numbers are those that GitHub puts in OIDC tokens and in
/// certificates, and never reuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The login of the user or organization.
    pub owner: String,
    /// The name, without the owner.
    pub name: String,
    /// GitHub's number of the repository.
    pub id: u64,
    /// GitHub's number of the owner.
    pub owner_id: u64,
}

impl Repository {
    /// `OWNER/NAME`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/", get(show))
}

async fn show(State(site): State<Site>, Extension(caller): Extension<Caller>) -> Json<Value> {
    let repository = &site.github.0.repository;
    let mut shown = json!({
        "id": repository.id,
        "node_id": format!("R_{}", repository.id),
        "name": repository.name,
        "full_name": repository.full_name(),
        "owner": account(&site, &repository.owner, repository.owner_id, "Organization"),
        "private": false,
        "visibility": "public",
        "html_url": site.web(""),
        "description": null,
        "fork": false,
        "archived": false,
        "disabled": false,
        "url": site.api(""),
        "releases_url": site.api("/releases{/id}"),
        "default_branch": DEFAULT_BRANCH,
    });
    if let Caller::Holder(rights) = caller {
        let push = rights.allow((Permission::Contents, Access::Write));
        let admin = rights.allow((Permission::Administration, Access::Write));
        shown["permissions"] = json!({
            "admin": admin, "maintain": admin, "push": push, "triage": push, "pull": true,
        });
    }
    Json(shown)
}

/// The account that a workflow's token acts as.
pub(super) fn bot(site: &Site) -> Value {
    account(site, "github-actions[bot]", 41_898_282, "Bot")
}

fn account(site: &Site, login: &str, id: u64, kind: &str) -> Value {
    let login_in_url = super::http::segment(login);
    let url = |path: &str| site.url(format_args!("/users/{login_in_url}{path}"));
    json!({
        "login": login,
        "id": id,
        "node_id": format!("U_{id}"),
        "avatar_url": url("/avatar"),
        "gravatar_id": "",
        "url": url(""),
        "html_url": site.url(format_args!("/{login_in_url}")),
        "followers_url": url("/followers"),
        "following_url": url("/following{/other_user}"),
        "gists_url": url("/gists{/gist_id}"),
        "starred_url": url("/starred{/owner}{/repo}"),
        "subscriptions_url": url("/subscriptions"),
        "organizations_url": url("/orgs"),
        "repos_url": url("/repos"),
        "events_url": url("/events{/privacy}"),
        "received_events_url": url("/received_events"),
        "type": kind,
        "site_admin": false,
    })
}
