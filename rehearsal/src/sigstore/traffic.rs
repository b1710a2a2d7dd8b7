//! The way between clients and services: what passed on it, and what is to go wrong on it. One
//! layer around all routes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;
use super::{Parts, path};
use crate::traffic::{close, cut};

/// One of the services of a Sigstore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The certificate authority.
    Fulcio,
    /// The transparency log of API v1.
    Rekor,
    /// The transparency log of API v2.
    Tiles,
    /// The timestamp authority.
    Timestamp,
    /// GitHub's issuer of ID tokens.
    Oidc,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// A gateway answers with this status; the service never hears of it.
    Status(u16),
    /// A gateway answers 429 and asks to come back after so many seconds.
    Throttle(u32),
    /// The connection is closed without an answer; the service never hears of it.
    Close,
    /// The service does its work and the head of its answer arrives, but half of the body only.
    Cut,
    /// The service hears of it after this time.
    Delay(Duration),
}

/// How many requests a service had so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The service did what it was asked, even if its answer was then cut.
    pub granted: usize,
    /// The service answered that it would not.
    pub refused: usize,
    /// A [`Disturbance`] met it.
    pub disturbed: usize,
}

/// The ways to all services.
#[derive(Default)]
pub(super) struct Network([Mutex<Way>; 5]);

#[derive(Default)]
struct Way {
    traffic: Traffic,
    /// In the order they come, each with the number of requests it is still for.
    ahead: VecDeque<(Disturbance, usize)>,
}

impl Network {
    pub(super) fn traffic(&self, service: Service) -> Traffic {
        self.way(service).traffic
    }

    pub(super) fn disturb(&self, service: Service, disturbance: Disturbance, requests: usize) {
        if let Disturbance::Status(status) = disturbance {
            let known = StatusCode::from_u16(status).is_ok();
            assert!(known, "{status} is no HTTP status");
        }
        self.way(service).ahead.push_back((disturbance, requests));
    }

    fn way(&self, service: Service) -> MutexGuard<'_, Way> {
        let way = self.0[service as usize].lock();
        way.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Way {
    fn next_disturbance(&mut self) -> Option<Disturbance> {
        self.ahead.retain(|(_, requests)| *requests > 0);
        let (disturbance, requests) = self.ahead.front_mut()?;
        *requests -= 1;
        self.traffic.disturbed += 1;
        Some(*disturbance)
    }

    fn count(&mut self, decision: StatusCode) {
        if decision.is_success() {
            self.traffic.granted += 1;
        } else {
            self.traffic.refused += 1;
        }
    }
}

impl Service {
    fn of(path: &str) -> Option<Self> {
        let services = [
            (path::FULCIO, Self::Fulcio),
            (path::REKOR, Self::Rekor),
            (path::TILES, Self::Tiles),
            (path::TIMESTAMP, Self::Timestamp),
            (path::OIDC, Self::Oidc),
        ];
        let mut services = services.into_iter();
        services.find_map(|(prefix, service)| path.starts_with(prefix).then_some(service))
    }
}

/// Counts the request, and lets happen to it what is ordered for its service.
pub(super) async fn pass(
    State(parts): State<Arc<Parts>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(service) = Service::of(request.uri().path()) else {
        return next.run(request).await;
    };
    let network = &parts.network;
    let disturbance = network.way(service).next_disturbance();
    match disturbance {
        Some(Disturbance::Status(status)) => return refuse(status),
        Some(Disturbance::Throttle(seconds)) => {
            let wait = [(RETRY_AFTER, HeaderValue::from(seconds))];
            return (wait, refuse(429)).into_response();
        }
        Some(Disturbance::Close) => return close(),
        Some(Disturbance::Delay(time)) => tokio::time::sleep(time).await,
        Some(Disturbance::Cut) | None => {}
    }
    let response = next.run(request).await;
    network.way(service).count(response.status());
    if disturbance == Some(Disturbance::Cut) {
        cut(response).await
    } else {
        response
    }
}

fn refuse(status: u16) -> Response {
    let status = StatusCode::from_u16(status).expect("Network::disturb takes no other");
    Refusal::new(status, "the rehearsal was told to refuse").into_response()
}
