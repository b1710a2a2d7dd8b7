//! One request by http and what comes of it, with the proxy and the certificates that this machine
//! names. Relies on ureq for the protocol and on rustls for TLS; whom TLS believes changes nothing
//! of which signatures are believed.

mod error;
mod pace;
mod proxy;
mod retry;
mod roots;

use std::cell::OnceCell;
use std::env;
use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    TRANSFER_ENCODING,
};
use ureq::http::{HeaderMap, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};

pub(crate) use error::{HttpError, SettingError};
pub(crate) use pace::Paced;
pub(crate) use retry::Patience;

/// Asks servers. What it needs of this machine is read at the first request.
#[derive(Debug)]
pub(crate) struct Client {
    /// What a server is told of this program.
    user_agent: String,
    agent: OnceCell<ureq::Agent>,
}

/// What a server answered, and what it says of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: ureq::Body,
}

impl Client {
    pub(crate) fn new(user_agent: String) -> Self {
        Self {
            user_agent,
            agent: OnceCell::new(),
        }
    }

    /// Asks once, and follows redirects: from https to nothing but https. The whole of it, body
    /// included, may take `time`. An answer has a status of 2xx, 304 or 416, and is no web page.
    pub(crate) fn get(
        &self,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        time: Option<Duration>,
    ) -> Result<Answer, HttpError> {
        let proxy = if is_loopback(url) {
            None
        } else {
            proxy::choose(url, |name| env::var(name).ok())?
        };
        let mut request = self.agent()?.get(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request
            .config()
            .https_only(url.starts_with("https://"))
            .proxy(proxy)
            .timeout_global(time)
            .build()
            .call()?;
        let (head, body) = response.into_parts();
        let answer = Answer {
            status: head.status,
            headers: head.headers,
            body,
        };
        answer.check()
    }

    fn agent(&self) -> Result<&ureq::Agent, HttpError> {
        if let Some(agent) = self.agent.get() {
            return Ok(agent);
        }
        let roots = roots::all(env::var_os)?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(roots))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls)
            .user_agent(&self.user_agent)
            // What is measured is what was published.
            .accept_encoding("identity")
            .timeout_resolve(Some(Duration::from_secs(20)))
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .timeout_per_read(Some(Duration::from_secs(30)));
        Ok(self.agent.get_or_init(|| config.build().new_agent()))
    }
}

impl Answer {
    fn check(self) -> Result<Self, HttpError> {
        let status = self.status;
        if status == StatusCode::NOT_MODIFIED || status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok(self);
        }
        if !status.is_success() {
            let asked = self.header(&RETRY_AFTER);
            return Err(HttpError::Status {
                status,
                after: asked.and_then(|text| retry::after(text, jiff::Timestamp::now())),
            });
        }
        let kind = self.header(&CONTENT_TYPE).unwrap_or_default();
        if ["text/html", "application/xhtml+xml"].contains(&media_type(kind).as_str()) {
            return Err(HttpError::WebPage);
        }
        match self.header(&CONTENT_ENCODING) {
            None | Some("" | "identity") => Ok(self),
            Some(encoding) => Err(HttpError::Encoded(encoding.to_owned())),
        }
    }

    /// A header, where it has one and it is text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the end of the body can be told from a connection that was cut.
    pub(crate) fn tells_its_end(&self) -> bool {
        self.headers.contains_key(CONTENT_LENGTH) || self.headers.contains_key(TRANSFER_ENCODING)
    }

    /// The body, without a limit: whoever reads holds to one of its own.
    pub(crate) fn into_body(self) -> impl Read {
        self.body.into_with_config().limit(u64::MAX).reader()
    }
}

/// A media type without its parameters (RFC 9110, 8.3.1).
fn media_type(value: &str) -> String {
    let kind = value.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

fn is_loopback(url: &str) -> bool {
    let host = host(url);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The host of a URL, of an IPv6 address without its brackets.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_by_its_host_alone() {
        for yes in [
            "http://127.0.0.1:8080/x",
            "http://127.9.9.9",
            "http://localhost/x",
            "http://[::1]:80/x",
            "http://user:password@127.0.0.1/x",
        ] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in [
            "http://127.0.0.1.example.com/",
            "https://example.com/127.0.0.1",
            "http://127.0.0.1@example.com/",
            "https://localhost.example.com",
            "http://10.0.0.1",
        ] {
            assert!(!is_loopback(no), "{no}");
        }
    }

    #[test]
    fn a_media_type_is_known_whatever_its_case_and_parameters() {
        for html in ["text/html", "Text/HTML; charset=utf-8", " text/html ;x"] {
            assert_eq!(media_type(html), "text/html");
        }
        assert_eq!(media_type("application/json"), "application/json");
        assert_eq!(media_type(""), "");
    }
}
