//! One-time passwords that change with time, RFC 6238.
//!
//! A server takes each code once. So this process sends each once: whoever needs a second one within the same period
//! waits for the next.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;
use url::Url;
use zeroize::Zeroizing;

use crate::config::{Secret, Totp};
use crate::credential::error::LoginError;
use crate::credential::source;

const NO_BASE32: LoginError = LoginError::Unfit("its one-time secret is not Base32");
const NO_LINK: LoginError =
    LoginError::Unfit("its one-time secret is not an otpauth://totp/ link that is understood");

/// The last period of which each secret's code was sent, by the secret's digest.
static SENT: Mutex<BTreeMap<[u8; 32], u64>> = Mutex::new(BTreeMap::new());

/// The present code with its prefix, or that of the next period if this one's was sent.
pub(super) async fn code(totp: &Totp) -> Result<Secret, LoginError> {
    let text = source::read(&totp.secret).await?;
    let generator = Generator::parse(text.expose())?;
    loop {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let period = now.as_secs() / generator.period;
        if generator.take(period) {
            let code = generator.code(period);
            return Ok(Secret::new(format!("{}{code}", totp.prefix)));
        }
        let next = Duration::from_secs((period + 1) * generator.period);
        tokio::time::sleep(next.saturating_sub(now) + Duration::from_millis(50)).await;
    }
}

struct Generator {
    key: Zeroizing<Vec<u8>>,
    algorithm: hmac::Algorithm,
    digits: u32,
    period: u64,
}

impl Generator {
    /// Base32 as people type it, or the link behind the picture that authenticators read.
    fn parse(text: &str) -> Result<Self, LoginError> {
        let text = text.trim();
        if !text.to_ascii_lowercase().starts_with("otpauth:") {
            return Ok(Self {
                key: base32(text)?,
                algorithm: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                digits: 6,
                period: 30,
            });
        }
        let link = Url::parse(text).map_err(|_| NO_LINK)?;
        if !link
            .host_str()
            .is_some_and(|host| host.eq_ignore_ascii_case("totp"))
        {
            return Err(NO_LINK);
        }
        let parameter = |wanted: &str| {
            let mut pairs = link.query_pairs();
            pairs
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| Zeroizing::new(value.into_owned()))
        };
        let algorithm = parameter("algorithm").map(|name| name.to_ascii_uppercase());
        let number = |name: &str, usual: u64| {
            parameter(name).map_or(Ok(usual), |text| text.parse().map_err(|_| NO_LINK))
        };
        Ok(Self {
            key: base32(&parameter("secret").ok_or(NO_LINK)?)?,
            algorithm: match algorithm.as_deref() {
                None | Some("SHA1") => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                Some("SHA256") => hmac::HMAC_SHA256,
                Some("SHA512") => hmac::HMAC_SHA512,
                Some(_) => return Err(NO_LINK),
            },
            digits: match number("digits", 6)? {
                6 => 6,
                7 => 7,
                8 => 8,
                _ => return Err(NO_LINK),
            },
            period: match number("period", 30)? {
                period @ 5..=300 => period,
                _ => return Err(NO_LINK),
            },
        })
    }

    /// Whether the code of this period is still to be sent; from now on it is not.
    fn take(&self, period: u64) -> bool {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.key);
        let mut name = [0; 32];
        name.copy_from_slice(digest.as_ref());
        let mut sent = SENT.lock().unwrap_or_else(PoisonError::into_inner);
        let last = sent.entry(name).or_default();
        let is_new = *last < period;
        if is_new {
            *last = period;
        }
        is_new
    }

    fn code(&self, period: u64) -> String {
        let key = hmac::Key::new(self.algorithm, &self.key);
        let tag = hmac::sign(&key, &period.to_be_bytes());
        let tag = tag.as_ref();
        // RFC 4226 section 5.3: the last four bits say where to look.
        let at = tag.last().map_or(0, |byte| usize::from(byte & 0x0f));
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&tag[at..at + 4]);
        let number = u32::from_be_bytes(bytes) & 0x7fff_ffff;
        let width = self.digits as usize;
        format!("{:0width$}", number % 10_u32.pow(self.digits))
    }
}

/// RFC 4648 Base32, in either case, with or without padding, spaces and hyphens.
fn base32(text: &str) -> Result<Zeroizing<Vec<u8>>, LoginError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter.to_ascii_uppercase() {
            b' ' | b'-' => continue,
            upper @ b'A'..=b'Z' => upper - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return Err(NO_BASE32),
        };
        bits = (bits << 5) | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            // Eight bits stand above those that are left over.
            bytes.push(u8::try_from((bits >> count) & 0xff).unwrap_or_default());
            bits &= (1 << count) - 1;
        }
    }
    if bytes.len() < 10 {
        return Err(NO_BASE32);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "gezd gnbv-gy3t qojq GEZDGNBVGY3TQOJQ";

    #[test]
    fn the_codes_of_the_rfc() {
        let generator = Generator::parse(SECRET).unwrap();
        for (time, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(generator.code(time / 30), expected);
        }
        let link = "otpauth://totp/Lab:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA&algorithm=SHA256&digits=8&issuer=Lab";
        let generator = Generator::parse(link).unwrap();
        assert_eq!(generator.code(59 / 30), "46119246");
    }

    #[test]
    fn base32_is_read_as_people_type_it() {
        assert_eq!(&base32(SECRET).unwrap()[..], b"12345678901234567890");
        assert_eq!(
            &base32("JBSWY3DPEHPK3PXP").unwrap()[..],
            b"Hello!\xde\xad\xbe\xef"
        );
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_repeated() {
        for bad in [
            "",
            "hunter2",
            "0189",
            "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ",
            "otpauth://totp/x",
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=60",
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=0",
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&algorithm=MD5",
        ] {
            let error = Generator::parse(bad).map(|_| ()).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_code_is_sent_once() {
        let generator = Generator::parse("MFRGGZDFMZTWQ2LKNNWG23TP").unwrap();
        assert_eq!(
            [generator.take(7), generator.take(7), generator.take(8)],
            [true, false, true]
        );
    }
}
