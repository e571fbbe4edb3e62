//! Who asks: API tokens, tickets with a second factor, and what each may do.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

use crate::answer::Refusal;
use crate::options::{Account, Grant, Options, Token};

/// Who sends a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Caller {
    pub(crate) user: String,
    /// `user@realm!name`, if it is a token.
    pub(crate) token: Option<String>,
}

impl Caller {
    /// As in a UPID.
    pub(crate) fn shown(&self) -> &str {
        self.token.as_deref().unwrap_or(&self.user)
    }

    pub(crate) fn token_name(&self) -> Option<&str> {
        Some(self.token.as_deref()?.split_once('!')?.1)
    }
}

struct Ticket {
    user: String,
    csrf: String,
    until: Duration,
}

pub(crate) struct Auth {
    accounts: Vec<Account>,
    tokens: Vec<Token>,
    life: Duration,
    tickets: HashMap<String, Ticket>,
    /// Half a login each: the second factor is still to come.
    challenges: HashMap<String, String>,
    used_codes: Vec<String>,
    issued: Vec<String>,
    pub(crate) logins: u64,
    pub(crate) renewals: u64,
    pub(crate) failed_logins: u64,
}

impl Auth {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            accounts: options.accounts.clone(),
            tokens: options.tokens.clone(),
            life: options.ticket_life,
            tickets: HashMap::new(),
            challenges: HashMap::new(),
            used_codes: Vec::new(),
            issued: Vec::new(),
            logins: 0,
            renewals: 0,
            failed_logins: 0,
        }
    }

    /// Everything that was given out and must not be found elsewhere.
    pub(crate) fn issued(&self) -> Vec<String> {
        self.issued.clone()
    }

    pub(crate) fn expire_tickets(&mut self) {
        self.tickets.clear();
    }

    /// Who a request comes from. Writing with a ticket needs the proof against forgery as well.
    pub(crate) fn caller(
        &self,
        headers: &HeaderMap,
        writes: bool,
        now: Duration,
    ) -> Result<Caller, Refusal> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(given) = text("authorization").and_then(|text| text.strip_prefix("PVEAPIToken"))
        {
            return self.by_token(given);
        }
        let cookie = text("cookie").unwrap_or_default();
        let ticket = cookie
            .split(';')
            .find_map(|one| one.trim().strip_prefix("PVEAuthCookie="))
            .map(|ticket| percent_decode_str(ticket).decode_utf8_lossy().into_owned())
            .ok_or_else(|| Refusal::bare(401, "No ticket"))?;
        let known = self.tickets.get(&ticket).filter(|known| known.until > now);
        let known =
            known.ok_or_else(|| Refusal::bare(401, "permission denied - invalid PVE ticket"))?;
        if writes && text("csrfpreventiontoken") != Some(known.csrf.as_str()) {
            return Err(Refusal::bare(401, "Permission denied - invalid csrf token"));
        }
        Ok(Caller {
            user: known.user.clone(),
            token: None,
        })
    }

    fn by_token(&self, given: &str) -> Result<Caller, Refusal> {
        let given = given.trim_start_matches(['=', ' ']);
        let given = percent_decode_str(given).decode_utf8_lossy();
        let invalid = || Refusal::bare(401, "invalid token value!");
        let (id, secret) = given.rsplit_once('=').ok_or_else(invalid)?;
        let token = self.tokens.iter().find(|token| token.id == id);
        let token = token
            .filter(|token| token.secret == secret)
            .ok_or_else(invalid)?;
        let (user, _) = token.id.split_once('!').ok_or_else(invalid)?;
        Ok(Caller {
            user: user.to_owned(),
            token: Some(token.id.clone()),
        })
    }

    /// `POST /access/ticket`.
    pub(crate) fn log_in(
        &mut self,
        form: &HashMap<String, String>,
        now: Duration,
        epoch: u64,
        cluster: Option<&str>,
    ) -> Result<Value, Refusal> {
        let outcome = self.try_log_in(form, now, epoch, cluster);
        if outcome.is_err() {
            self.failed_logins += 1;
        }
        outcome
    }

    fn try_log_in(
        &mut self,
        form: &HashMap<String, String>,
        now: Duration,
        epoch: u64,
        cluster: Option<&str>,
    ) -> Result<Value, Refusal> {
        let failure = || Refusal::new(401, "authentication failure");
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let mut user = field("username").to_owned();
        if let Some(realm) = form.get("realm") {
            user = format!("{user}@{realm}");
        }
        let password = field("password");
        let account = self.accounts.iter().find(|account| account.user == user);
        let account = account.cloned().ok_or_else(failure)?;
        if let Some(challenge) = form.get("tfa-challenge") {
            let fits = self
                .challenges
                .remove(challenge)
                .is_some_and(|who| who == user);
            let code = password.strip_prefix("totp:").ok_or_else(failure)?;
            let secret = account.totp.as_deref().ok_or_else(failure)?;
            let right = [epoch, epoch.saturating_sub(30)]
                .iter()
                .any(|time| totp(secret, *time) == code);
            // A code serves once.
            if !fits || !right || self.used_codes.iter().any(|used| used == code) {
                return Err(failure());
            }
            self.used_codes.push(code.to_owned());
            self.logins += 1;
            return Ok(self.ticket(&user, now, epoch, cluster));
        }
        let renews = self
            .tickets
            .get(password)
            .is_some_and(|ticket| ticket.user == user && ticket.until > now);
        if renews {
            self.renewals += 1;
            return Ok(self.ticket(&user, now, epoch, cluster));
        }
        if account.password != password {
            return Err(failure());
        }
        if account.totp.is_some() {
            let challenge = format!("PVE:!tfa!{}:{epoch:08X}::{}", user, random());
            self.challenges.insert(challenge.clone(), user.clone());
            return Ok(json!({ "username": user, "ticket": challenge, "NeedTFA": 1 }));
        }
        self.logins += 1;
        Ok(self.ticket(&user, now, epoch, cluster))
    }

    fn ticket(&mut self, user: &str, now: Duration, epoch: u64, cluster: Option<&str>) -> Value {
        let ticket = format!("PVE:{user}:{epoch:08X}::{}{}==", random(), random());
        let csrf = format!("{epoch:08X}:{}", random());
        let kept = Ticket {
            user: user.to_owned(),
            csrf: csrf.clone(),
            until: now + self.life,
        };
        self.tickets.insert(ticket.clone(), kept);
        self.issued.extend([ticket.clone(), csrf.clone()]);
        let mut answer = json!({
            "username": user,
            "ticket": ticket,
            "CSRFPreventionToken": csrf,
            "cap": { "vms": { "VM.Audit": 1 } },
        });
        if let Some(cluster) = cluster {
            answer["clustername"] = cluster.into();
        }
        answer
    }

    /// Whether the caller has one of these privileges there.
    pub(crate) fn may(&self, caller: &Caller, path: &str, privileges: &[&str]) -> bool {
        let account = self
            .accounts
            .iter()
            .find(|account| account.user == caller.user);
        let by_user = account.is_some_and(|account| holds(&account.grants, path, privileges));
        let Some(id) = &caller.token else {
            return by_user;
        };
        let token = self.tokens.iter().find(|token| token.id == *id);
        token.is_some_and(|token| {
            by_user && (!token.privilege_separation || holds(&token.grants, path, privileges))
        })
    }

    /// What the caller was granted, as `GET /access/permissions` shows it.
    pub(crate) fn permissions(&self, caller: &Caller) -> Value {
        let account = self
            .accounts
            .iter()
            .find(|account| account.user == caller.user);
        let token = self
            .tokens
            .iter()
            .find(|token| Some(&token.id) == caller.token.as_ref());
        let grants = match token {
            Some(token) if token.privilege_separation => &token.grants,
            _ => match account {
                Some(account) => &account.grants,
                None => return json!({}),
            },
        };
        let shown = |grant: &Grant| {
            let names: Vec<&str> = if grant.privileges.iter().any(|one| one == "*") {
                EVERY.to_vec()
            } else {
                grant.privileges.iter().map(String::as_str).collect()
            };
            let map: serde_json::Map<_, _> = names
                .into_iter()
                .map(|name| (name.to_owned(), json!(1)))
                .collect();
            (grant.path.clone(), Value::Object(map))
        };
        Value::Object(grants.iter().map(shown).collect())
    }
}

const EVERY: &[&str] = &[
    "VM.Audit",
    "VM.PowerMgmt",
    "VM.Allocate",
    "VM.Clone",
    "VM.Migrate",
    "VM.Snapshot",
    "VM.Backup",
    "VM.Config.Disk",
    "Datastore.Audit",
    "Datastore.AllocateSpace",
    "Datastore.Allocate",
    "Sys.Audit",
    "Sys.Modify",
];

fn holds(grants: &[Grant], path: &str, privileges: &[&str]) -> bool {
    grants.iter().any(|grant| {
        let below = path
            .strip_prefix(grant.path.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        below
            && grant
                .privileges
                .iter()
                .any(|held| held == "*" || privileges.contains(&held.as_str()))
    })
}

fn random() -> String {
    let mut bytes = [0; 24];
    // Without randomness a ticket is guessable, and nobody guesses in a test.
    let _never_fails_here = SystemRandom::new().fill(&mut bytes);
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// RFC 6238 with its usual values: SHA-1, 30 seconds, six digits.
pub(crate) fn totp(secret: &[u8], epoch: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &(epoch / 30).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 0x0f);
    let bytes = [tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]];
    format!("{:06}", u32::from_be_bytes(bytes) % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_the_rfc() {
        let secret = b"12345678901234567890";
        assert_eq!(totp(secret, 59), "287082");
        assert_eq!(totp(secret, 1_111_111_109), "081804");
        assert_eq!(totp(secret, 2_000_000_000), "279037");
    }

    #[test]
    fn rights_hold_below_their_path_only() {
        let grants = [Grant::new("/vms/10", &["VM.Audit"])];
        assert!(holds(&grants, "/vms/10", &["VM.Audit"]));
        assert!(holds(&grants, "/vms/10/x", &["Other", "VM.Audit"]));
        assert!(!holds(&grants, "/vms/101", &["VM.Audit"]));
        assert!(!holds(&grants, "/vms", &["VM.Audit"]));
        assert!(holds(&[Grant::everything()], "/nodes/a", &["Sys.Audit"]));
    }
}
