//! Assets while they can still be changed.

use crate::{Rehearsal, TOKEN, refusal};

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
    let address = rehearsal.server.url().replace("http://", "");
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(address).expect("a connection");
        stream.write_all(head.as_bytes()).expect("a request");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        answer
    });
    assert_eq!(&answer.await.expect("an answer"), b"HTTP/1.1 422");
}
