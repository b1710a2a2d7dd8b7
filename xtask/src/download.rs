//! Files of the public side, by http or https, into memory.

use release_plan::Exit;
use reqwest::StatusCode;

use crate::Failure;

/// Gets what lies at `url`, of which no more than `limit` bytes are read.
pub(crate) async fn get(
    client: &reqwest::Client,
    url: &str,
    limit: usize,
) -> Result<Vec<u8>, Failure> {
    find(client, url, limit).await?.ok_or_else(|| {
        let message =
            format!("GET {url}: expected a file, found none (404); is the release public?");
        Failure::new(Exit::Network, message)
    })
}

/// As [`get`]; none when nothing lies there.
pub(crate) async fn find(
    client: &reqwest::Client,
    url: &str,
    limit: usize,
) -> Result<Option<Vec<u8>>, Failure> {
    let failed = |error: reqwest::Error| {
        let message = format!("GET {url}: {error}; check the address and the network");
        Failure::new(Exit::Network, message)
    };
    let mut response = client.get(url).send().await.map_err(failed)?;
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    response.error_for_status_ref().map_err(failed)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limit {
            let message = format!("GET {url}: more than the {limit} bytes that are read");
            return Err(Failure::new(Exit::Refused, message));
        }
    }
    Ok(Some(bytes))
}
