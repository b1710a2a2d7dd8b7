//! `setup-github`: the settings of the repository that the pipeline relies on, shown, and made where
//! that is asked for.

use release_plan::Exit;

use super::say;
use crate::gates::{self, Verdict};
use crate::github::settings::Reviewer;
use crate::github::{GitHub, GitHubError};
use crate::project::Project;
use crate::settings::{self, CHANNELS_BRANCH, ENVIRONMENTS, Finding, Mend};
use crate::{Failure, cli, report};

/// What it takes to change all of the settings.
const RIGHTS: &str = "`administration`, `contents`, `environments` and `pages: write`";

pub(super) async fn run(arguments: &cli::SetupGithub) -> Result<(), Failure> {
    let product = Project::product()?;
    let github = GitHub::new(&arguments.host, &product)?;
    let mut reviewers = Vec::new();
    for login in &arguments.reviewer {
        let id = github
            .user(login)
            .await
            .map_err(GitHubError::into_failure)?;
        let kind = "User".to_owned();
        reviewers.push(Reviewer { kind, id });
    }
    let look = async || {
        let read = async {
            let settings = github.settings(&ENVIRONMENTS).await?;
            let branch = github.branch(CHANNELS_BRANCH).await?.is_some();
            Ok(settings::compare(&product, &settings, branch, &reviewers))
        };
        read.await
            .map_err(|error: GitHubError| error.wanting(RIGHTS))
    };
    let mut findings = look().await?;
    if arguments.apply && findings.iter().any(|finding| !finding.mend.is_empty()) {
        for mend in findings.iter().flat_map(|finding| &finding.mend) {
            apply(&github, mend)
                .await
                .map_err(|error: GitHubError| error.wanting(RIGHTS))?;
        }
        // What GitHub made of it, not what was asked of it.
        findings = look().await?;
    }
    told(arguments, findings)
}

fn told(arguments: &cli::SetupGithub, findings: Vec<Finding>) -> Result<(), Failure> {
    let rows: Vec<_> = findings.into_iter().map(|finding| finding.row).collect();
    if arguments.json {
        report::print(&format!("{}\n", serde_json::to_string_pretty(&rows)?))?;
    } else {
        report::print(&report::gates_text(&rows))?;
    }
    say(gates::summary(&rows));
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let (differing, unseen) = (count(Verdict::Failed), count(Verdict::NotChecked));
    if differing + unseen == 0 {
        return Ok(());
    }
    let mut words = format!("{differing} settings are not as they should be");
    if unseen > 0 {
        words.push_str(&format!(", and {unseen} were not seen"));
    }
    if !arguments.apply && differing > 0 {
        words.push_str("; `cargo xtask setup-github --apply` makes them so");
    }
    Err(Failure::new(Exit::Gate, words))
}

async fn apply(github: &GitHub, mend: &Mend) -> Result<(), GitHubError> {
    match mend {
        Mend::Call(call) => {
            say(call);
            github.change(call).await
        }
        Mend::MakeBranch => {
            say(format!("making the branch {CHANNELS_BRANCH}"));
            // Pages is to serve the files as they are.
            let files = [(".nojekyll".to_owned(), "\n".to_owned())];
            let message = "Begin the channels";
            github.commit(CHANNELS_BRANCH, None, message, &files).await
        }
    }
}
