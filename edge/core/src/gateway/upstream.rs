//! `UPSTREAMS`: the APIs behind this edge, as an operator writes them, read strictly.

use std::fmt;

use agentidp_shared::claims::MAX_URI_LENGTH;
use agentidp_shared::rate_limit::RateLimit;
use agentidp_shared::strict::parse_json;
use http::Uri;
use http::uri::Authority;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::metadata::Metadata;
use super::place::{Place, host_of, is_below};
use super::policy::{Policy, WrittenPolicy};
use super::rules::{Rules, WrittenRule};
use crate::config::{check_name, check_url, is_loopback};
use crate::served::Served;

const MAX_UPSTREAMS: usize = 64;
const TIMEOUTS_MS: std::ops::RangeInclusive<u64> = 100..=300_000;
const MAX_RETRIES: u8 = 5;
/// Most that may be set. Bodies are streamed, so this is no question of memory.
const MAX_BODY_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// One of `UPSTREAMS`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    name: Name,
    r#match: Place,
    origin: Origin,
    audience: Audience,
    rules: Vec<WrittenRule>,
    organizations: Option<Served>,
    policy: Option<WrittenPolicy>,
    #[serde(default = "default_timeout_ms")]
    timeout_ms: u64,
    #[serde(default = "default_max_body_bytes")]
    max_body_bytes: u64,
    #[serde(default)]
    retries: u8,
    rate_limit: Option<RateLimit>,
    #[serde(default)]
    strip_prefix: bool,
    #[serde(default)]
    forward_token: bool,
    #[serde(default)]
    cors: Cors,
}

fn default_timeout_ms() -> u64 {
    30_000
}

fn default_max_body_bytes() -> u64 {
    10 * 1024 * 1024
}

/// What happens to scripts of web pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cors {
    /// A preflight is a request like any other, and so has no token.
    #[default]
    Refuse,
    /// The API answers preflights, and scripts may read the edge's refusals.
    Pass,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        check_name(&text).map(|()| Self(text))
    }
}

/// The API's own address: an https URL without a trailing slash; http on loopback.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin {
    pub url: String,
    pub authority: Authority,
}

impl TryFrom<String> for Origin {
    type Error = &'static str;

    fn try_from(url: String) -> Result<Self, Self::Error> {
        check_url(&url)?;
        let uri: Uri = url.parse().map_err(|_| "is not a URL")?;
        host_of(&uri).ok_or("must have no trailing dot in its host")?;
        let authority = uri.into_parts().authority.ok_or("is not an absolute URL")?;
        Ok(Self { url, authority })
    }
}

/// What `aud` of a token must be (RFC 8707 §2).
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Audience(String);

impl TryFrom<String> for Audience {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let uri: Option<Uri> = text.parse().ok();
        let absolute = uri.is_some_and(|uri| uri.scheme().is_some() && uri.authority().is_some());
        if !absolute || text.contains('#') || text.len() > MAX_URI_LENGTH {
            return Err("must be an absolute URI without a fragment");
        }
        Ok(Self(text))
    }
}

/// An API behind this edge.
#[derive(Clone)]
pub struct Upstream {
    pub name: String,
    pub place: Place,
    pub origin: Origin,
    pub audience: String,
    pub rules: Rules,
    /// Whose agents it serves with a token; everyone's if `None`.
    pub organizations: Option<Served>,
    pub policy: Option<Policy>,
    /// From a request's arrival to the head of the answer, all attempts together.
    pub timeout_ms: u64,
    pub max_body_bytes: u64,
    /// How often a request that may be repeated is, if the API cannot be reached.
    pub retries: u8,
    /// Of one client at this API, or of one address at its public paths.
    pub rate_limit: Option<RateLimit>,
    pub strip_prefix: bool,
    pub forward_token: bool,
    pub cors: Cors,
    pub metadata: Metadata,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("name", &self.name)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Reads `UPSTREAMS` for the edge whose issuer is `issuer`. Names every upstream that is wrong, and where.
pub fn read_upstreams(text: &str, issuer: &str) -> Result<Vec<Upstream>, String> {
    let not_a_list = "must be a JSON array of upstreams in which no member is named twice";
    let Ok(Value::Array(entries)) = parse_json(text.as_bytes()) else { return Err(not_a_list.to_owned()) };
    if entries.len() > MAX_UPSTREAMS {
        return Err(format!("has more than {MAX_UPSTREAMS} upstreams"));
    }
    let (mut upstreams, mut problems) = (Vec::new(), Vec::new());
    for (position, entry) in entries.into_iter().enumerate() {
        match read::<Written>(entry).map_err(|problem| vec![problem]).and_then(|it| build(it, issuer)) {
            Ok(upstream) => upstreams.push(upstream),
            Err(found) => problems.extend(found.iter().map(|problem| format!("[{position}] {problem}"))),
        }
    }
    problems.extend(conflicts(&upstreams));
    if problems.is_empty() { Ok(upstreams) } else { Err(problems.join("; ")) }
}

/// Reads a value, and says where in it the problem is.
fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        format!("{place}{}", error.into_inner())
    })
}

fn build(written: Written, issuer: &str) -> Result<Upstream, Vec<String>> {
    let mut problems = Vec::new();
    let rules = Rules::new(written.rules, written.r#match.prefix());
    let policy = written.policy.as_ref().map(Policy::new).transpose();
    if !TIMEOUTS_MS.contains(&written.timeout_ms) {
        problems.push(format!("timeoutMs: must be {} to {}", TIMEOUTS_MS.start(), TIMEOUTS_MS.end()));
    }
    if written.max_body_bytes > MAX_BODY_BYTES {
        problems.push(format!("maxBodyBytes: must be at most {MAX_BODY_BYTES}"));
    }
    if written.retries > MAX_RETRIES {
        problems.push(format!("retries: must be at most {MAX_RETRIES}"));
    }
    if written.strip_prefix && written.r#match.prefix().is_none() {
        problems.push("stripPrefix: there is no pathPrefix to strip".to_owned());
    }
    problems.extend(own_address_problems(&written.r#match, &written.origin, &written.audience.0, issuer));
    let rules = rules.map_err(|found| problems.extend(found));
    let policy = policy.map_err(|found| problems.push(format!("policy: {found}")));
    let (Ok(rules), Ok(policy), true) = (rules, policy, problems.is_empty()) else { return Err(problems) };
    let (name, audience) = (written.name.0, written.audience.0);
    let metadata = Metadata::new(&name, &written.r#match, &audience, issuer, &rules.scopes());
    Ok(Upstream {
        name,
        place: written.r#match,
        origin: written.origin,
        audience,
        rules,
        organizations: written.organizations,
        policy,
        timeout_ms: written.timeout_ms,
        max_body_bytes: written.max_body_bytes,
        retries: written.retries,
        rate_limit: written.rate_limit,
        strip_prefix: written.strip_prefix,
        forward_token: written.forward_token,
        cors: written.cors,
        metadata,
    })
}

/// What would confuse an upstream with the edge itself.
fn own_address_problems(place: &Place, origin: &Origin, audience: &str, issuer: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let Ok(own) = issuer.parse::<Uri>() else { return problems };
    let own_host = own.host().unwrap_or_default();
    if place.host().is_some_and(|host| host.eq_ignore_ascii_case(own_host)) {
        problems.push("match.host: is the edge's own host; use pathPrefix there".to_owned());
    }
    // On loopback every program has the same host.
    let same_port = origin.authority.port_u16() == own.port_u16() || !is_loopback(own_host);
    if origin.authority.host().eq_ignore_ascii_case(own_host) && same_port {
        problems.push("origin: is the edge itself".to_owned());
    }
    // RFC 3986 §6.2.3: with or without the slash it is the same resource.
    let path = audience.strip_prefix(issuer);
    let is_below_prefix = |path| place.prefix().is_some_and(|prefix| is_below(path, prefix));
    if audience.trim_end_matches('/') == issuer {
        problems.push("audience: is that of the management API".to_owned());
    } else if path.is_some_and(|path| path.starts_with('/') && !is_below_prefix(path)) {
        problems.push("audience: is an address of this edge outside the upstream's pathPrefix".to_owned());
    }
    problems
}

/// What two upstreams may not have in common, and origins that are upstreams again.
fn conflicts(upstreams: &[Upstream]) -> Vec<String> {
    let mut problems = Vec::new();
    for (position, one) in upstreams.iter().enumerate() {
        for other in upstreams.iter().take(position) {
            let mut both = |what: &str| problems.push(format!("`{}` and `{}` {what}", other.name, one.name));
            if one.name == other.name {
                both("have the same name");
            }
            if one.place.overlaps(&other.place) {
                both("overlap in match");
            }
            if one.audience == other.audience {
                both("have the same audience");
            }
        }
        let origin = one.origin.authority.host();
        if !is_loopback(origin)
            && let Some(other) = upstreams.iter().find(|other| other.place.host() == Some(origin))
        {
            problems.push(format!("the origin of `{}` is `{}` of this edge", one.name, other.name));
        }
    }
    problems
}
