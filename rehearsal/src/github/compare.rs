//! Two commits compared by what their histories hold. Which files differ is not told. Relies on
//! `git` for revisions and on `objects` for histories. Source: GitHub REST, "Compare two commits".

use std::collections::HashSet;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::errors::ApiError;
use super::git::object_url;
use super::http::Site;
use super::objects::{Commit, Objects};

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/compare/{*revisions}", get(show))
}

async fn show(
    State(site): State<Site>,
    Path(revisions): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let git = &site.github.state().git;
    let objects = &git.objects;
    let (base, head) = revisions
        .split_once("...")
        .ok_or_else(ApiError::not_found)?;
    let resolve = |revision| git.resolve(revision).ok_or_else(ApiError::not_found);
    let (base_id, head_id) = (resolve(base)?, resolve(head)?);
    let of_base: HashSet<_> = objects.history(&base_id).collect();
    let of_head: HashSet<_> = objects.history(&head_id).collect();
    let merge_base = merge_base(objects, &of_base, &of_head).ok_or_else(|| {
        let message = format!("No common ancestor between {base} and {head}.");
        ApiError::new(StatusCode::NOT_FOUND, message)
    })?;
    let behind = of_base.difference(&of_head).count();
    let mut ahead: Vec<_> = objects
        .history(&head_id)
        .filter(|id| !of_base.contains(id))
        .filter_map(|id| Some((id, objects.commit(id)?)))
        .collect();
    // The oldest first; of one second, what stands on the other comes later.
    ahead.reverse();
    ahead.sort_by_key(|(_, commit)| commit.author.date);
    let status = match (ahead.len(), behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let shown = |id: &str| objects.commit(id).map(|commit| shown(&site, id, commit));
    let html_url = site.web(format_args!("/compare/{revisions}"));
    Ok(Json(json!({
        "url": site.api(format_args!("/compare/{revisions}")),
        "html_url": html_url,
        "permalink_url": site.web(format_args!("/compare/{base_id}...{head_id}")),
        "diff_url": format!("{html_url}.diff"),
        "patch_url": format!("{html_url}.patch"),
        "base_commit": shown(&base_id),
        "merge_base_commit": shown(merge_base),
        "status": status,
        "ahead_by": ahead.len(),
        "behind_by": behind,
        "total_commits": ahead.len(),
        "commits": ahead.iter().filter_map(|(id, _)| shown(id)).collect::<Vec<_>>(),
    })))
}

/// A commit of both histories on which no other of both stands.
fn merge_base<'a>(
    objects: &'a Objects,
    one: &HashSet<&'a str>,
    other: &HashSet<&'a str>,
) -> Option<&'a str> {
    let common: HashSet<_> = one.intersection(other).copied().collect();
    let commits = common.iter().filter_map(|id| objects.commit(id));
    let below = commits.flat_map(|commit| &commit.parents);
    let below: HashSet<_> = below.map(String::as_str).collect();
    common.difference(&below).next().copied()
}

/// A commit as lists of commits show it, with whom GitHub knows its people to be: nobody.
fn shown(site: &Site, id: &str, commit: &Commit) -> Value {
    let url = |id: &str| site.api(format_args!("/commits/{id}"));
    let html_url = |id: &str| site.web(format_args!("/commit/{id}"));
    let parents = commit
        .parents
        .iter()
        .map(|id| json!({"sha": id, "url": url(id), "html_url": html_url(id)}));
    let author = commit.author.shown();
    json!({
        "sha": id,
        "node_id": format!("C_{id}"),
        "url": url(id),
        "html_url": html_url(id),
        "comments_url": format!("{}/comments", url(id)),
        "commit": {
            "url": object_url(site, "commits", id),
            "author": author,
            "committer": author,
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": object_url(site, "trees", &commit.tree)},
            "comment_count": 0,
        },
        "author": null,
        "committer": null,
        "parents": parents.collect::<Vec<_>>(),
    })
}
