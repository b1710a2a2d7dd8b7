//! Where bytes come from. It changes nothing of what is believed: everything fetched from here is
//! verified afterwards.

mod session;
mod small;

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::str::FromStr;

use release_plan::{AssetName, Channel, Exit, Product, Tag};

use crate::files::open_regular;
use crate::http::HttpError;

pub(crate) use session::Session;
pub(crate) use small::{Small, Validators};

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
pub(crate) enum SourceError {
    #[error("{location}: {error}. {}", error.remedy())]
    Http {
        location: Location,
        error: HttpError,
    },
    #[error("{location}: {error}. Check the address, and run this again")]
    File {
        location: Location,
        error: io::Error,
    },
}

impl SourceError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Http { error, .. } => error.exit(),
            Self::File { .. } => Exit::Network,
        }
    }

    /// Whether it is a file of this machine that does not exist.
    fn is_missing(&self) -> bool {
        matches!(self, Self::File { error, .. } if error.kind() == ErrorKind::NotFound)
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

impl Location {
    /// Where the bundle of this lies.
    pub(crate) fn bundle(&self) -> Self {
        Self(format!("{}{}", self.0, release_plan::BUNDLE_SUFFIX))
    }

    /// The URL.
    pub(crate) fn url(&self) -> &str {
        &self.0
    }

    /// The file's path, where it is one of this machine.
    fn path(&self) -> Option<&str> {
        let path = self.0.strip_prefix("file://")?;
        // A drive stands behind the slash.
        Some(if cfg!(windows) {
            path.trim_start_matches('/')
        } else {
            path
        })
    }

    /// Opens it, where it is a file of this machine.
    pub(crate) fn file(&self) -> Option<Result<File, SourceError>> {
        let path = Path::new(self.path()?);
        Some(open_regular(path).map_err(|error| self.unreadable(error)))
    }

    /// An error of a file of this machine.
    pub(crate) fn unreadable(&self, error: io::Error) -> SourceError {
        SourceError::File {
            location: self.clone(),
            error,
        }
    }

    /// An error of a request.
    pub(crate) fn unanswered(&self, error: impl Into<HttpError>) -> SourceError {
        SourceError::Http {
            location: self.clone(),
            error: error.into(),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, f)
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, f)
    }
}

/// Writes a URL without the name and the password that it may hold.
fn show(url: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => write!(f, "{scheme}://***@{host}{path}"),
        None => f.write_str(url),
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
    fn what_is_not_there_is_a_network_error_with_its_address() {
        let location = Location("file:///nowhere/release.json".to_owned());
        let error = location.file().unwrap().unwrap_err();
        assert_eq!(error.exit(), Exit::Network);
        assert!(
            error
                .to_string()
                .starts_with("file:///nowhere/release.json: ")
        );
    }

    #[test]
    fn a_url_is_shown_without_the_name_and_the_password_in_it() {
        for (url, shown) in [
            ("https://ada:p@ss@host:1/a@b", "https://***@host:1/a@b"),
            ("http://token@host", "http://***@host"),
            ("https://host/a@b", "https://host/a@b"),
            ("file:///srv/a@b", "file:///srv/a@b"),
        ] {
            assert_eq!(url.parse::<Mirror>().unwrap().to_string(), shown);
            assert_eq!(Location(url.to_owned()).to_string(), shown);
        }
    }
}
