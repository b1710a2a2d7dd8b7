//! Why a request brought nothing, whether it is worth another try, and what a person can do.

use std::io::{self, ErrorKind};
use std::time::Duration;

use release_plan::Exit;
use rustls::CertificateError;
use ureq::http::StatusCode;

/// Why the bytes of a URL could not be had by http.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("http status: {}{}", status.as_u16(), asked(*after))]
    Status {
        status: StatusCode,
        /// How long the server asks to be left alone.
        after: Option<Duration>,
    },
    #[error("this is a web page, not the file: a captive portal or a proxy may have answered")]
    WebPage,
    #[error("this is encoded as {0:?}, and was asked for as it is: a proxy may have compressed it")]
    Encoded(String),
    #[error("the answer is to another range than was asked for: {0}")]
    Range(String),
    #[error("it ended after {found} of {expected} bytes")]
    Short { expected: u64, found: u64 },
    #[error("too slow: it did not come whole within {} seconds", .0.as_secs())]
    Late(Duration),
    #[error("too slow: {bytes} bytes came within {} seconds", over.as_secs())]
    Slow { bytes: u64, over: Duration },
    #[error("nobody whom this machine trusts has issued the certificate of that server")]
    UnknownAuthority,
    #[error("the certificate of that server does not hold: {0}")]
    Certificate(CertificateError),
    #[error("{}", plain(.0))]
    Transport(ureq::Error),
}

/// An environment variable that cannot be followed.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {detail}")]
pub(crate) struct SettingError {
    pub(super) variable: &'static str,
    pub(super) detail: String,
}

/// Whether the same request may bring more another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    Soon,
    /// Not before so long.
    After(Duration),
}

impl HttpError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Setting(_) => Exit::Input,
            _ => Exit::Network,
        }
    }

    /// What to do about it.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Setting(_) => "Correct that variable or unset it, and run this again",
            Self::WebPage => "Log in to the network or check the proxy, and run this again",
            Self::Encoded(_) => "Have the proxy leave it as it is, or use another network",
            Self::UnknownAuthority => {
                "Where a proxy or a firewall of yours answers for it, name the file of its certificate authority, in PEM, with SSL_CERT_FILE"
            }
            Self::Certificate(_) => "Check the clock, the address and the network",
            Self::Transport(ureq::Error::ConnectProxyFailed(_)) => {
                "Check the address, the user and the password in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"
            }
            _ => "Check the address and the network, and run this again",
        }
    }

    pub(super) fn again(&self) -> Again {
        match self {
            Self::Status { status, after } => match (status.as_u16(), after) {
                (429 | 503, Some(after)) => Again::After(*after),
                (429 | 500 | 502 | 503 | 504, _) => Again::Soon,
                _ => Again::Never,
            },
            // What TLS itself finds wrong is invalid data.
            Self::Transport(ureq::Error::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                Again::Never
            }
            Self::Short { .. }
            | Self::Transport(
                ureq::Error::Io(_)
                | ureq::Error::HostNotFound
                | ureq::Error::ConnectionFailed
                | ureq::Error::Timeout(_),
            ) => Again::Soon,
            _ => Again::Never,
        }
    }
}

impl From<ureq::Error> for HttpError {
    fn from(error: ureq::Error) -> Self {
        let tls = match &error {
            ureq::Error::Rustls(error) => Some(error),
            ureq::Error::Io(error) => error.get_ref().and_then(|inner| inner.downcast_ref()),
            _ => None,
        };
        match tls {
            Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                Self::UnknownAuthority
            }
            Some(rustls::Error::InvalidCertificate(error)) => Self::Certificate(error.clone()),
            _ => Self::Transport(error),
        }
    }
}

/// What reading a body fails with.
impl From<io::Error> for HttpError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => ureq::Error::from(error).into(),
        }
    }
}

/// An error of the system in its own words.
fn plain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

fn asked(after: Option<Duration>) -> String {
    after.map_or(String::new(), |after| {
        format!(
            ", and the server asks to wait for {} seconds",
            after.as_secs()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, after: Option<u64>) -> HttpError {
        HttpError::Status {
            status: StatusCode::from_u16(status).unwrap(),
            after: after.map(Duration::from_secs),
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_stays_is_not() {
        for soon in [429, 500, 502, 503, 504] {
            assert_eq!(status(soon, None).again(), Again::Soon, "{soon}");
        }
        for never in [400, 401, 403, 404, 410, 407, 501, 511] {
            assert_eq!(status(never, Some(1)).again(), Again::Never, "{never}");
        }
        let after = Again::After(Duration::from_secs(7));
        assert_eq!(status(503, Some(7)).again(), after);
        assert_eq!(status(429, Some(7)).again(), after);
        let refused = io::Error::from(ErrorKind::ConnectionRefused);
        assert_eq!(HttpError::from(refused).again(), Again::Soon);
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
        let alert = io::Error::new(ErrorKind::InvalidData, alert);
        assert_eq!(HttpError::from(alert).again(), Again::Never);
        assert_eq!(HttpError::WebPage.again(), Again::Never);
        assert_eq!(HttpError::Late(Duration::ZERO).again(), Again::Never);
    }

    #[test]
    fn a_certificate_is_told_from_a_connection_however_it_is_wrapped() {
        let unknown = || rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = io::Error::new(ErrorKind::InvalidData, unknown());
        for error in [
            HttpError::from(ureq::Error::Rustls(unknown())),
            HttpError::from(wrapped),
        ] {
            assert!(matches!(error, HttpError::UnknownAuthority), "{error}");
            assert!(error.remedy().contains("SSL_CERT_FILE"));
            assert_eq!(error.again(), Again::Never);
        }
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let expired = HttpError::from(ureq::Error::Rustls(expired));
        assert!(matches!(expired, HttpError::Certificate(_)), "{expired}");
    }

    #[test]
    fn an_error_of_this_house_comes_out_of_a_reader_as_it_went_in() {
        let error = io::Error::other(HttpError::WebPage);
        assert!(matches!(HttpError::from(error), HttpError::WebPage));
    }

    #[test]
    fn a_setting_is_bad_input_and_all_else_is_the_network() {
        let setting = SettingError {
            variable: "SSL_CERT_FILE",
            detail: "no such file".to_owned(),
        };
        let setting = HttpError::from(setting);
        assert_eq!(setting.exit(), Exit::Input);
        assert_eq!(setting.to_string(), "SSL_CERT_FILE: no such file");
        assert_eq!(status(404, None).exit(), Exit::Network);
        assert_eq!(status(404, None).to_string(), "http status: 404");
    }
}
