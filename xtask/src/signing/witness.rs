//! Those who say when a signature was made: a timestamp authority, and a transparency log in which
//! everybody can see it. Relies on Rekor's API v1 and on RFC 3161.

use sigstore_sign::bundle::BundleV03;
use sigstore_sign::rekor;
use sigstore_sign::rekor::{DsseEntry, HashedRekord, LogEntry, RekorClient};
use sigstore_sign::tsa::TimestampClient;
use sigstore_sign::types::{EntryUuid, KindVersion, SignatureBytes};
use tokio::time::Instant;

use super::retry::{ServiceError, ask};
use crate::Failure;

/// The log, and the timestamp authority where there is one.
pub(super) struct Witnesses {
    log: RekorClient,
    timestamps: Option<TimestampClient>,
}

/// What is asked of the log.
pub(super) enum Entry {
    /// A signature over a digest.
    HashedRekord(HashedRekord),
    /// An envelope with its signature.
    Dsse(DsseEntry),
}

impl Witnesses {
    pub(super) fn new(
        log: &str,
        timestamps: Option<&str>,
        client: &reqwest::Client,
    ) -> Result<Self, Failure> {
        let timestamps = timestamps.map(|url| {
            let builder = TimestampClient::builder(url);
            builder.with_http_client(client.clone()).build()
        });
        let log = RekorClient::builder(log).with_http_client(client.clone());
        Ok(Self {
            log: log.build()?,
            timestamps: timestamps.transpose()?,
        })
    }

    /// Completes `bundle`, whose signature is `signature`, by what they say of it, as long as they
    /// say it before `until`.
    pub(super) async fn complete(
        &self,
        subject: &str,
        until: Instant,
        bundle: BundleV03,
        signature: &SignatureBytes,
        entry: &Entry,
    ) -> Result<Vec<u8>, Failure> {
        let mut bundle = bundle;
        if let Some(timestamps) = &self.timestamps {
            let token = ask(subject, until, || async {
                let token = timestamps.timestamp_signature(signature).await;
                token.map_err(ServiceError::from)
            });
            bundle = bundle.with_rfc3161_timestamp(token.await?);
        }
        // The log comes last: what it has taken in it holds for ever.
        let logged = ask(subject, until, || self.enter(entry)).await?;
        let bundle = bundle.with_tlog_entry(logged.to_bundle_entry(entry.kind())?);
        let mut json = bundle.into_bundle().to_json()?.into_bytes();
        json.push(b'\n');
        Ok(json)
    }

    async fn enter(&self, entry: &Entry) -> Result<LogEntry, ServiceError> {
        let entered = match entry {
            Entry::HashedRekord(entry) => self.log.create_entry(entry.clone()).await,
            Entry::Dsse(entry) => self.log.create_dsse_entry(entry.clone()).await,
        };
        match entered {
            // An earlier request reached the log, and its answer was lost.
            Err(rekor::Error::Status {
                status: 409,
                message,
            }) => match uuid_in(&message) {
                Some(uuid) => Ok(self.log.get_entry_by_uuid(&uuid).await?),
                None => Err(ServiceError::refused(format!(
                    "expected the log to name the entry that it holds already, found {message}"
                ))),
            },
            entered => Ok(entered?),
        }
    }
}

impl Entry {
    fn kind(&self) -> KindVersion {
        match self {
            Self::HashedRekord(_) => KindVersion::HashedRekordV001,
            Self::Dsse(_) => KindVersion::DsseV001,
        }
    }
}

/// The entry that Rekor names in its answer 409: 64 hexadecimal digits, or 80 with the tree's.
fn uuid_in(message: &str) -> Option<EntryUuid> {
    let words = message.split(|c: char| !c.is_ascii_hexdigit());
    let mut uuids = words.filter(|word| matches!(word.len(), 64 | 80));
    uuids.next().map(EntryUuid::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_that_a_log_holds_already_is_read_off_its_answer() {
        let hash = "0f".repeat(32);
        for uuid in [hash.clone(), format!("108e9186e8c5677a{hash}")] {
            let message = format!(
                "failed to create entry: {{\"code\":409,\"message\":\"an equivalent entry already \
                 exists in the transparency log with UUID {uuid}\"}}"
            );
            assert_eq!(uuid_in(&message), Some(EntryUuid::new(uuid)));
        }
        assert_eq!(uuid_in("the log holds it: 0f0f"), None);
    }
}
