//! What all routes share: the origin, who calls, JSON bodies and pages of a list.
//! Relies on the state only for the tokens.

use std::fmt::{Display, Write as _};
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, State};
use axum::http::header::{AUTHORIZATION, LINK};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::{Timestamp, Unit};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::GitHub;
use super::errors::ApiError;
use super::rights::{self, Access, Permission, Right, Rights};

/// The GitHub as one listener shows it: the state, and the origin of the URLs it hands out.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) github: GitHub,
    url: Arc<str>,
}

impl Site {
    pub(super) fn new(github: GitHub, url: &str) -> Self {
        Self {
            github,
            url: url.trim_end_matches('/').into(),
        }
    }

    /// A URL on this origin; `path` begins with a slash.
    pub(super) fn url(&self, path: impl Display) -> String {
        format!("{}{path}", self.url)
    }

    /// A URL in the repository's REST API.
    pub(super) fn api(&self, path: impl Display) -> String {
        let name = self.github.0.repository.full_name();
        self.url(format_args!("/repos/{name}{path}"))
    }

    /// A URL of the repository's public side.
    pub(super) fn web(&self, path: impl Display) -> String {
        let name = self.github.0.repository.full_name();
        self.url(format_args!("/{name}{path}"))
    }
}

/// `text` as one segment of a URL's path: all but RFC 3986's unreserved characters are encoded.
pub(super) fn segment(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Now, in whole seconds as GitHub's timestamps are.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Second).unwrap_or(now)
}

/// Whether the body of a request is an asset.
pub(super) fn uploads(request: &axum::extract::Request) -> bool {
    let path = request.uri().path();
    let release = path.strip_suffix("/assets");
    request.method() == Method::POST && release.is_some_and(|path| path.contains("/releases/"))
}

/// Who makes a request.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    Anonymous,
    /// The holder of a token.
    Holder(Rights),
}

impl Caller {
    fn from_headers(headers: &HeaderMap, github: &GitHub) -> Result<Self, ApiError> {
        let Some(header) = headers.get(AUTHORIZATION) else {
            return Ok(Self::Anonymous);
        };
        let header = header.to_str().unwrap_or_default();
        let token = header.split_once(' ').filter(|(scheme, _)| {
            scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token")
        });
        let state = github.state();
        let rights = token.and_then(|(_, token)| state.tokens.get(token.trim()));
        let rights = rights.ok_or_else(|| ApiError::unauthorized("Bad credentials"))?;
        Ok(Self::Holder(rights.clone()))
    }

    pub(super) fn may(&self, right: Right) -> bool {
        match self {
            Self::Anonymous => false,
            Self::Holder(rights) => rights.allow(right),
        }
    }

    /// Whether drafts are shown: to whoever may push.
    pub(super) fn sees_drafts(&self) -> bool {
        self.may((Permission::Contents, Access::Write))
    }
}

/// Leaves the [`Caller`] with the request, and lets none pass whose token does not go so far.
pub(super) async fn authenticate(
    State(site): State<Site>,
    mut request: axum::extract::Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = Caller::from_headers(request.headers(), &site.github)?;
    if let Some(right) = rights::asked(request.method(), request.uri().path())
        && !caller.may(right)
    {
        return Err(match caller {
            Caller::Anonymous => ApiError::unauthorized("Requires authentication"),
            Caller::Holder(_) => ApiError::wanting(right),
        });
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The number in a path such as `/releases/7`.
pub(super) struct Id(pub(super) u64);

impl FromRequestParts<Site> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ApiError> {
        let id = Path::<u64>::from_request_parts(parts, site).await;
        id.map(|Path(id)| Self(id))
            .map_err(|_| ApiError::not_found())
    }
}

/// A JSON body, whatever its content type claims.
pub(super) struct Payload<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Site> for Payload<T> {
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, site: &Site) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, site)
            .await
            .map_err(|error| ApiError::bad_request(&error.body_text()))?;
        let value = serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
            Category::Data => ApiError::unprocessable(format!("Invalid request.\n\n{error}")),
            _ => ApiError::bad_request("Problems parsing JSON"),
        })?;
        Ok(Self(value))
    }
}

/// Which part of a list is wanted. Source: GitHub REST, "Using pagination in the REST API".
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    per_page: Option<usize>,
    page: Option<usize>,
}

impl Page {
    /// This page of `items`, with the way to the others in the `Link` header; `url` is the list's.
    pub(super) fn of(&self, url: &str, items: impl IntoIterator<Item = Value>) -> Response {
        let size = self.per_page.unwrap_or(30).clamp(1, 100);
        let page = self.page.unwrap_or(1).max(1);
        let mut items: Vec<Value> = items.into_iter().collect();
        let last = items.len().div_ceil(size).max(1);

        let mut links = Vec::new();
        let mut link = |rel: &str, page: usize| {
            links.push(format!(
                "<{url}?per_page={size}&page={page}>; rel=\"{rel}\""
            ));
        };
        if page > 1 {
            link("prev", page - 1);
        }
        if page < last {
            link("next", page + 1);
            link("last", last);
        }
        if page > 1 {
            link("first", 1);
        }

        let start = page.saturating_sub(1).saturating_mul(size).min(items.len());
        let mut shown = items.split_off(start);
        shown.truncate(size);
        if links.is_empty() {
            Json(shown).into_response()
        } else {
            ([(LINK, links.join(", "))], Json(shown)).into_response()
        }
    }
}
