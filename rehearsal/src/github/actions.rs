//! Workflows, as far as one starts another. Source: GitHub REST, "Create a workflow dispatch event".

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::errors::ApiError;
use super::http::{Payload, Site};

/// A workflow that was started on request. Nothing runs here.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// Its file name, such as `channel.yml`, or its number.
    pub workflow: String,
    /// The branch or tag that it was started on, as asked.
    pub reference: String,
    /// What it was given.
    pub inputs: Map<String, Value>,
}

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/actions/workflows/{id}/dispatches", post(dispatch))
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "ref")]
    reference: Option<String>,
    #[serde(default)]
    inputs: Map<String, Value>,
}

async fn dispatch(
    State(site): State<Site>,
    Path(workflow): Path<String>,
    Payload(event): Payload<Event>,
) -> Result<StatusCode, ApiError> {
    let Some(reference) = event.reference else {
        let message = "Invalid request.\n\n\"ref\" wasn't supplied.";
        return Err(ApiError::unprocessable(message));
    };
    let mut state = site.github.state();
    let name = reference.trim_start_matches("refs/");
    let name = name
        .trim_start_matches("heads/")
        .trim_start_matches("tags/");
    if state.git.resolve(name).is_none() {
        let message = format!("No ref found for: {reference}");
        return Err(ApiError::unprocessable(message));
    }
    state.dispatches.push(Dispatch {
        workflow,
        reference,
        inputs: event.inputs,
    });
    Ok(StatusCode::NO_CONTENT)
}
