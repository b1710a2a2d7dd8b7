//! Where bytes come from. It changes nothing of what is believed: everything fetched from here is
//! verified afterwards. Relies on ureq for HTTP.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::IpAddr;
use std::str::FromStr;
use std::time::{Duration, Instant};

use release_plan::{AssetName, Channel, Exit, Product, Tag};

/// The two places that releases are taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// What `channels/…` lies below; without a slash at its end.
    channels: String,
    /// What `releases/download/…` lies below; without a slash at its end.
    releases: String,
}

/// A URL whose bytes are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location(String);

/// The root of a static tree with `channels/…` and `releases/download/<tag>/<asset>`: by http,
/// https, or `file://` and an absolute path, which is taken as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror(String);

/// Text that is no [`Mirror`].
#[derive(Debug, thiserror::Error)]
#[error("expected http://HOST…, https://HOST… or file:///ABSOLUTE/PATH, found {0:?}")]
pub(crate) struct MirrorError(String);

/// Bytes that could not be had.
#[derive(Debug, thiserror::Error)]
#[error("{location}: {detail}. Check the address and the network, and run this again")]
pub(crate) struct SourceError {
    location: Location,
    detail: String,
}

impl SourceError {
    pub(crate) fn new(location: &Location, detail: impl fmt::Display) -> Self {
        Self {
            location: location.clone(),
            detail: detail.to_string(),
        }
    }

    #[expect(clippy::unused_self, reason = "every error says its exit code")]
    pub(crate) fn exit(&self) -> Exit {
        Exit::Network
    }
}

impl Source {
    /// A mirror, or else where the product itself publishes.
    pub(crate) fn choose(product: &Product, mirror: Option<&Mirror>) -> Self {
        match mirror {
            Some(Mirror(url)) => Self {
                channels: url.clone(),
                releases: url.clone(),
            },
            None => Self {
                channels: product.channels.url.clone(),
                releases: product.repository.url.clone(),
            },
        }
    }

    pub(crate) fn pointer(&self, channel: Channel) -> Location {
        Location(format!("{}/{}", self.channels, channel.pointer_path()))
    }

    pub(crate) fn asset(&self, tag: &Tag, name: &AssetName) -> Location {
        Location(format!("{}/releases/download/{tag}/{name}", self.releases))
    }
}

impl Mirror {
    /// The TUF repository that a mirror of releases may carry along.
    pub(crate) fn tuf(&self) -> Self {
        Self(format!("{}/tuf", self.0))
    }
}

/// Files fetched from one place, one after another, all of them within a time.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    from: &'a Mirror,
    agent: ureq::Agent,
    until: Instant,
}

impl<'a> Session<'a> {
    pub(crate) fn new(from: &'a Mirror, user_agent: &str, time: Duration) -> Self {
        Self {
            from,
            agent: agent(&from.0, user_agent),
            until: Instant::now() + time,
        }
    }

    /// At most `limit` bytes of the file and one more, by which a longer one is told; none when
    /// there is no such file.
    pub(crate) fn bytes_if_any(
        &self,
        name: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let location = Location(format!("{}/{name}", self.from));
        let Some(file) = self.open_if_any(&location)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| SourceError::new(&location, error))?;
        Ok(Some(bytes))
    }

    fn open_if_any(&self, location: &Location) -> Result<Option<Box<dyn Read>>, SourceError> {
        if let Some(path) = location.path() {
            return match File::open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(SourceError::new(location, error)),
                Ok(file) => Ok(Some(Box::new(file))),
            };
        }
        let left = self.until.saturating_duration_since(Instant::now());
        let request = self.agent.get(&location.0).config();
        match request.timeout_global(Some(left)).build().call() {
            // Stores of objects say 403 of what is not there.
            Err(ureq::Error::StatusCode(403 | 404)) => Ok(None),
            Err(error) => Err(SourceError::new(location, error)),
            Ok(response) => Ok(Some(Box::new(response.into_body().into_reader()))),
        }
    }
}

impl Location {
    /// Where the bundle of this lies.
    pub(crate) fn bundle(&self) -> Self {
        Self(format!("{}{}", self.0, release_plan::BUNDLE_SUFFIX))
    }

    /// Opens it for reading. `user_agent` is what a server is told of this program.
    pub(crate) fn open(&self, user_agent: &str) -> Result<Box<dyn Read>, SourceError> {
        if let Some(path) = self.path() {
            let file = File::open(path).map_err(|error| SourceError::new(self, error))?;
            return Ok(Box::new(file));
        }
        let response = agent(&self.0, user_agent)
            .get(&self.0)
            .call()
            .map_err(|error| SourceError::new(self, error))?;
        // Whoever reads holds to a limit of its own.
        let body = response.into_body().into_with_config().limit(u64::MAX);
        Ok(Box::new(body.reader()))
    }

    /// The file's path, where it is one of this machine.
    fn path(&self) -> Option<&str> {
        self.0.strip_prefix("file://")
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Mirror {
    type Err = MirrorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = text.trim_end_matches('/');
        let good = match url.split_once("://") {
            Some(("file", path)) => path.starts_with('/'),
            Some(("http" | "https", rest)) => {
                !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['?', '#', ' '])
            }
            _ => false,
        };
        if good {
            Ok(Self(url.to_owned()))
        } else {
            Err(MirrorError(text.to_owned()))
        }
    }
}

/// An agent for `url`: from https to nothing but https, whatever redirects say; through the
/// environment's proxy, except to this machine itself.
fn agent(url: &str, user_agent: &str) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .https_only(url.starts_with("https://"))
        .user_agent(user_agent)
        // What is measured is what was published.
        .accept_encoding("identity")
        .timeout_resolve(Some(Duration::from_secs(20)))
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_per_read(Some(Duration::from_secs(30)));
    let config = if is_loopback(url) {
        config.proxy(None)
    } else {
        config
    };
    config.build().new_agent()
}

fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::product;

    #[test]
    fn a_mirror_changes_both_places_and_production_is_the_products_own() {
        let tag = "v1.2.3".parse().unwrap();
        let name = "release.json".parse().unwrap();
        let own = Source::choose(&product(), None);
        assert_eq!(
            own.pointer(Channel::Stable).to_string(),
            "https://acme.github.io/rocket/channels/stable.json"
        );
        assert_eq!(
            own.asset(&tag, &name).to_string(),
            "https://github.com/acme/rocket/releases/download/v1.2.3/release.json"
        );
        for (written, root) in [
            ("http://127.0.0.1:80/m/", "http://127.0.0.1:80/m"),
            ("file:///srv/mirror", "file:///srv/mirror"),
        ] {
            let mirror = Source::choose(&product(), Some(&written.parse().unwrap()));
            let pointer = mirror.pointer(Channel::Beta);
            assert_eq!(pointer.to_string(), format!("{root}/channels/beta.json"));
            assert_eq!(
                pointer.bundle().to_string(),
                format!("{root}/channels/beta.json.sigstore.json")
            );
            assert_eq!(
                mirror.asset(&tag, &name).to_string(),
                format!("{root}/releases/download/v1.2.3/release.json")
            );
        }
    }

    #[test]
    fn what_is_no_mirror_is_refused() {
        for bad in [
            "",
            "/srv/mirror",
            "file://relative",
            "file://",
            "ftp://host",
            "http://",
            "https:///path",
            "https://host?query",
        ] {
            assert!(bad.parse::<Mirror>().is_err(), "{bad}");
        }
    }

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
    fn from_https_nothing_but_https_is_followed() {
        assert!(agent("https://example.com", "x").config().https_only());
        assert!(!agent("http://example.com", "x").config().https_only());
    }

    #[test]
    fn what_is_not_there_is_a_network_error_with_its_address() {
        let location = Location("file:///nowhere/release.json".to_owned());
        let Err(error) = location.open("x") else {
            panic!("a file that does not exist was opened")
        };
        assert_eq!(error.exit(), Exit::Network);
        assert!(
            error
                .to_string()
                .starts_with("file:///nowhere/release.json: ")
        );
    }
}
