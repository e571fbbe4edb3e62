//! An answer before it becomes bytes: status, JSON, a few headers; and the API's error bodies.

use http::StatusCode;
use serde_json::{Value, json};

use crate::id::Id;

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Body,
    pub(crate) retry_after: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    /// What a proxy in front of the server would say.
    Html(&'static str),
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub(crate) fn json(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            body: Body::Json(body),
            retry_after: None,
        }
    }

    pub(crate) fn no_content() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: Body::Empty,
            retry_after: None,
        }
    }

    fn error(status: StatusCode, code: &str, message: &str) -> Self {
        Self::json(status, json!({ "errorCode": code, "message": message }))
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, "UnexpectedContent", message)
    }

    pub(crate) fn access_denied(message: &str) -> Self {
        Self::error(StatusCode::UNAUTHORIZED, "AccessDenied", message)
    }

    pub(crate) fn expired_token() -> Self {
        Self::error(
            StatusCode::UNAUTHORIZED,
            "ExpiredToken",
            "The token has expired",
        )
    }

    pub(crate) fn invalid_token() -> Self {
        Self::error(
            StatusCode::UNAUTHORIZED,
            "InvalidToken",
            "The token is invalid",
        )
    }

    pub(crate) fn forbidden() -> Self {
        Self::error(
            StatusCode::FORBIDDEN,
            "AccessDenied",
            "The user role does not allow this operation",
        )
    }

    pub(crate) fn not_found(id: Id) -> Self {
        Self::json(
            StatusCode::NOT_FOUND,
            json!({
                "errorCode": "NotFound",
                "message": "Resource does not exist",
                "resourceId": id.to_string(),
            }),
        )
    }

    pub(crate) fn unknown_uri() -> Self {
        Self::error(
            StatusCode::NOT_FOUND,
            "InvalidURI",
            "The requested URI is invalid",
        )
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "The method is not allowed for the requested URI",
        )
    }

    pub(crate) fn unsupported_revision() -> Self {
        Self::error(
            StatusCode::NOT_IMPLEMENTED,
            "NotImplemented",
            "The specified API version is not supported",
        )
    }

    /// An error of the server itself, or of what stands in front of it, as faults inject it.
    pub(crate) fn trouble(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::UNAUTHORIZED => return Self::expired_token(),
            StatusCode::FORBIDDEN => return Self::forbidden(),
            StatusCode::TOO_MANY_REQUESTS => ("ServiceUnavailable", "Too many requests"),
            StatusCode::SERVICE_UNAVAILABLE => (
                "ServiceUnavailable",
                "The service is temporarily unavailable",
            ),
            _ => ("UnknownError", "An unexpected error has occurred"),
        };
        Self::error(status, code, message)
    }
}
