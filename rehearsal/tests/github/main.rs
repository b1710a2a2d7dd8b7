//! The loopback GitHub as its clients meet it: octocrab for the API, reqwest for the public side.

mod assets;
mod branches;
mod caller;
mod compare;
mod downloads;
mod faults;
mod limits;
mod octokit;
mod openapi;
mod releases;
mod workflows;

use octocrab::Octocrab;
use octocrab::models::repos::{Asset, Release};
use octocrab::repos::RepoHandler;
use rehearsal::Server;
use rehearsal::github::{GitHub, Repository};
use reqwest::redirect::Policy;

const TOKEN: &str = "ghs_rehearsal";
const COMMIT: &str = "1111111111111111111111111111111111111111";

/// A GitHub with one commit on `main`, and clients of it. Made inside a runtime, as octocrab asks.
struct Rehearsal {
    server: Server,
    github: GitHub,
    /// Holds the token.
    writer: Octocrab,
    /// Holds none, and follows no redirect.
    public: reqwest::Client,
}

impl Rehearsal {
    fn start() -> Self {
        // Already installed when another test of this process came first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let repository = Repository {
            owner: "truetag-dev".to_owned(),
            name: "lantern".to_owned(),
            id: 7_001,
            owner_id: 7_000,
        };
        let github = GitHub::new(repository, TOKEN);
        github.push_branch("main", COMMIT);
        let server = Server::start(|address| github.router(&format!("http://{address}")));
        let server = server.expect("loopback can be bound");
        let writer = client(&server, Some(TOKEN));
        let public = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .build()
            .expect("a client");
        Self {
            server,
            github,
            writer,
            public,
        }
    }

    fn repository(&self) -> RepoHandler<'_> {
        self.writer.repos("truetag-dev", "lantern")
    }

    fn api(&self, path: &str) -> String {
        format!("{}/repos/truetag-dev/lantern{path}", self.server.url())
    }

    /// The base of the static mirror.
    fn web(&self, path: &str) -> String {
        format!("{}/truetag-dev/lantern{path}", self.server.url())
    }

    async fn draft(&self, tag: &str) -> Release {
        let repository = self.repository();
        let releases = repository.releases();
        let draft = releases.create(tag).draft(true).send().await;
        draft.expect("a draft is created")
    }

    async fn upload(&self, release: &Release, name: &str, bytes: &str) -> octocrab::Result<Asset> {
        let repository = self.repository();
        let releases = repository.releases();
        let bytes = bytes.to_owned().into();
        releases.upload_asset(*release.id, name, bytes).send().await
    }

    async fn publish(&self, release: &Release) -> Release {
        let repository = self.repository();
        let releases = repository.releases();
        let published = releases.update(*release.id).draft(false).send().await;
        published.expect("the draft is published")
    }

    async fn get(&self, url: &str) -> reqwest::Response {
        self.public.get(url).send().await.expect("an answer")
    }
}

/// Whatever passed in a test is as GitHub describes it.
impl Drop for Rehearsal {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            openapi::conform(&self.github.exchanges());
        }
    }
}

fn client(server: &Server, token: Option<&str>) -> Octocrab {
    let builder = Octocrab::builder()
        .base_uri(server.url())
        .expect("an address");
    let builder = match token {
        Some(token) => builder.personal_token(token),
        None => builder,
    };
    builder.build().expect("a client")
}

/// The status and the words of a refusal, with the codes of its errors.
#[track_caller]
fn refusal<T>(result: octocrab::Result<T>) -> (u16, String) {
    match result {
        Err(octocrab::Error::GitHub { source, .. }) => {
            let errors = source.errors.unwrap_or_default();
            let codes = errors.iter().map(|error| format!(" {}", error["code"]));
            let words = source.message.clone() + &codes.collect::<String>();
            (source.status_code.as_u16(), words.replace('"', ""))
        }
        Err(error) => panic!("not a refusal by GitHub: {error:?}"),
        Ok(_) => panic!("not refused"),
    }
}
