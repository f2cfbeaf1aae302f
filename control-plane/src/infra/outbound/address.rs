//! Which addresses an outbound request may go to: those of the public Internet, and no others (the registries of special-purpose
//! addresses, RFC 6890 and its successors). An address that stands for another is judged by that one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Forbidden;

/// Networks of IPv4 that are not of the public Internet: first address, length of the prefix, why.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32, Forbidden); 21] = [
    (Ipv4Addr::UNSPECIFIED, 8, Forbidden::Unspecified),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Forbidden::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Forbidden::SharedAddressSpace),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Forbidden::Loopback),
    (Ipv4Addr::new(169, 254, 169, 254), 32, Forbidden::Metadata),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Forbidden::LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Forbidden::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Forbidden::Reserved), // IETF protocol assignments; Oracle's metadata
    (Ipv4Addr::new(192, 0, 2, 0), 24, Forbidden::Documentation),
    (Ipv4Addr::new(192, 31, 196, 0), 24, Forbidden::Reserved), // AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24, Forbidden::Reserved), // AMT
    (Ipv4Addr::new(192, 88, 99, 0), 24, Forbidden::Reserved),  // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16, Forbidden::Private),
    (Ipv4Addr::new(192, 175, 48, 0), 24, Forbidden::Reserved), // AS112
    (Ipv4Addr::new(198, 18, 0, 0), 15, Forbidden::Benchmarking),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Forbidden::Documentation),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Forbidden::Documentation),
    (Ipv4Addr::new(168, 63, 129, 16), 32, Forbidden::Metadata), // Azure's, at a public address
    (Ipv4Addr::new(224, 0, 0, 0), 4, Forbidden::Multicast),
    (Ipv4Addr::BROADCAST, 32, Forbidden::Broadcast),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Forbidden::Reserved),
];

/// Networks of IPv6 with a reason of their own. Beyond them only `2000::/3` is public.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32, Forbidden); 15] = [
    (Ipv6Addr::UNSPECIFIED, 128, Forbidden::Unspecified),
    (Ipv6Addr::LOCALHOST, 128, Forbidden::Loopback),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, Forbidden::LocalTranslation), // RFC 8215: translated as its network likes
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, Forbidden::Reserved),             // discard only
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, Forbidden::Benchmarking),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Forbidden::Documentation),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Forbidden::Reserved), // IETF protocol assignments, ORCHID
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48, Forbidden::Reserved), // AS112
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Forbidden::Documentation),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, Forbidden::Metadata),
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128, Forbidden::Metadata),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Forbidden::Private), // unique local
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Forbidden::LinkLocal),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Forbidden::Private), // site-local, as it was
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Forbidden::Multicast),
];

/// Whether a request may go to `address`. `allow_loopback` is for tests.
pub fn judge(address: IpAddr, allow_loopback: bool) -> Result<(), Forbidden> {
    let judged = match address {
        IpAddr::V4(address) => judge_v4(address),
        IpAddr::V6(address) => judge_v6(address),
    };
    match judged {
        Err(Forbidden::Loopback) if allow_loopback => Ok(()),
        judged => judged,
    }
}

fn judge_v4(address: Ipv4Addr) -> Result<(), Forbidden> {
    let is_in =
        |network: Ipv4Addr, prefix: u32| (network.to_bits() ^ address.to_bits()).leading_zeros() >= prefix;
    NOT_PUBLIC_V4
        .into_iter()
        .find(|(network, prefix, _)| is_in(*network, *prefix))
        .map_or(Ok(()), |(_, _, reason)| Err(reason))
}

fn judge_v6(address: Ipv6Addr) -> Result<(), Forbidden> {
    let bits = address.to_bits();
    let is_in = |network: Ipv6Addr, prefix: u32| (network.to_bits() ^ bits).leading_zeros() >= prefix;
    match embedded(address) {
        Some((Embedding::Same, inner)) => return judge_v4(inner),
        Some((Embedding::Tunnel, inner)) => return judge_v4(inner).and(Err(Forbidden::Tunnel)),
        None => {}
    }
    let special = NOT_PUBLIC_V6.into_iter().find(|(network, prefix, _)| is_in(*network, *prefix));
    if let Some((_, _, reason)) = special {
        return Err(reason);
    }
    let is_global_unicast = is_in(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
    if is_global_unicast { Ok(()) } else { Err(Forbidden::Reserved) }
}

/// How an IPv6 address carries an IPv4 address.
enum Embedding {
    /// A packet to it reaches the IPv4 address.
    Same,
    /// It did so through tunnels that nobody has a use for any more: refused, with the inner address's reason if that has one.
    Tunnel,
}

/// The IPv4 address in an IPv6 address.
fn embedded(address: Ipv6Addr) -> Option<(Embedding, Ipv4Addr)> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        // IPv4-mapped (RFC 4291 §2.5.5.2), as SIIT writes it (RFC 2765), and NAT64 (RFC 6052 §2.1).
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((Embedding::Same, v4(high, low))),
        // IPv4-compatible (RFC 4291 §2.5.5.1); :: and ::1 are not.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => Some((Embedding::Tunnel, v4(high, low))),
        // Teredo (RFC 4380 §4): the client's address with its bits turned over.
        [0x2001, 0, _, _, _, _, high, low] => Some((Embedding::Tunnel, v4(!high, !low))),
        // 6to4 (RFC 3056 §2), ISATAP (RFC 5214 §6.1).
        [0x2002, high, low, ..] | [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => {
            Some((Embedding::Tunnel, v4(high, low)))
        }
        _ => None,
    }
}
