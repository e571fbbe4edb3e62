//! Addresses that a name must not lead to unless the binding says so, and how the binding says so.
//!
//! What an address *is* is decided here, from the registries of special-purpose addresses (RFC 6890, the IANA
//! registries for IPv4 and IPv6); that every address is asked for it before it is used is `egress`'s.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// What an address is, unless it is one of the public internet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddressKind {
    /// This machine.
    Loopback,
    /// A private network (RFC 1918, RFC 6598, RFC 4193).
    Private,
    /// The same wire, without a router between.
    LinkLocal,
    /// Where a cloud tells a machine about itself, credentials included.
    Metadata,
    /// Many receivers.
    Multicast,
    /// Unspecified, broadcast, for documentation, for tests, for translation: nobody's.
    Reserved,
}

/// Addresses by which clouds hand out the credentials of a machine. They lie inside ranges that an operator may have
/// good reason to allow.
const METADATA: [IpAddr; 9] = [
    // AWS, Azure, Google, OpenStack and most others.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // AWS: containers, and pods.
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    // Alibaba.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Azure.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Oracle.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // AWS, and its pods.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Google.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

impl AddressKind {
    const ALL: [Self; 6] = [
        Self::Loopback,
        Self::Private,
        Self::LinkLocal,
        Self::Metadata,
        Self::Multicast,
        Self::Reserved,
    ];

    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
        }
    }

    /// What an address is. `None`: a public one. An IPv4 address inside an IPv6 address counts as what it is: the
    /// packets end there.
    #[must_use]
    pub fn of(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        if METADATA.contains(&address) {
            return Some(Self::Metadata);
        }
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }
}

fn of_v4(address: Ipv4Addr) -> Option<AddressKind> {
    match address.octets() {
        [127, ..] => Some(AddressKind::Loopback),
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => {
            Some(AddressKind::Private)
        }
        [169, 254, ..] => Some(AddressKind::LinkLocal),
        [224..=239, ..] => Some(AddressKind::Multicast),
        // 0.0.0.0 is this machine to most systems.
        [0 | 240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Some(AddressKind::Reserved),
        _ => None,
    }
}

fn of_v6(address: Ipv6Addr) -> Option<AddressKind> {
    let segments = address.segments();
    let inner = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        AddressKind::of(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(AddressKind::Loopback),
        // NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        // `::` and the IPv4-compatible addresses of old; 6to4, whose relays forward to the address within.
        [0, 0, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            inner(high, low).or(Some(AddressKind::Reserved))
        }
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Some(AddressKind::Private),
        [0xfe80..=0xfebf, ..] => Some(AddressKind::LinkLocal),
        [0xff00..=0xffff, ..] => Some(AddressKind::Multicast),
        // Translation of a network's own, discarding, Teredo and its neighbours, documentation, segment routing,
        // and all that nobody was given yet.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some(AddressKind::Reserved),
        [0x2000..=0x3fff, ..] => None,
        _ => Some(AddressKind::Reserved),
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a binding allows besides public addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddressRule {
    /// All of a kind.
    Kind(AddressKind),
    /// A network, or one address. Only an address by itself, not a network around it, allows a metadata address.
    Network(IpNet),
}

/// Why a text is no rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadRule {
    /// Nothing that is known.
    #[error("neither a kind of address, nor an address, nor a network")]
    Form,
    /// `10.0.0.1/8`.
    #[error("the address has bits beyond the network's prefix")]
    HostBits,
}

impl FromStr for AddressRule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Self, BadRule> {
        if let Some(kind) = AddressKind::ALL.iter().find(|kind| kind.as_str() == text) {
            return Ok(Self::Kind(*kind));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.to_canonical().into()));
        }
        let network: IpNet = text.parse().map_err(|_| BadRule::Form)?;
        if network.addr() != network.network() {
            return Err(BadRule::HostBits);
        }
        Ok(Self::Network(network))
    }
}

impl AddressRule {
    fn allows(&self, address: IpAddr, kind: AddressKind) -> bool {
        match self {
            Self::Kind(allowed) => *allowed == kind,
            Self::Network(network) => {
                let is_one = network.prefix_len() == network.max_prefix_len();
                network.contains(&address.to_canonical())
                    && (is_one || kind != AddressKind::Metadata)
            }
        }
    }
}

/// Whether an address may be connected to under these rules; what it is, if not.
pub fn judge(rules: &[AddressRule], address: IpAddr) -> Result<(), AddressKind> {
    match AddressKind::of(address) {
        Some(kind) if !rules.iter().any(|rule| rule.allows(address, kind)) => Err(kind),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> Vec<AddressRule> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    const TABLE: [(&str, Option<AddressKind>); 7] = [
        (
            "8.8.8.8 9.255.255.255 11.0.0.0 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.167.1.1 169.253.1.1 \
             223.255.255.255 2606:4700::1111 2a00::1 64:ff9b::808:808 ::ffff:8.8.8.8",
            None,
        ),
        (
            "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::",
            Some(AddressKind::Loopback),
        ),
        (
            "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 fc00::1 fdff::1 fec0::1 ::ffff:10.0.0.1 \
             2002:a00:1::1",
            Some(AddressKind::Private),
        ),
        (
            "169.254.0.1 fe80::1 febf::1 ::ffff:169.254.1.1",
            Some(AddressKind::LinkLocal),
        ),
        (
            "169.254.169.254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe:: ::169.254.169.254 \
             169.254.170.2 100.100.100.200 168.63.129.16 fd00:ec2::254 fd20:ce::254",
            Some(AddressKind::Metadata),
        ),
        (
            "224.0.0.1 239.255.255.255 ff02::1 ::ffff:224.0.0.1",
            Some(AddressKind::Multicast),
        ),
        (
            "0.0.0.0 0.1.2.3 255.255.255.255 240.0.0.1 192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 192.88.99.1 :: \
             ::8.8.8.8 2001::1 2001:db8::1 100::1 64:ff9b:1::1 2002:808:808:: 5f00::1 4000::1 3fff::1",
            Some(AddressKind::Reserved),
        ),
    ];

    #[test]
    fn every_address_is_what_its_packets_reach() {
        for (addresses, expected) in TABLE {
            for address in addresses.split_whitespace() {
                assert_eq!(
                    AddressKind::of(address.parse().unwrap()),
                    expected,
                    "{address}"
                );
            }
        }
    }

    #[test]
    fn only_what_the_rules_say_is_allowed_besides_the_public() {
        let rows = [
            (&[][..], "8.8.8.8", true),
            (&[], "127.0.0.1", false),
            (&["loopback"], "127.0.0.1", true),
            (&["loopback"], "::ffff:127.0.0.1", true),
            (&["loopback"], "10.0.0.1", false),
            (&["10.1.0.0/16"], "10.1.2.3", true),
            (&["10.1.0.0/16"], "::ffff:10.1.2.3", true),
            (&["10.1.0.0/16"], "10.2.2.3", false),
            (&["10.1.2.3"], "10.1.2.3", true),
            (&["fd12::/16"], "fd12::1", true),
            (
                &["link-local", "169.254.0.0/16", "0.0.0.0/0"],
                "169.254.169.254",
                false,
            ),
            (&["private", "fd00::/8"], "fd00:ec2::254", false),
            (&["metadata"], "169.254.169.254", true),
            (&["169.254.169.254"], "169.254.169.254", true),
            (&["169.254.169.254/32"], "::ffff:169.254.169.254", true),
        ];
        for (texts, address, expected) in rows {
            let judged = judge(&rules(texts), address.parse().unwrap());
            assert_eq!(judged.is_ok(), expected, "{texts:?} {address}");
        }
    }

    #[test]
    fn a_rule_is_a_kind_an_address_or_a_network() {
        for bad in [
            "",
            "public",
            "Private",
            "10.0.0",
            "0x7f.1",
            "2130706433",
            "10.0.0.0/33",
            "host.example",
        ] {
            assert_eq!(bad.parse::<AddressRule>(), Err(BadRule::Form), "{bad}");
        }
        assert_eq!("10.0.0.1/8".parse::<AddressRule>(), Err(BadRule::HostBits));
    }
}
