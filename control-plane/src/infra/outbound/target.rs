//! Which URLs an outbound request may name. A URL has one spelling here: one that a parser would have to tidy is refused, since
//! another parser might tidy it to something else.

use std::net::{IpAddr, Ipv6Addr};

use reqwest::Url;

use super::{Forbidden, address};

/// Longest URL, in bytes.
const MAX_LENGTH: usize = 2_048;
/// Names that lead nowhere but into networks of one's own, with all below them (RFC 6761, RFC 6762, RFC 8375, RFC 9476, and
/// ICANN's list of names that will never be delegated).
const INSIDE: [&str; 16] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "arpa",
    "onion",
    "alt",
    "invalid",
    "localhost6",
    "ip6-localhost",
    "ip6-loopback",
];

/// A URL that may be asked, if its name leads to an address that may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: Host,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

impl Target {
    /// Reads a URL: https, a host of the public Internet, the usual port. `allow_loopback` is for tests: then this machine may be
    /// named, and any port.
    pub fn parse(text: &str, allow_loopback: bool) -> Result<Self, Forbidden> {
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(Forbidden::Length);
        }
        let is_plain = |b: u8| {
            b.is_ascii_graphic()
                && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
        };
        if !text.bytes().all(is_plain) {
            return Err(Forbidden::Characters);
        }
        if text.contains('#') {
            return Err(Forbidden::Fragment);
        }
        let rest = text.strip_prefix("https://").ok_or(Forbidden::Scheme)?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(Forbidden::UserInformation);
        }
        let (host, port) = split_port(authority)?;
        if port.is_some() && !allow_loopback {
            return Err(Forbidden::Port);
        }
        let host = read_host(host, allow_loopback)?;
        // Nothing may be left for a parser to change, but the slash of an empty path.
        let url = Url::parse(text).map_err(|_| Forbidden::Spelling)?;
        let tidied = url.as_str();
        if tidied != text && tidied.strip_suffix('/') != Some(text) {
            return Err(Forbidden::Spelling);
        }
        let same_host = match &host {
            Host::Name(name) => url.host_str() == Some(name),
            Host::Address(IpAddr::V4(address)) => url.host_str() == Some(&address.to_string()),
            Host::Address(IpAddr::V6(address)) => url.host_str() == Some(&format!("[{}]", spelled(*address))),
        };
        if same_host { Ok(Self { url, host }) } else { Err(Forbidden::Spelling) }
    }

    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The name or address of the server, with the port if one is named.
    pub fn server(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), Forbidden> {
    let after_host =
        if authority.starts_with('[') { authority.find(']').ok_or(Forbidden::Host)? } else { 0 };
    let (_, tail) = authority.split_at(after_host);
    match tail.rfind(':') {
        None => Ok((authority, None)),
        Some(colon) => {
            let (host, port) = authority.split_at(after_host + colon);
            let port = port.trim_start_matches(':');
            let good = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && !host.is_empty();
            if good { Ok((host, Some(port))) } else { Err(Forbidden::Port) }
        }
    }
}

fn read_host(host: &str, allow_loopback: bool) -> Result<Host, Forbidden> {
    if let Some(bracketed) = host.strip_prefix('[') {
        let inner = bracketed.strip_suffix(']').ok_or(Forbidden::Host)?;
        let address: Ipv6Addr = inner.parse().map_err(|_| Forbidden::Host)?;
        address::judge(address.into(), allow_loopback)?;
        // An address in a URL is written as RFC 5952 §4 says, or another reader may take it for another.
        return if spelled(address) == inner {
            Ok(Host::Address(address.into()))
        } else {
            Err(Forbidden::Spelling)
        };
    }
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() > 253 || !labels.iter().all(|label| is_label(label)) {
        return Err(Forbidden::Host);
    }
    let last = labels.last().copied().unwrap_or_default();
    // What ends in a number is an address (WHATWG URL, "ends in a number"), and there is one way to write it.
    let is_number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if is_number {
        let address: std::net::Ipv4Addr = host.parse().map_err(|_| Forbidden::Spelling)?;
        address::judge(address.into(), allow_loopback)?;
        return Ok(Host::Address(address.into()));
    }
    if allow_loopback && host == "localhost" {
        return Ok(Host::Name(host.to_owned()));
    }
    if labels.len() < 2 || INSIDE.contains(&last) {
        return Err(Forbidden::InsideName);
    }
    Ok(Host::Name(host.to_owned()))
}

/// As the parser of URLs writes it: without the dotted ending that the standard library has for some.
fn spelled(address: Ipv6Addr) -> String {
    Url::parse(&format!("https://[{address}]/"))
        .ok()
        .and_then(|url| Some(url.host_str()?.trim_matches(['[', ']']).to_owned()))
        .unwrap_or_default()
}
