//! Settings of the repository that a maintainer makes: rights of jobs, environments, rulesets and
//! the site. They are kept and shown; none is enforced here. Source: GitHub REST, "Actions
//! permissions", "Deployment environments", "Deployment branch policies", "Rules" and "Pages".

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{delete, get};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::ApiError;
use super::http::{Id, Page, Payload, Site, now, segment};
use super::repository::person;

/// What the settings are.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// GitHub's own where nobody has changed them.
    jobs: Option<Jobs>,
    environments: BTreeMap<String, Environment>,
    rulesets: BTreeMap<u64, Ruleset>,
    pages: Option<Pages>,
    /// Ids given out so far.
    ids: u64,
}

#[derive(Clone, Debug, Deserialize)]
struct Jobs {
    default_workflow_permissions: String,
    can_approve_pull_request_reviews: bool,
}

#[derive(Debug)]
struct Environment {
    id: u64,
    since: Timestamp,
    reviewers: Vec<Reviewer>,
    /// Whether only jobs of the branches and tags below may enter.
    custom: bool,
    policies: BTreeMap<u64, Policy>,
}

#[derive(Debug, Deserialize)]
struct Reviewer {
    r#type: String,
    id: u64,
}

#[derive(Debug, Deserialize)]
struct Policy {
    name: String,
    r#type: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Ruleset {
    name: String,
    target: Option<String>,
    enforcement: String,
    #[serde(default)]
    bypass_actors: Vec<Value>,
    #[serde(default)]
    conditions: Value,
    #[serde(default)]
    rules: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Pages {
    build_type: Option<String>,
    source: Source,
}

#[derive(Debug, Deserialize)]
struct Source {
    branch: String,
    path: Option<String>,
}

impl Settings {
    fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn environment(&mut self, name: &str) -> Result<&mut Environment, ApiError> {
        let found = self.environments.get_mut(name);
        found.ok_or_else(ApiError::not_found)
    }
}

pub(super) fn routes() -> Router<Site> {
    let policies = "/environments/{name}/deployment-branch-policies";
    Router::new()
        .route(
            "/actions/permissions/workflow",
            get(show_jobs).put(set_jobs),
        )
        .route(
            "/environments/{name}",
            get(show_environment).put(set_environment),
        )
        .route(policies, get(list_policies).post(add_policy))
        .route(&format!("{policies}/{{id}}"), delete(remove_policy))
        .route("/rulesets", get(list_rulesets).post(add_ruleset))
        .route("/rulesets/{id}", get(show_ruleset).put(set_ruleset))
        .route("/pages", get(show_pages).post(make_pages).put(set_pages))
}

/// The accounts that there are here: one, whatever its name.
pub(super) fn users() -> Router<Site> {
    Router::new().route("/users/{login}", get(show_user))
}

async fn show_user(State(site): State<Site>, Path(login): Path<String>) -> Json<Value> {
    Json(person(&site, &login))
}

async fn show_jobs(State(site): State<Site>) -> Json<Value> {
    let state = site.github.state();
    let jobs = state.settings.jobs.as_ref();
    let permissions = jobs.map_or("write", |jobs| &jobs.default_workflow_permissions);
    let approve = jobs.is_none_or(|jobs| jobs.can_approve_pull_request_reviews);
    Json(json!({
        "default_workflow_permissions": permissions,
        "can_approve_pull_request_reviews": approve,
    }))
}

async fn set_jobs(State(site): State<Site>, Payload(jobs): Payload<Jobs>) -> StatusCode {
    site.github.state().settings.jobs = Some(jobs);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct NewEnvironment {
    reviewers: Option<Vec<Reviewer>>,
    deployment_branch_policy: Option<Limits>,
}

#[derive(Deserialize)]
struct Limits {
    protected_branches: bool,
    custom_branch_policies: bool,
}

async fn set_environment(
    State(site): State<Site>,
    Path(name): Path<String>,
    Payload(new): Payload<NewEnvironment>,
) -> Result<Json<Value>, ApiError> {
    let limits = new.deployment_branch_policy;
    let either = |limits: &Limits| limits.protected_branches != limits.custom_branch_policies;
    if !limits.as_ref().is_none_or(either) {
        let message = "protected_branches and custom_branch_policies cannot have the same value";
        return Err(ApiError::unprocessable(message));
    }
    let settings = &mut site.github.state().settings;
    let id = settings.id();
    let environment = settings.environments.entry(name.clone());
    let environment = environment.or_insert_with(|| Environment {
        id,
        since: now(),
        reviewers: Vec::new(),
        custom: false,
        policies: BTreeMap::new(),
    });
    // What is left out is taken away.
    environment.reviewers = new.reviewers.unwrap_or_default();
    environment.custom = limits.is_some_and(|limits| limits.custom_branch_policies);
    Ok(Json(environment.show(&site, &name)))
}

async fn show_environment(
    State(site): State<Site>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let mut state = site.github.state();
    let environment = state.settings.environment(&name)?;
    Ok(Json(environment.show(&site, &name)))
}

impl Environment {
    fn show(&self, site: &Site, name: &str) -> Value {
        let mut rules = Vec::new();
        let rule = |kind: &str| {
            let number = rules_id(self.id, kind);
            json!({"id": number, "node_id": format!("GA_{number}"), "type": kind})
        };
        if !self.reviewers.is_empty() {
            let reviewers = self.reviewers.iter().map(|one| {
                let mut reviewer = person(site, "reviewer");
                reviewer["id"] = one.id.into();
                json!({"type": one.r#type, "reviewer": reviewer})
            });
            let mut reviewed = rule("required_reviewers");
            reviewed["prevent_self_review"] = false.into();
            reviewed["reviewers"] = reviewers.collect();
            rules.push(reviewed);
        }
        let mut policy = Value::Null;
        if self.custom {
            rules.push(rule("branch_policy"));
            policy = json!({"protected_branches": false, "custom_branch_policies": true});
        }
        json!({
            "id": self.id,
            "node_id": format!("EN_{}", self.id),
            "name": name,
            "url": site.api(format_args!("/environments/{}", segment(name))),
            "html_url": site.web("/deployments/activity_log"),
            "created_at": self.since,
            "updated_at": self.since,
            "protection_rules": rules,
            "deployment_branch_policy": policy,
        })
    }
}

/// A number of its own for each rule of an environment.
fn rules_id(environment: u64, kind: &str) -> u64 {
    environment * 100 + kind.len() as u64
}

async fn list_policies(
    State(site): State<Site>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let mut state = site.github.state();
    let policies = &state.settings.environment(&name)?.policies;
    let shown = policies.iter().map(|(id, policy)| policy.show(*id));
    Ok(Json(json!({
        "total_count": policies.len(), "branch_policies": shown.collect::<Vec<_>>(),
    })))
}

async fn add_policy(
    State(site): State<Site>,
    Path(name): Path<String>,
    Payload(policy): Payload<Policy>,
) -> Result<Json<Value>, ApiError> {
    let settings = &mut site.github.state().settings;
    let id = settings.id();
    let environment = settings.environment(&name)?;
    if !environment.custom {
        // GitHub says no more either.
        return Err(ApiError::not_found());
    }
    let shown = policy.show(id);
    environment.policies.insert(id, policy);
    Ok(Json(shown))
}

async fn remove_policy(
    State(site): State<Site>,
    Path((name, id)): Path<(String, u64)>,
) -> Result<StatusCode, ApiError> {
    let mut state = site.github.state();
    let policies = &mut state.settings.environment(&name)?.policies;
    policies.remove(&id).ok_or_else(ApiError::not_found)?;
    Ok(StatusCode::NO_CONTENT)
}

impl Policy {
    fn show(&self, id: u64) -> Value {
        json!({
            "id": id,
            "node_id": format!("GBP_{id}"),
            "name": self.name,
            "type": self.r#type.as_deref().unwrap_or("branch"),
        })
    }
}

async fn list_rulesets(State(site): State<Site>, Query(page): Query<Page>) -> Response {
    let state = site.github.state();
    let shown = state.settings.rulesets.iter().map(|(id, ruleset)| {
        let mut shown = ruleset.show(&site, *id);
        // The list says of each that it is there.
        if let Some(shown) = shown.as_object_mut() {
            for hidden in ["bypass_actors", "conditions", "rules"] {
                shown.remove(hidden);
            }
        }
        shown
    });
    page.of(&site.api("/rulesets"), shown)
}

async fn show_ruleset(State(site): State<Site>, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let state = site.github.state();
    let ruleset = state.settings.rulesets.get(&id);
    let ruleset = ruleset.ok_or_else(ApiError::not_found)?;
    Ok(Json(ruleset.show(&site, id)))
}

async fn add_ruleset(
    State(site): State<Site>,
    Payload(ruleset): Payload<Ruleset>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let settings = &mut site.github.state().settings;
    let mut known = settings.rulesets.values();
    if known.any(|known| known.name == ruleset.name) {
        return Err(ApiError::unprocessable("Name must be unique"));
    }
    let id = settings.id();
    let shown = ruleset.show(&site, id);
    settings.rulesets.insert(id, ruleset);
    Ok((StatusCode::CREATED, Json(shown)))
}

async fn set_ruleset(
    State(site): State<Site>,
    Id(id): Id,
    Payload(ruleset): Payload<Ruleset>,
) -> Result<Json<Value>, ApiError> {
    let rulesets = &mut site.github.state().settings.rulesets;
    let known = rulesets.get_mut(&id).ok_or_else(ApiError::not_found)?;
    *known = ruleset;
    Ok(Json(known.show(&site, id)))
}

impl Ruleset {
    fn show(&self, site: &Site, id: u64) -> Value {
        json!({
            "id": id,
            "name": self.name,
            "target": self.target.as_deref().unwrap_or("branch"),
            "source_type": "Repository",
            "source": site.github.0.repository.full_name(),
            "enforcement": self.enforcement,
            "bypass_actors": self.bypass_actors,
            "node_id": format!("RRS_{id}"),
            "conditions": self.conditions,
            "rules": self.rules,
        })
    }
}

async fn show_pages(State(site): State<Site>) -> Result<Json<Value>, ApiError> {
    let state = site.github.state();
    let pages = state.settings.pages.as_ref();
    Ok(Json(pages.ok_or_else(ApiError::not_found)?.show(&site)))
}

async fn make_pages(
    State(site): State<Site>,
    Payload(pages): Payload<Pages>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut state = site.github.state();
    if state.git.resolve(&pages.source.branch).is_none() {
        let message = format!("The {} branch must exist", pages.source.branch);
        return Err(ApiError::unprocessable(message));
    }
    if state.settings.pages.is_some() {
        let message = "GitHub Pages is already enabled.";
        return Err(ApiError::new(StatusCode::CONFLICT, message));
    }
    let shown = pages.show(&site);
    state.settings.pages = Some(pages);
    Ok((StatusCode::CREATED, Json(shown)))
}

async fn set_pages(
    State(site): State<Site>,
    Payload(pages): Payload<Pages>,
) -> Result<StatusCode, ApiError> {
    let known = &mut site.github.state().settings.pages;
    *known.as_mut().ok_or_else(ApiError::not_found)? = pages;
    Ok(StatusCode::NO_CONTENT)
}

impl Pages {
    fn show(&self, site: &Site) -> Value {
        json!({
            "url": site.api("/pages"),
            "status": null,
            "cname": null,
            "custom_404": false,
            "html_url": site.web("/"),
            "build_type": self.build_type.as_deref().unwrap_or("legacy"),
            "source": {
                "branch": self.source.branch, "path": self.source.path.as_deref().unwrap_or("/"),
            },
            "public": true,
            "https_enforced": true,
        })
    }
}
