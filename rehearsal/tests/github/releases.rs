//! The life of a release, from the draft to what can no longer be changed.

use octocrab::models::repos::Release;
use octocrab::params::repos::Reference;
use rehearsal::github::{Access, Permission};
use serde_json::{Value, json};

use crate::{COMMIT, Rehearsal, client, refusal};

const OTHER: &str = "2222222222222222222222222222222222222222";

// octocrab has no name for what its builders take as `make_latest`.
impl Rehearsal {
    async fn create(&self, release: Value) -> Release {
        let created = self
            .writer
            .post(self.api("/releases"), Some(&release))
            .await;
        created.expect("a release")
    }

    async fn edit(&self, release: &Release, fields: Value) {
        let edited = self.writer.patch(&release.url, Some(&fields)).await;
        let _: Release = edited.expect("an edit");
    }
}

#[tokio::test]
async fn a_release_is_public_only_from_the_one_patch_that_ends_its_draft() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let releases = repository.releases();
    let anonymous = client(&rehearsal.server, None);
    let anonymous = anonymous.repos("truetag-dev", "lantern");
    let download = rehearsal.web("/releases/download/v1.0.0/SHA256SUMS");

    let draft = rehearsal.draft("v1.0.0").await;
    let asset = rehearsal.upload(&draft, "SHA256SUMS", "hello\n").await;
    let asset = asset.expect("an upload into a draft");
    let digest = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    assert_eq!(asset.digest.as_deref(), Some(digest));
    assert_eq!((asset.size, asset.state.as_str()), (6, "uploaded"));

    assert!(draft.draft && draft.published_at.is_none());
    assert_eq!(refusal(releases.get_by_tag("v1.0.0").await).0, 404);
    assert_eq!(refusal(anonymous.releases().get(*draft.id).await).0, 404);
    let listed = anonymous.releases().list().send().await;
    assert!(listed.expect("a list").items.is_empty());
    assert_eq!(rehearsal.get(&download).await.status(), 404);
    let broken = asset.browser_download_url.as_str();
    assert_eq!(rehearsal.get(broken).await.status(), 404);
    let tag = Reference::Tag("v1.0.0".to_owned());
    assert_eq!(refusal(repository.get_ref(&tag).await).0, 404);

    let published = rehearsal.publish(&draft).await;
    assert!(!published.draft && published.published_at.is_some());
    assert_eq!(published.immutable, Some(true));
    let public = anonymous.releases().get_by_tag("v1.0.0").await;
    let public = public.expect("a public release");
    assert_eq!(public.id, draft.id);
    assert_eq!(public.assets[0].browser_download_url.as_str(), download);
    assert_eq!(public.assets[0].digest.as_deref(), Some(digest));
    assert_eq!(rehearsal.get(&download).await.status(), 302);
    assert!(repository.get_ref(&tag).await.is_ok());
}

#[tokio::test]
async fn a_published_release_takes_no_upload_and_loses_no_asset() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0").await;
    let asset = rehearsal.upload(&draft, "a", "1").await.expect("an upload");
    rehearsal.publish(&draft).await;

    let late = rehearsal.upload(&draft, "b", "2").await;
    let words = "Cannot upload assets to an immutable release.";
    assert_eq!(refusal(late), (422, words.to_owned()));
    let url = rehearsal.api(&format!("/releases/assets/{}", asset.id));
    let deleted = rehearsal.writer._delete(url, None::<&()>).await;
    assert_eq!(deleted.expect("an answer").status(), 422);
    let release = rehearsal.repository().releases().get(*draft.id).await;
    let kept = release.expect("a release").assets;
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].id, &kept[0].digest), (asset.id, &asset.digest));
}

#[tokio::test]
async fn notes_name_and_rank_of_a_published_release_can_be_edited_but_not_its_tag() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let releases = repository.releases();
    let draft = rehearsal.draft("v1.0.0").await;
    rehearsal.publish(&draft).await;

    let edit = releases.update(*draft.id).name("One").body("Notes");
    let edited = edit.prerelease(true).send().await.expect("an edit");
    assert_eq!(edited.name.as_deref(), Some("One"));
    assert_eq!(edited.body.as_deref(), Some("Notes"));
    assert!(edited.prerelease);

    let edit = releases.update(*draft.id).tag_name("v2.0.0").name("Two");
    assert_eq!(refusal(edit.send().await).0, 422);
    let edit = releases.update(*draft.id).draft(true);
    assert_eq!(refusal(edit.send().await).0, 422);
    let release = releases.get(*draft.id).await.expect("a release");
    assert_eq!(release, edited, "a refused edit changes nothing");
}

#[tokio::test]
async fn the_tag_is_made_at_the_target_unless_it_was_pushed() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let releases = repository.releases();
    rehearsal.github.push_tag("v1.0.0", OTHER);
    for (tag, commit) in [("v1.0.0", OTHER), ("v1.0.1", COMMIT)] {
        let create = releases.create(tag).target_commitish("main");
        create.send().await.expect("a release");
        let tag = Reference::Tag(tag.to_owned());
        let shown = repository.get_ref(&tag).await.expect("a tag");
        let octocrab::models::repos::Object::Commit { sha, .. } = shown.object else {
            panic!("not a commit: {shown:?}");
        };
        assert_eq!(sha, commit);
    }

    let unknown = "3333333333333333333333333333333333333333";
    let create = releases.create("v1.0.2").target_commitish(unknown);
    let refused = refusal(create.send().await);
    assert_eq!(refused, (422, "Validation Failed invalid".to_owned()));
    assert_eq!(refusal(releases.get_by_tag("v1.0.2").await).0, 404);
}

#[tokio::test]
async fn two_drafts_may_bear_one_tag_but_only_one_of_them_is_published() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let releases = repository.releases();
    let first = rehearsal.draft("v1.0.0").await;
    let second = rehearsal.draft("v1.0.0").await;
    assert_ne!(first.id, second.id);
    rehearsal.publish(&first).await;

    let taken = (422, "Validation Failed already_exists".to_owned());
    let publish = releases.update(*second.id).draft(false);
    assert_eq!(refusal(publish.send().await), taken);
    let create = releases.create("v1.0.0").draft(true);
    assert_eq!(refusal(create.send().await), taken);
}

#[tokio::test]
async fn a_tag_is_spent_when_its_published_release_is_deleted() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let releases = repository.releases();
    let draft = rehearsal.draft("v1.0.0").await;
    let url = rehearsal.api(&format!("/releases/{}", draft.id));
    let deleted = rehearsal.writer._delete(&url, None::<&()>).await;
    assert_eq!(deleted.expect("an answer").status(), 204);

    let release = rehearsal.draft("v1.0.0").await;
    rehearsal.publish(&release).await;
    let url = rehearsal.api(&format!("/releases/{}", release.id));
    let deleted = rehearsal.writer._delete(&url, None::<&()>).await;
    assert_eq!(deleted.expect("an answer").status(), 204);
    let create = releases.create("v1.0.0").draft(true);
    let refused = refusal(create.send().await);
    assert_eq!(refused, (422, "Validation Failed custom".to_owned()));
}

#[tokio::test]
async fn the_latest_is_what_make_latest_says() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let releases = repository.releases();
    assert_eq!(refusal(releases.get_latest().await).0, 404);
    let latest = async || {
        let latest = releases.get_latest().await.expect("a latest release");
        latest.tag_name
    };

    for (tag, choice, expected) in [
        ("v1.0.0", None, "v1.0.0"),
        ("v3.0.0", Some("false"), "v1.0.0"),
        ("v2.0.0", Some("legacy"), "v2.0.0"),
        ("v1.0.1", Some("legacy"), "v2.0.0"),
        ("v1.0.2", Some("true"), "v1.0.2"),
    ] {
        let mut release = json!({"tag_name": tag});
        if let Some(choice) = choice {
            release["make_latest"] = choice.into();
        }
        rehearsal.create(release).await;
        assert_eq!(latest().await, expected, "after {tag}");
    }
    let beta = json!({"tag_name": "v4.0.0-beta.1", "prerelease": true});
    let beta = rehearsal.create(beta).await;
    assert_eq!(latest().await, "v1.0.2");
    let promote = json!({"prerelease": false, "make_latest": "true"});
    rehearsal.edit(&beta, promote).await;
    assert_eq!(latest().await, "v4.0.0-beta.1");
    rehearsal.edit(&beta, json!({"make_latest": "false"})).await;
    assert_eq!(latest().await, "v2.0.0");
}

#[tokio::test]
async fn a_draft_forgets_that_it_should_not_become_the_latest() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let releases = repository.releases();
    for (tag, patch, latest) in [
        ("v1.0.0", json!({"draft": false}), "v1.0.0"),
        (
            "v1.0.1",
            json!({"draft": false, "make_latest": "false"}),
            "v1.0.0",
        ),
    ] {
        let draft = json!({"tag_name": tag, "draft": true, "make_latest": "false"});
        let draft = rehearsal.create(draft).await;
        rehearsal.edit(&draft, patch).await;
        let shown = releases.get_latest().await.expect("a latest release");
        assert_eq!(shown.tag_name, latest, "after {tag}");
    }
}

#[tokio::test]
async fn notes_past_125000_characters_are_refused() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let releases = repository.releases();
    let longest = "é".repeat(125_000);
    let create = releases.create("v1.0.0").body(&longest);
    assert!(create.send().await.is_ok());
    let longer = longest + "é";
    let create = releases.create("v1.0.1").body(&longer);
    let refused = refusal(create.send().await);
    assert_eq!(refused, (422, "Validation Failed custom".to_owned()));
}

#[tokio::test]
async fn a_long_list_comes_in_pages_that_lead_to_each_other() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let releases = repository.releases();
    for patch in 0..103 {
        rehearsal.draft(&format!("v1.0.{patch}")).await;
    }
    let first = releases.list().send().await.expect("a page");
    assert_eq!(first.items.len(), 30);
    assert_eq!(first.items[0].tag_name, "v1.0.102");
    assert!(first.next.is_some() && first.prev.is_none());
    assert_eq!(first.number_of_pages(), Some(4));
    let all = rehearsal.writer.all_pages(first).await.expect("pages");
    assert_eq!(all.len(), 103);
    assert_eq!(all[102].tag_name, "v1.0.0");

    let most = releases.list().per_page(200).send().await.expect("a page");
    assert_eq!(most.items.len(), 100);
    let last = releases.list().per_page(100).page(2_u32).send().await;
    let last = last.expect("a page");
    assert_eq!(last.items.len(), 3);
    assert!(last.next.is_none() && last.prev.is_some());
    let beyond = releases.list().page(9_u32).send().await.expect("a page");
    assert!(beyond.items.is_empty());
}

#[tokio::test]
async fn where_releases_are_not_immutable_assets_come_and_go_after_publication() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let releases = repository.releases();
    rehearsal.github.set_immutable_releases(false);
    let draft = rehearsal.draft("v1.0.0").await;
    let asset = rehearsal.upload(&draft, "a", "1").await.expect("an upload");
    assert_eq!(rehearsal.publish(&draft).await.immutable, Some(false));

    let url = rehearsal.api(&format!("/releases/assets/{}", asset.id));
    let deleted = rehearsal.writer._delete(url, None::<&()>).await;
    assert_eq!(deleted.expect("an answer").status(), 204);
    rehearsal.upload(&draft, "a", "2").await.expect("an upload");
    let public = rehearsal.web("/releases/download/v1.0.0/a");
    let location = rehearsal.get(&public).await.headers()["location"].clone();
    let bytes = rehearsal.get(location.to_str().expect("a URL")).await;
    assert_eq!(bytes.text().await.expect("bytes"), "2");

    // The setting is for what comes after it.
    rehearsal.github.set_immutable_releases(true);
    rehearsal.upload(&draft, "b", "1").await.expect("an upload");
    let retag = releases.update(*draft.id).tag_name("v1.0.1");
    assert_eq!(retag.send().await.expect("an edit").tag_name, "v1.0.1");
    let tag = Reference::Tag("v1.0.1".to_owned());
    repository.get_ref(&tag).await.expect("a tag");
    let withdrawn = releases.update(*draft.id).draft(true).send().await;
    assert!(withdrawn.expect("an edit").published_at.is_none());
    assert_eq!(rehearsal.publish(&draft).await.immutable, Some(true));
    assert!(rehearsal.upload(&draft, "c", "1").await.is_err());
}

#[tokio::test]
async fn a_tag_is_free_again_when_a_release_that_is_not_immutable_is_deleted() {
    let rehearsal = Rehearsal::start();
    rehearsal.github.set_immutable_releases(false);
    let release = rehearsal.draft("v1.0.0").await;
    rehearsal.publish(&release).await;
    let url = rehearsal.api(&format!("/releases/{}", release.id));
    let deleted = rehearsal.writer._delete(&url, None::<&()>).await;
    assert_eq!(deleted.expect("an answer").status(), 204);
    let again = rehearsal.draft("v1.0.0").await;
    rehearsal.publish(&again).await;
}

#[tokio::test]
async fn an_administrator_reads_and_changes_whether_releases_are_immutable() {
    let rehearsal = Rehearsal::start();
    let administrator = [(Permission::Administration, Access::Write)];
    rehearsal.github.admit_token("administrator", administrator);
    let ask = async |method: &str| {
        let method = method.parse().expect("a method");
        let url = rehearsal.api("/immutable-releases");
        let request = rehearsal.public.request(method, url);
        let answer = request.bearer_auth("administrator").send().await;
        let answer = answer.expect("an answer");
        let status = answer.status().as_u16();
        let told: Option<Value> = answer.json().await.ok();
        (status, told.unwrap_or_default())
    };
    let enabled = (200, json!({"enabled": true, "enforced_by_owner": false}));
    assert_eq!(ask("GET").await, enabled);
    assert_eq!(ask("DELETE").await.0, 204);
    assert_eq!(ask("GET").await.0, 404);
    let release = rehearsal.draft("v1.0.0").await;
    assert_eq!(rehearsal.publish(&release).await.immutable, Some(false));
    assert_eq!(ask("PUT").await.0, 204);
    assert_eq!(ask("GET").await, enabled);
}
