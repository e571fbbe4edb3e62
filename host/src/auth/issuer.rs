//! The authorization server, asked over HTTPS for its metadata and its keys.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::jwks::{FetchError, Source};
use super::keys::Keys;
use crate::config::OAuthServer;
use crate::egress::{self, OwnClientError};

/// For one answer, from connecting to its last byte. Callers wait for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Metadata and key sets have a few thousand bytes.
const LONGEST_ANSWER: usize = 256 * 1024;

/// Why the authorization server cannot be asked at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the authorization server `{issuer}`")]
pub struct IssuerError {
    issuer: String,
    #[source]
    source: OwnClientError,
}

/// The issuer's side of [`Jwks`](super::jwks::Jwks).
#[derive(Debug)]
pub(super) struct Issuer {
    name: String,
    client: reqwest::Client,
    pinned: Vec<Algorithm>,
    configured: Option<Url>,
    /// What the metadata said, until the keys are not there any more.
    discovered: Mutex<Option<Url>>,
}

/// RFC 8414 and `OpenID` Connect Discovery: the part that matters here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Issuer {
    pub(super) fn new(config: &OAuthServer, pinned: Vec<Algorithm>) -> Result<Self, IssuerError> {
        let client = egress::own_client(&config.tls, PATIENCE).map_err(|source| IssuerError {
            issuer: config.issuer.clone(),
            source,
        })?;
        Ok(Self {
            name: config.issuer.clone(),
            client,
            pinned,
            configured: config.jwks_url.clone(),
            discovered: Mutex::default(),
        })
    }

    async fn keys(&self) -> Result<Keys, FetchError> {
        let url = match self.configured.clone().or_else(|| self.remembered()) {
            Some(url) => url,
            None => self.discover().await?,
        };
        let fetched = self.get(&url).await.and_then(|json| {
            Keys::parse(&json, &self.pinned).ok_or(FetchError::Content {
                url: url.to_string(),
                expected: "a JWK set",
            })
        });
        // After a failure the metadata is asked again: the keys may have moved.
        self.remember(fetched.is_ok().then_some(url));
        fetched
    }

    fn remembered(&self) -> Option<Url> {
        self.discovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn remember(&self, url: Option<Url>) {
        *self
            .discovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = url;
    }

    /// Where the keys are, by the issuer's metadata.
    async fn discover(&self) -> Result<Url, FetchError> {
        let mut failed = None;
        for url in metadata_urls(&self.name) {
            match self.get_json::<Metadata>(&url).await {
                Ok(metadata) if metadata.issuer != self.name => {
                    return Err(FetchError::OtherIssuer { url: url.into() });
                }
                Ok(metadata) => {
                    return Url::parse(&metadata.jwks_uri)
                        .ok()
                        .filter(|keys| is_secure(keys, &url))
                        .ok_or(FetchError::Content {
                            url: url.into(),
                            expected: "metadata with an `https:` place for its keys",
                        });
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or(FetchError::Content {
            url: self.name.clone(),
            expected: "a URL below which metadata can be",
        }))
    }

    async fn get_json<T: DeserializeOwned>(&self, url: &Url) -> Result<T, FetchError> {
        let bytes = self.get(url).await?;
        serde_json::from_slice(&bytes).map_err(|_| FetchError::Content {
            url: url.to_string(),
            expected: "an authorization server's metadata",
        })
    }

    async fn get(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        let failed = |source: reqwest::Error| FetchError::Request {
            url: url.to_string(),
            source: source.without_url(),
        };
        let mut response = self
            .client
            .get(url.clone())
            .header(http::header::ACCEPT, "application/json")
            .send()
            .await
            .map_err(failed)?;
        if response.status() != http::StatusCode::OK {
            return Err(FetchError::Status {
                url: url.to_string(),
                status: response.status().as_u16(),
            });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(FetchError::TooLong {
                    url: url.to_string(),
                    limit: LONGEST_ANSWER,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl Source for Issuer {
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, FetchError>> {
        Box::pin(self.keys())
    }
}

/// Where an issuer's metadata may be: `OpenID` Connect appends the well-known path, RFC 8414 puts it before the
/// issuer's own.
fn metadata_urls(issuer: &str) -> Vec<Url> {
    let Ok(url) = Url::parse(issuer) else {
        return Vec::new();
    };
    let own = url.path().trim_end_matches('/').to_owned();
    let at = |path: String| {
        let mut url = url.clone();
        url.set_path(&path);
        url
    };
    let mut urls = vec![
        at(format!("/.well-known/oauth-authorization-server{own}")),
        at(format!("{own}/.well-known/openid-configuration")),
    ];
    if !own.is_empty() {
        urls.push(at(format!("/.well-known/openid-configuration{own}")));
    }
    urls
}

/// Keys come encrypted, or from the machine that the metadata came from when that was not.
fn is_secure(keys: &Url, metadata: &Url) -> bool {
    keys.scheme() == "https" || (metadata.scheme() == "http" && keys.origin() == metadata.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_where_the_standards_say() {
        let rows: [(&str, &[&str]); 3] = [
            (
                "https://login.example",
                &[
                    "https://login.example/.well-known/oauth-authorization-server",
                    "https://login.example/.well-known/openid-configuration",
                ],
            ),
            (
                "https://login.example/realms/main/",
                &[
                    "https://login.example/.well-known/oauth-authorization-server/realms/main",
                    "https://login.example/realms/main/.well-known/openid-configuration",
                    "https://login.example/.well-known/openid-configuration/realms/main",
                ],
            ),
            ("login", &[]),
        ];
        for (issuer, expected) in rows {
            let urls: Vec<_> = metadata_urls(issuer)
                .into_iter()
                .map(String::from)
                .collect();
            assert_eq!(urls, expected, "{issuer}");
        }
    }

    #[test]
    fn keys_do_not_come_in_the_clear() {
        let rows = [
            ("https://keys.example/k", "https://login.example/m", true),
            ("http://keys.example/k", "https://login.example/m", false),
            ("http://127.0.0.1:1/k", "http://127.0.0.1:1/m", true),
            ("http://keys.example/k", "http://127.0.0.1:1/m", false),
        ];
        for (keys, metadata, expected) in rows {
            let (keys, metadata) = (Url::parse(keys).unwrap(), Url::parse(metadata).unwrap());
            assert_eq!(is_secure(&keys, &metadata), expected, "{keys}");
        }
    }
}
