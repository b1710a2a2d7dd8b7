//! What is to go wrong with one request, for whoever proves that a client dies well at every one.
//! The outermost layer. Relies on `line` for what no answer can show: resets and refusals.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use tokio::sync::Notify;

use super::errors::ApiError;
use super::http::{Site, uploads};
use crate::line::{Door, Line};
use crate::traffic;

/// What a request meets. *Before* and *after* say whether the server has done by then what it was
/// asked; where neither is said, it never does.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The request's connection and all others are reset. Until [`super::GitHub::heal`] nothing
    /// listens on the port, so that the system refuses every further connection.
    Refused,
    /// The connection is reset without an answer.
    ResetBefore,
    /// The same, once the server has acted.
    ResetAfter,
    /// No answer ever comes: the request is held until the client leaves, or until
    /// [`super::GitHub::heal`], which resets its connection.
    TimeOutBefore,
    /// The same, once the server has acted.
    TimeOutAfter,
    /// A refusal in GitHub's shape, of this HTTP status.
    Status(u16),
    /// 429, which asks to come back after so many seconds.
    Throttle {
        /// The value of `retry-after`.
        after_seconds: u32,
    },
    /// 403 for a secondary rate limit, which asks to come back after so many seconds.
    SecondaryLimit {
        /// The value of `retry-after`.
        after_seconds: u32,
    },
    /// A gateway's 502. When the request uploads an asset, an empty one of that name is left in the
    /// state `starter`.
    Starter,
    /// The server acts, and half of its answer arrives; nothing of an answer without a body.
    Truncated,
    /// Something happens when the head of the request has arrived.
    HookBefore(Hook),
    /// Something happens when the server has acted and has not answered.
    HookAfter(Hook),
}

/// What happens beside a request, and decides how that goes on.
#[derive(Clone)]
pub struct Hook(pub Arc<dyn Fn() -> Then + Send + Sync>);

/// How a request goes on after a [`Hook`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// As though nothing had been.
    GoOn,
    /// As with [`Fault::TimeOutBefore`]: for a client that the hook has killed.
    Hold,
}

impl fmt::Debug for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hook")
    }
}

/// What was ordered to go wrong, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Faults {
    state: Mutex<Progress>,
    healed: Notify,
}

#[derive(Debug, Default)]
struct Progress {
    order: Option<Order>,
    /// Requests since the order that are among those it counts.
    arrived: usize,
    broken: bool,
    /// What has been shut, and is opened by healing.
    shut: Option<Door>,
}

struct Order {
    at: usize,
    fault: Fault,
    among: Among,
}

/// Whether a request of this method and path is counted.
type Among = Box<dyn Fn(&str, &str) -> bool + Send>;

impl fmt::Debug for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Order");
        shown.field("at", &self.at).field("fault", &self.fault);
        shown.finish_non_exhaustive()
    }
}

impl Faults {
    pub(super) fn order(
        &self,
        at: usize,
        fault: Fault,
        among: impl Fn(&str, &str) -> bool + Send + 'static,
    ) {
        if let Fault::Status(status) = fault {
            let refuses = (400..600).contains(&status);
            assert!(refuses, "{status} is no HTTP status that refuses");
        }
        self.heal();
        *self.progress() = Progress {
            order: Some(Order {
                at,
                fault,
                among: Box::new(among),
            }),
            ..Progress::default()
        };
    }

    pub(super) fn heal(&self) {
        let mut progress = self.progress();
        // The count goes on.
        if let Some(order) = &mut progress.order {
            order.at = usize::MAX;
        }
        if let Some(door) = progress.shut.take() {
            door.open();
        }
        self.healed.notify_waiters();
    }

    pub(super) fn broken(&self) -> bool {
        self.progress().broken
    }

    pub(super) fn arrived(&self) -> usize {
        self.progress().arrived
    }

    /// Counts the request, which came on `line`, and tells what it meets.
    fn next(&self, request: &Request, line: &Line) -> Option<Fault> {
        let mut progress = self.progress();
        let Progress {
            order: Some(order), ..
        } = &*progress
        else {
            return None;
        };
        if !(order.among)(request.method().as_str(), &request.uri().to_string()) {
            return None;
        }
        let fault = (progress.arrived == order.at).then(|| order.fault.clone());
        progress.arrived += 1;
        progress.broken |= fault.is_some();
        if matches!(fault, Some(Fault::Refused)) {
            line.door().shut();
            progress.shut = Some(line.door().clone());
        }
        fault
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        let progress = self.state.lock();
        progress.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets happen to the request what is ordered for it.
pub(super) async fn meet(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let faults = &site.github.0.faults;
    // From here on, so that no healing is missed.
    let healed = faults.healed.notified();
    let line = request.extensions().get::<ConnectInfo<Line>>();
    let ConnectInfo(line) = line.expect("a Server serves the router").clone();
    let Some(fault) = faults.next(&request, &line) else {
        return next.run(request).await;
    };
    let held = async {
        healed.await;
        line.reset().await
    };
    match fault {
        Fault::Refused | Fault::ResetBefore => line.reset().await,
        Fault::ResetAfter => {
            next.run(request).await;
            line.reset().await
        }
        Fault::TimeOutBefore => {
            drain(request.into_body()).await;
            held.await
        }
        Fault::TimeOutAfter => {
            next.run(request).await;
            held.await
        }
        Fault::Status(status) => {
            drain(request.into_body()).await;
            refusal(status).into_response()
        }
        Fault::Throttle { after_seconds } => {
            drain(request.into_body()).await;
            ApiError::rate_limit(StatusCode::TOO_MANY_REQUESTS, after_seconds).into_response()
        }
        Fault::SecondaryLimit { after_seconds } => {
            drain(request.into_body()).await;
            ApiError::rate_limit(StatusCode::FORBIDDEN, after_seconds).into_response()
        }
        Fault::Starter => {
            if uploads(&request) {
                request.extensions_mut().insert(Stillborn);
                next.run(request).await;
            } else {
                drain(request.into_body()).await;
            }
            refusal(502).into_response()
        }
        Fault::Truncated => traffic::cut(next.run(request).await).await,
        Fault::HookBefore(Hook(hook)) => match hook() {
            Then::GoOn => next.run(request).await,
            Then::Hold => held.await,
        },
        Fault::HookAfter(Hook(hook)) => {
            let response = next.run(request).await;
            match hook() {
                Then::GoOn => response,
                Then::Hold => held.await,
            }
        }
    }
}

/// With an upload whose bytes the server will lose.
#[derive(Clone, Copy)]
pub(super) struct Stillborn;

/// Receives what the client sends, so that it comes to read the answer.
async fn drain(body: Body) {
    let mut frames = body.into_data_stream();
    while let Some(Ok(_)) = frames.next().await {}
}

fn refusal(status: u16) -> ApiError {
    let status = StatusCode::from_u16(status).expect("Faults::order takes no other");
    match status {
        StatusCode::UNAUTHORIZED => ApiError::unauthorized("Bad credentials"),
        StatusCode::FORBIDDEN => ApiError::forbidden(),
        StatusCode::NOT_FOUND => ApiError::not_found(),
        StatusCode::UNPROCESSABLE_ENTITY => ApiError::unprocessable("Validation Failed"),
        other if other.is_server_error() => ApiError::new(other, "Server Error"),
        other => ApiError::new(other, other.canonical_reason().unwrap_or_default()),
    }
}
