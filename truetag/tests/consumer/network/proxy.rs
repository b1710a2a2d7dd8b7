//! Through a proxy that asks for a name and a password, to a host that only the proxy can find.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::server::{Static, read};
use super::{fails_with, unchanged, upgrade_with};
use crate::life::ready;
use crate::rig::Ran;

/// A proxy on loopback that leads every tunnel to one server.
struct Proxy {
    address: String,
    /// What it was asked to connect to.
    targets: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Lets in whoever says `authorization`.
    fn start(to: &Static, authorization: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (_, to) = to.url.split_once("://").unwrap();
        let to = to.to_owned();
        let targets: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = targets.clone();
        // Ends with the test's process, as nothing waits for it.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, to, seen) = (stream.unwrap(), to.clone(), seen.clone());
                thread::spawn(move || {
                    let Ok(Some(request)) = read(&mut stream) else {
                        return;
                    };
                    seen.lock().unwrap().push(request.path.clone());
                    if request.header("proxy-authorization") != Some(authorization) {
                        let head = "HTTP/1.1 407 -\r\nProxy-Authenticate: Basic\r\n\r\n";
                        let _ = stream.write_all(head.as_bytes());
                        return;
                    }
                    stream.write_all(b"HTTP/1.1 200 -\r\n\r\n").unwrap();
                    tunnel(stream, TcpStream::connect(to).unwrap());
                });
            }
        });
        Self { address, targets }
    }

    fn targets(&self) -> Vec<String> {
        self.targets.lock().unwrap().clone()
    }
}

fn tunnel(one: TcpStream, other: TcpStream) {
    let back = (other.try_clone().unwrap(), one.try_clone().unwrap());
    for (mut from, mut to) in [(one, other), back] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

/// `Basic` of `ada:p@ss`.
const ADA: &str = "Basic YWRhOnBAc3M=";

#[test]
fn a_proxy_that_asks_for_name_and_password_gets_them() {
    for (variable, user) in [
        ("HTTP_PROXY", "ada:p%40ss"),
        ("http_proxy", "ada:p%40ss"),
        ("ALL_PROXY", "ada:p%40ss"),
    ] {
        let rig = ready();
        let server = Static::start(rig.path("mirror"), unchanged);
        let proxy = Proxy::start(&server, ADA);
        let url = format!("http://{user}@{}", proxy.address);
        upgrade_with(&rig, "http://mirror.invalid", &[(variable, &url)]).expect(0);
        assert_eq!(rig.version(), "1.1.0");
        assert_eq!(server.requests().len(), 5);
        for request in server.requests() {
            assert_eq!(request.header("proxy-authorization"), None);
            assert_eq!(request.header("authorization"), None);
        }
        assert_eq!(proxy.targets()[0], "mirror.invalid:80");
    }
}

#[test]
fn a_proxy_that_lets_nobody_in_is_told_with_the_remedy_and_without_the_password() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), unchanged);
    let proxy = Proxy::start(&server, ADA);
    for user in ["ada:secret@", ""] {
        let url = format!("http://{user}{}", proxy.address);
        let variables = [("HTTP_PROXY", &*url)];
        let said = fails_with(&rig, "http://mirror.invalid", &variables, 10, "407");
        assert!(said.contains("password in HTTPS_PROXY"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    assert_eq!(proxy.targets().len(), 2);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_proxy_variable_that_names_none_is_bad_input_and_named() {
    let rig = ready();
    let variables = [("HTTP_PROXY", "gopher://ada:secret@proxy")];
    let said = fails_with(
        &rig,
        "http://mirror.invalid",
        &variables,
        17,
        "HTTP_PROXY: ",
    );
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn hosts_on_the_list_are_past_the_proxy() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), unchanged);
    let proxy = Proxy::start(&server, ADA);
    let url = format!("http://ada:p%40ss@{}", proxy.address);
    let variables = [("HTTP_PROXY", &*url), ("NO_PROXY", "localhost, .invalid")];
    fails_with(
        &rig,
        "http://mirror.invalid",
        &variables,
        10,
        "mirror.invalid",
    );
    assert_eq!(proxy.targets().len(), 0);
}

#[test]
fn without_a_mirror_static_files_are_asked_of_the_products_own_hosts_and_no_api_is() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), unchanged);
    // Whoever it leads to, it tells where they wanted to go.
    let proxy = Proxy::start(&server, ADA);
    let before = rig.installed();
    for arguments in [&["upgrade"][..], &["upgrade", "--version", "1.1.0"]] {
        let mut command = rig.command(arguments);
        command.arg("--trusted-root").arg(rig.root());
        command.env("ALL_PROXY", format!("http://{}", proxy.address));
        command.env("GITHUB_TOKEN", "junk").env("GH_TOKEN", "junk");
        Ran::from(command.output().unwrap()).expect(10);
    }
    assert_eq!(proxy.targets(), ["acme.github.io:443", "github.com:443"]);
    assert_eq!(rig.installed(), before);
}

/// A proxy by SOCKS 5 (RFC 1928) that asks for no name, and leads to one server what wants to go to
/// `mirror.invalid`.
fn socks(to: &Static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (_, to) = to.url.split_once("://").unwrap();
    let to = to.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut greeting = [0; 2];
            stream.read_exact(&mut greeting).unwrap();
            let mut methods = vec![0; greeting[1].into()];
            stream.read_exact(&mut methods).unwrap();
            stream.write_all(&[5, 0]).unwrap();
            let mut head = [0; 5];
            stream.read_exact(&mut head).unwrap();
            assert_eq!(head[..4], [5, 1, 0, 3], "a name, which the proxy resolves");
            let mut target = vec![0; usize::from(head[4]) + 2];
            stream.read_exact(&mut target).unwrap();
            assert_eq!(target, b"mirror.invalid\0\x50");
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
            tunnel(stream, TcpStream::connect(&to).unwrap());
        }
    });
    address
}

#[test]
fn a_proxy_by_socks_finds_the_host_itself() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), unchanged);
    let url = format!("socks5h://{}", socks(&server));
    upgrade_with(&rig, "http://mirror.invalid", &[("ALL_PROXY", &url)]).expect(0);
    assert_eq!(rig.version(), "1.1.0");
}
