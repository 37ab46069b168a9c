//! The answers that refuse, in the broker's form.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::deployments::Refused;

/// A refusal: a status and a text. rpk shows the text alone for a deployment that is refused with 400.
#[derive(Debug)]
pub(super) struct Error {
    status: StatusCode,
    message: String,
}

impl Error {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn unavailable(error: anyhow::Error) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("Service unavailable ({error:#})"))
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Check(refusal) => {
                let status = StatusCode::from_u16(refusal.http());
                Self::new(status.unwrap_or(StatusCode::BAD_REQUEST), refusal.to_string())
            }
            Refused::Unknown => Self::bad_request("Transform does not exist"),
            Refused::Disk(error) => {
                tracing::error!("{error:#}");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"))
            }
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            message: String,
            code: u16,
        }
        let body = Body { message: self.message, code: self.status.as_u16() };
        (self.status, Json(body)).into_response()
    }
}
