//! What GitHub answers when it refuses: a status and a JSON body of one shape.
//! Source: GitHub REST, "Troubleshooting the REST API".

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A refusal on the API side.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
    errors: Vec<Value>,
}

impl ApiError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            errors: Vec::new(),
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
        (self.status, Json(body)).into_response()
    }
}
