//! What GitHub answers when it refuses: a status and a JSON body of one shape.
//! Source: GitHub REST, "Troubleshooting the REST API".

use axum::Json;
use axum::http::header::{HeaderName, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::rights::{self, Right};

/// A refusal on the API side.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
    errors: Vec<Value>,
    advice: Option<Advice>,
}

/// What a client is told in a header, so that it may act on it.
#[derive(Debug)]
enum Advice {
    /// To come back after so many seconds.
    RetryAfter(u32),
    /// To come back with this right.
    Right(Right),
}

impl Advice {
    fn header(&self) -> (HeaderName, HeaderValue) {
        match self {
            Self::RetryAfter(seconds) => (RETRY_AFTER, HeaderValue::from(*seconds)),
            Self::Right(right) => {
                let name = HeaderName::from_static("x-accepted-github-permissions");
                (name, rights::header(*right))
            }
        }
    }
}

impl ApiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            errors: Vec::new(),
            advice: None,
        }
    }

    /// Absent, or not to be seen by this caller: GitHub does not tell the two apart.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn bad_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// The token's rights do not go so far.
    pub(super) fn forbidden() -> Self {
        let message = "Resource not accessible by integration";
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// The same, with the right that is wanting.
    pub(super) fn wanting(right: Right) -> Self {
        Self {
            advice: Some(Advice::Right(right)),
            ..Self::forbidden()
        }
    }

    /// Too much at once: 429, or 403 for a secondary limit. `seconds` is when to come back.
    pub(super) fn rate_limit(status: StatusCode, seconds: u32) -> Self {
        let message = "You have exceeded a secondary rate limit. Please wait before you try again.";
        Self {
            advice: Some(Advice::RetryAfter(seconds)),
            ..Self::new(status, message)
        }
    }

    /// A rule that is told in the message alone.
    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// A field refused with one of GitHub's codes, such as `missing_field` or `already_exists`.
    pub(super) fn field(resource: &str, code: &str, field: &str) -> Self {
        Self::validation(json!({"resource": resource, "code": code, "field": field}))
    }

    /// A field refused for a reason that only words can tell.
    pub(super) fn custom(resource: &str, field: &str, message: &str) -> Self {
        Self::validation(json!({
            "resource": resource, "code": "custom", "field": field, "message": message,
        }))
    }

    fn validation(error: Value) -> Self {
        Self {
            errors: vec![error],
            ..Self::unprocessable("Validation Failed")
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.as_str(),
        });
        if !self.errors.is_empty() {
            body["errors"] = Value::Array(self.errors);
        }
        let advice = self.advice.iter().map(Advice::header);
        let header = advice.collect::<HeaderMap>();
        (self.status, header, Json(body)).into_response()
    }
}
