//! Releases: drafts, their publication, and which one is the latest. Publishing writes the tag
//! through `git`; what hangs on a release is in `assets`. A release is immutable from its publication
//! on, unless the repository says otherwise at that time. Source: GitHub REST, "Releases", "Check if
//! immutable releases are enabled for a repository".

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Json, Router};
use jiff::Timestamp;
use semver::Version;
use serde::Deserialize;
use serde_json::{Value, json};

use super::assets::Asset;
use super::errors::ApiError;
use super::http::{Caller, Id, Page, Payload, Site, now, segment};
use super::repository::{DEFAULT_BRANCH, bot};

/// The longest notes, in characters.
const NOTES_LIMIT: usize = 125_000;

/// All releases, by id.
#[derive(Debug, Default)]
pub(super) struct Releases {
    by_id: BTreeMap<u64, Release>,
    /// The last number given to a release or an asset.
    last_id: u64,
    /// The release last made the latest on purpose.
    latest: Option<u64>,
    /// Tags of deleted immutable releases, which no release may bear again.
    spent: BTreeSet<String>,
    /// Whether releases published from now on can be changed.
    mutable: bool,
}

/// A release as it stands.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) id: u64,
    pub(super) tag: String,
    target: String,
    name: Option<String>,
    notes: Option<String>,
    prerelease: bool,
    make_latest: MakeLatest,
    created: Timestamp,
    /// None while it is a draft.
    published: Option<Timestamp>,
    immutable: bool,
    pub(super) assets: Vec<Asset>,
}

/// Whether a published release may be the latest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MakeLatest {
    #[default]
    True,
    False,
    /// When it is of a higher version, or newer, than the one that is.
    Legacy,
}

/// A release as somebody sees it who may see everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its tag.
    pub tag: String,
    /// Whether the public sees it.
    pub public: bool,
    /// SHA-256 in lower-case hex of each asset, by its name; none of one whose upload failed.
    pub assets: BTreeMap<String, Option<String>>,
}

/// What a caller sets; what she leaves out stays as it is.
#[derive(Debug, Deserialize)]
struct Fields {
    tag_name: Option<String>,
    target_commitish: Option<String>,
    name: Option<String>,
    body: Option<String>,
    draft: Option<bool>,
    prerelease: Option<bool>,
    make_latest: Option<MakeLatest>,
}

impl Releases {
    pub(super) fn listed(&self) -> Vec<Listed> {
        let digest = |asset: &Asset| Some(asset.content.as_ref()?.digest.clone());
        let listed = self.by_id.values().map(|release| Listed {
            tag: release.tag.clone(),
            public: !release.is_draft(),
            assets: release
                .assets
                .iter()
                .map(|asset| (asset.name.clone(), digest(asset)))
                .collect(),
        });
        listed.collect()
    }
}

impl Release {
    fn new(id: u64, tag: String) -> Self {
        Self {
            id,
            tag,
            target: DEFAULT_BRANCH.to_owned(),
            name: None,
            notes: None,
            prerelease: false,
            make_latest: MakeLatest::default(),
            created: now(),
            published: None,
            immutable: false,
            assets: Vec::new(),
        }
    }

    pub(super) fn is_draft(&self) -> bool {
        self.published.is_none()
    }

    fn may_be_latest(&self) -> bool {
        !self.is_draft() && !self.prerelease && self.make_latest != MakeLatest::False
    }

    /// By version first, then by age.
    fn precedence(&self) -> (Option<Version>, Timestamp) {
        let version = self.tag.strip_prefix('v').unwrap_or(&self.tag);
        (Version::parse(version).ok(), self.created)
    }

    /// The tag as it stands in URLs of the public side: those of a draft lead nowhere.
    pub(super) fn tag_in_url(&self) -> String {
        if self.is_draft() {
            format!("untagged-{:020x}", self.id)
        } else {
            segment(&self.tag)
        }
    }

    fn set(&mut self, fields: Fields) {
        if let Some(tag) = fields.tag_name {
            self.tag = tag;
        }
        if let Some(target) = fields.target_commitish {
            self.target = target;
        }
        if let Some(prerelease) = fields.prerelease {
            self.prerelease = prerelease;
        }
        self.name = fields.name.or(self.name.take());
        self.notes = fields.body.or(self.notes.take());
    }

    fn show(&self, site: &Site) -> Value {
        let url = site.api(format_args!("/releases/{}", self.id));
        let tag_in_url = self.tag_in_url();
        let archive =
            |kind: &str| (!self.is_draft()).then(|| site.api(format_args!("/{kind}/{tag_in_url}")));
        json!({
            "url": url,
            "html_url": site.web(format_args!("/releases/tag/{tag_in_url}")),
            "assets_url": format!("{url}/assets"),
            "upload_url": format!("{url}/assets{{?name,label}}"),
            "tarball_url": archive("tarball"),
            "zipball_url": archive("zipball"),
            "id": self.id,
            "node_id": format!("RE_{}", self.id),
            "tag_name": self.tag,
            "target_commitish": self.target,
            "name": self.name,
            "body": self.notes,
            "draft": self.is_draft(),
            "prerelease": self.prerelease,
            "immutable": self.immutable,
            "created_at": self.created,
            "published_at": self.published,
            "author": bot(site),
            "assets": self.assets.iter().map(|asset| asset.show(site, self)).collect::<Vec<_>>(),
        })
    }
}

impl Releases {
    /// A number that nothing bears yet.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn get(&self, id: u64) -> Result<&Release, ApiError> {
        self.by_id.get(&id).ok_or_else(ApiError::not_found)
    }

    /// The release of that id, if `caller` may see it.
    pub(super) fn visible(&self, id: u64, caller: &Caller) -> Result<&Release, ApiError> {
        let release = self.get(id)?;
        if caller.sees_drafts() || !release.is_draft() {
            Ok(release)
        } else {
            Err(ApiError::not_found())
        }
    }

    /// The release of that id, whose assets may still change; else refused with `message`.
    pub(super) fn mutable(&mut self, id: u64, message: &str) -> Result<&mut Release, ApiError> {
        let release = self.by_id.get_mut(&id).ok_or_else(ApiError::not_found)?;
        if release.immutable {
            Err(ApiError::unprocessable(message))
        } else {
            Ok(release)
        }
    }

    /// The published release that bears `tag`.
    pub(super) fn published(&self, tag: &str) -> Option<&Release> {
        let mut releases = self.by_id.values();
        releases.find(|release| !release.is_draft() && release.tag == tag)
    }

    /// The release and the asset in it, whoever may see them.
    pub(super) fn asset(&self, id: u64) -> Option<(&Release, &Asset)> {
        let mut assets = self.by_id.values().flat_map(|release| {
            let assets = release.assets.iter();
            assets.map(move |asset| (release, asset))
        });
        assets.find(|(_, asset)| asset.id == id)
    }

    /// The one made the latest on purpose, else the highest of those that may be.
    pub(super) fn latest(&self) -> Option<&Release> {
        let chosen = self.latest.and_then(|id| self.by_id.get(&id));
        chosen
            .filter(|release| release.may_be_latest())
            .or_else(|| {
                let releases = self.by_id.values();
                releases
                    .filter(|release| release.may_be_latest())
                    .max_by_key(|release| release.precedence())
            })
    }

    fn check_tag(&self, release: &Release) -> Result<(), ApiError> {
        if self.spent.contains(&release.tag) {
            let message = "tag_name was used by an immutable release";
            return Err(ApiError::custom("Release", "tag_name", message));
        }
        match self.published(&release.tag) {
            Some(other) if other.id != release.id => {
                Err(ApiError::field("Release", "already_exists", "tag_name"))
            }
            _ => Ok(()),
        }
    }

    fn choose_latest(&mut self, release: &mut Release, choice: MakeLatest) {
        release.make_latest = choice;
        let higher = match choice {
            MakeLatest::True => true,
            MakeLatest::False => false,
            MakeLatest::Legacy => self
                .latest()
                .is_none_or(|latest| latest.precedence() <= release.precedence()),
        };
        if higher && release.may_be_latest() {
            self.latest = Some(release.id);
        }
    }
}

impl super::State {
    /// Changes `release` as asked, publishes it when `fields` end its draft, and keeps it. When
    /// anything is refused, nothing has changed.
    fn write_release(&mut self, mut release: Release, fields: Fields) -> Result<u64, ApiError> {
        let retagged = fields
            .tag_name
            .as_ref()
            .is_some_and(|tag| *tag != release.tag);
        if release.immutable && (retagged || fields.draft == Some(true)) {
            let message = "Cannot change the tag or the publication of an immutable release.";
            return Err(ApiError::unprocessable(message));
        }
        let publish = release.is_draft() && fields.draft == Some(false);
        let withdraw = fields.draft == Some(true);
        let asked = fields.make_latest;
        let choice = asked.or(publish.then_some(MakeLatest::True));

        release.set(fields);
        let notes = release.notes.as_deref().unwrap_or_default();
        if notes.chars().count() > NOTES_LIMIT {
            let message = format!("body is too long (maximum is {NOTES_LIMIT} characters)");
            return Err(ApiError::custom("Release", "body", &message));
        }
        self.releases.check_tag(&release)?;
        if withdraw {
            release.published = None;
        }
        if publish || !release.is_draft() {
            let created = self.git.tag(&release.tag, &release.target);
            created.ok_or_else(|| ApiError::field("Release", "invalid", "target_commitish"))?;
        }
        if publish {
            release.published = Some(now());
            release.immutable = !self.releases.mutable;
        }
        if asked == Some(MakeLatest::True) && (release.is_draft() || release.prerelease) {
            let message = "Latest release cannot be draft or prerelease.";
            return Err(ApiError::unprocessable(message));
        }
        // A draft's choice is not kept: publishing without one makes the latest.
        if let Some(choice) = choice.filter(|_| !release.is_draft()) {
            self.releases.choose_latest(&mut release, choice);
        }
        let id = release.id;
        self.releases.by_id.insert(id, release);
        Ok(id)
    }
}

impl super::GitHub {
    /// Brings back a public release of an earlier process, with its tag at `commit` and its assets
    /// by name.
    ///
    /// # Panics
    /// When there is one of that tag already.
    pub fn restore_release(
        &self,
        tag: &str,
        commit: &str,
        prerelease: bool,
        assets: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) {
        let mut state = self.state();
        state.git.push(format!("refs/tags/{tag}"), commit);
        let mut release = Release::new(state.releases.next_id(), tag.to_owned());
        for (name, bytes) in assets {
            let id = state.releases.next_id();
            release.assets.push(Asset::of(id, name, bytes.into()));
        }
        let fields = Fields {
            tag_name: None,
            target_commitish: None,
            name: Some(tag.to_owned()),
            body: None,
            draft: Some(false),
            prerelease: Some(prerelease),
            make_latest: Some(MakeLatest::Legacy),
        };
        let written = state.write_release(release, fields);
        assert!(written.is_ok(), "a release of {tag} is public already");
    }
}

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/releases", get(list).post(create))
        .route("/releases/latest", get(show_latest))
        .route("/releases/tags/{tag}", get(show_tagged))
        .route("/releases/{id}", get(show).patch(edit).delete(delete))
        .route(
            "/immutable-releases",
            get(show_setting).put(enable).delete(disable),
        )
}

async fn list(
    State(site): State<Site>,
    Extension(caller): Extension<Caller>,
    Query(page): Query<Page>,
) -> Response {
    let state = site.github.state();
    // Ids ascend with time, and the newest comes first.
    let releases = state.releases.by_id.values().rev();
    let visible = releases.filter(|release| caller.sees_drafts() || !release.is_draft());
    let shown = visible.map(|release| release.show(&site));
    page.of(&site.api("/releases"), shown)
}

async fn create(
    State(site): State<Site>,
    Payload(mut fields): Payload<Fields>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let tag = fields.tag_name.take().filter(|tag| !tag.is_empty());
    let tag = tag.ok_or_else(|| ApiError::field("Release", "missing_field", "tag_name"))?;
    fields.draft.get_or_insert(false);

    let mut state = site.github.state();
    let release = Release::new(state.releases.next_id(), tag);
    let id = state.write_release(release, fields)?;
    let shown = state.releases.get(id)?.show(&site);
    Ok((StatusCode::CREATED, Json(shown)))
}

async fn show(
    State(site): State<Site>,
    Extension(caller): Extension<Caller>,
    Id(id): Id,
) -> Result<Json<Value>, ApiError> {
    let state = site.github.state();
    let release = state.releases.visible(id, &caller)?;
    Ok(Json(release.show(&site)))
}

async fn show_tagged(
    State(site): State<Site>,
    Path(tag): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let state = site.github.state();
    let release = state.releases.published(&tag);
    let release = release.ok_or_else(ApiError::not_found)?;
    Ok(Json(release.show(&site)))
}

async fn show_latest(State(site): State<Site>) -> Result<Json<Value>, ApiError> {
    let state = site.github.state();
    let release = state.releases.latest();
    let release = release.ok_or_else(ApiError::not_found)?;
    Ok(Json(release.show(&site)))
}

async fn edit(
    State(site): State<Site>,
    Id(id): Id,
    Payload(fields): Payload<Fields>,
) -> Result<Json<Value>, ApiError> {
    let mut state = site.github.state();
    let release = state.releases.get(id)?.clone();
    state.write_release(release, fields)?;
    let release = state.releases.get(id)?;
    Ok(Json(release.show(&site)))
}

async fn delete(State(site): State<Site>, Id(id): Id) -> Result<StatusCode, ApiError> {
    let mut state = site.github.state();
    let releases = &mut state.releases;
    let release = releases.by_id.remove(&id);
    let release = release.ok_or_else(ApiError::not_found)?;
    if release.immutable {
        releases.spent.insert(release.tag);
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn show_setting(State(site): State<Site>) -> Result<Json<Value>, ApiError> {
    if site.github.state().releases.mutable {
        return Err(ApiError::not_found());
    }
    Ok(Json(json!({"enabled": true, "enforced_by_owner": false})))
}

async fn enable(State(site): State<Site>) -> StatusCode {
    site.github.set_immutable_releases(true);
    StatusCode::NO_CONTENT
}

async fn disable(State(site): State<Site>) -> StatusCode {
    site.github.set_immutable_releases(false);
    StatusCode::NO_CONTENT
}

impl super::GitHub {
    /// Whether releases that are published from now on are immutable, as they are at first. What
    /// was published before stays as it is.
    pub fn set_immutable_releases(&self, enabled: bool) {
        self.state().releases.mutable = !enabled;
    }
}
