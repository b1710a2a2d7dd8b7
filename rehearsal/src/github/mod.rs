//! The GitHub of the rehearsal: the part of it that a release publisher, its consumers and a
//! mover of channel pointers talk to, for one repository and one token. A file for each noun; the
//! state is behind one lock, and each step is a function over it. Shapes follow GitHub's REST API.

mod actions;
mod assets;
mod compare;
mod conditions;
mod contents;
mod downloads;
mod errors;
mod faults;
mod git;
mod http;
mod limits;
mod objects;
mod record;
mod releases;
mod repository;
mod rights;
mod settings;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};

use errors::ApiError;
use faults::Faults;
use git::Git;
use http::Site;
use limits::Limit;
use record::Note;
use releases::Releases;
use rights::Rights;
use settings::Settings;

pub use actions::Dispatch;
pub use faults::{Fault, Hook, Then};
pub use record::{Exchange, Request};
pub use releases::Listed;
pub use repository::Repository;
pub use rights::{Access, Permission, Right};

/// The longest JSON body in bytes: a blob of 40 MB in base64 fits.
const JSON_LIMIT: usize = 64 << 20;

/// One repository with its releases, assets, refs and objects. Clones share them.
#[derive(Clone, Debug)]
pub struct GitHub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    repository: Repository,
    state: Mutex<State>,
    faults: Faults,
}

/// All that requests change.
#[derive(Debug, Default)]
struct State {
    releases: Releases,
    git: Git,
    notes: Vec<Note>,
    tokens: HashMap<String, Rights>,
    limit: Option<Limit>,
    dispatches: Vec<Dispatch>,
    settings: Settings,
}

impl GitHub {
    /// An empty repository. `token` is that of a workflow's job with `contents: write` and
    /// `actions: write`.
    #[must_use]
    pub fn new(repository: Repository, token: &str) -> Self {
        let github = Self(Arc::new(Inner {
            repository,
            state: Mutex::default(),
            faults: Faults::default(),
        }));
        let rights = [Permission::Contents, Permission::Actions];
        github.admit_token(token, rights.map(|permission| (permission, Access::Write)));
        github
    }

    /// Takes `token` from now on, for what `rights` name and no more. What it could do before is
    /// forgotten.
    pub fn admit_token(&self, token: &str, rights: impl IntoIterator<Item = Right>) {
        let rights = rights.into_iter().collect();
        self.state().tokens.insert(token.to_owned(), rights);
    }

    /// The REST API under `/repos/OWNER/NAME`, and the public side (downloads and pages) under
    /// `/OWNER/NAME`, for a [`crate::Server`]. `url` is the origin that it will answer on, such as
    /// `http://127.0.0.1:8080`; every URL handed out begins with it.
    pub fn router(&self, url: &str) -> Router {
        let site = Site::new(self.clone(), url);
        let api = Router::new()
            .merge(repository::routes())
            .merge(releases::routes())
            .merge(assets::routes())
            .merge(git::routes())
            .merge(compare::routes())
            .merge(contents::routes())
            .merge(actions::routes())
            .merge(settings::routes())
            .fallback(unknown)
            .method_not_allowed_fallback(unknown)
            .layer(DefaultBodyLimit::max(JSON_LIMIT))
            .layer(from_fn(conditions::spare))
            .layer(from_fn_with_state(site.clone(), limits::keep))
            .layer(from_fn_with_state(site.clone(), http::authenticate));
        let name = self.0.repository.full_name();
        Router::new()
            .nest(&format!("/repos/{name}"), api)
            .nest(&format!("/{name}"), downloads::routes())
            .merge(downloads::objects())
            .merge(settings::users())
            .fallback(unknown)
            .layer(from_fn_with_state(site.clone(), record::note))
            .layer(from_fn_with_state(site.clone(), faults::meet))
            .with_state(site)
    }

    /// Every exchange with the API so far that was JSON or had no body, in the order of the answers.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.state()
            .notes
            .iter()
            .filter_map(Note::exchange)
            .collect()
    }

    /// Makes a commit known that the maintainer made on `parents`, as a push of what leads to it
    /// does. Of one that is first pushed by the functions below no parents are known.
    pub fn push_commit(&self, commit: &str, parents: &[&str]) {
        let (objects, now) = (&mut self.state().git.objects, http::now());
        for parent in parents {
            objects.add_foreign_commit(parent, &[], now);
        }
        objects.add_foreign_commit(commit, parents, now);
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

    /// From now on takes no more than `most` writes in any span of `window`, as the secondary rate
    /// limit does: one too many is answered 403 with `retry-after`.
    pub fn limit_writes(&self, most: usize, window: Duration) {
        self.state().limit = Some(Limit::new(most, window));
    }

    /// Every workflow that was started on request, in order.
    #[must_use]
    pub fn dispatches(&self) -> Vec<Dispatch> {
        self.state().dispatches.clone()
    }

    /// Has `fault` happen to the `k`-th request from now on, counted from 0: to the API, to the
    /// uploads, to downloads and to pages alike. What was ordered before is healed and forgotten.
    ///
    /// # Panics
    /// When [`Fault::Status`] states no HTTP status that refuses.
    pub fn break_at(&self, k: usize, fault: Fault) {
        self.break_at_among(k, fault, |_, _| true);
    }

    /// As [`Self::break_at`], where requests are counted for which `among` holds: it is given the
    /// method, and the path with its query as sent.
    ///
    /// # Panics
    /// As [`Self::break_at`].
    pub fn break_at_among(
        &self,
        k: usize,
        fault: Fault,
        among: impl Fn(&str, &str) -> bool + Send + 'static,
    ) {
        self.0.faults.order(k, fault, among);
    }

    /// Ends what [`Self::break_at`] ordered: listens again, lets go of requests that are held, and
    /// has nothing more happen to later ones.
    pub fn heal(&self) {
        self.0.faults.heal();
    }

    /// Whether the fault last ordered has happened.
    #[must_use]
    pub fn broken(&self) -> bool {
        self.0.faults.broken()
    }

    /// How many of the requests that the last order counts have arrived since, whatever became of
    /// them.
    #[must_use]
    pub fn arrived(&self) -> usize {
        self.0.faults.arrived()
    }

    /// Every request that a route answered so far, in the order of the answers. The answer need not
    /// have arrived; a request refused by a [`Fault`] is not among them.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.state().notes.iter().map(Note::request).collect()
    }

    /// Every release, drafts included, the oldest first.
    #[must_use]
    pub fn releases(&self) -> Vec<Listed> {
        self.state().releases.listed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

async fn unknown() -> ApiError {
    ApiError::not_found()
}
