//! Files and directories by path, at a branch, a tag or a commit. Relies on `git` for what stands
//! there. Source: GitHub REST, "Repository contents".

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::ApiError;
use super::git::{object_url, wrapped_base64};
use super::http::Site;
use super::objects::{Entry, Objects};
use super::repository::DEFAULT_BRANCH;

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/contents/{*path}", get(show))
}

#[derive(Deserialize)]
struct At {
    #[serde(rename = "ref")]
    revision: Option<String>,
}

async fn show(
    State(site): State<Site>,
    Path(path): Path<String>,
    Query(at): Query<At>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let git = &site.github.state().git;
    let revision = at.revision.as_deref().unwrap_or(DEFAULT_BRANCH);
    let commit = git.resolve(revision).ok_or_else(ApiError::not_found)?;
    let entry = git.objects.entry(&commit, &path);
    let entry = entry.ok_or_else(ApiError::not_found)?;
    if let Some((_, tree)) = git.objects.tree(&entry.id) {
        let listed = tree.iter().map(|(name, entry)| {
            let path = format!("{path}/{name}");
            content_json(&site, &git.objects, revision, &path, entry)
        });
        return Ok(Json(listed.collect::<Vec<_>>()).into_response());
    }
    let bytes = git
        .objects
        .blob(&entry.id)
        .ok_or_else(ApiError::not_found)?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("raw")) {
        return Ok(bytes.clone().into_response());
    }
    let mut shown = content_json(&site, &git.objects, revision, &path, entry);
    shown["encoding"] = "base64".into();
    shown["content"] = wrapped_base64(bytes).into();
    Ok(Json(shown).into_response())
}

fn content_json(
    site: &Site,
    objects: &Objects,
    revision: &str,
    path: &str,
    entry: &Entry,
) -> Value {
    let (kind, kinds, page) = if entry.is_directory() {
        ("dir", "trees", "tree")
    } else {
        ("file", "blobs", "blob")
    };
    let url = site.api(format_args!("/contents/{path}?ref={revision}"));
    let html_url = site.web(format_args!("/{page}/{revision}/{path}"));
    let git_url = object_url(site, kinds, &entry.id);
    json!({
        "type": kind,
        "name": path.rsplit('/').next(),
        "path": path,
        "sha": entry.id,
        "size": objects.blob(&entry.id).map_or(0, Bytes::len),
        "url": url,
        "html_url": html_url,
        "git_url": git_url,
        "download_url": null,
        "_links": {"self": url, "git": git_url, "html": html_url},
    })
}
