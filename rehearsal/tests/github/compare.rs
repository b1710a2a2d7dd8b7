//! How one commit stands to another.

use serde_json::{Value, json};

use crate::{COMMIT, Rehearsal};

impl Rehearsal {
    async fn compare(&self, revisions: &str) -> (u16, Value) {
        let answer = self.get(&self.api(&format!("/compare/{revisions}"))).await;
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }
}

#[tokio::test]
async fn a_comparison_tells_what_each_history_holds_beyond_the_other() {
    let rehearsal = Rehearsal::start();
    let commit = async |parent: &str, content: &str| {
        let parent = Some(parent);
        rehearsal.commit(parent, "README", content).await
    };
    let one = commit(COMMIT, "one").await;
    let two = commit(&one, "two").await;
    let other = commit(&one, "other").await;
    rehearsal.github.push_tag("v1.0.0", &one);
    rehearsal.github.push_branch("topic/two", &two);
    let expect = async |revisions: String, status: &str, counts: [usize; 2], base: &str| {
        let (code, shown) = rehearsal.compare(&revisions).await;
        assert_eq!(
            (code, &shown["status"]),
            (200, &json!(status)),
            "{revisions}"
        );
        let [ahead, behind] = counts;
        assert_eq!(
            (&shown["ahead_by"], &shown["behind_by"]),
            (&json!(ahead), &json!(behind)),
            "{revisions}"
        );
        assert_eq!(shown["merge_base_commit"]["sha"], base, "{revisions}");
        let commits = shown["commits"].as_array().expect("commits");
        let ids = commits.iter().map(|commit| commit["sha"].clone());
        ids.collect::<Vec<_>>()
    };
    let none: [Value; 0] = [];
    let same = expect("main...main".to_owned(), "identical", [0, 0], COMMIT).await;
    assert_eq!(same, none);
    let ahead = expect("main...topic/two".to_owned(), "ahead", [2, 0], COMMIT).await;
    assert_eq!(ahead, [json!(one), json!(two)]);
    let behind = expect(format!("{two}...v1.0.0"), "behind", [0, 1], &one).await;
    assert_eq!(behind, none);
    let apart = expect(format!("topic/two...{other}"), "diverged", [1, 1], &one).await;
    assert_eq!(apart, [json!(other)]);

    // A merge holds what it merged.
    let merge = "2".repeat(40);
    rehearsal.github.push_commit(&merge, &[&two, &other]);
    let merged = expect(format!("{merge}...{other}"), "behind", [0, 2], &other).await;
    assert_eq!(merged, none);
}

#[tokio::test]
async fn what_cannot_be_compared_is_not_found() {
    let rehearsal = Rehearsal::start();
    rehearsal.github.push_branch("apart", &"2".repeat(40));
    for (revisions, words) in [
        ("main...apart", "No common ancestor between main and apart."),
        ("main...nothing", "Not Found"),
        ("nothing...main", "Not Found"),
        ("main", "Not Found"),
    ] {
        let (status, told) = rehearsal.compare(revisions).await;
        assert_eq!(
            (status, &told["message"]),
            (404, &json!(words)),
            "{revisions}"
        );
    }
}
