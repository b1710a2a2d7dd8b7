//! Who signed: jobs that Sigstore truly vouches for, and that are not the one of this release.

use rehearsal::sigstore::Job;

use super::Case;
use crate::rig::job;

/// The file, truly signed by another job.
fn signed_by(alter: impl FnOnce(&mut Job)) -> Case {
    let mut other = job();
    alter(&mut other);
    Case::signed_by(&other)
}

#[test]
fn a_runner_of_somebodys_own() {
    signed_by(|job| job.runner_environment = "self-hosted".to_owned())
        .accepted_by_all("no flag of theirs reaches the runner")
        .must_be_refused_by("runner environment");
}

#[test]
fn another_tag() {
    signed_by(|job| job.reference = "refs/tags/v1.2.4".to_owned()).must_be_refused_by("identity");
}

#[test]
fn a_branch_called_like_the_tag() {
    signed_by(|job| job.reference = "refs/heads/v1.2.3".to_owned()).must_be_refused_by("identity");
}

#[test]
fn a_branch() {
    signed_by(|job| job.reference = "refs/heads/main".to_owned()).must_be_refused_by("identity");
}

#[test]
fn another_repository() {
    signed_by(|job| job.repository = "acme/rocketry".to_owned()).must_be_refused_by("identity");
}

#[test]
fn a_fork() {
    signed_by(|job| {
        job.repository = "mallory/rocket".to_owned();
        (job.repository_id, job.owner_id) = (2002, 88);
    })
    .must_be_refused_by("identity");
}

#[test]
fn a_repository_that_took_the_name_of_a_deleted_one() {
    signed_by(|job| job.repository_id = 2002)
        .accepted_by_all("no flag of theirs reaches the numeric ids")
        .must_be_refused_by("source repository id");
}

#[test]
fn an_owner_that_took_the_name_of_a_deleted_one() {
    signed_by(|job| job.owner_id = 88)
        .accepted_by_all("no flag of theirs reaches the numeric ids")
        .must_be_refused_by("source owner id");
}

#[test]
fn another_workflow_of_the_same_repository() {
    signed_by(|job| job.workflow = ".github/workflows/docs.yml".to_owned())
        .must_be_refused_by("identity");
}

#[test]
fn the_workflow_that_may_move_channels() {
    signed_by(|job| {
        job.workflow = ".github/workflows/channel.yml".to_owned();
        job.reference = "refs/heads/main".to_owned();
        job.event = "workflow_dispatch".to_owned();
    })
    .must_be_refused_by("identity");
}

#[test]
fn another_commit_of_the_same_tag() {
    signed_by(|job| job.commit = "f".repeat(40)).must_be_refused_by("source commit");
}

#[test]
fn a_run_that_somebody_started_by_hand_at_the_tag() {
    signed_by(|job| job.event = "workflow_dispatch".to_owned()).must_be_refused_by("build trigger");
}

#[test]
fn a_run_for_a_pull_request() {
    signed_by(|job| job.event = "pull_request_target".to_owned())
        .must_be_refused_by("build trigger");
}
