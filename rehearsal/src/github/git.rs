//! Git data over REST: refs, and the objects that they lead to. A branch is moved by
//! compare-and-swap. Relies on `objects` for the store. Source: GitHub REST, "Git database".

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::ApiError;
use super::http::{Payload, Site, now};
use super::objects::{Commit, DIRECTORY, Entry, ObjectId, Objects, Signature, Tree};

/// The store, and the names by which it is entered.
#[derive(Debug, Default)]
pub(super) struct Git {
    pub(super) objects: Objects,
    /// From a full name, such as `refs/tags/v1.0.0`, to a commit.
    refs: BTreeMap<String, ObjectId>,
    /// From the full name of an annotated tag to the tag object that stands before its commit.
    annotations: BTreeMap<String, ObjectId>,
}

impl Git {
    /// What stands at `path` below `revision`: its id and bytes, and when the commit was made.
    pub(super) fn file(&self, revision: &str, path: &str) -> Option<(&str, &Bytes, Timestamp)> {
        let commit = self.resolve(revision)?;
        let entry = self.objects.entry(&commit, path)?;
        let bytes = self.objects.blob(&entry.id)?;
        Some((&entry.id, bytes, self.objects.commit(&commit)?.author.date))
    }

    /// Every file of a branch, by its path; none where there is no such branch.
    pub(super) fn files(&self, branch: &str) -> BTreeMap<String, Bytes> {
        let commit = self.resolve(branch);
        commit.map_or_else(BTreeMap::new, |commit| self.objects.files(&commit))
    }

    /// Has a branch stand at a commit of the maintainer's that holds `files` alone.
    pub(super) fn push_files(&mut self, branch: &str, files: BTreeMap<String, Bytes>) {
        let mut tree = Tree::new();
        for (path, bytes) in files {
            let entry = Entry {
                mode: "100644".to_owned(),
                id: self.objects.add_blob(bytes),
            };
            tree = self.objects.with_entry(&tree, &path, entry);
        }
        let tree = self.objects.add_tree(tree);
        let commit = self.objects.add_commit(Commit {
            tree,
            parents: Vec::new(),
            author: Signature::of_maintainer(now()),
            message: String::new(),
        });
        self.refs.insert(format!("refs/heads/{branch}"), commit);
    }

    pub(super) fn push(&mut self, name: String, commit: &str) {
        self.objects.add_foreign_commit(commit, &[], now());
        self.refs.insert(name, commit.to_owned());
    }

    /// An annotated tag: a tag object at `commit`, and the reference at the tag object.
    pub(super) fn push_annotated(&mut self, tag: &str, commit: &str) {
        let name = format!("refs/tags/{tag}");
        self.push(name.clone(), commit);
        let id = self.objects.add_tag(tag, commit, now());
        self.annotations.insert(name, id);
    }

    /// Makes the tag at `target`, a branch or a commit, unless it exists. None when there is
    /// neither.
    pub(super) fn tag(&mut self, tag: &str, target: &str) -> Option<()> {
        let name = format!("refs/tags/{tag}");
        if !self.refs.contains_key(&name) {
            let commit = self.resolve(target)?;
            self.refs.insert(name, commit);
        }
        Some(())
    }

    /// The commit that a branch, a tag or a commit's id stands for.
    pub(super) fn resolve(&self, revision: &str) -> Option<ObjectId> {
        let named = |kind: &str| self.refs.get(&format!("refs/{kind}/{revision}")).cloned();
        named("heads").or_else(|| named("tags")).or_else(|| {
            let commit = self.objects.commit(revision);
            commit.map(|_| revision.to_owned())
        })
    }

    fn check_commit(&self, id: &str) -> Result<(), ApiError> {
        match self.objects.commit(id) {
            Some(_) => Ok(()),
            None => Err(ApiError::unprocessable("Object does not exist")),
        }
    }

    fn create_ref(&mut self, name: &str, commit: &str) -> Result<(), ApiError> {
        let valid = name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        if !valid || name.ends_with('/') {
            return Err(ApiError::unprocessable(format!(
                "{name} is not a valid ref name."
            )));
        }
        self.check_commit(commit)?;
        if self.refs.contains_key(name) {
            return Err(ApiError::unprocessable("Reference already exists"));
        }
        self.refs.insert(name.to_owned(), commit.to_owned());
        Ok(())
    }

    fn move_ref(&mut self, name: &str, commit: &str, force: bool) -> Result<(), ApiError> {
        self.check_commit(commit)?;
        let present = self.refs.get_mut(name);
        let present = present.ok_or_else(|| ApiError::unprocessable("Reference does not exist"))?;
        if !force && !self.objects.descends(commit, present) {
            return Err(ApiError::unprocessable("Update is not a fast forward"));
        }
        commit.clone_into(present);
        Ok(())
    }

    fn show_ref(&self, site: &Site, name: &str) -> Result<Json<Value>, ApiError> {
        let commit = self.refs.get(name).ok_or_else(ApiError::not_found)?;
        let path = name.trim_start_matches("refs/");
        let (kind, id) = match self.annotations.get(name) {
            Some(tag) => ("tag", tag),
            None => ("commit", commit),
        };
        Ok(Json(json!({
            "ref": name,
            "node_id": format!("REF_{name}"),
            "url": site.api(format_args!("/git/ref/{path}")),
            "object": {"type": kind, "sha": id, "url": object_url(site, &format!("{kind}s"), id)},
        })))
    }
}

/// Where the API shows the object; `kind` is in the plural.
pub(super) fn object_url(site: &Site, kind: &str, id: &str) -> String {
    site.api(format_args!("/git/{kind}/{id}"))
}

/// As the API sends bytes: base64 in lines of 60.
pub(super) fn wrapped_base64(bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut wrapped = String::new();
    for (index, character) in encoded.chars().enumerate() {
        wrapped.push(character);
        if index % 60 == 59 {
            wrapped.push('\n');
        }
    }
    if !wrapped.is_empty() && !wrapped.ends_with('\n') {
        wrapped.push('\n');
    }
    wrapped
}

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/git/ref/{*name}", get(show_ref))
        .route("/git/matching-refs/{*beginning}", get(list_refs))
        .route("/git/refs", post(create_ref))
        .route("/git/refs/heads/{*branch}", patch(move_branch))
        .route("/git/commits", post(create_commit))
        .route("/git/commits/{id}", get(show_commit))
        .route("/git/tags/{id}", get(show_tag))
        .route("/git/trees", post(create_tree))
        .route("/git/trees/{id}", get(show_tree))
        .route("/git/blobs", post(create_blob))
        .route("/git/blobs/{id}", get(show_blob))
}

async fn show_ref(
    State(site): State<Site>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let state = site.github.state();
    state.git.show_ref(&site, &format!("refs/{name}"))
}

/// All refs whose names begin so: none is an answer too.
async fn list_refs(
    State(site): State<Site>,
    Path(beginning): Path<String>,
) -> Result<Json<Vec<Value>>, ApiError> {
    let git = &site.github.state().git;
    let beginning = format!("refs/{beginning}");
    let names = git.refs.keys().filter(|name| name.starts_with(&beginning));
    let shown = names.map(|name| Ok(git.show_ref(&site, name)?.0));
    Ok(Json(shown.collect::<Result<_, ApiError>>()?))
}

#[derive(Deserialize)]
struct NewRef {
    #[serde(rename = "ref")]
    name: String,
    sha: ObjectId,
}

async fn create_ref(
    State(site): State<Site>,
    Payload(new): Payload<NewRef>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let git = &mut site.github.state().git;
    git.create_ref(&new.name, &new.sha)?;
    Ok((StatusCode::CREATED, git.show_ref(&site, &new.name)?))
}

#[derive(Deserialize)]
struct Move {
    sha: ObjectId,
    #[serde(default)]
    force: bool,
}

async fn move_branch(
    State(site): State<Site>,
    Path(branch): Path<String>,
    Payload(to): Payload<Move>,
) -> Result<Json<Value>, ApiError> {
    let git = &mut site.github.state().git;
    let name = format!("refs/heads/{branch}");
    git.move_ref(&name, &to.sha, to.force)?;
    git.show_ref(&site, &name)
}

#[derive(Deserialize)]
struct NewCommit {
    message: String,
    tree: ObjectId,
    #[serde(default)]
    parents: Vec<ObjectId>,
    author: Option<NewAuthor>,
}

#[derive(Deserialize)]
struct NewAuthor {
    name: String,
    email: String,
    date: Option<Timestamp>,
}

impl From<Option<NewAuthor>> for Signature {
    fn from(author: Option<NewAuthor>) -> Self {
        let author = author.unwrap_or_else(|| NewAuthor {
            name: "github-actions[bot]".to_owned(),
            email: "41898282+github-actions[bot]@users.noreply.github.com".to_owned(),
            date: None,
        });
        Self {
            name: author.name,
            email: author.email,
            date: author.date.unwrap_or_else(now),
        }
    }
}

async fn create_commit(
    State(site): State<Site>,
    Payload(new): Payload<NewCommit>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let objects = &mut site.github.state().git.objects;
    let (tree, _) = objects
        .tree(&new.tree)
        .ok_or_else(|| ApiError::unprocessable("Tree SHA does not exist"))?;
    if !new.parents.iter().all(|id| objects.commit(id).is_some()) {
        let message = "Parent SHA does not exist or is not a commit object";
        return Err(ApiError::unprocessable(message));
    }
    let commit = Commit {
        tree: tree.to_owned(),
        parents: new.parents,
        author: new.author.into(),
        message: new.message,
    };
    let id = objects.add_commit(commit.clone());
    let shown = commit_json(&site, &id, &commit);
    Ok((StatusCode::CREATED, Json(shown)))
}

async fn show_tag(
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let objects = &site.github.state().git.objects;
    let tag = objects.tag(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(json!({
        "sha": id,
        "node_id": format!("TA_{id}"),
        "url": object_url(&site, "tags", &id),
        "tag": tag.name,
        "message": tag.message,
        "tagger": tag.tagger.shown(),
        "object": {
            "type": "commit",
            "sha": tag.commit,
            "url": object_url(&site, "commits", &tag.commit),
        },
    })))
}

async fn show_commit(
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let objects = &site.github.state().git.objects;
    let commit = objects.commit(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(commit_json(&site, &id, commit)))
}

fn commit_json(site: &Site, id: &str, commit: &Commit) -> Value {
    let author = commit.author.shown();
    let html_url = |id: &str| site.web(format_args!("/commit/{id}"));
    let parents = commit.parents.iter().map(
        |id| json!({"sha": id, "url": object_url(site, "commits", id), "html_url": html_url(id)}),
    );
    json!({
        "sha": id,
        "node_id": format!("C_{id}"),
        "url": object_url(site, "commits", id),
        "html_url": html_url(id),
        "author": author,
        "committer": author,
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": object_url(site, "trees", &commit.tree)},
        "parents": parents.collect::<Vec<_>>(),
        "verification": {
            "verified": false, "reason": "unsigned", "signature": null, "payload": null,
            "verified_at": null,
        },
    })
}

#[derive(Deserialize)]
struct NewTree {
    base_tree: Option<ObjectId>,
    tree: Vec<NewEntry>,
}

#[derive(Deserialize)]
struct NewEntry {
    path: String,
    mode: String,
    content: Option<String>,
    sha: Option<ObjectId>,
}

async fn create_tree(
    State(site): State<Site>,
    Payload(new): Payload<NewTree>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let objects = &mut site.github.state().git.objects;
    let mut tree = match &new.base_tree {
        None => BTreeMap::new(),
        Some(base) => {
            let base = objects.tree(base);
            let message = "base_tree is not a valid tree";
            base.ok_or_else(|| ApiError::unprocessable(message))?
                .1
                .clone()
        }
    };
    for entry in new.tree {
        let malformed = |part: &str| part.is_empty() || part == "." || part == "..";
        if entry.path.split('/').any(malformed) {
            let message = "tree.path contains a malformed path component";
            return Err(ApiError::unprocessable(message));
        }
        if !["100644", "100755", "120000", DIRECTORY].contains(&entry.mode.as_str()) {
            return Err(ApiError::unprocessable("tree.mode is not a valid mode"));
        }
        let id = match (entry.content, entry.sha) {
            (Some(content), None) => objects.add_blob(content.into()),
            (None, Some(id)) => id,
            _ => {
                let message = "Must supply either tree.sha or tree.content";
                return Err(ApiError::unprocessable(message));
            }
        };
        let mode = entry.mode;
        let added = Entry { mode, id };
        if !objects.holds(&added) {
            let message = format!("tree.sha {} is not a valid object", added.id);
            return Err(ApiError::unprocessable(message));
        }
        tree = objects.with_entry(&tree, &entry.path, added);
    }
    let id = objects.add_tree(tree);
    let shown = tree_json(&site, objects, &id, false)?;
    Ok((StatusCode::CREATED, Json(shown)))
}

#[derive(Deserialize)]
struct Depth {
    /// Whatever it says.
    recursive: Option<String>,
}

async fn show_tree(
    State(site): State<Site>,
    Path(id): Path<String>,
    Query(depth): Query<Depth>,
) -> Result<Json<Value>, ApiError> {
    let objects = &site.github.state().git.objects;
    let shown = tree_json(&site, objects, &id, depth.recursive.is_some())?;
    Ok(Json(shown))
}

fn tree_json(site: &Site, objects: &Objects, id: &str, deep: bool) -> Result<Value, ApiError> {
    let (id, tree) = objects.tree(id).ok_or_else(ApiError::not_found)?;
    Ok(json!({
        "sha": id,
        "url": object_url(site, "trees", id),
        "tree": entries_json(site, objects, tree, "", deep),
        "truncated": false,
    }))
}

/// The entries of `tree`, which stands at `above`; of the trees in it too, if `deep`.
fn entries_json(
    site: &Site,
    objects: &Objects,
    tree: &BTreeMap<String, Entry>,
    above: &str,
    deep: bool,
) -> Vec<Value> {
    let mut entries = Vec::new();
    for (name, entry) in tree {
        let (kind, kinds) = if entry.is_directory() {
            ("tree", "trees")
        } else {
            ("blob", "blobs")
        };
        let path = format!("{above}{name}");
        let mut shown = json!({
            "path": path,
            "mode": entry.mode,
            "type": kind,
            "sha": entry.id,
            "url": object_url(site, kinds, &entry.id),
        });
        if let Some(blob) = objects.blob(&entry.id) {
            shown["size"] = blob.len().into();
        }
        entries.push(shown);
        if let Some((_, below)) = objects.tree(&entry.id).filter(|_| deep) {
            entries.extend(entries_json(
                site,
                objects,
                below,
                &format!("{path}/"),
                deep,
            ));
        }
    }
    entries
}

#[derive(Deserialize)]
struct NewBlob {
    content: String,
    encoding: Option<String>,
}

async fn create_blob(
    State(site): State<Site>,
    Payload(new): Payload<NewBlob>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let bytes = match new.encoding.as_deref() {
        None | Some("utf-8") => Bytes::from(new.content),
        Some("base64") => {
            let joined: String = new.content.split_ascii_whitespace().collect();
            let message = "content is not valid Base64";
            let bytes = STANDARD.decode(joined);
            bytes.map_err(|_| ApiError::unprocessable(message))?.into()
        }
        Some(_) => return Err(ApiError::field("Blob", "invalid", "encoding")),
    };
    let id = site.github.state().git.objects.add_blob(bytes);
    let shown = json!({"sha": id, "url": object_url(&site, "blobs", &id)});
    Ok((StatusCode::CREATED, Json(shown)))
}

async fn show_blob(
    State(site): State<Site>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let objects = &site.github.state().git.objects;
    let bytes = objects.blob(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(json!({
        "sha": id,
        "node_id": format!("B_{id}"),
        "url": object_url(&site, "blobs", &id),
        "size": bytes.len(),
        "content": wrapped_base64(bytes),
        "encoding": "base64",
    })))
}
