//! `ask-for-promotion`: has the channel workflow started for a public release. The job that asks
//! cannot move a channel itself: pointers are signed on the default branch alone.

use release_plan::Channel;
use serde_json::json;

use super::say;
use crate::github::GitHub;
use crate::project::Project;
use crate::{Failure, cli};

pub(super) async fn run(arguments: &cli::AskForPromotion) -> Result<(), Failure> {
    let product = Project::product()?;
    let version = &arguments.version;
    let channel = if version.pre.is_empty() {
        Channel::Beta
    } else {
        Channel::Alpha
    };
    let identities = &product.identities;
    let path = &identities.channel_workflow;
    let workflow = path.rsplit('/').next().unwrap_or(path);
    let inputs = json!({
        "action": "promote", "channel": channel.to_string(), "version": version.to_string(),
    });
    let github = GitHub::new(&arguments.host, &product)?;
    let asked = github.dispatch(workflow, &identities.default_branch, inputs);
    asked
        .await
        .map_err(|error| error.wanting("`actions: write`"))?;
    say(format!(
        "{workflow} was asked on {} to promote {version} to {channel}; its run tells what became \
         of it",
        identities.default_branch
    ));
    Ok(())
}
