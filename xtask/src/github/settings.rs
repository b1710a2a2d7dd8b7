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
    /// What an answer tells, where the token may have it; `absent` is what a 404 means to those who
    /// may see.
    fn of(answer: Answer<T>, absent: Option<T>) -> Answer<Self> {
        match answer {
            Ok(found) => Ok(Self::Is(found)),
            Err(GitHubError::Status { status, .. })
                if status == StatusCode::NOT_FOUND && absent.is_some() =>
            {
                Ok(absent.map_or_else(|| Self::Not(status.to_string()), Self::Is))
            }
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
        #[derive(Deserialize)]
        struct Immutable {
            enabled: bool,
        }
        // Nothing there, and nothing that this token may see, look alike to whoever administrates
        // nothing.
        let root = format!("{}/{}", self.api, self.repository);
        let repository: Value = self.read(&root).await?;
        let administrates = repository["permissions"]["admin"] == true;
        let immutable: Answer<Immutable> = self.get("immutable-releases").await;
        let immutable = immutable.map(|found| found.enabled);
        let mut found = BTreeMap::new();
        for name in environments {
            found.insert((*name).to_owned(), self.environment(name).await?);
        }
        Ok(Settings {
            immutable_releases: Seen::of(immutable, administrates.then_some(false))?,
            job_rights: Seen::of(self.get("actions/permissions/workflow").await, None)?,
            environments: found,
            rulesets: Seen::of(self.rulesets().await, None)?,
            pages: Seen::of(
                self.get("pages").await.map(Some),
                administrates.then_some(None),
            )?,
        })
    }

    async fn environment(&self, name: &str) -> Answer<Seen<Option<Environment>>> {
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
        let found = Seen::of(self.get(&path).await.map(Some), Some(None))?;
        let found: Found = match found {
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

    async fn rulesets(&self) -> Answer<Vec<Ruleset>> {
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
        let request = request.map_err(|error| GitHubError::Transport {
            request: words.clone(),
            message: error.to_string(),
        })?;
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
