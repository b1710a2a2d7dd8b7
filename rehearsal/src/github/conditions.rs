//! Conditions: what a client already holds is not sent again. Source: RFC 9110, "If-None-Match";
//! GitHub REST, "Best practices for using the REST API".

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

/// Whether `asked` names the entity tag, which is given in its quotes and without a `W/`.
pub(super) fn held(asked: &HeaderMap, tag: &str) -> bool {
    let tags = asked.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let same = |other: &str| {
        let other = other.trim();
        other == "*" || other.trim_start_matches("W/") == tag
    };
    tags.is_some_and(|tags| tags.split(',').any(same))
}

/// Gives what the API shows an entity tag, and answers 304 to whoever holds it.
pub(super) async fn spare(request: Request, next: Next) -> Response {
    let reads = request.method() == Method::GET;
    let asked = request.headers().clone();
    let response = next.run(request).await;
    if !reads || response.status() != StatusCode::OK {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let tag = format!("\"{}\"", hex::encode(Sha256::digest(&body)));
    let weak = HeaderValue::try_from(format!("W/{tag}")).expect("hex is ASCII");
    if held(&asked, &tag) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, weak)]).into_response();
    }
    head.headers.insert(ETAG, weak);
    Response::from_parts(head, Body::from(body))
}
