//! Another product, made of public interfaces alone. Its version stands in its last line, so that
//! tests have many versions of it from one build: `rocket 1.0.0`. One that reads
//! `rocket 1.0.0 hangs prepare`, `rocket 1.0.0 fails activate`, `rocket 1.0.0 crashes status` or
//! `rocket 1.0.0 errs status` does so at that command. One that reads `rocket 1.0.0 carries 12345` has a Sigstore of its own in so many bytes before it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, thread};

use truetag::{BuildInfo, Dir, Program, Sigstore, clap, include_dir};

const PRODUCT: &str = r#"{
  "name": "rocket",
  "summary": "Goes up.",
  "repository": {"url": "https://github.com/acme/rocket", "id": 1001, "owner_id": 77},
  "identities": {
    "issuer": "https://token.actions.githubusercontent.com",
    "release_workflow": ".github/workflows/release.yml",
    "channel_workflow": ".github/workflows/channel.yml",
    "default_branch": "main"
  },
  "channels": {
    "url": "https://acme.github.io/rocket",
    "expires_after_days": 14,
    "default": "stable",
    "feeds": {"stable": {"from": "releases"}}
  },
  "upgrades": {"from": "0.0.0"}
}"#;

const NEWS: &str = r#"[
  {"version": "1.0.0", "tell": "It goes up.", "capabilities": [], "migration": []},
  {"version": "1.1.0", "tell": "It comes down.",
   "capabilities": [{"what": "Landing", "how": "wait."}],
   "migration": ["Rockets that went up stay there."]}
]"#;

static PLAYBOOK: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../playbook/skills");

/// What rockets do beside what every program does.
#[derive(clap::Subcommand)]
enum Own {
    /// Count down, and go
    Launch {
        /// Exit code of the flight
        code: u8,
    },
    /// Fail to go
    Explode,
}

/// The words after the name in the last line of the running executable.
fn last_line() -> Option<String> {
    let mut file = File::open(env::current_exe().ok()?).ok()?;
    file.seek(SeekFrom::End(-64)).ok()?;
    let mut end = Vec::new();
    file.read_to_end(&mut end).ok()?;
    let end = String::from_utf8_lossy(&end);
    let (_, words) = end.rsplit_once("\nrocket ")?;
    Some(words.trim_end().to_owned())
}

/// The Sigstore in `length` bytes before the last line: JSON of what differs from one to the next.
fn carried(length: i64, line: &str) -> Option<Sigstore> {
    let mut file = File::open(env::current_exe().ok()?).ok()?;
    let line = i64::try_from("\nrocket \n".len() + line.len()).ok()?;
    file.seek(SeekFrom::End(-length - line)).ok()?;
    let json = file.take(length.try_into().ok()?);
    let (trusted_root, targets_version, tuf_root, repository): (String, u64, String, String) =
        serde_json::from_reader(json).ok()?;
    Some(Sigstore {
        name: "rockets-sigstore",
        trusted_root: trusted_root.leak(),
        as_of: "2026-01-01T00:00:00Z",
        targets_version,
        tuf_root: tuf_root.leak().as_bytes(),
        repository: repository.leak(),
    })
}

fn main() -> ExitCode {
    let line = last_line().unwrap_or_default();
    let mut words = line.split(' ');
    let version = words.next().filter(|version| !version.is_empty());
    let mut sigstore = Sigstore::PUBLIC;
    if let (Some(verb), Some(object)) = (words.next(), words.next()) {
        let commanded = env::args().any(|argument| argument == object);
        match verb {
            "carries" => {
                let length = object.parse().expect("a number of bytes");
                sigstore = carried(length, &line).expect("a Sigstore before the last line");
            }
            "hangs" if commanded => thread::sleep(Duration::from_secs(600)),
            "fails" if commanded => return ExitCode::from(99),
            "errs" if commanded => return ExitCode::FAILURE,
            "crashes" if commanded => std::process::abort(),
            _ => {}
        }
    }
    let program = Program {
        product_json: PRODUCT,
        news_json: NEWS,
        playbook: &PLAYBOOK,
        sigstore,
        build: BuildInfo {
            version: version.map(|version| &*version.to_owned().leak()),
            commit: None,
            target: env!("BUILD_TARGET"),
        },
    };
    truetag::run_with(&program, |own: Own| match own {
        Own::Launch { code } => ExitCode::from(code),
        Own::Explode => panic!("the flight is over"),
    })
}
