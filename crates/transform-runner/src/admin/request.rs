//! A request: the body of a deployment, the body of a change, and the name in the path.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::error::Error;
use crate::metadata::{Metadata, Patch};

/// Returns the metadata of a deployment and the place where the module begins: a JSON object, and at
/// once the module's bytes.
pub(super) fn split(body: &[u8]) -> Result<(Metadata, usize), Error> {
    object(body)
}

/// Returns a change.
pub(super) fn patch(body: &[u8]) -> Result<Patch, Error> {
    let (patch, end) = object(body)?;
    if body[end..].iter().any(|byte| !byte.is_ascii_whitespace()) {
        return Err(Error::bad_request("JSON parse error: trailing characters"));
    }
    Ok(patch)
}

/// Returns a transform's name, percent-decoded.
pub(super) fn name(path: Result<Path<String>, PathRejection>) -> Result<String, Error> {
    path.map(|Path(name)| name).map_err(|_| Error::bad_request("invalid transform name"))
}

/// Reads the JSON object at the start of the bytes; returns it and its length.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), Error> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|&byte| byte != b'{') {
        return Err(Error::bad_request("Request body is not a JSON object"));
    }
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter();
    match values.next() {
        Some(Ok(value)) => Ok((value, values.byte_offset())),
        Some(Err(error)) if error.classify() == Category::Data => {
            Err(Error::bad_request(format!("invalid JSON request body: {error}")))
        }
        Some(Err(error)) => Err(Error::bad_request(format!("JSON parse error: {error}"))),
        None => Err(Error::bad_request("JSON parse error: the body is empty")),
    }
}
