//! What the public saw of a rehearsal whose process has ended, served again on one port: GitHub with
//! its releases and pages, the trusted root by TUF, and the entries of the log. Whatever signs went
//! with that process, and nobody holds a right here.

use std::collections::BTreeMap;
use std::io;

use axum::Router;
use jiff::Timestamp;

use crate::Server;
use crate::github::{GitHub, Repository};
use crate::sigstore::Sigstore;
use crate::tuf::{self, Tuf};

/// What was kept of a rehearsal.
pub struct Kept {
    /// The repository that it was of.
    pub repository: Repository,
    /// The releases, the first first.
    pub releases: Vec<KeptRelease>,
    /// The pages by their paths, as [`GitHub::pages`] gave them.
    pub pages: BTreeMap<String, Vec<u8>>,
    /// Whose keys signed, as `trusted_root.json`.
    pub trusted_root: String,
    /// The log, as [`Sigstore::entries_json`] told it.
    pub entries: String,
}

/// A public release.
pub struct KeptRelease {
    /// Its tag.
    pub tag: String,
    /// The commit that the tag stands on.
    pub commit: String,
    /// Whether it is a pre-release.
    pub prerelease: bool,
    /// The bytes of each asset, by its name.
    pub assets: BTreeMap<String, Vec<u8>>,
}

impl Kept {
    /// Serves it at `port`, 0 for one of the system's choice: what [`GitHub::router`] serves at the
    /// root, a TUF repository with keys of its own under `/tuf`, Rekor's entries under `/rekor`.
    /// Gives the server, and the `root.json` that a TUF client begins with.
    ///
    /// # Errors
    /// When the port cannot be listened on, or the log is no JSON.
    pub fn serve(self, port: u16) -> io::Result<(Server, Vec<u8>)> {
        const NOBODY: &str = "nobody";
        let github = GitHub::new(self.repository, NOBODY);
        github.admit_token(NOBODY, []);
        for release in self.releases {
            github.restore_release(
                &release.tag,
                &release.commit,
                release.prerelease,
                release.assets,
            );
        }
        github.restore_pages(self.pages);
        let tuf = tuf::Repository::new(&self.trusted_root, Timestamp::now());
        let root = tuf.first_root().to_vec();
        let log = Sigstore::kept_log(&self.entries)?;
        let server = Server::start_at(port, |at| {
            Router::new()
                .nest("/tuf", Tuf::new(tuf).router())
                .merge(log)
                .fallback_service(github.router(&format!("http://{at}")))
        })?;
        Ok((server, root))
    }
}
