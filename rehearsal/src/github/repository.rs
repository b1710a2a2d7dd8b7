//! The repository itself and the accounts it names: its owner, and the bot that a workflow's token
//! acts as. Source: GitHub REST, "Get a repository".

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json, Router};
use jiff::Timestamp;
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

/// What else the API has of a repository: most of it is not here, but its address is shown.
const LINKS: [(&str, &str); 36] = [
    ("archive", "/{archive_format}{/ref}"),
    ("assignees", "/assignees{/user}"),
    ("blobs", "/git/blobs{/sha}"),
    ("branches", "/branches{/branch}"),
    ("collaborators", "/collaborators{/collaborator}"),
    ("comments", "/comments{/number}"),
    ("commits", "/commits{/sha}"),
    ("compare", "/compare/{base}...{head}"),
    ("contents", "/contents/{+path}"),
    ("contributors", "/contributors"),
    ("deployments", "/deployments"),
    ("downloads", "/downloads"),
    ("events", "/events"),
    ("forks", "/forks"),
    ("git_commits", "/git/commits{/sha}"),
    ("git_refs", "/git/refs{/sha}"),
    ("git_tags", "/git/tags{/sha}"),
    ("hooks", "/hooks"),
    ("issue_comment", "/issues/comments{/number}"),
    ("issue_events", "/issues/events{/number}"),
    ("issues", "/issues{/number}"),
    ("keys", "/keys{/key_id}"),
    ("labels", "/labels{/name}"),
    ("languages", "/languages"),
    ("merges", "/merges"),
    ("milestones", "/milestones{/number}"),
    ("notifications", "/notifications{?since,all,participating}"),
    ("pulls", "/pulls{/number}"),
    ("releases", "/releases{/id}"),
    ("stargazers", "/stargazers"),
    ("statuses", "/statuses/{sha}"),
    ("subscribers", "/subscribers"),
    ("subscription", "/subscription"),
    ("tags", "/tags"),
    ("teams", "/teams"),
    ("trees", "/git/trees{/sha}"),
];

/// What is counted of a repository. Nobody comes by here.
const COUNTS: [&str; 9] = [
    "forks",
    "forks_count",
    "network_count",
    "open_issues",
    "open_issues_count",
    "stargazers_count",
    "subscribers_count",
    "watchers",
    "watchers_count",
];

/// What a repository may have beside its code.
const FEATURES: [&str; 6] = [
    "discussions",
    "downloads",
    "issues",
    "pages",
    "projects",
    "wiki",
];

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/", get(show))
}

async fn show(State(site): State<Site>, Extension(caller): Extension<Caller>) -> Json<Value> {
    let repository = &site.github.0.repository;
    let http = site.web("");
    // Nothing tells when it was made, nor does anything ask.
    let since = Timestamp::UNIX_EPOCH;
    let mut shown = json!({
        "id": repository.id,
        "node_id": format!("R_{}", repository.id),
        "name": repository.name,
        "full_name": repository.full_name(),
        "owner": account(&site, &repository.owner, repository.owner_id, "Organization"),
        "private": false,
        "visibility": "public",
        "html_url": http,
        "clone_url": format!("{http}.git"),
        "git_url": format!("{http}.git"),
        "ssh_url": format!("{http}.git"),
        "svn_url": http,
        "mirror_url": null,
        "description": null,
        "homepage": null,
        "language": null,
        "license": null,
        "fork": false,
        "archived": false,
        "disabled": false,
        "default_branch": DEFAULT_BRANCH,
        "size": 0,
        "created_at": since,
        "updated_at": since,
        "pushed_at": since,
        "url": site.api(""),
    });
    for (name, path) in LINKS {
        shown[format!("{name}_url")] = site.api(path).into();
    }
    for name in COUNTS {
        shown[name] = 0.into();
    }
    for name in FEATURES {
        shown[format!("has_{name}")] = (name == "pages").into();
    }
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

/// A person's account.
pub(super) fn person(site: &Site, login: &str) -> Value {
    account(site, login, 5_832, "User")
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
