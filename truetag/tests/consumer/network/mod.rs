//! By http: from loopback past any proxy, with errors that name the address.

mod answers;
mod archive;
mod pointer;
mod proxy;
mod server;
mod tls;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use rehearsal::Server;

use crate::life::ready;
use crate::rig::{Ran, Rig};
use server::{Reply, Request};

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

/// What a server without faults does to its answers.
fn unchanged(_: &Request, _: usize, good: Reply) -> Reply {
    good
}

/// Upgrades from `url`, expects `code` and words, and that nothing is installed but what was
/// before, whatever was seen and left to go on with. Returns what was said.
#[track_caller]
fn fails(rig: &Rig, url: &str, code: i32, why: &str) -> String {
    fails_with(rig, url, &[], code, why)
}

/// [`fails`] with more in the environment.
#[track_caller]
fn fails_with(rig: &Rig, url: &str, variables: &[(&str, &str)], code: i32, why: &str) -> String {
    let installed = || {
        let mut files = rig.installed();
        files.retain(|path, _| !path.to_string_lossy().contains("partial-"));
        files
    };
    let before = installed();
    let ran = upgrade_with(rig, url, variables).expect(code);
    assert!(ran.stderr.contains(why), "{why}: {}", ran.stderr);
    assert_eq!(installed(), before, "{why}");
    ran.stderr
}

fn upgrade_with(rig: &Rig, url: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command = rig.command(&["upgrade", "--mirror", url]);
    command.arg("--trusted-root").arg(rig.root());
    command.envs(variables.iter().copied());
    command.output().unwrap().into()
}

fn mirror(rig: &Rig) -> (Server, Requests) {
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
    let variables = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "ALL_PROXY",
    ]
    .map(|variable| (variable, "http://127.0.0.1:1"));
    fails_with(&rig, "http://mirror.invalid", &variables, 10, "refused");
    upgrade_with(&rig, &server.url(), &variables).expect(0);
}

#[test]
fn a_redirect_is_followed() {
    let rig = ready();
    let (server, _) = mirror(&rig);
    rig.upgrade_from(&format!("{}/moved", server.url()), &[])
        .expect(0);
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
