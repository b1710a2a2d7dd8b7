//! Git data: a branch moved by compare-and-swap, as a channel pointer is.

use octocrab::params::repos::Reference;
use serde_json::{Value, json};

use crate::{COMMIT, Rehearsal, TOKEN, refusal};

impl Rehearsal {
    async fn post(&self, path: &str, body: Value) -> octocrab::Result<Value> {
        self.writer.post(self.api(path), Some(&body)).await
    }

    /// A commit whose tree has `content` at `path`, beside what `parent` holds.
    pub(crate) async fn commit(&self, parent: Option<&str>, path: &str, content: &str) -> String {
        let mut tree = json!({
            "tree": [{"path": path, "mode": "100644", "type": "blob", "content": content}],
        });
        if let Some(parent) = parent {
            tree["base_tree"] = parent.into();
        }
        let tree = self.post("/git/trees", tree).await.expect("a tree");
        let commit = json!({
            "message": format!("Point {path} elsewhere"),
            "tree": tree["sha"],
            "parents": Vec::from_iter(parent),
        });
        let commit = self.post("/git/commits", commit).await.expect("a commit");
        commit["sha"].as_str().expect("an id").to_owned()
    }

    async fn branch(&self, name: &str, commit: &str) {
        let reference = Reference::Branch(name.to_owned());
        let repository = self.repository();
        let created = repository.create_ref(&reference, commit).await;
        created.expect("a branch");
    }

    pub(crate) async fn advance(&self, branch: &str, commit: &str) -> octocrab::Result<Value> {
        let path = self.api(&format!("/git/refs/heads/{branch}"));
        let body = json!({"sha": commit, "force": false});
        self.writer.patch(path, Some(&body)).await
    }

    /// The branch `channels` with one file, and the commit it stands at.
    pub(crate) async fn channels(&self, path: &str, content: &str) -> String {
        let commit = self.commit(None, path, content).await;
        self.branch("channels", &commit).await;
        commit
    }
}

#[tokio::test]
async fn of_two_writers_the_slower_is_refused_and_nothing_of_its_is_visible() {
    let rehearsal = Rehearsal::start();
    let page = rehearsal.web("/channels/stable.json");
    let start = rehearsal.channels("channels/stable.json", "0").await;
    let quick = rehearsal
        .commit(Some(&start), "channels/stable.json", "quick")
        .await;
    let slow = rehearsal
        .commit(Some(&start), "channels/beta.json", "slow")
        .await;

    rehearsal
        .advance("channels", &quick)
        .await
        .expect("a fast forward");
    let refused = refusal(rehearsal.advance("channels", &slow).await);
    assert_eq!(refused, (422, "Update is not a fast forward".to_owned()));
    let shown = rehearsal.get(&page).await.text().await;
    assert_eq!(shown.expect("a page"), "quick");
    let unseen = rehearsal.get(&rehearsal.web("/channels/beta.json")).await;
    assert_eq!(unseen.status(), 404);

    // Two commits ahead is as good a descent as one.
    let between = rehearsal.commit(Some(&quick), "README", "slow").await;
    let again = rehearsal
        .commit(Some(&between), "channels/beta.json", "slow")
        .await;
    rehearsal
        .advance("channels", &again)
        .await
        .expect("a fast forward");
    let shown = rehearsal.get(&page).await.text().await;
    assert_eq!(shown.expect("a page"), "quick", "the other file stays");
    let seen = rehearsal.get(&rehearsal.web("/channels/beta.json")).await;
    assert_eq!(seen.text().await.expect("a page"), "slow");
}

#[tokio::test]
async fn a_ref_is_created_once_and_only_for_what_exists() {
    let rehearsal = Rehearsal::start();
    let repository = rehearsal.repository();
    let branch = Reference::Branch("channels".to_owned());
    assert_eq!(refusal(repository.get_ref(&branch).await).0, 404);
    let unknown = "3333333333333333333333333333333333333333";
    let refused = refusal(repository.create_ref(&branch, unknown).await);
    assert_eq!(refused, (422, "Object does not exist".to_owned()));
    let refused = refusal(rehearsal.advance("channels", COMMIT).await);
    assert_eq!(refused, (422, "Reference does not exist".to_owned()));

    let created = repository.create_ref(&branch, COMMIT).await;
    assert_eq!(created.expect("a branch").ref_field, "refs/heads/channels");
    let refused = refusal(repository.create_ref(&branch, COMMIT).await);
    assert_eq!(refused, (422, "Reference already exists".to_owned()));
}

#[tokio::test]
async fn objects_are_read_back_as_they_were_written() {
    let rehearsal = Rehearsal::start();
    let bytes = "\u{1F3EE}".repeat(40);
    let blob = json!({"content": bytes, "encoding": "utf-8"});
    let blob = rehearsal.post("/git/blobs", blob).await.expect("a blob");
    let tree = json!({"tree": [
        {"path": "channels/deep/lantern", "mode": "100755", "type": "blob", "sha": blob["sha"]},
        {"path": "README", "mode": "100644", "type": "blob", "content": "hello\n"},
    ]});
    let tree = rehearsal.post("/git/trees", tree).await.expect("a tree");
    let names: Vec<_> = tree["tree"].as_array().expect("entries").iter().collect();
    assert_eq!(
        (&names[0]["path"], &names[1]["path"]),
        (&json!("README"), &json!("channels"))
    );
    // What `printf 'hello\n' | git hash-object --stdin` says.
    assert_eq!(names[0]["sha"], "ce013625030ba8dba906f756967f9e9ca394464a");
    assert_eq!(names[1]["type"], "tree");

    let commit = json!({"message": "m", "tree": tree["sha"], "parents": [COMMIT]});
    let commit = rehearsal
        .post("/git/commits", commit)
        .await
        .expect("a commit");
    let read = async |url: &Value| -> Value {
        let url = url.as_str().expect("a URL");
        let answer = rehearsal.get(url).await;
        answer.json().await.expect("JSON")
    };
    assert_eq!(read(&commit["url"]).await, commit);
    assert_eq!(commit["parents"][0]["sha"], COMMIT);
    assert_eq!(read(&tree["url"]).await, tree);
    let read = read(&blob["url"]).await;
    assert_eq!(read["size"], 160);
    let lines = read["content"].as_str().expect("base64").lines();
    assert_eq!(lines.map(str::len).collect::<Vec<_>>(), [60, 60, 60, 36]);
}

#[tokio::test]
async fn contents_are_shown_at_a_branch() {
    let rehearsal = Rehearsal::start();
    rehearsal.channels("channels/stable.json", "{}").await;
    let repository = rehearsal.repository();
    let content = repository.get_content().path("channels/stable.json");
    let content = content.r#ref("channels").send().await.expect("a file");
    assert_eq!(content.items[0].decoded_content().as_deref(), Some("{}"));
    let listing = repository.get_content().path("channels");
    let listing = listing.r#ref("channels").send().await.expect("a listing");
    assert_eq!(listing.items[0].path, "channels/stable.json");
    let elsewhere = repository.get_content().path("channels/stable.json");
    assert_eq!(refusal(elsewhere.r#ref("main").send().await).0, 404);

    let request = rehearsal
        .public
        .get(rehearsal.api("/contents/channels/stable.json?ref=channels"));
    let request = request.bearer_auth(TOKEN);
    let raw = request
        .header("accept", "application/vnd.github.raw+json")
        .send()
        .await;
    assert_eq!(raw.expect("an answer").text().await.expect("bytes"), "{}");
}

#[tokio::test]
async fn a_tree_refuses_paths_and_objects_that_git_would_not_hold() {
    let rehearsal = Rehearsal::start();
    for entry in [
        json!({"path": "a//b", "mode": "100644", "type": "blob", "content": ""}),
        json!({"path": "../b", "mode": "100644", "type": "blob", "content": ""}),
        json!({"path": "b", "mode": "100600", "type": "blob", "content": ""}),
        json!({"path": "b", "mode": "100644", "type": "blob"}),
        json!({"path": "b", "mode": "040000", "type": "tree", "content": ""}),
        json!({"path": "b", "mode": "100644", "type": "blob", "sha": COMMIT.replace('1', "4")}),
    ] {
        let answer = rehearsal.post("/git/trees", json!({"tree": [entry]})).await;
        assert_eq!(refusal(answer).0, 422, "{entry}");
    }
}

#[tokio::test]
async fn refs_are_listed_by_how_they_begin_and_none_is_an_answer_too() {
    let rehearsal = Rehearsal::start();
    let commit = rehearsal.channels("channels/stable.json", "0").await;
    rehearsal.branch("channels-of-old", &commit).await;
    let listed = async |beginning: &str| {
        let path = rehearsal.api(&format!("/git/matching-refs/{beginning}"));
        let listed: Value = rehearsal.writer.get(path, None::<&()>).await.unwrap();
        let listed = listed.as_array().unwrap().clone();
        listed.into_iter().map(|listed| listed["ref"].clone())
    };
    let found = listed("heads/channels").await;
    let both = ["refs/heads/channels", "refs/heads/channels-of-old"];
    assert!(found.eq(both));
    assert_eq!(listed("heads/elsewhere").await.len(), 0);
}

#[tokio::test]
async fn a_tree_is_shown_with_those_in_it_to_whoever_asks_for_them() {
    let rehearsal = Rehearsal::start();
    let commit = rehearsal.channels("channels/stable.json", "0").await;
    for (query, paths) in [
        ("", &["channels"][..]),
        ("?recursive=1", &["channels", "channels/stable.json"]),
    ] {
        let path = rehearsal.api(&format!("/git/trees/{commit}{query}"));
        let tree: Value = rehearsal.writer.get(path, None::<&()>).await.unwrap();
        let entries = tree["tree"].as_array().unwrap().iter();
        assert!(entries.map(|entry| &entry["path"]).eq(paths), "{query}");
    }
}
