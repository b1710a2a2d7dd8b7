//! The public side: what a consumer or a mirror fetches without a token.

use crate::Rehearsal;

/// Where the bytes of the asset `a`, `0123456789`, are served once v1.0.0 is published.
async fn published(rehearsal: &Rehearsal) -> String {
    let draft = rehearsal.draft("v1.0.0").await;
    rehearsal
        .upload(&draft, "a", "0123456789")
        .await
        .expect("an upload");
    rehearsal.publish(&draft).await;
    let answer = rehearsal
        .get(&rehearsal.web("/releases/download/v1.0.0/a"))
        .await;
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str();
    location.expect("a URL").to_owned()
}

#[tokio::test]
async fn one_base_url_is_a_whole_static_mirror() {
    let rehearsal = Rehearsal::start();
    published(&rehearsal).await;
    rehearsal
        .channels("channels/stable.json", "{\"sequence\":1}")
        .await;
    let consumer = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    for (path, expected) in [
        ("/channels/stable.json", "{\"sequence\":1}"),
        ("/releases/download/v1.0.0/a", "0123456789"),
        ("/releases/latest/download/a", "0123456789"),
    ] {
        let answer = consumer.get(rehearsal.web(path)).send().await;
        let answer = answer.expect("an answer").error_for_status();
        let bytes = answer.expect("a file").text().await.expect("bytes");
        assert_eq!(bytes, expected, "{path}");
    }
    for path in [
        "/channels/beta.json",
        "/channels",
        "/releases/download/v1.0.0/b",
        "/releases/download/v1.0.1/a",
        "/releases/latest/download/b",
    ] {
        let answer = consumer.get(rehearsal.web(path)).send().await;
        assert_eq!(answer.expect("an answer").status(), 404, "{path}");
    }
}

#[tokio::test]
async fn a_tag_with_build_metadata_can_be_downloaded_by_the_url_of_the_asset() {
    let rehearsal = Rehearsal::start();
    let draft = rehearsal.draft("v1.0.0+musl").await;
    rehearsal
        .upload(&draft, "a%2Bb", "1")
        .await
        .expect("an upload");
    let release = rehearsal.publish(&draft).await;
    let url = release.assets[0].browser_download_url.as_str();
    assert!(url.ends_with("/v1.0.0%2Bmusl/a%2Bb"), "{url}");
    assert_eq!(rehearsal.get(url).await.status(), 302);
}

#[tokio::test]
async fn a_download_can_be_resumed() {
    let rehearsal = Rehearsal::start();
    let url = published(&rehearsal).await;
    let whole = rehearsal.get(&url).await;
    assert_eq!(whole.status(), 200);
    assert_eq!(whole.content_length(), Some(10));
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    let tag = whole.headers()["etag"].clone();
    let modified = whole.headers()["last-modified"].clone();
    assert_eq!(whole.text().await.expect("bytes"), "0123456789");

    let ranged = async |range: &str, held: &str| {
        let request = rehearsal.public.get(&url).header("range", range);
        let answer = request
            .header("if-range", held)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        let part = answer.headers().get("content-range").cloned();
        let part = part.map(|part| part.to_str().expect("text").to_owned());
        (
            status,
            part.unwrap_or_default(),
            answer.text().await.expect("bytes"),
        )
    };
    let held = tag.to_str().expect("text");
    let part = |range: &str, bytes: &str| (206, format!("bytes {range}/10"), bytes.to_owned());
    assert_eq!(ranged("bytes=4-", held).await, part("4-9", "456789"));
    assert_eq!(ranged("bytes=-1", held).await, part("9-9", "9"));
    let by_date = modified.to_str().expect("text");
    assert_eq!(ranged("bytes=0-1", by_date).await, part("0-1", "01"));
    let outside = (416, "bytes */10".to_owned(), String::new());
    assert_eq!(ranged("bytes=10-", held).await, outside);
    let whole = (200, String::new(), "0123456789".to_owned());
    assert_eq!(ranged("bytes=4-", "\"other\"").await, whole);
}

#[tokio::test]
async fn what_a_client_already_holds_is_not_sent_again() {
    let rehearsal = Rehearsal::start();
    rehearsal.channels("channels/stable.json", "1").await;
    for url in [
        published(&rehearsal).await,
        rehearsal.web("/channels/stable.json"),
    ] {
        let first = rehearsal.get(&url).await;
        let held = first.headers()["etag"].to_str().expect("text");
        let ask = async |tags: String| {
            let request = rehearsal.public.get(&url).header("if-none-match", tags);
            request.send().await.expect("an answer")
        };
        for tags in [
            held.to_owned(),
            format!("W/{held}"),
            format!("\"x\", {held}"),
            "*".to_owned(),
        ] {
            let answer = ask(tags).await;
            assert_eq!(answer.status(), 304, "{url}");
            assert_eq!(answer.headers()["etag"], held);
            assert_eq!(answer.bytes().await.expect("bytes").len(), 0);
        }
        assert_eq!(ask("\"x\"".to_owned()).await.status(), 200, "{url}");
    }
}

#[tokio::test]
async fn a_page_has_another_entity_tag_once_its_bytes_change() {
    let rehearsal = Rehearsal::start();
    let page = rehearsal.web("/channels/stable.json");
    let start = rehearsal.channels("channels/stable.json", "1").await;
    let before = rehearsal.get(&page).await.headers()["etag"].clone();
    let next = rehearsal
        .commit(Some(&start), "channels/stable.json", "2")
        .await;
    rehearsal
        .advance("channels", &next)
        .await
        .expect("a fast forward");
    let request = rehearsal.public.get(&page).header("if-none-match", &before);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.expect("bytes"), "2");
}
