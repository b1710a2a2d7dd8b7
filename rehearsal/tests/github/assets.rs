//! Assets while they can still be changed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use octocrab::models::repos::Release;
use rehearsal::github::Fault;

use crate::{Rehearsal, TOKEN, refusal};

impl Rehearsal {
    /// Leaves a starter of that name.
    async fn fail_to_upload(&self, draft: &Release, name: &str) {
        let uploads = |method: &str, _: &str| method == "POST";
        self.github.break_at_among(0, Fault::Starter, uploads);
        assert_eq!(refusal(self.upload(draft, name, "1").await).0, 502);
    }

    /// The status line as far as the status, after a request that no client would send.
    async fn raw(&self, request: String) -> String {
        let address = self.server.url().replace("http://", "");
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).expect("a connection");
            stream.write_all(request.as_bytes()).expect("a request");
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).expect("an answer");
            String::from_utf8_lossy(&answer).into_owned()
        });
        answer.await.expect("an answer")
    }
}

#[tokio::test]
async fn a_second_asset_of_one_name_is_refused_until_the_first_is_deleted() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0").await;
    let first = rehearsal
        .upload(&draft, "a.zip", "1")
        .await
        .expect("an upload");
    let second = rehearsal.upload(&draft, "a.zip", "2").await;
    let taken = (422, "Validation Failed already_exists".to_owned());
    assert_eq!(refusal(second), taken);

    let url = rehearsal.api(&format!("/releases/assets/{}", first.id));
    let deleted = rehearsal.writer._delete(&url, None::<&()>).await;
    assert_eq!(deleted.expect("an answer").status(), 204);
    let again = rehearsal.writer._delete(&url, None::<&()>).await;
    assert_eq!(again.expect("an answer").status(), 404);
    let second = rehearsal.upload(&draft, "a.zip", "22").await;
    assert_eq!(second.expect("an upload").size, 2);
}

#[tokio::test]
async fn of_two_uploads_of_one_name_at_once_one_is_kept() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0").await;
    let bytes = "x".repeat(1 << 20);
    let (one, two) = tokio::join!(
        rehearsal.upload(&draft, "a.zip", &bytes),
        rehearsal.upload(&draft, "a.zip", &bytes),
    );
    assert_ne!(one.is_ok(), two.is_ok());
    let assets = rehearsal.repository();
    let assets = assets.releases().assets(*draft.id).send().await;
    assert_eq!(assets.expect("a list").items.len(), 1);
}

#[tokio::test]
async fn a_name_is_kept_with_dots_for_what_github_does_not_allow() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0").await;
    for (sent, kept) in [
        ("lantern-1.0.0%2Bx_86.tar.gz", "lantern-1.0.0+x_86.tar.gz"),
        ("a%20(b)~c.zip", "a.b.c.zip"),
        // What an unencoded plus means in a query.
        ("1.0+2", "1.0.2"),
    ] {
        let asset = rehearsal.upload(&draft, sent, "1").await;
        assert_eq!(asset.expect("an upload").name, kept);
    }
}

#[tokio::test]
async fn the_assets_of_a_release_come_in_pages() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0").await;
    for index in 0..31 {
        let asset = rehearsal.upload(&draft, &format!("{index}"), "1").await;
        asset.expect("an upload");
    }
    let repository = rehearsal.repository();
    let releases = repository.releases();
    let first = releases.assets(*draft.id).send().await.expect("a page");
    assert_eq!(first.items.len(), 30);
    let all = rehearsal.writer.all_pages(first).await.expect("pages");
    assert_eq!(all.len(), 31);
}

#[tokio::test]
async fn the_bytes_of_an_asset_are_one_redirect_away_for_whom_may_see_it() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0").await;
    let asset = rehearsal
        .upload(&draft, "a", "bytes")
        .await
        .expect("an upload");
    let octets = || {
        let request = rehearsal.public.get(asset.url.clone());
        request.header("accept", "application/octet-stream")
    };
    let answer = octets().send().await.expect("an answer");
    assert_eq!(answer.status(), 404, "a draft's asset");
    let answer = octets().bearer_auth(TOKEN).send().await.expect("an answer");
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().expect("a URL");
    let bytes = rehearsal.get(location).await.text().await;
    assert_eq!(bytes.expect("bytes"), "bytes");
    let guessed = location.replace(&location[location.len() - 64..], &"0".repeat(64));
    assert_eq!(rehearsal.get(&guessed).await.status(), 404);
}

#[tokio::test]
async fn an_asset_of_two_gibibytes_is_refused_before_it_is_sent() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0").await;
    let path = format!(
        "/repos/truetag-dev/lantern/releases/{}/assets?name=a",
        draft.id
    );
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {}\r\n\r\n",
        1_u64 << 31
    );
    assert_eq!(rehearsal.raw(head).await, "HTTP/1.1 422");
}

#[tokio::test]
async fn an_asset_without_a_byte_or_of_a_size_unsaid_is_refused() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0").await;
    let empty = refusal(rehearsal.upload(&draft, "a", "").await);
    assert_eq!(empty, (422, "Validation Failed custom".to_owned()));

    let url = rehearsal.api(&format!("/releases/{}/assets?name=a", draft.id));
    let head = format!("POST {url} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n");
    let request = head + "transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    assert_eq!(rehearsal.raw(request).await, "HTTP/1.1 400");
    let assets = rehearsal.repository();
    let assets = assets.releases().assets(*draft.id).send().await;
    assert!(assets.expect("a list").items.is_empty());
}

#[tokio::test]
async fn a_starter_keeps_its_name_until_it_is_deleted_and_has_no_bytes_for_anybody() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0").await;
    rehearsal.upload(&draft, "b", "1").await.expect("an upload");
    rehearsal.fail_to_upload(&draft, "a").await;
    let taken = refusal(rehearsal.upload(&draft, "a", "1").await);
    assert_eq!(taken, (422, "Validation Failed already_exists".to_owned()));

    let repository = rehearsal.repository();
    let assets = repository.releases().assets(*draft.id).send().await;
    let assets = assets.expect("a list").items;
    let starter = &assets[1];
    assert_eq!((starter.state.as_str(), starter.size), ("starter", 0));
    let request = rehearsal.public.get(starter.url.clone()).bearer_auth(TOKEN);
    let octets = request.header("accept", "application/octet-stream");
    assert_eq!(octets.send().await.expect("an answer").status(), 404);

    let broken = rehearsal.publish(&draft).await;
    for (asset, status) in broken.assets.iter().zip([302, 404]) {
        let url = asset.browser_download_url.as_str();
        assert_eq!(rehearsal.get(url).await.status(), status, "{url}");
    }

    let draft = rehearsal.draft("v1.0.1").await;
    rehearsal.fail_to_upload(&draft, "a").await;
    let release = repository.releases().get(*draft.id).await;
    let starter = release.expect("a release").assets.remove(0);
    let deleted = rehearsal
        .writer
        ._delete(starter.url.as_str(), None::<&()>)
        .await;
    assert_eq!(deleted.expect("an answer").status(), 204);
    let again = rehearsal.upload(&draft, "a", "1").await;
    assert_eq!(again.expect("an upload").state, "uploaded");
}
