//! What backends say of themselves and the host remembers for later calls: `learn` in a plugin's manifest.
//!
//! A fresh instance serves each call, so a plugin that has to find out what its backend is would ask in each of them. Here
//! it says in its manifest, before anything runs, which answer tells what; the host looks at such an answer as it passes.
//! Nothing that a call computes or was told reaches another one on this road: a backend says it, and it is kept apart
//! by tenant.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{BackendName, TenantName};
use crate::egress::{Body, Refusal, Trouble};

/// What a backend is changes when somebody upgrades it.
const FRESH: Duration = Duration::from_hours(1);

/// Longest value, bytes: a version, a name.
const LONGEST: usize = 256;

/// Largest answer that is looked at, bytes.
const LARGEST: u64 = 64 * 1024;

/// Something that a backend says of itself and that stays true for a while, such as its version.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lesson {
    /// What the plugin finds it as.
    pub fact: String,
    /// The path, exactly, whose answer to a `GET` without a query says it.
    pub path: String,
    /// Where in that answer, a JSON pointer (RFC 6901) to a text.
    pub pointer: String,
}

impl Lesson {
    /// What is wrong with it, if anything is.
    pub fn check(&self) -> Result<(), String> {
        let is_plain = |text: &str| text.len() <= LONGEST && text.starts_with('/');
        if self.fact.is_empty() || self.fact.len() > 64 {
            return Err("a fact's name has 1 to 64 bytes".to_owned());
        }
        if !is_plain(&self.path) || self.path.contains(['?', '#']) {
            return Err(format!(
                "`{}` is no path without a query, such as /api/version",
                self.path
            ));
        }
        if !is_plain(&self.pointer) {
            return Err(format!(
                "`{}` is no JSON pointer, such as /data/version",
                self.pointer
            ));
        }
        Ok(())
    }
}

/// What one plugin's backends have said. Bounded: by names of the configuration and of the manifest.
#[derive(Debug, Default)]
pub struct Learned {
    /// By the name in the manifest.
    lessons: BTreeMap<BackendName, Vec<Lesson>>,
    known: Mutex<BTreeMap<(TenantName, BackendName), Known>>,
}

/// Fact → value, and when it was said.
type Known = BTreeMap<String, (String, Instant)>;

/// An answer that says something, and of which backend.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    pub(super) tenant: TenantName,
    /// As it is bound.
    pub(super) backend: BackendName,
    /// As the manifest names it.
    pub(super) answers: BackendName,
    pub(super) path: String,
}

impl Learned {
    /// Nothing yet; these are to be learned.
    #[must_use]
    pub fn new(lessons: BTreeMap<BackendName, Vec<Lesson>>) -> Self {
        Self {
            lessons,
            known: Mutex::default(),
        }
    }

    /// Whether the answer to this says anything that is to be remembered.
    pub(super) fn is_told_by(&self, telling: &Telling) -> bool {
        self.lessons(telling).next().is_some()
    }

    fn lessons<'a>(&'a self, telling: &'a Telling) -> impl Iterator<Item = &'a Lesson> {
        let lessons = self.lessons.get(&telling.answers).into_iter().flatten();
        lessons.filter(|lesson| lesson.path == telling.path)
    }

    /// What a backend has said within the last hour.
    pub(super) fn of(
        &self,
        tenant: &TenantName,
        backend: &BackendName,
    ) -> BTreeMap<String, String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = known.get(&(tenant.clone(), backend.clone()));
        let fresh = facts.into_iter().flatten();
        fresh
            .filter(|(_, (_, said))| said.elapsed() < FRESH)
            .map(|(fact, (value, _))| (fact.clone(), value.clone()))
            .collect()
    }

    /// Looks at an answer, and gives it on as it came. One that is not small, or does not say how long it is, is not
    /// looked at.
    pub(super) async fn look(
        &self,
        telling: Telling,
        response: http::Response<Body>,
    ) -> Result<http::Response<Body>, Refusal> {
        let length = response.headers().get(http::header::CONTENT_LENGTH);
        let length = length.and_then(|text| text.to_str().ok()?.parse::<u64>().ok());
        let is_small = length.is_some_and(|length| length <= LARGEST);
        if response.status() != http::StatusCode::OK || !is_small {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(broken)?.to_bytes();
        self.note(&telling, &body);
        let body = Full::new(body).map_err(|never| match never {});
        Ok(http::Response::from_parts(head, body.boxed_unsync()))
    }

    fn note(&self, telling: &Telling, body: &[u8]) {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            return;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for lesson in self.lessons(telling) {
            let value = answer.pointer(&lesson.pointer).and_then(Value::as_str);
            if let Some(value) = value.filter(|value| value.len() <= LONGEST) {
                let of = (telling.tenant.clone(), telling.backend.clone());
                let said = (value.to_owned(), Instant::now());
                known
                    .entry(of)
                    .or_default()
                    .insert(lesson.fact.clone(), said);
            }
        }
    }
}

/// The answer ended before its end.
fn broken(error: crate::egress::BodyError) -> Refusal {
    match error.downcast::<Refusal>() {
        Ok(refusal) => *refusal,
        Err(error) => Refusal {
            trouble: Trouble::Unavailable,
            message: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned() -> Learned {
        let lesson = Lesson {
            fact: "build".to_owned(),
            path: "/info".to_owned(),
            pointer: "/build/version".to_owned(),
        };
        let backend = "vbr".parse().expect("a name");
        Learned::new(BTreeMap::from([(backend, vec![lesson])]))
    }

    fn telling(tenant: &str, path: &str) -> Telling {
        Telling {
            tenant: tenant.parse().expect("a name"),
            backend: "vbr02".parse().expect("a name"),
            answers: "vbr".parse().expect("a name"),
            path: path.to_owned(),
        }
    }

    fn of(learned: &Learned, tenant: &str) -> BTreeMap<String, String> {
        let telling = telling(tenant, "");
        learned.of(&telling.tenant, &telling.backend)
    }

    async fn look(learned: &Learned, telling: Telling, body: &'static str, length: Option<&str>) {
        let mut response = http::Response::builder();
        if let Some(length) = length {
            response = response.header("content-length", length);
        }
        let whole = Full::from(body).map_err(|never| match never {});
        let response = response.body(whole.boxed_unsync()).expect("a response");
        let passed = learned.look(telling, response).await.expect("passes");
        let passed = passed.into_body().collect().await.expect("is whole");
        assert_eq!(passed.to_bytes(), body);
    }

    #[tokio::test]
    async fn what_is_said_is_known_to_that_tenant_alone_and_passed_on() {
        let learned = learned();
        let said = r#"{"build":{"version":"12.1"}}"#;
        look(&learned, telling("one", "/info"), said, Some("28")).await;
        assert_eq!(of(&learned, "one")["build"], "12.1");
        assert!(of(&learned, "two").is_empty());
    }

    #[tokio::test]
    async fn what_is_no_short_text_is_passed_on_and_not_known() {
        let learned = learned();
        let said = r#"{"build":{"version":"12.1"}}"#;
        for (body, length) in [
            (r#"{"build":{"version":12}}"#, Some("24")),
            ("not JSON", Some("8")),
            (said, None),
            (said, Some("65537")),
        ] {
            look(&learned, telling("one", "/info"), body, length).await;
            assert!(of(&learned, "one").is_empty(), "{body}");
        }
        assert!(learned.is_told_by(&telling("one", "/info")));
        assert!(!learned.is_told_by(&telling("one", "/info/more")));
    }

    #[test]
    fn lessons_that_make_no_sense_are_refused() {
        let lesson = |fact: &str, path: &str, pointer: &str| Lesson {
            fact: fact.to_owned(),
            path: path.to_owned(),
            pointer: pointer.to_owned(),
        };
        assert!(lesson("build", "/info", "/build").check().is_ok());
        for wrong in [
            lesson("", "/info", "/build"),
            lesson("build", "info", "/build"),
            lesson("build", "/info?x", "/build"),
            lesson("build", "/info", "build"),
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
