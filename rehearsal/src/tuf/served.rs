//! A repository behind HTTP, with the ways in which a server fails. Relies on axum.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{StreamExt, stream};

use super::Repository;

/// A repository that is served. Clones share it.
#[derive(Clone)]
pub struct Tuf(Arc<Mutex<Served>>);

struct Served {
    repository: Repository,
    faults: BTreeMap<String, Fault>,
    asked: Vec<String>,
}

/// How a server fails with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It answers with this status.
    Status(StatusCode),
    /// It answers with this status once, and with the file from then on.
    Once(StatusCode),
    /// The file never ends.
    Endless,
    /// It sends the file a byte a second.
    Slow,
}

impl Tuf {
    /// Serves a repository.
    #[must_use]
    pub fn new(repository: Repository) -> Self {
        Self(Arc::new(Mutex::new(Served {
            repository,
            faults: BTreeMap::new(),
            asked: Vec::new(),
        })))
    }

    /// Changes the repository, or asks it something.
    pub fn with<T>(&self, change: impl FnOnce(&mut Repository) -> T) -> T {
        change(&mut self.served().repository)
    }

    /// From now on the server fails with the file `name`.
    pub fn fail(&self, name: &str, fault: Fault) {
        self.served().faults.insert(name.to_owned(), fault);
    }

    /// From now on the server fails with nothing.
    pub fn mend(&self) {
        self.served().faults.clear();
    }

    /// The names that were asked for since this was last called.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.served().asked)
    }

    /// The files, at the root of an origin.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/{*name}", get(file))
            .with_state(self.clone())
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn file(State(tuf): State<Tuf>, Path(name): Path<String>) -> Response {
    let (file, fault) = {
        let mut served = tuf.served();
        served.asked.push(name.clone());
        let file = served.repository.files().get(&name).cloned();
        let fault = served.faults.get(&name).copied();
        if let Some(Fault::Once(_)) = fault {
            served.faults.remove(&name);
        }
        (file, fault)
    };
    match (fault, file) {
        (Some(Fault::Status(status) | Fault::Once(status)), _) => status.into_response(),
        (Some(Fault::Endless), _) => {
            let block = Ok::<_, Infallible>(Bytes::from_static(&[b' '; 4096]));
            Body::from_stream(stream::repeat(block)).into_response()
        }
        (Some(Fault::Slow), Some(file)) => {
            let bytes = stream::iter(Bytes::from(file)).then(|byte| async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<_, Infallible>(Bytes::from(vec![byte]))
            });
            Body::from_stream(bytes).into_response()
        }
        (None, Some(file)) => file.into_response(),
        (_, None) => StatusCode::NOT_FOUND.into_response(),
    }
}
