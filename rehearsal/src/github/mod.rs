//! The GitHub of the rehearsal: the part of it that a release publisher, its consumers and a
//! mover of channel pointers talk to, for one repository and one token. A file for each noun; the
//! state is behind one lock, and each step is a function over it. Shapes follow GitHub's REST API.

mod assets;
mod contents;
mod downloads;
mod errors;
mod git;
mod http;
mod objects;
mod releases;
mod repository;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;

use errors::ApiError;
use git::Git;
use http::Site;
use releases::Releases;

pub use http::Request;
pub use repository::Repository;

/// The longest JSON body in bytes: a blob of 40 MB in base64 fits.
const JSON_LIMIT: usize = 64 << 20;

/// One repository with its releases, assets, refs and objects. Clones share them.
#[derive(Clone, Debug)]
pub struct GitHub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    repository: Repository,
    token: String,
    state: Mutex<State>,
}

/// All that requests change.
#[derive(Debug, Default)]
struct State {
    releases: Releases,
    git: Git,
    requests: Vec<Request>,
}

impl GitHub {
    /// An empty repository, in which `token` alone may write and see drafts.
    #[must_use]
    pub fn new(repository: Repository, token: &str) -> Self {
        Self(Arc::new(Inner {
            repository,
            token: token.to_owned(),
            state: Mutex::default(),
        }))
    }

    /// The REST API under `/repos/OWNER/NAME`, and the public side (downloads and pages) under
    /// `/OWNER/NAME`. `url` is the origin that the router will answer on, such as
    /// `http://127.0.0.1:8080`; every URL handed out begins with it.
    pub fn router(&self, url: &str) -> Router {
        let site = Site::new(self.clone(), url);
        let api = Router::new()
            .merge(repository::routes())
            .merge(releases::routes())
            .merge(assets::routes())
            .merge(git::routes())
            .merge(contents::routes())
            .fallback(unknown)
            .method_not_allowed_fallback(unknown)
            .layer(DefaultBodyLimit::max(JSON_LIMIT))
            .layer(from_fn_with_state(site.clone(), http::authenticate));
        let name = self.0.repository.full_name();
        Router::new()
            .nest(&format!("/repos/{name}"), api)
            .nest(&format!("/{name}"), downloads::routes())
            .merge(downloads::objects())
            .fallback(unknown)
            .layer(from_fn_with_state(site.clone(), http::log))
            .with_state(site)
    }

    /// What a maintainer's `git push origin TAG` does: `refs/tags/TAG` stands at `commit`, which
    /// the repository then knows. What the commit holds stays with the maintainer: here its tree
    /// is empty.
    pub fn push_tag(&self, tag: &str, commit: &str) {
        self.state().git.push(format!("refs/tags/{tag}"), commit);
    }

    /// As [`Self::push_tag`], for a tag made with `git tag --annotate`: an object of its own that
    /// names the commit.
    pub fn push_annotated_tag(&self, tag: &str, commit: &str) {
        self.state().git.push_annotated(tag, commit);
    }

    /// What a maintainer's `git push --force origin BRANCH` does; as [`Self::push_tag`].
    pub fn push_branch(&self, branch: &str, commit: &str) {
        self.state()
            .git
            .push(format!("refs/heads/{branch}"), commit);
    }

    /// Every request answered so far, in the order of the answers.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

async fn unknown() -> ApiError {
    ApiError::not_found()
}
