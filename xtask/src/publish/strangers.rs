//! What somebody else did to a release, and what a publisher makes of it.

use std::fs;

use rehearsal::github::{Access, Fault, Permission};
use release_plan::{AssetName, BUNDLE_SUFFIX, Exit, Measured};

use super::rig::{publication, whole};
use crate::Failure;
use crate::clock::Clock;
use crate::github::{GitHub, GitHubError, Release};
use crate::trial::{COMMIT, TOKEN, World, block_on};

/// Does something to the repository with the token that publishes.
fn by_hand<T>(world: &World, does: impl AsyncFnOnce(GitHub) -> Result<T, GitHubError>) -> T {
    block_on(async { does(world.client(TOKEN)).await.unwrap() })
}

fn draft_by_hand(world: &World, body: &str) -> Release {
    let (tag, commit) = ("v1.2.3".parse().unwrap(), COMMIT.parse().unwrap());
    by_hand(world, async |github| {
        github.create_draft(&tag, &commit, body).await
    })
}

#[track_caller]
fn refused(ended: Result<Release, Failure>, exit: Exit, words: &str) {
    let failure = ended.expect_err("it should be refused");
    let said = failure.to_string();
    assert_eq!(failure.exit(), exit, "{said}");
    assert!(said.contains(words), "expected {words:?} in: {said}");
}

#[test]
fn a_draft_by_somebodys_hand_is_refused_with_its_address_and_nothing_is_changed() {
    let (publication, _folder) = publication();
    let world = World::new();
    let draft = draft_by_hand(&world, "Coming soon");
    let before = world.github.releases();
    refused(world.publish(&publication), Exit::Gate, &draft.html_url);
    assert_eq!(world.github.releases(), before);
}

#[test]
fn a_second_draft_by_somebodys_hand_stops_a_publication_that_has_begun() {
    let (publication, _folder) = publication();
    let world = World::new();
    draft_by_hand(&world, &publication.body());
    draft_by_hand(&world, "Coming soon");
    let before = world.github.releases();
    refused(world.publish(&publication), Exit::Gate, "by hand");
    assert_eq!(world.github.releases(), before);
}

#[test]
fn of_several_drafts_of_one_publication_the_oldest_becomes_public_and_the_others_go() {
    let (publication, _folder) = publication();
    let world = World::new();
    let oldest = draft_by_hand(&world, &publication.body());
    for _ in 0..2 {
        draft_by_hand(&world, &publication.body());
    }
    assert_eq!(world.publish(&publication).unwrap().id, oldest.id);
    world.assert_done(&publication, "three drafts");
}

#[test]
fn a_draft_of_another_plan_is_refused() {
    let (publication, _folder) = publication();
    let world = World::new();
    let other = publication
        .body()
        .replace(&publication.plan.to_string(), &"0".repeat(64));
    draft_by_hand(&world, &other);
    refused(world.publish(&publication), Exit::Gate, "another plan");
}

#[test]
fn a_file_that_somebody_added_to_the_draft_is_refused_and_left_where_it_is() {
    let (publication, folder) = publication();
    let world = World::new();
    let draft = draft_by_hand(&world, &publication.body());
    let file = folder.path().join("backdoor.sh");
    fs::write(&file, "curl evil").unwrap();
    by_hand(&world, async |github| {
        github.upload(&draft, "backdoor.sh", &file, 9).await
    });
    let before = world.github.releases();
    refused(world.publish(&publication), Exit::Gate, "backdoor.sh");
    assert_eq!(world.github.releases(), before);
}

#[test]
fn a_public_release_with_another_digest_is_refused_and_never_overwritten() {
    let (mut publication, folder) = publication();
    let world = World::new();
    world.publish(&publication).unwrap();
    let before = world.github.releases();
    let name: AssetName = format!("ember-0.tar.gz{BUNDLE_SUFFIX}").parse().unwrap();
    fs::write(folder.path().join(name.as_str()), "another").unwrap();
    publication.files.insert(name, Measured::of(b"another"));
    refused(
        world.publish(&publication),
        Exit::Gate,
        "a public release is final",
    );
    assert_eq!(world.github.releases(), before);
}

#[test]
fn a_file_that_changes_after_it_was_verified_never_becomes_public() {
    let (publication, folder) = publication();
    let world = World::new();
    // Of the same size, so that nothing but the digest tells.
    let file = folder.path().join("ember-3.tar.gz");
    let changed = fs::read_to_string(&file).unwrap().replace("what", "that");
    fs::write(&file, changed).unwrap();
    refused(world.publish(&publication), Exit::Refused, "ember-3.tar.gz");
    assert!(
        world
            .github
            .releases()
            .iter()
            .all(|release| !release.public)
    );
}

#[test]
fn an_upload_that_somebody_else_has_under_way_is_waited_for_and_an_abandoned_one_removed() {
    let (publication, folder) = publication();
    let world = World::new();
    let draft = draft_by_hand(&world, &publication.body());
    world.github.break_at(0, Fault::Starter);
    let file = folder.path().join("ember-3.tar.gz");
    let size = fs::metadata(&file).unwrap().len();
    let left = async |github: GitHub| {
        github
            .upload(&draft, "ember-3.tar.gz", &file, size)
            .await
            .unwrap_err();
        Ok(())
    };
    by_hand(&world, left);
    let clock = Clock::moved();
    let started = clock.now();
    world.publish_as(TOKEN, &clock, &publication).unwrap();
    let waited = clock.now().duration_since(started).as_secs();
    assert!((170..=600).contains(&waited), "{waited} s");
    world.assert_done(&publication, "an abandoned upload");
}

#[test]
fn a_token_without_the_right_to_write_is_told_which_it_lacks_and_nothing_is_changed() {
    let (publication, _folder) = publication();
    let world = World::new();
    let rights = [(Permission::Contents, Access::Read)];
    world.github.admit_token("reader", rights);
    for (token, words) in [("reader", "contents: write"), ("nobody's", "a valid token")] {
        let ended = world.publish_as(token, &Clock::moved(), &publication);
        refused(ended, Exit::Storage, words);
        assert_eq!(world.github.releases(), []);
    }
    world.publish(&publication).unwrap();
    assert_eq!(world.github.releases(), [whole(&publication)]);
}

#[test]
fn a_github_that_stays_down_is_given_up_with_its_own_words_and_how_to_go_on() {
    let (publication, _folder) = publication();
    let world = World::new();
    world.github.break_at(5, Fault::Refused);
    let clock = Clock::moved();
    let started = clock.now();
    let ended = world.publish_as(TOKEN, &clock, &publication);
    refused(ended, Exit::Network, "run again later");
    let waited = clock.now().duration_since(started).as_secs();
    assert!((600..=900).contains(&waited), "{waited} s");
}
