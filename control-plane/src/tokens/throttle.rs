//! Slowing failed logins, per client id and per address.
//!
//! A client's own failures never keep its right secret out: anyone can fail under a public client id, and locking on that
//! would hand out a way to stop every agent. What grows with the failures is the wait told to whoever fails again. An
//! address that keeps failing is refused before its secrets are looked at.

use std::collections::HashMap;
use std::net::IpAddr;

use agentidp_shared::ids::AgentId;
use agentidp_shared::strict::encode_base64url;
use aws_lc_rs::digest::{SHA256, digest};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::infra::http::network::subscriber;

/// Failures of one client id, and of one address, before the next has to wait.
const CLIENT_ALLOWANCE: i32 = 5;
const ADDRESS_ALLOWANCE: i32 = 30;
/// The first wait; it doubles with each further failure up to the longest.
const FIRST_WAIT_SECONDS: u64 = 1;
const LONGEST_WAIT_SECONDS: u64 = 60;
/// After this long without a failure the count begins again.
const MEMORY: Duration = Duration::minutes(15);

/// Whom a failed login counts against.
#[derive(Debug)]
pub(super) struct Identity {
    client_key: String,
    address_key: Option<String>,
    agent_id: Option<AgentId>,
}

impl Identity {
    /// Every spelling of a client id (case, braces, `urn:uuid:`, surrounding blanks) counts as one.
    pub fn new(unverified_client_id: &str, address: Option<IpAddr>) -> Self {
        let folded = unverified_client_id.trim().to_lowercase();
        let agent_id = Uuid::try_parse(&folded).ok().map(AgentId::new);
        let client_key = if let Some(agent) = agent_id {
            format!("client:{agent}")
        } else {
            format!("client:sha256:{}", encode_base64url(digest(&SHA256, folded.as_bytes()).as_ref()))
        };
        Self { client_key, address_key: address.map(address_key), agent_id }
    }

    pub fn agent_id(&self) -> Option<AgentId> {
        self.agent_id
    }

    /// What failures of its address are counted under.
    pub fn address_key(&self) -> Option<&str> {
        self.address_key.as_deref()
    }

    /// What the audit log shows: an id as it is, and nothing of text that may be a misplaced secret.
    pub fn shown_client_id(&self) -> String {
        self.agent_id.map_or_else(|| "not an agent id".to_owned(), |agent| agent.to_string())
    }
}

fn address_key(address: IpAddr) -> String {
    format!("address:{}", subscriber(address))
}

/// The addresses that have to wait, by their keys, with the seconds.
#[expect(clippy::as_conversions, reason = "tells the macro the type; nothing is converted")]
pub(super) async fn addresses_that_wait(
    tx: &mut PgConnection,
    keys: &[&str],
    now: OffsetDateTime,
) -> Result<HashMap<String, u64>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select key, blocked_until as "blocked_until!" from login_throttle where key = any($1) and blocked_until > $2"#,
        keys as &[&str],
        now
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.key, seconds_left(row.blocked_until, now))).collect())
}

/// Seconds an address has to wait before it may fail again, if it does.
pub async fn address_must_wait(
    tx: &mut PgConnection,
    address: Option<IpAddr>,
    now: OffsetDateTime,
) -> Result<Option<u64>, sqlx::Error> {
    let Some(key) = address.map(address_key) else { return Ok(None) };
    Ok(addresses_that_wait(tx, &[&key], now).await?.remove(&key))
}

/// Counts a failure of whoever names no client; returns the seconds its address has to wait, if it is one too many.
pub async fn count_failure(
    tx: &mut PgConnection,
    address: Option<IpAddr>,
    now: OffsetDateTime,
) -> Result<Option<u64>, sqlx::Error> {
    let Some(address) = address.map(address_key) else { return Ok(None) };
    count(tx, &address, ADDRESS_ALLOWANCE, now).await
}

/// Counts a failure; returns the seconds its client has to wait, if it is one too many.
pub(super) async fn record_failure(
    tx: &mut PgConnection,
    identity: &Identity,
    now: OffsetDateTime,
) -> Result<Option<u64>, sqlx::Error> {
    // Always the client's row first: two failures at once must not wait for each other in a circle.
    let client = count(tx, &identity.client_key, CLIENT_ALLOWANCE, now).await?;
    let address = match &identity.address_key {
        Some(key) => count(tx, key, ADDRESS_ALLOWANCE, now).await?,
        None => None,
    };
    Ok(client.max(address))
}

async fn count(
    tx: &mut PgConnection,
    key: &str,
    allowance: i32,
    now: OffsetDateTime,
) -> Result<Option<u64>, sqlx::Error> {
    let failures = sqlx::query_scalar!(
        "insert into login_throttle (key, failures, last_failure_at) values ($1, 1, $2)
         on conflict (key) do update set last_failure_at = $2,
           failures = case when login_throttle.last_failure_at < $3 then 1 else least(login_throttle.failures, 1000000) + 1 end
         returning failures",
        key,
        now,
        now - MEMORY
    )
    .fetch_one(&mut *tx)
    .await?;
    let Some(wait) = wait_after(failures, allowance) else { return Ok(None) };
    sqlx::query!(
        "update login_throttle set blocked_until = $2 where key = $1",
        key,
        now + Duration::seconds(i64::try_from(wait).unwrap_or(i64::MAX))
    )
    .execute(tx)
    .await?;
    Ok(Some(wait))
}

fn wait_after(failures: i32, allowance: i32) -> Option<u64> {
    let excess = u32::try_from(failures.checked_sub(allowance)?).ok().filter(|excess| *excess > 0)?;
    Some((FIRST_WAIT_SECONDS << (excess - 1).min(16)).min(LONGEST_WAIT_SECONDS))
}

/// Whole seconds until a time that has not come.
pub(super) fn seconds_left(until: OffsetDateTime, now: OffsetDateTime) -> u64 {
    u64::try_from((until - now).whole_seconds()).unwrap_or(0) + 1
}

pub(super) async fn purge(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from login_throttle where last_failure_at < $1", now - MEMORY)
        .execute(tx)
        .await
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_id_alias_attack_every_spelling_counts_against_the_same_client() {
        let id = "0198c5a4-0000-7000-8000-00000000000a";
        let key = Identity::new(id, None).client_key;
        for alias in [
            id.to_uppercase(),
            format!("{{{id}}}"),
            format!("urn:uuid:{id}"),
            id.replace('-', ""),
            format!(" {id} "),
        ] {
            assert_eq!(Identity::new(&alias, None).client_key, key, "{alias}");
        }
        assert_eq!(Identity::new("Robot", None).client_key, Identity::new("robot ", None).client_key);
    }

    #[test]
    fn a_subscribers_whole_ipv6_network_counts_as_one_and_a_mapped_ipv4_address_as_itself() {
        let key = |address: &str| Identity::new("x", Some(address.parse().unwrap())).address_key.unwrap();
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn waits_begin_after_the_allowance_double_and_end_at_a_minute() {
        let waits: Vec<_> = (4..=15).map(|failures| wait_after(failures, 5)).collect();
        let expected = [
            None,
            None,
            Some(1),
            Some(2),
            Some(4),
            Some(8),
            Some(16),
            Some(32),
            Some(60),
            Some(60),
            Some(60),
            Some(60),
        ];
        assert_eq!(waits, expected);
        assert_eq!(wait_after(i32::MAX, 5), Some(60));
    }

    #[test]
    fn text_that_is_no_id_is_not_shown_for_it_may_be_a_secret() {
        assert!(!Identity::new("sk_live_oops", None).shown_client_id().contains("oops"));
    }
}
