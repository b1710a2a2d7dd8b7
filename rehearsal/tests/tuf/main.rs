//! The rehearsal's TUF repository against production clients: cosign and sigstore-python follow it,
//! and refuse it when it goes wrong.

use std::path::Path;

use jiff::Timestamp;
use rehearsal::Server;
use rehearsal::sigstore::Sigstore;
use rehearsal::tuf::{Repository, Tuf};
use rehearsal::verifiers::{self, Verdict};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A repository that is served, and a client that keeps what it saw.
struct Rig {
    tuf: Tuf,
    server: Server,
    folder: TempDir,
}

impl Rig {
    fn new() -> Self {
        let sigstore = Sigstore::new().unwrap();
        let config = sigstore.client_trust_config_json("http://127.0.0.1:9");
        let config: Value = serde_json::from_str(&config).unwrap();
        let mut repository = Repository::new(&config["trustedRoot"].to_string(), Timestamp::now());
        let signing = config["signingConfig"].to_string();
        repository.publish("signing_config.v0.2.json", &signing);
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("root.json"), repository.first_root()).unwrap();
        let tuf = Tuf::new(repository);
        Self {
            server: Server::start(|_| tuf.router()).unwrap(),
            tuf,
            folder,
        }
    }

    /// Follows the repository as it should be, over a change of all its keys, and no further when
    /// it goes wrong.
    fn ask(&self, tool: &str, follow: fn(&str, &Path, &Path) -> Verdict) {
        let root = self.folder.path().join("root.json");
        let ask = || follow(&self.server.url(), &root, self.folder.path());
        let accepted = |what: &str| match ask() {
            Verdict::Accepted => true,
            Verdict::NotInstalled => false,
            Verdict::Refused(words) => panic!("{tool} refused {what}: {words}"),
        };
        if !accepted("a true repository") {
            return verifiers::not_run(tool);
        }
        self.tuf.with(Repository::rotate);
        assert!(accepted("a change of keys"));
        self.tuf.with(|repository| {
            repository.edit("timestamp.json", |file| {
                file["signed"]["version"] = json!(99);
            });
        });
        let refused = matches!(ask(), Verdict::Refused(_));
        assert!(refused, "{tool} accepted what nobody signed");
    }
}

#[test]
fn cosign_3_follows_the_repository_and_refuses_what_nobody_signed() {
    Rig::new().ask("cosign", verifiers::cosign_initialize);
}

#[test]
fn sigstore_python_follows_the_repository_and_refuses_what_nobody_signed() {
    Rig::new().ask("sigstore", verifiers::sigstore_python_trust);
}
