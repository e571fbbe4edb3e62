//! A file from the web, for the operator who names it: bounded, and only from there.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use url::Url;

use super::{OwnClientError, own_client};
use crate::config::Tls;

/// However slow the line is.
const TIMEOUT: Duration = Duration::from_mins(15);

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No client.
    #[error(transparent)]
    Client(#[from] OwnClientError),
    /// No answer, or it broke off.
    #[error("{}", words(.0))]
    Exchange(reqwest::Error),
    /// Another answer than 200.
    #[error("the answer is {0}")]
    Status(u16),
    /// Redirections are not followed: the operator decides where a plugin comes from.
    #[error("it is somewhere else now\nhint: name that address instead: {0}")]
    Elsewhere(String),
    /// Too much.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
}

fn words(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(next) = source {
        text = next.to_string();
        source = next.source();
    }
    text
}

/// Gets a file of at most `most` bytes. `progress` hears how many are there, and of how many if that is known.
pub async fn fetch(
    url: &Url,
    tls: &Tls,
    most: u64,
    mut progress: impl FnMut(u64, Option<u64>),
) -> Result<Bytes, FetchError> {
    let client = own_client(tls, TIMEOUT)?;
    let answer = client
        .get(url.clone())
        .send()
        .await
        .map_err(FetchError::Exchange)?;
    let status = answer.status();
    if status.is_redirection() {
        let place = answer
            .headers()
            .get(http::header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| url.join(text).ok());
        return Err(place.map_or(FetchError::Status(status.as_u16()), |place| {
            FetchError::Elsewhere(place.to_string())
        }));
    }
    if status != http::StatusCode::OK {
        return Err(FetchError::Status(status.as_u16()));
    }
    let whole = answer.content_length();
    if whole.is_some_and(|whole| whole > most) {
        return Err(FetchError::TooLarge(most));
    }
    let mut bytes = Vec::new();
    let mut body = answer.bytes_stream();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(FetchError::Exchange)?;
        if (bytes.len() + piece.len()) as u64 > most {
            return Err(FetchError::TooLarge(most));
        }
        bytes.extend_from_slice(&piece);
        progress(bytes.len() as u64, whole);
    }
    Ok(bytes.into())
}
