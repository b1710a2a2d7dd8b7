//! The settings of a repository that a release relies on, as far as a token may read them, and the
//! calls that change them.
//!
//! Source of the routes: <https://docs.github.com/en/rest>, version 2022-11-28.

use std::collections::BTreeMap;
use std::fmt;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Answer, GitHub, GitHubError};

/// Something on GitHub that not every token may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen<T> {
    /// What it is.
    Is(T),
    /// GitHub's answer to this token.
    Not(String),
}

/// What GitHub does with releases and jobs of this repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Whether a public release can be changed no more.
    pub(crate) immutable_releases: Seen<bool>,
    /// What a job's token may do that names no permission.
    pub(crate) job_rights: Seen<JobRights>,
    /// The environments that were asked for; none where there is none.
    pub(crate) environments: BTreeMap<String, Seen<Option<Environment>>>,
    pub(crate) rulesets: Seen<Vec<Ruleset>>,
    /// Where GitHub Pages takes its site from; none where there is no site.
    pub(crate) pages: Seen<Option<Pages>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct JobRights {
    /// `read` or `write`.
    pub(crate) default_workflow_permissions: String,
    pub(crate) can_approve_pull_request_reviews: bool,
}

/// An environment of jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// Those of whom one has to approve.
    pub(crate) reviewers: Vec<Reviewer>,
    /// The branches and tags whose jobs may enter; none where all may.
    pub(crate) policies: Option<Vec<Policy>>,
}

/// A user or a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reviewer {
    /// `User` or `Team`.
    pub(crate) kind: String,
    pub(crate) id: u64,
}

/// Names of branches or tags, as a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Policy {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// `branch` or `tag`.
    #[serde(default = "branch")]
    pub(crate) r#type: String,
}

/// Rules about branches or tags.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Ruleset {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// `branch` or `tag`.
    #[serde(default = "branch")]
    pub(crate) target: String,
    /// `active`, `evaluate` or `disabled`.
    pub(crate) enforcement: String,
    /// Who need not keep them; GitHub tells it to those alone who may change the rules.
    #[serde(default)]
    pub(crate) bypass_actors: Vec<Value>,
    #[serde(default)]
    pub(crate) conditions: Conditions,
    #[serde(default)]
    pub(crate) rules: Vec<RefRule>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Conditions {
    #[serde(default)]
    pub(crate) ref_name: RefNames,
}

/// Patterns of full names, such as `refs/tags/v*`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct RefNames {
    #[serde(default)]
    pub(crate) include: Vec<String>,
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct RefRule {
    /// Such as `deletion` or `update`.
    pub(crate) r#type: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Pages {
    /// `legacy` for a branch, `workflow` for what a workflow hands over.
    pub(crate) build_type: Option<String>,
    pub(crate) source: Option<PagesSource>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct PagesSource {
    pub(crate) branch: String,
    pub(crate) path: String,
}

/// A request that changes a setting.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Below `repos/OWNER/NAME`.
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        match &self.body {
            Some(body) => write!(f, " {body}"),
            None => Ok(()),
        }
    }
}

fn branch() -> String {
    "branch".to_owned()
}

impl Ruleset {
    /// Whether nobody can do `rules` to what `pattern` names.
    pub(crate) fn forbids(&self, target: &str, pattern: &str, rules: &[&str]) -> bool {
        let RefNames { include, exclude } = &self.conditions.ref_name;
        let covers = |name: &String| name == pattern || name == "~ALL";
        let has = |rule: &&str| self.rules.iter().any(|known| known.r#type == **rule);
        self.enforcement == "active"
            && self.target == target
            && include.iter().any(covers)
            && exclude.is_empty()
            && self.bypass_actors.is_empty()
            && rules.iter().all(has)
    }
}

impl<T> Seen<T> {
    /// What an answer tells, where the token may have it.
    fn of(answer: Answer<T>) -> Answer<Self> {
        match answer {
            Ok(found) => Ok(Self::Is(found)),
            Err(GitHubError::Status {
                status, message, ..
            }) if status == StatusCode::FORBIDDEN || status == StatusCode::NOT_FOUND => {
                Ok(Self::Not(format!("GitHub answered {status}: {message}")))
            }
            Err(error) => Err(error),
        }
    }
}

impl GitHub {
    /// The settings, with the environments called `environments`.
    ///
    /// # Errors
    /// Where GitHub does not answer. What this token may not read is told in [`Seen::Not`].
    pub(crate) async fn settings(&self, environments: &[&str]) -> Answer<Settings> {
        let mut found = BTreeMap::new();
        for name in environments {
            found.insert((*name).to_owned(), self.environment(name).await?);
        }
        let pages = self.find("pages").await;
        Ok(Settings {
            immutable_releases: self.immutable_releases().await?,
            job_rights: Seen::of(self.get("actions/permissions/workflow").await)?,
            environments: found,
            rulesets: self.rulesets().await?,
            pages: self.or_unseen(Seen::of(pages)?, &None).await?,
        })
    }

    /// Whether a public release can be changed no more.
    pub(crate) async fn immutable_releases(&self) -> Answer<Seen<bool>> {
        #[derive(Deserialize)]
        struct Immutable {
            enabled: bool,
        }
        let found: Answer<Option<Immutable>> = self.find("immutable-releases").await;
        let found = found.map(|found| found.is_some_and(|found| found.enabled));
        self.or_unseen(Seen::of(found)?, &false).await
    }

    /// To whoever administrates nothing, GitHub may say that nothing is there where something is.
    async fn or_unseen<T: PartialEq>(&self, found: Seen<T>, nothing: &T) -> Answer<Seen<T>> {
        match &found {
            Seen::Is(is) if is == nothing && !self.administrates().await? => {
                let message = "GitHub answered 404, as it does to those who may not see it";
                Ok(Seen::Not(message.to_owned()))
            }
            _ => Ok(found),
        }
    }

    async fn administrates(&self) -> Answer<bool> {
        let url = format!("{}/{}", self.api, self.repository);
        let repository: Value = self.read(&url).await?;
        Ok(repository["permissions"]["admin"] == true)
    }

    /// An environment; none where there is none.
    pub(crate) async fn environment(&self, name: &str) -> Answer<Seen<Option<Environment>>> {
        #[derive(Deserialize)]
        struct Found {
            #[serde(default)]
            protection_rules: Vec<Protection>,
            deployment_branch_policy: Option<Value>,
        }
        #[derive(Deserialize)]
        struct Protection {
            #[serde(default)]
            reviewers: Vec<Reviews>,
        }
        #[derive(Deserialize)]
        struct Reviews {
            r#type: String,
            reviewer: Account,
        }
        #[derive(Deserialize)]
        struct Account {
            id: u64,
        }
        #[derive(Deserialize)]
        struct Policies {
            branch_policies: Vec<Policy>,
        }
        let path = format!("environments/{name}");
        let found: Found = match Seen::of(self.find(&path).await)? {
            Seen::Is(Some(found)) => found,
            Seen::Is(None) => return Ok(Seen::Is(None)),
            Seen::Not(why) => return Ok(Seen::Not(why)),
        };
        let reviews = found.protection_rules.into_iter();
        let reviewers = reviews.flat_map(|rule| rule.reviewers).map(|one| Reviewer {
            kind: one.r#type,
            id: one.reviewer.id,
        });
        let policies = match &found.deployment_branch_policy {
            Some(policy) if policy["custom_branch_policies"] == true => {
                let path = format!("{path}/deployment-branch-policies?per_page=100");
                let found: Policies = self.get(&path).await?;
                Some(found.branch_policies)
            }
            // Protected branches are not what a release relies on.
            _ => None,
        };
        Ok(Seen::Is(Some(Environment {
            reviewers: reviewers.collect(),
            policies,
        })))
    }

    /// Every ruleset, with what it says.
    pub(crate) async fn rulesets(&self) -> Answer<Seen<Vec<Ruleset>>> {
        Seen::of(self.each_ruleset().await)
    }

    async fn each_ruleset(&self) -> Answer<Vec<Ruleset>> {
        #[derive(Deserialize)]
        struct Listed {
            id: u64,
        }
        let listed: Vec<Listed> = self.pages("rulesets").await?;
        let mut rulesets = Vec::new();
        for Listed { id } in listed {
            // The list leaves out what they say.
            rulesets.push(self.get(&format!("rulesets/{id}")).await?);
        }
        Ok(rulesets)
    }

    /// Changes a setting.
    pub(crate) async fn change(&self, call: &Call) -> Answer<()> {
        let Call { method, path, body } = call;
        self.send::<Value>(method.clone(), path, body.as_ref())
            .await
            .map(drop)
    }

    /// GitHub's number of a user.
    pub(crate) async fn user(&self, login: &str) -> Answer<u64> {
        #[derive(Deserialize)]
        struct Account {
            id: u64,
        }
        let account: Account = self.read(&format!("{}/users/{login}", self.api)).await?;
        Ok(account.id)
    }

    /// What is not below the repository.
    async fn read<T: DeserializeOwned>(&self, url: &str) -> Answer<T> {
        let words = format!("GET {url}");
        let request = http::Request::get(url).body(bytes::Bytes::new());
        let request = request.map_err(|error| GitHubError::transport(&words, &error))?;
        self.execute(words, request).await
    }

    /// Starts a workflow on a branch.
    pub(crate) async fn dispatch(&self, workflow: &str, branch: &str, inputs: Value) -> Answer<()> {
        self.change(&Call {
            method: Method::POST,
            path: format!("actions/workflows/{workflow}/dispatches"),
            body: Some(serde_json::json!({ "ref": branch, "inputs": inputs })),
        })
        .await
    }
}
