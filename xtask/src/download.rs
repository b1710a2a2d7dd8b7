//! Files of the public side, by http or https, into memory or into a folder.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use release_plan::Exit;
use reqwest::{Response, StatusCode};

use crate::{Failure, files, signing};

/// A client that takes its time for a large file, and none for a server that falls silent.
pub(crate) fn client() -> Result<reqwest::Client, Failure> {
    signing::install_tls();
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(15))
        .read_timeout(Duration::from_secs(60))
        .build()?;
    Ok(client)
}

/// Gets what lies at `url`, of which no more than `limit` bytes are read.
pub(crate) async fn get(
    client: &reqwest::Client,
    url: &str,
    limit: usize,
) -> Result<Vec<u8>, Failure> {
    find(client, url, limit).await?.ok_or_else(|| absent(url))
}

/// As [`get`]; none when nothing lies there.
pub(crate) async fn find(
    client: &reqwest::Client,
    url: &str,
    limit: usize,
) -> Result<Option<Vec<u8>>, Failure> {
    let Some(response) = ask(client, url).await? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    each_chunk(response, url, limit as u64, |chunk| {
        bytes.extend_from_slice(chunk);
        Ok(())
    })
    .await?;
    Ok(Some(bytes))
}

/// Writes what lies at `url` to `path`, of which no more than `limit` bytes are read.
pub(crate) async fn to_file(
    client: &reqwest::Client,
    url: &str,
    limit: u64,
    path: &Path,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| files::failed("write", path, &error);
    let response = ask(client, url).await?.ok_or_else(|| absent(url))?;
    let mut file = std::fs::File::create(path).map_err(failed)?;
    each_chunk(response, url, limit, |chunk| {
        file.write_all(chunk).map_err(failed)
    })
    .await
}

async fn ask(client: &reqwest::Client, url: &str) -> Result<Option<Response>, Failure> {
    let response = client.get(url).send().await;
    let response = response.map_err(|error| broken(url, &error))?;
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let response = response.error_for_status();
    response.map(Some).map_err(|error| broken(url, &error))
}

async fn each_chunk(
    mut response: Response,
    url: &str,
    limit: u64,
    mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut left = limit;
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| broken(url, &error))?
    {
        left = left.checked_sub(chunk.len() as u64).ok_or_else(|| {
            let message = format!("GET {url}: more than the {limit} bytes that are read");
            Failure::new(Exit::Refused, message)
        })?;
        take(&chunk)?;
    }
    Ok(())
}

fn absent(url: &str) -> Failure {
    let message = format!("GET {url}: expected a file, found none (404); is the release public?");
    Failure::new(Exit::Network, message)
}

fn broken(url: &str, error: &reqwest::Error) -> Failure {
    let message = format!("GET {url}: {error}; check the address and the network");
    Failure::new(Exit::Network, message)
}
