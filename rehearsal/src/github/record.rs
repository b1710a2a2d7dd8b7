//! What was asked and answered, for tests to look at afterwards.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::JSON_LIMIT;
use super::errors::ApiError;
use super::http::{Site, uploads};

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
}

/// A request to the API and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// The method, such as `GET`.
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// What was sent, when it is JSON: of an upload nothing is kept.
    pub body: Option<Value>,
    /// The status of the answer.
    pub status: u16,
    /// What was answered, if anything.
    pub answer: Option<Value>,
}

/// What is kept of a request to either side.
#[derive(Debug)]
pub(super) struct Note {
    request: Request,
    /// Both bodies, where they are for an [`Exchange`].
    bodies: Option<(Bytes, Bytes)>,
}

impl Note {
    pub(super) fn request(&self) -> Request {
        self.request.clone()
    }

    pub(super) fn exchange(&self) -> Option<Exchange> {
        let (body, answer) = self.bodies.as_ref()?;
        let Request {
            method,
            path,
            status,
        } = self.request();
        Some(Exchange {
            method,
            path,
            body: serde_json::from_slice(body).ok(),
            status,
            answer: serde_json::from_slice(answer).ok(),
        })
    }
}

/// Notes each request once its answer is known.
pub(super) async fn note(
    State(site): State<Site>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let method = request.method().to_string();
    let path = request.uri().to_string();
    let is_api = path.starts_with("/repos/");
    let (request, body) = if is_api && !uploads(&request) {
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, JSON_LIMIT).await else {
            return ApiError::bad_request("The body is cut or too long").into_response();
        };
        let request = axum::extract::Request::from_parts(head, Body::from(body.clone()));
        (request, body)
    } else {
        (request, Bytes::new())
    };

    let response = next.run(request).await;
    let status = response.status().as_u16();
    let kind = response.headers().get(CONTENT_TYPE);
    let is_json = kind.is_none_or(|kind| kind == "application/json");
    let (response, bodies) = if is_api && is_json {
        let (head, answer) = response.into_parts();
        let answer = to_bytes(answer, usize::MAX).await.unwrap_or_default();
        let response = Response::from_parts(head, Body::from(answer.clone()));
        (response, Some((body, answer)))
    } else {
        (response, None)
    };

    let request = Request {
        method,
        path,
        status,
    };
    site.github.state().notes.push(Note { request, bodies });
    response
}
