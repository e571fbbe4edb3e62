//! Logins and tokens: the password and refresh grants, expiry, logout, and who may do what.
//!
//! Access tokens serve until they expire. A refresh token serves once; the answer holds a new pair.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use http::{HeaderMap, header};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::clock;
use crate::random::Random;
use crate::revision::Revision;

/// How much longer than the access token a short-lived refresh token serves.
const SHORT_REFRESH: Duration = Duration::from_mins(15);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// Veeam Backup Administrator.
    Administrator,
    /// Veeam Backup Viewer: may read jobs and sessions, and nothing else.
    Viewer,
}

#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: String,
    pub(crate) role: Role,
}

#[derive(Debug)]
struct Access {
    caller: Caller,
    expires: Instant,
    refresh: String,
}

#[derive(Debug)]
struct Refresh {
    caller: Caller,
    expires: Instant,
}

/// Somebody who may log in.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) role: Role,
}

/// Which way a token was got, for the statistics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Grant {
    Password,
    Refresh,
}

/// What came of a token request; the grant is missing where the request named none that exists.
pub(crate) struct Issued {
    pub(crate) grant: Option<Grant>,
    pub(crate) answer: Result<Value, Answer>,
}

pub(crate) struct Tokens {
    accounts: Vec<Account>,
    life: Duration,
    refresh_life: Duration,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    issued: Vec<String>,
    random: Random,
}

impl Tokens {
    pub(crate) fn new(accounts: Vec<Account>, life: Duration, refresh_life: Duration) -> Self {
        Self {
            accounts,
            life,
            refresh_life,
            access: HashMap::new(),
            refresh: HashMap::new(),
            issued: Vec::new(),
            // Not from the model's seed: two servers never share a token.
            random: Random::new(RandomState::new().hash_one(())),
        }
    }

    pub(crate) fn issue(&mut self, form: &HashMap<String, String>, now: Instant) -> Issued {
        // Servers take the spelling of either revision: `password`, `Password`, `Refresh_token`.
        let kind = form.get("grant_type").map(|kind| kind.to_ascii_lowercase());
        match kind.as_deref() {
            Some("password") => Issued {
                grant: Some(Grant::Password),
                answer: self
                    .by_password(form)
                    .map(|caller| self.pair(caller, form, now)),
            },
            Some("refresh_token") => Issued {
                grant: Some(Grant::Refresh),
                answer: self
                    .by_refresh(form, now)
                    .map(|caller| self.pair(caller, form, now)),
            },
            _ => Issued {
                grant: None,
                answer: Err(Answer::bad_request("Value of grant_type is not supported")),
            },
        }
    }

    fn by_password(&self, form: &HashMap<String, String>) -> Result<Caller, Answer> {
        let (Some(user), Some(password)) = (form.get("username"), form.get("password")) else {
            return Err(Answer::bad_request("username and password are required"));
        };
        // `DOMAIN\user`, `.\user`, `host\user` and `user` are the same account here.
        let short = user.rsplit('\\').next().unwrap_or(user);
        self.accounts
            .iter()
            .find(|account| {
                account.user.eq_ignore_ascii_case(short) && account.password == *password
            })
            .map(|account| Caller {
                user: user.clone(),
                role: account.role,
            })
            .ok_or_else(|| Answer::access_denied("Invalid username or password"))
    }

    fn by_refresh(
        &mut self,
        form: &HashMap<String, String>,
        now: Instant,
    ) -> Result<Caller, Answer> {
        let Some(token) = form.get("refresh_token") else {
            return Err(Answer::bad_request("refresh_token is required"));
        };
        // Used up by this very request, whatever comes of it.
        match self.refresh.remove(token) {
            None => Err(Answer::invalid_token()),
            Some(refresh) if refresh.expires <= now => Err(Answer::expired_token()),
            Some(refresh) => Ok(refresh.caller),
        }
    }

    fn pair(&mut self, caller: Caller, form: &HashMap<String, String>, now: Instant) -> Value {
        let (access, refresh) = (self.token("access"), self.token("refresh"));
        let short = form
            .get("use_short_term_refresh")
            .is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let refresh_life = if short {
            self.life + SHORT_REFRESH
        } else {
            self.refresh_life
        };
        self.access.insert(
            access.clone(),
            Access {
                caller: caller.clone(),
                expires: now + self.life,
                refresh: refresh.clone(),
            },
        );
        self.refresh.insert(
            refresh.clone(),
            Refresh {
                caller,
                expires: now + refresh_life,
            },
        );
        self.issued.extend([access.clone(), refresh.clone()]);
        let issued = clock::now();
        json!({
            "access_token": access,
            "token_type": "bearer",
            "refresh_token": refresh,
            "expires_in": self.life.as_secs(),
            ".issued": clock::text(issued),
            ".expires": clock::text(issued + self.life),
        })
    }

    /// Looks like the server's, is as long as a short one of its, and says what it is in the middle.
    fn token(&mut self, kind: &str) -> String {
        let random = [(); 4]
            .map(|()| self.random.id().to_string().replace('-', ""))
            .concat();
        format!(
            "eyJhbGciOiJSUzUxMiIsInR5cCI6IkpXVCJ9.{kind}{}.{}",
            &random[..64],
            &random[64..]
        )
    }

    /// Who sends a request with these headers.
    pub(crate) fn caller(
        &self,
        headers: &HeaderMap,
        revision: Revision,
        now: Instant,
    ) -> Result<Caller, Answer> {
        let Some(token) = bearer(headers) else {
            return Err(Answer::access_denied(if revision.is_1_3() {
                "Unauthorized. Get bearer JWT token at /api/oauth2/token"
            } else {
                "Unauthorized. Get bearer JWT token at /api/login"
            }));
        };
        match self.access.get(token) {
            None => Err(Answer::invalid_token()),
            Some(access) if access.expires <= now => Err(Answer::expired_token()),
            Some(access) => Ok(access.caller.clone()),
        }
    }

    /// Both tokens of the pair die.
    pub(crate) fn log_out(&mut self, headers: &HeaderMap) {
        if let Some(access) = bearer(headers).and_then(|token| self.access.remove(token)) {
            self.refresh.remove(&access.refresh);
        }
    }

    pub(crate) fn expire_access(&mut self, now: Instant) {
        for access in self.access.values_mut() {
            access.expires = now;
        }
    }

    pub(crate) fn revoke_refresh(&mut self) {
        self.refresh.clear();
    }

    pub(crate) fn change_password(&mut self, user: &str, password: &str) {
        for account in &mut self.accounts {
            if account.user.eq_ignore_ascii_case(user) {
                password.clone_into(&mut account.password);
            }
        }
    }

    pub(crate) fn issued(&self) -> Vec<String> {
        self.issued.clone()
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        let account = Account {
            user: "toolward".to_owned(),
            password: "secret".to_owned(),
            role: Role::Administrator,
        };
        Tokens::new(
            vec![account],
            Duration::from_mins(15),
            Duration::from_hours(1),
        )
    }

    fn form(fields: &[(&str, &str)]) -> HashMap<String, String> {
        fields
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn log_in(tokens: &mut Tokens, user: &str, password: &str) -> Result<Value, Answer> {
        let form = form(&[
            ("grant_type", "password"),
            ("username", user),
            ("password", password),
        ]);
        tokens.issue(&form, Instant::now()).answer
    }

    fn refresh(tokens: &mut Tokens, token: &Value, now: Instant) -> Result<Value, Answer> {
        let token = token.as_str().unwrap();
        let form = form(&[("grant_type", "Refresh_token"), ("refresh_token", token)]);
        tokens.issue(&form, now).answer
    }

    fn headers(pair: &Value) -> HeaderMap {
        let value = format!("Bearer {}", pair["access_token"].as_str().unwrap());
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn users_are_known_in_every_form_and_passwords_are_exact() {
        let mut tokens = tokens();
        for user in ["toolward", ".\\toolward", "VBR01\\Toolward"] {
            assert!(log_in(&mut tokens, user, "secret").is_ok(), "{user}");
        }
        assert_eq!(
            log_in(&mut tokens, "toolward", "Secret")
                .unwrap_err()
                .status,
            401
        );
        assert_eq!(
            log_in(&mut tokens, "other", "secret").unwrap_err().status,
            401
        );
    }

    #[test]
    fn a_refresh_token_serves_once() {
        let mut tokens = tokens();
        let now = Instant::now();
        let first = log_in(&mut tokens, "toolward", "secret").unwrap();
        let second = refresh(&mut tokens, &first["refresh_token"], now).unwrap();
        assert_ne!(first["access_token"], second["access_token"]);
        let again = refresh(&mut tokens, &first["refresh_token"], now);
        assert_eq!(again.unwrap_err().status, 401);
        let late = now + Duration::from_hours(2);
        let expired = refresh(&mut tokens, &second["refresh_token"], late);
        assert_eq!(expired.unwrap_err().status, 401);
    }

    #[test]
    fn an_access_token_serves_until_it_expires_or_is_logged_out() {
        let mut tokens = tokens();
        let now = Instant::now();
        let pair = log_in(&mut tokens, "toolward", "secret").unwrap();
        let headers = headers(&pair);
        let revision = Revision::V1_2Rev1;
        assert!(tokens.caller(&headers, revision, now).is_ok());
        assert!(
            tokens
                .caller(&headers, revision, now + Duration::from_hours(1))
                .is_err()
        );
        tokens.log_out(&headers);
        assert!(tokens.caller(&headers, revision, now).is_err());
        assert!(refresh(&mut tokens, &pair["refresh_token"], now).is_err());
    }

    #[test]
    fn a_short_refresh_token_outlives_the_access_token_by_a_quarter_of_an_hour() {
        let mut tokens = tokens();
        let now = Instant::now();
        let form = form(&[
            ("grant_type", "password"),
            ("username", "toolward"),
            ("password", "secret"),
            ("use_short_term_refresh", "true"),
        ]);
        let pair = tokens.issue(&form, now).answer.unwrap();
        let late = now + Duration::from_mins(31);
        assert!(refresh(&mut tokens, &pair["refresh_token"], late).is_err());
    }
}
