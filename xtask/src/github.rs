//! The release host: what publisher and channel ask of GitHub's REST API, by octocrab's transport
//! with its retries off. Requests are spelt out here, because octocrab's own release builders
//! send names unencoded, ignore the status of deletions and lack `make_latest`.
//!
//! Source of the routes: <https://docs.github.com/en/rest>, version 2022-11-28.

mod error;
pub(crate) mod settings;

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, header};
use http_body_util::{BodyExt as _, StreamBody};
use jiff::Timestamp;
use octocrab::{OctoBody, Octocrab};
use release_plan::{BootstrapTag, CommitId, Exit, Measured, Meter, Product, Sha256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::error::{GitHubError, Outlook};
use crate::{Failure, files, signing};

const PAGE: usize = 100;

/// Bytes of a file that are in memory at once while it is uploaded.
const CHUNK: usize = 256 << 10;

/// How long GitHub may say nothing.
pub(crate) const SILENCE: Duration = Duration::from_secs(120);

/// Where the API is and for which repository.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Host {
    /// GitHub's API
    #[arg(long, value_name = "URL", default_value = "https://api.github.com")]
    pub(crate) api_url: String,
}

/// One repository on GitHub, with a token that may write to it.
pub(crate) struct GitHub {
    octocrab: Octocrab,
    /// For what the public gets, without the token.
    anonymous: reqwest::Client,
    api: String,
    repository: String,
}

/// A release, draft or public.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Release {
    pub(crate) id: u64,
    pub(crate) tag_name: String,
    pub(crate) target_commitish: String,
    pub(crate) draft: bool,
    #[serde(default)]
    pub(crate) body: Option<String>,
    pub(crate) html_url: String,
    #[serde(default)]
    pub(crate) author: Option<Account>,
    /// As they were when this was answered.
    #[serde(default)]
    pub(crate) assets: Vec<UploadedAsset>,
    upload_url: String,
}

/// Who made a release.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Account {
    pub(crate) login: String,
}

/// A public release as its flags tell of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PublicRelease {
    pub(crate) id: u64,
    pub(crate) tag_name: String,
    pub(crate) prerelease: bool,
    draft: bool,
}

/// An uploaded asset.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct UploadedAsset {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) digest: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) browser_download_url: String,
}

/// How a commit stands to a branch, by what the histories of the two hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Comparison {
    /// The branch is at it.
    Identical,
    /// The branch holds it, and more.
    Behind,
    /// It holds the branch, and more.
    Ahead,
    /// Each holds what the other does not.
    Diverged,
}

impl UploadedAsset {
    /// Whether GitHub holds exactly these bytes.
    pub(crate) fn is(&self, size: u64, sha256: Sha256) -> bool {
        self.state == "uploaded"
            && self.size == size
            && self.digest.as_deref() == Some(format!("sha256:{sha256}").as_str())
    }
}

type Answer<T> = Result<T, GitHubError>;

/// The body of an answer.
type Body = http_body_util::combinators::BoxBody<Bytes, octocrab::Error>;

impl GitHub {
    /// A client for the product's repository, with the token of the job. Must be made inside a
    /// Tokio runtime.
    pub(crate) fn new(host: &Host, product: &Product) -> Result<Self, Failure> {
        signing::install_tls();
        let token = std::env::var("GITHUB_TOKEN").map_err(|_| {
            let message = "expected a token with `contents: write` in GITHUB_TOKEN, found none";
            Failure::new(Exit::Input, message)
        })?;
        let (owner, name) = product.repository.slug().ok_or_else(|| {
            Failure::new(Exit::Input, "the product's repository is not on GitHub")
        })?;
        let repository = format!("{owner}/{name}");
        Self::of(&host.api_url, &repository, token, SILENCE)
    }

    /// A client for `repository`, `OWNER/NAME`, which takes a silence of this length for the end of
    /// a connection. Must be made inside a Tokio runtime.
    pub(crate) fn of(
        api: &str,
        repository: &str,
        token: String,
        silence: Duration,
    ) -> Result<Self, Failure> {
        signing::install_tls();
        let api = api.trim_end_matches('/').to_owned();
        let octocrab = Octocrab::builder()
            .base_uri(api.as_str())?
            .personal_token(token)
            .set_connect_timeout(Some(Duration::from_secs(15)))
            .set_read_timeout(Some(silence))
            .set_write_timeout(Some(silence))
            .build()?;
        Ok(Self {
            octocrab,
            anonymous: reqwest::Client::builder().read_timeout(silence).build()?,
            api,
            repository: format!("repos/{repository}"),
        })
    }

    /// The commit that a tag stands on, through an annotated tag; none where there is none.
    pub(crate) async fn tagged(&self, tag: &BootstrapTag) -> Answer<Option<String>> {
        #[derive(Deserialize)]
        struct Reference {
            object: Object,
        }
        #[derive(Deserialize)]
        struct Object {
            sha: String,
            r#type: String,
        }
        let Some(Reference { object }) = self.find(&format!("git/ref/tags/{tag}")).await? else {
            return Ok(None);
        };
        if object.r#type == "commit" {
            return Ok(Some(object.sha));
        }
        let annotated: Reference = self.get(&format!("git/tags/{}", object.sha)).await?;
        Ok(Some(annotated.object.sha))
    }

    /// Every release of `tag`. A draft is found by listing alone, and two may bear one tag.
    pub(crate) async fn releases_of(&self, tag: &BootstrapTag) -> Answer<Vec<Release>> {
        let tag = tag.to_string();
        let all: Vec<Release> = self.pages("releases").await?;
        Ok(all
            .into_iter()
            .filter(|release| release.tag_name == tag)
            .collect())
    }

    /// Makes a draft that nobody but the repository's own people see.
    pub(crate) async fn create_draft(
        &self,
        tag: &BootstrapTag,
        commit: &CommitId,
        body: &str,
    ) -> Answer<Release> {
        let body = json!({
            "tag_name": tag, "target_commitish": commit, "name": tag, "body": body,
            "draft": true, "prerelease": is_prerelease(tag), "make_latest": "false",
        });
        self.send(Method::POST, "releases", Some(&body)).await
    }

    /// What a release holds.
    pub(crate) async fn assets(&self, release: &Release) -> Answer<Vec<UploadedAsset>> {
        self.pages(&format!("releases/{}/assets", release.id)).await
    }

    /// The public release of `tag`, which a draft never is; none where there is none.
    pub(crate) async fn public_release(&self, tag: &BootstrapTag) -> Answer<Option<Release>> {
        self.find(&format!("releases/tags/{tag}")).await
    }

    /// Uploads a file of `size` bytes under a name that is plain enough to stand in a URL. Of the
    /// file, one [`CHUNK`] is in memory.
    pub(crate) async fn upload(
        &self,
        release: &Release,
        name: &str,
        file: &Path,
        size: u64,
    ) -> Answer<UploadedAsset> {
        let base = release.upload_url.split('{').next().unwrap_or_default();
        let url = format!("{base}?name={name}");
        let words = format!("POST {url}");
        let failed = |error: &dyn std::fmt::Display| GitHubError::transport(&words, error);
        let file = std::fs::File::open(file)
            .map_err(|error| failed(&files::failed("read", file, &error)))?;
        let chunks = stream::unfold(file, |mut file| async {
            let mut chunk = vec![0; CHUNK];
            match file.read(&mut chunk) {
                Ok(0) => None,
                Ok(read) => {
                    chunk.truncate(read);
                    Some((Ok(http_body::Frame::data(Bytes::from(chunk))), file))
                }
                Err(error) => Some((Err::<_, io::Error>(error), file)),
            }
        });
        let request = http::Request::builder()
            .method(Method::POST)
            .uri(&url)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, size)
            .body(OctoBody::new(StreamBody::new(chunks)))
            .map_err(|error| failed(&error))?;
        self.execute(words, request).await
    }

    /// What GitHub serves as an asset, of a draft too. No more than `limit` bytes are read.
    pub(crate) async fn download(&self, asset: &UploadedAsset, limit: u64) -> Answer<Measured> {
        let url = format!(
            "{}/{}/releases/assets/{}",
            self.api, self.repository, asset.id
        );
        let words = format!("GET {url}");
        let request = http::Request::builder()
            .uri(&url)
            .header(header::ACCEPT, "application/octet-stream")
            .body(Bytes::new())
            .map_err(|error| GitHubError::transport(&words, &error))?;
        let failed = |error: octocrab::Error| GitHubError::transport(&words, &chain(&error));
        let response = self.octocrab.execute(request).await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(self.refusal(words, response).await);
        }
        let mut body = response.into_body();
        let mut served = Served::new(asset, &words, limit);
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(failed)?.into_data() {
                served.take(&data)?;
            }
        }
        Ok(served.measured())
    }

    /// What anybody gets as an asset, without the token. No more than `limit` bytes are read.
    pub(crate) async fn public_download(
        &self,
        asset: &UploadedAsset,
        limit: u64,
    ) -> Answer<Measured> {
        let url = &asset.browser_download_url;
        let words = format!("GET {url} without a token");
        let failed = |error: reqwest::Error| GitHubError::transport(&words, &chain(&error));
        let mut response = self.anonymous.get(url).send().await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(GitHubError::Status {
                pause: error::pause(status, response.headers(), ""),
                message: status.canonical_reason().unwrap_or("no reason").to_owned(),
                request: words,
                status,
            });
        }
        let mut served = Served::new(asset, &words, limit);
        while let Some(data) = response.chunk().await.map_err(failed)? {
            served.take(&data)?;
        }
        Ok(served.measured())
    }

    /// Removes a draft. A public release is never removed: its tag would be burnt.
    pub(crate) async fn delete_draft(&self, draft: &Release) -> Answer<()> {
        debug_assert!(draft.draft, "a public release is never removed");
        let path = format!("releases/{}", draft.id);
        self.delete(&path).await
    }

    /// Removes an asset of a draft.
    pub(crate) async fn delete_asset(&self, asset: &UploadedAsset) -> Answer<()> {
        self.delete(&format!("releases/assets/{}", asset.id)).await
    }

    /// Makes a draft public. `make_latest` is said again, since GitHub takes its absence for yes.
    pub(crate) async fn publish(&self, release: &Release, tag: &BootstrapTag) -> Answer<Release> {
        let path = format!("releases/{}", release.id);
        let body = json!({
            "draft": false, "make_latest": "false", "name": tag, "prerelease": is_prerelease(tag),
        });
        self.send(Method::PATCH, &path, Some(&body)).await
    }

    /// The commit at the tip of a branch; none where there is none. That is read from a list: a 404
    /// may be said of what is there, and whoever believed it would begin anew.
    pub(crate) async fn branch(&self, branch: &str) -> Answer<Option<String>> {
        let alike: Vec<Value> = self
            .get(&format!("git/matching-refs/heads/{branch}"))
            .await?;
        let name = format!("refs/heads/{branch}");
        let found = alike.iter().find(|reference| reference["ref"] == name);
        Ok(found.and_then(|found| Some(found["object"]["sha"].as_str()?.to_owned())))
    }

    /// How a commit stands to a branch; none where their histories have nothing in common.
    pub(crate) async fn compare(
        &self,
        branch: &str,
        commit: &CommitId,
    ) -> Answer<Option<Comparison>> {
        #[derive(Deserialize)]
        struct Compared {
            status: Comparison,
        }
        let path = format!("compare/{branch}...{commit}");
        let compared: Option<Compared> = self.find(&path).await?;
        Ok(compared.map(|compared| compared.status))
    }

    /// The paths of all files on a commit.
    pub(crate) async fn paths(&self, commit: &str) -> Answer<BTreeSet<String>> {
        #[derive(Deserialize)]
        struct Tree {
            tree: Vec<Entry>,
            truncated: bool,
        }
        #[derive(Deserialize)]
        struct Entry {
            path: String,
        }
        let path = format!("git/trees/{commit}?recursive=1");
        let Tree { tree, truncated } = self.get(&path).await?;
        if truncated {
            let message = "expected a list of every file, found one that is cut short";
            return Err(GitHubError::transport(&format!("GET {path}"), &message));
        }
        Ok(tree.into_iter().map(|entry| entry.path).collect())
    }

    /// The bytes of a text file on a commit.
    ///
    /// # Errors
    /// When there is none, too: what is there is known by [`Self::paths`].
    pub(crate) async fn file(&self, commit: &str, path: &str) -> Answer<Vec<u8>> {
        use base64::Engine as _;
        #[derive(Deserialize)]
        struct Content {
            content: String,
        }
        let Content { content } = self.get(&format!("contents/{path}?ref={commit}")).await?;
        let packed: String = content.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(packed);
        bytes.map_err(|error| GitHubError::transport(&format!("GET {path}"), &error))
    }

    /// Puts text files onto a branch in one commit whose parent is `tip`, or a first one.
    ///
    /// # Errors
    /// A conflict when the branch is not at `tip` any more: it is never forced.
    pub(crate) async fn commit(
        &self,
        branch: &str,
        tip: Option<&str>,
        message: &str,
        files: &[(String, String)],
    ) -> Answer<()> {
        #[derive(Deserialize)]
        struct Made {
            sha: String,
        }
        let entries: Vec<Value> = files
            .iter()
            .map(|(path, content)| {
                json!({ "path": path, "mode": "100644", "type": "blob", "content": content })
            })
            .collect();
        let mut tree = json!({ "tree": entries });
        if let Some(tip) = tip {
            let base: Value = self.get(&format!("git/commits/{tip}")).await?;
            tree["base_tree"] = base["tree"]["sha"].clone();
        }
        let tree: Made = self.send(Method::POST, "git/trees", Some(&tree)).await?;
        let parents: Vec<&str> = tip.into_iter().collect();
        let commit = json!({ "message": message, "tree": tree.sha, "parents": parents });
        let commit: Made = self
            .send(Method::POST, "git/commits", Some(&commit))
            .await?;
        let moved: Answer<Value> = if tip.is_some() {
            let body = json!({ "sha": commit.sha, "force": false });
            self.send(
                Method::PATCH,
                &format!("git/refs/heads/{branch}"),
                Some(&body),
            )
            .await
        } else {
            let body = json!({ "ref": format!("refs/heads/{branch}"), "sha": commit.sha });
            self.send(Method::POST, "git/refs", Some(&body)).await
        };
        moved.map(drop)
    }

    /// What is gone already needs no removal.
    async fn delete(&self, path: &str) -> Answer<()> {
        match self.send::<Option<Value>>(Method::DELETE, path, None).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        self.send(Method::GET, path, None).await
    }

    async fn find<T: DeserializeOwned>(&self, path: &str) -> Answer<Option<T>> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn pages<T: DeserializeOwned>(&self, path: &str) -> Answer<Vec<T>> {
        let mut all = Vec::new();
        for page in 1.. {
            let path = format!("{path}?per_page={PAGE}&page={page}");
            let more: Vec<T> = self.get(&path).await?;
            let last = more.len() < PAGE;
            all.extend(more);
            if last {
                break;
            }
        }
        Ok(all)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Answer<T> {
        let url = format!("{}/{}/{path}", self.api, self.repository);
        let words = format!("{method} {url}");
        let request = http::Request::builder()
            .method(method)
            .uri(&url)
            .header(header::ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28");
        let bytes = match body {
            Some(body) => {
                serde_json::to_vec(body).map_err(|error| GitHubError::transport(&words, &error))?
            }
            None => Vec::new(),
        };
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(bytes))
            .map_err(|error| GitHubError::transport(&words, &error))?;
        self.execute(words, request).await
    }

    async fn execute<T: DeserializeOwned>(
        &self,
        words: String,
        request: http::Request<impl Into<OctoBody>>,
    ) -> Answer<T> {
        let failed = |error: octocrab::Error| GitHubError::transport(&words, &chain(&error));
        let response = self.octocrab.execute(request).await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(self.refusal(words, response).await);
        }
        let text = self.octocrab.body_to_string(response).await;
        let text = text.map_err(failed)?;
        let text = if text.is_empty() { "null" } else { &text };
        serde_json::from_str(text).map_err(|error| GitHubError::transport(&words, &error))
    }

    /// What GitHub says where it does not do what it was asked.
    async fn refusal(&self, request: String, response: http::Response<Body>) -> GitHubError {
        #[derive(Deserialize, Serialize)]
        struct Refused {
            message: String,
            #[serde(default)]
            errors: Value,
        }
        let (status, headers) = (response.status(), response.headers().clone());
        // The status counts, even if its words are lost.
        let text = self.octocrab.body_to_string(response).await;
        let text = text.unwrap_or_default();
        let message = match serde_json::from_str::<Refused>(&text) {
            Ok(Refused {
                message,
                errors: Value::Null,
            }) => message,
            Ok(Refused { message, errors }) => format!("{message} {errors}"),
            Err(_) => text.chars().take(200).collect(),
        };
        GitHubError::Status {
            pause: error::pause(status, &headers, &message),
            request,
            status,
            message,
        }
    }

    /// Every public release, with what GitHub says of it.
    pub(crate) async fn public_releases(&self) -> Answer<Vec<PublicRelease>> {
        let all: Vec<PublicRelease> = self.pages("releases").await?;
        Ok(all.into_iter().filter(|release| !release.draft).collect())
    }

    /// The release that `releases/latest` leads to; none where there is none.
    pub(crate) async fn latest(&self) -> Answer<Option<PublicRelease>> {
        self.find("releases/latest").await
    }

    /// Says of a public release whether it is a pre-release, and whether it is the latest.
    pub(crate) async fn flag(
        &self,
        release: &PublicRelease,
        prerelease: bool,
        latest: bool,
    ) -> Answer<PublicRelease> {
        let path = format!("releases/{}", release.id);
        let body = json!({ "prerelease": prerelease, "make_latest": latest.to_string() });
        self.send(Method::PATCH, &path, Some(&body)).await
    }
}

/// An asset as it arrives: measured, up to a limit, and not kept.
struct Served<'a> {
    asset: &'a UploadedAsset,
    request: &'a str,
    limit: u64,
    left: u64,
    bytes: Meter<io::Sink>,
}

impl<'a> Served<'a> {
    fn new(asset: &'a UploadedAsset, request: &'a str, limit: u64) -> Self {
        Self {
            asset,
            request,
            limit,
            left: limit,
            bytes: Meter::new(io::sink()),
        }
    }

    fn take(&mut self, data: &[u8]) -> Answer<()> {
        self.left = self.left.checked_sub(data.len() as u64).ok_or_else(|| {
            let message = format!("more than the {} bytes of {}", self.limit, self.asset.name);
            GitHubError::transport(self.request, &message)
        })?;
        let taken = self.bytes.write_all(data);
        taken.map_err(|error| GitHubError::transport(self.request, &error))
    }

    fn measured(self) -> Measured {
        self.bytes.finish().1
    }
}

/// The words of an error's causes; octocrab's own often say only that something failed.
/// Patched scripts are no release of the product, so they are never shown as its newest.
fn is_prerelease(tag: &BootstrapTag) -> bool {
    tag.revision() > 0 || !tag.release().version().pre.is_empty()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words
}
