//! The routes of all services on one origin. Relies on axum; what a service decides is decided
//! elsewhere, with the time of the request given to it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::{Parts, fulcio, path, rekor, tiles, traffic};

/// Larger than any request that a client makes, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

pub(super) fn router(parts: Arc<Parts>) -> Router {
    let certificate = format!("{}/api/v2/signingCert", path::FULCIO);
    let legacy_certificate = format!("{}/api/v1/signingCert", path::FULCIO);
    let entries = format!("{}/api/v1/log/entries", path::REKOR);
    let tiles_entries = format!("{}/api/v2/log/entries", path::TILES);
    let token = format!("{}/{{run_id}}/idtoken", path::OIDC);
    Router::new()
        .route(&certificate, post(signing_certificate))
        .route(&legacy_certificate, post(legacy_signing_certificate))
        .route(&entries, post(log_entry))
        .route(&format!("{entries}/{{uuid}}"), get(logged_entry))
        .route(&tiles_entries, post(tiles_entry))
        .route(path::TIMESTAMP, post(timestamp))
        .route(&token, get(id_token))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(parts.clone(), traffic::pass))
        .with_state(parts)
}

pub(super) fn kept_log(entries_json: &str) -> Result<Router, serde_json::Error> {
    let entries: Arc<HashMap<String, Value>> = Arc::new(serde_json::from_str(entries_json)?);
    let path = format!("{}/api/v1/log/entries/{{uuid}}", path::REKOR);
    Ok(Router::new()
        .route(&path, get(kept_entry))
        .with_state(entries))
}

async fn kept_entry(
    State(entries): State<Arc<HashMap<String, Value>>>,
    Path(uuid): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    let entry = entries.get(&uuid).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({ uuid: entry })))
}

async fn signing_certificate(
    State(parts): State<Arc<Parts>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, impl IntoResponse> {
    fulcio::signing_certificate(&parts, bearer(&headers), &body, Timestamp::now())
        .map(Json)
        .map_err(as_grpc_gateway)
}

async fn legacy_signing_certificate(
    State(parts): State<Arc<Parts>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    let now = Timestamp::now();
    let chain = fulcio::legacy_signing_certificate(&parts, bearer(&headers), &body, now)?;
    let kind = (CONTENT_TYPE, "application/pem-certificate-chain");
    Ok((StatusCode::CREATED, [kind], chain))
}

async fn log_entry(
    State(parts): State<Arc<Parts>>,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    let (uuid, entry) = rekor::create(&parts.rekor, &body, Timestamp::now())?;
    // sigstore-go finds the entry in the answer by the ETag.
    let name = [(ETAG, uuid.clone())];
    Ok((StatusCode::CREATED, name, Json(json!({ uuid: entry }))))
}

async fn logged_entry(
    State(parts): State<Arc<Parts>>,
    Path(uuid): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let entry = rekor::find(&parts.rekor, &uuid)?;
    Ok(Json(json!({ uuid: entry })))
}

async fn tiles_entry(
    State(parts): State<Arc<Parts>>,
    body: Bytes,
) -> Result<impl IntoResponse, (StatusCode, Json<Value>)> {
    let entry = tiles::create(&parts.tiles, &body, Timestamp::now()).map_err(as_grpc_gateway)?;
    Ok((StatusCode::CREATED, Json(entry)))
}

async fn timestamp(
    State(parts): State<Arc<Parts>>,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    let response = parts.tsa.respond(&body, Timestamp::now())?;
    let kind = (CONTENT_TYPE, "application/timestamp-reply");
    Ok((StatusCode::CREATED, [kind], response))
}

#[derive(Deserialize)]
struct TokenQuery {
    audience: Option<String>,
}

async fn id_token(
    State(parts): State<Arc<Parts>>,
    Query(query): Query<TokenQuery>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let bearer = bearer(&headers).ok_or_else(|| Refusal::unauthenticated("no bearer token"))?;
    let token = parts
        .issuer
        .issue(bearer, query.audience, Timestamp::now())?;
    Ok(Json(json!({ "value": token })))
}

/// The credentials after a scheme that is compared without regard to case (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Fulcio and the log of API v2 answer through a gateway that states gRPC's codes in place of
/// HTTP's.
fn as_grpc_gateway(refusal: Refusal) -> (StatusCode, Json<Value>) {
    const INVALID_ARGUMENT: u8 = 3;
    const ALREADY_EXISTS: u8 = 6;
    const INTERNAL: u8 = 13;
    const UNAUTHENTICATED: u8 = 16;
    let code = match refusal.status {
        StatusCode::BAD_REQUEST => INVALID_ARGUMENT,
        StatusCode::CONFLICT => ALREADY_EXISTS,
        StatusCode::UNAUTHORIZED => UNAUTHENTICATED,
        _ => INTERNAL,
    };
    let body = json!({"code": code, "message": refusal.message, "details": []});
    (refusal.status, Json(body))
}
