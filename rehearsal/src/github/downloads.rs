//! The public side, which needs no token: downloads of published releases, and the pages of the
//! branch `channels`. Together they are a complete static mirror under `/OWNER/NAME`.
//! Bytes are served as RFC 9110 says, with ranges and conditions.

use std::collections::BTreeMap;
use std::ops::Range;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE,
    LAST_MODIFIED, LOCATION, RANGE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;

use super::assets::Asset;
use super::conditions;
use super::http::{Site, segment};

/// The branch that the pages are made of.
const PAGES_BRANCH: &str = "channels";

impl super::GitHub {
    /// Every file that the pages are made of, by its path.
    #[must_use]
    pub fn pages(&self) -> BTreeMap<String, Vec<u8>> {
        let files = self.state().git.files(PAGES_BRANCH).into_iter();
        files.map(|(path, bytes)| (path, bytes.to_vec())).collect()
    }

    /// Has the pages be made of these files, by their paths.
    pub fn restore_pages(&self, files: BTreeMap<String, Vec<u8>>) {
        let files = files.into_iter();
        let files = files.map(|(path, bytes)| (path, bytes.into())).collect();
        self.state().git.push_files(PAGES_BRANCH, files);
    }
}

/// What stands below `/OWNER/NAME`.
pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/releases/download/{tag}/{name}", get(download))
        .route("/releases/latest/download/{name}", get(download_latest))
        .route("/channels/{*path}", get(channel_page))
        .route("/{name}", get(page))
}

/// Where a download leads: on GitHub a signed URL on another host.
pub(super) fn objects() -> Router<Site> {
    Router::new().route("/release-assets/{id}/{digest}", get(object))
}

/// Where the bytes are served. The digest stands for the signature of the real one: the URL of a
/// draft's asset cannot be guessed. None for an asset that has no bytes.
pub(super) fn object_url(site: &Site, asset: &Asset) -> Option<String> {
    let digest = &asset.content.as_ref()?.digest;
    Some(site.url(format_args!("/release-assets/{}/{digest}", asset.id)))
}

pub(super) fn redirect(url: &str) -> Response {
    (StatusCode::FOUND, [(LOCATION, url)]).into_response()
}

/// The public side refuses in words, not in JSON.
type Refusal = (StatusCode, &'static str);
const NOT_FOUND: Refusal = (StatusCode::NOT_FOUND, "Not Found");

async fn download(
    State(site): State<Site>,
    Path((tag, name)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let state = site.github.state();
    let release = state.releases.published(&tag).ok_or(NOT_FOUND)?;
    let asset = release.assets.iter().find(|asset| asset.name == name);
    let url = asset.and_then(|asset| object_url(&site, asset));
    Ok(redirect(&url.ok_or(NOT_FOUND)?))
}

async fn download_latest(
    State(site): State<Site>,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let state = site.github.state();
    let release = state.releases.latest().ok_or(NOT_FOUND)?;
    let (tag, name) = (release.tag_in_url(), segment(&name));
    let url = site.web(format_args!("/releases/download/{tag}/{name}"));
    Ok(redirect(&url))
}

async fn object(
    State(site): State<Site>,
    Path((id, digest)): Path<(u64, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let state = site.github.state();
    let (_, asset) = state.releases.asset(id).ok_or(NOT_FOUND)?;
    let content = asset.content.as_ref();
    let content = content.filter(|content| content.digest == digest);
    let file = File {
        bytes: content.ok_or(NOT_FOUND)?.bytes.clone(),
        tag: format!("\"{digest}\""),
        modified: asset.created,
    };
    let disposition = format!("attachment; filename={}", asset.name);
    let described = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    Ok((described, file.answer(&headers)).into_response())
}

async fn channel_page(
    site: State<Site>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    page(site, Path(format!("channels/{path}")), headers).await
}

/// A file of the branch that the pages are made of.
async fn page(
    State(site): State<Site>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let state = site.github.state();
    let found = state.git.file(PAGES_BRANCH, &path);
    let (id, bytes, modified) = found.ok_or(NOT_FOUND)?;
    let file = File {
        bytes: bytes.clone(),
        tag: format!("\"{id}\""),
        modified,
    };
    let content_type = if path.ends_with(".json") {
        "application/json; charset=utf-8"
    } else {
        "application/octet-stream"
    };
    let described = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "max-age=600")];
    Ok((described, file.answer(&headers)).into_response())
}

/// Bytes with what conditions compare.
struct File {
    bytes: Bytes,
    /// The entity tag, in its quotes.
    tag: String,
    modified: Timestamp,
}

impl File {
    fn answer(&self, asked: &HeaderMap) -> Response {
        let modified = self.modified.strftime("%a, %d %b %Y %H:%M:%S GMT");
        let modified = modified.to_string();
        let text = |name| asked.get(name).and_then(|value| value.to_str().ok());
        let validators = [
            (ETAG, self.tag.clone()),
            (LAST_MODIFIED, modified.clone()),
            (ACCEPT_RANGES, "bytes".to_owned()),
        ];
        if conditions::held(asked, &self.tag) {
            return (StatusCode::NOT_MODIFIED, validators).into_response();
        }

        let size = self.bytes.len();
        // A range of other bytes than these is answered with the whole.
        let wanted = text(RANGE)
            .filter(|_| text(IF_RANGE).is_none_or(|held| held == self.tag || held == modified));
        match wanted.map_or(Span::Whole, |range| Span::parse(range, size)) {
            Span::Whole => (validators, Body::from(self.bytes.clone())).into_response(),
            Span::Part(span) => {
                let held = format!("bytes {}-{}/{size}", span.start, span.end - 1);
                let bytes = Body::from(self.bytes.slice(span));
                let part = [(CONTENT_RANGE, held)];
                (StatusCode::PARTIAL_CONTENT, validators, part, bytes).into_response()
            }
            Span::Outside => {
                let held = [(CONTENT_RANGE, format!("bytes */{size}"))];
                (StatusCode::RANGE_NOT_SATISFIABLE, held).into_response()
            }
        }
    }
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Span {
    /// Also for what a server may ignore: other units, several ranges, nonsense.
    Whole,
    Part(Range<usize>),
    Outside,
}

impl Span {
    fn parse(header: &str, size: usize) -> Self {
        let bounds = header.strip_prefix("bytes=");
        let Some((first, last)) = bounds.and_then(|bounds| bounds.split_once('-')) else {
            return Self::Whole;
        };
        let (start, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(size)),
            (Ok(first), Err(_)) if last.is_empty() => (first, size),
            (Err(_), Ok(length)) if first.is_empty() => (size.saturating_sub(length), size),
            _ => return Self::Whole,
        };
        if start < end {
            Self::Part(start..end)
        } else {
            Self::Outside
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn a_range_is_read_as_rfc_9110_says() {
        assert_eq!(Span::parse("bytes=0-0", 10), Span::Part(0..1));
        assert_eq!(Span::parse("bytes=4-", 10), Span::Part(4..10));
        assert_eq!(Span::parse("bytes=-4", 10), Span::Part(6..10));
        assert_eq!(Span::parse("bytes=-40", 10), Span::Part(0..10));
        assert_eq!(Span::parse("bytes=8-40", 10), Span::Part(8..10));
        assert_eq!(Span::parse("bytes=10-", 10), Span::Outside);
        assert_eq!(Span::parse("bytes=-0", 10), Span::Outside);
        assert_eq!(Span::parse("bytes=0-", 0), Span::Outside);
        assert_eq!(Span::parse("bytes=5-4", 10), Span::Whole);
        assert_eq!(Span::parse("bytes=0-1,4-5", 10), Span::Whole);
        assert_eq!(Span::parse("lines=0-1", 10), Span::Whole);
    }
}
