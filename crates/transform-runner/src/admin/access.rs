//! Who may ask. Whoever can deploy a module runs code that reads and writes the cluster's records, so
//! a credential is needed, and by default a client on the same machine too.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use anyhow::bail;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::Error;

/// The credential that a request must carry.
#[derive(Debug)]
pub struct Access(Rule);

enum Rule {
    /// Basic authentication, with a header of this hash. Hashes have one length, so the time of a
    /// comparison tells nothing, not even the length of the password.
    Credential([u8; 32]),
    /// Nothing, but a client on this machine.
    Anonymous,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Credential(_) => "Credential",
            Self::Anonymous => "Anonymous",
        })
    }
}

impl Access {
    /// Returns the access to a service at this address: with the credential `user:password`, or, if
    /// `anonymous` is set and the address is a loopback address, without one.
    ///
    /// # Errors
    /// If the credential has no user or no password, or there is none and there must be one.
    pub fn new(at: SocketAddr, credential: Option<&str>, anonymous: bool) -> anyhow::Result<Self> {
        let rule = match credential.map(|credential| credential.trim_end_matches(['\r', '\n'])) {
            Some(credential) => {
                match credential.split_once(':') {
                    Some((user, password)) if !user.is_empty() && !password.is_empty() => {}
                    _ => bail!("the admin credential is not of the form user:password"),
                }
                Rule::Credential(hash(credential))
            }
            None if !anonymous => bail!(
                "the admin API on {at} deploys code and has no credential: set \
                 RUNNER_ADMIN_CREDENTIAL=user:password or --admin-credential-file FILE (rpk \
                 sends it with -X user=… -X pass=…), or, on a loopback address, --admin-anonymous"
            ),
            None if !at.ip().is_loopback() => bail!(
                "--admin-anonymous is for loopback addresses, and {at} can be reached from other \
                 machines: give the admin API a credential"
            ),
            None => Rule::Anonymous,
        };
        Ok(Self(rule))
    }

    fn refusal(&self, method: &Method, headers: &HeaderMap) -> Option<Error> {
        let refuse = |status, message: &str| Some(Error::new(status, message));
        match &self.0 {
            Rule::Credential(expected) => match headers.get(header::AUTHORIZATION) {
                None => {
                    return refuse(
                        StatusCode::UNAUTHORIZED,
                        "Forbidden (authentication is required)",
                    );
                }
                Some(sent) => {
                    let Some(sent) = sent.as_bytes().strip_prefix(b"Basic ") else {
                        return refuse(StatusCode::BAD_REQUEST, "Unsupported Authorization method");
                    };
                    let sent: [u8; 32] = Sha256::digest(sent).into();
                    if !bool::from(sent.ct_eq(expected)) {
                        return refuse(StatusCode::UNAUTHORIZED, "Unauthorized");
                    }
                }
            },
            // A web page in a browser on this machine sends requests to it as well: under a name of
            // its own that leads here.
            Rule::Anonymous if !names_this_machine(headers) => {
                return refuse(StatusCode::FORBIDDEN, "Forbidden (the host is not this machine)");
            }
            Rule::Anonymous => {}
        }
        // A browser asks before it sends JSON to another site, and is then refused.
        let json = headers.get(header::CONTENT_TYPE).is_some_and(|t| t == "application/json");
        if *method != Method::GET && !json {
            return refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Content-Type is not application/json",
            );
        }
        None
    }
}

fn hash(credential: &str) -> [u8; 32] {
    Sha256::digest(BASE64_STANDARD.encode(credential)).into()
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    name == "localhost" || host.parse::<SocketAddr>().is_ok_and(|at| at.ip().is_loopback())
}

/// Most bytes of a refused request that are read: more than any deployment has.
const MAX_DRAINED: usize = 32 << 20;

/// Reads a body and drops it: a client that still sends its module would see a broken connection in
/// place of the refusal.
async fn drain(body: Body) {
    let mut body = pin!(body);
    let mut left = MAX_DRAINED;
    while let Some(Ok(frame)) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let len = frame.data_ref().map_or(0, |data| data.len());
        let Some(rest) = left.checked_sub(len) else { return };
        left = rest;
    }
}

/// Passes a request on, or answers it.
pub(super) async fn check(
    State(access): State<Arc<Access>>,
    request: Request,
    next: Next,
) -> Response {
    match access.refusal(request.method(), request.headers()) {
        None => next.run(request).await,
        Some(refusal) => {
            tracing::warn!(method = %request.method(), path = request.uri().path(), "refused");
            drain(request.into_body()).await;
            let mut response = refusal.into_response();
            if response.status() == StatusCode::UNAUTHORIZED {
                let challenge = header::HeaderValue::from_static("Basic realm=\"admin\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            response
        }
    }
}
