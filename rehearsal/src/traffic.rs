//! How an answer fails on its way, for whatever service gives it. Relies on hyper, which sends an
//! answer's head no sooner than the body has something to say, and closes the connection when the
//! body fails.

use std::io;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};

/// No answer: the connection is closed before anything is sent.
pub(crate) fn close() -> Response {
    let failed = Err::<Bytes, _>(io::ErrorKind::ConnectionAborted);
    Body::from_stream(stream::iter([failed.map_err(io::Error::from)])).into_response()
}

/// The head of `response` and half of its body; nothing of a response without one.
pub(crate) async fn cut(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let whole = match to_bytes(body, usize::MAX).await {
        Ok(whole) if !whole.is_empty() => whole,
        _ => return close(),
    };
    head.headers.insert(CONTENT_LENGTH, whole.len().into());
    let half = whole.slice(..whole.len() / 2);
    let failure = stream::once(async {
        // Whoever waits lets what there is be sent.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    let body = stream::iter([Ok(half)]).chain(failure);
    Response::from_parts(head, Body::from_stream(body))
}
