//! By http: from loopback past any proxy, with errors that name the address.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use rehearsal::Server;

use crate::life::ready;
use crate::rig::Ran;

/// A line for each request: path and what it would accept.
pub(crate) type Requests = Arc<Mutex<Vec<String>>>;

/// Serves a folder.
pub(crate) async fn serve(
    State((root, requests)): State<(PathBuf, Requests)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let text = |name| {
        headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    };
    let authorization = text(header::AUTHORIZATION);
    let line = format!(
        "{} {}{authorization}",
        uri.path(),
        text(header::ACCEPT_ENCODING)
    );
    requests.lock().unwrap().push(line);
    if let Some(path) = uri.path().strip_prefix("/moved/") {
        return Redirect::temporary(&format!("/{path}")).into_response();
    }
    match std::fs::read(root.join(uri.path().trim_start_matches('/'))) {
        Ok(bytes) => bytes.into_response(),
        Err(_) => (StatusCode::NOT_FOUND, "<html>not here</html>").into_response(),
    }
}

fn mirror(rig: &crate::rig::Rig) -> (Server, Requests) {
    let requests = Requests::default();
    let state = (rig.path("mirror"), requests.clone());
    let server = Server::start(|_| Router::new().fallback(serve).with_state(state)).unwrap();
    (server, requests)
}

#[test]
fn an_upgrade_by_http_asks_for_five_files_as_they_are_and_says_no_secret() {
    let rig = ready();
    let (server, requests) = mirror(&rig);
    let url = server.url();
    let mut command = rig.command(&["upgrade", "--mirror", &url]);
    command.arg("--trusted-root").arg(rig.root());
    let ran: Ran = command.env("GITHUB_TOKEN", "junk").output().unwrap().into();
    ran.expect(0);
    assert_eq!(rig.version(), "1.1.0");
    let archive = format!("rocket-{}.tar.gz", crate::rig::TARGET);
    let expected = [
        "/channels/stable.json",
        "/channels/stable.json.sigstore.json",
        "/releases/download/v1.1.0/release.json",
        "/releases/download/v1.1.0/release.json.sigstore.json",
        &format!("/releases/download/v1.1.0/{archive}"),
    ]
    .map(|path| format!("{path} identity"));
    assert_eq!(*requests.lock().unwrap(), expected);
    rig.upgrade_from(&url, &[]).expect(0);
    assert_eq!(
        requests.lock().unwrap().len(),
        7,
        "nothing new asks for the pointer alone"
    );
}

#[test]
fn a_proxy_is_asked_for_other_hosts_and_never_for_loopback() {
    let rig = ready();
    let (server, _) = mirror(&rig);
    // Nothing listens on port 1.
    let upgrade = |mirror: &str| -> Ran {
        let mut command = rig.command(&["upgrade", "--mirror", mirror]);
        command.arg("--trusted-root").arg(rig.root());
        for variable in [
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "http_proxy",
            "https_proxy",
            "ALL_PROXY",
        ] {
            command.env(variable, "http://127.0.0.1:1");
        }
        command.output().unwrap().into()
    };
    let ran = upgrade("http://mirror.invalid").expect(10);
    assert!(ran.stderr.contains("refused"), "{}", ran.stderr);
    upgrade(&server.url()).expect(0);
}

#[test]
fn a_redirect_is_followed() {
    let rig = ready();
    let (server, _) = mirror(&rig);
    rig.upgrade_from(&format!("{}/moved", server.url()), &[])
        .expect(0);
}

#[test]
fn a_download_that_is_cut_off_is_a_network_error() {
    let rig = ready();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let root = rig.path("mirror");
    // Ends with the test's process, as nothing waits for it.
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = [0; 4096];
            let count = connection.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            let path = request.split(' ').nth(1).unwrap();
            let bytes = std::fs::read(root.join(path.trim_start_matches('/'))).unwrap();
            let sent = if path.ends_with(".tar.gz") {
                bytes.len() / 2
            } else {
                bytes.len()
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                bytes.len()
            );
            connection.write_all(head.as_bytes()).unwrap();
            connection.write_all(&bytes[..sent]).unwrap();
        }
    });
    let before = rig.snapshot().len();
    let ran = rig.upgrade_from(&url, &[]).expect(10);
    assert!(ran.stderr.contains(".tar.gz: "), "{}", ran.stderr);
    assert_eq!(
        rig.snapshot().len(),
        before + 1,
        "the sequence is remembered"
    );
}

#[test]
fn what_a_server_does_not_have_is_a_network_error_with_its_address() {
    let rig = ready();
    let (server, _) = mirror(&rig);
    std::fs::remove_file(rig.pointer()).unwrap();
    let ran = rig.upgrade_from(&server.url(), &[]).expect(10);
    let address = format!("{}/channels/stable.json: ", server.url());
    assert!(
        ran.stderr.contains(&address) && ran.stderr.contains("404"),
        "{}",
        ran.stderr
    );
    let url = server.url();
    drop(server);
    rig.upgrade_from(&url, &[]).expect(10);
}
