//! From a backend's host name to the addresses that are connected to, each judged first.
//!
//! The HTTP client asks [`Resolver`] once for a connection and connects to what it answers: there is no second look
//! at the name between the check and the use that a rebinding name server could answer otherwise. A name with one
//! address that is not allowed is refused as a whole: somebody else has a say in what it means.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

use crate::config::{AddressKind, Binding, judge_address};

/// How names are looked up.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The operating system's way.
pub(super) fn system() -> Lookup {
    Arc::new(|name| {
        async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        }
        .boxed()
    })
}

/// Why a name leads nowhere. No address is in the words: a guest may read them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum AddressError {
    #[error("the host name leads to a {0} address, which the binding does not allow")]
    NotAllowed(AddressKind),
    #[error("the host name has no address")]
    None,
}

/// Looks names up for one binding.
pub(super) struct Resolver {
    pub(super) lookup: Lookup,
    pub(super) binding: Arc<Binding>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.lookup)(name.as_str().to_owned());
        let binding = Arc::clone(&self.binding);
        Box::pin(async move {
            let addresses = check(&binding, found.await?)?;
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

fn check(binding: &Binding, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, AddressError> {
    if found.is_empty() {
        return Err(AddressError::None);
    }
    found
        .into_iter()
        .map(|address| {
            judge_address(&binding.addresses, address).map_err(AddressError::NotAllowed)?;
            // The plain spelling of an IPv4 address is what was judged and what is connected to.
            Ok(address.to_canonical())
        })
        .collect()
}

/// Judges an address that stands in the URL itself: the client looks up no name for it.
pub(super) fn check_literal(binding: &Binding) -> Result<(), AddressKind> {
    match binding.url.host() {
        Some(Host::Ipv4(address)) => judge_address(&binding.addresses, address.into()),
        Some(Host::Ipv6(address)) => judge_address(&binding.addresses, address.into()),
        Some(Host::Domain(_)) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AddressRule;
    use crate::egress::tests::binding;

    #[test]
    fn a_name_is_as_good_as_its_worst_address() {
        let mut bound = binding("https://vbr.example");
        bound.addresses = Vec::new();
        let ask = |bound: &Binding, addresses: &[&str]| {
            let addresses = addresses.iter().map(|text| text.parse().unwrap());
            check(bound, addresses.collect()).map(|found| found.len())
        };
        let private = Err(AddressError::NotAllowed(AddressKind::Private));
        assert_eq!(ask(&bound, &["8.8.8.8", "2606:4700::1"]), Ok(2));
        assert_eq!(ask(&bound, &["8.8.8.8", "10.0.0.1"]), private);
        assert_eq!(ask(&bound, &["::ffff:10.0.0.1"]), private);
        assert_eq!(ask(&bound, &[]), Err(AddressError::None));
        bound.addresses = vec![AddressRule::Kind(AddressKind::Private)];
        assert_eq!(ask(&bound, &["8.8.8.8", "10.0.0.1"]), Ok(2));
    }

    #[test]
    fn an_address_in_the_url_is_judged_too() {
        for (url, expected) in [
            ("http://8.8.8.8", Ok(())),
            ("http://host.example", Ok(())),
            ("http://169.254.169.254", Err(AddressKind::Metadata)),
            ("http://[::ffff:a9fe:a9fe]", Err(AddressKind::Metadata)),
            ("http://0.0.0.0", Err(AddressKind::Reserved)),
            ("http://[fe80::1]", Err(AddressKind::LinkLocal)),
        ] {
            assert_eq!(check_literal(&binding(url)), expected, "{url}");
        }
    }
}
