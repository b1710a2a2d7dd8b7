//! Assets: the files of a release, uploaded while it is a draft and fixed once it is immutable.
//! Source: GitHub REST, "Release assets".

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::downloads;
use super::errors::ApiError;
use super::faults::Stillborn;
use super::http::{Caller, Id, Page, Site, now, segment};
use super::releases::Release;
use super::repository::bot;

/// An asset is smaller than this, in bytes.
const SIZE_LIMIT: u64 = 2 << 30;
const OCTETS: &str = "application/octet-stream";

/// An uploaded file.
#[derive(Clone, Debug)]
pub(super) struct Asset {
    pub(super) id: u64,
    pub(super) name: String,
    label: Option<String>,
    content_type: String,
    /// None while it is a `starter`: an upload failed, and nothing but the name was kept.
    pub(super) content: Option<Content>,
    pub(super) created: Timestamp,
}

/// What was uploaded.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) bytes: Bytes,
    /// SHA-256 in lower-case hex.
    pub(super) digest: String,
}

impl Asset {
    /// One that was uploaded whole.
    pub(super) fn of(id: u64, name: String, bytes: Bytes) -> Self {
        let digest = hex::encode(Sha256::digest(&bytes));
        Self {
            id,
            name,
            label: None,
            content_type: OCTETS.to_owned(),
            content: Some(Content { bytes, digest }),
            created: now(),
        }
    }

    pub(super) fn show(&self, site: &Site, release: &Release) -> Value {
        let (tag, name) = (release.tag_in_url(), segment(&self.name));
        let content = self.content.as_ref();
        let state = content.map_or("starter", |_| "uploaded");
        json!({
            "url": site.api(format_args!("/releases/assets/{}", self.id)),
            "browser_download_url": site.web(format_args!("/releases/download/{tag}/{name}")),
            "id": self.id,
            "node_id": format!("RA_{}", self.id),
            "name": self.name,
            "label": self.label,
            "state": state,
            "content_type": self.content_type,
            "size": content.map_or(0, |content| content.bytes.len()),
            "digest": content.map(|content| format!("sha256:{}", content.digest)),
            // The model wants it; downloads are in the request log.
            "download_count": 0,
            "created_at": self.created,
            "updated_at": self.created,
            "uploader": bot(site),
        })
    }
}

/// The name that GitHub keeps: a dot stands for each run of characters outside its alphabet.
fn kept_name(name: &str) -> String {
    let mut kept = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() || "-_.+@".contains(character) {
            kept.push(character);
        } else if !kept.ends_with('.') {
            kept.push('.');
        }
    }
    kept
}

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/releases/{id}/assets", get(list).post(upload))
        .route("/releases/assets/{id}", get(show).delete(delete))
}

async fn list(
    State(site): State<Site>,
    Extension(caller): Extension<Caller>,
    Id(id): Id,
    Query(page): Query<Page>,
) -> Result<Response, ApiError> {
    let state = site.github.state();
    let release = state.releases.visible(id, &caller)?;
    let shown = release
        .assets
        .iter()
        .map(|asset| asset.show(&site, release));
    Ok(page.of(&site.api(format_args!("/releases/{id}/assets")), shown))
}

/// What an upload says in its query.
#[derive(Deserialize)]
struct Naming {
    name: Option<String>,
    label: Option<String>,
}

async fn upload(
    State(site): State<Site>,
    Id(release): Id,
    Query(naming): Query<Naming>,
    stillborn: Option<Extension<Stillborn>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let name = naming.name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ApiError::field("ReleaseAsset", "missing_field", "name"))?;
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let announced = header(CONTENT_LENGTH).and_then(|size| size.parse().ok());
    let announced = announced.ok_or_else(|| ApiError::bad_request("Bad Content-Length: "))?;
    let content_type = header(CONTENT_TYPE).unwrap_or(OCTETS).to_owned();
    let content = receive(body, announced).await?;

    let mut state = site.github.state();
    let asset = Asset {
        id: state.releases.next_id(),
        name: kept_name(&name),
        label: naming.label,
        content_type,
        content: stillborn.is_none().then_some(content),
        created: now(),
    };
    let message = "Cannot upload assets to an immutable release.";
    let release = state.releases.mutable(release, message)?;
    if release.assets.iter().any(|other| other.name == asset.name) {
        return Err(ApiError::field("ReleaseAsset", "already_exists", "name"));
    }
    let shown = asset.show(&site, release);
    release.assets.push(asset);
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Reads the body to its end, each byte stored once, and hashes it on the way. `announced` is the
/// size in bytes that the sender gave, which hyper holds the body to.
async fn receive(mut body: Body, announced: u64) -> Result<Content, ApiError> {
    let refuse = |message: &str| Err(ApiError::custom("ReleaseAsset", "size", message));
    match announced {
        0 => return refuse("size must be greater than or equal to 1"),
        1..SIZE_LIMIT => {}
        _ => return refuse(&format!("size must be less than {SIZE_LIMIT}")),
    }
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    let mut hasher = Sha256::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|error| ApiError::bad_request(&error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            hasher.update(&data);
            bytes.extend_from_slice(&data);
        }
    }
    Ok(Content {
        bytes: bytes.into(),
        digest: hex::encode(hasher.finalize()),
    })
}

async fn show(
    State(site): State<Site>,
    Extension(caller): Extension<Caller>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let state = site.github.state();
    let found = state.releases.asset(id);
    let (release, asset) = found.ok_or_else(ApiError::not_found)?;
    state.releases.visible(release.id, &caller)?;
    if headers.get(ACCEPT).is_some_and(|accept| accept == OCTETS) {
        let url = downloads::object_url(&site, asset).ok_or_else(ApiError::not_found)?;
        Ok(downloads::redirect(&url))
    } else {
        Ok(Json(asset.show(&site, release)).into_response())
    }
}

async fn delete(State(site): State<Site>, Id(id): Id) -> Result<StatusCode, ApiError> {
    let mut state = site.github.state();
    let found = state.releases.asset(id);
    let release = found.ok_or_else(ApiError::not_found)?.0.id;
    let message = "Cannot delete assets from an immutable release.";
    let release = state.releases.mutable(release, message)?;
    release.assets.retain(|asset| asset.id != id);
    Ok(StatusCode::NO_CONTENT)
}
