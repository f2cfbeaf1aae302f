//! SQL of the issuers that are trusted for workloads. They are of the instance: one that several organizations trust is asked once.

use agentidp_shared::jwk::{JwkSet, KeySet};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};

use super::{FRESH, MAX_AGE, kept};

/// How long an issuer that did not answer the first time is left alone.
const FIRST_RETRY: Duration = Duration::minutes(1);

/// The keys of an issuer as they were last fetched.
#[derive(Debug, Clone, Default)]
pub struct KnownKeys {
    /// Empty if there are none that may still be used.
    pub keys: KeySet,
    /// Whether they were fetched so lately that the schedule is kept.
    pub is_fresh: bool,
}

/// The keys that are known of an issuer, if they may still be used at `now`. It takes as long whether there are any or not: `stand_in`
/// is read in their place, and is not returned.
pub async fn known_keys(
    tx: &mut PgConnection,
    issuer: &str,
    stand_in: &JwkSet,
    now: OffsetDateTime,
) -> Result<KnownKeys, sqlx::Error> {
    let row = sqlx::query!(
        r#"select coalesce(known.keys, $2) as "keys!: Json<JwkSet>", known.fetched_at as "fetched_at?"
           from (select 1) one left join outside_issuers known on known.issuer = $1"#,
        issuer,
        Json(stand_in) as _
    )
    .fetch_one(tx)
    .await?;
    // Whether the material is any good is found out when a token is checked: it was when it was fetched.
    let keys = KeySet::from_accepted_jwks(&row.keys.0).unwrap_or_default();
    Ok(match row.fetched_at {
        Some(fetched_at) if now - fetched_at <= MAX_AGE => {
            KnownKeys { keys, is_fresh: now - fetched_at <= FRESH * 2 }
        }
        _ => KnownKeys::default(),
    })
}

/// Whether the keys of an issuer were fetched within the time after which they are fetched again.
pub(super) async fn is_fresh(
    tx: &mut PgConnection,
    issuer: &str,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from outside_issuers where issuer = $1 and fetched_at >= $2) as "fresh!""#,
        issuer,
        now - FRESH
    )
    .fetch_one(tx)
    .await
}

/// Keeps the keys that were found.
pub(super) async fn keep(
    tx: &mut PgConnection,
    issuer: &str,
    keys: JwkSet,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into outside_issuers (issuer, keys, fetched_at, ask_again_at, refresh_at) values ($1, $2, $3, $3, $4)
         on conflict (issuer) do update set keys = $2, fetched_at = $3, refresh_at = $4, failures = 0,
           ask_again_at = least(outside_issuers.ask_again_at, $3::timestamptz + interval '10 seconds')",
        issuer,
        Json(kept(keys)) as _,
        now,
        now + FRESH
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Notes that the keys could not be fetched: the next time is later with each, a quarter of an hour at most, whatever tokens come.
pub(super) async fn note_failure(
    tx: &mut PgConnection,
    issuer: &str,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into outside_issuers as known (issuer, ask_again_at, refresh_at, failures)
         values ($1, $2::timestamptz + interval '1 minute', $2::timestamptz + interval '1 minute', 1)
         on conflict (issuer) do update set failures = least(known.failures + 1, 100),
           ask_again_at = $2::timestamptz + least(interval '15 minutes', interval '1 minute' * power(2, least(known.failures, 6))),
           refresh_at = $2::timestamptz + least(interval '15 minutes', interval '1 minute' * power(2, least(known.failures, 6)))",
        issuer,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Notes that the keys of an issuer that was not known could not be fetched. One that is known is asked when it would have been.
pub(super) async fn note_first_failure(
    tx: &mut PgConnection,
    issuer: &str,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into outside_issuers (issuer, ask_again_at, refresh_at, failures) values ($1, $2, $2, 1)
         on conflict (issuer) do nothing",
        issuer,
        now + FIRST_RETRY
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// Takes the turn to ask an issuer because of a token, unless it was taken so lately that it is not time.
pub(super) async fn take_turn(
    tx: &mut PgConnection,
    issuer: &str,
    now: OffsetDateTime,
    again: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    sqlx::query!(
        "insert into outside_issuers as known (issuer, ask_again_at, refresh_at) values ($1, $3, $3)
         on conflict (issuer) do update set ask_again_at = $3 where known.ask_again_at <= $2",
        issuer,
        now,
        again
    )
    .execute(tx)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Up to `limit` issuers whose keys are due to be fetched, those first that answer; they are due again at `next`.
pub(super) async fn take_due(
    tx: &mut PgConnection,
    now: OffsetDateTime,
    next: OffsetDateTime,
    limit: i64,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "update outside_issuers set refresh_at = $2
         where issuer in (select issuer from outside_issuers where refresh_at <= $1
                          order by failures, refresh_at limit $3 for update skip locked)
         returning issuer",
        now,
        next,
        limit
    )
    .fetch_all(tx)
    .await
}

/// Forgets issuers that no policy is about any more, and learns of those that are not known yet.
pub(super) async fn settle(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from outside_issuers known where refresh_at <= $1
           and not exists (select from trust_policies where trust_policies.issuer = known.issuer)",
        now
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "insert into outside_issuers (issuer, ask_again_at, refresh_at)
         select distinct issuer, $1::timestamptz, $1::timestamptz from trust_policies
         where not exists (select from outside_issuers known where known.issuer = trust_policies.issuer)
         on conflict (issuer) do nothing",
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}
